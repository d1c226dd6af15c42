//! What people do with messages, as the model does it.

use super::*;
use crate::{
    conversation::tests::message,
    model::{
        Action, Input,
        tests::{act, ana, deliver, open, person, published, run, typed},
    },
};
use chalktalk_ipc::{
    Event, HostId, InstanceId,
    event::{Member, Scope},
    request::Availability,
};

fn lobby() -> Model {
    let mut model = ana();
    open(&mut model, 1, "#lobby", Scope::Open);
    let people = [(1, "ana"), (2, "ben")].map(|(n, name)| person(n, name, "h", Availability::Online));
    model.update(Input::People(people.to_vec()), 0);
    let members = [(1, "ana"), (2, "ben")].map(|(n, name)| Member {
        user: UserId([n; 32]),
        name: name.into(),
        host_id: HostId([n; 16]),
        host: "h".into(),
        instances: vec![InstanceId([n; 16])],
    });
    model.update(Input::Event(Event::Roster { session: SessionId([1; 16]), members: members.to_vec() }), 0);
    model.take_effects();
    model
}

/// What user `n` says comes.
fn comes(model: &mut Model, n: u8, stamp: u64, saying: &Saying) -> Place {
    let mut message = message(1, n, stamp, "");
    message.payload = saying.payload().unwrap();
    let place = Place(message.position);
    model.update(Input::Delivered(vec![message]), 0);
    place
}

fn keys(model: &mut Model, keys: &[OnMessage]) -> Vec<Saying> {
    keys.iter().for_each(|key| act(model, Action::On(*key)));
    published(model)
}

fn flash(model: &Model) -> &str {
    model.flash.as_ref().map_or("", |(_, text)| text)
}

#[test]
fn a_chosen_message_is_answered_edited_and_deleted() {
    let mut model = lobby();
    let of_ben = comes(&mut model, 2, 1, &Saying::plain("tea?"));
    act(&mut model, Action::Select);
    assert_eq!(keys(&mut model, &[OnMessage::Edit, OnMessage::Delete]), [], "it is ben's");
    keys(&mut model, &[OnMessage::Reply]);
    assert_eq!(run(&mut model, "yes :tada:"), [Saying { reply: Some(of_ben), ..Saying::plain("yes 🎉") }]);
    assert_eq!(run(&mut model, "more")[0].reply, None, "one answer answers");
    let of_ana = comes(&mut model, 1, 2, &Saying::plain("yse"));
    act(&mut model, Action::Select);
    while model
        .current()
        .unwrap()
        .lines
        .iter()
        .find(|l| Mode::Selecting(l.order) == model.mode)
        .unwrap()
        .order
        .position()
        != Some(of_ana.0)
    {
        act(&mut model, Action::Up);
    }
    keys(&mut model, &[OnMessage::Edit]);
    assert_eq!(model.current().unwrap().editor.text(), "yse");
    act(&mut model, Action::Edit(crate::editor::Edit::KillToStart));
    assert_eq!(run(&mut model, "yes"), [Saying::new("yes", Kind::Edit { of: of_ana })]);
    comes(&mut model, 1, 3, &Saying::new("yes", Kind::Edit { of: of_ana }));
    assert_eq!(model.current().unwrap().line(of_ana.0).unwrap().said().unwrap().text, "yes");
    model.mode = Mode::Selecting(model.current().unwrap().line(of_ana.0).unwrap().order);
    assert_eq!(keys(&mut model, &[OnMessage::Delete]), [], "not when asked once");
    assert_eq!(keys(&mut model, &[OnMessage::Delete])[0].kind, Kind::Delete { of: of_ana });
}

#[test]
fn reactions_are_toggled_and_told_of() {
    let mut model = lobby();
    assert_eq!(run(&mut model, "/react :+1:"), []);
    let of = comes(&mut model, 2, 1, &Saying::plain("tea?"));
    let on = Kind::React { of, emoji: "👍".into(), off: false };
    assert_eq!(run(&mut model, "/react :+1:"), [Saying::new("👍", on.clone())]);
    comes(&mut model, 1, 2, &Saying::new("👍", on));
    act(&mut model, Action::Select);
    let off = Kind::React { of, emoji: "👍".into(), off: true };
    assert_eq!(keys(&mut model, &[OnMessage::Digit(0)])[0].kind, off);
    let mine = comes(&mut model, 1, 3, &Saying::plain("mine"));
    comes(&mut model, 2, 4, &Saying::new("🎉", Kind::React { of: mine, emoji: "🎉".into(), off: false }));
    assert_eq!(flash(&model), "ben 🎉 to “mine”");
}

#[test]
fn polls_count_one_answer_of_each() {
    let mut model = lobby();
    let poll = run(&mut model, "/poll Tea? | yes | no").remove(0);
    assert_eq!(poll.text, "📊 Tea?\n1. yes\n2. no");
    let of = comes(&mut model, 1, 1, &poll);
    assert_eq!(run(&mut model, "/vote 3"), []);
    assert_eq!(run(&mut model, "/vote 2")[0].kind, Kind::Vote { of, answer: Some(1) });
    for (n, answer) in [(1, 1), (2, 0), (2, 1)] {
        let stamp = 2 + model.current().unwrap().lines.len() as u64 + u64::from(n) + answer as u64;
        comes(&mut model, n, stamp, &Saying::new("v", Kind::Vote { of, answer: Some(answer) }));
    }
    let votes = &model.current().unwrap().line(of.0).unwrap().said().unwrap().fate.votes;
    assert_eq!(votes.values().collect::<Vec<_>>(), [&1, &1]);
}

