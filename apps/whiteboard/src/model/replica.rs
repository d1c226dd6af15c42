//! Registers that merge, whatever they mean.
//!
//! An object is a map of registers; of two writes to one register the later one stays (by stamp, and where a faulty program gave one
//! stamp twice, by value). So a replica is a semilattice: any order, any number of times, in pieces or as a snapshot, gives the
//! same registers everywhere. Nothing is ever removed; deleting is a register too.
//!
//! Invariant: `clock` is at least the time of every register.

use super::{
    property::Flaw,
    stamp::{Actor, MAX_TIME, ObjectId, Stamp},
    wire::{Reader, put_bytes, put_varint},
};
use std::{
    collections::{BTreeMap, btree_map::Entry},
    sync::Arc,
};

/// One value and who wrote it when.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Register {
    pub(crate) stamp: Stamp,
    pub(crate) value: Arc<[u8]>,
}

/// The registers of one object, by key.
pub(crate) type Registers = BTreeMap<u8, Register>;

/// All objects.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct Replica {
    objects: BTreeMap<ObjectId, Registers>,
    clock: u64,
}

impl Replica {
    /// The time for a new write: later than all that was seen.
    pub(crate) fn next_time(&self) -> u64 {
        self.clock + 1
    }

    /// The same registers, with a time for new writes that is later than all that the other one has seen too.
    pub(crate) fn not_before(self, other: &Self) -> Self {
        Self { clock: self.clock.max(other.clock), ..self }
    }

    pub(crate) fn get(&self, object: ObjectId) -> Option<&Registers> {
        self.objects.get(&object)
    }

    /// Whether something of the write that makes this object is here.
    pub(crate) fn is_made(&self, object: ObjectId) -> bool {
        self.get(object)
            .is_some_and(|registers| registers.values().any(|register| register.stamp == object.0))
    }

    /// The objects of which the write that makes them is here, in order.
    pub(crate) fn made(&self) -> impl Iterator<Item = ObjectId> + '_ {
        self.objects.keys().copied().filter(|object| self.is_made(*object))
    }

    #[cfg(test)]
    pub(crate) fn iter(&self) -> impl Iterator<Item = (ObjectId, &Registers)> {
        self.objects.iter().map(|(id, registers)| (*id, registers))
    }

    /// Merges one write; true if it changed the register.
    pub(crate) fn merge(&mut self, object: ObjectId, key: u8, stamp: Stamp, value: &[u8]) -> bool {
        self.clock = self.clock.max(stamp.time);
        let new = || Register { stamp, value: value.into() };
        match self.objects.entry(object).or_default().entry(key) {
            Entry::Vacant(slot) => {
                slot.insert(new());
                true
            }
            Entry::Occupied(mut slot) => {
                let old = slot.get();
                let later = (stamp, value) > (old.stamp, &*old.value);
                if later {
                    slot.insert(new());
                }
                later
            }
        }
    }

    /// Everything, as bytes that are the same for the same registers.
    pub(crate) fn snapshot(&self) -> Vec<u8> {
        let mut actors: Vec<Actor> = Vec::new();
        for (id, registers) in &self.objects {
            actors.extend([id.0.actor].into_iter().chain(registers.values().map(|r| r.stamp.actor)));
        }
        actors.sort_unstable();
        actors.dedup();
        let mut out = Vec::new();
        put_varint(&mut out, actors.len() as u64);
        out.extend(actors.iter().flat_map(|actor| actor.0.to_le_bytes()));
        let put_stamp = |out: &mut Vec<u8>, stamp: Stamp| {
            put_varint(out, actors.binary_search(&stamp.actor).unwrap_or_default() as u64);
            put_varint(out, stamp.time);
        };
        for (id, registers) in &self.objects {
            put_stamp(&mut out, id.0);
            put_varint(&mut out, registers.len() as u64);
            for (key, register) in registers {
                out.push(*key);
                // Most registers were written when the object was made.
                let made = register.stamp == id.0;
                out.push(u8::from(!made));
                if !made {
                    put_stamp(&mut out, register.stamp);
                }
                put_bytes(&mut out, &register.value);
            }
        }
        out
    }

    /// Reads what [`Replica::snapshot`] wrote, register by register.
    pub(crate) fn read_snapshot(
        bytes: &[u8],
        mut each: impl FnMut(ObjectId, u8, Stamp, &[u8]) -> Result<(), Flaw>,
    ) -> Result<(), Flaw> {
        let mut reader = Reader::new(bytes);
        let count = reader.varint()?;
        if count > bytes.len() as u64 / 8 {
            return Err(Flaw::Broken);
        }
        let actors: Vec<Actor> = (0..count).map(|_| reader.u64().map(Actor)).collect::<Result<_, _>>()?;
        let read_stamp = |reader: &mut Reader<'_>| -> Result<Stamp, Flaw> {
            let index = usize::try_from(reader.varint()?).map_err(|_| Flaw::Broken)?;
            let actor = *actors.get(index).ok_or(Flaw::Broken)?;
            match reader.varint()? {
                time @ 1..=MAX_TIME => Ok(Stamp { time, actor }),
                _ => Err(Flaw::Time),
            }
        };
        while !reader.is_empty() {
            let id = ObjectId(read_stamp(&mut reader)?);
            for _ in 0..reader.varint()? {
                let key = reader.byte()?;
                let stamp = if reader.byte()? == 0 { id.0 } else { read_stamp(&mut reader)? };
                each(id, key, stamp, reader.bytes()?)?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stamp(time: u64, actor: u64) -> Stamp {
        Stamp { time, actor: Actor(actor) }
    }

    /// Writes with collisions of all sorts, one stamp given twice among them.
    fn writes() -> Vec<(ObjectId, u8, Stamp, Vec<u8>)> {
        let mut all = Vec::new();
        for i in 0..200u64 {
            let object = ObjectId(stamp(1 + i % 7, i % 3));
            all.push((
                object,
                (i % 5) as u8,
                stamp(1 + (i * 37) % 23, i % 3),
                vec![i as u8; (i % 4) as usize],
            ));
        }
        all
    }

    fn merged<'a>(writes: impl Iterator<Item = &'a (ObjectId, u8, Stamp, Vec<u8>)>) -> Replica {
        let mut replica = Replica::default();
        for (object, key, stamp, value) in writes {
            replica.merge(*object, *key, *stamp, value);
        }
        replica
    }

    #[test]
    fn order_and_repetition_do_not_matter() {
        let writes = writes();
        let straight = merged(writes.iter());
        assert_eq!(merged(writes.iter().rev()), straight);
        assert_eq!(merged(writes.iter().chain(&writes)), straight);
        for step in [3, 7, 11] {
            assert_eq!(merged((0..200).map(|i| &writes[i * step % 200])).snapshot(), straight.snapshot());
        }
    }

    #[test]
    fn a_snapshot_is_all_of_it() {
        let replica = merged(writes().iter());
        let bytes = replica.snapshot();
        let mut back = Replica::default();
        let read = Replica::read_snapshot(&bytes, |object, key, stamp, value| {
            back.merge(object, key, stamp, value);
            Ok(())
        });
        assert_eq!((read, back), (Ok(()), replica));
        for at in 0..bytes.len() {
            let ignore = |_, _, _, _: &[u8]| Ok(());
            let _read_or_refused = Replica::read_snapshot(&bytes[..at], ignore);
            let mut bad = bytes.clone();
            bad[at] ^= 0xff;
            let _read_or_refused = Replica::read_snapshot(&bad, ignore);
        }
    }
}
