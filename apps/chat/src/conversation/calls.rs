//! Calls for help: which are open, and who comes.
//!
//! Invariant: of one person at most one call is open, the newest, however many they make: the others are text like any other.
//! Only who has called can end a call before its time.

use super::{Conversation, Line, Order};
use chalktalk_client::chat::Kind;
use chalktalk_ipc::UserId;
use std::collections::BTreeMap;

/// A call is over after so many milliseconds: nobody is waited for that long.
pub const OPEN_FOR: u64 = 60 * 60_000;

/// How it stands with a call for help.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Standing {
    /// Help is wanted.
    Open,
    /// Who has called was helped.
    Helped,
    /// Its time is over.
    Over,
    /// Who has called has called again.
    Replaced,
}

/// The newest call of each person.
#[derive(Clone, Debug, Default)]
pub(super) struct Calls {
    newest: BTreeMap<UserId, Order>,
}

impl Calls {
    pub(super) fn note(&mut self, line: &Line) {
        if let Some(said) = line.said().filter(|said| matches!(said.kind, Kind::Call { .. })) {
            let newest = self.newest.entry(said.user).or_insert(line.order);
            *newest = line.order.max(*newest);
        }
    }
}

impl Conversation {
    /// How it stands with the call for help that a line is; nothing if it is none, or deleted.
    pub fn standing(&self, line: &Line) -> Option<Standing> {
        let said = line.said().filter(|said| matches!(said.kind, Kind::Call { .. }) && !said.fate.deleted)?;
        let newest = self.calls.newest.get(&said.user);
        Some(match () {
            () if said.fate.helped => Standing::Helped,
            () if newest.is_some_and(|newest| line.order < *newest) => Standing::Replaced,
            // Clocks differ, and somebody may have set theirs to a time far ahead.
            () if self.now.abs_diff(line.time) >= OPEN_FOR => Standing::Over,
            () => Standing::Open,
        })
    }

    /// The newest open call by, or not by, this person.
    pub fn open_call(&self, user: UserId, by: bool) -> Option<&Line> {
        let meant = |line: &&Line| {
            self.standing(line) == Some(Standing::Open)
                && line.order.position().is_some()
                && line.said().is_some_and(|said| (said.user == user) == by)
        };
        self.lines.iter().rev().find(meant)
    }

    /// When the first open call is over.
    pub fn next_over(&self) -> Option<u64> {
        // A call that is no line any more, or no line yet, changes nothing in view.
        let at = |order: &Order| self.lines.binary_search_by_key(order, |line| line.order).ok();
        let lines = self.calls.newest.values().filter_map(at).map(|at| &self.lines[at]);
        lines
            .filter(|line| self.standing(line) == Some(Standing::Open))
            .map(|line| line.time + OPEN_FOR)
            .min()
    }
}
