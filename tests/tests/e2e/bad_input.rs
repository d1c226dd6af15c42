//! Nothing that comes from the network or from a local program can crash the daemon, or make it grow.

use crate::sessions::TEST_APP;
use chalktalk_ipc::{
    Call, MAX_MESSAGE, PROTOCOL, Request,
    codec::{self, FrameKind},
    request::From,
};
use chalktalk_tests::{
    app::{App, enter_all},
    lab::{Host, Lab, Wire, switch::Faults},
    programs::{Daemon, SOON},
    runner::Test,
    tests, wait,
};
use rand_chacha::ChaCha8Rng;
use rand_core::{Rng, SeedableRng};
use std::{
    io::{Read, Write},
    net::{SocketAddr, UdpSocket},
    os::unix::net::UnixStream,
    time::Duration,
};

pub(crate) const TESTS: &[Test] = tests![
    random_datagrams_are_dropped_and_counted,
    damaged_frames_are_dropped_and_counted,
    random_bytes_on_the_local_socket_end_that_connection_alone,
    frames_of_impossible_length_are_refused,
    another_version_of_the_local_protocol_is_told_so,
    nothing_is_answered_before_hello,
    requests_that_make_no_sense_are_refused,
    messages_may_be_empty_and_64_kib_long_and_no_longer,
    many_connections_are_too_many,
    names_cannot_drive_a_terminal,
    a_broken_manifest_stops_nothing,
    hostile_lines_cannot_drive_a_terminal,
];

/// What a daemon may grow by under fire, in KiB: allocator slack and bounded tables.
const SLACK: u64 = 32 * 1024;

/// The daemon lives, answers, has not grown, and still carries messages.
fn assert_unharmed(lab: &Lab, daemons: &mut [Daemon], before: u64) {
    for daemon in daemons.iter_mut() {
        assert!(daemon.runs(), "{} has ended", daemon.host().label());
    }
    let grown = daemons[0].memory().saturating_sub(before);
    assert!(grown < SLACK, "it grew by {grown} KiB");
    let apps: Vec<App> = lab.hosts().iter().map(|host| host.app(TEST_APP)).collect();
    let session = enter_all(&apps, "#after");
    apps[0].publish(session, "still here");
    apps.iter().for_each(|app| drop(app.await_text(session, "still here")));
}

fn random_datagrams_are_dropped_and_counted() {
    let (lab, mut daemons) = Lab::talking(3);
    let before = daemons[0].memory();
    let socket = lab.host(3).inside(|| UdpSocket::bind("0.0.0.0:0").unwrap());
    socket.set_broadcast(true).unwrap();
    let mut random = ChaCha8Rng::seed_from_u64(3);
    let mut datagram = vec![0; 2_000];
    for round in 0..20_000u32 {
        let length = random.next_u32() as usize % 1_473;
        random.fill_bytes(&mut datagram[..length]);
        // Group port, and the ports of daemons' own sockets.
        let port = 47_474 + (round % 4) as u16;
        let target: SocketAddr =
            (if round % 2 == 0 { [10, 77, 0, 255] } else { [10, 77, 0, 1] }, port).into();
        let _full_queue = socket.send_to(&datagram[..length], target);
    }
    assert_unharmed(&lab, &mut daemons, before);
    let counters = App::observer(&lab.host(1).socket()).status().counters;
    let dropped: u64 =
        counters.iter().filter(|(name, _)| name.contains("drop")).map(|(_, count)| count).sum();
    assert!(dropped > 1_000, "drops are counted: {counters:?}");
}

/// Real frames, of which every third has a bit turned round on its way.
fn damaged_frames_are_dropped_and_counted() {
    let lab = Lab::wired(3, Wire::Faulty(Faults { seed: 9, ..Faults::default() }));
    let mut daemons = lab.start_daemons();
    let before = daemons[0].memory();
    lab.switch().set(Faults { damage: 0.33, ..Faults::default() });
    let apps: Vec<App> = lab.hosts().iter().map(|host| host.app(TEST_APP)).collect();
    let session = enter_all(&apps, "#ops");
    for n in 0..500 {
        for (author, app) in apps.iter().enumerate() {
            app.publish(session, format!("author {author} message {n}"));
        }
    }
    for app in &apps {
        app.await_count(1_500, Duration::from_secs(30));
        let texts = app.texts(session);
        for author in 0..3 {
            let prefix = format!("author {author} ");
            let heard: Vec<_> = texts.iter().filter(|text| text.starts_with(&prefix)).collect();
            assert!(
                heard.into_iter().eq(&(0..500).map(|n| format!("{prefix}message {n}")).collect::<Vec<_>>())
            );
        }
    }
    assert!(lab.switch().done().damaged > 20, "{:?}", lab.switch().done());
    lab.switch().set(Faults::default());
    assert_unharmed(&lab, &mut daemons, before);
}

