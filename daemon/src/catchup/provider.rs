//! The end that gives: reads a request, then entries from the store as fast as the asker takes them.
//!
//! Invariant: entries are read only when all that was read before has been written.

use super::{
    PORTION,
    wire::{ENTRIES, MAX_REQUEST, Malformed, Request, Want, busy},
};
use bytes::Bytes;
use chalktalk_ipc::SessionId;
use chalktalk_protocol::ids::{LogId, Seq};
use mio::net::TcpStream;
use std::{
    collections::VecDeque,
    io::{self, Read, Write},
    net::{IpAddr, SocketAddr},
};

pub(super) struct Provider {
    stream: TcpStream,
    from: IpAddr,
    refusing: bool,
    readable: bool,
    writable: bool,
    /// The request as far as it has arrived; afterwards nothing.
    asked: Vec<u8>,
    answer: Option<Answer>,
}

struct Answer {
    session: SessionId,
    to: SocketAddr,
    wants: VecDeque<Want>,
    out: Vec<u8>,
    written: usize,
    closing: bool,
}

/// What one turn did.
#[derive(Default)]
pub(super) struct Progress {
    pub(super) bytes: usize,
    pub(super) entries: u64,
    pub(super) more: bool,
    pub(super) done: bool,
}

impl Provider {
    pub(super) fn new(stream: TcpStream, from: IpAddr, refusing: bool) -> Self {
        Self { stream, from, refusing, readable: true, writable: true, asked: Vec::new(), answer: None }
    }

    /// Whether it will only say "busy".
    pub(super) fn is_refusing(&self) -> bool {
        self.refusing
    }

    /// Of which session it gives, and where who gets it can be asked.
    pub(super) fn serves(&self) -> Option<(SessionId, SocketAddr)> {
        let answer = self.answer.as_ref().filter(|_| !self.refusing)?;
        Some((answer.session, answer.to))
    }

    pub(super) fn on_event(&mut self, readable: bool, writable: bool) {
        self.readable |= readable;
        self.writable |= writable;
    }

    /// `known`: who has been given what.
    pub(super) fn turn(
        &mut self,
        known: &[(SessionId, SocketAddr)],
        read: &mut impl FnMut(SessionId, LogId, Seq, usize) -> Vec<Bytes>,
    ) -> io::Result<Progress> {
        let mut progress = Progress::default();
        if self.answer.is_none() {
            progress.bytes += self.listen(known)?;
        }
        let Some(answer) = &mut self.answer else { return Ok(progress) };
        if answer.is_written() {
            progress.entries = answer.fill(read);
        }
        if self.writable {
            match answer.write(&mut self.stream) {
                Ok(written) => progress.bytes += written,
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => self.writable = false,
                Err(e) => return Err(e),
            }
        }
        progress.done = answer.closing && answer.is_written();
        progress.more = self.writable && !progress.done;
        Ok(progress)
    }

    /// Reads the request; once it is whole, there is an answer.
    fn listen(&mut self, known: &[(SessionId, SocketAddr)]) -> io::Result<usize> {
        let mut heard = 0;
        let mut chunk = [0; 4096];
        while self.readable && self.asked.len() <= MAX_REQUEST {
            match self.stream.read(&mut chunk) {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(n) => {
                    heard += n;
                    self.asked.extend_from_slice(&chunk[..n]);
                }
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => self.readable = false,
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) => return Err(e),
            }
        }
        match Request::decode(&self.asked) {
            Ok(None) => {}
            Ok(Some(request)) => {
                let to = SocketAddr::new(self.from, request.port);
                let others = known.iter().filter(|(session, at)| *session == request.session && *at != to);
                let others: Vec<SocketAddr> = others.rev().map(|(_, at)| *at).collect();
                self.answer = Some(Answer::new(request, to, self.refusing.then_some(&others)));
                self.asked = Vec::new();
            }
            Err(Malformed) => return Err(io::ErrorKind::InvalidData.into()),
        }
        Ok(heard)
    }
}

impl Answer {
    /// `refusing`: with whom else could be asked.
    fn new(request: Request, to: SocketAddr, refusing: Option<&Vec<SocketAddr>>) -> Self {
        let out = refusing.map_or_else(|| vec![ENTRIES], |others| busy(others));
        let closing = refusing.is_some();
        Self { session: request.session, to, wants: request.wants.into(), out, written: 0, closing }
    }

    fn is_written(&self) -> bool {
        self.written == self.out.len()
    }

    /// The next portion of entries, or the end.
    fn fill(&mut self, read: &mut impl FnMut(SessionId, LogId, Seq, usize) -> Vec<Bytes>) -> u64 {
        self.out.clear();
        self.written = 0;
        let mut entries = 0;
        while self.out.len() < PORTION && !self.closing {
            let Some(want) = self.wants.front_mut() else {
                self.out.extend_from_slice(&0u16.to_le_bytes());
                self.closing = true;
                break;
            };
            let wanted = usize::try_from(want.to.ahead_of(want.from)).unwrap_or(usize::MAX).saturating_add(1);
            let mut datagrams = read(self.session, want.log, want.from, PORTION);
            datagrams.truncate(wanted);
            entries += datagrams.len() as u64;
            for datagram in &datagrams {
                self.out.extend_from_slice(&(datagram.len() as u16).to_le_bytes());
                self.out.extend_from_slice(datagram);
            }
            want.from = Seq(want.from.0.saturating_add(datagrams.len() as u64));
            if datagrams.is_empty() || want.from > want.to {
                self.wants.pop_front();
            }
        }
        entries
    }

    fn write(&mut self, stream: &mut TcpStream) -> io::Result<usize> {
        let before = self.written;
        while self.written < self.out.len() {
            match stream.write(&self.out[self.written..]) {
                Ok(n) => self.written += n,
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) if e.kind() == io::ErrorKind::WouldBlock && self.written > before => break,
                Err(e) => return Err(e),
            }
        }
        Ok(self.written - before)
    }
}
