//! What objects of a board cannot say of a PDF page, as pixels: patterns, gradients, masks, blending, and what is clipped.
//!
//! Invariant: what anything costs is taken from one purse before it is drawn, however things refer to each other. What that cannot pay is
//! left out and counted.

use super::{
    appearance::{LEAST, MAX_WORK},
    shade::is_box,
};
use crate::progress::{Progress, Stopped};
use hayro_interpret::{
    BlendMode, ClipPath, Device, FillRule, GlyphDrawMode, Image, ImageData, LumaData, MaskType, Paint,
    PathDrawMode, SoftMask, StrokeProps,
    font::Glyph,
    pattern::{Pattern, ShadingPattern, TilingPattern},
};
use kurbo::{Affine, BezPath, PathEl, Point, Rect, Shape as _, Stroke, StrokeOpts};
use resvg::tiny_skia::{self as skia, FilterQuality, Mask, Pixmap, PixmapPaint, SpreadMode, Transform};
use std::{
    cell::Cell,
    ops::{Deref, DerefMut},
    panic,
    rc::Rc,
};

/// Most bytes that are drawn into at one time.
const MAX_HELD: u64 = 256 << 20;

/// Most acts of drawing in one file, seen or not: forms that refer to each other can make them without end.
const MAX_ACTS: u64 = 4_000_000;

/// Up to so many tiles of a pattern are drawn one by one; of more, one is drawn and repeated.
const FEW: f64 = 16.0;

/// Most tiles that lie on top of each other at one place.
const MAX_OVER: f64 = 64.0;

/// Longest side of a tile that is repeated, in pixels.
const MAX_TILE: f64 = 2_000.0;

/// A gradient costs so many times as much as a plain colour.
const GRADIENT: u64 = 8;

/// And a soft mask.
const MASK: u64 = 8;

/// Most dashes of a line.
const MAX_DASHES: f64 = 20_000.0;

/// What drawing may still cost, of one file.
#[derive(Debug)]
pub(super) struct Purse {
    work: Cell<u64>,
    held: Cell<u64>,
    acts: Cell<u64>,
    left_out: Cell<usize>,
    progress: Progress,
}

impl Purse {
    pub(super) fn new(progress: &Progress) -> Rc<Self> {
        Rc::new(Self {
            work: Cell::new(MAX_WORK),
            held: Cell::new(0),
            acts: Cell::new(0),
            left_out: Cell::new(0),
            progress: progress.clone(),
        })
    }

    /// Takes what something costs, in pixels. False: it is left out.
    pub(super) fn take(&self, pixels: u64) -> bool {
        let left = self.work.get().checked_sub(pixels.max(LEAST));
        match left {
            Some(left) => self.work.set(left),
            None => self.leave_out(),
        }
        left.is_some()
    }

    /// Counts what is not shown as it should be.
    pub(super) fn leave_out(&self) {
        self.left_out.set(self.left_out.get() + 1);
    }

    pub(super) fn left_out(&self) -> usize {
        self.left_out.get()
    }

    /// Counts an act of drawing. Once nobody wants it any more, or there is no end of them, the page ends here: who interprets it can be
    /// told in no other way.
    pub(super) fn act(&self) {
        self.acts.set(self.acts.get() + 1);
        if self.acts.get() > MAX_ACTS || self.progress.is_stopped() {
            panic::resume_unwind(Box::new(Stopped));
        }
    }

    fn hold<T>(self: &Rc<Self>, bytes: u64, make: impl FnOnce() -> Option<T>) -> Option<Held<T>> {
        if self.held.get() + bytes > MAX_HELD {
            self.leave_out();
            return None;
        }
        let inner = make()?;
        self.held.set(self.held.get() + bytes);
        Some(Held { inner, bytes, purse: self.clone() })
    }
}

/// Something large, counted for as long as it is there.
struct Held<T> {
    inner: T,
    bytes: u64,
    purse: Rc<Purse>,
}

impl<T> Drop for Held<T> {
    fn drop(&mut self) {
        self.purse.held.set(self.purse.held.get() - self.bytes);
    }
}

impl<T> Deref for Held<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.inner
    }
}

impl<T> DerefMut for Held<T> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.inner
    }
}

