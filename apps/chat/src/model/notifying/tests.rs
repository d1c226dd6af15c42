//! What the model wants shown on the desktop, and what becomes of what people do with it.

use super::*;
use crate::{
    conversation::tests::message,
    model::{
        Input,
        tests::{act, ana, deliver, effects, open, person, published, run, typed},
    },
};
use chalktalk_client::chat::{Kind, Place};
use chalktalk_ipc::{AppId, UserId, nway::AppInvitation, request::Availability};

const LOBBY: SessionId = SessionId([1; 16]);
const GARDEN: SessionId = SessionId([2; 16]);

/// ana looks at the lobby; the garden and ben are open beside it.
fn rooms() -> Model {
    let mut model = ana();
    open(&mut model, 1, "#lobby", Scope::Open);
    open(&mut model, 2, "#garden", Scope::Open);
    open(&mut model, 3, "@ben", Scope::Direct);
    model.update(Input::People(vec![person(1, "ana", "ana-laptop", Availability::Online)]), 0);
    act(&mut model, Action::Go(LOBBY));
    model.take_effects();
    model
}

fn shown(model: &mut Model) -> Vec<(String, String)> {
    let shown = |effect| match effect {
        Effect::Notify(new) => Some((new.title, new.text)),
        _ => None,
    };
    effects(model).into_iter().filter_map(shown).collect()
}

fn mentions(model: &mut Model, session: u8, stamp: u64, now: u64) {
    let mut message = message(session, 2, stamp, "@ana look");
    message.mentions_you = true;
    model.update(Input::Delivered(vec![message]), now);
}

fn is_rung(model: &mut Model) -> bool {
    effects(model).contains(&Effect::Bell)
}

#[test]
fn mentions_and_what_is_said_in_private_are_shown_and_the_rest_if_that_is_wanted() {
    let mut model = rooms();
    deliver(&mut model, 2, 2, 1, "the beans are up");
    assert_eq!(shown(&mut model), [], "not for ana");
    mentions(&mut model, 2, 2, 0);
    assert_eq!(shown(&mut model), [("ben in #garden (2)".to_owned(), "@ana look".to_owned())]);
    deliver(&mut model, 3, 2, 1, "/me waves");
    assert_eq!(shown(&mut model), [("ben".to_owned(), "ben waves".to_owned())]);
    deliver(&mut model, 3, 1, 2, "my own, from elsewhere");
    assert_eq!(shown(&mut model), []);
    mentions(&mut model, 1, 3, 0);
    assert_eq!(shown(&mut model), [], "the lobby is in view");
    model.update(Input::Looking(false), 0);
    mentions(&mut model, 1, 4, 0);
    assert_eq!(shown(&mut model), [("ben in #lobby".to_owned(), "@ana look".to_owned())]);
    typed(&mut model, "/watch beans");
    act(&mut model, Action::Send);
    deliver(&mut model, 2, 2, 5, "more beans");
    assert_eq!(shown(&mut model), [("ben in #garden (3)".to_owned(), "more beans".to_owned())]);
    typed(&mut model, "/notify all");
    act(&mut model, Action::Send);
    assert!(effects(&mut model).contains(&Effect::Keep(Change::Level(LOBBY, Level::All))));
    deliver(&mut model, 1, 2, 6, "anything");
    assert_eq!(shown(&mut model), [("ben in #lobby (2)".to_owned(), "anything".to_owned())]);
    typed(&mut model, "/notify nothing");
    act(&mut model, Action::Send);
    mentions(&mut model, 1, 7, 0);
    assert!(!is_rung(&mut model), "and nothing rings");
    let [lobby, ..] = &model.conversations[..] else { panic!() };
    assert_eq!((lobby.unread, lobby.mentions), (3, 2), "but it counts");
    typed(&mut model, "/notify mentions");
    act(&mut model, Action::Send);
    assert!(effects(&mut model).contains(&Effect::Keep(Change::Level(LOBBY, Level::Mentions))));
    assert_eq!(model.flash.clone().unwrap().1.split(" in #lobby").count(), 2);
}

