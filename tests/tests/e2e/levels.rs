//! How much an app knows of being run together is its own choice: the examples for authors, one for each level above an
//! unmodified program (of those `real_programs` has some).

use crate::{
    other_languages::python,
    together::{await_standing, end, invited, register, run, start},
};
use chalktalk_tests::{
    binaries,
    lab::{Host, Lab, skip},
    programs::SOON,
    runner::Test,
    tests, wait,
};
use std::{fs, path::PathBuf};

pub(crate) const TESTS: &[Test] = tests![
    a_carried_port_is_an_inherited_socket,
    what_copies_say_to_each_other_all_of_them_understand_alike,
    who_comes_late_has_the_state_that_programs_share,
];

/// What a copy has written.
fn output(host: &Host, app: &str, id: &str) -> String {
    let log = host.dir().join(format!("state/chalktalk/logs/{app}-{id}.log"));
    fs::read_to_string(log).unwrap_or_default()
}

fn in_python(name: &str) -> String {
    let file = binaries::source_root().join("apps/client/examples").join(name);
    format!("[{:?}, {file:?}]", python())
}

fn in_rust(name: &str) -> String {
    let program: PathBuf = binaries::example(name);
    if !program.is_file() {
        skip(&format!("{} is missing (cargo build --examples)", program.display()));
    }
    format!("[{program:?}]")
}

/// The second level: a program that serves a socket which it inherits, and others who are told where.
fn a_carried_port_is_an_inherited_socket() {
    let (lab, _daemons) = Lab::talking(3);
    let [ana, ben, cleo] = [1, 2, 3].map(|n| lab.host(n));
    let argv = in_python("greeter.py");
    for host in [ana, ben, cleo] {
        let manifest = format!(
            "id = \"org.example.greeter\"\nname = \"Greeter\"\nmodel = \"host\"\nport = \"free\"\nstdin = \"socket\"\nheadless = {argv}\n"
        );
        register(host, &manifest);
    }
    let id = start(ana, "org.example.greeter", "#lobby", &[]);
    for host in [ben, cleo] {
        invited(host, &id);
        run(host, &["accept", &id]);
        let heard = || output(host, "org.example.greeter", &id);
        wait::until(SOON, "the host's word", || heard() == "hello from ana\n");
    }
    let host = await_standing(&[ben, cleo], &id, "ana", "in");
    assert!(host["part"] == "host" && host["port"].as_u64() > Some(1023), "{host}");
}

/// The third level: a program that talks with its copies in messages.
fn what_copies_say_to_each_other_all_of_them_understand_alike() {
    let (lab, _daemons) = Lab::talking(3);
    let argv = in_rust("dice");
    for host in lab.hosts() {
        let manifest = format!(
            "id = \"org.example.dice\"\nname = \"Dice\"\nready = \"library\"\nmin_users = 3\nheadless = {argv}\n"
        );
        register(host, &manifest);
    }
    let id = start(lab.host(1), "org.example.dice", "#lobby", &[]);
    for n in [2, 3] {
        invited(lab.host(n), &id);
        run(lab.host(n), &["accept", &id]);
    }
    let result = |host: &Host| {
        let text = output(host, "org.example.dice", &id);
        text.lines().rfind(|line| line.starts_with("of 3 the highest is ")).map(str::to_owned)
    };
    let wait_for = |host: &Host| wait::for_some(SOON, "three rolls", || result(host));
    let results: Vec<String> = lab.hosts().iter().map(wait_for).collect();
    assert!(results.iter().all(|one| *one == results[0]), "{results:?}");
}

/// The fourth level: programs that share state, one of them in another language.
fn who_comes_late_has_the_state_that_programs_share() {
    let (lab, _daemons) = Lab::talking(3);
    let [ana, ben, cleo] = [1, 2, 3].map(|n| lab.host(n));
    for host in [ana, ben, cleo] {
        let argv = if host.index() == 2 { in_rust("tally") } else { in_python("tally.py") };
        let manifest = format!(
            "id = \"org.example.tally\"\nname = \"Tally\"\nmodel = \"host\"\nready = \"library\"\nheadless = {argv}\n"
        );
        register(host, &manifest);
    }
    let sum = |host: &Host, id: &str| {
        fs::read_to_string(host.dir().join(format!("state/chalktalk/tally-{id}.txt"))).unwrap_or_default()
    };
    [ana, ben].into_iter().for_each(|host| drop(run(host, &["room", "create", "club"])));
    let id = start(ana, "org.example.tally", "#club", &[]);
    invited(ben, &id);
    run(ben, &["accept", &id]);
    await_standing(&[ana, ben], &id, "ben", "in");
    wait::until(SOON, "two", || [ana, ben].iter().all(|host| sum(host, &id) == "2\n"));
    run(cleo, &["room", "join", "club"]);
    invited(cleo, &id);
    run(cleo, &["accept", &id]);
    wait::until(SOON, "three, also for who came late", || {
        [ana, ben, cleo].iter().all(|host| sum(host, &id) == "3\n")
    });
    // A copy that has crashed has everything again when it is back, and what others say meanwhile starts none.
    let his = await_standing(&[ana, ben, cleo], &id, "ben", "in");
    end(&his["pid"]);
    await_standing(&[ana, ben, cleo], &id, "ben", "failed");
    fs::remove_file(ben.dir().join(format!("state/chalktalk/tally-{id}.txt"))).unwrap();
    run(ben, &["accept", &id]);
    let again = await_standing(&[ana, ben, cleo], &id, "ben", "in");
    assert_eq!(again["place"], his["place"]);
    wait::until(SOON, "three again", || sum(ben, &id) == "3\n");
    let copies = chalktalk_tests::lab::process::running("tally");
    assert_eq!(copies.len(), 1, "one copy in Rust: {copies:?}");
}
