//! Notices at once when somebody registers an app or changes a policy.
//!
//! Invariant: nothing depends on it but how soon a change is seen; folders that were not there are looked at every few seconds
//! all the same.

use rustix::fs::inotify::{self, CreateFlags, Reader, WatchFlags};
use std::{io, mem::MaybeUninit, path::PathBuf, thread};

/// Calls `changed`, on a thread of its own, after each change in one of these folders, for as long as it returns true.
///
/// # Errors
/// When the system has no descriptor or no thread left.
pub fn watch(folders: &[PathBuf], changed: impl Fn() -> bool + Send + 'static) -> io::Result<()> {
    let inotify = inotify::init(CreateFlags::CLOEXEC)?;
    let events = WatchFlags::CLOSE_WRITE | WatchFlags::MOVED_TO | WatchFlags::MOVED_FROM | WatchFlags::DELETE;
    let mut watched = 0;
    for folder in folders {
        watched += usize::from(inotify::add_watch(&inotify, folder, events).is_ok());
    }
    if watched == 0 {
        return Ok(());
    }
    let wait = move || {
        let mut buffer = [MaybeUninit::uninit(); 4096];
        let mut reader = Reader::new(&inotify, &mut buffer);
        while reader.next().is_ok() {
            // What comes in one go is one change.
            if reader.is_buffer_empty() && !changed() {
                return;
            }
        }
    };
    thread::Builder::new().name("watching".into()).spawn(wait).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{fs, sync::mpsc::channel, time::Duration};

    #[test]
    fn a_file_that_is_put_there_or_taken_away_is_noticed() {
        let dir = tempfile::tempdir().unwrap();
        let (sender, changes) = channel();
        let folders = [dir.path().join("missing"), dir.path().to_path_buf()];
        watch(&folders, move || sender.send(()).is_ok()).unwrap();
        for change in
            [fs::write as fn(PathBuf, &'static str) -> io::Result<()>, |path, _| fs::remove_file(path)]
        {
            change(dir.path().join("a.toml"), "x").unwrap();
            changes.recv_timeout(Duration::from_secs(10)).expect("it is noticed");
        }
    }
}
