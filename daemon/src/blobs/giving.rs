//! The end that gives: learns what is wanted, and whether who wants it may have it, then sends what is asked for.
//!
//! Invariant: who cannot show the session's key, and who asks for what is not here or is paused, are answered by the same: nothing.

use super::{fetching::Part, files::Files, pipe::Pipe};
use chalktalk_ipc::SessionId;
use chalktalk_protocol::blob::{
    Access, Blob,
    slice::CastId,
    tree::{self, Tree},
    wire::{Ask, End, GREETING, Greeting, MAX_ASK, MAX_LEAVES, Nonce, Sealing, Tell},
};
use std::{collections::VecDeque, fs::File, io, os::unix::fs::FileExt, sync::Arc, time::Instant};

/// What an asker may have asked for and not been given.
const MAX_WANTS: usize = 16;

/// What an asker may have said of a cast before that is looked at.
const MAX_SAID: usize = 256;

/// Pieces that a holder tells of in one record.
const MAX_NEWS: usize = 4096;

pub(super) struct Giver {
    nonce: Nonce,
    stage: Stage,
}

enum Stage {
    /// The greeting is on its way.
    Greeting,
    /// The loop is asked what the session's key is.
    Access(Greeting),
    /// The asker says what it wants.
    Opening {
        session: SessionId,
        access: Access,
        asks: Sealing,
        tells: Sealing,
    },
    Giving(Box<Giving>),
}

struct Giving {
    session: SessionId,
    blob: Blob,
    access: Access,
    /// It would hear a cast, and was not told of one yet.
    hears: bool,
    /// What it has said about a cast.
    said: Vec<Ask>,
    tree: Arc<Tree>,
    file: File,
    asks: Sealing,
    tells: Sealing,
    wants: VecDeque<Ask>,
    /// How many pieces of a part the asker was told of; `None`: it is whole.
    told: Option<usize>,
    scratch: Vec<u8>,
    piece: Vec<u8>,
}

/// What one turn did.
#[derive(Default)]
pub(super) struct Turn {
    /// There is more to do at once.
    pub(super) more: bool,
    /// Ask the loop for the key of this session.
    pub(super) session: Option<SessionId>,
    /// Somebody who would hear a cast has said what they want.
    pub(super) opened: bool,
}

impl Giver {
    pub(super) fn new(nonce: Nonce) -> Self {
        Self { nonce, stage: Stage::Greeting }
    }

    /// The loop's answer: how the session is sealed, if anything of it may be given.
    pub(super) fn on_access(&mut self, pipe: &mut Pipe, access: Option<&Access>) -> io::Result<()> {
        let Stage::Access(greeting) = &self.stage else { return Ok(()) };
        // Who does not have the key is not told so: they could not say what they want either.
        let access = access
            .filter(|access| access.key_id() == greeting.key_id)
            .ok_or(io::ErrorKind::PermissionDenied)?;
        let sealing = |end| Sealing::new(access.key.as_ref(), greeting, &self.nonce, end);
        pipe.output().extend_from_slice(&self.nonce);
        self.stage = Stage::Opening {
            session: greeting.session,
            access: access.clone(),
            asks: sealing(End::Asker),
            tells: sealing(End::Holder),
        };
        Ok(())
    }

    /// Reads, answers and writes, a piece at most. An error ends the connection.
    pub(super) fn turn<'a>(
        &mut self,
        now: Instant,
        pipe: &mut Pipe,
        files: &Files,
        part: impl Fn(SessionId, Blob) -> Option<Part<'a>>,
    ) -> io::Result<Turn> {
        let mut turn = Turn::default();
        if let Stage::Greeting = self.stage {
            let Some(bytes) = pipe.take::<GREETING>(now)? else { return Ok(turn) };
            let greeting = Greeting::decode(&bytes).ok_or(io::ErrorKind::InvalidData)?;
            turn.session = Some(greeting.session);
            self.stage = Stage::Access(greeting);
        }
        if let Stage::Opening { session, access, asks, tells } = &mut self.stage
            && let Some(body) = pipe.record(now, MAX_ASK)?
        {
            let mut scratch = Vec::new();
            let body = asks.open(body, &mut scratch).ok_or(io::ErrorKind::PermissionDenied)?;
            let Some(Ask::Open(blob, hears)) = Ask::read(body) else {
                return Err(io::ErrorKind::InvalidData.into());
            };
            let (session, access) = (*session, access.clone());
            let sealing = (asks.clone(), tells.clone());
            let mut giving = Giving::begin(session, blob, access, sealing, files, part(session, blob), pipe)?;
            giving.hears = hears;
            turn.opened = hears;
            self.stage = Stage::Giving(Box::new(giving));
        }
        if let Stage::Giving(giving) = &mut self.stage {
            if files.find(giving.session, giving.blob.id).is_none_or(|kept| kept.paused) {
                return Err(io::ErrorKind::NotFound.into());
            }
            giving.listen(now, pipe)?;
            if pipe.is_written() {
                let part = giving.told.is_some().then(|| part(giving.session, giving.blob));
                giving.tell(pipe, files, part)?;
            }
            turn.more = pipe.is_written() && !giving.wants.is_empty();
        }
        pipe.write(now)?;
        if let Stage::Giving(giving) = &self.stage {
            turn.more = pipe.is_written() && !giving.wants.is_empty();
        }
        Ok(turn)
    }
}

impl Giver {
    /// What is given, if all of it is here, and the asker would hear a cast and was not told of one.
    pub(super) fn may_be_cast_to(&self) -> Option<(SessionId, Blob)> {
        let Stage::Giving(giving) = &self.stage else { return None };
        (giving.hears && giving.told.is_none()).then_some((giving.session, giving.blob))
    }

