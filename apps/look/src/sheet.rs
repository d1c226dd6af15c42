//! Text that was laid out: painted, pointed at, selected.
//!
//! Invariant: places are in points from the upper left corner of the text, and bytes of it are where letters begin.

use crate::{
    Ink, Typesetter,
    atlas::{Key, SHIFTS},
};
use eframe::egui::{Color32, Mesh, Painter, Pos2, Rect, Shape, Vec2, pos2, vec2};
use parley::{
    Affinity, BoundingBox, Cursor, Layout, PositionedLayoutItem, Selection,
    layout::{Decoration, GlyphRun},
};
use std::{
    hash::{DefaultHasher, Hash, Hasher},
    ops::Range,
};

/// What inks are.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Inks {
    /// Text.
    pub text: Color32,
    /// What matters less.
    pub weak: Color32,
    /// Somewhere to go, something chosen.
    pub accent: Color32,
    /// Something is wrong.
    pub alarm: Color32,
    /// Code.
    pub code: Color32,
    /// A word of its language.
    pub keyword: Color32,
    /// A string or a number in it.
    pub literal: Color32,
}

impl Inks {
    /// The colour of an ink.
    pub fn of(&self, ink: Ink) -> Color32 {
        match ink {
            Ink::Text => self.text,
            Ink::Weak => self.weak,
            Ink::Accent => self.accent,
            Ink::Alarm => self.alarm,
            Ink::Code => self.code,
            Ink::Keyword => self.keyword,
            Ink::Literal => self.literal,
        }
    }
}

/// Text that was laid out.
pub struct Sheet {
    layout: Layout<Ink>,
    scale: f32,
}

impl std::fmt::Debug for Sheet {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sheet").field("size", &self.size()).finish_non_exhaustive()
    }
}

impl Sheet {
    pub(crate) fn new(layout: Layout<Ink>, scale: f32) -> Self {
        Self { layout, scale }
    }

    /// Width and height.
    pub fn size(&self) -> Vec2 {
        vec2(self.layout.width(), self.layout.height()) / self.scale
    }

    /// How many lines it has.
    pub fn lines(&self) -> usize {
        self.layout.len()
    }

    /// Whether it begins at the right.
    pub fn is_rtl(&self) -> bool {
        self.layout.is_rtl()
    }

    /// Paints what of it is within the painter's clip, with its corner at `at`.
    pub fn paint(&self, setter: &mut Typesetter, painter: &Painter, at: Pos2, inks: &Inks) {
        let origin = pos2((at.x * self.scale).round(), (at.y * self.scale).round());
        let clip = painter.clip_rect();
        let (top, bottom) = (clip.top() * self.scale - origin.y, clip.bottom() * self.scale - origin.y);
        let mut meshes: Vec<Mesh> = Vec::new();
        for line in self.layout.lines() {
            let metrics = line.metrics();
            if metrics.block_max_coord < top {
                continue;
            }
            if metrics.block_min_coord > bottom {
                break;
            }
            for item in line.items() {
                let PositionedLayoutItem::GlyphRun(run) = item else { continue };
                self.add_run(setter, painter, origin, &run, inks, &mut meshes);
            }
        }
        painter.extend(meshes.into_iter().map(Shape::mesh));
    }

    fn add_run(
        &self,
        setter: &mut Typesetter,
        painter: &Painter,
        origin: Pos2,
        run: &GlyphRun<'_, Ink>,
        inks: &Inks,
        meshes: &mut Vec<Mesh>,
    ) {
        let (style, face, synthesis) = (run.style(), run.run().font(), run.run().synthesis());
        let coords = run.run().normalized_coords();
        let ink = inks.of(style.brush);
        let mut hasher = DefaultHasher::new();
        coords.hash(&mut hasher);
        let key = Key {
            font: face.data.id(),
            index: face.index,
            glyph: 0,
            size: run.run().font_size().to_bits(),
            shift: 0,
            skew: synthesis.skew().unwrap_or(0.0) as i8,
            bold: synthesis.embolden(),
            coords: hasher.finish(),
        };
        for glyph in run.positioned_glyphs() {
            let x = origin.x + glyph.x;
            let steps = (x * f32::from(SHIFTS)).round();
            let shift = steps.rem_euclid(f32::from(SHIFTS));
            let place = pos2((steps - shift) / f32::from(SHIFTS), (origin.y + glyph.y).round());
            let key = Key { glyph: glyph.id, shift: shift as u8, ..key };
            setter.atlas.add(painter.ctx(), (key, face.data.as_ref(), coords), place, ink, meshes);
        }
        let metrics = run.run().metrics();
        let line = |decoration: &Decoration<Ink>, offset: f32, size: f32| {
            let y = origin.y + run.baseline() - decoration.offset.unwrap_or(offset);
            let size = decoration.size.unwrap_or(size).max(1.0).round();
            let corner = pos2(origin.x + run.offset(), y.round()) / self.scale;
            let area = Rect::from_min_size(corner, vec2(run.advance(), size) / self.scale);
            painter.rect_filled(area, 0.0, inks.of(decoration.brush));
        };
        if let Some(decoration) = &style.underline {
            line(decoration, metrics.underline_offset, metrics.underline_size);
        }
        if let Some(decoration) = &style.strikethrough {
            line(decoration, metrics.strikethrough_offset, metrics.strikethrough_size);
        }
    }

    /// The byte nearest to a place.
    pub fn at(&self, place: Vec2) -> usize {
        Cursor::from_point(&self.layout, place.x * self.scale, place.y * self.scale).index()
    }

    /// The bytes of the word at a place.
    pub fn word_at(&self, place: Vec2) -> Range<usize> {
        Selection::word_from_point(&self.layout, place.x * self.scale, place.y * self.scale).text_range()
    }

    /// The line between letters before this byte.
    pub fn caret(&self, byte: usize) -> Rect {
        let cursor = Cursor::from_byte_index(&self.layout, byte, Affinity::Downstream);
        self.rect(cursor.geometry(&self.layout, 1.0))
    }

    /// Where a part of the text is.
    pub fn areas(&self, range: Range<usize>) -> Vec<Rect> {
        let cursor = |byte| Cursor::from_byte_index(&self.layout, byte, Affinity::Downstream);
        let selection = Selection::new(cursor(range.start), cursor(range.end));
        selection.geometry(&self.layout).into_iter().map(|(area, _)| self.rect(area)).collect()
    }

    fn rect(&self, area: BoundingBox) -> Rect {
        let point = |x: f64, y: f64| pos2(x as f32, y as f32) / self.scale;
        Rect::from_min_max(point(area.x0, area.y0), point(area.x1, area.y1))
    }
}
