//! The agent's loop: it attaches, launches what it is told to, watches the children, and reports.
//!
//! Invariant: every `launch` gets one `launch_result`, and one `exited` after a `started`, as long as the
//! connection it came over lives. Children are in process groups of their own and outlive agent and daemon.

use crate::{
    copies::{self, Copies, Started},
    link::{Heard, Link},
    logs::{self, Logs},
    plan::{Plan, Surroundings},
    policies::{self, Policies},
    registry::{Folder, Problem, Registry},
    settings::{self, Followed},
    template::{Values, role},
    watching,
};
use chalktalk_ipc::{
    Answer, AppId, Down, Event, Refusal, Request, SessionId,
    event::SessionSummary,
    nway::{Model, Part, Run},
    request::{LaunchOutcome, RegisteredApp},
    socket::SOCKET_ENV,
};
use std::{
    collections::BTreeMap,
    env,
    fs::File,
    io,
    net::IpAddr,
    os::fd::OwnedFd,
    os::unix::process::{CommandExt, ExitStatusExt},
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel},
    thread,
    time::{Duration, Instant},
};

/// A program that ends in failure within this time has not started: a missing library or a wrong option shows at once.
pub const PROBATION: Duration = Duration::from_millis(300);

/// The agent ends when no daemon has answered for this long: a restarting daemon is back by then.
pub const PATIENCE: Duration = Duration::from_secs(5);

/// How often connecting is tried meanwhile.
const RETRY: Duration = Duration::from_millis(100);

/// How often logs are bounded and manifests looked at again.
const HOUSEKEEPING: Duration = Duration::from_secs(3);

/// How often a copy's readiness is looked for.
const LOOK_FOR_READY: Duration = Duration::from_millis(20);

/// More children than this at once are refused: nobody has that many windows, and threads are not free.
const MAX_CHILDREN: usize = 256;

/// Why the agent ended.
#[derive(Debug, thiserror::Error)]
pub enum AgentError {
    /// No daemon answered for [`PATIENCE`].
    #[error("no daemon answers ({0}); start one with `chalktalkd`")]
    NoDaemon(io::Error),
    /// The daemon refused.
    #[error("the daemon refused: {0}")]
    Refused(Refusal),
}

/// The agent.
#[derive(Debug)]
pub struct Agent {
    folders: Vec<Folder>,
    policies: PathBuf,
    registry: Registry,
    problems: Vec<Problem>,
    /// What is wrong with the user's policies.
    mistake: Option<String>,
    settings: Followed,
    told: Vec<RegisteredApp>,
    around: Surroundings,
    state: PathBuf,
    logs: Logs,
    children: BTreeMap<u64, Running>,
    copies: Copies,
    link: Option<Link>,
    /// Counts connections: what an earlier one still has to say no longer matters.
    life: u64,
    sender: Sender<Happening>,
    happenings: Receiver<Happening>,
}

#[derive(Debug)]
enum Happening {
    Heard {
        life: u64,
        heard: Heard,
    },
    Ended {
        life: u64,
        launch: u64,
        status: i32,
    },
    CopyEnded {
        session: SessionId,
        status: Option<i32>,
    },
    /// Somebody has changed manifests or policies.
    RegistryChanged,
}

/// A launched program.
#[derive(Debug)]
struct Running {
    pid: u32,
    log: PathBuf,
    log_start: u64,
    /// When to report it as started; absent: reported.
    probation: Option<Instant>,
}

impl Agent {
    /// An agent with manifests from these folders, and the user's settings and policies from the folder `config`, that keeps logs
    /// below `state`.
    pub fn new(folders: Vec<Folder>, config: &Path, around: Surroundings, state: PathBuf) -> Self {
        let (sender, happenings) = channel();
        let (registry, problems) = Registry::load(&folders);
        problems.iter().for_each(|p| eprintln!("chalktalk-agent: {p}"));
        Self {
            folders,
            policies: config.join(policies::FILE),
            registry,
            problems,
            mistake: None,
            settings: Followed::new(config.join(settings::FILE)),
            told: Vec::new(),
            around,
            logs: Logs::below(&state),
            copies: Copies::below(&state),
            state,
            children: BTreeMap::new(),
            link: None,
            life: 0,
            sender,
            happenings,
        }
    }

