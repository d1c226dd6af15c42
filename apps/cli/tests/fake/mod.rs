//! A daemon that plays a part: it answers over a real socket as it was told to, and remembers what it was asked.

use chalktalk_ipc::{
    Answer, AppId, Call, Down, Event, FrameBuf, FrameKind, HostId, InstanceId, OriginId, Refusal,
    RefusalCode, Request, SessionId, UserId,
    batch::{DeliverFlags, DeliverHead, Incoming, put_incoming, read_publish},
    codec::{put_control, put_frame},
    event::{Health, InstanceSummary, Person, Scope, SessionSummary, Status},
    request::{Availability, From, Mark, SessionKind, Topic},
};
use std::{
    fs,
    io::{Read, Write},
    net::Shutdown,
    os::unix::net::{UnixListener, UnixStream},
    path::PathBuf,
    sync::{Arc, Mutex},
    thread,
};

/// How the daemon behaves.
#[derive(Clone)]
pub(crate) struct Part {
    /// What becomes of a message that was published.
    pub(crate) fate: Fate,
    /// The kind that every session has.
    pub(crate) kind: SessionKind,
    /// What others are called.
    pub(crate) name: String,
    /// Messages of the past, which `open` from the start delivers too.
    pub(crate) past: Vec<Vec<u8>>,
    /// Bytes that may be published at a time.
    pub(crate) credit: u64,
    /// How many connections break once they have opened a session, or before they are told of health.
    pub(crate) breaks: usize,
}

/// What becomes of a message that was published.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    /// It is stored at once, and nobody else is there.
    Stored,
    /// Nothing is ever heard of it.
    Silence,
    /// It is stored, and another host says that the app is missing.
    NoApp,
}

impl Default for Part {
    fn default() -> Self {
        Self {
            fate: Fate::Stored,
            kind: SessionKind::Kept,
            name: "ana".into(),
            past: vec![],
            credit: 1 << 20,
            breaks: 0,
        }
    }
}

/// Payloads published, in order.
type Published = Arc<Mutex<Vec<Vec<u8>>>>;

/// A running fake. It ends with the test's process.
pub(crate) struct Fake {
    _dir: tempfile::TempDir,
    /// Where it listens.
    pub(crate) socket: PathBuf,
    published: Published,
}

impl Fake {
    /// Starts to play.
    pub(crate) fn start(part: Part) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let socket = dir.path().join("chalktalkd.sock");
        let listener = UnixListener::bind(&socket).unwrap();
        let published = Published::default();
        let ours = published.clone();
        thread::spawn(move || {
            let mut breaks = part.breaks;
            for stream in listener.incoming() {
                let scene = Scene {
                    stream: stream.unwrap(),
                    part: part.clone(),
                    published: ours.clone(),
                    opened: false,
                    number: 0,
                    granted: 0,
                    used: 0,
                    breaks: breaks > 0,
                    watched: false,
                };
                breaks = breaks.saturating_sub(1);
                thread::spawn(move || scene.play());
            }
        });
        Self { _dir: dir, socket, published }
    }

    /// What was published so far.
    pub(crate) fn published(&self) -> Vec<Vec<u8>> {
        self.published.lock().unwrap().clone()
    }
}

/// The session everything happens in.
const SESSION: SessionId = SessionId([0x5e; 16]);

struct Scene {
    stream: UnixStream,
    part: Part,
    published: Published,
    opened: bool,
    number: u64,
    granted: u64,
    used: u64,
    breaks: bool,
    watched: bool,
}

impl Scene {
    fn play(mut self) {
        let mut buf = FrameBuf::default();
        let mut bytes = vec![0; 1 << 16];
        loop {
            let Ok(n @ 1..) = self.stream.read(&mut bytes) else { return };
            buf.extend(&bytes[..n]);
            let mut out = Vec::new();
            while let Some(frame) = buf.next_frame().unwrap() {
                match frame.kind {
                    FrameKind::Control => self.on_call(frame.control().unwrap(), &mut out),
                    FrameKind::Publish => self.on_publish(frame.body, &mut out),
                    FrameKind::Deliver => panic!("a client delivers nothing"),
                }
            }
            if self.stream.write_all(&out).is_err() || (self.breaks && self.opened) {
                return;
            }
        }
    }

    fn on_call(&mut self, call: Call, out: &mut Vec<u8>) {
        let mut events = Vec::new();
        let body = self.answer(call.request, out, &mut events);
        put_control(out, &Down::Reply { id: call.id, body });
        out.extend(events);
    }

