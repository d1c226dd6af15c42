//! How the network does: the core's evidence, the shell's, and what follows from both.
//!
//! Invariant: what is said in the log, in the status and by `doctor` are the same findings.

use crate::{
    log,
    net::{Network, interfaces::Interfaces},
};
use chalktalk_ipc::event::{Health, NeighbourHealth, Warning, WayHealth};
use chalktalk_protocol::{
    Instant,
    health::{Evidence, findings},
    net::Way,
    node::Node,
    probe::Heard,
};
use std::{
    collections::BTreeSet,
    time::{self, Duration},
};

/// How often the log is told what is wrong now.
const LOOK: Duration = Duration::from_secs(10);

/// What was wrong when it was last looked at.
#[derive(Debug)]
pub struct Watch {
    next: time::Instant,
    said: BTreeSet<String>,
    refused: u64,
    /// Refusals between the last two looks.
    lately: u64,
}

impl Watch {
    /// Looks for the first time when things have settled.
    pub fn new(now: time::Instant) -> Self {
        Self { next: now + LOOK, said: BTreeSet::new(), refused: 0, lately: 0 }
    }

    /// When [`Watch::handle_timeout`] has to be called.
    pub fn poll_timeout(&self) -> time::Instant {
        self.next
    }

    /// Looks, if it is time, and says what is new in the log. True: something is wrong that was not, or no longer.
    pub fn handle_timeout(
        &mut self,
        shell_now: time::Instant,
        now: Instant,
        node: &Node,
        shell: Shell<'_>,
    ) -> bool {
        if self.next > shell_now {
            return false;
        }
        self.next = shell_now + LOOK;
        let refused = shell.network.counters().refused;
        self.lately = refused - self.refused;
        self.refused = refused;
        let mut serious = findings(&evidence(now, node, shell, self.lately));
        serious.retain(|finding| finding.serious);
        let codes: BTreeSet<String> = serious.iter().map(|finding| finding.code.clone()).collect();
        for finding in &serious {
            if !self.said.contains(&finding.code) {
                log::warn_with(
                    &finding.code,
                    format_args!("{}: {}; {}", finding.code, finding.cause, finding.fix),
                    &[("CAUSE", &finding.cause), ("FIX", &finding.fix)],
                );
            }
        }
        for code in self.said.difference(&codes) {
            log::info(code, format_args!("{code}: is over"));
        }
        std::mem::replace(&mut self.said, codes) != self.said
    }

    /// What is seriously wrong, for the status.
    pub fn warnings(
        &self,
        now: Instant,
        node: &Node,
        shell: Shell<'_>,
    ) -> impl Iterator<Item = Warning> + use<> {
        let serious = self.health(now, node, shell).findings.into_iter().filter(|finding| finding.serious);
        serious.map(|finding| Warning::new(&finding.code, format!("{}; {}", finding.cause, finding.fix)))
    }

    /// How the network does now.
    pub fn health(&self, now: Instant, node: &Node, shell: Shell<'_>) -> Health {
        let lately = self.lately.max(shell.network.counters().refused - self.refused);
        let evidence = evidence(now, node, shell, lately);
        let neighbours = evidence.neighbours.iter().filter_map(|neighbour| {
            let tried = neighbour.tried.as_ref()?;
            let name = |link: u32| evidence.links.iter().find(|l| l.id.0 == link).map(|l| l.name.clone());
            let way = |heard: &Heard, interface: Option<String>| WayHealth {
                interface: interface.unwrap_or_default(),
                way: way_name(heard.way).into(),
                bytes: heard.bytes,
            };
            Some(NeighbourHealth {
                host: neighbour.name.clone(),
                answered: tried.there.is_some(),
                there: tried.there.iter().flatten().map(|heard| way(heard, name(heard.link))).collect(),
                here: tried.here.iter().map(|heard| way(heard, None)).collect(),
                clock: tried.clock,
            })
        });
        Health { findings: findings(&evidence), neighbours: neighbours.collect() }
    }
}

/// What the shell knows.
#[derive(Clone, Copy)]
pub struct Shell<'a> {
    /// Sockets.
    pub network: &'a Network,
    /// Interfaces.
    pub interfaces: &'a Interfaces,
}

fn evidence(now: Instant, node: &Node, shell: Shell<'_>, refused: u64) -> Evidence {
    Evidence {
        unused: shell.interfaces.unused().unwrap_or_default(),
        stray: shell.network.counters().stray,
        refused,
        port: shell.network.port(),
        ..node.evidence(now)
    }
}

fn way_name(bit: u8) -> &'static str {
    let all = Way::GROUP.into_iter().chain([Way::Unicast]);
    all.into_iter().find(|way| way.bit() == bit).map_or("unknown", Way::name)
}
