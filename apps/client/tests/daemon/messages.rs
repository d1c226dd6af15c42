//! Publishing and being delivered to: credit, order, what is sent again and what is not, bounds.

use crate::fake::*;
use chalktalk_client::{
    ClientError, ClientEvent, Publish, Stage,
    ipc::{
        Answer, Event, InstanceId, MAX_MESSAGE, OriginId, Position, RefusalCode, Request, UserId,
        batch::{Class, DeliverFlags, MAX_BATCH},
        request::{From, SessionKind},
    },
};
use std::{
    io::{ErrorKind, Write},
    thread,
    time::{Duration, Instant},
};

const PLENTY: u64 = 1 << 40;

fn numbers(range: std::ops::RangeInclusive<u64>) -> Vec<(u64, Vec<u8>)> {
    range.map(|n| (n, n.to_string().into_bytes())).collect()
}

#[test]
fn messages_arrive_with_their_author_and_are_acknowledged_together() {
    let daemon = Daemon::new();
    let (client, events, mut line) = daemon.with_session(daemon.builder(), SessionKind::Kept, 0);
    let (name, host) = ("Bo".to_string(), "bos-box".to_string());
    line.event(Event::Author { origin: AUTHOR, user: UserId([4; 32]), name, host });
    line.deliver(1, &[b"one", b"two"]);
    line.deliver(3, &[b"three"]);
    assert!(matches!(next(&events), ClientEvent::Event(Event::Author { .. })));
    for count in [2, 1] {
        let ClientEvent::Messages(batch) = next(&events) else { panic!() };
        assert_eq!((batch.len(), batch.author().name.as_str()), (count, "Bo"));
        for message in batch.messages() {
            assert_eq!(message.author.host, "bos-box");
            client.ack(&message).unwrap();
        }
    }
    // How many frames they take depends on the threads; that the last one says all does not.
    let mut acked = 0;
    while acked < 3 {
        let call = line.call();
        let Request::Ack { session: SESSION, positions } = call.request else { panic!("{call:?}") };
        assert_eq!((call.id, positions.len()), (0, 1));
        acked = positions[0].seq;
    }
    assert!(line.is_quiet());
}

#[test]
fn what_arrives_is_read_also_while_nobody_waits() {
    let daemon = Daemon::new();
    let (client, events, mut line) = daemon.with_session(daemon.builder(), SessionKind::Kept, PLENTY);
    for round in 1..=3 {
        line.deliver(round, &[b"x"]);
        assert_eq!(payloads(&events, 1), [b"x"], "read by who waits");
        line.progress(round, 0);
        let until = Instant::now() + PATIENCE;
        while client.progress(SESSION).unwrap().appended < round {
            assert!(Instant::now() < until, "not read once nobody waits");
            thread::sleep(Duration::from_millis(1));
        }
        assert!(matches!(next(&events), ClientEvent::Event(Event::Progress { .. })));
    }
}

#[test]
fn who_waits_for_an_event_also_reads_what_others_wait_for() {
    let daemon = Daemon::new();
    let (client, events, mut line) = daemon.with_session(daemon.builder(), SessionKind::Kept, PLENTY);
    let reader = thread::spawn(move || (payloads(&events, 1), events));
    for n in 1..=20 {
        let asked = during(
            || client.status(),
            || {
                let id = line.call().id;
                line.refuse(id, RefusalCode::Busy, "later");
            },
        );
        assert!(matches!(asked, Err(ClientError::Refused(_))));
        client.publish(SESSION, b"x").unwrap();
        line.collect(1);
        let stored = during(|| client.wait_for(SESSION, n, Stage::Stored, PATIENCE), || line.progress(n, n));
        stored.unwrap();
    }
    line.deliver(1, &[b"last"]);
    let (last, events) = reader.join().unwrap();
    assert_eq!(last, [b"last"]);
    drop((client, events));
    assert!(line.is_over());
}

#[test]
fn an_observer_acknowledges_nothing() {
    let daemon = Daemon::new();
    let builder = daemon.builder().role(chalktalk_client::ipc::request::Role::Observer);
    let (client, events, mut line) = daemon.with_session(builder, SessionKind::Kept, 0);
    line.deliver(1, &[b"one"]);
    let ClientEvent::Messages(batch) = next(&events) else { panic!() };
    client.ack_batch(&batch).unwrap();
    assert!(line.is_quiet());
}

