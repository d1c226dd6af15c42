//! Bodies of control frames: positional MessagePack, each with bounds that hold before anything acts on it.
//!
//! Invariant: a body that decoded has been bounded; whoever reads it need not fear its lists.

use crate::{
    crypto::{Certificate, SIGNATURE, host_id},
    frame::{HEADER, Header, Kind, MAX_DATAGRAM, Malformed, SAFE_DATAGRAM},
    ids::{Epoch, LogId, Seq},
    seal::{self, Boot, Nonces, Ring},
};
use chalktalk_ipc::{
    AppId, BlobId, HostId, InstanceId, OriginId, SessionId, UserId,
    event::{FailReason, Scope},
    request::{Availability, SessionKind},
};
use ed25519_dalek::{Signature, Signer, SigningKey, VerifyingKey};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_bytes::ByteBuf;
use std::net::IpAddr;

/// Room for a body behind the clear header, also when it is sealed, and on every link.
pub const MAX_CONTROL: usize = SAFE_DATAGRAM - HEADER - seal::OVERHEAD;

/// Runs one NACK names: 42 bytes each at the most.
pub const MAX_WANTS: usize = 26;

/// Rows of a vector in one frame: 54 bytes each at the most.
pub const MAX_ROWS: usize = 20;

/// A run of missing slots.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Want {
    /// Writer.
    pub origin: OriginId,
    /// Its life.
    pub epoch: Epoch,
    /// First slot missing.
    pub first: Seq,
    /// Last slot missing.
    pub last: Seq,
}

impl Want {
    /// The log it is about.
    pub fn log(&self) -> LogId {
        LogId { origin: self.origin, epoch: self.epoch }
    }
}

/// How far a log reaches on some host.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Row {
    /// Writer.
    pub origin: OriginId,
    /// Its life.
    pub epoch: Epoch,
    /// First slot held: more than 1 where older ones were dropped.
    pub first: Seq,
    /// End of the run held (stored, in kept sessions).
    pub seq: Seq,
    /// End of the run that apps of every local member have acknowledged.
    pub acked: Seq,
}

impl Row {
    /// The log it is about.
    pub fn log(&self) -> LogId {
        LogId { origin: self.origin, epoch: self.epoch }
    }
}

/// "These I lack": multicast, so that others who lack the same keep quiet.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Nack {
    /// Who asks.
    pub host: HostId,
    /// What for.
    pub wants: Vec<Want>,
}

/// "So far I have come": unicast to the origin's host while entries arrive.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Report {
    /// Who reports.
    pub host: HostId,
    /// The log reported on.
    pub log: LogId,
    /// End of the run held in memory.
    pub have: Seq,
    /// Datagrams that its socket can hold: no more should be outstanding.
    pub window: u32,
}

/// A version vector, or a part of one.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Vector {
    /// Whose.
    pub host: HostId,
    /// What it holds. A log that is not named is not held.
    pub rows: Vec<Row>,
    /// Whether the receiver shall answer with its own.
    pub answer: bool,
}

/// "This message could not be handed over here."
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Failure {
    /// Who says so.
    pub host: HostId,
    /// Whose message.
    pub instance: InstanceId,
    /// Which of that instance's messages.
    pub number: u64,
    /// Why.
    pub reason: FailReason,
    /// More about it.
    pub detail: String,
}

/// A volatile message: sent once, not signed, nothing derived from it is stored.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Volatile {
    /// The author's log.
    pub log: LogId,
    /// The last slot of it, so that a loss is noticed at once.
    pub seq: Seq,
    /// Lamport stamp.
    pub stamp: u64,
    /// Author's wall clock, ms since 1970.
    pub time: u64,
    /// Who published it.
    pub instance: InstanceId,
    /// Worth interrupting somebody for.
    pub urgent: bool,
    /// The bytes published.
    pub payload: ByteBuf,
}

/// A frame with a volatile message, for one instance or (nil) all.
pub fn volatile(session: SessionId, destination: InstanceId, body: &Volatile) -> Vec<u8> {
    let body = rmp_serde::to_vec(body).expect("our own types always encode");
    Header { destination, ..Header::new(Kind::Volatile, session) }.datagram(&body)
}

/// What a session is, as its members announce it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Descriptor {
    /// The app type.
    pub app: AppId,
    /// Name of a room, without `#`.
    pub title: String,
    /// Who may enter.
    pub scope: Scope,
    /// Kept or live.
    pub kind: SessionKind,
    /// Whether newcomers see its past.
    pub history: bool,
    /// The session that it was started from, if it is an app session.
    #[serde(default)]
    pub parent: Option<SessionId>,
}

