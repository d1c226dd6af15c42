//! What a user wants opened: `$XDG_CONFIG_HOME/chalktalk/user.toml`. The daemon's own configuration is another file, its
//! operator's; within what that allows, each user decides for themselves, also where the system's service serves many. Who may
//! have what launched by an invitation alone is in a third, which `chalktalk app policy` writes (`policies.rs`).
//!
//! Invariant: a file with a mistake in it changes nothing; one that has never been read without a mistake opens nothing.

use crate::registry::read_text;
use chalktalk_ipc::{AppId, text::edits};
use serde::Deserialize;
use std::{
    fmt::Write,
    path::{Path, PathBuf},
};

/// The file's name, in the user's folder for configuration.
pub const FILE: &str = "user.toml";

/// What holds for a user.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// Whether anything may be opened for messages and invitations.
    pub launch: bool,
    /// Which apps.
    pub apps: Apps,
}

/// Which apps may be opened.
#[derive(Clone, PartialEq, Eq, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Apps {
    /// Only these; empty: all.
    pub allow: Vec<AppId>,
    /// Never these.
    pub deny: Vec<AppId>,
}

impl Default for Settings {
    fn default() -> Self {
        Self { launch: true, apps: Apps::default() }
    }
}

impl Settings {
    /// Reads the file; one that is not there says nothing.
    ///
    /// # Errors
    /// What is wrong, with file, line, and what may have been meant.
    pub fn read(path: &Path) -> Result<Self, String> {
        let me = rustix::process::geteuid().as_raw();
        if !path.exists() {
            return Ok(Self::default());
        }
        let text = read_text(path, Some(me)).map_err(|e| format!("{}: {e}", path.display()))?;
        toml::from_str(&text).map_err(|e| explain(path, &text, &e))
    }

    /// What holds where the file has never been read without a mistake.
    pub fn closed() -> Self {
        Self { launch: false, ..Self::default() }
    }

    /// Whether an app may be opened.
    pub fn admit(&self, app: &AppId) -> bool {
        let Apps { allow, deny } = &self.apps;
        self.launch && (allow.is_empty() || allow.contains(app)) && !deny.contains(app)
    }
}

/// The settings as they are on the disk, read again and again.
#[derive(Debug)]
pub struct Followed {
    path: PathBuf,
    /// What holds.
    pub now: Settings,
    problem: Option<String>,
}

impl Followed {
    /// Reads the file for the first time.
    pub fn new(path: PathBuf) -> Self {
        let mut followed = Self { path, now: Settings::closed(), problem: None };
        followed.read();
        followed
    }

    /// Reads it again, and says once what is wrong with it.
    pub fn read(&mut self) {
        match Settings::read(&self.path) {
            Ok(settings) => (self.now, self.problem) = (settings, None),
            Err(problem) if self.problem.as_ref() == Some(&problem) => {}
            Err(problem) => {
                eprintln!("chalktalk-agent: {problem}; what held goes on holding");
                self.problem = Some(problem);
            }
        }
    }
}

fn explain(path: &Path, text: &str, error: &toml::de::Error) -> String {
    let at = error.span().map_or(0, |span| span.start.min(text.len()));
    let line = 1 + text.as_bytes()[..at].iter().filter(|byte| **byte == b'\n').count();
    // serde says: unknown field `a`, expected one of `b`, `c`
    let mut quoted = error.message().split('`').skip(1).step_by(2);
    let near = match (error.message().starts_with("unknown"), quoted.next()) {
        (true, Some(given)) => quoted.min_by_key(|valid| edits(given, valid)),
        _ => None,
    };
    let hint = near.map_or(String::new(), |near| format!("; did you mean `{near}`?"));
    format!("{}:{line}: {}{hint}", path.display(), error.message().replace('\n', "; "))
}

/// A key: how it is written, with an example; what it does, with its default; and why that is the default.
struct Key(&'static str, &'static str, &'static str, &'static str);

const KEYS: [Key; 3] = [
    Key(
        "launch",
        "launch = false",
        "Whether messages and invitations may open programs at all. With false they wait until you open their program. Default: true.",
        "A message for a program that does not run is to be seen.",
    ),
    Key(
        "apps.allow",
        "allow = [\"chalktalk.chat\"]",
        "Only these apps may be opened. Default: [] (all that are registered, see chalktalk app list).",
        "Nothing is registered but what came with the system's packages and what you have added.",
    ),
    Key(
        "apps.deny",
        "deny = [\"org.example.game\"]",
        "These apps are never opened. Default: [].",
        "Nothing is forbidden until you say so.",
    ),
];

