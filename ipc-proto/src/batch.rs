//! Message frames: batches of messages with raw payload slices, both ways.
//!
//! All integers are little endian. A *publish* frame (app to daemon) is
//!
//! ```text
//! session 16 | destination 16 | first u64 | class u8 | message*
//! message: payload length u32 | flags u8 | [mentions: count u8, count × user 32] | payload
//! ```
//!
//! `destination` is an instance, or nil for all of the session. `first` is the number of the first message of the
//! batch; the messages of one instance in one session are numbered from 1 without gaps (volatile ones: always 0).
//!
//! A *deliver* frame (daemon to app) is a run of messages of one author's instance:
//!
//! ```text
//! session 16 | origin 16 | user 32 | instance 16 | epoch u32 | flags u8 | message*
//! message: seq u64 | index u16 | flags u8 | stamp u64 | time u64 | payload length u32 | payload
//! ```
//!
//! `time` is the author's wall clock in milliseconds since 1970 UTC, for display only; `stamp` is the Lamport stamp
//! that orders messages of different authors (ties by origin).
//!
//! Invariant: iterating never allocates per message and never reads outside the frame.

use crate::{
    MAX_MESSAGE,
    ids::{InstanceId, OriginId, Position, SessionId, UserId},
};

/// Ordered and repaired, or sent once.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum Class {
    /// Ordered, repaired, and in kept sessions stored.
    Durable,
    /// Sent once, latest wins: cursors, typing.
    Volatile,
}

/// At most this many users can be mentioned in one message: an envelope stays smaller than a datagram.
pub const MAX_MENTIONS: usize = 16;

/// A batch does not grow past this many bytes of body unless a single message needs it.
pub const MAX_BATCH: usize = 128 * 1024;

const URGENT: u8 = 1;
const MENTIONS: u8 = 2;

/// Why a message frame was refused. The connection is closed: the peer does not speak the protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BatchError {
    /// It ends inside a field.
    #[error("message frame is truncated")]
    Truncated,
    /// A message is longer than [`MAX_MESSAGE`].
    #[error("message is longer than 65536 bytes")]
    TooLong,
    /// A field has a value that this version does not know.
    #[error("message frame has an unknown {0}")]
    Unknown(&'static str),
    /// More than [`MAX_MENTIONS`].
    #[error("message mentions more than 16 users")]
    TooManyMentions,
}

/// A cursor over bytes that cannot run past the end.
#[derive(Clone, Copy)]
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, n: usize) -> Result<&'a [u8], BatchError> {
        let (head, rest) = self.0.split_at_checked(n).ok_or(BatchError::Truncated)?;
        self.0 = rest;
        Ok(head)
    }
    fn array<const N: usize>(&mut self) -> Result<[u8; N], BatchError> {
        let (head, rest) = self.0.split_first_chunk().ok_or(BatchError::Truncated)?;
        self.0 = rest;
        Ok(*head)
    }
    fn u8(&mut self) -> Result<u8, BatchError> {
        self.array::<1>().map(|b| b[0])
    }
    fn u64(&mut self) -> Result<u64, BatchError> {
        self.array().map(u64::from_le_bytes)
    }
    fn length(&mut self) -> Result<usize, BatchError> {
        let n = u32::from_le_bytes(self.array()?) as usize;
        if n > MAX_MESSAGE { Err(BatchError::TooLong) } else { Ok(n) }
    }
}

/// The head of a publish frame.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PublishHead {
    /// Session that the messages are for.
    pub session: SessionId,
    /// One instance, or nil for all.
    pub destination: InstanceId,
    /// Number of the first message (see the module's page).
    pub first: u64,
    /// Class of all messages of the batch.
    pub class: Class,
}

/// One message on its way down.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Outgoing<'a> {
    /// Opaque to the daemon.
    pub payload: &'a [u8],
    /// Concatenated user ids, 32 bytes each, of the people mentioned.
    pub mentions: &'a [u8],
    /// Worth interrupting somebody for.
    pub urgent: bool,
}

impl<'a> Outgoing<'a> {
    /// A plain message.
    pub fn new(payload: &'a [u8]) -> Self {
        Self { payload, mentions: &[], urgent: false }
    }

    /// The users mentioned.
    pub fn mentioned(&self) -> impl Iterator<Item = UserId> + 'a {
        self.mentions.chunks_exact(32).filter_map(UserId::from_slice)
    }
}

impl PublishHead {
    /// Appends the head to a body; messages follow with [`put_outgoing`].
    pub fn put(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.session.0);
        out.extend_from_slice(&self.destination.0);
        out.extend_from_slice(&self.first.to_le_bytes());
        out.push(match self.class {
            Class::Durable => 0,
            Class::Volatile => 1,
        });
    }
}

