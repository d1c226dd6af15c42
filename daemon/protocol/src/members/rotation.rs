//! Who makes a new key, and when: one host at once, the others only if it does not come.
//!
//! Whoever removes somebody makes the new key in the same breath. Where a key is missing otherwise (somebody left, sides of a
//! partition have met) the present hosts of members take their turn, in an order that all of them compute alike. Two keys
//! made at once do no harm: all take the same of them.
//!
//! Invariant: while a key is missing, some present member's host has a time at which it makes one.

use crate::time::Instant;
use chalktalk_ipc::{HostId, SessionId};
use std::time::Duration;

/// What one is told in a burst is taken together: more statements mostly follow the first.
const SETTLE: Duration = Duration::from_millis(50);

/// A host waits so long for each one before it: a few round trips of a bad Wi-Fi, and no more than a heartbeat.
const TURN: Duration = Duration::from_millis(300);

/// Hosts beyond these all take the last turn.
pub const MOST_TURNS: usize = 16;

/// The plan of one host for one session.
#[derive(Clone, Copy, Debug, Default)]
pub struct Rotation {
    due: Option<Instant>,
}

impl Rotation {
    /// Whether a key is missing has to be looked at anew. `turn`: how many hosts come first; `None`: this host may not
    /// make keys.
    pub fn consider(&mut self, missing: bool, turn: Option<usize>, now: Instant) {
        self.due = match turn.filter(|_| missing) {
            None => None,
            Some(turn) => {
                let at = now + SETTLE + TURN * turn.min(MOST_TURNS) as u32;
                Some(self.due.map_or(at, |due| due.min(at).max(now + SETTLE)))
            }
        };
    }

    /// When to make one.
    pub fn next_timeout(&self) -> Option<Instant> {
        self.due
    }

    /// Whether it is time to make one.
    pub fn take_due(&mut self, now: Instant) -> bool {
        self.due.take_if(|due| *due <= now).is_some()
    }
}

/// How many of the others come before this host.
pub fn turn(session: SessionId, host: HostId, others: impl Iterator<Item = HostId>) -> usize {
    let order = |host: HostId| *blake3::hash(&[session.0, host.0].concat()).as_bytes();
    let mine = order(host);
    others.filter(|other| order(*other) < mine).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_all_hosts_one_is_first() {
        let hosts: Vec<HostId> = (1..=9).map(|n| HostId([n; 16])).collect();
        let turn_of = |session: SessionId, host: HostId| {
            turn(session, host, hosts.iter().copied().filter(move |other| *other != host))
        };
        for session in (0..20).map(|n| SessionId([n; 16])) {
            let mut turns: Vec<usize> = hosts.iter().map(|host| turn_of(session, *host)).collect();
            turns.sort();
            assert_eq!(turns, (0..9).collect::<Vec<_>>());
        }
    }

    #[test]
    fn news_neither_hurries_nor_puts_off_for_ever() {
        let at = |ms| Instant::after_start(Duration::from_millis(ms));
        let mut plan = Rotation::default();
        plan.consider(true, Some(2), at(0));
        assert_eq!(plan.next_timeout(), Some(at(650)));
        plan.consider(true, Some(2), at(100));
        assert_eq!(plan.next_timeout(), Some(at(650)));
        plan.consider(true, Some(2), at(640));
        assert_eq!(plan.next_timeout(), Some(at(690)), "what was just told settles first");
        plan.consider(true, Some(0), at(641));
        assert_eq!(plan.next_timeout(), Some(at(691)));
        assert!(!plan.take_due(at(690)) && plan.take_due(at(691)) && plan.next_timeout().is_none());
        plan.consider(true, Some(0), at(700));
        plan.consider(false, Some(0), at(701));
        assert_eq!(plan.next_timeout(), None, "it came");
        plan.consider(true, None, at(702));
        assert_eq!(plan.next_timeout(), None);
    }
}
