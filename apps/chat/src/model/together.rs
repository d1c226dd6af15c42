//! Programs run together with the people of a conversation: starting one, answering, calling off, and who could run what.
//!
//! Invariant: an app session is never a conversation; taking part opens a program, and nothing in the chat.

use super::{Effect, Model, word};
use crate::t;
use crate::{card, command::Completions, conversation::Tone};
use chalktalk_ipc::{
    AppId, SessionId,
    nway::{AppOwner, AppSession, OwnedApp, Part, Standing},
    request::Availability,
    text::label,
};
use std::collections::BTreeMap;

/// Completions offered at once.
const MAX_COMPLETIONS: usize = 12;

impl Model {
    /// What runs, or is to run, in the sessions of the user.
    pub(super) fn on_app_sessions(&mut self, sessions: Vec<AppSession>) {
        self.apps = sessions.into();
    }

    /// Who has which apps: everybody's are kept for completion; those that were asked for are told.
    pub(super) fn on_app_owners(&mut self, owners: &[AppOwner], tell: bool) {
        let mine = owners.iter().find(|owner| owner.me).and_then(|owner| owner.apps.clone());
        self.registry = mine.unwrap_or_default();
        if tell {
            self.notice(Tone::Quiet, &told(owners));
        }
    }

    /// Asks the people of the conversation in view to run an app together: by its id or its name, and with a title of one's own.
    pub(super) fn start_app(&mut self, rest: &str) {
        let Some(here) = self.focus else { return };
        match self.app_named(rest) {
            Some((app, title)) => {
                let title = Some(title.trim()).filter(|title| !title.is_empty()).map(str::to_owned);
                self.effects.push(Effect::Start(here, app, title));
            }
            None => self.alarm(&t!("app-unknown", name = label(rest))),
        }
    }

    /// The app that a text begins with, and what follows. The longest name wins.
    fn app_named<'a>(&self, text: &'a str) -> Option<(AppId, &'a str)> {
        let lower = text.to_lowercase();
        let begins = |name: &str| {
            let name = name.to_lowercase();
            let rest = lower.strip_prefix(&name).filter(|_| !name.is_empty())?;
            (rest.is_empty() || rest.starts_with(' ')).then_some(name.chars().count())
        };
        let named = self.registry.iter().flat_map(|app| [(app, app.app.as_str()), (app, app.name.as_str())]);
        let found =
            named.filter_map(|(app, name)| Some((begins(name)?, app))).max_by_key(|(length, _)| *length);
        match found {
            Some((length, app)) => {
                let at = text.char_indices().nth(length).map_or(text.len(), |(at, _)| at);
                Some((app.app.clone(), &text[at..]))
            }
            // The registry may not have been told yet; the daemon knows.
            None => {
                let (id, title) = text.split_once(' ').unwrap_or((text, ""));
                id.parse::<AppId>().ok().map(|app| (app, title))
            }
        }
    }

    /// Calls off the app session of this name, or the only one that the user has started.
    pub(super) fn cancel_app(&mut self, name: Option<&str>) {
        let (me, here) = (self.me.user, self.focus);
        let open = self.apps.iter().filter(|app| app.creator == me && !app.ended && !app.cancelled);
        let named = open.filter(|app| name.map_or(Some(app.parent) == here, |name| is_called(app, name)));
        match named.map(|app| app.session).collect::<Vec<_>>()[..] {
            [session] => self.effects.push(Effect::CancelApp(session)),
            [] => self.alarm(&t!("app-nothing-started")),
            _ => self.alarm(&t!("app-several-started")),
        }
    }

    /// App sessions that somebody may mean who accepts: where they are asked, and where they have taken part before.
    pub(super) fn apps_to_enter(&self, name: Option<&str>) -> Vec<(SessionId, String)> {
        let me = self.me.user;
        let may = |app: &&AppSession| {
            let standing = card::standing(app, me);
            !app.ended
                && !app.cancelled
                && match (standing, name) {
                    (Some(Standing::Asked | Standing::Missing), _) => true,
                    // Who has said no, or was in it, has to name it.
                    (Some(Standing::Failed | Standing::Left | Standing::Declined), Some(_)) => true,
                    _ => false,
                }
        };
        let meant = self.apps.iter().filter(may).filter(|app| name.is_none_or(|name| is_called(app, name)));
        meant.map(|app| (app.session, label(&app.title))).collect()
    }

    /// App sessions that the user has accepted and that have not begun for them.
    pub(super) fn apps_to_leave(&self, name: Option<&str>) -> Vec<(SessionId, String)> {
        let me = self.me.user;
        let may = |app: &&AppSession| {
            matches!(card::standing(app, me), Some(Standing::Asked | Standing::Missing))
                || card::standing(app, me) == Some(Standing::Accepted) && name.is_some()
        };
        let open = self.apps.iter().filter(|app| !app.ended).filter(may);
        let meant = open.filter(|app| name.is_none_or(|name| is_called(app, name)));
        meant.map(|app| (app.session, label(&app.title))).collect()
    }

    /// Looks on, by name or where only one asks.
    pub(super) fn observe(&mut self, name: Option<&str>) {
        match &self.apps_to_enter(name)[..] {
            [(session, _)] => self.effects.push(Effect::TakePart(*session, Part::Observer)),
            [] => self.alarm(&t!("app-nothing-waits")),
            several => {
                let names: Vec<&str> = several.iter().map(|(_, title)| title.as_str()).collect();
                self.alarm(&t!("app-several-wait", names = names.join(", ")));
            }
        }
    }

    /// How a command about apps could go on.
    pub(super) fn app_completions(&self, before: &str) -> Option<Completions> {
        let (command, rest) = before.split_once(' ')?;
        let titles = |those: Vec<(SessionId, String)>| {
            let about = String::new;
            those.into_iter().map(|(_, title)| (title, about())).collect::<Vec<_>>()
        };
        let mut items: Vec<(String, String)> = match command {
            "/start" => self.registry.iter().map(shown).collect(),
            "/accept" | "/observe" => {
                titles(self.apps_to_enter(Some("")).into_iter().chain(self.apps_to_enter(None)).collect())
            }
            "/decline" => titles(self.apps_to_leave(None)),
            "/cancel" => {
                let me = self.me.user;
                let mine = self.apps.iter().filter(|app| app.creator == me && !app.ended && !app.cancelled);
                titles(mine.map(|app| (app.session, label(&app.title))).collect())
            }
            _ => return None,
        };
        let lower = rest.to_lowercase();
        items.retain(|(name, _)| name.to_lowercase().starts_with(&lower) && name != rest);
        items.sort();
        items.dedup();
        items.truncate(MAX_COMPLETIONS);
        (!items.is_empty()).then_some(Completions { start: command.len() + 1, items })
    }

    /// Which apps there are is looked up anew whenever somebody begins to start one.
    pub(super) fn want_registry(&mut self) {
        let wanted = self.current().is_some_and(|c| c.editor.text().starts_with("/start"));
        if wanted && !self.registry_wanted {
            self.effects.push(Effect::AppOwners(None));
        }
        self.registry_wanted = wanted;
    }
}

