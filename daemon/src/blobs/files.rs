//! Blobs on the disk: a folder for each session, so that a blob is there for who is in the session, and for nobody else
//! even if the same bytes are kept for others.
//!
//! ```text
//! blobs/SESSION/ID        the bytes, all of them
//! blobs/SESSION/ID.part   the bytes, as far as they are here
//! blobs/SESSION/ID.tree   "CTBT" | version u32 | size u64 | user 32 | time u64 | the hashes of the pieces
//! blobs/SESSION/ID.paused empty: it is given to nobody for now
//! blobs/new/N             being taken in; removed at the next start
//! ```
//! Nothing says which pieces of a part are there: they are hashed when they are needed again, so that no order of writes
//! and no loss of power can make a wrong one pass for held.
//!
//! Invariant: a file without an ending is whole, and was when it got its name.

use chalktalk_ipc::{BlobId, Refusal, RefusalCode, SessionId, UserId};
use chalktalk_protocol::blob::{
    Blob,
    tree::{self, Leaf, Tree},
};
use std::{
    collections::BTreeMap,
    fs::{self, File, OpenOptions},
    io::{self, Read, Write},
    os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt},
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, Weak,
        atomic::{AtomicU64, Ordering},
    },
    time::{SystemTime, UNIX_EPOCH},
};

/// Blobs leave so much of a disk free: messages need some of it, and other programs too.
const RESERVE: u64 = 256 << 20;

/// Blobs that are kept at once: what is known of each is in memory, some 150 bytes.
const MAX_KEPT: usize = 65_536;

/// A part that nobody went on with for so long is given up.
const STALE_MS: u64 = 14 * 24 * 3600 * 1000;

const MAGIC: [u8; 8] = *b"CTBT\x01\0\0\0";
const HEAD: usize = 56;
const NEW: &str = "new";
const PAUSED: &str = ".paused";

/// What is known of a blob that is kept.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Kept {
    /// Its size in bytes.
    pub(super) size: u64,
    /// Who put or fetched it first: whose it counts as.
    pub(super) user: UserId,
    /// Since when, in ms since 1970.
    pub(super) time: u64,
    /// Whether all of it is here.
    pub(super) whole: bool,
    /// Whether it is given to nobody for now.
    pub(super) paused: bool,
}

/// Every blob of a daemon.
#[derive(Debug)]
pub(super) struct Files {
    folder: PathBuf,
    quota: Option<u64>,
    index: Mutex<Index>,
    last_new: AtomicU64,
}

#[derive(Default, Debug)]
struct Index {
    kept: BTreeMap<(SessionId, BlobId), Kept>,
    trees: BTreeMap<(SessionId, BlobId), Weak<Tree>>,
    /// Bytes that are promised and not written.
    unwritten: u64,
    /// Bytes that users take in, whose blob has no name yet.
    charged: BTreeMap<UserId, u64>,
}

/// Disk that is set aside until it is written or no longer wanted.
#[derive(Debug)]
pub(super) struct Room {
    files: Arc<Files>,
    left: u64,
    charged: Option<(UserId, u64)>,
}

impl Files {
    /// The blobs below a daemon's state folder. `quota`: bytes for each user.
    pub(super) fn new(state: &Path, quota: Option<u64>) -> Arc<Self> {
        let (folder, index) = (state.join("blobs"), Mutex::default());
        Arc::new(Self { folder, quota, index, last_new: AtomicU64::new(0) })
    }

    /// Looks at what is there, and removes what is of no use.
    ///
    /// # Errors
    /// The folder cannot be made or read.
    pub(super) fn scan(&self) -> io::Result<()> {
        make_folder(&self.folder)?;
        let new = self.folder.join(NEW);
        match fs::remove_dir_all(&new) {
            Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(e),
            _ => make_folder(&new)?,
        }
        for entry in fs::read_dir(&self.folder)? {
            let entry = entry?;
            let session = entry.file_name().to_str().and_then(|name| name.parse::<SessionId>().ok());
            if let Some(session) = session {
                self.scan_session(session, &entry.path())?;
            }
        }
        Ok(())
    }

