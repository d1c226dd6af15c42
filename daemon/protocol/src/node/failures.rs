//! Messages that could not be handed over: their authors are told, here or on their hosts.
//!
//! Invariant: an author is told once of each failure, however often its host says so.

use super::Node;
use crate::{
    control::{self, Failure},
    frame::Kind,
};
use bytes::Bytes;
use chalktalk_ipc::{Event, FailReason, HostId, SessionId};
use std::time::Duration;

/// A failure is told three times: the datagrams are not repaired.
const TELL_AGAIN: [Duration; 3] = [Duration::ZERO, Duration::from_millis(100), Duration::from_millis(400)];

impl Node {
    /// Says that a message could not be handed over, to the host of its author.
    pub(super) fn tell_failure(&mut self, session: SessionId, to: HostId, failure: Failure) {
        if to == self.host {
            return self.on_failure(session, failure);
        }
        let datagram: Bytes = control::frame(Kind::Failure, session, &failure).into();
        self.failures.extend(TELL_AGAIN.map(|after| (self.out.now + after, to, datagram.clone())));
        self.out.counters.add("failures.sent", 1);
    }

    pub(super) fn on_failure(&mut self, session: SessionId, failure: Failure) {
        let heard = (failure.host, failure.instance, failure.number);
        if !self.instances.contains_key(&failure.instance) || self.failures_heard.contains(&heard) {
            return;
        }
        self.failures_heard.push_back(heard);
        if self.failures_heard.len() > 256 {
            self.failures_heard.pop_front();
        }
        let host_name = match self.directory.host(failure.host) {
            Some(host) => host.name().to_owned(),
            None => self.host_name.clone(),
        };
        let event = Event::Failed {
            session,
            number: failure.number,
            host: failure.host,
            host_name,
            reason: failure.reason,
            detail: chalktalk_ipc::text::printable(&failure.detail),
        };
        self.out.events.push_back((failure.instance, event));
    }

    pub(super) fn fail_reason_text(reason: FailReason) -> &'static str {
        match reason {
            FailReason::Gone => "the program it is addressed to no longer runs",
            FailReason::NoApp => "the app is not installed there",
            FailReason::NoDisplay => "the app needs a display and there is none",
            FailReason::LaunchFailed => "the program could not be started",
            FailReason::NeverAttached => "the program was started but did not attach",
            FailReason::NoAgent => "nobody is logged in there; the message waits",
        }
    }
}
