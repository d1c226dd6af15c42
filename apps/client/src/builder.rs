//! How a client is set up.

use crate::{
    client::Client,
    error::ClientError,
    events::{Events, OnEvent},
};
use chalktalk_ipc::{
    AppId, InstanceId,
    request::{RegisteredApp, Role},
};
use std::{env, fmt, path::PathBuf};

/// The environment variable in which a launched program finds its one-use token.
pub const TOKEN_ENV: &str = "CHALKTALK_TOKEN";

/// How much may wait to be read by the app before the library stops reading the socket, unless the app says
/// otherwise: a few of the largest frames, so that one is at hand while the next arrives.
const EVENT_LIMIT: usize = 1 << 20;

/// What becomes of the connection once it is greeted.
#[derive(Clone, Debug)]
pub(crate) enum Part {
    /// An instance of an app.
    Instance { role: Role, token: Option<String>, instance: Option<InstanceId> },
    /// The user's agent.
    Agent { display: bool, apps: Vec<RegisteredApp> },
    /// Nobody: asks for facts only.
    Visitor,
}

/// Sets up a [`Client`].
pub struct Builder {
    pub(crate) app: AppId,
    pub(crate) name: String,
    pub(crate) socket: Option<PathBuf>,
    pub(crate) part: Part,
    pub(crate) event_limit: usize,
    pub(crate) on_event: Option<OnEvent>,
}

impl Builder {
    pub(crate) fn new(app: AppId) -> Self {
        Self {
            name: app.to_string(),
            app,
            socket: None,
            part: Part::Instance { role: Role::App, token: None, instance: None },
            event_limit: EVENT_LIMIT,
            on_event: None,
        }
    }

    /// Name and version of the program, for the daemon's logs.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = name.into();
        self
    }

    /// How the instance takes part. [`Role::App`] if this is not called; command lines are [`Role::Observer`].
    pub fn role(mut self, new: Role) -> Self {
        if let Part::Instance { role, .. } = &mut self.part {
            *role = new;
        }
        self
    }

    /// The one-use token with which the agent launched this process.
    pub fn token(mut self, new: Option<String>) -> Self {
        if let Part::Instance { token, .. } = &mut self.part {
            *token = new;
        }
        self
    }

    /// The token from the environment, if this process was launched by the agent.
    pub fn token_from_env(self) -> Self {
        self.token(env::var(TOKEN_ENV).ok().filter(|token| !token.is_empty()))
    }

    /// Go on as an instance that an earlier connection of this process had.
    pub fn instance(mut self, new: InstanceId) -> Self {
        if let Part::Instance { instance, .. } = &mut self.part {
            *instance = Some(new);
        }
        self
    }

    /// Be the user's agent instead of an instance of an app: events of [`chalktalk_ipc::Event::Launch`] arrive. The registry is
    /// handed over again after each reconnect.
    pub fn agent(mut self, display: bool, apps: Vec<RegisteredApp>) -> Self {
        self.part = Part::Agent { display, apps };
        self
    }

    /// Do not become an instance: for programs that only ask for facts. Sessions cannot be opened then.
    pub fn visitor(mut self) -> Self {
        self.part = Part::Visitor;
        self
    }

    /// The daemon's socket, instead of the usual places.
    pub fn socket(mut self, path: impl Into<PathBuf>) -> Self {
        self.socket = Some(path.into());
        self
    }

    /// How many bytes may wait to be read by the app before the library stops reading the socket (1 MiB if this
    /// is not called).
    pub fn event_limit(mut self, bytes: usize) -> Self {
        self.event_limit = bytes.max(1);
        self
    }

    /// Called after each event that was put into the queue, on the library's thread: to wake an app that has a
    /// loop of its own (write to its pipe, request a repaint). It must be quick and must not call the client.
    pub fn on_event(mut self, call: impl Fn() + Send + Sync + 'static) -> Self {
        self.on_event = Some(Box::new(call));
        self
    }

    /// Connects, says hello and attaches.
    ///
    /// # Errors
    /// [`ClientError::NoDaemon`], [`ClientError::Untrusted`], [`ClientError::Refused`] (also for another version of
    /// the local protocol), [`ClientError::TimedOut`], [`ClientError::Protocol`], [`ClientError::Io`].
    pub fn connect(self) -> Result<(Client, Events), ClientError> {
        Client::start(self)
    }
}

impl fmt::Debug for Builder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Builder").field("app", &self.app).field("part", &self.part).finish_non_exhaustive()
    }
}
