//! Whether time has passed that this process has not lived through: the machine slept, or somebody stopped the process.
//!
//! The monotonic clock stands still while the machine sleeps, the boot clock does not; and a loop that wakes long after it
//! wanted to was not running.
//!
//! Invariant: a loop that is only busy is never taken for one that was away.

use rustix::time::{ClockId, clock_gettime};
use std::time::{Duration, Instant};

/// The clocks differ by microseconds when they are read, and by seconds when a machine has slept.
const SLEPT: Duration = Duration::from_millis(500);

/// Waking so late is no load: a turn takes milliseconds, and a starved process still runs several times a second.
const STOPPED: Duration = Duration::from_secs(2);

/// The clocks as they were at the last turn of the loop.
#[derive(Clone, Copy, Debug)]
pub struct Pulse {
    monotonic: Instant,
    boot: Duration,
}

impl Pulse {
    /// Begins now.
    #[expect(clippy::new_without_default, reason = "it reads the clocks")]
    pub fn new() -> Self {
        Self { monotonic: Instant::now(), boot: boot_clock() }
    }

    /// A turn of the loop begins, which was to begin at `due`. How long the process was away, if it was.
    pub fn beat(&mut self, due: Option<Instant>) -> Option<Duration> {
        self.judge(Instant::now(), boot_clock(), due)
    }

    fn judge(&mut self, monotonic: Instant, boot: Duration, due: Option<Instant>) -> Option<Duration> {
        let lived = monotonic.saturating_duration_since(self.monotonic);
        let passed = boot.saturating_sub(self.boot);
        *self = Self { monotonic, boot };
        let slept = passed.saturating_sub(lived);
        // What is due later than the last turn began, and is late.
        let late = due.map_or(Duration::ZERO, |due| monotonic.saturating_duration_since(due)).min(lived);
        (slept >= SLEPT || late >= STOPPED).then_some(slept.max(late))
    }
}

fn boot_clock() -> Duration {
    let time = clock_gettime(ClockId::Boottime);
    Duration::new(u64::try_from(time.tv_sec).unwrap_or(0), u32::try_from(time.tv_nsec).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn pulse() -> (Pulse, Instant) {
        let start = Instant::now();
        (Pulse { monotonic: start, boot: 100 * SECOND }, start)
    }

    #[test]
    fn sleep_shows_as_a_jump_of_the_boot_clock_alone() {
        let (mut pulse, start) = pulse();
        assert_eq!(pulse.judge(start + SECOND, 101 * SECOND, None), None);
        let slept = pulse.judge(start + 2 * SECOND, 3_702 * SECOND, None);
        assert_eq!(slept, Some(3_600 * SECOND));
        assert_eq!(pulse.judge(start + 3 * SECOND, 3_703 * SECOND, None), None, "it is told once");
    }

    #[test]
    fn a_stopped_process_wakes_long_after_it_wanted_to() {
        let (mut pulse, start) = pulse();
        let due = Some(start + SECOND);
        assert_eq!(pulse.judge(start + 8 * SECOND, 108 * SECOND, due), Some(7 * SECOND));
        assert_eq!(pulse.judge(start + 8 * SECOND, 108 * SECOND, due), None, "the turn after it is on time");
    }

    #[test]
    fn idling_and_load_are_neither() {
        let (mut pulse, start) = pulse();
        assert_eq!(pulse.judge(start + 60 * SECOND, 160 * SECOND, None), None, "nothing was due");
        let due = Some(start + 61 * SECOND);
        assert_eq!(pulse.judge(start + 62 * SECOND, 162 * SECOND, due), None, "a second late");
        let long_due = Some(start);
        assert_eq!(
            pulse.judge(start + 63 * SECOND, 163 * SECOND, long_due),
            None,
            "due all the time, and served"
        );
    }
}
