//! What lies over the board for a while: hints, words being written, the palette, the list of shortcuts, earlier texts.
//!
//! Invariant: Escape closes each of them.

use super::{action::Action, app::App, bars::floating, canvas, replay, theme, writing::writing_id};
use crate::model::{Kind, Property};
use eframe::egui::{
    self, Align, Align2, Area, Color32, Context, FontId, Id, Key, Layout, Order, ProgressBar, RichText,
    ScrollArea, TextEdit, Ui, vec2,
};
use std::time::Duration;

/// A board that is read within this time needs no bar.
const LONG: Duration = Duration::from_millis(400);

/// Shows those that are open.
pub(super) fn show(app: &mut App, ctx: &Context, wanted: &mut Option<Action>) {
    hint(app, ctx);
    first(app, ctx);
    said(app, ctx);
    writing(app, ctx);
    palette(app, ctx, wanted);
    help(app, ctx);
    texts(app, ctx);
}

/// What to do on an empty board, and that a large one is being read.
fn hint(app: &App, ctx: &Context) {
    let screen = ctx.layer_painter(egui::LayerId::background());
    let grey = Color32::from_gray(if app.dark { 0x8a } else { 0x9a });
    if let Some(part) = app.sitting.reading().filter(|_| app.opened.elapsed() > LONG) {
        floating(ctx, "reading", Align2::CENTER_CENTER, vec2(0.0, 0.0), |ui| {
            ui.set_width(320.0);
            ui.label(RichText::new("Reading the board…").family(theme::strong()));
            let count = format!("{} objects so far", app.sitting.board.len());
            ui.add(ProgressBar::new(part.fraction().unwrap_or_default()).text(count));
        });
    } else if !app.sitting.is_caught_up() {
        let count = format!("{} objects so far", app.sitting.board.len());
        canvas::hint(&screen, app.view, "Reading the board…", &[&count], grey);
    } else if app.replay.is_none()
        && app.sitting.board.is_empty()
        && !app.desk.is_busy()
        && app.writing.is_none()
    {
        let first = match app.sitting.board.is_view_only() {
            true => "You may only look here; a moderator has to let you draw.",
            false => "Pick a tool above, or press P and draw.",
        };
        let lines = [first, "Everyone on this board sees it at once.", "?  shows all shortcuts"];
        canvas::hint(&screen, app.view, "An empty board", &lines, grey);
    }
}

/// How one begins, for who has never had a board open: below the tools, until they draw. An empty board says so itself.
fn first(app: &mut App, ctx: &Context) {
    app.first &= !app.sitting.board.can_undo();
    let board = &app.sitting.board;
    if !app.first || board.is_empty() || board.is_view_only() || app.replay.is_some() {
        return;
    }
    let tools = ctx.memory(|memory| memory.area_rect(Id::unique("tools"))).map_or(60.0, |rect| rect.bottom());
    floating(ctx, "first", Align2::CENTER_TOP, vec2(0.0, tools + 12.0), |ui| {
        ui.horizontal(|ui| {
            ui.label("P draws, V chooses, the wheel moves and Ctrl wheel zooms; ? shows all. Everyone here sees what you do.");
            if ui.button("Got it").clicked() {
                app.first = false;
            }
        });
    });
}

fn said(app: &App, ctx: &Context) {
    let Some(what) = app.said() else { return };
    floating(
        ctx,
        "said",
        Align2::CENTER_BOTTOM,
        vec2(0.0, app.replay.as_ref().map_or(-18.0, |_| -62.0 - replay::above(ctx))),
        |ui| {
            ui.set_max_width(460.0);
            ui.label(what);
        },
    );
}

fn writing(app: &mut App, ctx: &Context) {
    let dark = app.dark;
    let Some(writing) = &mut app.writing else { return };
    let (place, size) = canvas::text_place(app.view, &writing.shape);
    let note = writing.shape.kind == Kind::Note;
    let ink = if dark && !note { theme::on_dark(writing.shape.style.ink) } else { writing.shape.style.ink };
    let mut done = false;
    Area::new(Id::unique("text")).fixed_pos(place.min).order(Order::Foreground).show(ctx, |ui| {
        if note && writing.existing.is_none() {
            let paper =
                if writing.shape.style.fill.is_none() { theme::FILLS[2] } else { writing.shape.style.fill };
            ui.painter().rect_filled(place.expand(12.0 * app.view.zoom), 4.0, theme::colour(paper));
        }
        let edit = TextEdit::multiline(&mut writing.text)
            .id(writing_id())
            .font(FontId::proportional(size))
            .text_color(theme::colour(ink))
            .frame(egui::Frame::NONE)
            .desired_width(place.width())
            .desired_rows(1)
            .hint_text("Write…");
        let response = ui.add(edit);
        if std::mem::take(&mut writing.fresh) {
            response.request_focus();
        }
        // What was held with a key may be let go before the frame is over.
        let ends = |event: &egui::Event| match event {
            egui::Event::Key { key: Key::Escape, pressed: true, .. } => true,
            egui::Event::Key { key: Key::Enter, pressed: true, modifiers, .. } => modifiers.command,
            _ => false,
        };
        done = ui.input(|i| i.events.iter().any(ends));
    });
    if done {
        app.finish_writing();
    }
}

