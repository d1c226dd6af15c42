//! Blobs: files that programs put, offer in a session and fetch from whoever has them.
//!
//! [`Blobs`] is the loop's side: it knows whose transfer is whose. The work is done on the thread of [`engine`], which the
//! loop only hands orders and asks for news.
//!
//! Invariant: a transfer belongs to one connection and ends with it; what has come of a blob stays.

mod asking;
mod casting;
mod catching;
mod ears;
mod engine;
mod fetching;
mod files;
mod giving;
mod pipe;
mod taking;
#[cfg(test)]
mod tests;

use crate::{local::ConnectionId, net::Groups};
use casting::Where;
use chalktalk_ipc::{
    Answer, BlobId, MAX_BLOB, OriginId, Refusal, RefusalCode, SessionId, UserId, event::BlobSummary,
};
use chalktalk_protocol::{
    blob::{Access, Blob},
    node::Node,
};
use engine::{Engine, Tools};
use files::Files;
use mio::{Poll, Waker, net::TcpStream};
use std::{
    collections::BTreeMap,
    fs::File,
    io,
    net::SocketAddr,
    os::fd::OwnedFd,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
        mpsc,
    },
    thread::{self, JoinHandle},
};
use taking::Taking;

/// Transfers of one connection at once: a program that wants more has to wait for some of them.
const MAX_TRANSFERS: usize = 64;
/// Transfers of all connections of one user.
const MAX_OF_ONE: usize = 256;
/// Transfers in all.
const MAX_IN_ALL: usize = 1024;

/// What the engine is to do.
enum Order {
    /// Somebody connects to be given something.
    Accept(TcpStream),
    /// How a session is sealed, if blobs of it may be given.
    Access { link: usize, access: Option<Access> },
    /// Take a file in.
    Put { transfer: u64, taking: Taking },
    /// It is.
    TakenIn(u64),
    /// Fetch a blob.
    Fetch {
        transfer: u64,
        session: SessionId,
        blob: Blob,
        user: UserId,
        access: Access,
        holders: Vec<SocketAddr>,
    },
    /// Whom to ask.
    Holders { fetch: u64, access: Access, holders: Vec<SocketAddr> },
    /// Nobody waits for this any more.
    Cancel(u64),
    /// Keep this no longer.
    Drop { session: SessionId, blob: BlobId },
    /// Give this to nobody, or again, as its index says.
    Pause { session: SessionId, blob: BlobId },
    /// A blob is on the disk.
    Finished { fetch: u64, result: io::Result<()> },
    /// The daemon ends.
    End,
}

/// What the engine asks or tells.
enum News {
    /// How is this session sealed?
    AskAccess { link: usize, session: SessionId },
    /// Who may have what this transfer is about?
    AskHolders { fetch: u64, transfer: Option<u64> },
    /// So much of a transfer is done.
    Progress { transfer: u64, done: u64, size: u64, holders: u32 },
    /// A file was taken in, or not.
    Put { transfer: u64, result: Result<Blob, Refusal> },
    /// A blob is here, or does not come.
    Fetched { transfer: u64, result: Result<File, Refusal> },
}

/// Something for a program.
pub enum Told {
    /// How far a transfer has come: bytes, of how many, from how many hosts.
    Progress(u64, u64, u32),
    /// It is through: about which blob, and with which file to read.
    Done(Blob, Option<File>),
    /// It is not done, and why.
    Refused(Blob, Refusal),
}

/// The blobs of this daemon, as the loop holds them.
pub struct Blobs {
    orders: mpsc::Sender<Order>,
    waker: Arc<Waker>,
    news: mpsc::Receiver<News>,
    files: Arc<Files>,
    transfers: BTreeMap<u64, Transfer>,
    last: u64,
    engine: Option<JoinHandle<()>>,
}

struct Transfer {
    connection: ConnectionId,
    user: UserId,
    session: SessionId,
    from: Option<OriginId>,
    /// What is fetched; of a put, nothing yet.
    blob: Option<Blob>,
    cancelled: Arc<AtomicBool>,
}

