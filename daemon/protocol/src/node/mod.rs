//! The node: everything one daemon is, sans IO.
//!
//! Inputs take `now` first; outputs are pulled: [`Node::poll_transmit`], [`Node::poll_write`], [`Node::poll_action`],
//! [`Node::poll_timeout`], and per instance [`Node::deliver`]. The node demultiplexes and routes; what sessions do
//! they do in [`crate::session`].
//!
//! Invariant: bad input from the network is counted by reason and dropped; it is never an error to the caller.

mod acquaintance;
mod blobs;
mod config;
mod demux;
mod facts;
mod failures;
mod health;
mod hearing;
mod holders;
mod identity;
mod inviting;
mod joining;
mod lan;
mod local;
mod presence;
mod probing;
mod quota;
mod refusing;
mod restoring;
mod retention;
mod sending;
mod status;
mod together;

use crate::{
    budget::Budgets,
    counters::Counters,
    crypto::{self, Author, Certificate},
    directory::Directory,
    frame::MAX_DATAGRAM,
    heartbeat::Heartbeat,
    ids::{InOrder, LogId, Seq},
    launch::Launcher,
    net::{Link, Transmit},
    outbox::Outbox,
    paths::{Mode, Paths},
    people::People,
    probe::Probing,
    records::{self, StatusRecord},
    seal::{Boot, Nonces, Replays, Ring},
    session::{Session, delivery::Outcome},
    signatures::Signatures,
    store::{Restored, Write},
    strangers::Strangers,
    time::Instant,
};
use bytes::Bytes;
use chalktalk_ipc::{
    AppId, Event, HostId, InstanceId, OriginId, SessionId, UserId,
    request::{RegisteredApp, Role, SessionKind, Topic},
};
use ed25519_dalek::SigningKey;
use rand_core::{Rng, SeedableRng};
use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    net::SocketAddr,
    time::Duration,
};

use self::{retention::Keeping, sending::LAZY_WRITES};
use zeroize::Zeroizing;

/// Bytes of entries that are read from the store for a reader at a time.
const FETCHED: usize = 256 * 1024;

pub use config::{NodeConfig, UserSeeds};
pub use inviting::Wish;
pub use local::{Attach, PublishError};
pub use quota::Quota;
pub use retention::{Dropped, Keep};
pub use together::StartWish;

/// The room that exists on every LAN and that everybody has joined.
pub const LOBBY: &str = "lobby";

/// After an unclean start, how long to listen for our own tail before writing.
const LEARN_TAIL: Duration = Duration::from_secs(1);

/// After a clean start, how long to listen for a twin: a host with a copy of this one's keys, which would write the same logs.
/// It answers the first heartbeat within 50 ms, if it is idle.
const HEAR_TWIN: Duration = Duration::from_millis(250);

struct LocalUser {
    key: SigningKey,
    origin_key: SigningKey,
    certificate: Certificate,
    author: Author,
    status: StatusRecord,
    agent: Option<Agent>,
    /// Secrets shared with other users.
    secrets: BTreeMap<UserId, Zeroizing<[u8; 32]>>,
    /// Apps whose last instance the user has closed.
    closed: BTreeSet<AppId>,
    /// Sessions with messages that wait for an agent.
    waiting: BTreeSet<SessionId>,
    /// When to look for what waits, since an agent has come.
    look_at: Option<Instant>,
    /// The session of theirs that sent last.
    turn: Option<SessionId>,
}

struct Agent {
    apps: BTreeMap<AppId, RegisteredApp>,
}

struct Instance {
    user: UserId,
    app: AppId,
    pid: u32,
    role: Role,
    sessions: BTreeSet<SessionId>,
    /// Sessions it was detached from or refused in, and may not have heard of that: what it publishes there is dropped.
    unheard: BTreeSet<SessionId>,
    order: u64,
    /// Whether nobody is at it, if it says so.
    idle: Option<bool>,
}

/// A batch handed to the store, and how far it brings which log.
type Handed = (u64, Vec<(SessionId, LogId, Seq)>);

