//! Every order of invite, accept, decline, exit, crash, join, leave, partition, cancel and expiry for three members: whatever
//! happens, all who can talk come to see the same, and nobody is started against their word.
//!
//! What members make of what they have heard, and what they do about it, is the core's own: [`Activity`] and [`Turn`]. Around
//! them there is the least that there can be of a world ([`world`]): a log of notices for each member, of which the others hold
//! a beginning, as with the entries of a session. All states that can be reached are looked at ([`explore`]), within what a
//! [`Scene`] allows to happen; and from each of them things must come right once nothing more happens ([`rules`]).
//!
//! [`Activity`]: chalktalk_protocol::nway::activity::Activity
//! [`Turn`]: chalktalk_protocol::nway::turn::Turn
//! [`Scene`]: world::Scene

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
#![expect(clippy::disallowed_types, reason = "only looked up, millions of times: no order is asked of them")]

mod explore;
mod hashing;
mod order;
mod rules;
mod view;
mod world;

use chalktalk_ipc::nway::Model;
use world::{Budget, Scene};

/// Everything once: two say yes or no, a copy ends, a host or a daemon goes down, one comes late, one leaves and comes back, the
/// network falls apart. Who has gone down or left comes back whenever they like, or never.
const ONCE: Budget =
    Budget { answers: [0, 1, 1], exits: 1, crashes: 1, leaves: 1, partitions: 1, cancels: 0 };

/// Where nobody who is there lags behind: what is heard late is heard by who was down, out, or cut off.
fn peers() -> Scene {
    Scene { model: Model::Peers, most: 3, late: true, lags: Some(0), expires: false, budget: ONCE }
}

#[test]
fn everything_once_among_three() {
    explore::all("peers", &peers());
}

#[test]
fn everything_once_where_one_waits_for_a_place() {
    explore::all("places", &Scene { most: 2, ..peers() });
}

#[test]
fn everything_once_where_two_wait_for_the_host() {
    explore::all("host", &Scene { model: Model::Host, ..peers() });
}

#[test]
fn most_of_it_where_it_is_called_off() {
    let budget = Budget { cancels: 1, leaves: 0, ..ONCE };
    explore::all("called off", &Scene { budget, ..peers() });
}

#[test]
fn most_of_it_where_the_invitation_expires() {
    let budget = Budget { exits: 0, leaves: 0, ..ONCE };
    explore::all("expires", &Scene { expires: true, budget, ..peers() });
}

#[test]
fn who_has_lost_their_place_waits_for_one_again() {
    let budget = Budget { answers: [1, 2, 2], leaves: 0, partitions: 0, ..ONCE };
    explore::all("places again", &Scene { most: 2, budget, ..peers() });
}

#[test]
fn words_that_cross_where_one_waits_for_a_place() {
    let budget = Budget { exits: 0, leaves: 0, partitions: 0, ..ONCE };
    explore::all("places, one lags", &Scene { lags: Some(1), most: 2, budget, ..peers() });
}

#[test]
fn words_that_cross_where_two_wait_for_the_host() {
    let budget = Budget { crashes: 0, partitions: 0, ..ONCE };
    explore::all("host, one lags", &Scene { model: Model::Host, lags: Some(1), budget, ..peers() });
}

#[test]
fn words_that_cross_where_it_is_called_off_or_expires() {
    let budget = Budget { cancels: 1, crashes: 0, leaves: 0, partitions: 0, ..ONCE };
    explore::all("over, one lags", &Scene { expires: true, lags: Some(1), budget, ..peers() });
}

#[test]
fn words_of_three_that_come_in_any_order() {
    let budget = Budget { exits: 0, crashes: 0, leaves: 0, partitions: 0, ..ONCE };
    explore::all("two lag", &Scene { lags: Some(2), late: false, most: 2, budget, ..peers() });
}

#[test]
#[ignore = "ten minutes and some GB; run it when the rules have changed"]
fn everything_once_and_some_of_it_twice() {
    let all = Budget { answers: [1, 1, 1], cancels: 1, ..ONCE };
    let twice = Budget { answers: [0, 2, 1], ..ONCE };
    explore::all("all, all can be called off", &Scene { budget: all, ..peers() });
    explore::all("twice", &Scene { budget: twice, most: 2, ..peers() });
    explore::all("expires", &Scene { expires: true, ..peers() });
    let budget = Budget { leaves: 0, crashes: 0, ..ONCE };
    explore::all("a partition, one lags", &Scene { lags: Some(1), budget, ..peers() });
}
