//! When heartbeats are due, and how what they say is cut into datagrams.
//!
//! After a change they come after 50, 100, 200, 400 and 800 ms, then at an interval that keeps the whole LAN's idle
//! traffic near 10 to 20 packets a second: clamp(100 ms × hosts, 2 s, 60 s) ± 20 %.
//!
//! Invariant: the interval announced is never shorter than the one kept.

use crate::{
    control::{self, HostFrame, MAX_PARTS, SessionItem},
    time::Instant,
};
use ed25519_dalek::SigningKey;
use rand_core::Rng;
use std::time::Duration;

const LADDER: [Duration; 5] = [
    Duration::from_millis(50),
    Duration::from_millis(100),
    Duration::from_millis(200),
    Duration::from_millis(400),
    Duration::from_millis(800),
];

/// While things keep changing, so often and no more: what is urgent (a lost tail, a report) does not wait for heartbeats.
const CLOSEST: Duration = Duration::from_millis(250);

/// Users of one session in one part of a heartbeat: 34 bytes each, beside 8 rows of 54 and the descriptor.
const ROSTER: usize = 10;

/// The clock of heartbeats.
#[derive(Debug)]
pub struct Heartbeat {
    next: Instant,
    last: Instant,
    step: usize,
    beat: u64,
    /// Whether the next one tells of a change already.
    pending: bool,
}

impl Heartbeat {
    /// The first is due at once.
    pub fn new(now: Instant) -> Self {
        Self { next: now, last: now, step: 0, beat: 0, pending: false }
    }

    /// Something changed that others should hear of soon.
    pub fn on_change(&mut self, now: Instant) {
        if self.pending {
            return;
        }
        self.next = (now + LADDER[0]).max(self.last + CLOSEST);
        (self.step, self.pending) = (0, true);
    }

    /// Something changed that others should hear of now, unless they have just heard of something: who joins and leaves all the
    /// time must not fill the network.
    pub fn soon(&mut self, now: Instant) {
        let at = now.max(self.last + CLOSEST);
        self.next = if self.pending { self.next.min(at) } else { at };
        (self.step, self.pending) = (0, true);
    }

    /// Something changed that others should hear of now.
    pub fn at_once(&mut self, now: Instant) {
        self.next = now;
        (self.step, self.pending) = (0, true);
    }

    /// When the next one is due.
    pub fn next_timeout(&self) -> Instant {
        self.next
    }

    /// Starts the next one if it is due: its number, and the interval to announce.
    pub fn take_due(&mut self, now: Instant, hosts: usize, rng: &mut impl Rng) -> Option<(u64, Duration)> {
        if now < self.next {
            return None;
        }
        let base =
            Duration::from_millis(100 * hosts as u64).clamp(Duration::from_secs(2), Duration::from_secs(60));
        let jitter = 0.8 + 0.4 * f64::from(rng.next_u32()) / f64::from(u32::MAX);
        let wait = LADDER.get(self.step).copied().unwrap_or(base.mul_f64(jitter));
        self.step += 1;
        self.last = now;
        self.next = now + wait;
        self.beat += 1;
        self.pending = false;
        Some((self.beat, base.mul_f64(1.2)))
    }
}

/// Cuts a heartbeat into as many signed datagrams as it takes. Always at least one.
pub fn cut(key: &SigningKey, whole: HostFrame) -> Vec<Vec<u8>> {
    let empty = HostFrame {
        users: vec![],
        sessions: vec![],
        sealed: vec![],
        instances: vec![],
        neighbours: vec![],
        apps: vec![],
        sayings: vec![],
        ..whole.clone()
    };
    let mut parts = vec![empty.clone()];
    let add = |parts: &mut Vec<HostFrame>, put: &dyn Fn(&mut HostFrame)| {
        put(parts.last_mut().expect("there is always one"));
        if size(parts.last().expect("there is always one")) > control::MAX_HOST_BODY
            && parts.len() < usize::from(MAX_PARTS)
        {
            let full = parts.last_mut().expect("there is always one");
            let without = take_last(full);
            let mut next = empty.clone();
            put(&mut next);
            *full = without;
            parts.push(next);
        }
    };
    whole.users.iter().for_each(|item| add(&mut parts, &|part| part.users.push(item.clone())));
    for item in whole.sessions.iter().flat_map(cut_roster) {
        add(&mut parts, &|part| part.sessions.push(item.clone()));
    }
    whole.sealed.iter().for_each(|item| add(&mut parts, &|part| part.sealed.push(item.clone())));
    whole.instances.iter().for_each(|item| add(&mut parts, &|part| part.instances.push(item.clone())));
    whole.neighbours.iter().for_each(|item| add(&mut parts, &|part| part.neighbours.push(*item)));
    whole.apps.iter().for_each(|item| add(&mut parts, &|part| part.apps.push(item.clone())));
    whole.sayings.iter().for_each(|item| add(&mut parts, &|part| part.sayings.push(item.clone())));
    let count = parts.len() as u8;
    let numbered = parts.into_iter().zip(0..).map(|(part, n)| HostFrame { part: n, parts: count, ..part });
    numbered.filter_map(|part| control::host_frame(key, &part)).collect()
}

