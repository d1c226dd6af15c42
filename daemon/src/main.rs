//! `chalktalkd`: the daemon of a host.

use chalktalkd::{
    config::{Options, Settings},
    daemon::Daemon,
    log,
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
    let mut daemon = Daemon::start(options, settings, places)?;
    daemon.announce();
    let ended = daemon.run();
    ended.and(daemon.close())
}
