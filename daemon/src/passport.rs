//! A user's identity on its way to another host of theirs: the seed of the key that they are, and their name.
//!
//! It leaves the daemon only sealed, with a key that the program makes of a passphrase; what the file around it looks like is
//! the program's affair.
//!
//! Invariant: nothing of the seed stays in memory here when these functions return.

use crate::identity::random_seed;
use chalktalk_ipc::{Refusal, RefusalCode, Secret, text};
use chalktalk_protocol::seal::{Key, Nonces, Ring};
use serde::{Deserialize, Serialize};
use serde_bytes::ByteArray;
use zeroize::{Zeroize, Zeroizing};

const CONTEXT: &[u8] = b"chalktalk 2026 identity";

/// Bytes of what `seal` returns at most, and of what `open` looks at: a seed, a name and what seals them.
pub const MAX_SEALED: usize = 1024;

/// Somebody's identity.
#[derive(Serialize, Deserialize)]
pub struct Passport {
    seed: ByteArray<32>,
    name: String,
}

impl Passport {
    /// Of this user.
    pub fn new(seed: &[u8; 32], name: &str) -> Self {
        Self { seed: ByteArray::new(*seed), name: name.to_owned() }
    }

    /// The seed of the user's key.
    pub fn seed(&self) -> &[u8; 32] {
        &self.seed
    }

    /// The user's name, fit for display.
    pub fn name(&self) -> String {
        text::label(&self.name)
    }

    /// Sealed with this key.
    pub fn seal(&self, key: &Secret) -> Result<Vec<u8>, Refusal> {
        let mut boot = [0; 16];
        boot.copy_from_slice(&random_seed().map_err(|e| refuse(&e.to_string()))?[..16]);
        let plain = rmp_serde::to_vec(self).expect("our own types always encode");
        let ring = Ring::of(Key::new(*key.reveal()));
        let sealed = ring.seal_part(CONTEXT, plain, &mut Nonces::new(boot));
        Ok(sealed.expect("a ring of one key seals with it").1)
    }

    /// What was sealed with this key.
    pub fn open(key: &Secret, sealed: &[u8]) -> Result<Self, Refusal> {
        let wrong = || refuse("the passphrase is wrong, or the file is damaged");
        if sealed.len() > MAX_SEALED {
            return Err(wrong());
        }
        let key = Key::new(*key.reveal());
        let id = key.id();
        let plain = Ring::of(key).open_part(id, CONTEXT, sealed).ok_or_else(wrong)?;
        rmp_serde::from_slice(&Zeroizing::new(plain)).map_err(|_| wrong())
    }
}

impl Drop for Passport {
    fn drop(&mut self) {
        self.seed.as_mut().zeroize();
    }
}

fn refuse(why: &str) -> Refusal {
    Refusal::new(RefusalCode::NotAllowed, why)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_key_it_was_sealed_with_opens_it() {
        let (key, other) = (Secret::new([1; 32]), Secret::new([2; 32]));
        let sealed = Passport::new(&[9; 32], "Ana").seal(&key).unwrap();
        let opened = Passport::open(&key, &sealed).ok().unwrap();
        assert_eq!((opened.seed(), opened.name().as_str()), (&[9; 32], "Ana"));
        assert!(Passport::open(&other, &sealed).is_err());
        assert!(!sealed.windows(4).any(|window| window == [9; 4]), "nothing of it in the clear");
        for at in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[at] ^= 1;
            assert!(Passport::open(&key, &changed).is_err(), "byte {at}");
            assert!(Passport::open(&key, &sealed[..at]).is_err(), "cut at {at}");
        }
        assert!(sealed.len() <= MAX_SEALED);
        assert_ne!(
            sealed,
            Passport::new(&[9; 32], "Ana").seal(&key).unwrap(),
            "a nonce of its own each time"
        );
    }
}
