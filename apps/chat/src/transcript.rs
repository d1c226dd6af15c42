//! The transcript of a headless chat: one JSON object a line for each message shown.
//!
//! The file is also the chat's position: what stands in it has been shown. A line that a crash tore off is cut away
//! at the next start, and the message comes again.
//!
//! Invariant: a message is acknowledged only after the line that shows it is on the disk, and no message gets two lines.

use crate::t;
use chalktalk_client::chat::Saying;
use chalktalk_ipc::{
    InstanceId, OriginId, Position, SessionId, UserId,
    batch::{DeliverHead, Incoming},
};
use jiff::Timestamp;
use rustix::fs::FlockOperation;
use serde::{Deserialize, Serialize, Serializer};
use std::{
    collections::BTreeMap,
    fmt::Write as _,
    fs::{self, File, OpenOptions},
    io::{self, BufRead, BufReader, Seek, SeekFrom, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

/// A line longer than this was never written by a chat: 64 KiB of text, each byte escaped, and the other keys.
const MAX_LINE: u64 = 1 << 20;

/// A transcript, open for appending.
#[derive(Debug)]
pub struct Transcript {
    path: PathBuf,
    file: File,
    pending: String,
    shown: BTreeMap<(SessionId, OriginId, u32), (u64, u16)>,
    unsynced: BTreeMap<(SessionId, OriginId, u32), (u64, u16)>,
}

/// Why a transcript cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TranscriptError {
    /// The system refused.
    #[error("{}", what.told(path, source))]
    Io {
        /// What was tried.
        what: Tried,
        /// With which file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Two chats writing one file would each miss what the other has shown.
    #[error("{}", t!("transcript-busy", path = .0.to_string_lossy()))]
    InUse(PathBuf),
}

/// What was tried with a transcript.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Tried {
    /// To make its folder.
    Make,
    /// To open it.
    Open,
    /// To read what is in it.
    Read,
    /// To take off half a line.
    Repair,
    /// To write it.
    Write,
    /// To have it stored.
    Store,
}

impl Tried {
    fn told(self, path: &Path, reason: &io::Error) -> String {
        let (path, reason) = (path.to_string_lossy(), reason.to_string());
        match self {
            Self::Make => t!("transcript-make", path = path, reason = reason),
            Self::Open => t!("transcript-open", path = path, reason = reason),
            Self::Read => t!("transcript-read", path = path, reason = reason),
            Self::Repair => t!("transcript-repair", path = path, reason = reason),
            Self::Write => t!("transcript-write", path = path, reason = reason),
            Self::Store => t!("transcript-store", path = path, reason = reason),
        }
    }
}

/// One line. The keys and their order are promised.
#[derive(Serialize)]
struct Line<'a> {
    session: SessionId,
    origin: OriginId,
    epoch: u32,
    seq: u64,
    index: u16,
    user: UserId,
    name: &'a str,
    instance: InstanceId,
    stamp: u64,
    #[serde(serialize_with = "rfc3339")]
    time: Timestamp,
    text: &'a str,
    /// What the text is for, where it says so.
    #[serde(skip_serializing_if = "Option::is_none")]
    note: Option<serde_json::Value>,
}

fn rfc3339<S: Serializer>(time: &Timestamp, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&format_args!("{time:.3}"))
}

/// What is read back of a line.
#[derive(Deserialize)]
struct Mark {
    session: SessionId,
    #[serde(flatten)]
    position: Position,
}

