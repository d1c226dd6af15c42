//! How far something long is, told while it is being done, and the word to stop.
//!
//! Invariant: who does it waits for nobody who looks, and hears a stop at the next step.

use std::{
    fmt,
    io::{self, IsTerminal, Write},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
        mpsc::{self, RecvTimeoutError, Sender},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

/// Who waits at a terminal is told so often how far it is.
const TELL_EVERY: Duration = Duration::from_millis(200);

/// Shared by who does something and who waits for it.
#[derive(Clone, Debug, Default)]
pub struct Progress(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    stopped: AtomicBool,
    part: Mutex<Part>,
}

/// What is being done, and how much of it is.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Part {
    /// In words for people.
    pub what: &'static str,
    /// So many are done.
    pub done: usize,
    /// Of so many; none: nobody knows.
    pub all: Option<usize>,
}

/// Nobody wants it any more.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("stopped")]
pub struct Stopped;

impl Progress {
    /// Begins a part of it.
    ///
    /// # Errors
    /// Nobody wants it any more.
    pub fn begin(&self, what: &'static str, all: impl Into<Option<usize>>) -> Result<(), Stopped> {
        *self.part() = Part { what, done: 0, all: all.into() };
        self.go_on()
    }

    /// So many more are done.
    ///
    /// # Errors
    /// Nobody wants it any more.
    pub fn step(&self, more: usize) -> Result<(), Stopped> {
        self.part().done += more;
        self.go_on()
    }

    /// So many are done now.
    ///
    /// # Errors
    /// Nobody wants it any more.
    pub fn reach(&self, done: usize) -> Result<(), Stopped> {
        self.part().done = done;
        self.go_on()
    }

    fn go_on(&self) -> Result<(), Stopped> {
        if self.is_stopped() { Err(Stopped) } else { Ok(()) }
    }

    /// Nobody wants it any more.
    pub fn stop(&self) {
        self.0.stopped.store(true, Ordering::Relaxed);
    }

    /// Whether nobody wants it any more.
    pub fn is_stopped(&self) -> bool {
        self.0.stopped.load(Ordering::Relaxed)
    }

    /// How far it is.
    pub fn now(&self) -> Part {
        *self.part()
    }

    fn part(&self) -> MutexGuard<'_, Part> {
        self.0.part.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Part {
    /// From 0 to 1; none: nobody knows.
    pub fn fraction(self) -> Option<f32> {
        let all = self.all.filter(|all| *all > 0)?;
        Some((self.done as f32 / all as f32).min(1.0))
    }
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.all, self.done) {
            (Some(all), done) => write!(f, "{}: {done} of {all}", self.what),
            (None, 0) => write!(f, "{}…", self.what),
            (None, done) => write!(f, "{}: {done}", self.what),
        }
    }
}

/// Tells on standard error how far something is, where that is a terminal, for as long as this is there.
#[derive(Debug)]
pub struct Told(Option<(Sender<()>, JoinHandle<()>)>);

impl Told {
    /// Tells it from now on.
    pub fn on_terminal(progress: &Progress) -> Self {
        if !io::stderr().is_terminal() {
            return Self(None);
        }
        let (end, ended) = mpsc::channel();
        let progress = progress.clone();
        let work = move || {
            let mut told = Part::default();
            while ended.recv_timeout(TELL_EVERY) == Err(RecvTimeoutError::Timeout) {
                let now = progress.now();
                if now != told {
                    told = now;
                    let percent = now.fraction().map(|f| format!(" ({:.0} %)", f * 100.0));
                    // A terminal that is gone is told nothing.
                    let _ = write!(io::stderr(), "\r\x1b[K{now}{}", percent.unwrap_or_default());
                }
            }
            if told != Part::default() {
                let _ = write!(io::stderr(), "\r\x1b[K");
            }
        };
        let thread = thread::Builder::new().name("progress".into()).spawn(work);
        Self(thread.ok().map(|thread| (end, thread)))
    }
}

impl Drop for Told {
    fn drop(&mut self) {
        if let Some((end, thread)) = self.0.take() {
            drop(end);
            // What is said next begins on an empty line.
            let _ = thread.join();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_looks_sees_how_far_it_is_and_who_works_hears_a_stop() {
        let work = Progress::default();
        let look = work.clone();
        assert_eq!(look.now().fraction(), None);
        work.begin("objects", 4).unwrap();
        work.step(1).unwrap();
        assert_eq!((look.now().fraction(), look.now().to_string()), (Some(0.25), "objects: 1 of 4".into()));
        work.reach(3).unwrap();
        assert_eq!(look.now().fraction(), Some(0.75));
        look.stop();
        assert_eq!((work.step(1), work.begin("rows", None)), (Err(Stopped), Err(Stopped)));
        assert_eq!(look.now().to_string(), "rows…");
    }
}
