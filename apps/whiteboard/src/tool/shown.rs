//! What a window shows of what is in the making.
//!
//! Invariant: looking changes nothing.

use super::{Desk, Doing};
use crate::model::{Board, Bounds, ObjectId, Placement, Points, Shape};
use std::{collections::BTreeSet, sync::Arc};

impl Desk {
    /// What is in the making, and what is moved, as it will be.
    pub fn preview(&self, board: &Board) -> Vec<Shape> {
        match &self.doing {
            Doing::Drawing { places, .. } => {
                let stroke = Points::new(places, None).map(|(points, corner)| self.stroke(points, corner));
                stroke.into_iter().collect()
            }
            Doing::Shaping { shape, .. } => vec![Shape::clone(shape)],
            Doing::Moving { by, .. } => {
                let moved = |shape: &Arc<Shape>| Shape {
                    at: [shape.at[0] + by[0], shape.at[1] + by[1]],
                    ..Shape::clone(shape)
                };
                self.movable(board).into_iter().map(|shape| moved(&shape)).collect()
            }
            Doing::Gripping { placed, .. } => {
                let moved = |(id, to): (&ObjectId, &Placement)| {
                    let shape = board.shape(*id)?;
                    Some(Shape { at: to.at, size: to.size, angle: to.angle, ..Shape::clone(shape) })
                };
                placed.iter().filter_map(moved).collect()
            }
            Doing::Rubbing { worn, .. } => worn.pieces(board),
            _ => Vec::new(),
        }
    }

    /// Objects that are not shown where the board has them, because they are moved or erased just now.
    pub fn hidden(&self, board: &Board) -> BTreeSet<ObjectId> {
        match &self.doing {
            Doing::Moving { by, .. } if *by != [0.0; 2] => {
                self.movable(board).iter().map(|shape| shape.id).collect()
            }
            Doing::Gripping { placed, .. } => placed.keys().copied().collect(),
            Doing::Erasing { touched } => touched.clone(),
            Doing::Rubbing { worn, .. } => worn.touched(),
            _ => BTreeSet::new(),
        }
    }

    /// The rectangle with which objects are being chosen.
    pub fn frame(&self) -> Option<Bounds> {
        match &self.doing {
            Doing::Framing { from, to } => Bounds::around([*from, *to]),
            _ => None,
        }
    }

    /// The line with which objects are being chosen.
    pub fn lasso(&self) -> &[[f32; 2]] {
        match &self.doing {
            Doing::Circling { places } => places,
            _ => &[],
        }
    }

    /// The light of one's own laser.
    pub fn light(&self) -> &[[f32; 2]] {
        match &self.doing {
            Doing::Lighting { places } => places,
            _ => &[],
        }
    }
}
