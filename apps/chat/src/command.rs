//! What a typed line means: something to say, or a command that begins with a slash.

use crate::{
    doing::{self, Doing},
    emoji,
    filing::{self, Filing},
    keep::{self, Setting},
    notify::{self, Hours, Level},
    t, text_id,
    texts::{self, Language},
};
use chalktalk_ipc::{
    Target, UserId,
    batch::MAX_MENTIONS,
    event::Person,
    request::{Availability, Mark},
};
use chalktalk_search::{BadQuery, Query};
use jiff::{Zoned, civil::Time};
use std::collections::{BTreeMap, BTreeSet};
use unicode_security::skeleton;

/// A command.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Command {
    /// Enter a room or a direct session.
    Join(String),
    /// Leave the session in view.
    Leave,
    /// Say something to one person, or just go there.
    Msg(String),
    /// List the people, or say what is known of one.
    Who(Option<String>),
    /// List the conversation in view among the first, or no more.
    Favourite,
    /// Show this much of the conversation in view on the desktop; nothing: tell how much that is.
    Notify(Option<Level>),
    /// Show the keys.
    Help,
    /// End the chat.
    Quit,
    /// Empty the view; nothing is deleted.
    Clear,
    /// Say how available one is, and something beside it; nothing: show it.
    Status(Status),
    /// Look like the picture in this file; `none`: like the one that is made of one's key; nothing: tell which it is.
    Avatar(Option<String>),
    /// Choose a message to copy.
    Copy,
    /// Show what to compare with a person to be sure of their key.
    Verify(String),
    /// It was compared with this person, and is the same.
    Same(String),
    /// Refuse what a person says, or not any more.
    Mark(String, Mark),
    /// Do something with messages.
    Do(Doing),
    /// Want something otherwise; nothing: show what is wanted.
    Settings(Option<Setting>),
    /// Do something with files.
    File(Filing),
    /// Ask these people into the session in view, or into this room, which is made if need be.
    Invite(Option<String>, Vec<String>),
    /// Remove a person from the session in view.
    Remove(String),
    /// Accept an invitation (by its room; none: the only one), or decline it.
    Answer(Option<String>, bool),
    /// Ask everybody in view to run this app, with a title behind it perhaps.
    Start(String),
    /// Call off a program that one has started (none: the only one here).
    CancelApp(Option<String>),
    /// Look on where one is asked to take part.
    Observe(Option<String>),
    /// Tell who here has which apps.
    Apps,
    /// List who belongs to the session in view, and say what seals it.
    Members,
    /// Find what was said, in all conversations.
    Search(String),
}

/// What one says of oneself.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Status {
    /// How available one is, if that is said.
    pub availability: Option<Availability>,
    /// Something beside it, if that is said; empty: nothing more.
    pub saying: Option<String>,
    /// How long.
    pub lasts: Option<Lasts>,
}

/// How long what is said lasts.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Lasts {
    /// So many minutes.
    Minutes(u64),
    /// Until the clock says this next.
    Until(Time),
}

impl Lasts {
    /// In milliseconds from now on.
    pub fn from(self, now: &Zoned) -> Option<u64> {
        match self {
            Self::Minutes(minutes) => Some(minutes * 60_000),
            Self::Until(time) => notify::until(time, now),
        }
    }
}

/// What a typed line means.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Line {
    /// Text to publish.
    Say(String),
    /// A command to carry out.
    Run(Command),
    /// A command with something wrong, and what.
    Wrong(String),
}

