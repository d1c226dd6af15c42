//! `chalktalk doctor`: a matrix of injected faults, and whether the culprit is named.
//!
//! Each test is one fault, looked at from where a person would: the host that has the trouble.

use chalktalk_tests::{
    lab::{Host, Lab, skip, tool},
    programs::{Daemon, SOON},
    runner::Test,
    tests, wait,
};
use serde_json::Value;

pub(crate) const TESTS: &[Test] = tests![
    where_all_is_well_it_says_so_in_few_lines,
    a_firewall_here,
    a_firewall_on_the_other_side,
    one_way_only,
    clients_kept_apart,
    all_clients_kept_apart,
    a_switch_that_filters_multicast,
    a_clock_that_is_off,
    a_cloned_identity,
    the_wrong_interface,
    only_a_container_interface,
    another_mtu,
    an_address_twice,
    no_address,
    two_networks_on_one_link,
    another_passphrase,
    no_daemon,
    sending_forbidden,
    no_interface_at_all,
];

/// What `doctor` finds on a host: codes and the whole report.
fn examine(host: &Host) -> (Vec<String>, Value) {
    let output = host.chalktalk(&["doctor", "--json"]);
    let report = output.json_lines().pop().unwrap_or_else(|| panic!("no report: {}", output.log));
    let findings = report["findings"].as_array().unwrap();
    let codes: Vec<String> = findings.iter().map(|f| f["code"].as_str().unwrap().to_owned()).collect();
    let serious = findings.iter().any(|finding| finding["serious"] == true);
    let expected = i32::from(serious);
    assert_eq!(output.code(), expected, "{report}");
    (codes, report)
}

/// What may be found besides, since it follows from the fault: where there is no IPv4 address, IPv4 cannot be sent.
const FOLLOWS: [(&str, &[&str]); 5] = [
    ("only-virtual-links", &["no-address", "alone"]),
    ("duplicate-address", &["unicast-lost"]),
    ("no-address", &["sending-refused", "unicast-lost"]),
    ("other-network", &["unicast-lost"]),
    ("interface-left-out", &["alone"]),
];

/// Waits until `doctor` names this culprit, and nobody else.
fn finds(host: &Host, code: &str) -> Value {
    let follows = FOLLOWS.iter().find(|(of, _)| *of == code).map_or(&[][..], |(_, follows)| follows);
    wait::for_some(6 * SOON, &format!("{code} alone to be found on {}", host.label()), || {
        let (mut codes, report) = examine(host);
        codes.retain(|found| found != "no-agent" && !follows.contains(&found.as_str()));
        (codes == [code]).then_some(report)
    })
}

/// Three hosts that know one another, settled.
fn three() -> (Lab, Vec<Daemon>) {
    let (lab, daemons) = Lab::talking(3);
    (lab, daemons)
}

fn nft(host: &Host, rules: &str) {
    let mut command = host.command("nft");
    command.args(["-f", "-"]).env("PATH", tool::search_path());
    let mut process = host.spawn("nft", command);
    process.say(rules);
    process.end_input();
    assert!(process.await_end(SOON).success(), "{}", process.log());
}

fn ip(host: &Host, arguments: &[&str]) {
    let mut command = host.command("ip");
    command.args(arguments).env("PATH", tool::search_path());
    let mut process = host.spawn("ip", command);
    assert!(process.await_end(SOON).success(), "ip {arguments:?}: {}", process.log());
}

fn where_all_is_well_it_says_so_in_few_lines() {
    let (lab, _daemons) = three();
    wait::until(6 * SOON, "a clean bill of health", || {
        examine(lab.host(1)).0.iter().all(|code| code == "no-agent")
    });
    let (_, report) = examine(lab.host(1));
    let neighbours = report["neighbours"].as_array().unwrap();
    assert_eq!(neighbours.len(), 2, "{report}");
    for neighbour in neighbours {
        for direction in ["there", "here"] {
            let ways = neighbour[direction].as_array().unwrap();
            let has = |way: &str, bytes: u64| ways.iter().any(|w| w["way"] == way && w["bytes"] == bytes);
            for way in ["multicast4", "multicast6", "broadcast", "unicast"] {
                assert!(has(way, 256) && has(way, 1400), "{way} {direction}: {neighbour}");
            }
        }
    }
    let people = lab.host(1).chalktalk(&["doctor"]);
    assert!(people.out.len() <= 15, "{:?}", people.out);
    let metrics = lab.host(1).chalktalk(&["metrics"]);
    assert!(metrics.out.iter().any(|line| line == "chalktalk_hosts 2"), "{}", metrics.log);
    assert!(
        metrics.out.iter().any(|line| line.starts_with("chalktalk_events_total{what=\"frames.received\"}")),
        "{}",
        metrics.log
    );
}

