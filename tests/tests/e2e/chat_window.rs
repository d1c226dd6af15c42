//! The chat in a window: a real one, on a display without a screen, with a pointer and a keyboard that a program moves.

use crate::terminal::Terminal;
use chalktalk_tests::{
    desktop::{Desktop, OPEN},
    lab::Lab,
    runner::Test,
    tests, wait,
};
use std::path::PathBuf;

pub(crate) const TESTS: &[Test] = tests![a_window_and_a_terminal_talk];

/// A display of ordinary size.
const SCREEN: [u32; 2] = [1280, 800];

/// Types a line and sends it, until the host's room has it: the first frames of a window hear nothing yet.
fn says(desktop: &Desktop, words: &[&str]) {
    let text = words.join(" ");
    wait::until(OPEN, &format!("{text:?} in the room"), || {
        if desktop.host.history("#lobby").iter().any(|line| line.contains(&text)) {
            return true;
        }
        desktop.does("key ctrl+a key BackSpace");
        for (n, word) in words.iter().enumerate() {
            if n > 0 {
                desktop.does("key space");
            }
            desktop.does(&format!("type --delay 15 {word}"));
        }
        desktop.does("key Return sleep 0.5");
        false
    });
}

/// Keeps a picture of a display in the folder `CHALKTALK_PICTURES`, to be looked at.
fn picture(desktop: &Desktop, name: &str) {
    if let Some(folder) = std::env::var_os("CHALKTALK_PICTURES").map(PathBuf::from) {
        desktop.does("sleep 0.4");
        desktop.picture(&folder.join(format!("{name}.png")));
    }
}

fn a_window_and_a_terminal_talk() {
    let (lab, _daemons) = Lab::talking(2);
    let ana = Desktop::open_chat(lab.host(1), &[], SCREEN);
    let ben = Terminal::chat_in(lab.host(2), "of-ben", "#lobby");
    says(&ana, &["hello", "from", "a", "window"]);
    ben.await_text("hello from a window");
    ben.type_line("hello from a **terminal**");
    wait::until(OPEN, "the answer where the window is", || {
        lab.host(1).history("#lobby").iter().any(|line| line.contains("from a **terminal**"))
    });
    picture(&ana, "chat-first");
}
