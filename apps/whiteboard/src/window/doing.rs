//! What actions do: the hands behind palette, keys and buttons.
//!
//! Invariant: each is one edit of the board, to be taken back in one step, or changes only what is seen here.

use super::{
    action::Action,
    app::{App, ForWhat},
    aside::Aside,
    gallery::Work,
    lens::Lens,
    replay::Replay,
};
use crate::{
    anew,
    command::{self, CommandError, Format},
    files::{self, Drawing},
    live::Live,
    model::{Actor, Author, Board, Bounds, Kind, ObjectId, Past, Property, Shape},
    progress::Progress,
    tool::Tool,
    whole,
};
use eframe::egui::{self, ColorImage, Context};
use std::{
    io,
    path::PathBuf,
    sync::{Arc, PoisonError},
    time::{SystemTime, UNIX_EPOCH},
};

/// Distance of the grid's lines.
const GRID: f32 = 20.0;

/// Copies come so far beside what they were made of.
const BESIDE: [f32; 2] = [20.0, 20.0];

impl App {
    /// Does something.
    pub(super) fn act(&mut self, action: Action, ctx: &Context) {
        if self.replay.is_some() && !action.is_for_looking() {
            return self.say("This is the past: close the replay to draw (Escape)");
        }
        if let Some(why) = action.hindrance(&self.sitting.board) {
            return self.say(why);
        }
        let chosen = self.chosen();
        match action {
            Action::Take(tool) => self.desk.take(tool),
            Action::Undo => self.changed |= self.sitting.board.undo(),
            Action::Redo => self.changed |= self.sitting.board.redo(),
            Action::Delete => self.edit(|sitting| sitting.board.delete(&chosen)),
            Action::Duplicate => self.duplicate(&chosen),
            Action::Copy => self.copy(&chosen, ctx),
            Action::Cut => {
                self.copy(&chosen, ctx);
                self.edit(|sitting| sitting.board.delete(&chosen));
            }
            Action::SelectAll => self.select_all(),
            Action::Group => self.edit(|sitting| sitting.board.group(&chosen)),
            Action::Ungroup => self.edit(|sitting| sitting.board.ungroup(&chosen)),
            Action::Order(order) => self.edit(|sitting| sitting.board.reorder(&chosen, order)),
            Action::Align(edge) => self.edit(|sitting| sitting.board.align(&chosen, edge)),
            Action::Distribute(axis) => self.edit(|sitting| sitting.board.distribute(&chosen, axis)),
            Action::Lock => {
                self.edit(|sitting| sitting.board.lock(&chosen, true));
                self.desk.choose([]);
            }
            Action::UnlockAll => {
                let all = self.sitting.board.shapes();
                let locked: Vec<ObjectId> = all.filter(|s| s.locked).map(|s| s.id).collect();
                self.edit(|sitting| sitting.board.lock(&locked, false));
            }
            Action::Export(format) => self.export(format, ctx),
            Action::Texts => match chosen[..] {
                [object] => self.want_past(ForWhat::Texts(object), ctx),
                _ => self.say("Choose one note, text or shape first"),
            },
            other => self.act_on_view(other, ctx),
        }
    }

