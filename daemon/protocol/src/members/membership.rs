//! Who is in an invite session: what follows from the statements, however and whenever they came.
//!
//! Statements are read in the order of their places (stamp, origin, epoch, slot), each judged by what the ones before it
//! say. What a removed user said behind the cut of the removal does not count, wherever its stamp would put it: then
//! everything is read again without it.
//!
//! Invariant: [`Membership::of`] is a function of the set of statements, and of nothing else.

use super::statement::{Place, Said, Statement};
use crate::{
    ids::{LogId, Seq},
    seal::KeyName,
};
use chalktalk_ipc::UserId;
use std::collections::{BTreeMap, BTreeSet};

/// Statements of one log that count. Who rotates once a day needs twenty years for so many; a flood ends here.
pub const MAX_PER_LOG: usize = 8192;

/// How somebody stands to the session.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Standing {
    /// Asked in, has not answered.
    Invited,
    /// In.
    Member,
    /// Out, by whose word: their own (they left or declined) or that of who removed them.
    Out(UserId),
}

#[derive(Clone, PartialEq, Eq, Debug)]
struct Person {
    standing: Standing,
    /// Lamport stamp of the statement that made it so.
    since: u64,
    /// That of the one that asked them in.
    asked: u64,
    inviter: UserId,
    /// What of their logs stands, once they are out.
    cut: BTreeMap<LogId, Seq>,
    /// The stamps between which they were in before.
    before: Vec<(u64, u64)>,
}

/// What was said of a key.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct KeyFacts {
    /// Its place among the keys.
    pub number: u64,
    /// Who made it: only they say who gets it.
    maker: UserId,
    /// Who has it.
    pub recipients: BTreeSet<UserId>,
}

/// Everything that follows from the statements of a session.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Membership {
    creator: UserId,
    history: bool,
    people: BTreeMap<UserId, Person>,
    keys: BTreeMap<KeyName, KeyFacts>,
}

impl Membership {
    /// What follows from these statements. `history`: who is invited gets the key of the time; without it they get the
    /// next one, and cannot read what was written before.
    pub fn of(creator: UserId, history: bool, statements: &BTreeMap<Place, Said>) -> Self {
        let mut void = BTreeSet::new();
        loop {
            let found = Self::read(creator, history, statements, &void);
            let behind_cut = |(place, said): &(&Place, &Said)| {
                found.is_cut(said.author, place.log, place.seq) && !void.contains(*place)
            };
            let more: Vec<Place> = statements.iter().filter(behind_cut).map(|(place, _)| *place).collect();
            if more.is_empty() {
                return found;
            }
            void.extend(more);
        }
    }

    /// How somebody stands, if they were ever spoken of.
    pub fn standing(&self, user: &UserId) -> Option<Standing> {
        self.people.get(user).map(|person| person.standing)
    }

    /// Whether somebody is in.
    pub fn is_member(&self, user: &UserId) -> bool {
        self.standing(user) == Some(Standing::Member)
    }

    /// Whether somebody is in, or asked in and perhaps about to come.
    pub fn may_speak(&self, user: &UserId) -> bool {
        matches!(self.standing(user), Some(Standing::Member | Standing::Invited))
    }

    /// Whether somebody was in or asked in when what has this stamp was said. Of whom nothing is known here yet: yes.
    pub fn was_in(&self, user: &UserId, stamp: u64) -> bool {
        let Some(person) = self.people.get(user) else { return true };
        let now = matches!(person.standing, Standing::Member | Standing::Invited) && stamp >= person.asked;
        now || person.before.iter().any(|(from, to)| (*from..=*to).contains(&stamp))
    }

