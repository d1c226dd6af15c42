//! One UDP socket: bursts out with segmentation offload, bursts in with receive offload.
//!
//! Invariant: no call blocks, and no refusal by the network ends the daemon: what cannot be sent is counted.

use bytes::Bytes;
use mio::{Interest, Registry, Token, unix::SourceFd};
use quinn_udp::{RecvMeta, Transmit, UdpSocketState};
use rustix::net::sockopt;
use socket2::{Domain, Protocol, Socket, Type};
use std::{
    io::{self, IoSliceMut},
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    os::fd::{AsFd, AsRawFd},
};

/// Room for a burst of 64-byte messages while the loop writes to apps; the kernel gives as much as `rmem_max` lets.
const RECEIVE_BUFFER: usize = 8 << 20;
/// A few bursts and no more: what lies in the kernel's queue has left the core's turns between sessions, and delays
/// whoever comes behind it.
const SEND_BUFFER: usize = 128 << 10;

/// Datagram in a receive buffer, with what the kernel adds: two pages.
const BUFFERED: usize = 4096;

/// The largest burst the kernel segments: an IPv4 packet's length less its headers.
const MAX_BURST: usize = 65_000;

/// What a merged datagram can be at most.
const MERGED: usize = 1 << 16;
/// Datagrams (merged ones count as one) taken from a socket by one system call.
const PER_CALL: usize = 16;

/// A socket with its offload state.
#[derive(Debug)]
pub struct Udp {
    socket: Socket,
    offload: UdpSocketState,
    token: Token,
    /// WRITABLE is asked for only after the kernel had no room: otherwise every sent packet would wake the loop.
    blocked: bool,
    /// Something may wait to be received.
    readable: bool,
    /// Whether this machine's other daemons are sent copies of what goes to a group.
    looped: bool,
}

/// What became of a burst.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Sent {
    /// Datagrams that are done with: handed to the kernel, or refused.
    pub done: usize,
    /// Of these, refused (no route, no buffer, interface down).
    pub refused: usize,
    /// The kernel has no room now; the rest is to be offered again when the socket is writable.
    pub full: bool,
}

/// Memory to receive into, shared by all sockets of a daemon.
pub struct Buffers {
    bytes: Vec<u8>,
    meta: [RecvMeta; PER_CALL],
}

impl Default for Buffers {
    fn default() -> Self {
        Self { bytes: vec![0; MERGED * PER_CALL], meta: [RecvMeta::default(); PER_CALL] }
    }
}

impl Udp {
    /// A socket on a port of one address, or of every one of its family. `shared` ports can be taken by several daemons.
    pub fn bind(any: IpAddr, port: u16, shared: bool, token: Token) -> io::Result<Self> {
        let socket =
            Socket::new(Domain::for_address(SocketAddr::new(any, port)), Type::DGRAM, Some(Protocol::UDP))?;
        socket.set_reuse_address(shared)?;
        match any {
            IpAddr::V4(_) => {
                socket.set_multicast_all_v4(false)?;
                socket.set_multicast_loop_v4(true)?;
                socket.set_multicast_ttl_v4(1)?;
                socket.set_ttl_v4(1)?;
                socket.set_broadcast(true)?;
            }
            IpAddr::V6(_) => {
                socket.set_only_v6(true)?;
                socket.set_multicast_all_v6(false)?;
                socket.set_multicast_loop_v6(true)?;
                socket.set_multicast_hops_v6(1)?;
                socket.set_unicast_hops_v6(1)?;
            }
        }
        socket.bind(&SocketAddr::new(any, port).into())?;
        // With the capability past rmem_max, without it as far as that lets.
        if sockopt::set_socket_recv_buffer_size_force(&socket, RECEIVE_BUFFER).is_err() {
            socket.set_recv_buffer_size(RECEIVE_BUFFER)?;
        }
        socket.set_send_buffer_size(SEND_BUFFER)?;
        let offload = UdpSocketState::new((&socket).into())?;
        Ok(Self { socket, offload, token, blocked: false, readable: true, looped: true })
    }

    /// Puts the socket into the poll.
    pub fn register(&self, registry: &Registry) -> io::Result<()> {
        registry.register(&mut SourceFd(&self.socket.as_raw_fd()), self.token, Interest::READABLE)
    }

    /// Its token.
    pub fn token(&self) -> Token {
        self.token
    }

    /// Something has arrived.
    pub fn on_readable(&mut self) {
        self.readable = true;
    }

    /// Whether other daemons on this machine are to hear what is sent to a group.
    pub fn set_looped(&mut self, looped: bool) {
        if looped == self.looped {
            return;
        }
        let done = match self.socket.domain() {
            Ok(Domain::IPV6) => self.socket.set_multicast_loop_v6(looped),
            _ => self.socket.set_multicast_loop_v4(looped),
        };
        if done.is_ok() {
            self.looped = looped;
        }
    }

