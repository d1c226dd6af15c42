//! The store: entries and records on disk, one transaction per everything that piled up while the last one was synced.
//!
//! Writes go to a thread of their own in numbered batches; reads come from the event loop and see the last commit.
//! A failed commit is not "not written": the thread stops, and the daemon has to end and come back in a new epoch.
//!
//! Invariant: a batch number comes out of [`Store::completed`] only after the `fdatasync` that covers it and all before.

mod space;

pub use space::Space;

use bytes::Bytes;
use chalktalk_ipc::{OriginId, SessionId};
use chalktalk_protocol::{
    ids::{Epoch, LogId, Seq},
    node::Dropped,
    store::{Batch, Restored, StoredLog, Write},
};
use redb::{
    Builder, Database, Durability, ReadableDatabase, ReadableTable, ReadableTableMetadata, StorageBackend,
    Table, TableDefinition, WriteTransaction, backends::FileBackend,
};
use space::Gauge;
use std::{
    collections::BTreeMap,
    fs::File,
    io,
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread::JoinHandle,
};

/// The caller stops taking messages from apps while this many bytes wait for the disk: more than a second of the
/// fastest disk seen (20,000 datagrams of 1,400 B), and still a small part of a machine's memory.
pub const MAX_QUEUED: usize = 32 << 20;

/// redb's page cache. An idle daemon has 15 MiB in all; a busy one reads what it has just written.
const CACHE: usize = 8 << 20;

/// Session, origin, epoch, seq, integers big endian, so that a log is a range in order of its slots.
const ENTRY_KEY: usize = 44;
/// Session, stamp, origin, epoch, seq: a session in the order people read it.
const STAMP_KEY: usize = 52;
/// Entries dropped by one commit: some milliseconds.
const MAX_DROPPED: usize = 4096;

/// An entry's value starts with its stamp.
const STAMP: usize = 8;

const ENTRIES: TableDefinition<&[u8; ENTRY_KEY], &[u8]> = TableDefinition::new("entries");
const STAMPS: TableDefinition<&[u8; STAMP_KEY], ()> = TableDefinition::new("stamps");
/// Bytes of a session's entries.
const SIZES: TableDefinition<&[u8; 16], u64> = TableDefinition::new("sizes");
const RECORDS: TableDefinition<&[u8], &[u8]> = TableDefinition::new("records");

const FILE: &str = "log.redb";

/// Why the store cannot go on.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The file could not be made, opened or synced.
    #[error("cannot open the store {path}: {source}")]
    Open {
        /// Which file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The database in it is damaged, locked or the disk failed.
    #[error("the store failed: {0}")]
    Engine(Box<redb::Error>),
    /// The store's thread has stopped after an earlier failure.
    #[error("the store has stopped after a failed write")]
    Stopped,
}

impl<E: Into<redb::Error>> From<E> for StoreError {
    fn from(error: E) -> Self {
        Self::Engine(Box::new(error.into()))
    }
}

/// Where an entry stands when a session is read in order of stamps.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Place {
    /// Lamport stamp.
    pub stamp: u64,
    /// Log of the entry; breaks ties.
    pub log: LogId,
    /// Its slot.
    pub seq: Seq,
}

/// The store, as the event loop holds it.
#[derive(Debug)]
pub struct Store {
    database: Arc<Database>,
    shared: Arc<Shared>,
    writer: Option<JoinHandle<()>>,
}

/// What the event loop and the writer share.
#[derive(Debug, Default)]
struct Shared {
    queue: Mutex<Queue>,
    filled: Condvar,
    gauge: Gauge,
}

#[derive(Debug, Default)]
struct Queue {
    waiting: Vec<Batch>,
    submitted: u64,
    /// Waiting or being written.
    bytes: usize,
    done: u64,
    told: u64,
    failed: Option<StoreError>,
    /// What was dropped, as far as nobody has asked.
    dropped: Vec<Dropped>,
    closing: bool,
}

