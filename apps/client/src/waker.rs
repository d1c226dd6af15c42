//! Wakes the connection's thread out of its wait for the socket.
//!
//! Invariant: at most one byte is on its way, so that waking never blocks and costs a system call only when the
//! thread may be asleep.

use std::{
    io::{self, PipeReader, PipeWriter, Read, Write},
    os::fd::{AsFd, BorrowedFd},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

/// The end that wakes.
#[derive(Clone, Debug)]
pub(crate) struct Waker(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    pending: AtomicBool,
    pipe: PipeWriter,
}

/// The end that is woken.
#[derive(Debug)]
pub(crate) struct Woken {
    waker: Waker,
    pipe: PipeReader,
}

/// Both ends of a new pipe.
pub(crate) fn waker() -> io::Result<(Waker, Woken)> {
    let (reader, writer) = io::pipe()?;
    let waker = Waker(Arc::new(Inner { pending: AtomicBool::new(false), pipe: writer }));
    Ok((waker.clone(), Woken { waker, pipe: reader }))
}

impl Waker {
    pub(crate) fn wake(&self) {
        if !self.0.pending.swap(true, Ordering::SeqCst) {
            // It fails only when the thread has ended, and then nobody needs to be woken.
            (&self.0.pipe).write_all(&[1]).ok();
        }
    }
}

impl Woken {
    /// Takes the wake-up out of the pipe, once the pipe is readable. Whoever wakes from now on writes a new one,
    /// so look at what may have changed after this, not before.
    pub(crate) fn clear(&mut self) {
        if self.pipe.read(&mut [0; 8]).is_ok() {
            self.waker.0.pending.store(false, Ordering::SeqCst);
        }
    }
}

impl AsFd for Woken {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.pipe.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_wakes_are_one_and_none_is_lost_after_clearing() {
        let (waker, mut woken) = waker().unwrap();
        (0..100_000).for_each(|_| waker.wake());
        woken.clear();
        waker.wake();
        woken.clear();
        assert!(!waker.0.pending.load(Ordering::SeqCst));
    }
}
