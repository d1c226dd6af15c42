//! `chalktalk-chat`: the chat's command line.

use chalktalk_chat::{
    headless::{self, HeadlessError},
    place::Opening,
    tui::{self, TuiError},
};
use chalktalk_client::{Client, ClientError, Events};
use chalktalk_ipc::{AppId, SessionId, Target};
use clap::Parser;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use std::{
    env,
    io::{self, IsTerminal, Read},
    os::unix::net::UnixStream,
    path::PathBuf,
    process::ExitCode,
    thread,
};

/// Talk with the people on your network.
#[derive(Parser, Debug)]
#[command(name = "chalktalk-chat", version)]
struct Arguments {
    /// Where to talk: #room, @user or a session GUID [default: #lobby]
    #[arg(value_parser = target)]
    target: Option<String>,
    /// Use the terminal [default where there is one]
    #[arg(long)]
    tui: bool,
    /// Use no screen; needs --transcript
    #[arg(long, requires = "transcript", conflicts_with = "tui")]
    headless: bool,
    /// Append each message shown to this file, as one JSON object a line
    #[arg(long, value_name = "FILE", requires = "headless")]
    transcript: Option<PathBuf>,
    /// The daemon's socket [default: $CHALKTALK_SOCKET, else yours, else the system's]
    #[arg(long, value_name = "PATH")]
    socket: Option<PathBuf>,
}

fn target(text: &str) -> Result<String, String> {
    text.parse::<Target>().map(|_| text.to_owned()).map_err(|e| e.to_string())
}

fn main() -> ExitCode {
    match run(Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(e) => {
            eprintln!("chalktalk-chat: {e:#}");
            exit_code(&e)
        }
    }
}

fn run(arguments: Arguments) -> anyhow::Result<()> {
    let screen = io::stdin().is_terminal() && io::stdout().is_terminal();
    anyhow::ensure!(
        screen || arguments.headless,
        "this is not a terminal; run it in one, or use --headless --transcript FILE"
    );
    let (client, events) = connect(&arguments)?;
    let launched = env::var("CHALKTALK_SESSION").ok().and_then(|text| text.parse::<SessionId>().ok());
    let opening = Opening::new(arguments.target, launched);
    let closing = client.clone();
    on_signal(move || closing.close())?;
    match &arguments.transcript {
        Some(path) => headless::run(&client, events, &opening, path)?,
        None => tui::run(&client, events, &opening)?,
    }
    Ok(())
}

fn connect(arguments: &Arguments) -> Result<(Client, Events), ClientError> {
    let name = concat!("chalktalk-chat ", env!("CARGO_PKG_VERSION"));
    let builder = Client::builder(AppId::chat()).name(name).token_from_env();
    match &arguments.socket {
        Some(path) => builder.socket(path).connect(),
        None => builder.connect(),
    }
}

/// Calls `end` once, on a thread of its own, when the chat is told to end.
fn on_signal(end: impl FnOnce() + Send + 'static) -> io::Result<()> {
    let (mut reader, writer) = UnixStream::pair()?;
    for signal in [SIGTERM, SIGINT, SIGHUP] {
        signal_hook::low_level::pipe::register(signal, writer.try_clone()?)?;
    }
    let wait = move || {
        if reader.read(&mut [0]).is_ok() {
            end();
        }
    };
    thread::Builder::new().name("signals".into()).spawn(wait)?;
    Ok(())
}

/// 1 failed, 3 no daemon, 4 refused, 5 timed out: as all programs here.
fn exit_code(error: &anyhow::Error) -> ExitCode {
    ExitCode::from(match client_error(error) {
        Some(ClientError::NoDaemon { .. }) => 3,
        Some(ClientError::Refused(_) | ClientError::Untrusted(_)) => 4,
        Some(ClientError::TimedOut(_)) => 5,
        _ => 1,
    })
}

fn client_error(error: &anyhow::Error) -> Option<&ClientError> {
    if let Some(HeadlessError::Client(e)) = error.downcast_ref() {
        return Some(e);
    }
    if let Some(TuiError::Client(e)) = error.downcast_ref() {
        return Some(e);
    }
    error.downcast_ref()
}
