//! Waiting for what can be seen, not for time to pass.

use crate::{failure::Failure, interrupt};
use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

/// Everything the demo waits for takes far less than a second on a healthy machine; a loaded one gets this long.
const PATIENCE: Duration = Duration::from_secs(15);
const LOOK_EVERY: Duration = Duration::from_millis(10);

/// Waits, until it is interrupted by Ctrl-C or the like.
pub(super) struct Waiter {
    interrupted: Arc<AtomicBool>,
}

impl Waiter {
    /// From now on signals interrupt the waiting instead of ending the program, so that it can tidy up.
    pub(super) fn until_interrupted() -> Result<Self, Failure> {
        Ok(Self { interrupted: interrupt::flag()? })
    }

    /// Set when a signal has come.
    pub(super) fn flag(&self) -> Arc<AtomicBool> {
        self.interrupted.clone()
    }

    /// Looks again and again until there is something.
    pub(super) fn wait<T>(
        &self,
        what: &str,
        mut look: impl FnMut() -> Result<Option<T>, Failure>,
    ) -> Result<T, Failure> {
        let give_up = Instant::now() + PATIENCE;
        loop {
            if let Some(found) = look()? {
                return Ok(found);
            }
            if self.interrupted.load(Ordering::Relaxed) {
                return Err(Failure::Failed("interrupted".into()));
            }
            if Instant::now() >= give_up {
                let waited = PATIENCE.as_secs();
                return Err(Failure::Failed(format!("waited {waited} s in vain for {what}")));
            }
            thread::sleep(LOOK_EVERY);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_ends_when_there_is_something_and_when_it_is_interrupted() {
        let waiter = Waiter { interrupted: Arc::default() };
        let mut looks = 0;
        let third = || {
            looks += 1;
            Ok((looks == 3).then_some(looks))
        };
        assert_eq!(waiter.wait("the third look", third).unwrap(), 3);
        waiter.interrupted.store(true, Ordering::Relaxed);
        let never = waiter.wait("nothing", || Ok(None::<()>)).unwrap_err();
        assert_eq!(never.message(), Some("interrupted"));
    }
}
