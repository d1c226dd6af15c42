//! What a program asks of its daemon.
//!
//! Every [`Call`] with a nonzero id gets exactly one reply with that id, in the order of the calls. A call with id 0
//! gets none. `hello` comes first; everything else is refused before it.

use crate::{
    Secret,
    ids::{AppId, BlobId, InstanceId, OriginId, Position, SessionId, UserId},
    nway::{Part, Running, Together},
};
use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;

/// A request with the number its reply will carry.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Call {
    /// Chosen by the client; 0: no reply wanted.
    pub id: u32,
    /// What is asked.
    pub request: Request,
}

/// What is asked. On the stream: a map with one key, the name in snake case (`{"join": {…}}`), or the bare name
/// as a string where there are no fields (`"status"`).
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Request {
    /// First of all. Answer: `welcome`.
    Hello {
        /// Version of the local protocol, [`crate::PROTOCOL`].
        protocol: u16,
        /// Name and version of the program, for logs.
        client: String,
    },
    /// Become an instance. Answer: `attached`.
    Attach {
        /// An instance this process had before its connection broke, to go on as; absent: a new one.
        #[serde(default)]
        instance: Option<InstanceId>,
        /// The app this process is.
        app: AppId,
        /// How it takes part.
        role: Role,
        /// The one-use token of `CHALKTALK_TOKEN`, when the agent launched this process.
        #[serde(default)]
        token: Option<String>,
    },
    /// Become this user's agent: the program that launches apps. Answer: `done`. A second agent is refused.
    AttachAgent {
        /// Whether there is a display to open windows on.
        display: bool,
        /// The registry: every app that can be launched here.
        apps: Vec<RegisteredApp>,
    },
    /// Enter a session, creating it where it does not exist. Answer: `session`.
    Join {
        /// `#room`, `@user` or a session GUID.
        target: String,
        /// The app type of the session.
        app: AppId,
        /// Which kind a new room is.
        #[serde(default)]
        kind: SessionKind,
        /// Whether newcomers to a new room see its past.
        #[serde(default = "yes")]
        history: bool,
    },
    /// Make a session that only those enter who are invited. Answer: `session`.
    Create {
        /// Its name, as in `#name`. Several sessions may have the same.
        title: String,
        /// The app type of the session.
        app: AppId,
        /// Which kind it is; only `kept` is possible now.
        #[serde(default)]
        kind: SessionKind,
        /// Whether newcomers see its past.
        #[serde(default = "yes")]
        history: bool,
        /// Whom to invite: names, or the first digits of their keys.
        #[serde(default)]
        invite: Vec<String>,
    },
    /// Invite others to a session by invitation. Answer: `done`.
    Invite {
        /// `#room` or a session GUID.
        target: String,
        /// The app type of the session.
        app: AppId,
        /// Whom: names, or the first digits of their keys.
        users: Vec<String>,
    },
    /// Remove somebody from a session by invitation: they read nothing that is written from then on. Answer: `done`.
    Remove {
        /// `#room` or a session GUID.
        target: String,
        /// The app type of the session.
        app: AppId,
        /// Whom: a name, or the first digits of their key.
        user: String,
    },
    /// Who belongs to a session that the user is in, and what seals it. Answer: `membership`.
    Membership {
        /// `#room`, `@user` or a session GUID.
        target: String,
        /// The app type of the session.
        app: AppId,
    },
    /// Who has a message of a session that the user is in, as far as their hosts have said so. Answer: `holders`.
    Holders {
        /// The session.
        session: SessionId,
        /// Where the message stands.
        at: Position,
    },
    /// Invitations that wait for the user's answer. Answer: `invitations`.
    Invitations,
    /// Try every way to everybody; `health` tells after a second what came of it. Answer: `done`.
    Probe,
    /// What is wrong with the network, and what to do about it. Answer: `health`.
    Health,
    /// Accept an invitation, and be in the session; or decline it. Answer: `session` or `done`.
    AnswerInvitation {
        /// The session invited to.
        session: SessionId,
        /// Whether to accept.
        accept: bool,
    },
    /// Start an app with the others of a session: all of them are asked. Answer: `app_session`.
    Start {
        /// The app.
        app: AppId,
        /// The session to start it from: `#room`, `@user` or a session GUID.
        target: String,
        /// The app type of that session.
        parent_app: AppId,
        /// What to call it; absent: the app's name.
        #[serde(default)]
        title: Option<String>,
        /// How many have to accept before anything starts; absent: as the manifest says.
        #[serde(default)]
        least: Option<u16>,
        /// How many can take part; absent: as the manifest says.
        #[serde(default)]
        most: Option<u16>,
        /// Seconds until who has not answered is no longer asked; absent: 600.
        #[serde(default)]
        lifetime: Option<u32>,
    },
    /// Accept an invitation to an app session, as a player or an observer; also again, after the program has ended. Answer:
    /// `app_session`.
    TakePart {
        /// The app session.
        session: SessionId,
        /// As what.
        #[serde(default)]
        part: Part,
    },
    /// Call an app session off: who has not accepted is no longer asked, and nobody is let in. Answer: `done`.
    Cancel {
        /// The app session.
        session: SessionId,
    },
    /// The app sessions of the sessions the user is in. Answer: `app_sessions`.
    AppSessions,
    /// Who has registered which apps, in which version: everybody there, or those of one session. Answer: `apps`.
    Apps {
        /// `#room`, `@user` or a session; absent: everybody on the network.
        #[serde(default)]
        target: Option<String>,
        /// What app that session is of.
        #[serde(default = "AppId::chat")]
        parent_app: AppId,
    },
    /// A launched program says that it is ready, so that others may join it. Answer: `done`.
    Ready {
        /// The app session.
        session: SessionId,
        /// The port it listens on; 0: none, or the one it was given.
        #[serde(default)]
        port: u16,
    },
    /// An agent says that a program it launched with `run` is ready. Answer: `done`.
    RunReady {
        /// Number of the launch.
        launch: u64,
        /// The port it listens on; 0: none.
        port: u16,
    },
    /// An agent says that a program it launched with `run` has ended. Answer: `done`.
    RunEnded {
        /// Number of the launch; 0: of an earlier daemon, then `session` says which.
        launch: u64,
        /// The app session.
        session: SessionId,
        /// Its exit status, or 128 + the signal that ended it; absent: nobody knows.
        status: Option<i32>,
        /// The last lines it wrote, for its own user.
        said: Vec<String>,
    },
    /// An agent says which programs run that an earlier daemon had it launch with `run`: when it has attached, also if there
    /// are none, and when one of them has become ready. Answer: `done`.
    StillRunning {
        /// The programs.
        running: Vec<Running>,
    },
    /// Take the user out of a session. Answer: `done`.
    Leave {
        /// `#room`, `@user` or a session GUID.
        target: String,
        /// The app type of the session.
        app: AppId,
    },
    /// Attach this instance to a session the user has joined: from now on it can publish there, and is delivered
    /// everything after the position. Answer: `opened`.
    Open {
        /// The session.
        session: SessionId,
        /// Where to start reading.
        from: From,
    },
    /// Detach this instance from a session. Answer: `done`.
    Close {
        /// The session.
        session: SessionId,
    },
    /// A `refused` event of this session has been heard: what is published from now on is meant to be taken again.
    /// Answer: `done`.
    Resume {
        /// The session.
        session: SessionId,
    },
    /// Everything up to these positions has been shown or kept: advances the user's position in this app. Answer: `done`.
    Ack {
        /// The session.
        session: SessionId,
        /// One per origin and epoch that moved.
        positions: Vec<Position>,
    },
    /// Answers an `offer`. Answer: `done`.
    AnswerOffer {
        /// The session offered.
        session: SessionId,
        /// Whether this instance takes it (it then sends `open`).
        accept: bool,
    },
    /// An agent says how a `launch` went. Answer: `done`.
    LaunchResult {
        /// Number of the launch.
        launch: u64,
        /// The process id, or why there is none.
        outcome: LaunchOutcome,
    },
    /// An agent says that a program it launched has ended. Answer: `done`.
    Exited {
        /// Number of the launch.
        launch: u64,
        /// Its exit status, or 128 + the signal that ended it.
        status: i32,
    },
    /// Facts about the daemon. Answer: `status`.
    Status,
    /// The user roster. Answer: `who`.
    Who,
    /// Instances attached here, or on the whole LAN. Answer: `instances`.
    Instances {
        /// Of the LAN, not of this host alone.
        #[serde(default)]
        all: bool,
    },
    /// Sessions known on the LAN. Answer: `sessions`.
    Sessions,
    /// Be told by `changed` events when one of these changes. Replaces an earlier watch. Answer: `done`.
    Watch {
        /// What to follow.
        topics: Vec<Topic>,
    },
    /// Past messages of a session the user has joined, newest first. They arrive as deliver frames flagged
    /// `history`, then the answer `history_end`.
    History {
        /// The session.
        session: SessionId,
        /// Only messages before this point; absent: the newest.
        #[serde(default)]
        before: Option<HistoryPoint>,
        /// At most this many messages (and at most 1,000).
        limit: u32,
    },
    /// Facts about one person, present or not. Answer: `person`.
    FindPerson {
        /// `@name`, or `@` and at least 8 digits of the key.
        target: String,
    },
    /// Decide about a person's key. Answer: `person`.
    MarkPerson {
        /// The key.
        user: UserId,
        /// What the user decides.
        mark: Mark,
    },
    /// Have the user's identity, sealed, to take it to another host of theirs. Answer: `identity`.
    ExportIdentity {
        /// What to seal it with.
        key: Secret,
    },
    /// Become who `export_identity` has told of elsewhere. All connections of the user end. Answer: `done`.
    ImportIdentity {
        /// What it is sealed with.
        key: Secret,
        /// What `export_identity` has told.
        sealed: ByteBuf,
    },
    /// Seal this LAN with the key of a passphrase, or no more. For the operator. Answer: `done`.
    SetPassphrase {
        /// Argon2id of the passphrase; absent: none.
        key: Option<Secret>,
    },
    /// Keep the contents of a file as a blob and offer it in a session. The frame carries a descriptor of the file, a
    /// regular one that can be read. Answer: `transfer`; when it is through, the event `transferred`.
    PutBlob {
        /// A session the user has joined.
        session: SessionId,
    },
    /// Have a blob that was offered in a session. Answer: `transfer`; meanwhile events `transfer`, and when it is here
    /// `transferred` with a descriptor.
    FetchBlob {
        /// A session the user has joined.
        session: SessionId,
        /// Which blob.
        blob: BlobId,
        /// Its size in bytes, as whoever offered it says.
        size: u64,
        /// Who offered it, to be asked first.
        #[serde(default)]
        from: Option<OriginId>,
    },
    /// End a transfer. What has come of a blob is kept: fetching it again goes on from there. Answer: `done`.
    CancelTransfer {
        /// Which one.
        transfer: u64,
    },
    /// The blobs kept on this host of sessions the user has joined. Answer: `blobs`.
    Blobs {
        /// Of this session alone.
        #[serde(default)]
        session: Option<SessionId>,
    },
    /// Keep a blob of a session no longer on this host. Answer: `done`.
    DropBlob {
        /// The session.
        session: SessionId,
        /// Which blob.
        blob: BlobId,
    },
    /// Give a blob that is kept on this host to nobody, or give it again. It stays so when the daemon is restarted. Answer: `done`.
    PauseBlob {
        /// The session.
        session: SessionId,
        /// Which blob.
        blob: BlobId,
        /// Whether it is given to nobody.
        paused: bool,
    },
    /// This host holds a snapshot: a whole blob of the session, made, checked or taken in by this app, which stands for every entry up
    /// to these positions. What enough hosts hold need not be kept as entries. Answer: `done`.
    HoldSnapshot {
        /// A session that the instance has open.
        session: SessionId,
        /// Which blob: its hash is that of the canonical state, so that the same name is the same state everywhere.
        blob: BlobId,
        /// Its size in bytes.
        size: u64,
        /// What it stands for: of each log, the last message that is in it.
        positions: Vec<Position>,
        /// The snapshots that it was made of, together with the log: those that say `begins`. Its own blob, if it was not made or
        /// checked here, but taken in.
        behind: Vec<BlobId>,
    },
    /// Say how available the user is. Answer: `done`.
    SetAvailability {
        /// Shown to others as `status` by `who`.
        availability: Availability,
    },
    /// Say whether somebody is at this program: a user is shown as away while nobody is at any of their programs that say so.
    /// Needs an attachment. Answer: `done`.
    SetIdle {
        /// Nobody has touched a key for a while.
        idle: bool,
    },
    /// Say something of oneself, which others see beside the status. Answer: `done`.
    SetSaying {
        /// What, of which [`crate::text::saying`] is kept; empty: nothing more.
        text: String,
        /// For so many seconds; none: until something else is said.
        #[serde(default)]
        lasts: Option<u32>,
    },
}

