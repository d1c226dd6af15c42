//! One blob cast to several who take it at once: each slice is sent once to all, and again when somebody lacks it.
//!
//! Takers say over their connections (reliable, unlike the cast) up to where they have heard, which slices they lack and which
//! pieces they hold. The same flow control as for a session's log holds the sender back to the slowest of them.
//!
//! Invariant: a cast is a help and never a need. It sends only what two or more lack, leaves out whom it does not reach, and what it does
//! not bring is fetched over the connections.

use super::{
    download::Pieces,
    slice::{Cut, Place, Slices},
};
use crate::{ids::Seq, session::flow::Flow, time::Instant};
use std::{collections::BTreeMap, time::Duration};

/// With fewer pieces that two lack, it is not worth it.
pub const WORTH: u32 = 8;

/// Who has said nothing for so long does not hear it.
const DEAF: Duration = Duration::from_secs(1);

/// When everything was sent, what is still missing is waited for so long.
const QUIET: Duration = Duration::from_millis(150);

/// What was sent again is not sent once more for so long: several who lack it say so one after another.
const ECHO: Duration = Duration::from_millis(3);

/// Losses of each taker are weighed over so many slices.
const SAMPLE: u32 = 512;
/// Who lacks one of so many of them has a heavy sample.
const HEAVY: u32 = 4;
/// After so many heavy samples, during which the others were held back for its sake, a taker is left out: it has a slower way.
const TOO_HEAVY: u8 = 6;

/// Takers on a network do not measure how long a report takes; between tail probes it is taken to be this.
const TRIP: Duration = Duration::from_millis(2);

/// One cast, as who sends it sees it.
#[derive(Debug)]
pub struct Cast {
    cut: Cut,
    flow: Flow<u64>,
    takers: BTreeMap<u64, Taker>,
    /// The slices of a piece that are being sent for the first time.
    current: (u32, Slices),
    /// The next piece to look at.
    next: u32,
    /// Pieces of which somebody lacked slices.
    again: BTreeMap<u32, Again>,
    sent: u32,
    /// Up to where losses were weighed.
    weighed: u32,
    last: Option<Place>,
    /// When something was last sent or asked for.
    moved: Instant,
}

#[derive(Debug)]
struct Taker {
    held: Pieces,
    window: u32,
    caught: u32,
    heard: Instant,
    /// Slices that it lacked in this sample.
    lacked: u32,
    heavy: u8,
}

/// Slices of a piece that somebody lacked.
#[derive(Debug)]
struct Again {
    wanted: Slices,
    /// Those that were sent again, the last of them at this time.
    sent: Slices,
    at: Instant,
}

impl Cast {
    /// Of a blob that is cut so.
    pub fn new(cut: Cut, now: Instant) -> Self {
        Self {
            cut,
            flow: Flow::new(Seq(0)),
            takers: BTreeMap::new(),
            current: (0, Slices::default()),
            next: 0,
            again: BTreeMap::new(),
            sent: 0,
            weighed: 0,
            last: None,
            moved: now,
        }
    }

    /// Somebody takes part, who holds these pieces and has room for so many datagrams.
    pub fn join(&mut self, now: Instant, taker: u64, held: Pieces, window: u32) {
        self.takers.insert(taker, Taker { held, window, caught: self.sent, heard: now, lacked: 0, heavy: 0 });
        self.moved = now;
        self.tell_flow(now);
    }

    /// Somebody does not take part any more.
    pub fn leave(&mut self, now: Instant, taker: u64) {
        if self.takers.remove(&taker).is_some() {
            self.tell_flow(now);
        }
    }

    /// Whether somebody takes part.
    pub fn has(&self, taker: u64) -> bool {
        self.takers.contains_key(&taker)
    }

    /// Somebody has heard up to a number.
    pub fn on_caught(&mut self, now: Instant, taker: u64, number: u32) {
        let Some(found) = self.takers.get_mut(&taker) else { return };
        (found.heard, found.caught) = (now, number.max(found.caught));
        self.flow.on_report(taker, Seq(u64::from(number)), found.window, now);
    }

