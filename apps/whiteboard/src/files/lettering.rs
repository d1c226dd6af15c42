//! Words in SVG files: their fonts, how many letters there may be, and where they can be texts that people write into.
//!
//! Invariant: letters come from our fonts and, where those lack them, from the machine's, never from where a file says.

use super::svg::{affine, kurbo_path, scale};
use crate::{
    model::{Align, Colour, Font, Kind, Shape},
    render::Letters,
};
use chalktalk_look::{Faces, fonts};
use kurbo::{Point, Shape as _};
use std::sync::{
    Arc, PoisonError,
    atomic::{AtomicUsize, Ordering},
};
use usvg::{
    FontResolver, Node, Paint, Path, Text, TextAnchor, TextSpan, fontdb,
    roxmltree::{self, Document},
    tiny_skia_path::Transform,
};

/// Most letters of a file: laying them out takes some six hundred bytes each.
pub(super) const MAX_LETTERS: usize = 200_000;

/// Deepest elements whose letters are counted: files that go deeper are not read.
const MAX_DEPTH: usize = 1_100;

/// From this weight on letters are bold; a board's texts are not.
const BOLD: u16 = 550;

/// So much of the height of a line may a text be off where it becomes one of the board's.
const OFF: f64 = 0.08;

/// How much a file writes.
#[derive(Default)]
struct Written {
    letters: usize,
    longest: usize,
    /// Whether something may be shown more often than it stands there.
    repeats: bool,
}

impl Written {
    fn count(&mut self, parent: roxmltree::Node<'_, '_>, depth: usize, within: Option<usize>) -> usize {
        let mut letters = 0;
        for node in parent.children() {
            if let (true, Some(text)) = (within.is_some(), node.text().filter(|_| node.is_text())) {
                letters += text.chars().count();
            } else if depth < MAX_DEPTH {
                let name = node.tag_name().name();
                self.repeats |= matches!(name, "use" | "marker" | "pattern");
                let inner = self.count(node, depth + 1, within.or((name == "text").then_some(0)));
                letters += inner;
                if within.is_none() && name == "text" {
                    self.letters += inner;
                    self.longest = self.longest.max(inner);
                }
            }
        }
        letters
    }
}

/// How many times letters may be laid out for this file, so that it costs no more than [`MAX_LETTERS`] in one piece.
pub(super) fn allowance(document: &Document<'_>) -> usize {
    let mut written = Written::default();
    written.count(document.root(), 0, None);
    match written.repeats {
        _ if written.letters > MAX_LETTERS => 0,
        true => MAX_LETTERS / written.longest.max(1),
        false => usize::MAX,
    }
}

/// The fonts that come with the program.
pub(super) fn database() -> fontdb::Database {
    let mut fonts = fontdb::Database::new();
    for font in fonts::LETTERS.into_iter().chain([fonts::CODE]) {
        fonts.load_font_source(fontdb::Source::Binary(Arc::new(font)));
    }
    let [letters, ..] = fonts::FAMILIES;
    fonts.set_serif_family(letters);
    fonts.set_sans_serif_family(letters);
    fonts.set_cursive_family(letters);
    fonts.set_fantasy_family(letters);
    fonts.set_monospace_family(fonts::CODE_FAMILY);
    fonts
}

/// Finds fonts, as often as is allowed; `left` says how often it may still.
pub(super) fn resolver(left: &AtomicUsize) -> FontResolver<'_> {
    let (select, among_ours) =
        (FontResolver::default_font_selector(), FontResolver::default_fallback_selector());
    FontResolver {
        select_font: Box::new(move |font, fonts| {
            let allowed = left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1));
            allowed.ok().and_then(|_| select(font, fonts))
        }),
        select_fallback: Box::new(move |letter, used, fonts| {
            among_ours(letter, used, fonts).or_else(|| of_machine(letter, used, fonts))
        }),
    }
}

