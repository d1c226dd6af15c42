//! Publishing: messages as an app hands them over, and how they wait for credit.
//!
//! Invariant: a message that has a number is in the backlog; what waits has none yet.

use crate::{client::Client, error::ClientError, events::Load, shared::State};
use chalktalk_ipc::{
    InstanceId, MAX_MESSAGE, MAX_VOLATILE, SessionId, UserId,
    batch::{Class, MAX_MENTIONS, Outgoing, PublishHead, put_outgoing, read_publish},
};
use std::{
    sync::MutexGuard,
    time::{Duration, Instant},
};

/// How long a publisher waits while the app's own event queue keeps the connection from being read.
const STALL_LIMIT: Duration = Duration::from_secs(10);

/// A message to be published that is more than its payload.
#[derive(Clone, Copy, Debug)]
pub struct Publish<'a> {
    /// One instance, or nil for all of the session.
    pub destination: InstanceId,
    /// Durable or volatile.
    pub class: Class,
    /// Worth interrupting somebody for.
    pub urgent: bool,
    /// The people mentioned, at most [`MAX_MENTIONS`].
    pub mentions: &'a [UserId],
    /// What the daemon carries and does not look at, at most [`MAX_MESSAGE`] bytes (volatile: [`MAX_VOLATILE`]).
    pub payload: &'a [u8],
}

impl<'a> Publish<'a> {
    /// A durable message to all of the session.
    pub fn durable(payload: &'a [u8]) -> Self {
        Self { destination: InstanceId::NIL, class: Class::Durable, urgent: false, mentions: &[], payload }
    }

    /// A volatile message to all of the session: sent once; dropped where there is no connection or the
    /// socket is busy.
    pub fn volatile(payload: &'a [u8]) -> Self {
        Self { class: Class::Volatile, ..Self::durable(payload) }
    }

    /// To one instance alone.
    pub fn to(self, destination: InstanceId) -> Self {
        Self { destination, ..self }
    }

    /// Worth interrupting somebody for.
    pub fn urgent(self) -> Self {
        Self { urgent: true, ..self }
    }

    /// Mentions these people.
    pub fn mentioning(self, mentions: &'a [UserId]) -> Self {
        Self { mentions, ..self }
    }

    /// Checks the limits; gives the mentions as they travel.
    pub(crate) fn check(&self) -> Result<Vec<u8>, ClientError> {
        if self.payload.len() > MAX_MESSAGE {
            return Err(ClientError::TooLong(self.payload.len()));
        }
        if self.class == Class::Volatile && self.payload.len() > MAX_VOLATILE {
            return Err(ClientError::VolatileTooLong(self.payload.len()));
        }
        if self.mentions.len() > MAX_MENTIONS {
            return Err(ClientError::TooManyMentions(self.mentions.len()));
        }
        Ok(self.mentions.iter().flat_map(|user| user.0).collect())
    }
}

impl Client {
    /// Publishes a durable message to all, and returns its number. Blocks while there is no credit. Without a
    /// connection it is remembered, within bounds, and published when there is one.
    ///
    /// # Errors
    /// [`ClientError::NotOpen`], [`ClientError::TooLong`], [`ClientError::Stalled`], [`ClientError::Closed`].
    pub fn publish(&self, session: SessionId, payload: &[u8]) -> Result<u64, ClientError> {
        self.publish_with(session, Publish::durable(payload))
    }

    /// Publishes, and returns the message's number (volatile: 0). Durable messages block while there is no credit.
    ///
    /// # Errors
    /// As [`Client::publish`], and [`ClientError::TooManyMentions`].
    pub fn publish_with(&self, session: SessionId, publish: Publish<'_>) -> Result<u64, ClientError> {
        self.publish_or(session, &publish, |client, state| {
            client.wait_for_credit(state, session, publish.payload.len())
        })
    }

    /// As [`Client::publish_with`], but never blocks.
    ///
    /// # Errors
    /// As [`Client::publish_with`], and [`ClientError::WouldBlock`].
    pub fn try_publish(&self, session: SessionId, publish: Publish<'_>) -> Result<u64, ClientError> {
        self.publish_or(session, &publish, |_, _| Err(ClientError::WouldBlock))
    }

