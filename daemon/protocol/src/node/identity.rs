//! A local user becomes somebody else: the person with the identity that they have on another host.
//!
//! What was written here before stays what it was, by the key that wrote it. The user goes on in the same open rooms, where
//! they had read to; direct and invite sessions belong to the identity that was in them.
//!
//! Invariant: a log is written by one identity from its first entry to its last.

use super::{Node, UserSeeds};
use crate::{people::People, records, store::Write, time::Instant};
use chalktalk_ipc::{InstanceId, Refusal, RefusalCode, SessionId, UserId, event::Scope, request::Topic};
use ed25519_dalek::SigningKey;

impl Node {
    /// Whether a local user may become the one of this seed.
    pub fn may_become(&self, user: UserId, seed: &[u8; 32]) -> Result<(), Refusal> {
        let new = UserId(SigningKey::from_bytes(seed).verifying_key().to_bytes());
        match (new == user, self.users.contains_key(&new)) {
            (true, _) => Err(Refusal::new(RefusalCode::BadRequest, "that is who you are here already")),
            (_, true) => {
                Err(Refusal::new(RefusalCode::NotAllowed, "another user of this machine has that identity"))
            }
            _ => Ok(()),
        }
    }

    /// A local user becomes another one. Their programs are detached; they attach again as the new one's.
    pub fn replace_user(&mut self, now: Instant, old: UserId, seeds: UserSeeds) -> UserId {
        self.at(now);
        let theirs = self.instances.iter().filter(|(_, instance)| instance.user == old);
        let instances: Vec<InstanceId> = theirs.map(|(id, _)| *id).collect();
        instances.into_iter().for_each(|instance| self.detach(now, instance));
        self.users.remove(&old);
        self.directs.retain(|_, (local, other, _)| *local != old && *other != old);
        let new = UserId(SigningKey::from_bytes(&seeds.user).verifying_key().to_bytes());
        self.hand_on_people(old, new);
        let mut left: Vec<SessionId> = Vec::new();
        for session in self.sessions.values_mut().filter(|session| session.joined.contains(&old)) {
            let goes_on = session.descriptor.scope == Scope::Open;
            session.replace_user(old, goes_on.then_some(new), now);
            left.push(session.id());
        }
        let user = self.add_user(now, seeds);
        left.into_iter().for_each(|id| self.save_session(id));
        self.changed.extend([Topic::Who, Topic::Instances, Topic::Sessions]);
        self.settle();
        user
    }

    /// It is the same person who thinks of others what they thought before.
    fn hand_on_people(&mut self, old: UserId, new: UserId) {
        let Some(people) = self.people.remove(&old) else { return };
        let known: Vec<UserId> = people.keys().filter(|other| *other != new).collect();
        let mut handed_on = People::default();
        for other in known {
            let Some(person) = people.get(&other) else { continue };
            let (key, value) = records::person(new, other, person);
            self.out.writes.push(Write::Record { key, value });
            handed_on.restore(other, person.clone());
        }
        self.people.insert(new, handed_on);
    }
}
