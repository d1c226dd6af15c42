//! What people type to find something: words, `"phrases"`, `start*`, `-not`, and filters such as `from:ana`.
//!
//! Invariant: nothing typed here can be an error of the index, only one that says what to do.

use crate::words::{folded, has_word};
use jiff::{ToSpan, Zoned, civil::Date, tz::TimeZone};

/// What is looked for.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Query {
    /// All of them have to be in the text.
    pub(crate) words: Vec<Word>,
    /// None of them may.
    pub(crate) without: Vec<Word>,
    /// By one of these people: folded names, or digits of a key.
    pub(crate) from: Vec<String>,
    /// In one of these conversations: folded titles, or ids.
    pub(crate) places: Vec<String>,
    /// With all of these.
    pub(crate) has: Vec<Has>,
    /// About something with all of these words.
    pub(crate) topic: Vec<Word>,
    /// Not before, ms since 1970.
    pub(crate) after: Option<i64>,
    /// Before, ms since 1970.
    pub(crate) before: Option<i64>,
}

/// A word or a phrase.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Word {
    pub(crate) text: String,
    /// Any word that begins like it.
    pub(crate) start: bool,
}

/// What a message may have in it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Has {
    /// An address.
    Link,
    /// Code.
    Code,
    /// A file or folder.
    File,
    /// A poll.
    Poll,
    /// An announcement.
    Announcement,
    /// An answer to another message.
    Reply,
}

impl Has {
    pub(crate) const ALL: [(Self, &str); 6] = [
        (Self::Link, "link"),
        (Self::Code, "code"),
        (Self::File, "file"),
        (Self::Poll, "poll"),
        (Self::Announcement, "announcement"),
        (Self::Reply, "reply"),
    ];

    /// As it is typed.
    pub(crate) fn name(self) -> &'static str {
        Self::ALL.iter().find(|(has, _)| *has == self).map_or("", |(_, name)| name)
    }
}

/// Why a query cannot be answered, and what to type instead.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum BadQuery {
    /// Nothing to look for.
    #[error("type a word to look for, or a filter such as from:ana, in:#ops, has:link, after:2026-11-01")]
    Empty,
    /// `has:` something else.
    #[error(
        "has:{0} is not known; there are has:link, has:code, has:file, has:poll, has:announcement and has:reply"
    )]
    Has(String),
    /// Not a day.
    #[error("{0} is not a day; type 2026-11-24, today, yesterday, or 7d for seven days ago")]
    Day(String),
    /// A filter without a value.
    #[error("{0}: what? Type it without a blank, such as {0}:{1}")]
    Value(&'static str, &'static str),
}

impl Query {
    /// Reads what was typed; days are those of `zone`, and `now` says which is today.
    ///
    /// # Errors
    /// What to type instead.
    pub fn read(typed: &str, now: &Zoned) -> Result<Self, BadQuery> {
        let mut query = Self::default();
        for piece in pieces(typed) {
            query.add(piece, now)?;
        }
        let Self { words, from, places, has, topic, after, before, .. } = &query;
        let empty =
            words.is_empty() && from.is_empty() && places.is_empty() && has.is_empty() && topic.is_empty();
        if empty && after.is_none() && before.is_none() { Err(BadQuery::Empty) } else { Ok(query) }
    }

    /// The part of a text in which the first word looked for stands: at most so many characters, and marks where it goes on.
    pub fn excerpt(&self, text: &str, most: usize) -> String {
        let characters: Vec<char> = text.chars().collect();
        if characters.len() <= most {
            return text.to_owned();
        }
        let lower: String = characters.iter().map(|c| c.to_lowercase().next().unwrap_or(*c)).collect();
        let place = |word: &Word| Some(lower[..lower.find(&word.text.to_lowercase())?].chars().count());
        let at = self.words.iter().filter_map(place).min().unwrap_or(0);
        let start = at.saturating_sub(most / 4).min(characters.len() - most);
        let part: String = characters[start..start + most].iter().collect();
        let end = if start + most < characters.len() { "…" } else { "" };
        format!("{}{part}{end}", if start > 0 { "…" } else { "" })
    }

    fn add(&mut self, piece: Piece, now: &Zoned) -> Result<(), BadQuery> {
        let day = |text: &str| day(text, now).ok_or_else(|| BadQuery::Day(text.to_owned()));
        match (piece.filter.as_deref(), piece.text.as_str()) {
            (Some("from"), "") => return Err(BadQuery::Value("from", "ana")),
            (Some("in"), "") => return Err(BadQuery::Value("in", "#ops")),
            (Some("has"), "") => return Err(BadQuery::Value("has", "link")),
            (Some("topic"), "") => return Err(BadQuery::Value("topic", "lunch")),
            (Some("before" | "after" | "on"), "") => return Err(BadQuery::Value("after", "2026-11-24")),
            (Some("from"), name) => self.from.push(folded(name)),
            (Some("in"), title) => self.places.push(folded(title)),
            (Some("topic"), _) => self.topic.extend(piece.word()),
            (Some("has"), what) => {
                let known = Has::ALL.iter().find(|(_, name)| *name == what.to_lowercase());
                self.has.push(known.ok_or_else(|| BadQuery::Has(what.to_owned()))?.0);
            }
            (Some("after"), text) => self.after = Some(start_of(day(text)?, &now.time_zone().clone())),
            (Some("before"), text) => self.before = Some(start_of(day(text)?, &now.time_zone().clone())),
            (Some("on"), text) => {
                let (day, zone) = (day(text)?, now.time_zone().clone());
                self.after = Some(start_of(day, &zone));
                self.before = Some(start_of(day.saturating_add(1.day()), &zone));
            }
            _ if piece.not => self.without.extend(piece.word()),
            _ => self.words.extend(piece.word()),
        }
        Ok(())
    }
}

