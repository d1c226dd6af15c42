//! Lets what happens elsewhere wake the window.

use eframe::egui;
use std::sync::{Arc, OnceLock};

/// Lets events from the daemon wake the window, once there is one.
#[derive(Clone, Debug, Default)]
pub struct Waker(Arc<OnceLock<egui::Context>>);

impl Waker {
    /// The window is there. There is one a process.
    pub fn set(&self, ctx: &egui::Context) {
        let _first = self.0.set(ctx.clone());
    }

    /// Something has arrived.
    pub fn wake(&self) {
        if let Some(ctx) = self.0.get() {
            ctx.request_repaint();
        }
    }
}
