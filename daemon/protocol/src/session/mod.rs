//! One session: its logs, who writes, who reads, and who else is in it.
//!
//! [`Session`] only routes. Every behaviour is a part with a file of its own that reads the logs; none calls another.
//!
//! Invariant: what is delivered, advertised or repaired from is an accepted entry of `logs`, and nothing else.

pub mod delivery;
pub mod flow;
pub mod gaps;
pub mod progress;
pub mod repair;
pub mod reports;
pub mod writer;

use crate::{
    control::{self, Descriptor, MAX_ROWS, Nack, Report, Row, SessionItem, Vector},
    crypto::{Author, Certificate},
    entry::Entry,
    frame::Kind,
    ids::{LogId, Seq},
    log::{Log, Received},
    net::Way,
    outbox::{CatchUpWish, News, Outbox},
    records,
    store::Write,
    stream,
    time::Instant,
};
use bytes::Bytes;
use chalktalk_ipc::{
    Event, HostId, InstanceId, OriginId, Position, SessionId, UserId,
    batch::Outgoing,
    request::{Role, SessionKind},
};
use delivery::{Delivery, Outcome, Point, Reader, VolatileMessage};
use flow::Flow;
use gaps::Gaps;
use progress::{LogProgress, Progress};
use repair::Repair;
use reports::Reports;
use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};
use writer::{Genesis, Writer};

/// Logs in one session: more than any LAN has writers; beyond it somebody invents them.
const MAX_LOGS: usize = 4096;

/// Accepted entries that a kept log keeps in memory for repairs and quick readers.
const KEPT_CACHE: usize = 512 * 1024;

/// The window of a live log.
const LIVE_WINDOW: usize = 8 << 20;

/// Entries that a live session's readers may lag before the sender is held back for them.
const LIVE_SLACK: u64 = 512;

/// Instances whose last number is remembered per session.
const MAX_NUMBERS: usize = 64;

/// Authors in a live session are told together of what they appended within this time.
const TELL_APPENDED: Duration = Duration::from_millis(2);

/// Acknowledgements that come within this time are stored together. Who crashes before sees the last ones again.
const SAVE_POSITIONS: Duration = Duration::from_millis(50);

/// How often one host is asked for its vector.
const ASK_AGAIN: Duration = Duration::from_millis(1000);

/// Rows of a session in one heartbeat.
const ROWS_PER_BEAT: usize = 8;

/// A host that has just come tells what it holds within this time.
const INTRODUCTION: Duration = Duration::from_millis(500);

/// Entries that the longest message spans, with room for signatures between them.
const LONGEST: u64 = 64;

/// How long a log that moved is named in heartbeats.
const RECENT: Duration = Duration::from_secs(5);

/// Another host in the session.
#[derive(Debug)]
struct Present {
    rows: BTreeMap<LogId, Row>,
    ask_at: Instant,
    since: Instant,
    window: u32,
}

struct Own {
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
    /// The two users of a direct session: the local one first.
    pub pair: Option<(UserId, UserId)>,
    since: Instant,
    logs: BTreeMap<LogId, Log>,
    own: BTreeMap<UserId, Own>,
    /// Nothing is written before this: our own tail is being learned from others.
    hold_until: Instant,
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
    moved: BTreeMap<LogId, Instant>,
    gaps: Gaps,
    repair: Repair,
    reports: Reports,
    progress: Progress,
    /// When authors in a live session are told how far they have come.
    tell_at: Option<Instant>,
    /// Users whose position has moved, and when that is stored.
    moved_users: BTreeSet<UserId>,
    save_at: Option<Instant>,
    stamp: u64,
}

impl Session {
    /// A session that nothing is known of yet.
    pub fn new(id: SessionId, descriptor: Descriptor, now: Instant) -> Self {
        Self {
            id,
            descriptor,
            joined: BTreeSet::new(),
            pair: None,
            since: now,
            logs: BTreeMap::new(),
            own: BTreeMap::new(),
            hold_until: now,
            held: Vec::new(),
            readers: BTreeMap::new(),
            positions: BTreeMap::new(),
            acked: BTreeMap::new(),
            shown: BTreeMap::new(),
            numbers: BTreeMap::new(),
            relearned: Vec::new(),
            history: BTreeMap::new(),
            present: BTreeMap::new(),
            moved: BTreeMap::new(),
            gaps: Gaps::default(),
            repair: Repair::new(now),
            reports: Reports::default(),
            progress: Progress::default(),
            tell_at: None,
            moved_users: BTreeSet::new(),
            save_at: None,
            stamp: 0,
        }
    }

    /// Which session.
    pub fn id(&self) -> SessionId {
        self.id
    }

