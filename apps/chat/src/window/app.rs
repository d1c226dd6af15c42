//! The chat at work, in its window and without one: what comes in, and what goes out.
//!
//! Invariant: whatever waits is taken in before a frame is drawn, but for no longer than one can feel.

use super::{
    preview::{Found, Wanted},
    view::View,
};
use crate::{
    model::{Action, Effect, Input},
    sitting::{Sitting, now},
    telling,
    tray::{Asked, Face, Tray},
};
use eframe::egui::{Context, Pos2, Ui, UserAttentionType, Vec2, ViewportCommand};
use std::{
    sync::mpsc::{Receiver, RecvTimeoutError, Sender},
    time::{Duration, Instant},
};

/// A frame takes in what has come for so long at most: the rest is for the next.
const TAKE: Duration = Duration::from_millis(12);

/// The longest sleep: the wall clock may be set meanwhile.
const LONGEST: u64 = 60_000;

/// A tray that is gone for so long does not come back: a chat that was in it shows itself.
const GRACE: u64 = 5_000;

/// Something that the chat is told.
pub(super) enum Happening {
    Input(Box<Input>),
    /// A file was looked into.
    Found(Wanted, Found),
    /// Something is done in the tray.
    Tray(Asked),
    Ended,
}

/// The chat, whether it has a window or not.
pub(super) struct Chat {
    pub(super) sitting: Sitting,
    happenings: Receiver<Happening>,
    /// To the thread that looks into files.
    looks: Sender<Wanted>,
    /// None: this chat is not for the tray.
    tray: Option<Tray>,
    /// The tray shows it.
    shown: bool,
    /// Since when the tray does not, while there is no window.
    lost: Option<u64>,
    /// The person has seen enough, and not only of the window.
    ends: bool,
    /// Where the window was, and how large.
    pub(super) place: Option<(Option<Pos2>, Vec2)>,
}

impl Chat {
    pub(super) fn new(
        sitting: Sitting,
        happenings: Receiver<Happening>,
        looks: Sender<Wanted>,
        tray: Option<Tray>,
    ) -> Self {
        Self { sitting, happenings, looks, tray, shown: false, lost: None, ends: false, place: None }
    }

    fn update(&mut self, input: Input) {
        self.sitting.model.update(input, now());
    }

    fn tick(&mut self) {
        if self.sitting.model.next_tick().is_some_and(|at| at <= now()) {
            self.update(Input::Tick);
        }
    }

    /// Whether the chat goes on without its window.
    fn stays(&self) -> bool {
        !self.ends && self.shown && self.sitting.model.settings.tray
    }

    /// What the tray is to show now.
    fn show_in_tray(&mut self, stowed: bool) {
        if let Some(tray) = &mut self.tray {
            let model = &self.sitting.model;
            tray.show(model.settings.tray.then(|| Face::of(model, stowed)));
        }
    }

    /// Goes on without a window, if that is wanted, until it is wanted again: true.
    pub(super) fn rest(&mut self) -> bool {
        if !self.stays() {
            return false;
        }
        self.update(Input::Stowed);
        self.lost = None;
        loop {
            for effect in self.sitting.carry_out() {
                match effect {
                    Effect::Quit => return false,
                    Effect::Raise => return true,
                    _ => {}
                }
            }
            self.show_in_tray(true);
            let back = self.lost.map(|since| since + GRACE);
            if back.is_some_and(|back| back <= now()) {
                return true;
            }
            let next = self.sitting.model.next_tick().into_iter().chain(back).min();
            let wait = next.map_or(LONGEST, |at| at.saturating_sub(now()).min(LONGEST));
            match self.happenings.recv_timeout(Duration::from_millis(wait)) {
                Ok(Happening::Input(input)) => self.update(*input),
                Ok(Happening::Tray(Asked::Click | Asked::Open)) => return true,
                Ok(Happening::Tray(asked @ Asked::Target(_))) => {
                    self.on_tray(asked);
                    return true;
                }
                Ok(Happening::Tray(Asked::Quit)) => {
                    self.update(Input::Act(Action::Quit));
                    // What keeps it from ending has to be seen.
                    return !self.sitting.carry_out().contains(&Effect::Quit);
                }
                Ok(Happening::Tray(asked)) => self.on_tray(asked),
                // The next window looks anew.
                Ok(Happening::Found(..)) | Err(RecvTimeoutError::Timeout) => {}
                Ok(Happening::Ended) | Err(RecvTimeoutError::Disconnected) => return false,
            }
            self.tick();
        }
    }

