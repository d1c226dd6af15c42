//! What members of a session say of the app sessions in it, one notice an entry.
//!
//! Invariant: a notice that was read is bounded, and what it shows people is fit to be shown.

use crate::{control, entry::MAX_SAID, ids, seal};
use chalktalk_ipc::{
    AppId, SessionId, UserId,
    nway::{MAX_DETAIL, Model, Part, Standing},
    text,
};
use serde::{Deserialize, Serialize};
use std::net::IpAddr;

/// Addresses that one participant names: those of a host with several interfaces.
pub const MAX_ADDRESSES: usize = 8;

/// The longest that an invitation waits: a day, in seconds.
pub const LONGEST: u32 = 86_400;

/// One thing said of an app session, by the user whose log it stands in.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub enum Notice {
    /// Asks into it.
    Invite(Invite),
    /// How the author stands.
    Stand(Stand),
    /// It is called off, by who made it.
    Cancel {
        /// Which.
        session: SessionId,
    },
}

/// What somebody is asked into.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub struct Invite {
    /// The app session; its id is made of what follows ([`ids::created`]).
    pub session: SessionId,
    /// The app.
    pub app: AppId,
    /// Who made it.
    pub creator: UserId,
    /// What its id is made of besides.
    pub nonce: [u8; 16],
    /// The version that the creator has.
    pub version: String,
    /// What it is called.
    pub title: String,
    /// How the copies find each other.
    pub model: Model,
    /// How many have to accept before anything starts, who made it included.
    pub least: u16,
    /// How many can take part.
    pub most: u16,
    /// Seconds until who has not answered is no longer asked.
    pub lifetime: u32,
    /// Who is asked; `None`: everybody in the parent.
    pub to: Option<UserId>,
}

/// How a user on a host stands to an app session.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub struct Stand {
    /// Which.
    pub session: SessionId,
    /// How.
    pub standing: Standing,
    /// As what they take part.
    pub part: Part,
    /// Lamport stamp of when they first accepted: the order of places. It stays over crashes and rejoining. 0: never.
    pub since: u64,
    /// Where the copy can be reached.
    pub addresses: Vec<IpAddr>,
    /// The port it listens on; 0: none.
    pub port: u16,
    /// Its process id; 0: none.
    pub pid: u32,
    /// Its exit status, once it has ended.
    pub status: Option<i32>,
    /// Why.
    pub detail: String,
}

impl Stand {
    /// Of somebody who has said nothing yet.
    pub fn new(session: SessionId, standing: Standing) -> Self {
        Self {
            session,
            standing,
            part: Part::Player,
            since: 0,
            addresses: Vec::new(),
            port: 0,
            pid: 0,
            status: None,
            detail: String::new(),
        }
    }
}

impl Invite {
    /// The id of the invitation of one user: duplicates are the same.
    pub fn id(&self, invitee: &UserId) -> [u8; 16] {
        invitation_id(self.session, invitee)
    }

    /// As people read it.
    pub fn text(&self) -> String {
        let version = if self.version.is_empty() { "-" } else { &self.version };
        format!("invite nway {} {} {version} {}", self.session, self.app, self.title)
    }

    fn holds(&self) -> bool {
        self.session == ids::created(&self.app, &self.creator, &self.nonce)
            && self.least <= self.most
            && self.most > 0
            && (1..=LONGEST).contains(&self.lifetime)
    }
}

/// The hash of an app session and of who is asked into it.
pub fn invitation_id(session: SessionId, invitee: &UserId) -> [u8; 16] {
    let mut hash = blake3::Hasher::new_derive_key("chalktalk 2026 nway invitation");
    ids::first_16(&hash.update(&session.0).update(&invitee.0).finalize())
}

impl Notice {
    /// The app session it is about.
    pub fn session(&self) -> SessionId {
        match self {
            Self::Invite(invite) => invite.session,
            Self::Stand(stand) => stand.session,
            Self::Cancel { session } => *session,
        }
    }

    /// The notice as the body of an entry.
    pub fn to_body(&self) -> Vec<u8> {
        let body = rmp_serde::to_vec(self).expect("our own types always encode");
        debug_assert!(body.len() <= MAX_SAID - seal::OVERHEAD, "whoever makes it bounds its texts");
        body
    }

    /// Reads the opened body of an entry; `None` if it says nothing that this version knows, or nothing true.
    pub fn from_body(body: &[u8]) -> Option<Self> {
        let mut said: Self = control::read(body).ok()?;
        match &mut said {
            Self::Invite(invite) => {
                if !invite.holds() {
                    return None;
                }
                invite.title = text::label(&invite.title);
                invite.version = text::label(&invite.version);
            }
            Self::Stand(stand) => {
                stand.addresses.truncate(MAX_ADDRESSES);
                stand.detail = short(&stand.detail, MAX_DETAIL);
            }
            Self::Cancel { .. } => {}
        }
        Some(said)
    }
}

