//! The agent: the one program a user's daemon starts, and starts again when it ends.
//!
//! Invariant: nothing that came from a program or the network has a part in what is executed, or how.

use crate::supervisor;
use std::{
    env,
    ffi::OsString,
    io,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    thread,
    time::{Duration, Instant},
};

const PROGRAM: &str = "chalktalk-agent";

/// A program that ends at once is started again after this, then twice this, and so on.
const FIRST_REST: Duration = Duration::from_millis(500);
/// But at least this often: somebody may install what it lacks.
const LONGEST_REST: Duration = Duration::from_secs(60);
/// Who lived for this long was well: the rests begin anew.
const WELL: Duration = Duration::from_secs(30);
/// What it is given to end by itself.
const GRACE: Duration = Duration::from_millis(500);

/// The agent's process, or the time of its next one.
pub struct Agent {
    program: PathBuf,
    socket: PathBuf,
    state: PathBuf,
    child: Option<(Child, Instant)>,
    start_at: Option<Instant>,
    rest: Duration,
}

/// What has happened to the agent.
#[derive(Debug)]
pub enum AgentNews {
    /// It runs, with this process id.
    Started(u32),
    /// It could not be started; it will be tried again.
    Failed(io::Error),
    /// It ended by itself; it will be started again.
    Ended(ExitStatus),
}

impl Agent {
    /// An agent for the daemon at `socket`; [`Agent::handle_timeout`] starts it.
    pub fn new(socket: &Path, state: &Path, now: Instant) -> Self {
        Self {
            program: find(),
            socket: socket.to_owned(),
            state: state.to_owned(),
            child: None,
            start_at: Some(now),
            rest: FIRST_REST,
        }
    }

    /// The program that is started.
    pub fn program(&self) -> &Path {
        &self.program
    }

    /// When [`Agent::handle_timeout`] has to be called.
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.start_at
    }

    /// Starts it, if it is time.
    pub fn handle_timeout(&mut self, now: Instant) -> Option<AgentNews> {
        self.start_at.take_if(|at| *at <= now)?;
        let mut command = Command::new(&self.program);
        for name in supervisor::VARIABLES {
            command.env_remove(name);
        }
        let started = command
            .env("CHALKTALK_SOCKET", &self.socket)
            .env("CHALKTALK_STATE", &self.state)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn();
        Some(match started {
            Ok(child) => {
                let pid = child.id();
                self.child = Some((child, now));
                AgentNews::Started(pid)
            }
            Err(error) => {
                self.start_later(now);
                AgentNews::Failed(error)
            }
        })
    }

    /// Some child of the daemon has ended: there is but one.
    pub fn on_child_ended(&mut self, now: Instant) -> Option<AgentNews> {
        let (child, since) = self.child.as_mut()?;
        let status = child.try_wait().ok()??;
        if now.duration_since(*since) >= WELL {
            self.rest = FIRST_REST;
        }
        self.child = None;
        self.start_later(now);
        Some(AgentNews::Ended(status))
    }

    /// Ends it, for good.
    pub fn end(&mut self) {
        self.start_at = None;
        let Some((mut child, _)) = self.child.take() else { return };
        if let Some(pid) = i32::try_from(child.id()).ok().and_then(rustix::process::Pid::from_raw) {
            // An error means that it is gone already.
            let _ = rustix::process::kill_process(pid, rustix::process::Signal::TERM);
        }
        let end = Instant::now() + GRACE;
        while Instant::now() < end {
            if child.try_wait().is_ok_and(|status| status.is_some()) {
                return;
            }
            thread::sleep(Duration::from_millis(5));
        }
        let _ = child.kill();
        let _ = child.wait();
    }

    fn start_later(&mut self, now: Instant) {
        self.start_at = Some(now + self.rest);
        self.rest = (self.rest * 2).min(LONGEST_REST);
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        self.end();
    }
}

/// Beside the daemon's own program, where one installation or build keeps both; else wherever the user's `PATH` says.
fn find() -> PathBuf {
    let beside = env::current_exe().ok().and_then(|own| Some(own.parent()?.join(PROGRAM)));
    beside
        .filter(|path| path.is_file())
        .or_else(|| on_path(env::var_os("PATH")))
        .unwrap_or_else(|| PROGRAM.into())
}

fn on_path(path: Option<OsString>) -> Option<PathBuf> {
    env::split_paths(&path?)
        .filter(|folder| folder.is_absolute())
        .map(|f| f.join(PROGRAM))
        .find(|p| p.is_file())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn agent(program: &str, now: Instant) -> Agent {
        let mut agent = Agent::new(Path::new("/nonexistent/s"), Path::new("/nonexistent"), now);
        agent.program = program.into();
        agent
    }

    fn wait_for_end(agent: &mut Agent, now: Instant) -> AgentNews {
        let end = Instant::now() + Duration::from_secs(10);
        while Instant::now() < end {
            if let Some(news) = agent.on_child_ended(now) {
                return news;
            }
            thread::sleep(Duration::from_millis(2));
        }
        panic!("it did not end");
    }

    #[test]
    fn one_that_dies_is_started_again_after_growing_rests() {
        let now = Instant::now();
        let mut agent = agent("/bin/false", now);
        assert!(matches!(agent.handle_timeout(now), Some(AgentNews::Started(_))));
        assert!(agent.handle_timeout(now).is_none(), "there is but one");
        assert!(matches!(wait_for_end(&mut agent, now), AgentNews::Ended(status) if !status.success()));
        assert_eq!(agent.poll_timeout(), Some(now + FIRST_REST));
        assert!(agent.handle_timeout(now).is_none());
        let then = now + FIRST_REST;
        assert!(matches!(agent.handle_timeout(then), Some(AgentNews::Started(_))));
        wait_for_end(&mut agent, then);
        assert_eq!(agent.poll_timeout(), Some(then + 2 * FIRST_REST));
        let later = then + 2 * FIRST_REST;
        agent.handle_timeout(later);
        wait_for_end(&mut agent, later + WELL);
        assert_eq!(agent.poll_timeout(), Some(later + WELL + FIRST_REST), "it had been well");
    }

    #[test]
    fn a_missing_program_is_told_and_tried_again() {
        let now = Instant::now();
        let mut agent = agent("/nonexistent/agent", now);
        assert!(matches!(agent.handle_timeout(now), Some(AgentNews::Failed(_))));
        assert_eq!(agent.poll_timeout(), Some(now + FIRST_REST));
    }

    #[test]
    fn it_ends_with_the_daemon() {
        let now = Instant::now();
        let mut agent = agent("/bin/cat", now);
        agent.handle_timeout(now);
        agent.end();
        assert!(agent.child.is_none() && agent.poll_timeout().is_none());
        assert_eq!(on_path(Some("relative:/nonexistent".into())), None);
    }
}
