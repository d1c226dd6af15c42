//! What is drawn of a shape: areas, lines and images, in board coordinates and final colours.
//!
//! Invariant: marks are finite, whatever a shape says.

use super::letters::{Block, Letters};
use crate::model::{Align, Body, Colour, Dash, Font, Head, ImageRef, Kind, Points, Shape, Verb};
use kurbo::{Affine, BezPath, Point, Rect, RoundedRect, Shape as _, Vec2};
use perfect_freehand::{InputPoint, StrokeOptions, get_stroke};

/// Something drawn.
#[derive(Clone, Debug)]
pub enum Mark {
    /// An area.
    Fill {
        /// Its border.
        path: BezPath,
        /// Its colour.
        colour: Colour,
        /// Whether overlapping parts make holes.
        even_odd: bool,
    },
    /// A line, with round ends and corners.
    Line {
        /// Where.
        path: BezPath,
        /// Its colour.
        colour: Colour,
        /// Its width.
        width: f32,
        /// Lengths of dash and space; none: it is whole.
        dash: Option<[f32; 2]>,
    },
    /// A picture from a file.
    Image {
        /// Which.
        image: ImageRef,
        /// From its pixels to the board.
        place: Affine,
        /// In per cent.
        opacity: u8,
    },
}

/// All marks of a shape, the lowest first.
pub type Picture = Vec<Mark>;

/// Turns shapes into marks.
#[derive(Debug, Default)]
pub struct Painter {
    letters: Letters,
}

/// Between the edge of a note, or any shape, and the text in it.
const PADDING: f32 = 12.0;

/// Paper of notes without a colour of their own.
pub(crate) const NOTE: Colour = Colour::rgb(0xff, 0xe9, 0x8a);

/// What stands for things that cannot be shown.
const GREY: Colour = Colour::rgb(0x9a, 0xa1, 0xad);

impl Painter {
    /// What is drawn of a shape.
    pub fn picture(&mut self, shape: &Shape) -> Picture {
        let mut brush = Brush { shape, marks: Vec::new(), turn: turn(shape) };
        let whole = bounds(shape);
        match shape.kind {
            Kind::Stroke => brush.stroke(),
            Kind::Line | Kind::Arrow => brush.line(),
            Kind::Rectangle => brush.closed(rectangle(whole, shape.style.corner)),
            Kind::Ellipse => brush.closed(kurbo::Ellipse::from_rect(whole).to_path(0.05)),
            Kind::Diamond => brush.closed(diamond(whole)),
            Kind::Outline => brush.outline(),
            Kind::Note => brush.note(whole),
            Kind::Image => brush.image(whole),
            Kind::Frame => brush.frame(whole),
            Kind::Text => {}
            Kind::Unknown(_) => brush.placeholder(whole, &mut self.letters, "Drawn by a newer version"),
        }
        if !shape.text.is_empty() {
            brush.text(whole, &mut self.letters);
        }
        brush.marks
    }

    /// The letters, to measure text with.
    pub fn letters(&mut self) -> &mut Letters {
        &mut self.letters
    }
}

/// Collects the marks of one shape.
struct Brush<'a> {
    shape: &'a Shape,
    marks: Picture,
    turn: Affine,
}

