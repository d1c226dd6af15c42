//! Messages as they arrive: whole runs that own the frame they came in, and single messages to keep.
//!
//! Invariant: the bytes of a [`Batch`] were read through once before it was made, so that going through it can
//! neither fail nor allocate.

use chalktalk_ipc::{
    InstanceId, OriginId, Position, SessionId, UserId,
    batch::{BatchError, DeliverFlags, DeliverHead, Incoming, IncomingIter, read_deliver},
};
use std::sync::Arc;

/// Who writes a log, in words.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Author {
    /// The writer of the log.
    pub origin: OriginId,
    /// The person.
    pub user: UserId,
    /// The person's name, fit for display. Empty while unknown.
    pub name: String,
    /// The name of their host, fit for display. Empty while unknown.
    pub host: String,
}

/// A run of messages of one author's instance, in order.
#[derive(Clone, Debug)]
pub struct Batch {
    body: Vec<u8>,
    /// Where in `body` the first message that counts begins.
    start: usize,
    head: DeliverHead,
    author: Arc<Author>,
    len: usize,
    last: Position,
}

impl Batch {
    /// What the messages have in common.
    pub fn head(&self) -> &DeliverHead {
        &self.head
    }

    /// The session they belong to.
    pub fn session(&self) -> SessionId {
        self.head.session
    }

    /// What kind of messages they are.
    pub fn flags(&self) -> DeliverFlags {
        self.head.flags
    }

    /// Who wrote them.
    pub fn author(&self) -> &Arc<Author> {
        &self.author
    }

    /// How many they are: at least one.
    #[expect(clippy::len_without_is_empty, reason = "a batch is never empty")]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Where the last of them stands: acknowledging it acknowledges all.
    pub fn last_position(&self) -> Position {
        self.last
    }

    pub(crate) fn byte_len(&self) -> usize {
        self.body.len()
    }

    /// Where a message of this batch stands.
    pub fn position(&self, message: &Incoming<'_>) -> Position {
        self.head.position(message)
    }

    /// The messages, without copying them.
    pub fn iter(&self) -> Messages<'_> {
        let mut iter = read_deliver(&self.body).map(|(_, iter)| iter).ok();
        for _ in 0..self.start {
            iter.as_mut().map(Iterator::next);
        }
        Messages { iter }
    }

    /// The messages, each with everything that belongs to it.
    pub fn messages(&self) -> impl Iterator<Item = Message> + '_ {
        self.iter().map(|message| Message {
            session: self.head.session,
            author: self.author.clone(),
            instance: self.head.instance,
            position: self.position(&message),
            stamp: message.stamp,
            time: message.time,
            urgent: message.urgent,
            mentions_you: message.mentions_you,
            flags: self.head.flags,
            payload: message.payload.to_vec(),
        })
    }
}

impl<'a> IntoIterator for &'a Batch {
    type Item = Incoming<'a>;
    type IntoIter = Messages<'a>;
    fn into_iter(self) -> Messages<'a> {
        self.iter()
    }
}

/// Goes through a [`Batch`].
#[derive(Clone)]
pub struct Messages<'a> {
    iter: Option<IncomingIter<'a>>,
}

impl<'a> Iterator for Messages<'a> {
    type Item = Incoming<'a>;
    fn next(&mut self) -> Option<Incoming<'a>> {
        self.iter.as_mut()?.next()?.ok()
    }
}

/// One message, on its own.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Message {
    /// The session it belongs to.
    pub session: SessionId,
    /// Who wrote it.
    pub author: Arc<Author>,
    /// The instance that published it.
    pub instance: InstanceId,
    /// Where it stands in its author's log.
    pub position: Position,
    /// Lamport stamp: orders messages of different authors (ties by origin).
    pub stamp: u64,
    /// The author's wall clock, milliseconds since 1970 UTC; for display only.
    pub time: u64,
    /// Worth interrupting somebody for.
    pub urgent: bool,
    /// This user is mentioned.
    pub mentions_you: bool,
    /// What kind of message it is.
    pub flags: DeliverFlags,
    /// The bytes that were published.
    pub payload: Vec<u8>,
}
