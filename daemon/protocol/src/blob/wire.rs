//! What two daemons say to each other about one blob, over one TCP connection.
//!
//! ```text
//! asker:  "CTBL" | version u8 | session 16 | key id u32 | nonce 16
//! holder: nonce 16
//! then records, both ways:  length u32 | body
//! asker:  0 blob 32 size u64 hears u8 (first) | 1 first u32 count u32 | 2 piece u32
//! holder: 0 bits (first)                      | 1 first u32 leaves    | 2 piece u32 bytes | 3 pieces u32…
//! ```
//! and about a cast of that blob ([`super::cast`]):
//! ```text
//! holder: 4 cast 16 length u16 | 5 (it is over)
//! asker:  3 room u32 (it joins) | 4 first u32 count u32 (pieces held) | 5 number u32 (heard) | 6 piece u32 slices 32 (lacking)
//! ```
//! All integers are little endian. In a sealed session each body is sealed under a key that both nonces go into: what
//! somebody has recorded opens nothing, and is answered by nothing.
//!
//! Invariant: a body is read whole or not at all, and none is longer than [`MAX_RECORD`].

use super::{
    Blob,
    slice::{CastId, Slices},
    tree::{Leaf, MAX_PIECES, PIECE},
};
use crate::seal::{Key, OVERHEAD};
use chalktalk_ipc::{BlobId, SessionId};

/// How a connection about a blob begins.
pub const MAGIC: [u8; 4] = *b"CTBL";
const VERSION: u8 = 1;

/// Length of the greeting.
pub const GREETING: usize = 41;
/// Length of a nonce.
pub const NONCE: usize = 16;
/// The longest body that a holder sends.
pub const MAX_RECORD: usize = PIECE + 16 + OVERHEAD;
/// The longest body that an asker sends.
pub const MAX_ASK: usize = 64 + OVERHEAD;
/// Leaves in one record.
pub const MAX_LEAVES: u32 = (PIECE / size_of::<Leaf>()) as u32;

/// Random bytes of one end of one connection.
pub type Nonce = [u8; NONCE];

/// How an asker begins.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Greeting {
    /// The session in which the blob was offered.
    pub session: SessionId,
    /// The key that everything else is sealed under; 0 in open sessions.
    pub key_id: u32,
    /// Of the asker.
    pub nonce: Nonce,
}

impl Greeting {
    /// Its bytes.
    pub fn encode(&self) -> [u8; GREETING] {
        let mut out = [0; GREETING];
        out[..4].copy_from_slice(&MAGIC);
        out[4] = VERSION;
        out[5..21].copy_from_slice(&self.session.0);
        out[21..25].copy_from_slice(&self.key_id.to_le_bytes());
        out[25..].copy_from_slice(&self.nonce);
        out
    }

    /// `None`: it is none of this version.
    pub fn decode(bytes: &[u8; GREETING]) -> Option<Self> {
        let (head, nonce) = bytes.split_last_chunk::<NONCE>()?;
        let key_id = u32::from_le_bytes(*head.last_chunk()?);
        let session = SessionId::from_slice(&head[5..21])?;
        (head[..4] == MAGIC && head[4] == VERSION).then_some(Self { session, key_id, nonce: *nonce })
    }
}

/// What an asker says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Ask {
    /// Which blob it is about, and whether a cast of it would be heard.
    Open(Blob, bool),
    /// So many leaves from one on.
    Leaves(u32, u32),
    /// A piece.
    Piece(u32),
    /// It takes part in the cast it was told of, and has room for so many datagrams.
    Join(u32),
    /// It holds so many pieces from one on: they need not be cast for it.
    Held(u32, u32),
    /// It has heard the cast up to this number.
    Caught(u32),
    /// It lacks slices of a piece that were cast.
    Lacking(u32, Slices),
}

impl Ask {
    /// Appends its body.
    pub fn put(&self, out: &mut Vec<u8>) {
        match self {
            Self::Open(blob, hears) => {
                out.push(0);
                out.extend_from_slice(&blob.id.0);
                out.extend_from_slice(&blob.size.to_le_bytes());
                out.push(u8::from(*hears));
            }
            Self::Leaves(first, count) => put(out, 1, &[*first, *count]),
            Self::Piece(piece) => put(out, 2, &[*piece]),
            Self::Join(room) => put(out, 3, &[*room]),
            Self::Held(first, count) => put(out, 4, &[*first, *count]),
            Self::Caught(number) => put(out, 5, &[*number]),
            Self::Lacking(piece, slices) => {
                put(out, 6, &[*piece]);
                out.extend_from_slice(&slices.to_bytes());
            }
        }
    }

