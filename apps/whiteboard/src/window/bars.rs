//! The panels that float over the canvas: tools, view, people.
//!
//! Invariant: every control has a name for screen readers, and does nothing that no [`Action`] or property says.

use super::{
    action::Action, app::App, icon, icon::Icon, lens::Lens, moderating, replay, sheets, style, talk, theme,
    works,
};
use crate::{model::Author, tool::Tool};
use chalktalk_ipc::InstanceId;
use eframe::egui::{
    self, Align2, Area, Color32, Context, FontId, Id, Order, Popup, Rect, Response, RichText, Role, Sense,
    Ui, Vec2, WidgetInfo, vec2,
};

const TOOLS: [(Tool, &str); 16] = [
    (Tool::Select, "Select"),
    (Tool::Lasso, "Lasso"),
    (Tool::Hand, "Move the view"),
    (Tool::Pen, "Pen"),
    (Tool::Highlighter, "Highlighter"),
    (Tool::Eraser, "Eraser"),
    (Tool::Rubber, "Rubber: parts of strokes"),
    (Tool::Line, "Line"),
    (Tool::Arrow, "Arrow"),
    (Tool::Rectangle, "Rectangle"),
    (Tool::Ellipse, "Ellipse"),
    (Tool::Diamond, "Diamond"),
    (Tool::Text, "Text"),
    (Tool::Note, "Note"),
    (Tool::Frame, "Frame"),
    (Tool::Laser, "Laser pointer"),
];

/// Between panels, and between them and the window's edge.
const MARGIN: f32 = 12.0;

/// Shows all panels.
pub(super) fn show(app: &mut App, ctx: &Context) {
    let mut wanted = None;
    if app.replay.is_none() {
        let (anchor, by) = tools_place(ctx);
        floating(ctx, "tools", anchor, by, |ui| tools(app, ui, &mut wanted));
        let styled = !matches!(app.desk.tool, Tool::Hand | Tool::Eraser | Tool::Rubber | Tool::Laser);
        if styled && !app.sitting.board.is_view_only() {
            floating(ctx, "style", Align2::LEFT_CENTER, vec2(MARGIN, 0.0), |ui| {
                style::show(app, ui, &mut wanted);
            });
        }
    }
    floating(ctx, "view", Align2::LEFT_BOTTOM, vec2(MARGIN, -MARGIN), |ui| view(app, ui, &mut wanted));
    floating(ctx, "people", Align2::RIGHT_TOP, vec2(-MARGIN, MARGIN), |ui| people(app, ui, &mut wanted));
    talk::show(app, ctx);
    replay::show(app, ctx);
    works::show(app, ctx);
    sheets::show(app, ctx, &mut wanted);
    if let Some(action) = wanted {
        app.act(action, ctx);
    }
}

/// The tools stand in the middle; beside the people where the window is narrow, and below them where it is narrower still.
fn tools_place(ctx: &Context) -> (Align2, Vec2) {
    let width = |name: &str| ctx.memory(|m| m.area_rect(Id::unique(name))).map_or(0.0, |rect| rect.width());
    let (all, tools, people) = (ctx.content_rect().width(), width("tools"), width("people"));
    if all >= tools + 2.0 * (people + 2.0 * MARGIN) {
        (Align2::CENTER_TOP, vec2(0.0, MARGIN))
    } else if all >= tools + people + 3.0 * MARGIN {
        (Align2::LEFT_TOP, vec2(MARGIN, MARGIN))
    } else {
        (Align2::CENTER_TOP, vec2(0.0, 2.0 * MARGIN + 48.0))
    }
}

/// A panel over the canvas.
pub(super) fn floating(ctx: &Context, name: &str, anchor: Align2, by: Vec2, add: impl FnOnce(&mut Ui)) {
    let area = Area::new(Id::unique(name)).anchor(anchor, by).order(Order::Middle);
    area.show(ctx, |ui| theme::panel(&ui.style().clone()).show(ui, add));
}

fn tools(app: &App, ui: &mut Ui, wanted: &mut Option<Action>) {
    ui.horizontal(|ui| {
        for (tool, name) in TOOLS {
            let key =
                Action::all().find(|(_, _, action)| *action == Action::Take(tool)).map(|(_, key, _)| key);
            let tip = format!("{name}  {}", key.unwrap_or_default());
            let why_not = Action::Take(tool).hindrance(&app.sitting.board);
            if button_unless(ui, Icon::Tool(tool), &tip, app.desk.tool == tool, why_not).clicked() {
                *wanted = Some(Action::Take(tool));
            }
            if matches!(tool, Tool::Hand | Tool::Rubber | Tool::Diamond) {
                ui.separator();
            }
        }
    });
}

