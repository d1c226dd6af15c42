//! Files and other things larger than a message: put into a session, and fetched from whoever has them.
//!
//! A blob is named by the BLAKE3 hash of its bytes. Put it, then say its [`Blob`] in a message of your own making: whoever
//! reads that fetches it, from any host that has it. The calls here wait; what else goes on is not held up by them, so
//! call them on a thread of their own. They go on by themselves when the daemon was restarted.
//!
//! Invariant: a transfer that nobody waits for any more is cancelled.

use crate::{
    client::Client,
    error::ClientError,
    shared::{Phase, State},
};
use chalktalk_ipc::{
    Answer, BlobId, Call, OriginId, Position, Refusal, RefusalCode, Request, SessionId, event::BlobSummary,
};
use std::{
    fs::File,
    io::{Seek, Write},
    ops::ControlFlow,
    os::fd::{AsFd, OwnedFd},
    time::{Duration, Instant},
};

/// What names a blob: its hash, and its size, without which the hash alone is not fetched.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Blob {
    /// The BLAKE3 hash of its bytes.
    pub id: BlobId,
    /// How many bytes they are.
    pub size: u64,
}

/// How far a transfer has come.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Transferred {
    /// Bytes that are here and verified (or taken in).
    pub done: u64,
    /// Bytes in all.
    pub size: u64,
    /// Hosts that give some of it now. 0: it waits for one.
    pub holders: u32,
}

/// A transfer of this client, as far as the daemon has told.
#[derive(Debug, Default)]
pub(crate) struct Transfer {
    pub(crate) progress: Transferred,
    pub(crate) end: Option<Result<(Blob, Option<OwnedFd>), ClientError>>,
}

/// How often who waits is told that nothing has changed, so that they can give up.
const TELL: Duration = Duration::from_millis(500);

impl Client {
    /// Keeps what a file holds as a blob on this host, and offers it in a session that the user has joined. `progress` is
    /// told how far it has come, at least twice a second; `Break` cancels it.
    ///
    /// # Errors
    /// [`ClientError::Refused`]: it is no regular file, or there is no room for it (`storage`). [`ClientError::Cancelled`].
    /// Others as [`Client::request`].
    pub fn put_blob(
        &self,
        session: SessionId,
        file: &File,
        progress: impl FnMut(Transferred) -> ControlFlow<()>,
    ) -> Result<Blob, ClientError> {
        let begin = || {
            let file = file.as_fd().try_clone_to_owned()?;
            Ok((Request::PutBlob { session }, Some(file)))
        };
        self.transfer(begin, progress).map(|(blob, _)| blob)
    }

    /// As [`Client::put_blob`], of bytes.
    ///
    /// # Errors
    /// As [`Client::put_blob`].
    pub fn put_bytes(&self, session: SessionId, bytes: &[u8]) -> Result<Blob, ClientError> {
        let name = rustix::fs::memfd_create("blob", rustix::fs::MemfdFlags::CLOEXEC);
        let mut file = File::from(name.map_err(std::io::Error::from)?);
        file.write_all(bytes)?;
        file.rewind()?;
        self.put_blob(session, &file, |_| ControlFlow::Continue(()))
    }

    /// Fetches a blob that was offered in a session that the user has joined, and gives it as a file to read. `from`: who
    /// offered it, to be asked first. It waits until somebody has it, as long as `progress` does not say `Break`; what has
    /// come until then is kept, and fetching it again goes on from there.
    ///
    /// # Errors
    /// [`ClientError::Refused`]: the user is not in the session, or there is no room for it. [`ClientError::Cancelled`].
    /// Others as [`Client::request`].
    pub fn fetch_blob(
        &self,
        session: SessionId,
        blob: Blob,
        from: Option<OriginId>,
        progress: impl FnMut(Transferred) -> ControlFlow<()>,
    ) -> Result<File, ClientError> {
        let request = Request::FetchBlob { session, blob: blob.id, size: blob.size, from };
        let (_, file) = self.transfer(|| Ok((request.clone(), None)), progress)?;
        let missing = || ClientError::Protocol("it has sent no descriptor of the blob".into());
        Ok(file.ok_or_else(missing)?.into())
    }

    /// The blobs kept on this host of the sessions that the user has joined, or of one of them.
    ///
    /// # Errors
    /// As [`Client::request`].
    pub fn blobs(&self, session: Option<SessionId>) -> Result<Vec<BlobSummary>, ClientError> {
        match self.request(Request::Blobs { session })? {
            Answer::Blobs(blobs) => Ok(blobs),
            other => Err(ClientError::Protocol(format!("unexpected answer {other:.60?}"))),
        }
    }

