//! The local socket: programs of this machine, each a connection with bytes in and bytes out.
//!
//! Who speaks is what the kernel says: a uid. What a program may leave unread is bounded; who produces for it asks
//! [`Outbox::room`] first, and the program is a reader that is behind, not a queue that grows.
//!
//! Invariant: no connection takes more than its share of a turn, or more memory than its bounds.

use crate::{identity::is_subordinate, shares::Shares};
use chalktalk_ipc::{
    Down, Event, FrameBuf,
    codec::put_control,
    descriptors::{self, Arrived},
    socket::{NOBODY, descriptor},
};
use interprocess::{
    local_socket::{GenericFilePath, Listener, ListenerNonblockingMode, ListenerOptions, Stream, prelude::*},
    os::unix::{local_socket::ListenerOptionsExt, uds_local_socket},
};
use mio::{Interest, Registry, Token, unix::SourceFd};
use rustix::{
    io::Errno,
    net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType, connect, socket_with},
};
use std::{
    collections::{BTreeMap, VecDeque},
    fs, io,
    os::{
        fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd},
        unix::{
            fs::{FileTypeExt, PermissionsExt},
            net::UnixListener,
        },
    },
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

/// At most this many programs at once on a user's own daemon; a desktop has a dozen.
pub const MAX_CONNECTIONS: usize = 256;
/// At most this many of a user's programs that have not said hello yet.
pub const MAX_STRANGERS: usize = 32;
/// What a program may leave unread: DESIGN §7, *flow to apps*.
pub const OUTBOX: usize = 256 << 10;
/// Bytes taken from one connection in one turn, so that a flood leaves the others their part.
pub const TURN: usize = 256 << 10;
/// Bytes read by one system call.
const CHUNK: usize = 64 << 10;
/// A program that does not read for this long while something waits for it is let go.
pub const STALL: Duration = Duration::from_secs(30);
/// A program that connects says hello within this time.
pub const HELLO: Duration = Duration::from_secs(10);
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

/// One program.
pub struct Connection {
    stream: Stream,
    /// Who it is.
    pub peer: Peer,
    /// What it sent and has not been dealt with.
    pub input: FrameBuf,
    /// Descriptors that came with it, for the frames that take one.
    pub arrived: Arrived,
    /// What waits for it.
    pub output: Outbox,
    since: Instant,
    greeted: bool,
    readable: bool,
    /// The program has said its last; the end comes behind it.
    ended: bool,
    /// `input` holds frames that there was no room to answer.
    held_back: bool,
    /// It waits for an answer that the store has to be read for; what it sent after that waits as well.
    parked: bool,
    taken: usize,
    interest: Interest,
    stalled: Option<Instant>,
}

/// Bytes on their way to a program.
#[derive(Default, Debug)]
pub struct Outbox {
    bytes: Vec<u8>,
    start: usize,
    /// Descriptors, and where the frames that they go with start.
    descriptors: VecDeque<(usize, OwnedFd)>,
}

impl Outbox {
    /// How many more bytes may be produced for this program now.
    pub fn room(&self) -> usize {
        OUTBOX.saturating_sub(self.queued())
    }

    /// Where to append frames.
    pub fn bytes(&mut self) -> &mut Vec<u8> {
        &mut self.bytes
    }

    /// Bytes that wait.
    pub fn queued(&self) -> usize {
        self.bytes.len() - self.start
    }

    /// The next frame that is appended carries this descriptor.
    pub fn attach(&mut self, descriptor: OwnedFd) {
        self.descriptors.push_back((self.bytes.len(), descriptor));
    }

    fn write_to(&mut self, socket: BorrowedFd<'_>) -> io::Result<()> {
        while self.queued() > 0 {
            let next = self.descriptors.front().filter(|(at, _)| *at == self.start);
            let until =
                self.descriptors.get(usize::from(next.is_some())).map_or(self.bytes.len(), |(at, _)| *at);
            let descriptor = next.map(|(_, descriptor)| descriptor.as_fd());
            match descriptors::send(socket, &self.bytes[self.start..until], descriptor) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(written) => {
                    if next.is_some() {
                        self.descriptors.pop_front();
                    }
                    self.start += written;
                }
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) => return Err(e),
            }
        }
        self.start = 0;
        if self.bytes.capacity() > 2 * OUTBOX {
            self.bytes = Vec::new();
        }
        self.bytes.clear();
        Ok(())
    }
}

