//! Pieces and what proves them: a blob's id is the root of BLAKE3's tree, and a piece is a subtree of it.
//!
//! The hashes of all pieces are the *leaves*: 32 bytes for each 256 KiB. Whoever has them can compute the root, and so
//! knows that they are the blob's; from then on each piece is verified by itself, from whomever it comes.
//!
//! Invariant: the leaves of a [`Tree`] are those of the blob it is of.

use super::Blob;
use blake3::hazmat::{HasherExt, Mode, merge_subtrees_non_root, merge_subtrees_root};
use chalktalk_ipc::{BlobId, MAX_BLOB};

/// Bytes of a piece (the last one has what is left): a power of two, so that it is a subtree. Large enough that the
/// leaves of a big file are few, small enough that a piece from a slow host is not waited for long.
pub const PIECE: usize = 256 << 10;

/// The most pieces a blob can have.
pub const MAX_PIECES: u32 = (MAX_BLOB / PIECE as u64) as u32;

/// The hash of one piece of several.
pub type Leaf = [u8; 32];

/// How many pieces a blob of this size has: one at least, which may be empty.
pub fn pieces(size: u64) -> u32 {
    u32::try_from(size.div_ceil(PIECE as u64).max(1)).unwrap_or(u32::MAX)
}

/// How many leaves it has: one piece alone is proved by the blob's id.
pub fn leaves(size: u64) -> u32 {
    if pieces(size) == 1 { 0 } else { pieces(size) }
}

/// Where a piece starts.
pub fn offset(piece: u32) -> u64 {
    u64::from(piece) * PIECE as u64
}

/// How many bytes a piece has.
pub fn length(size: u64, piece: u32) -> usize {
    size.saturating_sub(offset(piece)).min(PIECE as u64) as usize
}

/// What proves the pieces of one blob.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Tree {
    blob: Blob,
    leaves: Vec<Leaf>,
}

impl Tree {
    /// The tree of a blob, if these are its leaves.
    pub fn verified(blob: Blob, leaves: Vec<Leaf>) -> Option<Self> {
        let right = blob.size <= MAX_BLOB && leaves.len() == self::leaves(blob.size) as usize;
        let genuine = right && (leaves.is_empty() || root(&leaves) == blob.id);
        genuine.then_some(Self { blob, leaves })
    }

    /// Which blob it proves.
    pub fn blob(&self) -> Blob {
        self.blob
    }

    /// The hashes of its pieces; none if there is only one.
    pub fn leaves(&self) -> &[Leaf] {
        &self.leaves
    }

    /// Whether these bytes are this piece.
    pub fn is_genuine(&self, piece: u32, bytes: &[u8]) -> bool {
        if piece >= pieces(self.blob.size) || bytes.len() != length(self.blob.size, piece) {
            return false;
        }
        match self.leaves.get(piece as usize) {
            Some(leaf) => hasher(piece, bytes).finalize_non_root() == *leaf,
            None => *blake3::hash(bytes).as_bytes() == self.blob.id.0,
        }
    }
}

/// Makes the tree of something that is read piece by piece.
#[derive(Default, Debug)]
pub struct Builder {
    leaves: Vec<Leaf>,
    whole: Option<BlobId>,
    size: u64,
}

impl Builder {
    /// Takes the next piece: [`PIECE`] bytes, fewer only of the last one.
    pub fn push(&mut self, bytes: &[u8]) {
        debug_assert!(bytes.len() <= PIECE && self.size.is_multiple_of(PIECE as u64), "pieces are full");
        let hasher = hasher(self.leaves.len() as u32, bytes);
        self.whole = self.leaves.is_empty().then(|| BlobId(*hasher.finalize().as_bytes()));
        // A hash of no bytes stands for no subtree; an empty blob has no leaves.
        let leaf = if bytes.is_empty() { [0; 32] } else { hasher.finalize_non_root() };
        self.leaves.push(leaf);
        self.size += bytes.len() as u64;
    }

