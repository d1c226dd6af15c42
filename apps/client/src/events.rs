//! What the daemon tells the app, in a queue that is bounded by bytes.
//!
//! Invariant: when the queue is full the connection's thread stops reading the socket. The messages wait in the
//! daemon's log then, not in this process's memory.

use crate::{message::Batch, waker::Waker};
use chalktalk_ipc::{Event, Refusal, SessionId};
use std::{
    collections::VecDeque,
    fmt,
    ops::RangeInclusive,
    sync::{
        Arc, Condvar, Mutex, MutexGuard, PoisonError,
        mpsc::{RecvError, RecvTimeoutError, TryRecvError},
    },
    time::{Duration, Instant},
};

/// Something for the app.
#[derive(Clone, Debug)]
pub enum ClientEvent {
    /// Messages arrived.
    Messages(Batch),
    /// Something happened (all but `credit`, which the library keeps for itself).
    Event(Event),
    /// The daemon has not taken these messages of this instance, and they are in no log: the disk is full, say. What is
    /// published after this was heard may be taken.
    Refused {
        /// The session.
        session: SessionId,
        /// The numbers of the messages.
        numbers: RangeInclusive<u64>,
        /// Why, and what to do.
        refusal: Refusal,
    },
    /// The connection broke, or cannot be made again for another reason than before. The library goes on trying;
    /// publishing goes on into a bounded memory.
    Disconnected {
        /// What happened, for people.
        reason: String,
    },
    /// The connection is there again: as the same instance, with every session reopened. What the app asked with
    /// requests (who is there, …) may have changed meanwhile.
    Reconnected,
}

/// What an event counts for besides the bytes of its messages: about what it takes in memory.
const EVENT_COST: usize = 256;

impl ClientEvent {
    fn cost(&self) -> usize {
        match self {
            Self::Messages(batch) => EVENT_COST + batch.byte_len(),
            Self::Event(Event::Roster { members, .. }) => EVENT_COST * (1 + members.len()),
            _ => EVENT_COST,
        }
    }
}

/// The receiving end. Dropping it says that this app is not interested in events; the rest of the client works on.
pub struct Events(pub(crate) Arc<EventQueue>);

impl Events {
    /// Waits for the next event.
    ///
    /// # Errors
    /// The client has been closed, and everything before that was received.
    pub fn recv(&self) -> Result<ClientEvent, RecvError> {
        self.0.take(None).map_err(|_| RecvError)
    }

    /// Waits for the next event, but not for ever.
    ///
    /// # Errors
    /// Nothing came in time, or the client has been closed.
    pub fn recv_timeout(&self, limit: Duration) -> Result<ClientEvent, RecvTimeoutError> {
        self.0.take(Some(limit)).map_err(|e| match e {
            TryRecvError::Empty => RecvTimeoutError::Timeout,
            TryRecvError::Disconnected => RecvTimeoutError::Disconnected,
        })
    }

    /// The next event if there is one.
    ///
    /// # Errors
    /// There is none now, or the client has been closed.
    pub fn try_recv(&self) -> Result<ClientEvent, TryRecvError> {
        self.0.take(Some(Duration::ZERO))
    }

    /// Waits for one event after another until the client is closed.
    pub fn iter(&self) -> impl Iterator<Item = ClientEvent> + '_ {
        std::iter::from_fn(|| self.recv().ok())
    }
}

impl Iterator for Events {
    type Item = ClientEvent;
    fn next(&mut self) -> Option<ClientEvent> {
        self.recv().ok()
    }
}

impl<'a> IntoIterator for &'a Events {
    type Item = ClientEvent;
    type IntoIter = Box<dyn Iterator<Item = ClientEvent> + 'a>;
    fn into_iter(self) -> Self::IntoIter {
        Box::new(self.iter())
    }
}

impl Drop for Events {
    fn drop(&mut self) {
        let mut state = self.0.lock();
        state.unwanted = true;
        state.events.clear();
        state.bytes = 0;
        drop(state);
        self.0.waker.wake();
    }
}

impl fmt::Debug for Events {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Events")
    }
}

/// Called after each event that was put into the queue.
pub(crate) type OnEvent = Box<dyn Fn() + Send + Sync>;

pub(crate) struct EventQueue {
    state: Mutex<State>,
    arrived: Condvar,
    waker: Waker,
    on_event: Option<OnEvent>,
    limit: usize,
}

#[derive(Default)]
struct State {
    events: VecDeque<ClientEvent>,
    bytes: usize,
    unwanted: bool,
    closed: bool,
}

impl EventQueue {
    pub(crate) fn new(limit: usize, waker: Waker, on_event: Option<OnEvent>) -> Arc<Self> {
        Arc::new(Self { state: Mutex::default(), arrived: Condvar::new(), waker, on_event, limit })
    }

