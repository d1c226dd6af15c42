//! What leaves the node: datagrams for the network, writes for the store.
//!
//! Invariant: control frames go first; then users take turns, and so do each user's sessions.

use super::{Action, Node};
use crate::{
    frame::{Header, Kind},
    net::{Route, Transmit},
    store::{Batch, Write},
    time::Instant,
};
use bytes::Bytes;
use chalktalk_ipc::{SessionId, UserId};
use std::{collections::BTreeMap, net::SocketAddr, time::Duration};

/// Others' entries and positions, which no local program waits to hear *stored* of, are collected for so long: an
/// fdatasync each would take the disk from those who wait.
pub(super) const LAZY_WRITES: Duration = Duration::from_millis(10);

/// More writes than this are not held back.
const MANY_WRITES: usize = 512;

impl Node {
    /// The next datagrams to be sent: control frames first, then a burst of each user and session in turn.
    pub fn poll_transmit(&mut self, now: Instant) -> Option<Transmit> {
        self.at(now);
        if self.transmits.is_empty()
            && let Some((user, id)) = self.next_writer(now)
        {
            self.turn = Some(user);
            self.users.get_mut(&user).expect("writers are local users").turn = Some(id);
            let session = self.sessions.get_mut(&id).expect("just found");
            let burst = session.flush(&user, &mut self.out);
            self.out.group.push_back(burst);
            self.settle();
        }
        let transmit = self.transmits.pop_front()?;
        self.out.counters.add("frames.sent", transmit.datagrams.len() as u64);
        Some(transmit)
    }

    /// Who sends next: users take turns, and so do each user's sessions.
    pub(super) fn next_writer(&self, now: Instant) -> Option<(UserId, SessionId)> {
        if self.cloned {
            return None;
        }
        let rank = |user: UserId, id: SessionId| {
            let last = self.users.get(&user).map(|local| local.turn)?;
            Some((Some(user) <= self.turn, user, Some(id) <= last, id))
        };
        let waiting = self
            .sessions
            .iter()
            .flat_map(|(id, session)| session.waiting_writers(now).filter_map(move |user| rank(user, *id)));
        waiting.min().map(|(_, user, _, id)| (user, id))
    }

    /// The next writes for the store.
    pub fn poll_write(&mut self) -> Option<Batch> {
        let waited = self.writes_since.is_some_and(|since| self.out.now.since(since) >= LAZY_WRITES);
        let worth_it = self.out.urgent || waited || self.out.writes.len() >= MANY_WRITES;
        if self.out.writes.is_empty() || !worth_it {
            return None;
        }
        (self.out.urgent, self.writes_since) = (false, None);
        let mut writes = std::mem::take(&mut self.out.writes);
        self.batch += 1;
        self.count_written(self.batch, &mut writes);
        self.keeping.count(&writes);
        let mut ends = BTreeMap::new();
        for write in &writes {
            if let Write::Entry { session, log, seq, .. } = write {
                let end = ends.entry((*session, *log)).or_insert(*seq);
                *end = (*end).max(*seq);
            }
        }
        let ends = ends.into_iter().map(|((session, log), seq)| (session, log, seq)).collect();
        self.batches.push_back((self.batch, ends));
        Some(Batch { number: self.batch, writes })
    }

    /// Somebody waits for what is not stored yet: hold no writes back.
    pub fn hurry_writes(&mut self) {
        self.out.urgent = true;
    }

    /// Brings what the parts have put into the outbox on its way.
    pub(super) fn settle(&mut self) {
        while let Some(id) = self.out.memberships.pop_first() {
            self.on_membership(id);
        }
        let news = std::mem::take(&mut self.out.news);
        news.into_iter().for_each(|news| self.on_news(news));
        self.settle_together();
        let wishes = std::mem::take(&mut self.out.catch_ups);
        for wish in wishes {
            let providers: Vec<SocketAddr> =
                wish.providers.iter().filter_map(|host| self.address_of(*host)).collect();
            self.actions.push_back(Action::CatchUp { session: wish.session, providers, wants: wish.wants });
            self.out.counters.add("catchups", 1);
        }
        if std::mem::take(&mut self.out.twin) {
            self.draw_keys();
        }
        if !self.out.writes.is_empty() {
            self.writes_since.get_or_insert(self.out.now);
        }
        if std::mem::take(&mut self.out.changed) {
            self.heartbeat.on_change(self.out.now);
        }
        while let Some(datagrams) = self.out.group.pop_front() {
            let datagrams: Vec<Bytes> = datagrams.into_iter().filter_map(|d| self.sealed(d)).collect();
            if datagrams.is_empty() {
                continue;
            }
            let routes = self.paths.everybody();
            self.transmits
                .extend(routes.into_iter().map(|route| Transmit { route, datagrams: datagrams.clone() }));
        }
        while let Some((host, datagram)) = self.out.unicast.pop_front() {
            if let Some((address, datagram)) = self.address_of(host).zip(self.sealed(datagram)) {
                self.transmits.push_back(Transmit { route: Route::Host(address), datagrams: vec![datagram] });
            }
        }
    }

    /// A frame as it leaves: entries are sealed when they are written, other frames of sealed sessions now.
    pub(super) fn sealed(&mut self, datagram: Bytes) -> Option<Bytes> {
        let (header, _) = Header::parse(&datagram).expect("our own frames are whole");
        if matches!(header.kind, Kind::Entry | Kind::Invitation | Kind::Answer) {
            return Some(datagram);
        }
        let session = self.sessions.get(&header.session)?;
        if !session.keys.is_sealed() {
            return Some(datagram);
        }
        session.keys.seal_frame(datagram.to_vec(), &mut self.nonces).map(Bytes::from)
    }
}
