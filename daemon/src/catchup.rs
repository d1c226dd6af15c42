//! Catch-up over TCP: a daemon that is far behind in a session asks one that is not, and gets the same sealed entries
//! it would have got by datagram.
//!
//! ```text
//! request: "CTCU" | version u8 | session 16 | count u16 | own port u16 | count × (origin 16 | epoch u32 | from u64 | to u64)
//! answer:  status u8 (0: entries follow) | length u16 | datagram | … | length 0
//!          status u8 (1: busy; try these) | count u8 | count × (address 16, IPv4 mapped to IPv6 | port u16)
//! ```
//! All integers are little endian. Both ends live in the event loop and never block it.
//!
//! Invariant: at most [`MAX_SERVED`] askers are served at once, and no end keeps more than a few hundred KiB.

mod asker;
mod provider;
mod wire;

pub use wire::{MAGIC, Request, Want, connect};

use asker::Asker;
use bytes::Bytes;
use chalktalk_ipc::SessionId;
use chalktalk_protocol::ids::{LogId, Seq};
use mio::{Interest, Registry, Token, net::TcpStream};
use provider::Provider;
use std::{
    collections::VecDeque,
    io,
    net::SocketAddr,
    time::{Duration, Instant},
};

/// Askers served at once: DESIGN §7, *catch-up*. Others are told to ask elsewhere.
pub const MAX_SERVED: usize = 2;
/// Connections at once, both ways, with those about to be told "busy".
pub const MAX_CONNECTIONS: usize = 12;
/// Without a byte moving for this long, the other end is taken to be gone.
pub const IDLE: Duration = Duration::from_secs(10);
/// Entries read from the store and written at a time.
const PORTION: usize = 128 << 10;

/// How asking ended.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Outcome {
    /// Everything the provider had of it has been handed over.
    Done,
    /// The provider serves others; ask another. These have, or are getting, what was asked for.
    Busy(Vec<SocketAddr>),
    /// The connection failed, or the provider did not speak properly.
    Failed(String),
}

/// Both ends of every catch-up of this daemon.
pub struct CatchUps {
    registry: Registry,
    base: usize,
    slots: [Option<Slot>; MAX_CONNECTIONS],
    finished: Vec<(u64, Outcome)>,
    served: u64,
    /// Who was served last, and where they can be asked.
    lately: VecDeque<(SessionId, SocketAddr)>,
}

/// Askers that are remembered as having been served: enough for a crowd to spread among.
const LATELY: usize = 16;

struct Slot {
    end: End,
    moved: Instant,
}

enum End {
    Asker(Asker),
    Provider(Provider),
}

impl CatchUps {
    /// Uses [`MAX_CONNECTIONS`] tokens from `base` on.
    pub fn new(registry: &Registry, base: usize) -> io::Result<Self> {
        let registry = registry.try_clone()?;
        Ok(Self {
            registry,
            base,
            slots: Default::default(),
            finished: Vec::new(),
            served: 0,
            lately: VecDeque::new(),
        })
    }

    /// Whether a token is one of these connections'.
    pub fn contains(&self, token: Token) -> bool {
        (self.base..self.base + MAX_CONNECTIONS).contains(&token.0)
    }

    /// Entries given to others since the start.
    pub fn served(&self) -> u64 {
        self.served
    }

    /// Something can be read or written.
    pub fn on_event(&mut self, token: Token, readable: bool, writable: bool) {
        match self.slots[token.0 - self.base].as_mut().map(|slot| &mut slot.end) {
            Some(End::Asker(asker)) => asker.on_event(readable, writable),
            Some(End::Provider(provider)) => provider.on_event(readable, writable),
            None => {}
        }
    }

    /// Another daemon has connected and is about to ask.
    pub fn accept(&mut self, now: Instant, stream: TcpStream) {
        let Ok(from) = stream.peer_addr().map(|from| from.ip().to_canonical()) else { return };
        let serving = |slot: &&Slot| matches!(&slot.end, End::Provider(p) if !p.is_refusing());
        let busy = self.slots.iter().flatten().filter(serving).count() >= MAX_SERVED;
        // Without a slot, or a poll that takes it, the connection is dropped: the asker asks another.
        let _ = self.insert(now, stream, |stream| End::Provider(Provider::new(stream, from, busy)));
    }

