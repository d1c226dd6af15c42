//! What Chalktalk's programs and its daemon share: ids, requests, events, the codec, and where the socket is.
//!
//! A connection is a stream of *frames*. A frame is a little-endian `u32` length (of what follows), one byte
//! of kind, and a body. Control frames carry MessagePack with named fields ([`Call`] up, [`Down`] down), so that any language can
//! read them and fields can be added; message frames carry raw batches ([`batch`]), so that the hot path has no
//! per-message encoding. `docs/ipc.md` specifies all of it for other languages.
//!
//! Invariant: nothing here opens a file, reads a clock or knows the wire between daemons.

pub mod base64;
pub mod batch;
pub mod codec;
pub mod descriptors;
pub mod event;
pub mod ids;
pub mod nway;
pub mod request;
mod secret;
pub mod socket;
pub mod text;

pub use codec::{Frame, FrameBuf, FrameError, FrameKind};
pub use event::{Answer, Down, Event, FailReason, Refusal, RefusalCode};
pub use ids::{AppId, BlobId, HostId, InstanceId, OriginId, Position, SessionId, Target, UserId};
pub use request::{Call, Request};
pub use secret::Secret;

/// Version of the local protocol. A daemon refuses a client with another one, and says which it speaks.
pub const PROTOCOL: u16 = 1;

/// The longest message, in bytes of payload. Larger things are blobs.
pub const MAX_MESSAGE: usize = 64 * 1024;

/// The largest blob, in bytes: the hashes of its pieces, which have to be looked at together, are 8 MiB then.
pub const MAX_BLOB: u64 = 64 << 30;

/// The longest volatile message, in bytes of payload: it must fit one datagram, as nobody asks for its parts again.
pub const MAX_VOLATILE: usize = 1200;
