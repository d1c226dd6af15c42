//! `bench [--quick] [--json] [--check] [--floors] [PART…]`: what Chalktalk costs, beside the machine's own floors.
//!
//! Runs in namespaces of its own. `--quick` takes under two minutes; `--json` prints one array instead of a table;
//! `--check` exits with 1 when a figure is far from its goal; `--floors` measures the machine alone;
//! `--start`, `--throughput`, `--latency`, `--loss`, `--sealed`, `--files`, `--rotation`, `--board` and `--idle` choose parts;
//! without any all are measured but `--board`, which needs displays.

use chalktalk_tests::{
    bench::{job, plan, report},
    binaries,
    lab::{self, Missing, enter},
};
use std::{env, path::PathBuf, process::ExitCode};

const FLAGS: [&str; 4] = ["--quick", "--json", "--check", "--floors"];

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    if let [first, argument] = &arguments[..]
        && first == job::ARGUMENT
    {
        return job::run(argument);
    }
    let known = |argument: &str| FLAGS.contains(&argument) || plan::PARTS.contains(&argument);
    if let Some(unknown) = arguments.iter().find(|a| !known(a)) {
        eprintln!(
            "bench: {unknown} is not known; usage: bench {}",
            FLAGS.iter().chain(&plan::PARTS).map(|flag| format!("[{flag}]")).collect::<Vec<_>>().join(" ")
        );
        return ExitCode::from(2);
    }
    binaries::build_once(arguments.iter().any(|argument| argument == "--board"));
    if let Err(missing) = lab::enter(lab::enter::Users::Root) {
        return enter::exit_without_lab(&missing);
    }
    match std::panic::catch_unwind(|| run(&arguments)) {
        Ok(code) => code,
        Err(payload) => match payload.downcast::<Missing>() {
            Ok(missing) => enter::exit_without_lab(&missing),
            Err(_) => {
                eprintln!("{}", lab::process::take_evidence());
                ExitCode::FAILURE
            }
        },
    }
}

fn run(arguments: &[String]) -> ExitCode {
    let given = |flag: &str| arguments.iter().any(|argument| argument == flag);
    let length = if given("--quick") { plan::Length::QUICK } else { plan::Length::FULL };
    let mut rows = Vec::new();
    if !given("--json") {
        println!("{}", report::heading());
    }
    let each = |row| {
        if !given("--json") {
            println!("{row}");
        }
        rows.push(row);
    };
    if given("--floors") {
        plan::floors(length, each);
    } else {
        let all = !plan::PARTS.iter().any(|part| given(part));
        plan::run(length, &Scratch::new().0, |part| given(part) || (all && part != "--board"), each);
    }
    if given("--json") {
        println!("{}", serde_json::to_string(&rows).expect("rows are plain"));
    }
    let alarms = report::alarms(&rows);
    for row in &alarms {
        let bound = row.alarm.expect("only rows with a bound alarm");
        eprintln!("bench: {} is far from its goal: {row} (alarm at {bound})", row.name);
    }
    if given("--check") && !alarms.is_empty() { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

/// A folder on a real disk, beside the programs, that goes when the run ends.
struct Scratch(PathBuf);

impl Scratch {
    fn new() -> Self {
        let path = binaries::folder()
            .join(format!("bench-{}", rustix::process::getppid().map_or(0, |p| p.as_raw_nonzero().get())));
        std::fs::create_dir_all(&path).expect("the target folder can be written");
        Self(path)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _gone_already = std::fs::remove_dir_all(&self.0);
    }
}
