//! Hashes that are quick: worlds and views are looked up millions of times.

use std::hash::Hasher;

/// A hash that is one already.
#[derive(Default)]
pub(crate) struct Ready(u64);

impl Hasher for Ready {
    fn finish(&self) -> u64 {
        self.0
    }
    fn write(&mut self, _: &[u8]) {
        unreachable!("only numbers are kept");
    }
    fn write_u64(&mut self, n: u64) {
        self.0 = n;
    }
}

/// Folds 64-bit products: quick, and each bit counts.
#[derive(Default)]
pub(crate) struct Folding(u64);

impl Hasher for Folding {
    fn finish(&self) -> u64 {
        self.0
    }
    fn write(&mut self, bytes: &[u8]) {
        for chunk in bytes.chunks(8) {
            let mut eight = [0; 8];
            eight[..chunk.len()].copy_from_slice(chunk);
            self.write_u64(u64::from_le_bytes(eight));
        }
    }
    fn write_u8(&mut self, n: u8) {
        self.write_u64(n.into());
    }
    fn write_usize(&mut self, n: usize) {
        self.write_u64(n as u64);
    }
    fn write_isize(&mut self, n: isize) {
        self.write_u64(n as u64);
    }
    fn write_u64(&mut self, n: u64) {
        let mixed = self.0 ^ n ^ 0x9e37_79b9_7f4a_7c15;
        let wide = u128::from(mixed) * 0xa076_1d64_78bd_642f_u128;
        self.0 = (wide as u64) ^ (wide >> 64) as u64;
    }
}
