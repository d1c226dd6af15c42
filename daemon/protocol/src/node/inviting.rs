//! Invite sessions: making one, asking people in and out, and what invitations bring.
//!
//! An invitation is sent to every host of the invited user until one answers: at once by the host of who asks, by the hosts
//! of other members in their turn, whenever the invited user is there. A member who is on another host too is asked there by
//! their own first one.
//!
//! Invariant: nobody is put into a session; local users enter one by their own word only.

use super::{Node, local::refuse};
use crate::{
    control::{Descriptor, SessionItem},
    directory::Reach,
    ids,
    members::{
        invitation::{self, Invitation, Token},
        rotation,
        statement::{Secret, Statement},
    },
    net::Arrival,
    records::{self, InvitationRecord},
    seal::{Key, Ring},
    session::{Session, members::Members},
    store::Write,
    time::Instant,
};
use chalktalk_ipc::{
    Answer, AppId, HostId, InstanceId, Refusal, RefusalCode, SessionId, UserId,
    event::{InvitationSummary, Scope},
    request::{SessionKind, Topic},
    text,
};
use rand_core::Rng;
use std::{collections::BTreeMap, net::SocketAddr, time::Duration};

/// People one request asks in: a burst of statements, with room to spare.
const MAX_INVITED: usize = 256;

/// Invitations a user may have waiting, and of them from one person: nobody fills another's list.
const MAX_WAITING: usize = 256;
const MAX_FROM_ONE: usize = 16;

/// An unanswered invitation is sent again after this, and twice as long each time, up to the longest wait.
const ASK_AGAIN: Duration = Duration::from_millis(500);
const LONGEST_WAIT: Duration = Duration::from_secs(8);

/// A host of a member waits so long for each host before it to be answered.
const TURN: Duration = Duration::from_secs(3);

/// What a new invite session is to be.
#[derive(Clone, Debug)]
pub struct Wish<'a> {
    /// Its name.
    pub title: &'a str,
    /// Its app.
    pub app: &'a AppId,
    /// Kept or live.
    pub kind: SessionKind,
    /// Whether newcomers see its past.
    pub history: bool,
    /// Whom to ask in.
    pub invite: &'a [String],
}

/// When somebody is asked next.
#[derive(Clone, Copy, Debug)]
struct Plan {
    at: Instant,
    tries: u32,
}

/// Who is still to be asked.
#[derive(Default)]
pub(super) struct Inviting {
    plans: BTreeMap<(SessionId, UserId), Plan>,
    /// Members who are there, and whose host does not know that they are in (somebody who was out themselves had removed them),
    /// with the stamp of when they were asked to come back: what was said before does not put them out again.
    astray: BTreeMap<(SessionId, UserId), u64>,
    /// Invitations of local users that they have not accepted.
    waiting: BTreeMap<(UserId, SessionId), InvitationRecord>,
}

impl Inviting {
    /// An invitation that the store remembers.
    pub(super) fn restore(&mut self, user: UserId, session: SessionId, record: InvitationRecord) {
        self.waiting.insert((user, session), record);
    }

    /// When somebody has to be asked.
    pub(super) fn next_timeout(&self) -> Option<Instant> {
        self.plans.values().map(|plan| plan.at).min()
    }
}

impl Node {
    /// A user makes an invite session, and asks others in.
    pub fn create(&mut self, now: Instant, user: UserId, wish: &Wish<'_>) -> Result<Answer, Refusal> {
        self.at(now);
        let title = text::label(wish.title.trim_start_matches('#'));
        if title.is_empty() {
            return refuse(RefusalCode::BadRequest, "a room needs a name");
        }
        let invited = self.people(user, wish.invite)?;
        let (mut nonce, mut frames) = ([0; 16], [0; 32]);
        self.out.rng.fill_bytes(&mut nonce);
        self.out.rng.fill_bytes(&mut frames);
        let id = ids::created(wish.app, &user, &nonce);
        self.check_session_limit(user, id)?;
        let descriptor = Descriptor {
            app: wish.app.clone(),
            title,
            scope: Scope::Invite,
            kind: wish.kind,
            history: wish.history,
            parent: None,
        };
        let members = Members::new(user, nonce, Key::new(frames), wish.history);
        self.enter_invited(id, user, descriptor, members, None);
        let session = self.sessions.get_mut(&id).expect("just entered");
        session.rotate(&mut self.out);
        session.invite(user, &invited);
        self.settle();
        Ok(Answer::Session(self.summary(id, user)))
    }

