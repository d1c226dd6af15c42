//! Entries: the slots of a log, as they travel and as they are stored.
//!
//! Behind the clear header, little endian: origin 16, epoch u32, seq u64, Lamport stamp u64, wall time u64 (ms since
//! 1970, for display), offset of the first message that starts in the body u16, body length u16, body. A signed entry
//! goes on with: count u8, count hashes of 16 bytes, signature 64. The first hash is that of the previous signed entry
//! (zero for the first), the others those of the entries directly before this one, oldest first.
//!
//! Invariant: a parsed [`Entry`] borrows the datagram it came from; the datagram itself is what is stored and repaired.

use crate::{
    crypto::SIGNATURE,
    frame::{HEADER, Header, Kind, MAX_DATAGRAM, Malformed, SAFE_DATAGRAM},
    ids::{Epoch, LogId, Seq},
    seal::Ring,
};
use chalktalk_ipc::{InstanceId, OriginId, SessionId};
use ed25519_dalek::{Signer, SigningKey};

/// Bytes before the body.
pub const PREFIX: usize = HEADER + 48;

/// The longest body.
pub const MAX_BODY: usize = MAX_DATAGRAM - PREFIX;

/// The longest body, as it travels, of what is said of membership and app sessions: it takes every link as it is.
pub const MAX_SAID: usize = SAFE_DATAGRAM - PREFIX;

/// Entries that one signature covers besides its own: the hash list must fit one datagram, and a lost signature must
/// not hold back much.
pub const MAX_COVERED: usize = 32;

/// No message starts in this body, and the one that is being continued goes on.
pub const CONTINUES: u16 = u16::MAX;

const SIGNED: u8 = 1;
const GENESIS: u8 = 2;
const URGE: u8 = 4;
const STATEMENT: u8 = 8;
const NOTICE: u8 = 16;

/// One slot of a log.
#[derive(Clone, Copy, Debug)]
pub struct Entry<'a> {
    /// Session of the log.
    pub session: SessionId,
    /// Instance it is for; nil: all.
    pub destination: InstanceId,
    /// The log.
    pub log: LogId,
    /// The slot.
    pub seq: Seq,
    /// Lamport stamp.
    pub stamp: u64,
    /// Author's wall clock, ms since 1970.
    pub time: u64,
    /// Whether the body is a genesis record rather than messages.
    pub genesis: bool,
    /// Whether the author waits for reports before it can go on.
    pub urge: bool,
    /// Whether the body says something of the membership rather than messages.
    pub statement: bool,
    /// Whether the body says something of an app session rather than messages.
    pub notice: bool,
    /// Which key seals the body; 0: none.
    pub key_id: u32,
    /// Where in the body the first message starts; the body's length if none does but the continued one ends here.
    pub first: u16,
    /// Everything before the body.
    pub clear: &'a [u8],
    /// A slice of the origin's message stream, as it travels: sealed in sealed sessions ([`Ring::open_entry`]).
    pub body: &'a [u8],
    /// The signature, if this entry carries one.
    pub proof: Option<Proof<'a>>,
}

/// The signature of a signed entry and what it covers.
#[derive(Clone, Copy, Debug)]
pub struct Proof<'a> {
    hashes: &'a [u8],
    /// Everything that is signed: the datagram up to the signature.
    pub signed: &'a [u8],
    /// The signature.
    pub signature: &'a [u8; SIGNATURE],
}

impl Proof<'_> {
    /// Hash of the signed entry before this one (zero for the first).
    pub fn previous(&self) -> [u8; 16] {
        self.hashes[..16].try_into().expect("parse checked that there is one")
    }

    /// Hashes of the entries directly before this one, oldest first.
    pub fn covered(&self) -> impl ExactSizeIterator<Item = [u8; 16]> + '_ {
        self.hashes[16..].chunks_exact(16).map(|h| h.try_into().expect("chunks of 16"))
    }
}

/// Whether a frame hands out keys: an entry that is sealed only to those who get them.
pub fn hands_out_keys(header: &Header) -> bool {
    header.kind == Kind::Entry && header.key_id == 0 && header.flags & STATEMENT != 0
}

