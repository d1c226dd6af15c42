//! Marks as a PDF page of vectors, one point for each unit.
//!
//! Invariant: a page is as large as the part of the board it shows, within what PDF readers open.

use super::{
    images::Images,
    picture::{Mark, Picture},
};
use crate::{
    model::{Bounds, Colour},
    progress::{Progress, Stopped},
};
use krilla::{
    Document,
    color::rgb,
    geom::{Path, PathBuilder, Rect, Size, Transform},
    image::Image,
    num::NormalizedF32,
    page::PageSettings,
    paint::{Fill, FillRule, LineCap, LineJoin, Stroke, StrokeDash},
    surface::Surface,
};
use kurbo::{BezPath, PathEl};

/// Longest side of a page that readers open, in points.
const MAX_SIDE: f32 = 14_400.0;

/// A PDF could not be made.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum PdfError {
    /// Something cannot be expressed in PDF.
    #[error("the PDF could not be written: {0}")]
    Flaw(String),
    /// Nobody wants it any more.
    #[error(transparent)]
    Stopped(#[from] Stopped),
}

/// A part of a board as a PDF file of one page. What is larger than a page can be is made smaller.
///
/// # Errors
/// Something cannot be expressed in PDF; or nobody wants it any more.
pub fn pdf<'a>(
    pictures: impl IntoIterator<Item = &'a Picture>,
    images: &Images,
    part: Bounds,
    paper: Colour,
    progress: &Progress,
) -> Result<Vec<u8>, PdfError> {
    let [w, h] = part.size().map(|side| side.max(1.0));
    let scale = (MAX_SIDE / w.max(h)).min(1.0);
    let settings = PageSettings::from_wh(w * scale, h * scale)
        .ok_or_else(|| PdfError::Flaw("the page is empty".into()))?;
    let mut document = Document::new();
    let mut page = document.start_page_with(settings);
    let mut surface = page.surface();
    surface.push_transform(&Transform::from_row(
        scale,
        0.0,
        0.0,
        scale,
        -part.min[0] * scale,
        -part.min[1] * scale,
    ));
    if let Some(sheet) = Rect::from_xywh(part.min[0], part.min[1], w, h).filter(|_| !paper.is_none()) {
        let mut path = PathBuilder::new();
        path.push_rect(sheet);
        draw(&mut surface, path.finish(), Some(fill(paper, false)), None);
    }
    let mut drawn = Ok(());
    for picture in pictures {
        drawn = progress.step(1);
        if drawn.is_err() {
            break;
        }
        picture.iter().for_each(|mark| put_mark(&mut surface, mark, images));
    }
    // A surface that was begun has to be finished.
    surface.pop();
    surface.finish();
    page.finish();
    drawn?;
    document.finish().map_err(|e| PdfError::Flaw(format!("{e:?}")))
}

fn put_mark(surface: &mut Surface<'_>, mark: &Mark, images: &Images) {
    match mark {
        Mark::Fill { path, colour, even_odd } => {
            draw(surface, convert(path), Some(fill(*colour, *even_odd)), None);
        }
        Mark::Line { path, colour, width, dash } => {
            let stroke = Stroke {
                paint: rgb(*colour).into(),
                opacity: opacity(*colour),
                width: *width,
                line_cap: LineCap::Round,
                line_join: LineJoin::Round,
                dash: dash.map(|dash| StrokeDash { array: dash.to_vec(), offset: 0.0 }),
                ..Stroke::default()
            };
            draw(surface, convert(path), None, Some(stroke));
        }
        Mark::Image { image, place, opacity } => {
            let Some(decoded) = images.get(image) else { return };
            let [w, h] = image.pixels;
            let Some(size) = Size::from_wh(w as f32, h as f32) else { return };
            let [a, b, c, d, e, f] = place.as_coeffs().map(|c| c as f32);
            surface.push_transform(&Transform::from_row(a, b, c, d, e, f));
            let share = f32::from(*opacity) / 100.0;
            surface.push_opacity(NormalizedF32::new(share).unwrap_or(NormalizedF32::ONE));
            surface.draw_image(Image::from_rgba8(decoded.rgba.clone(), w, h), size);
            surface.pop();
            surface.pop();
        }
    }
}

fn draw(surface: &mut Surface<'_>, path: Option<Path>, fill: Option<Fill>, stroke: Option<Stroke>) {
    if let Some(path) = path {
        surface.set_fill(fill);
        surface.set_stroke(stroke);
        surface.draw_path(&path);
    }
}

fn fill(colour: Colour, even_odd: bool) -> Fill {
    let rule = if even_odd { FillRule::EvenOdd } else { FillRule::NonZero };
    Fill { paint: rgb(colour).into(), opacity: opacity(colour), rule }
}

fn rgb(Colour([r, g, b, _]): Colour) -> rgb::Color {
    rgb::Color::new(r, g, b)
}

fn opacity(colour: Colour) -> NormalizedF32 {
    NormalizedF32::new(f32::from(colour.0[3]) / 255.0).unwrap_or(NormalizedF32::ONE)
}

fn convert(path: &BezPath) -> Option<Path> {
    let mut out = PathBuilder::new();
    let n = |p: kurbo::Point| (p.x as f32, p.y as f32);
    for element in path.elements() {
        match *element {
            PathEl::MoveTo(p) => out.move_to(n(p).0, n(p).1),
            PathEl::LineTo(p) => out.line_to(n(p).0, n(p).1),
            PathEl::QuadTo(a, p) => out.quad_to(n(a).0, n(a).1, n(p).0, n(p).1),
            PathEl::CurveTo(a, b, p) => out.cubic_to(n(a).0, n(a).1, n(b).0, n(b).1, n(p).0, n(p).1),
            PathEl::ClosePath => out.close(),
        }
    }
    out.finish()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        model::{Kind, Shape},
        render::Painter,
    };

    #[test]
    fn a_page_has_vectors_and_the_size_of_its_part() {
        let mut shape = Shape { size: [80.0, 60.0], text: "In the middle".into(), ..Shape::new(Kind::Note) };
        shape.angle = 0.3;
        let picture = Painter::default().picture(&shape);
        let part = Bounds { min: [-10.0, -10.0], max: [110.0, 80.0] };
        let (white, progress) = (Colour::rgb(255, 255, 255), Progress::default());
        let file = pdf([&picture], &Images::default(), part, white, &progress).unwrap();
        let text = String::from_utf8_lossy(&file);
        assert!(text.starts_with("%PDF-") && text.contains("/MediaBox[0 0 120 90]"), "{}", &text[..600]);
        let huge = Bounds { min: [-1e6, -1e6], max: [1e6, 1e6] };
        assert!(pdf([&picture], &Images::default(), huge, Colour::NONE, &progress).is_ok());
    }
}
