//! When an origin is told how far we have come: after 32 entries, at once when it asks, else after 20 ms.
//!
//! An author that asks cannot go on before the gaps are closed: while there are some, every step forward is told at once as well.
//!
//! In a group of more than 8 that would be a crowd talking at once. There one member reports on each burst, in turn, and
//! besides everybody so rarely that an author hears no more reports than from 8.
//!
//! Invariant: an entry that arrived, even again, is followed by a report within 20 ms, or longer by as much as the group is larger
//! than 8: a lost report is made good by whatever comes next.

use super::gaps::SMALL_GROUP;
use crate::{
    ids::{LogId, Seq},
    time::Instant,
};
use std::{collections::BTreeMap, time::Duration};

/// Entries that are reported together: half of the smallest window.
const BATCH: u32 = 32;

/// The longest a report waits. Nobody waits for it: an author that does says so in its entry.
const DELAY: Duration = Duration::from_millis(20);

/// Where a host stands in the group that reports to one author.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Turn {
    /// Its place among them.
    pub place: usize,
    /// How many there are.
    pub of: usize,
}

impl Turn {
    /// Whether this host reports on a burst that ends in this slot.
    fn comes_at(self, seq: Seq) -> bool {
        self.of <= SMALL_GROUP || seq.0 as usize % self.of == self.place
    }

    fn delay(self) -> Duration {
        DELAY * u32::try_from(self.of.div_ceil(SMALL_GROUP)).unwrap_or(u32::MAX).max(1)
    }
}

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
    pub fn on_entry(
        &mut self,
        log: LogId,
        urge: Option<Seq>,
        before: Seq,
        have: Seq,
        turn: Turn,
        now: Instant,
    ) {
        let urge = urge.filter(|seq| turn.comes_at(*seq));
        if let Some(seq) = urge {
            let upto = self.urged.entry(log).or_default();
            *upto = seq.max(*upto);
        }
        let goes_on = have > before && self.urged.contains_key(&log);
        if self.urged.get(&log).is_some_and(|upto| have >= *upto) {
            self.urged.remove(&log);
        }
        let (count, due) = self.waiting.entry(log).or_insert((0, now + turn.delay()));
        if turn.of <= SMALL_GROUP || turn.comes_at(have) {
            *count += 1;
        }
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

    const PAIR: Turn = Turn { place: 0, of: 2 };

    fn at(ms: u64) -> Instant {
        Instant::ZERO + Duration::from_millis(ms)
    }

    #[test]
    fn who_waits_hears_of_the_repair_that_closes_the_gap_at_once() {
        let mut reports = Reports::default();
        reports.on_entry(LOG, Some(Seq(9)), Seq(4), Seq(4), PAIR, at(0));
        assert_eq!(reports.take_due(at(0)), [LOG], "asked for");
        reports.on_entry(LOG, None, Seq(4), Seq(6), PAIR, at(1));
        assert_eq!(reports.take_due(at(1)), [LOG], "a step");
        reports.on_entry(LOG, None, Seq(6), Seq(6), PAIR, at(2));
        assert_eq!(reports.take_due(at(2)), [], "no step: it may wait");
        reports.on_entry(LOG, None, Seq(6), Seq(10), PAIR, at(3));
        assert_eq!(reports.take_due(at(3)), [LOG], "the last step");
        reports.on_entry(LOG, None, Seq(10), Seq(11), PAIR, at(4));
        assert_eq!(reports.take_due(at(4)), [], "nobody waits any longer");
        assert_eq!(reports.next_timeout(), Some(at(4) + DELAY));
    }

    #[test]
    fn without_being_asked_entries_are_reported_together() {
        let mut reports = Reports::default();
        for n in 1..BATCH {
            reports.on_entry(LOG, None, Seq(u64::from(n) - 1), Seq(u64::from(n)), PAIR, at(0));
        }
        assert_eq!(reports.take_due(at(19)), []);
        assert_eq!(reports.take_due(at(20)), [LOG]);
    }

    #[test]
    fn in_a_large_group_one_in_turn_reports_at_once_and_the_others_rarely() {
        let mut at_once = 0;
        for place in 0..40 {
            let mut reports = Reports::default();
            let turn = Turn { place, of: 40 };
            for n in 1..=400u64 {
                let urge = n.is_multiple_of(32).then_some(Seq(n));
                reports.on_entry(LOG, urge, Seq(n - 1), Seq(n), turn, at(0));
            }
            at_once += reports.take_due(at(0)).len();
            assert_eq!(reports.next_timeout().unwrap_or(at(100)), at(100));
        }
        assert!((1..=12).contains(&at_once), "{at_once} of 40, for 12 bursts");
    }
}
