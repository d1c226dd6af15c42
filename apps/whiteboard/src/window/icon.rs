//! Icons, drawn as lines on a grid of 20 × 20.

use crate::tool::Tool;
use eframe::egui::{Color32, Painter, Pos2, Rect, Shape, Stroke, pos2};

/// What an icon shows.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Icon {
    Tool(Tool),
    Undo,
    Redo,
    Minus,
    Plus,
    Fit,
    Moon,
    Help,
    Command,
}

/// Draws an icon into the middle of a rectangle.
pub(super) fn draw(painter: &Painter, rect: Rect, icon: Icon, colour: Color32) {
    let corner = rect.center() - eframe::egui::vec2(10.0, 10.0);
    let at = |(x, y): (f32, f32)| pos2(corner.x + x, corner.y + y);
    let stroke = Stroke::new(1.6, colour);
    let line = |points: &[(f32, f32)]| {
        painter.add(Shape::line(points.iter().copied().map(at).collect(), stroke));
    };
    let closed = |points: &[(f32, f32)]| {
        painter.add(Shape::closed_line(points.iter().copied().map(at).collect(), stroke));
    };
    match icon {
        Icon::Tool(tool) => draw_tool(painter, corner, tool, stroke),
        Icon::Undo => {
            line(&[(7.0, 4.0), (3.5, 7.5), (7.0, 11.0)]);
            line(&[
                (3.5, 7.5),
                (12.0, 7.5),
                (15.0, 9.0),
                (16.0, 11.5),
                (15.0, 14.0),
                (12.0, 15.5),
                (8.0, 15.5),
            ]);
        }
        Icon::Redo => {
            line(&[(13.0, 4.0), (16.5, 7.5), (13.0, 11.0)]);
            line(&[(16.5, 7.5), (8.0, 7.5), (5.0, 9.0), (4.0, 11.5), (5.0, 14.0), (8.0, 15.5), (12.0, 15.5)]);
        }
        Icon::Minus => line(&[(5.0, 10.0), (15.0, 10.0)]),
        Icon::Plus => {
            line(&[(5.0, 10.0), (15.0, 10.0)]);
            line(&[(10.0, 5.0), (10.0, 15.0)]);
        }
        Icon::Fit => {
            line(&[(3.5, 7.0), (3.5, 3.5), (7.0, 3.5)]);
            line(&[(13.0, 3.5), (16.5, 3.5), (16.5, 7.0)]);
            line(&[(16.5, 13.0), (16.5, 16.5), (13.0, 16.5)]);
            line(&[(7.0, 16.5), (3.5, 16.5), (3.5, 13.0)]);
        }
        Icon::Moon => {
            let arc = |r: f32, cx: f32, from: f32, to: f32| -> Vec<(f32, f32)> {
                let step = |i: i32| (from + (to - from) * i as f32 / 16.0).to_radians();
                (0..=16).map(|i| (cx + r * step(i).cos(), 10.0 + r * step(i).sin())).collect()
            };
            line(&[arc(6.5, 10.0, -60.0, -300.0), arc(5.6, 13.2, -270.0, -90.0)].concat());
        }
        Icon::Help => {
            line(&[
                (7.0, 7.5),
                (7.6, 5.4),
                (10.0, 4.4),
                (12.4, 5.4),
                (13.0, 7.4),
                (12.0, 9.2),
                (10.0, 10.6),
                (10.0, 12.4),
            ]);
            painter.circle_filled(at((10.0, 15.4)), 1.2, colour);
        }
        Icon::Command => {
            closed(&[(4.0, 5.0), (16.0, 5.0), (16.0, 15.0), (4.0, 15.0)]);
            line(&[(6.8, 8.0), (9.0, 10.0), (6.8, 12.0)]);
            line(&[(10.5, 12.0), (13.5, 12.0)]);
        }
    }
}

