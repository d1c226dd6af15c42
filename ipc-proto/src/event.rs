//! What a daemon tells a program: answers to its requests, and events.

use crate::{
    ids::{AppId, BlobId, HostId, InstanceId, OriginId, Position, SessionId, UserId},
    nway::{AppInvitation, AppOwner, AppSession, Run},
    request::{Availability, HistoryPoint, SessionKind, Topic},
};
use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;

/// One control frame from the daemon.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Down {
    /// The answer to the call with this id.
    Reply {
        /// Number of the call.
        id: u32,
        /// What came of it.
        body: Result<Answer, Refusal>,
    },
    /// Something happened.
    Event(Event),
}

/// What came of a request.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    /// It is done.
    Done,
    /// To `hello`.
    Welcome {
        /// Version of the local protocol.
        protocol: u16,
        /// Name and version of the daemon.
        daemon: String,
        /// This host.
        host_id: HostId,
        /// This host's name.
        host: String,
        /// The user that the kernel says is calling.
        user: UserId,
        /// That user's name on the LAN.
        name: String,
    },
    /// To `attach`.
    Attached {
        /// This process's instance.
        instance: InstanceId,
        /// The session it was launched for.
        session: Option<SessionSummary>,
    },
    /// To `join`.
    Session(SessionSummary),
    /// To `open`.
    Opened {
        /// The session.
        session: SessionSummary,
        /// Number of the last message of this instance that is in the log: an app that lost its connection sends
        /// again what comes after it, and nothing else.
        last_number: u64,
        /// Bytes this instance may publish in this session, counted from this answer on (see the `credit` event).
        granted: u64,
        /// Where reading starts, one per origin and epoch already read (empty: at the beginning of every log). An
        /// app that loses its connection before anything arrived reopens from here, not from the beginning.
        start: Vec<Position>,
        /// Where logs begin of which not all is held here any more: what was before is gone, and not to be had.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        begins: Vec<LogBegin>,
        /// Everybody in the session.
        members: Vec<Member>,
    },
    /// To `status`.
    Status(Status),
    /// To `who`.
    Who(Vec<Person>),
    /// To `find_person` and `mark_person`.
    Person(Person),
    /// To `export_identity`.
    Identity {
        /// The user's identity, sealed with the key given.
        sealed: ByteBuf,
    },
    /// To `instances`.
    Instances(Vec<InstanceSummary>),
    /// To `sessions`.
    Sessions(Vec<SessionSummary>),
    /// To `invitations`.
    Invitations(Vec<InvitationSummary>),
    /// To `put_blob` and `fetch_blob`: it has begun.
    Transfer {
        /// Its number on this connection's daemon.
        transfer: u64,
    },
    /// To `blobs`.
    Blobs(Vec<BlobSummary>),
    /// To `health`.
    Health(Health),
    /// To `membership`.
    Membership(Box<Membership>),
    /// To `holders`: those who are there first.
    Holders(Vec<Holder>),
    /// To `start` and `take_part`.
    AppSession(AppSession),
    /// To `app_sessions`.
    AppSessions(Vec<AppSession>),
    /// To `apps`: the caller first.
    Apps(Vec<AppOwner>),
    /// To `history`, behind the messages.
    HistoryEnd {
        /// What to ask for next; absent: the beginning was reached.
        before: Option<HistoryPoint>,
    },
}

/// Why a request was not done.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, thiserror::Error)]
#[error("{message}")]
pub struct Refusal {
    /// What kind of refusal.
    pub code: RefusalCode,
    /// What happened and what to do, for people.
    pub message: String,
}

impl Refusal {
    /// A refusal with its explanation.
    pub fn new(code: RefusalCode, message: impl Into<String>) -> Self {
        Self { code, message: message.into() }
    }
}

/// Kinds of refusal.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RefusalCode {
    /// The request makes no sense here (its text says why).
    BadRequest,
    /// Another version of the local protocol.
    Version,
    /// No such user, session, instance or launch.
    Unknown,
    /// Several users have that name.
    Ambiguous,
    /// The user has not joined the session.
    NotJoined,
    /// Not allowed for this user.
    NotAllowed,
    /// Another key claims to be that user: compare it or refuse it first.
    KeyChanged,
    /// A bound was reached; trying later may help.
    Busy,
    /// The disk is full or the store failed.
    Storage,
}

