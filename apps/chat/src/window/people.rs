//! The right column: who is on the network.
//!
//! Invariant: a click on somebody opens the conversation with them, on oneself what others see; and nothing else.

use super::pen::{Act, BODY, PLAIN, Pen, SMALL, WEAK};
use crate::{
    model::{Action, Model, word},
    t,
};
use chalktalk_ipc::{event::Person, request::Availability};
use eframe::egui::{Color32, Id, Rect, Role, ScrollArea, Sense, Ui, UiBuilder, pos2, vec2};
use std::collections::BTreeMap;

const ROW: f32 = 38.0;

/// Draws the column.
pub(super) fn show(ui: &mut Ui, rect: Rect, model: &Model, pen: &mut Pen<'_>) {
    ui.painter().rect_filled(rect, 0.0, pen.palette.side);
    let head = Rect::from_min_size(rect.min + vec2(14.0, 10.0), vec2(rect.width() - 28.0, 26.0));
    pen.line_in(ui, head, &t!("window-people", n = model.people.len()), SMALL, WEAK);
    let list = Rect::from_min_max(pos2(rect.left(), head.bottom() + 2.0), rect.max);
    let marks = model.marks();
    ui.scope_builder(UiBuilder::new().max_rect(list), |ui| {
        ScrollArea::vertical().id_salt("people").auto_shrink(false).show(ui, |ui| {
            ui.spacing_mut().item_spacing = vec2(0.0, 0.0);
            for person in &model.people {
                row(ui, person, &marks, pen, list.width());
            }
        });
    });
}

fn row(
    ui: &mut Ui,
    person: &Person,
    marks: &BTreeMap<chalktalk_ipc::UserId, &'static str>,
    pen: &mut Pen<'_>,
    width: f32,
) {
    let (space, _) = ui.allocate_exact_size(vec2(width, ROW), Sense::hover());
    if !ui.is_rect_visible(space) {
        return;
    }
    let rect = space.shrink2(vec2(8.0, 1.0));
    let id = Id::unique(("person", person.user.to_string(), person.host_id.to_string()));
    let name = t!("window-person", name = &person.name, host = &person.host, status = word(person.status));
    let response = pen.place(ui, rect, id, Role::ListItem, &name, false);
    if response.hovered() {
        ui.painter().rect_filled(rect, 7.0, pen.palette.rule);
    }
    let centre = pos2(rect.left() + 17.0, rect.center().y);
    pen.face(ui, centre, 12.0, person.user, &person.name);
    let dot = centre + vec2(9.0, 8.0);
    ui.painter().circle_filled(dot, 5.5, pen.palette.side);
    ui.painter().circle_filled(dot, 4.0, status(person.status));
    let text = Rect::from_min_max(pos2(rect.left() + 38.0, rect.top() + 2.0), rect.max - vec2(6.0, 2.0));
    let (top, below) = text.split_top_bottom_at_y(text.center().y + 1.0);
    let name = if person.me { t!("name-you", name = &person.name) } else { person.name.clone() };
    let used = pen.line_in(ui, top, &name, BODY - 0.5, PLAIN);
    if let Some(mark) = marks.get(&person.user) {
        let rest = Rect::from_min_max(pos2(top.left() + used + 5.0, top.top()), top.max);
        pen.line_in(ui, rest, mark, SMALL, super::sidebar::mark_look(person.changed));
    }
    pen.line_in(ui, below, &person.host, SMALL - 0.5, WEAK);
    if response.clicked() {
        pen.acts.push(if person.me { Act::Profile(person.user) } else { Act::Do(Action::Talk(person.user)) });
    }
}

fn status(status: Availability) -> Color32 {
    match status {
        Availability::Online => Color32::from_rgb(0x2f, 0x9e, 0x44),
        Availability::Away => Color32::from_rgb(0xe6, 0x8a, 0x00),
        Availability::Busy => Color32::from_rgb(0xd6, 0x33, 0x33),
        Availability::Offline => Color32::from_gray(0x99),
    }
}
