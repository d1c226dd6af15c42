//! Shapes in the making, drawn as they will be, over the tiles of the board.
//!
//! They are drawn in pieces of the screen of their own, of which only those are drawn again that look different: a stroke that grows changes
//! near its end alone, so that it costs the same however far it goes.
//!
//! Invariant: what is on the screen is what [`crate::render::Raster`] makes of the shapes as they are now.

use super::{gallery::Shared, tiles::darkened, view::View};
use crate::{
    model::{Body, Bounds, Colour, Kind, Shape},
    render::{Painter, Picture, Raster},
};
use eframe::egui::{
    Color32, ColorImage, Painter as Screen, Rect, TextureHandle, TextureOptions, Vec2, pos2, vec2,
};
use std::{collections::BTreeMap, sync::PoisonError};

/// Width and height of a piece, in pixels.
const SIDE: u16 = 256;

/// Near the end of a stroke that grows so many points may still move, and at its beginning the pressure is found out with so many.
const UNSURE: usize = 12;

type Key = (i32, i32);

/// What is in the making.
#[derive(Default)]
pub(super) struct Overlay {
    raster: Raster,
    /// None: there is nothing in this piece.
    pieces: BTreeMap<Key, Option<TextureHandle>>,
    shapes: Vec<Shape>,
    /// Where the pieces lie, and how they look: corner of the view, pixels a unit, dark.
    seen: ([f32; 2], f32, bool),
}

impl Overlay {
    /// What was shown last.
    pub(super) fn shapes(&self) -> &[Shape] {
        &self.shapes
    }

    /// Shows these shapes, and nothing else.
    pub(super) fn show(
        &mut self,
        screen: &Screen,
        view: View,
        painter: &mut Painter,
        images: &Shared,
        shapes: Vec<Shape>,
        dark: bool,
    ) {
        let pixels = screen.ctx().pixels_per_point();
        let scale = view.zoom * pixels;
        let seen = (view.corner, scale, dark);
        let Some(around) = shapes.iter().map(Shape::bounds).reduce(Bounds::union) else {
            self.pieces.clear();
            self.shapes.clear();
            return;
        };
        let damage = if seen == self.seen { changed(&self.shapes, &shapes) } else { None };
        self.seen = seen;
        if damage.is_none() {
            self.pieces.clear();
        }
        let side = f32::from(SIDE) / scale;
        let place = |(x, y): Key| {
            let min = [view.corner[0] + x as f32 * side, view.corner[1] + y as f32 * side];
            Bounds { min, max: [min[0] + side, min[1] + side] }
        };
        let part = view.part();
        let range = |axis: usize| {
            let at = |c: f32| ((c - view.corner[axis]) / side).floor() as i32;
            at(around.min[axis].max(part.min[axis]))..=at(around.max[axis].min(part.max[axis]))
        };
        let wanted: Vec<Key> = range(1).flat_map(|y| range(0).map(move |x| (x, y))).collect();
        self.pieces.retain(|key, _| wanted.contains(key));
        let stale = |key: &&Key| {
            !self.pieces.contains_key(*key) || damage.is_some_and(|damage| damage.meets(&place(**key)))
        };
        let stale: Vec<Key> = wanted.iter().filter(stale).copied().collect();
        let pictures = if stale.is_empty() { Vec::new() } else { drawn(painter, &shapes, dark) };
        for key in stale {
            let around = place(key);
            let meets = shapes.iter().zip(&pictures).filter(|(shape, _)| shape.bounds().meets(&around));
            let images = images.lock().unwrap_or_else(PoisonError::into_inner);
            let rgba = self.raster.draw(
                meets.map(|(_, picture)| picture),
                &images,
                around.min,
                scale,
                [SIDE, SIDE],
                Colour::NONE,
            );
            let piece = self.pieces.entry(key).or_default();
            if rgba.iter().all(|byte| *byte == 0) {
                *piece = None;
                continue;
            }
            let image = ColorImage::from_rgba_premultiplied([usize::from(SIDE); 2], &rgba);
            match piece {
                Some(texture) => texture.set(image, TextureOptions::LINEAR),
                None => *piece = Some(screen.ctx().load_texture("overlay", image, TextureOptions::LINEAR)),
            }
        }
        self.shapes = shapes;
        let whole = Rect::from_min_max(pos2(0.0, 0.0), pos2(1.0, 1.0));
        for (key, texture) in self.pieces.iter().filter_map(|(key, piece)| Some((key, piece.as_ref()?))) {
            let corner = view.canvas.min + vec2(key.0 as f32, key.1 as f32) * f32::from(SIDE) / pixels;
            let size = Vec2::splat(f32::from(SIDE) / pixels);
            screen.image(texture.id(), Rect::from_min_size(corner, size), whole, Color32::WHITE);
        }
    }
}

