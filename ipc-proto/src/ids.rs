//! The ids of DESIGN §1, as types that cannot be mixed up.
//!
//! Invariant: an id is a plain value of fixed size; its text form is what the command line and JSON show,
//! its binary form is what MessagePack and the wire carry.

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use std::{fmt, str::FromStr};

/// Why a text is not an id, a target or an app name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what}: {text:?} is not valid ({expected})")]
pub struct ParseIdError {
    /// Which kind of id was expected.
    pub what: &'static str,
    /// What was given, shortened to 80 characters.
    pub text: String,
    /// The form that would have been right.
    pub expected: &'static str,
}

impl ParseIdError {
    fn new(what: &'static str, text: &str, expected: &'static str) -> Self {
        Self { what, text: text.chars().take(80).collect(), expected }
    }
}

macro_rules! byte_id {
    ($(#[$doc:meta])* $name:ident, $len:literal, $form:ident, $expected:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
        pub struct $name(pub [u8; $len]);

        impl $name {
            /// All zero: "none", or as a destination "all instances of the session".
            pub const NIL: Self = Self([0; $len]);

            /// Whether every byte is zero.
            pub fn is_nil(&self) -> bool {
                *self == Self::NIL
            }

            /// The raw bytes.
            pub fn as_bytes(&self) -> &[u8; $len] {
                &self.0
            }

            /// From exactly the right number of bytes.
            pub fn from_slice(bytes: &[u8]) -> Option<Self> {
                bytes.try_into().ok().map(Self)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                $form::write(&self.0, f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}({:02x}{:02x}{:02x}{:02x})", stringify!($name), self.0[0], self.0[1], self.0[2], self.0[3])
            }
        }

        impl FromStr for $name {
            type Err = ParseIdError;
            fn from_str(text: &str) -> Result<Self, ParseIdError> {
                $form::read(text).map(Self).ok_or_else(|| ParseIdError::new(stringify!($name), text, $expected))
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                if serializer.is_human_readable() {
                    serializer.collect_str(self)
                } else {
                    serializer.serialize_bytes(&self.0)
                }
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                struct Visitor;
                impl de::Visitor<'_> for Visitor {
                    type Value = $name;
                    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                        f.write_str(concat!($expected, ", or as many bytes"))
                    }
                    fn visit_str<E: de::Error>(self, text: &str) -> Result<$name, E> {
                        text.parse().map_err(E::custom)
                    }
                    fn visit_bytes<E: de::Error>(self, bytes: &[u8]) -> Result<$name, E> {
                        $name::from_slice(bytes).ok_or_else(|| E::invalid_length(bytes.len(), &self))
                    }
                }
                if deserializer.is_human_readable() {
                    deserializer.deserialize_str(Visitor)
                } else {
                    deserializer.deserialize_bytes(Visitor)
                }
            }
        }
    };
}

byte_id!(
    /// A machine with a daemon: the first 16 bytes of the BLAKE3 hash of the host's public key.
    HostId, 16, hex, "32 hexadecimal digits"
);
byte_id!(
    /// A person: their Ed25519 public key. Never a name or an address.
    UserId, 32, hex, "64 hexadecimal digits"
);
byte_id!(
    /// The writer of one log, a user on a host: the first 16 bytes of the BLAKE3 hash of the origin's public key.
    OriginId, 16, hex, "32 hexadecimal digits"
);
byte_id!(
    /// One running process of an app, attached to its daemon: a UUID version 4.
    InstanceId, 16, guid, "a GUID"
);
byte_id!(
    /// Something larger than a message: the BLAKE3 hash of its bytes.
    BlobId, 32, hex, "64 hexadecimal digits"
);
byte_id!(
    /// A shared activity of one app type: a UUID version 8 (RFC 9562), the hash of DESIGN §4.
    SessionId, 16, guid, "a GUID"
);

mod hex {
    use std::fmt;
    pub(super) fn write(bytes: &[u8], f: &mut fmt::Formatter<'_>) -> fmt::Result {
        bytes.iter().try_for_each(|b| write!(f, "{b:02x}"))
    }
    pub(super) fn read<const N: usize>(text: &str) -> Option<[u8; N]> {
        let digits = text.as_bytes();
        if digits.len() != 2 * N {
            return None;
        }
        let mut out = [0; N];
        for (byte, pair) in out.iter_mut().zip(digits.chunks(2)) {
            let nibble = |d: u8| (d as char).to_digit(16);
            *byte = (nibble(pair[0])? << 4 | nibble(pair[1])?) as u8;
        }
        Some(out)
    }
}

