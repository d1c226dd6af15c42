//! The network: a group socket per family that all daemons of a machine share, an own socket per family that every
//! frame leaves from, and the listener for streams on the own port's number.
//!
//! A frame's source address is therefore where its daemon alone can be answered. Multicast and broadcast choose their
//! interface by source address (IPv4) or scope (IPv6), never by a route.
//!
//! Invariant: only frames that arrived on a link in use are handed on, each with the link and the way it came.

pub mod door;
pub mod interfaces;
pub mod udp;

use self::udp::{ANY4, ANY6, Buffers, Udp};
use bytes::Bytes;
use chalktalk_protocol::net::{Arrival, Link, LinkId, Route, Way};
use mio::{Interest, Registry, Token, net::TcpListener};
use socket2::{Domain, Protocol, Socket, Type};
use std::{
    collections::BTreeMap,
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6},
    time::{Duration, Instant},
};

/// The port of the group, unless `--port` says otherwise.
pub const PORT: u16 = 47474;
/// The IPv4 group: administratively scoped, local (RFC 2365 §6.1).
pub const GROUP4: Ipv4Addr = Ipv4Addr::new(239, 255, 47, 74);
/// The IPv6 group: transient, link-local (RFC 4291 §2.7).
pub const GROUP6: Ipv6Addr = Ipv6Addr::new(0xff12, 0, 0, 0, 0, 0, 0, 0x4774);

/// The multicast groups.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Groups {
    /// Of IPv4.
    pub v4: Ipv4Addr,
    /// Of IPv6, link-local.
    pub v6: Ipv6Addr,
}

impl Default for Groups {
    fn default() -> Self {
        Self { v4: GROUP4, v6: GROUP6 }
    }
}

impl Groups {
    /// The groups that large things are cast to: the next ones, so that only who wants them is sent them.
    pub fn of_casts(self) -> Self {
        let [a, b, c, d] = self.v4.octets();
        let mut v6 = self.v6.octets();
        v6[15] = v6[15].wrapping_add(1);
        Self { v4: Ipv4Addr::new(a, b, c, d.wrapping_add(1)), v6: v6.into() }
    }
}

/// How many ports after the group's are tried for the own one: as many daemons can share a machine.
const OWN_PORTS: u16 = 64;
/// Streams that wait to be accepted; more askers than are ever served at once.
const BACKLOG: i32 = 16;

/// Tokens of the network's sources in the poll, from `base` on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Tokens {
    /// The first of [`Tokens::COUNT`] that belong to the network.
    pub base: usize,
}

impl Tokens {
    /// So many are used.
    pub const COUNT: usize = 5;

    fn at(self, offset: usize) -> Token {
        Token(self.base + offset)
    }

    /// Whether a token is one of the network's.
    pub fn contains(self, token: Token) -> bool {
        (self.base..self.base + Self::COUNT).contains(&token.0)
    }

    /// The listener's.
    pub fn listener(self) -> Token {
        self.at(4)
    }
}

/// What the network has done and refused, since the start.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Counters {
    /// Datagrams received and handed on.
    pub received: u64,
    /// Their bytes.
    pub received_bytes: u64,
    /// Datagrams sent.
    pub sent: u64,
    /// Datagrams the network refused.
    pub refused: u64,
    /// Own frames that came back.
    pub own: u64,
    /// Datagrams from interfaces that are not in use.
    pub stray: u64,
    /// Datagrams and streams from hosts that are no peers, where only peers are to be found.
    pub foreign: u64,
}

/// Every socket between daemons.
pub struct Network {
    group: [Option<Udp>; 2],
    own: [Option<Udp>; 2],
    listener: TcpListener,
    port: u16,
    own_port: u16,
    to: Groups,
    /// Only these hosts are listened to; absent: everybody.
    only: Option<Vec<IpAddr>>,
    links: Vec<Link>,
    /// Addresses of this host, and the link each is on.
    addresses: BTreeMap<IpAddr, LinkId>,
    registry: Registry,
    buffers: Buffers,
    scratch: Vec<u8>,
    /// Which socket receives first in the next turn.
    turn: usize,
    looping: Looping,
    counters: Counters,
}

/// Why the network cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The group's port is taken by a program that does not share it.
    #[error(
        "cannot use UDP port {port}: {source}; end the program that holds it, or choose another with --port"
    )]
    Group {
        /// Which port.
        port: u16,
        /// What the system said.
        source: io::Error,
    },
    /// No free port follows.
    #[error("no free port from {first} to {last}: {source}; choose another range with --port")]
    Own {
        /// First port tried.
        first: u16,
        /// Last port tried.
        last: u16,
        /// What the system said about the last.
        source: io::Error,
    },
    /// The poll refused a socket.
    #[error("cannot watch the network: {0}")]
    Poll(#[from] io::Error),
}

