//! The whole screen: people and places on the left, the talk on the right, the line being written below.
//!
//! Invariant: any model can be drawn into any size, down to a single cell.

use super::{
    found, help,
    history::{Look, view},
    sidebar, switcher,
    theme::Theme,
    wrap::{cut, wrap, wrap_with_cursor},
};
use crate::{
    conversation::{Conversation, Tone},
    model::{Action, Mode, Model, PALETTE},
    t, telling,
};
use chalktalk_ipc::text::label;
use jiff::tz::TimeZone;
use ratatui::{
    Frame,
    layout::{Position, Rect},
    style::Style,
    text::{Line, Span},
    widgets::{Block, BorderType, Borders, Clear, Paragraph},
};
use unicode_width::UnicodeWidthStr;

/// Narrower screens have no room for a left column.
const SIDEBAR_FROM: u16 = 72;

/// The left column, with its border.
const SIDEBAR: u16 = 25;

/// The line being written grows to so many rows.
const MAX_INPUT: u16 = 6;

pub(super) const PROMPT: &str = "› ";

/// What came of drawing.
#[derive(Debug, Default)]
pub(super) struct Drawn {
    /// The person scrolled up to the first line there is.
    pub(super) reached_top: bool,
    /// Where a click means what.
    pub(super) hits: Vec<(Rect, Action)>,
}

/// Draws everything.
pub(super) fn draw(frame: &mut Frame<'_>, model: &mut Model, theme: Theme, zone: &TimeZone) -> Drawn {
    let mut drawn = Drawn::default();
    let mut area = frame.area();
    if area.is_empty() {
        return drawn;
    }
    if area.width >= SIDEBAR_FROM {
        let (left, right) = split_left(area, SIDEBAR);
        drawn.hits = sidebar::draw(frame, left, model, theme);
        area = right;
    }
    drawn.reached_top = draw_talk(frame, area, model, theme, zone);
    if model.mode == Mode::Switching {
        switcher::draw(frame, model, theme);
    }
    if model.mode == Mode::Finding {
        found::draw(frame, model, theme, zone);
    }
    if let Mode::Help(row) = &mut model.mode {
        *row = help::draw(frame, *row, theme);
    }
    drawn
}

fn draw_talk(frame: &mut Frame<'_>, area: Rect, model: &mut Model, theme: Theme, zone: &TimeZone) -> bool {
    let height = area.height;
    let prompt = PROMPT.width() as u16;
    let input_width = usize::from(area.width.saturating_sub(prompt).max(1));
    let (text, cursor) = model.current().map_or(("", 0), |c| (c.editor.text(), c.editor.cursor()));
    let (rows, row, column) = wrap_with_cursor(text, cursor, input_width);
    let input_height = (rows.len() as u16).min(MAX_INPUT).min((height / 3).max(1));
    let mut rest = area;
    let status = take_bottom(&mut rest, u16::from(height >= 4));
    let input = take_bottom(&mut rest, input_height);
    let doing = telling::purpose(model).map(|text| format!(" {text}"));
    let purpose = take_bottom(&mut rest, u16::from(height >= 7 && doing.is_some()));
    let rule = take_bottom(&mut rest, u16::from(height >= 5));
    let warning = telling::obstacle(model).map(|text| format!(" {text}"));
    let banner = take_bottom(&mut rest, u16::from(height >= 6 && warning.is_some()));
    let header = take_top(&mut rest, if height >= 8 { 2 } else { 0 });

    draw_header(frame, header, model, theme, zone);
    let (reached_top, below) = draw_history(frame, rest, model, theme, zone);
    if let Some(text) = warning {
        frame.render_widget(Paragraph::new(cut(&text, banner.width.into())).style(theme.banner()), banner);
    }
    if let Some(text) = doing {
        frame.render_widget(Paragraph::new(cut(&text, purpose.width.into())).style(theme.accent()), purpose);
    }
    draw_rule(frame, rule, model.current(), below, theme);
    draw_input(frame, input, model, &rows, (row, column), theme);
    draw_status(frame, status, model, theme);
    draw_completions(frame, rest, input, model, theme);
    reached_top
}

fn draw_header(frame: &mut Frame<'_>, area: Rect, model: &Model, theme: Theme, zone: &TimeZone) {
    if area.is_empty() {
        return;
    }
    let Some(c) = model.current() else {
        return frame.render_widget(Paragraph::new(Span::styled("Chalktalk", theme.accent())), area);
    };
    let width = usize::from(area.width);
    let title = cut(&c.title(), width);
    let here = telling::members(c);
    let hint = telling::secrecy(c) + &telling::quietness(model, c);
    let room = width.saturating_sub(title.width() + 2);
    let hint = if room >= hint.width() { hint } else { String::new() };
    let here = cut(&here, room.saturating_sub(hint.width() + 2));
    let gap = width.saturating_sub(title.width() + 2 + hint.width() + here.width());
    let line = Line::from_iter([
        Span::styled(title, theme.accent()),
        Span::styled(format!("  {hint}"), theme.dim()),
        Span::raw(" ".repeat(gap)),
        Span::styled(here, theme.dim()),
    ]);
    let below = match (telling::trouble(&model.warnings), telling::out_of_sight(c, zone)) {
        (Some(text), _) => Line::styled(cut(&format!(" {text}"), width), theme.banner()),
        (None, Some(text)) => Line::styled(cut(&format!(" {text}"), width), theme.accent()),
        (None, None) => Line::styled("─".repeat(width), theme.dim()),
    };
    frame.render_widget(Paragraph::new(vec![line, below]), area);
}