/// Something happened.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Event {
    /// Who an origin is; comes before the first message of that origin on this connection.
    Author {
        /// The writer.
        origin: OriginId,
        /// The person.
        user: UserId,
        /// The person's name, fit for display.
        name: String,
        /// The host's name, fit for display.
        host: String,
    },
    /// Everything that was held when the session was opened has been delivered.
    CaughtUp {
        /// The session.
        session: SessionId,
    },
    /// More may be published: the total since `opened`, in bytes (payload + 64 per durable message; volatile ones
    /// cost nothing, and are dropped where there is no room).
    Credit {
        /// The session.
        session: SessionId,
        /// Total bytes granted since `opened`.
        granted: u64,
    },
    /// How far this instance's own messages have come, by their numbers.
    Progress {
        /// The session.
        session: SessionId,
        /// In the log, and sent, up to this number.
        appended: u64,
        /// On this host's disk up to this number (live sessions: stays 0).
        stored: u64,
        /// Element k-1: held by at least k other hosts up to this number. As long as there are other hosts.
        held_by: Vec<u64>,
        /// Acknowledged by an app of every member present, up to this number.
        delivered: u64,
    },
    /// A message of this instance could not be handed over. It stays in the log.
    Failed {
        /// The session.
        session: SessionId,
        /// Number of the message; for reasons that concern the app type, the latest one.
        number: u64,
        /// The host that says so.
        host: HostId,
        /// That host's name, fit for display.
        host_name: String,
        /// Why.
        reason: FailReason,
        /// More about it, fit for display.
        detail: String,
    },
    /// Durable messages of this instance were not taken, and are in no log: all that it published from `first` on, and
    /// all that it publishes before it sends `resume` (or opens the session again).
    Refused {
        /// The session.
        session: SessionId,
        /// Number of the first message that was not taken.
        first: u64,
        /// Why, and what to do.
        refusal: Refusal,
    },
    /// Messages that are lost for good: no host has them any more.
    Lost {
        /// The session.
        session: SessionId,
        /// Whose.
        origin: OriginId,
        /// In which life of the log.
        epoch: u32,
        /// First entry lost.
        first: u64,
        /// Last entry lost.
        last: u64,
    },
    /// The snapshots that hosts of an opened session hold, when it was opened and whenever that changes: those that stand for
    /// the most last.
    Snapshots {
        /// The session.
        session: SessionId,
        /// Which.
        snapshots: Vec<SnapshotSummary>,
    },
    /// The members of an opened session changed.
    Roster {
        /// The session.
        session: SessionId,
        /// Everybody in it now.
        members: Vec<Member>,
    },
    /// A session with new messages looks for an instance: answer with `answer_offer` within 2 s.
    Offer {
        /// The session.
        session: SessionSummary,
    },
    /// To agents: launch this app for this session.
    Launch {
        /// Number of the launch.
        launch: u64,
        /// The app.
        app: AppId,
        /// The session it is for.
        session: SessionSummary,
        /// The one-use token to hand over as `CHALKTALK_TOKEN`.
        token: String,
    },
    /// How far a transfer has come.
    Transfer {
        /// Its number.
        transfer: u64,
        /// Bytes that are here and verified.
        done: u64,
        /// Bytes in all.
        size: u64,
        /// Hosts that give some of it now. 0: it waits for one.
        holders: u32,
    },
    /// A transfer is through.
    Transferred {
        /// Its number.
        transfer: u64,
        /// What it was about; of a `put_blob` that was refused, nil.
        blob: BlobId,
        /// Its size in bytes.
        size: u64,
        /// Whether a descriptor comes along: of a blob that was fetched, to be read.
        file: bool,
        /// Why it was not done; absent: it was.
        refusal: Option<Refusal>,
    },
    /// To agents: launch this app for this app session.
    Run {
        /// Number of the launch.
        launch: u64,
        /// The app.
        app: AppId,
        /// The app session.
        session: SessionId,
        /// The one-use token to hand over as `CHALKTALK_TOKEN`.
        token: String,
        /// What the copy has to know.
        run: Run,
    },
    /// A watched topic changed: ask again.
    Changed {
        /// Which.
        topic: Topic,
    },
    /// This instance is no longer attached to a session, or (without one) at all.
    Detached {
        /// The session; absent: from all, and the connection closes.
        session: Option<SessionId>,
        /// Why, for people.
        reason: String,
    },
}

/// Why a message could not be handed over.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FailReason {
    /// The instance it is addressed to no longer runs.
    Gone,
    /// The app is not installed there.
    NoApp,
    /// The app needs a display and there is none.
    NoDisplay,
    /// The program could not be started.
    LaunchFailed,
    /// The program was started but did not attach in time.
    NeverAttached,
    /// Nobody is logged in there: the message waits.
    NoAgent,
}