fn drawn(painter: &mut Painter, shapes: &[Shape], dark: bool) -> Vec<Picture> {
    let pictures = shapes.iter().map(|shape| painter.picture(shape));
    pictures.map(|picture| if dark { darkened(&picture) } else { picture }).collect()
}

/// Around what looks different; none: everything may.
fn changed(old: &[Shape], new: &[Shape]) -> Option<Bounds> {
    if let ([old], [new]) = (old, new)
        && let Some(grown) = grown(old, new)
    {
        return Some(grown);
    }
    old.iter().chain(new).map(Shape::bounds).reduce(Bounds::union)
}

/// Around what a stroke that has grown shows more; none: it has not just grown.
fn grown(old: &Shape, new: &Shape) -> Option<Bounds> {
    let (Some(Body::Points(before)), Some(Body::Points(after))) = (&old.body, &new.body) else { return None };
    let (known, all) = (before.samples().len(), after.samples().len());
    let same = old.kind == Kind::Stroke && new.kind == Kind::Stroke && old.style == new.style;
    if !same || known < 2 * UNSURE || all < known {
        return None;
    }
    let sure = known - UNSURE;
    let place = |shape: &Shape, at: usize, points: &crate::model::Points| {
        points.samples().get(at).map(|s| [shape.at[0] + s.x, shape.at[1] + s.y])
    };
    let (was, is) = (place(old, sure, before)?, place(new, sure, after)?);
    if (was[0] - is[0]).hypot(was[1] - is[1]) > 0.25 {
        return None;
    }
    let places = (sure..all).filter_map(|at| place(new, at, after));
    let ends = (sure..known).filter_map(|at| place(old, at, before));
    Some(Bounds::around(places.chain(ends))?.grown(2.0 * new.style.width + 2.0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Points;

    fn stroke(count: usize) -> Shape {
        let places: Vec<[f32; 2]> = (0..count).map(|i| [i as f32 * 4.0, -(i as f32)]).collect();
        let (points, at) = Points::new(&places, None).unwrap();
        Shape::with_body(Kind::Stroke, Body::Points(points), at)
    }

    #[test]
    fn a_stroke_that_grows_changes_near_its_end() {
        let part = changed(&[stroke(200)], &[stroke(210)]).unwrap();
        assert!(part.min[0] > 700.0 && part.max[0] >= 209.0 * 4.0, "{part:?}");
        assert!(part.holds([209.0 * 4.0, -209.0]) && part.holds([199.0 * 4.0, -199.0]));
        let part = changed(&[stroke(5)], &[stroke(9)]).unwrap();
        assert!(part.holds([0.0, 0.0]), "at its beginning all of it");
        let mut moved = stroke(210);
        moved.at[0] += 30.0;
        assert!(
            changed(&[stroke(200)], &[moved]).unwrap().holds([30.0, 0.0]),
            "another stroke is all of both"
        );
        assert!(changed(&[], &[stroke(3)]).is_some());
    }
}
