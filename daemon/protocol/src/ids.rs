//! Numbers of the log, as types that cannot be mixed up.
//!
//! Invariant: `Seq(0)` and `Epoch(0)` never name an entry; they mean "nothing yet".

use crate::seal::KeyName;
use chalktalk_ipc::{AppId, OriginId, SessionId, UserId};
use serde::{Deserialize, Serialize};
use unicode_normalization::UnicodeNormalization;

/// One slot of a log, from 1.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Seq(pub u64);

impl Seq {
    /// The slot behind this one.
    #[must_use]
    pub fn next(self) -> Self {
        Self(self.0 + 1)
    }

    /// How many slots `self` is ahead of `other` (0 if it is not).
    pub fn ahead_of(self, other: Self) -> u64 {
        self.0.saturating_sub(other.0)
    }
}

/// Life number of a log, from 1.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Epoch(pub u32);

impl Epoch {
    /// The highest bit: life numbers do not come that far.
    const LIVE: u32 = 1 << 31;

    /// The same life, for the log whose entries live in memory, where an author has another one that is kept.
    pub fn live(self) -> Self {
        Self(self.0 | Self::LIVE)
    }

    /// Whether it is one of those.
    pub fn is_live(self) -> bool {
        self.0 & Self::LIVE != 0
    }
}

/// One life of one origin's log (in some session).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default, Serialize, Deserialize)]
pub struct LogId {
    /// The writer.
    pub origin: OriginId,
    /// Its life.
    pub epoch: Epoch,
}

/// Where an entry stands when a session is read in order: its Lamport stamp, its log, its slot.
pub type InOrder = (u64, LogId, Seq);

/// Reasons a session is what its id says (DESIGN §4): ids are hashes, so the same name is the same room on every
/// host, and nobody can claim an id that means something else.
///
/// A LAN with a passphrase, `lan` by the name of its key, is a LAN of its own: its rooms are others.
pub fn open_room(app: &AppId, name: &str, lan: Option<&KeyName>) -> SessionId {
    let name = normalised(name);
    match lan {
        None => session_id("open", &[app.as_str().as_bytes(), name.as_bytes()]),
        Some(lan) => session_id("open", &[app.as_str().as_bytes(), name.as_bytes(), lan]),
    }
}

/// A direct session of two users, from the X25519 secret that only they share.
pub fn direct(app: &AppId, shared_secret: &[u8; 32]) -> SessionId {
    session_id("direct", &[app.as_str().as_bytes(), shared_secret])
}

/// Any other session, from its app, its creator and a nonce.
pub fn created(app: &AppId, creator: &UserId, nonce: &[u8; 16]) -> SessionId {
    session_id("created", &[app.as_str().as_bytes(), &creator.0, nonce])
}

/// A room's name as it is compared: NFC, case folded, NFC again (folding can undo it; Unicode 16 §3.13 D145).
pub fn normalised(name: &str) -> String {
    let folded: String = name.nfc().flat_map(char::to_lowercase).collect();
    folded.nfc().collect()
}

fn session_id(kind: &str, parts: &[&[u8]]) -> SessionId {
    let mut hash = blake3::Hasher::new_derive_key("chalktalk 2026 session id");
    for part in [kind.as_bytes()].iter().chain(parts) {
        hash.update(&(part.len() as u64).to_le_bytes()).update(part);
    }
    let mut id = first_16(&hash.finalize());
    id[6] = id[6] & 0x0f | 0x80; // UUID version 8
    id[8] = id[8] & 0x3f | 0x80; // RFC 9562 variant
    SessionId(id)
}

/// The first 16 bytes of a hash: 128 bits are enough for names that an attacker gains nothing by colliding with
/// himself, and 64 bits of work are not within reach of a second preimage.
pub fn first_16(hash: &blake3::Hash) -> [u8; 16] {
    let mut out = [0; 16];
    out.copy_from_slice(&hash.as_bytes()[..16]);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_name_is_one_room_however_it_is_typed() {
        let room = |name| open_room(&AppId::chat(), name, None);
        assert_eq!(room("Café"), room("CAFE\u{301}"));
        assert_ne!(room("cafe"), room("café"));
        assert_ne!(room("a"), open_room(&AppId::whiteboard(), "a", None));
        assert_ne!(room("a"), open_room(&AppId::chat(), "a", Some(&[1; 16])));
        assert_eq!(room("x").0[6] >> 4, 8, "UUID version 8");
    }
}
