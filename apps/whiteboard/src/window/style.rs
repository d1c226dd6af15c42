//! The panel that says how things look: of what is chosen, or of what is drawn next.
//!
//! Invariant: a change is one edit of what is chosen, and holds for what is drawn next as well.

use super::{
    action::Action,
    app::App,
    bars::{background, button},
    icon::Icon,
    theme,
};
use crate::{
    model::{Colour, Dash, Edge, Font, Kind, Property, Shape, Style},
    tool::Tool,
};
use eframe::egui::{
    self, Color32, Response, RichText, Role, Sense, Slider, Stroke, StrokeKind, Ui, WidgetInfo, vec2,
};

const WIDTHS: [f32; 4] = [1.5, 3.0, 6.0, 12.0];

/// What is shown, what it is called, what it means.
const SIZES: [(&str, &str, f32); 4] = [
    ("S", "Small letters", 14.0),
    ("M", "Medium letters", 20.0),
    ("L", "Large letters", 32.0),
    ("XL", "Very large letters", 48.0),
];
const DASHES: [(&str, &str, Dash); 3] = [
    ("—", "Solid line", Dash::Solid),
    ("- -", "Dashed line", Dash::Dashed),
    ("···", "Dotted line", Dash::Dotted),
];

/// The panel.
pub(super) fn show(app: &mut App, ui: &mut Ui, action: &mut Option<Action>) {
    ui.set_width(150.0);
    let chosen = app.desk.chosen().iter().next().and_then(|id| app.sitting.board.shape(*id)).cloned();
    let (style, font) =
        chosen.as_ref().map_or((app.desk.style, app.desk.font), |shape| (shape.style, shape.font));
    let kind = chosen.as_ref().map(|shape| shape.kind);
    let mut wanted = None;
    heading(ui, "Colour");
    swatches(ui, "Colour", &theme::INKS, style.ink, app.dark, |c| wanted = Some(Property::Ink(c)));
    let lines = [Tool::Pen, Tool::Highlighter, Tool::Line, Tool::Arrow, Tool::Text];
    let has_area = match kind {
        Some(kind) => !matches!(kind, Kind::Stroke | Kind::Arrow | Kind::Text),
        None => !lines.contains(&app.desk.tool),
    };
    if has_area {
        heading(ui, "Fill");
        swatches(ui, "Fill", &theme::FILLS, style.fill, app.dark, |c| wanted = Some(Property::Fill(c)));
    }
    let is_text = kind == Some(Kind::Text) || matches!(app.desk.tool, Tool::Text | Tool::Note);
    let has_text = chosen.as_ref().is_some_and(|shape| !shape.text.is_empty());
    if is_text || has_text || kind == Some(Kind::Note) {
        letters(ui, font, &mut wanted);
    }
    if !is_text {
        lines_of(ui, style, &mut wanted);
    }
    opacity(app, ui, style, &mut wanted);
    if app.desk.chosen().len() > 1 {
        arrange(ui, action);
    }
    if let Some(shape) = &chosen {
        author(app, ui, shape);
    }
    if let Some(property) = wanted {
        app.restyle(property);
    }
}

fn letters(ui: &mut Ui, font: Font, wanted: &mut Option<Property>) {
    heading(ui, "Letters");
    ui.horizontal(|ui| {
        for (shown, name, size) in SIZES {
            if chip(ui, shown, name, font.size == size).clicked() {
                *wanted = Some(Property::Font(Font { size, ..font }));
            }
        }
    });
}

fn lines_of(ui: &mut Ui, style: Style, wanted: &mut Option<Property>) {
    heading(ui, "Width");
    ui.horizontal(|ui| {
        for width in WIDTHS {
            if width_button(ui, width, style.width == width).clicked() {
                *wanted = Some(Property::Width(width));
            }
        }
    });
    heading(ui, "Line");
    ui.horizontal(|ui| {
        for (shown, name, dash) in DASHES {
            if chip(ui, shown, name, style.dash == dash).clicked() {
                *wanted = Some(Property::Dash(dash));
            }
        }
    });
}

fn opacity(app: &mut App, ui: &mut Ui, style: Style, wanted: &mut Option<Property>) {
    heading(ui, "Opacity");
    let mut opacity = style.opacity;
    ui.spacing_mut().slider_width = 98.0;
    let slider = ui.add(Slider::new(&mut opacity, 10..=100).suffix(" %"));
    slider.widget_info(|| WidgetInfo::slider(true, opacity.into(), "Opacity"));
    if slider.drag_stopped() || (slider.changed() && !slider.dragged()) {
        *wanted = Some(Property::Opacity(opacity));
    } else if slider.changed() {
        // While it is pulled only what is drawn next changes: each step on the board would be one to take back.
        app.desk.style.opacity = opacity;
    }
}

/// Puts several objects in line.
fn arrange(ui: &mut Ui, action: &mut Option<Action>) {
    heading(ui, "Arrange");
    let rows = [
        [
            (Icon::Align(Edge::Left), "Align left", Action::Align(Edge::Left)),
            (Icon::Align(Edge::Centre), "Align centres", Action::Align(Edge::Centre)),
            (Icon::Align(Edge::Right), "Align right", Action::Align(Edge::Right)),
            (Icon::Distribute(0), "Distribute from left to right", Action::Distribute(0)),
        ],
        [
            (Icon::Align(Edge::Top), "Align top", Action::Align(Edge::Top)),
            (Icon::Align(Edge::Middle), "Align middles", Action::Align(Edge::Middle)),
            (Icon::Align(Edge::Bottom), "Align bottom", Action::Align(Edge::Bottom)),
            (Icon::Distribute(1), "Distribute from top to bottom", Action::Distribute(1)),
        ],
    ];
    for row in rows {
        ui.horizontal(|ui| {
            for (icon, name, what) in row {
                if button(ui, icon, name, false).clicked() {
                    *action = Some(what);
                }
            }
        });
    }
}

/// Who drew it.
fn author(app: &App, ui: &mut Ui, shape: &Shape) {
    if let Some(author) = app.sitting.board.author(shape.id) {
        ui.add_space(2.0);
        ui.horizontal(|ui| {
            let (dot, _) = ui.allocate_exact_size(vec2(10.0, 14.0), Sense::hover());
            ui.painter().circle_filled(dot.center(), 4.0, app.colours.get(&author));
            ui.label(RichText::new(format!("Drawn by {}", app.sitting.name_of(author))).small().weak());
        });
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

fn chip(ui: &mut Ui, shown: &str, name: &str, on: bool) -> Response {
    let response = ui.add_sized(vec2(33.0, 26.0), egui::Button::selectable(on, shown));
    response.widget_info(|| WidgetInfo::selected(Role::RadioButton, true, on, name));
    response.on_hover_text(name)
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

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn what_shows_a_sign_has_a_name_for_screen_readers() {
        let ctx = egui::Context::default();
        ctx.enable_accesskit();
        let mut output = ctx.run_ui(egui::RawInput::default(), |ui| {
            for (shown, name, _) in DASHES {
                chip(ui, shown, name, false);
            }
            width_button(ui, WIDTHS[0], true);
        });
        output.textures_delta.clear();
        let told = output.platform_output.accesskit_update.unwrap();
        let named: BTreeSet<&str> = told.nodes.iter().filter_map(|(_, node)| node.label()).collect();
        assert_eq!(named, BTreeSet::from(["Solid line", "Dashed line", "Dotted line", "Width 1.5"]));
    }
}
