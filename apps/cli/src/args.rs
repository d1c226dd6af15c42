//! What may be typed: commands, arguments and options, parsed once into types that cannot be wrong.
//!
//! The doc comments here are the help texts, the man pages and the completions; there is no second list.

mod app;
mod board;
mod file;
mod messages;
mod people;
mod room;

pub(crate) use app::{AppCommand, Start};
pub(crate) use board::{Board, BoardCommand};
pub(crate) use file::FileCommand;
pub(crate) use messages::{HelpWanted, History, MessageStyle, Search, Send, Tail, Wait};
pub(crate) use people::{Avatar, Identity, PassphraseCommand, Person, Verify};
pub(crate) use room::{Enter, Room, RoomName};

use chalktalk_ipc::{AppId, SessionId, Target};
use clap::{Args, Parser, Subcommand};
use std::{path::PathBuf, time::Duration};

/// Talk, draw and run programs together on one local network, without a server.
///
/// Alone, `chalktalk` opens the chat, and starts the daemon if none answers.
#[derive(Parser, Debug)]
#[command(name = "chalktalk", version, after_long_help = EXIT_STATUS)]
pub(crate) struct Arguments {
    /// The daemon's socket, if it is not where it usually is
    #[arg(long, global = true, value_name = "PATH")]
    pub(crate) socket: Option<PathBuf>,
    /// What to do; without it the chat opens
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
}

const EXIT_STATUS: &str = "\
Exit status:
  0  done
  1  failed; the reason is on standard error
  2  the command was not understood
  3  no daemon answers
  4  the daemon refused
  5  timed out";

/// One command.
#[derive(Subcommand, Debug)]
pub(crate) enum Command {
    /// Show the daemon, its network and what is wrong with it
    Status {
        #[command(flatten)]
        format: Format,
    },
    /// Show who is on the network now
    Who {
        #[command(flatten)]
        facts: Facts,
    },
    /// Show the running programs that take part
    Instances {
        /// Those of every host, not of this one alone
        #[arg(long)]
        all: bool,
        #[command(flatten)]
        facts: Facts,
    },
    /// Show the sessions known on the network
    Sessions {
        #[command(flatten)]
        facts: Facts,
    },
    /// Create, enter, leave and list rooms
    #[command(subcommand)]
    Room(Room),
    /// Invite people into a room by invitation that you are in
    Invite {
        /// The room, as #name or name, or a session's GUID
        target: RoomName,
        /// Whom: @name, or @ and at least 8 digits of their key
        #[arg(required = true)]
        users: Vec<Person>,
        #[command(flatten)]
        app: App,
    },
    /// Remove somebody from a room by invitation: they read nothing that is written from then on
    Remove {
        /// The room, as #name or name, or a session's GUID
        target: RoomName,
        /// @name, or @ and at least 8 digits of their key
        user: Person,
        #[command(flatten)]
        app: App,
    },
    /// Show who belongs to a session, there or not, and what seals it
    Members {
        /// #room, @user or a session's GUID
        target: Target,
        #[command(flatten)]
        app: App,
        #[command(flatten)]
        facts: Facts,
    },
    /// Show the invitations that wait for your answer
    Invitations {
        #[command(flatten)]
        facts: Facts,
    },
    /// Accept an invitation: enter the room, or take part in the program
    Accept {
        /// The id of the session, as `invitations` shows it, or its #name
        id: RoomName,
        /// Look on only, without a player's place
        #[arg(long)]
        observe: bool,
        #[command(flatten)]
        format: Format,
    },
    /// Decline an invitation
    Decline {
        /// The id of the session, as `invitations` shows it, or its #name
        id: RoomName,
    },
    /// Run a program with the others of a conversation
    ///
    /// Everybody in it is asked. When enough have accepted the program starts here, and on the hosts of those who accept; who
    /// joins the conversation later is asked too.
    Start(Start),
    /// Call a program off that you have started: nobody is let in any more; copies that run go on
    Cancel {
        /// The id of the app session
        id: SessionId,
    },
    /// Register the programs that can be run together and opened by messages
    #[command(subcommand)]
    App(AppCommand),
    /// Send a message, or each line of standard input as one
    ///
    /// Ends when the message is on this host's disk (in a live session: sent), unless --wait asks for more. A room
    /// that does not exist is created. Messages are never dropped: when the network is slower than the input,
    /// reading waits.
    Send(Send),
    /// Ask everybody on the network to come and help
    ///
    /// The call stands in #lobby, with who is coming, until you say there that you were helped, or for an hour. Where you are is read from
    /// ~/.config/chalktalk/location ($XDG_CONFIG_HOME), else from /etc/chalktalk/location; --at says it once. On a terminal this stays and
    /// tells who is coming; Ctrl-C ends that and leaves the call open.
    HelpWanted(HelpWanted),
    /// Be seen by everybody as the picture in a file
    ///
    /// PNG, JPEG, GIF or WebP; its middle is shown, small. It is the same on all hosts of yours, and stays until you set another. `none` takes it
    /// away: people see the picture again that is made of your key.
    Avatar(Avatar),
    /// Show past messages, the oldest first
    ///
    /// On a terminal as text, otherwise one JSON object a line: session, origin, epoch, seq, index, user, name,
    /// instance, stamp, time, text (or base64, where a message is not text).
    History(History),
    /// Show messages as they come, until it is ended
    ///
    /// Goes on by itself after the daemon was restarted. Prints what `history` prints.
    Tail(Tail),
    /// Find what was said, in all conversations
    ///
    /// All words have to be in a message; "several words" are a phrase, start* finds what begins so, 'tea -coffee' (in one) leaves out. Filters:
    /// from:NAME (or from:me), in:#room, has:link (code, file, poll, announcement, reply), topic:WORD, and after:, before:, on:
    /// with a day such as 2026-11-24, yesterday, or 7d.
    Search(Search),
    /// Send files and folders, show those that were offered, and fetch them
    #[command(subcommand)]
    File(FileCommand),
    /// Open the chat
    Chat(Chat),
    /// Open a board; make one, draw a file onto one, or write one into a file
    Board(Board),
    /// Compare somebody's key with them, in person or by phone
    ///
    /// Both see the same words and digits if nobody sits between them. What was compared is marked, and a changed key is
    /// accepted.
    Verify(Verify),
    /// Refuse everything that somebody says
    ///
    /// Their messages are held back, and nothing is opened for them, until you unblock them.
    Block {
        /// @name, or @ and at least 8 digits of their key
        user: Person,
    },
    /// Let somebody speak again, with what was held back meanwhile
    Unblock {
        /// @name, or @ and at least 8 digits of their key
        user: Person,
    },
    /// Be the same person on several hosts
    #[command(subcommand)]
    Identity(Identity),
    /// Seal this network with a passphrase, or no more
    #[command(subcommand)]
    Passphrase(PassphraseCommand),
    /// Find out what is wrong with the network or the set-up, and what mends it
    ///
    /// Tries every way to every neighbour, with their help. Ends with 1 if something serious is wrong. As root it looks at
    /// this machine's firewall as well.
    Doctor {
        #[command(flatten)]
        format: Format,
    },
    /// Print the daemon's counters as Prometheus reads them
    Metrics {
        /// Write them into this file instead, for the node exporter's textfile collector
        #[arg(long, value_name = "FILE")]
        file: Option<PathBuf>,
    },
    /// Run three hosts on this machine and show what they do together
    ///
    /// Needs no privileges, no display and no network. Ends everything it started and removes its files.
    Demo {
        /// Open no window, even if there is a display (this demo never opens any)
        #[arg(long)]
        headless: bool,
    },
    /// Print a completion script for a shell
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
    /// Print the manual page, or write a page for each command
    Man {
        /// Write the pages into this folder instead
        #[arg(long, value_name = "DIR")]
        dir: Option<PathBuf>,
    },
}

