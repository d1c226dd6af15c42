//! `file send`: puts what files hold into the session, then says so in a message for each.

use super::meter::Meter;
use crate::{
    args::Format,
    connect::Connection,
    failure::{Failure, complain},
    screen::Screen,
};
use chalktalk_client::{
    Blob, Client, Stage,
    files::{Manifest, Offer},
};
use chalktalk_ipc::{AppId, SessionId, Target, request::From};
use serde::Serialize;
use std::{
    fs::{self, File},
    ops::ControlFlow,
    os::unix::fs::PermissionsExt,
    path::Path,
    time::Duration,
};

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
    let sender = Sender { client, session };
    let mut sound = true;
    for path in paths.iter().map(AsRef::as_ref) {
        match sender.offer(path) {
            Ok(offer) => {
                sender.say(&offer)?;
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

struct Sender {
    client: Client,
    session: SessionId,
}

impl Sender {
    fn offer(&self, path: &Path) -> Result<Offer, Failure> {
        let name = name_of(path)?;
        if !fs::metadata(path).map_err(|e| cannot_read(path, e))?.is_dir() {
            return Ok(Offer::file(&name, self.put(path)?.0));
        }
        let mut manifest = Manifest::default();
        self.put_folder(path, "", &mut manifest)?;
        if manifest.entries().is_empty() {
            return Err(Failure::Failed(format!("{}: there is no file in it", path.display())));
        }
        let blob = self.client.put_bytes(self.session, manifest.write().as_bytes())?;
        Ok(Offer::folder(&name, &manifest, blob))
    }

    /// Puts what is in a folder and below it. Links are not followed: they may lead anywhere.
    fn put_folder(&self, folder: &Path, within: &str, manifest: &mut Manifest) -> Result<(), Failure> {
        let mut entries: Vec<_> =
            fs::read_dir(folder).and_then(Iterator::collect).map_err(|e| cannot_read(folder, e))?;
        entries.sort_by_key(fs::DirEntry::file_name);
        for entry in entries {
            let (path, kind) = (entry.path(), entry.file_type().map_err(|e| cannot_read(&entry.path(), e))?);
            let inside = format!("{within}{}", entry.file_name().to_string_lossy());
            if kind.is_dir() {
                self.put_folder(&path, &format!("{inside}/"), manifest)?;
            } else if kind.is_file() {
                let (blob, executable) = self.put(&path)?;
                manifest.add(&inside, blob, executable).map_err(|e| Failure::because(path.display(), e))?;
            } else {
                complain(format_args!("{}: left out, it is neither a file nor a folder", path.display()));
            }
        }
        Ok(())
    }

    fn put(&self, path: &Path) -> Result<(Blob, bool), Failure> {
        let file = File::open(path).map_err(|e| cannot_read(path, e))?;
        let facts = file.metadata().map_err(|e| cannot_read(path, e))?;
        if !facts.is_file() {
            return Err(Failure::Failed(format!("{}: it is neither a file nor a folder", path.display())));
        }
        let mut meter = Meter::new(&path.display().to_string());
        let blob = self.client.put_blob(self.session, &file, |progress| {
            meter.draw(progress, FOREVER);
            ControlFlow::Continue(())
        })?;
        Ok((blob, facts.permissions().mode() & 0o100 != 0))
    }

    /// Says what is offered, and waits until that is on this host's disk.
    fn say(&self, offer: &Offer) -> Result<(), Failure> {
        let number = self.client.publish(self.session, offer.to_string().as_bytes())?;
        self.client.wait_for(self.session, number, Stage::Stored, STORED)?;
        Ok(())
    }
}

/// The name to offer something under, also of `.` and `..`.
fn name_of(path: &Path) -> Result<String, Failure> {
    let whole = fs::canonicalize(path).map_err(|e| cannot_read(path, e))?;
    // A link is offered under its own name.
    let name = path.file_name().or_else(|| whole.file_name());
    Ok(name.map_or_else(|| "files".to_owned(), |name| name.to_string_lossy().into_owned()))
}

fn cannot_read(path: &Path, error: std::io::Error) -> Failure {
    Failure::because(format_args!("cannot read {}", path.display()), error)
}
