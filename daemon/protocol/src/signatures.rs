//! Whether authors' signatures hold: strict Ed25519, and twice as fast for those who sign often.
//!
//! Verifying is most of what a message costs its receivers, and is done before anything else with it. An author who
//! keeps signing is given a table of multiples of their key, and the curve's base point has one: the two products of the
//! verification equation then take 64 additions and 15 doublings together. Nothing in it is secret, so the time it takes
//! may depend on what is verified.
//!
//! Invariant: with a table or without, the same signatures hold: those of [`VerifyingKey::verify_strict`].

use crate::crypto::SIGNATURE;
use chalktalk_ipc::OriginId;
use curve25519_dalek::{EdwardsPoint, Scalar, constants::ED25519_BASEPOINT_POINT, traits::Identity};
use ed25519_dalek::{Signature, VerifyingKey};
use sha2::{Digest, Sha512};
use std::collections::BTreeMap;

/// After so many signatures an author gets a table: making one takes as long as it saves in fewer.
const OFTEN: u32 = 16;

/// Authors that are remembered, with 80 KiB each: more than ever talk fast at the same time.
const MAX_REMEMBERED: usize = 32;

/// The authors who have signed lately.
#[derive(Default)]
pub struct Signatures {
    recent: BTreeMap<OriginId, Recent>,
    /// Multiples of the base point, made when the first author gets a table.
    base: Option<Comb>,
    /// Signatures looked at, to know whose was last.
    count: u64,
}

struct Recent {
    held: u32,
    last: u64,
    table: Option<Table>,
}

impl Signatures {
    /// Whether `signature` over `signed` is by the author whose id and key these are.
    pub fn hold(
        &mut self,
        origin: OriginId,
        key: &VerifyingKey,
        signed: &[u8],
        signature: &[u8; SIGNATURE],
    ) -> bool {
        let table = self.recent.get(&origin).and_then(|recent| recent.table.as_ref());
        let holds = match self.base.as_ref().zip(table) {
            Some((base, table)) => table.verify(base, key, signed, signature),
            None => key.verify_strict(signed, &Signature::from_bytes(signature)).is_ok(),
        };
        if holds {
            self.remember(origin, key);
        }
        holds
    }

    /// Only signatures that hold count: nobody is given a table for what somebody else sent.
    fn remember(&mut self, origin: OriginId, key: &VerifyingKey) {
        self.count += 1;
        if self.recent.len() >= MAX_REMEMBERED && !self.recent.contains_key(&origin) {
            let oldest = self.recent.iter().min_by_key(|(_, recent)| recent.last).map(|(id, _)| *id);
            oldest.map(|id| self.recent.remove(&id));
        }
        let fresh = || Recent { held: 0, last: 0, table: None };
        let recent = self.recent.entry(origin).or_insert_with(fresh);
        (recent.held, recent.last) = (recent.held.saturating_add(1), self.count);
        if recent.held == OFTEN {
            recent.table = Table::new(key);
            self.base.get_or_insert_with(|| Comb::new(&ED25519_BASEPOINT_POINT));
        }
    }
}

/// Multiples of an author's key, negated.
struct Table(Comb);

impl Table {
    /// `None`: a key of small order, under which nothing holds.
    fn new(key: &VerifyingKey) -> Option<Self> {
        (!key.is_weak()).then(|| Self(Comb::new(&-key.to_edwards())))
    }

    /// RFC 8032 §5.1.7, strict: R = sB − kA, where s is reduced, R is canonical, and neither R nor A is of small order.
    fn verify(&self, base: &Comb, key: &VerifyingKey, signed: &[u8], signature: &[u8; SIGNATURE]) -> bool {
        let (r, s) = signature.split_at(SIGNATURE / 2);
        let s = s.try_into().expect("half of a signature has 32 bytes");
        let Some(s) = Option::<Scalar>::from(Scalar::from_canonical_bytes(s)) else { return false };
        let hash = Sha512::new().chain_update(r).chain_update(key.as_bytes()).chain_update(signed);
        let k = Scalar::from_hash(hash);
        let expected = sum_of_products([(base, &s), (&self.0, &k)]);
        expected.compress().as_bytes() == r && !expected.is_small_order()
    }
}

