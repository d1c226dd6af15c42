//! A text with its marks, in rows.
//!
//! Invariant: the rows are those of [`wrap`], letter for letter; only their looks are added.

use super::{theme::Theme, wrap::wrap};
use crate::markdown::{Look, Marked};
use ratatui::{
    style::{Modifier, Style},
    text::Span,
};

/// The rows of a text in a style, with what its marks add.
pub(super) fn rows(marked: &Marked, style: Style, theme: Theme, width: usize) -> Vec<Vec<Span<'static>>> {
    let rows = wrap(&marked.text, width);
    if marked.runs.is_empty() {
        return rows.into_iter().map(|row| vec![Span::styled(row, style)]).collect();
    }
    let mut looks = Looks { letters: marked.text.char_indices(), runs: &marked.runs, look: Look::default() };
    rows.into_iter().map(|row| looks.row(&row, style, theme)).collect()
}

/// Goes through a text beside its rows.
struct Looks<'a> {
    letters: std::str::CharIndices<'a>,
    runs: &'a [(usize, Look)],
    look: Look,
}

impl Looks<'_> {
    fn row(&mut self, row: &str, style: Style, theme: Theme) -> Vec<Span<'static>> {
        let mut spans: Vec<(String, Look)> = Vec::new();
        for letter in row.chars() {
            self.advance_to(letter);
            match spans.last_mut() {
                Some((text, look)) if *look == self.look => text.push(letter),
                _ => spans.push((letter.into(), self.look)),
            }
        }
        spans.into_iter().map(|(text, look)| Span::styled(text, style.patch(styled(look, theme)))).collect()
    }

    /// To the next such letter: between rows are blanks that are in none, and a tab is shown as several blanks.
    fn advance_to(&mut self, letter: char) {
        let before = self.letters.clone();
        let tab = letter == ' ' && before.as_str().starts_with('\t');
        let found = if tab { self.letters.next() } else { self.letters.find(|(_, c)| *c == letter) };
        match found {
            Some((at, _)) => {
                while let Some(((_, look), rest)) =
                    self.runs.split_first().filter(|((start, _), _)| *start <= at)
                {
                    (self.look, self.runs) = (*look, rest);
                }
            }
            None => self.letters = before,
        }
    }
}

fn styled(look: Look, theme: Theme) -> Style {
    let parts = [
        (look.bold, Modifier::BOLD),
        (look.italic, Modifier::ITALIC),
        (look.struck, Modifier::CROSSED_OUT),
        (look.link, Modifier::UNDERLINED),
    ];
    let style = look.code.map_or(Style::new(), |token| theme.code(token));
    parts.into_iter().filter(|(on, _)| *on).fold(style, |style, (_, part)| style.add_modifier(part))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::markdown::read;

    #[test]
    fn rows_keep_every_letter_and_its_look() {
        let text = "a **bold text that goes on** and `code\there` and 日本 *語で*\n```\n  indented\tcode\n```\nend https://a.example/x";
        let marked = read(text);
        for width in 2..60 {
            let styled = rows(&marked, Style::new(), Theme::new(true), width);
            let plain: Vec<String> =
                styled.iter().map(|row| row.iter().map(|span| &*span.content).collect()).collect();
            assert_eq!(plain, wrap(&marked.text, width), "{width}");
            let bold: String = styled
                .iter()
                .flatten()
                .filter(|span| span.style.add_modifier.contains(Modifier::BOLD))
                .map(|span| &*span.content)
                .collect();
            assert_eq!(bold.replace(' ', ""), "boldtextthatgoeson", "{width}");
        }
    }
}