/// One thing that was typed.
#[derive(PartialEq, Eq, Debug)]
struct Piece {
    not: bool,
    filter: Option<String>,
    text: String,
    quoted: bool,
}

impl Piece {
    fn word(self) -> Option<Word> {
        let (text, start) = match self.text.strip_suffix('*') {
            Some(start) if !self.quoted => (start.to_owned(), true),
            _ => (self.text, false),
        };
        has_word(&text).then_some(Word { text, start })
    }
}

/// The filters there are: what looks like another one is text, such as an address.
const FILTERS: [&str; 7] = ["from", "in", "has", "topic", "before", "after", "on"];

fn pieces(typed: &str) -> Vec<Piece> {
    let mut pieces = Vec::new();
    let mut rest = typed.trim_start();
    while !rest.is_empty() {
        let (not, after) = match rest.strip_prefix('-') {
            Some(after) if !after.starts_with(char::is_whitespace) && !after.is_empty() => (true, after),
            _ => (false, rest),
        };
        let found = after.split_once(':').filter(|(name, _)| FILTERS.contains(&name.to_lowercase().as_str()));
        let (filter, after) = found.map_or((None, after), |(name, value)| (Some(name.to_lowercase()), value));
        let (text, quoted, behind) = value(after);
        pieces.push(Piece { not, filter, text: text.to_owned(), quoted });
        rest = behind.trim_start();
    }
    pieces
}

/// A text in quotes, which may lack the second one, or one that ends at a blank; and what stands behind.
fn value(text: &str) -> (&str, bool, &str) {
    match text.strip_prefix('"') {
        Some(quoted) => {
            let (inside, behind) = quoted.split_once('"').unwrap_or((quoted, ""));
            (inside, true, behind)
        }
        None => {
            let (word, behind) = text.split_at(text.find(char::is_whitespace).unwrap_or(text.len()));
            (word, false, behind)
        }
    }
}

fn day(text: &str, now: &Zoned) -> Option<Date> {
    match text.to_lowercase().as_str() {
        "today" => Some(now.date()),
        "yesterday" => Some(now.date().saturating_sub(1.day())),
        other => match other.strip_suffix('d').and_then(|days| days.parse::<i32>().ok()) {
            Some(days) if (0..=36_500).contains(&days) => Some(now.date().saturating_sub(days.days())),
            _ => other.parse().ok(),
        },
    }
}

fn start_of(day: Date, zone: &TimeZone) -> i64 {
    day.to_zoned(zone.clone()).map_or(i64::MAX, |start| start.timestamp().as_millisecond())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn now() -> Zoned {
        "2026-11-24T22:00:00Z".parse::<jiff::Timestamp>().unwrap().to_zoned(TimeZone::UTC)
    }

    fn read(typed: &str) -> Result<Query, BadQuery> {
        Query::read(typed, &now())
    }

    fn word(text: &str) -> Word {
        Word { text: text.into(), start: false }
    }

    #[test]
    fn words_phrases_starts_and_what_is_not_wanted() {
        let query = read("tea \"green tea\" bisc* -coffee - !").unwrap();
        let start = Word { text: "bisc".into(), start: true };
        assert_eq!(query.words, [word("tea"), word("green tea"), start]);
        assert_eq!(query.without, [word("coffee")]);
        assert_eq!(read("\"open end").unwrap().words, [word("open end")]);
    }

    #[test]
    fn filters_narrow_it_down() {
        let query = read("from:@Ana in:\"#Big Room\" has:link topic:Lunch").unwrap();
        assert_eq!(query.from, ["ana"]);
        assert_eq!(query.places, ["big room"]);
        assert_eq!(query.has, [Has::Link]);
        assert_eq!(query.topic, [word("Lunch")]);
        assert!(query.words.is_empty());
    }

    #[test]
    fn a_long_text_is_shown_around_what_was_found() {
        let query = read("NEEDLE").unwrap();
        let text = format!("{} needle {}", "héy ".repeat(100), "x ".repeat(300));
        let shown = query.excerpt(&text, 160);
        assert!(shown.starts_with('…') && shown.ends_with('…') && shown.contains(" needle "), "{shown}");
        assert_eq!(shown.chars().count(), 162);
        assert_eq!(query.excerpt("short", 160), "short");
        assert!(query.excerpt(&"y".repeat(500), 160).starts_with("yy"));
    }

    #[test]
    fn days_are_days_of_the_reader() {
        let midnight = |date: &str| start_of(date.parse().unwrap(), &TimeZone::UTC);
        let query = read("after:yesterday before:2026-11-24").unwrap();
        assert_eq!((query.after, query.before), (Some(midnight("2026-11-23")), Some(midnight("2026-11-24"))));
        let query = read("on:7d").unwrap();
        assert_eq!((query.after, query.before), (Some(midnight("2026-11-17")), Some(midnight("2026-11-18"))));
    }

    #[test]
    fn what_only_looks_like_a_filter_is_text() {
        assert_eq!(read("https://example.org").unwrap().words, [word("https://example.org")]);
    }

    #[test]
    fn what_cannot_be_answered_says_what_to_type() {
        assert_eq!(read("  "), Err(BadQuery::Empty));
        assert_eq!(read("-tea"), Err(BadQuery::Empty));
        assert_eq!(read("has:gold"), Err(BadQuery::Has("gold".into())));
        assert_eq!(read("after:soon"), Err(BadQuery::Day("soon".into())));
        assert_eq!(read("after:99999999999999d"), Err(BadQuery::Day("99999999999999d".into())));
        assert!(matches!(read("from: ana"), Err(BadQuery::Value("from", _))));
    }
}
