//! Running a program together from within a chat in a terminal: commands, the card of an invitation, and its end.

use crate::{
    terminal::Terminal,
    together::{SLEEPER, await_standing, end, register, run, seen},
};
use chalktalk_tests::{lab::Lab, programs::SOON, runner::Test, tests, wait};

pub(crate) const TESTS: &[Test] = tests![
    a_program_is_started_answered_and_ended_from_the_chat,
    what_a_chat_types_in_the_form_of_an_invitation_offers_nothing,
];

/// Whether the talk, on as many rows as it takes, has all of these.
fn line(terminal: &Terminal<'_>, words: &[&str]) -> bool {
    let screen = terminal.screen();
    let rows = screen.lines().map(|row| row.split_once('│').map_or(row, |(_, talk)| talk));
    let talk: Vec<&str> = rows.flat_map(str::split_whitespace).collect();
    let talk = talk.join(" ");
    words.iter().all(|word| talk.contains(word.trim()))
}

fn await_line(terminal: &Terminal<'_>, words: &[&str]) {
    let start = std::time::Instant::now();
    while !line(terminal, words) {
        assert!(start.elapsed() < SOON, "no {words:?} on the screen:\n{}", terminal.screen());
        std::thread::sleep(std::time::Duration::from_millis(100));
    }
}

fn a_program_is_started_answered_and_ended_from_the_chat() {
    let (lab, _daemons) = Lab::talking(3);
    let [ana, ben] = [1, 2].map(|n| lab.host(n));
    register(ana, SLEEPER);
    register(ben, &SLEEPER.replace("1.0", "1.1"));
    let known = || run(ana, &["app", "list", "--all"]).matches("sleeper").count() == 1;
    wait::until(SOON, "the agents to have told of it", || {
        known() && run(ana, &["app", "list", "--all"]).contains("1.1")
    });
    let at_ana = Terminal::chat(ana, "#lobby");
    let at_ben = Terminal::chat_in(ben, "bens", "#lobby");
    [&at_ana, &at_ben].iter().for_each(|terminal| terminal.await_text("#lobby"));
    at_ana.type_line("/apps");
    await_line(&at_ana, &["Sleeper (org.example.sleeper 1.0)", "you", "ben (version 1.1)", "not cleo"]);
    at_ana.keys(&["/start Sl"]);
    at_ana.await_text("Sleeper");
    at_ana.keys(&["Tab"]);
    at_ana.await_text("/start Sleeper");
    at_ana.type_line(" Friday nap");
    for terminal in [&at_ana, &at_ben] {
        await_line(terminal, &["▶ Friday nap (org.example.sleeper 1.0) by ana"]);
        await_line(terminal, &["asked ben (version \"1.1\", not \"1.0\")"]);
        await_line(terminal, &["missing cleo (the app is not registered there)"]);
    }
    await_line(&at_ana, &["/cancel Friday nap calls it off"]);
    await_line(&at_ben, &["/accept Friday nap takes part"]);
    at_ben.type_line("/accept Friday nap");
    [&at_ana, &at_ben].iter().for_each(|terminal| await_line(terminal, &["in ana, ben"]));
    assert!(!line(&at_ben, &["#Friday nap"]), "it is no room:\n{}", at_ben.screen());
    let sessions = ana.facts(&["sessions"]);
    let id =
        sessions.as_array().unwrap().iter().find(|one| one["title"] == "#Friday nap").unwrap()["session"]
            .clone();
    let id = id.as_str().unwrap();
    for name in ["ben", "ana"] {
        end(&await_standing(&[ana, ben], id, name, "in")["pid"]);
    }
    for terminal in [&at_ana, &at_ben] {
        await_line(terminal, &["■ Ended: Friday nap, ana, ben"]);
        await_line(terminal, &["■ Friday nap", "ended"]);
    }
    // Calling off and declining.
    at_ana.type_line("/start org.example.sleeper");
    await_line(&at_ben, &["/accept Sleeper takes part"]);
    at_ben.type_line("/decline Sleeper");
    await_line(&at_ana, &["declined ben"]);
    at_ana.type_line("/cancel");
    await_line(&at_ben, &["Sleeper (org.example.sleeper 1.0) by ana"]);
    wait::until(SOON, "the end of it", || {
        line(&at_ana, &["Sleeper", "ended"]) || line(&at_ana, &["Ended: Sleeper"])
    });
}

fn what_a_chat_types_in_the_form_of_an_invitation_offers_nothing() {
    let (lab, _daemons) = Lab::talking(2);
    let [ana, ben] = [1, 2].map(|n| lab.host(n));
    register(ben, SLEEPER);
    let at_ben = Terminal::chat(ben, "#lobby");
    at_ben.await_text("#lobby");
    let id = "11111111-1111-8111-9111-111111111111";
    ana.send("#lobby", &format!("invite nway {id} org.example.sleeper 1.0 Free money"));
    await_line(&at_ben, &["Free money (org.example.sleeper): over"]);
    assert!(!line(&at_ben, &["/accept"]), "{}", at_ben.screen());
    at_ben.type_line("/accept Free money");
    at_ben.await_text("No invitation to");
    assert!(seen(ben, id).is_none());
}