    /// Serves daemons until none answers any more, or one refuses.
    pub fn run(mut self) -> Result<(), AgentError> {
        let mut housekeeping = Instant::now() + HOUSEKEEPING;
        let sender = self.sender.clone();
        self.copies.adopt(move |session| drop(sender.send(Happening::CopyEnded { session, status: None })));
        self.watch_registry();
        self.connect()?;
        loop {
            match self.happenings.recv_timeout(self.rest(housekeeping)) {
                Ok(Happening::Heard { life, heard }) if life == self.life => self.on_heard(heard)?,
                Ok(Happening::Ended { life, launch, status }) if life == self.life => {
                    self.on_ended(launch, status);
                }
                Ok(Happening::CopyEnded { session, status }) => self.on_copy_ended(session, status),
                Ok(Happening::RegistryChanged) => self.reload(),
                Ok(_) | Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => unreachable!("the agent holds a sender itself"),
            }
            self.end_probations(Instant::now());
            self.tell_ready();
            if Instant::now() >= housekeeping {
                housekeeping = Instant::now() + HOUSEKEEPING;
                self.logs.bound();
                self.reload();
            }
        }
    }

    /// What is registered now can be started now, not seconds later.
    fn watch_registry(&self) {
        let folders = self.folders.iter().map(|folder| folder.path.clone());
        let folders: Vec<PathBuf> = folders.chain(self.policies.parent().map(PathBuf::from)).collect();
        let sender = self.sender.clone();
        if let Err(e) = watching::watch(&folders, move || sender.send(Happening::RegistryChanged).is_ok()) {
            eprintln!("chalktalk-agent: cannot watch manifests ({e}); they are looked at every few seconds");
        }
    }

    /// Time until something is due.
    fn rest(&self, housekeeping: Instant) -> Duration {
        let ready = self.copies.are_waited_for().then(|| Instant::now() + LOOK_FOR_READY);
        let probations = self.children.values().filter_map(|child| child.probation).chain(ready);
        probations.fold(housekeeping, Instant::min).saturating_duration_since(Instant::now())
    }

    fn connect(&mut self) -> Result<(), AgentError> {
        let deadline = Instant::now() + PATIENCE;
        // A daemon that accepts and hangs up must not be called without a pause.
        if self.life > 0 {
            thread::sleep(RETRY);
        }
        self.life += 1;
        // The daemon that numbered these launches is gone: nobody asks for them any more.
        self.children.clear();
        self.copies.forget_launches();
        let life = self.life;
        loop {
            let sender = self.sender.clone();
            match Link::connect(move |heard| drop(sender.send(Happening::Heard { life, heard }))) {
                Ok(link) => break self.link = Some(link),
                Err(e) if Instant::now() >= deadline => return Err(AgentError::NoDaemon(e)),
                Err(_) => thread::sleep(RETRY),
            }
        }
        self.tell_registry();
        self.report(Request::StillRunning { running: self.copies.running() });
        Ok(())
    }

    fn on_heard(&mut self, heard: Heard) -> Result<(), AgentError> {
        match heard {
            Heard::Ended(_) => self.connect(),
            Heard::Down(down) => self.on_down(*down),
        }
    }

