//! Who wrote what, and which of two writes is the later one.
//!
//! Invariant: an actor never gives one time twice, so that a stamp names one write and the object it made.

use std::{fmt, str::FromStr};

/// One run of one program that draws: random, new for each process, so that no two ever share one.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Actor(pub u64);

/// When a write was made: a Lamport time, and by whom where times are equal.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Stamp {
    /// Greater than that of every write its author had seen.
    pub time: u64,
    /// Its author.
    pub actor: Actor,
}

/// Times beyond this are refused: there is always a later one. Honest ones stay below 2^48, for which ranks have room.
pub(crate) const MAX_TIME: u64 = 1 << 62;

/// An object is named by the write that made it. As text: the actor in hexadecimal, a dash, and the time in decimal.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct ObjectId(pub Stamp);

impl fmt::Display for ObjectId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}-{}", self.0.actor.0, self.0.time)
    }
}

impl FromStr for ObjectId {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("{text:?} is not the id of an object");
        let (actor, time) = text.split_once('-').ok_or_else(wrong)?;
        let actor = Actor(u64::from_str_radix(actor, 16).map_err(|_| wrong())?);
        let time = time.parse().map_err(|_| wrong())?;
        Ok(Self(Stamp { time, actor }))
    }
}