    /// Somebody lacks slices of a piece.
    pub fn on_lacking(&mut self, now: Instant, taker: u64, piece: u32, slices: Slices) {
        let Some(found) = self.takers.get_mut(&taker).filter(|_| piece < self.cut.pieces()) else { return };
        let slices = slices.without(&slices.without(&self.cut.slices(piece)));
        (found.heard, self.moved) = (now, now);
        found.lacked += slices.count();
        let fresh = Again { wanted: Slices::default(), sent: Slices::default(), at: now };
        let again = self.again.entry(piece).or_insert(fresh);
        if now.since(again.at) >= ECHO {
            again.sent = Slices::default();
        }
        let new = slices.without(&again.wanted).without(&again.sent);
        self.flow.on_lost(u64::from(new.count()));
        again.wanted = again.wanted.and(&new);
    }

    /// Somebody holds a piece now.
    pub fn on_held(&mut self, now: Instant, taker: u64, piece: u32) {
        if let Some(found) = self.takers.get_mut(&taker) {
            found.heard = now;
            found.held.insert(piece);
        }
    }

    /// What to send now, and notes that it is.
    pub fn next(&mut self, now: Instant) -> Option<Place> {
        if self.takers.len() < 2 {
            return None;
        }
        if self.flow.allowance(now) == 0 {
            return self.probe(now);
        }
        let Some((piece, slice)) = self.lacked(now).or_else(|| self.first_time()) else {
            return self.probe(now);
        };
        self.sent += 1;
        let place = Place { number: self.sent, piece, slice };
        self.flow.on_sent(Seq(u64::from(self.sent)), now);
        (self.last, self.moved) = (Some(place), now);
        Some(place)
    }

    /// Those whom it does not reach, or only at the others' cost; they do not take part any more.
    pub fn leave_out(&mut self, now: Instant) -> Vec<u64> {
        if self.sent - self.weighed >= SAMPLE {
            self.weighed = self.sent;
            self.weigh();
        }
        self.again.retain(|_, again| !again.wanted.is_empty() || now.since(again.at) < ECHO);
        let sent = self.sent;
        let deaf = |taker: &Taker| taker.caught < sent && now.since(taker.heard) >= DEAF;
        let out = |taker: &Taker| deaf(taker) || taker.heavy >= TOO_HEAVY;
        let out: Vec<u64> = self.takers.iter().filter(|(_, taker)| out(taker)).map(|(id, _)| *id).collect();
        out.iter().for_each(|id| self.leave(now, *id));
        out
    }

    /// Whether nothing more comes of it.
    pub fn is_over(&self, now: Instant) -> bool {
        now.since(self.moved) >= QUIET
            && self.again.values().all(|again| again.wanted.is_empty())
            && self.current.1.is_empty()
            && self.next_piece().is_none()
    }

    /// When it has to be looked at again.
    pub fn due(&self, now: Instant) -> Option<Instant> {
        let behind = self.takers.values().filter(|taker| taker.caught < self.sent);
        let deaf = behind.map(|taker| taker.heard + DEAF);
        let quiet = self.moved + QUIET;
        let probe = self.flow.probe_at(true, TRIP, now);
        deaf.chain(probe).chain(self.flow.next_timeout(now)).chain((quiet > now).then_some(quiet)).min()
    }

    /// The last slice once more: it, or what was said of it, may be lost.
    fn probe(&mut self, now: Instant) -> Option<Place> {
        self.flow.probe_at(true, TRIP, now).filter(|at| *at <= now)?;
        self.flow.on_probe(now);
        self.last
    }

    /// A slice that somebody lacks.
    fn lacked(&mut self, now: Instant) -> Option<(u32, u8)> {
        let (piece, again) = self.again.iter_mut().find(|(_, again)| !again.wanted.is_empty())?;
        let slice = again.wanted.pop()?;
        again.sent.insert(slice);
        again.at = now;
        Some((*piece, slice))
    }

    /// The next slice that was not sent yet.
    fn first_time(&mut self) -> Option<(u32, u8)> {
        if self.current.1.is_empty() {
            let piece = self.next_piece()?;
            self.current = (piece, self.cut.slices(piece));
            self.next = piece + 1;
        }
        let slice = self.current.1.pop()?;
        Some((self.current.0, slice))
    }

