//! `room`: create, join, leave, list.

use crate::{
    args::{Enter, Room},
    connect::Connection,
    facts::{self, Sessions, WhichSessions},
    failure::{Failure, complain},
    screen::{Screen, Style, paint},
};
use chalktalk_ipc::{Target, event::SessionSummary, request::SessionKind, text::label};
use std::path::Path;

/// Does what was asked about rooms.
pub(crate) fn run(room: Room, socket: Option<&Path>, screen: &mut Screen) -> Result<(), Failure> {
    match room {
        Room::Create(enter) => self::enter(&enter, true, socket, screen),
        Room::Join(enter) => self::enter(&enter, false, socket, screen),
        Room::Leave { name, app } => {
            Connection::visitor(socket)?.client.leave(&name.0.to_string(), &app.app)?;
            screen.line(&format!("left {}", name.0))
        }
        Room::List { app, facts } => {
            let which = WhichSessions::RoomsOf(app.app);
            facts::show::<Sessions>(&Connection::visitor(socket)?, &which, facts, screen)
        }
    }
}

fn enter(enter: &Enter, new: bool, socket: Option<&Path>, screen: &mut Screen) -> Result<(), Failure> {
    if !enter.invite.is_empty() {
        return create(enter, new, socket, screen);
    }
    let kind = if enter.live { SessionKind::Live } else { SessionKind::Kept };
    let target = enter.name.0.to_string();
    let client = Connection::visitor(socket)?.client;
    let session = client.join(&target, &enter.app.app, kind, !enter.no_history)?;
    if enter.live && session.kind != kind {
        complain(format_args!("{target} exists already and is kept, not live; it stays as it is"));
    }
    if enter.format.json { screen.json(&session) } else { screen.line(&entered(&session, screen.colour())) }
}

/// Makes a room by invitation.
fn create(enter: &Enter, new: bool, socket: Option<&Path>, screen: &mut Screen) -> Result<(), Failure> {
    let Target::Room(title) = &enter.name.0 else {
        return Err(Failure::Refused("a new room needs a name, not a GUID".into()));
    };
    if !new {
        return Err(Failure::Refused(format!(
            "--invite makes a room: `chalktalk room create`; to ask others into one you are in, `chalktalk invite '{}'`",
            enter.name.0
        )));
    }
    let kind = if enter.live { SessionKind::Live } else { SessionKind::Kept };
    let client = Connection::visitor(socket)?.client;
    let session = client.create(title, &enter.app.app, kind, !enter.no_history, &enter.invite)?;
    if enter.format.json { screen.json(&session) } else { screen.line(&entered(&session, screen.colour())) }
}

pub(crate) fn entered(session: &SessionSummary, colour: bool) -> String {
    let id = paint(colour, Style::Quiet, &session.session.to_string());
    format!("joined {} ({})  {id}", label(&session.title), facts::kind(session))
}
