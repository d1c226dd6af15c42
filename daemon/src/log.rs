//! Plain lines to standard error, each with its level in front: whoever started the daemon adds the time. To the journal the
//! level goes as it reads it (sd-daemon(3)), so that `journalctl -p warning` shows what somebody should look at.
//!
//! Who each level is for: *error*, the daemon ended and its operator has to act; *warning*, it goes on and its operator should
//! look; *info*, what happened, for whoever wants to know when.
//!
//! Invariant: what comes from the network or a program is made printable before it is logged.

use std::{env, fmt, io::Write, sync::OnceLock};

/// Something worth knowing once.
pub fn info(what: fmt::Arguments<'_>) {
    line(6, "info", what);
}

/// Something is wrong, and the daemon goes on.
pub fn warn(what: fmt::Arguments<'_>) {
    line(4, "warning", what);
}

/// Something is wrong, and the daemon ends.
pub fn error(what: fmt::Arguments<'_>) {
    line(3, "error", what);
}

fn line(priority: u8, level: &str, what: fmt::Arguments<'_>) {
    let text = chalktalk_ipc::text::printable(&what.to_string()).replace('\n', " ");
    let mut out = std::io::stderr().lock();
    // Nobody may be listening any more; that is no reason to end.
    let _ = match goes_to_journal() {
        true => writeln!(out, "<{priority}>{text}"),
        false => writeln!(out, "{level}: {text}"),
    };
}

/// Whether standard error is the journal: it names the stream's device and inode in the environment, which a child whose
/// output goes elsewhere inherits all the same.
fn goes_to_journal() -> bool {
    static ANSWER: OnceLock<bool> = OnceLock::new();
    *ANSWER.get_or_init(|| {
        let Some(named) = env::var_os("JOURNAL_STREAM") else { return false };
        let about = rustix::fs::fstat(std::io::stderr());
        about.is_ok_and(|about| named == *format!("{}:{}", about.st_dev, about.st_ino))
    })
}
