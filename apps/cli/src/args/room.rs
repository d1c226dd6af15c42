//! Rooms, and what people call them.

use super::{App, Facts, Format};
use chalktalk_ipc::Target;
use clap::{Args, Subcommand};
use std::str::FromStr;

/// What to do with rooms.
#[derive(Subcommand, Debug)]
pub(crate) enum Room {
    /// Create a room and enter it; one that exists is entered
    Create(Enter),
    /// Enter a room, so that its messages come here
    Join(Enter),
    /// Leave a room, so that its messages open nothing here any more
    Leave {
        /// The room, as #name or name, or a session's GUID
        name: RoomName,
        #[command(flatten)]
        app: App,
    },
    /// Show the rooms known on the network
    List {
        #[command(flatten)]
        app: App,
        #[command(flatten)]
        facts: Facts,
    },
}

/// Which room to enter, and what it is if it is new.
#[derive(Args, Debug)]
pub(crate) struct Enter {
    /// The room, as #name or name, or a session's GUID
    pub(crate) name: RoomName,
    /// Make the room for invited people only: sealed, so that nobody else can read it
    #[arg(long, value_name = "USER")]
    pub(crate) invite: Vec<String>,
    /// Make the room live: messages are not stored, and senders wait for slow members
    #[arg(long)]
    pub(crate) live: bool,
    /// Show newcomers nothing of the room's past
    #[arg(long)]
    pub(crate) no_history: bool,
    #[command(flatten)]
    pub(crate) app: App,
    #[command(flatten)]
    pub(crate) format: Format,
}

/// A room as people type it: with or without the `#`, or a session's GUID.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct RoomName(pub(crate) Target);

impl FromStr for RoomName {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let refuse = |_| format!("{text:?} is not the name of a room; write it as #ops or ops");
        match text.parse::<Target>() {
            Ok(Target::User(_)) => Err(format!("{text:?} is a person; rooms are written #name")),
            Ok(target) => Ok(Self(target)),
            Err(error) if text.starts_with(['#', '@']) => Err(refuse(error)),
            Err(_) => format!("#{text}").parse().map(Self).map_err(refuse),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_room_may_be_written_with_or_without_its_sign() {
        let room = |text: &str| text.parse::<RoomName>().map(|name| name.0.to_string());
        assert_eq!(room("ops").as_deref(), Ok("#ops"));
        assert_eq!(room("#ops").as_deref(), Ok("#ops"));
        assert_eq!(
            room("00112233-4455-8677-8899-aabbccddeeff").as_deref(),
            Ok("00112233-4455-8677-8899-aabbccddeeff")
        );
        assert!(room("").is_err() && room("#").is_err() && room("@ana").is_err());
    }
}
