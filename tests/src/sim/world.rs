//! Virtual time, and everything that happens in it: hosts, network, disks, programs.
//!
//! A [`World`] does what a daemon's shell does for its node, for many hosts at once, and checks after every step that
//! nothing was promised that is not kept. Scenarios are told in its public methods.
//!
//! Invariant: the order of events follows from the seed alone.

mod machine;
mod programs;

use super::{
    app::{App, Habits, Seat},
    boards::State,
    chance::Chance,
    copies::Copies,
    host::{AgentHabits, Host},
    ledger::{Ledger, Reading},
    network::{Faults, Network},
    rooms::Watch,
    trace::Trace,
};
use bytes::Bytes;
use chalktalk_ipc::{
    Answer, AppId, BlobId, InstanceId, Position, SessionId, UserId,
    batch::{Class, Outgoing, PublishHead},
    request::{From, SessionKind},
};
use chalktalk_protocol::{
    Instant, Node, NodeConfig, UserSeeds,
    entry::Entry,
    frame::Header,
    ids::{LogId, Seq},
    net::{Arrival, Link, LinkId, Way},
    node::{Keep, LOBBY},
    store::Restored,
};
use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    net::{Ipv4Addr, SocketAddr},
    sync::Arc,
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
    /// How much of the past hosts keep that are started from now on.
    pub keep: Keep,
    /// Hosts that need not come to hold what the others do.
    pub apart: BTreeSet<usize>,
    /// The source of chance.
    pub chance: Chance,
    pub(super) ledger: Ledger,
    pub(super) watch: Watch,
    pub(super) copies: Copies,
    pub(super) blobs: BTreeMap<BlobId, Arc<State>>,
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
            keep: Keep::default(),
            apart: BTreeSet::new(),
            chance: Chance::new(seed),
            ledger: Ledger::default(),
            watch: Watch::default(),
            copies: Copies::default(),
            blobs: BTreeMap::new(),
            trace: Trace::new(print),
            steps: 0,
        }
    }

    /// A new host with one user, started.
    pub fn host(&mut self) -> usize {
        let seed = self.chance.seed();
        let mut identity = seed;
        identity[0] ^= 2;
        self.host_with(seed, identity)
    }

    /// A new host of a person who has another one.
    pub fn second_host(&mut self, first: usize) -> usize {
        let seed = self.chance.seed();
        self.host_with(seed, self.hosts[first].identity)
    }

    fn host_with(&mut self, seed: [u8; 32], identity: [u8; 32]) -> usize {
        let host = self.hosts.len();
        self.hosts.push(Host {
            seed,
            identity,
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
        config.keep = self.keep;
        let restored = if found.life == 1 { Restored::default() } else { found.disk.restored() };
        let mut node = Node::new(config, restored, now, 1_000_000 + now.as_nanos() / 1_000_000);
        let mut origin = found.seed;
        origin[0] ^= 1;
        let user = found.identity;
        found.user = node.add_user(now, UserSeeds { user, origin, name: Self::name(host) });
        node.set_links(now, vec![link(host)]);
        if let Some(agent) = &found.agent {
            node.attach_agent(now, found.user, agent.apps.clone()).expect("the first agent is taken");
        }
        let has_agent = found.agent.is_some();
        found.node = Some(node);
        if has_agent {
            self.copies_found(host);
        }
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
        self.forget_launches(host);
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

    /// Something befalls one of the first three hosts: it crashes, is cut off from all others, or stops, by turns. Which one.
    pub fn befall(&mut self, turn: u64) -> usize {
        let victim = self.chance.between(Duration::ZERO, Duration::from_nanos(3)).as_nanos() as usize;
        match turn % 3 {
            0 => self.crash(victim),
            1 => {
                self.network.partition((0..self.hosts.len()).map(|host| (host, usize::from(host == victim))))
            }
            _ => self.stop(victim),
        }
        victim
    }

    /// All is well again with a host that something befell.
    pub fn recover(&mut self, victim: usize) {
        self.network.heal();
        if self.hosts[victim].node.is_none() {
            self.start(victim);
        }
    }

    /// The hosts that run.
    pub fn up(&self) -> Vec<usize> {
        (0..self.hosts.len()).filter(|host| self.hosts[*host].node.is_some()).collect()
    }

    fn down(&mut self, host: usize) {
        // What is not told to be in a live log goes again, and the log has gone down.
        for app in self.apps.iter().filter(|app| app.host == host) {
            for (session, seat) in app.seats.iter().filter(|(_, seat)| seat.kind == SessionKind::Live) {
                let first = seat.backlog.front().map(|message| message.number);
                first.into_iter().for_each(|number| self.ledger.comes_again(*session, app.instance, number));
            }
        }
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

    /// A whiteboard starts on a host and opens a board, to read all that is left of its log.
    pub fn board(&mut self, host: usize, target: &str) -> usize {
        let app = self.app(host, Habits { app: AppId::whiteboard(), ..Habits::chat() });
        self.open_from(app, target, SessionKind::Kept, true, From::At(Vec::new()));
        app
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
        for (host, found) in self.hosts.iter().enumerate().filter(|(host, _)| !self.apart.contains(host)) {
            let Some(node) = &found.node else { continue };
            for (session, digest) in node.digests() {
                let (first, other) = *digests.entry(session).or_insert((host, digest));
                if other != digest {
                    let held = |host: usize| self.hosts[host].node.as_ref().map(|node| node.held(session));
                    let (one, two) = (held(first).unwrap_or_default(), held(host).unwrap_or_default());
                    let only = |one: &[(LogId, Seq)], two: &[(LogId, Seq)]| -> Vec<_> {
                        one.iter().filter(|row| !two.contains(row)).copied().collect()
                    };
                    return Some(format!(
                        "hosts {first} and {host} hold different things in {session:?}: {:?} and {:?}",
                        only(&one, &two),
                        only(&two, &one)
                    ));
                }
            }
        }
        None
    }

    /// How many messages an app has heard in a session.
    pub fn heard(&self, app: usize, session: SessionId) -> usize {
        self.ledger.heard(app, session)
    }

    /// How many entries an app was told are lost in a session.
    pub fn lost(&self, app: usize, session: SessionId) -> u64 {
        self.apps[app].seats.get(&session).map_or(0, |seat| seat.lost)
    }

    /// The first program on a host.
    pub fn chat_of(&self, host: usize) -> usize {
        self.apps.iter().position(|app| app.host == host).expect("there is one")
    }

    /// A counter, over all hosts and lives.
    pub fn counter(&self, name: &str) -> u64 {
        let now = self.hosts.iter().filter_map(|host| Some(host.node.as_ref()?.counters().value(name)));
        let before = self.hosts.iter().filter_map(|host| host.past.get(name).copied());
        now.sum::<u64>() + before.sum::<u64>()
    }

    /// Notes something in the trace.
    pub fn tell(&mut self, what: std::fmt::Arguments<'_>) {
        self.trace.note(self.now, what);
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

/// The id of an open board.
pub fn open_board(name: &str) -> SessionId {
    chalktalk_protocol::ids::open_room(&AppId::whiteboard(), name, None)
}

/// The id of `#lobby`.
pub fn lobby() -> SessionId {
    chalktalk_protocol::ids::open_room(&AppId::chat(), LOBBY, None)
}
