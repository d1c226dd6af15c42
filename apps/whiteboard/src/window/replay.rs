//! The board's past, played: forwards at some speed, or to any moment at once.
//!
//! Invariant: the board shown is that of the first `shown` moments.

use super::app::App;
use crate::model::{Actor, Board, Past};
use eframe::egui::{self, Align2, Context, RichText, Slider, Ui, WidgetInfo, vec2};
use std::time::{Duration, Instant};

/// Speeds to choose from.
const SPEEDS: [f32; 4] = [1.0, 4.0, 16.0, 64.0];

/// A past that is being played.
pub(super) struct Replay {
    past: Past,
    beats: Vec<Duration>,
    /// The board at this moment.
    pub(super) board: Board,
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
            past,
            beats,
            board: Board::new(Actor(0)),
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

    /// To a time from the beginning.
    fn go_to(&mut self, at: Duration) {
        self.at = at.min(self.length());
        let wanted = self.beats.partition_point(|beat| *beat <= self.at);
        if wanted < self.shown {
            self.board = Board::new(Actor(0));
            self.shown = 0;
        }
        self.past.play(&mut self.board, self.shown..wanted);
        self.shown = wanted;
    }

    fn length(&self) -> Duration {
        self.beats.last().copied().unwrap_or_default()
    }
}

/// The bar with which the past is played.
pub(super) fn show(app: &mut App, ctx: &Context) {
    if app.replay.is_none() {
        return;
    }
    let mut close = false;
    super::bars::floating(ctx, "replay", Align2::CENTER_BOTTOM, vec2(0.0, -12.0), |ui| {
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
        let end = replay.shown == replay.beats.len();
        if ui.button(if replay.playing { "Pause" } else { "Play" }).clicked() {
            replay.playing ^= true;
            replay.ticked = Instant::now();
            if replay.playing && end {
                replay.go_to(Duration::ZERO);
                app.changed = true;
            }
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
        ui.label(RichText::new(format!("{} of {}", replay.shown, replay.beats.len())).small().weak());
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
    use crate::model::{Edits, Kind, Moment, Roles, Shape, Source};

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
}