    fn scan_session(&self, session: SessionId, folder: &Path) -> io::Result<()> {
        let now = now_ms();
        for entry in fs::read_dir(folder)? {
            let name = entry?.file_name();
            let blob =
                name.to_str().and_then(|name| name.strip_suffix(".tree")).and_then(|id| id.parse().ok());
            let Some(blob) = blob else { continue };
            let head = File::open(folder.join(&name)).ok().and_then(|mut file| read_head(&mut file));
            let whole = self.path(session, blob, "").is_file();
            match head.filter(|head| whole || head.time.saturating_add(STALE_MS) > now) {
                Some(head) => {
                    let paused = self.path(session, blob, PAUSED).is_file();
                    self.index().kept.insert((session, blob), Kept { whole, paused, ..head });
                }
                None => self.remove(session, blob)?,
            }
        }
        Ok(())
    }

    /// What is kept of a blob.
    pub(super) fn find(&self, session: SessionId, blob: BlobId) -> Option<Kept> {
        self.index().kept.get(&(session, blob)).copied()
    }

    /// Everything that is kept of the sessions that `shown` says yes to.
    pub(super) fn list(&self, shown: impl Fn(SessionId) -> bool) -> Vec<(SessionId, BlobId, Kept)> {
        let index = self.index();
        let kept = index.kept.iter().filter(|((session, _), _)| shown(*session));
        kept.map(|((session, blob), kept)| (*session, *blob, *kept)).collect()
    }

    /// Sets disk aside for so many bytes of a user's. `named`: they are in the index already.
    ///
    /// # Errors
    /// There is not so much, or the user has kept as much as one may.
    pub(super) fn room(self: &Arc<Self>, user: UserId, size: u64, named: bool) -> Result<Room, Refusal> {
        let refuse = |message: String| Err(Refusal::new(RefusalCode::Storage, message));
        let free = rustix::fs::statvfs(&self.folder).map_or(0, |disk| disk.f_bavail * disk.f_frsize);
        let mut index = self.index();
        let unwritten = index.unwritten;
        if free < size.saturating_add(unwritten).saturating_add(RESERVE) {
            return refuse(format!(
                "the disk that holds {} has no room for {} MiB more: free some space, or drop files that others hold too (`chalktalk file drop`)",
                self.folder.display(),
                size.div_ceil(1 << 20)
            ));
        }
        let theirs = index.kept.values().filter(|kept| kept.user == user).map(|kept| kept.size).sum::<u64>();
        let charged = index.charged.get(&user).copied().unwrap_or_default();
        let wanted = theirs.saturating_add(charged).saturating_add(if named { 0 } else { size });
        if self.quota.is_some_and(|quota| wanted > quota) {
            return refuse(
                "you keep as many files as this daemon keeps for one user: drop some (`chalktalk file drop`), or have its operator allow more"
                    .into(),
            );
        }
        if index.kept.len() >= MAX_KEPT {
            return refuse(format!("{MAX_KEPT} files are kept here, and no more can be: drop some"));
        }
        index.unwritten += size;
        if !named {
            *index.charged.entry(user).or_default() += size;
        }
        Ok(Room { files: self.clone(), left: size, charged: (!named).then_some((user, size)) })
    }

    /// Begins to keep a blob that is fetched; it counts as this user's from now on.
    pub(super) fn expect(&self, session: SessionId, blob: Blob, user: UserId) {
        let kept = Kept { size: blob.size, user, time: now_ms(), whole: false, paused: false };
        self.index().kept.entry((session, blob.id)).or_insert(kept);
    }

    /// A blob that was expected does not come: it is forgotten, unless something of it is here.
    pub(super) fn no_longer_expect(&self, session: SessionId, blob: BlobId) {
        let here = self.path(session, blob, ".tree").is_file();
        let mut index = self.index();
        if !here && index.kept.get(&(session, blob)).is_some_and(|kept| !kept.whole) {
            index.kept.remove(&(session, blob));
        }
    }

