//! Signals in the poll: the operator wants an end, or a child has one.
//!
//! Invariant: a signal is never acted on in the handler; it only makes a socket readable.

use mio::{Interest, Registry, Token, net::UnixStream};
use signal_hook::{
    consts::{SIGCHLD, SIGHUP, SIGINT, SIGTERM},
    flag,
    low_level::pipe,
};
use std::{
    io::{self, Read},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

/// What has been signalled since it was last asked for.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Signalled {
    /// Somebody wants the daemon to end.
    pub end: bool,
    /// A child has ended.
    pub child: bool,
    /// The configuration is to be read again.
    pub reload: bool,
}

/// The daemon's ear for signals.
#[derive(Debug)]
pub struct Signals {
    end: Arc<AtomicBool>,
    child: Arc<AtomicBool>,
    reload: Arc<AtomicBool>,
    woken: UnixStream,
}

impl Signals {
    /// Listens from now on.
    pub fn listen(registry: &Registry, token: Token) -> io::Result<Self> {
        let [end, child, reload] = [(); 3].map(|()| Arc::<AtomicBool>::default());
        let (mut woken, waker) = UnixStream::pair()?;
        let waker = std::os::unix::net::UnixStream::from(std::os::fd::OwnedFd::from(waker));
        for (signal, seen) in [(SIGTERM, &end), (SIGINT, &end), (SIGCHLD, &child), (SIGHUP, &reload)] {
            // The flag is registered first: it is set before the socket wakes the loop.
            flag::register(signal, seen.clone())?;
            pipe::register(signal, waker.try_clone()?)?;
        }
        registry.register(&mut woken, token, Interest::READABLE)?;
        Ok(Self { end, child, reload, woken })
    }

    /// What has been signalled since the last call.
    pub fn take(&mut self) -> Signalled {
        let mut bytes = [0; 64];
        while self.woken.read(&mut bytes).is_ok_and(|n| n > 0) {}
        let taken = |flag: &AtomicBool| flag.swap(false, Ordering::SeqCst);
        Signalled { end: taken(&self.end), child: taken(&self.child), reload: taken(&self.reload) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use mio::{Events, Poll};
    use std::time::Duration;

    #[test]
    fn a_child_that_ends_wakes_the_poll() {
        let mut poll = Poll::new().unwrap();
        let mut signals = Signals::listen(poll.registry(), Token(1)).unwrap();
        let mut child = std::process::Command::new("/bin/true").spawn().unwrap();
        let mut events = Events::with_capacity(4);
        // The signal may interrupt the wait itself.
        while poll.poll(&mut events, Some(Duration::from_secs(10))).is_err() {}
        assert_eq!(events.iter().count(), 1);
        let seen = signals.take();
        assert!(seen.child && !seen.end);
        child.wait().unwrap();
    }
}
