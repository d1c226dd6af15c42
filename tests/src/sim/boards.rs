//! Programs whose state is the set of what they have heard, in whatever order it came, as a board's is: they make snapshots of it, check
//! those of others, and take one in where their log no longer has what it stands for.
//!
//! Invariant: a program says that it holds a snapshot only if it has come to the same state itself, or has nothing else to go by.

use super::world::World;
use chalktalk_ipc::{
    AppId, BlobId, InstanceId, OriginId, Position, Refusal, RefusalCode, SessionId, event::SnapshotSummary,
};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

/// A log, and a place in it: entry, and message in that.
type Log = (OriginId, u32);
type Place = (u64, u16);

/// How far logs have been read.
type Vector = BTreeMap<Log, Place>;

/// Somebody's message, by its number.
type Mark = (InstanceId, u64);

/// A state: what it stands for, and what is in it.
pub(super) type State = (Vector, BTreeSet<Mark>);

/// What is on one program's board.
#[derive(Default)]
pub struct Drawing {
    /// Marks that were heard, and where.
    heard: BTreeMap<Mark, (Log, Place)>,
    /// Snapshots that were taken in.
    taken: Vec<State>,
    /// The snapshots that there are.
    snapshots: Vec<SnapshotSummary>,
    /// Those that were taken in.
    joined: BTreeSet<BlobId>,
    /// Those that were found to be true, and said to be held, or false.
    judged: BTreeSet<BlobId>,
}

impl Drawing {
    /// A message was heard.
    pub(super) fn hear(&mut self, author: InstanceId, payload: &[u8], at: Position) {
        if let Some(number) = payload.first_chunk::<8>() {
            let mark = (author, u64::from_le_bytes(*number));
            self.heard.entry(mark).or_insert(((at.origin, at.epoch), (at.seq, at.index)));
        }
    }

    /// Everything on it.
    fn marks(&self) -> BTreeSet<Mark> {
        let taken = self.taken.iter().flat_map(|(_, marks)| marks.iter().copied());
        self.heard.keys().copied().chain(taken).collect()
    }

    /// The board as it was with exactly what stands up to there, if that can be told.
    fn at(&self, upto: &Vector) -> Option<State> {
        if !self.taken.iter().all(|(vector, _)| is_read(upto, vector)) {
            return None;
        }
        Some((upto.clone(), self.marks_within(upto)))
    }

    /// What is known to have been on it with no more than what stands up to there.
    fn marks_within(&self, upto: &Vector) -> BTreeSet<Mark> {
        let within = |log: &Log, place: &Place| upto.get(log).is_some_and(|last| place <= last);
        let heard = self.heard.iter().filter(|(_, (log, place))| within(log, place)).map(|(mark, _)| *mark);
        let taken = self
            .taken
            .iter()
            .filter(|(vector, _)| is_read(upto, vector))
            .flat_map(|(_, marks)| marks.iter().copied());
        heard.chain(taken).collect()
    }

    /// The snapshots with which the logs begin on this host.
    fn starts(&self) -> Vec<BlobId> {
        self.snapshots.iter().filter(|known| known.begins).map(|known| known.blob).collect()
    }
}

/// The name of a state, and its size.
fn name_of((upto, marks): &State) -> (BlobId, u64) {
    let rows: Vec<_> = upto.iter().collect();
    let bytes = rmp_serde::to_vec(&(rows, marks)).expect("our own types always encode");
    (BlobId(*blake3::hash(&bytes).as_bytes()), bytes.len() as u64)
}

fn is_read(positions: &Vector, upto: &Vector) -> bool {
    upto.iter().all(|(log, place)| positions.get(log).is_some_and(|read| read >= place))
}

impl World {
    /// A program makes a snapshot of its board, and says that its host holds it.
    pub fn make_snapshot(&mut self, app: usize, session: SessionId) {
        self.make_altered_snapshot(app, session, |_| ());
    }

    /// The same, of a program that does not tell the truth.
    pub fn make_altered_snapshot(
        &mut self,
        app: usize,
        session: SessionId,
        alter: impl FnOnce(&mut BTreeSet<(InstanceId, u64)>),
    ) {
        let seat = &self.apps[app].seats[&session];
        let upto = seat.positions.clone().unwrap_or_default();
        let Some(mut made) = seat.drawing.at(&upto) else { return };
        let behind = seat.drawing.starts();
        alter(&mut made.1);
        self.hold(app, session, &Arc::new(made), &behind);
    }

