//! What the daemon tells the app, in a queue that is bounded by bytes.
//!
//! Invariant: when the queue is full the socket is not read. The messages wait in the daemon's log then, not in this
//! process's memory.

use crate::{
    message::Batch,
    shared::{Phase, Shared},
};
use chalktalk_ipc::{Event, Refusal, SessionId};
use std::{
    collections::VecDeque,
    fmt,
    ops::RangeInclusive,
    sync::{
        Arc,
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
pub struct Events(pub(crate) Arc<Shared>);

impl Events {
    /// Waits for the next event.
    ///
    /// # Errors
    /// The client has been closed, and everything before that was received.
    pub fn recv(&self) -> Result<ClientEvent, RecvError> {
        self.take(None).map_err(|_| RecvError)
    }

    /// Waits for the next event, but not for ever.
    ///
    /// # Errors
    /// Nothing came in time, or the client has been closed.
    pub fn recv_timeout(&self, limit: Duration) -> Result<ClientEvent, RecvTimeoutError> {
        self.take(Some(limit)).map_err(|e| match e {
            TryRecvError::Empty => RecvTimeoutError::Timeout,
            TryRecvError::Disconnected => RecvTimeoutError::Disconnected,
        })
    }

    /// The next event if there is one.
    ///
    /// # Errors
    /// There is none now, or the client has been closed.
    pub fn try_recv(&self) -> Result<ClientEvent, TryRecvError> {
        self.take(Some(Duration::ZERO))
    }

    /// Waits for one event after another until the client is closed.
    pub fn iter(&self) -> impl Iterator<Item = ClientEvent> + '_ {
        std::iter::from_fn(|| self.recv().ok())
    }

    fn take(&self, limit: Option<Duration>) -> Result<ClientEvent, TryRecvError> {
        let until = limit.map(|limit| Instant::now() + limit);
        let (state, event) = self.0.wait(self.0.lock(), until, |state| state.queue.take());
        let closed = state.phase == Phase::Closed;
        let Some((event, relieved)) = event else {
            return Err(if closed { TryRecvError::Disconnected } else { TryRecvError::Empty });
        };
        if relieved {
            self.0.wake_if_served(&state);
        }
        Ok(event)
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
        state.queue.forget();
        self.0.wake_if_served(&state);
    }
}

impl fmt::Debug for Events {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Events")
    }
}

/// Called after each event that was put into the queue.
pub(crate) type OnEvent = Box<dyn Fn() + Send + Sync>;

/// Events that wait for the app.
#[derive(Debug)]
pub(crate) struct Queue {
    events: VecDeque<ClientEvent>,
    bytes: usize,
    limit: usize,
    /// So many were put in since this was last asked.
    fresh: usize,
    closed: bool,
}

impl Queue {
    pub(crate) fn new(limit: usize) -> Self {
        Self { events: VecDeque::new(), bytes: 0, limit, fresh: 0, closed: false }
    }

    /// Puts an event in. It always finds room: whoever reads the socket looks at [`Queue::load`] first.
    pub(crate) fn put(&mut self, event: ClientEvent) {
        if self.closed {
            return;
        }
        self.fresh += 1;
        if !self.replaces_last(&event) {
            self.bytes += event.cost();
            self.events.push_back(event);
        }
    }

    /// The next event, and whether it was its leaving that made room for more.
    pub(crate) fn take(&mut self) -> Option<(ClientEvent, bool)> {
        let event = self.events.pop_front()?;
        let was_full = self.bytes >= self.limit;
        self.bytes -= event.cost();
        Some((event, was_full && self.bytes < self.limit))
    }

    pub(crate) fn load(&self) -> Load {
        match self.bytes {
            bytes if bytes < self.limit => Load::Fine,
            bytes if bytes < self.limit * OVERDRAFT => Load::Full,
            _ => Load::Overdrawn,
        }
    }

    /// Takes no more events.
    pub(crate) fn close(&mut self) {
        self.closed = true;
        self.fresh += 1;
    }

    /// Nobody will take what is in it.
    pub(crate) fn forget(&mut self) {
        *self = Self { closed: true, ..Self::new(self.limit) };
    }

    /// How often the app is to be called.
    pub(crate) fn take_fresh(&mut self) -> usize {
        std::mem::take(&mut self.fresh)
    }

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

#[cfg(test)]
mod tests {
    use super::*;
    use chalktalk_ipc::request::Topic;

    fn changed() -> ClientEvent {
        ClientEvent::Event(Event::Changed { topic: Topic::Who })
    }

    fn progress(session: u8, appended: u64) -> ClientEvent {
        let session = SessionId([session; 16]);
        ClientEvent::Event(Event::Progress { session, appended, stored: 0, held_by: vec![], delivered: 0 })
    }

    #[test]
    fn it_fills_by_bytes_and_empties_again() {
        let mut queue = Queue::new(10 * EVENT_COST);
        (0..10).for_each(|_| queue.put(changed()));
        assert_eq!(queue.load(), Load::Full);
        (0..150).for_each(|_| queue.put(changed()));
        assert_eq!(queue.load(), Load::Overdrawn);
        let relieved = (0..151).filter(|_| queue.take().unwrap().1).count();
        assert_eq!((queue.load(), relieved), (Load::Fine, 1));
    }

    #[test]
    fn progress_reports_do_not_pile_up() {
        let mut queue = Queue::new(1);
        (1..=1000).for_each(|n| queue.put(progress(1, n)));
        queue.put(progress(2, 7));
        let seen: Vec<_> = std::iter::from_fn(|| queue.take()).collect();
        let numbers = seen.iter().map(|(event, _)| match event {
            ClientEvent::Event(Event::Progress { appended, .. }) => *appended,
            other => panic!("{other:?}"),
        });
        assert_eq!(numbers.collect::<Vec<_>>(), [1000, 7]);
        assert_eq!(queue.take_fresh(), 1001, "the app is told of each");
    }

    #[test]
    fn nobody_listening_takes_no_memory() {
        let mut queue = Queue::new(1);
        queue.put(changed());
        queue.forget();
        (0..100).for_each(|_| queue.put(changed()));
        assert_eq!((queue.load(), queue.take_fresh()), (Load::Fine, 0));
    }

    #[test]
    fn a_closed_queue_takes_nothing_and_gives_out_what_it_has() {
        let mut queue = Queue::new(1);
        queue.put(changed());
        queue.close();
        (0..100).for_each(|_| queue.put(changed()));
        assert!(queue.take().is_some() && queue.take().is_none());
        assert_eq!(queue.load(), Load::Fine);
    }
}
