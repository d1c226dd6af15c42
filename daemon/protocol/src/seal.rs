//! Sealing: who has no key of a session neither reads nor alters what is in it.
//!
//! XChaCha20-Poly1305 (RFC 8439, draft-irtf-cfrg-xchacha). What is sealed travels as ciphertext, tag 16, nonce 24. The
//! nonce of an entry is a keyed hash of its place and contents, so that no state of a generator can repeat one for
//! something else; that of any other frame is this start's random number and a counter.
//!
//! Invariant: bytes that [`Ring`] opened were sealed by somebody who has the key, with exactly this clear header.

use crate::{
    entry::{Entry, PREFIX},
    frame::{HEADER, Header, Kind},
    ids::{LogId, Seq, first_16},
};
use chacha20poly1305::{
    KeyInit, Tag, XChaCha20Poly1305, XNonce,
    aead::{AeadInOut, inout::InOutBuf},
};
use chalktalk_ipc::AppId;
use std::{
    collections::{BTreeSet, VecDeque},
    fmt,
};
use zeroize::Zeroizing;

/// Bytes that sealing adds: tag and nonce.
pub const OVERHEAD: usize = TAG + NONCE;

const TAG: usize = 16;
pub(crate) const NONCE: usize = 24;

/// Keys kept per session for opening what was sealed long ago: a rotation a day for some years.
const MAX_KEYS: usize = 1024;

/// The name of a key: says nothing of the key, and tells it from all others.
pub type KeyName = [u8; 16];

/// The part of a boot id that neighbours send back. Nobody can have recorded that of a life that has just begun.
pub fn mark(boot: &Boot) -> u32 {
    u32::from_le_bytes([boot[0], boot[1], boot[2], boot[3]])
}

/// A symmetric key. It is wiped from memory when it is dropped, and never shown.
#[derive(Clone)]
pub struct Key {
    secret: Zeroizing<[u8; 32]>,
    nonces: Zeroizing<[u8; 32]>,
    cipher: XChaCha20Poly1305,
    name: KeyName,
}

impl Key {
    /// A key from 32 secret bytes.
    pub fn new(secret: [u8; 32]) -> Self {
        let secret = Zeroizing::new(secret);
        let nonces = Zeroizing::new(blake3::derive_key("chalktalk 2026 entry nonces", &*secret));
        let name = first_16(&blake3::Hash::from(blake3::derive_key("chalktalk 2026 key name", &*secret)));
        Self { cipher: XChaCha20Poly1305::new((&*secret).into()), secret, nonces, name }
    }

    /// The key of two users' direct session of an app, from the secret that they share.
    pub fn direct(app: &AppId, shared_secret: &[u8; 32]) -> Self {
        let mut hash = blake3::Hasher::new_derive_key("chalktalk 2026 direct session key");
        hash.update(shared_secret).update(app.as_str().as_bytes());
        Self::new(*hash.finalize().as_bytes())
    }

    /// Its bytes, to hand them to whom they are meant for or to the store.
    pub fn secret(&self) -> &[u8; 32] {
        &self.secret
    }

    /// Its name.
    pub fn name(&self) -> KeyName {
        self.name
    }

    /// What the clear header calls it: never 0.
    pub fn id(&self) -> u32 {
        let id = u32::from_le_bytes([self.name[0], self.name[1], self.name[2], self.name[3]]);
        id.max(1)
    }

    /// Seals `bytes[from..]` in place and appends tag and nonce.
    pub(crate) fn seal(&self, aad: &[u8], bytes: &mut Vec<u8>, from: usize, nonce: [u8; NONCE]) {
        let body = InOutBuf::from(&mut bytes[from..]);
        let tag = self.cipher.encrypt_inout_detached(&XNonce::from(nonce), aad, body);
        let tag = tag.expect("a datagram is far shorter than the cipher's limit");
        bytes.extend_from_slice(&tag);
        bytes.extend_from_slice(&nonce);
    }

