//! Text as areas: laid out, in both directions, with the fonts that come with the program.
//!
//! So a board looks the same everywhere. Letters that these fonts lack come from fonts of the machine (`faces`), where it has some; those
//! that it lacks as well are empty boxes, and can be told ([`Letters::missing`]).
//!
//! Invariant: text in the letters of our fonts gives the same areas on every machine.

use crate::model::{Align, Font};
use chalktalk_look::{
    Faces,
    fonts::{self, FAMILIES, LETTERS, is_ours},
};
use kurbo::BezPath;
use parley::{
    Alignment, AlignmentOptions, FontContext, FontFamily, FontFamilyName, Layout, LayoutContext, LineHeight,
    PositionedLayoutItem, StyleProperty,
};
use skrifa::{
    FontRef, GlyphId, MetadataProvider,
    instance::{LocationRef, NormalizedCoord, Size},
    outline::{DrawSettings, OutlinePen},
};
use std::{collections::BTreeSet, fmt, sync::PoisonError};

/// Distance of lines, in heights of letters.
const LEADING: f32 = 1.25;

/// Lays out text.
pub struct Letters {
    fonts: FontContext,
    layouts: LayoutContext<()>,
    /// Families of the machine that were needed, after ours.
    borrowed: Vec<String>,
    /// Letters that were looked for, whether they were found or not.
    sought: BTreeSet<char>,
}

/// Text that was laid out.
#[derive(Clone, Debug)]
pub struct Block {
    /// All letters, in board units from the block's upper left corner.
    pub path: BezPath,
    /// Width and height of the block.
    pub size: [f32; 2],
}

impl Default for Letters {
    fn default() -> Self {
        let fonts = fonts::context(&LETTERS);
        Self { fonts, layouts: LayoutContext::new(), borrowed: Vec::new(), sought: BTreeSet::new() }
    }
}

impl fmt::Debug for Letters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Letters")
    }
}

impl Letters {
    /// Lays out text; lines are broken at `width`, if there is one, and aligned within it, otherwise within the longest.
    pub fn lay_out(&mut self, text: &str, font: Font, width: Option<f32>) -> Block {
        let layout = self.layout(text, font, width);
        let mut pen = Pen::default();
        for line in layout.lines() {
            for item in line.items() {
                let PositionedLayoutItem::GlyphRun(run) = item else { continue };
                let face = run.run().font();
                let Ok(face) = FontRef::from_index(face.data.as_ref(), face.index) else { continue };
                let coords: Vec<NormalizedCoord> =
                    run.run().normalized_coords().iter().map(|c| NormalizedCoord::from_bits(*c)).collect();
                let size = Size::new(run.run().font_size());
                let outlines = face.outline_glyphs();
                for glyph in run.positioned_glyphs() {
                    let Some(outline) = outlines.get(GlyphId::new(glyph.id)) else { continue };
                    pen.origin = [glyph.x, glyph.y];
                    // A damaged outline is left out; ours are not.
                    let _drawn =
                        outline.draw(DrawSettings::unhinted(size, LocationRef::new(&coords)), &mut pen);
                }
            }
        }
        Block { path: pen.path, size: [width.unwrap_or(layout.full_width()), layout.height()] }
    }

    /// Width and height of text, without breaking lines.
    pub fn measure(&mut self, text: &str, font: Font) -> [f32; 2] {
        let layout = self.layout(text, font, None);
        [layout.full_width(), layout.height()]
    }

    /// Letters of a text that no font has here: they are seen as boxes.
    pub fn missing(text: &str) -> BTreeSet<char> {
        let mut faces = Faces::of_machine().lock().unwrap_or_else(PoisonError::into_inner);
        text.chars().filter(|c| !is_ours(*c) && faces.covering(*c).is_none()).collect()
    }

    /// Has fonts of the machine for what ours lack.
    fn borrow_for(&mut self, text: &str) {
        for letter in text.chars().filter(|c| !is_ours(*c)) {
            if !self.sought.insert(letter) {
                continue;
            }
            let face = Faces::of_machine().lock().unwrap_or_else(PoisonError::into_inner).covering(letter);
            if let Some(face) = face.filter(|face| !self.borrowed.contains(&face.family)) {
                self.fonts.collection.register_fonts(face.data.clone(), None);
                self.borrowed.push(face.family.clone());
            }
        }
    }

