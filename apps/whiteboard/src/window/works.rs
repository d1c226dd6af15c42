//! What takes long: a bar for each, and a button that stops it.
//!
//! Invariant: what was stopped is not shown any more, and changes nothing.

use super::{app::App, bars::floating, gallery::Work, replay};
use eframe::egui::{Align2, Button, Context, ProgressBar, Role, WidgetInfo, vec2};
use std::time::Duration;

/// What takes less needs no bar.
const LONG: Duration = Duration::from_millis(400);

/// So often the bars move.
const MOVE_EVERY: Duration = Duration::from_millis(100);

/// Shows how far everything is.
pub(super) fn show(app: &mut App, ctx: &Context) {
    let saving = app.saving.iter().map(|(_, work)| work);
    let works: Vec<&Work> =
        app.gallery.imports.iter().chain(saving).filter(|work| !work.progress.is_stopped()).collect();
    if works.is_empty() {
        return;
    }
    ctx.request_repaint_after(MOVE_EVERY);
    let works: Vec<&Work> = works.into_iter().filter(|work| work.since.elapsed() > LONG).collect();
    if works.is_empty() {
        return;
    }
    let mut stopped = None;
    let up = if app.replay.is_some() { -112.0 - replay::above(ctx) } else { -68.0 };
    floating(ctx, "works", Align2::CENTER_BOTTOM, vec2(0.0, up), |ui| {
        ui.set_width(380.0);
        for work in works {
            let now = work.progress.now();
            ui.label(&work.name);
            ui.horizontal(|ui| {
                let bar = ProgressBar::new(now.fraction().unwrap_or_default()).desired_width(300.0);
                ui.add(if now.what.is_empty() { bar.text("Waiting…") } else { bar.text(now.to_string()) });
                let cancel = ui.add(Button::new("Cancel"));
                cancel.widget_info(|| {
                    WidgetInfo::labeled(Role::Button, true, format!("Cancel: {}", work.name))
                });
                if cancel.clicked() {
                    work.progress.stop();
                    stopped = Some(format!("Stopped: {}", work.name));
                }
            });
        }
    });
    if let Some(what) = stopped {
        app.say(what);
    }
}
