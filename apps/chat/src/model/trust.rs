//! Whether people are who they seem: marks, what to compare, and why somebody is not heard.
//!
//! Invariant: what is marked as compared is the key that was shown last, and no other.

use super::{Effect, Model};
use crate::conversation::Tone;
use crate::t;
use chalktalk_client::Fingerprint;
use chalktalk_ipc::{
    UserId,
    event::{Person, Scope},
    request::Mark,
};
use std::collections::BTreeMap;

impl Model {
    /// What stands beside names: verified, changed, blocked, a name that somebody else has.
    pub fn marks(&self) -> BTreeMap<UserId, &'static str> {
        self.people.iter().filter_map(|person| Some((person.user, mark(person)?))).collect()
    }

    /// Why something is missing in the conversation in view, and what to do.
    pub fn held_back(&self) -> Option<String> {
        let c = self.current()?;
        let is_here = |person: &&Person| {
            let named = c.summary.scope == Scope::Direct && c.title() == format!("@{}", person.name);
            named || c.members.iter().any(|member| member.user == person.user)
        };
        let changed = self.people.iter().filter(|person| person.changed && !person.blocked);
        let person = changed.clone().find(is_here)?;
        let name = &person.name;
        Some(t!("held-back", name = name, host = &person.host))
    }

    pub(super) fn on_compare(&mut self, person: Person, seen: &Fingerprint) {
        let rows = |row: &[String]| format!("    {}", row.join(" "));
        let words: Vec<String> = seen.words.chunks(4).map(|row| format!("    {}", row.join("  "))).collect();
        let digits: Vec<String> = seen.digits.chunks(4).map(rows).collect();
        let name = &person.name;
        let lines = [
            t!("compare", name = name, me = &self.me.name),
            words.join("\n"),
            digits.join("\n"),
            t!("compare-same", name = name),
        ];
        self.notice(Tone::Quiet, &lines.join("\n"));
        self.compared = Some(person);
    }

    pub(super) fn mark_compared(&mut self, name: &str) {
        let wanted = name.trim_start_matches('@').to_lowercase();
        let is_meant = |person: &Person| {
            person.name.to_lowercase() == wanted || person.user.to_string().starts_with(&wanted)
        };
        match self.compared.take_if(|person| is_meant(person)) {
            Some(person) => self.effects.push(Effect::Mark(person.user, Mark::Verified)),
            None => self.alarm(&t!("compare-first", name = name)),
        }
    }

    pub(super) fn on_marked(&mut self, person: &Person) {
        let name = &person.name;
        let text = match person {
            Person { blocked: true, .. } => t!("marked-blocked", name = name),
            Person { changed: true, .. } => t!("marked-changed", name = name),
            Person { verified: true, .. } => t!("marked-verified", name = name),
            _ => t!("marked-unblocked", name = name),
        };
        self.notice(Tone::Quiet, &text);
        self.effects.push(Effect::Who);
    }
}

/// What is thought of a person, in a word; nothing where there is nothing to say.
pub(super) fn in_a_word(person: &Person) -> Option<String> {
    Some(match person {
        Person { me: true, .. } => return None,
        Person { blocked: true, .. } => t!("thought-blocked"),
        Person { changed: true, .. } => t!("thought-changed"),
        Person { verified: true, .. } => t!("thought-verified"),
        Person { namesake: true, .. } => t!("thought-namesake"),
        _ => return None,
    })
}

/// The same as a sign beside the name.
fn mark(person: &Person) -> Option<&'static str> {
    Some(match person {
        Person { me: true, .. } => return None,
        Person { blocked: true, .. } => "✕",
        Person { changed: true, .. } => "!",
        Person { verified: true, .. } => "✔",
        Person { namesake: true, .. } => "≈",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{
        Action, Input,
        tests::{act, ana, open, person, typed},
    };
    use chalktalk_ipc::request::Availability;

    fn fingerprint() -> Fingerprint {
        Fingerprint { words: vec!["acorn"; 8], digits: vec!["12345".into(); 12] }
    }

    fn run(model: &mut Model, line: &str) -> Vec<Effect> {
        model.take_effects();
        typed(model, line);
        act(model, Action::Send);
        model
            .take_effects()
            .into_iter()
            .filter(|effect| !matches!(effect, Effect::Ack(..) | Effect::KeepDraft(..)))
            .collect()
    }

    #[test]
    fn a_key_is_marked_only_after_it_was_shown() {
        let mut model = ana();
        open(&mut model, 1, "#lobby", Scope::Open);
        assert_eq!(run(&mut model, "/verify @ben same"), []);
        assert!(model.flash.clone().unwrap().1.contains("/verify @ben"));
        assert_eq!(run(&mut model, "/verify ben"), [Effect::Compare("@ben".into())]);
        let ben = person(2, "ben", "desk", Availability::Online);
        model.update(Input::Compare(ben.clone(), fingerprint()), 0);
        assert_eq!(run(&mut model, "/verify @zoe same"), []);
        assert_eq!(run(&mut model, "/verify @Ben same"), [Effect::Mark(ben.user, Mark::Verified)]);
        assert_eq!(run(&mut model, "/verify @ben same"), [], "once for each time it is shown");
    }

    #[test]
    fn what_is_held_back_is_explained_where_it_is_missing() {
        let mut model = ana();
        open(&mut model, 1, "#lobby", Scope::Open);
        open(&mut model, 2, "@ben", Scope::Direct);
        let changed = Person { changed: true, ..person(2, "ben", "desk", Availability::Online) };
        model.update(Input::People(vec![changed.clone()]), 0);
        model.focus = Some(model.conversations[0].session());
        assert_eq!(model.held_back(), None, "ben is not here");
        model.focus = Some(model.conversations[1].session());
        assert!(model.held_back().unwrap().contains("/verify @ben"));
        assert_eq!(model.marks()[&changed.user], "!");
        model.update(Input::People(vec![Person { blocked: true, ..changed }]), 0);
        assert_eq!(model.held_back(), None, "decided");
    }
}
