//! Texts to send: many scripts and nasty strings, line by line.

use rand_chacha::ChaCha8Rng;
use rand_core::{Rng, SeedableRng};
use std::{env, fs, path::Path};

/// Names a folder whose `texts/*.txt` are sent line by line.
pub const TEST_DATA: &str = "CHALKTALK_TEST_DATA";

/// Lines that stand in for the folder when there is none.
const GENERATED: usize = 1500;

/// Every line of the test data that is not empty; without test data, seeded ones over all of Unicode.
pub fn lines() -> Vec<String> {
    match env::var_os(TEST_DATA) {
        Some(dir) => from_folder(&Path::new(&dir).join("texts")),
        None => generated(7, GENERATED),
    }
}

fn from_folder(dir: &Path) -> Vec<String> {
    let entries = fs::read_dir(dir).unwrap_or_else(|e| panic!("{TEST_DATA}: {}: {e}", dir.display()));
    let mut paths: Vec<_> = entries.flatten().map(|entry| entry.path()).collect();
    paths.sort();
    let texts = paths.iter().map(|path| fs::read_to_string(path).expect("the texts are UTF-8"));
    // As `send -` reads its input: split at line feeds alone, whatever else Unicode calls a line.
    let lines = texts.flat_map(|text| text.split('\n').map(str::to_owned).collect::<Vec<_>>());
    lines.filter(|line| !line.is_empty()).collect()
}

/// `count` lines of characters from all over Unicode, the same for the same seed.
pub fn generated(seed: u64, count: usize) -> Vec<String> {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let mut line = |_| {
        let length = 1 + random.next_u32() % 120;
        (0..length).map(|_| character(&mut random)).collect()
    };
    (0..count).map(&mut line).collect()
}

fn character(random: &mut ChaCha8Rng) -> char {
    loop {
        // Half of the time from the planes that are in use, otherwise anything that is a character at all.
        let limit = if random.next_u32().is_multiple_of(2) { 0x3000 } else { 0x11_0000 };
        match char::from_u32(random.next_u32() % limit) {
            Some('\n') | None => {}
            Some(c) => return c,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn generated_lines_are_lines_and_repeat_with_their_seed() {
        let lines = generated(1, 200);
        assert!(lines.iter().all(|line| !line.is_empty() && !line.contains('\n')));
        assert_eq!(lines, generated(1, 200));
        assert_ne!(lines, generated(2, 200));
    }
}
