//! Bringing the view up to date: everything that the daemon holds and the view does not, and nothing that it holds no more.
//!
//! Invariant: what was taken is never asked for again, also when it is interrupted: the view keeps its own positions.

use crate::{Index, IndexError};
use chalktalk_client::{Client, ClientError, ClientEvent, Events};
use chalktalk_ipc::{
    AppId, Event, SessionId,
    event::SessionSummary,
    request::{From, SessionKind},
};
use std::time::Duration;

/// How long the daemon may be silent while it has something to say.
const SILENCE: Duration = Duration::from_secs(30);

/// Why the view could not be brought up to date. What was taken before stays.
#[derive(Debug, thiserror::Error)]
pub enum FillError {
    /// The view.
    #[error(transparent)]
    Index(#[from] IndexError),
    /// The daemon refused.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// It went away.
    #[error("the daemon went away ({0}); search again when it is back")]
    Away(String),
}

/// How far it is.
#[derive(Clone, Copy, Debug)]
pub struct Progress<'a> {
    /// In this conversation.
    pub session: &'a SessionSummary,
    /// Messages taken so far, of all conversations.
    pub taken: u64,
}

/// Takes what is new in all conversations that the user is in, and lets go of what is gone and of those that the user has left. `client` must have no session open; an observer's moves no
/// position. `each` is told after every batch.
///
/// # Errors
/// Why not all of it was taken.
pub fn fill(
    client: &Client,
    events: &Events,
    index: &mut Index,
    mut each: impl FnMut(Progress<'_>),
) -> Result<(), FillError> {
    let mut taken = 0;
    let sessions = client.sessions()?;
    let kept = |session: &&SessionSummary| session.kind == SessionKind::Kept && session.app == AppId::chat();
    for session in sessions.iter().filter(kept) {
        if !session.joined {
            index.leave(session.session)?;
            continue;
        }
        index.name_place(session.session, &session.title)?;
        let opened = client.open(session.session, From::At(index.positions(session.session)?))?;
        index.begin_at(session.session, &opened.begins)?;
        while let Some(count) = take_batch(events, index, session.session)? {
            taken += count;
            each(Progress { session, taken });
        }
        client.close_session(session.session)?;
    }
    Ok(index.settle()?)
}

/// Takes what comes next of a session. Nothing: it has all come.
fn take_batch(events: &Events, index: &mut Index, session: SessionId) -> Result<Option<u64>, FillError> {
    loop {
        let event = events.recv_timeout(SILENCE).map_err(|_| FillError::Away("it says nothing".into()))?;
        match event {
            ClientEvent::Messages(batch) if batch.session() == session => {
                let messages: Vec<_> = batch.messages().collect();
                index.take(&messages)?;
                return Ok(Some(messages.len() as u64));
            }
            ClientEvent::Event(Event::CaughtUp { session: caught_up }) if caught_up == session => {
                return Ok(None);
            }
            ClientEvent::Event(Event::Detached { reason, .. }) => return Err(FillError::Away(reason)),
            ClientEvent::Disconnected { reason } => return Err(FillError::Away(reason)),
            _ => {}
        }
    }
}
