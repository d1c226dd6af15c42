//! The local socket: programs of this machine, each a connection with bytes in and bytes out.
//!
//! Who speaks is what the kernel says: a uid. What a program may leave unread is bounded; who produces for it asks
//! `Outbox::room` first, and the program is a reader that is behind, not a queue that grows.
//!
//! Invariant: no connection takes more than its share of a turn, or more memory than its bounds.

mod connection;
mod listening;
#[cfg(test)]
mod tests;

pub use connection::{Connection, OUTBOX, STALL, TURN};
pub use listening::{ListenError, go_on_listening, listen, turn_away};

use crate::{identity::is_subordinate, shares::Shares};
use chalktalk_ipc::socket::{NOBODY, descriptor};
use interprocess::local_socket::{Listener, Stream, prelude::*};
use mio::{Interest, Registry, Token, unix::SourceFd};
use std::{
    collections::BTreeMap,
    io,
    os::fd::{AsFd, AsRawFd, RawFd},
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

/// At most this many programs at once on a user's own daemon; a desktop has a dozen.
pub const MAX_CONNECTIONS: usize = 256;
/// At most this many of a user's programs that have not said hello yet.
pub const MAX_STRANGERS: usize = 32;
/// After the system refused a connection (no descriptors left), it is asked again after this time.
const ACCEPT_AGAIN: Duration = Duration::from_millis(100);

/// One connection, for as long as the daemon lives: numbers are not used again.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct ConnectionId(usize);

#[cfg(test)]
impl ConnectionId {
    /// One that no connection has.
    pub(crate) fn of(number: usize) -> Self {
        Self(number)
    }
}

/// Who is at the other end, as the kernel says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Peer {
    /// User.
    pub uid: u32,
    /// Process (0 where the kernel cannot name it).
    pub pid: u32,
}

/// Who may connect.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Admission {
    /// This uid alone: a user's own daemon.
    Only(u32),
    /// Every local user: the system's daemon.
    Everyone,
}

impl Admission {
    fn admits(self, uid: u32) -> bool {
        match self {
            Self::Only(one) => uid == one && uid != NOBODY,
            Self::Everyone => uid != NOBODY && !is_subordinate(uid),
        }
    }
}

/// How much programs may take.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Bounds {
    /// Connections in all.
    pub all: usize,
    /// Connections of one uid.
    pub of_one: usize,
    /// A uid's share of a turn, where several share the daemon.
    pub share: Option<Duration>,
}

impl Bounds {
    /// Of a user's own daemon.
    pub const OWN: Self = Self { all: MAX_CONNECTIONS, of_one: MAX_CONNECTIONS, share: None };
}

/// The socket and everyone connected.
pub struct Local {
    /// What each user has taken of this turn.
    pub shares: Shares,
    listener: Listener,
    path: PathBuf,
    admission: Admission,
    bounds: Bounds,
    registry: Registry,
    connections: BTreeMap<ConnectionId, Connection>,
    next: usize,
    accept_at: Option<Instant>,
    closed: Vec<(ConnectionId, u32)>,
    refused: u64,
}

/// The token of the listener is the first of the local socket's; connections have those behind it.
const LISTENER: usize = 0;

impl Local {
    /// Serves whoever comes to `listener`, which stands at `path` (see [`listen`]).
    /// Tokens from `base` on are used; nothing else may be behind them.
    pub fn serve(
        listener: Listener,
        path: &Path,
        admission: Admission,
        bounds: Bounds,
        registry: &Registry,
        base: usize,
    ) -> io::Result<Self> {
        registry.register(
            &mut SourceFd(&listener_descriptor(&listener)),
            Token(base + LISTENER),
            Interest::READABLE,
        )?;
        Ok(Self {
            shares: Shares::new(bounds.share),
            listener,
            path: path.to_owned(),
            admission,
            bounds,
            registry: registry.try_clone()?,
            connections: BTreeMap::new(),
            next: base + LISTENER + 1,
            accept_at: None,
            closed: Vec::new(),
            refused: 0,
        })
    }

    /// Holds everybody who comes from now on to these bounds.
    pub fn set_bounds(&mut self, bounds: Bounds) {
        self.bounds = bounds;
    }

    /// Where it listens.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// How many programs are connected.
    pub fn len(&self) -> usize {
        self.connections.len()
    }

    /// Whether none is.
    pub fn is_empty(&self) -> bool {
        self.connections.is_empty()
    }

    /// Programs turned away.
    pub fn refused(&self) -> u64 {
        self.refused
    }

    /// Something happened at one of the local socket's tokens.
    pub fn on_event(&mut self, now: Instant, token: Token, readable: bool, ended: bool, base: usize) {
        if token.0 == base + LISTENER {
            self.accept_at = Some(now);
        } else if let Some(connection) = self.connections.get_mut(&ConnectionId(token.0)) {
            connection.on_event(readable, ended);
        }
    }

    /// The connections that have something to say and are listening to the answer.
    pub fn talking(&self) -> Vec<ConnectionId> {
        let talking = self.connections.iter().filter(|(_, c)| c.talks()).map(|(id, _)| *id).collect();
        self.shares.in_turn(talking)
    }

