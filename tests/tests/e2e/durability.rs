//! What was told *stored* is there after a crash, and nobody is shown anything twice.

use crate::sessions::TEST_APP;
use chalktalk_ipc::{
    Event,
    request::{From, SessionKind},
};
use chalktalk_tests::{
    app::{App, Message, enter_all},
    lab::Lab,
    runner::Test,
    tests, wait,
};
use std::{collections::BTreeSet, time::Duration};

pub(crate) const TESTS: &[Test] = tests![
    a_daemon_killed_in_mid_stream_has_lost_nothing_that_it_called_stored,
    apps_go_on_by_themselves_after_the_daemon_was_killed,
    a_chat_killed_in_mid_stream_shows_everything_once,
    everybody_crashes_and_everything_is_still_there,
    a_position_outlives_the_daemon,
    what_a_live_session_loses_by_a_crash_is_reported,
];

const ENOUGH: Duration = Duration::from_secs(30);

fn a_daemon_killed_in_mid_stream_has_lost_nothing_that_it_called_stored() {
    let (lab, mut daemons) = Lab::talking(2);
    let mut promised = BTreeSet::new();
    for life in 0..4u64 {
        let author = lab.host(1).app(TEST_APP);
        let session = author.enter("#ops", From::Now);
        let stored = std::thread::scope(|scope| {
            // Publishes until the daemon is gone; at a different depth of the stream each time.
            let (author, enough) = (&author, 400 * (life + 1));
            let killer = scope.spawn(move || {
                wait::until(ENOUGH, "some to be stored", || author.stored(session) >= enough);
            });
            let mut n = 0;
            while !killer.is_finished() {
                n += 1;
                author.publish(session, format!("life {life} message {n}"));
            }
            daemons[0].kill();
            author.stored(session)
        });
        promised.extend((1..=stored).map(|n| format!("life {life} message {n}")));
        daemons[0].restart();
    }
    assert!(promised.len() > 3_000, "{} were stored", promised.len());
    lab.await_presence(2);
    for host in lab.hosts() {
        let reader = host.app(TEST_APP);
        let session = reader.enter("#ops", From::Start);
        let what = format!("everything that was stored, on {}", host.label());
        wait::until(ENOUGH, &what, || {
            let texts: BTreeSet<String> = reader.texts(session).into_iter().collect();
            promised.is_subset(&texts)
        });
        let texts = reader.texts(session);
        assert_eq!(
            texts.iter().collect::<BTreeSet<_>>().len(),
            texts.len(),
            "nothing twice on {}",
            host.label()
        );
    }
}

fn apps_go_on_by_themselves_after_the_daemon_was_killed() {
    let (lab, mut daemons) = Lab::talking(2);
    let chat = lab.host(2).chat("#lobby", "lobby");
    let tail = lab.host(1).start_chalktalk(&["tail", "#lobby"]);
    lab.host(1).send("#lobby", "one");
    chat.transcript.await_text("one");
    tail.await_text("\"one\"", ENOUGH);
    for (number, text) in [(1, "two"), (0, "three")] {
        daemons[number].kill();
        daemons[number].restart();
        lab.await_presence(2);
        lab.host(1).send("#lobby", text);
        chat.transcript.await_text_within(text, ENOUGH);
        tail.await_text(&format!("\"{text}\""), ENOUGH);
    }
    assert_eq!(chat.transcript.texts(), ["one", "two", "three"], "each once, in order");
    let said = tail.output().iter().filter(|line| line.contains("\"text\"")).count();
    assert_eq!(said, 3, "{:?}", tail.output());
}

fn a_chat_killed_in_mid_stream_shows_everything_once() {
    let (lab, _daemons) = Lab::talking(2);
    let author = lab.host(1).app("chalktalk.chat");
    let session = author.enter("#ops", From::Now);
    let mut chat = lab.host(2).chat("#ops", "ops");
    for life in 0..4 {
        let seen = chat.transcript.lines().len();
        for n in 0..500 {
            author.publish(session, format!("life {life} message {n}"));
        }
        wait::until(ENOUGH, "some to be shown", || chat.transcript.lines().len() > seen + 50);
        chat.process().kill();
        chat = lab.host(2).chat("#ops", "ops");
    }
    let sent: Vec<String> =
        (0..4).flat_map(|life| (0..500).map(move |n| format!("life {life} message {n}"))).collect();
    wait::until(ENOUGH, "everything to be shown", || chat.transcript.lines().len() >= sent.len());
    assert!(chat.transcript.texts() == sent, "each once, in order");
}

