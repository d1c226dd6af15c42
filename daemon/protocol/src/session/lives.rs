//! The lives of an author's log in one session: what each says of the one before, and where two may tell the same.
//!
//! An author that went down uncleanly goes on in a new life, whose first entry says how far the one before is known to it.
//! What that one holds beyond may turn up again on other hosts; its programs, which were never told *stored*, may have
//! published it again. So behind that slot, and only there, two lives can hold the same message, and a reader has to know of
//! all of them what it has handed over.
//!
//! Invariant: which messages two lives share follows from the logs alone, so that a position is all that a reader has to
//! keep.

use crate::{
    control,
    entry::Entry,
    ids::{Epoch, LogId, Seq},
    log::Log,
};
use bytes::Bytes;
use chalktalk_ipc::OriginId;
use std::{
    collections::BTreeMap,
    ops::{Bound, RangeInclusive},
};

/// Entries that the longest message spans, with room for signatures between them.
pub(super) const LONGEST: u64 = 64;

/// What a life says of the one before: which, its last slot known, and the hash of that.
pub(super) type Former = (Epoch, Seq, [u8; 16]);

/// All lives of an origin.
pub(super) fn lives(origin: OriginId) -> RangeInclusive<LogId> {
    LogId { origin, epoch: Epoch(0) }..=LogId { origin, epoch: Epoch(u32::MAX) }
}

/// All lives of a log of its kind: in live sessions by invitation an origin has two in each life, a kept and a live one.
pub(super) fn alike(id: LogId) -> RangeInclusive<LogId> {
    let of = |epoch: u32| match id.epoch.is_live() {
        true => LogId { origin: id.origin, epoch: Epoch(epoch).live() },
        false => LogId { origin: id.origin, epoch: Epoch(epoch) },
    };
    of(0)..=of(u32::MAX >> 1)
}

/// The lives after this one.
pub(super) fn later(id: LogId) -> (Bound<LogId>, Bound<LogId>) {
    (Bound::Excluded(id), Bound::Included(*alike(id).end()))
}

/// What the first entry of a life says of the one before.
pub(super) fn former_in(entry: &Entry<'_>) -> Option<Former> {
    let genesis: super::writer::Genesis = control::read(entry.body).ok()?;
    genesis.previous.filter(|(epoch, _, _)| *epoch < entry.log.epoch)
}

/// What a life of ours that begins now can say of the one before.
pub(super) fn former_of(logs: &BTreeMap<LogId, Log>, id: LogId) -> Option<Former> {
    let earlier = logs.range(alike(id)).rev();
    let (before, log) = earlier.filter(|(before, _)| **before < id).find(|(_, log)| log.have() > Seq(0))?;
    let known = known(log);
    let hash = log.entry(known).map(|datagram| crate::crypto::entry_hash(datagram));
    Some((before.epoch, known, hash.unwrap_or_default()))
}

/// Up to where we know whose messages a former life of ours holds. What others gave back to us may begin inside a message
/// whose head is only on the disk; then it counts as not known.
fn known(log: &Log) -> Seq {
    let restored = log.restored_upto();
    let begins = |datagram: &Bytes| Entry::from_datagram(datagram).is_ok_and(|entry| entry.first == 0);
    let whole = restored == Seq(0) || log.entry(restored.next()).is_some_and(begins);
    if whole { log.have() } else { restored }
}

/// Up to where the next life knew this one, if more is held of it: what stands behind may have been published again.
pub(super) fn shared_behind(logs: &BTreeMap<LogId, Log>, id: LogId) -> Option<Seq> {
    let (_, next) = logs.range(later(id)).find(|(_, log)| log.have() > Seq(0))?;
    let known = match next.former() {
        Some((epoch, _)) if epoch > id.epoch => return None, // a life between them, of which we have nothing, says more
        Some((epoch, seq)) if epoch == id.epoch => seq,
        _ => Seq(0),
    };
    (logs[&id].have() > known).then_some(known)
}
