//! How many entries may be outstanding: the sender is held back to the slowest member that keeps up.
//!
//! A member keeps up while its reports make progress at least every 500 ms and it is not further behind than two of the
//! largest windows (then it is catching up, and is served by repair). The window shrinks when losses grow with the rate; steady
//! random loss leaves it alone.
//!
//! In a large group only one member in turn reports on a burst, and all of them now and then (see `reports.rs`): who is silent
//! is taken to be where the others are, unless the last report said otherwise.
//!
//! Invariant: with no member that keeps up, nothing is held back; with one, at most a window is outstanding to it.

use super::gaps::SMALL_GROUP;
use crate::{ids::Seq, time::Instant};
use chalktalk_ipc::HostId;
use std::{collections::BTreeMap, time::Duration};

/// A member that makes no progress for so long while data is outstanding no longer holds the sender.
pub const STALLED: Duration = Duration::from_millis(500);

/// Below this many entries the window never shrinks: two bursts, so that one is on the way while one is reported.
pub const MIN_WINDOW: f64 = 64.0;

/// Above this it never grows: 1.5 MB.
const MAX_WINDOW: f64 = 1024.0;

/// With data waiting to be sent and nothing heard for so long (and three round trips), the last entry is sent again: it or
/// the reports on it may be lost (a tail loss probe, RFC 8985 §7).
const PROBE_BLOCKED: Duration = Duration::from_millis(3);

/// Round trips that are waited for take no longer than this: who is busy sending measures long ones.
const PROBE_TRIPS: Duration = Duration::from_millis(7);

/// The same with nothing waiting: later than a report may take.
const PROBE_IDLE: Duration = Duration::from_millis(30);

/// After so many probes it is left to heartbeats.
const PROBES: u32 = 5;

/// Losses are weighed over so many entries.
const SAMPLE: u64 = 256;

/// The usual loss is that of about so many samples.
const MEMORY: u32 = 8;

/// A member whose report was so far behind those of others lags: it is not taken to be where they are. Two bursts.
const LAG: u64 = 64;

#[derive(Debug)]
struct Member {
    have: Seq,
    lags: bool,
    window: u32,
    progress: Instant,
}

/// The flow control of one log that is written here, or of a blob that is cast: to members that `K` names.
#[derive(Debug)]
pub struct Flow<K = HostId> {
    window: f64,
    members: BTreeMap<K, Member>,
    /// The most that somebody has reported.
    frontier: Seq,
    sent: Seq,
    sampled_from: Seq,
    lost: u64,
    usual_loss: f64,
    /// So many samples are in `usual_loss`, up to [`MEMORY`]: loss that was there from the start is the usual one.
    samples: u32,
    /// When something was last sent or heard, and how many probes have gone out since.
    quiet: (Instant, u32),
}

impl<K: Ord + Copy> Flow<K> {
    /// Of a log whose last slot is `sent`.
    pub fn new(sent: Seq) -> Self {
        Self {
            window: 256.0,
            members: BTreeMap::new(),
            frontier: sent,
            sent,
            sampled_from: sent,
            lost: 0,
            usual_loss: 0.0,
            samples: 0,
            quiet: (Instant::ZERO, 0),
        }
    }

    /// Says which hosts are in the session now, with the datagrams their sockets can hold.
    pub fn set_members(&mut self, hosts: impl Iterator<Item = (K, u32)>, now: Instant) {
        let mut before = std::mem::take(&mut self.members);
        for (host, window) in hosts {
            let member = before.remove(&host).unwrap_or(Member {
                have: self.sent,
                lags: false,
                window,
                progress: now,
            });
            self.members.insert(host, Member { window, ..member });
        }
    }

    /// How many entries may be sent now.
    pub fn allowance(&self, now: Instant) -> usize {
        let room = self.holding(now).map(|member| {
            let window = self.window.min(f64::from(member.window.max(2))) as u64;
            window.saturating_sub(self.sent.ahead_of(member.have))
        });
        room.min().map_or(usize::MAX, |room| room as usize)
    }

    /// When a member that holds the sender will be found to have stalled.
    pub fn next_timeout(&self, now: Instant) -> Option<Instant> {
        self.holding(now).filter(|m| m.have < self.sent).map(|m| m.progress + STALLED).min()
    }

