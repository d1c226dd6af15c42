//! Standard output: lines, JSON, and colours where a person looks.
//!
//! Invariant: a closed output ends the program quietly, and nothing is coloured unless a terminal shows it.

use crate::failure::Failure;
use chalktalk_ipc::text::label;
use serde::Serialize;
use std::{
    env,
    io::{self, IsTerminal, StdoutLock, Write},
};

/// Colours of the terminal's own palette: readable on light and dark.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Style {
    /// As it is.
    Plain,
    /// Stands out.
    Strong,
    /// Steps back.
    Quiet,
    /// Is well.
    Good,
    /// Needs attention.
    Warning,
    /// Is wrong.
    Bad,
    /// Tells people apart.
    Name,
}

impl Style {
    fn code(self) -> &'static str {
        match self {
            Self::Plain => "",
            Self::Strong => "1",
            Self::Quiet => "2",
            Self::Good => "32",
            Self::Warning => "33",
            Self::Bad => "31",
            Self::Name => "36",
        }
    }
}

/// Text in a style, or as it is where nothing is coloured.
pub(crate) fn paint(colour: bool, style: Style, text: &str) -> String {
    if colour && style != Style::Plain && !text.is_empty() {
        format!("\u{1b}[{}m{text}\u{1b}[0m", style.code())
    } else {
        text.to_owned()
    }
}

/// A name as it may be shown; a question mark where nothing of it can be.
pub(crate) fn visible_name(name: &str) -> String {
    match label(name) {
        name if name.is_empty() => "?".to_owned(),
        name => name,
    }
}

/// Standard output of this program.
pub(crate) struct Screen {
    out: io::BufWriter<StdoutLock<'static>>,
    terminal: bool,
    colour: bool,
}

impl Screen {
    /// Takes standard output for this program.
    pub(crate) fn new() -> Self {
        let out = io::stdout().lock();
        let terminal = out.is_terminal();
        // no-color.org: set and not empty means no colour; a dumb terminal has none.
        let unwanted = env::var_os("NO_COLOR").is_some_and(|v| !v.is_empty())
            || env::var_os("TERM").is_some_and(|term| term == "dumb");
        Self { out: io::BufWriter::new(out), terminal, colour: terminal && !unwanted }
    }

    /// Whether a terminal shows it.
    pub(crate) fn is_terminal(&self) -> bool {
        self.terminal
    }

    /// Whether colours are wanted.
    pub(crate) fn colour(&self) -> bool {
        self.colour
    }

    /// Text as it is.
    pub(crate) fn put(&mut self, text: &str) -> Result<(), Failure> {
        self.out.write_all(text.as_bytes()).map_err(Failure::from_output)
    }

    /// A line of text.
    pub(crate) fn line(&mut self, text: &str) -> Result<(), Failure> {
        self.put(text)?;
        self.put("\n")
    }

    /// A value as JSON on a line of its own.
    pub(crate) fn json(&mut self, value: &impl Serialize) -> Result<(), Failure> {
        serde_json::to_writer(&mut self.out, value).map_err(|e| Failure::from_output(e.into()))?;
        self.put("\n")
    }

    /// Begins a new page on a terminal; elsewhere an empty line parts the pages.
    pub(crate) fn new_page(&mut self, first: bool) -> Result<(), Failure> {
        match (self.terminal, first) {
            (true, _) => self.put("\u{1b}[H\u{1b}[2J"),
            (false, true) => Ok(()),
            (false, false) => self.put("\n"),
        }
    }

    /// Lets the reader see everything put so far.
    pub(crate) fn flush(&mut self) -> Result<(), Failure> {
        self.out.flush().map_err(Failure::from_output)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colour_appears_only_where_it_is_wanted() {
        assert_eq!(paint(true, Style::Good, "online"), "\u{1b}[32monline\u{1b}[0m");
        assert_eq!(paint(false, Style::Good, "online"), "online");
        assert_eq!(paint(true, Style::Plain, "ana"), "ana");
        assert_eq!(paint(true, Style::Good, ""), "");
    }
}
