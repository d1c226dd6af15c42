//! Pages of PDF files as frames side by side: what is on each are outlines and pictures, in a group.
//!
//! Letters come as outlines, those of one colour that follow each other as one. What a board's objects cannot be (gradients, patterns, what
//! is masked, blended or cut) is drawn, and becomes a picture at its place.
//!
//! Invariant: a file costs no more than so many pages, objects and pixels, and whatever breaks in reading a page breaks nothing else.

use super::{
    Drawing, MAX_OBJECTS, ReadError, aside,
    canvas::{Canvas, Purse, rgba, size_of},
    clip::{self, Lies},
    shade::{Area, Frame, Shade, is_box},
    svg::percent,
};
use crate::{
    model::{Body, Colour, Dash, Kind, Outline, Shape, Verb},
    progress::Progress,
    render::{Images, to_png},
};
use hayro_interpret::{
    BlendMode, CacheKey, ClipPath, Context, Device, FillRule, GlyphDrawMode, Image, InterpreterCache,
    InterpreterSettings, InterpreterWarning, LumaData, Paint, PathDrawMode, SoftMask,
    font::Glyph,
    hayro_syntax::{Pdf, page::Page},
    interpret_page,
    util::TransformExt,
};
use kurbo::{Affine, BezPath, PathEl, Point, Rect, Shape as _};
use resvg::tiny_skia::PremultipliedColorU8;
use std::{
    panic::{self, AssertUnwindSafe},
    rc::Rc,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

/// Most pages that are read: nobody lays more than these on a board at once.
const MAX_PAGES: usize = 50;

/// Board units for each point of a page: letters of ten points can be read at once.
const SCALE: f64 = 1.5;

/// Between pages, in board units.
const SPACE: f32 = 60.0;

/// Letters are put together up to so many steps of an outline.
const TOGETHER: usize = 6_000;

/// So far, in points, may something reach over the edge of what it is cut to: a line that lies on that edge stays whole.
const OVER: f64 = 0.75;

/// Looking at what is below something costs so many times its pixels.
const BELOW: u64 = 8;

/// Reads a PDF file.
///
/// # Errors
/// It is no PDF, encrypted, or damaged.
pub fn from_pdf(file: &[u8], images: &mut Images, progress: &Progress) -> Result<Drawing, ReadError> {
    aside("PDF", file, images, progress, read)
}

fn read(file: Vec<u8>, images: &mut Images, progress: &Progress) -> Result<Drawing, ReadError> {
    let pdf = Pdf::new(file)
        .map_err(|e| ReadError::Broken(format!("this is no PDF file that can be read: {e:?}")))?;
    let (cache, mut drawing, mut left) = (InterpreterCache::new(), Drawing::default(), 0.0);
    let (purse, mut shade, pages) = (Purse::new(progress), Shade::default(), pdf.pages().len());
    let (no_pictures, no_fonts, mut torn) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)), 0);
    let (pictures, fonts) = (no_pictures.clone(), no_fonts.clone());
    // Nothing is looked up outside of the file.
    let settings = InterpreterSettings {
        warning_sink: Arc::new(move |warning| {
            let count = match warning {
                InterpreterWarning::ImageDecodeFailure => &pictures,
                InterpreterWarning::UnsupportedFont => &fonts,
            };
            count.fetch_add(1, Ordering::Relaxed);
        }),
        ..InterpreterSettings::default()
    };
    progress.begin("Pages read", pages.min(MAX_PAGES))?;
    for (index, page) in pdf.pages().iter().take(MAX_PAGES).enumerate() {
        let (width, height) = page.render_dimensions();
        let size = [width, height].map(|side| side * SCALE as f32);
        let mut frame = Shape { at: [left, 0.0], size, ..Shape::new(Kind::Frame) };
        frame.text = format!("Page {}", index + 1);
        frame.style.fill = Colour::rgb(255, 255, 255);
        drawing.shapes.push(frame);
        let mut sheet = Sheet::new(left, size, index as u64 + 1, images, &mut shade, &purse);
        let draw = AssertUnwindSafe(|| sheet.draw(page, &cache, settings.clone()));
        torn += usize::from(panic::catch_unwind(draw).is_err());
        drawing.shapes.append(&mut sheet.shapes);
        left += size[0] + SPACE;
        progress.step(1)?;
        if drawing.shapes.len() > MAX_OBJECTS {
            return Err(ReadError::TooMany(drawing.shapes.len()));
        }
    }
    if pages > MAX_PAGES {
        drawing.remarks.push(format!("of {pages} pages the first {MAX_PAGES} were read"));
    }
    let mut say = |count: usize, what: &str| {
        if count > 0 {
            drawing.remarks.push(format!("{count} {what}"));
        }
    };
    say(torn, "pages were read in part: they are damaged, or too much is on them");
    say(
        purse.left_out(),
        "patterns, masks and cuts were left out or made plain: drawing them would take too long",
    );
    say(no_pictures.load(Ordering::Relaxed), "pictures cannot be read and were left out");
    say(
        no_fonts.load(Ordering::Relaxed),
        "fonts are of a kind that is not known here: their letters are missing",
    );
    Ok(drawing)
}

