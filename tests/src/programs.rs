//! The project's programs on the lab's hosts: the daemon, the command line, the chat.
//!
//! Invariant: a daemon of a test that has failed is asked for its state before it ends.

use crate::{
    app::App,
    binaries,
    lab::{Host, Lab, Process, process},
    wait,
};
use serde_json::Value;
use std::{
    ops::{Deref, DerefMut},
    path::PathBuf,
    process::{Command, ExitStatus},
    sync::{Mutex, MutexGuard},
    time::Duration,
};

/// Longest wait for something that should happen at once; generous, since the machine may be busy.
pub const SOON: Duration = Duration::from_secs(10);

/// Sockets of the daemons of the running test.
static DAEMONS: Mutex<Vec<(String, PathBuf)>> = Mutex::new(Vec::new());

/// A running `chalktalkd`.
pub struct Daemon {
    process: Process,
    host: Host,
    user: String,
    arguments: Vec<String>,
    environment: Vec<(String, String)>,
}

/// What a command has printed.
#[derive(Debug)]
pub struct Output {
    /// How it ended.
    pub status: ExitStatus,
    /// Standard output, line by line.
    pub out: Vec<String>,
    /// Both streams.
    pub log: String,
}

impl Output {
    /// The exit status as a number.
    pub fn code(&self) -> i32 {
        self.status.code().unwrap_or(-1)
    }

    /// The lines of output as JSON.
    ///
    /// # Panics
    /// When one is not.
    pub fn json_lines(&self) -> Vec<Value> {
        let parse = |line: &String| serde_json::from_str(line).unwrap_or_else(|e| panic!("{line}: {e}"));
        self.out.iter().map(parse).collect()
    }
}

impl Host {
    /// A command of the project's programs on this host.
    pub fn program(&self, name: &str, arguments: &[&str]) -> Command {
        let mut command = self.command(binaries::path(name));
        command.args(arguments);
        command
    }

    /// Where the daemon's socket is.
    pub fn socket(&self) -> PathBuf {
        self.dir().join("run/chalktalk/chalktalkd.sock")
    }

    /// The name that this host's user goes by in the tests.
    pub fn user_name(&self) -> String {
        ["ana", "ben", "cleo", "dan", "eve", "fay", "gus", "hal"]
            .get(self.index() - 1)
            .map_or_else(|| format!("user{}", self.index()), |name| (*name).to_owned())
    }

    /// Starts the daemon and waits until its socket accepts.
    pub fn daemon(&self) -> Daemon {
        self.daemon_with(&[])
    }

    /// Starts the daemon with arguments, and waits until its socket accepts.
    ///
    /// # Panics
    /// When it does not become ready.
    pub fn daemon_with(&self, arguments: &[&str]) -> Daemon {
        self.daemon_of(&self.user_name(), arguments)
    }

    /// Starts the daemon of a user of this name, and waits until its socket accepts.
    ///
    /// # Panics
    /// When it does not become ready.
    pub fn daemon_of(&self, user: &str, arguments: &[&str]) -> Daemon {
        self.start_daemon(user, arguments, &[])
    }

    /// Starts the daemon with these variables in its environment, and waits until its socket accepts.
    ///
    /// # Panics
    /// When it does not become ready.
    pub fn daemon_with_environment(&self, environment: &[(&str, &str)]) -> Daemon {
        self.start_daemon(&self.user_name(), &[], environment)
    }

    fn start_daemon(&self, user: &str, arguments: &[&str], environment: &[(&str, &str)]) -> Daemon {
        let arguments: Vec<String> = arguments.iter().map(|a| (*a).to_owned()).collect();
        let pair = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        let environment: Vec<(String, String)> = environment.iter().map(pair).collect();
        let process = self.spawn_daemon(user, &arguments, &environment);
        let daemon = Daemon { process, host: self.clone(), user: user.to_owned(), arguments, environment };
        daemon.process.await_text("ready", SOON);
        daemon
    }

