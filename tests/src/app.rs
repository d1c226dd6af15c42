//! An app of the tests' own, over the local protocol alone: it shows what a daemon really says, without the
//! client library's mending hand in between.
//!
//! Invariant: everything that the daemon has sent is kept in the order of arrival.

use crate::wait;
use chalktalk_ipc::{
    Answer, AppId, Call, Down, Event, FrameBuf, FrameKind, InstanceId, OriginId, PROTOCOL, Position, Refusal,
    Request, SessionId, UserId,
    batch::{self, Class, DeliverFlags, Outgoing, PublishHead},
    codec,
    event::{InstanceSummary, Person, SessionSummary, Status},
    request::{From, Role, SessionKind},
};
use std::{
    collections::{BTreeMap, HashMap},
    io::{Read, Write},
    os::unix::net::UnixStream,
    path::Path,
    sync::{Arc, Condvar, Mutex, MutexGuard},
    thread,
    time::{Duration, Instant},
};

/// How long an answer may take.
const ANSWER: Duration = Duration::from_secs(10);

/// What a message costs besides its payload (see `Event::Credit`).
const COST: u64 = 64;

/// A message as it was delivered.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Message {
    /// Session.
    pub session: SessionId,
    /// Where it stands.
    pub position: Position,
    /// Its author.
    pub user: UserId,
    /// The instance that published it.
    pub instance: InstanceId,
    /// What the run it came in said.
    pub flags: DeliverFlags,
    /// Its payload.
    pub payload: Vec<u8>,
}

impl Message {
    /// The payload as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.payload).into_owned()
    }
}

/// A connection to a daemon, attached as an instance.
pub struct App {
    stream: UnixStream,
    shared: Arc<Shared>,
    outgoing: Mutex<Outbox>,
    /// The instance that the daemon gave it.
    pub instance: InstanceId,
    /// What kind of program it says it is.
    pub app: AppId,
}

#[derive(Default)]
struct Outbox {
    last_call: u32,
    numbers: HashMap<SessionId, u64>,
    spent: HashMap<SessionId, u64>,
}

#[derive(Default)]
struct Shared {
    heard: Mutex<Heard>,
    more: Condvar,
}

#[derive(Default)]
struct Heard {
    replies: BTreeMap<u32, Result<Answer, Refusal>>,
    messages: Vec<Message>,
    events: Vec<Event>,
    granted: HashMap<SessionId, u64>,
    closed: bool,
    deaf: bool,
}

impl App {
    /// Attaches as a new instance of an app that people use.
    pub fn attach(socket: &Path, app: &str) -> Self {
        Self::connect(socket, app, Role::App, None, None)
            .unwrap_or_else(|why| panic!("{}: {why}", socket.display()))
    }

    /// Attaches again as an instance whose connection broke.
    pub fn attach_again(socket: &Path, app: &str, instance: InstanceId) -> Self {
        Self::connect(socket, app, Role::App, Some(instance), None)
            .unwrap_or_else(|why| panic!("{}: {why}", socket.display()))
    }

    /// Attaches as a command line does.
    pub fn observer(socket: &Path) -> Self {
        Self::connect(socket, "chalktalk.chat", Role::Observer, None, None)
            .unwrap_or_else(|why| panic!("{}: {why}", socket.display()))
    }

    /// Attaches as a command line does, if a daemon answers.
    pub fn try_observer(socket: &Path) -> Option<Self> {
        Self::connect(socket, "chalktalk.chat", Role::Observer, None, None).ok()
    }

    /// Attaches as a program that an agent has launched does.
    ///
    /// # Errors
    /// Why the daemon does not let it.
    pub fn attach_with_token(socket: &Path, app: &str, token: &str) -> Result<Self, String> {
        Self::connect(socket, app, Role::App, None, Some(token.to_owned()))
    }

    /// Attaches as a new instance, if the daemon lets it.
    ///
    /// # Errors
    /// Why it does not.
    pub fn try_attach(socket: &Path, app: &str) -> Result<Self, String> {
        Self::connect(socket, app, Role::App, None, None)
    }

