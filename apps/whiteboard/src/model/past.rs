//! How a board came to be: its messages one after the other, for replay, for taking back what somebody did, for texts that others have written over.
//!
//! Order is that of the log's stamps, in which nothing comes before what it builds upon; clocks of hosts say only how fast time went.
//!
//! Messages that do not count (`roles`) are no part of it.
//!
//! Invariant: the board after the last moment is the board.

use super::{
    Actor, Author, Board, ObjectId, Property, Roles, Source, Verdict,
    property::key,
    wire::{self},
};
use std::time::Duration;

/// One message of a board.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Moment {
    /// Its place in the order, and who did it.
    pub source: Source,
    /// Its author's clock, in milliseconds since 1970.
    pub time: u64,
    /// What was done.
    pub message: Vec<u8>,
}

/// All that is known of a board's past.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Past {
    /// What was there before, of which the log has nothing any more: authors, and a snapshot.
    start: Option<(Vec<u8>, Vec<u8>)>,
    moments: Vec<Moment>,
    roles: Roles,
}

/// Nobody wants to watch a pause that is longer.
const PAUSE: Duration = Duration::from_secs(1);

impl Past {
    /// From messages in any order; of equal stamps the order given stays. `roles`: what is known already of who may draw.
    pub fn new(mut moments: Vec<Moment>, mut roles: Roles) -> Self {
        moments.sort_by_key(|moment| moment.source.stamp);
        // What is said last may be about what was done first.
        for moment in &moments {
            roles.hear(&moment.source, &moment.message);
        }
        moments.retain(|moment| roles.hear(&moment.source, &moment.message) == Verdict::Counts);
        Self { start: None, moments, roles }
    }

    /// The same behind a board, which a snapshot has told: what is known of the past begins there.
    pub fn behind(self, start: &Board) -> Self {
        Self { start: Some((start.authors(), start.snapshot())), ..self }
    }

    /// The board before all of it.
    pub fn start(&self) -> Board {
        let mut board = Board::new(Actor(0));
        if let Some((authors, snapshot)) = &self.start {
            // A board has written them.
            let _ = board.apply_authors(authors).and_then(|()| board.apply_snapshot(snapshot));
        }
        board
    }

    /// Who may do what after all of it.
    pub fn roles(&self) -> &Roles {
        &self.roles
    }

    /// The board after all of it.
    pub fn board(&self) -> Board {
        let mut board = self.start();
        self.play(&mut board, 0..self.moments.len());
        board
    }

    /// The messages, in order.
    pub fn moments(&self) -> &[Moment] {
        &self.moments
    }

    /// When each moment comes when the past is played: as it went, without long pauses.
    pub fn beats(&self) -> Vec<Duration> {
        let mut beat = Duration::ZERO;
        let mut before = self.moments.first().map_or(0, |moment| moment.time);
        let mut beats = Vec::with_capacity(self.moments.len());
        for moment in &self.moments {
            beat += Duration::from_millis(moment.time.saturating_sub(before)).min(PAUSE);
            before = before.max(moment.time);
            beats.push(beat);
        }
        beats
    }

    /// Takes moments into a board, which has those before.
    pub fn play(&self, board: &mut Board, moments: std::ops::Range<usize>) {
        for moment in self.moments.get(moments).unwrap_or_default() {
            // What was refused then is refused now.
            let _ = board.apply_at(&moment.message, Some(moment.source.author), moment.source.stamp);
        }
    }

    /// The board as it would be had this person done nothing since (milliseconds since 1970, by their clock), as far as the past is
    /// known.
    pub fn without(&self, author: Author, since: u64) -> Board {
        let mut board = self.start();
        for moment in self.moments.iter().filter(|m| m.source.author != author || m.time < since) {
            let _ = board.apply_at(&moment.message, Some(moment.source.author), moment.source.stamp);
        }
        board
    }

    /// The texts that an object has had, the newest first, with who wrote them and when. None twice.
    pub fn texts(&self, object: ObjectId) -> Vec<(String, Author, u64)> {
        let mut texts: Vec<(String, Author, u64)> = Vec::new();
        for moment in self.moments.iter().rev() {
            let operations = wire::read(&moment.message).unwrap_or_default();
            for operation in operations.iter().rev().filter(|operation| operation.object == object) {
                for (_, value) in operation.registers.iter().filter(|(k, _)| *k == key::TEXT) {
                    if let Ok(Some(Property::Text(text))) = Property::read(key::TEXT, value)
                        && texts.iter().all(|(known, _, _)| *known != text)
                    {
                        texts.push((text, moment.source.author, moment.time));
                    }
                }
            }
        }
        texts
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Edits, Kind, Shape};

    const ANA: Author = [1; 32];
    const BEN: Author = [2; 32];

    /// Two people on one board, and all they have said.
    struct Two {
        boards: [Board; 2],
        moments: Vec<Moment>,
    }

    impl Two {
        fn new() -> Self {
            Self { boards: [Board::new(Actor(1)), Board::new(Actor(2))], moments: Vec::new() }
        }

        fn does<T>(&mut self, who: usize, time: u64, edit: impl FnOnce(&mut Board) -> T) -> T {
            let done = edit(&mut self.boards[who]);
            while let Some(message) = self.boards[who].poll_message() {
                let author = [ANA, BEN][who];
                self.boards[1 - who].apply(&message, Some(author)).unwrap();
                let stamp = self.moments.len() as u64 + 1;
                let source = Source { stamp, log: ([who as u8; 16], 1), place: (stamp, 0), author };
                self.moments.push(Moment { source, time, message });
            }
            done
        }

        fn past(&self) -> Past {
            Past::new(self.moments.iter().rev().cloned().collect(), Roles::default())
        }
    }

