//! Pages of PDF files as frames side by side: what is on each are outlines and pictures, in a group.
//!
//! Letters come as outlines, those of one colour that follow each other as one; areas with gradients as pictures. What a board's objects
//! cannot do otherwise (patterns, transparency masks, clipping to odd shapes) is left out or made plain, and told.
//!
//! Invariant: a file costs no more than so many pages and objects, and whatever breaks in reading it breaks nothing else.

use super::{
    Drawing, MAX_OBJECTS, ReadError, aside,
    shade::{Area, Shade},
};
use crate::{
    model::{Body, Colour, Dash, Kind, Outline, Shape, Verb},
    progress::Progress,
    render::{Images, to_png},
};
use hayro_interpret::{
    BlendMode, ClipPath, Context, Device, FillRule, GlyphDrawMode, Image, ImageData, InterpreterCache,
    InterpreterSettings, LumaData, Paint, PathDrawMode, SoftMask, StrokeProps,
    font::Glyph,
    hayro_syntax::{Pdf, page::Page},
    interpret_page,
    pattern::{Pattern, ShadingPattern},
    util::TransformExt,
};
use kurbo::{Affine, BezPath, PathEl, Point, Rect, Shape as _, Stroke, StrokeOpts};

/// Most pages that are read: nobody lays more than these on a board at once.
const MAX_PAGES: usize = 50;

/// Board units for each point of a page: letters of ten points can be read at once.
const SCALE: f64 = 1.5;

/// Between pages, in board units.
const SPACE: f32 = 60.0;

/// Letters are put together up to so many steps of an outline.
const TOGETHER: usize = 6_000;

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
    let (mut plain, mut shade, pages) = (0, Shade::default(), pdf.pages().len());
    progress.begin("Pages read", pages.min(MAX_PAGES))?;
    for (index, page) in pdf.pages().iter().take(MAX_PAGES).enumerate() {
        let (width, height) = page.render_dimensions();
        let size = [width, height].map(|side| side * SCALE as f32);
        let mut frame = Shape { at: [left, 0.0], size, ..Shape::new(Kind::Frame) };
        frame.text = format!("Page {}", index + 1);
        frame.style.fill = Colour::rgb(255, 255, 255);
        drawing.shapes.push(frame);
        let mut sheet = Sheet::new(left, size, index as u64 + 1, images, &mut shade);
        sheet.draw(page, &cache);
        plain += sheet.plain;
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
    if plain > 0 {
        drawing.remarks.push(format!("{plain} patterns and masks were left out or made plain"));
    }
    Ok(drawing)
}

/// One page on its way to the board.
struct Sheet<'a> {
    images: &'a mut Images,
    shade: &'a mut Shade,
    place: Affine,
    size: Rect,
    group: u64,
    shapes: Vec<Shape>,
    /// Letters of one colour that have not become an object yet.
    letters: Option<(Colour, BezPath)>,
    clips: Vec<ClipPath>,
    opacities: Vec<f32>,
    plain: usize,
}

impl<'a> Sheet<'a> {
    fn new(left: f32, size: [f32; 2], group: u64, images: &'a mut Images, shade: &'a mut Shade) -> Self {
        let place = Affine::translate((left.into(), 0.0)) * Affine::scale(SCALE);
        let size = Rect::new(0.0, 0.0, f64::from(size[0]) / SCALE, f64::from(size[1]) / SCALE);
        let (shapes, clips, opacities) = (Vec::new(), Vec::new(), Vec::new());
        Self { images, shade, place, size, group, shapes, letters: None, clips, opacities, plain: 0 }
    }

