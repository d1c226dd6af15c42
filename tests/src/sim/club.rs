//! Sessions by invitation in worlds made by chance: people are asked in, come, decline, go and are put out, while the network
//! loses frames and falls apart and hosts crash.
//!
//! Invariant: two heartbeats after the faults have stopped all members name the same people and write under one key; who was
//! put out has read nothing that hosts wrote who knew of it; and members have read everything.

use super::{chance::Chance, swarm::draw_faults, world::World};
use chalktalk_ipc::{
    SessionId,
    event::SessionKey,
    request::{From, SessionKind},
};
use chalktalk_protocol::{frame::HEADER, members::membership::Standing};
use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

/// Two heartbeats of a small LAN, 2.4 s each at the most, and the second in which hosts that were down learn their own tails.
const SETTLED: Duration = Duration::from_millis(2 * 2400 + 1000);

/// Time that everything may take to arrive once the faults have stopped.
const CONVERGENCE: Duration = Duration::from_secs(20);

/// How a seed came out.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Outcome {
    /// Hash of everything that happened.
    pub trace: String,
    /// Keys made.
    pub rotations: u64,
    /// People put out, or gone.
    pub out: usize,
    /// Entries that somebody who was out could not read.
    pub closed: usize,
    /// Members at the end.
    pub members: usize,
}

struct Club {
    world: World,
    chance: Chance,
    room: SessionId,
    kind: SessionKind,
    history: bool,
    /// The chat of each host.
    chats: Vec<usize>,
    /// Hosts whose user has left, declined or been put out at some time.
    ever_out: BTreeSet<usize>,
    /// Who is out by the last word on them, and how much had been written then.
    out_since: BTreeMap<usize, usize>,
    crashes: bool,
    partitions: bool,
}

/// Lives through the club of a seed.
pub fn run(seed: u64, print: bool) -> Outcome {
    let mut chance = Chance::new(seed ^ 0xc1_0b);
    let mut world = World::traced(seed, print);
    let hosts = 3 + chance.below(4) as usize;
    let chats: Vec<usize> = world.hosts(hosts).into_iter().map(|host| world.chat(host)).collect();
    world.run(Duration::from_secs(2));
    let (kind, history) =
        (chance.pick(&[SessionKind::Kept, SessionKind::Kept, SessionKind::Live]), chance.yes(0.7));
    let first: Vec<usize> = (1..hosts).filter(|_| chance.yes(0.6)).collect();
    let room = world.create_as(chats[0], "club", kind, history, &first);
    world.apps[chats[0]].seats.get_mut(&room).expect("just opened").from = From::Saved;
    world.watch(room);
    world.run(Duration::from_millis(300));
    world.network.faults = draw_faults(&mut chance);
    let (crashes, partitions, actions) = (chance.yes(0.5), chance.yes(0.6), 20 + chance.below(60));
    let (ever_out, out_since) = Default::default();
    let mut club =
        Club { world, chance, room, kind, history, chats, ever_out, out_since, crashes, partitions };
    for _ in 0..actions {
        club.act();
        let wait = club.chance.between(Duration::from_millis(1), Duration::from_millis(500));
        club.world.run(wait);
        club.notice_who_is_out();
    }
    club.finish()
}

impl Club {
    fn some_host(&mut self) -> usize {
        self.chance.below(self.chats.len() as u64) as usize
    }

    /// A host that runs and whose user is in, as far as they know.
    fn some_member(&mut self) -> Option<usize> {
        let there: Vec<usize> = (0..self.chats.len()).filter(|host| self.is_in(*host)).collect();
        (!there.is_empty()).then(|| self.chance.pick(&there))
    }

    fn is_in(&self, host: usize) -> bool {
        self.world.is_in(host, self.room) && self.world.apps[self.chats[host]].attached
    }

    fn act(&mut self) {
        match self.chance.below(24) {
            0 | 1 => self.invite(),
            2..=6 => self.accept(),
            7 => self.decline(),
            8 => self.remove(),
            9 => self.leave(),
            10 if self.partitions => self.fall_apart(),
            11 | 12 => self.heal(),
            13 if self.crashes => self.down(World::crash),
            14 if self.crashes => self.down(World::stop),
            15 | 16 => self.restart(),
            _ => self.publish(),
        }
    }

    fn invite(&mut self) {
        let (Some(member), other) = (self.some_member(), self.some_host()) else { return };
        if self.world.try_invite(member, self.room, other) {
            self.world.tell(format_args!("host {member} invites {other}"));
            self.out_since.remove(&other);
        }
    }

    fn invited(&self, host: usize) -> bool {
        self.world.apps[self.chats[host]].attached
            && self.world.invitations(host).iter().any(|invitation| invitation.session == self.room)
    }

    fn accept(&mut self) {
        let asked: Vec<usize> = (0..self.chats.len()).filter(|host| self.invited(*host)).collect();
        if !asked.is_empty() {
            let host = self.chance.pick(&asked);
            self.enter(host);
            self.world.shake(self.chats[host]); // whoever asked them may not have been in any more
        }
    }

    fn enter(&mut self, host: usize) {
        self.world.tell(format_args!("host {host} accepts"));
        if !self.history {
            self.world.excuse(self.chats[host], self.room); // some of it is not for them
        }
        self.world.accept_from(self.chats[host], self.room, From::Saved);
    }

    fn decline(&mut self) {
        let host = self.some_host();
        if self.invited(host) {
            self.world.tell(format_args!("host {host} declines"));
            self.world.decline(host, self.room);
            self.put_out(host);
        }
    }

    fn remove(&mut self) {
        let (Some(member), other) = (self.some_member(), self.some_host()) else { return };
        if member != other && self.world.try_remove(member, self.room, other) {
            self.world.tell(format_args!("host {member} removes {other}"));
            self.put_out(other);
        }
    }

