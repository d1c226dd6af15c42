//! Lays out text in every script, in both directions, and remembers it as long as it is shown.
//!
//! Invariant: the same text in the same look and width is laid out once, however many frames show it.

use crate::{
    Faces,
    atlas::Atlas,
    fonts::{self, CODE_FAMILY, FAMILIES, is_ours},
    sheet::Sheet,
};
use parley::{
    Alignment, AlignmentOptions, FontContext, FontFamily, FontFamilyName, FontStyle, FontWeight, Layout,
    LayoutContext, LineHeight, OverflowWrap, StyleProperty, fontique::Blob,
};
use std::{
    borrow::Cow,
    collections::{BTreeSet, HashMap},
    fmt,
    hash::{DefaultHasher, Hash, Hasher},
    rc::Rc,
    sync::{Arc, PoisonError},
};

use unicode_segmentation::UnicodeSegmentation;

/// Distance of lines, in heights of letters.
const LEADING: f32 = 1.35;

/// A layout that was not shown for so many frames is forgotten.
const KEPT: u64 = 240;

/// Families of the machine that are borrowed at most.
const MAX_BORROWED: usize = 64;

/// What a part of a text is drawn with.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum Ink {
    /// As all of it.
    #[default]
    Text,
    /// What matters less.
    Weak,
    /// Somewhere to go, something chosen.
    Accent,
    /// Something is wrong.
    Alarm,
    /// Code.
    Code,
    /// A word of its language.
    Keyword,
    /// A string or a number in it.
    Literal,
}

/// How a part of a text looks.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct Look {
    /// Strong.
    pub bold: bool,
    /// Slanted.
    pub italic: bool,
    /// Struck through.
    pub struck: bool,
    /// Underlined.
    pub underlined: bool,
    /// In letters of one width.
    pub mono: bool,
    /// Its colour.
    pub ink: Ink,
}

/// Lays out text.
pub struct Typesetter {
    fonts: FontContext,
    layouts: LayoutContext<Ink>,
    borrowed: Vec<String>,
    sought: BTreeSet<char>,
    sheets: HashMap<u64, (u64, Rc<Sheet>)>,
    frame: u64,
    scale: f32,
    pub(crate) atlas: Atlas,
}

impl fmt::Debug for Typesetter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Typesetter").field("sheets", &self.sheets.len()).finish_non_exhaustive()
    }
}

impl Default for Typesetter {
    fn default() -> Self {
        Self {
            fonts: fonts::context(&[
                fonts::REGULAR,
                fonts::STRONG,
                fonts::HEBREW,
                fonts::ARABIC,
                fonts::CODE,
            ]),
            layouts: LayoutContext::new(),
            borrowed: Vec::new(),
            sought: BTreeSet::new(),
            sheets: HashMap::new(),
            frame: 0,
            scale: 1.0,
            atlas: Atlas::default(),
        }
    }
}

impl Typesetter {
    /// A frame begins, on a screen of so many pixels a point.
    pub fn begin_frame(&mut self, scale: f32) {
        self.frame += 1;
        self.atlas.begin_frame();
        if scale != self.scale {
            self.scale = scale;
            self.sheets.clear();
        }
        if self.frame.is_multiple_of(KEPT) {
            let oldest = self.frame - KEPT;
            self.sheets.retain(|_, (used, _)| *used >= oldest);
        }
    }

    /// Lays out text: letters of this size, in this look, from each byte of `runs` on in another. Lines are broken at `width`.
    /// Sizes are in points.
    pub fn set(
        &mut self,
        text: &str,
        size: f32,
        look: Look,
        runs: &[(usize, Look)],
        width: Option<f32>,
    ) -> Rc<Sheet> {
        let mut hasher = DefaultHasher::new();
        (text, size.to_bits(), look, runs, width.map(f32::to_bits)).hash(&mut hasher);
        let key = hasher.finish();
        if let Some((used, sheet)) = self.sheets.get_mut(&key) {
            *used = self.frame;
            return sheet.clone();
        }
        let layout = self.lay_out(text, size, look, runs, width);
        let sheet = Rc::new(Sheet::new(layout, self.scale));
        self.sheets.insert(key, (self.frame, sheet.clone()));
        sheet
    }

