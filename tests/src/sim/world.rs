//! Virtual time, and everything that happens in it: hosts, network, disks, programs.
//!
//! A [`World`] does what a daemon's shell does for its node, for many hosts at once, and checks after every step that
//! nothing was promised that is not kept. Scenarios are told in its public methods.
//!
//! Invariant: the order of events follows from the seed alone.

use super::{
    app::{Acks, App, Habits, Seat},
    chance::Chance,
    host::{AgentHabits, Host, Launches},
    ledger::{Delivered, Ledger, Reading},
    network::{Faults, Network},
    trace::Trace,
};
use bytes::Bytes;
use chalktalk_ipc::{
    Answer, AppId, Event, InstanceId, Position, RefusalCode, SessionId, UserId,
    batch::{Class, Outgoing, PublishHead},
    request::{From, LaunchOutcome, Role, SessionKind},
};
use chalktalk_protocol::{
    Action, Instant, Node, NodeConfig, UserSeeds,
    entry::Entry,
    frame::{Header, MAX_DATAGRAM},
    ids::{LogId, Seq},
    net::{Arrival, Link, LinkId, Route, Transmit, Way},
    node::{Attach, LOBBY},
    session::delivery::Delivery,
    store::Restored,
};
use std::{
    collections::{BTreeMap, VecDeque},
    net::{Ipv4Addr, SocketAddr},
    time::Duration,
};

/// The one link.
const LINK: LinkId = LinkId(1);

/// Wakes at one moment after which a node counts as spinning.
const MAX_SPINS: u32 = 1000;

/// Bytes of a catch-up sent at a time.
const PORTION: usize = 64 * 1024;

/// A host that does not answer a connection is given up after this long.
const CONNECT_TIME: Duration = Duration::from_secs(1);

/// Runs of slots wanted, per log.
type Wants = VecDeque<(LogId, Seq, Seq)>;

enum Happening {
    Datagram { to: usize, arrival: Arrival, datagram: Bytes },
    Synced { host: usize, life: u64 },
    Fetched { host: usize, life: u64, instance: InstanceId, session: SessionId, log: LogId, from: Seq },
    CatchUp { host: usize, life: u64, session: SessionId, providers: VecDeque<SocketAddr>, wants: Wants },
    Turn { app: usize, connection: u32 },
    Ack { app: usize, connection: u32, session: SessionId, positions: Vec<Position> },
    Connect { app: usize },
    Open { app: usize, connection: u32, session: SessionId },
    Launched { host: usize, life: u64, launch: u64, session: SessionId, app: AppId, token: String },
    Opened { host: usize, life: u64, session: SessionId, app: AppId, token: String },
    Exited { host: usize, life: u64, launch: u64 },
    Told(Box<dyn FnOnce(&mut World)>),
}

/// Everything.
pub struct World {
    /// The time.
    pub now: Instant,
    seed: u64,
    order: u64,
    happenings: BTreeMap<(Instant, u64), Happening>,
    /// The hosts.
    pub hosts: Vec<Host>,
    /// The programs.
    pub apps: Vec<App>,
    /// The network.
    pub network: Network,
    /// The source of chance.
    pub chance: Chance,
    ledger: Ledger,
    trace: Trace,
    steps: u64,
}

// --- what scenarios are told in -----------------------------------------------------------------------------------

impl World {
    /// An empty world with a quiet network.
    pub fn new(seed: u64) -> Self {
        Self::traced(seed, false)
    }

    /// The same, printing its trace.
    pub fn traced(seed: u64, print: bool) -> Self {
        Self {
            now: Instant::ZERO,
            seed,
            order: 0,
            happenings: BTreeMap::new(),
            hosts: Vec::new(),
            apps: Vec::new(),
            network: Network::new(Faults::none()),
            chance: Chance::new(seed),
            ledger: Ledger::default(),
            trace: Trace::new(print),
            steps: 0,
        }
    }

    /// A new host with one user, started.
    pub fn host(&mut self) -> usize {
        let host = self.hosts.len();
        let seed = self.chance.seed();
        self.hosts.push(Host {
            seed,
            life: 0,
            node: None,
            disk: Default::default(),
            user: UserId::NIL,
            address: SocketAddr::from((Ipv4Addr::new(10, 0, 0, host as u8 + 1), 47474)),
            agent: None,
            wake: None,
            spins: (Instant::ZERO, 0),
            launching: Default::default(),
            launched: BTreeMap::new(),
            past: BTreeMap::new(),
            sync: (Duration::from_micros(300), Duration::from_millis(3)),
        });
        self.start(host);
        host
    }

    /// So many new hosts.
    pub fn hosts(&mut self, count: usize) -> Vec<usize> {
        (0..count).map(|_| self.host()).collect()
    }

    /// The name of a host's user.
    pub fn name(host: usize) -> String {
        format!("user{host}")
    }

