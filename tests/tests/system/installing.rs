//! From the first installation to the last file removed.

use chalktalk_tests::{booted::Booted, lab::Lab, programs::SOON, runner::Test, tests, wait};
use std::time::Duration;

pub(crate) const TESTS: &[Test] = tests![
    one_package_makes_it_work_for_everybody_and_removal_leaves_nothing,
    an_upgrade_loses_nothing_and_nobody_notices,
    who_runs_a_daemon_of_their_own_keeps_it_and_is_told,
    what_somebody_has_to_mend_is_told_to_who_asks,
];

fn one_package_makes_it_work_for_everybody_and_removal_leaves_nothing() {
    let lab = Lab::new(1);
    let host = Booted::boot(lab.host(1));
    host.install();
    for unit in ["chalktalkd.socket", "chalktalkd.service"] {
        let state = host.sh(&format!("systemctl is-enabled {unit}; systemctl is-active {unit}"));
        assert_eq!(state, "enabled\nactive", "{unit}");
    }
    assert_eq!(host.sh("systemctl --global is-enabled chalktalk-agent.service"), "enabled");
    let units = "/usr/lib/systemd/system/chalktalkd.service /usr/lib/systemd/system/chalktalkd.socket";
    let said = host.run(&[
        "/bin/sh",
        "-c",
        &format!("systemd-analyze verify --man=no {units} 2>&1 | grep -i chalktalk"),
    ]);
    assert_eq!(said.out, Vec::<String>::new(), "systemd has nothing to say about the units");
    let fields = "journalctl --no-pager --output=json --unit chalktalkd.service CHALKTALK_CODE=ready";
    let entry: serde_json::Value = serde_json::from_str(host.sh(fields).lines().next().unwrap()).unwrap();
    assert_eq!(
        (&entry["PRIORITY"], &entry["SYSLOG_IDENTIFIER"]),
        (&"6".into(), &"chalktalkd".into()),
        "{entry}"
    );
    assert!(entry["MESSAGE"].as_str().unwrap().starts_with("ready: socket /run/chalktalk"), "{entry}");
    for user in ["ana", "ben"] {
        let sent = host.run_as(user, &["chalktalk", "send", "#lobby", &format!("hello from {user}")]);
        assert_eq!(sent.code(), 0, "{}", sent.log);
    }
    let manuals = "chalktalkd.8 chalktalkd.toml.5 chalktalk-user.toml.5 chalktalk.1 chalktalk-send.1 chalktalk-agent.1 chalktalk-chat.1";
    host.sh(&format!("for page in {manuals}; do test -s /usr/share/man/man${{page##*.}}/$page.gz; done"));
    host.sh("bash -n /usr/share/bash-completion/completions/chalktalk; test -s /usr/share/zsh/vendor-completions/_chalktalk; test -s /usr/share/fish/vendor_completions.d/chalktalk.fish");

    // Started by the first program that comes, and not before.
    host.sh("systemctl stop chalktalkd.service");
    assert_eq!(host.main_pid("chalktalkd"), 0);
    host.await_ready();
    assert_ne!(host.main_pid("chalktalkd"), 0);

    host.sh("dpkg --remove chalktalk");
    assert_eq!(host.processes("chalktalk.*"), Vec::<u32>::new());
    assert_eq!(
        host.sh("ls /var/lib/chalktalk/host.key"),
        "/var/lib/chalktalk/host.key",
        "keys stay until they are purged"
    );
    host.sh("dpkg --purge chalktalk");
    let left = host.sh("find /etc /usr /var /run -xdev -iname '*chalktalk*'; find /run/systemd /run/user -iname '*chalktalk*' 2>/dev/null || true");
    assert_eq!(left, "", "files that purging has left");
}

