//! Search over what was said in the chat.
//!
//! The daemon's logs are the truth. This crate keeps a view of them that finds words quickly ([`Index`], SQLite's FTS5),
//! brings it up to date when somebody searches ([`fill()`]), and reads what people type ([`Query`]). The view can be deleted at
//! any time: the next search makes it anew.
//!
//! Invariant: the view holds what a chat would show, neither more nor less: what was edited is found by its last text alone,
//! what was deleted not at all (`docs/chat.md`).

mod fill;
mod index;
mod query;
mod words;

pub use fill::{FillError, Progress, fill};
pub use index::{Hit, Index, IndexError};
pub use query::{BadQuery, Has, Query};
