//! The messages of a measurement, and what a receiver notes about them.
//!
//! A message starts with its number and the time at which it was sent (16 bytes, little endian). The last one has
//! the number `u64::MAX` and, instead of a time, the count of all others.

use serde::{Deserialize, Serialize};
use std::time::Duration;

/// The shortest message.
pub const HEAD: usize = 16;

const LAST: u64 = u64::MAX;

/// Nanoseconds of the clock that all processes of the machine share.
pub fn now() -> u64 {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
    time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
}

/// Writes number and time into a message.
pub fn stamp(message: &mut [u8], number: u64, time: u64) {
    message[..8].copy_from_slice(&number.to_le_bytes());
    message[8..16].copy_from_slice(&time.to_le_bytes());
}

/// The message that ends a measurement of `count` messages.
pub fn last(size: usize, count: u64) -> Vec<u8> {
    let mut message = vec![0; size];
    stamp(&mut message, LAST, count);
    message
}

/// When each message of an even stream is due.
pub struct Pace {
    start: u64,
    step: f64,
}

impl Pace {
    /// `rate` messages a second, from now on.
    pub fn new(rate: u32) -> Self {
        Self { start: now(), step: 1e9 / f64::from(rate) }
    }

    /// Waits until message `number` is due. Gives the time to stamp it with: now, or when it was due if its sender
    /// was held up, so that being held up does not hide latency.
    pub fn wait(&self, number: u64) -> u64 {
        /// Later than this is more than the timer's own inexactness.
        const HELD_UP: u64 = 1_000_000;
        let due = self.start + (number as f64 * self.step) as u64;
        let early = due.saturating_sub(now());
        if early > 0 {
            std::thread::sleep(Duration::from_nanos(early));
        }
        let now = now();
        if now > due + HELD_UP { due } else { now }
    }
}

/// What a sender did.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct Sent {
    /// Messages, without the last.
    pub messages: u64,
    /// When the first one went.
    pub first: u64,
}

/// What a receiver got.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Got {
    /// Messages, without the last.
    pub messages: u64,
    /// How many there should have been; 0 if the last one never came.
    pub expected: u64,
    /// When the latest one came.
    pub latest: u64,
    /// Messages out of order or twice.
    pub disorder: u64,
    /// Half of the messages took at most this long, in microseconds.
    pub p50: f64,
    /// 99 of 100 messages took at most this long, in microseconds.
    pub p99: f64,
}

/// Counts what comes in.
#[derive(Default)]
pub struct Meter {
    got: Got,
    next: u64,
    times: Vec<u64>,
    sampled: bool,
}

impl Meter {
    /// A meter; `sampled` ones also note how long each message took.
    pub fn new(sampled: bool) -> Self {
        Self { sampled, ..Self::default() }
    }

    /// Takes a message that came at `now`; false for the last one.
    pub fn take(&mut self, message: &[u8], now: u64) -> bool {
        let Some((head, _)) = message.split_first_chunk::<HEAD>() else { return true };
        let (number, time) = (word(&head[..8]), word(&head[8..]));
        if number == LAST {
            self.got.expected = time;
            return false;
        }
        self.got.messages += 1;
        self.got.latest = now;
        self.got.disorder += u64::from(number < self.next);
        self.next = self.next.max(number + 1);
        if self.sampled {
            self.times.push(now.saturating_sub(time));
        }
        true
    }

    /// What it has counted.
    pub fn result(mut self) -> Got {
        self.times.sort_unstable();
        let quantile = |share: f64| {
            let at = (self.times.len() as f64 * share) as usize;
            self.times.get(at.min(self.times.len().saturating_sub(1))).map_or(0.0, |ns| *ns as f64 / 1e3)
        };
        Got { p50: quantile(0.5), p99: quantile(0.99), ..self.got }
    }
}

fn word(bytes: &[u8]) -> u64 {
    bytes.iter().rev().fold(0, |word, byte| word << 8 | u64::from(*byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_meter_counts_orders_and_times() {
        let mut meter = Meter::new(true);
        let mut message = vec![0; 64];
        for (number, took) in [(0, 10_000), (2, 20_000), (1, 30_000)] {
            stamp(&mut message, number, 1_000);
            assert!(meter.take(&message, 1_000 + took));
        }
        assert!(!meter.take(&last(64, 4), 99_000));
        let got = meter.result();
        assert_eq!((got.messages, got.expected, got.disorder, got.latest), (3, 4, 1, 31_000));
        assert_eq!((got.p50, got.p99), (20.0, 30.0));
    }
}
