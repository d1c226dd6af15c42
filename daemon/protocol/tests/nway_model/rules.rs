//! What must hold in every world, over every step, and when everything has come to rest.

use crate::{
    view::{Seen, View},
    world::{N, Scene, World},
};
use chalktalk_ipc::nway::Standing;

/// What must hold always.
pub(crate) fn check(scene: &Scene, world: &World) {
    for n in (0..N).filter(|n| world.is_there(*n)) {
        let says = matches!(world.standing(n), Some(Standing::Starting | Standing::In));
        assert_eq!(says, world.peers[n].runs, "what {n} says of their own copy is true");
        let accepts = world.standing(n) == Some(Standing::Accepted);
        assert_eq!(accepts, world.peers[n].willing, "{n} waits if they have said yes, and only then");
    }
    let runs = world.peers.iter().filter(|peer| peer.runs).count();
    assert!(world.crossed || runs <= usize::from(scene.most), "{runs} copies of at most {}", scene.most);
}

/// What must hold over every step.
pub(crate) fn check_step(scene: &Scene, before: &World, after: &World) {
    let joins = (0..N).any(|n| after.peers[n].joined && !before.peers[n].joined);
    let active = |world: &World, n| world.standing(n).is_some_and(Standing::is_active);
    if !joins && is_over(scene, before) {
        assert!(
            (0..N).all(|n| !active(after, n)),
            "what has ended, and everybody knows, does not begin anew"
        );
    }
}

/// Whether nobody takes part by their own word, and whoever is there has heard all.
fn is_over(scene: &Scene, world: &World) -> bool {
    let active = (0..N).any(|n| world.standing(n).is_some_and(Standing::is_active));
    let heard = |n: usize| world.logs.iter().all(|log| log.heard[n] == log.len);
    let mut there = (0..N).filter(|n| world.is_there(*n));
    !active && there.all(|n| heard(n) && world.view(n).seen(scene).closed)
}

/// What must hold when nothing is left that happens by itself.
pub(crate) fn check_at_rest(scene: &Scene, world: &World) {
    let there = (0..N).filter(|n| world.is_there(*n));
    let views: Vec<(View, Seen)> =
        there.map(|n| world.view(n)).map(|view| (view, view.seen(scene))).collect();
    let mut places = Vec::new();
    for (view, seen) in &views {
        let n = view.n;
        assert_eq!((view.sums, view.since), (views[0].0.sums, views[0].0.since), "all have heard the same");
        assert_eq!(seen.active, views[0].1.active, "and see the same who takes part");
        for (other, _) in &views {
            let says = view.sums[other.n].standing() == Some(Standing::In);
            assert_eq!(says, world.peers[other.n].runs, "{n} is told the truth of {}", other.n);
        }
        assert_eq!(seen.unasked, [false; N], "{n} knows nobody who was not asked");
        let (standing, over) = (view.sums[n].standing(), seen.closed || (view.expired && !seen.begun));
        let somebody_asks = views.iter().any(|(other, _)| view.sums[other.n].standing().is_some());
        assert!(standing.is_some() || over || !somebody_asks, "{n} is there and was not asked");
        assert!(!seen.waits || seen.begun || !over, "an invitation to what cannot begin has come to an end");
        if standing == Some(Standing::Accepted) {
            let place = seen.place.is_some_and(|place| place <= scene.most);
            let waits_for_host = scene.model == chalktalk_ipc::nway::Model::Host && !seen.host;
            let others = views.iter().filter(|(other, _)| other.n != n && world.peers[other.n].runs).count();
            let is_due = seen.begun && place && others < usize::from(scene.most) && !waits_for_host;
            assert!(!is_due, "{n} has accepted, and nothing keeps them from being started");
            assert!(
                seen.begun || !view.expired && !view.sums[0].cancels(),
                "{n} waits for what cannot begin"
            );
        }
        places.extend(seen.place);
    }
    places.sort();
    assert!(places.windows(2).all(|two| two[0] != two[1]), "each place is one member's: {places:?}");
    let known = views.iter().any(|(view, _)| view.is_known());
    assert!(!known || views.iter().all(|(view, _)| view.is_known()), "who is there knows of it");
}