    fn note(board: &mut Board, text: &str) -> ObjectId {
        let mut edits = Edits::new();
        edits.make(Shape { text: text.into(), size: [50.0, 50.0], ..Shape::new(Kind::Note) });
        board.commit(edits).unwrap()[0]
    }

    #[test]
    fn the_past_ends_with_the_present_and_can_be_entered_anywhere() {
        let mut two = Two::new();
        let first = two.does(0, 1_000, |board| note(board, "one"));
        two.does(1, 2_000, |board| note(board, "two"));
        two.does(1, 900_000, |board| board.delete(&[first]).unwrap());
        let past = two.past();
        let (mut board, all) = (Board::new(Actor(9)), past.moments().len());
        past.play(&mut board, 0..2);
        assert_eq!(board.len(), 2);
        past.play(&mut board, 2..all);
        assert_eq!(board.snapshot(), two.boards[0].snapshot());
        assert_eq!(past.beats(), [0, 1, 2].map(Duration::from_secs), "the long pause is a short one");
    }

    #[test]
    fn what_one_person_did_is_taken_back_and_nothing_else() {
        let mut two = Two::new();
        let kept = two.does(0, 1_000, |board| note(board, "kept"));
        let lost = two.does(0, 1_500, |board| note(board, "deleted by Ben"));
        let early = two.does(1, 2_000, |board| note(board, "Ben's, early"));
        let late = two.does(1, 60_000, |board| note(board, "Ben's, late"));
        let red = Property::Ink(crate::model::Colour::rgb(255, 0, 0));
        two.does(1, 61_000, |board| {
            board.delete(&[lost]).unwrap();
            board.restyle(&[kept], &[red, Property::Text("scribbled".into())]).unwrap();
        });
        two.does(0, 62_000, |board| board.restyle(&[kept], &[Property::Text("mended".into())]).unwrap());
        let edits = two.boards[0].towards(&two.past().without(BEN, 50_000));
        two.does(0, 63_000, |board| board.commit(edits).unwrap());
        let board = &two.boards[1];
        let shape = board.shape(kept).unwrap();
        assert_eq!((shape.text.as_str(), shape.style.ink), ("mended", crate::model::Colour::INK));
        assert!(board.shape(lost).is_some() && board.shape(early).is_some() && board.shape(late).is_none());
        // It is an edit as any other: whoever made it can take it back.
        two.does(0, 64_000, |board| assert!(board.undo()));
        let board = &two.boards[1];
        assert!(board.shape(lost).is_none() && board.shape(late).is_some());
        assert_eq!(two.boards[0].snapshot(), two.boards[1].snapshot());
    }

    #[test]
    fn a_past_that_begins_with_a_snapshot_ends_with_the_same_board() {
        let mut two = Two::new();
        let first = two.does(0, 1_000, |board| note(board, "one"));
        two.does(1, 2_000, |board| note(board, "two"));
        let start = two.past().board();
        // What others said before may be there still: it changes nothing.
        let kept = two.moments.len() - 1;
        two.does(1, 3_000, |board| board.delete(&[first]).unwrap());
        two.does(0, 4_000, |board| note(board, "three"));
        let past = Past::new(two.moments[kept..].to_vec(), Roles::default()).behind(&start);
        assert_eq!(past.start().snapshot(), start.snapshot());
        assert_eq!(
            (past.board().snapshot(), past.board().authors()),
            (two.boards[0].snapshot(), two.past().board().authors())
        );
        assert_eq!(past.without(BEN, 2_500).shape(first).map(|shape| shape.text.clone()), Some("one".into()));
    }

    #[test]
    fn a_text_that_was_written_over_is_found_again() {
        let mut two = Two::new();
        let id = two.does(0, 1_000, |board| note(board, "first"));
        let text = |text: &str| [Property::Text(text.into())];
        // Both at once: neither has heard of the other's.
        two.boards[0].restyle(&[id], &text("of Ana")).unwrap();
        two.boards[1].restyle(&[id], &text("of Ben")).unwrap();
        two.does(0, 2_000, |_| ());
        two.does(1, 2_000, |_| ());
        assert_eq!(two.boards[0].shape(id).unwrap().text, "of Ben");
        let texts = two.past().texts(id);
        let found: Vec<(&str, Author)> = texts.iter().map(|(text, who, _)| (text.as_str(), *who)).collect();
        assert_eq!(found, [("of Ben", BEN), ("of Ana", ANA), ("first", ANA)]);
    }

    #[test]
    fn a_clock_that_was_set_to_the_end_of_time_locks_nobody_out() {
        let mut board = Board::new(Actor(1));
        let id = note(&mut board, "here");
        let message = |time: u64| {
            let mut writer = wire::Writer::new(Actor(66), time);
            let at = [Property::At([5.0, 5.0]).value()];
            assert!(writer.push(id, &[(key::AT, &at[0])]));
            writer.finish()
        };
        for far in [1 << 47, (1 << 48) - 1, 1 << 48, 1 << 61, 1 << 62, 1 << 63] {
            assert_eq!(board.apply_at(&message(far), None, 1_000), Err(super::super::Flaw::Time), "{far}");
        }
        // The greatest that passes leaves room for everything after it.
        board.apply_at(&message(1_000 << 15), None, 1_000).unwrap();
        board.translate(&[id], [1.0, 0.0]).unwrap();
        board.delete(&[id]).unwrap();
        let mut other = Board::new(Actor(2));
        let mut stamp = 1_000;
        while let Some(message) = board.poll_message() {
            stamp += 1;
            other.apply_at(&message, None, stamp).unwrap();
        }
        assert!(board.is_empty() && other.is_empty());
    }
}
