//! The keys and the commands, over everything else.

use super::{
    screen::{framed, headline},
    theme::Theme,
};
use crate::{
    keys::{Face, keys, signs, told_commands},
    t,
};
use ratatui::{
    Frame,
    layout::Rect,
    style::Modifier,
    text::{Line, Span},
    widgets::{Clear, Paragraph},
};
use unicode_width::UnicodeWidthStr;

/// Columns of keys, and of commands with what stands behind them.
const FIRST: usize = 25;

/// Draws them from this row on; from which one they could be drawn.
pub(super) fn draw(frame: &mut Frame<'_>, row: u16, theme: Theme) -> u16 {
    let screen = frame.area();
    let rows = rows(theme);
    let width = (rows.iter().map(Line::width).max().unwrap_or(0) as u16 + 3).min(screen.width);
    let height = (rows.len() as u16 + 2).min(screen.height);
    let area = Rect {
        x: screen.x + (screen.width - width) / 2,
        y: screen.y + (screen.height - height) / 2,
        width,
        height,
    };
    frame.render_widget(Clear, area);
    let hidden = (rows.len() as u16).saturating_sub(height.saturating_sub(2));
    let row = row.min(hidden);
    let title = if hidden > 0 { t!("help-title-scroll") } else { t!("help-title") };
    let mut block = framed(theme).title(headline(&title, theme.accent()));
    if row < hidden {
        let more = t!("help-more", n = hidden - row);
        block = block.title_bottom(headline(&more, theme.accent()));
    }
    frame.render_widget(Paragraph::new(rows).scroll((row, 0)).block(block), area);
    row
}

fn rows(theme: Theme) -> Vec<Line<'static>> {
    let row = |key: String, about: String| {
        let padding = " ".repeat(FIRST.saturating_sub(key.width()).max(1));
        Line::from_iter([Span::styled(format!(" {key}{padding}"), theme.accent()), Span::raw(about)])
    };
    let mut rows: Vec<Line<'_>> = keys(Face::Terminal).map(|(key, about)| row(key, about)).collect();
    rows.push(Line::default());
    rows.extend(told_commands().map(|(command, about)| row(command, about)));
    let dim = theme.dim().remove_modifier(Modifier::BOLD);
    let signs = signs().map(|signs| Line::styled(format!(" {signs}"), dim));
    rows.extend([Line::default()].into_iter().chain(signs));
    rows
}
