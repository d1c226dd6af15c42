//! One origin's log in one session, in one life: which slots are held, which are missing, and what may be believed.
//!
//! An entry is *accepted* when a signature covers it: its own, or that of a later entry that lists its hash. Until then
//! it is a *candidate*: neither delivered, nor in the vector, nor repaired from.
//!
//! Invariant: `have` is the end of the run of accepted entries that starts at slot 1; `stored <= have <= head`.

use crate::{
    crypto::{Author, entry_hash},
    entry::{Entry, Proof},
    ids::{Epoch, LogId, Seq},
    signatures::Signatures,
    time::Instant,
};
use bytes::Bytes;
use std::{collections::VecDeque, ops::RangeInclusive, time::Duration};

/// Slots tracked ahead of `have`. More than any window that a sender may have outstanding; what is further ahead
/// comes by catch-up, in order.
pub const MAX_AHEAD: u64 = 4096;

/// Candidates held per log, in bytes: two bursts at most are ever open, the rest is somebody's invention.
const MAX_CANDIDATE_BYTES: usize = 1 << 20;

/// The counter of entries whose signature does not hold.
pub const BAD_SIGNATURE: &str = "bad signature";

/// The counter of entries by somebody who is not in the session.
pub const NO_MEMBER: &str = "drop.not a member";

type Hash = [u8; 16];

#[derive(Default, Debug)]
struct Slot {
    accepted: Option<Bytes>,
    candidates: [Option<Bytes>; 2],
    /// What a signature says this slot must hash to.
    expected: Option<Hash>,
    /// When to ask for it (again).
    due: Instant,
    tries: u8,
    repaired: Option<Instant>,
}

impl Slot {
    fn is_missing(&self) -> bool {
        self.accepted.is_none() && self.candidates[0].is_none()
    }
}

/// What became of a received entry.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Received {
    /// Held already.
    Duplicate,
    /// Kept until a signature covers it.
    Candidate,
    /// Accepted, and perhaps others with it.
    Accepted,
    /// Not believed, or beyond a bound: the name of the counter.
    Refused(&'static str),
    /// Two signatures of the author contradict each other.
    Equivocation,
}

/// How soon a missing slot is asked for again.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    /// Wait after the first request.
    pub first: Duration,
    /// Never wait longer.
    pub most: Duration,
}

impl Patience {
    /// The wait after so many requests: ×1.6 each.
    fn after(&self, tries: u8) -> Duration {
        self.first.mul_f64(1.6f64.powi(i32::from(tries.min(30)))).min(self.most)
    }
}

/// A log.
#[derive(Debug)]
pub struct Log {
    id: LogId,
    author: Option<Author>,
    base: Seq,
    slots: VecDeque<Slot>,
    have: Seq,
    stored: Seq,
    head: Seq,
    stamp: u64,
    cached_bytes: usize,
    candidate_bytes: usize,
    next_due: Option<Instant>,
    frozen: bool,
    memory_only: bool,
    longest_tries: u8,
    start: Seq,
    own: bool,
    restored: Seq,
    former: Option<(Epoch, Seq)>,
    /// Whether it begins somewhere behind its first entry, which is not held either.
    lacks_first: bool,
    limits: Limits,
}

/// How far a log matters, going by who is in; `None`: all of it.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Limits {
    /// What is behind this is neither told of nor handed over.
    pub counted: Option<Seq>,
    /// What is behind this is neither asked for nor taken.
    pub taken: Option<Seq>,
}

impl Log {
    /// An empty log. `memory_only`: nothing is ever stored (live sessions).
    pub fn new(id: LogId, memory_only: bool) -> Self {
        Self {
            id,
            author: None,
            base: Seq(0),
            slots: VecDeque::new(),
            have: Seq(0),
            stored: Seq(0),
            head: Seq(0),
            stamp: 0,
            cached_bytes: 0,
            candidate_bytes: 0,
            next_due: None,
            frozen: false,
            memory_only,
            longest_tries: 0,
            start: Seq(0),
            own: false,
            restored: Seq(0),
            former: None,
            lacks_first: false,
            limits: Limits::default(),
        }
    }