impl Brush<'_> {
    fn stroke(&mut self) {
        let Some(Body::Points(points)) = &self.shape.body else { return };
        let outline = freehand(&self.points_on_board(points), points.has_pressure(), self.shape.style.width);
        self.fill(outline, self.shape.style.ink, false);
    }

    fn line(&mut self) {
        let Some(Body::Points(points)) = &self.shape.body else { return };
        let places: Vec<Point> =
            self.points_on_board(points).iter().map(|[x, y, _]| Point::new(*x, *y)).collect();
        let closed = places.len() > 2 && (places[0] - places[places.len() - 1]).hypot() < 1.0;
        let path = if self.shape.style.corner > 0.0 { smooth(&places) } else { polyline(&places, closed) };
        if closed {
            self.fill(path.clone(), self.shape.style.fill, true);
        }
        self.draw(path);
        let mut heads = self.shape.style.heads;
        if self.shape.kind == Kind::Arrow && heads == Default::default() {
            heads.end = Head::Arrow;
        }
        let length: f64 = places.windows(2).map(|pair| (pair[1] - pair[0]).hypot()).sum();
        if let [first, second, ..] = places[..] {
            self.head(heads.start, second, first, length);
        }
        if let [.., before, last] = places[..] {
            self.head(heads.end, before, last, length);
        }
    }

    /// The end of a line that comes from one place to another. Short lines have small heads.
    fn head(&mut self, head: Head, from: Point, tip: Point, length: f64) {
        let way = tip - from;
        if way.hypot() < 1e-3 {
            return;
        }
        let reach = (f64::from(self.shape.style.width) * 3.0 + 8.0).min(length / 2.0);
        let (back, side) = (way.normalize() * reach, way.normalize().turn_90() * reach * 0.5);
        let mut path = BezPath::new();
        match head {
            Head::None => return,
            Head::Arrow => {
                path.move_to(tip - back + side);
                path.line_to(tip);
                path.line_to(tip - back - side);
            }
            Head::Triangle => {
                path.move_to(tip);
                path.line_to(tip - back + side);
                path.line_to(tip - back - side);
                path.close_path();
            }
            Head::Dot => path = kurbo::Circle::new(tip, reach * 0.35).to_path(0.05),
            Head::Bar => {
                path.move_to(tip + side);
                path.line_to(tip - side);
            }
        }
        if matches!(head, Head::Triangle | Head::Dot) {
            self.fill(path.clone(), self.shape.style.ink, false);
        }
        let (colour, width) = (self.colour(self.shape.style.ink), self.shape.style.width);
        self.marks.push(Mark::Line { path, colour, width, dash: None });
    }

    fn closed(&mut self, path: BezPath) {
        let path = self.turn * path;
        self.fill(path.clone(), self.shape.style.fill, false);
        self.draw(path);
    }

    fn outline(&mut self) {
        let Some(Body::Outline(outline)) = &self.shape.body else { return };
        let stretch = self.shape.stretch();
        let place = |[x, y]: [f32; 2]| {
            let [x, y] = self.shape.to_board([x * stretch[0], y * stretch[1]]);
            Point::new(x.into(), y.into())
        };
        let mut path = BezPath::new();
        for verb in outline.verbs() {
            match *verb {
                Verb::Move(p) => path.move_to(place(p)),
                Verb::Line(p) => path.line_to(place(p)),
                Verb::Curve(a, b, c) => path.curve_to(place(a), place(b), place(c)),
                Verb::Close => path.close_path(),
            }
        }
        self.fill(path.clone(), self.shape.style.fill, outline.even_odd);
        self.draw(path);
    }

    fn note(&mut self, whole: Rect) {
        let paper = if self.shape.style.fill.is_none() { NOTE } else { self.shape.style.fill };
        let shadow = self.turn * RoundedRect::from_rect(whole + Vec2::new(0.0, 3.0), 6.0).to_path(0.05);
        self.fill(shadow, Colour([0, 0, 0, 34]), false);
        let sheet = self.turn * RoundedRect::from_rect(whole, 4.0).to_path(0.05);
        self.fill(sheet, paper, false);
    }

    fn image(&mut self, whole: Rect) {
        let Some(Body::Image(image)) = self.shape.body else { return };
        let [w, h] = image.pixels.map(f64::from);
        let place = self.turn
            * Affine::translate(whole.origin().to_vec2())
            * Affine::scale_non_uniform(whole.width() / w, whole.height() / h);
        self.marks.push(Mark::Image { image, place, opacity: self.shape.style.opacity });
    }

    fn frame(&mut self, whole: Rect) {
        let path = self.turn * RoundedRect::from_rect(whole, 8.0).to_path(0.05);
        self.fill(path.clone(), self.shape.style.fill, false);
        let colour = self.colour(GREY);
        self.marks.push(Mark::Line { path, colour, width: 1.5, dash: None });
    }

    fn placeholder(&mut self, whole: Rect, letters: &mut Letters, why: &str) {
        let whole =
            if whole.area() < 400.0 { Rect::from_center_size(whole.center(), (160.0, 60.0)) } else { whole };
        let path = self.turn * RoundedRect::from_rect(whole, 6.0).to_path(0.05);
        let colour = self.colour(GREY);
        self.marks.push(Mark::Line { path, colour, width: 1.5, dash: Some([6.0, 5.0]) });
        let font = Font { size: 13.0, align: Align::Centre };
        let block = letters.lay_out(why, font, Some((whole.width() as f32 - 8.0).max(20.0)));
        let middle = whole.center().to_vec2() - Vec2::new(block.size[0].into(), block.size[1].into()) / 2.0;
        self.fill(self.turn * (Affine::translate(middle) * block.path), GREY, false);
    }

    fn text(&mut self, whole: Rect, letters: &mut Letters) {
        let (shape, colour) = (self.shape, self.shape.style.ink);
        let place = |block: &Block, at: Vec2| Affine::translate(at) * block.path.clone();
        let path = match shape.kind {
            Kind::Text => {
                let block = letters.lay_out(&shape.text, shape.font, None);
                // As wide as it was measured where it was written; alignment is within that.
                let slack = (shape.size[0] - block.size[0]).max(0.0);
                let share = [0.0, 0.5, 1.0][shape.font.align as usize];
                place(&block, whole.origin().to_vec2() + Vec2::new((slack * share).into(), 0.0))
            }
            Kind::Frame => {
                let block = letters.lay_out(&shape.text, Font { size: 14.0, align: Align::Left }, None);
                place(&block, whole.origin().to_vec2() - Vec2::new(0.0, f64::from(block.size[1]) + 4.0))
            }
            _ => {
                let width = (whole.width() as f32 - 2.0 * PADDING).max(shape.font.size);
                let font = Font { align: Align::Centre, ..shape.font };
                let block = letters.lay_out(&shape.text, font, Some(width));
                let half = Vec2::new(block.size[0].into(), block.size[1].into()) / 2.0;
                place(&block, whole.center().to_vec2() - half)
            }
        };
        self.fill(self.turn * path, colour, false);
    }

    fn points_on_board(&self, points: &Points) -> Vec<[f64; 3]> {
        let stretch = self.shape.stretch();
        let place = |s: &crate::model::Sample| {
            let [x, y] = self.shape.to_board([s.x * stretch[0], s.y * stretch[1]]);
            [x.into(), y.into(), s.pressure.into()]
        };
        points.samples().iter().map(place).collect()
    }

    fn fill(&mut self, path: BezPath, colour: Colour, even_odd: bool) {
        let colour = self.colour(colour);
        if !colour.is_none() && !path.is_empty() {
            self.marks.push(Mark::Fill { path, colour, even_odd });
        }
    }

    /// The line of the shape.
    fn draw(&mut self, path: BezPath) {
        let style = &self.shape.style;
        let (colour, width) = (self.colour(style.ink), style.width);
        let dash = match style.dash {
            Dash::Solid => None,
            Dash::Dashed => Some([width * 2.0 + 6.0, width + 6.0]),
            Dash::Dotted => Some([0.1, width * 2.0 + 3.0]),
        };
        if !colour.is_none() && width > 0.0 && !path.is_empty() {
            self.marks.push(Mark::Line { path, colour, width, dash });
        }
    }

    fn colour(&self, Colour([r, g, b, a]): Colour) -> Colour {
        let alpha = f32::from(a) * f32::from(self.shape.style.opacity) / 100.0;
        Colour([r, g, b, alpha.round() as u8])
    }
}