/// A session, as known here.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct SessionSummary {
    /// Its id.
    pub session: SessionId,
    /// The app type.
    pub app: AppId,
    /// `#name` of a room, `@name` of the other in a direct session.
    pub title: String,
    /// Who may enter.
    pub scope: Scope,
    /// Kept or live.
    pub kind: SessionKind,
    /// The session this one was started from.
    pub parent: Option<SessionId>,
    /// Whether only its members can read it: by invitation, direct, or on a LAN with a passphrase.
    #[serde(default)]
    pub sealed: bool,
    /// Names of the members present.
    pub members: Vec<String>,
    /// Whether the calling user has joined it.
    pub joined: bool,
    /// Whether they have by an invitation of which nothing says yet that it counts: nobody who is in has been heard, or who sent it
    /// was not in any more.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub waits: bool,
    /// Who made it, of a session by invitation: its id is a hash of their key. Open and direct sessions have nobody who did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub creator: Option<UserId>,
    /// Entries held here.
    pub entries: u64,
}

/// Where a log begins of which not all is held.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct LogBegin {
    /// Whose.
    pub origin: OriginId,
    /// In which life of the log.
    pub epoch: u32,
    /// The first entry that can be read.
    pub first: u64,
}

/// How far a message has come at one member's host.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Holder {
    /// The member.
    pub user: UserId,
    /// Their name.
    pub name: String,
    /// Their host; nil for who is not there.
    pub host_id: HostId,
    /// Its name; empty for who is not there.
    pub host: String,
    /// Whether they are there.
    pub present: bool,
    /// It is on that host's disk (in a live session: in its memory).
    pub held: bool,
    /// A program there has shown it.
    pub shown: bool,
    /// Whether it is the asking user, on this host.
    pub me: bool,
}

/// Who belongs to a session, there or not, and what seals it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Membership {
    /// The session.
    pub session: SessionSummary,
    /// Whether newcomers see its past.
    pub history: bool,
    /// What it is sealed with.
    pub key: SessionKey,
    /// Bytes of it that this host keeps: beyond, the oldest go that every host seen of late has. Absent: all of it.
    #[serde(default)]
    pub keeps: Option<u64>,
    /// Who is in it, and who has been asked in. Of an open session: who is there now.
    pub people: Vec<Belonging>,
}

/// What a session is sealed with.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SessionKey {
    /// Nothing: everybody on the LAN can read it.
    None,
    /// The key of the LAN's passphrase.
    Passphrase,
    /// What its two users share.
    Pair,
    /// A key that exactly those have who are in it or asked in.
    Members {
        /// How many were made before it.
        number: u64,
        /// The first digits of its name: the same for all who write under it.
        name: String,
    },
    /// None yet: who is in it has changed, and a new key is being made. What is published waits for it.
    Changing,
}

/// Somebody in a session, or asked into it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Belonging {
    /// The person.
    pub user: UserId,
    /// Their name, fit for display.
    pub name: String,
    /// Whether they have been asked in and have not answered.
    pub invited: bool,
    /// Whether they are there now.
    pub present: bool,
    /// Whether this is who asks.
    pub me: bool,
}

/// An invitation that waits for the user's answer.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct InvitationSummary {
    /// The session, by which it is answered.
    pub session: SessionId,
    /// Its app.
    pub app: AppId,
    /// `#name` of the session.
    pub title: String,
    /// Who asks.
    pub user: UserId,
    /// Their name, fit for display.
    pub name: String,
    /// When it came, in ms since 1970.
    pub time: u64,
    /// Of an invitation to run an app together: the rest of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nway: Option<AppInvitation>,
}

/// A blob that is kept on this host.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct BlobSummary {
    /// The session in which it was offered.
    pub session: SessionId,
    /// Which.
    pub blob: BlobId,
    /// Its size in bytes.
    pub size: u64,
    /// Whether all of it is here.
    pub whole: bool,
    /// Whether it counts as the calling user's: they put or fetched it first, and may drop it.
    pub mine: bool,
    /// Since when, in ms since 1970.
    pub time: u64,
    /// Whether this host gives it to nobody for now.
    #[serde(default)]
    pub paused: bool,
}

/// A snapshot of a session, as hosts say that they hold it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct SnapshotSummary {
    /// Its blob.
    pub blob: BlobId,
    /// The blob's size in bytes.
    pub size: u64,
    /// How many entries it stands for: a later one for more.
    pub entries: u64,
    /// Hosts that hold it, this one included.
    pub hosts: u32,
    /// Whether those are enough to trust it by their word: three, or all that there are.
    pub confirmed: bool,
    /// Whether it is to be taken in: it is confirmed, this host does not hold it, and no host that is there has what comes next here.
    pub wanted: bool,
    /// Whether a program of this user has said on this host that it holds it.
    pub held: bool,
    /// Whether what this host keeps of the logs begins somewhere within it: all that say so and the logs together are everything.
    pub begins: bool,
}

/// Who may enter a session.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// Everyone on the LAN.
    Open,
    /// Whom a member invited.
    Invite,
    /// Two users.
    Direct,
}

/// A member of a session who is present.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Member {
    /// The person.
    pub user: UserId,
    /// Their name, fit for display.
    pub name: String,
    /// The host they are on.
    pub host_id: HostId,
    /// Its name, fit for display.
    pub host: String,
    /// Their instances attached to the session.
    pub instances: Vec<InstanceId>,
}

