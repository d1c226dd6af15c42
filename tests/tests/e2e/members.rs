//! Sessions by invitation: who is asked in comes in, who is put out reads nothing more, and nobody else sees anything.

use chalktalk_tests::{
    lab::{Host, Lab},
    programs::SOON,
    runner::Test,
    tests, wait,
};
use serde_json::Value;
use std::time::Duration;

pub(crate) const TESTS: &[Test] = tests![
    who_is_invited_comes_in_and_a_stranger_sees_nothing,
    an_invitation_waits_for_who_is_away_and_outlives_restarts,
    who_is_removed_reads_nothing_more_and_is_told_so,
    newcomers_see_the_past_or_not_as_the_room_was_made,
    an_invitation_can_be_declined_and_names_are_told_apart,
    what_is_not_allowed_is_refused_with_what_to_do,
];

/// Long enough for anything that is going to arrive.
const QUIET: Duration = Duration::from_millis(1200);

fn run(host: &Host, arguments: &[&str]) -> String {
    let output = host.chalktalk(arguments);
    assert_eq!(output.code(), 0, "{arguments:?}: {}", output.log);
    output.log
}

fn refused(host: &Host, arguments: &[&str], said: &str) {
    let output = host.chalktalk(arguments);
    assert!(
        output.code() == 4 && output.log.contains(said),
        "{arguments:?}: {} {}",
        output.code(),
        output.log
    );
}

/// The session of this name, as a host's user sees it.
fn session(host: &Host, title: &str) -> Option<Value> {
    let sessions = host.facts(&["sessions"]);
    sessions.as_array().unwrap().iter().find(|session| session["title"] == title).cloned()
}

/// The id of the one invitation that waits on a host.
fn invited(host: &Host) -> String {
    let waiting = || host.facts(&["invitations"]).as_array().unwrap().first().cloned();
    let invitation = wait::for_some(SOON, "the invitation", waiting);
    invitation["session"].as_str().unwrap().to_owned()
}

fn accept(host: &Host) {
    let id = invited(host);
    run(host, &["accept", &id]);
}

fn hears(host: &Host, room: &str, text: &str) {
    wait::until(SOON, &format!("{text:?} to arrive"), || host.history(room).iter().any(|line| line == text));
}

fn who_is_invited_comes_in_and_a_stranger_sees_nothing() {
    let (lab, _daemons) = Lab::talking(3);
    let [ana, ben, cleo] = [1, 2, 3].map(|n| lab.host(n));
    run(ana, &["room", "create", "plans", "--invite", "ben"]);
    run(ana, &["send", "#plans", "at eight"]);
    assert!(session(ben, "#plans").is_none(), "nobody is put into a session");
    accept(ben);
    hears(ben, "#plans", "at eight");
    run(ben, &["send", "#plans", "I bring the maps"]);
    hears(ana, "#plans", "I bring the maps");
    let seen = session(ben, "#plans").unwrap();
    assert_eq!((&seen["scope"], &seen["sealed"]), (&"invite".into(), &true.into()));
    wait::until(SOON, "both to be seen", || {
        session(ana, "#plans").unwrap()["members"].as_array().unwrap().len() == 2
    });
    std::thread::sleep(QUIET);
    assert!(session(cleo, "#plans").is_none());
    assert_eq!(cleo.facts(&["invitations"]).as_array().unwrap().len(), 0);
    refused(cleo, &["room", "join", seen["session"].as_str().unwrap()], "no session");
}

fn an_invitation_waits_for_who_is_away_and_outlives_restarts() {
    let (lab, mut daemons) = Lab::talking(3);
    let [ana, ben, cleo] = [1, 2, 3].map(|n| lab.host(n));
    run(ana, &["room", "create", "plans", "--invite", "cleo"]);
    accept(cleo);
    daemons[1].kill();
    run(ana, &["invite", "#plans", "ben"]);
    wait::until(SOON, "cleo to know", || session(cleo, "#plans").is_some());
    std::thread::sleep(QUIET);
    daemons[0].stop();
    daemons[1].restart();
    let id = invited(ben);
    daemons[1].kill();
    daemons[1].restart();
    assert_eq!(invited(ben), id, "it is kept");
    run(ben, &["room", "join", "plans"]);
    run(ben, &["send", "#plans", "back"]);
    hears(cleo, "#plans", "back");
    daemons.iter_mut().skip(1).for_each(|daemon| daemon.kill());
    daemons.iter_mut().for_each(|daemon| daemon.restart());
    hears(ana, "#plans", "back");
    run(ana, &["send", "#plans", "and all of us"]);
    hears(ben, "#plans", "and all of us");
    hears(cleo, "#plans", "and all of us");
}