    /// Opens what `seal` made, into `plain`. The nonce, if it is genuine.
    pub(crate) fn open(&self, aad: &[u8], sealed: &[u8], plain: &mut Vec<u8>) -> Option<[u8; NONCE]> {
        let (rest, nonce) = sealed.split_last_chunk::<NONCE>()?;
        let (cipher, tag) = rest.split_last_chunk::<TAG>()?;
        plain.clear();
        plain.extend_from_slice(cipher);
        let body = InOutBuf::from(&mut plain[..]);
        let opened = self.cipher.decrypt_inout_detached(&XNonce::from(*nonce), aad, body, &Tag::from(*tag));
        opened.ok().map(|()| *nonce)
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Key({:08x})", self.id())
    }
}

/// Numbers for nonces: no two frames of one daemon, in all its lives, have the same.
#[derive(Debug)]
pub struct Nonces {
    boot: Boot,
    counter: u64,
}

/// This start of a daemon, at random.
pub type Boot = [u8; 16];

impl Nonces {
    /// Counts from 1 under a random number that was never used before.
    pub fn new(boot: Boot) -> Self {
        Self { boot, counter: 0 }
    }

    /// This start.
    pub fn boot(&self) -> Boot {
        self.boot
    }

    /// Whether a neighbour has heard this life: its row holds what [`mark`] makes of the boot id.
    pub fn is_marked(&self, row: u32) -> bool {
        row == mark(&self.boot)
    }

    fn next(&mut self) -> [u8; NONCE] {
        self.counter += 1;
        let mut nonce = [0; NONCE];
        nonce[..16].copy_from_slice(&self.boot);
        nonce[16..].copy_from_slice(&self.counter.to_le_bytes());
        nonce
    }
}

/// The body of a frame that was opened, and the number it was sealed with.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Number {
    /// Start of the daemon that sealed it.
    pub boot: Boot,
    /// The how-manieth frame of that start it is.
    pub counter: u64,
}

impl From<[u8; NONCE]> for Number {
    fn from(nonce: [u8; NONCE]) -> Self {
        let (boot, counter) = nonce.split_first_chunk::<16>().expect("a nonce has 24 bytes");
        Self { boot: *boot, counter: u64::from_le_bytes(counter.try_into().expect("8 bytes are left")) }
    }
}

/// The keys of one session.
#[derive(Clone, Debug)]
pub struct Ring {
    sealed: bool,
    keys: VecDeque<Key>,
    /// Name of the key that is sealed with.
    sending: Option<KeyName>,
    /// Name of the key that seals frames which say nothing of what people write, if that is another one.
    frames: Option<KeyName>,
    /// Keys that are not for us, as headers name them: what they seal was said before we came.
    closed: BTreeSet<u32>,
}

impl Ring {
    /// Of a session that everybody on the LAN can read.
    pub fn open() -> Self {
        Self { sealed: false, keys: VecDeque::new(), sending: None, frames: None, closed: BTreeSet::new() }
    }

    /// Of a sealed session whose keys are not known (yet).
    pub fn locked() -> Self {
        Self { sealed: true, ..Self::open() }
    }

    /// Of a session with one key for good.
    pub fn of(key: Key) -> Self {
        Self { sending: Some(key.name()), keys: VecDeque::from([key]), ..Self::locked() }
    }

    /// Whether the session is sealed.
    pub fn is_sealed(&self) -> bool {
        self.sealed
    }

    /// Whether something can be said: an open session, or one with a key to seal with.
    pub fn can_send(&self) -> bool {
        !self.sealed || self.sending_key().is_some()
    }

    /// Bytes that an entry's body needs besides what is in it.
    pub fn overhead(&self) -> usize {
        if self.sealed { OVERHEAD } else { 0 }
    }