fn a_firewall_here() {
    let (lab, _daemons) = three();
    nft(
        lab.host(1),
        "table inet filter { chain input { type filter hook input priority 0; policy drop; iif lo accept;\n}\n}",
    );
    let report = finds(lab.host(1), "firewall-here");
    let fix = report["findings"][0]["fix"].as_str().unwrap().replace("sudo ", "");
    assert!(fix.contains("nft insert rule inet filter input udp dport 47474-47538 accept"), "{fix}");
    let mut command = lab.host(1).command("/bin/sh");
    command.args(["-c", &fix]).env("PATH", tool::search_path());
    assert!(lab.host(1).spawn("the fix", command).await_end(SOON).success());
    wait::until(6 * SOON, "the fix to mend it", || {
        !examine(lab.host(1)).0.contains(&"firewall-here".to_owned())
    });
}

fn a_firewall_on_the_other_side() {
    let (lab, _daemons) = three();
    nft(
        lab.host(2),
        "table inet filter { chain input { type filter hook input priority 0; policy drop; iif lo accept;\n}\n}",
    );
    let report = finds(lab.host(1), "not-heard-by");
    assert!(report.to_string().contains("h2 is heard here"), "{report}");
}

fn one_way_only() {
    let (lab, _daemons) = three();
    lab.host(3).be_deaf_to(Some(lab.host(1)));
    let report = finds(lab.host(1), "not-heard-by");
    assert!(report.to_string().contains("h3 is heard here"), "{report}");
    finds(lab.host(3), "host-not-heard");
}

/// Two on the air that cannot hear each other, and one on the wire that hears both.
fn clients_kept_apart() {
    let lab = Lab::new(3);
    lab.keep_apart(&[1, 2]);
    let _daemons: Vec<Daemon> = lab.hosts().iter().map(Host::daemon).collect();
    let report = finds(lab.host(1), "host-not-heard");
    assert!(report.to_string().contains("keeps its clients apart"), "{report}");
}

/// Nobody is left who could tell of the others: it says what it can be.
fn all_clients_kept_apart() {
    let lab = Lab::new(3);
    lab.keep_apart(&[1, 2, 3]);
    let _daemons: Vec<Daemon> = lab.hosts().iter().map(Host::daemon).collect();
    let report = finds(lab.host(1), "alone");
    assert!(report.to_string().contains("the access point keeps its clients apart"), "{report}");
}

fn a_switch_that_filters_multicast() {
    let (lab, _daemons) = three();
    lab.snoop_without_a_querier();
    let report = finds(lab.host(1), "multicast-lost");
    assert!(report.to_string().contains("snooping without a querier"), "{report}");
    // Nothing is lost meanwhile.
    lab.host(1).send("#lobby", "by broadcast");
    wait::until(SOON, "the message", || lab.host(2).history("#lobby").contains(&"by broadcast".to_owned()));
}

fn a_clock_that_is_off() {
    let library = ["x86_64-linux-gnu", "aarch64-linux-gnu"]
        .map(|machine| format!("/usr/lib/{machine}/faketime/libfaketime.so.1"));
    let Some(library) = library.iter().find(|path| std::path::Path::new(path).exists()) else {
        skip("libfaketime is missing (package libfaketime)");
    };
    let lab = Lab::new(3);
    let late = [("LD_PRELOAD", library.as_str()), ("FAKETIME", "-2h"), ("FAKETIME_DONT_FAKE_MONOTONIC", "1")];
    let _late = lab.host(1).daemon_with_environment(&late);
    let _others = [lab.host(2).daemon(), lab.host(3).daemon()];
    let report = finds(lab.host(1), "clock-off");
    assert!(report.to_string().contains("this host's clock is"), "{report}");
    let elsewhere = finds(lab.host(2), "clock-off");
    assert!(elsewhere.to_string().contains("h1"), "{elsewhere}");
}