    /// A program says that its host holds a snapshot, which it has made behind these. False: the daemon does not know enough of the log to
    /// believe it now.
    fn hold(&mut self, app: usize, session: SessionId, state: &Arc<State>, behind: &[BlobId]) -> bool {
        let (now, host, instance) = (self.now, self.apps[app].host, self.apps[app].instance);
        if !self.apps[app].attached || !self.apps[app].seats[&session].open {
            return false;
        }
        let blob = name_of(state);
        self.blobs.insert(blob.0, state.clone());
        let position = |((origin, epoch), (seq, index)): (&Log, &Place)| Position {
            origin: *origin,
            epoch: *epoch,
            seq: *seq,
            index: *index,
        };
        let positions: Vec<Position> = state.0.iter().map(position).collect();
        let node = self.hosts[host].node.as_mut().expect("who is attached is attached to a node");
        let held = node.hold_snapshot(now, instance, session, blob, &positions, behind);
        let refused = held.err();
        let expected =
            |refused: &Refusal| matches!(refused.code, RefusalCode::Busy | RefusalCode::NotAllowed);
        if let Some(refused) = refused.as_ref().filter(|refused| !expected(refused)) {
            self.check(Err(format!("app {app} cannot hold a snapshot: {}", refused.message)));
        }
        self.pump(host);
        refused.is_none_or(|refused| refused.code != RefusalCode::Busy)
    }

    /// A program is told which snapshots there are.
    pub(super) fn on_snapshots(&mut self, app: usize, session: SessionId, snapshots: Vec<SnapshotSummary>) {
        if let Some(seat) = self.apps[app].seats.get_mut(&session) {
            seat.drawing.snapshots = snapshots;
            self.look_at_snapshots(app, session);
        }
    }

    /// Takes in the snapshots with which the logs begin here; checks those that can be checked, and takes in those that are wanted, if
    /// they have all that was read here.
    pub(super) fn look_at_snapshots(&mut self, app: usize, session: SessionId) {
        let Some(seat) = self.apps[app].seats.get_mut(&session) else { return };
        let drawing = &mut seat.drawing;
        for start in drawing.starts() {
            if drawing.joined.insert(start) {
                drawing.taken.push((*self.blobs[&start]).clone());
                self.ledger.excuse(app, session);
            }
        }
        let open = |known: &&SnapshotSummary| !known.held && !drawing.judged.contains(&known.blob);
        for snapshot in drawing.snapshots.iter().rev().filter(open).copied().collect::<Vec<_>>() {
            let Some(told) = self.blobs.get(&snapshot.blob).cloned() else { continue };
            let seat = self.apps[app].seats.get_mut(&session).expect("looked up above");
            let behind = if is_read(seat.positions.get_or_insert_default(), &told.0) {
                if seat.drawing.at(&told.0).as_ref() != Some(&*told) {
                    seat.drawing.judged.insert(snapshot.blob);
                    continue;
                }
                seat.drawing.starts()
            } else if snapshot.wanted {
                if !seat.drawing.marks_within(&told.0).is_subset(&told.1) {
                    seat.drawing.judged.insert(snapshot.blob);
                    continue;
                }
                if seat.drawing.joined.insert(snapshot.blob) {
                    seat.drawing.taken.push((*told).clone());
                    self.ledger.excuse(app, session);
                }
                vec![snapshot.blob]
            } else {
                continue;
            };
            if self.hold(app, session, &told, &behind) {
                let seat = self.apps[app].seats.get_mut(&session).expect("looked up above");
                seat.drawing.judged.insert(snapshot.blob);
            }
        }
    }

    /// What a board lacks of all that was drawn, or has that was not, if anything.
    fn board_lacks(&self, app: usize, session: SessionId) -> Option<String> {
        let marks = self.apps[app].seats.get(&session)?.drawing.marks();
        let owed = self.ledger.owed(session);
        let drawn: BTreeSet<Mark> = owed
            .iter()
            .flat_map(|(author, _, most)| (1..=*most).map(move |number| (*author, number)))
            .collect();
        if let Some(mark) = marks.difference(&drawn).next() {
            return Some(format!("app {app} has {mark:?} on its board, which nobody drew"));
        }
        let mut needed =
            owed.iter().flat_map(|(author, least, _)| (1..=*least).map(move |number| (*author, number)));
        let lacking = needed.find(|mark| !marks.contains(mark))?;
        Some(format!("app {app} has lost {lacking:?} from its board"))
    }

    /// Waits until every board that is open has all that was drawn, and every host the same.
    pub fn same_boards(&mut self, session: SessionId, most: std::time::Duration) {
        self.converge(most);
        let boards = |world: &World| -> Vec<usize> {
            let open = |app: &usize| {
                let app = &world.apps[*app];
                app.attached && app.habits.app == AppId::whiteboard() && app.seats.contains_key(&session)
            };
            (0..world.apps.len()).filter(open).collect()
        };
        let lacking =
            |world: &World| boards(world).into_iter().find_map(|app| world.board_lacks(app, session));
        let end = self.now + most;
        while let Some(lacks) = lacking(self) {
            let late = self.now >= end;
            self.check(if late { Err(lacks) } else { Ok(()) });
            self.run(std::time::Duration::from_secs(2));
        }
    }
}