    /// Everybody who shall have the key: members, and who has been asked in.
    pub fn in_or_invited(&self) -> impl Iterator<Item = UserId> + '_ {
        let counts = |person: &Person| matches!(person.standing, Standing::Member | Standing::Invited);
        self.people.iter().filter(move |(_, person)| counts(person)).map(|(user, _)| *user)
    }

    /// Since when somebody stands as they do.
    pub fn since(&self, user: &UserId) -> u64 {
        self.people.get(user).map_or(0, |person| person.since)
    }

    /// Who has been asked in and has not answered, and who asked.
    pub fn invited(&self) -> impl Iterator<Item = (UserId, UserId)> + '_ {
        let asked = self.people.iter().filter(|(_, person)| person.standing == Standing::Invited);
        asked.map(|(user, person)| (*user, person.inviter))
    }

    /// Whether `author` may remove `user`: the creator may, and who invited them, and everybody themselves.
    pub fn may_remove(&self, author: &UserId, user: &UserId) -> bool {
        let Some(person) = self.people.get(user) else { return false };
        author == user
            || self.is_member(author)
                && user != &self.creator
                && (author == &self.creator || *author == person.inviter)
    }

    /// Whether `author` may ask `user` in. Who was removed comes back by the creator or who removed them, and by no other.
    pub fn may_invite(&self, author: &UserId, user: &UserId) -> bool {
        self.is_member(author)
            && match self.standing(user) {
                None => true,
                Some(Standing::Member | Standing::Invited) => false,
                Some(Standing::Out(by)) => by == *user || by == *author || self.creator == *author,
            }
    }

    /// Up to where a log of this user counts; `None`: all of it does.
    pub fn limit(&self, user: UserId, log: LogId) -> Option<Seq> {
        let Some(person) = self.people.get(&user) else { return Some(Seq(0)) };
        let out = matches!(person.standing, Standing::Out(_));
        out.then(|| person.cut.get(&log).copied().unwrap_or_default())
    }

    /// Whether entries of this user count at all.
    pub fn may_write(&self, user: UserId, log: LogId) -> bool {
        self.limit(user, log) != Some(Seq(0))
    }

    /// What was said of a key.
    pub fn key(&self, name: &KeyName) -> Option<&KeyFacts> {
        self.keys.get(name)
    }

    /// Every key that was spoken of.
    pub fn keys(&self) -> impl Iterator<Item = (&KeyName, &KeyFacts)> {
        self.keys.iter()
    }

    /// Whether a key is known to exactly those who are in or asked in.
    pub fn suits(&self, facts: &KeyFacts) -> bool {
        facts.recipients.iter().copied().eq(self.in_or_invited())
    }

    fn is_cut(&self, user: UserId, log: LogId, seq: Seq) -> bool {
        self.people.contains_key(&user) && self.limit(user, log).is_some_and(|limit| seq > limit)
    }

    fn read(
        creator: UserId,
        history: bool,
        statements: &BTreeMap<Place, Said>,
        void: &BTreeSet<Place>,
    ) -> Self {
        let first = Person {
            standing: Standing::Member,
            since: 0,
            asked: 0,
            inviter: creator,
            cut: BTreeMap::new(),
            before: Vec::new(),
        };
        let people = BTreeMap::from([(creator, first)]);
        let mut found = Self { creator, history, people, keys: BTreeMap::new() };
        let mut counts = BTreeMap::<LogId, usize>::new();
        for (place, said) in statements.iter().filter(|(place, _)| !void.contains(place)) {
            let count = counts.entry(place.log).or_default();
            *count += 1;
            if *count <= MAX_PER_LOG {
                found.apply(place, said);
            }
        }
        found
    }

    fn apply(&mut self, place: &Place, said: &Said) {
        let author = said.author;
        match &said.statement {
            Statement::Invite { user } => self.invite(author, *user, said.under, place.stamp),
            Statement::Accept => {
                if let Some(person) = self.people.get_mut(&author)
                    && person.standing == Standing::Invited
                {
                    (person.standing, person.since) = (Standing::Member, place.stamp);
                }
            }
            Statement::Decline { user } => {
                if self.is_member(&author) && self.standing(user) == Some(Standing::Invited) {
                    self.put_out(*user, *user, &[], place.stamp);
                }
            }
            Statement::Remove { user, cut } => {
                if self.may_remove(&author, user) {
                    self.put_out(*user, author, cut, place.stamp);
                    if author == *user {
                        self.put_out(*user, author, &[(place.log, place.seq)], place.stamp); // what says so stands itself
                    }
                }
            }
            Statement::Rotate { number, recipients, .. } => {
                if self.is_member(&author) {
                    self.rotate(author, said.under, *number, recipients);
                }
            }
        }
    }

    fn invite(&mut self, author: UserId, user: UserId, under: KeyName, since: u64) {
        // Also where the word does not count, since others have been quicker or have put them out: they were given the key.
        if self.history
            && let Some(facts) = self.keys.get_mut(&under)
        {
            facts.recipients.insert(user);
        }
        if !self.may_invite(&author, &user) {
            return;
        }
        let before = self.people.remove(&user).map_or(vec![], |person| person.before);
        let (standing, asked) = (Standing::Invited, since);
        let person = Person { standing, since, asked, inviter: author, cut: BTreeMap::new(), before };
        self.people.insert(user, person);
    }

    /// Somebody is out. Who says so again may know of more that they wrote while they were in.
    fn put_out(&mut self, user: UserId, by: UserId, cut: &[(LogId, Seq)], since: u64) {
        let person = self.people.get_mut(&user).expect("callers looked them up");
        if !matches!(person.standing, Standing::Out(_)) {
            person.before.push((person.asked, since));
            (person.standing, person.since) = (Standing::Out(by), since);
        }
        for (log, seq) in cut {
            let upto = person.cut.entry(*log).or_default();
            *upto = seq.max(upto).to_owned();
        }
    }

    fn rotate(&mut self, author: UserId, under: KeyName, number: u64, recipients: &[UserId]) {
        let fresh = || KeyFacts { number, maker: author, recipients: BTreeSet::new() };
        let facts = self.keys.entry(under).or_insert_with(fresh);
        if facts.maker == author {
            facts.recipients.extend(recipients);
        }
    }
}

#[cfg(test)]
mod tests;
