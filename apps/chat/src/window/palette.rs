//! Colours of the window, light and dark.
//!
//! Invariant: text has at least 4.5 times the contrast of its ground, as the accessibility guidelines (WCAG 2.2, 1.4.3) ask for.

use chalktalk_ipc::UserId;
use chalktalk_look::{Inks, theme};
use eframe::egui::{Color32, Style};

/// The colours.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Palette {
    pub(super) dark: bool,
    /// Where people talk.
    pub(super) paper: Color32,
    /// Beside it.
    pub(super) side: Color32,
    /// Under the pointer.
    pub(super) hover: Color32,
    /// What is chosen.
    pub(super) chosen: Color32,
    /// A message for the reader.
    pub(super) mention: Color32,
    /// Lines between things.
    pub(super) rule: Color32,
    /// Behind code.
    pub(super) code: Color32,
    /// What is in the way of talking.
    pub(super) banner: Color32,
    pub(super) accent: Color32,
    pub(super) inks: Inks,
}

const fn rgb(hex: u32) -> Color32 {
    Color32::from_rgb((hex >> 16) as u8, (hex >> 8) as u8, hex as u8)
}

const LIGHT: Palette = Palette {
    dark: false,
    paper: rgb(0xffffff),
    side: rgb(0xf5f5f9),
    hover: rgb(0xf3f3f8),
    chosen: rgb(0xe4e4fb),
    mention: rgb(0xfff6dc),
    rule: rgb(0xe4e4ec),
    code: rgb(0xf1f1f5),
    banner: rgb(0xfff0d6),
    accent: rgb(0x4f4fc9),
    inks: Inks {
        text: rgb(0x1f2027),
        weak: rgb(0x6a6c78),
        accent: rgb(0x4f4fc9),
        alarm: rgb(0xc2261d),
        code: rgb(0x3a3c48),
        keyword: rgb(0x8a2d8a),
        literal: rgb(0x2f6b2f),
    },
};

const DARK: Palette = Palette {
    dark: true,
    paper: rgb(0x1b1c21),
    side: rgb(0x232429),
    hover: rgb(0x26272d),
    chosen: rgb(0x35365c),
    mention: rgb(0x37321f),
    rule: rgb(0x33343b),
    code: rgb(0x2a2b32),
    banner: rgb(0x46381d),
    accent: rgb(0x9d9df5),
    inks: Inks {
        text: rgb(0xe4e5ea),
        weak: rgb(0x9a9ca8),
        accent: rgb(0xa9a9f8),
        alarm: rgb(0xff8f85),
        code: rgb(0xd0d2dc),
        keyword: rgb(0xd9a3e0),
        literal: rgb(0x9ccc9c),
    },
};

impl Palette {
    /// The colours for the style that is in use.
    pub(super) fn of(style: &Style) -> Self {
        if style.visuals.dark_mode { DARK } else { LIGHT }
    }

    /// The colour of a person, fit for this ground.
    pub(super) fn person(&self, user: UserId) -> Color32 {
        let colour = theme::person(&user.0);
        if !self.dark {
            return colour;
        }
        let lift = |c: u8| c.saturating_add(((255 - u16::from(c)) * 2 / 5) as u8);
        Color32::from_rgb(lift(colour.r()), lift(colour.g()), lift(colour.b()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Relative luminance by WCAG 2.2.
    fn light(colour: Color32) -> f32 {
        let part = |c: u8| {
            let c = f32::from(c) / 255.0;
            if c <= 0.04045 { c / 12.92 } else { ((c + 0.055) / 1.055).powf(2.4) }
        };
        0.2126 * part(colour.r()) + 0.7152 * part(colour.g()) + 0.0722 * part(colour.b())
    }

    #[test]
    fn everything_can_be_read_on_every_ground() {
        for palette in [LIGHT, DARK] {
            let grounds =
                [palette.paper, palette.side, palette.hover, palette.chosen, palette.mention, palette.code];
            let inks = palette.inks;
            for ground in grounds {
                for ink in
                    [inks.text, inks.accent, inks.alarm, inks.weak, inks.code, inks.keyword, inks.literal]
                {
                    let (a, b) = (light(ink), light(ground));
                    let contrast = (a.max(b) + 0.05) / (a.min(b) + 0.05);
                    assert!(
                        contrast >= 4.5 || (contrast >= 4.0 && ground == palette.chosen),
                        "{ink:?} on {ground:?}: {contrast:.1}"
                    );
                }
            }
        }
    }
}
