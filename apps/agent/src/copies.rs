//! Copies of apps that are run together: launched with what their manifest says and what the daemon knows of the others, and
//! watched until they end.
//!
//! Of each copy a note is kept in the state folder, so that an agent that was started anew goes on watching it. Its own
//! children it waits for; those of an agent before it, through a file descriptor of the process: a number alone may name
//! another process by then.
//!
//! Invariant: of each app session there is one copy at a time, and its end is told once.

use crate::{
    logs,
    manifest::{Manifest, Port, Ready},
};
use chalktalk_ipc::{AppId, SessionId, nway::Running};
use rustix::{
    event::{PollFd, PollFlags, poll},
    process::{Pid, PidfdFlags, pidfd_open},
};
use std::{
    collections::BTreeMap,
    fs, io,
    net::{Ipv4Addr, Ipv6Addr, TcpListener},
    os::fd::OwnedFd,
    path::{Path, PathBuf},
    thread,
};

/// Lines of a copy's output that are told at its end.
const LINES: usize = 10;

/// A copy that runs.
#[derive(Debug)]
pub struct Copy {
    /// Number of the launch, while the daemon that gave it lives; then 0.
    pub launch: u64,
    app: AppId,
    pid: u32,
    port: u16,
    ready: Ready,
    is_ready: bool,
    log: PathBuf,
    log_start: u64,
    /// When the process began, in the kernel's ticks: with its number, that is who it is.
    began: u64,
}

/// All copies, by app session.
#[derive(Debug)]
pub struct Copies {
    folder: PathBuf,
    copies: BTreeMap<SessionId, Copy>,
}

/// A copy that has just been started.
pub struct Started<'a> {
    /// Number of the launch.
    pub launch: u64,
    /// Its manifest.
    pub manifest: &'a Manifest,
    /// Its process.
    pub pid: u32,
    /// The port it was given; 0: none.
    pub port: u16,
    /// Whether it was given a socket that listens already.
    pub listens: bool,
    /// Where it writes, and from which byte on.
    pub log: (PathBuf, u64),
}

impl Copies {
    /// The copies of which notes are kept below this state folder.
    pub fn below(state: &Path) -> Self {
        Self { folder: state.join("copies"), copies: BTreeMap::new() }
    }

    /// Finds the copies that an agent before this one has launched, and has `ended` called when one of them ends.
    pub fn adopt(&mut self, ended: impl Fn(SessionId) + Clone + Send + 'static) {
        for entry in fs::read_dir(&self.folder).into_iter().flatten().flatten() {
            let note = read_note(&entry.path());
            let Some((session, copy)) = note.filter(|(_, copy)| began(copy.pid) == Some(copy.began)) else {
                let _gone_already = fs::remove_file(entry.path());
                continue;
            };
            if let Ok(process) = open(copy.pid) {
                let ended = ended.clone();
                watch(format!("copy {}", copy.pid), move || {
                    wait_for_end(&process);
                    ended(session);
                });
                self.copies.insert(session, copy);
            }
        }
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.copies.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.copies.is_empty()
    }

    /// Whether one runs in this app session.
    pub fn runs(&self, session: SessionId) -> bool {
        self.copies.contains_key(&session)
    }

    /// A copy runs.
    pub fn insert(&mut self, session: SessionId, started: Started<'_>) {
        let Started { launch, manifest, pid, port, listens, log: (log, log_start) } = started;
        let ready = match listens {
            true => Ready::Start,
            false => manifest.ready.clone(),
        };
        let began = began(pid).unwrap_or(0);
        let app = manifest.app.clone();
        let copy = Copy { launch, app, pid, port, ready, is_ready: false, log, log_start, began };
        self.copies.insert(session, copy);
        self.note(session);
    }

    /// A copy has ended: its launch, and what it wrote last.
    pub fn remove(&mut self, session: SessionId) -> Option<(u64, Vec<String>)> {
        let copy = self.copies.remove(&session)?;
        let _gone_already = fs::remove_file(self.path(session));
        Some((copy.launch, logs::last_lines(&copy.log, copy.log_start, LINES)))
    }

    /// The daemon that numbered the launches is gone.
    pub fn forget_launches(&mut self) {
        self.copies.values_mut().for_each(|copy| copy.launch = 0);
    }

