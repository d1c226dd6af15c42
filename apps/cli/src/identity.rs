//! `identity`: taking oneself to another host. The file is text, so that it survives any way it is carried:
//!
//! ```text
//! chalktalk identity 1
//! SALT (32 hexadecimal digits)
//! SEALED (hexadecimal)
//! ```
//!
//! Invariant: what is in the file opens with the passphrase alone, and the file is its owner's alone.

use crate::{args::Identity, connect::Connection, failure::Failure, screen::Screen, secret};
use chalktalk_client::passphrase::{Passphrase, random_salt};
use chalktalk_ipc::Secret;
use std::{
    fs::{self, File, OpenOptions},
    io::{Read, Write},
    os::unix::fs::OpenOptionsExt,
    path::Path,
};

const HEADING: &str = "chalktalk identity 1";

/// Longer files are something else.
const MAX_FILE: u64 = 4096;

/// Does what was asked about the user's identity.
pub(crate) fn run(identity: &Identity, socket: Option<&Path>, screen: &mut Screen) -> Result<(), Failure> {
    match identity {
        Identity::Export { file } => export(file, socket, screen),
        Identity::Import { file } => import(file, socket, screen),
    }
}

fn export(path: &Path, socket: Option<&Path>, screen: &mut Screen) -> Result<(), Failure> {
    let client = Connection::visitor(socket)?.client;
    let refuse = |e| Failure::because(format_args!("cannot write {}", path.display()), e);
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path).map_err(refuse)?;
    let written = secret::ask_new("Passphrase for the file").and_then(|(passphrase, made)| {
        let salt = random_salt().map_err(|e| Failure::because("cannot make a salt", e))?;
        let sealed = client.export_identity(key(&passphrase, &salt))?;
        let text = format!("{HEADING}\n{}\n{}\n", hex(&salt), hex(&sealed));
        file.write_all(text.as_bytes()).and_then(|()| file.sync_all()).map_err(refuse)?;
        Ok(made.then_some(passphrase))
    });
    let made = written.inspect_err(|_| {
        // An empty file would only be in the way of the next attempt.
        let _ = fs::remove_file(path);
    })?;
    if let Some(passphrase) = made {
        screen.line("The file opens with these words alone. They are shown this once:")?;
        screen.line(&format!("\n    {}\n", passphrase.reveal()))?;
    }
    screen.line(&format!(
        "Your identity is in {}. Take it to your other host, run `chalktalk identity import` there, and delete it.",
        path.display()
    ))
}

fn import(path: &Path, socket: Option<&Path>, screen: &mut Screen) -> Result<(), Failure> {
    let (salt, sealed) = read(path)?;
    let client = Connection::visitor(socket)?.client;
    let passphrase = secret::ask("Passphrase of the file")?;
    client.import_identity(key(&passphrase, &salt), sealed)?;
    screen.line("You are the same person here as there now. Conversations in rooms go on; direct ones of whom you were here before do not.")
}

fn key(passphrase: &Passphrase, salt: &[u8; 16]) -> Secret {
    Secret::new(*passphrase.file_key(salt))
}

fn read(path: &Path) -> Result<([u8; 16], Vec<u8>), Failure> {
    let mut text = String::new();
    File::open(path)
        .and_then(|file| file.take(MAX_FILE).read_to_string(&mut text))
        .map_err(|e| Failure::because(format_args!("cannot read {}", path.display()), e))?;
    parse(&text).ok_or_else(|| {
        Failure::Failed(format!("{} is not a file of `chalktalk identity export`", path.display()))
    })
}

fn parse(text: &str) -> Option<([u8; 16], Vec<u8>)> {
    let mut lines = text.lines().map(str::trim);
    let heading = lines.next()? == HEADING;
    let salt = unhex(lines.next()?)?.try_into().ok()?;
    heading.then_some((salt, unhex(lines.next()?)?))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unhex(digits: &str) -> Option<Vec<u8>> {
    let digit = |c: u8| (c as char).to_digit(16);
    let pair = |pair: &[u8]| Some((digit(pair[0])? << 4 | digit(*pair.get(1)?)?) as u8);
    digits.as_bytes().chunks(2).map(pair).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_reads_back_and_nothing_else_does() {
        let text = format!("{HEADING}\n{}\n{}\n", hex(&[7; 16]), hex(b"sealed"));
        assert_eq!(parse(&text), Some(([7; 16], b"sealed".to_vec())));
        assert_eq!(parse(&text.replace('\n', "\r\n")), Some(([7; 16], b"sealed".to_vec())));
        for wrong in [
            String::new(),
            text.replace("identity 1", "identity 2"),
            text.replace("07", "7"),
            text.replace("0707", "é7"),
        ] {
            assert_eq!(parse(&wrong), None, "{wrong}");
        }
    }
}
