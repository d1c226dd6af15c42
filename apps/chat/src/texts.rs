//! Everything the chat says to people, in the languages it knows: [`t!`](crate::t) by the id of a text in `texts/LANGUAGE/chat.ftl`
//! ([Fluent](https://projectfluent.org/fluent/guide/)).
//!
//! A text that a language lacks is said in English. Names and other words of people stand isolated where they are written
//! in the other direction than the language, so that they turn nothing around them.
//!
//! Invariant: a text always comes out, whatever is missing. English is the language until another one is chosen.

mod dates;

pub use dates::{date, date_and_time, weekday};

use fluent_bundle::{FluentArgs, FluentResource, FluentValue, concurrent::FluentBundle};
use std::{
    borrow::Cow,
    env,
    fmt::Display,
    sync::{
        OnceLock,
        atomic::{AtomicUsize, Ordering},
    },
};

/// Says a text: `t!("id", name = value, …)`. Values are numbers, by which plurals are chosen, or anything that can be shown
/// by [`texts::shown`](crate::texts::shown).
#[macro_export]
macro_rules! t {
    ($id:literal $(, $name:ident = $value:expr)* $(,)?) => {
        $crate::texts::say($id, &[$((stringify!($name), $crate::texts::Value::from($value))),*])
    };
}

/// Names a text that is said later by [`texts::plain`](crate::texts::plain); it has no variables.
#[macro_export]
macro_rules! text_id {
    ($id:literal) => {
        $id
    };
}

/// A language that the chat speaks.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Language {
    /// English.
    En,
    /// German.
    De,
    /// Arabic.
    Ar,
}

impl Language {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::En, Self::De, Self::Ar];

    /// Its code in BCP 47.
    pub const fn code(self) -> &'static str {
        match self {
            Self::En => "en",
            Self::De => "de",
            Self::Ar => "ar",
        }
    }

    /// Its own name for itself.
    pub const fn name(self) -> &'static str {
        match self {
            Self::En => "English",
            Self::De => "Deutsch",
            Self::Ar => "العربية",
        }
    }

    /// Whether it is written from right to left.
    pub const fn is_right_to_left(self) -> bool {
        matches!(self, Self::Ar)
    }

    /// By its code, also with a country: `de`, `de_AT.UTF-8`.
    pub fn of(code: &str) -> Option<Self> {
        let code = code.split(['_', '-', '.', '@']).next()?.to_lowercase();
        Self::ALL.into_iter().find(|language| language.code() == code)
    }

    /// As the environment says (`LANGUAGE`, `LC_ALL`, `LC_MESSAGES`, `LANG`, as gettext takes them).
    pub fn from_env() -> Self {
        Self::wanted(|name| env::var(name).ok().filter(|value| !value.is_empty()))
    }

    fn wanted(variable: impl Fn(&str) -> Option<String>) -> Self {
        let locale = ["LC_ALL", "LC_MESSAGES", "LANG"].into_iter().find_map(&variable).unwrap_or_default();
        let bare = locale.split(['_', '.', '@']).next().unwrap_or_default();
        if matches!(bare, "" | "C" | "POSIX") {
            return Self::En;
        }
        let list = variable("LANGUAGE").unwrap_or_default();
        list.split(':').chain([&*locale]).find_map(Self::of).unwrap_or(Self::En)
    }

    const fn file(self) -> &'static str {
        match self {
            Self::En => include_str!("../texts/en/chat.ftl"),
            Self::De => include_str!("../texts/de/chat.ftl"),
            Self::Ar => include_str!("../texts/ar/chat.ftl"),
        }
    }

    /// What stands between thousands.
    const fn between_thousands(self) -> char {
        match self {
            Self::En | Self::Ar => ',',
            Self::De => '.',
        }
    }

    fn texts(self) -> &'static Texts {
        static TEXTS: [OnceLock<Texts>; Language::ALL.len()] =
            [const { OnceLock::new() }; Language::ALL.len()];
        TEXTS[self as usize].get_or_init(|| texts(self))
    }
}

/// Something that stands in a text.
#[derive(Clone, PartialEq, Debug)]
pub enum Value {
    /// A number of things.
    Number(f64),
    /// Words.
    Words(String),
}

