//! The end that asks: one holder of one blob that is being fetched.
//!
//! Invariant: what a holder says is a claim; only [`Heard::Piece`]s that the blob's tree proves are kept.

use super::pipe::Pipe;
use chalktalk_ipc::SessionId;
use chalktalk_protocol::blob::{
    Access, Blob,
    slice::CastId,
    wire::{Ask, End, Greeting, MAX_RECORD, NONCE, Nonce, Sealing, Tell},
};
use std::{io, net::SocketAddr, time::Instant};

pub(super) struct Asker {
    /// The fetch it belongs to.
    pub(super) fetch: u64,
    /// Whom it asks.
    pub(super) address: SocketAddr,
    /// Whether it has said what it has.
    pub(super) answers: bool,
    /// What it was asked for and has not given.
    pub(super) owes: u32,
    blob: Blob,
    /// What the connection is sealed under, and whether a cast would be heard.
    pub(super) access: Access,
    greeting: Greeting,
    sealing: Option<(Sealing, Sealing)>,
    scratch: Vec<u8>,
}

/// What a holder has said.
pub(super) enum Heard<'a> {
    /// It has these pieces (bits as the wire has them).
    Has(&'a [u8]),
    /// Leaves from one on.
    Leaves(u32, &'a [u8]),
    /// A piece.
    Piece(u32, &'a [u8]),
    /// It has these pieces as well.
    Also(Vec<u32>),
    /// It casts the blob in slices of so many bytes.
    Cast(CastId, u16),
    /// It does not cast it any more.
    Over,
}

impl Asker {
    pub(super) fn new(
        fetch: u64,
        address: SocketAddr,
        (session, blob): (SessionId, Blob),
        access: Access,
        nonce: Nonce,
        pipe: &mut Pipe,
    ) -> Self {
        let greeting = Greeting { session, key_id: access.key_id(), nonce };
        pipe.output().extend_from_slice(&greeting.encode());
        let scratch = Vec::new();
        Self { fetch, address, answers: false, owes: 0, blob, access, greeting, sealing: None, scratch }
    }

    /// Asks for something. From now on silence counts against the holder.
    pub(super) fn ask(&mut self, now: Instant, pipe: &mut Pipe, ask: Ask) {
        let Some((asks, _)) = &mut self.sealing else { return };
        let wants = matches!(ask, Ask::Leaves(..) | Ask::Piece(_));
        if wants && self.owes == 0 {
            pipe.moved = now;
        }
        asks.put(pipe.output(), |out| ask.put(out));
        self.owes += u32::from(wants);
    }

    /// The next thing that the holder has said, if it is all here.
    ///
    /// # Errors
    /// The connection has ended, or it does not speak properly.
    pub(super) fn listen<'a>(
        &'a mut self,
        now: Instant,
        pipe: &'a mut Pipe,
    ) -> io::Result<Option<Heard<'a>>> {
        if self.sealing.is_none() {
            let Some(nonce) = pipe.take::<NONCE>(now)? else { return Ok(None) };
            let sealing = |end| Sealing::new(self.access.key.as_ref(), &self.greeting, &nonce, end);
            self.sealing = Some((sealing(End::Asker), sealing(End::Holder)));
            self.ask(now, pipe, Ask::Open(self.blob, self.access.cast.is_some()));
        }
        let Some((_, tells)) = &mut self.sealing else { return Ok(None) };
        let Some(body) = pipe.record(now, MAX_RECORD)? else { return Ok(None) };
        let malformed =
            || io::Error::new(io::ErrorKind::InvalidData, "the holder does not speak this version");
        let clear = tells.open(body, &mut self.scratch).ok_or_else(malformed)?;
        let heard = Tell::read(clear).ok_or_else(malformed)?;
        if !self.answers && !matches!(heard, Tell::Has(_)) {
            return Err(malformed());
        }
        self.answers = true;
        self.owes -= u32::from(self.owes > 0 && matches!(heard, Tell::Leaves(..) | Tell::Piece(..)));
        Ok(Some(match heard {
            Tell::Has(bits) => Heard::Has(bits),
            Tell::Leaves(first, leaves) => Heard::Leaves(first, leaves),
            Tell::Piece(piece, bytes) => Heard::Piece(piece, bytes),
            Tell::Also(pieces) => {
                let number = |bytes: &[u8; 4]| u32::from_le_bytes(*bytes);
                Heard::Also(pieces.as_chunks::<4>().0.iter().map(number).collect())
            }
            Tell::Cast(cast, length) => Heard::Cast(cast, length),
            Tell::Over => Heard::Over,
        }))
    }
}
