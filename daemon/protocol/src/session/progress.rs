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

/// Instances without a connection whose messages are still followed, so that they are told when they come back.
const MAX_DETACHED: usize = 64;

/// How far the log in question has come.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct LogProgress {
    /// Last slot on this host's disk (live sessions: none).
    pub stored: Option<Seq>,
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
    reached: Told,
    attached: bool,
    /// Whether the instance knows what was reached.
    told: bool,
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

    /// An instance opens the session. `appended`: its last number in the log; `stored`: the last one on the disk as
    /// far as that is known without marks.
    pub fn open(&mut self, instance: InstanceId, appended: u64, stored: u64) {
        let fresh = Told { appended, stored, ..Told::default() };
        let known = || Own { reached: fresh, ..Own::default() };
        let own = self.instances.entry(instance).or_insert_with(known);
        own.attached = true;
        own.told = own.reached == Told::default();
    }

    /// An instance closes the session. It may come back and want to know what became of its last messages.
    pub fn close(&mut self, instance: InstanceId) {
        if let Some(own) = self.instances.get_mut(&instance) {
            own.attached = false;
        }
        self.instances.retain(|_, own| own.attached || !own.marks.is_empty());
        let detached: Vec<_> = self.instances.iter().filter(|(_, own)| !own.attached).collect();
        let surplus = detached.len().saturating_sub(MAX_DETACHED);
        let stored = detached.into_iter().filter(|(_, own)| own.is_stored()).map(|(id, _)| *id);
        let dropped: Vec<InstanceId> = stored.take(surplus).collect();
        dropped.iter().for_each(|id| drop(self.instances.remove(id)));
    }

    /// An instance's messages up to this number are on the disk, in a former life of the log.
    pub fn on_stored(&mut self, instance: InstanceId, number: u64) {
        if let Some(own) = self.instances.get_mut(&instance) {
            own.told &= own.reached.stored >= number;
            own.reached.stored = own.reached.stored.max(number);
            own.reached.appended = own.reached.appended.max(number);
        }
    }

    /// Whether messages of an instance are followed.
    pub fn follows(&self, instance: InstanceId) -> bool {
        self.instances.contains_key(&instance)
    }

    /// Whether anybody waits to hear something.
    pub fn is_waiting(&self) -> bool {
        self.instances.values().any(|own| !own.marks.is_empty())
    }

    /// The events that tell what is new.
    pub fn tell(&mut self, session: SessionId, log: &LogProgress) -> Vec<(InstanceId, Event)> {
        let mut events = Vec::new();
        for (instance, own) in &mut self.instances {
            let now = own.reach(log);
            own.told &= now == own.reached;
            own.reached = now;
            own.forget_finished(log);
            if own.attached && !std::mem::replace(&mut own.told, true) {
                let Told { appended, stored, held_by, delivered } = own.reached.clone();
                events.push((*instance, Event::Progress { session, appended, stored, held_by, delivered }));
            }
        }
        self.instances.retain(|_, own| own.attached || !own.marks.is_empty());
        events
    }
}

impl Own {
    fn reach(&self, log: &LogProgress) -> Told {
        let upto = |seq: Seq, before: u64| {
            let end = self.marks.partition_point(|(at, _)| *at <= seq);
            end.checked_sub(1).map_or(before, |i| self.marks[i].1.max(before))
        };
        let before = |k: usize| self.reached.held_by.get(k).copied().unwrap_or(0);
        let mut held_by: Vec<u64> =
            log.held.iter().enumerate().map(|(k, seq)| upto(*seq, before(k))).collect();
        held_by.extend(self.reached.held_by.iter().skip(held_by.len()));
        Told {
            appended: self.marks.back().map_or(self.reached.appended, |(_, number)| *number),
            stored: log.stored.map_or(0, |seq| upto(seq, self.reached.stored)),
            held_by,
            delivered: upto(log.delivered, self.reached.delivered),
        }
    }

    fn is_stored(&self) -> bool {
        self.marks.back().is_none_or(|(_, number)| *number <= self.reached.stored)
    }

    /// Drops marks that everybody is beyond; what they said is in `reached`.
    fn forget_finished(&mut self, log: &LogProgress) {
        let all = log.held.iter().copied().chain(log.stored).chain([log.delivered]).min().unwrap_or_default();
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
            stored: Some(Seq(stored)),
            held: held.iter().map(|s| Seq(*s)).collect(),
            delivered: Seq(delivered),
        }
    }

    #[test]
    fn each_step_is_told_once() {
        let mut progress = Progress::default();
        progress.open(ME, 0, 0);
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
        progress.open(ME, 0, 0);
        progress.on_appended(&[mark(2, 1)]);
        progress.tell(S, &log(2, &[2, 2], 0));
        assert_eq!(progress.tell(S, &log(2, &[2], 0)), []);
        assert_eq!(progress.tell(S, &log(2, &[], 0)), []);
    }

    #[test]
    fn marks_are_bounded() {
        let mut progress = Progress::default();
        progress.open(ME, 0, 0);
        (1..=5000).for_each(|n| progress.on_appended(&[mark(n, n)]));
        assert!(progress.instances[&ME].marks.len() <= MAX_MARKS);
        let events = progress.tell(S, &log(5000, &[], 0));
        assert!(matches!(events[0].1, Event::Progress { appended: 5000, stored: 5000, .. }));
    }

    #[test]
    fn who_comes_back_hears_what_was_stored_meanwhile() {
        let mut progress = Progress::default();
        progress.open(ME, 0, 0);
        progress.on_appended(&[mark(2, 1), mark(3, 2)]);
        progress.tell(S, &log(2, &[0], 0));
        progress.close(ME);
        assert_eq!(progress.tell(S, &log(3, &[0], 0)), []);
        progress.open(ME, 2, 0);
        let told = progress.tell(S, &log(3, &[0], 0));
        assert!(matches!(told[..], [(ME, Event::Progress { appended: 2, stored: 2, .. })]), "{told:?}");
        progress.close(InstanceId([9; 16]));
    }

    #[test]
    fn in_live_sessions_marks_are_finished_without_a_disk() {
        let mut progress = Progress::default();
        progress.open(ME, 0, 0);
        progress.on_appended(&[mark(2, 1)]);
        progress.tell(S, &LogProgress { stored: None, held: vec![Seq(2)], delivered: Seq(2) });
        assert!(!progress.is_waiting());
    }
}
