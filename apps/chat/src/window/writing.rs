//! The line being written: its letters, the cursor, what an input method is making.
//!
//! Invariant: the text is the model's; nothing of it is kept here but what an input method has not given yet.

use super::pen::{Act, BODY, PLAIN, Pen, WEAK};
use crate::{
    editor::Edit,
    model::{Action, Model},
    t,
};
use chalktalk_look::{Ink, Look, Sheet};
use eframe::egui::{
    self, CursorIcon, EventFilter, Id, Pos2, Rect, Response, Sense, Stroke, StrokeKind, Ui, Vec2, WidgetInfo,
    pos2, vec2,
};
use std::rc::Rc;

/// The line grows to so many lines.
const MAX_LINES: f32 = 9.0;

const MARGIN: Vec2 = vec2(12.0, 9.0);

/// Longer texts are still sent whole, and shown around the cursor.
const LONGEST: usize = 16 * 1024;

/// What an input method is making, and how the view of a long text is scrolled.
#[derive(Debug, Default)]
pub(super) struct Writing {
    /// Shown at the cursor, and not in the text yet.
    pub(super) preedit: String,
    scrolled: f32,
    /// The text as it is laid out, to be pointed at.
    sheet: Option<Rc<Sheet>>,
    /// Where the part that is laid out begins.
    start: usize,
}

impl Writing {
    /// How high it is, with its margins.
    pub(super) fn height(&mut self, model: &Model, pen: &mut Pen<'_>, width: f32) -> f32 {
        let sheet = self.lay_out(model, pen, width - 2.0 * (MARGIN.x + SIDE));
        let line = BODY * 1.35;
        sheet.size().y.clamp(line, line * MAX_LINES) + 2.0 * MARGIN.y + 2.0 * SIDE * 0.75
    }

    fn lay_out(&mut self, model: &Model, pen: &mut Pen<'_>, width: f32) -> Rc<Sheet> {
        let (text, cursor) = model.current().map_or(("", 0), |c| (c.editor.text(), c.editor.cursor()));
        let (part, start) = around(text, cursor);
        self.start = start;
        let at = cursor - start;
        let shown = format!("{}{}{}", &part[..at], self.preedit, &part[at..]);
        let making = Look { underlined: true, ink: Ink::Accent, ..PLAIN };
        let runs = [(at, making), (at + self.preedit.len(), PLAIN)];
        let runs = if self.preedit.is_empty() { &runs[..0] } else { &runs[..] };
        let sheet = pen.setter.set(&shown, BODY, PLAIN, runs, Some(width));
        self.sheet = Some(sheet.clone());
        sheet
    }

    /// Draws it; keys go to it as long as nothing else wants them.
    pub(super) fn show(&mut self, ui: &Ui, area: Rect, model: &Model, pen: &mut Pen<'_>) -> Response {
        let frame = Rect::from_min_max(area.min + vec2(SIDE, 0.0), area.max - vec2(SIDE, SIDE * 1.5));
        let inner = frame.shrink2(MARGIN);
        let sheet = self.lay_out(model, pen, inner.width());
        let (text, cursor, selected) = match model.current() {
            Some(c) => (c.editor.text(), c.editor.cursor(), c.editor.selection()),
            None => ("", 0, None),
        };
        let id = Id::unique("writing");
        let response = ui.interact(frame, id, Sense::click_and_drag()).on_hover_cursor(CursorIcon::Text);
        let hint = hint(model);
        response.widget_info(|| WidgetInfo {
            label: Some(t!("window-message")),
            ..WidgetInfo::text_edit(true, text, text, &hint)
        });
        ui.memory_mut(|memory| {
            let ours =
                EventFilter { tab: true, horizontal_arrows: true, vertical_arrows: true, escape: true };
            memory.set_focus_lock_filter(id, ours);
        });
        let edge = if response.has_focus() { pen.palette.accent } else { pen.palette.rule };
        ui.painter().rect(frame, 10.0, pen.palette.paper, Stroke::new(1.2, edge), StrokeKind::Inside);
        let caret = sheet.caret(cursor - self.start + self.preedit.len());
        self.scroll_to(caret, inner.height(), sheet.size().y);
        let corner = inner.min - vec2(0.0, self.scrolled);
        let clipped = ui.painter().with_clip_rect(frame.shrink(2.0));
        if let Some(range) = selected {
            let inside = range.start.saturating_sub(self.start)..range.end.saturating_sub(self.start);
            for area in sheet.areas(inside) {
                clipped.rect_filled(area.translate(corner.to_vec2()), 2.0, pen.palette.chosen);
            }
        }
        if text.is_empty() && self.preedit.is_empty() {
            pen.line_in(
                ui,
                Rect::from_min_size(inner.min, vec2(inner.width(), BODY * 1.35)),
                &hint,
                BODY,
                WEAK,
            );
        } else {
            let inks = pen.palette.inks;
            sheet.paint(pen.setter, &clipped, corner, &inks);
        }
        if response.has_focus() {
            let caret = caret.translate(corner.to_vec2());
            let line = Rect::from_min_max(caret.min, pos2(caret.min.x + 1.5, caret.max.y));
            clipped.rect_filled(line, 0.0, pen.palette.accent);
            ui.output_mut(|output| {
                output.ime = Some(egui::output::IMEOutput {
                    purpose: egui::IMEPurpose::Normal,
                    rect: frame,
                    cursor_rect: line,
                    should_interrupt_composition: false,
                });
            });
        }
        self.point(ui, &response, corner, pen);
        response
    }

