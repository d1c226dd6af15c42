//! Runs a suite of tests one after another inside the lab's namespaces, and reports as `cargo test` does.
//!
//! One after another, because the tests measure times on a small machine. What the machine lacks makes a test
//! *skipped* with its reason; with `CHALKTALK_REQUIRE_ALL` set that is a failure.
//!
//! With [`SECOND_CHANCE`] set, what failed is run once more when all others are done: the times that tests ask for are
//! promises, but a shared machine may have been elsewhere for a second. Who needs that is named at the end.
//!
//! Invariant: a failing test shows what every program in it has said.

use crate::{
    lab::{
        self, Missing,
        enter::{REQUIRE_ALL, Users},
        process,
    },
    programs,
};
use std::{
    env, mem,
    panic::{self, AssertUnwindSafe},
    process::ExitCode,
    thread,
    time::Instant,
};

/// The environment variable that lets a failed test try again.
pub const SECOND_CHANCE: &str = "CHALKTALK_SECOND_CHANCE";

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

enum Outcome {
    Passed,
    Failed,
    Skipped(String),
}

/// Runs the tests whose names the arguments select (all without arguments).
pub fn run(tests: &[Test]) -> ExitCode {
    run_among(Users::Root, tests)
}

/// The same for tests that need the machine's users to be there.
pub fn run_among(users: Users, tests: &[Test]) -> ExitCode {
    let options = Options::from_arguments();
    let chosen: Vec<&Test> = tests.iter().filter(|(name, _)| options.select(name)).collect();
    if options.list {
        chosen.iter().for_each(|(name, _)| println!("{name}: test"));
        return ExitCode::SUCCESS;
    }
    if !chosen.is_empty() {
        crate::binaries::build_once(chosen.iter().any(|(name, _)| name.contains("::board")));
        // Where that fails, each test says so itself: it asks for a lab and is skipped with the reason.
        let _each_test_reports = lab::enter(users);
    }
    note_daemons_on_panic();
    println!("\nrunning {} tests", chosen.len());
    let started = Instant::now();
    let mut tally = Tally::default();
    chosen.iter().for_each(|test| tally.run(test));
    if env::var_os(SECOND_CHANCE).is_some() {
        tally.run_failed_again();
    }
    tally.report(tests.len() - chosen.len(), started.elapsed().as_secs_f32());
    if tally.failed.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// What has come out so far.
#[derive(Default)]
struct Tally<'a> {
    passed: usize,
    skipped: usize,
    failed: Vec<&'a Test>,
    /// Failed first, and passed when run again.
    unsteady: Vec<&'a str>,
}

impl<'a> Tally<'a> {
    /// How many failures are run again.
    const CHANCES: usize = 3;

    fn run(&mut self, test: &'a Test) {
        let (name, body) = test;
        let began = Instant::now();
        let outcome = run_one(*body);
        let seconds = began.elapsed().as_secs_f32();
        match outcome {
            Outcome::Passed => {
                println!("test {name} ... ok ({seconds:.1} s)");
                self.passed += 1;
            }
            Outcome::Skipped(reason) if env::var_os(REQUIRE_ALL).is_none() => {
                println!("test {name} ... ignored, skipped: {reason}");
                self.skipped += 1;
            }
            Outcome::Skipped(reason) => {
                println!("test {name} ... FAILED, skipped although {REQUIRE_ALL} is set: {reason}");
                self.failed.push(test);
            }
            Outcome::Failed => {
                println!("test {name} ... FAILED ({seconds:.1} s)");
                self.failed.push(test);
            }
        }
    }

    /// Unless there are too many: more than a few failures are no accident.
    fn run_failed_again(&mut self) {
        if self.failed.len() > Self::CHANCES {
            return;
        }
        for test in mem::take(&mut self.failed) {
            println!("again: {}", test.0);
            let passed = self.passed;
            self.run(test);
            if self.passed > passed {
                self.unsteady.push(test.0);
            }
        }
    }

    fn report(&self, filtered: usize, seconds: f32) {
        if !self.unsteady.is_empty() {
            println!("\nunsteady (failed, then passed):\n    {}", self.unsteady.join("\n    "));
        }
        if !self.failed.is_empty() {
            let names: Vec<&str> = self.failed.iter().map(|test| test.0).collect();
            println!("\nfailures:\n    {}", names.join("\n    "));
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

fn run_one(test: fn()) -> Outcome {
    let result = panic::catch_unwind(AssertUnwindSafe(test));
    let evidence = process::take_evidence();
    programs::forget_daemons();
    match result {
        Ok(()) => Outcome::Passed,
        Err(payload) => match payload.downcast::<Missing>() {
            Ok(missing) => Outcome::Skipped(missing.0),
            Err(_) => {
                println!("{evidence}");
                Outcome::Failed
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
