//! Who has a message, who does not, since when and why.
//!
//! Invariant: what is said of a host is its own word, or that nothing is heard of it.

use super::{Effect, Model, Tone, signs};
use crate::{
    conversation::{Conversation, Delivery, Line, Order},
    model::quote,
    t,
    transcript::moment,
};
use chalktalk_ipc::{
    Position, SessionId,
    event::{Holder, Scope},
    text::label,
};
use jiff::tz::TimeZone;

/// Hosts listed at once; the others are counted.
const MAX_LISTED: usize = 30;

impl Model {
    /// Tells of a message how far it has come. The daemon is asked, once it knows it.
    pub(super) fn who_has(&mut self, order: Order) {
        let Some(session) = self.focus else { return };
        match order.position() {
            Some(at) => self.effects.push(Effect::Holders(session, at)),
            None => {
                let Some(c) = self.current() else { return };
                let own =
                    self.line(order).and_then(Line::said).and_then(|said| Some((said, said.own.as_ref()?)));
                let text = own.map(|(said, own)| {
                    t!(
                        "holders-head",
                        text = quote(&said.text),
                        reached = far(c, c.delivery(own), &own.failures)
                    )
                });
                text.into_iter().for_each(|text| self.notice(Tone::Quiet, &text));
            }
        }
    }

    /// The daemon says who has it.
    pub(super) fn on_holders(&mut self, session: SessionId, at: Position, holders: &[Holder]) {
        let (me, now) = (self.me.user, self.now);
        let Some(c) = self.conversation_mut(session) else { return };
        let Some((line, said)) = c.line(at).and_then(|line| Some((line, line.said()?))) else { return };
        let reached = match &said.own {
            Some(own) => far(c, c.delivery(own), &own.failures),
            None => t!("holders-author", name = &said.name),
        };
        let mut lines = vec![t!("holders-head", text = quote(&said.text), reached = reached)];
        let others: Vec<&Holder> = holders.iter().filter(|holder| !holder.me).collect();
        lines.extend(others.iter().take(MAX_LISTED).map(|holder| state(c, holder, at)));
        if others.len() > MAX_LISTED {
            lines.push(t!("and-more", n = others.len() - MAX_LISTED));
        }
        for (name, since) in c.out_of_sight() {
            let since = moment(since).to_zoned(TimeZone::system()).strftime("%H:%M").to_string();
            lines.push(t!("holders-out-of-sight", name = name, time = since));
        }
        if said.user == me {
            lines.extend(signs::readers(c, line, me));
        }
        c.notice(Tone::Quiet, &lines.join("\n"), now);
    }
}

fn state(c: &Conversation, holder: &Holder, at: Position) -> String {
    let name = label(&holder.name);
    let name = match holder.host.is_empty() {
        true => name,
        false => t!("name-on-host", name = name, host = label(&holder.host)),
    };
    let state = match (holder.present, holder.held, holder.shown) {
        _ if c.readers(at).contains(&holder.user) => t!("holder-read"),
        (false, ..) => t!("holder-absent"),
        (true, false, _) => t!("holder-lacks"),
        (true, true, false) => t!("holder-has"),
        (true, true, true) => t!("holder-shown"),
    };
    t!("holders-line", name = name, state = state)
}

/// How far an own message has come, and what went wrong.
fn far(c: &Conversation, delivery: Delivery, failures: &[String]) -> String {
    let direct = c.summary.scope == Scope::Direct;
    let reached = match delivery {
        Delivery::Sending => t!("far-sending"),
        Delivery::Sent => t!("far-sent"),
        Delivery::Stored if direct => t!("far-stored-direct"),
        Delivery::Stored => t!("far-stored"),
        Delivery::Held(held, all) if direct => t!("far-held-direct", held = held, all = all),
        Delivery::Held(held, all) => t!("far-held", held = held, all = all),
        Delivery::Delivered => t!("far-delivered"),
    };
    if failures.is_empty() { reached } else { format!("{reached}; {}", failures.join("; ")) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        conversation::{Body, tests::message},
        model::{
            Action, Input,
            tests::{act, ana, deliver, effects, open, typed},
        },
    };
    use chalktalk_ipc::{Event, HostId, UserId};

    fn holder(n: u8, name: &str, present: bool, held: bool, shown: bool) -> Holder {
        let host = if present { format!("h{n}") } else { String::new() };
        let (user, host_id) = (UserId([n; 32]), HostId([n; 16]));
        Holder { user, name: name.into(), host_id, host, present, held, shown, me: n == 1 }
    }

    #[test]
    fn the_panel_says_who_has_it_and_who_does_not_and_why() {
        let mut model = ana();
        open(&mut model, 1, "#plans", Scope::Invite);
        typed(&mut model, "hello");
        act(&mut model, Action::Send);
        act(&mut model, Action::Select);
        act(&mut model, Action::On(crate::model::OnMessage::WhoHas));
        let told = |model: &Model| match &model.current().unwrap().lines.last().unwrap().body {
            Body::Notice(_, text) => text.clone(),
            Body::Said(said) => panic!("{said:?}"),
        };
        assert_eq!(told(&model), "“hello”: on its way to the daemon");
        let session = SessionId([1; 16]);
        model.update(Input::Published { session, local: 1, result: Ok(1) }, 0);
        let held_by = vec![1, 0];
        model.update(
            Input::Event(Event::Progress { session, appended: 1, stored: 1, held_by, delivered: 0 }),
            0,
        );
        deliver(&mut model, 1, 1, 1, "hello");
        effects(&mut model);
        typed(&mut model, "/who-has");
        act(&mut model, Action::Send);
        let at = message(1, 1, 1, "").position;
        assert_eq!(effects(&mut model), [Effect::Holders(session, at)]);
        let holders = vec![
            holder(1, "ana", true, true, true),
            holder(2, "ben\u{1b}", true, true, true),
            holder(3, "cleo", true, true, false),
            holder(4, "dan", true, false, false),
            holder(5, "eve", false, false, false),
        ];
        model.update(Input::Holders(session, at, holders), 0);
        let told = told(&model);
        let lines: Vec<&str> = told.lines().collect();
        assert_eq!(
            lines[..5],
            [
                "“hello”: stored here, held by 1 of 2 other hosts, not shown to everybody present yet",
                "ben on h2: has it, and a program has shown it",
                "cleo on h3: has it; no program of theirs has shown it yet",
                "dan on h4: does not have it yet; it is sent until they do",
                "eve: not there; gets it when they are back",
            ]
        );
    }
}