/// Sums of a point's multiples by powers of two, for fast products (a comb, Lim and Lee 1994): a scalar is cut into eight rows of
/// 32 bits; a column, eight bits that are 32 places apart, is one look-up. The upper half of the columns has sums of its own, so that
/// half of the doublings go.
struct Comb([Vec<EdwardsPoint>; HALVES]);

const ROWS: usize = 8;
const HALVES: usize = 2;
const COLUMNS: usize = 32 / HALVES;

impl Comb {
    fn new(point: &EdwardsPoint) -> Self {
        let mut power = *point;
        let mut sums: [Vec<EdwardsPoint>; HALVES] = std::array::from_fn(|_| vec![EdwardsPoint::identity()]);
        for _ in 0..ROWS {
            for half in &mut sums {
                let with_row: Vec<EdwardsPoint> = half.iter().map(|sum| sum + power).collect();
                half.extend(with_row);
                (0..COLUMNS).for_each(|_| power += power);
            }
        }
        Self(sums)
    }

    /// What a column of a scalar contributes, before the doublings.
    fn column(&self, half: usize, rows: &[u32; ROWS], column: usize) -> &EdwardsPoint {
        let bit = |sum: usize, row: &u32| sum << 1 | (row >> (half * COLUMNS + column) & 1) as usize;
        &self.0[half][rows.iter().rev().fold(0, bit)]
    }
}

