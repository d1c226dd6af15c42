//! The left column: rooms, direct sessions, people.
//!
//! Invariant: what can be clicked is exactly what is drawn.

use super::{theme::Theme, wrap::cut};
use crate::t;
use crate::{
    conversation::Conversation,
    model::{Action, Model},
};
use chalktalk_ipc::{
    event::{Person, Scope},
    text::label,
};
use ratatui::{
    Frame,
    layout::Rect,
    text::{Line, Span},
    widgets::{Block, Borders, Paragraph},
};
use unicode_width::UnicodeWidthStr;

/// Sessions that are known and not open are offered below the open ones, so many at most.
const MAX_OTHERS: usize = 8;

/// Unread messages are counted so far.
const MAX_COUNT: usize = 999;

struct Entry {
    line: Line<'static>,
    action: Option<Action>,
}

/// Draws the column and returns what a click on each row means.
pub(super) fn draw(frame: &mut Frame<'_>, area: Rect, model: &Model, theme: Theme) -> Vec<(Rect, Action)> {
    let block = Block::new().borders(Borders::RIGHT).border_style(theme.dim());
    let inner = block.inner(area);
    let entries = entries(model, theme, usize::from(inner.width.saturating_sub(1)));
    let rows: Vec<Line<'_>> = entries.iter().map(|entry| entry.line.clone()).collect();
    frame.render_widget(Paragraph::new(rows).block(block), area);
    let place = |(row, entry): (u16, Entry)| {
        let row = Rect { y: inner.y + row, height: 1, ..inner };
        entry.action.map(|action| (row, action))
    };
    (0..inner.height).zip(entries).filter_map(place).collect()
}

fn entries(model: &Model, theme: Theme, width: usize) -> Vec<Entry> {
    let direct = |c: &&Conversation| c.summary.scope == Scope::Direct;
    let open = |direct_ones: bool| model.conversations.iter().filter(move |c| direct(c) == direct_ones);
    let others = |direct_ones: bool| {
        let scope = move |scope: Scope| (scope == Scope::Direct) == direct_ones;
        model.others.iter().filter(move |s| scope(s.scope)).take(MAX_OTHERS)
    };
    let mut entries = invitations(model, theme, width);
    for (title, direct_ones) in [(t!("sidebar-rooms"), false), (t!("sidebar-direct"), true)] {
        if direct_ones && open(true).next().is_none() && others(true).next().is_none() {
            continue;
        }
        entries.push(heading(&title, theme));
        entries.extend(open(direct_ones).map(|c| conversation(c, model, theme, width)));
        entries.extend(others(direct_ones).map(|s| {
            let stirred = model.stirred.contains(&s.session);
            let (mark, style) = if stirred { (" • ", theme.accent()) } else { ("   ", theme.dim()) };
            let title = cut(&label(&s.title), width.saturating_sub(mark.width()));
            let line = Line::styled(format!("{mark}{title}"), style);
            Entry { line, action: Some(Action::Enter(s.session)) }
        }));
        entries.push(Entry { line: Line::default(), action: None });
    }
    entries.push(heading(&t!("sidebar-people"), theme));
    let marks = model.marks();
    for p in &model.people {
        entries.push(person(p, marks.get(&p.user).copied(), theme, width));
        entries.extend((!p.saying.is_empty()).then(|| saying(p, theme, width)));
    }
    entries
}

/// Who asks where, while it waits for an answer.
fn invitations(model: &Model, theme: Theme, width: usize) -> Vec<Entry> {
    let waiting: Vec<_> = model.invitations.iter().flatten().take(MAX_OTHERS).collect();
    if waiting.is_empty() {
        return Vec::new();
    }
    let mut entries = vec![heading(&t!("sidebar-invitations"), theme)];
    entries.extend(waiting.into_iter().map(|invitation| {
        let from = format!(" {}", t!("sidebar-by", name = label(&invitation.name)));
        let title = cut(&label(&invitation.title), width.saturating_sub(3));
        let from = cut(&from, width.saturating_sub(3 + title.width()));
        let line = Line::from_iter([
            Span::styled(format!(" ✉ {title}"), theme.accent()),
            Span::styled(from, theme.dim()),
        ]);
        Entry { line, action: Some(Action::Accept(invitation.session)) }
    }));
    entries.push(Entry { line: Line::default(), action: None });
    entries
}

fn heading(text: &str, theme: Theme) -> Entry {
    Entry { line: Line::styled(format!(" {text}"), theme.dim()), action: None }
}

fn conversation(c: &Conversation, model: &Model, theme: Theme, width: usize) -> Entry {
    let chosen = model.focus == Some(c.session());
    let (mark, style) = match (chosen, c.unread) {
        (true, _) => (" ▸ ", theme.accent()),
        (false, 0) => ("   ", ratatui::style::Style::new()),
        (false, _) => ("   ", theme.accent()),
    };
    let count = match (chosen, c.unread, c.mentions) {
        (true, ..) | (_, 0, _) => String::new(),
        (_, n, mentions) => {
            let at = if mentions > 0 { "@" } else { "" };
            let more = if n > MAX_COUNT { "+" } else { "" };
            format!("{at}{}{more}", n.min(MAX_COUNT))
        }
    };
    let liked = if model.favourites.contains(&c.session()) { "★ " } else { "" };
    let draft = if !chosen && !c.editor.is_empty() { " ✎" } else { "" };
    let room = width.saturating_sub(mark.width() + liked.width() + count.width() + draft.width() + 1);
    let title = cut(&c.title(), room);
    let gap = room.saturating_sub(title.width()) + 1;
    let line = Line::from_iter([
        Span::styled(format!("{mark}{liked}{title}"), style),
        Span::styled(draft, theme.dim()),
        Span::raw(" ".repeat(gap)),
        Span::styled(count, theme.accent()),
    ]);
    Entry { line, action: Some(Action::Go(c.session())) }
}

fn person(p: &Person, mark: Option<&str>, theme: Theme, width: usize) -> Entry {
    let (dot, style) = theme.status(p.status);
    let you = if p.me { format!(" {}", t!("sidebar-you")) } else { String::new() };
    let mark = mark.map(|mark| format!(" {mark}")).unwrap_or_default();
    let room = width.saturating_sub(3 + you.width() + mark.width());
    let name = cut(&p.name, room);
    let host = cut(&p.host, room.saturating_sub(name.width() + 1));
    let line = Line::from_iter([
        Span::styled(format!(" {dot} "), style),
        Span::styled(name, theme.author(p.user)),
        Span::styled(you, theme.dim()),
        Span::styled(mark, if p.changed { theme.alarm() } else { theme.dim() }),
        Span::styled(format!(" {host}"), theme.dim()),
    ]);
    Entry { line, action: (!p.me).then_some(Action::Talk(p.user)) }
}

/// What somebody says of themselves.
fn saying(p: &Person, theme: Theme, width: usize) -> Entry {
    let line = Line::styled(format!("   {}", cut(&p.saying, width.saturating_sub(3))), theme.dim());
    Entry { line, action: (!p.me).then_some(Action::Talk(p.user)) }
}
