//! The way to what shows notifications on the desktop: `org.freedesktop.Notifications` on the session's D-Bus.
//!
//! One thread speaks and one listens; both begin with the first thing to show. Faces of one person that run beside each other show a
//! thing once: whoever shows something of a conversation has the conversation's name on the bus meanwhile.
//!
//! Invariant: nobody waits for the desktop. Without one that shows notifications nothing is lost but they.

use crate::{
    link::spawn,
    model::{About, Input, Notification, Response},
    t,
};
use chalktalk_ipc::SessionId;
use std::{
    collections::{BTreeMap, HashMap},
    io,
    sync::mpsc::{Receiver, Sender, channel},
    thread,
    time::Duration,
};
use zbus::{
    MatchRule, Message,
    blocking::{Connection, MessageIterator, connection::Builder},
    message::Type,
    zvariant::{DynamicType, Value},
};

/// What comes within this time is shown at once, or was seen by then and is not shown at all.
const SETTLE: Duration = Duration::from_millis(300);

/// What does not answer for so long does not work.
const PATIENCE: Duration = Duration::from_secs(5);

/// How long the end of the chat waits for what is shown to be taken back.
const FAREWELL: Duration = Duration::from_millis(500);

/// Of so many notifications it is known what they were of: answers may come after they have gone.
const KNOWN: usize = 64;

const SERVER: &str = "org.freedesktop.Notifications";
const PLACE: &str = "/org/freedesktop/Notifications";
const BUS: &str = "org.freedesktop.DBus";

/// The desktop.
#[derive(Debug)]
pub(crate) struct Desktop {
    words: Sender<Word>,
}

enum Word {
    Show(Notification),
    TakeBack(SessionId),
    Heard(Signal),
    End(Sender<()>),
}

/// What the server says of a notification.
struct Signal {
    of: Id,
    what: News,
}

enum News {
    Action(String),
    Reply(String),
    Closed,
}

/// A notification: by whom it is shown, and its number there.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Id {
    server: String,
    number: u32,
}

impl Desktop {
    /// The desktop; `put` gets what the person does with what it shows.
    pub(crate) fn start(put: impl Fn(Input) + Send + 'static) -> io::Result<Self> {
        let (words, heard) = channel();
        let speaker = Speaker {
            put: Box::new(put),
            words: words.clone(),
            connection: None,
            shown: BTreeMap::new(),
            known: Vec::new(),
        };
        spawn("notifying", move || speaker.run(&heard))?;
        Ok(Self { words })
    }

    /// Shows something new, in the place of what is shown of its conversation.
    pub(crate) fn show(&self, new: Notification) {
        self.say(Word::Show(new));
    }

    /// Takes back what is shown of a conversation.
    pub(crate) fn take_back(&self, session: SessionId) {
        self.say(Word::TakeBack(session));
    }

    /// Takes everything back: nobody could answer any more.
    pub(crate) fn end(&self) {
        let (done, ended) = channel();
        self.say(Word::End(done));
        let _ = ended.recv_timeout(FAREWELL);
    }

    fn say(&self, word: Word) {
        // The thread ends only with the chat.
        let _ = self.words.send(word);
    }
}

struct Speaker {
    put: Box<dyn Fn(Input) + Send>,
    words: Sender<Word>,
    connection: Option<Connection>,
    shown: BTreeMap<SessionId, Id>,
    known: Vec<(Id, SessionId)>,
}

impl Speaker {
    fn run(mut self, words: &Receiver<Word>) {
        for first in words {
            if matches!(first, Word::Show(_)) {
                thread::sleep(SETTLE);
            }
            let mut wanted: BTreeMap<SessionId, Option<Notification>> = BTreeMap::new();
            for word in std::iter::once(first).chain(words.try_iter()) {
                match word {
                    Word::Show(new) => drop(wanted.insert(new.session, Some(new))),
                    Word::TakeBack(session) => drop(wanted.insert(session, None)),
                    Word::Heard(signal) => self.hear(signal),
                    Word::End(done) => {
                        let shown: Vec<SessionId> = self.shown.keys().copied().collect();
                        shown.into_iter().for_each(|session| self.take_back(session));
                        let _ = done.send(());
                        return;
                    }
                }
            }
            for (session, wanted) in wanted {
                match wanted {
                    Some(new) => self.show(&new),
                    None => self.take_back(session),
                }
            }
        }
    }

    fn show(&mut self, new: &Notification) {
        let result = self.try_to_show(new).map_err(|e| e.to_string());
        if result.is_err()
            && let Some(connection) = self.connection.take()
        {
            // The listener ends with it.
            let _ = connection.close();
        }
        (self.put)(Input::Desktop(result));
    }

