//! What people have done to messages: edits, deletions, reactions, pins, votes.
//!
//! Invariant: what is shown of a message follows from the set of marks alone, in whatever order they came. A mark about
//! a message that is not at hand waits for it.

use super::Order;
use chalktalk_ipc::{OriginId, Position, UserId};
use std::collections::{BTreeMap, BTreeSet};

/// Something done to a message.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Mark {
    /// Where it stands itself.
    pub order: Order,
    /// Who did it.
    pub user: UserId,
    /// What.
    pub deed: Deed,
}

/// What can be done to a message. Texts are fit for display.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Deed {
    /// Its text is now this one.
    Edit(String),
    /// It is gone.
    Delete,
    /// A reaction, on or off.
    React(String, bool),
    /// It is pinned, or not.
    Pin(bool),
    /// An answer to a poll, or none.
    Vote(Option<usize>),
    /// This host has what it offers.
    Got,
    /// Somebody comes to help, or does not come after all.
    Coming(bool),
    /// Who has called for help was helped.
    Helped,
    /// What the witness of a roll adds.
    Witness(String),
    /// The secret of a roll, and the share that was there.
    Reveal(String, String),
}

/// What has become of a message.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Fate {
    /// The text that took the place of the first.
    pub edited: Option<String>,
    /// It was deleted.
    pub deleted: bool,
    /// Who reacted with what; the oldest kind of reaction first.
    pub reactions: Vec<(String, BTreeSet<UserId>)>,
    /// Who has pinned it.
    pub pinned: Option<UserId>,
    /// Who answered a poll how.
    pub votes: BTreeMap<UserId, usize>,
    /// Logs of hosts that have what it offers, besides the author's.
    pub got: BTreeSet<OriginId>,
    /// Who comes to help.
    pub coming: BTreeSet<UserId>,
    /// Who has called for help was helped.
    pub helped: bool,
    /// Shares to a roll, by who added them.
    pub shares: BTreeSet<(UserId, String)>,
    /// Secrets that the author of a roll told, each with the share that was there; the oldest first.
    pub reveals: Vec<(String, String)>,
}

/// All marks at hand, by the message that they are about.
#[derive(Clone, Debug, Default)]
pub(super) struct Marks {
    of: BTreeMap<Position, BTreeMap<Order, (UserId, Deed)>>,
    count: usize,
}

impl Marks {
    /// Takes a mark in; false if it was known.
    pub(super) fn add(&mut self, target: Position, mark: Mark) -> bool {
        let known = self.of.entry(target).or_default().insert(mark.order, (mark.user, mark.deed)).is_some();
        self.count += usize::from(!known);
        !known
    }

    /// How many there are.
    pub(super) fn count(&self) -> usize {
        self.count
    }

    /// Lets go all that stand before this place.
    pub(super) fn forget_before(&mut self, first: Order) {
        for marks in self.of.values_mut() {
            *marks = marks.split_off(&first);
        }
        self.of.retain(|_, marks| !marks.is_empty());
        self.count = self.of.values().map(BTreeMap::len).sum();
    }

    /// Where the newest marks begin, of which there are so many at most.
    pub(super) fn start_of_newest(&self, keep: usize) -> Option<Order> {
        let mut orders: Vec<Order> = self.of.values().flat_map(BTreeMap::keys).copied().collect();
        orders.sort_unstable();
        orders.get(orders.len().checked_sub(keep)?).copied()
    }

    /// What has become of a message of this author.
    pub(super) fn fate(&self, target: Position, author: UserId) -> Fate {
        let mut fate = Fate::default();
        let mut reactions: BTreeMap<&str, (Order, BTreeSet<UserId>)> = BTreeMap::new();
        for (order, (user, deed)) in self.of.get(&target).into_iter().flatten() {
            let own = *user == author;
            match deed {
                Deed::Edit(_) | Deed::Delete | Deed::Helped if !own => {}
                Deed::Edit(text) => fate.edited = Some(text.clone()),
                Deed::Delete => fate.deleted = true,
                Deed::React(emoji, on) => {
                    let users = &mut reactions.entry(emoji).or_insert((*order, BTreeSet::new())).1;
                    if *on {
                        users.insert(*user)
                    } else {
                        users.remove(user)
                    };
                }
                Deed::Pin(on) => fate.pinned = on.then_some(*user),
                Deed::Vote(Some(answer)) => drop(fate.votes.insert(*user, *answer)),
                Deed::Vote(None) => drop(fate.votes.remove(user)),
                Deed::Got => drop(fate.got.insert(order.position.origin)),
                Deed::Coming(true) if !own => drop(fate.coming.insert(*user)),
                Deed::Coming(_) => drop(fate.coming.remove(user)),
                Deed::Helped => fate.helped = true,
                Deed::Witness(share) => drop(fate.shares.insert((*user, share.clone()))),
                Deed::Reveal(secret, share) if own => fate.reveals.push((secret.clone(), share.clone())),
                Deed::Reveal(..) => {}
            }
        }
        let mut shown: Vec<_> = reactions.into_iter().filter(|(_, (_, users))| !users.is_empty()).collect();
        shown.sort_by_key(|(_, (order, _))| *order);
        fate.reactions = shown.into_iter().map(|(emoji, (_, users))| (emoji.to_owned(), users)).collect();
        fate
    }
}
