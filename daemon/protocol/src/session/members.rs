//! The membership of an invite session: statements read from the logs, keys, and the making of new ones.
//!
//! Invariant: what is written goes under a key that all who are in have, and nobody else; while there is none, only
//! statements go.

use super::{Own, Session, on_first_entry, receiving::author_of, writer::Writer};
use crate::{
    entry::Entry,
    ids::{LogId, Seq},
    log::{Limits, Log},
    members::{
        envelope,
        keys::{self, Held, Keys},
        membership::{Membership, Standing},
        rotation::{self, Rotation},
        statement::{Place, Said, Secret, Statement},
    },
    outbox::Outbox,
    records,
    seal::{Key, KeyName, Ring},
    store::Write,
    time::Instant,
};
use bytes::Bytes;
use chalktalk_ipc::{HostId, SessionId, UserId, event::SessionKey};
use ed25519_dalek::SigningKey;
use rand_core::Rng;
use std::collections::{BTreeMap, BTreeSet};

/// Statements kept whose key has not come yet. Who is behind gets the keys with the logs; more is somebody's invention.
const MAX_LOCKED: usize = 4096;

/// Who is in a session, and what it is written under.
pub struct Members {
    /// Who made the session.
    pub creator: UserId,
    /// With the creator and the app, what its id is made of.
    pub nonce: [u8; 16],
    /// Seals frames that say nothing of what people write. It never changes, so that all who are or come back in can find
    /// each other, whatever keys have been made meanwhile.
    pub frames: Key,
    history: bool,
    said: BTreeMap<Place, Said>,
    locked: BTreeMap<Place, Bytes>,
    roll: Membership,
    book: Keys,
    rotation: Rotation,
    /// A local user has changed who is in: the new key is made here, as soon as that stands.
    at_once: bool,
    /// Keys of the local users in it, to open what is sealed to them.
    mine: BTreeMap<UserId, SigningKey>,
    /// Local users who are in by an invitation of this stamp: what was said of them before does not put them out.
    pub came: BTreeMap<UserId, u64>,
    /// Invited users to whom this host has sent an invitation: it says so if they decline.
    pub asked: BTreeSet<UserId>,
    /// Invited users whose host has the invitation of this stamp.
    pub received: BTreeSet<(UserId, u64)>,
    /// Other hosts of local users that are told of the session, and have answered.
    pub told: BTreeSet<HostId>,
    /// Local users who have left, as long as no other host is known to know.
    pub leaving: BTreeSet<UserId>,
}

impl Members {
    /// Of a session of which nothing is known but who made it.
    pub fn new(creator: UserId, nonce: [u8; 16], frames: Key, history: bool) -> Self {
        Self {
            creator,
            nonce,
            frames,
            history,
            said: BTreeMap::new(),
            locked: BTreeMap::new(),
            roll: Membership::of(creator, history, &BTreeMap::new()),
            book: Keys::default(),
            rotation: Rotation::default(),
            at_once: false,
            mine: BTreeMap::new(),
            came: BTreeMap::new(),
            asked: BTreeSet::new(),
            received: BTreeSet::new(),
            told: BTreeSet::new(),
            leaving: BTreeSet::new(),
        }
    }

    /// Who is in.
    pub fn roll(&self) -> &Membership {
        &self.roll
    }

    /// The key that is written under now, if there is one.
    pub fn sending(&self) -> Option<&Key> {
        self.book.sending(&self.roll).and_then(|held| held.session.as_ref())
    }

    /// Whether there is more to be known of the membership than is known here: something was said that cannot be read yet, or
    /// nothing says that a local user is in.
    fn is_behind(&self, local: &BTreeSet<UserId>) -> bool {
        !self.locked.is_empty() || local.iter().any(|user| !self.roll.is_member(user))
    }

    fn may_rotate(&self, user: &UserId) -> bool {
        self.roll.is_member(user) && !self.roll.is_withheld(user)
    }

    /// Whether a local user may read what has this stamp, going by when they were in. A host that serves several has keys for
    /// times in which not all of them were.
    pub fn may_read(&self, user: &UserId, stamp: u64) -> bool {
        self.history
            || self.came.get(user).is_some_and(|came| stamp >= *came)
            || self.roll.was_in(user, stamp)
    }

    /// The same, for people: its number, and the first digits of its name.
    pub fn key_facts(&self) -> SessionKey {
        let Some(held) = self.book.sending(&self.roll) else { return SessionKey::Changing };
        let name = held.membership.name();
        let number = self.roll.key(&name).map_or(0, |facts| facts.number);
        let digits = name[..4].iter().map(|byte| format!("{byte:02x}")).collect();
        SessionKey::Members { number, name: digits }
    }