    /// Entries up to `last` have been sent.
    pub fn on_sent(&mut self, last: Seq, now: Instant) {
        for member in self.members.values_mut().filter(|m| m.have >= self.sent) {
            member.progress = now; // nothing was outstanding: its time starts now
        }
        self.sent = last;
        self.quiet = (now, 0);
        let sampled = last.ahead_of(self.sampled_from);
        if sampled >= SAMPLE {
            self.weigh(self.lost as f64 / sampled as f64);
            (self.sampled_from, self.lost) = (last, 0);
        }
    }

    /// A member says how far it has come.
    pub fn on_report(&mut self, host: K, have: Seq, window: u32, now: Instant) {
        let Some(member) = self.members.get_mut(&host) else { return };
        member.window = window;
        if have > member.have || have >= self.sent {
            member.have = have.min(self.sent);
            member.progress = now;
            self.quiet = (now, 0);
        } else if have < member.have && member.have >= self.sent {
            // Our first guess (that it has all) was wrong: it has to catch up.
            member.have = have;
        }
        if self.members.len() >= SMALL_GROUP {
            self.follow(host, have, now);
        }
    }

    /// In a large group no news is good news.
    fn follow(&mut self, host: K, have: Seq, now: Instant) {
        self.frontier = have.min(self.sent).max(self.frontier);
        let frontier = self.frontier;
        if let Some(member) = self.members.get_mut(&host) {
            member.lags = frontier.ahead_of(have) > LAG;
            if member.lags {
                member.have = have; // what was taken for granted was not so
            }
        }
        for member in self.members.values_mut().filter(|member| !member.lags && member.have < frontier) {
            (member.have, member.progress) = (frontier, now);
        }
    }

    /// When the last entry has to be sent again because nobody says that it came.
    pub fn probe_at(&self, waiting: bool, grtt: Duration, now: Instant) -> Option<Instant> {
        let (since, probes) = self.quiet;
        let outstanding = self.holding(now).any(|member| member.have < self.sent);
        let base = if waiting { PROBE_BLOCKED } else { PROBE_IDLE } + (grtt * 3).min(PROBE_TRIPS);
        (outstanding && probes < PROBES).then(|| since + base * 2u32.pow(probes))
    }

    /// It was sent again.
    pub fn on_probe(&mut self, now: Instant) {
        self.quiet = (now, self.quiet.1 + 1);
    }

    /// So many entries were asked for again.
    pub fn on_lost(&mut self, entries: u64) {
        self.lost += entries;
    }

    /// Entries up to here are held by everybody who keeps up.
    pub fn held_by_all(&self, now: Instant) -> Seq {
        self.holding(now).map(|m| m.have).min().unwrap_or(self.sent)
    }

    fn holding(&self, now: Instant) -> impl Iterator<Item = &Member> {
        let far = 2 * MAX_WINDOW as u64;
        self.members.values().filter(move |member| {
            let behind = self.sent.ahead_of(member.have);
            behind == 0 || behind <= far && now.since(member.progress) < STALLED
        })
    }

