//! What members say of the membership, one statement an entry.
//!
//! A statement is the body of an entry flagged as one, sealed under the *membership key* that belongs to the session key
//! of the time: newcomers learn of all that was said about members even where they may not read what was said before.
//!
//! Invariant: a statement that [`Statement::to_body`] makes fits one sealed entry.

use crate::{
    control,
    entry::MAX_SAID,
    ids::{LogId, Seq},
    seal::{self, Key, KeyName},
};
use chalktalk_ipc::UserId;
use serde::{Deserialize, Serialize};
use serde_bytes::ByteArray;
use std::fmt;
use zeroize::Zeroize;

/// Users that one rotation names: 34 bytes each, with [`MAX_FORMER`] keys and [`MAX_GONE`] people in one sealed entry that takes
/// every link. More take more statements.
pub const MAX_RECIPIENTS: usize = 20;

/// Earlier keys that one rotation hands on. There is one, and after a partition one per side.
pub const MAX_FORMER: usize = 4;

/// People that one rotation says are out: 44 bytes each at the most. More take more statements.
pub const MAX_GONE: usize = 4;

/// Logs that one removal names: 34 bytes each at the most. More take more statements.
pub const MAX_CUT: usize = 30;

/// How far each log of a removed user goes.
pub type Cut = Vec<(LogId, Seq)>;

/// People who are out, and the stamp of the statement that put them out.
pub type Gone = Vec<(UserId, u64)>;

/// One thing said about the membership, by the user whose log it stands in.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Statement {
    /// Somebody may come in, and gets the key under which this stands.
    Invite {
        /// Who.
        user: UserId,
    },
    /// "I come in."
    Accept,
    /// Somebody who was invited has said no, to the host that says so.
    Decline {
        /// Who.
        user: UserId,
    },
    /// Somebody is out: the author, or one they may remove.
    Remove {
        /// Who.
        user: UserId,
        /// What of theirs stands: nothing behind it, and nothing in logs that are not named.
        cut: Cut,
    },
    /// There is a new key: that which seals this statement.
    Rotate {
        /// Larger than those of all keys known to who made it.
        number: u64,
        /// Who gets it (with the other statements of this author under the same key).
        recipients: Vec<UserId>,
        /// Keys before it, for who gets this one only.
        former: Vec<Former>,
        /// Who was out last, and the stamp of what put them out: who has not heard of it must not hand on to them what follows.
        gone: Gone,
    },
}

/// An earlier key, wrapped in a statement under a later one.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Former {
    /// For all that was written under it.
    Session(Secret),
    /// For the statements only, with what headers call the session key: newcomers do not see the past of this session.
    Membership(Secret, u32),
}

/// The bytes of a key, wiped when dropped and never shown.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Secret(ByteArray<32>);

impl Secret {
    /// A key's bytes, to hand them on.
    pub fn of(key: &Key) -> Self {
        Self(ByteArray::new(*key.secret()))
    }

    /// The key.
    pub fn key(&self) -> Key {
        Key::new(*self.0)
    }
}

impl Drop for Secret {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

impl fmt::Debug for Former {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Former(…)")
    }
}

impl Statement {
    /// The statement as the body of an entry.
    pub fn to_body(&self) -> Vec<u8> {
        let body = rmp_serde::to_vec(self).expect("our own types always encode");
        debug_assert!(body.len() <= MAX_SAID - seal::OVERHEAD, "whoever makes it bounds its lists");
        body
    }

    /// Reads the opened body of an entry; `None` if it says nothing that this version knows.
    pub fn from_body(body: &[u8]) -> Option<Self> {
        let said: Self = control::read(body).ok()?;
        let bounded = match &said {
            Self::Remove { cut, .. } => cut.len() <= MAX_CUT,
            Self::Rotate { recipients, former, gone, .. } => {
                recipients.len() <= MAX_RECIPIENTS && former.len() <= MAX_FORMER && gone.len() <= MAX_GONE
            }
            _ => true,
        };
        bounded.then_some(said)
    }

    /// Says that somebody is out, in as many statements as their logs need.
    pub fn removal(user: UserId, heads: &[(LogId, Seq)]) -> Vec<Self> {
        let cuts: Vec<&[(LogId, Seq)]> =
            if heads.is_empty() { vec![&[]] } else { heads.chunks(MAX_CUT).collect() };
        cuts.into_iter().map(|cut| Self::Remove { user, cut: cut.to_vec() }).collect()
    }

