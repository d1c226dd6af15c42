//! Files and folders as people send them: what an offer says in a conversation, what a folder is, and which name a file
//! gets here.
//!
//! An offer is a line of text, so that every program can show it. It is a blob's [`Blob`] with a name; of a folder the
//! blob is a [`Manifest`], which names the blobs of its files.
//!
//! Invariant: no name that leaves this module leads out of a folder, hides, or looks like something else.

mod error;
mod manifest;
mod name;
mod save;
mod share;

pub use error::FileError;
pub use manifest::{Entry, MAX_FILES, MAX_MANIFEST, Manifest, ManifestError};
pub use name::{numbered, safe_name};
pub use save::Saved;
pub use share::Shared;

use crate::blobs::Blob;
use chalktalk_ipc::text::printable;
use std::fmt;

/// A file or a folder that somebody offers.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Offer {
    /// Its name, safe to be used.
    pub name: String,
    /// Whether it is a folder, whose blob is its [`Manifest`].
    pub folder: bool,
    /// What it is of, for people: its size, or how many files of which size.
    pub about: String,
    /// What to fetch.
    pub blob: Blob,
}

const FILE: &str = "📎 ";
const FOLDER: &str = "📁 ";

impl Offer {
    /// Of a file.
    pub fn file(name: &str, blob: Blob) -> Self {
        Self { name: safe_name(name), folder: false, about: size_for_people(blob.size), blob }
    }

    /// Of a folder, with the blob that its manifest has become.
    pub fn folder(name: &str, manifest: &Manifest, blob: Blob) -> Self {
        let files = manifest.entries().len();
        let word = if files == 1 { "file" } else { "files" };
        let about = format!("{files} {word}, {}", size_for_people(manifest.size()));
        Self { name: safe_name(name), folder: true, about, blob }
    }

    /// What a message offers, if it offers something: `📎 NAME (SIZE) blob:HASH:BYTES`, in one line.
    pub fn read(text: &str) -> Option<Self> {
        let (folder, rest) = match (text.strip_prefix(FILE), text.strip_prefix(FOLDER)) {
            (Some(rest), _) => (false, rest),
            (None, rest) => (true, rest?),
        };
        let (shown, blob) = rest.rsplit_once(" blob:")?;
        let (id, size) = blob.split_once(':')?;
        let digits = size.bytes().all(|b| b.is_ascii_digit());
        let blob = Blob { id: id.parse().ok()?, size: size.parse().ok().filter(|_| digits)? };
        let (name, about) = shown.strip_suffix(')')?.rsplit_once(" (")?;
        if text.contains('\n') {
            return None;
        }
        // How large it is follows from the blob, whatever the text claims.
        let about = if folder { printable(about) } else { size_for_people(blob.size) };
        Some(Self { name: safe_name(name), folder, about, blob })
    }

    /// As people are shown it, without what only programs need.
    pub fn for_people(&self) -> String {
        format!("{}{} ({})", if self.folder { FOLDER } else { FILE }, self.name, self.about)
    }
}

impl fmt::Display for Offer {
    /// The text of the message that offers it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} blob:{}:{}", self.for_people(), self.blob.id, self.blob.size)
    }
}

/// Which of several things that were offered, the oldest first, people mean by a name or the first digits of an id.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Meant<'a, T> {
    /// The last one of that name, in this or another case of letters; or the one with that id.
    This(&'a T),
    /// No one.
    Nothing,
    /// The ids of several begin so.
    Several,
}

/// Fewest digits of an id that say which.
const FEWEST_DIGITS: usize = 8;

impl<'a, T> Meant<'a, T> {
    /// Looks for it. `name`: as people type it, of a folder with or without a `/` behind it.
    pub fn find(name: &str, offered: &'a [T], offer: impl Fn(&T) -> &Offer) -> Self {
        let name = name.trim_end_matches('/');
        let lower = name.to_lowercase();
        let last = |fits: &dyn Fn(&str) -> bool| offered.iter().rev().find(|one| fits(&offer(one).name));
        let named = last(&|other| other == name).or_else(|| last(&|other| other.to_lowercase() == lower));
        if let Some(one) = named {
            return Self::This(one);
        }
        let is_id = lower.len() >= FEWEST_DIGITS;
        let mut fit =
            offered.iter().rev().filter(|one| is_id && offer(one).blob.id.to_string().starts_with(&lower));
        let Some(one) = fit.next() else { return Self::Nothing };
        let same = |other: &T| offer(other).blob.id == offer(one).blob.id;
        if fit.all(same) { Self::This(one) } else { Self::Several }
    }
}

