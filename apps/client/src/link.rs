//! Making a connection: finding the daemon, saying hello, and becoming an instance again.
//!
//! Invariant: a [`Link`] is greeted and attached; nothing of it is half done.

use crate::{
    builder::{Builder, Part},
    client::Welcome,
    error::ClientError,
};
use chalktalk_ipc::{
    Answer, AppId, Call, Down, Event, FrameBuf, FrameKind, InstanceId, PROTOCOL, Refusal, RefusalCode,
    Request, codec::put_control, event::SessionSummary, socket,
};
use interprocess::local_socket::{Stream, prelude::*};
use std::{
    io::{self, ErrorKind, Read, Write},
    path::PathBuf,
    sync::Arc,
    time::{Duration, Instant},
};

/// How long a daemon may take for the greeting: it answers from memory, so that only a stopped one takes longer.
const HANDSHAKE_LIMIT: Duration = Duration::from_secs(5);

/// How to connect, each time.
#[derive(Debug)]
pub(crate) struct Dialer {
    app: AppId,
    name: String,
    socket: Option<PathBuf>,
    part: Part,
}

/// A connection that is greeted and attached.
#[derive(Debug)]
pub(crate) struct Link {
    pub(crate) stream: Arc<Stream>,
    /// What has arrived behind the greeting.
    pub(crate) received: FrameBuf,
    /// Events that arrived during it.
    pub(crate) events: Vec<Event>,
    pub(crate) welcome: Welcome,
    pub(crate) instance: InstanceId,
    pub(crate) launched_for: Option<SessionSummary>,
}

impl Dialer {
    pub(crate) fn new(builder: &Builder) -> Self {
        let Builder { app, name, socket, part, .. } = builder;
        Self { app: app.clone(), name: name.clone(), socket: socket.clone(), part: part.clone() }
    }

    /// Connects, says hello and attaches.
    pub(crate) fn dial(&self) -> Result<Link, ClientError> {
        let stream = self.connect()?;
        stream.set_recv_timeout(Some(HANDSHAKE_LIMIT))?;
        stream.set_send_timeout(Some(HANDSHAKE_LIMIT))?;
        let mut greeting = Greeting {
            stream,
            received: FrameBuf::default(),
            events: Vec::new(),
            until: Instant::now() + HANDSHAKE_LIMIT,
        };
        let welcome = greeting.hello(&self.name)?;
        let (instance, launched_for) = greeting.attach(self.attach_request())?;
        let Greeting { stream, received, events, .. } = greeting;
        stream.set_nonblocking(true)?;
        Ok(Link { stream: Arc::new(stream), received, events, welcome, instance, launched_for })
    }

    /// From now on connections go on as this instance; a token works once.
    pub(crate) fn go_on_as(&mut self, instance: InstanceId) {
        if let Part::Instance { token, instance: ours, .. } = &mut self.part {
            *token = None;
            *ours = Some(instance);
        }
    }

    fn connect(&self) -> Result<Stream, ClientError> {
        let attempt = match &self.socket {
            Some(path) => socket::connect_to(path),
            None => socket::connect().map(|(_, stream)| stream),
        };
        attempt.map_err(|e| match e.kind() {
            ErrorKind::NotFound | ErrorKind::ConnectionRefused => {
                ClientError::NoDaemon { tried: self.tried() }
            }
            ErrorKind::PermissionDenied => ClientError::Untrusted(e.to_string()),
            _ => e.into(),
        })
    }

    /// The sockets that are tried, for people.
    pub(crate) fn tried(&self) -> String {
        let tried = self.socket.clone().map_or_else(socket::candidates, |path| vec![path]);
        tried.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(" or ")
    }

    fn attach_request(&self) -> Option<Request> {
        match self.part.clone() {
            Part::Instance { role, token, instance } => {
                Some(Request::Attach { instance, app: self.app.clone(), role, token })
            }
            Part::Agent { display, apps } => Some(Request::AttachAgent { display, apps }),
            Part::Visitor => None,
        }
    }
}

/// A connection that is being greeted: a blocking stream with time limits.
struct Greeting {
    stream: Stream,
    received: FrameBuf,
    events: Vec<Event>,
    until: Instant,
}

impl Greeting {
    fn hello(&mut self, name: &str) -> Result<Welcome, ClientError> {
        match self.ask(Request::Hello { protocol: PROTOCOL, client: name.into() })? {
            Answer::Welcome { protocol: PROTOCOL, daemon, host_id, host, user, name } => {
                Ok(Welcome { host_id, host, user, name, daemon })
            }
            Answer::Welcome { protocol, daemon, .. } => {
                let text = format!(
                    "{daemon} speaks version {protocol} of the local protocol, this program version {PROTOCOL}; install the same version of both"
                );
                Err(Refusal::new(RefusalCode::Version, text).into())
            }
            other => Err(unexpected(&other)),
        }
    }

    fn attach(
        &mut self,
        request: Option<Request>,
    ) -> Result<(InstanceId, Option<SessionSummary>), ClientError> {
        match request.map(|request| self.ask(request)).transpose()? {
            Some(Answer::Attached { instance, session }) => Ok((instance, session)),
            None | Some(Answer::Done) => Ok((InstanceId::NIL, None)),
            Some(other) => Err(unexpected(&other)),
        }
    }

    fn ask(&mut self, request: Request) -> Result<Answer, ClientError> {
        let mut bytes = Vec::new();
        put_control(&mut bytes, &Call { id: 1, request });
        self.stream.write_all(&bytes).map_err(broken)?;
        loop {
            while let Some(frame) =
                self.received.next_frame().map_err(|e| ClientError::Protocol(e.to_string()))?
            {
                if frame.kind != FrameKind::Control {
                    return Err(ClientError::Protocol("messages before the greeting was over".into()));
                }
                match frame.control().map_err(|e| ClientError::Protocol(e.to_string()))? {
                    Down::Reply { body, .. } => return Ok(body?),
                    Down::Event(Event::Detached { session: None, reason }) => {
                        return Err(Refusal::new(RefusalCode::NotAllowed, reason).into());
                    }
                    Down::Event(event) => self.events.push(event),
                }
            }
            if Instant::now() >= self.until {
                return Err(ClientError::TimedOut("greeting"));
            }
            match self.stream.read(self.received.spare(4096)) {
                Ok(0) => {
                    return Err(ClientError::Protocol("it closed the connection during the greeting".into()));
                }
                Ok(n) => self.received.filled(n),
                Err(e) if e.kind() == ErrorKind::Interrupted => {}
                Err(e) => return Err(broken(e)),
            }
        }
    }
}

fn broken(e: io::Error) -> ClientError {
    match e.kind() {
        ErrorKind::WouldBlock | ErrorKind::TimedOut => ClientError::TimedOut("greeting"),
        _ => ClientError::Protocol(format!("the connection broke during the greeting: {e}")),
    }
}

fn unexpected(answer: &Answer) -> ClientError {
    let text = format!("{answer:?}").chars().take(60).collect::<String>();
    ClientError::Protocol(format!("unexpected answer {text}"))
}
