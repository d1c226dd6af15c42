//! Three members of a session, what each has said and heard of one app session, and everything that can come next.
//!
//! A world is small and copied freely: notices are codes of one byte, and of a log only what somebody has not heard yet is kept
//! apart; the rest is summed up to what counts of it, the latest word of its author.
//!
//! Invariant: two worlds that are equal have the same futures.

use crate::view::{Sum, View};
use chalktalk_ipc::{
    SessionId,
    nway::{Model, Part, Standing},
};
use chalktalk_protocol::nway::{activity::Duty, notice::Stand, turn::Turn};
use std::fmt;

/// Members.
pub(crate) const N: usize = 3;

/// Notices of one author that somebody has not heard, at most.
const TAIL: usize = 12;

/// How often people and fate do something, at most. What only follows from it, or ends it, is never counted.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) struct Budget {
    /// Times that each says yes or no.
    pub answers: [u8; N],
    /// Copies that end.
    pub exits: u8,
    /// Hosts, or daemons alone, that go down.
    pub crashes: u8,
    /// Members who leave the conversation.
    pub leaves: u8,
    /// Times that one is cut off from the others.
    pub partitions: u8,
    /// Times that it is called off.
    pub cancels: u8,
}

/// What is played.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Scene {
    pub model: Model,
    /// How many can take part.
    pub most: u16,
    /// Whether the third comes when the invitation was said already.
    pub late: bool,
    /// How many may lag behind somebody's log at one time, while the network is whole; `None`: all.
    pub lags: Option<usize>,
    /// Whether the invitation becomes too old, on each host at a time of its own.
    pub expires: bool,
    pub budget: Budget,
}

/// A notice, as a code.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub(crate) enum Word {
    #[default]
    Invite,
    Ask(u8),
    Cancel,
    /// How the author stands, and whether they have ever accepted.
    Stand(Standing, bool),
}

/// What one member has said.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
pub(crate) struct Log {
    /// What everybody has heard.
    pub base: Sum,
    /// What somebody has not.
    pub tail: [Word; TAIL],
    pub len: u8,
    /// How much of the tail each has heard.
    pub heard: [u8; N],
}

#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub(crate) struct Peer {
    /// Whether the host is up.
    pub up: bool,
    /// Whether the user is in the conversation.
    pub joined: bool,
    /// Whether their copy runs.
    pub runs: bool,
    /// Whether they have said yes, and no copy was launched for it yet.
    pub willing: bool,
    /// Whether the invitation is too old there.
    pub expired: bool,
    /// Whether they came after the invitation.
    pub late: bool,
    /// Who accepted first: 1, 2, 3; 0: not yet.
    pub since: u8,
}

/// The three of them.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) struct World {
    pub logs: [Log; N],
    pub peers: [Peer; N],
    /// Who is cut off from the others; `N`: nobody.
    pub apart: u8,
    /// Whether copies may be more than there are places: words have crossed, or somebody was away.
    pub crossed: bool,
    pub left: Budget,
}

/// What can happen.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Act {
    Begin,
    /// `n` hears of `from`'s log the next notice, or all there is.
    Hear(u8, u8, bool),
    /// Asks in person who has not heard.
    Ask(u8),
    Ready(u8),
    Restart(u8),
    Join(u8),
    Heal,
    Expire(u8),
    Accept(u8),
    /// The same, said before what somebody else said at the same time.
    AcceptBefore(u8, u8),
    Decline(u8),
    /// The copy ends.
    Exit(u8),
    /// The screen was locked.
    Locked(u8),
    /// The host goes down, with the copy.
    Crash(u8),
    /// The daemon goes down, and the copy goes on.
    CrashAlone(u8),
    Leave(u8),
    Part(u8),
    Cancel,
}

impl fmt::Debug for Log {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let tail = &self.tail[..self.len as usize];
        write!(f, "{:?}, then {tail:?}, of which each has heard {:?}", self.base, self.heard)
    }
}

impl Act {
    /// Whether somebody sees something new by it, before they hear of it.
    fn is_seen_by(self, n: usize) -> bool {
        match self {
            Self::Hear(who, ..) | Self::AcceptBefore(who, _) => usize::from(who) == n,
            Self::Ask(who) | Self::Ready(who) | Self::Expire(who) | Self::Locked(who) => {
                usize::from(who) == n
            }
            Self::Accept(who) | Self::Decline(who) | Self::Exit(who) => usize::from(who) == n,
            _ => true,
        }
    }
}