/// Name, arguments and purpose of every command, in the order in which they are offered. What is named by its id is said in the
/// language of the chat.
pub const COMMANDS: [(&str, &str, &str); 34] = [
    ("/join", text_id!("args-room"), text_id!("command-join")),
    ("/msg", text_id!("args-user-text"), text_id!("command-msg")),
    ("/me", text_id!("args-text"), text_id!("command-me")),
    ("/who", text_id!("args-user-or-none"), text_id!("command-who")),
    ("/invite", text_id!("args-invite"), text_id!("command-invite")),
    ("/accept", text_id!("args-answer"), text_id!("command-accept")),
    ("/decline", text_id!("args-answer"), text_id!("command-decline")),
    ("/start", text_id!("args-start"), text_id!("command-start")),
    ("/observe", text_id!("args-app"), text_id!("command-observe")),
    ("/cancel", text_id!("args-app"), text_id!("command-cancel")),
    ("/apps", "", text_id!("command-apps")),
    ("/search", text_id!("args-search"), text_id!("command-search")),
    ("/members", "", text_id!("command-members")),
    ("/remove", text_id!("args-user"), text_id!("command-remove")),
    ("/status", text_id!("args-status"), text_id!("command-status")),
    ("/avatar", text_id!("args-avatar"), text_id!("command-avatar")),
    ("/favourite", "", text_id!("command-favourite")),
    ("/notify", text_id!("args-level"), text_id!("command-notify")),
    ("/quiet", "22:00-07:00|off", text_id!("command-quiet")),
    ("/typing", "on|off", text_id!("command-typing")),
    ("/read-marks", "on|off", text_id!("command-read-marks")),
    ("/language", "en|de|ar|auto", text_id!("command-language")),
    ("/theme", "light|dark|auto", text_id!("command-theme")),
    ("/size", "50-300", text_id!("command-size")),
    ("/tray", "on|off", text_id!("command-tray")),
    ("/settings", "", text_id!("command-settings")),
    ("/verify", text_id!("args-user"), text_id!("command-verify")),
    ("/block", text_id!("args-user"), text_id!("command-block")),
    ("/unblock", text_id!("args-user"), text_id!("command-unblock")),
    ("/copy", "", text_id!("command-copy")),
    ("/clear", "", text_id!("command-clear")),
    ("/leave", "", text_id!("command-leave")),
    ("/help", "", text_id!("command-help")),
    ("/quit", "", text_id!("command-quit")),
];

/// Every command there is, in the order in which they are offered.
pub fn commands() -> impl Iterator<Item = (&'static str, String, String)> {
    let all = COMMANDS.iter().chain(&doing::COMMANDS).chain(&filing::COMMANDS);
    all.map(|(name, arguments, about)| (*name, texts::plain(arguments), texts::plain(about)))
}

/// How an action begins, as it is sent: every chat shows "/me waves" as an action of its author.
pub const ACTION: &str = "/me ";