    /// Starts a host that is down, with what its disk holds.
    pub fn start(&mut self, host: usize) {
        let now = self.now;
        let rng_seed = self.chance.seed();
        let found = &mut self.hosts[host];
        assert!(found.node.is_none(), "host {host} runs already");
        found.life += 1;
        let mut config = NodeConfig::new(&format!("host{host}"), found.seed, rng_seed, found.life);
        config.window = 256;
        let restored = if found.life == 1 { Restored::default() } else { found.disk.restored() };
        let mut node = Node::new(config, restored, now, 1_000_000 + now.as_nanos() / 1_000_000);
        let mut origin = found.seed;
        origin[0] ^= 1;
        let mut user = found.seed;
        user[0] ^= 2;
        found.user = node.add_user(now, UserSeeds { user, origin, name: Self::name(host) });
        node.set_links(now, vec![link(host)]);
        if let Some(agent) = &found.agent {
            node.attach_agent(now, found.user, agent.apps.clone()).expect("the first agent is taken");
        }
        found.node = Some(node);
        self.trace.note(now, format_args!("host {host} starts life {}", self.hosts[host].life));
        self.pump(host);
        for app in 0..self.apps.len() {
            if self.apps[app].host == host && self.apps[app].alive {
                let wait = self.chance.between(Duration::from_millis(1), Duration::from_millis(200));
                self.later(wait, Happening::Connect { app });
            }
        }
    }

    /// Kills a host: what is not on the disk is gone.
    pub fn crash(&mut self, host: usize) {
        self.trace.note(self.now, format_args!("host {host} crashes"));
        self.hosts[host].disk.crash(&mut self.chance);
        self.down(host);
        for app in self.apps.iter().filter(|app| app.host == host) {
            self.ledger.shake(app.instance);
        }
    }

    /// Stops a host cleanly.
    pub fn stop(&mut self, host: usize) {
        self.trace.note(self.now, format_args!("host {host} stops"));
        let now = self.now;
        if let Some(node) = &mut self.hosts[host].node {
            node.stop(now);
        }
        self.pump(host);
        self.hosts[host].disk.flush();
        self.down(host);
        for app in self.apps.iter().filter(|app| app.host == host) {
            self.ledger.shake(app.instance);
        }
    }

    fn down(&mut self, host: usize) {
        let found = &mut self.hosts[host];
        if let Some(node) = found.node.take() {
            for (name, n) in node.counters().iter() {
                *found.past.entry(name).or_default() += n;
            }
        }
        found.wake = None;
        found.launching.clear();
        self.apps.iter_mut().filter(|app| app.host == host).for_each(App::on_disconnected);
    }

    /// Gives a host's user an agent.
    pub fn agent(&mut self, host: usize, habits: AgentHabits) {
        let (now, user) = (self.now, self.hosts[host].user);
        if let Some(node) = &mut self.hosts[host].node {
            node.attach_agent(now, user, habits.apps.clone()).expect("there was none");
        }
        self.hosts[host].agent = Some(habits);
        self.pump(host);
    }

    /// A program starts on a host and attaches.
    pub fn app(&mut self, host: usize, habits: Habits) -> usize {
        let app = self.apps.len();
        self.apps.push(App::new(host, self.hosts[host].user, habits));
        self.connect(app, None);
        app
    }

    /// A chat starts on a host.
    pub fn chat(&mut self, host: usize) -> usize {
        self.app(host, Habits::chat())
    }

    /// A chat starts on a host and opens `#lobby`, to read it from its start.
    pub fn chat_in_lobby(&mut self, host: usize) -> usize {
        let app = self.chat(host);
        self.open(app, "#lobby");
        app
    }

    /// A program joins and opens a session of its app, to read it from its start.
    pub fn open(&mut self, app: usize, target: &str) -> SessionId {
        self.open_from(app, target, SessionKind::Kept, true, From::Start)
    }

    /// A program joins and opens a session, which it creates as told if it has to.
    pub fn open_from(
        &mut self,
        app: usize,
        target: &str,
        kind: SessionKind,
        history: bool,
        from: From,
    ) -> SessionId {
        let now = self.now;
        let App { host, user, ref habits, .. } = self.apps[app];
        let node = self.hosts[host].node.as_mut().expect("the host runs");
        let answer = node.join(now, user, target, &habits.app, kind, history);
        let summary = match answer {
            Ok(Answer::Session(summary)) => summary,
            other => panic!("joining {target}: {other:?}"),
        };
        self.apps[app].seats.insert(summary.session, Seat::new(target, history, summary.kind, from));
        self.open_seat(app, summary.session);
        self.pump(host);
        summary.session
    }

    /// The user of a program leaves a session; the program has not heard of it yet.
    pub fn leave(&mut self, app: usize, target: &str) {
        let now = self.now;
        let App { host, user, ref habits, .. } = self.apps[app];
        let node = self.hosts[host].node.as_mut().expect("the host runs");
        node.leave(now, user, target, &habits.app).expect("the user is in it");
        self.pump(host);
    }

