//! One open session as the client sees it: its own messages on their way out, what has been read, what credit is left.
//!
//! Invariant: `sent_through` < `next_number`, and everything between is in the backlog, but what was refused. A pure machine: no
//! socket, no clock.

use crate::{
    backlog::{BACKLOG_LIMIT, Backlog},
    outbox::Outbox,
    progress::Progress,
};
use chalktalk_ipc::{
    InstanceId, OriginId, Position, Refusal, SessionId,
    batch::{Class, Outgoing, PublishHead},
    request::SessionKind,
};
use std::{
    collections::{HashMap, VecDeque},
    ops::RangeInclusive,
};

/// What a message costs of the credit besides its payload (see `Event::Credit`).
const MESSAGE_COST: u64 = 64;

/// A place in one log: entry, and message in that entry.
type Place = (u64, u16);

/// A vector over logs.
pub(crate) type Places = HashMap<(OriginId, u32), Place>;

#[derive(Debug)]
pub(crate) struct Session {
    id: SessionId,
    kind: SessionKind,
    /// Attached on this connection (not while the connection is down, or before `open` is answered again).
    attached: bool,
    next_number: u64,
    sent_through: u64,
    backlog: Backlog,
    granted: u64,
    used: u64,
    /// How far the app has been handed messages.
    read: Places,
    acked: Places,
    unsent_acks: Places,
    progress: Progress,
    /// Numbers that the daemon has not taken, the latest last.
    refused: VecDeque<RangeInclusive<u64>>,
    refusal: Option<Refusal>,
}

/// Runs of refused numbers that are remembered, for those who wait to hear of them.
const MAX_REFUSED: usize = 64;

impl Session {
    pub(crate) fn new(id: SessionId, kind: SessionKind) -> Self {
        Self {
            id,
            kind,
            attached: false,
            next_number: 1,
            sent_through: 0,
            backlog: Backlog::default(),
            granted: 0,
            used: 0,
            read: Places::new(),
            acked: Places::new(),
            unsent_acks: Places::new(),
            progress: Progress::default(),
            refused: VecDeque::new(),
            refusal: None,
        }
    }

    pub(crate) fn kind(&self) -> SessionKind {
        self.kind
    }

    pub(crate) fn progress(&self) -> &Progress {
        &self.progress
    }

    /// Everything published has been given to the outbox.
    pub(crate) fn all_sent(&self) -> bool {
        self.sent_through + 1 == self.next_number && self.unsent_acks.is_empty()
    }

    /// `open` was answered: by the app's wish (reading starts anew), or after a reconnect (it goes on).
    pub(crate) fn on_opened(&mut self, last_number: u64, granted: u64, start: &[Position], again: bool) {
        self.attached = true;
        self.granted = granted;
        self.used = 0;
        self.next_number = self.next_number.max(last_number + 1);
        // A live log that its daemon lost says 0, also for what was in it: that is not published twice.
        self.sent_through = last_number.max(self.backlog.released());
        if self.backlog.is_done_after(self.sent_through) {
            self.sent_through = self.next_number - 1; // what is missing in between was refused
        }
        if again {
            self.unsent_acks = self.acked.clone();
        } else {
            self.read = start.iter().map(|p| ((p.origin, p.epoch), (p.seq, p.index))).collect();
        }
    }

    pub(crate) fn on_disconnected(&mut self) {
        self.attached = false;
    }

    pub(crate) fn on_credit(&mut self, granted: u64) {
        self.granted = self.granted.max(granted);
    }

    pub(crate) fn on_progress(&mut self, new: Progress) {
        let old = &mut self.progress;
        old.appended = old.appended.max(new.appended);
        old.stored = old.stored.max(new.stored);
        old.delivered = old.delivered.max(new.delivered);
        old.held_by = new.held_by;
        let safe = match self.kind {
            SessionKind::Kept => old.stored,
            SessionKind::Live => old.appended,
        };
        self.backlog.release(safe);
    }

    /// Everything from this number on was not taken. The numbers that were not; none if all of them were known to be.
    pub(crate) fn on_refused(&mut self, first: u64, refusal: Refusal) -> Option<RangeInclusive<u64>> {
        let numbers = first..=self.next_number - 1;
        self.backlog.forget_from(first);
        self.sent_through = self.next_number - 1;
        if numbers.is_empty() {
            return None;
        }
        self.refused.push_back(numbers.clone());
        if self.refused.len() > MAX_REFUSED {
            self.refused.pop_front();
        }
        self.refusal = Some(refusal);
        Some(numbers)
    }

    /// Why a message was not taken, if it was not.
    pub(crate) fn refusal_of(&self, number: u64) -> Option<&Refusal> {
        self.refusal.as_ref().filter(|_| self.refused.iter().any(|numbers| numbers.contains(&number)))
    }

    /// Why messages were not taken, if some were not.
    pub(crate) fn refusal(&self) -> Option<&Refusal> {
        self.refusal.as_ref()
    }

    /// Where reading goes on after a reconnect.
    pub(crate) fn positions(&self) -> Vec<Position> {
        to_positions(&self.read)
    }

