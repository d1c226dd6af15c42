//! The talk: the lines that are in view, and how one moves in it.
//!
//! Invariant: only lines in view, or scrolled over, are laid out: a long past costs nothing.

use super::{
    block::{Block, Scene, block},
    message::{self, Standing},
    pen::{Act, BODY, Pen, SMALL, WEAK},
};
use crate::{
    conversation::{Conversation, InView, Order, Scroll},
    model::{Action, Mode, Model},
    t, telling,
};
use eframe::egui::{
    Align2, Color32, Id, Rect, Role, Sense, Stroke, StrokeKind, Ui, UiBuilder, WidgetInfo, pos2, vec2,
};
use jiff::tz::TimeZone;
use std::{collections::BTreeMap, ops::Range};

/// One wish scrolls over so many views at most: what is scrolled over has to be laid out.
const MAX_VIEWS: i32 = 4;

/// What is selected in a message.
#[derive(Debug, Default)]
pub(super) struct Picked {
    of: Option<Order>,
    anchor: usize,
    range: Range<usize>,
    text: String,
}

impl Picked {
    pub(super) fn range(&self, order: Order) -> Option<Range<usize>> {
        (self.of == Some(order) && !self.range.is_empty()).then(|| self.range.clone())
    }

    pub(super) fn begin(&mut self, order: Order, at: usize) {
        *self = Self { of: Some(order), anchor: at, range: at..at, text: String::new() };
    }

    pub(super) fn extend(&mut self, order: Order, at: usize, text: &str) {
        if self.of == Some(order) {
            self.take_range(self.anchor.min(at)..self.anchor.max(at), text);
        }
    }

    pub(super) fn take(&mut self, order: Order, range: Range<usize>, text: &str) {
        self.begin(order, range.start);
        self.take_range(range, text);
    }

    pub(super) fn forget(&mut self) {
        *self = Self::default();
    }

    /// What is selected, if anything is.
    pub(super) fn text(&self) -> Option<&str> {
        (!self.text.is_empty()).then_some(&*self.text)
    }

    fn take_range(&mut self, range: Range<usize>, text: &str) {
        self.text = text.get(range.clone()).unwrap_or_default().to_owned();
        self.range = range;
    }
}

/// What the window remembers of the talk.
#[derive(Debug, Default)]
pub(super) struct Transcript {
    pub(super) picked: Picked,
    /// Where the tools of a message were in the last frame.
    tools: Option<(Order, Rect)>,
    /// What the wheel has turned, and is less than a point.
    turned: f32,
}

impl Transcript {
    /// Draws the talk; whether scrolling reached the first line.
    pub(super) fn show(
        &mut self,
        ui: &mut Ui,
        area: Rect,
        model: &mut Model,
        zone: &TimeZone,
        pen: &mut Pen<'_>,
    ) -> bool {
        let chosen = match model.mode {
            Mode::Selecting(order) => Some(order),
            _ => None,
        };
        let (shared, marks, apps, me) =
            (model.shared_names(), model.marks(), model.apps.clone(), model.me.user);
        let scene = Scene {
            zone,
            width: area.width(),
            shared: &shared,
            marks: &marks,
            apps: &apps,
            me,
            files: &model.files,
        };
        let focus = model.focus;
        let Some(c) = model.conversations.iter_mut().find(|c| Some(c.session()) == focus) else {
            nothing(ui, area, &[t!("nothing-open"), t!("window-nothing-hint")], pen);
            return false;
        };
        if c.lines.is_empty() {
            nothing(ui, area, &telling::nothing_said(c), pen);
            return false;
        }
        self.wheel(ui, area, c);
        let room = area.height() as usize;
        c.scroll.wanted = c.scroll.wanted.clamp(-(room as i32) * MAX_VIEWS, room as i32 * MAX_VIEWS);
        let mut blocks: BTreeMap<usize, Block> = BTreeMap::new();
        let view = c.look(chosen, room, &mut |c, at| {
            blocks.entry(at).or_insert_with(|| block(c, at, &scene, pen)).height as usize
        });
        let mut y = area.bottom() - view.filled as f32 - view.above as f32;
        let over = self.tools.take().filter(|(_, bar)| ui.rect_contains_pointer(*bar));
        let standing = Standing { chosen, held: over.map(|(order, _)| order) };
        ui.scope_builder(UiBuilder::new().max_rect(area), |ui| {
            ui.set_clip_rect(area);
            for block in blocks.range(view.first..=view.last).map(|(_, block)| block) {
                let at = pos2(area.left(), y);
                let bar = message::show(ui, block, at, standing, &mut self.picked, pen);
                self.tools = bar.map(|bar| (block.order, bar)).or(self.tools);
                y += block.height;
            }
        });
        bar(ui, area, c, view, pen);
        pills(ui, area, c, view, pen);
        view.reached_top
    }

