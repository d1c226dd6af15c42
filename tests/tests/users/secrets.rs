//! What must not be known is in the service's folder and in its memory, and nowhere else.

use crate::apart::attach;
use chalktalk_ipc::request::From;
use chalktalk_tests::{
    machine::{ANA, BEN, Machine, state},
    programs::SOON,
    runner::Test,
    tests, wait,
};
use std::{fs, os::unix::fs::MetadataExt};

pub(crate) const TESTS: &[Test] =
    tests![keys_are_in_no_log_argument_or_environment, nothing_of_the_daemon_can_be_dumped_or_looked_into];

fn keys_are_in_no_log_argument_or_environment() {
    let machine = Machine::start();
    let (ana, ben) = (attach(ANA), attach(BEN));
    let _agent = machine.agent(BEN);
    wait::until(SOON, "his agent", || ben.status().agent);
    drop(ben);
    let session = ana.enter("@Ben", From::Start);
    ana.publish(session, "between us");
    wait::until(SOON, "a program to be launched", || {
        !chalktalk_tests::lab::process::running("chalktalk-chat").is_empty()
    });
    let is_key = |path: &fs::DirEntry| path.path().extension().is_some_and(|ending| ending == "key");
    let keys: Vec<Vec<u8>> = fs::read_dir(state())
        .unwrap()
        .flatten()
        .filter(is_key)
        .map(|file| fs::read(file.path()).unwrap())
        .collect();
    assert_eq!(keys.len(), 5, "the host's, and two for each user");
    let hex = |key: &Vec<u8>| key.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let mut said = machine.daemon.log().into_bytes();
    for process in fs::read_dir("/proc").unwrap().flatten() {
        for file in ["cmdline", "environ"] {
            said.extend(fs::read(process.path().join(file)).unwrap_or_default());
        }
    }
    let (text, store) = (String::from_utf8_lossy(&said), fs::read(state().join("log.redb")).unwrap());
    for key in &keys {
        assert!(!text.contains(&hex(key)) && !text.contains(&format!("{key:?}")));
        for bytes in [&said, &store] {
            assert!(!bytes.windows(key.len()).any(|window| window == key));
        }
    }
}

fn nothing_of_the_daemon_can_be_dumped_or_looked_into() {
    let machine = Machine::start();
    let of_daemon = |file: &str| format!("/proc/{}/{file}", machine.daemon.pid());
    let limits = fs::read_to_string(of_daemon("limits")).unwrap();
    let core = limits.lines().find(|line| line.starts_with("Max core file size")).unwrap();
    assert_eq!(core.split_whitespace().nth(4), Some("0"), "{core}");
    // Of a process that may not be dumped, the kernel gives what can be looked into to root.
    assert_eq!(fs::metadata(of_daemon("environ")).unwrap().uid(), 0);
}
