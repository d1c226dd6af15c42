//! One process of a measurement: what it is told, and how it reports.
//!
//! The benchmark starts itself again on a host of the lab with a job as its argument. The process says `READY`,
//! a sender then waits for a line on its standard input, and each says `RESULT` with what it did as JSON.

use super::{
    meter::{Got, Sent},
    product, raw, relay, window,
};
use crate::lab::{Host, Lab, Process};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use std::{
    io::BufRead,
    net::Ipv4Addr,
    path::PathBuf,
    process::ExitCode,
    sync::atomic::{AtomicBool, AtomicU32, Ordering},
    time::{Duration, Instant},
};

/// The first argument of a process that has a job.
pub const ARGUMENT: &str = "job";

/// Set when a receiver is told not to wait any longer.
static STOP: AtomicBool = AtomicBool::new(false);

/// Set when a sender is told to start.
static GO: AtomicBool = AtomicBool::new(false);

/// How messages travel.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Means {
    /// One datagram and one call for each message.
    Raw,
    /// Packed, with segmentation offload and a window.
    Window,
    /// Through two copying daemons.
    Relay,
    /// Chalktalk, in a live session.
    Live,
    /// Chalktalk, in a kept session.
    Kept,
    /// Chalktalk, in a live session by invitation.
    Sealed,
}

impl Means {
    /// Whether messages go through daemons of ours.
    pub fn is_product(self) -> bool {
        matches!(self, Self::Live | Self::Kept | Self::Sealed)
    }
}

/// What a process does.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Part {
    /// Sends.
    Send,
    /// Receives.
    Receive,
    /// Copies, on behalf of the others on its host.
    Copy,
}

/// A job.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Job {
    /// How messages travel.
    pub means: Means,
    /// What this process does.
    pub part: Part,
    /// The host's address.
    pub address: Ipv4Addr,
    /// The local socket, of the daemon or of the copying one.
    pub socket: PathBuf,
    /// Bytes of a message.
    pub size: usize,
    /// Messages a second; as fast as possible if absent.
    pub rate: Option<u32>,
    /// How long to send.
    pub seconds: f64,
    /// How many receive.
    pub receivers: usize,
    /// A name that no other measurement of this run has.
    pub room: String,
}

/// What to measure.
#[derive(Clone, Debug)]
pub struct Work {
    /// How messages travel.
    pub means: Means,
    /// Bytes of a message.
    pub size: usize,
    /// Messages a second; as fast as possible if absent.
    pub rate: Option<u32>,
    /// How long to send.
    pub seconds: f64,
}

/// What came of it.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// What the sender did.
    pub sent: Sent,
    /// What each receiver got.
    pub got: Vec<Got>,
    /// Bytes on the wire per byte of payload.
    pub wire: f64,
}

impl Outcome {
    /// Messages a second at the slowest receiver, from the first one sent to the last one there.
    pub fn rate(&self) -> f64 {
        let rate =
            |got: &Got| got.messages as f64 * 1e9 / got.latest.saturating_sub(self.sent.first).max(1) as f64;
        self.got.iter().map(rate).fold(f64::INFINITY, f64::min)
    }

    /// The worst share of messages that a receiver got.
    pub fn complete(&self) -> f64 {
        let share = |got: &Got| got.messages as f64 / self.sent.messages.max(1) as f64;
        self.got.iter().map(share).fold(1.0, f64::min)
    }

    /// The worst median and the worst 99th percentile, in microseconds.
    pub fn latency(&self) -> (f64, f64) {
        let worst = |pick: fn(&Got) -> f64| self.got.iter().map(pick).fold(0.0, f64::max);
        (worst(|got| got.p50), worst(|got| got.p99))
    }
}