impl Transcript {
    /// Opens or makes the file, cuts off a torn last line, and learns what has been shown.
    pub fn open(path: &Path) -> Result<Self, TranscriptError> {
        let failed = |what| move |source| TranscriptError::Io { what, path: path.to_path_buf(), source };
        if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
            fs::DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(failed(Tried::Make))?;
        }
        let mut options = OpenOptions::new();
        options.read(true).append(true).create(true).mode(0o600);
        let file = options.open(path).map_err(failed(Tried::Open))?;
        rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive)
            .map_err(|_| TranscriptError::InUse(path.to_path_buf()))?;
        let mut transcript = Self {
            path: path.to_path_buf(),
            file,
            pending: String::new(),
            shown: BTreeMap::new(),
            unsynced: BTreeMap::new(),
        };
        let whole = transcript.read_back().map_err(failed(Tried::Read))?;
        transcript.file.set_len(whole).map_err(failed(Tried::Repair))?;
        transcript.file.sync_all().map_err(failed(Tried::Store))?;
        Ok(transcript)
    }

    /// What this transcript has shown of a session, as positions to go on from.
    pub fn positions(&self, session: SessionId) -> Vec<Position> {
        let of_session = self.shown.iter().filter(|((of, ..), _)| *of == session);
        of_session.map(|(key, at)| position(key, at)).collect()
    }

    /// Takes a message to be shown; false if it has been shown before. It is kept after the next [`Transcript::flush`].
    pub fn show(&mut self, head: &DeliverHead, name: &str, message: &Incoming<'_>) -> bool {
        let key = (head.session, head.origin, head.epoch);
        let at = (message.seq, message.index);
        let shown = self.shown.entry(key).or_default();
        // A message that turned up late stands before others that were shown; it comes once.
        let again = at <= *shown && (!head.flags.late || head.flags.redelivered);
        if again {
            return false;
        }
        *shown = at.max(*shown);
        self.unsynced.insert(key, *shown);
        let text = Saying::read(message.payload).text;
        let line = Line {
            session: head.session,
            origin: head.origin,
            epoch: head.epoch,
            seq: message.seq,
            index: message.index,
            user: head.user,
            name,
            instance: head.instance,
            stamp: message.stamp,
            time: moment(message.time),
            text: &text,
            note: Saying::note(message.payload),
        };
        put_line(&mut self.pending, &line);
        true
    }

    /// Bytes taken and not yet kept.
    pub fn pending(&self) -> usize {
        self.pending.len()
    }

    /// Writes what was taken to the disk, and returns what may now be acknowledged.
    pub fn flush(&mut self) -> Result<BTreeMap<SessionId, Vec<Position>>, TranscriptError> {
        let failed = |what, source| TranscriptError::Io { what, path: self.path.clone(), source };
        if !self.pending.is_empty() {
            self.file.write_all(self.pending.as_bytes()).map_err(|e| failed(Tried::Write, e))?;
            self.file.sync_data().map_err(|e| failed(Tried::Store, e))?;
            self.pending.clear();
        }
        let mut kept: BTreeMap<SessionId, Vec<Position>> = BTreeMap::new();
        for (key, at) in std::mem::take(&mut self.unsynced) {
            kept.entry(key.0).or_default().push(position(&key, &at));
        }
        Ok(kept)
    }

    /// Learns the positions of all whole lines, and returns where the last of them ends.
    fn read_back(&mut self) -> io::Result<u64> {
        self.file.seek(SeekFrom::Start(0))?;
        let mut reader = BufReader::new(&self.file);
        let (mut line, mut whole, mut number) = (Vec::new(), 0, 0u64);
        loop {
            line.clear();
            let n = io::Read::take(&mut reader, MAX_LINE).read_until(b'\n', &mut line)? as u64;
            if n == 0 || (line.last() != Some(&b'\n') && n < MAX_LINE) {
                return Ok(whole);
            }
            number += 1;
            whole += n;
            match serde_json::from_slice(&line) {
                Ok(Mark { session, position: p }) => {
                    let shown = self.shown.entry((session, p.origin, p.epoch)).or_default();
                    *shown = (*shown).max((p.seq, p.index));
                }
                Err(e) => {
                    let (path, reason) = (self.path.to_string_lossy(), e.to_string());
                    let told = t!("transcript-line", path = path, line = number, reason = reason);
                    eprintln!("chalktalk-chat: {told}");
                }
            }
        }
    }
}

fn position(key: &(SessionId, OriginId, u32), at: &(u64, u16)) -> Position {
    Position { origin: key.1, epoch: key.2, seq: at.0, index: at.1 }
}

/// An author's clock is any number at all; what lies beyond the calendar becomes its last moment.
pub fn moment(milliseconds: u64) -> Timestamp {
    let in_range = i64::try_from(milliseconds).ok().and_then(|ms| Timestamp::from_millisecond(ms).ok());
    in_range.unwrap_or(Timestamp::MAX)
}

/// JSON leaves DEL, the C1 controls and the bidirectional overrides as they are; a terminal that prints the file
/// must not obey them. They can stand in strings only, where the escape means the same.
fn put_line(out: &mut String, line: &Line<'_>) {
    let json = serde_json::to_string(line).expect("strings and numbers always encode");
    for c in json.chars() {
        match c {
            '\u{7f}'..='\u{9f}'
            | '\u{200e}'
            | '\u{200f}'
            | '\u{202a}'..='\u{202e}'
            | '\u{2066}'..='\u{2069}' => {
                write!(out, "\\u{:04x}", c as u32).expect("a string takes all");
            }
            _ => out.push(c),
        }
    }
    out.push('\n');
}

#[cfg(test)]
mod tests {
    use super::*;
    use chalktalk_ipc::batch::DeliverFlags;

    fn head(origin: u8, epoch: u32) -> DeliverHead {
        DeliverHead {
            session: SessionId([1; 16]),
            origin: OriginId([origin; 16]),
            user: UserId([3; 32]),
            instance: InstanceId([4; 16]),
            epoch,
            flags: DeliverFlags::default(),
        }
    }