impl Log {
    fn say(&mut self, author: usize, word: Word) {
        assert!((self.len as usize) < TAIL, "more is unheard than is kept");
        self.tail[self.len as usize] = word;
        self.len += 1;
        self.heard[author] = self.len;
    }

    /// What counts of what a member has heard.
    pub(crate) fn sum(&self, n: usize) -> Sum {
        self.tail[..self.heard[n] as usize].iter().fold(self.base, |sum, word| sum.and(*word))
    }

    /// What everybody has heard need not be told apart any more.
    fn settle(&mut self) {
        let all = self.heard.into_iter().min().unwrap() as usize;
        if all > 0 {
            self.base = self.tail[..all].iter().fold(self.base, |sum, word| sum.and(*word));
            self.tail.copy_within(all.., 0);
            self.tail[TAIL - all..].fill(Word::default());
            self.len -= all as u8;
            self.heard.iter_mut().for_each(|heard| *heard -= all as u8);
        }
    }
}

impl World {
    /// Ana has invited; ben is there, and cy, or he comes later.
    pub(crate) fn new(scene: &Scene) -> Self {
        let peer = |late: bool| Peer { up: true, joined: !late, late, ..Peer::default() };
        let mut world = Self {
            logs: Default::default(),
            peers: [peer(false), peer(false), peer(scene.late)],
            apart: N as u8,
            crossed: false,
            left: scene.budget,
        };
        world.logs[0].say(0, Word::Invite);
        (world.peers[0].since, world.peers[0].willing) = (1, true);
        world.logs[0].say(0, Word::Stand(Standing::Accepted, true));
        world
    }

    /// Whether somebody can do something: their host is up, and they are in the conversation.
    pub(crate) fn is_there(&self, n: usize) -> bool {
        self.peers[n].up && self.peers[n].joined
    }

    pub(crate) fn linked(&self, a: usize, b: usize) -> bool {
        let apart = self.apart as usize;
        self.is_there(a) && self.is_there(b) && apart != a && apart != b
    }

    /// What a member has heard, and knows besides.
    pub(crate) fn view(&self, n: usize) -> View {
        let sums = [0, 1, 2].map(|from| self.logs[from].sum(n));
        let present = [0, 1, 2].map(|other| other == n || self.linked(n, other));
        let since = [0, 1, 2].map(|from| if sums[from].has_accepted() { self.peers[from].since } else { 0 });
        let Peer { expired, late, runs, .. } = self.peers[n];
        View { n, sums, present, since, expired, late, runs }
    }

    /// How a member stands by their own word.
    pub(crate) fn standing(&self, n: usize) -> Option<Standing> {
        self.logs[n].sum(n).standing()
    }

    fn say(&mut self, n: usize, word: Word) {
        self.logs[n].say(n, word);
    }

    /// What is said of it when something happens to how a member stands. False: it cannot happen.
    fn turn(&mut self, n: usize, turn: Turn) -> bool {
        let session = SessionId([9; 16]);
        let (before, since) = (self.logs[n].sum(n), self.peers[n].since);
        let since = if before.has_accepted() { u64::from(since) } else { 0 };
        let before = before.standing().map(|standing| Stand { since, ..Stand::new(session, standing) });
        let Some(after) = turn.of(session, before.as_ref()) else { return false };
        if Some(&after) != before.as_ref() {
            self.say(n, Word::Stand(after.standing, after.since > 0));
        }
        true
    }

    /// What a member does at once when they see something new. True: they have done something.
    fn work(&mut self, scene: &Scene, n: usize) -> bool {
        if !self.is_there(n) {
            return false;
        }
        let view = self.view(n);
        let seen = view.seen(scene);
        match seen.duty {
            Some(Duty::Note) => self.turn(n, Turn::Asked(String::new())),
            Some(Duty::Start) => {
                assert!(self.peers[n].willing, "who is started has said yes since they were started last");
                assert!(seen.place.is_some_and(|place| place <= scene.most), "nor beyond the most");
                self.crossed |= !self.would_start(scene, n);
                (self.peers[n].runs, self.peers[n].willing) = (true, false);
                self.turn(n, Turn::Launch(String::new()))
            }
            Some(Duty::Withdraw(why)) => {
                self.peers[n].willing = false;
                self.turn(n, Turn::Withdraw(why))
            }
            Some(Duty::Lost) => self.turn(n, Turn::Lost),
            None => false,
        }
    }

