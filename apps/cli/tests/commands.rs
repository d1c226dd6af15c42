//! The command line as scripts see it: what it prints, what it sends, how it ends. Against a daemon that plays a part.

#![expect(clippy::unwrap_used, reason = "a test that panics has failed, as it should")]

mod fake;

use chalktalk_ipc::{MAX_MESSAGE, request::SessionKind};
use fake::{Fake, Fate, Part};
use serde_json::Value;
use std::{
    io::{BufRead, BufReader, Read, Write},
    process::{Child, Command, Output, Stdio},
    thread,
    time::{Duration, Instant},
};

const DONE: i32 = 0;
const FAILED: i32 = 1;
const USAGE: i32 = 2;
const NO_DAEMON: i32 = 3;
const REFUSED: i32 = 4;
const TIMED_OUT: i32 = 5;

fn chalktalk(fake: &Fake, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_chalktalk"));
    command.arg("--socket").arg(&fake.socket).args(arguments).env_remove("CHALKTALK_SOCKET");
    command
}

fn run(fake: &Fake, arguments: &[&str]) -> Output {
    chalktalk(fake, arguments).stdin(Stdio::null()).output().unwrap()
}

fn run_with_input(fake: &Fake, arguments: &[&str], input: Vec<u8>) -> Output {
    let mut command = chalktalk(fake, arguments);
    let mut child =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let writer = thread::spawn(move || drop(stdin.write_all(&input)));
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap();
    output
}

#[track_caller]
fn assert_ends(output: &Output, status: i32, complaint: &str) {
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(status), "{stderr}");
    if complaint.is_empty() {
        assert_eq!(stderr, "");
    } else {
        assert!(stderr.starts_with("chalktalk: ") && stderr.contains(complaint), "{stderr}");
    }
}

fn lines(output: &Output) -> Vec<Value> {
    let text = String::from_utf8(output.stdout.clone()).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn keys(value: &Value) -> Vec<&str> {
    value.as_object().unwrap().keys().map(String::as_str).collect()
}

#[test]
fn what_is_not_understood_ends_with_2() {
    let fake = Fake::start(Part::default());
    assert_ends(&run(&fake, &["nonsense"]), USAGE, "nonsense");
    assert_ends(&run(&fake, &["send", "#ops", ""]), USAGE, "nothing to send");
    assert_ends(&run(&fake, &["send", "ops", "hi"]), USAGE, "#room, @user or a session GUID");
    assert_ends(&run(&fake, &["--help"]), DONE, "");
}

#[test]
fn without_a_daemon_every_command_ends_with_3_and_says_what_to_do() {
    let fake = Fake::start(Part::default());
    let nowhere = fake.socket.with_file_name("nowhere.sock");
    for arguments in [
        &["status"][..],
        &["who"],
        &["instances"],
        &["sessions"],
        &["room", "join", "ops"],
        &["send", "#ops", "hi"],
        &["history", "#ops"],
        &["tail", "#ops"],
        &["verify", "ana"],
        &["block", "ana"],
        &["unblock", "ana"],
        &[],
    ] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_chalktalk"));
        let output = command.arg("--socket").arg(&nowhere).args(arguments).output().unwrap();
        assert_ends(&output, NO_DAEMON, "nowhere.sock");
        assert_eq!(output.stdout, b"", "{arguments:?}");
    }
}

#[test]
fn facts_are_json_with_the_promised_keys() {
    let fake = Fake::start(Part::default());
    let fact = |arguments: &[&str]| {
        let output = run(&fake, arguments);
        assert_ends(&output, DONE, "");
        let [line] = &lines(&output)[..] else { panic!("one line") };
        line.clone()
    };
    let has = |value: &Value, wanted: &str| {
        let missing: Vec<_> = wanted.split(' ').filter(|key| !keys(value).contains(key)).collect();
        assert!(missing.is_empty(), "{missing:?} missing in {value}");
    };
    has(&fact(&["who", "--json"])[0], "user name host host_id addresses status verified");
    has(&fact(&["instances", "--json", "--all"])[0], "instance app pid sessions host user");
    has(&fact(&["sessions", "--json"])[0], "session app title scope parent members joined entries");
    has(&fact(&["room", "list", "--json"])[0], "session title");
    has(&fact(&["room", "join", "ops", "--json"]), "session title");
    assert_eq!(fact(&["who", "--json"])[0]["status"], "online");
    assert_eq!(fact(&["status", "--json"])["host"], "here");
}

