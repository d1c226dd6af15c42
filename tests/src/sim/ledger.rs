//! What was published, as nobody in the simulation can know it, and the checks that need it.
//!
//! Invariant: the ledger only learns from publishers and from the wire; readers are measured against it.

use chalktalk_ipc::{InstanceId, SessionId};
use chalktalk_protocol::{
    crypto::entry_hash,
    entry::Entry,
    ids::{LogId, Seq},
};
use std::collections::{BTreeMap, BTreeSet};

/// A message as it was published.
struct Published {
    digest: [u8; 16],
    length: usize,
    destination: InstanceId,
}

/// Messages of one instance in one session, in order of their numbers.
#[derive(Default)]
struct Stream {
    messages: Vec<Published>,
    stored: u64,
    /// Its host has crashed meanwhile, or it lives in a live session: what comes behind may be there earlier.
    shaken: bool,
    /// From here on it was not known to be in the log when that went down with its host: it goes again, and its own program
    /// may have heard it before.
    again: Option<u64>,
    /// Nobody sends again what was lost: the process ended for good.
    ended: bool,
}

/// What one reader has heard of one stream.
#[derive(Default)]
struct Heard {
    numbers: BTreeSet<u64>,
    upto: u64,
}

/// How a reader takes part in a session.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Reading {
    /// Which app, by its number in the simulation.
    pub app: usize,
    /// Its instance.
    pub instance: InstanceId,
    /// Whether it has to hear everything from the first message on.
    pub whole: bool,
}

/// A message as it was delivered.
#[derive(Clone, Copy, Debug)]
pub struct Delivered<'a> {
    /// Where.
    pub session: SessionId,
    /// Who published it.
    pub author: InstanceId,
    /// Turned up after later ones.
    pub late: bool,
    /// May have come before.
    pub redelivered: bool,
    /// The bytes.
    pub payload: &'a [u8],
}

/// Everything published.
#[derive(Default)]
pub struct Ledger {
    streams: BTreeMap<(SessionId, InstanceId), Stream>,
    volatile: BTreeSet<[u8; 16]>,
    heard: BTreeMap<(usize, SessionId, InstanceId), Heard>,
    slots: BTreeMap<(SessionId, LogId, Seq), [u8; 16]>,
    excused: BTreeSet<(usize, SessionId)>,
}

impl Ledger {
    /// A message is published: returns its number.
    pub fn publish(&mut self, session: SessionId, author: InstanceId, to: InstanceId, payload: &[u8]) {
        let stream = self.streams.entry((session, author)).or_default();
        let message = Published { digest: entry_hash(payload), length: payload.len(), destination: to };
        stream.messages.push(message);
    }

    /// A volatile message is published.
    pub fn publish_volatile(&mut self, payload: &[u8]) {
        self.volatile.insert(entry_hash(payload));
    }

    /// A publisher is told how far its messages are stored.
    pub fn on_stored(&mut self, session: SessionId, author: InstanceId, upto: u64) -> Result<(), String> {
        let stream = self.streams.entry((session, author)).or_default();
        if upto < stream.stored || upto > stream.messages.len() as u64 {
            return Err(format!(
                "{author:?} is told stored {upto} after {} of {}",
                stream.stored,
                stream.messages.len()
            ));
        }
        stream.stored = upto;
        Ok(())
    }

    /// How far an instance was told its messages are stored.
    pub fn stored(&self, session: SessionId, author: InstanceId) -> u64 {
        self.streams.get(&(session, author)).map_or(0, |stream| stream.stored)
    }

    /// How many messages an instance has published.
    pub fn published(&self, session: SessionId, author: InstanceId) -> u64 {
        self.streams.get(&(session, author)).map_or(0, Stream::len)
    }

    /// The host of a publisher crashed.
    pub fn shake(&mut self, author: InstanceId) {
        self.streams.iter_mut().filter(|((_, of), _)| *of == author).for_each(|(_, s)| s.shaken = true);
    }

    /// The host of a publisher went down, and its log of a live session with it: what was not told to be in it goes again.
    pub fn comes_again(&mut self, session: SessionId, author: InstanceId, from: u64) {
        if let Some(stream) = self.streams.get_mut(&(session, author)) {
            stream.again = Some(stream.again.map_or(from, |before| before.min(from)));
        }
    }

    /// A publisher ended for good.
    pub fn end(&mut self, author: InstanceId) {
        self.streams.iter_mut().filter(|((_, of), _)| *of == author).for_each(|(_, s)| s.ended = true);
    }

    /// A volatile message is delivered.
    pub fn hear_volatile(&self, payload: &[u8]) -> Result<(), String> {
        if self.volatile.contains(&entry_hash(payload)) {
            return Ok(());
        }
        Err("a volatile message is delivered that nobody published".to_owned())
    }