    /// Bytes the kernel keeps for this socket before it drops.
    pub fn receive_buffer(&self) -> usize {
        // The kernel doubles what is asked for, for its own bookkeeping.
        self.socket.recv_buffer_size().unwrap_or(0) / 2
    }

    /// How many datagrams the kernel keeps for this socket before it drops.
    pub fn room(&self) -> u32 {
        u32::try_from(2 * self.receive_buffer() / BUFFERED).unwrap_or(u32::MAX)
    }

    /// Enters a group on an interface. A membership that an earlier life of the interface left behind is renewed.
    pub fn join(&self, group: IpAddr, interface: u32) -> io::Result<()> {
        self.leave(group, interface);
        match group {
            IpAddr::V4(group) => self.socket.join_multicast_v4_n(&group, &index(interface)),
            IpAddr::V6(group) => self.socket.join_multicast_v6(&group, interface),
        }
    }

    /// Enters a group on the link of one of this host's addresses: an IPv4 address, or an IPv6 one with its scope.
    pub fn join_at(&self, group: IpAddr, local: SocketAddr) -> io::Result<()> {
        match (group, local) {
            (IpAddr::V4(group), SocketAddr::V4(local)) => self.socket.join_multicast_v4(&group, local.ip()),
            (IpAddr::V6(group), SocketAddr::V6(local)) => {
                self.socket.join_multicast_v6(&group, local.scope_id())
            }
            _ => Err(io::ErrorKind::InvalidInput.into()),
        }
    }

    /// Leaves a group on an interface, which may be gone already.
    pub fn leave(&self, group: IpAddr, interface: u32) {
        // An error means that it was not a member: what was wanted.
        let _ = match group {
            IpAddr::V4(group) => self.socket.leave_multicast_v4_n(&group, &index(interface)),
            IpAddr::V6(group) => self.socket.leave_multicast_v6(&group, interface),
        };
    }

    /// Forgets that offload was refused: the interfaces have changed.
    pub fn retry_offload(&mut self) {
        if let Ok(fresh) = UdpSocketState::new((&self.socket).into()) {
            self.offload = fresh;
        }
    }

    /// Sends datagrams in order, runs of equal size (the last of a run may be shorter) as one burst each.
    /// `source` chooses the interface of multicast and broadcast; no route is needed for it.
    pub fn send(
        &self,
        to: SocketAddr,
        source: Option<IpAddr>,
        datagrams: &[Bytes],
        scratch: &mut Vec<u8>,
    ) -> Sent {
        let mut sent = Sent::default();
        while let Some(first) = datagrams.get(sent.done) {
            let run = run_length(&datagrams[sent.done..], self.offload.max_gso_segments());
            let burst = &datagrams[sent.done..sent.done + run];
            let contents = if run == 1 { first } else { gather(scratch, burst) };
            let segment_size = (run > 1).then_some(first.len());
            let transmit = Transmit { destination: to, ecn: None, contents, segment_size, src_ip: source };
            match self.offload.try_send((&self.socket).into(), &transmit) {
                Ok(()) => sent.done += run,
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => {
                    sent.full = true;
                    return sent;
                }
                // The device refused the burst: quinn-udp has turned offload off, so the next run is one datagram.
                Err(_) if run > 1 && self.offload.max_gso_segments() == 1 => {}
                Err(_) => {
                    sent.done += run;
                    sent.refused += run;
                }
            }
        }
        sent
    }

    /// Asks for a WRITABLE event, or no longer.
    pub fn want_writable(&mut self, registry: &Registry, wanted: bool) -> io::Result<()> {
        if self.blocked == wanted {
            return Ok(());
        }
        self.blocked = wanted;
        let interest = if wanted { Interest::READABLE | Interest::WRITABLE } else { Interest::READABLE };
        registry.reregister(&mut SourceFd(&self.socket.as_raw_fd()), self.token, interest)
    }

    /// Takes what has arrived, one system call's worth, and hands each datagram over. False: nothing was there.
    pub fn receive(&mut self, buffers: &mut Buffers, mut each: impl FnMut(&RecvMeta, &[u8])) -> bool {
        if !self.readable {
            return false;
        }
        let mut slices: [IoSliceMut<'_>; PER_CALL] = {
            let mut parts = buffers.bytes.chunks_exact_mut(MERGED);
            std::array::from_fn(|_| IoSliceMut::new(parts.next().unwrap_or_default()))
        };
        let arrived = match self.offload.recv((&self.socket).into(), &mut slices, &mut buffers.meta) {
            Ok(arrived) => {
                // Fewer than asked for: that was all. What comes from now on is a new event.
                self.readable = arrived == PER_CALL;
                arrived
            }
            Err(e) if e.kind() == io::ErrorKind::WouldBlock => {
                self.readable = false;
                return false;
            }
            // An error about something sent earlier: it is told once, and there may be more behind it.
            Err(_) => 0,
        };
        for (meta, bytes) in buffers.meta[..arrived].iter().zip(&slices) {
            for datagram in bytes[..meta.len].chunks(meta.stride.max(1)) {
                each(meta, datagram);
            }
        }
        true
    }
}