impl Shared {
    fn queue(&self) -> MutexGuard<'_, Queue> {
        // Nothing panics while it holds the lock; if something did, the queue would still be whole.
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Store {
    /// Opens or makes the store in `folder` and reads what it holds. `wake` is called from the writer's thread
    /// whenever [`Store::completed`] has news.
    pub fn open(folder: &Path, wake: impl Fn() + Send + 'static) -> Result<(Self, Restored), StoreError> {
        let gauge = Gauge::new(Some(folder.to_owned()));
        gauge.look(); // on a full disk the reserve has to make room for what opening writes
        let path = folder.join(FILE);
        let file = open_file(folder, &path).map_err(|source| StoreError::Open { path, source })?;
        let backend = FileBackend::new(file)?;
        Self::with_backend(backend, gauge, wake)
    }

    fn with_backend(
        backend: impl StorageBackend,
        gauge: Gauge,
        wake: impl Fn() + Send + 'static,
    ) -> Result<(Self, Restored), StoreError> {
        let database = Arc::new(Builder::new().set_cache_size(CACHE).create_with_backend(backend)?);
        let transaction = database.begin_write()?;
        Tables::open(&transaction)?.measure()?;
        transaction.commit()?;
        let restored = restore(&database)?;
        let shared = Arc::new(Shared { gauge, ..Shared::default() });
        let writer = Writer { database: database.clone(), shared: shared.clone() };
        let writer = std::thread::Builder::new()
            .name("store".into())
            .spawn(move || writer.run(wake))
            .map_err(|source| StoreError::Open { path: FILE.into(), source })?;
        Ok((Self { database, shared, writer: Some(writer) }, restored))
    }

    /// Hands a batch to the writer. Batches are committed in this order.
    pub fn submit(&self, batch: Batch) {
        let mut queue = self.shared.queue();
        queue.bytes += weight(&batch);
        queue.submitted = batch.number;
        queue.waiting.push(batch);
        drop(queue);
        self.shared.filled.notify_one();
    }

    /// Number of the last batch that was submitted.
    pub fn submitted(&self) -> u64 {
        self.shared.queue().submitted
    }

    /// Whether everything up to this batch is on disk, and read from here.
    pub fn has_stored(&self, batch: u64) -> bool {
        self.shared.queue().done >= batch
    }

    /// Whether more should be submitted, or apps be held back until some of it is on disk.
    pub fn has_room(&self) -> bool {
        self.shared.queue().bytes < MAX_QUEUED
    }

    /// Number of the last batch on disk, if it has changed since it was last asked for.
    ///
    /// # Errors
    /// A commit failed. What it held may or may not be on disk; nothing after it is.
    pub fn completed(&self) -> Result<Option<u64>, StoreError> {
        let mut queue = self.shared.queue();
        if let Some(error) = queue.failed.take() {
            return Err(error);
        }
        let news = (queue.done > queue.told).then_some(queue.done);
        queue.told = queue.done;
        Ok(news)
    }

    /// What was dropped since this was last asked.
    pub fn take_dropped(&self) -> Vec<Dropped> {
        std::mem::take(&mut self.shared.queue().dropped)
    }

    /// How much disk is left now.
    pub fn space(&self) -> Space {
        self.shared.gauge.look()
    }

    /// How much was left when somebody last looked (the writer does before and after every commit): costs nothing.
    pub fn last_space(&self) -> Space {
        self.shared.gauge.last()
    }

    /// Bytes that have to become free until there is enough.
    pub fn wanted(&self) -> u64 {
        self.shared.gauge.wanted()
    }

    /// Entries of one log from `from` on, in order and without a gap, until they exceed `max_bytes` (at least one, if it is held).
    pub fn read(
        &self,
        session: SessionId,
        log: LogId,
        from: Seq,
        max_bytes: usize,
    ) -> Result<Vec<Bytes>, StoreError> {
        let table = self.database.begin_read()?.open_table(ENTRIES)?;
        let (start, end) = (entry_key(session, log, from), entry_key(session, log, Seq(u64::MAX)));
        let mut run = Run::default();
        for (slot, item) in (from.0..).zip(table.range::<&[u8; ENTRY_KEY]>(&start..=&end)?) {
            let (key, value) = item?;
            let datagram = &value.value()[STAMP..];
            if key.value() != &entry_key(session, log, Seq(slot)) || !run.push(datagram, max_bytes) {
                break;
            }
        }
        Ok(run.split())
    }

    /// Entries of a session that stand before `before` (absent: the end), newest first.
    pub fn read_before(
        &self,
        session: SessionId,
        before: Option<Place>,
        max_entries: usize,
    ) -> Result<Vec<(Place, Bytes)>, StoreError> {
        let reading = self.database.begin_read()?;
        let (stamps, entries) = (reading.open_table(STAMPS)?, reading.open_table(ENTRIES)?);
        let start = stamp_key(session, FIRST);
        let end = stamp_key(session, before.unwrap_or(LAST));
        let mut out = Vec::new();
        for item in stamps.range::<&[u8; STAMP_KEY]>(&start..&end)?.rev().take(max_entries) {
            let place = read_stamp_key(item?.0.value());
            if let Some(value) = entries.get(&entry_key(session, place.log, place.seq))? {
                out.push((place, Bytes::copy_from_slice(&value.value()[STAMP..])));
            }
        }
        Ok(out)
    }

    /// Waits until everything submitted is on disk, and closes the file.
    pub fn close(mut self) -> Result<(), StoreError> {
        self.finish();
        self.shared.queue().failed.take().map_or(Ok(()), Err)
    }

    fn finish(&mut self) {
        self.shared.queue().closing = true;
        self.shared.filled.notify_one();
        if let Some(writer) = self.writer.take()
            && writer.join().is_err()
        {
            self.shared.queue().failed.get_or_insert(StoreError::Stopped);
        }
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        self.finish();
    }
}

/// Before every place of a session.
const FIRST: Place =
    Place { stamp: 0, log: LogId { origin: OriginId([0; 16]), epoch: Epoch(0) }, seq: Seq(0) };
/// Behind every place of a session.
const LAST: Place = Place {
    stamp: u64::MAX,
    log: LogId { origin: OriginId([0xff; 16]), epoch: Epoch(u32::MAX) },
    seq: Seq(u64::MAX),
};

/// The thread that commits.
struct Writer {
    database: Arc<Database>,
    shared: Arc<Shared>,
}

impl Writer {
    fn run(self, wake: impl Fn()) {
        while let Some(batches) = self.next() {
            self.shared.gauge.look();
            let outcome = commit(&self.database, &batches);
            self.shared.gauge.look();
            let mut queue = self.shared.queue();
            queue.bytes -= batches.iter().map(weight).sum::<usize>();
            let go_on = outcome.is_ok();
            match outcome {
                Ok(dropped) => {
                    queue.dropped.extend(dropped);
                    queue.done = batches.last().map_or(queue.done, |batch| batch.number);
                }
                Err(error) => queue.failed = Some(error),
            }
            drop(queue);
            wake();
            if !go_on {
                return;
            }
        }
    }