    /// There are no more.
    pub fn finish(mut self) -> Tree {
        if self.leaves.is_empty() {
            self.push(&[]);
        }
        if let Some(id) = self.whole {
            return Tree { blob: Blob { id, size: self.size }, leaves: Vec::new() };
        }
        Tree { blob: Blob { id: root(&self.leaves), size: self.size }, leaves: self.leaves }
    }
}

fn hasher(piece: u32, bytes: &[u8]) -> blake3::Hasher {
    let mut hasher = blake3::Hasher::new();
    if piece > 0 {
        hasher.set_input_offset(offset(piece));
    }
    hasher.update(bytes);
    hasher
}

/// The root over two leaves or more.
fn root(leaves: &[Leaf]) -> BlobId {
    let (left, right) = leaves.split_at(left(leaves.len()));
    BlobId(*merge_subtrees_root(&subtree(left), &subtree(right), Mode::Hash).as_bytes())
}

fn subtree(leaves: &[Leaf]) -> Leaf {
    match leaves {
        [leaf] => *leaf,
        _ => {
            let (left, right) = leaves.split_at(left(leaves.len()));
            merge_subtrees_non_root(&subtree(left), &subtree(right), Mode::Hash)
        }
    }
}

/// The left side of a node is a full tree, and the right side is not empty (BLAKE3 §2.1).
fn left(leaves: usize) -> usize {
    leaves.div_ceil(2).next_power_of_two()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(size: usize) -> Vec<u8> {
        (0..size).map(|at| (at.wrapping_mul(2_654_435_761) >> 13) as u8).collect()
    }

    fn tree(bytes: &[u8]) -> Tree {
        let mut builder = Builder::default();
        bytes.chunks(PIECE).for_each(|piece| builder.push(piece));
        builder.finish()
    }

    #[test]
    fn the_id_is_the_plain_hash_of_the_bytes_whatever_their_number() {
        for size in
            [0, 1, PIECE - 1, PIECE, PIECE + 1, 2 * PIECE, 3 * PIECE, 5 * PIECE + 7, 8 * PIECE, 9 * PIECE + 1]
        {
            let bytes = bytes(size);
            let tree = tree(&bytes);
            assert_eq!(tree.blob().id.0, *blake3::hash(&bytes).as_bytes(), "{size} bytes");
            assert_eq!(tree.blob().size, size as u64);
            assert_eq!(tree.leaves().len(), leaves(size as u64) as usize);
            let again = Tree::verified(tree.blob(), tree.leaves().to_vec()).unwrap();
            for piece in 0..pieces(size as u64) {
                let start = offset(piece) as usize;
                let part = &bytes[start..start + length(size as u64, piece)];
                assert!(again.is_genuine(piece, part), "piece {piece} of {size} bytes");
                assert!(!again.is_genuine(piece + 1, part) || part.is_empty());
            }
        }
    }

    #[test]
    fn nothing_but_the_blob_itself_is_taken() {
        let bytes = bytes(4 * PIECE);
        let tree = tree(&bytes);
        let mut wrong = bytes[PIECE..2 * PIECE].to_vec();
        assert!(tree.is_genuine(1, &wrong) && !tree.is_genuine(0, &wrong));
        wrong[17] ^= 1;
        assert!(!tree.is_genuine(1, &wrong));
        assert!(!tree.is_genuine(1, &wrong[1..]) && !tree.is_genuine(4, &[]));
        for at in 0..4 {
            let mut leaves = tree.leaves().to_vec();
            leaves[at][5] ^= 1;
            assert_eq!(Tree::verified(tree.blob(), leaves), None);
        }
    }

    #[test]
    fn inner_nodes_do_not_pass_for_leaves_of_a_smaller_blob() {
        let tree = tree(&bytes(4 * PIECE));
        let inner = [subtree(&tree.leaves()[..2]), subtree(&tree.leaves()[2..])];
        assert_eq!(root(&inner), tree.blob().id, "the same root over fewer hashes");
        assert_eq!(Tree::verified(tree.blob(), inner.to_vec()), None, "but not as many as that size has");
        let huge = Blob { size: MAX_BLOB + 1, ..tree.blob() };
        assert_eq!(Tree::verified(huge, tree.leaves().to_vec()), None);
    }
}
