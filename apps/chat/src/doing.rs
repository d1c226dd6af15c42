//! Commands about what is said: reactions, topics, polls, dice.
//!
//! Invariant: what is wrong with a command is said with an example of a right one.

use crate::{t, text_id};
use chalktalk_client::{
    chat::{MAX_EMOJI, POLL_ANSWERS},
    location,
};
use chalktalk_ipc::text::label;

/// Something to do with messages.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Doing {
    /// React to the newest message of somebody else.
    React(String),
    /// Answer the newest message of somebody else.
    Reply(String),
    /// What is written from now on is about this.
    Topic(Option<String>),
    /// List the topics.
    Topics,
    /// Show only a part.
    Only(Part),
    /// Ask a question.
    Poll(String, Vec<String>),
    /// Answer the newest poll, from 0.
    Vote(usize),
    /// Throw so many dice of so many sides.
    Roll(u32, u32),
    /// Say something that all should see.
    Announce(String),
    /// Call for help, with this, from here if not from where the person is to be found.
    Call(String, Option<String>),
    /// Come to help with the newest call, or not after all.
    Come,
    /// Say that one was helped.
    Thank,
    /// Where the person is to be found; nothing: show it.
    Location(Option<String>),
    /// Who has the newest message of one's own.
    WhoHas,
    /// Words that count as a mention.
    Watch(Vec<String>),
}

/// A part of a conversation.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Part {
    /// All of it.
    All,
    /// What is new.
    New,
    /// What is by or for the reader.
    Mine,
    /// What is pinned.
    Pinned,
    /// What is about this.
    Topic(String),
}

/// Name, arguments and purpose, in the order in which they are offered.
pub const COMMANDS: [(&str, &str, &str); 15] = [
    ("/reply", text_id!("args-text"), text_id!("command-reply")),
    ("/react", ":+1:", text_id!("command-react")),
    ("/topic", text_id!("args-name"), text_id!("command-topic")),
    ("/topics", "", text_id!("command-topics")),
    ("/only", text_id!("args-part"), text_id!("command-only")),
    ("/poll", text_id!("args-poll"), text_id!("command-poll")),
    ("/vote", text_id!("args-number"), text_id!("command-vote")),
    ("/roll", "[2d6]", text_id!("command-roll")),
    ("/announce", text_id!("args-text"), text_id!("command-announce")),
    ("/help-wanted", text_id!("args-help-wanted"), text_id!("command-help-wanted")),
    ("/coming", "", text_id!("command-coming")),
    ("/helped", "", text_id!("command-helped")),
    ("/location", text_id!("args-location"), text_id!("command-location")),
    ("/who-has", "", text_id!("command-who-has")),
    ("/watch", text_id!("args-words"), text_id!("command-watch")),
];

/// Reads a command of these; nothing if it is another's.
pub fn parse(name: &str, rest: &str) -> Option<Result<Doing, String>> {
    let text = |example: String, make: fn(String) -> Doing| match rest {
        "" => Err(t!("wrong-text", example = example)),
        text => Ok(make(text.to_owned())),
    };
    Some(match name {
        "/react" => emoji(rest).map(Doing::React),
        "/reply" => text(format!("/reply {}", t!("example-reply")), Doing::Reply),
        "/topic" => Ok(Doing::Topic(Some(label(rest)).filter(|topic| !topic.is_empty()))),
        "/topics" if rest.is_empty() => Ok(Doing::Topics),
        "/only" => Ok(Doing::Only(match rest {
            "" => Part::All,
            "new" => Part::New,
            "mine" => Part::Mine,
            "pinned" => Part::Pinned,
            topic => Part::Topic(label(topic)),
        })),
        "/poll" => poll(rest),
        "/vote" => match rest.parse::<usize>().ok().and_then(|n| n.checked_sub(1)) {
            Some(answer) => Ok(Doing::Vote(answer)),
            None => Err(t!("wrong-vote")),
        },
        "/roll" => dice(if rest.is_empty() { "1d6" } else { rest }),
        "/announce" => text(format!("/announce {}", t!("example-announce")), Doing::Announce),
        "/help-wanted" => call(rest),
        "/coming" if rest.is_empty() => Ok(Doing::Come),
        "/helped" if rest.is_empty() => Ok(Doing::Thank),
        "/location" if rest.is_empty() => Ok(Doing::Location(None)),
        "/location" => place(rest).map(|at| Doing::Location(Some(at))),
        "/who-has" if rest.is_empty() => Ok(Doing::WhoHas),
        "/watch" => Ok(Doing::Watch(rest.split_whitespace().map(str::to_owned).take(MAX_WATCHED).collect())),
        _ => return None,
    })
}

