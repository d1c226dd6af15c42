//! How Chalktalk's windows look: fonts that come with the programs, fonts of the machine, colours, and text in every script.
//!
//! The toolkit shapes text, but knows no order of right and left: what people write is laid out by [`Typesetter`].
//!
//! Invariant: nothing here knows what is shown; it is only shown the same way in all windows.

mod atlas;
pub mod avatar;
mod faces;
pub mod fonts;
mod glyph;
pub mod picture;
mod sheet;
pub mod theme;
mod typesetter;
mod waker;

pub use faces::{Face, Faces};
pub use sheet::{Inks, Sheet};
pub use typesetter::{Ink, Look, Typesetter, is_emoji};
pub use waker::Waker;
