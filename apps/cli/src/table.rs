//! Aligned columns, measured as a terminal shows them: wide characters count two, combining ones none.

use crate::screen::{Style, paint};
use unicode_width::UnicodeWidthStr;

const GAP: usize = 2;

/// Rows of cells under headings.
pub(crate) struct Table<const N: usize> {
    headings: [&'static str; N],
    rows: Vec<[Cell; N]>,
}

/// A text and how it looks.
#[derive(Clone)]
pub(crate) struct Cell {
    text: String,
    style: Style,
}

impl Cell {
    /// A cell in a style.
    pub(crate) fn new(text: impl Into<String>, style: Style) -> Self {
        Self { text: text.into(), style }
    }
}

impl<T: Into<String>> From<T> for Cell {
    fn from(text: T) -> Self {
        Self::new(text, Style::Plain)
    }
}

impl<const N: usize> Table<N> {
    /// An empty table.
    pub(crate) fn new(headings: [&'static str; N]) -> Self {
        Self { headings, rows: Vec::new() }
    }

    /// Adds a row.
    pub(crate) fn row(&mut self, cells: [Cell; N]) {
        self.rows.push(cells);
    }

    /// The lines, each ended; nothing is padded behind the last column.
    pub(crate) fn render(&self, colour: bool) -> String {
        let headings = self.headings.map(|h| Cell::new(h, Style::Quiet));
        let lines = || std::iter::once(&headings).chain(&self.rows);
        let widths: [usize; N] =
            std::array::from_fn(|i| lines().map(|row| row[i].text.width()).max().unwrap_or(0));
        let mut out = String::new();
        for row in lines() {
            let used = row.iter().rposition(|cell| !cell.text.is_empty()).map_or(0, |last| last + 1);
            for (i, cell) in row[..used].iter().enumerate() {
                out.push_str(&paint(colour, cell.style, &cell.text));
                if i + 1 < used {
                    out.push_str(&" ".repeat(widths[i] - cell.text.width() + GAP));
                }
            }
            out.push('\n');
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use insta::assert_snapshot;

    fn table() -> Table<3> {
        let mut table = Table::new(["NAME", "HOST", "STATUS"]);
        table.row(["ana".into(), "ana-laptop".into(), Cell::new("online", Style::Good)]);
        table.row(["田中 さくら".into(), "".into(), Cell::new("away", Style::Warning)]);
        table.row(["cy".into(), "pi".into(), "".into()]);
        table
    }

    #[test]
    fn columns_line_up_as_a_terminal_shows_them() {
        assert_snapshot!(table().render(false), @"
        NAME         HOST        STATUS
        ana          ana-laptop  online
        田中 さくら              away
        cy           pi
        ");
    }

    #[test]
    fn colour_changes_no_width() {
        let coloured = table().render(true);
        let mut stripped = coloured.replace("\u{1b}[0m", "");
        for code in ["2", "32", "33"] {
            stripped = stripped.replace(&format!("\u{1b}[{code}m"), "");
        }
        assert_eq!(stripped, table().render(false));
        assert!(coloured.contains("\u{1b}[32monline"));
    }

    #[test]
    fn no_line_ends_in_blanks() {
        assert!(table().render(false).lines().all(|line| line == line.trim_end()));
    }
}