    /// Whether a frame that names this key can be opened.
    pub fn knows(&self, key_id: u32) -> bool {
        if self.sealed { self.keys.iter().any(|key| key.id() == key_id) } else { key_id == 0 }
    }

    /// Whether this is the key that everybody in the session seals with now.
    pub fn is_current(&self, key_id: u32) -> bool {
        self.sending_id() == key_id
    }

    /// Whether what this key seals can be read once the key has come.
    pub fn waits_for(&self, key_id: u32) -> bool {
        !self.knows(key_id) && !self.closed.contains(&key_id)
    }

    /// Says that this key is not for us.
    pub fn close(&mut self, key_id: u32) {
        self.closed.insert(key_id);
    }

    /// Keeps a key for opening. True if it is new.
    pub fn add(&mut self, key: Key) -> bool {
        if self.keys.iter().any(|known| known.name() == key.name()) {
            return false;
        }
        if self.keys.len() >= MAX_KEYS {
            self.keys.pop_front();
        }
        self.keys.push_back(key);
        true
    }

    /// Seals with this key from now on; with none, nothing is said.
    pub fn send_under(&mut self, name: Option<KeyName>) {
        self.sending = name;
    }

    /// Seals frames that say nothing of what people write with this key, whatever they write under.
    pub fn frame_under(&mut self, key: Key) {
        self.frames = Some(key.name());
        self.add(key);
    }

    /// The keys, oldest first.
    pub fn keys(&self) -> impl Iterator<Item = &Key> {
        self.keys.iter()
    }

    /// What the header of a frame that is to be sealed says.
    pub fn sending_id(&self) -> u32 {
        self.sending_key().map_or(0, Key::id)
    }

    /// What is sealed under now; `None` in an open session, and while there is no key to seal with.
    pub fn sending_key(&self) -> Option<&Key> {
        self.named(self.sending?)
    }

    fn frame_key(&self) -> Option<&Key> {
        self.frames.and_then(|name| self.named(name)).or_else(|| self.sending_key())
    }

    fn named(&self, name: KeyName) -> Option<&Key> {
        self.keys.iter().rev().find(|key| key.name() == name)
    }

    fn opening(&self, key_id: u32) -> impl Iterator<Item = &Key> {
        self.keys.iter().rev().filter(move |key| key.id() == key_id)
    }

    /// Seals the body of an entry, if the session is sealed: all of the datagram behind the prefix, which is complete.
    pub fn seal_entry(&self, datagram: &mut Vec<u8>, log: LogId, seq: Seq) {
        if !self.sealed {
            return;
        }
        let key = self.sending_key().expect("a writer flushes only when its session can send");
        let mut hash = blake3::Hasher::new_keyed(&key.nonces);
        hash.update(&log.origin.0).update(&log.epoch.0.to_le_bytes()).update(&seq.0.to_le_bytes());
        hash.update(&datagram[PREFIX..]);
        let mut nonce = [0; NONCE];
        nonce.copy_from_slice(&hash.finalize().as_bytes()[..NONCE]);
        let clear: [u8; PREFIX] = datagram[..PREFIX].try_into().expect("drafts begin with it");
        key.seal(&clear, datagram, PREFIX, nonce);
    }

    /// An entry as it can be read: its body opened into `scratch`. `None` if no key of ours sealed it.
    pub fn open_entry<'a>(&self, entry: Entry<'a>, scratch: &'a mut Vec<u8>) -> Option<Entry<'a>> {
        if !self.sealed {
            return (entry.key_id == 0).then_some(entry);
        }
        self.opening(entry.key_id).find_map(|key| key.open(entry.clear, entry.body, scratch))?;
        Entry { body: scratch, ..entry }.with_checked_body()
    }