/// One page on its way to the board.
struct Sheet<'s, 'a> {
    images: &'s mut Images,
    shade: &'s mut Shade,
    purse: Rc<Purse>,
    place: Affine,
    size: Rect,
    group: u64,
    shapes: Vec<Shape>,
    /// Letters of one colour that have not become an object yet.
    letters: Option<(Colour, Paint<'a>, BezPath)>,
    /// Letters that are pictures, and have not become one yet.
    run: Option<Drawn<'a>>,
    /// Whether what is drawn now is a letter.
    is_letter: bool,
    /// A group that becomes one picture, and how many groups are open in it.
    whole: Option<(Drawn<'a>, usize)>,
    clips: Vec<Clip>,
    opacities: Vec<f32>,
    soft: Option<SoftMask<'a>>,
    blend: BlendMode,
}

/// What a page is cut to, in its coordinates.
struct Clip {
    area: Area,
    around: Rect,
    is_box: bool,
}

/// A part of a page that becomes a picture.
struct Drawn<'a> {
    canvas: Canvas<'a>,
    frame: Frame,
    /// What was there before, if colours of that go into it.
    below: Option<Vec<u8>>,
}

impl<'s, 'a> Sheet<'s, 'a> {
    fn new(
        left: f32,
        size: [f32; 2],
        group: u64,
        images: &'s mut Images,
        shade: &'s mut Shade,
        purse: &Rc<Purse>,
    ) -> Self {
        Self {
            images,
            shade,
            purse: purse.clone(),
            place: Affine::translate((left.into(), 0.0)) * Affine::scale(SCALE),
            size: Rect::new(0.0, 0.0, f64::from(size[0]) / SCALE, f64::from(size[1]) / SCALE),
            group,
            shapes: Vec::new(),
            letters: None,
            run: None,
            is_letter: false,
            whole: None,
            clips: Vec::new(),
            opacities: Vec::new(),
            soft: None,
            blend: BlendMode::Normal,
        }
    }

    fn draw(&mut self, page: &Page<'a>, cache: &InterpreterCache<'a>, settings: InterpreterSettings) {
        let start = page.initial_transform(true).to_kurbo();
        let mut context = Context::new(start, self.size, cache, page.xref(), settings);
        interpret_page(page, &mut context, self);
        self.finish();
    }

    fn opacity(&self) -> f32 {
        self.opacities.iter().product()
    }

    fn colour(&self, paint: &Paint<'_>) -> Option<Colour> {
        let Paint::Color(colour) = paint else { return None };
        let [r, g, b, a] = colour.to_rgba().to_rgba8();
        Some(Colour([r, g, b, (f32::from(a) * self.opacity()).round() as u8]))
    }