    /// Takes what one connection has sent, at most a chunk, into its `input`. False: nothing (more) in this turn.
    pub fn read(&mut self, id: ConnectionId) -> bool {
        let Some(connection) = self.connections.get_mut(&id) else { return false };
        if !self.shares.has_left(connection.peer.uid) {
            return false;
        }
        match connection.take() {
            Ok(taken) => taken,
            Err(reason) => {
                self.close(id, &reason);
                false
            }
        }
    }

    /// One connection.
    pub fn get(&mut self, id: ConnectionId) -> Option<&mut Connection> {
        self.connections.get_mut(&id)
    }

    /// Every connection.
    pub fn iter(&mut self) -> impl Iterator<Item = (ConnectionId, &mut Connection)> {
        self.connections.iter_mut().map(|(id, connection)| (*id, connection))
    }

    /// Ends a turn: writes what waits, lets go of who does not read, and lets in who has come (now that those who
    /// went have made room). True: somebody was not read to the end.
    pub fn flush(&mut self, now: Instant) -> bool {
        if self.accept_at.is_some_and(|at| at <= now) {
            self.accept(now);
        }
        let mut more = false;
        let mut gone = Vec::new();
        for (id, connection) in &mut self.connections {
            match connection.end_turn(now, &self.registry, *id) {
                Ok(()) => more |= connection.talks() && !self.shares.is_paused(connection.peer.uid),
                Err(reason) => gone.push((*id, reason)),
            }
        }
        self.shares.end_turn();
        gone.iter().for_each(|(id, reason)| self.close(*id, reason));
        more
    }

    /// When [`Local::handle_timeout`] has to be called.
    pub fn poll_timeout(&self) -> Option<Instant> {
        let deadlines = self.connections.values().filter_map(Connection::deadline);
        deadlines.chain(self.accept_at).min()
    }

    /// Lets go of who has been silent or deaf for too long.
    pub fn handle_timeout(&mut self, now: Instant) {
        let late = |c: &Connection| c.deadline().is_some_and(|at| at <= now);
        let late: Vec<_> =
            self.connections.iter().filter(|(_, c)| late(c)).map(|(id, c)| (*id, c.is_stalled())).collect();
        for (id, stalled) in late {
            let reason = if stalled { "it did not read for 30 seconds" } else { "it did not say hello" };
            self.close(id, reason);
        }
    }

    /// Lets a program go, telling it why if it can still be told.
    pub fn close(&mut self, id: ConnectionId, reason: &str) {
        let Some(mut connection) = self.connections.remove(&id) else { return };
        connection.farewell(reason);
        // A descriptor that is closed leaves the poll by itself.
        let _ = self.registry.deregister(&mut SourceFd(&connection.descriptor()));
        self.closed.push((id, connection.peer.uid));
    }

    /// Connections that have ended since this was last asked, and whose they were.
    pub fn take_closed(&mut self) -> Vec<(ConnectionId, u32)> {
        std::mem::take(&mut self.closed)
    }

    fn accept(&mut self, now: Instant) {
        self.accept_at = None;
        loop {
            match self.listener.accept() {
                Ok(stream) => self.admit(now, stream),
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => return,
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => {
                    self.accept_at = Some(now + ACCEPT_AGAIN);
                    return;
                }
            }
        }
    }

    fn admit(&mut self, now: Instant, stream: Stream) {
        let id = ConnectionId(self.next);
        match self.judge(&stream).and_then(|peer| self.watch(id, &stream).map(|()| peer)) {
            Ok(peer) => {
                self.next += 1;
                self.connections.insert(id, Connection::new(stream, peer, now));
            }
            Err(reason) => {
                self.refused += 1;
                connection::turn_away(&stream, reason);
            }
        }
    }

    fn judge(&self, stream: &Stream) -> Result<Peer, &'static str> {
        let peer = stream.peer_creds().map_err(|_| "the system does not say who you are")?;
        let uid = peer.euid().ok_or("the system does not say who you are")?;
        if !self.admission.admits(uid) {
            return Err("this daemon serves another user");
        }
        let theirs = self.connections.values().filter(|c| c.peer.uid == uid);
        let (all, strangers) =
            theirs.fold((0, 0), |(all, strangers), c| (all + 1, strangers + usize::from(!c.is_greeted())));
        if self.connections.len() >= self.bounds.all
            || all >= self.bounds.of_one
            || strangers >= MAX_STRANGERS
        {
            return Err("too many programs are connected; close some");
        }
        Ok(Peer { uid, pid: peer.pid().and_then(|pid| u32::try_from(pid).ok()).unwrap_or(0) })
    }

    fn watch(&self, id: ConnectionId, stream: &Stream) -> Result<(), &'static str> {
        let fd = descriptor(stream).as_raw_fd();
        let watched = self.registry.register(&mut SourceFd(&fd), Token(id.0), Interest::READABLE);
        watched.map_err(|_| "the daemon cannot watch any more connections")
    }
}

fn listener_descriptor(listener: &Listener) -> RawFd {
    match listener {
        Listener::UdSocket(socket) => socket.as_fd().as_raw_fd(),
    }
}
