//! Who calls for help, who comes, and that nobody can call too often.

use crate::{
    conversation::{OPEN_FOR, Standing, tests::message},
    model::{
        Action, Effect, Input, Model,
        tests::{act, ana, effects, open, published, run, typed},
    },
    telling::{self, Weight},
};
use chalktalk_client::chat::{Kind, Place, Saying};
use chalktalk_ipc::{Position, SessionId, event::Scope};

/// When things happen in these tests.
const NOW: u64 = 1_732_225_900_000;

fn lobby() -> Model {
    let mut model = ana();
    open(&mut model, 1, "#lobby", Scope::Open);
    model.take_effects();
    model
}

fn comes(model: &mut Model, n: u8, stamp: u64, kind: Kind) -> Position {
    let mut message = message(1, n, stamp, "");
    message.payload = Saying::new("text", kind).payload().unwrap();
    let position = message.position;
    model.update(Input::Delivered(vec![message]), NOW);
    position
}

fn call(at: &str) -> Kind {
    Kind::Call { at: at.into(), what: "the beamer".into() }
}

fn standing(model: &Model, at: Position) -> Option<Standing> {
    let c = model.current().unwrap();
    c.standing(c.line(at).unwrap())
}

fn told(model: &Model, at: Position) -> (String, Weight) {
    let c = model.current().unwrap();
    telling::call(c, c.line(at).unwrap()).unwrap()
}

#[test]
fn a_call_says_where_and_without_a_place_how_to_name_one() {
    let mut model = lobby();
    assert_eq!(run(&mut model, "/help-wanted dark"), []);
    assert!(model.flash.clone().unwrap().1.contains("/location Room 4.12"));
    typed(&mut model, "the beamer");
    act(&mut model, Action::Call);
    assert_eq!(model.current().unwrap().editor.text(), "/help-wanted the beamer");
    act(&mut model, Action::Interrupt);
    typed(&mut model, "/location Room 4");
    act(&mut model, Action::Send);
    assert!(effects(&mut model).contains(&Effect::KeepLocation("Room 4".into())));
    let said = run(&mut model, "/help-wanted the beamer");
    assert_eq!(
        (said[0].text.as_str(), &said[0].kind),
        ("🆘 Help wanted in Room 4: the beamer", &call("Room 4"))
    );
    assert_eq!(run(&mut model, "/help-wanted the beamer | Room 5")[0].kind, call("Room 5"));
}

#[test]
fn a_call_from_another_room_waits_for_the_lobby() {
    let mut model = ana();
    open(&mut model, 2, "#garden", Scope::Open);
    model.take_effects();
    typed(&mut model, "/help-wanted the beamer | Room 4");
    act(&mut model, Action::Send);
    assert!(effects(&mut model).contains(&Effect::Join { target: "#lobby".into(), say: None }));
    open(&mut model, 1, "#lobby", Scope::Open);
    assert_eq!(published(&mut model)[0].kind, call("Room 4"));
    assert_eq!(model.focus, Some(SessionId([1; 16])));
}

#[test]
fn who_comes_is_shown_and_only_the_caller_ends_it() {
    let mut model = lobby();
    let at = comes(&mut model, 2, 1, call("Room 4"));
    let of = Place(at);
    assert_eq!(told(&model, at), ("Nobody is coming yet.".into(), Weight::Alarm));
    model.take_effects();
    act(&mut model, Action::Run("/coming".into()));
    assert_eq!(published(&mut model)[0].kind, Kind::Coming { of, off: false });
    comes(&mut model, 1, 2, Kind::Coming { of, off: false });
    comes(&mut model, 3, 3, Kind::Coming { of, off: false });
    comes(&mut model, 2, 4, Kind::Coming { of, off: false });
    assert!(told(&model, at).0.starts_with("2 are coming: "), "not the caller: {:?}", told(&model, at));
    comes(&mut model, 3, 5, Kind::Helped { of });
    assert_eq!(standing(&model, at), Some(Standing::Open), "chloé has not called");
    act(&mut model, Action::Run("/coming".into()));
    assert_eq!(published(&mut model)[0].kind, Kind::Coming { of, off: true }, "again is not after all");
    comes(&mut model, 2, 6, Kind::Helped { of });
    assert_eq!(standing(&model, at), Some(Standing::Helped));
    act(&mut model, Action::Run("/coming".into()));
    assert_eq!(published(&mut model), [], "there is nothing to come to");
}

#[test]
fn the_caller_is_told_who_comes_and_ends_it() {
    let mut model = lobby();
    let at = comes(&mut model, 1, 1, call("Room 4"));
    model.take_effects();
    comes(&mut model, 2, 2, Kind::Coming { of: Place(at), off: false });
    assert_eq!(model.flash.clone().unwrap().1, "ben is coming to help.");
    assert!(model.take_effects().contains(&Effect::Bell));
    assert_eq!(run(&mut model, "/helped")[0].kind, Kind::Helped { of: Place(at) });
}

#[test]
fn a_call_ends_with_its_time_and_not_later_for_a_clock_that_is_ahead() {
    let mut model = lobby();
    let at = comes(&mut model, 2, 1, call("Room 4"));
    let end = model.next_tick().unwrap();
    assert_eq!(end, 1_732_225_861_000 + OPEN_FOR);
    model.update(Input::Tick, end - 1);
    assert_eq!(standing(&model, at), Some(Standing::Open));
    model.update(Input::Tick, end);
    assert_eq!(standing(&model, at), Some(Standing::Over));
    model.update(Input::Tick, 1_732_225_861_000 - OPEN_FOR);
    assert_eq!(standing(&model, at), Some(Standing::Over));
}

#[test]
fn nobody_has_more_than_one_open_call_and_nobody_rings_for_each() {
    let mut model = lobby();
    let calls: Vec<Position> = (1..=50).map(|stamp| comes(&mut model, 2, stamp, call("Room 4"))).collect();
    let rings = |model: &mut Model| effects(model).iter().filter(|e| **e == Effect::Bell).count();
    assert_eq!(rings(&mut model), 1);
    let open = calls.iter().filter(|at| standing(&model, **at) == Some(Standing::Open));
    assert_eq!(open.collect::<Vec<_>>(), [&calls[49]]);
    let c = model.current().unwrap();
    assert_eq!(telling::call(c, c.line(calls[0]).unwrap()), None, "it is text like any other");
    comes(&mut model, 3, 51, call("Room 5"));
    assert_eq!(rings(&mut model), 1, "somebody else's rings all the same");
    typed(&mut model, "/status busy");
    act(&mut model, Action::Send);
    let mut late = message(1, 2, 60, "");
    late.payload = Saying::new("text", call("Room 4")).payload().unwrap();
    model.update(Input::Delivered(vec![late]), NOW + OPEN_FOR);
    assert_eq!(rings(&mut model), 0, "who is busy is not rung for");
}
