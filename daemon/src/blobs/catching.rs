//! A cast of a blob that is being fetched: what a holder told of it, and what is heard of it.
//!
//! Invariant: only what its holder's address sent, and what opens under its key if the session has one, is heard.

use super::fetching::Fetch;
use chalktalk_ipc::SessionId;
use chalktalk_protocol::{
    Instant as Time,
    blob::{
        Access,
        catch::Catch,
        slice::{CastId, Cut, Sealing},
        wire::Ask,
    },
};
use std::{io, net::IpAddr};

/// A cast that a holder has told of.
#[derive(Clone, Copy)]
pub(super) struct Invitation {
    pub(super) holder: u64,
    cast: CastId,
    cut: Cut,
}

/// A cast that is taken part in.
pub(super) struct Catching {
    catch: Catch,
    sealing: Sealing,
    from: IpAddr,
    /// How many of the pieces that came its sender was told of.
    told: usize,
}

impl Invitation {
    /// `None`: nobody casts in such slices.
    pub(super) fn new(holder: u64, size: u64, cast: CastId, length: u16) -> Option<Self> {
        Cut::told(size, length).map(|cut| Self { holder, cast, cut })
    }

    /// Takes part from now on in what comes from this address.
    pub(super) fn accept(self, access: &Access, session: SessionId, from: IpAddr) -> Catching {
        let sealing = Sealing::new(access, session, self.cast);
        Catching { catch: Catch::new(self.cut, self.holder), sealing, from, told: 0 }
    }
}

impl Catching {
    pub(super) fn holder(&self) -> u64 {
        self.catch.holder()
    }

    pub(super) fn is_of(&self, cast: CastId, from: IpAddr) -> bool {
        self.sealing.id() == cast && self.from == from
    }

    /// Whether it is coming, so that nobody need be asked.
    pub(super) fn is_live(&self, now: Time) -> bool {
        self.catch.is_live(now)
    }

    pub(super) fn due(&self, now: Time) -> Option<Time> {
        self.catch.due(now)
    }
}

impl Fetch {
    /// Takes a datagram of its cast in. False: it belongs to something else.
    pub(super) fn on_datagram(
        &mut self,
        now: Time,
        (cast, from): (CastId, IpAddr),
        datagram: &[u8],
        scratch: &mut Vec<u8>,
    ) -> io::Result<bool> {
        let Some(catching) = self.catching.as_mut().filter(|catching| catching.is_of(cast, from)) else {
            return Ok(false);
        };
        let held = self.download.held();
        let slice = catching.sealing.decode(datagram, scratch);
        let whole = slice.and_then(|(place, bytes)| catching.catch.on_slice(now, place, bytes, held));
        if let Some((piece, bytes)) = whole {
            // One that is not genuine may be anybody's doing: it is fetched over a connection in the end.
            self.keep(piece, &bytes)?;
        }
        Ok(true)
    }

    /// What to say about its cast, and to whom.
    pub(super) fn says(&mut self, now: Time) -> Option<(u64, Ask)> {
        let catching = self.catching.as_mut()?;
        let holder = catching.holder();
        let mut new = self.log[catching.told..].iter();
        if let Some(first) = new.next() {
            let count = 1 + new.zip(first + 1..).take_while(|(piece, next)| **piece == *next).count();
            catching.told += count;
            return Some((holder, Ask::Held(*first, count as u32)));
        }
        catching.catch.says(now, self.download.held()).map(|ask| (holder, ask))
    }
}
