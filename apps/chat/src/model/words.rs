//! What the model is told, and what it wants.

use crate::{conversation::Order, editor::Edit};
use chalktalk_client::{Fingerprint, Message};
use chalktalk_ipc::{
    Event, InstanceId, Position, SessionId, UserId,
    event::{Member, Person, SessionSummary},
    request::{Availability, HistoryPoint, Mark},
};
use std::ops::RangeInclusive;

/// Who is writing.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Me {
    /// The person.
    pub user: UserId,
    /// Their name on the LAN.
    pub name: String,
    /// This host's name.
    pub host: String,
    /// This process.
    pub instance: InstanceId,
}

/// What a key, a click or the wheel means.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Action {
    /// Changes the text being written.
    Edit(Edit),
    /// Sends it.
    Send,
    /// Takes the chosen completion.
    Complete,
    /// Leaves what is open: completions, help, selection; then goes to the newest line.
    Escape,
    /// One up (or down) among completions, lines to select, or earlier messages: whatever is in front.
    Up,
    /// See [`Action::Up`].
    Down,
    /// So many conversations further.
    Switch(isize),
    /// To this conversation.
    Go(SessionId),
    /// To a session that is known and not open.
    Enter(SessionId),
    /// To the direct session with this person.
    Talk(UserId),
    /// So many rows up, or down.
    Scroll(i32),
    /// To the newest line.
    Newest,
    /// Shows or hides the keys.
    Help,
    /// Starts choosing a line to copy.
    Select,
    /// Copies the chosen line.
    Copy,
    /// Ends the chat, but first drops what is being written.
    Interrupt,
    /// Ends the chat.
    Quit,
}

/// Something that happened.
#[derive(Clone, Debug)]
pub enum Input {
    /// The person did something.
    Act(Action),
    /// A session was opened.
    Opened {
        /// What it is.
        summary: SessionSummary,
        /// Who is in it.
        members: Vec<Member>,
        /// Whether to look at it now.
        focus: bool,
        /// What to say there first.
        say: Option<String>,
    },
    /// A session was left.
    Left(SessionId),
    /// Messages were delivered.
    Delivered(Vec<Message>),
    /// Older messages came.
    Past {
        /// Of this session.
        session: SessionId,
        /// The messages.
        messages: Vec<Message>,
        /// What to ask for next.
        before: Option<HistoryPoint>,
    },
    /// An own message was published, or was not.
    Published {
        /// In this session.
        session: SessionId,
        /// Its local number.
        local: u64,
        /// Its number there, or what went wrong.
        result: Result<u64, String>,
    },
    /// The daemon has not taken own messages.
    Refused {
        /// In this session.
        session: SessionId,
        /// Their numbers there.
        numbers: RangeInclusive<u64>,
        /// Why.
        reason: String,
    },
    /// The daemon says so.
    Event(Event),
    /// Who is on the network.
    People(Vec<Person>),
    /// Which sessions there are.
    Sessions(Vec<SessionSummary>),
    /// What to compare with a person.
    Compare(Person, Fingerprint),
    /// A person's key was marked.
    Marked(Person),
    /// Something that was asked for was not done.
    Failed(String),
    /// The daemon is away.
    Away(String),
    /// It is back.
    Back,
}

/// Something to be done.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Effect {
    /// Enter a session and open it, look at it, and say something there.
    Join {
        /// `#room`, `@user` or a GUID.
        target: String,
        /// What to say there.
        say: Option<String>,
    },
    /// Open a session that was joined.
    Open(SessionSummary),
    /// Leave a session.
    Leave(SessionId),
    /// Publish a text.
    Publish {
        /// In this session.
        session: SessionId,
        /// Its local number.
        local: u64,
        /// The text.
        text: String,
        /// Whom it mentions.
        mentions: Vec<UserId>,
    },
    /// Acknowledge what was in view.
    Ack(SessionId, Vec<Position>),
    /// Ask for older messages.
    Past(SessionId, Option<HistoryPoint>),
    /// Ask who is there.
    Who,
    /// Ask which sessions there are.
    Sessions,
    /// Say how available one is.
    Availability(Availability),
    /// Find out what to compare with a person.
    Compare(String),
    /// Mark this key.
    Mark(UserId, Mark),
    /// Mark the key of whoever goes by this name.
    MarkNamed(String, Mark),
    /// Answer an offer; if it is accepted, open the session.
    Answer(SessionSummary, bool),
    /// Put a text on the clipboard.
    Copy(String),
    /// Ring.
    Bell,
    /// End the chat.
    Quit,
}

/// What is in front.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Mode {
    /// The line being written.
    Writing,
    /// The keys.
    Help,
    /// Choosing a line to copy.
    Selecting(Order),
}
