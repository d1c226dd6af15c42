//! Marks as SVG, written by hand: paths in absolute coordinates, images as data.
//!
//! Invariant: a file refers to nothing outside of itself.

use super::{
    images::Images,
    picture::{Mark, Picture},
};
use crate::{
    model::{Bounds, Colour, Shape},
    progress::{Progress, Stopped},
};
use chalktalk_ipc::base64;
use std::fmt::Write;

/// A part of a board as an SVG file. Each shape is a group that carries its id, and its text for readers and searches.
///
/// # Errors
/// Nobody wants it any more.
pub fn svg<'a>(
    shapes: impl IntoIterator<Item = (&'a Shape, &'a Picture)>,
    images: &Images,
    part: Bounds,
    paper: Colour,
    progress: &Progress,
) -> Result<String, Stopped> {
    let ([x, y], [w, h]) = (part.min, part.size());
    let mut out = String::new();
    // Writing into a string cannot fail.
    let _ = writeln!(
        out,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{w}\" height=\"{h}\" viewBox=\"{x} {y} {w} {h}\">"
    );
    if !paper.is_none() {
        let _ =
            writeln!(out, "<rect x=\"{x}\" y=\"{y}\" width=\"{w}\" height=\"{h}\"{}/>", paint("fill", paper));
    }
    for (shape, picture) in shapes {
        progress.step(1)?;
        let _ = write!(out, "<g id=\"{}\" class=\"{}\">", shape.id, shape.kind.name());
        if !shape.text.is_empty() {
            let _ = write!(out, "<title>{}</title>", escaped(&shape.text));
        }
        picture.iter().for_each(|mark| put_mark(&mut out, mark, images));
        out.push_str("</g>\n");
    }
    out.push_str("</svg>\n");
    Ok(out)
}

fn put_mark(out: &mut String, mark: &Mark, images: &Images) {
    let _ = match mark {
        Mark::Fill { path, colour, even_odd } => {
            let rule = if *even_odd { " fill-rule=\"evenodd\"" } else { "" };
            write!(out, "<path d=\"{}\"{}{rule}/>", data(path), paint("fill", *colour))
        }
        Mark::Line { path, colour, width, dash } => {
            let dash = dash.map(|[on, off]| format!(" stroke-dasharray=\"{on} {off}\"")).unwrap_or_default();
            write!(
                out,
                "<path d=\"{}\" fill=\"none\"{} stroke-width=\"{width}\" stroke-linecap=\"round\" stroke-linejoin=\"round\"{dash}/>",
                data(path),
                paint("stroke", *colour)
            )
        }
        Mark::Image { image, place, opacity } => {
            let Some(decoded) = images.get(image) else { return };
            let [a, b, c, d, e, f] = place.as_coeffs();
            let [w, h] = image.pixels;
            let opacity = f32::from(*opacity) / 100.0;
            write!(
                out,
                "<image width=\"{w}\" height=\"{h}\" opacity=\"{opacity}\" preserveAspectRatio=\"none\" transform=\"matrix({a} {b} {c} {d} {e} {f})\" href=\"data:{};base64,{}\"/>",
                decoded.media,
                base64::encode(&decoded.file)
            )
        }
    };
}

/// Hundredths of a unit are finer than any screen.
fn data(path: &kurbo::BezPath) -> String {
    let mut out = String::new();
    let round = |p: kurbo::Point| ((p.x * 100.0).round() / 100.0, (p.y * 100.0).round() / 100.0);
    for element in path.elements() {
        let (letter, points): (char, Vec<kurbo::Point>) = match *element {
            kurbo::PathEl::MoveTo(p) => ('M', vec![p]),
            kurbo::PathEl::LineTo(p) => ('L', vec![p]),
            kurbo::PathEl::QuadTo(a, p) => ('Q', vec![a, p]),
            kurbo::PathEl::CurveTo(a, b, p) => ('C', vec![a, b, p]),
            kurbo::PathEl::ClosePath => ('Z', vec![]),
        };
        out.push(letter);
        for (index, (x, y)) in points.into_iter().map(round).enumerate() {
            let _ = write!(out, "{}{x} {y}", if index > 0 { " " } else { "" });
        }
    }
    out
}

fn paint(what: &str, Colour([r, g, b, a]): Colour) -> String {
    let mut out = format!(" {what}=\"#{r:02x}{g:02x}{b:02x}\"");
    if a < 255 {
        let _ = write!(out, " {what}-opacity=\"{:.3}\"", f32::from(a) / 255.0);
    }
    out
}

/// Text in XML. What XML cannot hold is left out.
fn escaped(text: &str) -> String {
    let allowed = |c: &char| matches!(c, '\n' | '\t') || (*c >= ' ' && !matches!(c, '\u{fffe}' | '\u{ffff}'));
    let mut out = String::new();
    for c in text.chars().filter(allowed) {
        match c {
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            '"' => out.push_str("&quot;"),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{model::Kind, render::Painter};

    #[test]
    fn text_cannot_break_out() {
        let shape = Shape { text: "</title><script>\"&\u{0}".into(), ..Shape::new(Kind::Text) };
        let picture = Painter::default().picture(&shape);
        let part = Bounds { min: [0.0; 2], max: [100.0, 40.0] };
        let file = svg([(&shape, &picture)], &Images::default(), part, Colour::NONE, &Progress::default());
        let file = file.unwrap();
        assert!(file.contains("<title>&lt;/title&gt;&lt;script&gt;&quot;&amp;</title>"), "{file}");
        assert_eq!(file.matches("<script").count(), 0);
    }
}
