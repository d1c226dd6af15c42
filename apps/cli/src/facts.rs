//! What is known: the daemon, the people, the programs, the sessions; once, or again on each change.
//!
//! Each kind of fact is one type that fetches itself and prints itself, so that JSON and watching work alike for all.

use crate::{
    args::Facts,
    connect::Connection,
    failure::Failure,
    screen::{Screen, Style, paint, visible_name},
    table::{Cell, Table},
    together,
};
use chalktalk_client::{Client, ClientError, ClientEvent};
use chalktalk_ipc::{
    AppId, Event, SessionId, UserId,
    event::{InstanceSummary, Person, Scope, SessionSummary},
    nway::AppSession,
    request::{Availability, SessionKind, Topic},
    text::{label, saying},
};
use serde::Serialize;
use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

/// Changes come in flocks: those of this time are shown as one.
const SETTLE: Duration = Duration::from_millis(50);

/// A list of facts that can be asked for and printed.
pub(crate) trait Fact: Serialize + Sized {
    /// What to watch for changes of these facts.
    const TOPICS: &'static [Topic];
    /// What decides which facts are meant.
    type Choice;

    /// Asks the daemon.
    fn fetch(client: &Client, choice: &Self::Choice) -> Result<Self, ClientError>;

    /// The facts for people.
    fn for_people(&self, colour: bool) -> String;
}

/// Prints facts once, or on each change until the program is ended.
pub(crate) fn show<F: Fact>(
    connection: &Connection,
    choice: &F::Choice,
    how: Facts,
    screen: &mut Screen,
) -> Result<(), Failure> {
    let client = &connection.client;
    if how.watch {
        client.watch(F::TOPICS)?;
    }
    let mut first = true;
    loop {
        match F::fetch(client, choice) {
            Ok(facts) => print(&facts, how, first, screen)?,
            // While following, a daemon that restarts is waited for.
            Err(ClientError::Disconnected | ClientError::TimedOut(_)) if how.watch => {}
            Err(error) => return Err(error.into()),
        }
        if !how.watch {
            return Ok(());
        }
        first = false;
        wait_for_change(connection)?;
    }
}

fn print<F: Fact>(facts: &F, how: Facts, first: bool, screen: &mut Screen) -> Result<(), Failure> {
    if how.json {
        screen.json(facts)?;
    } else {
        if how.watch {
            screen.new_page(first)?;
        }
        screen.put(&facts.for_people(screen.colour()))?;
    }
    screen.flush()
}

fn wait_for_change(connection: &Connection) -> Result<(), Failure> {
    let changed = |event: &ClientEvent| {
        matches!(event, ClientEvent::Reconnected | ClientEvent::Event(Event::Changed { .. }))
    };
    while !changed(&connection.next_event()?) {}
    let settled = Instant::now() + SETTLE;
    while connection.events.recv_timeout(settled.saturating_duration_since(Instant::now())).is_ok() {}
    Ok(())
}

/// The user roster.
#[derive(Serialize)]
#[serde(transparent)]
pub(crate) struct People(Vec<Person>);

impl Fact for People {
    const TOPICS: &'static [Topic] = &[Topic::Who];
    type Choice = ();

    fn fetch(client: &Client, _: &()) -> Result<Self, ClientError> {
        client.who().map(Self)
    }

    fn for_people(&self, colour: bool) -> String {
        let mut table = Table::new(["NAME", "HOST", "STATUS", "KEY", "ADDRESSES", "SAYS"]);
        for person in &self.0 {
            table.row([
                Cell::new(own_name(person), Style::Strong),
                label(&person.host).into(),
                availability(person.status),
                key(person),
                label_list(&person.addresses).into(),
                saying(&person.saying).into(),
            ]);
        }
        let mut out = table.render(colour);
        for person in self.0.iter().filter(|person| person.changed && !person.blocked) {
            out.push_str(&paint(colour, Style::Warning, &format!("{}\n", explain_change(person))));
        }
        if self.0.iter().all(|person| person.me) {
            out.push_str(&paint(colour, Style::Quiet, "Nobody else is on the network yet.\n"));
        }
        out
    }
}

/// Attached programs, with the words for the ids in them.
#[derive(Serialize)]
#[serde(transparent)]
pub(crate) struct Instances {
    list: Vec<InstanceSummary>,
    #[serde(skip)]
    titles: HashMap<SessionId, String>,
    #[serde(skip)]
    names: HashMap<UserId, String>,
}