impl Blobs {
    /// Starts the engine over the blobs below a state folder. `waker` wakes the loop when there is news; `quota` is
    /// how many bytes of files are kept for each user. Casts go to the groups and port `casts_to`.
    ///
    /// # Errors
    /// There is no thread or poll to be had.
    pub fn start(
        state: &Path,
        quota: Option<u64>,
        waker: Arc<Waker>,
        (groups, port): (Groups, u16),
    ) -> io::Result<Self> {
        let poll = Poll::new()?;
        let own_waker = Engine::waker(&poll)?;
        let files = Files::new(state, quota);
        let (orders, orders_in) = mpsc::channel();
        let (news_out, news) = mpsc::channel();
        let tools = Tools {
            files: files.clone(),
            back: orders.clone(),
            own_waker: own_waker.clone(),
            news: news_out,
            loop_waker: waker,
        };
        let engine = Engine::new(poll, orders_in, tools, Where { groups, port })?;
        let engine = thread::Builder::new().name("blobs".into()).spawn(move || engine.run())?;
        let (transfers, last) = (BTreeMap::new(), 0);
        Ok(Self { orders, waker: own_waker, news, files, transfers, last, engine: Some(engine) })
    }

    /// Another daemon has connected, and will say which blob it wants.
    pub fn accept(&self, stream: TcpStream) {
        self.order(Order::Accept(stream));
    }

    /// Takes in a file that a program has handed over.
    ///
    /// # Errors
    /// Too many transfers are under way.
    pub fn put(
        &mut self,
        connection: ConnectionId,
        user: UserId,
        session: SessionId,
        file: OwnedFd,
    ) -> Result<Answer, Refusal> {
        let cancelled = Arc::new(AtomicBool::new(false));
        let taking = Taking { session, user, file, cancelled: cancelled.clone() };
        let transfer =
            self.begin(Transfer { connection, user, session, from: None, blob: None, cancelled })?;
        self.order(Order::Put { transfer, taking });
        Ok(Answer::Transfer { transfer })
    }

    /// Fetches a blob.
    ///
    /// # Errors
    /// The user is not in the session, no blob is so large, or too many transfers are under way.
    pub fn fetch(
        &mut self,
        node: &Node,
        connection: ConnectionId,
        user: UserId,
        (session, blob, from): (SessionId, Blob, Option<OriginId>),
    ) -> Result<Answer, Refusal> {
        let access = node.blob_access(user, session)?;
        if blob.size > MAX_BLOB {
            let text = format!("no file is larger than {} GiB", MAX_BLOB >> 30);
            return Err(Refusal::new(RefusalCode::BadRequest, text));
        }
        let cancelled = Arc::default();
        let transfer =
            self.begin(Transfer { connection, user, session, from, blob: Some(blob), cancelled })?;
        let holders = node.blob_holders(session, from);
        self.order(Order::Fetch { transfer, session, blob, user, access, holders });
        Ok(Answer::Transfer { transfer })
    }

    /// Ends a transfer of this connection.
    ///
    /// # Errors
    /// There is none of that number.
    pub fn cancel(&mut self, connection: ConnectionId, transfer: u64) -> Result<Answer, Refusal> {
        let found = self.transfers.get(&transfer).is_some_and(|found| found.connection == connection);
        if !found {
            return Err(Refusal::new(RefusalCode::Unknown, "no such transfer is under way"));
        }
        self.forget(transfer);
        Ok(Answer::Done)
    }

    /// What is kept of the sessions a user is in, or of one of them.
    pub fn list(&self, node: &Node, user: UserId, session: Option<SessionId>) -> Vec<BlobSummary> {
        let shown = |id| session.is_none_or(|wanted| wanted == id) && node.is_in(user, id);
        let kept = self.files.list(shown).into_iter();
        let summary = |(session, blob, kept): (SessionId, BlobId, files::Kept)| BlobSummary {
            session,
            blob,
            size: kept.size,
            whole: kept.whole,
            mine: kept.user == user,
            time: kept.time,
            paused: kept.paused,
        };
        kept.map(summary).collect()
    }

    /// Whether a blob is here, all of it.
    pub fn has(&self, session: SessionId, blob: Blob) -> bool {
        self.files.find(session, blob.id).is_some_and(|kept| kept.whole && kept.size == blob.size)
    }

    /// Keeps a blob no longer.
    ///
    /// # Errors
    /// It is not kept, or for somebody else.
    pub fn remove(&self, user: UserId, session: SessionId, blob: BlobId) -> Result<Answer, Refusal> {
        self.own(user, session, blob)?;
        self.order(Order::Drop { session, blob });
        Ok(Answer::Done)
    }