    /// What proves a blob that is kept, and its bytes: the whole ones, or those that are here.
    ///
    /// # Errors
    /// It cannot be read, or is damaged.
    pub(super) fn open(&self, session: SessionId, blob: BlobId) -> io::Result<(Arc<Tree>, File)> {
        let whole = self.find(session, blob).is_some_and(|kept| kept.whole);
        let path = self.path(session, blob, if whole { "" } else { ".part" });
        let file = OpenOptions::new().read(true).write(!whole).open(path)?;
        if let Some(tree) = self.index().trees.get(&(session, blob)).and_then(Weak::upgrade) {
            return Ok((tree, file));
        }
        let mut stored = File::open(self.path(session, blob, ".tree"))?;
        let head = read_head(&mut stored).ok_or_else(damaged)?;
        let mut bytes = vec![0; tree::leaves(head.size) as usize * size_of::<Leaf>()];
        stored.read_exact(&mut bytes)?;
        let leaves = bytes.as_chunks::<{ size_of::<Leaf>() }>().0.to_vec();
        let tree = Tree::verified(Blob { id: blob, size: head.size }, leaves).ok_or_else(damaged)?;
        Ok((self.share(session, tree), file))
    }

    /// The bytes of a blob that is whole, to be read and nothing else.
    ///
    /// # Errors
    /// It cannot be opened.
    pub(super) fn read(&self, session: SessionId, blob: BlobId) -> io::Result<File> {
        File::open(self.path(session, blob, ""))
    }

    /// Begins a part: keeps what proves it, and makes a file for its bytes.
    ///
    /// # Errors
    /// The disk refuses.
    pub(super) fn begin(
        &self,
        session: SessionId,
        tree: Tree,
        user: UserId,
    ) -> io::Result<(Arc<Tree>, File)> {
        let blob = tree.blob();
        make_folder(&self.folder_of(session))?;
        let part = self.path(session, blob.id, ".part");
        let file =
            OpenOptions::new().read(true).write(true).create(true).truncate(true).mode(0o600).open(part)?;
        file.set_len(blob.size)?;
        self.write_tree(session, &tree, user)?;
        Ok((self.share(session, tree), file))
    }

    /// A part is whole: brings it to the disk and gives it its name. Takes as long as the disk does.
    ///
    /// # Errors
    /// The disk refuses.
    pub(super) fn finish(&self, session: SessionId, blob: BlobId, part: &File) -> io::Result<()> {
        part.sync_data()?;
        fs::rename(self.path(session, blob, ".part"), self.path(session, blob, ""))?;
        File::open(self.folder_of(session))?.sync_all()?;
        if let Some(kept) = self.index().kept.get_mut(&(session, blob)) {
            kept.whole = true;
        }
        Ok(())
    }

    /// A file without a name, for something that is taken in.
    ///
    /// # Errors
    /// The disk refuses.
    pub(super) fn fresh(&self) -> io::Result<(PathBuf, File)> {
        let number = self.last_new.fetch_add(1, Ordering::Relaxed);
        let path = self.folder.join(NEW).join(number.to_string());
        let file = OpenOptions::new().read(true).write(true).create_new(true).mode(0o600).open(&path)?;
        Ok((path, file))
    }

    /// Gives what was taken in its name. Takes as long as the disk does.
    ///
    /// # Errors
    /// The disk refuses.
    pub(super) fn adopt(
        &self,
        session: SessionId,
        tree: &Tree,
        user: UserId,
        fresh: (&Path, &File),
    ) -> io::Result<()> {
        let blob = tree.blob();
        let (path, file) = fresh;
        let before = self.find(session, blob.id);
        if before.is_some_and(|kept| kept.whole) {
            return fs::remove_file(path);
        }
        file.sync_data()?;
        make_folder(&self.folder_of(session))?;
        self.write_tree(session, tree, user)?;
        fs::rename(path, self.path(session, blob.id, ""))?;
        File::open(self.folder_of(session))?.sync_all()?;
        let paused = before.is_some_and(|kept| kept.paused);
        let kept = Kept { size: blob.size, user, time: now_ms(), whole: true, paused };
        self.index().kept.insert((session, blob.id), kept);
        Ok(())
    }

    /// From now on a blob is given to nobody, or given again, until the daemon ends.
    pub(super) fn pause(&self, session: SessionId, blob: BlobId, paused: bool) {
        if let Some(kept) = self.index().kept.get_mut(&(session, blob)) {
            kept.paused = paused;
        }
    }

