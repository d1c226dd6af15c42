//! How users come into sessions, and out of them.
//!
//! Invariant: a session that a user names is the one that they are in, if they are in one of that name.

use super::{LOBBY, Node, local::refuse};
use crate::{
    control::Descriptor,
    ids,
    records::{self, SessionRecord},
    seal::Ring,
    session::Session,
    store::Write,
    time::Instant,
};
use chalktalk_ipc::{
    Answer, AppId, Refusal, RefusalCode, SessionId, Target, UserId,
    event::{Scope, SessionSummary},
    request::{SessionKind, Topic},
};

/// Sessions that a user may have been in, on a daemon of their own.
const MAX_SESSIONS: usize = 4096;

impl Node {
    /// A user enters a session.
    pub fn join(
        &mut self,
        now: Instant,
        user: UserId,
        target: &str,
        app: &AppId,
        kind: SessionKind,
        history: bool,
    ) -> Result<Answer, Refusal> {
        self.at(now);
        let id = match target.parse::<Target>()? {
            Target::Room(name)
                if self.session_named(user, app, &name)?.is_some_and(|id| id != self.room(app, &name)) =>
            {
                self.resolve(user, target, app)?
            }
            Target::Room(name) if let Some(id) = self.invitation_named(user, app, &name) => {
                self.join_known(user, id)?
            }
            Target::Room(name) => {
                let id = self.room(app, &name);
                self.check_session_limit(user, id)?;
                let announced = self.directory.session(id).map(|item| item.descriptor.clone());
                let (kind, history) = announced.map_or((kind, history), |d| (d.kind, d.history));
                self.join_room(user, app, &name, kind, history)
            }
            Target::User(name) => {
                let other = self.resolve_user(user, &name)?;
                let id = self.direct_id(user, other, app)?;
                self.check_session_limit(user, id)?;
                self.join_direct(id, user, other, app);
                id
            }
            Target::Session(id) => self.join_known(user, id)?,
        };
        self.settle();
        Ok(Answer::Session(self.summary(id, user)))
    }

    pub(super) fn check_session_limit(&self, user: UserId, id: SessionId) -> Result<(), Refusal> {
        if self.has_room_for(user, id) {
            return Ok(());
        }
        let text = "you have been in as many sessions as this daemon keeps for one user; its operator can allow more";
        refuse(RefusalCode::Busy, text)
    }

    /// Whether a user may be in one session more.
    pub(super) fn has_room_for(&self, user: UserId, id: SessionId) -> bool {
        let known = |session: &Session| session.is_known_to(&user);
        let most = self.quota.map_or(MAX_SESSIONS, |quota| quota.sessions);
        self.sessions.get(&id).is_some_and(known)
            || self.sessions.values().filter(|s| known(s)).count() < most
    }

    /// Joins an open room, creating it where it does not exist.
    pub(super) fn join_room(
        &mut self,
        user: UserId,
        app: &AppId,
        name: &str,
        kind: SessionKind,
        history: bool,
    ) -> SessionId {
        let id = self.room(app, name);
        let descriptor = Descriptor {
            app: app.clone(),
            title: name.into(),
            scope: Scope::Open,
            kind,
            history,
            parent: None,
        };
        self.enter(id, user, descriptor, None);
        id
    }

    /// Joins the direct session of two users.
    pub(super) fn join_direct(&mut self, id: SessionId, user: UserId, other: UserId, app: &AppId) {
        let descriptor = Descriptor {
            app: app.clone(),
            title: String::new(),
            scope: Scope::Direct,
            kind: SessionKind::Kept,
            history: true,
            parent: None,
        };
        self.directs.insert(id, (user, other, app.clone()));
        self.enter(id, user, descriptor.clone(), Some((user, other)));
        let takes = self.users.contains_key(&other) && !self.is_blocked(other, user);
        if takes && self.has_room_for(other, id) {
            self.enter(id, other, descriptor, None);
        }
    }

