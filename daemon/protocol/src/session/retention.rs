//! What others hold of a session, what may be dropped of a chat's past for that, and what becomes of a log whose beginning others
//! have dropped. What may be dropped of other sessions is in `snapshots.rs`.
//!
//! An entry may go when every host seen in the session of late holds it. What a host holds is told by its digest (P37): where it
//! is ours, the host holds all that we hold, so one number, a Lamport stamp, says it for all logs. The shell's store drops in
//! the order of stamps. The first entry of a log stays: it says whose log it is, and newcomers need it (P121, P122).
//!
//! Invariant: what a host is said to hold, it has said itself, of exactly the entries that are held here.

use super::{Session, lives};
use crate::{
    control::{HeldSnapshot, Row},
    entry::Entry,
    ids::{LogId, Seq},
    log::Log,
    outbox::Outbox,
    records,
    store::Write,
    time::Instant,
};
use chalktalk_ipc::{AppId, HostId, request::SessionKind};
use serde::{Deserialize, Serialize};
use std::{collections::BTreeMap, time::Duration};

/// What nobody present has is waited for this long by who is new: the vectors of all come within it.
const NEWCOMERS_WAIT: Duration = Duration::from_secs(3);

/// And this long by who was there all the time: somebody away may have it.
const MEMBERS_WAIT: Duration = Duration::from_secs(24 * 3600);

/// How often the first entries of logs are asked for until they are there.
const ASK_FIRST: Duration = Duration::from_secs(1);

/// A host that is or was in a session.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Holder {
    /// When it was last there, ms since 1970 by our clock.
    pub seen: u64,
    /// It holds all that we hold up to this stamp.
    pub held: u64,
    /// The snapshots that it holds.
    #[serde(default)]
    pub snapshots: Vec<HeldSnapshot>,
}

/// What a session knows of what others hold, and of what is not to be had.
#[derive(Debug, Default)]
pub(super) struct Retention {
    holders: BTreeMap<HostId, Holder>,
    /// Logs whose next entry nobody present seems to have, and when they are given up.
    doubted: BTreeMap<LogId, Instant>,
    /// Whether this host was away for so long that others need not have waited for it.
    was_away: bool,
    /// When first entries are asked for.
    ask_first: Option<Instant>,
}

impl Retention {
    pub(super) fn next_timeout(&self) -> Option<Instant> {
        self.doubted.values().copied().chain(self.ask_first).min()
    }

    /// The snapshots that a host has said it holds.
    pub(super) fn snapshots_of(&self, host: HostId) -> &[HeldSnapshot] {
        self.holders.get(&host).map_or(&[], |holder| &holder.snapshots)
    }

    /// A host says so.
    pub(super) fn set_snapshots(&mut self, host: HostId, snapshots: Vec<HeldSnapshot>) {
        self.holders.entry(host).or_default().snapshots = snapshots;
    }

    /// What comes next in a log may not be to be had any more: it is looked at now.
    pub(super) fn doubt(&mut self, log: LogId, now: Instant) {
        self.doubted.insert(log, now);
    }

    /// An entry came behind others of a later stamp: who holds those need not hold it.
    pub(super) fn on_entry(&mut self, stamp: u64) {
        for holder in self.holders.values_mut().filter(|holder| holder.held >= stamp) {
            holder.held = stamp.saturating_sub(1);
        }
    }
}

impl Session {
    /// Whether its past may be dropped: that of a chat beyond a quota, that of others where a snapshot stands for it. Not in a
    /// session by invitation, in which newcomers need what was said of its members.
    pub fn may_drop(&self) -> bool {
        self.descriptor.kind == SessionKind::Kept && self.descriptor.history && self.members.is_none()
    }

    /// Whether it is a chat: its oldest entries may go without anything in their place.
    pub fn is_chat(&self) -> bool {
        self.descriptor.app == AppId::chat()
    }

    /// A host that was in it in an earlier life of this daemon.
    pub fn restore_holder(&mut self, host: HostId, holder: Holder, here: HostId, wall: u64, away: Duration) {
        if host == here {
            self.retention.was_away = is_away(&holder, wall, away);
        } else {
            self.retention.holders.insert(host, holder);
        }
    }

    /// A host is in the session, or has just gone: it is to be reckoned with for a while.
    pub fn remember(&mut self, host: HostId, out: &mut Outbox) {
        if !self.may_drop() {
            return;
        }
        let holder = self.retention.holders.entry(host).or_default();
        holder.seen = out.wall;
        let (key, value) = records::holder(self.id, host, holder);
        out.writes.push(Write::Record { key, value });
    }

    /// A host has left the session: nothing is kept for it.
    pub fn forget(&mut self, host: HostId, out: &mut Outbox) {
        if self.retention.holders.remove(&host).is_some() {
            out.writes.push(Write::ForgetRecord { key: records::holder_key(self.id, host) });
        }
    }

    /// Stores what is known of all who are present, and that this host is here.
    pub fn save_holders(&mut self, out: &mut Outbox) {
        if !self.may_drop() || !self.is_active() {
            return;
        }
        let present: Vec<HostId> = self.present.keys().copied().collect();
        present.into_iter().for_each(|host| self.remember(host, out));
        let here = Holder { seen: out.wall, ..Holder::default() };
        let (key, value) = records::holder(self.id, out.host, &here);
        out.writes.push(Write::Record { key, value });
    }

