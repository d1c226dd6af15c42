//! The log: on standard error for people, in the journal with fields where the journal listens.
//!
//! Who each level is for: *error*, the daemon ends and its operator has to act; *warning*, it goes on and its operator should
//! look; *info*, what happened, for whoever wants to know when. `journalctl -p warning` shows what somebody should look at.
//!
//! In the journal every entry has `CHALKTALK_CODE`, a short name that stays (`journalctl CHALKTALK_CODE=not-heard-by`), and
//! what else is known in fields of its own (systemd.journal-fields(7), the native protocol). The last word before the end goes
//! over the stream instead: the journal knows a stream's unit also when its process is gone.
//!
//! Invariant: what comes from the network or a program is made printable before it is logged, and the log keeps nobody waiting.

use std::{env, fmt, io, io::Write, os::unix::net::UnixDatagram, sync::OnceLock};

/// Where the journal takes entries with fields.
const JOURNAL: &str = "/run/systemd/journal/socket";

/// A field beside the text: its name (capital letters) and value.
pub type Field<'a> = (&'static str, &'a str);

#[derive(Clone, Copy)]
enum Level {
    Error = 3,
    Warning = 4,
    Info = 6,
}

/// Something worth knowing once.
pub fn info(code: &str, what: fmt::Arguments<'_>) {
    line(Level::Info, code, &what.to_string(), &[]);
}

/// The same, with more fields.
pub fn info_with(code: &str, what: fmt::Arguments<'_>, fields: &[Field<'_>]) {
    line(Level::Info, code, &what.to_string(), fields);
}

/// Something is wrong, and the daemon goes on.
pub fn warn(code: &str, what: fmt::Arguments<'_>) {
    line(Level::Warning, code, &what.to_string(), &[]);
}

/// The same, with more fields.
pub fn warn_with(code: &str, what: fmt::Arguments<'_>, fields: &[Field<'_>]) {
    line(Level::Warning, code, &what.to_string(), fields);
}

/// Something is wrong, and the daemon ends.
pub fn error(code: &str, what: fmt::Arguments<'_>) {
    line(Level::Error, code, &what.to_string(), &[]);
}

fn line(level: Level, code: &str, what: &str, fields: &[Field<'_>]) {
    let text = one_line(what);
    let priority = level as u8;
    let told = match level {
        Level::Error => false,
        _ => journal().is_some_and(|journal| journal.send(&entry(priority, code, &text, fields)).is_ok()),
    };
    if told {
        return;
    }
    let mut out = io::stderr().lock();
    // Nobody may be listening any more; that is no reason to end.
    let _ = match (goes_to_journal(), level) {
        (true, _) => writeln!(out, "<{priority}>{text}"),
        (false, Level::Error) => writeln!(out, "error: {text}"),
        (false, Level::Warning) => writeln!(out, "warning: {text}"),
        (false, Level::Info) => writeln!(out, "info: {text}"),
    };
}

/// An entry in the journal's native protocol: a field a line.
fn entry(priority: u8, code: &str, text: &str, fields: &[Field<'_>]) -> Vec<u8> {
    let usual = format!(
        "PRIORITY={priority}\nSYSLOG_IDENTIFIER=chalktalkd\nMESSAGE={}\nCHALKTALK_CODE={}\n",
        one_line(text),
        one_line(code)
    );
    let more = fields.iter().map(|(name, value)| format!("CHALKTALK_{name}={}\n", one_line(value)));
    more.fold(usual, |entry, field| entry + &field).into_bytes()
}

fn one_line(text: &str) -> String {
    chalktalk_ipc::text::printable(text).replace('\n', " ")
}

/// The line to the journal, if that is where the log goes. It does not wait: a journal that is stuck gets less.
fn journal() -> Option<&'static UnixDatagram> {
    static LINE: OnceLock<Option<UnixDatagram>> = OnceLock::new();
    let open = || -> io::Result<UnixDatagram> {
        let socket = UnixDatagram::unbound()?;
        socket.connect(JOURNAL)?;
        socket.set_nonblocking(true)?;
        Ok(socket)
    };
    LINE.get_or_init(|| goes_to_journal().then(|| open().ok()).flatten()).as_ref()
}

/// Whether standard error is the journal: it names the stream's device and inode in the environment, which a child whose
/// output goes elsewhere inherits all the same.
fn goes_to_journal() -> bool {
    static ANSWER: OnceLock<bool> = OnceLock::new();
    *ANSWER.get_or_init(|| {
        let Some(named) = env::var_os("JOURNAL_STREAM") else { return false };
        let about = rustix::fs::fstat(io::stderr());
        about.is_ok_and(|about| named == *format!("{}:{}", about.st_dev, about.st_ino))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_is_a_field_a_line_whatever_is_in_it() {
        let entry = entry(4, "not-heard-by", "ben\u{1b}[2J", &[("FIX", "sudo ufw allow\nMESSAGE=forged")]);
        let text = String::from_utf8(entry).unwrap();
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines[0], "PRIORITY=4");
        assert_eq!(lines[3], "CHALKTALK_CODE=not-heard-by");
        assert_eq!(lines.len(), 5, "{text:?}");
        assert!(lines[4].starts_with("CHALKTALK_FIX=sudo ufw allow") && lines[4].contains("forged"));
        assert!(!text.contains('\u{1b}'));
    }
}