fn of_machine(letter: char, used: &[fontdb::ID], fonts: &mut Arc<fontdb::Database>) -> Option<fontdb::ID> {
    if fonts::is_ours(letter) {
        return None;
    }
    let face = Faces::of_machine().lock().unwrap_or_else(PoisonError::into_inner).covering(letter)?;
    let is_it = |info: &&fontdb::FaceInfo| {
        info.index == face.index && info.families.iter().any(|(family, _)| *family == face.family)
    };
    let known = fonts.faces().find(is_it).map(|info| info.id);
    let found = known.or_else(|| {
        let source = fontdb::Source::Binary(Arc::new(face.data.clone()));
        Arc::make_mut(fonts).load_font_source(source).get(face.index as usize).copied()
    });
    found.filter(|id| !used.contains(id))
}

/// A piece of a text as it stands in the file, laid out.
pub(super) struct Piece<'a> {
    /// Its letters as an area.
    pub(super) path: &'a Path,
    words: &'a str,
    span: &'a TextSpan,
    anchor: TextAnchor,
}

/// The pieces of a text, each with its area; none where they cannot be told apart.
pub(super) fn pieces(text: &Text) -> Option<Vec<Piece<'_>>> {
    let paths = text.flattened().children().iter().map(|node| match node {
        Node::Path(path) => Some(&**path),
        _ => None,
    });
    let paths: Vec<&Path> = paths.collect::<Option<_>>()?;
    let spans = text.chunks().iter().flat_map(|chunk| chunk.spans().iter().map(move |span| (chunk, span)));
    let words = spans.filter_map(|(chunk, span)| {
        let words = chunk.text().get(span.start()..span.end())?.trim();
        (!words.is_empty()).then_some((words, span, chunk.anchor()))
    });
    let words: Vec<_> = words.collect();
    let pieces = paths.iter().zip(&words);
    let pieces = pieces.map(|(path, (words, span, anchor))| Piece { path, words, span, anchor: *anchor });
    (paths.len() == words.len()).then(|| pieces.collect())
}

impl Piece<'_> {
    /// The same as a text of the board, if that looks the same.
    pub(super) fn as_text(&self, letters: &mut Letters) -> Option<Shape> {
        let (place, span) = (self.path.abs_transform(), self.span);
        let Some(Paint::Color(ink)) = span.fill().map(|fill| fill.paint()) else { return None };
        let plain = span.stroke().is_none()
            && span.font().weight() < BOLD
            && span.decoration().underline().is_none()
            && span.decoration().overline().is_none()
            && span.decoration().line_through().is_none();
        let (scale, angle) = turned(place).filter(|_| plain)?;
        let align = match self.anchor {
            TextAnchor::Start => Align::Left,
            TextAnchor::Middle => Align::Centre,
            TextAnchor::End => Align::Right,
        };
        let font = Font { size: span.font_size().get() * scale as f32, align };
        let block = letters.lay_out(self.words, font, None);
        let ours = block.path.bounding_box();
        let theirs = kurbo_path(self.path, Transform::from_scale(scale as f32, scale as f32)).bounding_box();
        let off = |a: f64, b: f64| (a - b).abs() > OFF * f64::from(font.size) + 0.01 * b;
        if off(ours.width(), theirs.width()) || off(ours.height(), theirs.height()) {
            return None;
        }
        // The box lies where its letters then lie where they were; it turns about its middle.
        let half = kurbo::Vec2::new(block.size[0].into(), block.size[1].into()) / 2.0;
        let middle: Point = theirs.center() - ours.center().to_vec2() + half;
        let middle = affine(place) * (middle.to_vec2() / scale).to_point() - half;
        let mut shape = Shape { text: self.words.into(), font, ..Shape::new(Kind::Text) };
        (shape.at, shape.size) = ([middle.x as f32, middle.y as f32], block.size);
        shape.angle = angle as f32;
        let opacity = span.fill().map_or(1.0, |fill| fill.opacity().get());
        shape.style.ink = Colour([ink.red, ink.green, ink.blue, (opacity * 255.0).round() as u8]);
        shape.check().is_ok().then_some(shape)
    }
}

/// How much a place is larger, and how far it is turned; none where it is stretched or mirrored.
fn turned(place: Transform) -> Option<(f64, f64)> {
    let scale = scale(place);
    let alike = |a: f32, b: f32| (a - b).abs() <= 0.01 * scale;
    let even = scale > 0.0 && alike(place.sx, place.sy) && alike(place.kx, -place.ky);
    even.then(|| (scale.into(), f64::from(place.ky).atan2(place.sx.into())))
}