fn who_is_removed_reads_nothing_more_and_is_told_so() {
    let (lab, mut daemons) = Lab::talking(3);
    let [ana, ben, cleo] = [1, 2, 3].map(|n| lab.host(n));
    run(ana, &["room", "create", "plans", "--invite", "ben", "--invite", "cleo"]);
    accept(ben);
    accept(cleo);
    run(ana, &["send", "#plans", "for all"]);
    hears(ben, "#plans", "for all");
    hears(cleo, "#plans", "for all");
    refused(ben, &["remove", "#plans", "cleo"], "only who made #plans and who asked");
    run(ana, &["remove", "#plans", "ben"]);
    wait::until(SOON, "ben to be out", || session(ben, "#plans").is_none());
    run(cleo, &["send", "#plans", "between us"]);
    hears(ana, "#plans", "between us");
    std::thread::sleep(QUIET);
    assert_ne!(ben.chalktalk(&["history", "#plans"]).code(), 0);
    let state = std::fs::read(ben.dir().join("state/chalktalk/log.redb")).unwrap();
    assert!(!state.windows(10).any(|part| part == b"between us"));
    run(cleo, &["room", "leave", "#plans"]);
    assert!(session(cleo, "#plans").is_none());
    wait::until(SOON, "ana to be alone", || {
        session(ana, "#plans").unwrap()["members"].as_array().unwrap().len() == 1
    });
    daemons[0].kill();
    daemons[0].restart();
    run(ana, &["invite", "#plans", "ben"]);
    accept(ben);
    hears(ben, "#plans", "between us");
}

fn newcomers_see_the_past_or_not_as_the_room_was_made() {
    let (lab, _daemons) = Lab::talking(2);
    let [ana, ben] = [1, 2].map(|n| lab.host(n));
    for (room, flag) in [("open-book", None), ("fresh", Some("--no-history"))] {
        let nobody = ["room", "create", room, "--invite", "ben"];
        run(ana, &nobody.into_iter().chain(flag).collect::<Vec<_>>());
        accept(ben);
        run(ana, &["send", &format!("#{room}"), "while ben is in"]);
        hears(ben, &format!("#{room}"), "while ben is in");
    }
    run(ana, &["remove", "fresh", "ben"]);
    wait::until(SOON, "ben to be out", || session(ben, "#fresh").is_none());
    run(ana, &["send", "#fresh", "while ben is out"]);
    run(ana, &["invite", "fresh", "ben"]);
    accept(ben);
    run(ana, &["send", "#fresh", "again"]);
    hears(ben, "#fresh", "again");
    assert_eq!(ben.history("#fresh"), ["while ben is in", "again"]);
}

fn an_invitation_can_be_declined_and_names_are_told_apart() {
    let (lab, _daemons) = Lab::talking(2);
    let [ana, ben] = [1, 2].map(|n| lab.host(n));
    run(ana, &["room", "create", "plans", "--invite", "ben"]);
    let first = invited(ben);
    run(ben, &["decline", &first]);
    assert_eq!(ben.facts(&["invitations"]).as_array().unwrap().len(), 0);
    run(ana, &["room", "create", "plans", "--invite", "ben"]);
    let second = invited(ben);
    assert_ne!(first, second);
    run(ben, &["accept", "#plans"]);
    run(ben, &["send", "#plans", "this one"]);
    hears(ana, &second, "this one");
    refused(ana, &["send", "#plans", "which one?"], &first);
    wait::until(SOON, "ana to hear no", || ana.chalktalk(&["invite", &first, "ben"]).code() == 0);
    assert_eq!(invited(ben), first, "asked again");
}

fn what_is_not_allowed_is_refused_with_what_to_do() {
    let (lab, _daemons) = Lab::talking(2);
    let [ana, ben] = [1, 2].map(|n| lab.host(n));
    refused(ana, &["room", "create", "plans", "--invite", "nobody"], "chalktalk who");
    run(ana, &["room", "create", "open"]);
    refused(ana, &["invite", "#open", "ben"], "room create NAME --invite");
    refused(ben, &["invite", "#plans", "ana"], "you are not in #plans");
    run(ana, &["room", "create", "plans", "--invite", "ben"]);
    refused(ana, &["invite", "#plans", "ben"], "asked already");
    run(ben, &["block", "ana"]);
    std::thread::sleep(QUIET);
    run(ana, &["room", "create", "spam", "--invite", "ben"]);
    std::thread::sleep(QUIET);
    let waiting = ben.facts(&["invitations"]);
    assert!(!waiting.to_string().contains("spam"), "{waiting}");
    assert_eq!(ben.chalktalk(&["accept", "#spam"]).code(), 1);
}
