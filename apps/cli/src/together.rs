//! `start`, `cancel`, and how app sessions are shown: running programs together.

use crate::{
    args::Start,
    connect::Connection,
    facts::{self, Fact},
    failure::Failure,
    screen::{Screen, Style, paint, visible_name},
    table::{Cell, Table},
};
use chalktalk_client::{Client, ClientError, StartApp};
use chalktalk_ipc::{
    SessionId,
    nway::{AppSession, Part, Participant, Standing},
    request::Topic,
    text::label,
};
use serde::Serialize;
use std::path::Path;

/// The app sessions of which somebody follows what becomes of them: one that was started here.
#[derive(Serialize)]
#[serde(transparent)]
pub(crate) struct Followed(Vec<AppSession>);

impl Fact for Followed {
    const TOPICS: &'static [Topic] = &[Topic::Sessions, Topic::Who];
    type Choice = SessionId;

    fn fetch(client: &Client, id: &SessionId) -> Result<Self, ClientError> {
        let mut list = client.app_sessions()?;
        list.retain(|session| session.session == *id);
        Ok(Self(list))
    }

    fn for_people(&self, colour: bool) -> String {
        match self.0.first() {
            Some(session) => for_people(session, colour),
            None => paint(colour, Style::Quiet, "It has ended, and is forgotten.\n"),
        }
    }
}

/// Starts an app with the others of a session.
pub(crate) fn start(start: &Start, socket: Option<&Path>, screen: &mut Screen) -> Result<(), Failure> {
    let connection = Connection::visitor(socket)?;
    let session = connection.client.start_app(&StartApp {
        app: start.app_id.clone(),
        target: start.target.to_string(),
        parent_app: start.app.app.clone(),
        title: start.title.clone(),
        least: start.wait_for,
        most: start.most,
        lifetime: start.expires,
    })?;
    if start.facts.watch {
        return facts::show::<Followed>(&connection, &session.session, start.facts, screen);
    }
    if start.facts.json {
        return screen.json(&session);
    }
    let id = paint(screen.colour(), Style::Quiet, &session.session.to_string());
    screen.line(&format!("asked {} to {}  {id}", start.target, label(&session.title)))
}

/// Calls an app session off.
pub(crate) fn cancel(id: SessionId, socket: Option<&Path>, screen: &mut Screen) -> Result<(), Failure> {
    Connection::visitor(socket)?.client.cancel_app(id)?;
    screen.line(&format!("called off {id}: nobody is let in any more"))
}

/// Takes part in an app session, if the id is of one. `None`: it is not.
pub(crate) fn take_part(client: &Client, id: SessionId, part: Part) -> Result<Option<AppSession>, Failure> {
    if !client.app_sessions()?.iter().any(|session| session.session == id) {
        return Ok(None);
    }
    match client.take_part(id, part) {
        Ok(session) => Ok(Some(session)),
        Err(error) => Err(error.into()),
    }
}

/// What is said to who has accepted.
pub(crate) fn accepted(session: &AppSession, colour: bool) -> String {
    let id = paint(colour, Style::Quiet, &session.session.to_string());
    format!("you take part in {}  {id}", label(&session.title))
}

/// An app session with everybody in it.
pub(crate) fn for_people(session: &AppSession, colour: bool) -> String {
    let state = match session {
        AppSession { ended: true, .. } => ", ended",
        AppSession { cancelled: true, .. } => ", called off",
        _ => "",
    };
    let version =
        if session.version.is_empty() { String::new() } else { format!(" {}", label(&session.version)) };
    let head = format!(
        "{} ({}{version}) by {}{state}",
        label(&session.title),
        session.app,
        label(&session.creator_name)
    );
    let mut out = format!(
        "{}  {}\n",
        paint(colour, Style::Strong, &head),
        paint(colour, Style::Quiet, &session.session.to_string())
    );
    let mut table = Table::new(["PLACE", "NAME", "HOST", "STATE", "ROLE", "ADDRESS", "PID", ""]);
    for one in &session.participants {
        table.row([
            one.place.map_or_else(|| "-".to_owned(), |place| place.to_string()).into(),
            Cell::new(visible_name(&one.name), Style::Strong),
            label(&one.host).into(),
            state_of(one, session.most),
            role(one.part).into(),
            address(one).into(),
            if one.pid > 0 { one.pid.to_string().into() } else { "-".into() },
            label(&one.detail).into(),
        ]);
    }
    out.push_str(&table.render(colour));
    if !session.said.is_empty() {
        out.push_str(&paint(colour, Style::Quiet, "Your copy wrote last:\n"));
        session.said.iter().for_each(|line| out.push_str(&format!("  {}\n", label(line))));
    }
    out
}

