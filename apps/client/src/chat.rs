//! What a message of the chat says: plain text, or text with a note behind it (`docs/chat.md`).
//!
//! A note says what the text is for: an answer, an edit, a reaction. The text stands first and is what a person would
//! read, so that who knows nothing of notes, or not of this one, still shows something sensible.
//!
//! Invariant: every payload reads as something, and a payload without a note reads as exactly its own text.

mod sign;

pub use sign::{MAX_READ, Sign};

use crate::location;
use chalktalk_ipc::{MAX_MESSAGE, OriginId, Position, UserId, base64, text};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use std::{fmt, str::FromStr, sync::Arc};

/// The version of notes that is written here. Notes of a later one read as [`Kind::Unknown`].
pub const VERSION: u32 = 1;

/// The longest emoji of a reaction, in bytes: a family of four with skin tones has 41.
pub const MAX_EMOJI: usize = 48;

/// The largest picture of a person, in bytes of its file.
pub const MAX_AVATAR: usize = 6 * 1024;

/// How many answers a poll has at least and at most.
pub const POLL_ANSWERS: std::ops::RangeInclusive<usize> = 2..=12;

/// What stands before a note: in text that people type it does not occur.
const BEFORE: u8 = 0x02;

/// What ends a note, and the message with it.
const AFTER: u8 = 0x03;

/// What somebody said.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Saying {
    /// What a person would read. Not cleaned for display.
    pub text: String,
    /// What it is.
    pub kind: Kind,
    /// The message that it answers.
    pub reply: Option<Place>,
    /// What it is about, within its room; fit for display.
    pub topic: Option<String>,
}

/// What a message is, besides its text.
#[derive(Serialize, Deserialize, Clone, PartialEq, Eq, Debug)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Kind {
    /// Something said.
    Say,
    /// Something said that all should see.
    Announce,
    /// The text takes the place of an earlier one of the same author.
    Edit {
        /// Of this message.
        of: Place,
    },
    /// An earlier message of the same author is not to be shown any more.
    Delete {
        /// This one.
        of: Place,
    },
    /// A reaction, or its end.
    React {
        /// To this message.
        of: Place,
        /// With this.
        emoji: String,
        /// It is taken back.
        #[serde(default, skip_serializing_if = "is_false")]
        off: bool,
    },
    /// A message is pinned for all, or not any more.
    Pin {
        /// This one.
        of: Place,
        /// It is not pinned any more.
        #[serde(default, skip_serializing_if = "is_false")]
        off: bool,
    },
    /// This host has what a message offers, and gives it to others.
    Got {
        /// The message that offers a file or a folder.
        of: Place,
    },
    /// A question; the text asks it and lists the answers.
    Poll {
        /// What is asked.
        question: String,
        /// What can be answered, see [`POLL_ANSWERS`].
        answers: Vec<String>,
    },
    /// An answer in a poll; a later one takes the place of an earlier.
    Vote {
        /// To this poll.
        of: Place,
        /// Which answer, from 0; nothing: taken back.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        answer: Option<usize>,
    },
    /// Dice are thrown: the author's secret is fixed by its seal.
    Roll {
        /// How many dice.
        dice: u32,
        /// How many sides each has.
        sides: u32,
        /// Who is to add what the author cannot know; nobody: nobody vouches for the outcome.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        witness: Option<UserId>,
        /// Of the author's secret, in hexadecimal.
        seal: String,
    },
    /// What the witness of a roll adds.
    Witness {
        /// To this roll.
        of: Place,
        /// In hexadecimal.
        share: String,
    },
    /// The author of a roll tells the secret, and with it the outcome.
    Reveal {
        /// Of this roll.
        of: Place,
        /// In hexadecimal.
        secret: String,
        /// Which share of the witness was there; empty without a witness.
        #[serde(default, skip_serializing_if = "String::is_empty")]
        share: String,
    },
    /// Help is wanted; the text says it.
    Call {
        /// Where, see [`crate::location`].
        at: String,
        /// With what; nothing: it is seen there.
        #[serde(default, skip_serializing_if = "String::is_empty")]
        what: String,
    },
    /// Somebody comes to help, or does not come after all.
    Coming {
        /// To this call.
        of: Place,
        /// They do not come after all.
        #[serde(default, skip_serializing_if = "is_false")]
        off: bool,
    },
    /// Who has called for help was helped.
    Helped {
        /// With this call.
        of: Place,
    },
    /// What its author looks like from now on, wherever they talk. Said in `#lobby`, and shown beside what they say.
    Avatar {
        /// The picture; nothing: the one that is made of their key.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        picture: Option<Avatar>,
    },
    /// A kind that this version does not know, by its name: the text is shown as it is, with a mark.
    #[serde(skip)]
    Unknown(String),
}

