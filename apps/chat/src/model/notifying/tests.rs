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
use chalktalk_ipc::request::Availability;

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
    assert!(effects(&mut model).contains(&Effect::KeepLevels([(LOBBY, Level::All)].into())));
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
    assert!(effects(&mut model).contains(&Effect::KeepLevels([].into())), "the usual need not be kept");
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
