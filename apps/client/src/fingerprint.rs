//! What two people compare to know that nobody sits between them: words or digits, the same on both sides.
//!
//! They are made from both users' keys by Argon2id. Who sits in the middle needs a key for each side with which both see the
//! same. Digits leave no hope for that (199 bits). Of the words, 80 bits, the search takes 2^40 tries with two freely
//! chosen keys, and each try costs a tenth of a second and 64 MiB: thousands of years of a processor's time.
//!
//! Invariant: it does not matter which of the two asks.

use crate::{passphrase::stretch, words::words};
use chalktalk_ipc::UserId;

const CONTEXT: &[u8] = b"chalktalk 2026 fingerprint";

/// Words to compare.
const WORDS: usize = 8;

/// Groups of digits to compare, five digits each.
const GROUPS: usize = 12;

/// Bytes the words come from.
const WORD_BYTES: usize = 10;

/// What two people see when they compare keys.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Fingerprint {
    /// Eight words, to read out.
    pub words: Vec<&'static str>,
    /// Twelve groups of five digits, where words will not do.
    pub digits: Vec<String>,
}

impl Fingerprint {
    /// Of two people. Takes about a tenth of a second.
    pub fn of(one: UserId, other: UserId) -> Self {
        let (first, second) = (one.min(other), one.max(other));
        let mut bytes = [0; WORD_BYTES + 5 * GROUPS];
        stretch(&[first.0, second.0].concat(), CONTEXT, &mut bytes);
        let number = |group: &[u8]| group.iter().fold(0u64, |n, byte| n << 8 | u64::from(*byte)) % 100_000;
        Self {
            words: words(&bytes, WORDS),
            digits: bytes[WORD_BYTES..].chunks(5).map(|group| format!("{:05}", number(group))).collect(),
        }
    }

    /// All digits, as the QR code carries them.
    pub fn number(&self) -> String {
        self.digits.concat()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_see_the_same_and_with_another_key_something_else() {
        let (ana, ben, mallory) = (UserId([1; 32]), UserId([2; 32]), UserId([3; 32]));
        let seen = Fingerprint::of(ana, ben);
        assert_eq!(seen, Fingerprint::of(ben, ana));
        assert_eq!((seen.words.len(), seen.number().len()), (8, 60));
        let between = Fingerprint::of(ana, mallory);
        assert_ne!(seen.words, between.words);
        assert!(seen.digits.iter().zip(&between.digits).filter(|(a, b)| a != b).count() > 9);
    }
}
