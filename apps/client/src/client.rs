//! The handle that an app holds: cheap to clone, usable from any thread.

use crate::{
    builder::{Builder, Part},
    calls::{Outcome, Then},
    error::ClientError,
    events::{Events, Load, Queue},
    link::Dialer,
    message::{Author, Batch, Message},
    shared::{Phase, Shared, State},
    waker::waker,
    worker::Worker,
};
use chalktalk_ipc::{
    Answer, AppId, HostId, InstanceId, OriginId, Position, Request, Secret, SessionId, UserId,
    event::{
        Health, Holder, InstanceSummary, InvitationSummary, LogBegin, Member, Membership, Person,
        SessionSummary, Status,
    },
    nway::{self, AppOwner, AppSession},
    request::{Availability, From, HistoryPoint, Mark, Role, SessionKind, Topic},
};
use std::{
    fmt,
    os::fd::OwnedFd,
    path::PathBuf,
    sync::{Arc, MutexGuard},
    thread,
    time::{Duration, Instant},
};

/// How long a client that is being closed writes what is left.
pub(crate) const CLOSE_LIMIT: Duration = Duration::from_secs(1);

/// How long [`Client::request`] waits: far longer than any daemon needs that works.
const REQUEST_LIMIT: Duration = Duration::from_secs(10);

/// What [`Client::start_app`] starts, from where, and who may take part.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct StartApp {
    /// The app.
    pub app: AppId,
    /// The session to start it from: `#room`, `@user` or a session GUID.
    pub target: String,
    /// The app type of that session.
    pub parent_app: AppId,
    /// What to call it; absent: the app's name.
    pub title: Option<String>,
    /// How many have to accept before anything starts, the user included; absent: as the manifest says.
    pub least: Option<u16>,
    /// How many can take part; absent: as the manifest says.
    pub most: Option<u16>,
    /// Seconds until who has not answered is no longer asked; absent: 600.
    pub lifetime: Option<u32>,
}

impl StartApp {
    /// An app from a session, and everything else as its manifest says.
    pub fn new(app: AppId, target: impl Into<String>, parent_app: AppId) -> Self {
        let target = target.into();
        Self { app, target, parent_app, title: None, least: None, most: None, lifetime: None }
    }
}

/// A connection to the daemon.
#[derive(Clone)]
pub struct Client(pub(crate) Arc<Handle>);

/// Ends the connection when the last clone of the client is dropped.
pub(crate) struct Handle {
    pub(crate) shared: Arc<Shared>,
    observer: bool,
    socket: Option<PathBuf>,
    tried: String,
}

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
    /// What this user has acknowledged in this app before, of each log; reading starts behind it.
    pub start: Vec<Position>,
    /// Where logs begin of which not all is held any more.
    pub begins: Vec<LogBegin>,
    /// Number of the last message of this instance that is in the log.
    pub last_number: u64,
}

impl Client {
    /// Sets up a client for a program of this app type.
    pub fn builder(app: AppId) -> Builder {
        Builder::new(app)
    }

    pub(crate) fn start(builder: Builder) -> Result<(Self, Events), ClientError> {
        let socket = builder.socket.clone();
        let dialer = Dialer::new(&builder);
        let link = dialer.dial()?;
        let (waker, woken) = waker()?;
        let queue = Queue::new(builder.event_limit);
        let shared = Arc::new(Shared::new(&link, waker, queue, builder.on_event));
        let observer = matches!(builder.part, Part::Instance { role: Role::Observer, .. });
        let handle = Handle { shared: shared.clone(), observer, socket, tried: dialer.tried() };
        let worker = Worker::new(shared.clone(), dialer);
        thread::Builder::new().name("chalktalk".into()).spawn(move || worker.run(link, woken))?;
        Ok((Self(Arc::new(handle)), Events(shared)))
    }

    /// Another connection to the same daemon, to be made: one of an observer, say, for work beside what this one does.
    pub fn beside(&self, app: AppId) -> Builder {
        Builder { socket: self.0.socket.clone(), ..Builder::new(app) }
    }