fn state_of(one: &Participant, most: u16) -> Cell {
    let waits = one.standing == Standing::Accepted && one.place.is_some_and(|place| place > most);
    match one.standing {
        standing if standing.is_active() && !one.present => Cell::new("gone", Style::Quiet),
        Standing::Accepted if waits => Cell::new("waiting", Style::Warning),
        Standing::In => Cell::new("in", Style::Good),
        Standing::Failed => Cell::new("failed", Style::Bad),
        Standing::Missing => Cell::new("missing", Style::Warning),
        standing => standing.name().into(),
    }
}

fn role(part: Part) -> &'static str {
    match part {
        Part::Host => "host",
        Part::Player => "player",
        Part::Observer => "observer",
    }
}

fn address(one: &Participant) -> String {
    match (one.addresses.first(), one.port) {
        (Some(address), 1..) if address.is_ipv6() => format!("[{address}]:{}", one.port),
        (Some(address), 1..) => format!("{address}:{}", one.port),
        (Some(address), 0) => address.to_string(),
        (None, _) => "-".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use chalktalk_ipc::{HostId, UserId, nway::Model};

    fn one(name: &str, n: u8, standing: Standing) -> Participant {
        Participant {
            user: UserId([n; 32]),
            name: name.into(),
            host_id: HostId([n; 16]),
            host: format!("{name}-laptop"),
            present: true,
            standing,
            part: if n == 1 { Part::Host } else { Part::Player },
            place: standing.is_active().then_some(n.into()),
            addresses: vec![[10, 0, 0, n].into()],
            port: if n == 1 { 6523 } else { 0 },
            pid: if standing == Standing::In { 4711 } else { 0 },
            status: None,
            detail: if standing == Standing::Missing {
                "the app is not registered there".into()
            } else {
                String::new()
            },
        }
    }

    #[test]
    fn an_app_session_is_shown_with_everybody_in_it() {
        let session = AppSession {
            session: SessionId([7; 16]),
            app: "org.gobby.gobby".parse().unwrap(),
            title: "Minutes\u{202e}".into(),
            version: "0.6".into(),
            parent: SessionId([1; 16]),
            model: Model::Host,
            least: 2,
            most: 2,
            creator: UserId([1; 32]),
            creator_name: "ana".into(),
            ended: false,
            cancelled: false,
            participants: vec![
                one("ana", 1, Standing::In),
                one("ben", 2, Standing::Starting),
                one("cy", 3, Standing::Accepted),
                one("dan", 4, Standing::Missing),
                Participant { present: false, ..one("eve", 5, Standing::In) },
            ],
            said: vec!["bye".into()],
        };
        let shown = for_people(&session, false);
        let lines: Vec<&str> = shown.lines().collect();
        let has = |n: usize, words: &[&str]| {
            let found: Vec<&str> = lines[n].split_whitespace().collect();
            assert_eq!(&found[..words.len()], words, "{shown}");
        };
        has(0, &["Minutes", "(org.gobby.gobby", "0.6)", "by", "ana", "07070707-0707-0707-0707-070707070707"]);
        has(1, &["PLACE", "NAME", "HOST", "STATE", "ROLE", "ADDRESS", "PID"]);
        has(2, &["1", "ana", "ana-laptop", "in", "host", "10.0.0.1:6523", "4711"]);
        has(3, &["2", "ben", "ben-laptop", "starting", "player", "10.0.0.2", "-"]);
        has(4, &["3", "cy", "cy-laptop", "waiting", "player", "10.0.0.3", "-"]);
        has(5, &["-", "dan", "dan-laptop", "missing", "player", "10.0.0.4", "-", "the", "app", "is", "not"]);
        has(6, &["5", "eve", "eve-laptop", "gone"]);
        assert_eq!(lines[7..], ["Your copy wrote last:", "  bye"]);
    }
}
