//! SVG files: each filled or stroked path becomes an outline, and each piece of text a text where that looks the same. Areas and lines with
//! gradients, and those of which a clip shows a part, become pictures, and so does what has a mask, filters or a pattern.
//!
//! Scripts, animations and links mean nothing here. A reference to anything outside of the file is not followed: no file is opened and
//! nothing is asked for on the network.
//!
//! Invariant: what a file costs is bounded before it is read: its length, its nodes, its points.

use super::{
    Drawing, MAX_OBJECTS, OBJECTS, ReadError,
    appearance::{self, Allowance},
    aside,
    clip::{self, Lies},
    lettering,
    shade::{Area, Shade},
};
use crate::{
    model::{Body, Colour, Dash, Flaw, Kind, Outline, Shape, Verb},
    progress::{Progress, Stopped},
    render::{Images, Letters},
};
use kurbo::{Affine, BezPath, Rect, Shape as _, StrokeOpts};
use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};
use usvg::{
    BaseGradient, FillRule, Group, ImageHrefResolver, ImageKind, Node, Options, Paint, Path, SpreadMethod,
    Stop, Text, Tree,
    roxmltree::{Document, ParsingOptions},
    tiny_skia_path::{PathSegment, Point, Transform},
};

/// Longest SVG file: reading one takes a hundred times its length in memory.
const MAX_SVG: usize = 16 << 20;

/// Most pieces of clips that are looked at for one file.
const MAX_LOOKED_AT: usize = 20_000_000;

/// Reads an SVG file.
///
/// # Errors
/// It is no SVG, damaged, or too large.
pub fn from_svg(file: &[u8], images: &mut Images, progress: &Progress) -> Result<Drawing, ReadError> {
    if file.len() > MAX_SVG {
        return Err(ReadError::TooLong(file.len()));
    }
    aside("SVG", file, images, progress, import)
}

fn import(file: Vec<u8>, images: &mut Images, progress: &Progress) -> Result<Drawing, ReadError> {
    let text =
        std::str::from_utf8(&file).map_err(|_| ReadError::Broken("the SVG file is not UTF-8".into()))?;
    let broken = |e: String| ReadError::Broken(format!("this is no SVG file that can be read: {e}"));
    let allow_entities = ParsingOptions { allow_dtd: true, ..ParsingOptions::default() };
    let document = Document::parse_with_options(text, allow_entities).map_err(|e| broken(e.to_string()))?;
    let allowance = lettering::allowance(&document);
    let layouts_left = AtomicUsize::new(allowance);
    let options = Options {
        fontdb: Arc::new(lettering::database()),
        font_resolver: lettering::resolver(&layouts_left),
        image_href_resolver: ImageHrefResolver {
            // Pictures within the file are pictures; drawings in it are not, and nothing else is looked for.
            resolve_data: Box::new(|_, data, _| match data.as_slice() {
                [0x89, b'P', ..] => Some(ImageKind::PNG(data)),
                [0xff, 0xd8, ..] => Some(ImageKind::JPEG(data)),
                [b'G', b'I', b'F', ..] => Some(ImageKind::GIF(data)),
                [b'R', b'I', b'F', b'F', ..] => Some(ImageKind::WEBP(data)),
                _ => None,
            }),
            resolve_string: Box::new(|_, _| None),
        },
        ..Options::default()
    };
    let tree = Tree::from_xmltree(&document, &options).map_err(|e| broken(e.to_string()))?;
    let mut import = Import {
        drawn: images,
        shade: Shade::default(),
        allowance: Allowance::default(),
        drawing: Drawing::default(),
        letters: Letters::default(),
        clips: Vec::new(),
        looked_at: 0,
        texts: 0,
        otherwise: BTreeMap::new(),
        refused: Vec::new(),
    };
    progress.begin(OBJECTS, paths(tree.root()))?;
    import.children(tree.root(), Vec::new(), 1.0, progress)?;
    if import.drawing.shapes.len() > MAX_OBJECTS {
        return Err(ReadError::TooMany(import.drawing.shapes.len()));
    }
    import.remark(layouts_left.load(Ordering::Relaxed) == 0);
    Ok(import.drawing)
}

