//! Hosts that are copies of one another: who has copied a disk, or an image of it, finds that out and is two hosts again.

use crate::sessions::TEST_APP;
use chalktalk_ipc::request::From;
use chalktalk_tests::{
    app::App,
    lab::{Host, Lab},
    programs::{Daemon, SOON},
    runner::Test,
    tests, wait,
};
use std::{
    collections::{BTreeMap, BTreeSet},
    os::unix::fs::MetadataExt,
    process::Command,
    time::Duration,
};

pub(crate) const TESTS: &[Test] = tests![
    a_copied_state_directory_becomes_a_host_of_its_own,
    copies_of_a_disk_that_start_together_become_hosts_of_their_own,
    a_copy_of_a_disk_that_starts_later_does_not_write_on_in_its_twins_log,
];

/// Copies what the daemon of one host keeps to another. `image`: as a copy of the whole disk has it.
fn copy_state(from: &Host, to: &Host, image: bool) {
    std::fs::create_dir_all(to.dir().join("state")).unwrap();
    let mut copy = Command::new("cp");
    copy.arg("-a").arg(from.dir().join("state/chalktalk")).arg(to.dir().join("state/"));
    assert!(copy.status().unwrap().success());
    if image {
        let folder = to.dir().join("state/chalktalk");
        let place = std::fs::metadata(folder.join("host.key")).unwrap().ino();
        let life = std::fs::read_to_string(folder.join("incarnation")).unwrap();
        let number = life.split_whitespace().next().unwrap();
        std::fs::write(folder.join("incarnation"), format!("{number} {place}\n")).unwrap();
    }
}

/// Host 3 listens in `#ops` while host 1 talks, ends well, and is copied to host 2.
fn copied(lab: &Lab, image: bool) -> (Daemon, App, Daemon) {
    let listener = lab.host(3).daemon();
    let mut first = lab.host(1).daemon();
    let reader = lab.host(3).app(TEST_APP);
    let session = reader.enter("#ops", From::Start);
    let author = lab.host(1).app(TEST_APP);
    author.enter("#ops", From::Start);
    author.publish_each(session, (0..20).map(|n| format!("before {n}")));
    reader.await_text(session, "before 19");
    first.stop();
    copy_state(lab.host(1), lab.host(2), image);
    (listener, reader, first)
}

/// Both talk; everything arrives everywhere, and no log holds what two hosts have said.
fn talk_and_check(lab: &Lab, reader: &App, mut said: BTreeSet<String>) {
    let who = || lab.host(3).app(TEST_APP).who();
    wait::until(Duration::from_secs(20), "three hosts to be three", || {
        who().iter().map(|person| person.host_id).collect::<BTreeSet<_>>().len() == 3
    });
    let session = reader.enter("#ops", From::Start);
    let apps: Vec<App> = [1, 2].map(|n| lab.host(n).app(TEST_APP)).into();
    for (app, host) in apps.iter().zip([1, 2]) {
        app.enter("#ops", From::Start);
        app.publish_each(session, (0..20).map(|n| format!("host {host} says {n}")));
    }
    said.extend((0..20).map(|n| format!("before {n}")));
    said.extend([1, 2].into_iter().flat_map(|host| (0..20).map(move |n| format!("host {host} says {n}"))));
    let fresh = lab.host(3).app(TEST_APP);
    fresh.enter("#ops", From::Start);
    for app in apps.iter().chain([&fresh]) {
        wait::until(Duration::from_secs(30), "everything to arrive", || {
            said.is_subset(&app.texts(session).into_iter().collect())
        });
        assert_eq!(app.texts(session).len(), said.len(), "each once: {:?}", app.texts(session));
    }
    let mut logs = BTreeMap::<_, BTreeSet<usize>>::new();
    // What was said before there were two is in the log that one of them may go on with.
    for message in fresh.messages().iter().filter(|message| !message.text().starts_with("before")) {
        let host = if message.text().starts_with("host 2") { 2 } else { 1 };
        logs.entry((message.position.origin, message.position.epoch)).or_default().insert(host);
    }
    assert!(logs.values().all(|hosts| hosts.len() == 1), "a log with two authors: {logs:?}");
    let warned = |n: usize| {
        let warnings = App::observer(&lab.host(n).socket()).status().warnings;
        warnings.iter().any(|warning| warning.code == "cloned")
    };
    assert!(warned(1) || warned(2), "nobody says so");
}

fn a_copied_state_directory_becomes_a_host_of_its_own() {
    let lab = Lab::new(3);
    let (_listener, reader, mut first) = copied(&lab, false);
    first.restart();
    let _copy = lab.host(2).daemon_of(&lab.host(1).user_name(), &[]);
    talk_and_check(&lab, &reader, BTreeSet::new());
}

fn copies_of_a_disk_that_start_together_become_hosts_of_their_own() {
    let lab = Lab::new(3);
    let (_listener, reader, mut first) = copied(&lab, true);
    let _copy = std::thread::scope(|scope| {
        let copy = scope.spawn(|| lab.host(2).daemon_of(&lab.host(1).user_name(), &[]));
        first.restart();
        copy.join().unwrap()
    });
    talk_and_check(&lab, &reader, BTreeSet::new());
}

fn a_copy_of_a_disk_that_starts_later_does_not_write_on_in_its_twins_log() {
    let lab = Lab::new(3);
    let (_listener, reader, mut first) = copied(&lab, true);
    first.restart();
    lab.host(1).app(TEST_APP).enter("#ops", From::Now);
    let author = lab.host(1).app(TEST_APP);
    let session = author.enter("#ops", From::Start);
    author.publish_each(session, (0..20).map(|n| format!("after {n}")));
    reader.await_message(SOON, "what host 1 said since", |m| m.payload == b"after 19");
    let _copy = lab.host(2).daemon_of(&lab.host(1).user_name(), &[]);
    // It writes as soon as it can; its daemon may be beginning anew just then.
    let send = ["send", "#ops", "host 2 is quick", "--app", TEST_APP];
    wait::until(Duration::from_secs(20), "host 2 to have spoken", || {
        lab.host(2).chalktalk(&send).code() == 0
    });
    let mut said: BTreeSet<String> = (0..20).map(|n| format!("after {n}")).collect();
    said.insert("host 2 is quick".into());
    talk_and_check(&lab, &reader, said);
}