    fn draw<'p>(&mut self, page: &Page<'p>, cache: &InterpreterCache<'p>) {
        let start = page.initial_transform(true).to_kurbo();
        // Nothing is looked up outside of the file.
        let settings = InterpreterSettings::default();
        let mut context = Context::new(start, self.size, cache, page.xref(), settings);
        interpret_page(page, &mut context, self);
        self.finish_letters();
    }

    fn colour(&mut self, paint: &Paint<'_>) -> Option<Colour> {
        match paint {
            Paint::Color(colour) => {
                let [r, g, b, a] = colour.to_rgba().to_rgba8();
                let opacity: f32 = self.opacities.iter().product();
                Some(Colour([r, g, b, (f32::from(a) * opacity).round() as u8]))
            }
            Paint::Pattern(_) => {
                self.plain += 1;
                None
            }
        }
    }

    fn finish_letters(&mut self) {
        if let Some((colour, path)) = self.letters.take() {
            self.outline(&path, colour, None, false);
        }
    }

    /// Puts a path onto the page, in its coordinates. What a clip hides wholly is not put; what covers a clip is what the clip leaves.
    fn path(&mut self, path: BezPath, colour: Colour, stroke: Option<&StrokeProps>, even_odd: bool) {
        let around = path.bounding_box();
        let mut path = path;
        if let Some(clip) = self.clips.last() {
            let hole = clip.path.bounding_box();
            if around.intersect(hole).area() <= 0.0 && !around.is_zero_area() {
                return;
            }
            if stroke.is_none() && around.contains_rect(hole) {
                path = clip.path.clone();
            }
        }
        self.outline(&path, colour, stroke, even_odd);
    }

    fn outline(&mut self, path: &BezPath, colour: Colour, stroke: Option<&StrokeProps>, even_odd: bool) {
        let path = self.place * path.clone();
        let Ok((outline, at)) = Outline::new(&verbs(&path), even_odd) else { return };
        let mut shape = Shape::with_body(Kind::Outline, Body::Outline(outline), at);
        (shape.style.ink, shape.style.fill, shape.style.width) = (Colour::NONE, Colour::NONE, 0.0);
        match stroke {
            None => shape.style.fill = colour,
            Some(stroke) => {
                (shape.style.ink, shape.style.width) = (colour, stroke.line_width.max(0.3));
                if !stroke.dash_array.is_empty() {
                    shape.style.dash = Dash::Dashed;
                }
            }
        }
        self.put(shape);
    }

    /// Puts an area with a gradient onto the page, in its coordinates.
    fn shaded(&mut self, path: BezPath, rule: FillRule, pattern: &ShadingPattern) {
        let place = self.place;
        let area = |path: &BezPath, rule| Area {
            path: place * path.clone(),
            even_odd: matches!(rule, FillRule::EvenOdd),
        };
        let page = self.size.to_path(0.1);
        let within =
            pattern.shading.clip_path.iter().chain([&page]).map(|path| area(path, FillRule::NonZero));
        let clips = self.clips.iter().map(|clip| area(&clip.path, clip.fill));
        let areas: Vec<Area> = [area(&path, rule)].into_iter().chain(within).chain(clips).collect();
        let shading = pattern.encode();
        let there = shading.base_transform * place.inverse();
        let opacity: f32 = self.opacities.iter().product();
        let colour = |at: Point| {
            let [r, g, b, a] = shading.sample(there * at);
            [r, g, b, a * opacity]
        };
        match self.shade.paint(self.images, &areas, colour) {
            Some(shape) => self.put(shape),
            None => self.plain += 1,
        }
    }

    fn put(&mut self, mut shape: Shape) {
        shape.groups = vec![self.group];
        if self.shapes.len() <= MAX_OBJECTS {
            self.shapes.push(shape);
        }
    }

    /// Puts a picture, whose pixels come to lie on the page by `transform`.
    fn picture(&mut self, [width, height]: [u32; 2], rgba: Vec<u8>, transform: Affine) {
        self.finish_letters();
        let file = to_png([width as usize, height as usize], rgba);
        let Some(image) = file.and_then(|file| self.images.insert(file).ok()) else { return };
        let place = self.place * transform;
        let corner = |x: f64, y: f64| place * Point::new(x * f64::from(width), y * f64::from(height));
        let (top, right, low) = (corner(0.0, 0.0), corner(1.0, 0.0), corner(0.0, 1.0));
        let size = [(right - top).hypot() as f32, (low - top).hypot() as f32];
        let middle = corner(0.5, 0.5);
        let at = [middle.x as f32 - size[0] / 2.0, middle.y as f32 - size[1] / 2.0];
        let mut shape = Shape::with_body(Kind::Image, Body::Image(image), at);
        shape.size = size;
        shape.angle = (right - top).atan2() as f32;
        self.put(shape);
    }
}

