//! What can go wrong with files on their way between a folder and a conversation.

use super::ManifestError;
use crate::error::ClientError;
use std::{
    io,
    path::{Path, PathBuf},
};

/// Why a file or a folder was not sent, or not written.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// The daemon, or the way to it. What has come until then is kept, and taken up by the next try.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// The file system. What was half written is removed again.
    #[error("cannot {what} {path}: {source}")]
    Io {
        /// What was tried.
        what: &'static str,
        /// With which file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// It is a device, a socket, or a link to one.
    #[error("{0}: it is neither a file nor a folder")]
    Odd(PathBuf),
    /// There is nothing to send.
    #[error("{0}: there is no file in it")]
    Empty(PathBuf),
    /// What is offered as a folder is none.
    #[error("{0}: {1}")]
    List(String, ManifestError),
    /// Every name that it could have is taken.
    #[error("{folder} has too many files called {name}")]
    Taken {
        /// The folder.
        folder: PathBuf,
        /// The name.
        name: String,
    },
}

impl FileError {
    /// Whoever followed it wanted it no longer.
    pub fn is_cancelled(&self) -> bool {
        matches!(self, Self::Client(ClientError::Cancelled))
    }

    pub(super) fn io(what: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_path_buf();
        move |source| Self::Io { what, path, source }
    }
}
