//! Catch-ups as the loop sees them: one provider after another is asked, and others are served.
//!
//! Invariant: nobody is asked twice for the same catch-up.

use super::{CATCH_UP_BYTES, Daemon};
use crate::catchup::{self, Outcome};
use anyhow::Context;
use chalktalk_ipc::SessionId;
use chalktalk_protocol::{
    ids::{LogId, Seq},
    net::{Arrival, LinkId, Way},
};
use std::{net::SocketAddr, time};

/// A catch-up under way: whom to ask if the present provider cannot.
pub(super) struct Asking {
    pub(super) session: SessionId,
    pub(super) wants: Vec<(LogId, Seq, Seq)>,
    pub(super) providers: Vec<SocketAddr>,
    /// All that were ever among them: nobody is asked twice.
    pub(super) named: Vec<SocketAddr>,
}

impl Daemon {
    pub(super) fn take_catch_ups(&mut self, has_room: bool) -> anyhow::Result<bool> {
        let (shell_now, now) = (time::Instant::now(), self.now());
        let (node, store) = (&mut self.node, &self.store);
        let mut failed = None;
        let mut more = self.catch_ups.serve(shell_now, |session, log, from, bytes| {
            let cached = node.cached(session, log, from, bytes);
            if !cached.is_empty() {
                return cached;
            }
            store.read(session, log, from, bytes).unwrap_or_else(|e| {
                failed = Some(e);
                Vec::new()
            })
        });
        if let Some(e) = failed {
            return Err(e).context("the store cannot be read");
        }
        let link = self.network.links().first().map_or(LinkId(0), |link| link.id);
        let budget = if has_room { CATCH_UP_BYTES } else { 0 };
        more |= self.catch_ups.receive(shell_now, budget, |from, datagram| {
            node.handle_datagram(now, Arrival { link, way: Way::Stream, from }, datagram);
        });
        for (id, outcome) in self.catch_ups.take_finished() {
            self.on_caught_up(id, outcome);
        }
        Ok(more)
    }

    /// A provider is through, or the next one is asked.
    fn on_caught_up(&mut self, id: u64, outcome: Outcome) {
        let Some(mut asking) = self.asking.remove(&id) else { return };
        if let Outcome::Busy(others) = &outcome {
            let fresh = others.iter().filter(|at| !asking.named.contains(at) && self.node.is_host_at(**at));
            let fresh: Vec<SocketAddr> = fresh.copied().collect();
            asking.named.extend(&fresh);
            asking.providers.extend(fresh);
        }
        if outcome == Outcome::Done || asking.providers.is_empty() {
            let now = self.now();
            self.node.caught_up(now, asking.session);
        } else {
            self.ask(asking);
        }
    }

    pub(super) fn ask(&mut self, mut asking: Asking) {
        if asking.providers.is_empty() {
            let now = self.now();
            return self.node.caught_up(now, asking.session);
        }
        let provider = asking.providers.remove(0);
        let want = |(log, from, to): &(LogId, Seq, Seq)| catchup::Want { log: *log, from: *from, to: *to };
        let wants = asking.wants.iter().map(want).collect();
        let port = self.network.own_port();
        let request = catchup::Request { session: asking.session, port, wants };
        self.asked += 1;
        self.catch_ups.ask(time::Instant::now(), self.asked, provider, &request);
        self.asking.insert(self.asked, asking);
    }
}
