//! `chalktalk-chat`: the chat's command line.

use chalktalk_chat::{
    avatars::{self, AvatarError},
    export::{self, ExportError},
    headless::{self, HeadlessError},
    keep::Keep,
    model::Portrait,
    place::{self, Opening},
    t, texts,
    tui::{self, TuiError},
    window::{self, WindowError},
};
use chalktalk_client::{Client, ClientError, program};
use chalktalk_ipc::{AppId, Target, request::Role};
use clap::Parser;
use std::{
    io::{self, IsTerminal},
    path::{Path, PathBuf},
    process::ExitCode,
};

/// Talk with the people on your network.
#[derive(Parser, Debug)]
#[command(name = "chalktalk-chat", version)]
struct Arguments {
    /// Where to talk: #room, @user or a session GUID [default: #lobby]
    #[arg(value_parser = target)]
    target: Option<String>,
    /// Use the terminal [default where there is no display]
    #[arg(long)]
    tui: bool,
    /// Use no screen; needs --transcript
    #[arg(long, requires = "transcript", conflicts_with = "tui")]
    headless: bool,
    /// Append each message shown to this file, as one JSON object a line
    #[arg(long, value_name = "FILE", requires = "headless")]
    transcript: Option<PathBuf>,
    /// Write everything that was said there into a new file (.txt, .json or .html), and end
    #[arg(long, value_name = "FILE", requires = "target", conflicts_with_all = ["tui", "headless"])]
    export: Option<PathBuf>,
    /// Be seen by everybody as the picture in this file (`none`: as the one that is made of your key), and end
    #[arg(long, value_name = "FILE", conflicts_with_all = ["target", "tui", "headless", "export"])]
    avatar: Option<PathBuf>,
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
            ExitCode::from(client_error(&e).map_or(1, program::exit_status))
        }
    }
}

fn run(arguments: Arguments) -> anyhow::Result<()> {
    texts::follow(Keep::of_user().and_then(|keep| keep.wants().settings.language));
    let terminal = io::stdin().is_terminal() && io::stdout().is_terminal();
    let once = arguments.export.is_some() || arguments.avatar.is_some();
    let bare = arguments.headless || once;
    let in_window = !bare && !arguments.tui && window::has_display();
    anyhow::ensure!(terminal || in_window || bare, "{}", t!("no-terminal"));
    let name = concat!("chalktalk-chat ", env!("CARGO_PKG_VERSION"));
    let builder = Client::builder(AppId::chat()).name(name).token_from_env();
    let builder = if once { builder.role(Role::Observer) } else { builder };
    let (client, events) = program::connect(builder, arguments.socket)?;
    if let Some(path) = &arguments.export {
        drop(events);
        return write_out(&client, arguments.target.as_deref().unwrap_or(place::LOBBY), path);
    }
    if let Some(path) = &arguments.avatar {
        drop(events);
        return be_seen_as(&client, path);
    }
    let opening = Opening::new(arguments.target, program::launched_session());
    let closing = client.clone();
    program::on_signal(move || closing.close())?;
    match &arguments.transcript {
        Some(path) => headless::run(&client, events, &opening, path)?,
        None if in_window => window::run(&client, events, &opening)?,
        None => tui::run(&client, events, &opening)?,
    }
    Ok(())
}

/// Who only reads is an observer: nothing counts as read by it.
fn write_out(client: &Client, target: &str, path: &Path) -> anyhow::Result<()> {
    let session = place::look_up(client, target)?;
    let count = export::export(client, &session, path)?;
    println!("{}", t!("export-done", n = count, path = path.to_string_lossy()));
    Ok(())
}

fn be_seen_as(client: &Client, path: &Path) -> anyhow::Result<()> {
    let portrait = match path.to_string_lossy() {
        path if path == "none" => Portrait::Generated,
        path => Portrait::File(path.into_owned()),
    };
    println!("{}", avatars::set(client, &portrait)?);
    Ok(())
}

fn client_error(error: &anyhow::Error) -> Option<&ClientError> {
    if let Some(HeadlessError::Client(e)) = error.downcast_ref() {
        return Some(e);
    }
    if let Some(ExportError::Client(e)) = error.downcast_ref() {
        return Some(e);
    }
    if let Some(AvatarError::Client(e)) = error.downcast_ref() {
        return Some(e);
    }
    if let Some(TuiError::Client(e)) = error.downcast_ref() {
        return Some(e);
    }
    if let Some(WindowError::Client(e)) = error.downcast_ref() {
        return Some(e);
    }
    error.downcast_ref()
}