    fn try_to_show(&mut self, new: &Notification) -> zbus::Result<()> {
        let connection = self.connection()?;
        let abilities = call(&connection, SERVER, "GetCapabilities", &())?;
        let server = sender(&abilities);
        let abilities: Vec<String> = abilities.body().deserialize()?;
        if !own(&connection, new.session, "RequestName")? {
            return Ok(());
        }
        let looks = Looks::of(new, &abilities);
        let before = self.shown.get(&new.session).filter(|id| id.server == server);
        let hints = HashMap::from([
            ("category", Value::from("im.received")),
            ("desktop-entry", Value::from("chalktalk-chat")),
            ("transient", Value::from(new.sealed)),
            ("urgency", Value::from(1u8)),
        ]);
        let body = (
            "Chalktalk",
            before.map_or(0, |id| id.number),
            "chalktalk",
            &looks.title,
            &looks.text,
            &looks.actions,
            hints,
            -1i32,
        );
        let number = call(&connection, SERVER, "Notify", &body)?.body().deserialize()?;
        let id = Id { server, number };
        self.known.retain(|(known, _)| *known != id);
        self.known.push((id.clone(), new.session));
        self.known.drain(..self.known.len().saturating_sub(KNOWN));
        self.shown.insert(new.session, id);
        Ok(())
    }

    /// It may be gone by now, or its server: both are well.
    fn take_back(&mut self, session: SessionId) {
        let Some(id) = self.shown.remove(&session) else { return };
        let Some(connection) = &self.connection else { return };
        let _ = call(connection, &id.server, "CloseNotification", &id.number);
        let _ = own(connection, session, "ReleaseName");
    }

    fn hear(&mut self, signal: Signal) {
        let Some((_, session)) = self.known.iter().find(|(id, _)| *id == signal.of) else { return };
        let session = *session;
        match signal.what {
            News::Action(key) => {
                if let Some(response) = response(&key) {
                    (self.put)(Input::Notified(session, response));
                }
            }
            News::Reply(text) => (self.put)(Input::Notified(session, Response::Reply(text))),
            News::Closed if self.shown.get(&session) == Some(&signal.of) => {
                self.shown.remove(&session);
                if let Some(connection) = &self.connection {
                    let _ = own(connection, session, "ReleaseName");
                }
            }
            News::Closed => {}
        }
    }

    /// The session's bus, with somebody who listens to what the server says.
    fn connection(&mut self) -> zbus::Result<Connection> {
        if let Some(connection) = &self.connection {
            return Ok(connection.clone());
        }
        let connection = Builder::session()?.method_timeout(PATIENCE).build()?;
        let rule = MatchRule::builder().msg_type(Type::Signal).sender(SERVER)?.interface(SERVER)?.build();
        let signals = MessageIterator::for_match_rule(rule, &connection, None)?;
        let words = self.words.clone();
        let listen = move || {
            for signal in signals.map_while(Result::ok).filter_map(|message| heard(&message)) {
                let _ = words.send(Word::Heard(signal));
            }
        };
        spawn("desktop", listen)?;
        self.connection = Some(connection.clone());
        Ok(connection)
    }
}

/// How a server shows a notification, with what it is able to.
#[derive(PartialEq, Eq, Debug)]
struct Looks {
    title: String,
    text: String,
    actions: Vec<String>,
}

/// What a click on the notification itself means, buttons, and a line to answer in.
const DEFAULT: &str = "default";
const OPEN: &str = "open";
const REPLY: &str = "inline-reply";
const COME: &str = "come";
const ACCEPT: &str = "accept";
const DECLINE: &str = "decline";

/// What the person means by a click.
fn response(key: &str) -> Option<Response> {
    Some(match key {
        DEFAULT | OPEN => Response::Open,
        COME => Response::Come,
        ACCEPT => Response::Accept,
        DECLINE => Response::Decline,
        _ => return None,
    })
}

impl Looks {
    fn of(new: &Notification, abilities: &[String]) -> Self {
        let able = |what: &str| abilities.iter().any(|ability| ability == what);
        let (mut title, mut text) = (new.title.clone(), new.text.clone());
        match (able("body"), able("body-markup")) {
            (false, _) => title = format!("{title}: {}", std::mem::take(&mut text)),
            (true, true) => text = escaped(&text),
            (true, false) => {}
        }
        let mut actions = Vec::new();
        if able("actions") {
            let mut add = |key: &str, label: String| actions.extend([key.to_owned(), label]);
            add(DEFAULT, t!("notify-open"));
            match new.about {
                About::Words | About::Place => {}
                About::Call => add(COME, t!("window-coming")),
                About::Invitation => {
                    add(ACCEPT, t!("notify-accept"));
                    add(DECLINE, t!("window-decline"));
                }
                About::Lacking => add(DECLINE, t!("window-decline")),
            }
            add(OPEN, t!("notify-open"));
            if able(REPLY) && matches!(new.about, About::Words | About::Call) {
                add(REPLY, t!("notify-reply"));
            }
        }
        Self { title, text, actions }
    }
}

