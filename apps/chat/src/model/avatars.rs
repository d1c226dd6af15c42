//! What people look like.
//!
//! Invariant: whose messages are held back is shown as if they had said nothing.

use super::{Effect, Model, Portrait};
use crate::{
    avatars::News,
    conversation::{Conversation, Line, Tone},
    t,
};
use chalktalk_ipc::{
    UserId,
    event::{Person, Scope},
    text,
};
use std::{collections::BTreeSet, sync::Arc};

impl Model {
    /// The picture that somebody has set: the bytes of a file, which may be anything.
    pub fn avatar(&self, user: UserId) -> Option<&Arc<[u8]>> {
        self.avatars.get(&user).filter(|_| !self.unheard.contains(&user))
    }

    pub(super) fn on_avatars(&mut self, news: News) {
        let avatars = Arc::make_mut(&mut self.avatars);
        for (user, picture) in news {
            match picture {
                Some(picture) => drop(avatars.insert(user, picture)),
                None => drop(avatars.remove(&user)),
            }
        }
    }

    /// Notes whose messages are held back. What they have said meanwhile was passed over.
    pub(super) fn note_unheard(&mut self) {
        let held = |person: &&Person| person.blocked || person.changed;
        let held: BTreeSet<UserId> = self.people.iter().filter(held).map(|person| person.user).collect();
        let free =
            |user: &UserId| !held.contains(user) && self.people.iter().any(|person| person.user == *user);
        if self.unheard.iter().any(free) {
            self.effects.push(Effect::AvatarsAgain);
        }
        // Whoever is away now is still thought of in the same way.
        let away = |user: &UserId| self.people.iter().all(|person| person.user != *user);
        let away: BTreeSet<UserId> = self.unheard.iter().copied().filter(away).collect();
        self.unheard = &held | &away;
    }

    /// Whom one talks with in a direct session, of which this much is known; none: it is not one, or they are not known.
    pub fn partner(&self, scope: Scope, title: &str, open: Option<&Conversation>) -> Option<UserId> {
        if scope != Scope::Direct {
            return None;
        }
        let other = |user: &UserId| *user != self.me.user;
        let there = open.and_then(|c| c.members.iter().map(|member| member.user).find(other));
        let spoke = || open?.lines.iter().rev().filter_map(Line::said).map(|said| said.user).find(other);
        let named = || {
            let title = text::label(title);
            let mut named = self.people.iter().filter(|person| title.strip_prefix('@') == Some(&person.name));
            let user = named.next()?.user;
            named.all(|person| person.user == user).then_some(user)
        };
        there.or_else(spoke).or_else(named)
    }

    pub(super) fn set_avatar(&mut self, portrait: Portrait) {
        self.effects.push(Effect::Avatar(portrait));
    }

    pub(super) fn tell_avatar(&mut self) {
        let told = match self.avatar(self.me.user) {
            Some(_) => t!("avatar-told"),
            None => t!("avatar-told-none"),
        };
        self.flash = Some((Tone::Quiet, told));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{
        Action, Input,
        tests::{act, ana, effects, open, person, typed},
    };
    use chalktalk_ipc::request::Availability;

    #[test]
    fn a_command_sets_it_or_takes_it_back() {
        let mut model = ana();
        open(&mut model, 1, "#lobby", Scope::Open);
        effects(&mut model);
        for (line, wanted) in [
            ("/avatar ~/me at sea.jpg", Some(Portrait::File("~/me at sea.jpg".into()))),
            ("/avatar none", Some(Portrait::Generated)),
            ("/avatar", None),
        ] {
            typed(&mut model, line);
            act(&mut model, Action::Send);
            let asked = effects(&mut model).into_iter().find_map(|effect| match effect {
                Effect::Avatar(portrait) => Some(portrait),
                _ => None,
            });
            assert_eq!(asked, wanted, "{line}");
        }
        assert!(model.flash.as_ref().is_some_and(|(_, text)| text.contains("/avatar")), "{:?}", model.flash);
    }

    #[test]
    fn who_is_blocked_has_none_and_what_they_said_meanwhile_is_read_when_they_are_not() {
        let mut model = ana();
        let (ben, picture) = (UserId([2; 32]), Arc::<[u8]>::from(&b"ben"[..]));
        model.update(Input::Avatars(vec![(ben, Some(picture.clone()))]), 0);
        assert_eq!(model.avatar(ben), Some(&picture));
        let mut here = person(2, "ben", "ben-desk", Availability::Online);
        here.blocked = true;
        let blocked = here.clone();
        model.update(Input::People(vec![here]), 0);
        assert_eq!(model.avatar(ben), None);
        // Away is not free.
        model.update(Input::People(vec![]), 0);
        assert_eq!(model.avatar(ben), None);
        assert!(!effects(&mut model).contains(&Effect::AvatarsAgain));
        model.update(Input::People(vec![Person { blocked: false, ..blocked }]), 0);
        assert_eq!(model.avatar(ben), Some(&picture));
        assert!(effects(&mut model).contains(&Effect::AvatarsAgain));
        model.update(Input::Avatars(vec![(ben, None)]), 0);
        assert_eq!(model.avatar(ben), None);
    }
}