    /// Everything that has piled up; nothing more when the store closes.
    fn next(&self) -> Option<Vec<Batch>> {
        let mut queue = self.shared.queue();
        while queue.waiting.is_empty() {
            if queue.closing {
                return None;
            }
            queue = self.shared.filled.wait(queue).unwrap_or_else(PoisonError::into_inner);
        }
        Some(std::mem::take(&mut queue.waiting))
    }
}

fn commit(database: &Database, batches: &[Batch]) -> Result<Vec<Dropped>, StoreError> {
    let mut transaction = database.begin_write()?;
    transaction.set_durability(Durability::Immediate).map_err(redb::Error::from)?;
    let mut tables = Tables::open(&transaction)?;
    for write in batches.iter().flat_map(|batch| &batch.writes) {
        tables.apply(write)?;
    }
    let dropped = tables.finish()?;
    transaction.commit()?;
    Ok(dropped)
}

/// The tables, open for writing.
struct Tables<'t> {
    entries: Table<'t, &'static [u8; ENTRY_KEY], &'static [u8]>,
    stamps: Table<'t, &'static [u8; STAMP_KEY], ()>,
    records: Table<'t, &'static [u8], &'static [u8]>,
    sizes: Table<'t, &'static [u8; 16], u64>,
    /// By how much sessions have grown or shrunk.
    grown: BTreeMap<SessionId, i64>,
    dropped: Vec<Dropped>,
}

impl<'t> Tables<'t> {
    fn open(transaction: &'t WriteTransaction) -> Result<Self, StoreError> {
        Ok(Self {
            entries: transaction.open_table(ENTRIES)?,
            stamps: transaction.open_table(STAMPS)?,
            records: transaction.open_table(RECORDS)?,
            sizes: transaction.open_table(SIZES)?,
            grown: BTreeMap::new(),
            dropped: Vec::new(),
        })
    }

    fn apply(&mut self, write: &Write) -> Result<(), StoreError> {
        match write {
            Write::Entry { session, log, seq, stamp, datagram } => {
                let key = entry_key(*session, *log, *seq);
                let mut value = self.entries.insert_reserve(&key, STAMP + datagram.len())?;
                let (head, body) = value.as_mut().split_at_mut(STAMP);
                head.copy_from_slice(&stamp.to_be_bytes());
                body.copy_from_slice(datagram);
                let place = Place { stamp: *stamp, log: *log, seq: *seq };
                self.stamps.insert(&stamp_key(*session, place), ())?;
                *self.grown.entry(*session).or_default() += datagram.len() as i64;
            }
            Write::Record { key, value } => {
                self.records.insert(key.as_slice(), value.as_slice())?;
            }
            Write::ForgetRecord { key } => {
                self.records.remove(key.as_slice())?;
            }
            Write::DropEntries { session, log, upto } => self.drop_entries(*session, *log, *upto)?,
            Write::Retain { session, excess, stamp } => {
                let dropped = self.drop_oldest(*session, *excess, *stamp)?;
                self.dropped.push(dropped);
            }
        }
        Ok(())
    }

