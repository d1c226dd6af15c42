//! A daemon whose every word the test says.

use chalktalk_client::{
    Builder, Client, ClientEvent, Events,
    ipc::{
        Answer, AppId, Call, Down, Event, Frame, FrameBuf, FrameKind, HostId, InstanceId, OriginId, PROTOCOL,
        Position, Refusal, RefusalCode, Request, SessionId, UserId,
        batch::{DeliverFlags, DeliverHead, Incoming, PublishHead, put_incoming, read_publish},
        codec::{put_control, put_frame},
        event::{Scope, SessionSummary},
        request::{From, SessionKind},
    },
};
use std::{
    io::{Read, Write},
    os::unix::net::{UnixListener, UnixStream},
    path::PathBuf,
    sync::atomic::{AtomicU32, Ordering},
    thread,
    time::Duration,
};

/// No step of a test takes longer, or something is wrong.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) const SESSION: SessionId = SessionId([0x11; 16]);
pub(crate) const INSTANCE: InstanceId = InstanceId([0x22; 16]);
pub(crate) const AUTHOR: OriginId = OriginId([0x33; 16]);

pub(crate) struct Daemon {
    pub(crate) listener: UnixListener,
    pub(crate) dir: PathBuf,
}

impl Daemon {
    pub(crate) fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let n = COUNT.fetch_add(1, Ordering::Relaxed);
        let dir = std::env::temp_dir().join(format!("chalktalk-client-{}-{n}", std::process::id()));
        std::fs::create_dir_all(&dir).unwrap();
        Self { listener: UnixListener::bind(dir.join("daemon.sock")).unwrap(), dir }
    }

    pub(crate) fn builder(&self) -> Builder {
        Client::builder(AppId::chat()).socket(self.dir.join("daemon.sock"))
    }

    /// A client that is attached, and its connection.
    pub(crate) fn client(&self, builder: Builder) -> (Client, Events, Line) {
        thread::scope(|scope| {
            let client = scope.spawn(|| builder.connect());
            let line = self.attached();
            let (client, events) = client.join().unwrap().unwrap();
            (client, events, line)
        })
    }

    /// A client with one session open, granted so many bytes.
    pub(crate) fn with_session(
        &self,
        builder: Builder,
        kind: SessionKind,
        granted: u64,
    ) -> (Client, Events, Line) {
        let (client, events, mut line) = self.client(builder);
        let opened = during(|| client.open(SESSION, From::Start), || drop(line.opened(kind, 0, granted)));
        assert_eq!(opened.unwrap().session, summary(kind));
        (client, events, line)
    }

    pub(crate) fn accept(&self) -> Line {
        let (stream, _) = self.listener.accept().unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        Line { stream, received: FrameBuf::default() }
    }

    /// Accepts, greets and attaches.
    pub(crate) fn attached(&self) -> Line {
        let mut line = self.accept();
        line.greet(PROTOCOL);
        let call = line.call();
        assert!(matches!(call.request, Request::Attach { .. }), "{call:?}");
        line.reply(call.id, Answer::Attached { instance: INSTANCE, session: None });
        line
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        std::fs::remove_dir_all(&self.dir).ok();
    }
}

/// Runs what a program does while the daemon plays its part.
pub(crate) fn during<T: Send>(program: impl FnOnce() -> T + Send, daemon: impl FnOnce()) -> T {
    thread::scope(|scope| {
        let program = scope.spawn(program);
        daemon();
        program.join().unwrap()
    })
}

/// The daemon's end of one connection.
pub(crate) struct Line {
    pub(crate) stream: UnixStream,
    received: FrameBuf,
}

impl Line {
    pub(crate) fn greet(&mut self, protocol: u16) {
        let call = self.call();
        assert!(matches!(call.request, Request::Hello { protocol: PROTOCOL, .. }), "{call:?}");
        let welcome = Answer::Welcome {
            protocol,
            daemon: "fake 1".into(),
            host_id: HostId([1; 16]),
            host: "box".into(),
            user: UserId([2; 32]),
            name: "ana".into(),
        };
        self.reply(call.id, welcome);
    }

    /// The next frame; `None` at the end of the stream.
    fn next(&mut self) -> Option<(FrameKind, Vec<u8>)> {
        loop {
            if let Some(frame) = self.received.next_frame().unwrap() {
                return Some((frame.kind, frame.body.to_vec()));
            }
            match self.stream.read(self.received.spare(64 * 1024)) {
                Ok(0) => return None,
                Ok(n) => self.received.filled(n),
                Err(e) => panic!("nothing came: {e}"),
            }
        }
    }

    pub(crate) fn call(&mut self) -> Call {
        match self.next() {
            Some((FrameKind::Control, body)) => decode(&body),
            other => panic!("expected a call, got {other:?}"),
        }
    }

    /// A call, or how many messages.
    pub(crate) fn either(&mut self) -> Either {
        match self.next() {
            Some((FrameKind::Control, body)) => Either::Call(decode(&body)),
            Some((FrameKind::Publish, body)) => Either::Messages(read_publish(&body).unwrap().1.count()),
            other => panic!("expected a frame, got {other:?}"),
        }
    }