    fn join_known(&mut self, user: UserId, id: SessionId) -> Result<SessionId, Refusal> {
        if self.sessions.get(&id).is_some_and(|session| session.joined.contains(&user)) {
            return Ok(id);
        }
        if let Some((local, other, app)) =
            self.directs.get(&id).filter(|(local, other, _)| *local == user || *other == user).cloned()
        {
            let partner = if local == user { other } else { local };
            self.check_session_limit(user, id)?;
            self.join_direct(id, user, partner, &app);
            return Ok(id);
        }
        if self.is_invited(user, id) {
            self.answer_invitation(self.out.now, user, id, true)?;
            return Ok(id);
        }
        // What is not open is none of their business who are not in it, not even that it is there.
        let open = |session: &&Session| session.descriptor.scope == Scope::Open;
        let local = self.sessions.get(&id).filter(open).map(|session| session.descriptor.clone());
        let descriptor = local.or_else(|| self.directory.session(id).map(|item| item.descriptor.clone()));
        match descriptor {
            Some(descriptor) if descriptor.scope == Scope::Open => {
                if descriptor.parent.is_some() {
                    return refuse(
                        RefusalCode::NotAllowed,
                        format!("that is a program run together: `chalktalk accept {id}` takes part in it"),
                    );
                }
                self.check_session_limit(user, id)?;
                if self.room(&descriptor.app, &descriptor.title) != id {
                    return refuse(
                        RefusalCode::NotAllowed,
                        "whoever announces this session gives it a false name",
                    );
                }
                self.enter(id, user, descriptor, None);
                Ok(id)
            }
            Some(_) => refuse(RefusalCode::NotAllowed, "this session is for others"),
            None => refuse(
                RefusalCode::Unknown,
                format!("no session {id} is known; `chalktalk sessions` lists them"),
            ),
        }
    }

    pub(super) fn enter(
        &mut self,
        id: SessionId,
        user: UserId,
        descriptor: Descriptor,
        pair: Option<(UserId, UserId)>,
    ) {
        let now = self.out.now;
        let known = self.sessions.get(&id).is_some_and(Session::is_active);
        if !self.sessions.contains_key(&id) {
            let keys = match descriptor.scope {
                Scope::Open => self.lan.clone(),
                Scope::Direct => self.direct_key(id).map_or_else(Ring::locked, Ring::of),
                Scope::Invite => Ring::locked(),
            };
            self.directory.reveal(id, &keys);
            let mut session = Session::new(id, descriptor, keys, now);
            session.set_storing(self.storing, now);
            session.hold_writing(self.quiet_until, self.quiet_until);
            self.sessions.insert(id, session);
        }
        let session = self.sessions.get_mut(&id).expect("inserted above");
        session.elsewhere = false;
        session.pair = session.pair.or(pair);
        let joined = session.joined.insert(user);
        session.left.remove(&user);
        if !known {
            let hosts: Vec<_> = self
                .directory
                .hosts()
                .filter(|(_, host)| host.sessions().any(|item| item.session == id))
                .map(|(host, found)| (host, found.reach()))
                .collect();
            hosts.into_iter().for_each(|(host, reach)| {
                session.set_host(host, Some(reach), now);
                session.remember(host, &mut self.out);
            });
        }
        if joined {
            self.hold_back(user);
            self.add_writer(id, user);
            self.save_session(id);
            self.heartbeat.soon(now);
            self.changed.insert(Topic::Sessions);
            self.on_roster_changed(id);
        }
    }

    pub(super) fn save_session(&mut self, id: SessionId) {
        let Some(session) = self.sessions.get(&id) else { return };
        let record = SessionRecord {
            descriptor: session.descriptor.clone(),
            joined: session.joined.iter().copied().collect(),
            pair: session.pair,
            lan: self.lan_name().filter(|_| session.descriptor.scope == Scope::Open),
            left: session.left.iter().copied().collect(),
        };
        self.out.urgent = true;
        let (key, value) = records::session(id, &record);
        self.out.writes.push(Write::Record { key, value });
    }