    /// A frame, sealed if the session is. `None`: nothing can be said now.
    pub fn seal_frame(&self, mut datagram: Vec<u8>, nonces: &mut Nonces) -> Option<Vec<u8>> {
        if !self.sealed {
            return Some(datagram);
        }
        let (header, _) = Header::parse(&datagram).expect("frames are built whole");
        let key = if header.kind == Kind::Volatile { self.sending_key() } else { self.frame_key() }?;
        let sealed = Header { key_id: key.id(), ..header };
        sealed.write_over(&mut datagram, OVERHEAD);
        let clear: [u8; HEADER] = datagram[..HEADER].try_into().expect("frames have a header");
        key.seal(&clear, &mut datagram, HEADER, nonces.next());
        Some(datagram)
    }

    /// The body of a sealed frame, opened into `plain`, and its number.
    pub fn open_frame(&self, header: &Header, datagram: &[u8], plain: &mut Vec<u8>) -> Option<Number> {
        let start = Header::length(datagram);
        let (clear, sealed) = datagram.split_at(start);
        self.opening(header.key_id).find_map(|key| key.open(clear, sealed, plain)).map(Number::from)
    }

    /// A part of a frame that only who has the key shall read.
    pub fn seal_part(&self, about: &[u8], mut part: Vec<u8>, nonces: &mut Nonces) -> Option<(u32, Vec<u8>)> {
        let key = self.frame_key()?;
        key.seal(about, &mut part, 0, nonces.next());
        Some((key.id(), part))
    }

    /// What [`Ring::seal_part`] sealed.
    pub fn open_part(&self, key_id: u32, about: &[u8], sealed: &[u8]) -> Option<Vec<u8>> {
        let mut plain = Vec::new();
        self.opening(key_id).find_map(|key| key.open(about, sealed, &mut plain))?;
        Some(plain)
    }
}

/// Which numbers of a start have been heard: a frame counts once, however often it is sent (RFC 4303 §3.4.3).
#[derive(Clone, Debug)]
pub struct Replays {
    highest: u64,
    seen: [u64; WINDOW / 64],
}

/// Numbers behind the highest that are told apart; what is older counts as heard.
const WINDOW: usize = 2048;

impl Default for Replays {
    fn default() -> Self {
        Self { highest: 0, seen: [0; WINDOW / 64] }
    }
}

impl Replays {
    /// Notes a number. False if it was heard before, or is too old to tell.
    pub fn is_first(&mut self, counter: u64) -> bool {
        if counter > self.highest {
            let skipped = (counter - self.highest).min(WINDOW as u64);
            (1..=skipped).for_each(|step| self.clear(self.highest.wrapping_add(step)));
            if skipped == WINDOW as u64 {
                self.seen = [0; WINDOW / 64];
            }
            self.highest = counter;
        } else if self.highest - counter >= WINDOW as u64 {
            return false;
        }
        let (word, bit) = Self::at(counter);
        let first = self.seen[word] & bit == 0;
        self.seen[word] |= bit;
        first
    }

    fn clear(&mut self, counter: u64) {
        let (word, bit) = Self::at(counter);
        self.seen[word] &= !bit;
    }

    fn at(counter: u64) -> (usize, u64) {
        ((counter / 64) as usize % (WINDOW / 64), 1 << (counter % 64))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use chalktalk_ipc::SessionId;

    fn frame() -> Vec<u8> {
        Header::new(Kind::Nack, SessionId([1; 16])).datagram(b"who lacks what")
    }

    fn opened(ring: &Ring, datagram: &[u8]) -> Option<(Vec<u8>, Number)> {
        let (header, _) = Header::parse(datagram).ok()?;
        let mut plain = Vec::new();
        let number = ring.open_frame(&header, datagram, &mut plain)?;
        Some((plain, number))
    }

    #[test]
    fn a_frame_opens_under_its_key_and_only_unchanged() {
        let (mine, other) = (Ring::of(Key::new([1; 32])), Ring::of(Key::new([2; 32])));
        let mut nonces = Nonces::new([9; 16]);
        let sealed = mine.seal_frame(frame(), &mut nonces).unwrap();
        assert_eq!(sealed.len(), frame().len() + OVERHEAD);
        assert!(!sealed.windows(4).any(|part| part == b"lack"));
        let number = Number { boot: [9; 16], counter: 1 };
        assert_eq!(opened(&mine, &sealed), Some((b"who lacks what".to_vec(), number)));
        assert_eq!(opened(&other, &sealed), None);
        for at in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[at] ^= 1;
            assert_eq!(opened(&mine, &changed), None, "byte {at}");
            assert_eq!(opened(&mine, &sealed[..at]), None);
        }
        let again = mine.seal_frame(frame(), &mut nonces).unwrap();
        assert_ne!(sealed[HEADER..], again[HEADER..], "never the same nonce");
    }

