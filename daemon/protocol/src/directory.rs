//! Presence: which hosts are on the network, who is on them, and what they said of themselves.
//!
//! A host counts as present when it has shown that it hears us, in our present life: what was recorded before proves nothing
//! to a daemon that has just started.
//!
//! Invariant: everything here was signed by the host it is about, and is dropped when that host leaves or has been
//! silent for three and a half of the intervals it announced.

use crate::{
    control::{AppsItem, HostFrame, InstanceItem, NeighbourItem, SessionItem, UserItem},
    frame::{MAX_DATAGRAM, SAFE_DATAGRAM},
    net::{Arrival, Way},
    seal::{Boot, Ring, mark},
    time::Instant,
};
use chalktalk_ipc::{HostId, SessionId, UserId, text};
use std::{
    collections::{BTreeMap, VecDeque},
    net::{IpAddr, SocketAddr},
    time::Duration,
};

/// Hosts known at once: the design's largest LAN, times four.
const MAX_HOSTS: usize = 4096;

/// How long a way counts as working after a frame came by it: a few rounds of the rotation over ways.
const WAY_MEMORY: Duration = Duration::from_secs(30);

/// Hosts that are remembered as gone, so that their old frames do not bring them back.
const MAX_GONE: usize = MAX_HOSTS;

/// After this everybody on a link has sent by every way: the first heartbeats do.
const SETTLED: Duration = Duration::from_secs(8);

/// Hosts that are waited for to show that they hear us. Who invents more than that delays others who come, and nothing else.
const MAX_UNPROVEN: usize = 1024;

/// Frames of one host that are recognised when they come again by another way.
const RECENT_FRAMES: usize = 16;

/// Another host.
#[derive(Debug)]
pub struct Host {
    /// When it was first heard to hear us, in its present life.
    pub first_heard: Instant,
    last_heard: Instant,
    interval: Duration,
    life: Life,
    /// What the numbers of its sealed frames begin with.
    pub boot: Boot,
    announced: Vec<IpAddr>,
    name: String,
    window: u32,
    /// Bytes of UDP payload that its links take.
    pub payload: usize,
    parts: Vec<Option<HostFrame>>,
    addresses: BTreeMap<SocketAddr, Instant>,
    heard_by: BTreeMap<Way, Instant>,
    echo: (u32, Instant),
    round_trip: Option<Duration>,
    recent: VecDeque<[u8; 16]>,
}

/// What sessions need to know of a host that is in them.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Reach {
    /// Datagrams its socket can hold.
    pub window: u32,
    /// The round trip to it, if one has been measured.
    pub round_trip: Option<Duration>,
}

/// Where a host stands in its lives: the number of the life, and that of the last heartbeat.
type Life = (u64, u64);

/// Whether a heartbeat is to be believed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Standing {
    /// It is news of a host that is present, or that has just shown that it is.
    Present,
    /// Older than what is known.
    Stale,
    /// It may be a recording: the host has not shown that it hears us.
    Unproven,
}

/// What a heartbeat brought.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Heard {
    /// A host that was not known, or one that has started anew.
    New,
    /// A known one, that says something else than before of its users, sessions or instances.
    Changed,
    /// A known one.
    Known,
    /// It leaves.
    Left,
    /// Older than what is known, or too many hosts: not believed.
    Ignored,
}

/// All other hosts.
#[derive(Default, Debug)]
pub struct Directory {
    hosts: BTreeMap<HostId, Host>,
    /// Hosts that have not shown that they hear us.
    unproven: BTreeMap<HostId, Host>,
    gone: BTreeMap<HostId, (Instant, Life)>,
}

impl Directory {
    /// Whether exactly this frame was heard and verified before: then only the way it came by is news.
    pub fn is_repeat(&mut self, id: HostId, hash: &[u8; 16], arrival: Arrival, now: Instant) -> bool {
        let known = [&mut self.hosts, &mut self.unproven].into_iter().filter_map(|hosts| hosts.get_mut(&id));
        let Some(host) = known.into_iter().find(|host| host.recent.contains(hash)) else { return false };
        host.note_arrival(arrival, now);
        true
    }

