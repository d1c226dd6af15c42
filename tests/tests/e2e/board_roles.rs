//! Who may draw on a board: said by its moderators, and the same on every host, whatever anybody's program sends.

use chalktalk_ipc::{SessionId, request::From};
use chalktalk_tests::{
    desktop::{Desktop, OPEN},
    lab::{Host, Lab},
    programs::Output,
    runner::Test,
    tests, wait,
};
use std::time::Duration;

pub(crate) const TESTS: &[Test] = tests![
    whom_a_moderator_lets_only_look_draws_nothing_whatever_they_send,
    what_is_said_while_apart_holds_when_they_meet,
    a_board_that_nobody_made_is_everybodys,
    who_may_only_look_sees_so_in_the_window,
];

/// Long enough for a board to become the same on every host, also on a busy machine.
const SAME: Duration = Duration::from_secs(40);

fn board(host: &Host, arguments: &[&str]) -> Output {
    host.chalktalk(&[&["board"], arguments].concat())
}

fn ok(output: &Output) {
    assert_eq!(output.code(), 0, "{}", output.log);
}

/// A board that the first host's user has made, and everybody is in.
fn club(lab: &Lab) {
    let [ana, others @ ..] = lab.hosts() else { return };
    let mut made = vec!["new".to_owned(), "plans".to_owned()];
    for host in others {
        made.extend(["--invite".to_owned(), host.user_name()]);
    }
    ok(&board(ana, &made.iter().map(String::as_str).collect::<Vec<_>>()));
    for host in others {
        wait::until(SAME, "the invitation", || {
            let invitations = host.facts(&["invitations"]);
            invitations.as_array().is_some_and(|all| !all.is_empty())
        });
        ok(&board(host, &["new", "#plans"]));
    }
}

fn note(host: &Host, text: &str) -> Output {
    let drawing = format!(
        r#"{{"format": "chalktalk-board", "objects": [{{"kind": "note", "at": [0, 0], "size": [90, 60], "text": "{text}"}}]}}"#
    );
    host.chalktalk_fed(&["board", "draw", "#plans", "-"], drawing)
}

/// What is written on a host's board, sorted.
fn texts(host: &Host) -> Vec<String> {
    let output = board(host, &["export", "#plans", "-"]);
    ok(&output);
    let value: serde_json::Value = serde_json::from_str(&output.out.join("\n")).unwrap();
    let texts = value["objects"].as_array().unwrap().iter();
    let mut texts: Vec<String> =
        texts.map(|object| object["text"].as_str().unwrap_or("-").to_owned()).collect();
    texts.sort();
    texts
}

fn await_texts(hosts: &[Host], wanted: &[&str]) {
    for host in hosts {
        let mut found = Vec::new();
        wait::until(SAME, &format!("{wanted:?} on {}", host.label()), || {
            found = texts(host);
            found == wanted
        });
    }
}

/// What a host says that its user may do.
fn await_role(host: &Host, role: &str) {
    wait::until(SAME, &format!("{} to be told: {role}", host.label()), || {
        host.facts(&["board", "role", "#plans"])["you"] == role
    });
}

/// A message of operations: a text of this actor, made at this time.
fn forged(actor: u64, time: u8, text: &str) -> Vec<u8> {
    let mut bytes = vec![1];
    bytes.extend(actor.to_le_bytes());
    bytes.extend([time, 0, 2, 1, 1, 7, 13, text.len() as u8]);
    bytes.extend(text.as_bytes());
    bytes
}

fn whom_a_moderator_lets_only_look_draws_nothing_whatever_they_send() {
    let (lab, _daemons) = Lab::talking(3);
    let [ana, ben, cleo] = lab.hosts() else { return };
    club(&lab);
    ok(&note(ben, "of ben"));
    await_texts(lab.hosts(), &["of ben"]);
    let refused = board(ben, &["role", "#plans", "cleo", "view"]);
    assert!(refused.code() == 4 && refused.log.contains("only moderators"), "{}", refused.log);
    ok(&board(ana, &["role", "#plans", "ben", "view"]));
    await_role(ben, "view");
    let refused = note(ben, "refused");
    assert!(refused.code() == 4 && refused.log.contains("only look"), "{}", refused.log);
    // A program of Ben's that asks nobody: it draws, at an early time too, and says that he moderates.
    let own = ben.app("chalktalk.whiteboard");
    let plans = own.enter(&session(ben), From::Start);
    own.publish(plans, forged(66, 1, "forced"));
    own.publish(plans, forged(66, 100, "forced"));
    let me = own.who().into_iter().find(|person| person.me).unwrap().user;
    let name = [&[2, 1][..], &me.0, &[2, 0]].concat();
    let number = own.publish(plans, name);
    own.await_stored(plans, number);
    own.publish(plans, forged(67, 101, "forced"));
    // The others go on, and one of them is named.
    ok(&board(ana, &["role", "#plans", "cleo", "moderate"]));
    await_role(cleo, "moderate");
    await_role(ben, "view");
    ok(&note(cleo, "of cleo"));
    await_texts(lab.hosts(), &["of ben", "of cleo"]);
    ok(&board(cleo, &["role", "#plans", "ben", "default"]));
    await_role(ben, "draw");
    ok(&note(ben, "of ben again"));
    await_texts(lab.hosts(), &["of ben", "of ben again", "of cleo"]);
    let refused = board(cleo, &["role", "#plans", "ana", "view"]);
    assert!(refused.code() == 4 && refused.log.contains("always"), "{}", refused.log);
    let listed = board(ana, &["role", "#plans"]).out.join("\n");
    assert!(listed.contains("made the board") && listed.contains("cleo"), "{listed}");
}

