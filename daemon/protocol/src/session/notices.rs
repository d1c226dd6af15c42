//! What is said in a session of the app sessions that were started from it.
//!
//! Invariant: a notice is told to the node once, by whom the log is that it stands in.

use super::Session;
use crate::{
    entry::Entry,
    ids::{LogId, Seq},
    members::statement::Place,
    nway::{activity::Member, notice::Notice},
    outbox::{Noticed, Outbox},
};
use bytes::Bytes;
use chalktalk_ipc::{HostId, UserId};

/// Notices kept whose key has not come yet.
const MAX_UNREAD: usize = 256;

impl Session {
    /// A local user says something of an app session.
    pub fn notify(&mut self, user: UserId, notice: &Notice) {
        if let Some(own) = self.own.values_mut().find(|own| own.user == user) {
            own.writer.notify(notice.to_body());
        }
    }

    /// The Lamport stamp that what is said next has at least.
    pub fn next_stamp(&self) -> u64 {
        self.stamp + 1
    }

    /// The users on hosts who are in it and present, other than those of this host.
    pub fn others(&self) -> impl Iterator<Item = HostId> + '_ {
        self.present.keys().copied()
    }

    /// Takes in what newly accepted entries of a log say of app sessions.
    pub(super) fn take_notices(&mut self, id: LogId, before: Seq, have: Seq, out: &mut Outbox) {
        let Some(log) = self.logs.get(&id) else { return };
        let is_notice = |datagram: &&Bytes| Entry::from_datagram(datagram).is_ok_and(|entry| entry.notice);
        let slots = (before.0 + 1..=have.0).map(Seq);
        let notices: Vec<(Seq, Bytes)> =
            slots.filter_map(|seq| Some((seq, log.entry(seq).filter(is_notice)?.clone()))).collect();
        for (seq, datagram) in notices {
            if !self.read_notice(&datagram, out) && self.unread_notices.len() < MAX_UNREAD {
                self.unread_notices.insert((id, seq), datagram);
            }
        }
    }

    /// Notices that had to wait for a key are read when it has come.
    pub(super) fn read_notices(&mut self, out: &mut Outbox) {
        for (at, datagram) in std::mem::take(&mut self.unread_notices) {
            if !self.read_notice(&datagram, out) {
                self.unread_notices.insert(at, datagram);
            }
        }
    }

    /// Tells the node what an entry says. False: its key, or who wrote it, is not known yet.
    fn read_notice(&self, datagram: &Bytes, out: &mut Outbox) -> bool {
        let entry = Entry::from_datagram(datagram).expect("accepted entries were parsed");
        let Some(author) = self.logs.get(&entry.log).and_then(|log| log.author()) else { return false };
        let mut scratch = Vec::new();
        let Some(entry) = self.keys.open_entry(entry, &mut scratch) else { return false };
        if let Some(notice) = Notice::from_body(entry.body) {
            out.noticed.push(Noticed {
                parent: self.id,
                author: Member { user: author.user, host: author.host },
                place: Place { stamp: entry.stamp, log: entry.log, seq: entry.seq },
                history: self.is_history(entry.log, entry.seq),
                notice,
            });
        } else if !entry.body.is_empty() {
            out.counters.add("drop.malformed notice", 1);
        }
        true
    }
}
