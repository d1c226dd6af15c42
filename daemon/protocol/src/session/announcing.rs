//! What a session tells other hosts of what it holds.
//!
//! Invariant: of kept sessions only what is stored is told.

use super::{Aside, Session, lives::lives};
use crate::{
    control::{self, MAX_ROWS, Row, SessionItem, Vector},
    crypto::Author,
    frame::Kind,
    ids::{LogId, Seq},
    log::Log,
    outbox::Outbox,
    time::Instant,
};
use chalktalk_ipc::{HostId, OriginId};
use std::{collections::BTreeMap, time::Duration};

/// Rows of a session in one heartbeat.
const ROWS_PER_BEAT: usize = 8;

/// How long a log that moved is named in heartbeats.
const RECENT: Duration = Duration::from_secs(5);

/// How often one host is told our vector because it asked.
const ANSWER_AGAIN: Duration = Duration::from_millis(100);

/// How often a host that does not count as present is told what there is.
const TELL_AGAIN: Duration = Duration::from_millis(1000);

/// Such hosts of which something is remembered, and logs of each: they are few, or somebody invents them.
const MAX_ASIDE: usize = 64;
pub(super) const MAX_ASIDE_ROWS: usize = 256;

/// Logs in one session: more than any LAN has writers; beyond it somebody invents them.
const MAX_LOGS: usize = 4096;

impl Session {
    /// Hash of what is held here.
    pub fn digest(&self) -> u64 {
        let mut hash = blake3::Hasher::new();
        for (id, log) in self.logs.iter().filter(|(_, log)| log.counted() > Seq(0)) {
            hash.update(&id.origin.0)
                .update(&id.epoch.0.to_le_bytes())
                .update(&log.counted().0.to_le_bytes());
        }
        u64::from_le_bytes(hash.finalize().as_bytes()[..8].try_into().expect("a hash has 32 bytes"))
    }

    /// What this host announces of the session.
    pub fn item(&mut self, now: Instant) -> SessionItem {
        self.moved.retain(|_, at| now.since(*at) < RECENT);
        let mut ids: Vec<LogId> = self.own.keys().copied().filter(|id| self.moved.contains_key(id)).collect();
        let mut recent: Vec<_> = self.moved.iter().map(|(id, at)| (*at, *id)).collect();
        recent.sort_by(|a, b| b.cmp(a));
        ids.extend(recent.into_iter().map(|(_, id)| id));
        ids.dedup();
        let snapshots = self.snapshots_told();
        // A snapshot takes the room of a row.
        let most = ROWS_PER_BEAT - snapshots.len();
        let rows = ids.into_iter().take(most).filter_map(|id| self.row(id)).collect();
        let leaving = self.members.iter().flat_map(|members| members.leaving.iter());
        let users = if self.pair.is_some() {
            Vec::new()
        } else {
            self.joined.iter().chain(leaving).copied().collect()
        };
        SessionItem {
            session: self.id,
            descriptor: self.announced(),
            users,
            digest: self.digest(),
            rows,
            instances: self.app_instances(),
            snapshots,
        }
    }

    pub(super) fn row(&self, id: LogId) -> Option<Row> {
        let log = self.logs.get(&id)?;
        let acked = self.joined.iter().map(|user| self.acked_by(user, id));
        let first = log.start().next();
        let seq = log.counted();
        (seq > Seq(0)).then(|| Row {
            origin: id.origin,
            epoch: id.epoch,
            first,
            seq,
            acked: acked.min().unwrap_or_default(),
        })
    }

    /// Answers with the vector, but not so often that a small frame of one host could draw large ones to another.
    pub(super) fn answer_vector(&mut self, host: HostId, out: &mut Outbox) {
        let Some(present) = self.present.get_mut(&host) else { return self.tell_aside(host, out) };
        if out.now >= present.answer_at {
            present.answer_at = out.now + ANSWER_AGAIN;
            self.send_vector(host, false, out);
        }
    }

    /// A host that is in the session by its own word, and not by what is known here: one of the two does not know yet that somebody
    /// has been put out, or asked in.
    pub fn on_announced_aside(&mut self, host: HostId, item: &SessionItem, out: &mut Outbox) {
        if item.digest != self.digest() {
            self.tell_aside(host, out);
        }
    }

    /// Tells such a host what there is.
    fn tell_aside(&mut self, host: HostId, out: &mut Outbox) {
        let Some(aside) = self.aside(host) else { return };
        if aside.told.is_none_or(|at| out.now.since(at) >= TELL_AGAIN) {
            aside.told = Some(out.now);
            self.send_vector(host, false, out);
        }
    }

    /// What is known of a host that does not count as present.
    pub(super) fn aside(&mut self, host: HostId) -> Option<&mut Aside> {
        let known = self.aside.contains_key(&host);
        let free = known || self.members.is_some() && self.aside.len() < MAX_ASIDE;
        free.then(|| self.aside.entry(host).or_insert(Aside { told: None, rows: BTreeMap::new() }))
    }

    pub(super) fn send_vector(&self, host: HostId, answer: bool, out: &mut Outbox) {
        let rows: Vec<Row> = self.logs.keys().filter_map(|id| self.row(*id)).collect();
        let mut frames: Vec<&[Row]> = rows.chunks(MAX_ROWS).collect();
        if frames.is_empty() {
            frames.push(&[]);
        }
        let last = frames.len() - 1;
        for (i, rows) in frames.into_iter().enumerate() {
            let vector = Vector { host: out.host, rows: rows.to_vec(), answer: answer && i == last };
            out.unicast.push_back((host, control::frame(Kind::Vector, self.id, &vector).into()));
        }
    }

    pub(super) fn log_for(&mut self, id: LogId, out: &mut Outbox) -> Option<LogId> {
        if !self.logs.contains_key(&id) {
            if self.logs.len() >= MAX_LOGS {
                out.counters.add("drop.too many logs", 1);
                return None;
            }
            let live = self.is_live_log(id);
            self.logs.insert(id, Log::new(id, live));
        }
        Some(id)
    }

    /// What has to be remembered to go on with the same epoch after a clean stop.
    pub fn clean_stop(&self) -> Vec<(OriginId, [u8; 16])> {
        let kept = self.own.values().filter(|own| !self.is_live_log(own.writer.log()));
        kept.filter(|own| own.writer.last() > Seq(0))
            .map(|own| (own.writer.log().origin, own.writer.previous()))
            .collect()
    }

    /// Learns who an origin is, from elsewhere than its log.
    pub fn on_author(&mut self, author: &Author, out: &mut Outbox) {
        let ids: Vec<LogId> = self.logs.range(lives(author.origin)).map(|(id, _)| *id).collect();
        for id in ids {
            if !self.may_write(author.user, id) {
                continue;
            }
            let limits = self.limits(author.user, id);
            let log = self.logs.get_mut(&id).expect("just listed");
            let before = log.have();
            if log.author().is_none() {
                log.set_limits(limits);
            }
            if log.set_author(author.clone(), out.now, &mut out.signatures) {
                self.on_accepted(id, before, out);
            }
        }
    }
}
