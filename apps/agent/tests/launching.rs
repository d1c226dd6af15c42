//! The real agent against a scripted daemon: what it launches, with what, and what it reports.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use chalktalk_ipc::{
    Answer, AppId, Call, Down, Event, FrameBuf, Request, SessionId,
    codec::put_control,
    event::{Scope, SessionSummary},
    request::{LaunchOutcome, RegisteredApp, SessionKind},
};
use std::{
    fs,
    io::{Read, Write},
    os::unix::{
        fs::PermissionsExt,
        net::{UnixListener, UnixStream},
    },
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

struct Lab {
    dir: tempfile::TempDir,
    listener: UnixListener,
}

struct Daemon {
    stream: UnixStream,
    buf: FrameBuf,
}

/// Ends the agent with the test.
struct Process(Child);

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Lab {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let listener = UnixListener::bind(dir.path().join("socket")).unwrap();
        Self { dir, listener }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Installs an app whose program is this shell script.
    fn install(&self, id: &str, script: &str, manifest: &str) {
        let program = self.path(&format!("{id}.sh"));
        fs::write(&program, format!("#!/bin/sh\n{script}\n")).unwrap();
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
        let apps = self.path("data/chalktalk/apps");
        fs::create_dir_all(&apps).unwrap();
        fs::set_permissions(&apps, fs::Permissions::from_mode(0o755)).unwrap();
        let file = apps.join(format!("{id}.toml"));
        let program = program.display();
        fs::write(
            &file,
            format!(
                "id = \"{id}\"\nname = \"Test\"\nheadless = [\"{program}\", \"{{session}}\"]\n{manifest}"
            ),
        )
        .unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).unwrap();
    }

    fn settings(&self, text: &str) {
        let folder = self.path(".config/chalktalk");
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("user.toml"), text).unwrap();
    }

    fn agent(&self) -> Command {
        let mut agent = Command::new(env!("CARGO_BIN_EXE_chalktalk-agent"));
        agent
            .env_clear()
            .env("HOME", self.dir.path())
            .env("PATH", "/usr/bin:/bin")
            .env("CHALKTALK_SOCKET", self.path("socket"))
            .env("XDG_DATA_HOME", self.path("data"))
            .env("XDG_STATE_HOME", self.path("state"))
            .stdin(Stdio::null());
        agent
    }

    fn start(&self) -> (Process, Daemon, Vec<RegisteredApp>) {
        let agent = self.agent().spawn().unwrap();
        let (daemon, apps) = self.accept();
        (Process(agent), daemon, apps)
    }

    fn accept(&self) -> (Daemon, Vec<RegisteredApp>) {
        let (stream, _) = self.listener.accept().unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        let mut daemon = Daemon { stream, buf: FrameBuf::default() };
        assert!(matches!(daemon.next(), Request::Hello { .. }));
        let Request::AttachAgent { display, apps } = daemon.next() else { panic!("no attach_agent") };
        assert!(!display);
        assert_eq!(daemon.next(), Request::StillRunning { running: Vec::new() }, "said also of none");
        (daemon, apps)
    }
}

impl Daemon {
    /// The next call, answered with `done`.
    fn next(&mut self) -> Request {
        loop {
            let call = self.buf.next_frame().unwrap().map(|frame| frame.control::<Call>().unwrap());
            if let Some(Call { id, request }) = call {
                self.send(&Down::Reply { id, body: Ok(Answer::Done) });
                return request;
            }
            let room = self.buf.spare(4096);
            let n = self.stream.read(room).expect("the agent spoke in time");
            assert!(n > 0, "the agent closed the connection");
            self.buf.filled(n);
        }
    }

    fn send(&mut self, down: &Down) {
        let mut frame = Vec::new();
        put_control(&mut frame, down);
        self.stream.write_all(&frame).unwrap();
    }

    fn launch(&mut self, launch: u64, app: &str) {
        let app: AppId = app.parse().unwrap();
        let session = SessionSummary {
            session: SessionId([7; 16]),
            app: app.clone(),
            title: "#$(reboot)".into(),
            scope: Scope::Open,
            kind: SessionKind::Kept,
            parent: None,
            sealed: false,
            members: Vec::new(),
            joined: true,
            waits: false,
            creator: None,
            entries: 1,
        };
        self.send(&Down::Event(Event::Launch { launch, app, session, token: "t0ken".into() }));
    }

    fn outcome(&mut self, launch: u64) -> LaunchOutcome {
        match self.next() {
            Request::LaunchResult { launch: of, outcome } if of == launch => outcome,
            other => panic!("expected the result of launch {launch}, got {other:?}"),
        }
    }
}

fn wait_for(path: &Path) -> String {
    let deadline = Instant::now() + Duration::from_secs(10);
    loop {
        match fs::read_to_string(path) {
            Ok(text) if text.ends_with('\n') => return text,
            _ if Instant::now() > deadline => panic!("{} was not written", path.display()),
            _ => std::thread::sleep(Duration::from_millis(10)),
        }
    }
}

