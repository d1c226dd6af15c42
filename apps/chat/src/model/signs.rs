//! What is said in passing: that one is typing, and how far one has read.
//!
//! Invariant: each of the two is said only as long as the person wants it said, and only where somebody else is there.

use super::{Effect, Model};
use crate::{
    conversation::{Conversation, Line},
    t,
};
use chalktalk_client::{
    Message,
    chat::{MAX_READ, Place, Sign},
};
use chalktalk_ipc::{Position, SessionId, UserId, event::Member, text::label};
use std::collections::BTreeSet;

/// Who has said nothing of typing for so many milliseconds types no more.
const TYPING: u64 = 6_000;

/// Typing is said again after so many, well before the others give up.
const AGAIN: u64 = 3_000;

/// How far one has read is said once more after so many: a sign may be lost.
const ONCE_MORE: u64 = 2_000;

/// Signs in a row, where all that was read is told: more logs than that have changed long ago.
const MAX_SIGNS: usize = 8;

/// What was said in passing.
#[derive(Clone, Debug, Default)]
pub(super) struct Signs {
    /// Where typing was said last, and when.
    typing: Option<(SessionId, u64)>,
    /// Where it is to be said once more how far one has read, and when.
    once_more: BTreeSet<SessionId>,
    due: Option<u64>,
}

impl Model {
    /// When [`super::Input::Tick`] is wanted next, on the clock of [`Model::update`].
    pub fn next_tick(&self) -> Option<u64> {
        let typing = self.current().and_then(Conversation::typing_until);
        let over = self.conversations.iter().filter_map(Conversation::next_over);
        self.signs
            .due
            .into_iter()
            .chain(typing)
            .chain(over)
            .chain(self.attention.due())
            .chain(self.quiet_change())
            .min()
    }

    pub(super) fn on_tick(&mut self) {
        let now = self.now;
        self.rest();
        self.conversations.iter_mut().for_each(|c| c.settle_typing(now));
        if self.signs.due.is_some_and(|due| due <= now) {
            self.signs.due = None;
            let sessions = std::mem::take(&mut self.signs.once_more);
            sessions.into_iter().for_each(|session| self.tell_all_read(session));
        }
    }

    /// Others say something in passing.
    pub(super) fn on_passing(&mut self, message: &Message) {
        let (me, until) = (self.me.user, self.now + TYPING);
        let user = message.author.user;
        let Some(c) = self.conversation_mut(message.session) else { return };
        match Sign::read(&message.payload) {
            // Who has written nothing yet may not have been introduced.
            _ if user == me || user == UserId::NIL => {}
            Some(Sign::Typing { on }) => {
                let name = c.name_of(user);
                c.on_typing(user, name, if on { until } else { 0 });
            }
            Some(Sign::Read { at }) => at.iter().for_each(|place| c.on_read(user, place.0)),
            None => {}
        }
    }

    /// The text that is being written has changed.
    pub(super) fn tell_typing(&mut self) {
        let (now, me) = (self.now, self.me.user);
        let Some(c) = self.current() else { return };
        let text = c.editor.text();
        let command = text.starts_with('/') && !text.starts_with(crate::command::ACTION);
        let (session, typing) = (c.session(), !text.trim().is_empty() && !command);
        let said = self.signs.typing.filter(|(there, at)| *there == session && now < *at + AGAIN);
        if !typing {
            return self.tell_typed();
        }
        if said.is_none() && self.settings.typing && is_company(c, me) {
            self.signs.typing = Some((session, now));
            self.effects.push(Effect::Sign(session, Sign::Typing { on: true }.payload()));
        }
    }

    /// Nothing is being written any more where something was.
    pub(super) fn tell_typed(&mut self) {
        if let Some((session, _)) = self.signs.typing.take() {
            self.effects.push(Effect::Sign(session, Sign::Typing { on: false }.payload()));
        }
    }

