//! The window's state, and what happens in it each frame.

use super::{
    action::Action,
    bars,
    canvas::{self, Overlay},
    gallery::{Gallery, News},
    people::People,
    theme,
    tiles::Tiles,
    view::View,
};
use crate::{
    files::Drawing,
    live::Live,
    model::{Bounds, EditError, Edits, Kind, ObjectId, Property, Shape},
    pictures,
    render::Painter,
    sitting::{Heard, Sitting},
    tool::{Desk, Effect, Event, Pointer, Tool},
};
use chalktalk_client::Events;
use eframe::egui::{self, CentralPanel, Context, Frame, Id, Key, PointerButton, Pos2, Sense, Ui};
use std::{
    collections::BTreeSet,
    sync::Arc,
    time::{Duration, Instant},
};

/// The copy on the disk is at most so much behind.
const KEEP_EVERY: Duration = Duration::from_millis(500);

/// Pointers are told to the others so often at most.
const POINT_EVERY: Duration = Duration::from_millis(40);

/// What is said to people stays so long.
const SAID: Duration = Duration::from_secs(5);

/// The window.
pub(super) struct App {
    pub(super) sitting: Sitting,
    events: Events,
    pub(super) me: String,
    pub(super) desk: Desk,
    pub(super) view: View,
    pub(super) people: People,
    pub(super) writing: Option<Writing>,
    pub(super) palette: Option<String>,
    pub(super) help: bool,
    pub(super) dark: bool,
    pub(super) away: bool,
    gallery: Gallery,
    tiles: Tiles,
    overlay: Overlay,
    painter: Painter,
    /// All shapes with their bounds, from the back to the front; made anew when the board has changed.
    shapes: Arc<Vec<(Bounds, Arc<Shape>)>>,
    changed: bool,
    hidden: BTreeSet<ObjectId>,
    said: Option<(String, Instant)>,
    pointer: Option<Pos2>,
    panning: Option<Pos2>,
    pointed: Instant,
    kept: Instant,
    fitted: bool,
}

/// Text being written.
pub(super) struct Writing {
    /// What it will be, or is.
    pub(super) shape: Shape,
    /// An object that is there already.
    pub(super) existing: Option<ObjectId>,
    pub(super) text: String,
    pub(super) fresh: bool,
}

impl App {
    pub(super) fn new(ctx: &Context, sitting: Sitting, events: Events, me: String) -> std::io::Result<Self> {
        let now = Instant::now();
        let gallery = Gallery::new(ctx, sitting.client().clone(), sitting.session())?;
        Ok(Self {
            tiles: Tiles::new(ctx, gallery.images.clone())?,
            gallery,
            sitting,
            events,
            me,
            desk: Desk::default(),
            view: View::default(),
            people: People::default(),
            writing: None,
            palette: None,
            help: false,
            dark: ctx.theme() == egui::Theme::Dark,
            away: false,
            overlay: Overlay::default(),
            painter: Painter::default(),
            shapes: Arc::default(),
            changed: true,
            hidden: BTreeSet::new(),
            said: None,
            pointer: None,
            panning: None,
            pointed: now,
            kept: now,
            fitted: false,
        })
    }

    /// Says something to the person for a while.
    pub(super) fn say(&mut self, what: impl Into<String>) {
        self.said = Some((what.into(), Instant::now()));
    }

    pub(super) fn said(&self) -> Option<&str> {
        self.said.as_ref().filter(|(_, when)| when.elapsed() < SAID).map(|(what, _)| what.as_str())
    }

    /// Does an edit of the board; says why where it is refused.
    pub(super) fn edit(&mut self, edit: impl FnOnce(&mut Sitting) -> Result<(), EditError>) {
        if let Err(e) = edit(&mut self.sitting) {
            self.say(e.to_string());
        }
        self.changed = true;
    }

    pub(super) fn chosen(&self) -> Vec<ObjectId> {
        self.desk.chosen().iter().copied().collect()
    }

    /// Changes how what is chosen looks, and what is drawn from now on.
    pub(super) fn restyle(&mut self, property: Property) {
        match &property {
            Property::Ink(ink) => self.desk.style.ink = *ink,
            Property::Fill(fill) => self.desk.style.fill = *fill,
            Property::Width(width) => self.desk.style.width = *width,
            Property::Opacity(opacity) => self.desk.style.opacity = *opacity,
            Property::Dash(dash) => self.desk.style.dash = *dash,
            Property::Font(font) => self.desk.font = *font,
            _ => {}
        }
        let chosen = self.chosen();
        if !chosen.is_empty() {
            self.edit(|sitting| sitting.board.restyle(&chosen, &[property]));
        }
    }

