//! The chat in a window.
//!
//! Invariant: nothing here decides what a conversation is; it shows the model, and hands it what the person does.

mod app;
mod avatars;
mod block;
mod files;
mod header;
mod icon;
mod keys;
mod message;
mod overlay;
mod palette;
mod pen;
mod people;
mod pictures;
mod preview;
mod profile;
mod sidebar;
#[cfg(test)]
mod tests;
mod transcript;
mod view;
mod writing;

use crate::{
    emblem,
    link::spawn,
    place::Opening,
    sitting::{Sitting, SittingError},
    t,
    tray::{self, Tray},
};
use app::{App, Chat, Happening};
use chalktalk_client::{Client, ClientError, Events};
use chalktalk_look::{Waker, theme};
use eframe::egui::{IconData, ViewportBuilder, vec2};
use preview::Wanted;
use std::{
    env, io,
    sync::mpsc::{Receiver, SyncSender, channel, sync_channel},
};

/// Happenings that may wait for the window: beyond, whoever makes them waits, and the daemon keeps its messages.
const WAITING: usize = 256;

/// Why the chat ended.
#[derive(Debug, thiserror::Error)]
pub enum WindowError {
    /// The daemon.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// A thread could not be started.
    #[error("{}", t!("system-failed", reason = .0.to_string()))]
    Thread(#[from] io::Error),
    /// There is no display, or no OpenGL on it.
    #[error("{}", t!("window-failed", reason = .0))]
    Display(String),
}

impl From<SittingError> for WindowError {
    fn from(error: SittingError) -> Self {
        match error {
            SittingError::Client(e) => Self::Client(e),
            SittingError::Thread(e) => Self::Thread(e),
        }
    }
}

/// Whether there is a display to open a window on.
pub fn has_display() -> bool {
    ["WAYLAND_DISPLAY", "DISPLAY"].iter().any(|name| env::var_os(name).is_some_and(|value| !value.is_empty()))
}

/// Talks until the window is closed, or if there is a tray until it is ended there.
///
/// # Errors
/// The daemon refuses, or there is nothing to show a window on.
pub fn run(client: &Client, events: Events, opening: &Opening) -> Result<(), WindowError> {
    let host = client.welcome().host_id;
    if let Opening::Target(target) = opening
        && tray::opens(host, target)
    {
        client.close();
        return Ok(());
    }
    let (sender, happenings) = sync_channel(WAITING);
    let waker = Waker::default();
    let (woken, ended, ending) = (waker.clone(), sender.clone(), waker.clone());
    let (looks, wanted) = channel();
    let in_tray = sender.clone();
    spawn("previews", look_into(client.clone(), wanted, sender.clone(), waker.clone()))?;
    let put = move |input| {
        // A window that is gone wants nothing any more.
        let _ = sender.send(Happening::Input(Box::new(input)));
        woken.wake();
    };
    let told = waker.clone();
    let asked = move |asked| {
        let _ = in_tray.send(Happening::Tray(asked));
        told.wake();
    };
    let end = move || {
        let _ = ended.send(Happening::Ended);
        ending.wake();
    };
    let sitting = Sitting::open(client, events, opening, put, end)?;
    // A chat for two is opened again when it is needed.
    let tray = if sitting.model.is_direct() { None } else { Some(Tray::start(host, asked)?) };
    let mut chat = Chat::new(sitting, happenings, looks, tray);
    loop {
        show(&mut chat, &waker)?;
        waker.unset();
        if !chat.rest() {
            break;
        }
    }
    chat.sitting.end();
    Ok(())
}

/// Shows the chat in a window until that is closed. A window of its own each time: under Wayland none can be hidden.
fn show(chat: &mut Chat, waker: &Waker) -> Result<(), WindowError> {
    let icon = IconData { rgba: emblem::draw(64, false), width: 64, height: 64 };
    let (position, size) = chat.place.unwrap_or((None, vec2(1080.0, 720.0)));
    let mut viewport = ViewportBuilder::default()
        .with_title("Chalktalk")
        .with_app_id("chalktalk-chat")
        .with_icon(icon)
        .with_inner_size(size)
        .with_min_inner_size([420.0, 320.0]);
    viewport.position = position;
    // Noise against bands in gradients, of which there are none here, is dear without a graphics card.
    let options = eframe::NativeOptions { viewport, dithering: false, ..Default::default() };
    let start: eframe::AppCreator<'_> = Box::new(move |cc| {
        theme::set_up(&cc.egui_ctx);
        // Sizes are settings, which are kept.
        cc.egui_ctx.options_mut(|options| options.zoom_with_keyboard = false);
        view::dress(&cc.egui_ctx, chat.sitting.model.settings);
        waker.set(&cc.egui_ctx);
        Ok(Box::new(App::new(chat)))
    });
    eframe::run_native("chalktalk-chat", options, start).map_err(|e| WindowError::Display(e.to_string()))
}

/// Looks into one file after another.
fn look_into(
    client: Client,
    wanted: Receiver<Wanted>,
    put: SyncSender<Happening>,
    waker: Waker,
) -> impl FnOnce() {
    move || {
        for wanted in wanted {
            let found = preview::look(&client, &wanted);
            if put.send(Happening::Found(wanted, found)).is_err() {
                return;
            }
            waker.wake();
        }
    }
}
