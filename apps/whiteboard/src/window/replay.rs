//! The board's past, played: forwards at some speed, or to any moment at once.
//!
//! Invariant: the board shown is that of the first `shown` moments.

use super::app::App;
use crate::model::{Board, Bounds, Past};
use eframe::egui::{self, Align2, Context, Id, Key, RichText, Slider, Ui, WidgetInfo, vec2};
use std::time::{Duration, Instant};

/// Speeds to choose from.
const SPEEDS: [f32; 4] = [1.0, 4.0, 16.0, 64.0];

/// A past that is being played.
pub(super) struct Replay {
    past: Past,
    beats: Vec<Duration>,
    /// The board at this moment.
    pub(super) board: Board,
    /// Where the boards lay that were given up for an earlier one.
    gone: Vec<Bounds>,
    shown: usize,
    at: Duration,
    speed: f32,
    playing: bool,
    ticked: Instant,
}

impl Replay {
    /// From the beginning, and on its way.
    pub(super) fn new(past: Past) -> Self {
        let beats = past.beats();
        Self {
            board: past.start(),
            past,
            beats,
            gone: Vec::new(),
            shown: 0,
            at: Duration::ZERO,
            speed: 4.0,
            playing: true,
            ticked: Instant::now(),
        }
    }

    /// Goes on; true while it is played. True and the board has changed: (playing, changed).
    pub(super) fn tick(&mut self, now: Instant) -> (bool, bool) {
        let passed = now.duration_since(self.ticked);
        self.ticked = now;
        if !self.playing {
            return (false, false);
        }
        let before = self.shown;
        self.go_to(self.at + passed.mul_f32(self.speed));
        self.playing = self.shown < self.beats.len();
        (self.playing, self.shown != before)
    }

    /// Goes on, or stays; from the beginning where it was at the end.
    fn toggle(&mut self) {
        self.playing ^= true;
        self.ticked = Instant::now();
        if self.playing && self.shown == self.beats.len() {
            self.go_to(Duration::ZERO);
        }
    }

    /// What a key means here: blank, arrows, Home and End. False: nothing.
    pub(super) fn on_key(&mut self, key: Key) -> bool {
        let now = self.shown.checked_sub(1).map_or(Duration::ZERO, |last| self.beats[last]);
        let to = match key {
            Key::ArrowLeft => self.beats.iter().rfind(|beat| **beat < now).copied().unwrap_or_default(),
            Key::ArrowRight => self.beats.get(self.shown).copied().unwrap_or(self.length()),
            Key::Home => Duration::ZERO,
            Key::End => self.length(),
            Key::Space => {
                self.toggle();
                return true;
            }
            Key::ArrowUp | Key::ArrowDown => {
                let at = SPEEDS.iter().position(|speed| *speed == self.speed).unwrap_or_default();
                let next = if key == Key::ArrowUp { at + 1 } else { at.saturating_sub(1) };
                self.speed = SPEEDS[next.min(SPEEDS.len() - 1)];
                return true;
            }
            _ => return false,
        };
        self.playing = false;
        self.go_to(to);
        true
    }

    /// To a time from the beginning.
    fn go_to(&mut self, at: Duration) {
        self.at = at.min(self.length());
        let wanted = self.beats.partition_point(|beat| *beat <= self.at);
        if wanted < self.shown {
            self.gone.extend(self.board.bounds());
            self.board = self.past.start();
            self.shown = 0;
        }
        self.past.play(&mut self.board, self.shown..wanted);
        self.shown = wanted;
    }

    /// Where the board looks different than when this was last asked.
    pub(super) fn take_damage(&mut self) -> Vec<Bounds> {
        let mut damage = std::mem::take(&mut self.gone);
        damage.extend(self.board.take_damage());
        damage
    }

    fn length(&self) -> Duration {
        self.beats.last().copied().unwrap_or_default()
    }
}

/// How far the bar stands above the window's edge: where it would touch the panel of the view, above that.
pub(super) fn above(ctx: &Context) -> f32 {
    let width = |name: &str| ctx.memory(|m| m.area_rect(Id::unique(name))).map_or(0.0, |rect| rect.width());
    let fits = ctx.content_rect().width() >= width("replay") + 2.0 * (width("view") + 24.0);
    if fits { 12.0 } else { 68.0 }
}

/// The bar with which the past is played.
pub(super) fn show(app: &mut App, ctx: &Context) {
    if app.replay.is_none() {
        return;
    }
    let mut close = false;
    super::bars::floating(ctx, "replay", Align2::CENTER_BOTTOM, vec2(0.0, -above(ctx)), |ui| {
        close = bar(app, ui);
    });
    if close {
        app.end_replay();
    }
}