    /// How what is given is sealed, and where it is read.
    pub(super) fn source(&self) -> Option<(Access, &File)> {
        let Stage::Giving(giving) = &self.stage else { return None };
        Some((giving.access.clone(), &giving.file))
    }

    /// Tells of a cast.
    pub(super) fn tell_cast(&mut self, pipe: &mut Pipe, cast: CastId, length: u16) {
        if let Stage::Giving(giving) = &mut self.stage {
            giving.hears = false;
            giving.tells.put(pipe.output(), |out| Tell::Cast(cast, length).put(out));
        }
    }

    /// Tells that it is over.
    pub(super) fn tell_cast_over(&mut self, pipe: &mut Pipe) {
        if let Stage::Giving(giving) = &mut self.stage {
            giving.tells.put(pipe.output(), |out| Tell::Over.put(out));
        }
    }

    /// What the asker has said of a cast since the last time.
    pub(super) fn take_said(&mut self) -> Vec<Ask> {
        match &mut self.stage {
            Stage::Giving(giving) => std::mem::take(&mut giving.said),
            _ => Vec::new(),
        }
    }
}

impl Giving {
    fn begin(
        session: SessionId,
        blob: Blob,
        access: Access,
        (asks, mut tells): (Sealing, Sealing),
        files: &Files,
        part: Option<Part<'_>>,
        pipe: &mut Pipe,
    ) -> io::Result<Self> {
        let kept = files.find(session, blob.id);
        let whole = kept.is_some_and(|kept| kept.whole);
        if !whole && part.is_none() || kept.is_some_and(|kept| kept.paused) {
            return Err(io::ErrorKind::NotFound.into());
        }
        let (tree, file) = files.open(session, blob.id)?;
        if tree.blob() != blob {
            return Err(io::ErrorKind::NotFound.into());
        }
        let part = part.filter(|_| !whole);
        let bits = part.as_ref().map(|part| part.held.bits()).unwrap_or_default();
        tells.put(pipe.output(), |out| Tell::Has(&bits).put(out));
        let told = part.map(|part| part.log.len());
        Ok(Self {
            session,
            blob,
            access,
            hears: false,
            said: Vec::new(),
            tree,
            file,
            asks,
            tells,
            wants: VecDeque::new(),
            told,
            scratch: Vec::new(),
            piece: Vec::new(),
        })
    }

    fn listen(&mut self, now: Instant, pipe: &mut Pipe) -> io::Result<()> {
        while self.wants.len() < MAX_WANTS && self.said.len() < MAX_SAID {
            let Some(body) = pipe.record(now, MAX_ASK)? else { return Ok(()) };
            let body = self.asks.open(body, &mut self.scratch).ok_or(io::ErrorKind::InvalidData)?;
            match Ask::read(body) {
                Some(ask @ (Ask::Leaves(..) | Ask::Piece(_))) => self.wants.push_back(ask),
                Some(said @ (Ask::Join(_) | Ask::Held(..) | Ask::Caught(_) | Ask::Lacking(..))) => {
                    self.said.push(said)
                }
                _ => return Err(io::ErrorKind::InvalidData.into()),
            }
        }
        Ok(())
    }

    /// Answers one wish, and tells what has come since.
    fn tell(&mut self, pipe: &mut Pipe, files: &Files, part: Option<Option<Part<'_>>>) -> io::Result<()> {
        if let Some(part) = part {
            self.tell_news(pipe, files, part)?;
        }
        let Some(ask) = self.wants.pop_front() else { return Ok(()) };
        match ask {
            Ask::Leaves(first, count) => {
                let leaves = self.tree.leaves();
                let end = first.saturating_add(count.min(MAX_LEAVES)) as usize;
                let leaves =
                    leaves.get(first as usize..end.min(leaves.len())).ok_or(io::ErrorKind::InvalidData)?;
                self.tells.put(pipe.output(), |out| Tell::Leaves(first, leaves.as_flattened()).put(out));
            }
            Ask::Piece(piece) if piece < tree::pieces(self.blob.size) => {
                let length = tree::length(self.blob.size, piece);
                if self.piece.len() < length {
                    self.piece.resize(length, 0);
                }
                let bytes = &mut self.piece[..length];
                self.file.read_exact_at(bytes, tree::offset(piece))?;
                self.tells.put(pipe.output(), |out| Tell::Piece(piece, bytes).put(out));
            }
            _ => return Err(io::ErrorKind::InvalidData.into()),
        }
        Ok(())
    }

    /// Of a part: which pieces have come. When nobody fetches it any more, it is whole or no longer given.
    fn tell_news(&mut self, pipe: &mut Pipe, files: &Files, part: Option<Part<'_>>) -> io::Result<()> {
        let Some(told) = &mut self.told else { return Ok(()) };
        let news: Vec<u32> = match part {
            Some(part) => {
                let news: Vec<u32> = part.log[*told..].iter().copied().take(MAX_NEWS).collect();
                *told += news.len();
                news
            }
            None if files.find(self.session, self.blob.id).is_some_and(|kept| kept.whole) => {
                self.told = None;
                return self.tell_all(pipe);
            }
            None => return Err(io::ErrorKind::NotFound.into()),
        };
        if !news.is_empty() {
            let bytes: Vec<u8> = news.iter().flat_map(|piece| piece.to_le_bytes()).collect();
            self.tells.put(pipe.output(), |out| Tell::Also(&bytes).put(out));
        }
        Ok(())
    }

    fn tell_all(&mut self, pipe: &mut Pipe) -> io::Result<()> {
        self.tells.put(pipe.output(), |out| Tell::Has(&[]).put(out));
        Ok(())
    }
}
