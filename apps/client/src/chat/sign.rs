//! Signs: what a chat says in passing, in volatile messages: that somebody is typing, and how far they have read.
//!
//! A sign is a hint. It may be lost, and in an open session anybody on the LAN could have made it: nothing that is kept
//! follows from one.
//!
//! Invariant: what is no sign, or one of a later version, reads as nothing.

use super::Place;
use chalktalk_ipc::MAX_VOLATILE;
use serde::{Deserialize, Serialize};

/// Places in one sign: so many fit into a volatile message, however long their numbers are.
pub const MAX_READ: usize = 15;

/// Something said in passing.
#[derive(Serialize, Deserialize, Clone, PartialEq, Eq, Debug)]
#[serde(tag = "sign", rename_all = "snake_case")]
pub enum Sign {
    /// Somebody is typing, or has stopped.
    Typing {
        /// Whether they are.
        on: bool,
    },
    /// Somebody has seen what stands in these logs up to these places.
    Read {
        /// At most [`MAX_READ`], one of each log.
        at: Vec<Place>,
    },
}

#[derive(Serialize, Deserialize)]
struct Wire {
    v: u32,
    #[serde(flatten)]
    sign: Sign,
}

impl Sign {
    /// Reads the payload of a volatile message.
    pub fn read(payload: &[u8]) -> Option<Self> {
        let short = payload.len() <= MAX_VOLATILE;
        let wire: Wire = short.then(|| serde_json::from_slice(payload).ok())??;
        let sound = match &wire.sign {
            Self::Read { at } => at.len() <= MAX_READ,
            Self::Typing { .. } => true,
        };
        (sound && wire.v <= super::VERSION).then_some(wire.sign)
    }

    /// The payload that says it; empty if it names more places than fit.
    pub fn payload(&self) -> Vec<u8> {
        let wire = Wire { v: super::VERSION, sign: self.clone() };
        let payload = serde_json::to_vec(&wire).unwrap_or_default();
        if payload.len() <= MAX_VOLATILE { payload } else { Vec::new() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use chalktalk_ipc::{OriginId, Position};

    #[test]
    fn signs_come_back_and_the_longest_fits() {
        let far = Position { origin: OriginId([255; 16]), epoch: u32::MAX, seq: u64::MAX, index: u16::MAX };
        for sign in [
            Sign::Typing { on: true },
            Sign::Typing { on: false },
            Sign::Read { at: vec![] },
            Sign::Read { at: vec![Place(far); MAX_READ] },
        ] {
            assert_eq!(Sign::read(&sign.payload()), Some(sign));
        }
    }

    #[test]
    fn what_is_no_sign_is_nothing() {
        for text in [
            "",
            "hello",
            "{}",
            r#"{"v":2,"sign":"typing","on":true}"#,
            r#"{"v":1,"sign":"waving"}"#,
            r#"{"v":1,"sign":"read","at":["x"]}"#,
        ] {
            assert_eq!(Sign::read(text.as_bytes()), None, "{text}");
        }
        let place = "\"0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f.1.1.0\",".repeat(16);
        let many = format!(r#"{{"v":1,"sign":"read","at":[{}]}}"#, place.trim_end_matches(','));
        assert_eq!(Sign::read(many.as_bytes()), None);
    }
}