/// How many paths and texts there are to be seen.
fn paths(group: &Group) -> usize {
    let count = |node: &Node| match node {
        Node::Group(inner) => paths(inner),
        Node::Path(path) => usize::from(path.is_visible()),
        Node::Text(_) => 1,
        Node::Image(_) => 0,
    };
    group.children().iter().map(count).sum()
}

struct Import<'a> {
    /// What gradients became.
    drawn: &'a mut Images,
    shade: Shade,
    allowance: Allowance,
    drawing: Drawing,
    letters: Letters,
    /// What is being read must lie in all of these.
    clips: Vec<Area>,
    looked_at: usize,
    /// Those of several pieces.
    texts: u64,
    otherwise: BTreeMap<Otherwise, usize>,
    refused: Vec<Flaw>,
}

/// How something comes in otherwise than it is drawn.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Otherwise {
    Unread,
    Plain,
    Unblended,
    Unclipped,
    OneColour,
}

impl Otherwise {
    /// What is said of it, behind how many there are.
    fn remark(self) -> &'static str {
        match self {
            Self::Unread => "pictures in the drawing cannot be read and were left out",
            Self::Plain => {
                "groups are shown without their masks and filters: drawing them would take too long"
            }
            Self::Unblended => "groups lie on what is below, instead of being blended with it",
            Self::Unclipped => "areas, pictures and groups are shown without their clipping",
            Self::OneColour => "gradients and patterns were made plain colours",
        }
    }
}

