//! How available the local users are, and what they say of themselves beside it.
//!
//! It is the user's, not a program's: it outlives every program, and the daemon. What is said for a while ends by this host's clock;
//! the others hear that it has ended, so that no two clocks have to agree.
//!
//! Invariant: what is said of a user is fit for display, and none of it is older than they said.

use super::Node;
use crate::{
    control::SayingItem,
    records::{self, StatusRecord},
    store::Write,
    time::Instant,
};
use chalktalk_ipc::{
    InstanceId, UserId,
    request::{Availability, Role, Topic},
    text,
};
use std::time::Duration;

impl Node {
    /// A user says how available they are.
    pub fn set_availability(&mut self, now: Instant, user: UserId, availability: Availability) {
        self.at(now);
        self.set_status(user, |status| status.availability = availability);
    }

    /// A program says whether somebody is at it.
    pub fn set_idle(&mut self, now: Instant, id: InstanceId, idle: bool) {
        self.at(now);
        if let Some(instance) = self.instances.get_mut(&id)
            && instance.idle.replace(idle) != Some(idle)
        {
            self.heartbeat.on_change(now);
            self.changed.insert(Topic::Who);
        }
    }

    /// How available a local user is: as they said; away, if nobody is at any of the programs that say so. Who shares the daemon
    /// with others is there while an app or the agent is.
    pub(super) fn availability(&self, user: UserId) -> Availability {
        let Some(local) = self.users.get(&user) else { return Availability::Offline };
        let mut attached =
            self.instances.values().filter(|instance| instance.user == user && instance.role == Role::App);
        if self.is_shared() && local.agent.is_none() && attached.clone().next().is_none() {
            return Availability::Offline;
        }
        let said = local.status.availability;
        let idle = attached.clone().any(|instance| instance.idle.is_some())
            && attached.all(|instance| instance.idle != Some(false));
        if said == Availability::Online && idle { Availability::Away } else { said }
    }

    /// A user says something of themselves, for so many seconds perhaps; empty: nothing more.
    pub fn set_saying(&mut self, now: Instant, user: UserId, text: &str, lasts: Option<u32>) {
        self.at(now);
        let saying = text::saying(text);
        let lasts = lasts.filter(|_| !saying.is_empty());
        let until = lasts.map(|seconds| self.out.wall.saturating_add(u64::from(seconds) * 1000));
        self.set_status(user, |status| (status.saying, status.until) = (saying, until));
    }

    fn set_status(&mut self, user: UserId, change: impl FnOnce(&mut StatusRecord)) {
        let Some(local) = self.users.get_mut(&user) else { return };
        let before = local.status.clone();
        change(&mut local.status);
        if local.status == before {
            return;
        }
        let (key, value) = records::status(user, &local.status);
        self.out.writes.push(Write::Record { key, value });
        // Not at once: a program that says so all the time must not fill the network.
        self.heartbeat.on_change(self.out.now);
        self.changed.insert(Topic::Who);
    }

    /// What a local user says of themselves.
    pub(super) fn saying(&self, user: UserId) -> &str {
        let status = self.users.get(&user).map(|local| &local.status);
        let lasts = status.filter(|status| status.until.is_none_or(|until| self.out.wall < until));
        lasts.map_or("", |status| &status.saying)
    }

    /// What is told of it to others.
    pub(super) fn sayings_told(&self) -> Vec<SayingItem> {
        let users = self.users.keys().filter(|user| self.availability(**user) != Availability::Offline);
        let item = |user: &UserId| SayingItem { user: *user, text: self.saying(*user).to_owned() };
        users.map(item).filter(|item| !item.text.is_empty()).collect()
    }

    /// Ends what was said for a while.
    pub(super) fn time_sayings(&mut self) {
        let wall = self.out.wall;
        let over = |status: &StatusRecord| status.until.is_some_and(|until| until <= wall);
        let users: Vec<UserId> =
            self.users.iter().filter(|(_, local)| over(&local.status)).map(|(user, _)| *user).collect();
        for user in users {
            self.set_status(user, |status| (status.saying, status.until) = (String::new(), None));
        }
    }

    /// When something that was said for a while is over.
    pub(super) fn next_saying(&self) -> Option<Instant> {
        let until = self.users.values().filter_map(|local| local.status.until).min()?;
        Some(self.out.now + Duration::from_millis(until.saturating_sub(self.out.wall)))
    }
}
