//! One daemon per state directory: a lock that the kernel lets go of when the process ends, however it ends.
//!
//! Invariant: while a [`Lock`] exists, no other process holds one for the same folder; whoever holds it may remove
//! a socket file that a dead daemon left behind.

use std::{
    fs::{File, TryLockError},
    io::{self, Read, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

const FILE: &str = "lock";

/// Held for as long as the daemon lives.
#[derive(Debug)]
pub struct Lock {
    _file: File,
}

/// Why a folder could not be locked.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// Another daemon lives there.
    #[error(
        "another chalktalkd (process {pid}) uses {folder}; end it, or give this one another XDG_STATE_HOME"
    )]
    Taken {
        /// Its process id, as it wrote it, or `unknown`.
        pid: String,
        /// The folder.
        folder: PathBuf,
    },
    /// The file could not be made or locked.
    #[error("cannot lock {path}: {source}")]
    Io {
        /// Which file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

impl Lock {
    /// Takes the folder, or says who has it.
    pub fn take(folder: &Path) -> Result<Self, LockError> {
        let path = folder.join(FILE);
        let io_error = |source| LockError::Io { path: path.clone(), source };
        let mut options = File::options();
        options.read(true).write(true).create(true).truncate(false).mode(0o600);
        let mut file = options.open(&path).map_err(io_error)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(LockError::Taken { pid: owner(&mut file), folder: folder.to_owned() });
            }
            Err(TryLockError::Error(source)) => return Err(io_error(source)),
        }
        file.set_len(0).and_then(|()| writeln!(file, "{}", std::process::id())).map_err(io_error)?;
        Ok(Self { _file: file })
    }
}

/// What the holder wrote into the file.
fn owner(file: &mut File) -> String {
    let mut text = String::new();
    let read = file.take(20).read_to_string(&mut text);
    let pid = text.trim();
    if read.is_err() || pid.parse::<u32>().is_err() { "unknown".into() } else { pid.into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_second_is_told_who_was_first_and_a_dead_one_is_forgotten() {
        let folder = std::env::temp_dir().join(format!("chalktalk-lock-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let first = Lock::take(&folder).unwrap();
        let refused = Lock::take(&folder).unwrap_err().to_string();
        assert!(refused.contains(&std::process::id().to_string()), "{refused}");
        assert!(refused.contains(&folder.display().to_string()), "{refused}");
        drop(first);
        assert!(Lock::take(&folder).is_ok());
        std::fs::write(folder.join(FILE), "\u{1b}[2Jnonsense").unwrap();
        let _again = Lock::take(&folder).unwrap();
        std::fs::remove_dir_all(folder).unwrap();
    }
}
