//! An origin's message stream: how messages are laid into entry bodies, and how they come out again.
//!
//! A record is: payload length (LEB128), flags u8, [author: instance 16, number LEB128], [mentions: count u8, count ×
//! 16], payload. The author is left out when the record before it *in the same entry* has the same instance and the
//! number before; so every entry in which a message starts can be read without those before it.
//!
//! Invariant: whatever bytes an author signs, reading them neither panics nor takes more memory than one message.

use crate::{
    entry::{CONTINUES, Draft, Entry},
    frame::MAX_DATAGRAM,
};
use chalktalk_ipc::{InstanceId, MAX_MESSAGE, UserId, batch::Outgoing};

const URGENT: u8 = 1;
const AUTHOR: u8 = 2;
const MENTIONS: u8 = 4;

/// Users are mentioned by the first half of their key: enough to find them in a roster.
const MENTION: usize = 16;

/// More than any record's head: 3 + 1 + 16 + 10 + 1 + 16 × 16.
const MAX_HEAD: usize = 300;

/// Who published a message, and which of theirs it is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Author {
    /// The publishing instance.
    pub instance: InstanceId,
    /// Its messages in this session are numbered from 1.
    pub number: u64,
}

/// One message as it comes out of a log.
#[derive(Clone, Copy, Debug)]
pub struct StreamMessage<'a> {
    /// Which of the messages that end in the same entry, from 0.
    pub index: u16,
    /// Who published it.
    pub author: Author,
    /// Worth interrupting somebody for.
    pub urgent: bool,
    mentions: &'a [u8],
    /// The bytes published.
    pub payload: &'a [u8],
}

impl StreamMessage<'_> {
    /// Whether this user is mentioned.
    pub fn mentions(&self, user: &UserId) -> bool {
        self.mentions.chunks_exact(MENTION).any(|m| m == &user.0[..MENTION])
    }
}

/// Lays messages into drafts. The caller takes full drafts away.
#[derive(Debug)]
pub struct StreamWriter {
    overhead: usize,
    /// The longest datagram that drafts may become.
    limit: usize,
    /// Author of the last record that started in the draft being filled.
    context: Option<Author>,
}

impl StreamWriter {
    /// For a session that needs `overhead` bytes of every entry for its seal.
    pub fn new(overhead: usize) -> Self {
        Self { overhead, limit: MAX_DATAGRAM, context: None }
    }

    /// Lets drafts become datagrams of at most so many bytes, from the next one on.
    pub fn set_limit(&mut self, limit: usize) {
        self.limit = limit;
    }

    /// Appends a message to the last draft, adding drafts as they fill up. All drafts must be for one destination.
    pub fn push(
        &mut self,
        drafts: &mut Vec<Draft>,
        destination: InstanceId,
        author: Author,
        message: &Outgoing<'_>,
    ) {
        let fits = |d: &Draft| d.destination == destination && d.room() >= MIN_PIECE;
        if !drafts.last().is_some_and(fits) {
            self.open(drafts, destination);
        }
        let follows = Author { number: author.number.wrapping_sub(1), ..author };
        let named = self.context != Some(follows);
        self.context = Some(author);
        let mut head = [0; MAX_HEAD];
        let head = put_head(&mut head, message, named.then_some(author));
        drafts.last_mut().expect("opened above").mark_boundary();
        self.push_bytes(drafts, destination, head);
        self.push_bytes(drafts, destination, message.payload);
        drafts.last_mut().expect("opened above").mark_boundary();
    }

    /// Forgets the draft being filled: it has been taken away.
    pub fn cut(&mut self) {
        self.context = None;
    }

    fn open(&mut self, drafts: &mut Vec<Draft>, destination: InstanceId) {
        drafts.push(Draft::new(destination, self.overhead).within(self.limit));
        self.context = None;
    }