    /// Who answered.
    pub fn welcome(&self) -> Welcome {
        self.lock().welcome.clone()
    }

    /// This process's instance (nil if the client attached none).
    pub fn instance(&self) -> InstanceId {
        self.lock().instance
    }

    /// The session that this process was launched for.
    pub fn launched_for(&self) -> Option<SessionSummary> {
        self.lock().launched_for.clone()
    }

    /// Whether the connection is there now.
    pub fn is_connected(&self) -> bool {
        self.lock().phase == Phase::Connected
    }

    /// Who writes the log of this origin, if it has been introduced (it is before its first message).
    pub fn author(&self, origin: OriginId) -> Option<Arc<Author>> {
        self.lock().author(origin)
    }

    /// Asks the daemon, and waits up to 10 s for the answer. While the connection is down it waits for that first.
    ///
    /// # Errors
    /// [`ClientError::Refused`], [`ClientError::TimedOut`], [`ClientError::NoDaemon`] (none came back in time),
    /// [`ClientError::Disconnected`], [`ClientError::Stalled`], [`ClientError::Closed`].
    pub fn request(&self, request: Request) -> Result<Answer, ClientError> {
        self.request_within(request, REQUEST_LIMIT)
    }

    /// As [`Client::request`], with a time limit of one's own.
    ///
    /// # Errors
    /// As [`Client::request`].
    pub fn request_within(&self, request: Request, limit: Duration) -> Result<Answer, ClientError> {
        self.ask(request, limit).map(|(answer, _)| answer)
    }

    /// Facts about the daemon.
    ///
    /// # Errors
    /// As [`Client::request`].
    pub fn status(&self) -> Result<Status, ClientError> {
        match self.request(Request::Status)? {
            Answer::Status(status) => Ok(status),
            other => Err(unexpected(&other)),
        }
    }

    /// Has the daemon try every way to everybody; [`Client::health`] tells after a second what came of it.
    ///
    /// # Errors
    /// As [`Client::request`].
    pub fn probe(&self) -> Result<(), ClientError> {
        self.request(Request::Probe).map(drop)
    }

    /// What is wrong with the network, and what to do about it.
    ///
    /// # Errors
    /// As [`Client::request`].
    pub fn health(&self) -> Result<Health, ClientError> {
        match self.request(Request::Health)? {
            Answer::Health(health) => Ok(health),
            other => Err(unexpected(&other)),
        }
    }

    /// The user roster.
    ///
    /// # Errors
    /// As [`Client::request`].
    pub fn who(&self) -> Result<Vec<Person>, ClientError> {
        match self.request(Request::Who)? {
            Answer::Who(people) => Ok(people),
            other => Err(unexpected(&other)),
        }
    }

    /// Instances attached here, or on the whole LAN.
    ///
    /// # Errors
    /// As [`Client::request`].
    pub fn instances(&self, all: bool) -> Result<Vec<InstanceSummary>, ClientError> {
        match self.request(Request::Instances { all })? {
            Answer::Instances(instances) => Ok(instances),
            other => Err(unexpected(&other)),
        }
    }

    /// Sessions known on the LAN.
    ///
    /// # Errors
    /// As [`Client::request`].
    pub fn sessions(&self) -> Result<Vec<SessionSummary>, ClientError> {
        match self.request(Request::Sessions)? {
            Answer::Sessions(sessions) => Ok(sessions),
            other => Err(unexpected(&other)),
        }
    }

    /// Enters a session (`#room`, `@user` or a GUID), creating it where it does not exist. `kind` and `history` are for a
    /// new room.
    ///
    /// # Errors
    /// As [`Client::request`].
    pub fn join(
        &self,
        target: &str,
        app: &AppId,
        kind: SessionKind,
        history: bool,
    ) -> Result<SessionSummary, ClientError> {
        match self.request(Request::Join { target: target.into(), app: app.clone(), kind, history })? {
            Answer::Session(session) => Ok(session),
            other => Err(unexpected(&other)),
        }
    }

