//! The small records that the store keeps beside the entries: keys, and what is in them.
//!
//! Key: one letter, then fixed-length ids. Value: positional MessagePack.
//!
//! Invariant: a record that does not decode is one of a later version; it is left alone.

use crate::{
    control::Descriptor,
    crypto::Certificate,
    ids::{Epoch, LogId, Seq},
    members::{
        invitation::Invitation,
        statement::{Place, Said, Secret, Statement},
    },
    nway::{
        activity::Member,
        notice::{Invite, Stand},
    },
    people::Person,
    seal::{Key, KeyName},
    session::{retention::Holder, snapshots::Cover},
};
use bytes::Bytes;
use chalktalk_ipc::{HostId, InstanceId, OriginId, Position, SessionId, UserId, request::Availability};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A key with its value.
pub type Record = (Vec<u8>, Vec<u8>);

/// A session and the local users in it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct SessionRecord {
    /// What it is.
    pub descriptor: Descriptor,
    /// Local users in it.
    pub joined: Vec<UserId>,
    /// The two users of a direct session.
    pub pair: Option<(UserId, UserId)>,
    /// The LAN that an open room is in: the name of its passphrase's key.
    #[serde(default)]
    pub lan: Option<KeyName>,
    /// Local users who have left it.
    #[serde(default)]
    pub left: Vec<UserId>,
}

/// An invite session: who made it, and the keys held. What was said of its members has records of its own.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct MembersRecord {
    /// Who made it.
    pub creator: UserId,
    /// With the creator, what its id is made of.
    pub nonce: [u8; 16],
    /// The key of its frames that say nothing of what people write.
    pub frames: Secret,
    /// Local users in it, and the stamp of what asked them in.
    pub came: Vec<(UserId, u64)>,
    /// Local users who have left without anybody knowing yet.
    pub leaving: Vec<UserId>,
    /// The keys.
    pub keys: Vec<KeyRecord>,
}

/// A key of an invite session.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum KeyRecord {
    /// A session key.
    Session(Secret),
    /// A membership key alone, and what headers call the session key.
    Membership(Secret, u32),
}

/// An invitation that a local user has got.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct InvitationRecord {
    /// What it says.
    pub invitation: Invitation,
    /// Who signed it.
    pub from: UserId,
    /// When it came, ms since 1970.
    pub time: u64,
    /// Whether the user has said no.
    pub declined: bool,
}

/// An app session.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct ActivityRecord {
    /// The session it was started from.
    pub parent: SessionId,
    /// What everybody is asked into.
    pub invite: Invite,
    /// Who was asked in person.
    pub asked: Vec<UserId>,
    /// Whether it was called off.
    pub cancelled: bool,
    /// Local users who are asked, and by whom.
    pub invited: Vec<(UserId, UserId)>,
    /// When the invitation came, and when it is void, ms since 1970.
    pub wall: u64,
    /// See there.
    pub expires: u64,
}

/// How available a local user is, and what they say beside it.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct StatusRecord {
    /// How available they said they are.
    pub availability: Availability,
    /// What they say; empty: nothing.
    pub saying: String,
    /// When that is over, ms since 1970.
    pub until: Option<u64>,
}

/// A record, read back.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Known {
    /// A session.
    Session(SessionId, SessionRecord),
    /// How far a user has read it.
    Positions(SessionId, UserId, Vec<Position>),
    /// How far their programs were handed it.
    Shown(SessionId, UserId, Vec<Position>),
    /// The last number of a user's instance in it.
    Number(SessionId, UserId, InstanceId, u64),
    /// What a life of a log said of the one before it: which, and its last slot known.
    Former(SessionId, LogId, Epoch, Seq),
    /// Who an origin is.
    Certificate(OriginId, Certificate),
    /// What a local user thinks of somebody.
    Person(UserId, UserId, Person),
    /// Hash of the last signed entry of a log that was stopped cleanly, and the life of the daemon that stopped then.
    Resume(SessionId, OriginId, u64, [u8; 16]),
    /// The life of the daemon that was stopped cleanly.
    CleanStop(u64),
    /// An invite session.
    Members(SessionId, MembersRecord),
    /// Something said of its members.
    Statement(SessionId, Place, Said),
    /// Something said of its members that could not be read yet.
    Locked(SessionId, Bytes),
    /// An invitation of a local user.
    Invitation(UserId, SessionId, Box<InvitationRecord>),
    /// An app session.
    Activity(Box<ActivityRecord>),
    /// How somebody stands to an app session.
    Stand(SessionId, Member, Place, Stand),
    /// The key of the LAN's passphrase; none: the LAN has none.
    Lan(Option<[u8; 32]>),
    /// Bytes that a local user's logs take on the disk.
    Stored(OriginId, u64),
    /// A host that is or was in a session; this host: when it was last here.
    Holder(SessionId, HostId, Holder),
    /// The snapshots of a session that this host holds.
    Covers(SessionId, Vec<Cover>),
    /// How available a local user is, and what they say of themselves.
    Status(UserId, StatusRecord),
}