    /// What changes nothing on the board.
    fn act_on_view(&mut self, action: Action, ctx: &Context) {
        match action {
            Action::ZoomIn => self.view.zoom_by(1.25, self.view.canvas.center()),
            Action::ZoomOut => self.view.zoom_by(0.8, self.view.canvas.center()),
            Action::ZoomReset => self.view.zoom_by(1.0 / self.view.zoom, self.view.canvas.center()),
            Action::Fit => self.fit(),
            Action::Grid => self.desk.grid = self.desk.grid.xor(Some(GRID)),
            Action::Dark => {
                self.dark = !self.dark;
                ctx.set_theme(if self.dark { egui::Theme::Dark } else { egui::Theme::Light });
            }
            Action::BringHere => {
                let part = self.view.part();
                self.sitting.say(&Live::Look(part.centre(), part.size()[0].clamp(1.0, 1e6)));
                self.say("Everyone was asked to look here");
            }
            Action::Authors => {
                self.lens = if self.lens == Lens::Coloured { Lens::All } else { Lens::Coloured };
            }
            Action::Replay => self.want_past(ForWhat::Replay, ctx),
            Action::Talk => {
                self.talk.open ^= true;
                self.talk.enter(ctx, self.sitting.client(), self.sitting.summary(), true);
            }
            Action::Palette => self.palette = Some(String::new()),
            Action::Help => self.help = !self.help,
            _ => {}
        }
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

    pub(super) fn fit(&mut self) {
        if let Some(bounds) = self.seen().bounds() {
            self.view.fit(bounds);
        }
    }

    fn select_all(&mut self) {
        self.desk.take(Tool::Select);
        let all: Vec<ObjectId> = self.sitting.board.shapes().filter(|s| !s.locked).map(|s| s.id).collect();
        self.desk.choose(all);
    }

    fn shapes_of(&self, ids: &[ObjectId]) -> Vec<Shape> {
        // In the order of the board, whatever order they were chosen in.
        let all = self.sitting.board.shapes().filter(|shape| ids.contains(&shape.id));
        all.map(|shape| Shape::clone(shape)).collect()
    }

    fn duplicate(&mut self, chosen: &[ObjectId]) {
        let shapes = self.shapes_of(chosen);
        self.paste(&shapes, BESIDE);
    }

    /// Onto the clipboard, as a drawing that any board reads.
    fn copy(&mut self, chosen: &[ObjectId], ctx: &Context) {
        let shapes = self.shapes_of(chosen);
        if !shapes.is_empty() {
            ctx.copy_text(files::shapes_to_json(&shapes));
            self.say(format!("{} copied; paste on this board or another", count(shapes.len())));
        }
    }

    /// What is on the clipboard: a drawing, or words.
    pub(super) fn paste_text(&mut self, text: &str) {
        if !self.may_draw() {
            return;
        }
        let at = self.paste_place();
        let is_drawing = ["{", "<svg", "<?xml"].iter().any(|start| text.trim_start().starts_with(start));
        if is_drawing {
            self.gallery.bring_bytes("the clipboard", text.as_bytes().to_vec(), at);
            return;
        }
        let text: String = text.trim_end().chars().take(crate::model::MAX_TEXT / 4).collect();
        let mut shape =
            Shape { text, style: self.desk.style, font: self.desk.font, ..Shape::new(Kind::Text) };
        shape.size = self.painter.letters().measure(&shape.text, shape.font);
        self.put(&Drawing { shapes: vec![shape], remarks: Vec::new() }, at);
    }

    /// A picture that is on the clipboard.
    pub(super) fn paste_image(&mut self, image: &ColorImage) {
        if !self.may_draw() {
            return;
        }
        let at = self.paste_place();
        let (size, rgba) = (image.size, image.as_raw().to_vec());
        match crate::render::to_png(size, rgba) {
            Some(file) => self.gallery.bring_bytes("the clipboard", file, at),
            None => self.say("The picture on the clipboard cannot be read"),
        }
    }

    fn paste_place(&self) -> [f32; 2] {
        let over = self.pointer_at.filter(|at| self.view.canvas.contains(*at));
        self.view.to_board(over.unwrap_or(self.view.canvas.center()))
    }

    /// Puts a drawing onto the board, its middle there.
    pub(super) fn put(&mut self, drawing: &Drawing, at: [f32; 2]) {
        let Some(own) = drawing.shapes.iter().map(Shape::bounds).reduce(Bounds::union) else { return };
        self.paste(&drawing.shapes, [at[0] - own.centre()[0], at[1] - own.centre()[1]]);
        if let Some(remark) = drawing.remarks.first() {
            self.say(remark.clone());
        }
    }

    fn paste(&mut self, shapes: &[Shape], by: [f32; 2]) {
        self.desk.take(Tool::Select);
        match self.sitting.board.paste(shapes, by) {
            Ok(made) => self.desk.choose(made),
            Err(e) => self.say(e.to_string()),
        }
        self.changed = true;
    }

    /// Writes what is chosen, what is in the frame that is, or everything, into a new file where downloads go.
    fn export(&mut self, format: Format, ctx: &Context) {
        if self.saving.as_ref().is_some_and(|(_, work)| !work.progress.is_stopped()) {
            return self.say("The last export is still being written");
        }
        let chosen = self.chosen();
        let is_chosen = |shape: &&Arc<Shape>| chosen.is_empty() || chosen.contains(&shape.id);
        let frame = match chosen[..] {
            [one] => self.sitting.board.shape(one).filter(|shape| shape.kind == Kind::Frame),
            _ => None,
        };
        // A frame is a page: what is seen in it, and no more.
        let part = frame.map(|frame| frame.placed_box());
        let shapes: Vec<Arc<Shape>> = match part {
            Some(_) => self.sitting.board.shapes().cloned().collect(),
            None => self.sitting.board.shapes().filter(is_chosen).cloned().collect(),
        };
        let images = self.gallery.images.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let name = self.sitting.title().trim_start_matches(['#', '@']).to_owned();
        let export = Work::new(format!("Exporting as {}", format.ending().to_uppercase()));
        let progress = export.progress.clone();
        let work = move || {
            let mut board = Board::new(Actor(0));
            let shapes: Vec<Shape> = match part {
                Some(part) => command::seen_in(part, shapes.iter()),
                None => shapes.into_iter().map(Arc::unwrap_or_clone).collect(),
            };
            let done = board
                .paste(&shapes, [0.0, 0.0])
                .map_err(CommandError::from)
                .and_then(|_| command::written(&board, &images, format, part, 2.0, &progress))
                .and_then(|bytes| saved(&name, format.ending(), &bytes, &progress));
            match done {
                Ok(path) => Some(format!("Written to {}", path.display())),
                Err(_) if progress.is_stopped() => None,
                Err(e) => Some(e.to_string()),
            }
        };
        match Aside::start(ctx, "export", work) {
            Ok(saving) => self.saving = Some((saving, export)),
            Err(e) => self.say(e.to_string()),
        }
        self.say("Exporting…");
    }

    /// Takes back what a person did in the last minutes.
    pub(super) fn revert(&mut self, author: Author, minutes: u32, ctx: &Context) {
        self.want_past(ForWhat::Revert(author, minutes), ctx);
    }

    fn want_past(&mut self, what: ForWhat, ctx: &Context) {
        if self.past.is_some() {
            return;
        }
        let (client, session) = (self.sitting.client().clone(), self.sitting.session());
        let roles = self.sitting.roles().clone();
        let starts = self.sitting.start_of_past();
        let work = move || anew::past(&client, session, roles, &starts).map_err(|e| e.to_string());
        match Aside::start(ctx, "past", work) {
            Ok(aside) => self.past = Some((aside, what)),
            Err(e) => self.say(e.to_string()),
        }
        self.say("Reading what was done…");
    }

    /// Goes on with what the past was wanted for.
    pub(super) fn take_past(&mut self) {
        if let Some(said) = self.saving.as_ref().and_then(|(aside, _)| aside.poll()) {
            self.saving = None;
            said.into_iter().for_each(|said| self.say(said));
        }
        let Some(past) = self.past.as_ref().and_then(|(aside, _)| aside.poll()) else { return };
        let Some((_, what)) = self.past.take() else { return };
        match (past, what) {
            (Err(why), _) => self.say(why),
            (Ok(past), ForWhat::Replay) => {
                self.say(format!(
                    "{} changes; blank and arrows play them, Escape ends the replay",
                    past.moments().len()
                ));
                self.finish_writing();
                self.desk.take(Tool::Hand);
                self.end_replay();
                self.replay = Some(Replay::new(past));
            }
            (Ok(past), ForWhat::Revert(author, minutes)) => self.take_back(&past, author, minutes),
            (Ok(past), ForWhat::Texts(object)) => {
                let texts = past.texts(object).into_iter();
                let named = texts.map(|(text, author, _)| (text, self.sitting.name_of(author)));
                self.texts = Some((object, named.collect()));
            }
        }
    }

    fn take_back(&mut self, past: &Past, author: Author, minutes: u32) {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis() as u64;
        let since = now.saturating_sub(u64::from(minutes) * 60_000);
        let edits = self.sitting.board.towards(&past.without(author, since));
        let name = self.sitting.name_of(author);
        if edits.is_empty() {
            return self.say(format!("{name} did nothing in the last {minutes} minutes"));
        }
        self.edit(|sitting| sitting.board.commit(edits).map(drop));
        self.say(format!(
            "What {name} did in the last {minutes} minutes is taken back; undo brings it again"
        ));
    }
}

fn count(objects: usize) -> String {
    if objects == 1 { "1 object".into() } else { format!("{objects} objects") }
}

/// Writes a new file into the folder of downloads, or the home folder where there is none.
fn saved(name: &str, ending: &str, bytes: &[u8], progress: &Progress) -> Result<PathBuf, CommandError> {
    let home = std::env::home_dir().unwrap_or_else(std::env::temp_dir);
    let folder = Some(home.join("Downloads")).filter(|folder| folder.is_dir()).unwrap_or(home);
    let safe: String =
        name.chars().map(|c| if c.is_alphanumeric() || "-_ ".contains(c) { c } else { '_' }).collect();
    let names = std::iter::once(safe.clone()).chain((2..1_000).map(|n| format!("{safe} {n}")));
    let failed = |path: &PathBuf, e| CommandError::File(path.display().to_string(), e);
    for name in names {
        let path = folder.join(format!("{name}.{ending}"));
        match whole::write_new(&path, bytes, progress) {
            Ok(()) => return Ok(path),
            Err(e) if e.kind() == io::ErrorKind::AlreadyExists => {}
            Err(e) => return Err(failed(&path, e)),
        }
    }
    Err(failed(&folder, io::Error::from(io::ErrorKind::AlreadyExists)))
}
