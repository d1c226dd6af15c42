//! `verify`, `block`, `unblock`: what is thought of somebody's key.
//!
//! Invariant: what is marked is the very key whose words were shown, whatever becomes of names meanwhile.

use crate::{
    args::{Person as Who, Verify},
    connect::Connection,
    facts::explain_change,
    failure::{Failure, complain},
    screen::{Screen, Style, paint, visible_name},
};
use chalktalk_client::Fingerprint;
use chalktalk_ipc::{event::Person, request::Mark, text::label};
use qrcodegen::{QrCode, QrCodeEcc};
use serde::Serialize;
use std::{
    io::{self, BufRead, IsTerminal},
    path::Path,
};

/// What `verify --json` prints.
#[derive(Serialize)]
struct Compared {
    #[serde(flatten)]
    person: Person,
    words: Vec<&'static str>,
    digits: String,
}

/// Shows what to compare, and marks the key if it was.
pub(crate) fn verify(verify: &Verify, socket: Option<&Path>, screen: &mut Screen) -> Result<(), Failure> {
    let client = Connection::visitor(socket)?.client;
    let person = client.find_person(&verify.user.0.to_string())?;
    if verify.undo {
        let person = client.mark_person(person.user, Mark::Unverified)?;
        return tell(&person, verify.format.json, screen);
    }
    let seen = Fingerprint::of(client.welcome().user, person.user);
    if verify.format.json {
        let person = if verify.yes { client.mark_person(person.user, Mark::Verified)? } else { person };
        return screen.json(&Compared { person, words: seen.words.clone(), digits: seen.number() });
    }
    show(&person, &seen, screen)?;
    if verify.yes || asked(&person)? {
        let person = client.mark_person(person.user, Mark::Verified)?;
        return tell(&person, false, screen);
    }
    Ok(())
}

/// Decides about somebody.
pub(crate) fn mark(
    user: &Who,
    mark: Mark,
    socket: Option<&Path>,
    screen: &mut Screen,
) -> Result<(), Failure> {
    let client = Connection::visitor(socket)?.client;
    let person = client.find_person(&user.0.to_string())?;
    let person = client.mark_person(person.user, mark)?;
    tell(&person, false, screen)
}

fn show(person: &Person, seen: &Fingerprint, screen: &mut Screen) -> Result<(), Failure> {
    let (name, colour) = (visible_name(&person.name), screen.colour());
    if person.changed {
        screen.line(&explain_change(person))?;
        screen.line("")?;
    }
    let of = if person.host.is_empty() { String::new() } else { format!(" on {}", label(&person.host)) };
    screen.line(&format!("You and {name}{of} (key {}) should both see:", person.user))?;
    screen.line("")?;
    for half in seen.words.chunks(4) {
        screen.line(&format!("    {}", paint(colour, Style::Strong, &half.join("  "))))?;
    }
    screen.line("")?;
    for row in seen.digits.chunks(4) {
        screen.line(&format!("    {}", row.join(" ")))?;
    }
    screen.line("")?;
    if screen.is_terminal() {
        screen.put(&qr_code(&seen.number()))?;
        screen.line("")?;
    }
    screen.line(&format!(
        "Compare them with {name} in person or by phone, not in a chat: {name} runs `chalktalk verify` for you."
    ))
}

/// Whether the person at the terminal says that the words are the same. Without a terminal nobody can.
fn asked(person: &Person) -> Result<bool, Failure> {
    let input = io::stdin();
    if !input.is_terminal() {
        complain("nothing is marked: use --yes when the words were compared");
        return Ok(false);
    }
    eprint!("Are they the same? Then {} is marked as verified. [y/N] ", visible_name(&person.name));
    let mut answer = String::new();
    input.lock().read_line(&mut answer).map_err(|e| Failure::because("cannot read the answer", e))?;
    Ok(matches!(answer.trim().to_lowercase().as_str(), "y" | "yes"))
}

fn tell(person: &Person, json: bool, screen: &mut Screen) -> Result<(), Failure> {
    if json {
        return screen.json(person);
    }
    let what = match person {
        Person { blocked: true, .. } => {
            "is blocked: their messages are held back, and nothing is opened for them"
        }
        Person { changed: true, .. } => "is not blocked; the changed key still waits for `chalktalk verify`",
        Person { verified: true, .. } => "is verified",
        _ => "is not marked",
    };
    screen.line(&format!("{} {what}", visible_name(&person.name)))
}

/// Two rows of modules in one line of text, dark on light whatever the terminal's colours: readers want it that way.
fn qr_code(text: &str) -> String {
    let Ok(code) = QrCode::encode_text(text, QrCodeEcc::Medium) else { return String::new() };
    const QUIET: i32 = 2;
    let (from, to) = (-QUIET, code.size() + QUIET);
    let mut out = String::new();
    for y in (from..to).step_by(2) {
        out.push_str("    \u{1b}[30;107m");
        for x in from..to {
            out.push(match (code.get_module(x, y), code.get_module(x, y + 1)) {
                (false, false) => ' ',
                (true, false) => '▀',
                (false, true) => '▄',
                (true, true) => '█',
            });
        }
        out.push_str("\u{1b}[0m\n");
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_code_is_square_with_a_margin() {
        let code = qr_code(&"1234567890".repeat(6));
        let rows: Vec<&str> =
            code.lines().map(|l| l.trim_start().trim_start_matches("\u{1b}[30;107m")).collect();
        let widths: Vec<usize> = rows.iter().map(|row| row.chars().count() - "\u{1b}[0m".len()).collect();
        assert!(widths.iter().all(|width| *width == widths[0]), "{widths:?}");
        assert!(widths[0].div_ceil(2).abs_diff(rows.len()) <= 1, "{} rows of {}", rows.len(), widths[0]);
        assert!(rows[0].starts_with("                "), "a margin");
    }
}