    /// Whether a member would be started too if everybody's last word were known.
    fn would_start(&self, scene: &Scene, n: usize) -> bool {
        let sums = [0, 1, 2].map(|from| self.logs[from].sum(from));
        let since = self.peers.map(|peer| peer.since);
        View { sums, since, ..self.view(n) }.seen(scene).duty == Some(Duty::Start)
    }

    /// Who holds more of a log than a member has heard, and can tell them: how much.
    fn more_to_hear(&self, n: usize, from: usize) -> u8 {
        let heard = &self.logs[from].heard;
        let held = (0..N).filter(|other| *other != n && self.linked(n, *other)).map(|other| heard[other]);
        if n == from { 0 } else { held.max().unwrap_or(0).saturating_sub(heard[n]) }
    }

    /// What happens next by itself, once nothing else does: the network heals, what can be heard is heard, and so on.
    pub(crate) fn next_by_itself(&self, scene: &Scene) -> Option<Self> {
        let hears = (0..9).map(|at| Act::Hear(at / 3, at % 3, false));
        let mut acts =
            [Act::Heal].into_iter().chain(hears).chain((0..3).map(Act::Ask)).chain((0..3).map(Act::Ready));
        acts.find_map(|act| self.after(scene, act))
    }

    /// Everything that can come next.
    pub(crate) fn nexts(&self, scene: &Scene, mut found: impl FnMut(Act, Self)) {
        let mut on = |act| {
            if let Some(next) = self.after(scene, act) {
                match scene.lags {
                    None => found(act, next),
                    Some(most) => next.catch_up(scene, most, 0, &mut |caught_up| found(act, caught_up)),
                }
            }
        };
        for n in 0..N as u8 {
            for from in 0..N as u8 {
                on(Act::Hear(n, from, false));
                on(Act::Hear(n, from, true));
                on(Act::AcceptBefore(n, from));
            }
            let each =
                [Act::Ask, Act::Ready, Act::Restart, Act::Join, Act::Expire, Act::Accept, Act::Decline];
            let more = [Act::Exit, Act::Locked, Act::Crash, Act::CrashAlone, Act::Leave, Act::Part];
            each.iter().chain(&more).for_each(|act: &fn(u8) -> Act| on(act(n)));
        }
        on(Act::Heal);
        on(Act::Cancel);
    }

    /// All hear what they can, but for each choice of at most so many who lag behind somebody's log. Of a set `behind` of such
    /// pairs, as bits, that is so already.
    fn catch_up(&self, scene: &Scene, most: usize, behind: u16, found: &mut impl FnMut(Self)) {
        let mut world = *self;
        let mut quick = 0_u16;
        while let Some(at) = (0..9).find(|at| behind & 1 << at == 0 && world.more_to_hear(at / N, at % N) > 0)
        {
            quick |= 1 << at;
            world = world
                .after(scene, Act::Hear((at / N) as u8, (at % N) as u8, false))
                .expect("there is more to hear");
        }
        found(world);
        if most > 0 {
            for at in (0..9).filter(|at| quick & 1 << at != 0) {
                self.catch_up(scene, most - 1, behind | 1 << at, found);
            }
        }
    }

    /// The world after something has happened, and everybody has done what they have to; `None`: it cannot happen.
    pub(crate) fn after(&self, scene: &Scene, act: Act) -> Option<Self> {
        let mut world = *self;
        if !world.happen(scene, act) {
            return None;
        }
        for n in (0..N).filter(|n| act.is_seen_by(*n)) {
            let mut times = 0;
            while world.work(scene, n) {
                times += 1;
                assert!(times < 5, "{n} never has done everything");
            }
        }
        world.logs.iter_mut().for_each(Log::settle);
        Some(world)
    }

