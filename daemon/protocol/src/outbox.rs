//! The one place where everything below the node puts what is to leave the core.
//!
//! Invariant: parts only append here; the node alone decides by which link and way something leaves.

use crate::{
    counters::Counters,
    ids::{LogId, Seq},
    members::statement::Place,
    nway::{activity::Member, notice::Notice},
    signatures::Signatures,
    store::Write,
    time::Instant,
};
use bytes::Bytes;
use chalktalk_ipc::{Event, HostId, InstanceId, SessionId};
use rand_chacha::ChaCha20Rng;
use std::collections::{BTreeSet, VecDeque};

/// Accepted entries of somebody else, for the decision whether to launch.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct News {
    /// Where.
    pub session: SessionId,
    /// Whose.
    pub log: LogId,
    /// First new slot.
    pub first: Seq,
    /// Last new slot.
    pub last: Seq,
}

/// A wish to be served by one host.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CatchUpWish {
    /// What for.
    pub session: SessionId,
    /// Runs of slots, per log.
    pub wants: Vec<(LogId, Seq, Seq)>,
    /// Hosts that hold some of it, best first.
    pub providers: Vec<HostId>,
}

/// Something that a member said of an app session.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Noticed {
    /// The session in which it was said.
    pub parent: SessionId,
    /// Who said it, and where they sit.
    pub author: Member,
    /// Where it stands.
    pub place: Place,
    /// Whether it was said before we came.
    pub history: bool,
    /// What.
    pub notice: Notice,
}

/// What is to leave the core, and what every part needs to know.
pub struct Outbox {
    /// The moment of the present input.
    pub now: Instant,
    /// Wall clock at that moment, ms since 1970.
    pub wall: u64,
    /// This host.
    pub host: HostId,
    /// Datagrams that this host's socket can hold.
    pub window: u32,
    /// Bytes of an entry that all hosts present can be sent by datagram.
    pub payload: usize,
    /// The authors who have signed lately.
    pub signatures: Signatures,
    /// The one generator.
    pub rng: ChaCha20Rng,
    /// Datagrams for everybody.
    pub group: VecDeque<Vec<Bytes>>,
    /// Datagrams for one host.
    pub unicast: VecDeque<(HostId, Bytes)>,
    /// What is to be stored, and how far that brings which log.
    pub writes: Vec<Write>,
    /// Whether somebody waits for these writes: then they are not held back to go with others.
    pub urgent: bool,
    /// Events for instances.
    pub events: VecDeque<(InstanceId, Event)>,
    /// Instances that have something to be handed over.
    pub ready: BTreeSet<InstanceId>,
    /// Accepted entries.
    pub news: Vec<News>,
    /// What was said of app sessions.
    pub noticed: Vec<Noticed>,
    /// Sessions whose membership or keys have changed.
    pub memberships: BTreeSet<SessionId>,
    /// Catch-ups wanted.
    pub catch_ups: Vec<CatchUpWish>,
    /// Whether a log that is written here has been written elsewhere, too.
    pub twin: bool,
    /// Whether something changed that a heartbeat should tell soon.
    pub changed: bool,
    /// What happened, by name.
    pub counters: Counters,
}
