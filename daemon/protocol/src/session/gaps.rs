//! Finding and closing gaps: NACKs for a few slots, a catch-up from one provider for many.
//!
//! Up to 8 members ask at once after a grace for reordering; more draw a truncated exponential delay (RFC 5401, RFC 5740
//! §3.2.2.1), so that a thousand receivers that miss the same packet send a handful of NACKs. Hearing somebody
//! else ask counts as having asked.
//!
//! Invariant: every slot up to a known head that is not held is either due to be asked for, or under way.

use crate::{
    control::{MAX_WANTS, Want},
    ids::{LogId, Seq},
    log::{Log, Patience},
    time::Instant,
};
use rand_core::Rng;
use std::{collections::BTreeMap, time::Duration};

/// Groups up to this size need no suppression.
pub const SMALL_GROUP: usize = 8;

/// Half the usual jitter of a wired LAN: packets closer together than this may overtake each other.
const REORDER_GRACE: Duration = Duration::from_micros(200);

/// Group round trip time before anything was measured (RFC 5740 lets senders start high; a LAN starts here).
const FIRST_GRTT: Duration = Duration::from_millis(25);
const MIN_GRTT: Duration = Duration::from_micros(50);
const MAX_GRTT: Duration = Duration::from_millis(500);

/// Never wait longer between two requests for the same slot.
const MAX_WAIT: Duration = Duration::from_secs(5);

/// More slots than this are not asked for one by one.
pub const CATCH_UP: u64 = 256;

/// After so many fruitless requests the others are asked one by one.
const FRUITLESS: u8 = 4;

/// Slots asked for in one NACK.
const MAX_SLOTS: usize = 256;

/// What is to be done about the gaps.
#[derive(Default, Debug)]
pub struct Asked {
    /// To be asked for, in one multicast NACK.
    pub wants: Vec<Want>,
    /// So many slots are asked for the first time.
    pub fresh: u64,
    /// Whether the gaps are too many, or NACKs fruitless: somebody must be asked for all of it.
    pub catch_up: bool,
}

/// The gaps of one session.
#[derive(Debug)]
pub struct Gaps {
    grtt: Duration,
    measured: bool,
    probe: Option<(LogId, Seq, Instant)>,
    /// Logs of which so much is missing that they are left to the catch-up under way, if there is one. What was only asked for
    /// in vain is asked for further: whoever answers first, the stream or a neighbour, closes the gap.
    under_way: Option<Vec<LogId>>,
}

impl Default for Gaps {
    fn default() -> Self {
        Self { grtt: FIRST_GRTT, measured: false, probe: None, under_way: None }
    }
}

impl Gaps {
    /// The group's round trip time.
    pub fn grtt(&self) -> Duration {
        self.grtt
    }

    /// How long to wait before asking for a gap that has just shown.
    pub fn grace(&self, members: usize, rng: &mut impl Rng) -> Duration {
        if members <= SMALL_GROUP { REORDER_GRACE } else { REORDER_GRACE + self.backoff(members, rng) }
    }

    /// A truncated exponential delay: most wait long, few answer early.
    pub fn backoff(&self, members: usize, rng: &mut impl Rng) -> Duration {
        let spread = 4.0 * self.grtt.as_secs_f64();
        let size = members.clamp(2, 1000) as f64;
        let lambda = size.ln() + 1.0;
        let u = f64::from(rng.next_u32()) / f64::from(u32::MAX);
        Duration::from_secs_f64(spread / lambda * (u * (lambda.exp() - 1.0)).ln_1p())
    }

    /// How soon a slot is asked for again.
    pub fn patience(&self) -> Patience {
        Patience { first: self.grtt * 2 + Duration::from_millis(1), most: MAX_WAIT }
    }

