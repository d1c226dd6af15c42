//! What hosts say to each other about blobs: whatever the bytes are, they read or they do not, and no piece of another
//! blob passes.
#![no_main]

use chalktalk_ipc::{BlobId, SessionId};
use chalktalk_protocol::{
    blob::{
        Blob,
        download::Pieces,
        tree::{Builder, MAX_PIECES, PIECE, Tree},
        wire::{Ask, End, GREETING, Greeting, Sealing, Tell},
    },
    seal::Key,
};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    if let Some(greeting) = data.first_chunk::<GREETING>() {
        assert!(Greeting::decode(greeting).is_none_or(|read| read.encode() == *greeting));
    }
    if let Some(ask) = Ask::read(data) {
        let mut written = Vec::new();
        ask.put(&mut written);
        assert_eq!(written, data);
    }
    match Tell::read(data) {
        Some(Tell::Has(bits)) => {
            let count = (bits.len() as u32 * 8).clamp(1, MAX_PIECES);
            let has = Pieces::from_bits(count, bits).expect("as many bits as pieces");
            assert!(has.count() <= count);
            assert_eq!(Pieces::from_bits(count, &has.bits()), Some(has));
        }
        Some(Tell::Leaves(size, leaves)) => {
            let leaves = leaves.as_chunks::<32>().0.to_vec();
            let blob = Blob { id: BlobId([7; 32]), size: u64::from(size) };
            assert!(leaves.is_empty() || Tree::verified(blob, leaves).is_none(), "a root found by chance");
        }
        Some(Tell::Piece(piece, bytes)) => {
            let mut builder = Builder::default();
            bytes.chunks(PIECE).for_each(|piece| builder.push(piece));
            let tree = builder.finish();
            assert_eq!(tree.is_genuine(piece, bytes), piece == 0);
        }
        Some(Tell::Also(_)) | None => {}
    }
    let greeting = Greeting { session: SessionId([1; 16]), key_id: 1, nonce: [2; 16] };
    let mut theirs = Sealing::new(Some(&Key::new([3; 32])), &greeting, &[4; 16], End::Holder);
    assert!(theirs.open(data, &mut Vec::new()).is_none(), "sealed by nobody");
});
