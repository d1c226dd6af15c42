//! The shared whiteboard: what a board is, how boards of several people become the same board, how one looks as a picture, and what
//! is done to it; and the window on top.
//!
//! Invariant: only `window` knows a toolkit; all else works, and is tested, without a display.

mod anew;
pub mod command;
pub mod files;
pub mod gauge;
pub mod keep;
pub mod live;
pub mod model;
pub mod moderating;
pub mod pictures;
pub mod progress;
pub mod render;
pub mod sitting;
mod snapshots;
pub mod tool;
mod whole;
pub mod window;
