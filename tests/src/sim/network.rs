//! A network that loses, repeats, delays and reorders datagrams, and falls apart.
//!
//! Invariant: what arrives was sent, byte for byte, to somebody who could hear it.

use super::chance::Chance;
use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

/// What the network does to datagrams. Probabilities are per datagram and receiver.
#[derive(Clone, Debug)]
pub struct Faults {
    /// Lost.
    pub loss: f64,
    /// A burst of losses begins.
    pub burst: f64,
    /// Datagrams lost in one burst.
    pub burst_length: u32,
    /// Arrives twice.
    pub duplicate: f64,
    /// Delayed by up to 20 ms, so that others overtake it.
    pub reorder: f64,
    /// Every datagram takes at least so long.
    pub delay: Duration,
    /// And up to so much longer.
    pub jitter: Duration,
    /// Hosts hear their own frames.
    pub loopback: bool,
}

impl Faults {
    /// A quiet wired LAN.
    pub fn none() -> Self {
        Self {
            loss: 0.0,
            burst: 0.0,
            burst_length: 0,
            duplicate: 0.0,
            reorder: 0.0,
            delay: Duration::from_micros(60),
            jitter: Duration::from_micros(40),
            loopback: false,
        }
    }
}

/// Decides by sender, receiver and bytes whether a datagram is lost.
pub type Filter = Box<dyn FnMut(usize, usize, &[u8]) -> bool>;

/// The network.
pub struct Network {
    /// What it does to datagrams now.
    pub faults: Faults,
    /// Loses particular datagrams, for scenarios about them.
    pub lose: Option<Filter>,
    /// The part of the network each host is in.
    islands: BTreeMap<usize, usize>,
    /// (sender, receiver) pairs of which the receiver hears nothing.
    deaf: BTreeSet<(usize, usize)>,
    bursts: BTreeMap<(usize, usize), u32>,
    /// Datagrams that somebody should have heard and did not.
    pub lost: u64,
    /// Datagrams sent, counted once for all receivers.
    pub sent: u64,
}

impl Network {
    /// With these faults.
    pub fn new(faults: Faults) -> Self {
        Self {
            faults,
            lose: None,
            islands: BTreeMap::new(),
            deaf: BTreeSet::new(),
            bursts: BTreeMap::new(),
            lost: 0,
            sent: 0,
        }
    }

    /// Falls apart: hosts with the same number hear each other.
    pub fn partition(&mut self, islands: impl IntoIterator<Item = (usize, usize)>) {
        self.islands = islands.into_iter().collect();
    }

    /// `to` does not hear `from` any more.
    pub fn deafen(&mut self, from: usize, to: usize) {
        self.deaf.insert((from, to));
    }

    /// Everybody hears everybody again.
    pub fn heal(&mut self) {
        self.islands.clear();
        self.deaf.clear();
    }

    /// No more faults of any kind.
    pub fn mend(&mut self) {
        self.heal();
        self.lose = None;
        self.bursts.clear();
        self.faults = Faults { loopback: self.faults.loopback, ..Faults::none() };
    }

    /// Whether a connection between the two works.
    pub fn connects(&self, a: usize, b: usize) -> bool {
        self.hears(a, b) && self.hears(b, a)
    }

    fn hears(&self, from: usize, to: usize) -> bool {
        let island = |host: usize| self.islands.get(&host).copied().unwrap_or(0);
        island(from) == island(to) && !self.deaf.contains(&(from, to))
    }

    /// After which times copies of this datagram arrive.
    pub fn carry(&mut self, from: usize, to: usize, datagram: &[u8], chance: &mut Chance) -> Vec<Duration> {
        if !self.hears(from, to) || self.loses(from, to, datagram, chance) {
            self.lost += 1;
            return Vec::new();
        }
        let copies = if chance.yes(self.faults.duplicate) { 2 } else { 1 };
        (0..copies).map(|_| self.delay(chance)).collect()
    }

    fn loses(&mut self, from: usize, to: usize, datagram: &[u8], chance: &mut Chance) -> bool {
        if self.lose.as_mut().is_some_and(|lose| lose(from, to, datagram)) {
            return true;
        }
        let left = self.bursts.entry((from, to)).or_default();
        if *left > 0 {
            *left -= 1;
            return true;
        }
        if chance.yes(self.faults.burst) {
            *left = self.faults.burst_length;
        }
        chance.yes(self.faults.loss)
    }

    fn delay(&self, chance: &mut Chance) -> Duration {
        let late = if chance.yes(self.faults.reorder) {
            chance.between(Duration::ZERO, Duration::from_millis(20))
        } else {
            Duration::ZERO
        };
        self.faults.delay + chance.between(Duration::ZERO, self.faults.jitter) + late
    }
}
