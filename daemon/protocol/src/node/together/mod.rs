//! App sessions: what this host's users have to do about those that were started from sessions they are in.
//!
//! What is known of one follows from the notices in its parent ([`crate::nway`]). Whenever a notice comes, somebody comes or
//! goes, or time has passed, the app session is *stirred*: its users' duties are worked out anew from what is known, and done.
//!
//! Invariant: what a local user says of themselves is said once, and after what they said before has been taken in.

mod asking;
mod offering;
mod running;
mod telling;

use super::Node;
use crate::{
    members::rotation,
    nway::{
        activity::{Activity, Duty, Here, Member},
        notice::{Invite, Notice, Stand},
        turn::Turn,
    },
    outbox::Noticed,
    records::{self, ActivityRecord},
    store::Write,
    time::Instant,
};
use chalktalk_ipc::{
    HostId, SessionId, UserId,
    event::Scope,
    nway::{Policy, Standing},
    request::Topic,
};
use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

pub use asking::StartWish;
use running::Launched;

/// App sessions known at once, and of them from one person: nobody fills another's list.
const MAX_APPS: usize = 256;
const MAX_FROM_ONE: usize = 32;

/// App sessions of which something was said before the invitation came, and what is kept of each.
const MAX_EARLY: usize = 64;
const MAX_EARLY_NOTICES: usize = 256;

/// Who has come is given so long to say that the invitation has reached them; then the first host asks them in person, and
/// each one behind it so much later.
const ASK_NEWCOMERS: Duration = Duration::from_millis(1500);

/// An app session without anybody is told of as ended after this: who has just gone may be back.
const END: Duration = Duration::from_millis(500);

/// And forgotten after this: who comes back from another part of the network may still be in it.
const FORGET: Duration = Duration::from_secs(600);

/// What never began has nothing in it that could come back.
const FORGET_UNUSED: Duration = Duration::from_secs(10);

/// After a restart an agent says within this time which programs still run.
const SETTLE: Duration = Duration::from_secs(5);

/// All app sessions that local users can see.
#[derive(Default)]
pub(super) struct Together {
    apps: BTreeMap<SessionId, Running>,
    early: BTreeMap<SessionId, Vec<Noticed>>,
    stirred: BTreeSet<SessionId>,
}

/// An app session, and what this host has to do with it.
struct Running {
    parent: SessionId,
    activity: Activity,
    /// Local users who are asked, and by whom.
    invited: BTreeMap<UserId, UserId>,
    /// What local users have said that is not in their logs yet: how many notices, and the last of them.
    pending: BTreeMap<UserId, (usize, Stand)>,
    /// When invitations that were not answered are void.
    expires: Instant,
    /// When it came, ms since 1970.
    wall: u64,
    /// When members who have not heard of it are asked in person.
    newcomers_at: Option<Instant>,
    /// When those who accepted are let into the sealed session, where their inviter is not there to do it.
    admit_at: BTreeMap<UserId, Instant>,
    launched: BTreeMap<UserId, Launched>,
    /// Local users for whom a policy has accepted.
    automatic: BTreeSet<UserId>,
    /// The last lines of what local users' copies wrote.
    said: BTreeMap<UserId, Vec<String>>,
    /// Until when programs of an earlier life may turn up.
    settles: Option<Instant>,
    /// Local users whose agent has said which of their copies run.
    told_copies: BTreeSet<UserId>,
    ended: Option<Instant>,
    told_end: bool,
    /// Since when none of this host's users is in the parent.
    away: Option<Instant>,
    look_at: Option<Instant>,
}

impl Together {
    /// When something has to be looked at.
    pub(super) fn next_timeout(&self) -> Option<Instant> {
        self.apps.values().filter_map(|running| running.look_at).min()
    }
}

impl Running {
    fn new(parent: SessionId, activity: Activity, now: Instant, wall: u64) -> Self {
        let lifetime = Duration::from_secs(u64::from(activity.invite.lifetime));
        Self {
            parent,
            activity,
            invited: BTreeMap::new(),
            pending: BTreeMap::new(),
            expires: now + lifetime,
            wall,
            newcomers_at: None,
            admit_at: BTreeMap::new(),
            launched: BTreeMap::new(),
            automatic: BTreeSet::new(),
            said: BTreeMap::new(),
            settles: None,
            told_copies: BTreeSet::new(),
            ended: None,
            told_end: false,
            away: None,
            look_at: None,
        }
    }

    /// How a local user stands, by their last word.
    fn stand(&self, me: &Member) -> Option<&Stand> {
        self.pending.get(&me.user).map(|(_, stand)| stand).or_else(|| self.activity.stand(me))
    }

