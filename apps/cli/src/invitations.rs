//! `invite`, `remove`, `members`, `invitations`, `accept`, `decline`: sessions that only invited people enter.

use crate::{
    args::{App, Format, Person, RoomName},
    connect::Connection,
    facts::Fact,
    failure::Failure,
    room,
    screen::{Screen, Style, paint},
    table::{Cell, Table},
    together,
};
use chalktalk_client::{Client, ClientError};
use chalktalk_ipc::{
    AppId, SessionId, Target,
    event::{InvitationSummary, Membership, SessionKey},
    nway::{AppInvitation, Part},
    request::Topic,
    text::label,
};
use serde::Serialize;
use std::path::Path;

/// Invitations that wait for the user's answer.
#[derive(Serialize)]
#[serde(transparent)]
pub(crate) struct Invitations(Vec<InvitationSummary>);

impl Fact for Invitations {
    const TOPICS: &'static [Topic] = &[Topic::Invitations];
    type Choice = ();

    fn fetch(client: &Client, _: &()) -> Result<Self, ClientError> {
        client.invitations().map(Self)
    }

    fn for_people(&self, colour: bool) -> String {
        if self.0.is_empty() {
            return paint(colour, Style::Quiet, "No invitation waits for you.\n");
        }
        let mut table = Table::new(["TITLE", "FROM", "APP", "", "ID"]);
        for invitation in &self.0 {
            table.row([
                Cell::new(label(&invitation.title), Style::Strong),
                label(&invitation.name).into(),
                invitation.app.to_string().into(),
                invitation.nway.as_ref().map_or_else(|| "".into(), remark),
                Cell::new(invitation.session.to_string(), Style::Quiet),
            ]);
        }
        table.render(colour)
    }
}

/// Who belongs to a session, and what seals it.
#[derive(Serialize)]
#[serde(transparent)]
pub(crate) struct MembersOf(Membership);

impl Fact for MembersOf {
    const TOPICS: &'static [Topic] = &[Topic::Sessions, Topic::Who];
    type Choice = (String, AppId);

    fn fetch(client: &Client, (target, app): &(String, AppId)) -> Result<Self, ClientError> {
        client.membership(target, app).map(Self)
    }

    fn for_people(&self, colour: bool) -> String {
        let mut table = Table::new(["NAME", "IS", "KEY"]);
        for person in &self.0.people {
            let you = if person.me { " (you)" } else { "" };
            let standing = match (person.invited, person.present) {
                (true, _) => Cell::new("invited", Style::Quiet),
                (false, true) => "here".into(),
                (false, false) => Cell::new("away", Style::Quiet),
            };
            table.row([
                Cell::new(format!("{}{you}", label(&person.name)), Style::Strong),
                standing,
                Cell::new(format!("{:.8}", person.user.to_string()), Style::Quiet),
            ]);
        }
        let seal = match &self.0.key {
            SessionKey::None => "not sealed: everybody on this network can read it".to_owned(),
            SessionKey::Passphrase => "sealed by the passphrase of this network".to_owned(),
            SessionKey::Pair => "sealed between the two".to_owned(),
            SessionKey::Members { number, name } => {
                format!("sealed for its members, by key {name} (changed {number} times)")
            }
            SessionKey::Changing => {
                "a new key is being made: what you write waits until the others are told".to_owned()
            }
        };
        let past = if self.0.history { "newcomers see its past" } else { "newcomers do not see its past" };
        let seal = if self.0.session.waits { WAITS.to_owned() } else { seal };
        let about = format!("{}: {seal}; {past}\n", label(&self.0.session.title));
        format!("{}{}", table.render(colour), paint(colour, Style::Quiet, &about))
    }
}

/// Of a session that was entered by an invitation which nobody in it knows of, as far as is known.
const WAITS: &str = "nobody in it has confirmed you yet, and what you write waits; if it stays so, ask a member to invite you again";

/// What is to be known of an invitation to run a program together.
fn remark(nway: &AppInvitation) -> Cell {
    let parent = label(&nway.parent_title);
    match nway {
        AppInvitation { lacks, .. } if !lacks.is_empty() => {
            Cell::new(format!("in {parent}; {}", label(lacks)), Style::Warning)
        }
        AppInvitation { own_version: Some(own), version, .. } if own != version => Cell::new(
            format!("in {parent}; version {} there, {} here", label(version), label(own)),
            Style::Warning,
        ),
        _ => format!("in {parent}").into(),
    }
}

/// Asks people into a session.
pub(crate) fn invite(
    target: &RoomName,
    users: &[Person],
    app: &App,
    socket: Option<&Path>,
    screen: &mut Screen,
) -> Result<(), Failure> {
    let names: Vec<String> = users.iter().map(|user| user.0.to_string()).collect();
    Connection::visitor(socket)?.client.invite(&target.0.to_string(), &app.app, &names)?;
    screen.line(&format!("invited {} to {}", names.join(", "), target.0))
}

/// Puts somebody out of a session.
pub(crate) fn remove(
    target: &RoomName,
    user: &Person,
    app: &App,
    socket: Option<&Path>,
    screen: &mut Screen,
) -> Result<(), Failure> {
    Connection::visitor(socket)?.client.remove(&target.0.to_string(), &app.app, &user.0.to_string())?;
    screen.line(&format!("removed {} from {}", user.0, target.0))
}

/// Accepts an invitation.
pub(crate) fn accept(
    id: &RoomName,
    observe: bool,
    format: Format,
    socket: Option<&Path>,
    screen: &mut Screen,
) -> Result<(), Failure> {
    let client = Connection::visitor(socket)?.client;
    let found = find(&client, id)?;
    let part = if observe { Part::Observer } else { Part::Player };
    if let Some(session) = together::take_part(&client, found, part)? {
        let said = together::accepted(&session, screen.colour());
        return if format.json { screen.json(&session) } else { screen.line(&said) };
    }
    let session = client.accept(found)?;
    if format.json { screen.json(&session) } else { screen.line(&room::entered(&session, screen.colour())) }
}

/// Declines one.
pub(crate) fn decline(id: &RoomName, socket: Option<&Path>, screen: &mut Screen) -> Result<(), Failure> {
    let client = Connection::visitor(socket)?.client;
    client.decline(find(&client, id)?)?;
    screen.line(&format!("declined {}", id.0))
}

/// The session of the invitation that is meant.
fn find(client: &Client, id: &RoomName) -> Result<SessionId, Failure> {
    let name = match &id.0 {
        Target::Session(id) => return Ok(*id),
        other => other.to_string(),
    };
    let waiting = client.invitations()?;
    let meant: Vec<&InvitationSummary> =
        waiting.iter().filter(|invitation| invitation.title.to_lowercase() == name.to_lowercase()).collect();
    match &meant[..] {
        [invitation] => Ok(invitation.session),
        [] => {
            Err(Failure::Failed(format!("no invitation to {name} waits; `chalktalk invitations` lists them")))
        }
        _ => Err(Failure::Failed(format!(
            "several invitations to {name} wait; name one by its id: `chalktalk invitations` lists them"
        ))),
    }
}