    fn leave(&mut self) {
        let Some(member) = self.some_member().filter(|member| *member != 0 || self.chance.yes(0.2)) else {
            return;
        };
        self.put_out(member);
        self.world.tell(format_args!("host {member} leaves"));
        self.world.leave_room(member, self.room);
    }

    fn put_out(&mut self, host: usize) {
        self.ever_out.insert(host);
        self.out_since.insert(host, self.world.written().len());
        self.world.shake(self.chats[host]);
    }

    fn fall_apart(&mut self) {
        let islands: Vec<_> =
            (0..self.chats.len()).map(|host| (host, self.chance.below(2) as usize)).collect();
        self.world.tell(format_args!("the network falls apart: {islands:?}"));
        self.world.network.partition(islands);
    }

    fn heal(&mut self) {
        self.world.tell(format_args!("the network heals"));
        self.world.network.heal();
    }

    fn down(&mut self, how: fn(&mut World, usize)) {
        let host = self.some_host();
        if self.world.hosts[host].node.is_some() {
            how(&mut self.world, host);
        }
    }

    fn restart(&mut self) {
        let down = self.world.hosts.iter().position(|host| host.node.is_none());
        down.into_iter().for_each(|host| self.world.start(host));
    }

    fn publish(&mut self) {
        let Some(member) = self.some_member() else { return };
        let count = self.chance.pick(&[1, 1, 2, 20]);
        self.world.publish(self.chats[member], self.room, count, 8 + member * 50);
    }

    /// Programs of who is out have no seat any more.
    fn notice_who_is_out(&mut self) {
        for host in 0..self.chats.len() {
            if self.world.hosts[host].node.is_some() && !self.world.is_in(host, self.room) {
                self.world.gave_up(host, self.room);
            }
        }
    }

    fn finish(mut self) -> Outcome {
        self.world.network.mend();
        (0..self.chats.len()).for_each(|_| self.restart());
        self.world.run(SETTLED);
        self.notice_who_is_out();
        self.check_agreement(&self.members());
        let asked: Vec<usize> = (0..self.chats.len()).filter(|host| self.invited(*host)).collect();
        asked.into_iter().for_each(|host| self.enter(host));
        self.world.run(SETTLED);
        // Who was asked in by somebody who was not in any more is in nothing, and waits for what cannot come.
        let members = self.members();
        self.world.apart.extend((0..self.chats.len()).filter(|host| !members.contains(host)));
        self.check_agreement(&members);
        let before = self.world.written().len();
        for member in &members {
            self.world.publish(self.chats[*member], self.room, 1, 40);
        }
        self.world.converge(CONVERGENCE);
        self.check_key(before);
        self.check_reading(&members);
        let closed = self.check_closed(&members);
        Outcome {
            trace: self.world.trace_hash(),
            rotations: self.world.counter("rotations"),
            out: self.ever_out.len(),
            closed,
            members: members.len(),
        }
    }

    /// Hosts whose users are in and know it.
    fn members(&self) -> Vec<usize> {
        let knows = |host: &usize| self.world.standing(*host, self.room) == Some(Standing::Member);
        (0..self.chats.len()).filter(|host| self.is_in(*host)).filter(knows).collect()
    }

    /// All members name the same people, and write under the same key.
    fn check_agreement(&self, members: &[usize]) {
        let Some(first) = members.first() else { return };
        let roll = self.world.roll(*first, self.room);
        for member in members {
            let other = self.world.roll(*member, self.room);
            self.world.require(other == roll && other.1 != Some(SessionKey::Changing), || {
                format!("hosts {first} and {member} do not agree: {roll:?} and {other:?}")
            });
        }
    }

    /// What was written since then is sealed with one key.
    fn check_key(&self, since: usize) {
        let key = |datagram: &[u8]| <[u8; 4]>::try_from(&datagram[40..HEADER]).expect("4 bytes");
        let keys: BTreeSet<[u8; 4]> =
            self.world.written()[since..].iter().map(|written| key(&written.datagram)).collect();
        self.world.require(keys.len() <= 1, || format!("{} keys are in use: {keys:?}", keys.len()));
    }

    /// Members have read all of those who were never out, where newcomers see the past.
    fn check_reading(&self, members: &[usize]) {
        if !self.history || self.kind == SessionKind::Live {
            return;
        }
        let stayed: Vec<usize> = members
            .iter()
            .filter(|host| !self.ever_out.contains(host))
            .map(|host| self.chats[*host])
            .collect();
        for member in members {
            let lacks = self.world.lacks(self.chats[*member], self.room, &stayed);
            self.world.require(lacks.is_none(), || lacks.unwrap_or_default());
        }
    }

    /// What was written after somebody was out, by hosts that knew, they cannot read. How often that was tried. Who had been out
    /// before, was asked in by somebody else without the writer hearing of it and was put out again without that either, has
    /// been given the key in between: the writer has to know the last word.
    fn check_closed(&self, members: &[usize]) -> usize {
        let Some(knows) = members.first() else { return 0 };
        let mut tried = 0;
        for (at, written) in self.world.written().iter().enumerate() {
            let is_out = |(host, heard): &&(usize, u64)| {
                let last = self.world.standing_of(*knows, self.room, *host);
                self.out_since.get(host).is_some_and(|since| at >= *since)
                    && last.is_some_and(|(standing, since)| {
                        matches!(standing, Standing::Out(_)) && *heard >= since
                    })
            };
            for (host, _) in written.out.iter().filter(is_out) {
                tried += 1;
                self.world.require(!self.world.can_read(*host, &written.datagram), || {
                    format!("host {host} reads what host {} wrote knowing that they are out", written.host)
                });
            }
        }
        tried
    }
}
