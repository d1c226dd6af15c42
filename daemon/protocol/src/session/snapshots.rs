//! Snapshots: blobs that stand for all entries under a vector, who holds which, and what need not be kept as entries for that.
//!
//! What a snapshot says only its app knows: a program makes one, or checks one that others made, and tells its daemon that the host
//! holds it and what it stands for. Hosts tell each other in heartbeats which ones they hold (P131). A snapshot's name is the hash of
//! the canonical state, so hosts that name the same have the same. What stands under one that enough hosts hold may go when everybody
//! who is waited for holds it (P132), and who finds it gone goes on behind it once a program here holds such a snapshot (P133).
//!
//! Invariant: nothing is dropped here but what programs of all local users in the session have said to be in a snapshot, and nothing
//! given up but what one of them has.

use super::{
    Session,
    delivery::{Reader, is_shut},
    lives::LONGEST,
    retention::Holder,
};
use crate::{
    control::HeldSnapshot,
    ids::{LogId, Seq},
    log::Log,
    outbox::Outbox,
    records,
    store::Write,
};
use chalktalk_ipc::{BlobId, Event, HostId, InstanceId, Position, UserId, event::SnapshotSummary};
use serde::{Deserialize, Serialize};
use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

/// Snapshots that a host names: one that others have, and a newer one that they have not checked yet.
pub const MAX_HELD: usize = 2;

/// Snapshots that programs are told of.
const MAX_TOLD: usize = 8;

/// Snapshots kept that stand for what has not come.
const MAX_REACHING: usize = 4;

/// Hosts that have to hold a snapshot, if there are so many.
const ENOUGH: u32 = 3;

/// Logs that a snapshot may stand for.
const MAX_COVERED: usize = 4096;

/// Entries of one log that are dropped at a time, so that what waits to be stored does not wait for long.
const PORTION: u64 = 4096;

/// A snapshot that this host holds.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Cover {
    /// As others are told of it.
    pub held: HeldSnapshot,
    /// What it stands for: the last entry of each log.
    pub upto: Vec<(LogId, Seq)>,
    /// Local users whose programs have said so.
    pub by: Vec<UserId>,
    /// Since when, ms since 1970.
    pub since: u64,
    /// Once all of that is held: the greatest Lamport stamp then. Who holds everything up to there holds what it stands for.
    pub stamp: Option<u64>,
}

impl Cover {
    fn covers(&self, id: LogId, seq: Seq) -> bool {
        self.upto.iter().any(|(log, upto)| *log == id && seq <= *upto)
    }

    /// Whether it stands for everything that another one stands for.
    fn contains(&self, other: &Self) -> bool {
        other.upto.iter().all(|(log, seq)| self.covers(*log, *seq))
    }
}

/// Why a snapshot is not held.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum NotHeld {
    /// What was said in this session is kept whole.
    KeptWhole,
    /// Something that it stands for is held back from the user, so that they cannot know it.
    Shut,
    /// It stands for what is not here, or was made without the snapshot that what is here begins with.
    Lacking,
    /// Later ones stand for more.
    Needless,
}

/// The snapshots of a session.
#[derive(Debug, Default)]
pub(super) struct Snapshots {
    /// Those that this host holds; the one that stands for the most last.
    covers: Vec<Cover>,
    /// What programs were told last, of each user.
    told: BTreeMap<UserId, Vec<SnapshotSummary>>,
}

impl Snapshots {
    /// Whether an entry is in one that this host holds.
    pub(super) fn covers(&self, id: LogId, seq: Seq) -> bool {
        self.covers.iter().any(|cover| cover.covers(id, seq))
    }
}

impl Session {
    /// Whether entries of it may be dropped when a snapshot stands for them. A chat has its quota instead.
    pub fn may_be_covered(&self) -> bool {
        self.may_drop() && !self.is_chat()
    }

    /// What others are told: the newest that this host holds, by the word of all its users here. One could have others' past dropped.
    pub(super) fn snapshots_told(&self) -> Vec<HeldSnapshot> {
        let held = self.snapshots.covers.iter().rev().filter(|cover| self.is_held(cover));
        held.take(MAX_HELD).map(|cover| cover.held).collect()
    }

    fn is_held(&self, cover: &Cover) -> bool {
        self.joined.iter().all(|user| cover.by.contains(user))
    }

