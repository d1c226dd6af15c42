//! What every face tells of a conversation and its lines, in words and signs.
//!
//! Invariant: all of it is fit for display, and the same on every face; how it looks is the face's.

use crate::{
    card::{self, Card},
    conversation::{Body, Conversation, Delivery, Line, Own, Said, Standing, Writing, harmless},
    model::{Model, quote},
    notify::Level,
    t, texts,
    transcript::moment,
};
use chalktalk_client::chat::Kind;
use chalktalk_ipc::{
    UserId,
    event::{Scope, Warning},
    nway::AppSession,
    text::{label, printable},
};
use jiff::tz::TimeZone;
use std::{cmp::Reverse, collections::BTreeMap, collections::BTreeSet};

/// Lines of one author within this time stand under one name.
const GROUP: u64 = 5 * 60 * 1000;

/// Different reactions shown below one message.
pub const MAX_REACTIONS: usize = 12;

/// How much something matters.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Weight {
    /// Little.
    Weak,
    /// It is good news.
    Good,
    /// Something is wrong.
    Alarm,
}

/// What stands before a line.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Before {
    /// The day, where it changes.
    pub day: Option<String>,
    /// The marker where the new begins.
    pub new: bool,
    /// It belongs to the line before: who and when need not be said again.
    pub grouped: bool,
}

/// What stands before the line at this place.
pub fn before(c: &Conversation, at: usize, zone: &TimeZone) -> Before {
    let line = &c.lines[at];
    let day = |line: &Line| moment(line.time).to_zoned(zone.clone());
    let (time, last) = (day(line), c.before(at));
    let changes = last.map(|last| day(last).date()) != Some(time.date());
    let day = changes.then(|| texts::date(&time));
    let new = c.new_from == Some(line.order) && last.is_some();
    let grouped = day.is_none() && !new && last.is_some_and(|last| same_group(last, line));
    Before { day, new, grouped }
}

/// Whether one line continues another.
pub fn same_group(before: &Line, line: &Line) -> bool {
    match (&before.body, &line.body) {
        (Body::Said(a), Body::Said(b)) => {
            a.user == b.user
                && !a.action
                && !b.action
                && b.reply.is_none()
                && line.time.abs_diff(before.time) < GROUP
        }
        _ => false,
    }
}

/// The card that stands in the place of what was said, if one does.
pub fn card(said: &Said, apps: &[AppSession], me: UserId) -> Option<Card> {
    card::of(&said.text, apps, me)
}

/// What a message answers: by whom, and its first words.
pub fn answered(c: &Conversation, said: &Said) -> Option<String> {
    let quoted = c.line(said.reply?).and_then(Line::said);
    Some(quoted.map_or_else(|| t!("older-message"), |said| format!("{}: {}", said.name, quote(&said.text))))
}

/// A message's words; `name`: its author's, where it says what they do.
pub fn words(said: &Said, name: &str) -> String {
    let topic = said.topic.as_ref().map(|topic| format!("[{topic}] ")).unwrap_or_default();
    match &said.kind {
        _ if said.fate.deleted => t!("deleted"),
        _ if said.action => format!("{topic}{name} {}", said.text),
        Kind::Announce => format!("📢 {topic}{}", said.text),
        Kind::Call { at, what } => {
            let said = t!("call-in", at = label(at));
            let what = if what.is_empty() { String::new() } else { format!(": {}", harmless(what)) };
            format!("🆘 {topic}{said}{what}")
        }
        Kind::Poll { question, .. } => format!("📊 {topic}{}", harmless(question)),
        Kind::Unknown(kind) => format!("{topic}{}\n{}", said.text, t!("newer-kind", kind = kind)),
        _ => format!("{topic}{}", said.text),
    }
}

/// Whether a message's words may have marks of emphasis.
pub fn is_marked(said: &Said) -> bool {
    matches!(said.kind, Kind::Say | Kind::Announce) && !said.fate.deleted && !said.is_offer()
}

/// Whether it was changed, or is pinned.
pub fn changed(said: &Said) -> Option<String> {
    let pin = if said.fate.pinned.is_some() { "📌" } else { "" };
    let edited = if said.fate.edited.is_some() && !said.fate.deleted { t!("edited") } else { String::new() };
    let mark = format!("{pin}{edited}");
    (!mark.is_empty()).then_some(mark)
}