/// Pixels that a page, or a part of it, is drawn onto.
pub(super) struct Canvas<'a> {
    place: Affine,
    size: [u32; 2],
    purse: Rc<Purse>,
    base: Held<Pixmap>,
    /// Groups that are open, with those that are no more than what is in them.
    groups: Vec<Option<Layer<'a>>>,
    /// What is seen of all that is drawn now; none: everything.
    clips: Vec<Option<Rc<Held<Mask>>>>,
    soft: Option<SoftMask<'a>>,
    blend: BlendMode,
}

struct Layer<'a> {
    pixels: Held<Pixmap>,
    opacity: f32,
    soft: Option<SoftMask<'a>>,
    blend: BlendMode,
}

/// What a pattern gives to paint with.
struct Stuff {
    pixels: Held<Pixmap>,
    place: Transform,
    spread: SpreadMode,
}

impl<'a> Canvas<'a> {
    /// Where nothing is drawn yet. `place`: from where things are to the pixels.
    pub(super) fn new(place: Affine, size: [u32; 2], purse: &Rc<Purse>) -> Option<Self> {
        let base = blank(size, purse)?;
        let (groups, clips, purse) = (Vec::new(), Vec::new(), purse.clone());
        Some(Self { place, size, purse, base, groups, clips, soft: None, blend: BlendMode::Normal })
    }

    /// What is there, premultiplied.
    pub(super) fn pixels(&self) -> &Pixmap {
        &self.base
    }

    /// What is there, premultiplied, to be changed.
    pub(super) fn pixels_mut(&mut self) -> &mut Pixmap {
        &mut self.base
    }

    fn top(&mut self) -> &mut Pixmap {
        let layer = self.groups.iter_mut().rev().find_map(Option::as_mut);
        layer.map_or(&mut *self.base, |layer| &mut layer.pixels)
    }

    /// Draws something that is one under the soft mask that holds now.
    fn masked(&mut self, draw: impl FnOnce(&mut Self)) {
        let Some(soft) = self.soft.take() else { return draw(self) };
        let blend = std::mem::take(&mut self.blend);
        self.push_transparency_group(1.0, Some(soft.clone()), blend);
        draw(self);
        self.pop_transparency_group();
        (self.soft, self.blend) = (Some(soft), blend);
    }

    /// The pixels around a path that is on them; none: there are none.
    fn around(&self, path: &skia::Path) -> Option<[u32; 4]> {
        let (bounds, [width, height]) = (path.bounds(), self.size);
        let cut = |at: f32, most: u32| at.clamp(0.0, most as f32) as u32;
        let (x0, y0) = (cut(bounds.left().floor(), width), cut(bounds.top().floor(), height));
        let (x1, y1) = (cut(bounds.right().ceil(), width), cut(bounds.bottom().ceil(), height));
        (x1 > x0 && y1 > y0).then_some([x0, y0, x1, y1])
    }

    /// Fills a path, in pixels.
    fn fill(&mut self, path: &BezPath, rule: FillRule, paint: &Paint<'a>, is_stroke: bool) {
        let Some(outline) = skia_path(path) else { return };
        let Some(around) = self.around(&outline) else { return };
        if !self.purse.take(cost(around) + 20 * path.elements().len() as u64) {
            return;
        }
        let mut clips = 0;
        let stuff;
        let shader = match paint {
            Paint::Color(colour) => {
                let [r, g, b, a] = colour.to_rgba().to_rgba8();
                skia::Shader::SolidColor(skia::Color::from_rgba8(r, g, b, a))
            }
            Paint::Pattern(pattern) => {
                let made = match &**pattern {
                    Pattern::Shading(shading) => {
                        if let Some(path) = &shading.shading.clip_path {
                            self.push_clip_path(&ClipPath { path: path.clone(), fill: FillRule::NonZero });
                            clips = 1;
                        }
                        self.shading(shading, around)
                    }
                    Pattern::Tiling(tile) => self.tiles(tile, around, is_stroke),
                };
                match made {
                    Some(made) => stuff = made,
                    None => return (0..clips).for_each(|_| self.pop_clip_path()),
                }
                let Stuff { pixels, place, spread } = &stuff;
                skia::Pattern::new(pixels.as_ref(), *spread, FilterQuality::Bilinear, 1.0, *place)
            }
        };
        self.paint(&outline, rule, shader, blend_mode(self.blend));
        (0..clips).for_each(|_| self.pop_clip_path());
    }

