//! What the daemon tells, and what it means for the state.
//!
//! Invariant: names and texts pass [`text`] on their way in.

use super::{Effect, Model, fit_for_display};
use crate::{
    conversation::{Conversation, Novelty, Order, Past, Progress, Tone},
    notify::Level,
    place::{self, LOBBY},
    t,
};
use chalktalk_client::Message;
use chalktalk_ipc::{
    AppId, Event, FailReason, SessionId,
    event::{Member, Person, Scope, SessionSummary},
    request::Topic,
    text,
};
use std::collections::BTreeMap;

impl Model {
    pub(super) fn on_opened(
        &mut self,
        summary: SessionSummary,
        members: Vec<Member>,
        focus: bool,
        say: Option<String>,
    ) {
        let session = summary.session;
        if self.conversations.is_empty() {
            self.direct = summary.scope == Scope::Direct;
        }
        self.others.retain(|s| s.session != session);
        match self.conversation_mut(session) {
            Some(c) => c.summary = summary,
            None => {
                let mut c = Conversation::new(summary, members);
                c.past = Past::Asked;
                c.kept = self.drafts.remove(&session).unwrap_or_default();
                c.editor.set(&c.kept);
                self.conversations.push(c);
                self.sort();
                self.effects.extend([Effect::Past(session, None), Effect::Files(session, false)]);
            }
        }
        if focus || self.focus.is_none() {
            self.look_at(session);
        }
        say.into_iter().for_each(|text| self.say(text));
        let lobby = self.conversation_mut(session).is_some_and(|c| c.title() == LOBBY);
        if let Some(call) = self.calling.take_if(|_| lobby) {
            self.call_in(session, call);
        }
    }

    /// Who is on the network. Whoever is not any more may be out of sight where one talks.
    pub(super) fn on_people(&mut self, people: Vec<Person>) {
        self.network = Some(people.iter().map(|person| person.host_id).collect());
        self.people = people.into_iter().map(fit_for_display).collect();
        self.note_unheard();
        self.on_status();
        let open: Vec<SessionId> = self.conversations.iter().map(Conversation::session).collect();
        open.into_iter().for_each(|session| self.look_around(session));
    }

    /// Compares who is in a conversation with who is on the network, once that is known.
    pub(super) fn look_around(&mut self, session: SessionId) {
        let (here, now) = (self.me.host_id, self.now);
        let Some(network) = self.network.clone() else { return };
        if let Some(c) = self.conversation_mut(session) {
            c.look_around(here, &network, now);
        }
    }

    pub(super) fn on_message(&mut self, message: &Message) {
        if message.flags.volatile || message.flags.history {
            return;
        }
        let (me, focus, looking) = (self.me.clone(), self.focus, self.looking);
        let Some(c) = self.conversation_mut(message.session) else { return };
        let mine = message.instance == me.instance;
        let mention = match c.on_delivered(message, me.user, mine) {
            Novelty::New { mention } => mention,
            Novelty::Known => return,
            Novelty::Own => return self.on_roll(message),
            Novelty::Marked(target, deed) => return self.on_deed(message, target, &deed),
        };
        let now = self.now;
        if let Some(c) = self.conversation_mut(message.session) {
            c.note_coming(message, now);
        }
        self.on_roll(message);
        self.on_offer(message);
        let call = self.on_call(message);
        let watched = self.is_watched(&String::from_utf8_lossy(&message.payload));
        let Some(c) = self.conversation_mut(message.session) else { return };
        if watched && !mention {
            c.note_mention(message.position);
        }
        let is_call = c.line(message.position).is_some_and(|line| c.standing(line).is_some());
        let in_view = looking && focus == Some(message.session);
        let mention = mention || watched || c.summary.scope == Scope::Direct;
        if !in_view || c.scroll.bottom.is_some() {
            c.count_new(Order::of(message), mention);
        } else if !c.caught_up {
            c.mark_new(Order::of(message));
        }
        if message.flags.redelivered || is_call && !call {
            return;
        }
        if (call || !in_view && mention) && self.level(message.session) != Level::Nothing {
            self.ring();
        }
        self.notify(message, mention || call, call);
    }

