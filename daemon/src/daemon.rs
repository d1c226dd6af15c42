//! The event loop: waits, lets every source put its input into the core, then carries the core's outputs away.
//!
//! One turn reads what is readable (bounded), tells the core the time, and only then flushes: what came in together
//! goes out together. Bursts are made by waiting for nobody.
//!
//! Invariant: nothing is told *stored* before the store has said so, and when the store fails, the daemon ends.

use crate::{
    agent::{Agent, AgentNews},
    blobs::Blobs,
    catchup::{self, CatchUps, Outcome},
    clients::Clients,
    config::{Discovery, Options, Settings},
    health::{Shell, Watch},
    identity::{State, account_name, host_name, own_name, random_seed},
    local::{Admission, Bounds, Local, go_on_listening, listen},
    lock::Lock,
    log,
    net::{
        Network, Tokens,
        door::{self, Door},
        interfaces::{Change, Interfaces},
    },
    outputs,
    places::{Places, Service},
    pulse::Pulse,
    requests, shares,
    signals::Signals,
    store::{Space, Store},
    supervisor::Supervisor,
    timer::Timer,
    trace::Trace,
};
use anyhow::Context;
use chalktalk_ipc::{InstanceId, SessionId, UserId, request::Topic};
use chalktalk_protocol::{
    Instant,
    blob::wire,
    ids::{LogId, Seq},
    net::{Arrival, LinkId, Transmit, Way},
    node::{Action, Node, NodeConfig, Quota},
};
use mio::{Events, Poll, Token, Waker, net::TcpStream};
use std::{
    collections::BTreeMap,
    net::{IpAddr, SocketAddr},
    os::unix::net::UnixListener,
    path::PathBuf,
    sync::Arc,
    time::{self, Duration, SystemTime, UNIX_EPOCH},
};

const TIMER: Token = Token(0);
const SIGNALS: Token = Token(1);
const STORE: Token = Token(2);
const INTERFACES: Token = Token(3);
const NETWORK: Tokens = Tokens { base: 8 };
const CATCH_UPS: usize = 16;
const DOOR: usize = 32;
const LOCAL: usize = 64;

/// Datagrams taken from the network in one turn: a few milliseconds of work for the core at most.
const DATAGRAMS: usize = 1024;
/// Bursts sent in one turn, before apps and the network are listened to again.
const BURSTS: usize = 64;
/// Bytes of catch-up taken in one turn.
const CATCH_UP_BYTES: usize = 512 << 10;
/// Datagram in a receive buffer, with what the kernel adds: two pages.
const BUFFERED: usize = 4096;
/// How often the disk is looked at: while something happens, and while it is nearly full.
const LOOK_AT_DISK: Duration = Duration::from_millis(250);
/// Programs of all users of a daemon that several share: a terminal server with a hundred people on it.
const ALL_PROGRAMS: usize = 4096;
/// Who shares a daemon and has so many bytes waiting for the network or the disk is not listened to until it is less:
/// a share of what may wait for the disk in all, [`crate::store::MAX_QUEUED`].
const PENDING: u64 = 4 << 20;
/// Time in which bursts are sent in one turn where several share the daemon: the next turn may be another user's.
const SENDING: Duration = Duration::from_millis(3);

/// Why a daemon has ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum End {
    /// It was told to.
    Told,
    /// Another host has this one's key: it is to be started again, with other keys.
    Anew,
}

/// A running daemon.
pub struct Daemon {
    poll: Poll,
    timer: Timer,
    signals: Signals,
    start: time::Instant,
    pub(crate) network: Network,
    interfaces: Interfaces,
    local: Local,
    pub(crate) store: Store,
    door: Door,
    blobs: Blobs,
    catch_ups: CatchUps,
    /// Catch-ups under way: whom to ask if the present provider cannot.
    asking: BTreeMap<u64, Asking>,
    asked: u64,
    /// Where one user runs the daemon. Where several share it, each runs an agent, and the daemon executes nothing.
    agent: Option<Agent>,
    supervisor: Supervisor,
    watch: Watch,
    node: Node,
    clients: Clients,
    /// A burst that the kernel had no room for, and how much of it went.
    unsent: Option<(Transmit, usize)>,
    look_at_disk: time::Instant,
    /// As the core knows it.
    space: Space,
    trace: Option<Trace>,
    state: State,
    /// Whether this host has new keys because another one had the old ones.
    anew: bool,
    /// Whether it is to draw new keys now.
    draws_keys: bool,
    pulse: Pulse,
    /// What was typed, and where the configuration is: both are looked at again when somebody asks for it.
    options: Options,
    config: PathBuf,
    /// Reads of the store for programs whose user has had a share of the turn.
    put_off: Vec<Action>,
    _lock: Lock,
}