    fn on_down(&mut self, down: Down) -> Result<(), AgentError> {
        match down {
            Down::Event(Event::Launch { launch, app, session, token }) => {
                self.on_launch(launch, &app, &session, &token);
            }
            Down::Event(Event::Run { launch, app, session, token, run }) => {
                self.on_run(launch, &app, session, &token, &run);
            }
            Down::Reply { body: Err(refusal), id } if id <= FIRST_CALLS => {
                return Err(AgentError::Refused(refusal));
            }
            Down::Reply { body: Err(refusal), .. } => {
                eprintln!("chalktalk-agent: the daemon refused: {refusal}");
            }
            Down::Reply { body: Ok(Answer::Welcome { daemon, .. }), .. } => {
                eprintln!("chalktalk-agent: attached to {daemon}");
            }
            _ => {}
        }
        Ok(())
    }

    fn on_launch(&mut self, launch: u64, app: &AppId, session: &SessionSummary, token: &str) {
        self.reload();
        match self.launch(app, session.session, token) {
            Ok((child, running)) => {
                self.children.insert(launch, running);
                self.watch(launch, child);
            }
            Err(outcome) => self.report(Request::LaunchResult { launch, outcome }),
        }
    }

    fn launch(
        &self,
        app: &AppId,
        session: SessionId,
        token: &str,
    ) -> Result<(Child, Running), LaunchOutcome> {
        let failed = |e: &dyn std::fmt::Display| LaunchOutcome::Failed(e.to_string());
        let manifest =
            self.registry.get(app).filter(|_| self.settings.now.admit(app)).ok_or(LaunchOutcome::NoApp)?;
        if self.children.len() >= MAX_CHILDREN {
            return Err(failed(&format!("{MAX_CHILDREN} launched programs are running already")));
        }
        let session_text = session.to_string();
        let socket = self.link.as_ref().map(|link| link.socket.clone()).unwrap_or_default();
        let values = Values { session: &session_text, token, socket: &socket, state: &self.state, run: None };
        let plan = self.around.plan(manifest, &values)?;
        let (log, file) = self.logs.open(app, session).map_err(|e| failed(&e))?;
        let log_start = file.metadata().map_err(|e| failed(&e))?.len();
        let child = spawn(&plan, app, &values, file, Stdio::null())
            .map_err(|e| failed(&format!("{}: {e}", plan.program.display())))?;
        let probation = Some(Instant::now() + PROBATION);
        let running = Running { pid: child.id(), log, log_start, probation };
        Ok((child, running))
    }

    /// Launches a copy of an app that is run together.
    fn on_run(&mut self, launch: u64, app: &AppId, session: SessionId, token: &str, run: &Run) {
        self.reload();
        let outcome = match self.run_copy(launch, app, session, token, run) {
            Ok(pid) => LaunchOutcome::Started(pid),
            Err(outcome) => outcome,
        };
        self.report(Request::LaunchResult { launch, outcome });
        self.tell_ready();
    }