    /// A host holds exactly what we do.
    pub(super) fn on_same(&mut self, host: HostId) {
        // What is accepted and not stored is not in the digest.
        if self.may_drop() && self.logs.values().all(|log| log.stored() == log.have()) {
            let held = self.logs.values().map(Log::stamp).max().unwrap_or_default();
            self.retention.holders.entry(host).or_default().held = held;
        }
    }

    /// The stamp up to which every host holds everything that was here within `away`.
    pub fn held_by_all(&self, wall: u64, away: Duration) -> u64 {
        self.waited_for(wall, away).map(|holder| holder.held).min().unwrap_or(u64::MAX)
    }

    /// How many other hosts were ever here and have not left.
    pub(super) fn others_known(&self) -> u32 {
        u32::try_from(self.retention.holders.len()).unwrap_or(u32::MAX)
    }

    /// The other hosts that were here within `away`.
    pub(super) fn waited_for(&self, wall: u64, away: Duration) -> impl Iterator<Item = &Holder> {
        let counts = move |(host, holder): &(&HostId, &Holder)| {
            self.present.contains_key(*host) || !is_away(holder, wall, away)
        };
        self.retention.holders.iter().filter(counts).map(|(_, holder)| holder)
    }

    /// The store has dropped what stands up to these slots.
    pub fn dropped(&mut self, upto: &[(LogId, Seq)]) {
        for (id, seq) in upto {
            if let Some(log) = self.logs.get_mut(id) {
                log.drop_to(*seq);
            }
        }
    }

    /// Somebody says that they no longer have what comes next here.
    pub(super) fn doubt_past(&mut self, row: &Row, now: Instant) {
        let log = &self.logs[&row.log()];
        if !self.may_drop() || row.first <= log.have().next() {
            return;
        }
        let new = log.have() == Seq(0) || self.retention.was_away;
        let wait = match (self.is_chat(), new) {
            (true, true) => NEWCOMERS_WAIT,
            (true, false) => MEMBERS_WAIT,
            // Nothing is lost if it is in a snapshot, and it is not given up if it is in none.
            (false, _) if self.snapshots.covers(row.log(), log.have().next()) => Duration::ZERO,
            (false, _) => return,
        };
        self.retention.doubted.entry(row.log()).or_insert(now + wait);
    }

    /// Gives up what nobody has, and asks for first entries.
    pub(super) fn time_retention(&mut self, out: &mut Outbox) {
        let now = out.now;
        let due = |at: &Instant| *at <= now;
        let doubted: Vec<LogId> =
            self.retention.doubted.iter().filter(|(_, at)| due(at)).map(|(id, _)| *id).collect();
        for id in doubted {
            self.retention.doubted.remove(&id);
            let Some(first) = self.first_to_be_had(id) else { continue };
            let last = Seq(first.0 - 1);
            if self.is_chat() || self.snapshots.covers(id, last) {
                self.give_up(id, last, out);
            }
        }
        if self.retention.ask_first.is_some_and(|at| due(&at)) {
            let lacking = self.logs.values().any(Log::lacks_first);
            self.retention.ask_first = lacking.then_some(out.now + ASK_FIRST);
            if lacking && !self.gaps.is_catching_up() {
                self.wish_catch_up(out);
            }
        }
    }

    /// The first slot behind the gap that any host present has, if none has the gap.
    fn first_to_be_had(&self, id: LogId) -> Option<Seq> {
        let next = self.logs.get(&id)?.have().next();
        let rows = self.present.values().filter_map(|present| present.rows.get(&id));
        let first = rows.filter(|row| row.seq >= next).map(|row| row.first).min()?;
        (first > next).then_some(first)
    }

    /// Whether no host present has what comes next in some log.
    pub(super) fn lacks_past(&self) -> bool {
        self.logs.keys().any(|id| self.first_to_be_had(*id).is_some())
    }

    fn give_up(&mut self, id: LogId, upto: Seq, out: &mut Outbox) {
        let log = self.logs.get_mut(&id).expect("it was looked at");
        log.go_on_behind(upto);
        out.writes.push(Write::DropEntries { session: self.id, log: id, upto });
        out.counters.add("entries.not to be had", 1);
        if log.lacks_first() {
            self.retention.ask_first = Some(out.now);
        }
        self.on_accepted(id, upto, out);
        out.ready.extend(self.readers.keys().copied());
    }

    /// The first entry of a log of which the next ones are gone: it is kept for others, and says whose log it is.
    pub(super) fn take_first(&mut self, entry: &Entry<'_>, datagram: &[u8], out: &mut Outbox) {
        let Some(log) = self.logs.get_mut(&entry.log).filter(|log| log.lacks_first()) else { return };
        if !log.is_signed_by_author(entry, &mut out.signatures) {
            return out.counters.add(crate::log::BAD_SIGNATURE, 1);
        }
        log.has_first();
        let mut scratch = Vec::new();
        let Some(opened) = self.keys.open_entry(*entry, &mut scratch) else { return };
        log.set_former(lives::former_in(&opened).map(|(epoch, seq, _)| (epoch, seq)));
        let (session, log, seq, stamp) = (self.id, entry.log, entry.seq, entry.stamp);
        out.writes.push(Write::Entry { session, log, seq, stamp, datagram: datagram.to_vec().into() });
        out.writes.extend(super::certificate_in(&opened));
    }
}

/// Whether a host has not been here for so long that it is no longer waited for. A clock that went back makes nobody away.
fn is_away(holder: &Holder, wall: u64, away: Duration) -> bool {
    u128::from(wall.saturating_sub(holder.seen)) > away.as_millis()
}
