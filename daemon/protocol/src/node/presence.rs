//! Heartbeats, both ways: what this host says of itself, and what follows from what others say.

use super::Node;
use crate::{
    control::{HostFrame, InstanceItem, SessionItem, UnverifiedHost, UserItem},
    crypto::{self, entry_hash},
    directory::Heard,
    heartbeat, ids,
    net::{Arrival, Transmit},
};
use chalktalk_ipc::{
    AppId, HostId, UserId,
    event::Scope,
    request::{Role, Topic},
};
use std::time::Duration;

impl Node {
    /// Sends a heartbeat if one is due, or a farewell.
    pub(super) fn beat(&mut self, leave: bool) {
        let now = self.out.now;
        let hosts = self.directory.len() + 1;
        if leave {
            self.heartbeat.at_once(now);
        }
        let Some((beat, interval)) = self.heartbeat.take_due(now, hosts, &mut self.out.rng) else { return };
        self.paths.choose(self.host, &self.directory);
        let frame = self.host_frame(beat, interval, leave);
        let datagrams = heartbeat::cut(&self.host_key, frame);
        for route in self.paths.heartbeat(beat) {
            self.transmits.push_back(Transmit { route, datagrams: datagrams.clone() });
        }
    }

    fn host_frame(&mut self, beat: u64, interval: Duration, leave: bool) -> HostFrame {
        let now = self.out.now;
        let user = |user: &super::LocalUser| UserItem {
            certificate: user.certificate.clone(),
            availability: user.availability,
        };
        let instances = self.instances.iter().filter(|(_, instance)| instance.role == Role::App);
        let instance = |(id, instance): (&chalktalk_ipc::InstanceId, &super::Instance)| InstanceItem {
            instance: *id,
            app: instance.app.clone(),
            pid: instance.pid,
            user: instance.user,
            sessions: instance.sessions.iter().copied().collect(),
        };
        HostFrame {
            incarnation: self.incarnation,
            beat,
            part: 0,
            parts: 1,
            interval: interval.as_millis() as u32,
            sent: (now.as_nanos() / 1000) as u32,
            leave,
            name: self.host_name.clone(),
            window: self.out.window,
            users: if leave { vec![] } else { self.users.values().map(user).collect() },
            instances: if leave { vec![] } else { instances.map(instance).collect() },
            sessions: if leave {
                vec![]
            } else {
                let active = self.sessions.values_mut().filter(|session| session.is_active());
                active.map(|session| session.item(now)).collect()
            },
            neighbours: if leave { vec![] } else { self.directory.neighbours(now) },
        }
    }

    /// A host frame arrived.
    pub(super) fn on_host_frame(&mut self, arrival: Arrival, datagram: &[u8], rest: &[u8]) {
        let now = self.out.now;
        let Ok(unverified) = UnverifiedHost::parse(datagram, rest) else {
            return self.out.counters.add("drop.malformed", 1);
        };
        let host = unverified.host;
        if host == self.host {
            return self.out.counters.add("frames.own", 1);
        }
        let hash = entry_hash(datagram);
        if self.directory.is_repeat(host, &hash, arrival, now) {
            return;
        }
        let frame = match unverified.verify() {
            Ok(frame) => frame,
            Err(_) => return self.out.counters.add("drop.bad host frame", 1),
        };
        if let Some(item) = frame.neighbours.iter().find(|item| item.host == self.host && item.echo != 0) {
            let sent = (now.as_nanos() / 1000) as u32;
            let sample =
                Duration::from_micros(u64::from(sent.wrapping_sub(item.echo).wrapping_sub(item.held)));
            // More than a second is a clock that jumped or a frame that lay somewhere: no round trip of a LAN.
            if sample < Duration::from_secs(1) {
                self.sessions.values_mut().for_each(|session| session.on_round_trip(host, sample));
            }
        }
        let (users, sessions) = (frame.users.clone(), frame.sessions.clone());
        match self.directory.on_frame(host, frame, hash, arrival, now) {
            Heard::Left => self.on_host_gone(host),
            Heard::Ignored => self.out.counters.add("drop.stale host frame", 1),
            Heard::New => {
                self.changed.extend([Topic::Who, Topic::Instances, Topic::Sessions]);
                self.heartbeat.on_change(now);
                self.on_announced(host, &users, &sessions);
            }
            Heard::Changed => {
                self.changed.extend([Topic::Who, Topic::Instances, Topic::Sessions]);
                self.on_announced(host, &users, &sessions);
            }
            Heard::Known => self.on_announced(host, &users, &sessions),
        }
    }