fn session(host: &Host) -> String {
    let sessions = host.facts(&["sessions"]);
    let plans = sessions.as_array().unwrap().iter().find(|session| session["app"] == "chalktalk.whiteboard");
    let id = plans.unwrap()["session"].as_str().unwrap();
    assert!(id.parse::<SessionId>().is_ok());
    id.to_owned()
}

fn what_is_said_while_apart_holds_when_they_meet() {
    let (lab, _daemons) = Lab::talking(3);
    let [ana, ben, cleo] = lab.hosts() else { return };
    club(&lab);
    ok(&note(ben, "before"));
    await_texts(lab.hosts(), &["before"]);
    // Ben is away, hears nothing, and draws; so does Cleo, alone.
    ben.link_down();
    cleo.link_down();
    ok(&board(ana, &["role", "#plans", "everybody", "view"]));
    ok(&note(ben, "while away"));
    ok(&note(cleo, "alone"));
    await_texts(std::slice::from_ref(ben), &["before", "while away"]);
    // Those two meet first.
    ana.link_down();
    ben.link_up();
    cleo.link_up();
    await_texts(&[ben.clone(), cleo.clone()], &["alone", "before", "while away"]);
    ana.link_up();
    await_texts(lab.hosts(), &["before"]);
    let refused = note(cleo, "refused");
    assert_eq!(refused.code(), 4, "{}", refused.log);
    ok(&note(ana, "of ana"));
    ok(&board(ana, &["role", "#plans", "everybody", "draw"]));
    await_role(ben, "draw");
    ok(&note(ben, "after"));
    await_texts(lab.hosts(), &["after", "before", "of ana"]);
}

fn a_board_that_nobody_made_is_everybodys() {
    let (lab, _daemons) = Lab::talking(2);
    lab.hosts().iter().for_each(|host| ok(&board(host, &["new", "#plans"])));
    ok(&note(lab.host(1), "one"));
    let refused = board(lab.host(1), &["role", "#plans", "ben", "view"]);
    assert!(refused.code() == 4 && refused.log.contains("everybody's"), "{}", refused.log);
    await_role(lab.host(2), "draw");
    ok(&note(lab.host(2), "two"));
    await_texts(lab.hosts(), &["one", "two"]);
}

/// A moderator's window and that of somebody who may only look; with `CHALKTALK_PICTURES`, a folder, one can look at them there.
fn who_may_only_look_sees_so_in_the_window() {
    let (lab, _daemons) = Lab::talking(2);
    let [ana, ben] = lab.hosts() else { return };
    club(&lab);
    ok(&note(ana, "of ana"));
    let desks = [ana, ben].map(|host| Desktop::open(host, "#plans", [1280, 800]));
    let rectangle = |desk: &Desktop| {
        desk.does("key r mousemove 500 300 mousedown 1 sleep 0.1");
        desk.does("mousemove 560 340 sleep 0.1 mousemove 640 380 sleep 0.1 mouseup 1");
    };
    let drawn = || texts(ana).iter().filter(|text| *text == "-").count();
    wait::until(OPEN, "Ben's rectangle at Ana's", || {
        rectangle(&desks[1]);
        drawn() > 0
    });
    ok(&board(ana, &["role", "#plans", "ben", "view"]));
    await_role(ben, "view");
    // What was on its way counts or not by what Ana had seen; from now on nothing does.
    let before = drawn();
    rectangle(&desks[1]);
    rectangle(&desks[1]);
    if let Some(folder) = std::env::var_os("CHALKTALK_PICTURES").map(std::path::PathBuf::from) {
        for (desk, act, name) in [
            (&desks[1], "mousemove 330 30 sleep 0.8", "roles-ben"),
            (&desks[1], "mousemove 979 36 click 1 sleep 0.8", "roles-ben-menu"),
            (&desks[0], "mousemove 979 36 click 1 sleep 0.8", "roles-ana-everybody"),
            (&desks[0], "key Escape mousemove 1047 36 click 1 sleep 0.8", "roles-ana-person"),
        ] {
            desk.does(act);
            desk.picture(&folder.join(format!("{name}.png")));
        }
        desks.iter().for_each(|desk| desk.does("key Escape sleep 0.2"));
    }
    ok(&board(ana, &["role", "#plans", "ben", "draw"]));
    await_role(ben, "draw");
    assert_eq!(drawn(), before, "what Ben tried is on no board");
    wait::until(OPEN, "Ben to draw again", || {
        rectangle(&desks[1]);
        drawn() > before
    });
}