/// Appends one message to a publish body.
///
/// # Panics
/// If the payload is longer than [`MAX_MESSAGE`] or mentions more than [`MAX_MENTIONS`]: the caller checks first.
pub fn put_outgoing(out: &mut Vec<u8>, message: &Outgoing<'_>) {
    assert!(message.payload.len() <= MAX_MESSAGE, "caller checked the length");
    let mentions = message.mentions.len() / 32;
    assert!(mentions <= MAX_MENTIONS, "caller checked the mentions");
    out.extend_from_slice(&(message.payload.len() as u32).to_le_bytes());
    out.push(if message.urgent { URGENT } else { 0 } | if mentions > 0 { MENTIONS } else { 0 });
    if mentions > 0 {
        out.push(mentions as u8);
        out.extend_from_slice(&message.mentions[..mentions * 32]);
    }
    out.extend_from_slice(message.payload);
}

/// Reads a publish frame's body: the head, and the messages one by one.
pub fn read_publish(body: &[u8]) -> Result<(PublishHead, OutgoingIter<'_>), BatchError> {
    let mut r = Reader(body);
    let head = PublishHead {
        session: SessionId(r.array()?),
        destination: InstanceId(r.array()?),
        first: r.u64()?,
        class: match r.u8()? {
            0 => Class::Durable,
            1 => Class::Volatile,
            _ => return Err(BatchError::Unknown("class")),
        },
    };
    Ok((head, OutgoingIter(r)))
}

/// The messages of a publish frame.
#[derive(Clone)]
pub struct OutgoingIter<'a>(Reader<'a>);

impl<'a> Iterator for OutgoingIter<'a> {
    type Item = Result<Outgoing<'a>, BatchError>;
    fn next(&mut self) -> Option<Self::Item> {
        if self.0.0.is_empty() {
            return None;
        }
        let message = self.read();
        if message.is_err() {
            self.0.0 = &[];
        }
        Some(message)
    }
}

impl<'a> OutgoingIter<'a> {
    fn read(&mut self) -> Result<Outgoing<'a>, BatchError> {
        let r = &mut self.0;
        let length = r.length()?;
        let flags = r.u8()?;
        if flags & !(URGENT | MENTIONS) != 0 {
            return Err(BatchError::Unknown("message flag"));
        }
        let mut mentions: &[u8] = &[];
        if flags & MENTIONS != 0 {
            let count = r.u8()? as usize;
            if count > MAX_MENTIONS {
                return Err(BatchError::TooManyMentions);
            }
            mentions = r.take(count * 32)?;
        }
        Ok(Outgoing { payload: r.take(length)?, mentions, urgent: flags & URGENT != 0 })
    }
}

/// The head of a deliver frame: what a run of messages has in common.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct DeliverHead {
    /// Session that the messages belong to.
    pub session: SessionId,
    /// Writer of the log.
    pub origin: OriginId,
    /// The person behind the origin (nil while unknown).
    pub user: UserId,
    /// The instance that published.
    pub instance: InstanceId,
    /// Life number of the log.
    pub epoch: u32,
    /// What all messages of the run are.
    pub flags: DeliverFlags,
}

/// What all messages of a run are.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct DeliverFlags {
    /// Sent once, unordered.
    pub volatile: bool,
    /// May have been delivered to this app before.
    pub redelivered: bool,
    /// Turned up after its author's later messages had been delivered.
    pub late: bool,
    /// Addressed to this instance alone.
    pub addressed: bool,
    /// Part of the answer to a `history` request.
    pub history: bool,
}

impl DeliverFlags {
    fn to_byte(self) -> u8 {
        [self.volatile, self.redelivered, self.late, self.addressed, self.history]
            .iter()
            .enumerate()
            .fold(0, |byte, (bit, on)| byte | u8::from(*on) << bit)
    }
    fn from_byte(byte: u8) -> Self {
        let bit = |n: u8| byte >> n & 1 == 1;
        Self { volatile: bit(0), redelivered: bit(1), late: bit(2), addressed: bit(3), history: bit(4) }
    }
}

/// One message on its way up.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Incoming<'a> {
    /// Entry in which the message ends (volatile: the author's latest entry when it was sent).
    pub seq: u64,
    /// Which of the messages ending in that entry (volatile: 0).
    pub index: u16,
    /// Lamport stamp.
    pub stamp: u64,
    /// Author's wall clock, milliseconds since 1970 UTC.
    pub time: u64,
    /// Worth interrupting somebody for.
    pub urgent: bool,
    /// The reader's user is mentioned.
    pub mentions_you: bool,
    /// The bytes published.
    pub payload: &'a [u8],
}

const DELIVER_MENTIONS_YOU: u8 = 2;

impl DeliverHead {
    /// Appends the head to a body; messages follow with [`put_incoming`].
    pub fn put(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.session.0);
        out.extend_from_slice(&self.origin.0);
        out.extend_from_slice(&self.user.0);
        out.extend_from_slice(&self.instance.0);
        out.extend_from_slice(&self.epoch.to_le_bytes());
        out.push(self.flags.to_byte());
    }

    /// Where a message of this run stands.
    pub fn position(&self, message: &Incoming<'_>) -> Position {
        Position { origin: self.origin, epoch: self.epoch, seq: message.seq, index: message.index }
    }
}

