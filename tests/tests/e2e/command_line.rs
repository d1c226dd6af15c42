//! The command line: its pipes, its facts and its exit statuses.

use chalktalk_tests::{lab::Lab, programs::SOON, runner::Test, tests, wait};
use std::{io::Write, time::Duration};

pub(crate) const TESTS: &[Test] = tests![
    each_line_of_a_pipe_is_a_message,
    a_fast_producer_is_held_back_and_nothing_is_dropped,
    history_and_tail_print_messages_as_json,
    facts_have_their_keys,
    exit_statuses_say_what_happened,
    send_waits_as_far_as_it_is_told,
    watch_follows_changes,
    what_was_said_is_found_in_all_conversations,
    the_demo_runs_on_a_machine_without_a_network,
];

fn each_line_of_a_pipe_is_a_message() {
    let (lab, _daemons) = Lab::talking(2);
    let lines: Vec<String> = (1..=5_000).map(|n| format!("line {n}")).collect();
    let output = lab.host(1).chalktalk_fed(&["send", "#ops", "-"], lines.join("\n"));
    assert_eq!(output.code(), 0, "{}", output.log);
    assert_eq!(lab.host(1).history("#ops"), lines);
    assert_eq!(lab.host(2).chalktalk(&["room", "join", "#ops"]).code(), 0);
    wait::until(SOON, "the other host to have them", || lab.host(2).history("#ops").len() == lines.len());
    assert_eq!(lab.host(2).history("#ops"), lines);
}

fn a_fast_producer_is_held_back_and_nothing_is_dropped() {
    let (lab, _daemons) = Lab::talking(2);
    lab.rate(10);
    assert_eq!(lab.host(2).chalktalk(&["room", "join", "#ops"]).code(), 0);
    let tail = lab.host(2).start_chalktalk(&["tail", "#ops", "--since", "start"]);
    // 8 MB at 10 Mbit/s take six seconds; a producer that is not held back is through in a fraction of one.
    let line = "x".repeat(1_000) + "\n";
    let mut process = lab.host(1).start_chalktalk(&["send", "#ops", "-"]);
    let mut input = process.take_input();
    for _ in 0..8_000 {
        input.write_all(line.as_bytes()).unwrap();
    }
    drop(input);
    assert_eq!(process.await_end(Duration::from_secs(60)).code(), Some(0), "{}", process.log());
    wait::until(Duration::from_secs(60), "all lines to arrive", || tail.output().len() >= 8_000);
    assert_eq!(tail.output().len(), 8_000);
}

fn history_and_tail_print_messages_as_json() {
    let (lab, _daemons) = Lab::talking(2);
    let mut tail = lab.host(2).start_chalktalk(&["tail", "#lobby", "--since", "start"]);
    lab.host(1).send("#lobby", "hé\"llo");
    let tailed: serde_json::Value = serde_json::from_str(&tail.next_line(SOON)).unwrap();
    let history = lab.host(2).chalktalk(&["history", "#lobby"]).json_lines();
    assert_eq!(history, std::slice::from_ref(&tailed));
    for key in ["session", "origin", "epoch", "seq", "user", "name", "instance", "stamp", "time", "text"] {
        assert!(tailed.get(key).is_some(), "{key} is missing: {tailed}");
    }
    assert_eq!((&tailed["text"], &tailed["name"]), (&"hé\"llo".into(), &"ana".into()));
    let time = tailed["time"].as_str().unwrap();
    assert!(time.len() >= 20 && time.ends_with('Z') && time.contains('T'), "{time}");
}

fn facts_have_their_keys() {
    let (lab, _daemons) = Lab::talking(1);
    let status = lab.host(1).facts(&["status"]);
    assert_eq!(status["host"], "h1");
    let sessions = lab.host(1).facts(&["sessions"]);
    let lobby = &sessions.as_array().unwrap()[0];
    for key in ["session", "app", "title", "scope", "parent", "members", "joined", "entries"] {
        assert!(lobby.get(key).is_some(), "{key} is missing: {lobby}");
    }
    assert!(lab.host(1).facts(&["instances"]).is_array());
}