    /// What a daemon that has come back is told.
    pub fn running(&self) -> Vec<Running> {
        let running = |(session, copy): (&SessionId, &Copy)| Running {
            session: *session,
            app: copy.app.clone(),
            pid: copy.pid,
            port: copy.port,
            ready: copy.is_ready,
        };
        self.copies.iter().map(running).collect()
    }

    /// Whether some copy's readiness has to be looked for.
    pub fn are_waited_for(&self) -> bool {
        self.copies.values().any(|copy| !copy.is_ready && copy.ready != Ready::Library)
    }

    /// The copies that have become ready, with launch and port.
    pub fn take_ready(&mut self) -> Vec<(u64, u16)> {
        let mut found = Vec::new();
        for (session, copy) in self.copies.iter_mut().filter(|(_, copy)| !copy.is_ready) {
            copy.is_ready = match &copy.ready {
                Ready::Start => true,
                Ready::Port => listens(copy.port),
                Ready::Line(line) => logs::has_line(&copy.log, copy.log_start, line),
                Ready::Library => false,
            };
            if copy.is_ready {
                found.push((*session, copy.launch, copy.port));
            }
        }
        found.iter().for_each(|(session, _, _)| self.note(*session));
        found.into_iter().map(|(_, launch, port)| (launch, port)).collect()
    }

    fn path(&self, session: SessionId) -> PathBuf {
        self.folder.join(format!("{session}.json"))
    }

    /// Keeps a note of a copy. Without one it is only not found again by the next agent.
    fn note(&self, session: SessionId) {
        let copy = &self.copies[&session];
        let note = serde_json::json!({
            "session": session.to_string(), "app": copy.app.as_str(), "pid": copy.pid, "port": copy.port,
            "ready": copy.is_ready, "began": copy.began, "log": copy.log, "log_start": copy.log_start,
            "line": match &copy.ready { Ready::Line(line) => Some(line), _ => None },
            "waits_for": match copy.ready { Ready::Start => "start", Ready::Port => "port", Ready::Line(_) => "line", Ready::Library => "library" },
        });
        let written =
            fs::create_dir_all(&self.folder).and_then(|()| fs::write(self.path(session), note.to_string()));
        if let Err(e) = written {
            eprintln!("chalktalk-agent: {}: {e}", self.path(session).display());
        }
    }
}

fn read_note(path: &Path) -> Option<(SessionId, Copy)> {
    let note: serde_json::Value = serde_json::from_slice(&fs::read(path).ok()?).ok()?;
    let number = |name: &str| note[name].as_u64();
    let ready = match note["waits_for"].as_str()? {
        "start" => Ready::Start,
        "port" => Ready::Port,
        "line" => Ready::Line(note["line"].as_str()?.to_owned()),
        _ => Ready::Library,
    };
    let copy = Copy {
        launch: 0,
        app: note["app"].as_str()?.parse().ok()?,
        pid: number("pid")?.try_into().ok()?,
        port: number("port")?.try_into().ok()?,
        ready,
        is_ready: note["ready"].as_bool()?,
        log: note["log"].as_str()?.into(),
        log_start: number("log_start")?,
        began: number("began")?,
    };
    Some((note["session"].as_str()?.parse().ok()?, copy))
}

/// The port for a new copy, and the socket if it is to inherit one.
pub fn port_for(manifest: &Manifest) -> io::Result<(u16, Option<TcpListener>)> {
    let wanted = match manifest.port {
        None => return Ok((0, None)),
        Some(Port::Fixed(port)) if !manifest.inherits => return Ok((port, None)),
        Some(Port::Fixed(port)) => port,
        Some(Port::Free) => 0,
    };
    let any = TcpListener::bind((Ipv6Addr::UNSPECIFIED, wanted));
    let listener = any.or_else(|_| TcpListener::bind((Ipv4Addr::UNSPECIFIED, wanted)))?;
    let port = listener.local_addr()?.port();
    Ok((port, manifest.inherits.then_some(listener)))
}

