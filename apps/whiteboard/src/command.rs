//! What is done to boards without a window: make one, draw a file onto one, write one into a file, keep one.
//!
//! Invariant: a command line observes: it launches nothing at others' but what drawing does, and moves no position.

use crate::{
    files::{self, ReadError},
    gauge::Gauge,
    model::{Actor, Board, Bounds, Colour, EditError, Kind, Shape},
    pictures::{self, PutError},
    progress::{Progress, Stopped},
    render::{self, Images, Painter, PdfError, Picture, PngError},
    sitting::{self, Heard, Sitting},
    whole,
};
use chalktalk_client::{Client, ClientError, Events, Stage};
use chalktalk_ipc::{
    AppId, SessionId, Target,
    event::{Scope, SessionSummary},
    request::SessionKind,
    socket::UserDirs,
};
use std::{
    fs,
    io::{self, Read, Write},
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};

/// Why a command was not done.
#[derive(Debug, thiserror::Error)]
pub enum CommandError {
    /// The daemon.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// A file that could not be read or written.
    #[error("{0}: {1}")]
    File(String, io::Error),
    /// A file that is no drawing.
    #[error("{0}: {1}")]
    Drawing(String, files::ReadError),
    /// What the board refuses.
    #[error(transparent)]
    Edit(#[from] EditError),
    /// Nobody wants it any more.
    #[error(transparent)]
    Stopped(#[from] Stopped),
    /// Anything else, with what to do.
    #[error("{0}")]
    Other(String),
}

/// How long a host that has just entered a board waits for the first that comes from others.
pub(crate) const NEWCOMER: Duration = Duration::from_secs(4);

/// What comes at once is read together; for a newcomer catch-up may pause.
pub(crate) const QUIET: Duration = Duration::from_millis(150);
pub(crate) const QUIET_NEWCOMER: Duration = Duration::from_millis(700);

/// How long nothing may move while a drawing is being stored.
const PATIENCE: Duration = Duration::from_secs(10);

/// Around what is exported, in board units.
const MARGIN: f32 = 16.0;

/// Makes a board of this name, or one that nobody has yet, and enters it.
///
/// # Errors
/// As [`Client::join`].
pub fn new(client: &Client, name: Option<&str>, invite: &[String]) -> Result<SessionSummary, CommandError> {
    let name = match name {
        Some(name) => name.trim_start_matches('#').to_owned(),
        None => free_name(&client.sessions()?),
    };
    if invite.is_empty() {
        return Ok(sitting::enter(client, &format!("#{name}"))?);
    }
    Ok(client.create(&name, &AppId::whiteboard(), SessionKind::Kept, true, invite)?)
}

fn free_name(sessions: &[SessionSummary]) -> String {
    let taken = |name: &String| {
        sessions.iter().any(|s| s.app == AppId::whiteboard() && s.title == format!("#{name}"))
    };
    // There is always one: sessions are fewer.
    (1..).map(|n| format!("board-{n}")).find(|name| !taken(name)).unwrap_or_default()
}

/// Draws a file (`-`: standard input) onto a board. `at`: where its upper left corner comes; otherwise drawings keep their places, and
/// pictures and SVG go to the right of what is there. Gives how many objects were drawn.
///
/// # Errors
/// Nothing was drawn; or it was, and is not stored yet ([`CommandError::Other`] says so).
pub fn draw(
    client: &Client,
    events: &Events,
    target: &str,
    file: &str,
    at: Option<[f32; 2]>,
    progress: &Progress,
) -> Result<usize, CommandError> {
    let bytes = read_file(file)?;
    let mut images = Images::default();
    let drawing = files::read(&bytes, &mut images, progress).map_err(|e| match e {
        ReadError::Stopped(stopped) => CommandError::Stopped(stopped),
        e => CommandError::Drawing(file.to_owned(), e),
    })?;
    for remark in &drawing.remarks {
        eprintln!("chalktalk-whiteboard: {file}: {remark}");
    }
    if drawing.shapes.is_empty() {
        return Err(CommandError::Other(format!("{file}: there is nothing in it that could be drawn")));
    }
    let mut sitting = Sitting::open(client, sitting::enter(client, target)?, None)?;
    settle(&mut sitting, events, QUIET, None, progress)?;
    if sitting.board.is_view_only() {
        return Err(EditError::ViewOnly.into());
    }
    let by = moved_by(&drawing.shapes, &sitting.board, at, bytes.trim_ascii_start().first() == Some(&b'{'));
    pictures::put(client, sitting.session(), &drawing, &images, progress).map_err(|e| match e {
        PutError::Client(e) => CommandError::Client(e),
        PutError::Stopped(stopped) => CommandError::Stopped(stopped),
    })?;
    let drawn = sitting.board.paste(&drawing.shapes, by)?.len();
    let published = publish_all(client, &mut sitting, events, progress);
    if matches!(published, Err(CommandError::Stopped(_))) {
        // What is on the board already does not stay there: a drawing is put onto a board whole.
        sitting.take_back();
        publish_all(client, &mut sitting, events, &Progress::default())?;
    }
    published.map(|()| drawn)
}

/// By how much a drawing is moved onto a board.
fn moved_by(shapes: &[Shape], board: &Board, at: Option<[f32; 2]>, has_places: bool) -> [f32; 2] {
    let Some(own) = shapes.iter().map(Shape::bounds).reduce(Bounds::union) else { return [0.0; 2] };
    match (at, board.bounds()) {
        (Some([x, y]), _) => [x - own.min[0], y - own.min[1]],
        (None, Some(there)) if !has_places => [there.max[0] + 40.0 - own.min[0], there.min[1] - own.min[1]],
        _ => [0.0; 2],
    }
}

/// Writes a board into a file (`-`: standard output, as JSON), in the format that its ending names. Gives how many objects it shows.
///
/// # Errors
/// The board is not known, or the file cannot be made.
pub fn export(
    client: &Client,
    events: &Events,
    target: &str,
    file: &str,
    frame: Option<&str>,
    scale: f32,
    progress: &Progress,
) -> Result<usize, CommandError> {
    let format = format_of(file)?;
    let (summary, newcomer) = look_up(client, target)?;
    let mut sitting = Sitting::open(client, summary, None)?;
    let (quiet, first) = if newcomer { (QUIET_NEWCOMER, Some(NEWCOMER)) } else { (QUIET, None) };
    settle(&mut sitting, events, quiet, first, progress)?;
    let framed = frame.map(|name| in_frame(&sitting.board, name)).transpose()?;
    let (board, part) = framed.unwrap_or_else(|| (sitting.board.clone(), None));
    let mut images = Images::default();
    // Our own JSON names pictures, and does not hold them.
    let missing = match format {
        Format::Json => None,
        _ => pictures::fetch_all(client, sitting.session(), &board, &mut images, progress)?,
    };
    if let Some((count, why)) = missing {
        eprintln!("chalktalk-whiteboard: {count} pictures are not to be had and are left empty: {why}");
    }
    let bytes = written(&board, &images, format, part, scale, progress)?;
    write_file(file, &bytes, progress)?;
    Ok(board.len())
}

/// What is seen in the frame of this name, as a board, and where that is.
fn in_frame(board: &Board, name: &str) -> Result<(Board, Option<Bounds>), CommandError> {
    let frames = || board.shapes().filter(|shape| shape.kind == Kind::Frame);
    let Some(frame) = frames().find(|frame| frame.text == name) else {
        let known: Vec<String> = frames().map(|frame| format!("{:?}", frame.text)).collect();
        let known =
            if known.is_empty() { "it has none".into() } else { format!("it has {}", known.join(", ")) };
        return Err(CommandError::Other(format!("the board has no frame {name:?}; {known}")));
    };
    let mut alone = Board::new(Actor(0));
    let part = frame.placed_box();
    alone.paste(&seen_in(part, board.shapes()), [0.0, 0.0])?;
    Ok((alone, Some(part)))
}

/// What of these shapes is seen in a frame that lies there.
pub fn seen_in<'a>(part: Bounds, shapes: impl Iterator<Item = &'a Arc<Shape>>) -> Vec<Shape> {
    let inside = shapes.filter(|shape| shape.kind != Kind::Frame && shape.bounds().meets(&part));
    inside.map(|shape| Shape::clone(shape)).collect()
}

/// What a board is exported as.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Format {
    /// Our own JSON.
    Json,
    /// Excalidraw's.
    Excalidraw,
    /// Vectors.
    Svg,
    /// Pixels.
    Png,
    /// A page of vectors.
    Pdf,
}