    /// A program ends. Its host may take its time to notice that nothing is sent again.
    pub fn end(&mut self, app: usize) {
        let (now, host, instance) = (self.now, self.apps[app].host, self.apps[app].instance);
        self.trace.note(now, format_args!("app {app} ends"));
        self.apps[app].alive = false;
        self.apps[app].on_disconnected();
        self.ledger.end(instance);
        if let Some(node) = &mut self.hosts[host].node {
            node.detach(now, instance);
            self.pump(host);
        }
    }

    /// A program's connection breaks; it comes back as the same instance after a while.
    pub fn disconnect(&mut self, app: usize) {
        let (now, host, instance) = (self.now, self.apps[app].host, self.apps[app].instance);
        self.trace.note(now, format_args!("app {app} loses its connection"));
        self.apps[app].on_disconnected();
        if let Some(node) = &mut self.hosts[host].node {
            node.detach(now, instance);
            self.pump(host);
            self.later(Duration::from_millis(20), Happening::Connect { app });
        }
    }

    /// A program publishes so many messages of so many bytes to all in a session.
    pub fn publish(&mut self, app: usize, session: SessionId, count: usize, bytes: usize) {
        (0..count).for_each(|_| self.queue_message(app, session, InstanceId::NIL, bytes));
        self.hand_over(app, session);
    }

    /// A program publishes a message to one instance.
    pub fn publish_to(&mut self, app: usize, session: SessionId, to: InstanceId, bytes: usize) {
        self.queue_message(app, session, to, bytes);
        self.hand_over(app, session);
    }

    /// A program publishes a volatile message.
    pub fn publish_volatile(&mut self, app: usize, session: SessionId, bytes: usize) {
        let (now, host, instance) = (self.now, self.apps[app].host, self.apps[app].instance);
        if !self.apps[app].seats.get(&session).is_some_and(|seat| seat.open) {
            return;
        }
        self.order += 1;
        let payload = payload(self.order, bytes.max(8));
        self.ledger.publish_volatile(&payload);
        let head = PublishHead { session, destination: InstanceId::NIL, first: 0, class: Class::Volatile };
        let node = self.hosts[host].node.as_mut().expect("open seats have a node");
        let taken = node.publish(now, instance, &head, [Ok(Outgoing::new(&payload))].into_iter());
        self.check(taken.map_err(|e| format!("app {app} cannot publish: {e}")));
        self.pump(host);
    }

    /// Something happens later.
    pub fn after(&mut self, wait: Duration, what: impl FnOnce(&mut Self) + 'static) {
        self.later(wait, Happening::Told(Box::new(what)));
    }

    /// Time passes.
    pub fn run(&mut self, length: Duration) {
        let end = self.now + length;
        while self.step(end) {}
        self.now = end;
    }

    /// Time passes until this holds. The time it took; a violation if it takes longer than `most`.
    pub fn run_until(&mut self, most: Duration, what: &str, holds: impl Fn(&Self) -> bool) -> Duration {
        let (start, end) = (self.now, self.now + most);
        while !holds(self) {
            if !self.step(end) {
                self.now = end;
                self.check(if holds(self) { Ok(()) } else { Err(format!("not within {most:?}: {what}")) });
            }
        }
        self.now.since(start)
    }

    /// Everybody comes to hold and to have heard the same. The time it took.
    pub fn converge(&mut self, most: Duration) -> Duration {
        let start = self.now;
        let end = start + most;
        loop {
            let Some(lacking) = self.lacking() else { return self.now.since(start) };
            let slice = (self.now + Duration::from_millis(5)).min(end);
            while self.step(slice) {}
            self.now = slice;
            if slice == end {
                let lacking = self.lacking().unwrap_or(lacking);
                self.check(Err(format!("no convergence within {most:?}: {lacking}")));
            }
        }
    }

    /// What somebody lacks who should not, if anything.
    fn lacking(&self) -> Option<String> {
        for (number, app) in self.apps.iter().enumerate().filter(|(_, app)| app.alive && app.attached) {
            for (session, seat) in &app.seats {
                let reading = Reading { app: number, instance: app.instance, whole: true };
                if !seat.backlog.is_empty() && seat.kind == SessionKind::Kept {
                    return Some(format!("app {number} has {} messages not stored", seat.backlog.len()));
                }
                if is_whole(&seat.from)
                    && seat.kind == SessionKind::Kept
                    && let Some(lacking) = self.ledger.lacking(reading, *session)
                {
                    return Some(lacking);
                }
            }
        }
        self.differing()
    }

    /// Two hosts that hold different things, if there are.
    fn differing(&self) -> Option<String> {
        let mut digests = BTreeMap::<SessionId, (usize, u64)>::new();
        for (host, found) in self.hosts.iter().enumerate() {
            let Some(node) = &found.node else { continue };
            for (session, digest) in node.digests() {
                let (first, other) = *digests.entry(session).or_insert((host, digest));
                if other != digest {
                    return Some(format!("hosts {first} and {host} hold different things in {session:?}"));
                }
            }
        }
        None
    }

    /// How many messages an app has heard in a session.
    pub fn heard(&self, app: usize, session: SessionId) -> usize {
        self.ledger.heard(app, session)
    }

