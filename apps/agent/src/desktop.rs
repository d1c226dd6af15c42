//! Desktop entries as manifests: `Exec` is taken apart by the rules of the Desktop Entry Specification 1.5, and by no shell.
//!
//! Invariant: what the manifest says is run is what the entry says, less its field codes.

use std::fmt::Write;

/// The text of a manifest for a desktop entry; `stem` is the name of its file without the ending.
pub fn to_manifest(stem: &str, text: &str) -> Result<String, String> {
    let entry = Entry::read(text)?;
    if entry.get("Type").is_some_and(|kind| kind != "Application") {
        return Err("it is not an application (Type)".into());
    }
    if entry.get("Hidden") == Some("true") {
        return Err("it is marked as deleted (Hidden)".into());
    }
    let (line, exec) = entry.find("Exec").ok_or("it has no Exec")?;
    let argv = arguments(exec).map_err(|reason| format!("line {line}: Exec: {reason}"))?;
    let name = unescape(entry.get("Name").ok_or("it has no Name")?);
    let mut out = format!("# Made from {stem}.desktop\nid = {:?}\nname = {}\n", id(stem), quoted(&name));
    if let Some(icon) = entry.get("Icon") {
        let _ = writeln!(out, "icon = {}", quoted(&unescape(icon)));
    }
    let items: Vec<String> =
        argv.iter().map(|item| quoted(&item.replace('{', "{{").replace('}', "}}"))).collect();
    let _ = writeln!(out, "argv = [{}]", items.join(", "));
    if entry.get("Terminal") == Some("true") {
        out.push_str("terminal = true\n");
    }
    Ok(out)
}

/// An app id from the name of a file: ids have at least one dot.
fn id(stem: &str) -> String {
    let clean = |c: char| if c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_') { c } else { '-' };
    let id: String = stem.to_ascii_lowercase().chars().map(clean).collect();
    if id.contains('.') { id } else { format!("desktop.{id}") }
}

/// A TOML string.
fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            c if c.is_control() => drop(write!(out, "\\u{:04X}", u32::from(c))),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

/// The keys of the group `Desktop Entry`, with their lines.
struct Entry<'a>(Vec<(usize, &'a str, &'a str)>);

impl<'a> Entry<'a> {
    fn read(text: &'a str) -> Result<Self, String> {
        let (mut keys, mut group, mut seen) = (Vec::new(), "", false);
        for (n, line) in text.lines().enumerate() {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            if let Some(name) = line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
                group = name;
                seen |= name == "Desktop Entry";
            } else if let Some((key, value)) = line.split_once('=') {
                if group == "Desktop Entry" {
                    keys.push((n + 1, key.trim(), value.trim()));
                }
            } else {
                return Err(format!("line {}: neither a group nor a key", n + 1));
            }
        }
        if seen { Ok(Self(keys)) } else { Err("it has no group [Desktop Entry]".into()) }
    }

    fn find(&self, key: &str) -> Option<(usize, &'a str)> {
        self.0.iter().find(|(_, known, _)| *known == key).map(|(line, _, value)| (*line, *value))
    }

    fn get(&self, key: &str) -> Option<&'a str> {
        self.find(key).map(|(_, value)| value)
    }
}

/// The escapes of every string value.
fn unescape(value: &str) -> String {
    let mut out = String::new();
    let mut chars = value.chars();
    while let Some(c) = chars.next() {
        match (c, c == '\\') {
            (_, true) => match chars.next() {
                Some('s') => out.push(' '),
                Some('n') => out.push('\n'),
                Some('t') => out.push('\t'),
                Some('r') => out.push('\r'),
                Some(other) if other != '\\' => out.extend(['\\', other]),
                _ => out.push('\\'),
            },
            (c, false) => out.push(c),
        }
    }
    out
}

