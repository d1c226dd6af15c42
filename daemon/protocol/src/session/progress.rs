//! How far an instance's own messages have come: appended, stored, held by how many, delivered.
//!
//! Invariant: what an instance is told about a message never goes back, and *held* counts only what a host said in a
//! signed frame.

use super::writer::Mark;
use crate::ids::Seq;
use chalktalk_ipc::{Event, InstanceId, SessionId};
use std::collections::{BTreeMap, VecDeque};

/// Marks kept per instance. Older ones are merged: the answer gets coarser, never wrong.
const MAX_MARKS: usize = 1024;

/// How far the log in question has come.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct LogProgress {
    /// Last slot on this host's disk (live sessions: none).
    pub stored: Seq,
    /// Last slot held, per other host, largest first.
    pub held: Vec<Seq>,
    /// Last slot acknowledged by an app of every member present.
    pub delivered: Seq,
}

#[derive(Clone, PartialEq, Eq, Debug, Default)]
struct Told {
    appended: u64,
    stored: u64,
    held_by: Vec<u64>,
    delivered: u64,
}

#[derive(Default, Debug)]
struct Own {
    marks: VecDeque<(Seq, u64)>,
    told: Told,
}

/// The progress of all instances that publish in one session.
#[derive(Default, Debug)]
pub struct Progress {
    instances: BTreeMap<InstanceId, Own>,
}

impl Progress {
    /// Messages have been given slots.
    pub fn on_appended(&mut self, marks: &[Mark]) {
        for mark in marks {
            let own = self.instances.entry(mark.author.instance).or_default();
            own.marks.push_back((mark.seq, mark.author.number));
            if own.marks.len() > MAX_MARKS {
                own.marks.remove(MAX_MARKS / 2);
            }
        }
    }

    /// An instance is gone, or starts anew: it is told nothing any more.
    pub fn forget(&mut self, instance: InstanceId) {
        self.instances.remove(&instance);
    }

    /// Whether anybody waits to hear something.
    pub fn is_waiting(&self) -> bool {
        self.instances.values().any(|own| !own.marks.is_empty())
    }

    /// The events that tell what is new.
    pub fn tell(&mut self, session: SessionId, log: &LogProgress) -> Vec<(InstanceId, Event)> {
        let mut events = Vec::new();
        for (instance, own) in &mut self.instances {
            let now = own.reached(log);
            if now != own.told {
                let Told { appended, stored, held_by, delivered } = now.clone();
                events.push((*instance, Event::Progress { session, appended, stored, held_by, delivered }));
                own.told = now;
            }
            own.forget_finished(log);
        }
        events
    }
}

impl Own {
    fn reached(&self, log: &LogProgress) -> Told {
        let upto = |seq: Seq, before: u64| {
            let end = self.marks.partition_point(|(at, _)| *at <= seq);
            end.checked_sub(1).map_or(before, |i| self.marks[i].1.max(before))
        };
        let before = |k: usize| self.told.held_by.get(k).copied().unwrap_or(0);
        let mut held_by: Vec<u64> =
            log.held.iter().enumerate().map(|(k, seq)| upto(*seq, before(k))).collect();
        held_by.extend(self.told.held_by.iter().skip(held_by.len()));
        Told {
            appended: self.marks.back().map_or(self.told.appended, |(_, number)| *number),
            stored: upto(log.stored, self.told.stored),
            held_by,
            delivered: upto(log.delivered, self.told.delivered),
        }
    }

    /// Drops marks that everybody is beyond; the last one stays as the answer.
    fn forget_finished(&mut self, log: &LogProgress) {
        let all = log.held.iter().copied().chain([log.stored, log.delivered]).min().unwrap_or_default();
        while self.marks.front().is_some_and(|(seq, _)| *seq <= all) {
            self.marks.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stream::Author;

    const ME: InstanceId = InstanceId([1; 16]);
    const S: SessionId = SessionId([2; 16]);

    fn mark(seq: u64, number: u64) -> Mark {
        Mark { seq: Seq(seq), author: Author { instance: ME, number } }
    }

    fn log(stored: u64, held: &[u64], delivered: u64) -> LogProgress {
        LogProgress {
            stored: Seq(stored),
            held: held.iter().map(|s| Seq(*s)).collect(),
            delivered: Seq(delivered),
        }
    }

    #[test]
    fn each_step_is_told_once() {
        let mut progress = Progress::default();
        progress.on_appended(&[mark(2, 3), mark(4, 5)]);
        let event = |appended, stored, held_by: &[u64], delivered| {
            vec![(ME, Event::Progress { session: S, appended, stored, held_by: held_by.to_vec(), delivered })]
        };
        assert_eq!(progress.tell(S, &log(0, &[0, 0], 0)), event(5, 0, &[0, 0], 0));
        assert_eq!(progress.tell(S, &log(3, &[4, 1], 0)), event(5, 3, &[5, 0], 0));
        assert_eq!(progress.tell(S, &log(3, &[4, 1], 0)), []);
        assert_eq!(progress.tell(S, &log(4, &[4, 4], 4)), event(5, 5, &[5, 5], 5));
        assert!(!progress.is_waiting());
    }

    #[test]
    fn a_host_that_leaves_takes_nothing_back() {
        let mut progress = Progress::default();
        progress.on_appended(&[mark(2, 1)]);
        progress.tell(S, &log(2, &[2, 2], 0));
        assert_eq!(progress.tell(S, &log(2, &[2], 0)), []);
        assert_eq!(progress.tell(S, &log(2, &[], 0)), []);
    }

    #[test]
    fn marks_are_bounded() {
        let mut progress = Progress::default();
        (1..=5000).for_each(|n| progress.on_appended(&[mark(n, n)]));
        assert!(progress.instances[&ME].marks.len() <= MAX_MARKS);
        let events = progress.tell(S, &log(5000, &[], 0));
        assert!(matches!(events[0].1, Event::Progress { appended: 5000, stored: 5000, .. }));
    }
}
