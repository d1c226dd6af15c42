//! A program that runs on a host: its output line by line, its end, its memory.
//!
//! Invariant: what every program of the running test has said can be shown when the test fails.

use crate::wait;
use rustix::process::{Pid, Signal, kill_process};
use std::{
    collections::VecDeque,
    io::{BufRead, BufReader, Read, Write},
    process::{Child, ChildStdin, Command, ExitStatus, Stdio},
    sync::{Arc, Condvar, Mutex, MutexGuard},
    thread,
    time::{Duration, Instant},
};

/// Lines kept of one program: enough to see what went wrong, little enough for a program that talks without end.
const LINES_KEPT: usize = 200_000;

/// Lines shown of each program when a test fails.
const LINES_SHOWN: usize = 40;

/// Programs of the running test, for evidence. Tests run one after another.
static RUNNING: Mutex<Vec<Arc<Record>>> = Mutex::new(Vec::new());

/// What a program has said.
#[derive(Default)]
struct Record {
    name: String,
    pid: u32,
    said: Mutex<Said>,
    more: Condvar,
}

#[derive(Default)]
struct Said {
    out: Vec<String>,
    all: VecDeque<String>,
    open: usize,
}

/// A running program.
pub struct Process {
    child: Child,
    stdin: Option<ChildStdin>,
    record: Arc<Record>,
    read: usize,
}