    /// A local user's program holds a snapshot of everything up to these positions. `behind` are the snapshots that it was made of
    /// together with the log; its own blob among them says that it was taken in instead.
    pub fn hold_snapshot(
        &mut self,
        user: UserId,
        (blob, size): (BlobId, u64),
        positions: &[Position],
        behind: &[BlobId],
        away: Duration,
        out: &mut Outbox,
    ) -> Result<(), NotHeld> {
        if !self.may_be_covered() || positions.len() > MAX_COVERED {
            return Err(NotHeld::KeptWhole);
        }
        let upto: BTreeMap<LogId, Seq> =
            super::delivery::to_points(positions).into_iter().map(|(log, (seq, _))| (log, seq)).collect();
        if !behind.contains(&blob) {
            self.may_have_made(user, &upto, behind)?;
        }
        let entries = upto.values().fold(0, |all: u64, seq| all.saturating_add(seq.0));
        let held = HeldSnapshot { entries, blob, size };
        let covers = &mut self.snapshots.covers;
        if let Some(cover) = covers.iter_mut().find(|cover| cover.held == held) {
            if !cover.by.contains(&user) {
                cover.by.push(user);
                self.save_covers(out);
            }
            return Ok(());
        }
        // What is missing here may be in it, and to be had from nobody.
        let logs: Vec<LogId> = upto.keys().copied().collect();
        let upto = upto.into_iter().collect();
        covers.push(Cover { held, upto, by: vec![user], since: out.wall, stamp: None });
        covers.sort_by_key(|cover| cover.held);
        self.part_with_needless(out.wall, away);
        if !self.snapshots.covers.iter().any(|cover| cover.held == held) {
            return Err(NotHeld::Needless);
        }
        logs.into_iter().for_each(|log| self.retention.doubt(log, out.now));
        self.save_covers(out);
        Ok(())
    }

    /// Whether what is here of the logs, behind these snapshots, was everything up to there, and may be read by this user. What was
    /// dropped since it was read cannot go unnoticed: logs only ever begin further on.
    fn may_have_made(
        &self,
        user: UserId,
        upto: &BTreeMap<LogId, Seq>,
        behind: &[BlobId],
    ) -> Result<(), NotHeld> {
        let shut = self.shut.get(&user);
        let starts: Vec<&Cover> =
            self.snapshots.covers.iter().filter(|cover| behind.contains(&cover.held.blob)).collect();
        for (id, seq) in upto {
            let log = self.logs.get(id).filter(|log| log.have() >= *seq).ok_or(NotHeld::Lacking)?;
            if is_shut(shut, log) {
                return Err(NotHeld::Shut);
            }
            if log.start() > Seq(0) && !starts.iter().any(|cover| cover.covers(*id, log.start())) {
                return Err(NotHeld::Lacking);
            }
        }
        Ok(())
    }

    /// Parts with all snapshots but those with which the logs begin here, the one under which something goes next, the newest that
    /// enough hosts hold, those that stand for what has not come yet and may not come, and the newest.
    fn part_with_needless(&mut self, wall: u64, away: Duration) {
        let confirmed = self.confirmed(wall, away);
        let covers = &self.snapshots.covers;
        let mut needed = self.starts();
        let next = covers.iter().filter(|cover| {
            !needed.contains(&cover.held) && is_within(cover, &confirmed) && self.bridges(cover)
        });
        let next = next.min_by_key(|cover| (cover.since, cover.held)).map(|cover| cover.held);
        needed.extend(next);
        let lacks = |(id, seq): &(LogId, Seq)| self.logs.get(id).is_none_or(|log| log.have() < *seq);
        let reaching = covers.iter().rev().filter(|cover| cover.upto.iter().any(lacks));
        needed.extend(reaching.take(MAX_REACHING).map(|cover| cover.held));
        needed.extend(confirmed.last().map(|cover| cover.held));
        needed.extend(covers.last().map(|cover| cover.held));
        self.snapshots.covers.retain(|cover| needed.contains(&cover.held));
    }

    /// The snapshots with which the logs begin here: the one that stands for the least and still for everything that was dropped; if
    /// none does, all that do together.
    fn starts(&self) -> Vec<HeldSnapshot> {
        let begun: Vec<(LogId, Seq)> = self.begun().collect();
        if begun.is_empty() {
            return Vec::new();
        }
        if let Some(cover) = self.snapshots.covers.iter().find(|cover| self.bridges(cover)) {
            return vec![cover.held];
        }
        let begins = |cover: &&Cover| begun.iter().any(|(log, start)| cover.covers(*log, *start));
        self.snapshots.covers.iter().filter(begins).map(|cover| cover.held).collect()
    }

