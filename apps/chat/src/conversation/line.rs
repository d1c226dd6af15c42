//! One line of a conversation: a message, or something that the chat itself has to say.
//!
//! Invariant: every text in a line is fit for display; what the network sent is cleaned on its way in.

use crate::command::ACTION;
use chalktalk_client::{Message, chat::Saying, files::Offer};
use chalktalk_ipc::{OriginId, Position, UserId, text};

/// Where a line stands among the others: by Lamport stamp, ties by origin. Local lines stand behind the newest
/// message there was when they were made.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Order {
    pub(super) stamp: u64,
    pub(super) local: u64,
    pub(super) position: Position,
}

/// Where lines of the chat's own stand in the logs.
pub(super) const NOWHERE: Position = Position { origin: OriginId::NIL, epoch: 0, seq: 0, index: 0 };

/// One line of a conversation.
#[derive(Clone, Debug)]
pub struct Line {
    /// Where it stands.
    pub order: Order,
    /// The author's clock, milliseconds since 1970 UTC.
    pub time: u64,
    /// What it is.
    pub body: Body,
    /// Whether it came by delivery, not only as history.
    pub(super) delivered: bool,
}

/// What a line is.
#[derive(Clone, Debug)]
pub enum Body {
    /// Somebody said it.
    Said(Said),
    /// The chat itself has something to say.
    Notice(Tone, String),
}

/// How a notice is meant.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Tone {
    /// For information.
    Quiet,
    /// Something is wrong.
    Alarm,
}

/// Something that was said. All texts are fit for display.
#[derive(Clone, Debug)]
pub struct Said {
    /// By whom.
    pub user: UserId,
    /// Their name.
    pub name: String,
    /// Their host's name.
    pub host: String,
    /// What.
    pub text: String,
    /// Whether the text is an action ("waves") of its author.
    pub action: bool,
    /// Whether it mentions the reader.
    pub mentions_me: bool,
    /// If this process said it: what became of it.
    pub own: Option<Own>,
}

/// A message of this process on its way.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Own {
    /// Its number for the chat, before the daemon has numbered it.
    pub(super) local: u64,
    /// Its number in the session, once published.
    pub(super) number: Option<u64>,
    /// What went wrong, each with who says so.
    pub failures: Vec<String>,
    /// Whether the daemon did not take it, so that it never comes back.
    pub(super) refused: bool,
}

impl Own {
    /// The daemon has not taken it.
    pub(super) fn refuse(&mut self, reason: &str) {
        (self.number, self.refused) = (None, true);
        self.failures.push(format!("not sent: {}", text::printable(reason)));
    }
}

impl Said {
    /// What a message of the network says, fit for display.
    pub(super) fn new(message: &Message, me: UserId) -> Self {
        let (shown, action) = shown(&Saying::read(&message.payload).for_people());
        Self {
            user: message.author.user,
            name: author_name(&message.author.name, message.author.user),
            host: text::label(&message.author.host),
            text: shown,
            action,
            mentions_me: message.mentions_you && message.author.user != me,
            own: None,
        }
    }
}

/// A text as it is shown, and whether it is an action. An offered file is shown by its name and size.
pub(super) fn shown(payload: &str) -> (String, bool) {
    if let Some(offer) = Offer::read(payload) {
        return (offer.for_people(), false);
    }
    match payload.strip_prefix(ACTION) {
        Some(action) => (text::printable(action), true),
        None => (text::printable(payload), false),
    }
}

fn author_name(name: &str, user: UserId) -> String {
    let name = text::label(name);
    if name.is_empty() { user.to_string().chars().take(8).collect() } else { name }
}