/// How facts are printed.
#[derive(Args, Clone, Copy, Debug)]
pub(crate) struct Format {
    /// Print JSON on one line, for programs
    #[arg(long)]
    pub(crate) json: bool,
}

/// How facts are printed, once or on each change.
#[derive(Args, Clone, Copy, Debug)]
pub(crate) struct Facts {
    /// Print JSON on one line, for programs
    #[arg(long)]
    pub(crate) json: bool,
    /// Follow the changes until it is ended
    #[arg(long)]
    pub(crate) watch: bool,
}

/// The type of program a session belongs to.
#[derive(Args, Clone, Debug)]
pub(crate) struct App {
    /// The app whose session is meant
    #[arg(long, value_name = "APP", default_value = "chalktalk.chat")]
    pub(crate) app: AppId,
}

/// How the chat is opened.
#[derive(Args, Debug)]
pub(crate) struct Chat {
    /// #room, @user or a session's GUID
    pub(crate) target: Option<Target>,
    /// In this terminal
    #[arg(long, conflicts_with = "headless")]
    pub(crate) tui: bool,
    /// Without any display: write what would be shown to the transcript
    #[arg(long, requires = "transcript")]
    pub(crate) headless: bool,
    /// Where --headless writes, one JSON object a line
    #[arg(long, value_name = "FILE", requires = "headless")]
    pub(crate) transcript: Option<PathBuf>,
}

fn seconds(text: &str) -> Result<Duration, String> {
    let wrong = || format!("{text:?} is not a number of seconds, such as 10 or 0.5");
    let seconds: f64 = text.parse().map_err(|_| wrong())?;
    let duration = Duration::try_from_secs_f64(seconds).map_err(|_| wrong())?;
    if duration > LONGEST { Err("at most a year can be waited".to_owned()) } else { Ok(duration) }
}

