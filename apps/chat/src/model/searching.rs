//! Searching: what was found, and the way to where it was said.
//!
//! A message that was found may be far back. Its conversation is opened, and older messages are asked for until it is there.

use super::{Effect, Mode, Model, Tone};
use crate::conversation::Past;
use crate::t;
use chalktalk_ipc::{Position, SessionId, text::printable};
use chalktalk_search::{Hit, Query};
use jiff::Zoned;

/// Pages of older messages asked for on the way: more than a conversation keeps in memory.
const MAX_PAGES: usize = 60;

/// What was found.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Finding {
    /// What was typed.
    pub typed: String,
    /// The same, read: what is to be shown of long texts.
    pub query: Query,
    /// The newest first.
    pub hits: Vec<Hit>,
    /// The one that is chosen.
    pub chosen: usize,
    sought: Option<Sought>,
}

/// The message that the view is on the way to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Sought {
    session: SessionId,
    position: Position,
    pages: usize,
}

impl Model {
    pub(super) fn search(&mut self, typed: String) {
        self.effects.push(Effect::Find(typed));
        self.flash = Some((Tone::Quiet, t!("searching")));
    }

    pub(super) fn on_found(&mut self, typed: String, hits: Vec<Hit>) {
        self.flash = None;
        if hits.is_empty() {
            return self.alarm(&t!("found-nothing"));
        }
        if matches!(self.mode, Mode::Writing | Mode::Finding) {
            self.mode = Mode::Finding;
            let query = Query::read(&typed, &Zoned::now()).unwrap_or_default();
            self.finding = Finding { typed: printable(&typed), query, hits, ..Finding::default() };
        }
    }

    pub(super) fn step_hits(&mut self, by: isize) {
        let last = self.finding.hits.len().saturating_sub(1);
        self.finding.chosen = self.finding.chosen.saturating_add_signed(by).min(last);
    }

    /// Goes to where the chosen message was said.
    pub(super) fn go_to_hit(&mut self) {
        self.mode = Mode::Writing;
        let Some(hit) = self.finding.hits.get(self.finding.chosen) else { return };
        let (session, position) = (hit.session, hit.position);
        self.finding.sought = Some(Sought { session, position, pages: MAX_PAGES });
        self.join(session.to_string(), None);
    }

    /// The person does something else.
    pub(super) fn stop_seeking(&mut self) {
        self.finding.sought = None;
    }

    /// Goes on to the message that is sought, if something has come.
    pub(super) fn seek(&mut self) {
        let Some(sought) = &mut self.finding.sought else { return };
        let conversation = self.conversations.iter().find(|c| c.session() == sought.session);
        let Some(c) = conversation.filter(|c| self.focus == Some(c.session())) else { return };
        if let Some(line) = c.line(sought.position) {
            self.mode = Mode::Selecting(line.order);
            return self.stop_seeking();
        }
        match c.past {
            Past::More(_) if sought.pages > 0 => {
                sought.pages -= 1;
                self.want_past();
            }
            Past::Asked | Past::Unasked => {}
            Past::More(_) | Past::Complete => {
                self.stop_seeking();
                self.alarm(&t!("found-too-far"));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        conversation::tests::message,
        model::{
            Action, Input,
            tests::{act, ana, open},
        },
    };
    use chalktalk_ipc::{OriginId, UserId, event::Scope, request::HistoryPoint};

    fn hit(session: u8, seq: u64) -> Hit {
        Hit {
            session: SessionId([session; 16]),
            title: "#old".into(),
            position: Position { origin: OriginId([2; 16]), epoch: 1, seq, index: 0 },
            user: UserId([2; 32]),
            name: "ben".into(),
            stamp: seq,
            time: 0,
            topic: None,
            text: "found".into(),
        }
    }

    fn past(model: &mut Model, session: u8, seqs: std::ops::RangeInclusive<u64>, more: bool) {
        let messages = seqs.map(|seq| message(session, 2, seq, "x")).collect();
        let before = more.then(|| HistoryPoint { stamp: 0, position: hit(session, 1).position });
        model.update(Input::Past { session: SessionId([session; 16]), messages, before }, 0);
    }

    #[test]
    fn what_is_found_is_gone_to_however_far_back() {
        let mut model = ana();
        open(&mut model, 1, "#lobby", Scope::Open);
        open(&mut model, 2, "#old", Scope::Open);
        act(&mut model, Action::Go(SessionId([1; 16])));
        past(&mut model, 2, 90..=99, true);
        model.take_effects();
        model.update(Input::Found("x".into(), vec![hit(1, 7), hit(2, 5)]), 0);
        assert_eq!(model.mode, Mode::Finding);
        act(&mut model, Action::Down);
        act(&mut model, Action::Down);
        act(&mut model, Action::Choose);
        assert_eq!(model.focus, Some(SessionId([2; 16])));
        assert!(matches!(model.take_effects()[..], [.., Effect::Past(..)]), "it is further back");
        past(&mut model, 2, 50..=89, true);
        assert!(matches!(model.take_effects()[..], [Effect::Past(..)]), "and further");
        past(&mut model, 2, 1..=49, false);
        assert!(matches!(model.mode, Mode::Selecting(order) if order.position() == Some(hit(2, 5).position)));
    }

    #[test]
    fn the_way_ends_where_the_past_ends_or_something_else_is_done() {
        let mut model = ana();
        open(&mut model, 1, "#lobby", Scope::Open);
        past(&mut model, 1, 90..=99, true);
        model.update(Input::Found("x".into(), vec![hit(1, 5)]), 0);
        act(&mut model, Action::Choose);
        past(&mut model, 1, 80..=89, false);
        assert!(model.mode == Mode::Writing && model.flash.is_some());
        model.update(Input::Found("x".into(), vec![hit(9, 5)]), 0);
        act(&mut model, Action::Choose);
        act(&mut model, Action::Newest);
        open(&mut model, 9, "#old", Scope::Open);
        past(&mut model, 9, 1..=9, false);
        assert_eq!(model.mode, Mode::Writing, "nobody is taken there any more");
        model.update(Input::Found("x".into(), vec![]), 0);
        assert!(model.mode == Mode::Writing && model.flash.is_some());
    }
}