    pub(super) fn act(&mut self, action: Action, ctx: &Context) {
        let chosen = self.chosen();
        match action {
            Action::Take(tool) => self.desk.take(tool),
            Action::Undo => self.changed |= self.sitting.board.undo(),
            Action::Redo => self.changed |= self.sitting.board.redo(),
            Action::Delete => self.edit(|sitting| sitting.board.delete(&chosen)),
            Action::Duplicate => self.duplicate(&chosen),
            Action::SelectAll => {
                self.desk.take(Tool::Select);
                let all: Vec<ObjectId> =
                    self.sitting.board.shapes().filter(|s| !s.locked).map(|s| s.id).collect();
                self.desk.choose(all);
            }
            Action::Group => self.edit(|sitting| sitting.board.group(&chosen)),
            Action::Ungroup => self.edit(|sitting| sitting.board.ungroup(&chosen)),
            Action::Order(order) => self.edit(|sitting| sitting.board.reorder(&chosen, order)),
            Action::Lock => {
                self.edit(|sitting| sitting.board.lock(&chosen, true));
                self.desk.choose([]);
            }
            Action::UnlockAll => {
                let locked: Vec<ObjectId> =
                    self.sitting.board.shapes().filter(|s| s.locked).map(|s| s.id).collect();
                self.edit(|sitting| sitting.board.lock(&locked, false));
            }
            Action::ZoomIn => self.view.zoom_by(1.25, self.view.canvas.center()),
            Action::ZoomOut => self.view.zoom_by(0.8, self.view.canvas.center()),
            Action::ZoomReset => self.view.zoom_by(1.0 / self.view.zoom, self.view.canvas.center()),
            Action::Fit => self.fit(),
            Action::Dark => {
                self.dark = !self.dark;
                ctx.set_theme(if self.dark { egui::Theme::Dark } else { egui::Theme::Light });
            }
            Action::BringHere => {
                let part = self.view.part();
                self.sitting.say(&Live::Look(part.centre(), part.size()[0].clamp(1.0, 1e6)));
                self.say("Everyone was asked to look here");
            }
            Action::Palette => self.palette = Some(String::new()),
            Action::Help => self.help = !self.help,
        }
    }

    fn duplicate(&mut self, chosen: &[ObjectId]) {
        let shapes: Vec<Shape> =
            chosen.iter().filter_map(|id| self.sitting.board.shape(*id)).map(|s| Shape::clone(s)).collect();
        match self.sitting.board.paste(&shapes, [16.0, 16.0]) {
            Ok(copies) => self.desk.choose(copies),
            Err(e) => self.say(e.to_string()),
        }
        self.changed = true;
    }

    fn fit(&mut self) {
        if let Some(bounds) = self.sitting.board.bounds() {
            self.view.fit(bounds);
        }
    }

    fn take_events(&mut self) {
        let now = Instant::now();
        while let Ok(event) = self.events.try_recv() {
            match self.sitting.on_event(event) {
                Heard::Board => self.changed = true,
                Heard::Live { user, name, instance, live } => {
                    for live in live {
                        if let Some((at, width)) = self.people.on_live(instance, user, &name, live, now) {
                            self.view.zoom_by(
                                self.view.canvas.width() / width / self.view.zoom,
                                self.view.canvas.center(),
                            );
                            self.view.look_at(at);
                            self.say(format!("{name} brought you here"));
                        }
                    }
                }
                Heard::CaughtUp if !self.fitted => {
                    self.fitted = true;
                    self.fit();
                }
                Heard::Ended(reason) => self.say(format!("The daemon ended this: {reason}")),
                Heard::Away(reason) => self.away = reason.is_some(),
                Heard::Lost(what) | Heard::Refused(what) => self.say(what),
                Heard::CaughtUp | Heard::Members | Heard::Nothing => {}
            }
        }
    }

    /// Takes what has come of pictures and files.
    fn take_news(&mut self) {
        while let Some(news) = self.gallery.poll() {
            match news {
                News::Fetched(image) => {
                    let showing = self.shapes.iter().filter(|(_, shape)| pictures::of(shape) == Some(image));
                    let damage: Vec<Bounds> = showing.map(|(bounds, _)| *bounds).collect();
                    self.tiles.on_damage(&damage);
                }
                News::Brought(drawing, at) => self.put(&drawing, at),
                News::Failed(why) => self.say(why),
            }
        }
    }

    /// Puts a drawing onto the board, its middle there.
    fn put(&mut self, drawing: &Drawing, at: [f32; 2]) {
        let Some(own) = drawing.shapes.iter().map(Shape::bounds).reduce(Bounds::union) else { return };
        let by = [at[0] - own.centre()[0], at[1] - own.centre()[1]];
        self.desk.take(Tool::Select);
        match self.sitting.board.paste(&drawing.shapes, by) {
            Ok(made) => self.desk.choose(made),
            Err(e) => self.say(e.to_string()),
        }
        if let Some(remark) = drawing.remarks.first() {
            self.say(remark.clone());
        }
        self.changed = true;
    }