    /// Something is done in the tray that is the same with a window or without.
    fn on_tray(&mut self, asked: Asked) {
        match asked {
            Asked::Busy(busy) => {
                let line = if busy { "/status busy" } else { "/status online" };
                self.update(Input::Act(Action::Run(line.into())));
            }
            Asked::Shown(shown) => {
                self.shown = shown;
                self.lost = (!shown).then(now);
            }
            Asked::Quit => self.update(Input::Act(Action::Quit)),
            Asked::Target(target) => self.update(Input::Act(Action::Run(format!("/join {target}")))),
            Asked::Click | Asked::Open => {}
        }
    }
}

/// The window.
pub(super) struct App<'a> {
    chat: &'a mut Chat,
    view: View,
    title: String,
}

impl<'a> App<'a> {
    /// What comes before there is a window was not seen.
    pub(super) fn new(chat: &'a mut Chat) -> Self {
        chat.update(Input::Looking(false));
        Self { chat, view: View::default(), title: String::new() }
    }

    /// Takes in what has come.
    fn take(&mut self, ctx: &Context) {
        let began = Instant::now();
        loop {
            match self.chat.happenings.try_recv() {
                Ok(Happening::Input(input)) => self.chat.update(*input),
                Ok(Happening::Found(wanted, found)) => self.view.previews.put(&wanted, found, ctx),
                // Whoever looks at it wants it out of the way.
                Ok(Happening::Tray(Asked::Click)) if self.chat.sitting.model.looking => {
                    ctx.send_viewport_cmd(ViewportCommand::Close);
                }
                Ok(Happening::Tray(Asked::Click | Asked::Open)) => raise(ctx),
                Ok(Happening::Tray(asked)) => self.chat.on_tray(asked),
                Ok(Happening::Ended) => return self.end(ctx),
                Err(_) => break,
            }
            if began.elapsed() > TAKE {
                ctx.request_repaint();
                break;
            }
        }
        self.chat.tick();
    }

    fn end(&mut self, ctx: &Context) {
        self.chat.ends = true;
        ctx.send_viewport_cmd(ViewportCommand::Close);
    }

    /// Does what the model wants, and sleeps until it wants something again.
    fn carry_out(&mut self, ctx: &Context) {
        for effect in self.chat.sitting.carry_out() {
            match effect {
                Effect::Quit => self.end(ctx),
                Effect::Copy(text) => ctx.copy_text(text),
                Effect::Bell => {
                    let attention = UserAttentionType::Informational;
                    ctx.send_viewport_cmd(ViewportCommand::RequestUserAttention(attention));
                }
                Effect::Raise => raise(ctx),
                _ => {}
            }
        }
        self.chat.show_in_tray(false);
        let title = telling::title(&self.chat.sitting.model);
        if title != self.title {
            ctx.send_viewport_cmd(ViewportCommand::Title(title.clone()));
            self.title = title;
        }
        if let Some(at) = self.chat.sitting.model.next_tick() {
            ctx.request_repaint_after(Duration::from_millis(at.saturating_sub(now()).min(LONGEST)));
        }
    }
}

fn raise(ctx: &Context) {
    ctx.send_viewport_cmd(ViewportCommand::Minimized(false));
    ctx.send_viewport_cmd(ViewportCommand::Focus);
}

impl eframe::App for App<'_> {
    fn logic(&mut self, ctx: &Context, _frame: &mut eframe::Frame) {
        self.take(ctx);
        self.carry_out(ctx);
    }

    fn ui(&mut self, ui: &mut Ui, _frame: &mut eframe::Frame) {
        self.view.show(ui, &mut self.chat.sitting.model);
        for wanted in self.view.previews.take_wanted() {
            // Without the thread there are no previews, and all else is as it was.
            let _ = self.chat.looks.send(wanted);
        }
        let ctx = ui.ctx().clone();
        // The next window is measured before it is told how large everything is in it.
        let zoom = ctx.zoom_factor();
        self.chat.place = ctx.input(|input| {
            let window = input.viewport();
            Some((window.outer_rect.map(|outer| outer.min * zoom), window.inner_rect?.size() * zoom))
        });
        self.carry_out(&ctx);
    }
}
