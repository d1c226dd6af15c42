//! The keys of an invite session that this host holds, and which of them is to be used.
//!
//! Every session key has a *membership key*, derived from it, that seals the statements made in its time. Every rotation
//! wraps the keys before it: who has the newest can open all that was said about members, and in sessions with history all
//! that was written. Without history only the membership keys are handed on.
//!
//! Invariant: nothing is sealed for members under a key that somebody has who is not in.

use super::{
    membership::{KeyFacts, Membership},
    statement::{Former, Secret, Statement},
};
use crate::seal::{Key, KeyName};
use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet},
};

/// A key and what hangs on it.
#[derive(Clone, Debug)]
pub struct Held {
    /// Seals the statements of its time.
    pub membership: Key,
    /// Seals everything else; newcomers to a session without history do not have it for the past.
    pub session: Option<Key>,
    /// What headers call the session key.
    pub session_id: u32,
}

/// All keys of one session, by the name of their membership key.
#[derive(Clone, Debug, Default)]
pub struct Keys {
    held: BTreeMap<KeyName, Held>,
    /// Those that some rotation known here hands on.
    wrapped: BTreeSet<KeyName>,
}

/// The key that seals statements made in the time of a session key.
pub fn membership_key(session: &Key) -> Key {
    Key::new(blake3::derive_key("chalktalk 2026 membership key", session.secret()))
}

impl Keys {
    /// Keeps a session key. True if it is new.
    pub fn add(&mut self, session: Key) -> bool {
        let membership = membership_key(&session);
        let fresh = Held { membership: membership.clone(), session: None, session_id: session.id() };
        let held = self.held.entry(membership.name()).or_insert(fresh);
        let new = held.session.is_none();
        held.session = Some(session);
        new
    }

    /// Keeps a key for statements only. True if it is new.
    pub fn add_membership(&mut self, membership: Key, session_id: u32) -> bool {
        let name = membership.name();
        let new = !self.held.contains_key(&name);
        self.held.entry(name).or_insert(Held { membership, session: None, session_id });
        new
    }

    /// Keeps the keys that a statement hands on. True if one of them is new.
    pub fn learn(&mut self, statement: &Statement) -> bool {
        let Statement::Rotate { former, .. } = statement else { return false };
        let mut new = false;
        for key in former {
            let name = match key {
                Former::Session(secret) => {
                    let key = secret.key();
                    let name = membership_key(&key).name();
                    new |= self.add(key);
                    name
                }
                Former::Membership(secret, session_id) => {
                    let key = secret.key();
                    let name = key.name();
                    new |= self.add_membership(key, *session_id);
                    name
                }
            };
            self.wrapped.insert(name);
        }
        new
    }

    /// All of them.
    pub fn all(&self) -> impl Iterator<Item = &Held> {
        self.held.values()
    }

    /// The key to write under: the newest that all who are in have, and nobody else. `None`: one has to be made. One that was
    /// handed on is never used again: whoever got a later one since has it, too.
    pub fn sending(&self, membership: &Membership) -> Option<&Held> {
        let latest = || self.held.iter().filter(|(name, _)| !self.wrapped.contains(*name));
        // Of two keys made at once somebody who came later may have one only: then the next one hands on both.
        let known_to_all =
            |facts: &KeyFacts| membership.entitled().all(|user| facts.recipients.contains(&user));
        if latest().filter_map(|(name, _)| membership.key(name)).any(|facts| !known_to_all(facts)) {
            return None;
        }
        let usable = latest().filter_map(|(name, held)| {
            let facts = membership.key(name).filter(|facts| membership.suits(facts))?;
            held.session.as_ref()?;
            Some(((facts.number, Reverse(*name)), held))
        });
        usable.max_by_key(|(rank, _)| *rank).map(|(_, held)| held)
    }

    /// Session keys that were made known to others and not to us, as headers name them. Who makes a key hands it out
    /// before saying so.
    pub fn closed(&self, membership: &Membership) -> impl Iterator<Item = u32> {
        let closed =
            |(name, held): &(&KeyName, &Held)| held.session.is_none() && membership.key(name).is_some();
        self.held.iter().filter(closed).map(|(_, held)| held.session_id)
    }