/// Writes bytes to a fresh connection, and waits until the daemon hangs up.
fn is_hung_up_on(host: &Host, bytes: &[u8]) -> Vec<u8> {
    let mut stream = UnixStream::connect(host.socket()).unwrap();
    stream.set_read_timeout(Some(SOON)).unwrap();
    let _hung_up_early = stream.write_all(bytes);
    let mut answer = Vec::new();
    let mut piece = [0; 4096];
    loop {
        match stream.read(&mut piece) {
            Ok(0) => return answer,
            Ok(n) => answer.extend_from_slice(&piece[..n]),
            Err(e) if e.kind() == std::io::ErrorKind::ConnectionReset => return answer,
            Err(e) => panic!("the daemon keeps a connection that makes no sense: {e}"),
        }
    }
}

fn random_bytes_on_the_local_socket_end_that_connection_alone() {
    let (lab, mut daemons) = Lab::talking(2);
    let before = daemons[0].memory();
    let bystander = lab.host(1).app(TEST_APP);
    let mut random = ChaCha8Rng::seed_from_u64(4);
    for _ in 0..300 {
        let mut stream = UnixStream::connect(lab.host(1).socket()).unwrap();
        let mut bytes = vec![0; random.next_u32() as usize % 5_000];
        random.fill_bytes(&mut bytes);
        // Half of them start as a frame would, so that more than the length is looked at.
        if bytes.len() > 5 && random.next_u32().is_multiple_of(2) {
            let length = bytes.len() as u32 - 4;
            bytes[..4].copy_from_slice(&length.to_le_bytes());
            bytes[4] = 1 + (random.next_u32() % 3) as u8;
        }
        let _hung_up_early = stream.write_all(&bytes);
    }
    assert!(!bystander.is_closed());
    bystander.who();
    assert_unharmed(&lab, &mut daemons, before);
}

fn hello() -> Vec<u8> {
    let mut bytes = Vec::new();
    codec::put_control(
        &mut bytes,
        &Call { id: 1, request: Request::Hello { protocol: PROTOCOL, client: "tests".into() } },
    );
    bytes
}

fn frames_of_impossible_length_are_refused() {
    let (lab, mut daemons) = Lab::talking(1);
    let before = daemons[0].memory();
    for length in [0u32, (codec::MAX_FRAME + 1) as u32, u32::MAX] {
        for mut bytes in [vec![], hello()] {
            bytes.extend_from_slice(&length.to_le_bytes());
            bytes.extend_from_slice(&[1; 64]);
            is_hung_up_on(lab.host(1), &bytes);
        }
    }
    // A truncated frame at the end of a connection, and batches that lie about their lengths.
    drop(UnixStream::connect(lab.host(1).socket()).unwrap().write_all(&[200, 0, 0, 0, 1, 2, 3]));
    for body in [vec![0; 40], vec![0xff; 200]] {
        let mut bytes = hello();
        codec::put_frame(&mut bytes, FrameKind::Publish, |out| out.extend_from_slice(&body));
        is_hung_up_on(lab.host(1), &bytes);
    }
    assert_unharmed(&lab, &mut daemons, before);
}

fn another_version_of_the_local_protocol_is_told_so() {
    let (lab, _daemons) = Lab::talking(1);
    let mut bytes = Vec::new();
    let request = Request::Hello { protocol: 999, client: "tests".into() };
    codec::put_control(&mut bytes, &Call { id: 1, request });
    let answer = is_hung_up_on(lab.host(1), &bytes);
    let text = String::from_utf8_lossy(&answer).into_owned();
    assert!(text.contains("version") && text.contains('1'), "{text:?}");
}

fn nothing_is_answered_before_hello() {
    let (lab, _daemons) = Lab::talking(1);
    let mut bytes = Vec::new();
    codec::put_control(&mut bytes, &Call { id: 1, request: Request::Who });
    let answer = is_hung_up_on(lab.host(1), &bytes);
    assert!(!String::from_utf8_lossy(&answer).contains("host_id"));
}

fn requests_that_make_no_sense_are_refused() {
    let (lab, mut daemons) = Lab::talking(1);
    let before = daemons[0].memory();
    let app = lab.host(1).app(TEST_APP);
    let nowhere = chalktalk_ipc::SessionId([9; 16]);
    for request in [
        Request::Open { session: nowhere, from: From::Start },
        Request::Close { session: nowhere },
        Request::Ack { session: nowhere, positions: vec![] },
        Request::History { session: nowhere, before: None, limit: u32::MAX },
        Request::Leave { target: "#never-joined".into(), app: app.app.clone() },
        Request::LaunchResult { launch: 77, outcome: chalktalk_ipc::request::LaunchOutcome::Started(1) },
        Request::Join {
            target: "\u{1b}[2J".into(),
            app: app.app.clone(),
            kind: Default::default(),
            history: true,
        },
    ] {
        let shown = format!("{request:?}");
        let refusal = app.request(request).expect_err(&shown);
        assert!(!refusal.message.is_empty(), "{shown}: a refusal says why");
    }
    assert_unharmed(&lab, &mut daemons, before);
}

