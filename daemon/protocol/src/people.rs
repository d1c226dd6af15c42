//! What one local user thinks of the keys of others: met, compared in person, changed, blocked.
//!
//! A key is pinned at first contact to the places, (host, name), where it was met. Another key at a place that is taken is
//! *changed*: nothing of it is shown until the user decides, since it may be somebody else. A name that recurs elsewhere is
//! only marked: there are many Anas.
//!
//! Invariant: only the user's decision, or a key that the user knows by that name already, takes a place from a key.

use crate::ids::normalised;
pub use chalktalk_ipc::request::Mark;
use chalktalk_ipc::{HostId, UserId};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// Keys that are remembered: as many as hosts. Whoever brings more invents them; those met before keep their pins.
pub const MAX_PERSONS: usize = 4096;

/// Places that are remembered of one key: more machines than anybody sits at.
const MAX_PLACES: usize = 16;

/// Everybody a local user has met.
#[derive(Clone, Default, Debug)]
pub struct People {
    persons: BTreeMap<UserId, Person>,
}

/// A key, and what is thought of it.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Person {
    /// When it was met first, ms since 1970 by this host's clock.
    met: u64,
    places: BTreeMap<HostId, Place>,
    verified: bool,
    blocked: bool,
    /// The key whose place it claims, while the user has not decided.
    instead_of: Option<UserId>,
}

/// The name that a key has on a host.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
struct Place {
    name: String,
    /// Another key has the place now.
    taken: bool,
}

impl Person {
    /// Whether the user has compared the key in person.
    pub fn is_verified(&self) -> bool {
        self.verified
    }

    /// Whether the user wants nothing of it.
    pub fn is_blocked(&self) -> bool {
        self.blocked
    }

    /// Whether it claims the place of another key, and the user has not decided.
    pub fn is_changed(&self) -> bool {
        self.instead_of.is_some()
    }

    /// Whether its messages are held back.
    pub fn is_shut(&self) -> bool {
        self.blocked || self.is_changed()
    }

    /// Where it was met: host and name.
    pub fn places(&self) -> impl Iterator<Item = (HostId, &str)> + '_ {
        self.places.iter().filter(|(_, place)| !place.taken).map(|(host, place)| (*host, place.name.as_str()))
    }

    fn goes_by(&self, name: &str) -> bool {
        self.places().any(|(_, own)| same(own, name))
    }

    fn is_at(&self, host: HostId, name: &str) -> bool {
        self.places.get(&host).is_some_and(|place| !place.taken && place.name == name)
    }

    fn put(&mut self, host: HostId, name: &str) {
        if self.places.len() < MAX_PLACES || self.places.contains_key(&host) {
            self.places.insert(host, Place { name: name.to_owned(), taken: false });
        }
    }
}

impl People {
    /// Somebody as they are remembered.
    pub fn restore(&mut self, user: UserId, person: Person) {
        self.persons.insert(user, person);
    }

    /// A key, if it is known.
    pub fn get(&self, user: &UserId) -> Option<&Person> {
        self.persons.get(user)
    }

    /// Those who go by a name.
    pub fn named<'a>(&'a self, name: &'a str) -> impl Iterator<Item = UserId> + 'a {
        self.persons.iter().filter(move |(_, person)| person.goes_by(name)).map(|(user, _)| *user)
    }