    fn on_announced(&mut self, host: HostId, users: &[UserItem], items: &[SessionItem]) {
        users.iter().for_each(|user| self.on_user(host, user));
        for item in items {
            if item.descriptor.scope == Scope::Direct {
                self.recognise(item, users);
                self.find_session(item.session);
            }
        }
        let announced = |node: &Self, id| {
            node.directory.host(host).is_some_and(|h| h.sessions().any(|i| i.session == id))
        };
        let window = self.directory.host(host).map_or(0, |host| host.window);
        let ids: Vec<_> = self.sessions.keys().copied().collect();
        for id in ids {
            let is_in = announced(self, id);
            let session = self.sessions.get_mut(&id).expect("just listed");
            if session.set_host(host, is_in.then_some(window), self.out.now) {
                self.on_roster_changed(id);
            }
        }
        for item in items {
            let Some(mut session) = self.sessions.remove(&item.session) else { continue };
            let history = session.is_introduction(host, self.out.now) && session.pair.is_none();
            session.on_announcement(host, item, history, &mut self.out);
            session.tell_progress(&mut self.out);
            self.sessions.insert(item.session, session);
        }
    }

    /// A user on another host: learn the key they write with, and where we could talk to them alone.
    fn on_user(&mut self, host: HostId, item: &UserItem) {
        let known = self.authors.get(&item.certificate.origin());
        if known.is_some_and(|author| item.certificate.repeats(author)) {
            return;
        }
        let Some(author) = item.certificate.verify().filter(|author| author.host == host) else {
            return self.out.counters.add("drop.bad certificate", 1);
        };
        let user = author.user;
        for session in self.sessions.values_mut() {
            session.on_author(&author, &mut self.out);
        }
        self.authors.insert(author.origin, author);
        let locals: Vec<UserId> = self.users.keys().copied().collect();
        locals.into_iter().for_each(|local| self.meet(local, user));
    }

    /// A direct session that a host announces: is it with one of us, for an app that we had not thought of?
    fn recognise(&mut self, item: &SessionItem, users: &[UserItem]) {
        if self.directs.contains_key(&item.session) {
            return;
        }
        let app = &item.descriptor.app;
        for other in users.iter().map(|user| user.certificate.user()) {
            let with = |local: &super::LocalUser| {
                local.secrets.get(&other).is_some_and(|secret| ids::direct(app, secret) == item.session)
            };
            if let Some(local) = self.users.iter().find(|(_, local)| with(local)).map(|(user, _)| *user) {
                self.directs.insert(item.session, (local, other, app.clone()));
            }
        }
    }

    /// A local user is new: work out where they could talk to everybody alone.
    pub(super) fn meet_everybody(&mut self, local: UserId) {
        let others: Vec<UserId> = self.authors.values().map(|author| author.user).collect();
        others.into_iter().for_each(|other| self.meet(local, other));
    }

    fn meet(&mut self, local: UserId, other: UserId) {
        let Some(user) = self.users.get_mut(&local).filter(|_| local != other) else { return };
        if user.secrets.contains_key(&other) {
            return;
        }
        let Some(secret) = crypto::shared_secret(&user.key, &other) else { return };
        user.secrets.insert(other, secret);
        for app in [AppId::chat(), AppId::whiteboard()] {
            self.directs.insert(ids::direct(&app, &secret), (local, other, app));
        }
    }

    /// A host left or fell silent.
    pub(super) fn on_host_gone(&mut self, host: HostId) {
        let now = self.out.now;
        let left: Vec<_> =
            self.sessions.values_mut().filter_map(|s| s.set_host(host, None, now).then(|| s.id())).collect();
        left.into_iter().for_each(|id| self.on_roster_changed(id));
        self.changed.extend([Topic::Who, Topic::Instances, Topic::Sessions]);
    }
}
