//! What one does to several objects at once: order, groups, alignment, copies.
//!
//! Invariant: everything here is one [`Edits`] of the board, so that it is taken back in one step.

use super::{
    board::{Board, EditError, Edits, Placement},
    property::Property,
    shape::{Bounds, Shape},
    stamp::ObjectId,
};
use std::collections::BTreeSet;

/// Where to in the order from back to front.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Order {
    /// Above everything.
    Front,
    /// Below everything.
    Back,
    /// Above the next object.
    Up,
    /// Below the next object.
    Down,
}

/// Along which line objects are aligned.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Edge {
    /// Left sides.
    Left,
    /// Middles, from left to right.
    Centre,
    /// Right sides.
    Right,
    /// Upper sides.
    Top,
    /// Middles, from top to bottom.
    Middle,
    /// Lower sides.
    Bottom,
}

impl Board {
    /// Moves objects by this.
    ///
    /// # Errors
    /// As [`Board::commit`].
    pub fn translate(&mut self, ids: &[ObjectId], by: [f32; 2]) -> Result<(), EditError> {
        let mut edits = Edits::new();
        for shape in self.of(ids)? {
            edits.set(shape.id, [Property::At([shape.at[0] + by[0], shape.at[1] + by[1]])]);
        }
        self.commit(edits).map(drop)
    }

    /// Gives objects these properties.
    ///
    /// # Errors
    /// As [`Board::commit`].
    pub fn restyle(&mut self, ids: &[ObjectId], properties: &[Property]) -> Result<(), EditError> {
        let mut edits = Edits::new();
        ids.iter().for_each(|id| edits.set(*id, properties.iter().cloned()));
        self.commit(edits).map(drop)
    }

    /// Takes objects away.
    ///
    /// # Errors
    /// As [`Board::commit`].
    pub fn delete(&mut self, ids: &[ObjectId]) -> Result<(), EditError> {
        self.restyle(ids, &[Property::Deleted(true)])
    }

    /// Locks objects, or unlocks them.
    ///
    /// # Errors
    /// As [`Board::commit`].
    pub fn lock(&mut self, ids: &[ObjectId], locked: bool) -> Result<(), EditError> {
        self.restyle(ids, &[Property::Locked(locked)])
    }

    /// Moves objects up or down, keeping their order among themselves.
    ///
    /// # Errors
    /// As [`Board::commit`].
    pub fn reorder(&mut self, ids: &[ObjectId], order: Order) -> Result<(), EditError> {
        let chosen: BTreeSet<ObjectId> = self.of(ids)?.iter().map(|shape| shape.id).collect();
        let all: Vec<&Shape> = self.shapes().map(|shape| &**shape).collect();
        let is_chosen = |at: usize| chosen.contains(&all[at].id);
        let (Some(lowest), Some(highest)) =
            ((0..all.len()).find(|at| is_chosen(*at)), (0..all.len()).rfind(|at| is_chosen(*at)))
        else {
            return Ok(());
        };
        let other = |at: &usize| !is_chosen(*at);
        let (below, above) = match order {
            Order::Front => (None, None),
            Order::Back => (None, (0..all.len()).find(other).map(|at| all[at])),
            Order::Up => match (highest + 1..all.len()).find(other) {
                Some(at) => (Some(all[at]), all.get(at + 1).copied()),
                None => return Ok(()),
            },
            Order::Down => match (0..lowest).rfind(other) {
                Some(at) => (at.checked_sub(1).map(|at| all[at]), Some(all[at])),
                None => return Ok(()),
            },
        };
        let mut low = match order {
            Order::Front => self.front_rank(),
            _ => Self::rank_between(below, above),
        };
        let mut edits = Edits::new();
        for shape in all.iter().filter(|shape| chosen.contains(&shape.id)) {
            edits.set(shape.id, [Property::Rank(low.clone())]);
            let mut last = (*shape).clone();
            last.rank = low;
            low = Self::rank_between(Some(&last), above);
        }
        self.commit(edits).map(drop)
    }

