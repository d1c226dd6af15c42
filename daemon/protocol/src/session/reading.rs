//! The session as its readers see it: where they start, what they are handed, what they have kept.
//!
//! Invariant: a position only moves forward, and never beyond what is held.

use super::{
    Relearned, Session,
    delivery::{self, Delivery, Outcome, Point, Reader, Source, is_shut},
    lives::LONGEST,
};
use crate::{
    entry::Entry,
    ids::{InOrder, LogId, Seq},
    log::Log,
    outbox::Outbox,
    records,
    store::Write,
    stream,
    time::Instant,
};
use bytes::Bytes;
use chalktalk_ipc::{
    InstanceId, Position, UserId,
    event::{LogBegin, Scope},
    request::Role,
};
use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

/// Acknowledgements that come within this time are stored together. Who crashes before sees the last ones again.
const SAVE_POSITIONS: Duration = Duration::from_millis(50);

/// Instances that others are told of in each session: a heartbeat has to have room for all of an item.
const MAX_TOLD: usize = 8;

/// Instances whose last number is remembered per session.
const MAX_NUMBERS: usize = 64;

static NOBODY: BTreeSet<UserId> = BTreeSet::new();

impl Session {
    /// An instance starts to read. Returns where it starts, and the last number of its own messages.
    pub fn open(
        &mut self,
        instance: InstanceId,
        user: UserId,
        role: Role,
        from: &chalktalk_ipc::request::From,
        out: &mut Outbox,
    ) -> (Vec<Position>, u64) {
        use chalktalk_ipc::request::From;
        let shown = self.shown.get(&user).cloned().unwrap_or_default();
        let none = BTreeMap::new();
        let reader = match from {
            From::Start => Reader::new(instance, user, role, &none, &none, &self.logs),
            From::Now => Reader::from_now(instance, user, role, &self.logs),
            From::At(positions) => {
                Reader::new(instance, user, role, &delivery::to_points(positions), &none, &self.logs)
            }
            From::Saved => {
                let points = self.positions.get(&user).unwrap_or(&none);
                Reader::new(instance, user, role, points, &shown, &self.logs)
            }
        };
        let start = reader.start_points(&self.logs);
        self.readers.insert(instance, reader);
        out.ready.insert(instance);
        self.held.retain(|message| message.author.instance != instance); // it sends them again
        for own in self.own.values_mut() {
            own.writer.reset_credit(instance);
        }
        let last = self.numbers.get(&instance).copied().unwrap_or(0);
        let relearned = self.relearned.iter().find(|learned| learned.instance == instance);
        let stored = match relearned {
            _ if self.is_live() => 0,
            Some(learned) => learned.known,
            None => last,
        };
        self.progress.open(instance, last, stored);
        self.tell_progress(out);
        (start, last)
    }

    /// Where logs begin of which not all is held.
    pub fn begins(&self) -> Vec<LogBegin> {
        let shortened = self.logs.iter().filter(|(_, log)| log.start() > Seq(0));
        let begin = |(id, log): (&LogId, &Log)| LogBegin {
            origin: id.origin,
            epoch: id.epoch.0,
            first: log.start().next().0,
        };
        shortened.map(begin).collect()
    }

    /// An instance stops reading. What it was handed and has not acknowledged is remembered, also over a crash: whoever reads it
    /// next is told that it comes again.
    pub fn close(&mut self, instance: InstanceId, out: &mut Outbox) {
        let stored = !self.is_live();
        if let Some(reader) = self.readers.remove(&instance).filter(|reader| reader.role == Role::App) {
            let shown = self.shown.entry(reader.user()).or_default();
            for (log, point) in reader.points() {
                let upto = shown.entry(log).or_insert(point);
                *upto = point.max(*upto);
            }
            let kept = self.positions.get(&reader.user());
            let beyond = |(log, point): (&LogId, &Point)| kept.and_then(|kept| kept.get(log)) < Some(point);
            if stored && shown.iter().any(beyond) {
                let (key, value) = records::shown(self.id, reader.user(), shown);
                out.writes.push(Write::Record { key, value });
            }
        }
        if !self.moved_users.is_empty() {
            self.save_positions(out); // its user may have left: nothing is done later in a session without users
        }
        self.progress.close(instance);
        while self.numbers.len() > MAX_NUMBERS {
            let Some(oldest) = self.numbers.keys().find(|id| !self.readers.contains_key(id)).copied() else {
                break;
            };
            self.numbers.remove(&oldest);
        }
    }