/// An answer of a poll: its number, its text, and how many chose it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Answer {
    /// What it says.
    pub text: String,
    /// Who chose it.
    pub votes: usize,
    /// Whether the reader did.
    pub mine: bool,
}

/// The answers of a poll, and how many have voted.
pub fn poll(said: &Said, me: UserId) -> Option<(Vec<Answer>, usize)> {
    let Kind::Poll { answers, .. } = &said.kind else { return None };
    let answer = |(at, text): (usize, &String)| Answer {
        text: label(text),
        votes: said.fate.votes.values().filter(|vote| **vote == at).count(),
        mine: said.fate.votes.get(&me) == Some(&at),
    };
    Some((answers.iter().enumerate().map(answer).collect(), said.fate.votes.len()))
}

/// How it stands with a call for help, and who comes; nothing of one that another took the place of.
pub fn call(c: &Conversation, line: &Line) -> Option<(String, Weight)> {
    let (standing, said) = (c.standing(line)?, line.said()?);
    let names: Vec<String> = said.fate.coming.iter().take(MAX_NAMES).map(|user| c.name_of(*user)).collect();
    let (n, others) = (said.fate.coming.len(), said.fate.coming.len() - names.len());
    let names = names.join(", ");
    let names = if others > 0 { t!("list-and-more", list = names, n = others) } else { names };
    Some(match standing {
        Standing::Replaced => return None,
        Standing::Over => (t!("call-over"), Weight::Weak),
        Standing::Helped if n == 0 => (t!("call-helped"), Weight::Weak),
        Standing::Helped => (t!("call-helped-by", names = names), Weight::Weak),
        Standing::Open if n == 0 => (t!("call-open"), Weight::Alarm),
        Standing::Open => (t!("call-coming", n = n, names = names), Weight::Good),
    })
}

/// So many of those who come to help are named.
const MAX_NAMES: usize = 20;

/// Reactions, those of most people first, and how many kinds of them there are no place for.
pub fn reactions(said: &Said) -> (Vec<(&str, &BTreeSet<UserId>)>, usize) {
    let mut all: Vec<(&str, &BTreeSet<UserId>)> =
        said.fate.reactions.iter().map(|(emoji, users)| (emoji.as_str(), users)).collect();
    all.sort_by_key(|(_, users)| Reverse(users.len()));
    let more = all.len().saturating_sub(MAX_REACTIONS);
    all.truncate(MAX_REACTIONS);
    (all, more)
}

/// How far an own message has come; last of all, by whom it was read.
pub fn tick(c: &Conversation, line: &Line, own: &Own, me: UserId) -> (String, Weight) {
    let others: BTreeSet<UserId> =
        c.members.iter().map(|member| member.user).filter(|user| *user != me).collect();
    let read = line.order.position().map_or(0, |at| c.readers(at).intersection(&others).count());
    match c.delivery(own) {
        _ if !own.failures.is_empty() => ("✗".into(), Weight::Alarm),
        _ if read > 0 && read == others.len() => (t!("read-all"), Weight::Good),
        _ if read > 0 => (t!("read-some", n = read, all = others.len()), Weight::Good),
        Delivery::Sending => ("…".into(), Weight::Weak),
        Delivery::Sent | Delivery::Stored => ("✓".into(), Weight::Weak),
        Delivery::Held(n, m) if n < m => (t!("held-some", n = n, all = m), Weight::Weak),
        Delivery::Held(..) => ("✓✓".into(), Weight::Weak),
        Delivery::Delivered => ("✓✓".into(), Weight::Good),
    }
}

/// What stands above the window: where one is, and how much is unread.
pub fn title(model: &Model) -> String {
    let unread = model.unread();
    let count = if unread > 0 { format!("({unread}) ") } else { String::new() };
    model.current().map_or_else(|| "Chalktalk".into(), |c| format!("{count}{} – Chalktalk", c.title()))
}