    /// How far this log has been handed to the app.
    pub(crate) fn read_through(&self, origin: OriginId, epoch: u32) -> Option<Place> {
        self.read.get(&(origin, epoch)).copied()
    }

    pub(crate) fn on_delivered(&mut self, last: Position) {
        advance(&mut self.read, last);
    }

    /// Remembers acknowledgements to be sent. False: nothing new.
    pub(crate) fn ack(&mut self, positions: &[Position]) -> bool {
        positions.iter().fold(false, |any, position| {
            let new = advance(&mut self.acked, *position);
            if new {
                advance(&mut self.unsent_acks, *position);
            }
            any | new
        })
    }

    /// Acknowledgements to send now.
    pub(crate) fn take_acks(&mut self) -> Vec<Position> {
        if !self.attached {
            return Vec::new();
        }
        let acks = to_positions(&self.unsent_acks);
        self.unsent_acks.clear();
        acks
    }

    /// Whether a durable message with such a payload may be published now. Without a connection it may as long as
    /// it can be remembered; with one, when there is credit and what was remembered before has gone out.
    pub(crate) fn admits(&self, payload: usize) -> bool {
        let remembered = self.backlog.bytes();
        let room = remembered == 0 || remembered + payload <= BACKLOG_LIMIT;
        let waiting = self.sent_through + 1 < self.next_number;
        room && (!self.attached || !waiting && self.affords(payload))
    }

    /// Publishes a durable message that [`Session::admits`]; returns its number.
    pub(crate) fn publish(
        &mut self,
        destination: InstanceId,
        message: &Outgoing<'_>,
        outbox: &mut Outbox,
    ) -> u64 {
        let first = self.next_number;
        self.next_number += 1;
        self.backlog.push(self.id, destination, first, message);
        if self.attached {
            self.used += cost(message.payload.len());
            self.sent_through = first;
            outbox.publish(
                PublishHead { session: self.id, destination, first, class: Class::Durable },
                message,
            );
        }
        first
    }

    /// Sends a volatile message, or drops it where there is no connection. It costs no credit.
    pub(crate) fn publish_volatile(
        &mut self,
        destination: InstanceId,
        message: &Outgoing<'_>,
        outbox: &mut Outbox,
    ) {
        if self.attached {
            let head = PublishHead { session: self.id, destination, first: 0, class: Class::Volatile };
            outbox.publish(head, message);
        }
    }

    /// Sends what was published without a connection or is missing in the daemon's log, as far as credit goes.
    pub(crate) fn send_waiting(&mut self, outbox: &mut Outbox, room: usize) {
        if !self.attached || self.sent_through + 1 == self.next_number {
            return;
        }
        let (granted, mut used, mut sent) = (self.granted, self.used, self.sent_through);
        self.backlog.each_after(self.sent_through, |head, message| {
            let after = used + cost(message.payload.len());
            let goes = after <= granted && outbox.len() < room;
            if goes {
                used = after;
                sent = head.first;
                outbox.publish(head, message);
            }
            goes
        });
        (self.used, self.sent_through) = (used, sent);
    }

    fn affords(&self, payload: usize) -> bool {
        self.used + cost(payload) <= self.granted
    }
}

fn cost(payload: usize) -> u64 {
    payload as u64 + MESSAGE_COST
}

/// Moves one log's place forward. False: it was there already.
fn advance(places: &mut Places, to: Position) -> bool {
    let place = (to.seq, to.index);
    match places.get_mut(&(to.origin, to.epoch)) {
        Some(old) if *old >= place => false,
        Some(old) => {
            *old = place;
            true
        }
        None => {
            places.insert((to.origin, to.epoch), place);
            true
        }
    }
}

