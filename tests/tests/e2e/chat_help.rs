//! Help wanted: everybody on the network is asked, and sees who is coming.

use crate::terminal::Terminal;
use chalktalk_tests::{lab::Lab, runner::Test, tests};

pub(crate) const TESTS: &[Test] = tests![who_wants_help_is_seen_by_all_and_who_comes_too];

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
