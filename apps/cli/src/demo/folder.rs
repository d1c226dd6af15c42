//! The demo's own folder under the temporary one: it goes when the demo goes, unless it is wanted as evidence.

use crate::failure::Failure;
use rustix::process::{Pid, Signal, kill_process};
use std::{
    cell::Cell,
    env,
    fs::{self, DirBuilder},
    io,
    os::unix::{ffi::OsStrExt, fs::DirBuilderExt},
    path::{Path, PathBuf},
    process, thread,
    time::{Duration, Instant},
};

/// A program that has not ended this long after it was asked to is ended by force.
const GRACE: Duration = Duration::from_secs(3);

/// A folder that is removed with what it holds.
pub(super) struct Folder {
    path: PathBuf,
    kept: Cell<bool>,
}

impl Folder {
    /// Makes a new one that only this user can enter.
    pub(super) fn create() -> Result<Self, Failure> {
        // Short: a socket's path below it may have 107 bytes at most.
        let base = env::temp_dir();
        for number in 0..u32::MAX {
            let path = base.join(format!("chalktalk-demo-{}-{number}", process::id()));
            match DirBuilder::new().mode(0o700).create(&path) {
                Ok(()) => return Ok(Self { path, kept: Cell::new(false) }),
                Err(e) if e.kind() == io::ErrorKind::AlreadyExists => {}
                Err(e) => return Err(Failure::because(base.display(), e)),
            }
        }
        Err(Failure::Failed(format!("{} is full of demos", base.display())))
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Leaves it there for somebody to look into.
    pub(super) fn keep(&self) -> &Path {
        self.kept.set(true);
        &self.path
    }

    /// Ends what still runs in here: programs that the demo's daemons started and that outlive them by design.
    pub(super) fn end_processes(&self) {
        let force_at = Instant::now() + GRACE;
        loop {
            let running = self.processes();
            let signal = if Instant::now() < force_at { Signal::TERM } else { Signal::KILL };
            for pid in &running {
                // It may have ended since it was seen: that is what is wanted.
                let _ = kill_process(*pid, signal);
            }
            if running.is_empty() || signal == Signal::KILL {
                return;
            }
            thread::sleep(Duration::from_millis(20));
        }
    }

    /// The processes that were told in their environment to live in this folder. Nobody else can have its name.
    fn processes(&self) -> Vec<Pid> {
        let Ok(all) = fs::read_dir("/proc") else { return Vec::new() };
        let pids = all.flatten().filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok());
        pids.filter(|pid| self.is_home_of(*pid)).filter_map(Pid::from_raw).collect()
    }

    fn is_home_of(&self, pid: i32) -> bool {
        let wanted = [b"XDG_STATE_HOME=", self.path.as_os_str().as_bytes(), b"/"].concat();
        fs::read(format!("/proc/{pid}/environ"))
            .is_ok_and(|environ| environ.split(|b| *b == 0).any(|variable| variable.starts_with(&wanted)))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if !self.kept.get() {
            // What cannot be removed is temporary anyway.
            let _ = fs::remove_dir_all(&self.path);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::Command;

    #[test]
    fn it_goes_unless_it_is_kept() {
        let folder = Folder::create().unwrap();
        let path = folder.path().to_path_buf();
        fs::write(path.join("file"), "x").unwrap();
        drop(folder);
        assert!(!path.join("file").exists(), "(another test may have taken the name meanwhile)");

        let folder = Folder::create().unwrap();
        let path = folder.keep().to_path_buf();
        drop(folder);
        assert!(path.exists());
        fs::remove_dir(path).unwrap();
    }

    #[test]
    fn what_lives_in_it_is_ended_and_nothing_else() {
        let folder = Folder::create().unwrap();
        let sleeper =
            |state: &Path| Command::new("sleep").arg("60").env("XDG_STATE_HOME", state).spawn().unwrap();
        let mut inside = sleeper(&folder.path().join("host/state"));
        let mut outside = sleeper(Path::new("/nowhere"));
        while !folder.is_home_of(inside.id() as i32) {
            thread::sleep(Duration::from_millis(1));
        }
        let waiter = thread::spawn(move || inside.wait().unwrap());
        folder.end_processes();
        assert!(!waiter.join().unwrap().success());
        assert!(outside.try_wait().unwrap().is_none(), "a process elsewhere was ended too");
        outside.kill().unwrap();
        outside.wait().unwrap();
    }
}
