//! Bytes of one connection: what has come and is not looked at, what waits to go.
//!
//! Invariant: no more is held than the longest record needs, and one longer than allowed ends the connection.

use mio::net::TcpStream;
use std::{
    io::{self, Read, Write},
    time::Instant,
};

/// Room for what is small.
const LEAST: usize = 4096;

pub(super) struct Pipe {
    pub(super) stream: TcpStream,
    input: Vec<u8>,
    /// What has come and is not looked at is between these.
    start: usize,
    end: usize,
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
            end: 0,
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
        while self.end - self.start < wanted {
            if !self.readable {
                return Ok(false);
            }
            self.input.copy_within(self.start..self.end, 0);
            (self.start, self.end) = (0, self.end - self.start);
            // It grows with the largest record and stays: clearing it for every read would cost as much as the reading.
            if self.input.len() < wanted {
                self.input.resize(wanted.max(LEAST), 0);
            }
            match self.stream.read(&mut self.input[self.end..]) {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(n) => {
                    self.end += n;
                    self.moved = now;
                }
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => self.readable = false,
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) => return Err(e),
            }
        }
        Ok(true)
    }
}
