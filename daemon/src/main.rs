//! `chalktalkd`: the daemon of a host.

use chalktalk_ipc::socket::UserDirs;
use chalktalkd::{
    config::{Options, Settings},
    daemon::Daemon,
    log,
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
    let usual = UserDirs::from_env()?.config.join("config.toml");
    let settings = Settings::read(options, &usual)?;
    if options.check {
        println!("ok");
        return Ok(());
    }
    let mut daemon = Daemon::start(options, settings)?;
    daemon.announce();
    let ended = daemon.run();
    ended.and(daemon.close())
}