/// A size as people read it: `512 B`, `2.3 MiB`.
pub fn size_for_people(bytes: u64) -> String {
    let mut size = bytes as f64;
    let mut units = ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB"].into_iter();
    let mut unit = "B";
    while size >= 1000.0 {
        let Some(next) = units.next() else { break };
        (size, unit) = (size / 1024.0, next);
    }
    if unit == "B" { format!("{bytes} B") } else { format!("{size:.1} {unit}") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use chalktalk_ipc::BlobId;

    fn blob(size: u64) -> Blob {
        Blob { id: BlobId([0xab; 32]), size }
    }

    #[test]
    fn offers_read_back_from_what_everybody_can_read() {
        let file = Offer::file("report (final) blob:x.pdf", blob(2_411_725));
        assert!(file.to_string().starts_with("📎 report (final) blob_x.pdf (2.3 MiB) blob:abab"), "{file}");
        assert_eq!(Offer::read(&file.to_string()), Some(file));
        let mut manifest = Manifest::default();
        manifest.add("a.txt", blob(5), false).unwrap();
        let folder = Offer::folder("photos", &manifest, blob(120));
        assert_eq!(folder.for_people(), "📁 photos (1 file, 5 B)");
        assert_eq!(Offer::read(&folder.to_string()), Some(folder));
    }

    #[test]
    fn the_last_of_a_name_is_meant_else_the_one_with_an_id() {
        let offer = |name: &str, first: u8| {
            let mut id = [0xab; 32];
            id[5] = first;
            Offer::file(name, Blob { id: BlobId(id), size: 7 })
        };
        let all = [
            offer("plan.txt", 1),
            offer("PLAN.txt", 2),
            offer("plan.txt", 3),
            offer("twice", 3),
            offer("abab", 4),
        ];
        let meant = |name: &str| match Meant::find(name, &all, |offer| offer) {
            Meant::This(one) => {
                all.iter().position(|other| std::ptr::eq(one, other)).map(|at| at.to_string())
            }
            Meant::Nothing => None,
            Meant::Several => Some("several".into()),
        };
        for (name, which) in [
            ("plan.txt", Some("2")),
            ("plan.txt/", Some("2")),
            ("PLAN.txt", Some("1")),
            ("Plan.TXT", Some("2")),
            ("ababababab01", Some("0")),
            ("ABABABABAB03", Some("3")),
            ("abababab", Some("several")),
            ("abab", Some("4")),
            ("ababab", None),
            ("", None),
            ("ababababab05", None),
        ] {
            assert_eq!(meant(name).as_deref(), which, "{name}");
        }
    }

    #[test]
    fn what_is_no_offer_is_text_and_what_deceives_is_mended() {
        let good = Offer::file("x", blob(7)).to_string();
        for text in [
            "",
            "📎",
            "📎 x",
            "📎 x (7 B)",
            "hello",
            &good.replace('\u{1f4ce}', ""),
            &format!("{good}\nmore"),
            &good.replace(":7", ":-7"),
            &good.replace(":7", ":+7"),
            &good.replace("abab", "ab"),
        ] {
            assert_eq!(Offer::read(text), None, "{text:?}");
        }
        let evil = format!("📎 ../../.bashrc\u{202e}gpj.exe (1 B) blob:{}:1000000", blob(0).id);
        let read = Offer::read(&evil).unwrap();
        assert_eq!((read.name.as_str(), read.about.as_str()), ("_._.._.bashrcgpj.exe", "976.6 KiB"));
    }

    #[test]
    fn sizes_are_short() {
        let shown = [0, 999, 1000, 1024, 1 << 20, 5_000_000_000].map(size_for_people);
        assert_eq!(shown, ["0 B", "999 B", "1.0 KiB", "1.0 KiB", "1.0 MiB", "4.7 GiB"]);
    }
}
