//! SVG files as outlines: each filled or stroked path becomes an object.
//!
//! Scripts, animations and links mean nothing here. A reference to anything outside of the file is not followed: no file is opened and
//! nothing is asked for on the network.
//!
//! Invariant: what a file costs is bounded before it is read: its length, its nodes, its points.

use super::{Drawing, MAX_OBJECTS, ReadError, sound};
use crate::model::{Body, Colour, Dash, Flaw, Kind, Outline, Shape, Verb};
use usvg::{
    FillRule, Group, ImageHrefResolver, ImageKind, Node, Options, Paint, Path, Tree,
    tiny_skia_path::{PathSegment, Point, Transform},
};

/// Longest SVG file: reading one takes a hundred times its length in memory.
const MAX_SVG: usize = 16 << 20;

/// Reads an SVG file.
///
/// # Errors
/// It is no SVG, damaged, or too large.
pub fn from_svg(file: &[u8]) -> Result<Drawing, ReadError> {
    if file.len() > MAX_SVG {
        return Err(ReadError::TooLong(file.len()));
    }
    let text =
        std::str::from_utf8(file).map_err(|_| ReadError::Broken("the SVG file is not UTF-8".into()))?;
    let options = Options {
        image_href_resolver: ImageHrefResolver {
            // Pictures within the file are only counted, everything else is not looked for.
            resolve_data: Box::new(|_, data, _| Some(ImageKind::PNG(data))),
            resolve_string: Box::new(|_, _| None),
        },
        ..Options::default()
    };
    let tree = Tree::from_str(text, &options)
        .map_err(|e| ReadError::Broken(format!("this is no SVG file that can be read: {e}")))?;
    let mut import = Import::default();
    import.group(tree.root(), 1.0);
    if import.drawing.shapes.len() > MAX_OBJECTS {
        return Err(ReadError::TooMany(import.drawing.shapes.len()));
    }
    import.remark(text);
    Ok(sound(import.drawing))
}

#[derive(Default)]
struct Import {
    drawing: Drawing,
    images: usize,
    clipped: usize,
    gradients: usize,
    refused: Vec<Flaw>,
}

impl Import {
    fn group(&mut self, group: &Group, opacity: f32) {
        let opacity = opacity * group.opacity().get();
        self.clipped += usize::from(group.clip_path().is_some() || group.mask().is_some());
        for node in group.children() {
            match node {
                Node::Group(inner) => self.group(inner, opacity),
                Node::Path(path) if path.is_visible() => self.path(path, opacity),
                Node::Image(_) => self.images += 1,
                Node::Path(_) | Node::Text(_) => {}
            }
        }
    }

    fn path(&mut self, path: &Path, opacity: f32) {
        let place = path.abs_transform();
        let even_odd = path.fill().is_some_and(|fill| fill.rule() == FillRule::EvenOdd);
        let (outline, corner) = match Outline::new(&verbs(path, place), even_odd) {
            Ok(made) => made,
            Err(flaw) => return self.refused.push(flaw),
        };
        let mut shape = Shape::with_body(Kind::Outline, Body::Outline(outline), corner);
        shape.style.opacity = (opacity * 100.0).round().clamp(0.0, 100.0) as u8;
        shape.style.ink = Colour::NONE;
        shape.style.width = 0.0;
        if let Some(fill) = path.fill() {
            shape.style.fill = self.colour(fill.paint(), fill.opacity().get());
        }
        if let Some(stroke) = path.stroke() {
            shape.style.ink = self.colour(stroke.paint(), stroke.opacity().get());
            shape.style.width = stroke.width().get() * scale(place);
            if stroke.dasharray().is_some() {
                shape.style.dash = Dash::Dashed;
            }
        }
        self.drawing.shapes.push(shape);
    }

    /// Gradients become the mean of their colours.
    fn colour(&mut self, paint: &Paint, opacity: f32) -> Colour {
        let stops = match paint {
            Paint::Color(c) => return Colour([c.red, c.green, c.blue, (opacity * 255.0).round() as u8]),
            Paint::LinearGradient(gradient) => gradient.stops(),
            Paint::RadialGradient(gradient) => gradient.stops(),
            Paint::Pattern(_) => &[],
        };
        self.gradients += 1;
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

    fn remark(&mut self, text: &str) {
        let mut say = |count: usize, what: &str| {
            if count > 0 {
                self.drawing.remarks.push(format!("{count} {what}"));
            }
        };
        say(self.images, "pictures in the drawing were left out; put them onto the board as files");
        say(self.clipped, "groups are shown without their clipping or mask");
        say(self.gradients, "gradients were made plain colours");
        say(
            text.matches("<text").count(),
            "texts were left out; convert them to paths where the drawing was made",
        );
        let flaw =
            self.refused.first().map(|flaw| format!("paths were left out: {flaw}")).unwrap_or_default();
        say(self.refused.len(), &flaw);
    }
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
fn scale(place: Transform) -> f32 {
    (place.sx * place.sy - place.kx * place.ky).abs().sqrt()
}
