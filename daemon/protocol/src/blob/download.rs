//! Which piece to ask whom for: the rarest first, so that several who fetch at once soon have different ones to give
//! to each other; and what a slow host was asked for again from another, near the end.
//!
//! Invariant: a piece that is held is not asked for, and one holder is never asked for more than [`AHEAD`] at once.

use crate::time::Instant;
use std::{collections::BTreeMap, time::Duration};

/// Pieces asked of one holder at once: one on its way, one being read, and some for the way there and back. More would
/// fill the queues of the network that messages wait in, too.
pub const AHEAD: usize = 3;

/// What was asked for so long ago is asked for elsewhere as well, when nothing else is left to ask for: several times
/// what a piece takes at 10 Mbit/s.
pub const LATE: Duration = Duration::from_secs(1);

/// Missing pieces that are looked at to find the rarest: in a large blob any of the first thousand is as good.
const LOOK_AT: usize = 1024;

/// A set of pieces.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Pieces {
    words: Vec<u64>,
    count: u32,
    of: u32,
}

impl Pieces {
    /// None of so many.
    pub fn none(of: u32) -> Self {
        Self { words: vec![0; of.div_ceil(64) as usize], count: 0, of }
    }

    /// All of so many.
    pub fn all(of: u32) -> Self {
        let mut all = Self::none(of);
        (0..of).for_each(|piece| all.insert(piece));
        all
    }

    /// As the wire has them: a bit each, the lowest first; no bits at all: all. `None`: not as many bits as pieces.
    pub fn from_bits(of: u32, bits: &[u8]) -> Option<Self> {
        if bits.is_empty() {
            return Some(Self::all(of));
        }
        if bits.len() != of.div_ceil(8) as usize {
            return None;
        }
        let mut some = Self::none(of);
        let set = |piece: &u32| bits[*piece as usize / 8] & 1 << (piece % 8) != 0;
        (0..of).filter(set).for_each(|piece| some.insert(piece));
        Some(some)
    }

    /// As the wire has them.
    pub fn bits(&self) -> Vec<u8> {
        if self.is_all() {
            return Vec::new();
        }
        let bytes = self.words.iter().flat_map(|word| word.to_le_bytes());
        bytes.take(self.of.div_ceil(8) as usize).collect()
    }

    /// Adds a piece; nothing if there is no such piece.
    pub fn insert(&mut self, piece: u32) {
        if piece < self.of && !self.contains(piece) {
            self.words[piece as usize / 64] |= 1 << (piece % 64);
            self.count += 1;
        }
    }

    /// Whether a piece is in it.
    pub fn contains(&self, piece: u32) -> bool {
        self.words.get(piece as usize / 64).is_some_and(|word| word & 1 << (piece % 64) != 0)
    }

    /// How many are in it.
    pub fn count(&self) -> u32 {
        self.count
    }

    /// Whether every piece is.
    pub fn is_all(&self) -> bool {
        self.count == self.of
    }

    /// Pieces of `other` that are not in this one, from a place on and round.
    fn lacking<'a>(&'a self, other: &'a Self, from: u32) -> impl Iterator<Item = u32> + 'a {
        let words = self.words.len();
        let start = from as usize / 64 % words.max(1);
        (0..words).map(move |step| (start + step) % words).flat_map(move |at| {
            let mut left = other.words[at] & !self.words[at];
            std::iter::from_fn(move || {
                let bit = (left != 0).then(|| left.trailing_zeros())?;
                left &= left - 1;
                Some(at as u32 * 64 + bit)
            })
        })
    }
}

/// One blob on its way here.
#[derive(Debug)]
pub struct Download {
    held: Pieces,
    /// Pieces that somebody was asked for, and how many were.
    asked: BTreeMap<u32, u8>,
    holders: BTreeMap<u64, Holder>,
    random: u64,
}

#[derive(Debug)]
struct Holder {
    has: Pieces,
    asked: Vec<(u32, Instant)>,
}

impl Download {
    /// Of so many pieces. `random` makes it choose others than its neighbours do.
    pub fn new(pieces: u32, random: u64) -> Self {
        Self {
            held: Pieces::none(pieces),
            asked: BTreeMap::new(),
            holders: BTreeMap::new(),
            random: random | 1,
        }
    }

