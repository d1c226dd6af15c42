//! New objects, from where the pointer went.

use super::{Desk, Effect, Pointer, Tool};
use crate::model::{Body, Bounds, Colour, Edits, Kind, Points, Shape, Style};

/// The pointer may shake so many pixels without meaning it.
const SLOP: f32 = 4.0;

/// A note that is only clicked has this size.
const NOTE: [f32; 2] = [180.0, 140.0];

impl Desk {
    pub(super) fn shape_done(&mut self, from: [f32; 2], mut shape: Shape, pointer: Pointer) -> Vec<Effect> {
        let [w, h] = [0, 1].map(|axis| (pointer.at[axis] - from[axis]).abs());
        let clicked = w.max(h) < SLOP * pointer.pixel;
        if shape.kind == Kind::Note {
            if clicked {
                (shape.size, shape.at) = (NOTE, [from[0] - NOTE[0] / 2.0, from[1] - NOTE[1] / 2.0]);
            }
            return vec![Effect::Write(Box::new(shape))];
        }
        if clicked {
            // A click makes nothing by accident.
            return Vec::new();
        }
        let mut edits = Edits::new();
        edits.make(shape);
        vec![Effect::Commit(edits)]
    }

    /// The shape between two points.
    pub(super) fn shaped(&self, tool: Tool, from: [f32; 2], to: [f32; 2], pointer: Pointer) -> Shape {
        let kind = match tool {
            Tool::Line => Kind::Line,
            Tool::Arrow => Kind::Arrow,
            Tool::Ellipse => Kind::Ellipse,
            Tool::Diamond => Kind::Diamond,
            Tool::Note => Kind::Note,
            Tool::Frame => Kind::Frame,
            _ => Kind::Rectangle,
        };
        let style = self.style;
        if matches!(kind, Kind::Line | Kind::Arrow) {
            let to = if pointer.shift { snapped(from, to) } else { to };
            if let Ok((points, corner)) = Points::new(&[from, to], None) {
                let style = Style { corner: 0.0, ..style };
                return Shape { style, ..Shape::with_body(kind, Body::Points(points), corner) };
            }
        }
        let mut by = [to[0] - from[0], to[1] - from[1]];
        if pointer.shift {
            let side = by[0].abs().max(by[1].abs());
            by = by.map(|d| side.copysign(d));
        }
        let (a, b) = if pointer.alt {
            ([from[0] - by[0], from[1] - by[1]], [from[0] + by[0], from[1] + by[1]])
        } else {
            (from, [from[0] + by[0], from[1] + by[1]])
        };
        let bounds = Bounds::around([a, b]).unwrap_or(Bounds { min: a, max: a });
        Shape { at: bounds.min, size: bounds.size(), style, font: self.font, ..Shape::new(kind) }
    }

    pub(super) fn stroke(&self, points: Points, corner: [f32; 2]) -> Shape {
        let style = Style { fill: Colour::NONE, corner: 0.0, ..self.pen() };
        Shape { style, ..Shape::with_body(Kind::Stroke, Body::Points(points), corner) }
    }

    /// How the pen in hand writes.
    pub(super) fn pen(&self) -> Style {
        match self.tool {
            Tool::Highlighter => {
                let Colour([r, g, b, _]) = self.style.ink;
                Style { ink: Colour([r, g, b, 90]), width: self.style.width * 5.0 + 8.0, ..self.style }
            }
            _ => self.style,
        }
    }
}

/// The direction nearest to a multiple of 15 degrees.
fn snapped(from: [f32; 2], to: [f32; 2]) -> [f32; 2] {
    let (dx, dy) = (to[0] - from[0], to[1] - from[1]);
    let step = std::f32::consts::PI / 12.0;
    let angle = (dy.atan2(dx) / step).round() * step;
    let length = dx.hypot(dy);
    [from[0] + length * angle.cos(), from[1] + length * angle.sin()]
}