struct Asking {
    session: SessionId,
    wants: Vec<(LogId, Seq, Seq)>,
    providers: Vec<SocketAddr>,
    /// All that were ever among them: nobody is asked twice.
    named: Vec<SocketAddr>,
}

impl Daemon {
    /// Opens everything; programs come to `listener`, or to one that is made where they look for it. When this returns,
    /// the socket accepts.
    pub fn start(
        options: &Options,
        settings: Settings,
        places: Places,
        listener: Option<UnixListener>,
    ) -> anyhow::Result<Self> {
        places.prepare()?;
        let lock = Lock::take(&places.state)?;
        let state = State::new(&places.state);
        state.check_version()?;
        let shared = places.service == Service::System;
        let start = time::Instant::now();
        let poll = Poll::new().context("cannot watch anything")?;
        let registry = poll.registry();
        let timer = Timer::new(registry, TIMER)?;
        let signals = Signals::listen(registry, SIGNALS)?;
        let waker = Arc::new(Waker::new(registry, STORE)?);
        let loop_waker = waker.clone();
        // A wake-up that fails can only mean that the daemon is ending.
        let (store, restored) = Store::open(&places.state, move || waker.wake().unwrap_or(()))?;
        let kept_for_one = shared.then(|| settings.quota.files.saturating_mul(1 << 20));
        let blobs = Blobs::start(&places.state, kept_for_one, loop_waker)
            .context("cannot start a thread for files")?;
        let mut network = Network::open(settings.port, settings.groups, registry, NETWORK)?;
        let interfaces = Interfaces::new(settings.wishes.clone(), registry, INTERFACES)
            .context("cannot follow the network interfaces")?;
        report_failed(network.set_links(interfaces.links().to_vec(), &[]));
        network.listen_only_to(only_peers(&settings));

        let host_seed = state.host_seed()?;
        let life = state.next_life()?;
        let config = NodeConfig {
            host_seed: *host_seed,
            host_name: settings.name.clone().unwrap_or_else(host_name),
            rng_seed: *random_seed()?,
            incarnation: life.number,
            // Where nobody could be heard who goes on with the same logs, they are not gone on with.
            former: life.former.filter(|_| !interfaces.links().is_empty()),
            mode: settings.wishes.mode.into(),
            peers: settings.peers.clone(),
            window: u32::try_from(2 * network.receive_buffer() / BUFFERED).unwrap_or(u32::MAX),
            quota: shared.then(|| quota(&settings)),
            tell_apps: settings.apps.announce,
        };
        let now = Instant::after_start(start.elapsed());
        let mut node = Node::new(config, restored, now, wall_clock());
        let me = rustix::process::geteuid().as_raw();
        let (uids, admission) = match places.service {
            Service::User => (vec![(me, own_name())], Admission::Only(me)),
            // Messages for those who are not there now are kept for them.
            Service::System => {
                let known = state.known_uids()?.into_iter();
                (known.map(|uid| (uid, account_name(uid))).collect(), Admission::Everyone)
            }
        };
        let bounds = if shared { bounds(&settings) } else { Bounds::OWN };
        let groups = settings.groups;
        let mut clients = Clients::new(settings);
        for (uid, name) in uids {
            clients.add_user(uid, node.add_user(now, state.seeds(uid, name)?));
        }
        node.set_links(now, interfaces.links().to_vec());
        clients.set_hosts([(node.host_id(), node.host_name(node.host_id()))]);
        let (listener, socket) = match listener {
            Some(listener) => go_on_listening(listener).context("the socket handed over is of no use")?,
            None => (listen(&places.socket, admission)?, places.socket),
        };
        let local = Local::serve(listener, &socket, admission, bounds, registry, LOCAL)
            .with_context(|| format!("cannot listen at {}", socket.display()))?;
        let (port, own_port) = (network.port(), network.own_port());
        let trace =
            options.trace.as_deref().map(|path| Trace::open(path, groups, port, own_port)).transpose()?;
        Ok(Self {
            door: Door::new(registry, DOOR)?,
            blobs,
            catch_ups: CatchUps::new(registry, CATCH_UPS)?,
            asking: BTreeMap::new(),
            asked: 0,
            agent: (!shared).then(|| Agent::new(local.path(), &places.state, start)),
            watch: Watch::new(start),
            supervisor: Supervisor::from_env(start).context("NOTIFY_SOCKET cannot be used")?,
            clients,
            unsent: None,
            look_at_disk: start,
            space: Space::Enough,
            state,
            anew: false,
            draws_keys: false,
            pulse: Pulse::new(),
            options: options.clone(),
            config: places.config,
            put_off: Vec::new(),
            _lock: lock,
            poll,
            timer,
            signals,
            start,
            network,
            interfaces,
            local,
            store,
            node,
            trace,
        })
    }