    /// These messages have been in view.
    pub(super) fn tell_read(&mut self, session: SessionId, positions: &[Position]) {
        let me = self.me.user;
        let Some(c) = self.conversation_mut(session) else { return };
        let news: Vec<Position> = c.note_seen(positions);
        if !news.is_empty() && is_company(c, me) && self.settings.read_marks {
            self.sign_read(session, &news);
            self.say_once_more(session);
        }
    }

    /// Somebody has come, who knows nothing yet.
    pub(super) fn on_roster(&mut self, session: SessionId, members: Vec<Member>) {
        let Some(c) = self.conversation_mut(session) else { return };
        let instances = |members: &[Member]| -> BTreeSet<_> {
            members.iter().flat_map(|member| member.instances.iter().copied()).collect()
        };
        let new = !instances(&members).is_subset(&instances(&c.members));
        c.members = members;
        self.look_around(session);
        if new {
            self.say_once_more(session);
        }
    }

    fn say_once_more(&mut self, session: SessionId) {
        if self.settings.read_marks {
            self.signs.once_more.insert(session);
            self.signs.due = self.signs.due.or(Some(self.now + ONCE_MORE));
        }
    }

    fn tell_all_read(&mut self, session: SessionId) {
        let me = self.me.user;
        let Some(c) = self.conversation_mut(session).filter(|c| is_company(c, me)) else { return };
        let seen = c.seen();
        self.sign_read(session, &seen);
    }

    fn sign_read(&mut self, session: SessionId, positions: &[Position]) {
        for some in positions.chunks(MAX_READ).take(MAX_SIGNS) {
            let at = some.iter().map(|position| Place(*position)).collect();
            self.effects.push(Effect::Sign(session, Sign::Read { at }.payload()));
        }
    }
}

/// Who has read a message of one's own, and who has not, of those who are there.
pub(super) fn readers(c: &Conversation, line: &Line, me: UserId) -> Option<String> {
    let read = c.readers(line.order.position()?);
    let others = c.members.iter().filter(|member| member.user != me);
    let mut names: [BTreeSet<String>; 2] = Default::default();
    for one in others {
        names[usize::from(read.contains(&one.user))].insert(label(&one.name));
    }
    let list = |names: &BTreeSet<String>| names.iter().map(String::as_str).collect::<Vec<_>>().join(", ");
    let [not, read] = &names;
    Some(match (read.is_empty(), not.is_empty()) {
        (true, true) => t!("read-alone"),
        (true, false) => t!("read-by-nobody", others = list(not)),
        (false, true) => t!("read-by", readers = list(read)),
        (false, false) => t!("read-by-some", readers = list(read), others = list(not)),
    })
}

