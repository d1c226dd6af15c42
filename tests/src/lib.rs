//! What the end-to-end suites and the benchmark stand on: a lab of hosts in network namespaces, the real programs
//! run in it, and a small test runner that knows when a machine lacks something.
//!
//! Invariant: nothing here touches the machine's own network, and nothing outlives the process that made it.

pub mod app;
pub mod bench;
pub mod binaries;
pub mod booted;
pub mod desktop;
pub mod lab;
pub mod machine;
pub mod notifications;
pub mod offer;
pub mod programs;
pub mod runner;
pub mod sim;
pub mod texts;
pub mod tray;
pub mod wait;
