//! Which interfaces there are and may be used, told anew whenever one comes, goes or changes.
//!
//! The kernel says *that* something changed; what there is now is always read as a whole. What has gone is told at
//! once; what has come, when it has settled (IPv6 probes an address before it lets anyone use it).
//!
//! Invariant: the loopback interface is used only while no other interface is.

use chalktalk_protocol::{
    health::{Unused, Why},
    net::{Link, LinkId, Way},
};
use if_addrs::{IfAddr, Interface};
use mio::{Interest, Registry, Token, unix::SourceFd};
use netlink_sys::{Socket, SocketAddr, protocols::NETLINK_ROUTE};
use std::{
    collections::{BTreeMap, BTreeSet},
    io, mem,
    net::IpAddr,
    os::fd::AsRawFd,
    time::{Duration, Instant},
};

/// Duplicate address detection takes up to a second; most changes come as a handful of notices within this time.
const SETTLE: Duration = Duration::from_millis(200);
/// A storm of notices cannot put off the reading for longer than this.
const SETTLE_AT_MOST: Duration = Duration::from_secs(1);

/// Smaller interfaces cannot carry IPv6 or a frame of ours.
const SMALLEST_MTU: u32 = 576;

// Linux: include/uapi/linux/{netlink,rtnetlink,if_link}.h
const RTM_DELLINK: u16 = 17;
const RTM_NEWLINK: u16 = 16;
const RTM_GETLINK: u16 = 18;
const NLM_F_REQUEST: u16 = 1;
const NLM_F_DUMP: u16 = 0x300;
const IFLA_IFNAME: u16 = 3;
const IFLA_MTU: u16 = 4;
const IFF_UP: u32 = 1;
const IFF_LOOPBACK: u32 = 1 << 3;
const IFF_POINTOPOINT: u32 = 1 << 4;
const IFF_RUNNING: u32 = 1 << 6;
const GROUP_LINK: u32 = 1;
const GROUP_IPV4_ADDRESS: u32 = 1 << 4;
const GROUP_IPV6_ADDRESS: u32 = 1 << 8;
const HEADER: usize = 16;
const LINK_HEADER: usize = 16;
/// Larger than any notice the kernel sends; a dump comes in pieces of at most this.
const NOTICE: usize = 64 << 10;

/// By which ways the daemon may send.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, clap::ValueEnum, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// Multicast, and broadcast or unicast where that is not heard.
    #[default]
    Auto,
    /// Multicast alone.
    Multicast,
    /// Broadcast alone.
    Broadcast,
    /// Copies to known hosts alone.
    Unicast,
}

impl From<Mode> for chalktalk_protocol::paths::Mode {
    fn from(mode: Mode) -> Self {
        match mode {
            Mode::Auto => Self::Auto,
            Mode::Multicast => Self::Multicast,
            Mode::Broadcast => Self::Broadcast,
            Mode::Unicast => Self::Unicast,
        }
    }
}

/// Which interfaces the operator wants.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Wishes {
    /// Only these, by name; empty: all.
    pub only: Vec<String>,
    /// Never these.
    pub never: Vec<String>,
    /// How to send on them.
    pub mode: Mode,
}

/// What changed.
#[derive(Debug, Default)]
pub struct Change {
    /// Every link in use from now on.
    pub links: Vec<Link>,
    /// Of these, deleted and made again since the last change.
    pub renewed: Vec<LinkId>,
}

/// Follows the interfaces.
pub struct Interfaces {
    notices: Socket,
    wishes: Wishes,
    links: Vec<Link>,
    deleted: Vec<LinkId>,
    read_at: Option<Instant>,
    unsettled_since: Option<Instant>,
}

impl Interfaces {
    /// Starts to follow; what there is now is in [`Interfaces::links`].
    pub fn new(wishes: Wishes, registry: &Registry, token: Token) -> io::Result<Self> {
        let mut notices = Socket::new(NETLINK_ROUTE)?;
        notices.bind(&SocketAddr::new(0, GROUP_LINK | GROUP_IPV4_ADDRESS | GROUP_IPV6_ADDRESS))?;
        notices.set_non_blocking(true)?;
        registry.register(&mut SourceFd(&notices.as_raw_fd()), token, Interest::READABLE)?;
        let links = read(&wishes)?;
        Ok(Self { notices, wishes, links, deleted: Vec::new(), read_at: None, unsettled_since: None })
    }

    /// The operator wants it otherwise from now on; what that changes is told with the next change.
    pub fn set_wishes(&mut self, now: Instant, wishes: Wishes) {
        self.wishes = wishes;
        self.read_at = Some(now);
    }

