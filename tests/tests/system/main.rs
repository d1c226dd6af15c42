//! Chalktalk installed from its packages on whole systems: systemd as process 1, real logins, several hosts on a switch.
//!
//! Each module is a chapter, each test one promise. Needs root and systemd.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod confinement;
mod installing;
mod people;
mod recovery;

use chalktalk_tests::{booted, lab::enter::Users, runner};
use std::process::ExitCode;

fn main() -> ExitCode {
    booted::build_packages();
    let chapters = [installing::TESTS, recovery::TESTS, people::TESTS, confinement::TESTS];
    runner::run_among(Users::Real, &chapters.concat())
}
