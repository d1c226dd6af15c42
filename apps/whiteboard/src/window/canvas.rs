//! What lies over the tiles: what is chosen, the others, the grid.

use super::{
    people::{FADING, People},
    theme,
    view::View,
};
use crate::{
    model::{Board, Bounds, Kind, Shape},
    tool::{Desk, GAP, Grip, Tool},
};
use eframe::egui::{
    self, Align2, Color32, CornerRadius, CursorIcon, FontId, Painter as Screen, Rect, Shape as Mark, Stroke,
    StrokeKind, vec2,
};
use std::time::Instant;

/// Frames and handles of what is chosen, and the rectangle that chooses.
pub(super) fn selection(screen: &Screen, view: View, desk: &Desk, board: &Board) {
    if let Some(frame) = desk.frame() {
        let rect = view.rect(frame);
        screen.rect(
            rect,
            2.0,
            theme::ACCENT.gamma_multiply(0.08),
            Stroke::new(1.0, theme::ACCENT),
            StrokeKind::Inside,
        );
    }
    let Some(chosen) = desk.chosen_bounds(board).filter(|_| desk.preview(board).is_empty()) else { return };
    let pixel = 1.0 / view.zoom;
    let thin = Stroke::new(1.0, theme::ACCENT);
    if desk.chosen().len() > 1 {
        for shape in desk.chosen().iter().filter_map(|id| board.shape(*id)) {
            screen.rect_stroke(
                view.rect(shape.placed_box()),
                2.0,
                Stroke::new(0.6, theme::ACCENT),
                StrokeKind::Outside,
            );
        }
    }
    screen.rect_stroke(view.rect(chosen.grown(GAP * pixel)), 3.0, thin, StrokeKind::Middle);
    let paper = screen.ctx().global_style().visuals.panel_fill;
    for (grip, at) in Grip::all(chosen, pixel) {
        let at = view.to_screen(at);
        match grip {
            Grip::Turn => {
                screen.circle(at, 5.0, paper, Stroke::new(1.4, theme::ACCENT));
            }
            Grip::Side(_) => {
                let handle = Rect::from_center_size(at, vec2(9.0, 9.0));
                screen.rect(handle, 2.5, paper, Stroke::new(1.4, theme::ACCENT), StrokeKind::Middle);
            }
        }
    }
}

/// The line with which objects are being chosen.
pub(super) fn lasso(screen: &Screen, view: View, places: &[[f32; 2]]) {
    let points: Vec<egui::Pos2> = places.iter().map(|place| view.to_screen(*place)).collect();
    if let (Some(first), Some(last)) = (points.first().copied(), points.last().copied()) {
        screen.add(Mark::line(points, Stroke::new(1.4, theme::ACCENT)));
        screen.extend(Mark::dashed_line(&[last, first], Stroke::new(1.0, theme::ACCENT), 4.0, 4.0));
    }
}

/// Around everything, while one sees what somebody else sees.
pub(super) fn border(screen: &Screen, view: View) {
    screen.rect_stroke(view.canvas, 0.0, Stroke::new(3.0, theme::ACCENT), StrokeKind::Inside);
}

/// Points of the grid; fewer where they would lie close together.
pub(super) fn grid(screen: &Screen, view: View, grid: f32) {
    let mut step = grid;
    while step * view.zoom < 14.0 {
        step *= 2.0;
    }
    let part = view.part();
    let first = part.min.map(|c| (c / step).floor() as i32);
    let last = part.max.map(|c| (c / step).ceil() as i32);
    let colour = Color32::from_rgba_unmultiplied(0x80, 0x80, 0x90, 110);
    for y in first[1]..=last[1] {
        for x in first[0]..=last[0] {
            let at = view.to_screen([x as f32 * step, y as f32 * step]);
            screen.rect_filled(Rect::from_center_size(at, vec2(2.0, 2.0)), 0.0, colour);
        }
    }
}

