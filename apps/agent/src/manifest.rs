//! One app's description, read from TOML.
//!
//! ```toml
//! id = "org.example.game"          # required; a reversed domain name
//! name = "Game"                    # required; shown to people
//! version = "1.0"                  # default: empty
//! icon = "game"                    # a name or a path; default: none
//! argv = ["game", "--join", "{session}"]
//! headless = ["game", "--server"]  # what to run where there is no display; default: nothing
//! terminal = false                 # argv runs in a terminal; default: false
//! sessions = "one"                 # or "many": one process takes part in many; default: "one"
//! model = "host"                   # or "peers"; default: "peers"
//! host = ["game-server", "{port}"] # what the host's copy runs; default: as the others
//! host_terminal = false            # host runs in a terminal; default: false
//! observer = ["game", "--watch"]   # what those run who look on; default: as the others
//! port = "free"                    # or a number; default: none
//! stdin = "socket"                 # a listening socket on that port as standard input; default: "empty"
//! ready = "port"                   # or "start", "line", "library"; default: "port" for hosts with a port, else "start"
//! ready_line = "listening"         # what the line contains
//! min_users = 2                    # how many have to accept before anything starts; default: 2
//! max_users = 8                    # default: 1000
//! policy = "ask"                   # or "auto", "known", "never"; default: "ask"
//! ```
//!
//! At least one of `argv` and `headless` is required. Unknown keys are refused, so that a misspelt one is noticed.
//!
//! Invariant: a `Manifest` is complete and sound; every error names the line it is in.

use crate::template::Template;
use chalktalk_ipc::{
    AppId,
    ids::ParseIdError,
    nway::{MOST, Model, Part, Policy, Together},
    request::RegisteredApp,
    text,
};
use std::ops::Range;
use toml::de::{DeTable, DeValue};

/// A manifest larger than this is none: the largest sensible one is a few hundred bytes.
pub const MAX_MANIFEST: u64 = 64 * 1024;

const KEYS: [&str; 19] = [
    "id",
    "name",
    "version",
    "icon",
    "argv",
    "headless",
    "terminal",
    "sessions",
    "model",
    "host",
    "host_terminal",
    "observer",
    "port",
    "stdin",
    "ready",
    "ready_line",
    "min_users",
    "max_users",
    "policy",
];

/// When a copy that is run together is ready to be joined.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Ready {
    /// As soon as it runs.
    Start,
    /// When its port listens.
    Port,
    /// When it has written this.
    Line(String),
    /// When it says so itself.
    Library,
}

/// The port that a copy listens on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Port {
    /// Always this one.
    Fixed(u16),
    /// One that is free where it is launched.
    Free,
}

/// A description of an app.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Manifest {
    /// Which app.
    pub app: AppId,
    /// Its name for people.
    pub name: String,
    /// Its version.
    pub version: String,
    /// A name in the icon theme, or a path.
    pub icon: Option<String>,
    /// What to run where there is a display.
    pub argv: Option<Template>,
    /// What to run where there is none.
    pub headless: Option<Template>,
    /// Whether `argv` needs a terminal around it.
    pub terminal: bool,
    /// Whether one process takes part in many sessions.
    pub many: bool,
    /// How it is run together.
    pub together: Together,
    /// What the host's copy runs instead, where there is one.
    pub host: Option<Template>,
    /// Whether that needs a terminal around it.
    pub host_terminal: bool,
    /// What those run who look on.
    pub observer: Option<Template>,
    /// The port it listens on.
    pub port: Option<Port>,
    /// Whether it is handed a listening socket, on that port, as its standard input.
    pub inherits: bool,
    /// When the host's copy is ready.
    pub ready: Ready,
}

/// What is wrong with a manifest.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("line {line}: {reason}")]
pub struct ManifestError {
    /// The line, from 1.
    pub line: usize,
    /// What is wrong there and what would be right.
    pub reason: String,
}

impl Manifest {
    /// Reads a manifest.
    pub fn parse(text: &str) -> Result<Self, ManifestError> {
        Fields { text, ..Fields::default() }.read()
    }

