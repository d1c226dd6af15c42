//! The node: everything one daemon is, sans IO.
//!
//! Inputs take `now` first; outputs are pulled: [`Node::poll_transmit`], [`Node::poll_write`], [`Node::poll_action`],
//! [`Node::poll_timeout`], and per instance [`Node::deliver`]. The node demultiplexes and routes; what sessions do
//! they do in [`crate::session`].
//!
//! Invariant: bad input from the network is counted by reason and dropped; it is never an error to the caller.

mod acquaintance;
mod blobs;
mod demux;
mod facts;
mod identity;
mod inviting;
mod lan;
mod local;
mod presence;
mod quota;
mod refusing;

use crate::{
    budget::Budgets,
    control::{self, Failure},
    counters::Counters,
    crypto::{self, Author, Certificate},
    directory::Directory,
    entry::{self, Entry},
    frame::{Header, Kind, MAX_DATAGRAM},
    heartbeat::Heartbeat,
    ids::{InOrder, LogId, Seq},
    launch::Launcher,
    net::{Arrival, Link, Route, Transmit},
    outbox::Outbox,
    paths::{Mode, Paths},
    people::People,
    records::{self, Known},
    seal::{Boot, Key, Nonces, Number, Replays, Ring},
    session::{Session, delivery::Outcome},
    signatures::Signatures,
    store::{Batch, Restored, Write},
    strangers::Strangers,
    time::Instant,
};
use bytes::Bytes;
use chalktalk_ipc::{
    AppId, Event, FailReason, HostId, InstanceId, OriginId, SessionId, UserId,
    event::Scope,
    request::{Availability, RegisteredApp, Role, SessionKind, Topic},
};
use ed25519_dalek::SigningKey;
use rand_core::{Rng, SeedableRng};
use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    net::SocketAddr,
    time::Duration,
};

use zeroize::{Zeroize, Zeroizing};

pub use inviting::Wish;
pub use local::{Attach, PublishError};
pub use quota::Quota;

/// The room that exists on every LAN and that everybody has joined.
pub const LOBBY: &str = "lobby";

/// After an unclean start, how long to listen for our own tail before writing.
const LEARN_TAIL: Duration = Duration::from_secs(1);

/// After a clean start, how long to listen for a twin: a host with a copy of this one's keys, which would write the same logs.
/// It answers the first heartbeat within 50 ms, if it is idle.
const HEAR_TWIN: Duration = Duration::from_millis(250);

/// Others' entries and positions, which no local program waits to hear *stored* of, are collected for so long: an
/// fdatasync each would take the disk from those who wait.
const LAZY_WRITES: Duration = Duration::from_millis(10);

/// More writes than this are not held back.
const MANY_WRITES: usize = 512;

/// A failure is told three times: the datagrams are not repaired.
const TELL_AGAIN: [Duration; 3] = [Duration::ZERO, Duration::from_millis(100), Duration::from_millis(400)];

/// What a node needs to know of its world. Not to be shown: it holds a seed.
#[derive(Clone)]
pub struct NodeConfig {
    /// Seed of the host's key.
    pub host_seed: [u8; 32],
    /// The host's name.
    pub host_name: String,
    /// Seed of the generator.
    pub rng_seed: [u8; 32],
    /// Life number: durable, and larger than that of every life before.
    pub incarnation: u64,
    /// The life whose logs may be gone on with, if it ended well: the last one, on this very disk.
    pub former: Option<u64>,
    /// How frames are sent.
    pub mode: Mode,
    /// Static peers.
    pub peers: Vec<SocketAddr>,
    /// Datagrams that the socket can hold.
    pub window: u32,
    /// On a daemon that several users share: what each of them may take of it.
    pub quota: Option<Quota>,
}

impl NodeConfig {
    /// A host that finds its own way, for one user, with a socket like that of most machines.
    pub fn new(name: &str, host_seed: [u8; 32], rng_seed: [u8; 32], incarnation: u64) -> Self {
        Self {
            host_seed,
            host_name: name.to_owned(),
            rng_seed,
            incarnation,
            former: incarnation.checked_sub(1),
            mode: Mode::Auto,
            peers: Vec::new(),
            window: 1000,
            quota: None,
        }
    }
}

impl Drop for NodeConfig {
    fn drop(&mut self) {
        self.host_seed.zeroize();
        self.rng_seed.zeroize();
    }
}

