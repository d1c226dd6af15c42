//! Registered programs, and running them together.

use super::{App, Facts, Format, Person};
use chalktalk_ipc::{AppId, Target};
use clap::{Args, Subcommand};
use std::path::PathBuf;

/// What to do with the registry of apps.
#[derive(Subcommand, Debug)]
pub(crate) enum AppCommand {
    /// Register a program, from a manifest or an installed .desktop file
    Add {
        /// A manifest (.toml), a .desktop file, or the name of an installed one
        file: PathBuf,
    },
    /// Show the registered programs
    List {
        /// Show everybody's: who could run what with you, in which version
        #[arg(long)]
        all: bool,
        /// Show those of the people in this session: #room, @user or a GUID
        #[arg(long = "in", value_name = "TARGET", requires = "all")]
        target: Option<Target>,
        #[command(flatten)]
        app: App,
        #[command(flatten)]
        format: Format,
    },
    /// Say what is wrong with a manifest or a .desktop file, and where
    Check {
        /// A manifest (.toml), a .desktop file, or the name of an installed one
        file: PathBuf,
    },
    /// Take a program that you have added out again
    Remove {
        /// The app
        id: AppId,
    },
    /// Say whose invitations may launch programs here without asking you first; show what you have said
    ///
    /// `auto` launches at once, `known` for people whose keys you have compared, `ask` waits for your word, `never` declines.
    /// A program whose manifest says nothing else asks.
    Policy {
        /// What holds from now on [default: show what you have said]
        #[arg(value_parser = ["auto", "known", "ask", "never"])]
        policy: Option<String>,
        /// For this program alone
        #[arg(long, value_name = "APP", requires = "policy")]
        app: Option<AppId>,
        /// For this person alone: @name, or @ and at least 8 digits of their key
        #[arg(long, value_name = "USER", requires = "policy")]
        person: Option<Person>,
    },
}

/// What to start, from where, and who may take part.
#[derive(Args, Debug)]
pub(crate) struct Start {
    /// The program, as `app list` shows it
    #[arg(value_name = "APP")]
    pub(crate) app_id: AppId,
    /// The conversation: #room, @user or a session's GUID
    #[arg(long = "in", value_name = "TARGET")]
    pub(crate) target: Target,
    /// What to call it [default: the program's name]
    #[arg(long)]
    pub(crate) title: Option<String>,
    /// Start when so many take part, you included [default: as the manifest says]
    #[arg(long, value_name = "N")]
    pub(crate) wait_for: Option<u16>,
    /// Let at most so many take part; more wait for a place [default: as the manifest says]
    #[arg(long, value_name = "N")]
    pub(crate) most: Option<u16>,
    /// Ask for so many seconds
    #[arg(long, value_name = "SECONDS", default_value = "600", value_parser = clap::value_parser!(u32).range(1..=86_400))]
    pub(crate) expires: Option<u32>,
    #[command(flatten)]
    pub(crate) app: App,
    #[command(flatten)]
    pub(crate) facts: Facts,
}
