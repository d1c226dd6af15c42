//! The library's own thread: makes the connection again when it breaks, and serves it while nobody else does.
//!
//! Invariant: it is awake only while it serves or connects, and for a moment after others have served.

use crate::{
    error::ClientError,
    events::ClientEvent,
    link::{Dialer, Link},
    shared::{Broken, Phase, Shared},
    waker::Woken,
};
use std::{
    sync::{Arc, PoisonError},
    time::{Duration, Instant},
};

/// The first wait before a connection is tried again: a daemon that restarts is back within it.
const BACKOFF_MIN: Duration = Duration::from_millis(50);

/// The longest: what a person may have to wait after they have started the daemon.
const BACKOFF_MAX: Duration = Duration::from_secs(1);

/// A connection that has lasted so long was a good one: waiting starts from the beginning when it breaks.
const GOOD: Duration = Duration::from_secs(2);

pub(crate) struct Worker {
    shared: Arc<Shared>,
    dialer: Dialer,
    backoff: Duration,
    /// Why there is no connection, as the app was told last.
    told: String,
}

impl Worker {
    pub(crate) fn new(shared: Arc<Shared>, dialer: Dialer) -> Self {
        Self { shared, dialer, backoff: BACKOFF_MIN, told: String::new() }
    }

    /// Serves one connection after another until the app closes the client.
    pub(crate) fn run(mut self, first: Link, mut woken: Woken) {
        self.shared.become_worker();
        let mut link = Some(first);
        while let Some(next) = link.take() {
            let since = Instant::now();
            self.dialer.go_on_as(next.instance);
            let end;
            (woken, end) = self.shared.serve_to_the_end(next, woken);
            self.disconnect(end);
            if since.elapsed() >= GOOD {
                self.backoff = BACKOFF_MIN;
            }
            link = self.reconnect();
        }
    }

    fn disconnect(&mut self, end: Result<(), Broken>) {
        let mut state = self.shared.lock();
        state.on_disconnected();
        self.shared.notify(&state);
        drop(state);
        if let Err(Broken(reason)) = end {
            self.told.clear();
            self.explain(reason);
        }
    }

    /// Tells the app why there is no connection: each reason once.
    fn explain(&mut self, reason: String) {
        if self.told != reason {
            self.told.clone_from(&reason);
            self.shared.tell(ClientEvent::Disconnected { reason });
        }
    }

    /// Tries until there is a connection again; `None` once the client has been closed.
    fn reconnect(&mut self) -> Option<Link> {
        loop {
            let until = Instant::now() + self.backoff;
            self.backoff = (self.backoff * 2).min(BACKOFF_MAX);
            if !self.pause(until) {
                return None;
            }
            match self.dialer.dial() {
                Ok(link) => return Some(link),
                // That it is not there yet was said when it went.
                Err(ClientError::NoDaemon { .. }) => {}
                Err(e) => self.explain(e.to_string()),
            }
        }
    }

    /// False: the client has been closed meanwhile.
    fn pause(&self, until: Instant) -> bool {
        let mut state = self.shared.lock();
        while state.phase != Phase::Closing {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return true;
            }
            state = self.shared.standby.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        false
    }
}

/// However the thread ends: nobody may wait for it any longer.
impl Drop for Worker {
    fn drop(&mut self) {
        let mut state = self.shared.lock();
        state.phase = Phase::Closed;
        state.queue.close();
        self.shared.notify(&state);
        drop(self.shared.call_back(state));
    }
}
