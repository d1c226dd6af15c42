//! One host of the demo: a daemon with folders of its own, and the chats on it.

use super::wait::Waiter;
use crate::{
    args::{App, Send},
    connect::Connection,
    failure::Failure,
    programs, send,
};
use chalktalk_client::Client;
use chalktalk_ipc::{AppId, SessionId, socket::SOCKET_ENV};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use std::{
    fs::{self, File},
    io,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::Duration,
};

/// A daemon, its folders and its chats.
pub(super) struct Host {
    name: &'static str,
    home: PathBuf,
    daemon: Child,
    chats: Vec<Child>,
    connection: Option<Connection>,
}

impl Host {
    /// Starts a daemon that shares nothing with others but the machine and the port.
    pub(super) fn start(user: &str, name: &'static str, folder: &Path, port: u16) -> Result<Self, Failure> {
        let home = folder.join(name);
        let fail = |e: io::Error| Failure::because(format_args!("cannot start {name}"), e);
        for part in ["run", "state", "config", "data"] {
            fs::create_dir_all(home.join(part)).map_err(fail)?;
        }
        let mut command = isolated(programs::find(programs::DAEMON)?, &home);
        // Over the loopback interface alone: it works without a network, and a real one hears nothing of it.
        command.args(["--name", name, "--port", &port.to_string(), "--interface", "lo"]).env("USER", user);
        command.stderr(File::create(home.join("daemon.log")).map_err(fail)?);
        let daemon = command.spawn().map_err(fail)?;
        Ok(Self { name, home, daemon, chats: Vec::new(), connection: None })
    }

    pub(super) fn name(&self) -> &'static str {
        self.name
    }

    /// The daemon's process.
    pub(super) fn pid(&self) -> u32 {
        self.daemon.id()
    }

    /// Waits until the daemon answers.
    pub(super) fn connect(&mut self, waiter: &Waiter) -> Result<(), Failure> {
        let (name, socket, log) = (self.name, self.socket(), self.home.join("daemon.log"));
        let daemon = &mut self.daemon;
        let connection = waiter.wait(&format!("the daemon of {name}"), || {
            if let Ok(Some(status)) = daemon.try_wait() {
                let said = programs::last_line(&log).unwrap_or_else(|| status.to_string());
                return Err(Failure::Failed(format!("the daemon of {name} ended: {said}")));
            }
            Ok(Connection::visitor(Some(&socket)).ok())
        })?;
        self.connection = Some(connection);
        Ok(())
    }

    /// To ask its daemon.
    pub(super) fn client(&self) -> Result<&Client, Failure> {
        let missing = || Failure::Failed(format!("{} has not been connected to", self.name));
        self.connection.as_ref().map(|connection| &connection.client).ok_or_else(missing)
    }

    /// How others address the person on this host.
    pub(super) fn person(&self) -> Result<String, Failure> {
        Ok(format!("@{}", self.client()?.welcome().name))
    }

    /// Opens a chat without a display, and waits until it takes part.
    pub(super) fn open_chat(&mut self, target: &str, waiter: &Waiter) -> Result<Transcript, Failure> {
        let number = self.chats.len() + 1;
        let path = self.home.join(format!("chat{number}.jsonl"));
        let mut command = isolated(programs::find(programs::CHAT)?, &self.home);
        command.arg(target).args(["--headless".as_ref(), "--transcript".as_ref(), path.as_os_str()]);
        let fail = |e: io::Error| Failure::because("cannot open the chat", e);
        command.stderr(File::create(self.home.join(format!("chat{number}.log"))).map_err(fail)?);
        let chat = command.spawn().map_err(fail)?;
        let pid = chat.id();
        self.chats.push(chat);
        let what = format!("the chat on {} to open {target}", self.name);
        let session = waiter.wait(&what, || self.session_of(pid))?;
        Ok(Transcript { owner: format!("{}'s chat (process {pid})", self.name), path, session })
    }

    /// Sends a message from the command line.
    pub(super) fn send(&self, target: &str, text: &str) -> Result<(), Failure> {
        const PATIENCE: Duration = Duration::from_secs(15);
        let target = target.parse().map_err(|e| Failure::because("target", e))?;
        let app = App { app: AppId::chat() };
        send::send(
            &Send { target, text: text.into(), wait: None, timeout: PATIENCE, app },
            Some(&self.socket()),
        )
    }

    /// The process of a chat that takes part in a session here, besides those named.
    pub(super) fn instance_in(&self, session: SessionId, except: &[u32]) -> Result<Option<u32>, Failure> {
        let instances = self.client()?.instances(false)?;
        let found = instances.iter().find(|i| i.sessions.contains(&session) && !except.contains(&i.pid));
        Ok(found.map(|instance| instance.pid))
    }

    /// What a chat that was opened for a session by the agent writes.
    pub(super) fn launched_transcript(&self, session: SessionId) -> Transcript {
        let path = self.home.join(format!("state/chalktalk/transcripts/{session}.jsonl"));
        Transcript { owner: format!("the chat that opened on {}", self.name), path, session }
    }

    /// Ends the chats, then the daemon, each by its process id.
    pub(super) fn end(mut self) {
        drop(self.connection);
        for chat in &mut self.chats {
            end(chat);
        }
        end(&mut self.daemon);
    }

    fn socket(&self) -> PathBuf {
        self.home.join("run/chalktalk/chalktalkd.sock")
    }

    fn session_of(&self, pid: u32) -> Result<Option<SessionId>, Failure> {
        let instances = self.client()?.instances(false)?;
        Ok(instances.iter().find(|i| i.pid == pid).and_then(|i| i.sessions.first().copied()))
    }
}

