//! Where a daemon keeps what: a user's own daemon in the user's folders, the system's in the system's.
//!
//! Invariant: nobody but the daemon's own uid can put a file where it keeps keys, or a socket where programs look for it.

use crate::identity::{IdentityError, private_folder, service_folder};
use chalktalk_ipc::socket::{SYSTEM_RUNTIME, SYSTEM_SOCKET, UserDirs};
use std::{
    io,
    path::{Path, PathBuf},
};

/// Keys and logs of the system's daemon.
pub const SYSTEM_STATE: &str = "/var/lib/chalktalk";

/// Configuration of the system's daemon.
pub const SYSTEM_CONFIG: &str = "/etc/chalktalk/config.toml";

/// Whom a daemon serves.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Service {
    /// The user who runs it.
    User,
    /// Everybody on this machine.
    System,
}

/// The files and folders of a daemon.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Places {
    /// Whom it serves.
    pub service: Service,
    /// Keys and logs.
    pub state: PathBuf,
    /// The configuration, unless another is named.
    pub config: PathBuf,
    /// Where programs reach it.
    pub socket: PathBuf,
    runtime: PathBuf,
}

impl Places {
    /// The usual places.
    ///
    /// # Errors
    /// The environment does not say where the user's folders are.
    pub fn of(service: Service) -> io::Result<Self> {
        if service == Service::System {
            return Ok(Self {
                service,
                state: SYSTEM_STATE.into(),
                config: SYSTEM_CONFIG.into(),
                socket: SYSTEM_SOCKET.into(),
                runtime: SYSTEM_RUNTIME.into(),
            });
        }
        let dirs = UserDirs::from_env()?;
        let (config, socket) = (dirs.config.join("config.toml"), dirs.socket());
        Ok(Self { service, state: dirs.state, config, socket, runtime: dirs.runtime })
    }

    /// Makes the folders, or checks them.
    ///
    /// # Errors
    /// One cannot be made, or others could use it.
    pub fn prepare(&self) -> Result<(), IdentityError> {
        private_folder(&self.state)?;
        let runtime: &Path = &self.runtime;
        match self.service {
            Service::User => private_folder(runtime),
            Service::System => service_folder(runtime),
        }
    }
}
