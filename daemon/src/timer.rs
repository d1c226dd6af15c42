//! A timer in the poll: exact to the microsecond, where the poll's own time-out is rounded up to a millisecond.
//!
//! Invariant: an armed timer fires at or before the deadline last asked for; early is allowed, late is not.

use mio::{Interest, Registry, Token, unix::SourceFd};
use rustix::time::{
    Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create, timerfd_settime,
};
use std::{
    io,
    os::fd::{AsRawFd, OwnedFd},
    time::{Duration, Instant},
};

/// The timer.
#[derive(Debug)]
pub struct Timer {
    descriptor: OwnedFd,
    armed: Option<Instant>,
}

impl Timer {
    /// Puts a timer into the poll.
    pub fn new(registry: &Registry, token: Token) -> io::Result<Self> {
        let descriptor =
            timerfd_create(TimerfdClockId::Monotonic, TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC)?;
        registry.register(&mut SourceFd(&descriptor.as_raw_fd()), token, Interest::READABLE)?;
        Ok(Self { descriptor, armed: None })
    }

    /// Sees to it that the poll wakes at `deadline`, which is after `now`. One that is armed for earlier stays: waking
    /// once for nothing is cheaper than a system call for every packet that moves a deadline.
    pub fn arm(&mut self, now: Instant, deadline: Instant) -> io::Result<()> {
        if self.armed.is_some_and(|at| at > now && at <= deadline) {
            return Ok(());
        }
        // Zero would disarm it.
        let wait = deadline.saturating_duration_since(now).max(Duration::from_nanos(1));
        let it_value = Timespec {
            tv_sec: i64::try_from(wait.as_secs()).unwrap_or(i64::MAX),
            tv_nsec: i64::from(wait.subsec_nanos()),
        };
        let it_interval = Timespec { tv_sec: 0, tv_nsec: 0 };
        let wanted = Itimerspec { it_interval, it_value };
        timerfd_settime(&self.descriptor, TimerfdTimerFlags::empty(), &wanted)?;
        self.armed = Some(deadline);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use mio::{Events, Poll};

    #[test]
    fn it_wakes_in_less_than_a_millisecond_and_again() {
        let mut poll = Poll::new().unwrap();
        let mut timer = Timer::new(poll.registry(), Token(3)).unwrap();
        let mut events = Events::with_capacity(4);
        let mut quickest = Duration::MAX;
        for _ in 0..50 {
            let now = Instant::now();
            timer.arm(now, now + Duration::from_micros(100)).unwrap();
            poll.poll(&mut events, Some(Duration::from_secs(5))).unwrap();
            assert_eq!(events.iter().map(|e| e.token()).collect::<Vec<_>>(), [Token(3)]);
            quickest = quickest.min(now.elapsed());
        }
        assert!(quickest >= Duration::from_micros(100));
        assert!(quickest < Duration::from_millis(1), "{quickest:?}");
    }

    #[test]
    fn an_earlier_deadline_replaces_a_later_one() {
        let mut poll = Poll::new().unwrap();
        let mut timer = Timer::new(poll.registry(), Token(3)).unwrap();
        let now = Instant::now();
        timer.arm(now, now + Duration::from_secs(60)).unwrap();
        timer.arm(now, now + Duration::from_millis(1)).unwrap();
        let mut events = Events::with_capacity(4);
        poll.poll(&mut events, Some(Duration::from_secs(5))).unwrap();
        assert_eq!(events.iter().count(), 1);
    }
}