    /// All keys.
    pub fn keys(&self) -> impl Iterator<Item = UserId> + '_ {
        self.persons.keys().copied()
    }

    /// Those whose messages are held back.
    pub fn shut(&self) -> BTreeSet<UserId> {
        self.persons.iter().filter(|(_, person)| person.is_shut()).map(|(user, _)| *user).collect()
    }

    /// Whether so many are known that nobody is pinned any more.
    pub fn is_full(&self) -> bool {
        self.persons.len() >= MAX_PERSONS
    }

    /// Those who go by a name that somebody known before has, or the user: a name alone does not tell who is meant.
    pub fn namesakes(&self, own_name: &str) -> BTreeSet<UserId> {
        let mut bearers: BTreeMap<String, Vec<(bool, u64, UserId)>> = BTreeMap::new();
        for (user, person) in &self.persons {
            let names: BTreeSet<String> = person.places().map(|(_, name)| normalised(name)).collect();
            for name in names {
                bearers.entry(name).or_default().push((!person.verified, person.met, *user));
            }
        }
        let mut found = BTreeSet::new();
        for (name, mut users) in bearers {
            users.sort();
            let first = usize::from(!same(&name, own_name));
            found.extend(users.into_iter().skip(first).filter(|u| u.0).map(|u| u.2));
        }
        found
    }

    /// A host announces this key under a name. Returns those about whom something has changed.
    pub fn meet(&mut self, user: UserId, host: HostId, name: &str, now: u64) -> Vec<UserId> {
        let known = self.persons.get(&user);
        if known.is_some_and(|person| person.is_at(host, name)) || known.is_none() && self.is_full() {
            return vec![];
        }
        let holder = self.holder(user, host, name);
        let takes = holder.is_none_or(|old| self.may_take(user, old, name));
        let person = self.persons.entry(user).or_insert_with(|| Person { met: now, ..Person::default() });
        person.put(host, name);
        let Some(old) = holder else { return vec![user] };
        if takes {
            self.give_up(old, host);
            return vec![user, old];
        }
        person.instead_of.get_or_insert(old);
        vec![user]
    }

    /// A log says that this key writes it at a place; nothing but the key itself stands behind that. Returns those about
    /// whom something has changed.
    pub fn on_claim(&mut self, user: UserId, host: HostId, name: &str, now: u64) -> Vec<UserId> {
        let known = self.persons.get(&user);
        if known.is_some_and(|p| p.is_changed() || p.places.get(&host).is_some_and(|at| same(&at.name, name)))
        {
            return vec![];
        }
        let Some(old) = self.holder(user, host, name) else { return vec![] };
        if known.is_none() && self.is_full() || self.may_take(user, old, name) {
            return vec![];
        }
        let person = self.persons.entry(user).or_insert_with(|| Person { met: now, ..Person::default() });
        person.instead_of = Some(old);
        vec![user]
    }

    /// The user has decided. Returns those about whom something has changed.
    pub fn mark(&mut self, user: UserId, mark: Mark) -> Vec<UserId> {
        let Some(person) = self.persons.get_mut(&user) else { return vec![] };
        match mark {
            Mark::Verified => return self.accept(user),
            Mark::Unverified => person.verified = false,
            Mark::Blocked => person.blocked = true,
            Mark::Unblocked => person.blocked = false,
        }
        vec![user]
    }

    /// The key was compared: it is whose it says it is, and has its places for itself.
    fn accept(&mut self, user: UserId) -> Vec<UserId> {
        let Some(person) = self.persons.get_mut(&user) else { return vec![] };
        person.verified = true;
        person.instead_of = None;
        let places: Vec<(HostId, String)> = person.places().map(|(h, name)| (h, name.to_owned())).collect();
        let mut changed = vec![user];
        for (host, name) in places {
            while let Some(old) = self.holder(user, host, &name) {
                self.give_up(old, host);
                changed.push(old);
            }
        }
        changed
    }

    /// Who else has a place now.
    fn holder(&self, except: UserId, host: HostId, name: &str) -> Option<UserId> {
        let holds = |person: &Person| {
            let at = person.places.get(&host).is_some_and(|place| !place.taken && same(&place.name, name));
            at && !person.is_changed()
        };
        self.persons.iter().find(|(user, person)| **user != except && holds(person)).map(|(user, _)| *user)
    }

    /// Whether a key needs no decision to take a place: somebody known by that name, who sits at one more machine. Never
    /// from a key that was compared in person.
    fn may_take(&self, user: UserId, old: UserId, name: &str) -> bool {
        let compared = self.persons.get(&old).is_some_and(|old| old.verified);
        let known = |person: &Person| !person.is_changed() && person.goes_by(name) && !compared;
        self.persons.get(&user).is_some_and(|person| person.verified || known(person))
    }

    fn give_up(&mut self, old: UserId, host: HostId) {
        if let Some(place) = self.persons.get_mut(&old).and_then(|old| old.places.get_mut(&host)) {
            place.taken = true;
        }
    }
}

