//! Bytes and back: what travels between boards, and what stands in a file.
//!
//! A message of operations (`docs/board.md` has the table): the byte 1, the author's [`Actor`], the time of the first operation, and then
//! operations to the end, each at the time after the one before. An operation writes registers of one object.
//!
//! Invariant: [`read`] never panics, allocates no more than a message is long, and refuses a message as a whole.

use super::{
    property::Flaw,
    stamp::{Actor, MAX_TIME, ObjectId, Stamp},
};

/// Longest message, in bytes: what the daemon carries.
pub const MAX_MESSAGE: usize = 64 * 1024;

/// The first byte of a message of operations.
pub(crate) const OPERATIONS: u8 = 1;

/// Registers in one operation: there are not so many properties.
const MAX_REGISTERS: u64 = 64;

/// One write to the registers of an object.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Operation<'a> {
    pub(crate) stamp: Stamp,
    pub(crate) object: ObjectId,
    pub(crate) registers: Vec<(u8, &'a [u8])>,
}

/// Reads a message of operations.
pub(crate) fn read(message: &[u8]) -> Result<Vec<Operation<'_>>, Flaw> {
    let mut reader = Reader::new(message);
    match reader.byte()? {
        OPERATIONS => {}
        newer => return Err(Flaw::Newer(newer)),
    }
    let actor = Actor(reader.u64()?);
    let mut time = reader.varint()?;
    let mut operations = Vec::new();
    while !reader.is_empty() {
        if time == 0 || time > MAX_TIME {
            return Err(Flaw::Time);
        }
        let stamp = Stamp { time, actor };
        let object = read_object(&mut reader, stamp)?;
        operations.push(Operation { stamp, object, registers: read_registers(&mut reader)? });
        time += 1;
    }
    Ok(operations)
}

/// Lays operations of one author into a message that may hold no more.
#[derive(Clone, Debug)]
pub(crate) struct Writer {
    bytes: Vec<u8>,
    actor: Actor,
    next: u64,
}

impl Writer {
    pub(crate) fn new(actor: Actor, time: u64) -> Self {
        let mut bytes = vec![OPERATIONS];
        bytes.extend(actor.0.to_le_bytes());
        put_varint(&mut bytes, time);
        Self { bytes, actor, next: time }
    }

    /// Adds an operation at the next time; false if there is no room for it.
    pub(crate) fn push<V: AsRef<[u8]>>(&mut self, object: ObjectId, registers: &[(u8, V)]) -> bool {
        let before = self.bytes.len();
        let stamp = Stamp { time: self.next, actor: self.actor };
        put_object(&mut self.bytes, object, stamp);
        put_varint(&mut self.bytes, registers.len() as u64);
        for (key, value) in registers {
            self.bytes.push(*key);
            put_bytes(&mut self.bytes, value.as_ref());
        }
        let fits = self.bytes.len() <= MAX_MESSAGE;
        if fits {
            self.next += 1;
        } else {
            self.bytes.truncate(before);
        }
        fits
    }

    pub(crate) fn finish(self) -> Vec<u8> {
        self.bytes
    }
}

const MADE_HERE: u8 = 0;
const OF_THE_AUTHOR: u8 = 1;
const OF_ANOTHER: u8 = 2;

fn put_object(out: &mut Vec<u8>, object: ObjectId, stamp: Stamp) {
    if object.0 == stamp {
        out.push(MADE_HERE);
    } else if object.0.actor == stamp.actor {
        out.push(OF_THE_AUTHOR);
        put_varint(out, object.0.time);
    } else {
        out.push(OF_ANOTHER);
        out.extend(object.0.actor.0.to_le_bytes());
        put_varint(out, object.0.time);
    }
}

fn read_object(reader: &mut Reader<'_>, stamp: Stamp) -> Result<ObjectId, Flaw> {
    let actor = match reader.byte()? {
        MADE_HERE => return Ok(ObjectId(stamp)),
        OF_THE_AUTHOR => stamp.actor,
        OF_ANOTHER => Actor(reader.u64()?),
        _ => return Err(Flaw::Broken),
    };
    match reader.varint()? {
        time @ 1..=MAX_TIME => Ok(ObjectId(Stamp { time, actor })),
        _ => Err(Flaw::Time),
    }
}

fn read_registers<'a>(reader: &mut Reader<'a>) -> Result<Vec<(u8, &'a [u8])>, Flaw> {
    let count = reader.varint()?;
    if count == 0 || count > MAX_REGISTERS {
        return Err(Flaw::Broken);
    }
    (0..count).map(|_| Ok((reader.byte()?, reader.bytes()?))).collect()
}

