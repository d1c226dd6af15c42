//! Everything that is in the window, and what people do with it.
//!
//! Invariant: it needs the model and a toolkit's context, no daemon and no screen.

use super::{
    files, header, keys, overlay,
    palette::Palette,
    pen::{Act, Pen},
    people, sidebar,
    transcript::Transcript,
    writing::Writing,
};
use crate::keep::Settings;
use crate::{
    conversation::Order,
    model::{Action, Input, Mode, Model, OnMessage},
    sitting::now,
};
use chalktalk_look::Typesetter;
use eframe::egui::{Context, Event, Id, Key, OpenUrl, Pos2, Rect, ThemePreference, Ui, pos2};
use jiff::tz::TimeZone;

/// The columns, and the widths of windows that have them.
const LEFT: f32 = 236.0;
const RIGHT: f32 = 204.0;
const LEFT_FROM: f32 = 620.0;
const RIGHT_FROM: f32 = 900.0;

/// What is in the window.
pub(super) struct View {
    setter: Typesetter,
    writing: Writing,
    transcript: Transcript,
    zone: TimeZone,
    /// Which message is reacted to, and where one chooses with what.
    reacting: Option<(Order, Pos2)>,
    /// What a page scrolls.
    page: i32,
}

/// Makes everything as dark and as large as is wanted.
pub(super) fn dress(ctx: &Context, settings: Settings) {
    let theme = match settings.dark {
        Some(true) => ThemePreference::Dark,
        Some(false) => ThemePreference::Light,
        None => ThemePreference::System,
    };
    if ctx.options(|options| options.theme_preference) != theme {
        ctx.set_theme(theme);
    }
    ctx.set_zoom_factor(f32::from(settings.size) / 100.0);
}

impl Default for View {
    fn default() -> Self {
        Self {
            setter: Typesetter::default(),
            writing: Writing::default(),
            transcript: Transcript::default(),
            zone: TimeZone::system(),
            reacting: None,
            page: 400,
        }
    }
}

impl View {
    /// Hears what was done, and draws the model.
    pub(super) fn show(&mut self, ui: &mut Ui, model: &mut Model) {
        let ctx = ui.ctx().clone();
        dress(&ctx, model.settings);
        ctx.memory_mut(|memory| {
            if memory.focused().is_none() {
                memory.request_focus(Id::unique("writing"));
            }
        });
        let (focused, minimized) = ctx.input(|input| (input.viewport().focused, input.viewport().minimized));
        let looking = focused.unwrap_or(true) && !minimized.unwrap_or(false);
        if looking != model.looking {
            model.update(Input::Looking(looking), now());
        }
        self.keys(&ctx, model);
        for action in files::dropped(&ctx) {
            model.update(Input::Act(action), now());
        }
        for act in self.draw(ui, model) {
            self.act(act, &ctx, model);
            ctx.request_repaint();
        }
    }

    fn keys(&mut self, ctx: &Context, model: &mut Model) {
        for event in ctx.input(|input| input.events.clone()) {
            if matches!(event, Event::Key { key: Key::Escape, pressed: true, .. })
                && self.reacting.take().is_some()
            {
                continue;
            }
            if matches!(event, Event::Copy)
                && let Some(text) = self.transcript.picked.text()
            {
                ctx.copy_text(text.to_owned());
                continue;
            }
            for act in keys::acts(&event, model, &mut self.writing, self.page) {
                self.act(act, ctx, model);
            }
        }
    }

    fn act(&mut self, act: Act, ctx: &Context, model: &mut Model) {
        match act {
            Act::Do(action) => model.update(Input::Act(action), now()),
            Act::On(order, what) => {
                let chosen = matches!(model.mode, Mode::Selecting(_));
                model.update(Input::Act(Action::Pick(order)), now());
                model.update(Input::Act(Action::On(what)), now());
                let stays = model.mode == Mode::Selecting(order);
                // Asked whether they are sure, people click once more.
                if stays && !chosen && what != OnMessage::Delete {
                    model.update(Input::Act(Action::Escape), now());
                }
            }
            Act::Visit(target) => ctx.open_url(OpenUrl::new_tab(target)),
            Act::Copy(text) => ctx.copy_text(text),
            Act::Palette(order, at) => self.reacting = Some((order, at)),
        }
    }

    /// Draws everything; what was done.
    fn draw(&mut self, ui: &mut Ui, model: &mut Model) -> Vec<Act> {
        let whole = ui.max_rect();
        let palette = Palette::of(ui.style());
        self.setter.begin_frame(ui.pixels_per_point());
        let mut pen = Pen { setter: &mut self.setter, palette, acts: Vec::new() };
        ui.painter().rect_filled(whole, 0.0, palette.paper);
        let mut area = whole;
        if whole.width() >= LEFT_FROM {
            let (left, rest) = area.split_left_right_at_x(area.left() + LEFT);
            sidebar::show(ui, left, model, &mut pen);
            area = rest;
        }
        if whole.width() >= RIGHT_FROM {
            let (rest, right) = area.split_left_right_at_x(area.right() - RIGHT);
            people::show(ui, right, model, &mut pen);
            area = rest;
        }
        let head = header::show(ui, area, model, &self.zone, &mut pen);
        area.set_top(area.top() + head);
        let below = self.writing.height(model, &mut pen, area.width());
        let (mut talk, line) = area.split_top_bottom_at_y(area.bottom() - below);
        let status = Rect::from_min_max(pos2(talk.left(), talk.bottom() - header::STATUS), talk.max);
        talk.set_bottom(status.top());
        self.page = (talk.height() * 0.9) as i32;
        let reached_top = self.transcript.show(ui, talk, model, &self.zone, &mut pen);
        header::status(ui, status, model, &mut pen);
        files::held(ui, talk, model, &mut pen);
        self.writing.show(ui, line, model, &mut pen);
        let above =
            Rect::from_min_max(pos2(talk.left() + 14.0, talk.top()), pos2(talk.right() - 14.0, line.top()));
        overlay::show(ui, whole, above, model, &self.zone, &mut pen);
        self.reacting.take_if(|of| overlay::reactions(ui, whole, *of, &mut pen));
        if reached_top {
            model.want_past();
        }
        pen.acts
    }
}