mod guid {
    use std::fmt;
    pub(super) fn write(bytes: &[u8; 16], f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", uuid::Uuid::from_bytes(*bytes).as_hyphenated())
    }
    pub(super) fn read(text: &str) -> Option<[u8; 16]> {
        // Only the plain hyphenated form: braces and urn: prefixes would make two names for one thing.
        (text.len() == 36).then(|| uuid::Uuid::parse_str(text).ok().map(uuid::Uuid::into_bytes)).flatten()
    }
}

/// A kind of program, as a reversed domain name: `chalktalk.chat`, `org.example.game`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Debug)]
#[serde(transparent)]
pub struct AppId(String);

/// The longest an [`AppId`] may be, in bytes: it travels in every announcement.
pub const MAX_APP_ID: usize = 64;

impl AppId {
    /// The chat.
    pub fn chat() -> Self {
        Self("chalktalk.chat".into())
    }

    /// The shared whiteboard.
    pub fn whiteboard() -> Self {
        Self("chalktalk.whiteboard".into())
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for AppId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for AppId {
    type Err = ParseIdError;
    fn from_str(text: &str) -> Result<Self, ParseIdError> {
        let part_ok = |p: &str| {
            !p.is_empty()
                && p.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-' || b == b'_')
        };
        let ok = text.len() <= MAX_APP_ID && text.contains('.') && text.split('.').all(part_ok);
        if ok {
            Ok(Self(text.into()))
        } else {
            Err(ParseIdError::new(
                "app",
                text,
                "a reversed domain name in lower case, such as org.example.game",
            ))
        }
    }
}

impl<'de> Deserialize<'de> for AppId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

/// Where one message stands: its origin's log, the entry in which the message ends, and which of the messages
/// ending in that entry it is (from 0). As a position: everything up to and including it has been read.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct Position {
    /// Writer of the log.
    pub origin: OriginId,
    /// Life number of the log.
    pub epoch: u32,
    /// Number of the entry, from 1.
    pub seq: u64,
    /// Number of the message among those that end in this entry, from 0.
    pub index: u16,
}

/// Whom or what a message is for, as people type it.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Target {
    /// `#name`: the open room of that name.
    Room(String),
    /// `@name`, or `@` and at least 8 hexadecimal digits of the user's key.
    User(String),
    /// A session's GUID.
    Session(SessionId),
}

impl FromStr for Target {
    type Err = ParseIdError;
    fn from_str(text: &str) -> Result<Self, ParseIdError> {
        let bad = || ParseIdError::new("target", text, "#room, @user or a session GUID");
        let label = |name: &str| {
            let clean = crate::text::label(name);
            (!clean.is_empty() && clean == name).then_some(clean).ok_or_else(bad)
        };
        match text.split_at_checked(1) {
            Some(("#", name)) => label(name).map(Self::Room),
            Some(("@", name)) => label(name).map(Self::User),
            _ => text.parse().map(Self::Session).map_err(|_| bad()),
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Room(name) => write!(f, "#{name}"),
            Self::User(name) => write!(f, "@{name}"),
            Self::Session(id) => id.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_survive_text_and_messagepack() {
        let user = UserId(std::array::from_fn(|i| i as u8));
        assert_eq!(user.to_string().parse::<UserId>(), Ok(user));
        let packed = rmp_serde::to_vec(&user).unwrap();
        assert_eq!(packed.len(), 34, "raw bytes, not text");
        assert_eq!(rmp_serde::from_slice::<UserId>(&packed).unwrap(), user);

        let session = SessionId(*uuid::Uuid::new_v8([7; 16]).as_bytes());
        assert_eq!(session.to_string().parse::<SessionId>(), Ok(session));
        assert!(rmp_serde::from_slice::<SessionId>(&packed).is_err(), "32 bytes are no session id");
    }

    #[test]
    fn targets_parse_once_and_print_back() {
        for text in ["#lobby", "@ana", "#日本語", "00112233-4455-8677-8899-aabbccddeeff"] {
            assert_eq!(text.parse::<Target>().unwrap().to_string(), text);
        }
        for bad in ["", "lobby", "#", "@", "#a\u{1b}[2J", "@\u{202e}ana", "00112233"] {
            assert!(bad.parse::<Target>().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn app_ids_cannot_become_paths() {
        assert!("org.example.game".parse::<AppId>().is_ok());
        for bad in ["", "game", "../x.y", "a..b", "A.b", "a.b/c", ".a.b", &"a.".repeat(40)] {
            assert!(bad.parse::<AppId>().is_err(), "{bad:?}");
        }
    }
}
