//! Breaks text into rows by the width of what is seen.
//!
//! Invariant: no row is wider than asked for (but for a single grapheme that alone is wider), and but for blanks at
//! a break nothing is lost.

use unicode_segmentation::UnicodeSegmentation;
use unicode_width::UnicodeWidthStr;

/// What a tab is shown as: terminals' tab stops would depend on the column.
const TAB: &str = "    ";

/// The rows of a text, broken between words where that is possible.
pub(super) fn wrap(text: &str, width: usize) -> Vec<String> {
    let width = width.max(1);
    text.replace('\t', TAB).split('\n').flat_map(|line| wrap_line(line, width)).collect()
}

fn wrap_line(line: &str, width: usize) -> Vec<String> {
    let mut rows = vec![String::new()];
    let mut used = 0;
    for word in units(line) {
        let blank = word.chars().all(char::is_whitespace);
        let wide = word.width();
        if used + wide <= width {
            push(&mut rows, word);
            used += wide;
        } else if blank {
            // A blank at a break is the break.
            rows.push(String::new());
            used = 0;
        } else {
            if used > 0 && wide <= width {
                rows.push(String::new());
                used = 0;
            }
            used = push_graphemes(&mut rows, word, used, width);
        }
    }
    rows
}

/// The pieces between which a line may be broken: words, each with the punctuation that leans on it, and blanks.
fn units(line: &str) -> Vec<&str> {
    let mut units: Vec<&str> = Vec::new();
    let mut start = 0;
    let mut before: Option<char> = None;
    for (at, piece) in line.split_word_bound_indices() {
        let first = piece.chars().next();
        let apart = match (before, first) {
            (Some(before), Some(first)) => {
                before.is_whitespace() || first.is_whitespace() || (first.is_alphanumeric() && !opens(before))
            }
            _ => false,
        };
        if apart {
            units.push(&line[start..at]);
            start = at;
        }
        before = piece.chars().next_back();
    }
    units.push(&line[start..]);
    units
}

/// Whether what follows this character belongs to it.
fn opens(c: char) -> bool {
    matches!(
        c,
        '(' | '['
            | '{'
            | '<'
            | '«'
            | '„'
            | '“'
            | '‘'
            | '¿'
            | '¡'
            | '「'
            | '『'
            | '（'
            | '@'
            | '#'
            | '/'
            | '"'
            | '\''
    )
}

/// Adds a word grapheme by grapheme, breaking wherever the row is full; returns the width of the last row.
fn push_graphemes(rows: &mut Vec<String>, word: &str, mut used: usize, width: usize) -> usize {
    for grapheme in word.graphemes(true) {
        let wide = grapheme.width();
        if used + wide > width && used > 0 {
            rows.push(String::new());
            used = 0;
        }
        push(rows, grapheme);
        used += wide;
    }
    used
}

fn push(rows: &mut [String], text: &str) {
    if let Some(row) = rows.last_mut() {
        row.push_str(text);
    }
}

/// A label cut to a width, with an ellipsis where something is missing.
pub(super) fn cut(text: &str, width: usize) -> String {
    if text.width() <= width {
        return text.to_owned();
    }
    let mut out = String::new();
    let mut used = 0;
    for grapheme in text.graphemes(true) {
        let wide = grapheme.width();
        if used + wide + 1 > width {
            break;
        }
        out.push_str(grapheme);
        used += wide;
    }
    if width > 0 {
        out.push('…');
    }
    out
}

/// The rows of a text being written, broken at graphemes, and where the cursor is: row and column.
pub(super) fn wrap_with_cursor(text: &str, cursor: usize, width: usize) -> (Vec<String>, usize, usize) {
    let width = width.max(1);
    let mut rows = vec![String::new()];
    let (mut used, mut at) = (0, (0, 0));
    for (byte, grapheme) in text.grapheme_indices(true) {
        if byte == cursor {
            at = (rows.len() - 1, used);
        }
        if grapheme == "\n" {
            rows.push(String::new());
            used = 0;
            continue;
        }
        let shown = if grapheme == "\t" { TAB } else { grapheme };
        let wide = shown.width();
        if used + wide > width {
            rows.push(String::new());
            used = 0;
            if byte == cursor {
                at = (rows.len() - 1, 0);
            }
        }
        push(&mut rows, shown);
        used += wide;
    }
    if cursor >= text.len() {
        if used >= width {
            rows.push(String::new());
            used = 0;
        }
        at = (rows.len() - 1, used);
    }
    (rows, at.0, at.1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_breaks_between_words_and_wide_characters_anywhere() {
        assert_eq!(wrap("the quick brown fox", 9), ["the quick", "brown fox"]);
        assert_eq!(wrap("a\n\nb", 9), ["a", "", "b"]);
        assert_eq!(wrap("日本語です", 4), ["日本", "語で", "す"]);
        assert_eq!(wrap("abcdefgh ij", 3), ["abc", "def", "gh ", "ij"]);
        assert_eq!(wrap("👩‍👩‍👧‍👦👩‍👩‍👧‍👦", 3), ["👩‍👩‍👧‍👦", "👩‍👩‍👧‍👦"]);
        assert_eq!(wrap("the workshop? (key)", 12), ["the ", "workshop? ", "(key)"]);
        assert_eq!(wrap("日本。語", 4), ["日", "本。", "語"], "a full stop begins no row");
        assert_eq!(wrap("", 5), [""]);
        assert_eq!(wrap("日", 1), ["日"], "wider than the row, and still shown");
    }

    #[test]
    fn no_row_is_too_wide_and_no_letter_is_lost() {
        let text = "Ünïcödé 日本語 and 👍🏽 emoji, a-very-long-word-without-any-break, ไทยไม่มีช่องว่างระหว่างคำ नमस्ते مرحبا";
        for width in 2..60 {
            let rows = wrap(text, width);
            assert!(rows.iter().all(|row| row.width() <= width), "{width}: {rows:?}");
            let letters = |t: &str| t.chars().filter(|c| !c.is_whitespace()).collect::<String>();
            assert_eq!(letters(&rows.concat()), letters(text));
        }
    }

    #[test]
    fn labels_are_cut_with_an_ellipsis() {
        assert_eq!((cut("garden", 6).as_str(), cut("garden", 5).as_str()), ("garden", "gard…"));
        assert_eq!((cut("日本語", 4).as_str(), cut("x", 0).as_str()), ("日…", ""));
    }

    #[test]
    fn the_cursor_is_where_the_next_letter_goes() {
        let of = |text: &str, cursor, width| {
            let (rows, row, column) = wrap_with_cursor(text, cursor, width);
            (rows.len(), row, column)
        };
        assert_eq!(of("", 0, 5), (1, 0, 0));
        assert_eq!(of("abc", 1, 5), (1, 0, 1));
        assert_eq!(of("abcde", 5, 5), (2, 1, 0));
        assert_eq!(of("日本", 3, 3), (2, 1, 0));
        assert_eq!(of("a\nb", 2, 5), (2, 1, 0));
        assert_eq!(of("a\n", 2, 5), (2, 1, 0));
    }
}
