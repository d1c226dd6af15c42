//! Hosts on the same link that belong to another LAN: one with another passphrase, or without one.
//!
//! What they say cannot be read or must not be believed. But that they are heard explains why people do not see each other.
//!
//! Invariant: whatever is sent by whomever, this is a hint for people, and nothing is derived from it.

use crate::time::Instant;
use std::{collections::BTreeMap, net::IpAddr, time::Duration};

/// Addresses remembered: enough for a hint.
const MAX_HEARD: usize = 64;

/// Who has been silent for so long is no hint any more: the longest interval of heartbeats, twice.
const MEMORY: Duration = Duration::from_secs(120);

/// Addresses named in the hint.
const NAMED: usize = 3;

/// Who was heard of late.
#[derive(Default, Debug)]
pub struct Strangers {
    heard: BTreeMap<IpAddr, (Instant, bool)>,
}

impl Strangers {
    /// A host frame of another LAN was heard.
    pub fn on_frame(&mut self, from: IpAddr, sealed: bool, now: Instant) {
        if self.heard.len() >= MAX_HEARD && !self.heard.contains_key(&from) {
            self.heard.retain(|_, (at, _)| now.since(*at) < MEMORY);
        }
        if self.heard.len() < MAX_HEARD || self.heard.contains_key(&from) {
            self.heard.insert(from, (now, sealed));
        }
    }

    /// Nobody is a stranger before having been heard: the passphrase has changed.
    pub fn clear(&mut self) {
        self.heard.clear();
    }

    /// What is to be said about them on a LAN that is sealed, or is not.
    pub fn hints(&self, sealed: bool, now: Instant) -> Vec<String> {
        let of = |theirs: bool| -> Vec<String> {
            let recent =
                self.heard.iter().filter(|(_, (at, sealed))| now.since(*at) < MEMORY && *sealed == theirs);
            recent.map(|(address, _)| address.to_string()).collect()
        };
        let hint = |theirs: bool| {
            let (addresses, (what, fix)) = (of(theirs), hint(sealed, theirs));
            let more = if addresses.len() > NAMED { ", …" } else { "" };
            let named = addresses.iter().take(NAMED).map(String::as_str).collect::<Vec<_>>().join(", ");
            (!addresses.is_empty()).then(|| format!("hosts on this network {what} ({named}{more}): {fix}"))
        };
        [true, false].into_iter().filter_map(hint).collect()
    }
}

fn hint(ours: bool, theirs: bool) -> (&'static str, &'static str) {
    match (ours, theirs) {
        (true, true) => (
            "use another passphrase than this one",
            "if you should see each other, one of you has typed it wrongly; run `chalktalk passphrase set` there",
        ),
        (false, true) => (
            "use a passphrase that this one does not have",
            "to meet them, ask them for it and run `chalktalk passphrase set`",
        ),
        (_, false) => (
            "have no passphrase",
            "to meet them, have them run `chalktalk passphrase set`, or run `chalktalk passphrase clear` here",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Instant {
        Instant::ZERO + Duration::from_secs(seconds)
    }

    #[test]
    fn they_are_named_while_they_are_heard() {
        let mut strangers = Strangers::default();
        strangers.on_frame(IpAddr::from([192, 0, 2, 1]), true, at(0));
        let [hint] = &strangers.hints(true, at(100))[..] else { panic!() };
        assert!(hint.contains("another passphrase") && hint.contains("192.0.2.1"), "{hint}");
        assert!(strangers.hints(false, at(100))[0].contains("does not have"));
        strangers.on_frame(IpAddr::from([192, 0, 2, 2]), false, at(100));
        assert_eq!(strangers.hints(true, at(100)).len(), 2);
        assert!(strangers.hints(true, at(300)).is_empty());
    }

    #[test]
    fn a_flood_of_addresses_is_forgotten_again() {
        let mut strangers = Strangers::default();
        for n in 0..=255 {
            strangers.on_frame(IpAddr::from([10, 0, 0, n]), true, at(0));
        }
        assert_eq!(strangers.heard.len(), MAX_HEARD);
        strangers.on_frame(IpAddr::from([192, 0, 2, 1]), true, at(200));
        assert!(strangers.hints(true, at(200))[0].contains("(192.0.2.1)"));
    }
}