    fn spawn_daemon(&self, user: &str, arguments: &[String], environment: &[(String, String)]) -> Process {
        let mut command = self.program("chalktalkd", &["--name", &self.label()]);
        command.args(arguments).env("USER", user).env("LOGNAME", user);
        command.envs(environment.iter().map(|(name, value)| (name, value)));
        daemons().push((self.label(), self.socket()));
        self.spawn("chalktalkd", command)
    }

    /// Runs `chalktalk` with these arguments to its end.
    pub fn chalktalk(&self, arguments: &[&str]) -> Output {
        self.chalktalk_fed(arguments, "")
    }

    /// Runs `chalktalk` to its end, with text on its standard input.
    pub fn chalktalk_fed(&self, arguments: &[&str], input: impl AsRef<[u8]> + Send + 'static) -> Output {
        let mut process = self.start_chalktalk(arguments);
        let mut stdin = process.take_input();
        let writer = std::thread::spawn(move || {
            // A command that refuses its arguments does not read its input.
            let _refused = std::io::Write::write_all(&mut stdin, input.as_ref());
        });
        let status = process.await_end(Duration::from_secs(60));
        writer.join().expect("writing does not panic");
        Output { status, out: process.output(), log: process.log() }
    }

    /// Starts `chalktalk`, which goes on by itself.
    pub fn start_chalktalk(&self, arguments: &[&str]) -> Process {
        self.spawn(&format!("chalktalk {}", arguments.join(" ")), self.program("chalktalk", arguments))
    }

    /// Runs `chalktalk … --json`, which must succeed, and reads the one line it prints.
    ///
    /// # Panics
    /// When it fails or prints something else.
    pub fn facts(&self, arguments: &[&str]) -> Value {
        let output = self.chalktalk(&[arguments, &["--json"]].concat());
        assert_eq!(output.code(), 0, "chalktalk {}: {}", arguments.join(" "), output.log);
        output
            .json_lines()
            .pop()
            .unwrap_or_else(|| panic!("chalktalk {} printed nothing", arguments.join(" ")))
    }

    /// Sends one message, which must succeed.
    ///
    /// # Panics
    /// When it does not.
    pub fn send(&self, target: &str, text: &str) {
        let output = self.chalktalk(&["send", target, text]);
        assert_eq!(output.code(), 0, "chalktalk send {target} {text}: {}", output.log);
    }

    /// Texts of a session's whole history.
    pub fn history(&self, target: &str) -> Vec<String> {
        let output = self.chalktalk(&["history", target, "--limit", "0", "--json"]);
        assert_eq!(output.code(), 0, "chalktalk history {target}: {}", output.log);
        output.json_lines().iter().filter_map(|line| Some(line["text"].as_str()?.to_owned())).collect()
    }

    /// Starts a chat without a display in a session; the transcript is `NAME.jsonl` in the host's folder.
    pub fn chat(&self, target: &str, name: &str) -> Chat {
        let transcript = self.dir().join(format!("{name}.jsonl"));
        let path = transcript.to_str().expect("the lab's paths are text").to_owned();
        let arguments = [target, "--headless", "--transcript", &path];
        let process =
            self.spawn(&format!("chalktalk-chat {target}"), self.program("chalktalk-chat", &arguments));
        Chat { process: Some(process), transcript: Transcript(transcript) }
    }

    /// The transcript of a chat that the agent has launched for a session.
    pub fn launched_transcript(&self, session: &str) -> Transcript {
        Transcript(self.dir().join(format!("state/chalktalk/transcripts/{session}.jsonl")))
    }

    /// An app of the tests' own, attached to this host's daemon.
    pub fn app(&self, app: &str) -> App {
        App::attach(&self.socket(), app)
    }

    /// Pids of the chats that run on this host.
    pub fn chats(&self) -> Vec<u32> {
        let home = format!("HOME={}", self.dir().display());
        let here = |pid: &u32| {
            let environment = std::fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
            environment.split(|b| *b == 0).any(|variable| variable == home.as_bytes())
        };
        process::running("chalktalk-chat").into_iter().filter(here).collect()
    }
}