    /// A durable message is delivered: it was published, and it comes in its author's order, once.
    pub fn hear(&mut self, reading: Reading, message: &Delivered<'_>) -> Result<(), String> {
        let at = (message.session, message.author);
        let Some(stream) = self.streams.get(&at) else {
            return Err(format!("{:?} is heard and has published nothing", message.author));
        };
        let heard = self.heard.entry((reading.app, message.session, message.author)).or_default();
        let visible = |number: u64| stream.is_visible(number, reading.instance);
        if message.payload.is_empty() && heard.upto == 0 && !reading.whole {
            return Ok(()); // who begins in the middle cannot tell which of the empty ones it is
        }
        let number = match message.payload.first_chunk::<8>() {
            Some(number) => u64::from_le_bytes(*number),
            None => {
                stream.next_empty(reading.instance, if message.late { 0 } else { heard.upto }, &heard.numbers)
            }
        };
        let told =
            || format!("app {} hears {number} of {:?} in {:?}", reading.app, message.author, message.session);
        let Some(published) = stream.message(number) else {
            return Err(format!("{}, which was not published", told()));
        };
        if (published.length, published.digest) != (message.payload.len(), entry_hash(message.payload)) {
            return Err(format!("{} with other contents", told()));
        }
        if !visible(number) {
            return Err(format!("{}, which is for {:?}", told(), published.destination));
        }
        let again = reading.instance == message.author && stream.again.is_some_and(|from| number >= from);
        if !heard.numbers.insert(number) && !message.redelivered && !again {
            return Err(format!("{} again", told()));
        }
        if message.late {
            return Ok(());
        }
        if number < heard.upto && !message.redelivered && !again {
            return Err(format!("{} after {}", told(), heard.upto));
        }
        let excused = self.excused.contains(&(reading.app, message.session));
        let expects = (heard.upto > 0 || reading.whole) && !excused;
        let missing = (heard.upto + 1..number).find(|n| visible(*n) && !heard.numbers.contains(n));
        if let Some(missing) = missing.filter(|_| expects && !stream.shaken) {
            return Err(format!("{} before {missing}", told()));
        }
        heard.upto = heard.upto.max(number);
        Ok(())
    }

    /// A reader was out for a while, and is not owed what was said meanwhile: there are gaps in what it hears.
    pub fn excuse(&mut self, app: usize, session: SessionId) {
        self.excused.insert((app, session));
    }

    /// A reader that does not keep its positions starts anew.
    pub fn forget(&mut self, app: usize, session: SessionId) {
        self.heard.retain(|(of, at, _), _| (*of, *at) != (app, session));
    }

    /// The first message that a reader of the whole session lacks.
    pub fn lacking(&self, reading: Reading, session: SessionId) -> Option<String> {
        self.streams.iter().filter(|((of, _), _)| *of == session).find_map(|((_, author), stream)| {
            let heard = self.heard.get(&(reading.app, session, *author));
            let upto = if stream.ended { stream.stored } else { stream.len() };
            let lacks = |n: &u64| {
                stream.is_visible(*n, reading.instance) && heard.is_none_or(|h| !h.numbers.contains(n))
            };
            let missing = (1..=upto).find(lacks)?;
            Some(format!("app {} lacks {missing} of {upto} of {author:?} in {session:?}", reading.app))
        })
    }

    /// The first message of these authors that a reader lacks.
    pub fn lacking_of(
        &self,
        reading: Reading,
        session: SessionId,
        authors: &BTreeSet<InstanceId>,
    ) -> Option<String> {
        authors.iter().find_map(|author| {
            let stream = self.streams.get(&(session, *author))?;
            let heard = self.heard.get(&(reading.app, session, *author));
            let missing = (1..=stream.len()).find(|n| heard.is_none_or(|h| !h.numbers.contains(n)))?;
            Some(format!("app {} lacks {missing} of {} of {author:?}", reading.app, stream.len()))
        })
    }

    /// What was published in a session: by whom, how many are there for good, and how many there may be.
    pub fn owed(&self, session: SessionId) -> Vec<(InstanceId, u64, u64)> {
        let streams = self.streams.iter().filter(|((of, _), _)| *of == session);
        let owed = |stream: &Stream| if stream.ended { stream.stored } else { stream.len() };
        streams.map(|((_, author), stream)| (*author, owed(stream), stream.len())).collect()
    }

    /// How many messages an app has heard in a session.
    pub fn heard(&self, app: usize, session: SessionId) -> usize {
        let mine = self.heard.iter().filter(|((of, at, _), _)| (*of, *at) == (app, session));
        mine.map(|(_, heard)| heard.numbers.len()).sum()
    }

    /// An entry is on the wire or read from a disk: its slot never holds anything else.
    pub fn see_slot(&mut self, datagram: &[u8]) -> Result<(), String> {
        let Ok(entry) = Entry::from_datagram(datagram) else { return Ok(()) };
        let hash = entry_hash(datagram);
        let known = *self.slots.entry((entry.session, entry.log, entry.seq)).or_insert(hash);
        if known == hash {
            return Ok(());
        }
        Err(format!("slot {} of {:?} has two contents", entry.seq.0, entry.log))
    }
}

impl Stream {
    fn len(&self) -> u64 {
        self.messages.len() as u64
    }

    fn message(&self, number: u64) -> Option<&Published> {
        self.messages.get(usize::try_from(number.checked_sub(1)?).ok()?)
    }

    /// An empty message does not say which one it is: the first after `upto` that has not been heard.
    fn next_empty(&self, reader: InstanceId, upto: u64, heard: &BTreeSet<u64>) -> u64 {
        let fits = |n: &u64| {
            self.is_visible(*n, reader)
                && !heard.contains(n)
                && self.message(*n).is_some_and(|m| m.length == 0)
        };
        (upto + 1..=self.len()).find(fits).unwrap_or(0)
    }

    fn is_visible(&self, number: u64, reader: InstanceId) -> bool {
        self.message(number).is_some_and(|m| m.destination.is_nil() || m.destination == reader)
    }
}