impl Kind {
    /// The message that it is about, if it is about another.
    pub fn of(&self) -> Option<Place> {
        match self {
            Self::Edit { of }
            | Self::Delete { of }
            | Self::React { of, .. }
            | Self::Pin { of, .. }
            | Self::Vote { of, .. }
            | Self::Got { of }
            | Self::Witness { of, .. }
            | Self::Reveal { of, .. }
            | Self::Coming { of, .. }
            | Self::Helped { of } => Some(*of),
            Self::Say
            | Self::Announce
            | Self::Poll { .. }
            | Self::Roll { .. }
            | Self::Call { .. }
            | Self::Avatar { .. }
            | Self::Unknown(_) => None,
        }
    }

    /// Whether every field is within its bounds.
    fn is_sound(&self) -> bool {
        match self {
            Self::React { emoji, .. } => {
                !emoji.is_empty()
                    && emoji.len() <= MAX_EMOJI
                    && *emoji == text::label(emoji)
                    && !emoji.contains(' ')
            }
            Self::Poll { answers, .. } => POLL_ANSWERS.contains(&answers.len()),
            Self::Vote { answer, .. } => answer.is_none_or(|answer| answer < *POLL_ANSWERS.end()),
            Self::Roll { dice, sides, .. } => (1..=100).contains(dice) && (2..=1_000_000).contains(sides),
            Self::Call { at, .. } => location::read(at).as_ref() == Some(at),
            Self::Avatar { picture: Some(picture) } => (1..=MAX_AVATAR).contains(&picture.0.len()),
            _ => true,
        }
    }
}

/// A picture of a person: the bytes of its file, which come from anybody. In notes they are base64.
#[derive(Clone, PartialEq, Eq)]
pub struct Avatar(pub Arc<[u8]>);

impl fmt::Debug for Avatar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Avatar({} bytes)", self.0.len())
    }
}

impl Serialize for Avatar {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&base64::encode(&self.0))
    }
}

impl<'de> Deserialize<'de> for Avatar {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let bytes = base64::decode(&text).ok_or_else(|| de::Error::custom("this is not base64"))?;
        Ok(Self(bytes.into()))
    }
}

fn is_false(value: &bool) -> bool {
    !value
}

/// A note as it is written.
#[derive(Serialize, Deserialize)]
struct Note {
    v: u32,
    #[serde(flatten)]
    kind: Kind,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    reply: Option<Place>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    topic: Option<String>,
}

/// What every note has, of whatever version.
#[derive(Deserialize)]
struct Head {
    v: u32,
    kind: String,
    topic: Option<serde_json::Value>,
}

impl Saying {
    /// Plain text.
    pub fn plain(text: &str) -> Self {
        Self { text: text.to_owned(), kind: Kind::Say, reply: None, topic: None }
    }

    /// Text of some kind.
    pub fn new(text: impl Into<String>, kind: Kind) -> Self {
        Self { text: text.into(), kind, reply: None, topic: None }
    }

    /// A call for help at a place; `said` says that it is wanted there, in the words of its author.
    pub fn call(said: &str, at: String, what: &str) -> Self {
        let text = if what.is_empty() { format!("🆘 {said}") } else { format!("🆘 {said}: {what}") };
        Self::new(text, Kind::Call { at, what: what.to_owned() })
    }

    /// Reads a payload. What cannot be a note is plain text; bytes that are not UTF-8 are replaced.
    pub fn read(payload: &[u8]) -> Self {
        let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
        match split(payload) {
            Some((before, note)) => {
                Self::with_note(text(before), note).unwrap_or_else(|| Self::plain(&text(payload)))
            }
            None => Self::plain(&text(payload)),
        }
    }

    /// The note of a payload as it stands there, if it has one: an object.
    pub fn note(payload: &[u8]) -> Option<serde_json::Value> {
        let (_, note) = split(payload)?;
        serde_json::from_slice::<Head>(note).ok()?;
        serde_json::from_slice(note).ok()
    }

