//! What is said in passing in the chat: who is typing, and who has read; and that nobody has to say it.

use crate::chat::two_terminals;
use chalktalk_tests::{lab::Lab, runner::Test, tests};

pub(crate) const TESTS: &[Test] =
    tests![who_is_typing_is_shown_until_they_stop, who_has_read_is_shown_unless_they_do_not_want_it];

fn who_is_typing_is_shown_until_they_stop() {
    let (lab, _daemons) = Lab::talking(2);
    let [ana, ben] = two_terminals(&lab);
    ana.keys(&["hel"]);
    ben.await_text("ana is typing…");
    ana.type_line("lo");
    ben.await_text("hello");
    ben.await_no_text("is typing…");
    ana.keys(&["again"]);
    ben.await_text("ana is typing…");
    ana.keys(&["C-u"]);
    ben.await_no_text("is typing…");
    ana.type_line("/typing off");
    ana.await_text("While you type: nobody sees it.");
    ana.keys(&["in", " secret"]);
    ben.type_line("are you there?");
    ana.await_text("are you there?");
    assert!(!ben.screen().contains("typing"), "{}", ben.screen());
}

fn who_has_read_is_shown_unless_they_do_not_want_it() {
    let (lab, _daemons) = Lab::talking(2);
    let [ana, ben] = two_terminals(&lab);
    ana.type_line("the first");
    ana.await_text("the first  ✓✓ read");
    ana.type_line("/who-has");
    ana.await_text("Read by ben.");
    ben.type_line("/read-marks off");
    ben.await_text("How far you have read: nobody sees it.");
    ana.type_line("the second");
    ben.await_text("the second");
    ben.type_line("I say nothing");
    ana.await_text("I say nothing");
    ana.await_text("the second  ✓✓");
    assert!(!ana.screen().contains("the second  ✓✓ read"), "{}", ana.screen());
}