    fn wheel(&mut self, ui: &Ui, area: Rect, c: &mut Conversation) {
        if ui.rect_contains_pointer(area) {
            self.turned += ui.input(|input| input.smooth_scroll_delta().y);
            c.scroll.wanted = c.scroll.wanted.saturating_add(self.turned.trunc() as i32);
            self.turned = self.turned.fract();
        }
    }
}

/// Where in the talk one is; pulled, it goes there.
fn bar(ui: &Ui, area: Rect, c: &mut Conversation, view: InView, pen: &mut Pen<'_>) {
    let count = c.lines.len();
    if view.more == 0 && view.first == 0 && view.above == 0 {
        return;
    }
    let lane = Rect::from_min_max(pos2(area.right() - 12.0, area.top() + 4.0), area.max - vec2(0.0, 4.0));
    let response = ui.interact(lane, Id::unique("scroll-bar"), Sense::click_and_drag());
    response.widget_info(|| WidgetInfo::slider(true, view.first as f64, t!("window-place")));
    let share = (view.last + 1 - view.first) as f32 / count as f32;
    let height = (lane.height() * share).max(28.0).min(lane.height());
    let room = count.saturating_sub(view.last + 1 - view.first).max(1) as f32;
    let top = lane.top() + (lane.height() - height) * (view.first as f32 / room).min(1.0);
    let thumb = Rect::from_min_size(pos2(lane.left() + 3.0, top), vec2(6.0, height));
    let colour =
        if response.hovered() || response.dragged() { pen.palette.inks.weak } else { pen.palette.rule };
    ui.painter().rect_filled(thumb, 3.0, colour);
    if let Some(pointer) =
        response.interact_pointer_pos().filter(|_| response.dragged() || response.clicked())
    {
        let part = (pointer.y - lane.top() - height / 2.0) / (lane.height() - height).max(1.0);
        let at = (part.clamp(0.0, 1.0) * room) as usize;
        c.scroll = match c.lines.get(at) {
            Some(line) if part < 1.0 => {
                Scroll { bottom: Some(line.order), top: Some(line.order), ..Scroll::default() }
            }
            _ => Scroll::default(),
        };
        ui.request_repaint();
    }
}

/// Ways to what is new: above the view, and below it.
fn pills(ui: &Ui, area: Rect, c: &Conversation, view: InView, pen: &mut Pen<'_>) {
    let first = c.lines.get(view.first).map(|line| line.order);
    if c.new_from.is_some_and(|new| first.is_some_and(|first| new < first)) {
        let at = pos2(area.center().x, area.top() + 22.0);
        if pill(ui, at, &format!("↑ {}", t!("window-to-new")), pen) {
            pen.acts.push(Act::Do(Action::New));
        }
    }
    let below = match (view.more, c.unread) {
        (0, _) => return,
        (_, 0) => format!("↓ {}", t!("window-to-newest")),
        (_, unread) => format!("↓ {}", t!("window-below", n = unread)),
    };
    if pill(ui, pos2(area.center().x, area.bottom() - 22.0), &below, pen) {
        pen.acts.push(Act::Do(Action::Newest));
    }
}

fn pill(ui: &Ui, centre: eframe::egui::Pos2, text: &str, pen: &mut Pen<'_>) -> bool {
    let sheet = pen.set(text, SMALL + 0.5, super::pen::STRONG, None);
    let rect = Rect::from_center_size(centre, sheet.size() + vec2(26.0, 12.0));
    let response = pen.place(ui, rect, Id::unique(("pill", text)), Role::Button, text, false);
    let fill = chalktalk_look::theme::ACCENT.gamma_multiply(if response.hovered() { 0.9 } else { 1.0 });
    ui.painter().rect(rect, rect.height() / 2.0, fill, Stroke::NONE, StrokeKind::Inside);
    pen.paint_in(ui, rect.center() - sheet.size() / 2.0, &sheet, Color32::WHITE);
    response.clicked()
}

/// What is shown where there is nothing to show.
fn nothing(ui: &Ui, area: Rect, lines: &[String], pen: &mut Pen<'_>) {
    let mut y = area.center().y - 30.0;
    for (n, line) in lines.iter().enumerate() {
        let (size, look) = if n == 0 { (BODY + 2.0, super::pen::STRONG) } else { (BODY, WEAK) };
        let sheet = pen.line(line, size, look, area.width() - 40.0);
        let rect = Align2::CENTER_TOP.anchor_size(pos2(area.center().x, y), sheet.size());
        pen.paint(ui, rect.min, &sheet);
        let id = Id::unique(("nothing", n));
        ui.interact(rect, id, Sense::hover()).widget_info(|| WidgetInfo::labeled(Role::Label, true, line));
        y += sheet.size().y + 8.0;
    }
}
