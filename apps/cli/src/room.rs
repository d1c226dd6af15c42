//! `room`: create, join, leave, list.

use crate::{
    args::{Enter, Room},
    connect::Connection,
    facts::{self, Sessions, WhichSessions},
    failure::{Failure, complain},
    screen::{Screen, Style, paint},
};
use chalktalk_ipc::{event::SessionSummary, request::SessionKind, text::label};
use std::path::Path;

/// Does what was asked about rooms.
pub(crate) fn run(room: Room, socket: Option<&Path>, screen: &mut Screen) -> Result<(), Failure> {
    match room {
        Room::Create(enter) | Room::Join(enter) => self::enter(&enter, socket, screen),
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

fn enter(enter: &Enter, socket: Option<&Path>, screen: &mut Screen) -> Result<(), Failure> {
    if !enter.invite.is_empty() {
        return Err(Failure::Refused(
            "rooms for invited people need sealed sessions, which this version does not have; \
             without --invite the room is open to everyone on this network"
                .into(),
        ));
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

fn entered(session: &SessionSummary, colour: bool) -> String {
    let id = paint(colour, Style::Quiet, &session.session.to_string());
    format!("joined {} ({})  {id}", label(&session.title), facts::kind(session))
}