fn yes() -> bool {
    true
}

/// How an instance takes part.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// A program people use: it is delivered to, launched, listed, and its acknowledgements move positions.
    App,
    /// A command line: it neither suppresses a launch nor moves a position.
    Observer,
}

/// Where an instance starts reading a session.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum From {
    /// At the first message that is held.
    Start,
    /// Behind everything held now.
    Now,
    /// Where this user last acknowledged in this app; the first time, at the start.
    Saved,
    /// Where the app itself says it stopped. Origins that are not named start at their beginning.
    At(Vec<Position>),
}

/// Kept: stored, newcomers see its past. Live: a bounded window in memory, senders held back to the slowest member.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SessionKind {
    /// Its log is stored.
    #[default]
    Kept,
    /// Its log is a window in memory.
    Live,
}

/// An app that can be launched on this host.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct RegisteredApp {
    /// Which app.
    pub app: AppId,
    /// Its name for people.
    pub name: String,
    /// Its version, as its manifest gives it.
    pub version: String,
    /// Whether one process takes part in many sessions.
    pub many: bool,
    /// Whether it can run without a display.
    pub headless: bool,
    /// What it needs to be run together.
    #[serde(default)]
    pub together: Together,
}

/// How a launch went.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LaunchOutcome {
    /// The program runs, with this process id.
    Started(u32),
    /// No manifest names this app.
    NoApp,
    /// It needs a display and there is none.
    NoDisplay,
    /// The program could not be started, or ended at once; the text says why.
    Failed(String),
    /// The screen is locked, and the user has not asked for it: they are asked later.
    Locked,
}

/// What `watch` can follow.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Topic {
    /// The user roster.
    Who,
    /// Attached instances.
    Instances,
    /// Sessions and their members.
    Sessions,
    /// Invitations that wait for an answer.
    Invitations,
    /// What is wrong, as the status tells it.
    Warnings,
}

/// A point in a session's history, as the answer `history_end` gives it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub struct HistoryPoint {
    /// Lamport stamp of the oldest message seen.
    pub stamp: u64,
    /// Where that message stands.
    pub position: Position,
}

/// How available a user is.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Availability {
    /// There, and may be disturbed.
    #[default]
    Online,
    /// Not at the keyboard.
    Away,
    /// There, and not to be disturbed.
    Busy,
    /// Not on the network now.
    Offline,
}

/// What a user decides about somebody's key.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mark {
    /// It was compared in person: it is theirs. A changed key is accepted.
    Verified,
    /// It was not compared after all.
    Unverified,
    /// Nothing of it is to be shown, and nothing is to be opened for it.
    Blocked,
    /// It may be shown again, what was held back too.
    Unblocked,
}