    /// The key to seal a statement with: that of the present, or the newest of which anything is known.
    pub fn for_statements(&self, membership: &Membership) -> Option<&Key> {
        let number = |name: &KeyName| membership.key(name).map(|facts| (facts.number, Reverse(*name)));
        let newest = || self.held.iter().max_by_key(|(name, _)| number(name)).map(|(_, held)| held);
        self.sending(membership).or_else(newest).map(|held| &held.membership)
    }

    /// What a new key has to hand on: the keys that no earlier one hands on.
    pub fn heads(&self, history: bool) -> Vec<Former> {
        let heads = self.held.iter().filter(|(name, _)| !self.wrapped.contains(*name));
        let former = |held: &Held| match &held.session {
            Some(session) if history => Former::Session(Secret::of(session)),
            _ => Former::Membership(Secret::of(&held.membership), held.session_id),
        };
        heads.map(|(_, held)| former(held)).collect()
    }
}

/// The number of the next key.
pub fn next_number(membership: &Membership) -> u64 {
    membership.keys().map(|(_, facts)| facts.number).max().map_or(0, |number| number.saturating_add(1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        ids::{Epoch, LogId, Seq},
        members::statement::{Place, Said},
    };
    use chalktalk_ipc::{OriginId, UserId};

    fn key(n: u8) -> Key {
        Key::new([n; 32])
    }

    fn name(n: u8) -> KeyName {
        membership_key(&key(n)).name()
    }

    /// A membership of the creator alone, with these keys: (key, number, recipients).
    fn membership(keys: &[(u8, u64, &[u8])]) -> Membership {
        let log = LogId { origin: OriginId([1; 16]), epoch: Epoch(1) };
        let rotate = |(i, (n, number, recipients)): (usize, &(u8, u64, &[u8]))| {
            let recipients = recipients.iter().map(|n| UserId([*n; 32])).collect();
            let statement = Statement::Rotate { number: *number, recipients, former: vec![], gone: vec![] };
            let place = Place { stamp: i as u64, log, seq: Seq(i as u64 + 2) };
            (place, Said { author: UserId([1; 32]), under: name(*n), statement })
        };
        Membership::of(UserId([1; 32]), true, &keys.iter().enumerate().map(rotate).collect())
    }

    fn holding(keys: &[u8]) -> Keys {
        let mut held = Keys::default();
        keys.iter().for_each(|n| assert!(held.add(key(*n))));
        held
    }

    fn used(keys: &Keys, membership: &Membership) -> Option<KeyName> {
        keys.sending(membership).map(|held| held.membership.name())
    }

    #[test]
    fn the_newest_key_that_all_and_only_members_have_is_used() {
        let all = membership(&[(1, 0, &[1]), (2, 3, &[1]), (3, 4, &[1, 9])]);
        assert_eq!(used(&holding(&[1, 2, 3]), &all), Some(name(2)));
        assert_eq!(used(&holding(&[1, 3]), &all), Some(name(1)), "one has not arrived here");
        assert_eq!(used(&holding(&[3]), &all), None);
        assert_eq!(next_number(&all), 5);
    }

    #[test]
    fn of_two_keys_made_at_once_every_host_takes_the_same() {
        let (low, high) = if name(1) < name(2) { (1, 2) } else { (2, 1) };
        let all = membership(&[(high, 1, &[1]), (low, 1, &[1])]);
        assert_eq!(used(&holding(&[1, 2]), &all), Some(name(low)));
    }

    #[test]
    fn statements_alone_do_not_give_a_key_to_write_under() {
        let all = membership(&[(1, 0, &[1])]);
        let mut keys = Keys::default();
        assert!(
            keys.add_membership(membership_key(&key(1)), 5)
                && !keys.add_membership(membership_key(&key(1)), 5)
        );
        assert_eq!(keys.closed(&all).collect::<Vec<_>>(), [5], "its messages are not for us");
        assert_eq!(keys.closed(&membership(&[])).count(), 0, "who made it has not said so yet: it may come");
        assert_eq!(used(&keys, &all), None);
        assert_eq!(keys.for_statements(&all).map(Key::name), Some(name(1)));
        assert!(keys.add(key(1)), "the session key itself is news");
        assert_eq!(used(&keys, &all), Some(name(1)));
    }

    #[test]
    fn a_rotation_hands_on_what_no_earlier_one_does() {
        let mut keys = holding(&[1, 2]);
        let secrets = |former: Vec<Former>| -> Vec<Secret> {
            let secret = |former| match former {
                Former::Session(secret) | Former::Membership(secret, _) => secret,
            };
            former.into_iter().map(secret).collect()
        };
        assert_eq!(keys.heads(true).len(), 2);
        let former = vec![Former::Session(Secret::of(&key(1)))];
        assert!(
            !keys.learn(&Statement::Rotate { number: 1, recipients: vec![], former, gone: vec![] }),
            "known already"
        );
        assert_eq!(secrets(keys.heads(true)), [Secret::of(&key(2))]);
        assert_eq!(secrets(keys.heads(false)), [Secret::of(&membership_key(&key(2)))]);
    }

    #[test]
    fn a_key_that_was_handed_on_is_not_used_again() {
        // Somebody (9) was asked in, was given the second key and with it the first, and is out again.
        let all = membership(&[(1, 0, &[1]), (2, 1, &[1, 9])]);
        let mut keys = holding(&[1, 2]);
        assert_eq!(used(&keys, &all), Some(name(1)));
        let former = vec![Former::Session(Secret::of(&key(1)))];
        keys.learn(&Statement::Rotate { number: 1, recipients: vec![], former, gone: vec![] });
        assert_eq!(used(&keys, &all), None, "a third one is due");
    }

    #[test]
    fn of_two_keys_made_at_once_both_are_handed_on_to_who_has_one_only() {
        let log = LogId { origin: OriginId([1; 16]), epoch: Epoch(1) };
        let people = |n: &[u8]| n.iter().map(|n| UserId([*n; 32])).collect();
        let rotate = |number, n: &[u8]| Statement::Rotate {
            number,
            recipients: people(n),
            former: vec![],
            gone: vec![],
        };
        let invite = Statement::Invite { user: UserId([2; 32]) };
        let lines =
            [(1, 1, rotate(1, &[1])), (2, 2, rotate(1, &[1])), (3, 1, invite), (4, 3, rotate(2, &[1, 2]))];
        let said = lines.into_iter().map(|(stamp, under, statement)| {
            let place = Place { stamp, log, seq: Seq(stamp + 1) };
            (place, Said { author: UserId([1; 32]), under: name(under), statement })
        });
        let said: BTreeMap<Place, Said> = said.collect();
        let before: BTreeMap<Place, Said> = said.clone().into_iter().take(3).collect();
        let before = Membership::of(UserId([1; 32]), true, &before);
        assert_eq!(used(&holding(&[1, 2]), &before), None, "2 has not got the second");
        let mut keys = holding(&[1, 2, 3]);
        for n in [1, 2] {
            let former = vec![Former::Session(Secret::of(&key(n)))];
            keys.learn(&Statement::Rotate { number: 2, recipients: vec![], former, gone: vec![] });
        }
        assert_eq!(used(&keys, &Membership::of(UserId([1; 32]), true, &said)), Some(name(3)));
    }

    #[test]
    fn who_has_the_newest_key_gets_all_before_it() {
        let mut newcomer = holding(&[9]);
        let (session, membership) = (Secret::of(&key(1)), Secret::of(&membership_key(&key(2))));
        let former = vec![Former::Session(session), Former::Membership(membership, 7)];
        assert!(newcomer.learn(&Statement::Rotate { number: 1, recipients: vec![], former, gone: vec![] }));
        let held: Vec<bool> = [name(1), name(2)].iter().map(|n| newcomer.held[n].session.is_some()).collect();
        assert_eq!(held, [true, false]);
        assert_eq!(newcomer.heads(true).len(), 1);
    }
}
