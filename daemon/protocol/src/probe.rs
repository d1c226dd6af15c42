//! Which ways to whom work, tried out on request: small and large frames by every way of every link, the neighbours saying which
//! of them came, and sending back as many. What heartbeats show by and by is known after a second, with sizes and clocks.
//!
//! Invariant: whatever others ask for, this host answers at most [`MAX_ASKERS`] hosts in [`REST`], each with as many frames as a
//! request of its own would take.

use crate::{net::Way, time::Instant};
use chalktalk_ipc::HostId;
use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;
use std::{
    collections::{BTreeMap, BTreeSet},
    net::SocketAddr,
    time::Duration,
};

/// A small frame: smaller than any link's limit.
pub const SMALL: u16 = 256;
/// A large one: what fits every link that carries full frames, sealed or not.
pub const LARGE: u16 = 1400;
/// After the first frame of a request the others follow at once; then it is answered.
const COLLECT: Duration = Duration::from_millis(200);
/// A run is over after this: answers take [`COLLECT`] and a round trip.
pub const RUN: Duration = Duration::from_millis(1000);
/// What was tried so long ago says nothing any more.
const OLD: Duration = Duration::from_secs(60);
/// Hosts answered in a rest.
const MAX_ASKERS: usize = 8;
/// Time in which no more are answered, and in which one host is answered once.
const REST: Duration = Duration::from_secs(1);
/// Neighbours that are sent frames of their own.
pub const MAX_PROBED: usize = 32;

/// A frame that tries a way out.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Probe {
    /// Number of the run.
    pub run: u64,
    /// Whether it answers a run of the receiver's, who then does not answer it.
    pub back: bool,
    /// The sender's link it left by; 0: by none in particular.
    pub link: u32,
    /// Bytes that it takes for the frame to have the size to be tried.
    pub padding: ByteBuf,
}

/// What came of a run's frames.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct ProbeAnswer {
    /// Number of the run.
    pub run: u64,
    /// The sender's wall clock, ms since 1970.
    pub wall: u64,
    /// What was heard.
    pub heard: Vec<Heard>,
}

/// A frame of a run that came.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub struct Heard {
    /// The link it left by, as its sender numbers links.
    pub link: u32,
    /// The way's bit.
    pub way: u8,
    /// Bytes of the frame.
    pub bytes: u16,
}

/// What is known of the ways to and from one neighbour.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Tried {
    /// Which of our frames came there; absent: no answer came.
    pub there: Option<BTreeSet<Heard>>,
    /// Which of its frames came here.
    pub here: BTreeSet<Heard>,
    /// Its wall clock less ours, in ms.
    pub clock: Option<i64>,
}

/// An answer that is due.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Due {
    /// To whom.
    pub to: SocketAddr,
    /// The answer; frames back are to follow it.
    pub run: u64,
    /// What was heard.
    pub heard: Vec<Heard>,
}

/// Runs: our own, and those of others.
#[derive(Debug, Default)]
pub struct Probing {
    own: Option<(u64, Instant, BTreeMap<HostId, Tried>)>,
    asked: BTreeMap<HostId, Asked>,
}

#[derive(Debug)]
struct Asked {
    run: u64,
    from: SocketAddr,
    since: Instant,
    heard: BTreeSet<Heard>,
    answered: bool,
}

impl Probing {
    /// A run of our own begins.
    pub fn begin(&mut self, run: u64, now: Instant) {
        self.own = Some((run, now, BTreeMap::new()));
    }

    /// Whether a run of our own is under way.
    pub fn runs(&self, now: Instant) -> bool {
        self.own.as_ref().is_some_and(|(_, since, _)| now.since(*since) < RUN)
    }

    /// What the last run has found out, once it is over.
    pub fn tried(&self, now: Instant) -> Option<&BTreeMap<HostId, Tried>> {
        let (_, since, tried) = self.own.as_ref()?;
        (RUN..OLD).contains(&now.since(*since)).then_some(tried)
    }

