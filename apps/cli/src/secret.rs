//! Passphrases from a person: typed without being shown, or the first line of standard input where that is no terminal.
//!
//! Never from arguments or the environment, which others can see. Invariant: the terminal shows again what is typed when these
//! functions return, whatever happened.

use crate::failure::Failure;
use chalktalk_client::passphrase::{MIN_PASSPHRASE, Passphrase};
use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr};
use std::io::{self, BufRead, IsTerminal, Stdin};
use zeroize::Zeroizing;

/// A passphrase that opens something. What it opens says whether it is right.
pub(crate) fn ask(prompt: &str) -> Result<Passphrase, Failure> {
    let line = read_hidden(prompt)?;
    if line.trim().is_empty() {
        return Err(Failure::Failed("no passphrase was given".into()));
    }
    Ok(Passphrase::typed(&line))
}

/// A new passphrase: typed (twice, where it is not seen), or made here if nothing is typed. True: it was made here, and the
/// person has to be shown it.
pub(crate) fn ask_new(prompt: &str) -> Result<(Passphrase, bool), Failure> {
    let line = read_hidden(&format!("{prompt} (nothing: one is made for you)"))?;
    if line.trim().is_empty() {
        let made = Passphrase::generate().map_err(|e| Failure::because("cannot make a passphrase", e))?;
        return Ok((made, true));
    }
    let passphrase = Passphrase::typed(&line);
    if passphrase.is_short() {
        return Err(Failure::Failed(format!(
            "a passphrase needs at least {MIN_PASSPHRASE} characters, since whoever has what it protects can guess at leisure; \
             type nothing to have one made"
        )));
    }
    if io::stdin().is_terminal() && Passphrase::typed(&read_hidden("Once more")?) != passphrase {
        return Err(Failure::Failed("the two are not the same; nothing was changed".into()));
    }
    Ok((passphrase, false))
}

fn read_hidden(prompt: &str) -> Result<Zeroizing<String>, Failure> {
    let input = io::stdin();
    let hidden = input.is_terminal().then(|| Hidden::new(&input)).transpose();
    let hidden = hidden.map_err(|e| Failure::because("the terminal would show what is typed", e))?;
    if hidden.is_some() {
        eprint!("{prompt}: ");
    }
    let mut line = Zeroizing::new(String::new());
    let read = input.lock().read_line(&mut line);
    if hidden.is_some() {
        eprintln!();
    }
    read.map_err(|e| Failure::because("cannot read the passphrase", e))?;
    Ok(line)
}

/// While it lives, the terminal does not show what is typed.
struct Hidden<'a> {
    input: &'a Stdin,
    before: Termios,
}

impl<'a> Hidden<'a> {
    fn new(input: &'a Stdin) -> rustix::io::Result<Self> {
        let before = tcgetattr(input)?;
        let mut quiet = before.clone();
        quiet.local_modes.remove(LocalModes::ECHO);
        tcsetattr(input, OptionalActions::Flush, &quiet)?;
        Ok(Self { input, before })
    }
}

impl Drop for Hidden<'_> {
    fn drop(&mut self) {
        // A terminal that has gone shows nothing any more.
        let _ = tcsetattr(self.input, OptionalActions::Now, &self.before);
    }
}