    /// Interfaces that are there and not in use, and why.
    ///
    /// # Errors
    /// The system does not say what there is.
    pub fn unused(&self) -> io::Result<Vec<Unused>> {
        let unused = cards()?.into_iter().filter(|(index, card)| {
            card.flags & IFF_LOOPBACK == 0 && self.links.iter().all(|link| link.id.0 != *index)
        });
        Ok(unused.map(|(_, card)| Unused { why: why_unused(&card, &self.wishes), name: card.name }).collect())
    }

    /// In use now.
    pub fn links(&self) -> &[Link] {
        &self.links
    }

    /// The kernel has something to say. What is gone is told at once.
    pub fn handle_notices(&mut self, now: Instant) -> io::Result<Option<Change>> {
        let mut notice = Vec::with_capacity(NOTICE);
        loop {
            notice.clear();
            match self.notices.recv(&mut notice, 0) {
                Ok(_) => self.deleted.extend(deleted_links(&notice)),
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => break,
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                // Notices were dropped: anything may have been deleted and made again.
                Err(_) => self.deleted.extend(self.links.iter().map(|link| link.id)),
            }
        }
        let since = *self.unsettled_since.get_or_insert(now);
        self.read_at = Some((now + SETTLE).min(since + SETTLE_AT_MOST));
        let there = read(&self.wishes)?;
        let left: Vec<Link> =
            self.links.iter().filter(|old| there.iter().any(|new| new.id == old.id)).cloned().collect();
        Ok((left.len() < self.links.len()).then(|| self.change_to(left)))
    }

    /// When [`Interfaces::handle_timeout`] has to be called.
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.read_at
    }

    /// What has come has settled.
    pub fn handle_timeout(&mut self, now: Instant) -> io::Result<Option<Change>> {
        if self.read_at.is_none_or(|at| at > now) {
            return Ok(None);
        }
        self.read_at = None;
        self.unsettled_since = None;
        let there = read(&self.wishes)?;
        let same = there == self.links && self.deleted.is_empty();
        Ok((!same).then(|| self.change_to(there)))
    }

    fn change_to(&mut self, links: Vec<Link>) -> Change {
        let mut renewed = mem::take(&mut self.deleted);
        renewed.retain(|id| links.iter().any(|link| link.id == *id));
        self.links.clone_from(&links);
        Change { links, renewed }
    }
}

/// Reads what there is and keeps what may be used.
fn read(wishes: &Wishes) -> io::Result<Vec<Link>> {
    let mtus = cards()?.into_iter().map(|(index, card)| (index, card.mtu)).collect();
    Ok(choose(if_addrs::get_if_addrs()?, &mtus, wishes))
}

fn choose(addresses: Vec<Interface>, mtus: &BTreeMap<u32, u32>, wishes: &Wishes) -> Vec<Link> {
    let mut links: BTreeMap<u32, Link> = BTreeMap::new();
    let mut loopback = BTreeSet::new();
    for address in addresses {
        let Some(index) = address.index else { continue };
        let mtu = mtus.get(&index).copied().unwrap_or(1500);
        if !usable(&address, mtu, wishes) {
            continue;
        }
        let link = links.entry(index).or_insert_with(|| Link {
            id: LinkId(index),
            name: address.name.clone(),
            mtu,
            v4: Vec::new(),
            v6: None,
            ways: Vec::new(),
        });
        if address.is_loopback() {
            loopback.insert(link.id);
        }
        match (address.ip(), &address.addr) {
            (IpAddr::V4(ip), IfAddr::V4(v4)) => link.v4.push((ip, v4.prefixlen)),
            (IpAddr::V6(ip), _) if ip.is_unicast_link_local() => link.v6 = link.v6.or(Some(ip)),
            _ => {}
        }
    }
    let mut links: Vec<Link> =
        links.into_values().filter(|link| !link.v4.is_empty() || link.v6.is_some()).collect();
    if links.iter().any(|link| !loopback.contains(&link.id)) {
        links.retain(|link| !loopback.contains(&link.id) || wishes.only.contains(&link.name));
    }
    for link in &mut links {
        link.v4.sort_unstable();
        link.ways = ways(link, wishes.mode);
    }
    links
}

fn usable(address: &Interface, mtu: u32, wishes: &Wishes) -> bool {
    let named = wishes.only.contains(&address.name);
    let wanted = wishes.only.is_empty() || named;
    // A tunnel leads away from the link: used only when it is asked for by name.
    let local = !address.is_p2p() || named;
    address.is_oper_up() && mtu >= SMALLEST_MTU && wanted && local && !wishes.never.contains(&address.name)
}

fn ways(link: &Link, mode: Mode) -> Vec<Way> {
    let v4 = (!link.v4.is_empty()).then_some([Way::Multicast4, Way::Broadcast]);
    let v6 = link.v6.map(|_| Way::Multicast6);
    let mut ways: Vec<Way> = v4
        .into_iter()
        .flatten()
        .chain(v6)
        .filter(|way| chalktalk_protocol::paths::Mode::from(mode).allows(*way))
        .collect();
    ways.sort_unstable();
    ways
}

