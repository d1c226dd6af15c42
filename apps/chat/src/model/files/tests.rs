//! Files as they are offered, fetched and shared in the model.

use super::*;
use crate::{
    conversation::tests::message,
    model::{
        Action, Input, OnMessage,
        tests::{act, ana, deliver, effects, open, person, typed},
    },
};
use chalktalk_client::{Blob, files::Manifest};
use chalktalk_ipc::{OriginId, event::Scope, request::Availability};

const LOBBY: SessionId = SessionId([1; 16]);

fn offer(name: &str, n: u8, size: u64) -> Offer {
    Offer::file(name, Blob { id: BlobId([n; 32]), size })
}

/// Ana's chat in the lobby, in which ben, user 2, has offered two files and a folder.
fn offered() -> Model {
    let mut model = ana();
    open(&mut model, 1, "#lobby", Scope::Open);
    model.update(Input::People(vec![person(2, "ben", "h2", Availability::Online)]), 0);
    let mut manifest = Manifest::default();
    manifest.add("a.txt", Blob { id: BlobId([9; 32]), size: 5 }, false).unwrap();
    let folder = Offer::folder("photos", &manifest, Blob { id: BlobId([3; 32]), size: 90 });
    let offers = [offer("report.pdf", 1, 4000), offer("notes one.txt", 2, 50), folder];
    for (stamp, offer) in (1..).zip(offers) {
        deliver(&mut model, 1, 2, stamp, &offer.to_string());
    }
    model.take_effects();
    model
}

fn run(model: &mut Model, line: &str) -> Vec<Effect> {
    typed(model, line);
    act(model, Action::Escape);
    act(model, Action::Send);
    effects(model)
}

fn states(model: &Model) -> Vec<String> {
    let c = model.current().unwrap();
    let all = model.offers();
    all.iter().map(|offered| model.files.state(c, offered, model.me.user)).collect()
}

fn published(effects: &[Effect]) -> Vec<Saying> {
    let saying = |effect: &Effect| match effect {
        Effect::Publish { payload, .. } => Some(Saying::read(payload)),
        _ => None,
    };
    effects.iter().filter_map(saying).collect()
}

#[test]
fn a_file_is_fetched_by_name_and_its_state_is_told_at_every_step() {
    let mut model = offered();
    assert_eq!(states(&model)[0], "on 1 of 1 host · /get report.pdf fetches it");
    let fetch = run(&mut model, "/get report.pdf");
    let [Effect::Fetch { id: 1, session: LOBBY, offer, from: OriginId([2, ..]) }] = &fetch[..] else {
        panic!("{fetch:?}")
    };
    assert_eq!(offer.name, "report.pdf");
    assert_eq!(states(&model)[0], "waits for somebody who has it · /stop report.pdf");
    assert_eq!(run(&mut model, "/get report.pdf"), [], "it is on its way");
    for (time, done) in [(1000, 1000), (2000, 3000)] {
        let moved = TransferNews::Moved(Transferred { done, size: 4000, holders: 2 });
        model.update(Input::Transfer(1, moved), time);
    }
    let shown = "▮▮▮▮▮▮▮▯▯▯ 75% of 3.9 KiB, 2.0 KiB/s from 2 · /stop report.pdf";
    assert_eq!(states(&model)[0], shown);
    model.update(Input::Transfer(1, TransferNews::Saved("~/Downloads/report.pdf".into(), vec![])), 0);
    assert_eq!(states(&model)[0], "here: ~/Downloads/report.pdf · on 1 of 1 host");
    let said = published(&effects(&mut model));
    let [Saying { kind: Kind::Got { of }, .. }] = &said[..] else { panic!("{said:?}") };
    assert_eq!(of.0, message(1, 2, 1, "").position);
    let mut got = message(1, 1, 9, "");
    got.payload = said[0].payload().unwrap();
    model.update(Input::Delivered(vec![got]), 0);
    assert_eq!(states(&model)[0], "here: ~/Downloads/report.pdf · on 2 of 2 hosts");
    model.take_effects();
    run(&mut model, "/get report.pdf");
    model.update(Input::Transfer(2, TransferNews::Saved("~/x".into(), vec![])), 0);
    assert_eq!(effects(&mut model), [], "that it is here is said once");
}

#[test]
fn what_fails_says_why_and_can_be_tried_again_and_what_is_stopped_goes_on() {
    let mut model = offered();
    run(&mut model, "/get photos/");
    model.update(Input::Transfer(1, TransferNews::Failed("the disk\u{1b}[2J is full".into())), 0);
    assert_eq!(states(&model)[2], "✗ the disk\u{fffd}[2J is full · /get photos tries again");
    assert!(matches!(&run(&mut model, "/get PHOTOS")[..], [Effect::Fetch { id: 2, .. }]));
    assert_eq!(run(&mut model, "/stop"), [Effect::StopTransfer(2)]);
    model.update(Input::Transfer(2, TransferNews::Stopped), 0);
    assert!(states(&model)[2].contains("/get photos fetches it"));
    assert_eq!(run(&mut model, "/stop"), []);
    assert_eq!(run(&mut model, "/get nothing"), []);
    act(&mut model, Action::Select);
    act(&mut model, Action::Up);
    act(&mut model, Action::On(OnMessage::Get));
    assert!(
        matches!(&effects(&mut model)[..], [Effect::Fetch { offer, .. }] if offer.name == "notes one.txt")
    );
}