fn to_positions(places: &Places) -> Vec<Position> {
    let position = |(&(origin, epoch), &(seq, index)): (&(OriginId, u32), &Place)| Position {
        origin,
        epoch,
        seq,
        index,
    };
    places.iter().map(position).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open(kind: SessionKind, granted: u64) -> (Session, Outbox) {
        let mut session = Session::new(SessionId([1; 16]), kind);
        session.on_opened(0, granted, &[], false);
        (session, Outbox::default())
    }

    fn publish(session: &mut Session, outbox: &mut Outbox, count: usize) -> usize {
        let admitted = (0..count).take_while(|_| {
            let yes = session.admits(36);
            if yes {
                session.publish(InstanceId::NIL, &Outgoing::new(&[0; 36]), outbox);
            }
            yes
        });
        admitted.count()
    }

    fn stored(session: &mut Session, number: u64) {
        session.on_progress(Progress { appended: number, stored: number, ..Progress::default() });
    }

    #[test]
    fn credit_is_spent_to_the_byte_and_granted_as_a_total() {
        let (mut session, mut outbox) = open(SessionKind::Kept, 1_000);
        assert_eq!(publish(&mut session, &mut outbox, 99), 10);
        session.on_credit(1_099);
        assert_eq!(publish(&mut session, &mut outbox, 99), 0);
        session.on_credit(1_300);
        session.on_credit(1_200);
        assert_eq!(publish(&mut session, &mut outbox, 99), 3);
    }

    #[test]
    fn after_a_reconnect_only_what_the_log_lacks_is_sent_and_credit_holds_it_back() {
        let (mut session, mut outbox) = open(SessionKind::Kept, 10_000);
        publish(&mut session, &mut outbox, 10);
        stored(&mut session, 4);
        session.on_disconnected();
        assert_eq!(publish(&mut session, &mut outbox, 5), 5, "remembered without a connection");
        outbox.clear();
        session.on_opened(6, 300, &[], true);
        session.send_waiting(&mut outbox, usize::MAX);
        assert_eq!((session.sent_through, session.used), (9, 300));
        assert_eq!(publish(&mut session, &mut outbox, 1), 0, "not before what waits");
        session.on_credit(2_000);
        session.send_waiting(&mut outbox, usize::MAX);
        assert_eq!((session.sent_through, session.next_number), (15, 16));
        assert_eq!(publish(&mut session, &mut outbox, 1), 1);
    }

    #[test]
    fn live_messages_are_forgotten_once_appended_and_kept_ones_once_stored() {
        for (kind, left) in [(SessionKind::Kept, true), (SessionKind::Live, false)] {
            let (mut session, mut outbox) = open(kind, 10_000);
            publish(&mut session, &mut outbox, 3);
            session.on_progress(Progress { appended: 3, ..Progress::default() });
            assert_eq!(session.backlog.bytes() > 0, left);
        }
    }

    #[test]
    fn what_was_refused_is_not_sent_again_and_holds_nothing_up() {
        let refusal = || Refusal::new(chalktalk_ipc::RefusalCode::Storage, "full");
        let (mut session, mut outbox) = open(SessionKind::Kept, 10_000);
        publish(&mut session, &mut outbox, 5);
        stored(&mut session, 2);
        assert_eq!(session.on_refused(4, refusal()), Some(4..=5));
        assert_eq!(session.on_refused(6, refusal()), None);
        assert!(session.refusal_of(3).is_none() && session.refusal_of(5).is_some());
        assert_eq!(publish(&mut session, &mut outbox, 1), 1, "it may try again");
        outbox.clear();
        session.on_disconnected();
        session.on_opened(3, 10_000, &[], true);
        session.send_waiting(&mut outbox, usize::MAX);
        assert_eq!((session.sent_through, session.next_number), (6, 7));
        session.on_disconnected();
        outbox.clear();
        session.on_opened(6, 10_000, &[], true);
        assert_eq!(session.on_refused(7, refusal()), None);
        session.on_disconnected();
        session.on_opened(6, 10_000, &[], true);
        assert_eq!(publish(&mut session, &mut outbox, 1), 1);
        assert_eq!(session.on_refused(7, refusal()), Some(7..=7));
        session.on_disconnected();
        session.on_opened(6, 10_000, &[], true);
        assert_eq!(publish(&mut session, &mut outbox, 1), 1, "nothing waits: 7 is in no log");
    }

    #[test]
    fn a_live_log_that_was_lost_does_not_stop_its_writer() {
        let (mut session, mut outbox) = open(SessionKind::Live, 10_000);
        publish(&mut session, &mut outbox, 3);
        session.on_progress(Progress { appended: 3, ..Progress::default() });
        session.on_disconnected();
        session.on_opened(0, 10_000, &[], true);
        assert_eq!(publish(&mut session, &mut outbox, 1), 1);
        assert_eq!(session.next_number, 5);
    }

    #[test]
    fn reading_goes_on_behind_what_was_handed_out() {
        let (mut session, _) = open(SessionKind::Kept, 0);
        let at = |epoch, seq, index| Position { origin: OriginId([3; 16]), epoch, seq, index };
        session.on_delivered(at(1, 5, 2));
        session.on_delivered(at(1, 5, 1));
        session.on_delivered(at(2, 1, 0));
        session.on_opened(0, 0, &[at(9, 9, 9)], true);
        let mut positions = session.positions();
        positions.sort();
        assert_eq!(positions, [at(1, 5, 2), at(2, 1, 0)]);
    }

    #[test]
    fn acknowledgements_are_sent_once_and_again_after_a_reconnect() {
        let (mut session, _) = open(SessionKind::Kept, 0);
        let at = Position { origin: OriginId([3; 16]), epoch: 1, seq: 5, index: 0 };
        assert!(session.ack(&[at]));
        assert!(!session.ack(&[at]));
        assert_eq!(session.take_acks(), [at]);
        assert_eq!(session.take_acks(), []);
        session.on_disconnected();
        session.on_opened(0, 0, &[], true);
        assert_eq!(session.take_acks(), [at]);
    }

    #[test]
    fn a_long_time_without_a_connection_is_bounded() {
        let (mut session, mut outbox) = open(SessionKind::Kept, 0);
        session.on_disconnected();
        let payload = [0; 60_000];
        let mut count = 0;
        while session.admits(payload.len()) {
            session.publish(InstanceId::NIL, &Outgoing::new(&payload), &mut outbox);
            count += 1;
        }
        assert_eq!(count, BACKLOG_LIMIT / (payload.len() + 5));
        assert!(outbox.is_empty());
    }
}
