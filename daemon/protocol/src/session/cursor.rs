//! How far a reader is in one log.
//!
//! Invariant: `next` is read next, whatever has been read before; what `skip` names is only counted.

use super::delivery::Point;
use crate::{
    ids::{LogId, Seq},
    log::Log,
    stream::StreamReader,
    time::Instant,
};
use bytes::Bytes;
use chalktalk_ipc::InstanceId;
use std::collections::{BTreeMap, VecDeque};

#[derive(Debug)]
pub(super) struct Cursor {
    pub(super) next: Seq,
    /// Messages up to here have been read before; what is read of them again is only counted.
    pub(super) skip: Option<Point>,
    pub(super) stream: StreamReader,
    pub(super) loaded: VecDeque<Bytes>,
    /// Slots up to here have turned out not to be in the store.
    pub(super) gone: Seq,
    /// The last message handed over.
    pub(super) last: Option<Point>,
    /// Messages up to here may have been handed to an earlier instance.
    pub(super) redelivered: Option<Point>,
    /// Per instance, the first and last number read: an author who crashed may publish them again in its next life, and
    /// not know that they had come through.
    pub(super) numbers: BTreeMap<InstanceId, (u64, u64)>,
    /// The slot from which on `numbers` knows what was read.
    pub(super) counted: Seq,
    /// What has to be read before this log goes on, and until when that is waited for.
    pub(super) former: Option<(LogId, Seq, Instant)>,
}

impl Cursor {
    pub(super) fn at_start() -> Self {
        Self {
            next: Seq(1),
            skip: None,
            stream: StreamReader::at_start(),
            loaded: VecDeque::new(),
            gone: Seq(0),
            last: None,
            redelivered: None,
            numbers: BTreeMap::new(),
            counted: Seq(1),
            former: None,
        }
    }

    pub(super) fn at(next: Seq) -> Self {
        let stream = if next <= Seq(1) { StreamReader::at_start() } else { StreamReader::in_middle() };
        Self { next, counted: next, stream, ..Self::at_start() }
    }

    pub(super) fn behind(point: Point) -> Self {
        Self { skip: Some(point), last: Some(point), ..Self::at(point.0) }
    }

    pub(super) fn after(seq: Seq) -> Self {
        Self::at(seq.next())
    }

    /// The last slot that has been read whole.
    pub(super) fn read_upto(&self) -> Seq {
        let skipped = match self.skip {
            Some((seq, u16::MAX)) => seq,
            Some((seq, _)) => Seq(seq.0.saturating_sub(1)),
            None => Seq(0),
        };
        skipped.max(Seq(self.next.0 - 1))
    }

    /// Makes sure that `numbers` knows everything read from `from` on, if need be by reading it again.
    pub(super) fn count_from(&mut self, from: Seq, log: &Log) {
        let from = from.max(log.start().max(self.gone).next());
        if from >= self.counted || from >= self.next {
            return;
        }
        self.skip = self.skip.max(Some((Seq(self.next.0 - 1), u16::MAX)));
        self.move_to(from);
    }

    /// Goes on behind slots that are not to be had.
    pub(super) fn go_on_after(&mut self, gone: Seq) {
        self.skip = self.skip.filter(|(seq, _)| *seq > gone);
        self.move_to(gone.next());
    }

    pub(super) fn move_to(&mut self, next: Seq) {
        let Self { skip, gone, last, redelivered, former, .. } = *self;
        *self = Self { skip, gone, last, redelivered, former, ..Self::at(next) };
    }

    /// Whether there is something to be read again.
    pub(super) fn is_counting(&self, log: &Log) -> bool {
        self.skip.is_some_and(|(seq, _)| self.next <= seq.min(log.readable()))
    }
}