impl Network {
    /// Opens every socket; no group is joined before [`Network::set_links`].
    pub fn open(port: u16, to: Groups, registry: &Registry, tokens: Tokens) -> Result<Self, OpenError> {
        let group4 =
            Udp::bind(ANY4, port, true, tokens.at(0)).map_err(|source| OpenError::Group { port, source })?;
        // A machine without IPv6 refuses the family; it then talks IPv4 alone.
        let group6 = Udp::bind(ANY6, port, true, tokens.at(1)).ok();
        let (own, listener, own_port) = bind_own(port, group6.is_some(), tokens)?;
        let network = Self {
            group: [Some(group4), group6],
            own,
            listener,
            port,
            own_port,
            to,
            only: None,
            links: Vec::new(),
            addresses: BTreeMap::new(),
            registry: registry.try_clone()?,
            buffers: Buffers::default(),
            scratch: Vec::new(),
            turn: 0,
            looping: Looping::new(Instant::now()),
            counters: Counters::default(),
        };
        network.sockets().try_for_each(|socket| socket.register(registry))?;
        let mut network = network;
        registry.register(&mut network.listener, tokens.listener(), Interest::READABLE)?;
        Ok(network)
    }

    /// Listens to these hosts alone from now on, or to everybody.
    pub fn listen_only_to(&mut self, hosts: Option<Vec<IpAddr>>) {
        self.only = hosts;
    }

    /// The port of the group.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The port every frame leaves from, and streams are accepted on.
    pub fn own_port(&self) -> u16 {
        self.own_port
    }

    /// Bytes the kernel keeps for the group before it drops.
    pub fn receive_buffer(&self) -> usize {
        self.group.iter().flatten().map(Udp::receive_buffer).min().unwrap_or(0)
    }

    /// How many datagrams the kernel keeps for the group before it drops.
    pub fn room(&self) -> u32 {
        self.group.iter().flatten().map(Udp::room).min().unwrap_or(0)
    }

    /// Since the start.
    pub fn counters(&self) -> Counters {
        self.counters
    }

    /// Links in use.
    pub fn links(&self) -> &[Link] {
        &self.links
    }

    /// Uses these links from now on: enters the groups on new ones and on those `renewed` (deleted and made again
    /// since), leaves them on those that went. Says on which links a group could not be entered, and why.
    pub fn set_links(&mut self, links: Vec<Link>, renewed: &[LinkId]) -> Vec<(LinkId, io::Error)> {
        let mut failed = Vec::new();
        for gone in self.links.iter().filter(|old| links.iter().all(|new| new.id != old.id)) {
            self.groups().for_each(|(socket, group)| socket.leave(group, gone.id.0));
        }
        for link in &links {
            let known = self.links.iter().find(|old| old.id == link.id);
            let same = known.is_some_and(|old| old.v6 == link.v6 && old.v4.is_empty() == link.v4.is_empty());
            if same && !renewed.contains(&link.id) {
                continue;
            }
            for (socket, group) in self.groups() {
                let wanted = if group.is_ipv4() { !link.v4.is_empty() } else { link.v6.is_some() };
                if wanted && let Err(e) = socket.join(group, link.id.0) {
                    failed.push((link.id, e));
                }
            }
        }
        self.own.iter_mut().flatten().for_each(Udp::retry_offload);
        self.addresses = addresses(&links);
        self.links = links;
        failed
    }

    /// Sends datagrams the way the core chose and says how many are done with. Fewer than given: there is no room
    /// now; offer the rest again after a WRITABLE event of the network's tokens.
    pub fn send(&mut self, route: &Route, datagrams: &[Bytes]) -> usize {
        let Some((family, to, source)) = self.resolve(route) else {
            self.counters.refused += datagrams.len() as u64;
            return datagrams.len();
        };
        let Some(socket) = &mut self.own[family] else {
            self.counters.refused += datagrams.len() as u64;
            return datagrams.len();
        };
        if matches!(route, Route::Group(..)) {
            socket.set_looped(self.looping.wanted(Instant::now(), datagrams.len()));
        }
        let sent = socket.send(to, source, datagrams, &mut self.scratch);
        self.counters.sent += (sent.done - sent.refused) as u64;
        self.counters.refused += sent.refused as u64;
        if sent.full && socket.want_writable(&self.registry, true).is_err() {
            // It cannot be waited for: better lost, and repaired, than stuck.
            self.counters.refused += (datagrams.len() - sent.done) as u64;
            return datagrams.len();
        }
        sent.done
    }