    /// One line about where it can be reached, for whoever waits for it.
    pub fn announce(&self) {
        let links: Vec<&str> = self.network.links().iter().map(|link| link.name.as_str()).collect();
        let about = format!(
            "ready: socket {}, group port {}, own port {}, interfaces {}, receive buffer {} KiB",
            self.local.path().display(),
            self.network.port(),
            self.network.own_port(),
            if links.is_empty() { "none yet".into() } else { links.join(" ") },
            self.network.receive_buffer() >> 10,
        );
        log::info(format_args!("{about}"));
        self.supervisor.ready(&about);
    }

    /// Says that it runs with new keys for this host, because another one had the old ones.
    pub fn note_new_keys(&mut self) {
        self.anew = true;
    }

    /// Runs until it is told to end, or cannot go on as it is.
    pub fn run(&mut self) -> anyhow::Result<End> {
        let mut events = Events::with_capacity(256);
        let mut more = true;
        loop {
            self.wait(&mut events, more)?;
            if self.on_events(&events)? {
                self.supervisor.stopping();
                return self.stop().map(|()| End::Told);
            }
            more = self.turn()?;
            self.supervisor.on_turn(time::Instant::now());
            if self.draws_keys {
                log::warn(format_args!(
                    "another host has this one's key, since a disk was copied: beginning anew with other keys"
                ));
                return self.stop().map(|()| End::Anew);
            }
        }
    }

    /// Time for the core.
    fn now(&self) -> Instant {
        Instant::after_start(self.start.elapsed())
    }

    fn wait(&mut self, events: &mut Events, more: bool) -> anyhow::Result<()> {
        let now = time::Instant::now();
        let due = self.due();
        let at_once = more || due.is_some_and(|at| at <= now);
        if let Some(at) = due.filter(|_| !at_once) {
            self.timer.arm(now, at)?;
        }
        match self.poll.poll(events, at_once.then_some(Duration::ZERO)) {
            Err(e) if e.kind() != std::io::ErrorKind::Interrupted => Err(e).context("cannot wait for events"),
            _ => Ok(()),
        }
    }

    /// When the next thing is due without any event.
    fn due(&self) -> Option<time::Instant> {
        let core = self.node.poll_timeout().map(|at| self.start + Duration::from_nanos(at.as_nanos()));
        let shell = [
            self.local.poll_timeout(),
            self.catch_ups.poll_timeout(),
            self.door.poll_timeout(),
            self.interfaces.poll_timeout(),
            self.agent.as_ref().and_then(Agent::poll_timeout),
            self.supervisor.poll_timeout(),
            Some(self.watch.poll_timeout()),
            (self.store.last_space() == Space::Low).then_some(self.look_at_disk),
        ];
        shell.into_iter().flatten().chain(core).min()
    }