/// The token of the listener is the first of the local socket's; connections have those behind it.
const LISTENER: usize = 0;

/// Why nothing can listen at a place.
#[derive(Debug, thiserror::Error)]
pub enum ListenError {
    /// Something is there that is not ours to remove.
    #[error("{path} {what}; nothing was changed")]
    InTheWay {
        /// Where.
        path: PathBuf,
        /// What it is and what to do.
        what: &'static str,
    },
    /// The system refused.
    #[error("cannot listen at {path}: {source}")]
    Io {
        /// Where.
        path: PathBuf,
        /// What it said.
        source: io::Error,
    },
}

/// Listens at `path`, whose folder the caller owns and has locked. A socket that a dead daemon left is removed.
///
/// # Errors
/// See [`ListenError`].
pub fn listen(path: &Path, admission: Admission) -> Result<Listener, ListenError> {
    clear_the_way(path)?;
    bind(path, admission).map_err(|source| ListenError::Io { path: path.to_owned(), source })
}

/// Goes on with a listener that whoever started the daemon has made, and says where it stands.
///
/// # Errors
/// It stands nowhere, or cannot be asked without waiting.
pub fn go_on_listening(listener: UnixListener) -> io::Result<(Listener, PathBuf)> {
    let address = listener.local_addr()?;
    let nameless = || io::Error::new(io::ErrorKind::InvalidInput, "the socket handed over has no path");
    let path = address.as_pathname().ok_or_else(nameless)?.to_owned();
    let listener = Listener::from(uds_local_socket::Listener::from(listener));
    listener.set_nonblocking(ListenerNonblockingMode::Both)?;
    Ok((listener, path))
}

/// Tells everybody who waits at a listener why nobody will serve them.
pub fn turn_away(listener: &Listener, reason: &str) {
    while let Ok(stream) = listener.accept() {
        farewell(&mut Outbox::default(), &stream, reason);
    }
}

fn clear_the_way(path: &Path) -> Result<(), ListenError> {
    let in_the_way = |what| Err(ListenError::InTheWay { path: path.to_owned(), what });
    let io_error = |source| ListenError::Io { path: path.to_owned(), source };
    match fs::symlink_metadata(path) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(e) => return Err(io_error(e)),
        Ok(about) if !about.file_type().is_socket() => {
            return in_the_way("is no socket: move it away");
        }
        Ok(_) => {}
    }
    match is_left_behind(path) {
        Ok(true) => fs::remove_file(path).map_err(io_error),
        Ok(false) => in_the_way("is a socket of another program: end that program, or move it away"),
        Err(e) => Err(io_error(e)),
    }
}

/// Whether a socket is one that a dead daemon has left: one of streams, at which nobody listens. A program that is too busy to
/// answer is there all the same.
fn is_left_behind(path: &Path) -> io::Result<bool> {
    let nonblocking = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let socket = socket_with(AddressFamily::UNIX, SocketType::STREAM, nonblocking, None)?;
    match connect(&socket, &SocketAddrUnix::new(path)?) {
        Err(Errno::CONNREFUSED) => Ok(true),
        Ok(()) | Err(Errno::AGAIN | Errno::PROTOTYPE | Errno::INPROGRESS) => Ok(false),
        Err(e) => Err(e.into()),
    }
}

