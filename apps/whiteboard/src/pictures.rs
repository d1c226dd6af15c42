//! The files of pictures on a board: kept as blobs of its session, put before they are drawn, fetched when they are seen.
//!
//! Invariant: a picture is on a board only after its blob is on this host's disk.

use crate::{
    files::Drawing,
    model::{Board, Body, ImageRef, Shape},
    progress::{Progress, Stopped},
    render::Images,
};
use chalktalk_client::{Blob, Client, ClientError};
use chalktalk_ipc::{BlobId, SessionId};
use chalktalk_look::picture;
use std::{
    collections::BTreeMap,
    io::Read,
    ops::ControlFlow,
    time::{Duration, Instant},
};

/// The picture of a shape, if it is one.
pub fn of(shape: &Shape) -> Option<ImageRef> {
    match shape.body {
        Some(Body::Image(image)) => Some(image),
        _ => None,
    }
}

/// Puts the pictures of a drawing into a session, so that everybody can fetch them.
///
/// # Errors
/// Nothing of the drawing may be put onto the board then.
pub fn put(
    client: &Client,
    session: SessionId,
    drawing: &Drawing,
    images: &Images,
    progress: &Progress,
) -> Result<(), PutError> {
    let files: BTreeMap<[u8; 32], &Vec<u8>> = drawing
        .shapes
        .iter()
        .filter_map(of)
        .filter_map(|image| Some((image.hash, &images.get(&image)?.file)))
        .collect();
    progress.begin("Bytes of pictures stored", files.values().map(|file| file.len()).sum::<usize>())?;
    for file in files.values() {
        client.put_bytes(session, file)?;
        progress.step(file.len())?;
    }
    Ok(())
}

/// Why the pictures of a drawing are not all in a session.
#[derive(Debug, thiserror::Error)]
pub enum PutError {
    /// The daemon.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// Nobody wants it any more.
    #[error(transparent)]
    Stopped(#[from] Stopped),
}

/// Fetches one picture, waiting at most so long while nobody has it.
///
/// # Errors
/// Why it is not there, for people.
pub fn fetch(
    client: &Client,
    session: SessionId,
    image: &ImageRef,
    images: &mut Images,
    patience: Duration,
) -> Result<(), String> {
    let file = fetch_file(client, session, image, patience).map_err(|e| e.to_string())?;
    let found = images.insert(file).map_err(|e| e.to_string())?;
    if found.hash == image.hash { Ok(()) } else { Err("the picture is another than was said".into()) }
}

fn fetch_file(
    client: &Client,
    session: SessionId,
    image: &ImageRef,
    patience: Duration,
) -> Result<Vec<u8>, ClientError> {
    let limit = picture::MAX_FILE as u64;
    let blob = Blob { id: BlobId(image.hash), size: image.length.min(limit) };
    let mut moved = Instant::now();
    let mut before = 0;
    let file = client.fetch_blob(session, blob, None, |now| {
        if now.done != before {
            (before, moved) = (now.done, Instant::now());
        }
        if moved.elapsed() > patience { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    })?;
    let mut bytes = Vec::new();
    file.take(limit).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Fetches all pictures of a board. Gives how many are not to be had, and why the first is not.
///
/// # Errors
/// Nobody wants them any more.
pub fn fetch_all(
    client: &Client,
    session: SessionId,
    board: &Board,
    images: &mut Images,
    progress: &Progress,
) -> Result<Option<(usize, String)>, Stopped> {
    let mut missing: Option<(usize, String)> = None;
    let wanted: BTreeMap<[u8; 32], ImageRef> =
        board.shapes().filter_map(|shape| of(shape)).map(|image| (image.hash, image)).collect();
    progress.begin("Pictures fetched", wanted.len())?;
    for image in wanted.into_values() {
        progress.step(1)?;
        if images.get(&image).is_none()
            && let Err(why) = fetch(client, session, &image, images, Duration::from_secs(5))
        {
            missing.get_or_insert((0, why)).0 += 1;
        }
    }
    Ok(missing)
}