    /// Makes objects a group, which is chosen and moved as a whole.
    ///
    /// # Errors
    /// As [`Board::commit`]; also where groups are nested too deeply.
    pub fn group(&mut self, ids: &[ObjectId]) -> Result<(), EditError> {
        let shapes = self.of(ids)?;
        // The group's name needs to be new: that of the write that makes it.
        let name = self.actor().0.rotate_left(17) ^ self.fresh_number();
        let mut edits = Edits::new();
        for shape in shapes {
            let groups = shape.groups.iter().copied().chain([name]).collect();
            edits.set(shape.id, [Property::Groups(groups)]);
        }
        self.commit(edits).map(drop)
    }

    /// Takes the outermost group of these objects apart.
    ///
    /// # Errors
    /// As [`Board::commit`].
    pub fn ungroup(&mut self, ids: &[ObjectId]) -> Result<(), EditError> {
        let mut edits = Edits::new();
        for shape in self.of(ids)?.into_iter().filter(|shape| !shape.groups.is_empty()) {
            let groups = shape.groups[..shape.groups.len() - 1].to_vec();
            edits.set(shape.id, [Property::Groups(groups)]);
        }
        self.commit(edits).map(drop)
    }

    /// These objects, and all that are in one group with them.
    pub fn with_groups(&self, ids: &[ObjectId]) -> Vec<ObjectId> {
        let outermost: BTreeSet<u64> =
            ids.iter().filter_map(|id| self.shape(*id)?.groups.last().copied()).collect();
        let chosen =
            |shape: &Shape| ids.contains(&shape.id) || shape.groups.iter().any(|g| outermost.contains(g));
        self.shapes().filter(|shape| chosen(shape)).map(|shape| shape.id).collect()
    }

    /// Moves objects so that their sides or middles lie on one line.
    ///
    /// # Errors
    /// As [`Board::commit`].
    pub fn align(&mut self, ids: &[ObjectId], edge: Edge) -> Result<(), EditError> {
        let shapes = self.of(ids)?;
        let boxes: Vec<Bounds> = shapes.iter().map(|shape| shape.placed_box()).collect();
        let Some(all) = boxes.iter().copied().reduce(Bounds::union) else { return Ok(()) };
        let mut edits = Edits::new();
        for (shape, own) in shapes.iter().zip(boxes) {
            let by = match edge {
                Edge::Left => [all.min[0] - own.min[0], 0.0],
                Edge::Centre => [all.centre()[0] - own.centre()[0], 0.0],
                Edge::Right => [all.max[0] - own.max[0], 0.0],
                Edge::Top => [0.0, all.min[1] - own.min[1]],
                Edge::Middle => [0.0, all.centre()[1] - own.centre()[1]],
                Edge::Bottom => [0.0, all.max[1] - own.max[1]],
            };
            edits.set(shape.id, [Property::At([shape.at[0] + by[0], shape.at[1] + by[1]])]);
        }
        self.commit(edits).map(drop)
    }

    /// Moves objects so that the spaces between them are equal, along an axis (0: from left to right, 1: from top to bottom).
    ///
    /// # Errors
    /// As [`Board::commit`].
    pub fn distribute(&mut self, ids: &[ObjectId], axis: usize) -> Result<(), EditError> {
        let mut shapes: Vec<(Bounds, Shape)> =
            self.of(ids)?.into_iter().map(|s| (s.placed_box(), s)).collect();
        shapes.sort_by(|(a, _), (b, _)| a.min[axis].total_cmp(&b.min[axis]));
        let (Some((first, _)), Some((last, _))) = (shapes.first(), shapes.last()) else { return Ok(()) };
        let taken: f32 = shapes.iter().map(|(own, _)| own.size()[axis]).sum();
        let gaps = shapes.len().saturating_sub(1).max(1) as f32;
        let space = (last.max[axis] - first.min[axis] - taken) / gaps;
        let (mut next, mut edits) = (first.min[axis], Edits::new());
        for (own, shape) in &shapes {
            let mut at = shape.at;
            at[axis] += next - own.min[axis];
            edits.set(shape.id, [Property::At(at)]);
            next += own.size()[axis] + space;
        }
        self.commit(edits).map(drop)
    }