/// Whether somebody else is there.
fn is_company(c: &Conversation, me: UserId) -> bool {
    c.members.iter().any(|member| member.user != me)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        conversation::tests::message,
        keep::{Change, Setting},
        model::{
            Action, Input,
            tests::{act, ana, deliver, effects, open},
        },
    };
    use chalktalk_ipc::{Event, HostId, InstanceId, event::Scope};

    const LOBBY: SessionId = SessionId([1; 16]);

    fn member(n: u8, name: &str) -> Member {
        let instances = vec![InstanceId([n; 16])];
        Member {
            user: UserId([n; 32]),
            name: name.into(),
            host_id: HostId([n; 16]),
            host: "h".into(),
            instances,
        }
    }

    fn lobby() -> Model {
        let mut model = ana();
        open(&mut model, 1, "#lobby", Scope::Open);
        let members = vec![member(1, "ana"), member(2, "ben"), member(3, "cleo")];
        model.update(Input::Event(Event::Roster { session: LOBBY, members }), 0);
        model.take_effects();
        model
    }

    fn signs(model: &mut Model) -> Vec<Sign> {
        let sign = |effect| match effect {
            Effect::Sign(LOBBY, payload) => Sign::read(&payload),
            _ => None,
        };
        effects(model).into_iter().filter_map(sign).collect()
    }

    fn type_at(model: &mut Model, text: &str, now: u64) {
        model.update(Input::Act(Action::Edit(crate::editor::Edit::Insert(text.into()))), now);
    }

    fn passes(model: &mut Model, n: u8, sign: &Sign, now: u64) {
        let mut message = message(1, n, 1, "");
        message.flags.volatile = true;
        message.payload = sign.payload();
        model.update(Input::Passing(vec![message]), now);
    }

    #[test]
    fn typing_is_said_now_and_then_and_ends_with_the_message() {
        let mut model = lobby();
        let (on, off) = (Sign::Typing { on: true }, Sign::Typing { on: false });
        for (text, at) in [("h", 100), ("e", 200), ("l", 100 + AGAIN), ("l", 200 + AGAIN)] {
            type_at(&mut model, text, at);
        }
        assert_eq!(signs(&mut model), [on.clone(), on]);
        act(&mut model, Action::Send);
        assert_eq!(signs(&mut model), [off]);
        for text in ["/", "j"] {
            type_at(&mut model, text, 90_000);
        }
        assert_eq!(signs(&mut model), [], "a command is nobody's business");
        act(&mut model, Action::Interrupt);
        let off = Setting::Typing(false);
        model.want(off);
        type_at(&mut model, "x", 99_000);
        assert_eq!(effects(&mut model), [Effect::Keep(Change::Setting(off))]);
    }

    #[test]
    fn who_types_is_shown_until_they_stop() {
        let mut model = lobby();
        model.update(Input::Tick, ONCE_MORE);
        passes(&mut model, 2, &Sign::Typing { on: true }, 1000);
        passes(&mut model, 3, &Sign::Typing { on: true }, 2000);
        let names = |model: &Model| model.current().unwrap().typing().join(" ");
        assert_eq!((names(&model), model.next_tick()), ("ben cleo".into(), Some(1000 + TYPING)));
        deliver(&mut model, 1, 3, 7, "done");
        assert_eq!(names(&model), "ben");
        model.update(Input::Tick, 1000 + TYPING);
        assert_eq!((names(&model), model.next_tick()), (String::new(), None));
    }

    #[test]
    fn what_was_read_is_said_twice_and_to_whoever_comes() {
        let mut model = lobby();
        model.update(Input::Tick, ONCE_MORE);
        signs(&mut model);
        model.update(Input::Delivered(vec![message(1, 2, 9, "hello")]), 5000);
        let read = Sign::Read { at: vec![Place(message(1, 2, 9, "").position)] };
        assert_eq!(signs(&mut model), std::slice::from_ref(&read));
        assert_eq!(model.next_tick(), Some(5000 + ONCE_MORE));
        model.update(Input::Tick, 5000 + ONCE_MORE);
        assert_eq!(signs(&mut model), std::slice::from_ref(&read));
        let members = vec![member(1, "ana"), member(4, "dan")];
        model.update(Input::Event(Event::Roster { session: LOBBY, members }), 9000);
        model.update(Input::Tick, 9000 + ONCE_MORE);
        assert_eq!(signs(&mut model), [read]);
        model.want(Setting::ReadMarks(false));
        model.update(Input::Delivered(vec![message(1, 2, 10, "more")]), 20_000);
        assert_eq!(signs(&mut model), []);
    }

    #[test]
    fn the_panel_says_who_has_read() {
        let mut model = lobby();
        type_at(&mut model, "hello", 0);
        act(&mut model, Action::Send);
        deliver(&mut model, 1, 1, 5, "hello");
        let place = Place(message(1, 1, 5, "").position);
        let said = |model: &Model| {
            let c = model.current().unwrap();
            readers(c, &c.lines[0], model.me.user).unwrap()
        };
        assert!(said(&model).starts_with("Read by nobody yet"), "{}", said(&model));
        passes(&mut model, 2, &Sign::Read { at: vec![place] }, 0);
        assert_eq!(said(&model), "Read by ben; not yet, or they do not say so: cleo.");
        passes(&mut model, 3, &Sign::Read { at: vec![place] }, 0);
        assert_eq!(said(&model), "Read by ben, cleo.");
    }
}
