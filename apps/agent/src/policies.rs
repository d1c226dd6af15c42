//! The user's own word on who may have what launched here by an invitation alone: `policies.toml` in the configuration folder.
//!
//! ```toml
//! [[rule]]
//! app = "org.example.game"   # left out: every app
//! person = "ben"             # a name, or at least 8 digits of a key; left out: everybody
//! policy = "auto"            # or "known", "ask", "never"
//! ```
//!
//! The rule that says the most wins: one for app and person, then one for the person, then one for the app, then one for all;
//! then what the manifest says.
//!
//! Invariant: a file with a mistake in it grants nothing: every invitation is asked about until it is mended.

use crate::{
    manifest::{policy, string},
    registry::read_text,
};
use anyhow::{Context, anyhow};
use chalktalk_ipc::{
    AppId,
    nway::{Policy, Rule},
    request::RegisteredApp,
    text,
};
use std::{
    fs::{self, DirBuilder, OpenOptions},
    io::{self, Write},
    ops::Range,
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
};
use toml::de::{DeTable, DeValue};

/// The file, in the configuration folder.
pub const FILE: &str = "policies.toml";

/// Rules that one user can have: a large LAN, person by person.
const MAX_RULES: usize = 1024;

/// One rule.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Entry {
    /// For this app; none: for every app.
    pub app: Option<AppId>,
    /// For invitations of this person; none: of everybody.
    pub person: Option<String>,
    /// What holds.
    pub policy: Policy,
}

/// All rules of the user.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Policies {
    entries: Vec<Entry>,
    broken: bool,
}

impl Policies {
    /// Reads the file; none is no rules. Says besides what is wrong with it.
    pub fn load(path: &Path) -> (Self, Option<String>) {
        let text = match fs::symlink_metadata(path) {
            Err(e) if e.kind() == io::ErrorKind::NotFound => return (Self::default(), None),
            _ => read_text(path, Some(rustix::process::geteuid().as_raw())),
        };
        match text.and_then(|text| Self::parse(&text)) {
            Ok(policies) => (policies, None),
            Err(reason) => (Self { entries: Vec::new(), broken: true }, Some(reason)),
        }
    }

    fn parse(text: &str) -> Result<Self, String> {
        let at = |span: Range<usize>, reason: String| {
            let before = &text.as_bytes()[..span.start.min(text.len())];
            format!("line {}: {reason}", 1 + before.iter().filter(|byte| **byte == b'\n').count())
        };
        let table = DeTable::parse(text)
            .map_err(|e| at(e.span().unwrap_or(0..0), e.message().replace('\n', "; ")))?;
        let mut entries = Vec::new();
        for (key, value) in table.get_ref() {
            let rules = value.get_ref().as_array().filter(|_| key.get_ref() == "rule");
            let stray = || at(key.span(), format!("{}: only [[rule]] can stand here", key.get_ref()));
            for rule in rules.ok_or_else(stray)? {
                let table =
                    rule.get_ref().as_table().ok_or_else(|| at(rule.span(), "a rule is a table".into()))?;
                let read = read_rule(table);
                entries.push(read.map_err(|(span, reason)| at(span.unwrap_or(rule.span()), reason))?);
            }
        }
        if entries.len() > MAX_RULES {
            return Err(format!("more than {MAX_RULES} rules"));
        }
        Ok(Self { entries, broken: false })
    }

    /// Puts the rules into what the daemon is told of the registered apps.
    pub fn apply(&self, apps: &mut [RegisteredApp]) {
        for app in apps {
            if self.broken {
                app.together.policy =
                    if app.together.policy == Policy::Never { Policy::Never } else { Policy::Ask };
                continue;
            }
            let said = |about: bool, person: bool| {
                let about =
                    move |entry: &&Entry| entry.app.is_some() == about && entry.person.is_some() == person;
                self.entries
                    .iter()
                    .filter(about)
                    .filter(|entry| entry.app.as_ref().is_none_or(|id| *id == app.app))
            };
            if let Some(entry) = said(true, false).chain(said(false, false)).next() {
                app.together.policy = entry.policy;
            }
            let people = said(true, true).chain(said(false, true));
            let rule = |entry: &Entry| Some(Rule { person: entry.person.clone()?, policy: entry.policy });
            app.together.rules = people.filter_map(rule).collect();
        }
    }