    /// A member asks others into a session.
    pub fn invite(
        &mut self,
        now: Instant,
        user: UserId,
        target: &str,
        app: &AppId,
        users: &[String],
    ) -> Result<Answer, Refusal> {
        self.at(now);
        let id = self.resolve(user, target, app)?;
        let invited = self.people(user, users)?;
        let target = &self.called(user, id, target);
        let roll = self.membership(user, id, target)?.roll();
        let (astray, invited): (Vec<UserId>, Vec<UserId>) =
            invited.into_iter().partition(|other| self.is_astray(id, *other));
        for other in &invited {
            if !roll.may_invite(&user, other) {
                let name = self.name_of_user(*other);
                return match roll.in_or_invited().any(|known| known == *other) {
                    true => refuse(
                        RefusalCode::BadRequest,
                        format!("{name} is in {target}, or has been asked already"),
                    ),
                    false => refuse(
                        RefusalCode::NotAllowed,
                        format!(
                            "{name} was removed from {target}: only who removed them or who made it can ask them in again"
                        ),
                    ),
                };
            }
        }
        if !invited.is_empty() {
            self.sessions.get_mut(&id).expect("it was looked up").invite(user, &invited);
        }
        let stamp = self.sessions.get(&id).map_or(0, Session::stamp);
        self.inviting.astray.extend(astray.into_iter().map(|other| ((id, other), stamp)));
        self.plan_invitations();
        self.settle();
        Ok(Answer::Done)
    }

    /// A member puts somebody out of a session.
    pub fn remove(
        &mut self,
        now: Instant,
        user: UserId,
        target: &str,
        app: &AppId,
        other: &str,
    ) -> Result<Answer, Refusal> {
        self.at(now);
        let id = self.resolve(user, target, app)?;
        let other = self.resolve_user(user, other.trim_start_matches('@'))?;
        let target = &self.called(user, id, target);
        let roll = self.membership(user, id, target)?.roll();
        let name = self.name_of_user(other);
        if !roll.in_or_invited().any(|known| known == other) {
            return refuse(RefusalCode::Unknown, format!("{name} is not in {target}"));
        }
        if !roll.may_remove(&user, &other) {
            let message = format!("only who made {target} and who asked {name} in can remove them");
            return refuse(RefusalCode::NotAllowed, message);
        }
        self.sessions.get_mut(&id).expect("it was looked up").put_out(user, other);
        self.settle();
        Ok(Answer::Done)
    }

    /// Invitations that wait for a user's answer.
    pub fn invitations(&self, user: UserId) -> Vec<InvitationSummary> {
        let waiting =
            self.inviting.waiting.iter().filter(|((to, _), record)| *to == user && !record.declined);
        let sealed = waiting.map(|((_, id), record)| InvitationSummary {
            session: *id,
            app: record.invitation.descriptor.app.clone(),
            title: format!("#{}", text::label(&record.invitation.descriptor.title)),
            user: record.from,
            name: self.name_of_user(record.from),
            time: record.time,
            nway: None,
        });
        sealed.chain(self.app_invitations(user)).collect()
    }

