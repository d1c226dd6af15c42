//! Copies of programs that are run together, and what agents say of them: they launch one when they are told to, watch it, and
//! say when it is ready and when it has ended. A copy outlives the daemon that had it launched.
//!
//! Invariant: of each app session a host has one copy at a time, and each was launched by a yes of its own.

use super::world::World;
use chalktalk_ipc::{Answer, AppId, SessionId, nway, request::LaunchOutcome};
use chalktalk_protocol::node::StartWish;
use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

/// A process.
#[derive(Clone, Copy, Debug)]
pub struct Copy {
    /// Which: counted over all hosts.
    pub pid: u32,
    /// By which launch of the daemon that runs; 0: of an earlier one.
    launch: u64,
    ready: bool,
}

/// All of them.
#[derive(Default)]
pub struct Copies {
    running: BTreeMap<(usize, SessionId), Copy>,
    /// Hosts whose users have said yes since their copy was launched last.
    willing: BTreeSet<(usize, SessionId)>,
    /// The same who said it in the life that their host is in: if it crashes it may have forgotten that it launched one.
    of_life: BTreeSet<(usize, SessionId)>,
    /// Copies launched so far.
    pub launched: u32,
    /// Whether agents sometimes cannot launch, or find the screen locked.
    pub moody: bool,
}

impl World {
    /// The user of a host starts an app with the others of a session, if they can.
    pub fn start_together(&mut self, host: usize, app: &AppId, wish: (&str, u16, u32)) -> Option<SessionId> {
        let (now, user, (target, most, lifetime)) = (self.now, self.hosts[host].user, wish);
        let (title, least, most, lifetime) = (None, None, Some(most), Some(lifetime));
        let wish = StartWish { app, target, parent_app: &AppId::chat(), title, least, most, lifetime };
        let answer = self.hosts[host].node.as_mut()?.start_app(now, user, &wish);
        let made = match answer {
            Ok(Answer::AppSession(made)) => Some(made.session),
            _ => None,
        };
        self.copies.willing.extend(made.map(|session| (host, session)));
        self.pump(host);
        made
    }

    /// The user of a host takes part, if they may.
    pub fn take_part(&mut self, host: usize, session: SessionId) -> bool {
        let (now, user) = (self.now, self.hosts[host].user);
        let Some(node) = &mut self.hosts[host].node else { return false };
        let taken = node.take_part(now, user, session, nway::Part::Player).is_ok();
        if taken {
            self.copies.willing.insert((host, session));
        }
        self.pump(host);
        taken
    }

    /// The user of a host does not take part, or not any more, if they can say so.
    pub fn refuse_part(&mut self, host: usize, session: SessionId) -> bool {
        let (now, user) = (self.now, self.hosts[host].user);
        let Some(node) = &mut self.hosts[host].node else { return false };
        let refused = node.answer_invitation(now, user, session, false).is_ok();
        if refused {
            self.copies.willing.remove(&(host, session));
        }
        self.pump(host);
        refused
    }

    /// The user of a host calls an app session off, if they may.
    pub fn call_off(&mut self, host: usize, session: SessionId) -> bool {
        let (now, user) = (self.now, self.hosts[host].user);
        let Some(node) = &mut self.hosts[host].node else { return false };
        let called_off = node.cancel(now, user, session).is_ok();
        self.pump(host);
        called_off
    }

    /// The app sessions that a host's user sees.
    pub fn app_sessions(&self, host: usize) -> Vec<nway::AppSession> {
        let found = &self.hosts[host];
        found.node.as_ref().map_or(vec![], |node| node.app_sessions(found.user))
    }

    /// A host's copy, if it runs.
    pub fn copy(&self, host: usize, session: SessionId) -> Option<Copy> {
        self.copies.running.get(&(host, session)).copied()
    }

