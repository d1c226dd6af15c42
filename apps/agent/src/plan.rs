//! What exactly to run for a launch: which of a manifest's two templates, in which terminal, found where.
//!
//! Invariant: a plan is made from the manifest and this user's surroundings alone; it starts nothing.

use crate::{
    manifest::Manifest,
    template::{Template, Values},
};
use chalktalk_ipc::{nway::Part, request::LaunchOutcome};
use rustix::fs::Access;
use std::{
    env,
    ffi::{OsStr, OsString},
    path::{Path, PathBuf},
};

/// Terminals to look for when `$TERMINAL` names none, the system's choice first.
const TERMINALS: [&str; 9] = [
    "x-terminal-emulator",
    "foot",
    "kitty",
    "alacritty",
    "wezterm",
    "gnome-terminal",
    "konsole",
    "xfce4-terminal",
    "xterm",
];

/// What the user's session offers.
#[derive(Clone, Debug, Default)]
pub struct Surroundings {
    /// Whether windows can be opened.
    pub display: bool,
    /// `$TERMINAL`: the terminal the user prefers.
    pub terminal: Option<PathBuf>,
    /// The folder of the agent's own program, searched first.
    pub beside: Option<PathBuf>,
    /// The folders of `$PATH`.
    pub path: Vec<PathBuf>,
}

/// A program and its arguments, ready to start.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Plan {
    /// The program, as a path.
    pub program: PathBuf,
    /// Its arguments.
    pub arguments: Vec<OsString>,
}

impl Surroundings {
    /// As the environment says.
    pub fn from_env() -> Self {
        let set = |name: &str| env::var_os(name).filter(|value| !value.is_empty());
        Self {
            display: set("WAYLAND_DISPLAY").or(set("DISPLAY")).is_some(),
            terminal: set("TERMINAL").map(PathBuf::from),
            beside: env::current_exe().ok().and_then(|exe| exe.parent().map(Path::to_path_buf)),
            path: set("PATH").map(|path| env::split_paths(&path).collect()).unwrap_or_default(),
        }
    }

    /// Whether the user's screen is locked, as far as the system's session manager says.
    pub fn is_locked(&self) -> bool {
        let Some(session) = env::var_os("XDG_SESSION_ID").filter(|id| !id.is_empty()) else { return false };
        let Some(program) = self.find(OsStr::new("loginctl")) else { return false };
        let arguments = [
            OsStr::new("show-session"),
            &session,
            OsStr::new("-p"),
            OsStr::new("LockedHint"),
            OsStr::new("--value"),
        ];
        let said = std::process::Command::new(program).args(arguments).output();
        said.is_ok_and(|said| said.stdout.trim_ascii() == b"yes")
    }

    /// What to run, or why nothing can be.
    pub fn plan(&self, manifest: &Manifest, values: &Values<'_>) -> Result<Plan, LaunchOutcome> {
        let part = values.run.map(|(run, _)| run.part);
        if let Some(template) = manifest.for_role(part) {
            let plan = self.direct(template, values)?;
            return match manifest.host_terminal && part == Some(Part::Host) {
                false => Ok(plan),
                true if !self.display => Err(LaunchOutcome::NoDisplay),
                true => Ok(in_terminal(&self.find_terminal().ok_or(LaunchOutcome::NoDisplay)?, plan)),
            };
        }
        let windowed = manifest.argv.as_ref().filter(|_| self.display);
        if let Some(template) = windowed {
            if !manifest.terminal {
                return self.direct(template, values);
            }
            if let Some(terminal) = self.find_terminal() {
                return Ok(in_terminal(&terminal, self.direct(template, values)?));
            }
        }
        match &manifest.headless {
            Some(template) => self.direct(template, values),
            None => Err(LaunchOutcome::NoDisplay),
        }
    }

    fn direct(&self, template: &Template, values: &Values<'_>) -> Result<Plan, LaunchOutcome> {
        let program = self.find(OsStr::new(template.program())).ok_or_else(|| {
            let name = template.program();
            LaunchOutcome::Failed(if name.contains('/') {
                format!("{name} is not a program that can be run")
            } else {
                format!("the program {name} was found neither beside chalktalk-agent nor on PATH")
            })
        })?;
        let arguments = template.arguments(values).map_err(|name| {
            LaunchOutcome::Failed(match values.run {
                Some(_) => format!("{{{name}}} is not known"),
                None => format!(
                    "{{{name}}} is known only where the app is started together, with `chalktalk start`"
                ),
            })
        })?;
        Ok(Plan { program, arguments })
    }

    fn find_terminal(&self) -> Option<PathBuf> {
        let preferred = self.terminal.as_ref().and_then(|name| self.find(name.as_os_str()));
        preferred.or_else(|| TERMINALS.iter().find_map(|name| self.find(OsStr::new(name))))
    }

    /// A program by name (beside the agent, then on `PATH`) or by path.
    fn find(&self, name: &OsStr) -> Option<PathBuf> {
        if name.as_encoded_bytes().contains(&b'/') {
            return Some(PathBuf::from(name)).filter(|path| runnable(path));
        }
        // A relative folder on PATH would make what runs depend on where the agent was started.
        let folders = self.beside.iter().chain(&self.path).filter(|folder| folder.is_absolute());
        folders.map(|folder| folder.join(name)).find(|path| runnable(path))
    }
}

