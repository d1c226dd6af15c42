//! The window at work: what comes in, and what goes out.
//!
//! Invariant: whatever waits is taken in before a frame is drawn, but for no longer than one can feel.

use super::{
    preview::{Found, Wanted},
    view::View,
};
use crate::{
    model::{Effect, Input},
    sitting::{Sitting, now},
    telling,
};
use eframe::egui::{Context, Ui, UserAttentionType, ViewportCommand};
use std::{
    sync::mpsc::{Receiver, Sender},
    time::{Duration, Instant},
};

/// A frame takes in what has come for so long at most: the rest is for the next.
const TAKE: Duration = Duration::from_millis(12);

/// The longest sleep: the wall clock may be set meanwhile.
const LONGEST: u64 = 60_000;

/// Something that the window is told.
pub(super) enum Happening {
    Input(Box<Input>),
    /// A file was looked into.
    Found(Wanted, Found),
    Ended,
}

/// The window.
pub(super) struct App {
    sitting: Sitting,
    happenings: Receiver<Happening>,
    view: View,
    /// To the thread that looks into files.
    looks: Sender<Wanted>,
    title: String,
}

impl App {
    /// What comes before there is a window was not seen.
    pub(super) fn new(mut sitting: Sitting, happenings: Receiver<Happening>, looks: Sender<Wanted>) -> Self {
        sitting.model.update(Input::Looking(false), now());
        Self { sitting, happenings, view: View::default(), looks, title: String::new() }
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
                Ok(Happening::Found(wanted, found)) => self.view.previews.put(&wanted, found, ctx),
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
                    let attention = UserAttentionType::Informational;
                    ctx.send_viewport_cmd(ViewportCommand::RequestUserAttention(attention));
                }
                Effect::Raise => {
                    ctx.send_viewport_cmd(ViewportCommand::Minimized(false));
                    ctx.send_viewport_cmd(ViewportCommand::Focus);
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
}

impl eframe::App for App {
    fn logic(&mut self, ctx: &Context, _frame: &mut eframe::Frame) {
        self.take(ctx);
        self.carry_out(ctx);
    }

    fn ui(&mut self, ui: &mut Ui, _frame: &mut eframe::Frame) {
        self.view.show(ui, &mut self.sitting.model);
        for wanted in self.view.previews.take_wanted() {
            // Without the thread there are no previews, and all else is as it was.
            let _ = self.looks.send(wanted);
        }
        self.carry_out(ui.ctx());
    }

    fn on_exit(&mut self, _gl: Option<&eframe::glow::Context>) {
        self.sitting.end();
    }
}
