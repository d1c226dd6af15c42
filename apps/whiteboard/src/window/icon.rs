//! Icons, drawn as lines on a grid of 20 × 20.

use crate::{model::Edge, tool::Tool};
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
    Grid,
    Talk,
    Bring,
    Eye,
    Pencil,
    Align(Edge),
    /// From left to right (0) or from top to bottom (1).
    Distribute(usize),
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
        Icon::Eye => {
            let lid = |sign: f32| -> Vec<(f32, f32)> {
                (0..=12)
                    .map(|i| {
                        (
                            2.5 + 15.0 * i as f32 / 12.0,
                            10.0 + sign * 5.0 * (i as f32 / 12.0 * std::f32::consts::PI).sin(),
                        )
                    })
                    .collect()
            };
            line(&lid(1.0));
            line(&lid(-1.0));
            painter.circle_stroke(at((10.0, 10.0)), 2.4, stroke);
        }
        Icon::Pencil => {
            closed(&[(4.0, 16.0), (4.8, 12.4), (13.2, 4.0), (16.0, 6.8), (7.6, 15.2)]);
            line(&[(11.4, 5.8), (14.2, 8.6)]);
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
        Icon::Grid => {
            for c in [5.0, 10.0, 15.0] {
                for r in [5.0, 10.0, 15.0] {
                    painter.circle_filled(at((c, r)), 1.3, colour);
                }
            }
        }
        Icon::Talk => {
            closed(&[
                (3.5, 4.5),
                (16.5, 4.5),
                (16.5, 13.0),
                (9.5, 13.0),
                (6.0, 16.5),
                (6.0, 13.0),
                (3.5, 13.0),
            ]);
            line(&[(6.5, 7.5), (13.5, 7.5)]);
            line(&[(6.5, 10.2), (11.0, 10.2)]);
        }
        Icon::Bring => {
            painter.circle_filled(at((10.0, 10.0)), 2.0, colour);
            for (x, y) in [(1.0, 1.0), (-1.0, 1.0), (1.0, -1.0), (-1.0, -1.0)] {
                let by = |d: f32| (10.0 + x * d, 10.0 + y * d);
                line(&[by(7.0), by(3.6)]);
                line(&[(10.0 + x * 6.2, 10.0 + y * 3.6), by(3.6), (10.0 + x * 3.6, 10.0 + y * 6.2)]);
            }
        }
        Icon::Align(edge) => {
            let (down, low) = match edge {
                Edge::Left | Edge::Top => (3.5, [5.5, 5.5]),
                Edge::Centre | Edge::Middle => (10.0, [5.0, 7.0]),
                Edge::Right | Edge::Bottom => (16.5, [4.5, 8.5]),
            };
            let lengths = [10.0, 6.0];
            let across = matches!(edge, Edge::Top | Edge::Middle | Edge::Bottom);
            let turn = |(x, y): (f32, f32)| if across { (y, x) } else { (x, y) };
            line(&[turn((down, 3.0)), turn((down, 17.0))]);
            for (row, (from, length)) in low.into_iter().zip(lengths).enumerate() {
                let y = 6.0 + 5.0 * row as f32;
                let bar = [(from, y), (from + length, y), (from + length, y + 3.0), (from, y + 3.0)];
                closed(&bar.map(turn));
            }
        }
        Icon::Distribute(axis) => {
            let turn = |(x, y): (f32, f32)| if axis == 1 { (y, x) } else { (x, y) };
            line(&[turn((3.5, 3.0)), turn((3.5, 17.0))]);
            line(&[turn((16.5, 3.0)), turn((16.5, 17.0))]);
            closed(&[(8.0, 5.5), (12.0, 5.5), (12.0, 14.5), (8.0, 14.5)].map(turn));
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
        Tool::Rubber => {
            closed(&[(6.0, 8.5), (11.0, 3.5), (15.5, 8.0), (10.5, 13.0)]);
            line(&[(8.5, 6.0), (13.0, 10.5)]);
            line(&[(2.5, 16.0), (6.5, 16.0)]);
            line(&[(12.5, 16.0), (17.5, 16.0)]);
        }
        Tool::Lasso => {
            let around = |i: i32| {
                let angle = (i as f32 * 30.0 - 250.0).to_radians();
                (10.5 + 6.5 * angle.cos(), 8.0 + 4.6 * angle.sin())
            };
            let ring: Vec<(f32, f32)> = (0..=12).map(around).collect();
            line(&ring);
            line(&[around(0), (6.2, 14.5), (4.5, 16.5)]);
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
