//! How available one is, and what calls for attention: whether somebody is at this chat, no bell where one does not
//! want to be disturbed, conversations that one likes first.
//!
//! Invariant: what a person said of themselves is changed by nobody else. Whether they are away follows from all their
//! programs, and is for the daemon to say.

use super::{Effect, Model, Tone, word};
use crate::t;
use crate::{command::Status, conversation::Conversation, keep::Change, transcript::moment};
use chalktalk_ipc::{
    UserId,
    event::{Person, Scope},
    request::Availability,
    text,
};
use jiff::tz::TimeZone;
use std::collections::BTreeSet;

/// Who has not touched a key for so many milliseconds is away.
const IDLE: u64 = 10 * 60_000;

/// How available this person is, as far as this chat has a part in it.
#[derive(Clone, Debug, Default)]
pub(super) struct Attention {
    /// What the person has just said, and others may not have heard.
    said: Option<Availability>,
    /// When they last did something here.
    active: u64,
    /// Whether this chat has said that nobody is at it.
    idle: bool,
}

impl Attention {
    /// When nobody is taken to be here.
    pub(super) fn due(&self) -> Option<u64> {
        (!self.idle && self.active > 0).then_some(self.active + IDLE)
    }
}

impl Model {
    /// The person says how available they are, and something beside it.
    pub(super) fn set_status(&mut self, status: Status) {
        if let Some(availability) = status.availability {
            self.attention.said = Some(availability);
            self.effects.push(Effect::Availability(availability));
        }
        let me = self.people.iter().find(|person| person.me);
        let (mut saying, mut until) =
            me.map_or((String::new(), None), |me| (me.saying.clone(), me.saying_until));
        if let Some(text) = status.saying {
            let now = moment(self.now).to_zoned(TimeZone::system());
            let lasts = status.lasts.and_then(|lasts| lasts.from(&now));
            (saying, until) = (text::saying(&text), lasts.map(|ms| self.now + ms));
            self.effects.push(Effect::Saying(text, lasts));
        }
        let word = word(status.availability.or(self.my_status()).unwrap_or_default());
        let until =
            until.map(|until| moment(until).to_zoned(TimeZone::system()).strftime("%H:%M").to_string());
        let told = match (saying.is_empty(), until) {
            (true, _) if status.availability == Some(Availability::Busy) => {
                t!("status-told-quiet", status = word)
            }
            (true, _) => t!("status-told", status = word),
            (false, None) => t!("status-told-saying", status = word, saying = saying),
            (false, Some(time)) => t!("status-told-until", status = word, saying = saying, time = time),
        };
        self.flash = Some((Tone::Quiet, told));
    }

    /// The person does something.
    pub(super) fn on_activity(&mut self) {
        self.attention.active = self.now;
        if std::mem::take(&mut self.attention.idle) {
            self.effects.push(Effect::Idle(false));
        }
    }

    /// What others see of the person may have changed.
    pub(super) fn on_status(&mut self) {
        self.attention.said = None;
    }

    /// A daemon that was away knows nothing of it yet.
    pub(super) fn on_back(&mut self) {
        if self.attention.active > 0 {
            self.effects.push(Effect::Idle(self.attention.idle));
        }
    }

    /// Time has passed without a key.
    pub(super) fn rest(&mut self) {
        if self.attention.due().is_some_and(|due| due <= self.now) {
            self.attention.idle = true;
            self.effects.push(Effect::Idle(true));
        }
    }

    /// Something calls for the person, unless they do not want to be disturbed.
    pub(super) fn ring(&mut self) {
        if !self.wants_silence() {
            self.effects.push(Effect::Bell);
        }
    }

    /// Whether the person does not want to be disturbed now.
    pub(super) fn wants_silence(&self) -> bool {
        self.is_busy() || self.quiet_hours().is_some()
    }

    /// Whether the person has said that they do not want to be disturbed.
    pub fn is_busy(&self) -> bool {
        self.attention.said.or(self.my_status()) == Some(Availability::Busy)
    }

