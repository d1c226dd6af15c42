//! Boards and drawings as files: our own JSON, Excalidraw's, SVG, pages of PDF, pictures.
//!
//! Invariant: reading a file gives shapes that a board takes, and says what it left out; it opens nothing else.

mod appearance;
mod canvas;
mod clip;
mod excalidraw;
mod json;
mod lettering;
mod pdf;
mod shade;
mod svg;

pub use excalidraw::{from_excalidraw, to_excalidraw};
pub use json::{from_json, shapes_to_json, to_json};
pub use pdf::from_pdf;
pub use svg::from_svg;

use crate::{
    model::{Body, Kind, Shape},
    progress::{Progress, Stopped},
    render::Images,
};
use chalktalk_look::picture::PictureError;
use std::{
    fs::File,
    io::{self, Read},
    panic::{self, AssertUnwindSafe},
    path::Path,
    sync::mpsc::{self, RecvTimeoutError},
    thread,
    time::Duration,
};

/// What is told of reading objects.
const OBJECTS: &str = "Objects read";

/// Longest file that is read: more than the largest board makes.
pub const MAX_FILE: usize = 64 << 20;

/// Most objects of one file.
pub const MAX_OBJECTS: usize = 100_000;

/// Reading recurses as deep as some files say; deeper than this they are not meant to be read.
const STACK: usize = 32 << 20;

/// Who reads aside is stopped within this time.
const HEAR_EVERY: Duration = Duration::from_millis(50);

/// Most numbers and names in a JSON file: each takes some sixty bytes of memory while it is read.
const MAX_VALUES: usize = 8_000_000;

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
    /// Far too much in it.
    #[error("the file holds {0} numbers and names; at most {MAX_VALUES} are possible: split it")]
    TooManyValues(usize),
    /// Not what it seems to be.
    #[error("{0}")]
    Broken(String),
    /// A picture.
    #[error(transparent)]
    Image(#[from] PictureError),
    /// Nobody wants it any more.
    #[error(transparent)]
    Stopped(#[from] Stopped),
}

/// Reads a drawing of any kind, told apart by what is in it.
///
/// # Errors
/// It is too large, damaged, or of no kind that is known.
pub fn read(file: &[u8], images: &mut Images, progress: &Progress) -> Result<Drawing, ReadError> {
    progress.begin("Reading", None)?;
    if file.len() > MAX_FILE {
        return Err(ReadError::TooLong(file.len()));
    }
    let start = file.trim_ascii_start();
    let start = start.strip_prefix(b"\xef\xbb\xbf").unwrap_or(start);
    match start {
        [b'{', ..] => {
            let values = start.iter().filter(|byte| **byte == b',').count();
            if values > MAX_VALUES {
                return Err(ReadError::TooManyValues(values));
            }
            let value: serde_json::Value = serde_json::from_slice(start)
                .map_err(|e| ReadError::Broken(format!("the file is no JSON that can be read: {e}")))?;
            let kind = value["type"].as_str().unwrap_or_default();
            if kind.starts_with("excalidraw") {
                from_excalidraw(&value, images, progress)
            } else {
                from_json(&value, progress)
            }
        }
        [b'<', ..] => from_svg(start, images, progress),
        [b'%', b'P', b'D', b'F', ..] => from_pdf(file, images, progress),
        [] => Err(ReadError::Broken("the file is empty".into())),
        _ => picture(file.to_vec(), images),
    }
}

/// Reads a file from the disk, as far as it may be long: the rest of a longer one is not needed to refuse it.
///
/// # Errors
/// The file cannot be read.
pub fn read_whole(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?.take(MAX_FILE as u64 + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Reads a file in a thread of its own, with a stack for files that lie in each other. What is stopped is heard at once: what parses then
/// hears it only at its end, and gives it to nobody.
fn aside(
    kind: &'static str,
    file: &[u8],
    images: &mut Images,
    progress: &Progress,
    read: fn(Vec<u8>, &mut Images, &Progress) -> Result<Drawing, ReadError>,
) -> Result<Drawing, ReadError> {
    let broken = |why: &str| ReadError::Broken(format!("this is no {kind} file that can be read: {why}"));
    let (file, told) = (file.to_vec(), progress.clone());
    let (give, given) = mpsc::sync_channel(1);
    let work = move || {
        let mut own = Images::default();
        let read = panic::catch_unwind(AssertUnwindSafe(|| read(file, &mut own, &told)));
        // Perhaps nobody waits any more.
        let _ = give.send(read.map(|read| read.map(|drawing| (drawing, own))));
    };
    let thread = thread::Builder::new().name(kind.to_lowercase()).stack_size(STACK);
    thread.spawn(work).map_err(|e| broken(&e.to_string()))?;
    let (drawing, own) = loop {
        match given.recv_timeout(HEAR_EVERY) {
            Ok(read) => break read.map_err(|_| broken("it is damaged"))??,
            Err(RecvTimeoutError::Timeout) => progress.step(0)?,
            Err(RecvTimeoutError::Disconnected) => return Err(broken("it is damaged")),
        }
    };
    images.extend(own);
    Ok(sound(drawing))
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