#[test]
fn a_launched_program_gets_its_session_and_nothing_from_the_network_but_ids() {
    let lab = Lab::new();
    let script = "printf '%s\\n' \"$1\" \"$CHALKTALK_SESSION\" \"$CHALKTALK_TOKEN\" \"$CHALKTALK_APP\" \
                  \"$CHALKTALK_SOCKET\" \"$CHALKTALK_STATE\" \"$PWD\" \"$#\" > $HOME/seen; sleep 1; exit 7";
    lab.install("org.example.game", script, "sessions = \"many\"\n");
    let (_agent, mut daemon, apps) = lab.start();
    assert!(apps.iter().any(|a| a.app.as_str() == "org.example.game" && a.many && a.headless));
    assert!(apps.iter().any(|a| a.app == AppId::chat()));

    daemon.launch(1, "org.example.game");
    assert!(matches!(daemon.outcome(1), LaunchOutcome::Started(pid) if pid > 1));
    let session = SessionId([7; 16]).to_string();
    let (socket, state) = (lab.path("socket"), lab.path("state/chalktalk"));
    let expected = [
        &session,
        &session,
        "t0ken",
        "org.example.game",
        socket.to_str().unwrap(),
        state.to_str().unwrap(),
        lab.dir.path().to_str().unwrap(),
        "1\n",
    ];
    assert_eq!(wait_for(&lab.path("seen")), expected.join("\n"));
    assert_eq!(daemon.next(), Request::Exited { launch: 1, status: 7 });
}

#[test]
fn what_cannot_run_is_reported_with_the_reason() {
    let lab = Lab::new();
    lab.install("org.example.broken", "echo 'cannot open the board' >&2; exit 3", "");
    lab.install("org.example.killed", "kill -9 $$", "");
    lab.install("org.example.short", "exit 0", "");
    lab.install("org.example.none", "", "");
    fs::remove_file(lab.path("org.example.none.sh")).unwrap();
    let (_agent, mut daemon, _) = lab.start();

    daemon.launch(1, "org.example.missing");
    assert_eq!(daemon.outcome(1), LaunchOutcome::NoApp);
    daemon.launch(2, "org.example.broken");
    assert_eq!(daemon.outcome(2), LaunchOutcome::Failed("it ended at once: cannot open the board".into()));
    daemon.launch(3, "org.example.killed");
    assert_eq!(daemon.outcome(3), LaunchOutcome::Failed("it ended at once with status 137".into()));
    daemon.launch(4, "org.example.none");
    assert!(matches!(daemon.outcome(4), LaunchOutcome::Failed(reason) if reason.contains("not a program")));
    daemon.launch(5, "org.example.short");
    assert!(matches!(daemon.outcome(5), LaunchOutcome::Started(_)));
    assert_eq!(daemon.next(), Request::Exited { launch: 5, status: 0 });
}

#[test]
fn programs_outlive_the_agent_and_a_program_installed_later_is_found() {
    let lab = Lab::new();
    let (agent, mut daemon, apps) = lab.start();
    assert_eq!(apps.len(), 2);
    lab.install("org.example.game", "sleep 0.6; echo alive > $HOME/seen", "");
    daemon.launch(1, "org.example.game");
    let Request::AttachAgent { apps, .. } = daemon.next() else { panic!("the registry changed") };
    assert_eq!(apps.len(), 3);
    assert!(matches!(daemon.outcome(1), LaunchOutcome::Started(_)));
    drop(agent);
    assert_eq!(wait_for(&lab.path("seen")), "alive\n");
}

#[test]
fn the_user_decides_what_may_be_opened_and_for_whom() {
    let lab = Lab::new();
    lab.install("org.example.game", "sleep 1", "");
    lab.settings("[apps]\ndeny = [\"chalktalk.chat\"]\n");
    let (_agent, mut daemon, apps) = lab.start();
    let names = |apps: &[RegisteredApp]| apps.iter().map(|a| a.app.to_string()).collect::<Vec<_>>();
    assert_eq!(names(&apps), ["chalktalk.whiteboard", "org.example.game"]);

    lab.settings("[apps]\nallow = [\"chalktalk.chat\"]\n");
    let Request::AttachAgent { apps, .. } = daemon.next() else { panic!("the settings changed") };
    assert_eq!(names(&apps), ["chalktalk.chat"]);
    daemon.launch(1, "org.example.game");
    assert_eq!(daemon.outcome(1), LaunchOutcome::NoApp, "also if it is asked all the same");

    lab.settings("lunch = true\n");
    daemon.launch(2, "org.example.game");
    assert_eq!(daemon.outcome(2), LaunchOutcome::NoApp, "a mistake changes nothing");
    let check = lab.agent().arg("--check-settings").output().unwrap();
    let said = String::from_utf8_lossy(&check.stderr).into_owned();
    assert_eq!(check.status.code(), Some(2), "{said}");
    assert!(said.contains("user.toml:1: ") && said.contains("did you mean `launch`?"), "{said}");
}

#[test]
fn the_agent_attaches_again_to_a_daemon_that_comes_back_and_ends_when_none_does() {
    let lab = Lab::new();
    let (mut agent, daemon, _) = lab.start();
    drop(daemon);
    let (daemon, _) = lab.accept();
    drop(daemon);
    drop(lab.listener);
    fs::remove_file(lab.dir.path().join("socket")).unwrap();
    let gone = Instant::now();
    let status = agent.0.wait().unwrap();
    assert_eq!(status.code(), Some(3));
    assert!((4..8).contains(&gone.elapsed().as_secs()), "{:?}", gone.elapsed());
}