    fn answer(
        &mut self,
        request: Request,
        before: &mut Vec<u8>,
        after: &mut Vec<u8>,
    ) -> Result<Answer, Refusal> {
        let user = UserId([1; 32]);
        Ok(match request {
            Request::Hello { protocol, .. } => Answer::Welcome {
                protocol,
                daemon: "fake 1".into(),
                host_id: HostId([1; 16]),
                host: "here".into(),
                user,
                name: "me".into(),
            },
            Request::Attach { .. } => Answer::Attached { instance: InstanceId([7; 16]), session: None },
            Request::Join { target, .. } if target == "@nobody" => {
                return Err(Refusal::new(
                    RefusalCode::Unknown,
                    "no user nobody is known; see `chalktalk who`",
                ));
            }
            Request::Join { .. } => Answer::Session(self.session()),
            Request::Open { from, .. } => {
                self.opened = true;
                match from {
                    From::Now => {}
                    From::At(positions) => {
                        self.deliver(positions.iter().map(|p| p.seq).max().unwrap_or(0), false, after)
                    }
                    From::Start | From::Saved => self.deliver(0, false, after),
                }
                self.granted = self.part.credit;
                Answer::Opened {
                    session: self.session(),
                    last_number: 0,
                    granted: self.granted,
                    start: vec![],
                    begins: vec![],
                    members: vec![],
                }
            }
            Request::Health if self.breaks => {
                self.stream.shutdown(Shutdown::Both).unwrap();
                Answer::Done
            }
            Request::Health => Answer::Health(Health { findings: vec![], neighbours: vec![] }),
            Request::Status => Answer::Status(status(user)),
            Request::Who => {
                let people = vec![person(&self.part.name)];
                // Whoever watches sees one change, after the first answer.
                if std::mem::take(&mut self.watched) {
                    put_control(after, &Down::Event(Event::Changed { topic: Topic::Who }));
                    self.part.name += " the second";
                }
                Answer::Who(people)
            }
            Request::Watch { topics } => {
                self.watched = topics.contains(&Topic::Who);
                Answer::Done
            }
            Request::FindPerson { target } if target == "@nobody" => {
                return Err(Refusal::new(RefusalCode::Unknown, "no user nobody is known"));
            }
            Request::FindPerson { .. } => Answer::Person(person(&self.part.name)),
            Request::MarkPerson { user, mark } => {
                assert_eq!(user, person("").user, "the key that was shown");
                let (verified, blocked) = (mark == Mark::Verified, mark == Mark::Blocked);
                Answer::Person(Person { verified, blocked, ..person(&self.part.name) })
            }
            Request::Instances { .. } => Answer::Instances(vec![instance()]),
            Request::Sessions => Answer::Sessions(vec![self.session()]),
            Request::History { limit, .. } => {
                let skip = self.part.past.len().saturating_sub(limit as usize);
                self.deliver(skip as u64, true, before);
                Answer::HistoryEnd { before: None }
            }
            Request::AppSessions => Answer::AppSessions(vec![]),
            _ => Answer::Done,
        })
    }

    /// Delivers the past behind entry `read`.
    fn deliver(&self, read: u64, history: bool, out: &mut Vec<u8>) {
        let head = DeliverHead {
            session: SESSION,
            origin: OriginId([2; 16]),
            user: UserId([2; 32]),
            instance: InstanceId([3; 16]),
            epoch: 1,
            flags: DeliverFlags { history, ..Default::default() },
        };
        let author = Event::Author {
            origin: head.origin,
            user: head.user,
            name: self.part.name.clone(),
            host: "there".into(),
        };
        put_control(out, &Down::Event(author));
        for (seq, payload) in (1..).zip(&self.part.past).filter(|(seq, _)| *seq > read) {
            put_frame(out, FrameKind::Deliver, |out| {
                head.put(out);
                put_incoming(
                    out,
                    &Incoming {
                        seq,
                        index: 0,
                        stamp: seq,
                        time: 1000 * seq,
                        urgent: false,
                        mentions_you: false,
                        payload,
                    },
                );
            });
        }
    }

    fn on_publish(&mut self, body: &[u8], out: &mut Vec<u8>) {
        let (head, messages) = read_publish(body).unwrap();
        assert_eq!(head.first, self.number + 1, "numbers have no gaps");
        for message in messages {
            let payload = message.unwrap().payload.to_vec();
            self.number += 1;
            self.used += payload.len() as u64 + 64;
            self.published.lock().unwrap().push(payload);
        }
        assert!(self.used <= self.granted, "more was published than there was credit for");
        if self.part.fate == Fate::Silence {
            return;
        }
        self.granted = self.used + self.part.credit;
        let stored = if self.part.kind == SessionKind::Kept { self.number } else { 0 };
        let progress = Event::Progress {
            session: SESSION,
            appended: self.number,
            stored,
            held_by: vec![],
            delivered: 0,
        };
        put_control(out, &Down::Event(progress));
        put_control(out, &Down::Event(Event::Credit { session: SESSION, granted: self.granted }));
        if self.part.fate == Fate::NoApp {
            let failed = Event::Failed {
                session: SESSION,
                number: self.number,
                host: HostId([9; 16]),
                host_name: "there\u{1b}[2J".into(),
                reason: chalktalk_ipc::FailReason::NoApp,
                detail: String::new(),
            };
            put_control(out, &Down::Event(failed));
        }
    }

    fn session(&self) -> SessionSummary {
        SessionSummary {
            session: SESSION,
            app: AppId::chat(),
            title: "#ops".into(),
            scope: Scope::Open,
            kind: self.part.kind,
            parent: None,
            sealed: false,
            members: vec![self.part.name.clone()],
            joined: true,
            waits: false,
            creator: None,
            entries: self.part.past.len() as u64,
        }
    }
}

fn person(name: &str) -> Person {
    Person {
        user: UserId([2; 32]),
        name: name.into(),
        host: "there".into(),
        host_id: HostId([2; 16]),
        addresses: vec!["192.0.2.1".into()],
        status: Availability::Online,
        verified: false,
        blocked: false,
        changed: false,
        namesake: false,
        saying: String::new(),
        saying_until: None,
        me: false,
    }
}

fn instance() -> InstanceSummary {
    InstanceSummary {
        instance: InstanceId([3; 16]),
        app: AppId::chat(),
        pid: 77,
        sessions: vec![SESSION],
        host: "there".into(),
        user: UserId([2; 32]),
    }
}

fn status(user: UserId) -> Status {
    Status {
        version: "1".into(),
        host_id: HostId([1; 16]),
        host: "here".into(),
        user,
        name: "me".into(),
        uptime: 5,
        mode: "auto".into(),
        port: 47474,
        state: fs::canonicalize("/").unwrap().display().to_string(),
        sealed: false,
        interfaces: vec![],
        hosts: 1,
        sessions: 1,
        instances: 1,
        agent: false,
        counters: [("frames_in".to_owned(), 3)].into(),
        warnings: vec![],
    }
}