fn exit_statuses_say_what_happened() {
    let lab = Lab::new(1);
    let host = lab.host(1);
    let code = |arguments: &[&str]| host.chalktalk(arguments).code();
    assert_eq!(code(&["who"]), 3, "no daemon");
    let _daemon = host.daemon();
    assert_eq!(code(&["who"]), 0);
    assert_eq!(code(&["send", "lobby", "text"]), 2, "a target without a sign");
    assert_eq!(code(&["frobnicate"]), 2);
    assert_eq!(code(&["send", "@nobody-of-that-name", "text"]), 4);
    assert_eq!(code(&["room", "create", "secret", "--invite", "ben"]), 4);
    assert_eq!(
        code(&["send", "#ops", "text", "--wait", "held", "--timeout", "1"]),
        5,
        "there is no other host"
    );
    let long = "x".repeat(70_000) + "\n";
    assert_eq!(host.chalktalk_fed(&["send", "#ops", "-"], long).code(), 1, "a line too long for a message");
    let torn = host.chalktalk_fed(&["send", "#pipe", "-"], b"good\nb\xffd\n".to_vec());
    assert_eq!(torn.code(), 1, "{}", torn.log);
    assert!(torn.log.contains('2'), "it names the line: {}", torn.log);
    assert_eq!(host.history("#pipe"), ["good"]);
}

fn what_was_said_is_found_in_all_conversations() {
    let (lab, mut daemons) = Lab::talking(2);
    let (ana, other) = (lab.host(1), lab.host(2));
    assert_eq!(other.chalktalk(&["room", "join", "#ops"]).code(), 0);
    ana.send("#ops", "Where is the grüne tea?");
    ana.send("#lobby", "tea at https://example.org");
    other.send("#ops", "no TEA left");
    let found = |typed: &[&str]| {
        let output = other.chalktalk(&[&["search"], typed].concat());
        assert_eq!(output.code(), 0, "{}", output.log);
        let text = |hit: &serde_json::Value| hit["text"].as_str().unwrap().to_owned();
        output.json_lines().iter().map(text).collect::<Vec<_>>()
    };
    wait::until(SOON, "all of it to be found", || found(&["tea"]).len() == 3);
    assert_eq!(found(&["tea", "in:#ops"]), ["Where is the grüne tea?", "no TEA left"]);
    assert_eq!(found(&["from:me", "on:today"]), ["no TEA left"]);
    assert_eq!(found(&["tea", "has:link"]), ["tea at https://example.org"]);
    assert_eq!(found(&["GRUNE -left"]), ["Where is the grüne tea?"]);
    assert!(found(&["coffee"]).is_empty());
    let first = &ana.chalktalk(&["history", "#ops"]).json_lines()[0];
    let of = format!(
        "{}.{}.{}.{}",
        first["origin"].as_str().unwrap(),
        first["epoch"],
        first["seq"],
        first["index"]
    );
    let edit = format!("Where is the coffee?\u{2}{{\"v\":1,\"kind\":\"edit\",\"of\":\"{of}\"}}\u{3}\n");
    assert_eq!(ana.chalktalk_fed(&["send", "#ops", "-"], edit).code(), 0);
    wait::until(SOON, "the edit to be found", || found(&["coffee"]) == ["Where is the coffee?"]);
    assert!(found(&["grune"]).is_empty(), "what was there before is not found any more");
    assert_eq!(other.chalktalk(&["search", "has:gold"]).code(), 2);
    drop(daemons.pop());
    let output = other.chalktalk(&["search", "left", "in:#ops", "--plain"]);
    assert!(output.code() == 0 && output.log.contains("last time"), "{}", output.log);
    assert!(output.out.len() == 1 && output.out[0].ends_with("no TEA left"), "{}", output.log);
}

fn send_waits_as_far_as_it_is_told() {
    let (lab, _daemons) = Lab::talking(2);
    let _chats = [1, 2].map(|n| lab.host(n).chat("#ops", "ops"));
    for wait in ["stored", "held", "delivered"] {
        let output = lab.host(1).chalktalk(&["send", "#ops", wait, "--wait", wait]);
        assert_eq!(output.code(), 0, "--wait {wait}: {}", output.log);
    }
}

fn watch_follows_changes() {
    let lab = Lab::new(2);
    let _one = lab.host(1).daemon();
    let watch = lab.host(1).start_chalktalk(&["who", "--json", "--watch"]);
    watch.await_text("h1", SOON);
    let _two = lab.host(2).daemon();
    watch.await_text("h2", SOON);
}

fn the_demo_runs_on_a_machine_without_a_network() {
    let lab = Lab::new(1);
    lab.host(1).remove_interface();
    let mut demo = lab.host(1).start_chalktalk(&["demo", "--headless"]);
    let status = demo.await_end(Duration::from_secs(90));
    assert_eq!(status.code(), Some(0), "{}", demo.log());
    for program in ["chalktalkd", "chalktalk-agent", "chalktalk-chat"] {
        let left = chalktalk_tests::lab::process::running(program);
        assert!(left.is_empty(), "{program} still runs: {left:?}");
    }
}