fn view(app: &App, ui: &mut Ui, wanted: &mut Option<Action>) {
    let mut put_zoom = false;
    ui.horizontal(|ui| {
        let mut put = |ui: &mut Ui, icon, tip: &str, action: Action| {
            if button_unless(ui, icon, tip, false, action.hindrance(&app.sitting.board)).clicked() {
                *wanted = Some(action);
            }
        };
        put(ui, Icon::Undo, "Undo  Ctrl Z", Action::Undo);
        put(ui, Icon::Redo, "Redo  Ctrl Shift Z", Action::Redo);
        ui.separator();
        put(ui, Icon::Minus, "Zoom out  Ctrl −", Action::ZoomOut);
        let percent = format!("{:.0} %", app.view.zoom * 100.0);
        let reset = ui.add_sized(vec2(54.0, 32.0), egui::Button::new(percent)).on_hover_text("Zoom to 100 %");
        if reset.clicked() {
            put_zoom = true;
        }
        put(ui, Icon::Plus, "Zoom in  Ctrl +", Action::ZoomIn);
        put(ui, Icon::Fit, "Zoom to fit  Shift 1", Action::Fit);
        let grid = app.desk.grid.is_some();
        if button(ui, Icon::Grid, "Grid that corners lie on  G", grid).clicked() {
            *wanted = Some(Action::Grid);
        }
    });
    if put_zoom {
        *wanted = Some(Action::ZoomReset);
    }
}

fn people(app: &mut App, ui: &mut Ui, wanted: &mut Option<Action>) {
    ui.horizontal(|ui| {
        ui.set_min_height(34.0);
        ui.add_space(6.0);
        ui.label(RichText::new(app.sitting.title()).family(theme::strong()).size(14.0));
        if app.away {
            ui.label(RichText::new("offline").color(Color32::from_rgb(0xe0, 0x31, 0x31)).small())
                .on_hover_text("The daemon is away. What you draw is kept and sent when it is back.");
        }
        ui.add_space(4.0);
        moderating::everybody(app, ui);
        faces(app, ui);
        if app.people.followers() > 0 {
            ui.label(RichText::new(format!("{} follow you", app.people.followers())).small().weak());
        }
        ui.separator();
        let unread = app.talk.unread;
        let mut put = |ui: &mut Ui, icon, tip: &str, action, on| {
            let response = button(ui, icon, tip, on);
            if response.clicked() {
                *wanted = Some(action);
            }
            response
        };
        let talk = put(ui, Icon::Talk, "Talk beside the board  C", Action::Talk, app.talk.open);
        if unread > 0 {
            let at = talk.rect.right_top() + vec2(-7.0, 7.0);
            ui.painter().circle_filled(at, 5.0, Color32::from_rgb(0xe0, 0x31, 0x31));
        }
        put(ui, Icon::Bring, "Bring everyone here  B", Action::BringHere, false);
        put(ui, Icon::Moon, "Dark or light  Shift D", Action::Dark, false);
        put(ui, Icon::Command, "Commands  Ctrl K", Action::Palette, false);
        put(ui, Icon::Help, "Shortcuts  ?", Action::Help, false);
    });
}

/// Who is here: a face for each, with what one does with people behind it.
fn faces(app: &mut App, ui: &mut Ui) {
    let me = app.sitting.client().welcome().user.0;
    let mut shown: Vec<(Author, String, Option<InstanceId>)> = Vec::new();
    for member in app.sitting.members().iter().filter(|member| !member.instances.is_empty()) {
        if !shown.iter().any(|(user, _, _)| *user == member.user.0) {
            shown.push((member.user.0, member.name.clone(), member.instances.first().copied()));
        }
    }
    // Oneself first, and the others by name.
    shown.sort_by_key(|(user, name, _)| (*user != me, name.to_lowercase()));
    let more = shown.len().saturating_sub(6);
    for (user, name, instance) in shown.into_iter().take(6) {
        let followed = app.people.followed() == Some(&name);
        let response = face(ui, &name, app.colours.get(&user), user == me, followed);
        Popup::menu(&response).show(|ui| {
            ui.set_min_width(190.0);
            ui.label(RichText::new(&name).family(theme::strong()));
            if user != me
                && let Some(instance) = instance
            {
                let label = if followed { "Follow no longer" } else { "Follow: see what they see" };
                if ui.button(label).clicked() {
                    app.people.follow((!followed).then(|| (instance, name.clone())));
                }
            }
            let only = app.lens == Lens::Only(user);
            if ui.button(if only { "Show everybody's work" } else { "Show only their work" }).clicked() {
                app.lens = if only { Lens::All } else { Lens::Only(user) };
            }
            moderating::person(app, ui, user);
            if moderating::may_revert(app, user) {
                revert(app, ui, user);
            }
        });
    }
    if more > 0 {
        ui.label(format!("+{more}"));
    }
}

