//! Who is there and who has what, as the chat tells it: a network that falls in two and merges, newcomers, one message's way.

use crate::{chat::two_terminals, terminal::Terminal};
use chalktalk_tests::{lab::Lab, runner::Test, tests, wait};
use std::time::Duration;

pub(crate) const TESTS: &[Test] =
    tests![a_network_that_falls_in_two_and_merges_is_told, a_newcomer_is_told_from_whom_the_past_is,];

/// A host is taken for gone after three and a half of its longest intervals.
const GONE: Duration = Duration::from_secs(30);

fn await_long(terminal: &Terminal<'_>, text: &str) {
    wait::until(GONE, &format!("{text:?} on the screen"), || terminal.screen().contains(text));
}

fn a_network_that_falls_in_two_and_merges_is_told() {
    let (lab, _daemons) = Lab::talking(2);
    let [ana, ben] = two_terminals(&lab);
    ana.type_line("before");
    ana.await_text("before  ✓✓ read");
    ana.type_line("/who-has");
    ana.await_text("ben on h2: has read it");
    lab.host(2).link_down();
    await_long(&ana, "Out of sight: ben on h2.");
    ana.await_text("out of sight since");
    ana.type_line("are you there?");
    ben.type_line("I cannot reach anybody");
    ana.await_text("are you there?  ✓");
    ana.type_line("/who-has");
    ana.await_text("ben on h2: out of sight since");
    lab.host(2).link_up();
    for (terminal, who) in [(&ana, "ben on h2"), (&ben, "ana on h1")] {
        await_long(terminal, &format!("s: {who}. 1 message written"));
    }
    ana.await_text("I cannot reach anybody");
    ben.await_text("are you there?");
}

fn a_newcomer_is_told_from_whom_the_past_is() {
    let (lab, _daemons) = Lab::talking(2);
    let ana = Terminal::chat_in(lab.host(1), "of-ana", "#garden");
    ana.await_text("Message #garden");
    ana.type_line("the tomatoes are ripe");
    ana.type_line("take some");
    let ben = Terminal::chat_in(lab.host(2), "of-ben", "#garden");
    ben.await_text("You are new here: 2 messages restored from 1 person");
    ben.type_line("/members");
    ben.await_text("up to 1.0 GiB on each");
    ben.type_line("thank you");
    ben.type_line("/quit");
    wait::until(GONE, "the chat to end", || lab.host(2).chats().is_empty());
    let again = Terminal::chat_in(lab.host(2), "again", "#garden");
    again.await_text("thank you");
    assert!(!again.screen().contains("You are new here"), "{}", again.screen());
}
