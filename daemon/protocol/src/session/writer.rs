//! The writing end of a log: messages are laid into drafts as they come, and leave in signed bursts.
//!
//! Whatever piled up since the last burst goes together; there is no timer. A burst is at most 32 entries and a
//! signature; the signature rides in the last entry if it fits there, else in an entry of its own.
//!
//! Invariant: a slot, once given out by [`Writer::flush`], is never given out again with other contents.

use crate::{
    control::Descriptor,
    crypto::{Certificate, entry_hash},
    entry::{Draft, MAX_COVERED, Place},
    ids::{Epoch, LogId, Seq},
    seal::Ring,
    stream::{Author, StreamWriter},
};
use bytes::Bytes;
use chalktalk_ipc::{InstanceId, SessionId, batch::Outgoing};
use ed25519_dalek::SigningKey;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, VecDeque};

/// Bytes an instance may have waiting unsent in one session: enough to keep the wire busy between two turns of the
/// loop, little enough that a slow network holds the app back and not the daemon's memory.
pub const CREDIT: u64 = 1 << 20;

/// What a message costs of the credit besides its payload.
pub const MESSAGE_COST: u64 = 64;

/// What the first entry of every life of a log says, instead of messages.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Genesis {
    /// Who writes this log.
    pub certificate: Certificate,
    /// What the session is, for hosts that know only its id.
    pub descriptor: Descriptor,
    /// The life before this one, its last slot known, and the hash of that.
    pub previous: Option<(Epoch, Seq, [u8; 16])>,
}

/// An entry as it leaves the writer.
#[derive(Clone, Debug)]
pub struct Written {
    /// Its slot.
    pub seq: Seq,
    /// Its Lamport stamp.
    pub stamp: u64,
    /// The datagram.
    pub datagram: Bytes,
}

/// Says that messages of an instance up to `number` end in slots up to `seq`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Mark {
    /// The slot.
    pub seq: Seq,
    /// Whose messages.
    pub author: Author,
}

struct Pending {
    draft: u64,
    author: Author,
    cost: u64,
}

/// The writer of one local user in one session.
pub struct Writer {
    key: SigningKey,
    log: LogId,
    next: Seq,
    genesis: Option<Genesis>,
    previous: [u8; 16],
    stream: StreamWriter,
    drafts: Vec<Draft>,
    /// What is to be said of the membership, with what seals it. It goes before messages.
    statements: VecDeque<(Ring, Vec<u8>)>,
    /// What is to be said of app sessions. It goes before messages, under the same key.
    notices: VecDeque<Vec<u8>>,
    /// What seals the first entry, where that is not what seals messages.
    genesis_ring: Option<Ring>,
    /// Number of the first of `drafts`, counting all that ever were.
    first_draft: u64,
    pending: VecDeque<Pending>,
    grants: BTreeMap<InstanceId, Grant>,
}

/// What an instance may publish in all, and what it has been told of that.
#[derive(Clone, Copy)]
struct Grant {
    total: u64,
    told: u64,
}

impl Default for Grant {
    fn default() -> Self {
        Self { total: CREDIT, told: CREDIT }
    }
}

impl Writer {
    /// A writer of a log that begins now. `overhead`: bytes that sealing adds to an entry.
    pub fn begin(key: SigningKey, log: LogId, genesis: Genesis, overhead: usize) -> Self {
        Self { genesis: Some(genesis), ..Self::resume(key, log, Seq(0), [0; 16], overhead) }
    }

    /// A writer that goes on behind `last`, the hash of whose signed end is `previous`.
    pub fn resume(key: SigningKey, log: LogId, last: Seq, previous: [u8; 16], overhead: usize) -> Self {
        Self {
            key,
            log,
            next: last.next(),
            genesis: None,
            previous,
            stream: StreamWriter::new(overhead),
            drafts: Vec::new(),
            statements: VecDeque::new(),
            notices: VecDeque::new(),
            genesis_ring: None,
            first_draft: 0,
            pending: VecDeque::new(),
            grants: BTreeMap::new(),
        }
    }

    /// The log written.
    pub fn log(&self) -> LogId {
        self.log
    }

    /// Last slot given out.
    pub fn last(&self) -> Seq {
        Seq(self.next.0 - 1)
    }