    /// Whether an instance reads here.
    pub fn is_open(&self, instance: InstanceId) -> bool {
        self.readers.contains_key(&instance)
    }

    /// The apps of a user that read here.
    pub fn app_readers(&self, user: UserId) -> impl Iterator<Item = InstanceId> + '_ {
        self.readers.iter().filter(move |(_, r)| r.role == Role::App && r.user() == user).map(|(id, _)| *id)
    }

    /// The apps of all local users that read here, if that is nobody's business who is not in it: an open session's are told with
    /// the instances.
    pub(super) fn app_instances(&self) -> Vec<InstanceId> {
        let private = self.descriptor.scope != Scope::Open;
        let apps = self.readers.iter().filter(|(_, reader)| private && reader.role == Role::App);
        apps.map(|(id, _)| *id).take(MAX_TOLD).collect()
    }

    /// A user's app has kept everything up to these points.
    pub fn ack(&mut self, instance: InstanceId, positions: &[Position], out: &mut Outbox) {
        let Some(reader) = self.readers.get(&instance).filter(|reader| reader.role == Role::App) else {
            return;
        };
        let user = reader.user();
        let saved = self.positions.entry(user).or_default();
        let acked = self.acked.entry(user).or_default();
        for (log, point) in delivery::to_points(positions) {
            let whole = reader.acknowledged(log, point);
            if !self.logs.contains_key(&log) || point.0 > self.logs[&log].have() {
                continue;
            }
            let at = saved.entry(log).or_insert(point);
            *at = point.max(*at);
            let upto = acked.entry(log).or_insert(whole);
            *upto = whole.max(*upto);
            self.moved.insert(log, out.now);
        }
        out.changed = true;
        if !self.is_live() {
            self.moved_users.insert(user);
            self.save_at.get_or_insert(out.now + SAVE_POSITIONS);
        }
    }

    /// Stores the positions that have moved.
    pub fn save_positions(&mut self, out: &mut Outbox) {
        self.save_at = None;
        for user in std::mem::take(&mut self.moved_users) {
            let (key, value) = records::positions(self.id, user, &self.positions[&user]);
            out.writes.push(Write::Record { key, value });
        }
    }

    /// Holds back from a local user what these authors say, and nobody else's: a reader is behind in their logs until they
    /// are taken off the list.
    pub fn set_shut(&mut self, user: UserId, authors: BTreeSet<UserId>, out: &mut Outbox) {
        let before = match authors.is_empty() {
            true => self.shut.remove(&user).unwrap_or_default(),
            false => self.shut.insert(user, authors.clone()).unwrap_or_default(),
        };
        if before != authors {
            out.ready.extend(self.readers.iter().filter(|(_, r)| r.user() == user).map(|(id, _)| *id));
        }
    }

    /// How far a log has been read by the slowest of those who are handed it.
    pub(super) fn slowest_reader(&self, id: LogId) -> Option<Seq> {
        let log = self.logs.get(&id)?;
        let handed = self.readers.values().filter(|reader| !is_shut(self.shut.get(&reader.user()), log));
        handed.map(|reader| reader.read_upto(id)).min()
    }

    /// Everybody who reads here.
    pub fn readers(&self) -> impl Iterator<Item = InstanceId> + '_ {
        self.readers.keys().copied()
    }

    /// Whether somebody else's messages from before the last start have not been read by a user who had begun to.
    pub fn has_old_unread(&self, user: UserId) -> bool {
        let none = BTreeMap::new();
        let read = self.positions.get(&user).unwrap_or(&none);
        let shut = self.shut.get(&user);
        let unread = |(id, log): (&LogId, &Log)| {
            log.author().is_some_and(|author| author.user != user)
                && !is_shut(shut, log)
                && match read.get(id) {
                    Some((seq, _)) => *seq < log.have(),
                    None => self.pair.is_some() && log.have() > Seq(1),
                }
        };
        self.logs.iter().any(unread)
    }

    /// Entries of a former life of a local user's log came back: their instances' numbers go on behind them.
    pub fn learn_numbers(&mut self, id: LogId, first: Seq, last: Seq) -> Vec<Write> {
        let Some(log) = self.logs.get(&id) else { return vec![] };
        let Some(user) = log.author().map(|author| author.user) else { return vec![] };
        let mut reader = stream::StreamReader::in_middle();
        let mut learned = BTreeMap::<InstanceId, u64>::new();
        let mut scratch = Vec::new();
        // From a little before, where a message that ends here may have begun.
        for seq in first.0.saturating_sub(LONGEST).max(1)..=last.0 {
            let Some(datagram) = log.entry(Seq(seq)) else { continue };
            let entry = Entry::from_datagram(datagram).expect("accepted entries were parsed");
            let Some(entry) = self.keys.open_entry(entry, &mut scratch) else { continue };
            let _ = reader.read(&entry, |message| {
                learned.insert(message.author.instance, message.author.number);
            });
        }
        let mut writes = Vec::new();
        for (instance, number) in learned {
            let known = self.numbers.entry(instance).or_default();
            if number > *known {
                let known = std::mem::replace(known, number);
                self.relearned.push(Relearned { log: id, seq: last, instance, number, known });
                let (key, value) = records::number(self.id, user, instance, number);
                writes.push(Write::Record { key, value });
            }
        }
        writes
    }

    /// Whether a user has read a message.
    pub fn has_read(&self, user: UserId, log: LogId, point: Point) -> bool {
        self.positions.get(&user).and_then(|logs| logs.get(&log)).is_some_and(|at| *at >= point)
    }

    /// Whether a slot was there before we were.
    pub fn is_history(&self, log: LogId, seq: Seq) -> bool {
        self.history.get(&log).is_some_and(|upto| seq <= *upto)
    }

    /// Entries in memory that stand before a point, in order of (stamp, log, slot), newest first: the past of a live session.
    pub fn window_before(&self, before: Option<InOrder>, most: usize) -> Vec<(InOrder, Bytes)> {
        let mut newest = Vec::new();
        for (id, log) in &self.logs {
            let entries = (log.base().0 + 1..=log.have().0).rev().filter_map(|seq| {
                let datagram = log.entry(Seq(seq))?;
                let stamp = Entry::from_datagram(datagram).expect("accepted entries were parsed").stamp;
                Some(((stamp, *id, Seq(seq)), datagram.clone()))
            });
            newest.extend(entries.filter(|(at, _)| before.is_none_or(|before| *at < before)).take(most));
        }
        newest.sort_by(|(a, _), (b, _)| b.cmp(a));
        newest.truncate(most);
        newest
    }

    /// Hands an instance what is there for it.
    pub fn deliver(
        &mut self,
        instance: InstanceId,
        budget: usize,
        now: Instant,
        sink: &mut impl FnMut(Delivery<'_>),
    ) -> Outcome {
        let Some(reader) = self.readers.get_mut(&instance) else { return Outcome::Idle };
        let shut = self.shut.get(&reader.user()).unwrap_or(&NOBODY);
        let (user, members) = (reader.user(), self.members.as_ref());
        let may_read = |stamp| members.is_none_or(|members| members.may_read(&user, stamp));
        let source =
            Source { session: self.id, logs: &self.logs, keys: &self.keys, shut, may_read: &may_read };
        reader.deliver(source, budget, now, sink)
    }

    /// Entries that a delivery had asked the store for.
    pub fn fetched(&mut self, instance: InstanceId, log: LogId, from: Seq, entries: Vec<Bytes>) {
        // What has been dropped meanwhile is known to the log: nothing is to be concluded from its not being found.
        let dropped = self.logs.get(&log).is_some_and(|log| log.start() >= from);
        if let Some(reader) = self.readers.get_mut(&instance) {
            reader.fetched(log, from, entries, dropped);
        }
    }
}