    fn drop_entries(&mut self, session: SessionId, log: LogId, upto: Seq) -> Result<(), StoreError> {
        let (first, last) = (entry_key(session, log, Seq(2)), entry_key(session, log, upto));
        let mut places = Vec::new();
        for item in self.entries.range::<&[u8; ENTRY_KEY]>(&first..=&last)? {
            let (key, value) = item?;
            let stamp = value.value().first_chunk().map_or(0, |bytes| u64::from_be_bytes(*bytes));
            places.push(Place { stamp, log, seq: read_entry_key(key.value()).2 });
        }
        places.into_iter().try_for_each(|place| self.remove(session, place).map(drop))
    }

    /// Drops entries in the order of their stamps, at most [`MAX_DROPPED`] at a time, so that what waits to be stored does not
    /// wait for long. The first and the last entry of each log stay: they say whose it is, and how far it went.
    fn drop_oldest(&mut self, session: SessionId, excess: u64, stamp: u64) -> Result<Dropped, StoreError> {
        let (start, end) = (stamp_key(session, FIRST), stamp_key(session, Place { stamp, ..LAST }));
        let (mut bytes, mut oldest) = (0, Vec::new());
        for item in self.stamps.range::<&[u8; STAMP_KEY]>(&start..=&end)? {
            if bytes >= excess || oldest.len() >= MAX_DROPPED {
                break;
            }
            let place = read_stamp_key(item?.0.value());
            let next = entry_key(session, place.log, place.seq.next());
            if place.seq > Seq(1) && self.entries.get(&next)?.is_some() {
                let key = entry_key(session, place.log, place.seq);
                bytes += self
                    .entries
                    .get(&key)?
                    .map_or(0, |value| value.value().len().saturating_sub(STAMP) as u64);
                oldest.push(place);
            }
        }
        let (mut bytes, mut upto) = (0, BTreeMap::new());
        for place in oldest {
            bytes += self.remove(session, place)?;
            upto.insert(place.log, place.seq);
        }
        Ok(Dropped { session, bytes, upto: upto.into_iter().collect() })
    }

    /// Removes an entry; how long it was.
    fn remove(&mut self, session: SessionId, place: Place) -> Result<u64, StoreError> {
        self.stamps.remove(&stamp_key(session, place))?;
        let removed = self.entries.remove(&entry_key(session, place.log, place.seq))?;
        let bytes = removed.map_or(0, |value| value.value().len().saturating_sub(STAMP));
        *self.grown.entry(session).or_default() -= bytes as i64;
        Ok(bytes as u64)
    }

    /// Writes down how large sessions are by now. What was dropped.
    fn finish(mut self) -> Result<Vec<Dropped>, StoreError> {
        for (session, grown) in std::mem::take(&mut self.grown) {
            let size = self.sizes.get(&session.0)?.map_or(0, |size| size.value());
            self.sizes.insert(&session.0, size.saturating_add_signed(grown))?;
        }
        Ok(self.dropped)
    }

    /// Measures what an earlier version has stored without measuring it.
    fn measure(mut self) -> Result<(), StoreError> {
        if !self.sizes.is_empty()? {
            return Ok(());
        }
        for item in self.entries.iter()? {
            let (key, value) = item?;
            let session = read_entry_key(key.value()).0;
            *self.grown.entry(session).or_default() += value.value().len().saturating_sub(STAMP) as i64;
        }
        self.finish().map(drop)
    }
}

/// Reads every record, and the first and last entry of every log: the work grows with logs, not with entries.
fn restore(database: &Database) -> Result<Restored, StoreError> {
    let reading = database.begin_read()?;
    let mut restored = Restored::default();
    for item in reading.open_table(RECORDS)?.iter()? {
        let (key, value) = item?;
        restored.records.push((key.value().to_vec(), value.value().to_vec()));
    }
    let entries = reading.open_table(ENTRIES)?;
    let mut from = [0; ENTRY_KEY];
    while let Some(item) = entries.range::<&[u8; ENTRY_KEY]>(&from..)?.next() {
        let (session, log, mut first) = read_entry_key(item?.0.value());
        let end = entry_key(session, log, Seq(u64::MAX));
        let genesis = first == Seq(1);
        if genesis
            && let Some(item) =
                entries.range::<&[u8; ENTRY_KEY]>(&entry_key(session, log, Seq(2))..=&end)?.next()
        {
            let next = read_entry_key(item?.0.value()).2;
            first = if next == Seq(2) { first } else { next };
        }
        let Some(item) = entries.range::<&[u8; ENTRY_KEY]>(&from..=&end)?.next_back() else { break };
        let (key, value) = item?;
        let stamp = value.value().first_chunk().map_or(0, |bytes| u64::from_be_bytes(*bytes));
        restored.logs.push(StoredLog {
            session,
            log,
            first,
            last: read_entry_key(key.value()).2,
            stamp,
            genesis,
        });
        let Some(next) = successor(end) else { break };
        from = next;
    }
    for item in reading.open_table(SIZES)?.iter()? {
        let (key, value) = item?;
        restored.sizes.push((SessionId(*key.value()), value.value()));
    }
    Ok(restored)
}

