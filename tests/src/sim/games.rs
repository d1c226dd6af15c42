//! App sessions in worlds made by chance: people start a game together, accept, decline, come late, leave and come back, copies
//! end, and daemons and machines go down, while the network loses frames and falls apart.
//!
//! Invariant: a copy starts by a yes of its user, once; once the faults have stopped all tell the same of every app session,
//! and what they tell of each copy is true; and when nobody plays any more nothing is left of it.

use super::{
    chance::Chance,
    copies::game,
    host::{AgentHabits, Launches},
    swarm::draw_faults,
    world::World,
};
use chalktalk_ipc::{
    Answer, AppId, SessionId, UserId,
    nway::{AppSession, Part, Policy, Standing, Together},
    request::{RegisteredApp, SessionKind},
};
use chalktalk_protocol::node::Wish;
use std::{collections::BTreeSet, time::Duration};

/// Time that all may take to tell the same once the faults have stopped.
const CONVERGENCE: Duration = Duration::from_secs(20);

/// How long an invitation waits, in seconds: some are too old before the world is.
const LIFETIMES: [u32; 3] = [3, 30, 30];

/// Until what has ended is forgotten.
const FORGOTTEN: Duration = Duration::from_secs(615);

/// How a seed came out.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Outcome {
    /// Hash of everything that happened.
    pub trace: String,
    /// App sessions started.
    pub started: usize,
    /// Copies launched.
    pub copies: u32,
    /// Members asked in person who came later.
    pub asked: u64,
    /// Time until all told the same.
    pub agreed: Duration,
}

struct Games {
    world: World,
    chance: Chance,
    /// Open, where people come and go; or by invitation.
    room: Option<SessionId>,
    started: BTreeSet<SessionId>,
    crashes: bool,
    partitions: bool,
    leaves: bool,
}

/// Lives through the games of a seed.
pub fn run(seed: u64, print: bool) -> Outcome {
    let mut chance = Chance::new(seed ^ 0x6a3e);
    let world = World::traced(seed, print);
    let (crashes, partitions, leaves) = (chance.yes(0.5), chance.yes(0.4), chance.yes(0.5));
    let (room, started) = Default::default();
    let mut games = Games { world, chance, room, started, crashes, partitions, leaves };
    let hosts = 2 + games.chance.below(3) as usize;
    (0..hosts).for_each(|_| games.newcomer());
    games.world.run(Duration::from_secs(2));
    games.gather(hosts);
    games.world.network.faults = draw_faults(&mut games.chance);
    games.world.copies.moody = games.chance.yes(0.5);
    games.start();
    for _ in 0..20 + games.chance.below(60) {
        games.act();
        let wait = games.chance.between(Duration::from_millis(1), Duration::from_millis(700));
        games.world.run(wait);
    }
    games.finish()
}

impl Games {
    /// A host whose user has the game, mostly.
    fn newcomer(&mut self) {
        let host = self.world.host();
        let policy = if host > 0 && self.chance.yes(0.1) { Policy::Never } else { Policy::Ask };
        let app = RegisteredApp {
            app: game(),
            name: "Game".into(),
            version: "1".into(),
            many: false,
            headless: true,
            together: Together { policy, ..Together::default() },
        };
        let apps = if host == 0 || self.chance.yes(0.9) { vec![app] } else { vec![] };
        let takes = Duration::from_millis(100);
        self.world.agent(host, AgentHabits { apps, launches: Launches::Work, takes });
    }

    /// Everybody comes into the conversation: an open room, or one by invitation.
    fn gather(&mut self, hosts: usize) {
        if self.chance.yes(0.6) {
            (0..hosts).for_each(|host| self.join(host));
            return self.world.run(Duration::from_millis(500));
        }
        let (now, user) = (self.world.now, self.world.hosts[0].user);
        let invite: Vec<String> = (1..hosts).map(World::name).collect();
        let (title, app, kind, history) = ("club", &AppId::chat(), SessionKind::Kept, true);
        let wish = Wish { title, app, kind, history, invite: &invite };
        let made = self.world.node(0).create(now, user, &wish);
        let Ok(Answer::Session(made)) = made else { panic!("the club is made: {made:?}") };
        self.room = Some(made.session);
        self.world.pump(0);
        self.world.run(Duration::from_secs(1));
        (1..hosts).for_each(|host| self.enter_club(host, made.session));
        self.world.run(Duration::from_secs(1));
    }

    fn enter_club(&mut self, host: usize, room: SessionId) {
        let (now, user) = (self.world.now, self.world.hosts[host].user);
        let answer = self.world.node(host).answer_invitation(now, user, room, true);
        self.world.require(answer.is_ok(), || format!("host {host} cannot enter the club: {answer:?}"));
        self.world.pump(host);
    }

    fn target(&self) -> String {
        self.room.map_or("#play".to_owned(), |room| room.to_string())
    }

    fn parent(&self) -> SessionId {
        self.room.unwrap_or_else(|| chalktalk_protocol::ids::open_room(&AppId::chat(), "play", None))
    }

