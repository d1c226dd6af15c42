//! What a program with a face does around its client: where to connect to, what it was launched for, being told to end, and
//! the exit status that says what went wrong.
//!
//! Invariant: the exit statuses are those of all programs here, and do not change: scripts rely on them.

use crate::{builder::Builder, client::Client, error::ClientError, events::Events};
use chalktalk_ipc::SessionId;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use std::{
    env,
    io::{self, Read},
    os::unix::net::UnixStream,
    path::PathBuf,
    thread,
};

/// The environment variable that names the session which a program was launched for.
pub const SESSION_ENV: &str = "CHALKTALK_SESSION";

/// The session that this process was launched for, as its environment says.
pub fn launched_session() -> Option<SessionId> {
    env::var(SESSION_ENV).ok()?.parse().ok()
}

/// Connects to the daemon at a path that the user gave, or else at the usual places.
///
/// # Errors
/// As [`Builder::connect`].
pub fn connect(builder: Builder, socket: Option<PathBuf>) -> Result<(Client, Events), ClientError> {
    match socket {
        Some(path) => builder.socket(path).connect(),
        None => builder.connect(),
    }
}

/// Calls `end` once, on a thread of its own, when the program is told to end (SIGTERM, SIGINT, SIGHUP).
///
/// # Errors
/// When the system has no descriptor or no thread left.
pub fn on_signal(end: impl FnOnce() + Send + 'static) -> io::Result<()> {
    let (mut reader, writer) = UnixStream::pair()?;
    for signal in [SIGTERM, SIGINT, SIGHUP] {
        signal_hook::low_level::pipe::register(signal, writer.try_clone()?)?;
    }
    let wait = move || {
        if reader.read(&mut [0]).is_ok() {
            end();
        }
    };
    thread::Builder::new().name("signals".into()).spawn(wait)?;
    Ok(())
}

/// The exit status of a program that ends with this error: 1 failed, 3 no daemon, 4 refused, 5 timed out.
pub fn exit_status(error: &ClientError) -> u8 {
    match error {
        ClientError::NoDaemon { .. } => 3,
        ClientError::Refused(_) | ClientError::Untrusted(_) => 4,
        ClientError::TimedOut(_) => 5,
        _ => 1,
    }
}
