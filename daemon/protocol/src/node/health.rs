//! What this node has seen of the network, laid out as evidence.
//!
//! Invariant: asking changes nothing.

use super::Node;
use crate::{
    health::{Evidence, Neighbour},
    time::Instant,
};
use chalktalk_ipc::HostId;
use std::collections::BTreeMap;

impl Node {
    /// The core's part of the evidence; the shell adds what it knows of interfaces and sockets.
    pub fn evidence(&self, now: Instant) -> Evidence {
        let tried = self.probing.tried(now);
        let neighbour = |(id, host): (HostId, &crate::directory::Host)| Neighbour {
            name: host.name().to_owned(),
            known: now.since(host.first_heard),
            announced: host.announced().to_vec(),
            heard_from: host.addresses().map(|address| address.ip()).collect(),
            ways: host.ways_heard(now),
            hears_us: host.hears(self.host).map(|item| item.ways),
            tried: tried.and_then(|tried| tried.get(&id).cloned()),
        };
        Evidence {
            uptime: now.since(Instant::ZERO),
            links: self.paths.links().cloned().collect(),
            neighbours: self.directory.hosts().map(neighbour).collect(),
            unheard: self.unheard(now),
            strangers: self.strangers.hints(self.lan_is_sealed(), now),
            ..Evidence::default()
        }
    }

    /// Hosts that others hear and we do not, each with one that hears it. Who has just left may still be named for a while: only
    /// what others hear by a way that works now, and have for long enough, counts.
    fn unheard(&self, now: Instant) -> Vec<(String, String)> {
        let mut found: BTreeMap<HostId, String> = BTreeMap::new();
        for (_, witness) in self.directory.hosts().filter(|(_, host)| host.is_settled(now)) {
            for item in witness.neighbours() {
                let known = item.host == self.host || self.directory.host(item.host).is_some();
                if !known && item.ways != 0 && !self.directory.has_just_left(item.host, now) {
                    found.entry(item.host).or_insert_with(|| witness.name().to_owned());
                }
            }
        }
        found.into_iter().map(|(host, witness)| (self.host_name(host), witness)).collect()
    }
}
