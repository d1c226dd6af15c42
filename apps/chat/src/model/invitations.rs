//! Invitations, to rooms and to programs: asking people in and out, what others ask, and who belongs where.
//!
//! Invariant: nothing is answered but by the person's own word.

use super::{Effect, Model};
use crate::conversation::Tone;
use crate::{notify::Level, t};
use chalktalk_client::files::size_for_people;
use chalktalk_ipc::{
    AppId, SessionId,
    event::{Belonging, InvitationSummary, Membership, SessionKey},
    nway::{AppInvitation, Part},
    request::SessionKind,
    text,
};

impl Model {
    /// Which invitations wait: those that are new are told, and ring.
    pub(super) fn on_invitations(&mut self, all: Vec<InvitationSummary>) {
        let ours =
            |invitation: &InvitationSummary| invitation.app == AppId::chat() || invitation.nway.is_some();
        let mut waiting: Vec<InvitationSummary> = all.into_iter().filter(ours).collect();
        waiting.sort_by_key(|invitation| (invitation.time, invitation.session));
        let among = |all: &[InvitationSummary], one: &InvitationSummary| {
            all.iter().any(|other| other.session == one.session)
        };
        // What waits as the chat begins has been shown when it came.
        let begins = self.invitations.is_none();
        let known = self.invitations.replace(waiting.clone()).unwrap_or_default();
        let gone = known.iter().filter(|old| !among(&waiting, old));
        gone.for_each(|old| self.take_back_invitation(old.session));
        for invitation in waiting.iter().filter(|new| !among(&known, new)) {
            let name = self.name_of(invitation);
            let parent = invitation.nway.as_ref().map(|nway| nway.parent);
            if parent.is_none_or(|parent| self.level(parent) != Level::Nothing) {
                self.ring();
            }
            if !begins {
                self.notify_invited(invitation);
            }
            if let Some(nway) = &invitation.nway {
                self.tell_of_app(invitation, nway, &name);
                continue;
            }
            let (who, title) = (text::label(&invitation.name), text::label(&invitation.title));
            self.notice(Tone::Quiet, &t!("invited", name = who, title = title, room = name));
        }
    }

    /// Says that somebody asks to run a program together, unless the conversation in view has a card of it.
    fn tell_of_app(&mut self, invitation: &InvitationSummary, nway: &AppInvitation, name: &str) {
        if self.focus == Some(nway.parent) {
            return;
        }
        let (who, title) = (text::label(&invitation.name), text::label(&invitation.title));
        let parent = text::label(&nway.parent_title);
        let what = match nway.lacks.is_empty() {
            true => t!("invited-app-answer", app = name),
            false => t!("invited-but", lacks = text::label(&nway.lacks)),
        };
        let text = t!("invited-to-app", name = who, parent = parent, title = title, what = what);
        self.notice(Tone::Quiet, &text);
    }

    /// How an invitation is named in a command: by its room, or where several rooms have that name by its id.
    fn name_of(&self, invitation: &InvitationSummary) -> String {
        let title = text::label(&invitation.title);
        let of_that_name = self.rooms_meant(Some(&title)).len() + self.apps_to_enter(Some(&title)).len();
        if of_that_name > 1 { invitation.session.to_string() } else { title }
    }

    /// The rooms that somebody may mean by this; by nothing: all.
    fn rooms_meant(&self, room: Option<&str>) -> Vec<(SessionId, String)> {
        let named = |invitation: &&InvitationSummary| match room {
            None => true,
            Some(room) => {
                text::label(&invitation.title).to_lowercase() == room.to_lowercase()
                    || invitation.session.to_string() == room.to_lowercase()
            }
        };
        let rooms = self.invitations.iter().flatten().filter(|invitation| invitation.nway.is_none());
        rooms.filter(named).map(|invitation| (invitation.session, text::label(&invitation.title))).collect()
    }

