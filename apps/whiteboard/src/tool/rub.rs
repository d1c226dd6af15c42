//! Rubbing out parts of strokes and lines: what is left of each are pieces, objects of their own that lie where it lay.
//!
//! Invariant: a piece has at least two points, and looks as the part it is left of.

use crate::model::{Board, Body, Edits, Kind, ObjectId, Points, Shape};
use std::collections::{BTreeMap, BTreeSet};

/// x, y on the board, and pressure.
type Place = [f32; 3];

/// What is left of the objects that were touched.
#[derive(Clone, PartialEq, Debug, Default)]
pub(super) struct Worn(BTreeMap<ObjectId, Vec<Vec<Place>>>);

impl Worn {
    /// Takes away what lies within `radius` of the way from one place to another.
    pub(super) fn rub(&mut self, board: &Board, from: [f32; 2], to: [f32; 2], radius: f32) {
        for shape in board.shapes().filter(|shape| can_be_rubbed(shape)) {
            let around = shape.bounds().grown(radius);
            let low = [0, 1].map(|axis| from[axis].min(to[axis]));
            let high = [0, 1].map(|axis| from[axis].max(to[axis]));
            if !around.meets(&crate::model::Bounds { min: low, max: high }) {
                continue;
            }
            let reach = radius + shape.style.width / 2.0;
            let known = self.0.get(&shape.id);
            let before = known.cloned().unwrap_or_else(|| vec![places(shape)]);
            let after: Vec<Vec<Place>> =
                before.iter().flat_map(|piece| without(piece, from, to, reach)).collect();
            if after != before {
                self.0.insert(shape.id, after);
            }
        }
    }

    /// What was touched.
    pub(super) fn touched(&self) -> BTreeSet<ObjectId> {
        self.0.keys().copied().collect()
    }

    /// What is left, as it will be.
    pub(super) fn pieces(&self, board: &Board) -> Vec<Shape> {
        let left = self.0.iter().filter_map(|(id, pieces)| Some((board.shape(*id)?, pieces)));
        left.flat_map(|(shape, pieces)| pieces.iter().filter_map(|piece| made(shape, piece))).collect()
    }

    /// What happens to the board.
    pub(super) fn edits(&self, board: &Board) -> Edits {
        let mut edits = Edits::new();
        self.0.keys().filter(|id| board.shape(**id).is_some()).for_each(|id| edits.delete(*id));
        self.pieces(board).into_iter().for_each(|piece| edits.make_there(piece));
        edits
    }
}

fn can_be_rubbed(shape: &Shape) -> bool {
    !shape.locked && matches!(shape.kind, Kind::Stroke | Kind::Line | Kind::Arrow)
}

fn places(shape: &Shape) -> Vec<Place> {
    let Some(Body::Points(points)) = &shape.body else { return Vec::new() };
    let [sx, sy] = shape.stretch();
    let place = |s: &crate::model::Sample| {
        let [x, y] = shape.to_board([s.x * sx, s.y * sy]);
        [x, y, s.pressure]
    };
    points.samples().iter().map(place).collect()
}

/// The parts of a line that are further than `reach` from a way.
fn without(piece: &[Place], from: [f32; 2], to: [f32; 2], reach: f32) -> Vec<Vec<Place>> {
    let is_off = |place: &Place| distance([place[0], place[1]], from, to) > reach;
    let mut parts: Vec<Vec<Place>> = vec![Vec::new()];
    let mut touched = false;
    let mut put = |place: Place| {
        if is_off(&place) {
            parts.last_mut().into_iter().for_each(|part| part.push(place));
        } else {
            touched = true;
            if parts.last().is_some_and(|part| !part.is_empty()) {
                parts.push(Vec::new());
            }
        }
    };
    piece.first().into_iter().for_each(|first| put(*first));
    for pair in piece.windows(2) {
        let (a, b) = (pair[0], pair[1]);
        // Long ways between two points are looked at in steps, where they come near.
        let length = (b[0] - a[0]).hypot(b[1] - a[1]);
        let middle = [(a[0] + b[0]) / 2.0, (a[1] + b[1]) / 2.0];
        let steps = if distance(middle, from, to) > reach + length / 2.0 {
            1
        } else {
            ((length / (reach / 4.0).max(0.25)).ceil() as usize).clamp(1, 2_000)
        };
        for step in 1..=steps {
            let share = step as f32 / steps as f32;
            put([0, 1, 2].map(|c| a[c] + (b[c] - a[c]) * share));
        }
    }
    if !touched {
        return vec![piece.to_vec()];
    }
    parts.retain(|part| part.len() > 1);
    parts.iter().map(|part| straightened(part)).collect()
}

/// Without the points that were put in only to be looked at.
fn straightened(part: &[Place]) -> Vec<Place> {
    let mut kept = vec![part[0]];
    for three in part.windows(3) {
        let [from, here, next] = [three[0], three[1], three[2]];
        let turn = (here[0] - from[0]) * (next[1] - here[1]) - (here[1] - from[1]) * (next[0] - here[0]);
        let length = (next[0] - from[0]).hypot(next[1] - from[1]).max(1e-6);
        if turn.abs() / length > 0.01 {
            kept.push(here);
        }
    }
    kept.push(part[part.len() - 1]);
    kept
}

fn made(shape: &Shape, piece: &[Place]) -> Option<Shape> {
    let places: Vec<[f32; 2]> = piece.iter().map(|[x, y, _]| [*x, *y]).collect();
    let pressures: Vec<f32> = piece.iter().map(|[_, _, pressure]| *pressure).collect();
    let Some(Body::Points(old)) = &shape.body else { return None };
    let (points, at) = Points::new(&places, old.has_pressure().then_some(&pressures[..])).ok()?;
    let size = points.extent();
    Some(Shape { body: Some(Body::Points(points)), at, size, angle: 0.0, ..shape.clone() })
}

fn distance(place: [f32; 2], a: [f32; 2], b: [f32; 2]) -> f32 {
    let (dx, dy) = (b[0] - a[0], b[1] - a[1]);
    let along = ((place[0] - a[0]) * dx + (place[1] - a[1]) * dy) / (dx * dx + dy * dy).max(1e-9);
    let along = along.clamp(0.0, 1.0);
    (place[0] - a[0] - along * dx).hypot(place[1] - a[1] - along * dy)
}
