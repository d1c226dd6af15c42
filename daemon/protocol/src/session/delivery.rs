//! The reading end of a session: what an attached instance has been handed, and what comes next.
//!
//! A reader holds a position, never a queue of entries: a slow or crashed app is only a reader that is behind. Entries
//! of different authors are handed over in the order of their Lamport stamps as far as they are there.
//!
//! A message that two lives of an author hold (see `lives.rs`) is handed over once: what a position says has been
//! read of one life is read again, silently, when it has to be compared with another.
//!
//! Invariant: per log, messages are handed over in order, without gaps, and each once.

use super::{
    cursor::Cursor,
    lives::{self, LONGEST},
};
use crate::{
    entry::Entry,
    ids::{Epoch, LogId, Seq},
    log::Log,
    seal::Ring,
    stream::{self, StreamReader},
    time::Instant,
};
use bytes::Bytes;
use chalktalk_ipc::{
    HostId, InstanceId, OriginId, Position, SessionId, UserId,
    batch::{DeliverFlags, DeliverHead, Incoming},
    request::Role,
};
use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    time::Duration,
};

/// Volatile messages that wait for a slow app. They age in milliseconds: the oldest are dropped.
const VOLATILE_WAITING: usize = 256;

/// How long a new life of a log waits for what its author knew of the life before: enough to find a provider. After
/// that what turns up is handed over *late*.
const FORMER_LIFE: Duration = Duration::from_secs(3);

/// Instances per log whose numbers are remembered; who invents more of them may be shown twice.
const MAX_AUTHORS: usize = 256;

/// How far a log has been read: everything up to this entry and message.
pub type Point = (Seq, u16);

/// One thing for an instance.
#[derive(Debug)]
pub enum Delivery<'a> {
    /// Who an origin is, before its first message.
    Author {
        /// The writer.
        origin: OriginId,
        /// The person.
        user: UserId,
        /// Their name.
        name: &'a str,
        /// Their host.
        host: HostId,
    },
    /// A message.
    Message(DeliverHead, Incoming<'a>),
    /// Everything that was there when the session was opened has been handed over.
    CaughtUp,
    /// These entries are lost for good.
    Lost {
        /// The log.
        log: LogId,
        /// First slot.
        first: Seq,
        /// Last slot.
        last: Seq,
    },
}

/// What a reader reads.
#[derive(Clone, Copy)]
pub struct Source<'a> {
    /// The session.
    pub session: SessionId,
    /// Its logs.
    pub logs: &'a BTreeMap<LogId, Log>,
    /// What opens their entries.
    pub keys: &'a Ring,
    /// Authors whose messages are held back from this reader's user.
    pub shut: &'a BTreeSet<UserId>,
    /// Whether what has this stamp is for this reader's user.
    pub may_read: &'a dyn Fn(u64) -> bool,
}

/// How a delivery ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Outcome {
    /// Nothing is left to hand over.
    Idle,
    /// The budget is used up.
    More,
    /// These entries are only in the store: read them and hand them to [`Reader::fetched`].
    Fetch(LogId, Seq),
    /// They are being read.
    Waiting,
}

/// A volatile message that waits to be handed over.
#[derive(Clone, Debug)]
pub struct VolatileMessage {
    /// Who, where.
    pub head: DeliverHead,
    /// Author's last entry when it was sent.
    pub seq: Seq,
    /// Lamport stamp.
    pub stamp: u64,
    /// Wall clock, ms since 1970.
    pub time: u64,
    /// Worth interrupting somebody for.
    pub urgent: bool,
    /// The bytes.
    pub payload: Bytes,
}

/// One instance that reads a session.
#[derive(Debug)]
pub struct Reader {
    instance: InstanceId,
    user: UserId,
    /// How it takes part.
    pub role: Role,
    cursors: BTreeMap<LogId, Cursor>,
    caught_up: Option<BTreeMap<LogId, Seq>>,
    volatile: VecDeque<VolatileMessage>,
    told: BTreeSet<OriginId>,
    /// Entries are being read from the store, which should have everything up to here.
    fetching: Option<Seq>,
    /// When a log that waits for its former life goes on without it.
    waits_until: Option<Instant>,
}