    /// The next piece that two or more lack.
    fn next_piece(&self) -> Option<u32> {
        let lack = |piece: u32| self.takers.values().filter(|taker| !taker.held.contains(piece)).count();
        (self.next..self.cut.pieces()).find(|piece| lack(*piece) >= 2)
    }

    fn weigh(&mut self) {
        for taker in self.takers.values_mut() {
            let heavy = taker.lacked >= SAMPLE / HEAVY;
            taker.heavy = if heavy { taker.heavy + 1 } else { 0 };
            taker.lacked = 0;
        }
        // Where all lose as much, it is not the one's fault, and nobody is held back for another.
        if self.takers.values().all(|taker| taker.heavy > 0) {
            self.takers.values_mut().for_each(|taker| taker.heavy = 0);
        }
    }

    fn tell_flow(&mut self, now: Instant) {
        self.flow.set_members(self.takers.iter().map(|(id, taker)| (*id, taker.window)), now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::blob::{catch::Catch, tree::PIECE};

    const SIZE: u64 = 20 * PIECE as u64 + 5_000;

    fn cut() -> Cut {
        Cut::of(SIZE, 1_452, false).unwrap()
    }

    fn at(ms: u64) -> Instant {
        Instant::ZERO + Duration::from_millis(ms)
    }

    fn cast(takers: u64) -> Cast {
        let mut cast = Cast::new(cut(), at(0));
        (1..=takers).for_each(|taker| cast.join(at(0), taker, Pieces::none(cut().pieces()), 1000));
        cast
    }

    /// Sends for so long as it may.
    fn burst(cast: &mut Cast, now: Instant) -> Vec<Place> {
        std::iter::from_fn(|| cast.next(now)).collect()
    }

    #[test]
    fn only_what_two_lack_is_sent_and_each_slice_once() {
        let mut cast = cast(1);
        assert_eq!(cast.next(at(0)), None, "for one alone the connection will do");
        let mut held = Pieces::none(cut().pieces());
        (0..18).for_each(|piece| held.insert(piece));
        cast.join(at(0), 2, held, 1000);
        let mut sent = Vec::new();
        for ms in 1.. {
            let now = burst(&mut cast, at(ms));
            let Some(last) = now.last() else { break };
            [1, 2].into_iter().for_each(|taker| cast.on_caught(at(ms), taker, last.number));
            sent.extend(now);
        }
        let wanted: u32 = (18..21).map(|piece| cut().slices(piece).count()).sum();
        assert_eq!(sent.len() as u32, wanted);
        assert!(sent.iter().map(|place| place.number).eq(1..=wanted) && sent[0].piece == 18);
        assert!(!cast.is_over(at(100)) && cast.is_over(at(400)));
    }

    #[test]
    fn the_slowest_holds_back_and_who_hears_nothing_is_left_out() {
        let mut cast = cast(3);
        let first = burst(&mut cast, at(0));
        assert!(first.len() >= 64 && first.len() <= 300, "a window: {}", first.len());
        let last = first.last().unwrap().number;
        for taker in [1, 2] {
            cast.on_caught(at(1), taker, last);
        }
        assert!(burst(&mut cast, at(1)).len() < 64, "the third has said nothing");
        let mut sent = 0;
        for ms in 2..990 {
            let now = burst(&mut cast, at(ms));
            let Some(last) = now.last() else { continue };
            [1, 2].into_iter().for_each(|taker| cast.on_caught(at(ms), taker, last.number));
            sent += now.len();
        }
        assert!(sent > 1000, "it is waited for half a second at most");
        assert_eq!(cast.leave_out(at(999)), [] as [u64; 0]);
        assert_eq!(cast.leave_out(at(1000)), [3]);
        assert!(!cast.has(3) && cast.has(1));
    }

    #[test]
    fn what_somebody_lacks_is_sent_again_once_for_all_who_say_so() {
        let mut cast = cast(2);
        let sent = burst(&mut cast, at(0));
        let mut some = Slices::default();
        [3, 7].into_iter().for_each(|slice| some.insert(slice));
        for taker in [1, 2] {
            cast.on_caught(at(1), taker, sent.last().unwrap().number);
        }
        cast.on_lacking(at(1), 1, 0, some);
        let again: Vec<_> =
            std::iter::from_fn(|| cast.next(at(1))).take(2).map(|p| (p.piece, p.slice)).collect();
        assert_eq!(again, [(0, 3), (0, 7)]);
        cast.on_lacking(at(2), 2, 0, some);
        assert_ne!(cast.next(at(2)).map(|p| (p.piece, p.slice)), Some((0, 3)), "it is on its way");
        cast.on_lacking(at(9), 2, 0, some);
        assert_eq!(cast.next(at(9)).map(|p| (p.piece, p.slice)), Some((0, 3)));
        let mut none = Slices::default();
        none.insert(255);
        cast.on_lacking(at(10), 1, 0, none);
        cast.on_lacking(at(10), 1, 9_999, some);
        assert!(cast.again.keys().eq([&0]), "there is no such slice, nor such a piece");
    }

    #[test]
    fn who_loses_far_more_than_the_others_is_left_out() {
        let mut cast = cast(3);
        let mut out = Vec::new();
        let mut ms = 0;
        while out.is_empty() && ms < 5_000 {
            ms += 1;
            let sent = burst(&mut cast, at(ms));
            for place in sent.iter().filter(|place| place.slice % 2 == 0) {
                let mut lost = Slices::default();
                lost.insert(place.slice);
                cast.on_lacking(at(ms), 3, place.piece, lost);
            }
            let last = sent.last().map_or(0, |place| place.number);
            (1..=3).for_each(|taker| cast.on_caught(at(ms), taker, last));
            out = cast.leave_out(at(ms));
        }
        assert_eq!(out, [3]);
    }

    /// Casts to takers that each lose a share of the datagrams. The datagrams sent, and the time it took in ms.
    fn live_through(seed: u64, takers: u64, loss: u64) -> (u32, u64) {
        let (mut cast, mut roll) = (cast(takers), seed);
        let mut catches: Vec<(u64, Catch, Pieces)> =
            (1..=takers).map(|taker| (taker, Catch::new(cut(), 1), Pieces::none(cut().pieces()))).collect();
        for ms in 1..20_000 {
            let now = at(ms);
            for place in burst(&mut cast, now) {
                let bytes =
                    vec![place.piece as u8 ^ place.slice; cut().range(place.piece, place.slice).len()];
                for (taker, catch, held) in &mut catches {
                    roll =
                        roll.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                    if (roll >> 33) % 1000 < loss {
                        continue;
                    }
                    let Some((piece, whole)) = catch.on_slice(now, place, &bytes, held) else { continue };
                    assert!(
                        whole.iter().enumerate().all(|(n, byte)| *byte == piece as u8 ^ (n / 1_422) as u8)
                    );
                    held.insert(piece);
                    cast.on_held(now, *taker, piece);
                }
            }
            for (taker, catch, held) in &mut catches {
                while let Some(said) = catch.says(now, held) {
                    match said {
                        crate::blob::wire::Ask::Caught(number) => cast.on_caught(now, *taker, number),
                        crate::blob::wire::Ask::Lacking(piece, slices) => {
                            cast.on_lacking(now, *taker, piece, slices)
                        }
                        other => panic!("{other:?}"),
                    }
                }
            }
            assert_eq!(cast.leave_out(now), [] as [u64; 0], "at {ms} ms, seed {seed}");
            if cast.is_over(now) {
                assert!(catches.iter().all(|(_, _, held)| held.is_all()), "seed {seed}, {loss} per mille");
                return (cast.sent, ms);
            }
        }
        panic!("seed {seed}: it never ends");
    }

    #[test]
    fn all_takers_have_everything_whatever_is_lost() {
        let all: u32 = (0..cut().pieces()).map(|piece| cut().slices(piece).count()).sum();
        assert_eq!(live_through(1, 3, 0).0, all, "nothing is sent twice without need");
        for seed in 0..20 {
            for (takers, loss) in [(2, 10), (3, 50), (5, 100), (12, 20)] {
                let (sent, _) = live_through(seed, takers, loss);
                let worst = f64::from(all) * (1.0 + 1.6 * takers as f64 * loss as f64 / 1000.0) + 60.0;
                assert!(
                    f64::from(sent) < worst,
                    "{sent} for {all}: seed {seed}, {takers} takers, {loss} per mille"
                );
            }
        }
    }
}
