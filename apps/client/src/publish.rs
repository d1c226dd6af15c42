//! Messages as an app hands them over.

use crate::error::ClientError;
use chalktalk_ipc::{
    InstanceId, MAX_MESSAGE, MAX_VOLATILE, SessionId, UserId,
    batch::{Class, MAX_MENTIONS, Outgoing, PublishHead, put_outgoing, read_publish},
};

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
