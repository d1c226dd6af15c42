//! A node in a room with a peer that it knows: whatever order of true, damaged, invented and wrongly signed frames it hears,
//! it neither panics nor spins, and its outputs can be taken away.
#![no_main]

use chalktalk_ipc::{
    Answer, AppId, InstanceId, SessionId,
    batch::{Class, Outgoing, PublishHead},
    request::{From, Role, SessionKind},
};
use chalktalk_protocol::{
    Instant, Node, NodeConfig, UserSeeds,
    control::{self, HostFrame},
    crypto::origin_id,
    entry::{Draft, Place},
    frame::{Header, Kind},
    ids::{Epoch, LogId, Seq, open_room},
    net::{Arrival, Link, LinkId, Way},
    node::{Attach, LOBBY},
    seal::Ring,
    store::Restored,
};
use ed25519_dalek::SigningKey;
use libfuzzer_sys::fuzz_target;
use std::{sync::LazyLock, time::Duration};

const LINK: LinkId = LinkId(1);
const PEER: u8 = 7;

/// The longest body made up here: with any header before it and a signature behind, it fits a datagram.
const MAX_BODY: usize = 1_200;

/// Times a node may be woken at one moment.
const MAX_SPINS: usize = 100;

/// What the peer says when it comes and talks.
static TRUE_FRAMES: LazyLock<Vec<Vec<u8>>> = LazyLock::new(|| talking(PEER).1);

fuzz_target!(|data: &[u8]| {
    let mut world = World { now: Instant::ZERO, node: talking(1).0, data };
    TRUE_FRAMES.iter().take(2).for_each(|frame| world.hear(frame));
    while world.act().is_some() {}
});

struct World<'d> {
    now: Instant,
    node: Node,
    data: &'d [u8],
}

impl<'d> World<'d> {
    fn byte(&mut self) -> Option<u8> {
        let (&byte, rest) = self.data.split_first()?;
        self.data = rest;
        Some(byte)
    }

    fn body(&mut self) -> Option<&'d [u8]> {
        let length = (usize::from(self.byte()?) * 5).min(MAX_BODY).min(self.data.len());
        let (body, rest) = self.data.split_at(length);
        self.data = rest;
        Some(body)
    }

    /// One thing happens, as the next bytes say.
    fn act(&mut self) -> Option<()> {
        let (what, which) = (self.byte()?, self.byte()?);
        let mut frame = TRUE_FRAMES[usize::from(which) % TRUE_FRAMES.len()].clone();
        match what % 6 {
            0 => {}
            1 => {
                let at = usize::from(u16::from_le_bytes([self.byte()?, self.byte()?])) % frame.len();
                frame[at] = self.byte()?;
            }
            2 => frame = invented(which, self.body()?),
            3 => frame = signed_heartbeat(self.body()?)?,
            4 => frame = signed_entry(what / 6, which, self.body()?),
            _ => self.now += Duration::from_millis(10) * u32::from(which),
        }
        self.hear(&frame);
        Some(())
    }

    /// The node hears this, does what is due, and its outputs are taken away.
    fn hear(&mut self, frame: &[u8]) {
        let from = "10.0.0.9:47474".parse().expect("it is an address");
        self.node.handle_datagram(self.now, Arrival { link: LINK, way: Way::Multicast4, from }, frame);
        self.now += Duration::from_micros(100);
        let mut spins = 0;
        while self.node.poll_timeout().is_some_and(|due| due <= self.now) {
            self.node.handle_timeout(self.now);
            carry_away(&mut self.node, self.now);
            spins += 1;
            assert!(spins < MAX_SPINS, "the node spins");
        }
        carry_away(&mut self.node, self.now);
        for instance in self.node.ready() {
            self.node.deliver(self.now, instance, 10_000, &mut |_, _| {});
        }
    }
}

/// Does for a node what a shell with a quick disk does.
fn carry_away(node: &mut Node, now: Instant) -> Vec<Vec<u8>> {
    let mut sent = Vec::new();
    while let Some(transmit) = node.poll_transmit(now) {
        sent.extend(transmit.datagrams.iter().map(|datagram| datagram.to_vec()));
    }
    node.hurry_writes();
    while let Some(batch) = node.poll_write() {
        node.stored(now, batch.number);
    }
    while node.poll_action().is_some() {}
    sent
}

/// A frame of any kind about the room, with a right header.
fn invented(which: u8, body: &[u8]) -> Vec<u8> {
    let kinds =
        [Kind::Entry, Kind::Volatile, Kind::Nack, Kind::Report, Kind::Vector, Kind::Failure, Kind::Host];
    let mut header = Header::new(kinds[usize::from(which) % kinds.len()], lobby());
    header.flags = which / 7;
    header.datagram(body)
}

/// A host frame that the peer has really signed, whatever it says.
fn signed_heartbeat(body: &[u8]) -> Option<Vec<u8>> {
    let body: HostFrame = control::read(body).ok()?;
    control::host_frame(&SigningKey::from_bytes(&[PEER; 32]), &body)
}

/// An entry that the peer's user has really signed, whatever it says.
fn signed_entry(epoch: u8, seq: u8, body: &[u8]) -> Vec<u8> {
    let key = SigningKey::from_bytes(&[PEER + 2; 32]);
    let log =
        LogId { origin: origin_id(&key.verifying_key().to_bytes()), epoch: Epoch(u32::from(epoch % 4) + 1) };
    let seq = Seq(u64::from(seq) + 1);
    let place = Place { session: lobby(), log, seq, stamp: seq.0, time: 0 };
    let mut draft = Draft::new(InstanceId::NIL, 0);
    if body.first().is_some_and(|byte| byte & 1 == 0) {
        draft.mark_boundary();
    }
    draft.push(body);
    draft.finish_signed(&place, false, [0; 16], &[], &key, &Ring::open())
}

fn lobby() -> SessionId {
    open_room(&AppId::chat(), LOBBY, None)
}

/// A node with one user and one chat in `#lobby` that has published, and what it has sent.
fn talking(seed: u8) -> (Node, Vec<Vec<u8>>) {
    let config = NodeConfig::new("host", [seed; 32], [seed; 32], 1);
    let (now, chat) = (Instant::ZERO, AppId::chat());
    let mut node = Node::new(config, Restored::default(), now, 1);
    let seeds = UserSeeds { user: [seed + 1; 32], origin: [seed + 2; 32], name: "ana".into() };
    let user = node.add_user(now, seeds);
    let link =
        Link { id: LINK, name: "eth0".into(), mtu: 1500, v4: vec![], v6: None, ways: Way::GROUP.to_vec() };
    node.set_links(now, vec![link]);
    let wish = Attach { instance: None, app: chat.clone(), pid: 1, role: Role::App, token: None };
    let Ok(Answer::Attached { instance, .. }) = node.attach(now, user, wish) else {
        panic!("nobody else is attached")
    };
    node.join(now, user, "#lobby", &chat, SessionKind::Kept, true).expect("everybody may");
    node.open(now, instance, lobby(), &From::Start).expect("it was joined");
    node.handle_timeout(now);
    let mut sent = carry_away(&mut node, now);
    for number in 1..=5 {
        let head = PublishHead {
            session: lobby(),
            destination: InstanceId::NIL,
            first: number,
            class: Class::Durable,
        };
        let payload = vec![number as u8; number as usize * 700];
        node.publish(now, instance, &head, [Ok(Outgoing::new(&payload))].into_iter())
            .expect("within the credit");
        sent.extend(carry_away(&mut node, now));
    }
    (node, sent)
}
