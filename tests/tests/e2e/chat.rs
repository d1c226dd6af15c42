//! What people do with messages besides writing them: the same for everybody, in the terminal and on the command line.

use chalktalk_ipc::request::From;
use chalktalk_tests::{lab::Lab, programs::SOON, runner::Test, tests, wait};

pub(crate) const TESTS: &[Test] = tests![a_note_behind_a_text_is_told_apart_from_the_text];

fn a_note_behind_a_text_is_told_apart_from_the_text() {
    let (lab, _daemons) = Lab::talking(2);
    let chat = lab.host(2).chat("#lobby", "ben");
    let shown = &chat.transcript;
    let app = lab.host(1).app("chalktalk.chat");
    let session = app.enter("#lobby", From::Now);
    app.publish(session, "tea at four\u{2}{\"v\":1,\"kind\":\"announce\"}\u{3}");
    app.publish(session, "a hologram\u{2}{\"v\":7,\"kind\":\"hologram\"}\u{3}");
    app.publish(session, "\u{2}no note\u{3}");
    shown.await_text("\u{2}no note\u{3}");
    assert_eq!(shown.texts(), ["tea at four", "a hologram", "\u{2}no note\u{3}"]);
    let kinds: Vec<_> = shown.lines().iter().map(|line| line["note"]["kind"].clone()).collect();
    assert_eq!(kinds, ["announce".into(), "hologram".into(), serde_json::Value::Null]);
    wait::until(SOON, "the command line to say the same", || {
        lab.host(1).history("#lobby") == ["tea at four", "a hologram", "\u{2}no note\u{3}"]
    });
    let plain = lab.host(1).chalktalk(&["history", "#lobby", "--plain"]).out.join("\n");
    assert!(plain.contains("📢 tea at four") && plain.contains("(?) a hologram"), "{plain}");
}
