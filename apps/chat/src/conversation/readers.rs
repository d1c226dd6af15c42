//! How far others have read what the reader has said, and who of them is typing.
//!
//! Others say so in passing, and nobody vouches for it: it is shown, and nothing follows from it.
//!
//! Invariant: it is bounded, whatever is said; and only of logs that the reader writes is it kept how far they were read.

use chalktalk_ipc::{OriginId, Position, UserId};
use std::collections::{BTreeMap, BTreeSet};

/// People of whom it is kept. A room with more shows who has read by the daemon's word alone.
const MAX_READERS: usize = 512;

/// Logs of one person: one for each host and life of it.
const MAX_LOGS: usize = 16;

/// People typing at once.
const MAX_TYPING: usize = 16;

/// Up to where the logs are read.
type Places = BTreeMap<(OriginId, u32), (u64, u16)>;

/// What is known of the others.
#[derive(Clone, Debug, Default)]
pub(super) struct Readers {
    own: BTreeSet<OriginId>,
    read: BTreeMap<UserId, Places>,
    typing: BTreeMap<UserId, (String, u64)>,
}

impl Readers {
    /// The reader writes this log.
    pub(super) fn on_own(&mut self, origin: OriginId) {
        if self.own.len() < MAX_LOGS {
            self.own.insert(origin);
        }
    }

    /// Whether the reader writes this log.
    pub(super) fn is_own(&self, origin: OriginId) -> bool {
        self.own.contains(&origin)
    }

    /// Somebody has read up to this place.
    pub(super) fn on_read(&mut self, user: UserId, at: Position) {
        let known = self.read.contains_key(&user) || self.read.len() < MAX_READERS;
        if !known || !self.own.contains(&at.origin) {
            return;
        }
        let logs = self.read.entry(user).or_default();
        let upto = logs.entry((at.origin, at.epoch)).or_default();
        *upto = (*upto).max((at.seq, at.index));
        if logs.len() > MAX_LOGS {
            logs.pop_first();
        }
    }

    /// Who has read the message at this place.
    pub(super) fn of(&self, at: Position) -> impl Iterator<Item = UserId> + '_ {
        let has = move |logs: &Places| {
            logs.get(&(at.origin, at.epoch)).is_some_and(|upto| *upto >= (at.seq, at.index))
        };
        self.read.iter().filter(move |(_, logs)| has(logs)).map(|(user, _)| *user)
    }

    /// Somebody is typing until then, unless they say so again; 0: no more.
    pub(super) fn on_typing(&mut self, user: UserId, name: String, until: u64) {
        if until == 0 {
            self.typing.remove(&user);
        } else if self.typing.contains_key(&user) || self.typing.len() < MAX_TYPING {
            self.typing.insert(user, (name, until));
        }
    }

    /// Forgets who has stopped typing by now.
    pub(super) fn settle(&mut self, now: u64) {
        self.typing.retain(|_, (_, until)| *until > now);
    }

    /// Their names.
    pub(super) fn names(&self) -> Vec<&str> {
        self.typing.values().map(|(name, _)| name.as_str()).collect()
    }

    /// When the first of them is taken to have stopped.
    pub(super) fn next(&self) -> Option<u64> {
        self.typing.values().map(|(_, until)| *until).min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ANA: OriginId = OriginId([1; 16]);

    fn at(origin: OriginId, epoch: u32, seq: u64) -> Position {
        Position { origin, epoch, seq, index: 0 }
    }

    #[test]
    fn who_has_read_is_known_of_own_logs_alone_and_never_goes_back() {
        let mut readers = Readers::default();
        let (ben, strange) = (UserId([2; 32]), OriginId([9; 16]));
        readers.on_read(ben, at(ANA, 1, 5));
        readers.on_own(ANA);
        for place in [at(ANA, 1, 5), at(ANA, 1, 3), at(strange, 1, 9)] {
            readers.on_read(ben, place);
        }
        let of = |readers: &Readers, place| readers.of(place).collect::<Vec<_>>();
        assert_eq!(of(&readers, at(ANA, 1, 5)), [ben]);
        assert_eq!(of(&readers, at(ANA, 1, 6)), []);
        assert_eq!(of(&readers, at(ANA, 2, 1)), [], "another life");
        assert_eq!(of(&readers, at(strange, 1, 1)), []);
    }

    #[test]
    fn whatever_is_said_it_stays_small() {
        let mut readers = Readers::default();
        readers.on_own(ANA);
        for n in 0..2000u32 {
            let mut id = [0; 32];
            id[..4].copy_from_slice(&n.to_le_bytes());
            readers.on_read(UserId(id), at(ANA, n, 1));
            readers.on_read(UserId([0; 32]), at(ANA, n, 1));
            readers.on_typing(UserId(id), "x".into(), 10);
        }
        assert_eq!((readers.read.len(), readers.names().len()), (MAX_READERS, MAX_TYPING));
        assert!(readers.read.values().all(|logs| logs.len() <= MAX_LOGS));
        readers.settle(10);
        assert!(readers.names().is_empty() && readers.next().is_none());
    }
}