    /// A log whose entries from `first` to `last` are in the store; those before are not to be had.
    pub fn restored(id: LogId, first: Seq, last: Seq, stamp: u64) -> Self {
        let start = Seq(first.0.saturating_sub(1));
        let log = Self::new(id, false);
        Self { base: last, have: last, stored: last, restored: last, head: last, start, stamp, ..log }
    }

    /// Which log.
    pub fn id(&self) -> LogId {
        self.id
    }

    /// Who writes it, once known.
    pub fn author(&self) -> Option<&Author> {
        self.author.as_ref()
    }

    /// End of the accepted run.
    pub fn have(&self) -> Seq {
        self.have
    }

    /// End of the run that is safe: on disk, or in live sessions in memory.
    pub fn stored(&self) -> Seq {
        if self.memory_only { self.have } else { self.stored }
    }

    /// End of the run that others are told of: what is stored of what counts.
    pub fn counted(&self) -> Seq {
        self.limits.counted.map_or(self.stored(), |limit| limit.min(self.stored()))
    }

    /// Says how far it matters.
    pub fn set_limits(&mut self, limits: Limits) {
        self.limits = limits;
        let Some(limit) = limits.taken else { return };
        self.head = self.head.min(limit.max(self.have));
        while self.base.0 + self.slots.len() as u64 > self.head.0 {
            let Some(slot) = self.slots.pop_back() else { break };
            self.cached_bytes -= slot.accepted.map_or(0, |datagram| datagram.len());
            self.candidate_bytes -= slot.candidates.iter().flatten().map(Bytes::len).sum::<usize>();
        }
    }

    /// Whether more than what is taken of it is counted elsewhere.
    pub fn takes_less_than(&self, counted: Seq) -> bool {
        self.limits.taken.is_some_and(|limit| limit < counted)
    }

    /// Says that it is written here.
    pub fn set_own(&mut self) {
        self.own = true;
    }

    /// End of the run that local apps may be handed. Of what is written here only what is safe: the rest may go down
    /// with this host, and be published again.
    pub fn readable(&self) -> Seq {
        let held = if self.own { self.stored() } else { self.have };
        self.limits.counted.map_or(held, |limit| limit.min(held))
    }

    /// End of what the store held when the log was restored.
    pub fn restored_upto(&self) -> Seq {
        self.restored
    }

    /// The life before this one and its last slot known to the author, as the first entry says.
    pub fn former(&self) -> Option<(Epoch, Seq)> {
        self.former
    }

    /// Learns what the first entry says of the life before.
    pub fn set_former(&mut self, former: Option<(Epoch, Seq)>) {
        self.former = former;
    }

    /// Last slot known to exist.
    pub fn head(&self) -> Seq {
        self.head
    }

    /// Slots up to here are only in the store, or (live) gone.
    pub fn base(&self) -> Seq {
        self.base
    }

    /// Highest Lamport stamp accepted.
    pub fn stamp(&self) -> u64 {
        self.stamp
    }

    /// Bytes of accepted entries in memory.
    pub fn cached_bytes(&self) -> usize {
        self.cached_bytes
    }

    /// Whether something up to the head is not accepted.
    pub fn has_gap(&self) -> bool {
        self.head > self.have && !self.frozen
    }

    /// The accepted entry in a slot, if it is in memory.
    pub fn entry(&self, seq: Seq) -> Option<&Bytes> {
        self.slot(seq)?.accepted.as_ref()
    }

    /// What may be its first entry, as far as it is in memory.
    pub fn first_entries(&self) -> impl Iterator<Item = &Bytes> {
        let slot = self.slot(Seq(1));
        slot.into_iter().flat_map(|slot| slot.accepted.iter().chain(slot.candidates.iter().flatten()))
    }

    /// Learns whose log it is; entries that waited for the key are looked at again.
    pub fn set_author(&mut self, author: Author, now: Instant, signatures: &mut Signatures) -> bool {
        debug_assert_eq!(author.origin, self.id.origin);
        if self.author.is_some() {
            return false;
        }
        self.author = Some(author);
        let waiting: Vec<Bytes> = self
            .slots
            .iter_mut()
            .flat_map(|slot| slot.candidates.iter().flatten().cloned().collect::<Vec<_>>())
            .collect();
        let before = self.have;
        for datagram in waiting {
            let entry =
                Entry::from_datagram(&datagram).expect("candidates were parsed before they were kept");
            if entry.proof.is_some() {
                self.receive_signed(&entry, &datagram, now, signatures);
            }
        }
        self.advance();
        self.have > before
    }