/// A user of a host.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct UserItem {
    /// Who they are and what key they write with.
    pub certificate: Certificate,
    /// How available they are.
    pub availability: Availability,
}

/// A session that users of a host have joined.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct SessionItem {
    /// Which.
    pub session: SessionId,
    /// What it is.
    pub descriptor: Descriptor,
    /// The host's users in it.
    pub users: Vec<UserId>,
    /// Hash of the vector of what the host holds of it.
    pub digest: u64,
    /// Part of that vector: the host's own logs and those that changed of late.
    pub rows: Vec<Row>,
    /// In sealed sessions: which of the host's instances are attached. Nobody else is told.
    pub instances: Vec<InstanceId>,
    /// The snapshots that the host holds.
    #[serde(default)]
    pub snapshots: Vec<HeldSnapshot>,
}

/// A snapshot that a host holds. Who says the same of it holds the same.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub struct HeldSnapshot {
    /// How many entries it stands for: what is newer stands for more.
    pub entries: u64,
    /// Its blob: the hash of the canonical state.
    pub blob: BlobId,
    /// Bytes of that.
    pub size: u64,
}

/// A sealed session that users of a host have joined: what there is to say of it is for those who have its key.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct SealedItem {
    /// Which.
    pub session: SessionId,
    /// The app type: who is meant by a direct session derives its id from it.
    pub app: AppId,
    /// Which key it is sealed with.
    pub key_id: u32,
    /// A [`SessionItem`], sealed.
    pub item: ByteBuf,
}

impl SealedItem {
    /// Seals what `host` has to say of a session. `None`: there is no key to seal it with.
    pub fn seal(host: HostId, item: &SessionItem, ring: &Ring, nonces: &mut Nonces) -> Option<Self> {
        let plain = rmp_serde::to_vec(item).expect("our own types always encode");
        let (key_id, sealed) = ring.seal_part(&about(host, item.session), plain, nonces)?;
        let app = item.descriptor.app.clone();
        Some(Self { session: item.session, app, key_id, item: ByteBuf::from(sealed) })
    }

    /// What `host` says, if a key of ours sealed it.
    pub fn open(&self, host: HostId, ring: &Ring) -> Option<SessionItem> {
        let plain = ring.open_part(self.key_id, &about(host, self.session), &self.item)?;
        read::<SessionItem>(&plain).ok().filter(|item| item.session == self.session)
    }
}

fn about(host: HostId, session: SessionId) -> [u8; 32] {
    let mut about = [0; 32];
    about[..16].copy_from_slice(&host.0);
    about[16..].copy_from_slice(&session.0);
    about
}

/// An instance attached on a host.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct InstanceItem {
    /// Which.
    pub instance: InstanceId,
    /// What app it is.
    pub app: AppId,
    /// Its process id there.
    pub pid: u32,
    /// Whose it is.
    pub user: UserId,
    /// The open sessions it is attached to.
    pub sessions: Vec<SessionId>,
}

/// Registered apps of a user that a host tells of, in one item: each has 100 bytes at the most.
pub const MAX_APPS_TOLD: usize = 6;

/// The longest version told, in bytes.
pub const MAX_VERSION: usize = 32;

/// Apps that a user can be asked to run. Who has more tells of them in several of these; who tells of none has none.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct AppsItem {
    /// Whose.
    pub user: UserId,
    /// Which, each with its version.
    pub apps: Vec<(AppId, String)>,
}

/// What a user says of themselves beside their status.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct SayingItem {
    /// Who.
    pub user: UserId,
    /// What; shown as [`chalktalk_ipc::text::saying`] leaves it.
    pub text: String,
}

/// How a host hears another.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct NeighbourItem {
    /// The other.
    pub host: HostId,
    /// The ways its frames arrived by of late, as bits ([`crate::net::Way::bit`]).
    pub ways: u8,
    /// `sent` of its last heartbeat heard.
    pub echo: u32,
    /// Microseconds between hearing that and sending this.
    pub held: u32,
    /// Of which life of the other that was: the first four bytes of its boot id.
    pub boot: u32,
}