impl Format {
    /// How names of its files end.
    pub fn ending(self) -> &'static str {
        match self {
            Self::Json => "json",
            Self::Excalidraw => "excalidraw",
            Self::Svg => "svg",
            Self::Png => "png",
            Self::Pdf => "pdf",
        }
    }
}

/// The format that a file's ending names.
///
/// # Errors
/// It names none.
pub fn format_of(file: &str) -> Result<Format, CommandError> {
    let ending = Path::new(file).extension().and_then(|e| e.to_str()).unwrap_or_default().to_lowercase();
    Ok(match ending.as_str() {
        "json" => Format::Json,
        "excalidraw" => Format::Excalidraw,
        "svg" => Format::Svg,
        "png" => Format::Png,
        "pdf" => Format::Pdf,
        _ if file == "-" => Format::Json,
        _ => {
            let text = format!("{file}: the ending says the format: .svg, .png, .pdf, .json or .excalidraw");
            return Err(CommandError::Other(text));
        }
    })
}

/// A board as a file: all of it, or the part that is given.
///
/// # Errors
/// It is too large for the format.
pub fn written(
    board: &Board,
    images: &Images,
    format: Format,
    part: Option<Bounds>,
    scale: f32,
    progress: &Progress,
) -> Result<Vec<u8>, CommandError> {
    let paper = Colour::rgb(255, 255, 255);
    let all = || board.bounds().unwrap_or(Bounds { min: [0.0; 2], max: [400.0, 300.0] }).grown(MARGIN);
    let part = part.unwrap_or_else(all);
    let mut painter = Painter::default();
    let mut pictures = || {
        progress.begin("Objects drawn", board.len())?;
        let drawn = board.shapes().map(|shape| progress.step(1).map(|()| painter.picture(shape)));
        let drawn = drawn.collect::<Result<Vec<Picture>, Stopped>>()?;
        progress.begin("Objects written", board.len())?;
        Ok::<_, Stopped>(drawn)
    };
    Ok(match format {
        Format::Json => files::to_json(board, progress)?.into_bytes(),
        Format::Excalidraw => files::to_excalidraw(board, images, progress)?.into_bytes(),
        Format::Svg => {
            let pictures = pictures()?;
            let shapes = board.shapes().map(|shape| &**shape).zip(&pictures);
            render::svg(shapes, images, part, paper, progress)?.into_bytes()
        }
        Format::Png => {
            render::png(&pictures()?, images, part, scale, paper, progress).map_err(|e| match e {
                PngError::Stopped(stopped) => CommandError::Stopped(stopped),
                e => CommandError::Other(format!("{e} (--scale)")),
            })?
        }
        Format::Pdf => render::pdf(&pictures()?, images, part, paper, progress).map_err(|e| match e {
            PdfError::Stopped(stopped) => CommandError::Stopped(stopped),
            e => CommandError::Other(e.to_string()),
        })?,
    })
}