impl<'a> Device<'a> for Sheet<'_> {
    fn set_soft_mask(&mut self, mask: Option<SoftMask<'a>>) {
        self.plain += usize::from(mask.is_some());
    }

    fn set_blend_mode(&mut self, _: BlendMode) {}

    fn draw_path(&mut self, path: &BezPath, transform: Affine, paint: &Paint<'a>, mode: &PathDrawMode) {
        self.finish_letters();
        if let Some(pattern) = gradient(paint) {
            let (path, rule) = match mode {
                PathDrawMode::Fill(rule) => (path.clone(), *rule),
                PathDrawMode::Stroke(stroke) => (lines(path, stroke), FillRule::NonZero),
            };
            return self.shaded(transform * path, rule, pattern);
        }
        let Some(colour) = self.colour(paint) else { return };
        let path = transform * path.clone();
        match mode {
            PathDrawMode::Fill(rule) => self.path(path, colour, None, matches!(rule, FillRule::EvenOdd)),
            PathDrawMode::Stroke(stroke) => {
                let grown = transform.determinant().abs().sqrt() * SCALE;
                let stroke = StrokeProps { line_width: stroke.line_width * grown as f32, ..stroke.clone() };
                self.path(path, colour, Some(&stroke), false);
            }
        }
    }

    fn push_clip_path(&mut self, clip: &ClipPath) {
        self.clips.push(clip.clone());
    }

    fn pop_clip_path(&mut self) {
        self.clips.pop();
    }

    fn push_transparency_group(&mut self, opacity: f32, mask: Option<SoftMask<'a>>, _: BlendMode) {
        self.finish_letters();
        self.plain += usize::from(mask.is_some());
        self.opacities.push(opacity);
    }

    fn pop_transparency_group(&mut self) {
        self.finish_letters();
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
        if matches!(mode, GlyphDrawMode::Invisible) {
            return;
        }
        let Glyph::Outline(glyph) = glyph else {
            // Letters that are drawings of their own.
            self.plain += 1;
            return;
        };
        let path = transform * glyph_transform * glyph.outline();
        if let Some(pattern) = gradient(paint) {
            self.finish_letters();
            return self.shaded(path, FillRule::NonZero, pattern);
        }
        let Some(colour) = self.colour(paint) else { return };
        if self
            .letters
            .as_ref()
            .is_some_and(|(other, all)| *other != colour || all.elements().len() > TOGETHER)
        {
            self.finish_letters();
        }
        let (_, all) = self.letters.get_or_insert_with(|| (colour, BezPath::new()));
        all.extend(path.elements().iter().copied());
    }

    fn draw_image(&mut self, image: Image<'a, '_>, transform: Affine) {
        match image {
            Image::Raster(raster) => raster.with_rgba(
                |data, alpha| {
                    let (x, y) = data.scale_factors();
                    let transform = transform * Affine::scale_non_uniform(x.into(), y.into());
                    self.picture([data.width(), data.height()], rgba(&data, alpha.as_ref()), transform);
                },
                None,
            ),
            Image::Stencil(stencil) => stencil.with_stencil(
                |mask, paint| {
                    let Some(Colour([r, g, b, _])) = self.colour(paint) else { return };
                    let (x, y) = mask.scale_factors;
                    let transform = transform * Affine::scale_non_uniform(x.into(), y.into());
                    let rgba = mask.data.iter().flat_map(|alpha| [r, g, b, *alpha]).collect();
                    self.picture([mask.width, mask.height], rgba, transform);
                },
                None,
            ),
        }
    }
}

fn gradient<'p>(paint: &'p Paint<'_>) -> Option<&'p ShadingPattern> {
    match paint {
        Paint::Pattern(pattern) => match &**pattern {
            Pattern::Shading(shading) => Some(shading),
            Pattern::Tiling(_) => None,
        },
        Paint::Color(_) => None,
    }
}

/// The area that a line covers.
fn lines(path: &BezPath, stroke: &StrokeProps) -> BezPath {
    let style = Stroke::new(stroke.line_width.into())
        .with_caps(stroke.line_cap)
        .with_join(stroke.line_join)
        .with_dashes(stroke.dash_offset.into(), stroke.dash_array.iter().map(|dash| f64::from(*dash)));
    kurbo::stroke(path.iter(), &style, &StrokeOpts::default(), 0.05)
}

/// Colours with how opaque they are; a mask of another size is stretched over the picture.
fn rgba(data: &ImageData, alpha: Option<&LumaData>) -> Vec<u8> {
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