    /// Whether a verified frame is to be believed. `echo`: it names something that only who has heard us in this life can know.
    pub fn judge(&self, id: HostId, frame: &HostFrame, echo: bool) -> Standing {
        let life = (frame.incarnation, frame.beat);
        match self.hosts.get(&id) {
            Some(host) if life < host.life => Standing::Stale,
            Some(host) if frame.leave || frame.incarnation == host.life.0 => Standing::Present,
            None if self.gone.get(&id).is_some_and(|(_, last)| life <= *last) => Standing::Stale,
            None if frame.leave => Standing::Stale,
            _ if echo => Standing::Present,
            _ => Standing::Unproven,
        }
    }

    /// Takes in a verified frame of a host that may not be there: only that it is to be answered. True if that is news.
    pub fn on_unproven(
        &mut self,
        id: HostId,
        frame: &HostFrame,
        hash: [u8; 16],
        arrival: Arrival,
        now: Instant,
    ) -> bool {
        let life = (frame.incarnation, frame.beat);
        if self.unproven.get(&id).is_some_and(|host| life < host.life) {
            return false;
        }
        if self.unproven.len() >= MAX_UNPROVEN && !self.unproven.contains_key(&id) {
            let oldest = self.unproven.iter().min_by_key(|(_, host)| host.last_heard).map(|(id, _)| *id);
            oldest.map(|id| self.unproven.remove(&id));
        }
        let host = self.unproven.entry(id).or_insert_with(|| Host::new(now));
        let news = host.life.0 != frame.incarnation;
        host.announced.clone_from(&frame.addresses);
        host.note_arrival(arrival, now);
        host.remember(hash);
        host.hear(frame, now);
        news
    }

    /// Takes in a verified host frame.
    pub fn on_frame(
        &mut self,
        id: HostId,
        frame: HostFrame,
        hash: [u8; 16],
        arrival: Arrival,
        now: Instant,
    ) -> Heard {
        let life = (frame.incarnation, frame.beat);
        if frame.leave {
            let known = self.hosts.get(&id).is_some_and(|host| life >= host.life);
            if known {
                self.forget(id, life, now);
            }
            return if known { Heard::Left } else { Heard::Ignored };
        }
        let fresh = match self.hosts.get(&id) {
            None if self.hosts.len() >= MAX_HOSTS => return Heard::Ignored,
            None if self.gone.get(&id).is_some_and(|(_, last)| life <= *last) => return Heard::Ignored,
            None => true,
            Some(host) if life < host.life => return Heard::Ignored,
            Some(host) => frame.incarnation > host.life.0,
        };
        if fresh {
            self.gone.remove(&id);
            let met = self.unproven.remove(&id).map(|met| Host {
                addresses: met.addresses,
                heard_by: met.heard_by,
                ..Host::new(now)
            });
            self.hosts.insert(id, met.unwrap_or_else(|| Host::new(now)));
        }
        let host = self.hosts.get_mut(&id).expect("inserted above");
        host.announced.clone_from(&frame.addresses);
        host.note_arrival(arrival, now);
        host.addresses.retain(|_, at| now.since(*at) < WAY_MEMORY);
        host.remember(hash);
        let changed = host.take(frame, now);
        match (fresh, changed) {
            (true, _) => Heard::New,
            (false, true) => Heard::Changed,
            (false, false) => Heard::Known,
        }
    }

    /// Drops the hosts that have been silent for too long.
    pub fn expire(&mut self, now: Instant) -> Vec<HostId> {
        self.unproven.retain(|_, host| host.expires() > now);
        let gone: Vec<(HostId, Life)> =
            self.hosts.iter().filter(|(_, h)| h.expires() <= now).map(|(id, h)| (*id, h.life)).collect();
        gone.iter().for_each(|(id, life)| self.forget(*id, *life, now));
        gone.into_iter().map(|(id, _)| id).collect()
    }

    /// Drops every host.
    pub fn clear(&mut self) -> Vec<HostId> {
        self.unproven.clear();
        std::mem::take(&mut self.hosts).into_keys().collect()
    }

    fn forget(&mut self, id: HostId, life: Life, now: Instant) {
        self.hosts.remove(&id);
        if self.gone.len() >= MAX_GONE {
            let oldest = self.gone.iter().min_by_key(|(_, (at, _))| *at).map(|(id, _)| *id);
            oldest.map(|id| self.gone.remove(&id));
        }
        self.gone.insert(id, (now, life));
    }