    /// Asks a provider. What comes of it is in [`CatchUps::take_finished`], under this number.
    pub fn ask(&mut self, now: Instant, id: u64, provider: SocketAddr, request: &Request) {
        let connected = wire::connect(provider).and_then(|stream| {
            self.insert(now, stream, |stream| End::Asker(Asker::new(id, provider, stream, request)))
        });
        if let Err(e) = connected {
            self.finished.push((id, Outcome::Failed(e.to_string())));
        }
    }

    /// Serves askers with what `read` finds: entries of a session's log from a slot on, up to a number of bytes.
    /// True: more can be written at once.
    pub fn serve(
        &mut self,
        now: Instant,
        mut read: impl FnMut(SessionId, LogId, Seq, usize) -> Vec<Bytes>,
    ) -> bool {
        let mut more = false;
        let mut known: Vec<(SessionId, SocketAddr)> = self.lately.iter().copied().collect();
        known.extend(self.slots.iter().flatten().filter_map(|slot| match &slot.end {
            End::Provider(provider) => provider.serves(),
            End::Asker(_) => None,
        }));
        for place in &mut self.slots {
            let Some(Slot { end: End::Provider(provider), moved }) = place else { continue };
            match provider.turn(&known, &mut read) {
                Ok(progress) => {
                    // It may have said only now what it wants; who is turned away in this turn is to hear of it.
                    known.extend(provider.serves().filter(|served| !known.contains(served)));
                    more |= progress.more;
                    self.served += progress.entries;
                    if progress.bytes > 0 {
                        *moved = now;
                    }
                    if progress.done {
                        self.lately.extend(provider.serves());
                        *place = None;
                    }
                }
                Err(_) => *place = None,
            }
        }
        while self.lately.len() > LATELY {
            self.lately.pop_front();
        }
        more
    }

    /// Hands over what providers have sent, each at most about `max_bytes` (0 while the store is behind). True: there
    /// may be more.
    pub fn receive(
        &mut self,
        now: Instant,
        max_bytes: usize,
        mut each: impl FnMut(SocketAddr, &[u8]),
    ) -> bool {
        let mut more = false;
        for place in &mut self.slots {
            let Some(Slot { end: End::Asker(asker), moved }) = place else { continue };
            let progress = asker.turn(max_bytes, &mut each);
            more |= progress.more;
            if progress.moved {
                *moved = now;
            }
            if let Some(outcome) = progress.outcome {
                self.finished.push((asker.id(), outcome));
                *place = None;
            }
        }
        more
    }

    /// What was asked for and has ended since this was last called.
    pub fn take_finished(&mut self) -> Vec<(u64, Outcome)> {
        std::mem::take(&mut self.finished)
    }

    /// When [`CatchUps::handle_timeout`] has to be called.
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.slots.iter().flatten().map(|slot| slot.moved + IDLE).min()
    }

    /// Gives up on those that have fallen silent.
    pub fn handle_timeout(&mut self, now: Instant) {
        for place in &mut self.slots {
            if let Some(slot) = place.take_if(|slot| slot.moved + IDLE <= now)
                && let End::Asker(asker) = slot.end
            {
                self.finished.push((asker.id(), Outcome::Failed("the provider fell silent".into())));
            }
        }
    }

    fn insert(
        &mut self,
        now: Instant,
        mut stream: TcpStream,
        end: impl FnOnce(TcpStream) -> End,
    ) -> io::Result<()> {
        let free = self.slots.iter().position(Option::is_none);
        let slot = free.ok_or_else(|| io::Error::other("too many catch-ups at once"))?;
        self.registry.register(
            &mut stream,
            Token(self.base + slot),
            Interest::READABLE | Interest::WRITABLE,
        )?;
        self.slots[slot] = Some(Slot { end: end(stream), moved: now });
        Ok(())
    }
}

#[cfg(test)]
mod tests;
