//! How a board looks: shapes become marks (`picture`), marks become pixels (`raster`), SVG (`svg`) or PDF (`pdf`).
//!
//! Invariant: the three show the same, for they draw the same marks.

mod images;
mod letters;
mod pdf;
mod picture;
mod raster;
mod svg;

pub use images::{Decoded, Images};
pub use letters::{Block, Letters};
pub use pdf::{PdfError, pdf};
pub use picture::{Mark, Painter, Picture, freehand};
pub use raster::{MAX_PIXELS, PngError, Raster, png, to_png};
pub use svg::svg;

pub(crate) use picture::NOTE;
