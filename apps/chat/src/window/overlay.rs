//! What lies over the talk for a moment: places to go to, messages that were found, keys, completions, reactions.
//!
//! Invariant: a click on a row does what Enter would do if it was chosen, and a click beside the panel is Escape.

use super::pen::{ACCENT, Act, BODY, PLAIN, Pen, SMALL, STRONG, WEAK};
use crate::{
    conversation::Order,
    emoji,
    keys::{Face, keys, signs, told_commands},
    model::{Action, Mode, Model, PALETTE},
    t,
    transcript::moment,
};
use chalktalk_ipc::text::{label, printable};
use eframe::egui::{
    Align2, Color32, Id, Pos2, Rect, Role, ScrollArea, Sense, Shadow, Stroke, StrokeKind, Ui, UiBuilder,
    Vec2, WidgetInfo, pos2, vec2,
};
use jiff::tz::TimeZone;

const ROW: f32 = 30.0;
const TITLE: f32 = 30.0;
const MARGIN: f32 = 10.0;

/// A row of the help.
pub(super) const HELP_ROW: f32 = 24.0;

/// A reaction to choose: its square, and how many stand side by side.
const CELL: f32 = 34.0;
const ACROSS: usize = 10;

/// A row of a list: what it is, and what there is to say of it.
struct Row {
    text: String,
    about: String,
}

/// Draws what is open over the talk; `above`: what is being written, above which completions stand.
pub(super) fn show(
    ui: &mut Ui,
    whole: Rect,
    above: Rect,
    model: &mut Model,
    zone: &TimeZone,
    pen: &mut Pen<'_>,
) {
    match model.mode {
        Mode::Switching => switcher(ui, whole, model, pen),
        Mode::Finding => found(ui, whole, model, zone, pen),
        Mode::Help(row) => help(ui, whole, model, row, pen),
        Mode::Writing => completions(ui, above, model, pen),
        Mode::Selecting(_) => {}
    }
}

fn switcher(ui: &mut Ui, whole: Rect, model: &Model, pen: &mut Pen<'_>) {
    let goals = model.goals();
    let size = vec2(460.0, TITLE + ROW * (goals.len().max(1) as f32 + 1.0));
    let Some(mut area) = panel(ui, whole, size, &t!("switcher-title"), pen) else { return };
    let (query, rest) = area.split_top_bottom_at_y(area.top() + ROW);
    let query = query.shrink2(vec2(8.0, 0.0));
    let used = pen.line_in(ui, query, &label(&model.switcher.query), BODY, STRONG);
    let caret = pos2(query.left() + used + 1.0, query.center().y);
    ui.painter().vline(caret.x, caret.y - 9.0..=caret.y + 9.0, Stroke::new(1.5, pen.palette.accent));
    area = rest;
    if goals.is_empty() {
        pen.line_in(
            ui,
            Rect::from_min_size(area.min + vec2(8.0, 0.0), vec2(area.width(), ROW)),
            &t!("switcher-none"),
            BODY,
            WEAK,
        );
    }
    let rows = goals.iter().map(|goal| Row { text: goal.name.clone(), about: goal.about.clone() }).collect();
    if let Some(at) = list(ui, area, "goal", rows, model.switcher.chosen, pen) {
        pen.acts.extend([Act::Do(Action::Escape), Act::Do(goals[at].action.clone())]);
    }
}

fn found(ui: &mut Ui, whole: Rect, model: &Model, zone: &TimeZone, pen: &mut Pen<'_>) {
    let finding = &model.finding;
    let room = ((whole.height() - 120.0) / ROW).max(3.0) as usize;
    let shown = finding.hits.len().min(room);
    let size = vec2((whole.width() - 80.0).min(760.0), TITLE + ROW * shown as f32);
    let title = t!("found-title", typed = label(&finding.typed));
    let Some(area) = panel(ui, whole, size, &title, pen) else { return };
    // The chosen one stays in view.
    let skipped = (finding.chosen + 1).saturating_sub(shown);
    let row = |hit: &chalktalk_search::Hit| {
        let day = moment(hit.time).to_zoned(zone.clone()).strftime("%y-%m-%d %H:%M").to_string();
        let text = printable(&hit.text).replace(['\n', '\t'], " ");
        let text = finding.query.excerpt(&text, 90);
        Row {
            text: format!("{}: {text}", label(&hit.name)), about: format!("{} · {day}", label(&hit.title))
        }
    };
    let rows = finding.hits.iter().skip(skipped).take(shown).map(row).collect();
    if let Some(at) = list(ui, area, "found", rows, finding.chosen - skipped, pen) {
        steps(finding.chosen, at + skipped, pen);
        pen.acts.push(Act::Do(Action::Choose));
    }
}

