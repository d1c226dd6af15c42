//! One's own messages, remembered until they are safe.
//!
//! They are kept as bodies of publish frames: what is published again is read out of them with the parser that the
//! daemon uses, and remembering a message is one copy.
//!
//! Invariant: the numbers in a chunk run without a gap, the first from somewhere above [`Backlog::released`] or a little below
//! (whole chunks are let go, never parts). Between chunks those are missing that the daemon has refused.

use chalktalk_ipc::{
    InstanceId, SessionId,
    batch::{Class, Outgoing, PublishHead, put_outgoing, read_publish},
};
use std::collections::VecDeque;

/// The most that is remembered. With a disk that syncs in 20 ms this is 400 MB/s; beyond it publishers wait.
pub(crate) const BACKLOG_LIMIT: usize = 8 << 20;

/// A chunk is closed at this size: small beside the limit, large beside a message.
const CHUNK: usize = 64 * 1024;

#[derive(Default, Debug)]
pub(crate) struct Backlog {
    chunks: VecDeque<Chunk>,
    bytes: usize,
    released: u64,
    /// The buffer of the chunk let go last, for the next one.
    spare: Vec<u8>,
}

#[derive(Debug)]
struct Chunk {
    destination: InstanceId,
    last: u64,
    body: Vec<u8>,
}

impl Backlog {
    /// Bytes remembered.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// The last number known to be safe.
    pub(crate) fn released(&self) -> u64 {
        self.released
    }

    pub(crate) fn push(
        &mut self,
        session: SessionId,
        destination: InstanceId,
        number: u64,
        message: &Outgoing<'_>,
    ) {
        let fits = |chunk: &&mut Chunk| {
            chunk.destination == destination && chunk.last + 1 == number && chunk.body.len() < CHUNK
        };
        let chunk = match self.chunks.back_mut().filter(fits) {
            Some(chunk) => chunk,
            None => {
                let mut body = std::mem::take(&mut self.spare);
                body.clear();
                PublishHead { session, destination, first: number, class: Class::Durable }.put(&mut body);
                self.chunks.push_back(Chunk { destination, last: number, body });
                self.chunks.back_mut().expect("just pushed")
            }
        };
        let before = chunk.body.len();
        put_outgoing(&mut chunk.body, message);
        self.bytes += chunk.body.len() - before;
        chunk.last = number;
    }

    /// Everything up to this number is safe.
    pub(crate) fn release(&mut self, through: u64) {
        self.released = self.released.max(through);
        while self.chunks.front().is_some_and(|chunk| chunk.last <= through) {
            let Some(chunk) = self.chunks.pop_front() else { break };
            self.bytes -= chunk.body.len() - HEAD;
            self.spare = chunk.body;
            if self.spare.capacity() > 2 * CHUNK {
                self.spare = Vec::new();
            }
        }
    }

    /// Forgets this number and all behind it: they are not to be published again.
    pub(crate) fn forget_from(&mut self, first: u64) {
        while let Some(chunk) = self.chunks.pop_back_if(|chunk| chunk.last >= first) {
            self.bytes -= chunk.body.len() - HEAD;
            let Ok((head, messages)) = read_publish(&chunk.body) else { continue };
            for (number, message) in (head.first..first).zip(messages.flatten()) {
                self.push(head.session, head.destination, number, &message);
            }
        }
    }

    /// Whether nothing behind this number is left to be published.
    pub(crate) fn is_done_after(&self, number: u64) -> bool {
        let mut done = true;
        self.each_after(number, |_, _| {
            done = false;
            false
        });
        done
    }

    /// The messages behind this number that are not safe, in order, for as long as `send` says yes.
    pub(crate) fn each_after(&self, number: u64, mut send: impl FnMut(PublishHead, &Outgoing<'_>) -> bool) {
        let after = number.max(self.released);
        let first = self.chunks.partition_point(|chunk| chunk.last <= after);
        for chunk in self.chunks.range(first..) {
            let Ok((head, messages)) = read_publish(&chunk.body) else { return };
            for (number, message) in (head.first..).zip(messages.flatten()) {
                if number > after && !send(PublishHead { first: number, ..head }, &message) {
                    return;
                }
            }
        }
    }
}

/// Bytes of a publish frame's head.
const HEAD: usize = 16 + 16 + 8 + 1;

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers_after(backlog: &Backlog, number: u64) -> Vec<u64> {
        let mut seen = Vec::new();
        backlog.each_after(number, |head, message| {
            assert_eq!(message.payload, head.first.to_le_bytes());
            seen.push(head.first);
            true
        });
        seen
    }

    fn filled(count: u64) -> Backlog {
        let mut backlog = Backlog::default();
        for n in 1..=count {
            let to = if n % 1000 == 0 { InstanceId([1; 16]) } else { InstanceId::NIL };
            backlog.push(SessionId([7; 16]), to, n, &Outgoing::new(&n.to_le_bytes()));
        }
        backlog
    }

    #[test]
    fn exactly_what_is_missing_comes_out_again() {
        let mut backlog = filled(20_000);
        assert_eq!(numbers_after(&backlog, 19_990), (19_991..=20_000).collect::<Vec<_>>());
        backlog.release(12_345);
        assert_eq!(numbers_after(&backlog, 0), (12_346..=20_000).collect::<Vec<_>>());
        assert_eq!(numbers_after(&backlog, 20_000), [0u64; 0]);
    }

    #[test]
    fn what_is_safe_is_forgotten_byte_for_byte() {
        let mut backlog = filled(20_000);
        let full = backlog.bytes();
        backlog.release(10_000);
        assert!(backlog.bytes() <= full / 2 + CHUNK + 100);
        backlog.release(20_000);
        assert_eq!(backlog.bytes(), 0);
        assert!(backlog.chunks.is_empty());
    }

    #[test]
    fn what_was_refused_leaves_a_hole_and_nothing_else() {
        let mut backlog = filled(5_000);
        backlog.forget_from(4_321);
        assert_eq!(numbers_after(&backlog, 4_318), [4_319, 4_320]);
        assert!(backlog.is_done_after(4_320) && !backlog.is_done_after(4_319));
        backlog.push(SessionId([7; 16]), InstanceId::NIL, 5_001, &Outgoing::new(&5_001u64.to_le_bytes()));
        assert_eq!(numbers_after(&backlog, 4_319), [4_320, 5_001]);
        backlog.forget_from(1);
        assert_eq!((backlog.bytes(), backlog.chunks.len()), (0, 0));
    }

    #[test]
    fn it_stops_when_told() {
        let backlog = filled(100);
        let mut left = 7;
        backlog.each_after(10, |_, _| {
            left -= 1;
            left > 0
        });
        assert_eq!(left, 0);
    }
}