    /// All session keys held.
    pub fn session_keys(&self) -> impl Iterator<Item = &Key> {
        self.book.all().filter_map(|held| held.session.as_ref())
    }

    /// When a key has to be made.
    pub fn next_timeout(&self) -> Option<Instant> {
        self.rotation.next_timeout()
    }

    /// Says what seals the first entry of a writer.
    pub(super) fn prepare(&self, writer: &mut Writer) {
        if let Some(key) = self.book.for_statements(&self.roll) {
            writer.seal_genesis_with(Ring::of(key.clone()));
        }
    }

    /// What the store keeps of it besides the statements.
    fn record(&self) -> records::MembersRecord {
        let key = |held: &Held| match &held.session {
            Some(session) => records::KeyRecord::Session(Secret::of(session)),
            None => records::KeyRecord::Membership(Secret::of(&held.membership), held.session_id),
        };
        records::MembersRecord {
            creator: self.creator,
            nonce: self.nonce,
            frames: Secret::of(&self.frames),
            came: self.came.iter().map(|(user, stamp)| (*user, *stamp)).collect(),
            leaving: self.leaving.iter().copied().collect(),
            keys: self.book.all().map(key).collect(),
        }
    }

    /// Takes in an accepted entry that says something of the membership. True if something is known that was not.
    fn take(&mut self, session: SessionId, author: UserId, datagram: &Bytes, out: &mut Outbox) -> bool {
        let entry = Entry::from_datagram(datagram).expect("accepted entries were parsed");
        let place = Place { stamp: entry.stamp, log: entry.log, seq: entry.seq };
        if entry.key_id == 0 {
            let open = |mine: &SigningKey| envelope::take_out(mine, session, author, entry.body);
            let found: Vec<Key> = self.mine.values().filter_map(open).collect();
            return found.into_iter().fold(false, |news, key| self.book.add(key) | news);
        }
        let Some(said) = self.open(entry) else {
            if self.locked.len() < MAX_LOCKED && self.locked.insert(place, datagram.clone()).is_none() {
                let (key, value) = records::locked(session, place.log, place.seq, datagram);
                out.writes.push(Write::Record { key, value });
            }
            return false;
        };
        let Some(statement) = said.statement else { return false };
        self.book.learn(&statement);
        let said = Said { author, under: said.under, statement };
        let (key, value) = records::statement(session, place, &said);
        out.writes.push(Write::Record { key, value });
        self.said.insert(place, said).is_none()
    }

    fn open(&self, entry: Entry<'_>) -> Option<Opened> {
        let mut candidates = self.book.all().filter(|held| held.membership.id() == entry.key_id);
        candidates.find_map(|held| {
            let mut scratch = Vec::new();
            let opened = Ring::of(held.membership.clone()).open_entry(entry, &mut scratch)?;
            Some(Opened { under: held.membership.name(), statement: Statement::from_body(opened.body) })
        })
    }
}

/// A statement that a key of ours opened; nothing in it, if it says nothing we know.
struct Opened {
    under: KeyName,
    statement: Option<Statement>,
}

impl Session {
    /// How far a log matters. Who is behind takes what they can open, by whomever: the keys that tell who is in may stand in the
    /// log of somebody who is known to be in only by what they open. And what a present host counts is taken although it does not
    /// count here: one of the two has not heard yet what the other knows, and it may stand just there.
    pub(super) fn limits(&self, user: UserId, log: LogId) -> Limits {
        let Some(members) = &self.members else { return Limits::default() };
        let counted = members.roll.limit(user, log);
        let told = || self.present.values().filter_map(|other| Some(other.rows.get(&log)?.seq)).max();
        let taken = counted.filter(|_| !members.is_behind(&self.joined));
        Limits { counted, taken: taken.map(|limit| told().map_or(limit, |told| told.max(limit))) }
    }

    /// Takes in that a host counts so much of a log.
    pub(super) fn limit_anew(&mut self, id: LogId, counts: Seq) {
        let Some(log) = self.logs.get(&id).filter(|log| log.takes_less_than(counts)) else { return };
        let Some(user) = log.author().map(|author| author.user) else { return };
        let limits = self.limits(user, id);
        self.logs.get_mut(&id).expect("just looked up").set_limits(limits);
    }

