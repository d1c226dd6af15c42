//! The chat in a terminal.
//!
//! Invariant: the screen is drawn after each batch of inputs and at no other time; an idle chat does nothing.

mod found;
mod help;
mod history;
mod keys;
mod marked;
mod screen;
mod sidebar;
mod switcher;
mod terminal;
#[cfg(test)]
mod tests;
mod theme;
mod wrap;

use crate::t;
use crate::{
    editor::Edit,
    model::{Action, Effect, Input},
    place::Opening,
    sitting::{Sitting, SittingError, now},
    telling,
};
use chalktalk_client::{Client, ClientError, Events};
use jiff::tz::TimeZone;
use ratatui::{
    crossterm::event::{self, Event, MouseButton, MouseEventKind},
    layout::Position,
};
use screen::{Drawn, draw};
use std::{
    io,
    sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel},
    thread,
    time::Duration,
};
use terminal::Terminal;
use theme::Theme;

/// Happenings that may wait for the screen: beyond, whoever makes them waits, and the daemon keeps its messages.
const WAITING: usize = 64;

/// Happenings taken in before the screen is drawn again, so that keys show even in a flood of messages.
const BATCH: usize = 64;

/// Rows of the talk that stay in view when a page is turned, and what is not talk.
const NOT_A_PAGE: u16 = 7;

/// The longest wait at once, in milliseconds: the wall clock may be set meanwhile.
const LONGEST: u64 = 60_000;

/// Why the chat ended.
#[derive(Debug, thiserror::Error)]
pub enum TuiError {
    /// The daemon.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// The terminal, or a thread.
    #[error("{}", t!("terminal-failed", reason = .0.to_string()))]
    Terminal(#[from] io::Error),
}

enum Happening {
    Terminal(Event),
    Input(Box<Input>),
    Ended,
}

impl From<SittingError> for TuiError {
    fn from(error: SittingError) -> Self {
        match error {
            SittingError::Client(e) => Self::Client(e),
            SittingError::Thread(e) => Self::Terminal(e),
        }
    }
}

/// Talks until the person has had enough.
pub fn run(client: &Client, events: Events, opening: &Opening) -> Result<(), TuiError> {
    let (sender, happenings) = sync_channel(WAITING);
    let (put, ended) = (sender.clone(), sender.clone());
    let put = move |input| drop(put.send(Happening::Input(Box::new(input))));
    // Before the terminal is taken over, so that a refusal can be read.
    let sitting = Sitting::open(client, events, opening, put, move || drop(ended.send(Happening::Ended)))?;
    let mut terminal = Terminal::take()?;
    thread::Builder::new().name("keys".into()).spawn(move || read_keys(&sender))?;
    let mut chat = Chat { sitting, drawn: Drawn::default(), page: 1 };
    chat.serve(&mut terminal, &happenings)?;
    drop(terminal);
    chat.sitting.end();
    Ok(())
}

fn read_keys(sender: &SyncSender<Happening>) {
    while let Ok(event) = event::read() {
        if sender.send(Happening::Terminal(event)).is_err() {
            return;
        }
    }
    // The terminal is gone.
    let _ = sender.send(Happening::Ended);
}

struct Chat {
    sitting: Sitting,
    drawn: Drawn,
    page: i32,
}

impl Chat {
    fn serve(&mut self, terminal: &mut Terminal, happenings: &Receiver<Happening>) -> Result<(), TuiError> {
        let (theme, zone) = (Theme::from_env(), TimeZone::system());
        let mut title = String::new();
        loop {
            // What comes of it is drawn at once.
            if !self.carry_out(terminal)? {
                return Ok(());
            }
            terminal.draw(|frame| {
                self.page = i32::from(frame.area().height.saturating_sub(NOT_A_PAGE).max(1));
                self.drawn = draw(frame, &mut self.sitting.model, theme, &zone);
            })?;
            if self.drawn.reached_top {
                self.sitting.model.want_past();
                self.carry_out(terminal)?;
            }
            if telling::title(&self.sitting.model) != title {
                title = telling::title(&self.sitting.model);
                terminal.set_title(&title)?;
            }
            let first = match self.wait(happenings) {
                Ok(first) => Some(first),
                Err(RecvTimeoutError::Timeout) => {
                    self.sitting.model.update(Input::Tick, now());
                    None
                }
                Err(RecvTimeoutError::Disconnected) => return Ok(()),
            };
            let batch = first.into_iter().chain(happenings.try_iter().take(BATCH));
            for happening in batch {
                match happening {
                    Happening::Terminal(event) => self.on_terminal(event),
                    Happening::Input(input) => self.sitting.model.update(*input, now()),
                    Happening::Ended => return Ok(()),
                }
            }
        }
    }

    /// Does what the model wants; false: the chat is to end.
    fn carry_out(&mut self, terminal: &mut Terminal) -> io::Result<bool> {
        for effect in self.sitting.carry_out() {
            match effect {
                Effect::Quit => return Ok(false),
                Effect::Copy(text) => terminal.copy(&text)?,
                Effect::Bell => terminal.bell()?,
                _ => {}
            }
        }
        Ok(true)
    }

    /// The next happening, but no longer than the model has nothing to do.
    fn wait(&self, happenings: &Receiver<Happening>) -> Result<Happening, RecvTimeoutError> {
        match self.sitting.model.next_tick() {
            Some(at) => happenings.recv_timeout(Duration::from_millis(at.saturating_sub(now()).min(LONGEST))),
            None => happenings.recv().map_err(|_| RecvTimeoutError::Disconnected),
        }
    }

    fn on_terminal(&mut self, event: Event) {
        let action = match event {
            Event::Key(key) => keys::action(key, &self.sitting.model, self.page),
            Event::Paste(text) => Some(Action::Edit(Edit::Insert(text))),
            Event::Mouse(mouse) => match mouse.kind {
                MouseEventKind::ScrollUp => Some(Action::Scroll(keys::WHEEL)),
                MouseEventKind::ScrollDown => Some(Action::Scroll(-keys::WHEEL)),
                MouseEventKind::Down(MouseButton::Left) => {
                    let at = Position { x: mouse.column, y: mouse.row };
                    self.drawn
                        .hits
                        .iter()
                        .find(|(area, _)| area.contains(at))
                        .map(|(_, action)| action.clone())
                }
                _ => None,
            },
            Event::FocusGained | Event::FocusLost => {
                let looking = event == Event::FocusGained;
                self.sitting.model.update(Input::Looking(looking), now());
                None
            }
            Event::Resize(..) => None,
        };
        if let Some(action) = action {
            self.sitting.model.update(Input::Act(action), now());
        }
    }
}
