//! Above the talk: where one is, who can read it, what is wrong.
//!
//! Invariant: what stands in the way of talking is always in view.

use super::icon::{self, Icon};
use super::pen::{ACCENT, ALARM, Act, PLAIN, Pen, SMALL, STRONG, TITLE, WEAK};
use crate::{
    conversation::{Conversation, Tone},
    model::{Action, Model},
    notify::Level,
    t, telling,
};
use eframe::egui::{Id, Rect, Role, Sense, Stroke, Ui, WidgetInfo, pos2, vec2};
use jiff::tz::TimeZone;

const HEAD: f32 = 48.0;
const BANNER: f32 = 28.0;

/// Draws what stands above the talk; how high it is.
pub(super) fn show(ui: &Ui, area: Rect, model: &Model, zone: &TimeZone, pen: &mut Pen<'_>) -> f32 {
    let head = Rect::from_min_size(area.min, vec2(area.width(), HEAD));
    if let Some(c) = model.current() {
        let bell = Rect::from_center_size(pos2(head.right() - 30.0, head.center().y), vec2(30.0, 30.0));
        notifications(ui, bell, model, c, pen);
        let rest = head.with_max_x(bell.left() - 6.0).with_min_x(head.left() + 18.0);
        title(ui, rest, model, c, pen);
    }
    ui.painter().hline(area.x_range(), head.bottom(), Stroke::new(1.0, pen.palette.rule));
    let mut top = head.bottom() + 1.0;
    let gone = model.current().and_then(|c| telling::out_of_sight(c, zone));
    let banners =
        [(telling::obstacle(model), true), (telling::trouble(&model.warnings), true), (gone, false)];
    for (text, alarm) in banners.into_iter().filter_map(|(text, alarm)| Some((text?, alarm))) {
        let rect = Rect::from_min_size(pos2(area.left(), top), vec2(area.width(), BANNER));
        let fill = if alarm { pen.palette.banner } else { pen.palette.hover };
        ui.painter().rect_filled(rect, 0.0, fill);
        pen.line_in(
            ui,
            rect.shrink2(vec2(18.0, 0.0)),
            &text,
            SMALL + 0.5,
            if alarm { PLAIN } else { ACCENT },
        );
        let id = Id::unique(("banner", &text));
        ui.interact(rect, id, Sense::hover()).widget_info(|| WidgetInfo::labeled(Role::Alert, true, &text));
        top += BANNER;
    }
    top - area.top()
}

/// How much of the conversation the desktop shows, and a click for the next.
fn notifications(ui: &Ui, rect: Rect, model: &Model, c: &Conversation, pen: &mut Pen<'_>) {
    let level = model.level(c.session());
    let (said, sign) = match level {
        Level::All => (t!("notify-level-all"), Icon::BellLoud),
        Level::Mentions => (t!("notify-level-mentions"), Icon::Bell),
        Level::Nothing => (t!("notify-level-nothing"), Icon::BellOff),
    };
    let name = t!("window-notify", level = said);
    let response = pen.place(ui, rect, Id::unique("notify"), Role::Button, &name, false);
    if response.hovered() {
        ui.painter().rect_filled(rect, 7.0, pen.palette.hover);
    }
    icon::draw(ui.painter(), rect, sign, pen.palette.inks.weak);
    if response.clicked() {
        pen.acts.push(Act::Do(Action::Run(format!("/notify {}", level.next().word()))));
    }
    response.on_hover_text(name);
}

fn title(ui: &Ui, head: Rect, model: &Model, c: &Conversation, pen: &mut Pen<'_>) {
    let title = c.title();
    let used = pen.line_in(ui, head, &title, TITLE, STRONG);
    let heading = Rect::from_min_size(head.min, vec2(used, head.height()));
    ui.interact(heading, Id::unique("heading"), Sense::hover())
        .widget_info(|| WidgetInfo::labeled(Role::Heading, true, &title));
    let mut rest = Rect::from_min_max(pos2(head.left() + used + 12.0, head.top()), head.max);
    let look = if c.summary.waits { ALARM } else { WEAK };
    let hint = telling::secrecy(c) + &telling::quietness(model, c);
    let hint = pen.line_in(ui, rest.translate(vec2(0.0, 1.0)), &hint, SMALL, look);
    rest.set_left(rest.left() + hint + 16.0);
    if rest.width() > 60.0 {
        pen.line_right(ui, rest.translate(vec2(0.0, 1.0)), &telling::members(c), SMALL, WEAK);
    }
}

/// The line between the talk and what is being written: how high it is.
pub(super) const STATUS: f32 = 24.0;

/// Draws it: what was told last, who is typing, what becomes of what is being written.
pub(super) fn status(ui: &Ui, area: Rect, model: &Model, pen: &mut Pen<'_>) {
    let rect = area.shrink2(vec2(18.0, 0.0));
    let typing = model.current().map(telling::typing).filter(|text| !text.is_empty());
    let told = model.flash.as_ref().map(|(tone, text)| {
        (text.replace('\n', " "), if *tone == Tone::Alarm { ALARM } else { WEAK }, Role::Status)
    });
    let purpose = telling::purpose(model).map(|text| (text, ACCENT, Role::Status));
    let typing = typing.map(|text| (text, WEAK, Role::Status));
    let Some((text, look, role)) = told.or(purpose).or(typing) else { return };
    pen.line_in(ui, rect, &text, SMALL + 0.5, look);
    ui.interact(rect, Id::unique("status"), Sense::hover())
        .widget_info(|| WidgetInfo::labeled(role, true, &text));
}