    /// A user accepts an invitation, or declines it.
    pub fn answer_invitation(
        &mut self,
        now: Instant,
        user: UserId,
        id: SessionId,
        accept: bool,
    ) -> Result<Answer, Refusal> {
        self.at(now);
        if self.is_app_session(id) {
            return self.answer_app_invitation(user, id, accept);
        }
        let found = self.inviting.waiting.get(&(user, id)).filter(|record| !record.declined).cloned();
        let Some(record) = found else {
            return refuse(
                RefusalCode::Unknown,
                format!("no invitation {id} waits; `chalktalk invitations` lists them"),
            );
        };
        self.changed.insert(Topic::Invitations);
        if accept {
            self.check_session_limit(user, id)?;
            self.accept(user, id, &record);
            self.settle();
            if !self.has_joined(user, id) {
                return refuse(RefusalCode::NotAllowed, asked_in_vain(&record.invitation.descriptor.title));
            }
            return Ok(Answer::Session(self.summary(id, user)));
        }
        let declined = InvitationRecord { declined: true, ..record };
        self.keep_invitation(user, id, declined.clone());
        self.answer(user, id, &declined);
        self.settle();
        Ok(Answer::Done)
    }

    /// The one invitation of a user to a session of this name.
    pub(super) fn invitation_named(&self, user: UserId, app: &AppId, name: &str) -> Option<SessionId> {
        let named = |record: &InvitationRecord| {
            let descriptor = &record.invitation.descriptor;
            descriptor.app == *app
                && ids::normalised(&descriptor.title) == ids::normalised(name)
                && !record.declined
        };
        let mut found = self
            .inviting
            .waiting
            .iter()
            .filter(|((to, _), record)| *to == user && named(record))
            .map(|((_, id), _)| *id);
        found.next().filter(|_| found.next().is_none())
    }

    /// Whether a user has been asked into a session, and has not said no.
    pub(super) fn is_invited(&self, user: UserId, id: SessionId) -> bool {
        self.inviting.waiting.get(&(user, id)).is_some_and(|record| !record.declined)
    }

    pub(super) fn accept(&mut self, user: UserId, id: SessionId, record: &InvitationRecord) {
        let Invitation { descriptor, creator, nonce, stamp, key, frames } = record.invitation.clone();
        let members = Members::new(creator, nonce, frames.key(), descriptor.history);
        self.enter_invited(id, user, descriptor, members, Some((key.key(), stamp)));
        self.inviting.waiting.remove(&(user, id));
        self.out.writes.push(Write::ForgetRecord { key: records::invitation_key(user, id) });
        self.sessions.get_mut(&id).expect("just entered").say(user, &Statement::Accept);
        self.changed.insert(Topic::Invitations);
    }

    /// A local user is in an invite session: made here, or by an invitation with this key and stamp.
    pub(super) fn enter_invited(
        &mut self,
        id: SessionId,
        user: UserId,
        descriptor: Descriptor,
        members: Members,
        came: Option<(Key, u64)>,
    ) {
        let now = self.out.now;
        let session = self
            .sessions
            .entry(id)
            .or_insert_with(|| Session::new(id, descriptor.clone(), Ring::locked(), now));
        session.set_storing(self.storing, now);
        session.hold_writing(self.quiet_until, self.quiet_until);
        let members = session.members.get_or_insert(members);
        members.leaving.remove(&user);
        if let Some((_, stamp)) = &came {
            session.come_by(user, *stamp);
        }
        if let Some((key, _)) = came {
            session.learn_key(key, &mut self.out);
        }
        if let Some(local) = self.users.get(&user) {
            session.add_identity(user, local.key.clone(), &mut self.out);
        }
        self.enter(id, user, descriptor, None);
        self.refresh_presence(id);
    }

    /// What the store remembers to be sealed to a user can be opened from now on.
    pub(super) fn unlock_invited(&mut self, user: UserId) {
        let Some(key) = self.users.get(&user).map(|local| local.key.clone()) else { return };
        for session in self.sessions.values_mut().filter(|session| session.is_of(&user)) {
            session.add_identity(user, key.clone(), &mut self.out);
        }
    }

    /// A user leaves an invite session. The host stays in it until another one knows.
    pub(super) fn leave_invited(&mut self, user: UserId, id: SessionId) {
        let Some(session) = self.sessions.get_mut(&id) else { return };
        session.put_out(user, user);
        if let Some(members) = &mut session.members {
            members.leaving.insert(user);
        }
        self.out.memberships.insert(id);
    }