#[test]
fn without_credit_publishing_waits_and_goes_on() {
    let daemon = Daemon::new();
    let (client, _events, mut line) = daemon.with_session(daemon.builder(), SessionKind::Kept, 3 * (64 + 1));
    (1..=3).for_each(|n| assert_eq!(client.publish(SESSION, b"x").unwrap(), n));
    assert!(matches!(client.try_publish(SESSION, Publish::durable(b"x")), Err(ClientError::WouldBlock)));
    client.try_publish(SESSION, Publish::volatile(b"v")).unwrap();
    let begun = Instant::now();
    let number = during(
        || client.publish(SESSION, b"x"),
        || {
            line.collect(3);
            assert_eq!(line.published().0.class, Class::Volatile);
            assert!(line.is_quiet());
            line.credit(4 * (64 + 1));
        },
    );
    assert_eq!(number.unwrap(), 4);
    assert!(begun.elapsed() >= Duration::from_millis(100), "it waited");
    assert_eq!(line.collect(1).0, [(4, b"x".to_vec())]);
}

#[test]
fn waiting_for_credit_ends_when_the_session_or_the_client_does() {
    let daemon = Daemon::new();
    let (client, events, mut line) = daemon.with_session(daemon.builder(), SessionKind::Kept, 0);
    let error = during(
        || client.publish(SESSION, b"x").unwrap_err(),
        || {
            let (session, reason) = (Some(SESSION), "removed".to_string());
            line.event(Event::Detached { session, reason });
        },
    );
    assert!(matches!(error, ClientError::NotOpen(SESSION)), "{error:?}");
    assert!(matches!(next(&events), ClientEvent::Event(Event::Detached { .. })));
    during(|| client.open(SESSION, From::Now).unwrap(), || drop(line.opened(SessionKind::Kept, 0, 0)));
    let closing = client.clone();
    let error = during(|| client.publish(SESSION, b"x").unwrap_err(), || closing.close());
    assert!(matches!(error, ClientError::Closed), "{error:?}");
}

#[test]
fn one_message_leaves_at_once_and_many_leave_in_few_frames() {
    let daemon = Daemon::new();
    let (client, _events, mut line) = daemon.with_session(daemon.builder(), SessionKind::Kept, PLENTY);
    client.publish(SESSION, b"1").unwrap();
    assert_eq!(line.collect(1).0, numbers(1..=1));
    let payloads: Vec<_> = (2..=20_001u64).map(|n| n.to_string()).collect();
    let (received, frames) = thread::scope(|scope| {
        let publish = scope.spawn(|| client.publish_batch(SESSION, &payloads));
        let received = line.collect(20_000);
        assert_eq!(publish.join().unwrap().unwrap(), 20_001);
        received
    });
    assert_eq!(received, numbers(2..=20_001));
    assert!(frames < 200, "{frames} frames");
    let mut count = 0;
    thread::scope(|scope| {
        let publish = scope.spawn(|| {
            (20_002..=40_001u64).for_each(|n| assert_eq!(client.publish(SESSION, b"y").unwrap(), n))
        });
        count = line.collect(20_000).1;
        publish.join().unwrap();
    });
    assert!(count < 10_000, "messages that come faster than the socket is written share frames: {count}");
}

#[test]
fn a_message_is_checked_before_it_is_sent() {
    let daemon = Daemon::new();
    let (client, _events, mut line) = daemon.with_session(daemon.builder(), SessionKind::Kept, PLENTY);
    let long = vec![0; MAX_MESSAGE + 1];
    assert!(matches!(client.publish(SESSION, &long), Err(ClientError::TooLong(_))));
    let people = [UserId([1; 32]); 17];
    let mentions = Publish::durable(b"x").mentioning(&people);
    assert!(matches!(client.publish_with(SESSION, mentions), Err(ClientError::TooManyMentions(17))));
    let other = chalktalk_client::ipc::SessionId([9; 16]);
    assert!(matches!(client.publish(other, b"x"), Err(ClientError::NotOpen(_))));
    let mixed: [&[u8]; 3] = [b"1", &long, b"2"];
    assert!(matches!(client.publish_batch(SESSION, mixed), Err(ClientError::TooLong(_))));
    assert_eq!(client.publish(SESSION, &long[1..]).unwrap(), 2);
    let received = line.collect(2).0;
    assert_eq!((received[0].1.as_slice(), received[1].1.len()), (b"1".as_slice(), MAX_MESSAGE));
    const { assert!(MAX_MESSAGE + 100 < MAX_BATCH) };
}

