//! `chalktalk-whiteboard`: the whiteboard's command line.

use chalktalk_client::{Builder, Client, ClientError, Events, program};
use chalktalk_ipc::{AppId, Target, request::Role};
use chalktalk_look::Waker;
use chalktalk_whiteboard::{
    command::{self, CommandError},
    gauge::Gauge,
    model::EditError,
    moderating::{self, Word},
    progress::{Progress, Told},
    sitting::{self, Sitting},
    window,
};
use clap::{Parser, Subcommand};
use std::{
    path::PathBuf,
    process::{self, ExitCode},
    thread,
    time::Duration,
};

/// Draw with the people on your network.
#[derive(Parser, Debug)]
#[command(name = "chalktalk-whiteboard", version, args_conflicts_with_subcommands = true)]
struct Arguments {
    /// The board: #name, @user or a session GUID; #board if left out
    #[arg(value_parser = target)]
    target: Option<String>,
    /// Use no screen: only keep a copy of the board
    #[arg(long)]
    headless: bool,
    /// The daemon's socket [default: $CHALKTALK_SOCKET, else yours, else the system's]
    #[arg(long, value_name = "PATH", global = true)]
    socket: Option<PathBuf>,
    /// Write what each frame of the window takes into this file, for benchmarks
    #[arg(long, value_name = "FILE", hide = true)]
    gauge: Option<PathBuf>,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Subcommand, Debug)]
