//! The session as other hosts see it: what their frames bring.
//!
//! Invariant: nothing here trusts a frame further than its signature goes; unsigned control frames are hints.

use super::{
    Aside, Present, Session, announcing::MAX_ASIDE_ROWS, delivery::VolatileMessage, lives::lives,
    reports::Turn, writer::Genesis,
};
use crate::{
    control::{self, MAX_ROWS, Nack, Report, Row, SessionItem, Vector},
    crypto::Author,
    directory::Reach,
    entry::Entry,
    ids::Seq,
    log::Received,
    net::Way,
    outbox::Outbox,
    seal::Ring,
    time::Instant,
};
use chalktalk_ipc::{HostId, InstanceId, OriginId, UserId};
use std::{collections::BTreeMap, time::Duration};

/// How often one host is asked for its vector.
const ASK_AGAIN: Duration = Duration::from_millis(1000);

/// A host that has just come tells what it holds within this time.
const INTRODUCTION: Duration = Duration::from_millis(500);

impl Session {
    /// An entry arrived. False: it failed a check that costs.
    pub fn on_entry(
        &mut self,
        entry: &Entry<'_>,
        datagram: &[u8],
        way: Way,
        author: Option<&Author>,
        out: &mut Outbox,
    ) -> bool {
        if !self.storing {
            out.counters.add("drop.disk full", 1);
            return true;
        }
        let Some(id) = self.log_for(entry.log, out) else { return true };
        let members = self.present.len() + 1;
        let grace = self.gaps.grace(members, &mut out.rng);
        let live = self.is_live_log(id);
        let claimed = match entry.genesis {
            _ if self.logs[&id].author().is_some() => None,
            true => author_of(*entry, &self.keys, out),
            false => author.cloned(),
        };
        let claimed = claimed.filter(|author| author.origin == id.origin && self.may_write(author.user, id));
        let claimed = claimed.map(|author| (self.limits(author.user, id), author));
        let log = self.logs.get_mut(&id).expect("log_for made it");
        let before = log.have();
        if let Some((limits, author)) = claimed {
            log.set_limits(limits);
            log.set_author(author, out.now, &mut out.signatures);
        }
        if entry.genesis && log.lacks_first() {
            self.take_first(entry, datagram, out);
        }
        let log = self.logs.get_mut(&id).expect("still there");
        if entry.stamp > self.stamp.saturating_add(1 << 32) {
            out.counters.add("drop.stamp", 1);
            return true;
        }
        let gap = log.has_gap();
        let outcome = log.receive(entry, datagram, out.now, grace, &mut out.signatures);
        if live && before == Seq(0) && log.have() == Seq(0) {
            // A live log is a window: what was said before we came is not asked for unless it is still there.
            self.history.entry(id).or_insert(Seq(entry.seq.0 - 1));
        }
        if gap && log.have() > before {
            log.reset_patience(out.now, self.gaps.patience());
        }
        self.gaps.on_arrival(id, entry.seq, out.now);
        self.repair.on_heard(id, entry.seq);
        match outcome {
            Received::Accepted | Received::Candidate => out.counters.add("entries.received", 1),
            Received::Duplicate => out.counters.add("entries.duplicate", 1),
            Received::Refused(why) => out.counters.add(why, 1),
            Received::Equivocation => out.counters.add("drop.equivocation", 1),
        }
        if way != Way::Stream {
            let urge = entry.urge.then_some(entry.seq);
            let turn = Turn { place: self.present.range(..out.host).count(), of: members - 1 };
            self.reports.on_entry(id, urge, before, self.logs[&id].have(), turn, out.now);
        }
        self.on_accepted(id, before, out);
        outcome != Received::Refused(crate::log::BAD_SIGNATURE)
    }

