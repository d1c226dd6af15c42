//! Sessions: several at once, between the same hosts and between overlapping groups.

use chalktalk_ipc::{
    SessionId,
    event::Scope,
    request::{From, Request, SessionKind},
};
use chalktalk_tests::{
    app::{App, enter_all},
    lab::Lab,
    programs::SOON,
    runner::Test,
    tests, wait,
};
use std::{
    sync::atomic::{AtomicBool, Ordering},
    time::{Duration, Instant},
};

/// An app that no host has a manifest for.
pub(crate) const TEST_APP: &str = "org.example.test";

pub(crate) const TESTS: &[Test] = tests![
    the_past_of_a_live_session_is_what_its_window_still_holds,
    the_lobby_is_there_and_everybody_is_in_it,
    a_room_of_one_name_is_one_session_everywhere,
    rooms_of_different_apps_are_different_sessions,
    pairs_of_instances_talk_side_by_side,
    overlapping_groups_keep_to_themselves,
    two_instances_of_a_session_each_get_everything,
    a_direct_session_is_the_same_for_both_and_for_nobody_else,
    who_has_left_hears_nothing_more,
    who_leaves_and_comes_back_goes_on_where_it_was,
    instances_and_sessions_tell_the_truth,
    a_session_can_be_live,
    a_bulk_transfer_does_not_delay_another_session,
    a_bulk_transfer_that_fills_the_line_does_not_either,
];

fn the_lobby_is_there_and_everybody_is_in_it() {
    let (lab, _daemons) = Lab::talking(2);
    let lobby = |n: usize| {
        let sessions = App::observer(&lab.host(n).socket()).sessions();
        sessions.into_iter().find(|s| s.title == "#lobby").expect("there is a lobby")
    };
    assert_eq!(lobby(1).session, lobby(2).session);
    assert!(lobby(1).joined && lobby(1).scope == Scope::Open && lobby(1).app.as_str() == "chalktalk.chat");
    wait::until(SOON, "both to be in the lobby", || lobby(1).members.len() == 2);
}

fn a_room_of_one_name_is_one_session_everywhere() {
    let (lab, _daemons) = Lab::talking(2);
    let a = lab.host(1).app(TEST_APP);
    let b = lab.host(2).app(TEST_APP);
    // Composed and decomposed, capital and small: people cannot see the difference, so there is none.
    let here = a.join("#Café", SessionKind::Kept);
    let there = b.join("#cafe\u{301}", SessionKind::Kept);
    assert_eq!(here, there);
    assert_ne!(here, a.join("#cafe", SessionKind::Kept));
}

fn rooms_of_different_apps_are_different_sessions() {
    let lab = Lab::new(1);
    let _daemon = lab.host(1).daemon();
    let one = lab.host(1).app(TEST_APP).join("#ops", SessionKind::Kept);
    let other = lab.host(1).app("org.example.other").join("#ops", SessionKind::Kept);
    assert_ne!(one, other);
}

/// Instances 1 and 3 on one host, 2 and 4 on the other; 1 talks to 2 and 3 to 4, at once.
fn pairs_of_instances_talk_side_by_side() {
    let (lab, _daemons) = Lab::talking(2);
    let [one, three] = [1, 1].map(|n| lab.host(n).app(TEST_APP));
    let [two, four] = [2, 2].map(|n| lab.host(n).app(TEST_APP));
    let left = one.enter("#left", From::Start);
    assert_eq!(two.enter("#left", From::Start), left);
    let right = three.enter("#right", From::Start);
    assert_eq!(four.enter("#right", From::Start), right);
    for n in 0..100 {
        one.publish(left, format!("1 says {n}"));
        four.publish(right, format!("4 says {n}"));
        two.publish(left, format!("2 says {n}"));
        three.publish(right, format!("3 says {n}"));
    }
    for (app, others) in [(&one, ["1", "2"]), (&two, ["1", "2"]), (&three, ["3", "4"]), (&four, ["3", "4"])] {
        app.await_count(200, SOON);
        for author in others {
            let said: Vec<String> = (0..100).map(|n| format!("{author} says {n}")).collect();
            let heard: Vec<String> =
                app.messages().iter().map(|m| m.text()).filter(|t| t.starts_with(author)).collect();
            assert_eq!(heard, said);
        }
        assert_eq!(app.count(), 200, "nothing from the other pair");
    }
}