    /// What a user calls a session that they are in, rather than its id.
    fn called(&self, user: UserId, id: SessionId, target: &str) -> String {
        let session = self.sessions.get(&id).filter(|session| session.joined.contains(&user));
        session.map_or_else(|| target.to_owned(), |session| self.title(session, user))
    }

    /// The membership of a session that a user is in and that has one.
    fn membership(&self, user: UserId, id: SessionId, target: &str) -> Result<&Members, Refusal> {
        let session = self.sessions.get(&id).filter(|session| session.joined.contains(&user));
        let Some(session) = session else {
            return refuse(RefusalCode::NotJoined, format!("you are not in {target}"));
        };
        let Some(members) = &session.members else {
            let message = format!(
                "{target} is not by invitation: `chalktalk room create NAME --invite USER…` makes a room that is"
            );
            return refuse(RefusalCode::BadRequest, message);
        };
        if !members.roll().is_member(&user) {
            let message = format!(
                "what was said in {target} has not arrived yet; try again when others of it are there"
            );
            return refuse(RefusalCode::Busy, message);
        }
        Ok(members)
    }

    fn people(&self, me: UserId, names: &[String]) -> Result<Vec<UserId>, Refusal> {
        if names.len() > MAX_INVITED {
            return refuse(
                RefusalCode::BadRequest,
                format!("at most {MAX_INVITED} people can be asked at once"),
            );
        }
        let mut people: Vec<UserId> = Vec::new();
        for name in names {
            let user = self.resolve_user(me, name.trim_start_matches('@'))?;
            if !people.contains(&user) {
                people.push(user);
            }
        }
        Ok(people)
    }

    // --- what others bring ----------------------------------------------------------------------------------------

    /// An invitation arrived for somebody here, or for nobody.
    pub(super) fn on_invitation(&mut self, arrival: Arrival, rest: &[u8]) {
        let opened =
            self.users.iter().find_map(|(user, local)| Some((*user, Invitation::open(&local.key, rest)?)));
        match opened {
            Some((user, (invitation, from))) => self.take_invitation(user, invitation, from),
            None => self.refuse(arrival, "drop.not opened"),
        }
    }

    fn take_invitation(&mut self, user: UserId, invitation: Invitation, from: UserId) {
        if self.is_shut(user, from) {
            return self.out.counters.add("drop.invitation held back", 1);
        }
        let id = invitation.session();
        if invitation.descriptor.parent.is_some() && !self.waits_for_key(user, id) {
            return self.out.counters.add("drop.key of an app session", 1); // it was not accepted, or has come
        }
        let known = self.inviting.waiting.get(&(user, id));
        let in_it = self.sessions.get(&id).filter(|session| session.joined.contains(&user));
        let came =
            in_it.and_then(|session| session.members.as_ref()).and_then(|members| members.came.get(&user));
        let old = known.is_some_and(|record| record.invitation.stamp >= invitation.stamp)
            || came.is_some_and(|stamp| *stamp >= invitation.stamp);
        let mut record = InvitationRecord { invitation, from, time: self.out.wall, declined: false };
        if old {
            record.declined = known.is_some_and(|record| record.declined);
            return self.answer(user, id, &record);
        }
        let mine = self.inviting.waiting.iter().filter(|((to, _), _)| *to == user);
        let of_one = mine.clone().filter(|(_, record)| record.from == from).count();
        if known.is_none() && (mine.count() >= MAX_WAITING || of_one >= MAX_FROM_ONE) {
            return self.out.counters.add("drop.too many invitations", 1);
        }
        self.answer(user, id, &record);
        if record.invitation.descriptor.parent.is_some() {
            self.accept(user, id, &record); // the word for it was given in the session it was started from
            return self.stir(id);
        }
        self.keep_invitation(user, id, record);
        self.changed.insert(Topic::Invitations);
        self.out.counters.add("invitations", 1);
    }

