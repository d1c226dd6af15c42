//! One blob on its way here, from as many holders as give some of it.
//!
//! First the leaves, from one holder; then pieces, from all. A holder that gives what is not genuine is not asked
//! again.
//!
//! Invariant: every byte in the part that [`Download::held`] names was proved by the tree.

use super::{
    catching::{Catching, Invitation},
    files::{Files, Room},
};
use chalktalk_ipc::{SessionId, UserId};
use chalktalk_protocol::{
    Instant as Time,
    blob::{
        Access, Blob,
        download::{Download, Pieces},
        tree::{self, Leaf, PIECE, Tree},
        wire::{Ask, MAX_LEAVES},
    },
};
use std::{
    collections::{BTreeSet, VecDeque},
    fs::File,
    io,
    net::SocketAddr,
    os::unix::fs::FileExt,
    sync::Arc,
    time::{Duration, Instant},
};

/// Holders of one blob that are asked at once.
pub(super) const MAX_HOLDERS: usize = 8;

/// Leaves that do not come for so long are asked of another.
const LEAVES_LATE: Duration = Duration::from_secs(3);

/// Whoever may have the blob is asked again after this time, then after twice as long each time.
const AGAIN: Duration = Duration::from_millis(200);
/// At most.
const SELDOM: Duration = Duration::from_secs(5);

/// What is here of a blob that others may want meanwhile.
#[derive(Clone, Copy)]
pub(super) struct Part<'a> {
    /// Which pieces.
    pub(super) held: &'a Pieces,
    /// The same, in the order in which they came.
    pub(super) log: &'a [u32],
}

pub(super) struct Fetch {
    pub(super) session: SessionId,
    pub(super) blob: Blob,
    pub(super) user: UserId,
    pub(super) access: Access,
    /// Who waits for it.
    pub(super) transfers: BTreeSet<u64>,
    /// Whom to ask next.
    pub(super) candidates: VecDeque<SocketAddr>,
    /// Whom not to ask again.
    liars: BTreeSet<SocketAddr>,
    pub(super) download: Download,
    pub(super) log: Vec<u32>,
    /// A cast of it, that somebody told of and that is taken part in.
    pub(super) invitation: Option<Invitation>,
    pub(super) catching: Option<Catching>,
    tree: Option<Arc<Tree>>,
    file: Option<File>,
    leaves: Vec<Leaf>,
    /// Whom the leaves are asked of, and since when.
    leaves_from: Option<(u64, Instant)>,
    /// The next piece to look at, of a part that was here before.
    check: Option<u32>,
    room: Room,
    /// When to ask everybody again, and how long to wait then.
    pub(super) again: (Instant, Duration),
    /// When progress was told last, and what.
    pub(super) told: (Instant, u64, u32),
    /// It is being brought to the disk.
    pub(super) finishing: bool,
}

impl Fetch {
    /// Goes on with what is here of it, or begins.
    pub(super) fn new(
        now: Instant,
        (session, blob): (SessionId, Blob),
        user: UserId,
        access: Access,
        room: Room,
        random: u64,
    ) -> Self {
        Self {
            session,
            blob,
            user,
            access,
            transfers: BTreeSet::new(),
            candidates: VecDeque::new(),
            liars: BTreeSet::new(),
            download: Download::new(tree::pieces(blob.size), random),
            log: Vec::new(),
            invitation: None,
            catching: None,
            tree: None,
            file: None,
            leaves: Vec::new(),
            leaves_from: None,
            check: None,
            room,
            again: (now, AGAIN),
            told: (now, 0, 0),
            finishing: false,
        }
    }

    /// Looks for what is here of it.
    pub(super) fn resume(&mut self, files: &Files) -> io::Result<()> {
        if let Ok((tree, file)) = files.open(self.session, self.blob.id)
            && tree.blob() == self.blob
        {
            (self.tree, self.file, self.check) = (Some(tree), Some(file), Some(0));
            return Ok(());
        }
        self.try_tree(files).map(drop)
    }

