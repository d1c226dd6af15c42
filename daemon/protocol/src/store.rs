//! What the core asks the store to keep, and what it gets back at start.
//!
//! The store is dumb on purpose: entries by (session, origin, epoch, seq) with their Lamport stamp beside them, and
//! small records by key. All writes of a [`Batch`] become durable together, in the order of the batches, or not at all.
//!
//! Invariant: a batch is answered by `Node::stored` only after its fdatasync.

use crate::ids::{LogId, Seq};
use bytes::Bytes;
use chalktalk_ipc::SessionId;

/// One durable change.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Write {
    /// Keep an entry: the sealed datagram, byte for byte.
    Entry {
        /// Session of the entry.
        session: SessionId,
        /// Log it stands in.
        log: LogId,
        /// Its slot.
        seq: Seq,
        /// Its Lamport stamp, for reading the session in order.
        stamp: u64,
        /// The datagram.
        datagram: Bytes,
    },
    /// Keep a small record (replaces one of the same key).
    Record {
        /// Opaque to the store.
        key: Vec<u8>,
        /// Opaque to the store.
        value: Vec<u8>,
    },
    /// Forget a record.
    ForgetRecord {
        /// Opaque to the store.
        key: Vec<u8>,
    },
    /// Drop the entries of a log up to a slot, but for the first.
    DropEntries {
        /// Session of the log.
        session: SessionId,
        /// The log.
        log: LogId,
        /// The last slot to go.
        upto: Seq,
    },
    /// Drop the oldest entries of a session, in the order of their stamps, first and last entries of logs excepted, and tell
    /// `Node::dropped` once what is gone: a portion of these at a time.
    Retain {
        /// The session.
        session: SessionId,
        /// At least so many bytes, if there are.
        excess: u64,
        /// None of a later stamp.
        stamp: u64,
    },
}

/// Writes that become durable together.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Batch {
    /// Numbered from 1 in the order they are handed over.
    pub number: u64,
    /// In this order.
    pub writes: Vec<Write>,
}

/// What the store holds of one log: a run without gaps, from `first` to `last`, and perhaps the first entry besides.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct StoredLog {
    /// Session of the log.
    pub session: SessionId,
    /// The log.
    pub log: LogId,
    /// First slot held (1, unless older ones were dropped).
    pub first: Seq,
    /// Last slot of the run.
    pub last: Seq,
    /// Highest Lamport stamp in it.
    pub stamp: u64,
    /// Whether the first entry is held.
    pub genesis: bool,
}

/// What the store holds at start.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Restored {
    /// Every record, in order of key.
    pub records: Vec<(Vec<u8>, Vec<u8>)>,
    /// Every log, in order of session, origin and epoch.
    pub logs: Vec<StoredLog>,
    /// Bytes of each session's entries.
    pub sizes: Vec<(SessionId, u64)>,
}
