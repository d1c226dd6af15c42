//! What `--trace` writes is what others' tools read, and docs/chalktalk.lua shows them what it says.

use crate::sessions::TEST_APP;
use chalktalk_ipc::request::From;
use chalktalk_tests::{
    binaries,
    lab::{Host, Lab, skip, tool},
    programs::SOON,
    runner::Test,
    tests, wait,
};

pub(crate) const TESTS: &[Test] =
    tests![a_trace_opens_in_wireshark_with_what_its_frames_say, streams_on_the_wire_are_told_apart];

/// What tshark makes of a file: these fields of every packet of ours.
fn dissected(host: &Host, path: &str, fields: &[&str]) -> Vec<Vec<String>> {
    let script = format!("lua_script:{}", binaries::source_root().join("docs/chalktalk.lua").display());
    let mut command = host.command("tshark");
    command.args(["-X", &script, "-r", path, "-Y", "chalktalk", "-T", "fields"]);
    command.args(fields.iter().flat_map(|field| ["-e", field]));
    let mut shark = host.spawn("tshark", command);
    shark.end_input();
    assert!(shark.await_end(6 * SOON).success(), "{}", shark.log());
    shark.output().iter().map(|line| line.split('\t').map(str::to_owned).collect()).collect()
}

fn a_trace_opens_in_wireshark_with_what_its_frames_say() {
    if !tool::has("tshark") {
        skip("tshark is missing (package tshark)");
    }
    let lab = Lab::new(2);
    let file = lab.host(1).dir().join("trace.pcap");
    let path = file.to_str().unwrap();
    let mut first = lab.host(1).daemon_with(&["--trace", path]);
    let _second = lab.host(2).daemon();
    lab.await_presence(2);
    lab.host(1).send("#lobby", "to be seen");
    wait::until(SOON, "the message to arrive", || {
        lab.host(2).history("#lobby").contains(&"to be seen".to_owned())
    });
    lab.host(1).chalktalk(&["doctor"]);
    let started = lab.host(1).chalktalk(&["start", "chalktalk.whiteboard", "--in", "#lobby"]);
    assert_eq!(started.code(), 0, "{}", started.log);
    wait::until(SOON, "the invitation to arrive", || {
        lab.host(2).chalktalk(&["invitations", "--json"]).log.contains("chalktalk.whiteboard")
    });
    first.stop();
    let fields = [
        "_ws.malformed",
        "chalktalk.kind",
        "chalktalk.seq",
        "chalktalk.notice",
        "chalktalk.length",
        "udp.length",
    ];
    let rows = dissected(lab.host(1), path, &fields);
    assert!(rows.len() > 10, "{rows:?}");
    for row in &rows {
        let [malformed, kind, _, _, length, udp] = &row[..] else { panic!("{row:?}") };
        assert!(malformed.is_empty() && !kind.is_empty(), "{row:?}");
        assert_eq!(length.parse::<u32>().unwrap() + 8, udp.parse::<u32>().unwrap(), "{row:?}");
    }
    let of = |kind: &str| rows.iter().filter(|row| row[1] == kind).count();
    assert!(of("7") > 4, "host frames");
    assert!(of("10") > 0 && of("11") > 0, "probes and their answers");
    assert!(rows.iter().any(|row| row[1] == "1" && row[2] == "1"), "the entry that begins the log");
    let is_set = |value: &str| matches!(value, "1" | "True");
    assert!(rows.iter().any(|row| row[1] == "1" && is_set(&row[3])), "the invitation is a notice: {rows:?}");
}

fn streams_on_the_wire_are_told_apart() {
    if !tool::has("tshark") {
        skip("tshark is missing (package tshark)");
    }
    let lab = Lab::new(2);
    let file = lab.host(2).dir().join("wire.pcapng");
    let path = file.to_str().unwrap();
    let mut command = lab.host(2).command("tshark");
    command.args(["-q", "-i", "eth0", "-f", "tcp", "-w", path]);
    let mut ear = lab.host(2).spawn("tshark", command);
    wait::until(3 * SOON, "the capture to begin", || file.exists() || ear.log().contains("ermission"));
    if !file.exists() {
        skip(&format!("tshark may not capture: {}", ear.log()));
    }
    let _first = lab.host(1).daemon();
    let author = lab.host(1).app(TEST_APP);
    let session = author.enter("#ops", From::Start);
    author.publish_each(session, (0..600).map(|n| format!("message {n} {}", "x".repeat(1200))));
    author.await_text(session, &format!("message 599 {}", "x".repeat(1200)));
    let sent = lab.host(1).dir().join("notes.txt");
    std::fs::write(&sent, vec![7; 700_000]).unwrap();
    let _second = lab.host(2).daemon();
    let late = lab.host(2).app(TEST_APP);
    late.enter("#ops", From::Start);
    late.await_count(600, 6 * SOON);
    lab.await_presence(2);
    assert_eq!(lab.host(1).chalktalk(&["file", "send", "#lobby", sent.to_str().unwrap()]).code(), 0);
    wait::until(3 * SOON, "the file to be offered", || {
        lab.host(2).chalktalk(&["file", "get", "#lobby", "notes.txt"]).code() == 0
    });
    ear.signal(rustix::process::Signal::INT);
    ear.await_end(SOON);
    let rows = dissected(
        lab.host(2),
        path,
        &["_ws.malformed", "chalktalk.stream", "chalktalk.session", "chalktalk.runs"],
    );
    let has = |what: &str| rows.iter().any(|row| row[0].is_empty() && row[1] == what && !row[2].is_empty());
    assert!(has("catch-up"), "{rows:?}");
    assert!(has("blob"), "{rows:?}");
    assert!(
        rows.iter().any(|row| row[1] == "catch-up" && row[3].parse().is_ok_and(|runs: u32| runs > 0)),
        "{rows:?}"
    );
}