    /// Opens what hosts have said of a sealed session, now that there is a key for it.
    pub fn reveal(&mut self, session: SessionId, ring: &Ring) {
        for (id, host) in &mut self.hosts {
            for part in host.parts.iter_mut().flatten() {
                let known = part.sessions.iter().any(|item| item.session == session);
                let sealed = part.sealed.iter().filter(|item| item.session == session && !known);
                let opened: Vec<SessionItem> = sealed.filter_map(|item| item.open(*id, ring)).collect();
                part.sessions.extend(opened);
            }
        }
    }

    /// When the next host will have been silent for too long.
    pub fn next_timeout(&self) -> Option<Instant> {
        self.hosts.values().chain(self.unproven.values()).map(Host::expires).min()
    }

    /// Whether a host was here and has gone so lately that others may still say they hear it.
    pub fn has_just_left(&self, id: HostId, now: Instant) -> bool {
        self.gone.get(&id).is_some_and(|(at, _)| now.since(*at) < WAY_MEMORY + SETTLED)
    }

    /// A host.
    pub fn host(&self, id: HostId) -> Option<&Host> {
        self.hosts.get(&id)
    }

    /// All hosts.
    pub fn hosts(&self) -> impl Iterator<Item = (HostId, &Host)> + '_ {
        self.hosts.iter().map(|(id, host)| (*id, host))
    }

    /// A round trip to a host was measured. Says what is to be made of it: what a frame waited for a busy host is no part of
    /// the way, so it goes down at once, and up a little at a time.
    pub fn on_round_trip(&mut self, id: HostId, sample: Duration) -> Duration {
        let Some(host) = self.hosts.get_mut(&id) else { return sample };
        let before = host.round_trip.unwrap_or(sample);
        *host.round_trip.insert(((before * 7 + sample) / 8).min(sample))
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.hosts.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.hosts.is_empty()
    }

    /// A session as some host announces it.
    pub fn session(&self, id: SessionId) -> Option<&SessionItem> {
        self.hosts.values().flat_map(Host::sessions).find(|item| item.session == id)
    }

    /// What this host tells the others of how it hears them.
    pub fn neighbours(&self, now: Instant) -> Vec<NeighbourItem> {
        let item = |(id, host): (&HostId, &Host)| NeighbourItem {
            host: *id,
            ways: host.ways_heard(now),
            echo: host.echo.0,
            held: now.since(host.echo.1).as_micros() as u32,
            boot: mark(&host.boot),
        };
        // Who has to show that they hear us waits for these rows, and so do we: they go first.
        let new = self.unproven.iter().filter(|(id, _)| !self.hosts.contains_key(id));
        let again = |id: &HostId, host| item((id, self.unproven.get(id).unwrap_or(host)));
        new.map(item).chain(self.hosts.iter().map(|(id, host)| again(id, host))).collect()
    }
}

impl Host {
    fn new(now: Instant) -> Self {
        Self {
            first_heard: now,
            last_heard: now,
            interval: Duration::ZERO,
            life: (0, 0),
            boot: [0; 16],
            announced: Vec::new(),
            name: String::new(),
            window: 0,
            payload: MAX_DATAGRAM,
            parts: Vec::new(),
            addresses: BTreeMap::new(),
            heard_by: BTreeMap::new(),
            echo: (0, now),
            round_trip: None,
            recent: VecDeque::new(),
        }
    }

    /// Notes that a frame came, whatever it says of users and sessions.
    fn hear(&mut self, frame: &HostFrame, now: Instant) {
        self.last_heard = now;
        self.interval = Duration::from_millis(u64::from(frame.interval.clamp(50, 120_000)));
        self.life = (frame.incarnation, frame.beat);
        self.boot = frame.boot;
        self.echo = (frame.sent, now);
    }

    fn remember(&mut self, hash: [u8; 16]) {
        self.recent.push_back(hash);
        if self.recent.len() > RECENT_FRAMES {
            self.recent.pop_front();
        }
    }

    /// Takes in a part. True if it says something else than before.
    fn take(&mut self, frame: HostFrame, now: Instant) -> bool {
        self.hear(&frame, now);
        self.name = text::label(&frame.name);
        self.window = frame.window;
        // Whatever a host says, there is no link that takes less.
        self.payload = usize::from(frame.payload).clamp(SAFE_DATAGRAM, MAX_DATAGRAM);
        self.parts.resize(usize::from(frame.parts), None);
        let part = usize::from(frame.part);
        let changed = self.parts[part].as_ref().is_none_or(|before| !same_facts(before, &frame));
        self.parts[part] = Some(frame);
        changed
    }

