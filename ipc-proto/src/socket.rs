//! Where the daemon's socket and the user's folders are, and how a client makes sure whom it talks to.

use interprocess::local_socket::{ConnectOptions, GenericFilePath, Stream, prelude::*};
use std::{
    env, io,
    os::fd::{AsFd, BorrowedFd},
    path::{Path, PathBuf},
};

/// Names the socket to use, before all other places.
pub const SOCKET_ENV: &str = "CHALKTALK_SOCKET";

/// The socket of the system service.
pub const SYSTEM_SOCKET: &str = "/run/chalktalk/chalktalkd.sock";

/// The uid that the kernel shows for users it cannot name in this namespace. Never a person: refused everywhere.
pub const NOBODY: u32 = 65534;

const SOCKET_NAME: &str = "chalktalkd.sock";

/// The folders of a user.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct UserDirs {
    /// Sockets and locks; 0700; gone at the next boot.
    pub runtime: PathBuf,
    /// Keys and logs; 0700.
    pub state: PathBuf,
    /// Configuration.
    pub config: PathBuf,
    /// The user's own manifests.
    pub apps: PathBuf,
}

impl UserDirs {
    /// The folders as the environment names them (XDG Base Directory Specification 0.8). Without
    /// `XDG_RUNTIME_DIR` the runtime folder is one of the user's own under the temporary folder.
    pub fn from_env() -> io::Result<Self> {
        let home = || {
            let missing =
                || io::Error::new(io::ErrorKind::NotFound, "HOME is not set; set it or the XDG_ variables");
            env::var_os("HOME").filter(|h| !h.is_empty()).map(PathBuf::from).ok_or_else(missing)
        };
        let base = |name: &str, below_home: &str| match absolute(name) {
            Some(path) => Ok(path),
            None => home().map(|h| h.join(below_home)),
        };
        let runtime = absolute("XDG_RUNTIME_DIR").map(|dir| dir.join("chalktalk")).unwrap_or_else(|| {
            env::temp_dir().join(format!("chalktalk-{}", rustix::process::geteuid().as_raw()))
        });
        Ok(Self {
            runtime,
            state: base("XDG_STATE_HOME", ".local/state")?.join("chalktalk"),
            config: base("XDG_CONFIG_HOME", ".config")?.join("chalktalk"),
            apps: base("XDG_DATA_HOME", ".local/share")?.join("chalktalk/apps"),
        })
    }

    /// The user daemon's socket.
    pub fn socket(&self) -> PathBuf {
        self.runtime.join(SOCKET_NAME)
    }
}

fn absolute(variable: &str) -> Option<PathBuf> {
    env::var_os(variable).map(PathBuf::from).filter(|path| path.is_absolute())
}

/// The sockets to try, in order: `$CHALKTALK_SOCKET` alone if it is set; else the user's, then the system's.
pub fn candidates() -> Vec<PathBuf> {
    if let Some(path) = absolute(SOCKET_ENV) {
        return vec![path];
    }
    let user = UserDirs::from_env().map(|dirs| dirs.socket()).into_iter();
    user.chain([PathBuf::from(SYSTEM_SOCKET)]).collect()
}

/// Connects to the first of [`candidates`] where a daemon answers.
///
/// # Errors
/// `NotFound` or `ConnectionRefused` when none answers; `PermissionDenied` when the one that answers runs as a
/// user who is neither this one nor the service's (a planted socket).
pub fn connect() -> io::Result<Stream> {
    let mut last = io::Error::new(io::ErrorKind::NotFound, "no place for a socket is known");
    for path in candidates() {
        match connect_to(&path) {
            Ok(stream) => return Ok(stream),
            Err(e) if e.kind() == io::ErrorKind::PermissionDenied => return Err(e),
            Err(e) => last = e,
        }
    }
    Err(last)
}

/// Connects to one socket and checks that its server is who it should be: this user, or for the system's socket the owner of its folder.
pub fn connect_to(path: &Path) -> io::Result<Stream> {
    let stream = ConnectOptions::new().name(path.to_fs_name::<GenericFilePath>()?).connect_sync()?;
    let server = stream.peer_creds()?.euid();
    let mine = rustix::process::geteuid().as_raw();
    let service = (path == Path::new(SYSTEM_SOCKET))
        .then(|| path.parent().and_then(|dir| rustix::fs::stat(dir).ok()).map(|stat| stat.st_uid))
        .flatten();
    match server {
        Some(uid) if uid == mine || Some(uid) == service => Ok(stream),
        _ => Err(io::Error::new(
            io::ErrorKind::PermissionDenied,
            format!(
                "the program listening on {} is not run by you or the service (uid {server:?})",
                path.display()
            ),
        )),
    }
}

/// The descriptor behind a stream, for polling and for `SO_*` options.
pub fn descriptor(stream: &Stream) -> BorrowedFd<'_> {
    match stream {
        Stream::UdSocket(socket) => socket.as_fd(),
    }
}
