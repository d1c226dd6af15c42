//! The system's own tools: `ip`, `nft`, `tc`, `ethtool`, `mount`.

use std::{
    env,
    ffi::OsString,
    io::Write,
    process::{Command, Stdio},
};

/// The search path, with the folders of system tools that ordinary users' paths leave out.
pub fn search_path() -> OsString {
    let given = env::var_os("PATH").unwrap_or_default();
    let system = ["/usr/local/sbin", "/usr/sbin", "/sbin"].map(Into::into);
    env::join_paths(env::split_paths(&given).chain(system)).unwrap_or(given)
}

/// Whether a program of this name is on the search path.
pub fn has(program: &str) -> bool {
    env::split_paths(&search_path()).any(|dir| dir.join(program).is_file())
}

/// Runs a tool to its end; its output, or what it complained about.
pub fn attempt(program: &str, arguments: &[&str]) -> Result<String, String> {
    attempt_with_input(program, arguments, "")
}

/// Like [`attempt`], with text on its standard input.
pub fn attempt_with_input(program: &str, arguments: &[&str], input: &str) -> Result<String, String> {
    let shown = || format!("{program} {}", arguments.join(" "));
    let mut child = Command::new(program)
        .args(arguments)
        .env("PATH", search_path())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|e| format!("{}: {e}", shown()))?;
    if let Some(mut stdin) = child.stdin.take() {
        // A tool that does not read its input closes it; its exit status says what matters.
        let _closed = stdin.write_all(input.as_bytes());
    }
    let output = child.wait_with_output().map_err(|e| format!("{}: {e}", shown()))?;
    if output.status.success() {
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    } else {
        Err(format!("{}: {}", shown(), String::from_utf8_lossy(&output.stderr).trim()))
    }
}

/// Runs a tool that must succeed.
///
/// # Panics
/// With what it complained about.
pub fn run(program: &str, arguments: &[&str]) -> String {
    attempt(program, arguments).unwrap_or_else(|why| panic!("{why}"))
}

/// Runs a tool that may fail: taking away what may be gone already.
pub fn try_run(program: &str, arguments: &[&str]) {
    let _gone_already = attempt(program, arguments);
}
