//! Boards.

use super::RoomName;
use chalktalk_ipc::Target;
use clap::{Args, Subcommand};

/// Which board to open, or what to do with one.
#[derive(Args, Debug)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct Board {
    /// The board: #name, @user or a session's GUID; #board if left out
    pub(crate) target: Option<Target>,
    /// Without any display: only keep a copy of the board on this disk
    #[arg(long)]
    pub(crate) headless: bool,
    #[command(subcommand)]
    pub(crate) command: Option<BoardCommand>,
}

/// What to do with a board, without a window.
#[derive(Subcommand, Debug)]
pub(crate) enum BoardCommand {
    /// Make a board and enter it; one that exists is entered. Prints its name
    New {
        /// Its name, as #name or name [default: one that nobody has yet]
        name: Option<RoomName>,
        /// Make it for invited people only: sealed, so that nobody else can see it
        #[arg(long, value_name = "USER")]
        invite: Vec<String>,
        /// Print the session and its title as JSON
        #[arg(long)]
        json: bool,
    },
    /// Draw a file onto a board: an Excalidraw drawing, SVG, PDF, a picture, or a board's JSON
    ///
    /// Ends when the drawing is on this host's disk. What cannot be taken over is said.
    Draw {
        /// The board: #name, @user or a session's GUID
        target: Target,
        /// The file, or - for standard input
        file: String,
        /// Where its upper left corner comes [default: drawings keep their places, pictures come to the right of what is there]
        #[arg(long, value_name = "X,Y", allow_hyphen_values = true)]
        at: Option<String>,
    },
    /// Say who may look at a board, draw on it, or moderate it; with the board alone, show it
    ///
    /// Boards by invitation have roles: who made one moderates it, and names others.
    Role {
        /// The board: #name or a session's GUID
        target: Target,
        /// A member, by name or 8 digits of their key; or everybody
        #[arg(requires = "role")]
        who: Option<String>,
        /// view, draw, moderate, or default (what everybody may)
        #[arg(value_parser = ["view", "draw", "moderate", "default"])]
        role: Option<String>,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Write a board into a file, in the format of its ending: .svg, .png, .pdf, .json or .excalidraw
    Export {
        /// The board: #name, @user or a session's GUID
        target: Target,
        /// The file, or - for JSON on standard output
        file: String,
        /// Only what is seen in the frame of this name
        #[arg(long)]
        frame: Option<String>,
        /// Pixels for each unit of the board, in a PNG [default: 2]
        #[arg(long)]
        scale: Option<f32>,
    },
}
