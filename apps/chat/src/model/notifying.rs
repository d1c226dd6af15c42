//! What is shown on the desktop of what comes, and what the person does with it.
//!
//! Invariant: of a conversation only the newest is shown, no more of it than its line tells, and nothing once it was seen, deleted,
//! answered, or its conversation left. An answer that cannot be sent waits in the line being written.

use super::{About, Action, Effect, Model, Notification, Response, Tone};
use crate::{
    command::{self, Line},
    conversation::{Deed, Standing},
    keep::{Change, Setting},
    notify::{Hours, Level, New},
    t, telling,
    transcript::moment,
};
use chalktalk_client::{Message, chat::Saying};
use chalktalk_ipc::{
    Position, SessionId,
    event::{InvitationSummary, Scope},
    nway::Part,
    text::label,
};
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
            self.levels.insert(session, level);
            self.effects.push(Effect::Keep(Change::Level(session, level)));
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

    /// Shows a new message on the desktop, if that is wanted.
    pub(super) fn notify(&mut self, message: &Message, mention: bool, call: bool) {
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
        let text = match telling::card(said, &self.apps, self.me.user) {
            // The invitation itself is shown.
            Some(_) if said.text.starts_with("invite ") => return,
            Some(card) => card.head,
            None => cut(&telling::words(said, &said.name)),
        };
        let mut title = match c.summary.scope {
            Scope::Direct => said.name.clone(),
            _ => t!("notify-title", name = &said.name, title = c.title()),
        };
        if c.unread > 1 {
            title = format!("{title} ({})", c.unread);
        }
        let sealed = c.summary.sealed || c.summary.scope != Scope::Open;
        let about = if call { About::Call } else { About::Words };
        self.show(Some(position), Notification { session, about, title, text, sealed });
    }

    /// Shows an invitation that has just come, if that is wanted: where its card is in view it is not. It obeys what holds for the
    /// conversation that it came in; an invitation to a room came in none.
    pub(super) fn notify_invited(&mut self, invitation: &InvitationSummary) {
        let (session, name) = (invitation.session, label(&invitation.name));
        let parent = invitation.nway.as_ref().map(|nway| nway.parent);
        let in_view = parent.is_some() && self.looking && self.focus == parent;
        let level = parent.map(|parent| self.level(parent)).unwrap_or_default();
        if !level.shows(New { mention: true, in_view, silence: self.wants_silence() }) {
            return;
        }
        let new = match &invitation.nway {
            None => Notification {
                session,
                about: About::Invitation,
                title: t!("notify-invited", name = name),
                text: label(&invitation.title),
                sealed: true,
            },
            Some(nway) => {
                let mut text = t!("notify-together", title = label(&invitation.title));
                if !nway.lacks.is_empty() {
                    text = format!("{text} {}", t!("invited-but", lacks = label(&nway.lacks)));
                }
                let open = |c: &&crate::conversation::Conversation| c.session() == nway.parent;
                let parent = self.conversations.iter().find(open).map(|c| &c.summary);
                let sealed = parent.is_none_or(|parent| parent.sealed || parent.scope != Scope::Open);
                let about = if nway.lacks.is_empty() { About::Invitation } else { About::Lacking };
                let title = t!("notify-title", name = name, title = label(&nway.parent_title));
                Notification { session, about, title, text, sealed }
            }
        };
        self.show(None, new);
    }

    /// The window was closed: nobody looks any more. That the chat goes on is told once.
    pub(super) fn on_stowed(&mut self) {
        self.looking = false;
        let Some(session) = self.focus.filter(|_| !self.settings.tray_told) else { return };
        self.want(Setting::TrayTold);
        let (title, text) = (t!("tray-stays"), t!("tray-stays-how"));
        self.show(None, Notification { session, about: About::Place, title, text, sealed: false });
    }

    fn show(&mut self, what: Option<Position>, new: Notification) {
        self.notified.insert(new.session, what);
        self.effects.push(Effect::Notify(new));
    }

    /// Shows that somebody comes to help.
    pub(super) fn notify_coming(&mut self, session: SessionId, position: Position, text: String) {
        let in_view = self.looking && self.focus == Some(session);
        if self.level(session).shows(New { mention: true, in_view, silence: self.wants_silence() }) {
            let c = self.conversations.iter().find(|c| c.session() == session);
            let title = c.map(|c| c.title()).unwrap_or_default();
            let new = Notification { session, about: About::Words, title, text, sealed: false };
            self.show(Some(position), new);
        }
    }

    /// Takes back what the desktop shows of a conversation.
    pub(super) fn take_back(&mut self, session: SessionId) {
        if self.notified.remove(&session).is_some() {
            self.effects.push(Effect::Unnotify(session));
        }
    }

    /// Takes back what the desktop shows of an invitation that waits no more: it was answered, here or elsewhere, or called off.
    pub(super) fn take_back_invitation(&mut self, session: SessionId) {
        if self.notified.get(&session) == Some(&None) {
            self.take_back(session);
        }
    }

    /// Takes back what the desktop shows of a message that its author deletes, or of a call for help that needs no answer any more.
    pub(super) fn take_back_over(&mut self, message: &Message, target: Position, deed: &Deed) {
        let c = self.conversations.iter().find(|c| c.session() == message.session);
        let author = c.and_then(|c| c.line(target)?.said()).map(|said| said.user);
        let shown = self.notified.get(&message.session) == Some(&Some(target));
        let over = match deed {
            Deed::Delete | Deed::Helped => author == Some(message.author.user),
            Deed::Coming(true) => message.author.user == self.me.user,
            _ => false,
        };
        if shown && over {
            self.take_back(message.session);
        }
    }

    /// The person does something with what the desktop shows.
    pub(super) fn on_notified(&mut self, session: SessionId, response: Response) {
        let shown = self.notified.get(&session).copied().flatten();
        self.take_back(session);
        let waiting = self.invitations.iter().flatten().find(|invitation| invitation.session == session);
        match (response, waiting.map(|invitation| invitation.nway.as_ref().map(|nway| nway.parent))) {
            (Response::Come, _) => {
                self.on_activity();
                let c = self.conversations.iter().find(|c| c.session() == session);
                let call =
                    shown.filter(|at| c.and_then(|c| c.standing(c.line(*at)?)) == Some(Standing::Open));
                match call {
                    Some(of) => self.come_to(session, of, false),
                    None => self.alarm(&t!("call-none")),
                }
            }
            (Response::Accept, Some(Some(_))) => {
                self.on_activity();
                self.effects.push(Effect::TakePart(session, Part::Player));
            }
            (Response::Accept, Some(None)) => {
                self.on_activity();
                self.effects.extend([Effect::Accept(session), Effect::Raise]);
            }
            (Response::Decline, Some(_)) => {
                self.on_activity();
                self.effects.push(Effect::Decline(session));
            }
            // It was answered elsewhere meanwhile, or called off.
            (Response::Accept | Response::Decline, None) => {}
            (Response::Open, Some(None)) => {
                self.act(Action::Accept(session));
                self.effects.push(Effect::Raise);
            }
            (Response::Open, asked) => {
                let there = asked.flatten().unwrap_or(session);
                let open = self.conversations.iter().any(|c| c.session() == there);
                self.act(if open { Action::Go(there) } else { Action::Enter(there) });
                self.effects.push(Effect::Raise);
            }
            (Response::Reply(text), _) if text.trim().is_empty() => {}
            (Response::Reply(text), _) => {
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