    fn connect(
        socket: &Path,
        app: &str,
        role: Role,
        instance: Option<InstanceId>,
        token: Option<String>,
    ) -> Result<Self, String> {
        let stream = UnixStream::connect(socket).map_err(|e| e.to_string())?;
        let reader = stream.try_clone().map_err(|e| e.to_string())?;
        let shared = Arc::new(Shared::default());
        let listener = shared.clone();
        thread::spawn(move || listener.listen(reader));
        let app: AppId = app.parse().map_err(|e| format!("{e}"))?;
        let mut this =
            Self { stream, shared, outgoing: Mutex::default(), instance: InstanceId::NIL, app: app.clone() };
        let ask = |request| match this.call(request) {
            Some(answer) => answer.map_err(|e| e.to_string()),
            None => Err(format!("the daemon hung up: {:?}", this.events())),
        };
        ask(Request::Hello { protocol: PROTOCOL, client: "tests".into() })?;
        match ask(Request::Attach { instance, app, role, token })? {
            Answer::Attached { instance, .. } => this.instance = instance,
            other => return Err(format!("attach was answered with {other:?}")),
        }
        Ok(this)
    }

    /// Asks something and waits for the answer.
    ///
    /// # Errors
    /// The daemon's refusal.
    ///
    /// # Panics
    /// When no answer comes in time, or the connection is closed.
    pub fn request(&self, request: Request) -> Result<Answer, Refusal> {
        let shown = format!("{request:?}");
        self.call(request).unwrap_or_else(|| panic!("the daemon hung up instead of answering {shown}"))
    }

    /// Asks something; nothing when the daemon hangs up instead of answering.
    fn call(&self, request: Request) -> Option<Result<Answer, Refusal>> {
        let id = {
            let mut outgoing = self.outbox();
            outgoing.last_call += 1;
            outgoing.last_call
        };
        let what = format!("the answer to {request:?}");
        let mut bytes = Vec::new();
        codec::put_control(&mut bytes, &Call { id, request });
        self.write(&bytes);
        let answer = self.shared.wait(ANSWER, |heard| match heard.replies.remove(&id) {
            Some(answer) => Some(Some(answer)),
            None => heard.closed.then_some(None),
        });
        answer.unwrap_or_else(|| panic!("waited {ANSWER:?} in vain for {what}"))
    }

    /// Joins a session and opens it: from there on its messages arrive.
    pub fn enter(&self, target: &str, from: From) -> SessionId {
        self.enter_kind(target, SessionKind::Kept, from)
    }

    /// Joins a session, making it of this kind if it is new, and opens it.
    pub fn enter_kind(&self, target: &str, kind: SessionKind, from: From) -> SessionId {
        let session = self.join(target, kind);
        self.open(session, from);
        session
    }

    /// Joins a session without opening it.
    pub fn join(&self, target: &str, kind: SessionKind) -> SessionId {
        let request = Request::Join { target: target.into(), app: self.app.clone(), kind, history: true };
        match self.request(request) {
            Ok(Answer::Session(summary)) => summary.session,
            other => panic!("join {target} was answered with {other:?}"),
        }
    }

    /// Opens a session; gives the number of this instance's last message in its log.
    pub fn open(&self, session: SessionId, from: From) -> u64 {
        match self.request(Request::Open { session, from }) {
            Ok(Answer::Opened { last_number, granted, .. }) => {
                self.outbox().numbers.insert(session, last_number);
                self.outbox().spent.insert(session, 0);
                let mut heard = self.shared.heard();
                let known = heard.granted.entry(session).or_default();
                *known = granted.max(*known);
                last_number
            }
            other => panic!("open was answered with {other:?}"),
        }
    }

    /// Publishes one durable message to all; gives its number.
    pub fn publish(&self, session: SessionId, payload: impl AsRef<[u8]>) -> u64 {
        self.publish_all(session, InstanceId::NIL, &[payload.as_ref()])
    }

    /// Publishes durable messages to all, one by one; gives the number of the last.
    pub fn publish_each<T: AsRef<[u8]>>(
        &self,
        session: SessionId,
        payloads: impl IntoIterator<Item = T>,
    ) -> u64 {
        payloads.into_iter().fold(0, |_, payload| self.publish(session, payload))
    }

