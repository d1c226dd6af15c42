//! Completion scripts and manual pages, made from the same definitions that parse the arguments.

use crate::{args::Arguments, failure::Failure, screen::Screen};
use clap::CommandFactory;
use clap_complete::Shell;
use std::{fs, path::Path};

/// Prints a completion script.
pub(crate) fn completions(shell: Shell, screen: &mut Screen) -> Result<(), Failure> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Arguments::command(), "chalktalk", &mut script);
    screen.put(&String::from_utf8_lossy(&script))
}

/// Prints the page of `chalktalk`, or writes a page for each command into a folder.
pub(crate) fn man(dir: Option<&Path>, screen: &mut Screen) -> Result<(), Failure> {
    let Some(dir) = dir else {
        let mut page = Vec::new();
        clap_mangen::Man::new(Arguments::command())
            .render(&mut page)
            .map_err(|e| Failure::because("cannot make the page", e))?;
        return screen.put(&String::from_utf8_lossy(&page));
    };
    let refuse = |e| Failure::because(format_args!("cannot write manual pages to {}", dir.display()), e);
    fs::create_dir_all(dir).map_err(refuse)?;
    clap_mangen::generate_to(Arguments::command(), dir).map_err(refuse)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_command_has_a_page() {
        let dir = tempfile::tempdir().unwrap();
        man(Some(&dir.path().join("new")), &mut Screen::new()).unwrap();
        for page in ["", "-status", "-room", "-room-create", "-send", "-tail", "-demo", "-man"] {
            let file = dir.path().join("new").join(format!("chalktalk{page}.1"));
            let text = fs::read_to_string(&file).unwrap_or_else(|e| panic!("{}: {e}", file.display()));
            assert!(text.contains(".SH SYNOPSIS"), "{}", file.display());
        }
    }

    #[test]
    fn every_shell_has_completions() {
        for shell in [Shell::Bash, Shell::Zsh, Shell::Fish] {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Arguments::command(), "chalktalk", &mut script);
            assert!(String::from_utf8(script).unwrap().contains("history"), "{shell}");
        }
    }
}