fn overlapping_groups_keep_to_themselves() {
    let (lab, _daemons) = Lab::talking(3);
    let apps: Vec<App> = lab.hosts().iter().map(|host| host.app(TEST_APP)).collect();
    let ab = enter_all([&apps[0], &apps[1]], "#ab");
    let ac = enter_all([&apps[0], &apps[2]], "#ac");
    for n in 0..50 {
        apps[0].publish(ab, format!("ab {n}"));
        apps[0].publish(ac, format!("ac {n}"));
        apps[1].publish(ab, format!("ba {n}"));
        apps[2].publish(ac, format!("ca {n}"));
    }
    apps[0].await_count(200, SOON);
    apps[1].await_count(100, SOON);
    apps[2].await_count(100, SOON);
    assert!(apps[1].messages().iter().all(|m| m.session == ab));
    assert!(apps[2].messages().iter().all(|m| m.session == ac));
    assert_eq!(apps[0].texts(ab).len(), 100);
}

fn two_instances_of_a_session_each_get_everything() {
    let (lab, _daemons) = Lab::talking(2);
    let author = lab.host(1).app(TEST_APP);
    let [first, second] = [2, 2].map(|n| lab.host(n).app(TEST_APP));
    let session = author.enter("#ops", From::Start);
    enter_all([&first, &second], "#ops");
    author.publish_each(session, (0..20).map(|n| format!("message {n}")));
    for app in [&author, &first, &second] {
        app.await_text(session, "message 19");
        assert_eq!(app.count(), 20);
    }
}

fn a_direct_session_is_the_same_for_both_and_for_nobody_else() {
    let (lab, _daemons) = Lab::talking(3);
    let apps: Vec<App> = lab.hosts().iter().map(|host| host.app(TEST_APP)).collect();
    let here = apps[0].enter("@ben", From::Start);
    let there = apps[1].enter("@ana", From::Start);
    assert_eq!(here, there);
    assert_ne!(here, apps[2].enter("@ben", From::Start));
    apps[0].publish(here, "between us");
    apps[1].await_text(here, "between us");
    apps[1].publish(here, "quite so");
    apps[0].await_text(here, "quite so");
    let known = apps[2].sessions();
    assert!(!known.iter().any(|s| s.session == here), "the third knows nothing of it: {known:?}");
    assert_eq!(apps[2].count(), 0);
}

fn who_has_left_hears_nothing_more() {
    let (lab, _daemons) = Lab::talking(2);
    let [a, b] = [1, 2].map(|n| lab.host(n).app(TEST_APP));
    let session = a.enter("#ops", From::Start);
    b.enter("#ops", From::Start);
    a.publish(session, "before");
    b.await_text(session, "before");
    b.request(Request::Leave { target: "#ops".into(), app: b.app.clone() }).unwrap();
    a.publish(session, "after");
    let lobby = b.enter("#other", From::Start);
    a.enter("#other", From::Start);
    a.publish(lobby, "end");
    b.await_text(lobby, "end");
    assert_eq!(b.texts(session), ["before"]);
    wait::until(SOON, "the roster to say so", || {
        let known = a.sessions().into_iter().find(|s| s.session == session).unwrap();
        known.members == ["ana"]
    });
}

