//! A conversation as a file: text, JSON or a page for the browser.
//!
//! What is written is what a room shows: edited messages by their last text, deleted ones as a mark, with reactions, votes
//! and how dice fell.
//!
//! Invariant: nothing that exists is overwritten, and nobody's words can do anything in the file.

mod html;
mod json;
mod text;

use crate::{
    conversation::{Conversation, Line, Said},
    markdown::Marked,
    model::outcome,
    t,
};
use chalktalk_client::{Client, ClientError, Message, chat::Kind};
use chalktalk_ipc::{SessionId, UserId, event::SessionSummary, text::label};
use jiff::Zoned;
use std::{
    fs::{self, OpenOptions},
    io::{self, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

/// Messages asked for at once.
const PAGE: u32 = 1000;

/// What a file is to be.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Format {
    /// Lines of text.
    Text,
    /// One JSON object.
    Json,
    /// A page for the browser.
    Html,
}

impl Format {
    /// By the ending of a file's name.
    pub fn of(path: &Path) -> Option<Self> {
        match path.extension()?.to_str()?.to_lowercase().as_str() {
            "txt" | "text" | "md" => Some(Self::Text),
            "json" => Some(Self::Json),
            "html" | "htm" => Some(Self::Html),
            _ => None,
        }
    }
}

/// Why a conversation was not written.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// The daemon.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// The name says not what it is to be.
    #[error("{}", t!("export-ending", path = .0.to_string_lossy()))]
    Ending(PathBuf),
    /// The file system; what was half written is removed again.
    #[error("{}", t!("export-failed", path = path.to_string_lossy(), reason = source.to_string()))]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

/// Writes everything that was said in a session into a new file, and returns how many messages that are.
///
/// # Errors
/// [`ExportError`]; there is no new file then.
pub fn export(client: &Client, session: &SessionSummary, path: &Path) -> Result<usize, ExportError> {
    let format = Format::of(path).ok_or_else(|| ExportError::Ending(path.to_path_buf()))?;
    let me = client.welcome().user;
    let messages = everything(client, session.session)?;
    let conversation = told(session, messages, me);
    let page = write(&conversation, format, &Zoned::now());
    let failed = |source| ExportError::Io { path: path.to_path_buf(), source };
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path).map_err(failed)?;
    if let Err(e) = file.write_all(page.as_bytes()).and_then(|()| file.sync_all()) {
        let _ = fs::remove_file(path);
        return Err(failed(e));
    }
    Ok(conversation.lines.len())
}

fn everything(client: &Client, session: SessionId) -> Result<Vec<Message>, ClientError> {
    let (mut all, mut before) = (Vec::new(), None);
    loop {
        let (page, next) = client.history(session, before, PAGE)?;
        all.extend(page);
        if next.is_none() || next == before {
            return Ok(all);
        }
        before = next;
    }
}

/// The conversation that these messages are.
fn told(session: &SessionSummary, mut messages: Vec<Message>, me: UserId) -> Conversation {
    messages.sort_unstable_by_key(|message| (message.stamp, message.position));
    let mut c = Conversation::new(session.clone(), Vec::new());
    c.on_past(&messages, None, me);
    c.settle(0);
    c
}

/// The whole file.
fn write(c: &Conversation, format: Format, now: &Zoned) -> String {
    match format {
        Format::Text => text::write(c, now),
        Format::Json => json::write(c, now),
        Format::Html => html::write(c, now),
    }
}

/// What was said, in the order in which it is shown.
fn said(c: &Conversation) -> impl Iterator<Item = (&Line, &Said)> {
    c.lines.iter().filter_map(|line| Some((line, line.said()?)))
}

/// A message in words, without its marks of emphasis.
fn words(said: &Said) -> String {
    if said.fate.deleted {
        return t!("deleted");
    }
    let text = if said.is_offer() { said.text.clone() } else { marked(said).text };
    match &said.kind {
        _ if said.action => format!("• {} {text}", said.name),
        Kind::Announce => format!("📢 {text}"),
        Kind::Poll { question, .. } => format!("📊 {}", label(question)),
        _ => text,
    }
}

fn marked(said: &Said) -> Marked {
    crate::markdown::read(&said.text)
}

/// What came of it: answers of a poll, how dice fell, reactions; each a row.
fn below(c: &Conversation, said: &Said) -> Vec<String> {
    if said.fate.deleted {
        return Vec::new();
    }
    let mut rows = Vec::new();
    if let Kind::Poll { answers, .. } = &said.kind {
        let votes = |at: usize| said.fate.votes.values().filter(|vote| **vote == at).count();
        rows.extend(
            answers.iter().enumerate().map(|(at, answer)| format!("{}: {}", label(answer), votes(at))),
        );
    }
    rows.extend(outcome(said, |user| c.name_of(user)));
    let reactions: Vec<String> = said
        .fate
        .reactions
        .iter()
        .take(MAX_REACTIONS)
        .map(|(emoji, users)| format!("{} {}", label(emoji), users.len()))
        .collect();
    if !reactions.is_empty() {
        rows.push(reactions.join("  "));
    }
    rows
}

/// Different reactions written of one message.
const MAX_REACTIONS: usize = 100;

/// A name for the file of a conversation: its title, and the day.
pub fn file_name(title: &str, now: &Zoned) -> String {
    let title = title.trim_start_matches(['#', '@']);
    format!("{} {}.html", chalktalk_client::files::safe_name(title), now.strftime("%Y-%m-%d"))
}

#[cfg(test)]
mod tests;