/// Reads a typed line.
pub fn parse(line: &str) -> Line {
    if let Some(rest) = line.strip_prefix("//") {
        return Line::Say(format!("/{rest}"));
    }
    if !line.starts_with('/') {
        return Line::Say(line.to_owned());
    }
    let (name, rest) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
    let rest = rest.trim();
    if let Some(doing) = doing::parse(name, rest) {
        return doing.map_or_else(Line::Wrong, |doing| Line::Run(Command::Do(doing)));
    }
    if let Some(filing) = filing::parse(name, rest) {
        return filing.map_or_else(Line::Wrong, |filing| Line::Run(Command::File(filing)));
    }
    match (name, rest) {
        ("/me", "") => Line::Wrong(t!("wrong-me")),
        ("/me", text) => Line::Say(format!("{ACTION}{text}")),
        ("/join", target) => join(target),
        ("/msg", rest) => msg(rest),
        ("/verify", rest) => {
            match rest.strip_suffix("same").filter(|rest| rest.ends_with(char::is_whitespace)) {
                Some(name) => person(name, "/verify @ana same", Command::Same),
                None => person(rest, "/verify @ana", Command::Verify),
            }
        }
        ("/block", name) => person(name, "/block @ana", |name| Command::Mark(name, Mark::Blocked)),
        ("/unblock", name) => person(name, "/unblock @ana", |name| Command::Mark(name, Mark::Unblocked)),
        ("/invite", rest) => invite(rest),
        ("/remove", name) => person(name, "/remove @ana", Command::Remove),
        ("/accept", room) => Line::Run(Command::Answer(named_room(room), true)),
        ("/decline", room) => Line::Run(Command::Answer(named_room(room), false)),
        ("/start", "") => Line::Wrong(t!("wrong-start")),
        ("/start", rest) => Line::Run(Command::Start(rest.to_owned())),
        ("/cancel", name) => Line::Run(Command::CancelApp(named(name))),
        ("/observe", name) => Line::Run(Command::Observe(named(name))),
        ("/apps", "") => Line::Run(Command::Apps),
        ("/members", "") => Line::Run(Command::Members),
        ("/search", typed) => match Query::read(typed, &Zoned::now()) {
            Ok(_) => Line::Run(Command::Search(typed.to_owned())),
            Err(error) => Line::Wrong(wrong_query(error)),
        },
        ("/status", rest) => Line::Run(Command::Status(status(rest))),
        ("/avatar", path) => Line::Run(Command::Avatar(named(path))),
        ("/typing", word) => setting("/typing", word, Setting::Typing),
        ("/read-marks", word) => setting("/read-marks", word, Setting::ReadMarks),
        ("/tray", word) => setting("/tray", word, Setting::Tray),
        ("/theme", word) => match word {
            "light" | "dark" => Line::Run(Command::Settings(Some(Setting::Dark(Some(word == "dark"))))),
            "auto" => Line::Run(Command::Settings(Some(Setting::Dark(None)))),
            _ => Line::Wrong(t!("wrong-theme")),
        },
        ("/size", number) => match number.parse().ok().filter(|size| keep::Settings::SIZES.contains(size)) {
            Some(size) => Line::Run(Command::Settings(Some(Setting::Size(size)))),
            None => Line::Wrong(t!(
                "wrong-size",
                least = *keep::Settings::SIZES.start(),
                most = *keep::Settings::SIZES.end()
            )),
        },
        ("/language", code) => match code {
            "auto" => Line::Run(Command::Settings(Some(Setting::Language(None)))),
            code => match Language::of(code) {
                Some(language) => Line::Run(Command::Settings(Some(Setting::Language(Some(language))))),
                None => {
                    Line::Wrong(t!("wrong-language", codes = Language::ALL.map(Language::code).join(", ")))
                }
            },
        },
        ("/notify", "") => Line::Run(Command::Notify(None)),
        ("/notify", word) => match Level::of(word) {
            Some(level) => Line::Run(Command::Notify(Some(level))),
            None => Line::Wrong(t!("wrong-notify")),
        },
        ("/quiet", "off") => Line::Run(Command::Settings(Some(Setting::Quiet(None)))),
        ("/quiet", hours) => match Hours::read(hours) {
            Some(hours) => Line::Run(Command::Settings(Some(Setting::Quiet(Some(hours))))),
            None => Line::Wrong(t!("wrong-quiet")),
        },
        ("/settings", "") => Line::Run(Command::Settings(None)),
        ("/leave" | "/part", "") => Line::Run(Command::Leave),
        ("/who", name) => Line::Run(Command::Who(named(name.trim_start_matches('@')))),
        ("/favourite", "") => Line::Run(Command::Favourite),
        ("/help", "") => Line::Run(Command::Help),
        ("/quit" | "/exit", "") => Line::Run(Command::Quit),
        ("/clear", "") => Line::Run(Command::Clear),
        ("/copy", "") => Line::Run(Command::Copy),
        _ => Line::Wrong(t!("wrong-command", name = name)),
    }
}

/// `busy in a meeting until 15:00`, `🍵 tea for 20m`, `away`, `clear`
fn status(rest: &str) -> Status {
    let (first, behind) = rest.split_once(' ').unwrap_or((rest, ""));
    let (availability, text) = match availability(first) {
        Some(availability) => (Some(availability), behind.trim()),
        None => (None, rest),
    };
    match text {
        "" => Status { availability, ..Status::default() },
        "clear" => Status { availability, saying: Some(String::new()), lasts: None },
        text => {
            let (text, lasts) = lasting(text);
            Status { availability, saying: Some(text.to_owned()), lasts }
        }
    }
}

