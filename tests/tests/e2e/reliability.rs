//! Every member gets every message once and in its author's order, whatever the network does.

use crate::sessions::TEST_APP;
use chalktalk_ipc::{
    Event, InstanceId, SessionId,
    request::{From, SessionKind},
};
use chalktalk_tests::{
    app::App,
    lab::{Lab, Wire, switch::Faults},
    programs::SOON,
    runner::Test,
    tests, wait,
};
use std::{
    collections::HashSet,
    time::{Duration, Instant},
};

pub(crate) const TESTS: &[Test] = tests![
    at_ten_percent_loss_everything_arrives_within_five_seconds,
    at_ten_percent_loss_a_live_session_arrives_within_five_seconds,
    a_live_session_at_full_speed_loses_nothing,
    who_joins_afterwards_has_everything_within_three_seconds,
    a_network_that_repeats_delays_reorders_and_damages_changes_nothing,
    a_host_that_hears_only_one_way_still_gets_everything,
    a_slow_app_loses_nothing_and_holds_nobody_back,
    large_messages_survive_loss,
];

const AUTHORS: usize = 3;
const MESSAGES: usize = 2_000;

/// Three authors publish, all at once, 2,000 messages between them.
fn publish_at_once(apps: &[App], session: SessionId) {
    std::thread::scope(|scope| {
        for (author, app) in apps[..AUTHORS].iter().enumerate() {
            scope.spawn(move || {
                for n in (author..MESSAGES).step_by(AUTHORS) {
                    app.publish(session, format!("author {author} message {n}"));
                }
            });
        }
    });
}

/// Every message is there once, and each author's in order.
fn assert_complete(app: &App, session: SessionId, what: &str) {
    let texts = app.texts(session);
    for author in 0..AUTHORS {
        let prefix = format!("author {author} ");
        let heard: Vec<&String> = texts.iter().filter(|text| text.starts_with(&prefix)).collect();
        let sent = (author..MESSAGES).step_by(AUTHORS).map(|n| format!("author {author} message {n}"));
        assert!(heard.into_iter().eq(&sent.collect::<Vec<_>>()), "author {author} as heard by {what}");
    }
    assert_eq!(texts.len(), MESSAGES, "{what}");
}

fn all_enter(lab: &Lab, count: usize, kind: SessionKind) -> (Vec<App>, SessionId) {
    let apps: Vec<App> = lab.hosts()[..count].iter().map(|host| host.app(TEST_APP)).collect();
    let sessions: Vec<SessionId> = apps.iter().map(|app| app.enter_kind("#ops", kind, From::Start)).collect();
    for app in &apps {
        wait::until(SOON, "all to be members", || {
            app.sessions().iter().any(|s| s.session == sessions[0] && s.members.len() == count)
        });
    }
    (apps, sessions[0])
}

fn at_ten_percent_loss(kind: SessionKind) {
    let (lab, _daemons) = Lab::talking(4);
    let (apps, session) = all_enter(&lab, 4, kind);
    lab.lose(0.1);
    publish_at_once(&apps, session);
    let last = Instant::now();
    for (host, app) in lab.hosts().iter().zip(&apps) {
        let left = Duration::from_secs(5).saturating_sub(last.elapsed());
        app.await_count(MESSAGES, left.max(Duration::from_millis(1)));
        assert_complete(app, session, &host.label());
    }
}

fn at_ten_percent_loss_everything_arrives_within_five_seconds() {
    at_ten_percent_loss(SessionKind::Kept);
}

fn at_ten_percent_loss_a_live_session_arrives_within_five_seconds() {
    at_ten_percent_loss(SessionKind::Live);
}

fn a_live_session_at_full_speed_loses_nothing() {
    const COUNT: usize = 30_000;
    let (lab, _daemons) = Lab::talking(4);
    let (apps, session) = all_enter(&lab, 4, SessionKind::Live);
    lab.lose(0.01);
    let payload = |n: usize| format!("{n:>1024}");
    for batch in (0..COUNT).collect::<Vec<_>>().chunks(60) {
        let payloads: Vec<String> = batch.iter().map(|n| payload(*n)).collect();
        let payloads: Vec<&[u8]> = payloads.iter().map(String::as_bytes).collect();
        apps[0].publish_all(session, InstanceId::NIL, &payloads);
    }
    for (host, app) in lab.hosts().iter().zip(&apps) {
        wait::until(Duration::from_secs(30), &format!("{} to have everything", host.label()), || {
            let lost = app.events().into_iter().find(|event| matches!(event, Event::Lost { .. }));
            assert!(lost.is_none(), "{}: {lost:?} after {} messages", host.label(), app.count());
            app.count() >= COUNT
        });
        assert!(app.texts(session).into_iter().eq((0..COUNT).map(payload)), "{}", host.label());
    }
}

