//! What everything in the window is drawn with: text in every script, buttons, round marks.
//!
//! Invariant: what can be clicked has a name in the accessibility tree.

use super::{avatars::Avatars, palette::Palette, preview::Previews};
use crate::conversation::Order;
use crate::model::{Action, OnMessage};
use chalktalk_client::files::Offer;
use chalktalk_ipc::{SessionId, UserId};
use chalktalk_look::{Inks, Look, Sheet, Typesetter};
use eframe::egui::{
    Align2, Color32, CornerRadius, CursorIcon, Id, Pos2, Rect, Response, Role, Sense, Shape, Stroke,
    StrokeKind, Ui, Vec2, WidgetInfo, epaint::RectShape, pos2, vec2,
};
use std::rc::Rc;

/// Sizes of letters, in points.
pub(super) const BODY: f32 = 14.5;
pub(super) const SMALL: f32 = 12.0;
pub(super) const TITLE: f32 = 16.5;

/// Looks that are used often.
pub(super) const PLAIN: Look = Look {
    bold: false,
    italic: false,
    struck: false,
    underlined: false,
    mono: false,
    ink: chalktalk_look::Ink::Text,
};
pub(super) const STRONG: Look = Look { bold: true, ..PLAIN };
pub(super) const WEAK: Look = Look { ink: chalktalk_look::Ink::Weak, ..PLAIN };
pub(super) const ACCENT: Look = Look { ink: chalktalk_look::Ink::Accent, ..PLAIN };
pub(super) const ALARM: Look = Look { ink: chalktalk_look::Ink::Alarm, ..PLAIN };

/// What a click means.
#[derive(Clone, PartialEq, Debug)]
pub(super) enum Act {
    /// This for the model.
    Do(Action),
    /// This with a message.
    On(Order, OnMessage),
    /// Go to a place outside.
    Visit(String),
    /// Put this on the clipboard.
    Copy(String),
    /// Open what can be reacted with, beside this place.
    Palette(Order, Pos2),
    /// Show what is known of somebody.
    Profile(UserId),
    /// Show a picture that was offered as large as there is room.
    Enlarge(SessionId, Offer),
}

/// What one draws with.
pub(super) struct Pen<'a> {
    pub(super) setter: &'a mut Typesetter,
    pub(super) palette: Palette,
    pub(super) previews: &'a mut Previews,
    pub(super) avatars: &'a mut Avatars,
    /// What was done in this frame.
    pub(super) acts: Vec<Act>,
}