    /// Whether what is drawn now lies on what is below as it is.
    fn is_plain(&self) -> bool {
        self.soft.is_none() && self.blend == BlendMode::Normal
    }

    /// Puts letters onto the page that have not become objects yet.
    fn finish(&mut self) {
        if let Some((colour, paint, path)) = self.letters.take() {
            let fill = PathDrawMode::Fill(FillRule::NonZero);
            let draw = |canvas: &mut Canvas<'a>| canvas.draw_path(&path, Affine::IDENTITY, &paint, &fill);
            if self.is_plain() || !self.drawn(path.bounding_box(), false, draw) {
                self.outline(&path, colour, None, false);
            }
        }
        self.finish_run();
    }

    fn finish_run(&mut self) {
        if let Some(run) = self.run.take() {
            self.close(run);
        }
    }

    /// Letters in one colour wait for each other; `path` is in the coordinates of the page.
    fn letter(&mut self, path: &BezPath, paint: &Paint<'a>) {
        if path.elements().is_empty() {
            return;
        }
        let lies = self.lies(path.control_box());
        let Some(colour) = self.colour(paint).filter(|_| lies == Lies::Whole) else {
            let was_letter = std::mem::take(&mut self.is_letter);
            self.draw_path(path, Affine::IDENTITY, paint, &PathDrawMode::Fill(FillRule::NonZero));
            self.is_letter = was_letter;
            return;
        };
        let goes_on = |(other, _, all): &(Colour, Paint<'_>, BezPath)| {
            *other == colour && all.elements().len() <= TOGETHER
        };
        if !self.letters.as_ref().is_some_and(goes_on) {
            self.finish();
        }
        let (_, _, all) = self.letters.get_or_insert_with(|| (colour, paint.clone(), BezPath::new()));
        all.extend(path.elements().iter().copied());
    }

    /// How what fills this box lies to all that the page is cut to.
    fn lies(&self, filled: Rect) -> Lies {
        let mut all = Lies::Whole;
        for clip in &self.clips {
            match self.lies_to(filled, clip) {
                Lies::Away => return Lies::Away,
                Lies::Across => all = Lies::Across,
                Lies::Whole => {}
            }
        }
        all
    }

    fn lies_to(&self, filled: Rect, clip: &Clip) -> Lies {
        let both = filled.intersect(clip.around);
        if clip.around.inflate(OVER, OVER).contains_rect(filled) && clip.is_box {
            Lies::Whole
        } else if !clip::meet(filled, clip.around) || (both.is_zero_area() && !filled.is_zero_area()) {
            Lies::Away
        } else if clip.is_box || !self.purse.take(20 * clip.area.path.elements().len() as u64) {
            Lies::Across
        } else {
            clip::lies(filled, &clip.area)
        }
    }

    /// What is left of a box that is cut, if that is an area again.
    fn cut(&self, path: &BezPath) -> Option<Area> {
        let around = path.bounding_box();
        let crossing: Vec<&Clip> =
            self.clips.iter().filter(|clip| self.lies_to(around, clip) == Lies::Across).collect();
        match &crossing[..] {
            _ if !is_box(path) => None,
            [one] if around.contains_rect(one.around) => Some(one.area.clone()),
            boxes if boxes.iter().all(|clip| clip.is_box) => {
                let left = boxes.iter().fold(around, |left, clip| left.intersect(clip.around));
                Some(Area { path: left.to_path(0.1), even_odd: false })
            }
            _ => None,
        }
    }