    fn with_note(text: String, note: &[u8]) -> Option<Self> {
        let head: Head = serde_json::from_slice(note).ok()?;
        let known = serde_json::from_slice::<Note>(note);
        let topic = head.topic.as_ref().and_then(|topic| topic.as_str()).map(text::label);
        let topic = topic.filter(|topic| !topic.is_empty());
        Some(match known {
            Ok(note) if note.v <= VERSION && note.kind.is_sound() => {
                Self { text, kind: note.kind, reply: note.reply, topic }
            }
            _ => Self { text, kind: Kind::Unknown(unknown_name(&head)), reply: None, topic },
        })
    }

    /// The payload that says it; nothing if it is longer than a message may be.
    pub fn payload(&self) -> Option<Vec<u8>> {
        let mut payload = self.text.clone().into_bytes();
        let plain = self.kind == Kind::Say && self.reply.is_none() && self.topic.is_none();
        if !plain || split(&payload).is_some() {
            let (kind, reply, topic) = (self.kind.clone(), self.reply, self.topic.clone());
            payload.push(BEFORE);
            payload.extend(serde_json::to_vec(&Note { v: VERSION, kind, reply, topic }).ok()?);
            payload.push(AFTER);
        }
        (payload.len() <= MAX_MESSAGE).then_some(payload)
    }

    /// What it says, with a mark where the text alone would mislead; for programs that print one line after another.
    pub fn for_people(&self) -> String {
        let mark = match &self.kind {
            Kind::Edit { .. } => "✎ ",
            Kind::Announce => "📢 ",
            Kind::Unknown(_) => "(?) ",
            Kind::Say if self.reply.is_some() => "↳ ",
            _ => "",
        };
        let topic = self.topic.as_ref().map(|topic| format!("[{topic}] ")).unwrap_or_default();
        format!("{topic}{mark}{}", self.text)
    }
}

fn unknown_name(head: &Head) -> String {
    let name = text::label(&head.kind);
    if head.v > VERSION { format!("{name} of version {}", head.v) } else { name }
}

/// Text and note of a payload.
fn split(payload: &[u8]) -> Option<(&[u8], &[u8])> {
    let body = payload.strip_suffix(&[AFTER])?;
    let at = body.iter().rposition(|byte| *byte == BEFORE)?;
    body[at + 1..].starts_with(b"{").then(|| (&body[..at], &body[at + 1..]))
}

/// Which message: where it stands in the logs. In notes and on the command line it is `origin.epoch.seq.index`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Place(pub Position);

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Position { origin, epoch, seq, index } = self.0;
        write!(f, "{origin}.{epoch}.{seq}.{index}")
    }
}

/// A text that names no message.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("this names no message: a message is origin.epoch.seq.index")]
pub struct NoPlace;

impl FromStr for Place {
    type Err = NoPlace;
    fn from_str(text: &str) -> Result<Self, NoPlace> {
        let mut parts = text.splitn(4, '.');
        let mut next = || parts.next().ok_or(NoPlace);
        let origin = next()?.parse::<OriginId>().map_err(|_| NoPlace)?;
        let epoch = next()?.parse().map_err(|_| NoPlace)?;
        let seq = next()?.parse().map_err(|_| NoPlace)?;
        let index = next()?.parse().map_err(|_| NoPlace)?;
        Ok(Self(Position { origin, epoch, seq, index }))
    }
}

impl Serialize for Place {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Place {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place() -> Place {
        Place(Position { origin: OriginId([15; 16]), epoch: 2, seq: 41, index: 0 })
    }

    fn kinds() -> Vec<Kind> {
        let of = place();
        let hex = || "0badc0de".to_owned();
        vec![
            Kind::Announce,
            Kind::Edit { of },
            Kind::Delete { of },
            Kind::React { of, emoji: "👍🏽".into(), off: false },
            Kind::React { of, emoji: "👍🏽".into(), off: true },
            Kind::Pin { of, off: false },
            Kind::Poll { question: "tea?".into(), answers: vec!["yes".into(), "no".into()] },
            Kind::Vote { of, answer: Some(1) },
            Kind::Vote { of, answer: None },
            Kind::Got { of },
            Kind::Roll { dice: 2, sides: 6, witness: Some(UserId([3; 32])), seal: hex() },
            Kind::Witness { of, share: hex() },
            Kind::Reveal { of, secret: hex(), share: hex() },
            Kind::Call { at: "Room 4".into(), what: "the beamer".into() },
            Kind::Call { at: "Room 4".into(), what: String::new() },
            Kind::Coming { of, off: true },
            Kind::Helped { of },
            Kind::Avatar { picture: Some(Avatar([255; MAX_AVATAR].into())) },
            Kind::Avatar { picture: None },
        ]
    }