    /// Publishes many durable messages to all, packed into few frames. Returns the number of the last one (0: there
    /// was none). What the iterator gives is collected up to a frame's worth before it leaves, so it should
    /// have its items at hand.
    ///
    /// # Errors
    /// As [`Client::publish`]; the messages before the one that failed have been published.
    pub fn publish_batch<P: AsRef<[u8]>>(
        &self,
        session: SessionId,
        payloads: impl IntoIterator<Item = P>,
    ) -> Result<u64, ClientError> {
        let (mut scratch, mut last) = (Scratch::default(), 0);
        for payload in payloads {
            let fits = scratch.push(payload.as_ref());
            if scratch.is_full() || fits.is_err() {
                last = self.publish_scratch(session, &mut scratch)?.max(last);
            }
            fits?;
        }
        Ok(self.publish_scratch(session, &mut scratch)?.max(last))
    }

    /// Publishes; where a durable message is not admitted, `or` says what then.
    fn publish_or<'a>(
        &'a self,
        session: SessionId,
        publish: &Publish<'_>,
        or: impl FnOnce(&'a Self, MutexGuard<'a, State>) -> Result<MutexGuard<'a, State>, ClientError>,
    ) -> Result<u64, ClientError> {
        let mentions = publish.check()?;
        let message = Outgoing { payload: publish.payload, mentions: &mentions, urgent: publish.urgent };
        let mut state = self.lock();
        state.check_open()?;
        if publish.class == Class::Volatile {
            state.publish_volatile(session, publish.destination, &message)?;
            self.0.shared.kick(&mut state);
            return Ok(0);
        }
        if !state.admits(session, publish.payload.len())? {
            state = or(self, state)?;
        }
        let number = state.publish(session, publish.destination, &message)?;
        self.0.shared.kick(&mut state);
        Ok(number)
    }

    fn publish_scratch(&self, session: SessionId, scratch: &mut Scratch) -> Result<u64, ClientError> {
        let mut state = self.lock();
        state.check_open()?;
        let mut last = 0;
        for message in scratch.messages() {
            if !state.admits(session, message.payload.len())? {
                self.0.shared.kick(&mut state);
                state = self.wait_for_credit(state, session, message.payload.len())?;
            }
            last = state.publish(session, InstanceId::NIL, &message)?;
        }
        self.0.shared.kick(&mut state);
        scratch.clear();
        Ok(last)
    }

    /// Waits until a durable message is admitted: for ever, unless it is this app that keeps it from being so.
    fn wait_for_credit<'a>(
        &'a self,
        mut state: MutexGuard<'a, State>,
        session: SessionId,
        payload: usize,
    ) -> Result<MutexGuard<'a, State>, ClientError> {
        loop {
            let until = Instant::now() + STALL_LIMIT;
            let (after, admitted) =
                self.0.shared.wait(state, Some(until), |state| match state.admits(session, payload) {
                    Ok(false) => None,
                    Ok(true) => Some(Ok(())),
                    Err(e) => Some(Err(e)),
                });
            after.check_open()?;
            match admitted {
                Some(admitted) => return admitted.map(|()| after),
                None if after.queue.load() == Load::Overdrawn => return Err(ClientError::Stalled),
                None => state = after,
            }
        }
    }
}

/// Messages collected outside the lock, to be published under it in one go.
#[derive(Default)]
pub(crate) struct Scratch(Vec<u8>);

/// So much is collected: copying it takes microseconds, and a frame takes twice as much.
const FULL: usize = 64 * 1024;

impl Scratch {
    pub(crate) fn push(&mut self, payload: &[u8]) -> Result<(), ClientError> {
        if payload.len() > MAX_MESSAGE {
            return Err(ClientError::TooLong(payload.len()));
        }
        if self.0.is_empty() {
            // Only its messages are read back: the head is there because the parser wants one.
            let (session, destination) = (SessionId::NIL, InstanceId::NIL);
            PublishHead { session, destination, first: 0, class: Class::Durable }.put(&mut self.0);
        }
        put_outgoing(&mut self.0, &Outgoing::new(payload));
        Ok(())
    }

    pub(crate) fn is_full(&self) -> bool {
        self.0.len() >= FULL
    }

    pub(crate) fn clear(&mut self) {
        self.0.clear();
    }

    pub(crate) fn messages(&self) -> impl Iterator<Item = Outgoing<'_>> {
        read_publish(&self.0).into_iter().flat_map(|(_, messages)| messages.flatten())
    }
}