    fn keep_invitation(&mut self, user: UserId, id: SessionId, record: InvitationRecord) {
        let (key, value) = records::invitation(user, id, &record);
        self.out.writes.push(Write::Record { key, value });
        self.out.urgent = true;
        self.inviting.waiting.insert((user, id), record);
    }

    /// Tells all members that an invitation has come, or that the answer is no.
    fn answer(&mut self, user: UserId, id: SessionId, record: &InvitationRecord) {
        let key = record.invitation.key.key();
        let token = match record.declined {
            true => invitation::declined(&key, id, user),
            false => invitation::received(&key, id, user),
        };
        self.on_answer(None, id, &token); // somebody else of this host may have asked
        self.out.group.push_back(vec![invitation::answer(id, token).into()]);
    }

    /// Somebody has answered an invitation to a session.
    pub(super) fn on_answer(&mut self, from: Option<SocketAddr>, id: SessionId, token: &[u8]) {
        let (Some(session), Ok(token)) = (self.sessions.get_mut(&id), Token::try_from(token)) else { return };
        let Some(members) = &mut session.members else { return };
        let says = |make: fn(&Key, SessionId, UserId) -> Token, user: UserId| {
            members.session_keys().any(|key| same(&make(key, id, user), &token))
        };
        let own = session
            .joined
            .iter()
            .find(|user| says(invitation::received, **user) || says(invitation::declined, **user));
        if let Some((user, from)) = own.copied().zip(from) {
            let hosts = self.directory.hosts().filter(|(_, host)| host.addresses().any(|at| at == from));
            members.told.extend(hosts.map(|(host, _)| host));
            self.inviting.plans.remove(&(id, user));
            return;
        }
        let found = members.roll().invited().find_map(|(user, inviter)| {
            let no = says(invitation::declined, user);
            (no || says(invitation::received, user)).then_some((user, inviter, no))
        });
        let Some((user, inviter, no)) = found else {
            let astray =
                |user: &UserId| says(invitation::received, *user) || says(invitation::declined, *user);
            let of_it = |(of, user): &&(SessionId, UserId)| *of == id && astray(user);
            if let Some(found) = self.inviting.astray.keys().find(of_it).copied() {
                self.inviting.astray.remove(&found); // it is for them to say
                self.inviting.plans.remove(&found);
            }
            return;
        };
        members.received.insert((user, members.roll().since(&user)));
        self.inviting.plans.remove(&(id, user));
        let asked = self.users.contains_key(&inviter) || members.asked.contains(&user);
        let speaker = session.joined.iter().copied().find(|user| session.is_member(user));
        if let Some(speaker) = speaker.filter(|_| no && asked) {
            session.say(speaker, &Statement::Decline { user });
        }
    }

    // --- who is to be asked ---------------------------------------------------------------------------------------

    /// Sees who is still to be asked into which session, since the membership or who is present has changed.
    pub(super) fn plan_invitations(&mut self) {
        let now = self.out.now;
        let mut open = BTreeMap::new();
        for (id, session) in &self.sessions {
            let Some(members) = session.members.as_ref().filter(|m| m.sending().is_some()) else { continue };
            if !session.joined.iter().any(|user| session.is_member(user)) {
                continue;
            }
            for (user, inviter) in members.roll().invited() {
                let has_it = members.received.contains(&(user, members.roll().since(&user)));
                if has_it || !self.users.contains_key(&user) && self.hosts_of(user).is_empty() {
                    continue;
                }
                let turn = match self.users.contains_key(&inviter) {
                    true => 0,
                    false => 1 + rotation::turn(*id, self.host, session.present()),
                };
                let fresh = Plan { at: now + TURN * turn.min(10) as u32, tries: 0 };
                let plan = self.inviting.plans.get(&(*id, user)).copied().unwrap_or(fresh);
                open.insert((*id, user), plan);
            }
            for user in session.joined.iter().filter(|user| session.is_member(user)) {
                if !self.hosts_without(session, *user).is_empty() {
                    let plan = self.inviting.plans.get(&(*id, *user)).copied();
                    open.insert((*id, *user), plan.unwrap_or(Plan { at: now, tries: 0 }));
                }
            }
        }
        let astray: Vec<(SessionId, UserId)> = self.inviting.astray.keys().copied().collect();
        for (id, user) in astray {
            if self.is_astray(id, user) {
                let plan = self.inviting.plans.get(&(id, user)).copied();
                open.insert((id, user), plan.unwrap_or(Plan { at: now, tries: 0 }));
            } else {
                self.inviting.astray.remove(&(id, user));
            }
        }
        self.inviting.plans = open;
    }