    /// Notes what is ready. True: somebody wants the daemon to end.
    fn on_events(&mut self, events: &Events) -> anyhow::Result<bool> {
        let now = time::Instant::now();
        let mut end = false;
        for event in events {
            let (readable, writable) = (event.is_readable(), event.is_writable());
            match event.token() {
                TIMER | STORE => {}
                SIGNALS => {
                    let signalled = self.signals.take();
                    end |= signalled.end;
                    if signalled.reload {
                        self.reload(now);
                    }
                    if let Some(agent) = self.agent.as_mut().filter(|_| signalled.child) {
                        report_agent(&agent.on_child_ended(now));
                    }
                }
                INTERFACES => {
                    let change = self.interfaces.handle_notices(now)?;
                    self.on_interfaces(change);
                }
                token if token == NETWORK.listener() => {
                    while let Some((stream, _)) = self.network.accept() {
                        let said = self.door.accept(now, stream);
                        self.let_in(now, said);
                    }
                }
                token if self.door.contains(token) => {
                    let said = self.door.on_event(token);
                    self.let_in(now, said);
                }
                token if NETWORK.contains(token) => self.network.on_event(token, readable, writable)?,
                token if self.catch_ups.contains(token) => self.catch_ups.on_event(token, readable, writable),
                token => self.local.on_event(now, token, readable, event.is_read_closed(), LOCAL),
            }
        }
        Ok(end)
    }

    /// Hands a stream to those whom it is for. What is for nobody is closed.
    fn let_in(&mut self, now: time::Instant, said: Option<(door::Magic, TcpStream)>) {
        match said {
            Some((catchup::MAGIC, stream)) => self.catch_ups.accept(now, stream),
            Some((wire::MAGIC, stream)) => self.blobs.accept(stream),
            _ => {}
        }
    }

    /// Reads the configuration again. One with a mistake in it changes nothing.
    fn reload(&mut self, now: time::Instant) {
        self.supervisor.reloading();
        match Settings::read(&self.options, &self.config) {
            Ok(settings) => self.follow(now, settings),
            Err(e) => log::warn(format_args!("the configuration stays as it was: {e}")),
        }
        self.announce();
    }

    fn follow(&mut self, shell_now: time::Instant, settings: Settings) {
        let old = &self.clients.settings;
        if (old.port, old.groups, &old.name) != (settings.port, settings.groups, &settings.name) {
            log::warn(format_args!("port, groups and name hold from the next start on"));
        }
        let now = self.now();
        let shared = self.node.is_shared();
        self.interfaces.set_wishes(shell_now, settings.wishes.clone());
        self.network.listen_only_to(only_peers(&settings));
        let quota = shared.then(|| quota(&settings));
        self.node.set_wishes(now, settings.wishes.mode.into(), settings.peers.clone(), quota);
        self.node.set_tell_apps(now, settings.apps.announce);
        if shared {
            self.local.set_bounds(bounds(&settings));
        }
        self.clients.settings = settings;
    }

    /// One turn: inputs, then time, then outputs. True: there is more to do at once.
    fn turn(&mut self) -> anyhow::Result<bool> {
        self.look_at_clocks();
        self.look_at_disk();
        let mut more = self.take_stored()?;
        self.take_requests();
        // What programs say leaves before anything else is done.
        more |= self.give_writes_and_bursts();
        let has_room = self.store.has_room();
        if has_room {
            more |= self.take_datagrams();
        }
        more |= self.take_catch_ups(has_room)?;
        self.take_time()?;
        more |= self.give_to_programs()?;
        more |= self.hold_back_floods();
        more |= self.local.flush(time::Instant::now());
        // Nobody waits for a report as a program waits for its message. What the programs' needs brought up goes along.
        more |= self.give_writes_and_bursts();
        if let Some(trace) = &mut self.trace {
            trace.flush();
        }
        let now = self.now();
        requests::part_with_closed(now, &mut self.local, &mut self.clients, &mut self.node, &mut self.blobs);
        more |= requests::park(&mut self.clients, &self.store);
        Ok(more || outputs::can_deliver(&self.node, &mut self.local, &self.clients))
    }

