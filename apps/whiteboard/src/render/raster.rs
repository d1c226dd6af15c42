//! Marks as pixels.
//!
//! Invariant: at most [`MAX_PIXELS`] are asked for at once.

use super::{
    images::{Decoded, Images},
    picture::{Mark, Picture},
};
use crate::{
    model::{Bounds, Colour},
    progress::{Progress, Stopped},
};
use kurbo::{Affine, Cap, Join, Rect, Stroke};
use std::{collections::BTreeMap, fmt, sync::Arc};
use vello_cpu::{
    ImageSource, Pixmap, RenderContext, Resources,
    color::{AlphaColor, PremulRgba8, Srgb},
    peniko::{Fill, ImageBrush, ImageQuality, ImageSampler},
};

/// Most pixels of one picture: a poster, and 400 MB.
pub const MAX_PIXELS: u64 = 100_000_000;

/// Rows of a PNG that are drawn at once: between them one hears a stop.
const BAND: u16 = 512;

/// Longest side that the renderer can count.
const MAX_SIDE: f32 = 30_000.0;

/// Turns pictures into pixels; keeps its buffers from one to the next.
pub struct Raster {
    context: RenderContext,
    resources: Resources,
    decoded: BTreeMap<[u8; 32], Arc<Pixmap>>,
}

impl Default for Raster {
    fn default() -> Self {
        Self { context: RenderContext::new(16, 16), resources: Resources::new(), decoded: BTreeMap::new() }
    }
}

impl fmt::Debug for Raster {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Raster")
    }
}

impl Raster {
    /// Draws onto `paper` what is at `corner` (upper left), `scale` pixels a unit. Gives premultiplied RGBA, row by row.
    pub fn draw<'a>(
        &mut self,
        pictures: impl IntoIterator<Item = &'a Picture>,
        images: &Images,
        corner: [f32; 2],
        scale: f32,
        pixels: [u16; 2],
        paper: Colour,
    ) -> Vec<u8> {
        let [width, height] = pixels;
        self.context.reset_and_resize(width, height);
        self.context.set_transform(Affine::IDENTITY);
        self.context.set_paint(paint(paper));
        self.context.fill_rect(&Rect::new(0.0, 0.0, width.into(), height.into()));
        let view =
            Affine::scale(scale.into()) * Affine::translate((-f64::from(corner[0]), -f64::from(corner[1])));
        for mark in pictures.into_iter().flatten() {
            self.mark(mark, images, view);
        }
        self.context.flush();
        let mut pixmap = Pixmap::new(width, height);
        self.context.render(&mut pixmap, &mut self.resources);
        pixmap.data_as_u8_slice().to_vec()
    }

    fn mark(&mut self, mark: &Mark, images: &Images, view: Affine) {
        self.context.set_transform(view);
        match mark {
            Mark::Fill { path, colour, even_odd } => {
                self.context.set_fill_rule(if *even_odd { Fill::EvenOdd } else { Fill::NonZero });
                self.context.set_paint(paint(*colour));
                self.context.fill_path(path);
            }
            Mark::Line { path, colour, width, dash } => {
                self.context.set_paint(paint(*colour));
                let mut stroke = Stroke::new((*width).into()).with_caps(Cap::Round).with_join(Join::Round);
                if let Some(dash) = dash {
                    stroke = stroke.with_dashes(0.0, dash.map(f64::from));
                }
                self.context.set_stroke(stroke);
                self.context.stroke_path(path);
            }
            Mark::Image { image, place, opacity } => {
                let [w, h] = image.pixels.map(f64::from);
                let area = Rect::new(0.0, 0.0, w, h);
                self.context.set_transform(view * *place);
                self.context.set_fill_rule(Fill::NonZero);
                match images.get(image) {
                    Some(decoded) => {
                        let pixmap =
                            self.decoded.entry(image.hash).or_insert_with(|| Arc::new(pixmap(decoded)));
                        let sampler =
                            ImageSampler { quality: ImageQuality::Medium, ..ImageSampler::default() };
                        let brush = ImageBrush { image: ImageSource::Pixmap(pixmap.clone()), sampler };
                        self.context.set_paint(brush);
                        // Layers cost time, and images as such know no opacity here.
                        let clear = *opacity < 100;
                        if clear {
                            self.context.push_opacity_layer(f32::from(*opacity) / 100.0);
                        }
                        self.context.fill_rect(&area);
                        if clear {
                            self.context.pop_layer();
                        }
                    }
                    None => {
                        // On its way.
                        self.context.set_paint(paint(Colour([0x9a, 0xa1, 0xad, 60])));
                        self.context.fill_rect(&area);
                    }
                }
            }
        }
    }
}