/// Keeps a board's copy up to date until the client is closed, or its daemon has been gone for too long.
///
/// # Errors
/// The daemon refuses, or the copy cannot be written.
pub fn keep(
    client: &Client,
    events: &Events,
    summary: SessionSummary,
    launched: bool,
    mut gauge: Gauge,
) -> Result<(), CommandError> {
    let copy = copy_of(summary.session);
    let mut sitting = Sitting::open(client, summary, Some(copy.clone()))?;
    let mut away: Option<Instant> = None;
    loop {
        sitting.tick();
        // Launched by the agent, it is launched again when there is something to keep.
        gauge.on_frame();
        gauge.on_drawn(sitting.board.len(), sitting.is_caught_up(), std::iter::empty());
        let gone = launched && away.is_some_and(|since| since.elapsed() > 2 * PATIENCE);
        match events.recv_timeout(KEEP_EVERY) {
            Ok(event) => match sitting.on_event(event) {
                Heard::Away(reason) => away = reason.and(away.or(Some(Instant::now()))),
                Heard::Ended(reason) => {
                    return Err(CommandError::Other(format!("the daemon ended this: {reason}")));
                }
                Heard::Lost(what) => eprintln!("chalktalk-whiteboard: {what}"),
                _ => {}
            },
            Err(std::sync::mpsc::RecvTimeoutError::Timeout) if !gone => {
                sitting.keep().map_err(|e| CommandError::File(copy.display().to_string(), e))?;
            }
            Err(_) => return sitting.keep().map_err(|e| CommandError::File(copy.display().to_string(), e)),
        }
    }
}

/// After so long without anything new the copy is written.
const KEEP_EVERY: Duration = Duration::from_millis(200);

/// Where the copy of a session's board is.
pub fn copy_of(session: SessionId) -> PathBuf {
    boards().join(format!("{session}.board"))
}

/// Whether somebody opens a board's window for the first time; from now on they do not.
pub fn is_first_time() -> bool {
    let mark = boards().join("hinted");
    fs::create_dir_all(boards()).and_then(|()| fs::File::create_new(mark)).is_ok()
}

fn boards() -> PathBuf {
    UserDirs::from_env().map_or_else(|_| std::env::temp_dir(), |dirs| dirs.state).join("boards")
}

