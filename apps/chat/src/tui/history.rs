//! The lines of a conversation, from the bottom of the view upwards.
//!
//! Invariant: only lines that are in view, or are scrolled over, are laid out: a long past costs nothing.

use super::{
    marked,
    theme::Theme,
    wrap::{cut, wrap},
};
use crate::card::Card;
use crate::conversation::{Body, Conversation, InView, Line, Order, Own, Said, Tone, harmless};
use crate::markdown::{self, Marked};
use crate::model::{Files, Offered, outcome};
use crate::t;
use crate::telling::{self, Weight};
use crate::transcript::moment;
use chalktalk_client::chat::Kind;
use chalktalk_ipc::{UserId, nway::AppSession};
use jiff::{Zoned, tz::TimeZone};
use ratatui::{
    style::{Modifier, Style},
    text::{Line as Row, Span},
};
use std::collections::{BTreeMap, BTreeSet};
use unicode_width::UnicodeWidthStr;

/// Below this width names stand before the text instead of in a column.
const WIDE: usize = 50;

/// The column of names.
const NAME: usize = 12;

/// Where texts begin in a wide view: gutter, time, blank, name, two blanks.
const INDENT: usize = 1 + 5 + 1 + NAME + 2;

/// How lines are drawn.
pub(super) struct Look<'a> {
    pub(super) theme: Theme,
    pub(super) zone: &'a TimeZone,
    pub(super) width: usize,
    pub(super) selected: Option<Order>,
    /// Names that several people have.
    pub(super) shared: &'a BTreeSet<String>,
    /// What stands beside names.
    pub(super) marks: &'a BTreeMap<UserId, &'static str>,
    /// Programs that people run together, and whom to tell what to type.
    pub(super) apps: &'a [AppSession],
    pub(super) me: UserId,
    pub(super) files: &'a Files,
}

/// The rows in view, top to bottom, at most `height`.
pub(super) struct View {
    pub(super) rows: Vec<Row<'static>>,
    /// Scrolling up stopped at the first line.
    pub(super) reached_top: bool,
    /// Lines below the view.
    pub(super) below: usize,
}

/// Lays out what is in view, and settles where that is: `scroll` has no wish left afterwards.
pub(super) fn view(c: &mut Conversation, look: &Look<'_>, height: usize) -> View {
    let mut blocks: BTreeMap<usize, Vec<Row<'static>>> = BTreeMap::new();
    let view = c.look(look.selected, height, &mut |c, at| {
        blocks.entry(at).or_insert_with(|| block(c, at, look)).len()
    });
    let mut rows = Vec::new();
    for (at, block) in blocks.range(view.first..=view.last) {
        let end = block.len() - if *at == view.last { view.below.min(block.len()) } else { 0 };
        let start = if *at == view.first { view.above.min(end) } else { 0 };
        rows.extend_from_slice(&block[start..end]);
    }
    name_the_first(c, look, &mut rows, view);
    View { rows, reached_top: view.reached_top, below: view.more }
}

/// The line at the top says who and when even if it belongs to a group: what says so above is not in view.
fn name_the_first(c: &Conversation, look: &Look<'_>, rows: &mut [Row<'static>], view: InView) {
    let first = (view.first..=view.last).find(|at| c.lines.get(*at).is_some_and(|line| c.shows(line)));
    let Some((at, line)) = first.and_then(|at| Some((at, c.lines.get(at)?))) else { return };
    let Body::Said(said) = &line.body else { return };
    if let Some(row) = rows.first_mut().filter(|_| view.above == 0 && look.width >= WIDE)
        && telling::before(c, at, look.zone).grouped
    {
        let time = moment(line.time).to_zoned(look.zone.clone());
        *row = styled(wide(c, line, said, &time, false, look), line.order, look).swap_remove(0);
    }
}

