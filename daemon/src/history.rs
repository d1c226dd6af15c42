//! A session's past, newest first: pages of entries, stored or (live) still in the window, and the messages that end in them.
//!
//! A message may begin entries before the one it ends in; those are read again as far back as a message can reach.
//!
//! Invariant: a page ends where the next one begins; no message is told twice, and none is left out between pages.

use crate::{
    clients::Clients,
    local::OUTBOX,
    outputs::Writer,
    store::{Place, Store, StoreError},
};
use bytes::Bytes;
use chalktalk_ipc::{
    Answer, Event, MAX_MESSAGE, Position, Refusal, RefusalCode, SessionId, UserId,
    batch::{DeliverFlags, DeliverHead, Incoming},
    request::HistoryPoint,
};
use chalktalk_protocol::{
    entry::Entry,
    frame::MAX_DATAGRAM,
    ids::{Epoch, LogId, Seq},
    node::Node,
    stream::StreamReader,
};
use std::collections::{BTreeMap, BTreeSet};

/// Messages in one answer, as the local protocol says.
const MAX_MESSAGES: usize = 1000;
/// Bytes in one answer: what a program may leave unread. Who wants more asks for the next page.
const MAX_BYTES: usize = OUTBOX;
/// Entries looked at together.
const ENTRIES: usize = 128;
/// Entries of one log looked at in one answer, also when no message for everybody ends in them.
const MOST_ENTRIES: usize = 4096;
/// Entries that the longest message can begin before the one it ends in.
const REACH: u64 = (MAX_MESSAGE / (MAX_DATAGRAM / 2)) as u64 + 2;

/// What is asked for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Wish {
    /// By whom.
    pub user: UserId,
    /// Which session.
    pub session: SessionId,
    /// Only what stands before this.
    pub before: Option<HistoryPoint>,
    /// At most so many messages.
    pub limit: u32,
}

/// One message of the past.
struct Past {
    place: Place,
    index: u16,
    head: DeliverHead,
    time: u64,
    urgent: bool,
    mentions_you: bool,
    payload: Bytes,
}

/// Writes the messages as deliver frames flagged `history`, newest first; the answer says where to go on.
pub fn tell(
    wish: &Wish,
    node: &Node,
    store: &Store,
    clients: &Clients,
    writer: &mut Writer<'_>,
) -> Result<Answer, Refusal> {
    if !node.has_joined(wish.user, wish.session) {
        return Err(Refusal::new(RefusalCode::NotJoined, "you have not joined this session"));
    }
    let found = read(wish, node, store).map_err(|e| Refusal::new(RefusalCode::Storage, e.to_string()))?;
    let mut told = BTreeSet::new();
    for past in &found.messages {
        if told.insert(past.head.origin) {
            introduce(wish.session, past.place.log, node, clients, writer);
        }
        let message = Incoming {
            seq: past.place.seq.0,
            index: past.index,
            stamp: past.place.stamp,
            time: past.time,
            urgent: past.urgent,
            mentions_you: past.mentions_you,
            payload: &past.payload,
        };
        writer.message(&past.head, &message);
    }
    Ok(Answer::HistoryEnd { before: found.next })
}

fn introduce(session: SessionId, log: LogId, node: &Node, clients: &Clients, writer: &mut Writer<'_>) {
    let origin = log.origin;
    if let Some(author) = node.author(session, log) {
        let host = clients.host_name(author.host);
        writer.event(Event::Author { origin, user: author.user, name: author.name.clone(), host });
    }
}

struct Found {
    messages: Vec<Past>,
    next: Option<HistoryPoint>,
}

fn read(wish: &Wish, node: &Node, store: &Store) -> Result<Found, StoreError> {
    let limit = (wish.limit as usize).min(MAX_MESSAGES);
    let mut messages: Vec<Past> = Vec::new();
    let mut bytes = 0;
    // Messages of the entry that the last page ended in may still be untold: it is read again.
    let mut bound = wish.before.map(|point| Place { seq: place(&point).seq.next(), ..place(&point) });
    let mut looked_at = 0;
    loop {
        let page = page(wish.session, bound, node, store)?;
        let Some((oldest, _)) = page.last() else { return Ok(Found { messages, next: None }) };
        let oldest = *oldest;
        let mut texts = extract(wish, node, store, &page)?;
        for (at, _) in &page {
            for past in texts.remove(at).unwrap_or_default().into_iter().rev() {
                if wish
                    .before
                    .is_some_and(|point| (past.place, past.index) >= (place(&point), point.position.index))
                {
                    continue;
                }
                if messages.len() >= limit || (bytes > 0 && bytes + past.payload.len() > MAX_BYTES) {
                    let next = messages.last().map(point_of).or(wish.before);
                    return Ok(Found { messages, next });
                }
                bytes += past.payload.len();
                messages.push(past);
            }
        }
        looked_at += page.len();
        bound = Some(oldest);
        if looked_at >= MOST_ENTRIES {
            return Ok(Found { messages, next: Some(before(oldest)) });
        }
    }
}