    /// When it was joined, in this life of the daemon.
    pub fn since(&self) -> Instant {
        self.since
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
        !self.joined.is_empty()
    }

    /// Hosts that are in it now.
    pub fn present(&self) -> impl Iterator<Item = HostId> + '_ {
        self.present.keys().copied()
    }

    fn is_live(&self) -> bool {
        self.descriptor.kind == SessionKind::Live
    }

    // --- what was restored -------------------------------------------------------------------------------------

    /// A log that the store holds.
    pub fn restore_log(&mut self, id: LogId, last: Seq, stamp: u64, author: Option<Author>) {
        let mut log = Log::restored(id, last, stamp);
        if let Some(author) = author {
            log.set_author(author, Instant::ZERO);
        }
        self.stamp = self.stamp.max(stamp);
        self.logs.insert(id, log);
    }

    /// How far a user had read.
    pub fn restore_positions(&mut self, user: UserId, positions: &[Position]) {
        let points = delivery::to_points(positions);
        let acked = points.iter().map(|(log, (seq, _))| (*log, Seq(seq.0 - 1))).collect();
        self.acked.insert(user, acked);
        self.positions.insert(user, points);
    }

    /// The last number of an instance in this session's logs.
    pub fn restore_number(&mut self, instance: InstanceId, number: u64) {
        self.numbers.insert(instance, number);
    }

    /// After an unclean start: nothing is written before `until`, so that our own tail can be learned from others.
    pub fn hold_writing(&mut self, until: Instant) {
        self.hold_until = until;
    }

    // --- writing -----------------------------------------------------------------------------------------------

    /// Gives a local user a log to write. `last`: the end of one that goes on, and the hash of its last signature.
    pub fn add_writer(
        &mut self,
        author: Author,
        key: ed25519_dalek::SigningKey,
        certificate: Certificate,
        epoch: crate::ids::Epoch,
        resume: Option<[u8; 16]>,
        out: &Outbox,
    ) {
        let user = author.user;
        if self.own.contains_key(&user) {
            return;
        }
        let origin = author.origin;
        let newest = self.logs.range(lives(origin)).next_back().map(|(id, log)| (*id, log.have()));
        let (id, writer) = match (resume, newest) {
            (Some(previous), Some((id, last))) if last > Seq(0) => {
                (id, Writer::resume(key, id, last, previous))
            }
            _ => {
                let id = LogId { origin, epoch };
                let previous = newest.map(|(before, _)| previous_life(before.epoch, &self.logs[&before]));
                let genesis = Genesis { certificate, descriptor: self.announced(), previous };
                (id, Writer::begin(key, id, genesis))
            }
        };
        let live = self.is_live();
        let log = self.logs.entry(id).or_insert_with(|| Log::new(id, live));
        log.set_author(author, out.now);
        log.set_own();
        let mut flow = Flow::new(writer.last());
        flow.set_members(self.present.iter().map(|(host, p)| (*host, p.window)), out.now);
        self.own.insert(user, Own { writer, flow });
    }

    /// What the session is, as it may be said in clear: a direct session keeps its members' names to itself.
    pub fn announced(&self) -> Descriptor {
        let title = if self.pair.is_some() { String::new() } else { self.descriptor.title.clone() };
        Descriptor { title, ..self.descriptor.clone() }
    }

    /// Whether this user can write here.
    pub fn has_writer(&self, user: &UserId) -> bool {
        self.own.contains_key(user)
    }

    /// Takes in a durable message. False if the instance has overdrawn its credit.
    pub fn publish(
        &mut self,
        user: UserId,
        author: stream::Author,
        destination: InstanceId,
        message: &Outgoing<'_>,
        now: Instant,
    ) -> bool {
        if now < self.hold_until || !self.held.is_empty() {
            self.held.push(Held {
                user,
                author,
                destination,
                payload: Bytes::copy_from_slice(message.payload),
                mentions: message.mentions.to_vec(),
                urgent: message.urgent,
            });
            return self.own.contains_key(&user);
        }
        self.write(user, author, destination, message)
    }

    fn write(
        &mut self,
        user: UserId,
        author: stream::Author,
        destination: InstanceId,
        message: &Outgoing<'_>,
    ) -> bool {
        let Some(own) = self.own.get_mut(&user) else { return false };
        let last = self.numbers.entry(author.instance).or_default();
        if author.number <= *last {
            own.writer.refund(author.instance, message);
            return true; // sent again after a broken connection, although it had come through
        }
        *last = author.number;
        own.writer.push(destination, author, message);
        true
    }

    /// Sends a volatile message: to everybody once, and to the other local instances.
    pub fn publish_volatile(
        &mut self,
        user: UserId,
        instance: InstanceId,
        destination: InstanceId,
        message: &Outgoing<'_>,
        out: &mut Outbox,
    ) {
        let Some(own) = self.own.get(&user) else { return };
        let log = own.writer.log();
        let body = control::Volatile {
            log,
            seq: own.writer.last(),
            stamp: self.stamp,
            time: out.wall,
            instance,
            urgent: message.urgent,
            payload: serde_bytes::ByteBuf::from(message.payload),
        };
        out.group.push_back(vec![control::volatile(self.id, destination, &body).into()]);
        self.take_volatile(destination, body, out);
    }

    /// Whether messages wait to be sent and may be.
    pub fn can_flush(&self, now: Instant) -> bool {
        self.is_active()
            && now >= self.hold_until
            && (!self.held.is_empty()
                || self.own.values().any(|own| own.writer.is_waiting() && own.flow.allowance(now) > 0))
    }

    /// The time to learn our own tail is over: what was published meanwhile goes on, unless it was in that tail.
    fn release(&mut self, out: &mut Outbox) {
        let logs = &self.logs;
        for own in self.own.values_mut() {
            let id = own.writer.log();
            let before =
                logs.range(lives(id.origin)).rev().find(|(other, log)| **other < id && log.have() > Seq(0));
            own.writer.follow(before.map(|(other, log)| previous_life(other.epoch, log)));
        }
        let held = std::mem::take(&mut self.held);
        for message in &held {
            let Held { payload, mentions, urgent, .. } = message;
            let outgoing = Outgoing { payload, mentions, urgent: *urgent };
            self.write(message.user, message.author, message.destination, &outgoing);
        }
        for message in held {
            let own = self.own.get_mut(&message.user);
            let Some(granted) = own.and_then(|own| own.writer.news_of_grant(message.author.instance)) else {
                continue;
            };
            out.events.push_back((message.author.instance, Event::Credit { session: self.id, granted }));
        }
    }

    /// Makes the next burst: appended, to be stored, and to be sent by the caller.
    pub fn flush(&mut self, out: &mut Outbox) -> Vec<Bytes> {
        let now = out.now;
        if !self.held.is_empty() {
            self.release(out);
        }
        let ready = |own: &Own| own.writer.is_waiting() && own.flow.allowance(now) > 0;
        let Some((user, own)) = self.own.iter_mut().find(|(_, own)| ready(own)) else { return Vec::new() };
        let limit = own.flow.allowance(now);
        let (written, marks) = own.writer.flush(self.id, limit, self.stamp + 1, out.wall);
        let id = own.writer.log();
        own.flow.on_sent(own.writer.last(), now);
        let log = self.logs.get_mut(&id).expect("a writer has its log");
        let before = log.have();
        let user = *user;
        for entry in &written {
            log.append(entry.seq, entry.stamp, entry.datagram.clone());
            self.stamp = self.stamp.max(entry.stamp);
        }
        let authors: BTreeSet<InstanceId> = marks.iter().map(|mark| mark.author.instance).collect();
        for instance in authors {
            if let Some(granted) = own.writer.news_of_grant(instance) {
                out.events.push_back((instance, Event::Credit { session: self.id, granted }));
            }
        }
        self.repair.on_sent(written.len());
        self.progress.on_appended(&marks);
        self.on_accepted(id, before, out);
        if !self.is_live() {
            for mark in marks {
                let (key, value) = records::number(self.id, user, mark.author.instance, mark.author.number);
                out.writes.push(Write::Record { key, value });
            }
        }
        out.urgent |= !self.is_live();
        out.counters.add("entries.sent", written.len() as u64);
        written.into_iter().map(|entry| entry.datagram).collect()
    }

    // --- frames from others ------------------------------------------------------------------------------------

    /// An entry arrived.
    pub fn on_entry(
        &mut self,
        entry: &Entry<'_>,
        datagram: &[u8],
        way: Way,
        author: Option<&Author>,
        out: &mut Outbox,
    ) {
        let Some(id) = self.log_for(entry.log, out) else { return };
        let members = self.present.len() + 1;
        let grace = self.gaps.grace(members, &mut out.rng);
        let live = self.is_live();
        let log = self.logs.get_mut(&id).expect("log_for made it");
        let before = log.have();
        if log.author().is_none() {
            let claimed = if entry.genesis { author_of(entry, out) } else { author.cloned() };
            if let Some(author) = claimed.filter(|author| author.origin == id.origin) {
                log.set_author(author, out.now);
            }
        }
        if entry.stamp > self.stamp.saturating_add(1 << 32) {
            out.counters.add("drop.stamp", 1);
            return;
        }
        let gap = log.has_gap();
        let outcome = log.receive(entry, datagram, out.now, grace);
        if live && before == Seq(0) && log.have() == Seq(0) {
            // A live log is a window: what was said before we came is not asked for unless it is still there.
            self.history.entry(id).or_insert(Seq(entry.seq.0 - 1));
        }
        if gap && log.have() > before {
            log.reset_patience(out.now, self.gaps.patience());
        }
        self.gaps.on_arrival(id, entry.seq, out.now);
        self.repair.on_heard(id, entry.seq);
        match outcome {
            Received::Accepted | Received::Candidate => out.counters.add("entries.received", 1),
            Received::Duplicate => out.counters.add("entries.duplicate", 1),
            Received::Refused(why) => out.counters.add(why, 1),
            Received::Equivocation => out.counters.add("drop.equivocation", 1),
        }
        if way != Way::Stream {
            self.reports.on_entry(id, entry.urge, out.now);
        }
        self.on_accepted(id, before, out);
    }

    /// Somebody lacks entries.
    pub fn on_nack(&mut self, nack: &Nack, absent: impl Fn(OriginId) -> bool, out: &mut Outbox) {
        let members = self.present.len() + 1;
        for want in nack.wants.iter().take(control::MAX_WANTS) {
            let id = want.log();
            let slots = want.last.ahead_of(want.first).min(crate::log::MAX_AHEAD) + 1;
            let want = control::Want { last: Seq(want.first.0 + slots - 1), ..*want };
            let own = self.own.values_mut().find(|own| own.writer.log() == id);
            let mine = own.is_some();
            if let Some(own) = own {
                own.flow.on_lost(slots);
            }
            let Some(log) = self.logs.get_mut(&id) else { continue };
            log.suppress(want.first.0..=want.last.0, out.now, self.gaps.patience());
            if want.first <= log.base() && log.have() > Seq(0) && (mine || absent(id.origin)) {
                self.send_vector(nack.host, false, out); // it may have left the window
            }
            let delay = match (mine, members <= 8) {
                (true, _) => Duration::ZERO,
                (false, _) if absent(id.origin) => self.gaps.backoff(members, &mut out.rng) / 4,
                (false, _) => self.gaps.grtt() + self.gaps.backoff(members, &mut out.rng),
            };
            let log = &self.logs[&id];
            self.repair.on_nack(&want, log, out.now, delay);
        }
    }

    /// A member says how far it has come.
    pub fn on_report(&mut self, report: &Report, now: Instant) {
        if let Some(own) = self.own.values_mut().find(|own| own.writer.log() == report.log) {
            own.flow.on_report(report.host, report.have, report.window, now);
        }
    }

    /// Somebody's vector, or part of one.
    pub fn on_vector(&mut self, vector: &Vector, history: bool, out: &mut Outbox) {
        if vector.answer {
            self.send_vector(vector.host, false, out);
        }
        self.on_rows(vector.host, &vector.rows, history, out);
    }

    /// A volatile message arrived.
    pub fn on_volatile(&mut self, destination: InstanceId, body: control::Volatile, out: &mut Outbox) {
        let members = self.present.len() + 1;
        let grace = self.gaps.grace(members, &mut out.rng);
        if let Some(log) = self.logs.get_mut(&body.log) {
            log.note_head(body.seq, out.now, grace);
        }
        self.take_volatile(destination, body, out);
    }

    /// What a host's heartbeat says of this session. `history`: the host (or the session) is new to us, so that what it
    /// holds was said before.
    pub fn on_announcement(&mut self, host: HostId, item: &SessionItem, history: bool, out: &mut Outbox) {
        self.on_rows(host, &item.rows, history, out);
        let digest = self.digest();
        let Some(present) = self.present.get_mut(&host) else { return };
        if item.digest != digest && out.now >= present.ask_at {
            present.ask_at = out.now + ASK_AGAIN;
            self.send_vector(host, true, out);
        }
    }

    /// A host is in the session (with the datagrams its socket can hold), or is not. True if that is new.
    pub fn set_host(&mut self, host: HostId, window: Option<u32>, now: Instant) -> bool {
        let changed = self.present.contains_key(&host) != window.is_some();
        match window {
            Some(window) => {
                let fresh = || Present { rows: BTreeMap::new(), ask_at: now, since: now, window };
                self.present.entry(host).or_insert_with(fresh).window = window;
            }
            None => drop(self.present.remove(&host)),
        }
        if changed {
            for own in self.own.values_mut() {
                own.flow.set_members(self.present.iter().map(|(host, p)| (*host, p.window)), now);
            }
        }
        changed
    }

    /// The round trip time to a host in the session was measured.
    pub fn on_round_trip(&mut self, host: HostId, sample: Duration) {
        if self.present.contains_key(&host) {
            self.gaps.on_round_trip(sample);
        }
    }

    /// Whether a host is only now telling what it holds: all of that was said before we met.
    pub fn is_introduction(&self, host: HostId, now: Instant) -> bool {
        self.present.get(&host).is_none_or(|present| now.since(present.since) < INTRODUCTION)
    }

    fn on_rows(&mut self, host: HostId, rows: &[Row], history: bool, out: &mut Outbox) {
        let members = self.present.len() + 1;
        for row in rows.iter().take(4 * MAX_ROWS) {
            let Some(id) = self.log_for(row.log(), out) else { continue };
            if let Some(present) = self.present.get_mut(&host) {
                present.rows.insert(id, *row);
            }
            let unseen = history && !self.history.contains_key(&id);
            let gone = self.gone(host, row, unseen);
            let log = self.logs.get_mut(&id).expect("log_for made it");
            if unseen {
                self.history.insert(id, row.seq.max(log.have()));
            }
            if let Some(upto) = gone {
                log.skip_to(upto);
                self.on_accepted(id, upto, out);
            }
            let grace = self.gaps.grace(members, &mut out.rng);
            let log = self.logs.get_mut(&id).expect("still there");
            log.note_head(row.seq, out.now, grace);
        }
    }

    /// Up to where a log is not to be had, going by what a host says it holds: what newcomers are not to see, and in a live
    /// session what has left the window. There the author's word counts, and without the author that of all others.
    fn gone(&self, host: HostId, row: &Row, unseen: bool) -> Option<Seq> {
        let log = &self.logs[&row.log()];
        if !self.descriptor.history && unseen && log.have() == Seq(0) {
            return Some(row.seq);
        }
        if !self.is_live() || row.first <= log.have().next() {
            return None;
        }
        let author =
            log.author().map(|author| author.host).filter(|author| self.present.contains_key(author));
        let firsts = self.present.values().filter_map(|present| Some(present.rows.get(&row.log())?.first));
        let first = match author {
            Some(author) if author == host => row.first,
            Some(_) => return None,
            None => firsts.min().unwrap_or(row.first),
        };
        (first > log.have().next()).then(|| Seq(first.0 - 1))
    }

    fn take_volatile(&mut self, destination: InstanceId, body: control::Volatile, out: &mut Outbox) {
        let author = self.logs.get(&body.log).and_then(Log::author);
        let head = chalktalk_ipc::batch::DeliverHead {
            session: self.id,
            origin: body.log.origin,
            user: author.map_or(UserId::NIL, |author| author.user),
            instance: body.instance,
            epoch: body.log.epoch.0,
            flags: chalktalk_ipc::batch::DeliverFlags {
                volatile: true,
                addressed: !destination.is_nil(),
                ..Default::default()
            },
        };
        let message = VolatileMessage {
            head,
            seq: body.seq,
            stamp: body.stamp,
            time: body.time,
            urgent: body.urgent,
            payload: body.payload.into_vec().into(),
        };
        let for_it = |id: &InstanceId| *id != body.instance && (destination.is_nil() || destination == *id);
        for (id, reader) in self.readers.iter_mut().filter(|(id, _)| for_it(id)) {
            reader.push_volatile(message.clone());
            out.ready.insert(*id);
        }
    }

    // --- what follows from accepted entries ---------------------------------------------------------------------

    fn on_accepted(&mut self, id: LogId, before: Seq, out: &mut Outbox) {
        let live = self.is_live();
        let log = self.logs.get_mut(&id).expect("callers looked it up");
        let have = log.have();
        if have <= before {
            return;
        }
        self.stamp = self.stamp.max(log.stamp());
        self.moved.insert(id, out.now);
        out.changed = true;
        if !live {
            for seq in before.0 + 1..=have.0 {
                let datagram = log.entry(Seq(seq)).expect("just accepted").clone();
                if seq == 1 {
                    out.writes.extend(certificate_in(&datagram));
                }
                let stamp =
                    u64::from_le_bytes(datagram[72..80].try_into().expect("accepted entries are whole"));
                out.writes.push(Write::Entry { session: self.id, log: id, seq: Seq(seq), stamp, datagram });
            }
        } else {
            let all =
                self.own.values().find(|own| own.writer.log() == id).map(|own| own.flow.held_by_all(out.now));
            let read = self.readers.values().map(|reader| reader.read_upto(id)).min().unwrap_or(have);
            log.trim(KEPT_CACHE, all.unwrap_or(have).min(read));
            log.trim(LIVE_WINDOW, have);
        }
        out.ready.extend(self.readers.keys().copied());
        let mine = self.own.values().any(|own| own.writer.log() == id);
        if !mine {
            out.news.push(News { session: self.id, log: id, first: before.next(), last: have });
        }
        if live && mine {
            self.tell_at.get_or_insert(out.now + TELL_APPENDED);
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
        for own in self.own.values() {
            let id = own.writer.log();
            let of = |row: &Row| row.seq;
            let mut held: Vec<Seq> =
                self.present.values().map(|p| p.rows.get(&id).map_or(Seq(0), of)).collect();
            held.sort_by(|a, b| b.cmp(a));
            let acked = self.present.values().map(|p| p.rows.get(&id).map_or(Seq(0), |row| row.acked));
            let log = LogProgress {
                stored: (self.descriptor.kind == SessionKind::Kept).then(|| self.logs[&id].stored()),
                delivered: acked.min().unwrap_or_default(),
                held,
            };
            out.events.extend(self.progress.tell(self.id, &log));
        }
    }

    // --- reading -----------------------------------------------------------------------------------------------

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

    /// An instance stops reading.
    pub fn close(&mut self, instance: InstanceId) {
        if let Some(reader) = self.readers.remove(&instance).filter(|reader| reader.role == Role::App) {
            self.shown.entry(reader.user()).or_default().extend(reader.points());
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

    /// Everybody who reads here.
    pub fn readers(&self) -> impl Iterator<Item = InstanceId> + '_ {
        self.readers.keys().copied()
    }

    /// Whether somebody else's messages from before the last start have not been read by a user who had begun to.
    pub fn has_old_unread(&self, user: UserId) -> bool {
        let none = BTreeMap::new();
        let read = self.positions.get(&user).unwrap_or(&none);
        let unread = |(id, log): (&LogId, &Log)| {
            log.author().is_some_and(|author| author.user != user)
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
        // From a little before, where a message that ends here may have begun.
        for seq in first.0.saturating_sub(LONGEST).max(1)..=last.0 {
            let Some(datagram) = log.entry(Seq(seq)) else { continue };
            let entry = Entry::from_datagram(datagram).expect("accepted entries were parsed");
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

    /// Hands an instance what is there for it.
    pub fn deliver(
        &mut self,
        instance: InstanceId,
        budget: usize,
        now: Instant,
        sink: &mut impl FnMut(Delivery<'_>),
    ) -> Outcome {
        let Some(reader) = self.readers.get_mut(&instance) else { return Outcome::Idle };
        reader.deliver(self.id, &self.logs, budget, now, sink)
    }

    /// Entries that a delivery had asked the store for.
    pub fn fetched(&mut self, instance: InstanceId, log: LogId, from: Seq, entries: Vec<Bytes>) {
        if let Some(reader) = self.readers.get_mut(&instance) {
            reader.fetched(log, from, entries);
        }
    }

    // --- time ----------------------------------------------------------------------------------------------------

    /// Does what is due.
    pub fn handle_timeout(&mut self, origin_host: impl Fn(OriginId) -> Option<HostId>, out: &mut Outbox) {
        let asked = self.gaps.take_due(&mut self.logs, out.now);
        if asked.catch_up && !self.gaps.is_catching_up() {
            self.wish_catch_up(out);
        }
        if !asked.wants.is_empty() && !self.gaps.is_catching_up() {
            out.counters.add("nacks.sent", 1);
            out.counters.add("slots.lost", asked.fresh);
            let nack = Nack { host: out.host, wants: asked.wants };
            out.group.push_back(vec![control::frame(Kind::Nack, self.id, &nack).into()]);
        }
        let repairs = self.repair.take_due(&mut self.logs, out.now, self.gaps.grtt());
        if !repairs.is_empty() {
            out.counters.add("repairs.sent", repairs.len() as u64);
            out.group.extend(repairs.chunks(32).map(<[Bytes]>::to_vec));
        }
        if self.tell_at.is_some_and(|at| at <= out.now) {
            self.tell_at = None;
            self.tell_progress(out);
        }
        if self.save_at.is_some_and(|at| at <= out.now) {
            self.save_positions(out);
        }
        let goes_on =
            self.readers.iter_mut().filter_map(|(id, reader)| reader.take_due(out.now).then_some(*id));
        out.ready.extend(goes_on);
        self.probe(out);
        let live = self.is_live();
        for id in self.reports.take_due(out.now) {
            let Some(log) = self.logs.get(&id) else { continue };
            let Some(host) = log.author().map(|a| a.host).or_else(|| origin_host(id.origin)) else {
                continue;
            };
            let read = self.readers.values().filter(|_| live).map(|reader| reader.read_upto(id)).min();
            let have = read.map_or(log.have(), |read| log.have().min(Seq(read.0 + LIVE_SLACK)));
            if have < log.have() {
                self.reports.again(id, out.now);
            }
            let report = Report { host: out.host, log: id, have, window: out.window };
            out.unicast.push_back((host, control::frame(Kind::Report, self.id, &report).into()));
        }
    }

    /// When something will be due.
    pub fn next_timeout(&self, now: Instant) -> Option<Instant> {
        if !self.is_active() {
            return None;
        }
        let waiting = self.own.values().filter(|own| own.writer.is_waiting());
        let flow = waiting.filter_map(|own| {
            own.flow.next_timeout(now).or((now < self.hold_until).then_some(self.hold_until))
        });
        let held = (!self.held.is_empty()).then(|| self.hold_until.max(now));
        let grtt = self.gaps.grtt();
        let probes =
            self.own.values().filter_map(|own| own.flow.probe_at(own.writer.is_waiting(), grtt, now)).min();
        let parts = [
            self.gaps.next_timeout(&self.logs),
            self.repair.next_timeout(),
            self.reports.next_timeout(),
            held,
            self.readers.values().filter_map(Reader::next_timeout).min(),
            probes,
            self.tell_at,
            self.save_at,
        ];
        parts.into_iter().flatten().chain(flow).min()
    }

    /// Sends the last entry again where nobody says that it came.
    fn probe(&mut self, out: &mut Outbox) {
        let grtt = self.gaps.grtt();
        for own in self.own.values_mut() {
            let due = own.flow.probe_at(own.writer.is_waiting(), grtt, out.now);
            if due.is_none_or(|due| due > out.now) {
                continue;
            }
            own.flow.on_probe(out.now);
            if let Some(datagram) = self.logs[&own.writer.log()].entry(own.writer.last()) {
                out.group.push_back(vec![datagram.clone()]);
                out.counters.add("probes.sent", 1);
            }
        }
    }

    fn wish_catch_up(&mut self, out: &mut Outbox) {
        let mut providers: Vec<(u64, HostId)> = Vec::new();
        let mut wants = BTreeMap::<LogId, Seq>::new();
        for (host, present) in &self.present {
            let useful: Vec<_> = present.rows.values().filter(|row| self.lacks(row)).collect();
            if !useful.is_empty() {
                providers.push((rendezvous(out.host, *host), *host));
            }
            for row in useful {
                let upto = wants.entry(row.log()).or_default();
                *upto = row.seq.max(*upto);
            }
        }
        if providers.is_empty() {
            return;
        }
        providers.sort();
        let runs = wants.iter().map(|(id, last)| (*id, self.logs[id].have().next(), *last)).collect();
        self.gaps.on_catch_up(wants.into_keys().collect());
        let providers = providers.into_iter().map(|(_, host)| host).collect();
        out.catch_ups.push(CatchUpWish { session: self.id, wants: runs, providers });
    }

    fn lacks(&self, row: &Row) -> bool {
        self.logs.get(&row.log()).is_some_and(|log| log.have() < row.seq && log.has_gap())
    }

    /// A catch-up has ended, well or not.
    pub fn on_catch_up_end(&mut self, now: Instant) {
        self.gaps.on_catch_up_end();
        let patience = self.gaps.patience();
        self.logs.values_mut().filter(|log| log.has_gap()).for_each(|log| log.reset_patience(now, patience));
    }

    // --- what heartbeats say ---------------------------------------------------------------------------------------

    /// Hash of what is held here.
    pub fn digest(&self) -> u64 {
        let mut hash = blake3::Hasher::new();
        for (id, log) in self.logs.iter().filter(|(_, log)| log.stored() > Seq(0)) {
            hash.update(&id.origin.0).update(&id.epoch.0.to_le_bytes()).update(&log.stored().0.to_le_bytes());
        }
        u64::from_le_bytes(hash.finalize().as_bytes()[..8].try_into().expect("a hash has 32 bytes"))
    }

    /// What this host announces of the session.
    pub fn item(&mut self, now: Instant) -> SessionItem {
        self.moved.retain(|_, at| now.since(*at) < RECENT);
        let mut ids: Vec<LogId> =
            self.own.values().map(|own| own.writer.log()).filter(|id| self.moved.contains_key(id)).collect();
        let mut recent: Vec<_> = self.moved.iter().map(|(id, at)| (*at, *id)).collect();
        recent.sort_by(|a, b| b.cmp(a));
        ids.extend(recent.into_iter().map(|(_, id)| id));
        ids.dedup();
        let rows = ids.into_iter().take(ROWS_PER_BEAT).filter_map(|id| self.row(id)).collect();
        let users = if self.pair.is_some() { Vec::new() } else { self.joined.iter().copied().collect() };
        SessionItem { session: self.id, descriptor: self.announced(), users, digest: self.digest(), rows }
    }

    fn row(&self, id: LogId) -> Option<Row> {
        let log = self.logs.get(&id)?;
        let acked = self
            .joined
            .iter()
            .map(|user| self.acked.get(user).and_then(|logs| logs.get(&id)).copied().unwrap_or_default());
        let first = log.start().next();
        let seq = log.stored();
        (seq > Seq(0)).then(|| Row {
            origin: id.origin,
            epoch: id.epoch,
            first,
            seq,
            acked: acked.min().unwrap_or_default(),
        })
    }

    fn send_vector(&self, host: HostId, answer: bool, out: &mut Outbox) {
        let rows: Vec<Row> = self.logs.keys().filter_map(|id| self.row(*id)).collect();
        let mut frames: Vec<&[Row]> = rows.chunks(MAX_ROWS).collect();
        if frames.is_empty() {
            frames.push(&[]);
        }
        let last = frames.len() - 1;
        for (i, rows) in frames.into_iter().enumerate() {
            let vector = Vector { host: out.host, rows: rows.to_vec(), answer: answer && i == last };
            out.unicast.push_back((host, control::frame(Kind::Vector, self.id, &vector).into()));
        }
    }

    fn log_for(&mut self, id: LogId, out: &mut Outbox) -> Option<LogId> {
        if !self.logs.contains_key(&id) {
            if self.logs.len() >= MAX_LOGS {
                out.counters.add("drop.too many logs", 1);
                return None;
            }
            let live = self.is_live();
            self.logs.insert(id, Log::new(id, live));
        }
        Some(id)
    }

    /// What has to be remembered to go on with the same epoch after a clean stop.
    pub fn clean_stop(&self) -> Vec<(OriginId, [u8; 16])> {
        let kept = self.own.values().filter(|_| self.descriptor.kind == SessionKind::Kept);
        kept.filter(|own| own.writer.last() > Seq(0))
            .map(|own| (own.writer.log().origin, own.writer.previous()))
            .collect()
    }

    /// Learns who an origin is, from elsewhere than its log.
    pub fn on_author(&mut self, author: &Author, out: &mut Outbox) {
        let ids: Vec<LogId> = self.logs.range(lives(author.origin)).map(|(id, _)| *id).collect();
        for id in ids {
            let log = self.logs.get_mut(&id).expect("just listed");
            let before = log.have();
            if log.set_author(author.clone(), out.now) {
                self.on_accepted(id, before, out);
            }
        }
    }
}

/// What a new life says of the one before it: the last slot known, and its hash if that is at hand.
fn previous_life(epoch: crate::ids::Epoch, log: &Log) -> (crate::ids::Epoch, Seq, [u8; 16]) {
    let hash = log.entry(log.have()).map(|datagram| crate::crypto::entry_hash(datagram));
    (epoch, log.have(), hash.unwrap_or_default())
}

/// All lives of an origin.
fn lives(origin: OriginId) -> std::ops::RangeInclusive<LogId> {
    LogId { origin, epoch: crate::ids::Epoch(0) }..=LogId { origin, epoch: crate::ids::Epoch(u32::MAX) }
}

/// Who asks whom: every asker has an order of its own, so that a crowd spreads over the providers.
fn rendezvous(asker: HostId, provider: HostId) -> u64 {
    let hash = blake3::hash(&[asker.0, provider.0].concat());
    u64::from_le_bytes(hash.as_bytes()[..8].try_into().expect("a hash has 32 bytes"))
}

/// The record that keeps who an accepted first entry is by: its author may never be heard in person.
fn certificate_in(datagram: &[u8]) -> Option<Write> {
    let entry = Entry::from_datagram(datagram).expect("accepted entries were parsed");
    let genesis: Genesis = control::read(entry.body).ok()?;
    let (key, value) = records::certificate(&genesis.certificate, entry.log.origin);
    genesis.certificate.verify().filter(|author| author.origin == entry.log.origin)?;
    Some(Write::Record { key, value })
}

/// Whom a first entry says it is by, if the certificate in it holds.
fn author_of(entry: &Entry<'_>, out: &mut Outbox) -> Option<Author> {
    let genesis: Option<Genesis> = control::read(entry.body).ok();
    let author = genesis.as_ref().and_then(|genesis| genesis.certificate.verify());
    if author.is_none() {
        out.counters.add("drop.bad certificate", 1);
    }
    author
}
