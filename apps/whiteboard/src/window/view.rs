//! Which part of the board is seen.

use crate::model::Bounds;
use eframe::egui::{Pos2, Rect, Vec2, vec2};

/// Nearest and farthest.
const ZOOM: std::ops::RangeInclusive<f32> = 0.02..=16.0;

/// What panels cover at the left, at the top, at the right and at the bottom, in points.
const PANELS: [f32; 4] = [215.0, 95.0, 40.0, 80.0];

/// The canvas and what it shows.
#[derive(Clone, Copy, Debug)]
pub(super) struct View {
    /// The canvas on the screen, in points.
    pub(super) canvas: Rect,
    /// The place on the board in the upper left corner.
    pub(super) corner: [f32; 2],
    /// Points of the screen for each unit of the board.
    pub(super) zoom: f32,
}

impl Default for View {
    fn default() -> Self {
        Self {
            canvas: Rect::from_min_size(Pos2::ZERO, vec2(1280.0, 800.0)),
            corner: [-640.0, -400.0],
            zoom: 1.0,
        }
    }
}

impl View {
    pub(super) fn to_board(self, at: Pos2) -> [f32; 2] {
        let from = (at - self.canvas.min) / self.zoom;
        [self.corner[0] + from.x, self.corner[1] + from.y]
    }

    pub(super) fn to_screen(self, [x, y]: [f32; 2]) -> Pos2 {
        self.canvas.min + vec2(x - self.corner[0], y - self.corner[1]) * self.zoom
    }

    pub(super) fn rect(self, bounds: Bounds) -> Rect {
        Rect::from_min_max(self.to_screen(bounds.min), self.to_screen(bounds.max))
    }

    /// The part that is seen.
    pub(super) fn part(self) -> Bounds {
        Bounds { min: self.corner, max: self.to_board(self.canvas.max) }
    }

    pub(super) fn pan(&mut self, by: Vec2) {
        self.corner = [self.corner[0] - by.x / self.zoom, self.corner[1] - by.y / self.zoom];
    }

    /// Nearer or farther; the place at `fixed` stays there.
    pub(super) fn zoom_by(&mut self, factor: f32, fixed: Pos2) {
        let place = self.to_board(fixed);
        self.zoom = (self.zoom * factor).clamp(*ZOOM.start(), *ZOOM.end());
        let from = (fixed - self.canvas.min) / self.zoom;
        self.corner = [place[0] - from.x, place[1] - from.y];
    }

    /// So that all of this is seen, with some space around.
    pub(super) fn fit(&mut self, bounds: Bounds) {
        let [w, h] = bounds.size().map(|side| side.max(1.0));
        let [left, top, right, bottom] = PANELS;
        let space = self.canvas.size() - vec2(left + right, top + bottom);
        let zoom = (space.x / w).min(space.y / h).min(2.0);
        self.zoom = zoom.clamp(*ZOOM.start(), *ZOOM.end());
        let [x, y] = bounds.centre();
        self.look_at([x - (left - right) / 2.0 / self.zoom, y - (top - bottom) / 2.0 / self.zoom]);
    }

    /// So that this place is in the middle.
    pub(super) fn look_at(&mut self, [x, y]: [f32; 2]) {
        let half = self.canvas.size() / 2.0 / self.zoom;
        self.corner = [x - half.x, y - half.y];
    }
}
