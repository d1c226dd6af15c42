//! Areas whose colour differs from place to place, as pictures: an object of a board has one colour.
//!
//! Invariant: all such pictures of one file together have at most [`MAX_PIXELS`].

use crate::{
    model::{Body, Colour, Kind, Shape},
    render::{Images, Mark, Painter, Picture, Raster, to_png},
};
use kurbo::{BezPath, Point, Rect, Shape as _};

/// Pixels for each unit of the board.
const FINE: f64 = 2.0;

/// Most pixels of a side: a gradient is smooth, and looks well when it is stretched.
const MAX_SIDE: f64 = 2_000.0;

/// Most pixels of one file.
const MAX_PIXELS: usize = 60_000_000;

/// An area, in units of the board.
#[derive(Clone, Debug)]
pub(super) struct Area {
    pub(super) path: BezPath,
    pub(super) even_odd: bool,
}

impl Area {
    /// The smallest box around it.
    pub(super) fn around(&self) -> Rect {
        self.path.bounding_box()
    }
}

/// What a picture shows of the board, and how finely.
#[derive(Clone, Copy, Debug)]
pub(super) struct Frame {
    /// In units of the board.
    pub(super) around: Rect,
    /// Pixels for each unit.
    pub(super) scale: f64,
    /// In pixels.
    pub(super) size: [u16; 2],
}

impl Frame {
    /// As fine as a picture of so much of the board may be; none: there is nothing.
    pub(super) fn new(around: Rect) -> Option<Self> {
        if !around.is_finite() || around.area() <= 0.0 {
            return None;
        }
        let scale = FINE.min(MAX_SIDE / around.width().max(around.height()));
        let size = [around.width(), around.height()].map(|side| (side * scale).ceil().max(1.0) as u16);
        Some(Self { around, scale, size })
    }

    /// A picture at its place, of pixels that are not premultiplied.
    pub(super) fn picture(&self, images: &mut Images, rgba: Vec<u8>) -> Option<Shape> {
        let image = images.insert(to_png(self.size.map(usize::from), rgba)?).ok()?;
        let at = [self.around.x0 as f32, self.around.y0 as f32];
        let mut shape = Shape::with_body(Kind::Image, Body::Image(image), at);
        shape.size = self.size.map(|side| f32::from(side) / self.scale as f32);
        Some(shape)
    }

    /// The place on the board of a pixel, counted row by row.
    fn place(&self, index: usize) -> Point {
        let width = usize::from(self.size[0]);
        let [x, y] = [index % width, index / width].map(|at| (at as f64 + 0.5) / self.scale);
        Point::new(self.around.x0 + x, self.around.y0 + y)
    }
}

/// Makes pictures of areas.
#[derive(Debug, Default)]
pub(super) struct Shade {
    raster: Raster,
    pixels: usize,
}

impl Shade {
    /// What lies in all of these areas, in the colours (red, green, blue, opacity; 0 to 1) of its places; none: nothing, or too much.
    pub(super) fn paint(
        &mut self,
        images: &mut Images,
        areas: &[Area],
        colour: impl Fn(Point) -> [f32; 4],
    ) -> Option<Shape> {
        self.cut(images, areas, |frame| {
            let frame = *frame;
            Some(move |index| colour(frame.place(index)))
        })
    }

    /// What lies in all of these areas of something that is drawn in a frame, in the colours of its pixels; none: nothing, or too much.
    pub(super) fn cut<C: Fn(usize) -> [f32; 4]>(
        &mut self,
        images: &mut Images,
        areas: &[Area],
        drawn: impl FnOnce(&Frame) -> Option<C>,
    ) -> Option<Shape> {
        let around = areas.iter().map(Area::around).reduce(|a, b| a.intersect(b))?;
        let frame = Frame::new(around)?;
        let (Frame { scale, size, .. }, [width, height]) = (frame, frame.size.map(usize::from));
        self.pay(&frame)?;
        let colour = drawn(&frame)?;
        let mut covered = vec![1.0; width * height];
        for area in areas.iter().filter(|area| !is_box(&area.path)) {
            let (path, even_odd) = (area.path.clone(), area.even_odd);
            let mark = vec![Mark::Fill { path, colour: Colour::rgb(255, 255, 255), even_odd }];
            let corner = [around.x0 as f32, around.y0 as f32];
            let none = Images::default();
            let rgba = self.raster.draw([&mark], &none, corner, scale as f32, size, Colour::NONE);
            let opaque = rgba.chunks_exact(4).map(|pixel| f32::from(pixel[3]) / 255.0);
            covered.iter_mut().zip(opaque).for_each(|(covered, opaque)| *covered *= opaque);
        }
        let mut rgba = Vec::with_capacity(width * height * 4);
        for (index, covered) in covered.into_iter().enumerate() {
            let [r, g, b, a] = if covered > 0.0 { colour(index) } else { [0.0; 4] };
            rgba.extend([r, g, b, a * covered].map(|c| (c.clamp(0.0, 1.0) * 255.0).round() as u8));
        }
        frame.picture(images, rgba)
    }

    /// Takes what a picture costs; none: it would be too much.
    pub(super) fn pay(&mut self, frame: &Frame) -> Option<()> {
        self.pixels += usize::from(frame.size[0]) * usize::from(frame.size[1]);
        (self.pixels <= MAX_PIXELS).then_some(())
    }

    /// What is seen in a frame of objects, on white paper: premultiplied, row by row.
    pub(super) fn below(&mut self, shapes: &[Shape], images: &Images, frame: &Frame) -> Vec<u8> {
        let mut painter = Painter::default();
        let pictures: Vec<Picture> = shapes.iter().map(|shape| painter.picture(shape)).collect();
        let corner = [frame.around.x0 as f32, frame.around.y0 as f32];
        let white = Colour::rgb(255, 255, 255);
        self.raster.draw(&pictures, images, corner, frame.scale as f32, frame.size, white)
    }
}

/// Whether a path is its own box, which hides nothing within it.
pub(super) fn is_box(path: &BezPath) -> bool {
    let around: Rect = path.bounding_box();
    path.elements().len() <= 6 && (path.area().abs() - around.area()).abs() <= 1e-6 * around.area()
}