    /// A user leaves a session.
    pub fn leave(
        &mut self,
        now: Instant,
        user: UserId,
        target: &str,
        app: &AppId,
    ) -> Result<Answer, Refusal> {
        self.at(now);
        let id = self.resolve(user, target, app)?;
        if id == self.room(&AppId::chat(), LOBBY) {
            return refuse(RefusalCode::NotAllowed, "everybody is in #lobby; close the chat instead");
        }
        let Some(session) = self.sessions.get_mut(&id).filter(|session| session.joined.contains(&user))
        else {
            return refuse(RefusalCode::NotJoined, format!("you are not in {target}"));
        };
        session.joined.remove(&user);
        session.left.insert(user);
        if session.members.is_some() {
            self.leave_invited(user, id);
        }
        self.close_all(id, user, "you left the session");
        self.stir_children(id);
        self.save_session(id);
        self.heartbeat.soon(now);
        self.changed.insert(Topic::Sessions);
        self.settle();
        Ok(Answer::Done)
    }

    /// Which session a target is, without joining it.
    pub fn resolve(&self, user: UserId, target: &str, app: &AppId) -> Result<SessionId, Refusal> {
        match target.parse::<Target>()? {
            Target::Room(name) => Ok(self.session_named(user, app, &name)?.unwrap_or(self.room(app, &name))),
            Target::User(name) => self.direct_id(user, self.resolve_user(user, &name)?, app),
            Target::Session(id) => Ok(id),
        }
    }

    /// The session of this name that a user is in. Two of them have to be told apart by their ids.
    fn session_named(&self, user: UserId, app: &AppId, name: &str) -> Result<Option<SessionId>, Refusal> {
        let named = |session: &&Session| {
            let descriptor = &session.descriptor;
            session.joined.contains(&user)
                && session.is_active()
                && session.pair.is_none()
                && descriptor.app == *app
                && ids::normalised(&descriptor.title) == ids::normalised(name)
        };
        let found: Vec<SessionId> = self.sessions.values().filter(named).map(Session::id).collect();
        match &found[..] {
            [] => Ok(None),
            [id] => Ok(Some(*id)),
            several => {
                let ids: Vec<String> = several.iter().map(ToString::to_string).collect();
                refuse(
                    RefusalCode::Ambiguous,
                    format!("you are in several rooms called #{name}: {}", ids.join(", ")),
                )
            }
        }
    }

    fn direct_id(&self, user: UserId, other: UserId, app: &AppId) -> Result<SessionId, Refusal> {
        if user == other {
            return refuse(RefusalCode::BadRequest, "a direct session needs somebody else");
        }
        let secret = self.users.get(&user).and_then(|local| local.secrets.get(&other));
        match secret {
            Some(secret) => Ok(ids::direct(app, secret)),
            None => refuse(RefusalCode::Unknown, "that user's key does not allow direct sessions"),
        }
    }

    /// A summary of a session as a user sees it.
    pub(super) fn summary(&self, id: SessionId, user: UserId) -> SessionSummary {
        let session = &self.sessions[&id];
        let members = self.members(id);
        let mut names: Vec<String> = members.into_iter().map(|member| member.name).collect();
        names.dedup();
        let waits = session.waits(&user);
        SessionSummary {
            session: id,
            app: session.descriptor.app.clone(),
            title: self.title(session, user),
            scope: session.descriptor.scope,
            kind: session.descriptor.kind,
            parent: session.descriptor.parent,
            sealed: session.keys.is_sealed(),
            members: names,
            joined: session.joined.contains(&user),
            waits,
            creator: session.members.as_ref().map(|members| members.creator),
            entries: session.entries(),
        }
    }
}
