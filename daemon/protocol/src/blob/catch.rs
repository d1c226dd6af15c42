//! One blob that is cast, as who takes it sees it: slices are put together to pieces, and what is lacking is asked for again.
//!
//! Invariant: no more than [`MAX_PARTS`] pieces are half here; what is given up comes over the connections.

use super::{
    download::Pieces,
    slice::{Cut, Place, Slices},
    wire::Ask,
};
use crate::time::Instant;
use std::{collections::BTreeMap, time::Duration};

/// Pieces that may be half here: 8 MiB.
const MAX_PARTS: usize = 32;

/// After so many datagrams the sender is told up to where they have come: half a burst, so that it need not wait.
const EVERY: u32 = 16;
/// Or after so long.
const REPORT: Duration = Duration::from_millis(5);

/// The end of a piece that does not come is asked for after this; what was asked for, again, and then after twice as long each time.
const LATE: Duration = Duration::from_millis(20);
/// What was asked for so often is left to the connections.
const TRIES: u32 = 5;

/// A cast from which nothing has come for so long is not waited for.
const SILENT: Duration = Duration::from_millis(300);

/// One cast.
#[derive(Debug)]
pub struct Catch {
    cut: Cut,
    /// Who sends it.
    holder: u64,
    parts: BTreeMap<u32, Part>,
    /// The last piece that has begun.
    top: u32,
    /// The largest number heard.
    heard: u32,
    /// Datagrams that the sender was not told of, and when it has to be.
    untold: u32,
    tell_at: Option<Instant>,
    last: Option<Instant>,
}

#[derive(Debug)]
struct Part {
    bytes: Vec<u8>,
    here: Slices,
    /// When to ask for what is missing, and how often that was done.
    ask_at: Instant,
    asked: u32,
}

impl Catch {
    /// Of a blob that is cut so, from a holder.
    pub fn new(cut: Cut, holder: u64) -> Self {
        let parts = BTreeMap::new();
        Self { cut, holder, parts, top: 0, heard: 0, untold: 0, tell_at: None, last: None }
    }

    /// Who sends it.
    pub fn holder(&self) -> u64 {
        self.holder
    }

    /// Whether it is coming.
    pub fn is_live(&self, now: Instant) -> bool {
        self.last.is_some_and(|last| now.since(last) < SILENT)
    }

    /// A slice has come. The bytes of a piece that is whole now, to be verified.
    pub fn on_slice(
        &mut self,
        now: Instant,
        place: Place,
        bytes: &[u8],
        held: &Pieces,
    ) -> Option<(u32, Vec<u8>)> {
        let Place { number, piece, slice } = place;
        let range = self.cut.range(piece, slice);
        if piece >= self.cut.pieces() || bytes.len() != range.len() || range.is_empty() {
            return None;
        }
        self.last = Some(now);
        self.heard = self.heard.max(number);
        self.untold += 1;
        self.tell_at.get_or_insert(now + REPORT);
        if piece > self.top {
            self.top = piece;
            // What came before is not on its way any more.
            self.parts.values_mut().filter(|part| part.asked == 0).for_each(|part| part.ask_at = now);
        }
        if held.contains(piece) {
            return None;
        }
        let all = self.cut.slices(piece);
        let part = self.part(now, piece);
        if !part.here.contains(slice) {
            part.here.insert(slice);
            part.bytes[range].copy_from_slice(bytes);
        }
        if part.asked == 0 {
            part.ask_at = now + LATE;
        }
        let whole = part.here == all;
        whole.then(|| self.parts.remove(&piece)).flatten().map(|part| (piece, part.bytes))
    }

    /// What to say to the sender now.
    pub fn says(&mut self, now: Instant, held: &Pieces) -> Option<Ask> {
        if self.untold >= EVERY || self.untold > 0 && self.tell_at.is_some_and(|at| at <= now) {
            (self.untold, self.tell_at) = (0, None);
            return Some(Ask::Caught(self.heard));
        }
        self.parts.retain(|piece, part| !held.contains(*piece) && (part.asked < TRIES || part.ask_at > now));
        let (piece, part) = self.parts.iter_mut().find(|(_, part)| part.ask_at <= now)?;
        part.asked += 1;
        part.ask_at = now + LATE * 2u32.pow(part.asked - 1);
        Some(Ask::Lacking(*piece, self.cut.slices(*piece).without(&part.here)))
    }

    /// When there is something to say, or it has to be noticed that nothing comes any more.
    pub fn due(&self, now: Instant) -> Option<Instant> {
        let silent = self.last.map(|last| last + SILENT).filter(|at| *at > now);
        self.parts.values().map(|part| part.ask_at).chain(self.tell_at).chain(silent).min()
    }