    /// Takes in an entry from the network. New gaps are asked for after `grace`.
    pub fn receive(
        &mut self,
        entry: &Entry<'_>,
        datagram: &[u8],
        now: Instant,
        grace: Duration,
        signatures: &mut Signatures,
    ) -> Received {
        if self.frozen {
            return Received::Refused("frozen log");
        }
        if entry.seq <= self.have || entry.seq <= self.base {
            return Received::Duplicate;
        }
        if self.limits.taken.is_some_and(|limit| entry.seq > limit) {
            return Received::Refused(NO_MEMBER);
        }
        self.note_head(if entry.proof.is_some() { entry.seq } else { entry.seq.next() }, now, grace);
        let Some(slot) = self.slot(entry.seq) else { return Received::Refused("too far ahead") };
        if slot.accepted.is_some() || slot.candidates.iter().flatten().any(|c| c == datagram) {
            return Received::Duplicate;
        }
        let outcome = if let Some(expected) = slot.expected {
            if entry_hash(datagram) != expected {
                return Received::Refused("wrong hash");
            }
            self.accept(entry.seq, Bytes::copy_from_slice(datagram));
            if entry.proof.is_some() { self.apply_proof(entry, now) } else { Received::Accepted }
        } else if entry.proof.is_some() && self.author.is_some() {
            self.receive_signed(entry, &Bytes::copy_from_slice(datagram), now, signatures)
        } else {
            self.keep_candidate(entry.seq, datagram)
        };
        self.advance();
        outcome
    }

    /// Appends an entry of our own writing.
    pub fn append(&mut self, seq: Seq, stamp: u64, datagram: Bytes) {
        assert_eq!(seq, self.have.next(), "own entries are written in order");
        self.head = self.head.max(seq);
        self.extend_slots(Instant::ZERO);
        self.stamp = self.stamp.max(stamp);
        self.accept(seq, datagram);
        self.advance();
    }

    /// Learns that the log reaches at least to `head`.
    pub fn note_head(&mut self, head: Seq, now: Instant, grace: Duration) {
        let head = self.limits.taken.map_or(head, |limit| head.min(limit));
        if head > self.head && !self.frozen {
            self.head = head;
            self.extend_slots(now + grace);
        }
    }

    /// The slots to ask for now, in runs; each is due again after `patience`. At most `limit` slots. The second value
    /// is the largest number of times that one of them has been asked for before.
    pub fn take_due(
        &mut self,
        now: Instant,
        patience: Patience,
        limit: usize,
    ) -> (Vec<RangeInclusive<u64>>, u8) {
        let (mut runs, mut count, mut tries) = (Vec::<RangeInclusive<u64>>::new(), 0, 0);
        self.next_due = None;
        for (i, slot) in self.slots.iter_mut().enumerate().skip((self.have.0 - self.base.0) as usize) {
            if !slot.is_missing() {
                continue;
            }
            if slot.due <= now && count < limit {
                slot.due = now + patience.after(slot.tries);
                tries = tries.max(slot.tries);
                self.longest_tries = self.longest_tries.max(slot.tries);
                slot.tries = slot.tries.saturating_add(1);
                count += 1;
                let seq = self.base.0 + 1 + i as u64;
                match runs.last_mut() {
                    Some(run) if *run.end() + 1 == seq => *run = *run.start()..=seq,
                    _ => runs.push(seq..=seq),
                }
            }
            self.next_due = Some(self.next_due.map_or(slot.due, |due| due.min(slot.due)));
        }
        (runs, tries)
    }

    /// Somebody else asked for these: wait as if we had asked ourselves.
    pub fn suppress(&mut self, run: RangeInclusive<u64>, now: Instant, patience: Patience) {
        for seq in run {
            if let Some(slot) = self.slot_mut(Seq(seq)) {
                slot.due = slot.due.max(now + patience.after(slot.tries));
            }
        }
    }