    /// Writes a rule into the file, in the place of the one before for the same app and person. What else stands in it but rules
    /// is not kept.
    ///
    /// # Errors
    /// What is wrong with the file that is there, or why it cannot be written.
    pub fn set(path: &Path, entry: Entry) -> anyhow::Result<()> {
        let (mut policies, problem) = Self::load(path);
        if let Some(reason) = problem {
            return Err(anyhow!("{}: {reason}; mend it or remove it first", path.display()));
        }
        policies.entries.retain(|old| (&old.app, &old.person) != (&entry.app, &entry.person));
        policies.entries.push(entry);
        policies.write(path).with_context(|| path.display().to_string())
    }

    fn write(&self, path: &Path) -> io::Result<()> {
        if let Some(folder) = path.parent() {
            DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
        }
        let draft: PathBuf = path.with_extension("toml.new");
        let mut out = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&draft)?;
        out.write_all(self.text().as_bytes())?;
        out.sync_all()?;
        fs::rename(&draft, path)
    }

    fn text(&self) -> String {
        let mut text = String::from("# Who may have which program launched here by an invitation alone.\n");
        for entry in &self.entries {
            text.push_str("\n[[rule]]\n");
            let app = entry.app.as_ref().map(|app| format!("app = {}\n", quoted(app.as_str())));
            let person = entry.person.as_ref().map(|person| format!("person = {}\n", quoted(person)));
            text.extend(app.into_iter().chain(person));
            text.push_str(&format!("policy = {}\n", quoted(name(entry.policy))));
        }
        text
    }

    /// As people read it.
    pub fn lines(&self) -> impl Iterator<Item = String> + '_ {
        self.entries.iter().map(|entry| {
            let app = entry.app.as_ref().map_or("every app", AppId::as_str);
            let person = entry.person.as_deref().map_or("everybody".into(), text::label);
            format!("{app:<28} {person:<20} {}", name(entry.policy))
        })
    }
}

/// What is wrong with a rule, and where, if not with all of it.
type Mistake = (Option<Range<usize>>, String);

fn read_rule(table: &DeTable<'_>) -> Result<Entry, Mistake> {
    let (mut app, mut person, mut found) = (None, None, None);
    for (key, value) in table {
        let wrong = |reason: String| (Some(value.span()), reason);
        let value: &DeValue<'_> = value.get_ref();
        match &**key.get_ref() {
            "app" => {
                let given = string(value).map_err(wrong)?;
                app = Some(given.parse::<AppId>().map_err(|e| wrong(e.to_string()))?);
            }
            "person" => {
                let given = string(value).map_err(wrong)?;
                person = Some(given.to_owned()).filter(|person| !person.trim().is_empty());
            }
            "policy" => found = Some(policy(value).map_err(wrong)?),
            other => {
                let near = ["app", "person", "policy"].into_iter().min_by_key(|key| text::edits(other, key));
                let near = near.unwrap_or_default();
                return Err((Some(key.span()), format!("unknown key {other:?}; did you mean {near:?}?")));
            }
        }
    }
    let missing = || (None, "policy is missing: \"auto\", \"known\", \"ask\" or \"never\"".to_owned());
    Ok(Entry { app, person, policy: found.ok_or_else(missing)? })
}

/// A text as TOML writes it.
fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            c if c.is_control() => out.push_str(&format!("\\u{:04X}", u32::from(c))),
            c => out.push(c),
        }
    }
    out + "\""
}

