//! The floor *raw-win*: what any reliable multicast on this machine could reach at best.
//!
//! Small messages are packed into whole datagrams, runs of datagrams leave in one call by segmentation offload,
//! and receivers acknowledge, so that the sender never runs further ahead of the slowest than its buffer holds.
//! Nothing is repaired: on a clean link nothing needs to be.
//!
//! Invariant: all datagrams of a run but its last are equally long, as segmentation wants it.

use super::{
    job::{Job, ready, ready_to_go, stopped},
    meter::{Got, Meter, Sent, last, now, stamp},
    raw::{self, DATAGRAM, GROUP},
};
use quinn_udp::{RecvMeta, Transmit, UdpSockRef, UdpSocketState};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use std::{
    collections::HashMap,
    io::{ErrorKind, IoSliceMut},
    net::{SocketAddr, UdpSocket},
    time::Duration,
};

/// The number of a datagram.
const HEAD: usize = 8;

/// Datagrams that leave, or are taken, in one call.
const RUN: usize = 32;

/// Datagrams under way at most, where the receive buffers hold them.
const WINDOW: u64 = 1_024;

/// What a full datagram occupies in a receive buffer, by the kernel's accounting.
const ACCOUNTED: u64 = 2_304;

/// How long the sender waits for acknowledgements that do not come, before it goes on without.
const PATIENCE: u64 = 100_000_000;

/// Sends for as long as the job says.
pub fn send(job: &Job) -> Sent {
    let mut flight = Flight::new(job);
    let mut message = vec![0; job.size];
    ready_to_go();
    let sent = raw::send_with(job, |number, time| {
        stamp(&mut message, number, time);
        flight.push(&message);
        if job.rate.is_some() {
            flight.flush();
        }
    });
    for _ in 0..3 {
        flight.push(&last(job.size, sent.messages));
        flight.flush();
        std::thread::sleep(Duration::from_millis(20));
    }
    sent
}

/// Receives until the last message has come.
pub fn receive(job: &Job) -> Got {
    let socket = raw::socket(job.address, GROUP.port(), true).expect("a host of the lab has sockets");
    let state = UdpSocketState::new(UdpSockRef::from(&socket)).expect("a fresh socket takes options");
    let every = window(&state, &socket) / 4;
    let mut meter = Meter::new(job.rate.is_some());
    let mut stream = Stream { size: job.size, partial: Vec::new(), number: 0 };
    let mut acknowledged = 0;
    let mut space = vec![[0; 2048]; RUN];
    ready();
    while !stopped() {
        let mut buffers: Vec<IoSliceMut<'_>> = space.iter_mut().map(|b| IoSliceMut::new(b)).collect();
        let mut about = [RecvMeta::default(); RUN];
        let Ok(count) = state.recv(UdpSockRef::from(&socket), &mut buffers, &mut about) else {
            wait(&socket, PollFlags::IN, 100);
            continue;
        };
        let now = now();
        for (datagram, about) in space.iter().zip(&about[..count]) {
            if !stream.take(&datagram[..about.len], |message| meter.take(message, now)) {
                return meter.result();
            }
            if stream.number >= acknowledged + every {
                acknowledged = stream.number;
                let _full_queue = socket.send_to(&acknowledged.to_le_bytes(), about.addr);
            }
        }
    }
    meter.result()
}

/// Messages of one size out of datagrams that may hold several, or a piece of one.
struct Stream {
    size: usize,
    partial: Vec<u8>,
    number: u64,
}

impl Stream {
    /// Hands out the messages that end in a datagram; false when one of them was the last.
    fn take(&mut self, datagram: &[u8], mut each: impl FnMut(&[u8]) -> bool) -> bool {
        let Some((number, body)) = datagram.split_first_chunk::<HEAD>() else { return true };
        let number = u64::from_le_bytes(*number);
        if number != self.number + 1 {
            self.partial.clear();
        }
        self.number = number;
        if self.size + HEAD <= DATAGRAM {
            return body.chunks_exact(self.size).all(each);
        }
        self.partial.extend_from_slice(body);
        let whole = self.partial.len() >= self.size;
        let goes_on = !whole || each(&self.partial[..self.size]);
        if whole {
            self.partial.clear();
        }
        goes_on
    }
}

/// Datagrams being filled, and those under way.
struct Flight {
    socket: UdpSocket,
    state: UdpSocketState,
    run: Vec<u8>,
    /// Length of a full datagram: a whole number of small messages.
    segment: usize,
    number: u64,
    window: u64,
    receivers: usize,
    acknowledged: HashMap<SocketAddr, u64>,
}

impl Flight {
    fn new(job: &Job) -> Self {
        let socket = raw::socket(job.address, 0, false).expect("a host of the lab has sockets");
        let state = UdpSocketState::new(UdpSockRef::from(&socket)).expect("a fresh socket takes options");
        let fitting = (DATAGRAM - HEAD) / job.size;
        Self {
            window: window(&state, &socket),
            segment: if fitting > 0 { HEAD + fitting * job.size } else { DATAGRAM },
            receivers: job.receivers,
            run: Vec::with_capacity(RUN * DATAGRAM),
            number: 0,
            acknowledged: HashMap::new(),
            socket,
            state,
        }
    }

    fn push(&mut self, message: &[u8]) {
        for piece in message.chunks(self.segment - HEAD) {
            if self.run.len().is_multiple_of(self.segment) {
                self.number += 1;
                self.run.extend_from_slice(&self.number.to_le_bytes());
            }
            self.run.extend_from_slice(piece);
            if message.len() > self.segment {
                let full = self.run.len().next_multiple_of(self.segment);
                self.run.resize(full, 0);
            }
            if self.run.len() == RUN * self.segment {
                self.flush();
            }
        }
    }

    fn flush(&mut self) {
        self.await_room();
        while !self.run.is_empty() {
            let transmit = Transmit {
                destination: GROUP.into(),
                ecn: None,
                contents: &self.run,
                segment_size: Some(self.segment),
                src_ip: None,
            };
            match self.state.try_send(UdpSockRef::from(&self.socket), &transmit) {
                Err(e) if e.kind() == ErrorKind::WouldBlock => wait(&self.socket, PollFlags::OUT, 100),
                _ => self.run.clear(),
            }
        }
    }

    fn await_room(&mut self) {
        let since = now();
        self.read_acknowledgements();
        while self.number > self.slowest() + self.window && now() < since + PATIENCE {
            wait(&self.socket, PollFlags::IN, 100);
            self.read_acknowledgements();
        }
    }

    fn slowest(&self) -> u64 {
        let all = self.acknowledged.len() >= self.receivers;
        self.acknowledged.values().min().copied().filter(|_| all).unwrap_or(0)
    }

    fn read_acknowledgements(&mut self) {
        let mut buffer = [0; HEAD];
        while let Ok((HEAD, from)) = self.socket.recv_from(&mut buffer) {
            self.acknowledged.insert(from, u64::from_le_bytes(buffer));
        }
    }
}

/// As many datagrams as a receive buffer of this machine holds; both ends are of one kind.
fn window(state: &UdpSocketState, socket: &UdpSocket) -> u64 {
    let room = state.recv_buffer_size(UdpSockRef::from(socket)).unwrap_or(0) as u64;
    (room / ACCOUNTED).clamp(RUN as u64 * 2, WINDOW)
}

fn wait(socket: &UdpSocket, what: PollFlags, milliseconds: i64) {
    let limit = Timespec { tv_sec: 0, tv_nsec: milliseconds * 1_000_000 };
    let _interrupted = poll(&mut [PollFd::new(socket, what)], Some(&limit));
}
