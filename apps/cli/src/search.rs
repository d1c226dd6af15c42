//! `search`: finds what was said, in all conversations of the chat.
//!
//! The view that is searched is brought up to date first. Without a daemon what it has is searched.

use crate::{
    args::Search,
    connect::Connection,
    failure::{Failure, complain},
    record::{moment, rfc3339},
    screen::{Screen, Style, paint, visible_name},
};
use chalktalk_ipc::{AppId, OriginId, SessionId, UserId, text::printable};
use chalktalk_search::{FillError, Hit, Index, Query, fill};
use jiff::{Timestamp, Zoned, tz::TimeZone};
use serde::Serialize;
use std::{
    io::{self, IsTerminal},
    path::Path,
    time::{Duration, Instant},
};

/// Who waits longer is told how far it is.
const PATIENCE: Duration = Duration::from_millis(700);

/// How many characters around the first word found are shown.
const AROUND: usize = 160;

/// One message that was found. The keys are promised.
#[derive(Serialize)]
struct Found<'a> {
    session: SessionId,
    title: &'a str,
    origin: OriginId,
    epoch: u32,
    seq: u64,
    index: u16,
    user: UserId,
    name: &'a str,
    stamp: u64,
    #[serde(serialize_with = "rfc3339")]
    time: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    topic: Option<&'a str>,
    text: &'a str,
}

/// Prints what is found, the newest last.
pub(crate) fn search(search: &Search, socket: Option<&Path>, screen: &mut Screen) -> Result<(), Failure> {
    let query =
        Query::read(&search.query.join(" "), &Zoned::now()).map_err(|e| Failure::Usage(e.to_string()))?;
    let mut index = Index::of_user().map_err(failed)?;
    let me = refresh(&mut index, socket)?;
    let limit = if search.limit == 0 { usize::MAX } else { search.limit as usize };
    let hits = index.find(&query, me, limit).map_err(failed)?;
    if hits.is_empty() && io::stderr().is_terminal() {
        complain("nothing was found; `word*` finds words that begin so, and fewer words find more");
    }
    let zone = TimeZone::system();
    let json = search.style.is_json(screen.is_terminal());
    for hit in hits.iter().rev() {
        if json {
            screen.json(&found(hit))?;
        } else {
            screen.put(&line(hit, &query, &zone, screen.colour()))?;
        }
    }
    Ok(())
}

/// Takes what is new. Who asks; nobody if no daemon says so.
fn refresh(index: &mut Index, socket: Option<&Path>) -> Result<UserId, Failure> {
    let connection = match Connection::observer(socket, AppId::chat()) {
        Ok(connection) => connection,
        Err(Failure::NoDaemon(reason)) => {
            complain(format_args!("{reason}; searching what was there the last time"));
            return Ok(UserId::NIL);
        }
        Err(other) => return Err(other),
    };
    let Connection { client, events } = &connection;
    let (start, terminal) = (Instant::now(), io::stderr().is_terminal());
    let mut told = false;
    let result = fill(client, events, index, |progress| {
        if terminal && start.elapsed() > PATIENCE {
            eprint!("\rreading {}: {} messages ", visible_name(&progress.session.title), progress.taken);
            told = true;
        }
    });
    if told {
        eprintln!();
    }
    result.map_err(|error| match error {
        FillError::Client(error) => Failure::from(error),
        other => failed(other),
    })?;
    Ok(client.who()?.iter().find(|person| person.me).map_or(UserId::NIL, |person| person.user))
}

fn failed(error: impl std::fmt::Display) -> Failure {
    Failure::Failed(error.to_string())
}

fn found(hit: &Hit) -> Found<'_> {
    Found {
        session: hit.session,
        title: &hit.title,
        origin: hit.position.origin,
        epoch: hit.position.epoch,
        seq: hit.position.seq,
        index: hit.position.index,
        user: hit.user,
        name: &hit.name,
        stamp: hit.stamp,
        time: moment(hit.time),
        topic: hit.topic.as_deref(),
        text: &hit.text,
    }
}

/// `2026-11-24 21:47  #ops  ana  …the words that were found, and some around them…`
fn line(hit: &Hit, query: &Query, zone: &TimeZone, colour: bool) -> String {
    let time = moment(hit.time).to_zoned(zone.clone()).strftime("%Y-%m-%d %H:%M").to_string();
    let title = visible_name(&hit.title);
    let name = visible_name(&hit.name);
    let text = query.excerpt(&printable(&hit.text).replace(['\n', '\t'], " "), AROUND);
    format!(
        "{}  {}  {}  {text}\n",
        paint(colour, Style::Quiet, &time),
        paint(colour, Style::Good, &title),
        paint(colour, Style::Name, &name)
    )
}