impl Fact for Instances {
    const TOPICS: &'static [Topic] = &[Topic::Instances];
    /// Whether those of all hosts are meant.
    type Choice = bool;

    fn fetch(client: &Client, all: &bool) -> Result<Self, ClientError> {
        Ok(Self {
            list: client.instances(*all)?,
            titles: client.sessions()?.into_iter().map(|s| (s.session, s.title)).collect(),
            names: client.who()?.into_iter().map(|p| (p.user, p.name)).collect(),
        })
    }

    fn for_people(&self, colour: bool) -> String {
        if self.list.is_empty() {
            return paint(colour, Style::Quiet, "No program takes part at the moment.\n");
        }
        let mut table = Table::new(["APP", "PID", "USER", "HOST", "SESSIONS", "INSTANCE"]);
        for instance in &self.list {
            table.row([
                Cell::new(instance.app.as_str(), Style::Strong),
                instance.pid.to_string().into(),
                self.names.get(&instance.user).map_or_else(|| short(&instance.user), |n| label(n)).into(),
                label(&instance.host).into(),
                self.session_names(instance).into(),
                Cell::new(instance.instance.to_string(), Style::Quiet),
            ]);
        }
        table.render(colour)
    }
}

impl Instances {
    fn session_names(&self, instance: &InstanceSummary) -> String {
        let name = |id| self.titles.get(id).map_or_else(|| short(id), |title| label(title));
        shorten(instance.sessions.iter().map(name))
    }
}

/// Sessions, all or of one app's rooms.
#[derive(Serialize)]
#[serde(transparent)]
pub(crate) struct Sessions(Vec<Row>);

/// A session, with everybody in it if it is an app session.
#[derive(Serialize)]
struct Row {
    #[serde(flatten)]
    summary: SessionSummary,
    #[serde(skip_serializing_if = "Option::is_none")]
    nway: Option<AppSession>,
}

impl Sessions {
    fn of(sessions: Vec<SessionSummary>, mut apps: Vec<AppSession>) -> Self {
        let mut take = |id| apps.iter().position(|app| app.session == id).map(|at| apps.swap_remove(at));
        let known = sessions.into_iter().map(|summary| Row { nway: take(summary.session), summary });
        let mut rows: Vec<Row> = known.collect();
        rows.extend(apps.into_iter().map(|app| Row { summary: not_entered(&app), nway: Some(app) }));
        Self(rows)
    }
}

/// An app session that the user sees without taking part.
fn not_entered(app: &AppSession) -> SessionSummary {
    let active = app.participants.iter().filter(|one| one.present && one.standing.is_active());
    SessionSummary {
        session: app.session,
        app: app.app.clone(),
        title: format!("#{}", app.title),
        scope: Scope::Invite,
        kind: SessionKind::Kept,
        parent: Some(app.parent),
        sealed: false,
        members: active.map(|one| one.name.clone()).collect(),
        joined: false,
        waits: false,
        creator: None,
        entries: 0,
    }
}

/// Which sessions are meant.
pub(crate) enum WhichSessions {
    /// Every session known.
    All,
    /// The rooms of one app.
    RoomsOf(AppId),
}

impl Fact for Sessions {
    const TOPICS: &'static [Topic] = &[Topic::Sessions, Topic::Who];
    type Choice = WhichSessions;

    fn fetch(client: &Client, which: &WhichSessions) -> Result<Self, ClientError> {
        let mut list = client.sessions()?;
        if let WhichSessions::RoomsOf(app) = which {
            list.retain(|s| s.app == *app && s.scope != Scope::Direct);
        }
        let apps = match which {
            WhichSessions::All => client.app_sessions()?,
            WhichSessions::RoomsOf(_) => Vec::new(),
        };
        Ok(Self::of(list, apps))
    }