    fn take_stored(&mut self) -> anyhow::Result<bool> {
        let stored = self.store.completed().context("a write failed; some messages may not be on disk")?;
        if let Some(batch) = stored {
            let now = self.now();
            self.node.stored(now, batch);
        }
        Ok(stored.is_some())
    }

    fn take_requests(&mut self) {
        let now = self.now();
        let world = requests::World {
            node: &mut self.node,
            store: &self.store,
            network: &self.network,
            interfaces: &self.interfaces,
            watch: &self.watch,
            state: &self.state,
            blobs: &mut self.blobs,
            anew: self.anew,
        };
        requests::take(now, &mut self.local, &mut self.clients, world);
    }

    fn take_datagrams(&mut self) -> bool {
        let now = self.now();
        let (node, trace) = (&mut self.node, &mut self.trace);
        self.network.receive(DATAGRAMS, |arrival, datagram| {
            if let Some(trace) = trace {
                trace.received(arrival, datagram);
            }
            node.handle_datagram(now, arrival, datagram);
        })
    }

    fn take_catch_ups(&mut self, has_room: bool) -> anyhow::Result<bool> {
        let (shell_now, now) = (time::Instant::now(), self.now());
        let (node, store) = (&mut self.node, &self.store);
        let mut failed = None;
        let mut more = self.catch_ups.serve(shell_now, |session, log, from, bytes| {
            let cached = node.cached(session, log, from, bytes);
            if !cached.is_empty() {
                return cached;
            }
            store.read(session, log, from, bytes).unwrap_or_else(|e| {
                failed = Some(e);
                Vec::new()
            })
        });
        if let Some(e) = failed {
            return Err(e).context("the store cannot be read");
        }
        let link = self.network.links().first().map_or(LinkId(0), |link| link.id);
        let budget = if has_room { CATCH_UP_BYTES } else { 0 };
        more |= self.catch_ups.receive(shell_now, budget, |from, datagram| {
            node.handle_datagram(now, Arrival { link, way: Way::Stream, from }, datagram);
        });
        for (id, outcome) in self.catch_ups.take_finished() {
            self.on_caught_up(id, outcome);
        }
        Ok(more)
    }

    /// A provider is through, or the next one is asked.
    fn on_caught_up(&mut self, id: u64, outcome: Outcome) {
        let Some(mut asking) = self.asking.remove(&id) else { return };
        if let Outcome::Busy(others) = &outcome {
            let fresh = others.iter().filter(|at| !asking.named.contains(at) && self.node.is_host_at(**at));
            let fresh: Vec<SocketAddr> = fresh.copied().collect();
            asking.named.extend(&fresh);
            asking.providers.extend(fresh);
        }
        if outcome == Outcome::Done || asking.providers.is_empty() {
            let now = self.now();
            self.node.caught_up(now, asking.session);
        } else {
            self.ask(asking);
        }
    }

    fn ask(&mut self, mut asking: Asking) {
        if asking.providers.is_empty() {
            let now = self.now();
            return self.node.caught_up(now, asking.session);
        }
        let provider = asking.providers.remove(0);
        let want = |(log, from, to): &(LogId, Seq, Seq)| catchup::Want { log: *log, from: *from, to: *to };
        let wants = asking.wants.iter().map(want).collect();
        let port = self.network.own_port();
        let request = catchup::Request { session: asking.session, port, wants };
        self.asked += 1;
        self.catch_ups.ask(time::Instant::now(), self.asked, provider, &request);
        self.asking.insert(self.asked, asking);
    }

    fn take_time(&mut self) -> anyhow::Result<()> {
        let now = time::Instant::now();
        let change = self.interfaces.handle_timeout(now)?;
        self.on_interfaces(change);
        self.local.handle_timeout(now);
        self.catch_ups.handle_timeout(now);
        self.door.handle_timeout(now);
        if let Some(agent) = &mut self.agent {
            report_agent(&agent.handle_timeout(now));
        }
        let core_now = self.now();
        let shell = Shell { network: &self.network, interfaces: &self.interfaces };
        self.watch.handle_timeout(now, core_now, &self.node, shell);
        let now = self.now();
        if self.node.poll_timeout().is_some_and(|at| at <= now) {
            self.node.handle_timeout(now);
        }
        Ok(())
    }

