//! The list of messages that were found, over everything else.

use super::{
    screen::{framed, headline},
    theme::Theme,
    wrap::cut,
};
use crate::{model::Model, t, transcript::moment};
use chalktalk_ipc::text::{label, printable};
use chalktalk_search::{Hit, Query};
use jiff::tz::TimeZone;
use ratatui::{
    Frame,
    layout::Rect,
    text::{Line, Span},
    widgets::{Clear, Paragraph},
};

/// Columns left free on either side where there is room.
const MARGIN: u16 = 4;

/// Columns of conversation and author.
const NAMES: usize = 12;

/// Draws the list; the chosen message stays in view.
pub(super) fn draw(frame: &mut Frame<'_>, model: &Model, theme: Theme, zone: &TimeZone) {
    let (screen, finding) = (frame.area(), &model.finding);
    let margin = if screen.width > 60 { MARGIN } else { 0 };
    let width = screen.width.saturating_sub(2 * margin);
    let height = (finding.hits.len() as u16).saturating_add(2).min(screen.height);
    let area = Rect { x: screen.x + margin, y: screen.y + (screen.height - height) / 3, width, height };
    let shown = usize::from(height).saturating_sub(2);
    let skipped = (finding.chosen + 1).saturating_sub(shown);
    let rows = finding.hits.iter().enumerate().skip(skipped).take(shown).map(|(at, hit)| {
        let line = row(hit, &finding.query, usize::from(width).saturating_sub(3), theme, zone);
        if at == finding.chosen { line.style(theme.chosen()) } else { line }
    });
    let rows: Vec<Line<'_>> = rows.collect();
    let title = t!("found-title", typed = cut(&label(&finding.typed), 30));
    let count = t!("found-count", n = finding.chosen + 1, all = finding.hits.len());
    let block =
        framed(theme).title(headline(&title, theme.accent())).title_bottom(headline(&count, theme.dim()));
    frame.render_widget(Clear, area);
    frame.render_widget(Paragraph::new(rows).block(block), area);
}

fn row(hit: &Hit, query: &Query, room: usize, theme: Theme, zone: &TimeZone) -> Line<'static> {
    let day = moment(hit.time).to_zoned(zone.clone()).strftime("%y-%m-%d %H:%M").to_string();
    let column = |text: &str| {
        let text = cut(&label(text), NAMES);
        let padding = NAMES.saturating_sub(unicode_width::UnicodeWidthStr::width(text.as_str()));
        format!("{text}{}", " ".repeat(padding))
    };
    let text = printable(&hit.text).replace(['\n', '\t'], " ");
    let room = room.saturating_sub(day.len() + 2 * NAMES + 4);
    let text = cut(&query.excerpt(&text, room.max(1)), room);
    Line::from_iter([
        Span::styled(format!(" {day} "), theme.dim()),
        Span::raw(format!("{} ", column(&hit.title))),
        Span::styled(format!("{} ", column(&hit.name)), theme.author(hit.user)),
        Span::raw(text),
    ])
}
