//! Where this person is to be found, as they or the host's operator have written it down: a room, a desk.
//!
//! Invariant: it is one line, fit for display.

use chalktalk_ipc::text;
use std::{env, fs, io, path::PathBuf};

/// The longest location, in bytes: a label's.
pub const MAX_LOCATION: usize = 64;

/// What holds for everybody at this host who has not said otherwise.
const OF_HOST: &str = "/etc/chalktalk/location";

/// The user's own, `$XDG_CONFIG_HOME/chalktalk/location`, else the host's, `/etc/chalktalk/location`.
pub fn load() -> Option<String> {
    [file(), Some(OF_HOST.into())]
        .into_iter()
        .flatten()
        .find_map(|path| read(&fs::read_to_string(path).ok()?))
}

/// Writes down the user's own.
///
/// # Errors
/// It cannot be written, or there is no home to write it to.
pub fn store(location: &str) -> io::Result<()> {
    let path = file().ok_or(io::ErrorKind::NotFound)?;
    fs::create_dir_all(path.parent().unwrap_or(&path))?;
    fs::write(path, format!("{location}\n"))
}

/// A location as it is shown and sent; nothing if there is none in this text, or a novel.
pub fn read(text: &str) -> Option<String> {
    let line = text.lines().next()?.trim();
    let label = text::label(line);
    (!label.is_empty() && line.len() <= MAX_LOCATION).then_some(label)
}

/// Where the user's own is written down; nothing without a home.
pub fn file() -> Option<PathBuf> {
    let absolute = |name| env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let config = absolute("XDG_CONFIG_HOME").or_else(|| Some(absolute("HOME")?.join(".config")))?;
    Some(config.join("chalktalk/location"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_location_is_one_short_line() {
        assert_eq!(read(" Room  4.12 \nmore"), Some("Room 4.12".into()));
        for none in ["", "\n\n", "  ", &"x".repeat(MAX_LOCATION + 1)] {
            assert_eq!(read(none), None);
        }
    }
}
