//! Marks of emphasis, code and links in a text, as people write them.
//!
//! Only marks that are closed on their line count, and everything else stays as it was written: lists, quotes, a lone
//! asterisk. Where a link leads is always shown.
//!
//! Invariant: the work is linear in the text, with a factor of at most [`WINDOW`].

use crate::code::{self, Token};
use std::ops::Range;

/// How a part of a text looks.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Look {
    /// `**strong**`
    pub bold: bool,
    /// `*emphasised*`, `_emphasised_`
    pub italic: bool,
    /// `~~struck~~`
    pub struck: bool,
    /// `` `code` ``, and what stands between lines of three backticks.
    pub code: Option<Token>,
    /// Somewhere to go.
    pub link: bool,
}

/// Code of which no more is known.
const CODE: Look = Look { bold: false, italic: false, struck: false, code: Some(Token::Plain), link: false };

/// A text without its marks.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Marked {
    /// What is to be shown.
    pub text: String,
    /// From which byte on it looks how, in order; nothing before the first is special.
    pub runs: Vec<(usize, Look)>,
    /// Where links are, and where they lead: only by `http` and `https`.
    pub links: Vec<(Range<usize>, String)>,
    /// Lines of code.
    pub blocks: Vec<Range<usize>>,
}

/// A mark is closed within so many bytes, or is none.
const WINDOW: usize = 512;

/// Longer texts are shown as they are.
const MAX_TEXT: usize = 16 * 1024;

const FENCE: &str = "```";

/// Reads the marks of a text.
pub fn read(text: &str) -> Marked {
    let mut out = Marked::default();
    if text.len() > MAX_TEXT {
        out.text = text.to_owned();
        return out;
    }
    // A fence without its other half is text.
    let fences = text.split('\n').filter(|line| is_fence(line)).count() / 2 * 2;
    let (mut seen, mut first) = (0, true);
    let mut lines = text.split('\n');
    while let Some(line) = lines.next() {
        if seen < fences && is_fence(line) {
            seen += 2;
            let block: Vec<&str> = lines.by_ref().take_while(|line| !is_fence(line)).collect();
            if !block.is_empty() {
                out.begin_line(&mut first);
                out.block(language(line), &block.join("\n"));
            }
        } else {
            out.begin_line(&mut first);
            out.read_line(line);
        }
    }
    out.blocks.retain(|block| !block.is_empty());
    out
}

/// What the lines behind a fence are written in, as it says.
fn language(fence: &str) -> &str {
    fence.trim_start().trim_start_matches('`').split_whitespace().next().unwrap_or_default()
}

fn is_fence(line: &str) -> bool {
    line.trim_start().starts_with(FENCE)
}

impl Marked {
    fn begin_line(&mut self, first: &mut bool) {
        if !std::mem::take(first) {
            self.push("\n", Look::default());
        }
    }

    fn block(&mut self, language: &str, code: &str) {
        let mut at = 0;
        for (range, token) in code::tokens(language, code) {
            self.push(&code[at..range.start], CODE);
            self.push(&code[range.clone()], Look { code: Some(token), ..CODE });
            at = range.end;
        }
        self.push(&code[at..], CODE);
        if !code.is_empty() {
            self.blocks.push(self.text.len() - code.len()..self.text.len());
        }
    }

    fn push(&mut self, text: &str, look: Look) {
        let before = self.runs.last().map_or(Look::default(), |(_, look)| *look);
        if !text.is_empty() && before != look {
            self.runs.push((self.text.len(), look));
        }
        self.text.push_str(text);
    }

    fn read_line(&mut self, line: &str) {
        let (mut look, mut at, mut before) = (Look::default(), 0, None);
        while let Some(c) = line[at..].chars().next() {
            let rest = &line[at..];
            let width = c.len_utf8();
            let taken = match c {
                '\\' => self.escaped(rest, look),
                '`' => self.code(rest, look),
                '[' => self.link(rest, look),
                '<' => self.bracketed(rest, look),
                'h' if before.is_none_or(|c: char| !c.is_alphanumeric()) => self.address(rest, look),
                _ => toggle(rest, before, &mut look),
            };
            if taken == 0 {
                self.push(&rest[..width], look);
            }
            at += taken.max(width);
            before = line[..at].chars().next_back();
        }
    }

