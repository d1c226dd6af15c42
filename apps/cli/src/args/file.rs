//! Files and folders.

use super::{Format, seconds};
use chalktalk_ipc::Target;
use clap::Subcommand;
use std::{path::PathBuf, time::Duration};

/// What to do with files.
#[derive(Subcommand, Debug)]
pub(crate) enum FileCommand {
    /// Offer files and folders in a conversation
    ///
    /// This host keeps a copy, so that the files may change or go afterwards. Whoever is in the conversation can fetch
    /// them, from this host or from anybody who has fetched them.
    Send {
        /// #room, @user or a session's GUID
        target: Target,
        /// Files and folders
        #[arg(required = true, value_name = "PATH")]
        paths: Vec<PathBuf>,
        #[command(flatten)]
        format: Format,
    },
    /// Show the files that were offered in a conversation
    List {
        /// #room, @user or a session's GUID
        target: Target,
        #[command(flatten)]
        format: Format,
    },
    /// Fetch a file or folder that was offered in a conversation
    ///
    /// It goes on where it was after an interruption. Nothing is overwritten: a file whose name is taken gets a number.
    Get {
        /// #room, @user or a session's GUID
        target: Target,
        /// Its name (of several, the last one), or the first digits of its id
        #[arg(value_name = "NAME|ID")]
        what: String,
        /// Where to put it
        #[arg(value_name = "DIR", default_value = ".")]
        folder: PathBuf,
        /// Give up after this many seconds in which nothing comes
        #[arg(long, value_name = "SECONDS", default_value = "30", value_parser = seconds)]
        timeout: Duration,
        #[command(flatten)]
        format: Format,
    },
    /// Give a file or folder to nobody from this host, until `resume`
    ///
    /// Who is just being given it waits, and has what came; others who have it go on giving it. It stays so when the daemon is restarted.
    Pause {
        /// #room, @user or a session's GUID
        target: Target,
        /// Its name (of several, the last one), or the first digits of its id
        #[arg(value_name = "NAME|ID")]
        what: String,
    },
    /// Give a file or folder again that was paused
    Resume {
        /// #room, @user or a session's GUID
        target: Target,
        /// Its name (of several, the last one), or the first digits of its id
        #[arg(value_name = "NAME|ID")]
        what: String,
    },
    /// Keep a file or folder no longer on this host
    ///
    /// Others who have it go on having it, and while one of them is there it can be fetched again.
    Drop {
        /// #room, @user or a session's GUID
        target: Target,
        /// Its name (of several, the last one), or the first digits of its id
        #[arg(value_name = "NAME|ID")]
        what: String,
    },
}
