//! Messages: sent, shown, followed and found.

use super::{App, seconds};
use chalktalk_client::location;
use chalktalk_ipc::{Target, request};
use clap::{Args, ValueEnum};
use std::{path::PathBuf, time::Duration};

/// What to send, to whom, and how far to follow it.
#[derive(Args, Debug)]
pub(crate) struct Send {
    /// #room, @user or a session's GUID
    pub(crate) target: Target,
    /// The message, or - for each line of standard input
    #[arg(value_parser = message_text)]
    pub(crate) text: String,
    /// How far the message must have come [default: stored; in live sessions: sent]
    #[arg(long, value_enum)]
    pub(crate) wait: Option<Wait>,
    /// Give up after this many seconds without progress
    #[arg(long, value_name = "SECONDS", default_value = "10", value_parser = seconds)]
    pub(crate) timeout: Duration,
    #[command(flatten)]
    pub(crate) app: App,
}

/// With what help is wanted, and where.
#[derive(Args, Debug)]
pub(crate) struct HelpWanted {
    /// With what
    #[arg(default_value = "", hide_default_value = true)]
    pub(crate) what: String,
    /// Where you are
    #[arg(long, value_name = "ROOM", value_parser = place)]
    pub(crate) at: Option<String>,
    /// Print JSON, one object a line, for programs
    #[arg(long)]
    pub(crate) json: bool,
    /// Stay and tell who is coming until you were helped, also where no terminal shows it
    #[arg(long)]
    pub(crate) watch: bool,
}

fn place(text: &str) -> Result<String, String> {
    let wrong = || format!("a location is one line of at most {} bytes", location::MAX_LOCATION);
    location::read(text).ok_or_else(wrong)
}

/// How far a message must have come before `send` ends.
#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Wait {
    /// On this host's disk
    Stored,
    /// Held by at least one other host
    Held,
    /// Acknowledged by a program of every member present
    Delivered,
}

/// Which past messages to show.
#[derive(Args, Debug)]
pub(crate) struct History {
    /// #room, @user or a session's GUID
    pub(crate) target: Target,
    /// Show at most this many, the newest; 0 for all
    #[arg(long, value_name = "N", default_value_t = 100)]
    pub(crate) limit: u32,
    /// Write all of it into a new file as people see it, edits and reactions in their places: .txt, .json or .html
    #[arg(long, value_name = "FILE", conflicts_with_all = ["limit", "app", "json", "plain"])]
    pub(crate) export: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) app: App,
    #[command(flatten)]
    pub(crate) style: MessageStyle,
}

/// Which messages to follow.
#[derive(Args, Debug)]
pub(crate) struct Tail {
    /// #room, @user or a session's GUID
    pub(crate) target: Target,
    /// Where to begin
    #[arg(long, value_enum, default_value_t = Since::Now)]
    pub(crate) since: Since,
    #[command(flatten)]
    pub(crate) app: App,
    #[command(flatten)]
    pub(crate) style: MessageStyle,
}

/// Where `tail` begins.
#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Since {
    /// At the first message that is held
    Start,
    /// With the next message
    Now,
    /// Behind what you have read in the app
    Saved,
}

impl From<Since> for request::From {
    fn from(since: Since) -> Self {
        match since {
            Since::Start => Self::Start,
            Since::Now => Self::Now,
            Since::Saved => Self::Saved,
        }
    }
}

/// What to look for.
#[derive(Args, Debug)]
pub(crate) struct Search {
    /// Words and filters
    #[arg(required = true, value_name = "WORD|FILTER")]
    pub(crate) query: Vec<String>,
    /// Show at most this many, the newest; 0 for all
    #[arg(long, value_name = "N", default_value_t = 50)]
    pub(crate) limit: u32,
    #[command(flatten)]
    pub(crate) style: MessageStyle,
}

/// How messages are printed.
#[derive(Args, Clone, Copy, Debug)]
pub(crate) struct MessageStyle {
    /// Print JSON, one object a line, also on a terminal
    #[arg(long, conflicts_with = "plain")]
    json: bool,
    /// Print text, also into a pipe or a file
    #[arg(long)]
    plain: bool,
}

impl MessageStyle {
    /// Programs read pipes, people read terminals, unless it is said otherwise.
    pub(crate) fn is_json(self, terminal: bool) -> bool {
        self.json || !(self.plain || terminal)
    }
}

fn message_text(text: &str) -> Result<String, String> {
    match text {
        "" => {
            Err("there is nothing to send; an empty line of standard input (-) is sent as it is".to_owned())
        }
        text => Ok(text.to_owned()),
    }
}
