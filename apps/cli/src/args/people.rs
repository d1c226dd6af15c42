//! Other people and their keys, and one's own identity.

use super::Format;
use chalktalk_ipc::Target;
use clap::{Args, Subcommand, ValueHint};
use std::{path::PathBuf, str::FromStr};

/// Whose key to compare.
#[derive(Args, Debug)]
pub(crate) struct Verify {
    /// @name, or @ and at least 8 digits of their key
    pub(crate) user: Person,
    /// Do not ask: the words were compared and are the same
    #[arg(long)]
    pub(crate) yes: bool,
    /// Take the mark away again
    #[arg(long, conflicts_with = "yes")]
    pub(crate) undo: bool,
    #[command(flatten)]
    pub(crate) format: Format,
}

/// What one looks like.
#[derive(Args, Debug)]
pub(crate) struct Avatar {
    /// The picture, or `none`
    #[arg(value_name = "FILE|none", value_hint = ValueHint::FilePath)]
    pub(crate) file: PathBuf,
}

/// What to do with one's identity.
#[derive(Subcommand, Debug)]
pub(crate) enum Identity {
    /// Write your identity into a file that a passphrase opens
    Export {
        /// The file; it must not exist yet
        file: PathBuf,
    },
    /// Become the person whose identity is in a file
    ///
    /// Replaces who you are on this host. Rooms go on; direct conversations stay with whom you were.
    Import {
        /// The file
        file: PathBuf,
    },
}

/// What to do with the network's passphrase.
#[derive(Subcommand, Debug)]
pub(crate) enum PassphraseCommand {
    /// Set the passphrase: typed, from standard input, or made of six words
    ///
    /// Hosts with the same passphrase see each other and nobody else; announcements and open rooms are encrypted.
    Set,
    /// Do without a passphrase again
    Clear,
}

/// A person as people type it: with or without the `@`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Person(pub(crate) Target);

impl FromStr for Person {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let with_sign = if text.starts_with('@') { text.to_owned() } else { format!("@{text}") };
        match with_sign.parse::<Target>() {
            Ok(target @ Target::User(_)) if !text.starts_with('#') => Ok(Self(target)),
            _ => Err(format!("{text:?} is no person; write them as @ana or ana")),
        }
    }
}
