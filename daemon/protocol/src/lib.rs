//! Chalktalk's core, sans IO: inputs take `now` first, outputs are pulled, nothing here touches the world.

pub mod blob;
pub mod budget;
pub mod control;
pub mod counters;
pub mod crypto;
pub mod directory;
pub mod entry;
pub mod frame;
pub mod health;
pub mod heartbeat;
pub mod ids;
pub mod launch;
pub mod log;
pub mod members;
pub mod net;
pub mod node;
pub mod nway;
pub mod outbox;
pub mod paths;
pub mod people;
pub mod probe;
pub mod records;
pub mod seal;
pub mod session;
pub mod signatures;
pub mod store;
pub mod strangers;
pub mod stream;
pub mod time;

pub use node::{Action, Node, NodeConfig, UserSeeds};
pub use time::Instant;
