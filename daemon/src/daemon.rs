//! The event loop: waits, lets every source put its input into the core, then carries the core's outputs away.
//!
//! One turn reads what is readable (bounded), tells the core the time, and only then flushes: what came in together
//! goes out together. Bursts are made by waiting for nobody.
//!
//! Invariant: nothing is told *stored* before the store has said so, and when the store fails, the daemon ends.

mod catching;
mod surroundings;
mod turn;

use crate::{
    agent::Agent,
    blobs::Blobs,
    catchup::{self, CatchUps},
    clients::Clients,
    config::{Discovery, Options, Settings},
    health::Watch,
    identity::{State, account_name, host_name, own_name, random_seed},
    local::{Admission, Bounds, Local, go_on_listening, listen},
    lock::Lock,
    log,
    net::{
        Network, Tokens,
        door::{self, Door},
        interfaces::Interfaces,
    },
    places::{Places, Service},
    pulse::Pulse,
    shares,
    signals::Signals,
    store::{Space, Store},
    supervisor::Supervisor,
    timer::Timer,
    trace::Trace,
};
use anyhow::Context;
use catching::Asking;
use chalktalk_ipc::request::Topic;
use chalktalk_protocol::{
    Instant,
    blob::wire,
    net::Transmit,
    node::{Action, Node, NodeConfig, Quota},
};
use mio::{Events, Poll, Token, Waker, net::TcpStream};
use std::{
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
    os::unix::net::UnixListener,
    path::PathBuf,
    sync::Arc,
    time::{self, Duration, SystemTime, UNIX_EPOCH},
};
use surroundings::{report_agent, report_failed};

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
    /// What has changed that the core does not know of.
    news: BTreeSet<Topic>,
    _lock: Lock,
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
        let blobs = Blobs::start(
            &places.state,
            kept_for_one,
            loop_waker,
            (settings.groups.of_casts(), settings.port),
        )
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
            window: network.room(),
            quota: shared.then(|| quota(&settings)),
            tell_apps: settings.apps.announce,
            keep: settings.keep.into(),
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
            news: BTreeSet::new(),
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
        log::info("ready", format_args!("{about}"));
        self.supervisor.ready(&about);
    }

    /// Says that it runs with new keys for this host, because another one had the old ones.
    pub fn note_new_keys(&mut self) {
        self.anew = true;
        self.news.insert(Topic::Warnings);
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
                log::warn(
                    "cloned",
                    format_args!(
                        "another host has this one's key, since a disk was copied: beginning anew with other keys"
                    ),
                );
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

    /// Says farewell on the network, and has everything on disk.
    fn stop(&mut self) -> anyhow::Result<()> {
        log::info("ending", format_args!("ending"));
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