fn bar(app: &mut App, ui: &mut Ui) -> bool {
    let mut close = false;
    ui.horizontal(|ui| {
        let Some(replay) = &mut app.replay else { return };
        ui.set_min_height(34.0);
        ui.add_space(4.0);
        // Of one width whatever is said: the bar stands still under the pointer.
        let play = egui::Button::new(if replay.playing { "Pause" } else { "Play" });
        if ui.add_sized(vec2(58.0, 30.0), play).on_hover_text("Blank").clicked() {
            replay.toggle();
            app.changed = true;
        }
        let mut at = replay.at.as_secs_f32();
        ui.spacing_mut().slider_width = 260.0;
        let length = replay.length().as_secs_f32().max(0.1);
        let slider = ui.add(Slider::new(&mut at, 0.0..=length).show_value(false));
        slider.widget_info(|| WidgetInfo::slider(true, at.into(), "Moment of the replay"));
        if slider.changed() {
            replay.playing = false;
            replay.go_to(Duration::from_secs_f32(at.max(0.0)));
            app.changed = true;
        }
        let all = replay.beats.len();
        let count = RichText::new(format!("{} of {all}", replay.shown)).small().weak();
        let digits = all.to_string().len() as f32;
        ui.add_sized(vec2(24.0 + 14.0 * digits, 30.0), egui::Label::new(count));
        for speed in SPEEDS {
            if ui.add(egui::Button::selectable(replay.speed == speed, format!("{speed}×"))).clicked() {
                replay.speed = speed;
            }
        }
        ui.separator();
        close = ui.button("Close").clicked();
    });
    close
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Actor, Edits, Kind, Moment, Roles, Shape, Source};

    fn past(count: u64) -> Past {
        let mut board = Board::new(Actor(1));
        let moments = (1..=count).map(|n| {
            let mut edits = Edits::new();
            edits.make(Shape { text: n.to_string(), ..Shape::new(Kind::Text) });
            board.commit(edits).unwrap();
            {
                let source = Source { stamp: n, log: ([1; 16], 1), place: (n, 0), author: [1; 32] };
                Moment { source, time: n * 500, message: board.poll_message().unwrap() }
            }
        });
        Past::new(moments.collect(), Roles::default())
    }

    #[test]
    fn it_plays_to_the_end_and_goes_anywhere() {
        let mut replay = Replay::new(past(10));
        let start = replay.ticked;
        replay.speed = 1.0;
        assert_eq!(replay.tick(start + Duration::from_millis(1_200)), (true, true));
        assert_eq!(replay.board.len(), 3);
        replay.go_to(Duration::from_millis(499));
        assert_eq!(replay.board.len(), 1);
        replay.go_to(Duration::from_secs(100));
        assert_eq!((replay.board.len(), replay.shown), (10, 10));
        assert_eq!(replay.tick(start + Duration::from_secs(9)), (false, false), "it has ended");
        assert_eq!(Replay::new(Past::default()).tick(Instant::now()), (false, false), "no past, no trouble");
    }

    #[test]
    fn keys_go_from_change_to_change() {
        let mut replay = Replay::new(past(4));
        let mut after = |key| {
            assert!(replay.on_key(key), "{key:?}");
            (replay.shown, replay.playing, replay.speed)
        };
        assert_eq!(after(Key::Home), (1, false, 4.0));
        assert_eq!(after(Key::ArrowRight), (2, false, 4.0));
        assert_eq!(after(Key::End), (4, false, 4.0));
        assert_eq!(after(Key::ArrowRight), (4, false, 4.0));
        let all = replay.board.bounds();
        replay.take_damage();
        let mut after = |key| {
            assert!(replay.on_key(key), "{key:?}");
            (replay.shown, replay.playing, replay.speed)
        };
        assert_eq!(after(Key::ArrowLeft), (3, false, 4.0));
        assert_eq!(after(Key::ArrowUp), (3, false, 16.0));
        assert_eq!(after(Key::Space), (3, true, 16.0));
        assert!(replay.take_damage().contains(&all.unwrap()), "what is not there any more is drawn anew");
        let mut none = Replay::new(Past::default());
        let keys = [Key::ArrowLeft, Key::ArrowRight, Key::Home, Key::End, Key::Space];
        assert!(keys.into_iter().all(|key| none.on_key(key)) && !none.on_key(Key::P));
    }
}
