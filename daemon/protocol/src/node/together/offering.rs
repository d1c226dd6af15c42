//! Who has which apps: what this host tells of its users' registries, and what others have told.
//!
//! Invariant: of an app nothing is told but its id and its version, and nothing at all where the operator has switched that off.

use crate::{
    control::{AppsItem, MAX_APPS_TOLD, MAX_VERSION},
    node::{Node, local::refuse},
    nway::notice::short,
};
use chalktalk_ipc::{
    AppId, HostId, Refusal, RefusalCode, UserId,
    nway::{AppOwner, OwnedApp},
};
use std::collections::BTreeSet;

/// Apps told of one user; the rest can be run together all the same.
const MAX_TOLD: usize = 48;

/// People in one answer, so that it fits a frame of the local socket whatever they have.
const MAX_OWNERS: usize = 256;

impl Node {
    /// What is told of the apps registered here.
    pub(in crate::node) fn apps_told(&self) -> Vec<AppsItem> {
        let mut items = Vec::new();
        for (user, local) in self.users.iter().filter(|_| self.tell_apps) {
            let Some(agent) = &local.agent else { continue };
            let version = |app: &AppId| short(&agent.apps[app].version, MAX_VERSION);
            let apps: Vec<(AppId, String)> =
                agent.apps.keys().take(MAX_TOLD).map(|app| (app.clone(), version(app))).collect();
            let pieces = apps.chunks(MAX_APPS_TOLD).map(<[_]>::to_vec);
            items.extend(pieces.map(|apps| AppsItem { user: *user, apps }));
        }
        items
    }

    /// Who has registered what: everybody, or those of one session. The asking user comes first.
    pub fn app_owners(
        &self,
        me: UserId,
        target: Option<&str>,
        parent_app: &AppId,
    ) -> Result<Vec<AppOwner>, Refusal> {
        let of_session = match target {
            None => None,
            Some(target) => {
                let id = self.resolve(me, target, parent_app)?;
                if !self.has_joined(me, id) {
                    return refuse(RefusalCode::NotJoined, format!("you are not in {target}"));
                }
                Some(self.members(id).into_iter().map(|one| (one.user, one.host_id)).collect::<BTreeSet<_>>())
            }
        };
        let is_meant = |user, host| of_session.as_ref().is_none_or(|members| members.contains(&(user, host)));
        let people = self.who(me).into_iter().filter(|person| is_meant(person.user, person.host_id));
        let owner = |person: chalktalk_ipc::event::Person| AppOwner {
            apps: self.apps_of(me, person.user, person.host_id),
            user: person.user,
            name: person.name,
            host_id: person.host_id,
            host: person.host,
            status: person.status,
            me: person.me,
        };
        Ok(people.take(MAX_OWNERS).map(owner).collect())
    }

    /// What somebody has registered, as far as it is known, with the names that these apps have for the asking user.
    fn apps_of(&self, me: UserId, user: UserId, host: HostId) -> Option<Vec<OwnedApp>> {
        let mine = self.users.get(&me).and_then(|local| local.agent.as_ref());
        let named = |app: &AppId, version: &str| OwnedApp {
            app: app.clone(),
            version: short(version, MAX_VERSION),
            name: mine.and_then(|agent| agent.apps.get(app)).map_or_else(String::new, |app| app.name.clone()),
        };
        if host == self.host {
            let agent = self.users.get(&user)?.agent.as_ref()?;
            return Some(agent.apps.iter().map(|(id, app)| named(id, &app.version)).collect());
        }
        let mut told = self.directory.host(host)?.apps().filter(|item| item.user == user).peekable();
        told.peek()?;
        let apps = told.flat_map(|item| &item.apps).take(MAX_TOLD);
        Some(apps.map(|(app, version)| named(app, version)).collect())
    }
}