    /// Something missing arrived: whoever has it answers, so waits that had grown long start short again.
    pub fn reset_patience(&mut self, now: Instant, patience: Patience) {
        if self.longest_tries < 2 {
            return;
        }
        self.longest_tries = 0;
        for slot in self.slots.iter_mut().filter(|slot| slot.is_missing()) {
            slot.tries = slot.tries.min(1);
            slot.due = slot.due.min(now + patience.first);
            self.next_due = Some(self.next_due.map_or(slot.due, |next| next.min(slot.due)));
        }
    }

    /// When something missing has to be asked for.
    pub fn next_due(&self) -> Option<Instant> {
        if self.has_gap() { self.next_due } else { None }
    }

    /// Slots up to the head of which nothing is held.
    pub fn missing(&self) -> u64 {
        let ahead = self.slots.iter().skip((self.have.0 - self.base.0) as usize);
        let beyond = self.head.0.saturating_sub(self.base.0 + self.slots.len() as u64);
        ahead.filter(|slot| slot.is_missing()).count() as u64 + beyond
    }

    /// The entry for a repair, unless one was sent less than `hold_off` ago.
    pub fn repair(&mut self, seq: Seq, now: Instant, hold_off: Duration) -> Option<Bytes> {
        let slot = self.slot_mut(seq)?;
        let datagram = slot.accepted.clone()?;
        if slot.repaired.is_some_and(|at| now.since(at) < hold_off) {
            return None;
        }
        slot.repaired = Some(now);
        Some(datagram)
    }

    /// The store has everything up to `seq`.
    pub fn on_stored(&mut self, seq: Seq) {
        // The first entry of a log that begins behind it is stored besides.
        if seq > self.start {
            self.stored = self.stored.max(seq).min(self.have);
        }
    }

    /// Drops entries from memory, oldest first, while more than `bytes` are held and each dropped one is at most `upto`.
    pub fn trim(&mut self, bytes: usize, upto: Seq) {
        while self.cached_bytes > bytes && self.base < upto.min(self.have) {
            let slot = self.slots.pop_front().expect("slots reach at least to have");
            self.cached_bytes -= slot.accepted.map_or(0, |d| d.len());
            self.base = self.base.next();
        }
    }

    /// Gives up everything up to `seq`: no host has it any more, or it is not for us.
    pub fn skip_to(&mut self, seq: Seq) {
        if seq <= self.have {
            return;
        }
        self.head = self.head.max(seq);
        while self.base < seq {
            if let Some(slot) = self.slots.pop_front() {
                self.cached_bytes -= slot.accepted.map_or(0, |d| d.len());
                self.candidate_bytes -= slot.candidates.iter().flatten().map(Bytes::len).sum::<usize>();
            }
            self.base = self.base.next();
        }
        self.have = seq;
        self.start = seq;
        self.advance();
    }

    /// The store has dropped what stands up to `seq`, but for the first entry.
    pub fn drop_to(&mut self, seq: Seq) {
        let seq = seq.min(self.stored);
        while self.base < seq {
            let slot = self.slots.pop_front().expect("slots reach at least to what is stored");
            self.cached_bytes -= slot.accepted.map_or(0, |datagram| datagram.len());
            self.base = self.base.next();
        }
        self.start = self.start.max(seq);
    }

    /// As [`Log::skip_to`]; what is known of its author is not lost with the first entry, which others keep.
    pub fn go_on_behind(&mut self, seq: Seq) {
        self.lacks_first |= self.have == Seq(0);
        self.skip_to(seq);
    }

    /// Whether its first entry is wanted although it begins behind it.
    pub fn lacks_first(&self) -> bool {
        self.lacks_first
    }

    /// It has come, or is in the store.
    pub fn has_first(&mut self) {
        self.lacks_first = false;
    }

    /// Whether an entry is signed by the author of this log.
    pub fn is_signed_by_author(&self, entry: &Entry<'_>, signatures: &mut Signatures) -> bool {
        entry.proof.is_some_and(|proof| self.signature_holds(&proof, signatures))
    }

    /// Slots up to here are not to be had: given up, or (live) dropped from the window.
    pub fn start(&self) -> Seq {
        if self.memory_only { self.base } else { self.start }
    }

    fn slot(&self, seq: Seq) -> Option<&Slot> {
        self.slots.get(usize::try_from(seq.0.checked_sub(self.base.0 + 1)?).ok()?)
    }