    /// Lists the conversation in view among the first, or no more.
    pub(super) fn like(&mut self) {
        let Some((session, title)) = self.current().map(|c| (c.session(), c.title())) else { return };
        let on = self.favourites.insert(session);
        if !on {
            self.favourites.remove(&session);
        }
        self.sort();
        let text = if on { t!("favourite-on", title = title) } else { t!("favourite-off", title = title) };
        self.flash = Some((Tone::Quiet, text));
        self.effects.push(Effect::Keep(Change::Favourite(session, on)));
    }

    /// Conversations in the order in which they are listed: the liked ones first, rooms before people, the lobby before rooms.
    pub(super) fn sort(&mut self) {
        let liked = &self.favourites;
        self.conversations
            .sort_by_cached_key(|c| (!liked.contains(&c.session()), super::news::place_in_list(c)));
    }

    /// The next conversation in which something is new; one with a mention first.
    pub(super) fn go_to_unread(&mut self) {
        let at = self.conversations.iter().position(|c| Some(c.session()) == self.focus).unwrap_or(0);
        let (before, behind) = self.conversations.split_at(at);
        let around: Vec<&Conversation> =
            behind.iter().skip(1).chain(before).filter(|c| c.unread > 0).collect();
        let next = around.iter().find(|c| c.mentions > 0).or(around.first()).map(|c| c.session());
        match next {
            Some(session) => {
                self.look_at(session);
                self.go_to_new();
                if let Some(c) = self.current_mut() {
                    c.mark_read();
                }
            }
            None => self.flash = Some((Tone::Quiet, t!("nothing-unread"))),
        }
    }

    /// What is known of somebody, on all their hosts.
    pub(super) fn profile(&self, name: &str) -> Option<String> {
        let lower = name.to_lowercase();
        let named = |p: &&Person| {
            p.name.to_lowercase() == lower || name.len() >= 8 && p.user.to_string().starts_with(&lower)
        };
        let users: BTreeSet<UserId> = self.people.iter().filter(named).map(|person| person.user).collect();
        let all: Vec<String> = users.into_iter().filter_map(|user| self.profile_of(user)).collect();
        (!all.is_empty()).then(|| all.join("\n"))
    }

    /// What is known of somebody who is on the network, on all their hosts.
    pub fn profile_of(&self, user: UserId) -> Option<String> {
        let hosts: Vec<&Person> = self.people.iter().filter(|person| person.user == user).collect();
        let person = hosts.first()?;
        let thought = match super::trust::in_a_word(person) {
            Some(thought) => thought,
            None if user == self.me.user => t!("profile-you"),
            None => t!("profile-not-compared"),
        };
        let key: String = user.to_string().chars().take(16).collect();
        let mut lines = vec![t!("profile-key", name = &person.name, key = key, thought = thought)];
        for host in &hosts {
            let addresses: Vec<String> = host.addresses.iter().map(ToString::to_string).collect();
            let (status, addresses) = (word(host.status), addresses.join(", "));
            lines.push(t!("profile-host", host = &host.host, status = status, addresses = addresses));
            if !host.saying.is_empty() {
                lines.push(format!("“{}”", host.saying));
            }
        }
        let shared = self.conversations.iter().filter(|c| c.summary.scope != Scope::Direct);
        let rooms: Vec<String> = shared
            .filter(|c| c.members.iter().any(|member| member.user == user))
            .map(Conversation::title)
            .collect();
        if !rooms.is_empty() {
            lines.push(t!("profile-here-and-in", rooms = rooms.join(", ")));
        }
        if self.avatar(user).is_some() {
            lines.push(t!("profile-avatar"));
        }
        Some(lines.join("\n"))
    }