/// How long what a text ends with says that it lasts. `for 20m` is not part of it; `until 15:00` is what others want to know.
fn lasting(text: &str) -> (&str, Option<Lasts>) {
    let Some((before, last)) = text.rsplit_once(' ') else { return (text, None) };
    if let Some(before) = before.strip_suffix("for").map(str::trim_end).filter(|before| !before.is_empty()) {
        let unit = last.chars().next_back().and_then(|unit| {
            Some(match unit {
                'm' => 1,
                'h' => 60,
                'd' => 24 * 60,
                _ => return None,
            })
        });
        let count = last.get(..last.len().saturating_sub(1)).and_then(|count| count.parse::<u64>().ok());
        if let (Some(unit), Some(count @ 1..=MAX_LASTS)) = (unit, count) {
            return (before, Some(Lasts::Minutes(count * unit)));
        }
    }
    match notify::clock(last).filter(|_| before.ends_with("until")) {
        Some(time) => (text, Some(Lasts::Until(time))),
        None => (text, None),
    }
}

/// Nobody says in the chat how they are for longer than so many days.
const MAX_LASTS: u64 = 999;

fn setting(name: &str, word: &str, make: fn(bool) -> Setting) -> Line {
    match word {
        "on" | "off" => Line::Run(Command::Settings(Some(make(word == "on")))),
        _ => Line::Wrong(t!("wrong-setting", name = name)),
    }
}

fn join(target: &str) -> Line {
    let named = if target.starts_with(['#', '@']) { target.to_owned() } else { format!("#{target}") };
    match named.parse::<Target>().or_else(|e| target.parse::<Target>().map_err(|_| e)) {
        Ok(target) => Line::Run(Command::Join(target.to_string())),
        Err(_) => Line::Wrong(t!("wrong-join")),
    }
}

fn msg(rest: &str) -> Line {
    let rest = rest.strip_prefix('@').unwrap_or(rest);
    if rest.is_empty() {
        return Line::Wrong(t!("wrong-msg"));
    }
    Line::Run(Command::Msg(rest.to_owned()))
}

/// `[#room] @ana @Ana María`: names may have blanks in them, so each goes on up to the next `@`.
fn invite(rest: &str) -> Line {
    let (room, people) = match rest.split_once('@') {
        Some((room, people)) => (room.trim(), people),
        None => ("", rest),
    };
    let people: Vec<String> =
        people.split('@').map(str::trim).filter(|name| !name.is_empty()).map(|n| format!("@{n}")).collect();
    if people.is_empty() || people.iter().any(|name| name.starts_with("@#")) {
        return Line::Wrong(t!("wrong-invite"));
    }
    Line::Run(Command::Invite(named_room(room), people))
}

fn named_room(room: &str) -> Option<String> {
    let is_id = room.parse::<Target>().is_ok_and(|target| matches!(target, Target::Session(_)));
    match room {
        "" => None,
        room if room.starts_with('#') || is_id => Some(room.to_owned()),
        room => Some(format!("#{room}")),
    }
}

fn named(name: &str) -> Option<String> {
    Some(name.to_owned()).filter(|name| !name.is_empty())
}

fn person(name: &str, example: &str, command: impl FnOnce(String) -> Command) -> Line {
    match name.trim().trim_start_matches('@') {
        "" => Line::Wrong(t!("wrong-person", example = example)),
        name => Line::Run(command(format!("@{name}"))),
    }
}

/// Splits what stands behind `/msg @` into a target and a text. Names may have blanks in them: the longest name of
/// somebody known wins; otherwise the name ends at the first blank.
pub fn split_person<'a>(rest: &'a str, people: &[Person]) -> (String, &'a str) {
    let known = people.iter().filter(|p| !p.name.is_empty() && starts_with_name(rest, &p.name));
    let (name, text) = match known.map(|p| p.name.len()).max() {
        Some(length) => rest.split_at(length),
        None => rest.split_once(char::is_whitespace).unwrap_or((rest, "")),
    };
    (format!("@{name}"), text.trim())
}