    /// What others may have of it: nothing yet, perhaps, but they are told of every piece that comes.
    pub(super) fn part(&self) -> Option<Part<'_>> {
        self.file.as_ref()?;
        Some(Part { held: self.download.held(), log: &self.log })
    }

    /// Its bytes.
    pub(super) fn file(&self) -> Option<&File> {
        self.file.as_ref()
    }

    /// Bytes that are here.
    pub(super) fn done(&self) -> u64 {
        let pieces = self.download.held();
        let last = tree::pieces(self.blob.size) - 1;
        let missing = if pieces.contains(last) { PIECE - tree::length(self.blob.size, last) } else { 0 };
        u64::from(pieces.count()) * PIECE as u64 - missing as u64
    }

    /// Looks at one piece of a part that was here before. True: there are more.
    pub(super) fn check(&mut self) -> bool {
        let Some((piece, (tree, file))) = self.check.zip(self.tree.as_ref().zip(self.file.as_ref())) else {
            return false;
        };
        let mut bytes = vec![0; tree::length(self.blob.size, piece)];
        let held =
            file.read_exact_at(&mut bytes, tree::offset(piece)).is_ok() && tree.is_genuine(piece, &bytes);
        if held {
            self.hold(piece);
        }
        self.check = Some(piece + 1).filter(|next| *next < tree::pieces(self.blob.size));
        self.check.is_some()
    }

    /// Whether somebody may be asked.
    pub(super) fn may_ask(&self, address: SocketAddr) -> bool {
        !self.liars.contains(&address)
    }

    /// Somebody has given what is not genuine.
    pub(super) fn distrust(&mut self, address: SocketAddr) {
        self.liars.insert(address);
    }

    /// Somebody says what they have. False: they do not know what they say.
    pub(super) fn on_has(&mut self, holder: u64, bits: &[u8]) -> bool {
        let Some(has) = Pieces::from_bits(tree::pieces(self.blob.size), bits) else { return false };
        self.download.add(holder, has);
        self.again.1 = AGAIN;
        true
    }

    /// Leaves have come. False: they are not what was asked for, or not genuine.
    pub(super) fn on_leaves(
        &mut self,
        now: Instant,
        files: &Files,
        holder: u64,
        first: u32,
        bytes: &[u8],
    ) -> io::Result<bool> {
        if self.tree.is_some() || self.leaves_from.is_none_or(|(from, _)| from != holder) {
            return Ok(true); // they were asked for before somebody else gave them
        }
        let leaves = bytes.as_chunks::<{ size_of::<Leaf>() }>().0;
        if first as usize != self.leaves.len() || leaves.is_empty() {
            return Ok(false);
        }
        self.leaves.extend_from_slice(leaves);
        self.leaves_from = Some((holder, now));
        if self.leaves.len() < tree::leaves(self.blob.size) as usize {
            return Ok(true);
        }
        self.try_tree(files)
    }

    /// A piece has come. False: it is not genuine, or nobody asked for it.
    pub(super) fn on_piece(&mut self, holder: u64, piece: u32, bytes: &[u8]) -> io::Result<bool> {
        if !self.download.on_piece(holder, piece) {
            return Ok(false);
        }
        self.keep(piece, bytes)
    }

    /// Keeps a piece, unless it is here. False: it is not genuine.
    pub(super) fn keep(&mut self, piece: u32, bytes: &[u8]) -> io::Result<bool> {
        if self.download.held().contains(piece) {
            return Ok(true);
        }
        let Some((tree, file)) = self.tree.as_ref().zip(self.file.as_ref()) else { return Ok(false) };
        if !tree.is_genuine(piece, bytes) {
            return Ok(false);
        }
        file.write_all_at(bytes, tree::offset(piece))?;
        self.room.wrote(bytes.len() as u64);
        self.hold(piece);
        Ok(true)
    }

    /// Somebody has gone.
    pub(super) fn on_gone(&mut self, holder: u64) {
        self.download.lose(holder);
        self.on_cast_over(holder);
        if self.leaves_from.is_some_and(|(from, _)| from == holder) {
            self.leaves_from = None;
            self.leaves.clear();
        }
    }

    /// Somebody casts it no longer.
    pub(super) fn on_cast_over(&mut self, holder: u64) {
        self.invitation.take_if(|invitation| invitation.holder == holder);
        self.catching.take_if(|catching| catching.holder() == holder);
    }

    /// The cast to take part in now: as soon as it can be told what is genuine and what is missing.
    pub(super) fn may_join(&mut self) -> Option<Invitation> {
        let ready = self.tree.is_some() && self.check.is_none() && !self.finishing && self.catching.is_none();
        self.invitation.take_if(|_| ready)
    }

    /// What to ask a holder for next.
    pub(super) fn next(&mut self, now: Instant, time: Time, holder: u64) -> Option<Ask> {
        if self.check.is_some() || self.finishing {
            return None;
        }
        if self.tree.is_some() {
            if self.catching.as_ref().is_some_and(|catching| catching.is_live(time)) {
                return None;
            }
            return self.download.next(time, holder).map(Ask::Piece);
        }
        match self.leaves_from {
            Some((from, asked)) if from == holder || now < asked + LEAVES_LATE => None,
            _ => {
                self.leaves.clear();
                self.leaves_from = Some((holder, now));
                Some(self.leaves_wanted())
            }
        }
    }

    /// The leaves that are missing, as many as fit a record.
    pub(super) fn leaves_wanted(&self) -> Ask {
        let first = self.leaves.len() as u32;
        Ask::Leaves(first, (tree::leaves(self.blob.size) - first).min(MAX_LEAVES))
    }

    /// Whether this holder is to be asked for more leaves.
    pub(super) fn wants_leaves_of(&self, holder: u64) -> bool {
        self.tree.is_none() && self.leaves_from.is_some_and(|(from, _)| from == holder)
    }

    /// Whether everything is here and nothing was done about it yet.
    pub(super) fn is_whole(&self) -> bool {
        self.download.is_done() && self.check.is_none() && !self.finishing
    }

    /// When something has to be looked at.
    pub(super) fn due(&self, time: Time) -> Option<Duration> {
        let cast = self.catching.as_ref().and_then(|catching| catching.due(time));
        self.download.due(time).into_iter().chain(cast).min().map(|at| at.since(time))
    }

    /// Nobody gives anything: everybody is asked again, less and less often.
    pub(super) fn ask_later(&mut self, now: Instant) {
        let (_, wait) = self.again;
        self.again = (now + wait, (wait * 2).min(SELDOM));
    }

    fn hold(&mut self, piece: u32) {
        self.download.hold(piece);
        self.log.push(piece);
    }

    /// Makes the tree of the leaves that are here. False: they are not this blob's.
    fn try_tree(&mut self, files: &Files) -> io::Result<bool> {
        if self.leaves.len() < tree::leaves(self.blob.size) as usize {
            return Ok(true);
        }
        let Some(tree) = Tree::verified(self.blob, std::mem::take(&mut self.leaves)) else {
            return Ok(false);
        };
        let (tree, file) = files.begin(self.session, tree, self.user)?;
        (self.tree, self.file, self.leaves_from) = (Some(tree), Some(file), None);
        Ok(true)
    }
}