    /// Whether a local user's copy runs; `None`: it is not known yet.
    fn copy_runs(&self, user: UserId, now: Instant) -> Option<bool> {
        let settles = self.settles.is_some_and(|until| until > now) && !self.told_copies.contains(&user);
        let runs = self.launched.contains_key(&user);
        (runs || !settles).then_some(runs)
    }

    fn look_at(&mut self, at: Instant) {
        self.look_at = Some(self.look_at.map_or(at, |before| before.min(at)));
    }

    fn record(&self, now: Instant, wall: u64) -> ActivityRecord {
        let left = self.expires.since(now).as_millis() as u64;
        ActivityRecord {
            parent: self.parent,
            invite: self.activity.invite.clone(),
            asked: self.activity.asked.iter().copied().collect(),
            cancelled: self.activity.cancelled,
            invited: self.invited.iter().map(|(user, from)| (*user, *from)).collect(),
            wall: self.wall,
            expires: wall + left,
        }
    }
}

impl Node {
    fn member(&self, user: UserId) -> Member {
        Member { user, host: self.host }
    }

    /// A local user, and what is known here of an app session besides what was said of it.
    fn here<'a>(&self, running: &'a Running, user: UserId, present: &'a dyn Fn(HostId) -> bool) -> Here<'a> {
        let (me, now) = (self.member(user), self.out.now);
        let (invited, expired) = (running.invited.contains_key(&user), running.expires <= now);
        let copy = running.copy_runs(user, now);
        Here { me, stand: running.stand(&me), present, invited, expired, copy }
    }

    /// Which hosts are in a session now, this one included.
    fn hosts_in(&self, session: SessionId) -> BTreeSet<HostId> {
        let there = self.sessions.get(&session).map(|found| found.present().collect::<Vec<_>>());
        there.unwrap_or_default().into_iter().chain([self.host]).collect()
    }

    /// Whether this is an app session that is known here.
    pub(super) fn is_app_session(&self, id: SessionId) -> bool {
        self.together.apps.contains_key(&id)
    }

    /// Something about an app session has to be looked at.
    pub(super) fn stir(&mut self, id: SessionId) {
        self.together.stirred.insert(id);
    }

    /// Who is in a session has changed: so may have what is run from it.
    pub(super) fn stir_children(&mut self, parent: SessionId) {
        let children = self.together.apps.iter().filter(|(id, app)| app.parent == parent || **id == parent);
        let children: Vec<SessionId> = children.map(|(id, _)| *id).collect();
        if !children.is_empty() {
            self.changed.insert(Topic::Sessions);
        }
        self.together.stirred.extend(children);
    }

    /// An app session that the store remembers.
    pub(super) fn restore_activity(&mut self, record: ActivityRecord) {
        let (now, wall) = (self.out.now, self.out.wall);
        let id = record.invite.session;
        let mut running = Running::new(record.parent, Activity::new(record.invite), now, record.wall);
        running.expires = now + Duration::from_millis(record.expires.saturating_sub(wall));
        running.activity.asked = record.asked.into_iter().collect();
        running.activity.cancelled = record.cancelled;
        running.invited = record.invited.into_iter().collect();
        running.settles = Some(now + SETTLE);
        running.look_at(now + SETTLE);
        self.together.apps.insert(id, running);
    }

    /// How somebody stood, as the store remembers it.
    pub(super) fn restore_stand(
        &mut self,
        id: SessionId,
        author: Member,
        place: crate::members::statement::Place,
        stand: Stand,
    ) {
        if let Some(running) = self.together.apps.get_mut(&id) {
            running.activity.apply(author, place, &Notice::Stand(stand));
        }
    }

    /// Something was said of an app session.
    pub(super) fn on_noticed(&mut self, said: Noticed) {
        let id = said.notice.session();
        match self.together.apps.get(&id) {
            Some(running) if running.parent != said.parent => {
                return self.out.counters.add("drop.notice from elsewhere", 1);
            }
            Some(_) => {}
            None => match &said.notice {
                Notice::Invite(_) if !self.take_up(&said) => return,
                Notice::Invite(_) => {}
                _ => return self.keep_early(said),
            },
        }
        self.take_notice(said);
        for early in self.together.early.remove(&id).unwrap_or_default() {
            self.take_notice(early);
        }
    }

