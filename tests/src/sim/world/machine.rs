//! What the world does by itself: time, hosts, disks and the network.
//!
//! Invariant: after every step the ledger holds, and every node keeps its bounds.

use super::{CONNECT_TIME, Happening, LINK, MAX_SPINS, PORTION, Wants, World, name_of};
use crate::sim::app::App;
use bytes::Bytes;
use chalktalk_ipc::{Event, SessionId};
use chalktalk_protocol::{
    Action, Instant,
    frame::MAX_DATAGRAM,
    ids::Seq,
    net::{Arrival, Route, Transmit, Way},
};
use std::{collections::VecDeque, net::SocketAddr, time::Duration};

impl World {
    pub(super) fn later(&mut self, wait: Duration, what: Happening) {
        self.order += 1;
        self.happenings.insert((self.now + wait, self.order), what);
    }

    /// The next thing happens, unless it is later than `end`. False if it is.
    pub(super) fn step(&mut self, end: Instant) -> bool {
        let wake = self.hosts.iter().enumerate().filter_map(|(i, host)| Some((host.wake?, i))).min();
        let next = self.happenings.first_key_value().map(|((at, _), _)| *at);
        let at = wake.map(|(at, _)| at).into_iter().chain(next).min();
        let Some(at) = at.map(|at| at.max(self.now)).filter(|at| *at <= end) else { return false };
        self.now = at;
        self.steps += 1;
        match wake {
            Some((due, host)) if due <= at && next.is_none_or(|next| due <= next) => self.wake(host),
            _ => {
                let (_, what) = self.happenings.pop_first().expect("it is the next");
                self.happen(what);
            }
        }
        true
    }

    pub(super) fn wake(&mut self, host: usize) {
        let now = self.now;
        let found = &mut self.hosts[host];
        found.spins = if found.spins.0 == now { (now, found.spins.1 + 1) } else { (now, 1) };
        let spins = found.spins.1;
        found.node.as_mut().expect("who wakes runs").handle_timeout(now);
        self.check(if spins > MAX_SPINS { Err(format!("host {host} spins")) } else { Ok(()) });
        self.pump(host);
    }

    pub(super) fn happen(&mut self, what: Happening) {
        let now = self.now;
        match what {
            Happening::Datagram { to, arrival, datagram } => {
                let Some(node) = &mut self.hosts[to].node else { return };
                node.handle_datagram(now, arrival, &datagram);
                self.pump(to);
            }
            Happening::Synced { host, life } => self.on_synced(host, life),
            Happening::Fetched { host, life, instance, session, log, from } => {
                let found = &mut self.hosts[host];
                let entries = found.disk.read(session, log, from, 256 * 1024);
                if let Some(node) = found.node.as_mut().filter(|_| found.life == life) {
                    node.fetched(now, instance, session, log, from, entries);
                    self.pump(host);
                }
            }
            Happening::CatchUp { host, life, session, providers, wants } => {
                self.on_catch_up(host, life, session, providers, wants)
            }
            Happening::Turn { app, connection } => self.on_turn(app, connection),
            Happening::Ack { app, connection, session, positions } => {
                self.acknowledge(app, connection, session, &positions);
            }
            Happening::Connect { app } => {
                let App { host, alive, attached, instance, .. } = self.apps[app];
                if alive && !attached && self.hosts[host].node.is_some() {
                    self.connect(app, Some(instance));
                }
            }
            Happening::Open { app, connection, session } => {
                if self.apps[app].connection == connection && self.apps[app].attached {
                    self.open_seat(app, session);
                }
            }
            Happening::Launched { host, life, launch, session, app, token } => {
                self.on_launched(host, life, launch, session, app, token)
            }
            Happening::Opened { host, life, session, app, token } => {
                self.on_launched_attaches(host, life, session, app, &token)
            }
            Happening::Exited { host, life, launch } => {
                if self.hosts[host].life != life {
                    return;
                }
                let user = self.hosts[host].user;
                if let Some(node) = &mut self.hosts[host].node {
                    node.exited(now, user, launch, 1);
                    self.pump(host);
                }
            }
            Happening::Told(act) => act(self),
        }
    }

    /// A violation ends the run.
    pub(in crate::sim) fn check(&self, outcome: Result<(), String>) {
        if let Err(what) = outcome {
            let (seed, at) = (self.seed, self.now.as_nanos() as f64 / 1e6);
            panic!("{what}\n  at {at} ms, seed {seed}");
        }
    }

    /// Carries a node's outputs away.
    pub(in crate::sim) fn pump(&mut self, host: usize) {
        loop {
            let now = self.now;
            let Some(node) = &mut self.hosts[host].node else { return };
            if let Some(batch) = node.poll_write() {
                if self.hosts[host].disk.write(batch) {
                    self.begin_sync(host);
                }
            } else if let Some(transmit) = node.poll_transmit(now) {
                self.transmit(host, &transmit);
            } else if let Some(action) = node.poll_action() {
                self.act(host, action);
            } else {
                break;
            }
        }
        let Some(node) = &self.hosts[host].node else { return };
        let ready = node.ready();
        let wake = node.poll_timeout();
        self.hosts[host].wake = wake;
        for instance in ready {
            self.plan_turn(instance);
        }
        self.check_bounds(host);
    }

    pub(super) fn check_bounds(&self, host: usize) {
        let Some(node) = &self.hosts[host].node else { return };
        let frozen = node.counters().value("drop.equivocation") + node.counters().value("frozen log");
        self.check(if frozen > 0 {
            Err(format!("host {host} thinks that somebody contradicts himself"))
        } else {
            Ok(())
        });
    }

