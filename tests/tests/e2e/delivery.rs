//! Whom a message is handed to, when programs run already.

use crate::sessions::TEST_APP;
use chalktalk_ipc::{
    Event, InstanceId,
    event::FailReason,
    request::{From, Request},
};
use chalktalk_tests::{app::enter_all, lab::Lab, programs::SOON, runner::Test, tests};
use std::time::Duration;

pub(crate) const TESTS: &[Test] = tests![
    an_addressed_message_reaches_its_instance_and_no_other,
    who_writes_to_an_instance_that_has_ended_is_told,
    a_volatile_message_reaches_those_who_are_there_and_nobody_later,
    the_sender_learns_when_it_is_stored_held_and_delivered,
    a_running_app_that_takes_many_sessions_is_offered_the_next,
    history_does_not_show_what_was_addressed_to_others,
];

fn an_addressed_message_reaches_its_instance_and_no_other() {
    let (lab, _daemons) = Lab::talking(2);
    let author = lab.host(1).app(TEST_APP);
    let [chosen, other] = [2, 2].map(|n| lab.host(n).app(TEST_APP));
    let session = author.enter("#ops", From::Start);
    enter_all([&chosen, &other], "#ops");
    author.publish_to(session, chosen.instance, "for one");
    author.publish(session, "for all");
    let message = chosen.await_text(session, "for one");
    assert!(message.flags.addressed);
    for app in [&chosen, &other, &author] {
        app.await_text(session, "for all");
    }
    assert_eq!(other.texts(session), ["for all"]);
    assert_eq!(author.texts(session), ["for all"]);
    assert_eq!(chosen.texts(session), ["for one", "for all"]);
}

fn history_does_not_show_what_was_addressed_to_others() {
    let (lab, _daemons) = Lab::talking(2);
    let author = lab.host(1).app("chalktalk.chat");
    let chosen = lab.host(2).app("chalktalk.chat");
    let session = author.enter("#ops", From::Start);
    chosen.enter("#ops", From::Start);
    author.publish_to(session, chosen.instance, "for one");
    author.publish(session, "for all");
    chosen.await_text(session, "for all");
    assert_eq!(lab.host(2).history("#ops"), ["for all"]);
}

fn who_writes_to_an_instance_that_has_ended_is_told() {
    let (lab, _daemons) = Lab::talking(3);
    let author = lab.host(1).app(TEST_APP);
    let session = author.enter("#ops", From::Start);
    let mortal = lab.host(2).app(TEST_APP);
    let witness = lab.host(3).app(TEST_APP);
    enter_all([&mortal, &witness], "#ops");
    let address = mortal.instance;
    author.publish_to(session, address, "while alive");
    mortal.await_text(session, "while alive");
    drop(mortal);
    let number = author.publish_to(session, address, "too late");
    let (reason, host) = author.await_event(SOON, "a report", |event| match event {
        Event::Failed { number: n, reason, host_name, .. } if *n == number => {
            Some((*reason, host_name.clone()))
        }
        _ => None,
    });
    assert_eq!((reason, host.as_str()), (FailReason::Gone, "h2"));
    let reports = author.events().iter().filter(|e| matches!(e, Event::Failed { .. })).count();
    assert_eq!(reports, 1, "one host says so and no other");
    assert_eq!(witness.count(), 0);
    assert_ne!(address, InstanceId::NIL);
}

fn a_volatile_message_reaches_those_who_are_there_and_nobody_later() {
    let (lab, _daemons) = Lab::talking(2);
    let author = lab.host(1).app(TEST_APP);
    let present = lab.host(2).app(TEST_APP);
    let session = author.enter("#ops", From::Start);
    present.enter("#ops", From::Start);
    author.publish(session, "durable");
    present.await_text(session, "durable");
    author.publish_volatile(session, b"cursor");
    let cursor = present.await_text(session, "cursor");
    assert!(cursor.flags.volatile);
    let late = lab.host(2).app(TEST_APP);
    late.enter("#ops", From::Start);
    late.await_text(session, "durable");
    author.publish(session, "end");
    late.await_text(session, "end");
    assert_eq!(late.texts(session), ["durable", "end"]);
}

fn the_sender_learns_when_it_is_stored_held_and_delivered() {
    let (lab, _daemons) = Lab::talking(3);
    let author = lab.host(1).app(TEST_APP);
    let readers = [2, 3].map(|n| lab.host(n).app(TEST_APP));
    let session = author.enter("#ops", From::Start);
    enter_all(&readers, "#ops");
    readers.iter().for_each(|app| {
        chalktalk_tests::wait::until(SOON, "all to be members", || {
            app.sessions().iter().any(|s| s.session == session && s.members.len() == 3)
        });
    });
    let number = author.publish(session, "hello");
    author.await_stored(session, number);
    author.await_event(SOON, "both others to hold it", |event| match event {
        Event::Progress { held_by, .. } => (held_by.get(1).copied().unwrap_or(0) >= number).then_some(()),
        _ => None,
    });
    let delivered = |app: &chalktalk_tests::app::App| {
        app.events().iter().any(|e| matches!(e, Event::Progress { delivered, .. } if *delivered >= number))
    };
    for app in &readers {
        app.await_text(session, "hello");
    }
    assert!(!delivered(&author), "nobody has acknowledged it yet");
    author.await_text(session, "hello");
    author.acknowledge(session);
    readers.iter().for_each(|app| app.acknowledge(session));
    author.await_event(SOON, "it to be delivered", |event| match event {
        Event::Progress { delivered, .. } => (*delivered >= number).then_some(()),
        _ => None,
    });
}

fn a_running_app_that_takes_many_sessions_is_offered_the_next() {
    let (lab, _daemons) = Lab::talking(2);
    let author = lab.host(1).app("chalktalk.chat");
    let session = author.enter("#ops", From::Start);
    // The user of host 2 is in the room, with a chat that runs but shows something else.
    let chat = lab.host(2).app("chalktalk.chat");
    chat.enter("#lobby", From::Start);
    let joined = lab.host(2).chalktalk(&["room", "join", "#ops"]);
    assert_eq!(joined.code(), 0, "{}", joined.log);
    author.publish(session, "anybody there?");
    let offered = chat.await_event(SOON, "an offer", |event| match event {
        Event::Offer { session } => Some(session.session),
        _ => None,
    });
    assert_eq!(offered, session);
    chat.request(Request::AnswerOffer { session, accept: true }).unwrap();
    chat.open(session, From::Saved);
    chat.await_text(session, "anybody there?");
    std::thread::sleep(Duration::from_millis(2500));
    assert!(lab.host(2).chats().is_empty(), "nothing was launched beside it");
}
