//! What hand and keyboard say to the window: keys, pointer, pen, wheel and fingers.
//!
//! Invariant: it becomes an action, an event of the desk, or another view; nothing here changes the board.

use super::{action::Action, app::App, lens::Lens, writing::Writing};
use crate::{
    live::Live,
    tool::{Effect, Event, Pointer, Tool},
};
use eframe::egui::{self, Context, Key, PointerButton, Pos2};
use std::time::{Duration, Instant};

/// Pointers are told to the others so often at most.
const POINT_EVERY: Duration = Duration::from_millis(40);

impl App {
    pub(super) fn keys(&mut self, ctx: &Context) {
        if ctx.egui_wants_keyboard_input() || self.palette.is_some() {
            return;
        }
        for event in ctx.input(|input| input.events.clone()) {
            match event {
                egui::Event::Key { key: Key::Escape, pressed: true, modifiers, .. } => self.escape(modifiers),
                egui::Event::Key { key, pressed: true, modifiers: egui::Modifiers::NONE, .. }
                    if self.replay.as_mut().is_some_and(|replay| replay.on_key(key)) =>
                {
                    self.changed = true;
                }
                egui::Event::Key { key, physical_key, pressed: true, modifiers, .. } => {
                    if let Some(action) = Action::of_key(key, physical_key, modifiers) {
                        self.act(action, ctx);
                    }
                }
                egui::Event::Copy => self.act(Action::Copy, ctx),
                egui::Event::Cut => self.act(Action::Cut, ctx),
                egui::Event::Paste(text) => self.paste_text(&text),
                egui::Event::PasteImage(image) => self.paste_image(&image),
                _ => {}
            }
        }
    }

    /// Away with whatever was begun or opened.
    fn escape(&mut self, held: egui::Modifiers) {
        self.help = false;
        self.texts = None;
        self.people.follow(None);
        self.lens = Lens::All;
        if self.replay.is_some() {
            self.end_replay();
        }
        self.pointer_event(Event::Cancel, self.pointer.unwrap_or_default(), held);
        self.desk.choose([]);
    }

    fn pointer_event(&mut self, event: Event, at: Pos2, held: egui::Modifiers) {
        let pointer = Pointer {
            at: self.view.to_board(at),
            pressure: self.pressure,
            shift: held.shift,
            alt: held.alt,
            pixel: 1.0 / self.view.zoom,
        };
        for effect in self.desk.handle(event, pointer, &self.sitting.board) {
            match effect {
                Effect::Commit(edits) => self.edit(|sitting| sitting.board.commit(edits).map(drop)),
                Effect::Say(live) => {
                    self.gauge.on_say(&live);
                    self.sitting.say(&live);
                }
                Effect::Write(shape) => {
                    let (base, text) = (String::new(), String::new());
                    self.writing = Some(Writing { shape: *shape, existing: None, base, text, fresh: true });
                }
                Effect::Rewrite(id) => self.rewrite(id),
                Effect::Pan(by) => {
                    self.stop_following();
                    self.view.pan(egui::vec2(by[0], by[1]) * self.view.zoom);
                }
            }
        }
    }

    pub(super) fn canvas_event(&mut self, event: &egui::Event, held: egui::Modifiers, over: bool) {
        match *event {
            egui::Event::PointerButton { pos, button: PointerButton::Primary, pressed: true, modifiers }
                if over && (self.replay.is_none() || self.desk.tool == Tool::Hand) =>
            {
                // A click beside the text finishes it, and does nothing else.
                if self.writing.is_some() {
                    self.finish_writing();
                } else if self.desk.tool.draws() && !self.may_draw() {
                    self.desk.take(Tool::Hand);
                } else {
                    self.pointer_event(Event::Down, pos, modifiers);
                }
            }
            egui::Event::PointerButton { pos, button: PointerButton::Primary, pressed: false, modifiers }
                if self.desk.is_busy() =>
            {
                self.pointer_event(Event::Up, pos, modifiers);
            }
            egui::Event::PointerButton { pos, button: PointerButton::Middle, pressed, .. } => {
                self.panning = (pressed && over).then_some(pos);
            }
            egui::Event::PointerMoved(pos) => {
                if let Some(from) = self.panning {
                    self.view.pan(pos - from);
                    self.panning = Some(pos);
                } else if self.desk.is_busy() {
                    self.pointer_event(Event::Move, pos, held);
                }
                (self.pointer, self.pointer_at) = (Some(pos), Some(pos));
            }
            // Comes before what the finger or pen means as a pointer.
            egui::Event::Touch { phase, force, .. } => {
                let ends = matches!(phase, egui::TouchPhase::End | egui::TouchPhase::Cancel);
                self.pressure = force.filter(|force| *force > 0.0 && !ends);
            }
            egui::Event::PointerGone => {
                self.pointer = None;
                self.sitting.say(&Live::Gone);
            }
            _ => {}
        }
    }

    pub(super) fn wheel(&mut self, ctx: &Context, over: bool) {
        let (zoom, scroll, at, fingers) = ctx.input(|input| {
            (input.zoom_delta(), input.smooth_scroll_delta(), input.pointer.hover_pos(), input.multi_touch())
        });
        if let Some(fingers) = fingers {
            // Two fingers move the view; what the first one had begun was not meant.
            self.pointer_event(Event::Cancel, fingers.center_pos, egui::Modifiers::NONE);
            self.stop_following();
            self.view.pan(fingers.translation_delta);
            self.view.zoom_by(fingers.zoom_delta, fingers.center_pos);
        } else if let Some(at) = at.filter(|_| over) {
            if zoom != 1.0 {
                self.stop_following();
                self.view.zoom_by(zoom, at);
            } else if scroll != egui::Vec2::ZERO {
                self.stop_following();
                self.view.pan(scroll);
            }
        }
    }

    /// Tells the others where one points, not too often.
    pub(super) fn point(&mut self, over: bool) {
        if self.pointed.elapsed() < POINT_EVERY || self.desk.is_busy() {
            return;
        }
        if let Some(at) = self.pointer.filter(|_| over) {
            self.pointed = Instant::now();
            self.sitting.say(&Live::Pointer(self.view.to_board(at)));
            self.pointer = None;
        }
    }
}
