//! Pictures for the window: fetched, and brought in from files, on two threads: what is brought in waits for nobody who has a picture.
//!
//! Invariant: the window never waits for a file or the network.

use crate::{
    files::{self, Drawing, ReadError},
    model::ImageRef,
    pictures::{self, PutError},
    progress::Progress,
    render::Images,
};
use chalktalk_client::Client;
use chalktalk_ipc::SessionId;
use eframe::egui::Context;
use std::{
    collections::{BTreeSet, VecDeque},
    io,
    path::PathBuf,
    sync::{
        Arc, Mutex, PoisonError,
        mpsc::{Receiver, Sender, channel},
    },
    thread,
    time::{Duration, Instant},
};

/// How long a picture is waited for that nobody has; then it is asked for again when the board is opened again.
const PATIENCE: Duration = Duration::from_secs(60);

/// After so long without a byte of it, the other pictures are tried first.
const TURN: Duration = Duration::from_secs(3);

/// Between two tries.
const PAUSE: Duration = Duration::from_millis(300);

/// Pictures that drawing threads share.
pub(super) type Shared = Arc<Mutex<Images>>;

/// What has come.
pub(super) enum News {
    /// A picture can be shown.
    Fetched(ImageRef),
    /// A picture is not to be had, for this reason.
    Failed(String),
    /// A file was read, and can be put onto the board, there; or why it was not. None: nobody wants it any more.
    Brought(Option<Result<(Drawing, [f32; 2]), String>>),
}

/// Something that takes long, and can be stopped.
pub(super) struct Work {
    /// What it is, for people.
    pub(super) name: String,
    pub(super) progress: Progress,
    pub(super) since: Instant,
}

impl Work {
    pub(super) fn new(name: String) -> Self {
        Self { name, progress: Progress::default(), since: Instant::now() }
    }
}

/// What is brought in.
enum From {
    File(PathBuf),
    Bytes(Vec<u8>),
}

/// A drawing or a picture that becomes part of the board, its middle there.
struct Import {
    name: String,
    from: From,
    at: [f32; 2],
    progress: Progress,
}

/// The way to pictures.
pub(super) struct Gallery {
    pub(super) images: Shared,
    /// What is being brought in, in order.
    pub(super) imports: VecDeque<Work>,
    wanted: Sender<ImageRef>,
    jobs: Sender<Import>,
    news: Receiver<News>,
    asked: BTreeSet<[u8; 32]>,
}

impl Gallery {
    pub(super) fn new(ctx: &Context, client: Client, session: SessionId) -> io::Result<Self> {
        let images = Shared::default();
        let ((put, news), (wanted, asked), (jobs, imports)) = (channel(), channel(), channel());
        let ways = Ways { client, session, images: images.clone(), put, ctx: ctx.clone() };
        let (fetching, importing) = (ways.clone(), ways);
        thread::Builder::new().name("pictures".into()).spawn(move || fetching.fetch_all(&asked))?;
        thread::Builder::new().name("imports".into()).spawn(move || importing.import_all(&imports))?;
        Ok(Self { images, imports: VecDeque::new(), wanted, jobs, news, asked: BTreeSet::new() })
    }

    /// Shows this picture as soon as it can be had.
    pub(super) fn want(&mut self, image: ImageRef) {
        if self.asked.insert(image.hash) {
            // The thread ends with the window.
            let _ = self.wanted.send(image);
        }
    }

    /// Reads a drawing or a picture from a file, to be put there.
    pub(super) fn bring(&mut self, file: PathBuf, at: [f32; 2]) {
        let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
        self.import(name, From::File(file), at);
    }

    /// Reads a drawing or a picture that is at hand, and has this name for people.
    pub(super) fn bring_bytes(&mut self, name: &str, bytes: Vec<u8>, at: [f32; 2]) {
        self.import(name.to_owned(), From::Bytes(bytes), at);
    }

    fn import(&mut self, name: String, from: From, at: [f32; 2]) {
        let work = Work::new(format!("Bringing in {name}"));
        let progress = work.progress.clone();
        self.imports.push_back(work);
        let _ = self.jobs.send(Import { name, from, at, progress });
    }

    pub(super) fn poll(&mut self) -> Option<News> {
        let news = self.news.try_recv().ok()?;
        if matches!(news, News::Brought(_)) {
            self.imports.pop_front();
        }
        Some(news)
    }
}

/// What both threads have.
#[derive(Clone)]
struct Ways {
    client: Client,
    session: SessionId,
    images: Shared,
    put: Sender<News>,
    ctx: Context,
}

impl Ways {
    /// Fetches what is asked for, one after the other; who waits for somebody who has it lets the others go first.
    fn fetch_all(&self, asked: &Receiver<ImageRef>) {
        let mut wanted: VecDeque<(ImageRef, Instant)> = VecDeque::new();
        loop {
            wanted.extend(asked.try_iter().map(|image| (image, Instant::now())));
            let Some((image, since)) = wanted.pop_front() else {
                let Ok(image) = asked.recv() else { return };
                wanted.push_back((image, Instant::now()));
                continue;
            };
            let news = match self.fetch(image) {
                Ok(()) => News::Fetched(image),
                Err(_) if since.elapsed() < PATIENCE => {
                    wanted.push_back((image, since));
                    thread::sleep(PAUSE);
                    continue;
                }
                Err(why) => News::Failed(format!("A picture is not to be had: {why}")),
            };
            if !self.tell(news) {
                return;
            }
        }
    }

    fn fetch(&self, image: ImageRef) -> Result<(), String> {
        if self.has(image) {
            return Ok(());
        }
        let mut own = Images::default();
        pictures::fetch(&self.client, self.session, &image, &mut own, TURN)?;
        self.keep(own);
        Ok(())
    }

    fn import_all(&self, jobs: &Receiver<Import>) {
        while let Ok(job) = jobs.recv() {
            let read = self.import(&job).transpose();
            let brought = read.map(|read| read.map(|drawing| (drawing, job.at)));
            if !self.tell(News::Brought(brought)) {
                return;
            }
        }
    }

    /// What is in a file, its pictures in the session already; none: nobody wants it any more.
    fn import(&self, job: &Import) -> Result<Option<Drawing>, String> {
        let because = |why: String| format!("{}: {why}", job.name);
        let mut own = Images::default();
        let read = match &job.from {
            From::File(file) => {
                let bytes = files::read_whole(file).map_err(|e| because(e.to_string()))?;
                files::read(&bytes, &mut own, &job.progress)
            }
            From::Bytes(bytes) => files::read(bytes, &mut own, &job.progress),
        };
        let drawing = match read {
            Ok(drawing) => drawing,
            Err(ReadError::Stopped(_)) => return Ok(None),
            Err(e) => return Err(because(e.to_string())),
        };
        match pictures::put(&self.client, self.session, &drawing, &own, &job.progress) {
            Ok(()) if job.progress.is_stopped() => return Ok(None),
            Ok(()) => {}
            Err(PutError::Stopped(_)) => return Ok(None),
            Err(e) => return Err(because(e.to_string())),
        }
        self.keep(own);
        Ok(Some(drawing))
    }

    fn has(&self, image: ImageRef) -> bool {
        self.images.lock().unwrap_or_else(PoisonError::into_inner).get(&image).is_some()
    }

    fn keep(&self, own: Images) {
        self.images.lock().unwrap_or_else(PoisonError::into_inner).extend(own);
    }

    /// False: the window is gone.
    fn tell(&self, news: News) -> bool {
        let told = self.put.send(news).is_ok();
        self.ctx.request_repaint();
        told
    }
}
