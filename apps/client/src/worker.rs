//! The thread that owns the connection: reads it, writes what callers could not write at once, makes it again.
//!
//! Invariant: it sleeps in one place, and is woken there by the socket, by a caller, or by the one timer (acknowledgements).

use crate::{
    error::ClientError,
    events::ClientEvent,
    link::{Dialer, Link},
    shared::{Broken, Phase, Shared},
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
    sync::Arc,
    time::{Duration, Instant},
};

/// The first wait before a connection is tried again: a daemon that restarts is back within it.
const BACKOFF_MIN: Duration = Duration::from_millis(50);

/// The longest: what a person may have to wait after they have started the daemon.
const BACKOFF_MAX: Duration = Duration::from_secs(1);

/// A connection that has lasted so long was a good one: waiting starts from the beginning when it breaks.
const GOOD: Duration = Duration::from_secs(2);

/// How long a client that is being closed writes what is left.
pub(crate) const CLOSE_LIMIT: Duration = Duration::from_secs(1);

/// Bytes read at once: more would have to be cleared and copied without saving many calls.
const READ: usize = 64 * 1024;

pub(crate) struct Worker {
    shared: Arc<Shared>,
    dialer: Dialer,
    woken: Woken,
    backoff: Duration,
    /// Why there is no connection, as the app was told last.
    told: String,
    /// Set when the app has said that it is done.
    close_by: Option<Instant>,
}

impl Worker {
    pub(crate) fn new(shared: Arc<Shared>, dialer: Dialer, woken: Woken) -> Self {
        Self { shared, dialer, woken, backoff: BACKOFF_MIN, told: String::new(), close_by: None }
    }

    /// Serves one connection after another until the app closes the client.
    pub(crate) fn run(mut self, first: Link) {
        self.shared.become_worker();
        let mut link = Some(first);
        while let Some(next) = link.take() {
            let since = Instant::now();
            self.dialer.go_on_as(next.instance);
            let end = self.serve(next);
            self.disconnect(end);
            if since.elapsed() >= GOOD {
                self.backoff = BACKOFF_MIN;
            }
            link = self.reconnect();
        }
    }

    /// Serves a connection until it breaks, or (`Ok`) until the client has been closed.
    fn serve(&mut self, mut link: Link) -> Result<(), Broken> {
        let stream = link.stream.clone();
        let told = self.shared.lock().on_connected(&mut link);
        self.shared.notify();
        told.into_iter().for_each(|event| self.shared.queue.put(event));
        let mut received = link.received;
        let mut arrived = Arrived::new();
        self.take_frames(&mut received)?;
        loop {
            let Some(wanted) = self.write()? else { return Ok(()) };
            if self
                .sleep(Some((&stream, wanted)))?
                .intersects(PollFlags::IN | PollFlags::HUP | PollFlags::ERR)
            {
                read(&stream, &mut received, &mut arrived)?;
                self.shared.lock().arrived.append(&mut arrived);
                self.take_frames(&mut received)?;
                received.shrink();
            }
        }
    }

    /// Writes, and says what to wait for at the socket. `None`: all is done and the client closed.
    fn write(&mut self) -> Result<Option<PollFlags>, Broken> {
        let mut state = self.shared.lock();
        if state.phase == Phase::Closing {
            self.close_by.get_or_insert_with(|| Instant::now() + CLOSE_LIMIT);
            state.hurry_acks();
        }
        let had_room = state.has_room();
        state.fill_outbox();
        let had_bytes = !state.outbox.is_empty();
        let done = state.write().map_err(|e| Broken(format!("the daemon closed the connection ({e})")))?;
        let mut wanted = PollFlags::empty();
        wanted.set(PollFlags::OUT, !done);
        wanted.set(PollFlags::IN, state.may_read(self.shared.queue.load()));
        let finished = self.close_by.is_some_and(|by| state.all_written() || Instant::now() >= by);
        let notify = had_bytes && done || !had_room && state.has_room();
        drop(state);
        if notify {
            self.shared.notify();
        }
        Ok((!finished).then_some(wanted))
    }