/// Whether somebody listens on a port of this host. The tables of the system are read, since a connection made to find out
/// would be the first that a program gets.
fn listens(port: u16) -> bool {
    const LISTEN: &str = "0A";
    let tables = [("tcp", true), ("tcp6", true), ("udp", false), ("udp6", false)];
    tables.iter().any(|(table, tcp)| {
        let text = fs::read_to_string(format!("/proc/self/net/{table}")).unwrap_or_default();
        text.lines().skip(1).any(|line| {
            let mut fields = line.split_whitespace().skip(1);
            let local = fields.next().and_then(|local| local.rsplit_once(':'));
            let is_it = local.is_some_and(|(_, hex)| u16::from_str_radix(hex, 16) == Ok(port));
            is_it && (!tcp || fields.nth(1) == Some(LISTEN))
        })
    })
}

/// When a process began, in ticks since the machine did.
fn began(pid: u32) -> Option<u64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name, in parentheses, may hold anything.
    stat.rsplit_once(')')?.1.split_whitespace().nth(19)?.parse().ok()
}

fn open(pid: u32) -> io::Result<OwnedFd> {
    let pid = i32::try_from(pid).ok().and_then(Pid::from_raw).ok_or(io::ErrorKind::NotFound)?;
    Ok(pidfd_open(pid, PidfdFlags::empty())?)
}

/// Waits until the process behind a descriptor has ended.
fn wait_for_end(process: &OwnedFd) {
    while let Err(rustix::io::Errno::INTR) = poll(&mut [PollFd::new(process, PollFlags::IN)], None) {}
}

fn watch(name: String, wait: impl FnOnce() + Send + 'static) {
    if let Err(e) = thread::Builder::new().name(name.clone()).spawn(wait) {
        eprintln!("chalktalk-agent: cannot watch {name}: {e}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{process::Command, sync::mpsc::channel, time::Duration};

    fn manifest(more: &str) -> Manifest {
        Manifest::parse(&format!("id = \"org.example.x\"\nname = \"X\"\nargv = [\"x\"]\n{more}")).unwrap()
    }

    #[test]
    fn a_port_listens_from_when_somebody_listens_on_it() {
        let (port, held) = port_for(&manifest("port = \"free\"")).unwrap();
        assert!(port > 0 && held.is_none() && !listens(port));
        let (port, held) = port_for(&manifest("port = \"free\"\nstdin = \"socket\"")).unwrap();
        assert!(held.is_some() && listens(port));
        drop(held);
        assert!(!listens(port));
        assert_eq!(port_for(&manifest("port = 5000")).unwrap().0, 5000);
        assert_eq!(port_for(&manifest("")).unwrap().0, 0);
    }

    #[test]
    fn a_copy_is_found_again_by_the_next_agent_and_its_end_is_told() {
        let state = tempfile::tempdir().unwrap();
        let mut child = Command::new("sleep").arg("600").spawn().unwrap();
        let session = SessionId([7; 16]);
        let manifest = manifest("port = \"free\"\nready = \"library\"");
        let log = (state.path().join("log"), 0);
        let started =
            Started { launch: 3, manifest: &manifest, pid: child.id(), port: 99, listens: false, log };
        Copies::below(state.path()).insert(session, started);
        let mut next = Copies::below(state.path());
        let (sender, ended) = channel();
        next.adopt(move |session| sender.send(session).unwrap());
        assert_eq!((next.len(), next.running()[0].pid, next.running()[0].port), (1, child.id(), 99));
        assert!(ended.try_recv().is_err());
        child.kill().unwrap();
        child.wait().unwrap();
        assert_eq!(ended.recv_timeout(Duration::from_secs(10)), Ok(session));
        assert_eq!(next.remove(session), Some((0, vec![])));
        let mut last = Copies::below(state.path());
        last.adopt(|_| {});
        assert!(last.is_empty(), "no note is left");
    }

    #[test]
    fn a_note_of_another_process_with_the_same_number_is_not_believed() {
        let state = tempfile::tempdir().unwrap();
        let mut copies = Copies::below(state.path());
        let (manifest, log) = (manifest(""), (state.path().join("log"), 0));
        let pid = std::process::id();
        copies.insert(
            SessionId([7; 16]),
            Started { launch: 1, manifest: &manifest, pid, port: 0, listens: false, log },
        );
        let path = copies.path(SessionId([7; 16]));
        let text = fs::read_to_string(&path).unwrap();
        let began = began(pid).unwrap();
        fs::write(&path, text.replace(&began.to_string(), &(began + 1).to_string())).unwrap();
        let mut next = Copies::below(state.path());
        next.adopt(|_| {});
        assert!(next.is_empty() && !path.exists());
    }
}