    /// A socket has something to receive, or room to send again.
    pub fn on_event(&mut self, token: Token, readable: bool, writable: bool) -> io::Result<()> {
        let mut sockets = self.group.iter_mut().chain(&mut self.own).flatten();
        let Some(socket) = sockets.find(|socket| socket.token() == token) else { return Ok(()) };
        if readable {
            socket.on_readable();
        }
        if writable { socket.want_writable(&self.registry, false) } else { Ok(()) }
    }

    /// Hands over what has arrived, in turn from all sockets, until nothing is left or `max` datagrams were handed
    /// over (or a few more). True: there may be more.
    pub fn receive(&mut self, max: usize, mut each: impl FnMut(Arrival, &[u8])) -> bool {
        let [group4, group6] = &mut self.group;
        let [own4, own6] = &mut self.own;
        let sockets = [group4, own4, group6, own6];
        let sieve = Sieve { links: &self.links, addresses: &self.addresses, own_port: self.own_port };
        let only = &self.only;
        let (counters, looping) = (&mut self.counters, &mut self.looping);
        let mut handed = 0;
        let mut silent = 0;
        while silent < sockets.len() {
            if handed >= max {
                return true;
            }
            self.turn = (self.turn + 1) % sockets.len();
            let some = sockets[self.turn].as_mut().is_some_and(|socket| {
                socket.receive(&mut self.buffers, |meta, datagram| {
                    handed += 1;
                    match sieve.judge(meta) {
                        Verdict::Take(arrival) if !listens_to(only, arrival.from.ip()) => {
                            counters.foreign += 1
                        }
                        Verdict::Take(arrival) => {
                            counters.received += 1;
                            counters.received_bytes += datagram.len() as u64;
                            if sieve.is_here(arrival.from.ip()) {
                                looping.on_neighbour(Instant::now());
                            }
                            each(arrival, datagram);
                        }
                        Verdict::Own => counters.own += 1,
                        Verdict::Stray => counters.stray += 1,
                    }
                })
            });
            silent = if some { 0 } else { silent + 1 };
        }
        false
    }

    /// The next stream that another daemon opened, if one waits.
    pub fn accept(&mut self) -> Option<(mio::net::TcpStream, SocketAddr)> {
        loop {
            match self.listener.accept() {
                Ok((_, from)) if !listens_to(&self.only, from.ip()) => self.counters.foreign += 1,
                Ok(accepted) => return Some(accepted),
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                // Out of descriptors or aborted: the asker tries again elsewhere.
                Err(_) => return None,
            }
        }
    }

    fn resolve(&self, route: &Route) -> Option<(usize, SocketAddr, Option<IpAddr>)> {
        match *route {
            Route::Host(to) => Some((usize::from(to.is_ipv6()), to, None)),
            Route::Group(id, way) => {
                let link = self.links.iter().find(|link| link.id == id)?;
                let source = link.v4.first().map(|(address, _)| IpAddr::V4(*address));
                match way {
                    Way::Multicast4 => {
                        Some((0, SocketAddr::new(self.to.v4.into(), self.port), Some(source?)))
                    }
                    Way::Broadcast => {
                        Some((0, SocketAddr::new(broadcast(link).into(), self.port), Some(source?)))
                    }
                    Way::Multicast6 => {
                        Some((1, SocketAddrV6::new(self.to.v6, self.port, 0, id.0).into(), None))
                    }
                    Way::Unicast | Way::Stream => None,
                }
            }
        }
    }

    fn sockets(&self) -> impl Iterator<Item = &Udp> {
        self.group.iter().chain(&self.own).flatten()
    }

    fn groups(&self) -> impl Iterator<Item = (&Udp, IpAddr)> {
        self.group
            .iter()
            .zip([IpAddr::V4(self.to.v4), IpAddr::V6(self.to.v6)])
            .filter_map(|(s, group)| Some((s.as_ref()?, group)))
    }
}

/// IPv4 hosts come to a listener of both families as IPv6 addresses.
fn listens_to(only: &Option<Vec<IpAddr>>, host: IpAddr) -> bool {
    only.as_ref().is_none_or(|hosts| hosts.contains(&host.to_canonical()))
}

/// Decides what a datagram is by where it came from and was sent to.
struct Sieve<'a> {
    links: &'a [Link],
    addresses: &'a BTreeMap<IpAddr, LinkId>,
    own_port: u16,
}

enum Verdict {
    Take(Arrival),
    Own,
    Stray,
}

