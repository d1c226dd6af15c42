//! Replays simulated worlds: `sim --seed N` prints the trace of one, `sim [--from N] --count N` runs many; `--harsh` lets
//! more happen in each. `--club` is about sessions by invitation, `--games` about app sessions.

use chalktalk_tests::sim::{
    club, games,
    swarm::{self, Weather},
};
use std::{
    env,
    panic::{self, RefUnwindSafe},
    process::ExitCode,
};

fn main() -> ExitCode {
    let args: Vec<String> = env::args().skip(1).collect();
    let number = |name: &str| {
        let at = args.iter().position(|arg| arg == name)?;
        args.get(at + 1)?.parse::<u64>().ok()
    };
    let weather = if args.iter().any(|arg| arg == "--harsh") { Weather::Harsh } else { Weather::Usual };
    let has = |name: &str| args.iter().any(|arg| arg == name);
    let (club, games) = (has("--club"), has("--games"));
    let run = |seed, print| match (club, games) {
        (true, _) => format!("{:?}", club::run(seed, print)),
        (_, true) => format!("{:?}", games::run(seed, print)),
        _ => format!("{:?}", swarm::run(seed, weather, print)),
    };
    match (number("--seed"), number("--count")) {
        (Some(seed), _) => {
            println!("{}", run(seed, true));
            ExitCode::SUCCESS
        }
        (None, Some(count)) => many(number("--from").unwrap_or(0), count, run),
        (None, None) => {
            eprintln!(
                "usage: sim [--harsh|--club|--games] --seed N | sim [--harsh|--club|--games] [--from N] --count N"
            );
            ExitCode::from(2)
        }
    }
}

fn many(from: u64, count: u64, run: impl Fn(u64, bool) -> String + RefUnwindSafe) -> ExitCode {
    let mut failed = 0;
    for seed in from..from + count {
        match panic::catch_unwind(|| run(seed, false)) {
            Ok(outcome) => println!("{seed}: {outcome}"),
            Err(_) => {
                println!("{seed}: failed");
                failed += 1;
            }
        }
    }
    println!("{failed} of {count} failed");
    if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
