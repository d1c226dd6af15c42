//! Which session a chat is opened for, and which it takes besides.

use chalktalk_client::{Client, ClientError};
use chalktalk_ipc::{
    AppId, SessionId,
    event::{Scope, SessionSummary},
    request::SessionKind,
};

/// What the chat was opened for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Opening {
    /// The agent launched it for this session.
    Launched(SessionId),
    /// A person named a target: `#room`, `@user` or a session GUID.
    Target(String),
}

/// Where people meet who name no other place.
pub const LOBBY: &str = "#lobby";

impl Opening {
    /// From the environment that the agent gives (`CHALKTALK_SESSION`) and the command line, which wins.
    pub fn new(target: Option<String>, launched: Option<SessionId>) -> Self {
        match (target, launched) {
            (Some(target), _) => Self::Target(target),
            (None, Some(session)) => Self::Launched(session),
            (None, None) => Self::Target(LOBBY.into()),
        }
    }

    /// Whether the agent opened the chat.
    pub fn launched(&self) -> bool {
        matches!(self, Self::Launched(_))
    }
}

/// Enters the session that the chat was opened for.
pub fn enter(client: &Client, opening: &Opening) -> Result<SessionSummary, ClientError> {
    match opening {
        Opening::Launched(session) => match client.launched_for() {
            Some(summary) if summary.session == *session => Ok(summary),
            _ => join(client, &session.to_string()),
        },
        Opening::Target(target) => join(client, target),
    }
}

/// The session that a target names, to look at: a room that nobody has made is not made by looking.
///
/// # Errors
/// The user is in no such session.
pub fn look_up(client: &Client, target: &str) -> Result<SessionSummary, ClientError> {
    let named = client.membership(target, &AppId::chat())?;
    Ok(named.session)
}

/// Enters a session by its target.
pub fn join(client: &Client, target: &str) -> Result<SessionSummary, ClientError> {
    client.join(target, &AppId::chat(), SessionKind::Kept, true)
}

/// Whether a chat accepts an offer; `direct`: it was opened for a direct session, which is its own.
pub fn takes(direct: bool, offer: &SessionSummary) -> bool {
    !direct && offer.scope != Scope::Direct && offer.app == AppId::chat()
}
