//! A cast sends the pieces of a blob to a group in *slices*, each in a datagram of its own.
//!
//! ```text
//! "CTBS" | version u8 | cast 16 | number u32 | piece u32 | slice u8 | bytes
//! ```
//! All integers are little endian. In a sealed session everything behind the cast's id is sealed, under a key of this cast;
//! its number is the nonce.
//!
//! Invariant: a slice that was damaged, cut off or made by somebody without the key does not read; whether its bytes are
//! the blob's only the whole piece can show.

use super::{Access, tree};
use crate::seal::{Key, OVERHEAD};
use chalktalk_ipc::SessionId;
use std::ops::Range;

/// How a datagram of a cast begins.
pub const MAGIC: [u8; 4] = *b"CTBS";
const VERSION: u8 = 1;
/// What is never sealed: magic, version, id.
const CLEAR: usize = 21;
/// What follows it, before the bytes: number, piece, slice.
const PREFIX: usize = 9;
/// A piece has at most so many slices: as many as [`Slices`] can name.
const MAX_SLICES: usize = 256;

/// The random name of one cast.
pub type CastId = [u8; 16];

/// How the pieces of a blob are cut into slices.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Cut {
    /// Size of the blob in bytes.
    size: u64,
    /// Bytes of a slice; the last one of a piece has what is left.
    length: u16,
}

impl Cut {
    /// For datagrams of at most so many bytes. `None`: slices would be too many.
    pub fn of(size: u64, datagram: usize, sealed: bool) -> Option<Self> {
        let overhead = CLEAR + PREFIX + if sealed { OVERHEAD } else { 0 };
        Self::told(size, u16::try_from(datagram.checked_sub(overhead)?).ok()?)
    }

    /// As somebody has told. `None`: slices would be too many.
    pub fn told(size: u64, length: u16) -> Option<Self> {
        (usize::from(length) * MAX_SLICES >= tree::PIECE).then_some(Self { size, length })
    }

    /// Size of the blob in bytes.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Bytes of a slice.
    pub fn length(&self) -> u16 {
        self.length
    }

    /// How many pieces there are.
    pub fn pieces(&self) -> u32 {
        tree::pieces(self.size)
    }

    /// All slices of a piece.
    pub fn slices(&self, piece: u32) -> Slices {
        Slices::first(tree::length(self.size, piece).div_ceil(usize::from(self.length)))
    }

    /// Where in its piece a slice is.
    pub fn range(&self, piece: u32, slice: u8) -> Range<usize> {
        let (length, end) = (usize::from(self.length), tree::length(self.size, piece));
        let start = (usize::from(slice) * length).min(end);
        start..(start + length).min(end)
    }
}

/// Some of the slices of a piece.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Slices([u64; MAX_SLICES / 64]);

impl Slices {
    /// Their length on the wire: a bit each, the lowest first.
    pub const BYTES: usize = MAX_SLICES / 8;

    fn first(count: usize) -> Self {
        let bits = |word: usize| count.saturating_sub(word * 64).min(64);
        Self(std::array::from_fn(|word| match bits(word) {
            0 => 0,
            bits => u64::MAX >> (64 - bits),
        }))
    }

    /// As the wire has them.
    pub fn to_bytes(self) -> [u8; Self::BYTES] {
        let mut bytes = [0; Self::BYTES];
        bytes
            .chunks_exact_mut(8)
            .zip(self.0)
            .for_each(|(out, word)| out.copy_from_slice(&word.to_le_bytes()));
        bytes
    }

    /// From the wire.
    pub fn from_bytes(bytes: &[u8; Self::BYTES]) -> Self {
        let (words, _) = bytes.as_chunks::<8>();
        Self(std::array::from_fn(|word| u64::from_le_bytes(words[word])))
    }

    /// Adds one.
    pub fn insert(&mut self, slice: u8) {
        self.0[usize::from(slice) / 64] |= 1 << (slice % 64);
    }

    /// Takes the lowest one out.
    pub fn pop(&mut self) -> Option<u8> {
        let word = self.0.iter().position(|word| *word != 0)?;
        let bit = self.0[word].trailing_zeros();
        self.0[word] &= self.0[word] - 1;
        Some((word as u32 * 64 + bit) as u8)
    }

    /// Whether one is among them.
    pub fn contains(&self, slice: u8) -> bool {
        self.0[usize::from(slice) / 64] & 1 << (slice % 64) != 0
    }

    /// Those that are not among others.
    pub fn without(&self, others: &Self) -> Self {
        Self(std::array::from_fn(|word| self.0[word] & !others.0[word]))
    }

    /// Both together.
    pub fn and(&self, others: &Self) -> Self {
        Self(std::array::from_fn(|word| self.0[word] | others.0[word]))
    }

    /// How many there are.
    pub fn count(&self) -> u32 {
        self.0.iter().map(|word| word.count_ones()).sum()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// Which slice a datagram carries.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Place {
    /// Its number in the cast, from 1: how takers say up to where they have heard. Sent once more, it may be the same.
    pub number: u32,
    /// The piece.
    pub piece: u32,
    /// The slice of it.
    pub slice: u8,
}

/// Writes and reads the datagrams of one cast.
#[derive(Clone, Debug)]
pub struct Sealing {
    id: CastId,
    key: Option<Box<Key>>,
}

impl Sealing {
    /// Of a cast in a session. In an open one nothing is sealed.
    pub fn new(access: &Access, session: SessionId, id: CastId) -> Self {
        let key = access.key.as_ref().map(|key| {
            let mut hash = blake3::Hasher::new_derive_key("chalktalk 2026 blob cast");
            hash.update(key.secret()).update(&session.0).update(&id);
            Box::new(Key::new(*hash.finalize().as_bytes()))
        });
        Self { id, key }
    }