    /// A counter, over all hosts and lives.
    pub fn counter(&self, name: &str) -> u64 {
        let now = self.hosts.iter().filter_map(|host| Some(host.node.as_ref()?.counters().value(name)));
        let before = self.hosts.iter().filter_map(|host| host.past.get(name).copied());
        now.sum::<u64>() + before.sum::<u64>()
    }

    /// The hash of everything that happened.
    pub fn trace_hash(&self) -> String {
        self.trace.hash()
    }

    /// Steps taken.
    pub fn steps(&self) -> u64 {
        self.steps
    }
}

// --- one thing after the other --------------------------------------------------------------------------------------

impl World {
    fn later(&mut self, wait: Duration, what: Happening) {
        self.order += 1;
        self.happenings.insert((self.now + wait, self.order), what);
    }

    /// The next thing happens, unless it is later than `end`. False if it is.
    fn step(&mut self, end: Instant) -> bool {
        let wake = self.hosts.iter().enumerate().filter_map(|(i, host)| Some((host.wake?, i))).min();
        let next = self.happenings.first_key_value().map(|((at, _), _)| *at);
        let at = wake.map(|(at, _)| at).into_iter().chain(next).min();
        let Some(at) = at.map(|at| at.max(self.now)).filter(|at| *at <= end) else { return false };
        self.now = at;
        self.steps += 1;
        match wake {
            Some((due, host)) if due <= at && next.is_none_or(|next| due <= next) => self.wake(host),
            _ => {
                let (_, what) = self.happenings.pop_first().expect("it is the next");
                self.happen(what);
            }
        }
        true
    }

    fn wake(&mut self, host: usize) {
        let now = self.now;
        let found = &mut self.hosts[host];
        found.spins = if found.spins.0 == now { (now, found.spins.1 + 1) } else { (now, 1) };
        let spins = found.spins.1;
        found.node.as_mut().expect("who wakes runs").handle_timeout(now);
        self.check(if spins > MAX_SPINS { Err(format!("host {host} spins")) } else { Ok(()) });
        self.pump(host);
    }

    fn happen(&mut self, what: Happening) {
        let now = self.now;
        match what {
            Happening::Datagram { to, arrival, datagram } => {
                let Some(node) = &mut self.hosts[to].node else { return };
                node.handle_datagram(now, arrival, &datagram);
                self.pump(to);
            }
            Happening::Synced { host, life } => self.on_synced(host, life),
            Happening::Fetched { host, life, instance, session, log, from } => {
                let found = &mut self.hosts[host];
                let entries = found.disk.read(session, log, from, 256 * 1024);
                if let Some(node) = found.node.as_mut().filter(|_| found.life == life) {
                    node.fetched(now, instance, session, log, from, entries);
                    self.pump(host);
                }
            }
            Happening::CatchUp { host, life, session, providers, wants } => {
                self.on_catch_up(host, life, session, providers, wants)
            }
            Happening::Turn { app, connection } => self.on_turn(app, connection),
            Happening::Ack { app, connection, session, positions } => {
                self.acknowledge(app, connection, session, &positions);
            }
            Happening::Connect { app } => {
                let App { host, alive, attached, instance, .. } = self.apps[app];
                if alive && !attached && self.hosts[host].node.is_some() {
                    self.connect(app, Some(instance));
                }
            }
            Happening::Open { app, connection, session } => {
                if self.apps[app].connection == connection && self.apps[app].attached {
                    self.open_seat(app, session);
                }
            }
            Happening::Launched { host, life, launch, session, app, token } => {
                self.on_launched(host, life, launch, session, app, token)
            }
            Happening::Opened { host, life, session, app, token } => {
                self.on_launched_attaches(host, life, session, app, &token)
            }
            Happening::Exited { host, life, launch } => {
                if self.hosts[host].life != life {
                    return;
                }
                let user = self.hosts[host].user;
                if let Some(node) = &mut self.hosts[host].node {
                    node.exited(now, user, launch, 1);
                    self.pump(host);
                }
            }
            Happening::Told(act) => act(self),
        }
    }

    /// A violation ends the run.
    fn check(&self, outcome: Result<(), String>) {
        if let Err(what) = outcome {
            let (seed, at) = (self.seed, self.now.as_nanos() as f64 / 1e6);
            panic!("{what}\n  at {at} ms, seed {seed}");
        }
    }

    /// Carries a node's outputs away.
    pub(super) fn pump(&mut self, host: usize) {
        loop {
            let now = self.now;
            let Some(node) = &mut self.hosts[host].node else { return };
            if let Some(batch) = node.poll_write() {
                if self.hosts[host].disk.write(batch) {
                    self.begin_sync(host);
                }
            } else if let Some(transmit) = node.poll_transmit(now) {
                self.transmit(host, &transmit);
            } else if let Some(action) = node.poll_action() {
                self.act(host, action);
            } else {
                break;
            }
        }
        let Some(node) = &self.hosts[host].node else { return };
        let ready = node.ready();
        let wake = node.poll_timeout();
        self.hosts[host].wake = wake;
        for instance in ready {
            self.plan_turn(instance);
        }
        self.check_bounds(host);
    }

