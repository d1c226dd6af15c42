//! Links, ways and routes: what the core knows of the network.
//!
//! Invariant: the core names a link and a way; which socket, group or address that is, only the shell knows.

use bytes::Bytes;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};

/// A network interface, by the system's index.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct LinkId(pub u32);

/// How a frame travels.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Way {
    /// To the IPv4 group.
    Multicast4,
    /// To the link-local IPv6 group.
    Multicast6,
    /// To the link's (or the limited) broadcast address.
    Broadcast,
    /// To one host.
    Unicast,
    /// Over a TCP connection (catch-up).
    Stream,
}

impl Way {
    /// The ways that reach everybody on a link, best first.
    pub const GROUP: [Self; 3] = [Self::Multicast4, Self::Multicast6, Self::Broadcast];

    /// Its bit in a set of ways.
    pub fn bit(self) -> u8 {
        1 << self as u8
    }

    /// Its name, for people.
    pub fn name(self) -> &'static str {
        match self {
            Self::Multicast4 => "multicast4",
            Self::Multicast6 => "multicast6",
            Self::Broadcast => "broadcast",
            Self::Unicast => "unicast",
            Self::Stream => "stream",
        }
    }
}

/// A usable interface.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Link {
    /// The system's index.
    pub id: LinkId,
    /// Its name.
    pub name: String,
    /// Bytes of the largest IP packet.
    pub mtu: u32,
    /// IPv4 addresses with their prefix lengths.
    pub v4: Vec<(Ipv4Addr, u8)>,
    /// Link-local IPv6 address.
    pub v6: Option<Ipv6Addr>,
    /// Group ways that the operator allows and the interface is able to.
    pub ways: Vec<Way>,
}

/// Where a datagram came from.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Arrival {
    /// The interface it came in by.
    pub link: LinkId,
    /// How it was addressed.
    pub way: Way,
    /// Its source; replying there reaches that daemon alone.
    pub from: SocketAddr,
}

/// Where datagrams go.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Route {
    /// Everybody on a link.
    Group(LinkId, Way),
    /// One host.
    Host(SocketAddr),
}

/// Datagrams to be sent, in this order. All but the last have the same length whenever the core can arrange it, so that
/// they can be handed to the system together.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Transmit {
    /// Where.
    pub route: Route,
    /// What.
    pub datagrams: Vec<Bytes>,
}
