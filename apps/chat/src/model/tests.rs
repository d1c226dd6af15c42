//! What the model does with what happens.

use super::*;
use crate::conversation::tests::{message, summary};
use chalktalk_client::chat::Saying;
use chalktalk_ipc::{
    AppId, Event, FailReason, HostId, InstanceId, UserId, event::Scope, request::HistoryPoint,
};

/// A person for tests.
pub(crate) fn person(n: u8, name: &str, host: &str, status: Availability) -> Person {
    Person {
        user: UserId([n; 32]),
        name: name.into(),
        host: host.into(),
        host_id: HostId([n; 16]),
        addresses: vec![],
        status,
        verified: false,
        blocked: false,
        changed: false,
        namesake: false,
        saying: String::new(),
        saying_until: None,
        me: n == 1,
    }
}

/// A chat of ana's, in which nothing is open.
pub(crate) fn ana() -> Model {
    let mut model = Model::new(Me {
        user: UserId([1; 32]),
        name: "ana".into(),
        host: "ana-laptop".into(),
        host_id: HostId([1; 16]),
        instance: InstanceId([1; 16]),
    });
    model.take_effects();
    model
}

/// Opens a session.
pub(crate) fn open(model: &mut Model, n: u8, title: &str, scope: Scope) {
    let summary = summary(n, title, scope);
    model.update(Input::Opened { summary, members: vec![], focus: false, say: None }, 0);
    let session = SessionId([n; 16]);
    model.update(Input::Past { session, messages: vec![], before: None }, 0);
    model.update(Input::Event(Event::CaughtUp { session }), 0);
}

/// Delivers a message.
pub(crate) fn deliver(model: &mut Model, session: u8, n: u8, stamp: u64, text: &str) {
    model.update(Input::Delivered(vec![message(session, n, stamp, text)]), 0);
}

pub(crate) fn typed(model: &mut Model, text: &str) {
    model.update(Input::Act(Action::Edit(Edit::Insert(text.into()))), 1_732_225_900_000);
}

pub(crate) fn act(model: &mut Model, action: Action) {
    model.update(Input::Act(action), 1_732_225_900_000);
}

/// What is to be done, but for keeping what is being written.
pub(crate) fn effects(model: &mut Model) -> Vec<Effect> {
    model.take_effects().into_iter().filter(|effect| !matches!(effect, Effect::KeepDraft(..))).collect()
}

/// Types a line, and takes what is published for it.
pub(crate) fn run(model: &mut Model, line: &str) -> Vec<Saying> {
    typed(model, line);
    act(model, Action::Send);
    published(model)
}

/// What is published, out of all that is to be done.
pub(crate) fn published(model: &mut Model) -> Vec<Saying> {
    let saying = |effect| match effect {
        Effect::Publish { payload, .. } => Some(Saying::read(&payload)),
        _ => None,
    };
    model.take_effects().into_iter().filter_map(saying).collect()
}

fn rooms() -> Model {
    let mut model = ana();
    open(&mut model, 2, "#garden", Scope::Open);
    open(&mut model, 1, "#lobby", Scope::Open);
    model.take_effects();
    model
}

fn unread(model: &Model) -> Vec<(String, usize)> {
    model.conversations.iter().map(|c| (c.title(), c.unread)).collect()
}

#[test]
fn what_is_in_view_is_acknowledged_and_the_rest_is_counted() {
    let mut model = rooms();
    assert_eq!(model.focus, Some(SessionId([2; 16])));
    deliver(&mut model, 2, 2, 1, "seen");
    assert!(matches!(&model.take_effects()[..], [Effect::Ack(s, p)] if s.0 == [2; 16] && p.len() == 1));
    deliver(&mut model, 1, 2, 1, "unseen");
    deliver(&mut model, 1, 2, 1, "unseen");
    deliver(&mut model, 1, 1, 2, "mine, from elsewhere");
    assert_eq!(model.take_effects(), []);
    assert_eq!(unread(&model), [("#lobby".into(), 1), ("#garden".into(), 0)]);
    act(&mut model, Action::Switch(1));
    assert!(matches!(&model.take_effects()[..], [Effect::Ack(s, p)] if s.0 == [1; 16] && p.len() == 2));
    assert_eq!(model.current().unwrap().unread, 0);
    assert!(model.current().unwrap().new_from.is_some());
    act(&mut model, Action::Switch(-1));
    assert!(model.conversations[0].new_from.is_none());
}

