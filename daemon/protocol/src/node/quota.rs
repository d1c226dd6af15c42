//! What one user may take of a daemon that several share, so that none can starve another.
//!
//! Invariant: where there is a quota, what a user's logs take on the disk is kept in the same batch as the entries.

use super::Node;
use crate::{records, store::Write};
use chalktalk_ipc::{OriginId, UserId};
use std::collections::{BTreeMap, VecDeque};

/// The bounds of one user.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Quota {
    /// Instances attached at once.
    pub instances: usize,
    /// Sessions joined. One that was left counts, since its log stays.
    pub sessions: usize,
    /// Bytes of the user's own messages on the disk.
    pub stored: u64,
}

/// What local users' logs take on the disk, or will when the store is through.
#[derive(Default)]
pub(super) struct Written {
    total: BTreeMap<OriginId, u64>,
    /// Of batches that the store is not through with.
    waiting: VecDeque<(u64, BTreeMap<OriginId, u64>)>,
}

impl Written {
    pub(super) fn restore(&mut self, origin: OriginId, bytes: u64) {
        self.total.insert(origin, bytes);
    }

    pub(super) fn on_stored(&mut self, batch: u64) {
        while self.waiting.pop_front_if(|(number, _)| *number <= batch).is_some() {}
    }
}

impl Node {
    /// Whether several users share this daemon.
    pub fn is_shared(&self) -> bool {
        self.quota.is_some()
    }

    /// Whether a user has stored as much as one user may.
    pub fn has_stored_all(&self, user: UserId) -> bool {
        let stored = self.origin(user).and_then(|origin| self.written.total.get(&origin));
        self.quota.is_some_and(|quota| stored.copied().unwrap_or_default() >= quota.stored)
    }

    /// Bytes, roughly, that a user's programs have published and that are not sent or not stored yet.
    pub fn pending(&self, user: UserId) -> u64 {
        let unsent: usize = self.sessions.values().map(|session| session.unsent(&user)).sum();
        let of_user = |batch: &BTreeMap<OriginId, u64>| batch.get(&self.origin(user)?).copied();
        let unstored = self.written.waiting.iter().filter_map(|(_, batch)| of_user(batch));
        unsent as u64 + unstored.sum::<u64>()
    }

    /// Keeps with what local users have written how much that is by now.
    pub(super) fn count_written(&mut self, batch: u64, writes: &mut Vec<Write>) {
        if !self.is_shared() {
            return;
        }
        let mut grown = BTreeMap::<OriginId, u64>::new();
        for write in writes.iter() {
            let Write::Entry { log, datagram, .. } = write else { continue };
            if self.authors.get(&log.origin).is_some_and(|author| author.host == self.host) {
                *grown.entry(log.origin).or_default() += datagram.len() as u64;
            }
        }
        for (origin, bytes) in &grown {
            let total = self.written.total.entry(*origin).or_default();
            *total += bytes;
            let (key, value) = records::stored(*origin, *total);
            writes.push(Write::Record { key, value });
        }
        self.written.waiting.push_back((batch, grown));
    }

    fn origin(&self, user: UserId) -> Option<OriginId> {
        self.users.get(&user).map(|local| local.author.origin)
    }
}