    fn paint(
        &mut self,
        path: &skia::Path,
        rule: FillRule,
        shader: skia::Shader<'_>,
        blend_mode: skia::BlendMode,
    ) {
        let clip = self.clips.last().cloned().flatten();
        let paint = skia::Paint { shader, blend_mode, ..skia::Paint::default() };
        let clip = clip.as_deref().map(|clip| &**clip);
        self.top().fill_path(path, &paint, skia_rule(rule), Transform::identity(), clip);
    }

    /// The colours of a gradient around something.
    fn shading(&self, pattern: &ShadingPattern, around: [u32; 4]) -> Option<Stuff> {
        if !self.purse.take(GRADIENT * cost(around)) {
            return None;
        }
        let [x0, y0, x1, y1] = around;
        let mut pixels = blank([x1 - x0, y1 - y0], &self.purse)?;
        let shading = pattern.encode();
        let there = shading.base_transform * self.place.inverse();
        let places =
            (y0..y1).flat_map(|y| (x0..x1).map(move |x| Point::new(f64::from(x) + 0.5, f64::from(y) + 0.5)));
        for (pixel, at) in pixels.pixels_mut().iter_mut().zip(places) {
            let [r, g, b, a] = shading.sample(there * at).map(|c| (c.clamp(0.0, 1.0) * 255.0).round() as u8);
            *pixel = skia::ColorU8::from_rgba(r, g, b, a).premultiply();
        }
        let place = Transform::from_translate(x0 as f32, y0 as f32);
        Some(Stuff { pixels, place, spread: SpreadMode::Pad })
    }

    /// The tiles of a pattern around something.
    fn tiles(&self, tile: &TilingPattern<'a>, around: [u32; 4], is_stroke: bool) -> Option<Stuff> {
        let [x0, y0, x1, y1] = around.map(f64::from);
        // From the pattern to the pixels.
        let to = self.place * tile.matrix;
        let step = [tile.x_step, tile.y_step].map(|step| f64::from(step).abs());
        let seen = to.inverse().transform_rect_bbox(Rect::new(x0, y0, x1, y1));
        if !seen.is_finite() || !tile.bbox.is_finite() {
            self.purse.leave_out();
            return None;
        }
        let meeting = |seen: Rect| Grid {
            columns: meeting([tile.bbox.x0, tile.bbox.x1], [seen.x0, seen.x1], step[0]),
            rows: meeting([tile.bbox.y0, tile.bbox.y1], [seen.y0, seen.y1], step[1]),
        };
        let few = meeting(seen);
        let (size, start, place, spread, grid) = if few.count() <= FEW {
            let start = Affine::translate((-x0, -y0)) * to;
            ([x1 - x0, y1 - y0], start, Affine::translate((x0, y0)), SpreadMode::Pad, few)
        } else {
            // What lies in one step, of this tile and of those beside it that reach into it; repeated.
            let c = to.as_coeffs();
            let fine = [c[0].hypot(c[1]), c[2].hypot(c[3])];
            let size = [0, 1].map(|n| (step[n] * fine[n] - 1e-3).ceil().clamp(1.0, MAX_TILE));
            let corner = tile.bbox.origin();
            let fit = Affine::scale_non_uniform(size[0] / step[0], size[1] / step[1]);
            let start = fit * Affine::translate(-corner.to_vec2());
            let cell = Rect::from_origin_size(corner, (step[0], step[1]));
            (size, start, to * start.inverse(), SpreadMode::Repeat, meeting(cell))
        };
        if grid.count() > MAX_OVER {
            self.purse.leave_out();
            return None;
        }
        let mut canvas = Canvas::new(Affine::IDENTITY, size.map(|side| side as u32), &self.purse)?;
        for (column, row) in grid.places() {
            self.purse.act();
            if !self.purse.take(LEAST) {
                return None;
            }
            let by = Affine::translate((column * step[0], row * step[1]));
            tile.interpret(&mut canvas, start * by, is_stroke);
        }
        Some(Stuff { pixels: canvas.base, place: skia_place(place), spread })
    }