/// Entries that stand before `bound`, newest first.
fn page(
    session: SessionId,
    bound: Option<Place>,
    node: &Node,
    store: &Store,
) -> Result<Vec<(Place, Bytes)>, StoreError> {
    let place = |(stamp, log, seq)| Place { stamp, log, seq };
    let before = bound.map(|Place { stamp, log, seq }| (stamp, log, seq));
    match node.window_before(session, before, ENTRIES) {
        Some(window) => Ok(window.into_iter().map(|(at, datagram)| (place(at), datagram)).collect()),
        None => store.read_before(session, bound, ENTRIES),
    }
}

/// The messages for everybody that end in the entries of a page, by place.
fn extract(
    wish: &Wish,
    node: &Node,
    store: &Store,
    page: &[(Place, Bytes)],
) -> Result<BTreeMap<Place, Vec<Past>>, StoreError> {
    let mut logs: BTreeMap<LogId, BTreeMap<Seq, (Place, &Bytes)>> = BTreeMap::new();
    for (place, datagram) in page {
        logs.entry(place.log).or_default().insert(place.seq, (*place, datagram));
    }
    let mut found = BTreeMap::new();
    for (log, entries) in logs {
        let Some(first) = entries.keys().next().copied() else { continue };
        let mut reader = lead_in(wish.session, log, first, node, store)?;
        let mut expected = first;
        for (seq, (place, datagram)) in entries {
            if seq != expected {
                reader = lead_in(wish.session, log, seq, node, store)?;
            }
            expected = seq.next();
            found.insert(place, messages(wish, node, place, datagram, &mut reader));
        }
    }
    Ok(found)
}

/// A reader that has seen what stands before an entry.
fn lead_in(
    session: SessionId,
    log: LogId,
    first: Seq,
    node: &Node,
    store: &Store,
) -> Result<StreamReader, StoreError> {
    let from = Seq(first.0.saturating_sub(REACH).max(1)).max(node.window_start(session, log));
    let mut reader = if from == Seq(1) { StreamReader::at_start() } else { StreamReader::in_middle() };
    let wanted = usize::try_from(first.ahead_of(from)).unwrap_or(0);
    let before = match node.is_live(session) {
        _ if wanted == 0 => Vec::new(),
        true => node.cached(session, log, from, wanted * MAX_DATAGRAM),
        false => store.read(session, log, from, wanted * MAX_DATAGRAM)?,
    };
    let mut scratch = Vec::new();
    for datagram in before.iter().take(wanted) {
        let entry = Entry::from_datagram(datagram).ok();
        if let Some(entry) = entry.and_then(|entry| node.open_entry(entry, &mut scratch)) {
            // What is laid out wrongly holds nothing to tell.
            let _ = reader.read(&entry, |_| ());
        }
    }
    Ok(reader)
}

fn messages(
    wish: &Wish,
    node: &Node,
    place: Place,
    datagram: &Bytes,
    reader: &mut StreamReader,
) -> Vec<Past> {
    let mut found = Vec::new();
    let mut scratch = Vec::new();
    let entry = Entry::from_datagram(datagram).ok();
    let opened = entry.and_then(|entry| node.open_for(wish.user, entry, &mut scratch));
    let Some(entry) = opened else { return found };
    let user = node.author(wish.session, place.log).map_or(UserId::NIL, |author| author.user);
    if node.is_shut(wish.user, user) {
        return found;
    }
    let _ = reader.read(&entry, |message| {
        if entry.destination.is_nil() {
            let head = DeliverHead {
                session: wish.session,
                origin: place.log.origin,
                user,
                instance: message.author.instance,
                epoch: place.log.epoch.0,
                flags: DeliverFlags { history: true, ..DeliverFlags::default() },
            };
            found.push(Past {
                place,
                index: message.index,
                head,
                time: entry.time,
                urgent: message.urgent,
                mentions_you: message.mentions(&wish.user),
                payload: Bytes::copy_from_slice(message.payload),
            });
        }
    });
    found
}

fn place(point: &HistoryPoint) -> Place {
    let Position { origin, epoch, seq, .. } = point.position;
    Place { stamp: point.stamp, log: LogId { origin, epoch: Epoch(epoch) }, seq: Seq(seq) }
}

fn point_of(past: &Past) -> HistoryPoint {
    HistoryPoint {
        position: Position { index: past.index, ..before(past.place).position },
        stamp: past.place.stamp,
    }
}

/// Before the first message of an entry.
fn before(place: Place) -> HistoryPoint {
    let position =
        Position { origin: place.log.origin, epoch: place.log.epoch.0, seq: place.seq.0, index: 0 };
    HistoryPoint { stamp: place.stamp, position }
}
