//! The agent's loop: it attaches, launches what it is told to, watches the children, and reports.
//!
//! Invariant: every `launch` gets one `launch_result`, and one `exited` after a `started`, as long as the
//! connection it came over lives. Children are in process groups of their own and outlive agent and daemon.

use crate::{
    link::{Heard, Link},
    logs::{self, Logs},
    plan::{Plan, Surroundings},
    registry::{Folder, Problem, Registry},
    template::Values,
};
use chalktalk_ipc::{
    Answer, AppId, Down, Event, Refusal, Request, SessionId,
    event::SessionSummary,
    request::{LaunchOutcome, RegisteredApp},
    socket::SOCKET_ENV,
};
use std::{
    collections::BTreeMap,
    env,
    fs::File,
    io,
    os::unix::process::{CommandExt, ExitStatusExt},
    path::PathBuf,
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
    registry: Registry,
    problems: Vec<Problem>,
    told: Vec<RegisteredApp>,
    around: Surroundings,
    state: PathBuf,
    logs: Logs,
    children: BTreeMap<u64, Running>,
    link: Option<Link>,
    /// Counts connections: what an earlier one still has to say no longer matters.
    life: u64,
    sender: Sender<Happening>,
    happenings: Receiver<Happening>,
}

#[derive(Debug)]
enum Happening {
    Heard { life: u64, heard: Heard },
    Ended { life: u64, launch: u64, status: i32 },
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
    /// An agent with manifests from these folders, that keeps logs below `state`.
    pub fn new(folders: Vec<Folder>, around: Surroundings, state: PathBuf) -> Self {
        let (sender, happenings) = channel();
        let (registry, problems) = Registry::load(&folders);
        problems.iter().for_each(|p| eprintln!("chalktalk-agent: {p}"));
        Self {
            folders,
            registry,
            problems,
            told: Vec::new(),
            around,
            logs: Logs::below(&state),
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
        self.connect()?;
        loop {
            match self.happenings.recv_timeout(self.rest(housekeeping)) {
                Ok(Happening::Heard { life, heard }) if life == self.life => self.on_heard(heard)?,
                Ok(Happening::Ended { life, launch, status }) if life == self.life => {
                    self.on_ended(launch, status);
                }
                Ok(_) | Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => unreachable!("the agent holds a sender itself"),
            }
            self.end_probations(Instant::now());
            if Instant::now() >= housekeeping {
                housekeeping = Instant::now() + HOUSEKEEPING;
                self.logs.bound();
                self.reload();
            }
        }
    }

    /// Time until something is due.
    fn rest(&self, housekeeping: Instant) -> Duration {
        let probations = self.children.values().filter_map(|child| child.probation);
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
        let manifest = self.registry.get(app).ok_or(LaunchOutcome::NoApp)?;
        if self.children.len() >= MAX_CHILDREN {
            return Err(failed(&format!("{MAX_CHILDREN} launched programs are running already")));
        }
        let session_text = session.to_string();
        let socket = self.link.as_ref().map(|link| link.socket.clone()).unwrap_or_default();
        let values = Values { session: &session_text, token, socket: &socket, state: &self.state };
        let plan = self.around.plan(manifest, &values)?;
        let (log, file) = self.logs.open(app, session).map_err(|e| failed(&e))?;
        let log_start = file.metadata().map_err(|e| failed(&e))?.len();
        let child = spawn(&plan, app, &values, file)
            .map_err(|e| failed(&format!("{}: {e}", plan.program.display())))?;
        let probation = Some(Instant::now() + PROBATION);
        let running = Running { pid: child.id(), log, log_start, probation };
        Ok((child, running))
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

    /// Reads the manifests again and tells the daemon if they changed.
    fn reload(&mut self) {
        let (registry, problems) = Registry::load(&self.folders);
        problems
            .iter()
            .filter(|p| !self.problems.contains(p))
            .for_each(|p| eprintln!("chalktalk-agent: {p}"));
        self.registry = registry;
        self.problems = problems;
        if self.registry.registered() != self.told {
            self.tell_registry();
        }
    }

    fn tell_registry(&mut self) {
        self.told = self.registry.registered();
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

fn spawn(plan: &Plan, app: &AppId, values: &Values<'_>, log: File) -> io::Result<Child> {
    let mut command = Command::new(&plan.program);
    command
        .args(&plan.arguments)
        .env(SOCKET_ENV, values.socket)
        .env("CHALKTALK_SESSION", values.session)
        .env("CHALKTALK_TOKEN", values.token)
        .env("CHALKTALK_APP", app.as_str())
        .env("CHALKTALK_STATE", values.state)
        .stdin(Stdio::null())
        .stdout(log.try_clone()?)
        .stderr(log)
        .process_group(0);
    if let Some(home) = env::var_os("HOME").filter(|home| PathBuf::from(home).is_dir()) {
        command.current_dir(home);
    }
    command.spawn()
}

fn exit_status(status: ExitStatus) -> i32 {
    status.code().or(status.signal().map(|signal| 128 + signal)).unwrap_or(-1)
}

fn failure(child: &Running, status: i32) -> String {
    logs::last_line(&child.log, child.log_start)
        .map_or(format!("it ended at once with status {status}"), |line| format!("it ended at once: {line}"))
}