    fn check_bounds(&self, host: usize) {
        let Some(node) = &self.hosts[host].node else { return };
        let frozen = node.counters().value("drop.equivocation") + node.counters().value("frozen log");
        self.check(if frozen > 0 {
            Err(format!("host {host} thinks that somebody contradicts himself"))
        } else {
            Ok(())
        });
    }

    fn begin_sync(&mut self, host: usize) {
        let (least, most) = self.hosts[host].sync;
        let (wait, life) = (self.chance.between(least, most), self.hosts[host].life);
        self.later(wait, Happening::Synced { host, life });
    }

    fn on_synced(&mut self, host: usize, life: u64) {
        let now = self.now;
        let found = &mut self.hosts[host];
        if found.life != life {
            return;
        }
        let Some(node) = &mut found.node else { return };
        let (upto, again) = found.disk.synced();
        node.stored(now, upto);
        if again {
            self.begin_sync(host);
        }
        self.pump(host);
    }

    fn transmit(&mut self, from: usize, transmit: &Transmit) {
        for datagram in &transmit.datagrams {
            assert!(datagram.len() <= MAX_DATAGRAM, "host {from} sends {} bytes", datagram.len());
            self.network.sent += 1;
            let seen = self.ledger.see_slot(datagram);
            self.check(seen);
            let (what, size, route) = (name_of(datagram), datagram.len(), transmit.route);
            self.trace.note(self.now, format_args!("host {from} sends {what}, {size} B, {route:?}"));
            let (way, targets): (Way, Vec<usize>) = match transmit.route {
                Route::Group(_, way) => (way, (0..self.hosts.len()).collect()),
                Route::Host(to) => {
                    let known = self.hosts.iter().position(|host| host.address == to);
                    (Way::Unicast, known.into_iter().collect())
                }
            };
            let arrival = Arrival { link: LINK, way, from: self.hosts[from].address };
            for to in targets {
                if (to == from && !self.network.faults.loopback) || self.hosts[to].node.is_none() {
                    continue;
                }
                for delay in self.network.carry(from, to, datagram, &mut self.chance) {
                    let datagram = datagram.clone();
                    self.later(delay, Happening::Datagram { to, arrival, datagram });
                }
            }
        }
    }

    fn act(&mut self, host: usize, action: Action) {
        let life = self.hosts[host].life;
        match action {
            Action::Fetch { instance, session, log, from, .. } => {
                self.later(
                    Duration::from_micros(200),
                    Happening::Fetched { host, life, instance, session, log, from },
                );
            }
            Action::CatchUp { session, providers, wants } => {
                self.trace.note(self.now, format_args!("host {host} wants to catch up: {wants:?}"));
                let what = Happening::CatchUp {
                    host,
                    life,
                    session,
                    providers: providers.into(),
                    wants: wants.into(),
                };
                self.later(Duration::from_millis(1), what);
            }
            Action::Notify(instance, event) => self.notify(instance, event),
            Action::NotifyAgent(user, Event::Launch { launch, app, session, token }) => {
                self.launch(host, user, launch, session.session, app, token);
            }
            Action::DrawKeys => panic!("host {host} hears its own key from elsewhere"),
            Action::NotifyAgent(..) => {}
        }
    }

    /// One portion of a catch-up: from the first provider that can be reached.
    fn on_catch_up(
        &mut self,
        host: usize,
        life: u64,
        session: SessionId,
        mut providers: VecDeque<SocketAddr>,
        mut wants: Wants,
    ) {
        let now = self.now;
        if self.hosts[host].life != life || self.hosts[host].node.is_none() {
            return;
        }
        let provider = providers.front().and_then(|at| self.hosts.iter().position(|h| h.address == *at));
        let Some(provider) = provider.filter(|_| !wants.is_empty()) else {
            self.hosts[host].node.as_mut().expect("checked above").caught_up(now, session);
            return self.pump(host);
        };
        if self.hosts[provider].node.is_none() || !self.network.connects(host, provider) {
            providers.pop_front();
            return self.later(CONNECT_TIME, Happening::CatchUp { host, life, session, providers, wants });
        }
        let portion = self.read_for_catch_up(provider, session, &mut wants);
        let arrival = Arrival { link: LINK, way: Way::Stream, from: self.hosts[provider].address };
        for datagram in portion {
            let seen = self.ledger.see_slot(&datagram);
            self.check(seen);
            let node = self.hosts[host].node.as_mut().expect("checked above");
            node.handle_datagram(now, arrival, &datagram);
        }
        self.pump(host);
        self.later(Duration::from_micros(500), Happening::CatchUp { host, life, session, providers, wants });
    }

    /// What a provider has of what is wanted, a portion of it: from memory, else from its disk.
    fn read_for_catch_up(&self, provider: usize, session: SessionId, wants: &mut Wants) -> Vec<Bytes> {
        let Some((log, from, to)) = wants.front_mut() else { return Vec::new() };
        let found = &self.hosts[provider];
        let Some(node) = &found.node else { return Vec::new() };
        let mut datagrams = node.cached(session, *log, *from, PORTION);
        if datagrams.is_empty() {
            datagrams = found.disk.read(session, *log, *from, PORTION);
        }
        datagrams.truncate(to.ahead_of(*from) as usize + 1);
        *from = Seq(from.0 + datagrams.len() as u64);
        if datagrams.is_empty() || from > to {
            wants.pop_front();
        }
        datagrams
    }
}

