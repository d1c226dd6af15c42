//! Paints a line of the talk, and hears what is done to it.
//!
//! Invariant: what is painted is what the block says; nothing is laid out here.

use super::{
    block::{Block, INDENT, Piece, Tool, What, Words},
    icon::{self, Icon},
    pen::{Act, Pen, SMALL},
    pictures,
    transcript::Picked,
};
use crate::{
    conversation::Order,
    model::{Action, OnMessage, PALETTE},
    t,
};
use eframe::egui::{
    Align2, CornerRadius, CursorIcon, Id, Pos2, Rect, Response, Role, Sense, Stroke, StrokeKind, Ui,
    WidgetInfo, pos2, vec2,
};

/// Reactions at hand beside a message; the others are one click further.
const AT_HAND: usize = 3;

const TOOL: f32 = 28.0;

/// Which message stands out.
#[derive(Clone, Copy, Debug)]
pub(super) struct Standing {
    /// Keys do something with this one.
    pub(super) chosen: Option<Order>,
    /// The pointer is on what one can do with this one, which may lie over another.
    pub(super) held: Option<Order>,
}

/// Paints a block with its corner at `at`; where its tools are, if they are shown.
pub(super) fn show(
    ui: &Ui,
    block: &Block,
    at: Pos2,
    standing: Standing,
    picked: &mut Picked,
    pen: &mut Pen<'_>,
) -> Option<Rect> {
    let chosen = standing.chosen == Some(block.order);
    let width = ui.clip_rect().width();
    let area = Rect::from_min_size(at + vec2(0.0, block.top), vec2(width, block.height - block.top));
    let id = Id::unique(("message", format!("{:?}", block.order)));
    let response = ui.interact(area, id, Sense::click());
    if !block.name.is_empty() {
        response.widget_info(|| WidgetInfo::selected(Role::ListItem, true, chosen, &block.name));
    }
    let hovered = standing.held.map_or_else(|| ui.rect_contains_pointer(area), |held| held == block.order);
    let fill = match (chosen, block.mentions_me, hovered) {
        (true, ..) => Some(pen.palette.chosen),
        (_, true, _) => Some(pen.palette.mention),
        (.., true) if !block.tools.is_empty() => Some(pen.palette.hover),
        _ => None,
    };
    if let Some(fill) = fill {
        ui.painter().rect_filled(area, 0.0, fill);
    }
    if block.mentions_me {
        let edge = Rect::from_min_size(area.min, vec2(3.0, area.height()));
        ui.painter().rect_filled(edge, 0.0, pen.palette.accent);
    }
    for (n, piece) in block.pieces.iter().enumerate() {
        paint(ui, block, piece, at, id.with(n), picked, pen);
    }
    if response.secondary_clicked() && !block.tools.is_empty() {
        pen.acts.push(Act::Do(Action::Pick(block.order)));
    }
    let has_tools = chosen || hovered && standing.chosen.is_none();
    if has_tools && !block.tools.is_empty() { tools(ui, block, area, id, pen) } else { None }
}

