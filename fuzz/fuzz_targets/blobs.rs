//! What hosts say to each other about blobs: whatever the bytes are, they read or they do not, and no piece of another
//! blob passes.
#![no_main]

use chalktalk_ipc::{BlobId, SessionId};
use chalktalk_protocol::{
    Instant,
    blob::{
        Access, Blob,
        catch::Catch,
        download::Pieces,
        slice::{self, Cut, Place},
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
        Some(Tell::Cast(cast, length)) => {
            let mut written = Vec::new();
            Tell::Cast(cast, length).put(&mut written);
            assert_eq!(written, data);
        }
        Some(Tell::Also(_) | Tell::Over) | None => {}
    }
    cast(data);
    let greeting = Greeting { session: SessionId([1; 16]), key_id: 1, nonce: [2; 16] };
    let mut theirs = Sealing::new(Some(&Key::new([3; 32])), &greeting, &[4; 16], End::Holder);
    assert!(theirs.open(data, &mut Vec::new()).is_none(), "sealed by nobody");
});

/// Datagrams of a cast: whatever they say, no piece is longer than it should be.
fn cast(data: &[u8]) {
    let key =
        |key: Option<Key>| slice::Sealing::new(&Access { key, cast: None }, SessionId([1; 16]), [2; 16]);
    assert!(key(Some(Key::new([3; 32]))).decode(data, &mut Vec::new()).is_none(), "sealed by nobody");
    let _ = slice::cast_of(data);
    let (size, length) = (2 * PIECE as u64 + 1_000, 1_024);
    let cut = Cut::told(size, length).expect("enough slices");
    let (mut catch, held) = (Catch::new(cut, 1), Pieces::none(cut.pieces()));
    if let Some((place, bytes)) = key(None).decode(data, &mut Vec::new()) {
        let whole = catch.on_slice(Instant::ZERO, place, bytes, &held);
        assert!(whole.is_none_or(|(piece, bytes)| piece == 2 && bytes.len() == 1_000));
    }
    for numbers in data.chunks_exact(3) {
        let place =
            Place { number: u32::from(numbers[0]), piece: u32::from(numbers[1] % 4), slice: numbers[2] };
        let bytes = vec![0; cut.range(place.piece, place.slice).len()];
        if let Some((piece, bytes)) = catch.on_slice(Instant::ZERO, place, &bytes, &held) {
            assert!(bytes.len() == chalktalk_protocol::blob::tree::length(size, piece));
        }
        while catch.says(Instant::ZERO, &held).is_some() {}
    }
}