    fn outline(&mut self, path: &BezPath, colour: Colour, stroke: Option<(f32, bool)>, even_odd: bool) {
        let path = self.place * path.clone();
        let Ok((outline, at)) = Outline::new(&verbs(&path), even_odd) else { return };
        let mut shape = Shape::with_body(Kind::Outline, Body::Outline(outline), at);
        (shape.style.ink, shape.style.fill, shape.style.width) = (Colour::NONE, Colour::NONE, 0.0);
        match stroke {
            None => shape.style.fill = colour,
            Some((width, is_dashed)) => {
                (shape.style.ink, shape.style.width) = (colour, width.max(0.3));
                if is_dashed {
                    shape.style.dash = Dash::Dashed;
                }
            }
        }
        self.put(shape);
    }

    fn put(&mut self, mut shape: Shape) {
        shape.groups = vec![self.group];
        if self.shapes.len() <= MAX_OBJECTS {
            self.shapes.push(shape);
        }
    }

    /// What is seen of a part of the page; none: nothing.
    fn seen(&self, around: Rect, is_cut: bool) -> Option<Frame> {
        let clips = self.clips.iter().filter(|_| is_cut);
        let seen = clips.fold(self.size.intersect(around), |seen, clip| seen.intersect(clip.around));
        Frame::new(self.place.transform_rect_bbox(seen))
    }

    /// Begins a picture; none: it would cost too much. `blend`: how it lies on what is below.
    fn open(&mut self, frame: Frame, is_cut: bool, blend: BlendMode) -> Option<Drawn<'a>> {
        let place = Affine::scale(frame.scale) * Affine::translate(-frame.around.origin().to_vec2());
        let size = frame.size.map(u32::from);
        let mut canvas = Canvas::new(place * self.place, size, &self.purse)?;
        let pixels = u64::from(size[0]) * u64::from(size[1]);
        let mut below = None;
        if blend != BlendMode::Normal && self.purse.take(BELOW * (pixels + 1_000 * self.shapes.len() as u64))
        {
            let seen = self.shade.below(&self.shapes, self.images, &frame);
            canvas.pixels_mut().data_mut().copy_from_slice(&seen);
            below = Some(seen);
        }
        for clip in self.clips.iter().filter(|_| is_cut) {
            let fill = if clip.area.even_odd { FillRule::EvenOdd } else { FillRule::NonZero };
            canvas.push_clip_path(&ClipPath { path: clip.area.path.clone(), fill });
        }
        canvas.push_transparency_group(self.opacity(), None, BlendMode::Normal);
        Some(Drawn { canvas, frame, below })
    }

    /// Puts a picture onto the page that is drawn.
    fn close(&mut self, mut drawn: Drawn<'a>) {
        drawn.canvas.pop_transparency_group();
        let Some((frame, rgba)) = drawn.seen() else { return };
        let paid = self.shade.pay(&frame);
        match paid.and_then(|()| frame.picture(self.images, rgba)) {
            Some(picture) => self.put(picture),
            None => self.purse.leave_out(),
        }
    }

