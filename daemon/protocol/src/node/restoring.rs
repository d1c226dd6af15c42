//! A node as the store remembers it.
//!
//! Invariant: what a record says is believed only as far as its own kind goes; one that does not read is left alone.

use super::{HEAR_TWIN, LEARN_TAIL, Node};
use crate::{
    records::{self, Known},
    seal::{Key, Ring},
    session::Session,
    store::Restored,
    time::Instant,
};
use chalktalk_ipc::event::Scope;

impl Node {
    pub(super) fn restore(&mut self, restored: Restored, former: Option<u64>, now: Instant) {
        let known: Vec<Known> =
            restored.records.iter().filter_map(|(key, value)| records::read(key, value)).collect();
        let is_former = |life: u64| Some(life) == former;
        self.clean = known.iter().any(|k| matches!(k, Known::CleanStop(life) if is_former(*life)));
        if !known.is_empty() {
            self.quiet_until = now + if self.clean { HEAR_TWIN } else { LEARN_TAIL };
        }
        if let Some(Known::Lan(Some(secret))) = known.iter().find(|record| matches!(record, Known::Lan(_))) {
            self.lan = Ring::of(Key::new(*secret));
        }
        for record in &known {
            match record {
                Known::Certificate(origin, certificate) => {
                    if let Some(author) = certificate.verify() {
                        self.authors.insert(*origin, author);
                    }
                }
                Known::Session(id, record) => {
                    let open = record.descriptor.scope == Scope::Open;
                    let keys = if open { self.lan.clone() } else { Ring::locked() };
                    let mut session = Session::new(*id, record.descriptor.clone(), keys, now);
                    session.joined = record.joined.iter().copied().collect();
                    session.left = record.left.iter().copied().collect();
                    session.pair = record.pair;
                    session.elsewhere = open && record.lan != self.lan_name();
                    session.hold_writing(self.quiet_until, now + LEARN_TAIL);
                    self.sessions.insert(*id, session);
                }
                Known::Person(local, other, person) => {
                    self.people.entry(*local).or_default().restore(*other, person.clone());
                }
                Known::Activity(record) => self.restore_activity((**record).clone()),
                Known::Invitation(user, id, record) => {
                    self.inviting.restore(*user, *id, (**record).clone());
                }
                // Not one of an earlier stop: the log has gone on since, and slots behind its end were given out.
                Known::Resume(session, origin, life, hash) if self.clean && is_former(*life) => {
                    self.resumes.insert((*session, *origin), *hash);
                }
                Known::Status(user, status) => drop(self.statuses.insert(*user, status.clone())),
                Known::Stored(origin, bytes) => self.written.restore(*origin, *bytes),
                _ => {}
            }
        }
        for stored in restored.logs {
            let author = self.authors.get(&stored.log.origin).cloned();
            if let Some(session) = self.sessions.get_mut(&stored.session) {
                session.restore_log(&stored, author);
            }
        }
        for record in known {
            match record {
                Known::Positions(id, user, positions) => {
                    if let Some(session) = self.sessions.get_mut(&id) {
                        session.restore_positions(user, &positions);
                    }
                }
                Known::Shown(id, user, positions) => {
                    if let Some(session) = self.sessions.get_mut(&id) {
                        session.restore_shown(user, &positions);
                    }
                }
                Known::Former(id, log, epoch, seq) => {
                    if let Some(session) = self.sessions.get_mut(&id) {
                        session.restore_former(log, (epoch, seq));
                    }
                }
                Known::Members(id, record) => {
                    if let Some(session) = self.sessions.get_mut(&id) {
                        session.restore_members(&record);
                    }
                }
                Known::Statement(id, place, said) => {
                    if let Some(session) = self.sessions.get_mut(&id) {
                        session.restore_statement(place, said);
                    }
                }
                Known::Locked(id, datagram) => {
                    if let Some(session) = self.sessions.get_mut(&id) {
                        session.restore_locked(datagram);
                    }
                }
                Known::Stand(id, member, place, stand) => self.restore_stand(id, member, place, stand),
                Known::Holder(id, host, holder) => {
                    let (here, wall, away) = (self.host, self.out.wall, self.keeping.keep.away);
                    if let Some(session) = self.sessions.get_mut(&id) {
                        session.restore_holder(host, holder, here, wall, away);
                    }
                }
                Known::Covers(id, covers) => {
                    if let Some(session) = self.sessions.get_mut(&id) {
                        session.restore_covers(covers);
                    }
                }
                Known::Number(id, _, instance, number) => {
                    if let Some(session) = self.sessions.get_mut(&id) {
                        session.restore_number(instance, number);
                    }
                }
                _ => {}
            }
        }
    }
}