    /// Whether this host has slept, or this process was stopped: then the network has gone on without it.
    fn look_at_clocks(&mut self) {
        let due = self.due();
        let Some(away) = self.pulse.beat(due) else { return };
        log::info(format_args!(
            "away for {:.1} s; telling the others that this host is there again",
            away.as_secs_f64()
        ));
        let links = self.network.links().to_vec();
        let renewed: Vec<LinkId> = links.iter().map(|link| link.id).collect();
        report_failed(self.network.set_links(links, &renewed));
        let now = self.now();
        self.node.woke(now);
    }

    /// Others may fill the disk, and free it.
    fn look_at_disk(&mut self) {
        let now = time::Instant::now();
        if self.look_at_disk <= now {
            self.look_at_disk = now + LOOK_AT_DISK;
            self.store.space();
        }
        let space = self.store.last_space();
        if std::mem::replace(&mut self.space, space) != space {
            match space {
                Space::Low => {
                    log::warn(format_args!("the disk is nearly full: kept sessions take nothing more"))
                }
                Space::Enough => log::info(format_args!("the disk has room again")),
            }
            let now = self.now();
            self.node.set_storing(now, space == Space::Enough);
        }
    }

    fn on_interfaces(&mut self, change: Option<Change>) {
        let Some(change) = change else { return };
        let names: Vec<&str> = change.links.iter().map(|link| link.name.as_str()).collect();
        log::info(format_args!(
            "interfaces in use: {}",
            if names.is_empty() { "none".into() } else { names.join(" ") }
        ));
        report_failed(self.network.set_links(change.links.clone(), &change.renewed));
        let now = self.now();
        self.node.set_links(now, change.links);
    }

    /// Datagrams to the network, and what must be kept to the store: at once, side by side.
    fn give_writes_and_bursts(&mut self) -> bool {
        let started = self.now();
        for _ in 0..BURSTS {
            let now = self.now();
            if self.node.is_shared() && now.since(started) > SENDING {
                self.give_writes();
                return true;
            }
            let next = self.unsent.take().or_else(|| Some((self.node.poll_transmit(now)?, 0)));
            let Some((transmit, from)) = next else {
                self.give_writes();
                return false;
            };
            let gone = from + self.network.send(&transmit.route, &transmit.datagrams[from..]);
            if let Some(trace) = &mut self.trace {
                trace.sent(&transmit.route, &transmit.datagrams[from..gone]);
            }
            self.give_writes();
            if gone < transmit.datagrams.len() {
                // The socket says when it has room again.
                self.unsent = Some((transmit, gone));
                return false;
            }
        }
        true
    }

    fn give_writes(&mut self) {
        while let Some(batch) = self.node.poll_write() {
            self.store.submit(batch);
        }
    }

    fn give_to_programs(&mut self) -> anyhow::Result<bool> {
        let mut more = false;
        let mut put_off = std::mem::take(&mut self.put_off).into_iter();
        while let Some(action) = put_off.next().or_else(|| self.node.poll_action()) {
            match action {
                Action::Fetch { instance, .. } if !self.has_share(instance) => self.put_off.push(action),
                Action::Fetch { instance, session, log, from, bytes } => {
                    let started = time::Instant::now();
                    let entries =
                        self.store.read(session, log, from, bytes).context("the store cannot be read")?;
                    let now = self.now();
                    self.node.fetched(now, instance, session, log, from, entries);
                    if let Some(uid) = self.uid_of(instance) {
                        self.local.shares.take(uid, started.elapsed());
                    }
                    more = true;
                }
                Action::CatchUp { session, providers, wants } => {
                    self.ask(Asking { session, wants, named: providers.clone(), providers })
                }
                Action::Notify(instance, event) => {
                    outputs::notify(&mut self.local, &self.clients, instance, event)
                }
                Action::DrawKeys => self.draws_keys = true,
                Action::NotifyAgent(user, event) => {
                    outputs::notify_agent(&mut self.local, &self.clients, user, event)
                }
            }
        }
        self.blobs.take_news(&self.node, |connection, transfer, told| {
            outputs::tell_transfer(&mut self.local, connection, transfer, told);
        });
        let now = self.now();
        outputs::deliver(now, &mut self.node, &mut self.local, &self.clients);
        let changed = self.node.take_changed();
        if changed.contains(&Topic::Who) {
            let people = self.node.who(UserId::NIL);
            self.clients.set_hosts(people.into_iter().map(|person| (person.host_id, person.host)));
        }
        outputs::tell_changed(&mut self.local, &self.clients, &changed);
        Ok(more || !self.put_off.is_empty())
    }

