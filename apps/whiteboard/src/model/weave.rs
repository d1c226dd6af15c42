//! Two texts that were made of the same one at the same time, as one.
//!
//! Words and what is between them are the pieces. What only one of the two has changed is changed; where both have changed the same place
//! both versions stay, the first before the second: nothing that somebody wrote is lost.
//!
//! Invariant: with one side unchanged the result is the other side.

/// Most pieces that are compared one by one; longer texts are not woven but put one below the other.
const MAX_PIECES: usize = 2_000;

/// Joins two texts that come from `base`.
pub fn weave(base: &str, one: &str, two: &str) -> String {
    if one == base || one == two {
        return two.to_owned();
    }
    if two == base {
        return one.to_owned();
    }
    let [base, first, second] = [base, one, two].map(pieces);
    if [&base, &first, &second].iter().any(|text| text.len() > MAX_PIECES) {
        return format!("{one}\n{two}");
    }
    let (to_first, to_second) = (matches(&base, &first), matches(&base, &second));
    let mut out = String::new();
    let (mut at, mut i, mut j) = (0, 0, 0);
    loop {
        // The next piece that all three have.
        let common = (at..base.len()).find_map(|b| Some((b, to_first[b]?, to_second[b]?)));
        let (b, x, y) = common.unwrap_or((base.len(), first.len(), second.len()));
        put_changed(&mut out, &base[at..b], &first[i..x], &second[j..y]);
        if common.is_none() {
            return out;
        }
        out.push_str(base[b]);
        (at, i, j) = (b + 1, x + 1, y + 1);
    }
}

/// A place that one or both have changed.
fn put_changed(out: &mut String, base: &[&str], one: &[&str], two: &[&str]) {
    if one == base || one == two {
        two.iter().for_each(|piece| out.push_str(piece));
    } else if two == base {
        one.iter().for_each(|piece| out.push_str(piece));
    } else {
        one.iter().for_each(|piece| out.push_str(piece));
        let word = |piece: Option<&&str>| piece.is_some_and(|piece| piece.starts_with(char::is_alphanumeric));
        if word(one.last()) && word(two.first()) {
            out.push(' ');
        }
        two.iter().for_each(|piece| out.push_str(piece));
    }
}

/// Words, and each character between words.
fn pieces(text: &str) -> Vec<&str> {
    let mut pieces = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let end = if first.is_alphanumeric() {
            rest.find(|c: char| !c.is_alphanumeric()).unwrap_or(rest.len())
        } else {
            first.len_utf8()
        };
        let (piece, after) = rest.split_at(end);
        pieces.push(piece);
        rest = after;
    }
    pieces
}

/// For each piece of `from` where it is in `to`, in order: a longest common subsequence.
fn matches(from: &[&str], to: &[&str]) -> Vec<Option<usize>> {
    let width = to.len() + 1;
    let mut lengths = vec![0u16; (from.len() + 1) * width];
    for i in (0..from.len()).rev() {
        for j in (0..to.len()).rev() {
            lengths[i * width + j] = if from[i] == to[j] {
                lengths[(i + 1) * width + j + 1] + 1
            } else {
                lengths[(i + 1) * width + j].max(lengths[i * width + j + 1])
            };
        }
    }
    let (mut found, mut i, mut j) = (vec![None; from.len()], 0, 0);
    while i < from.len() && j < to.len() {
        if from[i] == to[j] {
            found[i] = Some(j);
            (i, j) = (i + 1, j + 1);
        } else if lengths[(i + 1) * width + j] >= lengths[i * width + j + 1] {
            i += 1;
        } else {
            j += 1;
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changes_of_both_are_in_it() {
        for (base, one, two, woven) in [
            ("buy milk", "buy milk and bread", "buy oat milk", "buy oat milk and bread"),
            ("a b c", "a b c", "a c", "a c"),
            ("a b c", "x b c", "a b y", "x b y"),
            ("", "Ana", "Ben", "Ana Ben"),
            ("red", "green", "blue", "green blue"),
            ("one\ntwo", "one\ntwo\nthree", "zero\none\ntwo", "zero\none\ntwo\nthree"),
            ("same", "other", "other", "other"),
            ("שלום", "שלום עולם", "שלום!", "שלום עולם!"),
        ] {
            assert_eq!(weave(base, one, two), woven, "{base:?} {one:?} {two:?}");
        }
    }

    #[test]
    fn no_word_is_lost_whatever_was_written() {
        let long = "word ".repeat(3_000);
        let both = weave(&long, &format!("{long}one"), &format!("two {long}"));
        assert!(both.contains("one") && both.contains("two"));
        assert_eq!(weave("a", "", "a b"), "a b", "where both have changed something both stay");
    }
}
