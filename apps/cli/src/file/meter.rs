//! Progress on standard error, where a person looks: how much, how fast, from how many.

use chalktalk_client::{Transferred, files::size_for_people};
use std::{
    io::{self, IsTerminal, Write},
    time::{Duration, Instant},
};

/// How often the line is drawn again.
const DRAW: Duration = Duration::from_millis(200);

/// One line that changes, and is gone when it is done with.
pub(super) struct Meter {
    name: String,
    shown: bool,
    began: Instant,
    drawn: Option<Instant>,
    first: Option<u64>,
    /// When something has last come, and how much there was.
    moved: (Instant, u64),
}

impl Meter {
    pub(super) fn new(name: &str) -> Self {
        let now = Instant::now();
        let (name, shown) = (name.to_owned(), io::stderr().is_terminal());
        Self { name, shown, began: now, drawn: None, first: None, moved: (now, 0) }
    }

    /// Draws how far it has come. False: nothing has come for as long as `patience`.
    pub(super) fn draw(&mut self, progress: Transferred, patience: Duration) -> bool {
        let now = Instant::now();
        if progress.done > self.moved.1 {
            self.moved = (now, progress.done);
        }
        if self.shown && self.drawn.is_none_or(|drawn| drawn + DRAW <= now) {
            self.drawn = Some(now);
            let line = self.line(progress, now);
            let _ = write!(io::stderr(), "\r\x1b[2K{line}");
        }
        now < self.moved.0 + patience
    }

    fn line(&mut self, progress: Transferred, now: Instant) -> String {
        let Transferred { done, size, holders } = progress;
        let first = *self.first.get_or_insert(done);
        let percent = (done * 100).checked_div(size).unwrap_or(0);
        let seconds = now.duration_since(self.began).as_secs_f64().max(0.001);
        let speed = size_for_people((done.saturating_sub(first) as f64 / seconds) as u64);
        let from = match holders {
            0 if done == 0 => ", waiting for somebody who has it".to_owned(),
            0 | 1 => String::new(),
            several => format!(" from {several}"),
        };
        format!("{}  {percent}% of {}, {speed}/s{from}", self.name, size_for_people(size))
    }
}

impl Drop for Meter {
    fn drop(&mut self) {
        if self.drawn.is_some() {
            let _ = write!(io::stderr(), "\r\x1b[2K");
        }
    }
}
