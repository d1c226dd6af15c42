//! `help-wanted`: asks everybody on the network to come and help, and tells who is coming.
//!
//! What is told follows from the messages of the lobby as in the chat (`docs/chat.md`).

use crate::{
    args::HelpWanted,
    connect::Connection,
    failure::{Failure, complain},
    interrupt,
    screen::{Screen, Style, paint, visible_name},
};
use chalktalk_client::{
    ClientEvent, Message, Publish, Stage,
    chat::{Kind, Place, Saying},
    location,
};
use chalktalk_ipc::{
    AppId, Event, SessionId, Target, UserId, batch::MAX_MENTIONS, request::From, text::printable,
};
use serde::Serialize;
use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
    sync::atomic::Ordering,
    time::{Duration, Instant},
};

/// Where everybody is.
const LOBBY: &str = "#lobby";

/// The call gets this long to be stored.
const PATIENCE: Duration = Duration::from_secs(10);

/// A call is open for so long.
const OPEN_FOR: Duration = Duration::from_secs(3600);

/// Ctrl-C is heard within this time.
const HEAR_EVERY: Duration = Duration::from_millis(200);

/// Calls, with everybody mentioned, says where the call stands and, where that is wanted, follows what becomes of it.
pub(crate) fn ask(wanted: &HelpWanted, socket: Option<&Path>, screen: &mut Screen) -> Result<(), Failure> {
    let at = wanted.at.clone().or_else(location::load).ok_or_else(|| {
        Failure::Failed(
            "nobody would find you: say where you are with --at ROOM, or write it into ~/.config/chalktalk/location"
                .into(),
        )
    })?;
    let call = Saying::call(&format!("Help wanted in {at}"), at.clone(), wanted.what.trim());
    let payload = call.payload().ok_or_else(|| Failure::Failed("this is too long to be sent".into()))?;
    let app = AppId::chat();
    let lobby: Target = LOBBY.parse().map_err(|e| Failure::because("there is no lobby", e))?;
    let connection = Connection::observer(socket, app.clone())?;
    let session = connection.enter(&lobby, &app)?.session;
    let client = &connection.client;
    let members = client.open(session, From::Now)?.members;
    let me = client.welcome().user;
    let others: BTreeSet<UserId> =
        members.iter().map(|member| member.user).filter(|user| *user != me).collect();
    let others: Vec<UserId> = others.into_iter().take(MAX_MENTIONS).collect();
    let number = client.publish_with(session, Publish::durable(&payload).mentioning(&others))?;
    client.wait_for(session, number, Stage::Stored, PATIENCE)?;
    let stays = wanted.watch || (screen.is_terminal() && !wanted.json);
    tell(&News::Asked { session, at: &at, what: wanted.what.trim() }, stays, wanted.json, screen)?;
    if stays { follow(&connection, Called::new(me, payload), wanted.json, screen) } else { Ok(()) }
}

/// Tells who is coming until the call is over. Who interrupts it leaves the call open.
fn follow(
    connection: &Connection,
    mut called: Called,
    json: bool,
    screen: &mut Screen,
) -> Result<(), Failure> {
    let (interrupted, over_at) = (interrupt::flag()?, Instant::now() + OPEN_FOR);
    loop {
        if interrupted.load(Ordering::Relaxed) {
            complain("your call stays open for an hour: `/helped` in the chat ends it");
            return Ok(());
        }
        let mut news = Vec::new();
        match connection.next_event_within(HEAR_EVERY)? {
            Some(ClientEvent::Messages(batch)) => {
                news.extend(batch.messages().filter_map(|message| called.take(&message)));
            }
            Some(ClientEvent::Event(Event::Detached { reason, .. })) => {
                return Err(Failure::Failed(format!("the daemon ended this: {}", printable(&reason))));
            }
            None if Instant::now() >= over_at => news.push(Change::Over(End::Late)),
            _ => {}
        }
        for change in news {
            tell(&News::Change(&change, called.coming()), true, json, screen)?;
            if matches!(change, Change::Over(_)) {
                return Ok(());
            }
        }
    }
}

