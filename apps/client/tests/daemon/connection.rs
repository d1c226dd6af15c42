//! Attaching, asking, being refused, losing the daemon and finding it again.

use crate::fake::*;
use chalktalk_client::{
    Client, ClientError, ClientEvent,
    ipc::{
        Answer, AppId, Event, FrameKind, InstanceId, RefusalCode, Request,
        batch::DeliverFlags,
        codec::put_frame,
        event::SessionSummary,
        request::{From, HistoryPoint, Role, SessionKind, Topic},
    },
};
use std::{
    io::Write,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

#[test]
fn it_says_hello_attaches_and_knows_where_it_is() {
    let daemon = Daemon::new();
    let builder = daemon.builder().name("test 1").role(Role::Observer).token(Some("t0".into()));
    let session: Option<SessionSummary> = Some(summary(SessionKind::Kept));
    let client = during(
        || builder.connect().unwrap().0,
        || {
            let mut line = daemon.accept();
            line.greet(1);
            let call = line.call();
            let (app, token) = (AppId::chat(), Some("t0".to_string()));
            assert_eq!(call.request, Request::Attach { instance: None, app, role: Role::Observer, token });
            line.reply(call.id, Answer::Attached { instance: INSTANCE, session: session.clone() });
        },
    );
    assert_eq!((client.instance(), client.launched_for()), (INSTANCE, session));
    let welcome = client.welcome();
    assert_eq!(
        (welcome.host.as_str(), welcome.name.as_str(), welcome.daemon.as_str()),
        ("box", "ana", "fake 1")
    );
}

#[test]
fn with_nobody_there_it_says_what_to_do() {
    let error = Client::builder(AppId::chat()).socket("/nonexistent/chalktalk.sock").connect().unwrap_err();
    let text = "no daemon answers at /nonexistent/chalktalk.sock; start one with `chalktalkd`";
    assert_eq!(error.to_string(), text);
    let daemon = Daemon::new();
    let (dead, dir) = (daemon.builder(), daemon.dir.clone());
    let Daemon { .. } = &daemon;
    std::fs::rename(dir.join("daemon.sock"), dir.join("moved")).unwrap();
    assert!(matches!(dead.connect(), Err(ClientError::NoDaemon { .. })));
}

#[test]
fn another_version_is_a_refusal_that_names_both() {
    let daemon = Daemon::new();
    let error = during(|| daemon.builder().connect().unwrap_err(), || daemon.accept().greet(2));
    let ClientError::Refused(refusal) = &error else { panic!("{error:?}") };
    assert_eq!(refusal.code, RefusalCode::Version);
    assert!(refusal.message.contains("version 2") && refusal.message.contains("version 1"), "{refusal}");
}

#[test]
fn a_refused_attachment_is_an_error_with_the_daemons_words() {
    let daemon = Daemon::new();
    let error = during(
        || daemon.builder().connect().unwrap_err(),
        || {
            let mut line = daemon.accept();
            line.greet(1);
            let id = line.call().id;
            line.refuse(id, RefusalCode::Busy, "too many instances");
        },
    );
    assert_eq!(error.to_string(), "too many instances");
}

#[test]
fn a_daemon_that_hangs_up_at_once_is_no_daemon() {
    let daemon = Daemon::new();
    let error = during(|| daemon.builder().connect().unwrap_err(), || drop(daemon.accept()));
    assert!(matches!(error, ClientError::Protocol(_)), "{error:?}");
}

#[test]
fn answers_find_the_threads_that_asked() {
    let daemon = Daemon::new();
    let (client, _events, mut line) = daemon.client(daemon.builder());
    std::thread::scope(|scope| {
        let asking: Vec<_> = (0..8)
            .map(|n| {
                let client = client.clone();
                scope.spawn(move || {
                    (n, client.join(&format!("#{n}"), &AppId::chat(), SessionKind::Kept, true))
                })
            })
            .collect();
        for _ in 0..8 {
            let call = line.call();
            let Request::Join { target, .. } = call.request else { panic!() };
            if target == "#5" {
                line.refuse(call.id, RefusalCode::NotAllowed, "not this one");
            } else {
                line.reply(
                    call.id,
                    Answer::Session(SessionSummary { title: target, ..summary(SessionKind::Kept) }),
                );
            }
        }
        for (n, answer) in asking.into_iter().map(|asked| asked.join().unwrap()) {
            match answer {
                Ok(session) => assert_eq!(session.title, format!("#{n}")),
                Err(refused) => assert_eq!((n, refused.to_string().as_str()), (5, "not this one")),
            }
        }
    });
}

#[test]
fn a_question_without_an_answer_ends_in_time_and_its_answer_is_nobodys() {
    let daemon = Daemon::new();
    let (client, _events, mut line) = daemon.client(daemon.builder());
    let limit = Duration::from_millis(50);
    assert!(matches!(client.request_within(Request::Who, limit), Err(ClientError::TimedOut(_))));
    let id = line.call().id;
    line.reply(id, Answer::Who(vec![]));
    let instances = during(
        || client.instances(true),
        || {
            let id = line.call().id;
            line.reply(id, Answer::Instances(vec![]));
        },
    );
    assert_eq!(instances.unwrap(), []);
}

#[test]
fn history_goes_to_who_asked_and_not_among_the_events() {
    let daemon = Daemon::new();
    let (client, events, mut line) = daemon.with_session(daemon.builder(), SessionKind::Kept, 0);
    let point = HistoryPoint { stamp: 3, position: at(3) };
    let (messages, before) = during(
        || client.history(SESSION, None, 10),
        || {
            let call = line.call();
            assert_eq!(call.request, Request::History { session: SESSION, before: None, limit: 10 });
            let history = DeliverFlags { history: true, ..DeliverFlags::default() };
            line.stream.write_all(&deliver(history, 5, &[b"five"])).unwrap();
            line.deliver(6, &[b"new"]);
            line.stream.write_all(&deliver(history, 3, &[b"three", b"four"])).unwrap();
            line.reply(call.id, Answer::HistoryEnd { before: Some(point) });
        },
    )
    .unwrap();
    let texts: Vec<_> = messages.iter().map(|m| std::str::from_utf8(&m.payload).unwrap()).collect();
    assert_eq!((texts, before), (vec!["three", "four", "five"], Some(point)));
    assert_eq!(payloads(&events, 1), [b"new"]);
}

#[test]
fn a_broken_connection_is_made_again_as_the_same_instance() {
    let daemon = Daemon::new();
    let calls = Arc::new(AtomicUsize::new(0));
    let count = calls.clone();
    let builder = daemon.builder().token(Some("once".into())).on_event(move || {
        count.fetch_add(1, Ordering::SeqCst);
    });
    let (client, events, mut line) = daemon.client(builder);
    during(
        || client.watch(&[Topic::Who]).unwrap(),
        || {
            let id = line.call().id;
            line.reply(id, Answer::Done);
        },
    );
    drop(line);
    assert!(matches!(next(&events), ClientEvent::Disconnected { .. }));
    let mut line = daemon.accept();
    line.greet(1);
    let call = line.call();
    let Request::Attach { instance, token, .. } = call.request else { panic!("{call:?}") };
    assert_eq!((instance, token), (Some(INSTANCE), None), "a token works once");
    line.reply(call.id, Answer::Attached { instance: INSTANCE, session: None });
    assert_eq!(line.call().request, Request::Watch { topics: vec![Topic::Who] });
    assert!(matches!(next(&events), ClientEvent::Reconnected));
    assert!(client.is_connected());
    assert_eq!(calls.load(Ordering::SeqCst), 2, "the app's loop was woken for each event");
}

#[test]
fn what_was_asked_when_it_broke_fails_and_what_is_asked_after_waits() {
    let daemon = Daemon::new();
    let (client, events, mut line) = daemon.client(daemon.builder());
    let error = during(
        || client.who().unwrap_err(),
        || {
            line.call();
            drop(line);
        },
    );
    assert!(matches!(error, ClientError::Disconnected), "{error:?}");
    assert!(matches!(next(&events), ClientEvent::Disconnected { .. }));
    let people = during(
        || client.who(),
        || {
            let mut line = daemon.attached();
            let id = line.call().id;
            line.reply(id, Answer::Who(vec![]));
        },
    );
    assert_eq!(people.unwrap(), []);
}

#[test]
fn garbage_ends_the_connection_and_does_not_make_it_hammer() {
    let mut garbage: Vec<Vec<u8>> = vec![
        vec![0xff; 64],
        vec![0; 64],
        b"HTTP/1.1 400 Bad Request\r\n\r\n".to_vec(),
        vec![3, 0, 0, 0, 9, 1, 1],
    ];
    for kind in [FrameKind::Control, FrameKind::Publish, FrameKind::Deliver] {
        let mut frame = Vec::new();
        put_frame(&mut frame, kind, |out| out.extend_from_slice(&[0xc1; 90]));
        garbage.push(frame);
    }
    let daemon = Daemon::new();
    let (client, events, mut line) = daemon.with_session(daemon.builder(), SessionKind::Kept, 0);
    let begun = Instant::now();
    for bytes in &garbage {
        line.stream.write_all(bytes).unwrap();
        let ClientEvent::Disconnected { reason } = next(&events) else { panic!() };
        assert!(!reason.is_empty());
        assert!(line.is_over());
        line = daemon.attached();
        line.opened(SessionKind::Kept, 0, 0);
        while !matches!(next(&events), ClientEvent::Reconnected) {}
    }
    assert!(begun.elapsed() > Duration::from_secs(2), "each time it waits longer");
    line.deliver(1, &[b"still here"]);
    assert_eq!(payloads(&events, 1), [b"still here"]);
    assert_eq!(client.instance(), INSTANCE);
}

#[test]
fn frames_cut_anywhere_arrive_whole() {
    let daemon = Daemon::new();
    let (_client, events, mut line) = daemon.with_session(daemon.builder(), SessionKind::Kept, 0);
    let frame = deliver(DeliverFlags::default(), 1, &[b"one", b"two"]);
    for byte in &frame {
        line.stream.write_all(&[*byte]).unwrap();
    }
    assert_eq!(payloads(&events, 2), [b"one", b"two"]);
}

#[test]
fn dropping_the_last_clone_ends_the_connection_and_the_events() {
    let daemon = Daemon::new();
    let (client, events, mut line) = daemon.client(daemon.builder());
    let other = client.clone();
    drop(client);
    assert!(line.is_quiet());
    drop(other);
    assert!(line.is_over());
    assert!(events.recv().is_err());
}

#[test]
fn a_closed_client_says_so() {
    let daemon = Daemon::new();
    let (client, _events, _line) = daemon.with_session(daemon.builder(), SessionKind::Kept, 1000);
    client.close();
    assert!(matches!(client.who(), Err(ClientError::Closed)));
    assert!(matches!(client.publish(SESSION, b"x"), Err(ClientError::Closed)));
}

#[test]
fn an_agent_hands_its_registry_over_on_every_connection() {
    let daemon = Daemon::new();
    let builder = daemon.builder().agent(true, vec![]);
    let serve = || {
        let mut line = daemon.accept();
        line.greet(1);
        let call = line.call();
        assert_eq!(call.request, Request::AttachAgent { display: true, apps: vec![] });
        line.reply(call.id, Answer::Done);
        line.event(Event::Changed { topic: Topic::Who });
        line
    };
    let (client, events) = during(|| builder.connect().unwrap(), || drop(serve()));
    assert_eq!(client.instance(), InstanceId::NIL);
    let _line = serve();
    while !matches!(next(&events), ClientEvent::Reconnected) {}
}

#[test]
fn an_app_may_reopen_where_it_likes() {
    let daemon = Daemon::new();
    let (client, events, mut line) = daemon.with_session(daemon.builder(), SessionKind::Kept, 0);
    line.deliver(1, &[b"1", b"2"]);
    assert_eq!(payloads(&events, 2).len(), 2);
    let again = during(|| client.open(SESSION, From::Start), || drop(line.opened(SessionKind::Kept, 0, 0)));
    again.unwrap();
    line.deliver(1, &[b"1", b"2"]);
    assert_eq!(payloads(&events, 2), [b"1", b"2"]);
}

#[test]
fn why_there_is_no_connection_is_told_once_for_each_reason() {
    let daemon = Daemon::new();
    let (_client, events, line) = daemon.client(daemon.builder());
    drop(line);
    assert!(matches!(next(&events), ClientEvent::Disconnected { .. }));
    for _ in 0..2 {
        daemon.accept().greet(2);
    }
    let ClientEvent::Disconnected { reason } = next(&events) else { panic!() };
    assert!(reason.contains("version 2"), "{reason}");
    let _line = daemon.attached();
    assert!(matches!(next(&events), ClientEvent::Reconnected));
}