impl Import<'_> {
    fn came(&mut self, otherwise: Otherwise) {
        *self.otherwise.entry(otherwise).or_default() += 1;
    }

    /// A group is a picture where it is more than what is in it, or is cut by more than areas; else what is in it comes in.
    fn group(
        &mut self,
        node: &Node,
        group: &Group,
        outer: Transform,
        opacity: f32,
        progress: &Progress,
    ) -> Result<(), Stopped> {
        if appearance::is_blended(group) {
            self.came(Otherwise::Unblended);
        }
        let areas =
            group.clip_path().map_or(Some(Vec::new()), |clip| clip::areas(clip, group.abs_transform()));
        let more = appearance::is_more(group);
        if (more || areas.is_none()) && self.picture(node, outer, opacity) {
            return progress.step(paths(group));
        }
        if more {
            self.came(Otherwise::Plain);
        }
        if areas.is_none() {
            self.came(Otherwise::Unclipped);
        }
        self.children(group, areas.unwrap_or_default(), opacity, progress)
    }

    /// What is in a group, as far as it lies in these areas.
    fn children(
        &mut self,
        group: &Group,
        areas: Vec<Area>,
        opacity: f32,
        progress: &Progress,
    ) -> Result<(), Stopped> {
        let opacity = opacity * group.opacity().get();
        let (outer, place) = (self.clips.len(), group.abs_transform());
        self.clips.extend(areas);
        for node in group.children() {
            match node {
                Node::Group(inner) => self.group(node, inner, place, opacity, progress)?,
                Node::Path(path) if path.is_visible() => {
                    progress.step(1)?;
                    if !appearance::has_pattern(path) || !self.picture(node, place, opacity) {
                        self.path(path, opacity);
                    }
                }
                Node::Text(text) => {
                    progress.step(1)?;
                    self.text(text, opacity, progress)?;
                }
                Node::Image(image) if image.is_visible() => self.image(image, node, place, opacity),
                Node::Path(_) | Node::Image(_) => {}
            }
        }
        self.clips.truncate(outer);
        Ok(())
    }

    /// Pieces that would look the same become texts, the others outlines; those of one text are a group.
    fn text(&mut self, text: &Text, opacity: f32, progress: &Progress) -> Result<(), Stopped> {
        let first = self.drawing.shapes.len();
        match lettering::pieces(text) {
            None => self.children(text.flattened(), Vec::new(), opacity, progress)?,
            Some(pieces) => {
                for piece in pieces.iter().filter(|piece| piece.path.is_visible()) {
                    let seen = self.lies(seen_box(piece.path));
                    match piece.as_text(&mut self.letters).filter(|_| seen == Lies::Whole) {
                        Some(mut shape) => {
                            shape.style.opacity = percent(opacity);
                            self.drawing.shapes.push(shape);
                        }
                        None => self.path(piece.path, opacity),
                    }
                }
            }
        }
        if let Some(several @ [_, _, ..]) = self.drawing.shapes.get_mut(first..) {
            self.texts += 1;
            several.iter_mut().for_each(|shape| shape.groups = vec![self.texts]);
        }
        Ok(())
    }

    /// How what fills this box lies to all clips.
    fn lies(&mut self, filled: Rect) -> Lies {
        self.looked_at += self.clips.iter().map(|area| area.path.elements().len()).sum::<usize>();
        if self.looked_at > MAX_LOOKED_AT {
            self.came(Otherwise::Unclipped);
            return Lies::Whole;
        }
        let all = self.clips.iter().map(|area| clip::lies(filled, area));
        all.fold(Lies::Whole, |so_far, next| match (so_far, next) {
            (Lies::Away, _) | (_, Lies::Away) => Lies::Away,
            (Lies::Whole, Lies::Whole) => Lies::Whole,
            _ => Lies::Across,
        })
    }

    fn path(&mut self, path: &Path, opacity: f32) {
        let place = path.abs_transform();
        let even_odd = path.fill().is_some_and(|fill| fill.rule() == FillRule::EvenOdd);
        let lies = self.lies(seen_box(path));
        if lies == Lies::Away {
            return;
        }
        let cut = lies == Lies::Across;
        let (outline, corner) = match Outline::new(&verbs(path, place), even_odd) {
            Ok(made) => made,
            Err(flaw) => return self.refused.push(flaw),
        };
        let mut shape = Shape::with_body(Kind::Outline, Body::Outline(outline), corner);
        shape.style.opacity = percent(opacity);
        shape.style.ink = Colour::NONE;
        shape.style.width = 0.0;
        if let Some(fill) = path.fill() {
            let area = || Area { path: kurbo_path(path, place), even_odd };
            shape.style.fill = self.paint(fill.paint(), fill.opacity().get(), opacity, place, cut, area);
        }
        if let Some(stroke) = path.stroke() {
            let area = || Area { path: lines(path, stroke, place), even_odd: false };
            shape.style.ink = self.paint(stroke.paint(), stroke.opacity().get(), opacity, place, cut, area);
            shape.style.width = stroke.width().get() * scale(place);
            if stroke.dasharray().is_some() {
                shape.style.dash = Dash::Dashed;
            }
        }
        if !shape.style.ink.is_none() || !shape.style.fill.is_none() {
            self.drawing.shapes.push(shape);
        }
    }

    /// Brings in a picture of a node. `place`: from where it is to the board. False: it would cost too much.
    fn picture(&mut self, node: &Node, place: Transform, opacity: f32) -> bool {
        let Some(around) = appearance::around(node) else { return true };
        let mut areas = vec![Area { path: around.to_path(0.1), even_odd: false }];
        match self.lies(around) {
            Lies::Away => return true,
            Lies::Across => areas.extend(self.clips.iter().cloned()),
            Lies::Whole => {}
        }
        if areas.iter().map(Area::around).reduce(|a, b| a.intersect(b)).is_none_or(|both| both.area() <= 0.0)
        {
            return true;
        }
        let allowance = &mut self.allowance;
        let drawn = self.shade.cut(self.drawn, &areas, |frame| {
            let pixels = allowance.draw(node, place, frame)?;
            Some(move |index: usize| pixels[index])
        });
        let Some(mut shape) = drawn else { return false };
        shape.style.opacity = percent(opacity);
        self.drawing.shapes.push(shape);
        true
    }

    fn image(&mut self, image: &usvg::Image, node: &Node, outer: Transform, opacity: f32) {
        let file = match image.kind() {
            ImageKind::PNG(file) | ImageKind::JPEG(file) | ImageKind::GIF(file) | ImageKind::WEBP(file) => {
                file
            }
            ImageKind::SVG(_) => return self.came(Otherwise::Unread),
        };
        let Ok(known) = self.drawn.insert(file.to_vec()) else {
            return self.came(Otherwise::Unread);
        };
        let place = affine(image.abs_transform());
        let (w, h) = (f64::from(image.size().width()), f64::from(image.size().height()));
        let corner = |x: f64, y: f64| place * kurbo::Point::new(x * w, y * h);
        let (top, right, low, middle) =
            (corner(0.0, 0.0), corner(1.0, 0.0), corner(0.0, 1.0), corner(0.5, 0.5));
        let size = [(right - top).hypot() as f32, (low - top).hypot() as f32];
        let at = [middle.x as f32 - size[0] / 2.0, middle.y as f32 - size[1] / 2.0];
        let mut shape = Shape::with_body(Kind::Image, Body::Image(known), at);
        (shape.size, shape.angle) = (size, (right - top).atan2() as f32);
        shape.style.opacity = percent(opacity);
        let around = shape.bounds();
        let [low, high] = [around.min, around.max].map(|[x, y]| kurbo::Point::new(x.into(), y.into()));
        match self.lies(Rect::from_points(low, high)) {
            Lies::Away => return,
            Lies::Across if self.picture(node, outer, opacity) => return,
            Lies::Across => self.came(Otherwise::Unclipped),
            Lies::Whole => {}
        }
        self.drawing.shapes.push(shape);
    }

    /// The colour of an area; none where it has a gradient or is cut, and is a picture now.
    fn paint(
        &mut self,
        paint: &Paint,
        own: f32,
        opacity: f32,
        place: Transform,
        cut: bool,
        area: impl FnOnce() -> Area,
    ) -> Colour {
        let gradient = Gradient::new(paint, place);
        if !cut && gradient.is_none() {
            return self.colour(paint, own);
        }
        let mut areas = vec![area()];
        areas.extend(self.clips.iter().filter(|_| cut).cloned());
        if cut
            && areas.iter().map(Area::around).reduce(|a, b| a.intersect(b)).is_some_and(|b| b.area() <= 0.0)
        {
            return Colour::NONE;
        }
        let shaded = match gradient {
            Some(gradient) => self.shade.paint(self.drawn, &areas, |at| gradient.colour(at, own * opacity)),
            None => {
                let [r, g, b, a] = self.colour(paint, own).0.map(|c| f32::from(c) / 255.0);
                self.shade.paint(self.drawn, &areas, |_| [r, g, b, a * opacity])
            }
        };
        if cut && shaded.is_none() {
            self.came(Otherwise::Unclipped);
        }
        match shaded {
            Some(picture) => {
                self.drawing.shapes.push(picture);
                Colour::NONE
            }
            None => self.colour(paint, own),
        }
    }

    /// What cannot be a picture becomes the mean of its colours.
    fn colour(&mut self, paint: &Paint, opacity: f32) -> Colour {
        let stops = match paint {
            Paint::Color(c) => return Colour([c.red, c.green, c.blue, (opacity * 255.0).round() as u8]),
            Paint::LinearGradient(gradient) => gradient.stops(),
            Paint::RadialGradient(gradient) => gradient.stops(),
            Paint::Pattern(_) => &[],
        };
        self.came(Otherwise::OneColour);
        let count = stops.len().max(1) as f32;
        let mean = |of: fn(&usvg::Stop) -> f32| stops.iter().map(of).sum::<f32>() / count;
        let alpha = mean(|stop| stop.opacity().get() * 255.0) * opacity;
        let channels = [
            mean(|stop| stop.color().red.into()),
            mean(|stop| stop.color().green.into()),
            mean(|stop| stop.color().blue.into()),
            alpha,
        ];
        Colour(channels.map(|c| c.round() as u8))
    }

    fn remark(&mut self, too_many_letters: bool) {
        let remarks = &mut self.drawing.remarks;
        remarks.extend(
            self.otherwise.iter().map(|(otherwise, count)| format!("{count} {}", otherwise.remark())),
        );
        if let Some(flaw) = self.refused.first() {
            remarks.push(format!("{} paths were left out: {flaw}", self.refused.len()));
        }
        if too_many_letters {
            let most = lettering::MAX_LETTERS;
            remarks.push(format!("texts were left out: a file may have {most} letters"));
        }
    }
}