    /// Asks those whose time has come.
    pub(super) fn send_invitations(&mut self) {
        let now = self.out.now;
        let due: Vec<(SessionId, UserId)> =
            self.inviting.plans.iter().filter(|(_, plan)| plan.at <= now).map(|(key, _)| *key).collect();
        for (id, user) in due {
            if let Some(plan) = self.inviting.plans.get_mut(&(id, user)) {
                plan.at = now + (ASK_AGAIN * 2u32.saturating_pow(plan.tries.min(10))).min(LONGEST_WAIT);
                plan.tries += 1;
            }
            self.send_invitation(id, user);
        }
    }

    /// Whether somebody is a member and on the network, and none of their hosts says that they are in the session.
    fn is_astray(&self, id: SessionId, user: UserId) -> bool {
        let Some(session) = self.sessions.get(&id) else { return false };
        let hosts = self.hosts_of(user);
        session.is_member(&user)
            && !session.joined.contains(&user)
            && !hosts.is_empty()
            && hosts.iter().all(|host| session.present().all(|other| other != *host))
    }

    fn send_invitation(&mut self, id: SessionId, user: UserId) {
        let Some(session) = self.sessions.get(&id) else { return };
        let Some(members) = &session.members else { return };
        let astray = self.inviting.astray.get(&(id, user)).copied();
        let inviter = members.roll().invited().find(|(other, _)| *other == user).map(|(_, inviter)| inviter);
        let speakers = session.joined.iter().filter(|user| session.is_member(user));
        let speaker =
            speakers.clone().find(|user| Some(**user) == inviter).or(speakers.clone().next()).copied();
        let (Some(key), Some(signer)) = (members.sending(), speaker.and_then(|user| self.users.get(&user)))
        else {
            return;
        };
        let invitation = Invitation {
            descriptor: session.descriptor.clone(),
            creator: members.creator,
            nonce: members.nonce,
            stamp: astray.unwrap_or_else(|| members.roll().since(&user)),
            key: Secret::of(key),
            frames: Secret::of(&members.frames),
        };
        let is_own = session.is_member(&user) && session.joined.contains(&user);
        if self.users.contains_key(&user) && !is_own {
            let from = signer.author.user;
            return self.take_invitation(user, invitation, from);
        }
        let hosts = if is_own { self.hosts_without(session, user) } else { self.hosts_of(user) };
        if hosts.is_empty() {
            self.inviting.plans.remove(&(id, user));
            return;
        }
        let Some(datagram) = invitation.seal(&user, &signer.key, &mut self.out.rng) else {
            return self.out.counters.add("drop.no key to seal to", 1);
        };
        self.out.counters.add("invitations.sent", 1);
        if let Some(members) = self.sessions.get_mut(&id).and_then(|session| session.members.as_mut()) {
            members.asked.insert(user);
        }
        for host in hosts {
            self.out.unicast.push_back((host, datagram.clone().into()));
        }
    }

    /// Other hosts of a local user on which they are not in a session, and that have not been told.
    fn hosts_without(&self, session: &Session, user: UserId) -> Vec<HostId> {
        let Some(members) = &session.members else { return vec![] };
        let mut hosts = self.hosts_of(user);
        hosts.retain(|host| !members.told.contains(host) && session.present().all(|other| other != *host));
        hosts
    }