    /// A host holds the same of what counts as we: more than that it has said before it knew.
    pub(super) fn forget_what_does_not_count(&mut self, host: HostId) {
        let Some(present) = self.present.get_mut(&host).filter(|_| self.members.is_some()) else { return };
        let before = present.rows.len();
        present.rows.retain(|id, row| self.logs.get(id).is_some_and(|log| row.seq <= log.counted()));
        if present.rows.len() < before {
            self.limit_logs();
        }
    }

    /// Somebody of this host is in it: what is sealed to them can be opened.
    pub fn add_identity(&mut self, user: UserId, key: SigningKey, out: &mut Outbox) {
        if let Some(members) = &mut self.members {
            members.mine.insert(user, key);
            self.on_membership(out);
        }
    }

    /// A local user comes in by an invitation of this stamp.
    pub fn come_by(&mut self, user: UserId, stamp: u64) {
        self.stamp = self.stamp.max(stamp); // what they write comes after it
        if let Some(members) = &mut self.members {
            members.came.insert(user, stamp);
        }
    }

    /// A key of the session has come.
    pub fn learn_key(&mut self, key: Key, out: &mut Outbox) {
        if self.members.as_mut().is_some_and(|members| members.book.add(key)) {
            self.on_membership(out);
        }
    }

    /// Says something of the membership in a local user's log.
    pub fn say(&mut self, user: UserId, statement: &Statement) {
        let Some(members) = &mut self.members else { return };
        let Some(key) = members.book.for_statements(&members.roll) else { return };
        if let Some(own) = self.own.values_mut().find(|own| own.user == user) {
            own.writer.say(Ring::of(key.clone()), statement.to_body());
        }
    }

    /// A local user asks others in. Without history they get a new key, that opens nothing from before.
    pub fn invite(&mut self, author: UserId, users: &[UserId]) {
        users.iter().for_each(|user| self.say(author, &Statement::Invite { user: *user }));
        if let Some(members) = &mut self.members {
            members.at_once = true;
        }
    }

    /// A local user puts somebody out, or leaves: what they wrote stands as far as it is known here.
    pub fn put_out(&mut self, author: UserId, user: UserId) {
        let theirs =
            |log: &&Log| log.author().is_some_and(|author| author.user == user) && log.have() > Seq(0);
        let heads: Vec<(LogId, Seq)> =
            self.logs.values().filter(theirs).map(|log| (log.id(), log.have())).collect();
        Statement::removal(user, &heads).iter().for_each(|statement| self.say(author, statement));
        if let Some(members) = &mut self.members {
            members.at_once = author != user;
        }
    }

    /// Whether a local user is in it, or has left without any other host knowing.
    pub fn is_of(&self, user: &UserId) -> bool {
        self.joined.contains(user)
            || self.members.as_ref().is_some_and(|members| members.leaving.contains(user))
    }

    /// Whether somebody is in, as far as is known here.
    pub fn is_member(&self, user: &UserId) -> bool {
        self.members.as_ref().is_some_and(|members| members.roll.is_member(user))
    }

    /// Who belongs to it, there or not, and whether they have been asked in and have not come yet. None: whoever comes.
    pub fn belonging(&self) -> Option<BTreeMap<UserId, bool>> {
        match (&self.members, self.pair) {
            (Some(members), _) => {
                let roll = members.roll();
                Some(roll.in_or_invited().map(|user| (user, !roll.is_member(&user))).collect())
            }
            (None, Some((one, other))) => Some([(one, false), (other, false)].into()),
            (None, None) => None,
        }
    }

    /// Whether a local user has come by an invitation, and nothing that is known here says that they are in: nobody who is has been
    /// heard yet, or who asked them was not in any more.
    pub fn waits(&self, user: &UserId) -> bool {
        self.joined.contains(user) && self.members.is_some() && !self.is_member(user)
    }

    /// Whether a local user has left and no other host is known to know.
    pub fn is_leaving(&self) -> bool {
        self.members.as_ref().is_some_and(|members| !members.leaving.is_empty())
    }

    /// Whoever has left is gone for good once another host knows, or nobody is left who could care.
    pub(super) fn part_with_leaving(&mut self, out: &mut Outbox) {
        let Some(members) = self.members.as_mut().filter(|members| !members.leaving.is_empty()) else {
            return;
        };
        let told = |user: &UserId| {
            let said = |own: &&Own| own.user == *user && !own.writer.is_ready(false);
            let Some(own) = self.own.values().find(said) else {
                return false;
            };
            let log = own.writer.log();
            let upto = self.logs[&log].have();
            let known =
                self.present.values().any(|other| other.rows.get(&log).is_some_and(|row| row.seq >= upto));
            known || members.roll.in_or_invited().next().is_none()
        };
        let gone: Vec<UserId> = members.leaving.iter().copied().filter(told).collect();
        if !gone.is_empty() {
            members.leaving.retain(|user| !gone.contains(user));
            out.memberships.insert(self.id);
        }
    }