    /// A host's frame came: by this way, of so many bytes.
    pub fn on_probe(
        &mut self,
        host: HostId,
        probe: &Probe,
        from: SocketAddr,
        way: Way,
        bytes: u16,
        now: Instant,
    ) {
        let heard = Heard { link: probe.link, way: way.bit(), bytes };
        if probe.back {
            if let Some((run, _, tried)) = &mut self.own
                && *run == probe.run
            {
                tried.entry(host).or_default().here.insert(heard);
            }
            return;
        }
        self.asked.retain(|_, asked| now.since(asked.since) < REST);
        if self.asked.len() >= MAX_ASKERS && !self.asked.contains_key(&host) {
            return;
        }
        let fresh = || Asked { run: probe.run, from, since: now, heard: BTreeSet::new(), answered: false };
        let asked = self.asked.entry(host).or_insert_with(fresh);
        if asked.run == probe.run {
            asked.heard.insert(heard);
        }
    }

    /// An answer to a run of ours came. `wall`: our clock.
    pub fn on_answer(&mut self, host: HostId, answer: &ProbeAnswer, wall: u64) {
        if let Some((run, _, tried)) = &mut self.own
            && *run == answer.run
        {
            let tried = tried.entry(host).or_default();
            tried.there.get_or_insert_default().extend(&answer.heard);
            tried.clock = Some(answer.wall.cast_signed().wrapping_sub(wall.cast_signed()));
        }
    }

    /// When the next answer is due.
    pub fn next_timeout(&self) -> Option<Instant> {
        self.asked.values().filter(|asked| !asked.answered).map(|asked| asked.since + COLLECT).min()
    }

    /// The answers that are due.
    pub fn take_due(&mut self, now: Instant) -> Vec<Due> {
        let due = self.asked.values_mut().filter(|asked| !asked.answered && asked.since + COLLECT <= now);
        due.map(|asked| {
            asked.answered = true;
            Due { to: asked.from, run: asked.run, heard: asked.heard.iter().copied().collect() }
        })
        .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn probe(run: u64, back: bool) -> Probe {
        Probe { run, back, link: 3, padding: ByteBuf::new() }
    }

    fn from() -> SocketAddr {
        "10.0.0.2:47475".parse().unwrap()
    }

    #[test]
    fn a_run_is_answered_once_with_all_that_came() {
        let (mut probing, host, now) = (Probing::default(), HostId([1; 16]), Instant::ZERO);
        for way in [Way::Multicast4, Way::Broadcast] {
            probing.on_probe(host, &probe(7, false), from(), way, SMALL, now);
        }
        assert_eq!(probing.next_timeout(), Some(now + COLLECT));
        assert_eq!(probing.take_due(now), []);
        let [due] = &probing.take_due(now + COLLECT)[..] else { panic!("one answer") };
        assert_eq!((due.run, due.heard.len(), due.to), (7, 2, from()));
        assert_eq!(probing.next_timeout(), None);
        probing.on_probe(host, &probe(8, false), from(), Way::Unicast, SMALL, now + COLLECT);
        assert_eq!(probing.next_timeout(), None, "not again so soon");
        probing.on_probe(host, &probe(9, false), from(), Way::Unicast, SMALL, now + REST);
        assert!(probing.next_timeout().is_some());
    }

    #[test]
    fn a_crowd_that_asks_is_answered_in_part() {
        let (mut probing, now) = (Probing::default(), Instant::ZERO);
        for n in 0..100 {
            probing.on_probe(HostId([n; 16]), &probe(1, false), from(), Way::Unicast, LARGE, now);
        }
        assert_eq!(probing.take_due(now + COLLECT).len(), MAX_ASKERS);
    }

    #[test]
    fn what_came_there_and_here_is_told_when_the_run_is_over() {
        let (mut probing, host, now) = (Probing::default(), HostId([1; 16]), Instant::ZERO);
        probing.begin(5, now);
        let heard = Heard { link: 1, way: Way::Multicast6.bit(), bytes: LARGE };
        probing.on_answer(host, &ProbeAnswer { run: 5, wall: 4_000, heard: vec![heard] }, 10_000);
        probing.on_answer(host, &ProbeAnswer { run: 4, wall: 0, heard: vec![] }, 0);
        probing.on_probe(host, &probe(5, true), from(), Way::Unicast, SMALL, now);
        assert!(probing.tried(now).is_none());
        let tried = &probing.tried(now + RUN).unwrap()[&host];
        assert_eq!(tried.there, Some([heard].into()));
        assert_eq!((tried.here.len(), tried.clock), (1, Some(-6_000)));
        assert_eq!(probing.next_timeout(), None, "frames back are not answered");
    }
}
