//! What happened, as lines: hashed always, printed on demand.
//!
//! Invariant: two runs with one seed have the same lines, and so the same hash.

use chalktalk_protocol::Instant;
use std::fmt::{self, Write};

/// The trace of a run.
pub struct Trace {
    hash: blake3::Hasher,
    line: String,
    print: bool,
}

impl Trace {
    /// An empty one.
    pub fn new(print: bool) -> Self {
        Self { hash: blake3::Hasher::new(), line: String::new(), print }
    }

    /// Adds a line.
    pub fn note(&mut self, now: Instant, what: fmt::Arguments<'_>) {
        self.line.clear();
        let ms = now.as_nanos() as f64 / 1e6;
        write!(self.line, "{ms:12.6} {what}").expect("writing to a string cannot fail");
        self.hash.update(self.line.as_bytes());
        if self.print {
            println!("{}", self.line);
        }
    }

    /// The hash of all lines so far.
    pub fn hash(&self) -> String {
        self.hash.finalize().to_hex()[..32].to_owned()
    }
}