    /// Somebody lacks entries.
    pub fn on_nack(&mut self, nack: &Nack, absent: impl Fn(OriginId) -> bool, out: &mut Outbox) {
        let members = self.present.len() + 1;
        for want in nack.wants.iter().take(control::MAX_WANTS) {
            let id = want.log();
            let slots = want.last.ahead_of(want.first).min(crate::log::MAX_AHEAD) + 1;
            let want = control::Want { last: Seq(want.first.0 + slots - 1), ..*want };
            let own = self.own.get_mut(&id);
            let mine = own.is_some();
            if let Some(own) = own {
                own.flow.on_lost(slots);
            }
            let Some(log) = self.logs.get_mut(&id) else { continue };
            log.suppress(want.first.0..=want.last.0, out.now, self.gaps.patience());
            if want.first <= log.base() && log.have() > Seq(0) && (mine || absent(id.origin)) {
                self.answer_vector(nack.host, out); // it may have left the window
            }
            let delay = match (mine, members <= 8) {
                (true, _) => Duration::ZERO,
                (false, _) if absent(id.origin) => self.gaps.backoff(members, &mut out.rng) / 4,
                (false, _) => self.gaps.grtt() + self.gaps.backoff(members, &mut out.rng),
            };
            let log = &self.logs[&id];
            self.repair.on_nack(&want, log, out.now, delay);
        }
    }

    /// A member says how far it has come.
    pub fn on_report(&mut self, report: &Report, now: Instant) {
        if let Some(own) = self.own.get_mut(&report.log) {
            own.flow.on_report(report.host, report.have, report.window, now);
        }
    }

    /// Somebody's vector, or part of one.
    pub fn on_vector(&mut self, vector: &Vector, history: bool, out: &mut Outbox) {
        if vector.answer {
            self.answer_vector(vector.host, out);
        }
        self.on_rows(vector.host, &vector.rows, history, out);
    }

    /// A volatile message arrived. `author`: whose key signs the log that it names, where that is known otherwise than by the log:
    /// they may have written nothing yet.
    pub fn on_volatile(
        &mut self,
        destination: InstanceId,
        body: control::Volatile,
        author: Option<UserId>,
        out: &mut Outbox,
    ) {
        let members = self.present.len() + 1;
        let grace = self.gaps.grace(members, &mut out.rng);
        if let Some(log) = self.logs.get_mut(&body.log) {
            log.note_head(body.seq, out.now, grace);
        }
        let known = || {
            let mut logs = self.logs.range(lives(body.log.origin));
            logs.find_map(|(_, log)| Some(log.author()?.user))
        };
        let author = author.or_else(known).unwrap_or(UserId::NIL);
        self.take_volatile(destination, body, author, out);
    }

    /// What a host's heartbeat says of this session. `history`: the host (or the session) is new to us, so that what it
    /// holds was said before.
    pub fn on_announcement(&mut self, host: HostId, item: &SessionItem, history: bool, out: &mut Outbox) {
        self.on_snapshots(host, &item.snapshots, out);
        self.on_rows(host, &item.rows, history, out);
        let digest = self.digest();
        if item.digest == digest {
            self.on_same(host);
            self.forget_what_does_not_count(host);
        }
        let Some(present) = self.present.get_mut(&host) else { return };
        if item.digest != digest && out.now >= present.ask_at {
            present.ask_at = out.now + ASK_AGAIN;
            self.send_vector(host, true, out);
        }
    }

    /// A host is in the session, or is not. True if that is new.
    pub fn set_host(&mut self, host: HostId, reach: Option<Reach>, now: Instant) -> bool {
        let changed = self.present.contains_key(&host) != reach.is_some();
        match reach {
            Some(Reach { window, .. }) => {
                self.aside.remove(&host);
                let fresh =
                    || Present { rows: BTreeMap::new(), ask_at: now, answer_at: now, since: now, window };
                self.present.entry(host).or_insert_with(fresh).window = window;
            }
            None => drop(self.present.remove(&host)),
        }
        if changed {
            self.limit_logs(); // what counts there may be taken here
            let round_trip = reach.and_then(|reach| reach.round_trip);
            round_trip.into_iter().for_each(|known| self.gaps.on_round_trip(known));
            for own in self.own.values_mut() {
                own.flow.set_members(self.present.iter().map(|(host, p)| (*host, p.window)), now);
            }
        }
        changed
    }

    /// The round trip time to a host in the session was measured.
    pub fn on_round_trip(&mut self, host: HostId, sample: Duration) {
        if self.present.contains_key(&host) {
            self.gaps.on_round_trip(sample);
        }
    }

