//! The canvas as tiles, drawn on a thread of their own and kept as textures.
//!
//! A tile that has changed is shown as it was until its new picture is there; after a change of zoom the old tiles are shown
//! stretched. So nothing on the screen waits for drawing.
//!
//! Invariant: a tile is asked for at most once at a time.

use super::{gallery::Shared, theme, view::View};
use crate::{
    model::{Bounds, ObjectId, Shape},
    render::{Mark, Painter, Picture, Raster},
};
use eframe::egui::{
    Color32, ColorImage, Context, Painter as Screen, Rect, TextureHandle, TextureOptions, Vec2, pos2,
};
use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::{
        Arc, PoisonError,
        atomic::{AtomicU64, Ordering},
        mpsc::{Receiver, Sender, channel},
    },
    thread,
};

/// Width and height of a tile, in pixels.
const SIDE: u16 = 256;

/// Tiles kept: four screens full of 1080p.
const KEPT: usize = 200;

type Key = (i32, i32);

/// Tiles of one zoom.
#[derive(Default)]
struct Level {
    /// Pixels a unit.
    scale: f32,
    /// None: there is nothing but paper.
    ready: HashMap<Key, Option<TextureHandle>>,
    asked: BTreeSet<Key>,
    stale: BTreeSet<Key>,
}

struct Job {
    level: u64,
    key: Key,
    scale: f32,
    shapes: Vec<Arc<Shape>>,
    dark: bool,
}

struct Done {
    level: u64,
    key: Key,
    /// None: there is nothing but paper.
    rgba: Option<Vec<u8>>,
}

/// The tiles of a board.
pub(super) struct Tiles {
    jobs: Sender<Job>,
    done: Receiver<Done>,
    /// Number of the level wanted: what is asked for others is not drawn any more.
    wanted: Arc<AtomicU64>,
    level: Level,
    before: Level,
    dark: bool,
    /// Whether everything that was seen last was there.
    complete: bool,
}

impl Tiles {
    pub(super) fn new(ctx: &Context, images: Shared) -> std::io::Result<Self> {
        let (jobs, asked) = channel();
        let (finished, done) = channel();
        let wanted = Arc::new(AtomicU64::new(0));
        let worker = Worker { images, asked, finished, wanted: wanted.clone(), ctx: ctx.clone() };
        thread::Builder::new().name("tiles".into()).spawn(move || worker.run())?;
        Ok(Self {
            jobs,
            done,
            wanted,
            level: Level::default(),
            before: Level::default(),
            dark: false,
            complete: false,
        })
    }

    /// These parts look different now.
    pub(super) fn on_damage(&mut self, parts: &[Bounds]) {
        let side = f32::from(SIDE) / self.level.scale.max(1e-6);
        let touched = |key: &Key| parts.iter().any(|part| part.meets(&tile(*key, side)));
        let known: Vec<Key> =
            self.level.ready.keys().chain(&self.level.asked).copied().filter(|k| touched(k)).collect();
        self.level.stale.extend(known);
    }

    /// Shows the part that is seen, and asks for what is missing of it. `shapes`: all, from the back to the front, with their bounds.
    pub(super) fn show(
        &mut self,
        screen: &Screen,
        view: View,
        shapes: &[(Bounds, Arc<Shape>)],
        hidden: &BTreeSet<ObjectId>,
        dark: bool,
    ) {
        let pixels = screen.ctx().pixels_per_point();
        self.choose_level(view.zoom * pixels, dark);
        self.take_done(screen.ctx());
        let (scale, side) = (self.level.scale, f32::from(SIDE) / self.level.scale);
        let part = view.part();
        let range =
            |axis: usize| (part.min[axis] / side).floor() as i32..=(part.max[axis] / side).floor() as i32;
        let seen: Vec<Key> = range(1).flat_map(|y| range(0).map(move |x| (x, y))).collect();
        if seen.iter().any(|key| !self.level.ready.contains_key(key)) {
            put(screen, view, &self.before, false, |_| true);
        }
        let exact = (scale - view.zoom * pixels).abs() < 1e-4;
        put(screen, view, &self.level, exact, |key| seen.contains(key));
        // A picture in the middle of zooming is wanted by nobody a moment later.
        for key in seen.iter().filter(|_| exact) {
            let wanted = !self.level.ready.contains_key(key) || self.level.stale.contains(key);
            if wanted && self.level.asked.insert(*key) {
                self.level.stale.remove(key);
                let around = tile(*key, side);
                let drawn =
                    shapes.iter().filter(|(bounds, s)| bounds.meets(&around) && !hidden.contains(&s.id));
                let shapes = drawn.map(|(_, shape)| shape.clone()).collect();
                let level = self.wanted.load(Ordering::Relaxed);
                // The worker ends with the window.
                let _ = self.jobs.send(Job { level, key: *key, scale, shapes, dark });
            }
        }
        let is_there = |key: &Key| {
            let level = &self.level;
            level.ready.contains_key(key) && !level.stale.contains(key) && !level.asked.contains(key)
        };
        self.complete = exact && seen.iter().all(is_there);
        if self.level.ready.len() > KEPT {
            self.level.ready.retain(|key, _| seen.contains(key));
        }
    }

