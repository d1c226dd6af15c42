//! Keys of sessions that need no membership: the LAN's passphrase, and what two users share.
//!
//! Invariant: rooms of a LAN with another passphrase, or without one, take no part in anything.

use super::Node;
use crate::{
    entry::Entry,
    ids, records,
    seal::{Key, KeyName, Number, Ring},
    session::Session,
    store::Write,
    time::Instant,
};
use chalktalk_ipc::{
    AppId, InstanceId, SessionId, UserId,
    event::Scope,
    request::{SessionKind, Topic},
};

impl Node {
    /// Seals everything that is not sealed anyway with this key, made of a passphrase that all hosts are told; or nothing.
    ///
    /// A LAN with a passphrase is a LAN of its own: hosts without it are not there, and its rooms are others. Users are in
    /// the rooms of the same names as before.
    pub fn set_lan_key(&mut self, now: Instant, key: Option<Key>) {
        if key.as_ref().map(Key::name) == self.lan_name() {
            return;
        }
        self.at(now);
        self.beat(true);
        let rooms = self.leave_lan();
        self.strangers.clear();
        let (record, value) = records::lan(key.as_ref());
        self.out.writes.push(Write::Record { key: record, value });
        self.out.urgent = true;
        self.lan = key.map_or_else(Ring::open, Ring::of);
        for Room { user, app, title, kind, history } in rooms {
            self.join_room(user, &app, &title, kind, history);
        }
        self.heartbeat.at_once(now);
        self.changed.extend([Topic::Who, Topic::Instances, Topic::Sessions]);
        self.settle();
    }

    /// Whether a passphrase seals this LAN.
    pub fn lan_is_sealed(&self) -> bool {
        self.lan.is_sealed()
    }

    /// An entry of the store as a local user can read it.
    pub fn open_for<'a>(
        &self,
        user: UserId,
        entry: Entry<'a>,
        scratch: &'a mut Vec<u8>,
    ) -> Option<Entry<'a>> {
        let members = self.sessions.get(&entry.session)?.members.as_ref();
        let may = members.is_none_or(|members| members.may_read(&user, entry.stamp));
        self.open_entry(entry, scratch).filter(|_| may)
    }

    /// An entry of the store as it can be read.
    pub fn open_entry<'a>(&self, entry: Entry<'a>, scratch: &'a mut Vec<u8>) -> Option<Entry<'a>> {
        self.sessions.get(&entry.session)?.keys.open_entry(entry, scratch)
    }

    /// The name of the LAN's key.
    pub(super) fn lan_name(&self) -> Option<KeyName> {
        self.lan.keys().next().map(Key::name)
    }

    /// The id of an open room on this LAN.
    pub fn room(&self, app: &AppId, name: &str) -> SessionId {
        ids::open_room(app, name, self.lan_name().as_ref())
    }

    /// Everybody on this LAN is gone, and so are its rooms. Who was in which.
    fn leave_lan(&mut self) -> Vec<Room> {
        let gone = self.directory.clear();
        gone.into_iter().for_each(|host| self.on_host_gone(host));
        let mut rooms = Vec::new();
        let mut readers: Vec<(InstanceId, SessionId)> = Vec::new();
        for session in
            self.sessions.values_mut().filter(|s| s.descriptor.scope == Scope::Open && s.is_active())
        {
            let descriptor = &session.descriptor;
            rooms.extend(session.joined.iter().map(|user| Room {
                user: *user,
                app: descriptor.app.clone(),
                title: descriptor.title.clone(),
                kind: descriptor.kind,
                history: descriptor.history,
            }));
            readers.extend(session.readers().map(|instance| (instance, session.id())));
            session.elsewhere = true;
        }
        for (instance, id) in readers {
            self.detach_from(
                self.out.now,
                instance,
                id,
                "the passphrase of this LAN has changed: open the room anew",
            );
        }
        rooms
    }

    /// The key of a direct session that we can derive.
    pub(super) fn direct_key(&self, id: SessionId) -> Option<Key> {
        let (local, other, app) = self.directs.get(&id)?;
        let secret = self.users.get(local)?.secrets.get(other)?;
        Some(Key::direct(app, secret))
    }

    /// The direct sessions of a user that the store remembers can be read from now on.
    pub(super) fn unlock_directs(&mut self, user: UserId) {
        let of_user = |session: &&Session| session.pair.is_some_and(|(local, _)| local == user);
        let ids: Vec<SessionId> = self.sessions.values().filter(of_user).map(Session::id).collect();
        for id in ids {
            let Some(session) = self.sessions.get(&id) else { continue };
            let (Some((local, other)), app) = (session.pair, session.descriptor.app.clone()) else {
                continue;
            };
            self.meet(local, other);
            self.directs.insert(id, (local, other, app));
            let Some(key) = self.direct_key(id) else { continue };
            self.sessions.get_mut(&id).expect("just listed").keys = Ring::of(key);
        }
    }

    /// Whether the host that sealed a frame is present.
    pub(super) fn is_present(&self, number: Number) -> bool {
        self.replays.contains_key(&number.boot)
    }
}

/// A room that a user is in.
struct Room {
    user: UserId,
    app: AppId,
    title: String,
    kind: SessionKind,
    history: bool,
}