fn shown(app: &OwnedApp) -> (String, String) {
    let name = if app.name.is_empty() { app.app.to_string() } else { label(&app.name) };
    (name, format!("{} {}", app.app, label(&app.version)).trim_end().to_owned())
}

fn is_called(app: &AppSession, name: &str) -> bool {
    let name = name.trim_start_matches('#').to_lowercase();
    label(&app.title).to_lowercase() == name || app.session.to_string() == name || app.app.as_str() == name
}

/// A row for each app: who has it, in which version, and who is not to be had; then who lacks everything, or does not tell.
fn told(owners: &[AppOwner]) -> String {
    let mut by_app: BTreeMap<&AppId, (String, Vec<String>)> = BTreeMap::new();
    let mine = |app: &AppId| {
        let apps = owners.iter().filter(|owner| owner.me).flat_map(|owner| owner.apps.iter().flatten());
        apps.filter(|own| own.app == *app).map(|own| own.version.as_str()).next()
    };
    for owner in owners {
        for app in owner.apps.iter().flatten() {
            let (_, who) = by_app.entry(&app.app).or_insert_with(|| (label(&app.name), Vec::new()));
            let name = if owner.me { t!("you") } else { label(&owner.name) };
            let other = mine(&app.app).is_some_and(|mine| mine != app.version);
            let version = other.then(|| t!("apps-version", version = label(&app.version)));
            let away = (owner.status != Availability::Online).then(|| word(owner.status));
            let about: Vec<String> = [version, away].into_iter().flatten().collect();
            who.push(if about.is_empty() { name } else { format!("{name} ({})", about.join(", ")) });
        }
    }
    let mut lines: Vec<String> = Vec::new();
    for (app, (name, who)) in &by_app {
        let lacking = owners
            .iter()
            .filter(|owner| owner.apps.as_ref().is_some_and(|apps| apps.iter().all(|own| own.app != **app)));
        let lacking: Vec<String> =
            lacking.map(|owner| if owner.me { t!("you") } else { label(&owner.name) }).collect();
        let version = mine(app).filter(|version| !version.is_empty()).map(|v| format!(" {}", label(v)));
        let head = if name.is_empty() {
            app.to_string()
        } else {
            format!("{name} ({app}{})", version.unwrap_or_default())
        };
        let who = who.join(", ");
        lines.push(match lacking.is_empty() {
            true => t!("apps-row", app = head, names = who),
            false => t!("apps-row-without", app = head, names = who, without = lacking.join(", ")),
        });
    }
    let silent: Vec<String> =
        owners.iter().filter(|owner| owner.apps.is_none()).map(|owner| label(&owner.name)).collect();
    if !silent.is_empty() {
        lines.push(t!("apps-silent", names = silent.join(", ")));
    }
    lines.push(t!("apps-hint"));
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        card::tests::{chess, one},
        model::{
            Action, Input,
            tests::{act, ana, effects, open, typed},
        },
    };
    use chalktalk_ipc::{HostId, UserId, event::Scope};

    fn owner(name: &str, n: u8, status: Availability, apps: &[(&str, &str, &str)]) -> AppOwner {
        let owned = |(app, name, version): &(&str, &str, &str)| OwnedApp {
            app: app.parse().unwrap(),
            version: (*version).into(),
            name: (*name).into(),
        };
        AppOwner {
            user: UserId([n; 32]),
            name: name.into(),
            host_id: HostId([n; 16]),
            host: format!("h{n}"),
            status,
            me: n == 1,
            apps: Some(apps.iter().map(owned).collect()),
        }
    }

    const CHESS: (&str, &str, &str) = ("org.example.chess", "Chess for Two", "1.0");

    fn in_a_room() -> Model {
        let mut model = ana();
        open(&mut model, 1, "#lobby", Scope::Open);
        let mine = owner("ana", 1, Availability::Online, &[CHESS]);
        model.update(Input::AppOwners(vec![mine], false), 0);
        model.take_effects();
        model
    }

    fn run(model: &mut Model, line: &str) -> Vec<Effect> {
        model.take_effects();
        typed(model, line);
        act(model, Action::Escape);
        act(model, Action::Send);
        effects(model).into_iter().filter(|effect| !matches!(effect, Effect::AppOwners(None))).collect()
    }

    #[test]
    fn an_app_is_started_by_name_or_id_with_a_title_or_without() {
        let mut model = in_a_room();
        let (here, app): (_, AppId) = (SessionId([1; 16]), CHESS.0.parse().unwrap());
        let start = |title: Option<&str>| [Effect::Start(here, app.clone(), title.map(str::to_owned))];
        assert_eq!(run(&mut model, "/start chess for two"), start(None));
        assert_eq!(run(&mut model, "/start Chess For Two Friday game"), start(Some("Friday game")));
        assert_eq!(run(&mut model, "/start org.example.chess"), start(None));
        assert_eq!(run(&mut model, "/start checkers"), []);
        assert!(model.flash.clone().unwrap().1.contains("checkers is not registered"));
    }

    #[test]
    fn an_invitation_is_answered_by_its_title_and_opens_no_conversation() {
        let mut model = in_a_room();
        let asked = chess(vec![one("ben", 2, Standing::Accepted), one("ana", 1, Standing::Asked)]);
        model.update(Input::AppSessions(vec![asked.clone()]), 0);
        let part = |part| [Effect::TakePart(asked.session, part)];
        assert_eq!(run(&mut model, "/accept chess"), part(Part::Player));
        assert_eq!(run(&mut model, "/accept"), part(Part::Player));
        assert_eq!(run(&mut model, "/observe"), part(Part::Observer));
        assert_eq!(run(&mut model, "/decline Chess"), [Effect::Decline(asked.session)]);
        assert_eq!(run(&mut model, "/cancel Chess"), [], "that is ben's to do");
        let failed = chess(vec![one("ben", 2, Standing::In), one("ana", 1, Standing::Failed)]);
        model.update(Input::AppSessions(vec![failed]), 0);
        assert_eq!(run(&mut model, "/accept"), [], "who has been in it has to name it");
        assert_eq!(run(&mut model, "/accept chess"), part(Part::Player));
        let mine = AppSession { creator: UserId([1; 32]), ..asked.clone() };
        model.update(Input::AppSessions(vec![mine]), 0);
        assert_eq!(run(&mut model, "/cancel"), [Effect::CancelApp(asked.session)]);
    }

    #[test]
    fn commands_about_apps_are_completed() {
        let mut model = in_a_room();
        typed(&mut model, "/start ch");
        let completions = model.completions().unwrap();
        assert_eq!((completions.start, &completions.items[0].0[..]), (7, "Chess for Two"));
        assert!(model.take_effects().contains(&Effect::AppOwners(None)), "the registry is asked for anew");
        act(&mut model, Action::Complete);
        assert_eq!(model.current().unwrap().editor.text(), "/start Chess for Two");
    }

    #[test]
    fn who_has_what_is_told_with_versions_and_who_is_busy() {
        let mut model = in_a_room();
        let owners = vec![
            owner("ana", 1, Availability::Online, &[CHESS]),
            owner("ben", 2, Availability::Busy, &[("org.example.chess", "Chess for Two", "0.9")]),
            owner("cleo", 3, Availability::Online, &[]),
            AppOwner { apps: None, ..owner("dan", 4, Availability::Online, &[]) },
        ];
        let text = told(&owners);
        assert_eq!(
            text.lines().collect::<Vec<_>>(),
            [
                "Chess for Two (org.example.chess 1.0): you, ben (version 0.9, busy); not cleo",
                "not told: dan",
                "/start APP asks everybody here."
            ]
        );
        assert_eq!(run(&mut model, "/apps"), [Effect::AppOwners(Some(SessionId([1; 16])))]);
        model.update(Input::AppOwners(owners, true), 0);
        assert!(model.current().unwrap().lines.last().is_some());
    }
}
