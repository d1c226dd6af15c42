//! Arguments with placeholders.
//!
//! A placeholder is a name in braces, anywhere in an item: `{state}/transcripts/{session}.jsonl`. It is replaced by
//! a value that the agent itself made (a GUID in its text form, a path of its own). The result stays one item:
//! nothing is split and no shell reads it. A brace itself is written twice.
//!
//! Invariant: a template that parsed expands to exactly as many items as it has.

use std::{ffi::OsString, path::Path};

/// What can stand in braces.
pub const PLACEHOLDERS: [&str; 4] = ["session", "token", "socket", "state"];

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
    Session,
    Token,
    Socket,
    State,
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

    /// The arguments behind the program.
    pub fn arguments(&self, values: &Values<'_>) -> Vec<OsString> {
        self.arguments.iter().map(|item| expand(item, values)).collect()
    }
}

fn expand(item: &[Part], values: &Values<'_>) -> OsString {
    let mut out = OsString::new();
    for part in item {
        match part {
            Part::Text(text) => out.push(text),
            Part::Session => out.push(values.session),
            Part::Token => out.push(values.token),
            Part::Socket => out.push(values.socket),
            Part::State => out.push(values.state),
        }
    }
    out
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
    Ok(match name {
        "session" => Part::Session,
        "token" => Part::Token,
        "socket" => Part::Socket,
        "state" => Part::State,
        _ => {
            return Err(format!(
                "{{{name}}} is not a placeholder; there are {{{}}}",
                PLACEHOLDERS.join("}, {")
            ));
        }
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
        };
        let template = Template::parse(items.iter().copied())?;
        Ok(template.arguments(&values).into_iter().map(|a| a.into_string().unwrap()).collect())
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
            (&["p", "{home}"], "{session}, {token}, {socket}, {state}"),
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