    /// Accepts what is meant, or declines it: a room is entered; a program opens.
    pub(super) fn answer(&mut self, name: Option<&str>, accept: bool) {
        let rooms = self.rooms_meant(name);
        let apps = if accept { self.apps_to_enter(name) } else { self.apps_to_leave(name) };
        match (&rooms[..], &apps[..]) {
            ([(session, title)], []) | ([], [(session, title)]) if !accept => {
                self.effects.push(Effect::Decline(*session));
                self.flash = Some((Tone::Quiet, t!("invitation-declined", title = title)));
            }
            ([(session, _)], []) => self.effects.push(Effect::Accept(*session)),
            ([], [(session, _)]) => self.effects.push(Effect::TakePart(*session, Part::Player)),
            ([], []) => match name {
                None => self.alarm(&t!("invitation-none")),
                Some(name) => self.alarm(&t!("invitation-unknown", name = name)),
            },
            (rooms, apps) => {
                let all: Vec<&(SessionId, String)> = rooms.iter().chain(apps).collect();
                let same = |title: &str| all.iter().filter(|(_, other)| other == title).count() > 1;
                let name = |(session, title): &(SessionId, String)| {
                    if same(title) { session.to_string() } else { title.clone() }
                };
                let names: Vec<String> = all.iter().map(|one| name(one)).collect();
                self.alarm(&t!("invitation-several", names = names.join(", ")));
            }
        }
    }

    /// Somebody clicked on an invitation: entering is for their own word to decide.
    pub(super) fn offer_to_accept(&mut self, session: SessionId) {
        let found = self.invitations.iter().flatten().find(|invitation| invitation.session == session);
        let Some(name) = found.map(|invitation| self.name_of(invitation)) else { return };
        match self.current_mut() {
            Some(c) if c.editor.is_empty() => c.editor.set(&format!("/accept {name}")),
            _ => self.flash = Some((Tone::Quiet, t!("invitation-answer", name = name))),
        }
    }

    /// Asks people into the session in view or the room named; one that the user is not in is made.
    pub(super) fn invite(&mut self, room: Option<String>, people: Vec<String>) {
        let joined = |room: &str| {
            let open = self.conversations.iter().map(|c| &c.summary);
            let known = open.chain(self.others.iter().filter(|summary| summary.joined));
            let named = |title: &str| text::label(title).to_lowercase() == room.to_lowercase();
            known.filter(|s| named(&s.title) || s.session.to_string() == room).map(|s| s.session).next()
        };
        let effect = match &room {
            None => self.focus.map(|here| Effect::Invite(here, people)),
            Some(room) => Some(match joined(room) {
                Some(session) => Effect::Invite(session, people),
                None => Effect::Create(room.trim_start_matches('#').to_owned(), people),
            }),
        };
        self.effects.extend(effect);
    }