    fn part(&mut self, now: Instant, piece: u32) -> &mut Part {
        if self.parts.len() >= MAX_PARTS && !self.parts.contains_key(&piece) {
            self.parts.pop_first();
        }
        let length = super::tree::length(self.cut.size(), piece);
        self.parts.entry(piece).or_insert_with(|| Part {
            bytes: vec![0; length],
            here: Slices::default(),
            ask_at: now + LATE,
            asked: 0,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::blob::tree::PIECE;

    fn at(ms: u64) -> Instant {
        Instant::ZERO + Duration::from_millis(ms)
    }

    fn cut() -> Cut {
        Cut::of(40 * PIECE as u64, 1_452, false).unwrap()
    }

    fn none() -> Pieces {
        Pieces::none(cut().pieces())
    }

    /// The slices of a piece but some, numbered on. The piece, if it is whole then.
    fn hear(catch: &mut Catch, now: Instant, piece: u32, but: &[u8]) -> Option<(u32, Vec<u8>)> {
        let (mut slices, mut whole) = (cut().slices(piece), None);
        while let Some(slice) = slices.pop() {
            let number = piece * 185 + u32::from(slice) + 1;
            let bytes = vec![slice; cut().range(piece, slice).len()];
            if !but.contains(&slice) {
                whole = whole.or(catch.on_slice(now, Place { number, piece, slice }, &bytes, &none()));
            }
        }
        whole
    }

    fn asks(catch: &mut Catch, now: Instant) -> Vec<Ask> {
        std::iter::from_fn(|| catch.says(now, &none())).collect()
    }

    #[test]
    fn slices_make_pieces_and_the_sender_hears_of_it() {
        let mut catch = Catch::new(cut(), 1);
        assert!(!catch.is_live(at(0)) && catch.due(at(0)).is_none());
        let (piece, bytes) = hear(&mut catch, at(1), 0, &[]).unwrap();
        assert!(piece == 0 && bytes.len() == PIECE && bytes[1_421] == 0 && bytes[1_422] == 1);
        assert_eq!(asks(&mut catch, at(1)), [Ask::Caught(185)]);
        assert!(catch.is_live(at(300)) && !catch.is_live(at(301)));
        let one = Place { number: 186, piece: 1, slice: 0 };
        catch.on_slice(at(2), one, &[0; 1_422], &none());
        assert_eq!((asks(&mut catch, at(2)), catch.due(at(2))), (vec![], Some(at(7))));
        assert_eq!(asks(&mut catch, at(7)), [Ask::Caught(186)]);
    }

    #[test]
    fn what_is_lacking_is_asked_for_when_the_next_piece_begins_and_again_when_it_does_not_come() {
        let mut catch = Catch::new(cut(), 1);
        let lacking = |slices: &[u8]| {
            let mut lacking = Slices::default();
            slices.iter().for_each(|slice| lacking.insert(*slice));
            Ask::Lacking(0, lacking)
        };
        assert!(hear(&mut catch, at(1), 0, &[5, 184]).is_none());
        assert_eq!(asks(&mut catch, at(1)), [Ask::Caught(184)], "the rest may be on its way");
        hear(&mut catch, at(2), 1, &[]);
        assert_eq!(asks(&mut catch, at(2)), [Ask::Caught(370), lacking(&[5, 184])]);
        let again = Place { number: 371, piece: 0, slice: 5 };
        assert!(catch.on_slice(at(3), again, &[5; 1_422], &none()).is_none());
        assert_eq!(asks(&mut catch, at(21)), [Ask::Caught(371)]);
        assert_eq!(asks(&mut catch, at(22)), [lacking(&[184])]);
        assert_eq!((asks(&mut catch, at(61)), asks(&mut catch, at(62))), (vec![], vec![lacking(&[184])]));
        let last = cut().range(0, 184).len();
        let whole =
            catch.on_slice(at(63), Place { number: 372, piece: 0, slice: 184 }, &vec![184; last], &none());
        assert!(
            whole
                .is_some_and(|(piece, bytes)| piece == 0 && bytes[5 * 1_422] == 5 && bytes[PIECE - 1] == 184)
        );
    }

    #[test]
    fn the_end_of_the_last_piece_is_asked_for_after_a_while_and_given_up_in_the_end() {
        let mut catch = Catch::new(cut(), 1);
        hear(&mut catch, at(1), 39, &[184]);
        let mut asked = Vec::new();
        for ms in 1..2_000 {
            asked.extend(
                asks(&mut catch, at(ms))
                    .into_iter()
                    .filter(|ask| matches!(ask, Ask::Lacking(..)))
                    .map(|_| ms),
            );
        }
        assert_eq!(asked, [21, 41, 81, 161, 321]);
        assert_eq!(catch.due(at(2_000)), None);
    }

    #[test]
    fn what_fits_nowhere_is_dropped_and_few_pieces_are_half_here() {
        let mut catch = Catch::new(cut(), 1);
        let mut on = |piece, slice, length| {
            catch.on_slice(at(1), Place { number: 1, piece, slice }, &vec![0; length], &none()).is_some()
        };
        assert!(!on(40, 0, 1_422) && !on(0, 185, 1_422) && !on(0, 0, 1_421) && !on(0, 255, 0));
        for piece in 0..40 {
            on(piece, 0, 1_422);
        }
        assert!(catch.parts.len() == MAX_PARTS && !catch.parts.contains_key(&7));
    }
}
