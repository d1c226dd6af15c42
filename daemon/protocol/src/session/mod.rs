//! One session: its logs, who writes, who reads, and who else is in it.
//!
//! [`Session`] only routes. Every behaviour is a part with a file of its own that reads the logs; none calls another.
//!
//! Invariant: what is delivered, advertised or repaired from is an accepted entry of `logs`, and nothing else.

mod announcing;
mod cursor;
pub mod delivery;
pub mod flow;
pub mod gaps;
mod lives;
pub mod members;
mod notices;
pub mod progress;
mod reading;
mod receiving;
pub mod repair;
pub mod reports;
pub mod retention;
pub mod snapshots;
mod timing;
pub mod writer;
mod writing;

use crate::{
    control::{self, Descriptor, Row},
    crypto::Author,
    entry::Entry,
    ids::{Epoch, LogId, Seq},
    log::Log,
    outbox::{News, Outbox},
    records,
    seal::Ring,
    signatures::Signatures,
    store::{StoredLog, Write},
    stream,
    time::Instant,
};
use bytes::Bytes;
use chalktalk_ipc::{HostId, InstanceId, Position, SessionId, UserId, request::SessionKind};
use delivery::{Point, Reader};
use flow::Flow;
use gaps::Gaps;
use members::Members;
use progress::{LogProgress, Progress};
use repair::Repair;
use reports::Reports;
use retention::Retention;
use snapshots::Snapshots;
use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};
use writer::{Genesis, Writer};

/// Accepted entries that a kept log keeps in memory for repairs and quick readers.
const KEPT_CACHE: usize = 512 * 1024;

/// The window of a live log.
const LIVE_WINDOW: usize = 8 << 20;

/// Authors in a live session are told together of what they appended within this time.
const TELL_APPENDED: Duration = Duration::from_millis(10);

/// Another host in the session.
#[derive(Debug)]
struct Present {
    rows: BTreeMap<LogId, Row>,
    ask_at: Instant,
    answer_at: Instant,
    since: Instant,
    window: u32,
}

/// A host that is in the session by its own word, and not by what is known here.
#[derive(Debug)]
struct Aside {
    /// When it was told what there is.
    told: Option<Instant>,
    /// What it says it holds.
    rows: BTreeMap<LogId, Row>,
}

/// A log that a local user writes now.
struct Own {
    user: UserId,
    writer: Writer,
    flow: Flow,
}

/// Messages of an instance came back from others: up to `number`, stored when `seq` is. Known before: up to `known`.
struct Relearned {
    log: LogId,
    seq: Seq,
    instance: InstanceId,
    number: u64,
    known: u64,
}

/// A message that waits until our own tail has been learned.
struct Held {
    user: UserId,
    author: stream::Author,
    destination: InstanceId,
    payload: Bytes,
    mentions: Vec<u8>,
    urgent: bool,
}

/// A session that a local user has joined.
pub struct Session {
    id: SessionId,
    /// What it is.
    pub descriptor: Descriptor,
    /// Local users in it.
    pub joined: BTreeSet<UserId>,
    /// Local users who have left it.
    pub left: BTreeSet<UserId>,
    /// The two users of a direct session: the local one first.
    pub pair: Option<(UserId, UserId)>,
    /// What its entries and frames are sealed with.
    pub keys: Ring,
    /// Who is in it, if that follows from invitations.
    pub members: Option<Members>,
    /// Whether it is a room of another LAN: one with another passphrase, or without one.
    pub elsewhere: bool,
    logs: BTreeMap<LogId, Log>,
    own: BTreeMap<LogId, Own>,
    /// Nothing is written before this: our own tail is being learned from others.
    hold_until: Instant,
    /// The same, if it is longer than we know.
    doubt_until: Instant,
    /// What is published meanwhile: some of it may turn out to be in that tail.
    held: Vec<Held>,
    readers: BTreeMap<InstanceId, Reader>,
    positions: BTreeMap<UserId, BTreeMap<LogId, Point>>,
    acked: BTreeMap<UserId, BTreeMap<LogId, Seq>>,
    shown: BTreeMap<UserId, BTreeMap<LogId, Point>>,
    numbers: BTreeMap<InstanceId, u64>,
    /// Messages of former lives that came back from others and are not stored yet.
    relearned: Vec<Relearned>,
    history: BTreeMap<LogId, Seq>,
    present: BTreeMap<HostId, Present>,
    /// Hosts that have the frame key and do not count as present.
    aside: BTreeMap<HostId, Aside>,
    moved: BTreeMap<LogId, Instant>,
    gaps: Gaps,
    repair: Repair,
    reports: Reports,
    progress: Progress,
    /// When authors in a live session are told how far they have come.
    tell_at: Option<Instant>,
    /// Whose messages are held back from which local user.
    shut: BTreeMap<UserId, BTreeSet<UserId>>,
    /// Users whose position has moved, and when that is stored.
    moved_users: BTreeSet<UserId>,
    save_at: Option<Instant>,
    stamp: u64,
    /// Whether entries can be stored now.
    storing: bool,
    /// Notices whose key has not come yet.
    unread_notices: BTreeMap<(LogId, Seq), Bytes>,
    retention: Retention,
    snapshots: Snapshots,
}