    fn join(&mut self, host: usize) {
        let (now, user) = (self.world.now, self.world.hosts[host].user);
        let joined = self.world.node(host).join(now, user, "#play", &AppId::chat(), SessionKind::Kept, true);
        self.world.require(joined.is_ok(), || format!("host {host} cannot join: {joined:?}"));
        self.world.tell(format_args!("host {host} joins"));
        self.world.pump(host);
    }

    fn is_up(&self, host: usize) -> bool {
        self.world.hosts[host].node.is_some()
    }

    fn is_in(&self, host: usize) -> bool {
        self.world.is_in(host, self.parent())
    }

    /// A host that is up and whose user is in the conversation, or is not.
    fn some_host(&mut self, is_in: bool) -> Option<usize> {
        let hosts = 0..self.world.hosts.len();
        let there: Vec<usize> =
            hosts.filter(|host| self.is_up(*host) && self.is_in(*host) == is_in).collect();
        (!there.is_empty()).then(|| self.chance.pick(&there))
    }

    /// One thing happens.
    fn act(&mut self) {
        match self.chance.below(32) {
            0 => self.start(),
            1..=10 => self.answer(),
            11 | 12 => self.change_mind(),
            13 => self.call_off(),
            14..=16 => self.exit(),
            17 if self.crashes => self.down(|world, host| {
                world.crash(host);
                world.lose_copies(host);
            }),
            18 if self.crashes => self.down(World::crash),
            19 if self.crashes => self.down(World::stop),
            20..=22 => self.restart(),
            23 if self.partitions => self.fall_apart(),
            24 | 25 => self.world.network.heal(),
            26 if self.leaves && self.room.is_none() => self.leave(),
            27 | 28 if self.room.is_none() => {
                if let Some(host) = self.some_host(false) {
                    self.join(host);
                }
            }
            29 if self.world.hosts.len() < 6 && self.room.is_none() => self.newcomer(),
            _ => {}
        }
    }

    fn start(&mut self) {
        let Some(host) = self.some_host(true).filter(|_| self.started.len() < 3) else { return };
        let (most, lifetime) = (self.chance.pick(&[2, 2, 3, 1000]), self.chance.pick(&LIFETIMES));
        let target = self.target();
        if let Some(session) = self.world.start_together(host, &game(), (&target, most, lifetime)) {
            self.world.tell(format_args!("host {host} starts {session:?} for at most {most}"));
            self.started.insert(session);
        }
    }

    fn answer(&mut self) {
        let Some(host) = self.some_host(true) else { return };
        let waiting = self.world.invitations(host);
        let Some(invitation) = waiting.into_iter().find(|invitation| invitation.nway.is_some()) else {
            return;
        };
        let session = invitation.session;
        let yes = self.chance.yes(0.85);
        let done = if yes {
            self.world.take_part(host, session)
        } else {
            let refused = self.world.refuse_part(host, session);
            self.world.require(refused, || format!("host {host} cannot decline {session:?}"));
            refused
        };
        self.world.tell(format_args!("host {host} answers {session:?}: {yes}, {done}"));
    }

    /// Who is out comes back, and who waits does not want to any more.
    fn change_mind(&mut self) {
        let Some(host) = self.some_host(true) else { return };
        let known: Vec<SessionId> = self.world.app_sessions(host).iter().map(|app| app.session).collect();
        if known.is_empty() {
            return;
        }
        let session = self.chance.pick(&known);
        let done = if self.chance.yes(0.7) {
            self.world.take_part(host, session)
        } else {
            self.world.refuse_part(host, session)
        };
        self.world.tell(format_args!("host {host} changes their mind on {session:?}: {done}"));
    }

    fn call_off(&mut self) {
        let Some(host) = self.some_host(true) else { return };
        for session in self.started.clone() {
            if self.world.call_off(host, session) {
                return self.world.tell(format_args!("host {host} calls off {session:?}"));
            }
        }
    }

    fn exit(&mut self) {
        let running: Vec<(usize, SessionId)> = self.world.copies().collect();
        if !running.is_empty() {
            let ((host, session), status) = (self.chance.pick(&running), self.chance.pick(&[0, 0, 1]));
            self.world.end_copy(host, session, status);
        }
    }

    fn down(&mut self, how: impl Fn(&mut World, usize)) {
        let host = self.chance.below(self.world.hosts.len() as u64) as usize;
        if self.is_up(host) {
            how(&mut self.world, host);
        }
    }

    fn restart(&mut self) {
        let down = (0..self.world.hosts.len()).find(|host| !self.is_up(*host));
        down.into_iter().for_each(|host| self.world.start(host));
    }

    fn fall_apart(&mut self) {
        let hosts = 0..self.world.hosts.len();
        let islands: Vec<_> = hosts.map(|host| (host, self.chance.below(2) as usize)).collect();
        self.world.tell(format_args!("the network falls apart: {islands:?}"));
        self.world.network.partition(islands);
    }

    fn leave(&mut self) {
        if let Some(host) = self.some_host(true) {
            self.world.tell(format_args!("host {host} leaves"));
            self.world.leave_room(host, self.parent());
        }
    }

