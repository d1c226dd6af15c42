//! The clear header that every frame between daemons starts with.
//!
//! Little endian: magic u16, major version u8, kind u8, flags u8, header length u8, total length u16, session GUID 16,
//! destination instance GUID 16, key id u32.
//!
//! Invariant: a [`Header`] that parsed describes a datagram of exactly the length it claims.

use chalktalk_ipc::{InstanceId, SessionId};

/// Bytes of the clear header.
pub const HEADER: usize = 44;

/// Longest UDP payload: 1,500 B of Ethernet less the IPv6 and UDP headers, so that one frame serves both families.
pub const MAX_DATAGRAM: usize = 1452;

/// Longest UDP payload that every link takes that carries IPv6 (RFC 8200 §5: 1,280 B): what all frames but entries keep to.
pub const SAFE_DATAGRAM: usize = 1232;

const MAGIC: u16 = u16::from_le_bytes(*b"Ct");
const MAJOR: u8 = 1;

/// What a frame is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum Kind {
    /// A slot of a log (`entry.rs`).
    Entry = 1,
    /// A volatile message (one datagram each).
    Volatile = 2,
    /// Asks for missing entries.
    Nack = 3,
    /// Tells an origin how far one has come.
    Report = 4,
    /// A version vector, to find what either side lacks.
    Vector = 5,
    /// Tells an origin that a message could not be handed over.
    Failure = 6,
    /// A heartbeat or leave: a host frame.
    Host = 7,
    /// Asks somebody into a session whose key they do not have.
    Invitation = 8,
    /// Tells those who asked that it has come, or that the answer is no.
    Answer = 9,
    /// Tries a way out (`probe.rs`).
    Probe = 10,
    /// Tells which of a run's probes came.
    ProbeAnswer = 11,
}

/// Why bytes are not a frame.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Malformed {
    /// Too short, too long, or not as long as it says.
    #[error("length")]
    Length,
    /// Not ours at all.
    #[error("magic")]
    Magic,
    /// A version with another major number.
    #[error("version")]
    Version,
    /// A kind or flag that this version does not know.
    #[error("kind")]
    Kind,
    /// The body does not decode.
    #[error("body")]
    Body,
}

/// The clear header.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Header {
    /// What the frame is.
    pub kind: Kind,
    /// Bits whose meaning depends on the kind.
    pub flags: u8,
    /// Session it belongs to; nil for host frames.
    pub session: SessionId,
    /// Instance it is for; nil: all of the session.
    pub destination: InstanceId,
    /// Which key seals it; 0: none.
    pub key_id: u32,
}

impl Header {
    /// A header for everybody in a session.
    pub fn new(kind: Kind, session: SessionId) -> Self {
        Self { kind, flags: 0, session, destination: InstanceId::NIL, key_id: 0 }
    }

    /// Reads the header; the rest of the datagram is the body.
    pub fn parse(datagram: &[u8]) -> Result<(Self, &[u8]), Malformed> {
        if datagram.len() < HEADER || datagram.len() > MAX_DATAGRAM {
            return Err(Malformed::Length);
        }
        let u16_at = |i: usize| u16::from_le_bytes([datagram[i], datagram[i + 1]]);
        if u16_at(0) != MAGIC {
            return Err(Malformed::Magic);
        }
        if datagram[2] != MAJOR {
            return Err(Malformed::Version);
        }
        let header_length = usize::from(datagram[5]);
        if usize::from(u16_at(6)) != datagram.len() || !(HEADER..=datagram.len()).contains(&header_length) {
            return Err(Malformed::Length);
        }
        let kind = match datagram[3] {
            1 => Kind::Entry,
            2 => Kind::Volatile,
            3 => Kind::Nack,
            4 => Kind::Report,
            5 => Kind::Vector,
            6 => Kind::Failure,
            7 => Kind::Host,
            8 => Kind::Invitation,
            9 => Kind::Answer,
            10 => Kind::Probe,
            11 => Kind::ProbeAnswer,
            _ => return Err(Malformed::Kind),
        };
        let guid = |i: usize| <[u8; 16]>::try_from(&datagram[i..i + 16]).expect("length was checked");
        let key_id = u32::from_le_bytes(datagram[40..44].try_into().expect("length was checked"));
        let header = Self {
            kind,
            flags: datagram[4],
            session: SessionId(guid(8)),
            destination: InstanceId(guid(24)),
            key_id,
        };
        Ok((header, &datagram[header_length..]))
    }

    /// Bytes of the clear header of a datagram that was parsed.
    pub fn length(datagram: &[u8]) -> usize {
        usize::from(datagram[5])
    }

    /// Writes the header over the first [`HEADER`] bytes of a datagram to which `more` bytes will be appended.
    pub fn write_over(&self, datagram: &mut [u8], more: usize) {
        let total = u16::try_from(datagram.len() + more).expect("datagrams are built within MAX_DATAGRAM");
        datagram[0..2].copy_from_slice(&MAGIC.to_le_bytes());
        datagram[2..6].copy_from_slice(&[MAJOR, self.kind as u8, self.flags, HEADER as u8]);
        datagram[6..8].copy_from_slice(&total.to_le_bytes());
        datagram[8..24].copy_from_slice(&self.session.0);
        datagram[24..40].copy_from_slice(&self.destination.0);
        datagram[40..44].copy_from_slice(&self.key_id.to_le_bytes());
    }

    /// A whole datagram: this header and a body.
    pub fn datagram(&self, body: &[u8]) -> Vec<u8> {
        let mut datagram = vec![0; HEADER];
        datagram.extend_from_slice(body);
        self.write_over(&mut datagram, 0);
        datagram
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> (Header, Vec<u8>) {
        let header = Header {
            kind: Kind::Nack,
            flags: 3,
            session: SessionId([1; 16]),
            destination: InstanceId([2; 16]),
            key_id: 77,
        };
        (header, header.datagram(b"body"))
    }

    #[test]
    fn headers_read_back() {
        let (header, datagram) = sample();
        assert_eq!(Header::parse(&datagram), Ok((header, &b"body"[..])));
    }

    #[test]
    fn a_longer_header_of_a_later_minor_version_is_skipped() {
        let (header, mut datagram) = sample();
        datagram[5] = HEADER as u8 + 2;
        assert_eq!(Header::parse(&datagram), Ok((header, &b"dy"[..])));
    }

    #[test]
    fn what_is_not_a_frame_is_named() {
        let (_, good) = sample();
        let with = |at: usize, byte: u8| {
            let mut bad = good.clone();
            bad[at] = byte;
            Header::parse(&bad).map(|_| ())
        };
        assert_eq!(with(0, 0), Err(Malformed::Magic));
        assert_eq!(with(2, 2), Err(Malformed::Version));
        assert_eq!(with(3, 99), Err(Malformed::Kind));
        assert_eq!(with(5, 0), Err(Malformed::Length));
        assert_eq!(with(5, 255), Err(Malformed::Length));
        assert_eq!(with(6, 1), Err(Malformed::Length));
        for cut in 0..good.len() {
            assert!(Header::parse(&good[..cut]).is_err());
        }
        assert_eq!(Header::parse(&vec![0; MAX_DATAGRAM + 1]), Err(Malformed::Length));
    }
}