fn completions(ui: &mut Ui, above: Rect, model: &Model, pen: &mut Pen<'_>) {
    let Some(completions) = model.completions() else { return };
    let shown = completions.items.len().min(((above.height() / ROW) as usize).clamp(1, 9));
    let skipped = (model.chosen + 1).saturating_sub(shown);
    let size = vec2(above.width().min(620.0), ROW * shown as f32 + 8.0);
    let rect = Align2::LEFT_BOTTOM.anchor_size(above.left_bottom(), size);
    ground(ui, rect, pen);
    let row = |(text, about): &(String, String)| {
        // Terminals line up what is typed behind a command, and what it is for.
        let parts = about.split("  ").map(str::trim).filter(|part| !part.is_empty());
        Row { text: label(text), about: parts.collect::<Vec<&str>>().join(" · ") }
    };
    let rows = completions.items.iter().skip(skipped).take(shown).map(row).collect();
    if let Some(at) = list(ui, rect.shrink(4.0), "completion", rows, model.chosen - skipped, pen) {
        steps(model.chosen, at + skipped, pen);
        pen.acts.push(Act::Do(Action::Complete));
    }
}

fn help(ui: &mut Ui, whole: Rect, model: &mut Model, row: u16, pen: &mut Pen<'_>) {
    let size = vec2(720.0, whole.height() - 80.0);
    let Some(area) = panel(ui, whole, size, &t!("help-title"), pen) else { return };
    let area = area.shrink2(vec2(8.0, 0.0));
    let rows: Vec<(String, String)> = keys(Face::Window).chain(told_commands()).collect();
    let mut scroll = ScrollArea::vertical().id_salt("help").auto_shrink(false);
    // Keys go by rows; where they have not just gone, the wheel has its way.
    let seen = Id::unique("help-row");
    if ui.data(|data| data.get_temp(seen)) != Some(row) {
        scroll = scroll.vertical_scroll_offset(f32::from(row) * HELP_ROW);
    }
    let shown = ui.scope_builder(UiBuilder::new().max_rect(area), |ui| {
        scroll.show(ui, |ui| {
            ui.spacing_mut().item_spacing = Vec2::ZERO;
            for (key, about) in rows {
                let (row, _) = ui.allocate_exact_size(vec2(area.width() - 14.0, HELP_ROW), Sense::hover());
                let (left, right) = row.split_left_right_at_x(row.left() + 210.0);
                pen.line_in(ui, left, &key, SMALL + 0.5, ACCENT);
                pen.line_in(ui, right, &about, BODY - 0.5, PLAIN);
                let named = format!("{key}: {about}");
                ui.interact(row, Id::unique(("help", &key)), Sense::hover())
                    .widget_info(|| WidgetInfo::labeled(Role::Label, true, &named));
            }
            for text in signs() {
                let (row, _) = ui.allocate_exact_size(vec2(area.width() - 14.0, HELP_ROW), Sense::hover());
                pen.line_in(ui, row, &text, SMALL + 0.5, WEAK);
            }
        })
    });
    let row = (shown.inner.state.clamped_offset().y / HELP_ROW).round() as u16;
    ui.data_mut(|data| data.insert_temp(seen, row));
    model.mode = Mode::Help(row);
}

/// What one can react to a message with; true: it is to be closed.
pub(super) fn reactions(ui: &mut Ui, whole: Rect, (order, at): (Order, Pos2), pen: &mut Pen<'_>) -> bool {
    let others = emoji::CODES.iter().map(|(_, emoji)| *emoji).filter(|emoji| !PALETTE.contains(emoji));
    let all: Vec<&str> = PALETTE.into_iter().chain(others).collect();
    let lines = all.len().div_ceil(ACROSS) as f32;
    let size = vec2(CELL * ACROSS as f32 + 2.0 * MARGIN, CELL * lines + 2.0 * MARGIN);
    let beside = ui.interact(whole, Id::unique("beside-reactions"), Sense::click());
    let corner = pos2(
        at.x.min(whole.right() - size.x - 8.0).max(whole.left() + 8.0),
        at.y.min(whole.bottom() - size.y - 8.0).max(whole.top() + 8.0),
    );
    let rect = Rect::from_min_size(corner, size);
    ground(ui, rect, pen);
    ui.interact(rect, Id::unique("reactions"), Sense::click());
    let mut done = beside.clicked();
    for (n, emoji) in all.into_iter().enumerate() {
        let cell = vec2((n % ACROSS) as f32, (n / ACROSS) as f32) * CELL;
        let cell = Rect::from_min_size(rect.min + Vec2::splat(MARGIN) + cell, Vec2::splat(CELL));
        let name = t!("window-react", emoji = emoji);
        let response = pen.place(ui, cell, Id::unique(("reaction", n)), Role::Button, &name, false);
        if response.hovered() {
            ui.painter().rect_filled(cell, 7.0, pen.palette.rule);
        }
        let sheet = pen.set(emoji, 20.0, PLAIN, None);
        pen.paint(ui, cell.center() - sheet.size() / 2.0, &sheet);
        if response.clicked() {
            pen.acts.push(Act::Do(Action::React(order, emoji.to_owned())));
            done = true;
        }
    }
    done
}