    /// Publishes one durable message to one instance; gives its number.
    pub fn publish_to(&self, session: SessionId, destination: InstanceId, payload: impl AsRef<[u8]>) -> u64 {
        self.publish_all(session, destination, &[payload.as_ref()])
    }

    /// Publishes durable messages in one batch, once there is credit for them; gives the number of the last.
    ///
    /// # Panics
    /// When the daemon gives no credit for 30 s.
    pub fn publish_all(&self, session: SessionId, destination: InstanceId, payloads: &[&[u8]]) -> u64 {
        let number = self.try_publish(session, destination, payloads, Duration::from_secs(30));
        number.expect("the daemon gives credit within 30 s")
    }

    /// Publishes durable messages in one batch, if there is credit for them in time; gives the number of the last.
    pub fn try_publish(
        &self,
        session: SessionId,
        destination: InstanceId,
        payloads: &[&[u8]],
        within: Duration,
    ) -> Option<u64> {
        let cost: u64 = payloads.iter().map(|p| p.len() as u64 + COST).sum();
        let needed = self.outbox().spent.get(&session).copied().unwrap_or_default() + cost;
        let granted = |heard: &mut Heard| (heard.granted.get(&session).copied()? >= needed).then_some(());
        self.shared.wait(within, granted)?;
        let first = {
            let mut outgoing = self.outbox();
            outgoing.spent.insert(session, needed);
            let number = outgoing.numbers.entry(session).or_default();
            *number += payloads.len() as u64;
            *number + 1 - payloads.len() as u64
        };
        let mut bytes = Vec::new();
        codec::put_frame(&mut bytes, FrameKind::Publish, |out| {
            PublishHead { session, destination, first, class: Class::Durable }.put(out);
            payloads.iter().for_each(|payload| batch::put_outgoing(out, &Outgoing::new(payload)));
        });
        self.write(&bytes);
        Some(first + payloads.len() as u64 - 1)
    }

    /// Publishes a message without asking whether that is allowed.
    pub fn publish_unasked(&self, session: SessionId, payload: &str) {
        let mut bytes = Vec::new();
        codec::put_frame(&mut bytes, FrameKind::Publish, |out| {
            let destination = InstanceId::NIL;
            PublishHead { session, destination, first: 1, class: Class::Durable }.put(out);
            batch::put_outgoing(out, &Outgoing::new(payload.as_bytes()));
        });
        self.write(&bytes);
    }

    /// Asks something many times over, and wants no reply.
    pub fn pester(&self, request: &Request, times: u32) {
        let mut bytes = Vec::new();
        (0..times).for_each(|_| codec::put_control(&mut bytes, &Call { id: 0, request: request.clone() }));
        self.write(&bytes);
    }

    /// Says that a refusal has been heard.
    pub fn resume(&self, session: SessionId) {
        assert_eq!(self.request(Request::Resume { session }), Ok(Answer::Done), "resume");
    }

    /// Forgets the messages received so far.
    pub fn forget_messages(&self) {
        self.shared.heard().messages = Vec::new();
    }

    /// Reads from now on without looking at what it reads.
    pub fn go_deaf(&self) {
        self.shared.heard().deaf = true;
    }

    /// Whether the daemon has refused messages of this instance in a session.
    pub fn is_refused(&self, session: SessionId) -> bool {
        let here = |event: &Event| matches!(event, Event::Refused { session: s, .. } if *s == session);
        self.shared.heard().events.iter().any(here)
    }

    /// Publishes one volatile message to all.
    pub fn publish_volatile(&self, session: SessionId, payload: &[u8]) {
        let mut bytes = Vec::new();
        codec::put_frame(&mut bytes, FrameKind::Publish, |out| {
            PublishHead { session, destination: InstanceId::NIL, first: 0, class: Class::Volatile }.put(out);
            batch::put_outgoing(out, &Outgoing::new(payload));
        });
        self.write(&bytes);
    }

