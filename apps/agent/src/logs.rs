//! What launched programs print: one file per app and session under the state folder.
//!
//! The programs write the file themselves, so that they outlive the agent; the agent empties a file that has grown
//! too large. They append, so a file that was emptied starts again at its beginning.
//!
//! Invariant: while an agent runs, the log folder stays below about [`MAX_LOGS`] × [`MAX_LOG`] bytes.

use chalktalk_ipc::{AppId, SessionId, text};
use std::{
    fs::{self, File, OpenOptions},
    io::{self, Read, Seek, SeekFrom},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
    time::SystemTime,
};

/// A log is emptied when it has grown past this: a day of sensible warnings is far less.
pub const MAX_LOG: u64 = 1 << 20;

/// The oldest logs beyond this many are deleted.
pub const MAX_LOGS: usize = 64;

/// The last line is looked for in this many bytes at the end.
const TAIL: u64 = 4096;

/// The longest last line that is reported, in characters.
const MAX_LINE: usize = 200;

/// The folder of logs.
#[derive(Clone, Debug)]
pub struct Logs {
    folder: PathBuf,
}

impl Logs {
    /// Logs in a folder `logs` below the state folder.
    pub fn below(state: &Path) -> Self {
        Self { folder: state.join("logs") }
    }

    /// Opens the log of one app in one session for appending, and makes room for it.
    pub fn open(&self, app: &AppId, session: SessionId) -> io::Result<(PathBuf, File)> {
        fs::DirBuilder::new().recursive(true).mode(0o700).create(&self.folder)?;
        self.prune(MAX_LOGS - 1);
        let path = self.folder.join(format!("{app}-{session}.log"));
        let file = OpenOptions::new().append(true).create(true).mode(0o600).open(&path)?;
        Ok((path, file))
    }

    /// Empties logs that have grown too large.
    pub fn bound(&self) {
        for (path, about) in self.files() {
            if about.len() > MAX_LOG
                && let Ok(file) = OpenOptions::new().write(true).open(path)
            {
                // A failure leaves a large log behind, and the next round tries again.
                let _ = file.set_len(0);
            }
        }
    }

    /// Deletes the oldest logs until `keep` are left.
    fn prune(&self, keep: usize) {
        let age = |about: &fs::Metadata| about.modified().unwrap_or(SystemTime::UNIX_EPOCH);
        let mut files = self.files();
        files.sort_by_key(|(_, about)| std::cmp::Reverse(age(about)));
        for (path, _) in files.into_iter().skip(keep) {
            let _ = fs::remove_file(path);
        }
    }

    fn files(&self) -> Vec<(PathBuf, fs::Metadata)> {
        let entries = fs::read_dir(&self.folder).into_iter().flatten().flatten();
        entries
            .map(|entry| entry.path())
            .filter(|path| path.extension().is_some_and(|e| e == "log"))
            .filter_map(|path| {
                fs::symlink_metadata(&path).ok().filter(fs::Metadata::is_file).map(|m| (path, m))
            })
            .collect()
    }
}

/// The last lines with something in them that were written at or after `start`, fit for display.
pub fn last_lines(path: &Path, start: u64, most: usize) -> Vec<String> {
    let text = tail(path, start).unwrap_or_default();
    let said: Vec<&str> = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    let last = &said[said.len().saturating_sub(most)..];
    last.iter().map(|line| line.chars().take(MAX_LINE).collect()).collect()
}

/// Whether a line that contains this was written at or after `start`.
pub fn has_line(path: &Path, start: u64, wanted: &str) -> bool {
    let Ok(mut file) = File::open(path) else { return false };
    let mut bytes = Vec::new();
    let read = file.seek(SeekFrom::Start(start)).and_then(|_| file.take(MAX_LOG).read_to_end(&mut bytes));
    read.is_ok() && String::from_utf8_lossy(&bytes).lines().any(|line| line.contains(wanted))
}

fn tail(path: &Path, start: u64) -> Option<String> {
    let mut file = File::open(path).ok()?;
    let end = file.metadata().ok()?.len();
    file.seek(SeekFrom::Start(start.max(end.saturating_sub(TAIL)))).ok()?;
    let mut bytes = Vec::new();
    file.take(TAIL).read_to_end(&mut bytes).ok()?;
    Some(text::printable(&String::from_utf8_lossy(&bytes)).replace('\t', " "))
}

/// The last line with something in it that was written at or after `start`, fit for display.
pub fn last_line(path: &Path, start: u64) -> Option<String> {
    last_lines(path, start, 1).pop()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    #[test]
    fn the_last_line_is_found_cleaned_and_only_from_this_launch() {
        let dir = tempfile::tempdir().unwrap();
        let logs = Logs::below(dir.path());
        let (path, mut file) = logs.open(&AppId::chat(), SessionId([7; 16])).unwrap();
        file.write_all(b"of an earlier launch\n").unwrap();
        let start = file.metadata().unwrap().len();
        assert_eq!(last_line(&path, start), None);
        file.write_all(b"first\n  cannot open \x1b[31mdisplay\xff  \n\n").unwrap();
        assert_eq!(last_line(&path, start).unwrap(), "cannot open \u{fffd}[31mdisplay\u{fffd}");
        file.write_all(&[b'x'; 10_000]).unwrap();
        assert_eq!(last_line(&path, start).unwrap().len(), MAX_LINE);
    }

    #[test]
    fn logs_are_bounded_in_size_and_number() {
        let dir = tempfile::tempdir().unwrap();
        let logs = Logs::below(dir.path());
        let (path, mut file) = logs.open(&AppId::chat(), SessionId([0; 16])).unwrap();
        file.write_all(&vec![b'x'; MAX_LOG as usize + 1]).unwrap();
        logs.bound();
        assert_eq!(fs::metadata(&path).unwrap().len(), 0);
        file.write_all(b"goes on").unwrap();
        assert_eq!(fs::metadata(&path).unwrap().len(), 7, "appended at the new end");
        for n in 0..MAX_LOGS as u8 + 10 {
            logs.open(&AppId::chat(), SessionId([n; 16])).unwrap();
        }
        assert_eq!(logs.files().len(), MAX_LOGS);
    }
}