/// A session.
pub fn session(id: SessionId, record: &SessionRecord) -> Record {
    (key(b's', &[&id.0]), pack(record))
}

/// How far a user has read a session.
pub fn positions(id: SessionId, user: UserId, points: &BTreeMap<LogId, (Seq, u16)>) -> Record {
    (key(b'p', &[&id.0, &user.0]), pack_points(points))
}

/// How far a user's programs that have ended were handed it.
pub fn shown(id: SessionId, user: UserId, points: &BTreeMap<LogId, (Seq, u16)>) -> Record {
    (key(b'w', &[&id.0, &user.0]), pack_points(points))
}

fn pack_points(points: &BTreeMap<LogId, (Seq, u16)>) -> Vec<u8> {
    let position = |(log, (seq, index)): (&LogId, &(Seq, u16))| Position {
        origin: log.origin,
        epoch: log.epoch.0,
        seq: seq.0,
        index: *index,
    };
    pack(&points.iter().map(position).collect::<Vec<_>>())
}

/// The last number of a user's instance in a session.
pub fn number(id: SessionId, user: UserId, instance: InstanceId, number: u64) -> Record {
    (key(b'n', &[&id.0, &user.0, &instance.0]), pack(&number))
}

/// What a life of a log says of the one before it.
pub fn former(id: SessionId, log: LogId, (epoch, seq): (Epoch, Seq)) -> Record {
    (key(b'f', &[&id.0, &log.origin.0, &log.epoch.0.to_be_bytes()]), pack(&(epoch, seq)))
}

/// Who an origin is.
pub fn certificate(certificate: &Certificate, origin: OriginId) -> Record {
    (key(b'a', &[&origin.0]), pack(certificate))
}

/// What a local user thinks of somebody.
pub fn person(local: UserId, other: UserId, person: &Person) -> Record {
    (key(b'k', &[&local.0, &other.0]), pack(person))
}

/// Hash of the last signed entry of a log that stops cleanly.
pub fn resume(id: SessionId, origin: OriginId, incarnation: u64, hash: [u8; 16]) -> Record {
    (key(b'r', &[&id.0, &origin.0]), pack(&(incarnation, hash)))
}

/// Bytes that a local user's logs take on the disk.
pub fn stored(origin: OriginId, bytes: u64) -> Record {
    (key(b'q', &[&origin.0]), pack(&bytes))
}

/// How available a local user is, and what they say of themselves.
pub fn status(user: UserId, status: &StatusRecord) -> Record {
    (key(b'v', &[&user.0]), pack(status))
}

/// A host that is or was in a session.
pub fn holder(id: SessionId, host: HostId, holder: &Holder) -> Record {
    (holder_key(id, host), pack(holder))
}

/// The key of that record.
pub fn holder_key(id: SessionId, host: HostId) -> Vec<u8> {
    key(b'h', &[&id.0, &host.0])
}

/// The snapshots of a session that this host holds.
pub fn covers(id: SessionId, covers: &[Cover]) -> Record {
    (key(b'b', &[&id.0]), pack(&covers))
}

/// The life of the daemon that stops cleanly.
pub fn clean_stop(incarnation: u64) -> Record {
    (key(b'c', &[]), pack(&incarnation))
}

/// The key of the LAN's passphrase.
pub fn lan(key: Option<&Key>) -> Record {
    (self::key(b'l', &[]), pack(&key.map(Key::secret)))
}

/// An invite session.
pub fn members(id: SessionId, record: &MembersRecord) -> Record {
    (key(b'm', &[&id.0]), pack(record))
}

/// Something said of an invite session's members.
pub fn statement(id: SessionId, place: Place, said: &Said) -> Record {
    let value = pack(&(place.stamp, said.author, said.under, &said.statement));
    (log_key(b't', id, place.log, place.seq), value)
}