    // --- how it has to end ------------------------------------------------------------------------------------------

    fn finish(mut self) -> Outcome {
        self.world.network.mend();
        self.world.copies.moody = false;
        (0..self.world.hosts.len()).for_each(|_| self.restart());
        let start = self.world.now;
        while let Some(why) = self.disagreement() {
            let took = self.world.now.since(start);
            self.world.require(took < CONVERGENCE, || format!("after {took:?}: {why}"));
            self.world.run(Duration::from_millis(100));
        }
        let agreed = self.world.now.since(start);
        self.end_all();
        Outcome {
            trace: self.world.trace_hash(),
            started: self.started.len(),
            copies: self.world.copies.launched,
            asked: self.world.counter("nway.newcomers asked"),
            agreed,
        }
    }

    /// Hosts whose users are in the conversation.
    fn members(&self) -> Vec<usize> {
        (0..self.world.hosts.len()).filter(|host| self.is_in(*host)).collect()
    }

    /// What somebody tells otherwise than somebody else, or than it is.
    fn disagreement(&self) -> Option<String> {
        let members = self.members();
        let mut first: Option<(usize, Vec<String>)> = None;
        for host in &members {
            let live = self.live(*host);
            if let Some(wrong) = live.iter().find_map(|app| self.untruth(*host, app, &members)) {
                return Some(wrong);
            }
            let told: Vec<String> = live.iter().map(told).collect();
            let (other, before) = first.get_or_insert_with(|| (*host, told.clone()));
            if *before != told {
                return Some(format!("host {other} tells {before:#?}, and host {host} {told:#?}"));
            }
        }
        let unseen = |(host, session): &(usize, SessionId)| {
            self.is_in(*host) && self.live(*host).iter().all(|app| app.session != *session)
        };
        self.world.copies().find(unseen).map(|at| format!("nobody tells of the copy {at:?}"))
    }

    /// App sessions that a host's user sees and that have not ended.
    fn live(&self, host: usize) -> Vec<AppSession> {
        self.world.app_sessions(host).into_iter().filter(|app| !app.ended).collect()
    }

    /// What a host's user is told of an app session that is not so.
    fn untruth(&self, host: usize, app: &AppSession, members: &[usize]) -> Option<String> {
        let session = app.session;
        let present: Vec<_> = app.participants.iter().filter(|p| p.present).collect();
        let plays = |standing| matches!(standing, Standing::Starting | Standing::In);
        let running = present.iter().filter(|p| plays(p.standing) && p.part != Part::Observer).count();
        let active = present.iter().filter(|p| p.standing.is_active()).count();
        for member in members {
            let user: UserId = self.world.hosts[*member].user;
            let Some(stands) = present.iter().find(|p| p.user == user) else {
                if active == 0 || app.cancelled {
                    continue;
                }
                return Some(format!(
                    "host {host} does not know that host {member} was asked into {session:?}"
                ));
            };
            let runs = self.world.copy(*member, session).is_some();
            if runs != (stands.standing == Standing::In) {
                let stands = stands.standing;
                return Some(format!(
                    "host {host} sees host {member} as {stands:?} in {session:?}, it runs: {runs}"
                ));
            }
            let has_place = stands.place.is_some_and(|place| place <= app.most) && running < app.most.into();
            let begun = running > 0 || active >= usize::from(app.least.max(2));
            if stands.standing == Standing::Accepted && has_place && begun {
                return Some(format!("host {host} sees host {member} wait for nothing in {session:?}"));
            }
        }
        None
    }

    /// Nobody plays any more, and in time nothing is left of it.
    fn end_all(&mut self) {
        let most = LIFETIMES.iter().max().map_or(0, |most| most / 3);
        for _ in 0..most + 4 {
            for (host, session) in self.world.copies().collect::<Vec<_>>() {
                self.world.end_copy(host, session, 0);
            }
            self.world.run(Duration::from_secs(3));
        }
        let copies = self.world.copies().count();
        self.world.require(copies == 0, || format!("{copies} copies run that nobody waits for"));
        for host in self.members() {
            let live: Vec<String> = self.live(host).iter().map(told).collect();
            self.world.require(live.is_empty(), || format!("host {host} tells that these go on: {live:#?}"));
            let waiting = self.world.invitations(host);
            self.world.require(waiting.is_empty(), || format!("host {host} is still asked: {waiting:?}"));
        }
        if self.chance.yes(0.8) {
            return; // it takes long to look at
        }
        self.world.run(FORGOTTEN);
        for host in self.members() {
            let known = self.world.app_sessions(host);
            self.world.require(known.is_empty(), || format!("host {host} remembers {known:#?}"));
        }
    }
}

/// What is told of an app session, as text: who stands how, and has which place.
fn told(app: &AppSession) -> String {
    let there = app.participants.iter().filter(|p| p.present);
    let one = |p: &chalktalk_ipc::nway::Participant| format!("{}: {:?} {:?}", p.name, p.standing, p.place);
    let all: Vec<String> = there.map(one).collect();
    format!("{:?} {}: {}", app.session, if app.cancelled { "called off" } else { "" }, all.join(", "))
}
