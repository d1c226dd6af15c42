//! `chalktalkd`: the daemon of a host.

use anyhow::Context;
use chalktalkd::{
    config::{Options, Settings},
    daemon::Daemon,
    hardening, log,
    places::{Places, Service},
};
use clap::Parser;
use std::process::ExitCode;

fn main() -> ExitCode {
    let options = Options::parse();
    match run(&options) {
        Ok(()) => ExitCode::SUCCESS,
        Err(e) => {
            log::error(format_args!("{e:#}"));
            ExitCode::FAILURE
        }
    }
}

fn run(options: &Options) -> anyhow::Result<()> {
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
    let mut daemon = Daemon::start(options, settings, places)?;
    daemon.announce();
    let ended = daemon.run();
    ended.and(daemon.close())
}
