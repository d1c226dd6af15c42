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
use chalktalk_client::{Client, Message, files::Offer};
use chalktalk_ipc::{AppId, BlobId, SessionId, Target, UserId, event::BlobSummary};
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
    #[serde(skip)]
    offer: Offer,
    #[serde(skip)]
    origin: chalktalk_ipc::OriginId,
}

impl Offered {
    fn of(message: &Message, kept: &[BlobSummary]) -> Option<Self> {
        let offer = Offer::read(std::str::from_utf8(&message.payload).ok()?)?;
        let here = kept.iter().any(|blob| blob.blob == offer.blob.id && blob.whole);
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
            here,
            origin: message.position.origin,
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
        let here = if offered.here { Cell::new("yes", Style::Good) } else { "".into() };
        let name = if offered.folder { format!("{}/", offered.name) } else { offered.name.clone() };
        let id: String = offered.blob.to_string().chars().take(8).collect();
        let from = Cell::new(visible_name(&offered.from), Style::Name);
        let about = offered.about.as_str();
        table.row([name.into(), about.into(), from, time.into(), here, Cell::new(id, Style::Quiet)]);
    }
    screen.put(&table.render(screen.colour()))
}