    fn message(seq: u64, index: u16, payload: &[u8]) -> Incoming<'_> {
        let time = 1_732_225_860_123;
        Incoming { seq, index, stamp: 9, time, urgent: false, mentions_you: false, payload }
    }

    fn at(origin: u8, epoch: u32, seq: u64, index: u16) -> Position {
        Position { origin: OriginId([origin; 16]), epoch, seq, index }
    }

    /// Opens a transcript that was closed a moment ago. A test beside this one may start a program, which holds
    /// copies of all descriptors, and their locks, until it has begun.
    fn open_again(path: &Path) -> Transcript {
        let mut tries = (0..200).map(|_| {
            std::thread::sleep(std::time::Duration::from_millis(5));
            Transcript::open(path)
        });
        tries.find(|opened| !matches!(opened, Err(TranscriptError::InUse(_)))).unwrap().unwrap()
    }

    #[test]
    fn what_was_shown_is_not_shown_again_after_a_restart() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("deep/er/t.jsonl");
        let mut t = Transcript::open(&path).unwrap();
        assert!(t.show(&head(1, 1), "Ana", &message(1, 0, b"a")));
        assert!(t.show(&head(1, 1), "Ana", &message(1, 1, b"b")));
        assert!(!t.show(&head(1, 1), "Ana", &message(1, 1, b"b")));
        assert!(t.show(&head(1, 2), "Ana", &message(1, 0, b"c")));
        assert!(t.show(&head(1, 1), "Ana", &message(2, 0, b"late, of the earlier epoch")));
        let kept = t.flush().unwrap();
        assert_eq!(kept[&SessionId([1; 16])], [at(1, 1, 2, 0), at(1, 2, 1, 0)]);
        assert!(t.flush().unwrap().is_empty());
        assert!(t.show(&head(2, 1), "Ben", &message(5, 0, b"never flushed")));
        drop(t);

        let mut t = open_again(&path);
        assert_eq!(t.positions(SessionId([1; 16])), [at(1, 1, 2, 0), at(1, 2, 1, 0)]);
        assert_eq!(t.positions(SessionId([2; 16])), []);
        assert!(!t.show(&head(1, 1), "Ana", &message(1, 1, b"b")));
        assert!(t.show(&head(2, 1), "Ben", &message(5, 0, b"never flushed")));
    }

    #[test]
    fn a_torn_line_is_cut_off_wherever_it_was_torn() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("t.jsonl");
        let mut t = Transcript::open(&path).unwrap();
        t.show(&head(1, 1), "Ana", &message(1, 0, b"whole"));
        t.flush().unwrap();
        let whole = fs::read(&path).unwrap();
        t.show(&head(1, 1), "Ana", &message(2, 0, "zweite Zeile: é".as_bytes()));
        t.flush().unwrap();
        drop(t);
        let both = fs::read(&path).unwrap();
        for cut in whole.len()..both.len() {
            fs::write(&path, &both[..cut]).unwrap();
            let mut t = open_again(&path);
            assert_eq!(fs::read(&path).unwrap(), whole, "cut at {cut}");
            assert!(t.show(&head(1, 1), "Ana", &message(2, 0, "zweite Zeile: é".as_bytes())));
            t.flush().unwrap();
            assert_eq!(fs::read(&path).unwrap(), both);
        }
    }

    #[test]
    fn lines_have_the_promised_keys_and_cannot_drive_a_terminal() {
        let mut out = String::new();
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("t.jsonl");
        let mut t = Transcript::open(&path).unwrap();
        t.show(&head(1, 1), "Ana", &message(1, 0, "a\x1b[31m\u{9b}2J\u{202e}\x7f\n\u{ff}".as_bytes()));
        t.show(&head(1, 1), "Ana", &message(2, 0, b"\xff\xfe"));
        t.flush().unwrap();
        out.push_str(&fs::read_to_string(&path).unwrap());
        let (first, second) = out.trim_end().split_once('\n').unwrap();
        assert!(first.starts_with("{\"session\":\"01010101-0101-0101-0101-010101010101\",\"origin\":\"0101"));
        assert!(first.contains(
            "\"time\":\"2024-11-21T21:51:00.123Z\",\"text\":\"a\\u001b[31m\\u009b2J\\u202e\\u007f\\nÿ\"}"
        ));
        t.show(&head(1, 1), "Ana", &message(3, 0, b"yes\x02{\"v\":1,\"kind\":\"announce\"}\x03"));
        t.flush().unwrap();
        let all = fs::read_to_string(&path).unwrap();
        assert!(all.ends_with("\"text\":\"yes\",\"note\":{\"kind\":\"announce\",\"v\":1}}\n"), "{all}");
        assert!(second.ends_with("\"text\":\"\u{fffd}\u{fffd}\"}"));
        let back: serde_json::Value = serde_json::from_str(first).unwrap();
        assert_eq!(back["text"], "a\x1b[31m\u{9b}2J\u{202e}\x7f\n\u{ff}");
        assert_eq!(back["index"], 0);
    }

    #[test]
    fn one_file_has_one_writer_and_foreign_lines_stay() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("t.jsonl");
        fs::write(&path, "not JSON\n{}\n").unwrap();
        let first = Transcript::open(&path).unwrap();
        assert!(matches!(Transcript::open(&path), Err(TranscriptError::InUse(_))));
        drop(first);
        assert_eq!(fs::read_to_string(&path).unwrap(), "not JSON\n{}\n");
    }

    #[test]
    fn a_time_beyond_the_calendar_is_its_last_moment() {
        assert_eq!(moment(u64::MAX), Timestamp::MAX);
        assert_eq!(moment(0), Timestamp::UNIX_EPOCH);
    }
}
