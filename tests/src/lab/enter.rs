//! Into namespaces of our own: user, network, mount and process ids.
//!
//! The program starts itself again below `unshare`, as the first process of a process-id namespace: when it ends,
//! the kernel ends everything that it started, and the network namespaces and the tmpfs on `/run` go with them.
//! On `/run` because it also hides the machine's own daemon.
//!
//! Invariant: after [`enter`] the process either is inside, or has been told what the machine lacks.

use super::tool;
use std::{
    env,
    os::unix::process::CommandExt,
    process::{Command, ExitCode},
    sync::OnceLock,
};

/// Where display servers have their sockets.
const DISPLAYS: &str = "/tmp/.X11-unix";

/// Set in the process that runs inside.
const INSIDE: &str = "CHALKTALK_LAB_INSIDE";

/// Whom there can be inside.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Users {
    /// One user who is root there: needs no privileges.
    Root,
    /// The machine's users: needs root.
    Real,
}

/// Set by those who want a skip to count as a failure.
pub const REQUIRE_ALL: &str = "CHALKTALK_REQUIRE_ALL";

/// What the machine lacks, for people.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Missing(pub String);

/// Ends the running test as skipped. Only below [`crate::runner::run`].
pub fn skip(reason: &str) -> ! {
    std::panic::resume_unwind(Box::new(Missing(reason.to_owned())))
}

/// Starts this program again inside namespaces of its own, with the same arguments; returns only there, or when
/// it cannot be done.
///
/// # Errors
/// What the machine lacks.
pub fn enter(users: Users) -> Result<(), Missing> {
    if env::var_os(INSIDE).is_some() {
        return inside();
    }
    let flags = namespaces(users)?;
    let program = env::current_exe().map_err(|e| Missing(format!("the test's own path is unknown: {e}")))?;
    let error = Command::new("unshare")
        .args(flags)
        .arg(program)
        .args(env::args_os().skip(1))
        .env(INSIDE, "1")
        .env("PATH", tool::search_path())
        .exec();
    Err(Missing(format!("unshare did not start: {error}")))
}

/// Whether the process is inside; prepares the inside the first time.
///
/// # Errors
/// Why it is not.
pub fn inside() -> Result<(), Missing> {
    static STATE: OnceLock<Result<(), Missing>> = OnceLock::new();
    STATE.get_or_init(prepare).clone()
}

fn prepare() -> Result<(), Missing> {
    if env::var_os(INSIDE).is_none() {
        return Err(namespaces(Users::Root)
            .err()
            .unwrap_or(Missing("the test was not started by the lab's runner".into())));
    }
    if !tool::has("ip") {
        return Err(Missing("ip is missing (package iproute2)".into()));
    }
    // Displays of other runs have the same names.
    std::fs::create_dir_all(DISPLAYS).map_err(|e| Missing(format!("{DISPLAYS}: {e}")))?;
    let steps: [(&str, &[&str]); 3] = [
        ("mount", &["-t", "tmpfs", "-o", "mode=755", "lab", "/run"]),
        ("mount", &["-t", "tmpfs", "-o", "mode=1777", "lab", DISPLAYS]),
        ("ip", &["link", "set", "lo", "up"]),
    ];
    for (program, arguments) in steps {
        tool::attempt(program, arguments).map_err(Missing)?;
    }
    Ok(())
}

/// The flags of `unshare` that work here: with a user namespace, or as root without one.
fn namespaces(users: Users) -> Result<Vec<&'static str>, Missing> {
    const COMMON: [&str; 6] = ["--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"];
    if !tool::has("unshare") {
        return Err(Missing("unshare is missing (package util-linux)".into()));
    }
    let own_user: &[&str] = &["--user", "--map-root-user"];
    let mut reason = String::new();
    let ways: &[&[&str]] = if users == Users::Root { &[own_user, &[]] } else { &[&[]] };
    for users in ways {
        let flags = [*users, &COMMON[..]].concat();
        match tool::attempt("unshare", &[&flags[..], &["true"]].concat()) {
            Ok(_) => return Ok(flags),
            Err(why) if reason.is_empty() => reason = why,
            Err(_) => {}
        }
    }
    Err(Missing(format!("no namespaces of one's own here: {reason}")))
}

/// Whether more users than one can be had inside.
pub fn has_real_users() -> bool {
    // Where only one is mapped, the map is a line about one id.
    let map = std::fs::read_to_string("/proc/self/uid_map").unwrap_or_default();
    let count = map.split_whitespace().nth(2).and_then(|count| count.parse::<u64>().ok());
    rustix::process::geteuid().is_root() && count.is_some_and(|count| count >= 65_536)
}

/// Exit status of a program that has nothing to do without the lab: a skip, unless skips are failures.
pub fn exit_without_lab(missing: &Missing) -> ExitCode {
    println!("skipped: {}", missing.0);
    if env::var_os(REQUIRE_ALL).is_some() { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}