fn palette(app: &mut App, ctx: &Context, wanted: &mut Option<Action>) {
    let board = &app.sitting.board;
    let Some(filter) = &mut app.palette else { return };
    let mut open = true;
    floating_modal(ctx, "palette", |ui| {
        ui.set_width(360.0);
        let edit = ui.add(
            TextEdit::singleline(filter).hint_text("What do you want to do?").desired_width(f32::INFINITY),
        );
        edit.request_focus();
        let sought = filter.to_lowercase();
        let found: Vec<_> =
            Action::all().filter(|(name, _, _)| name.to_lowercase().contains(&sought)).take(10).collect();
        for (index, (name, key, action)) in found.iter().enumerate() {
            let row = ui.horizontal(|ui| {
                let why_not = action.hindrance(board);
                let entry = egui::Button::selectable(index == 0, *name);
                let clicked = ui
                    .add_enabled(why_not.is_none(), entry)
                    .on_disabled_hover_text(why_not.unwrap_or_default())
                    .clicked();
                ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
                    ui.label(RichText::new(key).small().weak())
                });
                clicked
            });
            if row.inner {
                (*wanted, open) = (Some(*action), false);
            }
        }
        if found.is_empty() {
            ui.label(RichText::new("Nothing of that name").weak());
        }
        let (enter, escape) = ui.input(|i| (i.key_pressed(Key::Enter), i.key_pressed(Key::Escape)));
        if enter {
            *wanted = found.first().map(|(_, _, action)| *action);
        }
        open &= !enter && !escape;
    });
    if !open {
        app.palette = None;
    }
}

fn help(app: &mut App, ctx: &Context) {
    if !app.help {
        return;
    }
    floating_modal(ctx, "help", |ui| {
        ui.label(RichText::new("Shortcuts").heading());
        ui.add_space(6.0);
        let keys: Vec<_> = Action::all().filter(|(_, key, _)| !key.is_empty()).collect();
        egui::Grid::new("keys").num_columns(4).spacing(vec2(22.0, 5.0)).show(ui, |ui| {
            let half = keys.len().div_ceil(2);
            for row in 0..half {
                for (name, key, _) in keys.iter().skip(row).step_by(half) {
                    ui.label(*name);
                    ui.label(RichText::new(key).weak());
                }
                ui.end_row();
            }
        });
        ui.add_space(6.0);
        ui.label(
            RichText::new(
                "Wheel: move · Ctrl wheel: zoom · Ctrl V: paste · Shift: keep proportions · double click: write into · Escape: give up",
            )
            .small()
            .weak(),
        );
        if ui.button("Close").clicked() {
            app.help = false;
        }
    });
}

/// Texts that an object had, to be taken again.
fn texts(app: &mut App, ctx: &Context) {
    let Some((object, texts)) = &app.texts else { return };
    let (object, mut chosen, mut close) = (*object, None, false);
    floating_modal(ctx, "texts", |ui| {
        ui.set_width(420.0);
        ui.label(RichText::new("Earlier texts").heading());
        ui.add_space(4.0);
        ScrollArea::vertical().max_height(320.0).show(ui, |ui| {
            for (text, name) in texts {
                ui.label(RichText::new(name).small().weak());
                let shown = if text.is_empty() { "(empty)" } else { text };
                if ui.add(egui::Button::new(shown).wrap()).on_hover_text("Take this text again").clicked() {
                    chosen = Some(text.clone());
                }
            }
            if texts.is_empty() {
                ui.label(RichText::new("Nothing was ever written there").weak());
            }
        });
        ui.add_space(4.0);
        close = ui.button("Close").clicked();
    });
    close |= chosen.is_some();
    if let Some(text) = chosen {
        app.edit(|sitting| sitting.board.restyle(&[object], &[Property::Text(text)]));
    }
    if close {
        app.texts = None;
    }
}

fn floating_modal(ctx: &Context, name: &str, add: impl FnOnce(&mut Ui)) {
    let area =
        Area::new(Id::unique(name)).anchor(Align2::CENTER_CENTER, vec2(0.0, -40.0)).order(Order::Foreground);
    area.show(ctx, |ui| theme::panel(&ui.style().clone()).inner_margin(14.0).show(ui, add));
}