    fn escaped(&mut self, rest: &str, look: Look) -> usize {
        match rest[1..].chars().next().filter(|c| MARKS.contains(*c)) {
            Some(c) => {
                self.push(&rest[1..=c.len_utf8()], look);
                1 + c.len_utf8()
            }
            None => 0,
        }
    }

    fn code(&mut self, rest: &str, look: Look) -> usize {
        match window(&rest[1..]).find('`') {
            None | Some(0) => 0,
            Some(end) => {
                self.push(&rest[1..=end], Look { code: CODE.code, ..look });
                end + 2
            }
        }
    }

    fn link(&mut self, rest: &str, look: Look) -> usize {
        let found = window(&rest[1..]).split_once(']').and_then(|(name, behind)| {
            let (target, _) = behind.strip_prefix('(')?.split_once(')')?;
            let sound = !target.is_empty() && !target.contains(char::is_whitespace) && !name.is_empty();
            (sound && !name.contains('[')).then_some((name, target))
        });
        let Some((name, target)) = found else { return 0 };
        let linked = Look { link: true, ..look };
        let start = self.text.len();
        if name == target {
            self.push(target, linked);
        } else {
            self.push(&format!("{name} ({target})"), linked);
        }
        self.note_link(start, target);
        name.len() + target.len() + 4
    }

    fn address(&mut self, rest: &str, look: Look) -> usize {
        if !rest.starts_with("https://") && !rest.starts_with("http://") {
            return 0;
        }
        let ends = |c: char| c.is_whitespace() || matches!(c, '<' | '>' | '"');
        let end = rest.find(ends).unwrap_or(rest.len());
        let address = rest[..end].trim_end_matches(['.', ',', ';', ':', '!', '?', ')', '*', '_']);
        let start = self.text.len();
        self.push(address, Look { link: true, ..look });
        self.note_link(start, address);
        address.len()
    }

    /// An address in angle brackets, which are not shown.
    fn bracketed(&mut self, rest: &str, look: Look) -> usize {
        let inner = window(&rest[1..]).split_once('>').map_or("", |(inner, _)| inner);
        let taken = if inner.contains(char::is_whitespace) { 0 } else { self.address(inner, look) };
        if taken == 0 {
            return 0;
        }
        self.push(&inner[taken..], look);
        inner.len() + 2
    }

    fn note_link(&mut self, start: usize, target: &str) {
        if ["http://", "https://"].iter().any(|scheme| target.starts_with(scheme)) {
            self.links.push((start..self.text.len(), target.to_owned()));
        }
    }
}

/// Characters that a backslash before them makes plain.
const MARKS: &str = "\\`*_~[";

/// One part of a look.
type Part = fn(&mut Look) -> &mut bool;

/// Opens or closes emphasis; how many bytes the mark has, nothing if it is none.
fn toggle(rest: &str, before: Option<char>, look: &mut Look) -> usize {
    let kinds: [(&str, Part); 4] = [
        ("**", |look| &mut look.bold),
        ("~~", |look| &mut look.struck),
        ("*", |look| &mut look.italic),
        ("_", |look| &mut look.italic),
    ];
    let Some((mark, part)) = kinds.into_iter().find(|(mark, _)| rest.starts_with(mark)) else { return 0 };
    let behind = &rest[mark.len()..];
    let is_on = part(look);
    let toggles = if *is_on { closes(before, behind) } else { opens(before, behind) && closed(behind, mark) };
    if toggles {
        *is_on = !*is_on;
        return mark.len();
    }
    0
}

fn opens(before: Option<char>, behind: &str) -> bool {
    let next = behind.chars().next();
    !before.is_some_and(char::is_alphanumeric)
        && next.is_some_and(|c| !c.is_whitespace() && c != '*' && c != '_')
}

fn closes(before: Option<char>, behind: &str) -> bool {
    let next = behind.chars().next();
    before.is_some_and(|c| !c.is_whitespace()) && !next.is_some_and(char::is_alphanumeric)
}