    fn push_bytes(&mut self, drafts: &mut Vec<Draft>, destination: InstanceId, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let draft = drafts.last_mut().expect("push opened one");
            let (now, later) = bytes.split_at(bytes.len().min(draft.room()));
            draft.push(now);
            bytes = later;
            if !bytes.is_empty() {
                self.open(drafts, destination);
            }
        }
    }
}

/// A new message is not started in less room than this: the pieces would cost more than they save.
const MIN_PIECE: usize = 24;

fn put_head<'b>(buf: &'b mut [u8; MAX_HEAD], message: &Outgoing<'_>, author: Option<Author>) -> &'b [u8] {
    let mut at = put_leb(buf, 0, message.payload.len() as u64);
    let mentions = message.mentions.len() / 32;
    let flag = |on: bool, bit: u8| if on { bit } else { 0 };
    buf[at] = flag(message.urgent, URGENT) | flag(author.is_some(), AUTHOR) | flag(mentions > 0, MENTIONS);
    at += 1;
    if let Some(author) = author {
        buf[at..at + 16].copy_from_slice(&author.instance.0);
        at = put_leb(buf, at + 16, author.number);
    }
    if mentions > 0 {
        buf[at] = mentions as u8;
        at += 1;
        for user in message.mentioned() {
            buf[at..at + MENTION].copy_from_slice(&user.0[..MENTION]);
            at += MENTION;
        }
    }
    &buf[..at]
}

fn put_leb(buf: &mut [u8; MAX_HEAD], mut at: usize, mut value: u64) -> usize {
    while value >= 0x80 {
        buf[at] = value as u8 | 0x80;
        value >>= 7;
        at += 1;
    }
    buf[at] = value as u8;
    at + 1
}

/// The body of an entry does not hold what an honest author would have written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Broken;

/// Reads the messages of one log, entry by entry.
#[derive(Clone, Default, Debug)]
pub struct StreamReader {
    partial: Vec<u8>,
    /// Whether the bytes before the entry to come are known: if not, its first piece belongs to a message whose
    /// beginning was not read, and is skipped.
    joined: bool,
    context: Option<Author>,
}

impl StreamReader {
    /// A reader that starts at the first entry of a log.
    pub fn at_start() -> Self {
        Self { joined: true, ..Self::default() }
    }

    /// A reader that starts in the middle: it begins with the first message that starts there.
    pub fn in_middle() -> Self {
        Self::default()
    }

    /// Whether a message has begun whose end is in entries to come.
    pub fn is_inside_message(&self) -> bool {
        !self.partial.is_empty()
    }

    /// Feeds the next entry and hands every message that ends in it to `sink`. Statements and notices may stand between the slices of a
    /// message.
    pub fn read(&mut self, entry: &Entry<'_>, mut sink: impl FnMut(StreamMessage<'_>)) -> Result<(), Broken> {
        if entry.statement || entry.notice {
            return Ok(());
        }
        if entry.genesis {
            self.joined = true;
            return Ok(());
        }
        let outcome = self.read_body(entry, &mut sink);
        if outcome.is_err() {
            *self = Self::in_middle();
        }
        outcome
    }

    fn read_body(
        &mut self,
        entry: &Entry<'_>,
        sink: &mut impl FnMut(StreamMessage<'_>),
    ) -> Result<(), Broken> {
        let goes_on = entry.first == CONTINUES;
        let split = if goes_on { entry.body.len() } else { usize::from(entry.first) };
        let (tail, mut fresh) = entry.body.split_at(split);
        let mut index = 0;
        if self.joined && !tail.is_empty() {
            if self.partial.is_empty() || self.partial.len() + tail.len() > MAX_MESSAGE + MAX_HEAD {
                return Err(Broken);
            }
            self.partial.extend_from_slice(tail);
            if goes_on {
                return Ok(());
            }
            let whole = std::mem::take(&mut self.partial);
            match parse_record(&whole, self.context)? {
                Some((message, [])) => sink(StreamMessage { index, ..message }),
                _ => return Err(Broken),
            }
            index += 1;
        } else if goes_on {
            return Ok(());
        } else if self.joined && self.is_inside_message() {
            return Err(Broken);
        } else if split > 0 {
            index = 1; // the message whose beginning was not read ends here, and counts
        }
        (self.joined, self.context) = (true, None);
        while !fresh.is_empty() {
            match parse_record(fresh, self.context)? {
                Some((message, rest)) => {
                    self.context = Some(message.author);
                    sink(StreamMessage { index, ..message });
                    index = index.checked_add(1).ok_or(Broken)?;
                    fresh = rest;
                }
                None => {
                    self.partial.extend_from_slice(fresh);
                    break;
                }
            }
        }
        Ok(())
    }
}

