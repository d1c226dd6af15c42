//! What is measured, in which order, and what is asked of it.

use super::{
    board, files, idle,
    job::{Means, Outcome, Work, measure},
    report::{Bound, Row},
    rotation,
};
use crate::lab::Lab;
use ed25519_dalek::{Signer, SigningKey};
use std::{
    path::Path,
    time::{Duration, Instant},
};

/// One sender and three receivers.
const HOSTS: usize = 4;

/// Names and sizes of messages.
const SIZES: [(&str, usize); 3] = [("64 B", 64), ("1 KiB", 1024), ("64 KiB", 65_536)];

/// How often open and sealed are compared: an odd number, for its median.
const SEALED_TURNS: usize = 5;

/// How long each measurement takes.
#[derive(Clone, Copy, Debug)]
pub struct Length {
    /// Seconds of sending.
    pub seconds: f64,
    /// Seconds of watching a quiet LAN.
    pub watch: f64,
    /// Members who get a new key. Making a world of them takes their third power in time.
    pub members: usize,
}

impl Length {
    /// All of it in under two minutes.
    pub const QUICK: Self = Self { seconds: 1.0, watch: 5.0, members: 30 };
    /// Long enough for figures worth keeping.
    pub const FULL: Self = Self { seconds: 5.0, watch: 20.0, members: 100 };
}

/// The parts of a run, as flags name them.
pub const PARTS: [&str; 9] = [
    "--start",
    "--throughput",
    "--latency",
    "--loss",
    "--sealed",
    "--files",
    "--rotation",
    "--board",
    "--idle",
];

/// Measures the parts that `wanted` takes; `each` sees every figure as soon as it is there.
pub fn run(length: Length, disk: &Path, wanted: impl Fn(&str) -> bool, mut each: impl FnMut(Row)) {
    if wanted("--start") {
        each(first_message(disk));
    }
    if ["--throughput", "--latency", "--loss", "--sealed"].into_iter().any(&wanted) {
        let lab = Lab::on_disk(HOSTS, disk.join("lan"));
        let _daemons = lab.start_daemons();
        if wanted("--throughput") {
            throughput(&lab, length, &mut each);
        }
        if wanted("--latency") {
            latency(&lab, length, &mut each);
        }
        if wanted("--loss") {
            loss(&lab, length, &mut each);
        }
        if wanted("--sealed") {
            sealed(&lab, length, &mut each);
        }
    }
    if wanted("--latency") {
        let lab = Lab::on_disk(2, disk.join("pair"));
        let _daemons = lab.start_daemons();
        latency(&lab, length, &mut each);
    }
    if wanted("--files") {
        files::files(HOSTS, disk, &mut each);
    }
    if wanted("--rotation") {
        new_key(length.members, &mut each);
    }
    if wanted("--board") {
        board::board(disk, &mut each);
    }
    if wanted("--idle") {
        quiet(length, &mut each);
    }
}

/// A session of many, of whom one is removed. The goal is one for a hundred, and less for fewer.
fn new_key(members: usize, each: &mut impl FnMut(Row)) {
    let cost = rotation::rotation(members);
    let (goal, alarm) = (Bound::AtMost(members as f64), Bound::AtMost(4.0 * members as f64));
    let mut row = |who: &str, took| {
        each(Row::new(format!("new key for {members} members: {who}"), took, "ms").goal(goal).alarm(alarm));
    };
    row("who makes it", cost.maker);
    row("each of the others", cost.receiver);
}

fn quiet(length: Length, each: &mut impl FnMut(Row)) {
    let quiet = idle::idle(Duration::from_secs_f64(length.watch));
    let memory = Row::new("idle, 8 hosts: memory of a daemon", quiet.memory, "MiB");
    each(memory.goal(Bound::AtMost(15.0)).alarm(Bound::AtMost(40.0)));
    let packets = Row::new("idle, 8 hosts: frames of all together", quiet.packets, "/s");
    each(packets.goal(Bound::AtMost(20.0)).alarm(Bound::AtMost(60.0)));
    each(Row::new("idle, 8 hosts: traffic of each", quiet.bytes, "B/s"));
}