fn bind(path: &Path, admission: Admission) -> io::Result<Listener> {
    let mode = if admission == Admission::Everyone { 0o666 } else { 0o600 };
    let options = ListenerOptions::new().name(path.to_fs_name::<GenericFilePath>()?);
    let listener = options.nonblocking(ListenerNonblockingMode::Both).mode(mode).create_sync()?;
    // The umask may have taken from it what others need to connect.
    fs::set_permissions(path, fs::Permissions::from_mode(mode))?;
    Ok(listener)
}

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
            connection.readable |= readable;
            connection.ended |= ended;
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
        if connection.output.room() == 0 || connection.parked || !self.shares.has_left(connection.peer.uid) {
            return false;
        }
        if std::mem::take(&mut connection.held_back) {
            return true;
        }
        if !connection.readable || connection.taken >= TURN {
            connection.input.shrink();
            return false;
        }
        match connection.read() {
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
            connection.taken = 0;
            match connection.flush(now, &self.registry, *id) {
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
        let late: Vec<_> = self
            .connections
            .iter()
            .filter(|(_, c)| late(c))
            .map(|(id, c)| (*id, c.stalled.is_some()))
            .collect();
        for (id, stalled) in late {
            let reason = if stalled { "it did not read for 30 seconds" } else { "it did not say hello" };
            self.close(id, reason);
        }
    }

    /// Lets a program go, telling it why if it can still be told.
    pub fn close(&mut self, id: ConnectionId, reason: &str) {
        let Some(mut connection) = self.connections.remove(&id) else { return };
        farewell(&mut connection.output, &connection.stream, reason);
        // A descriptor that is closed leaves the poll by itself.
        let _ = self.registry.deregister(&mut SourceFd(&descriptor(&connection.stream).as_raw_fd()));
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
                farewell(&mut Outbox::default(), &stream, reason);
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
            theirs.fold((0, 0), |(all, strangers), c| (all + 1, strangers + usize::from(!c.greeted)));
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

impl Connection {
    fn new(stream: Stream, peer: Peer, now: Instant) -> Self {
        Self {
            stream,
            peer,
            input: FrameBuf::default(),
            arrived: Arrived::new(),
            output: Outbox::default(),
            since: now,
            greeted: false,
            readable: true,
            ended: false,
            held_back: false,
            parked: false,
            taken: 0,
            interest: Interest::READABLE,
            stalled: None,
        }
    }

    /// The program has said hello.
    pub fn greet(&mut self) {
        self.greeted = true;
    }

    /// Frames are left in `input` until there is room for their answers.
    pub fn hold_back(&mut self) {
        self.held_back = true;
    }

    /// Nothing more is taken from it before its present call has been answered; then all that it has sent is.
    pub fn park(&mut self, parked: bool) {
        self.parked = parked;
        self.held_back = true;
    }

    fn talks(&self) -> bool {
        (self.readable || self.held_back) && self.output.room() > 0 && !self.parked
    }

    fn read(&mut self) -> Result<bool, String> {
        loop {
            let spare = &mut self.input.spare(CHUNK)[..CHUNK];
            return match descriptors::receive(descriptor(&self.stream), spare, &mut self.arrived) {
                Ok(0) => Err("it has closed the connection".into()),
                Ok(taken) => {
                    self.input.filled(taken);
                    self.taken += taken;
                    // Less than asked for: that was all, unless it broke off at a descriptor. What comes from now on is a
                    // new event, and so is the end.
                    self.readable = taken == CHUNK || self.ended || !self.arrived.is_empty();
                    Ok(true)
                }
                Err(e) if e.kind() == io::ErrorKind::Interrupted => continue,
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => {
                    self.readable = false;
                    Ok(false)
                }
                Err(e) => Err(e.to_string()),
            };
        }
    }

    fn flush(&mut self, now: Instant, registry: &Registry, id: ConnectionId) -> Result<(), String> {
        let before = self.output.queued();
        let blocked = match self.output.write_to(descriptor(&self.stream)) {
            Ok(()) => false,
            Err(e) if e.kind() == io::ErrorKind::WouldBlock => true,
            Err(e) => return Err(e.to_string()),
        };
        let progress = self.output.queued() < before;
        self.stalled = if blocked { self.stalled.filter(|_| !progress).or(Some(now)) } else { None };
        let wanted = if blocked { Interest::READABLE | Interest::WRITABLE } else { Interest::READABLE };
        if wanted != self.interest {
            let fd = descriptor(&self.stream).as_raw_fd();
            registry.reregister(&mut SourceFd(&fd), Token(id.0), wanted).map_err(|e| e.to_string())?;
            self.interest = wanted;
        }
        Ok(())
    }

    fn deadline(&self) -> Option<Instant> {
        let deaf = self.stalled.map(|since| since + STALL);
        let silent = (!self.greeted).then(|| self.since + HELLO);
        deaf.into_iter().chain(silent).min()
    }
}

/// Tells a program why it is let go, if there is room for it: it may well be gone.
fn farewell(output: &mut Outbox, stream: &Stream, reason: &str) {
    put_control(output.bytes(), &Down::Event(Event::Detached { session: None, reason: reason.to_owned() }));
    let _ = output.write_to(descriptor(stream));
}

fn listener_descriptor(listener: &Listener) -> RawFd {
    match listener {
        Listener::UdSocket(socket) => socket.as_fd().as_raw_fd(),
    }
}

#[cfg(test)]
mod tests;