fn paint(
    ui: &Ui,
    block: &Block,
    piece: &Piece,
    corner: Pos2,
    id: Id,
    picked: &mut Picked,
    pen: &mut Pen<'_>,
) {
    let area = piece.area.translate(corner.to_vec2());
    if area.bottom() < ui.clip_rect().top() || area.top() > ui.clip_rect().bottom() {
        return;
    }
    match &piece.what {
        What::Rule(sheet, new) => {
            let colour = if *new { pen.palette.accent } else { pen.palette.rule };
            let stroke = Stroke::new(1.0, colour);
            let (y, half) = (area.center().y, sheet.size().x / 2.0 + 10.0);
            ui.painter().hline(area.left() + 16.0..=area.center().x - half, y, stroke);
            ui.painter().hline(area.center().x + half..=area.right() - 16.0, y, stroke);
            pen.paint(ui, area.center() - sheet.size() / 2.0, sheet);
        }
        What::Face(user, name) => {
            pen.face(ui, area.center(), 17.0, *user, name);
            let named = t!("window-profile", name = name);
            if pen.place(ui, area, id, Role::Button, &named, false).clicked() {
                pen.acts.push(Act::Profile(*user));
            }
        }
        What::Name(sheet, user) => {
            let colour = pen.palette.person(*user);
            pen.paint_in(ui, area.min, sheet, colour);
        }
        What::Text(sheet) => pen.paint(ui, area.min, sheet),
        What::Words(words) => said(ui, block.order, words, area, id, picked, pen),
        What::Quote(sheet) => {
            let bar = Rect::from_min_size(area.min + vec2(0.0, 1.0), vec2(3.0, area.height() - 2.0));
            ui.painter().rect_filled(bar, 1.5, pen.palette.rule);
            pen.paint(ui, area.min + vec2(12.0, 3.0), sheet);
            if pen.place(ui, area, id, Role::Link, &t!("window-original"), false).clicked() {
                pen.acts.push(Act::On(block.order, OnMessage::Original));
            }
        }
        What::Answer { text, votes, share, mine, at, name } => {
            let response = pen.place(ui, area, id, Role::RadioButton, name, *mine);
            let edge = if *mine || response.hovered() { pen.palette.accent } else { pen.palette.rule };
            ui.painter().rect(area, 7.0, pen.palette.hover, Stroke::new(1.0, edge), StrokeKind::Inside);
            let mut bar = area.shrink(1.0);
            bar.set_width(bar.width() * share);
            ui.painter().rect_filled(bar, CornerRadius::same(6), pen.palette.chosen);
            pen.paint(ui, pos2(area.left() + 10.0, area.center().y - text.size().y / 2.0), text);
            let right = area.right() - 10.0 - votes.size().x;
            pen.paint(ui, pos2(right, area.center().y - votes.size().y / 2.0), votes);
            if response.clicked() {
                pen.acts.push(Act::On(block.order, OnMessage::Digit(*at)));
            }
        }
        What::Chip { text, emoji, mine, name } => {
            let response = pen.place(ui, area, id, Role::Button, name, *mine);
            let (fill, edge) = match mine {
                true => (pen.palette.chosen, pen.palette.accent),
                false => (pen.palette.hover, pen.palette.rule),
            };
            let edge = if response.hovered() { pen.palette.accent } else { edge };
            ui.painter().rect(area, 13.0, fill, Stroke::new(1.0, edge), StrokeKind::Inside);
            pen.paint(ui, area.center() - text.size() / 2.0, text);
            if response.on_hover_text(name).clicked() {
                pen.acts.push(Act::Do(Action::React(block.order, emoji.clone())));
            }
        }
        What::Picture { texture, session, offer } => {
            let name = t!("window-show", name = &offer.name);
            let response = pen.place(ui, area, id, Role::Button, &name, false);
            pictures::paint(ui, area, texture, pen);
            if response.clicked() {
                pen.acts.push(Act::Enlarge(*session, offer.clone()));
            }
        }
        What::Sample(sheet) => {
            let edge = Stroke::new(1.0, pen.palette.rule);
            ui.painter().rect(area, 6.0, pen.palette.code, edge, StrokeKind::Inside);
            pen.paint(ui, area.min + vec2(10.0, 6.0), sheet);
        }
        What::Button { text, act } => {
            if pen.button(ui, area.min, id, text, text, false).clicked() {
                pen.acts.push(act.clone());
            }
        }
    }
}

