//! A board: what is on it, what one does to it, and what is said of that to others.
//!
//! Edits are checked as a whole, applied at once, and laid into messages that [`Board::poll_message`] gives out, in order, to be published
//! as durable messages. Messages of others come in by [`Board::apply`], in any order and as often as they like.
//!
//! Invariant: `shown` is what the registers say, at all times.

use super::{
    authors::Authors,
    history::{History, Step, Way, Written},
    property::{Flaw, Property, key},
    rank,
    replica::Replica,
    shape::{Bounds, Shape},
    stamp::{Actor, ObjectId, Stamp},
    wire::{self, Writer},
};
use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
};

/// Why an edit was not made. Nothing has changed then.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum EditError {
    /// It was deleted meanwhile, or never was there.
    #[error("there is no object {0} on the board")]
    Missing(ObjectId),
    /// It is locked.
    #[error("the object {0} is locked; unlock it first")]
    Locked(ObjectId),
    /// Who draws here may only look.
    #[error("you may only look at this board: a moderator has to let you draw")]
    ViewOnly,
    /// A value that is not possible.
    #[error(transparent)]
    Flaw(#[from] Flaw),
    /// One object that does not fit into a message.
    #[error("an object of this size cannot be sent; draw it in parts")]
    TooLarge,
}

/// Changes that are made, and taken back, together.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Edits(Vec<Edit>);

#[derive(Clone, PartialEq, Debug)]
enum Edit {
    Make(Box<Shape>),
    /// As high as the shape says, and not on top.
    MakeThere(Box<Shape>),
    Set(ObjectId, Vec<Property>),
    /// One that was deleted is there again.
    Restore(ObjectId),
}

/// Where an object is.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Placement {
    /// Upper left corner of its box before rotation.
    pub at: [f32; 2],
    /// Width and height of the box.
    pub size: [f32; 2],
    /// Clockwise about the middle of the box, in radians.
    pub angle: f32,
}

impl Edits {
    /// No changes.
    pub fn new() -> Self {
        Self::default()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// A new object, on top of all. Its id is given by [`Board::commit`].
    pub fn make(&mut self, shape: Shape) {
        self.0.push(Edit::Make(Box::new(shape)));
    }

    /// A new object, as high as this shape was where it comes from: a part of what lay there.
    pub fn make_there(&mut self, shape: Shape) {
        self.0.push(Edit::MakeThere(Box::new(shape)));
    }

    /// Other properties of an object.
    pub fn set(&mut self, object: ObjectId, properties: impl IntoIterator<Item = Property>) {
        self.0.push(Edit::Set(object, properties.into_iter().collect()));
    }

    /// Another place.
    pub fn place(&mut self, object: ObjectId, to: Placement) {
        self.set(object, [Property::At(to.at), Property::Size(to.size), Property::Angle(to.angle)]);
    }

    /// Away with it.
    pub fn delete(&mut self, object: ObjectId) {
        self.set(object, [Property::Deleted(true)]);
    }

    /// Back with it.
    pub(crate) fn restore(&mut self, object: ObjectId) {
        self.0.push(Edit::Restore(object));
    }
}

/// A board, as one person's program has it.
#[derive(Clone, Debug)]
pub struct Board {
    me: Actor,
    replica: Replica,
    /// What is seen, from the back to the front: frames first, then by rank.
    shown: BTreeMap<Place, Arc<Shape>>,
    places: BTreeMap<ObjectId, Place>,
    history: History,
    outbox: VecDeque<Vec<u8>>,
    damage: Vec<Bounds>,
    authors: Authors,
    view_only: bool,
}

/// More operations than fit into a message: each has two bytes at least.
const PER_STAMP: u64 = 1 << 15;

/// A user's key.
pub type Author = [u8; 32];

/// Frames (0) before all else (1); rank; and the id, where ranks are equal.
type Place = (u8, Vec<u8>, ObjectId);

impl Board {
    /// An empty board. The actor must be random, and new for each process.
    pub fn new(me: Actor) -> Self {
        Self {
            me,
            replica: Replica::default(),
            shown: BTreeMap::new(),
            places: BTreeMap::new(),
            history: History::default(),
            outbox: VecDeque::new(),
            damage: Vec::new(),
            authors: Authors::default(),
            view_only: false,
        }
    }