/// The same, as it is, where it could not be read yet.
pub fn locked(id: SessionId, log: LogId, seq: Seq, datagram: &Bytes) -> Record {
    (locked_key(id, log, seq), datagram.to_vec())
}

/// The key of that record.
pub fn locked_key(id: SessionId, log: LogId, seq: Seq) -> Vec<u8> {
    log_key(b'u', id, log, seq)
}

/// An invitation of a local user.
pub fn invitation(user: UserId, id: SessionId, record: &InvitationRecord) -> Record {
    (invitation_key(user, id), pack(record))
}

/// The key of that record.
pub fn invitation_key(user: UserId, id: SessionId) -> Vec<u8> {
    key(b'i', &[&user.0, &id.0])
}

/// An app session.
pub fn activity(id: SessionId, record: &ActivityRecord) -> Record {
    (activity_key(id), pack(record))
}

/// The key of that record.
pub fn activity_key(id: SessionId) -> Vec<u8> {
    key(b'x', &[&id.0])
}

/// How somebody stands to an app session.
pub fn stand(id: SessionId, member: Member, place: Place, stand: &Stand) -> Record {
    (stand_key(id, member), pack(&(place, stand)))
}

/// The key of that record.
pub fn stand_key(id: SessionId, member: Member) -> Vec<u8> {
    key(b'y', &[&id.0, &member.user.0, &member.host.0])
}

/// Reads a record back; `None` if it is of another version.
pub fn read(key: &[u8], value: &[u8]) -> Option<Known> {
    let (&letter, ids) = key.split_first()?;
    let id = |at: usize| ids.get(at..at + 16)?.try_into().ok();
    let user = |at: usize| ids.get(at..at + 32)?.try_into().ok().map(UserId);
    Some(match letter {
        b's' => Known::Session(SessionId(id(0)?), unpack(value)?),
        b'p' => Known::Positions(SessionId(id(0)?), user(16)?, unpack(value)?),
        b'w' => Known::Shown(SessionId(id(0)?), user(16)?, unpack(value)?),
        b'n' => Known::Number(SessionId(id(0)?), user(16)?, InstanceId(id(48)?), unpack(value)?),
        b'v' => Known::Status(user(0)?, unpack(value)?),
        b'f' => {
            let epoch = u32::from_be_bytes(ids.get(32..36)?.try_into().ok()?);
            let log = LogId { origin: OriginId(id(16)?), epoch: Epoch(epoch) };
            let (epoch, seq) = unpack(value)?;
            Known::Former(SessionId(id(0)?), log, epoch, seq)
        }
        b'a' => Known::Certificate(OriginId(id(0)?), unpack(value)?),
        b'k' => Known::Person(user(0)?, user(32)?, unpack(value)?),
        b'r' => {
            let (incarnation, hash) = unpack(value)?;
            Known::Resume(SessionId(id(0)?), OriginId(id(16)?), incarnation, hash)
        }
        b'c' => Known::CleanStop(unpack(value)?),
        b'l' => Known::Lan(unpack(value)?),
        b'm' => Known::Members(SessionId(id(0)?), unpack(value)?),
        b't' => {
            let (stamp, author, under, statement): (u64, UserId, KeyName, Statement) = unpack(value)?;
            let (log, seq) = read_log_key(ids)?;
            Known::Statement(SessionId(id(0)?), Place { stamp, log, seq }, Said { author, under, statement })
        }
        b'u' => Known::Locked(SessionId(id(0)?), Bytes::copy_from_slice(value)),
        b'i' => Known::Invitation(user(0)?, SessionId(id(32)?), unpack(value)?),
        b'x' => Known::Activity(unpack(value)?),
        b'y' => {
            let member = Member { user: user(16)?, host: HostId(id(48)?) };
            let (place, stand) = unpack(value)?;
            Known::Stand(SessionId(id(0)?), member, place, stand)
        }
        b'h' => Known::Holder(SessionId(id(0)?), HostId(id(16)?), unpack(value)?),
        b'b' => Known::Covers(SessionId(id(0)?), unpack(value)?),
        b'q' => Known::Stored(OriginId(id(0)?), unpack(value)?),
        _ => return None,
    })
}

fn log_key(letter: u8, session: SessionId, log: LogId, seq: Seq) -> Vec<u8> {
    key(letter, &[&session.0, &log.origin.0, &log.epoch.0.to_be_bytes(), &seq.0.to_be_bytes()])
}

