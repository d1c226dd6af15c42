//! What a session does because time has passed: asking, repairing, reporting, probing.
//!
//! Invariant: whatever is due makes `next_timeout` say so; nothing waits for the next frame by chance.

use super::{Session, delivery::Reader, gaps::Asked, members::Members};
use crate::{
    control::{self, Nack, Report, Row},
    frame::Kind,
    ids::{LogId, Seq},
    log::Log,
    outbox::{CatchUpWish, Outbox},
    time::Instant,
};
use bytes::Bytes;
use chalktalk_ipc::{HostId, OriginId};
use std::collections::BTreeMap;

/// Entries that a live session's readers may lag before the sender is held back for them.
const LIVE_SLACK: u64 = 512;

impl Session {
    /// Does what is due.
    pub fn handle_timeout(&mut self, origin_host: impl Fn(OriginId) -> Option<HostId>, out: &mut Outbox) {
        let mut asked = match self.storing {
            true => self.gaps.take_due(&mut self.logs, out.now),
            false => Asked::default(),
        };
        if asked.catch_up && !self.gaps.is_catching_up() {
            self.wish_catch_up(out);
        }
        asked.wants.retain(|want| !self.gaps.is_under_way(want.log()));
        if !asked.wants.is_empty() {
            out.counters.add("nacks.sent", 1);
            out.counters.add("slots.lost", asked.fresh);
            let nack = Nack { host: out.host, wants: asked.wants };
            out.group.push_back(vec![control::frame(Kind::Nack, self.id, &nack).into()]);
        }
        let repairs = self.repair.take_due(&mut self.logs, out.now, self.gaps.grtt());
        if !repairs.is_empty() {
            out.counters.add("repairs.sent", repairs.len() as u64);
            out.group.extend(repairs.chunks(32).map(<[Bytes]>::to_vec));
        }
        if self.tell_at.is_some_and(|at| at <= out.now) {
            self.tell_at = None;
            self.tell_progress(out);
        }
        if self.save_at.is_some_and(|at| at <= out.now) {
            self.save_positions(out);
        }
        let goes_on =
            self.readers.iter_mut().filter_map(|(id, reader)| reader.take_due(out.now).then_some(*id));
        out.ready.extend(goes_on);
        self.rotate_if_due(out);
        self.time_retention(out);
        self.probe(out);
        for id in self.reports.take_due(out.now) {
            let Some(log) = self.logs.get(&id) else { continue };
            let Some(host) = log.author().map(|a| a.host).or_else(|| origin_host(id.origin)) else {
                continue;
            };
            let read = self.is_live_log(id).then(|| self.slowest_reader(id)).flatten();
            let have = read.map_or(log.have(), |read| log.have().min(Seq(read.0 + LIVE_SLACK)));
            if have < log.have() {
                self.reports.again(id, out.now);
            }
            out.counters.add("reports.sent", 1);
            let report = Report { host: out.host, log: id, have, window: out.window };
            out.unicast.push_back((host, control::frame(Kind::Report, self.id, &report).into()));
        }
    }

    /// When something will be due.
    pub fn next_timeout(&self, now: Instant) -> Option<Instant> {
        if !self.is_active() {
            return None;
        }
        let waiting = self.own.values().filter(|own| self.is_ready(own));
        let flow = waiting.filter_map(|own| {
            own.flow.next_timeout(now).or((now < self.hold_until).then_some(self.hold_until))
        });
        let held = (!self.held.is_empty()).then(|| self.hold_until.max(now));
        let grtt = self.gaps.grtt();
        let probes =
            self.own.values().filter_map(|own| own.flow.probe_at(own.writer.is_waiting(), grtt, now)).min();
        let parts = [
            self.gaps.next_timeout(&self.logs).filter(|_| self.storing),
            self.repair.next_timeout(),
            self.reports.next_timeout(),
            held,
            self.readers.values().filter_map(Reader::next_timeout).min(),
            probes,
            self.tell_at,
            self.save_at,
            self.retention.next_timeout(),
            self.members.as_ref().and_then(Members::next_timeout),
        ];
        parts.into_iter().flatten().chain(flow).min()
    }

    /// Sends the last entry again where nobody says that it came.
    pub(super) fn probe(&mut self, out: &mut Outbox) {
        let grtt = self.gaps.grtt();
        for own in self.own.values_mut() {
            let due = own.flow.probe_at(own.writer.is_waiting(), grtt, out.now);
            if due.is_none_or(|due| due > out.now) {
                continue;
            }
            own.flow.on_probe(out.now);
            if let Some(datagram) = self.logs[&own.writer.log()].entry(own.writer.last()) {
                out.group.push_back(vec![datagram.clone()]);
                out.counters.add("probes.sent", 1);
            }
        }
    }

    pub(super) fn wish_catch_up(&mut self, out: &mut Outbox) {
        let mut providers: Vec<(u64, HostId)> = Vec::new();
        let mut wants = BTreeMap::<LogId, Seq>::new();
        let firsts = || self.logs.values().filter(|log| log.lacks_first()).map(Log::id);
        let present = self.present.iter().map(|(host, present)| (host, &present.rows));
        let aside = self.aside.iter().map(|(host, aside)| (host, &aside.rows));
        for (host, rows) in present.chain(aside) {
            let useful: Vec<_> = rows.values().filter(|row| self.lacks(row)).collect();
            if !useful.is_empty() || firsts().any(|id| rows.contains_key(&id)) {
                providers.push((rendezvous(out.host, *host), *host));
            }
            for row in useful {
                let upto = wants.entry(row.log()).or_default();
                *upto = row.seq.max(*upto);
            }
        }
        if providers.is_empty() {
            return;
        }
        providers.sort();
        let behind = wants.iter().map(|(id, last)| (*id, self.logs[id].have().next(), *last));
        let runs = firsts().map(|id| (id, Seq(1), Seq(1))).chain(behind).collect();
        self.gaps.on_catch_up(wants.keys().map(|id| &self.logs[id]));
        let providers = providers.into_iter().map(|(_, host)| host).collect();
        out.catch_ups.push(CatchUpWish { session: self.id, wants: runs, providers });
    }

    pub(super) fn lacks(&self, row: &Row) -> bool {
        let has_next = |log: &Log| row.first <= log.have().next() && log.have() < row.seq;
        self.logs.get(&row.log()).is_some_and(|log| has_next(log) && log.has_gap())
    }

    /// A catch-up has ended, well or not.
    pub fn on_catch_up_end(&mut self, now: Instant) {
        self.gaps.on_catch_up_end();
        self.ask_anew(now);
    }
}

/// Who asks whom: every asker has an order of its own, so that a crowd spreads over the providers.
fn rendezvous(asker: HostId, provider: HostId) -> u64 {
    let hash = blake3::hash(&[asker.0, provider.0].concat());
    u64::from_le_bytes(hash.as_bytes()[..8].try_into().expect("a hash has 32 bytes"))
}