/// Runs one measurement: the first host sends, all others receive.
pub fn measure(lab: &Lab, work: &Work) -> Outcome {
    static ROOMS: AtomicU32 = AtomicU32::new(1);
    let room = format!("#bench{}", ROOMS.fetch_add(1, Ordering::Relaxed));
    let start = |host: &Host, part: Part| start(host, part, work, &room, lab.hosts().len() - 1);
    let copying = work.means == Means::Relay;
    let _copiers: Vec<Process> =
        lab.hosts().iter().filter(|_| copying).map(|host| start(host, Part::Copy)).collect();
    let mut receivers: Vec<Process> =
        lab.hosts()[1..].iter().map(|host| start(host, Part::Receive)).collect();
    let mut sender = start(lab.host(1), Part::Send);
    let before = lab.traffic();
    sender.say("go");
    let sent: Sent = result(&mut sender, Duration::from_secs_f64(work.seconds + 60.0));
    let patience = Instant::now() + Duration::from_secs(20);
    let got = receivers
        .iter_mut()
        .map(|receiver| receive(receiver, patience.saturating_duration_since(Instant::now())))
        .collect();
    let bytes = (lab.traffic() - before).bytes;
    let payload = (sent.messages * work.size as u64).max(1);
    Outcome { sent, got, wire: bytes as f64 / payload as f64 }
}

/// Does the job named by the program's second argument.
pub fn run(argument: &str) -> ExitCode {
    let job: Job = serde_json::from_str(argument).expect("the benchmark writes its own jobs");
    std::thread::spawn(|| {
        // The second line, or the end of the input: nobody waits any longer.
        let mut lines = std::io::stdin().lock().lines();
        while lines.next().is_some_and(|line| line.is_ok_and(|line| line != "stop")) {
            GO.store(true, Ordering::Release);
        }
        STOP.store(true, Ordering::Release);
    });
    match (job.means, job.part) {
        (Means::Raw, Part::Send) => report(raw::send(&job)),
        (Means::Raw, _) => report(raw::receive(&job)),
        (Means::Window, Part::Send) => report(window::send(&job)),
        (Means::Window, _) => report(window::receive(&job)),
        (Means::Relay, Part::Copy) => relay::copy(&job),
        (Means::Relay, Part::Send) => report(relay::send(&job)),
        (Means::Relay, Part::Receive) => report(relay::receive(&job)),
        (Means::Live | Means::Kept | Means::Sealed, Part::Send) => report(product::send(&job)),
        (Means::Live | Means::Kept | Means::Sealed, _) => report(product::receive(&job)),
    }
    // What waits in the process's connections must leave first: the benchmark says when all have heard.
    while job.part == Part::Send && !stopped() {
        std::thread::sleep(Duration::from_millis(10));
    }
    ExitCode::SUCCESS
}

/// Says that the process is ready.
pub fn ready() {
    println!("READY");
}

/// Says that a sender is ready, and waits until it may start.
pub fn ready_to_go() {
    ready();
    while !GO.load(Ordering::Acquire) {
        std::thread::sleep(Duration::from_micros(200));
    }
}

/// Whether a receiver should give up.
pub fn stopped() -> bool {
    STOP.load(Ordering::Acquire)
}

fn report(result: impl Serialize) {
    println!("RESULT {}", serde_json::to_string(&result).expect("results are plain"));
}

fn start(host: &Host, part: Part, work: &Work, room: &str, receivers: usize) -> Process {
    let std::net::IpAddr::V4(address) = host.address() else { unreachable!("hosts have IPv4 addresses") };
    let socket = if work.means.is_product() { host.socket() } else { host.dir().join("run/copy.sock") };
    let Work { means, size, rate, seconds } = *work;
    let job = Job { means, part, address, socket, size, rate, seconds, receivers, room: room.to_owned() };
    let mut command = host.command(std::env::current_exe().expect("a running program has a path"));
    command.args([ARGUMENT, &serde_json::to_string(&job).expect("jobs are plain")]);
    let process = host.spawn(&format!("{means:?} {part:?}"), command);
    process.await_text("READY", Duration::from_secs(15));
    process
}

/// A receiver's result: by itself within the time given, otherwise as soon as it is told to stop.
fn receive(receiver: &mut Process, patience: Duration) -> Got {
    if !receiver.says("RESULT", patience) {
        receiver.end_input();
    }
    result(receiver, Duration::from_secs(10))
}

fn result<T: DeserializeOwned>(process: &mut Process, within: Duration) -> T {
    process.await_text("RESULT", within);
    let output = process.output();
    let line = output.iter().find_map(|line| line.strip_prefix("RESULT ")).expect("awaited above");
    serde_json::from_str(line).expect("results are our own")
}