/// Why there is no PNG.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum PngError {
    /// It would be too large to be drawn.
    #[error("{0} × {1} pixels are too many for a PNG; export a part, or at a smaller scale")]
    TooLarge(u64, u64),
    /// Nobody wants it any more.
    #[error(transparent)]
    Stopped(#[from] Stopped),
}

/// A part of a board as a PNG file, `scale` pixels a unit.
///
/// # Errors
/// It would have more than [`MAX_PIXELS`]; or nobody wants it any more.
pub fn png(
    pictures: &[Picture],
    images: &Images,
    part: Bounds,
    scale: f32,
    paper: Colour,
    progress: &Progress,
) -> Result<Vec<u8>, PngError> {
    let size = part.size().map(|side| (side * scale).ceil().max(1.0));
    let [w, h] = size.map(|side| side as u64);
    if size.iter().any(|side| *side > MAX_SIDE) || w * h > MAX_PIXELS {
        return Err(PngError::TooLarge(w, h));
    }
    let [width, height] = size.map(|side| side as u16);
    let all: Vec<(Rect, &Picture)> = pictures.iter().filter_map(|p| Some((around(p)?, p))).collect();
    let (mut raster, mut rgba) = (Raster::default(), Vec::with_capacity(w as usize * h as usize * 4));
    progress.begin("Rows drawn", usize::from(height))?;
    for row in (0..height).step_by(BAND.into()) {
        let rows = BAND.min(height - row);
        let corner = [part.min[0], part.min[1] + f32::from(row) / scale];
        let (top, bottom) = (f64::from(corner[1]), f64::from(corner[1] + f32::from(rows) / scale));
        let seen =
            all.iter().filter(|(rect, _)| rect.y0 <= bottom && rect.y1 >= top).map(|(_, picture)| *picture);
        rgba.extend(raster.draw(seen, images, corner, scale, [width, rows], paper));
        progress.step(rows.into())?;
    }
    for pixel in rgba.chunks_exact_mut(4) {
        let alpha = u32::from(pixel[3]);
        if alpha > 0 && alpha < 255 {
            pixel[..3].iter_mut().for_each(|c| *c = (u32::from(*c) * 255 / alpha).min(255) as u8);
        }
    }
    progress.begin("Compressing", None)?;
    // As many bytes as it has pixels, into memory: cannot fail.
    Ok(chalktalk_look::picture::png(width.into(), height.into(), rgba).unwrap_or_default())
}

/// Around all that a picture marks; none: it marks nothing.
fn around(picture: &Picture) -> Option<Rect> {
    let marked = |mark: &Mark| match mark {
        Mark::Fill { path, .. } => path.control_box(),
        Mark::Line { path, width, .. } => path.control_box().inflate((*width).into(), (*width).into()),
        Mark::Image { image, place, .. } => {
            let [w, h] = image.pixels.map(f64::from);
            place.transform_rect_bbox(Rect::new(0.0, 0.0, w, h))
        }
    };
    picture.iter().map(marked).reduce(|a, b| a.union(b))
}

/// Pixels (red, green, blue, opacity each, row by row) as a PNG file; none if there are too few or too many of them.
pub fn to_png([width, height]: [usize; 2], rgba: Vec<u8>) -> Option<Vec<u8>> {
    let size = [u16::try_from(width).ok()?, u16::try_from(height).ok()?].map(u32::from);
    let whole = width > 0 && height > 0 && rgba.len() == width * height * 4;
    whole.then(|| chalktalk_look::picture::png(size[0], size[1], rgba)).flatten()
}

fn paint(Colour([r, g, b, a]): Colour) -> AlphaColor<Srgb> {
    AlphaColor::from_rgba8(r, g, b, a)
}