impl<'a> Entry<'a> {
    /// Reads an entry whose header is parsed; `datagram` is the whole of it.
    pub fn parse(header: &Header, datagram: &'a [u8], rest: &'a [u8]) -> Result<Self, Malformed> {
        if header.flags & !(SIGNED | GENESIS | URGE | STATEMENT | NOTICE) != 0 {
            return Err(Malformed::Kind);
        }
        let (fixed, rest) = rest.split_first_chunk::<48>().ok_or(Malformed::Length)?;
        let u64_at = |i: usize| u64::from_le_bytes(fixed[i..i + 8].try_into().expect("within 48"));
        let u16_at = |i: usize| u16::from_le_bytes([fixed[i], fixed[i + 1]]);
        let epoch = u32::from_le_bytes(fixed[16..20].try_into().expect("within 48"));
        let (body, rest) = rest.split_at_checked(usize::from(u16_at(46))).ok_or(Malformed::Length)?;
        let clear = &datagram[..Header::length(datagram) + 48];
        let entry = Self {
            session: header.session,
            destination: header.destination,
            log: LogId { origin: OriginId(fixed[..16].try_into().expect("within 48")), epoch: Epoch(epoch) },
            seq: Seq(u64_at(20)),
            stamp: u64_at(28),
            time: u64_at(36),
            genesis: header.flags & GENESIS != 0,
            urge: header.flags & URGE != 0,
            statement: header.flags & STATEMENT != 0,
            notice: header.flags & NOTICE != 0,
            key_id: header.key_id,
            first: u16_at(44),
            clear,
            body,
            proof: Self::parse_proof(header, datagram, rest)?,
        };
        let named = entry.seq > Seq(0) && entry.seq < Seq(u64::MAX >> 1) && epoch > 0;
        let genesis_ok = entry.genesis == (entry.seq == Seq(1)) && (!entry.genesis || entry.proof.is_some());
        let entry = entry.with_checked_body().ok_or(Malformed::Body)?;
        if named && genesis_ok { Ok(entry) } else { Err(Malformed::Body) }
    }

    /// The same, if what it says of its body can be: asked of a sealed body, and again when that has been opened.
    pub(crate) fn with_checked_body(self) -> Option<Self> {
        (self.first == CONTINUES || usize::from(self.first) <= self.body.len()).then_some(self)
    }

    /// Reads an entry from a whole datagram, such as the store gives back.
    pub fn from_datagram(datagram: &'a [u8]) -> Result<Self, Malformed> {
        let (header, rest) = Header::parse(datagram)?;
        if header.kind != Kind::Entry {
            return Err(Malformed::Kind);
        }
        Self::parse(&header, datagram, rest)
    }

    fn parse_proof(
        header: &Header,
        datagram: &'a [u8],
        rest: &'a [u8],
    ) -> Result<Option<Proof<'a>>, Malformed> {
        if header.flags & SIGNED == 0 {
            return if rest.is_empty() { Ok(None) } else { Err(Malformed::Length) };
        }
        let (&count, rest) = rest.split_first().ok_or(Malformed::Length)?;
        let count = usize::from(count);
        if count == 0 || count > MAX_COVERED + 1 {
            return Err(Malformed::Body);
        }
        let (hashes, signature) = rest.split_at_checked(count * 16).ok_or(Malformed::Length)?;
        let signature = signature.try_into().map_err(|_| Malformed::Length)?;
        let signed = &datagram[..datagram.len() - SIGNATURE];
        Ok(Some(Proof { hashes, signed, signature }))
    }
}

/// Where an entry stands and when it was made: what the writer fills in when it flushes.
#[derive(Clone, Copy, Debug)]
pub struct Place {
    /// Session of the log.
    pub session: SessionId,
    /// The log.
    pub log: LogId,
    /// The slot.
    pub seq: Seq,
    /// Lamport stamp.
    pub stamp: u64,
    /// Wall clock, ms since 1970.
    pub time: u64,
}

/// A body being filled, with room for everything before it and for its seal.
#[derive(Clone, Debug)]
pub struct Draft {
    datagram: Vec<u8>,
    /// Instance it is for; nil: all.
    pub destination: InstanceId,
    first: u16,
    says: u8,
    overhead: usize,
    /// The longest datagram that it may become.
    limit: usize,
}

impl Draft {
    /// An empty body. `overhead`: bytes that sealing it will add ([`Ring::overhead`]).
    pub fn new(destination: InstanceId, overhead: usize) -> Self {
        let mut datagram = Vec::with_capacity(MAX_DATAGRAM);
        datagram.resize(PREFIX, 0);
        Self { datagram, destination, first: CONTINUES, says: 0, overhead, limit: MAX_DATAGRAM }
    }

    /// The same, with a datagram of at most so many bytes.
    pub fn within(self, limit: usize) -> Self {
        Self { limit, ..self }
    }