    fn for_people(&self, colour: bool) -> String {
        if self.0.is_empty() {
            return paint(colour, Style::Quiet, "No session is known yet.\n");
        }
        let mut table = Table::new(["SESSION", "APP", "KIND", "JOINED", "ENTRIES", "MEMBERS", "ID"]);
        for Row { summary: session, .. } in &self.0 {
            table.row([
                Cell::new(visible_name(&session.title), Style::Strong),
                session.app.as_str().into(),
                kind(session).into(),
                match (session.joined, session.waits) {
                    (_, true) => Cell::new("waits", Style::Warning),
                    (true, false) => Cell::new("yes", Style::Good),
                    (false, false) => "no".into(),
                },
                session.entries.to_string().into(),
                shorten(session.members.iter().map(|name| label(name))).into(),
                Cell::new(session.session.to_string(), Style::Quiet),
            ]);
        }
        let mut out = table.render(colour);
        for app in self.0.iter().filter_map(|row| row.nway.as_ref()) {
            out.push('\n');
            out.push_str(&together::for_people(app, colour));
        }
        out
    }
}

/// Scope and kind in two words.
pub(crate) fn kind(session: &SessionSummary) -> String {
    let scope = match session.scope {
        Scope::Open => "open",
        Scope::Invite => "invite",
        Scope::Direct => "direct",
    };
    let kind = match session.kind {
        SessionKind::Kept => "kept",
        SessionKind::Live => "live",
    };
    format!("{scope}, {kind}")
}

fn availability(status: Availability) -> Cell {
    match status {
        Availability::Online => Cell::new("online", Style::Good),
        Availability::Away => Cell::new("away", Style::Warning),
        Availability::Busy => Cell::new("busy", Style::Bad),
        Availability::Offline => Cell::new("offline", Style::Quiet),
    }
}

/// Why nothing is shown of somebody, and what to do.
pub(crate) fn explain_change(person: &Person) -> String {
    let (name, key) = (visible_name(&person.name), short(&person.user));
    format!(
        "The key of {name} on {} has changed: it may be somebody else, or {name} has begun anew. Their messages are held \
         back. `chalktalk verify @{key}` compares it, `chalktalk block @{key}` refuses it.",
        label(&person.host)
    )
}

/// What can be typed as a target when names are not enough, and what is thought of it.
fn key(person: &Person) -> Cell {
    let (mark, style) = match person {
        person if person.me => ("", Style::Plain),
        Person { blocked: true, .. } => (" blocked", Style::Quiet),
        Person { changed: true, .. } => (" changed", Style::Bad),
        Person { verified: true, .. } => (" verified", Style::Plain),
        Person { namesake: true, .. } => (" namesake", Style::Warning),
        _ => ("", Style::Plain),
    };
    Cell::new(format!("@{}{mark}", short(&person.user)), style)
}

/// The first digits of an id: enough to tell it from the others on a LAN.
fn short(id: &impl ToString) -> String {
    id.to_string().chars().take(8).collect()
}

fn own_name(person: &Person) -> String {
    let you = if person.me { " (you)" } else { "" };
    format!("{}{you}", visible_name(&person.name))
}

fn label_list(items: &[String]) -> String {
    items.iter().map(|item| label(item)).collect::<Vec<_>>().join(" ")
}

