//! `file send`: puts what files hold into the session, then says so in a message for each.

use super::meter::Meter;
use crate::{
    args::Format,
    connect::Connection,
    failure::{Failure, complain},
    screen::Screen,
};
use chalktalk_client::{
    Client, Stage, Transferred,
    files::{Offer, Shared},
};
use chalktalk_ipc::{AppId, SessionId, Target, request::From};
use serde::Serialize;
use std::{ops::ControlFlow, path::Path, time::Duration};

/// How long the disk may take for the messages.
const STORED: Duration = Duration::from_secs(30);

/// A file is read however long its disk takes; who does not want to wait can end the command.
const FOREVER: Duration = Duration::from_secs(366 * 86_400);

/// What was sent. The keys are promised.
#[derive(Serialize)]
struct Sent<'a> {
    session: SessionId,
    name: &'a str,
    folder: bool,
    blob: chalktalk_ipc::BlobId,
    size: u64,
}

pub(super) fn send(
    target: &Target,
    paths: &[impl AsRef<Path>],
    format: Format,
    socket: Option<&Path>,
    screen: &mut Screen,
) -> Result<(), Failure> {
    let app = AppId::chat();
    let connection = Connection::observer(socket, app.clone())?;
    let session = connection.enter(target, &app)?.session;
    let Connection { client, events } = connection;
    drop(events);
    client.open(session, From::Now)?;
    let mut sound = true;
    for path in paths.iter().map(AsRef::as_ref) {
        match share(&client, session, path) {
            Ok(offer) => {
                say(&client, session, &offer)?;
                report(&offer, session, format, screen)?;
            }
            Err(failure @ (Failure::NoDaemon(_) | Failure::Refused(_) | Failure::TimedOut(_))) => {
                return Err(failure);
            }
            Err(failure) => {
                failure.message().into_iter().for_each(complain);
                sound = false;
            }
        }
    }
    if sound { Ok(()) } else { Err(Failure::Explained) }
}

fn report(offer: &Offer, session: SessionId, format: Format, screen: &mut Screen) -> Result<(), Failure> {
    let Offer { name, folder, blob, .. } = offer;
    match format.json {
        true => screen.json(&Sent { session, name, folder: *folder, blob: blob.id, size: blob.size })?,
        false => screen.line(&format!("offered {}", offer.for_people()))?,
    }
    screen.flush()
}

fn share(client: &Client, session: SessionId, path: &Path) -> Result<Offer, Failure> {
    let mut meter = Meter::new(&path.display().to_string());
    let mut progress = |now: Transferred| {
        meter.draw(now, FOREVER);
        ControlFlow::Continue(())
    };
    let shared = client.share(session, path, &mut progress);
    drop(meter);
    let Shared { offer, left_out } = shared?;
    for path in left_out {
        complain(format_args!("{}: left out, it is neither a file nor a folder", path.display()));
    }
    Ok(offer)
}

/// Says what is offered, and waits until that is on this host's disk.
fn say(client: &Client, session: SessionId, offer: &Offer) -> Result<(), Failure> {
    let number = client.publish(session, offer.to_string().as_bytes())?;
    client.wait_for(session, number, Stage::Stored, STORED)?;
    Ok(())
}
