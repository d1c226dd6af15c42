//! Chat: talk in rooms and in private, in a window, in a terminal or without a screen.
//!
//! A chat message's payload is its text in UTF-8, and if need be a note behind it (`docs/chat.md`). Text from the network passes
//! [`chalktalk_ipc::text`] before it is drawn.
//!
//! Invariant: the model knows neither terminal nor socket; events go in, state and effects come out.

pub mod avatars;
pub mod card;
pub mod code;
pub mod command;
pub mod conversation;
mod desktop;
pub mod doing;
pub mod downloads;
pub mod editor;
mod emblem;
pub mod emoji;
pub mod export;
pub mod filing;
pub mod headless;
pub mod keep;
pub mod keys;
mod link;
pub mod markdown;
pub mod model;
pub mod notify;
pub mod place;
pub mod roll;
pub mod sitting;
pub mod telling;
pub mod texts;
pub mod transcript;
mod transfers;
mod tray;
pub mod tui;
pub mod window;
