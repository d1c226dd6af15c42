//! From a folder into a conversation: what a path holds becomes blobs, and an offer of them.
//!
//! Invariant: nothing is offered that was not named: links within a folder are not followed.

use super::{FileError, MAX_FILES, Manifest, ManifestError, Offer};
use crate::{
    blobs::{Blob, Transferred},
    client::Client,
};
use chalktalk_ipc::SessionId;
use std::{
    fs::{self, File},
    ops::ControlFlow,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

/// What became of a path.
#[derive(Debug)]
pub struct Shared {
    /// What to say, for others to fetch it.
    pub offer: Offer,
    /// What was left out of a folder, because it is neither a file nor a folder.
    pub left_out: Vec<PathBuf>,
}

impl Client {
    /// Keeps a file, or a folder with all that is below it, as blobs of a session. Others can fetch it once the offer was
    /// said there. `progress` is told how far it has come; `Break` ends it with [`crate::ClientError::Cancelled`].
    ///
    /// # Errors
    /// [`FileError`]; nothing is offered then.
    pub fn share(
        &self,
        session: SessionId,
        path: &Path,
        progress: &mut dyn FnMut(Transferred) -> ControlFlow<()>,
    ) -> Result<Shared, FileError> {
        let name = name_of(path)?;
        let facts = fs::metadata(path).map_err(FileError::io("read", path))?;
        let mut sharing = Sharing { client: self, session, done: 0, size: facts.len(), progress };
        if !facts.is_dir() {
            let blob = sharing.put(path)?.0;
            return Ok(Shared { offer: Offer::file(&name, blob), left_out: Vec::new() });
        }
        let mut found = Found::default();
        found.walk(path, "")?;
        if found.files.is_empty() {
            return Err(FileError::Empty(path.to_path_buf()));
        }
        let of_list = |e: ManifestError| FileError::List(path.display().to_string(), e);
        sharing.size = found.bytes;
        let mut manifest = Manifest::default();
        for (inside, path) in &found.files {
            let (blob, executable) = sharing.put(path)?;
            manifest.add(inside, blob, executable).map_err(of_list)?;
        }
        let blob = self.put_bytes(session, manifest.write().as_bytes())?;
        Ok(Shared { offer: Offer::folder(&name, &manifest, blob), left_out: found.left_out })
    }
}

struct Sharing<'a> {
    client: &'a Client,
    session: SessionId,
    done: u64,
    size: u64,
    progress: &'a mut dyn FnMut(Transferred) -> ControlFlow<()>,
}

impl Sharing<'_> {
    /// One file, and whether it is a program.
    fn put(&mut self, path: &Path) -> Result<(Blob, bool), FileError> {
        let file = File::open(path).map_err(FileError::io("read", path))?;
        let facts = file.metadata().map_err(FileError::io("read", path))?;
        if !facts.is_file() {
            return Err(FileError::Odd(path.to_path_buf()));
        }
        let (before, size) = (self.done, self.size);
        let blob = self.client.put_blob(self.session, &file, |now| {
            let done = before + now.done;
            (self.progress)(Transferred { done, size: size.max(done), holders: now.holders })
        })?;
        self.done += blob.size;
        Ok((blob, facts.permissions().mode() & 0o100 != 0))
    }
}

/// What is in a folder and below it.
#[derive(Default)]
struct Found {
    /// By the path in the folder, where each is.
    files: Vec<(String, PathBuf)>,
    bytes: u64,
    left_out: Vec<PathBuf>,
}

impl Found {
    fn walk(&mut self, folder: &Path, within: &str) -> Result<(), FileError> {
        let read = fs::read_dir(folder).and_then(Iterator::collect);
        let mut entries: Vec<fs::DirEntry> = read.map_err(FileError::io("read", folder))?;
        entries.sort_by_key(fs::DirEntry::file_name);
        for entry in entries {
            let path = entry.path();
            let facts = entry.metadata().map_err(FileError::io("read", &path))?;
            let inside = format!("{within}{}", entry.file_name().to_string_lossy());
            if facts.is_dir() {
                self.walk(&path, &format!("{inside}/"))?;
            } else if facts.is_file() {
                self.bytes = self.bytes.saturating_add(facts.len());
                self.files.push((inside, path));
            } else {
                self.left_out.push(path);
            }
            if self.files.len() > MAX_FILES {
                return Err(FileError::List(folder.display().to_string(), ManifestError::TooMany));
            }
        }
        Ok(())
    }
}

/// The name to offer something under, also of `.` and `..`.
fn name_of(path: &Path) -> Result<String, FileError> {
    let whole = fs::canonicalize(path).map_err(FileError::io("read", path))?;
    // A link is offered under its own name.
    let name = path.file_name().or_else(|| whole.file_name());
    Ok(name.map_or_else(|| "files".to_owned(), |name| name.to_string_lossy().into_owned()))
}