/// Datagrams read together, in one allocation.
#[derive(Default)]
struct Run {
    bytes: Vec<u8>,
    ends: Vec<usize>,
}

impl Run {
    fn push(&mut self, datagram: &[u8], max_bytes: usize) -> bool {
        if !self.ends.is_empty() && self.bytes.len() + datagram.len() > max_bytes {
            return false;
        }
        self.bytes.extend_from_slice(datagram);
        self.ends.push(self.bytes.len());
        true
    }

    fn split(self) -> Vec<Bytes> {
        let all = Bytes::from(self.bytes);
        let starts = std::iter::once(0).chain(self.ends.iter().copied());
        starts.zip(&self.ends).map(|(start, end)| all.slice(start..*end)).collect()
    }
}

fn open_file(folder: &Path, path: &Path) -> io::Result<File> {
    let file = File::options().read(true).write(true).create(true).truncate(false).mode(0o600).open(path)?;
    // The file's name must survive a power cut as well as its content.
    File::open(folder)?.sync_all()?;
    Ok(file)
}

fn weight(batch: &Batch) -> usize {
    let of = |write: &Write| match write {
        Write::Entry { datagram, .. } => ENTRY_KEY + STAMP_KEY + datagram.len(),
        Write::Record { key, value } => key.len() + value.len(),
        Write::ForgetRecord { key } => key.len(),
        Write::DropEntries { .. } | Write::Retain { .. } => ENTRY_KEY,
    };
    batch.writes.iter().map(of).sum()
}

fn entry_key(session: SessionId, log: LogId, seq: Seq) -> [u8; ENTRY_KEY] {
    let mut key = [0; ENTRY_KEY];
    key[..16].copy_from_slice(&session.0);
    key[16..32].copy_from_slice(&log.origin.0);
    key[32..36].copy_from_slice(&log.epoch.0.to_be_bytes());
    key[36..].copy_from_slice(&seq.0.to_be_bytes());
    key
}

fn read_entry_key(key: &[u8; ENTRY_KEY]) -> (SessionId, LogId, Seq) {
    let log = LogId { origin: OriginId(part(key, 16)), epoch: Epoch(u32::from_be_bytes(part(key, 32))) };
    (SessionId(part(key, 0)), log, Seq(u64::from_be_bytes(part(key, 36))))
}

fn stamp_key(session: SessionId, place: Place) -> [u8; STAMP_KEY] {
    let mut key = [0; STAMP_KEY];
    key[..16].copy_from_slice(&session.0);
    key[16..24].copy_from_slice(&place.stamp.to_be_bytes());
    key[24..40].copy_from_slice(&place.log.origin.0);
    key[40..44].copy_from_slice(&place.log.epoch.0.to_be_bytes());
    key[44..].copy_from_slice(&place.seq.0.to_be_bytes());
    key
}

fn read_stamp_key(key: &[u8; STAMP_KEY]) -> Place {
    let log = LogId { origin: OriginId(part(key, 24)), epoch: Epoch(u32::from_be_bytes(part(key, 40))) };
    Place { stamp: u64::from_be_bytes(part(key, 16)), log, seq: Seq(u64::from_be_bytes(part(key, 44))) }
}

fn part<const N: usize>(key: &[u8], at: usize) -> [u8; N] {
    let mut out = [0; N];
    out.copy_from_slice(&key[at..at + N]);
    out
}

/// The key behind `key`, unless it is the last of all.
fn successor(mut key: [u8; ENTRY_KEY]) -> Option<[u8; ENTRY_KEY]> {
    for byte in key.iter_mut().rev() {
        *byte = byte.wrapping_add(1);
        if *byte != 0 {
            return Some(key);
        }
    }
    None
}

#[cfg(test)]
mod tests;
