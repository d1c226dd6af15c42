//! The real headless chat against a scripted daemon: what it asks for, when it acknowledges, and what a crash leaves.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use chalktalk_ipc::{
    Answer, AppId, Call, Down, Event, FrameBuf, FrameKind, HostId, InstanceId, OriginId, Position, Request,
    SessionId, UserId,
    batch::{DeliverFlags, DeliverHead, Incoming, put_incoming},
    codec::{put_control, put_frame},
    event::{Scope, SessionSummary},
    request::{From, SessionKind},
};
use std::{
    fs,
    io::{Read, Write},
    os::unix::net::{UnixListener, UnixStream},
    path::PathBuf,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

const LOBBY: SessionId = SessionId([1; 16]);

struct Lab {
    dir: tempfile::TempDir,
    listener: UnixListener,
}

struct Daemon {
    stream: UnixStream,
    buf: FrameBuf,
    /// Calls that were answered and are not yet looked at.
    calls: Vec<Request>,
}

/// Ends the chat with the test.
struct Process(Child);

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Lab {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let listener = UnixListener::bind(dir.path().join("socket")).unwrap();
        Self { dir, listener }
    }

    fn transcript(&self) -> PathBuf {
        self.dir.path().join("state/t.jsonl")
    }

    fn texts(&self) -> Vec<String> {
        let file = fs::read_to_string(self.transcript()).unwrap();
        let text = |line: &str| {
            let line: serde_json::Value = serde_json::from_str(line).unwrap();
            line["text"].as_str().unwrap().to_owned()
        };
        file.lines().map(text).collect()
    }

    /// Starts a chat and serves it until it has opened the lobby; returns where it wants to start reading.
    fn start(&self, environment: &[(&str, &str)]) -> (Process, Daemon, From) {
        let chat = Command::new(env!("CARGO_BIN_EXE_chalktalk-chat"))
            .args(["--headless", "--transcript"])
            .arg(self.transcript())
            .env_clear()
            .env("CHALKTALK_SOCKET", self.dir.path().join("socket"))
            .envs(environment.iter().copied())
            .stdin(Stdio::null())
            .spawn()
            .unwrap();
        let (stream, _) = self.listener.accept().unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        let mut daemon = Daemon { stream, buf: FrameBuf::default(), calls: Vec::new() };
        let from = daemon.until(|request| match request {
            Request::Open { session, from } if *session == LOBBY => Some(from.clone()),
            _ => None,
        });
        (Process(chat), daemon, from)
    }
}

fn summary(session: SessionId, title: &str, scope: Scope) -> SessionSummary {
    SessionSummary {
        session,
        app: AppId::chat(),
        title: title.into(),
        scope,
        kind: SessionKind::Kept,
        parent: None,
        sealed: false,
        members: vec![],
        joined: true,
        waits: false,
        creator: None,
        entries: 0,
    }
}

impl Daemon {
    /// Answers calls until one is looked for.
    fn until<T>(&mut self, mut wanted: impl FnMut(&Request) -> Option<T>) -> T {
        loop {
            while let Some(frame) = self.buf.next_frame().unwrap() {
                assert_eq!(frame.kind, FrameKind::Control, "a headless chat publishes nothing");
                let Call { id, request } = frame.control().unwrap();
                if id != 0 {
                    let body = Ok(answer(&request));
                    let mut out = Vec::new();
                    put_control(&mut out, &Down::Reply { id, body });
                    self.stream.write_all(&out).unwrap();
                }
                let found = wanted(&request);
                self.calls.push(request);
                if let Some(found) = found {
                    return found;
                }
            }
            let n = self.stream.read(self.buf.spare(4096)).expect("the chat spoke in time");
            assert!(n > 0, "the chat closed the connection");
            self.buf.filled(n);
        }
    }

    fn send(&mut self, event: Event) {
        let mut out = Vec::new();
        put_control(&mut out, &Down::Event(event));
        self.stream.write_all(&out).unwrap();
    }

    fn deliver(&mut self, texts: &[(u64, &str)]) {
        let head = DeliverHead {
            session: LOBBY,
            origin: OriginId([2; 16]),
            user: UserId([2; 32]),
            instance: InstanceId([2; 16]),
            epoch: 1,
            flags: DeliverFlags::default(),
        };
        let mut out = Vec::new();
        put_frame(&mut out, FrameKind::Deliver, |out| {
            head.put(out);
            for (seq, text) in texts {
                let payload = text.as_bytes();
                let message = Incoming {
                    seq: *seq,
                    index: 0,
                    stamp: *seq,
                    time: 1_732_225_860_000,
                    urgent: false,
                    mentions_you: false,
                    payload,
                };
                put_incoming(out, &message);
            }
        });
        self.stream.write_all(&out).unwrap();
    }