/// Takes bytes from the front.
#[derive(Clone, Debug)]
pub(crate) struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn take(&mut self, count: usize) -> Result<&'a [u8], Flaw> {
        let (head, rest) = self.0.split_at_checked(count).ok_or(Flaw::Broken)?;
        self.0 = rest;
        Ok(head)
    }

    pub(crate) fn array<const N: usize>(&mut self) -> Result<[u8; N], Flaw> {
        let (head, rest) = self.0.split_first_chunk().ok_or(Flaw::Broken)?;
        self.0 = rest;
        Ok(*head)
    }

    pub(crate) fn byte(&mut self) -> Result<u8, Flaw> {
        self.array::<1>().map(|[byte]| byte)
    }

    pub(crate) fn u64(&mut self) -> Result<u64, Flaw> {
        self.array().map(u64::from_le_bytes)
    }

    pub(crate) fn f32(&mut self) -> Result<f32, Flaw> {
        self.array().map(f32::from_le_bytes)
    }

    /// LEB128; at most ten bytes.
    pub(crate) fn varint(&mut self) -> Result<u64, Flaw> {
        let mut value = 0u64;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            let part = u64::from(byte & 0x7f);
            if shift == 63 && part > 1 {
                return Err(Flaw::Broken);
            }
            value |= part << shift;
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err(Flaw::Broken)
    }

    /// A signed number: 0, -1, 1, -2, … are 0, 1, 2, 3, ….
    pub(crate) fn signed(&mut self) -> Result<i64, Flaw> {
        self.varint().map(|v| (v >> 1) as i64 ^ -((v & 1) as i64))
    }

    /// A length, and so many bytes.
    pub(crate) fn bytes(&mut self) -> Result<&'a [u8], Flaw> {
        let length = self.varint()?;
        self.take(usize::try_from(length).map_err(|_| Flaw::Broken)?)
    }

    /// Everything that is left.
    pub(crate) fn rest(&mut self) -> &'a [u8] {
        std::mem::take(&mut self.0)
    }
}

pub(crate) fn put_varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

pub(crate) fn put_signed(out: &mut Vec<u8>, value: i64) {
    put_varint(out, ((value << 1) ^ (value >> 63)) as u64);
}

pub(crate) fn put_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    put_varint(out, bytes.len() as u64);
    out.extend(bytes);
}

#[cfg(test)]
mod tests {
    use super::*;

    const ANA: Actor = Actor(0x0123_4567_89ab_cdef);

    fn id(actor: Actor, time: u64) -> ObjectId {
        ObjectId(Stamp { time, actor })
    }

    fn sample() -> Vec<u8> {
        let mut writer = Writer::new(ANA, 300);
        assert!(writer.push(id(ANA, 300), &[(1, &b"a"[..]), (200, b"future")]));
        assert!(writer.push(id(ANA, 7), &[(3, b"12345678")]));
        assert!(writer.push(id(Actor(9), 8), &[(17, [])]));
        writer.finish()
    }

    #[test]
    fn what_is_written_is_read() {
        let bytes = sample();
        let operations = read(&bytes).unwrap();
        let objects: Vec<ObjectId> = operations.iter().map(|o| o.object).collect();
        assert_eq!(objects, [id(ANA, 300), id(ANA, 7), id(Actor(9), 8)]);
        assert_eq!(operations[2].stamp, Stamp { time: 302, actor: ANA });
        assert_eq!(operations[0].registers, [(1, &b"a"[..]), (200, b"future")]);
    }

    #[test]
    fn every_damage_is_refused_or_read_as_something_and_never_panics() {
        let bytes = sample();
        let whole = (0..bytes.len()).filter(|cut| read(&bytes[..*cut]).is_ok()).count();
        assert_eq!(whole, 3, "only cuts between operations");
        for at in 0..bytes.len() {
            for bit in 0..8 {
                let mut bad = bytes.clone();
                bad[at] ^= 1 << bit;
                let _read_or_refused = read(&bad);
            }
        }
    }

    #[test]
    fn a_message_takes_what_fits_and_stays_whole() {
        let mut writer = Writer::new(ANA, 1);
        let (mut pushed, value) = (0, vec![7; 10_000]);
        while writer.push(id(ANA, 1), &[(1, &value)]) {
            pushed += 1;
        }
        let bytes = writer.finish();
        assert!(bytes.len() <= MAX_MESSAGE);
        assert_eq!(read(&bytes).unwrap().len(), pushed);
    }

    #[test]
    fn numbers_survive() {
        for value in [0, 1, 127, 128, 300, u64::MAX] {
            let mut out = Vec::new();
            put_varint(&mut out, value);
            assert_eq!(Reader::new(&out).varint(), Ok(value));
        }
        for value in [0, 1, -1, 63, -64, i64::MAX, i64::MIN] {
            let mut out = Vec::new();
            put_signed(&mut out, value);
            assert_eq!(Reader::new(&out).signed(), Ok(value));
        }
        assert_eq!(Reader::new(&[0xff; 11]).varint(), Err(Flaw::Broken));
    }
}