impl Sieve<'_> {
    /// Whether an address is this machine's own.
    fn is_here(&self, address: IpAddr) -> bool {
        self.addresses.contains_key(&address)
    }

    fn judge(&self, meta: &quinn_udp::RecvMeta) -> Verdict {
        let from = meta.addr;
        if from.port() == self.own_port && self.is_here(from.ip()) {
            return Verdict::Own;
        }
        let (Some(interface), Some(to)) = (meta.interface_index, meta.dst_ip) else { return Verdict::Stray };
        // What this host sends to its own IPv4 address comes in on the loopback interface: it belongs to the link
        // that has the address.
        let arrived = LinkId(interface);
        let link = match self.knows(arrived) {
            true => Some(arrived),
            false => self.addresses.get(&to).copied().filter(|_| self.is_here(from.ip())),
        };
        let way = match to {
            _ if self.is_here(to) => Way::Unicast,
            IpAddr::V4(to) if to.is_multicast() => Way::Multicast4,
            IpAddr::V6(to) if to.is_multicast() => Way::Multicast6,
            IpAddr::V4(_) => Way::Broadcast,
            IpAddr::V6(_) => Way::Unicast,
        };
        link.map_or(Verdict::Stray, |link| Verdict::Take(Arrival { link, way, from }))
    }

    fn knows(&self, id: LinkId) -> bool {
        self.links.iter().any(|link| link.id == id)
    }
}

/// When this machine's other daemons must be able to hear what is sent to a group. The kernel would copy every frame
/// back to this daemon as well, so a lone daemon loops only as much as others need to find it.
struct Looping {
    neighbour_until: Instant,
    /// Datagrams that may still be looped for nobody in particular.
    budget: f64,
    counted: Instant,
}

/// Another daemon of this machine is taken to be gone when nothing was heard of it for longer than the longest
/// heartbeat takes.
const NEIGHBOUR: Duration = Duration::from_secs(75);
/// Datagrams a second that a lone daemon loops: several times its heartbeats.
const LOOPED: f64 = 20.0;

impl Looping {
    fn new(now: Instant) -> Self {
        Self { neighbour_until: now, budget: LOOPED, counted: now }
    }

    fn on_neighbour(&mut self, now: Instant) {
        self.neighbour_until = now + NEIGHBOUR;
    }

    fn wanted(&mut self, now: Instant, datagrams: usize) -> bool {
        let passed = now.duration_since(self.counted).as_secs_f64();
        self.counted = now;
        self.budget = (self.budget + passed * LOOPED).min(LOOPED);
        if self.neighbour_until > now {
            return true;
        }
        let fits = self.budget >= datagrams as f64;
        if fits {
            self.budget -= datagrams as f64;
        }
        fits
    }
}

type Own = ([Option<Udp>; 2], TcpListener, u16);

/// The first port behind the group's that is free for UDP of both families and for TCP.
fn bind_own(group: u16, with_v6: bool, tokens: Tokens) -> Result<Own, OpenError> {
    let last = group.saturating_add(OWN_PORTS);
    let first = group.saturating_add(1);
    let mut source = io::Error::from(io::ErrorKind::AddrInUse);
    for port in first..=last {
        let own = || -> io::Result<Own> {
            let own4 = Udp::bind(ANY4, port, false, tokens.at(2))?;
            let own6 = if with_v6 { Some(Udp::bind(ANY6, port, false, tokens.at(3))?) } else { None };
            Ok(([Some(own4), own6], listen(port, with_v6)?, port))
        };
        match own() {
            Ok(own) => return Ok(own),
            Err(e) => source = e,
        }
    }
    Err(OpenError::Own { first, last, source })
}

fn listen(port: u16, with_v6: bool) -> io::Result<TcpListener> {
    let domain = if with_v6 { Domain::IPV6 } else { Domain::IPV4 };
    let socket = Socket::new(domain, Type::STREAM.nonblocking(), Some(Protocol::TCP))?;
    if with_v6 {
        socket.set_only_v6(false)?;
    }
    // A restart must not wait for streams of the last life to time out; two listeners stay impossible.
    socket.set_reuse_address(true)?;
    socket.bind(&SocketAddr::new(if with_v6 { ANY6 } else { ANY4 }, port).into())?;
    socket.listen(BACKLOG)?;
    Ok(TcpListener::from_std(socket.into()))
}

/// One subnet: its own broadcast address. Several on one link, or none: the limited one, which all of them hear.
fn broadcast(link: &Link) -> Ipv4Addr {
    match link.v4[..] {
        [(address, prefix)] if (1..=30).contains(&prefix) => {
            Ipv4Addr::from_bits(address.to_bits() | u32::MAX >> prefix)
        }
        _ => Ipv4Addr::BROADCAST,
    }
}

fn addresses(links: &[Link]) -> BTreeMap<IpAddr, LinkId> {
    let of = |link: &Link| {
        let v4 = link.v4.iter().map(|(address, _)| IpAddr::V4(*address));
        let v6 = link.v6.map(IpAddr::V6);
        v4.chain(v6).map(|address| (address, link.id)).collect::<Vec<_>>()
    };
    links.iter().flat_map(of).collect()
}

#[cfg(test)]
mod tests;