    /// Puts copies of shapes (of this board or another) on top, moved by this. Gives their ids.
    ///
    /// # Errors
    /// As [`Board::commit`].
    pub fn paste(&mut self, shapes: &[Shape], by: [f32; 2]) -> Result<Vec<ObjectId>, EditError> {
        let salt = self.fresh_number().wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let mut edits = Edits::new();
        for shape in shapes {
            let mut copy = shape.clone();
            copy.at = [copy.at[0] + by[0], copy.at[1] + by[1]];
            // The copies are groups of their own.
            copy.groups.iter_mut().for_each(|group| *group ^= salt);
            edits.make(copy);
        }
        self.commit(edits)
    }

    /// Stretches objects from one rectangle into another, as handles of a selection do.
    ///
    /// # Errors
    /// As [`Board::commit`].
    pub fn stretch(&mut self, ids: &[ObjectId], from: Bounds, to: Bounds) -> Result<(), EditError> {
        let mut edits = Edits::new();
        for shape in self.of(ids)? {
            edits.place(shape.id, stretched(&shape, from, to));
        }
        self.commit(edits).map(drop)
    }

    /// Rotates objects about a point, by this angle in radians.
    ///
    /// # Errors
    /// As [`Board::commit`].
    pub fn rotate(&mut self, ids: &[ObjectId], about: [f32; 2], by: f32) -> Result<(), EditError> {
        let mut edits = Edits::new();
        for shape in self.of(ids)? {
            edits.place(shape.id, turned(&shape, about, by));
        }
        self.commit(edits).map(drop)
    }

    fn of(&self, ids: &[ObjectId]) -> Result<Vec<Shape>, EditError> {
        ids.iter().map(|id| self.shape(*id).map(|s| Shape::clone(s)).ok_or(EditError::Missing(*id))).collect()
    }
}

/// Where a shape lies when `from` becomes `to`.
pub fn stretched(shape: &Shape, from: Bounds, to: Bounds) -> Placement {
    let (old, new) = (from.size(), to.size());
    let scale = [0, 1].map(|axis| if old[axis] > 0.0 { new[axis] / old[axis] } else { 1.0 });
    let centre = shape.centre();
    let moved = [0, 1].map(|axis| to.min[axis] + (centre[axis] - from.min[axis]) * scale[axis]);
    // A rotated box is stretched along its own sides, as far as they lie along the axes.
    let (sin, cos) = (shape.angle.sin().powi(2), shape.angle.cos().powi(2));
    let own = [scale[0] * cos + scale[1] * sin, scale[0] * sin + scale[1] * cos];
    let size = [0, 1].map(|axis| (shape.size[axis] * own[axis]).abs());
    Placement { at: [moved[0] - size[0] / 2.0, moved[1] - size[1] / 2.0], size, angle: shape.angle }
}