    /// An app session that was not known. False: it is not taken up.
    fn take_up(&mut self, said: &Noticed) -> bool {
        let Notice::Invite(invite) = &said.notice else { return false };
        if invite.to.is_none() && invite.creator != said.author.user {
            self.out.counters.add("drop.invitation of another", 1);
            return false;
        }
        let by_them = |app: &&Running| app.activity.invite.creator == invite.creator && app.ended.is_none();
        let of_one = self.together.apps.values().filter(by_them);
        let mine = said.author.host == self.host;
        if !mine && (of_one.count() >= MAX_FROM_ONE || self.together.apps.len() >= MAX_APPS) {
            self.out.counters.add("drop.too many invitations", 1);
            return false;
        }
        let running = Running::new(said.parent, Activity::new(invite.clone()), self.out.now, self.out.wall);
        self.together.apps.insert(invite.session, running);
        true
    }

    fn keep_early(&mut self, said: Noticed) {
        let id = said.notice.session();
        let early = &mut self.together.early;
        if early.len() >= MAX_EARLY && !early.contains_key(&id) {
            early.pop_first();
        }
        let kept = early.entry(id).or_default();
        if kept.len() < MAX_EARLY_NOTICES {
            kept.push(said);
        }
    }

    fn take_notice(&mut self, said: Noticed) {
        let id = said.notice.session();
        let users: Vec<UserId> = self
            .sessions
            .get(&said.parent)
            .map(|parent| parent.joined.iter().copied().collect())
            .unwrap_or_default();
        let from = said.author.user;
        let counts = |user: &UserId| said.author != self.member(*user) && !self.is_shut(*user, from);
        let meant = |user: &&UserId| match &said.notice {
            Notice::Invite(invite) => invite.to.map_or(!said.history, |to| to == **user) && counts(user),
            _ => false,
        };
        let asked: Vec<UserId> = users.iter().filter(meant).copied().collect();
        let Some(running) = self.together.apps.get_mut(&id) else { return };
        let mut news = running.activity.apply(said.author, said.place, &said.notice);
        for user in asked {
            news |= running.invited.insert(user, from).is_none();
        }
        if said.author.host == self.host
            && matches!(said.notice, Notice::Stand(_))
            && let Some((left, _)) = running.pending.get_mut(&from)
        {
            *left -= 1;
            if *left == 0 {
                running.pending.remove(&from);
            }
        }
        if let Notice::Stand(stand) = &said.notice
            && news
        {
            let (key, value) = records::stand(id, said.author, said.place, stand);
            self.out.writes.push(Write::Record { key, value });
        } else if news || matches!(said.notice, Notice::Invite(_)) {
            let record = running.record(self.out.now, self.out.wall);
            let (key, value) = records::activity(id, &record);
            self.out.writes.push(Write::Record { key, value });
        }
        self.changed.extend([Topic::Sessions, Topic::Invitations]);
        self.stir(id);
    }

    /// Does what has to be done about the app sessions of which something has changed.
    pub(super) fn settle_together(&mut self) {
        for said in std::mem::take(&mut self.out.noticed) {
            self.on_noticed(said);
        }
        while let Some(id) = self.together.stirred.pop_first() {
            if let Some(mut running) = self.together.apps.remove(&id) {
                let goes_on = self.look_after(id, &mut running);
                if goes_on {
                    self.together.apps.insert(id, running);
                } else {
                    self.forget_app_session(id, &running);
                }
            }
        }
    }

    /// Time has passed.
    pub(super) fn time_together(&mut self) {
        let now = self.out.now;
        let due = self.together.apps.iter().filter(|(_, app)| app.look_at.is_some_and(|at| at <= now));
        let due: Vec<SessionId> = due.map(|(id, _)| *id).collect();
        self.together.stirred.extend(due);
    }

    /// Looks after one app session. False: there is nothing left of it.
    fn look_after(&mut self, id: SessionId, running: &mut Running) -> bool {
        let now = self.out.now;
        running.look_at = None;
        let users: Vec<UserId> = match self.sessions.get(&running.parent) {
            Some(parent) => parent.joined.iter().copied().collect(),
            None => Vec::new(),
        };
        if users.is_empty() {
            return self.wait_for_return(id, running);
        }
        let are_back = running.away.take().is_some();
        let hosts = self.hosts_in(running.parent);
        let present = |host: HostId| hosts.contains(&host);
        let times = [Some(running.expires), running.settles];
        times.into_iter().flatten().filter(|at| *at > now).for_each(|at| running.look_at(at));
        for user in users {
            if are_back {
                self.turn(running, user, Turn::Withdraw("they left the conversation"));
            }
            if running.pending.contains_key(&user) {
                continue;
            }
            self.come_in(id, running, user);
            match running.activity.duty(&self.here(running, user, &present)) {
                Some(Duty::Note) => self.note_invitation(running, user),
                Some(Duty::Start) => self.launch_copy(id, running, user),
                Some(Duty::Withdraw(why)) => drop(self.turn(running, user, Turn::Withdraw(why))),
                Some(Duty::Lost) => drop(self.turn(running, user, Turn::Lost)),
                None => {}
            }
        }
        self.admit(id, running, &present);
        self.ask_newcomers(id, running, &present);
        self.look_for_the_end(id, running, &present)
    }