    /// How much a soft mask lets be seen of each pixel.
    fn mask(&self, soft: &SoftMask<'a>) -> Option<Held<Mask>> {
        let paid = self.purse.take(MASK * area(self.size));
        let mut canvas = paid.then(|| Canvas::new(self.place, self.size, &self.purse)).flatten()?;
        let by_light = soft.mask_type() == MaskType::Luminosity;
        if by_light {
            let [r, g, b, _] = soft.background_color().to_rgba().to_rgba8();
            canvas.base.fill(skia::Color::from_rgba8(r, g, b, 255));
        }
        soft.interpret(&mut canvas);
        let [width, height] = self.size;
        let mut mask = self.purse.hold(area(self.size), || Mask::new(width, height))?;
        let turned: Option<Vec<u8>> = soft.transfer_function().map(|function| {
            let turn = |value| (function.apply(value as f32 / 255.0) * 255.0).round() as u8;
            (0..256).map(turn).collect()
        });
        for (seen, pixel) in mask.data_mut().iter_mut().zip(canvas.base.pixels()) {
            let light = 0.3 * f32::from(pixel.red())
                + 0.59 * f32::from(pixel.green())
                + 0.11 * f32::from(pixel.blue());
            let value = if by_light { light.round() as u8 } else { pixel.alpha() };
            *seen = turned.as_ref().map_or(value, |turned| turned[usize::from(value)]);
        }
        Some(mask)
    }

    /// Draws a picture, whose pixels come to lie on the page by `transform`.
    pub(super) fn picture(&mut self, size: [u32; 2], rgba: &[u8], transform: Affine) {
        self.masked(|canvas| canvas.lay(size, rgba, transform));
    }

    fn lay(&mut self, [width, height]: [u32; 2], rgba: &[u8], transform: Affine) {
        let quad = self.quad([width, height], transform);
        let (Some(path), true) = (skia_path(&quad), self.purse.take(area([width, height]))) else { return };
        let Some(around) = self.around(&path) else { return };
        let Some(picture) = self.shrunk([width, height], rgba, transform) else { return };
        if self.purse.take(cost(around)) {
            let Stuff { pixels, place, spread } = &picture;
            let shader = skia::Pattern::new(pixels.as_ref(), *spread, FilterQuality::Bilinear, 1.0, *place);
            self.paint(&path, FillRule::NonZero, shader, blend_mode(self.blend));
        }
    }

    /// Paints through a stencil.
    pub(super) fn stencil(&mut self, mask: &LumaData, paint: &Paint<'a>, transform: Affine) {
        self.masked(|canvas| canvas.paint_through(mask, paint, transform));
    }

    fn paint_through(&mut self, mask: &LumaData, paint: &Paint<'a>, transform: Affine) {
        let size = [mask.width, mask.height];
        if let Paint::Color(colour) = paint {
            let [r, g, b, a] = colour.to_rgba().to_rgba8();
            let faint = |alpha: &u8| ((u16::from(*alpha) * u16::from(a) + 127) / 255) as u8;
            let rgba: Vec<u8> = mask.data.iter().flat_map(|alpha| [r, g, b, faint(alpha)]).collect();
            return self.lay(size, &rgba, transform);
        }
        let quad = self.quad(size, transform);
        let (Some(path), true) = (skia_path(&quad), self.purse.take(area(size))) else { return };
        let rgba: Vec<u8> = mask.data.iter().flat_map(|alpha| [0, 0, 0, *alpha]).collect();
        let Some(holes) = self.shrunk(size, &rgba, transform) else { return };
        let blend = std::mem::take(&mut self.blend);
        let Some(layer) = self.layer(1.0, None, blend) else { return };
        self.groups.push(Some(layer));
        self.fill(&quad, FillRule::NonZero, paint, false);
        let Stuff { pixels, place, spread } = &holes;
        let shader = skia::Pattern::new(pixels.as_ref(), *spread, FilterQuality::Bilinear, 1.0, *place);
        self.paint(&path, FillRule::NonZero, shader, skia::BlendMode::DestinationIn);
        self.pop_transparency_group();
        self.blend = blend;
    }

    fn quad(&self, size: [u32; 2], transform: Affine) -> BezPath {
        let [width, height] = size.map(f64::from);
        self.place * transform * Rect::new(0.0, 0.0, width, height).to_path(0.1)
    }

