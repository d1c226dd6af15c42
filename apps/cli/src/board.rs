//! Boards: this becomes the whiteboard's own program, which knows how.

use crate::{
    args::{Board, BoardCommand},
    failure::Failure,
    programs,
};
use std::{path::Path, process::Command};

/// Becomes the whiteboard.
pub(crate) fn run(board: &Board, socket: Option<&Path>) -> Result<(), Failure> {
    let mut command = Command::new(programs::find(programs::WHITEBOARD)?);
    match &board.command {
        None => {
            command.args(board.target.as_ref().map(ToString::to_string));
            if board.headless {
                command.arg("--headless");
            }
        }
        Some(BoardCommand::New { name, invite, json }) => {
            command.arg("new").args(name.as_ref().map(|name| name.0.to_string()));
            for user in invite {
                command.arg("--invite").arg(user);
            }
            command.args(json.then_some("--json"));
        }
        Some(BoardCommand::Draw { target, file, at }) => {
            command.arg("draw").arg(target.to_string()).args(at.iter().map(|at| format!("--at={at}")));
            command.arg("--").arg(file);
        }
        Some(BoardCommand::Role { target, who, role, json }) => {
            command.arg("role").args(json.then_some("--json")).arg("--").arg(target.to_string());
            command.args(who).args(role);
        }
        Some(BoardCommand::Export { target, file, frame, scale }) => {
            command.arg("export").arg(target.to_string());
            command.args(frame.iter().map(|frame| format!("--frame={frame}")));
            command.args(scale.iter().map(|scale| format!("--scale={scale}")));
            command.arg("--").arg(file);
        }
    }
    if let Some(path) = socket {
        command.env(chalktalk_ipc::socket::SOCKET_ENV, path);
    }
    Err(programs::become_program(command))
}