    /// Takes the user out of a session.
    ///
    /// # Errors
    /// As [`Client::request`].
    pub fn leave(&self, target: &str, app: &AppId) -> Result<(), ClientError> {
        self.request(Request::Leave { target: target.into(), app: app.clone() }).map(drop)
    }

    /// Makes a session that only those enter who are invited, by their names or the first digits of their keys.
    ///
    /// # Errors
    /// As [`Client::request`].
    pub fn create(
        &self,
        title: &str,
        app: &AppId,
        kind: SessionKind,
        history: bool,
        invite: &[String],
    ) -> Result<SessionSummary, ClientError> {
        let (title, app) = (title.into(), app.clone());
        match self.request(Request::Create { title, app, kind, history, invite: invite.to_vec() })? {
            Answer::Session(session) => Ok(session),
            other => Err(unexpected(&other)),
        }
    }

    /// Invites others to such a session.
    ///
    /// # Errors
    /// As [`Client::request`].
    pub fn invite(&self, target: &str, app: &AppId, users: &[String]) -> Result<(), ClientError> {
        let (target, app) = (target.into(), app.clone());
        self.request(Request::Invite { target, app, users: users.to_vec() }).map(drop)
    }

    /// Removes somebody from such a session.
    ///
    /// # Errors
    /// As [`Client::request`].
    pub fn remove(&self, target: &str, app: &AppId, user: &str) -> Result<(), ClientError> {
        self.request(Request::Remove { target: target.into(), app: app.clone(), user: user.into() }).map(drop)
    }

    /// Who has a message of a session that the user is in, and who does not, as far as their hosts have said so.
    ///
    /// # Errors
    /// As [`Client::request`]; refused if the user is not in it.
    pub fn holders(&self, session: SessionId, at: Position) -> Result<Vec<Holder>, ClientError> {
        match self.request(Request::Holders { session, at })? {
            Answer::Holders(holders) => Ok(holders),
            other => Err(unexpected(&other)),
        }
    }

    /// Who belongs to a session that the user is in, and what seals it.
    ///
    /// # Errors
    /// As [`Client::request`].
    pub fn membership(&self, target: &str, app: &AppId) -> Result<Membership, ClientError> {
        match self.request(Request::Membership { target: target.into(), app: app.clone() })? {
            Answer::Membership(membership) => Ok(*membership),
            other => Err(unexpected(&other)),
        }
    }

    /// Invitations that wait for the user's answer.
    ///
    /// # Errors
    /// As [`Client::request`].
    pub fn invitations(&self) -> Result<Vec<InvitationSummary>, ClientError> {
        match self.request(Request::Invitations)? {
            Answer::Invitations(invitations) => Ok(invitations),
            other => Err(unexpected(&other)),
        }
    }

    /// Accepts an invitation, and enters the session.
    ///
    /// # Errors
    /// As [`Client::request`].
    pub fn accept(&self, session: SessionId) -> Result<SessionSummary, ClientError> {
        match self.request(Request::AnswerInvitation { session, accept: true })? {
            Answer::Session(session) => Ok(session),
            other => Err(unexpected(&other)),
        }
    }

    /// Declines an invitation.
    ///
    /// # Errors
    /// As [`Client::request`].
    pub fn decline(&self, session: SessionId) -> Result<(), ClientError> {
        self.request(Request::AnswerInvitation { session, accept: false }).map(drop)
    }

    /// Starts an app with the others of a session: all of them are asked.
    ///
    /// # Errors
    /// As [`Client::request`].
    pub fn start_app(&self, start: &StartApp) -> Result<AppSession, ClientError> {
        let StartApp { app, target, parent_app, title, least, most, lifetime } = start.clone();
        app_session(self.request(Request::Start { app, target, parent_app, title, least, most, lifetime })?)
    }

    /// Takes part in an app session, for the first time or again.
    ///
    /// # Errors
    /// As [`Client::request`].
    pub fn take_part(&self, session: SessionId, part: nway::Part) -> Result<AppSession, ClientError> {
        app_session(self.request(Request::TakePart { session, part })?)
    }