    fn my_status(&self) -> Option<Availability> {
        let me = self.people.iter().find(|person| person.me && person.host_id == self.me.host_id);
        me.map(|person| person.status)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{
        Action, Input,
        tests::{act, ana, deliver, effects, open, person, typed},
    };
    use chalktalk_ipc::SessionId;

    fn rooms() -> Model {
        let mut model = ana();
        for (n, title) in [(1, "#lobby"), (2, "#garden"), (3, "#plans")] {
            open(&mut model, n, title, Scope::Open);
        }
        act(&mut model, Action::Go(SessionId([1; 16])));
        model.take_effects();
        model
    }

    fn at(model: &mut Model, input: Input, now: u64) -> Vec<Effect> {
        model.update(input, now);
        effects(model)
    }

    #[test]
    fn who_types_nothing_for_long_is_not_there_until_the_next_key() {
        let mut model = rooms();
        let key = || Input::Act(Action::Newest);
        at(&mut model, key(), 1000);
        assert_eq!(model.next_tick(), Some(1000 + IDLE));
        assert_eq!(at(&mut model, Input::Tick, 999 + IDLE), []);
        assert_eq!(at(&mut model, Input::Tick, 1000 + IDLE), [Effect::Idle(true)]);
        assert_eq!(model.next_tick(), None);
        assert!(
            at(&mut model, Input::Back, 1500 + IDLE).contains(&Effect::Idle(true)),
            "it has to be told anew"
        );
        assert_eq!(at(&mut model, key(), 2000 + IDLE), [Effect::Idle(false)]);
    }

    #[test]
    fn a_status_has_a_text_for_a_while() {
        let mut model = rooms();
        let mut said = |line: &str| {
            typed(&mut model, line);
            act(&mut model, Action::Send);
            (effects(&mut model), model.flash.clone().unwrap().1)
        };
        let (busy, tea) = (Effect::Availability(Availability::Busy), "🍵 tea");
        assert_eq!(said("/status 🍵 tea").0, [Effect::Saying(tea.into(), None)]);
        let (effects, told) = said("/status busy 🍵 tea for 20m");
        assert_eq!(effects, [busy, Effect::Saying(tea.into(), Some(20 * 60_000))]);
        assert!(told.starts_with("You are busy: 🍵 tea (until "), "{told}");
        assert_eq!(said("/status clear").0, [Effect::Saying(String::new(), None)]);
        assert_eq!(said("/status").0, []);
    }

    #[test]
    fn who_is_busy_is_not_rung_for() {
        let mut model = rooms();
        let rings = |model: &mut Model, stamp| {
            let mut message = crate::conversation::tests::message(2, 2, stamp, "@ana");
            message.mentions_you = true;
            at(model, Input::Delivered(vec![message]), 0).contains(&Effect::Bell)
        };
        assert!(rings(&mut model, 1));
        typed(&mut model, "/status busy");
        act(&mut model, Action::Send);
        assert!(!rings(&mut model, 2));
        typed(&mut model, "/status online");
        act(&mut model, Action::Send);
        assert!(rings(&mut model, 3));
    }

    #[test]
    fn what_is_liked_stands_first_and_what_is_unread_is_one_key_away() {
        let mut model = rooms();
        let titles = |model: &Model| model.conversations.iter().map(Conversation::title).collect::<Vec<_>>();
        act(&mut model, Action::Go(SessionId([3; 16])));
        typed(&mut model, "/favourite");
        act(&mut model, Action::Send);
        assert_eq!(titles(&model), ["#plans", "#lobby", "#garden"]);
        assert!(effects(&mut model).contains(&Effect::Keep(Change::Favourite(SessionId([3; 16]), true))));
        typed(&mut model, "/favourite");
        act(&mut model, Action::Send);
        assert_eq!(titles(&model), ["#lobby", "#garden", "#plans"]);
        deliver(&mut model, 1, 2, 1, "new");
        deliver(&mut model, 2, 2, 1, "new");
        act(&mut model, Action::Unread);
        assert_eq!(model.focus, Some(SessionId([1; 16])));
        act(&mut model, Action::Unread);
        assert_eq!(model.focus, Some(SessionId([2; 16])));
        act(&mut model, Action::Unread);
        assert_eq!(model.flash.clone().unwrap().1, "Nothing is unread.");
    }

    #[test]
    fn a_profile_names_every_host() {
        let mut model = rooms();
        let people = [("laptop", Availability::Online), ("desk", Availability::Away)];
        let people = people.map(|(host, status)| person(2, "ben", host, status));
        model.update(Input::People(people.to_vec()), 0);
        let profile = model.profile("BEN").unwrap();
        assert!(profile.contains("on laptop: online") && profile.contains("on desk: away"), "{profile}");
        assert_eq!(model.profile("zoe"), None);
    }
}
