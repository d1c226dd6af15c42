//! Bytes on their way to the socket.
//!
//! Messages that are published while earlier ones still wait join them in one frame, so that a busy socket makes
//! frames larger, not more numerous.
//!
//! Invariant: a frame grows only while none of its bytes has been offered to the socket.

use chalktalk_ipc::{
    Call, FrameKind, InstanceId, SessionId,
    batch::{Class, MAX_BATCH, Outgoing, PublishHead, put_outgoing},
    codec::{put_control, put_frame},
};
use std::{
    collections::VecDeque,
    io::{self, ErrorKind},
    os::fd::{AsFd, BorrowedFd, OwnedFd},
};

/// Above this much, publishers wait for the socket: about what it takes at once, so that the daemon is never
/// short of bytes and a message is never behind more than this.
pub(crate) const OUTBOX_LIMIT: usize = 256 * 1024;

/// What an idle outbox may keep for the next burst.
const KEEP: usize = 2 * OUTBOX_LIMIT;

#[derive(Default, Debug)]
pub(crate) struct Outbox {
    bytes: Vec<u8>,
    written: usize,
    growing: Option<Growing>,
    /// Descriptors, and where the frames that they go with start.
    descriptors: VecDeque<(usize, OwnedFd)>,
}

/// The publish frame at the end of the outbox that can still take messages.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Growing {
    start: usize,
    session: SessionId,
    destination: InstanceId,
    class: Class,
    /// The number the next message must have.
    next: u64,
}

