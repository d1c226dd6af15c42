//! Lets what happens elsewhere wake the window.

use eframe::egui;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Lets events from the daemon wake the window, as long as there is one.
#[derive(Clone, Debug, Default)]
pub struct Waker(Arc<Mutex<Option<egui::Context>>>);

impl Waker {
    /// The window is there. There is one a process.
    pub fn set(&self, ctx: &egui::Context) {
        *self.window() = Some(ctx.clone());
    }

    /// The window is gone.
    pub fn unset(&self) {
        *self.window() = None;
    }

    /// Something has arrived.
    pub fn wake(&self) {
        // What a window does when it is woken is not done here.
        let window = self.window().clone();
        if let Some(ctx) = window {
            ctx.request_repaint();
        }
    }

    fn window(&self) -> MutexGuard<'_, Option<egui::Context>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
