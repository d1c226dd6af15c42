//! Standard input as messages: one for each line, each looked at before it is sent.
//!
//! Invariant: no line, however long, takes more memory than the longest message.

use chalktalk_ipc::MAX_MESSAGE;
use std::io::{self, BufRead, Read};

/// Reads lines and counts them.
pub(crate) struct Lines<R> {
    reader: R,
    number: u64,
}

/// One line of input, without its newline.
#[derive(PartialEq, Eq, Debug)]
pub(crate) enum Line {
    /// A message.
    Text(String),
    /// Longer than a message may be. The whole line has been read past.
    TooLong,
    /// Not UTF-8.
    NotText,
}

impl<R: BufRead> Lines<R> {
    /// Reads from here.
    pub(crate) fn new(reader: R) -> Self {
        Self { reader, number: 0 }
    }

    /// Number of the line read last, from 1.
    pub(crate) fn number(&self) -> u64 {
        self.number
    }

    /// The next line; nothing at the end of the input.
    pub(crate) fn next_line(&mut self) -> io::Result<Option<Line>> {
        let mut bytes = Vec::new();
        let room = MAX_MESSAGE as u64 + 1;
        if (&mut self.reader).take(room).read_until(b'\n', &mut bytes)? == 0 {
            return Ok(None);
        }
        self.number += 1;
        match bytes.pop() {
            Some(b'\n') => {}
            Some(last) => bytes.push(last),
            None => {}
        }
        if bytes.len() > MAX_MESSAGE {
            self.reader.skip_until(b'\n')?;
            return Ok(Some(Line::TooLong));
        }
        Ok(Some(String::from_utf8(bytes).map_or(Line::NotText, Line::Text)))
    }
}

impl<R: Read> Lines<io::BufReader<R>> {
    /// Whether a whole line can be had without waiting for more input.
    pub(crate) fn has_line(&self) -> bool {
        self.reader.buffer().contains(&b'\n')
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(input: &[u8]) -> Vec<Line> {
        let mut lines = Lines::new(input);
        std::iter::from_fn(|| lines.next_line().unwrap()).collect()
    }

    fn text(text: &str) -> Line {
        Line::Text(text.to_owned())
    }

    #[test]
    fn each_line_is_a_message_without_its_newline_and_nothing_else() {
        assert_eq!(read(b"one\n\ntwo\r\n last "), [text("one"), text(""), text("two\r"), text(" last ")]);
        assert_eq!(read(b""), []);
        assert_eq!(read(b"\n"), [text("")]);
        assert_eq!(read("日本\u{0}語\u{2028}x\n".as_bytes()), [text("日本\u{0}語\u{2028}x")]);
    }

    #[test]
    fn the_longest_message_passes_and_one_byte_more_does_not() {
        let longest = "x".repeat(MAX_MESSAGE);
        for end in ["", "\n"] {
            assert_eq!(read(format!("{longest}{end}").as_bytes()), [text(&longest)]);
            assert_eq!(read(format!("{longest}y{end}").as_bytes()), [Line::TooLong]);
        }
        let far_too_long = "z".repeat(5 * MAX_MESSAGE);
        assert_eq!(read(format!("a\n{far_too_long}\nb").as_bytes()), [text("a"), Line::TooLong, text("b")]);
    }

    #[test]
    fn what_is_not_text_is_named_by_its_line() {
        let mut lines = Lines::new(&b"fine\n\xff\xfe\n"[..]);
        lines.next_line().unwrap();
        assert_eq!(lines.next_line().unwrap(), Some(Line::NotText));
        assert_eq!(lines.number(), 2);
    }

    #[test]
    fn whole_lines_at_hand_are_known() {
        let mut lines = Lines::new(io::BufReader::new(&b"one\ntwo\nthr"[..]));
        assert!(!lines.has_line(), "nothing read yet");
        lines.next_line().unwrap();
        assert!(lines.has_line());
        lines.next_line().unwrap();
        assert!(!lines.has_line());
    }
}
