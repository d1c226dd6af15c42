//! Who serves the connection: whoever waits for something that the daemon has to send, and when nobody has done so for
//! a moment, the library's own thread.
//!
//! So what arrives is read by the very thread that waits for it, with no switch between threads in between. An app with a
//! loop of its own (`on_event`) is told by the library's thread, which serves alone then.
//!
//! Invariant: at most one thread holds the [`Connection`], and only the library's thread ends it or makes a new one.

use crate::{
    client::CLOSE_LIMIT,
    link::Link,
    shared::{Broken, Phase, Shared, State},
    waker::Woken,
};
use chalktalk_ipc::{
    FrameBuf,
    descriptors::{self, Arrived},
    socket,
};
use interprocess::local_socket::Stream;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use std::{
    io::ErrorKind,
    os::fd::AsFd,
    sync::{Arc, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

/// So long nobody needs to serve: an app that handles an event comes back for the next one meanwhile.
const MOMENT: Duration = Duration::from_millis(10);

/// Bytes read at once: more would have to be cleared and copied without saving many calls.
const READ: usize = 64 * 1024;

type Guard<'a> = MutexGuard<'a, State>;

/// The reading end of the connection.
pub(crate) struct Connection {
    stream: Arc<Stream>,
    received: FrameBuf,
    /// Descriptors that came along.
    arrived: Arrived,
    woken: Woken,
}

/// Who serves.
#[derive(Default)]
pub(crate) struct Service {
    /// Here while nobody does.
    free: Option<Box<Connection>>,
    /// The library's thread does.
    by_worker: bool,
    /// A caller asks it to give way.
    wanted: bool,
    /// It is to take over without waiting for a moment.
    summoned: bool,
    /// It sleeps until somebody stops serving.
    asleep: bool,
    /// How often callers have begun to.
    begun: u64,
    /// Callers that wait while somebody else does.
    resting: usize,
    /// What a caller found out.
    broken: Option<Broken>,
}

impl Connection {
    pub(crate) fn new(link: Link, woken: Woken) -> Box<Self> {
        Box::new(Self { stream: link.stream, received: link.received, arrived: Arrived::new(), woken })
    }

    /// The connection has ended.
    pub(crate) fn end(self) -> Woken {
        self.woken
    }

    /// Waits for what is wanted of the socket, a caller, or the time, and reads what has arrived. True: something.
    fn receive(&mut self, wanted: PollFlags, until: Option<Instant>) -> Result<bool, Broken> {
        let ready = self.sleep(wanted, until)?;
        if !ready.intersects(PollFlags::IN | PollFlags::HUP | PollFlags::ERR) {
            return Ok(false);
        }
        let socket = socket::descriptor(&self.stream);
        match descriptors::receive(socket, self.received.spare(READ), &mut self.arrived) {
            Ok(0) => Err(Broken("the daemon closed the connection".into())),
            Ok(n) => {
                self.received.filled(n);
                Ok(true)
            }
            Err(e) if matches!(e.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => Ok(false),
            Err(e) => Err(Broken(format!("the connection to the daemon broke: {e}"))),
        }
    }

    fn sleep(&mut self, wanted: PollFlags, until: Option<Instant>) -> Result<PollFlags, Broken> {
        let left = until.map(|until| until.saturating_duration_since(Instant::now()));
        let left = left
            .map(|left| Timespec { tv_sec: left.as_secs() as i64, tv_nsec: i64::from(left.subsec_nanos()) });
        let mut fds = [
            PollFd::from_borrowed_fd(self.woken.as_fd(), PollFlags::IN),
            PollFd::from_borrowed_fd(socket::descriptor(&self.stream), wanted),
        ];
        // A socket that nothing is wanted of is left out: its end would wake us again and again.
        let watched = if wanted.is_empty() { &mut fds[..1] } else { &mut fds[..] };
        match poll(watched, left.as_ref()) {
            Ok(_) => {}
            Err(rustix::io::Errno::INTR) => return Ok(PollFlags::empty()),
            Err(e) => return Err(Broken(format!("waiting for the daemon failed: {e}"))),
        }
        let [called, ready] = fds.map(|fd| fd.revents());
        if called.contains(PollFlags::IN) {
            self.woken.clear();
        }
        Ok(ready)
    }
}

impl Shared {
    /// Waits until `ready` gives something, `until` has passed (`None` is given then), or the client is closed; serves the
    /// connection meanwhile, if nobody else does.
    pub(crate) fn wait<'a, T>(
        &'a self,
        mut state: Guard<'a>,
        until: Option<Instant>,
        mut ready: impl FnMut(&mut State) -> Option<T>,
    ) -> (Guard<'a>, Option<T>) {
        let mut result = ready(&mut state);
        state.waiting += 1;
        let mut mine = None;
        while result.is_none() && state.phase != Phase::Closed && until.is_none_or(|at| at > Instant::now()) {
            mine = match mine.take().or_else(|| self.begin(&mut state)) {
                Some(connection) if self.may_serve(&state) => Some(connection),
                Some(connection) => {
                    self.give_back(&mut state, connection);
                    None
                }
                None => None,
            };
            state = match &mut mine {
                None => self.rest(state, until),
                Some(connection) => self.serve(state, connection, until, |state| {
                    result = ready(state);
                    result.is_some()
                }),
            };
            if result.is_none() {
                result = ready(&mut state);
            }
        }
        if let Some(connection) = mine {
            self.give_back(&mut state, connection);
        }
        state.waiting -= 1;
        (state, result)
    }

    /// One round of a caller's service: writes, and if that is not all (`done`) waits and reads.
    fn serve<'a>(
        &'a self,
        mut state: Guard<'a>,
        connection: &mut Connection,
        until: Option<Instant>,
        done: impl FnOnce(&mut State) -> bool,
    ) -> Guard<'a> {
        let outcome = match self.write(&mut state) {
            Ok(_) if done(&mut state) => Ok(()),
            Ok(wanted) => {
                let (after, outcome) = self.listen(state, connection, wanted, until);
                state = after;
                outcome
            }
            Err(broken) => Err(broken),
        };
        if let Err(broken) = outcome {
            state.service.broken = Some(broken);
        }
        state
    }

    /// Writes what the socket takes, and says what to wait for at the socket.
    pub(crate) fn write(&self, state: &mut State) -> Result<PollFlags, Broken> {
        if state.phase == Phase::Closing {
            state.hurry_acks();
        }
        let had_room = state.has_room();
        state.fill_outbox();
        let had_bytes = !state.outbox.is_empty();
        let done = !had_bytes
            || state.write().map_err(|e| Broken(format!("the daemon closed the connection ({e})")))?;
        let mut wanted = PollFlags::empty();
        wanted.set(PollFlags::OUT, !done);
        wanted.set(PollFlags::IN, state.may_read());
        if had_bytes && done || !had_room && state.has_room() {
            self.notify(state);
        }
        Ok(wanted)
    }

    /// Waits for the daemon, a caller or the time, and takes in what has arrived.
    pub(crate) fn listen<'a>(
        &'a self,
        state: Guard<'a>,
        connection: &mut Connection,
        wanted: PollFlags,
        until: Option<Instant>,
    ) -> (Guard<'a>, Result<(), Broken>) {
        let until = until.into_iter().chain(state.acks_due()).min();
        drop(state);
        let arrived = connection.receive(wanted, until);
        let state = self.lock();
        match arrived {
            Ok(true) => self.take_frames(state, connection),
            Ok(false) => (state, Ok(())),
            Err(broken) => (state, Err(broken)),
        }
    }

    /// Takes in every whole frame that has arrived.
    pub(crate) fn take_frames<'a>(
        &'a self,
        mut state: Guard<'a>,
        connection: &mut Connection,
    ) -> (Guard<'a>, Result<(), Broken>) {
        state.arrived.append(&mut connection.arrived);
        let end = loop {
            match connection.received.next_frame().map_err(Broken::from) {
                Ok(None) => break Ok(()),
                Ok(Some(frame)) => match state.on_frame(frame) {
                    Ok(event) => event.into_iter().for_each(|event| state.queue.put(event)),
                    Err(broken) => break Err(broken),
                },
                Err(broken) => break Err(broken),
            }
        };
        connection.received.shrink();
        if end.is_ok() {
            state.announce();
        }
        self.notify(&state);
        (self.call_back(state), end)
    }

    /// Tells those who wait that something has changed.
    pub(crate) fn notify(&self, state: &State) {
        if state.service.resting > 0 {
            self.changed.notify_all();
        }
    }

    /// Whoever serves is to look again.
    pub(crate) fn wake(&self, state: &mut State) {
        if state.service.free.is_some() {
            state.service.summoned = true;
            self.standby.notify_one();
        } else {
            self.waker.wake();
        }
    }

    /// Whoever serves now is to look again; who begins to serve does so anyway.
    pub(crate) fn wake_if_served(&self, state: &State) {
        if state.service.free.is_none() {
            self.waker.wake();
        }
    }

    fn may_serve(&self, state: &State) -> bool {
        state.phase == Phase::Connected && state.service.broken.is_none() && !self.has_loop()
    }

    fn begin(&self, state: &mut State) -> Option<Box<Connection>> {
        if !self.may_serve(state) {
            return None;
        }
        let connection = state.service.free.take()?;
        state.service.begun += 1;
        state.service.summoned = false;
        Some(connection)
    }

    /// A caller has what it waited for.
    fn give_back(&self, state: &mut State, connection: Box<Connection>) {
        let service = &mut state.service;
        service.free = Some(connection);
        service.summoned |= !state.outbox.is_empty();
        if service.asleep || service.summoned || service.broken.is_some() {
            self.standby.notify_one();
        }
        self.notify(state);
    }

    /// The library's thread gives way to a caller. It comes back when nobody has served for a moment, when it is summoned,
    /// and to end the connection.
    fn give_way<'a>(
        &'a self,
        mut state: Guard<'a>,
        connection: Box<Connection>,
    ) -> (Guard<'a>, Box<Connection>) {
        state.service.free = Some(connection);
        state.service.by_worker = false;
        self.notify(&state);
        loop {
            let begun = state.service.begun;
            if !state.service.summoned && self.may_serve(&state) {
                let slept = self.standby.wait_timeout(state, MOMENT);
                state = slept.unwrap_or_else(PoisonError::into_inner).0;
            }
            let goes_on = state.service.begun == begun || state.service.summoned || !self.may_serve(&state);
            if let Some(connection) = state.service.free.take_if(|_| goes_on) {
                (state.service.by_worker, state.service.summoned) = (true, false);
                return (state, connection);
            }
            // Somebody has served all the while, or must first notice that they are to stop.
            while goes_on && state.service.free.is_none() {
                state.service.asleep = true;
                state = self.standby.wait(state).unwrap_or_else(PoisonError::into_inner);
            }
            state.service.asleep = false;
        }
    }

    /// The library's thread serves a connection until it breaks, or (`Ok`) until the client has been closed.
    pub(crate) fn serve_to_the_end(&self, mut link: Link, woken: Woken) -> (Woken, Result<(), Broken>) {
        let mut close_by = None;
        let mut state = self.lock();
        state.on_connected(&mut link);
        (state.service.by_worker, state.service.broken) = (true, None);
        let mut connection = Connection::new(link, woken);
        let (mut state, mut outcome) = self.take_frames(state, &mut connection);
        while outcome.is_ok() {
            if state.phase == Phase::Closing {
                close_by.get_or_insert_with(|| Instant::now() + CLOSE_LIMIT);
            }
            let wanted = match self.write(&mut state) {
                Ok(wanted) => wanted,
                Err(broken) => return (connection.end(), Err(broken)),
            };
            if close_by.is_some_and(|by| state.all_written() || Instant::now() >= by) {
                break;
            }
            (state, outcome) = self.listen(state, &mut connection, wanted, close_by);
            if std::mem::take(&mut state.service.wanted) && outcome.is_ok() && self.may_serve(&state) {
                (state, connection) = self.give_way(state, connection);
                outcome = state.service.broken.take().map_or(Ok(()), Err);
            }
        }
        (connection.end(), outcome)
    }

    /// Waits while somebody else serves. The library's thread gives way to whoever waits.
    fn rest<'a>(&'a self, mut state: Guard<'a>, until: Option<Instant>) -> Guard<'a> {
        let gives_way = state.service.by_worker && self.may_serve(&state);
        state.service.wanted |= gives_way;
        if gives_way || !state.may_read() {
            self.waker.wake(); // also where reading was held back: it goes on while somebody waits
        }
        let left =
            until.map_or(Duration::from_secs(3600), |until| until.saturating_duration_since(Instant::now()));
        state.service.resting += 1;
        let mut state = self.changed.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        state.service.resting -= 1;
        state
    }
}