/// Measures the floors alone: what this machine could do at best.
pub fn floors(length: Length, mut each: impl FnMut(Row)) {
    let lab = Lab::new(HOSTS);
    for (name, size) in SIZES {
        let work = |means| Work { means, size, rate: None, seconds: length.seconds };
        let means = if size < 2048 { &[Means::Raw, Means::Window][..] } else { &[Means::Window] };
        for means in means {
            let outcome = measure(&lab, &work(*means));
            each(Row::new(format!("{name} {means:?}"), outcome.rate(), "msg/s"));
            each(complete(format!("{name} {means:?}: delivered"), &outcome));
            each(Row::new(format!("{name} {means:?}: wire"), outcome.wire, "B/B"));
        }
    }
    for means in [Means::Raw, Means::Window, Means::Relay] {
        let work = Work { means, size: 64, rate: Some(1_000), seconds: length.seconds * 2.0 };
        let (p50, p99) = measure(&lab, &work).latency();
        each(Row::new(format!("latency at 1,000/s, {means:?}: p50"), p50, "µs"));
        each(Row::new(format!("latency at 1,000/s, {means:?}: p99"), p99, "µs"));
    }
    each(Row::new("one signature and one verification", signature(), "µs"));
}

fn first_message(disk: &Path) -> Row {
    let lab = Lab::on_disk(2, disk.join("first"));
    let took = idle::first_message(&lab).as_secs_f64() * 1e3;
    Row::new("start of a daemon to its first message heard", took, "ms").alarm(Bound::AtMost(3_000.0))
}

fn throughput(lab: &Lab, length: Length, each: &mut impl FnMut(Row)) {
    for (name, size) in SIZES {
        let work = |means| Work { means, size, rate: None, seconds: length.seconds };
        if size < 2048 {
            each(Row::new(format!("{name} raw"), measure(lab, &work(Means::Raw)).rate(), "msg/s"));
        }
        let floor = measure(lab, &work(Means::Window));
        each(Row::new(format!("{name} raw-win"), floor.rate(), "msg/s"));
        for (kind, means) in [("live", Means::Live), ("kept", Means::Kept)] {
            let outcome = measure(lab, &work(means));
            let mut row = Row::new(format!("{name} {kind}, 1 to 3"), outcome.rate(), "msg/s");
            row = row.beside("raw-win", floor.rate());
            (row.goal, row.alarm) = bounds(size, means);
            each(row);
            each(complete(format!("{name} {kind}: delivered"), &outcome));
        }
    }
}

/// What is asked of throughput, and what is far below it.
fn bounds(size: usize, means: Means) -> (Option<Bound>, Option<Bound>) {
    match (size, means) {
        (64, Means::Live) => (Some(Bound::RatioAtLeast(0.10)), Some(Bound::RatioAtLeast(0.02))),
        (1024, Means::Live) => (Some(Bound::RatioAtLeast(0.25)), Some(Bound::RatioAtLeast(0.05))),
        (64, Means::Kept) => (Some(Bound::AtLeast(20_000.0)), Some(Bound::AtLeast(4_000.0))),
        _ => (None, None),
    }
}

fn complete(name: String, outcome: &Outcome) -> Row {
    let disorder: u64 = outcome.got.iter().map(|got| got.disorder).sum();
    // A message out of order or twice is as bad as one that is missing.
    let share = if disorder > 0 { 0.0 } else { outcome.complete() };
    Row::new(name, share, "of all").goal(Bound::AtLeast(1.0)).alarm(Bound::AtLeast(1.0))
}

