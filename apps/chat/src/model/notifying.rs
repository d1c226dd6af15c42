//! What is shown on the desktop of what comes, and what the person does with it.
//!
//! Invariant: of a conversation only the newest is shown, no more of it than its line tells, and nothing once it was seen, deleted,
//! or its conversation left. An answer that cannot be sent waits in the line being written.

use super::{Action, Effect, Model, Notification, Response, Tone};
use crate::{
    command::{self, Line},
    conversation::{Deed, Standing},
    keep::Settings,
    notify::{Hours, Level, New},
    t, telling,
    transcript::moment,
};
use chalktalk_client::{Message, chat::Saying};
use chalktalk_ipc::{Position, SessionId, event::Scope};
use jiff::{Zoned, tz::TimeZone};

/// So much of a message is shown.
const MOST: usize = 240;

impl Model {
    /// How much of a conversation is shown on the desktop.
    pub fn level(&self, session: SessionId) -> Level {
        self.levels.get(&session).copied().unwrap_or_default()
    }

    /// The quiet hours, if it is one now.
    pub fn quiet_hours(&self) -> Option<Hours> {
        self.settings.quiet.filter(|hours| hours.cover(self.clock().time()))
    }

    /// When quiet hours begin or end next.
    pub(super) fn quiet_change(&self) -> Option<u64> {
        Some(self.now + self.settings.quiet?.next_change(&self.clock())?)
    }

    /// Shows so much of the conversation in view from now on, or tells how much it is.
    pub(super) fn set_level(&mut self, level: Option<Level>) {
        let Some((session, title)) = self.current().map(|c| (c.session(), c.title())) else { return };
        if let Some(level) = level {
            match level == Level::default() {
                true => self.levels.remove(&session),
                false => self.levels.insert(session, level),
            };
            self.effects.push(Effect::KeepLevels(self.levels.clone()));
        }
        let mut told = match self.level(session) {
            Level::All => t!("notify-all", title = title),
            Level::Mentions => t!("notify-mentions", title = title),
            Level::Nothing => t!("notify-nothing", title = title),
        };
        if let Some(hours) = self.settings.quiet {
            told = format!("{told} {}", t!("quiet-told", hours = hours.to_string()));
        }
        if let Some(reason) = &self.mute {
            told = format!("{} {told}", t!("notify-mute", reason = reason));
        }
        self.flash = Some((Tone::Quiet, told));
    }

    /// Nothing is shown and nothing rings in these hours from now on.
    pub(super) fn be_quiet(&mut self, hours: Option<Hours>) {
        self.settings = Settings { quiet: hours, ..self.settings };
        let told = match hours {
            Some(hours) => t!("quiet-told", hours = hours.to_string()),
            None => t!("quiet-off"),
        };
        self.flash = Some((Tone::Quiet, told));
        self.effects.push(Effect::KeepSettings(self.settings));
    }

    /// Shows a new message on the desktop, if that is wanted.
    pub(super) fn notify(&mut self, message: &Message, mention: bool) {
        let (session, position) = (message.session, message.position);
        let in_view = self.looking && self.focus == Some(session);
        let new = New { mention, in_view, silence: self.wants_silence() };
        if !self.level(session).shows(new) {
            return;
        }
        let Some(c) = self.conversations.iter().find(|c| c.session() == session) else { return };
        let Some(line) = c.line(position) else { return };
        let Some(said) = line.said() else { return };
        // What was there before the chat was opened has rung then; but a chat for two opens by itself for what is said in it.
        let old = !c.caught_up && !self.direct;
        let over = c.standing(line).is_some_and(|standing| standing != Standing::Open);
        if old || over || c.fate_of(position, said.user).deleted {
            return;
        }
        let text = cut(&telling::words(said, &said.name));
        let mut title = match c.summary.scope {
            Scope::Direct => said.name.clone(),
            _ => t!("notify-title", name = &said.name, title = c.title()),
        };
        if c.unread > 1 {
            title = format!("{title} ({})", c.unread);
        }
        let sealed = c.summary.sealed || c.summary.scope != Scope::Open;
        self.notified.insert(session, position);
        self.effects.push(Effect::Notify(Notification { session, title, text, sealed }));
    }

    /// Shows that somebody comes to help.
    pub(super) fn notify_coming(&mut self, session: SessionId, position: Position, text: String) {
        let in_view = self.looking && self.focus == Some(session);
        if self.level(session).shows(New { mention: true, in_view, silence: self.wants_silence() }) {
            let c = self.conversations.iter().find(|c| c.session() == session);
            let title = c.map(|c| c.title()).unwrap_or_default();
            self.notified.insert(session, position);
            self.effects.push(Effect::Notify(Notification { session, title, text, sealed: false }));
        }
    }

    /// Takes back what the desktop shows of a conversation.
    pub(super) fn take_back(&mut self, session: SessionId) {
        if self.notified.remove(&session).is_some() {
            self.effects.push(Effect::Unnotify(session));
        }
    }

    /// Takes back what the desktop shows of a message that its author deletes.
    pub(super) fn take_back_deleted(&mut self, message: &Message, target: Position, deed: &Deed) {
        let c = self.conversations.iter().find(|c| c.session() == message.session);
        let author = c.and_then(|c| c.line(target)?.said()).map(|said| said.user);
        let shown = self.notified.get(&message.session) == Some(&target);
        if shown && *deed == Deed::Delete && author == Some(message.author.user) {
            self.take_back(message.session);
        }
    }

    /// The person does something with what the desktop shows.
    pub(super) fn on_notified(&mut self, session: SessionId, response: Response) {
        self.take_back(session);
        let open = self.conversations.iter().any(|c| c.session() == session);
        match response {
            Response::Open => {
                self.act(if open { Action::Go(session) } else { Action::Enter(session) });
                self.effects.push(Effect::Raise);
            }
            Response::Reply(text) if text.trim().is_empty() => {}
            Response::Reply(text) => {
                self.on_activity();
                self.reply(session, text);
            }
        }
    }

    /// Says something in a conversation that need not be in view: what is new there is so still.
    fn reply(&mut self, session: SessionId, text: String) {
        let said = match command::parse(&text) {
            Line::Say(said) => Some(said),
            Line::Run(_) | Line::Wrong(_) => None,
        };
        if let (Some(said), Some(c)) = (said, self.conversation_mut(session)) {
            let (topic, new_from, scroll) = (c.topic.clone(), c.new_from, c.scroll);
            let sent = self.publish_in(session, Saying { topic, ..Saying::plain(&said) });
            if let Some(c) = self.conversation_mut(session) {
                (c.new_from, c.scroll) = (new_from, scroll);
            }
            if sent {
                return;
            }
        }
        let at = if self.conversation_mut(session).is_some() { Some(session) } else { self.focus };
        let Some(c) = at.and_then(|at| self.conversation_mut(at)) else { return };
        let draft = match c.editor.text() {
            "" => text,
            begun => format!("{begun}\n{text}"),
        };
        c.editor.set(&draft);
        let title = c.title();
        self.alarm(&t!("notify-unsent", title = title));
    }

    fn clock(&self) -> Zoned {
        moment(self.now).to_zoned(TimeZone::system())
    }
}

/// The beginning of a text, as it stands.
fn cut(text: &str) -> String {
    match text.char_indices().nth(MOST) {
        Some((end, _)) => format!("{}…", text[..end].trim_end()),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests;
