//! Replays simulated worlds: `sim --seed N` prints the trace of one, `sim [--from N] --count N` runs many; `--harsh` lets
//! more happen in each. `--club` is about sessions by invitation.

use chalktalk_tests::sim::{
    club,
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
    let club = args.iter().any(|arg| arg == "--club");
    let run = |seed, print| match club {
        true => format!("{:?}", club::run(seed, print)),
        false => format!("{:?}", swarm::run(seed, weather, print)),
    };
    match (number("--seed"), number("--count")) {
        (Some(seed), _) => {
            println!("{}", run(seed, true));
            ExitCode::SUCCESS
        }
        (None, Some(count)) => many(number("--from").unwrap_or(0), count, run),
        (None, None) => {
            eprintln!("usage: sim [--harsh|--club] --seed N | sim [--harsh|--club] [--from N] --count N");
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