/// Colours that change along a line, or from a place outwards.
struct Gradient<'a> {
    stops: &'a [Stop],
    spread: SpreadMethod,
    form: Form,
    /// From the board to where the form is.
    there: Affine,
}

enum Form {
    Linear { from: kurbo::Point, to: kurbo::Point },
    Radial { centre: kurbo::Point, radius: f64, focus: kurbo::Point },
}

impl<'a> Gradient<'a> {
    fn new(paint: &'a Paint, place: Transform) -> Option<Self> {
        let point = |x: f32, y: f32| kurbo::Point::new(x.into(), y.into());
        let (base, form): (&BaseGradient, Form) = match paint {
            Paint::LinearGradient(g) => {
                (g, Form::Linear { from: point(g.x1(), g.y1()), to: point(g.x2(), g.y2()) })
            }
            Paint::RadialGradient(g) => {
                let (centre, focus) = (point(g.cx(), g.cy()), point(g.fx(), g.fy()));
                (g, Form::Radial { centre, radius: g.r().get().into(), focus })
            }
            Paint::Color(_) | Paint::Pattern(_) => return None,
        };
        let there = affine(place) * affine(base.transform());
        let possible = there.determinant().abs() > 1e-12 && !base.stops().is_empty();
        let (stops, spread) = (base.stops(), base.spread_method());
        possible.then(|| Self { stops, spread, form, there: there.inverse() })
    }