/// What is wrong with what is to be looked for.
fn wrong_query(error: BadQuery) -> String {
    match error {
        BadQuery::Empty => t!("search-empty"),
        BadQuery::Has(what) => t!("search-has", what = what),
        BadQuery::Day(what) => t!("search-day", what = what),
        BadQuery::Value(filter, example) => t!("search-value", filter = filter, example = example),
    }
}

fn availability(word: &str) -> Option<Availability> {
    match word {
        "online" => Some(Availability::Online),
        "away" => Some(Availability::Away),
        "busy" => Some(Availability::Busy),
        _ => None,
    }
}

/// The people whom a text mentions: `@name`, with nothing of a word behind it.
pub fn mentions(text: &str, people: &[Person]) -> Vec<UserId> {
    let mut found: Vec<UserId> = Vec::new();
    for (at, _) in text.match_indices('@') {
        let rest = &text[at + 1..];
        let named = people.iter().filter(|p| !p.name.is_empty() && starts_with_name(rest, &p.name));
        let longest = named.clone().map(|p| p.name.len()).max();
        for person in named.filter(|p| Some(p.name.len()) == longest) {
            if !found.contains(&person.user) && found.len() < MAX_MENTIONS {
                found.push(person.user);
            }
        }
    }
    found
}

/// Whether a text speaks to everybody in the room: `@here`.
pub fn mentions_all(text: &str) -> bool {
    text.match_indices('@').any(|(at, _)| starts_with_name(&text[at + 1..], "here"))
}

/// Names that several people have, or that are easily taken for another's.
pub fn shared_names(people: &[Person]) -> BTreeSet<String> {
    let mut alike: BTreeMap<String, BTreeMap<UserId, &str>> = BTreeMap::new();
    for person in people {
        alike.entry(seen(&person.name)).or_default().insert(person.user, &person.name);
    }
    let shared = alike.into_values().filter(|users| users.len() > 1);
    shared.flat_map(BTreeMap::into_values).map(str::to_owned).collect()
}

/// What a name looks like: the same for all that are easily confused (Unicode Technical Standard #39, section 4), in capitals or not.
fn seen(name: &str) -> String {
    let small = skeleton(name).collect::<String>().to_lowercase();
    skeleton(&small).collect()
}

fn starts_with_name(text: &str, name: &str) -> bool {
    let Some(head) = text.get(..name.len()) else { return false };
    let next = text[name.len()..].chars().next();
    head.to_lowercase() == name.to_lowercase() && !next.is_some_and(|c| c.is_alphanumeric() || c == '_')
}

/// Ways to go on with what is being written.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Completions {
    /// Where the word begins that would be replaced.
    pub start: usize,
    /// What could stand there, and what it is.
    pub items: Vec<(String, String)>,
}

/// The most completions offered at once: what fits above the line, and all commands.
const MAX_COMPLETIONS: usize = COMMANDS.len() + doing::COMMANDS.len() + filing::COMMANDS.len();

/// Completions for the word before the cursor: commands at the start of the line, people behind an `@`, rooms
/// behind a `#`.
pub fn completions(before: &str, people: &[Person], rooms: &[String]) -> Option<Completions> {
    let start = before
        .rfind(char::is_whitespace)
        .map_or(0, |at| at + before[at..].chars().next().map_or(1, char::len_utf8));
    let word = &before[start..];
    let lower = word.to_lowercase();
    let matching = |name: &str| name.to_lowercase().starts_with(&lower) && name != word;
    let mut items: Vec<(String, String)> = match word.chars().next()? {
        '/' if start == 0 => {
            let commands = commands().filter(|(name, ..)| name.starts_with(&lower));
            commands.map(|(name, args, about)| (format!("{name} "), format!("{args:<16}  {about}"))).collect()
        }
        '@' => {
            let shared = shared_names(people);
            let named = people.iter().filter(|p| matching(&format!("@{}", p.name)));
            named.map(|p| person_completion(p, shared.contains(&p.name))).collect()
        }
        ':' if word.len() > 2 => {
            let codes = emoji::CODES.iter().filter(|(code, _)| code.starts_with(&lower[1..]));
            codes.map(|(code, emoji)| (format!("{emoji} "), format!(":{code}:"))).collect()
        }
        '#' => rooms.iter().filter(|r| matching(r)).map(|room| (format!("{room} "), String::new())).collect(),
        _ => return None,
    };
    items.sort();
    items.dedup();
    items.truncate(MAX_COMPLETIONS);
    (!items.is_empty()).then_some(Completions { start, items })
}

