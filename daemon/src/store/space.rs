//! How much disk is left: noticed before it is full, with a reserve for what has to be written even then.
//!
//! While little is left nothing new is taken into kept sessions, but life numbers, positions and what was taken already are
//! still written. Should somebody else fill the disk meanwhile, the reserve is given up for them; it is made again when there
//! is room.
//!
//! Invariant: *enough* is said only while [`FLOOR`] is free besides the reserve.

use super::MAX_QUEUED;
use rustix::fs::{FallocateFlags, fallocate, statvfs};
use std::{
    fs::{self, File},
    io,
    os::unix::fs::OpenOptionsExt,
    path::PathBuf,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

/// Less than this is *low*: what may be queued, written twice over (copy on write), must still fit.
const FLOOR: u64 = 2 * MAX_QUEUED as u64;

/// Bytes of the reserve: a turn's worth of datagrams, several times over, and thousands of small records.
const RESERVE: u64 = 8 << 20;

const FILE: &str = "reserve";

/// How much disk is left.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Space {
    /// Enough.
    Enough,
    /// Less than [`FLOOR`]: publishing is to be refused until there is more.
    Low,
}

/// Looks at the disk below a folder, and keeps the reserve there. Without a folder there is always enough.
#[derive(Debug, Default)]
pub(super) struct Gauge {
    folder: Option<PathBuf>,
    low: AtomicBool,
    reserve: Mutex<Reserve>,
}

/// What has become of the reserve.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
enum Reserve {
    /// It is not known yet whether there is one.
    #[default]
    Unknown,
    Held,
    GivenUp,
    /// This file system promises no space.
    Impossible,
}

/// What is to be done about the reserve.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Step {
    Nothing,
    Make,
    GiveUp,
}

impl Gauge {
    /// A gauge for this folder. Nothing has been looked at yet.
    pub(super) fn new(folder: Option<PathBuf>) -> Self {
        Self { folder, ..Self::default() }
    }

    /// Looks at the disk, and does what is due about the reserve. A few microseconds, unless the reserve is made.
    pub(super) fn look(&self) -> Space {
        let Some(folder) = &self.folder else { return Space::Enough };
        let Ok(disk) = statvfs(folder) else { return self.last() };
        let left = disk.f_bavail * disk.f_frsize;
        let mut reserve = self.reserve.lock().unwrap_or_else(PoisonError::into_inner);
        let (space, step) = judge(left, self.last(), *reserve);
        self.low.store(space == Space::Low, Ordering::Relaxed);
        let path = folder.join(FILE);
        match step {
            Step::Nothing => {}
            Step::GiveUp => {
                // If it cannot be removed there was none.
                let _ = fs::remove_file(path);
                *reserve = Reserve::GivenUp;
            }
            Step::Make => *reserve = make(&path).unwrap_or(Reserve::GivenUp),
        }
        space
    }

    /// Bytes that have to become free until there is enough.
    pub(super) fn wanted(&self) -> u64 {
        let left = self
            .folder
            .as_ref()
            .and_then(|folder| statvfs(folder).ok())
            .map(|disk| disk.f_bavail * disk.f_frsize);
        left.map_or(0, |left| (FLOOR + RESERVE).saturating_sub(left))
    }

    /// What was seen when somebody last looked: costs nothing.
    pub(super) fn last(&self) -> Space {
        if self.low.load(Ordering::Relaxed) { Space::Low } else { Space::Enough }
    }
}

/// What it means that so many bytes are left, and what is to be done about the reserve. Between low and enough lies the size of
/// the reserve, so that making it again does not bring the disk back down to low.
fn judge(left: u64, before: Space, reserve: Reserve) -> (Space, Step) {
    let floor = if before == Space::Low { FLOOR + RESERVE } else { FLOOR };
    let space = if left < floor { Space::Low } else { Space::Enough };
    let step = match reserve {
        Reserve::Unknown | Reserve::Held if left < RESERVE => Step::GiveUp,
        Reserve::Unknown | Reserve::GivenUp if space == Space::Enough => Step::Make,
        _ => Step::Nothing,
    };
    (space, step)
}

/// Makes the reserve, or finds that it is there.
fn make(path: &std::path::Path) -> io::Result<Reserve> {
    let file = File::options().write(true).create(true).truncate(false).mode(0o600).open(path)?;
    match fallocate(&file, FallocateFlags::empty(), 0, RESERVE) {
        Ok(()) => Ok(Reserve::Held),
        Err(error) => {
            fs::remove_file(path)?;
            let full = [rustix::io::Errno::NOSPC, rustix::io::Errno::DQUOT].contains(&error);
            Ok(if full { Reserve::GivenUp } else { Reserve::Impossible })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: u64 = 1 << 20;

    #[test]
    fn it_is_low_before_it_is_full_and_enough_again_a_little_later() {
        let judged = |left: u64, before| judge(left * MIB, before, Reserve::Held);
        assert_eq!(judged(64, Space::Enough), (Space::Enough, Step::Nothing));
        assert_eq!(judged(63, Space::Enough), (Space::Low, Step::Nothing));
        assert_eq!(judged(71, Space::Low), (Space::Low, Step::Nothing));
        assert_eq!(judged(72, Space::Low), (Space::Enough, Step::Nothing));
    }

    #[test]
    fn the_reserve_is_given_up_for_the_last_bytes_and_made_again_when_there_is_room() {
        let step = |left: u64, before, reserve| judge(left * MIB, before, reserve).1;
        assert_eq!(step(7, Space::Low, Reserve::Held), Step::GiveUp);
        assert_eq!(step(0, Space::Enough, Reserve::Unknown), Step::GiveUp, "also one of an earlier life");
        assert_eq!(step(20, Space::Low, Reserve::GivenUp), Step::Nothing);
        assert_eq!(step(72, Space::Low, Reserve::GivenUp), Step::Make);
        assert_eq!(step(900, Space::Enough, Reserve::Impossible), Step::Nothing);
    }

    #[test]
    fn the_reserve_takes_space_that_giving_it_up_frees() {
        let path = std::env::temp_dir().join(format!("chalktalk-reserve-{}", std::process::id()));
        if make(&path).unwrap() == Reserve::Held {
            use std::os::unix::fs::MetadataExt;
            let taken = fs::metadata(&path).unwrap().blocks() * 512;
            assert!(taken >= RESERVE, "{taken}");
            assert_eq!(make(&path).unwrap(), Reserve::Held, "it is there already");
            fs::remove_file(path).unwrap();
        }
    }
}