const NAMES: [(Policy, &str); 4] =
    [(Policy::Auto, "auto"), (Policy::Known, "known"), (Policy::Ask, "ask"), (Policy::Never, "never")];

fn name(policy: Policy) -> &'static str {
    NAMES.iter().find(|(one, _)| *one == policy).map_or("ask", |(_, name)| name)
}

/// The policy of this name.
pub fn named(text: &str) -> Option<Policy> {
    NAMES.iter().find(|(_, name)| *name == text).map(|(policy, _)| *policy)
}

#[cfg(test)]
mod tests {
    use super::*;
    use chalktalk_ipc::nway::Together;

    fn game(policy: Policy) -> RegisteredApp {
        RegisteredApp {
            app: "org.example.game".parse().unwrap(),
            name: "Game".into(),
            version: String::new(),
            many: false,
            headless: true,
            together: Together { policy, ..Together::default() },
        }
    }

    fn applied(text: &str) -> Together {
        let mut apps = [game(Policy::Ask)];
        Policies::parse(text).unwrap().apply(&mut apps);
        apps[0].together.clone()
    }

    #[test]
    fn the_rule_that_says_the_most_comes_first() {
        let of_all = "[[rule]]\npolicy = \"never\"\n";
        let of_app = "[[rule]]\napp = \"org.example.game\"\npolicy = \"known\"\n";
        let of_other = "[[rule]]\napp = \"org.example.other\"\npolicy = \"auto\"\n";
        assert_eq!(applied("").policy, Policy::Ask);
        assert_eq!(applied(of_all).policy, Policy::Never);
        assert_eq!(applied(&[of_all, of_other].concat()).policy, Policy::Never);
        assert_eq!(applied(&[of_all, of_app].concat()).policy, Policy::Known);
        let of_ben = "[[rule]]\nperson = \"ben\"\npolicy = \"never\"\n";
        let of_both = "[[rule]]\nperson = \"ben\"\napp = \"org.example.game\"\npolicy = \"auto\"\n";
        let rules = applied(&[of_ben, of_both].concat()).rules;
        let rule = |policy| Rule { person: "ben".into(), policy };
        assert_eq!(rules, [rule(Policy::Auto), rule(Policy::Never)], "the first one counts");
    }

    #[test]
    fn a_file_with_a_mistake_grants_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(FILE);
        for text in
            ["rule = 1", "[[rule]]\n", "[[rule]]\npolicy = \"sure\"\n", "[[rule]]\nwho = \"x\"\n", "["]
        {
            fs::write(&path, text).unwrap();
            let (policies, problem) = Policies::load(&path);
            assert!(problem.is_some(), "{text}");
            let mut apps = [game(Policy::Auto)];
            policies.apply(&mut apps);
            assert_eq!(apps[0].together.policy, Policy::Ask, "{text}");
            assert!(Policies::set(&path, Entry { app: None, person: None, policy: Policy::Auto }).is_err());
        }
        let mistake = Policies::parse("[[rule]]\npolicy = \"ask\"\n[[rule]]\npolcy = \"ask\"\n").unwrap_err();
        assert_eq!(mistake, "line 4: unknown key \"polcy\"; did you mean \"policy\"?");
        assert_eq!(Policies::load(&dir.path().join("none.toml")), (Policies::default(), None));
    }

    #[test]
    fn what_is_set_is_read_again_and_replaces_what_was_there() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("new").join(FILE);
        let person = Some("a \"b\" \\ \n c".to_owned());
        for policy in [Policy::Never, Policy::Auto] {
            let app = Some("org.example.game".parse().unwrap());
            Policies::set(&path, Entry { app, person: person.clone(), policy }).unwrap();
        }
        Policies::set(&path, Entry { app: None, person: None, policy: Policy::Known }).unwrap();
        let (policies, problem) = Policies::load(&path);
        assert_eq!((policies.entries.len(), problem), (2, None));
        assert_eq!((&policies.entries[0].person, policies.entries[0].policy), (&person, Policy::Auto));
    }
}
