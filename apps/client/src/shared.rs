//! What the callers' threads and the library's own share, behind one lock.
//!
//! Invariants: no system call that can block and no code of the app runs under the lock; whoever changes something a
//! caller may wait for notifies `changed`.

use crate::{
    blobs::{Blob, Transfer, Transferred},
    calls::{Calls, Then},
    client::Welcome,
    error::ClientError,
    events::{ClientEvent, Load, OnEvent, Queue},
    link::Link,
    message::{Author, Batch},
    outbox::{OUTBOX_LIMIT, Outbox},
    progress::Progress,
    serving::Service,
    session::Session,
    waker::Waker,
};
use chalktalk_ipc::{
    Answer, Call, Down, Event, Frame, FrameError, FrameKind, InstanceId, OriginId, Position, Refusal,
    RefusalCode, Request, SessionId,
    batch::{DeliverHead, Outgoing, read_deliver},
    descriptors::{self, Arrived},
    event::SessionSummary,
    request::{From, Topic},
    socket,
};
use interprocess::local_socket::Stream;
use std::{
    collections::HashMap,
    sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError},
    thread::{self, ThreadId},
    time::{Duration, Instant},
};

/// A message that comes sooner than this after the last write is left to whoever serves the connection: waking them takes
/// about as long, and what a fast publisher adds meanwhile shares the frame. One that comes later is written at once.
const WRITE_GAP: Duration = Duration::from_micros(50);

/// Acknowledgements wait so long for company: nobody sees the difference, and at 1,000 messages a second the daemon
/// stores a position 50 times and not 500 times.
const ACK_DELAY: Duration = Duration::from_millis(20);

pub(crate) struct Shared {
    state: Mutex<State>,
    pub(crate) changed: Condvar,
    /// The library's thread waits here while it does not serve the connection.
    pub(crate) standby: Condvar,
    pub(crate) waker: Waker,
    on_event: Option<OnEvent>,
    worker: OnceLock<ThreadId>,
}

/// How the connection is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Phase {
    Connected,
    Away,
    /// The app is done: write what is left and end.
    Closing,
    Closed,
}

pub(crate) struct State {
    pub(crate) phase: Phase,
    pub(crate) welcome: Welcome,
    pub(crate) instance: InstanceId,
    pub(crate) launched_for: Option<SessionSummary>,
    pub(crate) sessions: HashMap<SessionId, Session>,
    pub(crate) calls: Calls,
    pub(crate) outbox: Outbox,
    pub(crate) queue: Queue,
    pub(crate) service: Service,
    /// Transfers that somebody waits for.
    pub(crate) transfers: HashMap<u64, Transfer>,
    /// Descriptors that have come, for the events that carry one.
    pub(crate) arrived: Arrived,
    authors: HashMap<OriginId, Arc<Author>>,
    watched: Vec<Topic>,
    stream: Option<Arc<Stream>>,
    /// The socket took no more: whoever serves waits until it does.
    blocked: bool,
    last_write: Instant,
    acks_due: Option<Instant>,
    /// Callers that wait for something the daemon has to send.
    pub(crate) waiting: usize,
    /// The reconnection has been announced to the app.
    announced: bool,
}