    /// Hash of the last signed entry: what a resumed writer needs.
    pub fn previous(&self) -> [u8; 16] {
        self.previous
    }

    /// Whether something waits to be sent.
    pub fn is_waiting(&self) -> bool {
        !self.drafts.is_empty() || !self.statements.is_empty() || !self.notices.is_empty()
    }

    /// Whether some of that may be sent. `messages`: there is a key to seal messages with.
    pub fn is_ready(&self, messages: bool) -> bool {
        !self.statements.is_empty() || messages && !(self.drafts.is_empty() && self.notices.is_empty())
    }

    /// Takes in something to be said of the membership, and what seals it.
    pub fn say(&mut self, ring: Ring, body: Vec<u8>) {
        self.statements.push_back((ring, body));
    }

    /// Takes in something to be said of an app session.
    pub fn notify(&mut self, body: Vec<u8>) {
        self.notices.push_back(body);
    }

    /// Says what seals the first entry: newcomers must be able to read who writes, whatever else they may read.
    pub fn seal_genesis_with(&mut self, ring: Ring) {
        self.genesis_ring = Some(ring);
    }

    /// Says how long the datagrams may be that are begun from now on.
    pub fn set_limit(&mut self, limit: usize) {
        self.stream.set_limit(limit);
    }

    /// Entries that wait to be sent.
    pub fn waiting(&self) -> usize {
        self.drafts.len()
    }

    /// Takes in a message. The caller has checked length, mentions and credit.
    pub fn push(&mut self, destination: InstanceId, author: Author, message: &Outgoing<'_>) {
        self.stream.push(&mut self.drafts, destination, author, message);
        let draft = self.first_draft + self.drafts.len() as u64 - 1;
        let cost = message.payload.len() as u64 + MESSAGE_COST;
        match self.pending.back_mut() {
            Some(last) if last.draft == draft && last.author.instance == author.instance => {
                last.author = author;
                last.cost += cost;
            }
            _ => self.pending.push_back(Pending { draft, author, cost }),
        }
    }

    /// Total bytes an instance has been granted since it opened the session, when it is worth telling.
    pub fn news_of_grant(&mut self, instance: InstanceId) -> Option<u64> {
        let grant = self.grants.entry(instance).or_default();
        if grant.total < grant.told + CREDIT / 4 {
            return None;
        }
        grant.told = grant.total;
        Some(grant.total)
    }

    /// A message was not taken, because it is in the log already: its cost is given back.
    pub fn refund(&mut self, instance: InstanceId, message: &Outgoing<'_>) {
        self.grants.entry(instance).or_default().total += message.payload.len() as u64 + MESSAGE_COST;
    }

    /// Says which life this one follows, if its first entry has not been written.
    pub fn follow(&mut self, previous: Option<(Epoch, Seq, [u8; 16])>) {
        if let Some(genesis) = &mut self.genesis {
            genesis.previous = previous;
        }
    }

    /// An instance (re)opens or closes the session: its count starts anew.
    pub fn reset_credit(&mut self, instance: InstanceId) {
        self.grants.remove(&instance);
        self.pending.iter_mut().filter(|p| p.author.instance == instance).for_each(|p| p.cost = 0);
    }