/// The manual page chalktalk-user.toml(5), in roff.
pub fn manual() -> String {
    let mut page = String::from(
        ".TH chalktalk\\-user.toml 5\n.SH NAME\nuser.toml \\- what Chalktalk may open for you\n.SH DESCRIPTION\n\
         \\fI~/.config/chalktalk/user.toml\\fR (\\fI$XDG_CONFIG_HOME\\fR) is read by \\fBchalktalk\\-agent\\fR, whoever's daemon it serves. It need \
         not exist, and is read again by itself when it changes. The format is TOML.\n.PP\nA key that is not known, or a value that is not allowed, is an error that \
         names file, line and the nearest valid key: \\fBchalktalk\\-agent \\-\\-check\\-settings\\fR looks for them. A file with an error in it \
         changes nothing; at the agent's start it opens nothing.\n.SH KEYS\n",
    );
    for Key(name, example, meaning, reason) in &KEYS {
        let _ = write!(page, ".TP\n\\fB{}\\fR\n{}\n", roff(name), roff(meaning));
        let _ = write!(page, ".br\n{}\n.br\nExample: {}\n", roff(reason), roff(example));
    }
    page += ".SH POLICIES\n\\fI~/.config/chalktalk/policies.toml\\fR, written by \\fBchalktalk app policy\\fR, says who may have which program launched by an \
             invitation alone, in tables \\fB[[rule]]\\fR:\n.TP\n\\fBapp\\fR\nFor this app. Default: for every app.\n.TP\n\\fBperson\\fR\nFor invitations of this person: a \
             name, or at least 8 digits of a key, since a name can be taken by somebody else. Default: of everybody.\n.TP\n\\fBpolicy\\fR\n\"auto\": at once; \"known\": at once for \
             people whose key you have verified, else you are asked; \"ask\": you are asked; \"never\": declined. Without a rule what the app's \
             manifest says holds, and that is to ask unless it says otherwise: programs are opened for others only when you have said so.\n";
    page + ".SH SEE ALSO\n.BR chalktalk\\-agent (1),\n.BR chalktalkd.toml (5)\n"
}

fn roff(text: &str) -> String {
    text.replace('\\', "\\e").replace('-', "\\-")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    fn read(text: &str) -> Result<Settings, String> {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(FILE);
        fs::write(&path, text).unwrap();
        Settings::read(&path)
    }

    fn admits(settings: &Settings) -> bool {
        settings.admit(&"org.example.game".parse().unwrap())
    }

    #[test]
    fn apps_are_opened_as_they_are_allowed_and_denied() {
        assert!(admits(&Settings::read(Path::new("/nonexistent/user.toml")).unwrap()));
        assert!(!admits(&read("launch = false").unwrap()));
        assert!(!admits(&read("[apps]\ndeny = [\"org.example.game\"]").unwrap()));
        assert!(!admits(&read("[apps]\nallow = [\"chalktalk.chat\"]").unwrap()));
        assert!(admits(&read("[apps]\nallow = [\"org.example.game\"]").unwrap()));
    }

    #[test]
    fn mistakes_are_told_with_line_and_remedy() {
        let wrong = |text| read(text).unwrap_err();
        assert!(wrong("\nlunch = true").contains("user.toml:2: unknown field `lunch`"));
        assert!(wrong("lunch = true").ends_with("did you mean `launch`?"), "{}", wrong("lunch = true"));
        assert!(
            wrong("[apps]\nalow = []").contains(":2: ") && wrong("[apps]\nalow = []").contains("`allow`?")
        );
        assert!(wrong("[apps]\nallow = [\"x y\"]").contains(":2: "));
    }

    #[test]
    fn a_mistake_changes_nothing_and_at_the_start_opens_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(FILE);
        fs::write(&path, "lunch = 1").unwrap();
        let mut followed = Followed::new(path.clone());
        assert!(!admits(&followed.now));
        fs::write(&path, "").unwrap();
        followed.read();
        assert!(admits(&followed.now));
        fs::write(&path, "launch = maybe").unwrap();
        followed.read();
        assert!(admits(&followed.now), "what held goes on holding");
    }

    #[test]
    fn the_manual_tells_of_every_key() {
        let error = toml::from_str::<Settings>("zzz = 1").unwrap_err().message().to_owned();
        for key in error.split('`').skip(3).step_by(2) {
            assert!(KEYS.iter().any(|known| known.0.split('.').next() == Some(key)), "{key}: {error}");
        }
        assert!(KEYS.iter().all(|key| manual().contains(&format!("\\fB{}\\fR", roff(key.0)))));
    }
}
