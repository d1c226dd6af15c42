//! Runs a suite of tests inside the lab's namespaces, and reports as `cargo test` does.
//!
//! One after another, because the tests measure times on a small machine; with [`LANES`] set, in so many lanes beside each other. What
//! the machine lacks makes a test *skipped* with its reason; with `CHALKTALK_REQUIRE_ALL` set that is a failure.
//!
//! With [`SECOND_CHANCE`] set, what failed is run once more, alone, when all others are done: the times that tests ask for are
//! promises, but a shared machine may have been elsewhere for a second. Who needs that is named at the end.
//!
//! Invariant: a failing test shows what every program in it has said.

mod lane;

use crate::lab::enter::{REQUIRE_ALL, Users};
use lane::LANE;
use std::{collections::BTreeMap, env, mem, process::ExitCode, time::Instant};

/// The environment variable that lets a failed test try again.
pub const SECOND_CHANCE: &str = "CHALKTALK_SECOND_CHANCE";

/// The environment variable that says in how many lanes tests run.
pub const LANES: &str = "CHALKTALK_LANES";

/// A test and its name.
pub type Test = (&'static str, fn());

/// The functions given, as tests named after themselves and the module they are in.
#[macro_export]
macro_rules! tests {
    ($($test:ident),* $(,)?) => {
        &[$((concat!(module_path!(), "::", stringify!($test)), $test as fn())),*]
    };
}

/// The program that runs the tests given.
#[macro_export]
macro_rules! suite {
    ($($test:ident),* $(,)?) => {
        fn main() -> std::process::ExitCode {
            $crate::runner::run($crate::tests![$($test),*])
        }
    };
}

/// How a test has ended. What is skipped has been told with its reason.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Outcome {
    Passed,
    Failed,
    Skipped,
}

/// Runs the tests whose names the arguments select (all without arguments).
pub fn run(tests: &[Test]) -> ExitCode {
    run_among(Users::Root, tests)
}

/// The same for tests that need the machine's users to be there.
pub fn run_among(users: Users, tests: &[Test]) -> ExitCode {
    if env::var_os(LANE).is_some() {
        lane::work(users, tests);
        return ExitCode::SUCCESS;
    }
    let options = Options::from_arguments();
    let chosen: Vec<usize> = (0..tests.len()).filter(|at| options.select(tests[*at].0)).collect();
    if options.list {
        chosen.iter().for_each(|at| println!("{}: test", tests[*at].0));
        return ExitCode::SUCCESS;
    }
    if !chosen.is_empty() {
        crate::binaries::build_once(chosen.iter().any(|at| tests[*at].0.contains("::board")));
    }
    println!("\nrunning {} tests", chosen.len());
    let started = Instant::now();
    let mut tally = Tally::default();
    let lanes = env::var(LANES).ok().and_then(|text| text.parse().ok()).unwrap_or(1);
    tally.count(tests, &chosen, lane::run(tests, &chosen, lanes));
    if env::var_os(SECOND_CHANCE).is_some() && (1..=Tally::CHANCES).contains(&tally.failed.len()) {
        println!("again, alone:");
        let failed = mem::take(&mut tally.failed);
        tally.count(tests, &failed, lane::run(tests, &failed, 1));
        tally.unsteady = failed.into_iter().filter(|at| !tally.failed.contains(at)).collect();
    }
    tally.report(tests, tests.len() - chosen.len(), started.elapsed().as_secs_f32());
    if tally.failed.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// What has come out so far. Tests are told by their places.
#[derive(Default)]
struct Tally {
    passed: usize,
    skipped: usize,
    failed: Vec<usize>,
    /// Failed first, and passed when run again.
    unsteady: Vec<usize>,
}

impl Tally {
    /// How many failures are run again: more than a few are no accident.
    const CHANCES: usize = 5;

    /// `ran`: those that have come to an end.
    fn count(&mut self, tests: &[Test], chosen: &[usize], ran: BTreeMap<usize, Outcome>) {
        for at in chosen {
            match ran.get(at) {
                Some(Outcome::Passed) => self.passed += 1,
                Some(Outcome::Skipped) if env::var_os(REQUIRE_ALL).is_none() => self.skipped += 1,
                Some(Outcome::Skipped | Outcome::Failed) => self.failed.push(*at),
                None => {
                    println!("test {} ... FAILED, it has ended the process that it ran in", tests[*at].0);
                    self.failed.push(*at);
                }
            }
        }
    }

    fn report(&self, tests: &[Test], filtered: usize, seconds: f32) {
        let names = |which: &[usize]| which.iter().map(|at| tests[*at].0).collect::<Vec<_>>().join("\n    ");
        if !self.unsteady.is_empty() {
            println!("\nunsteady (failed, then passed):\n    {}", names(&self.unsteady));
        }
        if !self.failed.is_empty() {
            println!("\nfailures:\n    {}", names(&self.failed));
        }
        println!(
            "\ntest result: {}. {} passed; {} failed; {} ignored; 0 measured; {filtered} filtered out; finished in {seconds:.2}s\n",
            if self.failed.is_empty() { "ok" } else { "FAILED" },
            self.passed,
            self.failed.len(),
            self.skipped,
        );
    }
}

/// The part of `cargo test`'s arguments that means something here.
#[derive(Default)]
struct Options {
    filters: Vec<String>,
    skip: Vec<String>,
    exact: bool,
    list: bool,
}

impl Options {
    fn from_arguments() -> Self {
        let mut options = Self::default();
        let mut arguments = env::args().skip(1);
        while let Some(argument) = arguments.next() {
            match argument.as_str() {
                "--exact" => options.exact = true,
                "--list" => options.list = true,
                "--skip" => options.skip.extend(arguments.next()),
                "--test-threads" | "--format" | "--color" | "-Z" => drop(arguments.next()),
                flag if flag.starts_with('-') => {}
                filter => options.filters.push(filter.to_owned()),
            }
        }
        options
    }

    fn select(&self, name: &str) -> bool {
        let hit = |filter: &String| if self.exact { filter == name } else { name.contains(filter.as_str()) };
        (self.filters.is_empty() || self.filters.iter().any(hit)) && !self.skip.iter().any(hit)
    }
}