fn an_upgrade_loses_nothing_and_nobody_notices() {
    let lab = Lab::new(1);
    let host = Booted::with_chalktalk(lab.host(1));
    host.sh(
        "cd /opt && dpkg-deb -R packages/chalktalk_*.deb next && sed -i 's/^Version: .*/Version: 9.9/' next/DEBIAN/control && \
         dpkg-deb -z0 -b next next.deb",
    );
    let before = host.main_pid("chalktalkd");
    let mut sender = host.start_as("ana", &["chalktalk", "send", "#lobby", "-"]);
    let reader = host.start_as("ben", &["chalktalk", "tail", "#lobby", "--since", "start", "--json"]);
    let lines: Vec<String> = (0..200).map(|n| format!("line {n}")).collect();
    for line in &lines[..100] {
        sender.say(line);
    }
    reader.await_text("line 99\"", SOON);
    let mut upgrade = host.start_as("root", &["dpkg", "-i", "/opt/next.deb"]);
    for line in &lines[100..] {
        sender.say(line);
        std::thread::sleep(Duration::from_millis(10)); // spread over the upgrade, on purpose
    }
    sender.end_input();
    assert!(upgrade.await_end(6 * SOON).success(), "{}", upgrade.log());
    assert!(sender.await_end(6 * SOON).success(), "{}", sender.log());
    assert_eq!(host.sh("dpkg-query -W -f '${Version}' chalktalk"), "9.9");
    assert_ne!(host.main_pid("chalktalkd"), before, "the new one runs");
    reader.await_text("line 199\"", SOON);
    let texts = |lines: Vec<String>| -> Vec<String> {
        let parsed = lines.iter().filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok());
        parsed.filter_map(|line| Some(line["text"].as_str()?.to_owned())).collect()
    };
    let stored = host.run_as("ben", &["chalktalk", "history", "#lobby", "--limit", "0", "--json"]);
    assert_eq!(texts(stored.out), lines, "every message once, in order");
    let mut seen = texts(reader.output());
    seen.dedup();
    assert_eq!(seen, lines, "who follows the room has seen every message");
}

fn who_runs_a_daemon_of_their_own_keeps_it_and_is_told() {
    let lab = Lab::new(1);
    let host = Booted::boot(lab.host(1));
    host.sh("dpkg --force-depends --unpack /opt/packages/chalktalk_*.deb");
    let own = host.start_as("ana", &["env", "HOME=/home/ana", "XDG_RUNTIME_DIR=/home/ana/run", "chalktalkd"]);
    own.await_text("ready", SOON);
    let said = host.run(&["dpkg", "--configure", "chalktalk"]);
    assert_eq!(said.code(), 0, "{}", said.log);
    assert!(said.log.contains("ana runs a daemon of their own"), "{}", said.log);
    host.await_ready();
    let status = host.run_as(
        "ana",
        &["env", "HOME=/home/ana", "XDG_RUNTIME_DIR=/home/ana/run", "chalktalk", "status", "--json"],
    );
    assert!(
        status.out[0].contains("/home/ana/.local/state/chalktalk"),
        "their programs stay with it: {}",
        status.log
    );
    let other = host.run_as("ben", &["chalktalk", "status", "--json"]);
    assert!(other.out[0].contains("/var/lib/chalktalk"), "{}", other.log);
}

fn what_somebody_has_to_mend_is_told_to_who_asks() {
    let lab = Lab::new(1);
    let host = Booted::with_chalktalk(lab.host(1));
    let ends_with = |status: &str, reason: &str| {
        host.run(&["systemctl", "restart", "chalktalkd.service"]);
        wait::until(SOON, "the service to rest", || {
            host.run(&["systemctl", "is-active", "chalktalkd.service"]).out != ["activating"]
        });
        let about = host.sh("systemctl show --value -p ExecMainStatus chalktalkd.service");
        assert_eq!(about.trim(), status, "{}", host.journal("chalktalkd.service"));
        assert!(
            host.journal("chalktalkd.service").contains(reason),
            "{}",
            host.journal("chalktalkd.service")
        );
        let asked = host.run_as("ana", &["chalktalk", "status"]);
        assert!(asked.code() != 0 && asked.log.contains(reason), "who asks is told: {}", asked.log);
        let doctor = host.run_as("ana", &["chalktalk", "doctor", "--json"]);
        assert!(doctor.code() == 1 && doctor.log.contains("daemon-refuses"), "{}", doctor.log);
        assert_eq!(host.sh("systemctl is-active chalktalkd.socket"), "active");
    };
    host.sh("mkdir -p /etc/chalktalk; echo 'prot = 5' > /etc/chalktalk/config.toml");
    ends_with("2", "/etc/chalktalk/config.toml:1: unknown key `prot`; did you mean `port`?");
    host.sh("rm /etc/chalktalk/config.toml");
    host.await_ready();
    host.sh("echo 99 > /var/lib/chalktalk/version");
    ends_with("4", "version 99");
    assert_eq!(host.sh("cat /var/lib/chalktalk/version"), "99", "nothing was changed");
    host.sh("echo 1 > /var/lib/chalktalk/version");
    host.await_ready();
    host.sh("chmod 600 /run/chalktalk/chalktalkd.sock");
    let doctor = host.run_as("ana", &["chalktalk", "doctor", "--json"]);
    assert!(
        doctor.log.contains("socket-permission")
            && doctor.log.contains("systemctl restart chalktalkd.socket"),
        "{}",
        doctor.log
    );
    host.sh("systemctl restart chalktalkd.socket chalktalkd.service");
    host.await_ready();
    host.sh("rm -f /etc/machine-id; systemctl restart chalktalkd.service");
    host.await_ready();
}