#[test]
fn who_is_busy_and_whose_hours_are_quiet_is_shown_nothing() {
    let mut model = rooms();
    for (line, shows) in [("/status busy", false), ("/status online", true)] {
        run(&mut model, line);
        mentions(&mut model, 2, u64::from(shows) + 1, 0);
        assert_eq!(shown(&mut model).len(), usize::from(shows), "{line}");
    }
    // By the clock on the wall, wherever this runs.
    let at = |time: &str| {
        let day: jiff::civil::Date = "2026-03-10".parse().unwrap();
        let time = day.to_datetime(crate::notify::clock(time).unwrap());
        time.to_zoned(TimeZone::system()).unwrap().timestamp().as_millisecond() as u64
    };
    run(&mut model, "/quiet 22:00-07:00");
    assert_eq!(model.flash.clone().unwrap().1, "Quiet hours: 22:00-07:00.");
    for (stamp, (time, shows)) in
        [("21:59", true), ("22:00", false), ("23:30", false), ("06:59", false), ("07:00", true)]
            .into_iter()
            .enumerate()
    {
        mentions(&mut model, 2, stamp as u64 + 10, at(time));
        let effects = effects(&mut model);
        let shown = effects.iter().any(|effect| matches!(effect, Effect::Notify(_)));
        assert_eq!((shown, effects.contains(&Effect::Bell)), (shows, shows), "{time}");
        assert_eq!(model.quiet_hours().is_none(), shows, "{time}");
        assert!(model.quiet_change().unwrap() > at(time), "the header changes by itself");
    }
    assert_eq!(model.conversations[1].unread, 7);
    run(&mut model, "/quiet off");
    mentions(&mut model, 2, 20, at("23:00"));
    assert_eq!(shown(&mut model).len(), 1);
}

#[test]
fn what_was_seen_deleted_or_left_is_taken_back() {
    let mut model = rooms();
    let taken_back = |model: &mut Model| effects(model).contains(&Effect::Unnotify(GARDEN));
    mentions(&mut model, 2, 1, 0);
    assert!(!taken_back(&mut model));
    act(&mut model, Action::Go(GARDEN));
    assert!(taken_back(&mut model), "it is in view");
    act(&mut model, Action::Go(LOBBY));
    assert!(!taken_back(&mut model), "once");
    mentions(&mut model, 2, 2, 0);
    let of = Place(message(2, 2, 2, "").position);
    for (by, gone) in [(3, false), (2, true)] {
        let mut delete = message(2, by, 3, "");
        delete.payload = Saying::new("…", Kind::Delete { of }).payload().unwrap();
        model.update(Input::Delivered(vec![delete]), 0);
        assert_eq!(taken_back(&mut model), gone, "deleted by {by}");
    }
    // Deleted before it came.
    let of = Place(message(2, 2, 9, "").position);
    let mut delete = message(2, 2, 10, "");
    delete.payload = Saying::new("…", Kind::Delete { of }).payload().unwrap();
    model.update(Input::Delivered(vec![delete]), 0);
    mentions(&mut model, 2, 9, 0);
    assert_eq!(shown(&mut model), []);
    mentions(&mut model, 2, 11, 0);
    model.update(Input::Left(GARDEN), 0);
    assert!(taken_back(&mut model));
}

#[test]
fn what_was_there_before_is_not_shown_unless_a_chat_for_two_opened_for_it() {
    for (scope, shows) in [(Scope::Open, 0), (Scope::Direct, 1)] {
        let mut model = ana();
        model.update(Input::Looking(false), 0);
        let summary = crate::conversation::tests::summary(1, "@ben", scope);
        model.update(Input::Opened { summary, members: vec![], focus: true, say: None }, 0);
        mentions(&mut model, 1, 1, 0);
        assert_eq!(shown(&mut model).len(), shows, "{scope:?}");
    }
}

