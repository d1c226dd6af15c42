//! Files on their way: each transfer on a thread of its own, so that nothing waits for it.
//!
//! Invariant: a transfer ends with one word about how, and what was written by then is whole.

use crate::{
    downloads, export,
    link::spawn,
    model::{Input, Pixels, TransferNews},
    t,
};
use chalktalk_client::{
    Client, ClientError, Message, Transferred,
    chat::{Kind, Saying},
    files::{FileError, Offer},
};
use chalktalk_ipc::{BlobId, OriginId, SessionId, event::SessionSummary, text::printable};
use chalktalk_look::picture;
use jiff::Zoned;
use std::{
    collections::BTreeMap,
    fs,
    ops::ControlFlow,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

/// How often a transfer tells how far it has come.
const TELL: Duration = Duration::from_millis(250);

/// How far back files are looked for: pages of so many messages.
const PAGES: usize = 50;
const PAGE: u32 = 1000;

/// The transfers of this chat.
pub(crate) struct Transfers<P> {
    client: Client,
    put: P,
    stops: BTreeMap<u64, Arc<AtomicBool>>,
}

impl<P: Fn(Input) + Clone + Send + 'static> Transfers<P> {
    pub(crate) fn new(client: &Client, put: P) -> Self {
        Self { client: client.clone(), put, stops: BTreeMap::new() }
    }

    /// Fetches what was offered into the person's folder.
    pub(crate) fn fetch(
        &mut self,
        id: u64,
        session: SessionId,
        offer: Offer,
        from: OriginId,
    ) -> Result<(), ClientError> {
        self.begin(id, move |client, progress| {
            let folder = downloads::folder();
            let made = fs::create_dir_all(&folder);
            made.map_err(|source| FileError::Io { what: "make", path: folder.clone(), source })?;
            let saved = client.save(session, &offer, Some(from), &folder, progress)?;
            let failed = saved.failed.iter().map(|e| printable(&e.to_string())).collect();
            Ok(TransferNews::Saved(printable(&downloads::shown(&saved.path)), failed))
        })
    }

    /// Makes a file or a folder something to offer.
    pub(crate) fn share(&mut self, id: u64, session: SessionId, path: String) -> Result<(), ClientError> {
        self.begin(id, move |client, progress| {
            let shared = client.share(session, &downloads::typed(&path), progress)?;
            let left_out = shared.left_out.iter().map(|path| printable(&downloads::shown(path))).collect();
            Ok(TransferNews::Shared(shared.offer, left_out))
        })
    }

    /// Makes a picture something to offer.
    pub(crate) fn share_picture(
        &mut self,
        id: u64,
        session: SessionId,
        name: String,
        pixels: Pixels,
    ) -> Result<(), ClientError> {
        self.begin(id, move |client, _| {
            let Some(file) = picture::png(pixels.width, pixels.height, pixels.rgba.to_vec()) else {
                return Ok(TransferNews::Failed(t!("file-no-picture")));
            };
            let blob = client.put_bytes(session, &file)?;
            Ok(TransferNews::Shared(Offer::file(&name, blob), Vec::new()))
        })
    }

    /// Ends a transfer. What has come is kept.
    pub(crate) fn stop(&mut self, id: u64) {
        if let Some(stop) = self.stops.remove(&id) {
            stop.store(true, Ordering::Relaxed);
        }
    }

    /// Tells which files of a session are here, and, looking back, which were offered.
    pub(crate) fn list(&self, session: SessionId, look_back: bool) -> Result<(), ClientError> {
        self.tell_files(session, move |client| Ok(list(client, session, look_back)?))
    }

    /// Gives something that was offered to nobody from this host, or again; then tells which files are here.
    pub(crate) fn pause(&self, session: SessionId, offer: Offer, paused: bool) -> Result<(), ClientError> {
        self.tell_files(session, move |client| pause(client, session, &offer, paused))
    }

    fn tell_files<W>(&self, session: SessionId, work: W) -> Result<(), ClientError>
    where
        W: FnOnce(&Client) -> Result<Listed, FileError> + Send + 'static,
    {
        let (client, put) = (self.client.clone(), self.put.clone());
        let work = move || {
            put(match work(&client) {
                Ok((found, here)) => Input::Files { session, found, here },
                Err(e) => Input::Failed(e.to_string()),
            });
        };
        spawn("files", work).map_err(ClientError::Io)
    }

    /// Writes everything that was said in a session into a file.
    pub(crate) fn export(&self, session: SessionSummary, path: Option<String>) -> Result<(), ClientError> {
        let (client, put) = (self.client.clone(), self.put.clone());
        let work = move || {
            let path = path.map_or_else(
                || downloads::folder().join(export::file_name(&session.title, &Zoned::now())),
                |path| downloads::typed(&path),
            );
            put(match export::export(&client, &session, &path) {
                Ok(count) => Input::Done(t!("export-done", n = count, path = downloads::shown(&path))),
                Err(e) => Input::Failed(e.to_string()),
            });
        };
        spawn("export", work).map_err(ClientError::Io)
    }

    fn begin<W>(&mut self, id: u64, work: W) -> Result<(), ClientError>
    where
        W: FnOnce(&Client, &mut dyn FnMut(Transferred) -> ControlFlow<()>) -> Result<TransferNews, FileError>
            + Send
            + 'static,
    {
        let stop = Arc::<AtomicBool>::default();
        self.stops.insert(id, stop.clone());
        let (client, put) = (self.client.clone(), self.put.clone());
        let run = move || {
            let mut told = None;
            let news = work(&client, &mut |now| {
                if told.is_none_or(|at: Instant| at.elapsed() >= TELL) {
                    told = Some(Instant::now());
                    put(Input::Transfer(id, TransferNews::Moved(now)));
                }
                if stop.load(Ordering::Relaxed) { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
            });
            put(Input::Transfer(id, news.unwrap_or_else(failed)));
        };
        spawn("transfer", run).map_err(|e| {
            (self.put)(Input::Transfer(id, TransferNews::Failed(e.to_string())));
            ClientError::Io(e)
        })
    }
}

fn failed(error: FileError) -> TransferNews {
    if error.is_cancelled() { TransferNews::Stopped } else { TransferNews::Failed(error.to_string()) }
}

type Listed = (Vec<Message>, BTreeMap<BlobId, bool>);

fn pause(client: &Client, session: SessionId, offer: &Offer, paused: bool) -> Result<Listed, FileError> {
    for blob in client.kept_of(session, offer)? {
        client.pause_blob(session, blob, paused)?;
    }
    Ok(list(client, session, false)?)
}

fn list(client: &Client, session: SessionId, look_back: bool) -> Result<Listed, ClientError> {
    let kept = client.blobs(Some(session))?.into_iter().filter(|blob| blob.whole);
    let here = kept.map(|blob| (blob.blob, blob.paused)).collect();
    let (mut found, mut before) = (Vec::new(), None);
    for _ in 0..if look_back { PAGES } else { 0 } {
        let (page, next) = client.history(session, before, PAGE)?;
        found.extend(page.into_iter().filter(|message| is_of_files(&message.payload)));
        before = next;
        if before.is_none() {
            break;
        }
    }
    Ok((found, here))
}

fn is_of_files(payload: &[u8]) -> bool {
    let saying = Saying::read(payload);
    matches!(saying.kind, Kind::Got { .. } | Kind::Delete { .. }) || Offer::read(&saying.text).is_some()
}