fn pixmap(decoded: &Decoded) -> Pixmap {
    let premultiplied = |p: &[u8]| {
        let a = u16::from(p[3]);
        let by = |c: u8| ((u16::from(c) * a + 127) / 255) as u8;
        PremulRgba8 { r: by(p[0]), g: by(p[1]), b: by(p[2]), a: p[3] }
    };
    let data = decoded.rgba.chunks_exact(4).map(premultiplied).collect();
    Pixmap::from_parts(data, decoded.pixels[0] as u16, decoded.pixels[1] as u16)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        model::{Body, Kind, Shape},
        render::Painter,
    };

    #[test]
    fn a_filled_square_is_where_it_should_be_and_nowhere_else() {
        let mut shape = Shape { at: [10.0, 10.0], size: [20.0, 20.0], ..Shape::new(Kind::Rectangle) };
        (shape.style.fill, shape.style.width) = (Colour::rgb(255, 0, 0), 0.0);
        let picture = Painter::default().picture(&shape);
        let white = Colour::rgb(255, 255, 255);
        let rgba = Raster::default().draw([&picture], &Images::default(), [0.0, 0.0], 1.0, [40, 40], white);
        let at = |x: usize, y: usize| &rgba[(y * 40 + x) * 4..][..4];
        assert_eq!([at(20, 20), at(5, 20), at(35, 35)], [[255, 0, 0, 255], [255; 4], [255; 4]]);
    }

    #[test]
    fn what_is_below_a_picture_shines_through_as_much_as_it_should() {
        let mut images = Images::default();
        let red = images.insert(to_png([2, 2], [255, 0, 0, 255].repeat(4)).unwrap()).unwrap();
        let mut shape = Shape::with_body(Kind::Image, Body::Image(red), [0.0, 0.0]);
        (shape.size, shape.style.opacity) = ([20.0, 20.0], 40);
        let picture = Painter::default().picture(&shape);
        let white = Colour::rgb(255, 255, 255);
        let rgba = Raster::default().draw([&picture], &images, [0.0, 0.0], 1.0, [40, 20], white);
        let at = |x: usize| &rgba[(10 * 40 + x) * 4..][..4];
        assert_eq!(at(30), [255; 4]);
        assert!(at(10)[0] == 255 && at(10)[1].abs_diff(153) <= 1 && at(10)[2] == at(10)[1], "{:?}", at(10));
    }

    #[test]
    fn a_png_of_a_whole_continent_is_refused() {
        let (part, progress) = (Bounds { min: [-1e6, -1e6], max: [1e6, 1e6] }, Progress::default());
        assert!(png(&[], &Images::default(), part, 1.0, Colour::NONE, &progress).is_err());
        let small = Bounds { min: [0.0; 2], max: [3.0, 2.0] };
        let file = png(&[], &Images::default(), small, 2.0, Colour::NONE, &progress).unwrap();
        let mut images = Images::default();
        assert_eq!(images.insert(file).unwrap().pixels, [6, 4]);
    }

    #[test]
    fn a_png_that_is_drawn_in_bands_is_the_picture_drawn_at_once_and_can_be_stopped() {
        let shape = |angle: f32| {
            let mut shape = Shape { at: [20.0, 30.0], size: [300.0, 1300.0], ..Shape::new(Kind::Ellipse) };
            (shape.style.width, shape.style.fill, shape.angle) = (9.0, Colour::rgb(40, 120, 220), angle);
            shape
        };
        let pictures = [0.2, 0.0].map(|angle| Painter::default().picture(&shape(angle)));
        let (images, white, progress) = (Images::default(), Colour::rgb(255, 255, 255), Progress::default());
        let part = Bounds { min: [0.0; 2], max: [400.0, 1400.0] };
        let file = png(&pictures, &images, part, 1.0, white, &progress).unwrap();
        let banded = image::load_from_memory(&file).unwrap().into_rgba8().into_raw();
        let whole = Raster::default().draw(&pictures, &images, [0.0; 2], 1.0, [400, 1400], white);
        let off = whole.iter().zip(&banded).map(|(a, b)| a.abs_diff(*b)).max();
        assert!(off < Some(4), "{off:?}");
        progress.stop();
        assert_eq!(png(&pictures, &images, part, 1.0, white, &progress), Err(PngError::Stopped(Stopped)));
    }

    #[test]
    fn what_is_no_picture_says_so() {
        let mut images = Images::default();
        assert!(images.insert(b"<svg/>".to_vec()).unwrap_err().to_string().contains("PNG"));
        let broken = [&b"\x89PNG\r\n\x1a\n"[..], &[0; 30]].concat();
        assert!(images.insert(broken).is_err());
    }
}
