//! Copies of apps that are run together, on this host: launching them, and what their agents say of them.
//!
//! Invariant: of each app session a user has one copy at a time, and what others see of it is what the agent said last.

use super::{Running, Together};
use crate::{
    launch::MAY_FAIL,
    node::{Action, Node},
    nway::{
        activity::Member,
        notice::{Stand, short},
        turn::Turn,
    },
    time::Instant,
};
use chalktalk_ipc::{
    AppId, Event, HostId, InstanceId, Refusal, RefusalCode, SessionId, UserId,
    nway::{MAX_DETAIL, Model, Part, Policy, Run, RunMember, Standing},
    request::LaunchOutcome,
    text,
};
use std::net::IpAddr;

/// Lines that a user is shown of what their copy wrote last, and how long each may be.
const LINES: usize = 10;
const LINE: usize = 200;

/// A copy on this host.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Launched {
    /// Number of the launch; 0: by an earlier daemon.
    pub launch: u64,
}

impl Together {
    fn of_launch(&self, user: UserId, launch: u64) -> Option<SessionId> {
        let of = |app: &Running| app.launched.get(&user).is_some_and(|copy| copy.launch == launch);
        self.apps.iter().find(|(_, app)| launch != 0 && of(app)).map(|(id, _)| *id)
    }
}

impl Node {
    /// What keeps a local user from running an app, if anything does.
    pub(super) fn what_lacks(&self, user: UserId, app: &AppId) -> Option<String> {
        let agent = self.users.get(&user).and_then(|local| local.agent.as_ref());
        let Some(agent) = agent else {
            return Some("no agent runs there that could open programs".to_owned());
        };
        match agent.apps.contains_key(app) {
            true => None,
            false => Some("the app is not registered there".to_owned()),
        }
    }

    /// What is told of a local user's copy if it has another version than who invited.
    pub(super) fn other_version(&self, running: &Running, user: UserId) -> String {
        let invite = &running.activity.invite;
        let agent = self.users.get(&user).and_then(|local| local.agent.as_ref());
        match agent.and_then(|agent| agent.apps.get(&invite.app)).map(|app| text::label(&app.version)) {
            Some(own) if own != invite.version => {
                let named =
                    |version: &str| if version.is_empty() { "none".into() } else { format!("{version:?}") };
                short(&format!("version {}, not {}", named(&own), named(&invite.version)), MAX_DETAIL)
            }
            _ => String::new(),
        }
    }

    /// What a user's manifests say about being launched by somebody's invitation.
    pub(super) fn policy(&self, user: UserId, app: &AppId, from: UserId) -> Policy {
        let agent = self.users.get(&user).and_then(|local| local.agent.as_ref());
        let Some(together) = agent.and_then(|agent| agent.apps.get(app)).map(|app| &app.together) else {
            return Policy::Ask;
        };
        let name = self.name_of_user(from);
        let digits = from.to_string();
        let by_key = |person: &str| person.len() >= 8 && digits.starts_with(&person.to_lowercase());
        let by_name = |person: &str| crate::ids::normalised(person) == crate::ids::normalised(&name);
        let meant = |person: &str| by_key(person) || by_name(person);
        let rule = together.rules.iter().find(|rule| meant(rule.person.trim_start_matches('@')));
        let by_name_only = rule.is_some_and(|rule| !by_key(rule.person.trim_start_matches('@')));
        let verified =
            self.people.get(&user).and_then(|people| people.get(&from)).is_some_and(|p| p.is_verified());
        match rule.map_or(together.policy, |rule| rule.policy) {
            // Anybody can take a name.
            Policy::Auto if by_name_only && !verified => Policy::Ask,
            Policy::Known if verified => Policy::Auto,
            Policy::Known => Policy::Ask,
            policy => policy,
        }
    }

    /// Whether somebody's word alone may launch one more program for a user. It counts.
    pub(super) fn may_cause(&mut self, user: UserId, from: UserId) -> bool {
        let verified =
            self.people.get(&user).and_then(|people| people.get(&from)).is_some_and(|p| p.is_verified());
        self.launcher.may_cause(user, verified.then_some(from), self.out.now)
    }