    /// Logs that no longer begin at their beginning, and behind which slot they do.
    fn begun(&self) -> impl Iterator<Item = (LogId, Seq)> + '_ {
        self.logs.iter().filter(|(_, log)| log.start() > Seq(0)).map(|(id, log)| (*id, log.start()))
    }

    /// Whether a snapshot stands for everything that was dropped here.
    fn bridges(&self, cover: &Cover) -> bool {
        self.begun().all(|(id, start)| cover.covers(id, start))
    }

    /// A blob is to be no longer on this host. False: it stands for what was dropped here.
    pub fn part_with_snapshot(&mut self, blob: BlobId, out: &mut Outbox) -> bool {
        if self.starts().iter().any(|held| held.blob == blob) {
            return false;
        }
        let before = self.snapshots.covers.len();
        self.snapshots.covers.retain(|cover| cover.held.blob != blob);
        if self.snapshots.covers.len() < before {
            self.save_covers(out);
        }
        true
    }

    /// What this host held in an earlier life of the daemon.
    pub fn restore_covers(&mut self, covers: Vec<Cover>) {
        self.snapshots.covers = covers;
    }

    fn save_covers(&self, out: &mut Outbox) {
        let (key, value) = records::covers(self.id, &self.snapshots.covers);
        out.writes.push(Write::Record { key, value });
        out.changed = true;
    }

    /// A host says which snapshots it holds.
    pub(super) fn on_snapshots(&mut self, host: HostId, said: &[HeldSnapshot], out: &mut Outbox) {
        if !self.may_be_covered() {
            return;
        }
        let mut said: Vec<HeldSnapshot> = said.iter().take(MAX_HELD).copied().collect();
        said.sort();
        said.dedup();
        if self.retention.snapshots_of(host) != said {
            self.retention.set_snapshots(host, said);
            self.remember(host, out);
        }
    }

    /// Each snapshot that is held here, or elsewhere by these hosts, with how many hold it.
    fn holders_of_snapshots<'a>(
        &self,
        others: impl Iterator<Item = &'a Holder>,
    ) -> BTreeMap<HeldSnapshot, u32> {
        let here = self.snapshots.covers.iter().filter(|cover| self.is_held(cover)).map(|cover| &cover.held);
        let mut hosts = BTreeMap::new();
        for held in others.flat_map(|holder| &holder.snapshots).chain(here) {
            *hosts.entry(*held).or_default() += 1;
        }
        hosts
    }

    /// The snapshots that this host and enough others hold, so that entries may go for them; the one that stands for the most last. Who
    /// is away counts among those who could hold it: several who have parted for long drop nothing that one alone has checked.
    fn confirmed(&self, wall: u64, away: Duration) -> Vec<&Cover> {
        let hosts = self.holders_of_snapshots(self.waited_for(wall, away));
        let enough = ENOUGH.min(self.others_known() + 1);
        let confirmed = |cover: &&Cover| self.is_held(cover) && hosts[&cover.held] >= enough;
        self.snapshots.covers.iter().filter(confirmed).collect()
    }

    /// What a user's programs are told of snapshots, what stands for the most last.
    fn snapshots(&self, user: UserId, wall: u64, away: Duration) -> Vec<SnapshotSummary> {
        let hosts = self.holders_of_snapshots(self.waited_for(wall, away));
        // Who holds none has come as late as others have, and knows as little.
        let voters = self.waited_for(wall, away).filter(|holder| !holder.snapshots.is_empty()).count() as u32;
        let unsaid = self.snapshots.covers.iter().map(|cover| (cover.held, 0));
        let all: BTreeMap<HeldSnapshot, u32> = unsaid.chain(hosts).collect();
        let starts = self.starts();
        let lacks = !all.is_empty() && self.lacks_past();
        let summary = |(held, hosts): (HeldSnapshot, u32)| {
            let cover = self.snapshots.covers.iter().find(|cover| cover.held == held);
            let here = cover.is_some_and(|cover| self.is_held(cover));
            let confirmed = hosts > 0 && hosts >= ENOUGH.min(voters + u32::from(here));
            SnapshotSummary {
                blob: held.blob,
                size: held.size,
                entries: held.entries,
                hosts,
                confirmed,
                wanted: lacks && confirmed && cover.is_none(),
                held: cover.is_some_and(|cover| cover.by.contains(&user)),
                begins: starts.contains(&held),
            }
        };
        let mut all: Vec<SnapshotSummary> = all.into_iter().map(summary).collect();
        // Whoever names what nobody else does is heard last.
        all.sort_by_key(|summary| Reverse((summary.held, summary.hosts, summary.entries)));
        all.truncate(MAX_TOLD);
        all.sort_by_key(|summary| (summary.entries, summary.blob));
        all
    }

    /// Tells programs which snapshots there are: one that has just come, or all of whom that has changed for.
    pub fn tell_snapshots(&mut self, to: Option<InstanceId>, away: Duration, out: &mut Outbox) {
        if !self.may_be_covered() {
            return;
        }
        let users: BTreeSet<UserId> = self.readers.values().map(Reader::user).collect();
        let all: BTreeMap<UserId, Vec<SnapshotSummary>> =
            users.into_iter().map(|user| (user, self.snapshots(user, out.wall, away))).collect();
        for (id, reader) in &self.readers {
            let (now, before) = (&all[&reader.user()], self.snapshots.told.get(&reader.user()));
            let news = match to {
                Some(to) => *id == to && !now.is_empty(),
                None => before.map_or(!now.is_empty(), |before| before != now),
            };
            if news {
                let told = Event::Snapshots { session: self.id, snapshots: now.clone() };
                out.events.push_back((*id, told));
            }
        }
        if to.is_none() {
            self.snapshots.told = all;
        }
    }

    /// Drops a portion of what need not be kept `after` a snapshot has stood for it for so long. True if there is more.
    pub fn drop_covered(&mut self, away: Duration, after: Duration, out: &mut Outbox) -> bool {
        if !self.is_active() {
            return false;
        }
        self.settle_covers(out);
        let Some(upto) = self.covered(out.wall, away, after) else { return false };
        let mut more = false;
        for (id, seq) in upto {
            let Some(log) = self.logs.get_mut(&id) else { continue };
            // A message that ends behind it may begin before it; and the last entry says how far the log went.
            let target = Seq(seq.0.saturating_sub(LONGEST).min(log.stored().0.saturating_sub(1)));
            let portion = Seq(target.0.min(log.start().0 + PORTION));
            if portion > log.start() {
                more |= portion < target;
                log.drop_to(portion);
                out.counters.add("logs.shortened", 1);
                out.writes.push(Write::DropEntries { session: self.id, log: id, upto: portion });
            }
        }
        more
    }

    /// Notes of each snapshot what others have to hold, once everything that it stands for is here.
    fn settle_covers(&mut self, out: &mut Outbox) {
        let stamp = self.logs.values().map(Log::stamp).max();
        let here = |(id, seq): &(LogId, Seq)| self.logs.get(id).is_some_and(|log| log.stored() >= *seq);
        let mut settled = false;
        for cover in self.snapshots.covers.iter_mut().filter(|cover| cover.stamp.is_none()) {
            if cover.upto.iter().all(here) {
                cover.stamp = stamp;
                settled = true;
            }
        }
        if settled {
            self.save_covers(out);
        }
    }

    /// What may go: what a snapshot stands for that is old enough, if one that enough hosts hold stands for all of that, too; under which
    /// nobody who is waited for lacks anything, and with which all that went before is told.
    fn covered(&self, wall: u64, away: Duration, after: Duration) -> Option<Vec<(LogId, Seq)>> {
        let confirmed = self.confirmed(wall, away);
        let held = self.held_by_all(wall, away);
        let may = |cover: &&Cover| {
            u128::from(wall.saturating_sub(cover.since)) >= after.as_millis()
                && cover.stamp.is_some_and(|stamp| stamp <= held)
                && self.is_held(cover)
                && is_within(cover, &confirmed)
                && self.bridges(cover)
        };
        self.snapshots.covers.iter().rev().find(may).map(|cover| cover.upto.clone())
    }
}

/// Whether one of several snapshots stands for all that this one does.
fn is_within(cover: &Cover, several: &[&Cover]) -> bool {
    several.iter().any(|other| other.contains(cover))
}
