//! A board made anew from its session's log, aside, where what is shown holds what does not count, or lacks what does.
//!
//! Invariant: what comes while it is being made is not lost: it is handed over with the board.

use crate::{
    model::{Board, Moment, Past, Roles, Source},
    sitting::AGAIN,
    snapshots,
};
use chalktalk_client::{Blob, Client, ClientError};
use chalktalk_ipc::{Position, SessionId};
use std::{
    sync::mpsc::{Receiver, channel},
    thread,
    time::Instant,
};

/// Messages asked for at once: as many as are given.
const PAGE: u32 = 1_000;

/// Whether a board has to be made anew, and how far that is.
#[derive(Debug, Default)]
pub(crate) struct Anew {
    wanted: Option<Instant>,
    job: Option<Job>,
}

#[derive(Debug)]
struct Job {
    made: Receiver<Result<(Board, Roles), ClientError>>,
    /// It is not the last: something was said meanwhile that changes verdicts once more.
    again: bool,
    meanwhile: Vec<(Source, Vec<u8>)>,
}

/// A board as its log has it, with who may draw, and what has come since it was begun.
pub(crate) type Made = (Board, Roles, Vec<(Source, Vec<u8>)>);

impl Anew {
    /// The board that is shown is not right.
    pub(crate) fn want(&mut self) {
        self.wanted = self.wanted.or(Some(Instant::now()));
        self.job.iter_mut().for_each(|job| job.again = true);
    }

    /// Whether the board that is shown is not right yet.
    pub(crate) fn is_wanted(&self) -> bool {
        self.wanted.is_some()
    }

    /// Something has come.
    pub(crate) fn hear(&mut self, source: &Source, message: &[u8]) {
        if let Some(job) = &mut self.job {
            job.meanwhile.push((*source, message.to_vec()));
        }
    }

    /// Begins what is to be done, and gives what is ready.
    pub(crate) fn poll(&mut self, client: &Client, session: SessionId, roles: &Roles) -> Option<Made> {
        let Some(job) = &self.job else {
            if self.wanted.is_some_and(|since| since <= Instant::now()) {
                self.begin(client.clone(), session, roles.clone());
            }
            return None;
        };
        let outcome = job.made.try_recv().ok()?;
        let Job { again, meanwhile, .. } = self.job.take()?;
        match outcome {
            Ok((board, roles)) => {
                self.wanted = again.then(Instant::now);
                Some((board, roles, meanwhile))
            }
            Err(_) => {
                // The daemon is away, or busy: it comes back.
                self.wanted = Some(Instant::now() + AGAIN);
                None
            }
        }
    }

    fn begin(&mut self, client: Client, session: SessionId, roles: Roles) {
        let (put, made) = channel();
        let work = move || {
            // A board that has roles has no snapshots.
            let made = past(&client, session, roles, &[]).map(|past| (past.board(), past.roles().clone()));
            // Whoever has closed the board does not want it any more.
            let _ = put.send(made);
        };
        match thread::Builder::new().name("anew".into()).spawn(work) {
            Ok(_) => self.job = Some(Job { made, again: false, meanwhile: Vec::new() }),
            Err(_) => self.wanted = Some(Instant::now() + AGAIN),
        }
    }
}

/// All that a session's log still has of a board, and that counts; `roles` is what is known of who may draw, `starts` the snapshots with
/// which it begins.
///
/// # Errors
/// As [`Client::history`].
pub(crate) fn past(
    client: &Client,
    session: SessionId,
    roles: Roles,
    starts: &[Blob],
) -> Result<Past, ClientError> {
    let past = Past::new(moments(client, session)?, roles);
    if starts.is_empty() {
        return Ok(past);
    }
    Ok(match snapshots::fetch(client, session, starts)? {
        Some(start) => past.behind(&start.board),
        None => past,
    })
}

/// Every message that the log has, in the order of its stamps.
///
/// # Errors
/// As [`Client::history`].
pub(crate) fn moments(client: &Client, session: SessionId) -> Result<Vec<Moment>, ClientError> {
    let (mut moments, mut before) = (Vec::new(), None);
    loop {
        let (messages, next) = client.history(session, before, PAGE)?;
        // Pages come from the newest to the oldest, each of them from the oldest to the newest.
        moments.splice(
            0..0,
            messages.into_iter().map(|message| {
                let Position { origin, epoch, seq, index } = message.position;
                let (log, place, author) = ((origin.0, epoch), (seq, index), message.author.user.0);
                let source = Source { stamp: message.stamp, log, place, author };
                Moment { source, time: message.time, message: message.payload }
            }),
        );
        if next.is_none() {
            return Ok(moments);
        }
        before = next;
    }
}
