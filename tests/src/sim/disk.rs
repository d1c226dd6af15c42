//! A disk that forgets what was not synced when its host crashes.
//!
//! Invariant: batches become durable in the order they were written, each whole or not at all.

use super::chance::Chance;
use bytes::Bytes;
use chalktalk_ipc::SessionId;
use chalktalk_protocol::{
    ids::{LogId, Seq},
    node::Dropped,
    store::{Batch, Restored, StoredLog, Write},
};
use std::collections::{BTreeMap, VecDeque};

/// The disk of one host.
#[derive(Default)]
pub struct Disk {
    records: BTreeMap<Vec<u8>, Vec<u8>>,
    entries: BTreeMap<(SessionId, LogId, Seq), (u64, Bytes)>,
    flying: VecDeque<Batch>,
    dropped: Vec<Dropped>,
    /// The last batch that the sync under way covers.
    syncing: Option<u64>,
}

impl Disk {
    /// A batch is handed over. True if a sync has to be started for it.
    pub fn write(&mut self, batch: Batch) -> bool {
        self.flying.push_back(batch);
        self.begin_sync()
    }

    /// Starts a sync of everything handed over, unless one is under way or there is nothing.
    fn begin_sync(&mut self) -> bool {
        if self.syncing.is_some() || self.flying.is_empty() {
            return false;
        }
        self.syncing = self.flying.back().map(|batch| batch.number);
        true
    }

    /// The sync under way has ended: the number of the last durable batch, and whether another sync has begun.
    pub fn synced(&mut self) -> (u64, bool) {
        let upto = self.syncing.take().unwrap_or_default();
        while let Some(batch) = self.flying.pop_front_if(|batch| batch.number <= upto) {
            self.apply(batch);
        }
        (upto, self.begin_sync())
    }

    /// The power fails: a few batches may have reached the disk although nobody was told so.
    pub fn crash(&mut self, chance: &mut Chance) {
        self.syncing = None;
        self.dropped.clear();
        while chance.yes(0.5) {
            let Some(batch) = self.flying.pop_front() else { break };
            self.apply(batch);
        }
        self.flying.clear();
    }

    /// Everything handed over becomes durable: what a clean stop waits for.
    pub fn flush(&mut self) {
        self.syncing = None;
        self.dropped.clear();
        while let Some(batch) = self.flying.pop_front() {
            self.apply(batch);
        }
    }

    /// Entries of a log from a slot on, about so many bytes.
    pub fn read(&self, session: SessionId, log: LogId, from: Seq, bytes: usize) -> Vec<Bytes> {
        let (mut found, mut size, mut next) = (Vec::new(), 0, from);
        while let Some((_, datagram)) = self.entries.get(&(session, log, next)).filter(|_| size < bytes) {
            size += datagram.len();
            found.push(datagram.clone());
            next = next.next();
        }
        found
    }

    /// What a new life finds.
    pub fn restored(&self) -> Restored {
        let records = self.records.iter().map(|(key, value)| (key.clone(), value.clone())).collect();
        let mut logs: Vec<StoredLog> = Vec::new();
        for ((session, log, seq), (stamp, _)) in &self.entries {
            match logs.last_mut().filter(|last| (last.session, last.log) == (*session, *log)) {
                Some(last) if last.last.next() == *seq => {
                    last.last = *seq;
                    last.stamp = last.stamp.max(*stamp);
                }
                // A first entry, and what was dropped behind it.
                Some(last) if last.last == Seq(1) => {
                    (last.first, last.last) = (*seq, *seq);
                    last.stamp = last.stamp.max(*stamp);
                }
                Some(_) => {} // behind a gap: not part of the run
                None => logs.push(StoredLog {
                    session: *session,
                    log: *log,
                    first: *seq,
                    last: *seq,
                    stamp: *stamp,
                    genesis: *seq == Seq(1),
                }),
            }
        }
        let mut sizes = BTreeMap::<SessionId, u64>::new();
        for ((session, _, _), (_, datagram)) in &self.entries {
            *sizes.entry(*session).or_default() += datagram.len() as u64;
        }
        Restored { records, logs, sizes: sizes.into_iter().collect() }
    }

    /// Bytes of a session's entries.
    pub fn size(&self, session: SessionId) -> u64 {
        let of = self.entries.iter().filter(|((of, _, _), _)| *of == session);
        of.map(|(_, (_, datagram))| datagram.len() as u64).sum()
    }

    /// What was dropped since this was last asked.
    pub fn take_dropped(&mut self) -> Vec<Dropped> {
        std::mem::take(&mut self.dropped)
    }

    fn drop_oldest(&mut self, session: SessionId, excess: u64, stamp: u64) {
        let mut places: Vec<(u64, LogId, Seq)> = self
            .entries
            .iter()
            .filter(|((of, log, seq), (at, _))| {
                let goes_on = self.entries.contains_key(&(session, *log, seq.next()));
                *of == session && *seq > Seq(1) && *at <= stamp && goes_on
            })
            .map(|((_, log, seq), (at, _))| (*at, *log, *seq))
            .collect();
        places.sort();
        let (mut bytes, mut upto) = (0, BTreeMap::new());
        for (_, log, seq) in places {
            if bytes >= excess {
                break;
            }
            let gone = self.entries.remove(&(session, log, seq));
            bytes += gone.map_or(0, |(_, datagram)| datagram.len() as u64);
            upto.insert(log, seq);
        }
        self.dropped.push(Dropped { session, bytes, upto: upto.into_iter().collect() });
    }

    fn apply(&mut self, batch: Batch) {
        for write in batch.writes {
            match write {
                Write::Entry { session, log, seq, stamp, datagram } => {
                    self.entries.insert((session, log, seq), (stamp, datagram));
                }
                Write::Record { key, value } => {
                    self.records.insert(key, value);
                }
                Write::ForgetRecord { key } => {
                    self.records.remove(&key);
                }
                Write::DropEntries { session, log, upto } => {
                    self.entries
                        .retain(|(s, l, seq), _| (*s, *l) != (session, log) || *seq == Seq(1) || *seq > upto);
                }
                Write::Retain { session, excess, stamp } => self.drop_oldest(session, excess, stamp),
            }
        }
    }
}
