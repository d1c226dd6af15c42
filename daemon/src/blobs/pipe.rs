//! Bytes of one connection: what has come and is not looked at, what waits to go.
//!
//! Invariant: no more is read than one record needs, and a record longer than allowed ends the connection.

use mio::net::TcpStream;
use std::{
    io::{self, Read, Write},
    time::Instant,
};

/// Read by one system call.
const CHUNK: usize = 128 << 10;

pub(super) struct Pipe {
    pub(super) stream: TcpStream,
    input: Vec<u8>,
    start: usize,
    output: Vec<u8>,
    written: usize,
    readable: bool,
    writable: bool,
    /// When a byte last went or came.
    pub(super) moved: Instant,
}

impl Pipe {
    /// `connected`: it can be written to at once.
    pub(super) fn new(stream: TcpStream, now: Instant, connected: bool) -> Self {
        Self {
            stream,
            input: Vec::new(),
            start: 0,
            output: Vec::new(),
            written: 0,
            readable: connected,
            writable: connected,
            moved: now,
        }
    }

    pub(super) fn on_event(&mut self, readable: bool, writable: bool) {
        self.readable |= readable;
        self.writable |= writable;
    }

    /// Where to append what is to go.
    pub(super) fn output(&mut self) -> &mut Vec<u8> {
        &mut self.output
    }

    /// Whether everything has gone.
    pub(super) fn is_written(&self) -> bool {
        self.written == self.output.len()
    }

    /// Whether something may have come that was not read.
    pub(super) fn is_readable(&self) -> bool {
        self.readable
    }

    /// Writes what the kernel takes.
    pub(super) fn write(&mut self, now: Instant) -> io::Result<()> {
        while self.writable && !self.is_written() {
            match self.stream.write(&self.output[self.written..]) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(n) => {
                    self.written += n;
                    self.moved = now;
                }
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => self.writable = false,
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) => return Err(e),
            }
        }
        if self.is_written() && self.written > 0 {
            self.output.clear();
            self.written = 0;
        }
        Ok(())
    }

    /// The next `length` bytes, once they are all here.
    pub(super) fn take<const N: usize>(&mut self, now: Instant) -> io::Result<Option<[u8; N]>> {
        if !self.fill(now, N)? {
            return Ok(None);
        }
        let taken = self.input[self.start..].first_chunk::<N>().copied();
        self.start += N;
        Ok(taken)
    }

    /// The next record's body, once it is all here; none is longer than `max`.
    pub(super) fn record(&mut self, now: Instant, max: usize) -> io::Result<Option<&[u8]>> {
        if !self.fill(now, 4)? {
            return Ok(None);
        }
        let length =
            self.input[self.start..].first_chunk::<4>().copied().map_or(0, u32::from_le_bytes) as usize;
        if length > max {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "a record is too long"));
        }
        if !self.fill(now, 4 + length)? {
            return Ok(None);
        }
        let body = self.start + 4..self.start + 4 + length;
        self.start = body.end;
        Ok(Some(&self.input[body]))
    }

    /// Reads until so many bytes wait. False: they do not yet.
    fn fill(&mut self, now: Instant, wanted: usize) -> io::Result<bool> {
        while self.input.len() - self.start < wanted {
            if !self.readable {
                return Ok(false);
            }
            if self.start > 0 {
                self.input.drain(..self.start);
                self.start = 0;
            }
            let held = self.input.len();
            let room = (wanted - held).clamp(4096, CHUNK);
            self.input.resize(held + room, 0);
            let read = self.stream.read(&mut self.input[held..]);
            self.input.truncate(held + read.as_ref().copied().unwrap_or(0));
            match read {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(_) => self.moved = now,
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => self.readable = false,
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) => return Err(e),
            }
        }
        Ok(true)
    }
}
