//! The end that asks: sends its request, then hands over entry after entry.
//!
//! Invariant: what an entry is, is checked by whoever it is handed to; here only its length is believed.

use super::{
    Outcome,
    wire::{BUSY, ENTRIES, Malformed, Request, read_busy},
};
use chalktalk_protocol::frame::MAX_DATAGRAM;
use mio::net::TcpStream;
use std::{
    io::{self, Read, Write},
    net::SocketAddr,
};

const CHUNK: usize = 64 << 10;

pub(super) struct Asker {
    id: u64,
    provider: SocketAddr,
    stream: TcpStream,
    readable: bool,
    writable: bool,
    request: Vec<u8>,
    asked: usize,
    input: Vec<u8>,
    accepted: bool,
}

/// What one turn did.
#[derive(Default)]
pub(super) struct Progress {
    pub(super) moved: bool,
    pub(super) more: bool,
    pub(super) outcome: Option<Outcome>,
}

impl Asker {
    pub(super) fn new(id: u64, provider: SocketAddr, stream: TcpStream, request: &Request) -> Self {
        Self {
            id,
            provider,
            stream,
            readable: false,
            writable: false,
            request: request.encode(),
            asked: 0,
            input: Vec::new(),
            accepted: false,
        }
    }

    pub(super) fn id(&self) -> u64 {
        self.id
    }

    pub(super) fn on_event(&mut self, readable: bool, writable: bool) {
        self.readable |= readable;
        self.writable |= writable;
    }

    pub(super) fn turn(&mut self, max_bytes: usize, each: &mut impl FnMut(SocketAddr, &[u8])) -> Progress {
        let mut progress = Progress::default();
        let failed = |e: io::Error| Outcome::Failed(e.to_string());
        match self.write_request() {
            Ok(moved) => progress.moved |= moved,
            Err(e) => progress.outcome = Some(failed(e)),
        }
        let mut taken = 0;
        while self.readable && taken < max_bytes && progress.outcome.is_none() {
            match self.read() {
                Ok(Some(n)) => {
                    taken += n;
                    progress.moved = true;
                    progress.outcome = self.hand_over(each);
                }
                Ok(None) => {}
                Err(e) => progress.outcome = Some(failed(e)),
            }
        }
        // Bytes that wait because the store is behind are no silence of the provider's.
        progress.moved |= self.readable && max_bytes == 0;
        progress.more = self.readable && max_bytes > 0;
        progress
    }

    fn write_request(&mut self) -> io::Result<bool> {
        let before = self.asked;
        while self.writable && self.asked < self.request.len() {
            match self.stream.write(&self.request[self.asked..]) {
                Ok(n) => self.asked += n,
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => self.writable = false,
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) => return Err(e),
            }
        }
        Ok(self.asked > before)
    }

    fn read(&mut self) -> io::Result<Option<usize>> {
        let held = self.input.len();
        self.input.resize(held + CHUNK, 0);
        let read = self.stream.read(&mut self.input[held..]);
        self.input.truncate(held + read.as_ref().copied().unwrap_or(0));
        match read {
            Ok(0) => Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the provider closed the connection")),
            Ok(n) => Ok(Some(n)),
            Err(e) if e.kind() == io::ErrorKind::WouldBlock => {
                self.readable = false;
                Ok(None)
            }
            Err(e) if e.kind() == io::ErrorKind::Interrupted => Ok(None),
            Err(e) => Err(e),
        }
    }

    /// Whole entries go; a part of one stays.
    fn hand_over(&mut self, each: &mut impl FnMut(SocketAddr, &[u8])) -> Option<Outcome> {
        let mut at = 0;
        if !self.accepted {
            match *self.input.first()? {
                ENTRIES => self.accepted = true,
                BUSY => match read_busy(&self.input[1..]) {
                    Ok(others) => return others.map(Outcome::Busy),
                    Err(Malformed) => return Some(malformed()),
                },
                _ => return Some(malformed()),
            }
            at = 1;
        }
        let mut outcome = None;
        while let Some((length, rest)) = self.input[at..].split_first_chunk::<2>() {
            let length = usize::from(u16::from_le_bytes(*length));
            if length == 0 || length > MAX_DATAGRAM {
                outcome = Some(if length == 0 { Outcome::Done } else { malformed() });
                break;
            }
            let Some(datagram) = rest.get(..length) else { break };
            each(self.provider, datagram);
            at += 2 + length;
        }
        self.input.drain(..at);
        outcome
    }
}

fn malformed() -> Outcome {
    Outcome::Failed("the provider does not speak this version".into())
}
