//! Whom local users know: keys are pinned as hosts announce them, judged as logs claim them, and decided about by their
//! user. What is thought of a key takes effect here: what is held back, who is meant by a name, what is refused.
//!
//! Invariant: what is held back from a user opens nothing for them, and nothing of it is lost.

use super::Node;
use crate::{
    crypto::Author,
    ids,
    people::{self, Mark, People},
    records,
    store::Write,
    time::Instant,
};
use chalktalk_ipc::{
    Answer, HostId, Refusal, RefusalCode, Target, UserId,
    event::Person,
    request::{Availability, Topic},
};
use std::collections::BTreeSet;

/// As many digits of a key as stand for it: among the keys of a LAN, 32 bits do not coincide by chance. Who makes a key that
/// begins like another's makes both ambiguous, and no more.
const KEY_DIGITS: usize = 8;

impl Node {
    /// Facts about somebody, present or not.
    pub fn find_person(&self, me: UserId, target: &str) -> Result<Answer, Refusal> {
        let name = match target.parse::<Target>()? {
            Target::User(name) => name,
            _ => {
                return Err(Refusal::new(
                    RefusalCode::BadRequest,
                    format!("{target} is no person: write @name"),
                ));
            }
        };
        let found = self.candidates(me, &name);
        let undecided = found.iter().find(|user| self.is_changed(me, **user));
        // Who looks up a name whose key has changed means to decide about the new one.
        let user = match (undecided, &found[..]) {
            (Some(user), _) => *user,
            (None, _) => self.only(me, &name, found)?,
        };
        Ok(Answer::Person(self.person(me, user)))
    }

    /// A user decides about a key.
    pub fn mark_person(
        &mut self,
        now: Instant,
        me: UserId,
        user: UserId,
        mark: Mark,
    ) -> Result<Answer, Refusal> {
        self.at(now);
        if user == me {
            return Err(Refusal::new(RefusalCode::BadRequest, "that is you"));
        }
        let people = self.people.entry(me).or_default();
        if people.get(&user).is_none() {
            return Err(unknown(&user.to_string()));
        }
        let changed = people.mark(user, mark);
        self.out.urgent = true;
        self.on_people_changed(me, &changed);
        // What was held back until now may have nobody to read it.
        if let Some(local) = self.users.get_mut(&me).filter(|local| local.agent.is_some()) {
            local.look_at = Some(now);
        }
        self.settle();
        Ok(Answer::Person(self.person(me, user)))
    }

    /// What a local user thinks of somebody, if anything.
    fn known(&self, me: UserId, other: UserId) -> Option<&people::Person> {
        self.people.get(&me)?.get(&other)
    }

    /// Whether what an author says is held back from a local user.
    pub fn is_shut(&self, me: UserId, author: UserId) -> bool {
        self.known(me, author).is_some_and(people::Person::is_shut)
    }

    /// Whether a local user wants nothing of somebody.
    pub fn is_blocked(&self, me: UserId, other: UserId) -> bool {
        self.known(me, other).is_some_and(people::Person::is_blocked)
    }

    /// A host announces a user.
    pub(super) fn on_met(&mut self, user: UserId, host: HostId, name: &str) {
        let wall = self.out.wall;
        self.judge(user, |people| people.meet(user, host, name, wall));
    }

    /// A log names its author.
    pub(super) fn on_claim(&mut self, author: &Author) {
        let wall = self.out.wall;
        self.judge(author.user, |people| people.on_claim(author.user, author.host, &author.name, wall));
    }

    fn judge(&mut self, user: UserId, judge: impl Fn(&mut People) -> Vec<UserId>) {
        let locals: Vec<UserId> = self.users.keys().copied().filter(|local| *local != user).collect();
        for local in locals {
            let people = self.people.entry(local).or_default();
            let was_shut = people.get(&user).is_some_and(|person| person.is_shut());
            let changed = judge(people);
            if !was_shut && self.is_shut(local, user) {
                self.out.counters.add("people.held back", 1);
            }
            self.on_people_changed(local, &changed);
        }
    }

    /// What a local user thinks of these has changed.
    fn on_people_changed(&mut self, local: UserId, changed: &[UserId]) {
        if changed.is_empty() {
            return;
        }
        let people = &self.people[&local];
        let record = |user: &UserId| Some(records::person(local, *user, people.get(user)?));
        let writes = changed.iter().filter_map(record);
        self.out.writes.extend(writes.map(|(key, value)| Write::Record { key, value }));
        self.hold_back(local);
        self.changed.insert(Topic::Who);
    }