    /// Gives a blob to nobody, or gives it again.
    ///
    /// # Errors
    /// It is not kept, or for somebody else.
    pub fn pause(
        &self,
        user: UserId,
        session: SessionId,
        blob: BlobId,
        paused: bool,
    ) -> Result<Answer, Refusal> {
        self.own(user, session, blob)?;
        self.files.pause(session, blob, paused);
        self.order(Order::Pause { session, blob });
        Ok(Answer::Done)
    }

    /// Something that is kept for this user.
    fn own(&self, user: UserId, session: SessionId, blob: BlobId) -> Result<(), Refusal> {
        let own = self.files.find(session, blob).is_some_and(|kept| kept.user == user);
        own.then_some(()).ok_or_else(|| Refusal::new(RefusalCode::Unknown, "you keep no such file here"))
    }

    /// A connection has ended, and its transfers with it.
    pub fn part_with(&mut self, connection: ConnectionId) {
        let of_it = self.transfers.iter().filter(|(_, transfer)| transfer.connection == connection);
        let ids: Vec<u64> = of_it.map(|(id, _)| *id).collect();
        ids.into_iter().for_each(|id| self.forget(id));
    }

    /// Answers what the engine asks, and hands over what it tells, for which connection and transfer.
    pub fn take_news(&mut self, node: &Node, mut tell: impl FnMut(ConnectionId, u64, Told)) {
        while let Ok(news) = self.news.try_recv() {
            match news {
                News::AskAccess { link, session } => {
                    self.order(Order::Access { link, access: node.blob_key(session) });
                }
                News::AskHolders { fetch, transfer } => self.answer_holders(node, fetch, transfer),
                News::Progress { transfer, done, size, holders } => {
                    if let Some(found) = self.transfers.get(&transfer) {
                        tell(found.connection, transfer, Told::Progress(done, size, holders));
                    }
                }
                News::Put { transfer, result } => {
                    self.end(transfer, result.map(|blob| (blob, None)), &mut tell)
                }
                News::Fetched { transfer, result } => {
                    let Some(blob) = self.transfers.get(&transfer).and_then(|found| found.blob) else {
                        continue;
                    };
                    self.end(transfer, result.map(|file| (blob, Some(file))), &mut tell);
                }
            }
        }
    }

    fn answer_holders(&self, node: &Node, fetch: u64, transfer: Option<u64>) {
        let Some(found) = transfer.and_then(|transfer| self.transfers.get(&transfer)) else { return };
        // Who has left the session meanwhile is told of nobody any more.
        if let Ok(access) = node.blob_access(found.user, found.session) {
            let holders = node.blob_holders(found.session, found.from);
            self.order(Order::Holders { fetch, access, holders });
        }
    }

    fn end(
        &mut self,
        id: u64,
        result: Result<(Blob, Option<File>), Refusal>,
        tell: &mut impl FnMut(ConnectionId, u64, Told),
    ) {
        let Some(transfer) = self.transfers.remove(&id) else { return };
        let nameless = Blob { id: BlobId::NIL, size: 0 };
        let told = match result {
            Ok((blob, file)) => Told::Done(blob, file),
            Err(refusal) => Told::Refused(transfer.blob.unwrap_or(nameless), refusal),
        };
        tell(transfer.connection, id, told);
    }

    fn begin(&mut self, transfer: Transfer) -> Result<u64, Refusal> {
        let of_connection = self.transfers.values().filter(|t| t.connection == transfer.connection).count();
        let of_user = self.transfers.values().filter(|t| t.user == transfer.user).count();
        if of_connection >= MAX_TRANSFERS || of_user >= MAX_OF_ONE || self.transfers.len() >= MAX_IN_ALL {
            return Err(Refusal::new(
                RefusalCode::Busy,
                "too many files are on their way; wait until one of them is through",
            ));
        }
        self.last += 1;
        self.transfers.insert(self.last, transfer);
        Ok(self.last)
    }

    fn forget(&mut self, id: u64) {
        if let Some(transfer) = self.transfers.remove(&id) {
            transfer.cancelled.store(true, Ordering::Relaxed);
            self.order(Order::Cancel(id));
        }
    }

    fn order(&self, order: Order) {
        // Neither fails before the daemon ends.
        let _ = self.orders.send(order);
        let _ = self.waker.wake();
    }
}

impl Drop for Blobs {
    fn drop(&mut self) {
        self.order(Order::End);
        if let Some(engine) = self.engine.take() {
            // It ends after its turn; if it has panicked, there is nothing left to wait for.
            let _ = engine.join();
        }
    }
}