/// A session with many users of one host, in pieces of which each fits a datagram. The first has all the rest.
fn cut_roster(item: &SessionItem) -> Vec<SessionItem> {
    let mut pieces: Vec<SessionItem> = Vec::new();
    for users in item.users.chunks(ROSTER) {
        let rows = if pieces.is_empty() { item.rows.clone() } else { Vec::new() };
        pieces.push(SessionItem { users: users.to_vec(), rows, ..item.clone() });
    }
    if pieces.is_empty() { vec![item.clone()] } else { pieces }
}

fn size(frame: &HostFrame) -> usize {
    rmp_serde::to_vec(frame).map_or(usize::MAX, |body| body.len())
}

/// The part without what was put into it last.
fn take_last(part: &mut HostFrame) -> HostFrame {
    let mut without = part.clone();
    let _ = without.sayings.pop().is_some()
        || without.apps.pop().is_some()
        || without.neighbours.pop().is_some()
        || without.instances.pop().is_some()
        || without.sealed.pop().is_some()
        || without.sessions.pop().is_some()
        || without.users.pop().is_some();
    without
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        control::{AppsItem, InstanceItem, SayingItem, UnverifiedHost},
        frame::Header,
    };
    use chalktalk_ipc::{AppId, InstanceId, SessionId, UserId};
    use rand_core::SeedableRng;

    #[test]
    fn after_a_change_they_come_ever_more_slowly() {
        let mut rng = rand_chacha::ChaCha20Rng::from_seed([1; 32]);
        let mut heartbeat = Heartbeat::new(Instant::ZERO);
        let mut times = Vec::new();
        for _ in 0..7 {
            let now = heartbeat.next_timeout();
            times.push(now.since(Instant::ZERO).as_millis());
            assert!(heartbeat.take_due(now, 4, &mut rng).is_some());
        }
        assert_eq!(times[..6], [0, 50, 150, 350, 750, 1550]);
        assert!((1600..=2400).contains(&(times[6] - times[5])), "{times:?}");
    }

    #[test]
    fn what_keeps_changing_is_told_four_times_a_second() {
        let mut rng = rand_chacha::ChaCha20Rng::from_seed([1; 32]);
        let mut heartbeat = Heartbeat::new(Instant::ZERO);
        let mut beats = 0;
        for ms in 0..2000 {
            let now = Instant::ZERO + Duration::from_millis(ms);
            heartbeat.on_change(now);
            beats += u32::from(heartbeat.take_due(now, 4, &mut rng).is_some());
        }
        assert!((7..=9).contains(&beats), "{beats}");
    }

    #[test]
    fn a_large_heartbeat_is_cut_and_nothing_is_left_out() {
        let item = |n: u8| InstanceItem {
            instance: InstanceId([n; 16]),
            app: AppId::chat(),
            pid: 7,
            user: UserId([n; 32]),
            sessions: vec![SessionId([n; 16]); 3],
        };
        let longest: AppId = format!("org.{}", "a".repeat(60)).parse().unwrap();
        let apps = |n: u8| AppsItem {
            user: UserId([n; 32]),
            apps: vec![(longest.clone(), "v".repeat(control::MAX_VERSION)); control::MAX_APPS_TOLD],
        };
        let whole = HostFrame {
            incarnation: 1,
            beat: 1,
            part: 0,
            parts: 1,
            interval: 2000,
            sent: 0,
            leave: false,
            name: "h".into(),
            window: 1,
            payload: 1452,
            users: vec![],
            boot: [4; 16],
            addresses: vec![],
            sessions: vec![],
            sealed: vec![],
            instances: (0..100).map(item).collect(),
            neighbours: vec![],
            apps: (0..20).map(apps).collect(),
            sayings: (0..20).map(|n| SayingItem { user: UserId([n; 32]), text: "é".repeat(60) }).collect(),
        };
        let datagrams = cut(&SigningKey::from_bytes(&[1; 32]), whole.clone());
        assert!(datagrams.len() > 5);
        let (mut seen, mut told, mut said) = (Vec::new(), Vec::new(), Vec::new());
        for datagram in &datagrams {
            let (_, rest) = Header::parse(datagram).unwrap();
            let frame = UnverifiedHost::parse(rest).unwrap().verify().unwrap();
            seen.extend(frame.instances);
            told.extend(frame.apps);
            said.extend(frame.sayings);
        }
        assert_eq!((seen, told, said), (whole.instances, whole.apps, whole.sayings));
    }
}