    #[test]
    fn a_ring_opens_under_every_key_it_got_and_seals_under_one() {
        let (old, new) = (Key::new([1; 32]), Key::new([2; 32]));
        let mut ring = Ring::of(old.clone());
        let mut nonces = Nonces::new([0; 16]);
        let before = ring.seal_frame(frame(), &mut nonces).unwrap();
        assert!(ring.add(new.clone()) && !ring.add(new.clone()));
        ring.send_under(Some(new.name()));
        let after = ring.seal_frame(frame(), &mut nonces).unwrap();
        assert!(opened(&ring, &before).is_some() && opened(&ring, &after).is_some());
        assert!(opened(&Ring::of(old.clone()), &after).is_none());
        ring.send_under(None);
        assert!(!ring.can_send() && ring.seal_frame(frame(), &mut nonces).is_none());
        ring.frame_under(old.clone());
        ring.send_under(Some(new.name()));
        let nack = ring.seal_frame(frame(), &mut nonces).unwrap();
        assert!(
            opened(&Ring::of(old.clone()), &nack).is_some(),
            "what says nothing of messages is for all keys' holders"
        );
        let volatile = Header::new(Kind::Volatile, SessionId([1; 16])).datagram(b"where my pen is");
        let volatile = ring.seal_frame(volatile, &mut nonces).unwrap();
        assert!(opened(&Ring::of(old.clone()), &volatile).is_none());
        assert!(ring.waits_for(1));
        ring.close(1);
        assert!(!ring.waits_for(1) && !ring.waits_for(old.id()) && !ring.knows(1));
        assert!(!Ring::locked().knows(0) && Ring::open().knows(0) && !Ring::open().knows(1));
    }

    #[test]
    fn numbers_count_once_and_what_is_too_old_does_not() {
        let mut heard = Replays::default();
        assert!(heard.is_first(1) && !heard.is_first(1));
        assert!(heard.is_first(3) && heard.is_first(2) && !heard.is_first(3));
        assert!(heard.is_first(2050) && heard.is_first(1000) && !heard.is_first(1000));
        assert!(!heard.is_first(2), "2,048 back");
        assert!(heard.is_first(10_000_000) && !heard.is_first(10_000_000) && heard.is_first(9_999_999));
        assert!(!heard.is_first(0), "no frame has this number");
    }

    #[test]
    fn numbers_agree_with_a_set_that_forgets_nothing() {
        let mut random = 1u64;
        let (mut heard, mut all, mut highest) = (Replays::default(), std::collections::BTreeSet::new(), 0);
        for _ in 0..20_000 {
            random = random.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
            let counter = (highest + 1 + (random >> 33) % 40).saturating_sub(20).max(1);
            highest = highest.max(counter);
            assert_eq!(heard.is_first(counter), all.insert(counter), "{counter}");
        }
    }

    #[test]
    fn a_key_shows_nothing_of_itself() {
        let key = Key::new([0x5a; 32]);
        assert!(!format!("{key:?}").contains("5a5a") && !format!("{key:?}").contains("90"));
        assert_ne!(key.name()[..], key.secret()[..16]);
    }
}
