//! Requests that wait for their answers.
//!
//! Invariant: an entry leaves only with its reply or with the connection, also when nobody waits for it any more:
//! the daemon answers in order, and the messages of a `history` belong to the oldest one that is open.

use crate::{
    error::ClientError,
    message::{Batch, Message},
};
use chalktalk_ipc::{Answer, Refusal, Request, SessionId, request::Topic};
use std::collections::{HashMap, VecDeque};

/// What is to be done when a request is answered, beside waking who waits.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Then {
    Nothing,
    /// The session is open (`again`: after a reconnect; nobody waits).
    Opened {
        session: SessionId,
        again: bool,
    },
    Closed(SessionId),
    Watching(Vec<Topic>),
    History(SessionId),
    Transfer,
}

impl Then {
    pub(crate) fn of(request: &Request) -> Self {
        match request {
            Request::Open { session, .. } => Self::Opened { session: *session, again: false },
            Request::Close { session } => Self::Closed(*session),
            Request::Watch { topics } => Self::Watching(topics.clone()),
            Request::History { session, .. } => Self::History(*session),
            Request::PutBlob { .. } | Request::FetchBlob { .. } => Self::Transfer,
            _ => Self::Nothing,
        }
    }
}

/// What came of a request: the answer, and the messages that came before it.
pub(crate) type Outcome = Result<(Answer, Vec<Message>), ClientError>;

#[derive(Default, Debug)]
pub(crate) struct Calls {
    last_id: u32,
    open: VecDeque<Pending>,
    done: HashMap<u32, Outcome>,
}

#[derive(Debug)]
struct Pending {
    id: u32,
    then: Then,
    wanted: bool,
    messages: Vec<Message>,
}

impl Calls {
    /// Notes a request and gives it its number. Whoever waits takes the outcome with [`Calls::take`].
    pub(crate) fn begin(&mut self, then: Then, wanted: bool) -> u32 {
        self.last_id = self.last_id.checked_add(1).unwrap_or(1);
        self.open.push_back(Pending { id: self.last_id, then, wanted, messages: Vec::new() });
        self.last_id
    }

    /// Nobody waits for this one any more.
    pub(crate) fn abandon(&mut self, id: u32) {
        self.done.remove(&id);
        for pending in self.open.iter_mut().filter(|pending| pending.id == id) {
            pending.wanted = false;
            pending.messages = Vec::new();
        }
    }

    pub(crate) fn take(&mut self, id: u32) -> Option<Outcome> {
        self.done.remove(&id)
    }

    /// Takes a reply in; says what is to be done about it, and with which answer. `None`: nobody asked.
    pub(crate) fn on_reply(
        &mut self,
        id: u32,
        body: Result<Answer, Refusal>,
    ) -> Option<(Then, Result<Answer, Refusal>)> {
        let at = self.open.iter().position(|pending| pending.id == id)?;
        let pending = self.open.remove(at)?;
        if pending.wanted {
            let outcome = body.clone().map(|answer| (answer, pending.messages)).map_err(ClientError::from);
            self.done.insert(id, outcome);
        }
        Some((pending.then, body))
    }

    /// Past messages go to the request that asked for them.
    pub(crate) fn on_history(&mut self, batch: &Batch) {
        let asked = Then::History(batch.session());
        let oldest = self.open.iter_mut().find(|pending| pending.then == asked);
        if let Some(pending) = oldest.filter(|pending| pending.wanted) {
            pending.messages.extend(batch.messages());
        }
    }

    pub(crate) fn on_disconnected(&mut self) {
        for pending in self.open.drain(..).filter(|pending| pending.wanted) {
            self.done.insert(pending.id, Err(ClientError::Disconnected));
        }
    }

    /// Whether sessions are still being reopened.
    pub(crate) fn reopening(&self) -> bool {
        self.open.iter().any(|pending| matches!(pending.then, Then::Opened { again: true, .. }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replies_find_their_callers() {
        let mut calls = Calls::default();
        let (a, b) = (calls.begin(Then::Nothing, true), calls.begin(Then::Nothing, true));
        assert!(calls.on_reply(b, Ok(Answer::Done)).is_some());
        assert!(calls.take(a).is_none());
        assert!(calls.take(b).unwrap().is_ok());
        assert!(calls.on_reply(77, Ok(Answer::Done)).is_none());
        calls.on_disconnected();
        assert!(matches!(calls.take(a), Some(Err(ClientError::Disconnected))));
    }

    #[test]
    fn abandoned_calls_leave_nothing_behind() {
        let mut calls = Calls::default();
        let late = calls.begin(Then::Nothing, true);
        calls.abandon(late);
        calls.on_reply(late, Ok(Answer::Done));
        let early = calls.begin(Then::Nothing, true);
        calls.on_reply(early, Ok(Answer::Done));
        calls.abandon(early);
        assert!(calls.done.is_empty() && calls.open.is_empty());
    }
}