    /// Calls an app session off that this user has started: nobody is let in any more.
    ///
    /// # Errors
    /// As [`Client::request`].
    pub fn cancel_app(&self, session: SessionId) -> Result<(), ClientError> {
        self.request(Request::Cancel { session }).map(drop)
    }

    /// The app sessions of the sessions that the user is in, with everybody's state.
    ///
    /// # Errors
    /// As [`Client::request`].
    pub fn app_sessions(&self) -> Result<Vec<AppSession>, ClientError> {
        match self.request(Request::AppSessions)? {
            Answer::AppSessions(sessions) => Ok(sessions),
            other => Err(unexpected(&other)),
        }
    }

    /// Who has registered which apps, in which version: everybody there, or those of one session (`#room`, `@user`, a GUID) of
    /// `parent_app`. The calling user comes first.
    ///
    /// # Errors
    /// As [`Client::request`].
    pub fn app_owners(&self, target: Option<&str>, parent_app: &AppId) -> Result<Vec<AppOwner>, ClientError> {
        let request = Request::Apps { target: target.map(Into::into), parent_app: parent_app.clone() };
        match self.request(request)? {
            Answer::Apps(owners) => Ok(owners),
            other => Err(unexpected(&other)),
        }
    }

    /// Says that this copy is ready to be joined, on a port or (0) on none or the one it was given. Only where its manifest
    /// says `ready = "library"` do others wait for it.
    ///
    /// # Errors
    /// As [`Client::request`].
    pub fn ready(&self, session: SessionId, port: u16) -> Result<(), ClientError> {
        self.request(Request::Ready { session, port }).map(drop)
    }

    /// Be told by `Event::Changed` when one of these changes. Replaces an earlier watch; outlives the connection.
    ///
    /// # Errors
    /// As [`Client::request`].
    pub fn watch(&self, topics: &[Topic]) -> Result<(), ClientError> {
        self.request(Request::Watch { topics: topics.to_vec() }).map(drop)
    }

    /// At most `limit` (and 1,000) past messages before a point, or the newest; oldest first. With them the point
    /// at which to go on; `None`: the beginning was reached.
    ///
    /// # Errors
    /// As [`Client::request`].
    pub fn history(
        &self,
        session: SessionId,
        before: Option<HistoryPoint>,
        limit: u32,
    ) -> Result<(Vec<Message>, Option<HistoryPoint>), ClientError> {
        let (answer, mut messages) = self.ask(Request::History { session, before, limit }, REQUEST_LIMIT)?;
        messages.sort_by_key(|message| (message.stamp, message.position));
        match answer {
            Answer::HistoryEnd { before } => Ok((messages, before)),
            other => Err(unexpected(&other)),
        }
    }

    /// Facts about one person (`@name`, or `@` and digits of the key), present or not.
    ///
    /// # Errors
    /// As [`Client::request`].
    pub fn find_person(&self, target: &str) -> Result<Person, ClientError> {
        person(self.request(Request::FindPerson { target: target.into() })?)
    }

    /// Decides about a person's key.
    ///
    /// # Errors
    /// As [`Client::request`].
    pub fn mark_person(&self, user: UserId, mark: Mark) -> Result<Person, ClientError> {
        person(self.request(Request::MarkPerson { user, mark })?)
    }

    /// The user's identity, sealed with this key, to be taken to another host of theirs.
    ///
    /// # Errors
    /// As [`Client::request`].
    pub fn export_identity(&self, key: Secret) -> Result<Vec<u8>, ClientError> {
        match self.request(Request::ExportIdentity { key })? {
            Answer::Identity { sealed } => Ok(sealed.into_vec()),
            other => Err(unexpected(&other)),
        }
    }

    /// Becomes, on this host, who [`Client::export_identity`] has told of elsewhere. The connection ends and comes back as that
    /// user's.
    ///
    /// # Errors
    /// As [`Client::request`]; refused if the key is wrong.
    pub fn import_identity(&self, key: Secret, sealed: Vec<u8>) -> Result<(), ClientError> {
        self.request(Request::ImportIdentity { key, sealed: sealed.into() }).map(drop)
    }