impl Lab {
    /// A lab of `count` hosts whose daemons run and know one another.
    pub fn talking(count: usize) -> (Self, Vec<Daemon>) {
        let lab = Self::new(count);
        let daemons = lab.start_daemons();
        (lab, daemons)
    }

    /// Starts every host's daemon, and waits until each knows all.
    pub fn start_daemons(&self) -> Vec<Daemon> {
        let daemons: Vec<Daemon> = self.hosts().iter().map(Host::daemon).collect();
        self.await_presence(self.hosts().len());
        daemons
    }

    /// Waits until every host's daemon knows `count` hosts.
    pub fn await_presence(&self, count: usize) {
        for host in self.hosts() {
            let probe = App::observer(&host.socket());
            let what = format!("{} to know {count} hosts", host.label());
            wait::until(SOON, &what, || probe.who().len() == count);
        }
    }
}

impl Daemon {
    /// The host it runs on.
    pub fn host(&self) -> &Host {
        &self.host
    }

    /// Starts it again after its end, as it was started first.
    pub fn restart(&mut self) {
        self.process = self.host.spawn_daemon(&self.user, &self.arguments, &self.environment);
        self.process.await_text("ready", SOON);
    }
}

impl Deref for Daemon {
    type Target = Process;
    fn deref(&self) -> &Process {
        &self.process
    }
}

impl DerefMut for Daemon {
    fn deref_mut(&mut self) -> &mut Process {
        &mut self.process
    }
}

/// A chat without a display.
pub struct Chat {
    process: Option<Process>,
    /// What it has shown.
    pub transcript: Transcript,
}

impl Chat {
    /// Its process.
    pub fn process(&mut self) -> &mut Process {
        self.process.as_mut().expect("the chat was started by the test")
    }
}

/// What a chat has shown, message by message.
#[derive(Clone, Debug)]
pub struct Transcript(PathBuf);

impl Transcript {
    /// All lines so far; a line that is being written does not count.
    pub fn lines(&self) -> Vec<Value> {
        let text = std::fs::read_to_string(&self.0).unwrap_or_default();
        let whole = text.rfind('\n').map_or("", |end| &text[..end]);
        whole.split('\n').filter_map(|line| serde_json::from_str(line).ok()).collect()
    }

    /// The texts shown so far.
    pub fn texts(&self) -> Vec<String> {
        self.lines().iter().filter_map(|line| Some(line["text"].as_str()?.to_owned())).collect()
    }

    /// Waits until a text is shown.
    ///
    /// # Panics
    /// When it is not, in time; what was shown is in the message.
    pub fn await_text(&self, text: &str) {
        self.await_text_within(text, SOON);
    }

    /// Like [`Transcript::await_text`], with a time limit of one's own.
    ///
    /// # Panics
    /// When it is not shown in time.
    pub fn await_text_within(&self, text: &str, within: Duration) {
        let what = || format!("{text:?} in {}; it has {:?}", self.0.display(), self.texts());
        let shown = || self.texts().iter().any(|shown| shown == text).then_some(());
        let start = std::time::Instant::now();
        while shown().is_none() {
            assert!(start.elapsed() < within, "waited {within:?} in vain for {}", what());
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

/// Asks every daemon of a failed test for its state and keeps that as evidence.
pub fn note_state_of_daemons() {
    for (label, socket) in daemons().drain(..) {
        let Some(probe) = App::try_observer(&socket) else { continue };
        if let Some(status) = probe.try_status() {
            process::note(format!("{label} status"), &format!("{status:#?}"));
        }
        process::note(format!("{label} sessions"), &format!("{:?}", probe.try_sessions()));
    }
}

/// Forgets the daemons of the test before.
pub fn forget_daemons() {
    daemons().clear();
}

fn daemons() -> MutexGuard<'static, Vec<(String, PathBuf)>> {
    DAEMONS.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}