    /// Files that were dropped onto the window.
    fn take_files(&mut self, ctx: &Context) {
        let (dropped, at) = ctx.input(|input| (input.raw.dropped_files.clone(), input.pointer.latest_pos()));
        let at = self.view.to_board(at.unwrap_or(self.view.canvas.center()));
        for path in dropped.iter().map(|file| file.path().to_path_buf()) {
            self.gallery.bring(path, at);
        }
    }

    /// Brings the tiles up to what the board is.
    fn refresh(&mut self) {
        if std::mem::take(&mut self.changed) {
            self.desk.on_board_changed(&self.sitting.board);
            let shapes = self.sitting.board.shapes().map(|shape| (shape.bounds(), shape.clone()));
            self.shapes = Arc::new(shapes.collect());
            for (_, shape) in self.shapes.iter() {
                pictures::of(shape).into_iter().for_each(|image| self.gallery.want(image));
            }
        }
        let mut damage = self.sitting.board.take_damage();
        let mut hidden = self.desk.hidden(&self.sitting.board);
        hidden.extend(self.writing.iter().filter_map(|writing| writing.existing));
        if hidden != self.hidden {
            let changed = hidden.symmetric_difference(&self.hidden);
            damage.extend(changed.filter_map(|id| self.sitting.board.shape(*id)).map(|shape| shape.bounds()));
            self.hidden = hidden;
        }
        if !damage.is_empty() {
            self.tiles.on_damage(&damage);
        }
    }

    fn keys(&mut self, ctx: &Context) {
        if ctx.egui_wants_keyboard_input() || self.palette.is_some() {
            return;
        }
        for event in ctx.input(|input| input.events.clone()) {
            let egui::Event::Key { key, pressed: true, modifiers, .. } = event else { continue };
            if key == Key::Escape {
                self.help = false;
                self.pointer_event(Event::Cancel, self.pointer.unwrap_or_default(), modifiers);
                self.desk.choose([]);
            } else if let Some(action) = Action::of_key(key, modifiers) {
                self.act(action, ctx);
            }
        }
    }

    fn pointer_event(&mut self, event: Event, at: Pos2, held: egui::Modifiers) {
        let pointer = Pointer {
            at: self.view.to_board(at),
            pressure: None,
            shift: held.shift,
            alt: held.alt,
            pixel: 1.0 / self.view.zoom,
        };
        for effect in self.desk.handle(event, pointer, &self.sitting.board) {
            match effect {
                Effect::Commit(edits) => self.edit(|sitting| sitting.board.commit(edits).map(drop)),
                Effect::Say(live) => self.sitting.say(&live),
                Effect::Write(shape) => {
                    self.writing =
                        Some(Writing { shape: *shape, existing: None, text: String::new(), fresh: true });
                }
                Effect::Rewrite(id) => self.rewrite(id),
                Effect::Pan(by) => self.view.pan(egui::vec2(by[0], by[1]) * self.view.zoom),
            }
        }
    }

    fn rewrite(&mut self, id: ObjectId) {
        if let Some(shape) = self.sitting.board.shape(id).map(|shape| Shape::clone(shape)) {
            let text = shape.text.clone();
            self.writing = Some(Writing { shape, existing: Some(id), text, fresh: true });
        }
    }

    /// Puts what was written onto the board.
    pub(super) fn finish_writing(&mut self) {
        let Some(Writing { mut shape, existing, text, .. }) = self.writing.take() else { return };
        shape.text = text.trim_end().to_owned();
        if shape.kind == Kind::Text {
            shape.size = self.painter.letters().measure(&shape.text, shape.font);
        }
        let mut edits = Edits::new();
        match existing {
            Some(id) if shape.kind == Kind::Text && shape.text.is_empty() => edits.delete(id),
            Some(id) if self.sitting.board.shape(id).is_some_and(|old| old.text != shape.text) => {
                edits.set(id, [Property::Text(shape.text), Property::Size(shape.size)]);
            }
            Some(_) => {}
            None if shape.kind == Kind::Text && shape.text.is_empty() => {}
            None => edits.make(shape),
        }
        if !edits.is_empty() {
            self.edit(|sitting| sitting.board.commit(edits).map(drop));
        }
        self.desk.take(Tool::Select);
    }

