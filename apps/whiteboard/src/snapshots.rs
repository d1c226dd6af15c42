//! A board's snapshots: made where the log has grown long, checked where others have made them, and taken in where the log no longer has
//! what they stand for (`docs/adr/0030`).
//!
//! A snapshot is a copy as the disk has one (`keep`), of the board with exactly what stands up to its positions. It is made of the log,
//! aside: on the board that is shown there may be more by now. Whoever makes it of the same positions comes to the same bytes, and so to
//! the same name.
//!
//! Invariant: what this host says it holds was made here too, byte for byte; or it was taken in because the log lacks what it stands for,
//! and has all that is here.

use crate::{
    anew,
    keep::{self, Positions},
    model::{Actor, Board, Past, Roles},
    sitting::{self, AGAIN},
};
use chalktalk_client::{Blob, Client, ClientError};
use chalktalk_ipc::{
    BlobId, OriginId, SessionId,
    event::{RefusalCode, SnapshotSummary},
};
use std::{
    collections::{BTreeMap, BTreeSet},
    io::Read,
    ops::ControlFlow,
    sync::mpsc::{Receiver, channel},
    thread,
    time::{Duration, Instant},
};

/// A snapshot is made when this many entries have come since the last: some 5 MB of log at the most.
const AFTER: u64 = 4_000;

/// The first in line makes it so soon after that; each one behind so much later, unless somebody has.
const QUIET: Duration = Duration::from_secs(5);
const TURN: Duration = Duration::from_secs(20);

/// The largest that is taken: a board of a million objects.
const MOST: u64 = 256 << 20;

/// What a snapshot says.
pub(crate) struct Told {
    /// The board.
    pub(crate) board: Board,
    /// Who has written how far.
    pub(crate) roles: Roles,
    /// What it stands for.
    pub(crate) positions: Positions,
}

/// What came of one.
enum Done {
    /// It was made, or is the same as what was made here; or it is not, and never will be.
    Judged(BlobId),
    /// Not all that it stands for has been read here yet.
    Early,
    /// It is to be on the board. `true`: the host has to be told that it holds it.
    Taken(Blob, Box<Told>, bool),
    /// What was no longer wanted is gone.
    Tidied,
}

/// A snapshot of this name and size, and whether the log lacks what it stands for: what was too early to judge is taken in as soon as that
/// is known.
type Question = (BlobId, u64, bool);

fn question(snapshot: &SnapshotSummary) -> Question {
    (snapshot.blob, snapshot.size, snapshot.wanted)
}

/// The snapshots of one board.
#[derive(Debug, Default)]
pub(crate) struct Snapshots {
    known: Vec<SnapshotSummary>,
    judged: BTreeSet<BlobId>,
    /// Taken in, and what they stand for.
    joined: BTreeSet<BlobId>,
    covered: Positions,
    /// Not to be had, or not to be judged yet: they are looked at again then.
    later: BTreeMap<Question, Instant>,
    /// What the job looks at.
    looked_at: Option<Question>,
    /// Taken in, and not said to be held yet.
    to_hold: Option<(Blob, Positions)>,
    /// Held here until lately, and not needed any more.
    unwanted: Vec<BlobId>,
    job: Option<Receiver<Result<Done, ClientError>>>,
    not_before: Option<Instant>,
    /// Since when the log is long.
    long_since: Option<Instant>,
    /// The log lacks something that no snapshot has: what would be made of it may be less than others have.
    spoiled: bool,
}

impl Snapshots {
    /// These there are now.
    pub(crate) fn hear(&mut self, snapshots: Vec<SnapshotSummary>) {
        let still = |blob: BlobId| snapshots.iter().any(|now| now.blob == blob && now.held);
        let gone = self.known.iter().filter(|before| before.held && !still(before.blob));
        self.unwanted.extend(gone.map(|before| before.blob));
        self.known = snapshots;
    }

    /// Entries up to this one are lost. True: they are in a snapshot that is on the board, or will be.
    pub(crate) fn has_lost(&mut self, log: (OriginId, u32), last: u64) -> bool {
        let covered = self.covered.get(&log).is_some_and(|(seq, _)| *seq >= last) || self.lacks();
        self.spoiled |= !covered;
        covered
    }