    pub(super) fn begin_sync(&mut self, host: usize) {
        let (least, most) = self.hosts[host].sync;
        let (wait, life) = (self.chance.between(least, most), self.hosts[host].life);
        self.later(wait, Happening::Synced { host, life });
    }

    pub(super) fn on_synced(&mut self, host: usize, life: u64) {
        let now = self.now;
        let found = &mut self.hosts[host];
        if found.life != life {
            return;
        }
        let Some(node) = &mut found.node else { return };
        let (upto, again) = found.disk.synced();
        let dropped = found.disk.take_dropped();
        node.stored(now, upto);
        dropped.iter().for_each(|dropped| node.dropped(now, dropped));
        if again {
            self.begin_sync(host);
        }
        self.pump(host);
    }

    pub(super) fn transmit(&mut self, from: usize, transmit: &Transmit) {
        for datagram in &transmit.datagrams {
            assert!(datagram.len() <= MAX_DATAGRAM, "host {from} sends {} bytes", datagram.len());
            self.network.sent += 1;
            let seen = self.ledger.see_slot(datagram);
            self.check(seen);
            self.note_written(from, datagram);
            let (what, size, route) = (name_of(datagram), datagram.len(), transmit.route);
            self.trace.note(self.now, format_args!("host {from} sends {what}, {size} B, {route:?}"));
            let (way, targets): (Way, Vec<usize>) = match transmit.route {
                Route::Group(_, way) => (way, (0..self.hosts.len()).collect()),
                Route::Host(to) => {
                    let known = self.hosts.iter().position(|host| host.address == to);
                    (Way::Unicast, known.into_iter().collect())
                }
            };
            let arrival = Arrival { link: LINK, way, from: self.hosts[from].address };
            for to in targets {
                if (to == from && !self.network.faults.loopback) || self.hosts[to].node.is_none() {
                    continue;
                }
                for delay in self.network.carry(from, to, datagram, &mut self.chance) {
                    let datagram = datagram.clone();
                    self.later(delay, Happening::Datagram { to, arrival, datagram });
                }
            }
        }
    }

    pub(super) fn act(&mut self, host: usize, action: Action) {
        let life = self.hosts[host].life;
        match action {
            Action::Fetch { instance, session, log, from, .. } => {
                self.later(
                    Duration::from_micros(200),
                    Happening::Fetched { host, life, instance, session, log, from },
                );
            }
            Action::CatchUp { session, providers, wants } => {
                self.trace.note(self.now, format_args!("host {host} wants to catch up: {wants:?}"));
                let what = Happening::CatchUp {
                    host,
                    life,
                    session,
                    providers: providers.into(),
                    wants: wants.into(),
                };
                self.later(Duration::from_millis(1), what);
            }
            Action::Notify(instance, event) => self.notify(instance, event),
            Action::NotifyAgent(user, Event::Launch { launch, app, session, token }) => {
                self.launch(host, user, launch, session.session, app, token);
            }
            Action::NotifyAgent(_, Event::Run { launch, session, .. }) => {
                self.run_copy(host, launch, session)
            }
            Action::DrawKeys => panic!("host {host} hears its own key from elsewhere"),
            Action::NotifyAgent(..) => {}
        }
    }

    /// One portion of a catch-up: from the first provider that can be reached.
    pub(super) fn on_catch_up(
        &mut self,
        host: usize,
        life: u64,
        session: SessionId,
        mut providers: VecDeque<SocketAddr>,
        mut wants: Wants,
    ) {
        let now = self.now;
        if self.hosts[host].life != life || self.hosts[host].node.is_none() {
            return;
        }
        let provider = providers.front().and_then(|at| self.hosts.iter().position(|h| h.address == *at));
        let Some(provider) = provider.filter(|_| !wants.is_empty()) else {
            self.hosts[host].node.as_mut().expect("checked above").caught_up(now, session);
            return self.pump(host);
        };
        if self.hosts[provider].node.is_none() || !self.network.connects(host, provider) {
            providers.pop_front();
            return self.later(CONNECT_TIME, Happening::CatchUp { host, life, session, providers, wants });
        }
        let portion = self.read_for_catch_up(provider, session, &mut wants);
        let arrival = Arrival { link: LINK, way: Way::Stream, from: self.hosts[provider].address };
        for datagram in portion {
            let seen = self.ledger.see_slot(&datagram);
            self.check(seen);
            let node = self.hosts[host].node.as_mut().expect("checked above");
            node.handle_datagram(now, arrival, &datagram);
        }
        self.pump(host);
        self.later(Duration::from_micros(500), Happening::CatchUp { host, life, session, providers, wants });
    }

    /// What a provider has of what is wanted, a portion of it: from memory, else from its disk.
    pub(super) fn read_for_catch_up(
        &self,
        provider: usize,
        session: SessionId,
        wants: &mut Wants,
    ) -> Vec<Bytes> {
        let Some((log, from, to)) = wants.front_mut() else { return Vec::new() };
        let found = &self.hosts[provider];
        let Some(node) = &found.node else { return Vec::new() };
        let mut datagrams = node.cached(session, *log, *from, PORTION);
        if datagrams.is_empty() {
            datagrams = found.disk.read(session, *log, *from, PORTION);
        }
        datagrams.truncate(to.ahead_of(*from) as usize + 1);
        *from = Seq(from.0 + datagrams.len() as u64);
        if datagrams.is_empty() || from > to {
            wants.pop_front();
        }
        datagrams
    }
}