fn who_joins_afterwards_has_everything_within_three_seconds() {
    let lab = Lab::new(4);
    let _daemons: Vec<_> = lab.hosts()[..3].iter().map(|host| host.daemon()).collect();
    let (apps, session) = all_enter(&lab, 3, SessionKind::Kept);
    lab.lose(0.1);
    publish_at_once(&apps, session);
    apps.iter().for_each(|app| app.await_count(MESSAGES, Duration::from_secs(10)));
    let _late_daemon = lab.host(4).daemon();
    let late = lab.host(4).app(TEST_APP);
    late.enter("#ops", From::Start);
    late.await_count(MESSAGES, Duration::from_secs(3));
    assert_complete(&late, session, "the late one");
}

fn a_network_that_repeats_delays_reorders_and_damages_changes_nothing() {
    let delay = (Duration::from_micros(200), Duration::from_millis(15));
    let faults = Faults { seed: 11, loss: 0.03, duplicate: 0.05, damage: 0.02, delay };
    let lab = Lab::wired(4, Wire::Faulty(faults));
    let _daemons = lab.start_daemons();
    let (apps, session) = all_enter(&lab, 4, SessionKind::Kept);
    publish_at_once(&apps, session);
    for (host, app) in lab.hosts().iter().zip(&apps) {
        app.await_count(MESSAGES, Duration::from_secs(15));
        assert_complete(app, session, &host.label());
    }
    let done = lab.switch().done();
    assert!(done.lost > 0 && done.duplicated > 0 && done.damaged > 0, "the switch was idle: {done:?}");
}

fn a_host_that_hears_only_one_way_still_gets_everything() {
    let (lab, _daemons) = Lab::talking(3);
    let (apps, session) = all_enter(&lab, 3, SessionKind::Kept);
    // Host 3 does not hear host 1; host 2 has everything and both hear host 2.
    lab.host(3).be_deaf_to(Some(lab.host(1)));
    apps[0].publish_each(session, (0..200).map(|n| format!("message {n}")));
    apps[2].await_message(Duration::from_secs(15), "the last message", |m| m.payload == b"message 199");
    assert_eq!(apps[2].texts(session), (0..200).map(|n| format!("message {n}")).collect::<Vec<_>>());
}

fn a_slow_app_loses_nothing_and_holds_nobody_back() {
    let (lab, daemons) = Lab::talking(2);
    let author = lab.host(1).app(TEST_APP);
    let quick = lab.host(2).app(TEST_APP);
    let session = author.enter("#ops", From::Start);
    quick.enter("#ops", From::Start);
    // An observer of the tests' own that does not read: its socket fills and stays full.
    let asleep = lab.host(2).start_chalktalk(&["tail", "#ops", "--since", "start", "--app", TEST_APP]);
    author.publish(session, "is anybody listening?");
    asleep.await_text("is anybody listening?", SOON);
    asleep.signal(rustix::process::Signal::STOP);
    let payload = vec![b'x'; 10_000];
    let before = daemons[1].memory();
    author.publish_each(session, (0..2_000).map(|_| &payload));
    quick.await_count(2_001, Duration::from_secs(30));
    let grown = daemons[1].memory().saturating_sub(before);
    assert!(grown < 60 * 1024, "20 MB for an app that sleeps grew the daemon by {grown} KiB");
    asleep.signal(rustix::process::Signal::CONT);
    wait::until(Duration::from_secs(30), "the slow one to have everything", || {
        asleep.output().len() >= 2_001
    });
}

fn large_messages_survive_loss() {
    let (lab, _daemons) = Lab::talking(3);
    let (apps, session) = all_enter(&lab, 3, SessionKind::Kept);
    lab.lose(0.1);
    let message = |n: usize| [n as u8].repeat(chalktalk_ipc::MAX_MESSAGE - n);
    apps[0].publish_each(session, (0..50).map(message));
    for app in &apps {
        app.await_count(50, Duration::from_secs(15));
        let distinct: HashSet<usize> = app.messages().iter().map(|m| m.payload.len()).collect();
        assert_eq!(distinct.len(), 50);
        assert!(app.messages().iter().enumerate().all(|(n, m)| m.payload == message(n)));
    }
}
