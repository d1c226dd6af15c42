//! The window's state, and what happens in it each frame.

use super::{
    aside::Aside,
    bars, canvas,
    colours::Colours,
    dropped,
    gallery::{Gallery, News, Work},
    lens::Lens,
    overlay::Overlay,
    people::{Drawn, Look, People},
    replay::Replay,
    talk::Talk,
    theme,
    tiles::Tiles,
    view::View,
    writing::Writing,
};
use crate::{
    command,
    gauge::Gauge,
    live::Live,
    model::{Board, Bounds, EditError, ObjectId, Past, Role, Shape},
    pictures,
    render::Painter,
    sitting::{Heard, Sitting},
    tool::{Desk, Tool},
};
use chalktalk_client::{ClientEvent, Events};
use chalktalk_ipc::Event as Fact;
use eframe::egui::{self, CentralPanel, Context, Frame, Pos2, Sense, Ui, WidgetInfo};
use std::{
    collections::BTreeSet,
    sync::Arc,
    time::{Duration, Instant},
};

/// The copy on the disk follows so much later, or later still where a large board makes it take long.
const KEEP_EVERY: Duration = Duration::from_millis(500);

/// Of the window's time copies take one part in so many.
const KEEP_SHARE: u32 = 50;

/// What has been read so far of a board is shown so often.
const SHOW_READING: Duration = Duration::from_millis(250);

/// A frame takes in what has come for so long at most: the rest is for the next.
const TAKE: Duration = Duration::from_millis(12);

/// Why tools are grey.
pub(super) const VIEW_ONLY: &str = "You may only look at this board; a moderator has to let you draw";

/// What is said to people stays so long.
const SAID: Duration = Duration::from_secs(5);

/// The window.
pub(super) struct App {
    pub(super) sitting: Sitting,
    events: Events,
    pub(super) desk: Desk,
    pub(super) view: View,
    pub(super) people: People,
    pub(super) colours: Colours,
    pub(super) writing: Option<Writing>,
    pub(super) palette: Option<String>,
    pub(super) help: bool,
    pub(super) opened: Instant,
    /// Nobody has told this person yet how one begins.
    pub(super) first: bool,
    pub(super) dark: bool,
    pub(super) away: bool,
    pub(super) talk: Talk,
    pub(super) replay: Option<Replay>,
    /// Texts of an object that were written over, to be chosen from.
    pub(super) texts: Option<(ObjectId, Vec<(String, String)>)>,
    pub(super) lens: Lens,
    pub(super) gallery: Gallery,
    pub(super) painter: Painter,
    /// The board has changed, or what is shown of it.
    pub(super) changed: bool,
    /// What is being done with the past, which is on its way.
    pub(super) past: Option<(Aside<Result<Past, String>>, ForWhat)>,
    /// An export, and what came of it; none: nobody wanted it any more.
    pub(super) saving: Option<(Aside<Option<String>>, Work)>,
    /// Where the pointer was last.
    pub(super) pointer_at: Option<Pos2>,
    tiles: Tiles,
    overlay: Overlay,
    pub(super) gauge: Gauge,
    /// All shapes with their bounds, from the back to the front; made anew when the board has changed.
    shapes: Arc<Vec<(Bounds, Arc<Shape>)>>,
    shown_through: Lens,
    hidden: BTreeSet<ObjectId>,
    said: Option<(String, Instant)>,
    pub(super) pointer: Option<Pos2>,
    pub(super) panning: Option<Pos2>,
    /// How hard a pen presses, where it says so.
    pub(super) pressure: Option<f32>,
    pub(super) pointed: Instant,
    shown: Instant,
    kept: Instant,
    keeping_took: Duration,
    fitted: bool,
}

/// What the past is wanted for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum ForWhat {
    /// To be played.
    Replay,
    /// To take back what this person did in the last so many minutes.
    Revert([u8; 32], u32),
    /// To find the texts that an object had.
    Texts(ObjectId),
}

