//! All worlds that can be reached, each looked at once, the nearest first.
//!
//! Worlds are known again by a hash of 64 bits: of ten million, two are mistaken for one another once in 400,000 runs.

use crate::{
    hashing::{Folding, Ready},
    rules, view,
    world::{Act, Scene, World},
};
use std::{
    collections::{HashSet, VecDeque},
    hash::{BuildHasherDefault, Hash, Hasher},
    panic::{self, AssertUnwindSafe},
};

/// Worlds by themselves until everything is at rest, at most.
const REST: usize = 200;

type Known = HashSet<u64, BuildHasherDefault<Ready>>;

fn fingerprint(world: &World) -> u64 {
    let mut hasher = Folding::default();
    world.hash(&mut hasher);
    hasher.finish()
}

/// How the worlds were reached.
struct Ways(Vec<(u32, Act)>);

impl Ways {
    fn to(&self, mut at: u32) -> Vec<Act> {
        let mut acts = Vec::new();
        while at > 0 {
            let (before, act) = self.0[at as usize];
            acts.push(act);
            at = before;
        }
        acts.reverse();
        acts
    }
}

/// Looks at everything that a scene allows; how many worlds that are.
pub(crate) fn all(name: &str, scene: &Scene) -> usize {
    view::forget();
    let first = World::new(scene);
    let (mut known, mut rests) = (Known::default(), Known::default());
    known.insert(fingerprint(&first));
    let mut ways = Ways(vec![(0, Act::Begin)]);
    let mut open = VecDeque::from([(0_u32, first)]);
    let mut steps = 0_u64;
    while let Some((at, world)) = open.pop_front() {
        let look = AssertUnwindSafe(|| {
            rules::check(scene, &world);
            come_to_rest(scene, &world, &mut rests);
            world.nexts(scene, |act, next| {
                steps += 1;
                rules::check_step(scene, &world, &next);
                if known.insert(fingerprint(&next)) {
                    open.push_back((ways.0.len() as u32, next));
                    ways.0.push((at, act));
                }
            });
        });
        if let Err(panicked) = panic::catch_unwind(look) {
            eprintln!("after {:?}:\n{world:?}", ways.to(at));
            panic::resume_unwind(panicked);
        }
    }
    println!(
        "{name}: {} worlds, {steps} steps, {} acts to the farthest",
        known.len(),
        ways.to(ways.0.len() as u32 - 1).len()
    );
    known.len()
}

/// Nothing more happens but what follows by itself: in the end all must be well.
fn come_to_rest(scene: &Scene, world: &World, rests: &mut Known) {
    let (mut world, mut way) = (*world, Vec::new());
    loop {
        let at = fingerprint(&world);
        assert!(way.len() < REST, "it never comes to rest: {world:?}");
        if rests.contains(&at) {
            break;
        }
        way.push(at);
        match world.next_by_itself(scene) {
            Some(next) => world = next,
            None => {
                rules::check_at_rest(scene, &world);
                break;
            }
        }
    }
    rests.extend(way);
}