    /// A body that says something of the membership. An empty one stands for nothing.
    pub fn statement(body: &[u8], overhead: usize) -> Self {
        Self::saying(STATEMENT, body, overhead)
    }

    /// A body that says something of an app session. An empty one stands for nothing.
    pub fn notice(body: &[u8], overhead: usize) -> Self {
        Self::saying(NOTICE, body, overhead)
    }

    fn saying(says: u8, body: &[u8], overhead: usize) -> Self {
        let mut draft = Self { says, ..Self::new(InstanceId::NIL, overhead) }.within(SAFE_DATAGRAM);
        draft.push(body);
        draft
    }

    /// Bytes that still fit.
    pub fn room(&self) -> usize {
        self.limit - self.overhead - self.datagram.len()
    }

    /// Bytes of body so far.
    pub fn len(&self) -> usize {
        self.datagram.len() - PREFIX
    }

    /// Whether nothing has been written.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Notes that a message starts (or the continued one ends) at the present end of the body.
    pub fn mark_boundary(&mut self) {
        if self.first == CONTINUES {
            self.first = self.len() as u16;
        }
    }

    /// Appends bytes of the message stream.
    pub fn push(&mut self, bytes: &[u8]) {
        assert!(bytes.len() <= self.room(), "caller cuts at the room left");
        self.datagram.extend_from_slice(bytes);
    }

    /// Whether a signature that covers `covered` earlier entries still fits.
    pub fn fits_signature(&self, covered: usize) -> bool {
        self.room() > (covered + 1) * 16 + SIGNATURE
    }

    /// The finished datagram, not signed.
    pub fn finish(mut self, place: &Place, ring: &Ring) -> Vec<u8> {
        self.close(place, 0, ring, 0);
        self.datagram
    }

    /// The finished datagram with its signature. `previous` is the hash of the previous signed entry, `covered` those
    /// of the entries directly before this one; `urge`: the author waits for reports.
    pub fn finish_signed(
        mut self,
        place: &Place,
        urge: bool,
        previous: [u8; 16],
        covered: &[[u8; 16]],
        key: &SigningKey,
        ring: &Ring,
    ) -> Vec<u8> {
        let flag = |on: bool, bit: u8| if on { bit } else { 0 };
        let flags = SIGNED | flag(place.seq == Seq(1), GENESIS) | flag(urge, URGE);
        self.close(place, flags, ring, 1 + 16 * (covered.len() + 1) + SIGNATURE);
        self.datagram.push(covered.len() as u8 + 1);
        self.datagram.extend_from_slice(&previous);
        covered.iter().for_each(|hash| self.datagram.extend_from_slice(hash));
        let signature = key.sign(&self.datagram);
        self.datagram.extend_from_slice(&signature.to_bytes());
        self.datagram
    }