impl Reader {
    /// A reader that starts behind `points`, at the start of all other logs.
    pub fn new(
        instance: InstanceId,
        user: UserId,
        role: Role,
        points: &BTreeMap<LogId, Point>,
        redelivered: &BTreeMap<LogId, Point>,
        logs: &BTreeMap<LogId, Log>,
    ) -> Self {
        let mut cursors: BTreeMap<_, _> =
            points.iter().map(|(log, point)| (*log, Cursor::behind(*point))).collect();
        for (log, point) in redelivered {
            cursors.entry(*log).or_insert_with(Cursor::at_start).redelivered = Some(*point);
        }
        Self {
            instance,
            user,
            role,
            cursors,
            caught_up: Some(logs.iter().map(|(id, log)| (*id, log.readable())).collect()),
            volatile: VecDeque::new(),
            told: BTreeSet::new(),
            fetching: None,
            waits_until: None,
        }
    }

    /// A reader that starts behind everything held now.
    pub fn from_now(instance: InstanceId, user: UserId, role: Role, logs: &BTreeMap<LogId, Log>) -> Self {
        let mut reader = Self::new(instance, user, role, &BTreeMap::new(), &BTreeMap::new(), logs);
        reader.cursors = logs.iter().map(|(id, log)| (*id, Cursor::after(log.readable()))).collect();
        reader
    }

    /// Whose it is.
    pub fn user(&self) -> UserId {
        self.user
    }

    /// Queues a volatile message; the oldest gives way.
    pub fn push_volatile(&mut self, message: VolatileMessage) {
        if self.volatile.len() >= VOLATILE_WAITING {
            self.volatile.pop_front();
        }
        self.volatile.push_back(message);
    }

    /// The last slot of a log that has been handed over whole.
    pub fn read_upto(&self, log: LogId) -> Seq {
        self.cursors.get(&log).map_or(Seq(0), Cursor::read_upto)
    }

    /// The last slot that is acknowledged whole if the app acknowledges `point`.
    pub fn acknowledged(&self, log: LogId, point: Point) -> Seq {
        match self.cursors.get(&log) {
            Some(cursor) if cursor.last == Some(point) => cursor.read_upto(),
            _ => Seq(point.0.0.saturating_sub(1)),
        }
    }

    /// Where it starts: the last message that counts as read, for logs that it does not read from the beginning.
    pub fn start_points(&self, logs: &BTreeMap<LogId, Log>) -> Vec<Position> {
        let point = |cursor: &Cursor| cursor.skip.unwrap_or((Seq(cursor.next.0 - 1), u16::MAX));
        let started =
            self.cursors.iter().filter(|(log, cursor)| cursor.next > Seq(1) && logs.contains_key(log));
        let position = |(log, (seq, index)): (&LogId, Point)| Position {
            origin: log.origin,
            epoch: log.epoch.0,
            seq: seq.0,
            index,
        };
        started.map(|(log, cursor)| position((log, point(cursor)))).collect()
    }