    /// Waits for what is wanted of the socket, a caller, or the time.
    fn sleep(&mut self, socket: Option<(&Stream, PollFlags)>) -> Result<PollFlags, Broken> {
        let until = match self.close_by {
            Some(by) => Some(by),
            None => self.shared.lock().acks_due().filter(|_| socket.is_some()),
        };
        self.sleep_until(socket, until)
    }

    fn sleep_until(
        &mut self,
        socket: Option<(&Stream, PollFlags)>,
        until: Option<Instant>,
    ) -> Result<PollFlags, Broken> {
        let left = until.map(|until| until.saturating_duration_since(Instant::now()));
        let left = left
            .map(|left| Timespec { tv_sec: left.as_secs() as i64, tv_nsec: i64::from(left.subsec_nanos()) });
        // A socket that nothing is wanted of is left out: its end would wake us again and again.
        let socket = socket.filter(|(_, wanted)| !wanted.is_empty());
        let mut fds = Vec::with_capacity(2);
        fds.push(PollFd::from_borrowed_fd(self.woken.as_fd(), PollFlags::IN));
        fds.extend(
            socket.map(|(stream, wanted)| PollFd::from_borrowed_fd(socket::descriptor(stream), wanted)),
        );
        match poll(&mut fds, left.as_ref()) {
            Ok(_) => {}
            Err(rustix::io::Errno::INTR) => return Ok(PollFlags::empty()),
            Err(e) => return Err(Broken(format!("waiting for the daemon failed: {e}"))),
        }
        let called = fds[0].revents().contains(PollFlags::IN);
        let ready = fds.get(1).map_or(PollFlags::empty(), PollFd::revents);
        drop(fds);
        if called {
            self.woken.clear();
        }
        Ok(ready)
    }

    /// Takes in every whole frame that has arrived.
    fn take_frames(&mut self, received: &mut FrameBuf) -> Result<(), Broken> {
        let mut told = Vec::new();
        let mut state = self.shared.lock();
        let end = loop {
            match received.next_frame().map_err(Broken::from) {
                Ok(None) => break Ok(()),
                Ok(Some(frame)) => match state.on_frame(frame) {
                    Ok(event) => told.extend(event),
                    Err(broken) => break Err(broken),
                },
                Err(broken) => break Err(broken),
            }
        };
        if end.is_ok() {
            told.extend(state.announce());
        }
        drop(state);
        self.shared.notify();
        told.into_iter().for_each(|event| self.shared.queue.put(event));
        end
    }

    fn disconnect(&mut self, end: Result<(), Broken>) {
        self.shared.lock().on_disconnected();
        self.shared.notify();
        if let Err(Broken(reason)) = end {
            self.told.clear();
            self.explain(reason);
        }
    }

    /// Tells the app why there is no connection: each reason once.
    fn explain(&mut self, reason: String) {
        if self.told != reason {
            self.told.clone_from(&reason);
            self.shared.queue.put(ClientEvent::Disconnected { reason });
        }
    }

    /// Tries until there is a connection again; `None` once the client has been closed.
    fn reconnect(&mut self) -> Option<Link> {
        loop {
            let until = Instant::now() + self.backoff;
            self.backoff = (self.backoff * 2).min(BACKOFF_MAX);
            while Instant::now() < until {
                if self.shared.lock().phase == Phase::Closing {
                    return None;
                }
                self.sleep_until(None, Some(until)).ok()?;
            }
            match self.dialer.dial() {
                Ok(link) => return Some(link),
                // That it is not there yet was said when it went.
                Err(ClientError::NoDaemon { .. }) => {}
                Err(e) => self.explain(e.to_string()),
            }
        }
    }
}

/// However the thread ends: nobody may wait for it any longer.
impl Drop for Worker {
    fn drop(&mut self) {
        self.shared.lock().phase = Phase::Closed;
        self.shared.notify();
        self.shared.queue.close();
    }
}

fn read(stream: &Stream, received: &mut FrameBuf, arrived: &mut Arrived) -> Result<(), Broken> {
    let spare = received.spare(READ);
    match descriptors::receive(socket::descriptor(stream), spare, arrived) {
        Ok(0) => Err(Broken("the daemon closed the connection".into())),
        Ok(n) => {
            received.filled(n);
            Ok(())
        }
        Err(e) if matches!(e.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => Ok(()),
        Err(e) => Err(Broken(format!("the connection to the daemon broke: {e}"))),
    }
}
