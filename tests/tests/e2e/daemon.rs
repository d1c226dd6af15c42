//! The daemon and its local socket.

use chalktalk_ipc::request::From;
use chalktalk_tests::{app::App, lab::Lab, programs::SOON, runner::Test, tests, wait};
use std::os::unix::fs::PermissionsExt;

pub(crate) const TESTS: &[Test] = tests![
    its_socket_and_its_state_are_for_its_user_alone,
    a_second_one_for_the_same_state_says_so_and_exits,
    it_takes_the_place_of_one_that_was_killed,
    it_ends_cleanly_when_asked_with_everything_stored,
    it_checks_a_configuration_without_starting,
    it_reads_its_configuration_again_and_nobody_is_interrupted,
];

fn its_socket_and_its_state_are_for_its_user_alone() {
    let lab = Lab::new(1);
    let _daemon = lab.host(1).daemon();
    let mode = |path: &std::path::Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    let socket = lab.host(1).socket();
    assert_eq!(mode(&socket), 0o600);
    assert_eq!(mode(socket.parent().unwrap()), 0o700);
    assert_eq!(mode(&lab.host(1).dir().join("state/chalktalk")), 0o700);
}

fn a_second_one_for_the_same_state_says_so_and_exits() {
    let lab = Lab::new(1);
    let first = lab.host(1).daemon();
    let mut second = lab.host(1).spawn("second chalktalkd", lab.host(1).program("chalktalkd", &[]));
    let status = second.await_end(SOON);
    assert_eq!(status.code(), Some(4), "{}", second.log());
    assert!(second.log().contains(&first.pid().to_string()), "it names the other's pid: {}", second.log());
    assert_eq!(App::observer(&lab.host(1).socket()).status().hosts, 0, "the first one goes on");
}

fn it_takes_the_place_of_one_that_was_killed() {
    let lab = Lab::new(1);
    let mut daemon = lab.host(1).daemon();
    let before = App::observer(&lab.host(1).socket()).status();
    daemon.kill();
    assert!(lab.host(1).socket().exists(), "a killed daemon leaves its socket behind");
    daemon.restart();
    let after = App::observer(&lab.host(1).socket()).status();
    assert_eq!((before.host_id, before.user), (after.host_id, after.user), "it is who it was");
}

fn it_ends_cleanly_when_asked_with_everything_stored() {
    let lab = Lab::new(1);
    let mut daemon = lab.host(1).daemon();
    let app = lab.host(1).app("org.example.test");
    let session = app.enter("#ops", From::Start);
    let sent: Vec<String> = (0..500).map(|n| format!("message {n}")).collect();
    app.publish_each(session, &sent);
    app.await_text(session, "message 499");
    let status = daemon.stop();
    assert_eq!(status.code(), Some(0), "{}", daemon.log());
    assert!(!lab.host(1).socket().exists(), "its socket is gone");
    wait::until(SOON, "the agent to end with its daemon", || {
        chalktalk_tests::lab::process::running("chalktalk-agent").is_empty()
    });
    daemon.restart();
    let app = lab.host(1).app("org.example.test");
    let session = app.enter("#ops", From::Start);
    app.await_text(session, "message 499");
    assert_eq!(app.texts(session), sent);
}

fn it_checks_a_configuration_without_starting() {
    let lab = Lab::new(1);
    let path = lab.host(1).dir().join("config.toml");
    let path_text = path.to_str().unwrap().to_owned();
    for (text, code, says) in [("port = 5000\n", 0, "ok"), ("prot = 5000\n", 2, "port")] {
        std::fs::write(&path, text).unwrap();
        let command = lab.host(1).program("chalktalkd", &["--config", &path_text, "--check"]);
        let mut process = lab.host(1).spawn("chalktalkd --check", command);
        assert_eq!(process.await_end(SOON).code(), Some(code), "{text}: {}", process.log());
        assert!(process.log().contains(says), "{text}: {}", process.log());
    }
    assert!(!lab.host(1).socket().exists());
}

fn it_reads_its_configuration_again_and_nobody_is_interrupted() {
    let lab = Lab::new(1);
    let daemon = lab.host(1).daemon();
    let app = lab.host(1).app("org.example.test");
    let session = app.enter("#ops", From::Start);
    app.publish(session, "before");
    let again = |text: &str, says: &str| {
        lab.host(1).configure(text);
        daemon.signal(rustix::process::Signal::HUP);
        daemon.await_text(says, SOON);
    };
    again(
        "[apps]\ndeny = [\"org.example.game\"]\n[interfaces]\ndeny = [\"eth0\"]\n",
        "interfaces in use: lo",
    );
    app.publish(session, "after");
    app.await_text(session, "after");
    let refused = lab.host(1).chalktalk(&["send", "#ops", "x", "--app", "org.example.game"]);
    assert!(
        refused.code() == 4 && refused.log.contains("org.example.game may not take part"),
        "{}",
        refused.log
    );
    again("prot = 1\n", "the configuration stays as it was");
    let refused = lab.host(1).chalktalk(&["send", "#ops", "x", "--app", "org.example.game"]);
    assert_eq!(refused.code(), 4, "what held goes on holding: {}", refused.log);
    again("", "interfaces in use: eth0");
    lab.host(1).send("#ops", "with everybody again");
    assert_eq!(app.status().instances, 1, "it has been attached all the while");
}
