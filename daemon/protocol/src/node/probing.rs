//! Probe frames on their way: signed by the host, sealed where the LAN is.
//!
//! Invariant: a probe changes nothing but what is known of ways.

use super::Node;
use crate::{
    control::{self, UnverifiedHost},
    frame::{HEADER, Header, Kind},
    net::{Arrival, Route, Transmit},
    probe::{Due, LARGE, MAX_PROBED, Probe, ProbeAnswer, SMALL, Tried},
    time::Instant,
};
use bytes::Bytes;
use chalktalk_ipc::HostId;
use rand_core::Rng;
use serde::Serialize;
use serde_bytes::ByteBuf;
use std::{collections::BTreeMap, net::SocketAddr};

impl Node {
    /// Tries every way of every link, and every neighbour; [`Node::tried`] tells what came of it.
    pub fn probe(&mut self, now: Instant) {
        self.at(now);
        if self.probing.runs(now) {
            return;
        }
        let run = self.out.rng.next_u64();
        self.probing.begin(run, now);
        let hosts = self.directory.hosts().filter_map(|(_, host)| host.address());
        let hosts: Vec<SocketAddr> = hosts.take(MAX_PROBED).collect();
        self.send_probes(run, false, &hosts);
    }

    /// What the last run has found out, once it is over.
    pub fn tried(&self, now: Instant) -> Option<&BTreeMap<HostId, Tried>> {
        self.probing.tried(now)
    }

    /// A probe or the answer to one came.
    pub(super) fn on_probe_frame(&mut self, arrival: Arrival, header: &Header, datagram: &[u8], rest: &[u8]) {
        if self.lan.is_sealed() != (header.key_id != 0) {
            return self.out.counters.add("drop.other LAN", 1);
        }
        let mut opened = Vec::new();
        let rest = match self.lan.is_sealed() {
            false => rest,
            true if self.lan.open_frame(header, datagram, &mut opened).is_some() => &opened[..],
            true => return self.refuse(arrival, "drop.not opened"),
        };
        let Ok(unverified) = UnverifiedHost::parse(rest) else {
            return self.out.counters.add("drop.malformed", 1);
        };
        let host = unverified.host;
        if host == self.host {
            return self.out.counters.add("frames.own", 1);
        }
        let (now, bytes) = (self.out.now, datagram.len() as u16);
        let believed = match header.kind {
            Kind::Probe => unverified.verify_as().map(|probe: Probe| {
                // What sealing adds to it does not count.
                let size = if bytes < LARGE { SMALL } else { LARGE };
                self.probing.on_probe(host, &probe, arrival.from, arrival.way, size, now);
            }),
            _ => unverified.verify_as().map(|answer: ProbeAnswer| {
                self.probing.on_answer(host, &answer, self.out.wall);
            }),
        };
        if believed.is_err() {
            self.refuse(arrival, "drop.bad probe");
        }
    }

    /// Answers that are due leave alone and for everybody: one of the ways may not work.
    pub(super) fn answer_probes(&mut self) {
        for Due { to, run, heard } in self.probing.take_due(self.out.now) {
            let answer = ProbeAnswer { run, wall: self.out.wall, heard };
            let Some(datagram) = self.signed(Kind::ProbeAnswer, &answer) else { continue };
            let routes = self.paths.everybody().into_iter().chain([Route::Host(to)]);
            self.transmits.extend(routes.map(|route| Transmit { route, datagrams: vec![datagram.clone()] }));
            self.send_probes(run, true, &[to]);
        }
    }

    fn send_probes(&mut self, run: u64, back: bool, hosts: &[SocketAddr]) {
        let of = |link: &crate::net::Link| {
            link.ways.iter().map(|way| (link.id.0, Route::Group(link.id, *way))).collect()
        };
        let groups: Vec<(u32, Route)> =
            self.paths.links().flat_map(|link| -> Vec<(u32, Route)> { of(link) }).collect();
        let alone = hosts.iter().map(|host| (0, Route::Host(*host)));
        for (link, route) in groups.into_iter().chain(alone) {
            for size in [SMALL, LARGE] {
                let Some(datagram) = self.probe_of(run, back, link, size) else { continue };
                self.transmits.push_back(Transmit { route, datagrams: vec![datagram] });
            }
        }
    }

    /// A probe frame of at least this size.
    fn probe_of(&mut self, run: u64, back: bool, link: u32, size: u16) -> Option<Bytes> {
        let probe = |padding: usize| Probe { run, back, link, padding: ByteBuf::from(vec![0; padding]) };
        let bare = control::signed_frame(&self.host_key, Kind::Probe, &probe(0))?.len();
        let padding = usize::from(size).saturating_sub(bare.max(HEADER));
        self.signed(Kind::Probe, &probe(padding))
    }

    fn signed(&mut self, kind: Kind, body: &impl Serialize) -> Option<Bytes> {
        let datagram = control::signed_frame(&self.host_key, kind, body)?;
        self.lan.seal_frame(datagram, &mut self.nonces).map(Bytes::from)
    }
}
