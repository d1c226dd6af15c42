//! A program as the client library would make it: it numbers its messages, keeps to its credit, remembers what is not
//! safe yet, and reads on from where it stopped.
//!
//! Invariant: a message that is neither stored (live sessions: appended) nor refused is still in the backlog.

use super::boards::Drawing;
use chalktalk_ipc::{
    AppId, FailReason, InstanceId, Position, SessionId, UserId,
    request::{From, Role, SessionKind},
};
use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    time::Duration,
};

/// When a program acknowledges what it was handed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Acks {
    /// At once.
    AtOnce,
    /// So much later.
    Late(Duration),
    /// Never.
    Never,
}

/// What a program is like.
#[derive(Clone, Debug)]
pub struct Habits {
    /// Which app it is.
    pub app: AppId,
    /// How it takes part.
    pub role: Role,
    /// Bytes it takes at a time.
    pub budget: usize,
    /// How long it thinks between two times.
    pub pause: Duration,
    /// When it acknowledges.
    pub acks: Acks,
    /// Whether it keeps its positions with what it shows.
    pub keeps: bool,
    /// Whether it takes sessions offered to it.
    pub takes_offers: bool,
}

impl Habits {
    /// An ordinary, quick chat.
    pub fn chat() -> Self {
        Self {
            app: AppId::chat(),
            role: Role::App,
            budget: 64 * 1024,
            pause: Duration::from_micros(50),
            acks: Acks::AtOnce,
            keeps: true,
            takes_offers: true,
        }
    }

    /// Reads quickly from now on.
    pub fn hurry(&mut self) {
        (self.budget, self.pause) = (Self::chat().budget, Self::chat().pause);
    }
}

/// A message that is not safe yet.
#[derive(Clone)]
pub struct Unsafe {
    /// Which.
    pub number: u64,
    /// For whom.
    pub destination: InstanceId,
    /// The bytes.
    pub payload: Vec<u8>,
}

/// A program's part in one session.
pub struct Seat {
    /// What the session is called.
    pub target: String,
    /// Whether newcomers see its past.
    pub history: bool,
    /// Kept or live.
    pub kind: SessionKind,
    /// Where it starts to read when it opens the session for the first time.
    pub from: From,
    /// Where it has read to, once it has opened the session.
    pub positions: Option<BTreeMap<(chalktalk_ipc::OriginId, u32), (u64, u16)>>,
    /// Number of the next message.
    pub next: u64,
    /// Messages that are not safe.
    pub backlog: VecDeque<Unsafe>,
    /// Last number handed to the daemon on this connection.
    pub handed: u64,
    /// Bytes handed over since the session was opened.
    pub spent: u64,
    /// Bytes that may be.
    pub granted: u64,
    /// Whether it is open on this connection.
    pub open: bool,
    /// Whether everything that was there at the start has been handed over.
    pub caught_up: bool,
    /// Entries reported as lost.
    pub lost: u64,
    /// What is on its board, of a whiteboard.
    pub drawing: Drawing,
}

impl Seat {
    /// A seat that has not been taken yet.
    pub fn new(target: &str, history: bool, kind: SessionKind, from: From) -> Self {
        Self {
            target: target.to_owned(),
            history,
            kind,
            from,
            positions: None,
            next: 1,
            backlog: VecDeque::new(),
            handed: 0,
            spent: 0,
            granted: 0,
            open: false,
            caught_up: false,
            lost: 0,
            drawing: Drawing::default(),
        }
    }

    /// A seat in a session that a message came for.
    pub fn offered(session: SessionId, kind: SessionKind) -> Self {
        Self::new(&session.to_string(), true, kind, From::Saved)
    }

    /// Where to open the session now.
    pub fn opening(&self, keeps: bool) -> From {
        match &self.positions {
            Some(positions) if keeps => From::At(
                positions
                    .iter()
                    .map(|((origin, epoch), (seq, index))| Position {
                        origin: *origin,
                        epoch: *epoch,
                        seq: *seq,
                        index: *index,
                    })
                    .collect(),
            ),
            _ => self.from.clone(),
        }
    }

    /// The session is open: what is not safe and not in the log goes again.
    pub fn on_opened(&mut self, last_number: u64, granted: u64, start: &[Position]) {
        (self.open, self.spent, self.granted) = (true, 0, granted);
        self.handed = last_number;
        if self.positions.is_none() {
            self.positions = Some(start.iter().map(|p| ((p.origin, p.epoch), (p.seq, p.index))).collect());
        }
    }

    /// Messages up to this number are safe.
    pub fn on_safe(&mut self, upto: u64) {
        while self.backlog.front().is_some_and(|message| message.number <= upto) {
            self.backlog.pop_front();
        }
    }

    /// A message was shown.
    pub fn on_shown(&mut self, position: Position) {
        let (log, place) = ((position.origin, position.epoch), (position.seq, position.index));
        let shown = self.positions.get_or_insert_default().entry(log).or_insert(place);
        *shown = place.max(*shown);
    }

    /// The next message to hand over, if the credit suffices.
    pub fn next_to_hand(&mut self) -> Option<Unsafe> {
        let message = self.backlog.iter().find(|message| message.number > self.handed)?.clone();
        let cost = message.payload.len() as u64 + chalktalk_protocol::session::writer::MESSAGE_COST;
        if self.spent + cost > self.granted {
            return None;
        }
        self.spent += cost;
        self.handed = message.number;
        Some(message)
    }
}

/// A program.
pub struct App {
    /// Its host.
    pub host: usize,
    /// Its user.
    pub user: UserId,
    /// What it is like.
    pub habits: Habits,
    /// Its instance.
    pub instance: InstanceId,
    /// Whether the process runs.
    pub alive: bool,
    /// Whether it is attached.
    pub attached: bool,
    /// Counts its connections.
    pub connection: u32,
    /// Its part in each session.
    pub seats: BTreeMap<SessionId, Seat>,
    /// Whether a turn of reading is planned.
    pub turn: bool,
    /// Messages of its own that could not be handed over.
    pub failures: Vec<(SessionId, u64, FailReason)>,
    /// Messages marked as having come before.
    pub again: u64,
    /// Volatile messages heard.
    pub volatile: u64,
    /// Whose they were.
    pub volatile_by: BTreeSet<UserId>,
    /// Delivered to every member present, per session, up to this number.
    pub delivered: BTreeMap<SessionId, u64>,
    /// Held by so many others, per session.
    pub held: BTreeMap<SessionId, Vec<u64>>,
}

impl App {
    /// A process that has not attached yet.
    pub fn new(host: usize, user: UserId, habits: Habits) -> Self {
        Self {
            host,
            user,
            habits,
            instance: InstanceId::NIL,
            alive: true,
            attached: false,
            connection: 0,
            seats: BTreeMap::new(),
            turn: false,
            failures: Vec::new(),
            again: 0,
            volatile: 0,
            volatile_by: BTreeSet::new(),
            delivered: BTreeMap::new(),
            held: BTreeMap::new(),
        }
    }

    /// The connection broke.
    pub fn on_disconnected(&mut self) {
        self.attached = false;
        self.turn = false;
        self.connection += 1;
        self.seats.values_mut().for_each(|seat| seat.open = false);
    }
}
