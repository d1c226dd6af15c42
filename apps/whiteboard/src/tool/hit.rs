//! What lies under a point.

use crate::model::{Board, Body, Kind, ObjectId, Shape};

/// The topmost object within reach of a point. Locked objects and the insides of frames are looked through.
pub fn hit(board: &Board, at: [f32; 2], reach: f32) -> Option<ObjectId> {
    board.shapes().rev().find(|shape| !shape.locked && is_hit(shape, at, reach)).map(|shape| shape.id)
}

/// All objects within reach of a point.
pub fn hit_all(board: &Board, at: [f32; 2], reach: f32) -> Vec<ObjectId> {
    board.shapes().filter(|shape| !shape.locked && is_hit(shape, at, reach)).map(|shape| shape.id).collect()
}

/// Whether a shape lies within a line around it: all corners of its box, or of a stroke all points.
pub(super) fn is_within(shape: &Shape, line: &[[f32; 2]]) -> bool {
    let around = |place: [f32; 2]| {
        let sides = line.iter().zip(line.iter().cycle().skip(1));
        let crossed = sides.filter(|([ax, ay], [bx, by])| {
            (*ay > place[1]) != (*by > place[1]) && place[0] < ax + (place[1] - ay) / (by - ay) * (bx - ax)
        });
        crossed.count() % 2 == 1
    };
    if line.len() < 3 {
        return false;
    }
    match &shape.body {
        Some(Body::Points(points)) => {
            let [sx, sy] = shape.stretch();
            points.samples().iter().all(|s| around(shape.to_board([s.x * sx, s.y * sy])))
        }
        _ => {
            let [w, h] = shape.size;
            [[0.0, 0.0], [w, 0.0], [0.0, h], [w, h]].into_iter().all(|corner| around(shape.to_board(corner)))
        }
    }
}

fn is_hit(shape: &Shape, at: [f32; 2], reach: f32) -> bool {
    if !shape.bounds().grown(reach).holds(at) {
        return false;
    }
    let [x, y] = shape.to_box(at);
    let [w, h] = shape.size;
    let reach = reach + shape.style.width / 2.0;
    let inside = x >= -reach && y >= -reach && x <= w + reach && y <= h + reach;
    let hollow = shape.style.fill.is_none() && shape.text.is_empty();
    match (shape.kind, &shape.body) {
        (Kind::Stroke | Kind::Line | Kind::Arrow, Some(Body::Points(points))) => {
            let [sx, sy] = shape.stretch();
            let places: Vec<[f32; 2]> = points.samples().iter().map(|s| [s.x * sx, s.y * sy]).collect();
            near_line(&places, [x, y], reach)
        }
        (Kind::Frame, _) => inside && near_border([x, y], [w, h], reach),
        (Kind::Rectangle, _) if hollow => inside && near_border([x, y], [w, h], reach),
        (Kind::Ellipse, _) => {
            let (rx, ry) = ((w / 2.0).max(1e-3), (h / 2.0).max(1e-3));
            let from_middle = ((x - rx) / rx).hypot((y - ry) / ry);
            let tolerance = reach / rx.min(ry);
            from_middle <= 1.0 + tolerance && (!hollow || from_middle >= 1.0 - tolerance)
        }
        (Kind::Diamond, _) => {
            let corners = [[w / 2.0, 0.0], [w, h / 2.0], [w / 2.0, h], [0.0, h / 2.0], [w / 2.0, 0.0]];
            let from_middle =
                ((x - w / 2.0) / (w / 2.0).max(1e-3)).abs() + ((y - h / 2.0) / (h / 2.0).max(1e-3)).abs();
            near_line(&corners, [x, y], reach) || (!hollow && from_middle <= 1.0)
        }
        _ => inside,
    }
}

fn near_border([x, y]: [f32; 2], [w, h]: [f32; 2], reach: f32) -> bool {
    x.min(y).min(w - x).min(h - y) <= reach
}

fn near_line(places: &[[f32; 2]], at: [f32; 2], reach: f32) -> bool {
    let distance = |a: [f32; 2], b: [f32; 2]| {
        let (dx, dy) = (b[0] - a[0], b[1] - a[1]);
        let along = ((at[0] - a[0]) * dx + (at[1] - a[1]) * dy) / (dx * dx + dy * dy).max(1e-9);
        let along = along.clamp(0.0, 1.0);
        (at[0] - a[0] - along * dx).hypot(at[1] - a[1] - along * dy)
    };
    match places {
        [only] => distance(*only, *only) <= reach,
        _ => places.windows(2).any(|pair| distance(pair[0], pair[1]) <= reach),
    }
}