#[test]
fn calls_for_help_are_shown_as_often_as_they_ring() {
    let mut model = rooms();
    let calls = |model: &mut Model, stamp| {
        let mut call = message(2, 2, stamp, "");
        let kind = Kind::Call { at: "Room 4".into(), what: "no paper".into() };
        call.payload = Saying::new("help", kind).payload().unwrap();
        call.mentions_you = true;
        model.update(Input::Delivered(vec![call]), 1_732_225_860_000 + stamp * 1000);
        shown(model)
    };
    let text = "🆘 Help wanted in Room 4: no paper".to_owned();
    assert_eq!(calls(&mut model, 1), [("ben in #garden".to_owned(), text)]);
    assert_eq!(calls(&mut model, 2), []);
}

#[test]
fn a_call_is_answered_from_the_desktop_and_taken_back_when_it_needs_nobody_any_more() {
    let called = |by: u8, stamp| {
        let mut call = message(2, by, stamp, "");
        let kind = Kind::Call { at: "Room 4".into(), what: "no paper".into() };
        call.payload = Saying::new("help", kind).payload().unwrap();
        call
    };
    let of = Place(called(2, 1).position);
    let mut model = rooms();
    model.update(Input::Delivered(vec![called(2, 1)]), 1_732_225_861_000);
    let is_call = |effect: &Effect| matches!(effect, Effect::Notify(Notification { about: About::Call, .. }));
    assert!(effects(&mut model).iter().any(is_call));
    model.update(Input::Notified(GARDEN, Response::Come), 1_732_225_862_000);
    let [said] = &published(&mut model)[..] else { panic!() };
    assert_eq!(said.kind, Kind::Coming { of, off: false });
    model.update(Input::Notified(GARDEN, Response::Come), 1_732_225_863_000);
    assert_eq!(published(&mut model), [], "to nothing that is shown");
    // The person comes by another program of theirs; the caller was helped; somebody else says so, or comes.
    let ends = [
        (1, Kind::Coming { of, off: false }, true),
        (1, Kind::Coming { of, off: true }, false),
        (3, Kind::Coming { of, off: false }, false),
        (3, Kind::Helped { of }, false),
        (2, Kind::Helped { of }, true),
    ];
    for (by, kind, gone) in ends {
        let mut model = rooms();
        model.update(Input::Delivered(vec![called(2, 1)]), 1_732_225_861_000);
        model.take_effects();
        let mut end = message(2, by, 5, "");
        end.payload = Saying::new("…", kind.clone()).payload().unwrap();
        model.update(Input::Delivered(vec![end]), 1_732_225_864_000);
        assert_eq!(effects(&mut model).contains(&Effect::Unnotify(GARDEN)), gone, "{kind:?} by {by}");
    }
}

const PLANS: SessionId = SessionId([7; 16]);
const CHESS: SessionId = SessionId([8; 16]);

fn invited(session: SessionId, nway: Option<(SessionId, &str)>) -> InvitationSummary {
    let nway = nway.map(|(parent, lacks)| AppInvitation {
        parent,
        parent_title: "#garden".into(),
        version: "1.0".into(),
        app_name: None,
        own_version: None,
        lacks: lacks.into(),
        text: String::new(),
    });
    InvitationSummary {
        session,
        app: if nway.is_some() { "org.example.chess".parse().unwrap() } else { AppId::chat() },
        title: if nway.is_some() { "Chess".into() } else { "#plans".into() },
        user: UserId([2; 32]),
        name: "ben".into(),
        time: 1,
        nway,
    }
}

fn asks(model: &mut Model, all: &[InvitationSummary]) {
    model.update(Input::Invitations(all.to_vec()), 0);
}

