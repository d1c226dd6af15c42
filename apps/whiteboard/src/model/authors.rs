//! Who made which object: whoever published the message that makes it.
//!
//! An actor is one person's, so that one author an actor is known. Where a faulty or hostile program has used an actor of somebody else's, its
//! objects are known one by one; of an object that two have made nobody is the author.
//!
//! Invariant: what is known does not depend on the order in which messages came.

use super::{
    board::Author,
    property::Flaw,
    stamp::{Actor, ObjectId, Stamp},
    wire::{Reader, put_varint},
};
use std::collections::BTreeMap;

/// The authors of objects.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Authors {
    /// Of each actor whoever was heard first.
    usual: BTreeMap<Actor, Author>,
    /// Objects that somebody else has made under the same actor; none: several have.
    apart: BTreeMap<ObjectId, Option<Author>>,
}

impl Authors {
    /// Who made this object.
    pub(super) fn of(&self, object: ObjectId) -> Option<Author> {
        match self.apart.get(&object) {
            Some(author) => *author,
            None => self.usual.get(&object.0.actor).copied(),
        }
    }

    /// This person has published a message that makes this object, which was made `before` as well.
    pub(super) fn made(&mut self, object: ObjectId, author: Author, before: bool) {
        let usual = *self.usual.entry(object.0.actor).or_insert(author);
        if before && self.of(object) != Some(author) {
            self.apart.insert(object, None);
        } else if usual != author {
            self.apart.insert(object, Some(author));
        }
    }

    /// What a snapshot of another board says of an object, which may be here, too.
    pub(super) fn join(&mut self, object: ObjectId, there: &Self, before: bool) {
        match there.apart.get(&object) {
            Some(None) => {
                self.apart.insert(object, None);
            }
            _ => there.of(object).into_iter().for_each(|author| self.made(object, author, before)),
        }
    }

    /// All of it that is about these objects, which come in order, to be kept beside a snapshot: the same bytes, in whatever order the
    /// messages came.
    pub(super) fn write(&self, objects: impl Iterator<Item = ObjectId>) -> Vec<u8> {
        let (mut usual, mut apart) = (BTreeMap::<Actor, Author>::new(), BTreeMap::new());
        for object in objects {
            let several = self.apart.get(&object) == Some(&None);
            match self.of(object) {
                Some(author) if *usual.entry(object.0.actor).or_insert(author) == author => {}
                None if !several => {} // it is not known yet: nobody has published it
                author => {
                    apart.insert(object, author);
                }
            }
        }
        let mut out = Vec::new();
        put_varint(&mut out, usual.len() as u64);
        for (actor, author) in &usual {
            out.extend(actor.0.to_le_bytes());
            out.extend(author);
        }
        for (object, author) in &apart {
            out.extend(object.0.actor.0.to_le_bytes());
            put_varint(&mut out, object.0.time);
            out.push(author.is_some().into());
            out.extend(author.iter().flatten());
        }
        out
    }

    /// Reads what [`Authors::write`] gave.
    ///
    /// # Errors
    /// It is damaged.
    pub(super) fn read(bytes: &[u8]) -> Result<Self, Flaw> {
        let (mut reader, mut this) = (Reader::new(bytes), Self::default());
        for _ in 0..reader.varint()? {
            this.usual.insert(Actor(reader.u64()?), reader.array()?);
        }
        while !reader.is_empty() {
            let actor = Actor(reader.u64()?);
            let object = ObjectId(Stamp { time: reader.varint()?, actor });
            let author = if reader.byte()? == 1 { Some(reader.array()?) } else { None };
            this.apart.insert(object, author);
        }
        Ok(this)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Board, Edits, Kind, Shape};

    #[test]
    fn who_uses_somebody_elses_actor_draws_in_their_own_name() {
        let (ana, ben) = ([1; 32], [2; 32]);
        let drawn = |board: &mut Board, text: &str| {
            let mut edits = Edits::new();
            edits.make(Shape { text: text.into(), ..Shape::new(Kind::Note) });
            (board.commit(edits).unwrap()[0], board.poll_message().unwrap())
        };
        let mut own = Board::new(Actor(7));
        let (first, made) = drawn(&mut own, "of Ana");
        // A program of Ben's that draws as Ana's does, beside what she made and under its very name.
        let mut forged = Board::new(Actor(7));
        let (_, same) = drawn(&mut forged, "of Ana, says Ben");
        let (second, beside) = drawn(&mut forged, "of Ben");
        let (third, later) = {
            own.apply(&beside, Some(ben)).unwrap();
            drawn(&mut own, "of Ana, later")
        };
        let told = [(&made, ana), (&beside, ben), (&later, ana), (&same, ben)];
        let heard = |order: &[usize]| {
            let mut board = Board::new(Actor(9));
            order.iter().for_each(|at| board.apply(told[*at].0, Some(told[*at].1)).unwrap());
            board
        };
        for order in [[0, 1, 2], [1, 0, 2], [2, 1, 0], [1, 2, 0]] {
            let board = heard(&order);
            let authors = [first, second, third].map(|object| board.author(object));
            assert_eq!(authors, [Some(ana), Some(ben), Some(ana)], "{order:?}");
            assert_eq!(board.authors(), heard(&[0, 1, 2]).authors(), "{order:?}: the same bytes");
            let mut kept = Board::new(Actor(10));
            kept.apply_authors(&board.authors()).unwrap();
            assert_eq!([first, second, third].map(|object| kept.author(object)), authors);
            // Whatever a board has heard of them before, it has the same authors when it has taken in another one.
            for known in [&order[..0], &order[..1], &order[1..], &order[2..], &[2, 2]] {
                let mut joined = heard(known);
                joined.join(&board);
                assert_eq!((joined.authors(), joined.snapshot()), (board.authors(), board.snapshot()));
            }
            assert!(kept.apply_authors(&board.authors()[..board.authors().len() - 1]).is_err());
        }
        for order in [[0, 1, 2, 3, 3], [3, 0, 1, 2, 0], [1, 3, 0, 0, 2]] {
            let board = heard(&order);
            let authors = [first, second, third].map(|object| board.author(object));
            assert_eq!(authors, [None, Some(ben), Some(ana)], "{order:?}: two have made the first");
        }
    }
}