    /// A user's agent has told which apps there are: who lacked one may have it now, and is asked.
    pub(in crate::node) fn on_registry(&mut self, user: UserId) {
        let me = self.member(user);
        let lacked = |app: &Running| app.stand(&me).is_some_and(|stand| stand.standing == Standing::Missing);
        let ids: Vec<SessionId> = self
            .together
            .apps
            .iter()
            .filter(|(_, app)| app.invited.contains_key(&user) && lacked(app))
            .map(|(id, _)| *id)
            .collect();
        for id in ids {
            let Some(mut running) = self.together.apps.remove(&id) else { continue };
            if self.what_lacks(user, &running.activity.invite.app).is_none() {
                self.note_invitation(&mut running, user);
            }
            self.together.apps.insert(id, running);
            self.stir(id);
        }
    }

    /// Has the agent launch a local user's copy.
    pub(super) fn launch_copy(&mut self, id: SessionId, running: &mut Running, user: UserId) {
        if !self.has_joined(user, id) {
            return; // its key is on its way
        }
        let me = self.member(user);
        let Some(stand) = running.activity.stand(&me).cloned() else { return };
        let app = running.activity.invite.app.clone();
        if let Some(detail) = self.what_lacks(user, &app) {
            self.turn(running, user, Turn::Lacks(detail));
            return;
        }
        if self.launcher.is_resting(user, &app, self.out.now) {
            let detail = format!("{app} failed {MAY_FAIL} times within a minute and rests for 10 minutes");
            self.turn(running, user, Turn::Fails(detail));
            return;
        }
        let (launch, token) = self.launcher.issue((id, user), self.out.now, &mut self.out.rng);
        let run = self.run_for(running, me, &stand);
        running.launched.insert(user, Launched { launch });
        self.actions
            .push_back(Action::NotifyAgent(user, Event::Run { launch, app, session: id, token, run }));
        self.out.counters.add("launches", 1);
        let detail = self.other_version(running, user);
        self.turn(running, user, Turn::Launch(detail));
    }

    /// What a copy has to know.
    fn run_for(&self, running: &Running, me: Member, stand: &Stand) -> Run {
        let hosts = self.hosts_in(running.parent);
        let present = |host: HostId| hosts.contains(&host);
        let activity = &running.activity;
        let host = activity.host(&present);
        let of = |member: Member| {
            let stand = activity.stand(&member).expect("it takes part");
            RunMember {
                name: self.name_of_user(member.user),
                address: self.reach(member.host, &stand.addresses),
                port: stand.port,
                pid: stand.pid,
                part: stand.part,
                me: member == me,
            }
        };
        Run {
            parent: running.parent,
            part: stand.part,
            place: activity.place(&me, &present).unwrap_or(0),
            user: self.user_name(me.user),
            my_address: self.own_reach().first().copied(),
            host_address: host.and_then(|(member, stand)| self.reach(member.host, &stand.addresses)),
            host_port: host.map_or(0, |(_, stand)| stand.port),
            automatic: running.automatic.contains(&me.user),
            members: activity.active(&present).into_iter().take(64).map(of).collect(),
        }
    }

    /// This host's addresses as others can use them, the best first: link-local ones are good on one interface only.
    pub(super) fn own_reach(&self) -> Vec<IpAddr> {
        let mut own = self.paths.addresses();
        let rank = |address: &IpAddr| match address {
            IpAddr::V4(v4) => (v4.is_link_local(), 0),
            IpAddr::V6(v6) => (v6.is_unicast_link_local(), 1),
        };
        own.sort_by_key(rank);
        own.truncate(crate::nway::notice::MAX_ADDRESSES);
        own
    }

    /// Where a participant's copy can be reached from here: where their host is heard from, if they name that.
    fn reach(&self, host: HostId, named: &[IpAddr]) -> Option<IpAddr> {
        if host == self.host {
            return self.own_reach().first().copied();
        }
        let heard = self.directory.host(host)?;
        let heard: Vec<IpAddr> = heard.addresses().map(|address| address.ip()).collect();
        named.iter().find(|address| heard.contains(address)).or(heard.first()).copied()
    }

    // --- what agents and programs say -----------------------------------------------------------------------------