/// Far more than anybody waits, far less than a clock can count.
const LONGEST: Duration = Duration::from_secs(366 * 86_400);

#[cfg(test)]
mod tests {
    use super::*;
    use clap::{CommandFactory, error::ErrorKind};

    fn parse(line: &str) -> Result<Arguments, ErrorKind> {
        Arguments::try_parse_from(line.split(' ')).map_err(|e| e.kind())
    }

    #[test]
    fn the_definitions_hold_together() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn what_the_fixed_command_line_says_is_understood() {
        for line in [
            "chalktalk",
            "chalktalk status --json",
            "chalktalk who --watch --json",
            "chalktalk instances --all",
            "chalktalk sessions --socket /tmp/x",
            "chalktalk --socket /tmp/x sessions",
            "chalktalk room create ops --live --no-history",
            "chalktalk room create ops --invite bo --invite cy",
            "chalktalk room join #ops",
            "chalktalk invite #ops bo @cy",
            "chalktalk remove ops @bo",
            "chalktalk invitations --json --watch",
            "chalktalk accept 00112233-4455-8677-8899-aabbccddeeff",
            "chalktalk decline #ops",
            "chalktalk accept 00112233-4455-8677-8899-aabbccddeeff --observe",
            "chalktalk start org.example.game --in #ops",
            "chalktalk start org.example.game --in @bo --title x --wait-for 3 --most 4 --expires 60 --watch --json",
            "chalktalk cancel 00112233-4455-8677-8899-aabbccddeeff",
            "chalktalk app add game.toml",
            "chalktalk app list --json",
            "chalktalk app check game.desktop",
            "chalktalk app remove org.example.game",
            "chalktalk room leave #ops",
            "chalktalk room list --json",
            "chalktalk send #ops - --wait held --timeout 0.5",
            "chalktalk send @ana hello",
            "chalktalk history #ops --limit 3",
            "chalktalk tail 00112233-4455-8677-8899-aabbccddeeff --since start",
            "chalktalk file send #ops a.txt b --json",
            "chalktalk file list @ana --json",
            "chalktalk file get #ops report.pdf /tmp --timeout 5",
            "chalktalk file pause #ops report.pdf",
            "chalktalk file resume #ops report.pdf",
            "chalktalk file drop #ops report.pdf",
            "chalktalk avatar me.jpg",
            "chalktalk avatar none",
            "chalktalk chat",
            "chalktalk chat @ana --tui",
            "chalktalk chat --headless --transcript /tmp/x",
            "chalktalk board",
            "chalktalk board #plans --headless",
            "chalktalk board new",
            "chalktalk board new plans --invite bo --json",
            "chalktalk board draw #plans - --at -10,20",
            "chalktalk board export #plans /tmp/x.svg",
            "chalktalk board role #plans --json",
            "chalktalk board role #plans bo view",
            "chalktalk identity export /tmp/x",
            "chalktalk identity import /tmp/x",
            "chalktalk passphrase set",
            "chalktalk passphrase clear",
            "chalktalk verify @ana --yes",
            "chalktalk verify ana --json",
            "chalktalk block @0123abcd",
            "chalktalk unblock ana",
            "chalktalk demo --headless",
            "chalktalk completions fish",
            "chalktalk man --dir /tmp/x",
        ] {
            assert!(parse(line).is_ok(), "{line}: {:?}", parse(line).err());
        }
    }

    #[test]
    fn what_makes_no_sense_is_refused_before_anything_happens() {
        for line in [
            "chalktalk nonsense",
            "chalktalk send ops hello",
            "chalktalk send #ops",
            "chalktalk send #ops ",
            "chalktalk send #ops hello --wait never",
            "chalktalk send #ops hello --timeout -1",
            "chalktalk send #ops hello --timeout soon",
            "chalktalk send #ops hello --timeout 1e18",
            "chalktalk send #ops hello --app Chat",
            "chalktalk room join @ana",
            "chalktalk room",
            "chalktalk invite #ops",
            "chalktalk remove #ops",
            "chalktalk accept @ana",
            "chalktalk file send #ops",
            "chalktalk file get ops x",
            "chalktalk file",
            "chalktalk start org.example.game",
            "chalktalk start game --in #ops",
            "chalktalk start org.example.game --in #ops --expires 0",
            "chalktalk cancel #ops",
            "chalktalk app",
            "chalktalk avatar",
            "chalktalk chat --headless",
            "chalktalk chat --transcript /tmp/x",
            "chalktalk board plans",
            "chalktalk board draw #plans",
            "chalktalk board export",
            "chalktalk board role #plans bo",
            "chalktalk board role #plans bo rules",
            "chalktalk history #ops --limit -1",
            "chalktalk passphrase set secret",
            "chalktalk verify #ops",
            "chalktalk verify ana --yes --undo",
            "chalktalk block",
            "chalktalk completions",
        ] {
            assert!(parse(line).is_err(), "{line}");
        }
    }
}