    /// Whether the log does not have what a snapshot stands for that is not on the board yet: it is not whole before.
    pub(crate) fn lacks(&self) -> bool {
        self.unjoined().next().is_some() || self.unjudged().any(|snapshot| snapshot.wanted)
    }

    /// The snapshots with which the past begins here, if entries have been dropped.
    pub(crate) fn starts(&self) -> Vec<Blob> {
        let starts = self.known.iter().filter(|snapshot| snapshot.begins);
        starts.map(|snapshot| Blob { id: snapshot.blob, size: snapshot.size }).collect()
    }

    /// Those of them that are not on the board yet.
    fn unjoined(&self) -> impl Iterator<Item = SnapshotSummary> + '_ {
        self.known.iter().filter(|known| known.begins && !self.joined.contains(&known.blob)).copied()
    }

    /// Begins what is to be done, and gives what is to be taken in. `before`: how many programs with this board come before this one in
    /// line; none: not all that was there has been read.
    pub(crate) fn poll(
        &mut self,
        client: &Client,
        session: SessionId,
        positions: &Positions,
        before: Option<usize>,
    ) -> Option<Box<Told>> {
        if let Some(job) = &self.job {
            let done = job.try_recv().ok()?;
            self.job = None;
            let looked_at = self.looked_at.take();
            let wait = if done.is_ok() { AGAIN } else { TURN };
            match done {
                Ok(Done::Judged(blob)) => {
                    self.judged.insert(blob);
                    self.to_hold = self.to_hold.take().filter(|(held, _)| held.id != blob);
                }
                Ok(Done::Taken(blob, told, hold)) => {
                    self.joined.insert(blob.id);
                    for (log, place) in &told.positions {
                        let covered = self.covered.entry(*log).or_insert(*place);
                        *covered = (*covered).max(*place);
                    }
                    // It is said to be held when it is on the board: what the daemon gives up then is no loss any more.
                    self.to_hold = hold.then(|| (blob, told.positions.clone()));
                    return Some(told);
                }
                Ok(Done::Tidied) => {}
                Ok(Done::Early) | Err(_) => match looked_at {
                    // Nobody keeps us from true ones by naming what is not there.
                    Some(snapshot) => {
                        self.later.insert(snapshot, Instant::now() + wait);
                    }
                    None => self.not_before = Some(Instant::now() + AGAIN),
                },
            }
        }
        if self.not_before.is_some_and(|at| Instant::now() < at) {
            return None;
        }
        let (client, positions, starts) = (client.clone(), positions.clone(), self.starts());
        let may_judge = before.is_some() && !self.spoiled;
        let next = |of: &mut dyn Iterator<Item = SnapshotSummary>| of.filter(|one| self.is_time(one)).last();
        let unjoined = next(&mut self.unjoined());
        // What stands for more than was read here cannot be made here yet.
        let may_be_read = may_judge.then(|| entries(&positions));
        let judge = |snapshot: &SnapshotSummary| may_be_read.is_some_and(|read| snapshot.entries <= read);
        let unjudged = next(&mut self.unjudged().filter(|snapshot| snapshot.wanted || judge(snapshot)));
        if let Some((blob, positions)) = self.to_hold.clone() {
            self.begin(move || hold(&client, session, blob, &positions, vec![blob.id]));
        } else if let Some(snapshot) = unjoined {
            self.looked_at = Some(question(&snapshot));
            self.begin(move || start(&client, session, &snapshot));
        } else if !self.unwanted.is_empty() {
            let unwanted = std::mem::take(&mut self.unwanted);
            self.begin(move || {
                // Some are another user's, or go on being needed.
                unwanted.into_iter().for_each(|blob| drop(client.drop_blob(session, blob)));
                Ok(Done::Tidied)
            });
        } else if let Some(snapshot) = unjudged {
            self.looked_at = Some(question(&snapshot));
            self.begin(move || look(&client, session, &snapshot, &positions, &starts));
        } else if self.is_due(&positions, before.filter(|_| may_judge)) {
            self.long_since = None;
            self.begin(move || make(&client, session, &positions, &starts));
        }
        None
    }

    /// Snapshots that this host does not hold and may come to hold, the newest last.
    fn unjudged(&self) -> impl Iterator<Item = SnapshotSummary> + '_ {
        let open = move |known: &&SnapshotSummary| {
            !known.held && known.size <= MOST && !self.judged.contains(&known.blob)
        };
        self.known.iter().filter(open).copied()
    }

    fn is_time(&self, snapshot: &SnapshotSummary) -> bool {
        self.later.get(&question(snapshot)).is_none_or(|at| *at <= Instant::now())
    }

    /// Whether the log is long, and it is this program's turn to do something about it.
    fn is_due(&mut self, positions: &Positions, before: Option<usize>) -> bool {
        // What others name and this host does not hold may not be true.
        let held = self.known.iter().filter(|known| known.held);
        let newest = held.map(|known| known.entries).max().unwrap_or_default();
        let Some(before) = before.filter(|_| entries(positions) >= newest.saturating_add(AFTER)) else {
            self.long_since = None;
            return false;
        };
        let since = *self.long_since.get_or_insert_with(Instant::now);
        since.elapsed() >= QUIET + TURN * u32::try_from(before).unwrap_or(u32::MAX)
    }

    fn begin(&mut self, work: impl FnOnce() -> Result<Done, ClientError> + Send + 'static) {
        let (put, done) = channel();
        // Whoever has closed the board does not want it any more.
        let work = move || {
            let _ = put.send(work());
        };
        match thread::Builder::new().name("snapshot".into()).spawn(work) {
            Ok(_) => self.job = Some(done),
            Err(_) => self.not_before = Some(Instant::now() + AGAIN),
        }
    }
}