/// What was said: selected by pulling, with links that can be followed.
fn said(ui: &Ui, order: Order, words: &Words, area: Rect, id: Id, picked: &mut Picked, pen: &mut Pen<'_>) {
    for range in &words.blocks {
        let parts = words.sheet.areas(range.clone());
        let lines = parts.iter().copied().reduce(Rect::union).unwrap_or(Rect::NOTHING);
        let lines = lines.translate(area.min.to_vec2());
        let ground = Rect::from_x_y_ranges(area.left() - 8.0..=area.right(), lines.y_range().expand(2.0));
        ui.painter().rect(
            ground,
            6.0,
            pen.palette.code,
            Stroke::new(1.0, pen.palette.rule),
            StrokeKind::Inside,
        );
    }
    for range in &words.code {
        for code in words.sheet.areas(range.clone()) {
            let ground = code.translate(area.min.to_vec2()).expand2(vec2(2.0, 0.0));
            ui.painter().rect_filled(ground, 3.0, pen.palette.code);
        }
    }
    if let Some(range) = picked.range(order) {
        for part in words.sheet.areas(range) {
            ui.painter().rect_filled(part.translate(area.min.to_vec2()), 2.0, pen.palette.chosen);
        }
    }
    let response = ui.interact(area, id, Sense::click_and_drag());
    if let Some(pointer) = response.interact_pointer_pos() {
        let at = words.sheet.at(pointer - area.min);
        if response.double_clicked() {
            picked.take(order, words.sheet.word_at(pointer - area.min), &words.text);
        } else if response.drag_started() {
            picked.begin(order, at);
        } else if response.dragged() {
            picked.extend(order, at, &words.text);
        } else if response.clicked() {
            picked.forget();
        }
    }
    let link = response.hover_pos().and_then(|pointer| {
        let at = words.sheet.at(pointer - area.min);
        words.links.iter().find(|(range, _)| range.contains(&at))
    });
    match link {
        Some((_, target)) => {
            let response = response.on_hover_cursor(CursorIcon::PointingHand).on_hover_text(target);
            if response.clicked() {
                pen.acts.push(Act::Visit(target.clone()));
            }
        }
        None if response.hovered() => ui.set_cursor_icon(CursorIcon::Text),
        None => {}
    }
    pen.paint(ui, area.min, &words.sheet);
}

/// What one can do with a message, above its right edge; where it is.
fn tools(ui: &Ui, block: &Block, area: Rect, id: Id, pen: &mut Pen<'_>) -> Option<Rect> {
    let reactions = PALETTE.iter().take(AT_HAND).enumerate();
    let count = AT_HAND + 1 + block.tools.len();
    let size = vec2(TOOL * count as f32 + 6.0, TOOL + 4.0);
    let right = pos2(area.right() - 18.0, (area.top() - 12.0).max(ui.clip_rect().top() + 2.0));
    let bar = Align2::RIGHT_TOP.anchor_size(right, size);
    if bar.left() < area.left() + INDENT {
        return None;
    }
    ui.painter().rect(bar, 8.0, pen.palette.paper, Stroke::new(1.0, pen.palette.rule), StrokeKind::Inside);
    let place = |n: usize| Rect::from_min_size(bar.min + vec2(3.0 + TOOL * n as f32, 2.0), vec2(TOOL, TOOL));
    for (n, emoji) in reactions {
        let name = t!("window-react", emoji = *emoji);
        let response = tool(ui, place(n), id.with(("react", n)), &name, pen);
        let sheet = pen.set(emoji, SMALL + 3.0, super::pen::PLAIN, None);
        pen.paint(ui, response.rect.center() - sheet.size() / 2.0, &sheet);
        if response.on_hover_text(name).clicked() {
            pen.acts.push(Act::Do(Action::React(block.order, (*emoji).to_owned())));
        }
    }
    let more = place(AT_HAND);
    if drawn(ui, more, id.with("more"), Icon::Smile, &t!("window-react-else"), pen) {
        pen.acts.push(Act::Palette(block.order, more.left_bottom()));
    }
    for (n, Tool { icon, name, what }) in block.tools.iter().enumerate() {
        if drawn(ui, place(AT_HAND + 1 + n), id.with(("tool", n)), *icon, name, pen) {
            pen.acts.push(Act::On(block.order, *what));
        }
    }
    Some(bar)
}

/// A square of the bar, with an icon; whether it was clicked.
fn drawn(ui: &Ui, rect: Rect, id: Id, icon: Icon, name: &str, pen: &mut Pen<'_>) -> bool {
    let response = tool(ui, rect, id, name, pen);
    icon::draw(ui.painter(), rect, icon, pen.palette.inks.text);
    response.on_hover_text(name).clicked()
}

fn tool(ui: &Ui, rect: Rect, id: Id, name: &str, pen: &mut Pen<'_>) -> Response {
    let response = pen.place(ui, rect, id, Role::Button, name, false);
    if response.hovered() {
        ui.painter().rect_filled(rect, 6.0, pen.palette.rule);
    }
    response
}
