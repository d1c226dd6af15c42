//! One turn of the event loop: inputs, then time, then outputs.
//!
//! Invariant: each source is read up to a bound, so that none keeps the others waiting for longer than some milliseconds.

use super::{BURSTS, DATAGRAMS, Daemon, PENDING, SENDING, catching::Asking, surroundings::report_agent};
use crate::{health::Shell, outputs, requests};
use anyhow::Context;
use chalktalk_ipc::{InstanceId, UserId, request::Topic};
use chalktalk_protocol::node::Action;
use std::time;

impl Daemon {
    /// One turn: inputs, then time, then outputs. True: there is more to do at once.
    pub(super) fn turn(&mut self) -> anyhow::Result<bool> {
        self.look_at_clocks();
        self.look_at_disk();
        let mut more = self.take_stored()?;
        self.take_requests();
        // What programs say leaves before anything else is done.
        more |= self.give_writes_and_bursts();
        let has_room = self.store.has_room();
        if has_room {
            more |= self.take_datagrams();
        }
        more |= self.take_catch_ups(has_room)?;
        self.take_time()?;
        more |= self.give_to_programs()?;
        more |= self.hold_back_floods();
        more |= self.local.flush(time::Instant::now());
        // Nobody waits for a report as a program waits for its message. What the programs' needs brought up goes along.
        more |= self.give_writes_and_bursts();
        if let Some(trace) = &mut self.trace {
            trace.flush();
        }
        let now = self.now();
        requests::part_with_closed(now, &mut self.local, &mut self.clients, &mut self.node, &mut self.blobs);
        more |= requests::park(&mut self.clients, &self.store);
        Ok(more || outputs::can_deliver(&self.node, &mut self.local, &self.clients))
    }

    fn take_stored(&mut self) -> anyhow::Result<bool> {
        let stored = self.store.completed().context("a write failed; some messages may not be on disk")?;
        if let Some(batch) = stored {
            let now = self.now();
            self.node.stored(now, batch);
            for dropped in self.store.take_dropped() {
                self.node.dropped(now, &dropped);
            }
        }
        Ok(stored.is_some())
    }

    fn take_requests(&mut self) {
        let now = self.now();
        let world = requests::World {
            node: &mut self.node,
            store: &self.store,
            network: &self.network,
            interfaces: &self.interfaces,
            watch: &self.watch,
            state: &self.state,
            blobs: &mut self.blobs,
            anew: self.anew,
        };
        requests::take(now, &mut self.local, &mut self.clients, world);
    }

    fn take_datagrams(&mut self) -> bool {
        let now = self.now();
        let (node, trace) = (&mut self.node, &mut self.trace);
        self.network.receive(DATAGRAMS, |arrival, datagram| {
            if let Some(trace) = trace {
                trace.received(arrival, datagram);
            }
            node.handle_datagram(now, arrival, datagram);
        })
    }

    fn take_time(&mut self) -> anyhow::Result<()> {
        let now = time::Instant::now();
        let change = self.interfaces.handle_timeout(now)?;
        self.on_interfaces(change);
        self.local.handle_timeout(now);
        self.catch_ups.handle_timeout(now);
        self.door.handle_timeout(now);
        if let Some(agent) = &mut self.agent {
            report_agent(&agent.handle_timeout(now));
        }
        let core_now = self.now();
        let shell = Shell { network: &self.network, interfaces: &self.interfaces };
        if self.watch.handle_timeout(now, core_now, &self.node, shell) {
            self.news.insert(Topic::Warnings);
        }
        let now = self.now();
        if self.node.poll_timeout().is_some_and(|at| at <= now) {
            self.node.handle_timeout(now);
        }
        Ok(())
    }

    /// Datagrams to the network, and what must be kept to the store: at once, side by side.
    pub(super) fn give_writes_and_bursts(&mut self) -> bool {
        let started = self.now();
        for _ in 0..BURSTS {
            let now = self.now();
            if self.node.is_shared() && now.since(started) > SENDING {
                self.give_writes();
                return true;
            }
            let next = self.unsent.take().or_else(|| Some((self.node.poll_transmit(now)?, 0)));
            let Some((transmit, from)) = next else {
                self.give_writes();
                return false;
            };
            let gone = from + self.network.send(&transmit.route, &transmit.datagrams[from..]);
            if let Some(trace) = &mut self.trace {
                trace.sent(&transmit.route, &transmit.datagrams[from..gone]);
            }
            self.give_writes();
            if gone < transmit.datagrams.len() {
                // The socket says when it has room again.
                self.unsent = Some((transmit, gone));
                return false;
            }
        }
        true
    }

    fn give_writes(&mut self) {
        while let Some(batch) = self.node.poll_write() {
            self.store.submit(batch);
        }
    }

    fn give_to_programs(&mut self) -> anyhow::Result<bool> {
        let mut more = false;
        let mut put_off = std::mem::take(&mut self.put_off).into_iter();
        while let Some(action) = put_off.next().or_else(|| self.node.poll_action()) {
            match action {
                Action::Fetch { instance, .. } if !self.has_share(instance) => self.put_off.push(action),
                Action::Fetch { instance, session, log, from, bytes } => {
                    let started = time::Instant::now();
                    let entries =
                        self.store.read(session, log, from, bytes).context("the store cannot be read")?;
                    let now = self.now();
                    self.node.fetched(now, instance, session, log, from, entries);
                    if let Some(uid) = self.uid_of(instance) {
                        self.local.shares.take(uid, started.elapsed());
                    }
                    more = true;
                }
                Action::CatchUp { session, providers, wants } => {
                    self.ask(Asking { session, wants, named: providers.clone(), providers })
                }
                Action::Notify(instance, event) => {
                    outputs::notify(&mut self.local, &self.clients, instance, event)
                }
                Action::DrawKeys => self.draws_keys = true,
                Action::NotifyAgent(user, event) => {
                    outputs::notify_agent(&mut self.local, &self.clients, user, event)
                }
            }
        }
        self.blobs.take_news(&self.node, |connection, transfer, told| {
            outputs::tell_transfer(&mut self.local, connection, transfer, told);
        });
        let now = self.now();
        outputs::deliver(now, &mut self.node, &mut self.local, &self.clients);
        let mut changed = self.node.take_changed();
        changed.append(&mut self.news);
        if changed.contains(&Topic::Who) {
            let people = self.node.who(UserId::NIL);
            self.clients.set_hosts(people.into_iter().map(|person| (person.host_id, person.host)));
        }
        outputs::tell_changed(&mut self.local, &self.clients, &changed);
        Ok(more || !self.put_off.is_empty())
    }

    fn uid_of(&mut self, instance: InstanceId) -> Option<u32> {
        let connection = self.clients.connection(instance)?;
        self.local.get(connection).map(|connection| connection.peer.uid)
    }

    fn has_share(&mut self, instance: InstanceId) -> bool {
        self.uid_of(instance).is_none_or(|uid| self.local.shares.has_left(uid))
    }

    /// Users whose programs have published more than the network or the disk takes are not listened to for a while, so
    /// that what waits has a bound. True: somebody is listened to again.
    fn hold_back_floods(&mut self) -> bool {
        let mut again = false;
        for uid in self.local.shares.active() {
            let Some(user) = self.clients.user(uid) else { continue };
            let flooded = match self.node.is_shared() {
                true => self.node.pending(user) > PENDING,
                false => !self.store.has_room(),
            };
            again |= self.local.shares.is_paused(uid) && !flooded;
            self.local.shares.pause(uid, flooded);
        }
        again
    }
}