    fn colour(&self, at: kurbo::Point, opacity: f32) -> [f32; 4] {
        let way = match self.spread {
            SpreadMethod::Pad => self.way(at),
            SpreadMethod::Repeat => self.way(at).rem_euclid(1.0),
            SpreadMethod::Reflect => 1.0 - (self.way(at).rem_euclid(2.0) - 1.0).abs(),
        } as f32;
        let after = self.stops.iter().position(|stop| stop.offset().get() > way);
        let (low, high) = match after {
            Some(0) => (&self.stops[0], &self.stops[0]),
            Some(next) => (&self.stops[next - 1], &self.stops[next]),
            None => (&self.stops[self.stops.len() - 1], &self.stops[self.stops.len() - 1]),
        };
        let span = high.offset().get() - low.offset().get();
        let share = if span > 0.0 { (way - low.offset().get()) / span } else { 0.0 };
        let of = |stop: &Stop| {
            let c = stop.color();
            [c.red, c.green, c.blue].map(|c| f32::from(c) / 255.0).into_iter().chain([stop.opacity().get()])
        };
        let mut mixed = [0.0; 4];
        for (to, (low, high)) in mixed.iter_mut().zip(of(low).zip(of(high))) {
            *to = low + (high - low) * share;
        }
        mixed[3] *= opacity;
        mixed
    }

    /// How far along a place lies: 0 at the beginning, 1 at the end.
    fn way(&self, at: kurbo::Point) -> f64 {
        let at = self.there * at;
        match self.form {
            Form::Linear { from, to } => {
                (at - from).dot(to - from) / (to - from).hypot2().max(f64::MIN_POSITIVE)
            }
            Form::Radial { centre, radius, focus } => {
                // The circle through this place, of those that grow from the focus to the whole.
                let (from, to) = (at - focus, centre - focus);
                let (a, b, c) = (radius * radius - to.hypot2(), from.dot(to), from.hypot2());
                if a <= 0.0 { 1.0 } else { ((b * b + a * c).max(0.0).sqrt() - b) / a }
            }
        }
    }
}