    /// Where it stands: the last message handed over, per log.
    pub fn points(&self) -> impl Iterator<Item = (LogId, Point)> + '_ {
        self.cursors.iter().filter_map(|(log, cursor)| Some((*log, cursor.last?)))
    }

    /// Entries that [`Outcome::Fetch`] asked for; none means they are gone, unless the log says itself where it begins by now.
    pub fn fetched(&mut self, log: LogId, from: Seq, entries: Vec<Bytes>, dropped: bool) {
        let upto = self.fetching.take();
        if let Some(cursor) = self.cursors.get_mut(&log).filter(|cursor| cursor.next == from) {
            if entries.is_empty() && !dropped {
                cursor.gone = upto.unwrap_or_default();
            }
            cursor.loaded = entries.into();
        }
    }

    /// When there may be something to hand over although nothing has come.
    pub fn next_timeout(&self) -> Option<Instant> {
        self.waits_until
    }

    /// Whether that time has come.
    pub fn take_due(&mut self, now: Instant) -> bool {
        self.waits_until.take_if(|until| *until <= now).is_some()
    }

    /// Hands over what is there, up to about `budget` bytes.
    pub fn deliver(
        &mut self,
        source: Source<'_>,
        mut budget: usize,
        now: Instant,
        sink: &mut impl FnMut(Delivery<'_>),
    ) -> Outcome {
        let logs = source.logs;
        self.volatile.retain(|message| !source.shut.contains(&message.head.user));
        while let Some(message) = self.volatile.pop_front() {
            let incoming = Incoming {
                seq: message.seq.0,
                index: 0,
                stamp: message.stamp,
                time: message.time,
                urgent: message.urgent,
                mentions_you: false,
                payload: &message.payload,
            };
            self.introduce(message.head.origin, logs, sink);
            sink(Delivery::Message(message.head, incoming));
            budget = budget.saturating_sub(message.payload.len());
        }
        if self.fetching.is_some() {
            return Outcome::Waiting;
        }
        self.count_shared(logs);
        let open = |log: &Log| log.have() > Seq(0) && !is_shut(Some(source.shut), log);
        for (id, log) in logs.iter().filter(|(_, log)| open(log)) {
            let start = log.start();
            let fresh = || if start > Seq(0) { Cursor::after(start) } else { Cursor::at_start() };
            let cursor = self.cursors.entry(*id).or_insert_with(fresh);
            let gone = start.max(cursor.gone);
            if cursor.next <= gone {
                if cursor.read_upto() < gone {
                    sink(Delivery::Lost { log: *id, first: cursor.read_upto().next(), last: gone });
                }
                cursor.go_on_after(gone);
            }
            if cursor.next <= log.base() && cursor.loaded.is_empty() {
                self.fetching = Some(log.base());
                return Outcome::Fetch(*id, cursor.next);
            }
        }
        self.waits_until = None;
        loop {
            let Some((id, log)) = self.next_log(source, now) else {
                self.waits_until = self.former_lives(now).map(|(_, until)| until).min();
                self.tell_caught_up(source, sink);
                return Outcome::Idle;
            };
            if budget == 0 {
                return Outcome::More;
            }
            let cursor = self.cursors.get_mut(&id).expect("next_log chose among the cursors");
            // What was loaded goes first, so that its front stays the next entry also when memory has it too.
            let loaded = cursor.loaded.pop_front().or_else(|| log.entry(cursor.next).cloned());
            let Some(datagram) = loaded else {
                self.fetching = Some(log.base());
                return Outcome::Fetch(id, cursor.next);
            };
            self.introduce(id.origin, logs, sink);
            budget = budget.saturating_sub(self.hand_over(source, log, &datagram, now, sink));
            self.tell_caught_up(source, sink);
        }
    }

    /// Where two lives may hold the same messages, makes sure of knowing which ones have been read of either.
    fn count_shared(&mut self, logs: &BTreeMap<LogId, Log>) {
        for (id, log) in logs {
            let Some(known) = lives::shared_behind(logs, *id) else { continue };
            if let Some(cursor) = self.cursors.get_mut(id) {
                cursor.count_from(Seq(known.0.saturating_sub(LONGEST) + 1), log);
            }
            if self.read_upto(*id) >= log.have() {
                continue; // nothing that is still to come is in the later lives
            }
            for (later, cursor) in self.cursors.range_mut(lives::later(*id)) {
                if let Some(log) = logs.get(later) {
                    cursor.count_from(Seq(1), log);
                }
            }
        }
    }

    /// The log whose next entry has the lowest stamp. One whose next entry is sealed with a key that has not come yet waits.
    fn next_log<'l>(&self, source: Source<'l>, now: Instant) -> Option<(LogId, &'l Log)> {
        let logs = source.logs;
        let waiting_lives: Vec<LogId> = self.former_lives(now).map(|(log, _)| log).collect();
        let counting: Vec<LogId> =
            logs.iter().filter(|(id, log)| self.is_counting(id, log)).map(|(id, _)| *id).collect();
        let counts = |id: &LogId| counting.iter().any(|other| other.origin == id.origin);
        let waiting =
            logs.iter().filter(|(_, log)| !is_shut(Some(source.shut), log)).filter_map(|(id, log)| {
                let cursor = self.cursors.get(id).filter(|cursor| cursor.next <= log.readable())?;
                let goes_on = counting.contains(id) || !counts(id) && !waiting_lives.contains(id);
                goes_on.then_some((id, log, cursor))
            });
        let mut best: Option<(u64, LogId, &Log)> = None;
        for (id, log, cursor) in waiting {
            let next = log.entry(cursor.next).or(cursor.loaded.front());
            if next.is_some_and(|datagram| waits_for_key(source.keys, datagram)) {
                continue;
            }
            let stamp = next.map_or(0, |d| stamp_of(d));
            if best.is_none_or(|(lowest, _, _)| stamp < lowest) {
                best = Some((stamp, *id, log));
            }
        }
        best.map(|(_, id, log)| (id, log))
    }

    fn is_counting(&self, id: &LogId, log: &Log) -> bool {
        self.cursors.get(id).is_some_and(|cursor| cursor.is_counting(log))
    }

    /// Logs that wait for their author's former life, and until when.
    fn former_lives(&self, now: Instant) -> impl Iterator<Item = (LogId, Instant)> + '_ {
        self.cursors.iter().filter_map(move |(id, cursor)| {
            let (former, upto, until) = cursor.former?;
            (now < until && self.read_upto(former) < upto).then_some((*id, until))
        })
    }

    /// Hands over the messages that end in one entry. Returns their cost.
    fn hand_over(
        &mut self,
        Source { session, keys, may_read, .. }: Source<'_>,
        log: &Log,
        datagram: &Bytes,
        now: Instant,
        sink: &mut impl FnMut(Delivery<'_>),
    ) -> usize {
        let id = log.id();
        let others = other_lives(&self.cursors, id);
        let late = self.cursors.range(lives::later(id)).any(|(_, cursor)| cursor.read_upto() > Seq(0));
        let cursor = self.cursors.get_mut(&id).expect("deliver made one for every log");
        let mut scratch = Vec::new();
        let sealed = Entry::from_datagram(datagram).expect("accepted entries were parsed");
        if sealed.statement || sealed.notice {
            cursor.next = sealed.seq.next();
            return 0;
        }
        let opened = keys.open_entry(sealed, &mut scratch);
        let Some(entry) = opened.filter(|entry| may_read(entry.stamp)) else {
            // Said before we came, or sealed wrongly by its author: there is nothing to hand over.
            cursor.stream = StreamReader::in_middle();
            cursor.next = sealed.seq.next();
            return 0;
        };
        let (seq, skip) = (entry.seq, cursor.skip);
        let (instance, user, redelivered) = (self.instance, self.user, cursor.redelivered);
        let mut last = cursor.last;
        let mut cost = 64;
        if entry.destination.is_nil() || entry.destination == instance {
            let author = log.author().map_or(UserId::NIL, |author| author.user);
            // A body that its author laid out wrongly holds nothing more to hand over; what follows does again.
            let _ = cursor.stream.read(&entry, |message| {
                let stream::Author { instance: author_instance, number } = message.author;
                let handed = |known: &BTreeMap<InstanceId, (u64, u64)>| {
                    known.get(&author_instance).is_some_and(|(first, last)| (first..=last).contains(&&number))
                };
                let known = cursor.numbers.len();
                if known < MAX_AUTHORS || cursor.numbers.contains_key(&author_instance) {
                    cursor.numbers.entry(author_instance).or_insert((number, number)).1 = number;
                }
                let point = (seq, message.index);
                if skip.is_some_and(|read| point <= read) || others.iter().any(handed) {
                    return;
                }
                let head = DeliverHead {
                    session,
                    origin: id.origin,
                    user: author,
                    instance: message.author.instance,
                    epoch: id.epoch.0,
                    flags: DeliverFlags {
                        redelivered: redelivered.is_some_and(|upto| point <= upto),
                        late,
                        addressed: !entry.destination.is_nil(),
                        ..DeliverFlags::default()
                    },
                };
                let incoming = Incoming {
                    seq: seq.0,
                    index: message.index,
                    stamp: entry.stamp,
                    time: entry.time,
                    urgent: message.urgent,
                    mentions_you: message.mentions(&user),
                    payload: message.payload,
                };
                cost += incoming.payload.len() + 64;
                last = Some(point);
                sink(Delivery::Message(head, incoming));
            });
        }
        if entry.genesis && skip.is_none() {
            let life = |(epoch, upto)| (LogId { epoch, ..id }, upto, now + FORMER_LIFE);
            cursor.former = log.former().map(life);
        }
        cursor.last = last;
        cursor.next = seq.next();
        cursor.skip = skip.filter(|(at, _)| *at > seq);
        cost
    }

    fn introduce(
        &mut self,
        origin: OriginId,
        logs: &BTreeMap<LogId, Log>,
        sink: &mut impl FnMut(Delivery<'_>),
    ) {
        if self.told.contains(&origin) {
            return;
        }
        let known = logs.iter().filter(|(id, _)| id.origin == origin).find_map(|(_, log)| log.author());
        if let Some(author) = known {
            self.told.insert(origin);
            sink(Delivery::Author { origin, user: author.user, name: &author.name, host: author.host });
        }
    }

    fn tell_caught_up(&mut self, source: Source<'_>, sink: &mut impl FnMut(Delivery<'_>)) {
        let Some(upto) = &self.caught_up else { return };
        let held_back = |id| source.logs.get(id).is_none_or(|log| is_shut(Some(source.shut), log));
        let readable = |id: &LogId| source.logs.get(id).map_or(Seq(0), Log::readable);
        let done =
            upto.iter().all(|(log, seq)| readable(log).min(*seq) <= self.read_upto(*log) || held_back(log));
        if done {
            self.caught_up = None;
            sink(Delivery::CaughtUp);
        }
    }
}

