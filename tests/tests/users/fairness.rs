//! However greedy one user is, the others are served.

use crate::apart::attach;
use chalktalk_ipc::{
    Event, InstanceId, Request, SessionId,
    request::{From, SessionKind},
};
use chalktalk_tests::{
    app::App,
    machine::{ANA, BEN, Machine, as_user, socket},
    programs::SOON,
    runner::Test,
    tests, wait,
};
use std::{
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::{Duration, Instant},
};

pub(crate) const TESTS: &[Test] = tests![
    connections_of_one_user_are_bounded_and_leave_room_for_others,
    who_has_stored_their_part_is_told_and_others_go_on,
    sessions_of_one_user_are_bounded,
    a_user_who_floods_the_daemon_does_not_delay_another,
];

fn connections_of_one_user_are_bounded_and_leave_room_for_others() {
    let _machine = Machine::start();
    let connect = || as_user(BEN, || App::try_attach(socket(), "chalktalk.chat"));
    let apps: Vec<App> = (0..100).map_while(|_| connect().ok()).collect();
    assert_eq!(apps.len(), 64);
    let refused = connect().err().unwrap();
    assert!(refused.contains("too many programs are connected; close some"), "{refused}");
    attach(ANA).enter("#ops", From::Start);
    drop(apps);
    wait::until(SOON, "room for his programs again", || connect().is_ok());
}

fn configured(text: &str) -> Machine {
    let path = "/var/lib/chalktalk.toml";
    // The folder is covered when the first machine starts.
    drop(Machine::start());
    std::fs::write(path, text).unwrap();
    Machine::start_with(&["--config", path])
}

fn who_has_stored_their_part_is_told_and_others_go_on() {
    let mut machine = configured("[quota]\nstored = 1\n");
    let fill = |ben: &App, session| {
        let mut sent = 0;
        while sent < 100 && !ben.is_refused(session) {
            publish_if_let(ben, session, &[7; 60_000]);
            sent += 1;
        }
        let reason = ben.await_event(SOON, "him to be told", |event| match event {
            Event::Refused { session: s, refusal, .. } if *s == session => Some(refusal.message.clone()),
            _ => None,
        });
        assert!(reason.contains("you have stored as much as this daemon keeps"), "{reason}");
    };
    let ben = attach(BEN);
    let session = ben.enter("#dump", From::Now);
    fill(&ben, session);
    assert!(attach(BEN).status().warnings.iter().any(|warning| warning.code == "quota"));
    let ana = attach(ANA);
    let ops = ana.enter("#dump", From::Now);
    ana.publish(ops, "is this room taken?");
    ana.await_stored(ops, 1);
    assert!(!ana.status().warnings.iter().any(|warning| warning.code == "quota"));
    // Also after a restart.
    machine.daemon.stop();
    machine.restart();
    let ben = attach(BEN);
    let session = ben.enter("#again", From::Now);
    fill(&ben, session);
}

fn sessions_of_one_user_are_bounded() {
    let _machine = configured("[quota]\nsessions = 20\n");
    let (ana, ben) = (attach(ANA), attach(BEN));
    let join = |app: &App, n: u32| {
        app.request(Request::Join {
            target: format!("#room{n}"),
            app: app.app.clone(),
            kind: SessionKind::Kept,
            history: true,
        })
    };
    let joined = (0..40).take_while(|n| join(&ben, *n).is_ok()).count();
    assert_eq!(joined, 19, "and #lobby");
    assert!(join(&ben, 99).unwrap_err().message.contains("its operator can allow more"));
    assert!(join(&ana, 99).is_ok());
}

/// Times that messages take from one app to another, sorted.
fn times(author: &App, reader: &App, session: SessionId, label: &str, count: usize) -> Vec<Duration> {
    let mut times = Vec::new();
    for n in 0..count {
        let text = format!("{label} {n}");
        let start = Instant::now();
        author.publish(session, &text);
        reader.await_text(session, &text);
        times.push(start.elapsed());
        thread::sleep(Duration::from_millis(10));
    }
    times.sort();
    times
}

fn a_user_who_floods_the_daemon_does_not_delay_another() {
    // A few turns, each with what it may take for sending, one user's share and a commit; in a debug build.
    const USUAL: Duration = Duration::from_millis(100);
    const LATE: Duration = Duration::from_millis(250);
    const FLOODERS: u32 = 30;
    let _machine = Machine::start();
    let (author, reader) = (attach(ANA), attach(ANA));
    let talk = author.enter("#talk", From::Start);
    reader.enter("#talk", From::Start);
    let idle = times(&author, &reader, talk, "idle", 100);
    let done = AtomicBool::new(false);
    let busy = thread::scope(|scope| {
        for n in 0..FLOODERS {
            let done = &done;
            scope.spawn(move || as_user(BEN, || flood(n, done)));
        }
        thread::sleep(Duration::from_secs(1));
        let busy = times(&author, &reader, talk, "busy", 100);
        done.store(true, Ordering::Relaxed);
        busy
    });
    let (middle, late) =
        (|times: &[Duration]| times[times.len() / 2], |times: &[Duration]| times[times.len() * 95 / 100]);
    println!(
        "    idle p50 {:?} p95 {:?}, beside a flood p50 {:?} p95 {:?}",
        middle(&idle),
        late(&idle),
        middle(&busy),
        late(&busy)
    );
    assert!(middle(&busy) < middle(&idle) + USUAL && late(&busy) < late(&idle) + LATE, "{busy:?}");
}

/// One of many programs of a greedy user: half of them publish, the others ask for lists or for the past, as fast as
/// the daemon lets them.
fn flood(n: u32, done: &AtomicBool) {
    // How the kernel shares out the processors is not the daemon's doing: these threads take only what nobody needs.
    rustix::process::nice(19).unwrap();
    let app = App::attach(socket(), "org.example.flood");
    let session = app.enter(&format!("#flood{n}"), From::Start);
    let piece = vec![n as u8; 30_000];
    let past = Request::History { session, before: None, limit: 1000 };
    publish_if_let(&app, session, &piece);
    if !n.is_multiple_of(2) {
        app.go_deaf();
    }
    while !done.load(Ordering::Relaxed) {
        match n % 4 {
            1 => app.pester(&Request::Sessions, 500),
            3 => app.pester(&past, 20),
            _ => {
                publish_if_let(&app, session, &piece);
                app.forget_messages();
            }
        }
    }
}

/// Publishes a message if the daemon gives credit for it soon.
fn publish_if_let(app: &App, session: SessionId, payload: &[u8]) {
    let _held_back = app.try_publish(session, InstanceId::NIL, &[payload], Duration::from_millis(100));
}