/// One line of `who`.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Person {
    /// The person.
    pub user: UserId,
    /// Their name, fit for display.
    pub name: String,
    /// Name of the host.
    pub host: String,
    /// The host.
    pub host_id: HostId,
    /// Addresses the host was heard from.
    pub addresses: Vec<String>,
    /// How available they are.
    pub status: Availability,
    /// What they say of themselves beside it, fit for display; often nothing.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub saying: String,
    /// Of the calling user: when that is over, ms since 1970.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub saying_until: Option<u64>,
    /// Whether the key was compared in person.
    pub verified: bool,
    /// Whether the user has blocked them.
    pub blocked: bool,
    /// Whether they claim the place of another key (same host, same name): their messages are held back until the user
    /// decides.
    pub changed: bool,
    /// Whether somebody else known before goes by the same name.
    pub namesake: bool,
    /// Whether this is the calling user on this host.
    pub me: bool,
}

/// One line of `instances`.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct InstanceSummary {
    /// The instance.
    pub instance: InstanceId,
    /// What app it is.
    pub app: AppId,
    /// Its process id on its host.
    pub pid: u32,
    /// The sessions it is attached to.
    pub sessions: Vec<SessionId>,
    /// Name of the host it runs on.
    pub host: String,
    /// Whose it is.
    pub user: UserId,
}

/// Facts about the daemon.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Status {
    /// Version of the daemon.
    pub version: String,
    /// This host.
    pub host_id: HostId,
    /// Its name.
    pub host: String,
    /// The calling user.
    pub user: UserId,
    /// That user's name.
    pub name: String,
    /// Seconds since the daemon started.
    pub uptime: u64,
    /// How frames are sent: `auto`, `multicast`, `broadcast` or `unicast`.
    pub mode: String,
    /// The UDP port of the group.
    pub port: u16,
    /// Where state is kept.
    pub state: String,
    /// Whether a passphrase seals this LAN.
    #[serde(default)]
    pub sealed: bool,
    /// Interfaces in use.
    pub interfaces: Vec<InterfaceStatus>,
    /// Hosts heard from, without this one.
    pub hosts: u32,
    /// Sessions joined by local users.
    pub sessions: u32,
    /// Instances attached.
    pub instances: u32,
    /// Whether an agent can launch apps for the calling user.
    pub agent: bool,
    /// Counters by name: frames, bytes, drops by reason, repairs, launches.
    pub counters: std::collections::BTreeMap<String, u64>,
    /// What is wrong, each with what to do about it.
    pub warnings: Vec<Warning>,
}

/// Something that is wrong.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Warning {
    /// What, for programs: a short name that stays.
    pub code: String,
    /// What, and what to do about it, for people.
    pub text: String,
}

impl Warning {
    /// A warning.
    pub fn new(code: &str, text: impl Into<String>) -> Self {
        Self { code: code.to_owned(), text: text.into() }
    }
}

/// How the network does, seen from this host.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Health {
    /// What is wrong, what matters most first.
    pub findings: Vec<Finding>,
    /// What was tried with each neighbour, if a `probe` came before and is over.
    pub neighbours: Vec<NeighbourHealth>,
}

/// Something that is wrong.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Finding {
    /// Stays the same from version to version.
    pub code: String,
    /// Whether messages do not arrive because of it.
    pub serious: bool,
    /// What is wrong, in a sentence.
    pub cause: String,
    /// The command that mends it, or what else to do.
    pub fix: String,
}

/// Which ways to and from a neighbour work.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct NeighbourHealth {
    /// Its name, fit for display.
    pub host: String,
    /// Whether it has answered.
    pub answered: bool,
    /// What we sent and it heard.
    pub there: Vec<WayHealth>,
    /// What it sent and we heard.
    pub here: Vec<WayHealth>,
    /// Its clock less ours, in ms.
    pub clock: Option<i64>,
}

/// A way that worked.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct WayHealth {
    /// The sender's interface, where it is one of this host's; empty: one of the neighbour's, or none in particular.
    pub interface: String,
    /// `multicast4`, `multicast6`, `broadcast` or `unicast`.
    pub way: String,
    /// Bytes of the frame.
    pub bytes: u16,
}

/// An interface in use.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct InterfaceStatus {
    /// Its name.
    pub name: String,
    /// Its addresses.
    pub addresses: Vec<String>,
    /// How frames leave on it now: `multicast4`, `multicast6`, `broadcast`, `unicast`.
    pub ways: Vec<String>,
}

impl From<crate::ids::ParseIdError> for Refusal {
    fn from(error: crate::ids::ParseIdError) -> Self {
        Self::new(RefusalCode::BadRequest, error.to_string())
    }
}