    fn slot_mut(&mut self, seq: Seq) -> Option<&mut Slot> {
        self.slots.get_mut(usize::try_from(seq.0.checked_sub(self.base.0 + 1)?).ok()?)
    }

    fn extend_slots(&mut self, due: Instant) {
        let end = self.head.0.min(self.have.0 + MAX_AHEAD);
        let mut grew = false;
        while self.base.0 + (self.slots.len() as u64) < end {
            self.slots.push_back(Slot { due, ..Slot::default() });
            grew = true;
        }
        if grew {
            self.next_due = Some(self.next_due.map_or(due, |next| next.min(due)));
        }
    }

    fn receive_signed(
        &mut self,
        entry: &Entry<'_>,
        datagram: &Bytes,
        now: Instant,
        signatures: &mut Signatures,
    ) -> Received {
        let proof = entry.proof.expect("callers checked");
        if !self.signature_holds(&proof, signatures) {
            return Received::Refused(BAD_SIGNATURE);
        }
        self.accept(entry.seq, datagram.clone());
        self.apply_proof(entry, now)
    }

    fn signature_holds(&self, proof: &Proof<'_>, signatures: &mut Signatures) -> bool {
        let Some(author) = &self.author else { return false };
        signatures.hold(author.origin, &author.key, proof.signed, proof.signature)
    }

    /// Believes what a signed, accepted entry says of the entries before it.
    fn apply_proof(&mut self, entry: &Entry<'_>, now: Instant) -> Received {
        let proof = entry.proof.expect("callers checked");
        let covered = proof.covered();
        let first = entry.seq.0 - (covered.len() as u64).min(entry.seq.0 - 1);
        let before = (first > 1).then(|| (first - 1, proof.previous()));
        for (seq, hash) in before.into_iter().chain((first..).zip(covered)) {
            if !self.expect(Seq(seq), hash, now) {
                self.frozen = true;
                return Received::Equivocation;
            }
        }
        Received::Accepted
    }

    /// A signature says that this slot hashes to `hash`. False if an accepted entry says otherwise.
    fn expect(&mut self, seq: Seq, hash: Hash, now: Instant) -> bool {
        let Some(slot) = self.slot_mut(seq) else { return true };
        if let Some(accepted) = &slot.accepted {
            return entry_hash(accepted) == hash;
        }
        if slot.expected.is_some_and(|other| other != hash) {
            return false;
        }
        slot.expected = Some(hash);
        let candidates = std::mem::take(&mut slot.candidates);
        let bytes: usize = candidates.iter().flatten().map(Bytes::len).sum();
        let chosen = candidates.into_iter().flatten().find(|candidate| entry_hash(candidate) == hash);
        if chosen.is_none() && bytes > 0 {
            slot.due = now; // what lay there was a forgery: the real one is missing after all
        }
        self.candidate_bytes -= bytes;
        if let Some(datagram) = chosen {
            self.accept(seq, datagram);
        } else if bytes > 0 {
            self.next_due = Some(now);
        }
        true
    }

    fn accept(&mut self, seq: Seq, datagram: Bytes) {
        let slot = self.slot_mut(seq).expect("callers made sure of the slot");
        let dropped: usize = slot.candidates.iter().flatten().map(Bytes::len).sum();
        slot.candidates = [None, None];
        let length = datagram.len();
        slot.accepted = Some(datagram);
        self.candidate_bytes -= dropped;
        self.cached_bytes += length;
    }

    fn keep_candidate(&mut self, seq: Seq, datagram: &[u8]) -> Received {
        if self.candidate_bytes + datagram.len() > MAX_CANDIDATE_BYTES {
            return Received::Refused("too many candidates");
        }
        let slot = self.slot_mut(seq).expect("caller made sure of the slot");
        let Some(free) = slot.candidates.iter_mut().find(|c| c.is_none()) else {
            return Received::Refused("rival candidates");
        };
        *free = Some(Bytes::copy_from_slice(datagram));
        self.candidate_bytes += datagram.len();
        Received::Candidate
    }

