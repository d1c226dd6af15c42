//! What the network brings: each datagram is checked in order of cost, opened, and handed to its session.
//!
//! Invariant: bad input is counted by reason and dropped; what costs to find out is charged to its source.

use super::Node;
use crate::{
    control::{self, Failure},
    entry::{self, Entry},
    frame::{Header, Kind},
    net::Arrival,
    seal::Number,
    session::Session,
    time::Instant,
};
use chalktalk_ipc::SessionId;

impl Node {
    /// A datagram arrived.
    pub fn handle_datagram(&mut self, now: Instant, arrival: Arrival, datagram: &[u8]) {
        self.at(now);
        self.out.counters.add("frames.received", 1);
        match Header::parse(datagram) {
            Ok(_) if !self.budgets.allows(arrival.from, now) => self.out.counters.add("drop.over budget", 1),
            Ok((header, rest)) if header.kind == Kind::Host => {
                self.on_host_frame(arrival, &header, datagram, rest)
            }
            Ok((header, rest)) if matches!(header.kind, Kind::Probe | Kind::ProbeAnswer) => {
                self.on_probe_frame(arrival, &header, datagram, rest)
            }
            Ok((header, rest)) if header.kind == Kind::Invitation => self.on_invitation(arrival, rest),
            Ok((header, rest)) if header.kind == Kind::Answer => {
                self.on_answer(Some(arrival.from), header.session, rest)
            }
            Ok((header, rest)) => self.on_session_frame(arrival, &header, datagram, rest),
            Err(_) => self.out.counters.add("drop.malformed", 1),
        }
        self.settle();
    }

    /// A frame failed a check that costs: it is dropped, and its source pays.
    pub(super) fn refuse(&mut self, arrival: Arrival, why: &'static str) {
        self.out.counters.add(why, 1);
        self.budgets.charge(arrival.from, self.out.now);
    }

    pub(super) fn on_session_frame(
        &mut self,
        arrival: Arrival,
        header: &Header,
        datagram: &[u8],
        rest: &[u8],
    ) {
        if !self.find_session(header, datagram, rest) {
            return self.out.counters.add("drop.unknown session", 1);
        }
        let Session { keys, members, .. } = &self.sessions[&header.session];
        let hands_out_keys = members.is_some() && entry::hands_out_keys(header);
        if keys.is_sealed() != (header.key_id != 0) && !hands_out_keys {
            return self.out.counters.add("drop.unknown key", 1);
        }
        if !keys.is_sealed() || header.kind == Kind::Entry {
            return self.on_opened(arrival, header, datagram, rest);
        }
        let mut opened = Vec::new();
        match keys.open_frame(header, datagram, &mut opened) {
            Some(number) if self.is_first(header.session, number) => {
                self.on_opened(arrival, header, datagram, &opened)
            }
            Some(_) => self.out.counters.add("drop.replayed", 1),
            None => self.refuse(arrival, "drop.not opened"),
        }
    }

    /// Whether a sealed frame of a host that is present comes for the first time.
    pub(super) fn is_first(&mut self, session: SessionId, number: Number) -> bool {
        let Some((_, heard)) = self.replays.get_mut(&number.boot) else { return false };
        heard.entry(session).or_default().is_first(number.counter)
    }

    /// A frame of a session, in clear; an entry's body may be sealed.
    pub(super) fn on_opened(&mut self, arrival: Arrival, header: &Header, datagram: &[u8], rest: &[u8]) {
        let malformed = match header.kind {
            Kind::Entry => self.on_entry(arrival, header, datagram, rest).is_err(),
            Kind::Nack => self.on_control(header, rest, |node, session, nack: control::Nack| {
                let directory = &node.directory;
                let authors = &node.authors;
                let absent = |origin| authors.get(&origin).is_none_or(|a| directory.host(a.host).is_none());
                (nack.host != node.host).then(|| session.on_nack(&nack, absent, &mut node.out));
            }),
            Kind::Report => self.on_control(header, rest, |node, session, report: control::Report| {
                session.on_report(&report, node.out.now);
            }),
            Kind::Vector => self.on_control(header, rest, |node, session, vector: control::Vector| {
                if vector.host != node.host {
                    let history = session.is_introduction(vector.host, node.out.now);
                    session.on_vector(&vector, history, &mut node.out);
                }
            }),
            Kind::Volatile if !self.sessions[&header.session].keys.is_current(header.key_id) => {
                self.out.counters.add("drop.old key", 1); // its author may be out by now
                false
            }
            Kind::Volatile => self.on_control(header, rest, |node, session, body: control::Volatile| {
                let author = node.authors.get(&body.log.origin);
                if author.is_none_or(|author| author.host != node.host) {
                    let author = author.map(|author| author.user);
                    session.on_volatile(header.destination, body, author, &mut node.out);
                }
            }),
            Kind::Failure => match control::read::<Failure>(rest) {
                Ok(failure) => {
                    self.on_failure(header.session, failure);
                    false
                }
                Err(_) => true,
            },
            Kind::Host | Kind::Invitation | Kind::Answer | Kind::Probe | Kind::ProbeAnswer => false,
        };
        if malformed {
            self.out.counters.add("drop.malformed", 1);
        }
    }

    /// Decodes a control body and hands it to its session. True if it does not decode.
    pub(super) fn on_control<T: serde::de::DeserializeOwned>(
        &mut self,
        header: &Header,
        rest: &[u8],
        act: impl FnOnce(&mut Self, &mut Session, T),
    ) -> bool {
        let Ok(body) = control::read::<T>(rest) else { return true };
        if let Some(mut session) = self.sessions.remove(&header.session) {
            act(self, &mut session, body);
            self.sessions.insert(header.session, session);
        }
        false
    }

    pub(super) fn on_entry(
        &mut self,
        arrival: Arrival,
        header: &Header,
        datagram: &[u8],
        rest: &[u8],
    ) -> Result<(), ()> {
        let entry = Entry::parse(header, datagram, rest).map_err(|_| ())?;
        let author = self.authors.get(&entry.log.origin);
        if let Some(session) = self.sessions.get_mut(&header.session) {
            let believed = session.on_entry(&entry, datagram, arrival.way, author, &mut self.out);
            if !believed {
                self.budgets.charge(arrival.from, self.out.now);
            }
        }
        Ok(())
    }
}