/// Draws the talk; whether scrolling reached the first line, and how many lines are below the view.
fn draw_history(
    frame: &mut Frame<'_>,
    area: Rect,
    model: &mut Model,
    theme: Theme,
    zone: &TimeZone,
) -> (bool, usize) {
    if area.is_empty() {
        return (false, 0);
    }
    let selected = match model.mode {
        Mode::Selecting(at) => Some(at),
        Mode::Writing | Mode::Help(_) | Mode::Switching | Mode::Finding => None,
    };
    let (shared, marks) = (&model.shared_names(), &model.marks());
    let (all, me) = (model.apps.clone(), model.me.user);
    let apps = &*all;
    let (width, files, focus) = (area.width.into(), &model.files, model.focus);
    let look = Look { theme, zone, width, selected, shared, marks, apps, me, files };
    let Some(c) = model.conversations.iter_mut().find(|c| Some(c.session()) == focus) else {
        let lines = [t!("nothing-open"), String::new(), t!("nothing-open-hint")];
        draw_centred(frame, area, &lines, theme);
        return (false, 0);
    };
    if c.lines.is_empty() {
        let [nothing, first] = telling::nothing_said(c);
        draw_centred(frame, area, &[nothing, first, String::new(), t!("empty-keys")], theme);
        return (false, 0);
    }
    let view = view(c, &look, area.height.into());
    // A short talk stands at the bottom, where the next line will be.
    let top = area.height.saturating_sub(view.rows.len() as u16);
    let place = Rect { y: area.y + top, height: area.height - top, ..area };
    frame.render_widget(Paragraph::new(view.rows), place);
    (view.reached_top, view.below)
}

fn draw_centred(frame: &mut Frame<'_>, area: Rect, lines: &[String], theme: Theme) {
    let rows: Vec<Line<'_>> = lines
        .iter()
        .flat_map(|line| wrap(line, area.width.into()))
        .map(|row| Line::styled(row, theme.dim()).centered())
        .collect();
    let top = (area.height / 2).saturating_sub(rows.len() as u16 / 2).min(area.height.saturating_sub(1));
    let place = Rect { y: area.y + top, height: area.height - top, ..area };
    frame.render_widget(Paragraph::new(rows), place);
}

/// The rule above the line being written; it says what is below the view.
fn draw_rule(frame: &mut Frame<'_>, area: Rect, c: Option<&Conversation>, below: usize, theme: Theme) {
    let unread = c.map_or(0, |c| c.unread);
    let (text, style) = match (below, unread) {
        (0, _) => (String::new(), theme.dim()),
        (below, 0) => (format!(" {} ", t!("below-more", n = below)), theme.dim()),
        (_, unread) => (format!(" {} ", t!("below-new", n = unread)), theme.accent()),
    };
    let width = usize::from(area.width);
    let text = cut(&text, width);
    let typing = c.map(telling::typing).filter(|text| !text.is_empty());
    let typing = typing.map(|text| format!(" {text} ")).unwrap_or_default();
    let typing = cut(&typing, width.saturating_sub(text.width() + 4));
    let side = width.saturating_sub(text.width() + typing.width());
    let left = side.saturating_sub(2.min(side));
    let line = Line::from_iter([
        Span::styled(typing, theme.accent()),
        Span::styled("─".repeat(left), theme.dim()),
        Span::styled(text, style),
        Span::styled("─".repeat(side - left), theme.dim()),
    ]);
    frame.render_widget(Paragraph::new(line), area);
}

fn draw_input(
    frame: &mut Frame<'_>,
    area: Rect,
    model: &Model,
    rows: &[String],
    (row, column): (usize, usize),
    theme: Theme,
) {
    let height = usize::from(area.height);
    if area.is_empty() {
        return;
    }
    let first = (row + 1).saturating_sub(height);
    let prompt = if area.width > 4 { PROMPT } else { "" };
    let empty = model.current().is_none_or(|c| c.editor.is_empty());
    let hint = model.current().map_or_else(|| "/join #room".into(), |c| t!("input-hint", title = c.title()));
    let room = usize::from(area.width).saturating_sub(prompt.width());
    let line = |(at, text): (usize, &String)| {
        let lead = if at == 0 { prompt.to_owned() } else { " ".repeat(prompt.width()) };
        let shown = if empty { Span::styled(cut(&hint, room), theme.dim()) } else { Span::raw(text.clone()) };
        Line::from_iter([Span::styled(lead, theme.accent()), shown])
    };
    let lines: Vec<Line<'_>> = rows.iter().enumerate().skip(first).take(height).map(line).collect();
    frame.render_widget(Paragraph::new(lines), area);
    if model.mode == Mode::Writing {
        let x = area.x + (prompt.width() + column) as u16;
        let y = area.y + (row - first) as u16;
        let last = Position { x: area.right().saturating_sub(1), y: area.bottom().saturating_sub(1) };
        frame.set_cursor_position(Position { x: x.min(last.x), y: y.min(last.y) });
    }
}