    /// Draws something that becomes a picture. False: it would cost too much.
    fn drawn(&mut self, around: Rect, is_cut: bool, draw: impl FnOnce(&mut Canvas<'a>)) -> bool {
        let Some(frame) = self.seen(around, is_cut) else { return true };
        let Some(mut drawn) = self.open(frame, is_cut, self.blend) else { return false };
        drawn.canvas.set_soft_mask(self.soft.clone());
        drawn.canvas.set_blend_mode(self.blend);
        draw(&mut drawn.canvas);
        self.close(drawn);
        true
    }

    /// Puts a picture, whose pixels come to lie on the page by `transform`.
    fn picture(&mut self, [width, height]: [u32; 2], rgba: Vec<u8>, transform: Affine) {
        let around = transform.transform_rect_bbox(Rect::new(0.0, 0.0, width.into(), height.into()));
        let lies = self.lies(around);
        if lies == Lies::Away {
            return;
        }
        self.finish();
        let place = self.place * transform;
        let corner = |x: f64, y: f64| place * Point::new(x * f64::from(width), y * f64::from(height));
        let (top, right, low) = (corner(0.0, 0.0), corner(1.0, 0.0), corner(0.0, 1.0));
        let (across, down) = (right - top, low - top);
        // Neither mirrored nor slanting.
        let is_straight = across.cross(down) > 0.0 && across.dot(down).abs() < 0.01 * across.cross(down);
        if !(is_straight && lies == Lies::Whole && self.is_plain())
            && self.drawn(around, true, |canvas| canvas.picture([width, height], &rgba, transform))
        {
            return;
        }
        let file = to_png([width as usize, height as usize], rgba);
        let Some(image) = file.and_then(|file| self.images.insert(file).ok()) else { return };
        let size = [across.hypot() as f32, down.hypot() as f32];
        let middle = corner(0.5, 0.5);
        let at = [middle.x as f32 - size[0] / 2.0, middle.y as f32 - size[1] / 2.0];
        let mut shape = Shape::with_body(Kind::Image, Body::Image(image), at);
        (shape.size, shape.angle) = (size, across.atan2() as f32);
        shape.style.opacity = percent(self.opacity());
        self.put(shape);
    }

    /// Puts what is painted through a stencil.
    fn stencil(&mut self, mask: &LumaData, paint: &Paint<'a>, transform: Affine) {
        let size = [mask.width, mask.height];
        let around = transform.transform_rect_bbox(Rect::new(0.0, 0.0, size[0].into(), size[1].into()));
        if self.is_letter {
            if self.run.is_none() {
                let frame = self.seen(self.size, true);
                self.run = frame.and_then(|frame| self.open(frame, true, self.blend));
            }
            if let Some(run) = &mut self.run {
                run.canvas.set_soft_mask(self.soft.clone());
                run.canvas.set_blend_mode(self.blend);
                run.canvas.stencil(mask, paint, transform);
            }
        } else if let Paint::Color(colour) = paint {
            let [r, g, b, a] = colour.to_rgba().to_rgba8();
            let faint = |alpha: &u8| ((u16::from(*alpha) * u16::from(a) + 127) / 255) as u8;
            let rgba = mask.data.iter().flat_map(|alpha| [r, g, b, faint(alpha)]).collect();
            self.picture(size, rgba, transform);
        } else {
            self.finish();
            self.drawn(around, true, |canvas| canvas.stencil(mask, paint, transform));
        }
    }
}

impl Drawn<'_> {
    /// The smallest frame with all that is seen, and its pixels; none: nothing is.
    fn seen(&self) -> Option<(Frame, Vec<u8>)> {
        let (pixels, below) = (self.canvas.pixels().pixels(), self.below.as_deref());
        let wide = usize::from(self.frame.size[0]);
        let is_seen = |index: usize, pixel: &PremultipliedColorU8| match below {
            Some(below) => {
                below[4 * index..][..4] != [pixel.red(), pixel.green(), pixel.blue(), pixel.alpha()]
            }
            None => pixel.alpha() > 0,
        };
        let (mut low, mut high) = ([usize::MAX; 2], [0; 2]);
        for (index, _) in pixels.iter().enumerate().filter(|(index, pixel)| is_seen(*index, pixel)) {
            let at = [index % wide, index / wide];
            low = [low[0].min(at[0]), low[1].min(at[1])];
            high = [high[0].max(at[0] + 1), high[1].max(at[1] + 1)];
        }
        if low[0] == usize::MAX {
            return None;
        }
        let mut rgba = Vec::with_capacity(4 * (high[0] - low[0]) * (high[1] - low[1]));
        for (row, line) in pixels.chunks_exact(wide).enumerate().take(high[1]).skip(low[1]) {
            for (column, pixel) in line.iter().enumerate().take(high[0]).skip(low[0]) {
                let colour = pixel.demultiply();
                let alpha = if is_seen(row * wide + column, pixel) { colour.alpha() } else { 0 };
                rgba.extend([colour.red(), colour.green(), colour.blue(), alpha]);
            }
        }
        let Frame { around, scale, .. } = self.frame;
        let corner = |[x, y]: [usize; 2]| around.origin() + kurbo::Vec2::new(x as f64, y as f64) / scale;
        let size = [high[0] - low[0], high[1] - low[1]].map(|side| side as u16);
        Some((Frame { around: Rect::from_points(corner(low), corner(high)), scale, size }, rgba))
    }
}

