//! The panels that float over the canvas: tools, style, view, people; the palette and the list of shortcuts; text being written.
//!
//! Invariant: every control has a name for screen readers, and does nothing that no [`Action`] or property says.

use super::{
    action::Action,
    app::{App, writing_id},
    canvas, icon,
    icon::Icon,
    theme,
};
use crate::{
    model::{Colour, Dash, Kind, Property},
    tool::Tool,
};
use eframe::egui::{
    self, Align, Align2, Area, Color32, Context, FontId, Id, Key, Layout, Order, Rect, Response, RichText,
    Role, Sense, Slider, Stroke, StrokeKind, TextEdit, Ui, Vec2, WidgetInfo, vec2,
};

const TOOLS: [(Tool, &str); 14] = [
    (Tool::Select, "Select"),
    (Tool::Hand, "Move the view"),
    (Tool::Pen, "Pen"),
    (Tool::Highlighter, "Highlighter"),
    (Tool::Eraser, "Eraser"),
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

const WIDTHS: [f32; 4] = [1.5, 3.0, 6.0, 12.0];

/// Shows all panels.
pub(super) fn show(app: &mut App, ctx: &Context) {
    let mut wanted = None;
    floating(ctx, "tools", Align2::CENTER_TOP, vec2(0.0, 12.0), |ui| tools(app, ui, &mut wanted));
    floating(ctx, "view", Align2::LEFT_BOTTOM, vec2(12.0, -12.0), |ui| view(app, ui, &mut wanted));
    floating(ctx, "people", Align2::RIGHT_TOP, vec2(-12.0, 12.0), |ui| people(app, ui, &mut wanted));
    if !matches!(app.desk.tool, Tool::Hand | Tool::Eraser | Tool::Laser) {
        floating(ctx, "style", Align2::LEFT_CENTER, vec2(12.0, 0.0), |ui| style(app, ui));
    }
    hint(app, ctx);
    said(app, ctx);
    writing(app, ctx);
    palette(app, ctx, &mut wanted);
    help(app, ctx);
    if let Some(action) = wanted {
        app.act(action, ctx);
    }
}

fn floating(ctx: &Context, name: &str, anchor: Align2, by: Vec2, add: impl FnOnce(&mut Ui)) {
    let area = Area::new(Id::unique(name)).anchor(anchor, by).order(Order::Middle);
    area.show(ctx, |ui| theme::panel(&ui.style().clone()).show(ui, add));
}

fn tools(app: &App, ui: &mut Ui, wanted: &mut Option<Action>) {
    ui.horizontal(|ui| {
        for (tool, name) in TOOLS {
            let key =
                Action::all().find(|(_, _, action)| *action == Action::Take(tool)).map(|(_, key, _)| key);
            let tip = format!("{name}  {}", key.unwrap_or_default());
            if button(ui, Icon::Tool(tool), &tip, app.desk.tool == tool).clicked() {
                *wanted = Some(Action::Take(tool));
            }
            if matches!(tool, Tool::Hand | Tool::Eraser | Tool::Diamond) {
                ui.separator();
            }
        }
    });
}

fn view(app: &App, ui: &mut Ui, wanted: &mut Option<Action>) {
    let mut put_zoom = false;
    ui.horizontal(|ui| {
        let mut put = |ui: &mut Ui, icon, tip: &str, action| {
            if button(ui, icon, tip, false).clicked() {
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
    });
    if put_zoom {
        *wanted = Some(Action::ZoomReset);
    }
}

fn people(app: &App, ui: &mut Ui, wanted: &mut Option<Action>) {
    ui.horizontal(|ui| {
        ui.set_min_height(34.0);
        ui.add_space(6.0);
        ui.label(RichText::new(app.sitting.title()).family(theme::strong()).size(14.0));
        if app.away {
            ui.label(RichText::new("offline").color(Color32::from_rgb(0xe0, 0x31, 0x31)).small())
                .on_hover_text("The daemon is away. What you draw is kept and sent when it is back.");
        }
        ui.add_space(4.0);
        let mut shown: Vec<(&str, Color32)> = Vec::new();
        for member in app.sitting.members().iter().filter(|member| !member.instances.is_empty()) {
            if !shown.iter().any(|(name, _)| *name == member.name) {
                shown.push((&member.name, theme::person(&member.user.0)));
            }
        }
        for (name, colour) in shown.iter().take(6) {
            face(ui, name, *colour, *name == app.me);
        }
        if shown.len() > 6 {
            ui.label(format!("+{}", shown.len() - 6));
        }
        ui.separator();
        let mut put = |ui: &mut Ui, icon, tip: &str, action| {
            if button(ui, icon, tip, false).clicked() {
                *wanted = Some(action);
            }
        };
        put(ui, Icon::Moon, "Dark or light  Shift D", Action::Dark);
        put(ui, Icon::Command, "Commands  Ctrl K", Action::Palette);
        put(ui, Icon::Help, "Shortcuts  ?", Action::Help);
    });
}

fn face(ui: &mut Ui, name: &str, colour: Color32, me: bool) {
    let (rect, response) = ui.allocate_exact_size(vec2(28.0, 28.0), Sense::hover());
    ui.painter().circle_filled(rect.center(), 13.0, colour);
    let initial = name.chars().next().map(|c| c.to_uppercase().to_string()).unwrap_or_default();
    let font = FontId::new(13.0, theme::strong());
    ui.painter().text(rect.center(), Align2::CENTER_CENTER, initial, font, Color32::WHITE);
    let who = if me { format!("{name} (you)") } else { name.to_owned() };
    response.widget_info(|| WidgetInfo::labeled(Role::Label, true, &who));
    response.on_hover_text(who);
}

fn style(app: &mut App, ui: &mut Ui) {
    ui.set_width(150.0);
    let chosen = app.desk.chosen().iter().next().and_then(|id| app.sitting.board.shape(*id)).cloned();
    let (style, font) =
        chosen.as_ref().map_or((app.desk.style, app.desk.font), |shape| (shape.style, shape.font));
    let kind = chosen.as_ref().map(|shape| shape.kind);
    let mut wanted = None;
    heading(ui, "Colour");
    swatches(ui, "Colour", &theme::INKS, style.ink, app.dark, |c| wanted = Some(Property::Ink(c)));
    let has_area = match kind {
        Some(kind) => !matches!(kind, Kind::Stroke | Kind::Arrow | Kind::Text),
        None => {
            !matches!(app.desk.tool, Tool::Pen | Tool::Highlighter | Tool::Line | Tool::Arrow | Tool::Text)
        }
    };
    if has_area {
        heading(ui, "Fill");
        swatches(ui, "Fill", &theme::FILLS, style.fill, app.dark, |c| wanted = Some(Property::Fill(c)));
    }
    let is_text = kind == Some(Kind::Text) || matches!(app.desk.tool, Tool::Text | Tool::Note);
    if is_text || kind == Some(Kind::Note) {
        heading(ui, "Letters");
        ui.horizontal(|ui| {
            for (name, size) in [("S", 14.0), ("M", 20.0), ("L", 32.0), ("XL", 48.0)] {
                if chip(ui, name, font.size == size).clicked() {
                    wanted = Some(Property::Font(crate::model::Font { size, ..font }));
                }
            }
        });
    }
    if !is_text {
        heading(ui, "Width");
        ui.horizontal(|ui| {
            for width in WIDTHS {
                if width_button(ui, width, style.width == width).clicked() {
                    wanted = Some(Property::Width(width));
                }
            }
        });
        heading(ui, "Line");
        ui.horizontal(|ui| {
            for (name, dash) in [("—", Dash::Solid), ("- -", Dash::Dashed), ("···", Dash::Dotted)] {
                if chip(ui, name, style.dash == dash).clicked() {
                    wanted = Some(Property::Dash(dash));
                }
            }
        });
    }
    heading(ui, "Opacity");
    let mut opacity = style.opacity;
    ui.spacing_mut().slider_width = 98.0;
    let slider = ui.add(Slider::new(&mut opacity, 10..=100).suffix(" %"));
    if slider.drag_stopped() || (slider.changed() && !slider.dragged()) {
        wanted = Some(Property::Opacity(opacity));
    } else if slider.changed() {
        // While it is pulled only what is drawn next changes: each step on the board would be one to take back.
        app.desk.style.opacity = opacity;
    }
    if let Some(property) = wanted {
        app.restyle(property);
    }
}

fn heading(ui: &mut Ui, text: &str) {
    ui.add_space(2.0);
    ui.label(RichText::new(text).small().weak());
}

fn swatches(
    ui: &mut Ui,
    what: &str,
    colours: &[Colour],
    now: Colour,
    dark: bool,
    mut choose: impl FnMut(Colour),
) {
    egui::Grid::new(what).spacing(vec2(5.0, 5.0)).show(ui, |ui| {
        for (index, colour) in colours.iter().enumerate() {
            let (rect, response) = ui.allocate_exact_size(vec2(32.0, 26.0), Sense::click());
            let shown = if dark { theme::on_dark(*colour) } else { *colour };
            let inner = rect.shrink(3.0);
            if colour.is_none() {
                let grey = Stroke::new(1.2, Color32::from_gray(0x99));
                ui.painter().rect_stroke(inner, 6.0, grey, StrokeKind::Inside);
                ui.painter().line_segment([inner.left_bottom(), inner.right_top()], grey);
            } else {
                ui.painter().rect_filled(inner, 6.0, theme::colour(shown));
            }
            if *colour == now {
                ui.painter().rect_stroke(rect, 8.0, Stroke::new(2.0, theme::ACCENT), StrokeKind::Inside);
            }
            let name = format!("{what} {colour}");
            response.widget_info(|| WidgetInfo::selected(Role::RadioButton, true, *colour == now, &name));
            if response.clicked() {
                choose(*colour);
            }
            if index % 4 == 3 {
                ui.end_row();
            }
        }
    });
}

fn chip(ui: &mut Ui, name: &str, on: bool) -> Response {
    ui.add_sized(vec2(33.0, 26.0), egui::Button::selectable(on, name))
}

fn width_button(ui: &mut Ui, width: f32, on: bool) -> Response {
    let (rect, response) = ui.allocate_exact_size(vec2(33.0, 26.0), Sense::click());
    background(ui, rect, &response, on);
    let colour = if on { theme::ACCENT } else { ui.visuals().text_color() };
    let line = [rect.left_center() + vec2(8.0, 0.0), rect.right_center() - vec2(8.0, 0.0)];
    ui.painter().line_segment(line, Stroke::new(width.min(9.0), colour));
    let name = format!("Width {width}");
    response.widget_info(|| WidgetInfo::selected(Role::RadioButton, true, on, &name));
    response
}

fn button(ui: &mut Ui, shown: Icon, tip: &str, on: bool) -> Response {
    let (rect, response) = ui.allocate_exact_size(vec2(34.0, 34.0), Sense::click());
    background(ui, rect, &response, on);
    let colour = if on { theme::ACCENT } else { ui.visuals().text_color() };
    icon::draw(ui.painter(), rect, shown, colour);
    response.widget_info(|| WidgetInfo::selected(Role::Button, true, on, tip));
    response.on_hover_text(tip)
}

fn background(ui: &Ui, rect: Rect, response: &Response, on: bool) {
    if on {
        ui.painter().rect_filled(rect, 8.0, theme::ACCENT.gamma_multiply(0.16));
    } else if response.hovered() {
        ui.painter().rect_filled(rect, 8.0, ui.visuals().widgets.hovered.weak_bg_fill);
    }
}

/// What to do on an empty board, and that a large one is being read.
fn hint(app: &App, ctx: &Context) {
    let screen = ctx.layer_painter(egui::LayerId::background());
    let grey = Color32::from_gray(if app.dark { 0x8a } else { 0x9a });
    if !app.sitting.is_caught_up() {
        let count = format!("{} objects so far", app.sitting.board.len());
        canvas::hint(&screen, app.view, "Reading the board…", &[&count], grey);
    } else if app.sitting.board.is_empty() && !app.desk.is_busy() && app.writing.is_none() {
        let lines = [
            "Pick a tool above, or press P and draw.",
            "Everyone on this board sees it at once.",
            "?  shows all shortcuts",
        ];
        canvas::hint(&screen, app.view, "An empty board", &lines, grey);
    }
}

fn said(app: &App, ctx: &Context) {
    let Some(what) = app.said() else { return };
    floating(ctx, "said", Align2::CENTER_BOTTOM, vec2(0.0, -18.0), |ui| {
        ui.set_max_width(460.0);
        ui.label(what);
    });
}

fn writing(app: &mut App, ctx: &Context) {
    let dark = app.dark;
    let Some(writing) = &mut app.writing else { return };
    let (place, size) = canvas::text_place(app.view, &writing.shape);
    let note = writing.shape.kind == Kind::Note;
    let ink = if dark && !note { theme::on_dark(writing.shape.style.ink) } else { writing.shape.style.ink };
    let mut done = false;
    Area::new(Id::unique("text")).fixed_pos(place.min).order(Order::Foreground).show(ctx, |ui| {
        if note && writing.existing.is_none() {
            let paper =
                if writing.shape.style.fill.is_none() { theme::FILLS[2] } else { writing.shape.style.fill };
            ui.painter().rect_filled(place.expand(12.0 * app.view.zoom), 4.0, theme::colour(paper));
        }
        let edit = TextEdit::multiline(&mut writing.text)
            .id(writing_id())
            .font(FontId::proportional(size))
            .text_color(theme::colour(ink))
            .frame(egui::Frame::NONE)
            .desired_width(place.width())
            .desired_rows(1)
            .hint_text("Write…");
        let response = ui.add(edit);
        if std::mem::take(&mut writing.fresh) {
            response.request_focus();
        }
        let (escape, enter) =
            ui.input(|i| (i.key_pressed(Key::Escape), i.modifiers.command && i.key_pressed(Key::Enter)));
        done = escape || enter;
    });
    if done {
        app.finish_writing();
    }
}

fn palette(app: &mut App, ctx: &Context, wanted: &mut Option<Action>) {
    let Some(filter) = &mut app.palette else { return };
    let mut open = true;
    floating_modal(ctx, "palette", |ui| {
        ui.set_width(360.0);
        let edit = ui.add(
            TextEdit::singleline(filter).hint_text("What do you want to do?").desired_width(f32::INFINITY),
        );
        edit.request_focus();
        let sought = filter.to_lowercase();
        let found: Vec<_> =
            Action::all().filter(|(name, _, _)| name.to_lowercase().contains(&sought)).take(10).collect();
        for (index, (name, key, action)) in found.iter().enumerate() {
            let row = ui.horizontal(|ui| {
                let clicked = ui.selectable_label(index == 0, *name).clicked();
                ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
                    ui.label(RichText::new(key).small().weak())
                });
                clicked
            });
            if row.inner {
                (*wanted, open) = (Some(*action), false);
            }
        }
        if found.is_empty() {
            ui.label(RichText::new("Nothing of that name").weak());
        }
        let (enter, escape) = ui.input(|i| (i.key_pressed(Key::Enter), i.key_pressed(Key::Escape)));
        if enter {
            *wanted = found.first().map(|(_, _, action)| *action);
        }
        open &= !enter && !escape;
    });
    if !open {
        app.palette = None;
    }
}

fn help(app: &mut App, ctx: &Context) {
    if !app.help {
        return;
    }
    floating_modal(ctx, "help", |ui| {
        ui.label(RichText::new("Shortcuts").heading());
        ui.add_space(6.0);
        let keys: Vec<_> = Action::all().filter(|(_, key, _)| !key.is_empty()).collect();
        egui::Grid::new("keys").num_columns(4).spacing(vec2(22.0, 5.0)).show(ui, |ui| {
            let half = keys.len().div_ceil(2);
            for row in 0..half {
                for (name, key, _) in keys.iter().skip(row).step_by(half) {
                    ui.label(*name);
                    ui.label(RichText::new(key).weak());
                }
                ui.end_row();
            }
        });
        ui.add_space(6.0);
        ui.label(
            RichText::new(
                "Wheel: move · Ctrl wheel: zoom · Shift: keep proportions · double click: write into",
            )
            .small()
            .weak(),
        );
        if ui.button("Close").clicked() {
            app.help = false;
        }
    });
}

fn floating_modal(ctx: &Context, name: &str, add: impl FnOnce(&mut Ui)) {
    let area =
        Area::new(Id::unique(name)).anchor(Align2::CENTER_CENTER, vec2(0.0, -40.0)).order(Order::Foreground);
    area.show(ctx, |ui| theme::panel(&ui.style().clone()).inner_margin(14.0).show(ui, add));
}