    /// Acknowledges everything received so far in a session.
    pub fn acknowledge(&self, session: SessionId) {
        let done = self.request(Request::Ack { session, positions: self.positions(session) });
        assert_eq!(done, Ok(Answer::Done), "ack");
    }

    /// How far it has read each log of a session.
    pub fn positions(&self, session: SessionId) -> Vec<Position> {
        let mut last: BTreeMap<(OriginId, u32), Position> = BTreeMap::new();
        for message in self.messages().iter().filter(|m| m.session == session && !m.flags.volatile) {
            let place =
                last.entry((message.position.origin, message.position.epoch)).or_insert(message.position);
            *place = message.position.max(*place);
        }
        last.into_values().collect()
    }

    /// Every message received so far.
    pub fn messages(&self) -> Vec<Message> {
        self.shared.heard().messages.clone()
    }

    /// How many messages have been received so far.
    pub fn count(&self) -> usize {
        self.shared.heard().messages.len()
    }

    /// The messages of one session as texts.
    pub fn texts(&self, session: SessionId) -> Vec<String> {
        self.shared.heard().messages.iter().filter(|m| m.session == session).map(Message::text).collect()
    }

    /// Every event received so far.
    pub fn events(&self) -> Vec<Event> {
        self.shared.heard().events.clone()
    }

    /// Waits until a message satisfies a condition.
    ///
    /// # Panics
    /// When none does in time.
    pub fn await_message(&self, within: Duration, what: &str, wanted: impl Fn(&Message) -> bool) -> Message {
        let found = self.shared.wait(within, |heard| heard.messages.iter().find(|m| wanted(m)).cloned());
        found.unwrap_or_else(|| panic!("waited {within:?} in vain for {what}; came: {:?}", self.last_texts()))
    }

    /// Waits until a text arrives in a session.
    ///
    /// # Panics
    /// When it does not in time.
    pub fn await_text(&self, session: SessionId, text: &str) -> Message {
        self.await_message(ANSWER, &format!("{text:?}"), |m| {
            m.session == session && m.payload == text.as_bytes()
        })
    }

    /// Waits until this many messages have been received.
    ///
    /// # Panics
    /// When they have not in time.
    pub fn await_count(&self, count: usize, within: Duration) {
        let reached = self.shared.wait(within, |heard| (heard.messages.len() >= count).then_some(()));
        assert!(reached.is_some(), "{} of {count} messages after {within:?}", self.count());
    }

    /// Waits until an event satisfies a condition.
    ///
    /// # Panics
    /// When none does in time.
    pub fn await_event<T>(&self, within: Duration, what: &str, wanted: impl Fn(&Event) -> Option<T>) -> T {
        let found = self.shared.wait(within, |heard| heard.events.iter().find_map(&wanted));
        found.unwrap_or_else(|| panic!("waited {within:?} in vain for {what}; events: {:?}", self.events()))
    }

    /// Waits until the messages up to a number are on this host's disk.
    pub fn await_stored(&self, session: SessionId, number: u64) {
        self.await_event(ANSWER * 3, &format!("message {number} to be stored"), |event| match event {
            Event::Progress { session: s, stored, .. } if *s == session && *stored >= number => Some(()),
            _ => None,
        });
    }

    /// The number up to which this instance's messages of a session have been reported stored.
    pub fn stored(&self, session: SessionId) -> u64 {
        let heard = self.shared.heard();
        let numbers = heard.events.iter().map(|event| match event {
            Event::Progress { session: s, stored, .. } if *s == session => *stored,
            _ => 0,
        });
        numbers.max().unwrap_or(0)
    }

    /// Who is on the network.
    pub fn who(&self) -> Vec<Person> {
        match self.request(Request::Who) {
            Ok(Answer::Who(people)) => people,
            other => panic!("who was answered with {other:?}"),
        }
    }

    /// Instances attached here, or on the LAN.
    pub fn instances(&self, all: bool) -> Vec<InstanceSummary> {
        match self.request(Request::Instances { all }) {
            Ok(Answer::Instances(instances)) => instances,
            other => panic!("instances was answered with {other:?}"),
        }
    }

    /// Sessions known.
    pub fn sessions(&self) -> Vec<SessionSummary> {
        self.try_sessions().expect("sessions are told")
    }