/// Entries up to these positions.
fn entries(positions: &Positions) -> u64 {
    positions.values().map(|(seq, _)| *seq).sum()
}

/// Whether all that stands up to some positions also stands up to others.
fn is_within(positions: &Positions, others: &Positions) -> bool {
    positions.iter().all(|(log, place)| others.get(log).is_some_and(|other| place <= other))
}

/// The board with which the past begins: what these snapshots say, together. `None`: one of them is none.
///
/// # Errors
/// As [`Client::fetch_blob`].
pub(crate) fn fetch(
    client: &Client,
    session: SessionId,
    starts: &[Blob],
) -> Result<Option<Told>, ClientError> {
    let mut all = Told { board: Board::new(Actor(0)), roles: Roles::new(None), positions: Positions::new() };
    for blob in starts {
        let Some(told) = read(&bytes_of(client, session, *blob)?) else { return Ok(None) };
        all.board.join(&told.board);
        all.roles.join(&told.roles);
        for (log, place) in told.positions {
            let known = all.positions.entry(log).or_insert(place);
            *known = place.max(*known);
        }
    }
    Ok(Some(all))
}

fn bytes_of(client: &Client, session: SessionId, blob: Blob) -> Result<Vec<u8>, ClientError> {
    let (mut bytes, until) = (Vec::new(), Instant::now() + TURN);
    let wait = |_| if Instant::now() < until { ControlFlow::Continue(()) } else { ControlFlow::Break(()) };
    client.fetch_blob(session, blob, None, wait)?.take(MOST).read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn read(bytes: &[u8]) -> Option<Told> {
    let mut board = Board::new(Actor(0));
    let (roles, positions) = keep::parse(bytes, &mut board, None)?;
    Some(Told { board, roles, positions })
}

/// The past with exactly what the log has up to these positions, behind these snapshots; whether that is all that there was up to there.
fn past_upto(
    client: &Client,
    session: SessionId,
    positions: &Positions,
    starts: &[Blob],
) -> Result<(Past, bool), ClientError> {
    let start = fetch(client, session, starts)?.filter(|start| is_within(&start.positions, positions));
    let mut moments = anew::moments(client, session)?;
    moments.retain(|moment| {
        let (origin, epoch) = moment.source.log;
        positions.get(&(OriginId(origin), epoch)).is_some_and(|last| moment.source.place <= *last)
    });
    let mut roles = Roles::new(None);
    start.iter().for_each(|told| roles.join(&told.roles));
    let past = Past::new(moments, roles);
    Ok(match start {
        Some(told) => (past.behind(&told.board), true),
        None => (past, false),
    })
}

/// Makes a snapshot of all that was read, and says that it is here.
fn make(
    client: &Client,
    session: SessionId,
    positions: &Positions,
    starts: &[Blob],
) -> Result<Done, ClientError> {
    let (past, true) = past_upto(client, session, positions, starts)? else { return Ok(Done::Early) };
    let blob = client.put_bytes(session, &keep::bytes(&past.board(), past.roles(), positions))?;
    hold(client, session, blob, positions, ids(starts))
}

fn ids(starts: &[Blob]) -> Vec<BlobId> {
    starts.iter().map(|blob| blob.id).collect()
}

/// Says that this host holds a snapshot, which was made behind these ones.
fn hold(
    client: &Client,
    session: SessionId,
    blob: Blob,
    positions: &Positions,
    behind: Vec<BlobId>,
) -> Result<Done, ClientError> {
    let positions = positions.iter().map(sitting::position).collect();
    match client.hold_snapshot(session, blob, positions, behind) {
        Ok(()) => Ok(Done::Judged(blob.id)),
        Err(ClientError::Refused(refusal)) => {
            // If somebody else here has put it, it is theirs.
            let _ = client.drop_blob(session, blob.id);
            // Something was dropped while it was being made: the next time it is made behind a snapshot.
            let again = refusal.code == RefusalCode::Busy;
            Ok(if again { Done::Early } else { Done::Judged(blob.id) })
        }
        Err(e) => Err(e),
    }
}

/// Has a snapshot taken in with which the log begins here.
fn start(client: &Client, session: SessionId, snapshot: &SnapshotSummary) -> Result<Done, ClientError> {
    let blob = Blob { id: snapshot.blob, size: snapshot.size };
    let told = read(&bytes_of(client, session, blob)?);
    Ok(told.map_or(Done::Early, |told| Done::Taken(blob, Box::new(told), !snapshot.held)))
}

/// Looks at a snapshot that others hold. The same as what is made here of the same positions, it is held here too. Where the log does not
/// have what it stands for, it is taken in, if it has all that is here.
fn look(
    client: &Client,
    session: SessionId,
    snapshot: &SnapshotSummary,
    read_here: &Positions,
    starts: &[Blob],
) -> Result<Done, ClientError> {
    let blob = Blob { id: snapshot.blob, size: snapshot.size };
    let bytes = bytes_of(client, session, blob)?;
    let Some(mut told) = read(&bytes).filter(|told| entries(&told.positions) == snapshot.entries) else {
        return Ok(Done::Judged(blob.id));
    };
    let is_read = is_within(&told.positions, read_here);
    if !is_read && !snapshot.wanted {
        return Ok(Done::Early);
    }
    let (past, whole) = past_upto(client, session, &told.positions, starts)?;
    if is_read && whole {
        if keep::bytes(&past.board(), past.roles(), &told.positions) == bytes {
            return hold(client, session, blob, &told.positions, ids(starts));
        }
    } else if !snapshot.wanted {
        return Ok(Done::Early);
    } else if has_all_of(&mut told.board, &past.board()) {
        return Ok(Done::Taken(blob, Box::new(told), true));
    }
    // Somebody is wrong. Nothing goes for it here; and if somebody else here has put it, it is theirs.
    let _ = client.drop_blob(session, blob.id);
    Ok(Done::Judged(blob.id))
}

/// Whether a board has all that another one has, by the same people: then nothing is added to it here.
fn has_all_of(board: &mut Board, other: &Board) -> bool {
    let before = (board.snapshot(), board.authors());
    board.join(other);
    before == (board.snapshot(), board.authors())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Edits, Kind, Shape};

    fn known(n: u8, entries: u64, held: bool) -> SnapshotSummary {
        let blob = BlobId([n; 32]);
        SnapshotSummary {
            blob,
            size: 9,
            entries,
            hosts: 1,
            confirmed: !held,
            wanted: !held,
            held,
            begins: false,
        }
    }

    fn long_ago() -> Option<Instant> {
        Instant::now().checked_sub(QUIET + TURN / 2)
    }

    #[test]
    fn one_is_made_when_the_log_is_long_and_nobody_is_before_in_line() {
        let positions = Positions::from([((OriginId([1; 16]), 1), (AFTER, 0))]);
        let mut snapshots = Snapshots::default();
        assert!(!snapshots.is_due(&positions, Some(0)), "somebody may be about to");
        snapshots.long_since = long_ago();
        assert!(snapshots.is_due(&positions, Some(0)) && !snapshots.is_due(&positions, Some(1)));
        assert!(!snapshots.is_due(&positions, None), "not all of it has been read");
        snapshots.long_since = long_ago();
        snapshots.hear(vec![known(1, u64::MAX, false)]);
        assert!(snapshots.is_due(&positions, Some(0)), "nobody keeps the others from it by a word");
        snapshots.hear(vec![known(2, 1, true)]);
        assert!(!snapshots.is_due(&positions, Some(0)), "there is one");
    }

    #[test]
    fn what_is_not_to_be_had_does_not_stand_before_what_is() {
        let mut snapshots = Snapshots::default();
        let (true_one, false_one) = (known(1, 5, false), known(2, u64::MAX, false));
        snapshots.hear(vec![true_one, false_one]);
        let next = |snapshots: &Snapshots| snapshots.unjudged().filter(|one| snapshots.is_time(one)).last();
        assert_eq!(next(&snapshots), Some(false_one));
        snapshots.later.insert(question(&false_one), Instant::now() + TURN);
        assert_eq!(next(&snapshots), Some(true_one));
        snapshots.judged.insert(true_one.blob);
        assert_eq!(next(&snapshots), None);
        assert!(snapshots.lacks());
        snapshots.hear(vec![true_one]);
        assert!(!snapshots.lacks());
    }

    #[test]
    fn what_was_too_early_to_judge_is_looked_at_at_once_when_it_is_wanted() {
        let mut snapshots = Snapshots::default();
        let early = SnapshotSummary { wanted: false, ..known(1, 5, false) };
        snapshots.hear(vec![early]);
        snapshots.later.insert(question(&early), Instant::now() + TURN);
        let next = |snapshots: &Snapshots| snapshots.unjudged().find(|one| snapshots.is_time(one));
        assert_eq!(next(&snapshots), None);
        let wanted = SnapshotSummary { wanted: true, ..early };
        snapshots.hear(vec![wanted]);
        assert_eq!(next(&snapshots), Some(wanted));
    }

    #[test]
    fn what_the_log_begins_with_has_to_be_on_the_board_and_what_else_is_lost_is_lost() {
        let log = (OriginId([1; 16]), 1);
        let mut snapshots = Snapshots::default();
        let start = SnapshotSummary { begins: true, ..known(1, 5, true) };
        snapshots.hear(vec![start]);
        assert!(snapshots.lacks() && snapshots.has_lost(log, 5) && !snapshots.spoiled);
        snapshots.joined.insert(start.blob);
        snapshots.covered.insert(log, (5, 0));
        assert!(!snapshots.lacks() && snapshots.has_lost(log, 5));
        assert!(!snapshots.has_lost(log, 6) && snapshots.spoiled);
    }

    #[test]
    fn a_snapshot_that_lacks_what_is_here_has_not_all_of_it() {
        let mut board = Board::new(Actor(1));
        let mut note = |text: &str| {
            let mut edits = Edits::new();
            edits.make(Shape { text: text.into(), ..Shape::new(Kind::Note) });
            board.commit(edits).unwrap();
            board.poll_message().unwrap()
        };
        let (one, two) = (note("one"), note("two"));
        let of = |said: &[(&[u8], [u8; 32])]| {
            let mut board = Board::new(Actor(0));
            said.iter().for_each(|(message, who)| board.apply_at(message, Some(*who), 1).unwrap());
            board
        };
        let (ana, ben) = ([1; 32], [2; 32]);
        let here = of(&[(&one, ana)]);
        assert!(has_all_of(&mut of(&[(&one, ana), (&two, ana)]), &here));
        assert!(!has_all_of(&mut of(&[(&two, ana)]), &here));
        assert!(!has_all_of(&mut of(&[(&one, ben), (&two, ana)]), &here), "it names somebody else");
    }

    #[test]
    fn what_is_no_longer_held_is_no_longer_kept() {
        let mut snapshots = Snapshots::default();
        snapshots.hear(vec![known(1, 5, true), known(2, 6, true), known(3, 7, false)]);
        snapshots.hear(vec![known(2, 6, true), known(3, 7, true)]);
        assert_eq!(snapshots.unwanted, [BlobId([1; 32])]);
    }
}