    fn lay_out(
        &mut self,
        text: &str,
        size: f32,
        look: Look,
        runs: &[(usize, Look)],
        width: Option<f32>,
    ) -> Layout<Ink> {
        let text = &*thinned(text);
        self.borrow_for(text);
        let letters: Vec<FontFamilyName<'_>> = FAMILIES
            .into_iter()
            .chain(self.borrowed.iter().map(String::as_str))
            .map(FontFamilyName::named)
            .collect();
        let code: Vec<FontFamilyName<'_>> =
            [FontFamilyName::named(CODE_FAMILY)].into_iter().chain(letters.iter().cloned()).collect();
        let family = |mono: bool| FontFamily::List(if mono { &code } else { &letters }.clone().into());
        let mut builder = self.layouts.ranged_builder(&mut self.fonts, text, self.scale, true);
        builder.push_default(StyleProperty::FontFamily(family(look.mono)));
        builder.push_default(StyleProperty::FontSize(size));
        builder.push_default(StyleProperty::LineHeight(LineHeight::FontSizeRelative(LEADING)));
        builder.push_default(StyleProperty::OverflowWrap(OverflowWrap::Anywhere));
        let ends = runs.iter().skip(1).map(|(start, _)| *start).chain([text.len()]);
        let parts = runs.iter().zip(ends).map(|((start, look), end)| (*start..end.max(*start), *look));
        for (range, look) in [(0..text.len(), look)].into_iter().chain(parts) {
            if range.is_empty() || range.end > text.len() {
                continue;
            }
            let weight = if look.bold { FontWeight::SEMI_BOLD } else { FontWeight::NORMAL };
            let style = if look.italic { FontStyle::Italic } else { FontStyle::Normal };
            builder.push(StyleProperty::FontFamily(family(look.mono)), range.clone());
            builder.push(StyleProperty::FontWeight(weight), range.clone());
            builder.push(StyleProperty::FontStyle(style), range.clone());
            builder.push(StyleProperty::Underline(look.underlined), range.clone());
            builder.push(StyleProperty::Strikethrough(look.struck), range.clone());
            builder.push(StyleProperty::Brush(look.ink), range);
        }
        let mut layout: Layout<Ink> = builder.build(text);
        layout.break_all_lines(width.map(|width| width * self.scale));
        // Where a line begins depends on its language.
        layout.align(Alignment::Start, AlignmentOptions::default());
        layout
    }

    /// Has fonts of the machine for what ours lack.
    fn borrow_for(&mut self, text: &str) {
        for letter in text.chars().filter(|c| !c.is_ascii()) {
            if !self.sought.insert(letter) || is_ours(letter) {
                continue;
            }
            let mut faces = Faces::of_machine().lock().unwrap_or_else(PoisonError::into_inner);
            if is_emoji(letter) {
                if self.borrowed.iter().all(|name| name != EMOJI) {
                    let font = faces.emoji().unwrap_or_else(|| Blob::new(Arc::new(fonts::EMOJI)));
                    fonts::set_emoji(&mut self.fonts, font);
                    self.borrowed.push(EMOJI.into());
                }
                continue;
            }
            let face = faces.covering(letter);
            if let Some(face) = face.filter(|face| !self.borrowed.contains(&face.family))
                && self.borrowed.len() < MAX_BORROWED
            {
                self.fonts.collection.register_fonts(face.data.clone(), None);
                self.borrowed.push(face.family.clone());
            }
        }
    }
}

/// Text without heaps of marks on one letter, which would cover what is above, and which the layout cannot take: the others are
/// hidden. Every byte stays where it is.
fn thinned(text: &str) -> Cow<'_, str> {
    let heap = |cluster: &str| {
        let most = if cluster.starts_with(is_emoji) { MAX_EMOJI } else { MAX_LETTER };
        (cluster.len() > most).then_some(most)
    };
    if text.is_ascii() || !text.graphemes(true).any(|cluster| heap(cluster).is_some()) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len());
    for cluster in text.graphemes(true) {
        let most = heap(cluster).unwrap_or(cluster.len());
        // Hidden is what takes no room, joins nothing, and has as many bytes.
        out.extend(cluster.char_indices().map(|(at, c)| match c.len_utf8() {
            _ if at < most => c,
            2 => '\u{ad}',
            3 => '\u{200b}',
            4 => '\u{e0001}',
            _ => c,
        }));
    }
    Cow::Owned(out)
}

/// The bytes of a letter with its marks, and of an emoji with all that are joined to it.
const MAX_LETTER: usize = 32;
const MAX_EMOJI: usize = 128;

/// Stands for whatever font emoji come from: they are asked for by kind, not by name.
const EMOJI: &str = "emoji";

/// Letters that have a picture of their own, as far as fonts for letters lack them.
pub fn is_emoji(letter: char) -> bool {
    matches!(letter, '\u{1f000}'..='\u{1faff}' | '\u{2600}'..='\u{27bf}' | '\u{2b00}'..='\u{2bff}' | '\u{231a}'..='\u{23ff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heaps_of_marks_and_of_joined_emoji_are_cut() {
        for (start, more) in [("e", "\u{301}"), ("ที", "\u{e49}"), ("👩", "\u{200d}👩"), ("क", "\u{94d}क")]
        {
            let heap = format!("a{start}{}z", more.repeat(2000));
            let thin = thinned(&heap);
            assert_eq!(thin.len(), heap.len(), "every byte stays where it is");
            assert!(thin.graphemes(true).all(|cluster| cluster.len() <= MAX_EMOJI + 4), "{start}");
            let mut setter = Typesetter::default();
            assert!(setter.set(&heap, 14.0, Look::default(), &[], Some(300.0)).size().y > 0.0);
        }
        for whole in ["", "plain", "ê̄ é", "👩‍👩‍👧‍👦 👍🏽", "ก็ที่นี่", "שָׁלוֹם"]
        {
            assert!(matches!(thinned(whole), Cow::Borrowed(_)), "{whole}");
        }
    }
}
