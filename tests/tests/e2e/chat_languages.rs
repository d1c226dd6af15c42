//! The chat in other languages than English, on screens beside each other.

use crate::terminal::Terminal;
use chalktalk_tests::{lab::Lab, programs::SOON, runner::Test, tests, wait};

pub(crate) const TESTS: &[Test] =
    tests![two_people_talk_each_in_their_language, a_language_is_chosen_in_the_chat_and_stays];

fn two_people_talk_each_in_their_language() {
    let (lab, _daemons) = Lab::talking(2);
    let german = Terminal::chat_speaking(lab.host(1), "german", "#lobby", "de_DE.UTF-8");
    german.await_text("offen: alle in diesem LAN können mitlesen");
    german.await_text("RÄUME");
    let arabic = Terminal::chat_speaking(lab.host(2), "arabic", "#lobby", "ar_EG.UTF-8");
    arabic.await_text("مفتوح: يقرؤه كل من على هذه الشبكة");
    german.type_line("Guten Morgen");
    arabic.await_text("Guten Morgen");
    arabic.keys(&["صباح"]);
    german.await_text("ben schreibt…");
    arabic.type_line(" الخير");
    german.await_text("صباح الخير");
    german.await_text("Guten Morgen  ✓✓ gelesen");
    arabic.type_line("/roll 2d6");
    arabic.await_text("الشاهد ana");
    german.await_text("(ana bürgt)");
    german.type_line("/who");
    german.await_text("ben auf h2: da");
    german.picture("chat-german");
    arabic.picture("chat-arabic");
    arabic.keys(&["F1"]);
    arabic.await_text("مفاتيح وأوامر");
    arabic.await_text("إرسال");
    arabic.picture("chat-arabic-keys");
}

fn a_language_is_chosen_in_the_chat_and_stays() {
    let (lab, _daemons) = Lab::talking(1);
    let terminal = Terminal::chat(lab.host(1), "#lobby");
    terminal.await_text("Say hello: everyone here will see it.");
    terminal.type_line("/language xx");
    terminal.await_text("/language is one of en, de, ar, or auto");
    terminal.keys(&["C-u"]);
    terminal.type_line("/language de");
    terminal.await_text("Sag hallo: alle hier sehen es.");
    terminal.type_line("/quit");
    wait::until(SOON, "the chat to end", || lab.host(1).chats().is_empty());
    let again = Terminal::chat_in(lab.host(1), "again", "#lobby");
    again.await_text("Sag hallo: alle hier sehen es.");
    let host = lab.host(1);
    let mut no_terminal = host.spawn("chat", host.program("chalktalk-chat", &["#lobby"]));
    assert_eq!(no_terminal.await_end(SOON).code(), Some(1));
    assert!(no_terminal.log().contains("weder ein Bildschirm noch ein Terminal"), "{}", no_terminal.log());
}
