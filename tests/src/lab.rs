//! A LAN in a box: hosts as network namespaces on one switch, made without privileges.
//!
//! The process first moves into namespaces of its own (see [`enter`](enter())); inside them it may make as many hosts as it
//! likes. Each host has `lo` and one interface `eth0` with an IPv4 and a link-local IPv6 address, and no route
//! beyond the link.
//!
//! Invariant: a lab's namespaces, processes and files vanish with the process, however it ends.

pub mod disk;
pub mod enter;
pub mod host;
pub mod process;
pub mod switch;
pub mod tool;

pub use enter::{Missing, enter, skip};
pub use host::Host;
pub use process::Process;

use std::{
    path::PathBuf,
    sync::atomic::{AtomicU32, Ordering},
};
use switch::{Faults, Switch};
use tool::{has, run};

/// Makes sure of a program that a test needs: a name, or a path.
///
/// # Panics
/// Ends the test as skipped where it is missing.
pub fn require(program: &str, package: &str) {
    if !tool::has(program) {
        skip(&format!("{program} is missing (package {package})"));
    }
}

/// Everything of the lab that is a file lives below: a tmpfs that only these namespaces see.
const ROOT: &str = "/run/lab";

/// How the hosts of a lab are joined.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Wire {
    /// The kernel's bridge, which floods multicast.
    Bridge,
    /// A switch of our own that loses, repeats, delays, reorders and damages frames.
    Faulty(Faults),
}

/// Hosts on one switch.
pub struct Lab {
    hosts: Vec<Host>,
    bridge: String,
    switch: Option<Switch>,
}

impl Lab {
    /// `count` hosts, numbered from 1, on a plain switch.
    pub fn new(count: usize) -> Self {
        Self::wired(count, Wire::Bridge)
    }

    /// `count` hosts on a switch of this kind, their files in memory.
    pub fn wired(count: usize, wire: Wire) -> Self {
        static LABS: AtomicU32 = AtomicU32::new(1);
        let number = LABS.fetch_add(1, Ordering::Relaxed);
        Self::build(count, wire, number, PathBuf::from(format!("{ROOT}/{number}")))
    }

    /// `count` hosts on a plain switch, whose files are in a folder of a real disk: for measuring what storing costs.
    pub fn on_disk(count: usize, root: PathBuf) -> Self {
        static LABS: AtomicU32 = AtomicU32::new(1000);
        Self::build(count, Wire::Bridge, LABS.fetch_add(1, Ordering::Relaxed), root)
    }

    fn build(count: usize, wire: Wire, number: u32, root: PathBuf) -> Self {
        if let Err(Missing(reason)) = enter::inside() {
            skip(&reason);
        }
        let bridge = format!("lab{number}");
        run("ip", &["netns", "add", &bridge]);
        if !matches!(wire, Wire::Faulty(_)) {
            let kind = ["type", "bridge", "mcast_snooping", "0", "stp_state", "0", "forward_delay", "0"];
            run("ip", &[&["-n", &bridge, "link", "add", "br0"], &kind[..]].concat());
            run("ip", &["-n", &bridge, "link", "set", "br0", "up"]);
        }
        let mut lab = Self { hosts: Vec::new(), bridge, switch: None };
        for index in 1..=count {
            let dir = root.join(format!("h{index}"));
            let host = Host::create(number, index, &lab.bridge, dir);
            lab.hosts.push(host);
        }
        match wire {
            Wire::Faulty(faults) => {
                lab.hosts.iter().for_each(Host::compute_checksums);
                let ports = (1..=count).map(|i| format!("p{i}")).collect::<Vec<_>>();
                lab.switch = Some(Switch::start(&lab.bridge, &ports, faults));
            }
            Wire::Bridge => lab.hosts.iter().for_each(Host::plug_in),
        }
        lab
    }

    /// The hosts, in order.
    pub fn hosts(&self) -> &[Host] {
        &self.hosts
    }

    /// Host number `n`, from 1.
    pub fn host(&self, n: usize) -> &Host {
        &self.hosts[n - 1]
    }

    /// The kernel's switch keeps these hosts apart from each other, as access points do with their clients; everybody else still
    /// reaches them.
    pub fn keep_apart(&self, hosts: &[usize]) {
        for n in hosts {
            run("bridge", &["-n", &self.bridge, "link", "set", "dev", &format!("p{n}"), "isolated", "on"]);
        }
    }

    /// The kernel's switch sends multicast on only where somebody has asked for it (IGMP and MLD snooping), and takes itself for
    /// the querier, but asks nobody: what hosts have asked for is forgotten after a second.
    pub fn snoop_without_a_querier(&self) {
        // Who asks for IPv6 groups needs an address that is not still being looked at.
        run("ip", &["-n", &self.bridge, "addr", "add", "fe80::b/64", "dev", "br0", "nodad"]);
        let start = ["-n", &self.bridge, "link", "set", "br0", "type", "bridge"];
        let slow = ["mcast_query_interval", "100000000", "mcast_startup_query_interval", "100000000"];
        let short = ["mcast_query_response_interval", "10", "mcast_membership_interval", "100"];
        run("ip", &[&start[..], &slow, &short].concat());
        // Only then: a querier counts once its first answers are due.
        run("ip", &[&start[..], &["mcast_querier", "1", "mcast_snooping", "1"]].concat());
    }

    /// The switch of our own, in a lab that has one.
    pub fn switch(&self) -> &Switch {
        self.switch.as_ref().expect("a lab wired with Wire::Faulty")
    }

    /// Each host drops this share of the frames that reach it, from now on.
    ///
    /// # Panics
    /// Ends the test as skipped where `nft` is missing.
    pub fn lose(&self, share: f64) {
        self.hosts.iter().for_each(|host| host.lose(share));
    }

    /// What all hosts together have put on the wire.
    pub fn traffic(&self) -> Traffic {
        self.hosts.iter().map(|host| host.sent()).fold(Traffic::default(), |sum, one| Traffic {
            bytes: sum.bytes + one.bytes,
            packets: sum.packets + one.packets,
        })
    }

    /// Shapes every port of the switch and every host's interface to this many Mbit/s.
    pub fn rate(&self, mbit: u32) {
        if !has("tc") {
            skip("tc is missing (package iproute2)");
        }
        self.hosts.iter().for_each(|host| host.rate(mbit));
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        process::kill_all();
        self.switch = None;
        for host in &self.hosts {
            host.remove();
        }
        tool::try_run("ip", &["netns", "del", &self.bridge]);
    }
}

/// Frames counted at the switch's ports.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Traffic {
    /// Bytes with Ethernet headers.
    pub bytes: u64,
    /// Frames.
    pub packets: u64,
}

impl std::ops::Sub for Traffic {
    type Output = Self;
    fn sub(self, earlier: Self) -> Self {
        Self { bytes: self.bytes - earlier.bytes, packets: self.packets - earlier.packets }
    }
}