fn draw_tool(painter: &Painter, corner: Pos2, tool: Tool, stroke: Stroke) {
    let at = |(x, y): (f32, f32)| pos2(corner.x + x, corner.y + y);
    let line = |points: &[(f32, f32)]| {
        painter.add(Shape::line(points.iter().copied().map(at).collect(), stroke));
    };
    let closed = |points: &[(f32, f32)]| {
        painter.add(Shape::closed_line(points.iter().copied().map(at).collect(), stroke));
    };
    match tool {
        Tool::Select => closed(&[(5.0, 3.5), (15.5, 10.0), (10.6, 11.2), (8.2, 16.0)]),
        Tool::Hand => {
            line(&[(10.0, 3.0), (10.0, 17.0)]);
            line(&[(3.0, 10.0), (17.0, 10.0)]);
            line(&[(8.0, 5.0), (10.0, 3.0), (12.0, 5.0)]);
            line(&[(8.0, 15.0), (10.0, 17.0), (12.0, 15.0)]);
            line(&[(5.0, 8.0), (3.0, 10.0), (5.0, 12.0)]);
            line(&[(15.0, 8.0), (17.0, 10.0), (15.0, 12.0)]);
        }
        Tool::Pen => {
            closed(&[(3.5, 16.5), (4.5, 12.5), (13.5, 3.5), (16.5, 6.5), (7.5, 15.5)]);
            line(&[(11.5, 5.5), (14.5, 8.5)]);
        }
        Tool::Highlighter => {
            closed(&[(5.5, 11.0), (12.5, 3.5), (16.5, 7.5), (9.0, 14.5), (6.0, 14.0)]);
            line(&[(3.0, 17.0), (12.0, 17.0)]);
        }
        Tool::Eraser => {
            closed(&[(3.5, 12.0), (11.5, 4.0), (16.5, 9.0), (9.0, 16.5), (7.0, 16.5)]);
            line(&[(7.5, 8.0), (12.5, 13.0)]);
        }
        Tool::Line => line(&[(4.0, 16.0), (16.0, 4.0)]),
        Tool::Arrow => {
            line(&[(4.0, 16.0), (16.0, 4.0)]);
            line(&[(9.0, 4.0), (16.0, 4.0), (16.0, 11.0)]);
        }
        Tool::Rectangle => closed(&[(3.5, 5.0), (16.5, 5.0), (16.5, 15.0), (3.5, 15.0)]),
        Tool::Ellipse => {
            painter.circle_stroke(at((10.0, 10.0)), 6.8, stroke);
        }
        Tool::Diamond => closed(&[(10.0, 3.0), (17.0, 10.0), (10.0, 17.0), (3.0, 10.0)]),
        Tool::Text => {
            line(&[(4.5, 6.5), (4.5, 4.5), (15.5, 4.5), (15.5, 6.5)]);
            line(&[(10.0, 4.5), (10.0, 16.0)]);
            line(&[(8.0, 16.0), (12.0, 16.0)]);
        }
        Tool::Note => {
            closed(&[(4.0, 4.0), (16.0, 4.0), (16.0, 12.0), (12.0, 16.0), (4.0, 16.0)]);
            line(&[(16.0, 12.0), (12.0, 12.0), (12.0, 16.0)]);
        }
        Tool::Frame => {
            line(&[(6.5, 3.0), (6.5, 17.0)]);
            line(&[(13.5, 3.0), (13.5, 17.0)]);
            line(&[(3.0, 6.5), (17.0, 6.5)]);
            line(&[(3.0, 13.5), (17.0, 13.5)]);
        }
        Tool::Laser => {
            painter.circle_filled(at((6.0, 14.0)), 2.6, stroke.color);
            line(&[(9.0, 11.0), (16.5, 3.5)]);
            line(&[(11.5, 14.0), (15.5, 15.0)]);
            line(&[(6.0, 8.5), (5.0, 4.5)]);
        }
    }
}