/// The first record of `bytes` and what follows it, or `None` if it does not end there. `context` is the author of the record
/// before it in the entry where it starts.
fn parse_record(bytes: &[u8], context: Option<Author>) -> Result<Option<(StreamMessage<'_>, &[u8])>, Broken> {
    let Some((length, rest)) = take_leb(bytes)? else { return Ok(None) };
    if length > MAX_MESSAGE as u64 {
        return Err(Broken);
    }
    let Some((&flags, mut rest)) = rest.split_first() else { return Ok(None) };
    let mut author = context;
    if flags & AUTHOR != 0 {
        let Some((instance, after)) = rest.split_first_chunk::<16>() else { return Ok(None) };
        let Some((number, after)) = take_leb(after)? else { return Ok(None) };
        author = Some(Author { instance: InstanceId(*instance), number });
        rest = after;
    } else if let Some(author) = &mut author {
        author.number = author.number.checked_add(1).ok_or(Broken)?;
    }
    let mut mentions: &[u8] = &[];
    if flags & MENTIONS != 0 {
        let Some((&count, after)) = rest.split_first() else { return Ok(None) };
        let Some((list, after)) = after.split_at_checked(usize::from(count) * MENTION) else {
            return Ok(None);
        };
        (mentions, rest) = (list, after);
    }
    let Some((payload, rest)) = rest.split_at_checked(length as usize) else { return Ok(None) };
    let author = author.ok_or(Broken)?;
    Ok(Some((StreamMessage { index: 0, author, urgent: flags & URGENT != 0, mentions, payload }, rest)))
}