#[test]
fn an_invitation_is_shown_once_and_taken_back_when_it_was_answered_anywhere() {
    let mut model = rooms();
    let (room, app) = (invited(PLANS, None), invited(CHESS, Some((GARDEN, ""))));
    asks(&mut model, std::slice::from_ref(&room));
    assert_eq!(shown(&mut model), [], "it has come before this chat did");
    asks(&mut model, &[]);
    assert!(!effects(&mut model).contains(&Effect::Unnotify(PLANS)), "nothing is shown");
    asks(&mut model, &[room.clone(), app.clone()]);
    let (plans, chess) = ("ben invites you", "You are asked to run Chess together.");
    assert_eq!(
        shown(&mut model),
        [(plans.to_owned(), "#plans".to_owned()), ("ben in #garden".to_owned(), chess.to_owned())]
    );
    asks(&mut model, &[room.clone(), app.clone()]);
    assert_eq!(shown(&mut model), [], "once");
    asks(&mut model, std::slice::from_ref(&app));
    let gone = effects(&mut model);
    assert!(gone.contains(&Effect::Unnotify(PLANS)) && !gone.contains(&Effect::Unnotify(CHESS)), "{gone:?}");
    // Where its card stands somebody looks.
    act(&mut model, Action::Go(GARDEN));
    assert!(effects(&mut model).contains(&Effect::Unnotify(CHESS)));
    asks(&mut model, &[]);
    asks(&mut model, std::slice::from_ref(&app));
    assert_eq!(shown(&mut model), []);
    model.update(Input::Looking(false), 0);
    asks(&mut model, &[]);
    asks(&mut model, &[invited(CHESS, Some((GARDEN, "chess is not here")))]);
    let [(_, text)] = &shown(&mut model)[..] else { panic!() };
    assert_eq!(text, &format!("{chess} But chess is not here."));
}

#[test]
fn invitations_obey_what_is_wanted() {
    let mut model = rooms();
    asks(&mut model, &[]);
    let all = [invited(PLANS, None), invited(CHESS, Some((GARDEN, "")))];
    let mut comes = |line: &str| {
        run(&mut model, line);
        asks(&mut model, &all);
        let effects = effects(&mut model);
        asks(&mut model, &[]);
        let count = effects.iter().filter(|effect| matches!(effect, Effect::Notify(_))).count();
        (count, effects.iter().filter(|effect| **effect == Effect::Bell).count())
    };
    assert_eq!(comes("/status busy"), (0, 0));
    assert_eq!(comes("/status online"), (2, 2));
    assert_eq!(comes("/join #garden"), (1, 2), "the card is in view");
    comes("/notify nothing");
    assert_eq!(comes("/join #lobby"), (1, 1), "nothing of what comes in the garden");
}

#[test]
fn an_invitation_is_answered_from_the_desktop_as_long_as_it_waits() {
    let answered = |session, response, all: &[InvitationSummary]| {
        let mut model = rooms();
        asks(&mut model, &[]);
        asks(&mut model, all);
        model.take_effects();
        model.update(Input::Notified(session, response), 0);
        let effects = effects(&mut model).into_iter().filter(|effect| *effect != Effect::Unnotify(session));
        (effects.collect::<Vec<_>>(), model)
    };
    let all = [invited(PLANS, None), invited(CHESS, Some((GARDEN, "")))];
    let done = |session, response: Response| answered(session, response, &all).0;
    assert_eq!(done(PLANS, Response::Accept), [Effect::Accept(PLANS), Effect::Raise]);
    assert_eq!(done(PLANS, Response::Decline), [Effect::Decline(PLANS)]);
    assert_eq!(done(CHESS, Response::Accept), [Effect::TakePart(CHESS, Part::Player)]);
    assert_eq!(done(CHESS, Response::Decline), [Effect::Decline(CHESS)]);
    for response in [Response::Accept, Response::Decline] {
        assert_eq!(answered(PLANS, response, &[]).0, [], "it waits no more");
    }
    let (effects, model) = answered(PLANS, Response::Open, &all);
    assert!(effects.contains(&Effect::Raise), "{effects:?}");
    assert_eq!(model.current().unwrap().editor.text(), "/accept #plans");
    let (effects, model) = answered(CHESS, Response::Open, &all);
    assert!(effects.contains(&Effect::Raise) && model.focus == Some(GARDEN), "{effects:?}");
}

#[test]
fn words_in_the_form_of_an_invitation_are_not_shown() {
    let mut model = rooms();
    let id = "11111111-1111-8111-9111-111111111111";
    deliver(&mut model, 3, 2, 1, &format!("invite nway {id} org.example.chess 1.0 Free money"));
    assert_eq!(shown(&mut model), [], "invitations are told by the daemon");
    assert_eq!(model.conversations[2].unread, 1);
    deliver(&mut model, 3, 2, 2, &format!("nway {id} ended: Chess, ana, ben"));
    assert_eq!(shown(&mut model), [("ben (2)".to_owned(), "Ended: Chess, ana, ben".to_owned())]);
}

