//! Blobs: things larger than a message, named by the BLAKE3 hash of their bytes, in pieces that are verified each by
//! itself.
//!
//! [`tree`] says what a genuine piece is, [`wire`] what two daemons say to each other about a blob, [`download`] which
//! piece to ask whom for. What several take at once is [`cast`] to all of them in [`mod@slice`]s, which they [`catch`]. None of them
//! reads a file or a socket.

pub mod cast;
pub mod catch;
pub mod download;
pub mod slice;
pub mod tree;
pub mod wire;

use crate::seal::Key;
use chalktalk_ipc::BlobId;

/// A blob as it is offered: its size is part of what is meant, so that nobody can claim another one for its hash.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Blob {
    /// The hash of its bytes.
    pub id: BlobId,
    /// How many they are.
    pub size: u64,
}

/// What is needed to fetch and to give blobs of a session.
#[derive(Clone, Debug)]
pub struct Access {
    /// What everything is sealed under; `None` in an open session.
    pub key: Option<Key>,
    /// The longest datagram of a cast, in bytes of UDP payload; `None`: there is no multicast here.
    pub cast: Option<usize>,
}

impl Access {
    /// How a greeting names the key.
    pub fn key_id(&self) -> u32 {
        self.key.as_ref().map_or(0, Key::id)
    }
}
