//! What is dropped of a chat's past, in simulated worlds: nothing that somebody who is waited for lacks, the oldest first, and
//! what is left is still everybody's.

use chalktalk_ipc::request::{From, SessionKind};
use chalktalk_protocol::node::Keep;
use chalktalk_tests::sim::{Faults, World, lobby};
use std::time::Duration;

/// Bytes kept of a chat.
const CHAT: u64 = 60_000;

const MINUTE: Duration = Duration::from_secs(60);

/// So many hosts that keep little, each with a chat in the lobby.
fn frugal(seed: u64, hosts: usize, away: Duration) -> (World, Vec<usize>) {
    let mut world = World::new(seed);
    world.keep = Keep { chat: CHAT, away, ..Keep::default() };
    let hosts: Vec<usize> = (0..hosts).map(|_| world.host()).collect();
    let chats = hosts.into_iter().map(|host| world.chat_in_lobby(host)).collect();
    world.run(Duration::from_secs(2));
    (world, chats)
}

fn size(world: &World, host: usize) -> u64 {
    world.hosts[host].disk.size(lobby())
}

/// A chat that starts where there is something.
fn newcomer(world: &mut World) -> (usize, usize) {
    let host = world.host();
    let chat = world.chat(host);
    world.open_from(chat, "#lobby", SessionKind::Kept, true, From::Saved);
    (host, chat)
}

#[test]
fn what_all_hold_is_dropped_oldest_first_and_newcomers_see_the_rest() {
    let (mut world, chats) = frugal(1, 3, 60 * MINUTE);
    chats.iter().for_each(|chat| world.publish(*chat, lobby(), 100, 1000));
    world.converge(MINUTE);
    assert!((0..3).all(|host| size(&world, host) > 5 * CHAT));
    world.run(3 * MINUTE);
    for host in 0..3 {
        let size = size(&world, host);
        assert!((CHAT / 2..=CHAT).contains(&size), "{size} on host {host}");
    }
    let (late, chat) = newcomer(&mut world);
    world.converge(MINUTE);
    let seen = world.heard(chat, lobby());
    assert!((10..300).contains(&seen), "{seen}");
    // They are one session still, also for who knows the authors only from the first entries of their logs.
    world.crash(0);
    world.crash(1);
    let (_, last) = newcomer(&mut world);
    world.run(MINUTE);
    world.publish(world.chat_of(late), lobby(), 3, 100);
    world.converge(MINUTE);
    assert_eq!(world.heard(last, lobby()), seen + 3);
    world.start(0);
    world.start(1);
    world.publish(chats[0], lobby(), 3, 100);
    world.converge(MINUTE);
}

#[test]
fn a_host_that_has_dropped_starts_again_with_what_is_left() {
    let (mut world, chats) = frugal(2, 2, 60 * MINUTE);
    world.publish(chats[0], lobby(), 200, 1000);
    world.converge(MINUTE);
    world.run(3 * MINUTE);
    for (host, chat) in chats.into_iter().enumerate() {
        world.crash(host);
        world.run(MINUTE);
        world.start(host);
        world.run(MINUTE);
        world.publish(chat, lobby(), 50, 1000);
        world.converge(MINUTE);
    }
    world.run(3 * MINUTE);
    assert!((0..2).all(|host| size(&world, host) <= CHAT));
}

#[test]
fn nothing_is_dropped_that_somebody_lacks_who_is_waited_for() {
    let (mut world, chats) = frugal(3, 3, 60 * MINUTE);
    world.crash(2);
    world.publish(chats[0], lobby(), 300, 1000);
    world.run(20 * MINUTE);
    // Nor by one that was started anew meanwhile: who is waited for is remembered.
    world.crash(1);
    world.run(MINUTE);
    world.start(1);
    world.run(20 * MINUTE);
    assert!((0..2).all(|host| size(&world, host) > 5 * CHAT), "{} {}", size(&world, 0), size(&world, 1));
    world.start(2);
    world.converge(MINUTE);
    world.run(3 * MINUTE);
    assert!((0..3).all(|host| size(&world, host) <= CHAT));
}

#[test]
fn who_was_away_for_longer_is_not_waited_for_and_goes_on_with_what_is_left() {
    let (mut world, chats) = frugal(4, 3, 10 * MINUTE);
    world.publish(chats[0], lobby(), 10, 1000);
    world.converge(MINUTE);
    world.end(chats[2]);
    world.stop(2);
    world.publish(chats[0], lobby(), 300, 1000);
    world.run(30 * MINUTE);
    assert!((0..2).all(|host| size(&world, host) <= CHAT));
    world.start(2);
    let back = world.chat(2);
    world.open_from(back, "#lobby", SessionKind::Kept, true, From::Saved);
    world.converge(MINUTE);
    world.publish(back, lobby(), 5, 100);
    world.publish(chats[1], lobby(), 5, 100);
    world.converge(MINUTE);
    assert!(world.lost(back, lobby()) > 100, "what is gone is told where it is missing");
}

#[test]
fn whatever_happens_everybody_who_is_waited_for_gets_everything() {
    for seed in 0..20 {
        let (mut world, chats) = frugal(100 + seed, 4, 600 * MINUTE);
        world.network.faults = Faults { loss: 0.05, ..Faults::none() };
        for round in 0..6 {
            let victim = world.befall(seed + round);
            world.up().into_iter().for_each(|host| world.publish(chats[host], lobby(), 30, 1000));
            world.run(2 * MINUTE);
            world.recover(victim);
            world.converge(2 * MINUTE);
        }
        world.run(5 * MINUTE);
        assert!((0..4).all(|host| size(&world, host) <= CHAT), "seed {seed}");
    }
}