#[test]
fn after_a_reconnect_exactly_the_missing_messages_are_sent_again() {
    let daemon = Daemon::new();
    let (client, events, mut line) = daemon.with_session(daemon.builder(), SessionKind::Kept, PLENTY);
    client.publish_batch(SESSION, (1..=1000u64).map(|n| n.to_string())).unwrap();
    line.collect(1000);
    line.progress(900, 500);
    while !matches!(next(&events), ClientEvent::Event(Event::Progress { .. })) {}
    line.deliver(1, &[b"a", b"b"]);
    assert_eq!(payloads(&events, 2).len(), 2);
    drop(line);
    assert!(matches!(next(&events), ClientEvent::Disconnected { .. }));
    client.publish_batch(SESSION, (1001..=1010u64).map(|n| n.to_string())).unwrap();

    // The daemon died before it stored everything it had appended: its log ends at 700.
    let mut line = daemon.attached();
    assert_eq!(line.opened(SessionKind::Kept, 700, 100 * (64 + 3)), From::At(vec![at(2)]));
    let (received, _) = line.collect(100);
    let to = received.last().unwrap().0;
    assert_eq!(received, numbers(701..=to), "and no more than the new credit allows");
    assert!(line.is_quiet());
    line.credit(PLENTY);
    assert_eq!(line.collect((1010 - to) as usize).0, numbers(to + 1..=1010));
    assert_eq!(client.publish(SESSION, b"1011").unwrap(), 1011);
    assert_eq!(line.collect(1).0, numbers(1011..=1011));
    line.progress(1011, 1011);
    client.wait_for(SESSION, 1011, Stage::Stored, PATIENCE).unwrap();
    line.deliver(2, &[b"b", b"c"]);
    assert_eq!(payloads(&events, 1), [b"c"], "what was handed out before is not handed out again");
}

#[test]
fn reading_goes_on_from_where_it_began_when_nothing_has_arrived() {
    let daemon = Daemon::new();
    let (client, events, mut line) = daemon.client(daemon.builder());
    let start = Position { origin: OriginId([7; 16]), epoch: 2, seq: 99, index: 1 };
    during(
        || client.open(SESSION, From::Now).unwrap(),
        || {
            let id = line.call().id;
            let session = summary(SessionKind::Kept);
            line.reply(
                id,
                Answer::Opened {
                    session,
                    last_number: 0,
                    granted: 0,
                    start: vec![start],
                    begins: vec![],
                    members: vec![],
                },
            );
        },
    );
    drop(line);
    assert!(matches!(next(&events), ClientEvent::Disconnected { .. }));
    assert_eq!(daemon.attached().opened(SessionKind::Kept, 0, 0), From::At(vec![start]));
}

#[test]
fn late_volatile_and_addressed_messages_pass() {
    let daemon = Daemon::new();
    let (_client, events, mut line) = daemon.with_session(daemon.builder(), SessionKind::Kept, 0);
    line.deliver(10, &[b"10"]);
    for (flags, payload) in [
        (DeliverFlags { late: true, ..DeliverFlags::default() }, b"late"),
        (DeliverFlags { volatile: true, ..DeliverFlags::default() }, b"vola"),
        (DeliverFlags { volatile: true, ..DeliverFlags::default() }, b"vola"),
    ] {
        line.stream.write_all(&deliver(flags, 5, &[payload])).unwrap();
    }
    line.stream
        .write_all(&deliver(DeliverFlags { redelivered: true, ..DeliverFlags::default() }, 5, &[b"no"]))
        .unwrap();
    line.deliver(11, &[b"11"]);
    let texts = payloads(&events, 5).into_iter().map(|p| String::from_utf8(p).unwrap()).collect::<Vec<_>>();
    assert_eq!(texts, ["10", "late", "vola", "vola", "11"]);
}

#[test]
fn a_session_that_cannot_be_reopened_is_reported_and_the_others_go_on() {
    let daemon = Daemon::new();
    let (client, events, line) = daemon.with_session(daemon.builder(), SessionKind::Kept, 0);
    drop(line);
    assert!(matches!(next(&events), ClientEvent::Disconnected { .. }));
    let mut line = daemon.attached();
    let id = line.call().id;
    line.refuse(id, RefusalCode::NotJoined, "you left it");
    let ClientEvent::Event(Event::Detached { session, reason }) = next(&events) else { panic!() };
    assert_eq!((session, reason.as_str()), (Some(SESSION), "you left it"));
    assert!(matches!(next(&events), ClientEvent::Reconnected));
    assert!(matches!(client.publish(SESSION, b"x"), Err(ClientError::NotOpen(_))));
}

