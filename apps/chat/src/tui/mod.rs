//! The chat in a terminal.
//!
//! Invariant: the screen is drawn after each batch of inputs and at no other time; an idle chat does nothing.

mod found;
mod history;
mod keys;
mod marked;
mod screen;
mod sidebar;
mod terminal;
#[cfg(test)]
mod tests;
mod theme;
mod wrap;

use crate::{
    editor::Edit,
    keep::Keep,
    link::Link,
    model::{Action, Effect, Input, Me, Model},
    place::{self, Opening},
};
use chalktalk_client::{Client, ClientError, Events};
use chalktalk_ipc::request::{From, Topic};
use jiff::{Timestamp, tz::TimeZone};
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

/// What was published gets this long to leave when the chat ends.
const FAREWELL: Duration = Duration::from_secs(1);

/// Why the chat ended.
#[derive(Debug, thiserror::Error)]
pub enum TuiError {
    /// The daemon.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// The terminal, or a thread.
    #[error("the terminal failed: {0}")]
    Terminal(#[from] io::Error),
}

enum Happening {
    Terminal(Event),
    Input(Box<Input>),
    Ended,
}

/// Talks until the person has had enough.
pub fn run(client: &Client, events: Events, opening: &Opening) -> Result<(), TuiError> {
    let welcome = client.welcome();
    let (host_id, instance) = (welcome.host_id, client.instance());
    let me = Me { user: welcome.user, name: welcome.name, host: welcome.host, host_id, instance };
    let (sender, happenings) = sync_channel(WAITING);
    // Before the terminal is taken over, so that a refusal can be read.
    let summary = place::enter(client, opening)?;
    let opened = client.open(summary.session, From::Saved)?;
    client.watch(&[Topic::Who, Topic::Sessions, Topic::Invitations, Topic::Warnings])?;

    let keep = Keep::of_user();
    let kept = keep.as_ref().map(Keep::load).unwrap_or_default();
    let mut chat = Chat { model: Model::new(me), drawn: Drawn::default(), page: 1, keep };
    chat.model.seed(chance()?);
    chat.model.update(Input::Kept(kept), now());
    let session = opened.session.session;
    let first = Input::Opened { summary: opened.session, members: opened.members, focus: true, say: None };
    chat.model.update(first, now());
    if opened.start.is_empty() {
        chat.model.update(Input::NewHere(session), now());
    }
    let mut terminal = Terminal::take()?;
    let (put, ended) = (sender.clone(), sender.clone());
    let put = move |input| drop(put.send(Happening::Input(Box::new(input))));
    let link = Link::start(client, events, session, put, move || drop(ended.send(Happening::Ended)))?;
    thread::Builder::new().name("keys".into()).spawn(move || read_keys(&sender))?;
    chat.serve(&mut terminal, &link, &happenings)?;
    drop(terminal);
    // Those who wait for the daemon's return in vain need not wait for the farewell.
    let _ = client.flush(FAREWELL);
    client.close();
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

/// Bytes that nobody else knows.
fn chance() -> io::Result<[u8; 32]> {
    let mut bytes = [0; 32];
    let filled = rustix::rand::getrandom(&mut bytes, rustix::rand::GetRandomFlags::empty())?;
    if filled == bytes.len() {
        Ok(bytes)
    } else {
        Err(io::Error::other("the system gave too few random bytes"))
    }
}

fn now() -> u64 {
    Timestamp::now().as_millisecond().try_into().unwrap_or(0)
}

struct Chat {
    model: Model,
    drawn: Drawn,
    page: i32,
    keep: Option<Keep>,
}

impl Chat {
    fn serve(
        &mut self,
        terminal: &mut Terminal,
        link: &Link,
        happenings: &Receiver<Happening>,
    ) -> Result<(), TuiError> {
        let (theme, zone) = (Theme::from_env(), TimeZone::system());
        let mut title = String::new();
        loop {
            terminal.draw(|frame| {
                self.page = i32::from(frame.area().height.saturating_sub(NOT_A_PAGE).max(1));
                self.drawn = draw(frame, &mut self.model, theme, &zone);
            })?;
            if self.drawn.reached_top {
                self.model.want_past();
            }
            if window_title(&self.model) != title {
                title = window_title(&self.model);
                terminal.set_title(&title)?;
            }
            if !self.carry_out(terminal, link)? {
                return Ok(());
            }
            let first = match self.wait(happenings) {
                Ok(first) => Some(first),
                Err(RecvTimeoutError::Timeout) => {
                    self.model.update(Input::Tick, now());
                    None
                }
                Err(RecvTimeoutError::Disconnected) => return Ok(()),
            };
            let batch = first.into_iter().chain(happenings.try_iter().take(BATCH));
            for happening in batch {
                match happening {
                    Happening::Terminal(event) => self.on_terminal(event),
                    Happening::Input(input) => self.model.update(*input, now()),
                    Happening::Ended => return Ok(()),
                }
            }
        }
    }

    /// The next happening, but no longer than the model has nothing to do.
    fn wait(&self, happenings: &Receiver<Happening>) -> Result<Happening, RecvTimeoutError> {
        match self.model.next_tick() {
            Some(at) => happenings.recv_timeout(Duration::from_millis(at.saturating_sub(now()).min(LONGEST))),
            None => happenings.recv().map_err(|_| RecvTimeoutError::Disconnected),
        }
    }

    /// What cannot be kept is not missed before the next time.
    fn keep(&self, what: impl FnOnce(&Keep) -> io::Result<()>) {
        let _ = self.keep.as_ref().map(what);
    }

    /// Does what the model wants done; false if it wants to end.
    fn carry_out(&mut self, terminal: &Terminal, link: &Link) -> io::Result<bool> {
        for effect in self.model.take_effects() {
            match effect {
                Effect::Quit => return Ok(false),
                Effect::Copy(text) => terminal.copy(&text)?,
                Effect::Bell => terminal.bell()?,
                Effect::KeepDraft(session, text) => self.keep(|keep| keep.draft(session, &text)),
                Effect::KeepAlways(users) => self.keep(|keep| keep.always(&users)),
                Effect::KeepFavourites(sessions) => self.keep(|keep| keep.favourites(&sessions)),
                Effect::KeepSettings(settings) => self.keep(|keep| keep.settings(settings)),
                Effect::KeepWatched(words) => self.keep(|keep| keep.watched(&words)),
                other => link.carry_out(other),
            }
        }
        Ok(true)
    }

    fn on_terminal(&mut self, event: Event) {
        let action = match event {
            Event::Key(key) => keys::action(key, &self.model, self.page),
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
            Event::FocusGained | Event::FocusLost | Event::Resize(..) => None,
        };
        if let Some(action) = action {
            self.model.update(Input::Act(action), now());
        }
    }
}

fn window_title(model: &Model) -> String {
    let unread: usize = model.conversations.iter().map(|c| c.unread).sum();
    let count = if unread > 0 { format!("({unread}) ") } else { String::new() };
    model.current().map_or_else(|| "Chalktalk".into(), |c| format!("{count}{} – Chalktalk", c.title()))
}