fn who_leaves_and_comes_back_goes_on_where_it_was() {
    let (lab, mut daemons) = Lab::talking(2);
    let ok = |n: usize, arguments: &[&str]| {
        let output = lab.host(n).chalktalk(arguments);
        assert_eq!(output.code(), 0, "{arguments:?}: {}", output.log);
    };
    let reader = lab.host(2).app("chalktalk.chat");
    let session = reader.enter("#ops", From::Start);
    lab.host(1).send("#ops", "one");
    lab.host(1).send("#ops", "two");
    reader.await_text(session, "two");
    ok(1, &["room", "leave", "#ops"]);
    reader.publish(session, "meanwhile");
    ok(1, &["room", "join", "#ops"]);
    lab.host(1).send("#ops", "three");
    reader.await_text(session, "three");
    assert!(daemons[0].runs());
    wait::until(SOON, "the one that came back to have it all", || {
        let history = lab.host(1).history("#ops");
        ["one", "two", "meanwhile", "three"].iter().all(|text| history.iter().any(|h| h == text))
    });
    assert_eq!(reader.count(), 4, "each once: {:?}", reader.texts(session));
}

fn instances_and_sessions_tell_the_truth() {
    let (lab, _daemons) = Lab::talking(2);
    let a = lab.host(1).app(TEST_APP);
    let b = lab.host(2).app(TEST_APP);
    let session = a.enter("#ops", From::Start);
    b.enter("#ops", From::Start);
    a.publish(session, "hello");
    b.await_text(session, "hello");

    let here = lab.host(1).facts(&["instances"]);
    let mine = here.as_array().unwrap().iter().find(|i| i["instance"] == a.instance.to_string());
    let mine = mine.unwrap_or_else(|| panic!("{here}"));
    assert_eq!(mine["app"], TEST_APP);
    assert_eq!(mine["pid"], std::process::id());
    assert_eq!(mine["sessions"][0], session.to_string());
    assert!(!here.to_string().contains(&b.instance.to_string()), "those of this host alone: {here}");
    wait::until(SOON, "the LAN's instances to be known", || {
        let all = lab.host(1).facts(&["instances", "--all"]);
        let other = all.as_array().unwrap().iter().find(|i| i["instance"] == b.instance.to_string()).cloned();
        other.is_some_and(|i| i["host"] == "h2" && i["sessions"][0] == session.to_string())
    });

    let sessions = lab.host(2).facts(&["sessions"]);
    let room = sessions.as_array().unwrap().iter().find(|s| s["session"] == session.to_string());
    let room = room.unwrap_or_else(|| panic!("{sessions}"));
    assert_eq!((&room["title"], &room["scope"]), (&"#ops".into(), &"open".into()));
    assert_eq!((&room["joined"], &room["app"]), (&true.into(), &TEST_APP.into()));
    assert!(room["entries"].as_u64().unwrap() >= 1 && room.get("parent").is_some(), "{room}");
    let instance = a.instance;
    drop(a);
    wait::until(SOON, "the instance that ended to be gone", || {
        !b.instances(true).iter().any(|known| known.instance == instance)
    });
}

fn a_session_can_be_live() {
    let (lab, _daemons) = Lab::talking(3);
    let apps: Vec<App> = lab.hosts().iter().map(|host| host.app(TEST_APP)).collect();
    let session = apps[0].enter_kind("#stream", SessionKind::Live, From::Start);
    for app in &apps[1..] {
        assert_eq!(app.enter_kind("#stream", SessionKind::Live, From::Start), session);
    }
    wait::until(SOON, "all to be members", || {
        apps[0].sessions().iter().any(|s| s.session == session && s.members.len() == 3)
    });
    let last = apps[0].publish_each(session, (1..=2000).map(|n| format!("frame {n}")));
    for app in &apps {
        app.await_text(session, "frame 2000");
        assert_eq!(app.texts(session), (1..=2000).map(|n| format!("frame {n}")).collect::<Vec<_>>());
    }
    assert_eq!((last, apps[0].stored(session)), (2000, 0), "live sessions never report stored");
}

/// The middle of the times that messages take in a session, one at a time, while `more` says so.
fn latency(
    author: &App,
    reader: &App,
    session: SessionId,
    label: &str,
    more: impl Fn(usize) -> bool,
) -> Duration {
    let mut times = Vec::new();
    while more(times.len()) {
        let text = format!("{label} {}", times.len());
        let start = Instant::now();
        author.publish(session, &text);
        reader.await_text(session, &text);
        times.push(start.elapsed());
        std::thread::sleep(Duration::from_millis(10));
    }
    assert!(times.len() > 20, "only {} messages beside the transfer", times.len());
    times.sort();
    times[times.len() / 2]
}