/// Reads until everything has come that was there; with `first`, waits so long for something to come at all.
pub(crate) fn settle(
    sitting: &mut Sitting,
    events: &Events,
    quiet: Duration,
    first: Option<Duration>,
    progress: &Progress,
) -> Result<(), CommandError> {
    progress.begin("Objects of the board read", None)?;
    let give_up = Instant::now() + PATIENCE;
    let hurry = first.map(|limit| Instant::now() + limit);
    let mut last = Instant::now();
    loop {
        sitting.tick();
        progress.reach(sitting.board.len())?;
        let empty = sitting.board.is_empty() && hurry.is_some_and(|until| Instant::now() < until);
        if sitting.is_caught_up() && !empty && last.elapsed() >= quiet {
            return Ok(());
        }
        if !sitting.is_caught_up() && Instant::now() > give_up {
            return Err(CommandError::Client(ClientError::TimedOut("until the board is read")));
        }
        match events.recv_timeout(Duration::from_millis(20)) {
            Ok(event) => match sitting.on_event(event) {
                Heard::Board | Heard::Role(_) => last = Instant::now(),
                Heard::Ended(reason) => {
                    return Err(CommandError::Other(format!("the daemon ended this: {reason}")));
                }
                Heard::Lost(what) => eprintln!("chalktalk-whiteboard: {what}"),
                _ => {}
            },
            Err(std::sync::mpsc::RecvTimeoutError::Timeout) => {}
            Err(_) => return Err(CommandError::Client(ClientError::Closed)),
        }
    }
}

/// Publishes everything and waits until it is on this host's disk.
pub(crate) fn publish_all(
    client: &Client,
    sitting: &mut Sitting,
    events: &Events,
    progress: &Progress,
) -> Result<(), CommandError> {
    let mut moved = Instant::now();
    let (mut before, mut all) = (None, None);
    loop {
        let number = sitting.publish()?;
        let left = sitting.unstored();
        if all.is_none() {
            progress.begin("Messages stored", left)?;
        }
        progress.reach(all.get_or_insert(left).saturating_sub(left))?;
        while let Ok(event) = events.try_recv() {
            match sitting.on_event(event) {
                Heard::Ended(reason) => {
                    return Err(CommandError::Other(format!("the daemon ended this: {reason}")));
                }
                Heard::Refused(reason) => {
                    return Err(CommandError::Other(format!("the drawing was not taken: {reason}")));
                }
                _ => {}
            }
        }
        let slice = Duration::from_millis(20);
        match client.wait_for(sitting.session(), number, Stage::Stored, slice) {
            Ok(()) if !sitting.is_waiting() => return Ok(()),
            Ok(()) | Err(ClientError::TimedOut(_) | ClientError::Disconnected) => {}
            Err(e) => return Err(e.into()),
        }
        let now = Some(client.progress(sitting.session())?);
        if now != before {
            (before, moved) = (now, Instant::now());
        } else if moved.elapsed() > PATIENCE {
            let text = "the drawing is not stored after 10 s; look at `chalktalk status`";
            return Err(CommandError::Other(text.into()));
        }
    }
}

/// The session meant, to look at, and whether the user enters it only now. A board that nobody has made is not made by looking.
pub(crate) fn look_up(client: &Client, target: &str) -> Result<(SessionSummary, bool), CommandError> {
    let parsed: Target = target.parse().map_err(|e| CommandError::Other(format!("{e}")))?;
    let sessions = client.sessions()?;
    let ours = sessions.iter().filter(|s| s.app == AppId::whiteboard());
    let wanted = target.to_lowercase();
    let known = match &parsed {
        Target::Session(id) => ours.clone().find(|s| s.session == *id),
        Target::Room(_) => ours
            .filter(|s| s.scope != Scope::Direct && s.title.to_lowercase() == wanted)
            .max_by_key(|s| s.joined),
        Target::User(_) => ours.clone().find(|s| s.title.to_lowercase() == wanted),
    };
    match known {
        Some(known) if known.joined => Ok((known.clone(), false)),
        Some(known) => Ok((sitting::enter(client, &known.session.to_string())?, true)),
        None if matches!(parsed, Target::Room(_)) => Err(CommandError::Other(format!(
            "no board {target} is known here; `chalktalk sessions` shows those that are, `chalktalk board new '{target}'` makes it"
        ))),
        None => Ok((sitting::enter(client, target)?, true)),
    }
}

fn read_file(file: &str) -> Result<Vec<u8>, CommandError> {
    let mut bytes = Vec::new();
    let read = match file {
        "-" => io::stdin().lock().take(files::MAX_FILE as u64 + 1).read_to_end(&mut bytes).map(|_| bytes),
        path => files::read_whole(Path::new(path)),
    };
    read.map_err(|e| CommandError::File(file.to_owned(), e))
}

fn write_file(file: &str, bytes: &[u8], progress: &Progress) -> Result<(), CommandError> {
    let done = match file {
        "-" => io::stdout().lock().write_all(bytes),
        path => whole::write(Path::new(path), bytes, progress),
    };
    done.map_err(|e| match e.kind() {
        io::ErrorKind::Interrupted => CommandError::Stopped(Stopped),
        _ => CommandError::File(file.to_owned(), e),
    })
}