enum Command {
    /// Make a board and enter it; one that exists is entered
    New {
        /// Its name, with or without # [default: one that nobody has yet]
        name: Option<String>,
        /// Make it for invited people only
        #[arg(long, value_name = "USER")]
        invite: Vec<String>,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Draw a file onto a board: Excalidraw, SVG, PDF, a picture, or a board's JSON
    Draw {
        /// The board: #name, @user or a session GUID
        #[arg(value_parser = target)]
        target: String,
        /// The file, or - for standard input
        file: String,
        /// Where its upper left corner comes
        #[arg(long, value_name = "X,Y", value_parser = place, allow_hyphen_values = true)]
        at: Option<[f32; 2]>,
    },
    /// Say who may look at a board, draw on it, or moderate it; with the board alone, show it
    Role {
        /// The board: #name or a session GUID
        #[arg(value_parser = target)]
        target: String,
        /// A member, by name or 8 digits of their key; or everybody
        #[arg(requires = "role")]
        who: Option<String>,
        /// view, draw, moderate, or default (what everybody may)
        role: Option<Word>,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Write a board into a file: .svg, .png, .pdf, .json or .excalidraw
    Export {
        /// The board: #name, @user or a session GUID
        #[arg(value_parser = target)]
        target: String,
        /// The file, or - for JSON on standard output
        file: String,
        /// Only what is seen in the frame of this name
        #[arg(long)]
        frame: Option<String>,
        /// Pixels for each unit of the board, in a PNG
        #[arg(long, default_value_t = 2.0, value_parser = scale)]
        scale: f32,
    },
}

/// Where people draw who name no other place.
const BOARD: &str = "#board";

fn target(text: &str) -> Result<String, String> {
    text.parse::<Target>().map(|_| text.to_owned()).map_err(|e| e.to_string())
}

fn place(text: &str) -> Result<[f32; 2], String> {
    let number = |part: &str| part.trim().parse::<f32>().ok().filter(|n| n.is_finite());
    let (x, y) = text.split_once(',').ok_or_else(|| format!("{text:?} is not a place, such as 100,-20"))?;
    number(x)
        .zip(number(y))
        .map(|(x, y)| [x, y])
        .ok_or_else(|| format!("{text:?} is not a place, such as 100,-20"))
}

fn scale(text: &str) -> Result<f32, String> {
    let scale = text.parse::<f32>().ok().filter(|s| (0.01..=20.0).contains(s));
    scale.ok_or_else(|| "the scale is a number from 0.01 to 20".into())
}

fn main() -> ExitCode {
    match run(Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(e) => {
            eprintln!("chalktalk-whiteboard: {e}");
            ExitCode::from(match &e {
                CommandError::Client(e) => program::exit_status(e),
                // Refused, as by the daemon.
                CommandError::Edit(EditError::ViewOnly) => 4,
                CommandError::Stopped(_) => STOPPED,
                _ => 1,
            })
        }
    }
}

fn run(arguments: Arguments) -> Result<(), CommandError> {
    let socket = arguments.socket;
    match arguments.command {
        Some(Command::New { name, invite, json }) => {
            let (client, _events) = connect(socket, Role::Observer)?;
            let session = command::new(&client, name.as_deref(), &invite)?;
            if json {
                println!(
                    "{}",
                    serde_json::json!({"session": session.session.to_string(), "title": session.title})
                );
            } else {
                println!("{}", session.title);
            }
            Ok(())
        }
        Some(Command::Draw { target, file, at }) => {
            let (client, events) = connect(socket, Role::Observer)?;
            let drawn = long(|progress| command::draw(&client, &events, &target, &file, at, progress))?;
            eprintln!("{drawn} objects drawn onto {target}");
            Ok(())
        }
        Some(Command::Role { target, who, role, json }) => {
            let (client, events) = connect(socket, Role::Observer)?;
            if let Some((who, role)) = who.zip(role) {
                return moderating::set(&client, &events, &target, &who, role);
            }
            let list = moderating::list(&client, &events, &target)?;
            if json {
                println!("{list}")
            } else {
                print!("{}", moderating::for_people(&list))
            }
            Ok(())
        }
        Some(Command::Export { target, file, frame, scale }) => {
            let (client, events) = connect(socket, Role::Observer)?;
            let frame = frame.as_deref();
            let shown =
                long(|progress| command::export(&client, &events, &target, &file, frame, scale, progress))?;
            eprintln!("{shown} objects written into {file}");
            Ok(())
        }
        None => open(arguments.target, arguments.headless, arguments.gauge, socket),
    }
}

/// What a shell makes of a program that Ctrl-C ends.
const STOPPED: u8 = 130;

/// Who is told to stop has so long for it: parts of a drawing that are on the board already are taken back.
const GRACE: Duration = Duration::from_secs(10);

/// Does something long: tells at a terminal how far it is, and stops when it is told to (Ctrl-C), leaving nothing half done.
fn long<T>(work: impl FnOnce(&Progress) -> Result<T, CommandError>) -> Result<T, CommandError> {
    let progress = Progress::default();
    let stopping = progress.clone();
    let stop = move || {
        stopping.stop();
        thread::sleep(GRACE);
        process::exit(STOPPED.into());
    };
    program::on_signal(stop).map_err(|e| CommandError::Other(e.to_string()))?;
    let _told = Told::on_terminal(&progress);
    work(&progress)
}

fn open(
    target: Option<String>,
    headless: bool,
    gauge: Option<PathBuf>,
    socket: Option<PathBuf>,
) -> Result<(), CommandError> {
    let gauge = match gauge {
        Some(file) => {
            Gauge::into_file(&file).map_err(|e| CommandError::File(file.display().to_string(), e))?
        }
        None => Gauge::default(),
    };
    let waker = Waker::default();
    let woken = waker.clone();
    let (client, events) =
        connect_and(socket, Role::App, move |builder| builder.on_event(move || woken.wake()))?;
    let launched = program::launched_session();
    let summary = match (&target, launched, client.launched_for()) {
        (None, Some(session), Some(summary)) if summary.session == session => summary,
        (None, Some(session), _) => sitting::enter(&client, &session.to_string())?,
        (target, _, _) => sitting::enter(&client, target.as_deref().unwrap_or(BOARD))?,
    };
    if headless {
        let closing = client.clone();
        program::on_signal(move || closing.close()).map_err(|e| CommandError::Other(e.to_string()))?;
        return command::keep(&client, &events, summary, target.is_none() && launched.is_some(), gauge);
    }
    let copy = command::copy_of(summary.session);
    let sitting = Sitting::open(&client, summary, Some(copy))?;
    window::run(sitting, events, waker, gauge)
}

fn connect(socket: Option<PathBuf>, role: Role) -> Result<(Client, Events), ClientError> {
    connect_and(socket, role, |builder| builder)
}

fn connect_and(
    socket: Option<PathBuf>,
    role: Role,
    and: impl FnOnce(Builder) -> Builder,
) -> Result<(Client, Events), ClientError> {
    let name = concat!("chalktalk-whiteboard ", env!("CARGO_PKG_VERSION"));
    let builder = and(Client::builder(AppId::whiteboard()).name(name));
    let builder = if role == Role::App { builder.token_from_env() } else { builder.role(role) };
    program::connect(builder, socket)
}
