//! How far one's own messages have come, and waiting for it.

use crate::{client::Client, error::ClientError, shared::State};
use chalktalk_ipc::{Refusal, SessionId, request::SessionKind};
use std::time::Duration;

/// How far this instance's own messages have come in a session, by their numbers.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Progress {
    /// In the log, and sent, up to this number.
    pub appended: u64,
    /// On this host's disk up to this number (live sessions: stays 0).
    pub stored: u64,
    /// Element k-1: held by at least k other hosts up to this number.
    pub held_by: Vec<u64>,
    /// Acknowledged by an app of every member present, up to this number.
    pub delivered: u64,
}

/// How far a message is to come before [`Client::wait_for`] returns.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Stage {
    /// In the log, and sent.
    Appended,
    /// On this host's disk; in a live session: appended, as those are never stored.
    Stored,
    /// Held by at least this many other hosts.
    HeldBy(usize),
    /// Acknowledged by an app of every member present.
    Delivered,
}

impl Progress {
    fn at(&self, stage: Stage, kind: SessionKind) -> u64 {
        match stage {
            Stage::Stored if kind == SessionKind::Kept => self.stored,
            Stage::Appended | Stage::Stored => self.appended,
            Stage::HeldBy(hosts) => match hosts.checked_sub(1) {
                None => self.appended,
                Some(at) => self.held_by.get(at).copied().unwrap_or(0),
            },
            Stage::Delivered => self.delivered,
        }
    }
}

impl Client {
    /// How far this instance's own messages have come.
    ///
    /// # Errors
    /// [`ClientError::NotOpen`].
    pub fn progress(&self, session: SessionId) -> Result<Progress, ClientError> {
        let state = self.lock();
        state.sessions.get(&session).map(|open| open.progress().clone()).ok_or(ClientError::NotOpen(session))
    }

    /// Why the daemon did not take messages of this instance, if that has happened since the session was opened.
    ///
    /// # Errors
    /// [`ClientError::NotOpen`].
    pub fn refusal(&self, session: SessionId) -> Result<Option<Refusal>, ClientError> {
        let state = self.lock();
        state.sessions.get(&session).map(|open| open.refusal().cloned()).ok_or(ClientError::NotOpen(session))
    }

    /// Waits until a message has come that far.
    ///
    /// # Errors
    /// [`ClientError::Refused`]: the daemon did not take the message. [`ClientError::TimedOut`], [`ClientError::NotOpen`],
    /// [`ClientError::Closed`].
    pub fn wait_for(
        &self,
        session: SessionId,
        number: u64,
        stage: Stage,
        limit: Duration,
    ) -> Result<(), ClientError> {
        let reached = |state: &mut State| match state.sessions.get(&session) {
            None => Some(Err(ClientError::NotOpen(session))),
            Some(open) => match open.refusal_of(number) {
                Some(refusal) => Some(Err(refusal.clone().into())),
                None => (open.progress().at(stage, open.kind()) >= number).then_some(Ok(())),
            },
        };
        let what = match stage {
            Stage::Appended => "until the message is sent",
            Stage::Stored => "until the message is stored",
            Stage::HeldBy(_) => "until others hold the message",
            Stage::Delivered => "until the message is delivered",
        };
        self.wait(self.lock(), limit, what, reached)?
    }
}