    fn run_copy(
        &mut self,
        launch: u64,
        app: &AppId,
        session: SessionId,
        token: &str,
        run: &Run,
    ) -> Result<u32, LaunchOutcome> {
        let failed = |e: &dyn std::fmt::Display| LaunchOutcome::Failed(e.to_string());
        let manifest =
            self.registry.get(app).filter(|_| self.settings.now.admit(app)).ok_or(LaunchOutcome::NoApp)?;
        if run.automatic && self.around.is_locked() {
            return Err(LaunchOutcome::Locked);
        }
        if self.children.len() + self.copies.len() >= MAX_CHILDREN {
            return Err(failed(&format!("{MAX_CHILDREN} launched programs are running already")));
        }
        if self.copies.runs(session) {
            return Err(failed(&"a copy of it runs already"));
        }
        // Who joins a host uses the host's port; who is one, or has no host, a port of their own.
        let joins = run.host_port > 0 && run.part != Part::Host;
        let (port, socket) = match joins {
            true => (run.host_port, None),
            false => copies::port_for(manifest).map_err(|e| failed(&format!("no port for it: {e}")))?,
        };
        let session_text = session.to_string();
        let path = self.link.as_ref().map(|link| link.socket.clone()).unwrap_or_default();
        let run_values = Some((run, port));
        let values =
            Values { session: &session_text, token, socket: &path, state: &self.state, run: run_values };
        let plan = self.around.plan(manifest, &values)?;
        let (log, file) = self.logs.open(app, session).map_err(|e| failed(&e))?;
        let log_start = file.metadata().map_err(|e| failed(&e))?.len();
        // Nobody waits for who joins a host, whatever its copy would say or listen on.
        let has_host = joins || manifest.together.model == Model::Host;
        let listens = socket.is_some() || has_host && run.part != Part::Host;
        let input = socket.map_or_else(Stdio::null, |socket| Stdio::from(OwnedFd::from(socket)));
        let mut child = spawn(&plan, app, &values, file, input)
            .map_err(|e| failed(&format!("{}: {e}", plan.program.display())))?;
        let pid = child.id();
        let own_port = if joins { 0 } else { port };
        let started = Started { launch, manifest, pid, port: own_port, listens, log: (log, log_start) };
        self.copies.insert(session, started);
        let sender = self.sender.clone();
        let wait = move || {
            let status = child.wait().ok().map(exit_status);
            drop(sender.send(Happening::CopyEnded { session, status }));
        };
        if let Err(e) = thread::Builder::new().name(format!("copy {pid}")).spawn(wait) {
            eprintln!("chalktalk-agent: cannot watch copy {pid}: {e}");
        }
        Ok(pid)
    }

    fn on_copy_ended(&mut self, session: SessionId, status: Option<i32>) {
        if let Some((launch, said)) = self.copies.remove(session) {
            self.report(Request::RunEnded { launch, session, status, said });
        }
    }

    fn tell_ready(&mut self) {
        let ready = self.copies.take_ready();
        for (launch, port) in ready.iter().copied().filter(|(launch, _)| *launch > 0) {
            self.report(Request::RunReady { launch, port });
        }
        // Launched at the word of an earlier daemon: this one has no number for it.
        if ready.iter().any(|(launch, _)| *launch == 0) {
            self.report(Request::StillRunning { running: self.copies.running() });
        }
    }

    /// Waits for the child on a thread of its own: the system's way of waiting for several at once is a signal.
    fn watch(&self, launch: u64, mut child: Child) {
        let (sender, life) = (self.sender.clone(), self.life);
        let wait = move || {
            let status = child.wait().map_or(-1, exit_status);
            drop(sender.send(Happening::Ended { life, launch, status }));
        };
        if let Err(e) = thread::Builder::new().name(format!("launch {launch}")).spawn(wait) {
            eprintln!("chalktalk-agent: cannot watch launch {launch}: {e}");
        }
    }

    fn on_ended(&mut self, launch: u64, status: i32) {
        let Some(child) = self.children.remove(&launch) else { return };
        if child.probation.is_some() {
            let outcome = match status {
                0 => LaunchOutcome::Started(child.pid),
                _ => LaunchOutcome::Failed(failure(&child, status)),
            };
            self.report(Request::LaunchResult { launch, outcome });
            if status != 0 {
                return;
            }
        }
        self.report(Request::Exited { launch, status });
    }

    fn end_probations(&mut self, now: Instant) {
        let over = |child: &Running| child.probation.is_some_and(|end| end <= now);
        let started: Vec<(u64, u32)> =
            self.children.iter().filter(|(_, c)| over(c)).map(|(launch, c)| (*launch, c.pid)).collect();
        for (launch, pid) in started {
            self.report(Request::LaunchResult { launch, outcome: LaunchOutcome::Started(pid) });
        }
        self.children.values_mut().filter(|c| over(c)).for_each(|c| c.probation = None);
    }

    /// Reads the manifests and the user's settings again and tells the daemon if they changed.
    fn reload(&mut self) {
        self.settings.read();
        let (registry, problems) = Registry::load(&self.folders);
        problems
            .iter()
            .filter(|p| !self.problems.contains(p))
            .for_each(|p| eprintln!("chalktalk-agent: {p}"));
        self.registry = registry;
        self.problems = problems;
        if self.registered() != self.told {
            self.tell_registry();
        }
    }

