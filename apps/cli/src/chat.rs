//! Opening the chat, and a daemon for it where there is none.

use crate::{
    args::Chat,
    connect::Connection,
    failure::{Failure, complain},
    programs,
};
use chalktalk_ipc::socket::SOCKET_ENV;
use std::{env, ffi::OsStr, path::Path, process::Command};

/// `chalktalk` alone: the chat, on a daemon that is started if none answers.
pub(crate) fn open(socket: Option<&Path>) -> Result<(), Failure> {
    let told_where = socket.is_some() || env::var_os(SOCKET_ENV).is_some();
    match Connection::visitor(socket) {
        // Where the socket is named, a daemon started at the usual place would not help.
        Err(Failure::NoDaemon(_)) if !told_where => {
            complain("no daemon answers; starting one");
            programs::start_daemon()?;
        }
        other => drop(other?),
    }
    let nothing = Chat { target: None, tui: false, headless: false, transcript: None };
    run(&nothing, socket)
}

/// Becomes the chat.
pub(crate) fn run(chat: &Chat, socket: Option<&Path>) -> Result<(), Failure> {
    let mut command = Command::new(programs::find(programs::CHAT)?);
    command.args(chat.target.as_ref().map(ToString::to_string));
    if chat.tui {
        command.arg("--tui");
    }
    if let Some(transcript) = &chat.transcript {
        command.args(["--headless".as_ref(), "--transcript".as_ref(), transcript.as_os_str()]);
    }
    if let Some(path) = socket {
        command.arg("--socket").arg(path);
    }
    Err(programs::become_program(command))
}

/// Becomes the chat, which looks into pictures.
pub(crate) fn be_seen_as(picture: &Path, socket: Option<&Path>) -> Result<(), Failure> {
    run_once([OsStr::new("--avatar"), picture.as_os_str()], socket)
}

/// Becomes the chat for something that is done at once.
pub(crate) fn run_once<'a>(
    arguments: impl IntoIterator<Item = &'a OsStr>,
    socket: Option<&Path>,
) -> Result<(), Failure> {
    let mut command = Command::new(programs::find(programs::CHAT)?);
    command.args(arguments);
    if let Some(socket) = socket {
        command.env(SOCKET_ENV, socket);
    }
    Err(programs::become_program(command))
}