fn everybody_crashes_and_everything_is_still_there() {
    let (lab, mut daemons) = Lab::talking(3);
    let texts: Vec<String> = (0..300).map(|n| format!("message {n}")).collect();
    {
        let author = lab.host(1).app(TEST_APP);
        let readers = [2, 3].map(|n| lab.host(n).app(TEST_APP));
        let session = author.enter("#ops", From::Start);
        enter_all(&readers, "#ops");
        let last = author.publish_each(session, &texts);
        author.await_stored(session, last);
        readers.iter().for_each(|app| app.await_count(300, ENOUGH));
    }
    daemons.iter_mut().for_each(|daemon| daemon.kill());
    daemons.iter_mut().for_each(|daemon| daemon.restart());
    lab.await_presence(3);
    for host in lab.hosts() {
        let reader = host.app(TEST_APP);
        let session = reader.enter("#ops", From::Start);
        reader.await_count(300, ENOUGH);
        assert_eq!(reader.texts(session), texts, "on {}", host.label());
    }
}

fn a_position_outlives_the_daemon() {
    let (lab, mut daemons) = Lab::talking(1);
    let host = lab.host(1);
    let author = host.app(TEST_APP);
    let session = author.enter("#ops", From::Saved);
    author.publish(session, "read");
    author.await_text(session, "read");
    author.acknowledge(session);
    let last = author.publish(session, "unread");
    author.await_stored(session, last);
    let read_on = || {
        let app = host.app(TEST_APP);
        app.enter("#ops", From::Saved);
        app.await_text(session, "unread");
        app.messages()
    };
    let texts = |messages: &[Message]| messages.iter().map(Message::text).collect::<Vec<_>>();
    assert_eq!(texts(&read_on()), ["unread"]);
    daemons[0].stop();
    daemons[0].restart();
    assert_eq!(texts(&read_on()), ["unread"]);
    daemons[0].kill();
    daemons[0].restart();
    // What was acknowledged in a crash's last moment may come again, and says so.
    assert!(read_on().iter().all(|m| m.payload == b"unread" || m.flags.redelivered));
}

fn what_a_live_session_loses_by_a_crash_is_reported() {
    const COUNT: u64 = 20_000;
    let (lab, mut daemons) = Lab::talking(2);
    let author = lab.host(1).app(TEST_APP);
    let reader = lab.host(2).app(TEST_APP);
    let session = author.enter_kind("#stream", SessionKind::Live, From::Now);
    reader.enter_kind("#stream", SessionKind::Live, From::Start);
    wait::until(ENOUGH, "both to be members", || {
        author.sessions().iter().any(|s| s.session == session && s.members.len() == 2)
    });
    let (before, after) = std::thread::scope(|scope| {
        let author = &author;
        scope.spawn(move || author.publish_each(session, (1..=COUNT).map(|n| n.to_string())));
        reader.await_count(1_000, ENOUGH);
        daemons[1].kill();
        daemons[1].restart();
        let again = App::attach_again(&lab.host(2).socket(), TEST_APP, reader.instance);
        again.join("#stream", SessionKind::Live);
        let before = reader.messages();
        let position = before.last().expect("a thousand came").position;
        again.open(session, From::At(vec![position]));
        again.await_message(ENOUGH, "the last message", |m| m.payload == COUNT.to_string().as_bytes());
        (before, again)
    });
    let number = |m: &Message| m.text().parse::<u64>().expect("numbers");
    let heard: Vec<u64> = before.iter().chain(&after.messages()).map(number).collect();
    assert!(heard.windows(2).all(|pair| pair[0] < pair[1]), "in order and nothing twice");
    let reported = after.events().iter().any(|event| matches!(event, Event::Lost { .. }));
    assert!(
        heard.len() as u64 == COUNT || reported,
        "{} of {COUNT} came, and no loss was reported",
        heard.len()
    );
}
