//! What a new key for many members costs, in time of a processor and without a network.
//!
//! Invariant: what is measured is what daemons do: the maker from the request to the last datagram, a receiver from the first
//! datagram to having the key.

use crate::sim::World;
use chalktalk_ipc::{Answer, AppId, SessionId, event::SessionKey};
use chalktalk_protocol::{
    frame::{Header, Kind},
    net::{Arrival, LinkId, Way},
};
use std::{
    cell::RefCell,
    rc::Rc,
    time::{Duration, Instant},
};

/// Milliseconds.
#[derive(Clone, Copy, Debug)]
pub struct Cost {
    /// For who removes somebody, and so makes the key.
    pub maker: f64,
    /// For everybody else.
    pub receiver: f64,
    /// Datagrams that carry it.
    pub datagrams: usize,
}

/// Removes one of so many members and gives the others a new key.
pub fn rotation(members: usize) -> Cost {
    let mut world = World::new(1);
    let chats: Vec<usize> = world.hosts(members + 1).into_iter().map(|host| world.chat(host)).collect();
    world.run(Duration::from_secs(5));
    let others: Vec<usize> = (1..=members).collect();
    let room = world.create(chats[0], "hall", true, &others);
    let asked = |world: &World| others.iter().all(|other| !world.invitations(*other).is_empty());
    world.run_until(Duration::from_secs(20), "the invitations come", asked);
    others.iter().for_each(|other| world.accept(chats[*other], room));
    world.run(Duration::from_secs(5));

    let tape = Rc::new(RefCell::new(Vec::new()));
    let notes = tape.clone();
    world.network.lose = Some(Box::new(move |from, to, datagram| {
        let (header, _) = Header::parse(datagram).expect("nobody sends anything else");
        if (from, to) == (0, 1) && header.kind == Kind::Entry && header.session == room {
            notes.borrow_mut().push(datagram.to_vec());
        }
        true
    }));
    let start = Instant::now();
    world.remove(0, room, members);
    let maker = start.elapsed();
    world.run(Duration::from_millis(5));

    let arrival = Arrival { link: LinkId(1), way: Way::Multicast4, from: world.hosts[0].address };
    let now = world.now;
    let start = Instant::now();
    for datagram in tape.borrow().iter() {
        world.hosts[1].node.as_mut().expect("it runs").handle_datagram(now, arrival, datagram);
    }
    let receiver = start.elapsed();
    assert_eq!(key(&world, 0, room), key(&world, 1, room), "the key has come");
    let ms = |time: Duration| time.as_secs_f64() * 1e3;
    let datagrams = tape.borrow().len();
    Cost { maker: ms(maker), receiver: ms(receiver), datagrams }
}

fn key(world: &World, host: usize, room: SessionId) -> SessionKey {
    let found = &world.hosts[host];
    let node = found.node.as_ref().expect("it runs");
    let facts = node.membership_facts(found.user, &room.to_string(), &AppId::chat());
    match facts {
        Ok(Answer::Membership(facts)) if facts.key != SessionKey::Changing => facts.key,
        other => panic!("host {host} has no key: {other:?}"),
    }
}