    fn layout(&mut self, text: &str, font: Font, width: Option<f32>) -> Layout<()> {
        self.borrow_for(text);
        let mut builder = self.layouts.ranged_builder(&mut self.fonts, text, 1.0, false);
        let families = FAMILIES.into_iter().chain(self.borrowed.iter().map(String::as_str));
        let families: Vec<FontFamilyName<'_>> = families.map(FontFamilyName::named).collect();
        builder.push_default(StyleProperty::FontFamily(FontFamily::List(families.into())));
        builder.push_default(StyleProperty::FontSize(font.size));
        builder.push_default(StyleProperty::LineHeight(LineHeight::FontSizeRelative(LEADING)));
        let mut layout: Layout<()> = builder.build(text);
        layout.break_all_lines(width);
        let align = match font.align {
            // Where a line begins depends on its language.
            Align::Left => Alignment::Start,
            Align::Centre => Alignment::Center,
            Align::Right => Alignment::End,
        };
        if width.is_none() {
            let longest = layout.full_width();
            layout.break_all_lines(Some(longest + 0.5));
        }
        layout.align(align, AlignmentOptions::default());
        layout
    }
}

/// Draws glyphs, which have their y axis upwards, onto the board, which has it downwards.
#[derive(Default)]
struct Pen {
    path: BezPath,
    origin: [f32; 2],
}

impl Pen {
    fn at(&self, x: f32, y: f32) -> (f64, f64) {
        (f64::from(self.origin[0] + x), f64::from(self.origin[1] - y))
    }
}

impl OutlinePen for Pen {
    fn move_to(&mut self, x: f32, y: f32) {
        self.path.move_to(self.at(x, y));
    }
    fn line_to(&mut self, x: f32, y: f32) {
        self.path.line_to(self.at(x, y));
    }
    fn quad_to(&mut self, cx: f32, cy: f32, x: f32, y: f32) {
        self.path.quad_to(self.at(cx, cy), self.at(x, y));
    }
    fn curve_to(&mut self, ax: f32, ay: f32, bx: f32, by: f32, x: f32, y: f32) {
        self.path.curve_to(self.at(ax, ay), self.at(bx, by), self.at(x, y));
    }
    fn close(&mut self) {
        self.path.close_path();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use kurbo::Shape;

    #[test]
    fn text_has_an_area_and_breaks_where_it_is_told() {
        let mut letters = Letters::default();
        let font = Font { size: 20.0, align: Align::Left };
        let one = letters.lay_out("Hello board", font, None);
        assert!(one.path.area().abs() > 100.0 && one.size[0] > 80.0 && one.size[1] < 30.0, "{:?}", one.size);
        let broken = letters.lay_out("Hello board", font, Some(70.0));
        assert!(broken.size[1] > 1.9 * one.size[1]);
        assert_eq!(letters.measure("Hello board", font)[1], one.size[1]);
        let two = letters.measure("a\nb", font);
        assert!(two[1] > 1.9 * one.size[1]);
    }

    #[test]
    fn hebrew_runs_from_right_to_left() {
        let mut letters = Letters::default();
        let left_edge = |text: &str, letters: &mut Letters| {
            letters.lay_out(text, Font { size: 20.0, align: Align::Left }, None).path.bounding_box().x0
        };
        // The last letter of the word stands leftmost: a narrow one begins where a wide one does.
        assert!(left_edge("שי", &mut letters) >= 0.0);
        assert!(letters.lay_out("שלום عربي", Font::default(), None).path.area().abs() > 50.0);
    }

    #[test]
    fn letters_that_no_font_has_and_odd_texts_are_no_trouble() {
        let mut letters = Letters::default();
        for text in ["", "\n\n", "日本語", "👩‍👩‍👧", "\u{202e}x\u{0}", "a\u{0301}\u{0301}\u{0301}"]
        {
            let block = letters.lay_out(text, Font::default(), Some(50.0));
            assert!(block.size[1].is_finite());
        }
        assert!(Letters::missing("plain, שלום, عربي, naïve, a\u{200d}b\n").is_empty());
        assert_eq!(Letters::missing("a \u{10fffd}").into_iter().collect::<Vec<_>>(), ['\u{10fffd}']);
    }
}