    /// Whether edits are refused here. What others send is taken all the same: who may draw is asked before (`roles`).
    pub fn set_view_only(&mut self, view_only: bool) {
        self.view_only = view_only;
    }

    /// Whether edits are refused here.
    pub fn is_view_only(&self) -> bool {
        self.view_only
    }

    /// Holds what another board does, which was made anew from the log. What can be taken back here stays so, as far as it is still there.
    pub fn become_as(&mut self, other: Self) {
        let before = std::mem::take(&mut self.shown);
        self.places.clear();
        self.replica = other.replica.not_before(&self.replica);
        self.authors = other.authors;
        (self.shown, self.places) = (other.shown, other.places);
        let differs = |shape: &&Arc<Shape>, there: &BTreeMap<Place, Arc<Shape>>, place| {
            there.get(place) != Some(*shape)
        };
        let gone = before.iter().filter(|(place, shape)| differs(shape, &self.shown, place));
        let new = self.shown.iter().filter(|(place, shape)| differs(shape, &before, place));
        self.damage.extend(gone.chain(new).map(|(_, shape)| shape.bounds()));
    }

    /// Who draws here.
    pub fn actor(&self) -> Actor {
        self.me
    }

    /// All objects, from the back to the front.
    pub fn shapes(&self) -> impl DoubleEndedIterator<Item = &Arc<Shape>> {
        self.shown.values()
    }

    /// How many objects there are.
    pub fn len(&self) -> usize {
        self.shown.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.shown.is_empty()
    }

    /// One object.
    pub fn shape(&self, id: ObjectId) -> Option<&Arc<Shape>> {
        self.shown.get(self.places.get(&id)?)
    }

    /// Around everything; none if there is nothing.
    pub fn bounds(&self) -> Option<Bounds> {
        self.shapes().map(|shape| shape.bounds()).reduce(Bounds::union)
    }

    /// Who drew an object, as far as is known.
    pub fn author(&self, id: ObjectId) -> Option<Author> {
        self.authors.of(id)
    }

    /// What would make this board look as another one does, which has read the same log in part. What is locked stays.
    pub fn towards(&self, other: &Self) -> Edits {
        let mut edits = Edits::new();
        for shape in self.shapes().filter(|shape| !shape.locked) {
            match other.shape(shape.id) {
                None => edits.delete(shape.id),
                Some(wanted) => {
                    let changes = wanted.differences(shape);
                    if !changes.is_empty() {
                        edits.set(shape.id, changes);
                    }
                }
            }
        }
        for shape in other.shapes().filter(|shape| self.shape(shape.id).is_none()) {
            edits.restore(shape.id);
        }
        edits
    }

    /// Whether a message was made on this board.
    pub fn is_mine(&self, message: &[u8]) -> bool {
        wire::read(message).is_ok_and(|all| all.first().is_some_and(|first| first.stamp.actor == self.me))
    }

    /// Takes in a message of somebody, oneself included. `author` is who published it.
    ///
    /// # Errors
    /// The message is refused as a whole, by every board alike.
    pub fn apply(&mut self, message: &[u8], author: Option<Author>) -> Result<(), Flaw> {
        self.apply_at(message, author, u64::MAX)
    }

