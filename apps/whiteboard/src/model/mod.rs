//! What a board is.
//!
//! From the bottom up: `stamp` names and orders writes; `wire` is bytes and back; `points` and `outline` are what is drawn;
//! `property` is the meaning of a register; `replica` merges registers, whatever they mean; `shape` is an object as
//! people see it; `history` is what one person can take back; `authors` is who made what; `board` is all of it together, and `arrange` what one does to several objects at once;
//! `roles` is who may draw, `past` how a board came to be, and `weave` joins two texts.
//!
//! Invariant: a board is the join of the writes that count, in whatever order and however often it saw them.

mod arrange;
mod authors;
mod board;
mod history;
mod outline;
mod past;
mod points;
mod property;
mod rank;
mod replica;
mod roles;
mod shape;
mod stamp;
#[cfg(test)]
mod tests;
mod weave;
mod wire;

pub use arrange::{Edge, Order, stretched, turned};
pub use board::{Author, Board, EditError, Edits, Placement};
pub use outline::{Outline, Verb};
pub use past::{Moment, Past};
pub use points::{MAX_POINTS, Points, Sample};
pub use property::{
    Align, Body, Colour, Dash, Flaw, Font, Head, Heads, ImageRef, Kind, MAX_COORDINATE, MAX_TEXT, Property,
};
pub use roles::{Log, Place, Role, Roles, Setting, Source, Verdict};
pub use shape::{Bounds, Shape, Style};
pub use stamp::{Actor, ObjectId, Stamp};
pub use weave::weave;
pub use wire::MAX_MESSAGE;

pub(crate) use wire::{Reader, put_bytes, put_varint};
