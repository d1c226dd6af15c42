//! What the program measures of itself, for the benchmark: a line of JSON for each frame.
//!
//! Times are in microseconds of the machine's monotonic clock, so that the lines of several programs can be put side by side.
//!
//! Invariant: without a file to write to, nothing is measured and nothing is drawn more often.

use crate::{live::Live, model::Body, model::Shape};
use rustix::time::{ClockId, clock_gettime};
use std::{
    fs::File,
    io::{self, BufWriter, Write},
    path::Path,
};

/// Writes frames down.
#[derive(Default)]
pub struct Gauge(Option<Open>);

struct Open {
    file: BufWriter<File>,
    began: u64,
    /// Points of the stroke that is drawn here.
    own: usize,
    /// What was shown of the strokes of others, to be told when it is on the screen.
    shown: Option<Vec<(u32, usize)>>,
    /// Points here and at others that were shown last.
    last: (usize, Vec<(u32, usize)>),
}

impl Gauge {
    /// Writes into this file.
    ///
    /// # Errors
    /// It cannot be made.
    pub fn into_file(path: &Path) -> io::Result<Self> {
        let file = BufWriter::new(File::create(path)?);
        Ok(Self(Some(Open { file, began: 0, own: 0, shown: None, last: Default::default() })))
    }

    /// A frame begins: the one before is on the screen.
    pub fn on_frame(&mut self) {
        let Some(open) = &mut self.0 else { return };
        open.began = now();
        if let Some(shown) = open.shown.take().filter(|shown| !shown.is_empty()) {
            let strokes: Vec<String> =
                shown.iter().map(|(stroke, points)| format!("[{stroke},{points}]")).collect();
            let line = format!("{{\"seen\":{},\"strokes\":[{}]}}", open.began, strokes.join(","));
            open.write(&line);
        }
    }

    /// What is in the making here.
    pub fn on_preview(&mut self, shapes: &[Shape]) {
        let Some(open) = &mut self.0 else { return };
        open.own = match shapes.first().and_then(|shape| shape.body.as_ref()) {
            Some(Body::Points(points)) => points.samples().len(),
            _ => 0,
        };
    }

    /// The others are told of more of a stroke.
    pub fn on_say(&mut self, live: &Live) {
        let (Some(open), Live::Pen { stroke, first, points, .. }) = (&mut self.0, live) else { return };
        let line = format!(
            "{{\"said\":{},\"stroke\":{stroke},\"points\":{}}}",
            now(),
            *first as usize + points.len()
        );
        open.write(&line);
    }

    /// A frame was made, which shows so much of the strokes of others, by number. True: the next one is to follow at once, to see when this
    /// one was on the screen.
    pub fn on_drawn(
        &mut self,
        objects: usize,
        complete: bool,
        pens: impl Iterator<Item = (u32, usize)>,
    ) -> bool {
        let Some(open) = &mut self.0 else { return false };
        let shown: Vec<(u32, usize)> = pens.collect();
        let now_shown = (open.own, shown);
        let moves = now_shown != open.last;
        open.shown = Some(now_shown.1.clone());
        open.last = now_shown;
        let (work, own, began) = (now() - open.began, open.own, open.began);
        let line = format!(
            "{{\"frame\":{began},\"work\":{work},\"own\":{own},\"objects\":{objects},\"complete\":{complete}}}"
        );
        open.write(&line);
        moves
    }
}

impl Open {
    fn write(&mut self, line: &str) {
        // A disk that is full is seen by who reads the file.
        let _ = writeln!(self.file, "{line}").and_then(|()| self.file.flush());
    }
}

fn now() -> u64 {
    let time = clock_gettime(ClockId::Monotonic);
    time.tv_sec as u64 * 1_000_000 + time.tv_nsec as u64 / 1_000
}