    /// All copies that run: on which hosts, for what.
    pub fn copies(&self) -> impl Iterator<Item = (usize, SessionId)> + '_ {
        self.copies.running.keys().copied()
    }

    /// A host's copy ends.
    pub fn end_copy(&mut self, host: usize, session: SessionId, status: i32) {
        let Some(copy) = self.copies.running.remove(&(host, session)) else { return };
        self.tell(format_args!("host {host}'s copy {} ends with {status}", copy.pid));
        let (now, user) = (self.now, self.hosts[host].user);
        if let Some(node) = &mut self.hosts[host].node {
            node.run_ended(now, user, copy.launch, session, Some(status), vec![]);
            self.pump(host);
        }
    }

    /// All copies of a host end without a word: the machine is off.
    pub fn lose_copies(&mut self, host: usize) {
        self.copies.running.retain(|(at, _), _| *at != host);
    }

    /// An agent is told to launch a copy.
    pub(super) fn run_copy(&mut self, host: usize, launch: u64, session: SessionId) {
        let runs = self.copies.running.contains_key(&(host, session));
        let willing = self.copies.willing.remove(&(host, session));
        self.require(!runs, || format!("host {host} launches a second copy for {session:?}"));
        self.require(willing, || format!("host {host} launches a copy for {session:?} without a yes"));
        let life = self.hosts[host].life;
        let mood = if self.copies.moody { self.chance.below(10) } else { 9 };
        self.copies.of_life.insert((host, session));
        self.copies.launched += 1;
        let pid = 1000 + self.copies.launched;
        if mood > 1 {
            self.copies.running.insert((host, session), Copy { pid, launch, ready: false });
        }
        let outcome = match mood {
            0 => LaunchOutcome::Locked,
            1 => LaunchOutcome::Failed("it is broken".into()),
            _ => LaunchOutcome::Started(pid),
        };
        let wait = self.chance.between(Duration::from_millis(1), Duration::from_millis(50));
        self.after(wait, move |world| {
            let (now, user) = (world.now, world.hosts[host].user);
            let same = world.hosts[host].life == life && (mood <= 1 || world.is_copy(host, session, pid));
            if let Some(node) = world.hosts[host].node.as_mut().filter(|_| same) {
                node.launch_result(now, user, launch, outcome);
                world.pump(host);
            }
        });
        let wait = wait + self.chance.between(Duration::from_millis(1), Duration::from_millis(400));
        self.after(wait, move |world| world.copy_is_ready(host, session, pid));
    }

    fn is_copy(&self, host: usize, session: SessionId, pid: u32) -> bool {
        self.copy(host, session).is_some_and(|copy| copy.pid == pid)
    }

    fn copy_is_ready(&mut self, host: usize, session: SessionId, pid: u32) {
        let (now, user) = (self.now, self.hosts[host].user);
        let copy = self.copies.running.get_mut(&(host, session)).filter(|copy| copy.pid == pid);
        let Some(copy) = copy else { return };
        copy.ready = true;
        let launch = copy.launch;
        let running = self.watched(host);
        let Some(node) = &mut self.hosts[host].node else { return };
        match launch {
            0 => node.still_running(now, user, running),
            launch => node.run_ready(now, user, launch, 0),
        }
        self.pump(host);
    }

    /// A host crashes: what it said last may not be on its disk.
    pub(super) fn forget_launches(&mut self, host: usize) {
        let copies = &mut self.copies;
        copies.willing.extend(copies.of_life.iter().filter(|(at, _)| *at == host));
        copies.of_life.retain(|(at, _)| *at != host);
    }

    /// What a host's agent tells a daemon that has come back.
    pub(super) fn copies_found(&mut self, host: usize) {
        for (_, copy) in self.copies.running.iter_mut().filter(|((at, _), _)| *at == host) {
            copy.launch = 0;
        }
        let (now, user, running) = (self.now, self.hosts[host].user, self.watched(host));
        self.hosts[host].node.as_mut().expect("it has come back").still_running(now, user, running);
    }

    fn watched(&self, host: usize) -> Vec<nway::Running> {
        let own = self.copies.running.iter().filter(|((at, _), _)| *at == host);
        let running = |((_, session), copy): (&(usize, SessionId), &Copy)| nway::Running {
            session: *session,
            app: game(),
            pid: copy.pid,
            port: 0,
            ready: copy.ready,
        };
        own.map(running).collect()
    }
}

/// The app that is run together.
pub fn game() -> AppId {
    "org.example.game".parse().expect("a valid id")
}