impl AsFd for Udp {
    fn as_fd(&self) -> std::os::fd::BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

fn index(interface: u32) -> socket2::InterfaceIndexOrAddress {
    socket2::InterfaceIndexOrAddress::Index(interface)
}

/// How many datagrams from the front go as one burst: all of the first one's size, but the last, which may be shorter.
fn run_length(datagrams: &[Bytes], max_segments: usize) -> usize {
    let size = datagrams[0].len();
    let max = max_segments.min(MAX_BURST / size.max(1)).max(1);
    let equal = datagrams.iter().take(max).take_while(|d| d.len() == size).count();
    let tail = datagrams.get(equal).is_some_and(|d| equal < max && !d.is_empty() && d.len() < size);
    equal + usize::from(tail)
}

fn gather<'a>(scratch: &'a mut Vec<u8>, burst: &[Bytes]) -> &'a [u8] {
    scratch.clear();
    burst.iter().for_each(|datagram| scratch.extend_from_slice(datagram));
    scratch
}

/// Every address of a family.
pub const ANY4: IpAddr = IpAddr::V4(Ipv4Addr::UNSPECIFIED);
/// Every address of a family.
pub const ANY6: IpAddr = IpAddr::V6(Ipv6Addr::UNSPECIFIED);

#[cfg(test)]
mod tests {
    use super::*;

    fn sizes(sizes: &[usize]) -> Vec<Bytes> {
        sizes.iter().enumerate().map(|(n, size)| Bytes::from(vec![n as u8; *size])).collect()
    }

    #[test]
    fn runs_end_where_sizes_do() {
        assert_eq!(run_length(&sizes(&[5, 5, 5, 3, 5]), 64), 4, "a shorter one closes the burst");
        assert_eq!(run_length(&sizes(&[5, 6]), 64), 1);
        assert_eq!(run_length(&sizes(&[5, 5, 5, 5]), 2), 2);
        assert_eq!(run_length(&sizes(&[5, 5, 3]), 2), 2, "the short one must fit as well");
        assert_eq!(
            run_length(&sizes(&[30_000, 30_000, 30_000]), 64),
            2,
            "a burst is one IP packet to the kernel"
        );
        assert_eq!(run_length(&sizes(&[5, 0]), 64), 1, "an empty datagram is not a segment");
    }

    #[test]
    fn bursts_of_any_mix_arrive_datagram_by_datagram() {
        let mut receiver = Udp::bind(Ipv4Addr::LOCALHOST.into(), 0, false, Token(0)).unwrap();
        let sender = Udp::bind(Ipv4Addr::LOCALHOST.into(), 0, false, Token(1)).unwrap();
        let to = receiver.socket.local_addr().unwrap().as_socket().unwrap();
        let mixed: Vec<usize> = (0..200).map(|n| if n % 7 == 0 { 40 + n } else { 1400 }).collect();
        let datagrams = sizes(&mixed);
        let sent = sender.send(to, None, &datagrams, &mut Vec::new());
        assert_eq!(sent, Sent { done: 200, refused: 0, full: false });
        let mut got = Vec::new();
        let mut buffers = Buffers::default();
        while receiver.receive(&mut buffers, |_, datagram| got.push(datagram.to_vec())) {}
        assert_eq!(got.len(), 200);
        assert!(got.iter().zip(&datagrams).all(|(got, sent)| got == sent));
    }

    #[test]
    fn what_the_network_refuses_is_counted_and_not_fatal() {
        let sender = Udp::bind(Ipv4Addr::LOCALHOST.into(), 0, false, Token(1)).unwrap();
        let nowhere = "192.0.2.1:9".parse().unwrap();
        let sent = sender.send(nowhere, None, &sizes(&[100, 100, 50]), &mut Vec::new());
        assert_eq!((sent.done, sent.refused, sent.full), (3, 3, false));
    }

    #[test]
    fn a_shared_port_takes_two_and_an_own_port_one() {
        let one = Udp::bind(ANY4, 0, true, Token(0)).unwrap();
        let port = one.socket.local_addr().unwrap().as_socket().unwrap().port();
        assert!(Udp::bind(ANY4, port, true, Token(0)).is_ok());
        assert!(Udp::bind(ANY4, port, false, Token(0)).is_err());
        assert!(one.receive_buffer() > 0);
    }
}