impl Session {
    /// A session that nothing is known of yet.
    pub fn new(id: SessionId, descriptor: Descriptor, keys: Ring, now: Instant) -> Self {
        Self {
            id,
            descriptor,
            joined: BTreeSet::new(),
            left: BTreeSet::new(),
            pair: None,
            keys,
            members: None,
            elsewhere: false,
            logs: BTreeMap::new(),
            own: BTreeMap::new(),
            hold_until: now,
            doubt_until: now,
            held: Vec::new(),
            readers: BTreeMap::new(),
            positions: BTreeMap::new(),
            acked: BTreeMap::new(),
            shown: BTreeMap::new(),
            numbers: BTreeMap::new(),
            relearned: Vec::new(),
            history: BTreeMap::new(),
            present: BTreeMap::new(),
            aside: BTreeMap::new(),
            moved: BTreeMap::new(),
            gaps: Gaps::default(),
            repair: Repair::new(now),
            reports: Reports::default(),
            progress: Progress::default(),
            tell_at: None,
            shut: BTreeMap::new(),
            moved_users: BTreeSet::new(),
            save_at: None,
            stamp: 0,
            storing: true,
            unread_notices: BTreeMap::new(),
            retention: Retention::default(),
            snapshots: Snapshots::default(),
        }
    }

    /// Which session.
    pub fn id(&self) -> SessionId {
        self.id
    }

    /// The highest Lamport stamp that it has heard of.
    pub fn stamp(&self) -> u64 {
        self.stamp
    }

    /// Its logs.
    pub fn logs(&self) -> &BTreeMap<LogId, Log> {
        &self.logs
    }

    /// Entries held.
    pub fn entries(&self) -> u64 {
        self.logs.values().map(|log| log.have().ahead_of(log.start())).sum()
    }

    /// Whether a local user is in it. One that all have left is kept, so that coming back goes on with the same logs; but it takes
    /// no part in anything.
    pub fn is_active(&self) -> bool {
        (!self.joined.is_empty() || self.is_leaving()) && !self.elsewhere
    }

    /// Whether what this user writes is taken here.
    pub fn may_write(&self, user: UserId, log: LogId) -> bool {
        let in_pair = self.pair.is_none_or(|(local, other)| user == local || user == other);
        in_pair && self.limits(user, log).taken != Some(Seq(0))
    }

    /// Whether a local user is in it, or was.
    pub fn is_known_to(&self, user: &UserId) -> bool {
        self.joined.contains(user) || self.left.contains(user)
    }

    /// Whom a direct session is with, as one of the two sees it.
    pub fn partner(&self, me: UserId) -> Option<UserId> {
        self.pair.map(|(one, other)| if one == me { other } else { one })
    }

    /// Whether a local user writes this log now.
    pub fn is_own(&self, id: LogId) -> bool {
        self.own.contains_key(&id)
    }