#[test]
fn a_key_is_marked_only_when_somebody_says_that_it_was_compared() {
    let fake = Fake::start(Part { name: "bo\u{1b}[2J".into(), ..Part::default() });
    let shown = run(&fake, &["verify", "@bo"]);
    assert_ends(&shown, DONE, "--yes");
    let text = String::from_utf8(shown.stdout).unwrap();
    assert!(!text.contains("is verified") && !text.contains('\u{1b}'), "{text}");
    let marked = run(&fake, &["verify", "@bo", "--yes", "--json"]);
    assert_ends(&marked, DONE, "");
    let facts = lines(&marked).remove(0);
    assert_eq!(facts["verified"], true);
    let digits = facts["digits"].as_str().unwrap();
    assert!(text.replace([' ', '\n'], "").contains(digits), "{text}\n{digits}");
    assert!(String::from_utf8(run(&fake, &["block", "bo"]).stdout).unwrap().contains("is blocked"));
    assert_ends(&run(&fake, &["verify", "@nobody"]), REFUSED, "no user nobody is known");
}

#[test]
fn watching_prints_the_facts_again_on_each_change() {
    let fake = Fake::start(Part::default());
    let mut command = chalktalk(&fake, &["who", "--watch", "--json"]);
    let mut watch = command.stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(watch.stdout.take().unwrap()).lines();
    let mut name =
        || serde_json::from_str::<Value>(&lines.next().unwrap().unwrap()).unwrap()[0]["name"].clone();
    assert_eq!([name(), name()], ["ana", "ana the second"]);
    watch.kill().unwrap();
    watch.wait().unwrap();
}

#[test]
fn nothing_from_the_network_drives_a_terminal() {
    let hostile = Part {
        name: "ev\u{1b}[31me\u{202e}".into(),
        past: vec![b"\x1b]0;owned\x07text\x9b2J\n".to_vec(), "\u{1b}[2J\u{9b}boo\u{202e}".into()],
        ..Part::default()
    };
    let fake = Fake::start(hostile);
    for arguments in [&["who"][..], &["sessions"], &["instances"], &["history", "#ops", "--plain"]] {
        let output = run(&fake, arguments);
        assert_ends(&output, DONE, "");
        let text = String::from_utf8(output.stdout).unwrap();
        let drives = |c: char| (c.is_control() && c != '\n') || c == '\u{202e}';
        assert!(!text.contains(drives), "{arguments:?}: {text:?}");
        assert!(text.lines().count() > 1, "{text:?}");
    }
}

#[test]
fn refusals_end_with_4_in_the_daemons_words() {
    let fake = Fake::start(Part::default());
    assert_ends(&run(&fake, &["send", "@nobody", "hi"]), REFUSED, "no user nobody is known");
    assert_ends(&run(&fake, &["room", "join", "ops", "--invite", "bo"]), REFUSED, "chalktalk invite '#ops'");
    assert!(fake.published().is_empty());
}

#[test]
fn a_message_is_sent_byte_for_byte_and_followed_until_it_is_stored() {
    let text = "Grüße\n\u{1b}[31m 日本語 \u{202e}\u{0}".replace('\0', "");
    for kind in [SessionKind::Kept, SessionKind::Live] {
        let fake = Fake::start(Part { kind, ..Part::default() });
        let output = run(&fake, &["send", "#ops", &text]);
        assert_ends(&output, DONE, "");
        assert_eq!(output.stdout, b"");
        assert_eq!(fake.published(), [text.as_bytes()]);
    }
}

#[test]
fn patience_ends_with_5_and_says_how_far_it_came() {
    let silent = Fake::start(Part { fate: Fate::Silence, ..Part::default() });
    let output = run(&silent, &["send", "#ops", "hi", "--timeout", "0.2"]);
    assert_ends(&output, TIMED_OUT, "has not taken it yet");
    let alone = Fake::start(Part::default());
    let output = run(&alone, &["send", "#ops", "hi", "--wait", "held", "--timeout", "0.2"]);
    assert_ends(&output, TIMED_OUT, "nobody else is on the network");
}

#[test]
fn whom_it_could_not_reach_is_said_and_ends_with_1() {
    let fake = Fake::start(Part { fate: Fate::NoApp, ..Part::default() });
    let begun = Instant::now();
    let output = run(&fake, &["send", "#ops", "hi", "--wait", "delivered"]);
    assert_ends(&output, FAILED, "chalktalk.chat is not installed on there[2J");
    assert!(begun.elapsed() < Duration::from_secs(5), "it waited for what cannot come");
}

#[test]
fn each_line_is_sent_and_held_back_by_credit_but_never_dropped() {
    let input: Vec<String> = (0..5000).map(|i| format!("line {i} {}", "x".repeat(i % 100))).collect();
    let fake = Fake::start(Part { credit: 4000, ..Part::default() });
    let output = run_with_input(&fake, &["send", "#ops", "-"], (input.join("\n") + "\n\n").into_bytes());
    assert_ends(&output, DONE, "");
    let mut expected: Vec<Vec<u8>> = input.into_iter().map(String::into_bytes).collect();
    expected.push(vec![]);
    assert!(fake.published() == expected, "{} of {} lines", fake.published().len(), expected.len());
}

