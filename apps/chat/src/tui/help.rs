//! The keys and the commands, over everything else.

use super::{screen::framed, theme::Theme};
use crate::{command::commands, t, text_id, texts::plain};
use ratatui::{
    Frame,
    layout::Rect,
    style::Modifier,
    text::{Line, Span},
    widgets::{Clear, Paragraph},
};
use unicode_width::UnicodeWidthStr;

/// Keys and what they do. What is named by its id is said in the language of the chat.
const KEYS: [(&str, &str); 18] = [
    (text_id!("key-enter"), text_id!("keys-send")),
    (text_id!("key-new-line"), text_id!("keys-new-line")),
    (text_id!("key-tab"), text_id!("keys-complete")),
    (text_id!("key-up-down"), text_id!("keys-up-down")),
    (text_id!("key-alt-up-down"), text_id!("keys-switch")),
    ("Alt-1 … Alt-9", text_id!("keys-place")),
    (text_id!("key-page"), text_id!("keys-scroll")),
    (text_id!("key-esc"), text_id!("keys-newest")),
    ("F2", text_id!("keys-choose")),
    ("Ctrl-K", text_id!("keys-switcher")),
    ("Alt-U", text_id!("keys-new")),
    ("Alt-A", text_id!("keys-unread")),
    ("Ctrl-A, Ctrl-E", text_id!("keys-line")),
    (text_id!("key-words"), text_id!("keys-words")),
    ("Ctrl-W, Ctrl-U, Alt-K", text_id!("keys-cut")),
    ("Ctrl-Y", text_id!("keys-put-back")),
    (text_id!("key-mouse"), text_id!("keys-mouse")),
    ("Ctrl-C", text_id!("keys-interrupt")),
];

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
    let mut block = framed(theme).title(Span::styled(format!(" {title} "), theme.accent()));
    if row < hidden {
        let more = format!(" {} ", t!("help-more", n = hidden - row));
        block = block.title_bottom(Span::styled(more, theme.accent()));
    }
    frame.render_widget(Paragraph::new(rows).scroll((row, 0)).block(block), area);
    row
}

fn rows(theme: Theme) -> Vec<Line<'static>> {
    let row = |key: String, about: String| {
        let padding = " ".repeat(FIRST.saturating_sub(key.width()));
        Line::from_iter([Span::styled(format!(" {key}{padding}"), theme.accent()), Span::raw(about)])
    };
    let mut rows: Vec<Line<'_>> = KEYS.iter().map(|(key, about)| row(plain(key), plain(about))).collect();
    rows.push(Line::default());
    rows.extend(commands().map(|(name, arguments, about)| row(format!("{name} {arguments}"), about)));
    let ticks = Line::styled(format!(" {}", t!("keys-ticks")), theme.dim().remove_modifier(Modifier::BOLD));
    let signs = Line::styled(format!(" {}", t!("keys-signs")), theme.dim());
    rows.extend([Line::default(), ticks, signs]);
    rows
}