/// Something for the shell to do.
#[derive(Clone, PartialEq, Debug)]
pub enum Action {
    /// Read entries of a log from the store and hand them to [`Node::fetched`].
    Fetch {
        /// For whom.
        instance: InstanceId,
        /// Which session.
        session: SessionId,
        /// Which log.
        log: LogId,
        /// From which slot on.
        from: Seq,
        /// About how many bytes.
        bytes: usize,
    },
    /// Ask hosts, one after the other, for runs of entries; hand each datagram to [`Node::handle_datagram`] and the end
    /// to [`Node::caught_up`].
    CatchUp {
        /// The session, also the number of the catch-up: there is one per session.
        session: SessionId,
        /// Where to ask, best first.
        providers: Vec<SocketAddr>,
        /// Runs of slots, per log.
        wants: Vec<(LogId, Seq, Seq)>,
    },
    /// Tell an instance.
    Notify(InstanceId, Event),
    /// Tell a user's agent.
    NotifyAgent(UserId, Event),
    /// Another host has this one's key: begin anew under another, with new keys for the logs too. Until then nothing is written.
    DrawKeys,
}

/// One daemon, sans IO.
pub struct Node {
    host_key: SigningKey,
    host: HostId,
    host_name: String,
    incarnation: u64,
    quota: Option<Quota>,
    tell_apps: bool,
    users: BTreeMap<UserId, LocalUser>,
    sessions: BTreeMap<SessionId, Session>,
    instances: BTreeMap<InstanceId, Instance>,
    attached: u64,
    gone: VecDeque<InstanceId>,
    authors: BTreeMap<OriginId, Author>,
    directs: BTreeMap<SessionId, (UserId, UserId, AppId)>,
    /// What the LAN's passphrase seals with.
    lan: Ring,
    nonces: Nonces,
    /// Which frames of the hosts present have been heard.
    replays: BTreeMap<Boot, (HostId, BTreeMap<SessionId, Replays>)>,
    budgets: Budgets,
    strangers: Strangers,
    /// Whom each local user knows.
    people: BTreeMap<UserId, People>,
    /// What local users said of themselves before this life, until they come.
    statuses: BTreeMap<UserId, StatusRecord>,
    inviting: inviting::Inviting,
    probing: Probing,
    together: together::Together,
    directory: Directory,
    heartbeat: Heartbeat,
    paths: Paths,
    launcher: Launcher,
    failures: Vec<(Instant, HostId, Bytes)>,
    failures_heard: VecDeque<(HostId, InstanceId, u64)>,
    out: Outbox,
    transmits: VecDeque<Transmit>,
    actions: VecDeque<Action>,
    /// The user whose turn it was to send.
    turn: Option<UserId>,
    batches: VecDeque<Handed>,
    batch: u64,
    changed: BTreeSet<Topic>,
    resumes: BTreeMap<(SessionId, OriginId), [u8; 16]>,
    clean: bool,
    /// Sessions entered before this wait with writing.
    quiet_until: Instant,
    /// Whether another host has this one's key.
    cloned: bool,
    wall_at_start: u64,
    /// Since when writes that nobody waits for are held back.
    writes_since: Option<Instant>,
    written: quota::Written,
    keeping: Keeping,
    /// Whether the disk has room.
    storing: bool,
}