fn read_log_key(ids: &[u8]) -> Option<(LogId, Seq)> {
    let origin = OriginId(ids.get(16..32)?.try_into().ok()?);
    let epoch = Epoch(u32::from_be_bytes(ids.get(32..36)?.try_into().ok()?));
    let seq = Seq(u64::from_be_bytes(ids.get(36..44)?.try_into().ok()?));
    Some((LogId { origin, epoch }, seq))
}

fn key(letter: u8, ids: &[&[u8]]) -> Vec<u8> {
    let mut key = vec![letter];
    ids.iter().for_each(|id| key.extend_from_slice(id));
    key
}

fn pack<T: Serialize>(value: &T) -> Vec<u8> {
    rmp_serde::to_vec(value).expect("our own types always encode")
}

fn unpack<T: for<'de> Deserialize<'de>>(value: &[u8]) -> Option<T> {
    rmp_serde::from_slice(value).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::control::HeldSnapshot;
    use chalktalk_ipc::BlobId;

    #[test]
    fn records_read_back() {
        let (s, u, i) = (SessionId([1; 16]), UserId([2; 32]), InstanceId([3; 16]));
        let back = |(key, value): Record| read(&key, &value).unwrap();
        assert_eq!(back(number(s, u, i, 7)), Known::Number(s, u, i, 7));
        assert_eq!(back(clean_stop(9)), Known::CleanStop(9));
        assert_eq!(back(lan(Some(&Key::new([7; 32])))), Known::Lan(Some([7; 32])));
        assert_eq!(back(lan(None)), Known::Lan(None));
        let known = Known::Person(u, UserId([7; 32]), Person::default());
        assert_eq!(back(person(u, UserId([7; 32]), &Person::default())), known);
        let secret = Secret::of(&Key::new([8; 32]));
        let keys = vec![KeyRecord::Session(secret.clone()), KeyRecord::Membership(secret.clone(), 3)];
        let record = MembersRecord {
            creator: u,
            nonce: [1; 16],
            frames: secret.clone(),
            came: vec![(u, 2)],
            leaving: vec![u],
            keys,
        };
        assert_eq!(back(members(s, &record)), Known::Members(s, record));
        let place =
            Place { stamp: 5, log: LogId { origin: OriginId([6; 16]), epoch: Epoch(7) }, seq: Seq(8) };
        let said = Said { author: u, under: [9; 16], statement: Statement::Invite { user: u } };
        assert_eq!(back(statement(s, place, &said)), Known::Statement(s, place, said));
        let datagram = Bytes::from_static(b"sealed");
        assert_eq!(back(locked(s, place.log, place.seq, &datagram)), Known::Locked(s, datagram));
        let origin = OriginId([4; 16]);
        let snapshot = HeldSnapshot { entries: 5, blob: BlobId([6; 32]), size: 7 };
        let at = Holder { seen: 3, held: 4, snapshots: vec![snapshot] };
        assert_eq!(back(holder(s, HostId([9; 16]), &at)), Known::Holder(s, HostId([9; 16]), at));
        // As earlier versions have stored it.
        let earlier = (holder_key(s, HostId([9; 16])), pack(&(3, 4)));
        let at = Holder { seen: 3, held: 4, snapshots: vec![] };
        assert_eq!(back(earlier), Known::Holder(s, HostId([9; 16]), at));
        let cover = Cover {
            held: snapshot,
            upto: vec![(place.log, place.seq)],
            by: vec![u],
            since: 1,
            stamp: Some(2),
        };
        assert_eq!(back(covers(s, std::slice::from_ref(&cover))), Known::Covers(s, vec![cover]));
        assert_eq!(back(stored(origin, 5)), Known::Stored(origin, 5));
        assert_eq!(back(resume(s, origin, 9, [5; 16])), Known::Resume(s, origin, 9, [5; 16]));
        let log = LogId { origin: OriginId([6; 16]), epoch: Epoch(2) };
        assert_eq!(back(former(s, log, (Epoch(1), Seq(3)))), Known::Former(s, log, Epoch(1), Seq(3)));
        let Known::Positions(_, _, rows) = back(positions(s, u, &[(log, (Seq(8), 3))].into())) else {
            panic!()
        };
        assert_eq!(rows, [Position { origin: log.origin, epoch: 2, seq: 8, index: 3 }]);
        assert_eq!(back(shown(s, u, &[(log, (Seq(8), 3))].into())), Known::Shown(s, u, rows));
        assert_eq!(read(b"z", b""), None);
        assert_eq!(read(b"p123", b""), None);
    }
}
