//! The way to the daemon, and from what people type to the session they mean.

use crate::failure::{Failure, complain};
use chalktalk_client::{Client, ClientEvent, Events};
use chalktalk_ipc::{
    AppId, SessionId, Target,
    event::{Scope, SessionSummary},
    request::{Role, SessionKind},
    text::printable,
};
use std::{path::Path, sync::mpsc::RecvTimeoutError, time::Duration};
use unicode_normalization::UnicodeNormalization;

/// A client and what it is told.
pub(crate) struct Connection {
    pub(crate) client: Client,
    pub(crate) events: Events,
}

impl Connection {
    /// To ask for facts: takes part in nothing.
    pub(crate) fn visitor(socket: Option<&Path>) -> Result<Self, Failure> {
        Self::make(socket, AppId::chat(), true)
    }

    /// To read and write an app's sessions as a command line: launches nothing, moves no position.
    pub(crate) fn observer(socket: Option<&Path>, app: AppId) -> Result<Self, Failure> {
        Self::make(socket, app, false)
    }

    fn make(socket: Option<&Path>, app: AppId, visitor: bool) -> Result<Self, Failure> {
        let mut builder = Client::builder(app).name(concat!("chalktalk ", env!("CARGO_PKG_VERSION")));
        builder = if visitor { builder.visitor() } else { builder.role(Role::Observer) };
        if let Some(path) = socket {
            builder = builder.socket(path);
        }
        let (client, events) = builder.connect()?;
        Ok(Self { client, events })
    }

    /// Waits for the next event. That the daemon goes and comes is said on standard error.
    pub(crate) fn next_event(&self) -> Result<ClientEvent, Failure> {
        Ok(told(self.events.recv().map_err(|_| ended())?))
    }

    /// Waits for the next event, but not for ever. Nothing: none has come.
    pub(crate) fn next_event_within(&self, limit: Duration) -> Result<Option<ClientEvent>, Failure> {
        match self.events.recv_timeout(limit) {
            Ok(event) => Ok(Some(told(event))),
            Err(RecvTimeoutError::Timeout) => Ok(None),
            Err(RecvTimeoutError::Disconnected) => Err(ended()),
        }
    }

    /// The session meant, to write to or to follow: a room is entered, and created where it does not exist.
    pub(crate) fn enter(&self, target: &Target, app: &AppId) -> Result<SessionSummary, Failure> {
        Ok(self.client.join(&target.to_string(), app, SessionKind::Kept, true)?)
    }

    /// The session meant, to look at: a room that nobody has made is not made by looking.
    pub(crate) fn look_up(&self, target: &Target, app: &AppId) -> Result<SessionId, Failure> {
        match target {
            Target::Session(id) => Ok(*id),
            Target::User(_) => self.enter(target, app).map(|session| session.session),
            Target::Room(_) => find_room(&self.client.sessions()?, target, app),
        }
    }
}

fn ended() -> Failure {
    Failure::Failed("the daemon ended this connection; try again".into())
}

fn told(event: ClientEvent) -> ClientEvent {
    match &event {
        ClientEvent::Disconnected { reason } => {
            complain(format_args!("the daemon is away ({}); waiting for it", printable(reason)));
        }
        ClientEvent::Reconnected => complain("the daemon is back"),
        _ => {}
    }
    event
}

fn find_room(sessions: &[SessionSummary], target: &Target, app: &AppId) -> Result<SessionId, Failure> {
    let wanted = normalised(&target.to_string());
    let found = sessions.iter().filter(|s| s.app == *app && s.scope != Scope::Direct);
    let found: Vec<&SessionSummary> = found.filter(|s| normalised(&s.title) == wanted).collect();
    let joined: Vec<String> = found.iter().filter(|s| s.joined).map(|s| s.session.to_string()).collect();
    if joined.len() > 1 {
        let message =
            format!("you are in several rooms called {target}: name one by its id: {}", joined.join(", "));
        return Err(Failure::Refused(message));
    }
    match found.into_iter().max_by_key(|s| s.joined) {
        Some(session) if session.joined => Ok(session.session),
        Some(_) => Err(Failure::Refused(format!(
            "you have not joined {target}; join it with `chalktalk room join '{target}'`"
        ))),
        None => Err(Failure::Failed(format!(
            "no room {target} is known here; `chalktalk sessions` shows those that are, `chalktalk room create '{target}'` makes it"
        ))),
    }
}

/// The same name is the same room everywhere, however it is typed.
fn normalised(title: &str) -> String {
    title.nfc().collect::<String>().to_lowercase().nfc().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn room(title: &str, joined: bool, n: u8) -> SessionSummary {
        SessionSummary {
            session: SessionId([n; 16]),
            app: AppId::chat(),
            title: title.into(),
            scope: Scope::Open,
            kind: SessionKind::Kept,
            parent: None,
            sealed: false,
            members: vec![],
            joined,
            waits: false,
            creator: None,
            entries: 0,
        }
    }

    fn find(sessions: &[SessionSummary], title: &str) -> Result<SessionId, Failure> {
        find_room(sessions, &title.parse().unwrap(), &AppId::chat())
    }

    #[test]
    fn a_room_is_found_however_its_name_is_typed() {
        let rooms = [room("#Café", true, 1), room("#ops", true, 2)];
        assert_eq!(find(&rooms, "#cafe\u{301}").unwrap(), SessionId([1; 16]));
        assert_eq!(find(&rooms, "#OPS").unwrap(), SessionId([2; 16]));
    }

    #[test]
    fn looking_at_what_is_not_there_says_what_to_do() {
        let rooms = [room("#ops", false, 1), SessionSummary { scope: Scope::Direct, ..room("#dm", true, 2) }];
        let refused = find(&rooms, "#ops").unwrap_err();
        assert!(
            matches!(&refused, Failure::Refused(text) if text.contains("room join '#ops'")),
            "{refused:?}"
        );
        assert!(matches!(find(&rooms, "#typo"), Err(Failure::Failed(text)) if text.contains("room create")));
        assert!(find(&rooms, "#dm").is_err(), "a conversation is no room");
        let both = [room("#ops", true, 1), room("#ops", true, 2)];
        let refused = find(&both, "#ops").unwrap_err();
        let ids = [1, 2].map(|n| SessionId([n; 16]).to_string());
        assert!(
            matches!(&refused, Failure::Refused(text) if ids.iter().all(|id| text.contains(id))),
            "{refused:?}"
        );
    }
}
