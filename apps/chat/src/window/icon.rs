//! Icons, drawn as lines on a grid of 20 × 20: fonts that have signs for these are not on every machine.

use eframe::egui::{Color32, Painter, Rect, Shape, Stroke, Vec2, pos2};

/// What an icon shows.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Icon {
    Smile,
    Reply,
    Pencil,
    Up,
    Pin,
    Tick,
    Bin,
    Bell,
    BellLoud,
    BellOff,
}

/// Draws an icon into the middle of a rectangle.
pub(super) fn draw(painter: &Painter, rect: Rect, icon: Icon, colour: Color32) {
    let corner = rect.center() - Vec2::splat(10.0);
    let at = |(x, y): (f32, f32)| pos2(corner.x + x, corner.y + y);
    let stroke = Stroke::new(1.5, colour);
    let line = |points: &[(f32, f32)]| {
        painter.add(Shape::line(points.iter().copied().map(at).collect(), stroke));
    };
    let closed = |points: &[(f32, f32)]| {
        painter.add(Shape::closed_line(points.iter().copied().map(at).collect(), stroke));
    };
    match icon {
        Icon::Smile => {
            painter.circle_stroke(at((10.0, 10.0)), 7.0, stroke);
            painter.circle_filled(at((7.5, 8.2)), 1.1, colour);
            painter.circle_filled(at((12.5, 8.2)), 1.1, colour);
            line(&[(6.5, 11.8), (8.0, 13.3), (10.0, 13.9), (12.0, 13.3), (13.5, 11.8)]);
        }
        Icon::Reply => {
            line(&[(7.5, 4.5), (3.5, 8.5), (7.5, 12.5)]);
            line(&[(3.5, 8.5), (11.0, 8.5), (14.5, 9.7), (16.2, 12.2), (16.5, 15.5)]);
        }
        Icon::Pencil => {
            closed(&[(4.0, 16.0), (4.8, 12.4), (13.2, 4.0), (16.0, 6.8), (7.6, 15.2)]);
            line(&[(11.4, 5.8), (14.2, 8.6)]);
        }
        Icon::Up => {
            line(&[(10.0, 16.0), (10.0, 4.5)]);
            line(&[(5.5, 9.0), (10.0, 4.5), (14.5, 9.0)]);
        }
        Icon::Pin => {
            line(&[(6.0, 3.5), (14.0, 3.5)]);
            closed(&[(7.5, 3.5), (12.5, 3.5), (12.8, 8.0), (15.5, 11.5), (4.5, 11.5), (7.2, 8.0)]);
            line(&[(10.0, 11.5), (10.0, 17.0)]);
        }
        Icon::Bell | Icon::BellLoud | Icon::BellOff => {
            closed(&[
                (4.0, 14.0),
                (5.5, 12.0),
                (5.9, 8.2),
                (7.5, 5.3),
                (10.0, 4.2),
                (12.5, 5.3),
                (14.1, 8.2),
                (14.5, 12.0),
                (16.0, 14.0),
            ]);
            line(&[(8.5, 16.2), (10.0, 16.9), (11.5, 16.2)]);
            match icon {
                Icon::BellLoud => {
                    line(&[(2.2, 9.0), (2.8, 6.0), (4.4, 3.8)]);
                    line(&[(17.8, 9.0), (17.2, 6.0), (15.6, 3.8)]);
                }
                Icon::BellOff => line(&[(3.0, 3.0), (17.0, 17.0)]),
                _ => {}
            }
        }
        Icon::Tick => line(&[(3.5, 10.5), (8.0, 15.0), (16.5, 5.5)]),
        Icon::Bin => {
            line(&[(3.5, 5.5), (16.5, 5.5)]);
            line(&[(8.0, 5.5), (8.0, 3.5), (12.0, 3.5), (12.0, 5.5)]);
            line(&[(5.0, 5.5), (5.8, 16.5), (14.2, 16.5), (15.0, 5.5)]);
            line(&[(8.3, 8.5), (8.5, 13.5)]);
            line(&[(11.7, 8.5), (11.5, 13.5)]);
        }
    }
}