impl Shared {
    pub(crate) fn new(link: &Link, waker: Waker, queue: Queue, on_event: Option<OnEvent>) -> Self {
        let state = State {
            phase: Phase::Away,
            welcome: link.welcome.clone(),
            instance: link.instance,
            launched_for: link.launched_for.clone(),
            sessions: HashMap::new(),
            calls: Calls::default(),
            outbox: Outbox::default(),
            queue,
            service: Service::default(),
            transfers: HashMap::new(),
            arrived: Arrived::new(),
            authors: HashMap::new(),
            watched: Vec::new(),
            stream: None,
            blocked: false,
            last_write: Instant::now(),
            acks_due: None,
            waiting: 0,
            announced: true,
        };
        let (changed, standby) = (Condvar::new(), Condvar::new());
        Self { state: Mutex::new(state), changed, standby, waker, on_event, worker: OnceLock::new() }
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, State> {
        // A panic under the lock can only come from a broken invariant; others may still read and close.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether the caller is the library's thread (it runs the app's `on_event`).
    pub(crate) fn is_worker(&self) -> bool {
        self.worker.get() == Some(&thread::current().id())
    }

    /// The caller is the library's thread.
    pub(crate) fn become_worker(&self) {
        self.worker.set(thread::current().id()).ok();
    }

    /// Whether the app has a loop of its own, which is told of events.
    pub(crate) fn has_loop(&self) -> bool {
        self.on_event.is_some()
    }

    /// Tells the app something.
    pub(crate) fn tell(&self, event: ClientEvent) {
        let mut state = self.lock();
        state.queue.put(event);
        self.notify(&state);
        drop(self.call_back(state));
    }

    /// Calls the app once for each event that is new in the queue.
    pub(crate) fn call_back<'a>(&'a self, mut state: MutexGuard<'a, State>) -> MutexGuard<'a, State> {
        let fresh = state.queue.take_fresh();
        let Some(on_event) = self.on_event.as_ref().filter(|_| fresh > 0) else { return state };
        drop(state);
        (0..fresh).for_each(|_| on_event());
        self.lock()
    }

    /// Sees to it that what is in the outbox leaves: at once if the socket is idle.
    pub(crate) fn kick(&self, state: &mut State) {
        // While the socket takes no more, whoever serves waits for it already.
        if state.outbox.is_empty() || state.blocked {
            return;
        }
        if state.last_write.elapsed() >= WRITE_GAP && state.write().is_ok_and(|done| done) {
            self.notify(state);
            return;
        }
        self.wake(state);
    }
}

impl State {
    /// Writes what the socket takes. True: nothing is left.
    pub(crate) fn write(&mut self) -> std::io::Result<bool> {
        let Some(stream) = &self.stream else { return Ok(true) };
        let socket = socket::descriptor(stream);
        let done = self.outbox.write_to(|bytes, descriptor| descriptors::send(socket, bytes, descriptor))?;
        self.last_write = Instant::now();
        self.blocked = !done;
        Ok(done)
    }

    /// A new connection is there: reopens what was open.
    pub(crate) fn on_connected(&mut self, link: &mut Link) {
        self.outbox.clear();
        self.stream = Some(link.stream.clone());
        self.blocked = false;
        self.welcome = link.welcome.clone();
        self.instance = link.instance;
        if self.phase == Phase::Away {
            self.phase = Phase::Connected;
        }
        if !self.watched.is_empty() {
            self.call(Request::Watch { topics: self.watched.clone() }, Then::Nothing, false);
        }
        let opens: Vec<_> = self.sessions.iter().map(|(id, session)| (*id, session.positions())).collect();
        for (session, positions) in opens {
            let request = Request::Open { session, from: From::At(positions) };
            self.call(request, Then::Opened { session, again: true }, false);
        }
        for event in std::mem::take(&mut link.events) {
            let told = self.on_event(event);
            told.into_iter().for_each(|event| self.queue.put(event));
        }
    }

    pub(crate) fn on_disconnected(&mut self) {
        self.stream = None;
        self.outbox.clear();
        self.calls.on_disconnected();
        self.arrived.clear();
        let open = self.transfers.values_mut().filter(|transfer| transfer.end.is_none());
        open.for_each(|transfer| transfer.end = Some(Err(ClientError::Disconnected)));
        self.sessions.values_mut().for_each(Session::on_disconnected);
        self.announced = false;
        if self.phase == Phase::Connected {
            self.phase = Phase::Away;
        }
    }

    /// Puts a request into the outbox; returns its number.
    pub(crate) fn call(&mut self, request: Request, then: Then, wanted: bool) -> u32 {
        let id = self.calls.begin(then, wanted);
        self.outbox.call(&Call { id, request });
        id
    }

    /// Remembers acknowledgements; they leave together a little later. True: whoever serves must be told.
    pub(crate) fn ack(&mut self, session: SessionId, positions: &[Position]) -> Result<bool, ClientError> {
        let open = self.sessions.get_mut(&session).ok_or(ClientError::NotOpen(session))?;
        let first = open.ack(positions) && self.acks_due.is_none();
        if first {
            self.acks_due = Some(Instant::now() + ACK_DELAY);
        }
        Ok(first)
    }

    /// Acknowledgements need not wait for company any longer.
    pub(crate) fn hurry_acks(&mut self) {
        self.acks_due = self.acks_due.map(|_| Instant::now());
    }

    pub(crate) fn acks_due(&self) -> Option<Instant> {
        self.acks_due
    }

    /// Fills the outbox with what has waited for its time or for credit.
    pub(crate) fn fill_outbox(&mut self) {
        if self.acks_due.is_some_and(|due| due <= Instant::now()) {
            self.acks_due = None;
            for (session, open) in &mut self.sessions {
                let positions = open.take_acks();
                if !positions.is_empty() {
                    self.outbox.call(&Call { id: 0, request: Request::Ack { session: *session, positions } });
                }
            }
        }
        for session in self.sessions.values_mut() {
            session.send_waiting(&mut self.outbox, OUTBOX_LIMIT);
        }
    }

    pub(crate) fn check_open(&self) -> Result<(), ClientError> {
        match self.phase {
            Phase::Connected | Phase::Away => Ok(()),
            Phase::Closing | Phase::Closed => Err(ClientError::Closed),
        }
    }

    /// Whether a durable message may be published now.
    pub(crate) fn admits(&self, session: SessionId, payload: usize) -> Result<bool, ClientError> {
        let open = self.sessions.get(&session).ok_or(ClientError::NotOpen(session))?;
        Ok(self.has_room() && open.admits(payload))
    }

    /// Publishes a durable message that is admitted.
    pub(crate) fn publish(
        &mut self,
        session: SessionId,
        destination: InstanceId,
        message: &Outgoing<'_>,
    ) -> Result<u64, ClientError> {
        let open = self.sessions.get_mut(&session).ok_or(ClientError::NotOpen(session))?;
        Ok(open.publish(destination, message, &mut self.outbox))
    }

    /// Sends a volatile message, or drops it.
    pub(crate) fn publish_volatile(
        &mut self,
        session: SessionId,
        destination: InstanceId,
        message: &Outgoing<'_>,
    ) -> Result<(), ClientError> {
        let room = self.has_room();
        let open = self.sessions.get_mut(&session).ok_or(ClientError::NotOpen(session))?;
        if room {
            open.publish_volatile(destination, message, &mut self.outbox);
        }
        Ok(())
    }

    pub(crate) fn has_room(&self) -> bool {
        self.outbox.len() < OUTBOX_LIMIT
    }

    /// Nothing that the app has handed over still waits to be written.
    pub(crate) fn all_written(&self) -> bool {
        self.outbox.is_empty() && self.sessions.values().all(Session::all_sent)
    }

    pub(crate) fn may_read(&self) -> bool {
        match self.queue.load() {
            Load::Fine => true,
            Load::Full => self.waiting > 0,
            Load::Overdrawn => false,
        }
    }

    pub(crate) fn author(&self, origin: OriginId) -> Option<Arc<Author>> {
        self.authors.get(&origin).cloned()
    }

    /// Takes one frame in. Returns what the app is told.
    pub(crate) fn on_frame(&mut self, frame: Frame<'_>) -> Result<Option<ClientEvent>, Broken> {
        match frame.kind {
            FrameKind::Deliver => Ok(self.on_deliver(frame.body)?.map(ClientEvent::Messages)),
            FrameKind::Control => match frame.control()? {
                Down::Event(Event::Detached { session: None, reason }) => Err(Broken(reason)),
                Down::Event(event) => Ok(self.on_event(event)),
                Down::Reply { id, body } => self.on_reply(id, body),
            },
            FrameKind::Publish => Err(Broken("it sent a publish frame".into())),
        }
    }

    fn on_deliver(&mut self, body: &[u8]) -> Result<Option<Batch>, Broken> {
        let (head, _) = read_deliver(body).map_err(FrameError::from)?;
        let read = self.expected_after(&head);
        let author =
            self.authors.get(&head.origin).cloned().unwrap_or_else(|| Arc::new(Author::unknown(&head)));
        let Some(batch) = Batch::read(body, author, read).map_err(FrameError::from)? else { return Ok(None) };
        if head.flags.history {
            self.calls.on_history(&batch);
            return Ok(None);
        }
        let Some(session) = self.sessions.get_mut(&head.session) else { return Ok(None) };
        if !head.flags.volatile {
            session.on_delivered(batch.last_position());
        }
        Ok(Some(batch))
    }

    /// Where this log's next message is to stand behind, if that is known: the others have been handed out before.
    /// Late ones fill holes further down, and volatile ones and history stand nowhere.
    fn expected_after(&self, head: &DeliverHead) -> Option<(u64, u16)> {
        let ordered = !(head.flags.volatile || head.flags.late || head.flags.history);
        self.sessions.get(&head.session).filter(|_| ordered)?.read_through(head.origin, head.epoch)
    }

    fn on_event(&mut self, event: Event) -> Option<ClientEvent> {
        match &event {
            Event::Author { origin, user, name, host } => {
                let author = Author { origin: *origin, user: *user, name: name.clone(), host: host.clone() };
                self.authors.insert(*origin, Arc::new(author));
            }
            Event::Credit { session, granted } => {
                self.sessions.get_mut(session)?.on_credit(*granted);
                return None;
            }
            Event::Progress { session, appended, stored, held_by, delivered } => {
                let (appended, stored, delivered) = (*appended, *stored, *delivered);
                let progress = Progress { appended, stored, held_by: held_by.clone(), delivered };
                self.sessions.get_mut(session)?.on_progress(progress);
            }
            Event::Refused { session, first, refusal } => {
                let (session, refusal) = (*session, refusal.clone());
                let numbers = self.sessions.get_mut(&session)?.on_refused(*first, refusal.clone());
                // What is in the outbox already was published without knowing.
                self.outbox.call(&Call { id: 0, request: Request::Resume { session } });
                return numbers.map(|numbers| ClientEvent::Refused { session, numbers, refusal });
            }
            Event::Transfer { transfer, done, size, holders } => {
                let progress = Transferred { done: *done, size: *size, holders: *holders };
                self.transfers.get_mut(transfer)?.progress = progress;
                return None;
            }
            Event::Transferred { transfer, blob, size, file, refusal } => {
                let file = if *file { self.arrived.pop_front() } else { None };
                let end = match refusal {
                    Some(refusal) => Err(refusal.clone().into()),
                    None => Ok((Blob { id: *blob, size: *size }, file)),
                };
                self.transfers.get_mut(transfer)?.end = Some(end);
                return None;
            }
            Event::Detached { session: Some(session), .. } => {
                self.sessions.remove(session);
            }
            _ => {}
        }
        Some(ClientEvent::Event(event))
    }

    fn on_reply(&mut self, id: u32, body: Result<Answer, Refusal>) -> Result<Option<ClientEvent>, Broken> {
        let Some((then, body)) = self.calls.on_reply(id, body) else { return Ok(None) };
        let told = match (then, body) {
            (
                Then::Opened { session, again },
                Ok(Answer::Opened { session: summary, last_number, granted, start, members, .. }),
            ) => {
                let open =
                    self.sessions.entry(session).or_insert_with(|| Session::new(session, summary.kind));
                open.on_opened(last_number, granted, &start, again);
                if again {
                    self.acks_due.get_or_insert_with(Instant::now);
                }
                again.then_some(Event::Roster { session, members })
            }
            (Then::Opened { session, again: true }, Err(refusal)) => match refusal.code {
                RefusalCode::Busy | RefusalCode::Storage => return Err(Broken(refusal.message)),
                _ => {
                    self.sessions.remove(&session);
                    Some(Event::Detached { session: Some(session), reason: refusal.message })
                }
            },
            (Then::Closed(session), Ok(_)) => {
                self.sessions.remove(&session);
                None
            }
            (Then::Transfer, Ok(Answer::Transfer { transfer })) => {
                self.transfers.insert(transfer, Transfer::default());
                None
            }
            (Then::Watching(topics), Ok(_)) => {
                self.watched = topics;
                None
            }
            _ => None,
        };
        Ok(told.map(ClientEvent::Event))
    }

    /// Tells the app once that all is as before the connection broke.
    pub(crate) fn announce(&mut self) {
        if !self.announced && !self.calls.reopening() {
            self.announced = true;
            self.queue.put(ClientEvent::Reconnected);
        }
    }
}

/// The connection is of no use any more, and why.
#[derive(Debug)]
pub(crate) struct Broken(pub(crate) String);

impl std::convert::From<FrameError> for Broken {
    fn from(e: FrameError) -> Self {
        Self(format!("the daemon does not keep to the local protocol: {e}"))
    }
}