/// A name that several have names none of them: their key does.
fn person_completion(p: &Person, shared: bool) -> (String, String) {
    if shared {
        let key: String = p.user.to_string().chars().take(KEY_DIGITS).collect();
        (format!("@{key} "), t!("name-on-host", name = &p.name, host = &p.host))
    } else {
        (format!("@{} ", p.name), p.host.clone())
    }
}

/// As many digits of a key as a target needs at least.
const KEY_DIGITS: usize = 8;

#[cfg(test)]
mod tests {
    use super::*;
    use chalktalk_ipc::HostId;

    fn person(n: u8, name: &str) -> Person {
        Person {
            user: UserId([n; 32]),
            name: name.into(),
            host: "laptop".into(),
            host_id: HostId([n; 16]),
            addresses: vec![],
            status: Availability::Online,
            verified: false,
            blocked: false,
            changed: false,
            namesake: false,
            saying: String::new(),
            saying_until: None,
            me: false,
        }
    }

    #[test]
    fn lines_mean_what_they_say() {
        use Command::*;
        let said = |availability, saying: Option<&str>, lasts| super::Status {
            availability,
            saying: saying.map(str::to_owned),
            lasts,
        };
        let until = Lasts::Until(Time::constant(15, 0, 0, 0));
        for (line, meaning) in [
            ("hello /who", Line::Say("hello /who".into())),
            ("//who", Line::Say("/who".into())),
            ("/me  waves ", Line::Say("/me waves".into())),
            ("/join garden", Line::Run(Join("#garden".into()))),
            ("/join #日本", Line::Run(Join("#日本".into()))),
            ("/msg ana hi there", Line::Run(Msg("ana hi there".into()))),
            ("/msg @ana", Line::Run(Msg("ana".into()))),
            ("/status away", Line::Run(Status(said(Some(Availability::Away), None, None)))),
            ("/status", Line::Run(Status(said(None, None, None)))),
            ("/status tea for 2h", Line::Run(Status(said(None, Some("tea"), Some(Lasts::Minutes(120)))))),
            ("/status waiting for tea", Line::Run(Status(said(None, Some("waiting for tea"), None)))),
            (
                "/status busy talk until 15:00",
                Line::Run(Status(said(Some(Availability::Busy), Some("talk until 15:00"), Some(until)))),
            ),
            ("/verify @Ana María", Line::Run(Verify("@Ana María".into()))),
            ("/verify ana same", Line::Run(Same("@ana".into()))),
            ("/verify lasame", Line::Run(Verify("@lasame".into()))),
            ("/invite @Ana María @ben", Line::Run(Invite(None, vec!["@Ana María".into(), "@ben".into()]))),
            ("/invite ben", Line::Run(Invite(None, vec!["@ben".into()]))),
            ("/invite #plans @ben", Line::Run(Invite(Some("#plans".into()), vec!["@ben".into()]))),
            ("/remove ben", Line::Run(Remove("@ben".into()))),
            ("/accept", Line::Run(Answer(None, true))),
            ("/decline plans", Line::Run(Answer(Some("#plans".into()), false))),
            ("/block ben", Line::Run(Command::Mark("@ben".into(), super::Mark::Blocked))),
            ("/theme dark", Line::Run(Settings(Some(Setting::Dark(Some(true)))))),
            ("/theme auto", Line::Run(Settings(Some(Setting::Dark(None))))),
            ("/size 120", Line::Run(Settings(Some(Setting::Size(120))))),
            ("/notify", Line::Run(Notify(None))),
            ("/notify all", Line::Run(Notify(Some(Level::All)))),
            ("/quiet 22:00-07:00", Line::Run(Settings(Some(Setting::Quiet(Hours::read("22:00-07:00")))))),
            ("/quiet off", Line::Run(Settings(Some(Setting::Quiet(None))))),
            ("/typing off", Line::Run(Settings(Some(Setting::Typing(false))))),
            ("/tray off", Line::Run(Settings(Some(Setting::Tray(false))))),
            ("/who @Ana María", Line::Run(Who(Some("Ana María".into())))),
            ("/quit", Line::Run(Quit)),
        ] {
            assert_eq!(parse(line), meaning, "{line}");
        }
        for line in [
            "/",
            "/frobnicate",
            "/me",
            "/verify",
            "/block @",
            "/invite",
            "/invite #plans",
            "/invite #plans @",
            "/remove",
            "/join",
            "/msg",
            "/typing maybe",
            "/theme blue",
            "/notify loudly",
            "/quiet",
            "/quiet 22:00",
            "/size 20",
            "/size",
            "/join a\u{202e}b",
        ] {
            assert!(matches!(parse(line), Line::Wrong(_)), "{line}");
        }
    }

