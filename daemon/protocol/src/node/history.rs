//! Reading a session's past backwards, a page at a time, in the order of its Lamport stamps.
//!
//! Invariant: pages join without gap or overlap, also when a page ends inside an entry.

use super::Node;
use crate::{
    entry::Entry,
    ids::{LogId, Seq},
    session::Session,
    stream::StreamReader,
};
use bytes::Bytes;
use chalktalk_ipc::{
    Position, SessionId, UserId,
    batch::{DeliverFlags, DeliverHead, Incoming},
    request::{HistoryPoint, SessionKind},
};

/// Messages in one page, at the most.
const MAX_PAGE: usize = 1000;

/// Entries read at a time.
const CHUNK: usize = 64;

/// Entries that the longest message spans.
const LONGEST: u64 = 50;

/// Where entries are read from.
pub trait Past {
    /// Entries of a session at or before a point, newest first: by stamp, then log, then slot.
    fn before(&self, session: SessionId, point: Option<(u64, LogId, Seq)>, count: usize) -> Vec<Bytes>;
    /// Entries of a log from one slot on, in order.
    fn read(&self, session: SessionId, log: LogId, from: Seq, count: usize) -> Vec<Bytes>;
}

/// A message of the past, with what it has in common with its neighbours.
pub struct PastMessage {
    /// Who, where.
    pub head: DeliverHead,
    stamp: u64,
    time: u64,
    seq: u64,
    index: u16,
    urgent: bool,
    mentions_you: bool,
    payload: Vec<u8>,
}

impl PastMessage {
    /// As it is handed over.
    pub fn incoming(&self) -> Incoming<'_> {
        Incoming {
            seq: self.seq,
            index: self.index,
            stamp: self.stamp,
            time: self.time,
            urgent: self.urgent,
            mentions_you: self.mentions_you,
            payload: &self.payload,
        }
    }

    fn point(&self) -> HistoryPoint {
        let head = &self.head;
        let position = Position { origin: head.origin, epoch: head.epoch, seq: self.seq, index: self.index };
        HistoryPoint { stamp: self.stamp, position }
    }
}

impl Node {
    /// Messages of a session before a point, newest first, and the point to go on from (`None` at the beginning).
    pub fn history(
        &self,
        id: SessionId,
        user: UserId,
        before: Option<HistoryPoint>,
        limit: usize,
        store: &impl Past,
    ) -> Option<(Vec<PastMessage>, Option<HistoryPoint>)> {
        let session = self.sessions.get(&id).filter(|session| session.joined.contains(&user))?;
        Some(match session.descriptor.kind {
            SessionKind::Kept => self.page(session, user, before, limit, store),
            SessionKind::Live => self.page(session, user, before, limit, &Memory(session)),
        })
    }

    fn page(
        &self,
        session: &Session,
        user: UserId,
        before: Option<HistoryPoint>,
        limit: usize,
        past: &impl Past,
    ) -> (Vec<PastMessage>, Option<HistoryPoint>) {
        let limit = limit.clamp(1, MAX_PAGE);
        let mut page = Vec::new();
        let mut at = before.map(|point| (point.stamp, log_of(&point.position), Seq(point.position.seq)));
        loop {
            let entries = past.before(session.id(), at, CHUNK);
            let skip = usize::from(
                at.is_some() && before.map(|p| (p.stamp, log_of(&p.position), Seq(p.position.seq))) != at,
            );
            let mut last = None;
            for datagram in entries.iter().skip(skip) {
                let Ok(entry) = Entry::from_datagram(datagram) else { continue };
                last = Some((entry.stamp, entry.log, entry.seq));
                let mut messages = self.messages_of(&entry, session, user, past);
                messages.retain(|message| before.is_none_or(|point| message.point() < point));
                for message in messages.into_iter().rev() {
                    let point = message.point();
                    page.push(message);
                    if page.len() == limit {
                        return (page, Some(point));
                    }
                }
            }
            match last {
                Some(point) if entries.len() == CHUNK => at = Some(point),
                _ => return (page, None),
            }
        }
    }

    /// The messages that end in an entry.
    fn messages_of(
        &self,
        entry: &Entry<'_>,
        session: &Session,
        user: UserId,
        past: &impl Past,
    ) -> Vec<PastMessage> {
        let mut messages = Vec::new();
        if !entry.destination.is_nil() || entry.genesis {
            return messages;
        }
        let mut reader = StreamReader::in_middle();
        if entry.first > 0 {
            let from = Seq(entry.seq.0.saturating_sub(LONGEST).max(1));
            for datagram in past.read(session.id(), entry.log, from, entry.seq.ahead_of(from) as usize) {
                if let Ok(before) = Entry::from_datagram(&datagram) {
                    let _ = reader.read(&before, |_| {});
                }
            }
        }
        let author = self.authors.get(&entry.log.origin).map_or(UserId::NIL, |author| author.user);
        let _ = reader.read(entry, |message| {
            let head = DeliverHead {
                session: session.id(),
                origin: entry.log.origin,
                user: author,
                instance: message.author.instance,
                epoch: entry.log.epoch.0,
                flags: DeliverFlags { history: true, ..DeliverFlags::default() },
            };
            messages.push(PastMessage {
                head,
                stamp: entry.stamp,
                time: entry.time,
                seq: entry.seq.0,
                index: message.index,
                urgent: message.urgent,
                mentions_you: message.mentions(&user),
                payload: message.payload.to_vec(),
            });
        });
        messages
    }
}

fn log_of(position: &Position) -> LogId {
    LogId { origin: position.origin, epoch: crate::ids::Epoch(position.epoch) }
}

/// The window of a live session.
struct Memory<'s>(&'s Session);

impl Past for Memory<'_> {
    fn before(&self, _: SessionId, point: Option<(u64, LogId, Seq)>, count: usize) -> Vec<Bytes> {
        let mut held = Vec::new();
        for (id, log) in self.0.logs() {
            for seq in log.base().0 + 1..=log.have().0 {
                let Some(datagram) = log.entry(Seq(seq)) else { continue };
                let Ok(entry) = Entry::from_datagram(datagram) else { continue };
                let key = (entry.stamp, *id, Seq(seq));
                if point.is_none_or(|point| key <= point) {
                    held.push((key, datagram.clone()));
                }
            }
        }
        held.sort_by(|(a, _), (b, _)| b.cmp(a));
        held.into_iter().take(count).map(|(_, datagram)| datagram).collect()
    }

    fn read(&self, _: SessionId, log: LogId, from: Seq, count: usize) -> Vec<Bytes> {
        let Some(log) = self.0.logs().get(&log) else { return vec![] };
        (from.0..from.0 + count as u64).filter_map(|seq| log.entry(Seq(seq)).cloned()).collect()
    }
}