    fn scroll_to(&mut self, caret: Rect, room: f32, height: f32) {
        self.scrolled = self.scrolled.min(caret.top()).max(caret.bottom() - room);
        self.scrolled = self.scrolled.clamp(0.0, (height - room).max(0.0));
    }

    fn point(&self, ui: &Ui, response: &Response, corner: Pos2, pen: &mut Pen<'_>) {
        let Some(place) = response.interact_pointer_pos() else { return };
        let at = self.byte_at(place - corner);
        let held = ui.input(|input| input.modifiers.shift);
        if response.double_clicked() {
            let word = self.sheet.as_ref().map_or(at..at, |sheet| sheet.word_at(place - corner));
            pen.acts.push(Act::Do(Action::Edit(Edit::To(word.start + self.start))));
            pen.acts.push(Act::Do(Action::Edit(Edit::Holding(Box::new(Edit::To(word.end + self.start))))));
        } else if response.drag_started() || response.clicked() && !held {
            pen.acts.push(Act::Do(Action::Edit(Edit::To(at))));
        } else if response.dragged() || response.clicked() {
            pen.acts.push(Act::Do(Action::Edit(Edit::Holding(Box::new(Edit::To(at))))));
        }
    }

    fn byte_at(&self, place: Vec2) -> usize {
        let Some(sheet) = &self.sheet else { return 0 };
        self.start + sheet.at(place)
    }

    /// The byte a line above (or below) another, if there is a line.
    pub(super) fn line_from(&self, byte: usize, down: bool) -> Option<usize> {
        let sheet = self.sheet.as_ref().filter(|_| self.preedit.is_empty())?;
        let caret = sheet.caret(byte.checked_sub(self.start)?);
        let y = if down { caret.bottom() + 3.0 } else { caret.top() - 3.0 };
        (y > 0.0 && y < sheet.size().y).then(|| self.byte_at(vec2(caret.left(), y)))
    }
}

/// What one can write here.
fn hint(model: &Model) -> String {
    model.current().map_or_else(|| "/join #room".into(), |c| t!("input-hint", title = c.title()))
}

/// The part of a text that is laid out: all of it, or what is around the cursor.
fn around(text: &str, cursor: usize) -> (&str, usize) {
    if text.len() <= LONGEST {
        return (text, 0);
    }
    let floor = |mut at: usize| {
        while !text.is_char_boundary(at) {
            at -= 1;
        }
        at
    };
    let start = floor(cursor.saturating_sub(LONGEST / 2));
    let end = floor((start + LONGEST).min(text.len())).max(cursor);
    (&text[start..end], start)
}

/// Space beside the frame.
const SIDE: f32 = 14.0;
