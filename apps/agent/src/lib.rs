//! The agent: the small program in a user's session that opens programs for the daemon.
//!
//! The daemon never starts an app itself (DESIGN §9). It tells the agent "launch this app for this session"; the
//! agent looks the app up in its own registry of manifests and starts what the *manifest* says. The network
//! supplies a session's GUID and nothing else.
//!
//! Invariant: no byte that came from the daemon or the network becomes part of a path or an argument, except ids
//! in their fixed text form and the one-use token.

pub mod agent;
pub mod copies;
pub mod desktop;
pub mod installed;
pub mod link;
pub mod logs;
pub mod manifest;
pub mod plan;
pub mod policies;
pub mod registry;
pub mod settings;
pub mod template;
pub mod watching;
