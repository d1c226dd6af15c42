//! How much of the past is kept: when it is looked at, what the store is asked to drop of a chat, and what it has dropped.
//!
//! Invariant: the store is asked to drop nothing that a host seen of late may lack.

use super::Node;
use crate::{
    ids::{LogId, Seq},
    store::Write,
    time::Instant,
};
use chalktalk_ipc::SessionId;
use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

/// How often what sessions take is looked at.
const LOOK: Duration = Duration::from_secs(60);

/// How soon the next portion is dropped of what a snapshot stands for.
const GO_ON: Duration = Duration::from_secs(1);

/// How often it is stored who is here: a crash makes nobody away for longer than this.
const SAVE: Duration = Duration::from_secs(3600);

/// How much of the past is kept.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Keep {
    /// Bytes of entries of one chat session on the disk; beyond it the oldest are dropped.
    pub chat: u64,
    /// Who has not been in a session for so long is not waited for.
    pub away: Duration,
    /// Entries that a snapshot stands for are kept for so long after it was made.
    pub covered: Duration,
}

impl Default for Keep {
    /// A gigabyte of talk is more than a lifetime of one's own; a month is a long holiday; what somebody did to a board today can
    /// be taken back tomorrow.
    fn default() -> Self {
        let day = Duration::from_secs(24 * 3600);
        Self { chat: 1 << 30, away: 30 * day, covered: day }
    }
}

/// What the store has dropped of a session, as [`Write::Retain`] asked it to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Dropped {
    /// The session.
    pub session: SessionId,
    /// Bytes of entries.
    pub bytes: u64,
    /// Of each log, the last slot that is gone; the first entry stays.
    pub upto: Vec<(LogId, Seq)>,
}

/// What sessions take on the disk, and what is under way.
pub(super) struct Keeping {
    pub(super) keep: Keep,
    sizes: BTreeMap<SessionId, u64>,
    /// What the store is dropping from.
    asked: BTreeSet<SessionId>,
    look_at: Instant,
    save_at: Instant,
}

impl Keeping {
    pub(super) fn new(keep: Keep, sizes: Vec<(SessionId, u64)>, now: Instant) -> Self {
        let sizes = sizes.into_iter().collect();
        Self { keep, sizes, asked: BTreeSet::new(), look_at: now + LOOK, save_at: now + SAVE }
    }

    pub(super) fn next_timeout(&self) -> Instant {
        self.look_at.min(self.save_at)
    }

    pub(super) fn count(&mut self, writes: &[Write]) {
        for write in writes {
            if let Write::Entry { session, datagram, .. } = write {
                *self.sizes.entry(*session).or_default() += datagram.len() as u64;
            }
        }
    }

    /// Whether what is not found in the store may just have been dropped, and it is soon known.
    pub(super) fn is_dropping(&self, session: SessionId) -> bool {
        self.asked.contains(&session)
    }
}

impl Node {
    /// How much is kept from now on.
    pub fn set_keep(&mut self, now: Instant, keep: Keep) {
        self.at(now);
        self.keeping.keep = keep;
        self.keeping.look_at = now;
    }

    pub(super) fn time_retention(&mut self) {
        let now = self.out.now;
        if self.keeping.save_at <= now {
            self.keeping.save_at = now + SAVE;
            self.sessions.values_mut().for_each(|session| session.save_holders(&mut self.out));
        }
        if self.keeping.look_at > now {
            return;
        }
        self.keeping.look_at = now + LOOK;
        let keep = self.keeping.keep;
        let mut more = false;
        for session in self.sessions.values_mut().filter(|session| session.may_be_covered()) {
            more |= session.drop_covered(keep.away, keep.covered, &mut self.out);
            session.tell_snapshots(None, keep.away, &mut self.out);
        }
        if more {
            self.keeping.look_at = now + GO_ON;
        }
        let Keep { chat, away, .. } = keep;
        let chats = self.sessions.iter().filter(|(_, session)| session.may_drop() && session.is_chat());
        for (id, session) in chats {
            let size = self.keeping.sizes.get(id).copied().unwrap_or_default();
            let stamp = session.held_by_all(self.out.wall, away);
            if size > chat && stamp > 0 && self.keeping.asked.insert(*id) {
                self.out.writes.push(Write::Retain { session: *id, excess: size - chat, stamp });
            }
        }
    }

    /// The store has done what [`Write::Retain`] asked for.
    pub fn dropped(&mut self, now: Instant, dropped: &Dropped) {
        self.at(now);
        self.keeping.asked.remove(&dropped.session);
        let size = self.keeping.sizes.entry(dropped.session).or_default();
        *size = size.saturating_sub(dropped.bytes);
        // A portion was dropped, and there is more.
        if *size > self.keeping.keep.chat && dropped.bytes > 0 {
            self.keeping.look_at = now;
        }
        let entries = dropped.upto.len() as u64;
        self.out.counters.add("logs.shortened", entries);
        if let Some(session) = self.sessions.get_mut(&dropped.session) {
            session.dropped(&dropped.upto);
        }
    }
}
