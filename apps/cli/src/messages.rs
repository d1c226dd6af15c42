//! `history` and `tail`: messages that were, and messages as they come.

use crate::{
    args::{History, MessageStyle, Tail},
    chat,
    connect::Connection,
    failure::{Failure, complain},
    record::{Record, Transcript},
    screen::Screen,
};
use chalktalk_client::{Batch, Client, ClientEvent, Message};
use chalktalk_ipc::{AppId, Event, SessionId, Target, text::printable};
use jiff::tz::TimeZone;
use std::{ffi::OsStr, path::Path};

/// The daemon answers with at most this many messages at a time.
const PAGE: u32 = 1000;

/// Prints past messages, the oldest first.
pub(crate) fn history(history: &History, socket: Option<&Path>, screen: &mut Screen) -> Result<(), Failure> {
    if let Some(path) = &history.export {
        return export(&history.target, path, socket);
    }
    let connection = Connection::observer(socket, history.app.app.clone())?;
    let session = connection.look_up(&history.target, &history.app.app)?;
    let messages = past(&connection.client, session, history.limit)?;
    let mut printer = Printer::new(history.style, &history.app.app, screen);
    messages.iter().for_each(|message| printer.expect(message));
    messages.iter().try_for_each(|message| printer.print(message, screen))
}

/// Becomes the chat, which knows what a room shows.
fn export(target: &Target, path: &Path, socket: Option<&Path>) -> Result<(), Failure> {
    let target = target.to_string();
    chat::run_once([OsStr::new(&target), OsStr::new("--export"), path.as_os_str()], socket)
}

/// Prints messages as they come, until it is ended.
pub(crate) fn tail(tail: &Tail, socket: Option<&Path>, screen: &mut Screen) -> Result<(), Failure> {
    let connection = Connection::observer(socket, tail.app.app.clone())?;
    let session = connection.enter(&tail.target, &tail.app.app)?.session;
    connection.client.open(session, tail.since.into())?;
    let mut printer = Printer::new(tail.style, &tail.app.app, screen);
    loop {
        match connection.next_event()? {
            ClientEvent::Messages(batch) => printer.batch(&batch, screen)?,
            ClientEvent::Event(event) => told(event, session)?,
            ClientEvent::Refused { .. } | ClientEvent::Disconnected { .. } | ClientEvent::Reconnected => {}
        }
    }
}

/// The newest messages, as many as wanted (0: all), the oldest first.
pub(crate) fn past(client: &Client, session: SessionId, limit: u32) -> Result<Vec<Message>, Failure> {
    let mut wanted = if limit == 0 { u32::MAX } else { limit };
    let mut pages = Vec::new();
    let mut before = None;
    while wanted > 0 {
        let (page, next) = client.history(session, before, wanted.min(PAGE))?;
        wanted -= wanted.min(page.len() as u32);
        pages.push(page);
        before = next;
        if before.is_none() || pages.last().is_none_or(Vec::is_empty) {
            break;
        }
    }
    Ok(pages.into_iter().rev().flatten().collect())
}

/// What `tail` is told besides messages.
fn told(event: Event, ours: SessionId) -> Result<(), Failure> {
    match event {
        Event::Lost { origin, epoch, first, last, .. } => complain(format_args!(
            "entries {first} to {last} of origin {origin} (epoch {epoch}) are lost: no host has them any more"
        )),
        Event::Detached { session, reason } if session.is_none_or(|session| session == ours) => {
            return Err(Failure::Failed(format!("the daemon ended this: {}", printable(&reason))));
        }
        _ => {}
    }
    Ok(())
}

/// Prints messages in the way that was asked for.
struct Printer {
    /// Whether they are of the chat, whose messages may have notes.
    chat: bool,
    /// How they are printed for people; none: as JSON.
    transcript: Option<Transcript>,
}

impl Printer {
    fn new(style: MessageStyle, app: &AppId, screen: &Screen) -> Self {
        let transcript = (!style.is_json(screen.is_terminal()))
            .then(|| Transcript::new(TimeZone::system(), screen.colour()));
        Self { chat: *app == AppId::chat(), transcript }
    }

    fn expect(&mut self, message: &Message) {
        if let Some(transcript) = &mut self.transcript {
            transcript.expect_name(&message.author.name);
        }
    }

    fn print(&mut self, message: &Message, screen: &mut Screen) -> Result<(), Failure> {
        let record = Record::new(message, self.chat);
        match &mut self.transcript {
            None => screen.json(&record),
            Some(transcript) => screen.put(&transcript.lines(&record)),
        }
    }

    /// Volatile messages are left out: an app's cursors and typing marks are no record of what was said.
    fn batch(&mut self, batch: &Batch, screen: &mut Screen) -> Result<(), Failure> {
        if !batch.flags().volatile {
            batch.messages().try_for_each(|message| self.print(&message, screen))?;
        }
        screen.flush()
    }
}
