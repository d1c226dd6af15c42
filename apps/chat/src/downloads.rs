//! Where files go that a person fetches, and which files they mean.
//!
//! Invariant: nothing of this comes from the network.

use crate::{link::spawn, t, window};
use std::{
    env, fs, io,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

/// The file in which a desktop says where it keeps what.
const USER_DIRS: &str = "user-dirs.dirs";

/// The longest such file that is read: it has eight lines.
const MAX_USER_DIRS: u64 = 1 << 16;

/// The person's folder for downloads: what the desktop says, else `Downloads` in their home.
pub fn folder() -> PathBuf {
    let home = home();
    let config = absolute("XDG_CONFIG_HOME").unwrap_or_else(|| home.join(".config"));
    let file = config.join(USER_DIRS);
    let small = fs::metadata(&file).is_ok_and(|facts| facts.is_file() && facts.len() <= MAX_USER_DIRS);
    let text = small.then(|| fs::read_to_string(&file).ok()).flatten();
    text.and_then(|text| named(&text, &home)).unwrap_or_else(|| home.join("Downloads"))
}

/// A path as people type it: `~/` is the home.
pub fn typed(path: &str) -> PathBuf {
    match path.strip_prefix("~/") {
        Some(rest) => home().join(rest),
        None if path == "~" => home(),
        None => path.into(),
    }
}

/// A path as people read it.
pub fn shown(path: &Path) -> String {
    match path.strip_prefix(home()) {
        Ok(rest) => format!("~/{}", rest.display()),
        Err(_) => path.display().to_string(),
    }
}

/// Shows the folder in which a file or folder is, or what is in that folder, by the desktop's program for it; the path as people read it.
///
/// # Errors
/// There is no desktop, or it has no such program.
pub fn open_folder_of(path: &str) -> io::Result<()> {
    if !window::has_display() {
        return Err(io::Error::other(t!("folder-no-display", path = path)));
    }
    let path = typed(path);
    let folder = if path.is_dir() { &*path } else { path.parent().unwrap_or(&path) };
    let mut opener = Command::new("xdg-open");
    opener.arg(folder).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let mut child =
        opener.spawn().map_err(|e| io::Error::other(t!("folder-no-program", reason = e.to_string())))?;
    // Some go on as long as the folder is shown.
    spawn("folder", move || drop(child.wait()))
}

fn home() -> PathBuf {
    absolute("HOME").unwrap_or_else(|| "/".into())
}

fn absolute(name: &str) -> Option<PathBuf> {
    env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute())
}

/// What `user-dirs.dirs` says: `XDG_DOWNLOAD_DIR="$HOME/Downloads"`.
fn named(text: &str, home: &Path) -> Option<PathBuf> {
    let value = text.lines().rev().find_map(|line| line.trim().strip_prefix("XDG_DOWNLOAD_DIR="))?;
    let value = value.strip_prefix('"')?.strip_suffix('"')?;
    let path = match value.strip_prefix("$HOME") {
        Some(rest) => home.join(rest.trim_start_matches('/')),
        None => PathBuf::from(value),
    };
    path.is_absolute().then_some(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_desktop_says_where() {
        let home = Path::new("/home/ana");
        let said = |line: &str| named(line, home);
        let path = |path: &str| Some(PathBuf::from(path));
        assert_eq!(said("# x\nXDG_DOWNLOAD_DIR=\"$HOME/Von überall\"\n"), path("/home/ana/Von überall"));
        assert_eq!(said("XDG_DOWNLOAD_DIR=\"/srv/in\""), path("/srv/in"));
        assert_eq!(said("XDG_DOWNLOAD_DIR=\"$HOME\""), path("/home/ana/"));
        for none in ["", "XDG_DOWNLOAD_DIR=", "XDG_DOWNLOAD_DIR=\"in\"", "XDG_MUSIC_DIR=\"/m\""] {
            assert_eq!(said(none), None, "{none}");
        }
    }
}
