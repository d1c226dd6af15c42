//! Keys and certificates: who may write which log.
//!
//! A user's key certifies, per host, the key that signs the user's log there (the *origin* key), so that the user's
//! key itself is never needed on the hot path. Ed25519 (RFC 8032) with strict verification.
//!
//! Invariant: a [`Certificate`] that verified names a user, a host and an origin key that belong together.

use crate::ids::first_16;
use chalktalk_ipc::{HostId, OriginId, UserId, text};
use ed25519_dalek::{Signature, Signer, SigningKey, VerifyingKey};
use serde::{Deserialize, Serialize};
use serde_bytes::ByteArray;
use zeroize::Zeroizing;

/// Bytes of an Ed25519 signature.
pub const SIGNATURE: usize = 64;

const CERTIFICATE_CONTEXT: &[u8] = b"chalktalk 2026 origin certificate\0";

/// The id that belongs to a host's public key.
pub fn host_id(key: &VerifyingKey) -> HostId {
    HostId(first_16(&blake3::hash(key.as_bytes())))
}

/// The id that belongs to an origin's public key.
pub fn origin_id(key: &[u8; 32]) -> OriginId {
    OriginId(first_16(&blake3::hash(key)))
}

/// Says that a user writes on a host with a certain key, under a name.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Certificate {
    user: UserId,
    host: HostId,
    origin_key: ByteArray<32>,
    name: String,
    signature: ByteArray<SIGNATURE>,
}

/// What a certificate says, once its signature held.
#[derive(Clone, Debug)]
pub struct Author {
    /// The person.
    pub user: UserId,
    /// The host they write on.
    pub host: HostId,
    /// Their name, fit for display.
    pub name: String,
    /// The id of the key below.
    pub origin: OriginId,
    /// The key that signs the log.
    pub key: VerifyingKey,
}

impl Certificate {
    /// Signs a certificate with the user's key.
    pub fn issue(user: &SigningKey, host: HostId, origin_key: &VerifyingKey, name: &str) -> Self {
        let mut certificate = Self {
            user: UserId(user.verifying_key().to_bytes()),
            host,
            origin_key: ByteArray::new(origin_key.to_bytes()),
            name: text::label(name),
            signature: ByteArray::new([0; SIGNATURE]),
        };
        certificate.signature = ByteArray::new(user.sign(&certificate.signed_part()).to_bytes());
        certificate
    }

    /// What it says, if the user really signed it.
    pub fn verify(&self) -> Option<Author> {
        let user = VerifyingKey::from_bytes(&self.user.0).ok()?;
        user.verify_strict(&self.signed_part(), &Signature::from_bytes(&self.signature)).ok()?;
        Some(Author {
            user: self.user,
            host: self.host,
            name: text::label(&self.name),
            origin: self.origin(),
            key: VerifyingKey::from_bytes(&self.origin_key).ok()?,
        })
    }

    /// The user it claims to be of.
    pub fn user(&self) -> UserId {
        self.user
    }

    /// The origin it is about.
    pub fn origin(&self) -> OriginId {
        origin_id(&self.origin_key)
    }

    /// Whether it says nothing but what is known of that author already: verifying costs, and every heartbeat repeats
    /// it.
    pub fn repeats(&self, author: &Author) -> bool {
        self.names(author) && author.host == self.host && author.name == text::label(&self.name)
    }

    /// Whether this is a certificate of that author.
    pub fn names(&self, author: &Author) -> bool {
        self.user == author.user && self.origin() == author.origin
    }

    fn signed_part(&self) -> Vec<u8> {
        [CERTIFICATE_CONTEXT, &self.user.0, &self.host.0, &self.origin_key[..], self.name.as_bytes()].concat()
    }
}

/// The secret that two users share, from their identity keys (X25519, RFC 7748; Ed25519 keys mapped to Curve25519).
/// `None` if the other's key is no point of the curve or a degenerate one.
pub fn shared_secret(mine: &SigningKey, theirs: &UserId) -> Option<Zeroizing<[u8; 32]>> {
    let point = VerifyingKey::from_bytes(&theirs.0).ok()?.to_montgomery().to_bytes();
    let scalar = Zeroizing::new(mine.to_scalar_bytes());
    let secret = Zeroizing::new(x25519_dalek::x25519(*scalar, point));
    (*secret != [0; 32]).then_some(secret)
}

/// The hash by which a signed entry names the entries it covers.
pub fn entry_hash(datagram: &[u8]) -> [u8; 16] {
    first_16(&blake3::hash(datagram))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(n: u8) -> SigningKey {
        SigningKey::from_bytes(&[n; 32])
    }

    #[test]
    fn a_certificate_holds_until_any_part_is_changed() {
        let good = Certificate::issue(&key(1), HostId([2; 16]), &key(3).verifying_key(), "Ana\u{202e}");
        let author = good.verify().unwrap();
        assert_eq!(author.name, "Ana");
        assert_eq!(author.origin, origin_id(&key(3).verifying_key().to_bytes()));
        let forged = [
            Certificate { host: HostId([9; 16]), ..good.clone() },
            Certificate { name: "Bob".into(), ..good.clone() },
            Certificate { user: UserId(key(4).verifying_key().to_bytes()), ..good.clone() },
            Certificate { origin_key: ByteArray::new(key(5).verifying_key().to_bytes()), ..good },
        ];
        assert!(forged.iter().all(|c| c.verify().is_none()));
    }

    #[test]
    fn two_users_and_nobody_else_derive_the_same_secret() {
        let user = |n| UserId(key(n).verifying_key().to_bytes());
        assert_eq!(shared_secret(&key(1), &user(2)), shared_secret(&key(2), &user(1)));
        assert_ne!(shared_secret(&key(1), &user(2)), shared_secret(&key(3), &user(2)));
        assert_eq!(shared_secret(&key(1), &UserId([0; 32])), None, "a point of small order");
    }
}
