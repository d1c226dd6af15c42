//! The protocol in simulated worlds: scenarios in the words of the glossary, and many seeds of chance.

use chalktalk_tests::sim::{World, lobby};
use std::time::Duration;

#[test]
fn two_hosts_talk_both_ways() {
    let mut world = World::new(1);
    let (a, b) = (world.host(), world.host());
    let (ana, bob) = (world.chat_in_lobby(a), world.chat_in_lobby(b));
    world.run(Duration::from_millis(500));
    world.publish(ana, lobby(), 1, 20);
    world.publish(bob, lobby(), 1, 20);
    world.converge(Duration::from_secs(1));
    assert_eq!((world.heard(ana, lobby()), world.heard(bob, lobby())), (2, 2));
}