    fn acknowledged(&mut self) -> Vec<Position> {
        self.until(|request| match request {
            Request::Ack { session, positions } if *session == LOBBY => Some(positions.clone()),
            _ => None,
        })
    }
}

fn answer(request: &Request) -> Answer {
    let lobby = || summary(LOBBY, "#lobby", Scope::Open);
    match request {
        Request::Hello { protocol, .. } => Answer::Welcome {
            protocol: *protocol,
            daemon: "scripted".into(),
            host_id: HostId([1; 16]),
            host: "here".into(),
            user: UserId([1; 32]),
            name: "ana".into(),
        },
        Request::Attach { .. } => Answer::Attached { instance: InstanceId([1; 16]), session: None },
        Request::Join { .. } => Answer::Session(lobby()),
        Request::Open { session, .. } => Answer::Opened {
            session: summary(*session, "#lobby", Scope::Open),
            start: vec![],
            begins: vec![],
            last_number: 0,
            granted: 1 << 20,
            members: vec![],
        },
        _ => Answer::Done,
    }
}

fn position(seq: u64) -> Position {
    Position { origin: OriginId([2; 16]), epoch: 1, seq, index: 0 }
}

#[test]
fn what_is_acknowledged_is_on_disk_and_a_killed_chat_shows_nothing_twice() {
    let lab = Lab::new();
    let (mut chat, mut daemon, from) = lab.start(&[]);
    assert_eq!(from, From::At(vec![]));
    daemon.deliver(&[(1, "one"), (2, "two")]);
    while daemon.acknowledged() != [position(2)] {}
    assert_eq!(lab.texts(), ["one", "two"]);
    chat.0.kill().unwrap();
    chat.0.wait().unwrap();
    drop(daemon);
    let mut file = fs::OpenOptions::new().append(true).open(lab.transcript()).unwrap();
    file.write_all(b"{\"session\":\"torn").unwrap();

    let (_chat, mut daemon, from) = lab.start(&[]);
    assert_eq!(from, From::At(vec![position(2)]));
    daemon.deliver(&[(2, "two"), (3, "three")]);
    while daemon.acknowledged() != [position(3)] {}
    assert_eq!(lab.texts(), ["one", "two", "three"]);
}

#[test]
fn a_launched_chat_goes_on_where_the_user_stopped() {
    let lab = Lab::new();
    let session = LOBBY.to_string();
    let (_chat, daemon, from) =
        lab.start(&[("CHALKTALK_SESSION", session.as_str()), ("CHALKTALK_TOKEN", "once")]);
    assert_eq!(from, From::Saved);
    let token = daemon.calls.iter().find_map(|call| match call {
        Request::Attach { token, .. } => token.clone(),
        _ => None,
    });
    assert_eq!(token.as_deref(), Some("once"));
    let joined = |call: &Request| matches!(call, Request::Join { target, .. } if *target == session);
    assert!(daemon.calls.iter().any(joined));
}

#[test]
fn rooms_that_are_offered_are_opened_and_direct_sessions_are_refused() {
    let lab = Lab::new();
    let (_chat, mut daemon, _) = lab.start(&[]);
    let (garden, ben) = (SessionId([5; 16]), SessionId([6; 16]));
    daemon.send(Event::Offer { session: summary(garden, "#garden", Scope::Open) });
    daemon.send(Event::Offer { session: summary(ben, "@ben", Scope::Direct) });
    let mut opened = false;
    daemon.until(|request| match request {
        Request::Open { session, from } if *session == garden => {
            assert_eq!(*from, From::Saved);
            opened = true;
            None
        }
        Request::AnswerOffer { session, accept } if *session == garden => {
            assert!(accept);
            None
        }
        Request::AnswerOffer { session, accept } if *session == ben => {
            assert!(!accept);
            Some(())
        }
        _ => None,
    });
    assert!(opened);
}

#[test]
fn a_thousand_batches_are_kept_with_few_syncs_and_sigterm_ends_it_well() {
    let lab = Lab::new();
    let (mut chat, mut daemon, _) = lab.start(&[]);
    let begin = Instant::now();
    for batch in 0..1000u64 {
        let texts: Vec<(u64, &str)> =
            (1..=20).map(|n| (batch * 20 + n, "a message of ordinary length")).collect();
        daemon.deliver(&texts);
    }
    while daemon.acknowledged() != [position(20_000)] {}
    assert!(begin.elapsed() < Duration::from_secs(10), "{:?} for 20,000 messages", begin.elapsed());
    assert_eq!(lab.texts().len(), 20_000);
    let pid = rustix::process::Pid::from_child(&chat.0);
    rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
    assert!(chat.0.wait().unwrap().success());
    assert_eq!(lab.texts().len(), 20_000);
}