/// A list that stays on its line: the first names, and how many more.
fn shorten(names: impl Iterator<Item = String>) -> String {
    const SHOWN: usize = 4;
    let mut names: Vec<_> = names.collect();
    if names.len() > SHOWN {
        let more = names.len() - SHOWN;
        names.truncate(SHOWN);
        names.push(format!("+{more}"));
    }
    names.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use chalktalk_ipc::{HostId, InstanceId};
    use insta::assert_snapshot;

    fn person(name: &str, n: u8, me: bool) -> Person {
        Person {
            user: UserId([n; 32]),
            name: name.into(),
            host: format!("{name}-laptop"),
            host_id: HostId([n; 16]),
            addresses: vec![format!("192.168.1.{n}"), "fe80::1".into()],
            status: if me { Availability::Online } else { Availability::Away },
            verified: n == 2,
            blocked: n == 3,
            changed: n == 4,
            namesake: n == 5,
            saying: if n == 2 { "in a meeting until 15:00".into() } else { String::new() },
            saying_until: None,
            me,
        }
    }

    fn session(title: &str, n: u8) -> SessionSummary {
        SessionSummary {
            session: SessionId([n; 16]),
            app: AppId::chat(),
            title: title.into(),
            scope: if title.starts_with('@') { Scope::Direct } else { Scope::Open },
            kind: SessionKind::Kept,
            parent: None,
            sealed: false,
            members: (0..n).map(|i| format!("user{i}")).collect(),
            joined: n == 1,
            waits: false,
            creator: None,
            entries: u64::from(n) * 1000,
        }
    }

    #[test]
    fn people_for_people() {
        let people = People(vec![person("ana", 1, true), person("bo\u{1b}[2J\u{202e}", 2, false)]);
        assert_snapshot!(people.for_people(false), @"
        NAME       HOST          STATUS  KEY                 ADDRESSES            SAYS
        ana (you)  ana-laptop    online  @01010101           192.168.1.1 fe80::1
        bo[2J      bo[2J-laptop  away    @02020202 verified  192.168.1.2 fe80::1  in a meeting until 15:00
        ");
        let marked = People([3, 4, 5].map(|n| person("cy", n, false)).into());
        assert_snapshot!(marked.for_people(false), @"
        NAME  HOST       STATUS  KEY                 ADDRESSES            SAYS
        cy    cy-laptop  away    @03030303 blocked   192.168.1.3 fe80::1
        cy    cy-laptop  away    @04040404 changed   192.168.1.4 fe80::1
        cy    cy-laptop  away    @05050505 namesake  192.168.1.5 fe80::1
        The key of cy on cy-laptop has changed: it may be somebody else, or cy has begun anew. Their messages are held back. `chalktalk verify @04040404` compares it, `chalktalk block @04040404` refuses it.
        ");
        assert!(
            People(vec![person("ana", 1, true)])
                .for_people(false)
                .ends_with("Nobody else is on the network yet.\n")
        );
    }

    #[test]
    fn people_for_programs() {
        assert_snapshot!(serde_json::to_string(&People(vec![person("ana", 1, true)])).unwrap(), @r#"[{"user":"0101010101010101010101010101010101010101010101010101010101010101","name":"ana","host":"ana-laptop","host_id":"01010101010101010101010101010101","addresses":["192.168.1.1","fe80::1"],"status":"online","verified":false,"blocked":false,"changed":false,"namesake":false,"me":true}]"#);
    }

    #[test]
    fn instances_show_names_for_ids_where_they_are_known() {
        let instance = InstanceSummary {
            instance: InstanceId([9; 16]),
            app: AppId::chat(),
            pid: 4321,
            sessions: vec![SessionId([1; 16]), SessionId([7; 16])],
            host: "ana-laptop".into(),
            user: UserId([1; 32]),
        };
        let instances = Instances {
            list: vec![instance],
            titles: HashMap::from([(SessionId([1; 16]), "#lobby".into())]),
            names: HashMap::from([(UserId([1; 32]), "ana".into())]),
        };
        assert_snapshot!(instances.for_people(false), @"
        APP             PID   USER  HOST        SESSIONS          INSTANCE
        chalktalk.chat  4321  ana   ana-laptop  #lobby, 07070707  09090909-0909-0909-0909-090909090909
        ");
        assert_snapshot!(serde_json::to_string(&instances).unwrap(), @r#"[{"instance":"09090909-0909-0909-0909-090909090909","app":"chalktalk.chat","pid":4321,"sessions":["01010101-0101-0101-0101-010101010101","07070707-0707-0707-0707-070707070707"],"host":"ana-laptop","user":"0101010101010101010101010101010101010101010101010101010101010101"}]"#);
    }

    #[test]
    fn sessions_for_people_and_programs() {
        let of = |list| Sessions::of(list, vec![]);
        let sessions = of(vec![session("#lobby", 1), session("@bo", 2), session("#crowd", 6)]);
        assert_snapshot!(sessions.for_people(false), @"
        SESSION  APP             KIND          JOINED  ENTRIES  MEMBERS                         ID
        #lobby   chalktalk.chat  open, kept    yes     1000     user0                           01010101-0101-0101-0101-010101010101
        @bo      chalktalk.chat  direct, kept  no      2000     user0, user1                    02020202-0202-0202-0202-020202020202
        #crowd   chalktalk.chat  open, kept    no      6000     user0, user1, user2, user3, +2  06060606-0606-0606-0606-060606060606
        ");
        assert_snapshot!(serde_json::to_string(&of(vec![session("#lobby", 1)])).unwrap(), @r##"[{"session":"01010101-0101-0101-0101-010101010101","app":"chalktalk.chat","title":"#lobby","scope":"open","kind":"kept","parent":null,"sealed":false,"members":["user0"],"joined":true,"entries":1000}]"##);
        assert_eq!(of(vec![]).for_people(false), "No session is known yet.\n");
    }
}
