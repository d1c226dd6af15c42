//! Chalktalk's other programs: where they are, how they are started.
//!
//! Invariant: a program beside this one wins over one on PATH, so that a build never mixes with an installation.

use crate::failure::Failure;
use chalktalk_ipc::socket::{self, UserDirs};
use std::{
    env, fmt,
    fs::{self, DirBuilder, File},
    io,
    os::unix::{
        fs::{DirBuilderExt, PermissionsExt},
        process::CommandExt,
    },
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

/// The daemon.
pub(crate) const DAEMON: &str = "chalktalkd";
/// What opens programs for the daemon.
pub(crate) const AGENT: &str = "chalktalk-agent";
/// The chat.
pub(crate) const CHAT: &str = "chalktalk-chat";
/// The whiteboard.
pub(crate) const WHITEBOARD: &str = "chalktalk-whiteboard";

/// A daemon that has not opened its socket by then never will: it takes milliseconds, and seconds on a sick disk.
const DAEMON_START: Duration = Duration::from_secs(10);
const POLL: Duration = Duration::from_millis(10);

/// A program that is not installed.
#[derive(Debug)]
pub(crate) struct MissingProgram {
    name: &'static str,
    beside: Option<PathBuf>,
}

impl fmt::Display for MissingProgram {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} was not found ", self.name)?;
        if let Some(folder) = &self.beside {
            write!(f, "in {} or ", folder.display())?;
        }
        f.write_str("on PATH; install it, or in the source tree run `cargo build --workspace`")
    }
}

/// Finds one of Chalktalk's programs: beside this one, or on PATH.
pub(crate) fn find(name: &'static str) -> Result<PathBuf, MissingProgram> {
    let beside = env::current_exe().ok().and_then(|exe| exe.parent().map(Path::to_path_buf));
    let path = env::var_os("PATH").unwrap_or_default();
    let folders = beside.iter().cloned().chain(env::split_paths(&path).filter(|dir| dir.is_absolute()));
    let found = folders.map(|dir| dir.join(name)).find(|file| is_program(file));
    found.ok_or(MissingProgram { name, beside })
}

/// Becomes another program. Returns only if that fails.
pub(crate) fn become_program(mut command: Command) -> Failure {
    let error = command.exec();
    Failure::because(format_args!("cannot run {}", command.get_program().to_string_lossy()), error)
}

/// Starts a user-mode daemon that outlives this program, and waits until it answers.
pub(crate) fn start_daemon() -> Result<(), Failure> {
    let dirs = UserDirs::from_env().map_err(|e| Failure::because("cannot start a daemon", e))?;
    let log_path = dirs.state.join("chalktalkd.log");
    let log = create_log(&log_path).map_err(|e| Failure::because(log_path.display(), e))?;
    let mut command = Command::new(find(DAEMON)?);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log).process_group(0);
    let mut daemon = command.spawn().map_err(|e| Failure::because("cannot start chalktalkd", e))?;
    wait_until_it_answers(&mut daemon, &dirs.socket(), &log_path)
}

fn is_program(file: &Path) -> bool {
    fs::metadata(file).is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o111 != 0)
}

/// The log begins anew with each daemon: it is there to explain why the last one did not start.
fn create_log(path: &Path) -> io::Result<File> {
    if let Some(folder) = path.parent() {
        DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    }
    File::create(path)
}

fn wait_until_it_answers(daemon: &mut Child, socket: &Path, log: &Path) -> Result<(), Failure> {
    let give_up = Instant::now() + DAEMON_START;
    while socket::connect_to(socket).is_err() {
        let ended = daemon.try_wait().map_err(|e| Failure::because("chalktalkd", e))?;
        if let Some(status) = ended {
            let said = last_line(log).unwrap_or_else(|| status.to_string());
            return Err(Failure::NoDaemon(format!(
                "chalktalkd did not start: {said} (log: {})",
                log.display()
            )));
        }
        if Instant::now() > give_up {
            let waited = DAEMON_START.as_secs();
            let text = format!("chalktalkd does not answer after {waited} s; see {}", log.display());
            return Err(Failure::NoDaemon(text));
        }
        thread::sleep(POLL);
    }
    Ok(())
}

/// The last line that says anything.
pub(crate) fn last_line(log: &Path) -> Option<String> {
    let text = String::from_utf8_lossy(&fs::read(log).ok()?).into_owned();
    text.lines().rev().find(|line| !line.trim().is_empty()).map(chalktalk_ipc::text::printable)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_program_is_named_with_what_to_do() {
        let missing = find("chalktalk-no-such-program").unwrap_err().to_string();
        assert!(missing.starts_with("chalktalk-no-such-program was not found in /"), "{missing}");
        assert!(missing.contains("install it"), "{missing}");
    }

    #[test]
    fn only_executable_files_count_as_programs() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("tool");
        fs::write(&file, "#!/bin/sh\n").unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).unwrap();
        assert!(!is_program(&file) && !is_program(dir.path()));
        fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).unwrap();
        assert!(is_program(&file));
    }

    #[test]
    fn the_last_line_of_a_log_is_the_last_that_says_anything() {
        let dir = tempfile::tempdir().unwrap();
        let log = dir.path().join("log");
        fs::write(&log, "first\nport 47474 is taken\n\n").unwrap();
        assert_eq!(last_line(&log).as_deref(), Some("port 47474 is taken"));
        assert_eq!(last_line(&dir.path().join("none")), None);
    }
}
