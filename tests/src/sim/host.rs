//! A host: a node that lives and dies, the disk that outlives it, and the agent of its user.
//!
//! Invariant: a host that is down has no node, and a new life has a higher incarnation.

use super::disk::Disk;
use chalktalk_ipc::{AppId, SessionId, UserId, request::RegisteredApp};
use chalktalk_protocol::{Instant, Node};
use std::{
    collections::{BTreeMap, BTreeSet},
    net::SocketAddr,
    time::Duration,
};

/// What comes of a launch.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Launches {
    /// The program attaches and opens the session.
    Work,
    /// It cannot be started.
    Fail,
    /// It starts and never attaches.
    NeverAttach,
    /// It starts and ends before it attaches.
    Exit,
}

/// A user's agent.
#[derive(Clone, Debug)]
pub struct AgentHabits {
    /// What it can launch.
    pub apps: Vec<RegisteredApp>,
    /// What comes of it.
    pub launches: Launches,
    /// How long a program takes to start.
    pub takes: Duration,
}

impl AgentHabits {
    /// One that launches chat.
    pub fn of_chat() -> Self {
        let app = RegisteredApp {
            app: AppId::chat(),
            name: "Chat".into(),
            version: "1".into(),
            many: true,
            headless: true,
            together: Default::default(),
        };
        Self { apps: vec![app], launches: Launches::Work, takes: Duration::from_millis(300) }
    }
}

/// A host.
pub struct Host {
    /// Seed of its keys.
    pub seed: [u8; 32],
    /// Seed of its user's identity.
    pub identity: [u8; 32],
    /// The life it is in, or was in last.
    pub life: u64,
    /// The core, while it runs.
    pub node: Option<Node>,
    /// Its disk.
    pub disk: Disk,
    /// Its one user.
    pub user: UserId,
    /// Where it can be reached alone.
    pub address: SocketAddr,
    /// The user's agent.
    pub agent: Option<AgentHabits>,
    /// When the node wants to be woken.
    pub wake: Option<Instant>,
    /// Wakes at one and the same moment.
    pub spins: (Instant, u32),
    /// Programs being launched, until they open their session or fail.
    pub launching: BTreeSet<(SessionId, UserId)>,
    /// Programs launched, per session.
    pub launched: BTreeMap<SessionId, u32>,
    /// Counters of the lives before, by name.
    pub past: BTreeMap<&'static str, u64>,
    /// How long the disk takes.
    pub sync: (Duration, Duration),
}