    /// Tells a local user's sessions whose messages they are not to be handed.
    pub(super) fn hold_back(&mut self, local: UserId) {
        let shut = self.people.get(&local).map(People::shut).unwrap_or_default();
        for session in self.sessions.values_mut().filter(|session| session.joined.contains(&local)) {
            session.set_shut(local, shut.clone(), &mut self.out);
        }
    }

    /// Whom a user means by a name or the first digits of a key, to talk to them.
    pub(super) fn resolve_user(&self, me: UserId, name: &str) -> Result<UserId, Refusal> {
        let found = self.candidates(me, name);
        if found.iter().any(|user| self.is_changed(me, *user) && !self.is_blocked(me, *user)) {
            let message = format!(
                "the key of {name} has changed: it may be somebody else. Compare it with `chalktalk verify @{name}`, or refuse it with `chalktalk block @{name}`"
            );
            return Err(Refusal::new(RefusalCode::KeyChanged, message));
        }
        let welcome: Vec<UserId> = found.iter().copied().filter(|user| !self.is_blocked(me, *user)).collect();
        match (welcome.is_empty(), found.first()) {
            (true, Some(_)) => Err(Refusal::new(
                RefusalCode::NotAllowed,
                format!("you have blocked {name}; `chalktalk unblock @{name}` lets them speak again"),
            )),
            _ => self.only(me, name, welcome),
        }
    }

    fn is_changed(&self, me: UserId, user: UserId) -> bool {
        self.known(me, user).is_some_and(people::Person::is_changed)
    }

    /// Everybody a name or the first digits of a key could mean.
    fn candidates(&self, me: UserId, name: &str) -> Vec<UserId> {
        let digits = name.to_ascii_lowercase();
        let is_key = digits.len() >= KEY_DIGITS && digits.bytes().all(|b| b.is_ascii_hexdigit());
        let wanted = ids::normalised(name);
        let mut found = BTreeSet::new();
        let people = self.people.get(&me);
        found.extend(people.iter().flat_map(|people| people.named(name)));
        let neighbours = self.users.iter().filter(|(_, local)| ids::normalised(&local.author.name) == wanted);
        found.extend(neighbours.map(|(user, _)| *user));
        if is_key {
            let known = people.iter().flat_map(|people| people.keys());
            let heard = self.authors.values().map(|author| author.user);
            found.extend(known.chain(heard).filter(|user| user.to_string().starts_with(&digits)));
        }
        found.remove(&me);
        found.into_iter().collect()
    }

    fn only(&self, me: UserId, name: &str, found: Vec<UserId>) -> Result<UserId, Refusal> {
        match &found[..] {
            [user] => Ok(*user),
            [] if ids::normalised(&self.user_name(me)) == ids::normalised(name) => {
                let text = format!("{name} is you, and nobody else here goes by that name");
                Err(Refusal::new(RefusalCode::BadRequest, text))
            }
            [] => Err(unknown(name)),
            several => {
                let named =
                    |user: &UserId| format!("@{:.8} ({})", user.to_string(), self.person(me, *user).name);
                let keys: Vec<String> = several.iter().map(named).collect();
                Err(Refusal::new(
                    RefusalCode::Ambiguous,
                    format!("several users are called {name:?}: {}", keys.join(", ")),
                ))
            }
        }
    }

    /// Somebody as `who` shows them; who is not on the network, as they were last.
    fn person(&self, me: UserId, user: UserId) -> Person {
        if let Some(person) = self.who(me).into_iter().find(|person| person.user == user) {
            return person;
        }
        let known = self.known(me, user);
        let place = known.and_then(|person| person.places().next());
        let name = place.map(|(_, name)| name.to_owned()).or_else(|| {
            self.authors.values().find(|author| author.user == user).map(|author| author.name.clone())
        });
        let host = place.map(|(host, _)| host).unwrap_or_default();
        Person {
            user,
            name: name.unwrap_or_default(),
            host: if host.is_nil() { String::new() } else { self.host_name(host) },
            host_id: host,
            addresses: vec![],
            status: Availability::Offline,
            saying: String::new(),
            saying_until: None,
            verified: known.is_some_and(people::Person::is_verified),
            blocked: known.is_some_and(people::Person::is_blocked),
            changed: known.is_some_and(people::Person::is_changed),
            namesake: self
                .people
                .get(&me)
                .is_some_and(|people| people.namesakes(&self.user_name(me)).contains(&user)),
            me: user == me,
        }
    }
}

fn unknown(name: &str) -> Refusal {
    let message = format!("no user {name:?} is known; `chalktalk who` lists them");
    Refusal::new(RefusalCode::Unknown, message)
}
