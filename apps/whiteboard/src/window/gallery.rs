//! Pictures for the window: fetched, and brought in from files, on a thread of their own.
//!
//! Invariant: the window never waits for a file or the network.

use crate::{
    files::{self, Drawing},
    model::ImageRef,
    pictures,
    render::Images,
};
use chalktalk_client::Client;
use chalktalk_ipc::SessionId;
use eframe::egui::Context;
use std::{
    collections::BTreeSet,
    io,
    path::PathBuf,
    sync::{
        Arc, Mutex, PoisonError,
        mpsc::{Receiver, Sender, channel},
    },
    thread,
    time::Duration,
};

/// How long a picture is waited for that nobody has; then it is asked for again when the board is opened again.
const PATIENCE: Duration = Duration::from_secs(60);

/// Pictures that drawing threads share.
pub(super) type Shared = Arc<Mutex<Images>>;

enum Job {
    Fetch(ImageRef),
    Bring(PathBuf, [f32; 2]),
    Read(&'static str, Vec<u8>, [f32; 2]),
}

/// What has come.
pub(super) enum News {
    /// A picture can be shown.
    Fetched(ImageRef),
    /// A file can be put onto the board, there.
    Brought(Drawing, [f32; 2]),
    /// Something did not work.
    Failed(String),
}

/// The way to pictures.
pub(super) struct Gallery {
    pub(super) images: Shared,
    jobs: Sender<Job>,
    news: Receiver<News>,
    asked: BTreeSet<[u8; 32]>,
}

impl Gallery {
    pub(super) fn new(ctx: &Context, client: Client, session: SessionId) -> io::Result<Self> {
        let images = Shared::default();
        let (jobs, asked) = channel();
        let (put, news) = channel();
        let (shared, ctx) = (images.clone(), ctx.clone());
        let work = move || {
            for job in asked {
                if put.send(done(&client, session, &shared, job)).is_err() {
                    return;
                }
                ctx.request_repaint();
            }
        };
        thread::Builder::new().name("pictures".into()).spawn(work)?;
        Ok(Self { images, jobs, news, asked: BTreeSet::new() })
    }

    /// Shows this picture as soon as it can be had.
    pub(super) fn want(&mut self, image: ImageRef) {
        if self.asked.insert(image.hash) {
            // The thread ends with the window.
            let _ = self.jobs.send(Job::Fetch(image));
        }
    }

    /// Reads a drawing or a picture from a file, to be put there.
    pub(super) fn bring(&self, file: PathBuf, at: [f32; 2]) {
        let _ = self.jobs.send(Job::Bring(file, at));
    }

    /// Reads a drawing or a picture that is at hand, and has this name for people.
    pub(super) fn bring_bytes(&self, name: &'static str, bytes: Vec<u8>, at: [f32; 2]) {
        let _ = self.jobs.send(Job::Read(name, bytes, at));
    }

    pub(super) fn poll(&self) -> Option<News> {
        self.news.try_recv().ok()
    }
}

fn done(client: &Client, session: SessionId, shared: &Shared, job: Job) -> News {
    let lock = || shared.lock().unwrap_or_else(PoisonError::into_inner);
    match job {
        Job::Fetch(image) if lock().get(&image).is_some() => News::Fetched(image),
        Job::Fetch(image) => {
            let mut own = Images::default();
            match pictures::fetch(client, session, &image, &mut own, PATIENCE) {
                Ok(()) => {
                    lock().extend(own);
                    News::Fetched(image)
                }
                Err(why) => News::Failed(format!("A picture is not to be had: {why}")),
            }
        }
        Job::Bring(file, at) => {
            let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
            match files::read_whole(&file) {
                Ok(bytes) => brought(client, session, shared, &name, &bytes, at),
                Err(e) => News::Failed(format!("{name}: {e}")),
            }
        }
        Job::Read(name, bytes, at) => brought(client, session, shared, name, &bytes, at),
    }
}

fn brought(
    client: &Client,
    session: SessionId,
    shared: &Shared,
    name: &str,
    bytes: &[u8],
    at: [f32; 2],
) -> News {
    let mut own = Images::default();
    let drawing = files::read(bytes, &mut own).map_err(|e| e.to_string());
    let put = drawing.and_then(|drawing| {
        pictures::put(client, session, &drawing, &own).map_err(|e| e.to_string()).map(|()| drawing)
    });
    match put {
        Ok(drawing) => {
            shared.lock().unwrap_or_else(PoisonError::into_inner).extend(own);
            News::Brought(drawing, at)
        }
        Err(why) => News::Failed(format!("{name}: {why}")),
    }
}
