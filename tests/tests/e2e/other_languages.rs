//! A program in another language takes part by the document alone.

use chalktalk_tests::{
    binaries,
    lab::{Lab, skip},
    programs::SOON,
    runner::Test,
    tests,
};
use std::{path::PathBuf, process::Command, time::Duration};

pub(crate) const TESTS: &[Test] = tests![a_python_client_talks_with_a_chat];

/// A Python that has `msgpack`.
pub(crate) fn python() -> PathBuf {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let candidates = std::env::split_paths(&path).map(|dir| dir.join("python3")).filter(|file| file.exists());
    let has_msgpack = |python: &PathBuf| {
        Command::new(python)
            .args(["-c", "import msgpack"])
            .output()
            .is_ok_and(|output| output.status.success())
    };
    candidates
        .chain([PathBuf::from("/usr/bin/python3")])
        .find(has_msgpack)
        .unwrap_or_else(|| skip("no python3 with msgpack here (package python3-msgpack)"))
}

fn a_python_client_talks_with_a_chat() {
    let python = python();
    let (lab, mut daemons) = Lab::talking(2);
    let chat = lab.host(1).chat("#lobby", "lobby");
    let mut command = lab.host(2).command(&python);
    command.arg(binaries::source_root().join("apps/client/examples/chat.py")).arg("#lobby");
    command.env("PYTHONUNBUFFERED", "1");
    let mut client = lab.host(2).spawn("chat.py", command);
    client.say("grüße aus Python 🐍");
    chat.transcript.await_text("grüße aus Python 🐍");
    lab.host(1).send("#lobby", "hello, Python");
    client.await_text("hello, Python", SOON);
    daemons[1].kill();
    daemons[1].restart();
    lab.await_presence(2);
    lab.host(1).send("#lobby", "are you still there?");
    client.await_text("are you still there?", Duration::from_secs(20));
}
