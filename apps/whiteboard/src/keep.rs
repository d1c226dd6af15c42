//! The copy of a board on this disk: a snapshot, who drew what, who may draw, and the positions it stands for.
//!
//! Invariant: a copy is whole or not there: it is written beside the old one, and takes its place when it is on the disk.

use crate::model::{Author, Board, Reader, Roles, put_bytes, put_varint};
use chalktalk_ipc::OriginId;
use std::{
    collections::BTreeMap,
    fs::{self, DirBuilder, File},
    io::{self, Write},
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
    sync::mpsc::{Receiver, Sender, channel},
    thread,
};

/// How far each log was read: entry, and message in it, by origin and epoch.
pub type Positions = BTreeMap<(OriginId, u32), (u64, u16)>;

/// What a copy begins with; the digit is the version.
const MAGIC: &[u8] = b"chalktalk board 2\n";

/// A board as its copy: the same bytes for the same board at the same positions, so that a snapshot is one.
pub fn bytes(board: &Board, roles: &Roles, positions: &Positions) -> Vec<u8> {
    let mut out = MAGIC.to_vec();
    put_varint(&mut out, positions.len() as u64);
    for ((origin, epoch), (seq, index)) in positions {
        out.extend(origin.0);
        put_varint(&mut out, (*epoch).into());
        put_varint(&mut out, *seq);
        put_varint(&mut out, (*index).into());
    }
    put_bytes(&mut out, &roles.write());
    put_bytes(&mut out, &board.authors());
    put_bytes(&mut out, &board.snapshot());
    out.extend(blake3::hash(&out).as_bytes());
    out
}

/// Puts a copy onto the disk.
///
/// # Errors
/// The disk; the old copy is still there.
pub fn write(path: &Path, copy: &[u8]) -> io::Result<()> {
    if let Some(folder) = path.parent() {
        DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    }
    // Two programs with one board write files of their own; the last one stays, and either is right.
    let beside = path.with_extension(format!("{}.new", std::process::id()));
    let mut file = File::create(&beside)?;
    file.write_all(copy)?;
    file.sync_data()?;
    fs::rename(&beside, path)
}

/// Reads a copy into an empty board, which this person made. `None`: there is none, or it is damaged, and the log has to be read from its
/// beginning.
pub fn read(path: &Path, board: &mut Board, creator: Option<Author>) -> Option<(Roles, Positions)> {
    parse(&fs::read(path).ok()?, board, creator)
}

/// The same, of a copy as bytes, such as a snapshot is.
pub fn parse(bytes: &[u8], board: &mut Board, creator: Option<Author>) -> Option<(Roles, Positions)> {
    let (body, hash) = bytes.split_last_chunk::<32>()?;
    if blake3::hash(body) != *hash {
        return None;
    }
    let mut reader = Reader::new(body.strip_prefix(MAGIC)?);
    let mut positions = Positions::new();
    for _ in 0..reader.varint().ok()? {
        let origin = OriginId(reader.array().ok()?);
        let epoch = u32::try_from(reader.varint().ok()?).ok()?;
        let seq = reader.varint().ok()?;
        let index = u16::try_from(reader.varint().ok()?).ok()?;
        positions.insert((origin, epoch), (seq, index));
    }
    let roles = Roles::read(reader.bytes().ok()?, creator).ok()?;
    board.apply_authors(reader.bytes().ok()?).ok()?;
    board.apply_snapshot(reader.bytes().ok()?).ok()?;
    Some((roles, positions))
}

/// Puts copies onto the disk on a thread of its own, one at a time.
#[derive(Debug)]
pub struct Keeper {
    jobs: Sender<(Vec<u8>, Positions)>,
    done: Receiver<io::Result<Positions>>,
    busy: bool,
}

impl Keeper {
    /// Keeps copies there.
    ///
    /// # Errors
    /// There is no thread to be had.
    pub fn new(path: PathBuf) -> io::Result<Self> {
        let (jobs, asked) = channel::<(Vec<u8>, Positions)>();
        let (put, done) = channel();
        let work = move || {
            for (copy, positions) in asked {
                if put.send(write(&path, &copy).map(|()| positions)).is_err() {
                    return;
                }
            }
        };
        thread::Builder::new().name("keeper".into()).spawn(work)?;
        Ok(Self { jobs, done, busy: false })
    }

