//! The library against a daemon whose every word is scripted, over a real socket.

#![expect(clippy::unwrap_used, reason = "a test ends at the first surprise")]

mod connection;
mod fake;
mod messages;
mod quiet;
