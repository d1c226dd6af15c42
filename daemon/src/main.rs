//! `chalktalkd`: the daemon of a host.
//!
//! Invariant: what somebody has to mend before the daemon can start ends it with another status than what a new start
//! mends, so that whoever looks after it knows which to try.

use anyhow::Context;
use chalktalkd::{
    config::{ConfigError, Options, Settings},
    daemon::{Daemon, End},
    hardening,
    identity::IdentityError,
    local::{ListenError, go_on_listening, turn_away},
    lock::LockError,
    log, manual,
    places::{Places, Service},
    supervisor,
};
use clap::Parser;
use std::{os::unix::net::UnixListener, process::ExitCode};

/// Options or the configuration are wrong.
const USAGE: u8 = 2;
/// It must not start as things are here, and would not a second later either.
const REFUSED: u8 = 4;

fn main() -> ExitCode {
    let options = Options::parse();
    match run(&options) {
        Ok(()) => ExitCode::SUCCESS,
        Err(e) => {
            let status = exit_status(&e);
            let code = match status {
                USAGE => "configuration",
                REFUSED => "refused",
                _ => "failed",
            };
            log::error(code, format_args!("{e:#}"));
            ExitCode::from(status)
        }
    }
}

fn exit_status(error: &anyhow::Error) -> u8 {
    let taken = matches!(error.downcast_ref(), Some(LockError::Taken { .. }));
    let unusable =
        error.downcast_ref::<IdentityError>().is_some_and(|e| !matches!(e, IdentityError::Io { .. }));
    let in_the_way = matches!(error.downcast_ref(), Some(ListenError::InTheWay { .. }));
    match () {
        () if error.is::<ConfigError>() => USAGE,
        () if taken || unusable || in_the_way => REFUSED,
        () => 1,
    }
}

fn run(options: &Options) -> anyhow::Result<()> {
    if let Some(page) = options.manual {
        print!("{}", manual::page(page));
        return Ok(());
    }
    let listener = supervisor::handed_over().context("the socket handed over cannot be used")?;
    let waiting = listener.as_ref().map(UnixListener::try_clone).transpose()?;
    let ended = serve(options, listener);
    if let (Err(e), Some(waiting)) = (&ended, waiting) {
        // Left waiting, they would have the daemon started again and again.
        let (listener, _) = go_on_listening(waiting)?;
        turn_away(&listener, &format!("the daemon cannot start: {e:#}"));
    }
    ended
}

fn serve(options: &Options, listener: Option<UnixListener>) -> anyhow::Result<()> {
    let places = Places::of(if options.system { Service::System } else { Service::User })?;
    let settings = Settings::read(options, &places.config)?;
    if options.check {
        println!("ok");
        return Ok(());
    }
    hardening::keep_memory_private(places.service).context("cannot keep memory out of dumps")?;
    if places.service == Service::System {
        hardening::open_many_files().context("cannot raise the limit of open files")?;
    }
    let start = || -> anyhow::Result<Daemon> {
        let listener = listener.as_ref().map(UnixListener::try_clone).transpose()?;
        Daemon::start(options, settings.clone(), places.clone(), listener)
    };
    let mut daemon = start()?;
    loop {
        daemon.announce();
        let ended = daemon.run();
        let closed = daemon.close();
        if ended? == End::Told {
            return closed;
        }
        closed?;
        daemon = start()?;
        daemon.note_new_keys();
    }
}