    /// Whether a copy is on its way to the disk.
    pub fn is_busy(&self) -> bool {
        self.busy
    }

    /// Keeps this.
    pub fn put(&mut self, copy: Vec<u8>, positions: Positions) {
        self.busy = self.jobs.send((copy, positions)).is_ok();
    }

    /// What the copy on the disk stands for, when a new one is there.
    pub fn poll(&mut self) -> Option<io::Result<Positions>> {
        let done = self.done.try_recv().ok()?;
        self.busy = false;
        Some(done)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Actor, Edits, Kind, Role, Setting, Shape, Source};

    #[test]
    fn a_copy_is_the_same_bytes_whoever_makes_it_of_the_same_messages() {
        let people = [[1; 32], [2; 32]];
        let mut boards = [Board::new(Actor(1)), Board::new(Actor(2))];
        let mut said = Vec::new();
        for stamp in 1..=20u64 {
            let who = usize::from(stamp % 3 == 0);
            let mut edits = Edits::new();
            edits.make(Shape { text: format!("{stamp}"), ..Shape::new(Kind::Note) });
            boards[who].commit(edits).unwrap();
            let message = boards[who].poll_message().unwrap();
            boards[1 - who].apply(&message, None).unwrap();
            let source = Source { stamp, log: ([who as u8; 16], 1), place: (stamp, 0), author: people[who] };
            said.push((source, message));
        }
        let positions =
            Positions::from([((OriginId([0; 16]), 1), (20, 0)), ((OriginId([1; 16]), 1), (18, 0))]);
        let copy = |start: Option<&[u8]>, said: &mut dyn Iterator<Item = &(Source, Vec<u8>)>| {
            let (mut board, mut roles) = (Board::new(Actor(9)), Roles::new(None));
            if let Some(start) = start {
                roles = parse(start, &mut board, None).unwrap().0;
            }
            for (source, message) in said {
                roles.hear(source, message);
                board.apply_at(message, Some(source.author), source.stamp).unwrap();
            }
            bytes(&board, &roles, &positions)
        };
        let whole = copy(None, &mut said.iter());
        assert_eq!(copy(None, &mut said.iter().rev()), whole);
        let half = copy(None, &mut said[..10].iter());
        assert_ne!(half, whole);
        assert_eq!(copy(Some(&half), &mut said[7..].iter()), whole, "some of it twice");
        assert_eq!(copy(Some(&whole), &mut said[..3].iter()), whole);
    }

    #[test]
    fn a_copy_is_read_as_it_was_written_and_a_damaged_one_not_at_all() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("boards/one.board");
        let mut board = Board::new(Actor(1));
        let mut edits = Edits::new();
        edits.make(Shape { text: "kept".into(), ..Shape::new(Kind::Text) });
        board.commit(edits).unwrap();
        let positions =
            Positions::from([((OriginId([7; 16]), 3), (9, 1)), ((OriginId([8; 16]), 1), (1 << 40, 0))]);
        let mut roles = Roles::new(Some([1; 32]));
        let source = Source { stamp: 3, log: ([7; 16], 3), place: (9, 1), author: [1; 32] };
        roles.hear(&Source { place: (8, 0), stamp: 2, ..source }, b"drawn");
        roles.hear(&source, &roles.statement(Setting::Everybody(Role::Views)));
        assert_eq!(roles.everybody(), Role::Views);
        write(&path, &bytes(&board, &roles, &positions)).unwrap();
        let mut back = Board::new(Actor(2));
        assert_eq!(read(&path, &mut back, Some([1; 32])), Some((roles, positions)));
        assert_eq!(back.snapshot(), board.snapshot());

        let bytes = fs::read(&path).unwrap();
        for at in (0..bytes.len()).step_by(7) {
            let mut bad = bytes.clone();
            bad[at] ^= 1;
            fs::write(&path, &bad).unwrap();
            assert_eq!(read(&path, &mut Board::new(Actor(3)), None), None);
            fs::write(&path, &bytes[..at]).unwrap();
            assert_eq!(read(&path, &mut Board::new(Actor(3)), None), None);
        }
        assert_eq!(read(&dir.path().join("none"), &mut back, None), None);
    }
}