    pub(super) fn on_event(&mut self, event: Event) {
        match event {
            Event::Progress { session, appended, stored, held_by, delivered } => {
                if let Some(c) = self.conversation_mut(session) {
                    c.on_progress(Progress { appended, stored, held_by, delivered });
                }
            }
            Event::Failed { session, number, host_name, reason, detail, .. } => {
                let now = self.now;
                let why = failure(&host_name, reason, &detail);
                if let Some(c) = self.conversation_mut(session)
                    && !c.on_failed(number, why.clone())
                {
                    c.notice(Tone::Alarm, &why, now);
                }
            }
            Event::Lost { session, first, last, .. } => {
                let now = self.now;
                if let Some(c) = self.conversation_mut(session) {
                    let entries = last.saturating_sub(first).saturating_add(1);
                    c.notice(Tone::Alarm, &t!("entries-lost", n = entries), now);
                }
            }
            Event::CaughtUp { session } => {
                if let Some(c) = self.conversation_mut(session) {
                    c.caught_up = true;
                }
            }
            Event::Roster { session, members } => self.on_roster(session, members),
            Event::Offer { session } => {
                let accept = place::takes(self.direct, &session);
                self.effects.push(Effect::Answer(session, accept));
            }
            Event::Changed { topic: Topic::Who } => self.effects.push(Effect::Who),
            Event::Changed { topic: Topic::Sessions } => {
                self.effects.extend([Effect::Sessions, Effect::AppSessions]);
            }
            Event::Changed { topic: Topic::Invitations } => self.effects.push(Effect::Invitations),
            Event::Changed { topic: Topic::Warnings } => self.effects.push(Effect::Warnings),
            Event::Detached { session: Some(session), reason } => {
                self.remove(session);
                self.alarm(&text::printable(&reason));
            }
            Event::Detached { session: None, reason } => self.away = Some(text::printable(&reason)),
            _ => {}
        }
    }

    /// Rooms that the user has joined are opened, so that what is said there is counted. A direct session is left to
    /// an instance of its own until the person goes there.
    pub(super) fn on_sessions(&mut self, sessions: Vec<SessionSummary>) {
        let ours = sessions.into_iter().filter(|s| s.app == AppId::chat() && s.parent.is_none());
        let (open, others): (Vec<_>, Vec<_>) =
            ours.partition(|s| self.conversations.iter().any(|c| c.session() == s.session));
        for summary in open {
            if let Some(c) = self.conversation_mut(summary.session) {
                c.summary = summary;
            }
        }
        if !self.direct {
            let joined = others.iter().filter(|s| s.joined && s.scope != Scope::Direct);
            self.effects.extend(joined.cloned().map(Effect::Open));
        }
        self.on_others(others);
    }

    /// Something may be going on in a direct session that another instance shows, without a screen perhaps.
    fn on_others(&mut self, others: Vec<SessionSummary>) {
        let direct = |s: &&SessionSummary| s.scope == Scope::Direct && s.joined;
        let held: BTreeMap<SessionId, u64> =
            others.iter().filter(direct).map(|s| (s.session, s.entries)).collect();
        if let Some(before) = &self.held {
            let stirred = held.iter().filter(|(id, entries)| before.get(*id).unwrap_or(&0) < *entries);
            self.stirred.extend(stirred.map(|(id, _)| *id));
        }
        self.stirred.retain(|id| held.contains_key(id));
        self.held = Some(held);
        self.others = others;
    }
}

pub(super) fn place_in_list(c: &Conversation) -> (bool, bool, String) {
    let title = c.title();
    (c.summary.scope == Scope::Direct, title != LOBBY, title.to_lowercase())
}

fn failure(host: &str, reason: FailReason, detail: &str) -> String {
    let (host, detail) = (text::label(host), text::label(detail));
    let why = match reason {
        FailReason::Gone => t!("failed-gone"),
        FailReason::NoApp => t!("failed-no-app"),
        FailReason::NoDisplay => t!("failed-no-display"),
        FailReason::LaunchFailed => t!("failed-launch"),
        FailReason::NeverAttached => t!("failed-never-attached"),
        FailReason::NoAgent => t!("failed-no-agent"),
    };
    let line = t!("holders-line", name = host, state = why);
    if detail.is_empty() { line } else { format!("{line} ({detail})") }
}