/// Appends one message to a deliver body.
pub fn put_incoming(out: &mut Vec<u8>, message: &Incoming<'_>) {
    out.extend_from_slice(&message.seq.to_le_bytes());
    out.extend_from_slice(&message.index.to_le_bytes());
    out.push(
        if message.urgent { URGENT } else { 0 } | if message.mentions_you { DELIVER_MENTIONS_YOU } else { 0 },
    );
    out.extend_from_slice(&message.stamp.to_le_bytes());
    out.extend_from_slice(&message.time.to_le_bytes());
    out.extend_from_slice(&(message.payload.len() as u32).to_le_bytes());
    out.extend_from_slice(message.payload);
}

/// Bytes that [`put_incoming`] adds to the payload.
pub const INCOMING_OVERHEAD: usize = 31;

/// Reads a deliver frame's body: the head, and the messages one by one.
pub fn read_deliver(body: &[u8]) -> Result<(DeliverHead, IncomingIter<'_>), BatchError> {
    let mut r = Reader(body);
    let head = DeliverHead {
        session: SessionId(r.array()?),
        origin: OriginId(r.array()?),
        user: UserId(r.array()?),
        instance: InstanceId(r.array()?),
        epoch: u32::from_le_bytes(r.array()?),
        flags: DeliverFlags::from_byte(r.u8()?),
    };
    Ok((head, IncomingIter(r)))
}

/// The messages of a deliver frame.
#[derive(Clone)]
pub struct IncomingIter<'a>(Reader<'a>);

impl<'a> Iterator for IncomingIter<'a> {
    type Item = Result<Incoming<'a>, BatchError>;
    fn next(&mut self) -> Option<Self::Item> {
        if self.0.0.is_empty() {
            return None;
        }
        let message = self.read();
        if message.is_err() {
            self.0.0 = &[];
        }
        Some(message)
    }
}

impl<'a> IncomingIter<'a> {
    fn read(&mut self) -> Result<Incoming<'a>, BatchError> {
        let r = &mut self.0;
        let (seq, index) = (r.u64()?, u16::from_le_bytes(r.array()?));
        let flags = r.u8()?;
        let (stamp, time) = (r.u64()?, r.u64()?);
        let length = r.length()?;
        Ok(Incoming {
            seq,
            index,
            stamp,
            time,
            urgent: flags & URGENT != 0,
            mentions_you: flags & DELIVER_MENTIONS_YOU != 0,
            payload: r.take(length)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head() -> PublishHead {
        PublishHead {
            session: SessionId([1; 16]),
            destination: InstanceId::NIL,
            first: 7,
            class: Class::Durable,
        }
    }

    #[test]
    fn a_publish_batch_reads_back() {
        let mentions = [[5; 32], [6; 32]].concat();
        let messages = [
            Outgoing::new(b""),
            Outgoing { payload: "日本".as_bytes(), mentions: &mentions, urgent: true },
            Outgoing::new(&[0xff; 300]),
        ];
        let mut body = Vec::new();
        head().put(&mut body);
        messages.iter().for_each(|m| put_outgoing(&mut body, m));
        let (read, iter) = read_publish(&body).unwrap();
        assert_eq!(read, head());
        assert_eq!(iter.collect::<Result<Vec<_>, _>>().unwrap(), messages);
        assert_eq!(messages[1].mentioned().collect::<Vec<_>>(), [UserId([5; 32]), UserId([6; 32])]);
    }

    #[test]
    fn a_deliver_run_reads_back() {
        let head = DeliverHead {
            session: SessionId([1; 16]),
            origin: OriginId([2; 16]),
            user: UserId([3; 32]),
            instance: InstanceId([4; 16]),
            epoch: 9,
            flags: DeliverFlags { redelivered: true, history: true, ..Default::default() },
        };
        let message = Incoming {
            seq: 1 << 40,
            index: 3,
            stamp: 11,
            time: 12,
            urgent: false,
            mentions_you: true,
            payload: b"hello",
        };
        let mut body = Vec::new();
        head.put(&mut body);
        put_incoming(&mut body, &message);
        let (read, mut iter) = read_deliver(&body).unwrap();
        assert_eq!(read, head);
        assert_eq!(iter.next(), Some(Ok(message)));
        assert_eq!(iter.next(), None);
    }

    #[test]
    fn every_cut_of_a_batch_is_an_error_or_fewer_messages() {
        let mut body = Vec::new();
        head().put(&mut body);
        let one = body.len();
        put_outgoing(&mut body, &Outgoing { payload: b"xyz", mentions: &[9; 32], urgent: false });
        for cut in 0..body.len() {
            match read_publish(&body[..cut]) {
                Err(e) => assert!(cut < one && e == BatchError::Truncated),
                Ok((_, iter)) if cut == one => assert_eq!(iter.count(), 0),
                Ok((_, mut iter)) => assert_eq!(iter.next(), Some(Err(BatchError::Truncated))),
            }
        }
        let mut long = body[..one].to_vec();
        long.extend_from_slice(&(MAX_MESSAGE as u32 + 1).to_le_bytes());
        assert_eq!(read_publish(&long).unwrap().1.next(), Some(Err(BatchError::TooLong)));
    }
}
