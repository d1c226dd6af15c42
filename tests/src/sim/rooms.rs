//! Sessions by invitation: scenarios' words for making one, asking in, accepting, removing, leaving.
//!
//! Invariant: everything goes by the requests that programs make.

use super::{app::Seat, world::World};
use chalktalk_ipc::{
    Answer, SessionId, UserId,
    event::InvitationSummary,
    request::{From, SessionKind},
};
use chalktalk_protocol::{
    entry::Entry,
    node::{Node, Wish},
};

impl World {
    /// A program's user makes a session by invitation, and opens it there.
    pub fn create(&mut self, app: usize, title: &str, history: bool, invited: &[usize]) -> SessionId {
        let (now, host, user) = (self.now, self.apps[app].host, self.apps[app].user);
        let chat = self.apps[app].habits.app.clone();
        let invite: Vec<String> = invited.iter().map(|host| Self::name(*host)).collect();
        let wish = Wish { title, app: &chat, kind: SessionKind::Kept, history, invite: &invite };
        let answer = self.node(host).create(now, user, &wish);
        let Ok(Answer::Session(summary)) = answer else { panic!("creating {title}: {answer:?}") };
        self.take_seat(app, summary.session, From::Start);
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
        assert!(matches!(answer, Ok(Answer::Session(_))), "host {host} accepts: {answer:?}");
        self.take_seat(app, session, from);
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

    /// Who is present in a session, as a host sees it.
    pub fn present(&self, host: usize, session: SessionId) -> Vec<UserId> {
        let members = self.hosts[host].node.as_ref().map_or(vec![], |node| node.members(session));
        let mut users: Vec<UserId> = members.into_iter().map(|member| member.user).collect();
        users.sort();
        users
    }

    /// Whether a host can read an entry.
    pub fn can_read(&self, host: usize, datagram: &[u8]) -> bool {
        let entry = Entry::from_datagram(datagram).expect("an entry");
        let mut scratch = Vec::new();
        self.hosts[host].node.as_ref().is_some_and(|node| node.open_entry(entry, &mut scratch).is_some())
    }

    fn node(&mut self, host: usize) -> &mut Node {
        self.hosts[host].node.as_mut().expect("the host runs")
    }

    fn take_seat(&mut self, app: usize, session: SessionId, from: From) {
        let target = session.to_string();
        let seat = Seat::new(&target, true, SessionKind::Kept, from);
        self.apps[app].seats.entry(session).or_insert(seat);
        self.open_seat(app, session);
        self.pump(self.apps[app].host);
    }
}