    /// Makes what was said of pausing last.
    ///
    /// # Errors
    /// The disk refuses.
    pub(super) fn keep_pause(&self, session: SessionId, blob: BlobId) -> io::Result<()> {
        let Some(kept) = self.find(session, blob) else { return Ok(()) };
        let path = self.path(session, blob, PAUSED);
        if kept.paused {
            OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(path)?;
        } else {
            remove_file(&path)?;
        }
        File::open(self.folder_of(session))?.sync_all()
    }

    /// Keeps a blob no longer.
    ///
    /// # Errors
    /// The disk refuses.
    pub(super) fn remove(&self, session: SessionId, blob: BlobId) -> io::Result<()> {
        self.index().kept.remove(&(session, blob));
        self.index().trees.remove(&(session, blob));
        for ending in ["", ".part", ".tree", PAUSED] {
            remove_file(&self.path(session, blob, ending))?;
        }
        // Only if it is empty, and only then it matters.
        let _ = fs::remove_dir(self.folder_of(session));
        Ok(())
    }

    fn write_tree(&self, session: SessionId, tree: &Tree, user: UserId) -> io::Result<()> {
        let path = self.path(session, tree.blob().id, ".tree");
        let making = path.with_extension("tree-new");
        let mut out = Vec::with_capacity(HEAD + size_of_val(tree.leaves()));
        out.extend_from_slice(&MAGIC);
        out.extend_from_slice(&tree.blob().size.to_le_bytes());
        out.extend_from_slice(&user.0);
        out.extend_from_slice(&now_ms().to_le_bytes());
        tree.leaves().iter().for_each(|leaf| out.extend_from_slice(leaf));
        let mut file =
            OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&making)?;
        file.write_all(&out)?;
        file.sync_data()?;
        fs::rename(making, path)
    }

    /// One tree in memory for all who look at it.
    fn share(&self, session: SessionId, tree: Tree) -> Arc<Tree> {
        let (id, tree) = (tree.blob().id, Arc::new(tree));
        let mut index = self.index();
        index.trees.retain(|_, tree| tree.strong_count() > 0);
        index.trees.insert((session, id), Arc::downgrade(&tree));
        tree
    }

    fn folder_of(&self, session: SessionId) -> PathBuf {
        self.folder.join(session.to_string())
    }

    fn path(&self, session: SessionId, blob: BlobId, ending: &str) -> PathBuf {
        self.folder_of(session).join(format!("{blob}{ending}"))
    }

    fn index(&self) -> MutexGuard<'_, Index> {
        // Nothing panics while it holds the lock; if something did, the index would still be whole.
        self.index.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Room {
    /// So much of it has been written.
    pub(super) fn wrote(&mut self, bytes: u64) {
        let bytes = bytes.min(self.left);
        self.left -= bytes;
        self.files.index().unwritten -= bytes;
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        let mut index = self.files.index();
        index.unwritten -= self.left;
        if let Some((user, size)) = self.charged {
            let charged = index.charged.get_mut(&user).map(|charged| {
                *charged -= size;
                *charged
            });
            if charged == Some(0) {
                index.charged.remove(&user);
            }
        }
    }
}

fn read_head(file: &mut File) -> Option<Kept> {
    let mut head = [0; HEAD];
    file.read_exact(&mut head).ok()?;
    let number = |at: usize| Some(u64::from_le_bytes(*head[at..].first_chunk()?));
    let (size, user, time) = (number(8)?, UserId::from_slice(&head[16..48])?, number(48)?);
    let sound = head[..8] == MAGIC && size <= chalktalk_ipc::MAX_BLOB;
    let length = HEAD as u64 + u64::from(tree::leaves(size)) * size_of::<Leaf>() as u64;
    let whole = sound && file.metadata().is_ok_and(|meta| meta.size() == length);
    whole.then_some(Kept { size, user, time, whole: false, paused: false })
}

/// Removes a file, if there is one.
fn remove_file(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => Err(e),
        _ => Ok(()),
    }
}

fn make_folder(path: &Path) -> io::Result<()> {
    fs::DirBuilder::new().recursive(true).mode(0o700).create(path)
}

fn damaged() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "what proves the blob is damaged")
}

fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}