// --- programs -------------------------------------------------------------------------------------------------------

impl World {
    fn connect(&mut self, app: usize, instance: Option<InstanceId>) {
        let now = self.now;
        let App { host, user, ref habits, .. } = self.apps[app];
        let node = self.hosts[host].node.as_mut().expect("the host runs");
        let instance = instance.filter(|id| !id.is_nil());
        match node.attach(
            now,
            user,
            Attach { instance, app: habits.app.clone(), pid: app as u32, role: habits.role, token: None },
        ) {
            Ok(Answer::Attached { instance, .. }) => self.on_attached(app, instance),
            other => self.check(Err(format!("app {app} cannot attach: {other:?}"))),
        }
        self.pump(host);
    }

    fn on_attached(&mut self, app: usize, instance: InstanceId) {
        self.trace.note(self.now, format_args!("app {app} attaches as {instance:?}"));
        let found = &mut self.apps[app];
        (found.instance, found.attached) = (instance, true);
        let sessions: Vec<SessionId> = found.seats.keys().copied().collect();
        sessions.into_iter().for_each(|session| self.open_seat(app, session));
    }

    pub(super) fn open_seat(&mut self, app: usize, session: SessionId) {
        let now = self.now;
        let App { host, user, instance, connection, ref habits, ref seats, .. } = self.apps[app];
        let from = seats[&session].opening(habits.keeps);
        if !habits.keeps {
            self.ledger.forget(app, session);
        }
        let node = self.hosts[host].node.as_mut().expect("the host runs");
        let mut answer = node.open(now, instance, session, &from);
        if matches!(&answer, Err(refusal) if refusal.code == RefusalCode::NotJoined) {
            // The host crashed before it had stored that its user joined.
            let Seat { ref target, kind, history, .. } = seats[&session];
            if node.join(now, user, target, &habits.app, kind, history).is_err() {
                return self.later(Duration::from_millis(100), Happening::Open { app, connection, session });
            }
            answer = node.open(now, instance, session, &from);
        }
        match answer {
            Ok(Answer::Opened { last_number, granted, start, .. }) => {
                let stored = self.ledger.stored(session, instance);
                let seat = self.apps[app].seats.get_mut(&session).expect("it is being opened");
                let forgotten = seat.kind == SessionKind::Kept && last_number < stored;
                seat.on_opened(last_number, granted, &start);
                self.check(if forgotten {
                    Err(format!("app {app} was told stored {stored}, and {last_number} is the last there"))
                } else {
                    Ok(())
                });
                self.hand_over(app, session);
            }
            other => self.check(Err(format!("app {app} cannot open {session:?}: {other:?}"))),
        }
    }

    fn queue_message(&mut self, app: usize, session: SessionId, destination: InstanceId, bytes: usize) {
        let instance = self.apps[app].instance;
        let Some(seat) = self.apps[app].seats.get_mut(&session) else { return };
        let number = seat.next;
        seat.next += 1;
        let payload = payload(number, bytes);
        self.ledger.publish(session, instance, destination, &payload);
        seat.backlog.push_back(super::app::Unsafe { number, destination, payload });
    }

    /// Hands over as much of the backlog as the credit allows.
    fn hand_over(&mut self, app: usize, session: SessionId) {
        let now = self.now;
        let App { host, instance, attached, .. } = self.apps[app];
        let Some(seat) = self.apps[app].seats.get_mut(&session).filter(|seat| attached && seat.open) else {
            return;
        };
        let node = self.hosts[host].node.as_mut().expect("who is attached is attached to a node");
        let mut outcome = Ok(());
        while let Some(message) = seat.next_to_hand() {
            let head = PublishHead {
                session,
                destination: message.destination,
                first: message.number,
                class: Class::Durable,
            };
            outcome = node.publish(now, instance, &head, [Ok(Outgoing::new(&message.payload))].into_iter());
            if outcome.is_err() {
                break;
            }
        }
        self.check(outcome.map_err(|e| format!("app {app} cannot publish: {e}")));
        self.pump(host);
    }

    fn app_of(&self, instance: InstanceId) -> Option<usize> {
        self.apps.iter().rposition(|app| app.attached && app.instance == instance)
    }