impl Outbox {
    /// Bytes that wait.
    pub(crate) fn len(&self) -> usize {
        self.bytes.len() - self.written
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub(crate) fn clear(&mut self) {
        *self = Self::default();
    }

    /// The next frame carries this descriptor.
    pub(crate) fn attach(&mut self, descriptor: OwnedFd) {
        self.growing = None;
        self.descriptors.push_back((self.bytes.len(), descriptor));
    }

    pub(crate) fn call(&mut self, call: &Call) {
        self.growing = None;
        put_control(&mut self.bytes, call);
    }

    /// `head.first` is the number of this one message.
    pub(crate) fn publish(&mut self, head: PublishHead, message: &Outgoing<'_>) {
        let start = match self.growing.filter(|growing| self.takes(growing, &head, message)) {
            Some(growing) => growing.start,
            None => {
                let start = self.bytes.len();
                put_frame(&mut self.bytes, FrameKind::Publish, |out| head.put(out));
                start
            }
        };
        put_outgoing(&mut self.bytes, message);
        let length = (self.bytes.len() - start - 4) as u32;
        self.bytes[start..start + 4].copy_from_slice(&length.to_le_bytes());
        let PublishHead { session, destination, class, first } = head;
        let next = if class == Class::Durable { first + 1 } else { 0 };
        self.growing = Some(Growing { start, session, destination, class, next });
    }

    fn takes(&self, growing: &Growing, head: &PublishHead, message: &Outgoing<'_>) -> bool {
        let same = (growing.session, growing.destination, growing.class, growing.next)
            == (head.session, head.destination, head.class, head.first);
        same && self.bytes.len() - growing.start + message.payload.len() <= MAX_BATCH
    }

    /// Writes what the socket takes without waiting. True: everything. `send` writes bytes, and a descriptor with the
    /// first of them.
    pub(crate) fn write_to(
        &mut self,
        mut send: impl FnMut(&[u8], Option<BorrowedFd<'_>>) -> io::Result<usize>,
    ) -> io::Result<bool> {
        self.growing = None;
        while self.written < self.bytes.len() {
            let next = self.descriptors.front().filter(|(at, _)| *at == self.written);
            let until =
                self.descriptors.get(usize::from(next.is_some())).map_or(self.bytes.len(), |(at, _)| *at);
            match send(&self.bytes[self.written..until], next.map(|(_, descriptor)| descriptor.as_fd())) {
                Ok(0) => return Err(ErrorKind::WriteZero.into()),
                Ok(n) => {
                    if next.is_some() {
                        self.descriptors.pop_front();
                    }
                    self.written += n;
                }
                Err(e) if e.kind() == ErrorKind::WouldBlock => break,
                Err(e) if e.kind() == ErrorKind::Interrupted => {}
                Err(e) => return Err(e),
            }
        }
        let done = self.is_empty();
        self.forget_written(done);
        Ok(done)
    }

    fn forget_written(&mut self, done: bool) {
        if done {
            self.bytes.clear();
            self.bytes.shrink_to(KEEP);
            self.written = 0;
        } else if self.written > OUTBOX_LIMIT {
            self.bytes.drain(..self.written);
            self.descriptors.iter_mut().for_each(|(at, _)| *at -= self.written);
            self.written = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use chalktalk_ipc::{FrameBuf, Request, batch::read_publish};
    use std::io::Write;

    fn head(session: u8, first: u64) -> PublishHead {
        let (session, destination) = (SessionId([session; 16]), InstanceId::NIL);
        PublishHead { session, destination, first, class: Class::Durable }
    }

    /// A socket that takes so many bytes and then no more for now.
    struct Takes(usize, Vec<u8>);

    impl Write for Takes {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let n = bytes.len().min(self.0);
            if n == 0 && !bytes.is_empty() {
                return Err(ErrorKind::WouldBlock.into());
            }
            self.0 -= n;
            self.1.extend_from_slice(&bytes[..n]);
            Ok(n)
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn frames(bytes: &[u8]) -> Vec<(u64, usize)> {
        let mut buf = FrameBuf::default();
        buf.extend(bytes);
        let mut seen = Vec::new();
        while let Some(frame) = buf.next_frame().unwrap() {
            match frame.kind {
                FrameKind::Publish => {
                    let (head, messages) = read_publish(frame.body).unwrap();
                    seen.push((head.first, messages.map(Result::unwrap).count()));
                }
                _ => seen.push((0, 0)),
            }
        }
        seen
    }

    #[test]
    fn consecutive_messages_share_a_frame_and_others_do_not() {
        let mut outbox = Outbox::default();
        (1..=3).for_each(|n| outbox.publish(head(1, n), &Outgoing::new(b"x")));
        outbox.publish(head(2, 1), &Outgoing::new(b"x"));
        outbox.call(&Call { id: 1, request: Request::Status });
        outbox.publish(head(2, 2), &Outgoing::new(b"x"));
        outbox.publish(head(2, 4), &Outgoing::new(b"x"));
        let mut socket = Takes(usize::MAX, vec![]);
        assert!(outbox.write_to(|bytes, _| socket.write(bytes)).unwrap());
        assert_eq!(frames(&socket.1), [(1, 3), (1, 1), (0, 0), (2, 1), (4, 1)]);
    }

    #[test]
    fn a_frame_does_not_grow_past_its_limit() {
        let mut outbox = Outbox::default();
        (1..=9).for_each(|n| outbox.publish(head(1, n), &Outgoing::new(&[0; 60_000])));
        let mut socket = Takes(usize::MAX, vec![]);
        outbox.write_to(|bytes, _| socket.write(bytes)).unwrap();
        assert_eq!(frames(&socket.1), [(1, 2), (3, 2), (5, 2), (7, 2), (9, 1)]);
    }

    #[test]
    fn cut_anywhere_the_stream_stays_whole() {
        let mut whole = Vec::new();
        for step in 1..200 {
            let mut outbox = Outbox::default();
            let mut socket = Takes(0, vec![]);
            for n in 1..=20 {
                outbox.publish(head(1, n), &Outgoing::new(&[n as u8; 30]));
                socket.0 = step;
                outbox.write_to(|bytes, _| socket.write(bytes)).unwrap();
            }
            socket.0 = usize::MAX;
            assert!(outbox.write_to(|bytes, _| socket.write(bytes)).unwrap());
            let count: usize = frames(&socket.1).iter().map(|(_, n)| n).sum();
            assert_eq!(count, 20);
            whole.push(socket.1.len());
        }
        assert!(whole[198] >= whole[0], "a starved socket gets fewer, larger frames");
    }
}