    /// A launch of a copy went well, or not. False: the launch is no copy's.
    pub(in crate::node) fn on_copy_launched(
        &mut self,
        user: UserId,
        launch: u64,
        outcome: &LaunchOutcome,
    ) -> bool {
        let Some(id) = self.together.of_launch(user, launch) else { return false };
        let app = self.together.apps[&id].activity.invite.app.clone();
        let now = self.out.now;
        let turn = match outcome {
            LaunchOutcome::Started(pid) => {
                self.turn_in(id, user, Turn::Started(*pid));
                return true;
            }
            LaunchOutcome::Locked => Turn::Locked,
            LaunchOutcome::NoApp => Turn::Lacks("the app is not registered there".to_owned()),
            LaunchOutcome::NoDisplay => Turn::Lacks("it needs a display and there is none".to_owned()),
            LaunchOutcome::Failed(why) => {
                self.launcher.note_failure(user, &app, now);
                Turn::Fails(why.clone())
            }
        };
        self.turn_in(id, user, turn);
        if let Some(running) = self.together.apps.get_mut(&id) {
            running.launched.remove(&user);
        }
        true
    }

    /// An agent says that a copy is ready.
    pub fn run_ready(&mut self, now: Instant, user: UserId, launch: u64, port: u16) {
        self.at(now);
        if let Some(id) = self.together.of_launch(user, launch) {
            self.turn_in(id, user, Turn::Ready(port));
        }
        self.settle();
    }

    /// A launched program says itself that it is ready.
    pub fn ready_to_be_joined(
        &mut self,
        now: Instant,
        instance: InstanceId,
        id: SessionId,
        port: u16,
    ) -> Result<(), Refusal> {
        self.at(now);
        let user = self.instances.get(&instance).map(|instance| instance.user);
        let copy = user
            .filter(|user| self.together.apps.get(&id).is_some_and(|app| app.launched.contains_key(user)));
        let Some(user) = copy else {
            let message = "no copy of yours was launched for this app session";
            return Err(Refusal::new(RefusalCode::BadRequest, message));
        };
        self.turn_in(id, user, Turn::Ready(port));
        self.settle();
        Ok(())
    }

    /// An agent says that a copy has ended, and what it wrote last.
    pub fn run_ended(
        &mut self,
        now: Instant,
        user: UserId,
        launch: u64,
        id: SessionId,
        status: Option<i32>,
        said: Vec<String>,
    ) {
        self.at(now);
        let Some(running) = self.together.apps.get_mut(&id) else { return };
        if running.launched.get(&user).is_none_or(|copy| copy.launch != launch) {
            return;
        }
        running.launched.remove(&user);
        let lines = said.into_iter().take(LINES).map(|line| short(&line, LINE));
        running.said.insert(user, lines.collect());
        let app = running.activity.invite.app.clone();
        if status.is_some_and(|status| status != 0) {
            self.launcher.note_failure(user, &app, now);
        }
        self.turn_in(id, user, Turn::Ended(status));
        self.settle();
    }

    /// A user's agent says which copies it still watches that a former daemon had it launch.
    pub fn still_running(&mut self, now: Instant, user: UserId, running: Vec<chalktalk_ipc::nway::Running>) {
        self.at(now);
        for copy in running {
            let me = self.member(user);
            let Some(app) = self.together.apps.get_mut(&copy.session) else { continue };
            let by_us = app.launched.get(&user).is_some_and(|copy| copy.launch > 0);
            if by_us || app.stand(&me).is_none() {
                continue;
            }
            app.launched.insert(user, Launched::default());
            let (pid, port, ready) = (copy.pid, copy.port, copy.ready);
            self.turn_in(copy.session, user, Turn::Found { pid, port, ready });
        }
        for (id, app) in self.together.apps.iter_mut().filter(|(_, app)| app.settles.is_some()) {
            app.told_copies.insert(user);
            self.together.stirred.insert(*id);
        }
        self.settle();
    }

    /// As what somebody takes part: who made an app session with a host is the host.
    pub(super) fn part_of(running: &Running, user: UserId, wish: Part) -> Part {
        let invite = &running.activity.invite;
        match wish {
            _ if invite.model == Model::Host && user == invite.creator => Part::Host,
            Part::Host => Part::Player,
            part => part,
        }
    }
}