    /// Takes in what newly accepted entries of a log say of the membership.
    pub(super) fn take_statements(&mut self, id: LogId, before: Seq, have: Seq, out: &mut Outbox) {
        if self.is_live_log(id) {
            return; // what is not kept cannot be what all agree on
        }
        let (Some(members), Some(log)) = (&mut self.members, self.logs.get(&id)) else { return };
        let Some(author) = log.author().map(|author| author.user) else { return };
        let was_behind = members.is_behind(&self.joined);
        let mut news = false;
        for seq in before.0 + 1..=have.0 {
            let Some(datagram) = log.entry(Seq(seq)) else { continue };
            if Entry::from_datagram(datagram).is_ok_and(|entry| entry.statement) {
                news |= members.take(self.id, author, datagram, out);
            }
        }
        if news {
            self.on_membership(out);
        } else if members.is_behind(&self.joined) != was_behind {
            self.limit_logs();
            out.memberships.insert(self.id); // by whom it takes logs has changed
        }
    }

    /// What is known of the membership or of its keys has changed.
    pub(super) fn on_membership(&mut self, out: &mut Outbox) {
        self.unlock(out);
        let Some(members) = &mut self.members else { return };
        members.roll = Membership::of(members.creator, members.history, &members.said);
        for held in members.book.all() {
            let keys = held.session.iter().chain([&held.membership]);
            for key in keys {
                self.keys.add(key.clone());
            }
        }
        members.book.closed(&members.roll).for_each(|key_id| self.keys.close(key_id));
        self.keys.send_under(members.sending().map(Key::name));
        self.keys.frame_under(members.frames.clone());
        self.own.values_mut().for_each(|own| members.prepare(&mut own.writer));
        self.limit_logs();
        self.open_first_entries(out);
        self.read_notices(out);
        let Some(members) = &self.members else { return };
        let (key, value) = records::members(self.id, &members.record());
        out.writes.push(Write::Record { key, value });
        out.ready.extend(self.readers.keys().copied());
        out.memberships.insert(self.id);
        self.plan_rotation(out);
    }

    pub(super) fn limit_logs(&mut self) {
        let author = |log: &Log| log.author().map(|author| author.user);
        let users: Vec<(LogId, UserId)> =
            self.logs.iter().filter_map(|(id, log)| Some((*id, author(log)?))).collect();
        for (id, user) in users {
            let limits = self.limits(user, id);
            self.logs.get_mut(&id).expect("just listed").set_limits(limits);
        }
    }

    /// First entries that had to wait for a key say who writes, and of the life before.
    fn open_first_entries(&mut self, out: &mut Outbox) {
        let mut authors = Vec::new();
        for (id, log) in &mut self.logs {
            if log.author().is_none() {
                let entries = log.first_entries().filter_map(|datagram| Entry::from_datagram(datagram).ok());
                let claimed = entries.filter_map(|entry| author_of(entry, &self.keys, out));
                authors.extend(claimed.filter(|author| author.origin == id.origin));
            } else if log.former().is_none() && log.entry(Seq(1)).is_some() {
                on_first_entry(self.id, false, log, &self.keys, out);
            }
        }
        authors.iter().for_each(|author| self.on_author(author, out));
    }

    /// Statements that had to wait for a key are read when it has come; some bring others.
    fn unlock(&mut self, out: &mut Outbox) {
        let Some(members) = &mut self.members else { return };
        loop {
            let openable: Vec<(Place, Bytes)> = members
                .locked
                .iter()
                .filter(|(_, datagram)| {
                    let entry = Entry::from_datagram(datagram).expect("accepted entries were parsed");
                    members.open(entry).is_some()
                })
                .map(|(place, datagram)| (*place, datagram.clone()))
                .collect();
            if openable.is_empty() {
                return;
            }
            for (place, datagram) in openable {
                members.locked.remove(&place);
                out.writes
                    .push(Write::ForgetRecord { key: records::locked_key(self.id, place.log, place.seq) });
                let author = self.logs.get(&place.log).and_then(|log| log.author()).map(|author| author.user);
                if let Some(author) = author {
                    members.take(self.id, author, &datagram, out);
                }
            }
        }
    }

