//! What lies above what: ranks, between any two of which there is another.
//!
//! A rank is a fraction in base 256, compared as bytes. An object that was never moved up or down has the rank of the time it was
//! made, so that new work lies on top and says nothing of it on the wire.
//!
//! Invariant: no rank ends with a zero byte; otherwise there might be nothing between it and the rank without that byte.

/// Longest rank, in bytes. Each byte makes room for 8 more objects to be put between the same two, one after the other.
pub(crate) const MAX_RANK: usize = 255;

/// The rank of what was made, or brought to the front, at this time: above all that was before.
pub(crate) fn of_time(time: u64) -> Vec<u8> {
    let mut rank = vec![0x80];
    rank.extend(&time.min((1 << 48) - 1).to_be_bytes()[2..]);
    rank.push(0x80);
    rank
}

/// A rank above `low` (none: the bottom) and below `high` (none: the top). Where there is no room left, one of these two.
pub(crate) fn between(low: Option<&[u8]>, high: Option<&[u8]>) -> Vec<u8> {
    let limit = high;
    let low = low.unwrap_or_default();
    let mut high = high;
    let mut rank = Vec::new();
    while rank.len() < MAX_RANK {
        let at = rank.len();
        let from = low.get(at).map_or(0, |byte| u16::from(*byte));
        let to = high.map_or(256, |high| high.get(at).map_or(0, |byte| u16::from(*byte)));
        if to > from + 1 {
            rank.push(((from + to) / 2) as u8);
            return rank;
        }
        if from < to {
            // Whatever follows is below `high` from here on.
            high = None;
        } else if from > to {
            break;
        }
        rank.push(from as u8);
    }
    if low.is_empty() { limit.unwrap_or(&[0x80]).to_vec() } else { low.to_vec() }
}

pub(crate) fn is_sound(rank: &[u8]) -> bool {
    rank.len() <= MAX_RANK && rank.last().is_some_and(|last| *last != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_is_always_one_between() {
        let mut ranks = vec![of_time(1), of_time(256), of_time(257)];
        for step in 0..300usize {
            let at = (step * 7919) % (ranks.len() + 1);
            let low = at.checked_sub(1).map(|i| ranks[i].clone());
            let new = between(low.as_deref(), ranks.get(at).map(Vec::as_slice));
            assert!(is_sound(&new), "{new:?}");
            ranks.insert(at, new);
            assert!(ranks.is_sorted() && ranks.windows(2).all(|pair| pair[0] != pair[1]));
        }
    }

    #[test]
    fn later_is_above_and_the_bottom_has_room() {
        assert!(of_time(255) < of_time(256));
        let mut bottom = of_time(1);
        for _ in 0..1000 {
            let below = between(None, Some(&bottom));
            assert!(below < bottom && is_sound(&below));
            bottom = below;
        }
    }

    #[test]
    fn no_room_left_is_no_panic() {
        let (mut low, high) = (of_time(1), of_time(2));
        for _ in 0..3000 {
            low = between(Some(&low), Some(&high));
        }
        assert!(low.len() <= MAX_RANK && low < high);
        assert_eq!(between(Some(b"b"), Some(b"a")), b"b");
    }
}
