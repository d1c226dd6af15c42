//! A small disk under a host's state, to be filled.
//!
//! Invariant: the disk goes when the test does.

use super::{Host, tool};
use std::{
    fs::{self, File},
    path::PathBuf,
};

/// A disk of its own that holds what the host's daemon keeps.
pub struct Disk {
    folder: PathBuf,
}

impl Host {
    /// Puts a disk of so many MiB under the state of this host's daemon, which is not running yet.
    pub fn small_disk(&self, mib: u64) -> Disk {
        let folder = self.dir().join("state/chalktalk");
        fs::create_dir_all(&folder).expect("the lab's folder can be written");
        let size = format!("size={mib}m,mode=700");
        let path = folder.to_str().expect("the lab's paths are text");
        tool::run("mount", &["-t", "tmpfs", "-o", &size, "disk", path]);
        Disk { folder }
    }
}

impl Disk {
    /// Fills it until so many bytes are left.
    pub fn leave(&self, bytes: u64) {
        let ballast = File::create(self.folder.join("ballast")).expect("there is room for a name");
        let disk = rustix::fs::statvfs(&self.folder).expect("the disk is there");
        let taken = (disk.f_bavail * disk.f_frsize).saturating_sub(bytes);
        if taken > 0 {
            rustix::fs::fallocate(&ballast, rustix::fs::FallocateFlags::empty(), 0, taken)
                .expect("so much was left");
        }
    }

    /// Frees what was filled.
    pub fn free(&self) {
        fs::remove_file(self.folder.join("ballast")).expect("it was filled");
    }

    /// Whether the daemon keeps its reserve.
    pub fn has_reserve(&self) -> bool {
        self.folder.join("reserve").exists()
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // Also while programs still have files open on it.
        tool::try_run("umount", &["-l", &self.folder.display().to_string()]);
    }
}