fn take_leb(bytes: &[u8]) -> Result<Option<(u64, &[u8])>, Broken> {
    let mut value = 0u64;
    for (i, &byte) in bytes.iter().enumerate().take(10) {
        value |= u64::from(byte & 0x7f).checked_shl(7 * i as u32).ok_or(Broken)?;
        if byte & 0x80 == 0 {
            return Ok(Some((value, &bytes[i + 1..])));
        }
    }
    if bytes.len() >= 10 { Err(Broken) } else { Ok(None) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seal::Ring;
    use crate::{
        entry::Place,
        ids::{LogId, Seq},
    };
    use chalktalk_ipc::{OriginId, SessionId};

    fn author(instance: u8, number: u64) -> Author {
        Author { instance: InstanceId([instance; 16]), number }
    }

    fn datagrams(drafts: Vec<Draft>) -> Vec<Vec<u8>> {
        let log = LogId { origin: OriginId([1; 16]), epoch: crate::ids::Epoch(1) };
        let place = |seq| Place { session: SessionId([1; 16]), log, seq: Seq(seq), stamp: 1, time: 1 };
        drafts.into_iter().zip(2..).map(|(draft, seq)| draft.finish(&place(seq), &Ring::open())).collect()
    }

    fn written(messages: &[(Author, &[u8])]) -> Vec<Vec<u8>> {
        let (mut writer, mut drafts) = (StreamWriter::new(0), Vec::new());
        for (author, payload) in messages {
            writer.push(&mut drafts, InstanceId::NIL, *author, &Outgoing::new(payload));
        }
        datagrams(drafts)
    }

    fn read_from(reader: &mut StreamReader, datagrams: &[Vec<u8>]) -> Vec<(Author, u16, Vec<u8>)> {
        let mut out = Vec::new();
        for datagram in datagrams {
            let entry = Entry::from_datagram(datagram).unwrap();
            reader.read(&entry, |m| out.push((m.author, m.index, m.payload.to_vec()))).unwrap();
        }
        out
    }

    #[test]
    fn messages_of_all_sizes_come_out_as_they_went_in() {
        let sizes = [0, 1, 64, 1335, 1336, 1337, 5000, 3, MAX_MESSAGE, 0, 0, 2000];
        let payloads: Vec<Vec<u8>> = sizes.iter().enumerate().map(|(i, n)| vec![i as u8; *n]).collect();
        let messages: Vec<_> =
            payloads.iter().enumerate().map(|(i, p)| (author(i as u8 % 2, i as u64 + 1), &p[..])).collect();
        let written = written(&messages);
        let read = read_from(&mut StreamReader::at_start(), &written);
        let plain: Vec<_> = read.iter().map(|(a, _, p)| (*a, &p[..])).collect();
        assert_eq!(plain, messages);
        // Every entry can be read alone; what starts and ends in it comes out with the right author.
        for datagram in &written {
            for (a, _, payload) in read_from(&mut StreamReader::in_middle(), std::slice::from_ref(datagram)) {
                assert!(messages.contains(&(a, &payload[..])));
            }
        }
    }

    #[test]
    fn small_messages_of_one_author_cost_two_bytes_each() {
        let payload = [7; 64];
        let messages: Vec<_> = (1..=100).map(|n| (author(1, n), &payload[..])).collect();
        let written = written(&messages);
        assert_eq!(written.len(), 5, "20 messages of 66 bytes and one author fit 1,360 bytes");
        assert_eq!(read_from(&mut StreamReader::at_start(), &written).len(), 100);
    }

    #[test]
    fn a_reader_in_the_middle_skips_the_message_it_has_no_start_of() {
        let big = vec![1; 3000];
        let messages = [(author(1, 1), &big[..]), (author(1, 2), b"after"), (author(1, 3), b"more")];
        let written = written(&messages);
        let read = read_from(&mut StreamReader::in_middle(), &written[1..]);
        assert_eq!(read.len(), 2);
        assert_eq!(read[0].0, author(1, 2));
        let from_start = read_from(&mut StreamReader::at_start(), &written);
        assert_eq!(read, from_start[1..], "also with the same index");
    }

    #[test]
    fn mentions_and_urgency_travel() {
        let (mut writer, mut drafts) = (StreamWriter::new(0), Vec::new());
        let message = Outgoing { payload: b"hey", mentions: &[5; 32], urgent: true };
        writer.push(&mut drafts, InstanceId::NIL, author(1, 1), &message);
        let datagrams = datagrams(drafts);
        let mut seen = 0;
        let entry = Entry::from_datagram(&datagrams[0]).unwrap();
        StreamReader::at_start()
            .read(&entry, |m| {
                assert!(m.urgent && m.mentions(&UserId([5; 32])) && !m.mentions(&UserId([6; 32])));
                seen += 1;
            })
            .unwrap();
        assert_eq!(seen, 1);
    }

    #[test]
    fn hostile_bodies_are_broken_not_fatal() {
        for body in [&[0xff; 40][..], &[0x81, 0x80, 0x04, 0, 1, 2], &[5, 0, 1, 2, 3, 4, 5], &[0, 4, 255]] {
            let mut draft = Draft::new(InstanceId::NIL, 0);
            draft.mark_boundary();
            draft.push(body);
            let datagram = datagrams(vec![draft]).remove(0);
            let entry = Entry::from_datagram(&datagram).unwrap();
            let mut reader = StreamReader::at_start();
            let _ = reader.read(&entry, |_| panic!("nothing whole is in there"));
            for _ in 0..100 {
                let _ = reader.read(&entry, |_| {});
            }
            assert!(reader.partial.len() <= MAX_MESSAGE + MAX_HEAD);
        }
    }
}