#[test]
fn a_line_that_is_not_text_ends_the_input_there() {
    let fake = Fake::start(Part::default());
    let output = run_with_input(&fake, &["send", "#ops", "-"], b"one\ntwo\n\xff\nthree\n".to_vec());
    assert_ends(&output, FAILED, "line 3 of standard input is not UTF-8");
    assert_eq!(fake.published(), [&b"one"[..], b"two"]);
}

#[test]
fn a_message_that_is_too_long_is_not_sent() {
    let fake = Fake::start(Part::default());
    let long = "x".repeat(MAX_MESSAGE + 1);
    let output = run_with_input(&fake, &["send", "#ops", "-"], format!("one\n{long}\ntwo").into_bytes());
    assert_ends(&output, FAILED, "line 2 of standard input is longer than 65536 bytes");
    assert_ends(&run(&fake, &["send", "#ops", &long]), FAILED, "too long");
    assert_eq!(fake.published(), [&b"one"[..], b"two"]);
}

#[test]
fn history_prints_one_object_a_line_with_the_promised_keys() {
    let past = vec![b"old".to_vec(), "gr\u{fc}n\n\u{1b}".into(), b"\xff\xfe".to_vec()];
    let fake = Fake::start(Part { past, ..Part::default() });
    let output = run(&fake, &["history", "#OPS"]);
    assert_ends(&output, DONE, "");
    let [first, second, third] = &lines(&output)[..] else { panic!("three lines") };
    let promised = "session origin epoch seq index user name instance stamp time text";
    let raw = String::from_utf8(output.stdout.clone()).unwrap();
    let order: Vec<usize> =
        promised.split(' ').map(|key| raw.find(&format!("\"{key}\":")).unwrap()).collect();
    assert!(order.is_sorted(), "{raw}");
    assert_eq!(keys(first).len(), promised.split(' ').count());
    assert_eq!((&first["text"], &first["name"]), (&"old".into(), &"ana".into()));
    assert_eq!(first["time"], "1970-01-01T00:00:01.000Z");
    assert_eq!(second["text"], "gr\u{fc}n\n\u{1b}");
    assert_eq!(third["base64"], "//4=");
    assert_eq!(lines(&run(&fake, &["history", "#ops", "--limit", "1"])).len(), 1);
    assert_ends(&run(&fake, &["history", "#nosuch"]), FAILED, "room create '#nosuch'");
}

#[test]
fn doctor_looks_again_at_a_daemon_that_begins_anew() {
    let fake = Fake::start(Part { breaks: 1, ..Part::default() });
    let output = run(&fake, &["doctor", "--json"]);
    assert!(output.status.success(), "{output:?}");
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert!(
        report["findings"].as_array().unwrap().iter().all(|finding| finding["code"] != "no-daemon"),
        "{report}"
    );
}

#[test]
fn tail_goes_on_after_the_daemon_was_away() {
    let fake =
        Fake::start(Part { past: vec![b"one".to_vec(), b"two".to_vec()], breaks: 1, ..Part::default() });
    let mut tail = tail(&fake, &["--since", "start"]);
    let mut out = BufReader::new(tail.stdout.take().unwrap());
    let mut texts = Vec::new();
    for _ in 0..2 {
        let mut line = String::new();
        out.read_line(&mut line).unwrap();
        texts.push(serde_json::from_str::<Value>(&line).unwrap()["text"].clone());
    }
    assert_eq!(texts, ["one", "two"]);
    let mut stderr = BufReader::new(tail.stderr.take().unwrap()).lines();
    assert!(stderr.next().unwrap().unwrap().contains("the daemon is away"));
    assert!(stderr.next().unwrap().unwrap().contains("the daemon is back"));
    tail.kill().unwrap();
    tail.wait().unwrap();
    let mut rest = String::new();
    out.read_to_string(&mut rest).unwrap();
    assert_eq!(rest, "", "nothing is printed twice");
}

#[test]
fn a_reader_that_goes_away_ends_it_quietly() {
    let past = (0..20_000).map(|i| format!("message {i}").into_bytes()).collect();
    let fake = Fake::start(Part { past, ..Part::default() });
    let mut tail = tail(&fake, &["--since", "start"]);
    let mut first = String::new();
    BufReader::new(tail.stdout.take().unwrap()).read_line(&mut first).unwrap();
    let output = tail.wait_with_output().unwrap();
    assert_ends(&output, DONE, "");
}

fn tail(fake: &Fake, arguments: &[&str]) -> Child {
    let mut command = chalktalk(fake, &["tail", "#ops"]);
    command
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}
