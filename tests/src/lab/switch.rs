//! A switch in user space that does to frames what bad networks do: lose, repeat, delay, reorder, damage.
//!
//! It reads every port through a packet socket and floods each frame to the other ports. Only UDP datagrams are
//! mistreated; neighbour discovery is not what is under test.
//!
//! Invariant: with one seed and one order of arrival, the same frames are mistreated in the same way.

use super::{enter::skip, host::enter_network};
use nix::{
    ifaddrs::getifaddrs,
    sys::socket::{
        self, AddressFamily, LinkAddr, MsgFlags, SockFlag, SockProtocol, SockType, setsockopt,
        sockopt::RcvBuf,
    },
};
use rand_chacha::ChaCha8Rng;
use rand_core::{Rng, SeedableRng};
use rustix::event::{PollFd, PollFlags, poll};
use std::{
    cmp::Reverse,
    collections::BinaryHeap,
    os::fd::{AsRawFd, OwnedFd},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
        mpsc,
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

/// What the switch does to each copy of a datagram, as probabilities from 0 to 1.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub struct Faults {
    /// Decides all the rest.
    pub seed: u64,
    /// It does not arrive.
    pub loss: f64,
    /// It arrives twice.
    pub duplicate: f64,
    /// One bit of it is turned round, and the checksum does not tell.
    pub damage: f64,
    /// It arrives after a time between these two; a wide range reorders.
    pub delay: (Duration, Duration),
}

/// What the switch has done so far, in copies of datagrams.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Done {
    /// Forwarded, whether hurt or not.
    pub forwarded: u64,
    /// Not forwarded.
    pub lost: u64,
    /// Forwarded twice.
    pub duplicated: u64,
    /// Forwarded damaged.
    pub damaged: u64,
}

/// A running switch.
pub struct Switch {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct Shared {
    stop: AtomicBool,
    faults: Mutex<Faults>,
    done: Mutex<Done>,
    /// Every frame, while somebody listens.
    tape: Mutex<Option<Vec<Vec<u8>>>>,
    /// Frames that somebody on the wire sends.
    injected: Mutex<Vec<Vec<u8>>>,
}

impl Switch {
    pub(super) fn start(namespace: &str, ports: &[String], faults: Faults) -> Self {
        let shared = Arc::new(Shared { faults: Mutex::new(faults), ..Shared::default() });
        let (state, namespace, ports) = (shared.clone(), namespace.to_owned(), ports.to_owned());
        let (ready, is_ready) = mpsc::channel();
        let thread = thread::spawn(move || {
            enter_network(&namespace, || match ports.iter().map(|name| Port::open(name)).collect() {
                Ok(ports) => {
                    let _starter_gone = ready.send(Ok(()));
                    Floor { ports, shared: &state, random: ChaCha8Rng::seed_from_u64(faults.seed) }.run();
                }
                Err(why) => drop(ready.send(Err(why))),
            });
        });
        match is_ready.recv().expect("the switch's thread answers") {
            Ok(()) => Self { shared, thread: Some(thread) },
            Err(why) => skip(&format!("no packet socket here: {why}")),
        }
    }

    /// From now on, these faults (the seed does not change).
    pub fn set(&self, faults: Faults) {
        *self.shared.faults.lock().expect("the switch does not panic") = faults;
    }

    /// Keeps every frame from now on.
    pub fn record(&self) {
        *self.shared.tape.lock().expect("the switch does not panic") = Some(Vec::new());
    }

    /// The frames since [`Switch::record`]; no more are kept.
    pub fn take_tape(&self) -> Vec<Vec<u8>> {
        self.shared.tape.lock().expect("the switch does not panic").take().unwrap_or_default()
    }

    /// Sends frames to all ports, as a host that is not in the lab's list could.
    pub fn inject(&self, frames: impl IntoIterator<Item = Vec<u8>>) {
        self.shared.injected.lock().expect("the switch does not panic").extend(frames);
    }

    /// What it has done so far.
    pub fn done(&self) -> Done {
        *self.shared.done.lock().expect("the switch does not panic")
    }
}

impl Drop for Switch {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _panicked = thread.join();
        }
    }
}

/// One port of the switch.
struct Port {
    socket: OwnedFd,
}

impl Port {
    fn open(name: &str) -> nix::Result<Self> {
        let kind = SockFlag::SOCK_NONBLOCK | SockFlag::SOCK_CLOEXEC;
        let socket = socket::socket(AddressFamily::Packet, SockType::Raw, kind, SockProtocol::EthAll)?;
        let address = getifaddrs()?
            .filter(|interface| interface.interface_name == name)
            .find_map(|interface| interface.address?.as_link_addr().copied())
            .ok_or(nix::Error::ENODEV)?;
        socket::bind(socket.as_raw_fd(), &address)?;
        // Room for a burst while this thread waits for the processor: as much as the machine lets us have.
        setsockopt(&socket, RcvBuf, &(4 << 20))?;
        Ok(Self { socket })
    }

    /// The next frame that came in by this port.
    fn receive(&self, buffer: &mut [u8]) -> Option<usize> {
        /// The kernel also shows what we sent ourselves.
        const OUTGOING: u8 = 4;
        loop {
            let (length, from) = socket::recvfrom::<LinkAddr>(self.socket.as_raw_fd(), buffer).ok()?;
            if from.is_some_and(|from| from.pkttype() != OUTGOING) {
                return Some(length);
            }
        }
    }

    fn send(&self, frame: &[u8]) {
        // A full queue or a link that is down loses the frame, as a switch would.
        let _lost = socket::send(self.socket.as_raw_fd(), frame, MsgFlags::empty());
    }
}