/// A call, and who comes.
struct Called {
    me: UserId,
    payload: Vec<u8>,
    /// The call, once it has come back in its place among all messages.
    call: Option<Place>,
    coming: BTreeMap<UserId, String>,
}

/// What a message changes.
#[derive(PartialEq, Eq, Debug)]
enum Change {
    Coming(UserId, String),
    NotComing(UserId, String),
    Over(End),
}

/// Why a call is over.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum End {
    Helped,
    Deleted,
    /// Who has called has called again.
    Replaced,
    Late,
}

impl Called {
    fn new(me: UserId, payload: Vec<u8>) -> Self {
        Self { me, payload, call: None, coming: BTreeMap::new() }
    }

    fn coming(&self) -> Vec<&str> {
        self.coming.values().map(String::as_str).collect()
    }

    fn take(&mut self, message: &Message) -> Option<Change> {
        let (user, name) = (message.author.user, &message.author.name);
        let Some(call) = self.call else {
            let is_call = user == self.me && message.payload == self.payload;
            self.call = is_call.then_some(Place(message.position));
            return None;
        };
        let mine = user == self.me;
        match Saying::read(&message.payload).kind {
            Kind::Coming { of, off } if of == call && !mine => {
                let before =
                    if off { self.coming.remove(&user) } else { self.coming.insert(user, name.clone()) };
                match (before.is_some(), off) {
                    (false, false) => Some(Change::Coming(user, name.clone())),
                    (true, true) => Some(Change::NotComing(user, name.clone())),
                    _ => None,
                }
            }
            Kind::Helped { of } if of == call && mine => Some(Change::Over(End::Helped)),
            Kind::Delete { of } if of == call && mine => Some(Change::Over(End::Deleted)),
            Kind::Call { .. } if mine => Some(Change::Over(End::Replaced)),
            _ => None,
        }
    }
}

/// What is told.
enum News<'a> {
    Asked {
        session: SessionId,
        at: &'a str,
        what: &'a str,
    },
    /// With who is coming then.
    Change(&'a Change, Vec<&'a str>),
}

