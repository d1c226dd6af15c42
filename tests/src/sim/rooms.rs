//! Sessions by invitation: scenarios' words for making one, asking in, accepting, removing, leaving.
//!
//! Invariant: everything goes by the requests that programs make.

use super::{app::Seat, ledger::Reading, world::World};
use bytes::Bytes;
use chalktalk_ipc::{
    Answer, RefusalCode, SessionId, UserId,
    event::{InvitationSummary, SessionKey},
    request::{From, SessionKind},
};
use chalktalk_protocol::{
    entry,
    ids::{LogId, Seq},
    members::membership::Standing,
    node::{Node, Wish},
};
use std::collections::{BTreeSet, btree_map::Entry};

/// An entry with messages, as its author's host sent it first.
#[derive(Clone, Debug)]
pub struct Written {
    /// Whose host.
    pub host: usize,
    /// The entry.
    pub datagram: Bytes,
    /// Hosts whose users that host knew to be out, and the stamp of the word that put them out.
    pub out: Vec<(usize, u64)>,
}

/// What is written in one session.
#[derive(Default)]
pub struct Watch {
    session: Option<SessionId>,
    seen: BTreeSet<(LogId, Seq)>,
    written: Vec<Written>,
}

impl World {
    /// Notes from now on what is written in a session.
    pub fn watch(&mut self, session: SessionId) {
        self.watch = Watch { session: Some(session), ..Watch::default() };
    }

    /// What has been written in the session watched.
    pub fn written(&self) -> &[Written] {
        &self.watch.written
    }

    pub(super) fn note_written(&mut self, from: usize, datagram: &Bytes) {
        let Some(session) = self.watch.session else { return };
        let Ok(entry) = entry::Entry::from_datagram(datagram) else { return };
        let first = entry.session == session && self.watch.seen.insert((entry.log, entry.seq));
        if !first || entry.statement || entry.genesis {
            return;
        }
        let node = self.hosts[from].node.as_ref().expect("who sends runs");
        let out = (0..self.hosts.len()).filter_map(|host| {
            let (standing, since) = node.standing_since(session, self.hosts[host].user)?;
            matches!(standing, Standing::Out(_)).then_some((host, since))
        });
        let out = out.collect();
        self.watch.written.push(Written { host: from, datagram: datagram.clone(), out });
    }

    /// How a host's user stands to a session, as they know it themselves.
    pub fn standing(&self, host: usize, session: SessionId) -> Option<Standing> {
        let found = &self.hosts[host];
        found.node.as_ref()?.standing(session, found.user)
    }

    /// How another host's user stands to it, as a host knows it, and the stamp of the word that made it so.
    pub fn standing_of(&self, host: usize, session: SessionId, other: usize) -> Option<(Standing, u64)> {
        self.hosts[host].node.as_ref()?.standing_since(session, self.hosts[other].user)
    }

    /// Who is in a session or asked in, as a host knows it (users, and whether they are only asked), and the key that they write
    /// under.
    pub fn roll(&self, host: usize, session: SessionId) -> (Vec<(UserId, bool)>, Option<SessionKey>) {
        let found = &self.hosts[host];
        let facts = found.node.as_ref().map(|node| {
            node.membership_facts(found.user, &session.to_string(), &chalktalk_ipc::AppId::chat())
        });
        let Some(Ok(Answer::Membership(facts))) = facts else { return (vec![], None) };
        let mut roll: Vec<(UserId, bool)> = facts.people.iter().map(|p| (p.user, p.invited)).collect();
        roll.sort();
        (roll, Some(facts.key))
    }

    /// A host's user asks somebody in, if they may.
    pub fn try_invite(&mut self, host: usize, session: SessionId, other: usize) -> bool {
        let (now, user) = (self.now, self.hosts[host].user);
        let (target, name) = (session.to_string(), format!("{}", self.hosts[other].user));
        let answer = self.node(host).invite(now, user, &target, &chalktalk_ipc::AppId::chat(), &[name]);
        self.pump(host);
        answer.is_ok()
    }

    /// A host's user removes somebody, if they may.
    pub fn try_remove(&mut self, host: usize, session: SessionId, other: usize) -> bool {
        let (now, user) = (self.now, self.hosts[host].user);
        let (target, name) = (session.to_string(), format!("{}", self.hosts[other].user));
        let answer = self.node(host).remove(now, user, &target, &chalktalk_ipc::AppId::chat(), &name);
        self.pump(host);
        answer.is_ok()
    }

    /// What an app has not heard of what these others have published in a session.
    pub fn lacks(&self, app: usize, session: SessionId, others: &[usize]) -> Option<String> {
        let authors = others.iter().map(|app| self.apps[*app].instance).collect();
        let reading = Reading { app, instance: self.apps[app].instance, whole: true };
        self.ledger.lacking_of(reading, session, &authors)
    }

    /// A program's messages may be void from now on: its user is out.
    pub fn shake(&mut self, app: usize) {
        self.ledger.shake(self.apps[app].instance);
    }

    /// A program's user comes back in: what was said meanwhile may not be for them.
    pub fn excuse(&mut self, app: usize, session: SessionId) {
        self.ledger.excuse(app, session);
    }

    /// Ends the run if this does not hold.
    pub fn require(&self, holds: bool, what: impl FnOnce() -> String) {
        self.check(if holds { Ok(()) } else { Err(what()) });
    }

    /// A program's user makes a session by invitation, and opens it there.
    pub fn create(&mut self, app: usize, title: &str, history: bool, invited: &[usize]) -> SessionId {
        self.create_as(app, title, SessionKind::Kept, history, invited)
    }