fn sum_of_products(factors: [(&Comb, &Scalar); 2]) -> EdwardsPoint {
    let rows = factors.map(|(comb, scalar)| {
        let bytes = scalar.as_bytes();
        let row = |i: usize| [bytes[4 * i], bytes[4 * i + 1], bytes[4 * i + 2], bytes[4 * i + 3]];
        (comb, std::array::from_fn(|i| u32::from_le_bytes(row(i))))
    });
    let mut sum = EdwardsPoint::identity();
    for column in (0..COLUMNS).rev() {
        sum += sum;
        for (comb, rows) in &rows {
            (0..HALVES).for_each(|half| sum += comb.column(half, rows, column));
        }
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;
    use curve25519_dalek::{constants::EIGHT_TORSION, traits::IsIdentity};
    use ed25519_dalek::{Signer, SigningKey};

    fn base() -> Comb {
        Comb::new(&ED25519_BASEPOINT_POINT)
    }

    fn key(n: u8) -> SigningKey {
        SigningKey::from_bytes(&[n; 32])
    }

    fn origin(n: u8) -> OriginId {
        OriginId([n; 16])
    }

    fn strict(key: &VerifyingKey, signed: &[u8], signature: &[u8; SIGNATURE]) -> bool {
        key.verify_strict(signed, &Signature::from_bytes(signature)).is_ok()
    }

    /// The group's order, little endian.
    fn order() -> [u8; 32] {
        let mut order = (-Scalar::ONE).to_bytes();
        order[0] += 1;
        order
    }

    fn plus(a: [u8; 32], b: [u8; 32]) -> [u8; 32] {
        let mut carry = 0;
        std::array::from_fn(|i| {
            let sum = u16::from(a[i]) + u16::from(b[i]) + carry;
            carry = sum >> 8;
            sum as u8
        })
    }

    #[test]
    fn a_table_finds_what_strict_verification_finds() {
        let base = base();
        for n in 1..20 {
            let public = key(n).verifying_key();
            let table = Table::new(&public).unwrap();
            let signed = vec![n; usize::from(n) * 40];
            let good = key(n).sign(&signed).to_bytes();
            assert!(table.verify(&base, &public, &signed, &good));
            assert!(!table.verify(&base, &public, &signed[1..], &good));
            for bit in 0..SIGNATURE * 8 {
                let mut bad = good;
                bad[bit / 8] ^= 1 << (bit % 8);
                assert!(!table.verify(&base, &public, &signed, &bad), "bit {bit}");
            }
            assert!(!table.verify(&base, &public, &signed, &key(n + 1).sign(&signed).to_bytes()));
        }
    }

    #[test]
    fn products_by_tables_are_products() {
        let (base, point) = (base(), EdwardsPoint::mul_base(&Scalar::from(7u8)) + EIGHT_TORSION[3]);
        let comb = Comb::new(&point);
        let hashed = |n: u8| Scalar::from_hash(Sha512::new().chain_update([n]));
        let edges = [Scalar::ZERO, Scalar::ONE, -Scalar::ONE, Scalar::from(u64::MAX)];
        let scalars: Vec<Scalar> = (0..40).map(hashed).chain(edges).collect();
        for (a, b) in scalars.iter().zip(scalars.iter().rev()) {
            assert_eq!(sum_of_products([(&base, a), (&comb, b)]), EdwardsPoint::mul_base(a) + point * b);
        }
    }

    #[test]
    fn a_second_form_of_a_signature_does_not_hold() {
        let public = key(1).verifying_key();
        let table = Table::new(&public).unwrap();
        let mut second = key(1).sign(b"x").to_bytes();
        let s = second[32..].try_into().unwrap();
        second[32..].copy_from_slice(&plus(s, order()));
        assert!(!strict(&public, b"x", &second));
        assert!(!table.verify(&base(), &public, b"x", &second), "s is not reduced");
    }

    #[test]
    fn points_of_small_order_sign_nothing() {
        let public = key(1).verifying_key();
        let table = Table::new(&public).unwrap();
        for point in EIGHT_TORSION {
            let weak = VerifyingKey::from_bytes(&point.compress().0).unwrap();
            assert!(Table::new(&weak).is_none());
            // With k known beforehand, s = ka makes R = sB − kA the identity or what is added to it.
            let r = point.compress().0;
            let hash = Sha512::new().chain_update(r).chain_update(public.as_bytes()).chain_update(b"x");
            let s = Scalar::from_hash(hash) * key(1).to_scalar();
            let mut forged = [0; SIGNATURE];
            forged[..32].copy_from_slice(&r);
            forged[32..].copy_from_slice(&s.to_bytes());
            assert!(!strict(&public, b"x", &forged));
            assert!(!table.verify(&base(), &public, b"x", &forged));
        }
        let identity = EIGHT_TORSION[0];
        assert!(identity.is_identity(), "the case that a verification by the equation alone would pass");
    }

    #[test]
    fn who_signs_often_gets_a_table_and_others_do_not() {
        let mut signatures = Signatures::default();
        let (public, signature) = (key(1).verifying_key(), key(1).sign(b"x").to_bytes());
        let tables = |s: &Signatures| s.recent.values().filter(|recent| recent.table.is_some()).count();
        for n in 1..=OFTEN {
            assert_eq!(tables(&signatures), 0, "after {}", n - 1);
            assert!(!signatures.hold(origin(2), &public, b"y", &signature));
            assert!(signatures.hold(origin(1), &public, b"x", &signature));
        }
        assert_eq!(tables(&signatures), 1);
        assert!(signatures.hold(origin(1), &public, b"x", &signature));
        assert!(!signatures.hold(origin(1), &public, b"y", &signature));
        assert_eq!(signatures.recent.len(), 1, "a signature that does not hold is nobody's");
    }

    #[test]
    fn only_the_latest_authors_are_remembered() {
        let mut signatures = Signatures::default();
        let (public, signature) = (key(1).verifying_key(), key(1).sign(b"x").to_bytes());
        for n in 0..100 {
            assert!(signatures.hold(origin(n), &public, b"x", &signature));
            assert!(signatures.hold(origin(0), &public, b"x", &signature));
        }
        assert_eq!(signatures.recent.len(), MAX_REMEMBERED);
        assert!(signatures.recent.contains_key(&origin(0)) && signatures.recent.contains_key(&origin(99)));
    }
}