/// The disk of one was copied to the other.
fn a_cloned_identity() {
    let lab = Lab::new(2);
    let mut first = lab.host(1).daemon();
    first.stop();
    let (from, to) = (lab.host(1).dir().join("state"), lab.host(2).dir());
    tool::run("cp", &["-a", from.to_str().unwrap(), to.to_str().unwrap()]);
    let _one = lab.host(1).daemon();
    let _other = lab.host(2).daemon();
    let found = wait::for_some(6 * SOON, "the copy to be named", || {
        [1, 2]
            .into_iter()
            .map(|n| examine(lab.host(n)))
            .find(|(codes, _)| codes.contains(&"cloned".to_owned()))
    });
    assert!(found.1.to_string().contains("a disk was copied"), "{}", found.1);
}

fn the_wrong_interface() {
    let lab = Lab::new(2);
    ip(lab.host(1), &["link", "add", "eth7", "type", "veth", "peer", "name", "eth7p"]);
    ip(lab.host(1), &["addr", "add", "10.99.0.1/24", "dev", "eth7"]);
    ip(lab.host(1), &["link", "set", "eth7", "up"]);
    ip(lab.host(1), &["link", "set", "eth7p", "up"]);
    let _wrong = lab.host(1).daemon_with(&["--interface", "eth7"]);
    let _other = lab.host(2).daemon();
    let report = finds(lab.host(1), "interface-left-out");
    assert!(report.to_string().contains("eth0"), "{report}");
}

fn only_a_container_interface() {
    let lab = Lab::new(1);
    ip(lab.host(1), &["link", "add", "docker0", "type", "veth", "peer", "name", "veth7"]);
    ip(lab.host(1), &["addr", "add", "172.17.0.1/16", "dev", "docker0"]);
    ip(lab.host(1), &["link", "set", "docker0", "up"]);
    ip(lab.host(1), &["link", "set", "veth7", "up"]);
    lab.host(1).link_down();
    let _daemon = lab.host(1).daemon();
    let report = finds(lab.host(1), "only-virtual-links");
    assert!(report.to_string().contains("sudo ip link set eth0 up"), "{report}");
}

fn another_mtu() {
    let (lab, _daemons) = three();
    ip(lab.host(2), &["link", "set", "eth0", "mtu", "1280"]);
    let report = finds(lab.host(1), "large-lost");
    assert!(report.to_string().contains("h2"), "{report}");
}

fn an_address_twice() {
    let (lab, _daemons) = three();
    ip(lab.host(2), &["addr", "add", "10.77.0.1/24", "dev", "eth0"]);
    let report = finds(lab.host(1), "duplicate-address");
    assert!(report.to_string().contains("h2 has the address 10.77.0.1"), "{report}");
}

fn no_address() {
    let (lab, _daemons) = three();
    ip(lab.host(1), &["-4", "addr", "flush", "dev", "eth0"]);
    finds(lab.host(1), "no-address");
}

fn two_networks_on_one_link() {
    let (lab, _daemons) = three();
    ip(lab.host(2), &["-4", "addr", "flush", "dev", "eth0"]);
    ip(lab.host(2), &["addr", "add", "10.78.0.2/24", "brd", "+", "dev", "eth0"]);
    let report = finds(lab.host(1), "other-network");
    assert!(report.to_string().contains("h2 is on this link"), "{report}");
}

fn another_passphrase() {
    let (lab, _daemons) = three();
    let set = lab.host(1).chalktalk_fed(&["passphrase", "set"], "correct horse battery staple ridge\n");
    assert_eq!(set.code(), 0, "{}", set.log);
    finds(lab.host(1), "other-passphrase");
    finds(lab.host(2), "other-passphrase");
}

fn no_daemon() {
    let lab = Lab::new(1);
    let (codes, report) = examine(lab.host(1));
    assert_eq!(codes, ["no-daemon"], "{report}");
}

fn sending_forbidden() {
    let (lab, _daemons) = three();
    nft(
        lab.host(1),
        "table inet filter { chain output { type filter hook output priority 0; udp dport 47474-47538 drop;\n}\n}",
    );
    finds(lab.host(1), "sending-refused");
}

fn no_interface_at_all() {
    let lab = Lab::new(1);
    lab.host(1).link_down();
    let _daemon = lab.host(1).daemon();
    let report = finds(lab.host(1), "no-network");
    assert!(report.to_string().contains("sudo ip link set eth0 up"), "{report}");
}