/// What becomes of what is being written, and what part of the talk is in view, if that is not the usual.
pub fn purpose(model: &Model) -> Option<String> {
    let c = model.current()?;
    let of = |position| {
        let said = c.line(position).and_then(Line::said);
        said.map_or_else(|| t!("a-message"), |said| format!("{}: {}", said.name, quote(&said.text)))
    };
    let writing = match c.writing {
        Writing::New => None,
        Writing::Reply(to) => Some(format!("↳ {}", of(to))),
        Writing::Edit(of_this) => Some(format!("✎ {}", of(of_this))),
    };
    let topic = c.topic.as_ref().map(|topic| format!("[{topic}]"));
    let filter = c.filter.as_ref().map(|filter| t!("purpose-only", what = filter.name()));
    let parts: Vec<String> = [writing, topic, filter].into_iter().flatten().collect();
    (!parts.is_empty()).then(|| t!("purpose-end", what = parts.join(" · ")))
}

/// What stands in the way of talking, if anything does.
pub fn obstacle(model: &Model) -> Option<String> {
    let away = |reason: &String| t!("daemon-away", reason = reason);
    let held_back = || model.held_back().map(|why| format!("! {why}"));
    model.away.as_ref().map(away).or_else(held_back)
}

/// Who can read a conversation.
pub fn secrecy(c: &Conversation) -> String {
    match (c.summary.scope, c.summary.sealed) {
        _ if c.summary.waits => t!("header-waits"),
        (Scope::Open, false) => t!("header-open"),
        (Scope::Open, true) => t!("header-passphrase"),
        (Scope::Invite, _) => t!("header-invite"),
        (Scope::Direct, _) => t!("header-direct"),
    }
}

/// How much of a conversation the desktop shows, if that is not the usual, and whether it is a quiet hour.
pub fn quietness(model: &Model, c: &Conversation) -> String {
    let level = match model.level(c.session()) {
        Level::All => Some(t!("header-notify-all")),
        Level::Mentions => None,
        Level::Nothing => Some(t!("header-notify-nothing")),
    };
    let quiet = model.quiet_hours().map(|hours| t!("header-quiet", time = hours.end()));
    level.into_iter().chain(quiet).map(|text| format!(" · {text}")).collect()
}

/// What is wrong with the network or the set-up, in a line: its code, and where the rest is to be had.
pub fn trouble(warnings: &[Warning]) -> Option<String> {
    let first = warnings.first()?;
    let text = printable(&first.text).replace(['\n', '\t'], " ");
    let code = label(&first.code);
    Some(match warnings.len() - 1 {
        0 => t!("header-trouble", code = code, text = text),
        more => t!("header-troubles", code = code, n = more, text = text),
    })
}

/// Who is in a conversation.
pub fn members(c: &Conversation) -> String {
    let people: BTreeMap<UserId, String> = c.members.iter().map(|m| (m.user, label(&m.name))).collect();
    let mut names: Vec<String> = people.into_values().collect();
    names.sort();
    if names.is_empty() {
        String::new()
    } else {
        t!("header-here", n = names.len(), names = names.join(", "))
    }
}

/// Who of the conversation is out of sight, and since when.
pub fn out_of_sight(c: &Conversation, zone: &TimeZone) -> Option<String> {
    let gone = c.out_of_sight();
    let since = gone.iter().map(|(_, since)| *since).min()?;
    let since = moment(since).to_zoned(zone.clone()).strftime("%H:%M").to_string();
    let names: Vec<&str> = gone.iter().map(|(name, _)| *name).collect();
    Some(t!("header-out-of-sight", time = since, names = names.join(", ")))
}

/// Who is writing something just now.
pub fn typing(c: &Conversation) -> String {
    match c.typing()[..] {
        [] => String::new(),
        [one] => t!("typing-one", one = one),
        [one, other] => t!("typing-two", one = one, other = other),
        ref several => t!("typing-several", n = several.len()),
    }
}

/// What is told where nothing was said yet.
pub fn nothing_said(c: &Conversation) -> [String; 2] {
    match c.summary.scope {
        Scope::Direct => [t!("empty-direct", title = c.title()), t!("empty-direct-hint")],
        _ => [t!("empty-room", title = c.title()), t!("empty-room-hint")],
    }
}
