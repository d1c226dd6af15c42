//! What `--trace` writes is what others' tools read.

use chalktalk_tests::{
    binaries,
    lab::{Lab, skip, tool},
    programs::SOON,
    runner::Test,
    tests, wait,
};

pub(crate) const TESTS: &[Test] = tests![a_trace_opens_in_wireshark_with_what_its_frames_say];

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
    first.stop();
    let script = format!("lua_script:{}", binaries::source_root().join("docs/chalktalk.lua").display());
    let mut command = lab.host(1).command("tshark");
    let fields = [
        "frame.number",
        "_ws.malformed",
        "udp.dstport",
        "chalktalk.kind",
        "chalktalk.seq",
        "chalktalk.length",
        "udp.length",
    ];
    command.args(["-X", &script, "-r", path, "-T", "fields"]);
    command.args(fields.iter().flat_map(|field| ["-e", field]));
    let mut shark = lab.host(1).spawn("tshark", command);
    shark.end_input();
    assert!(shark.await_end(6 * SOON).success(), "{}", shark.log());
    let rows: Vec<Vec<String>> =
        shark.output().iter().map(|line| line.split('\t').map(str::to_owned).collect()).collect();
    assert!(rows.len() > 10, "{}", shark.log());
    for row in &rows {
        let [_, malformed, _, kind, _, length, udp] = &row[..] else { panic!("{row:?}") };
        assert!(malformed.is_empty() && !kind.is_empty(), "{row:?}");
        assert_eq!(length.parse::<u32>().unwrap() + 8, udp.parse::<u32>().unwrap(), "{row:?}");
    }
    let of = |kind: &str| rows.iter().filter(|row| row[3] == kind).count();
    assert!(of("7") > 4, "host frames");
    assert!(rows.iter().any(|row| row[3] == "1" && row[4] == "1"), "the entry that begins the log");
}
