//! Words in place of bits, for people to compare, say and type.
//!
//! The list is 1,024 common English words of three letters or more. Invariant: no word begins as another does in its
//! first four letters, so that what was heard or typed half is still one word.

use std::sync::LazyLock;

/// What one word stands for.
const BITS_PER_WORD: usize = 10;

static WORDS: LazyLock<Vec<&'static str>> =
    LazyLock::new(|| include_str!("words.txt").split_whitespace().collect());

/// So many words for the first bits of some bytes.
///
/// # Panics
/// When there are too few bytes for as many words.
pub(crate) fn words(bytes: &[u8], count: usize) -> Vec<&'static str> {
    assert!(bytes.len() * 8 >= count * BITS_PER_WORD, "callers know how many bits they have");
    let bit = |at: usize| usize::from(bytes[at / 8] >> (7 - at % 8) & 1);
    let index = |word: usize| {
        (word * BITS_PER_WORD..(word + 1) * BITS_PER_WORD).fold(0, |index, at| index << 1 | bit(at))
    };
    (0..count).map(|word| WORDS[index(word)]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn the_list_has_a_word_for_each_number_and_none_that_can_be_mistaken() {
        assert_eq!(WORDS.len(), 1 << BITS_PER_WORD);
        let heads: BTreeSet<String> = WORDS.iter().map(|word| word.chars().take(4).collect()).collect();
        assert_eq!(heads.len(), WORDS.len());
        assert!(WORDS.iter().all(|word| word.len() >= 3 && word.bytes().all(|b| b.is_ascii_lowercase())));
        assert!(WORDS.is_sorted());
    }

    #[test]
    fn every_bit_counts_once() {
        assert_eq!(words(&[0; 10], 8), [WORDS[0]; 8]);
        assert_eq!(words(&[0xff; 10], 8), [WORDS[1023]; 8]);
        assert_eq!(words(&[0, 0b0100_0000, 0, 0, 0], 2), [WORDS[1], WORDS[0]]);
    }
}