    #[test]
    fn what_is_said_comes_back_and_plain_text_stays_plain() {
        assert_eq!(Saying::plain("grüß dich\n日本").payload().unwrap(), "grüß dich\n日本".as_bytes());
        for kind in kinds() {
            for (reply, topic) in [(None, None), (Some(place()), Some("tea".to_owned()))] {
                let saying = Saying { text: "a\u{2}b".into(), kind: kind.clone(), reply, topic };
                assert_eq!(Saying::read(&saying.payload().unwrap()), saying);
            }
        }
        let looks_like_one = "a\u{2}{\"v\":1,\"kind\":\"announce\"}\u{3}";
        assert_eq!(Saying::read(&Saying::plain(looks_like_one).payload().unwrap()).text, looks_like_one);
    }

    #[test]
    fn the_text_stands_first_and_the_note_is_json() {
        let saying = Saying { reply: Some(place()), ..Saying::plain("yes") };
        assert_eq!(
            String::from_utf8(saying.payload().unwrap()).unwrap(),
            "yes\u{2}{\"v\":1,\"kind\":\"say\",\"reply\":\"0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f.2.41.0\"}\u{3}"
        );
    }

    #[test]
    fn what_is_no_note_is_text_as_it_stands() {
        for plain in [
            "",
            "\u{3}",
            "\u{2}\u{3}",
            "x\u{2}{}\u{3}",
            "x\u{2}{\"v\":1}\u{3}",
            "x\u{2}[1]\u{3}",
            "\u{2}{\"kind\":\"say\"}\u{3}",
        ] {
            assert_eq!(Saying::read(plain.as_bytes()), Saying::plain(plain));
        }
        assert_eq!(Saying::read(b"\xffa").text, "\u{fffd}a");
        let deep = format!("x\u{2}{{\"v\":1,\"kind\":\"say\",\"z\":{}\u{3}", "[".repeat(60_000));
        assert_eq!(Saying::read(deep.as_bytes()).text, deep);
    }

    #[test]
    fn notes_from_later_versions_are_kept_and_named() {
        for (note, name) in [
            (r#"{"v":1,"kind":"hologram","of":7}"#, "hologram"),
            (r#"{"v":2,"kind":"announce","topic":"tea"}"#, "announce of version 2"),
            (r#"{"v":1,"kind":"edit","of":"nonsense"}"#, "edit"),
            (r#"{"v":1,"kind":"edit"}"#, "edit"),
            (r#"{"v":1,"kind":"call","at":""}"#, "call"),
            (r#"{"v":1,"kind":"avatar","picture":""}"#, "avatar"),
            (r#"{"v":1,"kind":"avatar","picture":"no base64!"}"#, "avatar"),
            (&format!(r#"{{"v":1,"kind":"avatar","picture":"{}"}}"#, "A".repeat(8196)), "avatar"),
            (r#"{"v":1,"kind":"roll","dice":4000000000,"sides":6,"seal":""}"#, "roll"),
            (
                "{\"v\":1,\"kind\":\"react\",\"of\":\"0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f.2.41.0\",\"emoji\":\"a\u{202e}\"}",
                "react",
            ),
        ] {
            let saying = Saying::read(format!("shown\u{2}{note}\u{3}").as_bytes());
            assert_eq!((saying.text.as_str(), saying.kind), ("shown", Kind::Unknown(name.into())), "{note}");
        }
        let more = r#"{"v":1,"kind":"say","topic":"tea","colour":"green"}"#;
        let saying = Saying::read(format!("x\u{2}{more}\u{3}").as_bytes());
        assert_eq!((saying.kind, saying.topic.as_deref()), (Kind::Say, Some("tea")), "fields can be added");
    }

    #[test]
    fn what_is_too_long_is_not_sent() {
        let longest = "x".repeat(MAX_MESSAGE);
        assert!(Saying::plain(&longest).payload().is_some());
        assert!(Saying::new(longest, Kind::Announce).payload().is_none());
    }

    #[test]
    fn places_survive_text() {
        assert_eq!(place().to_string().parse(), Ok(place()));
        for wrong in [
            "",
            "1.2.3.4",
            "0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f.2.41",
            "0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f.2.41.0.9",
        ] {
            assert_eq!(wrong.parse::<Place>(), Err(NoPlace));
        }
    }
}