    /// Puts an event in. It always finds room: whoever reads the socket looks at [`EventQueue::load`] first.
    pub(crate) fn put(&self, event: ClientEvent) {
        let mut state = self.lock();
        if state.unwanted || state.closed {
            return;
        }
        if !state.replaces_last(&event) {
            state.bytes += event.cost();
            state.events.push_back(event);
        }
        drop(state);
        self.arrived.notify_one();
        self.call_back();
    }

    pub(crate) fn load(&self) -> Load {
        match self.lock().bytes {
            bytes if bytes < self.limit => Load::Fine,
            bytes if bytes < self.limit * OVERDRAFT => Load::Full,
            _ => Load::Overdrawn,
        }
    }

    pub(crate) fn close(&self) {
        self.lock().closed = true;
        self.arrived.notify_all();
        self.call_back();
    }

    fn take(&self, limit: Option<Duration>) -> Result<ClientEvent, TryRecvError> {
        let until = limit.map(|limit| Instant::now() + limit);
        let mut state = self.lock();
        loop {
            if let Some(event) = state.events.pop_front() {
                let was_full = state.bytes >= self.limit;
                state.bytes -= event.cost();
                if was_full && state.bytes < self.limit {
                    self.waker.wake();
                }
                return Ok(event);
            }
            if state.closed {
                return Err(TryRecvError::Disconnected);
            }
            let left = until.map(|until| until.saturating_duration_since(Instant::now()));
            state = match left {
                None => self.arrived.wait(state).unwrap_or_else(PoisonError::into_inner),
                Some(Duration::ZERO) => return Err(TryRecvError::Empty),
                Some(left) => {
                    self.arrived.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0
                }
            };
        }
    }

    fn call_back(&self) {
        if let Some(on_event) = &self.on_event {
            on_event();
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing that holds this lock can leave the queue half changed.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How far above its limit the queue may go while the app waits for an answer: the answer comes behind what the
/// daemon has sent already, so something has to give way, but not without end.
const OVERDRAFT: usize = 16;

/// How full the queue is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Load {
    /// Read on.
    Fine,
    /// Read on only if the app waits for an answer.
    Full,
    /// Do not read.
    Overdrawn,
}

impl State {
    /// A newer progress report makes an unread older one needless: a fast publisher would fill its queue with them.
    fn replaces_last(&mut self, event: &ClientEvent) -> bool {
        let session = |event: &ClientEvent| match event {
            ClientEvent::Event(Event::Progress { session, .. }) => Some(*session),
            _ => None,
        };
        let Some(last) = self.events.back_mut() else { return false };
        let same = session(event).is_some() && session(event) == session(last);
        if same {
            last.clone_from(event);
        }
        same
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::waker::waker;
    use chalktalk_ipc::request::Topic;

    fn queue(limit: usize) -> (Arc<EventQueue>, Events) {
        let queue = EventQueue::new(limit, waker().unwrap().0, None);
        (queue.clone(), Events(queue))
    }

    fn changed() -> ClientEvent {
        ClientEvent::Event(Event::Changed { topic: Topic::Who })
    }

    fn progress(session: u8, appended: u64) -> ClientEvent {
        let session = SessionId([session; 16]);
        ClientEvent::Event(Event::Progress { session, appended, stored: 0, held_by: vec![], delivered: 0 })
    }

    #[test]
    fn it_fills_by_bytes_and_empties_again() {
        let (queue, events) = queue(10 * EVENT_COST);
        (0..10).for_each(|_| queue.put(changed()));
        assert_eq!(queue.load(), Load::Full);
        (0..150).for_each(|_| queue.put(changed()));
        assert_eq!(queue.load(), Load::Overdrawn);
        (0..151).for_each(|_| drop(events.try_recv().unwrap()));
        assert_eq!(queue.load(), Load::Fine);
    }

    #[test]
    fn progress_reports_do_not_pile_up() {
        let (queue, events) = queue(1);
        (1..=1000).for_each(|n| queue.put(progress(1, n)));
        queue.put(progress(2, 7));
        let seen: Vec<_> = std::iter::from_fn(|| events.try_recv().ok()).collect();
        let numbers = seen.iter().map(|event| match event {
            ClientEvent::Event(Event::Progress { appended, .. }) => *appended,
            other => panic!("{other:?}"),
        });
        assert_eq!(numbers.collect::<Vec<_>>(), [1000, 7]);
    }

    #[test]
    fn a_closed_queue_gives_out_what_it_has_and_ends() {
        let (queue, events) = queue(1);
        queue.put(changed());
        queue.close();
        assert!(events.recv().is_ok());
        assert!(events.recv().is_err());
        assert_eq!(events.try_recv().unwrap_err(), TryRecvError::Disconnected);
    }

    #[test]
    fn nobody_listening_takes_no_memory() {
        let (queue, events) = queue(1);
        drop(events);
        (0..100).for_each(|_| queue.put(changed()));
        assert_eq!(queue.load(), Load::Fine);
    }
}
