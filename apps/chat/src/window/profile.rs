//! What is known of somebody, over the window; of oneself, with what one looks like to set.
//!
//! Invariant: files and pictures that are dropped or pasted while one's own is shown are offered to nobody.

use super::{
    overlay::panel,
    pen::{ACCENT, Act, BODY, PLAIN, Pen, SMALL, STRONG, WEAK},
};
use crate::{
    conversation::Conversation,
    editor::Edit,
    model::{Action, Model, Portrait},
    t,
};
use chalktalk_ipc::UserId;
use eframe::egui::{Id, Rect, Role, Sense, Stroke, Ui, WidgetInfo, pos2, vec2};

/// The picture, and the space around it.
const RADIUS: f32 = 44.0;
const GAP: f32 = 18.0;

const ROW: f32 = 22.0;
const WIDTH: f32 = 420.0;

/// Draws it; true: it is to be closed.
pub(super) fn show(ui: &mut Ui, whole: Rect, user: UserId, model: &Model, pen: &mut Pen<'_>) -> bool {
    let own = user == model.me.user;
    let name = name_of(model, user);
    let text = model.profile_of(user);
    let lines: Vec<&str> = text.iter().flat_map(|text| text.lines()).collect();
    let height = (2.0 * RADIUS).max(28.0 + ROW * lines.len() as f32);
    let below = if own { ROW + 12.0 } else { 0.0 };
    let size = vec2(WIDTH, 30.0 + height + below + 46.0);
    let title = if own { t!("window-profile-own") } else { t!("window-profile", name = &name) };
    let Some(area) = panel(ui, whole, size, &title, pen) else { return true };
    let centre = pos2(area.left() + 10.0 + RADIUS, area.top() + 6.0 + RADIUS);
    pen.face(ui, centre, RADIUS, user, &name);
    if own && ui.input(|input| !input.raw.hovered_files.is_empty()) {
        ui.painter().circle_stroke(centre, RADIUS + 3.0, Stroke::new(2.5, pen.palette.accent));
    }
    let left = centre.x + RADIUS + GAP;
    let mut row = Rect::from_min_max(pos2(left, area.top() + 4.0), pos2(area.right(), area.top() + 32.0));
    pen.line_in(ui, row, &name, BODY + 4.0, STRONG);
    row = Rect::from_min_size(row.left_bottom(), vec2(row.width(), ROW));
    for line in lines {
        pen.line_in(ui, row, line, SMALL + 0.5, PLAIN);
        ui.interact(row, Id::unique(("profile", line)), Sense::hover())
            .widget_info(|| WidgetInfo::labeled(Role::Label, true, line));
        row = row.translate(vec2(0.0, ROW));
    }
    let mut at = pos2(area.left() + 8.0, area.top() + 16.0 + height);
    if own {
        // What is told while the panel is open is told here: it lies over the line for it.
        let told = model.flash.as_ref().map(|(_, text)| text.replace('\n', " "));
        let look = if told.is_some() { ACCENT } else { WEAK };
        let hint = Rect::from_min_size(at, vec2(area.width() - 16.0, ROW));
        pen.line_in(ui, hint, &told.unwrap_or_else(|| t!("window-profile-hint")), SMALL + 0.5, look);
        at.y += below;
    }
    let mut button = |ui: &Ui, id: &str, text: String| {
        let response = pen.button(ui, at, Id::unique(id), &text, &text, false);
        at.x = response.rect.right() + 8.0;
        response.clicked()
    };
    let mut acts = Vec::new();
    let mut done = button(ui, "profile-close", t!("window-close"));
    if !own && button(ui, "profile-talk", t!("window-talk")) {
        acts.push(Action::Talk(user));
        done = true;
    }
    if own && model.current().is_some() && button(ui, "profile-file", t!("window-avatar-file")) {
        // Where one writes, paths are typed, and dropped by name.
        acts.extend([Action::Edit(Edit::All), Action::Edit(Edit::Insert("/avatar ".into()))]);
        done = true;
    }
    if own && model.avatar(user).is_some() && button(ui, "profile-none", t!("window-avatar-none")) {
        acts.push(Action::Avatar(Portrait::Generated));
    }
    pen.acts.extend(acts.into_iter().map(Act::Do));
    done
}

fn name_of(model: &Model, user: UserId) -> String {
    let here = model.people.iter().find(|person| person.user == user).map(|person| person.name.clone());
    let said = || model.current().map(|c: &Conversation| c.name_of(user));
    here.or_else(said).unwrap_or_else(|| user.to_string().chars().take(8).collect())
}
