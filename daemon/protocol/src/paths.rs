//! Which way a frame for everybody leaves on each link, on the evidence of who hears us how.
//!
//! Invariant: in `auto` mode every neighbour that said how it hears us is served: by the way chosen for the
//! link, or by a copy of its own.

use crate::{
    directory::Directory,
    frame::{MAX_DATAGRAM, SAFE_DATAGRAM},
    net::{Link, LinkId, Route, Way},
};
use chalktalk_ipc::HostId;
use std::{
    collections::BTreeMap,
    net::{IpAddr, SocketAddr},
};

/// Addresses that a host tells of itself: more than machines have, but for those that run many containers.
const MAX_ADDRESSES: usize = 16;

/// The heartbeats at the start go by every way, so that evidence is there at once.
const PROBING_BEATS: u64 = 6;

/// Links that take less are served with shorter entries. It is what Ethernet takes.
const FULL_MTU: u32 = 1500;

/// How frames for everybody are sent.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Mode {
    /// By what is seen to work.
    #[default]
    Auto,
    /// By multicast, IPv4 or IPv6.
    Multicast,
    /// By broadcast.
    Broadcast,
    /// By a copy for each known peer.
    Unicast,
}

impl Mode {
    /// Whether frames for everybody may leave by this way.
    pub fn allows(self, way: Way) -> bool {
        match self {
            Self::Auto => Way::GROUP.contains(&way),
            Self::Multicast => matches!(way, Way::Multicast4 | Way::Multicast6),
            Self::Broadcast => way == Way::Broadcast,
            Self::Unicast => false,
        }
    }

    /// Its name, as `--mode` takes it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Multicast => "multicast",
            Self::Broadcast => "broadcast",
            Self::Unicast => "unicast",
        }
    }
}

/// The links and the choice among their ways.
#[derive(Debug, Default)]
pub struct Paths {
    /// How frames are sent.
    pub mode: Mode,
    /// Peers that are always sent a copy (`--mode unicast`).
    pub peers: Vec<SocketAddr>,
    links: BTreeMap<LinkId, Link>,
    chosen: BTreeMap<LinkId, Way>,
    copies: Vec<SocketAddr>,
}

impl Paths {
    /// Without links yet.
    pub fn new(mode: Mode, peers: Vec<SocketAddr>) -> Self {
        Self { mode, peers, ..Self::default() }
    }

    /// The links there are now.
    pub fn set_links(&mut self, links: Vec<Link>) {
        self.links = links.into_iter().map(|link| (link.id, link)).collect();
    }

    /// The links there are.
    pub fn links(&self) -> impl Iterator<Item = &Link> + '_ {
        self.links.values()
    }

    /// Where this host is reached; none if there are too many to tell.
    pub fn addresses(&self) -> Vec<IpAddr> {
        let of = |link: &Link| {
            let v4 = link.v4.iter().map(|(address, _)| IpAddr::V4(*address));
            v4.chain(link.v6.map(IpAddr::V6)).collect::<Vec<_>>()
        };
        let all: Vec<IpAddr> = self.links.values().flat_map(of).collect();
        if all.len() <= MAX_ADDRESSES { all } else { Vec::new() }
    }

    /// Bytes of UDP payload that all links take.
    pub fn payload(&self) -> usize {
        if self.links.values().any(|link| link.mtu < FULL_MTU) { SAFE_DATAGRAM } else { MAX_DATAGRAM }
    }

    /// The way chosen for a link.
    pub fn chosen(&self, link: LinkId) -> Option<Way> {
        self.chosen.get(&link).copied()
    }

    /// Chooses anew, by how many neighbours said they hear us by each way.
    pub fn choose(&mut self, me: HostId, directory: &Directory) {
        let heard = |way: Way| {
            directory
                .hosts()
                .filter_map(|(_, host)| host.hears(me))
                .filter(|item| item.ways & way.bit() != 0)
                .count()
        };
        let mode = self.mode;
        let usable = |link: &Link| {
            Way::GROUP.into_iter().filter(|w| mode.allows(*w) && link.ways.contains(w)).collect()
        };
        self.chosen.clear();
        for link in self.links.values() {
            let ways: Vec<Way> = usable(link);
            let best = ways.iter().copied().rev().max_by_key(|way| heard(*way));
            if let Some(way) = best {
                self.chosen.insert(link.id, way);
            }
        }
        let served: u8 = self.chosen.values().fold(0, |bits, way| bits | way.bit());
        self.copies = self.peers.clone();
        let needs_copy = |host: &crate::directory::Host| match (mode, host.hears(me)) {
            (Mode::Unicast, _) => true,
            (Mode::Auto, Some(item)) => item.ways != 0 && item.ways & served == 0,
            _ => false,
        };
        for (_, host) in directory.hosts() {
            if let Some(address) = host.address().filter(|a| needs_copy(host) && !self.copies.contains(a)) {
                self.copies.push(address);
            }
        }
    }

    /// Where a frame for everybody goes.
    pub fn everybody(&self) -> Vec<Route> {
        let links = self.chosen.iter().map(|(link, way)| Route::Group(*link, *way));
        links.chain(self.copies.iter().map(|address| Route::Host(*address))).collect()
    }

    /// Where a heartbeat goes: as everything else, and besides by one other way in turn, so that what works is known.
    pub fn heartbeat(&self, beat: u64) -> Vec<Route> {
        let mut routes = self.everybody();
        for link in self.links.values() {
            let others: Vec<Way> = Way::GROUP
                .into_iter()
                .filter(|way| {
                    self.mode.allows(*way) && link.ways.contains(way) && self.chosen(link.id) != Some(*way)
                })
                .collect();
            let probing = beat <= PROBING_BEATS;
            let turn = (beat % others.len().max(1) as u64) as usize;
            let extra = others.iter().enumerate().filter(|(i, _)| probing || *i == turn);
            routes.extend(extra.map(|(_, way)| Route::Group(link.id, *way)));
        }
        routes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paths(mode: Mode) -> Paths {
        let mut paths = Paths { mode, ..Paths::default() };
        let link = Link {
            id: LinkId(1),
            name: "eth0".into(),
            mtu: 1500,
            v4: vec![],
            v6: None,
            ways: Way::GROUP.to_vec(),
        };
        paths.set_links(vec![link]);
        paths.choose(HostId([1; 16]), &Directory::default());
        paths
    }

    #[test]
    fn without_evidence_multicast_is_tried_first_and_everything_is_probed() {
        let paths = paths(Mode::Auto);
        assert_eq!(paths.everybody(), [Route::Group(LinkId(1), Way::Multicast4)]);
        assert_eq!(paths.heartbeat(1).len(), 3);
        assert_eq!(paths.heartbeat(100).len(), 2);
    }

    #[test]
    fn a_mode_forces_its_ways() {
        assert_eq!(paths(Mode::Broadcast).everybody(), [Route::Group(LinkId(1), Way::Broadcast)]);
        assert_eq!(paths(Mode::Broadcast).heartbeat(1).len(), 1);
        assert_eq!(paths(Mode::Unicast).heartbeat(1), []);
        let mut unicast = paths(Mode::Unicast);
        unicast.peers = vec!["192.0.2.1:47475".parse().unwrap()];
        unicast.choose(HostId([1; 16]), &Directory::default());
        assert_eq!(unicast.everybody().len(), 1);
    }
}
