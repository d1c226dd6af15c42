//! Handles around what is chosen: eight to stretch it, one to rotate it.

use super::on_line;
use crate::model::{Bounds, ObjectId, Placement, Shape, stretched, turned};
use std::collections::BTreeMap;

/// A handle.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Grip {
    /// Stretches: which sides move, −1 the left or upper, 1 the right or lower, 0 none.
    Side([i8; 2]),
    /// Rotates.
    Turn,
}

/// Pixels from the chosen to the handle that rotates.
const STEM: f32 = 26.0;

/// What is not longer cannot be stretched.
const FLAT: f32 = 0.1;

/// How near in pixels is on a handle.
const REACH: f32 = 9.0;

/// Pixels between what is chosen and the frame around it.
pub const GAP: f32 = 5.0;

const SIDES: [[i8; 2]; 8] = [[-1, -1], [1, -1], [-1, 1], [1, 1], [0, -1], [0, 1], [-1, 0], [1, 0]];

impl Grip {
    /// All handles and where they are. `pixel`: board units of a pixel.
    pub fn all(chosen: Bounds, pixel: f32) -> impl Iterator<Item = (Self, [f32; 2])> {
        let frame = chosen.grown(GAP * pixel);
        let ([cx, cy], [w, h]) = (frame.centre(), frame.size());
        let at = move |[x, y]: [i8; 2]| [cx + f32::from(x) * w / 2.0, cy + f32::from(y) * h / 2.0];
        let turn = (Self::Turn, [cx, frame.min[1] - STEM * pixel]);
        SIDES.into_iter().map(move |side| (Self::Side(side), at(side))).chain([turn])
    }

    /// The handle at a point.
    pub fn at(chosen: Bounds, point: [f32; 2], pixel: f32) -> Option<Self> {
        let near = |at: [f32; 2]| (at[0] - point[0]).hypot(at[1] - point[1]) <= REACH * pixel;
        Self::all(chosen, pixel).find(|(_, at)| near(*at)).map(|(grip, _)| grip)
    }

    /// Where the pointer would be for the sides that it pulls, from `from`, to lie on the grid.
    pub(super) fn on_grid(self, chosen: Bounds, from: [f32; 2], to: [f32; 2], grid: f32) -> [f32; 2] {
        let Self::Side(sides) = self else { return to };
        [0, 1].map(|axis| {
            let side = if sides[axis] < 0 { chosen.min[axis] } else { chosen.max[axis] };
            from[axis] + on_line(side + to[axis] - from[axis], grid) - side
        })
    }

    /// Where shapes are when this handle of `chosen` is pulled from one point to another. `proportional`: sides keep
    /// their proportions, angles are multiples of 15 degrees.
    pub(super) fn placed<'a>(
        self,
        shapes: impl Iterator<Item = &'a Shape>,
        chosen: Bounds,
        from: [f32; 2],
        to: [f32; 2],
        proportional: bool,
    ) -> BTreeMap<ObjectId, Placement> {
        match self {
            Self::Turn => {
                let centre = chosen.centre();
                let angle = |p: [f32; 2]| (p[1] - centre[1]).atan2(p[0] - centre[0]);
                let mut by = angle(to) - angle(from);
                if proportional {
                    let step = std::f32::consts::PI / 12.0;
                    by = (by / step).round() * step;
                }
                shapes.map(|shape| (shape.id, turned(shape, centre, by))).collect()
            }
            Self::Side(sides) => {
                let pulled = pulled(chosen, sides, [to[0] - from[0], to[1] - from[1]], proportional);
                shapes.map(|shape| (shape.id, stretched(shape, chosen, pulled))).collect()
            }
        }
    }
}

/// A rectangle some of whose sides have moved.
fn pulled(chosen: Bounds, sides: [i8; 2], by: [f32; 2], proportional: bool) -> Bounds {
    let size = chosen.size();
    // What is flat, as a level line, stays flat.
    let moves = [0, 1].map(|axis| sides[axis] != 0 && size[axis] > FLAT);
    let mut scale = [0, 1].map(|axis| {
        let length = size[axis] + by[axis] * f32::from(sides[axis]);
        if moves[axis] { (length / size[axis]).max(0.01) } else { 1.0 }
    });
    if proportional {
        scale = match moves {
            [true, false] => [scale[0]; 2],
            [false, true] => [scale[1]; 2],
            _ => [scale[0].max(scale[1]); 2],
        };
    }
    let mut out = chosen;
    for axis in 0..2 {
        let length = size[axis] * scale[axis];
        match sides[axis] {
            -1 => out.min[axis] = chosen.max[axis] - length,
            1 => out.max[axis] = chosen.min[axis] + length,
            _ => {
                let middle = chosen.centre()[axis];
                (out.min[axis], out.max[axis]) = (middle - length / 2.0, middle + length / 2.0);
            }
        }
    }
    out
}
