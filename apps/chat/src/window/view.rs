//! Everything that is in the window, and what people do with it.
//!
//! Invariant: it needs the model and a toolkit's context, no daemon and no screen.

use super::{
    avatars::Avatars,
    files, header, keys, overlay,
    palette::Palette,
    pen::{Act, Pen},
    people,
    pictures::{self, Pasted},
    preview::Previews,
    profile, sidebar,
    transcript::Transcript,
    writing::Writing,
};
use crate::keep::Settings;
use crate::{
    conversation::Order,
    model::{Action, Input, Mode, Model, OnMessage, Portrait},
    sitting::now,
};
use chalktalk_client::files::Offer;
use chalktalk_ipc::{SessionId, UserId};
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
    pub(super) previews: Previews,
    avatars: Avatars,
    over: Option<Over>,
    /// What a page scrolls.
    page: i32,
}

/// What lies over the window until one is done with it.
enum Over {
    /// What this message can be reacted with, beside this place.
    Reactions(Order, Pos2),
    /// A picture that was offered.
    Picture(SessionId, Offer),
    /// What is known of somebody.
    Profile(UserId),
    /// A picture that was pasted, and is not sent yet.
    Pasted(Pasted),
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
        // What is drawn now was begun the other way.
        ctx.request_repaint();
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
            previews: Previews::default(),
            avatars: Avatars::default(),
            over: None,
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
        self.take_files(files::dropped(&ctx), model);
        for act in self.draw(ui, model) {
            self.act(act, &ctx, model);
            ctx.request_repaint();
        }
    }

    fn keys(&mut self, ctx: &Context, model: &mut Model) {
        for event in ctx.input(|input| input.events.clone()) {
            if let (Event::PasteImage(image), true) = (&event, self.shows_own_profile(model)) {
                let portrait = Portrait::Pixels(pictures::pixels(image));
                model.update(Input::Act(Action::Avatar(portrait)), now());
                continue;
            }
            if let Event::PasteImage(image) = &event
                && model.current().is_some()
            {
                self.over = Some(Over::Pasted(Pasted::new(ctx, image)));
                continue;
            }
            if let Event::Key { key: key @ (Key::Escape | Key::Enter), pressed: true, .. } = event
                && let Some(over) = self.over.take()
            {
                if let (Over::Pasted(pasted), Key::Enter) = (over, key) {
                    model.update(Input::Act(pasted.action()), now());
                }
                continue;
            }
            if let Event::Paste(text) = &event
                && model.mode != Mode::Switching
                && let Some(paths) = files::listed(text)
            {
                self.take_files(paths, model);
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

    /// Files were dropped or pasted: over one's own profile it is what one looks like, else they are offered.
    fn take_files(&self, paths: Vec<String>, model: &mut Model) {
        let own = self.shows_own_profile(model);
        for path in paths.into_iter().take(if own { 1 } else { usize::MAX }) {
            let action = if own { Action::Avatar(Portrait::File(path)) } else { Action::Share(path) };
            model.update(Input::Act(action), now());
        }
    }

    fn shows_own_profile(&self, model: &Model) -> bool {
        matches!(self.over, Some(Over::Profile(user)) if user == model.me.user)
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
            Act::Palette(order, at) => self.over = Some(Over::Reactions(order, at)),
            Act::Profile(user) => {
                // What is told from now on is of this.
                model.flash = None;
                self.over = Some(Over::Profile(user));
            }
            Act::Enlarge(session, offer) => self.over = Some(Over::Picture(session, offer)),
        }
    }

    /// Draws everything; what was done.
    fn draw(&mut self, ui: &mut Ui, model: &mut Model) -> Vec<Act> {
        let whole = ui.max_rect();
        let palette = Palette::of(ui.style());
        self.setter.begin_frame(ui.pixels_per_point());
        self.avatars.begin_frame(model);
        let mut pen = Pen {
            setter: &mut self.setter,
            palette,
            previews: &mut self.previews,
            avatars: &mut self.avatars,
            acts: Vec::new(),
        };
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
        self.over.take_if(|over| match over {
            Over::Reactions(order, at) => overlay::reactions(ui, whole, (*order, *at), &mut pen),
            Over::Picture(session, offer) => pictures::enlarged(ui, whole, *session, offer, &mut pen),
            Over::Pasted(pasted) => pictures::pasted(ui, whole, pasted, model, &mut pen),
            Over::Profile(user) => profile::show(ui, whole, *user, model, &mut pen),
        });
        if reached_top {
            model.want_past();
        }
        pen.acts
    }
}