fn same(a: &str, b: &str) -> bool {
    match a.is_ascii() && b.is_ascii() {
        true => a.eq_ignore_ascii_case(b), // which is what normalising comes to there
        false => normalised(a) == normalised(b),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LAPTOP: HostId = HostId([1; 16]);
    const DESK: HostId = HostId([2; 16]);

    fn user(n: u8) -> UserId {
        UserId([n; 32])
    }

    fn ana_at_laptop() -> People {
        let mut people = People::default();
        assert_eq!(people.meet(user(1), LAPTOP, "Ana", 10), [user(1)]);
        assert_eq!(people.meet(user(1), LAPTOP, "Ana", 11), [], "nothing new");
        people
    }

    fn is_shut(people: &People, n: u8) -> bool {
        people.shut().contains(&user(n))
    }

    #[test]
    fn another_key_at_the_same_place_is_held_back_until_it_is_accepted() {
        let mut people = ana_at_laptop();
        people.meet(user(2), LAPTOP, "ANA", 20);
        assert!(is_shut(&people, 2) && !is_shut(&people, 1));
        people.mark(user(2), Mark::Verified);
        assert!(!is_shut(&people, 2));
        assert_eq!(people.named("ana").collect::<Vec<_>>(), [user(2)], "the old key has no place any more");
        people.meet(user(1), LAPTOP, "Ana", 30);
        assert!(is_shut(&people, 1), "the old key coming back is a change again");
    }

    #[test]
    fn refusing_a_changed_key_leaves_the_old_one_its_place() {
        let mut people = ana_at_laptop();
        people.meet(user(2), LAPTOP, "Ana", 20);
        people.mark(user(2), Mark::Blocked);
        people.meet(user(1), LAPTOP, "Ana", 30);
        assert!(!is_shut(&people, 1) && is_shut(&people, 2));
        people.mark(user(2), Mark::Unblocked);
        assert!(is_shut(&people, 2), "not blocked any more, and still not accepted");
    }

    #[test]
    fn a_name_elsewhere_is_marked_and_flows() {
        let mut people = ana_at_laptop();
        people.meet(user(2), DESK, "ana", 20);
        assert!(people.shut().is_empty());
        assert_eq!(people.namesakes("ben"), [user(2)].into());
        assert_eq!(people.namesakes("ANA"), [user(1), user(2)].into(), "mine is the first of all");
        people.mark(user(2), Mark::Verified);
        assert_eq!(people.namesakes("ben"), [user(1)].into(), "who was compared needs no warning");
    }

    #[test]
    fn somebody_known_may_sit_at_one_more_machine_under_the_same_name() {
        let mut people = ana_at_laptop();
        people.meet(user(2), DESK, "Ana", 20);
        assert_eq!(people.meet(user(1), DESK, "Ana", 30), [user(1), user(2)]);
        assert!(people.shut().is_empty());
        let mut people = ana_at_laptop();
        people.meet(user(2), DESK, "Ben", 20);
        people.meet(user(1), DESK, "Ben", 30);
        assert!(is_shut(&people, 1), "but not under a name that was another's alone");
        let mut people = ana_at_laptop();
        people.meet(user(2), DESK, "Ana", 20);
        people.mark(user(2), Mark::Verified);
        people.meet(user(1), DESK, "Ana", 30);
        assert!(is_shut(&people, 1), "nor where the other was compared in person");
    }

    #[test]
    fn a_log_that_claims_anothers_place_is_held_back_and_takes_no_name() {
        let mut people = ana_at_laptop();
        people.on_claim(user(2), LAPTOP, "ana", 20);
        assert!(is_shut(&people, 2));
        assert_eq!(people.named("ana").collect::<Vec<_>>(), [user(1)]);
        people.on_claim(user(3), DESK, "ana", 20);
        assert!(people.get(&user(3)).is_none(), "a log of somebody absent pins nothing");
        people.meet(user(4), DESK, "Mallory", 20);
        people.on_claim(user(4), LAPTOP, "Ana", 30);
        assert!(is_shut(&people, 4), "also when they are known by another name");
    }

    #[test]
    fn old_logs_of_a_key_that_gave_up_its_place_are_no_claim() {
        let mut people = ana_at_laptop();
        people.meet(user(2), LAPTOP, "Ana", 20);
        people.mark(user(2), Mark::Verified);
        assert_eq!(people.on_claim(user(1), LAPTOP, "Ana", 30), []);
        assert!(!is_shut(&people, 1));
    }

    #[test]
    fn inventing_people_neither_grows_it_nor_drives_out_those_it_knows() {
        let mut people = ana_at_laptop();
        for n in 0..2 * MAX_PERSONS as u64 {
            let mut key = [7; 32];
            key[..8].copy_from_slice(&n.to_le_bytes());
            people.meet(UserId(key), DESK, &format!("x{n}"), 20);
        }
        assert_eq!(people.keys().count(), MAX_PERSONS);
        for n in 0..100 {
            people.meet(user(1), HostId([n; 16]), "Ana", 30);
        }
        assert_eq!(people.get(&user(1)).unwrap().places().count(), MAX_PLACES);
    }
}