    /// What is here.
    pub fn held(&self) -> &Pieces {
        &self.held
    }

    /// Whether all of it is.
    pub fn is_done(&self) -> bool {
        self.held.is_all()
    }

    /// A piece is here, verified.
    pub fn hold(&mut self, piece: u32) {
        self.held.insert(piece);
    }

    /// Somebody gives these pieces.
    pub fn add(&mut self, holder: u64, has: Pieces) {
        self.lose(holder);
        self.holders.insert(holder, Holder { has, asked: Vec::new() });
    }

    /// Somebody gives one more.
    pub fn gives(&mut self, holder: u64, piece: u32) {
        if let Some(holder) = self.holders.get_mut(&holder) {
            holder.has.insert(piece);
        }
    }

    /// Somebody gives nothing any more: what they were asked for is asked elsewhere.
    pub fn lose(&mut self, holder: u64) {
        let gone = self.holders.remove(&holder);
        gone.into_iter().flat_map(|gone| gone.asked).for_each(|(piece, _)| self.unask(piece));
    }

    /// Those who give something that is missing.
    pub fn useful(&self) -> u32 {
        let gives = |holder: &&Holder| self.held.lacking(&holder.has, 0).next().is_some();
        self.holders.values().filter(gives).count() as u32
    }

    /// A piece has come from somebody, genuine or not. False: they were not asked for it.
    pub fn on_piece(&mut self, holder: u64, piece: u32) -> bool {
        let Some(asked) = self.holders.get_mut(&holder).map(|holder| &mut holder.asked) else { return false };
        let Some(at) = asked.iter().position(|(wanted, _)| *wanted == piece) else { return false };
        asked.swap_remove(at);
        self.unask(piece);
        true
    }

    /// What to ask somebody for next, and notes that they are.
    pub fn next(&mut self, now: Instant, holder: u64) -> Option<u32> {
        if self.holders.get(&holder)?.asked.len() >= AHEAD {
            return None;
        }
        let piece = self.rarest(holder).or_else(|| self.late(now, holder))?;
        *self.asked.entry(piece).or_default() += 1;
        self.holders.get_mut(&holder)?.asked.push((piece, now));
        Some(piece)
    }

    /// When something that was asked for becomes late.
    pub fn due(&self, now: Instant) -> Option<Instant> {
        let asked = self.holders.values().flat_map(|holder| &holder.asked);
        asked.map(|(_, at)| *at + LATE).filter(|at| *at > now).min()
    }

    fn rarest(&mut self, holder: u64) -> Option<u32> {
        let from = self.roll();
        let has = &self.holders.get(&holder)?.has;
        let open = self
            .held
            .lacking(has, from % self.held.of.max(1))
            .filter(|piece| !self.asked.contains_key(piece));
        let rarity = |piece: u32| self.holders.values().filter(|other| other.has.contains(piece)).count();
        let salt = u64::from(from);
        let order = |piece: &u32| (rarity(*piece), mix(u64::from(*piece) ^ salt << 32));
        open.take(LOOK_AT).min_by_key(order)
    }

    /// What others have been asked for long ago.
    fn late(&self, now: Instant, holder: u64) -> Option<u32> {
        let this = self.holders.get(&holder)?;
        let elsewhere =
            self.holders.iter().filter(|(id, _)| **id != holder).flat_map(|(_, other)| &other.asked);
        let late = elsewhere.filter(|(piece, at)| {
            now.since(*at) >= LATE
                && this.has.contains(*piece)
                && !self.held.contains(*piece)
                && this.asked.iter().all(|(mine, _)| mine != piece)
                && self.asked.get(piece).is_some_and(|askers| *askers < 3)
        });
        late.min_by_key(|(_, at)| *at).map(|(piece, _)| *piece)
    }

    fn unask(&mut self, piece: u32) {
        if let Some(askers) = self.asked.get_mut(&piece) {
            *askers -= 1;
            if *askers == 0 {
                self.asked.remove(&piece);
            }
        }
    }

    fn roll(&mut self) -> u32 {
        self.random = mix(self.random.wrapping_add(0x9e37_79b9_7f4a_7c15));
        (self.random >> 32) as u32
    }
}