    /// Makes the next burst of at most `limit` entries (and, where needed, one more for the signature).
    pub fn flush(
        &mut self,
        session: SessionId,
        limit: usize,
        stamp: u64,
        time: u64,
        ring: &Ring,
    ) -> (Vec<Written>, Vec<Mark>) {
        let mut written = Vec::new();
        let mut marks = Vec::new();
        let mut place = Place { session, log: self.log, seq: self.next, stamp, time };
        if let Some(genesis) = self.genesis.take() {
            let ring = self.genesis_ring.take().unwrap_or_else(|| ring.clone());
            let mut draft = Draft::new(InstanceId::NIL, ring.overhead());
            draft.push(&rmp_serde::to_vec(&genesis).expect("our own types always encode"));
            self.sign(draft, &mut place, false, &[], &ring, &mut written);
        }
        let count = self.statements.len().min(limit).min(MAX_COVERED);
        let statements = self.statements.drain(..count).collect();
        self.flush_said(statements, Draft::statement, &mut place, &mut written);
        if count > 0 {
            self.next = place.seq;
            return (written, marks); // they may change what messages are sealed with
        }
        if ring.can_send() {
            let room = limit.saturating_sub(written.len()).min(MAX_COVERED);
            let notices = self.notices.drain(..self.notices.len().min(room));
            let notices = notices.map(|body| (ring.clone(), body)).collect();
            self.flush_said(notices, Draft::notice, &mut place, &mut written);
        }
        let room = limit.saturating_sub(written.len());
        let count = if ring.can_send() { self.drafts.len().min(room).min(MAX_COVERED) } else { 0 };
        let mut covered = Vec::with_capacity(count);
        let rest = self.drafts.split_off(count);
        let batch = std::mem::replace(&mut self.drafts, rest);
        if self.drafts.is_empty() && count > 0 {
            self.stream.cut();
        }
        // What is left could not leave in a full burst: let the others say soon how far they are.
        let urge = !self.drafts.is_empty() && limit < 2 * MAX_COVERED;
        for (i, draft) in batch.into_iter().enumerate() {
            self.mark(place.seq, &mut marks);
            let last = i + 1 == count;
            if last && draft.fits_signature(covered.len()) {
                self.sign(draft, &mut place, urge, &covered, ring, &mut written);
            } else {
                let datagram = draft.finish(&place, ring);
                covered.push(entry_hash(&datagram));
                written.push(Written { seq: place.seq, stamp: place.stamp, datagram: datagram.into() });
                step(&mut place);
                if last {
                    let draft = signature_only(ring);
                    self.sign(draft, &mut place, urge, &covered, ring, &mut written);
                }
            }
        }
        self.next = place.seq;
        (written, marks)
    }

    /// A burst of statements or notices, with a signature of its own.
    fn flush_said(
        &mut self,
        batch: Vec<(Ring, Vec<u8>)>,
        draft: fn(&[u8], usize) -> Draft,
        place: &mut Place,
        written: &mut Vec<Written>,
    ) {
        let count = batch.len();
        let mut covered = Vec::with_capacity(count);
        for (i, (ring, body)) in batch.into_iter().enumerate() {
            let last = i + 1 == count;
            let said = draft(&body, ring.overhead());
            if last && said.fits_signature(covered.len()) {
                self.sign(said, place, false, &covered, &ring, written);
                continue;
            }
            let datagram = said.finish(place, &ring);
            covered.push(entry_hash(&datagram));
            written.push(Written { seq: place.seq, stamp: place.stamp, datagram: datagram.into() });
            step(place);
            if last {
                self.sign(draft(&[], ring.overhead()), place, false, &covered, &ring, written);
            }
        }
    }

    fn sign(
        &mut self,
        draft: Draft,
        place: &mut Place,
        urge: bool,
        covered: &[[u8; 16]],
        ring: &Ring,
        written: &mut Vec<Written>,
    ) {
        let datagram: Bytes =
            draft.finish_signed(place, urge, self.previous, covered, &self.key, ring).into();
        self.previous = entry_hash(&datagram);
        written.push(Written { seq: place.seq, stamp: place.stamp, datagram });
        step(place);
    }

    fn mark(&mut self, seq: Seq, marks: &mut Vec<Mark>) {
        while let Some(pending) = self.pending.pop_front_if(|pending| pending.draft == self.first_draft) {
            self.grants.entry(pending.author.instance).or_default().total += pending.cost;
            marks.push(Mark { seq, author: pending.author });
        }
        self.first_draft += 1;
    }
}

/// An entry that carries nothing but a signature. It lies between two pieces of the stream: a boundary if no message is
/// under way, which the drafts around it know; so it claims none.
fn signature_only(ring: &Ring) -> Draft {
    Draft::new(InstanceId::NIL, ring.overhead())
}