fn draw_status(frame: &mut Frame<'_>, area: Rect, model: &Model, theme: Theme) {
    let width = usize::from(area.width);
    let (left, style) = match (&model.flash, model.mode) {
        (Some((Tone::Alarm, text)), _) => (text.replace('\n', " "), theme.alarm()),
        (Some((Tone::Quiet, text)), _) => (text.replace('\n', " "), theme.dim()),
        (None, Mode::Selecting(_)) => (selecting(), theme.accent()),
        (None, _) => (t!("status-keys"), theme.dim()),
    };
    let elsewhere: usize =
        model.conversations.iter().filter(|c| Some(c.session()) != model.focus).map(|c| c.unread).sum();
    let me = match elsewhere {
        0 => label(&model.me.name),
        n => t!("status-unread", n = n, name = label(&model.me.name)),
    };
    let me = cut(&me, width / 2);
    let left = cut(&left, width.saturating_sub(me.width() + 2));
    let gap = width.saturating_sub(left.width() + me.width());
    let line = Line::from_iter([
        Span::styled(left, style),
        Span::raw(" ".repeat(gap)),
        Span::styled(me, if elsewhere > 0 { theme.accent() } else { theme.dim() }),
    ]);
    frame.render_widget(Paragraph::new(line), area);
}

/// What the keys do with the chosen message.
fn selecting() -> String {
    let palette: Vec<String> =
        PALETTE.iter().enumerate().map(|(at, emoji)| format!("{}{emoji}", at + 1)).collect();
    format!("{} · {}", t!("selecting-keys"), palette.join(" "))
}

/// Ways to go on, above the line being written.
fn draw_completions(frame: &mut Frame<'_>, above: Rect, input: Rect, model: &Model, theme: Theme) {
    let Some(completions) = model.completions() else { return };
    let height = (completions.items.len() as u16 + 2).min(above.height);
    if height < 3 || above.width < 8 {
        return;
    }
    let first = completions.items.iter().map(|(text, _)| text.width()).max().unwrap_or(0);
    // The chosen one stays in view.
    let skipped = (model.chosen + 1).saturating_sub(usize::from(height) - 2);
    let rows = completions.items.iter().enumerate().skip(skipped).map(|(at, (text, about))| {
        let padding = " ".repeat(first.saturating_sub(text.width()) + 1);
        let chosen = at == model.chosen;
        let line = Line::from_iter([
            Span::raw(format!(" {}{padding}", label(text))),
            Span::styled(about.clone(), if chosen { Style::new() } else { theme.dim() }),
        ]);
        if chosen { line.style(theme.chosen()) } else { line }
    });
    let rows: Vec<Line<'_>> = rows.collect();
    let width = rows.iter().map(Line::width).max().unwrap_or(0) as u16 + 3;
    let area = Rect { x: input.x, y: above.bottom() - height, width: width.min(above.width), height };
    let block = framed(theme).title(headline(&t!("completions-title"), theme.dim()));
    frame.render_widget(Clear, area);
    frame.render_widget(Paragraph::new(rows).block(block), area);
}

/// What stands in the frame. Frames would keep the marks of directions, for which a terminal has no place.
pub(super) fn headline(text: &str, style: Style) -> Span<'static> {
    let text: String = text.chars().filter(|c| !('\u{2066}'..='\u{2069}').contains(c)).collect();
    Span::styled(format!(" {text} "), style)
}

pub(super) fn framed(theme: Theme) -> Block<'static> {
    Block::new().borders(Borders::ALL).border_type(BorderType::Rounded).border_style(theme.dim())
}

fn split_left(area: Rect, width: u16) -> (Rect, Rect) {
    let width = width.min(area.width);
    (Rect { width, ..area }, Rect { x: area.x + width, width: area.width - width, ..area })
}

fn take_top(rest: &mut Rect, rows: u16) -> Rect {
    let rows = rows.min(rest.height);
    let taken = Rect { height: rows, ..*rest };
    *rest = Rect { y: rest.y + rows, height: rest.height - rows, ..*rest };
    taken
}

fn take_bottom(rest: &mut Rect, rows: u16) -> Rect {
    let rows = rows.min(rest.height);
    rest.height -= rows;
    Rect { y: rest.y + rest.height, height: rows, ..*rest }
}
