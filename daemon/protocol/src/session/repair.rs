//! Answering NACKs: the origin at once, other holders after a while if nobody else did.
//!
//! Invariant: repairs stay within a budget, and the same entry is not sent again within twice the group's round trip time (or
//! [`HOLD_OFF_MOST`]).

use crate::{
    control::Want,
    ids::{LogId, Seq},
    log::Log,
    time::Instant,
};
use bytes::Bytes;
use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

/// Repairs per second that are always allowed on a wired link.
const FLOOR_PER_SECOND: f64 = 200.0;

/// Each entry sent earns half a repair: repairs take at most half of the send rate.
const PER_ENTRY: f64 = 0.5;

/// Repairs that can be saved up: one window.
const MOST_SAVED: f64 = 1024.0;

/// Those who lack the same entry ask for it within this time. Who asks later has not got the repair, however long a
/// round trip seems to take to a host that is busy sending.
const HOLD_OFF_MOST: Duration = Duration::from_millis(2);

/// Entries that wait for their turn to be repaired by this host.
const MAX_WAITING: usize = 4096;

/// The repairs of one session.
#[derive(Debug)]
pub struct Repair {
    tokens: f64,
    refilled: Instant,
    waiting: BTreeSet<(Instant, LogId, Seq)>,
    when: BTreeMap<(LogId, Seq), Instant>,
}

impl Repair {
    /// With a full budget.
    pub fn new(now: Instant) -> Self {
        Self { tokens: MOST_SAVED, refilled: now, waiting: BTreeSet::new(), when: BTreeMap::new() }
    }

    /// So many new entries were sent.
    pub fn on_sent(&mut self, entries: usize) {
        self.tokens = (self.tokens + entries as f64 * PER_ENTRY).min(MOST_SAVED);
    }

    /// Somebody lacks these: they are due after `delay`.
    pub fn on_nack(&mut self, want: &Want, log: &Log, now: Instant, delay: Duration) {
        let last = want.last.min(log.have());
        for seq in want.first.0..=last.0 {
            let key = (want.log(), Seq(seq));
            if self.when.len() < MAX_WAITING && log.entry(Seq(seq)).is_some() && !self.when.contains_key(&key)
            {
                self.when.insert(key, now + delay);
                self.waiting.insert((now + delay, key.0, key.1));
            }
        }
    }

    /// Somebody else sent this entry.
    pub fn on_heard(&mut self, log: LogId, seq: Seq) {
        if let Some(due) = self.when.remove(&(log, seq)) {
            self.waiting.remove(&(due, log, seq));
        }
    }

    /// The repairs to be sent now.
    pub fn take_due(&mut self, logs: &mut BTreeMap<LogId, Log>, now: Instant, grtt: Duration) -> Vec<Bytes> {
        let earned = now.since(self.refilled).as_secs_f64() * FLOOR_PER_SECOND;
        self.tokens = (self.tokens + earned).min(MOST_SAVED);
        self.refilled = now;
        let hold_off = (grtt * 2).min(HOLD_OFF_MOST);
        let mut repairs = Vec::new();
        while self.tokens >= 1.0 {
            let Some(&(due, id, seq)) = self.waiting.first().filter(|(due, _, _)| *due <= now) else { break };
            self.waiting.remove(&(due, id, seq));
            self.when.remove(&(id, seq));
            if let Some(datagram) = logs.get_mut(&id).and_then(|log| log.repair(seq, now, hold_off)) {
                self.tokens -= 1.0;
                repairs.push(datagram);
            }
        }
        repairs
    }

    /// When the next repair is due (and can be paid for).
    pub fn next_timeout(&self) -> Option<Instant> {
        let lacking = (1.0 - self.tokens).max(0.0) / FLOOR_PER_SECOND;
        // A little more, so that rounding cannot leave it a hair short at that very moment, and due again at once.
        let payable = self.refilled + Duration::from_secs_f64(lacking) + Duration::from_micros(1);
        self.waiting.first().map(|(due, _, _)| if lacking > 0.0 { (*due).max(payable) } else { *due })
    }
}