#[test]
fn names_are_completed_the_newest_first() {
    let mut model = offered();
    typed(&mut model, "/get ");
    let names = |model: &Model| {
        model.completions().unwrap().items.into_iter().map(|(name, _)| name).collect::<Vec<_>>()
    };
    assert_eq!(names(&model), ["photos", "notes one.txt", "report.pdf"]);
    typed(&mut model, "no");
    assert_eq!(names(&model), ["notes one.txt"]);
    act(&mut model, Action::Complete);
    act(&mut model, Action::Send);
    assert!(
        matches!(&effects(&mut model)[..], [Effect::Fetch { offer, .. }] if offer.name == "notes one.txt")
    );
}

#[test]
fn what_is_shared_is_offered_once_it_is_kept() {
    let mut model = offered();
    let share = run(&mut model, "/share ~/talk.odp");
    assert_eq!(share, [Effect::Share { id: 1, session: LOBBY, path: "~/talk.odp".into() }]);
    let mine = offer("talk.odp", 7, 10);
    let left_out = vec!["~/x".to_owned()];
    model.update(Input::Transfer(1, TransferNews::Shared(mine.clone(), left_out)), 0);
    assert_eq!(published(&effects(&mut model)), [Saying::plain(&mine.to_string())]);
    assert!(run(&mut model, "/share /gone").len() == 1);
    model.update(Input::Transfer(2, TransferNews::Failed("cannot read /gone".into())), 0);
    assert_eq!(model.flash.as_ref().unwrap().1, "gone: cannot read /gone");
}

#[test]
fn what_is_here_can_be_given_to_nobody_and_again() {
    let mut model = offered();
    assert_eq!(run(&mut model, "/pause"), [], "nothing of one's own is here");
    let report = model.offers()[0].offer.clone();
    assert_eq!(run(&mut model, "/pause report.pdf"), []);
    let told = |model: &mut Model, paused: bool| {
        let here = BTreeMap::from([(report.blob.id, paused)]);
        model.update(Input::Files { session: LOBBY, found: vec![], here }, 0);
    };
    told(&mut model, false);
    assert_eq!(run(&mut model, "/pause report.pdf"), [Effect::Pause(LOBBY, report.clone(), true)]);
    told(&mut model, true);
    assert!(states(&model)[0].starts_with("paused: nobody gets it from here"), "{:?}", states(&model));
    typed(&mut model, "/resume ");
    assert_eq!(model.completions().unwrap().items[0].0, "report.pdf");
    act(&mut model, Action::Edit(crate::editor::Edit::Insert("report.pdf".into())));
    act(&mut model, Action::Send);
    assert_eq!(effects(&mut model), [Effect::Pause(LOBBY, report.clone(), false)]);
    let mine = offer("mine.txt", 9, 10);
    deliver(&mut model, 1, 1, 30, &mine.to_string());
    effects(&mut model);
    let here = BTreeMap::from([(mine.blob.id, false)]);
    model.update(Input::Files { session: LOBBY, found: vec![], here }, 0);
    assert_eq!(run(&mut model, "/pause"), [Effect::Pause(LOBBY, mine, true)]);
}

#[test]
fn the_folder_is_shown_of_what_was_written() {
    let mut model = offered();
    let place = model.offers()[0].place;
    act(&mut model, Action::Select);
    let folder = |model: &mut Model| {
        model.open_folder(place);
        effects(model)
    };
    assert_eq!(folder(&mut model), []);
    assert_eq!(model.flash.as_ref().unwrap().1, "It is not in your folder; g fetches it.");
    assert!(matches!(&run(&mut model, "/get report.pdf")[..], [Effect::Fetch { id: 1, .. }]));
    model.update(Input::Transfer(1, TransferNews::Saved("~/Downloads/report.pdf".into(), vec![])), 0);
    effects(&mut model);
    assert_eq!(folder(&mut model), [Effect::OpenFolder("~/Downloads/report.pdf".into())]);
}

#[test]
fn who_is_trusted_once_is_not_asked_about_again() {
    let mut model = offered();
    let ben = UserId([2; 32]);
    assert_eq!(run(&mut model, "/get-all @BEN"), [Effect::Keep(Change::Always(ben, true))]);
    for (stamp, author, size) in [(20, 2, 50), (21, 3, 50), (22, 2, MAX_UNASKED + 1)] {
        deliver(&mut model, 1, author, stamp, &offer("x", stamp as u8, size).to_string());
    }
    let fetched = effects(&mut model).into_iter().filter(|effect| matches!(effect, Effect::Fetch { .. }));
    assert_eq!(fetched.count(), 1, "strangers' and large ones wait");
    assert_eq!(run(&mut model, "/get-all ben"), [Effect::Keep(Change::Always(ben, false))]);
    assert_eq!(run(&mut model, "/get-all zoe"), []);
}

#[test]
fn files_from_long_ago_are_found_and_names_that_deceive_are_shown_as_they_are_used() {
    let mut model = offered();
    assert_eq!(run(&mut model, "/files"), [Effect::Files(LOBBY, true)]);
    let evil = format!("📎 ../../-rf\u{202e}gpj.exe (1 B) blob:{}:10", BlobId([8; 32]));
    let mut old = message(1, 3, 5, &evil);
    old.position.seq = 77;
    let here = BTreeMap::from([(BlobId([1; 32]), false)]);
    model.update(Input::Files { session: LOBBY, found: vec![old], here }, 0);
    let names: Vec<String> = model.offers().into_iter().map(|offered| offered.offer.name).collect();
    assert_eq!(names, ["_._.._-rfgpj.exe", "report.pdf", "notes one.txt", "photos"]);
    assert!(states(&model)[1].starts_with("kept on this host"));
    let lines = &model.current().unwrap().lines;
    let crate::conversation::Body::Notice(_, list) = &lines.last().unwrap().body else { panic!() };
    assert!(list.contains("📎 _._.._-rfgpj.exe (10 B) from chloé: on 1 of 1 host"), "{list}");
}