    /// What the daemon is told about the app.
    pub fn registered(&self) -> RegisteredApp {
        RegisteredApp {
            app: self.app.clone(),
            name: self.name.clone(),
            version: self.version.clone(),
            many: self.many,
            headless: self.headless.is_some(),
            together: self.together.clone(),
        }
    }

    /// What a role has of its own to run.
    pub fn for_role(&self, role: Option<Part>) -> Option<&Template> {
        match role? {
            Part::Host => self.host.as_ref(),
            Part::Observer => self.observer.as_ref(),
            Part::Player => None,
        }
    }
}

/// The fields met so far, and the text for line numbers.
#[derive(Default)]
struct Fields<'a> {
    text: &'a str,
    id: Option<AppId>,
    name: Option<String>,
    version: String,
    icon: Option<String>,
    argv: Option<Template>,
    headless: Option<Template>,
    terminal: bool,
    many: bool,
    together: Together,
    host: Option<Template>,
    host_terminal: bool,
    observer: Option<Template>,
    port: Option<Port>,
    inherits: bool,
    ready: Option<Ready>,
    ready_line: Option<String>,
}

impl<'a> Fields<'a> {
    fn read(mut self) -> Result<Manifest, ManifestError> {
        let text = self.text;
        let table = DeTable::parse(text)
            .map_err(|e| error_at(text, &e.span().unwrap_or(0..0), e.message().replace('\n', "; ")))?;
        for (key, value) in table.get_ref() {
            let in_value =
                |reason: String| error_at(text, &value.span(), format!("{}: {reason}", key.get_ref()));
            match self.set(key.get_ref(), value.get_ref()) {
                Ok(true) => {}
                Ok(false) => return Err(error_at(text, &key.span(), unknown(key.get_ref()))),
                Err(reason) => return Err(in_value(reason)),
            }
        }
        self.finish()
    }

    /// Takes one key; false if there is no such key.
    fn set(&mut self, key: &str, value: &DeValue<'_>) -> Result<bool, String> {
        match key {
            "id" => self.id = Some(string(value)?.parse().map_err(|e: ParseIdError| e.to_string())?),
            "name" => self.name = Some(name(string(value)?)?),
            "version" => self.version = text::label(string(value)?),
            "icon" => self.icon = Some(string(value)?.to_owned()),
            "argv" => self.argv = Some(Template::parse(strings(value)?)?),
            "headless" => self.headless = Some(Template::parse(strings(value)?)?),
            "terminal" => self.terminal = value.as_bool().ok_or_else(|| expected("true or false", value))?,
            "sessions" => {
                self.many = match string(value)? {
                    "one" => false,
                    "many" => true,
                    other => return Err(format!("{other:?} is neither \"one\" nor \"many\"")),
                }
            }
            _ => return self.set_together(key, value),
        }
        Ok(true)
    }

    /// Takes one key that is about running an app together.
    fn set_together(&mut self, key: &str, value: &DeValue<'_>) -> Result<bool, String> {
        match key {
            "model" => {
                self.together.model = choice(value, &[("peers", Model::Peers), ("host", Model::Host)])?
            }
            "host" => self.host = Some(Template::parse(strings(value)?)?),
            "host_terminal" => {
                self.host_terminal = value.as_bool().ok_or_else(|| expected("true or false", value))?;
            }
            "observer" => self.observer = Some(Template::parse(strings(value)?)?),
            "port" => self.port = Some(port(value)?),
            "stdin" => self.inherits = choice(value, &[("empty", false), ("socket", true)])?,
            "ready" => {
                let ways = [
                    ("start", Ready::Start),
                    ("port", Ready::Port),
                    ("line", Ready::Line(String::new())),
                    ("library", Ready::Library),
                ];
                self.ready = Some(choice(value, &ways)?);
            }
            "ready_line" => self.ready_line = Some(string(value)?.to_owned()).filter(|line| !line.is_empty()),
            "min_users" => self.together.least = number(value, 1, MOST)?,
            "max_users" => self.together.most = number(value, 1, MOST)?,
            "policy" => self.together.policy = policy(value)?,
            _ => return Ok(false),
        }
        Ok(true)
    }

