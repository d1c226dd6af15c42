//! The fonts that come with the programs.
//!
//! Invariant: text in their letters looks the same on every machine.

use parley::{
    FontContext,
    fontique::{Blob, Collection, CollectionOptions, GenericFamily},
};
use skrifa::{FontRef, MetadataProvider};
use std::sync::Arc;

/// For what people read.
pub const REGULAR: &[u8] = include_bytes!("../fonts/Inter-Regular.otf");
/// For headings, and what is emphasised.
pub const STRONG: &[u8] = include_bytes!("../fonts/Inter-SemiBold.otf");
/// Hebrew letters.
pub const HEBREW: &[u8] = include_bytes!("../fonts/NotoSansHebrew-Regular.ttf");
/// Arabic letters.
pub const ARABIC: &[u8] = include_bytes!("../fonts/NotoSansArabic-Regular.ttf");
/// For code: all letters are equally wide.
pub const CODE: &[u8] = include_bytes!("../fonts/Hack-Regular.ttf");
/// Emoji as outlines, where the machine has none in colour.
pub const EMOJI: &[u8] = include_bytes!("../fonts/NotoEmoji-Regular.ttf");

/// Letters, in the order in which they are looked for.
pub const LETTERS: [&[u8]; 4] = [REGULAR, STRONG, HEBREW, ARABIC];

/// Their families.
pub const FAMILIES: [&str; 3] = ["Inter", "Noto Sans Hebrew", "Noto Sans Arabic"];

/// The family for code.
pub const CODE_FAMILY: &str = "Hack";

/// A context that has these fonts, and none of the machine.
pub fn context(fonts: &[&'static [u8]]) -> FontContext {
    let options = CollectionOptions { shared: false, system_fonts: false };
    let mut context = FontContext { collection: Collection::new(options), source_cache: Default::default() };
    for font in fonts {
        context.collection.register_fonts(Blob::new(Arc::new(*font)), None);
    }
    context
}

/// Has emoji come from this font.
pub fn set_emoji(context: &mut FontContext, font: Blob<u8>) {
    let families = context.collection.register_fonts(font, None);
    let ids = families.iter().map(|(family, _)| *family);
    context.collection.set_generic_families(GenericFamily::Emoji, ids);
}

/// Whether our letters have this one, or it is none to be seen.
pub fn is_ours(letter: char) -> bool {
    if letter.is_ascii() || letter.is_control() || letter.is_whitespace() {
        return true;
    }
    // Joiners, marks of direction, selectors of variants, tags.
    let unseen = matches!(letter, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
        | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{e0000}'..='\u{e0fff}');
    unseen
        || LETTERS
            .iter()
            .any(|font| FontRef::new(font).is_ok_and(|face| face.charmap().map(letter).is_some()))
}