    /// Who is present or what key there is has changed: is one to be made, and when?
    pub fn plan_rotation(&mut self, out: &Outbox) {
        let Some(members) = &mut self.members else { return };
        let under_way = self.own.values().any(|own| own.writer.is_ready(false));
        let missing = members.sending().is_none() && !under_way;
        let may = self.own.values().any(|own| members.may_rotate(&own.user));
        let turn = || match members.is_behind(&self.joined) {
            true => rotation::MOST_TURNS, // others know better who is in
            false => rotation::turn(self.id, out.host, self.present.keys().copied()),
        };
        let turn = may.then(turn);
        members.rotation.consider(missing, turn, out.now);
    }

    pub(super) fn rotate_if_due(&mut self, out: &mut Outbox) {
        if self.members.as_mut().is_some_and(|members| members.rotation.take_due(out.now)) {
            self.rotate(out);
        }
    }

    /// Who has changed the membership here makes the key that this needs in the same breath.
    pub(super) fn rotate_now(&mut self, out: &mut Outbox) {
        let under_way = self.own.values().any(|own| own.writer.is_ready(false));
        let Some(members) = self.members.as_mut().filter(|members| members.at_once && !under_way) else {
            return;
        };
        members.at_once = false;
        if members.sending().is_none() {
            self.rotate(out);
        }
    }

    /// Makes a key for all who are in, and hands it out.
    pub fn rotate(&mut self, out: &mut Outbox) {
        let Some(members) = &mut self.members else { return };
        let maker = self.own.values_mut().find(|own| members.may_rotate(&own.user));
        let Some(own) = maker else { return };
        let mut secret = [0; 32];
        out.rng.fill_bytes(&mut secret);
        let key = Key::new(secret);
        let recipients: Vec<UserId> = members.roll.entitled().collect();
        for body in envelope::hand_out(&key, self.id, own.user, &recipients, &mut out.rng) {
            own.writer.say(Ring::open(), body);
        }
        let membership = Ring::of(keys::membership_key(&key));
        let number = keys::next_number(&members.roll);
        let (former, gone) = (members.book.heads(members.history), members.roll.gone());
        for statement in Statement::rotation(number, &recipients, &former, &gone) {
            own.writer.say(membership.clone(), statement.to_body());
        }
        members.book.add(key);
        out.counters.add("rotations", 1);
        self.on_membership(out);
    }

    /// Local users who are not in it, as is known by now: whose word put them out, or nobody's, if they were asked in by somebody
    /// who was not in any more. What was said before they came does not put them out.
    pub fn not_in_it(&self) -> Vec<(UserId, Option<UserId>)> {
        let Some(members) = &self.members else { return vec![] };
        let came = |user: &UserId| members.came.get(user).copied().unwrap_or(0);
        let knows_all = members.locked.is_empty() && self.logs.values().all(|log| !log.has_gap());
        let in_vain = |user: UserId| {
            let mut said = members.said.iter().filter(|(place, _)| place.stamp == came(&user));
            knows_all
                && said.any(|(_, said)| {
                    let is_out = matches!(members.roll.standing(&said.author), Some(Standing::Out(_)));
                    said.statement == Statement::Invite { user } && is_out
                })
        };
        let out = |user: &UserId| match members.roll.standing(user) {
            Some(Standing::Out(by)) if members.roll.since(user) > came(user) => Some((*user, Some(by))),
            Some(Standing::Out(_)) | None if in_vain(*user) => Some((*user, None)),
            _ => None,
        };
        self.joined.iter().filter_map(out).collect()
    }

    /// What the store remembers.
    pub fn restore_members(&mut self, record: &records::MembersRecord) {
        let mut members =
            Members::new(record.creator, record.nonce, record.frames.key(), self.descriptor.history);
        members.came = record.came.iter().copied().collect();
        members.leaving = record.leaving.iter().copied().collect();
        for key in &record.keys {
            match key {
                records::KeyRecord::Session(secret) => members.book.add(secret.key()),
                records::KeyRecord::Membership(secret, id) => members.book.add_membership(secret.key(), *id),
            };
        }
        self.members = Some(members);
    }

    /// A statement that the store remembers.
    pub fn restore_statement(&mut self, place: Place, said: Said) {
        if let Some(members) = &mut self.members {
            members.book.learn(&said.statement);
            members.said.insert(place, said);
        }
    }

    /// A statement that the store remembers and that could not be read yet.
    pub fn restore_locked(&mut self, datagram: Bytes) {
        let Ok(entry) = Entry::from_datagram(&datagram) else { return };
        let place = Place { stamp: entry.stamp, log: entry.log, seq: entry.seq };
        if let Some(members) = &mut self.members {
            members.locked.insert(place, datagram);
        }
    }
}
