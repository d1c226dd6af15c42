//! The handle that an app holds: cheap to clone, usable from any thread.

use crate::{
    builder::Builder,
    error::ClientError,
    events::Events,
    message::{Author, Batch, Message},
};
use chalktalk_ipc::{
    Answer, AppId, HostId, InstanceId, OriginId, Position, Request, SessionId, UserId,
    batch::Class,
    event::{InstanceSummary, Member, Person, SessionSummary, Status},
    request::{Availability, From, HistoryPoint, SessionKind, Topic},
};
use std::{sync::Arc, time::Duration};

/// A connection to the daemon.
#[derive(Clone, Debug)]
pub struct Client {}

/// Who answered.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Welcome {
    /// This host.
    pub host_id: HostId,
    /// This host's name.
    pub host: String,
    /// The user that the kernel says is calling.
    pub user: UserId,
    /// That user's name on the LAN.
    pub name: String,
    /// Name and version of the daemon.
    pub daemon: String,
}

/// A session that was opened.
#[derive(Clone, PartialEq, Debug)]
pub struct Opened {
    /// The session.
    pub session: SessionSummary,
    /// Everybody in it.
    pub members: Vec<Member>,
    /// Number of the last message of this instance that is in the log.
    pub last_number: u64,
}

/// How far this instance's own messages have come in a session, by their numbers.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Progress {
    /// In the log, and sent, up to this number.
    pub appended: u64,
    /// On this host's disk up to this number (live sessions: stays 0).
    pub stored: u64,
    /// Element k-1: held by at least k other hosts up to this number.
    pub held_by: Vec<u64>,
    /// Acknowledged by an app of every member present, up to this number.
    pub delivered: u64,
}

/// How far a message is to come before [`Client::wait_for`] returns.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Stage {
    /// In the log, and sent.
    Appended,
    /// On this host's disk; in a live session: appended, as those are never stored.
    Stored,
    /// Held by at least this many other hosts.
    HeldBy(usize),
    /// Acknowledged by an app of every member present.
    Delivered,
}

/// A message to be published that is more than its payload.
#[derive(Clone, Copy, Debug)]
pub struct Publish<'a> {
    /// One instance, or nil for all of the session.
    pub destination: InstanceId,
    /// Durable or volatile.
    pub class: Class,
    /// Worth interrupting somebody for.
    pub urgent: bool,
    /// The people mentioned, at most [`chalktalk_ipc::batch::MAX_MENTIONS`].
    pub mentions: &'a [UserId],
    /// What the daemon carries and does not look at, at most [`chalktalk_ipc::MAX_MESSAGE`] bytes.
    pub payload: &'a [u8],
}

impl<'a> Publish<'a> {
    /// A durable message to all of the session.
    pub fn durable(payload: &'a [u8]) -> Self {
        Self { destination: InstanceId::NIL, class: Class::Durable, urgent: false, mentions: &[], payload }
    }

    /// A volatile message to all of the session: sent once; dropped where there is no connection or no credit.
    pub fn volatile(payload: &'a [u8]) -> Self {
        Self { class: Class::Volatile, ..Self::durable(payload) }
    }

    /// To one instance alone.
    pub fn to(self, destination: InstanceId) -> Self {
        Self { destination, ..self }
    }

    /// Worth interrupting somebody for.
    pub fn urgent(self) -> Self {
        Self { urgent: true, ..self }
    }

    /// Mentions these people.
    pub fn mentioning(self, mentions: &'a [UserId]) -> Self {
        Self { mentions, ..self }
    }
}

impl Client {
    /// Sets up a client for a program of this app type.
    pub fn builder(app: AppId) -> Builder {
        Builder::new(app)
    }

    pub(crate) fn start(builder: Builder) -> Result<(Self, Events), ClientError> {
        let _ = builder;
        Err(ClientError::Closed)
    }

    /// Who answered.
    pub fn welcome(&self) -> Welcome {
        Welcome {
            host_id: HostId::NIL,
            host: String::new(),
            user: UserId::NIL,
            name: String::new(),
            daemon: String::new(),
        }
    }

    /// This process's instance (nil if the client attached none).
    pub fn instance(&self) -> InstanceId {
        InstanceId::NIL
    }

    /// The session that this process was launched for.
    pub fn launched_for(&self) -> Option<SessionSummary> {
        None
    }

    /// Whether the connection is there now.
    pub fn is_connected(&self) -> bool {
        false
    }

    /// Who writes the log of this origin, if a message of theirs has arrived on this connection.
    pub fn author(&self, origin: OriginId) -> Option<Arc<Author>> {
        None
    }

    /// Asks the daemon, and waits up to 10 s for the answer. While the connection is down it waits for that first.
    pub fn request(&self, request: Request) -> Result<Answer, ClientError> {
        Err(ClientError::Closed)
    }

    /// As [`Client::request`], with a time limit of one's own.
    pub fn request_within(&self, request: Request, limit: Duration) -> Result<Answer, ClientError> {
        Err(ClientError::Closed)
    }