    fn notify(&mut self, instance: InstanceId, event: Event) {
        let Some(app) = self.app_of(instance) else { return };
        match event {
            Event::Credit { session, granted } => {
                if let Some(seat) = self.apps[app].seats.get_mut(&session) {
                    seat.granted = granted;
                }
                self.later(Duration::ZERO, Happening::Told(Box::new(move |w| w.hand_over(app, session))));
            }
            Event::Progress { session, appended, stored, held_by, delivered } => {
                let outcome = self.ledger.on_stored(session, instance, stored);
                self.check(outcome);
                let found = &mut self.apps[app];
                found.delivered.insert(session, delivered);
                found.held.insert(session, held_by);
                if let Some(seat) = found.seats.get_mut(&session) {
                    seat.on_safe(if seat.kind == SessionKind::Kept { stored } else { appended });
                }
            }
            Event::Failed { session, number, reason, .. } => {
                self.trace.note(self.now, format_args!("app {app} is told that {number} failed: {reason:?}"));
                self.apps[app].failures.push((session, number, reason));
            }
            Event::Offer { session } => {
                let accept = self.apps[app].habits.takes_offers;
                self.later(
                    Duration::from_millis(2),
                    Happening::Told(Box::new(move |w| {
                        w.answer_offer(app, session.session, session.kind, accept)
                    })),
                );
            }
            _ => {}
        }
    }

    fn answer_offer(&mut self, app: usize, session: SessionId, kind: SessionKind, accept: bool) {
        let (now, host, instance) = (self.now, self.apps[app].host, self.apps[app].instance);
        if !self.apps[app].attached {
            return;
        }
        let node = self.hosts[host].node.as_mut().expect("who is attached is attached to a node");
        let answered = node.answer_offer(now, instance, session, accept);
        self.check(answered.map(drop).map_err(|e| e.message));
        if accept && !self.apps[app].seats.contains_key(&session) {
            self.apps[app].seats.insert(session, Seat::offered(session, kind));
            self.open_seat(app, session);
        }
        self.pump(host);
    }

    fn plan_turn(&mut self, instance: InstanceId) {
        let Some(app) = self.app_of(instance) else { return };
        let found = &mut self.apps[app];
        if !std::mem::replace(&mut found.turn, true) {
            let (pause, connection) = (found.habits.pause, found.connection);
            let wait = self.chance.between(pause, pause * 2);
            self.later(wait, Happening::Turn { app, connection });
        }
    }

    /// A program takes what is there for it.
    fn on_turn(&mut self, app: usize, connection: u32) {
        let now = self.now;
        let App { host, instance, ref habits, .. } = self.apps[app];
        if self.apps[app].connection != connection {
            return;
        }
        let budget = habits.budget;
        self.apps[app].turn = false;
        let (apps, ledger) = (&mut self.apps, &mut self.ledger);
        let found = &mut apps[app];
        let (mut shown, mut outcome) = (BTreeMap::<SessionId, Vec<Position>>::new(), Ok(()));
        let (trace, mut told) = (&mut self.trace, Vec::new());
        let node = self.hosts[host].node.as_mut().expect("who is attached is attached to a node");
        node.deliver(now, instance, budget, &mut |session, delivery| {
            let Some(seat) = found.seats.get_mut(&session) else {
                outcome = Err(format!("app {app} is handed a session it has not opened"));
                return;
            };
            match delivery {
                Delivery::Message(head, incoming) if head.flags.volatile => {
                    found.volatile += 1;
                    if outcome.is_ok() {
                        outcome = ledger.hear_volatile(incoming.payload);
                    }
                }
                Delivery::Message(head, incoming) => {
                    let reading = Reading {
                        app,
                        instance,
                        whole: seat.kind == SessionKind::Kept && is_whole(&seat.from),
                    };
                    let message = Delivered {
                        session,
                        author: head.instance,
                        late: head.flags.late,
                        redelivered: head.flags.redelivered,
                        payload: incoming.payload,
                    };
                    let position = head.position(&incoming);
                    trace.note(
                        now,
                        format_args!("app {app} hears {position:?} of {:?} in {session:?}", head.instance),
                    );
                    if head.instance.is_nil() || (told.contains(&head.origin) && head.user.is_nil()) {
                        outcome = Err(format!("app {app} hears somebody without a name"));
                    }
                    if outcome.is_ok() {
                        outcome = ledger.hear(reading, &message);
                    }
                    seat.on_shown(position);
                    shown.entry(session).or_default().push(position);
                }
                Delivery::Author { origin, .. } => told.push(origin),
                Delivery::CaughtUp => seat.caught_up = true,
                Delivery::Lost { log, first, last } => {
                    trace.note(now, format_args!("app {app} lost {first:?} to {last:?} of {log:?}"));
                    seat.lost += last.0 + 1 - first.0;
                }
            }
        });
        self.check(outcome);
        for (session, positions) in shown {
            self.plan_ack(app, session, positions);
        }
        self.pump(host);
    }

    fn plan_ack(&mut self, app: usize, session: SessionId, positions: Vec<Position>) {
        let connection = self.apps[app].connection;
        let last: BTreeMap<_, Position> = positions.into_iter().map(|p| ((p.origin, p.epoch), p)).collect();
        let positions: Vec<Position> = last.into_values().collect();
        match self.apps[app].habits.acks {
            Acks::AtOnce => self.acknowledge(app, connection, session, &positions),
            Acks::Late(wait) => {
                self.later(wait, Happening::Ack { app, connection, session, positions });
            }
            Acks::Never => {}
        }
    }

