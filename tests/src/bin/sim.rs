//! Replays simulated worlds: `sim --seed N` prints the trace of one, `sim [--from N] --count N` runs many.

use chalktalk_tests::sim::swarm;
use std::{env, panic, process::ExitCode};

fn main() -> ExitCode {
    let args: Vec<String> = env::args().skip(1).collect();
    let number = |name: &str| {
        let at = args.iter().position(|arg| arg == name)?;
        args.get(at + 1)?.parse::<u64>().ok()
    };
    match (number("--seed"), number("--count")) {
        (Some(seed), _) => {
            println!("{:#?}", swarm::run(seed, true));
            ExitCode::SUCCESS
        }
        (None, Some(count)) => many(number("--from").unwrap_or(0), count),
        (None, None) => {
            eprintln!("usage: sim --seed N | sim [--from N] --count N");
            ExitCode::from(2)
        }
    }
}

fn many(from: u64, count: u64) -> ExitCode {
    let mut failed = 0;
    for seed in from..from + count {
        match panic::catch_unwind(|| swarm::run(seed, false)) {
            Ok(outcome) => println!("{seed}: {outcome:?}"),
            Err(_) => failed += 1,
        }
    }
    println!("{failed} of {count} failed");
    if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
