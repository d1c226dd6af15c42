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

impl Author {
    /// The author of a run whose origin has not been introduced.
    pub(crate) fn unknown(head: &DeliverHead) -> Self {
        Self { origin: head.origin, user: head.user, name: String::new(), host: String::new() }
    }
}

/// A run of messages of one author's instance, in order.
#[derive(Clone, Debug)]
pub struct Batch {
    body: Vec<u8>,
    /// How many messages at the beginning do not count: they were handed out before.
    skip: usize,
    head: DeliverHead,
    author: Arc<Author>,
    len: usize,
    last: Position,
}

impl Batch {
    /// Reads a deliver frame's body through. Messages up to `read` have been handed out before and do not count;
    /// `None`: none counts.
    pub(crate) fn read(
        body: &[u8],
        author: Arc<Author>,
        read: Option<(u64, u16)>,
    ) -> Result<Option<Self>, BatchError> {
        let (head, messages) = read_deliver(body)?;
        let (mut skip, mut len, mut last) = (0, 0, None);
        for message in messages {
            let message = message?;
            if len == 0 && read.is_some_and(|read| (message.seq, message.index) <= read) {
                skip += 1;
            } else {
                len += 1;
                last = Some(head.position(&message));
            }
        }
        Ok(last.map(|last| Self { body: body.to_vec(), skip, head, author, len, last }))
    }

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
        for _ in 0..self.skip {
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

#[cfg(test)]
mod tests {
    use super::*;
    use chalktalk_ipc::batch::put_incoming;

    fn body(count: u64) -> Vec<u8> {
        let head = DeliverHead {
            session: SessionId([1; 16]),
            origin: OriginId([2; 16]),
            user: UserId([3; 32]),
            instance: InstanceId([4; 16]),
            epoch: 1,
            flags: DeliverFlags::default(),
        };
        let mut body = Vec::new();
        head.put(&mut body);
        for n in 1..=count {
            let payload = n.to_string();
            let incoming = Incoming {
                seq: 1 + n / 2,
                index: (n % 2) as u16,
                stamp: n,
                time: 0,
                urgent: false,
                mentions_you: false,
                payload: payload.as_bytes(),
            };
            put_incoming(&mut body, &incoming);
        }
        body
    }

    fn read(body: &[u8], read: Option<(u64, u16)>) -> Result<Option<Batch>, BatchError> {
        let author = Arc::new(Author {
            origin: OriginId::NIL,
            user: UserId::NIL,
            name: String::new(),
            host: String::new(),
        });
        Batch::read(body, author, read)
    }

    #[test]
    fn what_was_handed_out_before_is_left_out() {
        let payloads = |place| {
            read(&body(6), place).unwrap().map(|batch| {
                let all: Vec<_> =
                    batch.iter().map(|m| String::from_utf8_lossy(m.payload).into_owned()).collect();
                assert_eq!(all.len(), batch.len());
                all.join(" ")
            })
        };
        assert_eq!(payloads(None).as_deref(), Some("1 2 3 4 5 6"));
        assert_eq!(payloads(Some((2, 1))).as_deref(), Some("4 5 6"));
        assert_eq!(payloads(Some((4, 0))), None);
        assert_eq!(payloads(Some((9, 9))), None);
    }

    #[test]
    fn a_cut_frame_is_an_error_and_never_a_shorter_batch() {
        let body = body(3);
        let mut whole = 0;
        for cut in 0..body.len() {
            whole += usize::from(read(&body[..cut], None).is_ok());
        }
        assert_eq!(whole, 3, "only cuts between messages read at all");
    }
}