/// Whether a mark that opens is closed by another.
fn closed(text: &str, mark: &str) -> bool {
    let text = window(text);
    text.match_indices(mark).any(|(at, _)| {
        let before = text[..at].chars().next_back();
        closes(before, &text[at + mark.len()..])
    })
}

fn window(text: &str) -> &str {
    let mut end = text.len().min(WINDOW);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The parts of a text, each with its look in letters.
    fn parts(text: &str) -> Vec<(String, String)> {
        let marked = read(text);
        let mut starts = vec![(0, Look::default())];
        starts.extend(marked.runs.iter().copied());
        let ends = starts.iter().skip(1).map(|(at, _)| *at).chain([marked.text.len()]);
        let letters = |look: &Look| {
            [
                (look.bold, 'b'),
                (look.italic, 'i'),
                (look.struck, 's'),
                (look.code.is_some(), 'c'),
                (look.code.is_some_and(|token| token != Token::Plain), 't'),
                (look.link, 'l'),
            ]
            .into_iter()
            .filter_map(|(on, letter)| on.then_some(letter))
            .collect::<String>()
        };
        let parts = starts
            .iter()
            .zip(ends)
            .map(|((at, look), end)| (marked.text[*at..end].to_owned(), letters(look)));
        parts.filter(|(part, _)| !part.is_empty()).collect()
    }

    fn check(text: &str, expected: &[(&str, &str)]) {
        let expected: Vec<_> =
            expected.iter().map(|(part, look)| ((*part).to_owned(), (*look).to_owned())).collect();
        assert_eq!(parts(text), expected, "{text}");
    }

    #[test]
    fn marks_that_are_closed_count() {
        check("a **b** c", &[("a ", ""), ("b", "b"), (" c", "")]);
        check("*a* _b_ ~~c~~", &[("a", "i"), (" ", ""), ("b", "i"), (" ", ""), ("c", "s")]);
        check("**a *b***", &[("a ", "b"), ("b", "bi")]);
        check("`a *b*` c", &[("a *b*", "c"), (" c", "")]);
        check(
            "x\n```rust\nlet *a* = 1;\n```\ny",
            &[("x\n", ""), ("let", "ct"), (" *a* = ", "c"), ("1", "ct"), (";", "c"), ("\ny", "")],
        );
        check(
            "see [here](http://evil.example/x).",
            &[("see ", ""), ("here (http://evil.example/x)", "l"), (".", "")],
        );
        check("[tea] **a** [b](c)", &[("[tea] ", ""), ("a", "b"), (" ", ""), ("b (c)", "l")]);
        check("<https://a.example/>, <b> <http:", &[("https://a.example/", "l"), (", <b> <http:", "")]);
        check("at https://a.example/b_c, ok", &[("at ", ""), ("https://a.example/b_c", "l"), (", ok", "")]);
    }

    #[test]
    fn lines_of_code_are_told_from_code_in_a_line() {
        let marked = read("`a`\n```\nb\n\nc\n```\n```\n```\nd");
        let blocks: Vec<&str> = marked.blocks.iter().map(|block| &marked.text[block.clone()]).collect();
        assert_eq!((blocks, &*marked.text), (vec!["b\n\nc"], "a\nb\n\nc\nd"));
    }

    #[test]
    fn everything_else_stays_as_it_was_written() {
        for plain in [
            "2 * 3 * 4",
            "2*3*4",
            "snake_case_name",
            "* item",
            "> quote",
            "a ** b",
            "**",
            "`",
            "[x]",
            "[x]()",
            "```\nx",
            "1. a\n2. b",
            "日本*語",
        ] {
            check(plain, &[(plain, "")]);
        }
        check(r"\*a\* \x", &[(r"*a* \x", "")]);
        assert_eq!(read(""), Marked::default());
    }

    #[test]
    fn bombs_are_not_slow() {
        let start = std::time::Instant::now();
        for bomb in ["*a ", "**a ", "[", "[a](", "`", "_ _", "~~", "***", "\\", "h", "![a](b"] {
            let text = bomb.repeat(MAX_TEXT / bomb.len());
            let marked = read(&text);
            assert!(marked.text.len() <= text.len() + 99, "{bomb}");
        }
        assert!(start.elapsed().as_secs() < 10, "{:?}", start.elapsed());
    }
}
