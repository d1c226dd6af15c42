//! What a conversation shows of what comes.

use super::*;
use chalktalk_client::Author;
use chalktalk_ipc::{AppId, InstanceId, batch::DeliverFlags, event::Scope, request::SessionKind};
use std::sync::Arc;

/// A summary of a session for tests.
pub(crate) fn summary(n: u8, title: &str, scope: Scope) -> SessionSummary {
    SessionSummary {
        session: SessionId([n; 16]),
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

/// A message of user `n` for tests.
pub(crate) fn message(session: u8, n: u8, stamp: u64, text: &str) -> Message {
    let names = ["", "ana", "ben", "chloé"];
    Message {
        session: SessionId([session; 16]),
        author: Arc::new(Author {
            origin: OriginId([n; 16]),
            user: UserId([n; 32]),
            name: names.get(n as usize).copied().unwrap_or("someone").into(),
            host: "host".into(),
        }),
        instance: InstanceId([n; 16]),
        position: Position { origin: OriginId([n; 16]), epoch: 1, seq: stamp, index: 0 },
        stamp,
        time: 1_732_225_860_000 + stamp * 1000,
        urgent: false,
        mentions_you: false,
        flags: DeliverFlags::default(),
        payload: text.as_bytes().to_vec(),
    }
}

const ME: UserId = UserId([1; 32]);

fn me() -> Me {
    Me {
        user: ME,
        name: "ana".into(),
        host: "host".into(),
        host_id: chalktalk_ipc::HostId::NIL,
        instance: InstanceId::NIL,
    }
}

fn lobby() -> Conversation {
    Conversation::new(summary(1, "#lobby", Scope::Open), vec![])
}

fn say(c: &mut Conversation, text: &str) -> u64 {
    c.say(&me(), Saying::plain(text), text.as_bytes(), 0)
}

fn text(line: &Line) -> &str {
    match &line.body {
        Body::Said(said) => &said.text,
        Body::Notice(_, text) => text,
    }
}

fn texts(c: &Conversation) -> Vec<&str> {
    c.lines.iter().map(text).collect()
}

#[test]
fn an_own_message_that_comes_with_the_past_first_is_shown_once() {
    let mut c = lobby();
    let local = say(&mut c, "psst");
    let mine = message(1, 1, 1, "psst");
    c.on_past(std::slice::from_ref(&mine), None, ME);
    c.on_delivered(&mine, ME, true);
    assert_eq!(texts(&c), ["psst"]);
    assert!(c.on_published(local, &Ok(1)), "its ticks belong to that line");
    let said = c.lines[0].said().unwrap();
    assert_eq!(said.own.as_ref().map(|own| own.number), Some(Some(1)));
}

#[test]
fn lines_stand_by_stamp_and_once() {
    let mut c = lobby();
    for (n, stamp, text) in [(2, 5, "five"), (3, 2, "two"), (2, 5, "five"), (3, 5, "five of chloé")] {
        c.on_delivered(&message(1, n, stamp, text), ME, false);
    }
    c.on_past(&[message(1, 2, 1, "one"), message(1, 3, 2, "two")], None, ME);
    assert_eq!(texts(&c), ["one", "two", "five", "five of chloé"]);
    assert_eq!(c.past, Past::Complete);
    assert_eq!(c.take_unacked().len(), 2);
    assert!(c.take_unacked().is_empty());
}

#[test]
fn what_history_showed_first_is_still_new_when_it_is_delivered() {
    let mut c = lobby();
    c.on_past(&[message(1, 2, 1, "one")], None, ME);
    assert_eq!(c.on_delivered(&message(1, 2, 1, "one"), ME, false), Novelty::New { mention: false });
    assert_eq!(c.on_delivered(&message(1, 2, 1, "one"), ME, false), Novelty::Known);
    assert_eq!(c.lines.len(), 1);
}

#[test]
fn an_own_message_goes_through_its_states() {
    let mut c = lobby();
    c.on_delivered(&message(1, 2, 7, "before"), ME, false);
    let local = say(&mut c, "hello");
    let state = |c: &Conversation| match &c.lines.last().unwrap().body {
        Body::Said(said) => c.delivery(said.own.as_ref().unwrap()),
        Body::Notice(..) => panic!("a notice"),
    };
    assert_eq!(state(&c), Delivery::Sending);
    c.on_published(local, &Ok(1));
    let progress = |appended, stored, held_by: &[u64], delivered| Progress {
        appended,
        stored,
        held_by: held_by.to_vec(),
        delivered,
    };
    for (p, expected) in [
        (progress(1, 0, &[0, 0], 0), Delivery::Sent),
        (progress(1, 1, &[0, 0], 0), Delivery::Stored),
        (progress(1, 1, &[1, 0], 0), Delivery::Held(1, 2)),
        (progress(1, 1, &[1, 1], 1), Delivery::Delivered),
    ] {
        c.on_progress(p);
        assert_eq!(state(&c), expected);
    }
    c.on_delivered(&message(1, 1, 8, "hello"), ME, true);
    assert_eq!((texts(&c), state(&c)), (vec!["before", "hello"], Delivery::Delivered));
    assert!(c.on_failed(1, "ben: not installed".into()));
    assert!(!c.on_failed(2, "ben: not installed".into()));
}

#[test]
fn equal_texts_sent_twice_come_back_in_order_and_none_stays_behind() {
    let mut c = lobby();
    let (first, second) = (say(&mut c, "hi"), say(&mut c, "hi"));
    c.on_published(first, &Ok(1));
    c.on_published(second, &Ok(2));
    c.on_delivered(&message(1, 1, 1, "hi"), ME, true);
    c.on_delivered(&message(1, 1, 2, "hi"), ME, true);
    assert_eq!(texts(&c), ["hi", "hi"]);
    let numbers = c.lines.iter().map(|l| match &l.body {
        Body::Said(s) => s.own.as_ref().unwrap().number,
        Body::Notice(..) => None,
    });
    assert_eq!(numbers.collect::<Vec<_>>(), [Some(1), Some(2)]);
}

#[test]
fn another_process_of_the_same_user_leaves_pending_ones_alone() {
    let mut c = lobby();
    say(&mut c, "hi");
    c.on_delivered(&message(1, 1, 1, "hi"), ME, false);
    assert_eq!(texts(&c), ["hi", "hi"]);
}

#[test]
fn old_lines_are_let_go_and_can_be_asked_for_again() {
    let mut c = lobby();
    c.past = Past::Complete;
    for stamp in 1..=(MAX_LINES + SLACK + 1) as u64 {
        c.on_delivered(&message(1, 2, stamp, "x"), ME, false);
    }
    assert_eq!(c.lines.len(), MAX_LINES);
    let first = c.lines[0].order;
    assert_eq!(c.past, Past::More(HistoryPoint { stamp: first.stamp, position: first.position }));
}

#[test]
fn an_offered_file_is_shown_by_its_name_and_size() {
    let mut c = lobby();
    let offer = format!("📎 ../report\u{202e}.pdf (1 B) blob:{}:2048", "ab".repeat(32));
    c.on_delivered(&message(1, 2, 1, &offer), ME, false);
    assert_eq!(texts(&c), ["📎 _._report.pdf (2.0 KiB)"]);
}

#[test]
fn texts_from_the_network_are_cleaned() {
    let mut c = lobby();
    let mut evil = message(1, 2, 1, "\x1b]0;title\x07\u{202e}abc");
    evil.author = Arc::new(Author { name: "\x1b[31m\u{202e}".into(), ..(*evil.author).clone() });
    c.on_delivered(&evil, ME, false);
    let mut bytes = message(1, 2, 2, "");
    bytes.payload = vec![0xff, b'a', 0xc3];
    c.on_delivered(&bytes, ME, false);
    assert_eq!(texts(&c), ["\u{fffd}]0;title\u{fffd}abc", "\u{fffd}a\u{fffd}"]);
    let Body::Said(said) = &c.lines[0].body else { panic!("a notice") };
    assert_eq!(said.name, "[31m");
}