    fn uid_of(&mut self, instance: InstanceId) -> Option<u32> {
        let connection = self.clients.connection(instance)?;
        self.local.get(connection).map(|connection| connection.peer.uid)
    }

    fn has_share(&mut self, instance: InstanceId) -> bool {
        self.uid_of(instance).is_none_or(|uid| self.local.shares.has_left(uid))
    }

    /// Users whose programs have published more than the network or the disk takes are not listened to for a while, so
    /// that what waits has a bound. True: somebody is listened to again.
    fn hold_back_floods(&mut self) -> bool {
        let mut again = false;
        for uid in self.local.shares.active() {
            let Some(user) = self.clients.user(uid) else { continue };
            let flooded = match self.node.is_shared() {
                true => self.node.pending(user) > PENDING,
                false => !self.store.has_room(),
            };
            again |= self.local.shares.is_paused(uid) && !flooded;
            self.local.shares.pause(uid, flooded);
        }
        again
    }

    /// Says farewell on the network, and has everything on disk.
    fn stop(&mut self) -> anyhow::Result<()> {
        log::info(format_args!("ending"));
        let now = self.now();
        self.node.stop(now);
        self.give_writes_and_bursts();
        self.local.flush(time::Instant::now());
        if let Some(agent) = &mut self.agent {
            agent.end();
        }
        Ok(())
    }

    /// Closes everything; the store last.
    pub fn close(self) -> anyhow::Result<()> {
        drop(self.local);
        self.store.close().context("the last messages may not be on disk")?;
        if self.draws_keys {
            self.state.forget_host()?; // while the folder is locked
        }
        Ok(())
    }
}

/// What the core is to hold each user to, where several share the daemon.
fn quota(settings: &Settings) -> Quota {
    let quota = settings.quota;
    Quota {
        instances: quota.programs,
        sessions: quota.sessions,
        stored: quota.stored.saturating_mul(1 << 20),
    }
}

/// Whom to listen to, where the peers that are named are all there are.
fn only_peers(settings: &Settings) -> Option<Vec<IpAddr>> {
    let peers = || settings.peers.iter().map(|peer| peer.ip().to_canonical()).collect();
    (settings.discovery == Discovery::Peers).then(peers)
}

/// What the local socket is to hold each user to.
fn bounds(settings: &Settings) -> Bounds {
    Bounds { all: ALL_PROGRAMS, of_one: settings.quota.programs, share: Some(shares::SHARE) }
}

fn wall_clock() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}

fn report_failed(failed: Vec<(LinkId, std::io::Error)>) {
    for (link, error) in failed {
        log::warn(format_args!("interface {}: the group cannot be entered: {error}", link.0));
    }
}

fn report_agent(news: &Option<AgentNews>) {
    match news {
        Some(AgentNews::Started(pid)) => log::info(format_args!("the agent runs (process {pid})")),
        Some(AgentNews::Ended(status)) => {
            log::warn(format_args!("the agent ended ({status}); it is started again"))
        }
        Some(AgentNews::Failed(e)) => log::warn(format_args!(
            "chalktalk-agent cannot be started ({e}); no program can be opened until it is installed beside chalktalkd or on the PATH"
        )),
        None => {}
    }
}
