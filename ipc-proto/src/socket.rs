//! Where the daemon's socket and the user's folders are, and how a client makes sure whom it talks to.

use interprocess::local_socket::{ConnectOptions, GenericFilePath, Stream, prelude::*};
use std::{
    env, io,
    os::fd::{AsFd, BorrowedFd},
    path::{Path, PathBuf},
};

/// Names the socket to use, before all other places.
pub const SOCKET_ENV: &str = "CHALKTALK_SOCKET";

/// The folder of the system service's socket.
pub const SYSTEM_RUNTIME: &str = "/run/chalktalk";

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

/// Connects to the first of [`candidates`] where a daemon answers that may be trusted, and says which that was. A socket
/// that somebody else has planted is passed over, so that planting one cannot keep a user from the service.
///
/// # Errors
/// `NotFound` or `ConnectionRefused` when none answers; `PermissionDenied` when the only ones that answer are run by
/// users who are neither this one nor the service's.
pub fn connect() -> io::Result<(PathBuf, Stream)> {
    let mut last = io::Error::new(io::ErrorKind::NotFound, "no place for a socket is known");
    for path in candidates() {
        match connect_to(&path) {
            Ok(stream) => return Ok((path, stream)),
            Err(_) if last.kind() == io::ErrorKind::PermissionDenied => {}
            Err(e) => last = e,
        }
    }
    Err(last)
}

/// Connects to one socket and checks that its server is who it should be: this user, or for the system's socket the
/// service's user.
pub fn connect_to(path: &Path) -> io::Result<Stream> {
    let stream = ConnectOptions::new().name(path.to_fs_name::<GenericFilePath>()?).connect_sync()?;
    let server = stream.peer_creds()?.euid();
    let service = (path == Path::new(SYSTEM_SOCKET)).then(|| service_of(Path::new(SYSTEM_RUNTIME))).flatten();
    if server.is_some_and(|uid| is_trusted(uid, rustix::process::geteuid().as_raw(), service)) {
        return Ok(stream);
    }
    let text = format!(
        "the program listening on {} is run neither by you nor by the service (uid {})",
        path.display(),
        server.map_or("unknown".into(), |uid| uid.to_string())
    );
    Err(io::Error::new(io::ErrorKind::PermissionDenied, text))
}

/// Whom the service runs as: the owner of its folder, if nobody else can put a socket there.
fn service_of(folder: &Path) -> Option<u32> {
    let about = rustix::fs::lstat(folder).ok()?;
    let is_folder = rustix::fs::FileType::from_raw_mode(about.st_mode).is_dir();
    (is_folder && about.st_mode & 0o022 == 0).then_some(about.st_uid)
}

/// A server is trusted as oneself, or, at the service's place, as the service or as root, who listens there for it.
fn is_trusted(server: u32, me: u32, service: Option<u32>) -> bool {
    server != NOBODY && (server == me || service.is_some_and(|service| server == service || server == 0))
}

/// The descriptor behind a stream, for polling and for `SO_*` options.
pub fn descriptor(stream: &Stream) -> BorrowedFd<'_> {
    match stream {
        Stream::UdSocket(socket) => socket.as_fd(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{fs, os::unix::fs::PermissionsExt};

    #[test]
    fn only_oneself_and_at_its_place_the_service_are_trusted() {
        let (me, other, service) = (1000, 1001, 900);
        assert!(is_trusted(me, me, None));
        assert!(!is_trusted(other, me, None), "a planted socket");
        assert!(!is_trusted(0, me, None), "root does not run users' daemons");
        assert!(is_trusted(service, me, Some(service)) && is_trusted(0, me, Some(service)));
        assert!(!is_trusted(other, me, Some(service)));
        assert!(!is_trusted(NOBODY, NOBODY, Some(NOBODY)), "whom the kernel cannot name");
    }

    #[test]
    fn a_folder_that_others_may_write_vouches_for_nobody() {
        let folder = env::temp_dir().join(format!("chalktalk-service-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let mode = |mode| fs::set_permissions(&folder, fs::Permissions::from_mode(mode)).unwrap();
        mode(0o755);
        assert_eq!(service_of(&folder), Some(rustix::process::geteuid().as_raw()));
        mode(0o775);
        assert_eq!(service_of(&folder), None);
        mode(0o755);
        let link = folder.with_extension("link");
        std::os::unix::fs::symlink(&folder, &link).unwrap();
        assert_eq!(service_of(&link), None, "a link leads who knows where");
        fs::remove_file(link).unwrap();
        fs::remove_dir_all(&folder).unwrap();
        assert_eq!(service_of(&folder), None);
    }
}
