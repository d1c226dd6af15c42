//! Asking everybody on the network for help, and coming to help.
//!
//! Invariant: a call goes to the lobby, where everybody is; nobody can ring for themselves more often than once in a while.

use super::{Effect, Model, quote};
use crate::{
    conversation::{Conversation, Line, Tone},
    place::LOBBY,
    t,
};
use chalktalk_client::{
    Message,
    chat::{Kind, Place, Saying},
};
use chalktalk_ipc::{Position, SessionId, UserId, text::label};

/// One person's calls ring once in so many milliseconds.
const RINGS_AGAIN: u64 = 5 * 60_000;

/// What begins a call, as it is typed.
const COMMAND: &str = "/help-wanted ";

impl Model {
    /// Begins a call with what is being written: it leaves with the next Enter.
    pub(super) fn begin_call(&mut self) {
        if let Some(c) = self.current_mut()
            && !c.editor.text().starts_with(COMMAND)
        {
            let line = format!("{COMMAND}{}", c.editor.text());
            c.editor.set(&line);
        }
    }

    /// Calls for help, from where the person is.
    pub(super) fn call(&mut self, what: &str, at: Option<String>) {
        let Some(at) = at.or_else(|| self.location.clone()) else { return self.alarm(&t!("location-none")) };
        let saying = Saying::call(&t!("call-in", at = &at), at, what);
        match self.conversations.iter().find(|c| c.title() == LOBBY).map(Conversation::session) {
            Some(lobby) => self.call_in(lobby, saying),
            None => {
                self.calling = Some(saying);
                self.effects.push(Effect::Join { target: LOBBY.into(), say: None });
            }
        }
    }

    pub(super) fn call_in(&mut self, lobby: SessionId, saying: Saying) {
        self.look_at(lobby);
        self.publish_in(lobby, saying);
    }

    /// Says where the person is, or asks for it.
    pub(super) fn set_location(&mut self, location: Option<String>) {
        if let Some(location) = location {
            self.effects.push(Effect::KeepLocation(location.clone()));
            self.location = Some(location);
        }
        match &self.location {
            Some(location) => self.flash = Some((Tone::Quiet, t!("location-told", at = location))),
            None => self.alarm(&t!("location-none")),
        }
    }

    /// The person comes to help with the newest call of somebody else, or does not come after all.
    pub(super) fn come(&mut self) {
        match self.newest_call(false) {
            Some((session, of, coming)) => self.come_to(session, of, coming),
            None => self.alarm(&t!("call-none")),
        }
    }

    pub(super) fn come_to(&mut self, session: SessionId, of: Position, off: bool) {
        let text = if off { t!("said-not-coming") } else { t!("said-coming") };
        self.publish_in(session, Saying::new(text, Kind::Coming { of: Place(of), off }));
    }

    /// The person was helped.
    pub(super) fn thank(&mut self) {
        match self.newest_call(true) {
            Some((session, of, _)) => self.thank_for(session, of),
            None => self.alarm(&t!("call-none-own")),
        }
    }

    pub(super) fn thank_for(&mut self, session: SessionId, of: Position) {
        self.publish_in(session, Saying::new(t!("said-helped"), Kind::Helped { of: Place(of) }));
    }

    /// Somebody may call for help; whether that rings.
    pub(super) fn on_call(&mut self, message: &Message) -> bool {
        let c = self.conversations.iter().find(|c| c.session() == message.session);
        let Some(said) = c.and_then(|c| c.line(message.position)).and_then(Line::said) else { return false };
        let Kind::Call { at, what } = &said.kind else { return false };
        let text = t!("call-comes", name = &said.name, at = at, what = quote(&label(what)));
        let (user, now) = (said.user, self.now);
        let rings = self.rang.get(&user).is_none_or(|rang| now.abs_diff(*rang) >= RINGS_AGAIN);
        if rings && !message.flags.redelivered {
            self.rang.insert(user, now);
            self.flash = Some((Tone::Quiet, text));
        }
        rings
    }

    /// Where the newest open call of this person, or of others, is; and whether the person comes.
    fn newest_call(&self, own: bool) -> Option<(SessionId, Position, bool)> {
        let me: UserId = self.me.user;
        let here = self.current().into_iter().chain(&self.conversations);
        here.filter_map(|c| Some((c.session(), c.open_call(me, own)?))).find_map(|(session, line)| {
            Some((session, line.order.position()?, line.said()?.fate.coming.contains(&me)))
        })
    }
}

#[cfg(test)]
mod tests;