    fn weigh(&mut self, loss: f64) {
        if loss > 2.0 * self.usual_loss + 0.05 {
            self.window = (self.window * 0.7).max(MIN_WINDOW);
        } else {
            self.window = (self.window + 32.0).min(MAX_WINDOW);
        }
        self.samples = (self.samples + 1).min(MEMORY);
        self.usual_loss += (loss - self.usual_loss) / f64::from(self.samples);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: HostId = HostId([1; 16]);
    const B: HostId = HostId([2; 16]);

    fn at(ms: u64) -> Instant {
        Instant::ZERO + Duration::from_millis(ms)
    }

    fn flow() -> Flow {
        let mut flow = Flow::new(Seq(0));
        flow.set_members([(A, 1000), (B, 1000)].into_iter(), at(0));
        flow
    }

    #[test]
    fn the_slowest_member_holds_the_sender() {
        let mut flow = flow();
        assert_eq!(flow.allowance(at(0)), 256);
        flow.on_sent(Seq(256), at(0));
        assert!(flow.allowance(at(1)) <= 32, "but for what the window grew");
        flow.on_report(A, Seq(256), 1000, at(1));
        assert!(flow.allowance(at(1)) <= 32, "B has reported nothing yet");
        flow.on_report(B, Seq(100), 1000, at(1));
        assert!(flow.allowance(at(1)) >= 100);
    }

    #[test]
    fn a_silent_member_holds_for_half_a_second_and_no_longer() {
        let mut flow = flow();
        flow.on_sent(Seq(200), at(10));
        flow.on_report(A, Seq(200), 1000, at(11));
        assert!(flow.allowance(at(509)) < 256);
        assert_eq!(flow.next_timeout(at(509)), Some(at(510)));
        assert!(flow.allowance(at(510)) >= 256, "only A counts");
        flow.on_report(B, Seq(200), 1000, at(600));
        flow.on_sent(Seq(300), at(600));
        assert!(flow.allowance(at(601)) < 256, "B is back");
    }

    #[test]
    fn in_a_large_group_who_is_silent_is_where_the_others_are_and_who_lags_is_not() {
        let host = |n: u8| HostId([n; 16]);
        let mut flow = Flow::new(Seq(0));
        flow.set_members((1..=20).map(|n| (host(n), 1000)), at(0));
        flow.on_sent(Seq(200), at(0));
        assert!(flow.allowance(at(1)) < 100);
        flow.on_report(host(1), Seq(200), 1000, at(1));
        assert!(flow.allowance(at(1)) >= 256, "one has spoken for all");
        flow.on_report(host(2), Seq(100), 1000, at(2));
        assert!(flow.allowance(at(2)) < 200, "but not for this one");
        flow.on_sent(Seq(300), at(3));
        flow.on_report(host(1), Seq(300), 1000, at(4));
        assert_eq!(flow.held_by_all(at(4)), Seq(100));
        flow.on_report(host(2), Seq(290), 1000, at(5));
        assert_eq!(flow.held_by_all(at(5)), Seq(300), "it keeps up again");
    }

    #[test]
    fn a_small_socket_gets_a_small_window() {
        let mut flow = flow();
        flow.on_report(B, Seq(0), 20, at(0));
        assert_eq!(flow.allowance(at(0)), 20);
    }

    #[test]
    fn steady_loss_leaves_the_window_growing_loss_shrinks_it() {
        let mut flow = flow();
        let send = |flow: &mut Flow, rounds: u64, lost: u64| {
            for _ in 0..rounds {
                let last = Seq(flow.sent.0 + SAMPLE);
                flow.on_sent(last, at(0));
                flow.on_report(A, last, 1000, at(0));
                flow.on_report(B, last, 1000, at(0));
                flow.on_lost(lost);
            }
            flow.window
        };
        send(&mut flow, 40, 25);
        let steady = send(&mut flow, 40, 25);
        assert!(steady > 256.0, "{steady}");
        let shrunk = send(&mut flow, 3, 150);
        assert!(shrunk < steady * 0.8, "{shrunk} of {steady}");
    }

    #[test]
    fn loss_that_was_there_from_the_start_is_the_usual_one() {
        let mut flow = flow();
        let mut windows = Vec::new();
        for _ in 0..4 {
            flow.on_lost(SAMPLE * 3 / 10);
            flow.on_sent(Seq(flow.sent.0 + SAMPLE), at(0));
            windows.push(flow.window);
        }
        assert!(windows[0] < 256.0, "it may be ours: {windows:?}");
        assert!(windows.is_sorted(), "it is not, as it does not grow: {windows:?}");
    }

    #[test]
    fn what_nobody_confirms_is_sent_again_ever_more_rarely() {
        let mut flow = flow();
        let grtt = Duration::from_millis(1);
        assert_eq!(flow.probe_at(true, grtt, at(0)), None);
        flow.on_sent(Seq(10), at(0));
        assert_eq!(flow.probe_at(true, grtt, at(0)), Some(at(6)));
        assert_eq!(flow.probe_at(false, grtt, at(0)), Some(at(33)));
        flow.on_probe(at(6));
        assert_eq!(flow.probe_at(true, grtt, at(6)), Some(at(18)));
        flow.on_report(A, Seq(10), 1000, at(7));
        flow.on_report(B, Seq(10), 1000, at(7));
        assert_eq!(flow.probe_at(true, grtt, at(8)), None);
    }

    #[test]
    fn a_newcomer_far_behind_is_not_waited_for() {
        let mut flow = flow();
        flow.on_sent(Seq(10_000), at(0));
        flow.on_report(A, Seq(10_000), 1000, at(0));
        flow.on_report(B, Seq(5), 1000, at(0));
        assert!(flow.allowance(at(1)) > 0);
    }
}