    /// Facts about the daemon.
    pub fn status(&self) -> Result<Status, ClientError> {
        Err(ClientError::Closed)
    }
    /// The user roster.
    pub fn who(&self) -> Result<Vec<Person>, ClientError> {
        Err(ClientError::Closed)
    }
    /// Instances attached here, or on the whole LAN.
    pub fn instances(&self, all: bool) -> Result<Vec<InstanceSummary>, ClientError> {
        Err(ClientError::Closed)
    }
    /// Sessions known on the LAN.
    pub fn sessions(&self) -> Result<Vec<SessionSummary>, ClientError> {
        Err(ClientError::Closed)
    }
    /// Enters a session (`#room`, `@user` or a GUID), creating it where it does not exist.
    pub fn join(
        &self,
        target: &str,
        app: &AppId,
        kind: SessionKind,
        history: bool,
    ) -> Result<SessionSummary, ClientError> {
        Err(ClientError::Closed)
    }
    /// Takes the user out of a session.
    pub fn leave(&self, target: &str, app: &AppId) -> Result<(), ClientError> {
        Err(ClientError::Closed)
    }
    /// Be told by `Event::Changed` when one of these changes. Replaces an earlier watch; outlives the connection.
    pub fn watch(&self, topics: &[Topic]) -> Result<(), ClientError> {
        Err(ClientError::Closed)
    }
    /// Past messages before a point (or the newest), oldest first, and where to go on (`None`: the beginning).
    pub fn history(
        &self,
        session: SessionId,
        before: Option<HistoryPoint>,
        limit: u32,
    ) -> Result<(Vec<Message>, Option<HistoryPoint>), ClientError> {
        Err(ClientError::Closed)
    }
    /// Says how available the user is.
    pub fn set_availability(&self, availability: Availability) -> Result<(), ClientError> {
        Err(ClientError::Closed)
    }
    /// Answers an `Event::Offer`. If it is accepted, [`Client::open`] the session then.
    pub fn answer_offer(&self, session: SessionId, accept: bool) -> Result<(), ClientError> {
        Err(ClientError::Closed)
    }

    /// Attaches this instance to a session: publish and be delivered to.
    pub fn open(&self, session: SessionId, from: From) -> Result<Opened, ClientError> {
        Err(ClientError::Closed)
    }
    /// Detaches from a session.
    pub fn close_session(&self, session: SessionId) -> Result<(), ClientError> {
        Err(ClientError::Closed)
    }

    /// This message and all before it in its author's log have been shown or kept.
    pub fn ack(&self, message: &Message) -> Result<(), ClientError> {
        Err(ClientError::Closed)
    }
    /// All messages of this batch have been shown or kept.
    pub fn ack_batch(&self, batch: &Batch) -> Result<(), ClientError> {
        Err(ClientError::Closed)
    }
    /// Everything up to these positions has been shown or kept.
    pub fn ack_positions(&self, session: SessionId, positions: &[Position]) -> Result<(), ClientError> {
        Err(ClientError::Closed)
    }

    /// Publishes a durable message to all, and returns its number. Blocks while there is no credit.
    pub fn publish(&self, session: SessionId, payload: &[u8]) -> Result<u64, ClientError> {
        Err(ClientError::Closed)
    }
    /// Publishes, and returns the message's number (0 if volatile). Blocks while there is no credit; volatile messages never block.
    pub fn publish_with(&self, session: SessionId, publish: Publish<'_>) -> Result<u64, ClientError> {
        Err(ClientError::Closed)
    }
    /// As [`Client::publish_with`], but fails with [`ClientError::WouldBlock`] where that would block.
    pub fn try_publish(&self, session: SessionId, publish: Publish<'_>) -> Result<u64, ClientError> {
        Err(ClientError::Closed)
    }
    /// Publishes many durable messages to all, packed into few frames; returns the number of the last (0: none).
    pub fn publish_batch<P: AsRef<[u8]>>(
        &self,
        session: SessionId,
        payloads: impl IntoIterator<Item = P>,
    ) -> Result<u64, ClientError> {
        Err(ClientError::Closed)
    }
    /// How far this instance's own messages have come.
    pub fn progress(&self, session: SessionId) -> Result<Progress, ClientError> {
        Err(ClientError::Closed)
    }
    /// Waits until a message has come that far.
    pub fn wait_for(
        &self,
        session: SessionId,
        number: u64,
        stage: Stage,
        limit: Duration,
    ) -> Result<(), ClientError> {
        Err(ClientError::Closed)
    }
    /// Waits until everything published and acknowledged so far has been written to the socket.
    pub fn flush(&self, limit: Duration) -> Result<(), ClientError> {
        Err(ClientError::Closed)
    }
    /// Writes what is queued (for at most a second) and ends the connection. Happens by itself when the last clone is dropped.
    pub fn close(&self) {}
}
