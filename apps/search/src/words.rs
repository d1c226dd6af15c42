//! What counts as a word.
//!
//! Invariant: texts and queries pass through the same function, so that what was typed is found as it was typed.

use unicode_normalization::UnicodeNormalization;
use unicode_segmentation::UnicodeSegmentation;

/// How FTS5 is to cut words: letters, digits and symbols such as emoji, without case and accents.
pub(crate) const TOKENIZER: &str = "unicode61 remove_diacritics 2 categories 'L* N* Co So'";

/// The text with blanks around what is written without blanks between words, so that each such character is a word of its
/// own and a word of several is a phrase.
pub(crate) fn spaced(text: &str) -> String {
    let text: String = text.nfc().collect();
    let mut out = String::with_capacity(text.len() + text.len() / 8);
    for grapheme in text.graphemes(true) {
        let alone = grapheme.chars().next().is_some_and(|c| is_spaceless(c) || is_pictograph(c));
        if alone {
            out.push(' ');
        }
        out.push_str(grapheme);
        if alone {
            out.push(' ');
        }
    }
    out
}

/// A name as names are compared: the same however it is typed.
pub(crate) fn folded(name: &str) -> String {
    name.trim_start_matches(['#', '@']).nfkc().collect::<String>().to_lowercase()
}

/// Whether there is anything in it that can be found.
pub(crate) fn has_word(text: &str) -> bool {
    text.chars().any(|c| c.is_alphanumeric() || is_pictograph(c))
}

/// Scripts whose words stand next to each other (UAX #29 §4.1, and UAX #14 for those of South-East Asia).
fn is_spaceless(c: char) -> bool {
    matches!(
        u32::from(c),
        0x0E00..=0x0EFF // Thai, Lao
        | 0x1000..=0x109F // Myanmar
        | 0x1780..=0x17FF // Khmer
        | 0x2E80..=0x2FDF // radicals
        | 0x3005..=0x3007
        | 0x3040..=0x30FF // Hiragana, Katakana
        | 0x31F0..=0x31FF
        | 0x3400..=0x4DBF // Han
        | 0x4E00..=0x9FFF
        | 0xF900..=0xFAFF
        | 0x20000..=0x3FFFF
    )
}

/// Emoji and their kin: each is a word.
fn is_pictograph(c: char) -> bool {
    matches!(u32::from(c), 0x2190..=0x21FF | 0x2300..=0x27BF | 0x2B00..=0x2BFF | 0x1F000..=0x1FAFF)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_without_blanks_becomes_words() {
        assert_eq!(spaced("看白板 now"), " 看  白  板  now");
        assert_eq!(spaced("plain words"), "plain words");
        assert_eq!(spaced("go🎉go"), "go 🎉 go");
    }

    #[test]
    fn names_are_the_same_however_they_are_typed() {
        assert_eq!(folded("@Ana Mari\u{301}a"), folded("ana maría"));
        assert_eq!(folded("#Ops"), "ops");
    }

    #[test]
    fn marks_alone_are_no_words() {
        assert!(!has_word("…!?") && has_word("a") && has_word("🎉") && has_word("板"));
    }
}
