//! One message as it is printed: a JSON line with promised keys, or text for people.
//!
//! Invariant: what is printed for people has passed [`text::printable`]; JSON carries the payload exactly, a message of
//! the chat that has a note (`docs/chat.md`) as its text and its note.

use crate::screen::{Style, paint, visible_name};
use chalktalk_client::{Message, chat::Saying};
use chalktalk_ipc::{InstanceId, OriginId, SessionId, UserId, text};
use jiff::{Timestamp, tz::TimeZone};
use serde::{Serialize, Serializer};
use unicode_width::UnicodeWidthStr;

/// A message, ready to be printed. The keys and their order are promised.
#[derive(Serialize, Clone, PartialEq, Debug)]
pub(crate) struct Record {
    pub(crate) session: SessionId,
    pub(crate) origin: OriginId,
    pub(crate) epoch: u32,
    pub(crate) seq: u64,
    pub(crate) index: u16,
    pub(crate) user: UserId,
    pub(crate) name: String,
    pub(crate) instance: InstanceId,
    pub(crate) stamp: u64,
    #[serde(serialize_with = "rfc3339")]
    pub(crate) time: Timestamp,
    #[serde(flatten)]
    pub(crate) content: Content,
    /// What the chat says of the text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) note: Option<serde_json::Value>,
    /// The text with a mark that says the same, for people.
    #[serde(skip)]
    pub(crate) marked: Option<String>,
}

impl Record {
    /// From a message; one of the `chat` may have a note.
    pub(crate) fn new(message: &Message, chat: bool) -> Self {
        let note = chat.then(|| Saying::note(&message.payload)).flatten();
        let saying = note.as_ref().map(|_| Saying::read(&message.payload));
        let content = match &saying {
            Some(saying) => Content::Text(saying.text.clone()),
            None => Content::new(&message.payload),
        };
        Self {
            marked: saying.as_ref().map(Saying::for_people),
            note,
            session: message.session,
            origin: message.position.origin,
            epoch: message.position.epoch,
            seq: message.position.seq,
            index: message.position.index,
            user: message.author.user,
            name: message.author.name.clone(),
            instance: message.instance,
            stamp: message.stamp,
            time: moment(message.time),
            content,
        }
    }
}

/// What was said.
#[derive(Serialize, Clone, PartialEq, Debug)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Content {
    /// UTF-8, exactly as it was sent.
    Text(String),
    /// Anything else.
    Base64(#[serde(serialize_with = "base64")] Vec<u8>),
}

impl Content {
    /// From a payload.
    pub(crate) fn new(payload: &[u8]) -> Self {
        match std::str::from_utf8(payload) {
            Ok(text) => Self::Text(text.to_owned()),
            Err(_) => Self::Base64(payload.to_vec()),
        }
    }

    fn for_people(&self) -> String {
        match self {
            Self::Text(text) => text::printable(text),
            Self::Base64(bytes) => format!("({} bytes that are not text)", bytes.len()),
        }
    }
}

/// An author's clock, as its daemon sent it: any number at all. What lies beyond the calendar becomes its last moment.
pub(crate) fn moment(milliseconds: u64) -> Timestamp {
    i64::try_from(milliseconds)
        .ok()
        .and_then(|ms| Timestamp::from_millisecond(ms).ok())
        .unwrap_or(Timestamp::MAX)
}

/// Prints records for people, one below the other: time, name, text; the day where it changes.
pub(crate) struct Transcript {
    zone: TimeZone,
    colour: bool,
    name_width: usize,
    day: Option<jiff::civil::Date>,
}

/// Names longer than this push their text to the right instead of everybody's.
const WIDEST_NAME: usize = 20;

impl Transcript {
    /// Times are shown in `zone`.
    pub(crate) fn new(zone: TimeZone, colour: bool) -> Self {
        Self { zone, colour, name_width: 0, day: None }
    }

    /// Makes room for a name before its first line is printed.
    pub(crate) fn expect_name(&mut self, name: &str) {
        self.name_width = self.name_width.max(visible_name(name).width().min(WIDEST_NAME));
    }

    /// The lines of one record, each ended.
    pub(crate) fn lines(&mut self, record: &Record) -> String {
        self.expect_name(&record.name);
        let time = record.time.to_zoned(self.zone.clone());
        let mut out = String::new();
        if self.day != Some(time.date()) {
            self.day = Some(time.date());
            let day = time.strftime("%A, %-d %B %Y").to_string();
            out.push_str(&paint(self.colour, Style::Quiet, &format!("--- {day} ---")));
            out.push('\n');
        }
        let name = visible_name(&record.name);
        let padding = " ".repeat(self.name_width.saturating_sub(name.width()));
        let margin = " ".repeat("00:00:00".len() + 2 + name.width().max(self.name_width) + 2);
        out.push_str(&paint(self.colour, Style::Quiet, &time.strftime("%H:%M:%S").to_string()));
        out.push_str("  ");
        out.push_str(&paint(self.colour, Style::Name, &name));
        out.push_str(&padding);
        let marked = record.marked.as_deref().map(text::printable);
        let shown = marked.unwrap_or_else(|| record.content.for_people());
        for (i, line) in shown.split('\n').enumerate() {
            if i > 0 {
                out.push('\n');
            }
            if !line.is_empty() {
                out.push_str(if i == 0 { "  " } else { &margin });
            }
            out.push_str(line);
        }
        out.truncate(out.trim_end_matches(' ').len());
        out.push('\n');
        out
    }
}

