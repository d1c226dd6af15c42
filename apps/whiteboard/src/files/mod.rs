//! Boards and drawings as files: our own JSON, Excalidraw's, SVG, pictures.
//!
//! Invariant: reading a file gives shapes that a board takes, and says what it left out; it opens nothing else.

mod excalidraw;
mod json;
mod svg;

pub use excalidraw::{from_excalidraw, to_excalidraw};
pub use json::{from_json, to_json};
pub use svg::from_svg;

use crate::{
    model::{Body, Kind, Shape},
    render::{ImageError, Images},
};

/// Longest file that is read: more than the largest board makes.
pub const MAX_FILE: usize = 64 << 20;

/// Most objects of one file.
pub const MAX_OBJECTS: usize = 100_000;

/// What was read.
#[derive(Clone, Debug, Default)]
pub struct Drawing {
    /// What a board takes, from the back to the front.
    pub shapes: Vec<Shape>,
    /// What was left out or changed, for people.
    pub remarks: Vec<String>,
}

/// Why a file was not read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// Too long.
    #[error("the file has {0} bytes; drawings may have {MAX_FILE}")]
    TooLong(usize),
    /// Too much in it.
    #[error("the file holds {0} objects; at most {MAX_OBJECTS} are possible: split it")]
    TooMany(usize),
    /// Not what it seems to be.
    #[error("{0}")]
    Broken(String),
    /// A picture.
    #[error(transparent)]
    Image(#[from] ImageError),
}

/// Reads a drawing of any kind, told apart by what is in it.
///
/// # Errors
/// It is too large, damaged, or of no kind that is known.
pub fn read(file: &[u8], images: &mut Images) -> Result<Drawing, ReadError> {
    if file.len() > MAX_FILE {
        return Err(ReadError::TooLong(file.len()));
    }
    let start = file.trim_ascii_start();
    let start = start.strip_prefix(b"\xef\xbb\xbf").unwrap_or(start);
    match start {
        [b'{', ..] => {
            let value: serde_json::Value = serde_json::from_slice(start)
                .map_err(|e| ReadError::Broken(format!("the file is no JSON that can be read: {e}")))?;
            let kind = value["type"].as_str().unwrap_or_default();
            if kind.starts_with("excalidraw") { from_excalidraw(&value, images) } else { from_json(&value) }
        }
        [b'<', ..] => from_svg(start),
        [] => Err(ReadError::Broken("the file is empty".into())),
        _ => picture(file.to_vec(), images),
    }
}

/// A picture, in its own size.
fn picture(file: Vec<u8>, images: &mut Images) -> Result<Drawing, ReadError> {
    let image = images.insert(file)?;
    let shape = Shape::with_body(Kind::Image, Body::Image(image), [0.0, 0.0]);
    Ok(Drawing { shapes: vec![shape], remarks: Vec::new() })
}

/// Leaves out what a board would refuse, and says how many there were.
fn sound(mut drawing: Drawing) -> Drawing {
    let before = drawing.shapes.len();
    drawing.shapes.retain(|shape| shape.check().is_ok());
    let left_out = before - drawing.shapes.len();
    if left_out > 0 {
        drawing
            .remarks
            .push(format!("{left_out} objects were left out: they lie out of bounds or are too large"));
    }
    drawing
}

#[cfg(test)]
mod tests;
