//! The window's state, and what happens in it each frame.
//!
//! Invariant: whatever waits is taken in before a frame is drawn, but for no longer than one can feel.

use super::{
    header, keys,
    palette::Palette,
    pen::{Act, Pen},
    people, sidebar,
    transcript::Transcript,
    writing::Writing,
};
use crate::{
    model::{Action, Effect, Input, Mode},
    sitting::{Sitting, now},
    telling,
};
use chalktalk_look::Typesetter;
use eframe::egui::{self, Context, Event, Id, Rect, Ui, ViewportCommand, pos2};
use jiff::tz::TimeZone;
use std::{
    sync::mpsc::Receiver,
    time::{Duration, Instant},
};

/// A frame takes in what has come for so long at most: the rest is for the next.
const TAKE: Duration = Duration::from_millis(12);

/// The longest sleep: the wall clock may be set meanwhile.
const LONGEST: u64 = 60_000;

/// The columns, and the widths of windows that have them.
const LEFT: f32 = 236.0;
const RIGHT: f32 = 204.0;
const LEFT_FROM: f32 = 620.0;
const RIGHT_FROM: f32 = 900.0;

/// Something that the window is told.
pub(super) enum Happening {
    Input(Box<Input>),
    Ended,
}

/// The window.
pub(super) struct App {
    sitting: Sitting,
    happenings: Receiver<Happening>,
    setter: Typesetter,
    writing: Writing,
    transcript: Transcript,
    zone: TimeZone,
    title: String,
    /// What a page scrolls.
    page: i32,
}

impl App {
    pub(super) fn new(sitting: Sitting, happenings: Receiver<Happening>) -> Self {
        Self {
            sitting,
            happenings,
            setter: Typesetter::default(),
            writing: Writing::default(),
            transcript: Transcript::default(),
            zone: TimeZone::system(),
            title: String::new(),
            page: 400,
        }
    }

    fn update(&mut self, input: Input) {
        self.sitting.model.update(input, now());
    }

    /// Takes in what has come.
    fn take(&mut self, ctx: &Context) {
        let began = Instant::now();
        loop {
            match self.happenings.try_recv() {
                Ok(Happening::Input(input)) => self.update(*input),
                Ok(Happening::Ended) => return ctx.send_viewport_cmd(ViewportCommand::Close),
                Err(_) => break,
            }
            if began.elapsed() > TAKE {
                ctx.request_repaint();
                break;
            }
        }
        if self.sitting.model.next_tick().is_some_and(|at| at <= now()) {
            self.update(Input::Tick);
        }
    }

    /// Does what the model wants, and sleeps until it wants something again.
    fn carry_out(&mut self, ctx: &Context) {
        for effect in self.sitting.carry_out() {
            match effect {
                Effect::Quit => ctx.send_viewport_cmd(ViewportCommand::Close),
                Effect::Copy(text) => ctx.copy_text(text),
                Effect::Bell => {
                    let attention = egui::UserAttentionType::Informational;
                    ctx.send_viewport_cmd(ViewportCommand::RequestUserAttention(attention));
                }
                _ => {}
            }
        }
        let title = telling::title(&self.sitting.model);
        if title != self.title {
            ctx.send_viewport_cmd(ViewportCommand::Title(title.clone()));
            self.title = title;
        }
        if let Some(at) = self.sitting.model.next_tick() {
            ctx.request_repaint_after(Duration::from_millis(at.saturating_sub(now()).min(LONGEST)));
        }
    }

    fn keys(&mut self, ctx: &Context) {
        for event in ctx.input(|input| input.events.clone()) {
            if matches!(event, Event::Copy)
                && let Some(text) = self.transcript.picked.text()
            {
                ctx.copy_text(text.to_owned());
                continue;
            }
            for act in keys::acts(&event, &self.sitting.model, &mut self.writing, self.page) {
                self.act(act, ctx);
            }
        }
    }

    fn act(&mut self, act: Act, ctx: &Context) {
        match act {
            Act::Do(action) => self.update(Input::Act(action)),
            Act::On(order, what) => {
                let chosen = matches!(self.sitting.model.mode, Mode::Selecting(_));
                self.update(Input::Act(Action::Pick(order)));
                self.update(Input::Act(Action::On(what)));
                let stays = self.sitting.model.mode == Mode::Selecting(order);
                // Asked whether they are sure, people click once more.
                if stays && !chosen && what != crate::model::OnMessage::Delete {
                    self.update(Input::Act(Action::Escape));
                }
            }
            Act::Visit(target) => ctx.open_url(egui::OpenUrl::new_tab(target)),
            Act::Copy(text) => ctx.copy_text(text),
            Act::Palette(..) => {}
        }
    }

    /// Draws everything; what was done.
    fn draw(&mut self, ui: &mut Ui) -> Vec<Act> {
        let whole = ui.max_rect();
        let palette = Palette::of(ui.style());
        self.setter.begin_frame(ui.pixels_per_point());
        let mut pen = Pen { setter: &mut self.setter, palette, acts: Vec::new() };
        ui.painter().rect_filled(whole, 0.0, palette.paper);
        let mut area = whole;
        let model = &mut self.sitting.model;
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
        self.writing.show(ui, line, model, &mut pen);
        if reached_top {
            model.want_past();
        }
        pen.acts
    }
}

impl eframe::App for App {
    fn logic(&mut self, ctx: &Context, _frame: &mut eframe::Frame) {
        self.take(ctx);
        self.carry_out(ctx);
    }

    fn ui(&mut self, ui: &mut Ui, _frame: &mut eframe::Frame) {
        let ctx = ui.ctx().clone();
        ctx.memory_mut(|memory| {
            if memory.focused().is_none() {
                memory.request_focus(Id::unique("writing"));
            }
        });
        self.keys(&ctx);
        let acts = self.draw(ui);
        for act in acts {
            self.act(act, &ctx);
            ctx.request_repaint();
        }
        self.carry_out(&ctx);
    }

    fn on_exit(&mut self, _gl: Option<&eframe::glow::Context>) {
        self.sitting.end();
    }
}
