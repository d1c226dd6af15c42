//! What a node is made of: keys, names, and what its shell knows of the world.
//!
//! Invariant: seeds are wiped from memory when they have been used.

use super::{Keep, Quota};
use crate::paths::Mode;
use std::net::SocketAddr;
use zeroize::Zeroize;

/// What a node needs to know of its world. Not to be shown: it holds a seed.
#[derive(Clone)]
pub struct NodeConfig {
    /// Seed of the host's key.
    pub host_seed: [u8; 32],
    /// The host's name.
    pub host_name: String,
    /// Seed of the generator.
    pub rng_seed: [u8; 32],
    /// Life number: durable, and larger than that of every life before.
    pub incarnation: u64,
    /// The life whose logs may be gone on with, if it ended well: the last one, on this very disk.
    pub former: Option<u64>,
    /// How frames are sent.
    pub mode: Mode,
    /// Static peers.
    pub peers: Vec<SocketAddr>,
    /// Datagrams that the socket can hold.
    pub window: u32,
    /// On a daemon that several users share: what each of them may take of it.
    pub quota: Option<Quota>,
    /// Whether others are told which apps are registered here.
    pub tell_apps: bool,
    /// How much of the past is kept.
    pub keep: Keep,
}

impl NodeConfig {
    /// A host that finds its own way, for one user, with a socket like that of most machines.
    pub fn new(name: &str, host_seed: [u8; 32], rng_seed: [u8; 32], incarnation: u64) -> Self {
        Self {
            host_seed,
            host_name: name.to_owned(),
            rng_seed,
            incarnation,
            former: incarnation.checked_sub(1),
            mode: Mode::Auto,
            peers: Vec::new(),
            window: 1000,
            quota: None,
            tell_apps: true,
            keep: Keep::default(),
        }
    }
}

impl Drop for NodeConfig {
    fn drop(&mut self) {
        self.host_seed.zeroize();
        self.rng_seed.zeroize();
    }
}

/// What a local user is made of.
#[derive(Clone)]
pub struct UserSeeds {
    /// Seed of the user's identity key.
    pub user: [u8; 32],
    /// Seed of the key that signs the user's logs on this host.
    pub origin: [u8; 32],
    /// The user's name.
    pub name: String,
}

impl Drop for UserSeeds {
    fn drop(&mut self) {
        self.user.zeroize();
        self.origin.zeroize();
    }
}