/// What a local user is made of.
#[derive(Clone)]
pub struct UserSeeds {
    /// Seed of the user's identity key.
    pub user: [u8; 32],
    /// Seed of the key that signs the user's logs on this host.
    pub origin: [u8; 32],
    /// The user's name.
    pub name: String,
}

impl Drop for UserSeeds {
    fn drop(&mut self) {
        self.user.zeroize();
        self.origin.zeroize();
    }
}

struct LocalUser {
    key: SigningKey,
    origin_key: SigningKey,
    certificate: Certificate,
    author: Author,
    availability: Availability,
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
    inviting: inviting::Inviting,
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
    /// Whether the disk has room.
    storing: bool,
}

impl Node {
    /// A node as the store remembers it. `wall`: ms since 1970 at `now`.
    pub fn new(mut config: NodeConfig, restored: Restored, now: Instant, wall: u64) -> Self {
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
            inviting: inviting::Inviting::default(),
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
            storing: true,
        };
        node.restore(restored, config.former, now);
        node
    }

    fn restore(&mut self, restored: Restored, former: Option<u64>, now: Instant) {
        let known: Vec<Known> =
            restored.records.iter().filter_map(|(key, value)| records::read(key, value)).collect();
        let is_former = |life: u64| Some(life) == former;
        self.clean = known.iter().any(|k| matches!(k, Known::CleanStop(life) if is_former(*life)));
        if !known.is_empty() {
            self.quiet_until = now + if self.clean { HEAR_TWIN } else { LEARN_TAIL };
        }
        if let Some(Known::Lan(Some(secret))) = known.iter().find(|record| matches!(record, Known::Lan(_))) {
            self.lan = Ring::of(Key::new(*secret));
        }
        for record in &known {
            match record {
                Known::Certificate(origin, certificate) => {
                    if let Some(author) = certificate.verify() {
                        self.authors.insert(*origin, author);
                    }
                }
                Known::Session(id, record) => {
                    let open = record.descriptor.scope == Scope::Open;
                    let keys = if open { self.lan.clone() } else { Ring::locked() };
                    let mut session = Session::new(*id, record.descriptor.clone(), keys, now);
                    session.joined = record.joined.iter().copied().collect();
                    session.left = record.left.iter().copied().collect();
                    session.pair = record.pair;
                    session.elsewhere = open && record.lan != self.lan_name();
                    session.hold_writing(self.quiet_until, now + LEARN_TAIL);
                    self.sessions.insert(*id, session);
                }
                Known::Person(local, other, person) => {
                    self.people.entry(*local).or_default().restore(*other, person.clone());
                }
                Known::Invitation(user, id, record) => {
                    self.inviting.restore(*user, *id, (**record).clone());
                }
                // Not one of an earlier stop: the log has gone on since, and slots behind its end were given out.
                Known::Resume(session, origin, life, hash) if self.clean && is_former(*life) => {
                    self.resumes.insert((*session, *origin), *hash);
                }
                Known::Stored(origin, bytes) => self.written.restore(*origin, *bytes),
                _ => {}
            }
        }
        for stored in restored.logs {
            let author = self.authors.get(&stored.log.origin).cloned();
            if let Some(session) = self.sessions.get_mut(&stored.session) {
                session.restore_log(&stored, author);
            }
        }
        for record in known {
            match record {
                Known::Positions(id, user, positions) => {
                    if let Some(session) = self.sessions.get_mut(&id) {
                        session.restore_positions(user, &positions);
                    }
                }
                Known::Former(id, log, epoch, seq) => {
                    if let Some(session) = self.sessions.get_mut(&id) {
                        session.restore_former(log, (epoch, seq));
                    }
                }
                Known::Members(id, record) => {
                    if let Some(session) = self.sessions.get_mut(&id) {
                        session.restore_members(&record);
                    }
                }
                Known::Statement(id, place, said) => {
                    if let Some(session) = self.sessions.get_mut(&id) {
                        session.restore_statement(place, said);
                    }
                }
                Known::Locked(id, datagram) => {
                    if let Some(session) = self.sessions.get_mut(&id) {
                        session.restore_locked(datagram);
                    }
                }
                Known::Number(id, _, instance, number) => {
                    if let Some(session) = self.sessions.get_mut(&id) {
                        session.restore_number(instance, number);
                    }
                }
                _ => {}
            }
        }
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
                availability: Availability::Online,
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

    /// This host has slept, or was stopped, and the network has gone on: it says at once that it is there again, and asks for
    /// what it missed without patience.
    pub fn woke(&mut self, now: Instant) {
        self.at(now);
        self.sessions.values_mut().for_each(|session| session.woke(now));
        self.heartbeat.at_once(now);
        self.out.counters.add("woken", 1);
    }

    /// A datagram arrived.
    pub fn handle_datagram(&mut self, now: Instant, arrival: Arrival, datagram: &[u8]) {
        self.at(now);
        self.out.counters.add("frames.received", 1);
        match Header::parse(datagram) {
            Ok(_) if !self.budgets.allows(arrival.from, now) => self.out.counters.add("drop.over budget", 1),
            Ok((header, rest)) if header.kind == Kind::Host => {
                self.on_host_frame(arrival, &header, datagram, rest)
            }
            Ok((header, rest)) if header.kind == Kind::Invitation => self.on_invitation(arrival, rest),
            Ok((header, rest)) if header.kind == Kind::Answer => self.on_answer(header.session, rest),
            Ok((header, rest)) => self.on_session_frame(arrival, &header, datagram, rest),
            Err(_) => self.out.counters.add("drop.malformed", 1),
        }
        self.settle();
    }

    /// A frame failed a check that costs: it is dropped, and its source pays.
    fn refuse(&mut self, arrival: Arrival, why: &'static str) {
        self.out.counters.add(why, 1);
        self.budgets.charge(arrival.from, self.out.now);
    }

    fn on_session_frame(&mut self, arrival: Arrival, header: &Header, datagram: &[u8], rest: &[u8]) {
        if !self.find_session(header, datagram, rest) {
            return self.out.counters.add("drop.unknown session", 1);
        }
        let Session { keys, members, .. } = &self.sessions[&header.session];
        let hands_out_keys = members.is_some() && entry::hands_out_keys(header);
        if keys.is_sealed() != (header.key_id != 0) && !hands_out_keys {
            return self.out.counters.add("drop.unknown key", 1);
        }
        if !keys.is_sealed() || header.kind == Kind::Entry {
            return self.on_opened(arrival, header, datagram, rest);
        }
        let mut opened = Vec::new();
        match keys.open_frame(header, datagram, &mut opened) {
            Some(number) if self.is_first(header.session, number) => {
                self.on_opened(arrival, header, datagram, &opened)
            }
            Some(_) => self.out.counters.add("drop.replayed", 1),
            None => self.refuse(arrival, "drop.not opened"),
        }
    }

    /// Whether a sealed frame of a host that is present comes for the first time.
    fn is_first(&mut self, session: SessionId, number: Number) -> bool {
        let Some((_, heard)) = self.replays.get_mut(&number.boot) else { return false };
        heard.entry(session).or_default().is_first(number.counter)
    }

    /// A frame of a session, in clear; an entry's body may be sealed.
    fn on_opened(&mut self, arrival: Arrival, header: &Header, datagram: &[u8], rest: &[u8]) {
        let malformed = match header.kind {
            Kind::Entry => self.on_entry(arrival, header, datagram, rest).is_err(),
            Kind::Nack => self.on_control(header, rest, |node, session, nack: control::Nack| {
                let directory = &node.directory;
                let authors = &node.authors;
                let absent = |origin| authors.get(&origin).is_none_or(|a| directory.host(a.host).is_none());
                (nack.host != node.host).then(|| session.on_nack(&nack, absent, &mut node.out));
            }),
            Kind::Report => self.on_control(header, rest, |node, session, report: control::Report| {
                session.on_report(&report, node.out.now);
            }),
            Kind::Vector => self.on_control(header, rest, |node, session, vector: control::Vector| {
                if vector.host != node.host {
                    let history = session.is_introduction(vector.host, node.out.now);
                    session.on_vector(&vector, history, &mut node.out);
                }
            }),
            Kind::Volatile if !self.sessions[&header.session].keys.is_current(header.key_id) => {
                self.out.counters.add("drop.old key", 1); // its author may be out by now
                false
            }
            Kind::Volatile => self.on_control(header, rest, |node, session, body: control::Volatile| {
                if node.authors.get(&body.log.origin).is_none_or(|author| author.host != node.host) {
                    session.on_volatile(header.destination, body, &mut node.out);
                }
            }),
            Kind::Failure => match control::read::<Failure>(rest) {
                Ok(failure) => {
                    self.on_failure(header.session, failure);
                    false
                }
                Err(_) => true,
            },
            Kind::Host | Kind::Invitation | Kind::Answer => false,
        };
        if malformed {
            self.out.counters.add("drop.malformed", 1);
        }
    }

    /// Decodes a control body and hands it to its session. True if it does not decode.
    fn on_control<T: serde::de::DeserializeOwned>(
        &mut self,
        header: &Header,
        rest: &[u8],
        act: impl FnOnce(&mut Self, &mut Session, T),
    ) -> bool {
        let Ok(body) = control::read::<T>(rest) else { return true };
        if let Some(mut session) = self.sessions.remove(&header.session) {
            act(self, &mut session, body);
            self.sessions.insert(header.session, session);
        }
        false
    }

    fn on_entry(
        &mut self,
        arrival: Arrival,
        header: &Header,
        datagram: &[u8],
        rest: &[u8],
    ) -> Result<(), ()> {
        let entry = Entry::parse(header, datagram, rest).map_err(|_| ())?;
        let author = self.authors.get(&entry.log.origin);
        if let Some(session) = self.sessions.get_mut(&header.session) {
            let believed = session.on_entry(&entry, datagram, arrival.way, author, &mut self.out);
            if !believed {
                self.budgets.charge(arrival.from, self.out.now);
            }
        }
        Ok(())
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
            self.directory.next_timeout(),
            self.launcher.next_timeout(),
        ];
        parts.into_iter().flatten().chain([self.heartbeat.next_timeout()]).min()
    }

    /// The next datagrams to be sent: control frames first, then a burst of each user and session in turn.
    pub fn poll_transmit(&mut self, now: Instant) -> Option<Transmit> {
        self.at(now);
        if self.transmits.is_empty()
            && let Some((user, id)) = self.next_writer(now)
        {
            self.turn = Some(user);
            self.users.get_mut(&user).expect("writers are local users").turn = Some(id);
            let session = self.sessions.get_mut(&id).expect("just found");
            let burst = session.flush(&user, &mut self.out);
            self.out.group.push_back(burst);
            self.settle();
        }
        let transmit = self.transmits.pop_front()?;
        self.out.counters.add("frames.sent", transmit.datagrams.len() as u64);
        Some(transmit)
    }

    /// Who sends next: users take turns, and so do each user's sessions.
    fn next_writer(&self, now: Instant) -> Option<(UserId, SessionId)> {
        if self.cloned {
            return None;
        }
        let rank = |user: UserId, id: SessionId| {
            let last = self.users.get(&user).map(|local| local.turn)?;
            Some((Some(user) <= self.turn, user, Some(id) <= last, id))
        };
        let waiting = self
            .sessions
            .iter()
            .flat_map(|(id, session)| session.waiting_writers(now).filter_map(move |user| rank(user, *id)));
        waiting.min().map(|(_, user, _, id)| (user, id))
    }

    /// The next writes for the store.
    pub fn poll_write(&mut self) -> Option<Batch> {
        let waited = self.writes_since.is_some_and(|since| self.out.now.since(since) >= LAZY_WRITES);
        let worth_it = self.out.urgent || waited || self.out.writes.len() >= MANY_WRITES;
        if self.out.writes.is_empty() || !worth_it {
            return None;
        }
        (self.out.urgent, self.writes_since) = (false, None);
        let mut writes = std::mem::take(&mut self.out.writes);
        self.batch += 1;
        self.count_written(self.batch, &mut writes);
        let mut ends = BTreeMap::new();
        for write in &writes {
            if let Write::Entry { session, log, seq, .. } = write {
                ends.insert((*session, *log), *seq);
            }
        }
        let ends = ends.into_iter().map(|((session, log), seq)| (session, log, seq)).collect();
        self.batches.push_back((self.batch, ends));
        Some(Batch { number: self.batch, writes })
    }

    /// Somebody waits for what is not stored yet: hold no writes back.
    pub fn hurry_writes(&mut self) {
        self.out.urgent = true;
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

    /// Brings what the parts have put into the outbox on its way.
    fn settle(&mut self) {
        while let Some(id) = self.out.memberships.pop_first() {
            self.on_membership(id);
        }
        let news = std::mem::take(&mut self.out.news);
        news.into_iter().for_each(|news| self.on_news(news));
        let wishes = std::mem::take(&mut self.out.catch_ups);
        for wish in wishes {
            let providers: Vec<SocketAddr> =
                wish.providers.iter().filter_map(|host| self.address_of(*host)).collect();
            self.actions.push_back(Action::CatchUp { session: wish.session, providers, wants: wish.wants });
            self.out.counters.add("catchups", 1);
        }
        if std::mem::take(&mut self.out.twin) {
            self.draw_keys();
        }
        if !self.out.writes.is_empty() {
            self.writes_since.get_or_insert(self.out.now);
        }
        if std::mem::take(&mut self.out.changed) {
            self.heartbeat.on_change(self.out.now);
        }
        while let Some(datagrams) = self.out.group.pop_front() {
            let datagrams: Vec<Bytes> = datagrams.into_iter().filter_map(|d| self.sealed(d)).collect();
            if datagrams.is_empty() {
                continue;
            }
            let routes = self.paths.everybody();
            self.transmits
                .extend(routes.into_iter().map(|route| Transmit { route, datagrams: datagrams.clone() }));
        }
        while let Some((host, datagram)) = self.out.unicast.pop_front() {
            if let Some((address, datagram)) = self.address_of(host).zip(self.sealed(datagram)) {
                self.transmits.push_back(Transmit { route: Route::Host(address), datagrams: vec![datagram] });
            }
        }
    }

    /// A frame as it leaves: entries are sealed when they are written, other frames of sealed sessions now.
    fn sealed(&mut self, datagram: Bytes) -> Option<Bytes> {
        let (header, _) = Header::parse(&datagram).expect("our own frames are whole");
        if matches!(header.kind, Kind::Entry | Kind::Invitation | Kind::Answer) {
            return Some(datagram);
        }
        let session = self.sessions.get(&header.session)?;
        if !session.keys.is_sealed() {
            return Some(datagram);
        }
        session.keys.seal_frame(datagram.to_vec(), &mut self.nonces).map(Bytes::from)
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

    /// Says that a message could not be handed over, to the host of its author.
    fn tell_failure(&mut self, session: SessionId, to: HostId, failure: Failure) {
        if to == self.host {
            return self.on_failure(session, failure);
        }
        let datagram: Bytes = control::frame(Kind::Failure, session, &failure).into();
        self.failures.extend(TELL_AGAIN.map(|after| (self.out.now + after, to, datagram.clone())));
        self.out.counters.add("failures.sent", 1);
    }

    fn on_failure(&mut self, session: SessionId, failure: Failure) {
        let heard = (failure.host, failure.instance, failure.number);
        if !self.instances.contains_key(&failure.instance) || self.failures_heard.contains(&heard) {
            return;
        }
        self.failures_heard.push_back(heard);
        if self.failures_heard.len() > 256 {
            self.failures_heard.pop_front();
        }
        let host_name = match self.directory.host(failure.host) {
            Some(host) => host.name().to_owned(),
            None => self.host_name.clone(),
        };
        let event = Event::Failed {
            session,
            number: failure.number,
            host: failure.host,
            host_name,
            reason: failure.reason,
            detail: chalktalk_ipc::text::printable(&failure.detail),
        };
        self.out.events.push_back((failure.instance, event));
    }

    fn fail_reason_text(reason: FailReason) -> &'static str {
        match reason {
            FailReason::Gone => "the program it is addressed to no longer runs",
            FailReason::NoApp => "the app is not installed there",
            FailReason::NoDisplay => "the app needs a display and there is none",
            FailReason::LaunchFailed => "the program could not be started",
            FailReason::NeverAttached => "the program was started but did not attach",
            FailReason::NoAgent => "nobody is logged in there; the message waits",
        }
    }

    /// Whether a delivery left something for the store to read.
    fn after_delivery(&mut self, instance: InstanceId, session: SessionId, outcome: Outcome) -> bool {
        match outcome {
            Outcome::Idle | Outcome::Waiting => false,
            Outcome::More => true,
            Outcome::Fetch(log, from) => {
                self.actions.push_back(Action::Fetch { instance, session, log, from, bytes: 256 * 1024 });
                false
            }
        }
    }
}
