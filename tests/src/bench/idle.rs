//! What Chalktalk costs while nobody says anything, and how fast a new host takes part.

use crate::{app::App, lab::Lab, programs::Daemon};
use chalktalk_ipc::request::From;
use std::time::{Duration, Instant};

/// Hosts of the quiet LAN.
pub const HOSTS: usize = 8;

/// How long a new LAN may take to calm down before it counts as idle.
const SETTLE: Duration = Duration::from_secs(3);

/// A quiet LAN.
#[derive(Clone, Copy, Debug)]
pub struct Idle {
    /// Memory of the largest daemon, in MiB.
    pub memory: f64,
    /// Frames a second of all hosts together.
    pub packets: f64,
    /// Bytes a second of each host.
    pub bytes: f64,
}

/// Watches a LAN of [`HOSTS`] hosts on which nobody says anything.
pub fn idle(watch: Duration) -> Idle {
    let (lab, daemons) = Lab::talking(HOSTS);
    std::thread::sleep(SETTLE);
    let before = lab.traffic();
    std::thread::sleep(watch);
    let traffic = lab.traffic() - before;
    let memory = daemons.iter().map(|daemon| daemon.memory()).max().unwrap_or(0);
    let seconds = watch.as_secs_f64();
    Idle {
        memory: memory as f64 / 1024.0,
        packets: traffic.packets as f64 / seconds,
        bytes: traffic.bytes as f64 / seconds / HOSTS as f64,
    }
}

/// How long a host takes from the start of its daemon until the first message of an app on it is heard elsewhere.
pub fn first_message(lab: &Lab) -> Duration {
    let _others: Vec<Daemon> = lab.hosts()[1..].iter().map(|host| host.daemon()).collect();
    let listener = lab.host(2).app("org.example.first");
    let session = listener.enter("#first", From::Start);
    let start = Instant::now();
    let _new = lab.host(1).daemon();
    let app: App = lab.host(1).app("org.example.first");
    app.enter("#first", From::Start);
    app.publish(session, "here I am");
    listener.await_text(session, "here I am");
    start.elapsed()
}