    /// Writes what stands before the body, and seals that. `more` bytes will follow.
    fn close(&mut self, place: &Place, flags: u8, ring: &Ring, more: usize) {
        debug_assert_eq!(self.overhead, ring.overhead(), "a session is sealed or open for good");
        let body = self.len() + ring.overhead();
        let fixed = &mut self.datagram[HEADER..PREFIX];
        fixed[..16].copy_from_slice(&place.log.origin.0);
        fixed[16..20].copy_from_slice(&place.log.epoch.0.to_le_bytes());
        fixed[20..28].copy_from_slice(&place.seq.0.to_le_bytes());
        fixed[28..36].copy_from_slice(&place.stamp.to_le_bytes());
        fixed[36..44].copy_from_slice(&place.time.to_le_bytes());
        fixed[44..46].copy_from_slice(&self.first.to_le_bytes());
        fixed[46..48].copy_from_slice(&(body as u16).to_le_bytes());
        let flags = flags | self.says;
        let mut header = Header::new(Kind::Entry, place.session);
        (header.flags, header.destination, header.key_id) = (flags, self.destination, ring.sending_id());
        header.write_over(&mut self.datagram, ring.overhead() + more);
        ring.seal_entry(&mut self.datagram, place.log, place.seq);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seal::Key;

    fn place(seq: u64) -> Place {
        Place {
            session: SessionId([1; 16]),
            log: LogId { origin: OriginId([2; 16]), epoch: Epoch(3) },
            seq: Seq(seq),
            stamp: 5,
            time: 6,
        }
    }

    #[test]
    fn entries_read_back() {
        let mut draft = Draft::new(InstanceId([7; 16]), 0);
        draft.push(b"tail");
        draft.mark_boundary();
        draft.push(b"head");
        let datagram = draft.finish(&place(2), &Ring::open());
        assert_eq!(datagram.len(), PREFIX + 8);
        let entry = Entry::from_datagram(&datagram).unwrap();
        assert_eq!((entry.seq, entry.first, entry.body), (Seq(2), 4, &b"tailhead"[..]));
        assert_eq!((entry.destination, entry.genesis), (InstanceId([7; 16]), false));
        assert!(entry.proof.is_none());
    }

    #[test]
    fn a_signature_covers_the_list_and_the_body() {
        let key = SigningKey::from_bytes(&[9; 32]);
        let mut draft = Draft::new(InstanceId::NIL, 0);
        draft.push(b"x");
        let datagram =
            draft.finish_signed(&place(4), false, [1; 16], &[[2; 16], [3; 16]], &key, &Ring::open());
        let proof = Entry::from_datagram(&datagram).unwrap().proof.unwrap();
        assert_eq!(proof.previous(), [1; 16]);
        assert_eq!(proof.covered().collect::<Vec<_>>(), [[2; 16], [3; 16]]);
        let holds = |datagram: &[u8]| {
            let Ok(Entry { proof: Some(proof), .. }) = Entry::from_datagram(datagram) else { return false };
            let signature = ed25519_dalek::Signature::from_bytes(proof.signature);
            key.verifying_key().verify_strict(proof.signed, &signature).is_ok()
        };
        assert!(holds(&datagram));
        for at in 0..datagram.len() {
            let mut changed = datagram.clone();
            changed[at] ^= 1;
            assert!(!holds(&changed), "byte {at}");
        }
    }

    #[test]
    fn a_sealed_body_is_as_long_as_was_promised_and_opens_under_its_key() {
        let ring = Ring::of(Key::new([4; 32]));
        let key = SigningKey::from_bytes(&[9; 32]);
        for covered in [0, 3] {
            let mut draft = Draft::new(InstanceId::NIL, ring.overhead());
            draft.push(b"tail");
            draft.mark_boundary();
            let room = draft.room() - (1 + 16 * (covered + 1) + SIGNATURE);
            draft.push(&vec![b'!'; room]);
            assert!(draft.fits_signature(covered) && !draft.fits_signature(covered + 1));
            let plain = draft.len();
            let datagram =
                draft.finish_signed(&place(5), true, [1; 16], &vec![[2; 16]; covered], &key, &ring);
            assert_eq!(datagram.len(), MAX_DATAGRAM);
            let entry = Entry::from_datagram(&datagram).unwrap();
            assert_eq!(entry.proof.unwrap().covered().len(), covered);
            assert!(!datagram.windows(4).any(|bytes| bytes == b"tail"));
            let mut scratch = Vec::new();
            let opened = ring.open_entry(entry, &mut scratch).unwrap();
            assert_eq!((opened.body.len(), &opened.body[..4], opened.first), (plain, &b"tail"[..], 4));
            assert!(Ring::of(Key::new([5; 32])).open_entry(entry, &mut Vec::new()).is_none());
            assert!(Ring::open().open_entry(entry, &mut Vec::new()).is_none());
        }
        let mut other = Draft::new(InstanceId::NIL, ring.overhead());
        other.push(b"tail");
        let at = |seq| other.clone().finish(&place(seq), &ring);
        assert_ne!(at(5)[PREFIX..], at(6)[PREFIX..], "another place, another nonce");
        let mut moved = at(5);
        moved[HEADER + 20] = 6;
        let moved = Entry::from_datagram(&moved).unwrap();
        assert!(ring.open_entry(moved, &mut Vec::new()).is_none(), "it says where it belongs");
    }

    #[test]
    fn no_cut_and_no_byte_value_panics() {
        let key = SigningKey::from_bytes(&[9; 32]);
        let datagram =
            Draft::new(InstanceId::NIL, 0).finish_signed(&place(1), false, [0; 16], &[], &key, &Ring::open());
        assert!(Entry::from_datagram(&datagram).unwrap().genesis);
        for at in 0..datagram.len() {
            for byte in [0, 1, 0x7f, 0x80, 0xff] {
                let mut changed = datagram.clone();
                changed[at] = byte;
                let _ = Entry::from_datagram(&changed);
                changed.truncate(at);
                let length = (changed.len() as u16).to_le_bytes();
                if let Some(field) = changed.get_mut(6..8) {
                    field.copy_from_slice(&length);
                }
                assert!(Entry::from_datagram(&changed).is_err());
            }
        }
    }
}