fn runnable(path: &Path) -> bool {
    path.is_file() && rustix::fs::access(path, Access::EXEC_OK).is_ok()
}

fn in_terminal(terminal: &Path, inner: Plan) -> Plan {
    let name = terminal.file_name().and_then(OsStr::to_str).unwrap_or_default();
    // Terminals that hand over to a server of theirs must be told to stay, or their end would say nothing.
    let before: &[&str] = match name {
        "foot" | "kitty" => &[],
        "wezterm" => &["start", "--always-new-process", "--"],
        "gnome-terminal" => &["--wait", "--"],
        "xfce4-terminal" => &["--disable-server", "-x"],
        _ => &["-e"],
    };
    let mut arguments: Vec<OsString> = before.iter().map(OsString::from).collect();
    arguments.push(inner.program.into());
    arguments.extend(inner.arguments);
    Plan { program: terminal.into(), arguments }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{fs, os::unix::fs::PermissionsExt};

    /// A folder with programs of these names, and surroundings that search it.
    fn surroundings(programs: &[&str], display: bool) -> (tempfile::TempDir, Surroundings) {
        let dir = tempfile::tempdir().unwrap();
        for name in programs {
            fs::write(dir.path().join(name), "#!/bin/sh\n").unwrap();
            fs::set_permissions(dir.path().join(name), fs::Permissions::from_mode(0o755)).unwrap();
        }
        let path = vec![dir.path().to_path_buf()];
        (dir, Surroundings { display, path, ..Surroundings::default() })
    }

    fn plan(around: &Surroundings, manifest: &str) -> Result<Vec<String>, LaunchOutcome> {
        let manifest = Manifest::parse(&format!("id = \"a.b\"\nname = \"A\"\n{manifest}")).unwrap();
        let values = Values {
            session: "S",
            token: "T",
            socket: Path::new("/s"),
            state: Path::new("/state"),
            run: None,
        };
        let plan = around.plan(&manifest, &values)?;
        let name = plan.program.file_name().unwrap().to_str().unwrap().to_owned();
        let arguments = plan.arguments.into_iter().map(|a| {
            let text = a.into_string().unwrap();
            text.rsplit_once("/tmp").map_or(text.clone(), |(_, p)| p.rsplit('/').next().unwrap().into())
        });
        Ok([name].into_iter().chain(arguments).collect())
    }

    const BOTH: &str = "argv = [\"win\"]\nheadless = [\"bare\", \"{session}\"]";
    const WINDOW: &str = "argv = [\"win\"]";
    const TERMINAL: &str = "argv = [\"win\", \"--tui\"]\nterminal = true\nheadless = [\"bare\"]";

    #[test]
    fn the_display_decides_which_template_runs() {
        let (_dir, mut around) = surroundings(&["win", "bare"], true);
        assert_eq!(plan(&around, BOTH).unwrap(), ["win"]);
        around.display = false;
        assert_eq!(plan(&around, BOTH).unwrap(), ["bare", "S"]);
        assert_eq!(plan(&around, WINDOW), Err(LaunchOutcome::NoDisplay));
    }

    #[test]
    fn a_terminal_is_put_around_what_needs_one() {
        let (_dir, mut around) = surroundings(&["win", "bare", "xterm", "foot", "mine"], true);
        assert_eq!(plan(&around, TERMINAL).unwrap(), ["foot", "win", "--tui"]);
        around.terminal = Some("mine".into());
        assert_eq!(plan(&around, TERMINAL).unwrap(), ["mine", "-e", "win", "--tui"]);
        around.terminal = Some("not-installed".into());
        assert_eq!(plan(&around, TERMINAL).unwrap()[0], "foot");
    }

    #[test]
    fn without_any_terminal_it_runs_headless_or_says_no_display() {
        let (_dir, around) = surroundings(&["win", "bare"], true);
        assert_eq!(plan(&around, TERMINAL).unwrap(), ["bare"]);
        assert_eq!(plan(&around, "argv = [\"win\"]\nterminal = true"), Err(LaunchOutcome::NoDisplay));
    }

    #[test]
    fn a_program_that_is_not_there_or_not_executable_is_named() {
        let (dir, around) = surroundings(&[], true);
        fs::write(dir.path().join("win"), "data").unwrap();
        let Err(LaunchOutcome::Failed(reason)) = plan(&around, WINDOW) else { panic!("it planned") };
        assert!(reason.contains("the program win was found neither"), "{reason}");
    }

    #[test]
    fn the_agents_own_folder_comes_before_path_and_relative_folders_never_count() {
        let (first, _) = surroundings(&["win"], true);
        let (_second, mut around) = surroundings(&["win"], true);
        around.beside = Some(first.path().into());
        assert_eq!(around.find(OsStr::new("win")).unwrap(), first.path().join("win"));
        let relative = Surroundings { path: vec![".".into(), "".into()], ..Surroundings::default() };
        assert_eq!(relative.find(OsStr::new("Cargo.toml")), None);
    }
}