    /// Notes by which way and from where a frame came, unless the host itself has said that it is elsewhere.
    fn note_arrival(&mut self, arrival: Arrival, now: Instant) {
        if self.announced.is_empty() || self.announced.contains(&arrival.from.ip()) {
            self.heard_by.insert(arrival.way, now);
            self.addresses.insert(arrival.from, now);
        }
    }

    fn expires(&self) -> Instant {
        self.last_heard + self.interval.mul_f64(3.5)
    }

    /// What its sessions need to know of it.
    pub fn reach(&self) -> Reach {
        Reach { window: self.window, round_trip: self.round_trip }
    }

    /// Its name, fit for display.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Where it says it can be reached.
    pub fn announced(&self) -> &[IpAddr] {
        &self.announced
    }

    /// How it says it hears others.
    pub fn neighbours(&self) -> impl Iterator<Item = &NeighbourItem> + '_ {
        self.parts.iter().flatten().flat_map(|part| &part.neighbours)
    }

    /// Whether it has been known for longer than who it hears needs to be heard here as well.
    pub fn is_settled(&self, now: Instant) -> bool {
        now.since(self.first_heard) >= SETTLED
    }

    /// Its users.
    pub fn users(&self) -> impl Iterator<Item = &UserItem> + '_ {
        self.parts.iter().flatten().flat_map(|part| &part.users)
    }

    /// The sessions its users joined.
    pub fn sessions(&self) -> impl Iterator<Item = &SessionItem> + '_ {
        self.parts.iter().flatten().flat_map(|part| &part.sessions)
    }

    /// Its users' instances.
    pub fn instances(&self) -> impl Iterator<Item = &InstanceItem> + '_ {
        self.parts.iter().flatten().flat_map(|part| &part.instances)
    }

    /// What its users have registered, as far as they tell.
    pub fn apps(&self) -> impl Iterator<Item = &AppsItem> + '_ {
        self.parts.iter().flatten().flat_map(|part| &part.apps)
    }

    /// What a user of it says of themselves.
    pub fn saying(&self, user: UserId) -> Option<&str> {
        let mut items = self.parts.iter().flatten().flat_map(|part| &part.sayings);
        items.find(|item| item.user == user).map(|item| item.text.as_str())
    }

    /// How it hears `other`, as it said last.
    pub fn hears(&self, other: HostId) -> Option<&NeighbourItem> {
        self.parts.iter().flatten().flat_map(|part| &part.neighbours).find(|item| item.host == other)
    }

    /// The ways its frames came by of late, as bits.
    pub fn ways_heard(&self, now: Instant) -> u8 {
        let recent = self.heard_by.iter().filter(|(_, at)| now.since(**at) < WAY_MEMORY);
        recent.fold(0, |bits, (way, _)| bits | way.bit())
    }

    /// Where to reach it alone: the latest address, IPv4 before IPv6 of about the same age.
    pub fn address(&self) -> Option<SocketAddr> {
        let latest = self.addresses.values().max()?;
        let fresh = |at: &Instant| latest.since(*at) < self.interval * 4 + Duration::from_secs(1);
        let mut fresh = self.addresses.iter().filter(|(_, at)| fresh(at)).collect::<Vec<_>>();
        fresh.sort_by_key(|(address, at)| (address.is_ipv4(), **at));
        fresh.last().map(|(address, _)| **address)
    }

    /// All addresses it was heard from of late.
    pub fn addresses(&self) -> impl Iterator<Item = SocketAddr> + '_ {
        self.addresses.keys().copied()
    }
}

/// Whether two parts say the same of users, sessions and instances, whatever has been read and written meanwhile.
fn same_facts(a: &HostFrame, b: &HostFrame) -> bool {
    let session = |item: &SessionItem| {
        (item.session, item.descriptor.clone(), item.users.clone(), item.instances.clone())
    };
    a.name == b.name
        && a.users == b.users
        && a.instances == b.instances
        && a.apps == b.apps
        && a.sayings == b.sayings
        && a.sessions.iter().map(session).eq(b.sessions.iter().map(session))
}
