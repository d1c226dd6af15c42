//! What the model is told, and what it wants.

use crate::{
    conversation::Order,
    editor::Edit,
    keep::{Change, Kept, Wants},
};
use chalktalk_client::{Fingerprint, Message, Transferred, files::Offer};
use chalktalk_ipc::{
    AppId, BlobId, Event, HostId, InstanceId, OriginId, Position, SessionId, UserId,
    event::{Holder, InvitationSummary, Member, Membership, Person, SessionSummary, Warning},
    nway::{AppOwner, AppSession, Part},
    request::{Availability, HistoryPoint, Mark},
};
use chalktalk_search::Hit;
use std::{collections::BTreeMap, fmt, ops::RangeInclusive, sync::Arc};

/// Who is writing.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Me {
    /// The person.
    pub user: UserId,
    /// Their name on the LAN.
    pub name: String,
    /// This host's name.
    pub host: String,
    /// This host.
    pub host_id: HostId,
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
    /// Writes the command that accepts this invitation into the line, if that is empty.
    Accept(SessionId),
    /// Starts choosing a line to copy.
    Select,
    /// Copies the chosen line.
    Copy,
    /// Does something with the chosen message.
    On(OnMessage),
    /// Chooses this message.
    Pick(Order),
    /// Reacts to a message with this, or takes it back.
    React(Order, String),
    /// Carries out a command as if it was typed; what is being written stays.
    Run(String),
    /// Offers the file or folder at this path.
    Share(String),
    /// Offers a picture that is in no file.
    SharePicture(Pixels),
    /// Says what one looks like from now on.
    Avatar(Portrait),
    /// Begins a call for help in the line being written.
    Call,
    /// To where the new begins.
    New,
    /// To the next conversation in which something is unread.
    Unread,
    /// Opens the quick switcher, or closes it.
    Switcher,
    /// A letter more for it, or one less.
    Narrow(Option<char>),
    /// Goes to the place chosen in it, or to the message chosen among those that were found.
    Choose,
    /// Ends the chat, but first drops what is being written.
    Interrupt,
    /// Ends the chat.
    Quit,
}

/// A picture that is in no file.
#[derive(Clone, PartialEq, Eq)]
pub struct Pixels {
    /// In pixels.
    pub width: u32,
    /// In pixels.
    pub height: u32,
    /// Red, green, blue, opacity for each pixel, row by row, not premultiplied.
    pub rgba: Arc<[u8]>,
}

impl fmt::Debug for Pixels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Pixels({} × {})", self.width, self.height)
    }
}

/// What somebody wants to look like.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Portrait {
    /// As the picture in this file, by its path as it was typed.
    File(String),
    /// As this picture.
    Pixels(Pixels),
    /// As the picture that is made of their key.
    Generated,
}

/// What can be done with a chosen message.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum OnMessage {
    /// Answer it.
    Reply,
    /// Change its text.
    Edit,
    /// Delete it, when asked twice.
    Delete,
    /// React to it with this of the palette, or answer the poll that it is; from 0.
    Digit(usize),
    /// Pin it, or take the pin off.
    Pin,
    /// Go to what it answers.
    Original,
    /// Come to help, as it asks; or not after all.
    Coming,
    /// Say that it has helped: it is one's own call.
    Helped,
    /// Fetch the file that it offers.
    Get,
    /// Open the folder in which the file is that it offers.
    Folder,
    /// Tell how far it has come.
    WhoHas,
    /// Publish it again.
    Retry,
}

