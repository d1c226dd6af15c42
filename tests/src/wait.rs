//! Waiting for a condition, never for a time.

use std::{
    thread,
    time::{Duration, Instant},
};

/// How often a condition is looked at.
const STEP: Duration = Duration::from_millis(10);

/// Waits until `condition` gives something, and says how long that took.
///
/// # Panics
/// When it does not in time; the message says what was waited for.
pub fn timed<T>(within: Duration, what: &str, mut condition: impl FnMut() -> Option<T>) -> (T, Duration) {
    let start = Instant::now();
    loop {
        if let Some(found) = condition() {
            return (found, start.elapsed());
        }
        assert!(start.elapsed() < within, "waited {within:?} in vain for {what}");
        thread::sleep(STEP);
    }
}

/// Waits until `condition` gives something.
///
/// # Panics
/// When it does not in time; the message says what was waited for.
pub fn for_some<T>(within: Duration, what: &str, condition: impl FnMut() -> Option<T>) -> T {
    timed(within, what, condition).0
}

/// Waits until `condition` holds, and says how long that took.
///
/// # Panics
/// When it does not in time; the message says what was waited for.
pub fn until(within: Duration, what: &str, mut condition: impl FnMut() -> bool) -> Duration {
    timed(within, what, || condition().then_some(())).1
}
