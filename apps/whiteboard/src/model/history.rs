//! What one person can take back, and do again.
//!
//! A step remembers for each register it wrote what was there before. Taking it back restores that, but only where the register
//! still holds what the step wrote: what somebody else has written since stays. Restoring is a new write; `restored` remembers which
//! earlier write it stands for, so that the steps below find what they wrote.
//!
//! Invariant: taking back never changes a register whose value comes from somebody else.

use super::{
    replica::Replica,
    stamp::{Actor, ObjectId, Stamp},
};
use std::collections::BTreeMap;

/// Steps that can be taken back: more than anybody remembers having done.
const MAX_STEPS: usize = 1_000;

/// Restored registers to remember: as many as a day of taking back makes. Beyond, there is nothing to take back until new work.
const MAX_RESTORED: usize = 100_000;

/// One register that a step wrote.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Written {
    pub(crate) object: ObjectId,
    pub(crate) key: u8,
    /// The write that the register holds, if it still holds the step's; none: that of a register never written.
    pub(crate) holds: Option<Stamp>,
    /// What was there before, to be restored.
    pub(crate) before: Vec<u8>,
    /// Which write that came from.
    pub(crate) before_from: Option<Stamp>,
    /// The step made the object: taking it back removes it, which others' writes to any register of it forbid.
    pub(crate) made: bool,
}

/// What one edit did.
pub(crate) type Step = Vec<Written>;

/// Steps done and undone.
#[derive(Clone, Debug, Default)]
pub(crate) struct History {
    done: Vec<Step>,
    undone: Vec<Step>,
    restored: BTreeMap<(ObjectId, u8, Stamp), Option<Stamp>>,
}

/// Which way.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Way {
    Undo,
    Redo,
}

impl History {
    /// A new edit was made; what was undone cannot be done again.
    pub(crate) fn on_step(&mut self, step: Step) {
        self.undone.clear();
        self.done.push(step);
        if self.done.len() > MAX_STEPS {
            self.done.remove(0);
        }
    }

    pub(crate) fn can(&self, way: Way) -> bool {
        !match way {
            Way::Undo => self.done.is_empty(),
            Way::Redo => self.undone.is_empty(),
        }
    }

    /// The next step to go this way of which something is left to do, reduced to that.
    pub(crate) fn pop(&mut self, way: Way, replica: &Replica, me: Actor) -> Option<Step> {
        loop {
            let step = match way {
                Way::Undo => self.done.pop(),
                Way::Redo => self.undone.pop(),
            }?;
            let left: Step = step.into_iter().filter(|written| self.is_left(written, replica, me)).collect();
            if !left.is_empty() {
                return Some(left);
            }
        }
    }

    /// A step was gone this way, by these writes; `reverse` goes the other.
    pub(crate) fn on_gone(&mut self, way: Way, reverse: Step, stamps: impl Iterator<Item = Stamp>) {
        for (written, stamp) in reverse.iter().zip(stamps) {
            self.restored.insert((written.object, written.key, stamp), written.holds);
        }
        if self.restored.len() > MAX_RESTORED {
            *self = Self::default();
            return;
        }
        match way {
            Way::Undo => self.undone.push(reverse),
            Way::Redo => self.done.push(reverse),
        }
    }

    /// Which write the value of a register came from.
    pub(crate) fn origin(&self, replica: &Replica, object: ObjectId, key: u8) -> Option<Stamp> {
        let register = replica.get(object)?.get(&key)?;
        self.restored.get(&(object, key, register.stamp)).copied().unwrap_or(Some(register.stamp))
    }

    fn is_left(&self, written: &Written, replica: &Replica, me: Actor) -> bool {
        let untouched = || {
            let keys = replica.get(written.object).into_iter().flat_map(|registers| registers.keys());
            let mut origins = keys.filter_map(|key| self.origin(replica, written.object, *key));
            origins.all(|stamp| stamp.actor == me)
        };
        self.origin(replica, written.object, written.key) == written.holds && (!written.made || untouched())
    }
}