/// One line with what stands before it: the day where it changes, the marker where the new begins.
fn block(c: &Conversation, at: usize, look: &Look<'_>) -> Vec<Row<'static>> {
    let line = &c.lines[at];
    if !c.shows(line) {
        return Vec::new();
    }
    let time = moment(line.time).to_zoned(look.zone.clone());
    let before = telling::before(c, at, look.zone);
    let mut rows: Vec<Row<'static>> =
        before.day.iter().map(|day| rule(day, look.theme.dim(), look.width)).collect();
    if before.new {
        rows.push(rule(&t!("rule-new"), look.theme.accent(), look.width));
    }
    let body = match &line.body {
        Body::Said(said) if look.width >= WIDE => wide(c, line, said, &time, before.grouped, look),
        Body::Said(said) => narrow(c, line, said, &time, before.grouped, look),
        Body::Notice(tone, text) => notice(*tone, text, look),
    };
    rows.extend(styled(body, line.order, look));
    rows
}

fn styled(mut rows: Vec<Row<'static>>, order: Order, look: &Look<'_>) -> Vec<Row<'static>> {
    if look.selected == Some(order) {
        rows.iter_mut().for_each(|row| *row = std::mem::take(row).patch_style(look.theme.chosen()));
    }
    rows
}

fn rule(text: &str, style: Style, width: usize) -> Row<'static> {
    let text = format!(" {} ", cut(text, width.saturating_sub(4)));
    let side = width.saturating_sub(text.width());
    let (left, right) = (side / 2, side - side / 2);
    Row::styled(format!("{}{text}{}", "─".repeat(left), "─".repeat(right)), style)
}

fn wide(
    c: &Conversation,
    line: &Line,
    said: &Said,
    time: &Zoned,
    grouped: bool,
    look: &Look<'_>,
) -> Vec<Row<'static>> {
    let theme = look.theme;
    let gutter = if said.mentions_me { Span::styled("▌", theme.accent()) } else { Span::raw(" ") };
    let clock = if grouped { " ".repeat(5) } else { time.strftime("%H:%M").to_string() };
    let shown = match (grouped, said.action) {
        (true, _) => String::new(),
        (_, true) => "•".into(),
        _ => name(said, look, NAME),
    };
    let padding = " ".repeat(NAME.saturating_sub(shown.width()));
    let head = vec![
        gutter.clone(),
        Span::styled(clock, theme.dim()),
        Span::raw(format!(" {padding}")),
        Span::styled(shown, theme.author(said.user)),
        Span::raw("  "),
    ];
    let indent = vec![gutter, Span::raw(" ".repeat(INDENT - 1))];
    let texts = texts(c, line, said, look.width - INDENT, look);
    let place = |(at, text): (usize, Vec<Span<'static>>)| {
        let start = if at == 0 { head.clone() } else { indent.clone() };
        Row::from_iter(start.into_iter().chain(text))
    };
    texts.into_iter().enumerate().map(place).collect()
}

fn narrow(
    c: &Conversation,
    line: &Line,
    said: &Said,
    time: &Zoned,
    grouped: bool,
    look: &Look<'_>,
) -> Vec<Row<'static>> {
    let clock = format!(" {}", time.strftime("%H:%M"));
    let room = look.width.saturating_sub(1);
    let clock = if room > clock.width() { clock } else { String::new() };
    let shown = if said.action { "•".to_owned() } else { name(said, look, room - clock.width()) };
    let mark = if said.mentions_me { "▌" } else { "" };
    let head = Row::from_iter([
        Span::styled(mark, look.theme.accent()),
        Span::styled(shown, look.theme.author(said.user)),
        Span::styled(clock, look.theme.dim()),
    ]);
    let indent = if look.width > 10 { "  " } else { "" };
    let texts = texts(c, line, said, look.width.saturating_sub(indent.len()), look);
    let place = |text: Vec<Span<'static>>| Row::from_iter([Span::raw(indent)].into_iter().chain(text));
    let head = (!grouped || said.mentions_me).then_some(head);
    head.into_iter().chain(texts.into_iter().map(place)).collect()
}

/// An author's name; with the host where several have that name, and as much of both as there is room for.
fn name(said: &Said, look: &Look<'_>, room: usize) -> String {
    let Some(mark) = look.marks.get(&said.user).filter(|_| room > 4) else {
        return plain_name(said, look, room);
    };
    format!("{} {mark}", plain_name(said, look, room - 2))
}