/// Pointers with names, strokes on their way, lasers.
pub(super) fn others(screen: &Screen, view: View, people: &People, dark: bool) {
    let now = Instant::now();
    for person in people.iter() {
        if let Some(drawn) = &person.stroke {
            let ink = if dark { theme::on_dark(drawn.ink) } else { drawn.ink };
            let points = drawn.points.iter().map(|p| view.to_screen(*p)).collect();
            screen
                .add(Mark::line(points, Stroke::new((drawn.width * view.zoom).max(1.0), theme::colour(ink))));
        }
        let age = now.duration_since(person.lit).as_secs_f32() / FADING.as_secs_f32();
        laser(screen, view, &person.laser, person.colour, 1.0 - age.min(1.0));
        if let Some(at) = person.pointer {
            named_pointer(screen, view.to_screen(at), &person.name, person.colour);
        }
    }
}

fn named_pointer(screen: &Screen, at: egui::Pos2, name: &str, colour: Color32) {
    let arrow = [vec2(0.0, 0.0), vec2(12.5, 5.0), vec2(7.2, 7.2), vec2(5.0, 12.5)].map(|by| at + by);
    screen.add(Mark::convex_polygon(arrow.to_vec(), colour, Stroke::new(1.2, Color32::WHITE)));
    let text = screen.layout_no_wrap(name.to_owned(), FontId::new(11.5, theme::strong()), Color32::WHITE);
    let label = Rect::from_min_size(at + vec2(11.0, 13.0), text.size() + vec2(12.0, 5.0));
    screen.rect_filled(label, CornerRadius::same(7), colour);
    screen.galley(label.min + vec2(6.0, 2.5), text, Color32::WHITE);
}

/// A trail of light, brightest at its end.
pub(super) fn laser(screen: &Screen, view: View, places: &[[f32; 2]], colour: Color32, strength: f32) {
    let trail = &places[places.len().saturating_sub(60)..];
    for (index, pair) in trail.windows(2).enumerate() {
        let share = (index + 1) as f32 / trail.len() as f32 * strength;
        let line = [view.to_screen(pair[0]), view.to_screen(pair[1])];
        screen.line_segment(line, Stroke::new(2.0 + 4.0 * share, colour.gamma_multiply(share)));
    }
    if let Some(last) = places.last() {
        screen.circle_filled(view.to_screen(*last), 5.0, colour.gamma_multiply(strength));
    }
}

/// What the pointer looks like over the canvas.
pub(super) fn cursor(desk: &Desk, panning: bool) -> CursorIcon {
    match desk.tool {
        _ if panning => CursorIcon::Grabbing,
        Tool::Select | Tool::Lasso => CursorIcon::Default,
        Tool::Hand => CursorIcon::Grab,
        Tool::Text => CursorIcon::Text,
        _ => CursorIcon::Crosshair,
    }
}

/// Where a shape's text is edited: on the screen, and how large its letters are.
pub(super) fn text_place(view: View, shape: &Shape) -> (Rect, f32) {
    let size = shape.font.size * view.zoom;
    let whole =
        view.rect(Bounds { min: shape.at, max: [shape.at[0] + shape.size[0], shape.at[1] + shape.size[1]] });
    let place = match shape.kind {
        Kind::Text => {
            Rect::from_min_size(whole.min, vec2((shape.size[0] * view.zoom + 40.0).max(260.0), size * 1.4))
        }
        _ => whole.shrink((12.0 * view.zoom).min(whole.width() / 4.0)),
    };
    (place, size.clamp(4.0, 400.0))
}

/// Text in the middle of the canvas, for when there is nothing else.
pub(super) fn hint(screen: &Screen, view: View, title: &str, lines: &[&str], colour: Color32) {
    let middle = view.canvas.center();
    screen.text(
        middle - vec2(0.0, 28.0),
        Align2::CENTER_CENTER,
        title,
        FontId::new(22.0, theme::strong()),
        colour,
    );
    for (index, line) in lines.iter().enumerate() {
        let at = middle + vec2(0.0, 6.0 + 22.0 * index as f32);
        screen.text(at, Align2::CENTER_CENTER, line, FontId::proportional(14.0), colour.gamma_multiply(0.8));
    }
}