    /// `None`: it is nothing that an asker says.
    pub fn read(body: &[u8]) -> Option<Self> {
        let (kind, rest) = body.split_first()?;
        match (kind, rest.len()) {
            (0, 41) => {
                let (id, rest) = rest.split_first_chunk::<32>()?;
                let (size, hears) = rest.split_first_chunk::<8>()?;
                let blob = Blob { id: BlobId(*id), size: u64::from_le_bytes(*size) };
                (hears[0] <= 1).then_some(Self::Open(blob, hears[0] == 1))
            }
            (1, 8) => {
                let (first, count) = (number(&rest[..4])?, number(&rest[4..])?);
                (count <= MAX_LEAVES).then_some(Self::Leaves(first, count))
            }
            (2, 4) => number(rest).map(Self::Piece),
            (3, 4) => number(rest).map(Self::Join),
            (4, 8) => Some(Self::Held(number(&rest[..4])?, number(&rest[4..])?)),
            (5, 4) => number(rest).map(Self::Caught),
            (6, 36) => {
                let (piece, slices) = rest.split_first_chunk::<4>()?;
                Some(Self::Lacking(u32::from_le_bytes(*piece), Slices::from_bytes(slices.first_chunk()?)))
            }
            _ => None,
        }
    }
}

/// What a holder says.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Tell<'a> {
    /// Which pieces it has, a bit each; no bits: all of them.
    Has(&'a [u8]),
    /// Leaves from one on.
    Leaves(u32, &'a [u8]),
    /// A piece.
    Piece(u32, &'a [u8]),
    /// It has these pieces as well by now, u32 each.
    Also(&'a [u8]),
    /// It casts the blob from now on, in slices of so many bytes, to who joins.
    Cast(CastId, u16),
    /// It does not cast it any more, or not to this asker.
    Over,
}

impl<'a> Tell<'a> {
    /// Appends its body.
    pub fn put(&self, out: &mut Vec<u8>) {
        match self {
            Self::Has(_) => out.push(0),
            Self::Leaves(first, _) => put(out, 1, &[*first]),
            Self::Piece(piece, _) => put(out, 2, &[*piece]),
            Self::Also(_) => out.push(3),
            Self::Cast(..) => out.push(4),
            Self::Over => out.push(5),
        }
        match self {
            Self::Has(bytes) | Self::Leaves(_, bytes) | Self::Piece(_, bytes) | Self::Also(bytes) => {
                out.extend_from_slice(bytes);
            }
            Self::Cast(cast, length) => {
                out.extend_from_slice(cast);
                out.extend_from_slice(&length.to_le_bytes());
            }
            Self::Over => {}
        }
    }

    /// `None`: it is nothing that a holder says.
    pub fn read(body: &'a [u8]) -> Option<Self> {
        let (kind, rest) = body.split_first()?;
        match kind {
            0 => (rest.len() <= MAX_PIECES.div_ceil(8) as usize).then_some(Self::Has(rest)),
            1 => {
                let (first, leaves) = rest.split_at_checked(4)?;
                let whole = leaves.len().is_multiple_of(size_of::<Leaf>()) && leaves.len() <= PIECE;
                whole.then_some(Self::Leaves(number(first)?, leaves))
            }
            2 => {
                let (piece, bytes) = rest.split_at_checked(4)?;
                (bytes.len() <= PIECE).then_some(Self::Piece(number(piece)?, bytes))
            }
            3 => rest.len().is_multiple_of(4).then_some(Self::Also(rest)),
            4 => {
                let (cast, length) = rest.split_first_chunk()?;
                Some(Self::Cast(*cast, u16::from_le_bytes(length.try_into().ok()?)))
            }
            5 => rest.is_empty().then_some(Self::Over),
            _ => None,
        }
    }
}

fn put(out: &mut Vec<u8>, kind: u8, numbers: &[u32]) {
    out.push(kind);
    out.extend(numbers.iter().flat_map(|number| number.to_le_bytes()));
}

fn number(bytes: &[u8]) -> Option<u32> {
    Some(u32::from_le_bytes(bytes.try_into().ok()?))
}

/// Which end of a connection speaks.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum End {
    /// Who wants the blob.
    Asker = 1,
    /// Who has it.
    Holder = 2,
}

/// Seals or opens the records of one direction of one connection, in their order.
#[derive(Clone, Debug)]
pub struct Sealing {
    key: Option<Box<Key>>,
    end: End,
    counter: u64,
}

impl Sealing {
    /// Of what this end says. Without a key, in an open session, nothing is sealed.
    pub fn new(key: Option<&Key>, greeting: &Greeting, holder: &Nonce, end: End) -> Self {
        let key = key.map(|key| {
            let mut hash = blake3::Hasher::new_derive_key("chalktalk 2026 blob connection");
            hash.update(key.secret()).update(&greeting.session.0).update(&greeting.nonce).update(holder);
            Box::new(Key::new(*hash.finalize().as_bytes()))
        });
        Self { key, end, counter: 0 }
    }

    /// Appends a record to `out`; `body` appends what is in it.
    pub fn put(&mut self, out: &mut Vec<u8>, body: impl FnOnce(&mut Vec<u8>)) {
        let start = out.len();
        out.extend_from_slice(&[0; 4]);
        body(out);
        let nonce = self.next();
        if let Some(key) = &self.key {
            key.seal(&[], out, start + 4, nonce);
        }
        let length = (out.len() - start - 4) as u32;
        out[start..start + 4].copy_from_slice(&length.to_le_bytes());
    }

    /// What is in a record's body; `scratch` holds it if it was sealed. `None`: it is not the next one of this end.
    pub fn open<'a>(&mut self, body: &'a [u8], scratch: &'a mut Vec<u8>) -> Option<&'a [u8]> {
        let nonce = self.next();
        let Some(key) = &self.key else { return Some(body) };
        (key.open(&[], body, scratch)? == nonce).then_some(&scratch[..])
    }

    fn next(&mut self) -> [u8; 24] {
        self.counter += 1;
        let mut nonce = [0; 24];
        nonce[0] = self.end as u8;
        nonce[16..].copy_from_slice(&self.counter.to_le_bytes());
        nonce
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn greeting() -> Greeting {
        Greeting { session: SessionId([3; 16]), key_id: 7, nonce: [4; 16] }
    }

    #[test]
    fn what_is_said_reads_back_and_nothing_else_does() {
        assert_eq!(Greeting::decode(&greeting().encode()), Some(greeting()));
        let mut other = greeting().encode();
        other[4] = 2;
        assert_eq!(Greeting::decode(&other), None);
        let blob = Blob { id: BlobId([9; 32]), size: 1 << 40 };
        let lacking = Ask::Lacking(3, Slices::from_bytes(&[0xa5; Slices::BYTES]));
        for ask in [
            Ask::Open(blob, true),
            Ask::Leaves(5, MAX_LEAVES),
            Ask::Piece(u32::MAX),
            Ask::Join(104),
            Ask::Held(3, u32::MAX),
            Ask::Caught(70_000),
            lacking,
        ] {
            let mut body = Vec::new();
            ask.put(&mut body);
            assert!(body.len() + OVERHEAD <= MAX_ASK);
            assert_eq!(Ask::read(&body), Some(ask));
            assert_eq!(Ask::read(&body[..body.len() - 1]), None);
            body.push(0);
            assert_eq!(Ask::read(&body), None);
        }
        let leaves = [1; 64];
        for tell in [
            Tell::Has(&[]),
            Tell::Has(&[1, 2]),
            Tell::Leaves(1, &leaves),
            Tell::Piece(2, b"abc"),
            Tell::Also(&[0; 8]),
            Tell::Cast([4; 16], 1_422),
            Tell::Over,
        ] {
            let mut body = Vec::new();
            tell.put(&mut body);
            assert_eq!(Tell::read(&body), Some(tell));
        }
        assert_eq!(Tell::read(&[]), None);
        assert_eq!(Tell::read(&[1, 0, 0, 0, 0, 9]), None, "half a leaf");
        assert_eq!(Tell::read(&[2, 0, 0]), None);
        assert_eq!(Tell::read(&vec![2; PIECE + 6]), None, "longer than a piece");
        assert_eq!(Ask::read(&[1, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff]), None, "too many leaves");
    }

    #[test]
    fn records_are_opened_by_who_has_the_key_once_and_in_order() {
        let key = Key::new([1; 32]);
        let sealing = |key: &Key, nonce: u8, end| Sealing::new(Some(key), &greeting(), &[nonce; 16], end);
        let mut ours = sealing(&key, 5, End::Holder);
        let mut records = Vec::new();
        for piece in 0..2 {
            let mut record = Vec::new();
            ours.put(&mut record, |out| Tell::Piece(piece, b"what nobody else reads").put(out));
            assert!(!record.windows(4).any(|part| part == b"what"));
            assert_eq!(record.len(), 4 + u32::from_le_bytes(*record.first_chunk().unwrap()) as usize);
            records.push(record);
        }
        let open = |theirs: &mut Sealing, record: &[u8]| {
            let mut scratch = Vec::new();
            theirs.open(&record[4..], &mut scratch).map(<[u8]>::to_vec)
        };
        let mut theirs = sealing(&key, 5, End::Holder);
        assert!(open(&mut theirs, &records[0]).is_some_and(|body| body.ends_with(b"reads")));
        assert!(open(&mut theirs, &records[1]).is_some());
        assert!(open(&mut theirs, &records[1]).is_none(), "a second time");
        assert!(open(&mut sealing(&key, 5, End::Holder), &records[1]).is_none(), "out of order");
        assert!(open(&mut sealing(&key, 5, End::Asker), &records[0]).is_none(), "of the other end");
        assert!(open(&mut sealing(&key, 6, End::Holder), &records[0]).is_none(), "of another connection");
        assert!(open(&mut sealing(&Key::new([2; 32]), 5, End::Holder), &records[0]).is_none());
        assert!(open(&mut sealing(&key, 5, End::Holder), &records[0][..30]).is_none());
    }

    #[test]
    fn an_open_session_needs_no_key() {
        let mut ours = Sealing::new(None, &greeting(), &[5; 16], End::Asker);
        let mut record = Vec::new();
        ours.put(&mut record, |out| Ask::Piece(3).put(out));
        assert_eq!(record, [5, 0, 0, 0, 2, 3, 0, 0, 0]);
        assert_eq!(ours.open(&record[4..], &mut Vec::new()), Some(&record[4..]));
    }
}