/// The area that a line covers, on the board.
fn lines(path: &Path, stroke: &usvg::Stroke, place: Transform) -> BezPath {
    let cap = match stroke.linecap() {
        usvg::LineCap::Butt => kurbo::Cap::Butt,
        usvg::LineCap::Round => kurbo::Cap::Round,
        usvg::LineCap::Square => kurbo::Cap::Square,
    };
    let join = match stroke.linejoin() {
        usvg::LineJoin::Miter | usvg::LineJoin::MiterClip => kurbo::Join::Miter,
        usvg::LineJoin::Round => kurbo::Join::Round,
        usvg::LineJoin::Bevel => kurbo::Join::Bevel,
    };
    let dashes = stroke.dasharray().unwrap_or_default().iter().map(|dash| f64::from(*dash));
    let style = kurbo::Stroke::new(stroke.width().get().into()).with_caps(cap).with_join(join);
    let style = style.with_dashes(stroke.dashoffset().into(), dashes);
    let line = kurbo_path(path, Transform::identity());
    affine(place) * kurbo::stroke(line.iter(), &style, &StrokeOpts::default(), 0.05)
}

/// What a path fills, lines and all, on the board.
fn seen_box(path: &Path) -> Rect {
    let seen = path.abs_stroke_bounding_box();
    Rect::new(seen.left().into(), seen.top().into(), seen.right().into(), seen.bottom().into())
}

pub(super) fn percent(opacity: f32) -> u8 {
    (opacity * 100.0).round().clamp(0.0, 100.0) as u8
}

pub(super) fn affine(t: Transform) -> Affine {
    Affine::new([t.sx, t.ky, t.kx, t.sy, t.tx, t.ty].map(f64::from))
}

pub(super) fn kurbo_path(path: &Path, place: Transform) -> BezPath {
    let point = |p: Point| (f64::from(p.x), f64::from(p.y));
    let mut out = BezPath::new();
    for segment in path.data().segments() {
        match segment {
            PathSegment::MoveTo(p) => out.move_to(point(p)),
            PathSegment::LineTo(p) => out.line_to(point(p)),
            PathSegment::QuadTo(a, p) => out.quad_to(point(a), point(p)),
            PathSegment::CubicTo(a, b, p) => out.curve_to(point(a), point(b), point(p)),
            PathSegment::Close => out.close_path(),
        }
    }
    out.apply_affine(affine(place));
    out
}

fn verbs(path: &Path, place: Transform) -> Vec<Verb> {
    let at = |mut p: Point| {
        place.map_point(&mut p);
        [p.x, p.y]
    };
    let mut last = Point::default();
    let verb = |segment| match segment {
        PathSegment::MoveTo(p) => {
            last = p;
            Verb::Move(at(p))
        }
        PathSegment::LineTo(p) => {
            last = p;
            Verb::Line(at(p))
        }
        PathSegment::QuadTo(control, p) => {
            // The same curve with two control points.
            let towards = |from: Point| {
                Point::from_xy(
                    from.x + (control.x - from.x) * 2.0 / 3.0,
                    from.y + (control.y - from.y) * 2.0 / 3.0,
                )
            };
            let curve = Verb::Curve(at(towards(last)), at(towards(p)), at(p));
            last = p;
            curve
        }
        PathSegment::CubicTo(a, b, p) => {
            last = p;
            Verb::Curve(at(a), at(b), at(p))
        }
        PathSegment::Close => Verb::Close,
    };
    path.data().segments().map(verb).collect()
}

/// How much lengths grow.
pub(super) fn scale(place: Transform) -> f32 {
    (place.sx * place.sy - place.kx * place.ky).abs().sqrt()
}
