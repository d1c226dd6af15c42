//! What users are told of app sessions: lists, invitations, and words in the conversation.
//!
//! Invariant: the words are for people; nothing is ever done because of them.

use super::Running;
use crate::{
    node::Node,
    nway::activity::{Closed, Member},
    stream,
};
use chalktalk_ipc::{
    AppId, HostId, InstanceId, SessionId, UserId,
    batch::Outgoing,
    event::{InvitationSummary, Member as Roster, Scope, SessionSummary},
    nway::{AppInvitation, AppSession, Participant},
    request::SessionKind,
};
use std::collections::BTreeSet;

impl Node {
    /// The app sessions that a user can see: those of the sessions they are in.
    pub fn app_sessions(&self, me: UserId) -> Vec<AppSession> {
        self.together.apps.keys().filter_map(|id| self.app_session(*id, me)).collect()
    }

    /// One app session as a user sees it.
    pub(super) fn app_session(&self, id: SessionId, me: UserId) -> Option<AppSession> {
        let running = self.together.apps.get(&id).filter(|app| self.has_joined(me, app.parent))?;
        let hosts = self.hosts_in(running.parent);
        let present = |host: HostId| hosts.contains(&host);
        let invite = &running.activity.invite;
        Some(AppSession {
            session: id,
            app: invite.app.clone(),
            title: invite.title.clone(),
            version: invite.version.clone(),
            parent: running.parent,
            model: invite.model,
            least: invite.least,
            most: invite.most,
            creator: invite.creator,
            creator_name: self.name_of_user(invite.creator),
            ended: running.pending.is_empty() && running.activity.closed(&present) == Some(Closed::Ended),
            cancelled: running.activity.cancelled,
            participants: self.participants(running, &present),
            said: running.said.get(&me).cloned().unwrap_or_default(),
        })
    }

    fn participants(&self, running: &Running, present: &dyn Fn(HostId) -> bool) -> Vec<Participant> {
        let active = running.activity.active(present);
        let known = running.activity.stands().map(|(member, _, _)| member);
        let own = running.pending.keys().map(|user| self.member(*user));
        let mut members: Vec<Member> = known.chain(own).collect::<BTreeSet<Member>>().into_iter().collect();
        let rank = |member: &Member| active.iter().position(|other| other == member).unwrap_or(usize::MAX);
        members.sort_by_key(|member| (rank(member), *member));
        let mut place = 0;
        let participant = |member: Member| {
            let stand = if member.host == self.host {
                running.stand(&member)
            } else {
                running.activity.stand(&member)
            };
            let stand = stand.expect("it was listed");
            let has_place = rank(&member) < usize::MAX && stand.part != chalktalk_ipc::nway::Part::Observer;
            place += u16::from(has_place);
            Participant {
                user: member.user,
                name: self.name_of_user(member.user),
                host_id: member.host,
                host: self.host_name(member.host),
                present: present(member.host),
                standing: stand.standing,
                part: stand.part,
                place: has_place.then_some(place),
                addresses: stand.addresses.clone(),
                port: stand.port,
                pid: stand.pid,
                status: stand.status,
                detail: stand.detail.clone(),
            }
        };
        members.into_iter().map(participant).collect()
    }

    /// Invitations to app sessions that wait for a user's answer.
    pub(in crate::node) fn app_invitations(&self, me: UserId) -> Vec<InvitationSummary> {
        let waiting =
            self.together.apps.iter().filter_map(|(id, running)| self.app_invitation(*id, running, me));
        waiting.collect()
    }

    fn app_invitation(&self, id: SessionId, running: &Running, me: UserId) -> Option<InvitationSummary> {
        let from = *running.invited.get(&me).filter(|_| self.has_joined(me, running.parent))?;
        let hosts = self.hosts_in(running.parent);
        let present = |host: HostId| hosts.contains(&host);
        if !running.activity.waits(&self.here(running, me, &present)) {
            return None;
        }
        let invite = &running.activity.invite;
        let agent = self.users.get(&me).and_then(|local| local.agent.as_ref());
        let registered = agent.and_then(|agent| agent.apps.get(&invite.app));
        let parent = &self.sessions[&running.parent];
        Some(InvitationSummary {
            session: id,
            app: invite.app.clone(),
            title: invite.title.clone(),
            user: from,
            name: self.name_of_user(from),
            time: running.wall,
            nway: Some(AppInvitation {
                parent: running.parent,
                parent_title: self.title(parent, me),
                version: invite.version.clone(),
                app_name: registered.map(|app| app.name.clone()),
                own_version: registered.map(|app| app.version.clone()),
                lacks: self.what_lacks(me, &invite.app).unwrap_or_default().replace(" there", " here"),
                text: invite.text(),
            }),
        })
    }

    /// A summary of an app session, also of one that the user has not entered yet.
    pub(super) fn app_summary(&self, id: SessionId, me: UserId) -> SessionSummary {
        if self.sessions.contains_key(&id) {
            return self.summary(id, me);
        }
        let running = &self.together.apps[&id];
        SessionSummary {
            session: id,
            app: running.activity.invite.app.clone(),
            title: format!("#{}", running.activity.invite.title),
            scope: Scope::Invite,
            kind: SessionKind::Kept,
            parent: Some(running.parent),
            sealed: true,
            members: Vec::new(),
            joined: false,
            waits: false,
            creator: None,
            entries: 0,
        }
    }

    /// Of an app session only those count as in it who take part.
    pub(in crate::node) fn taking_part(&self, id: SessionId, members: &mut Vec<Roster>) {
        let Some(running) = self.together.apps.get(&id) else { return };
        members.retain(|member| {
            let who = Member { user: member.user, host: member.host_id };
            running.activity.stand(&who).is_some_and(|stand| stand.standing.is_active())
        });
    }

    /// Says in the conversation, for people, what has happened. Who has closed the chat is called back by invitations, and by
    /// nothing else of it.
    pub(super) fn say_text(
        &mut self,
        parent: SessionId,
        user: UserId,
        about: SessionId,
        number: u64,
        text: &str,
    ) {
        let now = self.out.now;
        let Some(session) = self.sessions.get_mut(&parent) else { return };
        if session.descriptor.app != AppId::chat() {
            return; // what its messages look like is its own business
        }
        let author = stream::Author { instance: InstanceId(about.0), number };
        let urgent = text.starts_with("invite ");
        let words = Outgoing { urgent, ..Outgoing::new(text.as_bytes()) };
        session.publish(user, author, InstanceId::NIL, &words, now);
    }

    /// The last one out tells of the end.
    pub(super) fn tell_the_end(&mut self, id: SessionId, running: &Running) {
        let Some(last) = running.activity.last_out().filter(|last| last.host == self.host) else { return };
        let took_part = running.activity.stands().filter(|(_, _, stand)| stand.status.is_some());
        let names: BTreeSet<String> =
            took_part.map(|(member, _, _)| self.name_of_user(member.user)).collect();
        let minutes = self.out.wall.saturating_sub(running.wall) / 60_000;
        let title = &running.activity.invite.title;
        let text = match names.len() {
            0 => format!("nway {id} ended: {title}, nobody took part"),
            n => {
                let shown: Vec<String> = names.iter().take(8).cloned().collect();
                let more = if n > 8 { format!(" and {} more", n - 8) } else { String::new() };
                format!("nway {id} ended: {title}, {}{more}, {minutes} min", shown.join(", "))
            }
        };
        self.say_text(running.parent, last.user, id, 2, &text);
    }
}
