//! `app`: programs that can be run together, here and on the hosts of others.
//!
//! The agent keeps the registry and the user's policies, and needs no daemon for them; what others have the daemon knows.

use crate::{
    args::{App, AppCommand},
    connect::Connection,
    failure::Failure,
    programs,
    screen::{Screen, Style, paint, visible_name},
    table::{Cell, Table},
};
use chalktalk_ipc::{
    AppId, Target,
    nway::{AppOwner, OwnedApp},
    request::Availability,
    text::label,
};
use std::{collections::BTreeMap, path::Path, process::Command};

/// Does what was asked about programs.
pub(crate) fn run(command: &AppCommand, socket: Option<&Path>, screen: &mut Screen) -> Result<(), Failure> {
    if let AppCommand::List { all: true, target, app, format } = command {
        return list_all(target.as_ref(), app, format.json, socket, screen);
    }
    let mut agent = Command::new(programs::find(programs::AGENT)?);
    match command {
        AppCommand::Add { file } => agent.arg("--add").arg(file),
        AppCommand::List { format, .. } => agent.arg("--list").args(format.json.then_some("--json")),
        AppCommand::Check { file } => agent.arg("--check").arg(file),
        AppCommand::Remove { id } => agent.arg("--remove").arg(id.as_str()),
        AppCommand::Policy { policy, app, person } => {
            agent.arg("--policy").args(policy);
            agent.args(app.iter().flat_map(|app| ["--app", app.as_str()]));
            if let Some(person) = person {
                // A name is anybody's: the rule is for the key that has it now.
                let client = Connection::visitor(socket)?.client;
                let person = client.find_person(&person.0.to_string())?;
                agent.arg("--person").arg(person.user.to_string());
            }
            &mut agent
        }
    };
    Err(programs::become_program(agent))
}

/// What everybody could run with the user.
fn list_all(
    target: Option<&Target>,
    app: &App,
    json: bool,
    socket: Option<&Path>,
    screen: &mut Screen,
) -> Result<(), Failure> {
    let client = Connection::visitor(socket)?.client;
    let target = target.map(ToString::to_string);
    let owners = client.app_owners(target.as_deref(), &app.app)?;
    if json {
        return screen.json(&owners);
    }
    let shown = for_people(&owners, screen.colour());
    shown.lines().try_for_each(|line| screen.line(line))
}

/// A row for each app and person who has it; below, who does not tell.
fn for_people(owners: &[AppOwner], colour: bool) -> String {
    let mut by_app: BTreeMap<&AppId, Vec<(&AppOwner, &OwnedApp)>> = BTreeMap::new();
    for owner in owners {
        for app in owner.apps.iter().flatten() {
            by_app.entry(&app.app).or_default().push((owner, app));
        }
    }
    let mut table = Table::new(["APP", "NAME", "WHO", "HOST", "VERSION", ""]);
    for (app, having) in &by_app {
        let mine = having.iter().find(|(owner, _)| owner.me).map(|(_, app)| app.version.as_str());
        for (at, (owner, owned)) in having.iter().enumerate() {
            let (id, name) = if at == 0 { (app.as_str(), owned.name.as_str()) } else { ("", "") };
            let you = if owner.me { " (you)" } else { "" };
            table.row([
                Cell::new(id, Style::Strong),
                label(name).into(),
                format!("{}{you}", visible_name(&owner.name)).into(),
                label(&owner.host).into(),
                label(&owned.version).into(),
                remark(owner, owned, mine),
            ]);
        }
    }
    let silent: Vec<String> =
        owners.iter().filter(|owner| owner.apps.is_none()).map(|owner| visible_name(&owner.name)).collect();
    let mut out = table.render(colour);
    if !silent.is_empty() {
        let text = format!("Not told by {}: what they have is not known.\n", silent.join(", "));
        out.push_str(&paint(colour, Style::Quiet, &text));
    }
    out
}

/// What is to be known before asking somebody.
fn remark(owner: &AppOwner, owned: &OwnedApp, mine: Option<&str>) -> Cell {
    let busy = match owner.status {
        Availability::Online => None,
        Availability::Away => Some("away"),
        Availability::Busy => Some("busy"),
        Availability::Offline => Some("offline"),
    };
    let version = match mine {
        None if !owner.me => Some("not registered here"),
        Some(mine) if mine != owned.version => Some("another version than yours"),
        _ => None,
    };
    let words: Vec<&str> = busy.into_iter().chain(version).collect();
    Cell::new(words.join(", "), Style::Warning)
}

#[cfg(test)]
mod tests {
    use super::*;
    use chalktalk_ipc::{HostId, UserId};

    fn owner(name: &str, n: u8, status: Availability, apps: Option<&[(&str, &str)]>) -> AppOwner {
        let owned = |(app, version): &(&str, &str)| OwnedApp {
            app: app.parse().unwrap(),
            version: (*version).into(),
            name: if app.ends_with("chess") { "Chess".into() } else { String::new() },
        };
        AppOwner {
            user: UserId([n; 32]),
            name: name.into(),
            host_id: HostId([n; 16]),
            host: format!("h{n}"),
            status,
            me: n == 1,
            apps: apps.map(|apps| apps.iter().map(owned).collect()),
        }
    }

    #[test]
    fn apps_are_listed_with_who_has_them_and_what_to_know_before_asking() {
        let chess = "org.example.chess";
        let owners = [
            owner("ana", 1, Availability::Online, Some(&[(chess, "1.0")])),
            owner("ben", 2, Availability::Busy, Some(&[(chess, "0.9"), ("org.example.go", "2")])),
            owner("cleo", 3, Availability::Online, None),
        ];
        let shown = for_people(&owners, false);
        let rows: Vec<Vec<&str>> = shown.lines().map(|line| line.split_whitespace().collect()).collect();
        assert_eq!(rows[1], [chess, "Chess", "ana", "(you)", "h1", "1.0"]);
        assert_eq!(rows[2][..3], ["ben", "h2", "0.9"]);
        assert!(shown.contains("busy, another version than yours"), "{shown}");
        assert_eq!(rows[3][..4], ["org.example.go", "ben", "h2", "2"]);
        assert!(shown.contains("busy, not registered here") && shown.contains("Not told by cleo"), "{shown}");
    }
}