    fn acknowledge(&mut self, app: usize, connection: u32, session: SessionId, positions: &[Position]) {
        let (now, host, instance) = (self.now, self.apps[app].host, self.apps[app].instance);
        if self.apps[app].connection != connection || !self.apps[app].attached {
            return;
        }
        let node = self.hosts[host].node.as_mut().expect("who is attached is attached to a node");
        let done = node.ack(now, instance, session, positions);
        self.check(done.map(drop).map_err(|e| format!("app {app} cannot acknowledge: {}", e.message)));
        self.pump(host);
    }

    // --- launching --------------------------------------------------------------------------------------------------

    fn launch(
        &mut self,
        host: usize,
        user: UserId,
        launch: u64,
        session: SessionId,
        app: AppId,
        token: String,
    ) {
        self.trace.note(self.now, format_args!("host {host} launches {app} for {session:?}"));
        let found = &mut self.hosts[host];
        let twice = !found.launching.insert((session, user));
        *found.launched.entry(session).or_default() += 1;
        let agent = found.agent.clone();
        let life = found.life;
        self.check(if twice { Err(format!("host {host} launches twice for {session:?}")) } else { Ok(()) });
        let Some(agent) = agent else {
            return self.check(Err(format!("host {host} launches without an agent")));
        };
        self.later(agent.takes, Happening::Launched { host, life, launch, session, app, token });
    }

    fn on_launched(
        &mut self,
        host: usize,
        life: u64,
        launch: u64,
        session: SessionId,
        app: AppId,
        token: String,
    ) {
        let now = self.now;
        let found = &mut self.hosts[host];
        let (Some(node), Some(agent)) = (&mut found.node, &found.agent) else { return };
        if found.life != life {
            return;
        }
        let takes = agent.takes;
        let how = agent.launches;
        if how == Launches::Fail {
            found.launching.remove(&(session, found.user));
            node.launch_result(now, found.user, launch, LaunchOutcome::Failed("it is broken".into()));
            return self.pump(host);
        }
        node.launch_result(now, found.user, launch, LaunchOutcome::Started(4711));
        if how != Launches::Work {
            found.launching.remove(&(session, found.user));
        }
        self.pump(host);
        match how {
            Launches::Work => self.later(takes, Happening::Opened { host, life, session, app, token }),
            Launches::Exit => self.later(takes, Happening::Exited { host, life, launch }),
            _ => {}
        }
    }

    /// A launched program attaches with its token and opens its session.
    fn on_launched_attaches(&mut self, host: usize, life: u64, session: SessionId, app: AppId, token: &str) {
        let now = self.now;
        let found = &mut self.hosts[host];
        let user = found.user;
        let Some(node) = found.node.as_mut().filter(|_| found.life == life) else { return };
        found.launching.remove(&(session, user));
        let number = self.apps.len();
        let answer = node.attach(
            now,
            user,
            Attach {
                instance: None,
                app: app.clone(),
                pid: number as u32,
                role: Role::App,
                token: Some(token),
            },
        );
        let (instance, summary) = match answer {
            Ok(Answer::Attached { instance, session: Some(summary) }) => (instance, summary),
            other => return self.check(Err(format!("a launched program cannot attach: {other:?}"))),
        };
        let mut launched = App::new(host, user, Habits { app, ..Habits::chat() });
        launched.seats.insert(summary.session, Seat::offered(session, summary.kind));
        self.apps.push(launched);
        self.on_attached(number, instance);
        self.pump(host);
    }
}

/// Whether a reader that starts there hears a session from its beginning.
fn is_whole(from: &From) -> bool {
    matches!(from, From::Start)
}

/// A message that says which one it is, and has bytes of its own.
fn payload(number: u64, bytes: usize) -> Vec<u8> {
    let mut payload: Vec<u8> = (0..bytes).map(|i| (i as u64 ^ number.wrapping_mul(0x9e37)) as u8).collect();
    if let Some(head) = payload.first_chunk_mut::<8>() {
        *head = number.to_le_bytes();
    }
    payload
}

/// What a datagram is, for the trace.
fn name_of(datagram: &[u8]) -> String {
    match (Entry::from_datagram(datagram), Header::parse(datagram)) {
        (Ok(entry), _) => {
            let signed = if entry.proof.is_some() { ", signed" } else { "" };
            format!("{} of {:?} in {:?}{signed}", entry.seq.0, entry.log, entry.session)
        }
        (_, Ok((header, _))) => format!("{:?} in {:?}", header.kind, header.session),
        (_, Err(e)) => format!("{e:?}"),
    }
}

fn link(host: usize) -> Link {
    Link {
        id: LINK,
        name: "eth0".into(),
        mtu: 1500,
        v4: vec![(Ipv4Addr::new(10, 0, 0, host as u8 + 1), 24)],
        v6: None,
        ways: Way::GROUP.to_vec(),
    }
}

/// The id of `#lobby`.
pub fn lobby() -> SessionId {
    chalktalk_protocol::ids::open_room(&AppId::chat(), LOBBY, None)
}