    fn canvas(&mut self, ui: &mut Ui) {
        let (response, screen) = ui.allocate_painter(ui.available_size(), Sense::click_and_drag());
        self.view.canvas = response.rect;
        let over = response.contains_pointer();
        let (events, held) = ui.input(|input| (input.events.clone(), input.modifiers));
        for event in events {
            self.canvas_event(&event, held, over);
        }
        self.wheel(ui.ctx(), over);
        if response.double_clicked()
            && let Some(at) = response.interact_pointer_pos()
            && self.desk.tool == Tool::Select
            && let Some(id) =
                crate::tool::hit(&self.sitting.board, self.view.to_board(at), 4.0 / self.view.zoom)
        {
            self.rewrite(id);
        }
        self.point(over);
        self.refresh();
        self.tiles.show(&screen, self.view, &self.shapes, &self.hidden, self.dark);
        let preview = self.desk.preview(&self.sitting.board);
        self.overlay.show(&screen, self.view, &mut self.painter, &self.gallery.images, &preview, self.dark);
        canvas::selection(&screen, self.view, &self.desk, &self.sitting.board);
        canvas::others(&screen, self.view, &self.people, self.dark);
        canvas::laser(&screen, self.view, self.desk.light(), theme::ACCENT, 1.0);
        if over {
            ui.ctx().set_cursor_icon(canvas::cursor(&self.desk, self.panning.is_some()));
        }
    }

    fn canvas_event(&mut self, event: &egui::Event, held: egui::Modifiers, over: bool) {
        match *event {
            egui::Event::PointerButton { pos, button: PointerButton::Primary, pressed: true, modifiers }
                if over =>
            {
                // A click beside the text finishes it, and does nothing else.
                if self.writing.is_some() {
                    self.finish_writing();
                } else {
                    self.pointer_event(Event::Down, pos, modifiers);
                }
            }
            egui::Event::PointerButton { pos, button: PointerButton::Primary, pressed: false, modifiers }
                if self.desk.is_busy() =>
            {
                self.pointer_event(Event::Up, pos, modifiers);
            }
            egui::Event::PointerButton { pos, button: PointerButton::Middle, pressed, .. } => {
                self.panning = (pressed && over).then_some(pos);
            }
            egui::Event::PointerMoved(pos) => {
                if let Some(from) = self.panning {
                    self.view.pan(pos - from);
                    self.panning = Some(pos);
                } else if self.desk.is_busy() {
                    self.pointer_event(Event::Move, pos, held);
                }
                self.pointer = Some(pos);
            }
            egui::Event::PointerGone => {
                self.pointer = None;
                self.sitting.say(&Live::Gone);
            }
            _ => {}
        }
    }

    fn wheel(&mut self, ctx: &Context, over: bool) {
        let (zoom, scroll, at) =
            ctx.input(|input| (input.zoom_delta(), input.smooth_scroll_delta(), input.pointer.hover_pos()));
        if let Some(at) = at.filter(|_| over) {
            if zoom != 1.0 {
                self.view.zoom_by(zoom, at);
            } else if scroll != egui::Vec2::ZERO {
                self.view.pan(scroll);
            }
        }
    }

    /// Tells the others where one points, not too often.
    fn point(&mut self, over: bool) {
        if self.pointed.elapsed() < POINT_EVERY || self.desk.is_busy() {
            return;
        }
        if let Some(at) = self.pointer.filter(|_| over) {
            self.pointed = Instant::now();
            self.sitting.say(&Live::Pointer(self.view.to_board(at)));
            self.pointer = None;
        }
    }
}

impl eframe::App for App {
    fn ui(&mut self, ui: &mut Ui, _: &mut eframe::Frame) {
        let ctx = ui.ctx().clone();
        self.take_events();
        self.take_news();
        self.take_files(&ctx);
        self.keys(&ctx);
        let paper = theme::colour(theme::paper(self.dark));
        CentralPanel::default().frame(Frame::new().fill(paper)).show(ui, |ui| self.canvas(ui));
        bars::show(self, &ctx);
        if let Err(e) = self.sitting.publish() {
            self.say(e.to_string());
        }
        if self.kept.elapsed() > KEEP_EVERY {
            self.kept = Instant::now();
            if let Err(e) = self.sitting.keep() {
                self.say(format!("The copy of the board cannot be written: {e}"));
            }
        }
        let fading = self.people.tick(Instant::now());
        let busy = fading || self.desk.is_busy() || !self.tiles.is_complete() || self.sitting.is_waiting();
        ctx.request_repaint_after(if busy { Duration::from_millis(16) } else { KEEP_EVERY });
    }

    fn on_exit(&mut self, _: Option<&eframe::glow::Context>) {
        self.finish_writing();
        // What was drawn in the last moment leaves first; the copy follows at the next start if the disk refuses it.
        let _ = self.sitting.publish();
        let _ = self.sitting.keep();
    }
}

/// Where the text that is being written is edited.
pub(super) fn writing_id() -> Id {
    Id::unique("writing")
}
