//! When an origin is told how far we have come: after 32 entries, at once when it asks, else after 20 ms.
//!
//! Invariant: an entry that arrived, even again, is followed by a report within 20 ms: a lost report is made good by
//! whatever comes next.

use crate::{ids::LogId, time::Instant};
use std::{collections::BTreeMap, time::Duration};

/// Entries that are reported together: half of the smallest window.
const BATCH: u32 = 32;

/// The longest a report waits. Nobody waits for it: an author that does says so in its entry.
const DELAY: Duration = Duration::from_millis(20);

/// How long readers that lag are given before the next report.
const LAG: Duration = Duration::from_millis(1);

/// Reports that wait to be sent.
#[derive(Default, Debug)]
pub struct Reports {
    waiting: BTreeMap<LogId, (u32, Instant)>,
    now_due: bool,
}

impl Reports {
    /// An entry of somebody else's log arrived.
    pub fn on_entry(&mut self, log: LogId, urge: bool, now: Instant) {
        let (count, due) = self.waiting.entry(log).or_insert((0, now + DELAY));
        *count += 1;
        if urge {
            *due = now;
        }
        self.now_due |= *count >= BATCH;
    }

    /// What was reported is less than what is held, because local readers lag: it will have to be said again.
    pub fn again(&mut self, log: LogId, now: Instant) {
        self.waiting.entry(log).or_insert((0, now + LAG));
    }

    /// The logs to report on now.
    pub fn take_due(&mut self, now: Instant) -> Vec<LogId> {
        let is_due = |(count, due): &(u32, Instant)| *count >= BATCH || *due <= now;
        self.now_due = false;
        let due: Vec<LogId> = self.waiting.iter().filter(|(_, w)| is_due(w)).map(|(log, _)| *log).collect();
        self.waiting.retain(|_, waiting| !is_due(waiting));
        due
    }

    /// When the next report is due.
    pub fn next_timeout(&self) -> Option<Instant> {
        if self.now_due { Some(Instant::ZERO) } else { self.waiting.values().map(|(_, due)| *due).min() }
    }
}
