//! One program at the other end of the local socket: what it has sent, and what waits for it.
//!
//! Invariant: what a program has not read is bounded, and who does not read is known since when.

use super::{ConnectionId, Peer};
use chalktalk_ipc::{
    Down, Event, FrameBuf,
    codec::put_control,
    descriptors::{self, Arrived},
    socket::descriptor,
};
use interprocess::local_socket::Stream;
use mio::{Interest, Registry, Token, unix::SourceFd};
use std::{
    collections::VecDeque,
    io,
    os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd},
    time::{Duration, Instant},
};

/// What a program may leave unread: DESIGN §7, *flow to apps*.
pub const OUTBOX: usize = 256 << 10;
/// Bytes taken from one connection in one turn, so that a flood leaves the others their part.
pub const TURN: usize = 256 << 10;
/// Bytes read by one system call.
const CHUNK: usize = 64 << 10;
/// A program that does not read for this long while something waits for it is let go.
pub const STALL: Duration = Duration::from_secs(30);
/// A program that connects says hello within this time.
pub(super) const HELLO: Duration = Duration::from_secs(10);

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

impl Connection {
    pub(super) fn new(stream: Stream, peer: Peer, now: Instant) -> Self {
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

    /// Whether it has something to say and listens to the answer.
    pub(super) fn talks(&self) -> bool {
        (self.readable || self.held_back) && self.output.room() > 0 && !self.parked
    }

    /// Something happened at its socket.
    pub(super) fn on_event(&mut self, readable: bool, ended: bool) {
        self.readable |= readable;
        self.ended |= ended;
    }

    /// Takes what it has sent, at most a chunk, into `input`. False: nothing (more) in this turn.
    ///
    /// # Errors
    /// Why it has to be let go.
    pub(super) fn take(&mut self) -> Result<bool, String> {
        if self.output.room() == 0 || self.parked {
            return Ok(false);
        }
        if std::mem::take(&mut self.held_back) {
            return Ok(true);
        }
        if !self.readable || self.taken >= TURN {
            self.input.shrink();
            return Ok(false);
        }
        self.read()
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

    /// Writes what waits for it, and has its part of the next turn before it.
    pub(super) fn end_turn(
        &mut self,
        now: Instant,
        registry: &Registry,
        id: ConnectionId,
    ) -> Result<(), String> {
        self.taken = 0;
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
            let fd = self.descriptor();
            registry.reregister(&mut SourceFd(&fd), Token(id.0), wanted).map_err(|e| e.to_string())?;
            self.interest = wanted;
        }
        Ok(())
    }

    /// Tells it why it is let go.
    pub(super) fn farewell(&mut self, reason: &str) {
        farewell(&mut self.output, &self.stream, reason);
    }

    /// What is watched of it.
    pub(super) fn descriptor(&self) -> RawFd {
        descriptor(&self.stream).as_raw_fd()
    }

    /// Whether it does not read what waits for it.
    pub(super) fn is_stalled(&self) -> bool {
        self.stalled.is_some()
    }

    /// Whether it has said hello.
    pub(super) fn is_greeted(&self) -> bool {
        self.greeted
    }

    /// When it has been silent or deaf for too long.
    pub(super) fn deadline(&self) -> Option<Instant> {
        let deaf = self.stalled.map(|since| since + STALL);
        let silent = (!self.greeted).then(|| self.since + HELLO);
        deaf.into_iter().chain(silent).min()
    }
}

/// Tells a program that is not served why.
pub(super) fn turn_away(stream: &Stream, reason: &str) {
    farewell(&mut Outbox::default(), stream, reason);
}

/// Tells a program why it is let go, if there is room for it: it may well be gone.
fn farewell(output: &mut Outbox, stream: &Stream, reason: &str) {
    put_control(output.bytes(), &Down::Event(Event::Detached { session: None, reason: reason.to_owned() }));
    let _ = output.write_to(descriptor(stream));
}
