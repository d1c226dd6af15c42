//! What may be typed: commands, arguments and options, parsed once into types that cannot be wrong.
//!
//! The doc comments here are the help texts, the man pages and the completions; there is no second list.

use chalktalk_client::location;
use chalktalk_ipc::{AppId, SessionId, Target, request};
use clap::{Args, Parser, Subcommand, ValueEnum};
use std::{path::PathBuf, str::FromStr, time::Duration};

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
    /// ~/.config/chalktalk/location ($XDG_CONFIG_HOME), else from /etc/chalktalk/location; --at says it once.
    HelpWanted(HelpWanted),
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

/// What to do with the registry of apps.
#[derive(Subcommand, Debug)]
pub(crate) enum AppCommand {
    /// Register a program, from a manifest or an installed .desktop file
    Add {
        /// A manifest (.toml), a .desktop file, or the name of an installed one
        file: PathBuf,
    },
    /// Show the registered programs
    List {
        /// Show everybody's: who could run what with you, in which version
        #[arg(long)]
        all: bool,
        /// Show those of the people in this session: #room, @user or a GUID
        #[arg(long = "in", value_name = "TARGET", requires = "all")]
        target: Option<Target>,
        #[command(flatten)]
        app: App,
        #[command(flatten)]
        format: Format,
    },
    /// Say what is wrong with a manifest or a .desktop file, and where
    Check {
        /// A manifest (.toml), a .desktop file, or the name of an installed one
        file: PathBuf,
    },
    /// Take a program that you have added out again
    Remove {
        /// The app
        id: AppId,
    },
    /// Say whose invitations may launch programs here without asking you first; show what you have said
    ///
    /// `auto` launches at once, `known` for people whose keys you have compared, `ask` waits for your word, `never` declines.
    /// A program whose manifest says nothing else asks.
    Policy {
        /// What holds from now on [default: show what you have said]
        #[arg(value_parser = ["auto", "known", "ask", "never"])]
        policy: Option<String>,
        /// For this program alone
        #[arg(long, value_name = "APP", requires = "policy")]
        app: Option<AppId>,
        /// For this person alone: @name, or @ and at least 8 digits of their key
        #[arg(long, value_name = "USER", requires = "policy")]
        person: Option<Person>,
    },
}

/// What to start, from where, and who may take part.
#[derive(Args, Debug)]
pub(crate) struct Start {
    /// The program, as `app list` shows it
    #[arg(value_name = "APP")]
    pub(crate) app_id: AppId,
    /// The conversation: #room, @user or a session's GUID
    #[arg(long = "in", value_name = "TARGET")]
    pub(crate) target: Target,
    /// What to call it [default: the program's name]
    #[arg(long)]
    pub(crate) title: Option<String>,
    /// Start when so many take part, you included [default: as the manifest says]
    #[arg(long, value_name = "N")]
    pub(crate) wait_for: Option<u16>,
    /// Let at most so many take part; more wait for a place [default: as the manifest says]
    #[arg(long, value_name = "N")]
    pub(crate) most: Option<u16>,
    /// Ask for so many seconds
    #[arg(long, value_name = "SECONDS", default_value = "600", value_parser = clap::value_parser!(u32).range(1..=86_400))]
    pub(crate) expires: Option<u32>,
    #[command(flatten)]
    pub(crate) app: App,
    #[command(flatten)]
    pub(crate) facts: Facts,
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

/// Whose key to compare.
#[derive(Args, Debug)]
pub(crate) struct Verify {
    /// @name, or @ and at least 8 digits of their key
    pub(crate) user: Person,
    /// Do not ask: the words were compared and are the same
    #[arg(long)]
    pub(crate) yes: bool,
    /// Take the mark away again
    #[arg(long, conflicts_with = "yes")]
    pub(crate) undo: bool,
    #[command(flatten)]
    pub(crate) format: Format,
}

/// What to do with one's identity.
#[derive(Subcommand, Debug)]
pub(crate) enum Identity {
    /// Write your identity into a file that a passphrase opens
    Export {
        /// The file; it must not exist yet
        file: PathBuf,
    },
    /// Become the person whose identity is in a file
    ///
    /// Replaces who you are on this host. Rooms go on; direct conversations stay with whom you were.
    Import {
        /// The file
        file: PathBuf,
    },
}

/// What to do with the network's passphrase.
#[derive(Subcommand, Debug)]
pub(crate) enum PassphraseCommand {
    /// Set the passphrase: typed, from standard input, or made of six words
    ///
    /// Hosts with the same passphrase see each other and nobody else; announcements and open rooms are encrypted.
    Set,
    /// Do without a passphrase again
    Clear,
}

/// A person as people type it: with or without the `@`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Person(pub(crate) Target);

impl FromStr for Person {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let with_sign = if text.starts_with('@') { text.to_owned() } else { format!("@{text}") };
        match with_sign.parse::<Target>() {
            Ok(target @ Target::User(_)) if !text.starts_with('#') => Ok(Self(target)),
            _ => Err(format!("{text:?} is no person; write them as @ana or ana")),
        }
    }
}

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

fn message_text(text: &str) -> Result<String, String> {
    match text {
        "" => {
            Err("there is nothing to send; an empty line of standard input (-) is sent as it is".to_owned())
        }
        text => Ok(text.to_owned()),
    }
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