    /// Seals the LAN with the key of a passphrase ([`crate::passphrase::Passphrase::lan_key`]), or no more. For the
    /// machine's operator.
    ///
    /// # Errors
    /// As [`Client::request`].
    pub fn set_passphrase(&self, key: Option<Secret>) -> Result<(), ClientError> {
        self.request(Request::SetPassphrase { key }).map(drop)
    }

    /// Says how available the user is.
    ///
    /// # Errors
    /// As [`Client::request`].
    pub fn set_availability(&self, availability: Availability) -> Result<(), ClientError> {
        self.request(Request::SetAvailability { availability }).map(drop)
    }

    /// Says whether somebody is at this program. The user is away while nobody is at any of their programs that say so; a new
    /// connection has said nothing yet.
    ///
    /// # Errors
    /// As [`Client::request`].
    pub fn set_idle(&self, idle: bool) -> Result<(), ClientError> {
        self.request(Request::SetIdle { idle }).map(drop)
    }

    /// Says something of the user that others see beside their status (empty: nothing more), for this long or until something
    /// else is said.
    ///
    /// # Errors
    /// As [`Client::request`].
    pub fn set_saying(&self, text: &str, lasts: Option<Duration>) -> Result<(), ClientError> {
        let lasts = lasts.map(|lasts| lasts.as_secs().clamp(1, u64::from(u32::MAX)) as u32);
        self.request(Request::SetSaying { text: text.to_owned(), lasts }).map(drop)
    }

    /// Answers an `Event::Offer` (within 2 s). If it is accepted, [`Client::open`] the session then.
    ///
    /// # Errors
    /// As [`Client::request`].
    pub fn answer_offer(&self, session: SessionId, accept: bool) -> Result<(), ClientError> {
        self.request(Request::AnswerOffer { session, accept }).map(drop)
    }

    /// Attaches this instance to a session the user has joined: it can publish there and is delivered to. After a
    /// broken connection the library opens it again, behind what has been put into the event queue.
    ///
    /// # Errors
    /// As [`Client::request`].
    pub fn open(&self, session: SessionId, from: From) -> Result<Opened, ClientError> {
        match self.request(Request::Open { session, from })? {
            Answer::Opened { session, last_number, members, start, begins, .. } => {
                Ok(Opened { session, members, start, begins, last_number })
            }
            other => Err(unexpected(&other)),
        }
    }

    /// Detaches this instance from a session.
    ///
    /// # Errors
    /// As [`Client::request`].
    pub fn close_session(&self, session: SessionId) -> Result<(), ClientError> {
        self.request(Request::Close { session }).map(drop)
    }

    /// This message, and all before it in its author's log, has been shown or kept. Returns at once; acknowledgements
    /// leave together, a little later. An observer's move no position and are not sent.
    ///
    /// # Errors
    /// [`ClientError::NotOpen`].
    pub fn ack(&self, message: &Message) -> Result<(), ClientError> {
        if message.flags.volatile {
            return Ok(());
        }
        self.ack_positions(message.session, &[message.position])
    }

    /// All messages of this batch have been shown or kept; see [`Client::ack`].
    ///
    /// # Errors
    /// [`ClientError::NotOpen`].
    pub fn ack_batch(&self, batch: &Batch) -> Result<(), ClientError> {
        if batch.flags().volatile {
            return Ok(());
        }
        self.ack_positions(batch.session(), &[batch.last_position()])
    }

    /// Everything up to these positions has been shown or kept; see [`Client::ack`].
    ///
    /// # Errors
    /// [`ClientError::NotOpen`].
    pub fn ack_positions(&self, session: SessionId, positions: &[Position]) -> Result<(), ClientError> {
        if !self.0.observer {
            let mut state = self.lock();
            if state.ack(session, positions)? {
                self.0.shared.wake_if_served(&state);
            }
        }
        Ok(())
    }