    /// The same, kept or live.
    pub fn create_as(
        &mut self,
        app: usize,
        title: &str,
        kind: SessionKind,
        history: bool,
        invited: &[usize],
    ) -> SessionId {
        let (now, host, user) = (self.now, self.apps[app].host, self.apps[app].user);
        let chat = self.apps[app].habits.app.clone();
        let invite: Vec<String> = invited.iter().map(|host| Self::name(*host)).collect();
        let wish = Wish { title, app: &chat, kind, history, invite: &invite };
        let answer = self.node(host).create(now, user, &wish);
        let Ok(Answer::Session(summary)) = answer else { panic!("creating {title}: {answer:?}") };
        self.take_seat(app, summary.session, kind, From::Start);
        summary.session
    }

    /// A program's user accepts an invitation, and the program opens the session, to read it from its start.
    pub fn accept(&mut self, app: usize, session: SessionId) {
        self.accept_from(app, session, From::Start);
    }

    /// The same, for programs that are not owed what was said before.
    pub fn accept_from(&mut self, app: usize, session: SessionId, from: From) {
        let (now, host, user) = (self.now, self.apps[app].host, self.apps[app].user);
        let answer = self.node(host).answer_invitation(now, user, session, true);
        let summary = match answer {
            Ok(Answer::Session(summary)) => summary,
            Err(refusal) if refusal.code == RefusalCode::NotAllowed => return self.pump(host), // asked in vain
            other => panic!("host {host} accepts: {other:?}"),
        };
        self.take_seat(app, session, summary.kind, from);
    }

    /// A host's user declines an invitation.
    pub fn decline(&mut self, host: usize, session: SessionId) {
        let (now, user) = (self.now, self.hosts[host].user);
        let answer = self.node(host).answer_invitation(now, user, session, false);
        assert_eq!(answer, Ok(Answer::Done), "host {host} declines");
        self.pump(host);
    }

    /// A host's user asks others in.
    pub fn invite(&mut self, host: usize, session: SessionId, invited: &[usize]) {
        let (now, user) = (self.now, self.hosts[host].user);
        let names: Vec<String> = invited.iter().map(|host| Self::name(*host)).collect();
        let chat = chalktalk_ipc::AppId::chat();
        let answer = self.node(host).invite(now, user, &session.to_string(), &chat, &names);
        assert_eq!(answer, Ok(Answer::Done), "host {host} invites");
        self.pump(host);
    }

    /// A host's user removes somebody.
    pub fn remove(&mut self, host: usize, session: SessionId, other: usize) {
        let (now, user, name) = (self.now, self.hosts[host].user, Self::name(other));
        let chat = chalktalk_ipc::AppId::chat();
        let answer = self.node(host).remove(now, user, &session.to_string(), &chat, &name);
        assert_eq!(answer, Ok(Answer::Done), "host {host} removes");
        self.pump(host);
    }

    /// A host's user leaves.
    pub fn leave_room(&mut self, host: usize, session: SessionId) {
        let (now, user) = (self.now, self.hosts[host].user);
        let chat = chalktalk_ipc::AppId::chat();
        let answer = self.node(host).leave(now, user, &session.to_string(), &chat);
        assert_eq!(answer, Ok(Answer::Done), "host {host} leaves");
        self.gave_up(host, session);
        self.pump(host);
    }

    /// A host's programs are not in a session any more.
    pub fn gave_up(&mut self, host: usize, session: SessionId) {
        for app in self.apps.iter_mut().filter(|app| app.host == host) {
            app.seats.remove(&session);
        }
    }

    /// Invitations that wait on a host.
    pub fn invitations(&self, host: usize) -> Vec<InvitationSummary> {
        let found = &self.hosts[host];
        found.node.as_ref().map_or(vec![], |node| node.invitations(found.user))
    }

    /// Whether a host's user is in a session.
    pub fn is_in(&self, host: usize, session: SessionId) -> bool {
        let found = &self.hosts[host];
        found.node.as_ref().is_some_and(|node| node.has_joined(found.user, session))
    }

    /// Whether a host's user has come in by an invitation that nothing says to count.
    pub fn waits(&self, host: usize, session: SessionId) -> bool {
        let found = &self.hosts[host];
        let sessions = found.node.as_ref().map_or(vec![], |node| node.session_list(found.user));
        sessions.iter().any(|summary| summary.session == session && summary.waits)
    }

    /// Who is present in a session, as a host sees it.
    pub fn present(&self, host: usize, session: SessionId) -> Vec<UserId> {
        let members = self.hosts[host].node.as_ref().map_or(vec![], |node| node.members(session));
        let mut users: Vec<UserId> = members.into_iter().map(|member| member.user).collect();
        users.sort();
        users
    }

    /// Whether a host can read an entry.
    pub fn can_read(&self, host: usize, datagram: &[u8]) -> bool {
        let entry = entry::Entry::from_datagram(datagram).expect("an entry");
        let mut scratch = Vec::new();
        self.hosts[host].node.as_ref().is_some_and(|node| node.open_entry(entry, &mut scratch).is_some())
    }

    pub(super) fn node(&mut self, host: usize) -> &mut Node {
        self.hosts[host].node.as_mut().expect("the host runs")
    }

    fn take_seat(&mut self, app: usize, session: SessionId, kind: SessionKind, from: From) {
        let target = session.to_string();
        let mut seat = Seat::new(&target, true, kind, from);
        seat.next = self.ledger.published(session, self.apps[app].instance) + 1;
        if let Entry::Vacant(free) = self.apps[app].seats.entry(session) {
            free.insert(seat);
            if kind == SessionKind::Live {
                self.ledger.forget(app, session); // nobody remembers how far it had read
            }
        }
        self.open_seat(app, session);
        self.pump(self.apps[app].host);
    }
}