impl<'a> Device<'a> for Sheet<'_, 'a> {
    fn set_soft_mask(&mut self, mask: Option<SoftMask<'a>>) {
        if let Some((whole, _)) = &mut self.whole {
            return whole.canvas.set_soft_mask(mask);
        }
        let key = |mask: &Option<SoftMask<'a>>| mask.as_ref().map(CacheKey::cache_key);
        if key(&mask) != key(&self.soft) {
            self.finish();
            self.soft = mask;
        }
    }

    fn set_blend_mode(&mut self, blend: BlendMode) {
        if let Some((whole, _)) = &mut self.whole {
            return whole.canvas.set_blend_mode(blend);
        }
        if blend != self.blend {
            self.finish();
            self.blend = blend;
        }
    }

    fn draw_path(&mut self, path: &BezPath, transform: Affine, paint: &Paint<'a>, mode: &PathDrawMode) {
        self.purse.act();
        if let Some((whole, _)) = &mut self.whole {
            return whole.canvas.draw_path(path, transform, paint, mode);
        }
        let on_page = transform * path.clone();
        if self.is_letter && matches!((paint, mode), (Paint::Color(_), PathDrawMode::Fill(_))) {
            return self.letter(&on_page, paint);
        }
        let (stroke, even_odd) = match mode {
            PathDrawMode::Fill(rule) => (None, *rule == FillRule::EvenOdd),
            PathDrawMode::Stroke(stroke) => {
                let width = stroke.line_width * size_of(transform) as f32;
                (Some((width * SCALE as f32, !stroke.dash_array.is_empty())), false)
            }
        };
        let half = stroke.map_or(0.0, |(width, _)| f64::from(width) / SCALE / 2.0);
        let around = on_page.bounding_box().inflate(half, half);
        let lies = self.lies(around);
        if lies == Lies::Away {
            return;
        }
        self.finish();
        let colour = self.colour(paint);
        let is_area = stroke.is_none() && lies == Lies::Across && self.is_plain();
        if let (Some(colour), Some(cut)) = (colour, is_area.then(|| self.cut(&on_page)).flatten()) {
            return self.outline(&cut.path, colour, None, cut.even_odd);
        }
        let is_outline = colour.is_some() && self.is_plain() && lies == Lies::Whole;
        // Mitres reach out farther.
        let around = around.inflate(9.0 * half + 1.0, 9.0 * half + 1.0);
        if !is_outline && self.drawn(around, true, |canvas| canvas.draw_path(path, transform, paint, mode)) {
            return;
        }
        if let Some(colour) = colour {
            self.outline(&on_page, colour, stroke, even_odd);
        }
    }

    fn push_clip_path(&mut self, clip: &ClipPath) {
        self.purse.act();
        if let Some((whole, _)) = &mut self.whole {
            return whole.canvas.push_clip_path(clip);
        }
        self.finish_run();
        let (path, around) = (clip.path.clone(), clip.path.bounding_box());
        let (is_box, even_odd) = (is_box(&path), clip.fill == FillRule::EvenOdd);
        self.clips.push(Clip { area: Area { path, even_odd }, around, is_box });
    }

    fn pop_clip_path(&mut self) {
        if let Some((whole, _)) = &mut self.whole {
            return whole.canvas.pop_clip_path();
        }
        self.finish_run();
        self.clips.pop();
    }