    /// Keeps a blob of a session no longer on this host. Others who have it go on having it.
    ///
    /// # Errors
    /// As [`Client::request`]; refused if the user did not put or fetch it.
    pub fn drop_blob(&self, session: SessionId, blob: BlobId) -> Result<(), ClientError> {
        self.request(Request::DropBlob { session, blob }).map(drop)
    }

    /// Gives a blob that is kept on this host to nobody, or gives it again; also when the daemon is restarted.
    ///
    /// # Errors
    /// As [`Client::drop_blob`].
    pub fn pause_blob(&self, session: SessionId, blob: BlobId, paused: bool) -> Result<(), ClientError> {
        self.request(Request::PauseBlob { session, blob, paused }).map(drop)
    }

    /// Says that this host holds a snapshot: a blob, put or fetched here, which stands for every entry of the session up to these
    /// positions. This program has made or checked it, of the log behind these other snapshots; or it has taken it in, and names it
    /// itself among those. What enough hosts say so of need not be kept as entries. The snapshots that there are come in
    /// [`chalktalk_ipc::Event::Snapshots`].
    ///
    /// # Errors
    /// As [`Client::request`]. Refused as `busy` where the log begins further on by now than behind these, or something has not come
    /// yet; as `not_allowed` where later ones stand for more, something is held back from the user, or all is kept whole: in chats, live
    /// sessions and those by invitation.
    pub fn hold_snapshot(
        &self,
        session: SessionId,
        blob: Blob,
        positions: Vec<Position>,
        behind: Vec<BlobId>,
    ) -> Result<(), ClientError> {
        let Blob { id: blob, size } = blob;
        self.request(Request::HoldSnapshot { session, blob, size, positions, behind }).map(drop)
    }

    /// Begins a transfer and waits for its end; begins again when the connection broke.
    fn transfer(
        &self,
        begin: impl Fn() -> Result<(Request, Option<OwnedFd>), ClientError>,
        mut progress: impl FnMut(Transferred) -> ControlFlow<()>,
    ) -> Result<(Blob, Option<OwnedFd>), ClientError> {
        loop {
            let (request, descriptor) = begin()?;
            let id = match self.request_with(request, descriptor) {
                Ok(Answer::Transfer { transfer }) => transfer,
                // Another transfer of ours may soon be through.
                Err(ClientError::Refused(Refusal { code: RefusalCode::Busy, .. })) => {
                    self.pause(&mut progress)?;
                    continue;
                }
                Err(ClientError::Disconnected) => continue,
                Ok(other) => return Err(ClientError::Protocol(format!("unexpected answer {other:.60?}"))),
                Err(e) => return Err(e),
            };
            match self.follow(id, &mut progress) {
                Err(ClientError::Disconnected) => {}
                end => return end,
            }
        }
    }

    fn follow(
        &self,
        id: u64,
        progress: &mut impl FnMut(Transferred) -> ControlFlow<()>,
    ) -> Result<(Blob, Option<OwnedFd>), ClientError> {
        let mut told = Transferred::default();
        loop {
            let until = Instant::now() + TELL;
            let news = |state: &mut State| {
                let transfer = state.transfers.get_mut(&id)?;
                (transfer.end.is_some() || transfer.progress != told).then_some(())
            };
            let (mut state, _) = self.0.shared.wait(self.lock(), Some(until), news);
            let Some(transfer) = state.transfers.get_mut(&id) else { return Err(ClientError::Disconnected) };
            told = transfer.progress;
            if let Some(end) = transfer.end.take() {
                state.transfers.remove(&id);
                return end;
            }
            if state.phase == Phase::Closed {
                return Err(ClientError::Closed);
            }
            drop(state);
            if progress(told).is_break() {
                self.cancel(id);
                return Err(ClientError::Cancelled);
            }
        }
    }

    fn cancel(&self, id: u64) {
        let mut state = self.lock();
        state.transfers.remove(&id);
        state.outbox.call(&Call { id: 0, request: Request::CancelTransfer { transfer: id } });
        self.0.shared.kick(&mut state);
    }

    fn pause(&self, progress: &mut impl FnMut(Transferred) -> ControlFlow<()>) -> Result<(), ClientError> {
        let until = Instant::now() + TELL;
        let (state, _) = self.0.shared.wait(self.lock(), Some(until), |_| None::<()>);
        state.check_open()?;
        drop(state);
        if progress(Transferred::default()).is_break() { Err(ClientError::Cancelled) } else { Ok(()) }
    }
}