fn bounds(shape: &Shape) -> Rect {
    let [x, y] = shape.at.map(f64::from);
    Rect::new(x, y, x + f64::from(shape.size[0]), y + f64::from(shape.size[1]))
}

fn turn(shape: &Shape) -> Affine {
    let [x, y] = shape.centre().map(f64::from);
    if shape.angle == 0.0 {
        Affine::IDENTITY
    } else {
        Affine::rotate_about(shape.angle.into(), Point::new(x, y))
    }
}

/// The area that a pen covers that goes through these points (x, y, pressure), `width` wide at full pressure.
pub fn freehand(points: &[[f64; 3]], has_pressure: bool, width: f32) -> BezPath {
    let input: Vec<InputPoint> =
        points.iter().map(|[x, y, pressure]| InputPoint::Array([*x, *y], Some(*pressure))).collect();
    let options = StrokeOptions {
        size: Some(f64::from(width) * 1.6),
        thinning: Some(0.5),
        smoothing: Some(0.5),
        streamline: Some(0.35),
        simulate_pressure: Some(!has_pressure),
        last: Some(true),
        ..StrokeOptions::default()
    };
    let outline = get_stroke(&input, &options);
    let places: Vec<Point> =
        outline.iter().map(|[x, y]| Point::new(*x, *y)).filter(|p| p.is_finite()).collect();
    let mut path = BezPath::new();
    let [first, rest @ ..] = &places[..] else { return path };
    path.move_to(*first);
    // Through the middles of the outline's sides, bent towards its corners.
    for (corner, next) in rest.iter().zip(rest.iter().skip(1).chain([first])) {
        path.quad_to(*corner, corner.midpoint(*next));
    }
    path.close_path();
    path
}

