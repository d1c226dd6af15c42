//! What text from the network may look like when people see it.
//!
//! Invariant: what leaves this module cannot move a terminal's cursor, ring its bell, or turn the reading
//! direction of the text around it.

/// The longest a label (a name of a user, a host or a room) may be, in bytes of UTF-8.
pub const MAX_LABEL: usize = 64;

/// The longest that what people say of themselves beside their status may be, in bytes of UTF-8: 60 letters of two bytes.
pub const MAX_SAYING: usize = 120;

/// A label fit for display and comparison: no control characters, no bidirectional overrides, no invisible
/// padding, white space folded to single blanks, at most [`MAX_LABEL`] bytes. May come out empty.
pub fn label(text: &str) -> String {
    one_line(text, MAX_LABEL)
}

/// What somebody says of themselves, fit for display like a label, at most [`MAX_SAYING`] bytes.
pub fn saying(text: &str) -> String {
    one_line(text, MAX_SAYING)
}

fn one_line(text: &str, most: usize) -> String {
    let mut out = String::new();
    for word in text.split(|c: char| c.is_whitespace()) {
        let blank = usize::from(!out.is_empty());
        let visible: String = word.chars().filter(|c| !is_control(*c) && !is_invisible(*c)).collect();
        if visible.is_empty() {
            continue;
        }
        if blank == 1 {
            out.push(' ');
        }
        out.push_str(&visible);
    }
    while out.len() > most {
        out.pop();
    }
    out.truncate(out.trim_end().len());
    out
}

/// Text to be shown: control characters (C0, C1, DEL) other than line feed and tab become U+FFFD, and
/// bidirectional overrides and isolates are dropped. The text itself, as stored and delivered, is never changed.
pub fn printable(text: &str) -> String {
    text.chars()
        .filter(|c| !is_bidi(*c))
        .map(|c| if is_control(c) && c != '\n' && c != '\t' { '\u{fffd}' } else { c })
        .collect()
}

/// How many letters have to be put in, taken out or changed (Levenshtein): what a misspelt word may have been meant to be.
pub fn edits(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], i + 1);
        for (j, y) in b.iter().enumerate() {
            let replace = diagonal + usize::from(x != *y);
            diagonal = row[j + 1];
            row[j + 1] = replace.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[b.len()]
}

fn is_control(c: char) -> bool {
    c.is_control() || matches!(c, '\u{2028}' | '\u{2029}')
}

/// Explicit directional formatting (UAX #9 §2): able to make one text read as another.
fn is_bidi(c: char) -> bool {
    matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{200e}' | '\u{200f}' | '\u{061c}')
}

/// Characters that take no room: two labels that differ only in them look the same. Joiners (200C, 200D) stay:
/// Persian, Indic scripts and emoji need them.
fn is_invisible(c: char) -> bool {
    is_bidi(c)
        || matches!(c, '\u{200b}' | '\u{2060}'..='\u{2064}' | '\u{feff}' | '\u{00ad}' | '\u{e0000}'..='\u{e007f}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_lose_what_deceives_and_keep_what_is_written() {
        assert_eq!(label("  Ana \t María "), "Ana María");
        assert_eq!(label("a\u{202e}nimda\u{1b}[2J"), "animda[2J");
        assert_eq!(label("\u{200b}\u{feff}"), "");
        assert_eq!(label("می\u{200c}خواهم"), "می\u{200c}خواهم");
        assert!(label(&"é".repeat(100)).len() <= MAX_LABEL);
        assert_eq!(saying(&"é".repeat(100)).chars().count(), 60);
    }

    #[test]
    fn edits_are_counted_by_letters() {
        assert_eq!(
            [edits("alow", "allow"), edits("prot", "port"), edits("", "é"), edits("a", "a")],
            [1, 2, 1, 0]
        );
    }

    #[test]
    fn printable_text_cannot_drive_a_terminal() {
        assert_eq!(printable("a\u{1b}[31mb\r\u{7}\u{9b}2J"), "a\u{fffd}[31mb\u{fffd}\u{fffd}\u{fffd}2J");
        assert_eq!(printable("one\n\ttwo 👍🏽"), "one\n\ttwo 👍🏽");
        assert_eq!(printable("\u{202e}evil"), "evil");
    }
}
