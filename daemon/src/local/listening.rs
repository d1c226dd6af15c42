//! Where programs find the daemon: a socket of its own making, or one handed over by whoever started it.
//!
//! Invariant: nothing is removed but a socket that a dead daemon has left.

use super::{Admission, connection};
use interprocess::{
    local_socket::{GenericFilePath, Listener, ListenerNonblockingMode, ListenerOptions, prelude::*},
    os::unix::{local_socket::ListenerOptionsExt, uds_local_socket},
};
use rustix::{
    io::Errno,
    net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType, connect, socket_with},
};
use std::{
    fs, io,
    os::unix::{
        fs::{FileTypeExt, PermissionsExt},
        net::UnixListener,
    },
    path::{Path, PathBuf},
};

/// Why nothing can listen at a place.
#[derive(Debug, thiserror::Error)]
pub enum ListenError {
    /// Something is there that is not ours to remove.
    #[error("{path} {what}; nothing was changed")]
    InTheWay {
        /// Where.
        path: PathBuf,
        /// What it is and what to do.
        what: &'static str,
    },
    /// The system refused.
    #[error("cannot listen at {path}: {source}")]
    Io {
        /// Where.
        path: PathBuf,
        /// What it said.
        source: io::Error,
    },
}

/// Listens at `path`, whose folder the caller owns and has locked. A socket that a dead daemon left is removed.
///
/// # Errors
/// See [`ListenError`].
pub fn listen(path: &Path, admission: Admission) -> Result<Listener, ListenError> {
    clear_the_way(path)?;
    bind(path, admission).map_err(|source| ListenError::Io { path: path.to_owned(), source })
}

/// Goes on with a listener that whoever started the daemon has made, and says where it stands.
///
/// # Errors
/// It stands nowhere, or cannot be asked without waiting.
pub fn go_on_listening(listener: UnixListener) -> io::Result<(Listener, PathBuf)> {
    let address = listener.local_addr()?;
    let nameless = || io::Error::new(io::ErrorKind::InvalidInput, "the socket handed over has no path");
    let path = address.as_pathname().ok_or_else(nameless)?.to_owned();
    let listener = Listener::from(uds_local_socket::Listener::from(listener));
    listener.set_nonblocking(ListenerNonblockingMode::Both)?;
    Ok((listener, path))
}

/// Tells everybody who waits at a listener why nobody will serve them.
pub fn turn_away(listener: &Listener, reason: &str) {
    while let Ok(stream) = listener.accept() {
        connection::turn_away(&stream, reason);
    }
}

fn clear_the_way(path: &Path) -> Result<(), ListenError> {
    let in_the_way = |what| Err(ListenError::InTheWay { path: path.to_owned(), what });
    let io_error = |source| ListenError::Io { path: path.to_owned(), source };
    match fs::symlink_metadata(path) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(e) => return Err(io_error(e)),
        Ok(about) if !about.file_type().is_socket() => {
            return in_the_way("is no socket: move it away");
        }
        Ok(_) => {}
    }
    match is_left_behind(path) {
        Ok(true) => fs::remove_file(path).map_err(io_error),
        Ok(false) => in_the_way("is a socket of another program: end that program, or move it away"),
        Err(e) => Err(io_error(e)),
    }
}

/// Whether a socket is one that a dead daemon has left: one of streams, at which nobody listens. A program that is too busy to
/// answer is there all the same.
fn is_left_behind(path: &Path) -> io::Result<bool> {
    let nonblocking = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let socket = socket_with(AddressFamily::UNIX, SocketType::STREAM, nonblocking, None)?;
    match connect(&socket, &SocketAddrUnix::new(path)?) {
        Err(Errno::CONNREFUSED) => Ok(true),
        Ok(()) | Err(Errno::AGAIN | Errno::PROTOTYPE | Errno::INPROGRESS) => Ok(false),
        Err(e) => Err(e.into()),
    }
}

fn bind(path: &Path, admission: Admission) -> io::Result<Listener> {
    let mode = if admission == Admission::Everyone { 0o666 } else { 0o600 };
    let options = ListenerOptions::new().name(path.to_fs_name::<GenericFilePath>()?);
    let listener = options.nonblocking(ListenerNonblockingMode::Both).mode(mode).create_sync()?;
    // The umask may have taken from it what others need to connect.
    fs::set_permissions(path, fs::Permissions::from_mode(mode))?;
    Ok(listener)
}
