//! How a key travels to a person: sealed by HPKE (RFC 9180) to the key of the user, so that nobody else can open it.
//!
//! DHKEM(X25519, HKDF-SHA256), HKDF-SHA256, ChaCha20-Poly1305, base mode: who sent it, the signature around it says. The
//! Ed25519 key of a user is mapped to Curve25519, as for direct sessions.
//!
//! Invariant: what [`open`] returns was sealed to this user, about exactly this.

use crate::{entry::MAX_SAID, seal::Key};
use chalktalk_ipc::{SessionId, UserId};
use ed25519_dalek::{SigningKey, VerifyingKey};
use hpke::{
    Deserializable, Kem, OpModeR, OpModeS, Serializable, aead::ChaCha20Poly1305, kdf::HkdfSha256,
    kem::X25519HkdfSha256, single_shot_open, single_shot_seal_with_rng,
};
use rand_chacha::ChaCha20Rng;
use zeroize::Zeroizing;

/// Bytes that sealing adds: an ephemeral public key and a tag.
pub const OVERHEAD: usize = ENCAPPED + 16;

const ENCAPPED: usize = 32;

/// Bytes of a key in its envelope.
pub const KEY_ENVELOPE: usize = 32 + OVERHEAD;

/// Envelopes with keys in one entry.
const PER_ENTRY: usize = MAX_SAID / KEY_ENVELOPE;

/// Seals bytes to a user. `None`: their key is no point of the curve, or a degenerate one.
pub fn seal(to: &UserId, about: &[u8], plain: &[u8], rng: &mut ChaCha20Rng) -> Option<Vec<u8>> {
    let point = VerifyingKey::from_bytes(&to.0).ok()?.to_montgomery().to_bytes();
    let key = <X25519HkdfSha256 as Kem>::PublicKey::from_bytes(&point).ok()?;
    let (encapped, sealed) = single_shot_seal_with_rng::<ChaCha20Poly1305, HkdfSha256, X25519HkdfSha256>(
        &OpModeS::Base,
        &key,
        about,
        plain,
        &[],
        rng,
    )
    .ok()?;
    Some([&encapped.to_bytes()[..], &sealed].concat())
}

/// Opens what was sealed to the user with this key.
pub fn open(mine: &SigningKey, about: &[u8], sealed: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    let (encapped, sealed) = sealed.split_at_checked(ENCAPPED)?;
    let scalar = Zeroizing::new(mine.to_scalar_bytes());
    let key = <X25519HkdfSha256 as Kem>::PrivateKey::from_bytes(&*scalar).ok()?;
    let encapped = <X25519HkdfSha256 as Kem>::EncappedKey::from_bytes(encapped).ok()?;
    let plain = single_shot_open::<ChaCha20Poly1305, HkdfSha256, X25519HkdfSha256>(
        &OpModeR::Base,
        &key,
        &encapped,
        about,
        sealed,
        &[],
    );
    plain.ok().map(Zeroizing::new)
}

/// A session key for each of these users, as bodies of entries: nothing but envelopes, in no telling order of people.
pub fn hand_out(
    key: &Key,
    session: SessionId,
    maker: UserId,
    users: &[UserId],
    rng: &mut ChaCha20Rng,
) -> Vec<Vec<u8>> {
    let about = about_key(session, maker);
    let mut sealed: Vec<_> = users.iter().filter_map(|user| seal(user, &about, key.secret(), rng)).collect();
    sealed.sort(); // the ephemeral keys are random, so this is too
    sealed.chunks(PER_ENTRY).map(<[Vec<u8>]>::concat).collect()
}

/// The session key that one of these envelopes holds for a user.
pub fn take_out(mine: &SigningKey, session: SessionId, maker: UserId, body: &[u8]) -> Option<Key> {
    let about = about_key(session, maker);
    let envelopes = body.chunks_exact(KEY_ENVELOPE).take(PER_ENTRY);
    let plain = envelopes.filter_map(|envelope| open(mine, &about, envelope)).next()?;
    Some(Key::new(plain[..].try_into().ok()?))
}

fn about_key(session: SessionId, maker: UserId) -> Vec<u8> {
    [&b"chalktalk 2026 session key\0"[..], &session.0, &maker.0].concat()
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand_core::SeedableRng;

    const SESSION: SessionId = SessionId([7; 16]);

    fn person(n: u8) -> (SigningKey, UserId) {
        let key = SigningKey::from_bytes(&[n; 32]);
        let user = UserId(key.verifying_key().to_bytes());
        (key, user)
    }

    #[test]
    fn an_envelope_opens_for_its_user_about_its_matter_unchanged() {
        let mut rng = ChaCha20Rng::from_seed([1; 32]);
        let ((ana, to), (bea, _)) = (person(1), person(2));
        let sealed = seal(&to, b"this", b"secret", &mut rng).unwrap();
        assert_eq!(open(&ana, b"this", &sealed).unwrap()[..], *b"secret");
        assert!(open(&bea, b"this", &sealed).is_none() && open(&ana, b"that", &sealed).is_none());
        for at in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[at] ^= 1;
            assert!(open(&ana, b"this", &changed).is_none(), "byte {at}");
            assert!(open(&ana, b"this", &sealed[..at]).is_none());
        }
    }

    #[test]
    fn a_key_reaches_each_of_many_and_nobody_else() {
        let mut rng = ChaCha20Rng::from_seed([2; 32]);
        let people: Vec<_> = (1..=40).map(person).collect();
        let users: Vec<UserId> = people.iter().map(|(_, user)| *user).collect();
        let (key, maker) = (Key::new([9; 32]), users[0]);
        let bodies = hand_out(&key, SESSION, maker, &users, &mut rng);
        assert_eq!(bodies.len(), 40usize.div_ceil(PER_ENTRY));
        assert!(bodies.iter().all(|body| body.len() <= MAX_SAID));
        let got = |mine: &SigningKey, session, maker| {
            bodies.iter().find_map(|body| take_out(mine, session, maker, body)).map(|key| key.name())
        };
        for (mine, _) in &people {
            assert_eq!(got(mine, SESSION, maker), Some(key.name()));
        }
        assert_eq!(got(&person(41).0, SESSION, maker), None);
        assert_eq!(got(&people[3].0, SessionId([8; 16]), maker), None, "of another session");
        assert_eq!(got(&people[3].0, SESSION, users[1]), None, "said to be by somebody else");
    }

    #[test]
    fn keys_that_are_no_points_get_nothing() {
        let mut rng = ChaCha20Rng::from_seed([3; 32]);
        assert_eq!(seal(&UserId([0; 32]), b"", b"x", &mut rng), None, "of small order");
        assert_eq!(seal(&UserId([2; 32]), b"", b"x", &mut rng), None, "not on the curve");
        assert!(take_out(&person(1).0, SESSION, UserId::NIL, &[0; 3 * KEY_ENVELOPE]).is_none());
    }
}
