//! Arguments with placeholders.
//!
//! A placeholder is a name in braces, anywhere in an item: `{state}/transcripts/{session}.jsonl`. It is replaced by
//! a value that the agent itself made (a GUID in its text form, a path of its own). The result stays one item:
//! nothing is split and no shell reads it. A brace itself is written twice.
//!
//! Invariant: a template that parsed expands to exactly as many items as it has.

use chalktalk_ipc::nway::{Part as Role, Run};
use std::{ffi::OsString, path::Path};

/// What can stand in braces. Those from `user` on are known only to what is run together.
pub const PLACEHOLDERS: [&str; 12] = [
    "session",
    "token",
    "socket",
    "state",
    "user",
    "role",
    "place",
    "parent",
    "port",
    "my_address",
    "host_address",
    "peer_address",
];

/// The values of one launch.
#[derive(Clone, Copy, Debug)]
pub struct Values<'a> {
    /// The session's GUID, as text.
    pub session: &'a str,
    /// The one-use token.
    pub token: &'a str,
    /// The daemon's socket.
    pub socket: &'a Path,
    /// The user's state folder.
    pub state: &'a Path,
    /// What a copy of an app that is run together has to know, and its port.
    pub run: Option<(&'a Run, u16)>,
}

impl Values<'_> {
    /// What a placeholder becomes, if this launch knows it. Whatever may have come from the network is a number, an address
    /// or a word of ours here, and can be nothing else.
    fn of(&self, name: &str) -> Option<OsString> {
        let plain = match name {
            "session" => Some(self.session.into()),
            "token" => Some(self.token.into()),
            "socket" => Some(self.socket.into()),
            "state" => Some(self.state.into()),
            _ => None,
        };
        let together = || {
            let (run, port) = self.run?;
            let text = match name {
                "user" => run.user.clone(),
                "role" => role(run.part).to_owned(),
                "place" => run.place.to_string(),
                "parent" => run.parent.to_string(),
                "port" => Some(port).filter(|port| *port > 0)?.to_string(),
                "my_address" => run.my_address?.to_string(),
                "host_address" => run.host_address?.to_string(),
                "peer_address" => run.members.iter().find(|member| !member.me)?.address?.to_string(),
                _ => return None,
            };
            Some(text.into())
        };
        plain.or_else(together)
    }
}

/// A role as programs and manifests name it.
pub fn role(part: Role) -> &'static str {
    match part {
        Role::Host => "host",
        Role::Player => "player",
        Role::Observer => "observer",
    }
}

/// An argument vector with placeholders: a program and its arguments.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Template {
    program: String,
    arguments: Vec<Vec<Part>>,
}

#[derive(Clone, PartialEq, Eq, Debug)]
enum Part {
    Text(String),
    Value(&'static str),
}

impl Template {
    /// Parses the items of a manifest's `argv` or `headless`; the error says what is wrong with which item.
    pub fn parse<'a>(items: impl IntoIterator<Item = &'a str>) -> Result<Self, String> {
        let mut items = items.into_iter().map(parse_item);
        let program = items.next().ok_or("it is empty: the first item is the program")??;
        let program = match program.as_slice() {
            [Part::Text(name)] => name.clone(),
            [] => return Err("the program, its first item, is an empty string".into()),
            _ => return Err("the program, its first item, may not contain placeholders".into()),
        };
        Ok(Self { program, arguments: items.collect::<Result<_, _>>()? })
    }

    /// The program: a name to search for, or a path.
    pub fn program(&self) -> &str {
        &self.program
    }

    /// The arguments behind the program; the error names a placeholder that this launch cannot fill.
    pub fn arguments(&self, values: &Values<'_>) -> Result<Vec<OsString>, &'static str> {
        self.arguments.iter().map(|item| expand(item, values)).collect()
    }

    /// Whether a placeholder occurs.
    pub fn mentions(&self, name: &str) -> bool {
        self.arguments.iter().flatten().any(|part| matches!(part, Part::Value(value) if *value == name))
    }
}

fn expand(item: &[Part], values: &Values<'_>) -> Result<OsString, &'static str> {
    let mut out = OsString::new();
    for part in item {
        match part {
            Part::Text(text) => out.push(text),
            Part::Value(name) => out.push(values.of(name).ok_or(*name)?),
        }
    }
    Ok(out)
}

fn parse_item(item: &str) -> Result<Vec<Part>, String> {
    if item.contains('\0') {
        return Err(format!("item {item:?} contains a NUL"));
    }
    let (mut parts, mut text, mut rest) = (Vec::new(), String::new(), item);
    while let Some(at) = rest.find(['{', '}']) {
        text.push_str(&rest[..at]);
        let brace = &rest[at..at + 1];
        rest = &rest[at + 1..];
        if let Some(behind) = rest.strip_prefix(brace) {
            text.push_str(brace);
            rest = behind;
            continue;
        }
        let end = rest.find('}').filter(|_| brace == "{");
        let Some(end) = end else {
            return Err(format!("item {item:?} has a lone {brace:?} (write it twice to mean itself)"));
        };
        if !text.is_empty() {
            parts.push(Part::Text(std::mem::take(&mut text)));
        }
        parts.push(placeholder(&rest[..end])?);
        rest = &rest[end + 1..];
    }
    text.push_str(rest);
    if !text.is_empty() {
        parts.push(Part::Text(text));
    }
    Ok(parts)
}

fn placeholder(name: &str) -> Result<Part, String> {
    let known = PLACEHOLDERS.iter().find(|known| **known == name);
    known.map(|name| Part::Value(name)).ok_or_else(|| {
        format!("{{{name}}} is not a placeholder; there are {{{}}}", PLACEHOLDERS.join("}, {"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn expanded(items: &[&str]) -> Result<Vec<String>, String> {
        let values = Values {
            session: "00112233-4455-8677-8899-aabbccddeeff",
            token: "t0ken",
            socket: Path::new("/run/s"),
            state: Path::new("/home/a b/state"),
            run: None,
        };
        let template = Template::parse(items.iter().copied())?;
        Ok(template.arguments(&values)?.into_iter().map(|a| a.into_string().unwrap()).collect())
    }

    #[test]
    fn placeholders_expand_within_one_item() {
        let items = ["p", "{state}/t/{session}.jsonl", "--socket={socket}", "{token}", "", "{{session}}"];
        let expected = [
            "/home/a b/state/t/00112233-4455-8677-8899-aabbccddeeff.jsonl",
            "--socket=/run/s",
            "t0ken",
            "",
            "{session}",
        ];
        assert_eq!(expanded(&items).unwrap(), expected);
    }

    #[test]
    fn what_is_no_template_is_refused_with_the_reason() {
        for (items, reason) in [
            (&[][..], "empty"),
            (&[""], "empty string"),
            (&["{state}/evil"], "may not contain placeholders"),
            (&["p", "{home}"], "{session}, {token}, {socket}, {state}, {user}"),
            (&["p", "a{b"], "lone"),
            (&["p", "a}b"], "lone"),
            (&["p", "{}"], "not a placeholder"),
            (&["p", "a\0b"], "NUL"),
        ] {
            let error = expanded(items).unwrap_err();
            assert!(error.contains(reason), "{items:?}: {error}");
        }
    }

    #[test]
    fn shell_characters_stay_what_they_are() {
        assert_eq!(expanded(&["p", "$(reboot); `x` && y > z"]).unwrap(), ["$(reboot); `x` && y > z"]);
    }
}
