//! One glyph as pixels: an outline, or a picture in colour as emoji have.
//!
//! Invariant: whatever a font holds, at most [`MAX_SIDE`] pixels a side come of it, or nothing.

use eframe::egui::{Color32, ColorImage};
use image::imageops::{self, FilterType};
use kurbo::{Affine, BezPath, Shape, Stroke};
use skrifa::{
    FontRef, GlyphId, MetadataProvider,
    bitmap::{BitmapData, BitmapGlyph, Origin},
    instance::{LocationRef, NormalizedCoord, Size},
    outline::{DrawSettings, OutlinePen},
};
use vello_cpu::{
    Pixmap, RenderContext, Resources,
    color::{AlphaColor, Srgb},
    peniko::Fill,
};

/// Larger glyphs are left out: no text here is that large.
const MAX_SIDE: f64 = 240.0;

/// What faux bold adds, in parts of the size.
const BOLDER: f64 = 1.0 / 24.0;

/// How a glyph is drawn.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cut<'a> {
    /// Pixels an em.
    pub size: f32,
    /// How far right of a pixel's edge it begins, in pixels.
    pub shift: f32,
    /// Slanted by so many degrees.
    pub skew: f32,
    pub bold: bool,
    /// Of a variable font.
    pub coords: &'a [i16],
}

/// A glyph as pixels.
#[derive(Debug)]
pub(crate) struct Drawn {
    /// White where it takes the colour of the text.
    pub image: ColorImage,
    /// Of the upper left corner, from the origin, in pixels.
    pub corner: [i32; 2],
    pub coloured: bool,
}

/// Draws glyphs; keeps its buffers.
pub(crate) struct Cutter {
    context: RenderContext,
    resources: Resources,
}

impl Default for Cutter {
    fn default() -> Self {
        Self { context: RenderContext::new(16, 16), resources: Resources::new() }
    }
}

impl Cutter {
    /// Draws a glyph; nothing if there is nothing to be seen of it.
    pub(crate) fn cut(&mut self, font: &[u8], index: u32, glyph: u32, cut: Cut<'_>) -> Option<Drawn> {
        let face = FontRef::from_index(font, index).ok()?;
        let id = GlyphId::new(glyph);
        if let Some(picture) = face.bitmap_strikes().glyph_for_size(Size::new(cut.size), id) {
            return picture_of(&picture, cut.size);
        }
        let coords: Vec<NormalizedCoord> =
            cut.coords.iter().map(|c| NormalizedCoord::from_bits(*c)).collect();
        let outline = face.outline_glyphs().get(id)?;
        let mut pen = Pen::default();
        outline
            .draw(DrawSettings::unhinted(Size::new(cut.size), LocationRef::new(&coords)), &mut pen)
            .ok()?;
        let slant = f64::from(cut.skew.to_radians().tan());
        let place = Affine::translate((cut.shift.into(), 0.0)) * Affine::skew(-slant, 0.0);
        self.fill(place * pen.0, cut)
    }

    fn fill(&mut self, path: BezPath, cut: Cut<'_>) -> Option<Drawn> {
        let bolder = if cut.bold { f64::from(cut.size) * BOLDER } else { 0.0 };
        let area = path.bounding_box().inflate(bolder, bolder).expand();
        if path.is_empty() || !area.is_finite() || area.width() > MAX_SIDE || area.height() > MAX_SIDE {
            return None;
        }
        let [width, height] = [area.width() as u16 + 1, area.height() as u16 + 1];
        self.context.reset_and_resize(width, height);
        self.context.set_transform(Affine::translate((-area.x0, -area.y0)));
        self.context.set_fill_rule(Fill::NonZero);
        self.context.set_paint(AlphaColor::<Srgb>::WHITE);
        self.context.fill_path(&path);
        if bolder > 0.0 {
            self.context.set_stroke(Stroke::new(bolder));
            self.context.stroke_path(&path);
        }
        self.context.flush();
        let mut pixels = Pixmap::new(width, height);
        self.context.render(&mut pixels, &mut self.resources);
        let image = from_premultiplied([width.into(), height.into()], pixels.data_as_u8_slice());
        Some(Drawn { image, corner: [area.x0 as i32, area.y0 as i32], coloured: false })
    }
}