/// RFC 3339 in UTC, always with milliseconds: lines compare as text.
pub(crate) fn rfc3339<S: Serializer>(time: &Timestamp, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&format_args!("{time:.3}"))
}

fn base64<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&chalktalk_ipc::base64::encode(bytes))
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use chalktalk_client::Author;
    use chalktalk_ipc::{Position, batch::DeliverFlags};
    use insta::assert_snapshot;

    pub(crate) fn record(name: &str, time: u64, payload: &[u8]) -> Record {
        Record {
            session: SessionId([0x11; 16]),
            origin: OriginId([0x22; 16]),
            epoch: 1,
            seq: 7,
            index: 0,
            user: UserId([0x33; 32]),
            name: name.into(),
            instance: InstanceId([0x44; 16]),
            stamp: 9,
            time: moment(time),
            content: Content::new(payload),
            note: None,
            marked: None,
        }
    }

    const NOON: u64 = 1_795_262_400_000;

    #[test]
    fn the_json_keys_are_those_promised_in_their_order() {
        let json = serde_json::to_string(&record("ana", NOON + 5, "grüß \"dich\"\u{1b}".as_bytes())).unwrap();
        assert_snapshot!(json, @r#"{"session":"11111111-1111-1111-1111-111111111111","origin":"22222222222222222222222222222222","epoch":1,"seq":7,"index":0,"user":"3333333333333333333333333333333333333333333333333333333333333333","name":"ana","instance":"44444444-4444-4444-4444-444444444444","stamp":9,"time":"2026-11-21T12:00:00.005Z","text":"grüß \"dich\"\u001b"}"#);
    }

    #[test]
    fn payloads_that_are_not_text_become_base64() {
        let json = serde_json::to_string(&record("ana", NOON, b"\xff\xfe\xfd\xfc")).unwrap();
        assert!(json.ends_with(r#""base64":"//79/A=="}"#), "{json}");
        assert!(!json.contains("\"text\""), "{json}");
    }

    #[test]
    fn a_message_of_the_chat_is_its_text_and_its_note() {
        let payload = b"yes\x02{\"v\":1,\"kind\":\"announce\"}\x03";
        let author =
            Author { origin: OriginId::NIL, user: UserId::NIL, name: "ana".into(), host: "h".into() };
        let message = Message {
            session: SessionId::NIL,
            author: std::sync::Arc::new(author),
            instance: InstanceId::NIL,
            position: Position { origin: OriginId::NIL, epoch: 1, seq: 1, index: 0 },
            stamp: 1,
            time: NOON,
            urgent: false,
            mentions_you: false,
            flags: DeliverFlags::default(),
            payload: payload.to_vec(),
        };
        let json = |chat| serde_json::to_value(Record::new(&message, chat)).unwrap();
        assert_eq!((&json(true)["text"], &json(true)["note"]["kind"]), (&"yes".into(), &"announce".into()));
        assert_eq!(json(false)["text"].as_str().unwrap().as_bytes(), payload);
        let lines = Transcript::new(TimeZone::UTC, false).lines(&Record::new(&message, true));
        assert!(lines.ends_with("12:00:00  ana  📢 yes\n"), "{lines}");
    }

    #[test]
    fn any_clock_prints() {
        let time = |ms| format!("{:.3}", moment(ms));
        assert_eq!(time(0), "1970-01-01T00:00:00.000Z");
        assert_eq!(time(u64::MAX), "9999-12-30T22:00:00.999Z");
        Transcript::new(TimeZone::UTC, false).lines(&record("x", u64::MAX, b""));
    }

    #[test]
    fn people_see_aligned_lines_and_days() {
        let mut transcript = Transcript::new(TimeZone::UTC, false);
        transcript.expect_name("田中さくら");
        let shown = [
            record("ana", NOON, b"hello"),
            record("田中さくら", NOON + 61_000, "two\nlines\n\nof text".as_bytes()),
            record("", NOON + 86_400_000, b""),
            record("e\u{1b}ve\u{202e}", NOON + 86_401_000, "\u{1b}[2Jboo\u{202e}".as_bytes()),
            record("ana", NOON + 86_402_000, b"\xff\xff"),
        ]
        .map(|r| transcript.lines(&r))
        .concat();
        assert_snapshot!(shown, @"
        --- Saturday, 21 November 2026 ---
        12:00:00  ana         hello
        12:01:01  田中さくら  two
                              lines

                              of text
        --- Sunday, 22 November 2026 ---
        12:00:00  ?
        12:00:01  eve         �[2Jboo
        12:00:02  ana         (2 bytes that are not text)
        ");
    }
}