    /// A picture in about as many pixels as are seen of it.
    fn shrunk(&self, [width, height]: [u32; 2], rgba: &[u8], transform: Affine) -> Option<Stuff> {
        let place = self.place * transform;
        let c = place.as_coeffs();
        let by = |x: f64, y: f64, side: u32| ((1.0 / x.hypot(y)) as u32).clamp(1, side.max(1));
        let (across, down) = (by(c[0], c[1], width), by(c[2], c[3], height));
        let size = [width.div_ceil(across), height.div_ceil(down)];
        let mut pixels = blank(size, &self.purse)?;
        let lines = rgba.chunks(4 * width as usize).collect::<Vec<_>>();
        let rows = pixels.pixels_mut().chunks_mut(size[0] as usize);
        for (row, lines) in rows.zip(lines.chunks(down as usize)) {
            let mut sums = vec![[0_u64; 5]; row.len()];
            for line in lines {
                for (x, pixel) in line.chunks_exact(4).enumerate() {
                    let (sum, alpha) = (&mut sums[x / across as usize], u64::from(pixel[3]));
                    (0..3).for_each(|n| sum[n] += u64::from(pixel[n]) * alpha);
                    (sum[3], sum[4]) = (sum[3] + alpha, sum[4] + 1);
                }
            }
            for (pixel, [r, g, b, alpha, count]) in row.iter_mut().zip(sums) {
                let count = count.max(1);
                let a = ((alpha + count / 2) / count) as u8;
                let [r, g, b] = [r, g, b].map(|sum| ((sum + 127 * count) / (255 * count)) as u8);
                *pixel = skia::PremultipliedColorU8::from_rgba(r.min(a), g.min(a), b.min(a), a)?;
            }
        }
        let place = skia_place(place * Affine::scale_non_uniform(across.into(), down.into()));
        Some(Stuff { pixels, place, spread: SpreadMode::Pad })
    }

    fn layer(&self, opacity: f32, soft: Option<SoftMask<'a>>, blend: BlendMode) -> Option<Layer<'a>> {
        let paid = self.purse.take(2 * area(self.size));
        paid.then(|| blank(self.size, &self.purse)).flatten().map(|pixels| Layer {
            pixels,
            opacity,
            soft,
            blend,
        })
    }

    fn letter(&mut self, path: &BezPath, transform: Affine, paint: &Paint<'a>, mode: &GlyphDrawMode) {
        let mode = match mode {
            GlyphDrawMode::Fill => PathDrawMode::Fill(FillRule::NonZero),
            GlyphDrawMode::Stroke(stroke) => PathDrawMode::Stroke(stroke.clone()),
            GlyphDrawMode::Invisible => return,
        };
        self.draw_path(path, transform, paint, &mode);
    }
}

impl<'a> Device<'a> for Canvas<'a> {
    fn set_soft_mask(&mut self, mask: Option<SoftMask<'a>>) {
        self.soft = mask;
    }

    fn set_blend_mode(&mut self, blend: BlendMode) {
        self.blend = blend;
    }

    fn draw_path(&mut self, path: &BezPath, transform: Affine, paint: &Paint<'a>, mode: &PathDrawMode) {
        self.purse.act();
        let place = self.place * transform;
        let (area, rule, is_stroke) = match mode {
            PathDrawMode::Fill(rule) => (place * path.clone(), *rule, false),
            PathDrawMode::Stroke(stroke) => {
                (place * lines(path, stroke, 1.0 / size_of(place)), FillRule::NonZero, true)
            }
        };
        self.masked(|canvas| canvas.fill(&area, rule, paint, is_stroke));
    }

    fn push_clip_path(&mut self, clip: &ClipPath) {
        self.purse.act();
        let (path, last) = (self.place * clip.path.clone(), self.clips.last().cloned().flatten());
        let [width, height] = self.size;
        let everything = Rect::new(0.0, 0.0, width.into(), height.into());
        if is_box(&path) && path.bounding_box().inflate(0.01, 0.01).contains_rect(everything) {
            return self.clips.push(last);
        }
        let paid = self.purse.take(2 * area(self.size) + 20 * path.elements().len() as u64);
        let Some(mut mask) =
            paid.then(|| self.purse.hold(area(self.size), || Mask::new(width, height))).flatten()
        else {
            return self.clips.push(last);
        };
        if let Some(path) = skia_path(&path) {
            mask.fill_path(&path, skia_rule(clip.fill), true, Transform::identity());
        }
        if let Some(last) = last {
            let both = mask.data_mut().iter_mut().zip(last.data());
            both.for_each(|(a, b)| *a = ((u16::from(*a) * u16::from(*b) + 127) / 255) as u8);
        }
        self.clips.push(Some(Rc::new(mask)));
    }

