//! How a board looks: what one writes with, and on what. All else is as in the other windows.

use crate::model::Colour;
use eframe::egui::Color32;

pub(super) use chalktalk_look::theme::{ACCENT, panel, set_up, strong};

/// What one writes with: dark enough for white paper, bright enough when turned for dark.
pub(super) const INKS: [Colour; 8] = [
    Colour::INK,
    Colour::rgb(0xe0, 0x31, 0x31),
    Colour::rgb(0xf0, 0x8c, 0x00),
    Colour::rgb(0x2f, 0x9e, 0x44),
    Colour::rgb(0x19, 0x71, 0xc2),
    Colour::rgb(0x67, 0x41, 0xd9),
    Colour::rgb(0xc2, 0x25, 0x5c),
    Colour::rgb(0x86, 0x8e, 0x96),
];

/// What areas are filled with.
pub(super) const FILLS: [Colour; 8] = [
    Colour::NONE,
    Colour::rgb(0xff, 0xc9, 0xc9),
    Colour::rgb(0xff, 0xe9, 0x8a),
    Colour::rgb(0xb2, 0xf2, 0xbb),
    Colour::rgb(0xa5, 0xd8, 0xff),
    Colour::rgb(0xd0, 0xbf, 0xff),
    Colour::rgb(0xff, 0xd8, 0xa8),
    Colour::rgb(0xe9, 0xec, 0xef),
];

pub(super) fn paper(dark: bool) -> Colour {
    if dark { Colour::rgb(0x17, 0x18, 0x1c) } else { Colour::rgb(0xff, 0xff, 0xff) }
}

/// A colour as it is seen on dark paper: greys change places, colours become lighter.
pub(super) fn on_dark(Colour([r, g, b, a]): Colour) -> Colour {
    let (high, low) = (r.max(g).max(b), r.min(g).min(b));
    if high - low < 28 {
        return Colour([
            0xf2 - (r as f32 * 0.86) as u8,
            0xf2 - (g as f32 * 0.86) as u8,
            0xf4 - (b as f32 * 0.86) as u8,
            a,
        ]);
    }
    let light = (u16::from(r) + u16::from(g) + u16::from(b)) / 3;
    if light > 170 {
        // Pale areas would glare.
        return Colour([r / 3 + 20, g / 3 + 20, b / 3 + 20, a]);
    }
    let lift = |c: u8| c.saturating_add(((255 - u16::from(c)) / 3) as u8);
    Colour([lift(r), lift(g), lift(b), a])
}

pub(super) fn colour(Colour([r, g, b, a]): Colour) -> Color32 {
    Color32::from_rgba_unmultiplied(r, g, b, a)
}
