//! From a conversation into a folder: what was offered is fetched and written as something new.
//!
//! Invariant: nothing that exists is overwritten, a file has its name only when it is whole, and no name leads out of the
//! folder.

use super::{Entry, FileError, MAX_MANIFEST, Manifest, ManifestError, Offer, numbered};
use crate::{
    blobs::{Blob, Transferred},
    client::Client,
};
use chalktalk_ipc::{BlobId, OriginId, SessionId};
use std::{
    collections::{BTreeMap, BTreeSet},
    fs::{self, File, OpenOptions},
    io::{self, Read},
    ops::ControlFlow,
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

/// Files of one folder that have the same name; more is somebody's joke.
const MAX_NUMBER: u32 = 10_000;

/// What was written.
#[derive(Debug)]
pub struct Saved {
    /// Where it is.
    pub path: PathBuf,
    /// What of a folder could not be written.
    pub failed: Vec<FileError>,
}

impl Client {
    /// Fetches what was offered in a session, and writes it into a folder under its name; with a number behind it if that is
    /// taken. `from`: who offered it, to be asked first. `progress` is told how far the whole has come; `Break` ends it with
    /// [`crate::ClientError::Cancelled`], and the next try goes on from there.
    ///
    /// # Errors
    /// [`FileError`]; of a folder, what was whole by then stays where it is.
    pub fn save(
        &self,
        session: SessionId,
        offer: &Offer,
        from: Option<OriginId>,
        folder: &Path,
        progress: &mut dyn FnMut(Transferred) -> ControlFlow<()>,
    ) -> Result<Saved, FileError> {
        let mut saving = Saving { client: self, session, from, done: 0, size: offer.blob.size, progress };
        if !offer.folder {
            let path = saving.file(&offer.name, offer.blob, false, folder)?;
            return Ok(Saved { path, failed: Vec::new() });
        }
        let manifest = saving.list(offer)?;
        (saving.done, saving.size) = (0, manifest.size());
        let top = fresh(folder, &offer.name, |path| fs::create_dir(path))?.0;
        let mut failed = Vec::new();
        for (path, entry) in manifest.entries() {
            match saving.entry(&top, path, entry) {
                Err(e @ FileError::Client(_)) => return Err(e),
                Err(e) => failed.push(e),
                Ok(_) => {}
            }
        }
        Ok(Saved { path: top, failed })
    }

    /// What is kept on this host of something that was offered: its blob, and before it those of its files if it is a folder.
    ///
    /// # Errors
    /// As [`Client::blobs`].
    pub fn kept_of(&self, session: SessionId, offer: &Offer) -> Result<Vec<BlobId>, FileError> {
        let kept: BTreeMap<BlobId, bool> =
            self.blobs(Some(session))?.iter().map(|blob| (blob.blob, blob.whole)).collect();
        let mut all = Vec::new();
        if offer.folder && kept.get(&offer.blob.id) == Some(&true) {
            let blobs: BTreeSet<BlobId> =
                self.files_of(session, offer)?.entries().values().map(|entry| entry.blob.id).collect();
            all.extend(blobs.into_iter().filter(|blob| kept.contains_key(blob)));
        }
        all.extend(kept.contains_key(&offer.blob.id).then_some(offer.blob.id));
        Ok(all)
    }

    /// The list of the files of a folder that was offered.
    ///
    /// # Errors
    /// It is none, or cannot be had.
    pub fn files_of(&self, session: SessionId, offer: &Offer) -> Result<Manifest, FileError> {
        let progress = &mut |_| ControlFlow::Continue(());
        Saving { client: self, session, from: None, done: 0, size: offer.blob.size, progress }.list(offer)
    }
}

struct Saving<'a> {
    client: &'a Client,
    session: SessionId,
    from: Option<OriginId>,
    done: u64,
    size: u64,
    progress: &'a mut dyn FnMut(Transferred) -> ControlFlow<()>,
}

impl Saving<'_> {
    fn list(&mut self, offer: &Offer) -> Result<Manifest, FileError> {
        let wrong = |e| FileError::List(offer.name.clone(), e);
        if offer.blob.size > MAX_MANIFEST {
            return Err(wrong(ManifestError::TooMany));
        }
        let mut text = String::new();
        let read = self.fetch(offer.blob)?.read_to_string(&mut text);
        read.map_err(|_| wrong(ManifestError::Malformed))?;
        Manifest::read(&text).map_err(wrong)
    }

    fn entry(&mut self, top: &Path, path: &str, entry: &Entry) -> Result<PathBuf, FileError> {
        let (within, name) = path.rsplit_once('/').unwrap_or(("", path));
        // The folder is new, and so is all that is below it: nothing can lead elsewhere.
        let folder = top.join(within);
        fs::create_dir_all(&folder).map_err(FileError::io("write", &folder))?;
        self.file(name, entry.blob, entry.executable, &folder)
    }

    fn file(
        &mut self,
        name: &str,
        blob: Blob,
        executable: bool,
        folder: &Path,
    ) -> Result<PathBuf, FileError> {
        let mut source = self.fetch(blob)?;
        let mode = if executable { 0o777 } else { 0o666 };
        let make = |path: &Path| OpenOptions::new().write(true).create_new(true).mode(mode).open(path);
        let (path, mut file) = fresh(folder, name, make)?;
        if let Err(e) = io::copy(&mut source, &mut file) {
            // Half a file under its name would pass for the whole.
            let _ = fs::remove_file(&path);
            return Err(FileError::io("write", &path)(e));
        }
        Ok(path)
    }

    fn fetch(&mut self, blob: Blob) -> Result<File, FileError> {
        let (before, size) = (self.done, self.size);
        let file = self.client.fetch_blob(self.session, blob, self.from, |now| {
            let done = before + now.done;
            (self.progress)(Transferred { done, size: size.max(done), holders: now.holders })
        })?;
        self.done += blob.size;
        Ok(file)
    }
}

/// Makes something new in a folder, under its name or, if that is taken, with a number.
fn fresh<T>(
    folder: &Path,
    name: &str,
    make: impl Fn(&Path) -> io::Result<T>,
) -> Result<(PathBuf, T), FileError> {
    for number in 1..MAX_NUMBER {
        let path = folder.join(if number == 1 { name.to_owned() } else { numbered(name, number) });
        match make(&path) {
            Ok(made) => return Ok((path, made)),
            Err(e) if e.kind() == io::ErrorKind::AlreadyExists => {}
            Err(e) => return Err(FileError::io("write", &path)(e)),
        }
    }
    Err(FileError::Taken { folder: folder.to_path_buf(), name: name.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_there_stays_and_the_new_gets_a_number() {
        let folder = std::env::temp_dir().join(format!("chalktalk-save-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let make = |path: &Path| OpenOptions::new().write(true).create_new(true).open(path);
        let names: Vec<PathBuf> = (0..3).map(|_| fresh(&folder, "a.txt", make).unwrap().0).collect();
        assert_eq!(names, ["a.txt", "a (2).txt", "a (3).txt"].map(|name| folder.join(name)));
        let missing = fresh(&folder.join("none"), "a", make).unwrap_err();
        assert!(missing.to_string().starts_with("cannot write "), "{missing}");
        fs::remove_dir_all(folder).unwrap();
    }
}