fn from_premultiplied(size: [usize; 2], bytes: &[u8]) -> ColorImage {
    let pixel = |p: &[u8]| Color32::from_rgba_premultiplied(p[0], p[1], p[2], p[3]);
    ColorImage::new(size, bytes.chunks_exact(4).map(pixel).collect())
}

/// A picture that the font holds, scaled to its place.
fn picture_of(glyph: &BitmapGlyph<'_>, size: f32) -> Option<Drawn> {
    let BitmapData::Png(png) = glyph.data else { return None };
    let mut limits = image::Limits::default();
    (limits.max_image_width, limits.max_image_height) = (Some(1024), Some(1024));
    let mut reader = image::ImageReader::with_format(std::io::Cursor::new(png), image::ImageFormat::Png);
    reader.limits(limits);
    let picture = reader.decode().ok()?.to_rgba8();
    let scale = size / glyph.ppem_y.max(1.0);
    let side = |pixels: u32| ((pixels as f32 * scale).round().max(1.0) as u32).min(MAX_SIDE as u32);
    let (width, height) = (side(picture.width()), side(picture.height()));
    let mut small = imageops::resize(&picture, width, height, FilterType::Triangle);
    for pixel in small.pixels_mut() {
        let [r, g, b, a] = pixel.0;
        let by = |c: u8| (u16::from(c) * u16::from(a) / 255) as u8;
        pixel.0 = [by(r), by(g), by(b), a];
    }
    let left = glyph.inner_bearing_x * scale;
    let above = match glyph.placement_origin {
        Origin::TopLeft => glyph.inner_bearing_y * scale,
        Origin::BottomLeft => glyph.inner_bearing_y * scale + height as f32,
    };
    let image = from_premultiplied([width as usize, height as usize], small.as_raw());
    Some(Drawn { image, corner: [left.round() as i32, -above.round() as i32], coloured: true })
}

/// An outline, which has its y axis upwards, as a path that has it downwards.
#[derive(Default)]
struct Pen(BezPath);

fn point(x: f32, y: f32) -> (f64, f64) {
    (x.into(), (-y).into())
}

impl OutlinePen for Pen {
    fn move_to(&mut self, x: f32, y: f32) {
        self.0.move_to(point(x, y));
    }
    fn line_to(&mut self, x: f32, y: f32) {
        self.0.line_to(point(x, y));
    }
    fn quad_to(&mut self, cx: f32, cy: f32, x: f32, y: f32) {
        self.0.quad_to(point(cx, cy), point(x, y));
    }
    fn curve_to(&mut self, ax: f32, ay: f32, bx: f32, by: f32, x: f32, y: f32) {
        self.0.curve_to(point(ax, ay), point(bx, by), point(x, y));
    }
    fn close(&mut self) {
        self.0.close_path();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fonts;

    const PLAIN: Cut<'_> = Cut { size: 16.0, shift: 0.0, skew: 0.0, bold: false, coords: &[] };

    fn glyph(letter: char) -> u32 {
        FontRef::new(fonts::REGULAR).unwrap().charmap().map(letter).unwrap().to_u32()
    }

    #[test]
    fn a_letter_has_pixels_and_a_blank_has_none() {
        let mut cutter = Cutter::default();
        let drawn = cutter.cut(fonts::REGULAR, 0, glyph('x'), PLAIN).unwrap();
        let [width, height] = drawn.image.size;
        assert!((5..14).contains(&width) && (5..14).contains(&height), "{width} × {height}");
        assert!(drawn.image.pixels.iter().any(|pixel| pixel.a() > 200));
        assert!(drawn.corner[1] < -5, "above the line: {:?}", drawn.corner);
        assert!(cutter.cut(fonts::REGULAR, 0, glyph(' '), PLAIN).is_none());
    }

    #[test]
    fn what_is_too_large_or_is_not_there_is_left_out() {
        let mut cutter = Cutter::default();
        let huge = Cut { size: 4000.0, ..PLAIN };
        assert!(cutter.cut(fonts::REGULAR, 0, glyph('x'), huge).is_none());
        assert!(cutter.cut(fonts::REGULAR, 0, u32::MAX, PLAIN).is_none());
        assert!(cutter.cut(b"no font", 0, 1, PLAIN).is_none());
    }
}