/// The same for programs. The keys are promised.
#[derive(Serialize)]
#[serde(tag = "call", rename_all = "snake_case")]
enum Told<'a> {
    Asked { session: SessionId, at: &'a str, what: &'a str },
    Coming { user: UserId, name: &'a str, coming: &'a [&'a str] },
    NotComing { user: UserId, name: &'a str, coming: &'a [&'a str] },
    Helped { coming: &'a [&'a str] },
    Deleted,
    Replaced,
    Over,
}

fn tell(news: &News<'_>, stays: bool, json: bool, screen: &mut Screen) -> Result<(), Failure> {
    if json {
        screen.json(&match news {
            News::Asked { session, at, what } => Told::Asked { session: *session, at, what },
            News::Change(Change::Coming(user, name), coming) => Told::Coming { user: *user, name, coming },
            News::Change(Change::NotComing(user, name), coming) => {
                Told::NotComing { user: *user, name, coming }
            }
            News::Change(Change::Over(End::Helped), coming) => Told::Helped { coming },
            News::Change(Change::Over(End::Deleted), _) => Told::Deleted,
            News::Change(Change::Over(End::Replaced), _) => Told::Replaced,
            News::Change(Change::Over(End::Late), _) => Told::Over,
        })?;
        return screen.flush();
    }
    let colour = screen.colour();
    let name = |name: &str| paint(colour, Style::Name, &visible_name(name));
    let line = match news {
        News::Asked { at, .. } if stays => {
            let hint = "Nobody is coming yet. Ctrl-C ends this and leaves the call open.";
            let hint = paint(colour, Style::Quiet, hint);
            format!("Asked in {LOBBY} for help in {at}.\n{hint}")
        }
        News::Asked { at, .. } => format!("Asked in {LOBBY} for help in {at}; the chat shows who is coming."),
        News::Change(Change::Coming(_, who), coming) => format!("{} is coming{}", name(who), all(coming)),
        News::Change(Change::NotComing(_, who), coming) => {
            format!("{} is not coming after all{}", name(who), all(coming))
        }
        News::Change(Change::Over(end), _) => match end {
            End::Helped => paint(colour, Style::Good, "You were helped: the call is over."),
            End::Deleted => "The call was deleted.".into(),
            End::Replaced => "You have called again: this call is over.".into(),
            End::Late => "The call is over: it was open for an hour.".into(),
        },
    };
    screen.line(&line)?;
    screen.flush()
}

/// How many are coming now, where that is more than what was just said.
fn all(coming: &[&str]) -> String {
    let names: Vec<String> = coming.iter().map(|name| visible_name(name)).collect();
    match &names[..] {
        [] => "; nobody is.".into(),
        [_] => ".".into(),
        several => format!("; {} are: {}.", several.len(), several.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use chalktalk_client::Author;
    use chalktalk_ipc::{InstanceId, OriginId, Position, batch::DeliverFlags};
    use std::sync::Arc;

    fn message(who: u8, seq: u64, saying: &Saying) -> Message {
        let name = ["me", "ben", "carla"][usize::from(who)].to_owned();
        let author =
            Author { origin: OriginId([who; 16]), user: UserId([who; 32]), name, host: String::new() };
        Message {
            session: SessionId([1; 16]),
            position: Position { origin: author.origin, epoch: 1, seq, index: 0 },
            author: Arc::new(author),
            instance: InstanceId([who; 16]),
            stamp: seq,
            time: 0,
            urgent: false,
            mentions_you: false,
            flags: DeliverFlags::default(),
            payload: saying.payload().unwrap(),
        }
    }

    #[test]
    fn who_comes_is_told_until_who_called_says_that_it_is_over() {
        let call = Saying::call("Help wanted in Room 4", "Room 4".into(), "dark");
        let start = || {
            let mut called = Called::new(UserId([0; 32]), call.payload().unwrap());
            assert_eq!(called.take(&message(1, 1, &call)), None, "somebody else says the same");
            assert_eq!(called.take(&message(0, 5, &call)), None);
            called
        };
        let of = Place(message(0, 5, &call).position);
        let other = Place(message(1, 1, &call).position);
        let coming = |off| Saying::new("x", Kind::Coming { of, off });
        let mut called = start();
        let (ben, carla) = ((UserId([1; 32]), "ben".to_owned()), (UserId([2; 32]), "carla".to_owned()));
        assert_eq!(called.take(&message(1, 6, &coming(true))), None, "who was not coming anyway");
        assert_eq!(called.take(&message(1, 7, &coming(false))), Some(Change::Coming(ben.0, ben.1.clone())));
        assert_eq!(called.take(&message(1, 8, &coming(false))), None, "that is known");
        assert_eq!(called.take(&message(2, 9, &coming(false))), Some(Change::Coming(carla.0, carla.1)));
        assert_eq!(called.coming(), ["ben", "carla"]);
        assert_eq!(called.take(&message(1, 10, &coming(true))), Some(Change::NotComing(ben.0, ben.1)));
        for nothing in [Kind::Say, Kind::Helped { of: other }, Kind::Coming { of: other, off: false }] {
            assert_eq!(called.take(&message(2, 11, &Saying::new("x", nothing))), None);
        }
        for end in [Kind::Helped { of }, Kind::Delete { of }, call.kind.clone()] {
            assert_eq!(start().take(&message(1, 12, &Saying::new("x", end))), None, "not theirs to say");
        }
        assert_eq!(called.take(&message(0, 13, &coming(false))), None, "nobody comes to themselves");
        let ends = [
            (Kind::Helped { of }, End::Helped),
            (Kind::Delete { of }, End::Deleted),
            (call.kind.clone(), End::Replaced),
        ];
        for (kind, end) in ends {
            assert_eq!(start().take(&message(0, 13, &Saying::new("x", kind))), Some(Change::Over(end)));
        }
    }
}