    /// Waits until everything published and acknowledged so far has been written to the socket.
    ///
    /// # Errors
    /// [`ClientError::TimedOut`], [`ClientError::Closed`].
    pub fn flush(&self, limit: Duration) -> Result<(), ClientError> {
        let mut state = self.lock();
        state.hurry_acks();
        self.wait(state, limit, "until everything is written", |state| state.all_written().then_some(()))
    }

    /// Writes what is queued (for at most a second) and ends the connection; all later calls fail. Happens by itself when
    /// the last clone is dropped.
    pub fn close(&self) {
        self.0.close();
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, State> {
        self.0.shared.lock()
    }

    /// As [`Client::request`], with a descriptor that travels along.
    pub(crate) fn request_with(
        &self,
        request: Request,
        descriptor: Option<OwnedFd>,
    ) -> Result<Answer, ClientError> {
        self.ask_with(request, descriptor, REQUEST_LIMIT).map(|(answer, _)| answer)
    }

    fn ask(&self, request: Request, limit: Duration) -> Outcome {
        self.ask_with(request, None, limit)
    }

    fn ask_with(&self, request: Request, descriptor: Option<OwnedFd>, limit: Duration) -> Outcome {
        let until = Instant::now() + limit;
        let (mut state, up) =
            self.0.shared.wait(self.lock(), Some(until), |state| (state.phase != Phase::Away).then_some(()));
        if up.is_none() && state.phase == Phase::Away {
            return Err(ClientError::NoDaemon { tried: self.0.tried.clone() });
        }
        state.check_open()?;
        let then = Then::of(&request);
        descriptor.into_iter().for_each(|descriptor| state.outbox.attach(descriptor));
        let id = state.call(request, then, true);
        self.0.shared.kick(&mut state);
        let (mut state, outcome) = self.0.shared.wait(state, Some(until), |state| state.calls.take(id));
        outcome.unwrap_or_else(|| {
            state.calls.abandon(id);
            state.check_open()?;
            Err(late(&state, "request"))
        })
    }

    pub(crate) fn wait<T>(
        &self,
        state: MutexGuard<'_, State>,
        limit: Duration,
        what: &'static str,
        ready: impl FnMut(&mut State) -> Option<T>,
    ) -> Result<T, ClientError> {
        let (state, result) = self.0.shared.wait(state, Some(Instant::now() + limit), ready);
        match result {
            Some(result) => Ok(result),
            None => state.check_open().and(Err(late(&state, what))),
        }
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("instance", &self.instance()).finish_non_exhaustive()
    }
}

impl Handle {
    fn close(&self) {
        let mut state = self.shared.lock();
        if matches!(state.phase, Phase::Connected | Phase::Away) {
            state.phase = Phase::Closing;
        }
        if self.shared.is_worker() {
            return;
        }
        // A little longer than the library's thread gives itself: it may be greeting a daemon that does not answer.
        let until = Instant::now() + CLOSE_LIMIT * 2;
        self.shared.standby.notify_one();
        self.shared.waker.wake();
        drop(self.shared.wait(state, Some(until), |state| (state.phase == Phase::Closed).then_some(())));
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.close();
    }
}

/// Why nothing came in time.
fn late(state: &State, what: &'static str) -> ClientError {
    match state.queue.load() {
        Load::Overdrawn => ClientError::Stalled,
        _ => ClientError::TimedOut(what),
    }
}

fn person(answer: Answer) -> Result<Person, ClientError> {
    match answer {
        Answer::Person(person) => Ok(person),
        other => Err(unexpected(&other)),
    }
}

fn app_session(answer: Answer) -> Result<AppSession, ClientError> {
    match answer {
        Answer::AppSession(session) => Ok(session),
        other => Err(unexpected(&other)),
    }
}

fn unexpected(answer: &Answer) -> ClientError {
    let text: String = format!("{answer:?}").chars().take(60).collect();
    ClientError::Protocol(format!("unexpected answer {text}"))
}