    /// As [`Board::apply`], of a message that its log gives this stamp. Every message has a greater stamp than all that its author had
    /// read, and room for fewer than [`PER_STAMP`] operations: no honest time lies beyond the product. So a time that somebody has made up
    /// leaves everybody the times above it.
    ///
    /// # Errors
    /// As [`Board::apply`].
    pub fn apply_at(&mut self, message: &[u8], author: Option<Author>, stamp: u64) -> Result<(), Flaw> {
        let operations = wire::read(message)?;
        if operations.last().is_some_and(|last| last.stamp.time > stamp.saturating_mul(PER_STAMP)) {
            return Err(Flaw::Time);
        }
        for (key, value) in operations.iter().flat_map(|operation| &operation.registers) {
            Property::read(*key, value)?;
        }
        for operation in operations {
            if let Some(author) = author.filter(|_| operation.object.0 == operation.stamp) {
                self.authors.made(operation.object, author, self.replica.is_made(operation.object));
            }
            let mut changed = false;
            for (key, value) in operation.registers {
                changed |= self.replica.merge(operation.object, key, operation.stamp, value);
            }
            if changed {
                self.refresh(operation.object);
            }
        }
        Ok(())
    }

    /// Makes changes, as one step that can be taken back. Gives the ids of the objects made.
    ///
    /// # Errors
    /// Nothing was changed.
    pub fn commit(&mut self, edits: Edits) -> Result<Vec<ObjectId>, EditError> {
        if self.view_only {
            return Err(EditError::ViewOnly);
        }
        self.check(&edits)?;
        let time = self.replica.next_time();
        let me = self.me;
        let id_at = |index: usize| ObjectId(Stamp { time: time + index as u64, actor: me });
        let operations: Vec<(ObjectId, Vec<Property>)> = edits
            .0
            .iter()
            .enumerate()
            .map(|(index, edit)| match edit {
                Edit::Make(shape) => (id_at(index), shape.properties()),
                Edit::MakeThere(shape) => {
                    let rank = Property::Rank(shape.rank.clone());
                    (id_at(index), shape.properties().into_iter().chain([rank]).collect())
                }
                Edit::Set(object, properties) => (*object, properties.clone()),
                Edit::Restore(object) => (*object, vec![Property::Deleted(false)]),
            })
            .collect();
        let messages = self.messages(time, &operations)?;
        let mut step = Step::new();
        let (mut made, mut latest) = (Vec::new(), BTreeMap::<(ObjectId, u8), usize>::new());
        for (index, (object, properties)) in operations.iter().enumerate() {
            let stamp = id_at(index).0;
            if stamp == object.0 {
                made.push(*object);
                step.push(self.making(*object));
            } else {
                for property in properties {
                    let written = self.writing(*object, property, stamp);
                    match latest.get(&(*object, written.key)) {
                        // Written twice: what counts is what was there before the first time.
                        Some(at) => step[*at].holds = written.holds,
                        None => {
                            latest.insert((*object, written.key), step.len());
                            step.push(written);
                        }
                    }
                }
            }
            self.write(*object, properties.iter().map(|p| (p.key(), p.value())), stamp);
        }
        if !step.is_empty() {
            self.history.on_step(step);
        }
        self.outbox.extend(messages);
        Ok(made)
    }

    /// Takes back the last step of this board's own of which something is left. False: there is none.
    pub fn undo(&mut self) -> bool {
        self.go(Way::Undo)
    }

    /// Does the last step again that was taken back. False: there is none.
    pub fn redo(&mut self) -> bool {
        self.go(Way::Redo)
    }

    /// Whether there may be something to take back.
    pub fn can_undo(&self) -> bool {
        !self.view_only && self.history.can(Way::Undo)
    }

    /// Whether there may be something to do again.
    pub fn can_redo(&self) -> bool {
        !self.view_only && self.history.can(Way::Redo)
    }

    /// The next message to be published.
    pub fn poll_message(&mut self) -> Option<Vec<u8>> {
        self.outbox.pop_front()
    }

    /// Where the board looks different since this was asked last.
    pub fn take_damage(&mut self) -> Vec<Bounds> {
        std::mem::take(&mut self.damage)
    }

    /// A rank below all (for the back), or between two neighbours.
    pub(crate) fn rank_between(low: Option<&Shape>, high: Option<&Shape>) -> Vec<u8> {
        rank::between(low.map(|s| &*s.rank), high.map(|s| &*s.rank))
    }

