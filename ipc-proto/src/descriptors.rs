//! Descriptors that travel with the bytes of a frame over the local socket (`SCM_RIGHTS`, unix(7)): how files cross it
//! without being copied through it.
//!
//! Invariant: a descriptor arrives no later than the first byte of the frame that it belongs to, and in the order of
//! the frames.

use rustix::{
    io::Errno,
    net::{
        RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer, SendAncillaryMessage,
        SendFlags, recvmsg, sendmsg,
    },
};
use std::{
    collections::VecDeque,
    io::{self, IoSlice, IoSliceMut},
    mem::MaybeUninit,
    os::fd::{AsFd, BorrowedFd, OwnedFd},
};

/// Descriptors that may wait for the frame that takes them. What comes beyond is closed.
pub const MAX_WAITING: usize = 16;

/// Descriptors in one read; the kernel closes more.
const AT_ONCE: usize = 4;

/// Descriptors that have arrived, for the frames that say that they carry one.
pub type Arrived = VecDeque<OwnedFd>;

/// Reads as `read` does, and keeps the descriptors that came along.
///
/// # Errors
/// As `read`.
pub fn receive(socket: impl AsFd, bytes: &mut [u8], arrived: &mut Arrived) -> io::Result<usize> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(AT_ONCE))];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    let mut parts = [IoSliceMut::new(bytes)];
    let received = recvmsg(socket, &mut parts, &mut control, RecvFlags::CMSG_CLOEXEC)?;
    for message in control.drain() {
        if let RecvAncillaryMessage::ScmRights(descriptors) = message {
            for descriptor in descriptors {
                if arrived.len() < MAX_WAITING {
                    arrived.push_back(descriptor);
                }
            }
        }
    }
    Ok(received.bytes)
}

/// Writes as `write` does; with a descriptor it goes along with the first byte, if any byte goes.
///
/// # Errors
/// As `write`.
pub fn send(socket: impl AsFd, bytes: &[u8], descriptor: Option<BorrowedFd<'_>>) -> io::Result<usize> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    let descriptors: Vec<BorrowedFd<'_>> = descriptor.into_iter().collect();
    if !descriptors.is_empty() && !control.push(SendAncillaryMessage::ScmRights(&descriptors)) {
        return Err(Errno::NOBUFS.into());
    }
    Ok(sendmsg(socket, &[IoSlice::new(bytes)], &mut control, SendFlags::NOSIGNAL)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{
        fs::File,
        io::{Read, Seek, Write},
        os::unix::net::UnixStream,
    };

    fn file(text: &str) -> File {
        let name = rustix::fs::memfd_create("test", rustix::fs::MemfdFlags::CLOEXEC).unwrap();
        let mut file = File::from(name);
        file.write_all(text.as_bytes()).unwrap();
        file.rewind().unwrap();
        file
    }

    #[test]
    fn a_file_comes_with_the_bytes_it_was_sent_with() {
        let (ours, theirs) = UnixStream::pair().unwrap();
        assert_eq!(send(&ours, b"before", None).unwrap(), 6);
        assert_eq!(send(&ours, b"with", Some(file("contents").as_fd())).unwrap(), 4);
        let (mut bytes, mut arrived, mut got) = ([0; 3], Arrived::new(), Vec::new());
        while got.len() < 10 {
            let n = receive(&theirs, &mut bytes, &mut arrived).unwrap();
            got.extend_from_slice(&bytes[..n]);
            assert!(got.len() <= 6 || arrived.len() == 1, "not later than its first byte: {}", got.len());
        }
        assert_eq!(got, b"beforewith");
        let mut text = String::new();
        File::from(arrived.pop_front().unwrap()).read_to_string(&mut text).unwrap();
        assert_eq!(text, "contents");
    }

    #[test]
    fn more_than_may_wait_are_closed() {
        let (ours, theirs) = UnixStream::pair().unwrap();
        let mut arrived = Arrived::new();
        for _ in 0..2 * MAX_WAITING {
            send(&ours, b"x", Some(file("").as_fd())).unwrap();
            receive(&theirs, &mut [0], &mut arrived).unwrap();
        }
        assert_eq!(arrived.len(), MAX_WAITING);
    }
}