    /// Says that there is a new key, in as many statements as its recipients, the keys before it and who is out need.
    pub fn rotation(
        number: u64,
        recipients: &[UserId],
        former: &[Former],
        gone: &[(UserId, u64)],
    ) -> Vec<Self> {
        let mut users = recipients.chunks(MAX_RECIPIENTS);
        let mut keys = former.chunks(MAX_FORMER);
        let mut out = gone.chunks(MAX_GONE);
        let parts = users.len().max(keys.len()).max(out.len()).max(1);
        let part = |_| Self::Rotate {
            number,
            recipients: users.next().unwrap_or_default().to_vec(),
            former: keys.next().unwrap_or_default().to_vec(),
            gone: out.next().unwrap_or_default().to_vec(),
        };
        (0..parts).map(part).collect()
    }
}

/// Where a statement stands: all hosts read them in this order, whenever they come.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct Place {
    /// Lamport stamp of the entry.
    pub stamp: u64,
    /// Whose log.
    pub log: LogId,
    /// The slot.
    pub seq: Seq,
}

/// A statement with who said it, and under which key.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Said {
    /// Who.
    pub author: UserId,
    /// Name of the membership key that seals it.
    pub under: KeyName,
    /// What.
    pub statement: Statement,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        entry::{self, Draft, MAX_COVERED},
        frame::SAFE_DATAGRAM,
        ids::Epoch,
        seal::Ring,
    };
    use chalktalk_ipc::{OriginId, SessionId};
    use ed25519_dalek::SigningKey;

    #[test]
    fn the_longest_statements_fit_an_entry_and_read_back() {
        let users = vec![UserId([0xff; 32]); 100];
        let former = vec![Former::Membership(Secret(ByteArray::new([0xff; 32])), u32::MAX); 9];
        let log = LogId { origin: OriginId([0xff; 16]), epoch: Epoch(u32::MAX) };
        let heads = vec![(log, Seq(u64::MAX)); 40];
        let gone = vec![(users[0], u64::MAX); 24];
        let rotation = Statement::rotation(u64::MAX, &users, &former, &gone);
        let said = [&rotation[..], &Statement::removal(users[0], &heads)].concat();
        assert_eq!(said.len(), 6 + 2);
        for statement in said {
            let body = statement.to_body();
            assert!(body.len() <= MAX_SAID - seal::OVERHEAD, "{}", body.len());
            // Whatever else goes with it, it takes every link.
            let key = SigningKey::from_bytes(&[1; 32]);
            let place = entry::Place { session: SessionId([1; 16]), log, seq: Seq(2), stamp: 1, time: 0 };
            let ring = Ring::of(Key::new([2; 32]));
            let draft = || Draft::statement(&body, ring.overhead());
            assert!(draft().finish(&place, &ring).len() <= SAFE_DATAGRAM);
            let most = (0..MAX_COVERED).rev().find(|covered| draft().fits_signature(*covered));
            if let Some(covered) = most {
                let signed =
                    draft().finish_signed(&place, false, [0; 16], &vec![[0; 16]; covered], &key, &ring);
                assert!(signed.len() <= SAFE_DATAGRAM);
            }
            assert_eq!(Statement::from_body(&body), Some(statement));
        }
        assert_eq!(Statement::rotation(1, &[], &[], &[]).len(), 1);
        assert_eq!(Statement::removal(users[0], &[]).len(), 1, "somebody who never wrote");
    }

    #[test]
    fn longer_lists_than_allowed_and_noise_are_nothing() {
        let rotate = |recipients, gone| Statement::Rotate { number: 1, recipients, former: vec![], gone };
        let long = rotate(vec![UserId([1; 32]); MAX_RECIPIENTS + 1], vec![]);
        let gone = rotate(vec![], vec![(UserId([1; 32]), 1); MAX_GONE + 1]);
        assert_eq!(Statement::from_body(&rmp_serde::to_vec(&gone).unwrap()), None);
        assert_eq!(Statement::from_body(&rmp_serde::to_vec(&long).unwrap()), None);
        for body in [&b""[..], b"\x81", b"\xa6Invite", b"\xff\xff\xff\xff"] {
            assert_eq!(Statement::from_body(body), None);
        }
    }

    #[test]
    fn statements_show_no_key() {
        let former = Former::Session(Secret(ByteArray::new([0x5a; 32])));
        let said = format!("{:?}", Statement::rotation(1, &[], &[former], &[]));
        assert!(!said.contains("90") && !said.contains("5a"), "{said}");
    }
}