#[test]
fn a_roll_goes_through_its_witness_and_comes_out_the_same_for_both() {
    let (mut ana, mut ben) = (lobby(), lobby());
    ana.seed([7; 32]);
    ben.seed([8; 32]);
    (ben.me.user, ben.me.instance) = (UserId([2; 32]), InstanceId([2; 16]));
    let roll = run(&mut ana, "/roll 2d6").remove(0);
    let Kind::Roll { witness, .. } = &roll.kind else { panic!("{roll:?}") };
    assert_eq!(*witness, Some(UserId([2; 32])));
    comes(&mut ana, 1, 1, &roll);
    let of = comes(&mut ben, 1, 1, &roll);
    let share = published(&mut ben).remove(0);
    comes(&mut ben, 2, 2, &share);
    comes(&mut ana, 2, 2, &share);
    let reveal = published(&mut ana).remove(0);
    let seen = |model: &Model| {
        outcome(model.current().unwrap().line(of.0).unwrap().said().unwrap(), |_| "ben".into()).unwrap()
    };
    assert_eq!(seen(&ben), "sealed; not told yet");
    comes(&mut ana, 1, 3, &reveal);
    comes(&mut ben, 1, 3, &reveal);
    assert_eq!(seen(&ana), seen(&ben));
    assert!(
        seen(&ana).ends_with("(vouched by ben)")
            && reveal.text.ends_with(seen(&ana).split("  ").next().unwrap()),
        "{}",
        seen(&ana)
    );
    let Kind::Reveal { secret, share, .. } = reveal.kind else { panic!("no reveal") };
    let lie = Saying::new("666", Kind::Reveal { of, secret: format!("{secret}0"), share });
    comes(&mut ben, 1, 4, &lie);
    assert_eq!(seen(&ana), seen(&ben), "a secret that does not fit the seal counts for nothing");
}

#[test]
fn a_witness_that_is_quicker_than_ones_own_disk_is_heard() {
    let mut ana = lobby();
    let roll = run(&mut ana, "/roll 2d6").remove(0);
    let of = Place(message(1, 1, 1, "").position);
    let share = Saying::new("(a share for dice)", Kind::Witness { of, share: "aa".into() });
    comes(&mut ana, 2, 2, &share);
    comes(&mut ana, 1, 1, &roll);
    let revealed = published(&mut ana);
    assert!(matches!(&revealed[..], [Saying { kind: Kind::Reveal { share, .. }, .. }] if share == "aa"));
}

#[test]
fn everybody_and_watched_words_are_mentioned() {
    let mut model = lobby();
    typed(&mut model, "tea @here");
    act(&mut model, Action::Send);
    let mentioned = model.take_effects().into_iter().find_map(|effect| match effect {
        Effect::Publish { mentions, .. } => Some(mentions),
        _ => None,
    });
    assert_eq!(mentioned, Some(vec![UserId([2; 32])]));
    run(&mut model, "/watch Tea");
    open(&mut model, 2, "#garden", Scope::Open);
    for (stamp, text) in [(1, "steam"), (2, "a TEA, please")] {
        deliver(&mut model, 2, 2, stamp, text);
    }
    let garden = model.conversations.iter().find(|c| c.title() == "#garden").unwrap();
    assert_eq!((garden.unread, garden.mentions), (2, 1));
}

#[test]
fn a_part_of_the_talk_can_be_looked_at() {
    let mut model = lobby();
    run(&mut model, "/topic tea");
    let about_tea = run(&mut model, "it is ready").remove(0);
    assert_eq!(about_tea.topic.as_deref(), Some("tea"));
    comes(&mut model, 1, 1, &about_tea);
    deliver(&mut model, 1, 2, 2, "unrelated");
    run(&mut model, "/only tea");
    let shown = |model: &Model| {
        let c = model.current().unwrap();
        let shown = c.lines.iter().filter(|line| c.filter.as_ref().is_none_or(|filter| filter.shows(line)));
        shown.filter_map(Line::said).map(|said| said.text.clone()).collect::<Vec<_>>()
    };
    assert_eq!(shown(&model), ["it is ready"]);
    run(&mut model, "/topics");
    act(&mut model, Action::Escape);
    assert_eq!(shown(&model), ["it is ready", "unrelated"]);
}

#[test]
fn what_is_too_long_stays_where_it_was_written() {
    let mut model = lobby();
    let long = "x".repeat(chalktalk_ipc::MAX_MESSAGE - 2);
    run(&mut model, "/topic tea");
    assert_eq!(run(&mut model, &long), []);
    assert_eq!(model.current().unwrap().editor.text().len(), long.len());
}