    /// All local users have left the parent. What they said last stands in their logs, and counts again when they come back: so
    /// it is known until then, unless nothing of it could count. False: there is nothing left of it.
    fn wait_for_return(&mut self, id: SessionId, running: &mut Running) -> bool {
        let now = self.out.now;
        let left = *running.away.get_or_insert(now);
        running.pending.clear(); // what is not in a log by now is said to nobody
        self.part_from(id);
        let of_ours =
            |(member, _, stand): (Member, _, &Stand)| member.host == self.host && stand.standing.is_active();
        let counts = running.activity.stands().any(of_ours);
        if counts || !self.sessions.contains_key(&running.parent) {
            return counts && self.sessions.contains_key(&running.parent);
        }
        running.look_at(left + FORGET);
        now.since(left) < FORGET
    }

    /// Who takes part and is not in the app session comes into it, where that does not take somebody else's key: they had left
    /// the conversation meanwhile, or this host crashed before it had stored that they are in it. A sealed one whose key was
    /// lost so is made anew by who made it: nobody was let in before.
    fn come_in(&mut self, id: SessionId, running: &Running, user: UserId) {
        let stand = running.stand(&self.member(user)).map(|stand| stand.standing);
        let takes_part = stand == Some(Standing::Accepted) || running.launched.contains_key(&user);
        if !takes_part || self.has_joined(user, id) {
            return;
        }
        let invite = running.activity.invite.clone();
        let open = self.sessions.get(&running.parent).is_some_and(|p| p.descriptor.scope == Scope::Open);
        if open || (user == invite.creator && !self.sessions.contains_key(&id)) {
            self.make_app_session(id, user, running.parent, &invite);
        }
    }

    /// An invitation has come to a local user: they are asked, or their policy answers.
    fn note_invitation(&mut self, running: &mut Running, user: UserId) {
        let from = running.invited[&user];
        let lacks = self.what_lacks(user, &running.activity.invite.app);
        let policy = self.policy(user, &running.activity.invite.app, from);
        self.out.counters.add("nway.invitations", 1);
        let turn = match (lacks, policy) {
            (_, Policy::Never) => Turn::Decline,
            (Some(detail), _) => Turn::Lacks(detail),
            (None, Policy::Auto) if self.may_cause(user, from) => {
                return self.enter_part(running, user, Default::default(), true);
            }
            (None, _) => Turn::Asked(self.other_version(running, user)),
        };
        self.turn(running, user, turn);
        self.changed.insert(Topic::Invitations);
    }

    /// Something happens to how a local user stands, and they say so. False: nothing changes by it.
    fn turn(&mut self, running: &mut Running, user: UserId, turn: Turn) -> bool {
        let me = self.member(user);
        let before = running.stand(&me);
        let after = turn.of(running.activity.session(), before);
        let Some(after) = after.filter(|after| Some(after) != before) else { return false };
        self.say_stand(running, user, after);
        true
    }

    /// The same, of an app session that is not being looked after.
    fn turn_in(&mut self, id: SessionId, user: UserId, turn: Turn) -> bool {
        let Some(mut running) = self.together.apps.remove(&id) else { return false };
        let turned = self.turn(&mut running, user, turn);
        self.together.apps.insert(id, running);
        self.stir(id);
        turned
    }

    /// A local user says how they stand.
    fn say_stand(&mut self, running: &mut Running, user: UserId, stand: Stand) {
        let parent = self.sessions.get_mut(&running.parent).filter(|parent| parent.joined.contains(&user));
        let Some(parent) = parent else { return }; // who has left says it when they are back
        parent.notify(user, &Notice::Stand(stand.clone()));
        let waiting = running.pending.get(&user).map_or(0, |(count, _)| *count);
        running.pending.insert(user, (waiting + 1, stand));
        self.changed.insert(Topic::Sessions);
    }

