//! A board in a session: what others do comes in, what is done here goes out, and a copy is kept on this disk.
//!
//! Durable messages are the board's; the copy is a snapshot together with the positions that it stands for, so that each start reads only
//! what is new. Losing the copy loses nothing: the session's log has it all. Merging is idempotent, so that a message read twice
//! does no harm.
//!
//! What a moderator says may be about what was read before it. Then the board is made anew from the log, aside, and takes the place of
//! the one that is shown.
//!
//! Invariant: positions are acknowledged after what they stand for has been kept.

use crate::{
    anew::Anew,
    keep::{self, Keeper, Positions},
    live::Live,
    model::{Actor, Author, Board, Role, Roles, Setting, Source, Verdict},
    progress::Part,
    snapshots::{Snapshots, Told},
};
use chalktalk_client::{Batch, Blob, Client, ClientError, ClientEvent, Publish};
use chalktalk_ipc::{
    AppId, Event, InstanceId, OriginId, Position, SessionId, UserId,
    event::{Member, SessionSummary},
    request::{From, SessionKind},
};
use std::{
    collections::{BTreeMap, VecDeque},
    io,
    path::PathBuf,
    time::{Duration, Instant},
};

/// What was refused is tried again so late: a full disk does not become empty at once.
pub(crate) const AGAIN: Duration = Duration::from_secs(2);

/// A board and the session it is in.
#[derive(Debug)]
pub struct Sitting {
    client: Client,
    summary: SessionSummary,
    /// What is drawn.
    pub board: Board,
    members: Vec<Member>,
    positions: Positions,
    copy: Option<PathBuf>,
    keeper: Option<Keeper>,
    names: BTreeMap<Author, String>,
    unkept: bool,
    caught_up: bool,
    /// How many entries there were to read when it was opened, as far as is known, and how many have been.
    to_read: u64,
    read: u64,
    waiting: VecDeque<Vec<u8>>,
    /// Published and not known to be on the disk, by number: the daemon may refuse them yet.
    sent: BTreeMap<u64, Vec<u8>>,
    refused_at: Option<Instant>,
    last_number: u64,
    refused: u64,
    roles: Roles,
    anew: Anew,
    snapshots: Snapshots,
}

/// What an event meant.
#[derive(Debug)]
pub enum Heard {
    /// The board may look different.
    Board,
    /// The board may look different, and what one may do here is this now.
    Role(Role),
    /// Somebody's pen, pointer or laser.
    Live {
        /// Who.
        user: UserId,
        /// Their name.
        name: String,
        /// With which program.
        instance: InstanceId,
        /// What, in order.
        live: Vec<Live>,
    },
    /// Everything that was there when the board was opened has been read.
    CaughtUp,
    /// People came or went.
    Members,
    /// The daemon ended it, for this reason.
    Ended(String),
    /// The connection broke, or is back (none).
    Away(Option<String>),
    /// The daemon has not taken what was drawn here, for this reason. It is tried again.
    Refused(String),
    /// Something lost for good, for people.
    Lost(String),
    /// Nothing that concerns a board.
    Nothing,
}

impl Sitting {
    /// Opens the board of a session that the user has joined. With `copy` it is read from there first, and kept there.
    ///
    /// # Errors
    /// As [`Client::open`].
    pub fn open(
        client: &Client,
        summary: SessionSummary,
        copy: Option<PathBuf>,
    ) -> Result<Self, ClientError> {
        let mut board = Board::new(new_actor()?);
        let creator = summary.creator.map(|user| user.0);
        let kept = copy.as_deref().and_then(|path| keep::read(path, &mut board, creator));
        let (roles, positions) = kept.unwrap_or_else(|| (Roles::new(creator), Positions::new()));
        let from = From::At(positions.iter().map(position).collect());
        let opened = client.open(summary.session, from)?;
        // Entries are numbered from 1; what old logs have lost at their beginning is not known here.
        let known: u64 = positions.values().map(|(entry, _)| entry).sum();
        let to_read = opened.session.entries.saturating_sub(known);
        let welcome = client.welcome();
        board.set_view_only(roles.role(welcome.user.0) == Role::Views);
        let mut names = BTreeMap::from([(welcome.user.0, welcome.name)]);
        names.extend(opened.members.iter().map(|member| (member.user.0, member.name.clone())));
        Ok(Self {
            client: client.clone(),
            summary: opened.session,
            board,
            members: opened.members,
            positions,
            keeper: copy.clone().map(Keeper::new).transpose()?,
            copy,
            names,
            unkept: false,
            caught_up: false,
            to_read,
            read: 0,
            waiting: VecDeque::new(),
            sent: BTreeMap::new(),
            refused_at: None,
            last_number: 0,
            refused: 0,
            roles,
            anew: Anew::default(),
            snapshots: Snapshots::default(),
        })
    }