/// What was handed over of the other lives of a log's author. Nearly always nothing.
fn other_lives(cursors: &BTreeMap<LogId, Cursor>, id: LogId) -> Vec<BTreeMap<InstanceId, (u64, u64)>> {
    let others = cursors
        .range(lives::lives(id.origin))
        .filter(|(other, cursor)| **other != id && !cursor.numbers.is_empty());
    others.map(|(_, cursor)| cursor.numbers.clone()).collect()
}

/// Whether an entry's key may still come. What is said of members is not for readers, so nothing waits for it.
fn waits_for_key(keys: &Ring, datagram: &[u8]) -> bool {
    Entry::from_datagram(datagram)
        .is_ok_and(|entry| !entry.statement && !entry.notice && keys.waits_for(entry.key_id))
}

/// Whether a log is by one of these.
pub(super) fn is_shut(shut: Option<&BTreeSet<UserId>>, log: &Log) -> bool {
    log.author().is_some_and(|author| shut.is_some_and(|shut| shut.contains(&author.user)))
}

fn stamp_of(datagram: &[u8]) -> u64 {
    u64::from_le_bytes(datagram[72..80].try_into().expect("accepted entries are whole"))
}

/// Points as the local protocol names them.
pub fn to_points(positions: &[Position]) -> BTreeMap<LogId, Point> {
    let log = |p: &Position| LogId { origin: p.origin, epoch: Epoch(p.epoch) };
    positions.iter().map(|p| (log(p), (Seq(p.seq), p.index))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOG: LogId = LogId { origin: OriginId([1; 16]), epoch: Epoch(1) };

    /// A log that is only in the store, and a reader that has read it up to `point`.
    fn reading(point: Point) -> (Reader, BTreeMap<LogId, Log>) {
        let logs = BTreeMap::from([(LOG, Log::restored(LOG, Seq(1), Seq(10), 10))]);
        let (points, none) = (BTreeMap::from([(LOG, point)]), BTreeMap::new());
        let reader = Reader::new(InstanceId([2; 16]), UserId::NIL, Role::App, &points, &none, &logs);
        (reader, logs)
    }

    fn deliver(reader: &mut Reader, logs: &BTreeMap<LogId, Log>) -> (Outcome, Vec<(u64, u64)>) {
        let mut lost = Vec::new();
        let (keys, shut) = (Ring::open(), BTreeSet::new());
        let source =
            Source { session: SessionId([3; 16]), logs, keys: &keys, shut: &shut, may_read: &|_| true };
        let outcome = reader.deliver(source, 1000, Instant::ZERO, &mut |delivery| {
            if let Delivery::Lost { first, last, .. } = delivery {
                lost.push((first.0, last.0));
            }
        });
        (outcome, lost)
    }

    #[test]
    fn what_the_store_does_not_have_after_all_is_reported_once_as_lost() {
        let (mut reader, logs) = reading((Seq(4), 0));
        assert_eq!(deliver(&mut reader, &logs), (Outcome::Fetch(LOG, Seq(4)), vec![]));
        assert_eq!(deliver(&mut reader, &logs), (Outcome::Waiting, vec![]));
        reader.fetched(LOG, Seq(4), vec![], false);
        assert_eq!(deliver(&mut reader, &logs), (Outcome::Idle, vec![(4, 10)]));
        assert_eq!(deliver(&mut reader, &logs), (Outcome::Idle, vec![]));
    }

    #[test]
    fn what_was_read_before_is_not_lost() {
        let (mut reader, logs) = reading((Seq(10), u16::MAX));
        assert_eq!(deliver(&mut reader, &logs), (Outcome::Fetch(LOG, Seq(10)), vec![]));
        reader.fetched(LOG, Seq(10), vec![], false);
        assert_eq!(deliver(&mut reader, &logs), (Outcome::Idle, vec![]));
    }
}
