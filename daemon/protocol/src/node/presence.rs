//! Heartbeats, both ways: what this host says of itself, and what follows from what others say.

use super::Node;
use crate::{
    control::{HostFrame, InstanceItem, NeighbourItem, SealedItem, SessionItem, UnverifiedHost, UserItem},
    crypto::{self, entry_hash},
    directory::{Heard, Host, Standing},
    frame::Header,
    heartbeat, ids,
    net::{Arrival, Transmit},
    seal::Ring,
};
use bytes::Bytes;
use chalktalk_ipc::{
    AppId, HostId, SessionId, UserId,
    event::Scope,
    request::{Role, Topic},
};
use std::{collections::BTreeMap, time::Duration};

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
        let lan = &self.lan;
        let sealed = |datagram| lan.seal_frame(datagram, &mut self.nonces).map(Bytes::from);
        let datagrams: Vec<Bytes> = datagrams.into_iter().filter_map(sealed).collect();
        for route in self.paths.heartbeat(beat) {
            self.transmits.push_back(Transmit { route, datagrams: datagrams.clone() });
        }
    }

    fn host_frame(&mut self, beat: u64, interval: Duration, leave: bool) -> HostFrame {
        let now = self.out.now;
        let user = |(id, user): (&UserId, &super::LocalUser)| UserItem {
            certificate: user.certificate.clone(),
            availability: self.availability(*id),
        };
        let users: Vec<UserItem> = self.users.iter().map(user).collect();
        let instances = self.instances.iter().filter(|(_, instance)| instance.role == Role::App);
        let instance = |(id, instance): (&chalktalk_ipc::InstanceId, &super::Instance)| InstanceItem {
            instance: *id,
            app: instance.app.clone(),
            pid: instance.pid,
            user: instance.user,
            sessions: instance.sessions.iter().copied().filter(|id| self.is_open_session(*id)).collect(),
        };
        let instances: Vec<InstanceItem> = instances.map(instance).collect();
        let (mut sessions, mut sealed) = (Vec::new(), Vec::new());
        for session in self.sessions.values_mut().filter(|session| session.is_active() && !leave) {
            let item = session.item(now);
            if item.descriptor.scope == Scope::Open {
                sessions.push(item); // its LAN's passphrase seals the whole frame
            } else {
                sealed.extend(SealedItem::seal(self.host, &item, &session.keys, &mut self.nonces));
            }
        }
        HostFrame {
            incarnation: self.incarnation,
            beat,
            boot: self.nonces.boot(),
            addresses: self.paths.addresses(),
            part: 0,
            parts: 1,
            interval: interval.as_millis() as u32,
            sent: (now.as_nanos() / 1000) as u32,
            leave,
            name: self.host_name.clone(),
            window: self.out.window,
            payload: self.paths.payload() as u16,
            users: if leave { vec![] } else { users },
            instances: if leave { vec![] } else { instances },
            sessions,
            sealed,
            neighbours: if leave { vec![] } else { self.directory.neighbours(now) },
            apps: if leave { vec![] } else { self.apps_told() },
            sayings: if leave { vec![] } else { self.sayings_told() },
        }
    }

    fn is_open_session(&self, id: SessionId) -> bool {
        self.sessions.get(&id).is_some_and(|session| session.descriptor.scope == Scope::Open)
    }

    /// A host frame arrived.
    pub(super) fn on_host_frame(&mut self, arrival: Arrival, header: &Header, datagram: &[u8], rest: &[u8]) {
        let now = self.out.now;
        if self.lan.is_sealed() != (header.key_id != 0) || !self.lan.knows(header.key_id) {
            self.strangers.on_frame(arrival.from.ip(), header.key_id != 0, now);
            return self.out.counters.add("drop.other LAN", 1);
        }
        let mut opened = Vec::new();
        let rest = match self.lan.is_sealed() {
            false => rest,
            true if self.lan.open_frame(header, datagram, &mut opened).is_some() => &opened[..],
            true => return self.refuse(arrival, "drop.not opened"),
        };
        let Ok(unverified) = UnverifiedHost::parse(rest) else {
            return self.out.counters.add("drop.malformed", 1);
        };
        let host = unverified.host;
        if host == self.host {
            return self.on_own_name(arrival, unverified);
        }
        let hash = entry_hash(datagram);
        if self.directory.is_repeat(host, &hash, arrival, now) {
            return;
        }
        let mut frame = match unverified.verify() {
            Ok(frame) => frame,
            Err(_) => return self.refuse(arrival, "drop.bad host frame"),
        };
        let echo = |item: &NeighbourItem| item.host == self.host && self.nonces.is_marked(item.boot);
        match self.directory.judge(host, &frame, frame.neighbours.iter().any(echo)) {
            Standing::Stale => return self.out.counters.add("drop.stale host frame", 1),
            Standing::Unproven => {
                // Our next heartbeat tells it that we have heard it; then it is its turn.
                if self.directory.on_unproven(host, &frame, hash, arrival, now) {
                    self.heartbeat.on_change(now);
                }
                return self.out.counters.add("frames.unproven", 1);
            }
            Standing::Present => {}
        }
        frame.users.iter().for_each(|user| self.on_user(host, user));
        self.open_items(host, &mut frame);
        if let Some(item) = frame.neighbours.iter().find(|item| item.host == self.host && item.echo != 0) {
            let sent = (now.as_nanos() / 1000) as u32;
            let sample =
                Duration::from_micros(u64::from(sent.wrapping_sub(item.echo).wrapping_sub(item.held)));
            // More than a second is a clock that jumped or a frame that lay somewhere: no round trip of a LAN.
            if sample < Duration::from_secs(1) {
                let known = self.directory.on_round_trip(host, sample);
                self.sessions.values_mut().for_each(|session| session.on_round_trip(host, known));
            }
        }
        let (sessions, boot) = (frame.sessions.clone(), frame.boot);
        match self.directory.on_frame(host, frame, hash, arrival, now) {
            Heard::Left => return self.on_host_gone(host),
            Heard::Ignored => self.out.counters.add("drop.stale host frame", 1),
            Heard::New => {
                self.changed.extend([Topic::Who, Topic::Instances, Topic::Sessions]);
                self.heartbeat.on_change(now);
                self.replays.retain(|_, (other, _)| *other != host);
                self.replays.insert(boot, (host, BTreeMap::new()));
                self.on_announced(host, &sessions);
                self.plan_invitations();
            }
            Heard::Changed => {
                self.changed.extend([Topic::Who, Topic::Instances, Topic::Sessions]);
                self.on_announced(host, &sessions);
                self.plan_invitations();
            }
            Heard::Known => self.on_announced(host, &sessions),
        }
        self.fit_payload();
    }

    /// Entries are to be no longer than what the links of all hosts present take. Longer ones that there are reach the others in
    /// a stream: nobody repairs them by datagram in vain for long.
    pub(super) fn fit_payload(&mut self) {
        let others = self.directory.hosts().map(|(_, host)| host.payload);
        let payload = others.fold(self.paths.payload(), usize::min);
        if payload != self.out.payload {
            self.out.payload = payload;
            self.sessions.values_mut().for_each(|session| session.set_payload(payload));
        }
    }

    /// A frame under this host's own key: an echo, an old one that somebody recorded, or the word of a twin, whose disk is a copy
    /// of this one's. Of two twins the one that has started fewer times begins anew, and the other speaks up; that one's frames
    /// cannot be old ones of ours, since we have not been there yet.
    fn on_own_name(&mut self, arrival: Arrival, unverified: UnverifiedHost<'_>) {
        let Ok(frame) = unverified.verify() else { return self.refuse(arrival, "drop.bad host frame") };
        if frame.boot == self.nonces.boot() {
            return self.out.counters.add("frames.own", 1);
        }
        self.out.counters.add("frames.twin", 1);
        if frame.incarnation < self.incarnation {
            self.heartbeat.on_change(self.out.now);
        } else {
            self.draw_keys();
        }
    }

    /// Opens what a host says of sealed sessions, as far as we have keys. Of a session that nobody but it and us could know, that
    /// is word enough to join.
    fn open_items(&mut self, host: HostId, frame: &mut HostFrame) {
        frame.sessions.retain(|item| item.descriptor.scope == Scope::Open);
        for item in &frame.sealed {
            self.recognise(item, &frame.users);
            let direct = self.direct_key(item.session).map(Ring::of);
            let ring = match self.sessions.get(&item.session) {
                Some(session) if session.is_active() => Some(&session.keys),
                _ => direct.as_ref(),
            };
            frame.sessions.extend(ring.and_then(|ring| item.open(host, ring)));
        }
    }

    fn on_announced(&mut self, host: HostId, items: &[SessionItem]) {
        for item in items {
            self.join_if_direct(item.session);
        }
        let announced = |node: &Self, id| {
            let item = node.directory.host(host)?.sessions().find(|item| item.session == id)?;
            Some(node.counts(host, item))
        };
        let reach = self.directory.host(host).map(Host::reach);
        let ids: Vec<_> = self.sessions.keys().copied().collect();
        for id in ids {
            let is_in = announced(self, id) == Some(true);
            let session = self.sessions.get_mut(&id).expect("just listed");
            if session.set_host(host, reach.filter(|_| is_in), self.out.now) {
                match is_in {
                    true => session.remember(host, &mut self.out),
                    false => session.forget(host, &mut self.out),
                }
                session.plan_rotation(&self.out);
                self.on_roster_changed(id);
            }
        }
        for item in items {
            let counts = self.counts(host, item);
            let Some(mut session) = self.sessions.remove(&item.session) else { continue };
            if !counts {
                session.on_announced_aside(host, item, &mut self.out);
                self.sessions.insert(item.session, session);
                continue;
            }
            let history = session.is_introduction(host, self.out.now) && session.pair.is_none();
            session.on_announcement(host, item, history, &mut self.out);
            session.tell_snapshots(None, self.keeping.keep.away, &mut self.out);
            session.tell_progress(&mut self.out);
            self.sessions.insert(item.session, session);
        }
    }

    /// A user on another host: learn the key they write with, and where we could talk to them alone.
    fn on_user(&mut self, host: HostId, item: &UserItem) {
        let known = self.authors.get(&item.certificate.origin());
        if let Some(author) = known.filter(|author| item.certificate.repeats(author)).cloned() {
            return self.on_met(author.user, host, &author.name);
        }
        let Some(author) = item.certificate.verify().filter(|author| author.host == host) else {
            return self.out.counters.add("drop.bad certificate", 1);
        };
        let user = author.user;
        for session in self.sessions.values_mut() {
            session.on_author(&author, &mut self.out);
        }
        self.on_met(user, host, &author.name);
        self.authors.insert(author.origin, author);
        let locals: Vec<UserId> = self.users.keys().copied().collect();
        locals.into_iter().for_each(|local| self.meet(local, user));
    }

    /// A direct session that a host announces: is it with one of us, for an app that we had not thought of?
    fn recognise(&mut self, item: &SealedItem, users: &[UserItem]) {
        if self.directs.contains_key(&item.session) {
            return;
        }
        let app = &item.app;
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

    pub(super) fn meet(&mut self, local: UserId, other: UserId) {
        let Some(user) = self.users.get_mut(&local).filter(|_| local != other) else { return };
        if user.secrets.contains_key(&other) {
            return;
        }
        let Some(secret) = crypto::shared_secret(&user.key, &other) else { return };
        for app in [AppId::chat(), AppId::whiteboard()] {
            self.directs.insert(ids::direct(&app, &secret), (local, other, app));
        }
        user.secrets.insert(other, secret);
    }

    /// A host left or fell silent.
    pub(super) fn on_host_gone(&mut self, host: HostId) {
        let now = self.out.now;
        let was_in = |session: &&mut crate::session::Session| session.present().any(|other| other == host);
        let remembered = self.sessions.values_mut().filter(was_in);
        remembered.for_each(|session| session.remember(host, &mut self.out));
        let left: Vec<_> =
            self.sessions.values_mut().filter_map(|s| s.set_host(host, None, now).then(|| s.id())).collect();
        for id in left {
            if let Some(session) = self.sessions.get_mut(&id) {
                session.plan_rotation(&self.out);
            }
            self.on_roster_changed(id);
        }
        self.fit_payload();
        self.plan_invitations();
        self.replays.retain(|_, (other, _)| *other != host);
        self.changed.extend([Topic::Who, Topic::Instances, Topic::Sessions]);
    }
}