    /// The way to the daemon.
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// The session.
    pub fn session(&self) -> SessionId {
        self.summary.session
    }

    /// Facts about it.
    pub fn summary(&self) -> &SessionSummary {
        &self.summary
    }

    /// What a person is called; the first digits of their key where nobody has said.
    pub fn name_of(&self, author: Author) -> String {
        let known = self.names.get(&author).filter(|name| !name.is_empty());
        known.cloned().unwrap_or_else(|| UserId(author).to_string().chars().take(8).collect())
    }

    /// Its name, as people see it.
    pub fn title(&self) -> &str {
        &self.summary.title
    }

    /// Everybody in it.
    pub fn members(&self) -> &[Member] {
        &self.members
    }

    /// Whether everything that was there when the board was opened has been read, and shows as it counts.
    pub fn is_caught_up(&self) -> bool {
        self.caught_up && self.is_whole()
    }

    /// Whether all that was read is on the board as it counts, and all that the log does not have any more.
    fn is_whole(&self) -> bool {
        !self.anew.is_wanted() && !self.snapshots.lacks()
    }

    /// The snapshots with which the log begins here, if it does not begin with the board.
    pub(crate) fn start_of_past(&self) -> Vec<Blob> {
        self.snapshots.starts()
    }

    /// How far what was there when the board was opened has been read; none: it has been.
    pub fn reading(&self) -> Option<Part> {
        let [done, all] = [self.read, self.to_read.max(self.read)].map(|count| count as usize);
        (!self.caught_up).then_some(Part { what: "Reading the board", done, all: Some(all) })
    }

    /// Whether the board shown holds what does not count, or lacks what does; a new one is on its way.
    pub fn is_stale(&self) -> bool {
        self.anew.is_wanted()
    }

    /// Who may do what here.
    pub fn roles(&self) -> &Roles {
        &self.roles
    }

    /// What the user may do here.
    pub fn role(&self) -> Role {
        self.roles.role(self.client.welcome().user.0)
    }

    /// Says who may do what; it holds when the log has it.
    pub fn set(&mut self, setting: Setting) {
        self.waiting.push_back(self.roles.statement(setting));
    }

    /// Goes on with making the board anew, where that is needed; true if it may look different now. To be asked again and again.
    pub fn tick(&mut self) -> bool {
        let session = self.session();
        if let Some(told) = self.poll_snapshots() {
            // What it stands for and can still be had is read all the same: it changes nothing.
            let Told { board, roles, .. } = *told;
            self.board.join(&board);
            self.roles.join(&roles);
            self.unkept = true;
            return true;
        }
        let made = if self.caught_up { self.anew.poll(&self.client, session, &self.roles) } else { None };
        let Some((mut board, roles, meanwhile)) = made else { return false };
        self.roles = roles;
        for (source, message) in &meanwhile {
            self.judge(source, message, &mut board);
        }
        // What was drawn here and is not in the log yet.
        for message in self.sent.values().chain(&self.waiting).filter(|_| self.role() != Role::Views) {
            let _ = board.apply(message, None);
        }
        self.board.become_as(board);
        self.unkept = true;
        true
    }

    /// Goes on with snapshots. A board by invitation has none: its log is kept whole.
    fn poll_snapshots(&mut self) -> Option<Box<Told>> {
        if self.roles.creator().is_some() {
            return None;
        }
        let mine = self.client.instance();
        let instances = self.members.iter().flat_map(|member| &member.instances);
        let before = self.is_caught_up().then(|| instances.filter(|instance| **instance < mine).count());
        self.snapshots.poll(&self.client, self.summary.session, &self.positions, before)
    }

    /// Takes a message into a board, if it counts.
    fn judge(&mut self, source: &Source, message: &[u8], board: &mut Board) -> Verdict {
        let verdict = self.roles.hear(source, message);
        let taken =
            verdict != Verdict::Counts || board.apply_at(message, Some(source.author), source.stamp).is_ok();
        self.refused += u64::from(verdict == Verdict::Void || !taken);
        verdict
    }