impl Node {
    /// A node as the store remembers it. `wall`: ms since 1970 at `now`.
    pub fn new(mut config: NodeConfig, mut restored: Restored, now: Instant, wall: u64) -> Self {
        let host_key = SigningKey::from_bytes(&config.host_seed);
        let host = crypto::host_id(&host_key.verifying_key());
        let mut rng = rand_chacha::ChaCha20Rng::from_seed(config.rng_seed);
        let mut boot = [0; 16];
        rng.fill_bytes(&mut boot);
        let mut node = Self {
            host_key,
            host,
            host_name: chalktalk_ipc::text::label(&config.host_name),
            incarnation: config.incarnation,
            quota: config.quota,
            tell_apps: config.tell_apps,
            users: BTreeMap::new(),
            sessions: BTreeMap::new(),
            instances: BTreeMap::new(),
            attached: 0,
            gone: VecDeque::new(),
            authors: BTreeMap::new(),
            directs: BTreeMap::new(),
            lan: Ring::open(),
            nonces: Nonces::new(boot),
            replays: BTreeMap::new(),
            budgets: Budgets::default(),
            strangers: Strangers::default(),
            people: BTreeMap::new(),
            statuses: BTreeMap::new(),
            inviting: inviting::Inviting::default(),
            probing: Probing::default(),
            together: together::Together::default(),
            directory: Directory::default(),
            heartbeat: Heartbeat::new(now),
            paths: Paths::new(config.mode, std::mem::take(&mut config.peers)),
            launcher: Launcher::default(),
            failures: Vec::new(),
            failures_heard: VecDeque::new(),
            out: Outbox {
                now,
                wall,
                host,
                window: config.window,
                payload: MAX_DATAGRAM,
                signatures: Signatures::default(),
                rng,
                group: VecDeque::new(),
                unicast: VecDeque::new(),
                writes: Vec::new(),
                urgent: false,
                events: VecDeque::new(),
                ready: BTreeSet::new(),
                news: Vec::new(),
                noticed: Vec::new(),
                memberships: BTreeSet::new(),
                catch_ups: Vec::new(),
                twin: false,
                changed: false,
                counters: Counters::default(),
            },
            transmits: VecDeque::new(),
            actions: VecDeque::new(),
            turn: None,
            batches: VecDeque::new(),
            batch: 0,
            changed: BTreeSet::new(),
            resumes: BTreeMap::new(),
            clean: false,
            quiet_until: now,
            cloned: false,
            wall_at_start: wall.saturating_sub(now.as_nanos() / 1_000_000),
            writes_since: None,
            written: quota::Written::default(),
            keeping: Keeping::new(config.keep, std::mem::take(&mut restored.sizes), now),
            storing: true,
        };
        node.restore(restored, config.former, now);
        node
    }

    /// This host.
    pub fn host_id(&self) -> HostId {
        self.host
    }

    /// Adds a local user. They have joined `#lobby`.
    pub fn add_user(&mut self, now: Instant, seeds: UserSeeds) -> UserId {
        self.at(now);
        let key = SigningKey::from_bytes(&seeds.user);
        let origin_key = SigningKey::from_bytes(&seeds.origin);
        let certificate = Certificate::issue(&key, self.host, &origin_key.verifying_key(), &seeds.name);
        let author = certificate.verify().expect("just signed");
        let user = author.user;
        self.authors.insert(author.origin, author.clone());
        let (record, value) = records::certificate(&certificate, author.origin);
        self.out.writes.push(Write::Record { key: record, value });
        self.users.insert(
            user,
            LocalUser {
                key,
                origin_key,
                certificate,
                author,
                status: self.statuses.remove(&user).unwrap_or_default(),
                agent: None,
                secrets: BTreeMap::new(),
                closed: BTreeSet::new(),
                waiting: BTreeSet::new(),
                look_at: None,
                turn: None,
            },
        );
        self.out.urgent = true;
        self.meet_everybody(user);
        let neighbours: Vec<UserId> = self.users.keys().copied().collect();
        neighbours.into_iter().for_each(|neighbour| self.meet(neighbour, user));
        self.unlock_directs(user);
        self.unlock_invited(user);
        self.join_room(user, &AppId::chat(), LOBBY, SessionKind::Kept, true);
        let joined: Vec<SessionId> =
            self.sessions.values().filter(|s| s.is_of(&user)).map(Session::id).collect();
        joined.into_iter().for_each(|id| self.add_writer(id, user));
        self.hold_back(user);
        self.heartbeat.at_once(now);
        user
    }

    /// The interfaces that can be used now.
    pub fn set_links(&mut self, now: Instant, links: Vec<Link>) {
        self.at(now);
        self.paths.set_links(links);
        self.fit_payload();
        self.paths.choose(self.host, &self.directory);
        self.heartbeat.at_once(now);
    }

    /// The operator wants it otherwise from now on.
    pub fn set_wishes(&mut self, now: Instant, mode: Mode, peers: Vec<SocketAddr>, quota: Option<Quota>) {
        self.at(now);
        (self.paths.mode, self.paths.peers, self.quota) = (mode, peers, quota);
        self.paths.choose(self.host, &self.directory);
        self.heartbeat.at_once(now);
    }

    /// Whether others are told which apps are registered here, from now on.
    pub fn set_tell_apps(&mut self, now: Instant, tell: bool) {
        self.at(now);
        self.tell_apps = tell;
        self.heartbeat.on_change(now);
    }

    /// This host has slept, or was stopped, and the network has gone on: it says at once that it is there again, and asks for
    /// what it missed without patience.
    pub fn woke(&mut self, now: Instant) {
        self.at(now);
        self.sessions.values_mut().for_each(|session| session.woke(now));
        self.heartbeat.at_once(now);
        self.out.counters.add("woken", 1);
    }