impl Process {
    pub(super) fn start(name: String, mut command: Command) -> Self {
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let program = command.get_program().to_os_string();
        let mut child =
            command.spawn().unwrap_or_else(|e| panic!("{} does not start: {e}", program.display()));
        let record = Arc::new(Record { name, pid: child.id(), ..Record::default() });
        record.said().open = 2;
        let stdout = child.stdout.take().expect("piped above");
        let stderr = child.stderr.take().expect("piped above");
        for (stream, is_output) in
            [(Box::new(stdout) as Box<dyn Read + Send>, true), (Box::new(stderr), false)]
        {
            let record = record.clone();
            thread::spawn(move || record.listen(stream, is_output));
        }
        registry().push(record.clone());
        Self { stdin: child.stdin.take(), child, record, read: 0 }
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Writes a line to its standard input.
    pub fn say(&mut self, line: &str) {
        let stdin = self.stdin.as_mut().expect("standard input is open");
        stdin.write_all(format!("{line}\n").as_bytes()).expect("the program reads its input");
    }

    /// Takes its standard input, to be written from elsewhere.
    pub fn take_input(&mut self) -> ChildStdin {
        self.stdin.take().expect("standard input is open")
    }

    /// Ends its standard input.
    pub fn end_input(&mut self) {
        self.stdin = None;
    }

    /// Every line of its standard output so far.
    pub fn output(&self) -> Vec<String> {
        self.record.said().out.clone()
    }

    /// Everything it said so far on both streams, as one text.
    pub fn log(&self) -> String {
        self.record.said().all.iter().fold(String::new(), |text, line| text + line + "\n")
    }

    /// The next line of standard output that was not returned before.
    ///
    /// # Panics
    /// When none comes in time.
    pub fn next_line(&mut self, within: Duration) -> String {
        let read = self.read;
        let line = self.record.await_said(within, |said| said.out.get(read).cloned());
        let line = line.unwrap_or_else(|| panic!("{}: no more output within {within:?}", self.record.name));
        self.read += 1;
        line
    }

    /// Waits until a line, of either stream, contains `text`.
    ///
    /// # Panics
    /// When none does in time.
    pub fn await_text(&self, text: &str, within: Duration) {
        assert!(self.says(text, within), "{} did not say {text:?} within {within:?}", self.record.name);
    }

    /// Whether a line, of either stream, contains `text` in time.
    pub fn says(&self, text: &str, within: Duration) -> bool {
        let has = |said: &Said| said.all.iter().any(|line| line.contains(text)).then_some(());
        self.record.await_said(within, has).is_some()
    }

    /// Asks it to end (SIGTERM) and waits for that.
    ///
    /// # Panics
    /// When it does not end within 10 s.
    pub fn stop(&mut self) -> ExitStatus {
        self.signal(Signal::TERM);
        self.await_end(Duration::from_secs(10))
    }

    /// Ends it at once (SIGKILL).
    pub fn kill(&mut self) {
        self.signal(Signal::KILL);
        self.await_end(Duration::from_secs(10));
    }

    /// Sends a signal.
    pub fn signal(&self, signal: Signal) {
        let pid = Pid::from_child(&self.child);
        let _ended_already = kill_process(pid, signal);
    }

    /// Whether it still runs.
    pub fn runs(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// Waits for its end.
    ///
    /// # Panics
    /// When that does not come in time.
    pub fn await_end(&mut self, within: Duration) -> ExitStatus {
        let name = self.record.name.clone();
        let status =
            wait::for_some(within, &format!("the end of {name}"), || self.child.try_wait().ok().flatten());
        // What it said last may still be on its way through the pipe; a child it left may hold the pipe open.
        self.record.await_said(Duration::from_secs(1), |said| (said.open == 0).then_some(()));
        status
    }

    /// Resident memory now, in KiB.
    pub fn memory(&self) -> u64 {
        memory_of(self.pid())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if self.runs() {
            self.signal(Signal::KILL);
            let _reaped = self.child.wait();
        }
    }
}

impl Record {
    fn said(&self) -> MutexGuard<'_, Said> {
        self.said.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    fn listen(&self, stream: impl Read, is_output: bool) {
        let mut stream = BufReader::new(stream);
        let mut line = Vec::new();
        while stream.read_until(b'\n', &mut line).is_ok_and(|n| n > 0) {
            if line.ends_with(b"\n") {
                line.pop();
            }
            let text = String::from_utf8_lossy(&line).into_owned();
            let mut said = self.said();
            if is_output {
                said.out.push(text.clone());
            }
            said.all.push_back(text);
            if said.all.len() > LINES_KEPT {
                said.all.pop_front();
            }
            drop(said);
            self.more.notify_all();
            line.clear();
        }
        self.said().open -= 1;
        self.more.notify_all();
    }

    fn await_said<T>(&self, within: Duration, wanted: impl Fn(&Said) -> Option<T>) -> Option<T> {
        let end = Instant::now() + within;
        let mut said = self.said();
        loop {
            if let Some(found) = wanted(&said) {
                return Some(found);
            }
            let left = end.checked_duration_since(Instant::now())?;
            said = self.more.wait_timeout(said, left).unwrap_or_else(|poisoned| poisoned.into_inner()).0;
        }
    }
}

/// Resident memory of a process, in KiB; 0 if it has ended.
pub fn memory_of(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap_or_default();
    line.split_whitespace().next().and_then(|n| n.parse().ok()).unwrap_or(0)
}

/// Processes that run now with this file name, whoever started them. Those that have ended and wait to be reaped do not count.
pub fn running(program: &str) -> Vec<u32> {
    let entries = std::fs::read_dir("/proc").expect("the lab has its own /proc").flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    pids.filter(|pid| {
        let line = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        let first = line.split(|b| *b == 0).next().unwrap_or_default();
        first.rsplit(|b| *b == b'/').next() == Some(program.as_bytes())
    })
    .collect()
}

/// Ends every process of the lab: they are all the processes that this namespace has, but ourselves.
pub(super) fn kill_all() {
    let me = std::process::id();
    let entries = std::fs::read_dir("/proc").expect("the lab has its own /proc").flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    for pid in pids.filter(|pid| *pid != me) {
        if let Some(pid) = Pid::from_raw(pid as i32) {
            let _ended_already = kill_process(pid, Signal::KILL);
        }
    }
}

fn registry() -> MutexGuard<'static, Vec<Arc<Record>>> {
    RUNNING.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}

/// Adds a note to the evidence.
pub fn note(name: String, text: &str) {
    let record = Record { name, ..Record::default() };
    record.said().all.extend(text.lines().map(str::to_owned));
    registry().push(Arc::new(record));
}

/// What every program of the test has said last, and forgets it.
pub fn take_evidence() -> String {
    let mut text = String::new();
    for record in registry().drain(..) {
        let said = record.said();
        text += &format!("--- {} (pid {}), {} lines\n", record.name, record.pid, said.all.len());
        for line in said.all.iter().skip(said.all.len().saturating_sub(LINES_SHOWN)) {
            text += &line.chars().take(400).collect::<String>();
            text.push('\n');
        }
    }
    text
}
