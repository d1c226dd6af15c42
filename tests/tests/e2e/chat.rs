//! What people do with messages besides writing them: the same for everybody, in the terminal and on the command line.

use crate::terminal::Terminal;
use chalktalk_ipc::request::From;
use chalktalk_tests::{lab::Lab, programs::SOON, runner::Test, tests, wait};

pub(crate) const TESTS: &[Test] = tests![
    a_note_behind_a_text_is_told_apart_from_the_text,
    messages_are_edited_deleted_answered_and_reacted_to,
    polls_are_counted_and_dice_vouched_for,
    what_one_says_of_oneself_is_seen_by_others_until_it_is_over,
    what_is_new_is_found_and_drafts_stay,
];

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

/// A chat in a terminal on each of two hosts, in the lobby, knowing of each other.
pub(crate) fn two_terminals(lab: &Lab) -> [Terminal<'_>; 2] {
    let terminals = [(1, "of-ana"), (2, "of-ben")];
    let terminals = terminals.map(|(n, name)| Terminal::chat_in(lab.host(n), name, "#lobby"));
    for terminal in &terminals {
        terminal.await_text("2 here: ana, ben");
    }
    terminals
}

fn messages_are_edited_deleted_answered_and_reacted_to() {
    let (lab, _daemons) = Lab::talking(2);
    let [ana, ben] = two_terminals(&lab);
    ana.type_line("the keu is on the hook");
    ben.await_text("the keu is on the hook");
    ben.type_line("/reply which hook?");
    ana.await_text("↳ ana: the keu is on the hook");
    ben.type_line("/react :+1:");
    ana.await_text("👍 1");
    ana.await_text("ben 👍 to");
    // The chosen one is the newest, ben's; above it stands her own.
    ana.keys(&["F2", "Up", "e", "C-u"]);
    ana.type_line("the key is on the hook");
    for terminal in [&ana, &ben] {
        terminal.await_text("the key is on the hook  (edited)");
    }
    ben.keys(&["F2", "Up", "p"]);
    ana.await_text("📌");
    ana.keys(&["F2", "Up", "d", "d"]);
    for terminal in [&ana, &ben] {
        terminal.await_text("(deleted)");
        terminal.await_no_text("👍 1");
    }
    // Everything is in the log, as text for whoever knows of text alone.
    let history = lab.host(2).history("#lobby");
    let told = [
        "the keu is on the hook",
        "which hook?",
        "👍",
        "the key is on the hook",
        "📌 (pinned a message)",
        "(deleted a message)",
    ];
    assert_eq!(history, told);
}

fn polls_are_counted_and_dice_vouched_for() {
    let (lab, _daemons) = Lab::talking(2);
    let [ana, ben] = two_terminals(&lab);
    ana.type_line("/poll Tea? | yes, please | no");
    ben.await_text("📊 Tea?");
    ben.type_line("/vote 1");
    ana.await_text("██████████ 1  yes, please");
    ana.type_line("/vote 2");
    for terminal in [&ana, &ben] {
        terminal.await_text("█████░░░░░ 1  no");
    }
    ben.type_line("/roll 3d6");
    for terminal in [&ana, &ben] {
        terminal.await_text("(vouched by ana)");
    }
    let fell = |terminal: &Terminal<'_>| {
        let screen = terminal.screen();
        screen.lines().find_map(|line| {
            Some(
                line.split_once("(vouched")?
                    .0
                    .rsplit("  ")
                    .find(|part| part.contains('='))?
                    .trim()
                    .to_owned(),
            )
        })
    };
    assert!(fell(&ana).is_some() && fell(&ana) == fell(&ben), "{:?}, {:?}", fell(&ana), fell(&ben));
}

fn what_one_says_of_oneself_is_seen_by_others_until_it_is_over() {
    let (lab, mut daemons) = Lab::talking(2);
    let [ana, ben] = two_terminals(&lab);
    let seen = || {
        let people = lab.host(2).facts(&["who"]);
        let people = people.as_array().unwrap().clone();
        let of_ana = people.into_iter().find(|person| person["name"] == "ana");
        of_ana.map(|person| (person["status"].clone(), person["saying"].as_str().unwrap_or("").to_owned()))
    };
    ana.type_line("/status busy 🍵 in a meeting for 2h");
    ana.await_text("You are busy: 🍵 in a meeting (until");
    ben.await_text("🍵 in a meeting");
    ben.type_line("/who @ana");
    ben.await_text("“🍵 in a meeting”");
    ben.picture("chat-status");
    assert_eq!(seen(), Some(("busy".into(), "🍵 in a meeting".into())));
    // It is the user's: it outlives the chat and the daemon.
    ana.type_line("/quit");
    daemons[0].stop();
    daemons[0].restart();
    wait::until(SOON, "ana to be back and busy", || {
        seen() == Some(("busy".into(), "🍵 in a meeting".into()))
    });
    let again = Terminal::chat_in(lab.host(1), "again", "#lobby");
    again.await_text("🍵 in a meeting");
    again.type_line("/status online clear");
    wait::until(SOON, "nothing more to be said", || seen() == Some(("online".into(), String::new())));
}

fn what_is_new_is_found_and_drafts_stay() {
    let (lab, _daemons) = Lab::talking(2);
    let ana = Terminal::chat(lab.host(1), "#lobby");
    ana.await_text("Message #lobby");
    ana.type_line("/join #garden");
    ana.await_text("Message #garden");
    ana.keys(&["half", " a", " sentence"]);
    ana.await_text("half a sentence");
    lab.host(2).send("#lobby", "are you there?");
    ana.await_text("1 unread elsewhere");
    ana.keys(&["C-k"]);
    ana.await_text("1 new");
    ana.keys(&["lob", "Enter"]);
    ana.await_text("are you there?");
    ana.type_line("/favourite");
    ana.await_text("★ #lobby");
    ana.type_line("/who @ben");
    ana.await_text("on h2: online");
    ana.type_line("/status busy");
    ana.await_text("You are busy. Nothing rings.");
    ana.type_line("/quit");
    wait::until(SOON, "the chat to end", || lab.host(1).chats().is_empty());
    let again = Terminal::chat_in(lab.host(1), "again", "#garden");
    again.await_text("half a sentence");
    again.await_text("★ #lobby");
}