    #[test]
    fn until_is_the_next_time_that_the_clock_says_so() {
        let now: jiff::Timestamp = "2026-11-25T14:05Z".parse().unwrap();
        let now = now.to_zoned(jiff::tz::TimeZone::UTC);
        let of = |hour, minute| Lasts::Until(Time::constant(hour, minute, 0, 0)).from(&now);
        assert_eq!((of(15, 0), of(14, 5)), (Some(55 * 60_000), Some(24 * 3_600_000)));
        assert_eq!(Lasts::Minutes(2).from(&now), Some(120_000));
    }

    #[test]
    fn the_longest_name_is_mentioned() {
        let people =
            [person(1, "Ana"), person(2, "Ana María"), person(3, "ben"), person(4, "Ben"), person(5, "")];
        let of = |text| mentions(text, &people).iter().map(|u| u.0[0]).collect::<Vec<_>>();
        assert_eq!(of("@ana: hello"), [1]);
        assert_eq!(of("hello @Ana María!"), [2]);
        assert_eq!(of("@anatole @ @@"), [] as [u8; 0]);
        assert_eq!(of("@ben @ana @ana"), [3, 4, 1]);
    }

    #[test]
    fn a_name_with_blanks_is_a_person_when_somebody_has_it() {
        let people = [person(1, "Ana"), person(2, "Ana María")];
        let of = |rest| split_person(rest, &people);
        assert_eq!(of("Ana María hi there"), ("@Ana María".into(), "hi there"));
        assert_eq!(of("ana hi"), ("@ana".into(), "hi"));
        assert_eq!(of("zoe hi"), ("@zoe".into(), "hi"));
        assert_eq!(of("zoe"), ("@zoe".into(), ""));
    }

    #[test]
    fn completions_fit_where_the_cursor_stands() {
        let people = [person(1, "Ana"), person(2, "Ana María"), person(3, "ben")];
        let rooms = ["#garden".to_owned(), "#lobby".to_owned()];
        let of = |text| {
            let c = completions(text, &people, &rooms);
            c.map(|c| (c.start, c.items.into_iter().map(|(i, _)| i).collect::<Vec<_>>()))
        };
        assert_eq!(of("/st"), Some((0, vec!["/start ".into(), "/status ".into(), "/stop ".into()])));
        assert_eq!(of("see /st"), None);
        assert_eq!(of("hi @an"), Some((3, vec!["@Ana ".into(), "@Ana María ".into()])));
        assert_eq!(of("/join #"), Some((6, vec!["#garden ".into(), "#lobby ".into()])));
        assert_eq!(of("日本\u{3000}@b"), Some((9, vec!["@ben ".into()])));
        assert_eq!(of("@zoe"), None);
        let twins = [person(1, "root"), person(2, "root")];
        let keys = completions("@ro", &twins, &[]).unwrap().items;
        assert_eq!(keys[1], ("@02020202 ".into(), "root on laptop".into()));
        assert_eq!(of(""), None);
    }
}