/// Where a shape lies after a rotation about a point.
pub fn turned(shape: &Shape, about: [f32; 2], by: f32) -> Placement {
    let [x, y] = super::shape::rotated(shape.centre(), about, by);
    let whole = std::f32::consts::TAU;
    let angle = (shape.angle + by).rem_euclid(whole);
    Placement { at: [x - shape.size[0] / 2.0, y - shape.size[1] / 2.0], size: shape.size, angle }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Actor, Body, Kind, Points};

    fn board(count: usize) -> (Board, Vec<ObjectId>) {
        let mut board = Board::new(Actor(1));
        let mut edits = Edits::new();
        for i in 0..count {
            let mut shape = Shape::new(Kind::Rectangle);
            (shape.at, shape.size, shape.style.width) =
                ([i as f32 * 100.0, i as f32 * 10.0], [50.0, 20.0], 0.0);
            edits.make(shape);
        }
        let ids = board.commit(edits).unwrap();
        (board, ids)
    }

    fn order(board: &Board, ids: &[ObjectId]) -> Vec<usize> {
        board.shapes().map(|s| ids.iter().position(|id| *id == s.id).unwrap()).collect()
    }

    #[test]
    fn objects_go_up_and_down() {
        let (mut board, ids) = board(5);
        board.reorder(&[ids[1], ids[0]], Order::Front).unwrap();
        assert_eq!(order(&board, &ids), [2, 3, 4, 0, 1]);
        board.reorder(&[ids[4], ids[1]], Order::Back).unwrap();
        assert_eq!(order(&board, &ids), [4, 1, 2, 3, 0]);
        board.reorder(&[ids[1]], Order::Up).unwrap();
        assert_eq!(order(&board, &ids), [4, 2, 1, 3, 0]);
        board.reorder(&[ids[3], ids[1]], Order::Down).unwrap();
        assert_eq!(order(&board, &ids), [4, 1, 3, 2, 0]);
        board.reorder(&[ids[4]], Order::Down).unwrap();
        board.reorder(&[ids[0]], Order::Up).unwrap();
        assert_eq!(order(&board, &ids), [4, 1, 3, 2, 0]);
        let top = board.commit({
            let mut edits = Edits::new();
            edits.make(Shape::new(Kind::Text));
            edits
        });
        assert_eq!(board.shapes().next_back().unwrap().id, top.unwrap()[0], "new work lies on top");
    }

    #[test]
    fn groups_nest_and_come_apart() {
        let (mut board, ids) = board(4);
        board.group(&ids[..2]).unwrap();
        board.group(&ids[..3]).unwrap();
        assert_eq!(board.with_groups(&ids[2..3]), &ids[..3]);
        board.ungroup(&ids[..3]).unwrap();
        assert_eq!(board.with_groups(&ids[..1]), &ids[..2]);
        assert_eq!(board.with_groups(&ids[3..]), &ids[3..]);
        let all: Vec<Shape> = board.shapes().map(|s| Shape::clone(s)).collect();
        let copies = board.paste(&all, [5.0, 5.0]).unwrap();
        assert_eq!(board.with_groups(&copies[..1]), &copies[..2], "copies are groups of their own");
    }

    #[test]
    fn objects_are_aligned_distributed_stretched_and_turned() {
        let (mut board, ids) = board(3);
        board.align(&ids, Edge::Right).unwrap();
        assert!(ids.iter().all(|id| board.shape(*id).unwrap().at[0] == 200.0));
        board.undo();
        board.translate(&ids[1..2], [30.0, 0.0]).unwrap();
        board.distribute(&ids, 0).unwrap();
        assert_eq!(board.shape(ids[1]).unwrap().at[0], 100.0);
        let from = board.bounds().unwrap();
        let to = Bounds { min: [0.0, 0.0], max: [from.max[0] * 2.0, from.max[1]] };
        board.stretch(&ids, from, to).unwrap();
        assert_eq!(
            (board.shape(ids[2]).unwrap().at[0], board.shape(ids[2]).unwrap().size),
            (400.0, [100.0, 20.0])
        );
        board.rotate(&ids, [0.0, 0.0], std::f32::consts::PI).unwrap();
        let turned = board.shape(ids[2]).unwrap();
        assert!((turned.at[0] + 500.0).abs() < 0.01 && (turned.angle - std::f32::consts::PI).abs() < 1e-5);
    }

    #[test]
    fn an_arrow_is_put_in_line_by_its_ends_and_not_by_what_its_head_may_need() {
        let (mut board, mut ids) = board(1);
        let (points, at) = Points::new(&[[300.0, 0.0], [400.0, 40.0]], None).unwrap();
        let mut edits = Edits::new();
        edits.make(Shape::with_body(Kind::Arrow, Body::Points(points), at));
        ids.extend(board.commit(edits).unwrap());
        board.align(&ids, Edge::Right).unwrap();
        let right = |id: &ObjectId| board.shape(*id).map(|shape| shape.at[0] + shape.size[0]);
        assert_eq!([right(&ids[0]), right(&ids[1])], [Some(400.0); 2]);
    }

    #[test]
    fn what_is_locked_or_missing_is_refused_and_nothing_changes() {
        let (mut board, ids) = board(2);
        board.lock(&ids[..1], true).unwrap();
        let before = board.snapshot();
        assert_eq!(board.translate(&ids, [1.0, 1.0]), Err(EditError::Locked(ids[0])));
        assert_eq!(board.delete(&ids), Err(EditError::Locked(ids[0])));
        let far = board.translate(&ids[1..], [1e9, 0.0]);
        assert!(matches!(far, Err(EditError::Flaw(_))), "{far:?}");
        assert_eq!(board.snapshot(), before);
        board.lock(&ids[..1], false).unwrap();
        board.delete(&ids[..1]).unwrap();
        assert_eq!(board.translate(&ids[..1], [1.0, 1.0]), Err(EditError::Missing(ids[0])));
    }
}
