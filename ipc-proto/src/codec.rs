//! Frames on the stream: length, kind, body.
//!
//! Invariant: a length is checked against [`MAX_FRAME`] before anything is allocated for it.

use serde::{Serialize, de::DeserializeOwned};

/// The largest frame, counted after the length field. A message of 64 KiB in a batch of its own fits; so does any
/// list that the daemon answers with (it pages what could grow past that).
pub const MAX_FRAME: usize = 1 << 20;

/// What a frame's body is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum FrameKind {
    /// MessagePack with named fields: [`crate::Call`] up, [`crate::Down`] down.
    Control = 1,
    /// App to daemon: a publish batch (see [`crate::batch`]).
    Publish = 2,
    /// Daemon to app: a deliver run (see [`crate::batch`]).
    Deliver = 3,
}

/// Why a stream of frames cannot be read any further.
#[derive(Debug, thiserror::Error)]
pub enum FrameError {
    /// Longer than [`MAX_FRAME`], or without a kind.
    #[error("frame of {0} bytes (1 to {MAX_FRAME} are allowed)")]
    Length(usize),
    /// A kind this version does not know.
    #[error("frame of unknown kind {0}")]
    Kind(u8),
    /// The MessagePack in it is not what was expected.
    #[error("frame does not decode: {0}")]
    Body(#[from] rmp_serde::decode::Error),
    /// The message batch in it is malformed.
    #[error(transparent)]
    Batch(#[from] crate::batch::BatchError),
}

/// One frame, borrowed from the buffer it arrived in.
#[derive(Clone, Copy, Debug)]
pub struct Frame<'a> {
    /// What the body is.
    pub kind: FrameKind,
    /// Everything behind the kind.
    pub body: &'a [u8],
}

impl Frame<'_> {
    /// Decodes a control frame's body.
    pub fn control<T: DeserializeOwned>(&self) -> Result<T, FrameError> {
        Ok(rmp_serde::from_slice(self.body)?)
    }
}

/// Appends a control frame.
pub fn put_control<T: Serialize>(out: &mut Vec<u8>, body: &T) {
    put_frame(out, FrameKind::Control, |out| {
        let mut packer = rmp_serde::Serializer::new(out).with_struct_map();
        body.serialize(&mut packer).expect("our own types always encode");
    });
}

/// Appends a frame whose body `fill` writes.
pub fn put_frame(out: &mut Vec<u8>, kind: FrameKind, fill: impl FnOnce(&mut Vec<u8>)) {
    let start = out.len();
    out.extend_from_slice(&[0, 0, 0, 0, kind as u8]);
    fill(out);
    let length = (out.len() - start - 4) as u32;
    out[start..start + 4].copy_from_slice(&length.to_le_bytes());
}

/// Bytes received and not yet consumed. Feed with [`FrameBuf::spare`] and [`FrameBuf::filled`], or
/// [`FrameBuf::extend`]; take frames with [`FrameBuf::next_frame`].
#[derive(Default, Debug)]
pub struct FrameBuf {
    bytes: Vec<u8>,
    start: usize,
    end: usize,
}

impl FrameBuf {
    /// Appends received bytes.
    pub fn extend(&mut self, bytes: &[u8]) {
        self.spare(bytes.len())[..bytes.len()].copy_from_slice(bytes);
        self.filled(bytes.len());
    }

    /// Room for at least `min` bytes, to read into.
    pub fn spare(&mut self, min: usize) -> &mut [u8] {
        if self.bytes.len() - self.end < min {
            self.bytes.copy_within(self.start..self.end, 0);
            self.end -= self.start;
            self.start = 0;
            if self.bytes.len() - self.end < min {
                self.bytes.resize(self.end + min, 0);
            }
        }
        &mut self.bytes[self.end..]
    }

    /// Says that `n` bytes of [`FrameBuf::spare`] now hold received bytes.
    pub fn filled(&mut self, n: usize) {
        self.end += n;
        assert!(self.end <= self.bytes.len(), "more filled than there was room");
    }

    /// The next whole frame, if it has arrived.
    pub fn next_frame(&mut self) -> Result<Option<Frame<'_>>, FrameError> {
        let waiting = &self.bytes[self.start..self.end];
        let Some((length, rest)) = waiting.split_first_chunk::<4>() else { return Ok(None) };
        let length = u32::from_le_bytes(*length) as usize;
        if length == 0 || length > MAX_FRAME {
            return Err(FrameError::Length(length));
        }
        if rest.len() < length {
            return Ok(None);
        }
        let kind = match rest[0] {
            1 => FrameKind::Control,
            2 => FrameKind::Publish,
            3 => FrameKind::Deliver,
            other => return Err(FrameError::Kind(other)),
        };
        let body = self.start + 5..self.start + 4 + length;
        self.start = body.end;
        Ok(Some(Frame { kind, body: &self.bytes[body] }))
    }

    /// Gives back memory that a burst of large frames left behind.
    pub fn shrink(&mut self) {
        if self.start == self.end {
            self.start = 0;
            self.end = 0;
            if self.bytes.len() > 256 * 1024 {
                self.bytes = Vec::new();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Call, Request};

    #[test]
    fn frames_come_out_whole_however_they_arrive() {
        let mut stream = Vec::new();
        put_control(&mut stream, &Call { id: 3, request: Request::Status });
        put_frame(&mut stream, FrameKind::Publish, |out| out.extend_from_slice(b"abc"));
        for step in 1..stream.len() {
            let mut buf = FrameBuf::default();
            let mut seen = Vec::new();
            for piece in stream.chunks(step) {
                buf.extend(piece);
                while let Some(frame) = buf.next_frame().unwrap() {
                    seen.push((frame.kind, frame.body.to_vec()));
                }
            }
            assert_eq!(seen.len(), 2);
            assert_eq!(seen[1], (FrameKind::Publish, b"abc".to_vec()));
        }
    }

    #[test]
    fn absurd_lengths_are_refused_before_memory_is_taken() {
        for length in [0u32, MAX_FRAME as u32 + 1, u32::MAX] {
            let mut buf = FrameBuf::default();
            buf.extend(&length.to_le_bytes());
            assert!(matches!(buf.next_frame(), Err(FrameError::Length(_))));
        }
        let mut buf = FrameBuf::default();
        buf.extend(&[1, 0, 0, 0, 99]);
        assert!(matches!(buf.next_frame(), Err(FrameError::Kind(99))));
    }
}
