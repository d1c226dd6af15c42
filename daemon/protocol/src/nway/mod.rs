//! Running an app together: what is said of it, and what follows.
//!
//! An app session lives in *notices*: entries of the members' own logs in the parent session. One says what everybody is
//! asked into; each member says how they stand, and nobody else says it for them. So a host's view is a function of the
//! notices it holds: it does not matter in which order they came, who is there, or whether who invited still is.
//!
//! [`notice`] is what is said, [`activity`] what follows from it, [`turn`] how a member comes from one standing to the next.
//! Nothing here knows of time or of the network.

pub mod activity;
pub mod notice;
pub mod turn;
