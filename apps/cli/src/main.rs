//! `chalktalk`: the command line.
//!
//! What was typed is parsed once ([`args`]), done by one function for each command, and ends with a promised exit
//! status ([`failure`]). Facts go to standard output, everything else to standard error.

mod apps;
mod args;
mod board;
mod chat;
mod connect;
mod demo;
mod doctor;
mod facts;
mod failure;
mod file;
mod help_wanted;
mod identity;
mod interrupt;
mod invitations;
mod lines;
mod manual;
mod messages;
mod metrics;
mod passphrase;
mod people;
mod programs;
mod record;
mod room;
mod screen;
mod search;
mod secret;
mod send;
mod status;
mod table;
mod together;

use args::{Arguments, Command};
use chalktalk_ipc::request::Mark;
use clap::Parser;
use connect::Connection;
use facts::{Instances, People, Sessions, WhichSessions};
use failure::{Failure, complain};
use invitations::{Invitations, MembersOf};
use screen::Screen;
use std::{path::Path, process::ExitCode};

/// The promised exit status for what was not understood.
const USAGE: u8 = 2;

fn main() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(refusal) => return misunderstood(&refusal),
    };
    match run(arguments.command, arguments.socket.as_deref()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            failure.message().into_iter().for_each(complain);
            failure.status()
        }
    }
}

/// Help and version are answers; all else that the parser says is a complaint.
fn misunderstood(refusal: &clap::Error) -> ExitCode {
    if refusal.use_stderr() {
        let text = refusal.to_string();
        complain(text.strip_prefix("error: ").unwrap_or(&text).trim_end());
        return ExitCode::from(USAGE);
    }
    // Nobody reading the help is no reason to fail.
    let _ = refusal.print();
    ExitCode::SUCCESS
}

fn run(command: Option<Command>, socket: Option<&Path>) -> Result<(), Failure> {
    let mut screen = Screen::new();
    let screen = &mut screen;
    match command {
        None => chat::open(socket),
        Some(Command::Status { format }) => {
            let status = Connection::visitor(socket)?.client.status()?;
            if format.json {
                screen.json(&status)
            } else {
                screen.put(&status::for_people(&status, screen.colour()))
            }
        }
        Some(Command::Who { facts }) => {
            facts::show::<People>(&Connection::visitor(socket)?, &(), facts, screen)
        }
        Some(Command::Instances { all, facts }) => {
            facts::show::<Instances>(&Connection::visitor(socket)?, &all, facts, screen)
        }
        Some(Command::Sessions { facts }) => {
            facts::show::<Sessions>(&Connection::visitor(socket)?, &WhichSessions::All, facts, screen)
        }
        Some(Command::Room(room)) => room::run(room, socket, screen),
        Some(Command::Invite { target, users, app }) => {
            invitations::invite(&target, &users, &app, socket, screen)
        }
        Some(Command::Remove { target, user, app }) => {
            invitations::remove(&target, &user, &app, socket, screen)
        }
        Some(Command::Members { target, app, facts }) => {
            let which = (target.to_string(), app.app);
            facts::show::<MembersOf>(&Connection::visitor(socket)?, &which, facts, screen)
        }
        Some(Command::Invitations { facts }) => {
            facts::show::<Invitations>(&Connection::visitor(socket)?, &(), facts, screen)
        }
        Some(Command::Accept { id, observe, format }) => {
            invitations::accept(&id, observe, format, socket, screen)
        }
        Some(Command::Decline { id }) => invitations::decline(&id, socket, screen),
        Some(Command::Start(start)) => together::start(&start, socket, screen),
        Some(Command::Cancel { id }) => together::cancel(id, socket, screen),
        Some(Command::App(command)) => apps::run(&command, socket, screen),
        Some(Command::Send(send)) => send::send(&send, socket),
        Some(Command::Avatar(avatar)) => chat::be_seen_as(&avatar.file, socket),
        Some(Command::HelpWanted(wanted)) => help_wanted::ask(&wanted, socket, screen),
        Some(Command::History(history)) => messages::history(&history, socket, screen),
        Some(Command::Tail(tail)) => messages::tail(&tail, socket, screen),
        Some(Command::Search(wanted)) => search::search(&wanted, socket, screen),
        Some(Command::File(command)) => file::run(command, socket, screen),
        Some(Command::Chat(chat)) => chat::run(&chat, socket),
        Some(Command::Board(board)) => board::run(&board, socket),
        Some(Command::Verify(verify)) => people::verify(&verify, socket, screen),
        Some(Command::Block { user }) => people::mark(&user, Mark::Blocked, socket, screen),
        Some(Command::Unblock { user }) => people::mark(&user, Mark::Unblocked, socket, screen),
        Some(Command::Identity(command)) => identity::run(&command, socket, screen),
        Some(Command::Passphrase(command)) => passphrase::run(&command, socket, screen),
        Some(Command::Doctor { format }) => doctor::run(format.json, socket, screen),
        Some(Command::Metrics { file }) => metrics::run(file.as_deref(), socket, screen),
        Some(Command::Demo { headless: _ }) => demo::run(screen),
        Some(Command::Completions { shell }) => manual::completions(shell, screen),
        Some(Command::Man { dir }) => manual::man(dir.as_deref(), screen),
    }?;
    screen.flush()
}