/// One part of a heartbeat. A heartbeat that does not fit one datagram is cut into parts; each replaces what the same
/// part said before.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct HostFrame {
    /// Life number of the daemon.
    pub incarnation: u64,
    /// Number of the heartbeat in that life.
    pub beat: u64,
    /// What the numbers of its sealed frames begin with.
    pub boot: Boot,
    /// Where it can be reached. Frames that claim to come from elsewhere do not move it there; none: anywhere.
    pub addresses: Vec<IpAddr>,
    /// Which part, from 0.
    pub part: u8,
    /// Of how many.
    pub parts: u8,
    /// Milliseconds until the next one, at the most.
    pub interval: u32,
    /// Sender's clock in microseconds (wraps).
    pub sent: u32,
    /// Whether the host leaves the network.
    pub leave: bool,
    /// The host's name.
    pub name: String,
    /// Datagrams that its socket can hold.
    pub window: u32,
    /// Bytes of UDP payload that all its links take.
    pub payload: u16,
    /// Its users.
    pub users: Vec<UserItem>,
    /// Sessions they joined.
    pub sessions: Vec<SessionItem>,
    /// Sealed ones.
    pub sealed: Vec<SealedItem>,
    /// Their instances.
    pub instances: Vec<InstanceItem>,
    /// Whom the host hears, and how.
    pub neighbours: Vec<NeighbourItem>,
    /// What its users have registered, if they tell.
    #[serde(default)]
    pub apps: Vec<AppsItem>,
    /// What they say of themselves.
    #[serde(default)]
    pub sayings: Vec<SayingItem>,
}

/// A control frame of a session, ready to be sent.
pub fn frame<T: Serialize>(kind: Kind, session: SessionId, body: &T) -> Vec<u8> {
    let body = rmp_serde::to_vec(body).expect("our own types always encode");
    debug_assert!(body.len() <= MAX_CONTROL, "callers bound their lists");
    Header::new(kind, session).datagram(&body)
}

/// Decodes a control body.
pub fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, Malformed> {
    match rmp_serde::from_slice(body) {
        Err(rmp_serde::decode::Error::LengthMismatch(known)) => {
            let cut = first_fields(body, known).ok_or(Malformed::Body)?;
            rmp_serde::from_slice(&cut).map_err(|_| Malformed::Body)
        }
        read => read.map_err(|_| Malformed::Body),
    }
}

/// A body as if it had only so many fields: those behind them are of a later version (P130).
fn first_fields(body: &[u8], fields: u32) -> Option<Vec<u8>> {
    let mut rest = body;
    rmp::decode::read_array_len(&mut rest).ok().filter(|all| *all > fields)?;
    let mut out = Vec::with_capacity(body.len());
    rmp::encode::write_array_len(&mut out, fields).ok()?;
    out.extend_from_slice(rest);
    Some(out)
}

/// Bytes that a host frame has for its body besides the key and the signature.
pub const MAX_HOST_BODY: usize = MAX_CONTROL - 32 - SIGNATURE;

/// The same of a probe, which may be as large as any frame.
const MAX_PROBE_BODY: usize = MAX_DATAGRAM - HEADER - seal::OVERHEAD - 32 - SIGNATURE;

/// A host frame, signed by the host's key, or `None` if it does not fit one datagram.
pub fn host_frame(key: &SigningKey, body: &HostFrame) -> Option<Vec<u8>> {
    signed_frame(key, Kind::Host, body)
}

/// A frame of the nil session, signed by the host's key, or `None` if it does not fit one datagram.
pub fn signed_frame(key: &SigningKey, kind: Kind, body: &impl Serialize) -> Option<Vec<u8>> {
    let body = rmp_serde::to_vec(body).expect("our own types always encode");
    // Probes try how large a frame may be.
    let most = if kind == Kind::Probe { MAX_PROBE_BODY } else { MAX_HOST_BODY };
    if body.len() > most {
        return None;
    }
    let mut rest = [&key.verifying_key().as_bytes()[..], &body].concat();
    let signature = key.sign(&rest).to_bytes();
    rest.extend_from_slice(&signature);
    Some(Header::new(kind, SessionId::NIL).datagram(&rest))
}

/// A host frame whose signature has not been looked at yet.
pub struct UnverifiedHost<'a> {
    /// The host it claims to be from.
    pub host: HostId,
    key: VerifyingKey,
    signed: &'a [u8],
    signature: Signature,
    body: &'a [u8],
}

impl<'a> UnverifiedHost<'a> {
    /// Takes a host frame apart; `rest` is what follows its clear header, opened if that is sealed.
    pub fn parse(rest: &'a [u8]) -> Result<Self, Malformed> {
        let signed = &rest[..rest.len().saturating_sub(SIGNATURE)];
        let (key, rest) = rest.split_first_chunk::<32>().ok_or(Malformed::Length)?;
        let (body, signature) = rest.split_last_chunk::<SIGNATURE>().ok_or(Malformed::Length)?;
        let key = VerifyingKey::from_bytes(key).map_err(|_| Malformed::Body)?;
        Ok(Self { host: host_id(&key), key, signed, signature: Signature::from_bytes(signature), body })
    }

