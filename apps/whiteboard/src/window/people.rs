//! The others: where they point, what they are drawing just now, their lasers.
//!
//! Invariant: what somebody has not said again within a while is forgotten.

use super::theme;
use crate::{live::Live, model::Colour};
use chalktalk_ipc::{InstanceId, UserId};
use eframe::egui::Color32;
use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

/// A pointer that is not heard of any more.
const FORGOTTEN: Duration = Duration::from_secs(20);

/// Light fades so fast.
pub(super) const FADING: Duration = Duration::from_millis(900);

/// Points of one stroke on its way that are kept.
const MAX_POINTS: usize = 10_000;

/// One program of somebody.
#[derive(Clone, Debug)]
pub(super) struct Person {
    pub(super) name: String,
    pub(super) colour: Color32,
    pub(super) pointer: Option<[f32; 2]>,
    pub(super) stroke: Option<Drawn>,
    pub(super) laser: Vec<[f32; 2]>,
    pub(super) lit: Instant,
    heard: Instant,
}

/// A stroke on its way.
#[derive(Clone, Debug)]
pub(super) struct Drawn {
    number: u32,
    pub(super) ink: Colour,
    pub(super) width: f32,
    pub(super) points: Vec<[f32; 2]>,
}

/// Everybody else.
#[derive(Debug, Default)]
pub(super) struct People(BTreeMap<InstanceId, Person>);

impl People {
    pub(super) fn iter(&self) -> impl Iterator<Item = &Person> {
        self.0.values()
    }

    /// Somebody said something; gives where they want one to look.
    pub(super) fn on_live(
        &mut self,
        instance: InstanceId,
        user: UserId,
        name: &str,
        live: Live,
        now: Instant,
    ) -> Option<([f32; 2], f32)> {
        let person = self.0.entry(instance).or_insert_with(|| Person {
            name: name.to_owned(),
            colour: theme::person(&user.0),
            pointer: None,
            stroke: None,
            laser: Vec::new(),
            lit: now,
            heard: now,
        });
        person.heard = now;
        match live {
            Live::Pointer(at) => person.pointer = Some(at),
            Live::Gone => person.pointer = None,
            Live::Pen { stroke, first, ink, width, points } => {
                person.draw(stroke, first, ink, width, &points)
            }
            Live::Done(stroke) => person.stroke = person.stroke.take().filter(|drawn| drawn.number != stroke),
            Live::Laser(points) => {
                person.pointer = points.last().copied().or(person.pointer);
                (person.laser, person.lit) = (points, now);
            }
            Live::Look(at, width) => return Some((at, width)),
        }
        None
    }

    /// Forgets whom nobody has heard of; true while something fades.
    pub(super) fn tick(&mut self, now: Instant) -> bool {
        self.0.retain(|_, person| now.duration_since(person.heard) < FORGOTTEN);
        for person in self.0.values_mut().filter(|person| now.duration_since(person.lit) > FADING) {
            person.laser.clear();
        }
        self.0.values().any(|person| !person.laser.is_empty())
    }
}

impl Person {
    fn draw(&mut self, number: u32, first: u32, ink: Colour, width: f32, points: &[[f32; 2]]) {
        self.pointer = points.last().copied().or(self.pointer);
        let drawn = self.stroke.get_or_insert_with(|| Drawn { number, ink, width, points: Vec::new() });
        if drawn.number != number {
            *drawn = Drawn { number, ink, width, points: Vec::new() };
        }
        // What was lost on the way leaves a straight piece; what came twice is not drawn twice.
        let known = drawn.points.len() as u32;
        let new = points.len().min(
            (first as usize + points.len()).saturating_sub(known.min(first + points.len() as u32) as usize),
        );
        drawn.points.extend(&points[points.len() - new..]);
        drawn.points.truncate(MAX_POINTS);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pen(stroke: u32, first: u32, count: usize) -> Live {
        let points = (0..count).map(|i| [first as f32 + i as f32, 0.0]).collect();
        Live::Pen { stroke, first, ink: Colour::INK, width: 2.0, points }
    }

    #[test]
    fn strokes_grow_and_go() {
        let (mut people, now) = (People::default(), Instant::now());
        let mut say = |live| people.on_live(InstanceId([1; 16]), UserId([2; 32]), "ana", live, now);
        say(pen(1, 0, 5));
        say(pen(1, 5, 5));
        say(pen(1, 5, 5));
        say(pen(1, 20, 2));
        let xs: Vec<f32> =
            people.iter().next().unwrap().stroke.as_ref().unwrap().points.iter().map(|p| p[0]).collect();
        assert_eq!(xs, [0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0, 20.0, 21.0]);
        let mut say = |live| people.on_live(InstanceId([1; 16]), UserId([2; 32]), "ana", live, now);
        say(Live::Done(1));
        assert!(say(Live::Look([1.0, 2.0], 300.0)).is_some());
        assert!(people.iter().next().unwrap().stroke.is_none());
        people.tick(now + FORGOTTEN * 2);
        assert_eq!(people.iter().count(), 0);
    }
}