impl OnMessage {
    /// What a letter means while a message is chosen.
    pub fn of_letter(letter: char) -> Option<Self> {
        Some(match letter {
            'r' => Self::Reply,
            'e' => Self::Edit,
            'd' => Self::Delete,
            'p' => Self::Pin,
            'o' => Self::Original,
            'c' => Self::Coming,
            'h' => Self::Helped,
            'g' => Self::Get,
            'f' => Self::Folder,
            'w' => Self::WhoHas,
            't' => Self::Retry,
            c => Self::Digit(c.to_digit(10)?.checked_sub(1)? as usize),
        })
    }
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
    /// Something was said in passing.
    Passing(Vec<Message>),
    /// Time has passed, see [`super::Model::next_tick`].
    Tick,
    /// Somebody looks at what is shown, or not any more: a face that cannot tell says nothing.
    Looking(bool),
    /// The window was closed, and the chat goes on in the tray.
    Stowed,
    /// The person has done something with what the desktop showed of a conversation.
    Notified(SessionId, Response),
    /// Whether the desktop can show anything, and why not.
    Desktop(Result<(), String>),
    /// What was kept since the last time.
    Kept(Kept),
    /// Some face of the person has kept something else of what is wanted.
    Rekept,
    /// What is wanted, in every face, and where the person is to be found.
    Wants(Wants, Option<String>),
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
    /// What people look like, of whom that has changed.
    Avatars(crate::avatars::News),
    /// Which sessions there are.
    Sessions(Vec<SessionSummary>),
    /// Which invitations wait for an answer.
    Invitations(Vec<InvitationSummary>),
    /// Which programs people run together.
    AppSessions(Vec<AppSession>),
    /// Who has which apps, and whether that is to be told.
    AppOwners(Vec<AppOwner>, bool),
    /// A transfer goes on, or is over.
    Transfer(u64, TransferNews),
    /// Files of a session.
    Files {
        /// This one.
        session: SessionId,
        /// Messages that offer files, and that say who has them; empty if they were not looked for.
        found: Vec<Message>,
        /// What is on this host, and whether it is given to nobody for now.
        here: BTreeMap<BlobId, bool>,
    },
    /// What is wrong with the network or the set-up.
    Warnings(Vec<Warning>),
    /// Who belongs to a session, and what seals it.
    Members(Membership),
    /// Who has a message.
    Holders(SessionId, Position, Vec<Holder>),
    /// The person has never been in a session before that was opened.
    NewHere(SessionId),
    /// What was found, the newest first, for what was typed.
    Found(String, Vec<Hit>),
    /// What to compare with a person.
    Compare(Person, Fingerprint),
    /// A person's key was marked.
    Marked(Person),
    /// Something that was asked for was done.
    Done(String),
    /// Something that was asked for was not done.
    Failed(String),
    /// The daemon is away.
    Away(String),
    /// It is back.
    Back,
}

/// What a person does with what the desktop shows.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Response {
    /// They want to see the conversation.
    Open,
    /// They answer.
    Reply(String),
    /// They come to help.
    Come,
    /// They accept what they are asked to.
    Accept,
    /// They decline it.
    Decline,
}

/// What the desktop shows something of: it says what can be done there beside opening it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum About {
    /// Words, to be answered.
    Words,
    /// A call for help, to be answered by coming.
    Call,
    /// An invitation, to be accepted or declined.
    Invitation,
    /// An invitation to a program that is not here: it can only be declined.
    Lacking,
    /// Where the chat is now.
    Place,
}

/// Something new of a conversation, or of what one is invited to, for the desktop to show. All texts are fit for display.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Notification {
    /// Of this session.
    pub session: SessionId,
    /// What it is.
    pub about: About,
    /// Who, and where.
    pub title: String,
    /// What.
    pub text: String,
    /// Only those who are in it may read it: it is not to be kept elsewhere.
    pub sealed: bool,
}

