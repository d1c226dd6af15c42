//! Whatever the network brings: a node neither panics nor grows, and goes on.

use chalktalk_ipc::{
    Answer, AppId, InstanceId,
    batch::{Class, Outgoing, PublishHead},
    request::{From, Role, SessionKind},
};
use chalktalk_protocol::{
    Instant, Node, NodeConfig, UserSeeds,
    ids::open_room,
    net::{Arrival, Link, LinkId, Way},
    node::{Attach, LOBBY},
    store::Restored,
};
use rand_chacha::ChaCha8Rng;
use rand_core::{Rng, SeedableRng};
use std::time::Duration;

const LINK: LinkId = LinkId(1);

/// Hostile datagrams per test.
const MANY: u64 = 20_000;

struct World {
    now: Instant,
    node: Node,
    random: ChaCha8Rng,
}

/// A node with one user, one chat in `#lobby`, and what it sends while it talks to itself.
fn node(seed: u8) -> (Node, Vec<Vec<u8>>) {
    let config = NodeConfig::new("host", [seed; 32], [seed; 32], 1);
    let now = Instant::ZERO;
    let mut node = Node::new(config, Restored::default(), now, 1);
    let seeds = UserSeeds { user: [seed + 1; 32], origin: [seed + 2; 32], name: "ana".into() };
    let user = node.add_user(now, seeds);
    let link =
        Link { id: LINK, name: "eth0".into(), mtu: 1500, v4: vec![], v6: None, ways: Way::GROUP.to_vec() };
    node.set_links(now, vec![link]);
    let chat = AppId::chat();
    let wish = Attach { instance: None, app: chat.clone(), pid: 1, role: Role::App, token: None };
    let attached = node.attach(now, user, wish).expect("nobody else is attached");
    let Answer::Attached { instance, .. } = attached else { panic!() };
    let session = open_room(&chat, LOBBY, None);
    node.join(now, user, "#lobby", &chat, SessionKind::Kept, true).expect("everybody may");
    node.open(now, instance, session, &From::Start).expect("it was joined");
    for number in 1..=20 {
        let head =
            PublishHead { session, destination: InstanceId::NIL, first: number, class: Class::Durable };
        let payload = vec![number as u8; number as usize * 200];
        node.publish(now, instance, &head, [Ok(Outgoing::new(&payload))].into_iter())
            .expect("within the credit");
    }
    let mut sent = Vec::new();
    node.handle_timeout(now);
    while let Some(transmit) = node.poll_transmit(now) {
        sent.extend(transmit.datagrams.iter().map(|datagram| datagram.to_vec()));
    }
    (node, sent)
}

impl World {
    fn new() -> Self {
        Self { now: Instant::ZERO, node: node(1).0, random: ChaCha8Rng::seed_from_u64(1) }
    }

    fn below(&mut self, end: usize) -> usize {
        (self.random.next_u64() % end as u64) as usize
    }

    /// The node hears this, does what is due, and its outputs are taken away.
    fn hear(&mut self, datagram: &[u8]) {
        let from = "10.0.0.9:47474".parse().expect("it is an address");
        let way = [Way::Multicast4, Way::Unicast, Way::Stream][self.below(3)];
        self.node.handle_datagram(self.now, Arrival { link: LINK, way, from }, datagram);
        self.now += Duration::from_millis(6); // slow enough for the budget of bad frames
        if self.node.poll_timeout().is_some_and(|due| due <= self.now) {
            self.node.handle_timeout(self.now);
        }
        while self.node.poll_transmit(self.now).is_some() {}
        while let Some(batch) = self.node.poll_write() {
            self.node.stored(self.now, batch.number);
        }
        while self.node.poll_action().is_some() {}
        for instance in self.node.ready() {
            self.node.deliver(self.now, instance, 10_000, &mut |_, _| {});
        }
    }

    fn count(&self, name: &str) -> u64 {
        self.node.counters().value(name)
    }
}

#[test]
fn noise_is_dropped_and_counted() {
    let mut world = World::new();
    for _ in 0..MANY {
        let length = world.below(1600);
        let mut noise = vec![0; length];
        world.random.fill_bytes(&mut noise);
        world.hear(&noise);
    }
    assert_eq!(world.count("drop.malformed"), MANY);
}

#[test]
fn damaged_frames_of_an_honest_host_do_no_harm() {
    let (_, honest) = node(7);
    let mut world = World::new();
    honest.iter().for_each(|datagram| world.hear(datagram));
    let received = world.count("entries.received");
    assert!(received > 20, "{received}: the honest ones are taken");
    for _ in 0..MANY {
        let mut datagram = honest[world.below(honest.len())].clone();
        for _ in 0..1 + world.below(4) {
            let at = world.below(datagram.len());
            datagram[at] = world.random.next_u32() as u8;
        }
        if world.below(4) == 0 {
            datagram.truncate(44 + world.below(datagram.len() - 43));
            let length = (datagram.len() as u16).to_le_bytes();
            datagram[6..8].copy_from_slice(&length);
        }
        world.hear(&datagram);
    }
    assert_eq!(world.count("drop.equivocation"), 0, "nobody can make an honest author look like a liar");
}

#[test]
fn invented_logs_are_bounded() {
    let (_, honest) = node(7);
    let entry = honest.iter().find(|datagram| datagram[3] == 1).unwrap();
    let mut world = World::new();
    for _ in 0..MANY {
        let mut invented = entry.clone();
        world.random.fill_bytes(&mut invented[44..60]);
        world.hear(&invented);
    }
    assert!(world.count("drop.too many logs") > 0, "beyond a bound they are refused");
}