    /// The rank of what is brought to the front now.
    pub(crate) fn front_rank(&self) -> Vec<u8> {
        let newest = rank::of_time(self.replica.next_time());
        let top = self.shapes().next_back().map(|shape| &*shape.rank);
        if top.is_some_and(|top| top >= &*newest) { rank::between(top, None) } else { newest }
    }

    /// A number that this actor has used for nothing else.
    pub(crate) fn fresh_number(&self) -> u64 {
        self.replica.next_time()
    }

    /// All of it, as bytes that are the same for the same board: a snapshot, and what equality is.
    pub fn snapshot(&self) -> Vec<u8> {
        self.replica.snapshot()
    }

    /// Takes in a snapshot, which changes nothing that is newer here.
    ///
    /// # Errors
    /// It is damaged; the board is as it was.
    pub fn apply_snapshot(&mut self, snapshot: &[u8]) -> Result<(), Flaw> {
        Replica::read_snapshot(snapshot, |_, key, _, value| Property::read(key, value).map(drop))?;
        let (replica, mut changed) = (&mut self.replica, Vec::new());
        Replica::read_snapshot(snapshot, |object, key, stamp, value| {
            if replica.merge(object, key, stamp, value) && changed.last() != Some(&object) {
                changed.push(object);
            }
            Ok(())
        })?;
        changed.into_iter().for_each(|object| self.refresh(object));
        Ok(())
    }

    /// Takes in another board, which changes nothing that is newer here.
    pub fn join(&mut self, other: &Self) {
        for object in other.replica.made() {
            self.authors.join(object, &other.authors, self.replica.is_made(object));
        }
        // A board has read all that is on it.
        let _ = self.apply_snapshot(&other.snapshot());
    }

    /// Who drew what, to be kept beside a snapshot: bytes that are the same for the same board.
    pub fn authors(&self) -> Vec<u8> {
        self.authors.write(self.replica.made())
    }

    /// Takes in what [`Board::authors`] gave, into an empty board.
    ///
    /// # Errors
    /// It is damaged.
    pub fn apply_authors(&mut self, bytes: &[u8]) -> Result<(), Flaw> {
        self.authors = Authors::read(bytes)?;
        Ok(())
    }

    fn check(&self, edits: &Edits) -> Result<(), EditError> {
        for edit in &edits.0 {
            match edit {
                Edit::Make(shape) | Edit::MakeThere(shape) => shape.check()?,
                Edit::Restore(object) if self.replica.get(*object).is_none() => {
                    return Err(EditError::Missing(*object));
                }
                Edit::Restore(_) => {}
                Edit::Set(object, properties) => {
                    let shape = self.shape(*object).ok_or(EditError::Missing(*object))?;
                    let unlocks = matches!(properties[..], [Property::Locked(_)]);
                    if shape.locked && !unlocks {
                        return Err(EditError::Locked(*object));
                    }
                    properties.iter().try_for_each(Property::check)?;
                }
            }
        }
        Ok(())
    }

    /// Lays operations into as few messages as they fit in.
    fn messages(
        &self,
        time: u64,
        operations: &[(ObjectId, Vec<Property>)],
    ) -> Result<Vec<Vec<u8>>, EditError> {
        let mut messages = Vec::new();
        let mut writer = Writer::new(self.me, time);
        for (index, (object, properties)) in operations.iter().enumerate() {
            let registers: Vec<(u8, Vec<u8>)> = properties.iter().map(|p| (p.key(), p.value())).collect();
            if !writer.push(*object, &registers) {
                let next = Writer::new(self.me, time + index as u64);
                messages.push(std::mem::replace(&mut writer, next).finish());
                if !writer.push(*object, &registers) {
                    return Err(EditError::TooLarge);
                }
            }
        }
        if !operations.is_empty() {
            messages.push(writer.finish());
        }
        Ok(messages)
    }