    fn pop_clip_path(&mut self) {
        self.clips.pop();
    }

    fn push_transparency_group(&mut self, opacity: f32, soft: Option<SoftMask<'a>>, blend: BlendMode) {
        self.purse.act();
        let is_more = opacity < 1.0 || soft.is_some() || blend != BlendMode::Normal;
        let layer = is_more.then(|| self.layer(opacity, soft, blend)).flatten();
        self.groups.push(layer);
    }

    fn pop_transparency_group(&mut self) {
        let Some(Some(mut layer)) = self.groups.pop() else { return };
        if let Some(mask) = layer.soft.as_ref().and_then(|soft| self.mask(soft)) {
            layer.pixels.apply_mask(&mask);
        }
        let (opacity, blend_mode) = (layer.opacity, blend_mode(layer.blend));
        let paint = PixmapPaint { opacity, blend_mode, quality: FilterQuality::Nearest };
        self.top().draw_pixmap(0, 0, layer.pixels.as_ref(), &paint, Transform::identity(), None);
    }

    fn draw_glyph(
        &mut self,
        glyph: &Glyph<'a>,
        transform: Affine,
        glyph_transform: Affine,
        paint: &Paint<'a>,
        mode: &GlyphDrawMode,
    ) {
        match glyph {
            Glyph::Outline(glyph) => {
                self.letter(&(glyph_transform * glyph.outline()), transform, paint, mode);
            }
            Glyph::Type3(_) if matches!(mode, GlyphDrawMode::Invisible) => {}
            Glyph::Type3(glyph) => {
                self.purse.act();
                glyph.interpret(self, transform, glyph_transform, paint);
            }
        }
    }

    fn draw_image(&mut self, image: Image<'a, '_>, transform: Affine) {
        self.purse.act();
        let scaled = |(x, y): (f32, f32)| transform * Affine::scale_non_uniform(x.into(), y.into());
        match image {
            Image::Raster(raster) => raster.with_rgba(
                |data, alpha| {
                    let size = [data.width(), data.height()];
                    self.picture(size, &rgba(&data, alpha.as_ref()), scaled(data.scale_factors()));
                },
                None,
            ),
            Image::Stencil(stencil) => stencil
                .with_stencil(|mask, paint| self.stencil(&mask, paint, scaled(mask.scale_factors)), None),
        }
    }
}

/// Which tiles are drawn, counted from the first.
struct Grid {
    columns: [f64; 2],
    rows: [f64; 2],
}

impl Grid {
    fn count(&self) -> f64 {
        let count = |[first, last]: [f64; 2]| (last - first + 1.0).max(0.0);
        count(self.columns) * count(self.rows)
    }

    fn places(&self) -> impl Iterator<Item = (f64, f64)> {
        let along = |[first, last]: [f64; 2]| {
            std::iter::successors(Some(first), |at| Some(at + 1.0)).take_while(move |at| *at <= last)
        };
        let (columns, rows) = (self.columns, self.rows);
        along(rows).flat_map(move |row| along(columns).map(move |column| (column, row)))
    }
}

/// The first and the last tile that has something of what is seen, along one side.
fn meeting(tile: [f64; 2], seen: [f64; 2], step: f64) -> [f64; 2] {
    [((seen[0] - tile[1]) / step).floor() + 1.0, ((seen[1] - tile[0]) / step).ceil() - 1.0]
}

/// The area that a line covers, which is at least so wide.
fn lines(path: &BezPath, stroke: &StrokeProps, least: f64) -> BezPath {
    let mut style = Stroke::new(f64::from(stroke.line_width).max(least))
        .with_caps(stroke.line_cap)
        .with_join(stroke.line_join)
        .with_miter_limit(stroke.miter_limit.into());
    let round: f64 = stroke.dash_array.iter().map(|dash| f64::from(dash.max(0.0))).sum();
    let dashes = path.perimeter(1.0) / round * stroke.dash_array.len() as f64;
    if dashes < MAX_DASHES && round.is_finite() {
        let dashes = stroke.dash_array.iter().map(|dash| f64::from(dash.max(0.0)));
        style = style.with_dashes(stroke.dash_offset.into(), dashes);
    }
    // As fine as a twentieth of a pixel.
    kurbo::stroke(path.iter(), &style, &StrokeOpts::default(), 0.05 * least)
}