    /// Lets those who have accepted into the app session, where it is sealed: who made it at once, the others in their turn.
    fn admit(&mut self, id: SessionId, running: &mut Running, present: &dyn Fn(HostId) -> bool) {
        let now = self.out.now;
        let Some(session) = self.sessions.get(&id) else { return };
        let Some(members) = &session.members else { return };
        let Some(speaker) = session.joined.iter().copied().find(|user| members.roll().is_member(user)) else {
            return;
        };
        let creator = self.users.contains_key(&running.activity.invite.creator);
        let turn = match creator {
            true => 0,
            false => 1 + rotation::turn(id, self.host, session.present()) as u32,
        };
        let wanted = running.activity.active(present).into_iter().map(|member| member.user);
        let wanted: BTreeSet<UserId> =
            wanted.filter(|user| members.roll().may_invite(&speaker, user)).collect();
        running.admit_at.retain(|user, _| wanted.contains(user));
        let mut due = Vec::new();
        for user in wanted {
            let at = *running.admit_at.entry(user).or_insert(now + ASK_NEWCOMERS * turn.min(10));
            match at <= now {
                true => due.push(user),
                false => running.look_at(at),
            }
        }
        if let Some(session) = self.sessions.get_mut(&id).filter(|_| !due.is_empty()) {
            // In the log only in the next turn: until then they are not asked again.
            running.admit_at.extend(due.iter().map(|user| (*user, now + ASK_NEWCOMERS)));
            session.invite(speaker, &due);
        }
    }

    /// Asks those in person who are in the parent and have not said that the invitation reached them.
    fn ask_newcomers(&mut self, id: SessionId, running: &mut Running, present: &dyn Fn(HostId) -> bool) {
        let now = self.out.now;
        if running.activity.closed(present).is_some() {
            running.newcomers_at = None;
            return;
        }
        let turn = rotation::turn(
            id,
            self.host,
            self.hosts_in(running.parent).into_iter().filter(|h| *h != self.host),
        );
        let at = *running.newcomers_at.get_or_insert(now + ASK_NEWCOMERS * (1 + turn.min(10) as u32));
        if at > now {
            return running.look_at(at);
        }
        running.newcomers_at = None;
        let there = self.members(running.parent);
        let there = there.into_iter().map(|member| Member { user: member.user, host: member.host_id });
        let unasked = running.activity.unasked(there.filter(|member| member.host != self.host), present);
        let speaker = self.sessions.get(&running.parent).and_then(|parent| {
            let users =
                parent.joined.iter().filter(|user| running.activity.stand(&self.member(**user)).is_some());
            users.copied().next()
        });
        let Some(speaker) = speaker else { return };
        for member in unasked {
            let invite = Invite { to: Some(member.user), ..running.activity.invite.clone() };
            if let Some(parent) = self.sessions.get_mut(&running.parent) {
                parent.notify(speaker, &Notice::Invite(invite));
                self.out.counters.add("nway.newcomers asked", 1);
            }
        }
    }

    /// Whether an app session has ended, and what follows. False: there is nothing left of it.
    fn look_for_the_end(
        &mut self,
        id: SessionId,
        running: &mut Running,
        present: &dyn Fn(HostId) -> bool,
    ) -> bool {
        let now = self.out.now;
        let active = !running.activity.active(present).is_empty() || !running.pending.is_empty();
        if active || running.activity.stands().next().is_none() && running.expires > now {
            running.ended = None;
            return true;
        }
        let ended = *running.ended.get_or_insert(now);
        if now.since(ended) < END {
            running.look_at(ended + END);
            return true;
        }
        if !running.told_end {
            running.told_end = true;
            self.tell_the_end(id, running);
            self.part_from(id);
            self.changed.extend([Topic::Sessions, Topic::Invitations]);
        }
        let began = running.activity.stands().any(|(_, _, stand)| stand.status.is_some());
        let keep = if began { FORGET } else { FORGET_UNUSED };
        running.look_at(ended + keep);
        now.since(ended) < keep
    }

    fn forget_app_session(&mut self, id: SessionId, running: &Running) {
        self.part_from(id);
        self.out.writes.push(Write::ForgetRecord { key: records::activity_key(id) });
        for (member, _, _) in running.activity.stands() {
            self.out.writes.push(Write::ForgetRecord { key: records::stand_key(id, member) });
        }
        self.changed.extend([Topic::Sessions, Topic::Invitations]);
    }

    /// All local users are out of an app session.
    fn part_from(&mut self, id: SessionId) {
        let users: Vec<UserId> = self
            .sessions
            .get(&id)
            .map(|session| session.joined.iter().copied().collect())
            .unwrap_or_default();
        for user in users {
            self.close_all(id, user, "it has ended");
            let Some(session) = self.sessions.get_mut(&id) else { return };
            session.joined.remove(&user);
            session.left.insert(user);
            if session.members.is_some() {
                self.leave_invited(user, id);
            }
            self.save_session(id);
            self.heartbeat.on_change(self.out.now);
        }
    }
}
