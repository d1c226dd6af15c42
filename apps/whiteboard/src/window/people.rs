//! The others: where they point, what they are drawing just now, their lasers.
//!
//! Invariant: what somebody has not said again within a while is forgotten.

use crate::{live::Live, model::Colour};
use chalktalk_ipc::InstanceId;
use eframe::egui::Color32;
use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

/// A pointer that is not heard of any more.
const FORGOTTEN: Duration = Duration::from_secs(20);

/// Light fades so fast.
pub(super) const FADING: Duration = Duration::from_millis(900);

/// What was finished stays so long: until the stroke itself has come and been drawn.
const LINGERING: Duration = Duration::from_millis(250);

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
    finished: Option<Instant>,
}

/// Everybody else.
#[derive(Debug, Default)]
pub(super) struct People {
    all: BTreeMap<InstanceId, Person>,
    /// Whom one follows, and their name.
    following: Option<(InstanceId, String)>,
    followers: BTreeMap<InstanceId, Instant>,
    /// When it was said last that one follows somebody, and what one looks at.
    said_following: Option<Instant>,
    said_view: Option<(Instant, Look)>,
}

/// A middle, and a width, in board units.
pub(super) type Look = ([f32; 2], f32);

/// That one follows somebody is said so often, and holds so long.
const SAY_FOLLOWING: Duration = Duration::from_secs(1);
const FOLLOWED: Duration = Duration::from_secs(4);

/// What one looks at is said to followers so often at most, and again after a while for those who have only just come.
const SAY_VIEW: Duration = Duration::from_millis(60);
const SAY_VIEW_AGAIN: Duration = Duration::from_secs(1);

impl People {
    pub(super) fn iter(&self) -> impl Iterator<Item = &Person> {
        self.all.values()
    }

    /// Whom one follows.
    pub(super) fn followed(&self) -> Option<&str> {
        self.following.as_ref().map(|(_, name)| name.as_str())
    }

    /// How many follow this program.
    pub(super) fn followers(&self) -> usize {
        self.followers.len()
    }

    /// Looks where this program looks, from now on.
    pub(super) fn follow(&mut self, whom: Option<(InstanceId, String)>) {
        (self.following, self.said_following) = (whom, None);
    }

    /// What is to be said now, given what is seen here.
    pub(super) fn poll_say(&mut self, now: Instant, view: Look) -> Vec<Live> {
        let mut say = Vec::new();
        let due = |last: Option<Instant>, every| last.is_none_or(|last| now.duration_since(last) >= every);
        if let Some((instance, _)) =
            self.following.as_ref().filter(|_| due(self.said_following, SAY_FOLLOWING))
        {
            say.push(Live::Follow(instance.0));
            self.said_following = Some(now);
        }
        self.followers.retain(|_, heard| now.duration_since(*heard) < FOLLOWED);
        let last = self.said_view;
        let every = if last.is_some_and(|(_, said)| said == view) { SAY_VIEW_AGAIN } else { SAY_VIEW };
        if !self.followers.is_empty() && due(last.map(|(when, _)| when), every) {
            say.push(Live::View(view.0, view.1));
            self.said_view = Some((now, view));
        }
        say
    }

    /// Somebody said something; gives where they want one to look.
    pub(super) fn on_live(
        &mut self,
        instance: InstanceId,
        colour: Color32,
        name: &str,
        live: Live,
        now: Instant,
        me: InstanceId,
    ) -> Option<Look> {
        let person = self.all.entry(instance).or_insert_with(|| Person {
            name: name.to_owned(),
            colour,
            pointer: None,
            stroke: None,
            laser: Vec::new(),
            lit: now,
            heard: now,
        });
        person.heard = now;
        person.colour = colour;
        person.be_called(name);
        match live {
            Live::Pointer(at) => person.pointer = Some(at),
            Live::Gone => person.pointer = None,
            Live::Pen { stroke, first, ink, width, points } => {
                person.draw(stroke, first, ink, width, &points)
            }
            Live::Done(stroke) => {
                let done = person.stroke.as_mut().filter(|drawn| drawn.number == stroke);
                done.into_iter().for_each(|drawn| drawn.finished = Some(now));
            }
            Live::Laser(points) => {
                person.pointer = points.last().copied().or(person.pointer);
                (person.laser, person.lit) = (points, now);
            }
            Live::Look(at, width) => return Some((at, width)),
            Live::Follow(whom) if whom == me.0 => {
                self.followers.insert(instance, now);
            }
            Live::View(at, width) if self.following.as_ref().is_some_and(|(whom, _)| *whom == instance) => {
                return Some((at, width));
            }
            Live::Follow(_) | Live::View(..) => {}
        }
        None
    }