/// How a transfer goes on.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum TransferNews {
    /// It has come so far.
    Moved(Transferred),
    /// It is written, here; of a folder, some of it could not be.
    Saved(String, Vec<String>),
    /// It can be offered; of a folder, some of it was left out.
    Shared(Offer, Vec<String>),
    /// It is over, and why.
    Failed(String),
    /// The person has stopped it.
    Stopped,
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
    /// Publish a message.
    Publish {
        /// In this session.
        session: SessionId,
        /// Its local number.
        local: u64,
        /// Its payload.
        payload: Vec<u8>,
        /// Whom it mentions.
        mentions: Vec<UserId>,
    },
    /// Acknowledge what was in view.
    Ack(SessionId, Vec<Position>),
    /// Ask for older messages.
    Past(SessionId, Option<HistoryPoint>),
    /// Find what was said, in all conversations.
    Find(String),
    /// Fetch what was offered in a session, and write it into the person's folder.
    Fetch {
        /// Which transfer it is.
        id: u64,
        /// In which session.
        session: SessionId,
        /// What.
        offer: Offer,
        /// By whom.
        from: OriginId,
    },
    /// Make a file or a folder something to offer in a session.
    Share {
        /// Which transfer it is.
        id: u64,
        /// In which session.
        session: SessionId,
        /// Where it is, as it was typed.
        path: String,
    },
    /// Make a picture something to offer in a session.
    SharePicture {
        /// Which transfer it is.
        id: u64,
        /// In which session.
        session: SessionId,
        /// What the file is called.
        name: String,
        /// The picture.
        pixels: Pixels,
    },
    /// Say what one looks like from now on.
    Avatar(Portrait),
    /// Read again what people look like: what somebody said was held back.
    AvatarsAgain,
    /// Show the folder in which this is, as it was told where.
    OpenFolder(String),
    /// Write a conversation into a file, as it was typed; nothing: one in the person's folder.
    Export(SessionSummary, Option<String>),
    /// End a transfer.
    StopTransfer(u64),
    /// Give something that was offered to nobody from this host, or again.
    Pause(SessionId, Offer, bool),
    /// Ask which files of a session are here; and look for what was offered long ago.
    Files(SessionId, bool),
    /// Say something in passing.
    Sign(SessionId, Vec<u8>),
    /// Keep something that is wanted otherwise.
    Keep(Change),
    /// Look up what is kept of what is wanted.
    LookUpWants,
    /// Ask who is there.
    Who,
    /// Ask which sessions there are.
    Sessions,
    /// Ask which invitations wait.
    Invitations,
    /// Ask what is wrong.
    Warnings,
    /// Ask people into a session, by its id.
    Invite(SessionId, Vec<String>),
    /// Make a room for people, and look at it.
    Create(String, Vec<String>),
    /// Put somebody out of a session.
    Remove(SessionId, String),
    /// Accept an invitation, and look at the session.
    Accept(SessionId),
    /// Decline one.
    Decline(SessionId),
    /// Ask which programs people run together.
    AppSessions,
    /// Ask who of a session has which apps, and tell; none: ask what is registered here.
    AppOwners(Option<SessionId>),
    /// Ask everybody in a session to run an app together, with a title perhaps.
    Start(SessionId, AppId, Option<String>),
    /// Take part in an app session: a program opens, and no conversation.
    TakePart(SessionId, Part),
    /// Call an app session off.
    CancelApp(SessionId),
    /// Ask who has a message.
    Holders(SessionId, Position),
    /// Ask who belongs to a session.
    Members(SessionId),
    /// Say how available one is.
    Availability(Availability),
    /// Say something of oneself, for so many milliseconds perhaps.
    Saying(String, Option<u64>),
    /// Say whether nobody is at this chat.
    Idle(bool),
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
    /// Keep what is being written there.
    KeepDraft(SessionId, String),
    /// Keep where the person is to be found.
    KeepLocation(String),
    /// Show something new on the desktop, in the place of what was shown of its conversation.
    Notify(Notification),
    /// Take back what the desktop shows of a conversation.
    Unnotify(SessionId),
    /// Bring the window before the person, who has asked for it.
    Raise,
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
    /// The keys, from this row on.
    Help(u16),
    /// Choosing a message to do something with.
    Selecting(Order),
    /// Looking for somewhere to go.
    Switching,
    /// Choosing among the messages that were found.
    Finding,
}