fn a_bulk_transfer_does_not_delay_another_session() {
    beside_a_bulk_transfer(None);
}

fn a_bulk_transfer_that_fills_the_line_does_not_either() {
    beside_a_bulk_transfer(Some(100));
}

fn beside_a_bulk_transfer(mbit: Option<u32>) {
    const PIECE: usize = 50_000;
    const PIECES: usize = 1_000;
    let (lab, _daemons) = Lab::talking(2);
    mbit.into_iter().for_each(|mbit| lab.rate(mbit));
    let [sender, talker] = [1, 1].map(|n| lab.host(n).app(TEST_APP));
    let [taker, listener] = [2, 2].map(|n| lab.host(n).app(TEST_APP));
    let bulk = sender.enter("#bulk", From::Start);
    taker.enter("#bulk", From::Start);
    let talk = talker.enter("#talk", From::Start);
    listener.enter("#talk", From::Start);
    let idle = latency(&talker, &listener, talk, "idle", |count| count < 50);
    let done = AtomicBool::new(false);
    let busy = std::thread::scope(|scope| {
        scope.spawn(|| {
            sender.publish_each(bulk, std::iter::repeat_n(vec![7; PIECE], PIECES));
            taker.await_count(PIECES, Duration::from_secs(60));
            done.store(true, Ordering::Relaxed);
        });
        latency(&talker, &listener, talk, "busy", |_| !done.load(Ordering::Relaxed))
    });
    // On a slow line, what the kernel has taken already goes first: a send buffer of 128 KiB, which Linux doubles.
    let taken = mbit.map_or(Duration::ZERO, |mbit| Duration::from_micros(256 * 1024 * 8 / u64::from(mbit)));
    let limit = idle * 2 + Duration::from_millis(20) + taken;
    assert!(busy <= limit, "{busy:?} beside the transfer, {idle:?} without it: more than {limit:?}");
    assert!(taker.messages().iter().all(|m| m.payload.len() == PIECE));
}

fn the_past_of_a_live_session_is_what_its_window_still_holds() {
    let (lab, _daemons) = Lab::talking(2);
    let (h1, h2) = (lab.host(1), lab.host(2));
    assert_eq!(h1.chalktalk(&["room", "create", "stream", "--live"]).code(), 0);
    assert_eq!(h1.chalktalk(&["room", "create", "elsewhere", "--live"]).code(), 0);
    let author = h1.app("chalktalk.chat");
    let session = author.enter_kind("#stream", SessionKind::Live, From::Now);
    let other = author.enter_kind("#elsewhere", SessionKind::Live, From::Now);
    author.publish(other, "not in this room");
    let long = "x".repeat(5_000);
    let said: Vec<String> =
        (0..300).map(|n| if n % 50 == 7 { format!("{n} {long}") } else { n.to_string() }).collect();
    for text in &said {
        author.publish(session, text);
    }
    author.await_text(session, said.last().unwrap());
    assert_eq!(h1.history("#stream"), said);
    // Who comes later has what is still there, too.
    assert_eq!(h2.chalktalk(&["room", "join", "stream"]).code(), 0);
    wait::until(SOON, "the window", || h2.history("#stream") == said);
    let newest = h2.chalktalk(&["history", "#stream", "--limit", "10", "--json"]);
    let texts: Vec<String> = newest.json_lines().iter().map(|m| m["text"].as_str().unwrap().into()).collect();
    assert_eq!(texts, said[290..]);
    // What has left the window is gone, and what is left begins with a whole message.
    let flood = "y".repeat(60_000);
    for _ in 0..160 {
        author.publish(session, &flood);
    }
    author.publish(session, "the end");
    author.await_text(session, "the end");
    let left = h1.history("#stream");
    assert_eq!(left.last().unwrap(), "the end");
    assert!(
        left.len() < 161 && left[..left.len() - 1].iter().all(|text| *text == flood),
        "{} left",
        left.len()
    );
}