    fn happen(&mut self, scene: &Scene, act: Act) -> bool {
        let there = [0, 1, 2].map(|n| self.is_there(n));
        let there = |n: u8| there[n as usize];
        match act {
            Act::Hear(n, from, all) => {
                let more = self.more_to_hear(n as usize, from as usize);
                self.logs[from as usize].heard[n as usize] += if all { more } else { more.min(1) };
                more > u8::from(all) // the next one is all there is: that is looked at already
            }
            Act::Ask(n) if there(n) => self.ask(scene, n as usize),
            Act::Ready(n) if there(n) => {
                self.standing(n as usize) == Some(Standing::Starting) && self.turn(n as usize, Turn::Ready(0))
            }
            Act::Restart(n) => !std::mem::replace(&mut self.peers[n as usize].up, true),
            Act::Join(n) if self.peers[n as usize].up => {
                let joins = !std::mem::replace(&mut self.peers[n as usize].joined, true);
                if joins && self.turn(n as usize, Turn::Withdraw("they had left")) {
                    self.peers[n as usize].willing = false;
                }
                joins
            }
            Act::Heal => std::mem::replace(&mut self.apart, N as u8) < N as u8,
            Act::Expire(n) if scene.expires && there(n) && self.view(n as usize).is_known() => {
                !std::mem::replace(&mut self.peers[n as usize].expired, true)
            }
            Act::Accept(n) | Act::AcceptBefore(n, _) if there(n) => self.accept(scene, act, n as usize),
            Act::Decline(n) if there(n) && spend(&mut self.left.answers[n as usize]) => {
                let said = self.standing(n as usize).is_some() && self.turn(n as usize, Turn::Decline);
                self.peers[n as usize].willing = false;
                said
            }
            Act::Exit(n) if self.peers[n as usize].runs && spend(&mut self.left.exits) => {
                self.peers[n as usize].runs = false;
                // Nobody watches it while the daemon is down, and nobody says so while the user is not in the conversation.
                !self.is_there(n as usize) || self.turn(n as usize, Turn::Ended(Some(0)))
            }
            Act::Locked(n) if there(n) && self.standing(n as usize) == Some(Standing::Starting) => {
                self.peers[n as usize].runs = false;
                spend(&mut self.left.exits) && self.turn(n as usize, Turn::Locked)
            }
            _ => self.strike(act),
        }
    }

    /// Something that nobody of them wanted, or that makes people go.
    fn strike(&mut self, act: Act) -> bool {
        match act {
            Act::Crash(n) | Act::CrashAlone(n)
                if self.peers[n as usize].up && spend(&mut self.left.crashes) =>
            {
                let peer = &mut self.peers[n as usize];
                let had = peer.runs;
                (peer.up, peer.runs) = (false, peer.runs && matches!(act, Act::CrashAlone(_)));
                self.crossed |= peer.runs;
                matches!(act, Act::Crash(_)) || had // without a copy the two are the same
            }
            Act::Leave(n) if self.is_there(n as usize) && spend(&mut self.left.leaves) => {
                self.peers[n as usize].joined = false;
                self.crossed |= self.peers[n as usize].runs;
                true
            }
            Act::Part(n) if self.apart == N as u8 && spend(&mut self.left.partitions) => {
                (self.apart, self.crossed) = (n, true);
                true
            }
            Act::Cancel if self.is_there(0) && spend(&mut self.left.cancels) => {
                self.say(0, Word::Cancel);
                true
            }
            _ => false,
        }
    }

    /// The first of those who are there asks who has not heard; who that is depends on who waits how long.
    fn ask(&mut self, scene: &Scene, n: usize) -> bool {
        let view = self.view(n);
        let seen = view.seen(scene);
        if view.sums[n].standing().is_none() {
            return false;
        }
        for other in (0..N).filter(|other| seen.unasked[*other]) {
            assert!(!view.sums[n].asks(other), "nobody asks anybody twice");
            self.say(n, Word::Ask(other as u8));
        }
        seen.unasked != [false; N]
    }

    /// Somebody says yes. Of two who say so at the same time, each may have been the first.
    fn accept(&mut self, scene: &Scene, act: Act, n: usize) -> bool {
        let view = self.view(n);
        if !view.seen(scene).may_accept || !spend(&mut self.left.answers[n]) {
            return false;
        }
        let last = self.peers.iter().map(|peer| peer.since).max().unwrap();
        let since = match act {
            _ if self.peers[n].since > 0 => {
                if !matches!(act, Act::Accept(_)) {
                    return false;
                }
                self.peers[n].since
            }
            Act::AcceptBefore(_, other) => {
                let other = other as usize;
                let since = self.peers[other].since;
                if other == n || since < 2 || view.sums[other].has_accepted() {
                    return false;
                }
                self.peers[other].since = since + 1; // there are no more than these two
                self.crossed = true;
                since
            }
            _ => last + 1,
        };
        (self.peers[n].since, self.peers[n].willing) = (since, true);
        let part = if n == 0 && scene.model == Model::Host { Part::Host } else { Part::Player };
        let (since, addresses, detail) = (u64::from(since), Vec::new(), String::new());
        self.turn(n, Turn::Accept { part, since, addresses, detail })
    }
}

fn spend(budget: &mut u8) -> bool {
    let may = *budget > 0;
    *budget -= u8::from(may);
    may
}
