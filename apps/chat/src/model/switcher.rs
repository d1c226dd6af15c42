//! The quick switcher: a few letters lead to any conversation or person.
//!
//! Invariant: what is listed is exactly what can be chosen, in that order.

use super::{Action, Mode, Model};
use crate::t;
use chalktalk_ipc::text::label;
use std::collections::BTreeSet;

/// What is being looked for.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Switcher {
    /// The letters typed so far.
    pub query: String,
    /// Which of the places found is chosen.
    pub chosen: usize,
}

/// Somewhere to go.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Goal {
    /// Its name.
    pub name: String,
    /// What there is to say about it.
    pub about: String,
    /// How to get there.
    pub action: Action,
}

/// Places offered at once.
const MAX_GOALS: usize = 10;

/// The most letters looked for.
const MAX_QUERY: usize = 64;

impl Model {
    /// Where the letters typed so far may lead, the likeliest first: mentions, then what is unread, then the rest.
    pub fn goals(&self) -> Vec<Goal> {
        let open = self.conversations.iter().filter(|c| Some(c.session()) != self.focus).map(|c| {
            let about = match (c.unread, c.mentions) {
                (0, _) => String::new(),
                (unread, 0) => t!("goal-new", n = unread),
                (unread, mentions) => t!("goal-new-for-you", n = unread, mentions = mentions),
            };
            (
                (c.mentions == 0, c.unread == 0),
                Goal { name: c.title(), about, action: Action::Go(c.session()) },
            )
        });
        let others = self.others.iter().map(|other| {
            let goal = Goal {
                name: label(&other.title),
                about: t!("goal-not-open"),
                action: Action::Enter(other.session),
            };
            ((true, true), goal)
        });
        let people = self.people.iter().filter(|person| !person.me).map(|person| {
            let about = t!("goal-person", status = super::word(person.status), host = &person.host);
            (
                (true, true),
                Goal { name: format!("@{}", person.name), about, action: Action::Talk(person.user) },
            )
        });
        let mut found: Vec<_> = open
            .chain(others)
            .chain(people)
            .filter_map(|(urgency, goal)| Some((closeness(&goal.name, &self.switcher.query)?, urgency, goal)))
            .collect();
        found.sort_by_key(|(closeness, urgency, _)| (*closeness, *urgency));
        // A conversation with a person stands for the person.
        let mut names = BTreeSet::new();
        found.retain(|(.., goal)| names.insert(goal.name.clone()));
        found.into_iter().take(MAX_GOALS).map(|(.., goal)| goal).collect()
    }

    pub(super) fn open_switcher(&mut self) {
        self.switcher = Switcher::default();
        self.mode = if self.mode == Mode::Switching { Mode::Writing } else { Mode::Switching };
    }

    /// A letter more, or one less.
    pub(super) fn narrow(&mut self, letter: Option<char>) {
        let switcher = &mut self.switcher;
        match letter {
            Some(letter) if switcher.query.len() < MAX_QUERY => switcher.query.push(letter),
            Some(_) => {}
            None => drop(switcher.query.pop()),
        }
        switcher.chosen = 0;
    }

    pub(super) fn step_goals(&mut self, by: isize) {
        let count = self.goals().len() as isize;
        if count > 0 {
            self.switcher.chosen = (self.switcher.chosen as isize + by).rem_euclid(count) as usize;
        }
    }

    /// Goes to the chosen place; letters that lead nowhere name a room.
    pub(super) fn choose_goal(&mut self) {
        self.mode = Mode::Writing;
        match self.goals().into_iter().nth(self.switcher.chosen) {
            Some(goal) => self.act(goal.action),
            None => self.alarm(&t!("goal-none")),
        }
    }
}

/// How well a name fits: it begins so, has it within, has its letters in this order; nothing: not at all.
fn closeness(name: &str, query: &str) -> Option<u8> {
    let (name, query) = (name.to_lowercase(), query.trim().to_lowercase());
    if name.starts_with(&query) || name.trim_start_matches(['#', '@']).starts_with(&query) {
        return Some(0);
    }
    if name.contains(&query) {
        return Some(1);
    }
    let mut letters = name.chars();
    query.chars().all(|wanted| letters.any(|letter| letter == wanted)).then_some(2)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{
        Input,
        tests::{act, ana, deliver, open, person},
    };
    use chalktalk_ipc::{SessionId, event::Scope, request::Availability};

    #[test]
    fn a_few_letters_lead_there() {
        let mut model = ana();
        for (n, title) in [(1, "#lobby"), (2, "#garden"), (3, "#plans"), (4, "#landing")] {
            open(&mut model, n, title, Scope::Open);
        }
        model.update(Input::People(vec![person(2, "lan", "h", Availability::Away)]), 0);
        act(&mut model, Action::Go(SessionId([1; 16])));
        deliver(&mut model, 3, 2, 1, "new");
        act(&mut model, Action::Switcher);
        let names = |model: &Model| model.goals().into_iter().map(|goal| goal.name).collect::<Vec<_>>();
        assert_eq!(names(&model), ["#plans", "#garden", "#landing", "@lan"], "what is new stands first");
        "lan".chars().for_each(|letter| act(&mut model, Action::Narrow(Some(letter))));
        assert_eq!(names(&model), ["#landing", "@lan", "#plans"]);
        act(&mut model, Action::Up);
        act(&mut model, Action::Choose);
        assert_eq!((model.focus, model.mode), (Some(SessionId([3; 16])), Mode::Writing));
        act(&mut model, Action::Switcher);
        "zzz".chars().for_each(|letter| act(&mut model, Action::Narrow(Some(letter))));
        act(&mut model, Action::Choose);
        assert!(model.flash.is_some() && model.focus == Some(SessionId([3; 16])));
    }
}
