//! The window: eframe on top of model, tools and renderer.
//!
//! Invariant: nothing here decides what a board is; it shows one, and hands events to the tools.

mod action;
mod app;
mod aside;
mod bars;
mod canvas;
mod colours;
mod doing;
mod dropped;
mod gallery;
mod icon;
mod input;
mod lens;
mod moderating;
mod overlay;
mod people;
mod replay;
mod sheets;
mod style;
mod talk;
mod theme;
mod tiles;
mod view;
mod works;
mod writing;

use crate::{command::CommandError, gauge::Gauge, sitting::Sitting};
use app::App;
use chalktalk_client::Events;
use chalktalk_look::Waker;
use eframe::egui::ViewportBuilder;

/// Shows a board until its window is closed.
///
/// # Errors
/// There is no display, or no OpenGL on it.
pub fn run(sitting: Sitting, events: Events, waker: Waker, gauge: Gauge) -> Result<(), CommandError> {
    let title = format!("{} – Chalktalk", sitting.title());
    let viewport = ViewportBuilder::default()
        .with_title(title)
        .with_app_id("chalktalk-whiteboard")
        .with_inner_size([1280.0, 800.0])
        .with_min_inner_size([640.0, 420.0]);
    // Noise against bands in gradients, of which there are none here, is dear without a graphics card.
    let options = eframe::NativeOptions { viewport, dithering: false, ..Default::default() };
    let start = move |cc: &eframe::CreationContext<'_>| {
        theme::set_up(&cc.egui_ctx);
        // The keys for nearer and farther are the board's, and not those of panels and letters.
        cc.egui_ctx.options_mut(|options| options.zoom_with_keyboard = false);
        waker.set(&cc.egui_ctx);
        Ok(Box::new(App::new(&cc.egui_ctx, sitting, events, gauge)?) as Box<dyn eframe::App>)
    };
    eframe::run_native("chalktalk-whiteboard", options, Box::new(start)).map_err(|e| {
        CommandError::Other(format!(
            "the window cannot be opened ({e}); use --headless, or `chalktalk board export`"
        ))
    })
}
