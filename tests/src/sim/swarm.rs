//! Worlds made by chance: each seed turns some faults and habits off altogether, so that the others get room.
//!
//! Invariant: once the faults stop, everybody must come to hold and to have heard the same.

use super::{
    app::{Acks, Habits},
    chance::Chance,
    host::{AgentHabits, Launches},
    network::Faults,
    world::{World, lobby},
};
use chalktalk_ipc::{
    SessionId,
    request::{From, SessionKind},
};
use std::{fmt, time::Duration};

/// Time that everything may take to come right once the faults have stopped.
const CONVERGENCE: Duration = Duration::from_secs(20);

/// How much happens in a world before the faults stop.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Weather {
    /// 20 to 80 actions.
    Usual,
    /// 30 to 120: faults meet the consequences of earlier ones.
    Harsh,
}

impl fmt::Display for Weather {
    /// The option of the `sim` program that asks for it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Usual => "",
            Self::Harsh => "--harsh ",
        })
    }
}

/// How a seed came out.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Outcome {
    /// Hash of everything that happened.
    pub trace: String,
    /// Things that happened.
    pub steps: u64,
    /// Time it took to converge.
    pub converged: Duration,
    /// Datagrams somebody should have heard and did not.
    pub lost: u64,
    /// Slots that were asked for.
    pub slots: u64,
    /// NACKs sent.
    pub nacks: u64,
    /// Repairs sent.
    pub repairs: u64,
}

/// What happens in a world.
#[derive(Clone, Debug)]
struct Plan {
    crash: bool,
    stop: bool,
    partition: bool,
    deafen: bool,
    disconnect: bool,
    end: bool,
    late_join: bool,
    large: bool,
    addressed: bool,
    volatile: bool,
    live: bool,
    direct: bool,
    slow_apps: bool,
    agents: bool,
    /// Actions.
    actions: u64,
}

/// Lives through the world of a seed.
pub fn run(seed: u64, weather: Weather, print: bool) -> Outcome {
    let mut chance = Chance::new(seed ^ 0x5eed);
    let plan = Plan::draw(weather, &mut chance);
    let mut world = World::traced(seed, print);
    world.network.faults = draw_faults(&mut chance);
    if print {
        println!("{plan:?}\n{:?}", world.network.faults);
    }
    let mut swarm = Swarm { rooms: vec![lobby()], world, chance, plan };
    swarm.populate();
    for _ in 0..swarm.plan.actions {
        swarm.act();
        let wait = swarm.chance.between(Duration::from_millis(1), Duration::from_millis(250));
        swarm.world.run(wait);
    }
    swarm.finish()
}

impl Plan {
    fn draw(weather: Weather, chance: &mut Chance) -> Self {
        let mut on = |p: f64| chance.yes(p);
        Self {
            crash: on(0.4),
            stop: on(0.3),
            partition: on(0.3),
            deafen: on(0.2),
            disconnect: on(0.4),
            end: on(0.3),
            late_join: on(0.4),
            large: on(0.3),
            addressed: on(0.3),
            volatile: on(0.3),
            live: on(0.3),
            direct: on(0.3),
            slow_apps: on(0.3),
            agents: on(0.3),
            actions: match weather {
                Weather::Usual => 20 + chance.below(60),
                Weather::Harsh => 30 + chance.below(90),
            },
        }
    }
}

/// What the network does in a world.
pub(super) fn draw_faults(chance: &mut Chance) -> Faults {
    let mut some = |p: f64, most: f64| {
        if chance.yes(p) { most * chance.below(1000) as f64 / 1000.0 } else { 0.0 }
    };
    let (loss, burst) = (some(0.5, 0.2), some(0.3, 0.01));
    let (duplicate, reorder) = (some(0.3, 0.2), some(0.3, 0.2));
    Faults {
        loss,
        burst,
        burst_length: 1 + chance.below(60) as u32,
        duplicate,
        reorder,
        jitter: Duration::from_micros(chance.pick(&[40, 40, 500, 5000])),
        loopback: chance.yes(0.3),
        ..Faults::none()
    }
}

struct Swarm {
    world: World,
    chance: Chance,
    plan: Plan,
    rooms: Vec<SessionId>,
}

impl Swarm {
    fn populate(&mut self) {
        let hosts = 2 + self.chance.below(4) as usize;
        for _ in 0..hosts {
            self.newcomer();
        }
    }

    /// A new host with a program in it.
    fn newcomer(&mut self) {
        let host = self.world.host();
        let (least, most) = self.chance.pick(&[(1, 2), (1, 10), (5, 300)]);
        self.world.hosts[host].sync = (Duration::from_millis(least), Duration::from_millis(most));
        if self.plan.agents && self.chance.yes(0.5) {
            let launches = self.chance.pick(&[
                Launches::Work,
                Launches::Work,
                Launches::Fail,
                Launches::NeverAttach,
                Launches::Exit,
            ]);
            self.world.agent(host, AgentHabits { launches, ..AgentHabits::of_chat() });
        }
        if !self.plan.agents || self.chance.yes(0.6) {
            self.program(host);
        }
    }