impl Pen<'_> {
    /// Lays out text.
    pub(super) fn set(&mut self, text: &str, size: f32, look: Look, width: Option<f32>) -> Rc<Sheet> {
        self.setter.set(text, size, look, &[], width)
    }

    /// Lays out one line, cut where there is no room.
    pub(super) fn line(&mut self, text: &str, size: f32, look: Look, width: f32) -> Rc<Sheet> {
        let text = text.lines().next().unwrap_or_default();
        let sheet = self.set(text, size, look, None);
        if sheet.size().x <= width {
            return sheet;
        }
        let room = (width - size * 0.8).max(0.0);
        let edge = if sheet.is_rtl() { sheet.size().x - room } else { room };
        let cut = sheet.at(vec2(edge, sheet.size().y / 2.0)).min(text.len());
        let cut = (0..=cut).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
        self.set(&format!("{}…", text[..cut].trim_end()), size, look, None)
    }

    /// Paints it.
    pub(super) fn paint(&mut self, ui: &Ui, at: Pos2, sheet: &Sheet) {
        let inks = self.palette.inks;
        sheet.paint(self.setter, ui.painter(), at, &inks);
    }

    /// Paints it in a colour of its own.
    pub(super) fn paint_in(&mut self, ui: &Ui, at: Pos2, sheet: &Sheet, text: Color32) {
        let inks = Inks { text, ..self.palette.inks };
        sheet.paint(self.setter, ui.painter(), at, &inks);
    }

    /// Paints one line into a rectangle, in the middle of its height; how wide it became.
    pub(super) fn line_in(&mut self, ui: &Ui, rect: Rect, text: &str, size: f32, look: Look) -> f32 {
        let sheet = self.line(text, size, look, rect.width());
        let at = pos2(rect.left(), rect.center().y - sheet.size().y / 2.0);
        self.paint(ui, at, &sheet);
        sheet.size().x
    }

    /// Paints one line with its end at the right; where it begins.
    pub(super) fn line_right(&mut self, ui: &Ui, rect: Rect, text: &str, size: f32, look: Look) -> f32 {
        let sheet = self.line(text, size, look, rect.width());
        let at = pos2(rect.right() - sheet.size().x, rect.center().y - sheet.size().y / 2.0);
        self.paint(ui, at, &sheet);
        at.x
    }

    /// A place that can be clicked.
    pub(super) fn place(
        &mut self,
        ui: &Ui,
        rect: Rect,
        id: Id,
        role: Role,
        name: &str,
        on: bool,
    ) -> Response {
        let response = ui.interact(rect, id, Sense::click());
        response.widget_info(|| match role {
            Role::Button => WidgetInfo::labeled(role, true, name),
            _ => WidgetInfo::selected(role, true, on, name),
        });
        if response.has_focus() {
            let ring = Stroke::new(1.5, self.palette.accent);
            ui.painter().rect_stroke(rect.shrink(1.0), 6.0, ring, StrokeKind::Inside);
        }
        response.on_hover_cursor(CursorIcon::PointingHand)
    }

    /// A button with words on it; its width follows from them. `at`: its upper left corner.
    pub(super) fn button(&mut self, ui: &Ui, at: Pos2, id: Id, text: &str, name: &str, on: bool) -> Response {
        let look = if on { ACCENT } else { PLAIN };
        let sheet = self.set(text, SMALL + 0.5, look, None);
        let rect = Rect::from_min_size(at, sheet.size() + vec2(16.0, 8.0));
        let response = self.place(ui, rect, id, Role::Button, name, on);
        let fill = match (on, response.hovered()) {
            (true, _) => self.palette.chosen,
            (_, true) => self.palette.rule,
            _ => self.palette.hover,
        };
        let edge = Stroke::new(1.0, if on { self.palette.accent } else { self.palette.rule });
        ui.painter().rect(rect, 7.0, fill, edge, StrokeKind::Inside);
        self.paint(ui, rect.min + vec2(8.0, 4.0), &sheet);
        response
    }

    /// A person's picture, round; on one that is made of their key stands their first letter.
    pub(super) fn face(&mut self, ui: &Ui, centre: Pos2, radius: f32, user: UserId, name: &str) {
        match self.avatars.of(ui.ctx(), user) {
            Some(face) => {
                let area = Rect::from_center_size(centre, Vec2::splat(2.0 * radius));
                let corners = CornerRadius::same(radius.ceil() as u8);
                let whole = Rect::from_min_max(pos2(0.0, 0.0), pos2(1.0, 1.0));
                let round = RectShape {
                    round_to_pixels: Some(false),
                    ..RectShape::filled(area, corners, Color32::WHITE)
                };
                ui.painter().add(Shape::Rect(round.with_texture(face.texture.id(), whole)));
                if face.set {
                    // A white picture ends somewhere too.
                    let edge = Stroke::new(1.0, self.palette.inks.text.gamma_multiply(0.16));
                    ui.painter().circle_stroke(centre, radius - 0.5, edge);
                    return;
                }
            }
            None => drop(ui.painter().circle_filled(centre, radius, chalktalk_look::theme::person(&user.0))),
        }
        let letter: String =
            name.chars().find(|c| c.is_alphanumeric()).into_iter().flat_map(char::to_uppercase).collect();
        let sheet = self.set(&letter, radius * 0.95, STRONG, None);
        self.paint_in(ui, centre - sheet.size() / 2.0, &sheet, Color32::WHITE);
    }

    /// A count in a round mark; its left edge.
    pub(super) fn badge(&mut self, ui: &Ui, right: Pos2, text: &str, loud: bool) -> f32 {
        let sheet = self.set(text, SMALL - 0.5, STRONG, None);
        let size = vec2((sheet.size().x + 11.0).max(19.0), 18.0);
        let rect = Align2::RIGHT_CENTER.anchor_size(right, size);
        let (fill, ink) = match (loud, self.palette.dark) {
            (true, _) => (chalktalk_look::theme::ACCENT, Color32::WHITE),
            (false, _) => (self.palette.rule, self.palette.inks.text),
        };
        ui.painter().rect_filled(rect, CornerRadius::same(9), fill);
        self.paint_in(ui, rect.center() - sheet.size() / 2.0, &sheet, ink);
        rect.left()
    }
}
