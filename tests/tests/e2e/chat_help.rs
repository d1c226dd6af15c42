//! Help wanted: everybody on the network is asked, and sees who is coming.

use crate::terminal::Terminal;
use chalktalk_tests::{
    binaries,
    lab::{Lab, Process},
    programs::SOON,
    runner::Test,
    tests, wait,
};
use serde_json::Value;

pub(crate) const TESTS: &[Test] = tests![
    who_wants_help_is_seen_by_all_and_who_comes_too,
    the_command_line_tells_who_is_coming_until_it_is_over,
];

fn who_wants_help_is_seen_by_all_and_who_comes_too() {
    let (lab, _daemons) = Lab::talking(3);
    let ana = Terminal::chat_in(lab.host(1), "of-ana", "#lobby");
    let ben = Terminal::chat_in(lab.host(2), "of-ben", "#garden");
    let third = Terminal::chat_in(lab.host(3), "of-the-third", "#lobby");
    for terminal in [&ana, &third] {
        terminal.await_text("3 here: ");
    }
    ben.await_text("#lobby");
    ana.type_line("/help-wanted");
    ana.await_text("Nobody would find you");
    ana.type_line("/location Room 4.12");
    ana.await_text("You are to be found in Room 4.12.");
    ana.keys(&["the beamer is dark", "F8", "Enter"]);
    ana.await_text("🆘 Help wanted in Room 4.12: the beamer is dark");
    third.await_text("🆘 Help wanted in Room 4.12: the beamer is dark");
    third.await_text("Nobody is coming yet.");
    ben.await_text("ana wants help in Room 4.12");
    ben.keys(&["F9"]);
    for terminal in [&ana, &third] {
        terminal.await_text("1 is coming: ben");
    }
    ana.await_text("ben is coming to help.");
    third.keys(&["F9"]);
    ana.await_text("2 are coming: ");
    third.await_text("2 are coming: ");
    third.type_line("/helped");
    third.await_text("You have no open call for help.");
    ana.type_line("/helped");
    for terminal in [&ana, &third] {
        terminal.await_text("Helped, thank you: ");
    }
    // The command line knows what the chat has written down; a name for once goes before it.
    let output = lab.host(1).chalktalk(&["help-wanted", "no paper"]);
    assert!(output.status.success(), "{output:?}");
    third.await_text("🆘 Help wanted in Room 4.12: no paper");
    let output = lab.host(1).chalktalk(&["help-wanted", "--at", "Room 5"]);
    assert!(output.status.success(), "{output:?}");
    third.await_text("🆘 Help wanted in Room 5");
    third.await_text("Nobody is coming yet.");
    let nowhere = lab.host(3).chalktalk(&["help-wanted"]);
    assert!(!nowhere.status.success() && nowhere.log.contains("--at ROOM"), "{nowhere:?}");
}

fn the_command_line_tells_who_is_coming_until_it_is_over() {
    let (lab, _daemons) = Lab::talking(3);
    let ana = Terminal::chat_in(lab.host(1), "of-ana", "#lobby");
    let ben = Terminal::chat_in(lab.host(2), "of-ben", "#lobby");
    let third = Terminal::chat_in(lab.host(3), "of-the-third", "#lobby");
    for terminal in [&ana, &ben, &third] {
        terminal.await_text("3 here: ");
    }
    // In a terminal it stays, and Ctrl-C leaves the call open.
    let command = binaries::path("chalktalk");
    let command = format!(
        "{} help-wanted 'no paper' --at 'Room 5'; echo it ended with $?; exec cat",
        command.display()
    );
    let asked = Terminal::open(lab.host(1), "asked", &command);
    asked.await_text("Asked in #lobby for help in Room 5.");
    asked.await_text("Nobody is coming yet. Ctrl-C ends this and leaves the call open.");
    ben.await_text("Help wanted in Room 5: no paper");
    ben.keys(&["F9"]);
    asked.await_text("ben is coming.");
    third.keys(&["F9"]);
    asked.await_text(" is coming; 2 are: ");
    ben.keys(&["F9"]);
    asked.await_text("ben is not coming after all.");
    asked.picture("help-wanted-followed");
    asked.keys(&["C-c"]);
    asked.await_text("your call stays open for an hour: `/helped` in the chat ends it");
    asked.await_text("it ended with 0");
    ana.await_text("1 is coming: ");
    // Programs read lines, until it is settled.
    let mut followed = lab.host(1).start_chalktalk(&["help-wanted", "--at", "Room 6", "--json", "--watch"]);
    let told = |followed: &Process| -> Vec<Value> {
        followed.output().iter().map(|line| serde_json::from_str(line).unwrap()).collect()
    };
    wait::until(SOON, "the call to be told", || told(&followed).len() == 1);
    ben.await_text("Help wanted in Room 6");
    ben.await_text("Nobody is coming yet.");
    ben.keys(&["F9"]);
    wait::until(SOON, "who is coming to be told", || told(&followed).len() == 2);
    ana.await_text("1 is coming: ben");
    ana.type_line("/helped");
    assert_eq!(followed.await_end(SOON).code(), Some(0));
    let lines = told(&followed);
    let kinds: Vec<&Value> = lines.iter().map(|line| &line["call"]).collect();
    assert_eq!(kinds, ["asked", "coming", "helped"]);
    assert_eq!([&lines[0]["at"], &lines[1]["name"], &lines[2]["coming"][0]], ["Room 6", "ben", "ben"]);
}
