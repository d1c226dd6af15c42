//! Work beside the window: on a thread of its own, with an outcome that wakes the window.
//!
//! Invariant: the window never waits.

use eframe::egui::Context;
use std::{
    io,
    sync::mpsc::{Receiver, channel},
    thread,
};

/// Something that is being done.
pub(super) struct Aside<T>(Receiver<T>);

impl<T: Send + 'static> Aside<T> {
    /// Starts it.
    pub(super) fn start(
        ctx: &Context,
        name: &str,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> io::Result<Self> {
        let (put, done) = channel();
        let ctx = ctx.clone();
        let run = move || {
            // A window that is gone does not want it any more.
            let _ = put.send(work());
            ctx.request_repaint();
        };
        thread::Builder::new().name(name.into()).spawn(run)?;
        Ok(Self(done))
    }

    /// What came of it, once.
    pub(super) fn poll(&self) -> Option<T> {
        self.0.try_recv().ok()
    }
}
