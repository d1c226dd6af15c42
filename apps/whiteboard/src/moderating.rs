//! Who may do what on a board, from the command line.
//!
//! Invariant: nothing is said that would not count: it is refused here, with the reason.

use crate::{
    command::{self, CommandError},
    model::{Author, Role, Setting},
    progress::Progress,
    sitting::Sitting,
};
use chalktalk_client::{Client, ClientError, Events};
use chalktalk_ipc::{AppId, Refusal, RefusalCode, UserId, event::Belonging};
use serde_json::{Value, json};
use std::{
    str::FromStr,
    time::{Duration, Instant},
};

/// What is said of somebody, as people type it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Word(Option<Role>);

impl FromStr for Word {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        Ok(Self(match text {
            "view" => Some(Role::Views),
            "draw" => Some(Role::Draws),
            "moderate" => Some(Role::Moderates),
            "default" => None,
            _ => {
                return Err(format!(
                    "{text:?} is none of view, draw, moderate and default (what everybody may)"
                ));
            }
        }))
    }
}

/// Everybody of whom nothing else is said.
const EVERYBODY: &str = "everybody";

/// Until what was said is in this host's log, and has been read from there.
const PATIENCE: Duration = Duration::from_secs(10);

/// Says of somebody, or of everybody, what they may do.
///
/// # Errors
/// The user may not say this, or there is nobody of that name; nothing was said.
pub fn set(
    client: &Client,
    events: &Events,
    target: &str,
    who: &str,
    word: Word,
) -> Result<(), CommandError> {
    let mut sitting = open(client, events, target)?;
    if sitting.roles().creator().is_none() {
        return Err(refused(&format!("{} is everybody's: {WHY_NOT}", sitting.title())));
    }
    let setting = match (who, word.0) {
        (EVERYBODY, Some(role @ (Role::Views | Role::Draws))) => Setting::Everybody(role),
        (EVERYBODY, _) => return Err(CommandError::Other("everybody may view or draw".into())),
        (who, role) => Setting::Person(person(&people(client, &sitting)?, who)?, role),
    };
    let me = client.welcome().user.0;
    if !sitting.roles().may_say(me, setting) {
        return Err(refused(match (sitting.role(), setting) {
            (Role::Moderates, Setting::Person(who, _)) if sitting.roles().creator() == Some(who) => {
                "who made the board moderates it always"
            }
            (Role::Moderates, _) => "only who made the board takes it from a moderator",
            _ => {
                "only moderators say who may do what here; `chalktalk board role` with the board alone names them"
            }
        }));
    }
    sitting.set(setting);
    let progress = Progress::default();
    command::publish_all(client, &mut sitting, events, &progress)?;
    let (until, quiet) = (Instant::now() + PATIENCE, command::QUIET);
    while !holds(&sitting, setting) && Instant::now() < until {
        command::settle(&mut sitting, events, quiet, None, &progress)?;
    }
    Ok(())
}

/// Who may do what: `everybody`, and each person of whom something else is said.
///
/// # Errors
/// The board is not known.
pub fn list(client: &Client, events: &Events, target: &str) -> Result<Value, CommandError> {
    let sitting = open(client, events, target)?;
    let known = people(client, &sitting)?;
    let name = |who: Author| {
        let known = known.iter().find(|person| person.user.0 == who).map(|person| person.name.clone());
        known.filter(|name| !name.is_empty()).unwrap_or_else(|| sitting.name_of(who))
    };
    let roles = sitting.roles();
    let people: Vec<Value> = roles
        .people()
        .into_iter()
        .map(|(who, role)| {
            let creator = roles.creator() == Some(who);
            json!({"user": UserId(who).to_string(), "name": name(who), "role": word(role), "creator": creator})
        })
        .collect();
    Ok(json!({
        "session": sitting.session().to_string(),
        "title": sitting.title(),
        "roles": roles.creator().is_some(),
        "you": word(sitting.role()),
        "everybody": word(roles.everybody()),
        "people": people,
    }))
}

/// As lines for people.
pub fn for_people(list: &Value) -> String {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    if list["roles"] == false {
        return format!("{} is everybody's: {WHY_NOT}\n", text(&list["title"]));
    }
    let mut lines = format!("{:<24} {}\n", EVERYBODY, text(&list["everybody"]));
    for person in list["people"].as_array().into_iter().flatten() {
        let made = if person["creator"] == true { " (made the board)" } else { "" };
        lines += &format!("{:<24} {}{made}\n", text(&person["name"]), text(&person["role"]));
    }
    lines
}

/// Why a board has no roles.
pub(crate) const WHY_NOT: &str =
    "who may draw can be said on boards by invitation (`chalktalk board new NAME --invite USER`)";

fn open(client: &Client, events: &Events, target: &str) -> Result<Sitting, CommandError> {
    let (summary, newcomer) = command::look_up(client, target)?;
    let mut sitting = Sitting::open(client, summary, None)?;
    let quiet = if newcomer { command::QUIET_NEWCOMER } else { command::QUIET };
    let first = newcomer.then_some(command::NEWCOMER);
    command::settle(&mut sitting, events, quiet, first, &Progress::default())?;
    Ok(sitting)
}

fn people(client: &Client, sitting: &Sitting) -> Result<Vec<Belonging>, CommandError> {
    Ok(client.membership(&sitting.session().to_string(), &AppId::whiteboard())?.people)
}

/// Whom a name, or the first digits of a key, means.
fn person(people: &[Belonging], who: &str) -> Result<Author, CommandError> {
    let wanted = who.trim_start_matches('@').to_lowercase();
    let is_key = wanted.len() >= 8 && wanted.bytes().all(|b| b.is_ascii_hexdigit());
    let is_meant = |person: &&Belonging| {
        person.name.to_lowercase() == wanted || (is_key && person.user.to_string().starts_with(&wanted))
    };
    let mut found: Vec<Author> = people.iter().filter(is_meant).map(|person| person.user.0).collect();
    found.sort_unstable();
    found.dedup();
    match found[..] {
        [one] => Ok(one),
        [] => Err(CommandError::Other(format!("nobody in this board is called {who:?}"))),
        _ => Err(CommandError::Other(format!("several people are called {who:?}: give 8 digits of the key"))),
    }
}

fn holds(sitting: &Sitting, setting: Setting) -> bool {
    match setting {
        Setting::Everybody(role) => sitting.roles().everybody() == role,
        Setting::Person(who, role) => sitting.roles().setting(who) == role,
    }
}

fn refused(why: &str) -> CommandError {
    let refusal = Refusal { code: RefusalCode::NotAllowed, message: why.into() };
    CommandError::Client(ClientError::Refused(refusal))
}

fn word(role: Role) -> &'static str {
    match role {
        Role::Views => "view",
        Role::Draws => "draw",
        Role::Moderates => "moderate",
    }
}
