//! What Chalktalk costs, beside what the machine could do at best in the same minute.
//!
//! Absolute figures move with the machine and its neighbours; ratios to a floor measured in the same run move much
//! less. The floors are programs of our own without any guarantee: *raw* (one `send` a message), *raw-win* (packed
//! datagrams, segmentation offload, a minimal window) and *raw-daemon* (two copying daemons between two apps).
//!
//! Invariant: every process of a measurement reads the same monotonic clock, so that one-way times need no
//! agreement of clocks.

mod board;
mod files;
pub mod idle;
pub mod job;
pub mod meter;
pub mod plan;
pub mod product;
pub mod raw;
pub mod relay;
pub mod report;
pub mod rotation;
pub mod window;
