//! Taking a file in: a program has handed over a descriptor; its bytes are copied, hashed and kept.
//!
//! Each on a thread of its own: a file may be on a disk that never answers, and then nobody waits but who put it.
//!
//! Invariant: what is kept is what was hashed. What the file says later changes nothing.

use super::files::Files;
use chalktalk_ipc::{MAX_BLOB, Refusal, RefusalCode, SessionId, UserId};
use chalktalk_protocol::blob::{
    Blob,
    tree::{Builder, PIECE},
};
use rustix::fs::{FileType, fstat};
use std::{
    fs::{self, File},
    io,
    os::{fd::OwnedFd, unix::fs::FileExt},
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

/// What is taken in, and for whom.
pub(super) struct Taking {
    pub(super) session: SessionId,
    pub(super) user: UserId,
    pub(super) file: OwnedFd,
    /// Nobody wants it any more.
    pub(super) cancelled: Arc<AtomicBool>,
}

impl Taking {
    /// Does it; `progress` is told how many bytes of how many are done.
    pub(super) fn run(self, files: &Arc<Files>, progress: impl FnMut(u64, u64)) -> Result<Blob, Refusal> {
        let size = size_of_regular(&self.file)?;
        let mut room = files.room(self.user, size, false)?;
        let (path, target) = files.fresh().map_err(disk)?;
        let source = File::from(self.file);
        let copied = copy(&source, &target, size, &self.cancelled, |bytes| room.wrote(bytes), progress);
        let kept = copied.and_then(|builder| {
            let tree = builder.finish();
            files.adopt(self.session, &tree, self.user, (&path, &target)).map_err(disk)?;
            Ok(tree.blob())
        });
        if kept.is_err() {
            remove(&path);
        }
        kept
    }
}

fn size_of_regular(file: &OwnedFd) -> Result<u64, Refusal> {
    let facts = fstat(file).map_err(|e| refuse(&format!("the file cannot be looked at: {e}")))?;
    if FileType::from_raw_mode(facts.st_mode) != FileType::RegularFile {
        return Err(refuse("only regular files can be put; a folder is put file by file"));
    }
    let size = u64::try_from(facts.st_size).unwrap_or(0);
    if size > MAX_BLOB {
        return Err(refuse(&format!("the file is larger than {} GiB", MAX_BLOB >> 30)));
    }
    Ok(size)
}

fn copy(
    source: &File,
    target: &File,
    size: u64,
    cancelled: &AtomicBool,
    mut wrote: impl FnMut(u64),
    mut progress: impl FnMut(u64, u64),
) -> Result<Builder, Refusal> {
    let mut builder = Builder::default();
    let mut piece = vec![0; PIECE];
    let mut at = 0;
    loop {
        if cancelled.load(Ordering::Relaxed) {
            return Err(refuse("it was cancelled"));
        }
        let read = read_piece(source, &mut piece, at)
            .map_err(|e| refuse(&format!("the file cannot be read: {e}")))?;
        if at + read as u64 > size || read < PIECE && at + (read as u64) < size {
            return Err(refuse("the file changed while it was read; put it again"));
        }
        if read == 0 {
            return Ok(builder);
        }
        builder.push(&piece[..read]);
        target.write_all_at(&piece[..read], at).map_err(disk)?;
        at += read as u64;
        wrote(read as u64);
        progress(at, size);
        if read < PIECE {
            return Ok(builder);
        }
    }
}

/// As much as there is from a place on, up to a piece.
fn read_piece(source: &File, piece: &mut [u8], at: u64) -> io::Result<usize> {
    let mut read = 0;
    while read < piece.len() {
        match source.read_at(&mut piece[read..], at + read as u64) {
            Ok(0) => break,
            Ok(n) => read += n,
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) => return Err(e),
        }
    }
    Ok(read)
}

fn remove(path: &Path) {
    // What stays behind is removed at the next start.
    let _ = fs::remove_file(path);
}

pub(super) fn disk(error: io::Error) -> Refusal {
    Refusal::new(RefusalCode::Storage, format!("the file cannot be kept: {error}"))
}

fn refuse(message: &str) -> Refusal {
    Refusal::new(RefusalCode::BadRequest, message)
}
