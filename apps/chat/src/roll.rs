//! Dice that neither who throws them nor who vouches for them can choose (`docs/chat.md`).
//!
//! The thrower fixes a secret by its seal and names a witness; the witness adds a share, not knowing the secret; then
//! the thrower tells the secret. Both together could cheat, and the thrower can refuse to tell; neither can choose.

use crate::conversation::Said;
use chalktalk_client::chat::Kind;
use chalktalk_ipc::UserId;

/// What is known of a throw.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Outcome {
    /// The witness has not added a share yet.
    Waits(UserId),
    /// The thrower has not told the secret yet.
    Sealed,
    /// It came out so; whether a witness vouches for it.
    Thrown(Vec<u32>, bool),
}

/// What a secret is fixed by, in hexadecimal.
pub fn seal(secret: &str) -> String {
    blake3::derive_key("chalktalk 2026 roll seal", secret.as_bytes())
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

/// What is known of a throw; nothing if it is none.
pub fn outcome(said: &Said) -> Option<Outcome> {
    let Kind::Roll { dice, sides, witness, seal: sealed } = &said.kind else { return None };
    let vouched = |share: &String| match witness {
        Some(witness) => said.fate.shares.contains(&(*witness, share.clone())),
        None => share.is_empty(),
    };
    let told = said.fate.reveals.iter().find(|(secret, share)| seal(secret) == *sealed && vouched(share));
    let waits = witness.filter(|witness| !said.fate.shares.iter().any(|(user, _)| user == witness));
    Some(match (told, waits) {
        (Some((secret, share)), _) => Outcome::Thrown(faces(secret, share, *dice, *sides), witness.is_some()),
        (None, Some(witness)) => Outcome::Waits(witness),
        (None, None) => Outcome::Sealed,
    })
}

/// The dice, from 1 to `sides` each, all equally likely.
pub fn faces(secret: &str, share: &str, dice: u32, sides: u32) -> Vec<u32> {
    let mut hasher = blake3::Hasher::new_derive_key("chalktalk 2026 roll dice");
    hasher.update(secret.as_bytes()).update(b".").update(share.as_bytes());
    let mut reader = hasher.finalize_xof();
    let sides = sides.max(1);
    // Numbers beyond the last whole multiple of `sides` would favour the first faces.
    let whole = u32::MAX - u32::MAX % sides;
    let mut next = || loop {
        let mut bytes = [0; 4];
        reader.fill(&mut bytes);
        let number = u32::from_le_bytes(bytes);
        if number < whole {
            return number % sides + 1;
        }
    };
    (0..dice).map(|_| next()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dice_are_fair_and_the_same_for_everybody() {
        assert_eq!(faces("a", "b", 5, 6), faces("a", "b", 5, 6));
        assert_ne!(faces("a", "b", 50, 6), faces("a", "c", 50, 6));
        let mut counts = [0u32; 6];
        faces("secret", "share", 60_000, 6).iter().for_each(|face| counts[*face as usize - 1] += 1);
        assert!(counts.iter().all(|count| (9_500..10_500).contains(count)), "{counts:?}");
        assert_ne!(seal("a"), seal("b"));
    }
}