fn step(place: &mut Place) {
    place.seq = place.seq.next();
    place.stamp += 1;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        crypto::origin_id,
        entry::Entry,
        log::{Log, Received},
        signatures::Signatures,
        stream::StreamReader,
        time::Instant,
    };
    use chalktalk_ipc::{AppId, HostId, event::Scope, request::SessionKind};
    use std::time::Duration;

    fn writer() -> Writer {
        let (user, origin) = (SigningKey::from_bytes(&[1; 32]), SigningKey::from_bytes(&[2; 32]));
        let log = LogId { origin: origin_id(&origin.verifying_key().to_bytes()), epoch: Epoch(1) };
        let descriptor = Descriptor {
            app: AppId::chat(),
            title: "lobby".into(),
            scope: Scope::Open,
            kind: SessionKind::Kept,
            history: true,
            parent: None,
        };
        let certificate = Certificate::issue(&user, HostId([1; 16]), &origin.verifying_key(), "ana");
        Writer::begin(origin, log, Genesis { certificate, descriptor, previous: None }, 0)
    }

    fn author(number: u64) -> Author {
        Author { instance: InstanceId([5; 16]), number }
    }

    #[test]
    fn what_is_written_is_accepted_and_read_back() {
        let mut writer = writer();
        let genesis = writer.genesis.clone().unwrap();
        let mut log = Log::new(writer.log(), true);
        let mut signatures = Signatures::default();
        log.set_author(genesis.certificate.verify().unwrap(), Instant::ZERO, &mut signatures);
        let mut reader = StreamReader::at_start();
        let mut got = Vec::new();
        let sizes = [10usize, 2000, 0, 65_536, 700, 1, 50_000, 5];
        let mut number = 0;
        for round in 0..40usize {
            for _ in 0..round % 5 {
                number += 1;
                let payload = vec![number as u8; sizes[number as usize % sizes.len()]];
                writer.push(InstanceId::NIL, author(number), &Outgoing::new(&payload));
            }
            while writer.is_waiting() {
                let (written, _) = writer.flush(SessionId([3; 16]), 1 + round % 40, 1, 0, &Ring::open());
                for w in &written {
                    let entry = Entry::from_datagram(&w.datagram).unwrap();
                    let received =
                        log.receive(&entry, &w.datagram, Instant::ZERO, Duration::ZERO, &mut signatures);
                    assert!(matches!(received, Received::Accepted | Received::Candidate), "{received:?}");
                    reader
                        .read(&entry, |m| {
                            got.push((m.author.number, m.payload.len(), m.payload.first().copied()))
                        })
                        .unwrap();
                }
                assert_eq!(log.have(), writer.last(), "every burst is covered by its signature");
            }
        }
        assert_eq!(got.len() as u64, number);
        for (i, (n, length, first)) in got.into_iter().enumerate() {
            assert_eq!((n, length), (i as u64 + 1, sizes[(i + 1) % sizes.len()]));
            assert!(first.is_none_or(|byte| byte == n as u8));
        }
    }

    #[test]
    fn messages_do_not_leave_with_what_may_change_their_key() {
        let mut writer = writer();
        writer.push(InstanceId::NIL, author(1), &Outgoing::new(b"not for who is put out"));
        writer.say(Ring::open(), b"somebody is out".to_vec());
        let (written, marks) = writer.flush(SessionId([3; 16]), 32, 1, 0, &Ring::open());
        let statements = written.iter().filter(|w| Entry::from_datagram(&w.datagram).unwrap().statement);
        assert_eq!((statements.count(), marks.len()), (1, 0));
        let (_, marks) = writer.flush(SessionId([3; 16]), 32, 1, 0, &Ring::open());
        assert_eq!(marks.len(), 1);
    }

    #[test]
    fn marks_tell_in_which_slot_a_message_ends() {
        let mut writer = writer();
        writer.push(InstanceId::NIL, author(1), &Outgoing::new(b"a"));
        writer.push(InstanceId::NIL, author(2), &Outgoing::new(&[0; 3000]));
        let (written, marks) = writer.flush(SessionId([3; 16]), 32, 1, 0, &Ring::open());
        assert_eq!(written.len(), 4, "genesis and three pieces");
        assert_eq!(marks, [Mark { seq: Seq(2), author: author(1) }, Mark { seq: Seq(4), author: author(2) }]);
        assert_eq!(writer.grants[&InstanceId([5; 16])].total, CREDIT + 1 + 3000 + 2 * MESSAGE_COST);
        assert_eq!(writer.news_of_grant(InstanceId([5; 16])), None, "too little to be worth an event");
    }
}