    fn making(&self, object: ObjectId) -> Written {
        let before = Property::Deleted(true).value();
        Written { object, key: key::DELETED, holds: None, before, before_from: Some(object.0), made: true }
    }

    fn writing(&self, object: ObjectId, property: &Property, stamp: Stamp) -> Written {
        let key = property.key();
        let register = self.replica.get(object).and_then(|registers| registers.get(&key));
        let before = match (self.shape(object), register) {
            (Some(shape), _) => shape.like(property).value(),
            (None, register) => register.map(|register| register.value.to_vec()).unwrap_or_default(),
        };
        let before_from = self.history.origin(&self.replica, object, key);
        Written { object, key, holds: Some(stamp), before, before_from, made: false }
    }

    fn write(&mut self, object: ObjectId, registers: impl Iterator<Item = (u8, Vec<u8>)>, stamp: Stamp) {
        for (key, value) in registers {
            self.replica.merge(object, key, stamp, &value);
        }
        self.refresh(object);
    }

    fn go(&mut self, way: Way) -> bool {
        if self.view_only {
            return false;
        }
        let Some(step) = self.history.pop(way, &self.replica, self.me) else { return false };
        let time = self.replica.next_time();
        let me = self.me;
        let stamp_at = |index: usize| Stamp { time: time + index as u64, actor: me };
        let mut writer = Writer::new(self.me, time);
        let mut messages = Vec::new();
        let mut reverse = Step::new();
        for (index, written) in step.iter().enumerate() {
            reverse.push(self.reversed(written));
            let registers = [(written.key, &written.before)];
            if !writer.push(written.object, &registers) {
                let next = Writer::new(self.me, stamp_at(index).time);
                messages.push(std::mem::replace(&mut writer, next).finish());
                // One register was in a message before.
                let _fits = writer.push(written.object, &registers);
            }
        }
        messages.push(writer.finish());
        for (index, written) in step.into_iter().enumerate() {
            self.write(written.object, [(written.key, written.before)].into_iter(), stamp_at(index));
        }
        let stamps = (0..reverse.len()).map(stamp_at);
        self.history.on_gone(way, reverse, stamps);
        self.outbox.extend(messages);
        true
    }

    /// What takes back the taking back.
    fn reversed(&self, written: &Written) -> Written {
        let register = self.replica.get(written.object).and_then(|registers| registers.get(&written.key));
        let before = match register {
            Some(register) => register.value.to_vec(),
            // An object that was never deleted.
            None => Property::Deleted(false).value(),
        };
        let (holds, before_from) = (written.before_from, written.holds);
        Written { object: written.object, key: written.key, holds, before, before_from, made: written.made }
    }

    /// Shows an object as its registers are now.
    fn refresh(&mut self, object: ObjectId) {
        let old = self.places.remove(&object).and_then(|place| self.shown.remove(&place));
        let new = self.replica.get(object).and_then(|registers| Shape::read(object, registers));
        if old.as_deref() != new.as_ref() {
            self.damage.extend(old.iter().map(|shape| shape.bounds()));
            self.damage.extend(new.iter().map(Shape::bounds));
        }
        if let Some(shape) = new {
            let layer = u8::from(shape.kind != super::Kind::Frame);
            let place = (layer, shape.rank.clone(), object);
            self.places.insert(object, place.clone());
            self.shown.insert(place, Arc::new(shape));
        }
    }
}

#[cfg(test)]
impl Board {
    /// All registers whose value comes from somebody else, with the write it comes from: what taking back must leave alone.
    pub(crate) fn written_by_others(&self) -> BTreeMap<(ObjectId, u8), Stamp> {
        let registers = self.replica.iter().flat_map(|(id, all)| all.keys().map(move |key| (id, *key)));
        let origin = |(id, key)| Some(((id, key), self.history.origin(&self.replica, id, key)?));
        registers.filter_map(origin).filter(|(_, stamp)| stamp.actor != self.me).collect()
    }
}