/// What a chat without a display has shown.
pub(super) struct Transcript {
    owner: String,
    path: PathBuf,
    session: SessionId,
}

impl Transcript {
    /// Whose it is, in words.
    pub(super) fn owner(&self) -> &str {
        &self.owner
    }

    /// The session that was opened first.
    pub(super) fn session(&self) -> SessionId {
        self.session
    }

    /// Who said what, so far.
    pub(super) fn shown(&self) -> Vec<(String, String)> {
        let text = fs::read(&self.path).unwrap_or_default();
        let records = text.split(|byte| *byte == b'\n').filter_map(|line| serde_json::from_slice(line).ok());
        let string = |record: &Value, key: &str| record[key].as_str().unwrap_or_default().to_owned();
        records.map(|record: Value| (string(&record, "name"), string(&record, "text"))).collect()
    }

    /// Whether a message with this text has been shown.
    pub(super) fn contains(&self, text: &str) -> bool {
        self.shown().iter().any(|(_, shown)| shown == text)
    }

    /// Waits until a message with this text has been shown.
    pub(super) fn wait_for(&self, text: &str, waiter: &Waiter) -> Result<(), Failure> {
        let what = format!("{} to show {text:?}", self.owner);
        waiter.wait(&what, || Ok(self.contains(text).then_some(())))
    }
}

/// A command that sees nothing of this user's own Chalktalk, and no display.
fn isolated(program: PathBuf, home: &Path) -> Command {
    let mut command = Command::new(program);
    command
        .env("HOME", home)
        .env("XDG_RUNTIME_DIR", home.join("run"))
        .env("XDG_STATE_HOME", home.join("state"))
        .env("XDG_CONFIG_HOME", home.join("config"))
        .env("XDG_DATA_HOME", home.join("data"))
        .stdin(Stdio::null())
        .stdout(Stdio::null());
    for variable in [SOCKET_ENV, "CHALKTALK_TOKEN", "CHALKTALK_SESSION", "DISPLAY", "WAYLAND_DISPLAY"] {
        command.env_remove(variable);
    }
    command
}

/// Asks a child to end, and sees to it.
fn end(child: &mut Child) {
    const GRACE: Duration = Duration::from_secs(5);
    if let Some(pid) = i32::try_from(child.id()).ok().and_then(Pid::from_raw) {
        let _ = kill_process(pid, Signal::TERM);
    }
    let force_at = std::time::Instant::now() + GRACE;
    while matches!(child.try_wait(), Ok(None)) {
        if std::time::Instant::now() >= force_at {
            let _ = child.kill();
            let _ = child.wait();
            return;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
}