    fn finish(self) -> Result<Manifest, ManifestError> {
        let missing = |what: &str| error_at(self.text, &(0..0), format!("{what} is missing"));
        if self.argv.is_none() && self.headless.is_none() {
            return Err(missing("argv (or headless)"));
        }
        let wrong = |reason: &str| error_at(self.text, &(0..0), reason.into());
        let ready = self.readiness().map_err(wrong)?;
        if self.together.least > self.together.most {
            return Err(wrong("min_users is larger than max_users"));
        }
        if self.host.is_some() && self.together.model != Model::Host {
            return Err(wrong("host is what the host runs: it needs model = \"host\""));
        }
        if self.inherits && self.port.is_none() {
            return Err(wrong("stdin = \"socket\" needs a port"));
        }
        Ok(Manifest {
            app: self.id.ok_or_else(|| missing("id"))?,
            name: self.name.ok_or_else(|| missing("name"))?,
            version: self.version,
            icon: self.icon,
            argv: self.argv,
            headless: self.headless,
            terminal: self.terminal,
            many: self.many,
            together: self.together,
            host: self.host,
            host_terminal: self.host_terminal,
            observer: self.observer,
            port: self.port,
            inherits: self.inherits,
            ready,
        })
    }

    fn readiness(&self) -> Result<Ready, &'static str> {
        match (&self.ready, &self.ready_line) {
            (Some(Ready::Line(_)), Some(line)) => Ok(Ready::Line(line.clone())),
            (Some(Ready::Line(_)), None) => Err("ready = \"line\" needs ready_line, what that line contains"),
            (_, Some(_)) => Err("ready_line needs ready = \"line\""),
            (Some(Ready::Port), None) if self.port.is_none() => Err("ready = \"port\" needs a port"),
            (Some(ready), None) => Ok(ready.clone()),
            (None, None) if self.together.model == Model::Host && self.port.is_some() => Ok(Ready::Port),
            (None, None) => Ok(Ready::Start),
        }
    }
}

fn choice<T: Clone>(value: &DeValue<'_>, choices: &[(&str, T)]) -> Result<T, String> {
    let given = string(value)?;
    let found = choices.iter().find(|(name, _)| *name == given).map(|(_, choice)| choice.clone());
    found.ok_or_else(|| {
        let names: Vec<String> = choices.iter().map(|(name, _)| format!("{name:?}")).collect();
        format!("{given:?} is not one of {}", names.join(", "))
    })
}

/// A policy, as manifests and the user's own rules write it.
pub fn policy(value: &DeValue<'_>) -> Result<Policy, String> {
    let policies =
        [("auto", Policy::Auto), ("known", Policy::Known), ("ask", Policy::Ask), ("never", Policy::Never)];
    choice(value, &policies)
}

fn number(value: &DeValue<'_>, least: u16, most: u16) -> Result<u16, String> {
    let given = value.as_integer().ok_or_else(|| expected("a number", value))?;
    let number = u16::from_str_radix(given.as_str(), given.radix()).ok();
    let wrong = || format!("it must be between {least} and {most}");
    number.filter(|number| (least..=most).contains(number)).ok_or_else(wrong)
}

fn port(value: &DeValue<'_>) -> Result<Port, String> {
    if value.as_str() == Some("free") {
        return Ok(Port::Free);
    }
    let wrong = |_| "expected a port from 1024 to 65535, or \"free\"".to_owned();
    number(value, 1024, u16::MAX).map(Port::Fixed).map_err(wrong)
}

/// A string, or what was found instead.
pub(crate) fn string<'v>(value: &'v DeValue<'_>) -> Result<&'v str, String> {
    value.as_str().ok_or_else(|| expected("a string", value))
}

fn strings<'v>(value: &'v DeValue<'_>) -> Result<Vec<&'v str>, String> {
    let items = value.as_array().ok_or_else(|| expected("an array of strings", value))?;
    items.iter().map(|item| string(item.get_ref())).collect()
}

fn expected(what: &str, value: &DeValue<'_>) -> String {
    format!("expected {what}, found {}", value.type_str())
}

