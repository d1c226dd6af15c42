//! Bytes of a catch-up, and connections that stay on the link.
//!
//! Invariant: a request is checked as a whole before any of it is acted on.

use chalktalk_ipc::{OriginId, SessionId};
use chalktalk_protocol::ids::{Epoch, LogId, Seq};
use mio::net::TcpStream;
use socket2::{Domain, Protocol, Socket, Type};
use std::{
    io,
    net::{IpAddr, Ipv6Addr, SocketAddr},
};

/// Answer: entries follow.
pub(super) const ENTRIES: u8 = 0;
/// Answer: ask another.
pub(super) const BUSY: u8 = 1;

/// How a request begins.
pub const MAGIC: [u8; 4] = *b"CTCU";
const VERSION: u8 = 2;
/// Magic, version, session, count, port.
const HEAD: usize = 25;
const WANT: usize = 36;

/// Logs in one request. Who lacks more asks again.
pub(super) const MAX_WANTS: usize = 1024;
/// The longest request.
pub(super) const MAX_REQUEST: usize = HEAD + MAX_WANTS * WANT;

/// A part of one log.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Want {
    /// Which log.
    pub log: LogId,
    /// From this slot on.
    pub from: Seq,
    /// Up to and with this one.
    pub to: Seq,
}

/// What is asked for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Request {
    /// The session.
    pub session: SessionId,
    /// Where who asks can be asked in turn.
    pub port: u16,
    /// The parts that are missing; those beyond the first 1,024 are not asked for.
    pub wants: Vec<Want>,
}

impl Request {
    pub(super) fn encode(&self) -> Vec<u8> {
        let wants = &self.wants[..self.wants.len().min(MAX_WANTS)];
        let mut out = Vec::with_capacity(HEAD + wants.len() * WANT);
        out.extend_from_slice(&MAGIC);
        out.push(VERSION);
        out.extend_from_slice(&self.session.0);
        out.extend_from_slice(&(wants.len() as u16).to_le_bytes());
        out.extend_from_slice(&self.port.to_le_bytes());
        for want in wants {
            out.extend_from_slice(&want.log.origin.0);
            out.extend_from_slice(&want.log.epoch.0.to_le_bytes());
            out.extend_from_slice(&want.from.0.to_le_bytes());
            out.extend_from_slice(&want.to.0.to_le_bytes());
        }
        out
    }

    /// `Ok(None)`: not all of it has arrived. `Err`: it is none.
    pub(super) fn decode(bytes: &[u8]) -> Result<Option<Self>, Malformed> {
        let Some((head, rest)) = bytes.split_first_chunk::<HEAD>() else {
            let known = bytes.len().min(MAGIC.len());
            return if bytes[..known] == MAGIC[..known] { Ok(None) } else { Err(Malformed) };
        };
        let count = usize::from(u16::from_le_bytes([head[21], head[22]]));
        if head[..4] != MAGIC || head[4] != VERSION || count > MAX_WANTS || rest.len() > count * WANT {
            return Err(Malformed);
        }
        if rest.len() < count * WANT {
            return Ok(None);
        }
        let wants = rest.chunks_exact(WANT).map(read_want).collect::<Option<_>>().ok_or(Malformed)?;
        let session = SessionId::from_slice(&head[5..21]).ok_or(Malformed)?;
        Ok(Some(Self { session, port: u16::from_le_bytes([head[23], head[24]]), wants }))
    }
}

/// Others to be asked, in the answer of who is busy.
pub(super) const MAX_OTHERS: usize = 4;

const OTHER: usize = 18;

/// The answer of who is busy.
pub(super) fn busy(others: &[SocketAddr]) -> Vec<u8> {
    let others = &others[..others.len().min(MAX_OTHERS)];
    let mut out = vec![BUSY, others.len() as u8];
    for other in others {
        let address = match other.ip() {
            IpAddr::V4(address) => address.to_ipv6_mapped(),
            IpAddr::V6(address) => address,
        };
        out.extend_from_slice(&address.octets());
        out.extend_from_slice(&other.port().to_le_bytes());
    }
    out
}

/// Whom that answer names; `Ok(None)`: not all of it has arrived.
pub(super) fn read_busy(rest: &[u8]) -> Result<Option<Vec<SocketAddr>>, Malformed> {
    let Some((&count, rest)) = rest.split_first() else { return Ok(None) };
    if usize::from(count) > MAX_OTHERS {
        return Err(Malformed);
    }
    let Some(rest) = rest.get(..usize::from(count) * OTHER) else { return Ok(None) };
    let other = |bytes: &[u8]| {
        let address: [u8; 16] = bytes[..16].try_into().expect("chunks of 18");
        let port = u16::from_le_bytes([bytes[16], bytes[17]]);
        SocketAddr::new(Ipv6Addr::from(address).to_canonical(), port)
    };
    Ok(Some(rest.chunks_exact(OTHER).map(other).collect()))
}

fn read_want(bytes: &[u8]) -> Option<Want> {
    let origin = OriginId::from_slice(&bytes[..16])?;
    let epoch = Epoch(u32::from_le_bytes(*bytes[16..].first_chunk()?));
    let from = Seq(u64::from_le_bytes(*bytes[20..].first_chunk()?));
    let to = Seq(u64::from_le_bytes(*bytes[28..].first_chunk()?));
    (from.0 > 0 && from <= to).then_some(Want { log: LogId { origin, epoch }, from, to })
}

/// Bytes that are not a catch-up.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Malformed;

/// Begins to connect; nothing sent on it leaves the link.
///
/// # Errors
/// There is no way there.
pub fn connect(to: SocketAddr) -> io::Result<TcpStream> {
    let socket = Socket::new(Domain::for_address(to), Type::STREAM.nonblocking(), Some(Protocol::TCP))?;
    match to {
        SocketAddr::V4(_) => socket.set_ttl_v4(1)?,
        SocketAddr::V6(_) => socket.set_unicast_hops_v6(1)?,
    }
    match socket.connect(&to.into()) {
        Err(e) if e.raw_os_error() != Some(rustix::io::Errno::INPROGRESS.raw_os_error()) => return Err(e),
        _ => {}
    }
    Ok(TcpStream::from_std(socket.into()))
}