impl App {
    pub(super) fn new(
        ctx: &Context,
        sitting: Sitting,
        events: Events,
        gauge: Gauge,
    ) -> std::io::Result<Self> {
        let now = Instant::now();
        let mut talk = Talk::default();
        talk.enter(ctx, sitting.client(), sitting.summary(), false);
        let gallery = Gallery::new(ctx, sitting.client().clone(), sitting.session())?;
        Ok(Self {
            tiles: Tiles::new(ctx, gallery.images.clone())?,
            gallery,
            sitting,
            events,
            desk: Desk::default(),
            view: View::default(),
            people: People::default(),
            colours: Colours::default(),
            writing: None,
            palette: None,
            help: false,
            opened: now,
            first: command::is_first_time(),
            dark: ctx.theme() == egui::Theme::Dark,
            away: false,
            talk,
            replay: None,
            texts: None,
            lens: Lens::All,
            past: None,
            saving: None,
            pointer_at: None,
            overlay: Overlay::default(),
            gauge,
            painter: Painter::default(),
            shapes: Arc::default(),
            shown_through: Lens::All,
            changed: true,
            hidden: BTreeSet::new(),
            said: None,
            pointer: None,
            panning: None,
            pressure: None,
            pointed: now,
            shown: now,
            kept: now,
            keeping_took: Duration::ZERO,
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

    /// Gives everybody a colour.
    fn paint_people(&mut self) {
        let here = self.sitting.members().iter().map(|member| member.user.0);
        self.colours = Colours::of(&self.sitting.roles().authors(), here);
    }

    /// Whether the user may draw here; says why not.
    pub(super) fn may_draw(&mut self) -> bool {
        let may = !self.sitting.board.is_view_only();
        if !may {
            self.say(VIEW_ONLY);
        }
        may
    }

    /// What the user may do here has changed.
    fn on_role(&mut self, role: Role) {
        self.changed = true;
        match role {
            Role::Views => {
                // What was begun would not count.
                self.writing = None;
                self.desk.choose([]);
                self.desk.take(Tool::Hand);
                self.say("A moderator lets you only look from now on");
            }
            Role::Draws => self.say("You may draw here now"),
            Role::Moderates => self.say("You are a moderator of this board now"),
        }
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

    /// The board that is seen: the one drawn on, or one of its past.
    pub(super) fn seen(&self) -> &Board {
        self.replay.as_ref().map_or(&self.sitting.board, |replay| &replay.board)
    }

    /// Back to the present.
    pub(super) fn end_replay(&mut self) {
        self.replay = None;
        self.changed = true;
        self.tiles.forget();
    }

    /// Takes in what the daemon said; true if there is more than there was time for.
    fn take_events(&mut self, ctx: &Context) -> bool {
        let now = Instant::now();
        while now.elapsed() < TAKE {
            let Ok(event) = self.events.try_recv() else { return false };
            match &event {
                ClientEvent::Messages(batch) if self.talk.on_messages(batch) => continue,
                ClientEvent::Event(Fact::CaughtUp { session }) => self.talk.on_caught_up(*session),
                _ => {}
            }
            match self.sitting.on_event(event) {
                Heard::Board => self.changed = true,
                Heard::Role(role) => self.on_role(role),
                Heard::Live { user, name, instance, live } => {
                    let me = self.sitting.client().instance();
                    let colour = self.colours.get(&user.0);
                    let views = self.sitting.roles().role(user.0) == Role::Views;
                    // A stroke that will not count is not shown on its way either.
                    for live in live.into_iter().filter(|live| !views || !matches!(live, Live::Pen { .. })) {
                        let called = matches!(live, Live::Look(..));
                        if let Some(look) = self.people.on_live(instance, colour, &name, live, now, me) {
                            self.look(look);
                            if called {
                                self.say(format!("{name} brought you here"));
                            }
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
                Heard::Members => {
                    self.paint_people();
                    for member in self.sitting.members() {
                        member.instances.iter().for_each(|one| self.people.on_name(*one, &member.name));
                    }
                }
                Heard::CaughtUp | Heard::Nothing => {}
            }
        }
        ctx.request_repaint();
        true
    }

    /// Looks at this part of the board.
    fn look(&mut self, (at, width): Look) {
        let factor = self.view.canvas.width() / width / self.view.zoom;
        self.view.zoom_by(factor, self.view.canvas.center());
        self.view.look_at(at);
    }

    /// The person moves their view by their own hand: they follow nobody any more.
    pub(super) fn stop_following(&mut self) {
        if self.people.followed().is_some() {
            self.people.follow(None);
            self.say("You look around on your own again");
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
                News::Brought(Some(Ok((drawing, at)))) => {
                    if self.may_draw() {
                        self.put(&drawing, at);
                    }
                }
                News::Failed(why) | News::Brought(Some(Err(why))) => self.say(why),
                News::Brought(None) => {}
            }
        }
    }

    /// Files that were dropped onto the window.
    fn take_files(&mut self, ctx: &Context) {
        let dropped = ctx.input(|input| input.raw.dropped_files.clone());
        if dropped.is_empty() || !self.may_draw() {
            return;
        }
        let canvas = self.view.canvas;
        let at = dropped::place(ctx).filter(|at| canvas.contains(*at)).unwrap_or(canvas.center());
        let at = self.view.to_board(at);
        for path in dropped.iter().map(|file| file.path().to_path_buf()) {
            self.say(format!("Reading {}…", path.file_name().unwrap_or_default().to_string_lossy()));
            self.gallery.bring(path, at);
        }
    }

    /// Brings the tiles up to what the board is.
    fn refresh(&mut self) {
        let (playing, played) =
            self.replay.as_mut().map_or((false, false), |replay| replay.tick(Instant::now()));
        if playing {
            self.panning = None;
        }
        if self.lens != self.shown_through {
            self.shown_through = self.lens;
            self.changed = true;
            self.tiles.forget();
        }
        // While a large board is being read, most of the time goes into reading.
        let due = self.sitting.is_caught_up() || self.shown.elapsed() > SHOW_READING;
        if (self.changed && due) || played {
            (self.changed, self.shown) = (false, Instant::now());
            self.desk.on_board_changed(&self.sitting.board);
            self.paint_people();
            self.shapes = Arc::new(self.lens.shown(self.seen(), &self.colours));
            for (_, shape) in self.shapes.iter() {
                pictures::of(shape).into_iter().for_each(|image| self.gallery.want(image));
            }
        }
        let mut damage = match &mut self.replay {
            Some(replay) => replay.take_damage(),
            // What is not shown yet looks different only when it is.
            None if self.changed => Vec::new(),
            None => self.sitting.board.take_damage(),
        };
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

    fn canvas(&mut self, ui: &mut Ui) {
        let (response, screen) = ui.allocate_painter(ui.available_size(), Sense::click_and_drag());
        self.view.canvas = response.rect;
        response.widget_info(|| {
            let board = format!("The board {}: {} objects", self.sitting.title(), self.sitting.board.len());
            WidgetInfo::labeled(egui::Role::Canvas, true, board)
        });
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
        if let Some(grid) = self.desk.grid {
            canvas::grid(&screen, self.view, grid);
        }
        if self.replay.is_none() {
            self.show_making(&screen);
        }
        if over {
            ui.ctx().set_cursor_icon(canvas::cursor(&self.desk, self.panning.is_some()));
        }
    }

    /// Shows what is in the making, here and at others', and what is chosen.
    fn show_making(&mut self, screen: &egui::Painter) {
        let preview = self.desk.preview(&self.sitting.board);
        self.gauge.on_preview(&preview);
        // What was finished stays until the board's own picture of it is there.
        let lingers = preview.is_empty() && !self.tiles.is_complete();
        let preview = if lingers { self.overlay.shapes().to_vec() } else { preview };
        self.overlay.show(screen, self.view, &mut self.painter, &self.gallery.images, preview, self.dark);
        canvas::selection(screen, self.view, &self.desk, &self.sitting.board);
        canvas::lasso(screen, self.view, self.desk.lasso());
        canvas::others(screen, self.view, &self.people, self.dark);
        canvas::laser(screen, self.view, self.desk.light(), theme::ACCENT, 1.0);
        if let (Tool::Rubber, Some(at)) = (self.desk.tool, self.pointer_at) {
            screen.circle_stroke(at, crate::tool::RUBBER, egui::Stroke::new(1.2, theme::ACCENT));
        }
        if self.people.followed().is_some() {
            canvas::border(screen, self.view);
        }
    }

    /// What goes out: what was drawn, what one looks at, the copy on the disk.
    fn send(&mut self) {
        let part = self.view.part();
        let view = (part.centre(), part.size()[0].clamp(1.0, 1e6));
        for live in self.people.poll_say(Instant::now(), view) {
            self.sitting.say(&live);
        }
        if let Err(e) = self.sitting.publish() {
            self.say(e.to_string());
        }
        if !self.desk.is_busy() && self.kept.elapsed() > KEEP_EVERY.max(KEEP_SHARE * self.keeping_took) {
            self.kept = Instant::now();
            if let Err(e) = self.sitting.keep_aside() {
                self.say(format!("The copy of the board cannot be written: {e}"));
            }
            self.keeping_took = self.kept.elapsed();
        }
    }
}

impl eframe::App for App {
    fn ui(&mut self, ui: &mut Ui, _: &mut eframe::Frame) {
        let ctx = ui.ctx().clone();
        self.gauge.on_frame();
        self.talk.tick(&ctx, self.sitting.client());
        let more = self.take_events(&ctx);
        self.changed |= self.sitting.tick();
        self.take_news();
        self.take_past();
        self.take_files(&ctx);
        self.keys(&ctx);
        // The paper is what the screen is cleared with: filling it once more costs a third of a frame without a graphics card.
        CentralPanel::default().frame(Frame::NONE).show(ui, |ui| self.canvas(ui));
        bars::show(self, &ctx);
        self.send();
        let fading = self.people.tick(Instant::now());
        let busy = more
            || fading
            || self.desk.is_busy()
            || self.replay.is_some()
            || !self.tiles.is_complete()
            || self.sitting.is_stale()
            || self.sitting.is_waiting();
        ctx.request_repaint_after(if busy { Duration::from_millis(16) } else { KEEP_EVERY });
        let pens = self.people.iter().filter_map(|person| person.stroke.as_ref()).map(Drawn::progress);
        if self.gauge.on_drawn(self.sitting.board.len(), self.tiles.is_complete(), pens) {
            ctx.request_repaint();
        }
    }

    fn clear_color(&self, _: &egui::Visuals) -> [f32; 4] {
        theme::colour(theme::paper(self.dark)).to_normalized_gamma_f32()
    }

    fn on_exit(&mut self, _: Option<&eframe::glow::Context>) {
        self.finish_writing();
        // What was drawn in the last moment leaves first; the copy follows at the next start if the disk refuses it.
        let _ = self.sitting.publish();
        let _ = self.sitting.keep();
    }
}