#[test]
fn what_comes_while_nobody_looks_is_read_when_somebody_does() {
    let mut model = rooms();
    model.update(Input::Looking(false), 0);
    deliver(&mut model, 2, 2, 1, "is anybody there?");
    assert_eq!(model.take_effects(), [], "nothing is acknowledged");
    assert_eq!(unread(&model), [("#lobby".into(), 0), ("#garden".into(), 1)]);
    model.update(Input::Looking(true), 0);
    assert!(matches!(&model.take_effects()[..], [Effect::Ack(s, p)] if s.0 == [2; 16] && p.len() == 1));
    let c = model.current().unwrap();
    assert!(c.unread == 0 && c.new_from.is_some(), "and it is marked as new");
}

#[test]
fn what_came_while_the_chat_was_closed_is_marked() {
    let mut model = ana();
    let summary = summary(1, "#lobby", Scope::Open);
    model.update(Input::Opened { summary, members: vec![], focus: true, say: None }, 0);
    deliver(&mut model, 1, 2, 7, "while you were away");
    model.update(Input::Event(Event::CaughtUp { session: SessionId([1; 16]) }), 0);
    deliver(&mut model, 1, 2, 8, "now");
    let c = model.current().unwrap();
    assert_eq!((c.new_from, c.unread), (Some(c.lines[0].order), 0));
}

#[test]
fn a_direct_message_rings_and_counts_as_a_mention() {
    let mut model = rooms();
    open(&mut model, 3, "@ben", Scope::Direct);
    model.take_effects();
    deliver(&mut model, 3, 2, 1, "psst");
    assert!(model.take_effects().contains(&Effect::Bell));
    assert_eq!(model.conversations[2].mentions, 1);
}

#[test]
fn offers_are_taken_for_rooms_only_and_by_a_room_chat_only() {
    let offer = |model: &mut Model, title: &str, scope| {
        model.update(Input::Event(Event::Offer { session: summary(9, title, scope) }), 0);
        match model.take_effects().pop() {
            Some(Effect::Answer(_, accept)) => accept,
            other => panic!("{other:?}"),
        }
    };
    let mut model = rooms();
    assert!(offer(&mut model, "#ops", Scope::Open));
    assert!(!offer(&mut model, "@ben", Scope::Direct));
    let mut private = ana();
    open(&mut private, 3, "@ben", Scope::Direct);
    assert!(!offer(&mut private, "#ops", Scope::Open));
    private.update(Input::Sessions(vec![summary(1, "#lobby", Scope::Open)]), 0);
    assert!(!private.take_effects().iter().any(|e| matches!(e, Effect::Open(_))));
}

#[test]
fn joined_rooms_are_opened_and_direct_sessions_are_not() {
    let mut model = rooms();
    let ours = vec![
        summary(1, "#lobby", Scope::Open),
        summary(4, "#ops", Scope::Open),
        summary(5, "@ben", Scope::Direct),
        SessionSummary { joined: false, ..summary(6, "#other", Scope::Open) },
        SessionSummary { app: AppId::whiteboard(), ..summary(7, "#board", Scope::Open) },
    ];
    model.update(Input::Sessions(ours), 0);
    let effects = model.take_effects();
    assert!(matches!(&effects[..], [Effect::Open(s)] if s.title == "#ops"), "{effects:?}");
    assert_eq!(model.others.len(), 3);
}

#[test]
fn a_direct_session_that_another_instance_shows_is_marked_when_something_happens_there() {
    let mut model = rooms();
    let listed = |entries| vec![SessionSummary { entries, ..summary(5, "@ben", Scope::Direct) }];
    model.update(Input::Sessions(listed(3)), 0);
    assert!(model.stirred.is_empty());
    model.update(Input::Sessions(listed(4)), 0);
    assert_eq!(model.stirred.iter().collect::<Vec<_>>(), [&SessionId([5; 16])]);
    open(&mut model, 5, "@ben", Scope::Direct);
    model.update(Input::Sessions(listed(4)), 0);
    assert!(model.stirred.is_empty());
}

#[test]
fn lines_are_said_and_commands_are_carried_out() {
    let mut model = rooms();
    model.update(Input::People(vec![person(2, "ben", "laptop", Availability::Online)]), 0);
    typed(&mut model, "hello @ben");
    act(&mut model, Action::Send);
    let session = SessionId([2; 16]);
    let publish = Effect::Publish {
        session,
        local: 1,
        payload: b"hello @ben".to_vec(),
        mentions: vec![UserId([2; 32])],
    };
    assert_eq!(effects(&mut model), [publish]);
    typed(&mut model, "/msg ben psst");
    act(&mut model, Action::Send);
    assert_eq!(effects(&mut model), [Effect::Join { target: "@ben".into(), say: Some("psst".into()) }]);
    typed(&mut model, "/frob");
    act(&mut model, Action::Send);
    assert_eq!((effects(&mut model).len(), model.current().unwrap().editor.text()), (0, "/frob"));
    assert!(matches!(&model.flash, Some((Tone::Alarm, why)) if why.contains("/frob is no command")));
    act(&mut model, Action::Interrupt);
    typed(&mut model, "/join #lobby");
    act(&mut model, Action::Send);
    assert_eq!(model.focus, Some(SessionId([1; 16])), "it is open already");
    model.update(Input::Away("it closed the connection".into()), 0);
    act(&mut model, Action::Interrupt);
    assert_eq!(effects(&mut model), [], "what was said has not gone out");
    act(&mut model, Action::Interrupt);
    assert_eq!(effects(&mut model), [Effect::Quit]);
}

