//! The session as its authors see it: publishing, bursts, and how far messages have come.
//!
//! Invariant: an entry is appended, handed to the store and handed to the wire in the same turn.

use super::{
    Held, Own, Session,
    flow::Flow,
    lives::{self, alike},
    writer::{Genesis, Writer},
};
use crate::{
    control::{self, Descriptor},
    crypto::{Author, Certificate},
    frame::MAX_DATAGRAM,
    ids::{LogId, Seq},
    log::Log,
    outbox::Outbox,
    records,
    store::Write,
    stream,
    time::Instant,
};
use bytes::Bytes;
use chalktalk_ipc::{Event, InstanceId, UserId, batch::Outgoing};
use std::collections::BTreeSet;

impl Session {
    /// Gives a local user a log to write. `resume`: the hash of the last signature of one that goes on.
    pub fn add_writer(
        &mut self,
        author: Author,
        key: ed25519_dalek::SigningKey,
        certificate: Certificate,
        epoch: crate::ids::Epoch,
        resume: Option<[u8; 16]>,
        out: &mut Outbox,
    ) {
        if self.has_writer(&author.user) {
            return;
        }
        if self.is_live() && self.members.is_some() {
            let (author, key, certificate) = (author.clone(), key.clone(), certificate.clone());
            self.add_log(author, key, certificate, epoch.live(), None, out);
        }
        self.add_log(author, key, certificate, epoch, resume, out);
    }

    fn add_log(
        &mut self,
        author: Author,
        key: ed25519_dalek::SigningKey,
        certificate: Certificate,
        epoch: crate::ids::Epoch,
        resume: Option<[u8; 16]>,
        out: &mut Outbox,
    ) {
        let (user, overhead) = (author.user, self.keys.overhead());
        let id = LogId { origin: author.origin, epoch };
        let newest = self.logs.range(alike(id)).next_back().map(|(id, log)| (*id, log.have()));
        let (id, mut writer) = match (resume, newest) {
            (Some(previous), Some((id, last))) if last > Seq(0) => {
                (id, Writer::resume(key, id, last, previous, overhead))
            }
            _ => {
                let genesis = Genesis { certificate, descriptor: self.announced(), previous: None };
                (id, Writer::begin(key, id, genesis, overhead))
            }
        };
        writer.set_limit(out.payload);
        let live = self.is_live_log(id);
        let log = self.logs.entry(id).or_insert_with(|| Log::new(id, live));
        log.set_author(author, out.now, &mut out.signatures);
        log.set_own();
        if let Some(members) = &self.members {
            members.prepare(&mut writer);
        }
        let mut flow = Flow::new(writer.last());
        flow.set_members(self.present.iter().map(|(host, p)| (*host, p.window)), out.now);
        self.own.insert(id, Own { user, writer, flow });
    }

    /// What the session is, as it may be said in clear: a direct session keeps its members' names to itself.
    pub fn announced(&self) -> Descriptor {
        let title = if self.pair.is_some() { String::new() } else { self.descriptor.title.clone() };
        Descriptor { title, ..self.descriptor.clone() }
    }

    /// Says how long the datagrams of entries may be that are begun from now on.
    pub fn set_payload(&mut self, payload: usize) {
        self.own.values_mut().for_each(|own| own.writer.set_limit(payload));
    }

    /// Whether this user can write here.
    pub fn has_writer(&self, user: &UserId) -> bool {
        self.own_of(user).is_some()
    }

    /// Takes in a durable message. False if the instance has overdrawn its credit.
    pub fn publish(
        &mut self,
        user: UserId,
        author: stream::Author,
        destination: InstanceId,
        message: &Outgoing<'_>,
        now: Instant,
    ) -> bool {
        if now < self.hold_until || !self.held.is_empty() {
            self.held.push(Held {
                user,
                author,
                destination,
                payload: Bytes::copy_from_slice(message.payload),
                mentions: message.mentions.to_vec(),
                urgent: message.urgent,
            });
            return self.has_writer(&user);
        }
        self.write(user, author, destination, message)
    }

    pub(super) fn write(
        &mut self,
        user: UserId,
        author: stream::Author,
        destination: InstanceId,
        message: &Outgoing<'_>,
    ) -> bool {
        let Some(own) = self.own.values_mut().rfind(|own| own.user == user) else { return false };
        let last = self.numbers.entry(author.instance).or_default();
        if author.number <= *last {
            own.writer.refund(author.instance, message);
            return true; // sent again after a broken connection, although it had come through
        }
        *last = author.number;
        own.writer.push(destination, author, message);
        true
    }

    /// Gives back what a message has cost that was not taken.
    pub fn refund(&mut self, user: &UserId, instance: InstanceId, message: &Outgoing<'_>) {
        if let Some(own) = self.own_of_mut(user) {
            own.writer.refund(instance, message);
        }
    }