fn plain_name(said: &Said, look: &Look<'_>, room: usize) -> String {
    if !look.shared.contains(&said.name) || said.host.is_empty() {
        return cut(&said.name, room);
    }
    let host = cut(&said.host, (room / 2).max(room.saturating_sub(said.name.width() + 1)));
    format!("{}@{host}", cut(&said.name, room.saturating_sub(host.width() + 1)))
}

/// The text's rows, the tick behind the last one; above, what it answers; below, what came of it.
fn texts(
    c: &Conversation,
    line: &Line,
    said: &Said,
    width: usize,
    look: &Look<'_>,
) -> Vec<Vec<Span<'static>>> {
    let theme = look.theme;
    if let Some(card) = telling::card(said, look.apps, look.me) {
        return card_rows(&card, width, theme);
    }
    let mut out: Vec<Vec<Span<'static>>> = Vec::new();
    if let Some(quoted) = telling::answered(c, said) {
        out.push(vec![Span::styled(cut(&format!("↳ {quoted}"), width), theme.dim())]);
    }
    let (text, style) = worded(said, look);
    let text =
        if telling::is_marked(said) { markdown::read(&text) } else { Marked { text, ..Marked::default() } };
    let mut rows = marked::rows(&text, style, theme, width);
    if rows.len() > MAX_ROWS {
        rows.truncate(MAX_ROWS);
        rows.push(vec![Span::styled(cut(&t!("long-message"), width), theme.dim())]);
    }
    let room = width.saturating_sub(rows.last().map_or(0, |row| row.iter().map(Span::width).sum()));
    out.extend(rows);
    let behind = [
        telling::changed(said).map(|mark| (mark, theme.dim())),
        said.own.as_ref().map(|own| tick(c, line, own, look)),
    ];
    let behind: Vec<Span<'static>> =
        behind.into_iter().flatten().map(|(mark, style)| Span::styled(format!("  {mark}"), style)).collect();
    let wide: usize = behind.iter().map(Span::width).sum();
    match out.last_mut() {
        Some(last) if wide <= room => last.extend(behind),
        _ => out.extend(
            behind.into_iter().map(|mark| vec![Span::styled(cut(mark.content.trim(), width), mark.style)]),
        ),
    }
    out.extend(file_state(c, line, width, look));
    out.extend(call(c, line, width, theme));
    out.extend(below(c, said, width, look));
    for failure in said.own.iter().flat_map(|own| &own.failures) {
        let rows = wrap(&format!("✗ {failure}"), width);
        out.extend(rows.into_iter().map(|row| vec![Span::styled(row, theme.alarm())]));
    }
    out
}

/// How it stands with the file or folder that a line offers.
fn file_state(c: &Conversation, line: &Line, width: usize, look: &Look<'_>) -> Vec<Vec<Span<'static>>> {
    let Some(offered) = Offered::of(line) else { return Vec::new() };
    let state = look.files.state(c, &offered, look.me);
    let coming = look.files.is_coming(&offered);
    let style = if coming { look.theme.accent() } else { look.theme.dim() };
    wrap(&state, width).into_iter().map(|row| vec![Span::styled(row, style)]).collect()
}

/// How it stands with a call for help.
fn call(c: &Conversation, line: &Line, width: usize, theme: Theme) -> Vec<Vec<Span<'static>>> {
    let Some((text, weight)) = telling::call(c, line) else { return Vec::new() };
    let text = if weight == Weight::Weak { text } else { format!("{text}  {}", t!("call-keys")) };
    let rows = wrap(&text, width).into_iter();
    rows.map(|row| vec![Span::styled(row, style(weight, theme))]).collect()
}

/// A program that is run together: what, who stands how, and what to type.
fn card_rows(card: &Card, width: usize, theme: Theme) -> Vec<Vec<Span<'static>>> {
    let (mark, style) = match card.over {
        true => ("■", theme.dim()),
        false => ("▶", theme.accent().add_modifier(Modifier::BOLD)),
    };
    let wrapped = |text: &str, style: Style| -> Vec<Vec<Span<'static>>> {
        wrap(text, width).into_iter().map(|row| vec![Span::styled(row, style)]).collect()
    };
    let mut out = wrapped(&format!("{mark} {}", card.head), style);
    for (word, who) in &card.rows {
        let room = width.saturating_sub(STATE);
        for (at, row) in wrap(who, room.max(1)).into_iter().enumerate() {
            let word = if at == 0 { word } else { "" };
            let head = Span::styled(cut(&format!("  {word:<width$}", width = STATE - 2), width), theme.dim());
            out.push(vec![head, Span::raw(if room == 0 { String::new() } else { row })]);
        }
    }
    if !card.hint.is_empty() {
        out.extend(wrapped(&format!("  {}", card.hint), theme.accent()));
    }
    out
}

