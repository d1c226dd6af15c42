//! Passphrases: made of six words, or typed; turned into keys by Argon2id (RFC 9106), so that each guess costs a tenth of a
//! second and 64 MiB.
//!
//! Invariant: a passphrase and the keys made of it are wiped from memory when they are dropped, and never shown by `Debug`.

use crate::words::words;
use argon2::{Algorithm, Argon2, Params, Version};
use rustix::rand::{GetRandomFlags, getrandom};
use std::{fmt, io};
use unicode_normalization::UnicodeNormalization;
use zeroize::Zeroizing;

/// Words of a generated passphrase: 60 bits, at which a thousand processors guess for millions of years.
const WORDS: usize = 6;

/// Memory for each guess, in KiB; small enough for the smallest machines that run this.
const MEMORY: u32 = 64 * 1024;

/// Passes over that memory (RFC 9106 §4: the second recommendation has 3 with this memory).
const PASSES: u32 = 3;

/// The shortest passphrase that may be typed, in characters: against whoever records one frame and guesses at leisure.
pub const MIN_PASSPHRASE: usize = 12;

/// Everybody on a LAN has to come to the same key from the same words, and nothing else.
const LAN_CONTEXT: &[u8] = b"chalktalk 2026 LAN passphrase";

/// A key made of a passphrase.
pub type Key = Zeroizing<[u8; 32]>;

/// Words that open something.
#[derive(Clone, PartialEq, Eq)]
pub struct Passphrase(Zeroizing<String>);

impl Passphrase {
    /// A new one.
    ///
    /// # Errors
    /// The system gives no random numbers.
    pub fn generate() -> io::Result<Self> {
        let mut bytes = Zeroizing::new([0; 8]);
        fill_random(&mut bytes[..])?;
        Ok(Self(Zeroizing::new(words(&bytes[..], WORDS).join(" "))))
    }

    /// As somebody has typed it: capitals, blanks and hyphens between words, and ways to write accents make no difference.
    pub fn typed(text: &str) -> Self {
        let folded = Zeroizing::new(text.nfkc().flat_map(char::to_lowercase).nfkc().collect::<String>());
        let separated = |c: char| c.is_whitespace() || c == '-';
        let mut plain = Zeroizing::new(String::with_capacity(folded.len()));
        for word in folded.split(separated).filter(|word| !word.is_empty()) {
            if !plain.is_empty() {
                plain.push(' ');
            }
            plain.push_str(word);
        }
        Self(plain)
    }

    /// Whether it is too short to resist guessing.
    pub fn is_short(&self) -> bool {
        self.0.chars().count() < MIN_PASSPHRASE
    }

    /// The words, to be shown to the person once.
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// The key of a LAN with this passphrase.
    pub fn lan_key(&self) -> Key {
        self.key(LAN_CONTEXT)
    }

    /// A key for one file, which says its salt.
    pub fn file_key(&self, salt: &[u8; 16]) -> Key {
        self.key(salt)
    }

    fn key(&self, salt: &[u8]) -> Key {
        let mut key = Key::default();
        stretch(self.0.as_bytes(), salt, &mut key[..]);
        key
    }
}

impl fmt::Debug for Passphrase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Passphrase(…)")
    }
}

/// Random bytes for a salt.
///
/// # Errors
/// The system gives none.
pub fn random_salt() -> io::Result<[u8; 16]> {
    let mut salt = [0; 16];
    fill_random(&mut salt)?;
    Ok(salt)
}

fn fill_random(bytes: &mut [u8]) -> io::Result<()> {
    let got = getrandom(&mut *bytes, GetRandomFlags::empty())?;
    // The kernel gives up to 256 bytes in one piece.
    if got == bytes.len() { Ok(()) } else { Err(io::ErrorKind::UnexpectedEof.into()) }
}

/// Makes bytes of a secret that are dear to compute.
pub(crate) fn stretch(secret: &[u8], salt: &[u8], out: &mut [u8]) {
    let params = Params::new(MEMORY, PASSES, 1, Some(out.len())).expect("constants within Argon2's limits");
    let argon = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
    argon.hash_password_into(secret, salt, out).expect("lengths within Argon2's limits");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn however_it_is_typed_it_opens() {
        let key = |text| Passphrase::typed(text).lan_key();
        let right = key("copper lantern café");
        assert_eq!(right, key("  Copper-lantern\tCAFE\u{301} "));
        assert_ne!(right, key("copper lantern cafe"));
        assert_ne!(right, Passphrase::typed("copper lantern café").file_key(&[0; 16]));
    }

    #[test]
    fn generated_ones_are_six_words_and_differ() {
        let (one, two) = (Passphrase::generate().unwrap(), Passphrase::generate().unwrap());
        assert_eq!(one.reveal().split(' ').count(), WORDS);
        assert_ne!(one, two);
        assert!(!one.is_short() && Passphrase::typed("secret").is_short());
        assert_eq!(Passphrase::typed(one.reveal()), one);
    }

    #[test]
    fn nothing_of_it_is_shown() {
        assert_eq!(format!("{:?}", Passphrase::typed("copper lantern")), "Passphrase(…)");
    }

    #[test]
    fn it_is_argon2id_as_rfc_9106_has_it() {
        // The parameters are part of the agreement between hosts: another build must come to the same key.
        let hex: String =
            Passphrase::typed("copper lantern").lan_key().iter().map(|b| format!("{b:02x}")).collect();
        assert_eq!(hex, "52927e9d3e911d25183682a083ac5aca217238d014874bfbcab0a434cdb906d1");
    }
}
