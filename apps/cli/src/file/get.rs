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
    Blob, Client, ClientError,
    files::{Entry, MAX_MANIFEST, Manifest, numbered, size_for_people},
};
use chalktalk_ipc::{AppId, OriginId, SessionId, Target};
use serde::Serialize;
use std::{
    fs::{self, File, OpenOptions},
    io::{self, Read},
    ops::ControlFlow,
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    time::Duration,
};

/// Files of one folder that have the same name; more is somebody's joke.
const MAX_NUMBER: u32 = 10_000;

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
        let source = Source { client, session, from: offered.origin, patience: self.patience };
        let path = match offered.folder {
            true => source.get_folder(&offered, self.folder)?,
            false => source.get_file(&offered.name, offered.offer.blob, false, self.folder)?,
        };
        let Offered { name, folder, blob, size, .. } = &offered;
        match format.json {
            true => screen.json(&Got { name, folder: *folder, blob: *blob, size: *size, path: &path })?,
            false => screen.line(&format!("got {}", path.display()))?,
        }
        screen.flush()
    }
}

/// The list of a folder's files, from its blob.
pub(super) fn manifest(
    offered: &Offered,
    fetch: impl FnOnce() -> Result<File, Failure>,
) -> Result<Manifest, Failure> {
    if offered.size > MAX_MANIFEST {
        return Err(Failure::Failed(format!("the list of {}'s files is too long", offered.name)));
    }
    let mut text = String::new();
    fetch()?.read_to_string(&mut text).map_err(|e| Failure::because(&offered.name, e))?;
    Manifest::read(&text).map_err(|e| Failure::because(&offered.name, e))
}

/// Where files come from.
struct Source {
    client: Client,
    session: SessionId,
    from: OriginId,
    patience: Duration,
}

impl Source {
    fn get_folder(&self, offered: &Offered, target: &Path) -> Result<PathBuf, Failure> {
        let manifest = manifest(offered, || self.fetch(&offered.name, offered.offer.blob))?;
        let top = fresh(target, &offered.name, |path| fs::create_dir(path))?.0;
        let mut sound = true;
        for (path, entry) in manifest.entries() {
            if let Err(failure) = self.get_entry(&top, path, entry) {
                match failure {
                    Failure::Failed(text) => complain(text),
                    other => return Err(other),
                }
                sound = false;
            }
        }
        if sound { Ok(top) } else { Err(Failure::Explained) }
    }

    fn get_entry(&self, top: &Path, path: &str, entry: &Entry) -> Result<(), Failure> {
        let (within, name) = path.rsplit_once('/').unwrap_or(("", path));
        // The folder is new, and so is all that is below it: nothing can lead elsewhere.
        let folder = top.join(within);
        fs::create_dir_all(&folder).map_err(|e| cannot_write(&folder, e))?;
        self.get_file(name, entry.blob, entry.executable, &folder).map(drop)
    }

    fn get_file(&self, name: &str, blob: Blob, executable: bool, folder: &Path) -> Result<PathBuf, Failure> {
        let mut source = self.fetch(name, blob)?;
        let mode = if executable { 0o777 } else { 0o666 };
        let make = |path: &Path| OpenOptions::new().write(true).create_new(true).mode(mode).open(path);
        let (path, mut file) = fresh(folder, name, make)?;
        if let Err(e) = io::copy(&mut source, &mut file) {
            // Half a file under its name would pass for the whole.
            let _ = fs::remove_file(&path);
            return Err(cannot_write(&path, e));
        }
        Ok(path)
    }

    fn fetch(&self, name: &str, blob: Blob) -> Result<File, Failure> {
        let mut meter = Meter::new(name);
        let fetched = self.client.fetch_blob(self.session, blob, Some(self.from), |progress| {
            match meter.draw(progress, self.patience) {
                true => ControlFlow::Continue(()),
                false => ControlFlow::Break(()),
            }
        });
        match fetched {
            Err(ClientError::Cancelled) => Err(Failure::TimedOut(format!(
                "{name} ({}) does not come: nobody who has it is on the network now, or they are too slow; what has come is kept, try again later",
                size_for_people(blob.size)
            ))),
            other => Ok(other?),
        }
    }
}

/// Makes something new in a folder, under its name or, if that is taken, with a number.
fn fresh<T>(
    folder: &Path,
    name: &str,
    make: impl Fn(&Path) -> io::Result<T>,
) -> Result<(PathBuf, T), Failure> {
    for number in 1..MAX_NUMBER {
        let path = folder.join(if number == 1 { name.to_owned() } else { numbered(name, number) });
        match make(&path) {
            Ok(made) => return Ok((path, made)),
            Err(e) if e.kind() == io::ErrorKind::AlreadyExists => {}
            Err(e) => return Err(cannot_write(&path, e)),
        }
    }
    Err(Failure::Failed(format!("{} has too many files called {name}", folder.display())))
}

fn cannot_write(path: &Path, error: io::Error) -> Failure {
    Failure::because(format_args!("cannot write {}", path.display()), error)
}
