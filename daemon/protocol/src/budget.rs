//! What a source may cost: who sends what does not hold is soon not listened to, before it is looked at closely.
//!
//! Only frames that fail a costly check (a signature, a seal) are charged, so that those who keep to the protocol never
//! notice. The source is the address a frame came from; who can forge those on a link can also jam it.
//!
//! Invariant: the work that bad frames of one source cause is bounded, and so is what is remembered of all sources.

use crate::time::Instant;
use std::{collections::BTreeMap, net::SocketAddr};

/// Bad frames a second: at 100 µs for a signature, 2 % of one core.
const RATE: f64 = 200.0;

/// Bad frames at once: a burst that was damaged on the way, or one sealed with a key that has not come yet.
const BURST: f64 = 400.0;

/// Sources remembered: when there are more, they share one budget.
const MAX_SOURCES: usize = 1024;

/// What is left of a source's budget.
#[derive(Clone, Copy, Debug)]
struct Bucket {
    left: f64,
    at: Instant,
}

impl Bucket {
    fn full(now: Instant) -> Self {
        Self { left: BURST, at: now }
    }

    fn refill(&mut self, now: Instant) {
        self.left = (self.left + now.since(self.at).as_secs_f64() * RATE).min(BURST);
        self.at = now;
    }
}

/// The budgets of all sources that have sent something bad of late.
#[derive(Default, Debug)]
pub struct Budgets {
    sources: BTreeMap<SocketAddr, Bucket>,
    shared: Option<Bucket>,
}

impl Budgets {
    /// Whether frames of a source are looked at.
    pub fn allows(&mut self, source: SocketAddr, now: Instant) -> bool {
        let crowded = self.sources.len() >= MAX_SOURCES;
        let bucket = self.sources.get_mut(&source).or(self.shared.as_mut().filter(|_| crowded));
        let Some(bucket) = bucket else { return true };
        bucket.refill(now);
        bucket.left >= 1.0
    }

    /// A frame of a source failed a costly check.
    pub fn charge(&mut self, source: SocketAddr, now: Instant) {
        if self.sources.len() >= MAX_SOURCES && !self.sources.contains_key(&source) {
            self.sources.retain(|_, bucket| {
                bucket.refill(now);
                bucket.left < BURST
            });
        }
        let bucket = if self.sources.len() < MAX_SOURCES || self.sources.contains_key(&source) {
            self.sources.entry(source).or_insert_with(|| Bucket::full(now))
        } else {
            self.shared.get_or_insert_with(|| Bucket::full(now))
        };
        bucket.refill(now);
        bucket.left = (bucket.left - 1.0).max(0.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn source(n: u16) -> SocketAddr {
        SocketAddr::from(([10, 0, (n >> 8) as u8, n as u8], 1))
    }

    fn looked_at(budgets: &mut Budgets, source: SocketAddr, now: Instant, frames: usize) -> usize {
        (0..frames)
            .filter(|_| {
                budgets.allows(source, now) && {
                    budgets.charge(source, now);
                    true
                }
            })
            .count()
    }

    #[test]
    fn a_flood_of_bad_frames_is_looked_at_as_far_as_the_budget_goes() {
        let (mut budgets, mut now) = (Budgets::default(), Instant::ZERO);
        assert_eq!(looked_at(&mut budgets, source(1), now, 10_000), BURST as usize);
        assert!(budgets.allows(source(2), now), "others are not concerned");
        let mut later = 0;
        for _ in 0..10 {
            now += Duration::from_millis(100);
            later += looked_at(&mut budgets, source(1), now, 1000);
        }
        assert!((190..=210).contains(&later), "{later}");
    }

    #[test]
    fn ever_new_sources_share_what_is_left() {
        let (mut budgets, now) = (Budgets::default(), Instant::ZERO);
        let looked: usize = (0..60_000).map(|n| looked_at(&mut budgets, source(n), now, 1)).sum();
        assert!(looked <= MAX_SOURCES + BURST as usize, "{looked}");
        assert!(budgets.sources.len() <= MAX_SOURCES);
        let later = now + Duration::from_secs(10);
        budgets.charge(source(60_001), later);
        assert!(budgets.sources.len() <= 1, "who was quiet since is forgotten");
        assert!(budgets.allows(source(3), later));
    }
}