    /// Nothing is as it was.
    pub(super) fn forget(&mut self) {
        let known: Vec<Key> = self.level.ready.keys().chain(&self.level.asked).copied().collect();
        self.level.stale.extend(known);
        self.before = Level::default();
    }

    /// Whether everything that was shown last was as it is.
    pub(super) fn is_complete(&self) -> bool {
        self.complete
    }

    fn choose_level(&mut self, scale: f32, dark: bool) {
        if (self.level.scale - scale).abs() > 1e-4 || self.dark != dark {
            self.wanted.fetch_add(1, Ordering::Relaxed);
            let new = Level { scale, ..Level::default() };
            let old = std::mem::replace(&mut self.level, new);
            // An empty level would cover nothing.
            if !old.ready.is_empty() {
                self.before = old;
            }
            self.dark = dark;
        }
    }

    fn take_done(&mut self, ctx: &Context) {
        let level = self.wanted.load(Ordering::Relaxed);
        for done in self.done.try_iter().filter(|done| done.level == level) {
            let texture = done.rgba.map(|rgba| {
                let image = ColorImage::from_rgba_premultiplied([usize::from(SIDE); 2], &rgba);
                ctx.load_texture("tile", image, TextureOptions::LINEAR)
            });
            self.level.asked.remove(&done.key);
            self.level.ready.insert(done.key, texture);
        }
    }
}

/// Shows tiles of a level. `exact`: a pixel of a tile is one of the screen, and is put exactly onto one.
fn put(screen: &Screen, view: View, level: &Level, exact: bool, wanted: impl Fn(&Key) -> bool) {
    let side = f32::from(SIDE) / level.scale.max(1e-6);
    let whole = Rect::from_min_max(pos2(0.0, 0.0), pos2(1.0, 1.0));
    for (key, texture) in level.ready.iter().filter(|(key, _)| wanted(key)) {
        let place = if exact {
            whole_pixels(view, *key, screen.ctx().pixels_per_point())
        } else {
            view.rect(tile(*key, side))
        };
        if let Some(texture) = texture.as_ref().filter(|_| place.intersects(view.canvas)) {
            screen.image(texture.id(), place, whole, Color32::WHITE);
        }
    }
}

/// Where a tile lies, moved by less than a pixel so that its pixels are those of the screen.
fn whole_pixels(view: View, (x, y): Key, pixels: f32) -> Rect {
    let side = f64::from(SIDE);
    let scale = f64::from(view.zoom) * f64::from(pixels);
    let at = |corner: f32, canvas: f32, key: i32| {
        let origin = (f64::from(canvas) * f64::from(pixels) - f64::from(corner) * scale).round();
        ((origin + f64::from(key) * side) / f64::from(pixels)) as f32
    };
    let min = pos2(at(view.corner[0], view.canvas.min.x, x), at(view.corner[1], view.canvas.min.y, y));
    Rect::from_min_size(min, Vec2::splat(f32::from(SIDE) / pixels))
}

fn tile((x, y): Key, side: f32) -> Bounds {
    let min = [x as f32 * side, y as f32 * side];
    Bounds { min, max: [min[0] + side, min[1] + side] }
}

struct Worker {
    images: Shared,
    asked: Receiver<Job>,
    finished: Sender<Done>,
    wanted: Arc<AtomicU64>,
    ctx: Context,
}

/// Pictures of shapes that are kept between tiles: some 5 KB each, and drawn anew in 10 µs.
const PICTURES: usize = 20_000;

impl Worker {
    fn run(self) {
        let (mut painter, mut raster) = (Painter::default(), Raster::default());
        let mut pictures: BTreeMap<ObjectId, (Arc<Shape>, Arc<Picture>)> = BTreeMap::new();
        for job in &self.asked {
            if job.level != self.wanted.load(Ordering::Relaxed) {
                continue;
            }
            let mut drawn = Vec::with_capacity(job.shapes.len());
            for shape in &job.shapes {
                let known = pictures
                    .get(&shape.id)
                    .filter(|(old, _)| Arc::ptr_eq(old, shape))
                    .map(|(_, p)| p.clone());
                let picture = known.unwrap_or_else(|| Arc::new(painter.picture(shape)));
                pictures.insert(shape.id, (shape.clone(), picture.clone()));
                drawn.push(if job.dark { Arc::new(darkened(&picture)) } else { picture });
            }
            let corner = tile(job.key, f32::from(SIDE) / job.scale).min;
            let paper = theme::paper(job.dark);
            let pictures_drawn = drawn.iter().map(|picture| &**picture);
            let images = self.images.lock().unwrap_or_else(PoisonError::into_inner);
            let draw = || raster.draw(pictures_drawn, &images, corner, job.scale, [SIDE, SIDE], paper);
            let rgba = (!drawn.is_empty()).then(draw);
            drop(images);
            if self.finished.send(Done { level: job.level, key: job.key, rgba }).is_err() {
                return;
            }
            if pictures.len() > PICTURES {
                pictures.clear();
            }
            self.ctx.request_repaint();
        }
    }
}

/// A picture in colours for dark paper.
pub(super) fn darkened(picture: &Picture) -> Picture {
    let mut out = picture.clone();
    for mark in &mut out {
        if let Mark::Fill { colour, .. } | Mark::Line { colour, .. } = mark {
            *colour = theme::on_dark(*colour);
        }
    }
    out
}