#[test]
fn a_daemon_that_is_busy_is_asked_again() {
    let daemon = Daemon::new();
    let (client, events, line) = daemon.with_session(daemon.builder(), SessionKind::Live, 0);
    drop(line);
    for _ in 0..2 {
        let mut line = daemon.attached();
        let id = line.call().id;
        line.refuse(id, RefusalCode::Busy, "starting");
        assert!(line.is_over());
    }
    let mut line = daemon.attached();
    line.opened(SessionKind::Live, 0, PLENTY);
    while !matches!(next(&events), ClientEvent::Reconnected) {}
    client.publish(SESSION, b"1").unwrap();
    assert_eq!(line.collect(1).0, numbers(1..=1));
}

#[test]
fn a_slow_app_stops_the_reading_and_loses_nothing() {
    const LIMIT: usize = 1 << 20;
    let daemon = Daemon::new();
    let builder = daemon.builder().event_limit(LIMIT);
    let (_client, events, mut line) = daemon.with_session(builder, SessionKind::Kept, 0);
    let payload = vec![7; 10_000];
    line.stream.set_nonblocking(true).unwrap();
    // What the socket does not take is kept here, so that the stream stays whole.
    let (mut sent, mut rest, mut taken) = (0, Vec::new(), 0);
    let quiet = Duration::from_millis(300);
    let mut since = Instant::now();
    while since.elapsed() < quiet {
        if rest.is_empty() {
            sent += 1;
            rest = deliver(DeliverFlags::default(), sent, &[&payload]);
        }
        match line.stream.write(&rest) {
            Ok(n) => {
                taken += n;
                rest.drain(..n);
                since = Instant::now();
            }
            Err(e) if e.kind() == ErrorKind::WouldBlock => thread::sleep(Duration::from_millis(1)),
            Err(e) => panic!("{e}"),
        }
        assert!(taken < 3 * LIMIT, "the client reads on and on");
    }
    assert!(taken > LIMIT);
    line.stream.set_nonblocking(false).unwrap();
    let seqs = thread::scope(|scope| {
        scope.spawn(|| line.stream.write_all(&rest).unwrap());
        let mut seqs = Vec::new();
        while seqs.len() < sent as usize {
            let ClientEvent::Messages(batch) = next(&events) else { panic!() };
            seqs.extend(batch.iter().map(|message| message.seq));
        }
        seqs
    });
    assert_eq!(seqs, (1..=sent).collect::<Vec<_>>());
}

#[test]
fn a_full_queue_does_not_keep_an_answer_from_the_app_that_waits_for_it() {
    let daemon = Daemon::new();
    let builder = daemon.builder().event_limit(100_000);
    let (client, events, mut line) = daemon.with_session(builder, SessionKind::Kept, 0);
    let payload = vec![7; 10_000];
    let people = during(
        || client.who(),
        || {
            (1..=60).for_each(|seq| line.deliver(seq, &[&payload]));
            let id = line.call().id;
            line.reply(id, Answer::Who(vec![]));
        },
    );
    assert_eq!(people.unwrap(), []);
    assert_eq!(payloads(&events, 60).len(), 60);
}

#[test]
fn closing_writes_what_is_left() {
    let daemon = Daemon::new();
    let (client, events, mut line) = daemon.with_session(daemon.builder(), SessionKind::Kept, PLENTY);
    line.deliver(1, &[b"one"]);
    let ClientEvent::Messages(batch) = next(&events) else { panic!() };
    client.ack_batch(&batch).unwrap();
    client.publish_batch(SESSION, vec![[0; 1000]; 400]).unwrap();
    let reading = thread::spawn(move || {
        let (mut messages, mut acked) = (0, false);
        while messages < 400 || !acked {
            match line.either() {
                Either::Call(call) => acked |= matches!(call.request, Request::Ack { .. }),
                Either::Messages(count) => messages += count,
            }
        }
        assert!(line.is_over());
    });
    drop(client);
    reading.join().unwrap();
}

#[test]
fn flush_and_wait_for_say_when_they_give_up() {
    let daemon = Daemon::new();
    let (client, _events, mut line) = daemon.with_session(daemon.builder(), SessionKind::Live, PLENTY);
    let short = Duration::from_millis(30);
    let number =
        client.publish_with(SESSION, Publish::durable(b"1").to(InstanceId([8; 16])).urgent()).unwrap();
    client.flush(PATIENCE).unwrap();
    assert_eq!(line.published().0.destination, InstanceId([8; 16]));
    assert!(matches!(client.wait_for(SESSION, number, Stage::Stored, short), Err(ClientError::TimedOut(_))));
    line.progress(1, 0);
    client
        .wait_for(SESSION, number, Stage::Stored, PATIENCE)
        .expect("live sessions store nothing: appended is enough");
    assert!(client.wait_for(SESSION, number, Stage::HeldBy(1), short).is_err());
}