/// How much larger things are after a transform.
pub(super) fn size_of(transform: Affine) -> f64 {
    transform.determinant().abs().sqrt().max(1e-9)
}

/// Colours with how opaque they are; a mask of another size is stretched over the picture.
pub(super) fn rgba(data: &ImageData, alpha: Option<&LumaData>) -> Vec<u8> {
    let (width, height) = (data.width() as usize, data.height() as usize);
    let colour = |at: usize| match data {
        ImageData::Rgb(rgb) => rgb.data.get(at * 3..at * 3 + 3).map_or([0; 3], |c| [c[0], c[1], c[2]]),
        ImageData::Luma(luma) => [luma.data.get(at).copied().unwrap_or(0); 3],
    };
    let opaque = |x: usize, y: usize| {
        alpha.map_or(255, |mask| {
            let (w, h) = (mask.width as usize, mask.height as usize);
            mask.data.get(y * h / height.max(1) * w + x * w / width.max(1)).copied().unwrap_or(255)
        })
    };
    let mut out = Vec::with_capacity(width * height * 4);
    for y in 0..height {
        for x in 0..width {
            out.extend(colour(y * width + x));
            out.push(opaque(x, y));
        }
    }
    out
}

fn blank([width, height]: [u32; 2], purse: &Rc<Purse>) -> Option<Held<Pixmap>> {
    let paid = purse.take(area([width, height]));
    paid.then(|| purse.hold(4 * area([width, height]), || Pixmap::new(width, height))).flatten()
}

fn area([width, height]: [u32; 2]) -> u64 {
    u64::from(width) * u64::from(height)
}

fn cost([x0, y0, x1, y1]: [u32; 4]) -> u64 {
    area([x1 - x0, y1 - y0])
}

fn skia_path(path: &BezPath) -> Option<skia::Path> {
    let mut out = skia::PathBuilder::new();
    let xy = |p: Point| (p.x as f32, p.y as f32);
    for element in path.elements() {
        match *element {
            PathEl::MoveTo(p) => out.move_to(xy(p).0, xy(p).1),
            PathEl::LineTo(p) => out.line_to(xy(p).0, xy(p).1),
            PathEl::QuadTo(a, p) => out.quad_to(xy(a).0, xy(a).1, xy(p).0, xy(p).1),
            PathEl::CurveTo(a, b, p) => {
                out.cubic_to(xy(a).0, xy(a).1, xy(b).0, xy(b).1, xy(p).0, xy(p).1);
            }
            PathEl::ClosePath => out.close(),
        }
    }
    out.finish()
}

fn skia_place(place: Affine) -> Transform {
    let [a, b, c, d, e, f] = place.as_coeffs().map(|c| c as f32);
    Transform::from_row(a, b, c, d, e, f)
}

fn skia_rule(rule: FillRule) -> skia::FillRule {
    match rule {
        FillRule::NonZero => skia::FillRule::Winding,
        FillRule::EvenOdd => skia::FillRule::EvenOdd,
    }
}

fn blend_mode(blend: BlendMode) -> skia::BlendMode {
    match blend {
        BlendMode::Normal => skia::BlendMode::SourceOver,
        BlendMode::Multiply => skia::BlendMode::Multiply,
        BlendMode::Screen => skia::BlendMode::Screen,
        BlendMode::Overlay => skia::BlendMode::Overlay,
        BlendMode::Darken => skia::BlendMode::Darken,
        BlendMode::Lighten => skia::BlendMode::Lighten,
        BlendMode::ColorDodge => skia::BlendMode::ColorDodge,
        BlendMode::ColorBurn => skia::BlendMode::ColorBurn,
        BlendMode::HardLight => skia::BlendMode::HardLight,
        BlendMode::SoftLight => skia::BlendMode::SoftLight,
        BlendMode::Difference => skia::BlendMode::Difference,
        BlendMode::Exclusion => skia::BlendMode::Exclusion,
        BlendMode::Hue => skia::BlendMode::Hue,
        BlendMode::Saturation => skia::BlendMode::Saturation,
        BlendMode::Color => skia::BlendMode::Color,
        BlendMode::Luminosity => skia::BlendMode::Luminosity,
    }
}