    /// Says who belongs to a session, and what seals it.
    pub(super) fn on_members(&mut self, membership: &Membership) {
        let names = |wanted: fn(&Belonging) -> bool| -> String {
            let is_meant = membership.people.iter().filter(|person| wanted(person));
            let name = |person: &Belonging| {
                let name = text::label(&person.name);
                if person.me { t!("name-you", name = name) } else { name }
            };
            is_meant.map(name).collect::<Vec<_>>().join(", ")
        };
        let seal = match &membership.key {
            SessionKey::None => t!("seal-none"),
            SessionKey::Passphrase => t!("seal-passphrase"),
            SessionKey::Pair => t!("seal-pair"),
            SessionKey::Members { number, name } => t!("seal-members", name = name, n = *number),
            SessionKey::Changing if membership.session.waits => t!("seal-waits"),
            SessionKey::Changing => t!("seal-changing"),
        };
        let past = if membership.history { t!("past-seen") } else { t!("past-unseen") };
        let title = text::label(&membership.session.title);
        let mut lines = vec![t!("members-head", title = title, seal = seal, past = past)];
        lines.push(match membership.keeps {
            Some(bytes) => t!("keeps-quota", size = size_for_people(bytes)),
            None if membership.session.kind == SessionKind::Live => t!("keeps-live"),
            None => t!("keeps-all"),
        });
        let here = names(|person| person.present && !person.invited);
        let away = names(|person| !person.present && !person.invited);
        let invited = names(|person| person.invited);
        let rows = [
            (!here.is_empty()).then(|| t!("members-here", names = here)),
            (!away.is_empty()).then(|| t!("members-away", names = away)),
            (!invited.is_empty()).then(|| t!("members-invited", names = invited)),
        ];
        lines.extend(rows.into_iter().flatten());
        self.notice(Tone::Quiet, &lines.join("\n"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        conversation::tests::summary,
        model::{
            Action, Input,
            tests::{act, ana, effects, open, typed},
        },
    };
    use chalktalk_ipc::{UserId, event::Scope};

    fn invitation(n: u8, title: &str) -> InvitationSummary {
        InvitationSummary {
            session: SessionId([n; 16]),
            app: AppId::chat(),
            title: title.into(),
            user: UserId([2; 32]),
            name: "ben".into(),
            time: u64::from(n),
            nway: None,
        }
    }

    fn run(model: &mut Model, line: &str) -> Vec<Effect> {
        model.take_effects();
        typed(model, line);
        act(model, Action::Send);
        effects(model)
    }

    fn asked(titles: &[&str]) -> Model {
        let mut model = ana();
        open(&mut model, 1, "#lobby", Scope::Open);
        let all = titles.iter().zip(7..).map(|(title, n)| invitation(n, title)).collect();
        model.update(Input::Invitations(all), 0);
        model
    }

    fn last_line(model: &Model) -> String {
        match &model.current().unwrap().lines.last().unwrap().body {
            crate::conversation::Body::Notice(_, text) => text.clone(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn an_invitation_is_told_once_and_answered_by_name_or_as_the_only_one() {
        let mut model = asked(&["#plans"]);
        assert!(last_line(&model).contains("ben invites you to #plans. /accept #plans"));
        assert!(model.take_effects().contains(&Effect::Bell));
        model.update(Input::Invitations(vec![invitation(7, "#plans")]), 0);
        assert!(!model.take_effects().contains(&Effect::Bell), "known already");
        assert_eq!(run(&mut model, "/accept"), [Effect::Accept(SessionId([7; 16]))]);
        assert_eq!(run(&mut model, "/accept PLANS"), [Effect::Accept(SessionId([7; 16]))]);
        assert_eq!(run(&mut model, "/decline #plans"), [Effect::Decline(SessionId([7; 16]))]);
        assert_eq!(run(&mut model, "/accept #other"), []);
        assert!(model.flash.clone().unwrap().1.contains("#other"));
    }

    #[test]
    fn several_of_one_name_are_told_apart() {
        let mut model = asked(&["#plans", "#plans"]);
        let ids = [7, 8].map(|n| SessionId([n; 16]));
        assert_eq!(run(&mut model, "/accept #plans"), []);
        let said = model.flash.clone().unwrap().1;
        assert!(ids.iter().all(|id| said.contains(&id.to_string())), "{said}");
        assert_eq!(run(&mut model, &format!("/accept {}", ids[1])), [Effect::Accept(ids[1])]);
    }

    #[test]
    fn a_click_writes_the_command_and_does_not_answer() {
        let mut model = asked(&["#plans"]);
        model.take_effects();
        act(&mut model, Action::Accept(SessionId([7; 16])));
        assert_eq!(effects(&mut model), []);
        assert_eq!(model.current().unwrap().editor.text(), "/accept #plans");
    }

    #[test]
    fn people_are_asked_into_what_is_in_view_or_what_is_named() {
        let mut model = ana();
        open(&mut model, 1, "#plans", Scope::Invite);
        let people = || vec!["@ben".to_owned(), "@Cleo Ray".to_owned()];
        let here = SessionId([1; 16]);
        assert_eq!(run(&mut model, "/invite @ben @Cleo Ray"), [Effect::Invite(here, people())]);
        assert_eq!(run(&mut model, "/invite #Plans @ben @Cleo Ray"), [Effect::Invite(here, people())]);
        assert_eq!(
            run(&mut model, "/invite #new @ben @Cleo Ray"),
            [Effect::Create("new".into(), people())],
            "a room that is not there is made"
        );
        assert_eq!(run(&mut model, "/remove @ben"), [Effect::Remove(here, "@ben".into())]);
        assert_eq!(run(&mut model, "/members"), [Effect::Members(here)]);
    }

    #[test]
    fn members_are_told_with_who_is_away_and_what_seals() {
        let mut model = ana();
        open(&mut model, 1, "#plans", Scope::Invite);
        let person = |n: u8, name: &str, invited, present| Belonging {
            user: UserId([n; 32]),
            name: name.into(),
            invited,
            present,
            me: n == 1,
        };
        let key = SessionKey::Members { number: 2, name: "0a0b0c0d".into() };
        let people = vec![
            person(1, "ana", false, true),
            person(2, "ben", false, false),
            person(3, "cleo", true, false),
        ];
        let session = summary(1, "#plans", Scope::Invite);
        model.update(
            Input::Members(Membership { session, history: false, key, keeps: Some(1 << 30), people }),
            0,
        );
        let said = last_line(&model);
        for part in [
            "key 0a0b0c0d",
            "here: ana (you)",
            "away: ben",
            "invited: cleo",
            "do not see its past",
            "up to 1.0 GiB",
        ] {
            assert!(said.contains(part), "{part}: {said}");
        }
    }
}