    /// Something is due.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.at(now);
        for session in self.sessions.values_mut() {
            if session.next_timeout(now).is_some_and(|due| due <= now) {
                let authors = &self.authors;
                session.handle_timeout(|origin| authors.get(&origin).map(|a| a.host), &mut self.out);
            }
        }
        let gone = self.directory.expire(now);
        gone.into_iter().for_each(|host| self.on_host_gone(host));
        let due = |local: &LocalUser| local.look_at.is_some_and(|at| at <= now);
        let look: Vec<UserId> =
            self.users.iter().filter(|(_, local)| due(local)).map(|(user, _)| *user).collect();
        look.into_iter().for_each(|user| self.on_agent(user));
        let needs = self.launcher.handle_timeout(now);
        needs.into_iter().for_each(|need| self.on_need(need));
        let (due, later) = std::mem::take(&mut self.failures).into_iter().partition(|(at, _, _)| *at <= now);
        self.failures = later;
        let due: Vec<(Instant, HostId, Bytes)> = due;
        due.into_iter().for_each(|(_, host, datagram)| self.out.unicast.push_back((host, datagram)));
        self.send_invitations();
        self.answer_probes();
        self.time_together();
        self.time_sayings();
        self.time_retention();
        self.beat(false);
        self.settle();
    }

    /// When to call [`Node::handle_timeout`].
    pub fn poll_timeout(&self) -> Option<Instant> {
        let now = self.out.now;
        let sessions = self.sessions.values().filter_map(|session| session.next_timeout(now)).min();
        let failures = self.failures.iter().map(|(at, _, _)| *at).min();
        let look = self.users.values().filter_map(|local| local.look_at).min();
        let writes = self.writes_since.map(|since| since + LAZY_WRITES);
        let parts = [
            sessions,
            failures,
            writes,
            look,
            self.inviting.next_timeout(),
            self.probing.next_timeout(),
            self.together.next_timeout(),
            self.next_saying(),
            self.directory.next_timeout(),
            self.launcher.next_timeout(),
        ];
        parts.into_iter().flatten().chain([self.heartbeat.next_timeout(), self.keeping.next_timeout()]).min()
    }

    /// Everything up to this batch is on the disk.
    pub fn stored(&mut self, now: Instant, batch: u64) {
        self.at(now);
        self.written.on_stored(batch);
        while let Some((_, ends)) = self.batches.pop_front_if(|(number, _)| *number <= batch) {
            for (session, log, seq) in ends {
                if let Some(session) = self.sessions.get_mut(&session) {
                    session.on_stored(log, seq, &mut self.out);
                }
            }
        }
        self.settle();
    }

    /// The next thing for the shell to do.
    pub fn poll_action(&mut self) -> Option<Action> {
        if let Some((instance, event)) = self.out.events.pop_front() {
            return Some(Action::Notify(instance, event));
        }
        self.actions.pop_front()
    }

    /// Topics that have changed since the last call.
    pub fn take_changed(&mut self) -> BTreeSet<Topic> {
        std::mem::take(&mut self.changed)
    }

    /// Entries that [`Action::Fetch`] asked for, in order of slot, without gaps, from the first one asked for.
    pub fn fetched(
        &mut self,
        now: Instant,
        instance: InstanceId,
        session: SessionId,
        log: LogId,
        from: Seq,
        entries: Vec<Bytes>,
    ) {
        self.at(now);
        if entries.is_empty() && self.keeping.is_dropping(session) {
            self.actions.push_back(Action::Fetch { instance, session, log, from, bytes: FETCHED });
            return;
        }
        if let Some(found) = self.sessions.get_mut(&session) {
            found.fetched(instance, log, from, entries);
            self.out.ready.insert(instance);
        }
    }

    /// An [`Action::CatchUp`] has ended, well or not.
    pub fn caught_up(&mut self, now: Instant, session: SessionId) {
        self.at(now);
        if let Some(session) = self.sessions.get_mut(&session) {
            session.on_catch_up_end(now);
        }
        self.settle();
    }

    /// Entries of a session that are in memory, from a slot on: what a catch-up is served from before the store is asked.
    pub fn cached(&self, session: SessionId, log: LogId, from: Seq, bytes: usize) -> Vec<Bytes> {
        let Some(log) = self.sessions.get(&session).and_then(|session| session.logs().get(&log)) else {
            return vec![];
        };
        let mut budget = bytes;
        let mut out = Vec::new();
        for seq in from.0..=log.have().0 {
            match log.entry(Seq(seq)) {
                Some(datagram) if budget > 0 => {
                    budget = budget.saturating_sub(datagram.len());
                    out.push(datagram.clone());
                }
                _ => break,
            }
        }
        out
    }

    /// The same, of all logs of a live session: what stands before a point, in order of (stamp, log, slot), newest first. Nothing of
    /// kept ones, whose past is in the store.
    pub fn window_before(
        &self,
        session: SessionId,
        before: Option<InOrder>,
        most: usize,
    ) -> Option<Vec<(InOrder, Bytes)>> {
        let session = self.sessions.get(&session).filter(|session| session.is_live())?;
        Some(session.window_before(before, most))
    }

    /// What is held here of each session, as a hash: equal where the same is held.
    pub fn digests(&self) -> impl Iterator<Item = (SessionId, u64)> + '_ {
        let active = self.sessions.values().filter(|session| session.is_active());
        active.map(|session| (session.id(), session.digest()))
    }

    /// How far each log of a session is held, as others are told.
    pub fn held(&self, session: SessionId) -> Vec<(LogId, Seq)> {
        let logs = self.sessions.get(&session).into_iter().flat_map(|session| session.logs());
        logs.map(|(id, log)| (*id, log.counted())).filter(|(_, seq)| *seq > Seq(0)).collect()
    }

    /// Counters by name.
    pub fn counters(&self) -> &Counters {
        &self.out.counters
    }

    /// Whether a host that is present can be reached at this address.
    pub fn is_host_at(&self, address: SocketAddr) -> bool {
        self.directory.hosts().any(|(_, host)| host.address() == Some(address))
    }

    /// Where a host can be reached alone.
    pub fn address_of(&self, host: HostId) -> Option<SocketAddr> {
        self.directory.host(host).and_then(|host| host.address())
    }

    /// Stops cleanly: what it returns to transmit says farewell, what it returns to write lets the next life go on.
    pub fn stop(&mut self, now: Instant) {
        self.at(now);
        for session in self.sessions.values() {
            for (origin, hash) in session.clean_stop() {
                let (key, value) = records::resume(session.id(), origin, self.incarnation, hash);
                self.out.writes.push(Write::Record { key, value });
            }
        }
        self.out.urgent = true;
        for session in self.sessions.values_mut() {
            session.save_positions(&mut self.out);
            session.save_holders(&mut self.out);
        }
        let (key, value) = records::clean_stop(self.incarnation);
        self.out.writes.push(Write::Record { key, value });
        self.beat(true);
    }

    // --- inside --------------------------------------------------------------------------------------------------

    /// Notes the moment of the present input.
    fn at(&mut self, now: Instant) {
        debug_assert!(now >= self.out.now, "time never goes backwards");
        self.out.now = now;
        self.out.wall = self.wall_at_start + now.as_nanos() / 1_000_000;
    }

    /// Another host has our keys.
    fn draw_keys(&mut self) {
        if !std::mem::replace(&mut self.cloned, true) {
            self.actions.push_back(Action::DrawKeys);
        }
    }

    fn add_writer(&mut self, id: SessionId, user: UserId) {
        let Some(local) = self.users.get(&user) else { return };
        let resume = self.resumes.get(&(id, local.author.origin)).copied();
        let epoch = crate::ids::Epoch(u32::try_from(self.incarnation).unwrap_or(u32::MAX));
        let (author, key, certificate) =
            (local.author.clone(), local.origin_key.clone(), local.certificate.clone());
        if let Some(session) = self.sessions.get_mut(&id).filter(|session| !session.has_writer(&user)) {
            session.add_writer(author, key, certificate, epoch, resume, &mut self.out);
        }
    }

    /// Whether a delivery left something for the store to read.
    fn after_delivery(&mut self, instance: InstanceId, session: SessionId, outcome: Outcome) -> bool {
        match outcome {
            Outcome::Idle | Outcome::Waiting => false,
            Outcome::More => true,
            Outcome::Fetch(log, from) => {
                self.actions.push_back(Action::Fetch { instance, session, log, from, bytes: FETCHED });
                false
            }
        }
    }
}