    /// Messages that were refused, because they are damaged or of a newer version.
    pub fn refused(&self) -> u64 {
        self.refused
    }

    /// Takes in what the daemon said.
    pub fn on_event(&mut self, event: ClientEvent) -> Heard {
        match event {
            ClientEvent::Messages(batch) if batch.session() == self.session() => self.on_messages(&batch),
            ClientEvent::Event(Event::CaughtUp { session }) if session == self.session() => {
                self.caught_up = true;
                Heard::CaughtUp
            }
            ClientEvent::Event(Event::Roster { session, members }) if session == self.session() => {
                self.names.extend(members.iter().map(|member| (member.user.0, member.name.clone())));
                self.members = members;
                Heard::Members
            }
            ClientEvent::Event(Event::Snapshots { session, snapshots }) if session == self.session() => {
                self.snapshots.hear(snapshots);
                Heard::Nothing
            }
            ClientEvent::Event(Event::Detached { session, reason })
                if session.is_none_or(|session| session == self.session()) =>
            {
                Heard::Ended(reason)
            }
            ClientEvent::Event(Event::Lost { session, origin, epoch, last, .. })
                if session == self.session() && self.has_otherwise((origin, epoch), last) =>
            {
                Heard::Nothing
            }
            ClientEvent::Event(Event::Lost { session, epoch, first, last, .. })
                if session == self.session() =>
            {
                Heard::Lost(format!(
                    "entries {first} to {last} of epoch {epoch} are lost: no host has them any more"
                ))
            }
            ClientEvent::Refused { session, numbers, refusal } if session == self.session() => {
                // A board takes messages in any order: the others need not be taken back.
                self.waiting.extend(numbers.filter_map(|number| self.sent.remove(&number)));
                self.refused_at = Some(Instant::now());
                Heard::Refused(refusal.message)
            }
            ClientEvent::Disconnected { reason } => Heard::Away(Some(reason)),
            ClientEvent::Reconnected => Heard::Away(None),
            ClientEvent::Messages(_) | ClientEvent::Event(_) | ClientEvent::Refused { .. } => Heard::Nothing,
        }
    }

    /// Whether what the log does not have any more is on the board, or in a snapshot that will be.
    fn has_otherwise(&mut self, log: (OriginId, u32), last: u64) -> bool {
        let read = self.positions.get(&log).is_some_and(|(seq, _)| *seq >= last);
        read || self.snapshots.has_lost(log, last)
    }

    /// Publishes what was drawn here, as far as there is credit, in order. Gives the number of the last message that left.
    ///
    /// # Errors
    /// As [`Client::try_publish`]; what did not leave waits for the next time.
    pub fn publish(&mut self) -> Result<u64, ClientError> {
        self.waiting.extend(std::iter::from_fn(|| self.board.poll_message()));
        if self.refused_at.is_some_and(|when| when.elapsed() < AGAIN) {
            return Ok(self.last_number);
        }
        while let Some(message) = self.waiting.pop_front() {
            match self.client.try_publish(self.summary.session, Publish::durable(&message)) {
                Ok(number) => {
                    self.last_number = number;
                    self.sent.insert(number, message);
                }
                Err(e) => {
                    self.waiting.push_front(message);
                    return if matches!(e, ClientError::WouldBlock) { Ok(self.last_number) } else { Err(e) };
                }
            }
        }
        if !self.sent.is_empty() {
            let stored = self.client.progress(self.summary.session)?.stored;
            self.sent = self.sent.split_off(&(stored + 1));
        }
        Ok(self.last_number)
    }

    /// Messages of what was drawn here that are not known to be on the disk, of those that [`Sitting::publish`] has seen.
    pub fn unstored(&self) -> usize {
        self.waiting.len() + self.sent.len()
    }

    /// Takes the last edit back, also where a part of it has left already.
    pub fn take_back(&mut self) {
        while self.board.poll_message().is_some() {}
        self.waiting.clear();
        self.board.undo();
    }