    /// What somebody is called may be known only after they were heard.
    pub(super) fn on_name(&mut self, instance: InstanceId, name: &str) {
        self.all.get_mut(&instance).into_iter().for_each(|person| person.be_called(name));
    }

    /// Forgets whom nobody has heard of; true while something fades.
    pub(super) fn tick(&mut self, now: Instant) -> bool {
        self.all.retain(|_, person| now.duration_since(person.heard) < FORGOTTEN);
        for person in self.all.values_mut().filter(|person| now.duration_since(person.lit) > FADING) {
            person.laser.clear();
        }
        let over = |drawn: &Drawn| drawn.finished.is_some_and(|when| now.duration_since(when) > LINGERING);
        for person in self.all.values_mut() {
            person.stroke.take_if(|drawn| over(drawn));
        }
        self.all.values().any(|person| !person.laser.is_empty() || person.is_finishing())
    }
}

impl Drawn {
    /// Its number, and how many points of it are known.
    pub(super) fn progress(&self) -> (u32, usize) {
        (self.number, self.points.len())
    }
}

impl Person {
    fn be_called(&mut self, name: &str) {
        if !name.is_empty() && self.name != name {
            self.name = name.to_owned();
        }
    }

    fn is_finishing(&self) -> bool {
        self.stroke.as_ref().is_some_and(|drawn| drawn.finished.is_some())
    }

    fn draw(&mut self, number: u32, first: u32, ink: Colour, width: f32, points: &[[f32; 2]]) {
        self.pointer = points.last().copied().or(self.pointer);
        let drawn = self.stroke.get_or_insert_with(|| Drawn {
            number,
            ink,
            width,
            points: Vec::new(),
            finished: None,
        });
        if drawn.number != number {
            *drawn = Drawn { number, ink, width, points: Vec::new(), finished: None };
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
        let mut say =
            |live| people.on_live(InstanceId([1; 16]), Color32::RED, "ana", live, now, InstanceId::NIL);
        say(pen(1, 0, 5));
        say(pen(1, 5, 5));
        say(pen(1, 5, 5));
        say(pen(1, 20, 2));
        let xs: Vec<f32> =
            people.iter().next().unwrap().stroke.as_ref().unwrap().points.iter().map(|p| p[0]).collect();
        assert_eq!(xs, [0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0, 20.0, 21.0]);
        let mut say =
            |live| people.on_live(InstanceId([1; 16]), Color32::RED, "ana", live, now, InstanceId::NIL);
        say(Live::Done(1));
        assert!(say(Live::Look([1.0, 2.0], 300.0)).is_some());
        people.tick(now);
        assert!(people.iter().next().unwrap().stroke.is_some(), "until the stroke itself is there");
        people.tick(now + LINGERING * 2);
        assert!(people.iter().next().unwrap().stroke.is_none());
        people.tick(now + FORGOTTEN * 2);
        assert_eq!(people.iter().count(), 0);
    }

    #[test]
    fn who_was_heard_before_their_name_was_known_is_called_by_it_then() {
        let (mut people, ana) = (People::default(), InstanceId([1; 16]));
        let pointer = Live::Pointer([1.0, 2.0]);
        people.on_live(ana, Color32::RED, "", pointer, Instant::now(), InstanceId::NIL);
        let names = |people: &People| people.iter().map(|person| person.name.clone()).collect::<Vec<_>>();
        assert_eq!(names(&people), [""]);
        people.on_name(ana, "ana");
        people.on_name(ana, "");
        assert_eq!(names(&people), ["ana"]);
    }

    #[test]
    fn who_is_followed_says_what_they_see_and_to_nobody_else() {
        let (ana, ben) = (InstanceId([1; 16]), InstanceId([2; 16]));
        let (mut here, mut there, now) = (People::default(), People::default(), Instant::now());
        let (mine, hers) = (([0.0, 0.0], 800.0), ([50.0, 60.0], 400.0));
        assert!(there.poll_say(now, hers).is_empty(), "nobody follows");
        here.follow(Some((ana, "ana".into())));
        let said = here.poll_say(now, mine);
        assert_eq!(said, [Live::Follow([1; 16])]);
        let user = Color32::RED;
        assert_eq!(there.on_live(ben, user, "ben", said[0].clone(), now, ana), None);
        assert_eq!(there.followers(), 1);
        let view = there.poll_say(now, hers);
        assert_eq!(here.on_live(ana, user, "ana", view[0].clone(), now, ben), Some(hers));
        let other = InstanceId([9; 16]);
        assert_eq!(here.on_live(other, user, "cleo", view[0].clone(), now, ben), None);
        assert!(there.poll_say(now, hers).is_empty(), "it has been said");
        assert_eq!(there.poll_say(now + SAY_VIEW, mine).len(), 1, "it is another now");
        assert!(there.poll_say(now + FOLLOWED, hers).is_empty(), "nobody follows any more");
    }
}