    fn advance(&mut self) {
        while let Some(datagram) = self.slot(self.have.next()).and_then(|slot| slot.accepted.as_ref()) {
            let stamp = u64::from_le_bytes(datagram[72..80].try_into().expect("accepted entries are whole"));
            self.stamp = self.stamp.max(stamp);
            self.have = self.have.next();
        }
        self.head = self.head.max(self.have);
        let due = self.slots.get((self.have.0 - self.base.0) as usize).map_or(Instant::ZERO, |slot| slot.due);
        self.extend_slots(due);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seal::Ring;
    use crate::{
        crypto::{Certificate, origin_id},
        entry::{Draft, Place},
    };
    use chalktalk_ipc::{HostId, InstanceId, SessionId};
    use ed25519_dalek::SigningKey;

    const GRACE: Duration = Duration::from_micros(200);
    const PATIENCE: Patience = Patience { first: Duration::from_millis(5), most: Duration::from_secs(5) };

    fn author() -> Author {
        let key = SigningKey::from_bytes(&[2; 32]);
        Certificate::issue(&SigningKey::from_bytes(&[1; 32]), HostId([0; 16]), &key.verifying_key(), "a")
            .verify()
            .unwrap()
    }

    fn log() -> Log {
        let key = SigningKey::from_bytes(&[2; 32]).verifying_key();
        Log::new(LogId { origin: origin_id(&key.to_bytes()), epoch: Epoch(1) }, true)
    }

    /// Bursts of the given sizes; each ends with a signed entry.
    fn bursts(sizes: &[u64]) -> Vec<Vec<u8>> {
        let key = SigningKey::from_bytes(&[2; 32]);
        let (mut out, mut previous, mut seq) = (Vec::<Vec<u8>>::new(), [0; 16], 0);
        for size in sizes {
            let mut covered = Vec::new();
            for n in 1..=*size {
                seq += 1;
                let log = log().id();
                let place = Place { session: SessionId([1; 16]), log, seq: Seq(seq), stamp: seq, time: 0 };
                let mut draft = Draft::new(InstanceId::NIL, 0);
                draft.push(&seq.to_le_bytes());
                if n < *size {
                    out.push(draft.finish(&place, &Ring::open()));
                    covered.push(entry_hash(out.last().unwrap()));
                } else {
                    out.push(draft.finish_signed(&place, false, previous, &covered, &key, &Ring::open()));
                    previous = entry_hash(out.last().unwrap());
                }
            }
        }
        out
    }

    fn receive(log: &mut Log, datagram: &[u8]) -> Received {
        let entry = Entry::from_datagram(datagram).unwrap();
        log.receive(&entry, datagram, Instant::ZERO, GRACE, &mut Signatures::default())
    }

    #[test]
    fn nothing_counts_before_its_signature() {
        let entries = bursts(&[1, 4]);
        let mut log = log();
        log.set_author(author(), Instant::ZERO, &mut Signatures::default());
        for datagram in &entries[..4] {
            receive(&mut log, datagram);
        }
        assert_eq!(log.have(), Seq(1));
        assert_eq!(log.head(), Seq(5), "an unsigned entry is always followed by another");
        assert_eq!(receive(&mut log, &entries[4]), Received::Accepted);
        assert_eq!(log.have(), Seq(5));
        assert_eq!(receive(&mut log, &entries[2]), Received::Duplicate);
    }

    #[test]
    fn any_order_gives_the_same_log() {
        let entries = bursts(&[1, 3, 1, 4]);
        for rotation in 0..entries.len() {
            for step in [1, 2, 4, 5, 7, 8] {
                let mut log = log();
                log.set_author(author(), Instant::ZERO, &mut Signatures::default());
                for i in 0..entries.len() {
                    receive(&mut log, &entries[(rotation + i * step) % entries.len()]);
                }
                assert_eq!(log.have(), Seq(9), "rotation {rotation} step {step}");
                assert_eq!(log.candidate_bytes, 0);
            }
        }
    }

    #[test]
    fn entries_wait_for_the_authors_key() {
        let entries = bursts(&[1, 2]);
        let mut log = log();
        entries.iter().for_each(|d| assert_eq!(receive(&mut log, d), Received::Candidate));
        assert_eq!(log.have(), Seq(0));
        assert!(log.set_author(author(), Instant::ZERO, &mut Signatures::default()));
        assert_eq!(log.have(), Seq(3));
    }

    #[test]
    fn a_forged_candidate_gives_way_to_the_signed_one() {
        let entries = bursts(&[1, 2]);
        let mut forged = entries[1].clone();
        let at = forged.len() - 1;
        forged[at] ^= 1;
        let mut log = log();
        log.set_author(author(), Instant::ZERO, &mut Signatures::default());
        receive(&mut log, &entries[0]);
        assert_eq!(receive(&mut log, &forged), Received::Candidate);
        receive(&mut log, &entries[2]);
        assert_eq!(log.have(), Seq(1));
        assert_eq!(receive(&mut log, &forged), Received::Refused("wrong hash"));
        assert_eq!(log.take_due(Instant::ZERO, PATIENCE, 10).0, [2..=2], "the real one is asked for");
        assert_eq!(receive(&mut log, &entries[1]), Received::Accepted);
        assert_eq!(log.have(), Seq(3));
    }

    #[test]
    fn missing_slots_are_asked_for_ever_more_slowly_and_at_once_after_progress() {
        let entries = bursts(&[1; 6]);
        let mut log = log();
        log.set_author(author(), Instant::ZERO, &mut Signatures::default());
        receive(&mut log, &entries[0]);
        receive(&mut log, &entries[3]);
        let mut now = Instant::ZERO;
        assert!(log.take_due(now, PATIENCE, 10).0.is_empty(), "reordering gets its grace");
        now += GRACE;
        assert_eq!(log.take_due(now, PATIENCE, 10), (vec![2..=3], 0));
        let mut waits = Vec::new();
        for _ in 0..4 {
            let due = log.next_due().unwrap();
            waits.push((due - now).as_micros());
            now = due;
            log.take_due(now, PATIENCE, 10);
        }
        assert_eq!(waits, [5000, 8000, 12800, 20480]);
        log.reset_patience(now, PATIENCE);
        assert_eq!(log.next_due(), Some(now + PATIENCE.first), "a retry counter is reset on progress");
        receive(&mut log, &entries[1]);
        receive(&mut log, &entries[2]);
        assert_eq!(log.next_due(), None);
    }

    #[test]
    fn others_requests_hold_ours_back() {
        let entries = bursts(&[1; 3]);
        let mut log = log();
        log.set_author(author(), Instant::ZERO, &mut Signatures::default());
        receive(&mut log, &entries[2]);
        log.suppress(1..=2, Instant::ZERO, PATIENCE);
        assert!(log.take_due(Instant::ZERO + GRACE, PATIENCE, 10).0.is_empty());
    }

    #[test]
    fn a_phantom_head_cannot_take_memory() {
        let mut log = log();
        log.note_head(Seq(1 << 60), Instant::ZERO, GRACE);
        assert_eq!(log.slots.len() as u64, MAX_AHEAD);
    }

    #[test]
    fn trimming_keeps_what_is_not_stored() {
        let entries = bursts(&[1; 6]);
        let mut log = Log::new(log().id(), false);
        log.set_author(author(), Instant::ZERO, &mut Signatures::default());
        entries.iter().for_each(|d| assert_eq!(receive(&mut log, d), Received::Accepted));
        log.on_stored(Seq(4));
        log.trim(0, log.stored());
        assert_eq!((log.base(), log.have(), log.stored()), (Seq(4), Seq(6), Seq(4)));
        assert!(log.entry(Seq(4)).is_none() && log.entry(Seq(5)).is_some());
        assert_eq!(receive(&mut log, &entries[0]), Received::Duplicate);
    }

    #[test]
    fn an_author_who_contradicts_himself_is_frozen() {
        let entries = bursts(&[1, 1]);
        let key = SigningKey::from_bytes(&[2; 32]);
        let place = Place { session: SessionId([1; 16]), log: log().id(), seq: Seq(3), stamp: 3, time: 0 };
        let lie =
            Draft::new(InstanceId::NIL, 0).finish_signed(&place, false, [9; 16], &[], &key, &Ring::open());
        let mut log = log();
        log.set_author(author(), Instant::ZERO, &mut Signatures::default());
        entries.iter().for_each(|d| assert_eq!(receive(&mut log, d), Received::Accepted));
        assert_eq!(receive(&mut log, &lie), Received::Equivocation);
        assert_eq!(receive(&mut log, &bursts(&[1, 1, 1, 1])[3]), Received::Refused("frozen log"));
    }
}