    pub(crate) fn published(&mut self) -> (PublishHead, Vec<Vec<u8>>) {
        match self.next() {
            Some((FrameKind::Publish, body)) => {
                let (head, messages) = read_publish(&body).unwrap();
                (head, messages.map(|message| message.unwrap().payload.to_vec()).collect())
            }
            other => panic!("expected messages, got {other:?}"),
        }
    }

    /// The numbers and payloads of so many messages, however they are packed; and how many frames they took.
    pub(crate) fn collect(&mut self, count: usize) -> (Vec<(u64, Vec<u8>)>, usize) {
        let (mut all, mut frames) = (Vec::new(), 0);
        while all.len() < count {
            let (head, payloads) = self.published();
            all.extend((head.first..).zip(payloads));
            frames += 1;
        }
        assert_eq!(all.len(), count);
        (all, frames)
    }

    /// Whether the client has nothing more to say for a while.
    pub(crate) fn is_quiet(&mut self) -> bool {
        self.stream.set_read_timeout(Some(Duration::from_millis(150))).unwrap();
        let got = self.received.next_frame().unwrap().map(|frame| frame.kind);
        let quiet = got.is_none() && self.stream.read(self.received.spare(64 * 1024)).is_err();
        self.stream.set_read_timeout(Some(PATIENCE)).unwrap();
        quiet
    }

    /// Whether the client has hung up.
    pub(crate) fn is_over(&mut self) -> bool {
        self.next().is_none()
    }

    pub(crate) fn send(&mut self, down: &Down) {
        let mut bytes = Vec::new();
        put_control(&mut bytes, down);
        self.stream.write_all(&bytes).unwrap();
    }

    pub(crate) fn reply(&mut self, id: u32, answer: Answer) {
        self.send(&Down::Reply { id, body: Ok(answer) });
    }

    pub(crate) fn refuse(&mut self, id: u32, code: RefusalCode, why: &str) {
        self.send(&Down::Reply { id, body: Err(Refusal::new(code, why)) });
    }

    pub(crate) fn event(&mut self, event: Event) {
        self.send(&Down::Event(event));
    }

    /// Answers an `open`; gives where it wanted to start.
    pub(crate) fn opened(&mut self, kind: SessionKind, last_number: u64, granted: u64) -> From {
        let call = self.call();
        let Request::Open { session: SESSION, from } = call.request else { panic!("{call:?}") };
        let session = summary(kind);
        self.reply(
            call.id,
            Answer::Opened { session, last_number, granted, start: vec![], begins: vec![], members: vec![] },
        );
        from
    }

    pub(crate) fn progress(&mut self, appended: u64, stored: u64) {
        self.event(Event::Progress { session: SESSION, appended, stored, held_by: vec![], delivered: 0 });
    }

    pub(crate) fn credit(&mut self, granted: u64) {
        self.event(Event::Credit { session: SESSION, granted });
    }

    /// Delivers one message an entry, from entry `first` on.
    pub(crate) fn deliver(&mut self, first: u64, payloads: &[&[u8]]) {
        self.stream.write_all(&deliver(DeliverFlags::default(), first, payloads)).unwrap();
    }
}

/// One frame from the client.
pub(crate) enum Either {
    Call(Call),
    Messages(usize),
}

fn decode(body: &[u8]) -> Call {
    Frame { kind: FrameKind::Control, body }.control().unwrap()
}

/// A deliver frame.
pub(crate) fn deliver(flags: DeliverFlags, first: u64, payloads: &[&[u8]]) -> Vec<u8> {
    let head = DeliverHead {
        session: SESSION,
        origin: AUTHOR,
        user: UserId([4; 32]),
        instance: InstanceId([5; 16]),
        epoch: 1,
        flags,
    };
    let mut frame = Vec::new();
    put_frame(&mut frame, FrameKind::Deliver, |out| {
        head.put(out);
        for (seq, payload) in (first..).zip(payloads) {
            let (urgent, mentions_you) = (false, false);
            put_incoming(
                out,
                &Incoming { seq, index: 0, stamp: seq, time: 0, urgent, mentions_you, payload },
            );
        }
    });
    frame
}

pub(crate) fn summary(kind: SessionKind) -> SessionSummary {
    SessionSummary {
        session: SESSION,
        app: AppId::chat(),
        title: "#lobby".into(),
        scope: Scope::Open,
        kind,
        parent: None,
        sealed: false,
        members: vec![],
        joined: true,
        waits: false,
        creator: None,
        entries: 0,
    }
}

pub(crate) fn at(seq: u64) -> Position {
    Position { origin: AUTHOR, epoch: 1, seq, index: 0 }
}

/// The next event, whatever it is.
pub(crate) fn next(events: &Events) -> ClientEvent {
    events.recv_timeout(PATIENCE).expect("an event")
}

/// The payloads that arrive until there are so many.
pub(crate) fn payloads(events: &Events, count: usize) -> Vec<Vec<u8>> {
    let mut all = Vec::new();
    while all.len() < count {
        if let ClientEvent::Messages(batch) = next(events) {
            all.extend(batch.iter().map(|message| message.payload.to_vec()));
        }
    }
    assert_eq!(all.len(), count);
    all
}