/// Words to watch for: each is looked for in every message.
const MAX_WATCHED: usize = 32;

fn emoji(rest: &str) -> Result<String, String> {
    let emoji = label(&crate::emoji::expand(rest));
    let fits = !emoji.is_empty() && emoji.len() <= MAX_EMOJI && !emoji.contains(' ');
    if fits { Ok(emoji) } else { Err(t!("wrong-react")) }
}

fn poll(rest: &str) -> Result<Doing, String> {
    let mut parts = rest.split('|').map(|part| part.trim().to_owned()).filter(|part| !part.is_empty());
    let question = parts.next().unwrap_or_default();
    let answers: Vec<String> = parts.collect();
    match POLL_ANSWERS.contains(&answers.len()) {
        true => Ok(Doing::Poll(question, answers)),
        false => Err(t!("wrong-poll")),
    }
}

/// `[with what] [| where]`.
fn call(rest: &str) -> Result<Doing, String> {
    match rest.rsplit_once('|') {
        Some((what, at)) => Ok(Doing::Call(what.trim().to_owned(), Some(place(at)?))),
        None => Ok(Doing::Call(rest.to_owned(), None)),
    }
}

fn place(text: &str) -> Result<String, String> {
    location::read(text).ok_or_else(|| t!("wrong-location", most = location::MAX_LOCATION))
}

fn dice(rest: &str) -> Result<Doing, String> {
    let parsed = rest.to_lowercase().split_once('d').and_then(|(dice, sides)| {
        let dice = if dice.is_empty() { 1 } else { dice.parse().ok()? };
        Some((dice, sides.parse::<u32>().ok()?))
    });
    match parsed {
        Some((dice @ 1..=100, sides @ 2..=1_000_000)) => Ok(Doing::Roll(dice, sides)),
        _ => Err(t!("wrong-roll")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_mean_what_they_say() {
        for (name, rest, meaning) in [
            ("/react", ":+1:", Doing::React("👍".into())),
            ("/react", "🎉", Doing::React("🎉".into())),
            ("/topic", " tea  time ", Doing::Topic(Some("tea time".into()))),
            ("/topic", "", Doing::Topic(None)),
            ("/only", "", Doing::Only(Part::All)),
            ("/only", "tea", Doing::Only(Part::Topic("tea".into()))),
            ("/poll", "Tea? | yes | no |", Doing::Poll("Tea?".into(), vec!["yes".into(), "no".into()])),
            ("/vote", "2", Doing::Vote(1)),
            ("/roll", "", Doing::Roll(1, 6)),
            ("/roll", "D20", Doing::Roll(1, 20)),
            ("/help-wanted", "", Doing::Call(String::new(), None)),
            ("/help-wanted", "a|b | Room  4", Doing::Call("a|b".into(), Some("Room 4".into()))),
            ("/location", "Room 4", Doing::Location(Some("Room 4".into()))),
            ("/watch", "tea coffee", Doing::Watch(vec!["tea".into(), "coffee".into()])),
        ] {
            assert_eq!(parse(name, rest), Some(Ok(meaning)), "{name} {rest}");
        }
        for (name, rest) in [
            ("/react", ""),
            ("/react", "a b"),
            ("/poll", "Tea?"),
            ("/poll", "Tea? | yes"),
            ("/vote", "0"),
            ("/roll", "0d6"),
            ("/roll", "99999999999d6"),
            ("/announce", ""),
            ("/help-wanted", "dark |"),
        ] {
            assert!(matches!(parse(name, rest), Some(Err(_))), "{name} {rest}");
        }
        assert_eq!(parse("/join", "#tea"), None);
    }
}