fn why_unused(card: &Card, wishes: &Wishes) -> Why {
    let named = wishes.only.contains(&card.name);
    match card {
        _ if wishes.never.contains(&card.name) || !wishes.only.is_empty() && !named => Why::LeftOut,
        Card { flags, .. } if flags & IFF_UP == 0 || flags & IFF_RUNNING == 0 => Why::Down,
        Card { flags, .. } if flags & IFF_POINTOPOINT != 0 && !named => Why::Tunnel,
        Card { mtu, .. } if *mtu < SMALLEST_MTU => Why::Small,
        _ => Why::NoAddress,
    }
}

/// An interface as the kernel describes it.
#[derive(Debug)]
struct Card {
    name: String,
    flags: u32,
    mtu: u32,
}

/// Every interface by its index. (Not from /sys: it may show another network namespace.)
fn cards() -> io::Result<BTreeMap<u32, Card>> {
    let mut socket = Socket::new(NETLINK_ROUTE)?;
    socket.bind_auto()?;
    let mut request = Vec::with_capacity(HEADER + LINK_HEADER);
    request.extend_from_slice(&((HEADER + LINK_HEADER) as u32).to_ne_bytes());
    request.extend_from_slice(&RTM_GETLINK.to_ne_bytes());
    request.extend_from_slice(&(NLM_F_REQUEST | NLM_F_DUMP).to_ne_bytes());
    request.resize(HEADER + LINK_HEADER, 0);
    socket.send_to(&request, &SocketAddr::new(0, 0), 0)?;
    let mut found = BTreeMap::new();
    let mut answer = Vec::with_capacity(NOTICE);
    loop {
        answer.clear();
        socket.recv(&mut answer, 0)?;
        for (kind, body) in messages(&answer) {
            if kind != RTM_NEWLINK {
                return Ok(found); // done, or an error: the rest is taken to be 1,500
            }
            if let (Some(index), Some(card)) = (link_index(body), card(body)) {
                found.insert(index, card);
            }
        }
    }
}

fn deleted_links(notice: &[u8]) -> impl Iterator<Item = LinkId> {
    messages(notice)
        .filter(|(kind, _)| *kind == RTM_DELLINK)
        .filter_map(|(_, body)| link_index(body))
        .map(LinkId)
}

/// The messages of one netlink datagram: kind and body.
fn messages(mut bytes: &[u8]) -> impl Iterator<Item = (u16, &[u8])> {
    std::iter::from_fn(move || {
        let length = u32::from_ne_bytes(*bytes.first_chunk()?) as usize;
        let message = bytes.get(..length).filter(|message| message.len() >= HEADER)?;
        bytes = bytes.get(length.next_multiple_of(4)..).unwrap_or_default();
        Some((u16::from_ne_bytes([message[4], message[5]]), &message[HEADER..]))
    })
}

fn link_index(body: &[u8]) -> Option<u32> {
    body.get(4..8)?.first_chunk().map(|bytes| u32::from_ne_bytes(*bytes))
}

fn card(body: &[u8]) -> Option<Card> {
    let word = |bytes: &[u8]| bytes.first_chunk().map(|bytes| u32::from_ne_bytes(*bytes));
    let name = attribute(body, IFLA_IFNAME)?.split(|byte| *byte == 0).next()?;
    let name = String::from_utf8_lossy(name).into_owned();
    Some(Card { name, flags: word(body.get(8..12)?)?, mtu: word(attribute(body, IFLA_MTU)?)? })
}