    /// The registered apps, each with what the user says about who may launch it.
    fn registered(&mut self) -> Vec<RegisteredApp> {
        let (policies, mistake) = Policies::load(&self.policies);
        if mistake != self.mistake {
            let file = self.policies.display();
            mistake
                .iter()
                .for_each(|what| eprintln!("chalktalk-agent: {file}: {what}; nothing is launched unasked"));
            self.mistake = mistake;
        }
        let mut apps = self.registry.registered();
        apps.retain(|app| self.settings.now.admit(&app.app));
        policies.apply(&mut apps);
        apps
    }

    fn tell_registry(&mut self) {
        self.told = self.registered();
        self.report(Request::AttachAgent { display: self.around.display, apps: self.told.clone() });
    }

    /// A failure to write shows as the end of the connection, which the reading side reports.
    fn report(&mut self, request: Request) {
        if let Some(link) = &mut self.link {
            let _ = link.call(request);
        }
    }
}

/// The calls that must succeed: `hello` and the first `attach_agent`.
const FIRST_CALLS: u32 = 2;

fn spawn(plan: &Plan, app: &AppId, values: &Values<'_>, log: File, input: Stdio) -> io::Result<Child> {
    let mut command = Command::new(&plan.program);
    command
        .args(&plan.arguments)
        .env(SOCKET_ENV, values.socket)
        .env("CHALKTALK_SESSION", values.session)
        .env("CHALKTALK_TOKEN", values.token)
        .env("CHALKTALK_APP", app.as_str())
        .env("CHALKTALK_STATE", values.state)
        .stdin(input)
        .stdout(log.try_clone()?)
        .stderr(log)
        .process_group(0);
    if let Some((run, port)) = values.run {
        command.envs(variables(run, port));
    }
    if let Some(home) = env::var_os("HOME").filter(|home| PathBuf::from(home).is_dir()) {
        command.current_dir(home);
    }
    command.spawn()
}

/// What a copy that is run together finds in its environment.
fn variables(run: &Run, port: u16) -> Vec<(String, String)> {
    let address = |address: Option<IpAddr>| address.map(|address| address.to_string()).unwrap_or_default();
    let plain = [
        ("PARENT", run.parent.to_string()),
        ("ROLE", role(run.part).to_owned()),
        ("PLACE", run.place.to_string()),
        ("USER", run.user.clone()),
        ("PORT", port.to_string()),
        ("MY_ADDRESS", address(run.my_address)),
        ("HOST_ADDRESS", address(run.host_address)),
        ("HOST_PORT", run.host_port.to_string()),
        ("MEMBERS", run.members.len().to_string()),
    ];
    let of = |(n, member): (usize, &chalktalk_ipc::nway::RunMember)| {
        let facts = [
            ("NAME", member.name.clone()),
            ("ADDRESS", address(member.address)),
            ("PORT", member.port.to_string()),
            ("PID", member.pid.to_string()),
            ("ROLE", role(member.part).to_owned()),
        ];
        facts.map(|(name, value)| (format!("CHALKTALK_MEMBER_{}_{name}", n + 1), value))
    };
    let plain = plain.map(|(name, value)| (format!("CHALKTALK_{name}"), value));
    let members = run.members.iter().enumerate().flat_map(of);
    // A NUL, which no text fit for display holds, would keep the program from starting.
    plain.into_iter().chain(members).map(|(name, value)| (name, value.replace('\0', ""))).collect()
}

fn exit_status(status: ExitStatus) -> i32 {
    status.code().or(status.signal().map(|signal| 128 + signal)).unwrap_or(-1)
}

fn failure(child: &Running, status: i32) -> String {
    logs::last_line(&child.log, child.log_start)
        .map_or(format!("it ended at once with status {status}"), |line| format!("it ended at once: {line}"))
}