    /// Sessions known, if the daemon says so.
    pub fn try_sessions(&self) -> Option<Vec<SessionSummary>> {
        match self.call(Request::Sessions)? {
            Ok(Answer::Sessions(sessions)) => Some(sessions),
            _ => None,
        }
    }

    /// Facts about the daemon.
    pub fn status(&self) -> Status {
        self.try_status().expect("the status is told")
    }

    /// Facts about the daemon, if it says so.
    pub fn try_status(&self) -> Option<Status> {
        match self.call(Request::Status)? {
            Ok(Answer::Status(status)) => Some(status),
            _ => None,
        }
    }

    /// Whether the daemon has closed the connection.
    pub fn is_closed(&self) -> bool {
        self.shared.heard().closed
    }

    /// Waits until the daemon has closed the connection.
    pub fn await_close(&self) {
        wait::until(ANSWER, "the daemon to close the connection", || self.is_closed());
    }

    fn last_texts(&self) -> Vec<String> {
        let heard = self.shared.heard();
        heard.messages.iter().rev().take(8).map(Message::text).collect()
    }

    fn write(&self, bytes: &[u8]) {
        // A daemon that is gone shows as `closed` to whoever waits for it.
        let _gone = (&self.stream).write_all(bytes);
    }

    fn outbox(&self) -> MutexGuard<'_, Outbox> {
        self.outgoing.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

/// Lets every app enter a session, reading from its start.
pub fn enter_all<'a>(apps: impl IntoIterator<Item = &'a App>, target: &str) -> SessionId {
    apps.into_iter().fold(SessionId::NIL, |_, app| app.enter(target, From::Start))
}

impl Drop for App {
    fn drop(&mut self) {
        let _gone = self.stream.shutdown(std::net::Shutdown::Both);
    }
}

impl Shared {
    fn heard(&self) -> MutexGuard<'_, Heard> {
        self.heard.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    fn wait<T>(&self, within: Duration, mut wanted: impl FnMut(&mut Heard) -> Option<T>) -> Option<T> {
        let end = Instant::now() + within;
        let mut heard = self.heard();
        loop {
            if let Some(found) = wanted(&mut heard) {
                return Some(found);
            }
            let left = end.checked_duration_since(Instant::now())?;
            heard = self.more.wait_timeout(heard, left).unwrap_or_else(|poisoned| poisoned.into_inner()).0;
        }
    }

    fn listen(&self, mut stream: UnixStream) {
        let mut frames = FrameBuf::default();
        loop {
            let read = stream.read(frames.spare(64 * 1024)).unwrap_or(0);
            if read == 0 {
                break;
            }
            frames.filled(read);
            let mut heard = self.heard();
            if heard.deaf {
                frames = FrameBuf::default();
                continue;
            }
            while let Some(frame) = frames.next_frame().expect("the daemon sends well-formed frames") {
                match frame.kind {
                    FrameKind::Control => heard.take(frame.control().expect("the daemon's frames decode")),
                    FrameKind::Deliver => heard.take_run(frame.body),
                    FrameKind::Publish => panic!("the daemon sends no publish frames"),
                }
            }
            drop(heard);
            self.more.notify_all();
        }
        self.heard().closed = true;
        self.more.notify_all();
    }
}

impl Heard {
    fn take(&mut self, down: Down) {
        match down {
            Down::Reply { id, body } => drop(self.replies.insert(id, body)),
            Down::Event(event) => {
                if let Event::Credit { session, granted } = &event {
                    let known = self.granted.entry(*session).or_default();
                    *known = (*granted).max(*known);
                }
                self.events.push(event);
            }
        }
    }

    fn take_run(&mut self, body: &[u8]) {
        let (head, run) = batch::read_deliver(body).expect("the daemon's runs are well formed");
        for message in run {
            let message = message.expect("the daemon's runs are well formed");
            self.messages.push(Message {
                session: head.session,
                position: head.position(&message),
                user: head.user,
                instance: head.instance,
                flags: head.flags,
                payload: message.payload.to_vec(),
            });
        }
    }
}
