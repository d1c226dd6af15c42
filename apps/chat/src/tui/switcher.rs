//! The quick switcher: letters, and where they may lead.

use super::{
    screen::{PROMPT, framed, headline},
    theme::Theme,
    wrap::cut,
};
use crate::{
    model::{Goal, Model},
    t,
};
use chalktalk_ipc::text::label;
use ratatui::{
    Frame,
    layout::Rect,
    text::{Line, Span},
    widgets::{Clear, Paragraph},
};
use unicode_width::UnicodeWidthStr;

/// Columns of it.
const WIDTH: u16 = 52;

pub(super) fn draw(frame: &mut Frame<'_>, model: &Model, theme: Theme) {
    let screen = frame.area();
    let goals = model.goals();
    let width = WIDTH.min(screen.width);
    let height = (goals.len().max(1) as u16 + 3).min(screen.height);
    let area = Rect {
        x: screen.x + (screen.width - width) / 2,
        y: screen.y + (screen.height - height) / 3,
        width,
        height,
    };
    let room = usize::from(width).saturating_sub(3);
    let query =
        Line::from_iter([Span::styled(PROMPT, theme.accent()), Span::raw(label(&model.switcher.query))]);
    let row = |(at, goal): (usize, &Goal)| {
        let name = cut(&goal.name, room);
        let about = cut(&goal.about, room.saturating_sub(name.width() + 2));
        let gap = room.saturating_sub(name.width() + about.width());
        let line = Line::from_iter([
            Span::raw(format!(" {name}")),
            Span::raw(" ".repeat(gap)),
            Span::styled(about, theme.dim()),
        ]);
        if at == model.switcher.chosen { line.style(theme.chosen()) } else { line }
    };
    let mut rows = vec![query];
    rows.extend(goals.iter().enumerate().map(row));
    if goals.is_empty() {
        rows.push(Line::styled(format!(" {}", t!("switcher-none")), theme.dim()));
    }
    frame.render_widget(Clear, area);
    let block = framed(theme).title(headline(&t!("switcher-title"), theme.accent()));
    frame.render_widget(Paragraph::new(rows).block(block), area);
}
