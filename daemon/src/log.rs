//! Plain lines to standard error, each with its level in front: whoever started the daemon adds the time.
//!
//! Invariant: what comes from the network or a program is made printable before it is logged.

use std::{fmt, io::Write};

/// Something worth knowing once.
pub fn info(what: fmt::Arguments<'_>) {
    line("info", what);
}

/// Something is wrong, and the daemon goes on.
pub fn warn(what: fmt::Arguments<'_>) {
    line("warning", what);
}

/// Something is wrong, and the daemon ends.
pub fn error(what: fmt::Arguments<'_>) {
    line("error", what);
}

fn line(level: &str, what: fmt::Arguments<'_>) {
    let text = chalktalk_ipc::text::printable(&what.to_string()).replace('\n', " ");
    // Nobody may be listening any more; that is no reason to end.
    let _ = writeln!(std::io::stderr().lock(), "{level}: {text}");
}
