//! Names that came from the network, made fit for a folder of ours.
//!
//! Invariant: a safe name is one component of a path, not hidden, not an option, and reads as what it is.

use chalktalk_ipc::text::printable;

/// Bytes of a name: file systems take 255, and a number may come to it.
const MAX_NAME: usize = 200;

/// An ending that is kept when a name is shortened.
const MAX_ENDING: usize = 20;

/// Names that mean devices on Windows, with any ending.
const DEVICES: [&str; 4] = ["con", "prn", "aux", "nul"];

/// A name that can be used for a file here: `/`, control characters and what other systems forbid become `_`, overrides of
/// the writing direction go, and so do a leading dot or hyphen, reserved names, and what is too long.
pub fn safe_name(name: &str) -> String {
    let mut out: String = printable(name).chars().filter(|c| !is_invisible(*c)).map(replaced).collect();
    let end = out.trim_end_matches(['.', ' ']).len();
    out.truncate(end);
    let start = out.len() - out.trim_start().len();
    out.drain(..start);
    if out.starts_with(['.', '-', '~']) {
        out.replace_range(..1, "_");
    }
    let stem = out.split('.').next().unwrap_or("").trim_end().to_lowercase();
    let numbered = |prefix: &str| {
        stem.strip_prefix(prefix).is_some_and(|n| n.len() == 1 && n != "0" && n.parse::<u8>().is_ok())
    };
    if DEVICES.contains(&stem.as_str()) || numbered("com") || numbered("lpt") {
        out.insert(0, '_');
    }
    if out.is_empty() { "file".into() } else { shortened(&out) }
}

/// The name for the `number`-th file of the same name: `report (2).pdf`.
pub fn numbered(name: &str, number: u32) -> String {
    let (stem, ending) = parted(name);
    format!("{stem} ({number}){ending}")
}

fn replaced(c: char) -> char {
    let forbidden =
        matches!(c, '/' | '\\' | ':' | '*' | '?' | '"' | '<' | '>' | '|' | '\u{fffd}' | '\n' | '\t');
    if forbidden { '_' } else { c }
}

/// Takes no room, so that two names look the same that are not.
fn is_invisible(c: char) -> bool {
    matches!(c, '\u{200b}' | '\u{2060}'..='\u{2064}' | '\u{feff}' | '\u{00ad}' | '\u{2028}' | '\u{2029}' | '\u{e0000}'..='\u{e007f}')
}

fn shortened(name: &str) -> String {
    if name.len() <= MAX_NAME {
        return name.to_owned();
    }
    let (stem, ending) = parted(name);
    let mut end = (MAX_NAME - ending.len()).min(stem.len());
    while !stem.is_char_boundary(end) {
        end -= 1;
    }
    format!("{}{ending}", stem[..end].trim_end())
}

/// A name without its ending, and the ending with its dot.
fn parted(name: &str) -> (&str, &str) {
    let at = name.rfind('.').filter(|at| *at > 0 && name.len() - at <= MAX_ENDING);
    name.split_at(at.unwrap_or(name.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ordinary_names_stay_as_they_are() {
        for name in
            ["report.pdf", "Übersicht 2026.odt", "日本語.txt", "a.tar.gz", "README", "می‌خواهم.md", "🎉.png"]
        {
            assert_eq!(safe_name(name), name);
        }
    }

    #[test]
    fn names_that_lead_elsewhere_hide_or_deceive_are_mended() {
        let cases = [
            ("../../x", "_._.._x"),
            ("/etc/passwd", "_etc_passwd"),
            ("..", "file"),
            (".bashrc", "_bashrc"),
            ("-rf", "_rf"),
            ("~", "_"),
            ("", "file"),
            ("   ", "file"),
            ("a\0b\u{1b}[2J\n", "a_b_[2J_"),
            ("photo\u{202e}gpj.exe", "photogpj.exe"),
            ("C:\\windows", "C__windows"),
            ("con", "_con"),
            ("NUL.txt", "_NUL.txt"),
            ("com1.log", "_com1.log"),
            ("com10.log", "com10.log"),
            ("name. . ", "name"),
            ("in\u{200b}visible\u{2028}", "invisible_"),
        ];
        for (name, safe) in cases {
            assert_eq!(safe_name(name), safe, "{name:?}");
            assert_eq!(safe_name(&safe_name(name)), safe, "twice is once");
        }
    }

    #[test]
    fn long_names_are_cut_and_keep_their_ending() {
        let long = safe_name(&format!("{}.jpeg", "é".repeat(300)));
        assert!(long.len() <= MAX_NAME && long.ends_with("é.jpeg"));
        assert!(safe_name(&"x".repeat(1000)).len() <= MAX_NAME);
        assert_eq!(numbered("report.tar.gz", 2), "report.tar (2).gz");
        assert_eq!(numbered("README", 3), "README (3)");
        assert!(numbered(&long, u32::MAX).len() <= 255);
    }
}
