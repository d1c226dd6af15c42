//! The imperative shell of `chalktalkd`: sockets, interfaces, the store, the local socket and the loop that ties them
//! to the sans-IO core. Decisions are the core's; what is here moves bytes and keeps bounds.
//!
//! Invariant: nothing here blocks the event loop; what can wait for a disk has its own thread.

pub mod agent;
pub mod blobs;
pub mod catchup;
pub mod clients;
pub mod config;
pub mod daemon;
pub mod hardening;
pub mod health;
pub mod history;
pub mod identity;
pub mod local;
pub mod lock;
pub mod log;
pub mod manual;
pub mod net;
pub mod outputs;
pub mod passport;
pub mod places;
pub mod pulse;
pub mod requests;
pub mod shares;
pub mod signals;
pub mod store;
pub mod supervisor;
pub mod timer;
pub mod trace;