    /// Hosts that are in it now.
    pub fn present(&self) -> impl Iterator<Item = HostId> + '_ {
        self.present.keys().copied()
    }

    /// Whether its logs are windows in memory.
    pub fn is_live(&self) -> bool {
        self.descriptor.kind == SessionKind::Live
    }

    /// Whether a log is a window in memory. In a live session by invitation each author has one for messages, and another, that
    /// is kept, for what they say of the membership.
    fn is_live_log(&self, id: LogId) -> bool {
        self.is_live() && (self.members.is_none() || id.epoch.is_live())
    }

    /// The log that a local user's messages go into: of two the live one, which is the last.
    fn own_of(&self, user: &UserId) -> Option<&Own> {
        self.own.values().rfind(|own| own.user == *user)
    }

    fn own_of_mut(&mut self, user: &UserId) -> Option<&mut Own> {
        self.own.values_mut().rfind(|own| own.user == *user)
    }

    /// A log that the store holds.
    pub fn restore_log(&mut self, stored: &StoredLog, author: Option<Author>) {
        let StoredLog { log: id, first, last, stamp, genesis, .. } = *stored;
        let mut log = Log::restored(id, first, last, stamp);
        if genesis {
            log.has_first();
        }
        if let Some(author) = author {
            log.set_author(author, Instant::ZERO, &mut Signatures::default());
        }
        self.stamp = self.stamp.max(stamp);
        self.logs.insert(id, log);
    }

    /// What the first entry of a log said of the life before.
    pub fn restore_former(&mut self, id: LogId, former: (Epoch, Seq)) {
        if let Some(log) = self.logs.get_mut(&id) {
            log.set_former(Some(former));
        }
    }

    /// How far a user had read.
    pub fn restore_positions(&mut self, user: UserId, positions: &[Position]) {
        let points = delivery::to_points(positions);
        let acked = points.iter().map(|(log, (seq, _))| (*log, Seq(seq.0 - 1))).collect();
        self.acked.insert(user, acked);
        self.positions.insert(user, points);
    }

    /// How far a user's programs were handed it in former lives.
    pub fn restore_shown(&mut self, user: UserId, positions: &[Position]) {
        self.shown.insert(user, delivery::to_points(positions));
    }

    /// The last number of an instance in this session's logs.
    pub fn restore_number(&mut self, instance: InstanceId, number: u64) {
        self.numbers.insert(instance, number);
    }

    /// After a start: nothing is written before `until`, so that our own tail can be learned from others; not before `in_doubt`
    /// if they say meanwhile that they hold more of one of our logs than we do.
    pub fn hold_writing(&mut self, until: Instant, in_doubt: Instant) {
        (self.hold_until, self.doubt_until) = (until, in_doubt);
    }

    /// Somebody says that a log reaches up to a slot.
    fn doubt(&mut self, id: LogId, upto: Seq, now: Instant) {
        let ours = self.own.values().find(|own| own.writer.log() == id);
        if now < self.hold_until && ours.is_some_and(|own| upto > own.writer.last()) {
            self.hold_until = self.doubt_until.max(self.hold_until);
        }
    }

    /// Says whether there is room to store entries. Live sessions do not care.
    pub fn set_storing(&mut self, storing: bool, now: Instant) {
        self.storing = storing || self.is_live();
        if self.storing {
            self.ask_anew(now);
        }
    }

    /// This host was away without knowing: nobody has waited for it.
    pub fn woke(&mut self, now: Instant) {
        self.present.values_mut().for_each(|present| present.ask_at = now);
        self.ask_anew(now);
    }

    pub(super) fn ask_anew(&mut self, now: Instant) {
        let patience = self.gaps.patience();
        self.logs.values_mut().filter(|log| log.has_gap()).for_each(|log| log.reset_patience(now, patience));
    }

    /// Up to where another host holds a log, and up to where programs there have shown it, by its own word.
    pub fn reached_there(&self, host: HostId, id: LogId) -> (Seq, Seq) {
        let row = self.present.get(&host).and_then(|present| present.rows.get(&id));
        row.map_or_else(Default::default, |row| (row.seq, row.acked))
    }

    /// Up to where this host holds a log, and up to where a local user has been shown it.
    pub fn reached_here(&self, user: &UserId, id: LogId) -> (Seq, Seq) {
        let held = self.logs.get(&id).map_or_else(Default::default, Log::counted);
        (held, self.acked_by(user, id))
    }

    /// How far the apps of a local user have acknowledged a log.
    fn acked_by(&self, user: &UserId, id: LogId) -> Seq {
        self.acked.get(user).and_then(|logs| logs.get(&id)).copied().unwrap_or_default()
    }

    fn on_accepted(&mut self, id: LogId, before: Seq, out: &mut Outbox) {
        let live = self.is_live_log(id);
        let read = live.then(|| self.slowest_reader(id)).flatten();
        let log = self.logs.get_mut(&id).expect("callers looked it up");
        let have = log.have();
        if have <= before {
            return;
        }
        // Signed with our key, and not written here.
        out.twin |= self.own.values().any(|own| own.writer.log() == id && own.writer.last() < have);
        self.stamp = self.stamp.max(log.stamp());
        self.moved.insert(id, out.now);
        out.changed = true;
        if before == Seq(0) {
            on_first_entry(self.id, live, log, &self.keys, out);
        }
        if !live {
            for seq in before.0 + 1..=have.0 {
                let datagram = log.entry(Seq(seq)).expect("just accepted").clone();
                let stamp =
                    u64::from_le_bytes(datagram[72..80].try_into().expect("accepted entries are whole"));
                self.retention.on_entry(stamp);
                out.writes.push(Write::Entry { session: self.id, log: id, seq: Seq(seq), stamp, datagram });
            }
        } else {
            let all = self.own.get(&id).map(|own| own.flow.held_by_all(out.now));
            let read = read.unwrap_or(have);
            log.trim(KEPT_CACHE, all.unwrap_or(have).min(read));
            log.trim(LIVE_WINDOW, have);
        }
        self.take_statements(id, before, have, out);
        self.take_notices(id, before, have, out);
        out.ready.extend(self.readers.keys().copied());
        let mine = self.is_own(id);
        // What one local user writes may be news for another.
        if !mine || self.joined.len() > 1 {
            out.news.push(News { session: self.id, log: id, first: before.next(), last: have });
        }
        if live && mine {
            self.tell_at.get_or_insert(out.now + TELL_APPENDED);
        }
    }

    /// A local user becomes another one, who goes on reading where they were; or leaves.
    pub fn replace_user(&mut self, old: UserId, new: Option<UserId>, now: Instant) {
        self.joined.remove(&old);
        self.own.retain(|_, own| own.user != old);
        self.shut.remove(&old);
        self.moved_users.remove(&old);
        self.held.retain(|message| message.user != old);
        let (positions, acked) = (self.positions.remove(&old), self.acked.remove(&old));
        self.shown.remove(&old);
        let Some(new) = new else { return };
        self.joined.insert(new);
        self.acked.extend(acked.map(|acked| (new, acked)));
        if let Some(positions) = positions {
            self.positions.insert(new, positions);
            self.moved_users.insert(new);
            self.save_at.get_or_insert(now);
        }
    }

    /// The store has everything of a log up to `seq`.
    pub fn on_stored(&mut self, id: LogId, seq: Seq, out: &mut Outbox) {
        let Some(log) = self.logs.get_mut(&id) else { return };
        log.on_stored(seq);
        log.trim(KEPT_CACHE, log.stored());
        out.ready.extend(self.readers.keys().copied());
        for learned in self.relearned.extract_if(.., |learned| learned.log == id && learned.seq <= seq) {
            self.progress.on_stored(learned.instance, learned.number);
        }
        out.changed = true;
        self.tell_progress(out);
    }

    /// Tells the local authors how far their messages have come.
    pub fn tell_progress(&mut self, out: &mut Outbox) {
        let two = self.is_live() && self.members.is_some();
        for (id, own) in self.own.iter().filter(|(id, _)| !two || id.epoch.is_live()) {
            let (id, user) = (*id, &own.user);
            let of = |row: &Row| row.seq;
            let mut held: Vec<Seq> =
                self.present.values().map(|p| p.rows.get(&id).map_or(Seq(0), of)).collect();
            held.sort_by(|a, b| b.cmp(a));
            let there = self.present.values().map(|p| p.rows.get(&id).map_or(Seq(0), |row| row.acked));
            let here =
                self.joined.iter().filter(|other| *other != user).map(|other| self.acked_by(other, id));
            let acked = there.chain(here);
            let log = LogProgress {
                stored: (self.descriptor.kind == SessionKind::Kept).then(|| self.logs[&id].stored()),
                delivered: acked.min().unwrap_or_default(),
                held,
            };
            out.events.extend(self.progress.tell(self.id, &log));
        }
    }
}

/// What the first entry of a log says is kept: of the life before, and who writes it, for its author may never be heard in
/// person.
fn on_first_entry(session: SessionId, live: bool, log: &mut Log, keys: &Ring, out: &mut Outbox) {
    let datagram = log.entry(Seq(1)).expect("just accepted").clone();
    let mut scratch = Vec::new();
    let sealed = Entry::from_datagram(&datagram).expect("accepted entries were parsed");
    let Some(entry) = keys.open_entry(sealed, &mut scratch) else { return };
    let former = lives::former_in(&entry).map(|(epoch, seq, _)| (epoch, seq));
    log.set_former(former);
    if !live {
        out.writes.extend(certificate_in(&entry));
        let record = former.map(|former| records::former(session, entry.log, former));
        out.writes.extend(record.map(|(key, value)| Write::Record { key, value }));
    }
}

/// The record that keeps who an accepted first entry is by: its author may never be heard in person.
fn certificate_in(entry: &Entry<'_>) -> Option<Write> {
    let genesis: Genesis = control::read(entry.body).ok()?;
    let (key, value) = records::certificate(&genesis.certificate, entry.log.origin);
    genesis.certificate.verify().filter(|author| author.origin == entry.log.origin)?;
    Some(Write::Record { key, value })
}