    /// Whether a host is only now telling what it holds: all of that was said before we met.
    pub fn is_introduction(&self, host: HostId, now: Instant) -> bool {
        self.present.get(&host).is_none_or(|present| now.since(present.since) < INTRODUCTION)
    }

    pub(super) fn on_rows(&mut self, host: HostId, rows: &[Row], history: bool, out: &mut Outbox) {
        let members = self.present.len() + 1;
        for row in rows.iter().take(4 * MAX_ROWS) {
            let Some(id) = self.log_for(row.log(), out) else { continue };
            self.doubt(id, row.seq, out.now);
            if let Some(present) = self.present.get_mut(&host) {
                present.rows.insert(id, *row);
            } else if let Some(Aside { rows, .. }) = self.aside(host)
                && (rows.len() < MAX_ASIDE_ROWS || rows.contains_key(&id))
            {
                rows.insert(id, *row);
            }
            self.limit_anew(id, row.seq);
            let unseen = history && !self.history.contains_key(&id);
            let gone = self.gone(host, row, unseen);
            let log = self.logs.get_mut(&id).expect("log_for made it");
            if unseen {
                self.history.insert(id, row.seq.max(log.have()));
            }
            if let Some(upto) = gone {
                log.skip_to(upto);
                self.on_accepted(id, upto, out);
            }
            self.doubt_past(row, out.now);
            let grace = self.gaps.grace(members, &mut out.rng);
            let log = self.logs.get_mut(&id).expect("still there");
            log.note_head(row.seq, out.now, grace);
        }
        self.part_with_leaving(out);
    }

    /// Up to where a log is not to be had, going by what a host says it holds: what newcomers are not to see, and in a live
    /// session what has left the window. There the author's word counts, and without the author that of all others.
    pub(super) fn gone(&self, host: HostId, row: &Row, unseen: bool) -> Option<Seq> {
        let log = &self.logs[&row.log()];
        let sees_past = self.descriptor.history || self.members.is_some(); // without the keys there is nothing to see
        if !sees_past && unseen && log.have() == Seq(0) {
            return Some(row.seq);
        }
        if !self.is_live_log(row.log()) || row.first <= log.have().next() {
            return None;
        }
        let author =
            log.author().map(|author| author.host).filter(|author| self.present.contains_key(author));
        let firsts = self.present.values().filter_map(|present| Some(present.rows.get(&row.log())?.first));
        let first = match author {
            Some(author) if author == host => row.first,
            Some(_) => return None,
            None => firsts.min().unwrap_or(row.first),
        };
        (first > log.have().next()).then(|| Seq(first.0 - 1))
    }

    pub(super) fn take_volatile(
        &mut self,
        destination: InstanceId,
        body: control::Volatile,
        user: UserId,
        out: &mut Outbox,
    ) {
        let head = chalktalk_ipc::batch::DeliverHead {
            session: self.id,
            origin: body.log.origin,
            user,
            instance: body.instance,
            epoch: body.log.epoch.0,
            flags: chalktalk_ipc::batch::DeliverFlags {
                volatile: true,
                addressed: !destination.is_nil(),
                ..Default::default()
            },
        };
        let message = VolatileMessage {
            head,
            seq: body.seq,
            stamp: body.stamp,
            time: body.time,
            urgent: body.urgent,
            payload: body.payload.into_vec().into(),
        };
        let for_it = |id: &InstanceId| *id != body.instance && (destination.is_nil() || destination == *id);
        for (id, reader) in self.readers.iter_mut().filter(|(id, _)| for_it(id)) {
            reader.push_volatile(message.clone());
            out.ready.insert(*id);
        }
    }
}

/// Whom a first entry says it is by, if it opens and the certificate in it holds.
pub(super) fn author_of(entry: Entry<'_>, keys: &Ring, out: &mut Outbox) -> Option<Author> {
    let mut scratch = Vec::new();
    let entry = keys.open_entry(entry, &mut scratch)?;
    let genesis: Option<Genesis> = control::read(entry.body).ok();
    let author = genesis.as_ref().and_then(|genesis| genesis.certificate.verify());
    if author.is_none() {
        out.counters.add("drop.bad certificate", 1);
    }
    author
}