/// The column of a card that says how people stand.
const STATE: usize = 12;

/// Longer messages are cut in view: nobody's screen belongs to one of them.
const MAX_ROWS: usize = 60;

/// A message's words, and how they look.
fn worded(said: &Said, look: &Look<'_>) -> (String, Style) {
    let plain = Style::new();
    let style = match &said.kind {
        _ if said.fate.deleted => look.theme.dim(),
        _ if said.action => plain.add_modifier(Modifier::ITALIC),
        Kind::Announce | Kind::Poll { .. } => plain.add_modifier(Modifier::BOLD),
        _ => plain,
    };
    (telling::words(said, &name(said, look, usize::MAX)), style)
}

/// Reactions, the answers of a poll, how dice fell.
fn below(c: &Conversation, said: &Said, width: usize, look: &Look<'_>) -> Vec<Vec<Span<'static>>> {
    if said.fate.deleted {
        return Vec::new();
    }
    let theme = look.theme;
    let mut texts: Vec<(String, Style)> = Vec::new();
    if let Some((answers, voters)) = telling::poll(said, look.me) {
        texts.extend(answers.iter().enumerate().map(|(at, answer)| {
            let filled = answer.votes * BAR / voters.max(1);
            let bar = format!("{}{}", "█".repeat(filled), "░".repeat(BAR - filled));
            (format!("{}  {bar} {}  {}", at + 1, answer.votes, answer.text), Style::new())
        }));
    }
    texts.extend(outcome(said, |user| c.name_of(user)).map(|text| (format!("   {text}"), theme.accent())));
    let (reactions, more) = telling::reactions(said);
    let shown: Vec<String> =
        reactions.iter().map(|(emoji, users)| format!("{} {}", harmless(emoji), users.len())).collect();
    if !shown.is_empty() {
        let more = if more > 0 { format!("   {}", t!("and-more", n = more)) } else { String::new() };
        texts.push((format!("{}{more}", shown.join("   ")), theme.dim()));
    }
    let rows = texts
        .into_iter()
        .flat_map(|(text, style)| wrap(&text, width).into_iter().map(move |row| (row, style)));
    rows.map(|(row, style)| vec![Span::styled(row, style)]).collect()
}

/// Cells of a poll's bar.
const BAR: usize = 10;

/// How far an own message has come.
fn tick(c: &Conversation, line: &Line, own: &Own, look: &Look<'_>) -> (String, Style) {
    let (text, weight) = telling::tick(c, line, own, look.me);
    (text, style(weight, look.theme))
}

fn style(weight: Weight, theme: Theme) -> Style {
    match weight {
        Weight::Weak => theme.dim(),
        Weight::Good => theme.accent(),
        Weight::Alarm => theme.alarm(),
    }
}

fn notice(tone: Tone, text: &str, look: &Look<'_>) -> Vec<Row<'static>> {
    let indent = if look.width >= WIDE { INDENT } else { 0 };
    let style = match tone {
        Tone::Quiet => look.theme.dim(),
        Tone::Alarm => look.theme.alarm(),
    };
    let row = |row: String| Row::from_iter([Span::raw(" ".repeat(indent)), Span::styled(row, style)]);
    wrap(text, look.width.saturating_sub(indent)).into_iter().map(row).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conversation::{
        Scroll,
        tests::{message, summary},
    };
    use chalktalk_ipc::{UserId, event::Scope};

    fn talk(count: u64) -> Conversation {
        let mut c = Conversation::new(summary(1, "#lobby", Scope::Open), vec![]);
        for stamp in 1..=count {
            let text = format!("message {stamp}\nsecond row of {stamp}");
            c.on_delivered(&message(1, 2 + (stamp % 2) as u8, stamp, &text), UserId::NIL, false);
        }
        c
    }

    static NOBODY: BTreeSet<String> = BTreeSet::new();
    static NO_FILES: std::sync::LazyLock<Files> = std::sync::LazyLock::new(Files::default);
    static NO_MARKS: BTreeMap<UserId, &str> = BTreeMap::new();

    fn look(zone: &TimeZone, width: usize) -> Look<'_> {
        Look {
            theme: Theme::new(true),
            zone,
            width,
            selected: None,
            shared: &NOBODY,
            marks: &NO_MARKS,
            apps: &[],
            me: UserId::NIL,
            files: &NO_FILES,
        }
    }

    fn shown(c: &mut Conversation, wanted: i32, height: usize) -> (Vec<String>, View) {
        c.scroll.wanted = wanted;
        let view = view(c, &look(&TimeZone::UTC, 80), height);
        (view.rows.iter().map(|row| row.to_string().trim_end().to_owned()).collect(), view)
    }

    #[test]
    fn scrolling_up_and_down_comes_back_to_the_same_rows() {
        let mut c = talk(30);
        let (start, _) = shown(&mut c, 0, 10);
        assert!(start[9].ends_with("second row of 30"), "{start:?}");
        let (up, view) = shown(&mut c, 7, 10);
        assert!(up[9].ends_with("message 27"), "{up:?}");
        assert_eq!((view.below, view.reached_top), (4, false));
        shown(&mut c, 5, 10);
        shown(&mut c, -5, 10);
        assert_eq!(shown(&mut c, 0, 10).0, up);
        assert_eq!(shown(&mut c, -100, 10).0, start);
        assert_eq!(c.scroll, Scroll::default());
    }

    #[test]
    fn the_first_row_in_view_says_who_even_in_the_middle_of_a_group() {
        let mut c = Conversation::new(summary(1, "#lobby", Scope::Open), vec![]);
        for stamp in 1..=30 {
            c.on_delivered(&message(1, 2, stamp, &format!("message {stamp}")), UserId::NIL, false);
        }
        let (rows, _) = shown(&mut c, 0, 10);
        assert_eq!(rows[0], " 21:51          ben  message 21");
        assert_eq!(rows[1].trim(), "message 22");
    }

    #[test]
    fn new_messages_do_not_move_a_view_that_is_scrolled_up() {
        let mut c = talk(30);
        let (up, _) = shown(&mut c, 9, 10);
        c.on_delivered(&message(1, 2, 31, "new"), UserId::NIL, false);
        assert_eq!(shown(&mut c, 0, 10).0, up);
    }

    #[test]
    fn the_top_is_reached_once_and_the_view_stays_full() {
        let mut c = talk(30);
        let (top, view) = shown(&mut c, 1000, 10);
        assert!(view.reached_top && top[0].contains("November 2024"), "{top:?}");
        assert_eq!(top.len(), 10);
        assert!(!shown(&mut c, 0, 10).1.reached_top);
        let mut short = talk(2);
        let (rows, view) = shown(&mut short, 3, 10);
        assert_eq!((rows.len(), view.reached_top, view.below), (5, true, 0));
    }

    #[test]
    fn any_scrolling_in_any_size_keeps_its_bounds() {
        for (count, height, width) in
            [(0, 5, 80), (1, 1, 1), (3, 2, 20), (50, 7, 51), (50, 0, 80), (2, 40, 3)]
        {
            let mut c = talk(count);
            for wanted in [0, 1, 5, -3, 1000, 2, -1, -1000, 3, -2, i32::MAX, i32::MIN] {
                c.scroll.wanted = wanted;
                let view = view(&mut c, &look(&TimeZone::UTC, width), height);
                assert!(view.rows.len() <= height && c.scroll.wanted == 0);
            }
        }
    }

    #[test]
    fn the_selected_line_is_always_in_view() {
        let mut c = talk(30);
        for at in (0..30).rev().chain(0..30) {
            let zone = TimeZone::UTC;
            let look = Look { selected: Some(c.lines[at].order), ..look(&zone, 80) };
            let rows = view(&mut c, &look, 7).rows;
            let wanted = format!("message {}", at + 1);
            assert!(rows.iter().any(|row| row.to_string().ends_with(&wanted)), "line {at}: {rows:?}");
        }
    }
}
