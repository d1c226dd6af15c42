//! A lane: a process in namespaces of its own that takes one test after another.
//!
//! The places of the tests to run lie in a pipe that is the standard input of all lanes; each takes the next from it. What a lane says goes
//! through a pipe of its own, and is shown test by test.
//!
//! Invariant: a test that ends its process ends nothing but that test: the others run in a new lane.

use super::{Outcome, Test};
use crate::{
    lab::{
        self, Missing,
        enter::{REQUIRE_ALL, Users},
        process,
    },
    programs,
};
use rustix::process::{Signal, set_parent_process_death_signal};
use std::{
    collections::BTreeMap,
    env,
    fs::File,
    io::{BufRead, BufReader, PipeReader, Read, Write},
    panic::{self, AssertUnwindSafe},
    process::Command,
    sync::Mutex,
    thread,
    time::Instant,
};

/// Set in the processes that are lanes.
pub(super) const LANE: &str = "CHALKTALK_LANE";

/// What a lane says before a test's place when it begins, and when it has ended: nothing that a program says.
const BEGINS: &str = "\u{1}begins ";
const ENDS: &str = "\u{1}ends ";

/// Runs tests, told by their places, in so many lanes, and shows what they say. How each that came to an end has ended.
pub(super) fn run(tests: &[Test], chosen: &[usize], lanes: usize) -> BTreeMap<usize, Outcome> {
    let (queue, mut fill) = std::io::pipe().expect("a pipe");
    let places: Vec<u8> = chosen.iter().flat_map(|at| (*at as u16).to_le_bytes()).collect();
    fill.write_all(&places).expect("a pipe holds the places of all tests");
    drop(fill);
    let ran = Mutex::new(BTreeMap::new());
    thread::scope(|scope| {
        for _ in 0..lanes.clamp(1, chosen.len().max(1)) {
            scope.spawn(|| while follow(&queue, tests.len(), &ran) {});
        }
    });
    ran.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner)
}

/// Starts a lane, and follows it to its end. True: it ended in the middle of a test.
fn follow(queue: &PipeReader, count: usize, ran: &Mutex<BTreeMap<usize, Outcome>>) -> bool {
    let (said, say) = std::io::pipe().expect("a pipe");
    let mut command = Command::new(env::current_exe().expect("the path of this program"));
    command.args(env::args_os().skip(1)).env(LANE, "1");
    command.stdin(queue.try_clone().expect("one more end of the pipe"));
    command.stdout(say.try_clone().expect("one more end of the pipe")).stderr(say);
    let mut child = command.spawn().expect("this program starts once more");
    // It holds the other ends of the pipe.
    drop(command);
    let (mut running, mut lines) = (None, Vec::new());
    for line in BufReader::new(said).split(b'\n').map_while(Result::ok) {
        let line = String::from_utf8_lossy(&line);
        let place = |text: &str| text.parse::<usize>().ok().filter(|at| *at < count);
        if let Some(text) = line.strip_prefix(BEGINS) {
            running = place(text);
        } else if let Some((text, how)) = line.strip_prefix(ENDS).and_then(|rest| rest.split_once(' ')) {
            let outcome = match how {
                "passed" => Outcome::Passed,
                "skipped" => Outcome::Skipped,
                _ => Outcome::Failed,
            };
            let mut ran = ran.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            ran.extend(place(text).map(|at| (at, outcome)));
            show(&mut lines);
            running = None;
        } else {
            lines.push(line.into_owned());
        }
    }
    let _ended = child.wait();
    show(&mut lines);
    running.is_some()
}

/// In one piece, whatever other lanes say.
fn show(lines: &mut Vec<String>) {
    let text: String = lines.drain(..).flat_map(|line| [line, "\n".to_owned()]).collect();
    let mut out = std::io::stdout().lock();
    let _nobody_listens = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}

/// What a lane does: takes one test after another until none is left.
pub(super) fn work(users: Users, tests: &[Test]) {
    // Whoever ends the run ends its lanes, also with no word to them.
    let _without = set_parent_process_death_signal(Some(Signal::KILL));
    // Where that fails, each test says so itself: it asks for a lab and is skipped with the reason.
    let _each_test_reports = lab::enter(users);
    // No program of a test reads what is meant for lanes.
    let mut queue =
        File::from(rustix::io::fcntl_dupfd_cloexec(rustix::stdio::stdin(), 3).expect("a standard input"));
    let nothing = File::open("/dev/null").expect("/dev/null");
    rustix::stdio::dup2_stdin(&nothing).expect("a standard input");
    note_daemons_on_panic();
    let mut place = [0; 2];
    while queue.read_exact(&mut place).is_ok() {
        let at = usize::from(u16::from_le_bytes(place));
        let (name, body) = tests[at];
        println!("{BEGINS}{at}");
        let began = Instant::now();
        let outcome = run_one(body);
        let seconds = began.elapsed().as_secs_f32();
        let how = match outcome {
            Ok(Outcome::Passed) => {
                println!("test {name} ... ok ({seconds:.1} s)");
                "passed"
            }
            Ok(_) => {
                println!("test {name} ... FAILED ({seconds:.1} s)");
                "failed"
            }
            Err(Missing(reason)) if env::var_os(REQUIRE_ALL).is_none() => {
                println!("test {name} ... ignored, skipped: {reason}");
                "skipped"
            }
            Err(Missing(reason)) => {
                println!("test {name} ... FAILED, skipped although {REQUIRE_ALL} is set: {reason}");
                "skipped"
            }
        };
        println!("{ENDS}{at} {how}");
    }
}

fn run_one(test: fn()) -> Result<Outcome, Missing> {
    let result = panic::catch_unwind(AssertUnwindSafe(test));
    let evidence = process::take_evidence();
    programs::forget_daemons();
    match result {
        Ok(()) => Ok(Outcome::Passed),
        Err(payload) => match payload.downcast::<Missing>() {
            Ok(missing) => Err(*missing),
            Err(_) => {
                println!("{evidence}");
                Ok(Outcome::Failed)
            }
        },
    }
}

/// A panic ends the daemons of its test as it unwinds; what they know is asked for before that.
fn note_daemons_on_panic() {
    let report = panic::take_hook();
    panic::set_hook(Box::new(move |info| {
        report(info);
        if thread::current().name() == Some("main") {
            // On a thread of its own: one panic more here would end the whole run.
            let _nothing_to_note = thread::spawn(programs::note_state_of_daemons).join();
        }
    }));
}
