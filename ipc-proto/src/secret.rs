//! A key on its way between a program and its daemon.
//!
//! Invariant: it is wiped from memory when it is dropped, and `Debug` shows nothing of it.

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_bytes::ByteArray;
use std::fmt;
use zeroize::Zeroizing;

/// 32 secret bytes. On the stream: *bin*.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Zeroizing<[u8; 32]>);

impl Secret {
    /// These bytes.
    pub fn new(bytes: [u8; 32]) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// The bytes, for whoever is to use them.
    pub fn reveal(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

impl Serialize for Secret {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(&self.0[..])
    }
}

impl<'de> Deserialize<'de> for Secret {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        ByteArray::<32>::deserialize(deserializer).map(|bytes| Self::new(bytes.into_array()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_travels_and_is_not_shown() {
        let secret = Secret::new([7; 32]);
        assert_eq!(format!("{:?}", Some(&secret)), "Some(Secret(…))");
        let bytes = rmp_serde::to_vec(&secret).unwrap();
        assert_eq!(rmp_serde::from_slice::<Secret>(&bytes).unwrap(), secret);
        assert!(rmp_serde::from_slice::<Secret>(&rmp_serde::to_vec(&[7u8; 31][..]).unwrap()).is_err());
    }
}