/// Between two hosts the floor is what a message needs: daemons that copy, one signature, one verification. Where several hosts
/// share one machine's processors, each verifies there, and the last one waits for the others.
fn latency(lab: &Lab, length: Length, each: &mut impl FnMut(Row)) {
    let work = |means| Work { means, size: 64, rate: Some(1_000), seconds: length.seconds * 2.0 };
    let name = |kind: &str, figure: &str| {
        format!("latency at 1,000/s, {kind}, 1 to {}: {figure}", lab.hosts().len() - 1)
    };
    let (raw, _) = measure(lab, &work(Means::Raw)).latency();
    each(Row::new(name("raw", "p50"), raw, "µs"));
    let (relay, relay_p99) = measure(lab, &work(Means::Relay)).latency();
    each(Row::new(name("raw-daemon", "p50"), relay, "µs"));
    each(Row::new(name("raw-daemon", "p99"), relay_p99, "µs"));
    let crypto = signature();
    each(Row::new("one signature and one verification", crypto, "µs"));
    for (kind, means) in [("live", Means::Live), ("kept", Means::Kept)] {
        let outcome = measure(lab, &work(means));
        let (p50, p99) = outcome.latency();
        let row = Row::new(name(kind, "p50"), p50, "µs").beside("floor", relay + crypto);
        each(row.goal(Bound::RatioAtMost(1.5)).alarm(Bound::RatioAtMost(10.0)));
        each(Row::new(name(kind, "p99"), p99, "µs").beside("floor", relay + crypto));
        each(complete(name(kind, "delivered"), &outcome));
    }
}

fn loss(lab: &Lab, length: Length, each: &mut impl FnMut(Row)) {
    for percent in [0, 1, 5, 10] {
        lab.lose(f64::from(percent) / 100.0);
        for (shown, rate) in [("1,000", 1_000), ("5,000", 5_000)] {
            let work = Work { means: Means::Live, size: 1024, rate: Some(rate), seconds: length.seconds };
            let outcome = measure(lab, &work);
            let (p50, p99) = outcome.latency();
            let name = |what: &str| format!("1 KiB at {shown}/s, {percent} % loss: {what}");
            each(Row::new(name("p50"), p50, "µs"));
            each(Row::new(name("p99"), p99, "µs"));
            each(Row::new(name("wire"), outcome.wire, "B/B").alarm(Bound::AtMost(4.0)));
            each(complete(name("delivered"), &outcome));
        }
        let work = Work { means: Means::Live, size: 1024, rate: None, seconds: length.seconds };
        let outcome = measure(lab, &work);
        each(Row::new(format!("1 KiB live, {percent} % loss"), outcome.rate(), "msg/s"));
        each(complete(format!("1 KiB live, {percent} % loss: delivered"), &outcome));
    }
    lab.lose(0.0);
}

/// The same work in an open session and in one by invitation, in turns: what else the machine does meets both.
fn sealed(lab: &Lab, length: Length, each: &mut impl FnMut(Row)) {
    let work = |means| Work { means, size: 1024, rate: None, seconds: length.seconds };
    let mut turns: Vec<(f64, f64)> = Vec::new();
    for turn in 1..=SEALED_TURNS {
        let (open, sealed) = (measure(lab, &work(Means::Live)), measure(lab, &work(Means::Sealed)));
        each(complete(format!("1 KiB live, sealed, turn {turn}: delivered"), &sealed));
        turns.push((open.rate(), sealed.rate()));
    }
    turns.sort_by(|(a, b), (c, d)| (b / a).total_cmp(&(d / c)));
    let (open, sealed) = turns[turns.len() / 2];
    each(Row::new("1 KiB live, open, median turn", open, "msg/s"));
    let row = Row::new("1 KiB live, sealed, median turn", sealed, "msg/s").beside("open", open);
    each(row.goal(Bound::RatioAtLeast(0.6)).alarm(Bound::RatioAtLeast(0.2)));
}

/// What signing and verifying a datagram takes on this machine, in microseconds: the median, as of what it is compared with.
fn signature() -> f64 {
    const ROUNDS: usize = 501;
    let key = SigningKey::from_bytes(&[7; 32]);
    let public = key.verifying_key();
    let datagram = [7; 200];
    let mut took: Vec<Duration> = Vec::new();
    for _ in 0..ROUNDS {
        let start = Instant::now();
        let signature = key.sign(&datagram);
        public.verify_strict(&datagram, &signature).expect("our own signature");
        took.push(start.elapsed());
    }
    took.sort_unstable();
    took[ROUNDS / 2].as_secs_f64() * 1e6
}
