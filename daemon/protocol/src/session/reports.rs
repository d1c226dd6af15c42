//! When an origin is told how far we have come: after 32 entries, at once when it asks, else after 20 ms.
//!
//! An author that asks cannot go on before the gaps are closed: while there are some, every step forward is told at once as well.
//!
//! Invariant: an entry that arrived, even again, is followed by a report within 20 ms: a lost report is made good by
//! whatever comes next.

use crate::{
    ids::{LogId, Seq},
    time::Instant,
};
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
    /// Up to where authors wait to hear that it is held.
    urged: BTreeMap<LogId, Seq>,
    now_due: bool,
}

impl Reports {
    /// An entry of somebody else's log arrived; it brought us from `before` to `have`.
    pub fn on_entry(&mut self, log: LogId, urge: Option<Seq>, before: Seq, have: Seq, now: Instant) {
        if let Some(seq) = urge {
            let upto = self.urged.entry(log).or_default();
            *upto = seq.max(*upto);
        }
        let goes_on = have > before && self.urged.contains_key(&log);
        if self.urged.get(&log).is_some_and(|upto| have >= *upto) {
            self.urged.remove(&log);
        }
        let (count, due) = self.waiting.entry(log).or_insert((0, now + DELAY));
        *count += 1;
        if urge.is_some() || goes_on {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::Epoch;
    use chalktalk_ipc::OriginId;

    const LOG: LogId = LogId { origin: OriginId([1; 16]), epoch: Epoch(1) };

    fn at(ms: u64) -> Instant {
        Instant::ZERO + Duration::from_millis(ms)
    }

    #[test]
    fn who_waits_hears_of_the_repair_that_closes_the_gap_at_once() {
        let mut reports = Reports::default();
        reports.on_entry(LOG, Some(Seq(9)), Seq(4), Seq(4), at(0));
        assert_eq!(reports.take_due(at(0)), [LOG], "asked for");
        reports.on_entry(LOG, None, Seq(4), Seq(6), at(1));
        assert_eq!(reports.take_due(at(1)), [LOG], "a step");
        reports.on_entry(LOG, None, Seq(6), Seq(6), at(2));
        assert_eq!(reports.take_due(at(2)), [], "no step: it may wait");
        reports.on_entry(LOG, None, Seq(6), Seq(10), at(3));
        assert_eq!(reports.take_due(at(3)), [LOG], "the last step");
        reports.on_entry(LOG, None, Seq(10), Seq(11), at(4));
        assert_eq!(reports.take_due(at(4)), [], "nobody waits any longer");
        assert_eq!(reports.next_timeout(), Some(at(4) + DELAY));
    }

    #[test]
    fn without_being_asked_entries_are_reported_together() {
        let mut reports = Reports::default();
        for n in 1..BATCH {
            reports.on_entry(LOG, None, Seq(u64::from(n) - 1), Seq(u64::from(n)), at(0));
        }
        assert_eq!(reports.take_due(at(19)), []);
        assert_eq!(reports.take_due(at(20)), [LOG]);
    }
}