/// The switch at work.
struct Floor<'a> {
    ports: Vec<Port>,
    shared: &'a Shared,
    random: ChaCha8Rng,
}

type Waiting = BinaryHeap<Reverse<(Instant, u64, usize, Vec<u8>)>>;

impl Floor<'_> {
    fn run(&mut self) {
        let mut waiting = Waiting::new();
        let mut buffer = vec![0; 65_536];
        while !self.shared.stop.load(Ordering::Relaxed) {
            self.send_due(&mut waiting);
            self.send_injected();
            self.pause(&waiting);
            for port in 0..self.ports.len() {
                while let Some(length) = self.ports[port].receive(&mut buffer) {
                    self.flood(port, &buffer[..length], &mut waiting);
                }
            }
        }
    }

    fn send_due(&self, waiting: &mut Waiting) {
        let now = Instant::now();
        while waiting.peek().is_some_and(|Reverse((due, ..))| *due <= now) {
            if let Some(Reverse((_, _, port, frame))) = waiting.pop() {
                self.ports[port].send(&frame);
            }
        }
    }

    /// Until a frame comes in or one is due; and at least every 20 ms, to see whether to stop.
    fn pause(&self, waiting: &Waiting) {
        let longest = Duration::from_millis(20);
        let due = waiting
            .peek()
            .map_or(longest, |Reverse((due, ..))| due.saturating_duration_since(Instant::now()));
        let mut polled: Vec<PollFd<'_>> =
            self.ports.iter().map(|port| PollFd::new(&port.socket, PollFlags::IN)).collect();
        let limit = due.min(longest).try_into().expect("20 ms are a timespec");
        let _interrupted = poll(&mut polled, Some(&limit));
    }

    /// Sends some of what is injected: as much at once as the hosts' sockets have room for.
    fn send_injected(&mut self) {
        const AT_ONCE: usize = 64;
        let mut injected = self.shared.injected.lock().expect("nobody panics with it");
        let now = injected.len().min(AT_ONCE);
        for frame in injected.drain(..now) {
            self.ports.iter().for_each(|port| port.send(&frame));
        }
    }

    fn flood(&mut self, from: usize, frame: &[u8], waiting: &mut Waiting) {
        if let Some(tape) = &mut *self.shared.tape.lock().expect("nobody panics with it") {
            tape.push(frame.to_vec());
        }
        let faults = *self.shared.faults.lock().expect("nobody panics with it");
        let udp = udp_offset(frame);
        for port in (0..self.ports.len()).filter(|port| *port != from) {
            let now = Instant::now();
            let Some(udp) = udp else {
                waiting.push(Reverse((now, self.random.next_u64(), port, frame.to_vec())));
                continue;
            };
            let mut done = *self.shared.done.lock().expect("nobody panics with it");
            if self.happens(faults.loss) {
                done.lost += 1;
            } else {
                let mut copy = frame.to_vec();
                if self.happens(faults.damage) {
                    self.damage(&mut copy, udp);
                    done.damaged += 1;
                }
                let copies = 1 + usize::from(self.happens(faults.duplicate));
                done.duplicated += copies as u64 - 1;
                done.forwarded += 1;
                for _ in 0..copies {
                    let due = now + self.delay(&faults);
                    waiting.push(Reverse((due, self.random.next_u64(), port, copy.clone())));
                }
            }
            *self.shared.done.lock().expect("nobody panics with it") = done;
        }
    }

    fn happens(&mut self, share: f64) -> bool {
        f64::from(self.random.next_u32()) < share * f64::from(u32::MAX)
    }

    fn delay(&mut self, faults: &Faults) -> Duration {
        let (least, most) = faults.delay;
        let range = most.saturating_sub(least);
        least + range.mul_f64(f64::from(self.random.next_u32()) / f64::from(u32::MAX))
    }

    /// Turns one bit of the payload round. Over IPv4 a checksum of zero means "none", so that the damage reaches the
    /// program; over IPv6 the kernel drops the datagram.
    fn damage(&mut self, frame: &mut [u8], udp: usize) {
        let payload = udp + 8;
        if frame.len() > payload {
            let at = payload + self.random.next_u32() as usize % (frame.len() - payload);
            frame[at] ^= 1 << (self.random.next_u32() % 8);
            frame[udp + 6..udp + 8].fill(0);
        }
    }
}

/// Where the UDP header of a frame starts, if it carries a datagram.
fn udp_offset(frame: &[u8]) -> Option<usize> {
    const UDP: u8 = 17;
    const ETHERNET: usize = 14;
    match (frame.get(12..14)?, frame.get(ETHERNET)?) {
        ([0x08, 0x00], first) if *frame.get(23)? == UDP => Some(ETHERNET + usize::from(first & 15) * 4),
        ([0x86, 0xdd], _) if *frame.get(20)? == UDP => Some(ETHERNET + 40),
        _ => None,
    }
    .filter(|udp| frame.len() >= udp + 8)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn datagrams_are_told_from_other_frames() {
        let mut frame = vec![0; 64];
        assert_eq!(udp_offset(&frame), None);
        frame[12..15].copy_from_slice(&[0x08, 0x00, 0x45]);
        frame[23] = 17;
        assert_eq!(udp_offset(&frame), Some(34));
        assert_eq!(udp_offset(&frame[..40]), None, "cut off inside the UDP header");
        frame[12..14].copy_from_slice(&[0x86, 0xdd]);
        frame[20] = 17;
        assert_eq!(udp_offset(&frame), Some(54));
    }
}