macro_rules! numbers {
    ($($kind:ty),*) => {
        $(impl From<$kind> for Value {
            fn from(number: $kind) -> Self {
                Self::Number(number as f64)
            }
        })*
    };
}
numbers!(i8, i16, i32, i64, u8, u16, u32, u64, usize);

macro_rules! words {
    ($($kind:ty),*) => {
        $(impl From<$kind> for Value {
            fn from(words: $kind) -> Self {
                Self::Words(words.to_string())
            }
        })*
    };
}
words!(&str, &String, &&str, Cow<'_, str>);

impl From<String> for Value {
    fn from(words: String) -> Self {
        Self::Words(words)
    }
}

/// Something that can be shown, as a value of a text.
pub fn shown(value: impl Display) -> Value {
    Value::Words(value.to_string())
}

/// The language that is spoken.
pub fn language() -> Language {
    Language::ALL[chosen(|chosen| chosen.load(Ordering::Relaxed))]
}

/// Speaks this language from now on.
pub fn choose(language: Language) {
    chosen(|chosen| chosen.store(language as usize, Ordering::Relaxed));
}

/// Speaks this language from now on, or the one that the environment names.
pub fn follow(language: Option<Language>) {
    choose(language.unwrap_or_else(Language::from_env));
}

/// The text of this id; use [`t!`](crate::t), of which the tests know whether it is right.
pub fn say(id: &str, values: &[(&str, Value)]) -> String {
    let language = language();
    let said = said(language, id, values).or_else(|| said(Language::En, id, values));
    said.unwrap_or_else(|| id.to_owned())
}

/// A text without variables.
pub fn plain(id: &str) -> String {
    say(id, &[])
}

type Texts = FluentBundle<FluentResource>;

fn texts(language: Language) -> Texts {
    // What could not be read is missing, which the tests find and English replaces.
    let resource =
        FluentResource::try_new(language.file().to_owned()).unwrap_or_else(|(readable, _)| readable);
    let locale = language.code().parse().unwrap_or_default();
    let mut texts = Texts::new_concurrent(vec![locale]);
    // Fluent isolates everything; here only what has to be is (`isolated`).
    texts.set_use_isolating(false);
    texts.set_formatter(Some(match language.between_thousands() {
        '.' => |value, _| grouped(value, '.'),
        _ => |value, _| grouped(value, ','),
    }));
    let _ = texts.add_function("LTR", |words, _| {
        let words: Vec<Cow<'_, str>> = words.iter().filter_map(word).collect();
        format!("{LRI}{}{PDI}", command(&words)).into()
    });
    texts.add_resource_overriding(resource);
    texts
}

fn word<'a>(value: &'a FluentValue<'_>) -> Option<Cow<'a, str>> {
    match value {
        FluentValue::String(words) => Some(words.clone()),
        FluentValue::Number(number) => Some(number.as_string()),
        _ => None,
    }
}

/// Words of a command, with blanks between them but where one goes on: `/verify`, `@`, `ana`.
fn command(words: &[Cow<'_, str>]) -> String {
    let mut out = String::new();
    for word in words {
        let goes_on = out.is_empty() || out.ends_with(['@', ':']);
        out.push_str(if goes_on { "" } else { " " });
        out.push_str(word);
    }
    out
}

/// Thousands apart: `1,024`.
fn grouped(value: &FluentValue<'_>, between: char) -> Option<String> {
    let FluentValue::Number(number) = value else { return None };
    let digits = number.as_string();
    if digits.len() < 4 || !digits.chars().all(|c| c.is_ascii_digit()) {
        return None;
    }
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at) % 3 == 0 {
            out.push(between);
        }
        out.push(digit);
    }
    Some(out)
}

fn said(language: Language, id: &str, values: &[(&str, Value)]) -> Option<String> {
    let texts = language.texts();
    let pattern = texts.get_message(id)?.value()?;
    let mut arguments = FluentArgs::with_capacity(values.len());
    for (name, value) in values {
        match value {
            Value::Number(number) => arguments.set(*name, *number),
            Value::Words(words) => arguments.set(*name, isolated(words, language)),
        }
    }
    // A mistake in one part of a text leaves the others; the tests find it.
    Some(texts.format_pattern(pattern, Some(&arguments), &mut Vec::new()).into_owned())
}

