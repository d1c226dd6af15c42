//! `send`: one message, or a stream of them, followed until they have come as far as was asked.
//!
//! Invariant: what was read is sent or complained about; nothing is dropped silently.

use crate::{
    args::{Send, Wait},
    connect::Connection,
    failure::{Failure, complain},
    lines::{Line, Lines},
};
use chalktalk_client::{Client, ClientError, ClientEvent, Events, Progress, Stage};
use chalktalk_ipc::{
    AppId, Event, FailReason, SessionId,
    batch::MAX_BATCH,
    request::From,
    text::{label, printable},
};
use std::{
    io::{self, BufReader, Read},
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

/// How often the wait for progress looks whether something has failed instead.
const SLICE: Duration = Duration::from_millis(50);

/// Sends what was asked and waits until it has come far enough.
pub(crate) fn send(send: &Send, socket: Option<&Path>) -> Result<(), Failure> {
    let app = &send.app.app;
    let connection = Connection::observer(socket, app.clone())?;
    let session = connection.enter(&send.target, app)?.session;
    let Connection { client, events } = connection;
    client.open(session, From::Now)?;
    let failures = watch_failures(events, app.clone(), send.text == "-");
    let sender = Sender { client, session, stage: stage(send.wait), patience: send.timeout, failures };
    match send.text.as_str() {
        "-" => sender.send_lines(io::stdin().lock()),
        text => sender.send_text(text),
    }
}

fn stage(wait: Option<Wait>) -> Stage {
    match wait {
        None | Some(Wait::Stored) => Stage::Stored,
        Some(Wait::Held) => Stage::HeldBy(1),
        Some(Wait::Delivered) => Stage::Delivered,
    }
}

struct Sender {
    client: Client,
    session: SessionId,
    stage: Stage,
    patience: Duration,
    failures: Arc<AtomicU64>,
}

impl Sender {
    fn send_text(&self, text: &str) -> Result<(), Failure> {
        let number = self.client.publish(self.session, text.as_bytes())?;
        self.follow(number)
    }

    fn send_lines(&self, input: impl Read) -> Result<(), Failure> {
        let mut lines = Lines::new(BufReader::with_capacity(MAX_BATCH, input));
        let mut last = 0;
        let mut sound = true;
        loop {
            let portion = Portion::read(&mut lines);
            sound &= portion.sound;
            if !portion.texts.is_empty() {
                last = self.client.publish_batch(self.session, &portion.texts)?;
            }
            self.check_taken()?;
            if portion.last {
                break;
            }
        }
        if last > 0 {
            self.follow(last)?;
            self.check_taken()?;
        }
        if sound { Ok(()) } else { Err(Failure::Explained) }
    }

    /// Waits until this message has come far enough. Patience ends when nothing moves, not when much is to be moved.
    fn follow(&self, number: u64) -> Result<(), Failure> {
        let mut before = self.client.progress(self.session)?;
        let mut give_up = Instant::now() + self.patience;
        loop {
            let slice = SLICE.min(give_up.saturating_duration_since(Instant::now()));
            match self.client.wait_for(self.session, number, self.stage, slice) {
                Err(ClientError::TimedOut(_) | ClientError::Disconnected) => {}
                other => break other?,
            }
            if self.stage == Stage::Delivered && self.has_failed() {
                break;
            }
            let now = self.client.progress(self.session)?;
            if now != before {
                give_up = Instant::now() + self.patience;
                before = now;
            } else if Instant::now() >= give_up {
                return Err(Failure::TimedOut(stuck(self.stage, number, &now, self.patience)));
            }
        }
        if self.has_failed() { Err(Failure::Explained) } else { Ok(()) }
    }

    /// Nothing is sent behind what was not taken.
    fn check_taken(&self) -> Result<(), Failure> {
        match self.client.refusal(self.session)? {
            Some(refusal) => Err(ClientError::Refused(refusal).into()),
            None => Ok(()),
        }
    }

    fn has_failed(&self) -> bool {
        self.failures.load(Ordering::Acquire) > 0
    }
}

/// Lines that can be sent together: those at hand without waiting for more.
struct Portion {
    texts: Vec<String>,
    /// Whether every line could be sent.
    sound: bool,
    /// Whether nothing comes after it.
    last: bool,
}

impl Portion {
    fn read<R: Read>(lines: &mut Lines<BufReader<R>>) -> Self {
        let mut portion = Self { texts: Vec::new(), sound: true, last: false };
        let mut size = 0;
        loop {
            match lines.next_line() {
                Ok(Some(Line::Text(text))) => {
                    size += text.len();
                    portion.texts.push(text);
                }
                Ok(Some(Line::TooLong)) => portion.refuse(
                    lines.number(),
                    "is longer than 65536 bytes and was not sent; send it in pieces or as a file",
                ),
                Ok(Some(Line::NotText)) => {
                    portion.refuse(
                        lines.number(),
                        "is not UTF-8; what came before it is sent, nothing after it",
                    );
                    portion.last = true;
                }
                Ok(None) => portion.last = true,
                Err(error) => {
                    complain(format_args!("cannot read standard input: {error}"));
                    portion.sound = false;
                    portion.last = true;
                }
            }
            if portion.last || size >= MAX_BATCH || !lines.has_line() {
                return portion;
            }
        }
    }

    fn refuse(&mut self, line: u64, why: &str) {
        complain(format_args!("line {line} of standard input {why}"));
        self.sound = false;
    }
}

/// Says on standard error whom a message could not be handed to, as it is learned, and counts.
fn watch_failures(events: Events, app: AppId, lines: bool) -> Arc<AtomicU64> {
    let count = Arc::new(AtomicU64::new(0));
    let counter = count.clone();
    thread::spawn(move || {
        for event in events {
            match event {
                ClientEvent::Event(Event::Failed { host_name, reason, detail, .. }) => {
                    complain(failed(&app, &label(&host_name), reason, &printable(&detail)));
                    counter.fetch_add(1, Ordering::Release);
                }
                // Said at once: the input may be silent for long.
                ClientEvent::Refused { numbers, refusal, .. } if lines => {
                    let (from, to) = numbers.into_inner();
                    complain(format_args!("messages {from} to {to} of the input were not taken: {refusal}"));
                }
                _ => {}
            }
        }
    });
    count
}

fn failed(app: &AppId, host: &str, reason: FailReason, detail: &str) -> String {
    let what = match reason {
        FailReason::Gone => format!("the program on {host} that it is addressed to has ended"),
        FailReason::NoApp => format!("{app} is not installed on {host}"),
        FailReason::NoDisplay => format!("{app} needs a display and {host} has none"),
        FailReason::LaunchFailed => format!("{app} could not be started on {host}"),
        FailReason::NeverAttached => format!("{app} was started on {host} but did not answer in time"),
        FailReason::NoAgent => format!("nobody is logged in on {host} to open {app}"),
    };
    let more = if detail.is_empty() { String::new() } else { format!(" ({detail})") };
    format!("not delivered: {what}{more}; the message is kept and waits there")
}

/// Why patience ended.
fn stuck(stage: Stage, number: u64, progress: &Progress, patience: Duration) -> String {
    let waited = format!("after {} s", patience.as_secs_f64());
    let state = if progress.stored >= number {
        "it is stored here"
    } else if progress.appended >= number {
        "it is sent"
    } else {
        "the daemon has not taken it yet"
    };
    match stage {
        Stage::HeldBy(_) if progress.held_by.is_empty() => {
            format!("nobody else is on the network to hold the message {waited}; {state}")
        }
        Stage::HeldBy(_) => format!("no other host holds the message {waited}; {state}"),
        Stage::Delivered => format!("not every member's program has the message {waited}; {state}"),
        Stage::Stored | Stage::Appended => {
            format!("the message is not stored {waited}: {state}; look at `chalktalk status`")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_at_hand_leave_together_and_in_portions_of_a_batch() {
        let long = "x".repeat(MAX_BATCH / 4);
        let input = format!("{long}\n").repeat(10);
        let mut lines = Lines::new(BufReader::with_capacity(4 * MAX_BATCH, input.as_bytes()));
        let sizes: Vec<_> = std::iter::from_fn(|| {
            let portion = Portion::read(&mut lines);
            (!portion.texts.is_empty()).then_some(portion.texts.len())
        })
        .collect();
        assert_eq!(sizes, [4, 4, 2]);
    }

    #[test]
    fn a_line_that_is_not_text_ends_the_input_and_a_long_one_does_not() {
        let input = [b"one\n".to_vec(), vec![b'x'; 70_000], b"\ntwo\n\xff\nthree\n".to_vec()].concat();
        let mut lines = Lines::new(BufReader::with_capacity(MAX_BATCH, &input[..]));
        let portion = Portion::read(&mut lines);
        assert_eq!(portion.texts, ["one", "two"]);
        assert!(!portion.sound && portion.last);
    }

    #[test]
    fn whom_it_did_not_reach_and_why_is_said() {
        let text = failed(&AppId::chat(), "bo", FailReason::LaunchFailed, "exit status 7");
        assert_eq!(
            text,
            "not delivered: chalktalk.chat could not be started on bo (exit status 7); the message is kept and waits there"
        );
    }

    #[test]
    fn running_out_of_patience_says_how_far_it_came() {
        let patience = Duration::from_millis(1500);
        let alone = Progress { appended: 3, stored: 3, ..Default::default() };
        assert_eq!(
            stuck(Stage::HeldBy(1), 3, &alone, patience),
            "nobody else is on the network to hold the message after 1.5 s; it is stored here"
        );
        let slow = Progress { held_by: vec![2], ..alone };
        assert!(stuck(Stage::HeldBy(1), 3, &slow, patience).starts_with("no other host holds"));
        assert!(stuck(Stage::Stored, 4, &slow, patience).contains("has not taken it"));
    }
}