fn name(given: &str) -> Result<String, String> {
    let clean = text::label(given);
    if clean.is_empty() { Err("it has no visible character".into()) } else { Ok(clean) }
}

fn unknown(key: &str) -> String {
    let key: String = key.chars().take(40).collect();
    match nearest(&key) {
        Some(near) => format!("unknown key {key:?}; did you mean {near:?}?"),
        None => format!("unknown key {key:?}; the keys are {}", KEYS.join(", ")),
    }
}

/// The key that is at most two edits away.
fn nearest(key: &str) -> Option<&'static str> {
    let near = KEYS.iter().map(|known| (text::edits(key, known), *known)).min()?;
    (near.0 <= 2).then_some(near.1)
}

fn error_at(text: &str, span: &Range<usize>, reason: String) -> ManifestError {
    let before = &text.as_bytes()[..span.start.min(text.len())];
    ManifestError { line: 1 + before.iter().filter(|b| **b == b'\n').count(), reason }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "id = \"org.example.game\"\nname = \"Game\"\nargv = [\"game\", \"{session}\"]\n";

    #[test]
    fn a_short_manifest_has_the_documented_defaults() {
        let m = Manifest::parse(GOOD).unwrap();
        assert_eq!((m.app.as_str(), m.name.as_str(), m.version.as_str()), ("org.example.game", "Game", ""));
        assert!(!m.terminal && !m.many && m.headless.is_none() && m.icon.is_none());
        assert!(!m.registered().headless);
    }

    #[test]
    fn the_manifest_in_the_guide_is_sound() {
        let guide = include_str!("../../../docs/app-guide.md");
        let example = guide.split("```toml\n").nth(1).and_then(|rest| rest.split("```").next()).unwrap();
        let m = Manifest::parse(example).unwrap();
        assert!(KEYS.iter().all(|key| example.contains(&format!("{key} = "))), "the guide shows every key");
        assert!(m.argv.is_some() && m.headless.is_some());
    }

    #[test]
    fn errors_name_the_line_and_the_remedy() {
        for (extra, line, reason) in [
            ("sesions = \"many\"", 4, "did you mean \"sessions\"?"),
            ("\ncolour = 1", 5, "the keys are id, name"),
            ("sessions = \"some\"", 4, "neither \"one\" nor \"many\""),
            ("terminal = \"yes\"", 4, "expected true or false, found string"),
            ("headless = \"game\"", 4, "expected an array of strings"),
            ("headless = [\"game\", 7]", 4, "expected a string, found integer"),
            ("headless = [\"game\", \"{sesion}\"]", 4, "not a placeholder"),
            ("icon = ", 4, ""),
            ("name = \"Again\"", 4, "duplicate key"),
        ] {
            let error = Manifest::parse(&format!("{GOOD}{extra}\n")).unwrap_err();
            assert!(error.line == line && error.reason.contains(reason), "{extra}: {error}");
        }
    }

    #[test]
    fn what_is_missing_is_named() {
        for (text, reason) in [
            ("", "argv (or headless) is missing"),
            ("argv = [\"a\"]", "id is missing"),
            ("argv = [\"a\"]\nid = \"a.b\"", "name is missing"),
            ("argv = [\"a\"]\nid = \"../x\"", "reversed domain name"),
            ("argv = [\"a\"]\nid = \"a.b\"\nname = \"\\u202e\"", "no visible character"),
        ] {
            let error = Manifest::parse(text).unwrap_err().to_string();
            assert!(error.contains(reason), "{text:?}: {error}");
        }
    }

    #[test]
    fn any_bytes_give_an_error_and_no_panic() {
        for text in ["\u{0}", "[[[[", "id = {", "\"\"\"", &"[".repeat(5000), "= = =", "é = 'é'"] {
            assert!(Manifest::parse(text).is_err(), "{text:.20}");
        }
    }

    #[test]
    fn near_keys_are_within_two_edits() {
        assert_eq!(nearest("agrv"), Some("argv"));
        assert_eq!(nearest("Headless"), Some("headless"));
        assert_eq!(nearest("background"), None);
    }
}