#[test]
fn an_answer_is_said_in_its_conversation_and_never_lost() {
    let mut model = rooms();
    mentions(&mut model, 2, 1, 0);
    typed(&mut model, "half a thought");
    let reply = |model: &mut Model, session, text: &str| {
        model.update(Input::Notified(session, Response::Reply(text.into())), 0);
    };
    let garden = |model: &Model| model.conversations.iter().find(|c| c.session() == GARDEN).cloned().unwrap();
    reply(&mut model, GARDEN, "coming :+1:");
    assert_eq!(published(&mut model), [Saying::plain("coming 👍")]);
    assert_eq!((model.focus, model.current().unwrap().editor.text()), (Some(LOBBY), "half a thought"));
    assert!(garden(&model).unread == 1 && garden(&model).new_from.is_some(), "what is new is still new");
    reply(&mut model, GARDEN, " \n");
    reply(&mut model, GARDEN, "/quit");
    let kept = effects_with_drafts(&mut model);
    assert_eq!(kept, [Effect::KeepDraft(GARDEN, "/quit".into())], "it is no command, and no word for all");
    let long = "x".repeat(70_000);
    reply(&mut model, GARDEN, &long);
    assert_eq!(garden(&model).editor.text(), format!("/quit\n{long}"));
    model.update(Input::Left(GARDEN), 0);
    reply(&mut model, GARDEN, "too late");
    assert_eq!(model.current().unwrap().editor.text(), "half a thought\ntoo late");
    assert_eq!(
        model.flash.clone().unwrap().1,
        "What you answered was not sent: it waits in the line of #lobby."
    );
}

fn effects_with_drafts(model: &mut Model) -> Vec<Effect> {
    model.take_effects().into_iter().filter(|effect| matches!(effect, Effect::KeepDraft(..))).collect()
}

#[test]
fn who_opens_it_is_there() {
    let mut model = rooms();
    mentions(&mut model, 2, 1, 0);
    model.take_effects();
    model.update(Input::Notified(GARDEN, Response::Open), 0);
    let effects = effects(&mut model);
    assert!(effects.contains(&Effect::Raise) && effects.contains(&Effect::Unnotify(GARDEN)), "{effects:?}");
    assert_eq!((model.focus, model.current().unwrap().unread), (Some(GARDEN), 0));
    model.update(Input::Notified(SessionId([9; 16]), Response::Open), 0);
    assert!(model.take_effects().iter().any(|effect| matches!(effect, Effect::Join { .. })));
    assert_eq!(model.focus, Some(GARDEN));
}

#[test]
fn why_the_desktop_shows_nothing_is_told_to_who_asks() {
    let mut model = rooms();
    model.update(Input::Desktop(Err("no bus".into())), 0);
    assert_eq!(model.flash, None);
    run(&mut model, "/notify");
    assert!(model.flash.clone().unwrap().1.starts_with("The desktop shows nothing (no bus)."));
    model.update(Input::Desktop(Ok(())), 0);
    run(&mut model, "/notify");
    assert!(!model.flash.clone().unwrap().1.contains("shows nothing"));
}

#[test]
fn long_texts_are_cut() {
    assert_eq!(cut("short"), "short");
    assert_eq!(cut(&"é".repeat(300)).chars().count(), MOST + 1);
}

#[test]
fn that_a_chat_goes_on_in_the_tray_is_told_once() {
    let mut model = rooms();
    model.update(Input::Stowed, 0);
    let told = effects(&mut model);
    assert!(told.contains(&Effect::Keep(Change::Setting(Setting::TrayTold))), "{told:?}");
    let is_place =
        |effect: &Effect| matches!(effect, Effect::Notify(Notification { about: About::Place, .. }));
    assert!(told.iter().any(is_place), "{told:?}");
    mentions(&mut model, 1, 1, 0);
    assert_eq!(shown(&mut model), [("ben in #lobby".to_owned(), "@ana look".to_owned())], "nobody looks");
    model.update(Input::Stowed, 0);
    assert_eq!(effects(&mut model), []);
}
