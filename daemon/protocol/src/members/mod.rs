//! Invite sessions: who is in one, and which key its members write under.
//!
//! Everything is told by *statements* in the members' own logs, so that order, repair, storage and signatures are those of
//! every entry. [`statement`] is what is said, [`membership`] what follows from all that was said, [`keys`] the keys a host
//! holds and which one is to be used, [`rotation`] who makes the next one and when, [`envelope`] how a key travels to a
//! person, [`invitation`] how somebody who has none yet is asked in.
//!
//! Invariant: two hosts that know the same statements name the same members and the same key.

pub mod envelope;
pub mod invitation;
pub mod keys;
pub mod membership;
pub mod rotation;
pub mod statement;