    fn program(&mut self, host: usize) {
        let mut habits = Habits::chat();
        if self.plan.slow_apps && self.chance.yes(0.5) {
            habits.budget = 1 + self.chance.below(5000) as usize;
            habits.pause = Duration::from_millis(1 + self.chance.below(30));
        }
        habits.acks = self.chance.pick(&[Acks::AtOnce, Acks::Late(Duration::from_millis(300)), Acks::Never]);
        habits.keeps = self.chance.yes(0.8);
        let app = self.world.app(host, habits);
        self.world.open(app, "#lobby");
        if self.chance.yes(0.5) {
            let session = self.world.open(app, "#ops");
            self.know(session);
        }
        if self.plan.live && self.chance.yes(0.7) {
            let session = self.world.open_from(app, "#game", SessionKind::Live, true, From::Start);
            self.know(session);
        }
    }

    fn know(&mut self, session: SessionId) {
        if !self.rooms.contains(&session) {
            self.rooms.push(session);
        }
    }

    /// One thing happens.
    fn act(&mut self) {
        match self.chance.below(30) {
            0 | 16 if self.plan.crash => self.with_host(World::crash),
            1 | 17 if self.plan.stop => self.with_host(World::stop),
            2 | 3 => self.restart(),
            4 if self.plan.partition => self.fall_apart(),
            5 if self.plan.deafen => self.deafen(),
            6 => self.world.network.heal(),
            7 if self.plan.disconnect => self.with_app(World::disconnect),
            8 if self.plan.end => self.with_app(World::end),
            9 if self.plan.late_join && self.world.hosts.len() < 7 => self.newcomer(),
            10 | 11 if self.plan.addressed => self.address(),
            12 if self.plan.volatile => self.volatile(),
            13 | 14 if self.plan.direct => self.direct(),
            _ => self.publish(),
        }
    }

    fn with_host(&mut self, act: impl Fn(&mut World, usize)) {
        let host = self.chance.below(self.world.hosts.len() as u64) as usize;
        if self.world.hosts[host].node.is_some() {
            act(&mut self.world, host);
        }
    }

    fn with_app(&mut self, act: impl Fn(&mut World, usize)) {
        if let Some(app) = self.some_app() {
            act(&mut self.world, app);
        }
    }

    fn some_app(&mut self) -> Option<usize> {
        if self.world.apps.is_empty() {
            return None;
        }
        let app = self.chance.below(self.world.apps.len() as u64) as usize;
        (self.world.apps[app].alive && self.world.apps[app].attached).then_some(app)
    }

    fn restart(&mut self) {
        let down = self.world.hosts.iter().position(|host| host.node.is_none());
        down.into_iter().for_each(|host| self.world.start(host));
    }

    fn fall_apart(&mut self) {
        let hosts = self.world.hosts.len();
        let islands: Vec<_> = (0..hosts).map(|host| (host, self.chance.below(2) as usize)).collect();
        self.world.network.partition(islands);
    }

    fn deafen(&mut self) {
        let hosts = self.world.hosts.len() as u64;
        let (from, to) = (self.chance.below(hosts) as usize, self.chance.below(hosts) as usize);
        self.world.network.deafen(from, to);
    }

    /// A session that this app has open.
    fn some_session(&mut self, app: usize) -> Option<SessionId> {
        let open: Vec<SessionId> = self.world.apps[app].seats.keys().copied().collect();
        (!open.is_empty()).then(|| self.chance.pick(&open))
    }

    fn publish(&mut self) {
        let Some(app) = self.some_app() else { return };
        let Some(session) = self.some_session(app) else { return };
        let size = match self.chance.below(10) {
            0 => 0,
            1 if self.plan.large => 65_536,
            2 | 3 => 8 + self.chance.below(3000) as usize,
            _ => 8 + self.chance.below(100) as usize,
        };
        let count = if size > 10_000 { 3 } else { self.chance.pick(&[1, 1, 2, 10, 60]) };
        self.world.publish(app, session, count, size);
    }

    fn address(&mut self) {
        let (Some(app), Some(other)) = (self.some_app(), self.some_app()) else { return };
        let Some(session) = self.some_session(app) else { return };
        let to = self.world.apps[other].instance;
        self.world.publish_to(app, session, to, 50);
    }

    fn volatile(&mut self) {
        let Some(app) = self.some_app() else { return };
        let Some(session) = self.some_session(app) else { return };
        self.world.publish_volatile(app, session, 100);
    }

    fn direct(&mut self) {
        let Some(app) = self.some_app() else { return };
        let other = self.chance.below(self.world.hosts.len() as u64) as usize;
        let host = self.world.apps[app].host;
        let user = self.world.apps[app].user;
        let target = format!("@{}", World::name(other));
        let node = self.world.hosts[host].node.as_ref().expect("its app is attached");
        let known = node.resolve(user, &target, &self.world.apps[app].habits.app);
        let Some(session) = known.ok().filter(|_| other != host) else { return };
        if !self.world.apps[app].seats.contains_key(&session) {
            self.world.open(app, &target);
        }
        self.know(session);
        self.world.publish(app, session, 2, 30);
    }

    /// The faults stop, everybody comes back, and everything must come right. Being slow is a fault like any other: how long
    /// a program takes to read what it has put off says nothing of the protocol.
    fn finish(mut self) -> Outcome {
        self.world.network.mend();
        self.world.apps.iter_mut().for_each(|app| app.habits.hurry());
        (0..self.world.hosts.len()).for_each(|_| self.restart());
        self.world.run(Duration::from_millis(300));
        let converged = self.world.converge(CONVERGENCE);
        let world = &self.world;
        Outcome {
            trace: world.trace_hash(),
            steps: world.steps(),
            converged,
            lost: world.network.lost,
            slots: world.counter("slots.lost"),
            nacks: world.counter("nacks.sent"),
            repairs: world.counter("repairs.sent"),
        }
    }
}