    /// Which cast.
    pub fn id(&self) -> CastId {
        self.id
    }

    /// The datagram of one slice.
    pub fn encode(&self, place: Place, bytes: &[u8]) -> Vec<u8> {
        let mut out = Vec::with_capacity(CLEAR + PREFIX + bytes.len() + OVERHEAD);
        out.extend_from_slice(&MAGIC);
        out.push(VERSION);
        out.extend_from_slice(&self.id);
        out.extend_from_slice(&place.number.to_le_bytes());
        out.extend_from_slice(&place.piece.to_le_bytes());
        out.push(place.slice);
        out.extend_from_slice(bytes);
        if let Some(key) = &self.key {
            let mut nonce = [0; 24];
            nonce[..4].copy_from_slice(&place.number.to_le_bytes());
            key.seal(&self.id, &mut out, CLEAR, nonce);
        }
        out
    }

    /// What a datagram of this cast carries; `scratch` holds it if it was sealed. `None`: it does not read.
    pub fn decode<'a>(&self, datagram: &'a [u8], scratch: &'a mut Vec<u8>) -> Option<(Place, &'a [u8])> {
        let mut body = datagram.get(CLEAR..)?;
        if let Some(key) = &self.key {
            key.open(&self.id, body, scratch)?;
            body = scratch;
        }
        let (prefix, bytes) = body.split_first_chunk::<PREFIX>()?;
        let number = |at: usize| prefix[at..].first_chunk().copied().map_or(0, u32::from_le_bytes);
        Some((Place { number: number(0), piece: number(4), slice: prefix[8] }, bytes))
    }
}

/// Which cast a datagram belongs to. `None`: to none of this version.
pub fn cast_of(datagram: &[u8]) -> Option<CastId> {
    let head = datagram.first_chunk::<CLEAR>()?;
    (head[..4] == MAGIC && head[4] == VERSION).then(|| head.last_chunk().copied())?
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::blob::tree::PIECE;

    const SESSION: SessionId = SessionId([7; 16]);
    const PLACE: Place = Place { number: 70_000, piece: 513, slice: 181 };

    #[test]
    fn pieces_are_cut_into_slices_that_make_them_whole() {
        let size = 2 * PIECE as u64 + 3_000;
        let cut = Cut::of(size, 1_452, false).unwrap();
        assert_eq!((cut.pieces(), cut.length()), (3, 1_422));
        assert_eq!((cut.slices(0).count(), cut.slices(2).count()), (185, 3));
        for piece in 0..3 {
            let (mut slices, mut end) = (cut.slices(piece), 0);
            while let Some(slice) = slices.pop() {
                let range = cut.range(piece, slice);
                assert_eq!(range.start, end);
                end = range.end;
            }
            assert_eq!(end, tree::length(size, piece));
        }
        assert!(cut.range(2, 200).is_empty());
        assert!(Cut::of(size, 1_232, true).is_some());
        assert_eq!((Cut::told(size, 1_023), Cut::of(size, 20, true)), (None, None));
    }

    #[test]
    fn sets_of_slices_travel_as_bits() {
        let cut = Cut::told(PIECE as u64, 1_024).unwrap();
        let all = cut.slices(0);
        assert_eq!((all.count(), all.contains(255)), (256, true));
        let mut some = Slices::default();
        [0, 63, 64, 255].into_iter().for_each(|slice| some.insert(slice));
        assert_eq!(Slices::from_bytes(&some.to_bytes()), some);
        assert_eq!((some.to_bytes()[0], some.to_bytes()[31]), (1, 0x80));
        let rest = all.without(&some);
        assert!(rest.count() == 252 && rest.and(&some) == all && !rest.contains(64));
        assert_eq!(std::iter::from_fn(|| some.pop()).collect::<Vec<_>>(), [0, 63, 64, 255]);
        assert!(some.is_empty());
    }

    #[test]
    fn a_datagram_reads_back_for_who_has_the_key_of_this_cast() {
        for key in [None, Some(Key::new([1; 32]))] {
            let access = Access { key, cast: None };
            let sealing = Sealing::new(&access, SESSION, [9; 16]);
            let datagram = sealing.encode(PLACE, b"what nobody else reads");
            assert_eq!(cast_of(&datagram), Some([9; 16]));
            assert_eq!(access.key.is_none(), datagram.ends_with(b"reads"));
            let mut scratch = Vec::new();
            assert_eq!(
                sealing.decode(&datagram, &mut scratch),
                Some((PLACE, &b"what nobody else reads"[..]))
            );
            let opened =
                |sealing: &Sealing, datagram: &[u8]| sealing.decode(datagram, &mut Vec::new()).is_some();
            assert!(!opened(&sealing, &datagram[..CLEAR + PREFIX - 1]));
            if access.key.is_some() {
                let mut damaged = datagram.clone();
                damaged[CLEAR + 3] ^= 1;
                assert!(!opened(&sealing, &damaged) && !opened(&sealing, &datagram[..datagram.len() - 1]));
                assert!(!opened(&Sealing::new(&access, SESSION, [8; 16]), &datagram), "another cast");
                assert!(!opened(&Sealing::new(&access, SessionId([8; 16]), [9; 16]), &datagram));
            }
        }
        assert_eq!((cast_of(b"CTBS"), cast_of(&[0; 40])), (None, None));
    }
}
