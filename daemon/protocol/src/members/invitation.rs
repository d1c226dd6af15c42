//! Asking somebody in who has no key of the session yet: one frame to their host, sealed to them, signed by who asks.
//!
//! The frame is repeated until the invited user's host answers with a token that only who could open it knows. There are two
//! tokens, for "I have it" and for "no, thanks"; every member can work them out, and so understands an answer to another.
//!
//! Invariant: an [`Invitation`] that [`Invitation::open`] returns was signed by who it says, for this user, and names a
//! session whose id follows from its creator.

use super::{envelope, keys::membership_key, statement::Secret};
use crate::{
    control::{self, Descriptor},
    crypto::SIGNATURE,
    frame::{HEADER, Header, Kind, MAX_DATAGRAM},
    ids::{self, first_16},
    seal::Key,
};
use chalktalk_ipc::{SessionId, UserId, event::Scope};
use ed25519_dalek::{Signature, Signer, SigningKey, VerifyingKey};
use rand_chacha::ChaCha20Rng;
use serde::{Deserialize, Serialize};

const CONTEXT: &[u8] = b"chalktalk 2026 invitation\0";

/// Proof of having opened an invitation.
pub type Token = [u8; 16];

/// What the invited user has to know to come in.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Invitation {
    /// What the session is.
    pub descriptor: Descriptor,
    /// Who made it.
    pub creator: UserId,
    /// With the creator, what its id is made of.
    pub nonce: [u8; 16],
    /// Lamport stamp of the statement that asks: a later one asks anew.
    pub stamp: u64,
    /// The key of the session.
    pub key: Secret,
    /// The key of its frames that say nothing of what people write.
    pub frames: Secret,
}

impl Invitation {
    /// Which session it is to.
    pub fn session(&self) -> SessionId {
        ids::created(&self.descriptor.app, &self.creator, &self.nonce)
    }

    /// The frame, for one user. `signer` is the member who sends it. `None`: the user's key
    /// is not one that anything can be sealed to.
    pub fn seal(&self, to: &UserId, signer: &SigningKey, rng: &mut ChaCha20Rng) -> Option<Vec<u8>> {
        let body = rmp_serde::to_vec(self).expect("our own types always encode");
        let signature = signer.sign(&signed_part(to, &body)).to_bytes();
        let plain = [&signer.verifying_key().to_bytes()[..], &signature, &body].concat();
        let sealed = envelope::seal(to, CONTEXT, &plain, rng)?;
        debug_assert!(sealed.len() <= MAX_DATAGRAM - HEADER, "names and app ids are short");
        Some(Header::new(Kind::Invitation, SessionId::NIL).datagram(&sealed))
    }

    /// What a frame's body says to the user with this key, and who signed it.
    pub fn open(mine: &SigningKey, sealed: &[u8]) -> Option<(Self, UserId)> {
        let plain = envelope::open(mine, CONTEXT, sealed)?;
        let (signer, rest) = plain.split_first_chunk::<32>()?;
        let (signature, body) = rest.split_first_chunk::<SIGNATURE>()?;
        let to = UserId(mine.verifying_key().to_bytes());
        let key = VerifyingKey::from_bytes(signer).ok()?;
        key.verify_strict(&signed_part(&to, body), &Signature::from_bytes(signature)).ok()?;
        let invitation: Self = control::read(body).ok()?;
        (invitation.descriptor.scope == Scope::Invite).then_some((invitation, UserId(*signer)))
    }
}

/// The frame that answers an invitation to everybody in the session.
pub fn answer(session: SessionId, token: Token) -> Vec<u8> {
    Header::new(Kind::Answer, session).datagram(&token)
}

/// "I have it": what the invited user's host answers.
pub fn received(key: &Key, session: SessionId, user: UserId) -> Token {
    token(b"received", key, session, user)
}

/// "No, thanks."
pub fn declined(key: &Key, session: SessionId, user: UserId) -> Token {
    token(b"declined", key, session, user)
}

fn token(answer: &[u8], key: &Key, session: SessionId, user: UserId) -> Token {
    let key = blake3::derive_key("chalktalk 2026 invitation token", membership_key(key).secret());
    let mut hash = blake3::Hasher::new_keyed(&key);
    hash.update(&session.0).update(&user.0).update(answer);
    first_16(&hash.finalize())
}

fn signed_part(to: &UserId, body: &[u8]) -> Vec<u8> {
    [CONTEXT, &to.0, body].concat()
}

#[cfg(test)]
mod tests {
    use super::*;
    use chalktalk_ipc::{AppId, request::SessionKind};
    use rand_core::SeedableRng;

    fn person(n: u8) -> (SigningKey, UserId) {
        let key = SigningKey::from_bytes(&[n; 32]);
        let user = UserId(key.verifying_key().to_bytes());
        (key, user)
    }

    fn invitation(title: &str) -> Invitation {
        Invitation {
            descriptor: Descriptor {
                app: AppId::chat(),
                title: title.into(),
                scope: Scope::Invite,
                kind: SessionKind::Kept,
                history: true,
                parent: None,
            },
            creator: person(1).1,
            nonce: [5; 16],
            stamp: 7,
            key: Secret::of(&Key::new([6; 32])),
            frames: Secret::of(&Key::new([7; 32])),
        }
    }

    fn frame(invitation: &Invitation) -> Vec<u8> {
        let mut rng = ChaCha20Rng::from_seed([1; 32]);
        invitation.seal(&person(3).1, &person(2).0, &mut rng).unwrap()
    }

    #[test]
    fn an_invitation_says_the_same_to_whom_it_is_for_and_nothing_to_others() {
        let asked = invitation(&"é".repeat(32));
        let datagram = frame(&asked);
        assert!(datagram.len() <= MAX_DATAGRAM);
        let (header, body) = Header::parse(&datagram).unwrap();
        assert_eq!(header.kind, Kind::Invitation);
        assert_eq!(Invitation::open(&person(3).0, body), Some((asked.clone(), person(2).1)));
        assert_eq!(Invitation::open(&person(4).0, body), None);
        assert_eq!(asked.session(), ids::created(&AppId::chat(), &person(1).1, &[5; 16]));
    }

    #[test]
    fn it_cannot_be_passed_on_as_if_to_somebody_else() {
        let datagram = frame(&invitation("x"));
        let plain = envelope::open(&person(3).0, CONTEXT, &datagram[HEADER..]).unwrap();
        let mut rng = ChaCha20Rng::from_seed([2; 32]);
        let resealed = envelope::seal(&person(4).1, CONTEXT, &plain, &mut rng).unwrap();
        assert_eq!(Invitation::open(&person(4).0, &resealed), None);
    }

    #[test]
    fn only_invite_sessions_are_asked_into() {
        let mut asked = invitation("x");
        asked.descriptor.scope = Scope::Open;
        assert_eq!(Invitation::open(&person(3).0, &frame(&asked)[HEADER..]), None);
    }

    #[test]
    fn tokens_tell_key_session_user_and_answer_apart() {
        let (key, session, user) = (Key::new([1; 32]), SessionId([2; 16]), person(3).1);
        let mut all = vec![
            received(&key, session, user),
            declined(&key, session, user),
            received(&Key::new([9; 32]), session, user),
            received(&key, SessionId([9; 16]), user),
            received(&key, session, person(4).1),
        ];
        all.sort();
        all.dedup();
        assert_eq!(all.len(), 5);
    }
}
