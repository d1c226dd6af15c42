//! Who is in an invite session: what follows from the statements, however and whenever they came.
//!
//! Statements are read in the order of their places (stamp, origin, epoch, slot), each judged by what the ones before it
//! say. What a removed user said behind the cut of the removal does not count, wherever its stamp would put it: then
//! everything is read again without it.
//!
//! Invariant: [`Membership::of`] is a function of the set of statements, and of nothing else.

use super::statement::{Cut, Gone, Place, Said, Statement};
use crate::{
    ids::{LogId, Seq},
    seal::KeyName,
};
use chalktalk_ipc::UserId;
use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet},
};

/// Statements of one log that count. Who rotates once a day needs twenty years for so many; a flood ends here.
pub const MAX_PER_LOG: usize = 8192;

/// People who are out of whom a new key says so: six statements of them at the most.
const MOST_GONE: usize = 24;

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
    /// What of them stands whatever comes, from when they were in before.
    stood: BTreeMap<LogId, Seq>,
    /// The stamps between which they were in before.
    before: Vec<(u64, u64)>,
}

/// What was said of a key.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct KeyFacts {
    /// Its place among the keys.
    pub number: u64,
    /// Lamport stamp of the first statement of it.
    stamp: u64,
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
    /// Who was out as makers of keys knew, by statements of these stamps that are not known here.
    gone: BTreeSet<(UserId, u64)>,
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

    /// Everybody who shall have the key: members, and who has been asked in, but for those who are withheld it.
    pub fn entitled(&self) -> impl Iterator<Item = UserId> + '_ {
        self.in_or_invited().filter(|user| !self.is_withheld(user))
    }

    /// Whether somebody who is in, as far as is known here, was out by what the maker of a key had heard. They are not given what was
    /// written since, until that is known here too, or somebody asks them in again.
    pub fn is_withheld(&self, user: &UserId) -> bool {
        let Some(person) = self.people.get(user) else { return false };
        self.gone.range((*user, person.asked)..=(*user, u64::MAX)).next().is_some()
    }

    /// Who went out last, and the stamps of what put them out.
    pub fn gone(&self) -> Gone {
        let out = self.people.iter().filter(|(_, person)| matches!(person.standing, Standing::Out(_)));
        let mut gone: Gone = out.map(|(user, person)| (*user, person.since)).collect();
        gone.sort_by_key(|(user, since)| (Reverse(*since), *user));
        gone.truncate(MOST_GONE);
        gone
    }

    /// Everybody who is in, or has been asked in.
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
        let asked = asked.filter(|(user, _)| !self.is_withheld(user));
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
                Some(Standing::Member | Standing::Invited) => self.is_withheld(user),
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

    /// Whether a key is known to exactly those who are in or asked in. One from before somebody went out is not: who asked them in may
    /// have given it to them, and not be heard yet.
    pub fn suits(&self, facts: &KeyFacts) -> bool {
        let out = self.people.values().filter(|person| matches!(person.standing, Standing::Out(_)));
        out.map(|person| person.since).max().is_none_or(|last| facts.stamp > last)
            && facts.recipients.iter().copied().eq(self.entitled())
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
            stood: BTreeMap::new(),
            before: Vec::new(),
        };
        let people = BTreeMap::from([(creator, first)]);
        let mut found = Self { creator, history, people, keys: BTreeMap::new(), gone: BTreeSet::new() };
        let mut counts = BTreeMap::<LogId, usize>::new();
        for (place, said) in statements {
            if void.contains(place) {
                found.note_given(said);
                continue;
            }
            let count = counts.entry(place.log).or_default();
            *count += 1;
            if *count <= MAX_PER_LOG {
                found.apply(place, said);
            }
        }
        for (place, said) in statements {
            if let Statement::Remove { user, .. } | Statement::Decline { user } = said.statement {
                found.gone.remove(&(user, place.stamp)); // known, and judged like all others
            }
        }
        found
    }

    fn apply(&mut self, place: &Place, said: &Said) {
        let author = said.author;
        self.note_given(said);
        match &said.statement {
            Statement::Invite { user } => self.invite(author, *user, place.stamp),
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
                    let itself = (author == *user).then_some((place.log, place.seq)); // what says so stands itself
                    let cut: Cut = cut.iter().copied().chain(itself).collect();
                    self.put_out(*user, author, &cut, place.stamp);
                }
            }
            Statement::Rotate { number, recipients, gone, .. } => {
                if self.is_member(&author) {
                    self.rotate(author, said.under, *number, place.stamp, recipients);
                    self.gone.extend(gone.iter().filter(|(_, since)| *since < place.stamp));
                }
            }
        }
    }

    /// Who is asked in was given the key, also where the word does not count: since others have been quicker or have put them
    /// out, or since whoever asked had been put out without knowing.
    fn note_given(&mut self, said: &Said) {
        if let Statement::Invite { user } = said.statement
            && self.history
            && let Some(facts) = self.keys.get_mut(&said.under)
        {
            facts.recipients.insert(user);
        }
    }

    fn invite(&mut self, author: UserId, user: UserId, since: u64) {
        if !self.may_invite(&author, &user) {
            return;
        }
        let known = self.people.remove(&user).map(|mut person| {
            if !matches!(person.standing, Standing::Out(_)) {
                person.before.push((person.asked, since));
            }
            (person.cut, person.before)
        });
        let (stood, before) = known.unwrap_or_default();
        let (standing, asked, cut) = (Standing::Invited, since, BTreeMap::new());
        self.people.insert(user, Person { standing, since, asked, inviter: author, cut, stood, before });
    }

    /// Somebody is out. Others who say so again may know of more that they wrote while they were in. Their own word counts where
    /// nobody else says anything: it may stand behind the cut, where not everybody looks.
    fn put_out(&mut self, user: UserId, by: UserId, cut: &[(LogId, Seq)], since: u64) {
        let person = self.people.get_mut(&user).expect("callers looked them up");
        match person.standing {
            Standing::Out(_) if by == user => return,
            Standing::Out(earlier) if earlier == user => {
                (person.standing, person.cut) = (Standing::Out(by), person.stood.clone());
            }
            Standing::Out(_) => {}
            Standing::Member | Standing::Invited => {
                person.before.push((person.asked, since));
                (person.standing, person.since) = (Standing::Out(by), since);
                person.cut = person.stood.clone();
            }
        }
        for (log, seq) in cut {
            let upto = person.cut.entry(*log).or_default();
            *upto = seq.max(upto).to_owned();
        }
    }

    fn rotate(&mut self, author: UserId, under: KeyName, number: u64, stamp: u64, recipients: &[UserId]) {
        let fresh = || KeyFacts { number, stamp, maker: author, recipients: BTreeSet::new() };
        let facts = self.keys.entry(under).or_insert_with(fresh);
        if facts.maker == author {
            facts.recipients.extend(recipients);
        }
    }
}

#[cfg(test)]
mod tests;
