//! The chat in a window: a real one, on a display without a screen, with a pointer and a keyboard that a program moves.

use crate::terminal::Terminal;
use chalktalk_tests::{
    desktop::{Desktop, OPEN},
    lab::{Host, Lab},
    runner::Test,
    tests, wait,
};
use std::path::PathBuf;

pub(crate) const TESTS: &[Test] =
    tests![a_window_and_a_terminal_talk, the_keyboard_alone_suffices, a_window_shows_what_chats_are_made_of];

/// A display of ordinary size.
const SCREEN: [u32; 2] = [1280, 800];

/// Types text.
fn types(desktop: &Desktop, text: &str) {
    assert!(desktop.xdotool(&["type", "--delay", "15", text]).is_some(), "{text:?} cannot be typed");
}

fn is_in(host: &Host, target: &str, text: &str) -> bool {
    host.history(target).iter().any(|line| line.contains(text))
}

/// Types a line and sends it, until the host's room has it: the first frames of a window hear nothing yet.
fn says(desktop: &Desktop, text: &str) {
    wait::until(OPEN, &format!("{text:?} in the room"), || {
        if is_in(&desktop.host, "#lobby", text) {
            return true;
        }
        desktop.does("key ctrl+a key BackSpace");
        types(desktop, text);
        desktop.does("key Return sleep 0.5");
        false
    });
}

/// Keeps a picture of a display in the folder `CHALKTALK_PICTURES`, to be looked at.
fn picture(desktop: &Desktop, name: &str) {
    if let Some(folder) = std::env::var_os("CHALKTALK_PICTURES").map(PathBuf::from) {
        desktop.does("sleep 0.6");
        desktop.picture(&folder.join(format!("{name}.png")));
    }
}

fn a_window_and_a_terminal_talk() {
    let (lab, _daemons) = Lab::talking(2);
    let ana = Desktop::open_chat(lab.host(1), &[], SCREEN);
    let ben = Terminal::chat_in(lab.host(2), "of-ben", "#lobby");
    says(&ana, "hello from a window");
    ben.await_text("hello from a window");
    ben.type_line("hello from a **terminal**");
    wait::until(OPEN, "the answer where the window is", || {
        is_in(lab.host(1), "#lobby", "from a **terminal**")
    });
    // What stands in the window is chosen, copied, and said again.
    wait::until(OPEN, "what the window shows", || {
        ana.does("key F2 sleep 0.3 key Return sleep 0.3 key ctrl+a key BackSpace key ctrl+v sleep 0.3");
        types(&ana, " it says");
        ana.does("key Return sleep 0.5");
        is_in(lab.host(2), "#lobby", "hello from a **terminal** it says")
    });
    picture(&ana, "chat-first");
}

fn the_keyboard_alone_suffices() {
    let (lab, _daemons) = Lab::talking(2);
    let ana = Desktop::open_chat(lab.host(1), &[], SCREEN);
    let ben = Terminal::chat_in(lab.host(2), "of-ben", "#lobby");
    says(&ana, "where is the blue teapot");
    says(&ana, "nobody knows");
    // A room by a command, and back by the quick switcher.
    types(&ana, "/join #garden");
    ana.does("key Return sleep 1");
    types(&ana, "in the garden");
    ana.does("key Return");
    wait::until(OPEN, "the garden", || is_in(lab.host(1), "#garden", "in the garden"));
    ana.does("key ctrl+k sleep 0.3");
    types(&ana, "lob");
    picture(&ana, "chat-switcher");
    ana.does("key Return sleep 0.5");
    says(&ana, "back in the lobby");
    // Search, go there, and answer what was found.
    ana.does("key ctrl+f");
    types(&ana, "teapot");
    ana.does("key Return sleep 1");
    picture(&ana, "chat-found");
    ana.does("key Return sleep 0.5");
    picture(&ana, "chat-there");
    types(&ana, "r");
    types(&ana, "in the kitchen");
    ana.does("key Return");
    ben.await_text("in the kitchen");
    ben.await_text("↳ ana: where is the blue teapot");
    // Keys and commands, over everything; then one goes on writing.
    ana.does("key F1 sleep 0.5");
    picture(&ana, "chat-help");
    ana.does("key Next sleep 0.3 key Next sleep 0.3");
    picture(&ana, "chat-help-below");
    ana.does("key Escape");
    says(&ana, "thank you");
    // A reaction to what one has just said.
    ana.does("key F2 sleep 0.3");
    picture(&ana, "chat-chosen");
    types(&ana, "1");
    ben.await_text("👍");
    ana.does("key Escape");
    types(&ana, "/st");
    picture(&ana, "chat-completions");
}

/// A talk as people have them, on one display.
fn a_window_shows_what_chats_are_made_of() {
    let (lab, _daemons) = Lab::talking(4);
    let hosts @ [ana, ben, cleo, dan] = [1, 2, 3, 4].map(|n| lab.host(n));
    ana.send("#lobby", "Good morning! Who comes to the allotment on Saturday?");
    ben.send("#lobby", "Me 🌱 I bring the *long* ladder and the **saw**");
    cleo.send("#lobby", "/me puts the kettle on ☕");
    let at_ben = Terminal::chat_in(ben, "of-ben", "#lobby");
    let at_cleo = Terminal::chat_in(cleo, "of-cleo", "#lobby");
    at_ben.await_text("kettle");
    at_cleo.await_text("kettle");
    at_cleo.type_line("/poll When? | Saturday at ten | Saturday at two | Sunday");
    at_ben.await_text("Saturday at two");
    at_ben.keys(&["F2", "1", "Escape"]);
    cleo.send("#lobby", "The pump runs again, this was it:\n```rust\nlet tide = moon.phase() * 0.5;\nif tide < LOW { pump.stop(); }\n```");
    dan.send("#lobby", "مرحبا! سأحضر الشاي والنعناع");
    dan.send("#lobby", "The forecast says dry: <https://weather.example/sat>");
    for host in hosts {
        wait::until(OPEN, "the talk", || is_in(host, "#lobby", "weather"));
    }
    let window = Desktop::open_chat(ana, &[], [1120, 780]);
    says(&window, "@ben the ladder would be great, mine is broken");
    at_ben.await_text("mine is broken");
    at_ben.keys(&["F2", "1", "Escape"]);
    at_cleo.await_text("mine is broken");
    at_cleo.keys(&["F2", "1", "Escape"]);
    at_ben.type_line("@ana then I come by at nine");
    ben.send("#garden", "the beans are up");
    ben.send("@ana", "may I bring my sister?");
    wait::until(OPEN, "the answer", || is_in(ana, "#lobby", "at nine"));
    window.does("mousemove 1 1 key Escape sleep 2");
    picture(&window, "chat");
    window.does("mousemove 600 560 sleep 0.5");
    picture(&window, "chat-hover");
    window.does("key F2 key Up");
    picture(&window, "chat-selecting");
    window.does("key Escape");
}
