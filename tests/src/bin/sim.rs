//! Replays simulated worlds: `sim --seed N` prints the trace of one, `sim [--from N] --count N` runs many; `--harsh` lets
//! more happen in each.

use chalktalk_tests::sim::swarm::{self, Weather};
use std::{env, panic, process::ExitCode};

fn main() -> ExitCode {
    let args: Vec<String> = env::args().skip(1).collect();
    let number = |name: &str| {
        let at = args.iter().position(|arg| arg == name)?;
        args.get(at + 1)?.parse::<u64>().ok()
    };
    let weather = if args.iter().any(|arg| arg == "--harsh") { Weather::Harsh } else { Weather::Usual };
    match (number("--seed"), number("--count")) {
        (Some(seed), _) => {
            println!("{:#?}", swarm::run(seed, weather, true));
            ExitCode::SUCCESS
        }
        (None, Some(count)) => many(number("--from").unwrap_or(0), count, weather),
        (None, None) => {
            eprintln!("usage: sim [--harsh] --seed N | sim [--harsh] [--from N] --count N");
            ExitCode::from(2)
        }
    }
}

fn many(from: u64, count: u64, weather: Weather) -> ExitCode {
    let mut failed = 0;
    for seed in from..from + count {
        match panic::catch_unwind(|| swarm::run(seed, weather, false)) {
            Ok(outcome) => println!("{seed}: {outcome:?}"),
            Err(_) => {
                println!("{seed}: failed");
                failed += 1;
            }
        }
    }
    println!("{failed} of {count} failed");
    if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