    /// What to ask for now.
    pub fn take_due(&mut self, logs: &mut BTreeMap<LogId, Log>, now: Instant) -> Asked {
        let patience = self.patience();
        let mut asked = Asked::default();
        let (mut slots, mut missing) = (0, 0);
        let under_way = self.under_way.as_deref().unwrap_or_default();
        for (id, log) in logs.iter_mut().filter(|(id, log)| log.has_gap() && !under_way.contains(id)) {
            missing += log.missing();
            if log.next_due().is_none_or(|due| due > now)
                || slots >= MAX_SLOTS
                || asked.wants.len() >= MAX_WANTS
            {
                continue;
            }
            let (runs, tries) = log.take_due(now, patience, MAX_SLOTS - slots);
            asked.catch_up |= tries >= FRUITLESS;
            for run in runs.into_iter().take(MAX_WANTS - asked.wants.len()) {
                let (first, last) = (Seq(*run.start()), Seq(*run.end()));
                let count = run.end() - run.start() + 1;
                slots += count as usize;
                if tries == 0 {
                    asked.fresh += count;
                    self.probe.get_or_insert((*id, first, now));
                }
                asked.wants.push(Want { origin: id.origin, epoch: id.epoch, first, last });
            }
        }
        asked.catch_up |= missing > CATCH_UP;
        asked
    }

    /// When something has to be asked for.
    pub fn next_timeout(&self, logs: &BTreeMap<LogId, Log>) -> Option<Instant> {
        logs.iter().filter(|(id, _)| !self.is_under_way(**id)).filter_map(|(_, log)| log.next_due()).min()
    }

    /// An entry arrived: if it is the one we timed, we know the round trip. One that took longer than a request lasts
    /// answers a later request, or nobody's.
    pub fn on_arrival(&mut self, log: LogId, seq: Seq, now: Instant) {
        let Some((probed, slot, at)) = self.probe else { return };
        let age = now.since(at);
        if (probed, slot) == (log, seq) {
            self.probe = None;
            if age <= self.patience().first {
                self.on_round_trip(age);
            }
        } else if age > MAX_WAIT {
            self.probe = None;
        }
    }

    /// A round trip was measured: doubled, for the slowest of the group; smoothed as RFC 6298 does (α = 1/8).
    pub fn on_round_trip(&mut self, sample: Duration) {
        let smoothed = if self.measured { (self.grtt * 7 + sample * 2) / 8 } else { sample * 2 };
        self.grtt = smoothed.clamp(MIN_GRTT, MAX_GRTT);
        self.measured = true;
    }

    /// A catch-up for these logs has begun.
    pub fn on_catch_up<'a>(&mut self, logs: impl Iterator<Item = &'a Log>) {
        self.under_way = Some(logs.filter(|log| log.missing() > CATCH_UP).map(Log::id).collect());
    }

    /// It has ended.
    pub fn on_catch_up_end(&mut self) {
        self.under_way = None;
    }

    /// Whether one is under way.
    pub fn is_catching_up(&self) -> bool {
        self.under_way.is_some()
    }

    /// Whether a log is left to it.
    pub fn is_under_way(&self, log: LogId) -> bool {
        self.under_way.as_ref().is_some_and(|logs| logs.contains(&log))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::Epoch;
    use chalktalk_ipc::OriginId;

    fn lacking(slots: u64) -> (LogId, BTreeMap<LogId, Log>) {
        let id = LogId { origin: OriginId([1; 16]), epoch: Epoch(1) };
        let mut log = Log::new(id, true);
        log.note_head(Seq(slots), Instant::ZERO, Duration::ZERO);
        (id, BTreeMap::from([(id, log)]))
    }

    #[test]
    fn a_small_gap_is_asked_for_although_a_stream_was_asked_too() {
        let (id, mut logs) = lacking(3);
        let mut gaps = Gaps::default();
        gaps.on_catch_up(logs.values());
        assert!(gaps.is_catching_up() && !gaps.is_under_way(id));
        assert_eq!(gaps.next_timeout(&logs), Some(Instant::ZERO));
        assert_eq!(gaps.take_due(&mut logs, Instant::ZERO).wants.len(), 1);
    }

    #[test]
    fn a_large_gap_is_left_to_the_stream() {
        let (id, mut logs) = lacking(CATCH_UP + 1);
        let mut gaps = Gaps::default();
        gaps.on_catch_up(logs.values());
        assert!(gaps.is_under_way(id));
        assert_eq!(gaps.next_timeout(&logs), None);
        assert!(gaps.take_due(&mut logs, Instant::ZERO).wants.is_empty());
        gaps.on_catch_up_end();
        assert!(!gaps.take_due(&mut logs, Instant::ZERO).wants.is_empty());
    }
}