fn polyline(places: &[Point], closed: bool) -> BezPath {
    let mut path = BezPath::new();
    let [first, rest @ ..] = places else { return path };
    path.move_to(*first);
    rest.iter().for_each(|place| path.line_to(*place));
    if closed {
        path.close_path();
    } else if rest.is_empty() {
        // A line of one point is a dot.
        path.line_to(*first);
    }
    path
}

/// A curve through all places (Catmull-Rom).
fn smooth(places: &[Point]) -> BezPath {
    let mut path = BezPath::new();
    let Some(first) = places.first() else { return path };
    path.move_to(*first);
    for at in 0..places.len().saturating_sub(1) {
        let (here, next) = (places[at], places[at + 1]);
        let before = places[at.saturating_sub(1)];
        let after = places[(at + 2).min(places.len() - 1)];
        path.curve_to(here + (next - before) / 6.0, next - (after - here) / 6.0, next);
    }
    path
}

fn rectangle(whole: Rect, corner: f32) -> BezPath {
    match f64::from(corner).min(whole.width().min(whole.height()) / 2.0) {
        radius if radius > 0.0 => RoundedRect::from_rect(whole, radius).to_path(0.05),
        _ => whole.to_path(0.05),
    }
}

fn diamond(whole: Rect) -> BezPath {
    let middle = whole.center();
    let corners = [(middle.x, whole.y0), (whole.x1, middle.y), (middle.x, whole.y1), (whole.x0, middle.y)];
    polyline(&corners.map(Point::from), true)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn picture(shape: &Shape) -> Picture {
        Painter::default().picture(shape)
    }

    fn with_points(kind: Kind, places: &[[f32; 2]]) -> Shape {
        let (points, at) = Points::new(places, None).unwrap();
        Shape::with_body(kind, Body::Points(points), at)
    }

    #[test]
    fn every_kind_is_seen() {
        for kind in [Kind::Stroke, Kind::Line, Kind::Arrow] {
            assert!(!picture(&with_points(kind, &[[0.0, 0.0], [50.0, 20.0], [90.0, 5.0]])).is_empty());
            assert!(!picture(&with_points(kind, &[[3.0, 3.0]])).is_empty(), "a dot, too");
        }
        for kind in [Kind::Rectangle, Kind::Ellipse, Kind::Diamond, Kind::Note, Kind::Frame, Kind::Unknown(9)]
        {
            assert!(!picture(&Shape { size: [80.0, 60.0], ..Shape::new(kind) }).is_empty());
        }
        assert!(!picture(&Shape { text: "hi".into(), ..Shape::new(Kind::Text) }).is_empty());
    }

    #[test]
    fn opacity_and_colours_come_together() {
        let mut shape = Shape { size: [80.0, 60.0], ..Shape::new(Kind::Rectangle) };
        (shape.style.fill, shape.style.opacity) = (Colour([1, 2, 3, 128]), 50);
        let Mark::Fill { colour, .. } = &picture(&shape)[0] else { panic!("no area") };
        assert_eq!(*colour, Colour([1, 2, 3, 64]));
    }

    #[test]
    fn a_rotated_shape_stays_within_its_bounds() {
        let mut shape =
            Shape { size: [80.0, 20.0], at: [10.0, 10.0], angle: 0.7, ..Shape::new(Kind::Rectangle) };
        shape.style.fill = Colour::INK;
        let around = shape.bounds();
        let Mark::Fill { path, .. } = &picture(&shape)[0] else { panic!("no area") };
        let drawn = path.bounding_box();
        assert!(
            around.holds([drawn.x0 as f32, drawn.y0 as f32])
                && around.holds([drawn.x1 as f32, drawn.y1 as f32])
        );
    }

    #[test]
    fn a_pen_that_does_not_move_leaves_a_dot_and_nothing_infinite() {
        for points in
            [vec![[5.0, 5.0, 0.5]; 1], vec![[5.0, 5.0, 0.0]; 7], vec![[0.0, 0.0, 1.0], [1e6, 1e6, 1.0]]]
        {
            let path = freehand(&points, true, 4.0);
            assert!(!path.is_empty() && path.bounding_box().is_finite());
        }
    }
}