fn revert(app: &mut App, ui: &mut Ui, user: Author) {
    ui.separator();
    ui.label(RichText::new("Take back what they did in the last").small().weak());
    ui.horizontal(|ui| {
        for minutes in [1, 5, 30] {
            if ui.button(format!("{minutes} min")).clicked() {
                let ctx = ui.ctx().clone();
                app.revert(user, minutes, &ctx);
                ui.close();
            }
        }
    });
}

fn face(ui: &mut Ui, name: &str, colour: Color32, me: bool, followed: bool) -> Response {
    let (rect, response) = ui.allocate_exact_size(vec2(28.0, 28.0), Sense::click());
    ui.painter().circle_filled(rect.center(), 13.0, colour);
    if followed || response.hovered() {
        ui.painter().circle_stroke(rect.center(), 13.5, egui::Stroke::new(2.0, theme::ACCENT));
    }
    let initial = name.chars().next().map(|c| c.to_uppercase().to_string()).unwrap_or_default();
    let font = FontId::new(13.0, theme::strong());
    ui.painter().text(rect.center(), Align2::CENTER_CENTER, initial, font, Color32::WHITE);
    let who = if me { format!("{name} (you)") } else { name.to_owned() };
    response.widget_info(|| WidgetInfo::labeled(Role::Button, true, &who));
    response.on_hover_text(who)
}

/// A button with an icon.
pub(super) fn button(ui: &mut Ui, shown: Icon, tip: &str, on: bool) -> Response {
    button_unless(ui, shown, tip, on, None)
}

/// A button with an icon, grey where there is a reason why it does nothing; pointed at, it says the reason.
fn button_unless(ui: &mut Ui, shown: Icon, tip: &str, on: bool, why_not: Option<&str>) -> Response {
    let (rect, response) = ui.allocate_exact_size(vec2(34.0, 34.0), Sense::click());
    let strength = if why_not.is_some() { 0.3 } else { 1.0 };
    background(ui, rect, &response, on);
    let colour = if on { theme::ACCENT } else { ui.visuals().text_color() };
    icon::draw(ui.painter(), rect, shown, colour.gamma_multiply(strength));
    let tip = why_not.map_or_else(|| tip.to_owned(), |why| format!("{tip}: {why}"));
    response.widget_info(|| WidgetInfo::selected(Role::Button, why_not.is_none(), on, &tip));
    response.on_hover_text(tip)
}

/// What lies behind a control.
pub(super) fn background(ui: &Ui, rect: Rect, response: &Response, on: bool) {
    if on {
        ui.painter().rect_filled(rect, 8.0, theme::ACCENT.gamma_multiply(0.16));
    } else if response.hovered() {
        ui.painter().rect_filled(rect, 8.0, ui.visuals().widgets.hovered.weak_bg_fill);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_grey_button_tells_screen_readers_that_it_does_nothing_and_why() {
        let ctx = Context::default();
        ctx.enable_accesskit();
        let mut output = ctx.run_ui(egui::RawInput::default(), |ui| {
            button_unless(ui, Icon::Undo, "Undo", false, None);
            button_unless(ui, Icon::Redo, "Redo", false, Some("nothing was taken back"));
        });
        output.textures_delta.clear();
        let told = output.platform_output.accesskit_update.unwrap();
        let buttons = told.nodes.iter().filter(|(_, node)| node.role() == egui::accesskit::Role::Button);
        let said: Vec<(&str, bool)> =
            buttons.map(|(_, node)| (node.label().unwrap_or_default(), node.is_disabled())).collect();
        assert_eq!(said, [("Undo", false), ("Redo: nothing was taken back", true)]);
    }
}