/// The program and its arguments. Field codes stand for files and the like, of which there are none.
fn arguments(exec: &str) -> Result<Vec<String>, String> {
    let value = unescape(exec);
    let (mut items, mut item, mut open, mut started) = (Vec::new(), String::new(), false, false);
    let mut chars = value.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '"' => (open, started) = (!open, true),
            '\\' if open => match chars.next() {
                Some(escaped @ ('"' | '`' | '$' | '\\')) => item.push(escaped),
                _ => return Err("a backslash within quotes escapes neither \" nor ` nor $ nor itself".into()),
            },
            ' ' | '\t' if !open => {
                if started {
                    items.push(std::mem::take(&mut item));
                }
                started = false;
            }
            '\'' | '\\' | '`' | '$' | ';' | '&' | '|' | '<' | '>' | '*' | '?' | '(' | ')' | '#' | '~'
            | '\n'
                if !open =>
            {
                return Err(format!("{c:?} may only stand within quotes"));
            }
            '%' => match chars.next() {
                Some('%') => (item.push('%'), started = true).1,
                Some('f' | 'F' | 'u' | 'U' | 'd' | 'D' | 'n' | 'N' | 'i' | 'c' | 'k' | 'v' | 'm') => {}
                other => {
                    return Err(format!("%{} is no field code", other.map(String::from).unwrap_or_default()));
                }
            },
            c => (item.push(c), started = true).1,
        }
    }
    if open {
        return Err("a quote is not closed".into());
    }
    if started {
        items.push(item);
    }
    if items.first().is_none_or(String::is_empty) {
        return Err("it names no program".into());
    }
    Ok(items)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exec_is_taken_apart_as_the_specification_says() {
        let parts = |exec: &str| arguments(exec).unwrap();
        assert_eq!(parts("game --new %U"), ["game", "--new"]);
        assert_eq!(
            parts(r#""/opt/my game/run" "a \\"b\\" \\$c" 100%%"#),
            ["/opt/my game/run", "a \"b\" $c", "100%"]
        );
        assert_eq!(parts(r#"game """#), ["game", ""]);
        assert_eq!(parts("game --file=%f x"), ["game", "--file=", "x"]);
    }

    #[test]
    fn what_a_shell_would_do_is_refused() {
        for (exec, reason) in [
            ("game; rm -rf ~", "';' may only"),
            ("game $(id)", "'$' may only"),
            ("game `id`", "'`' may only"),
            ("game | tee", "'|' may only"),
            ("game 'a b'", "'\\'' may only"),
            ("game \"a", "not closed"),
            ("game %q", "%q is no field code"),
            ("game %", "% is no field code"),
            ("", "names no program"),
            ("%U", "names no program"),
            ("\"\" x", "names no program"),
        ] {
            let error = arguments(exec).unwrap_err();
            assert!(error.contains(reason), "{exec}: {error}");
        }
    }

    #[test]
    fn what_is_no_application_is_refused_with_the_reason() {
        for (text, reason) in [
            ("", "no group"),
            ("[Desktop Entry]\nName=X", "no Exec"),
            ("[Desktop Entry]\nExec=x", "no Name"),
            ("[Desktop Entry]\nType=Link\nName=X\nExec=x", "not an application"),
            ("[Desktop Entry]\nHidden=true\nName=X\nExec=x", "deleted"),
            ("[Desktop Entry]\nName=X\nExec=x;y", "line 3: Exec: ';'"),
            ("[Desktop Entry]\nwhat", "line 2"),
        ] {
            let error = to_manifest("x", text).unwrap_err();
            assert!(error.contains(reason), "{text}: {error}");
        }
    }

    #[test]
    fn names_and_braces_come_through_unharmed() {
        let text = "[Other]\nName=no\n[Desktop Entry]\nName=A \"b\" \\\\ c\nExec=x {y}\nTerminal=true\n";
        let manifest = crate::manifest::Manifest::parse(&to_manifest("Some App", text).unwrap()).unwrap();
        assert_eq!((manifest.app.as_str(), manifest.name.as_str()), ("desktop.some-app", "A \"b\" \\ c"));
        assert!(manifest.terminal);
    }
}
