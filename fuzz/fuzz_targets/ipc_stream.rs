//! Bytes on the local socket, from either side: frames come out the same however the bytes are cut, and whatever
//! decodes is encoded again without change of meaning.
#![no_main]

use chalktalk_ipc::{Call, Down, FrameBuf, FrameKind, codec};
use libfuzzer_sys::fuzz_target;
use serde::{Serialize, de::DeserializeOwned};
use std::fmt::Debug;

fn frames(pieces: impl Iterator<Item = impl AsRef<[u8]>>) -> (Vec<(FrameKind, Vec<u8>)>, bool) {
    let mut buf = FrameBuf::default();
    let mut seen = Vec::new();
    for piece in pieces {
        buf.extend(piece.as_ref());
        loop {
            match buf.next_frame() {
                Ok(Some(frame)) => seen.push((frame.kind, frame.body.to_vec())),
                Ok(None) => break,
                Err(_) => return (seen, false),
            }
        }
    }
    (seen, true)
}

fn survives<T: Serialize + DeserializeOwned + PartialEq + Debug>(body: &[u8]) {
    let Ok(value) = rmp_serde::from_slice::<T>(body) else { return };
    let mut bytes = Vec::new();
    codec::put_control(&mut bytes, &value);
    let mut buf = FrameBuf::default();
    buf.extend(&bytes);
    let frame = buf.next_frame().expect("our own frame").expect("a whole frame");
    assert_eq!(frame.control::<T>().expect("our own encoding"), value);
}

fuzz_target!(|data: &[u8]| {
    let (whole, _) = frames([data].iter());
    let (cut, _) = frames(data.chunks(7));
    assert_eq!(whole, cut);
    for (kind, body) in whole {
        if kind == FrameKind::Control {
            survives::<Call>(&body);
            survives::<Down>(&body);
        }
    }
});
