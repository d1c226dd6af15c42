//! The shared whiteboard, without a toolkit: what a board is, how boards of several people become the same board, and
//! how one looks as a picture.
//!
//! Invariant: nothing here opens a window; the window is a program on top that needs nothing of the board that is not public.

pub mod model;