const FSI: char = '\u{2068}';
const LRI: char = '\u{2066}';
const PDI: char = '\u{2069}';

/// Words of the other direction take none of the text around them along: first-strong isolates of UAX #9.
fn isolated<'a>(words: &'a str, language: Language) -> Cow<'a, str> {
    let other = |c: char| match language.is_right_to_left() {
        true => c.is_alphabetic() && !is_right_to_left(c),
        false => is_right_to_left(c),
    };
    match words.chars().any(other) {
        true => Cow::Owned(format!("{FSI}{words}{PDI}")),
        false => Cow::Borrowed(words),
    }
}

/// Whether a letter is of a script that is written from right to left.
fn is_right_to_left(c: char) -> bool {
    matches!(c, '\u{590}'..='\u{8ff}' | '\u{fb1d}'..='\u{fdff}' | '\u{fe70}'..='\u{feff}' | '\u{10800}'..='\u{10fff}' | '\u{1e800}'..='\u{1efff}')
}

/// The language of the process; each test has its own.
fn chosen<T>(with: impl FnOnce(&AtomicUsize) -> T) -> T {
    #[cfg(test)]
    {
        thread_local!(static CHOSEN: AtomicUsize = const { AtomicUsize::new(0) });
        CHOSEN.with(with)
    }
    #[cfg(not(test))]
    {
        static CHOSEN: AtomicUsize = AtomicUsize::new(0);
        with(&CHOSEN)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_environment_chooses_as_for_other_programs() {
        let of = |set: &[(&str, &str)]| {
            Language::wanted(|name| set.iter().find(|(n, _)| *n == name).map(|(_, v)| (*v).to_owned()))
        };
        assert_eq!(of(&[]), Language::En);
        assert_eq!(of(&[("LANG", "de_AT.UTF-8")]), Language::De);
        assert_eq!(of(&[("LANG", "de_DE"), ("LC_MESSAGES", "ar")]), Language::Ar);
        assert_eq!(of(&[("LANG", "de_DE"), ("LC_ALL", "C.UTF-8"), ("LANGUAGE", "ar")]), Language::En);
        assert_eq!(of(&[("LANG", "fr_FR"), ("LANGUAGE", "fr:de:en")]), Language::De);
        assert_eq!(of(&[("LANG", "ja_JP.UTF-8")]), Language::En);
    }

    #[test]
    fn what_a_language_lacks_is_said_in_english_and_what_all_lack_by_its_id() {
        choose(Language::De);
        assert_eq!(said(Language::De, "no-such-text", &[]), None);
        assert_eq!(say("no-such-text", &[]), "no-such-text");
        assert_ne!(t!("word-online"), "word-online");
    }

    #[test]
    fn commands_stand_from_left_to_right_among_arabic() {
        choose(Language::Ar);
        let told = t!("compare-first", name = "ben");
        assert!(told.contains("\u{2066}/verify \u{2068}ben\u{2069}\u{2069}"), "{told:?}");
        assert_eq!(
            command(&["/verify".into(), "@".into(), "ben".into(), "same".into()]),
            "/verify @ben same"
        );
    }

    #[test]
    fn names_of_the_other_direction_are_isolated_and_numbers_are_grouped() {
        assert_eq!(isolated("ben", Language::En), "ben");
        assert_eq!(isolated("שלום", Language::De), "\u{2068}שלום\u{2069}");
        assert_eq!(isolated("ben", Language::Ar), "\u{2068}ben\u{2069}");
        assert_eq!(isolated("مرحبا", Language::Ar), "مرحبا");
        let number = |n: f64, between| grouped(&FluentValue::from(n), between);
        assert_eq!(number(999.0, ','), None);
        assert_eq!(number(1_234_567.0, '.').as_deref(), Some("1.234.567"));
        assert_eq!(number(1000.0, ',').as_deref(), Some("1,000"));
    }
}
