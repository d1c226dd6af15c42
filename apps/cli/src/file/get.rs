//! `file get`: fetches what was offered and writes it into a folder.
//!
//! Invariant: a file appears under its name only as a new one.

use super::{Offered, choose, meter::Meter, offers};
use crate::{
    args::Format,
    connect::Connection,
    failure::{Failure, complain},
    screen::Screen,
};
use chalktalk_client::{
    Client, Transferred,
    chat::{Kind, Place, Saying},
    files::size_for_people,
};
use chalktalk_ipc::{AppId, SessionId, Target, request::From};
use serde::Serialize;
use std::{ops::ControlFlow, path::Path, time::Duration};

/// What to fetch, and where it goes.
pub(super) struct Get<'a> {
    pub(super) what: &'a str,
    pub(super) folder: &'a Path,
    pub(super) patience: Duration,
}

/// What was fetched. The keys are promised.
#[derive(Serialize)]
struct Got<'a> {
    name: &'a str,
    folder: bool,
    blob: chalktalk_ipc::BlobId,
    size: u64,
    path: &'a Path,
}

impl Get<'_> {
    pub(super) fn run(
        &self,
        target: &Target,
        format: Format,
        socket: Option<&Path>,
        screen: &mut Screen,
    ) -> Result<(), Failure> {
        if !self.folder.is_dir() {
            return Err(Failure::Failed(format!("{} is no folder", self.folder.display())));
        }
        let app = AppId::chat();
        let connection = Connection::observer(socket, app.clone())?;
        let session = connection.look_up(target, &app)?;
        let Connection { client, events } = connection;
        drop(events);
        let offered = choose(self.what, target, &offers(&client, session)?)?;
        let mut meter = Meter::new(&offered.name);
        let mut progress = |now: Transferred| match meter.draw(now, self.patience) {
            true => ControlFlow::Continue(()),
            false => ControlFlow::Break(()),
        };
        let from = Some(offered.place.origin);
        let saved = client.save(session, &offered.offer, from, self.folder, &mut progress);
        drop(meter);
        let saved = match saved {
            Err(e) if e.is_cancelled() => return Err(too_slow(&offered)),
            other => other?,
        };
        say_so(&client, session, &offered)?;
        let Offered { name, folder, blob, size, .. } = &offered;
        match format.json {
            true => {
                screen.json(&Got { name, folder: *folder, blob: *blob, size: *size, path: &saved.path })?
            }
            false => screen.line(&format!("got {}", saved.path.display()))?,
        }
        screen.flush()?;
        saved.failed.iter().for_each(complain);
        if saved.failed.is_empty() { Ok(()) } else { Err(Failure::Explained) }
    }
}

/// Who looks for a holder knows by it where the file is, besides where it was offered.
fn say_so(client: &Client, session: SessionId, offered: &Offered) -> Result<(), Failure> {
    if offered.here {
        return Ok(());
    }
    let got = Saying::new("(has the file)", Kind::Got { of: Place(offered.place) });
    client.open(session, From::Now)?;
    client.publish(session, &got.payload().unwrap_or_default())?;
    let _ = client.flush(SAID);
    Ok(())
}

/// How long the daemon may take to hear it: nothing is lost if it does not.
const SAID: Duration = Duration::from_secs(2);

fn too_slow(offered: &Offered) -> Failure {
    Failure::TimedOut(format!(
        "{} ({}) does not come: nobody who has it is on the network now, or they are too slow; what has come is kept, try again later",
        offered.name,
        size_for_people(offered.size)
    ))
}