fn attribute(body: &[u8], wanted: u16) -> Option<&[u8]> {
    let mut attributes = body.get(LINK_HEADER..)?;
    loop {
        let length = usize::from(u16::from_ne_bytes(*attributes.first_chunk()?));
        let attribute = attributes.get(..length).filter(|attribute| attribute.len() >= 4)?;
        if u16::from_ne_bytes([attribute[2], attribute[3]]) == wanted {
            return Some(&attribute[4..]);
        }
        attributes = attributes.get(length.next_multiple_of(4)..)?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use if_addrs::{IfOperStatus, Ifv4Addr, Ifv6Addr};

    fn v4(index: u32, name: &str, ip: &str) -> Interface {
        let ip = ip.parse().unwrap();
        let addr =
            IfAddr::V4(Ifv4Addr { ip, netmask: [255, 255, 255, 0].into(), prefixlen: 24, broadcast: None });
        interface(index, name, addr)
    }

    fn v6(index: u32, name: &str, ip: &str) -> Interface {
        let ip = ip.parse().unwrap();
        let addr = IfAddr::V6(Ifv6Addr { ip, netmask: ip, prefixlen: 64, broadcast: None });
        interface(index, name, addr)
    }

    fn interface(index: u32, name: &str, addr: IfAddr) -> Interface {
        Interface {
            name: name.into(),
            addr,
            index: Some(index),
            oper_status: IfOperStatus::Up,
            is_p2p: false,
        }
    }

    fn names(links: &[Link]) -> Vec<&str> {
        links.iter().map(|link| link.name.as_str()).collect()
    }

    #[test]
    fn loopback_serves_only_where_nothing_else_does() {
        let lo = v4(1, "lo", "127.0.0.1");
        let alone = choose(vec![lo.clone()], &BTreeMap::new(), &Wishes::default());
        assert_eq!(names(&alone), ["lo"]);
        assert_eq!(alone[0].ways, [Way::Multicast4, Way::Broadcast]);
        let eth = v4(2, "eth0", "10.0.0.1");
        assert_eq!(names(&choose(vec![lo, eth], &BTreeMap::new(), &Wishes::default())), ["eth0"]);
    }

    #[test]
    fn one_link_gathers_its_addresses_and_ways() {
        let all = vec![
            v4(2, "e", "10.0.1.1"),
            v4(2, "e", "10.0.0.1"),
            v6(2, "e", "fe80::1"),
            v6(2, "e", "2001:db8::1"),
        ];
        let links = choose(all, &BTreeMap::from([(2, 1400)]), &Wishes::default());
        assert_eq!(links.len(), 1);
        assert_eq!(links[0].mtu, 1400);
        assert_eq!(links[0].v4, [([10, 0, 0, 1].into(), 24), ([10, 0, 1, 1].into(), 24)]);
        assert_eq!(links[0].v6, Some("fe80::1".parse().unwrap()));
        assert_eq!(links[0].ways, [Way::Multicast4, Way::Multicast6, Way::Broadcast]);
    }

    #[test]
    fn down_excluded_tiny_and_tunnel_interfaces_are_left_alone() {
        let mut down = v4(3, "down", "10.0.3.1");
        down.oper_status = IfOperStatus::Down;
        let mut tunnel = v4(4, "tun0", "10.0.4.1");
        tunnel.is_p2p = true;
        let all =
            vec![v4(2, "a", "10.0.2.1"), down, tunnel, v4(5, "b", "10.0.5.1"), v4(6, "tiny", "10.0.6.1")];
        let mtus = BTreeMap::from([(6, 300)]);
        let wishes = |only: &[&str], never: &[&str]| Wishes {
            only: only.iter().map(ToString::to_string).collect(),
            never: never.iter().map(ToString::to_string).collect(),
            mode: Mode::Auto,
        };
        assert_eq!(names(&choose(all.clone(), &mtus, &wishes(&[], &[]))), ["a", "b"]);
        assert_eq!(names(&choose(all.clone(), &mtus, &wishes(&[], &["a"]))), ["b"]);
        assert_eq!(names(&choose(all.clone(), &mtus, &wishes(&["tun0"], &[]))), ["tun0"]);
        assert_eq!(names(&choose(all, &mtus, &wishes(&["lo"], &[]))), Vec::<&str>::new());
    }

    #[test]
    fn a_forced_mode_leaves_only_its_ways() {
        let all = vec![v4(2, "e", "10.0.1.1"), v6(2, "e", "fe80::1")];
        let ways = |mode| {
            choose(all.clone(), &BTreeMap::new(), &Wishes { mode, ..Wishes::default() })[0].ways.clone()
        };
        assert_eq!(ways(Mode::Multicast), [Way::Multicast4, Way::Multicast6]);
        assert_eq!(ways(Mode::Broadcast), [Way::Broadcast]);
        assert_eq!(ways(Mode::Unicast), []);
    }

    #[test]
    fn the_kernel_tells_the_mtu_of_every_interface() {
        let cards = cards().unwrap();
        let lo = if_addrs::get_if_addrs().unwrap().into_iter().find(Interface::is_loopback);
        if let Some(index) = lo.and_then(|lo| lo.index) {
            assert!(cards[&index].mtu >= 1500, "{cards:?}");
        }
    }

    #[test]
    fn malformed_notices_yield_nothing() {
        for bytes in
            [&[][..], &[1], &[255; 40], &[0; 64], &[16, 0, 0, 0, 17, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]]
        {
            assert_eq!(deleted_links(bytes).count(), 0);
            assert!(card(bytes).is_none());
        }
        let mut notice = vec![32, 0, 0, 0, 17, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
        notice.extend_from_slice(&7u32.to_ne_bytes());
        notice.resize(32, 0);
        assert_eq!(deleted_links(&notice).collect::<Vec<_>>(), [LinkId(7)]);
    }
}
