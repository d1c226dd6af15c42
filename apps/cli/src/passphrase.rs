//! `passphrase`: sealing the LAN. The daemon is given a key; the words stay with people.

use crate::{args::PassphraseCommand, connect::Connection, failure::Failure, screen::Screen, secret};
use chalktalk_ipc::Secret;
use std::path::Path;

/// Does what was asked about the LAN's passphrase.
pub(crate) fn run(
    command: &PassphraseCommand,
    socket: Option<&Path>,
    screen: &mut Screen,
) -> Result<(), Failure> {
    let client = Connection::visitor(socket)?.client;
    match command {
        PassphraseCommand::Set => {
            let (passphrase, made) = secret::ask_new("Passphrase of this network")?;
            client.set_passphrase(Some(Secret::new(*passphrase.lan_key())))?;
            if made {
                screen.line("The passphrase of this network is now:")?;
                screen.line(&format!("\n    {}\n", passphrase.reveal()))?;
                screen.line(
                    "It is shown this once. Tell it to everybody who is to be here, in person or by phone:",
                )?;
                screen.line("they type it into `chalktalk passphrase set`. Hosts without it see nothing but that you are there.")
            } else {
                screen.line(
                    "This network is sealed: hosts with the same passphrase see each other, and nobody else.",
                )
            }
        }
        PassphraseCommand::Clear => {
            client.set_passphrase(None)?;
            screen.line("This host has no passphrase any more: it is among the hosts without one, and open rooms can be read by all.")
        }
    }
}
