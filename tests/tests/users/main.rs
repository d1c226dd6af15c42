//! Several people on one machine, under the system's daemon: real uids, real programs.
//!
//! Each module is a chapter, each test one promise. Needs root, since only root can be other users.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod apart;
mod fairness;
mod secrets;

use chalktalk_tests::{lab::enter::Users, runner};
use std::process::ExitCode;

fn main() -> ExitCode {
    let chapters = [apart::TESTS, fairness::TESTS, secrets::TESTS];
    runner::run_among(Users::Real, &chapters.concat())
}