    /// What it says, if the host really signed it.
    pub fn verify(self) -> Result<HostFrame, &'static str> {
        let frame: HostFrame = self.verify_as()?;
        if frame.part < frame.parts && frame.parts <= MAX_PARTS {
            Ok(frame)
        } else {
            Err("malformed host frame")
        }
    }
}

impl UnverifiedHost<'_> {
    /// What another frame that is signed like a host frame says, if the host really signed it.
    pub fn verify_as<T: DeserializeOwned>(self) -> Result<T, &'static str> {
        self.key.verify_strict(self.signed, &self.signature).map_err(|_| "bad host signature")?;
        read(self.body).map_err(|_| "malformed host frame")
    }
}

/// Parts of one heartbeat: 64 datagrams tell of some 1,000 sessions.
pub const MAX_PARTS: u8 = 64;

#[cfg(test)]
mod tests {
    use super::*;

    fn empty() -> HostFrame {
        HostFrame {
            incarnation: 1,
            beat: 2,
            part: 0,
            parts: 1,
            interval: 2000,
            sent: 3,
            leave: false,
            name: "ana-laptop".into(),
            window: 100,
            payload: 1452,
            boot: [4; 16],
            addresses: vec![IpAddr::from([10, 0, 0, 1])],
            users: Vec::new(),
            sessions: Vec::new(),
            sealed: Vec::new(),
            instances: Vec::new(),
            neighbours: Vec::new(),
            apps: Vec::new(),
            sayings: Vec::new(),
        }
    }

    #[test]
    fn a_host_frame_holds_until_any_byte_is_changed() {
        let key = SigningKey::from_bytes(&[1; 32]);
        let datagram = host_frame(&key, &empty()).unwrap();
        let verified = |datagram: &[u8]| {
            let (_, rest) = Header::parse(datagram).ok()?;
            let frame = UnverifiedHost::parse(rest).ok()?;
            (frame.host == host_id(&key.verifying_key())).then_some(())?;
            frame.verify().ok()
        };
        assert_eq!(verified(&datagram), Some(empty()));
        for at in HEADER..datagram.len() {
            let mut changed = datagram.clone();
            changed[at] ^= 1;
            assert_eq!(verified(&changed), None, "byte {at}");
        }
    }

    #[test]
    fn what_an_earlier_version_does_not_tell_is_empty() {
        let whole = rmp_serde::to_vec(&empty()).unwrap();
        // The last field is an empty list, and the array has one field less.
        let mut earlier = whole[..whole.len() - 1].to_vec();
        let count = earlier.iter().position(|byte| *byte == 0xdc).map(|at| at + 2).unwrap();
        earlier[count] -= 1;
        assert_eq!(read::<HostFrame>(&earlier), Ok(empty()));
    }

    #[test]
    fn what_a_later_version_tells_beyond_that_is_skipped() {
        let mut later = rmp_serde::to_vec(&empty()).unwrap();
        let count = later.iter().position(|byte| *byte == 0xdc).map(|at| at + 2).unwrap();
        later[count] += 2;
        // A map and a text.
        later.extend([0x81, 0x01, 0x02, 0xa1, b'x']);
        assert_eq!(read::<HostFrame>(&later), Ok(empty()));
        later[count] -= 3;
        assert_eq!(read::<HostFrame>(&later), Ok(empty()), "and what is behind the last field is nothing");
        // Within the fields nothing is skipped.
        let malformed = rmp_serde::to_vec(&(rmp_serde::to_vec(&empty()).unwrap(), 1)).unwrap();
        assert_eq!(read::<HostFrame>(&malformed), Err(Malformed::Body));
    }

    #[test]
    fn the_largest_lists_fit_one_datagram() {
        let want = Want {
            origin: OriginId([9; 16]),
            epoch: Epoch(u32::MAX),
            first: Seq(u64::MAX),
            last: Seq(u64::MAX),
        };
        let nack = Nack { host: HostId([1; 16]), wants: vec![want; MAX_WANTS] };
        assert!(frame(Kind::Nack, SessionId([1; 16]), &nack).len() <= HEADER + MAX_CONTROL);
        let row = Row {
            origin: want.origin,
            epoch: want.epoch,
            first: want.first,
            seq: want.first,
            acked: want.last,
        };
        let vector = Vector { host: HostId([1; 16]), rows: vec![row; MAX_ROWS], answer: true };
        assert!(frame(Kind::Vector, SessionId([1; 16]), &vector).len() <= HEADER + MAX_CONTROL);
    }
}
