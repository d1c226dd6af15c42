//! A simulator of many hosts on one network, in virtual time.
//!
//! Invariant: nothing here reads a clock, a file or a socket; a seed says everything that happens.

pub mod app;
pub mod boards;
pub mod chance;
pub mod club;
pub mod copies;
pub mod disk;
pub mod games;
pub mod host;
pub mod ledger;
pub mod network;
pub mod rooms;
pub mod swarm;
pub mod trace;
pub mod world;

pub use app::{Acks, Habits};
pub use host::{AgentHabits, Launches};
pub use network::Faults;
pub use world::{World, lobby, open_board};