    fn push_transparency_group(&mut self, opacity: f32, mask: Option<SoftMask<'a>>, blend: BlendMode) {
        self.purse.act();
        if let Some((whole, open)) = &mut self.whole {
            *open += 1;
            return whole.canvas.push_transparency_group(opacity, mask, blend);
        }
        if !self.is_letter {
            self.finish();
        }
        let is_more = mask.is_some() || blend != BlendMode::Normal;
        let frame = self.seen(self.size, true).filter(|_| is_more);
        if let Some(mut whole) = frame.and_then(|frame| self.open(frame, true, blend)) {
            whole.canvas.push_transparency_group(opacity, mask, blend);
            self.whole = Some((whole, 1));
        } else {
            self.opacities.push(opacity);
        }
    }

    fn pop_transparency_group(&mut self) {
        if let Some((mut whole, open)) = self.whole.take() {
            whole.canvas.pop_transparency_group();
            match open {
                1 => self.close(whole),
                _ => self.whole = Some((whole, open - 1)),
            }
            return;
        }
        if !self.is_letter {
            self.finish();
        }
        self.opacities.pop();
    }

    fn draw_glyph(
        &mut self,
        glyph: &Glyph<'a>,
        transform: Affine,
        glyph_transform: Affine,
        paint: &Paint<'a>,
        mode: &GlyphDrawMode,
    ) {
        self.purse.act();
        if let Some((whole, _)) = &mut self.whole {
            return whole.canvas.draw_glyph(glyph, transform, glyph_transform, paint, mode);
        }
        match (glyph, mode) {
            (_, GlyphDrawMode::Invisible) => {}
            (Glyph::Type3(glyph), _) => {
                let outer = std::mem::replace(&mut self.is_letter, true);
                glyph.interpret(self, transform, glyph_transform, paint);
                self.is_letter = outer;
            }
            (Glyph::Outline(glyph), GlyphDrawMode::Fill) => {
                self.letter(&(transform * glyph_transform * glyph.outline()), paint);
            }
            (Glyph::Outline(glyph), GlyphDrawMode::Stroke(stroke)) => {
                let path = glyph_transform * glyph.outline();
                self.draw_path(&path, transform, paint, &PathDrawMode::Stroke(stroke.clone()));
            }
        }
    }

    fn draw_image(&mut self, image: Image<'a, '_>, transform: Affine) {
        self.purse.act();
        if let Some((whole, _)) = &mut self.whole {
            return whole.canvas.draw_image(image, transform);
        }
        let scaled = |(x, y): (f32, f32)| transform * Affine::scale_non_uniform(x.into(), y.into());
        match image {
            Image::Raster(raster) => raster.with_rgba(
                |data, alpha| {
                    let size = [data.width(), data.height()];
                    self.picture(size, rgba(&data, alpha.as_ref()), scaled(data.scale_factors()));
                },
                None,
            ),
            Image::Stencil(stencil) => stencil
                .with_stencil(|mask, paint| self.stencil(&mask, paint, scaled(mask.scale_factors)), None),
        }
    }
}

fn verbs(path: &BezPath) -> Vec<Verb> {
    let at = |p: Point| [p.x as f32, p.y as f32];
    let mut last = Point::ZERO;
    let verb = |element: &PathEl| match *element {
        PathEl::MoveTo(p) => {
            last = p;
            Verb::Move(at(p))
        }
        PathEl::LineTo(p) => {
            last = p;
            Verb::Line(at(p))
        }
        PathEl::QuadTo(control, p) => {
            let curve = Verb::Curve(at(last.lerp(control, 2.0 / 3.0)), at(p.lerp(control, 2.0 / 3.0)), at(p));
            last = p;
            curve
        }
        PathEl::CurveTo(a, b, p) => {
            last = p;
            Verb::Curve(at(a), at(b), at(p))
        }
        PathEl::ClosePath => Verb::Close,
    };
    path.elements().iter().map(verb).collect()
}

#[cfg(test)]
mod tests;