    /// Tells an instance what it may publish, if that is news.
    pub fn tell_grant(&mut self, user: &UserId, instance: InstanceId, out: &mut Outbox) {
        let granted = self.own_of_mut(user).and_then(|own| own.writer.news_of_grant(instance));
        let session = self.id;
        out.events.extend(granted.map(|granted| (instance, Event::Credit { session, granted })));
    }

    /// Number of the last message of an instance that is in its log.
    pub fn last_number(&self, instance: InstanceId) -> u64 {
        self.numbers.get(&instance).copied().unwrap_or(0)
    }

    /// Sends a volatile message: to everybody once, and to the other local instances.
    pub fn publish_volatile(
        &mut self,
        user: UserId,
        instance: InstanceId,
        destination: InstanceId,
        message: &Outgoing<'_>,
        out: &mut Outbox,
    ) {
        let Some(own) = self.own_of(&user).filter(|_| self.keys.can_send()) else { return };
        let log = own.writer.log();
        let body = control::Volatile {
            log,
            seq: own.writer.last(),
            stamp: self.stamp,
            time: out.wall,
            instance,
            urgent: message.urgent,
            payload: serde_bytes::ByteBuf::from(message.payload),
        };
        out.group.push_back(vec![control::volatile(self.id, destination, &body).into()]);
        self.take_volatile(destination, body, user, out);
    }

    /// Bytes, roughly, of what a local user has published that has not left.
    pub fn unsent(&self, user: &UserId) -> usize {
        let held = self.held.iter().filter(|held| held.user == *user).map(|held| held.payload.len());
        let drafts = self.own_of(user).map_or(0, |own| own.writer.waiting());
        held.sum::<usize>() + drafts * MAX_DATAGRAM
    }

    /// The local users whose messages wait to be sent and may be.
    pub fn waiting_writers(&self, now: Instant) -> impl Iterator<Item = UserId> + '_ {
        let may = self.is_active() && now >= self.hold_until;
        let held = !self.held.is_empty();
        let waits = move |own: &Own| held || self.is_ready(own) && own.flow.allowance(now) > 0;
        self.own.values().filter(move |own| may && waits(own)).map(|own| own.user)
    }

    pub(super) fn is_ready(&self, own: &Own) -> bool {
        own.writer.is_ready(self.keys.can_send())
    }

    /// The time to learn our own tail is over: what was published meanwhile goes on, unless it was in that tail.
    pub(super) fn release(&mut self, out: &mut Outbox) {
        let held = std::mem::take(&mut self.held);
        for message in &held {
            let Held { payload, mentions, urgent, .. } = message;
            let outgoing = Outgoing { payload, mentions, urgent: *urgent };
            self.write(message.user, message.author, message.destination, &outgoing);
        }
        for message in held {
            let own = self.own_of_mut(&message.user);
            let Some(granted) = own.and_then(|own| own.writer.news_of_grant(message.author.instance)) else {
                continue;
            };
            out.events.push_back((message.author.instance, Event::Credit { session: self.id, granted }));
        }
    }

    /// Makes a user's next burst: appended, to be stored, and to be sent by the caller.
    pub fn flush(&mut self, user: &UserId, out: &mut Outbox) -> Vec<Bytes> {
        let now = out.now;
        if !self.held.is_empty() {
            self.release(out);
        }
        let messages = self.keys.can_send();
        let ready = |own: &&mut Own| {
            own.user == *user && own.writer.is_ready(messages) && own.flow.allowance(now) > 0
        };
        let Some(own) = self.own.values_mut().find(ready) else { return Vec::new() };
        let limit = own.flow.allowance(now);
        if own.writer.last() == Seq(0) {
            own.writer.follow(lives::former_of(&self.logs, own.writer.log()));
        }
        let (written, marks) = own.writer.flush(self.id, limit, self.stamp + 1, out.wall, &self.keys);
        let id = own.writer.log();
        own.flow.on_sent(own.writer.last(), now);
        let log = self.logs.get_mut(&id).expect("a writer has its log");
        let before = log.have();
        for entry in &written {
            log.append(entry.seq, entry.stamp, entry.datagram.clone());
            self.stamp = self.stamp.max(entry.stamp);
        }
        let authors: BTreeSet<InstanceId> = marks.iter().map(|mark| mark.author.instance).collect();
        for instance in authors {
            if let Some(granted) = own.writer.news_of_grant(instance) {
                out.events.push_back((instance, Event::Credit { session: self.id, granted }));
            }
        }
        self.repair.on_sent(written.len());
        self.progress.on_appended(&marks);
        self.on_accepted(id, before, out);
        self.rotate_now(out);
        let kept = !self.is_live_log(id);
        if kept {
            for mark in marks {
                let (key, value) = records::number(self.id, *user, mark.author.instance, mark.author.number);
                out.writes.push(Write::Record { key, value });
            }
        }
        out.urgent |= kept;
        out.counters.add("entries.sent", written.len() as u64);
        written.into_iter().map(|entry| entry.datagram).collect()
    }
}
