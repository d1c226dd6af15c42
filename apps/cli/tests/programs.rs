//! How the command line finds, starts and becomes Chalktalk's other programs.

#![expect(clippy::unwrap_used, reason = "a test that panics has failed, as it should")]

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::Path,
    process::{Command, Output},
    sync::{Mutex, MutexGuard, PoisonError},
};
use tempfile::TempDir;

/// A folder as an installation has it: `chalktalk`, and beside it scripts that play the other programs.
///
/// One at a time: a program cannot be run while another thread's new process still has it open for writing.
struct Installation {
    folder: TempDir,
    _alone: MutexGuard<'static, ()>,
}

static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

impl Installation {
    fn new(scripts: &[(&str, &str)]) -> Self {
        let alone = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
        let dir = tempfile::tempdir().unwrap();
        fs::copy(env!("CARGO_BIN_EXE_chalktalk"), dir.path().join("chalktalk")).unwrap();
        for (name, script) in scripts {
            let file = dir.path().join(name);
            fs::write(&file, format!("#!/bin/sh\n{script}\n")).unwrap();
            fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).unwrap();
        }
        Self { folder: dir, _alone: alone }
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    fn run(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new(self.path().join("chalktalk"));
        for (variable, folder) in
            [("XDG_RUNTIME_DIR", "run"), ("XDG_STATE_HOME", "state"), ("HOME", "home"), ("PATH", "nothing")]
        {
            command.env(variable, self.path().join(folder));
        }
        command.env_remove("CHALKTALK_SOCKET").args(arguments).output().unwrap()
    }
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

#[test]
fn chat_becomes_the_program_beside_it_with_what_was_asked() {
    let installed = Installation::new(&[("chalktalk-chat", r#"printf '<%s>' "$@"; exit 7"#)]);
    let output = installed.run(&["chat", "@ana", "--tui"]);
    assert_eq!((output.status.code(), text(&output.stdout)), (Some(7), "<@ana><--tui>"));
    let output = installed.run(&["chat", "#a b", "--headless", "--transcript", "/x y", "--socket", "/s"]);
    assert_eq!(text(&output.stdout), "<#a b><--headless><--transcript></x y><--socket></s>");
}

#[test]
fn a_missing_program_is_named_with_where_it_was_looked_for() {
    let installed = Installation::new(&[]);
    for (arguments, program) in
        [(&["chat"][..], "chalktalk-chat"), (&["demo"], "chalktalkd"), (&[], "chalktalkd")]
    {
        let output = installed.run(arguments);
        let stderr = text(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{stderr}");
        assert!(
            stderr.contains(&format!("{program} was not found in {}", installed.path().display())),
            "{stderr}"
        );
    }
}

#[test]
fn a_daemon_that_does_not_start_is_explained_in_its_own_words() {
    let daemon = "echo starting >&2; echo 'port 47474 is taken; use --port' >&2; exit 1";
    let installed = Installation::new(&[("chalktalkd", daemon), ("chalktalk-chat", "echo must not run")]);
    let output = installed.run(&[]);
    let stderr = text(&output.stderr);
    assert_eq!(output.status.code(), Some(3), "{stderr}");
    assert!(stderr.contains("chalktalkd did not start: port 47474 is taken; use --port (log: "), "{stderr}");
    assert_eq!(text(&output.stdout), "");
    let state = fs::metadata(installed.path().join("state/chalktalk")).unwrap();
    assert_eq!(state.permissions().mode() & 0o777, 0o700);
}