/// A panel with a title, over everything; where its content goes. `None`: it was just closed.
pub(super) fn panel(ui: &mut Ui, whole: Rect, size: Vec2, title: &str, pen: &mut Pen<'_>) -> Option<Rect> {
    let beside = ui.interact(whole, Id::unique("beside"), Sense::click());
    if beside.clicked() {
        pen.acts.push(Act::Do(Action::Escape));
        return None;
    }
    ui.painter().rect_filled(whole, 0.0, Color32::from_black_alpha(if pen.palette.dark { 110 } else { 50 }));
    let size = (size + Vec2::splat(2.0 * MARGIN)).min(whole.size() - Vec2::splat(16.0));
    let top = pos2(whole.center().x, whole.top() + (whole.height() - size.y) / 3.0);
    let rect = Align2::CENTER_TOP.anchor_size(top, size);
    ground(ui, rect, pen);
    let response = ui.interact(rect, Id::unique("panel"), Sense::click());
    response.widget_info(|| WidgetInfo::labeled(Role::Window, true, title));
    let (head, rest) = rect.shrink(MARGIN).split_top_bottom_at_y(rect.top() + MARGIN + TITLE);
    pen.line_in(ui, head.shrink2(vec2(8.0, 0.0)).translate(vec2(0.0, -3.0)), title, SMALL, WEAK);
    Some(rest)
}

fn ground(ui: &Ui, rect: Rect, pen: &Pen<'_>) {
    let shadow = Shadow { offset: [0, 6], blur: 24, spread: 0, color: Color32::from_black_alpha(60) };
    ui.painter().add(shadow.as_shape(rect, 10.0));
    ui.painter().rect(rect, 10.0, pen.palette.paper, Stroke::new(1.0, pen.palette.rule), StrokeKind::Inside);
}

/// Rows below each other; the one that was clicked.
fn list(ui: &Ui, area: Rect, of: &str, rows: Vec<Row>, chosen: usize, pen: &mut Pen<'_>) -> Option<usize> {
    let mut clicked = None;
    for (n, Row { text, about }) in rows.into_iter().enumerate() {
        let rect = Rect::from_min_size(area.min + vec2(0.0, ROW * n as f32), vec2(area.width(), ROW));
        let name = if about.is_empty() { text.clone() } else { format!("{text}, {about}") };
        let response = pen.place(ui, rect, Id::unique((of, n)), Role::ListItem, &name, n == chosen);
        if n == chosen || response.hovered() {
            let fill = if n == chosen { pen.palette.chosen } else { pen.palette.hover };
            ui.painter().rect_filled(rect, 7.0, fill);
        }
        let inner = rect.shrink2(vec2(8.0, 0.0));
        // What a row is matters more than what there is to say of it.
        let behind = pen.line(&about, SMALL, WEAK, inner.width() * 0.55);
        let room = inner.with_max_x(inner.right() - behind.size().x - 12.0);
        pen.line_in(ui, room, &text, BODY - 0.5, PLAIN);
        pen.paint(
            ui,
            pos2(inner.right() - behind.size().x, inner.center().y - behind.size().y / 2.0),
            &behind,
        );
        if response.clicked() {
            clicked = Some(n);
        }
    }
    clicked
}

/// From the chosen row to another, as keys would go.
fn steps(from: usize, to: usize, pen: &mut Pen<'_>) {
    let step = if to > from { Action::Down } else { Action::Up };
    pen.acts.extend(std::iter::repeat_n(Act::Do(step), from.abs_diff(to)));
}