#[test]
fn a_draft_stays_in_its_conversation() {
    let mut model = rooms();
    typed(&mut model, "for the garden");
    act(&mut model, Action::Switch(1));
    assert_eq!(model.current().unwrap().editor.text(), "");
    act(&mut model, Action::Switch(1));
    assert_eq!(model.current().unwrap().editor.text(), "for the garden");
}

#[test]
fn a_completion_is_chosen_and_taken() {
    let mut model = rooms();
    let people = [(2, "ben"), (3, "bea")].map(|(n, name)| person(n, name, "h", Availability::Online));
    model.update(Input::People(people.into()), 0);
    typed(&mut model, "hi @b");
    act(&mut model, Action::Down);
    act(&mut model, Action::Complete);
    assert_eq!(model.current().unwrap().editor.text(), "hi @ben ");
    typed(&mut model, "@b");
    act(&mut model, Action::Escape);
    assert_eq!(model.completions(), None);
    typed(&mut model, "e");
    assert!(model.completions().is_some());
}

#[test]
fn the_past_is_asked_for_once() {
    let mut model = rooms();
    let before = HistoryPoint { stamp: 5, position: message(2, 2, 5, "").position };
    let session = SessionId([2; 16]);
    model.update(Input::Past { session, messages: vec![message(2, 2, 5, "x")], before: Some(before) }, 0);
    model.want_past();
    model.want_past();
    assert_eq!(model.take_effects(), [Effect::Past(session, Some(before))]);
}

#[test]
fn a_line_is_selected_and_copied() {
    let mut model = rooms();
    deliver(&mut model, 2, 2, 1, "first");
    deliver(&mut model, 2, 2, 2, "second\nline");
    model.take_effects();
    act(&mut model, Action::Select);
    act(&mut model, Action::Up);
    act(&mut model, Action::Up);
    act(&mut model, Action::Copy);
    assert_eq!(model.take_effects(), [Effect::Copy("first".into())]);
    assert_eq!(model.mode, Mode::Writing);
}

#[test]
fn what_was_not_taken_says_so_and_does_not_stand_for_what_is_said_again() {
    let (mut model, session) = (rooms(), SessionId([2; 16]));
    let say = |model: &mut Model, local, number| {
        typed(model, "hello");
        act(model, Action::Send);
        model.update(Input::Published { session, local, result: Ok(number) }, 0);
    };
    let refused = |numbers| Input::Refused { session, numbers, reason: "the disk is full".into() };
    say(&mut model, 1, 1);
    model.update(refused(1..=2), 0);
    say(&mut model, 2, 2); // its number comes back later than the word that it was not taken
    say(&mut model, 3, 3);
    deliver(&mut model, 2, 1, 1, "hello");
    let lines = &model.current().unwrap().lines;
    let failures: Vec<usize> = lines
        .iter()
        .filter_map(|line| match &line.body {
            Body::Said(said) => Some(said.own.as_ref().unwrap().failures.len()),
            Body::Notice(..) => None,
        })
        .collect();
    assert_eq!(failures.iter().sum::<usize>(), 2);
    assert_eq!(failures.len(), 3, "the third has taken its place, once");
}

#[test]
fn failures_stand_with_the_message_they_concern() {
    let mut model = rooms();
    let session = SessionId([2; 16]);
    typed(&mut model, "hello");
    act(&mut model, Action::Send);
    model.update(Input::Published { session, local: 1, result: Ok(1) }, 0);
    let failed = |number| Event::Failed {
        session,
        number,
        host: HostId::NIL,
        host_name: "ben\u{1b}-laptop".into(),
        reason: FailReason::NoApp,
        detail: String::new(),
    };
    model.update(Input::Event(failed(1)), 0);
    model.update(Input::Event(failed(9)), 0);
    let c = model.current().unwrap();
    let Body::Said(said) = &c.lines[0].body else { panic!("a notice") };
    assert_eq!(said.own.as_ref().unwrap().failures, ["ben-laptop: the app is not installed there"]);
    assert!(matches!(&c.lines[1].body, Body::Notice(Tone::Alarm, _)));
}
