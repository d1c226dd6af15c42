//! Files that are whole or not there.
//!
//! Invariant: what is written lies beside its place, under another name, until it is on the disk; whatever goes wrong, that is removed again.

use crate::progress::{Progress, Stopped};
use rustix::fs::{CWD, RenameFlags, renameat_with};
use std::{
    fs::{self, File},
    io::{self, ErrorKind, Write},
    path::{Path, PathBuf},
};

/// Between two pieces one hears a stop.
const PIECE: usize = 1 << 20;

/// Writes a file, in the place of one that is there.
///
/// # Errors
/// The disk, or a stop ([`ErrorKind::Interrupted`]); what was there is as it was.
pub(crate) fn write(path: &Path, bytes: &[u8], progress: &Progress) -> io::Result<()> {
    // A link stays a link, and who may read a file stays who may.
    let path = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let known = fs::metadata(&path).ok();
    if known.as_ref().is_some_and(|known| !known.is_file()) {
        // A pipe or a device has no other place.
        return fs::write(&path, bytes);
    }
    let beside = Beside::write(&path, bytes, progress)?;
    if let Some(known) = known {
        fs::set_permissions(&beside.0, known.permissions())?;
    }
    fs::rename(&beside.0, &path)
}

/// Writes a file where there is none.
///
/// # Errors
/// As [`write`]; or there is one ([`ErrorKind::AlreadyExists`]).
pub(crate) fn write_new(path: &Path, bytes: &[u8], progress: &Progress) -> io::Result<()> {
    if path.symlink_metadata().is_ok() {
        return Err(ErrorKind::AlreadyExists.into());
    }
    let beside = Beside::write(path, bytes, progress)?;
    Ok(renameat_with(CWD, &beside.0, CWD, path, RenameFlags::NOREPLACE)?)
}

/// A file that is not in its place yet; removed with this, if it still is where it was.
struct Beside(PathBuf);

impl Beside {
    fn write(path: &Path, bytes: &[u8], progress: &Progress) -> io::Result<Self> {
        let name = path.file_name().ok_or(ErrorKind::InvalidFilename)?.to_string_lossy();
        let beside = path.with_file_name(format!(".{name}.{}.part", std::process::id()));
        let mut file = File::create(&beside)?;
        let this = Self(beside);
        let stopped = |_: Stopped| io::Error::from(ErrorKind::Interrupted);
        progress.begin("Bytes written", bytes.len()).map_err(stopped)?;
        for piece in bytes.chunks(PIECE) {
            file.write_all(piece)?;
            progress.step(piece.len()).map_err(stopped)?;
        }
        file.sync_data()?;
        progress.step(0).map_err(stopped)?;
        Ok(this)
    }
}

impl Drop for Beside {
    fn drop(&mut self) {
        // It is in its place, most of the time.
        let _ = fs::remove_file(&self.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::{PermissionsExt, symlink};

    fn names(folder: &Path) -> Vec<String> {
        let mut names: Vec<String> = fs::read_dir(folder)
            .unwrap()
            .map(|file| file.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    #[test]
    fn who_stops_in_the_middle_leaves_what_was_there_and_nothing_else() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("board.svg");
        write(&file, b"first", &Progress::default()).unwrap();
        let stopped = Progress::default();
        stopped.stop();
        let long = vec![7; 3 * PIECE];
        for result in [write(&file, &long, &stopped), write_new(&dir.path().join("new.svg"), &long, &stopped)]
        {
            assert_eq!(result.unwrap_err().kind(), ErrorKind::Interrupted);
        }
        assert_eq!(
            (fs::read(&file).unwrap(), names(dir.path())),
            (b"first".to_vec(), vec!["board.svg".into()])
        );
    }

    #[test]
    fn a_file_takes_the_place_of_one_only_where_it_may() {
        let dir = tempfile::tempdir().unwrap();
        let (file, link) = (dir.path().join("board.svg"), dir.path().join("link.svg"));
        let progress = Progress::default();
        write_new(&file, b"first", &progress).unwrap();
        assert_eq!(write_new(&file, b"second", &progress).unwrap_err().kind(), ErrorKind::AlreadyExists);
        fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
        symlink("board.svg", &link).unwrap();
        write(&link, b"third", &progress).unwrap();
        assert_eq!(fs::read(&file).unwrap(), b"third");
        assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
        assert!(link.symlink_metadata().unwrap().is_symlink());
        assert_eq!(names(dir.path()), ["board.svg", "link.svg"]);
    }
}
