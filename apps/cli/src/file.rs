//! `file`: files and folders offered in a conversation, listed and fetched.
//!
//! Invariant: nothing that exists is overwritten, and no name from the network leads out of the folder that was named.

mod get;
mod meter;
mod send;

use crate::{
    args::{FileCommand, Format},
    connect::Connection,
    failure::Failure,
    messages::past,
    record::{moment, rfc3339},
    screen::{Screen, Style, visible_name},
    table::{Cell, Table},
};
use chalktalk_client::{
    Client, Message,
    files::{Meant, Offer},
};
use chalktalk_ipc::{AppId, BlobId, Position, SessionId, Target, UserId, event::BlobSummary};
use jiff::{Timestamp, tz::TimeZone};
use serde::Serialize;
use std::path::Path;

/// Does what was asked.
pub(crate) fn run(command: FileCommand, socket: Option<&Path>, screen: &mut Screen) -> Result<(), Failure> {
    match command {
        FileCommand::Send { target, paths, format } => send::send(&target, &paths, format, socket, screen),
        FileCommand::List { target, format } => list(&target, format, socket, screen),
        FileCommand::Get { target, what, folder, timeout, format } => {
            let get = get::Get { what: &what, folder: &folder, patience: timeout };
            get.run(&target, format, socket, screen)
        }
        FileCommand::Pause { target, what } => change(&target, &what, Change::Paused(true), socket, screen),
        FileCommand::Resume { target, what } => change(&target, &what, Change::Paused(false), socket, screen),
        FileCommand::Drop { target, what } => change(&target, &what, Change::Dropped, socket, screen),
    }
}

/// An offer, as it is shown. The keys are promised.
#[derive(Serialize, Clone, PartialEq, Debug)]
struct Offered {
    session: SessionId,
    name: String,
    folder: bool,
    blob: BlobId,
    /// Bytes; of a folder, those of its list.
    size: u64,
    about: String,
    user: UserId,
    from: String,
    #[serde(serialize_with = "rfc3339")]
    time: Timestamp,
    /// Whether this host has it.
    here: bool,
    /// Whether this host gives it to nobody for now.
    paused: bool,
    #[serde(skip)]
    offer: Offer,
    #[serde(skip)]
    place: Position,
}

impl Offered {
    fn of(message: &Message, kept: &[BlobSummary]) -> Option<Self> {
        let offer = Offer::read(std::str::from_utf8(&message.payload).ok()?)?;
        let own = kept.iter().find(|blob| blob.blob == offer.blob.id);
        Some(Self {
            session: message.session,
            name: offer.name.clone(),
            folder: offer.folder,
            blob: offer.blob.id,
            size: offer.blob.size,
            about: offer.about.clone(),
            user: message.author.user,
            from: message.author.name.clone(),
            time: moment(message.time),
            here: own.is_some_and(|blob| blob.whole),
            paused: own.is_some_and(|blob| blob.paused),
            place: message.position,
            offer,
        })
    }
}

/// What was offered in a session, the oldest first.
fn offers(client: &Client, session: SessionId) -> Result<Vec<Offered>, Failure> {
    let kept = client.blobs(Some(session))?;
    let messages = past(client, session, 0)?;
    Ok(messages.iter().filter_map(|message| Offered::of(message, &kept)).collect())
}

/// The offer that is meant.
fn choose(what: &str, target: &Target, offers: &[Offered]) -> Result<Offered, Failure> {
    match Meant::find(what, offers, |offered| &offered.offer) {
        Meant::This(offered) => Ok(offered.clone()),
        Meant::Nothing => Err(Failure::Failed(format!(
            "nothing called {what:?} was offered in {target}; `chalktalk file list '{target}'` shows what was"
        ))),
        Meant::Several => Err(Failure::Failed(format!("several files begin with {what}; give more digits"))),
    }
}

/// What becomes of something that is kept on this host.
#[derive(Clone, Copy)]
enum Change {
    Dropped,
    Paused(bool),
}

/// Changes what is kept here of an offer: of a folder, what its list names too.
fn change(
    target: &Target,
    what: &str,
    change: Change,
    socket: Option<&Path>,
    screen: &mut Screen,
) -> Result<(), Failure> {
    let app = AppId::chat();
    let connection = Connection::observer(socket, app.clone())?;
    let session = connection.look_up(target, &app)?;
    let client = &connection.client;
    let offered = choose(what, target, &offers(client, session)?)?;
    let blobs = client.kept_of(session, &offered.offer)?;
    if blobs.is_empty() {
        return Err(Failure::Failed(format!("{} is not kept on this host", offered.name)));
    }
    for blob in blobs {
        match change {
            Change::Dropped => client.drop_blob(session, blob)?,
            Change::Paused(paused) => client.pause_blob(session, blob, paused)?,
        }
    }
    let done = match change {
        Change::Dropped => "dropped",
        Change::Paused(true) => "nobody gets from this host for now:",
        Change::Paused(false) => "this host gives again:",
    };
    screen.line(&format!("{done} {}", offered.offer.for_people()))
}

fn list(target: &Target, format: Format, socket: Option<&Path>, screen: &mut Screen) -> Result<(), Failure> {
    let app = AppId::chat();
    let connection = Connection::observer(socket, app.clone())?;
    let session = connection.look_up(target, &app)?;
    let offers = offers(&connection.client, session)?;
    if format.json {
        return screen.json(&offers);
    }
    let mut table = Table::new(["NAME", "SIZE", "FROM", "TIME", "HERE", "ID"]);
    for offered in &offers {
        let time = offered.time.to_zoned(TimeZone::system()).strftime("%Y-%m-%d %H:%M").to_string();
        let here = match (offered.here, offered.paused) {
            (_, true) => Cell::new("paused", Style::Quiet),
            (true, false) => Cell::new("yes", Style::Good),
            (false, false) => "".into(),
        };
        let name = if offered.folder { format!("{}/", offered.name) } else { offered.name.clone() };
        let id: String = offered.blob.to_string().chars().take(8).collect();
        let from = Cell::new(visible_name(&offered.from), Style::Name);
        let about = offered.about.as_str();
        table.row([name.into(), about.into(), from, time.into(), here, Cell::new(id, Style::Quiet)]);
    }
    screen.put(&table.render(screen.colour()))
}