/// A text in which nothing is markup.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

/// Asks the server, or the bus itself.
fn call<B>(connection: &Connection, whom: &str, what: &str, body: &B) -> zbus::Result<Message>
where
    B: serde::Serialize + DynamicType,
{
    let (place, interface) = if whom == BUS { ("/org/freedesktop/DBus", BUS) } else { (PLACE, SERVER) };
    connection.call_method(Some(whom), place, Some(interface), what, body)
}

/// Takes the conversation's name on the bus, or gives it back; false: another face has it.
fn own(connection: &Connection, session: SessionId, what: &str) -> zbus::Result<bool> {
    const DO_NOT_QUEUE: u32 = 4;
    const EXISTS: u32 = 3;
    let name = format!("org.chalktalk.Chat.c{}", session.to_string().replace('-', ""));
    let answer = match what {
        "RequestName" => call(connection, BUS, what, &(&name, DO_NOT_QUEUE))?,
        _ => call(connection, BUS, what, &name)?,
    };
    Ok(answer.body().deserialize::<u32>()? != EXISTS)
}

fn sender(message: &Message) -> String {
    message.header().sender().map(ToString::to_string).unwrap_or_default()
}

/// What a signal of the server means.
fn heard(message: &Message) -> Option<Signal> {
    let (header, body) = (message.header(), message.body());
    let (number, what) = match header.member()?.as_str() {
        "ActionInvoked" => body.deserialize().map(|(number, key)| (number, News::Action(key))).ok()?,
        "NotificationReplied" => body.deserialize().map(|(number, text)| (number, News::Reply(text))).ok()?,
        "NotificationClosed" => {
            let (number, _reason): (u32, u32) = body.deserialize().ok()?;
            (number, News::Closed)
        }
        _ => return None,
    };
    Some(Signal { of: Id { server: sender(message), number }, what })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn servers_are_asked_for_no_more_than_they_are_able_to() {
        let new = Notification {
            session: SessionId([1; 16]),
            about: About::Words,
            title: "ben in #lobby".into(),
            text: "1 < 2 && <b>x</b>".into(),
            sealed: false,
        };
        let looks = |abilities: &[&str]| {
            let abilities: Vec<String> = abilities.iter().map(|one| (*one).to_owned()).collect();
            let looks = Looks::of(&new, &abilities);
            (looks.title, looks.text, looks.actions.join(" "))
        };
        let plain = ("ben in #lobby".to_owned(), new.text.clone());
        let open = "default Open open Open";
        assert_eq!(looks(&["body"]), (plain.0.clone(), plain.1.clone(), String::new()));
        assert_eq!(looks(&["body", "actions"]), (plain.0.clone(), plain.1, open.into()));
        let all = looks(&["body", "body-markup", "actions", "inline-reply"]);
        let safe = "1 &lt; 2 &amp;&amp; &lt;b&gt;x&lt;/b&gt;";
        assert_eq!(all, (plain.0, safe.into(), format!("{open} inline-reply Reply")));
        assert_eq!(looks(&[]).0, "ben in #lobby: 1 < 2 && <b>x</b>");
    }

    #[test]
    fn what_can_be_done_fits_what_is_shown_and_every_button_means_something() {
        let buttons = |about| {
            let (title, text) = ("ben".to_owned(), "#plans".to_owned());
            let new = Notification { session: SessionId([1; 16]), about, title, text, sealed: true };
            let actions = Looks::of(&new, &["actions".to_owned(), REPLY.to_owned()]).actions;
            let keys: Vec<String> = actions.into_iter().step_by(2).filter(|key| key != REPLY).collect();
            keys.iter().map(|key| response(key).unwrap()).collect::<Vec<_>>()
        };
        use Response::{Accept, Come, Decline, Open};
        assert_eq!(buttons(About::Words), [Open, Open]);
        assert_eq!(buttons(About::Place), [Open, Open]);
        assert_eq!(buttons(About::Call), [Open, Come, Open]);
        assert_eq!(buttons(About::Invitation), [Open, Accept, Decline, Open]);
        assert_eq!(buttons(About::Lacking), [Open, Decline, Open]);
        assert_eq!(response("rubbish"), None);
    }
}