fn messages_may_be_empty_and_64_kib_long_and_no_longer() {
    let (lab, mut daemons) = Lab::talking(2);
    let before = daemons[0].memory();
    let [here, there] = [1, 2].map(|n| lab.host(n).app(TEST_APP));
    let session = here.enter("#ops", From::Start);
    there.enter("#ops", From::Start);
    here.publish(session, "");
    here.publish(session, vec![7; MAX_MESSAGE]);
    there.await_count(2, SOON);
    assert_eq!(there.messages().iter().map(|m| m.payload.len()).collect::<Vec<_>>(), [0, MAX_MESSAGE]);

    let mut bytes = hello();
    let attach = Request::Attach {
        instance: None,
        app: here.app.clone(),
        role: chalktalk_ipc::request::Role::App,
        token: None,
    };
    codec::put_control(&mut bytes, &Call { id: 2, request: attach });
    codec::put_control(&mut bytes, &Call { id: 3, request: Request::Open { session, from: From::Now } });
    codec::put_frame(&mut bytes, FrameKind::Publish, |out| {
        out.extend_from_slice(&session.0);
        out.extend_from_slice(&[0; 16]);
        out.extend_from_slice(&1u64.to_le_bytes());
        out.push(0);
        out.extend_from_slice(&(MAX_MESSAGE as u32 + 1).to_le_bytes());
        out.push(0);
        out.extend_from_slice(&vec![7; MAX_MESSAGE + 1]);
    });
    is_hung_up_on(lab.host(1), &bytes);
    assert_eq!(there.count(), 2);
    assert_unharmed(&lab, &mut daemons, before);
}

fn many_connections_are_too_many() {
    let (lab, mut daemons) = Lab::talking(1);
    let before = daemons[0].memory();
    let bystander = lab.host(1).app(TEST_APP);
    let crowd: Vec<_> = (0..600).filter_map(|_| UnixStream::connect(lab.host(1).socket()).ok()).collect();
    bystander.who();
    drop(crowd);
    // What waited to be let in is turned away first.
    let welcome = || App::try_observer(&lab.host(1).socket()).is_some();
    wait::until(SOON, "room for the next", || (0..20).all(|_| welcome()));
    assert_unharmed(&lab, &mut daemons, before);
}

fn names_cannot_drive_a_terminal() {
    let lab = Lab::new(2);
    let mut command = lab.host(1).program("chalktalkd", &["--name", "h1\u{1b}[2J\u{202e}evil"]);
    command.env("USER", "ana\u{1b}]0;owned\u{7}");
    let evil = lab.host(1).spawn("chalktalkd", command);
    evil.await_text("ready", SOON);
    let _good = lab.host(2).daemon();
    let probe = App::observer(&lab.host(2).socket());
    wait::until(SOON, "the other host", || probe.who().len() == 2);
    for person in probe.who() {
        for text in [person.name, person.host] {
            assert!(!text.chars().any(|c| c.is_control() || c == '\u{202e}'), "{text:?}");
        }
    }
    let shown = lab.host(2).chalktalk(&["who"]);
    assert!(!shown.log.contains('\u{1b}') && !shown.log.contains('\u{202e}'), "{:?}", shown.log);
}

fn hostile_lines_cannot_drive_a_terminal() {
    let (lab, _daemons) = Lab::talking(2);
    lab.host(1).chalktalk_fed(&["send", "#ops", "-"], "\u{1b}[2Jcleared\u{9b}31m\n");
    assert_eq!(lab.host(2).chalktalk(&["room", "join", "#ops"]).code(), 0);
    wait::until(SOON, "the message", || lab.host(2).history("#ops").len() == 1);
    let shown = lab.host(2).chalktalk(&["history", "#ops", "--plain"]);
    assert!(shown.log.contains("cleared") && !shown.log.contains(['\u{1b}', '\u{9b}']), "{:?}", shown.log);
    assert_eq!(lab.host(2).history("#ops"), ["\u{1b}[2Jcleared\u{9b}31m"], "the text itself is unchanged");
}

fn a_broken_manifest_stops_nothing() {
    let lab = Lab::new(2);
    let dir = lab.host(2).dir().join("data/chalktalk/apps");
    std::fs::create_dir_all(&dir).unwrap();
    std::fs::write(dir.join("broken.toml"), "id = \"org.example.broken\nargv = [").unwrap();
    std::fs::write(dir.join("strange.toml"), vec![0xff; 5_000]).unwrap();
    let _daemons = lab.start_daemons();
    lab.host(1).send("#lobby", "good morning");
    wait::until(SOON, "the chat to be launched all the same", || lab.host(2).chats().len() == 1);
}
