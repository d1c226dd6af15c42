//! The trace: every datagram that went or came, for whoever has to find out what two daemons say to each other. A pcap file
//! that Wireshark and tshark open; docs/chalktalk.lua shows them what a frame says.
//!
//! Each datagram is a UDP packet with invented headers: the kernel hands over what was in them. What was sent carries the
//! address it went to, and as its source the unspecified one.
//!
//! Invariant: tracing changes nothing but the time things take.

use anyhow::Context;
use bytes::Bytes;
use chalktalk_protocol::net::{Arrival, Route, Way};
use std::{
    fs::File,
    io::{BufWriter, Write},
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    path::Path,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

// The format: draft-ietf-opsawg-pcap, with nanoseconds; each packet begins with its IP header.
const MAGIC_NANOSECONDS: u32 = 0xa1b2_3c4d;
const LINKTYPE_RAW: u32 = 101;
const SNAPLEN: u32 = 1 << 16;
const UDP: u8 = 17;
const UDP_HEADER: usize = 8;
const V4_HEADER: usize = 20;
const V6_HEADER: usize = 40;

/// Where the packets go.
#[derive(Debug)]
pub struct Trace {
    file: BufWriter<File>,
    groups: super::net::Groups,
    port: u16,
    own_port: u16,
}

impl Trace {
    /// Begins a new file for a daemon with these groups and ports.
    ///
    /// # Errors
    /// The file cannot be made.
    pub fn open(path: &Path, groups: super::net::Groups, port: u16, own_port: u16) -> anyhow::Result<Self> {
        let refuse = || format!("cannot write the trace to {}", path.display());
        let mut file = BufWriter::new(File::create(path).with_context(refuse)?);
        let head = [MAGIC_NANOSECONDS, 2 | 4 << 16, 0, 0, SNAPLEN, LINKTYPE_RAW];
        let bytes: Vec<u8> = head.iter().flat_map(|word| word.to_le_bytes()).collect();
        file.write_all(&bytes).with_context(refuse)?;
        Ok(Self { file, groups, port, own_port })
    }

    /// A datagram came in.
    pub fn received(&mut self, arrival: Arrival, datagram: &[u8]) {
        let to = match (arrival.way, arrival.from) {
            (Way::Multicast4, _) => SocketAddr::new(self.groups.v4.into(), self.port),
            (Way::Multicast6, _) => SocketAddr::new(self.groups.v6.into(), self.port),
            (Way::Broadcast, _) => SocketAddr::new(Ipv4Addr::BROADCAST.into(), self.port),
            (_, SocketAddr::V4(_)) => SocketAddr::new(Ipv4Addr::UNSPECIFIED.into(), self.own_port),
            (_, SocketAddr::V6(_)) => SocketAddr::new(Ipv6Addr::UNSPECIFIED.into(), self.own_port),
        };
        self.packet(arrival.from, to, datagram);
    }

    /// Datagrams went out.
    pub fn sent(&mut self, route: &Route, datagrams: &[Bytes]) {
        let to = match *route {
            Route::Host(to) => to,
            Route::Group(_, Way::Multicast6) => SocketAddr::new(self.groups.v6.into(), self.port),
            Route::Group(_, Way::Broadcast) => SocketAddr::new(Ipv4Addr::BROADCAST.into(), self.port),
            Route::Group(..) => SocketAddr::new(self.groups.v4.into(), self.port),
        };
        let me: IpAddr =
            if to.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
        for datagram in datagrams {
            self.packet(SocketAddr::new(me, self.own_port), to, datagram);
        }
    }

    /// Ends a turn: what happened in it can be read.
    pub fn flush(&mut self) {
        // A trace that cannot be written is no reason to stop talking.
        let _ = self.file.flush();
    }

    fn packet(&mut self, from: SocketAddr, to: SocketAddr, datagram: &[u8]) {
        let time = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
        let packet = packet(from, to, datagram);
        let length = packet.len() as u32;
        let head = [time.as_secs() as u32, time.subsec_nanos(), length, length];
        let _ = head.iter().try_for_each(|word| self.file.write_all(&word.to_le_bytes()));
        let _ = self.file.write_all(&packet);
    }
}

/// The datagram in a UDP packet between these two.
fn packet(from: SocketAddr, to: SocketAddr, datagram: &[u8]) -> Vec<u8> {
    let length = (UDP_HEADER + datagram.len()) as u16;
    let mut bytes = match (from.ip(), to.ip()) {
        (IpAddr::V4(from), IpAddr::V4(to)) => v4_header(from, to, length),
        (from, to) => v6_header(six(from), six(to), length),
    };
    for field in [from.port(), to.port(), length, 0] {
        bytes.extend_from_slice(&field.to_be_bytes());
    }
    bytes.extend_from_slice(datagram);
    bytes
}

fn six(address: IpAddr) -> Ipv6Addr {
    match address {
        IpAddr::V4(address) => address.to_ipv6_mapped(),
        IpAddr::V6(address) => address,
    }
}

fn v4_header(from: Ipv4Addr, to: Ipv4Addr, length: u16) -> Vec<u8> {
    let mut bytes = vec![0x45, 0];
    bytes.extend_from_slice(&(V4_HEADER as u16 + length).to_be_bytes());
    bytes.extend_from_slice(&[0, 0, 0x40, 0, 1, UDP, 0, 0]);
    bytes.extend_from_slice(&from.octets());
    bytes.extend_from_slice(&to.octets());
    let sum: u32 = bytes.chunks(2).map(|pair| u32::from(u16::from_be_bytes([pair[0], pair[1]]))).sum();
    let folded = (sum & 0xffff) + (sum >> 16);
    let checksum = !((folded & 0xffff) + (folded >> 16)) as u16;
    bytes[10..12].copy_from_slice(&checksum.to_be_bytes());
    bytes
}

fn v6_header(from: Ipv6Addr, to: Ipv6Addr, length: u16) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(V6_HEADER);
    bytes.extend_from_slice(&[0x60, 0, 0, 0]);
    bytes.extend_from_slice(&length.to_be_bytes());
    bytes.extend_from_slice(&[UDP, 1]);
    bytes.extend_from_slice(&from.octets());
    bytes.extend_from_slice(&to.octets());
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packets_have_the_headers_of_their_family() {
        let four = packet("10.0.0.1:5".parse().unwrap(), "239.255.47.74:6".parse().unwrap(), b"frame");
        assert_eq!((four.len(), four[0]), (V4_HEADER + UDP_HEADER + 5, 0x45));
        let sum: u32 = four[..20].chunks(2).map(|p| u32::from(u16::from_be_bytes([p[0], p[1]]))).sum();
        assert_eq!((sum & 0xffff) + (sum >> 16), 0xffff, "the checksum holds (RFC 1071)");
        assert_eq!(four[20..28], [0, 5, 0, 6, 0, 13, 0, 0]);
        let six = packet("[fe80::1]:5".parse().unwrap(), "[ff12::4774]:6".parse().unwrap(), b"frame");
        assert_eq!((six.len(), six[0], six[6]), (V6_HEADER + UDP_HEADER + 5, 0x60, UDP));
        assert!(six.ends_with(b"frame"));
    }
}