    fn hosts_of(&self, user: UserId) -> Vec<HostId> {
        let hosts = self.directory.hosts();
        let there = hosts.filter(|(_, host)| host.users().any(|item| item.certificate.user() == user));
        there.map(|(id, _)| id).collect()
    }

    // --- what follows from a changed membership -------------------------------------------------------------------

    /// Brings everything into line with who is in a session now.
    pub(super) fn on_membership(&mut self, id: SessionId) {
        let Some(session) = self.sessions.get_mut(&id) else { return };
        for author in self.authors.values() {
            session.on_author(author, &mut self.out);
        }
        for (user, by) in session.not_in_it() {
            self.take_out(id, user, by);
        }
        self.refresh_presence(id);
        self.plan_invitations();
        self.changed.insert(Topic::Sessions);
        self.out.changed = true;
    }

    fn take_out(&mut self, id: SessionId, user: UserId, by: Option<UserId>) {
        let title = self.sessions.get(&id).map(|session| self.title(session, user)).unwrap_or_default();
        let reason = match by {
            Some(by) => format!("{} removed you from {title}", self.name_of_user(by)),
            None => asked_in_vain(&title),
        };
        self.close_all(id, user, &reason);
        if let Some(session) = self.sessions.get_mut(&id) {
            session.joined.remove(&user);
        }
        self.save_session(id);
    }

    /// Detaches every instance of a user from a session.
    pub(super) fn close_all(&mut self, id: SessionId, user: UserId, reason: &str) {
        let Some(session) = self.sessions.get(&id) else { return };
        let theirs = |id: &InstanceId| self.instances.get(id).is_some_and(|instance| instance.user == user);
        let readers: Vec<InstanceId> = session.readers().filter(theirs).collect();
        for instance in readers {
            self.detach_from(self.out.now, instance, id, reason);
        }
    }

    /// Looks anew at which hosts are in a session: what they said may have become readable, or they may be out.
    fn refresh_presence(&mut self, id: SessionId) {
        let Some(session) = self.sessions.get(&id) else { return };
        self.directory.reveal(id, &session.keys);
        let hosts: Vec<(HostId, Option<Reach>)> = self
            .directory
            .hosts()
            .map(|(host, found)| {
                let item = found.sessions().find(|item| item.session == id);
                (host, item.filter(|item| self.counts(host, item)).map(|_| found.reach()))
            })
            .collect();
        let session = self.sessions.get_mut(&id).expect("it was looked up");
        let changed = hosts
            .into_iter()
            .fold(false, |changed, (host, reach)| session.set_host(host, reach, self.out.now) | changed);
        session.plan_rotation(&self.out);
        if changed {
            self.on_roster_changed(id);
        }
    }

    /// Whether what a host says of a session matters: in one by invitation, only if it speaks for somebody who is in.
    pub(super) fn counts(&self, host: HostId, item: &SessionItem) -> bool {
        let Some(members) = self.sessions.get(&item.session).and_then(|session| session.members.as_ref())
        else {
            return true;
        };
        let is_there = |user: &UserId| self.authors.values().any(|a| a.user == *user && a.host == host);
        item.users.iter().any(|user| members.roll().may_speak(user) && is_there(user))
    }

    /// Somebody's name, as far as it is known.
    pub(super) fn name_of_user(&self, user: UserId) -> String {
        let known = self.authors.values().find(|author| author.user == user);
        known.map_or_else(|| format!("{:.8}", user.to_string()), |author| author.name.clone())
    }
}

/// What is told to who comes in by an invitation that does not count.
fn asked_in_vain(title: &str) -> String {
    format!(
        "who asked you into #{} was not in it any more: ask somebody who is to invite you",
        text::label(title.trim_start_matches('#'))
    )
}

/// Whether two tokens are the same, in a time that does not tell how much of them is.
fn same(a: &Token, b: &Token) -> bool {
    a.iter().zip(b).fold(0, |difference, (a, b)| difference | (a ^ b)) == 0
}
