//! Fonts and colours of the toolkit's widgets, light and dark.

use crate::{Faces, fonts};
use eframe::egui::{
    Color32, Context, CornerRadius, FontData, FontDefinitions, FontFamily, FontId, Frame, Margin, Shadow,
    Stroke, Style, TextStyle, Theme, Visuals,
    epaint::text::{FallbackRequest, FontInsert},
    vec2,
};
use std::sync::{Arc, PoisonError};

/// Colours of people, told apart on either paper.
pub const PEOPLE: [Color32; 12] = [
    Color32::from_rgb(0x1c, 0x7e, 0xd6),
    Color32::from_rgb(0xd6, 0x33, 0x6c),
    Color32::from_rgb(0x2b, 0x8a, 0x3e),
    Color32::from_rgb(0xe8, 0x59, 0x0c),
    Color32::from_rgb(0x70, 0x48, 0xe8),
    Color32::from_rgb(0x0c, 0x85, 0x99),
    Color32::from_rgb(0xa6, 0x1e, 0x4d),
    Color32::from_rgb(0x5c, 0x94, 0x0d),
    Color32::from_rgb(0x86, 0x2e, 0x9c),
    Color32::from_rgb(0x9c, 0x5d, 0x1a),
    Color32::from_rgb(0xb0, 0x80, 0x00),
    Color32::from_rgb(0x49, 0x57, 0x6b),
];

/// What is chosen, and where one can go.
pub const ACCENT: Color32 = Color32::from_rgb(0x5b, 0x5b, 0xd6);

/// The colour of a person, the same on every host.
pub fn person(user: &[u8]) -> Color32 {
    PEOPLE[user.iter().map(|byte| usize::from(*byte)).sum::<usize>() % PEOPLE.len()]
}

/// A panel that floats over the canvas.
pub fn panel(style: &Style) -> Frame {
    let dark = style.visuals.dark_mode;
    Frame::new()
        .fill(style.visuals.panel_fill)
        .stroke(Stroke::new(
            1.0,
            if dark { Color32::from_gray(0x38) } else { Color32::from_rgb(0xe6, 0xe6, 0xec) },
        ))
        .corner_radius(12)
        .inner_margin(Margin::same(6))
        .shadow(Shadow {
            offset: [0, 3],
            blur: 14,
            spread: 0,
            color: Color32::from_black_alpha(if dark { 120 } else { 26 }),
        })
}

/// Sets fonts and styles up, once.
pub fn set_up(ctx: &Context) {
    ctx.set_fonts(fonts());
    ctx.add_font_provider(Arc::new(borrowed));
    // Paper is white where the desktop does not say what it wants.
    ctx.options_mut(|options| options.fallback_theme = Theme::Light);
    for theme in [Theme::Light, Theme::Dark] {
        let mut style = (*ctx.style_of(theme)).clone();
        style.visuals = visuals(theme);
        style.spacing.item_spacing = vec2(4.0, 4.0);
        style.spacing.button_padding = vec2(10.0, 6.0);
        style.text_styles = [
            (TextStyle::Small, FontId::new(11.5, FontFamily::Proportional)),
            (TextStyle::Body, FontId::new(13.5, FontFamily::Proportional)),
            (TextStyle::Button, FontId::new(13.5, FontFamily::Proportional)),
            (TextStyle::Heading, FontId::new(18.0, strong())),
            (TextStyle::Monospace, FontId::new(12.5, FontFamily::Proportional)),
        ]
        .into();
        ctx.set_style_of(theme, style);
    }
}

/// The family of headings.
pub fn strong() -> FontFamily {
    FontFamily::Name("strong".into())
}

fn fonts() -> FontDefinitions {
    let mut definitions = FontDefinitions::empty();
    let all: [(&str, &'static [u8]); 4] = [
        ("inter", fonts::REGULAR),
        ("inter strong", fonts::STRONG),
        ("hebrew", fonts::HEBREW),
        ("arabic", fonts::ARABIC),
    ];
    for (name, data) in all {
        definitions.font_data.insert(name.into(), Arc::new(FontData::from_static(data)));
    }
    let family = |first: &str| [first, "hebrew", "arabic"].map(String::from).to_vec();
    definitions.families.insert(FontFamily::Proportional, family("inter"));
    definitions.families.insert(FontFamily::Monospace, family("inter"));
    definitions.families.insert(strong(), family("inter strong"));
    definitions
}

/// A font of the machine for a letter that ours lack.
fn borrowed(request: &FallbackRequest<'_>) -> Option<FontInsert> {
    let letter = request.cluster.chars().next()?;
    let face = Faces::of_machine().lock().unwrap_or_else(PoisonError::into_inner).covering(letter)?;
    let data = FontData { index: face.index, ..FontData::from_owned(face.data.as_ref().to_vec()) };
    Some(FontInsert { name: face.family.clone(), data, families: Vec::new() })
}

fn visuals(theme: Theme) -> Visuals {
    let dark = theme == Theme::Dark;
    let mut visuals = if dark { Visuals::dark() } else { Visuals::light() };
    let grey = |light: u8, night: u8| Color32::from_gray(if dark { night } else { light });
    visuals.panel_fill = if dark { Color32::from_rgb(0x23, 0x24, 0x2a) } else { Color32::WHITE };
    visuals.window_fill = visuals.panel_fill;
    visuals.override_text_color = Some(grey(0x26, 0xe4));
    visuals.selection.bg_fill = ACCENT.gamma_multiply(if dark { 0.6 } else { 0.25 });
    visuals.selection.stroke = Stroke::new(1.0, ACCENT);
    visuals.hyperlink_color = ACCENT;
    let widgets = &mut visuals.widgets;
    for state in [
        &mut widgets.noninteractive,
        &mut widgets.inactive,
        &mut widgets.hovered,
        &mut widgets.active,
        &mut widgets.open,
    ] {
        state.corner_radius = CornerRadius::same(8);
        state.bg_stroke = Stroke::NONE;
        state.expansion = 0.0;
    }
    widgets.inactive.weak_bg_fill = Color32::TRANSPARENT;
    widgets.inactive.bg_fill = grey(0xe6, 0x40);
    widgets.hovered.weak_bg_fill = grey(0xf1, 0x34);
    widgets.hovered.bg_fill = grey(0xd8, 0x50);
    widgets.active.weak_bg_fill = grey(0xe4, 0x42);
    widgets.active.bg_fill = ACCENT;
    visuals
}
