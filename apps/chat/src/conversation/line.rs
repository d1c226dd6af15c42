//! One line of a conversation: a message, or something that the chat itself has to say.
//!
//! Invariant: every text in a line is fit for display; what the network sent is cleaned on its way in.

use super::marks::{Deed, Fate};
use crate::command::ACTION;
use crate::t;
use chalktalk_client::{
    Message,
    chat::{Kind, Saying},
    files::Offer,
};
use chalktalk_ipc::{OriginId, Position, UserId, text};
use unicode_width::UnicodeWidthChar;

/// So many characters without a width of their own in a row are shown at most. The longest that scripts and emoji need
/// (the flags of Scotland and Wales) have six.
const MAX_STACK: usize = 8;

/// Where a line stands among the others: by Lamport stamp, ties by origin. Local lines stand behind the newest
/// message there was when they were made.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Order {
    pub(super) stamp: u64,
    pub(super) local: u64,
    pub(super) position: Position,
}

impl Order {
    /// A message's place.
    pub fn of(message: &Message) -> Self {
        Self { stamp: message.stamp, local: 0, position: message.position }
    }

    /// Where the message stands in the logs; nothing for a line of the chat's own.
    pub fn position(self) -> Option<Position> {
        (self.local == 0).then_some(self.position)
    }
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
    Said(Box<Said>),
    /// The chat itself has something to say.
    Notice(Tone, String),
}

impl Line {
    /// What was said, if this line is something said.
    pub fn said(&self) -> Option<&Said> {
        match &self.body {
            Body::Said(said) => Some(said),
            Body::Notice(..) => None,
        }
    }

    pub(super) fn said_mut(&mut self) -> Option<&mut Said> {
        match &mut self.body {
            Body::Said(said) => Some(said),
            Body::Notice(..) => None,
        }
    }
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
    /// What, as it is now.
    pub text: String,
    /// What it was at first.
    original: String,
    /// Whether the text is an action ("waves") of its author.
    pub action: bool,
    /// What it is besides its text.
    pub kind: Kind,
    /// The message that it answers.
    pub reply: Option<Position>,
    /// What it is about.
    pub topic: Option<String>,
    /// What has become of it.
    pub fate: Fate,
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
    /// What was published, until it comes back.
    pub(super) payload: Vec<u8>,
    /// What went wrong, each with who says so.
    pub failures: Vec<String>,
    /// Whether the daemon did not take it, so that it never comes back.
    pub(super) refused: bool,
}

impl Own {
    /// The daemon has not taken it.
    pub(super) fn refuse(&mut self, reason: &str) {
        (self.number, self.refused) = (None, true);
        self.failures.push(t!("not-sent", reason = text::printable(reason)));
    }
}

impl Said {
    /// What a message of the network says, fit for display.
    pub(super) fn new(message: &Message, saying: Saying, me: UserId) -> Self {
        let author = &message.author;
        let mut said = Self::by(author.user, author_name(&author.name, author.user), saying);
        said.host = text::label(&author.host);
        said.mentions_me = message.mentions_you && author.user != me;
        said
    }

    /// Something that this person says.
    pub(super) fn by(user: UserId, name: String, saying: Saying) -> Self {
        let (text, action) = shown(&saying.text);
        Self {
            user,
            name,
            host: String::new(),
            original: saying.text,
            text,
            action,
            kind: saying.kind,
            reply: saying.reply.map(|place| place.0),
            topic: saying.topic,
            fate: Fate::default(),
            mentions_me: false,
            own: None,
        }
    }

    /// What was said at first, as it was sent.
    pub fn original(&self) -> &str {
        &self.original
    }

    /// Whether it offers a file or a folder: its name is shown letter for letter.
    pub fn is_offer(&self) -> bool {
        Offer::read(&self.original).is_some()
    }

    /// Whether its text can be changed: of polls and dice it says what others have answered to, of files what they are.
    pub fn editable(&self) -> bool {
        let text = matches!(self.kind, Kind::Say | Kind::Announce) && !self.is_offer();
        text && !self.fate.deleted
    }

    /// This has become of it.
    pub(super) fn settle(&mut self, fate: Fate) {
        (self.text, self.action) = match (&fate.deleted, &fate.edited) {
            (true, _) => (String::new(), false),
            (false, Some(text)) => shown(text),
            (false, None) => shown(&self.original),
        };
        self.fate = fate;
    }
}

/// What a message does to another one, if it does.
pub(super) fn deed(saying: &Saying) -> Option<(Position, Deed)> {
    let deed = match &saying.kind {
        Kind::Edit { .. } => Deed::Edit(saying.text.clone()),
        Kind::Delete { .. } => Deed::Delete,
        Kind::React { emoji, off, .. } => Deed::React(emoji.clone(), !off),
        Kind::Pin { off, .. } => Deed::Pin(!off),
        Kind::Vote { answer, .. } => Deed::Vote(*answer),
        Kind::Got { .. } => Deed::Got,
        Kind::Coming { off, .. } => Deed::Coming(!off),
        Kind::Helped { .. } => Deed::Helped,
        Kind::Witness { share, .. } => Deed::Witness(share.clone()),
        Kind::Reveal { secret, share, .. } => Deed::Reveal(secret.clone(), share.clone()),
        Kind::Say
        | Kind::Announce
        | Kind::Poll { .. }
        | Kind::Roll { .. }
        | Kind::Call { .. }
        | Kind::Avatar { .. }
        | Kind::Unknown(_) => return None,
    };
    Some((saying.kind.of()?.0, deed))
}

/// Whether there is anything to show of it where it was said: what somebody looks like is seen elsewhere.
pub(super) fn is_shown(saying: &Saying) -> bool {
    !matches!(saying.kind, Kind::Avatar { .. })
}

/// A text as it is shown, and whether it is an action. An offered file is shown by its name and size.
fn shown(text: &str) -> (String, bool) {
    if let Some(offer) = Offer::read(text) {
        return (offer.for_people(), false);
    }
    match text.strip_prefix(ACTION) {
        Some(action) => (harmless(action), true),
        None => (harmless(text), false),
    }
}

/// No controls, no overrides of the direction, and no towers of accents.
pub fn harmless(text: &str) -> String {
    let mut stack = 0;
    let mut fits = |c: char| {
        stack = if c == '\n' || c.width().is_none_or(|width| width > 0) { 0 } else { stack + 1 };
        stack <= MAX_STACK
    };
    text::printable(text).chars().filter(|c| fits(*c)).collect()
}

fn author_name(name: &str, user: UserId) -> String {
    let name = text::label(name);
    if name.is_empty() { user.to_string().chars().take(8).collect() } else { name }
}
