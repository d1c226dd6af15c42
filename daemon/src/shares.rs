//! What each user takes of a turn of the event loop, in time: reading, answering, delivering, looking into the store.
//!
//! Time, because it is what the others wait for: a flood of small requests, one large answer and a long look into the
//! past cost each what they cost.
//!
//! Invariant: over a run of turns nobody gets more than a share of each; what was taken beyond it is paid back.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

/// A user's share of a turn on a daemon that several share: a few hundred messages. A handful of users who flood it
/// together leave the others a delay that nobody notices.
pub const SHARE: Duration = Duration::from_millis(2);

/// Who has taken how much of the present turn.
#[derive(Debug)]
pub struct Shares {
    share: Duration,
    taken: BTreeMap<u32, Duration>,
    paused: BTreeSet<u32>,
    turn: usize,
}

impl Shares {
    /// Every uid gets this much of each turn; nothing is counted where that is not limited.
    pub fn new(share: Option<Duration>) -> Self {
        let share = share.unwrap_or(Duration::MAX);
        Self { share, taken: BTreeMap::new(), paused: BTreeSet::new(), turn: 0 }
    }

    /// How much of this turn is left for a user.
    pub fn left(&self, uid: u32) -> Duration {
        match self.paused.contains(&uid) {
            true => Duration::ZERO,
            false => self.share.saturating_sub(self.taken.get(&uid).copied().unwrap_or_default()),
        }
    }

    /// Whether anything is left for a user.
    pub fn has_left(&self, uid: u32) -> bool {
        !self.left(uid).is_zero()
    }

    /// A user has taken so much.
    pub fn take(&mut self, uid: u32, time: Duration) {
        let taken = self.taken.entry(uid).or_default();
        *taken = taken.saturating_add(time);
    }

    /// Holds a user back until further notice, or no longer.
    pub fn pause(&mut self, uid: u32, paused: bool) {
        if paused {
            self.paused.insert(uid)
        } else {
            self.paused.remove(&uid)
        };
    }

    /// Whether a user is held back.
    pub fn is_paused(&self, uid: u32) -> bool {
        self.paused.contains(&uid)
    }

    /// Who has taken something of late, or is held back.
    pub fn active(&self) -> Vec<u32> {
        self.taken.keys().chain(&self.paused).copied().collect::<BTreeSet<u32>>().into_iter().collect()
    }

    /// The next turn begins.
    pub fn end_turn(&mut self) {
        self.turn = self.turn.wrapping_add(1);
        let share = self.share;
        self.taken.retain(|_, taken| {
            *taken = taken.saturating_sub(share);
            !taken.is_zero()
        });
    }

    /// Begins with another one each turn, so that nobody is always the last when a share runs out.
    pub fn in_turn<T>(&self, mut all: Vec<T>) -> Vec<T> {
        let first = self.turn % all.len().max(1);
        all.rotate_left(first);
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    #[test]
    fn what_is_taken_beyond_a_share_is_paid_back_and_nobody_else_pays() {
        let mut shares = Shares::new(Some(2 * MS));
        shares.take(7, MS);
        assert_eq!(shares.left(7), MS);
        shares.take(7, 6 * MS);
        assert_eq!((shares.has_left(7), shares.left(8)), (false, 2 * MS));
        let mut turns = 0;
        while !shares.has_left(7) {
            shares.end_turn();
            turns += 1;
        }
        assert_eq!((turns, shares.left(7)), (3, MS));
        shares.end_turn();
        assert!(shares.active().is_empty(), "who is idle is forgotten");
    }

    #[test]
    fn who_is_held_back_has_nothing_left_until_let_go() {
        let mut shares = Shares::new(Some(2 * MS));
        shares.pause(7, true);
        shares.end_turn();
        assert!(!shares.has_left(7) && shares.has_left(8));
        assert_eq!(shares.active(), [7]);
        shares.pause(7, false);
        assert!(shares.has_left(7));
    }

    #[test]
    fn a_daemon_of_ones_own_is_not_shared() {
        let mut shares = Shares::new(None);
        shares.take(7, Duration::from_secs(1 << 40));
        assert!(shares.has_left(7));
        assert_eq!(shares.active(), [7], "what waits for the disk has a bound there too");
        shares.end_turn();
        assert!(shares.active().is_empty());
    }

    #[test]
    fn everybody_is_first_once() {
        let mut shares = Shares::new(Some(MS));
        let mut firsts = BTreeSet::new();
        for _ in 0..3 {
            firsts.insert(shares.in_turn(vec!['a', 'b', 'c'])[0]);
            shares.end_turn();
        }
        assert_eq!(firsts.len(), 3);
        assert!(shares.in_turn(Vec::<u8>::new()).is_empty());
    }
}