/// Spreads numbers (the finaliser of SplitMix64).
fn mix(number: u64) -> u64 {
    let number = (number ^ number >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let number = (number ^ number >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    number ^ number >> 31
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    const T: Instant = Instant::ZERO;

    fn some(of: u32, pieces: &[u32]) -> Pieces {
        let mut some = Pieces::none(of);
        pieces.iter().for_each(|piece| some.insert(*piece));
        some
    }

    #[test]
    fn sets_survive_the_wire() {
        for of in [1, 7, 8, 9, 64, 65, 1000] {
            for set in [Pieces::none(of), Pieces::all(of), some(of, &[0, of / 2, of - 1])] {
                assert_eq!(Pieces::from_bits(of, &set.bits()), Some(set.clone()), "{of}: {set:?}");
            }
        }
        assert_eq!(Pieces::from_bits(9, &[1]), None);
        assert_eq!(Pieces::from_bits(3, &[0xff]), Some(Pieces::all(3)), "bits of no piece count for nothing");
        let mut few = Pieces::none(3);
        few.insert(3);
        assert_eq!(few.count(), 0);
    }

    #[test]
    fn everything_is_asked_for_once_and_nobody_for_too_much() {
        let mut download = Download::new(100, 1);
        download.add(1, Pieces::all(100));
        download.add(2, Pieces::all(100));
        let mut seen = BTreeSet::new();
        while !download.is_done() {
            let mut asked = Vec::new();
            for holder in [1, 2] {
                let of_one: Vec<u32> = std::iter::from_fn(|| download.next(T, holder)).collect();
                assert!(of_one.len() <= AHEAD);
                asked.extend(of_one.into_iter().map(|piece| (holder, piece)));
            }
            assert!(!asked.is_empty());
            for (holder, piece) in asked {
                assert!(seen.insert(piece), "{piece} was asked for twice");
                assert!(download.on_piece(holder, piece));
                download.hold(piece);
            }
        }
        assert_eq!((seen.len(), download.held().count()), (100, 100));
    }

    #[test]
    fn the_rarest_comes_first() {
        let mut download = Download::new(10, 7);
        download.add(1, Pieces::all(10));
        download.add(2, some(10, &[0, 1, 2, 3, 4, 5, 6, 8, 9]));
        assert_eq!(download.next(T, 1), Some(7), "only one has it");
    }

    #[test]
    fn several_who_fetch_choose_different_pieces() {
        let first: BTreeSet<Option<u32>> = (0..8)
            .map(|random| {
                let mut download = Download::new(1000, random * 77);
                download.add(1, Pieces::all(1000));
                download.next(T, 1)
            })
            .collect();
        assert!(first.len() >= 6, "{first:?}");
    }

    #[test]
    fn what_a_lost_holder_owed_is_asked_of_another_at_once_and_what_a_slow_one_owes_in_the_end() {
        let mut download = Download::new(AHEAD as u32, 3);
        download.add(1, Pieces::all(3));
        let owed: BTreeSet<u32> = std::iter::from_fn(|| download.next(T, 1)).collect();
        assert_eq!(owed.len(), 3);
        download.add(2, Pieces::all(3));
        assert_eq!(download.next(T, 2), None, "it has only just been asked for");
        assert_eq!(download.due(T), Some(T + LATE));
        let late = download.next(T + LATE, 2).unwrap();
        assert!(owed.contains(&late));
        download.lose(1);
        let rest: BTreeSet<u32> = std::iter::from_fn(|| download.next(T + LATE, 2)).collect();
        assert_eq!(rest.len(), 2);
        assert!(
            download.on_piece(2, late) && !download.on_piece(2, late),
            "a second time it was not asked for"
        );
        assert!(!download.on_piece(1, late), "nobody asks who is gone");
    }

    #[test]
    fn who_has_nothing_that_is_missing_is_of_no_use_until_it_has() {
        let mut download = Download::new(4, 3);
        download.add(1, some(4, &[2]));
        download.hold(2);
        assert_eq!((download.useful(), download.next(T, 1)), (0, None));
        download.gives(1, 3);
        download.gives(1, 99);
        assert_eq!((download.useful(), download.next(T, 1)), (1, Some(3)));
    }
}
