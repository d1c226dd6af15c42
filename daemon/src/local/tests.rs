use super::{
    connection::{HELLO, Outbox},
    *,
};
use chalktalk_ipc::{
    Call, Down, Event, FrameBuf, FrameKind, Request,
    codec::{put_control, put_frame},
    socket::connect_to,
};
use mio::{Events, Poll};
use std::{
    fs,
    io::{Read, Write},
    os::unix::{
        fs::PermissionsExt,
        net::{UnixListener, UnixStream},
    },
};

const BASE: usize = 100;

struct Server {
    local: Local,
    poll: Poll,
    folder: PathBuf,
    now: Instant,
}

fn serve_at(path: &Path, admission: Admission, bounds: Bounds, registry: &Registry) -> Local {
    Local::serve(listen(path, admission).unwrap(), path, admission, bounds, registry, BASE).unwrap()
}

impl Server {
    fn new(name: &str, admission: Admission) -> Self {
        let folder = std::env::temp_dir().join(format!("chalktalk-local-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let poll = Poll::new().unwrap();
        let local = serve_at(&folder.join("s.sock"), admission, Bounds::OWN, poll.registry());
        Self { local, poll, folder, now: Instant::now() }
    }

    fn client(&self) -> Stream {
        connect_to(self.local.path()).unwrap()
    }

    /// One turn; gives the frames of every connection to `handle`.
    fn turn(&mut self, mut handle: impl FnMut(ConnectionId, &[u8], &mut Outbox)) -> bool {
        let mut events = Events::with_capacity(64);
        self.poll.poll(&mut events, Some(Duration::from_millis(20))).unwrap();
        for event in &events {
            self.local.on_event(self.now, event.token(), event.is_readable(), event.is_read_closed(), BASE);
        }
        for id in self.local.talking() {
            while self.local.read(id) {
                let Connection { input, output, .. } = self.local.get(id).unwrap();
                while let Ok(Some(frame)) = input.next_frame() {
                    handle(id, frame.body, output);
                }
            }
        }
        self.local.flush(self.now)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

fn me() -> u32 {
    rustix::process::geteuid().as_raw()
}

fn answer(stream: &mut Stream) -> Down {
    let mut input = FrameBuf::default();
    loop {
        if let Some(frame) = input.next_frame().unwrap() {
            return frame.control().unwrap();
        }
        let taken = stream.read(input.spare(4096)).unwrap();
        assert!(taken > 0, "the daemon closed without a word");
        input.filled(taken);
    }
}

#[test]
fn requests_come_in_and_answers_go_out() {
    let mut server = Server::new("talk", Admission::Only(me()));
    let mode = std::fs::metadata(server.local.path()).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let mut client = server.client();
    let mut request = Vec::new();
    put_control(&mut request, &Call { id: 7, request: Request::Who });
    client.write_all(&request).unwrap();
    let mut heard = 0;
    while heard == 0 {
        server.turn(|_, body, output| {
            heard += body.len();
            output.bytes().extend_from_slice(b"\x02\0\0\0\x01\xc0");
        });
    }
    let mut got = [0; 6];
    client.read_exact(&mut got).unwrap();
    assert_eq!(&got, b"\x02\0\0\0\x01\xc0");
    let id = server.local.iter().next().unwrap().0;
    assert_eq!(server.local.get(id).unwrap().peer, Peer { uid: me(), pid: std::process::id() });
    drop(client);
    while !server.local.is_empty() {
        server.turn(|_, _, _| ());
    }
    assert_eq!(server.local.take_closed().len(), 1);
}

#[test]
fn strangers_are_told_why_they_are_turned_away() {
    let mut server = Server::new("strangers", Admission::Only(me() + 1));
    let mut client = server.client();
    server.turn(|_, _, _| panic!("not admitted"));
    assert!(matches!(answer(&mut client), Down::Event(Event::Detached { session: None, .. })));
    assert_eq!((server.local.len(), server.local.refused()), (0, 1));
    assert!(!Admission::Everyone.admits(NOBODY) && Admission::Everyone.admits(12));
    let everyones = Server::new("everyones", Admission::Everyone);
    let mode = std::fs::metadata(everyones.local.path()).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o666, "whatever the umask is");
}

#[test]
fn connections_that_never_say_hello_are_few_and_do_not_last() {
    let mut server = Server::new("silent", Admission::Only(me()));
    let mut clients: Vec<Stream> = Vec::new();
    for _ in 0..=MAX_STRANGERS {
        clients.push(server.client());
        server.turn(|_, _, _| ());
    }
    assert_eq!(server.local.len(), MAX_STRANGERS);
    assert!(matches!(answer(clients.last_mut().unwrap()), Down::Event(Event::Detached { .. })));
    let first = server.local.iter().next().unwrap().0;
    server.local.get(first).unwrap().greet();
    assert!(server.local.poll_timeout().is_some());
    server.local.handle_timeout(server.now + HELLO);
    assert_eq!(server.local.iter().map(|(id, _)| id).collect::<Vec<_>>(), [first]);
}

#[test]
fn who_left_makes_room_for_who_comes() {
    let mut server = Server::new("room", Admission::Only(me()));
    for _ in 0..3 {
        let crowd: Vec<Stream> = (0..MAX_STRANGERS).map(|_| server.client()).collect();
        server.turn(|_, _, _| ());
        assert_eq!(server.local.len(), MAX_STRANGERS);
        drop(crowd);
    }
    assert_eq!(server.local.refused(), 0);
}

#[test]
fn who_does_not_read_is_held_back_and_at_last_let_go() {
    let mut server = Server::new("deaf", Admission::Only(me()));
    let mut client = server.client();
    let mut request = Vec::new();
    put_frame(&mut request, FrameKind::Control, |out| out.push(0xc0));
    let mut asked = 0;
    // The client asks and asks; every answer is 64 KiB, and it reads none of them.
    client.set_nonblocking(true).unwrap();
    for _ in 0..100 {
        while client.write(&request).is_ok() {}
        server.turn(|_, _, output| {
            asked += 1;
            if output.room() > 0 {
                output.bytes().extend_from_slice(&[0; 64 << 10]);
            }
        });
    }
    let (id, connection) = server.local.iter().next().unwrap();
    connection.greet();
    assert!(connection.output.queued() <= OUTBOX + (64 << 10), "{}", connection.output.queued());
    assert!(connection.output.queued() > 0 && asked > 0);
    assert_eq!(server.local.talking(), [], "its requests wait until it reads");
    server.local.handle_timeout(server.now + STALL - Duration::from_secs(1));
    assert_eq!(server.local.len(), 1);
    server.local.handle_timeout(server.now + STALL);
    assert_eq!(server.local.take_closed()[0].0, id);
}

#[test]
fn a_flood_leaves_the_others_their_part() {
    let mut server = Server::new("flood", Admission::Only(me()));
    let mut flooder = server.client();
    let mut quiet = server.client();
    flooder.set_nonblocking(true).unwrap();
    let mut flood = Vec::new();
    put_frame(&mut flood, FrameKind::Publish, |out| out.resize(60_000, 1));
    let mut note = Vec::new();
    put_frame(&mut note, FrameKind::Publish, |out| out.push(2));
    for _ in 0..20 {
        quiet.write_all(&note).unwrap();
        while flooder.write(&flood).is_ok() {}
        let mut sizes: BTreeMap<ConnectionId, usize> = BTreeMap::new();
        server.turn(|id, body, _| *sizes.entry(id).or_default() += body.len());
        assert!(sizes.values().all(|size| *size <= TURN + (1 << 20)), "{sizes:?}");
    }
    assert_eq!(server.local.len(), 2);
}

#[test]
fn a_socket_left_behind_by_a_dead_daemon_is_replaced() {
    let server = Server::new("stale", Admission::Only(me()));
    let poll = Poll::new().unwrap();
    let path = server.folder.join("stale.sock");
    drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
    assert!(path.exists(), "a killed daemon leaves its file");
    let local = serve_at(&path, Admission::Only(me()), Bounds::OWN, poll.registry());
    assert!(connect_to(&path).is_ok());
    drop(local);
    assert!(!path.exists(), "a daemon that ends takes it away");
}

#[test]
fn what_is_in_the_way_and_not_ours_stays() {
    let folder = std::env::temp_dir().join(format!("chalktalk-local-way-{}", std::process::id()));
    fs::create_dir_all(&folder).unwrap();
    let path = folder.join("s.sock");
    let refused = || listen(&path, Admission::Only(me())).unwrap_err().to_string();
    fs::write(&path, "a letter").unwrap();
    assert!(refused().contains("is no socket"), "{}", refused());
    assert_eq!(fs::read_to_string(&path).unwrap(), "a letter");
    fs::remove_file(&path).unwrap();
    let foreign = UnixListener::bind(&path).unwrap();
    assert!(refused().contains("is a socket of another program"), "{}", refused());
    assert!(UnixStream::connect(&path).is_ok(), "it still can be reached");
    drop(foreign);
    listen(&path, Admission::Only(me())).unwrap();
    fs::remove_dir_all(folder).unwrap();
}

#[test]
fn a_listener_handed_over_is_served_and_its_file_stays() {
    let folder = std::env::temp_dir().join(format!("chalktalk-local-handed-{}", std::process::id()));
    fs::create_dir_all(&folder).unwrap();
    let path = folder.join("s.sock");
    let made = UnixListener::bind(&path).unwrap();
    let early = UnixStream::connect(&path).unwrap();
    let (listener, place) = go_on_listening(made.try_clone().unwrap()).unwrap();
    assert_eq!(place, path);
    turn_away(&listener, "not today");
    let mut said = Vec::new();
    (&early).read_to_end(&mut said).unwrap();
    assert!(String::from_utf8_lossy(&said).contains("not today"));
    drop(listener);
    assert!(UnixStream::connect(&path).is_ok(), "who made it keeps it");
    fs::remove_dir_all(folder).unwrap();
}