    /// Whether something drawn here has not left yet.
    pub fn is_waiting(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// Sends something that is of the moment, to whoever hears it.
    pub fn say(&self, live: &Live) {
        // Where it is lost the next one comes soon.
        let _ = self.client.try_publish(self.session(), Publish::volatile(&live.write()));
    }

    /// Keeps the copy up to date, and acknowledges what it holds. Without a copy it only acknowledges.
    ///
    /// # Errors
    /// The copy could not be written; nothing is acknowledged.
    pub fn keep(&mut self) -> io::Result<()> {
        if !self.unkept || !self.is_whole() {
            return Ok(());
        }
        if let Some(path) = &self.copy {
            keep::write(path, &keep::bytes(&self.board, &self.roles, &self.positions))?;
        }
        self.unkept = false;
        self.acknowledge(&self.positions);
        Ok(())
    }

    /// As [`Sitting::keep`], without waiting for the disk: what becomes of it is told by a later call.
    ///
    /// # Errors
    /// An earlier copy could not be written; it is tried again.
    pub fn keep_aside(&mut self) -> io::Result<()> {
        let whole = self.is_whole();
        let Some(keeper) = &mut self.keeper else { return self.keep() };
        let done = keeper.poll();
        if self.unkept && whole && !keeper.is_busy() {
            keeper.put(keep::bytes(&self.board, &self.roles, &self.positions), self.positions.clone());
            self.unkept = false;
        }
        match done {
            Some(Ok(positions)) => self.acknowledge(&positions),
            Some(Err(e)) => {
                self.unkept = true;
                return Err(e);
            }
            None => {}
        }
        Ok(())
    }

    fn acknowledge(&self, positions: &Positions) {
        let positions: Vec<Position> = positions.iter().map(position).collect();
        // A connection that is gone now comes back, and the next time acknowledges this too.
        let _ = self.client.ack_positions(self.session(), &positions);
    }

    fn on_messages(&mut self, batch: &Batch) -> Heard {
        if batch.flags().history {
            return Heard::Nothing;
        }
        let author = batch.author();
        if batch.flags().volatile {
            let live: Vec<Live> = batch.iter().filter_map(|message| Live::read(message.payload)).collect();
            let instance = batch.head().instance;
            if live.is_empty() || instance == self.client.instance() {
                return Heard::Nothing;
            }
            // Who says something of the moment is known by where they are; their log need not have been met.
            let member = self.members.iter().find(|member| member.instances.contains(&instance));
            let (user, name) =
                member.map_or((author.user, &author.name), |member| (member.user, &member.name));
            return Heard::Live { user, name: name.clone(), instance, live };
        }
        if !author.name.is_empty() {
            self.names.insert(author.user.0, author.name.clone());
        }
        let before = self.role();
        let mine = author.user == self.client.welcome().user;
        let log = (batch.head().origin.0, batch.head().epoch);
        let mut board = std::mem::replace(&mut self.board, Board::new(Actor(0)));
        for message in batch {
            let place = (message.seq, message.index);
            let source = Source { stamp: message.stamp, log, place, author: author.user.0 };
            match self.judge(&source, message.payload, &mut board) {
                Verdict::Said(true) => self.anew.want(),
                // It was shown here before the log had it.
                Verdict::Void if mine && board.is_mine(message.payload) => self.anew.want(),
                _ => {}
            }
            self.anew.hear(&source, message.payload);
            let log = (batch.head().origin, batch.head().epoch);
            let before = self.positions.get(&log).copied();
            // Large messages take several entries. The first that is heard of a log need not be its first.
            self.read += before.map_or(1, |(entry, _)| place.0.saturating_sub(entry));
            self.positions.insert(log, before.map_or(place, |before| before.max(place)));
        }
        self.board = board;
        self.unkept = true;
        let role = self.role();
        self.board.set_view_only(role == Role::Views);
        if role == before { Heard::Board } else { Heard::Role(role) }
    }
}

/// Enters a board by its target, making it where it does not exist.
///
/// # Errors
/// As [`Client::join`].
pub fn enter(client: &Client, target: &str) -> Result<SessionSummary, ClientError> {
    client.join(target, &AppId::whiteboard(), SessionKind::Kept, true)
}

pub(crate) fn position((&(origin, epoch), &(seq, index)): (&(OriginId, u32), &(u64, u16))) -> Position {
    Position { origin, epoch, seq, index }
}

fn new_actor() -> io::Result<Actor> {
    let mut bytes = [0; 8];
    let got = rustix::rand::getrandom(&mut bytes, rustix::rand::GetRandomFlags::empty())?;
    // So few come at once, always.
    debug_assert_eq!(got, bytes.len());
    Ok(Actor(u64::from_le_bytes(bytes)))
}