/// A text on one line, free of what could mislead, of at most so many bytes.
pub fn short(given: &str, most: usize) -> String {
    let words = given.split_whitespace().map(text::printable).filter(|word| !word.is_empty());
    let clean = words.collect::<Vec<String>>().join(" ");
    let mut end = clean.len().min(most);
    while !clean.is_char_boundary(end) {
        end -= 1;
    }
    clean[..end].trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use chalktalk_ipc::text::MAX_LABEL;

    fn invite(title: &str) -> Invite {
        let (app, creator, nonce): (AppId, _, _) =
            ("org.example.game".parse().unwrap(), UserId([2; 32]), [3; 16]);
        let session = ids::created(&app, &creator, &nonce);
        let (version, title) = ("1.2".into(), title.into());
        let (model, least, most, lifetime, to) = (Model::Host, 2, 4, 600, Some(UserId([0xff; 32])));
        Invite { session, app, creator, nonce, version, title, model, least, most, lifetime, to }
    }

    #[test]
    fn the_longest_notices_fit_an_entry_and_read_back() {
        let app: AppId = format!("org.{}", "a".repeat(60)).parse().unwrap();
        let session = ids::created(&app, &UserId([2; 32]), &[3; 16]);
        let (title, version) = ("é".repeat(MAX_LABEL / 2), "v".repeat(MAX_LABEL));
        let invite = Invite { app, session, version, lifetime: LONGEST, ..invite(&title) };
        let stand = Stand {
            addresses: vec![IpAddr::from([0xff; 16]); MAX_ADDRESSES],
            since: u64::MAX,
            port: u16::MAX,
            pid: u32::MAX,
            status: Some(i32::MIN),
            detail: "é".repeat(MAX_DETAIL / 2),
            ..Stand::new(session, Standing::Declined)
        };
        for said in [Notice::Invite(invite), Notice::Stand(stand), Notice::Cancel { session }] {
            let body = said.to_body();
            assert!(body.len() <= MAX_SAID - seal::OVERHEAD, "{}", body.len());
            let read = Notice::from_body(&body);
            assert_eq!(read.map(|read| read.to_body()), Some(body));
        }
    }

    #[test]
    fn who_gives_a_false_id_or_impossible_bounds_says_nothing() {
        let good = invite("chess");
        let read = |invite: Invite| Notice::from_body(&Notice::Invite(invite).to_body());
        assert!(read(good.clone()).is_some());
        for bad in [
            Invite { creator: UserId([9; 32]), ..good.clone() },
            Invite { app: AppId::chat(), ..good.clone() },
            Invite { least: 5, ..good.clone() },
            Invite { least: 0, most: 0, ..good.clone() },
            Invite { lifetime: LONGEST + 1, ..good.clone() },
            Invite { lifetime: 0, ..good },
        ] {
            assert_eq!(read(bad.clone()), None, "{bad:?}");
        }
        for body in [&b""[..], b"\x81", b"\xa6Invite", b"\xff\xff\xff\xff"] {
            assert_eq!(Notice::from_body(body), None);
        }
    }

    #[test]
    fn texts_are_made_fit_to_be_shown() {
        let nasty = format!("a\u{202e}b\n\u{1b}[31m{}", "x".repeat(500));
        let Some(Notice::Invite(read)) = Notice::from_body(&Notice::Invite(invite(&nasty)).to_body()[..])
        else {
            panic!("it is an invitation")
        };
        assert!(
            read.title.len() <= MAX_LABEL && read.title.chars().all(|c| !c.is_control() && c != '\u{202e}')
        );
        assert_eq!(read.text().split(' ').take(2).collect::<Vec<_>>(), ["invite", "nway"]);
    }

    #[test]
    fn a_text_that_was_made_fit_stays_as_it_is() {
        for given in ["a \u{202e} b", " \r\n a\u{85}b \u{2028}", "\u{1b}[1m x", "é é é é", "", "\u{202e}"]
        {
            for most in 0..20 {
                let once = short(given, most);
                assert!(once.len() <= most && short(&once, most) == once, "{given:?} in {most}: {once:?}");
            }
        }
        assert_eq!(short("10 %\r100 %  done", 99), "10 % 100 % done");
    }

    #[test]
    fn an_invitation_has_one_id_however_often_it_comes() {
        let (one, again) = (invite("a"), Invite { to: None, ..invite("b") });
        assert_eq!(one.id(&UserId([1; 32])), again.id(&UserId([1; 32])));
        assert_ne!(one.id(&UserId([1; 32])), one.id(&UserId([2; 32])));
    }
}
