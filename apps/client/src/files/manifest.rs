//! What is in a folder: a list of paths, each with the blob of its file. It is a blob itself.
//!
//! ```text
//! chalktalk folder 1
//! HASH SIZE MODE PATH        (MODE: x executable, - not; PATH: components parted by /)
//! ```
//! Invariant: every path of a manifest is relative, made of safe names, and there once.

use super::name::safe_name;
use crate::blobs::Blob;
use std::collections::BTreeMap;

/// Files in a folder that is sent at once.
pub const MAX_FILES: usize = 100_000;

/// Bytes of a manifest.
pub const MAX_MANIFEST: u64 = 64 << 20;

/// Files that would have the same path; more is somebody's joke.
const MAX_NUMBER: u32 = 100;

/// Folders within folders.
const MAX_DEPTH: usize = 64;

const HEAD: &str = "chalktalk folder 1";

/// A file of a folder.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Entry {
    /// Its blob.
    pub blob: Blob,
    /// Whether it is a program.
    pub executable: bool,
}

/// The files of a folder, by their paths in it.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Manifest {
    entries: BTreeMap<String, Entry>,
}

/// Why something is no manifest.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum ManifestError {
    /// It is something else.
    #[error("this is no list of a folder's files, or one of a newer version")]
    Malformed,
    /// It names more than [`MAX_FILES`] files.
    #[error("a folder with more than {MAX_FILES} files cannot be sent at once; pack it into one file")]
    TooMany,
    /// A path goes deeper than any folder needs.
    #[error("{0:?} is in too many folders")]
    TooDeep(String),
}

impl Manifest {
    /// Adds a file. Its path, parted by `/`, is made safe; what would be there twice gets another name.
    ///
    /// # Errors
    /// There are too many, or it is too deep.
    pub fn add(&mut self, path: &str, blob: Blob, executable: bool) -> Result<(), ManifestError> {
        if self.entries.len() >= MAX_FILES {
            return Err(ManifestError::TooMany);
        }
        let mut parts: Vec<String> = path.split('/').filter(|part| !part.is_empty()).map(safe_name).collect();
        if parts.is_empty() {
            parts.push(safe_name(""));
        }
        if parts.len() > MAX_DEPTH {
            return Err(ManifestError::TooDeep(parts[..2].join("/")));
        }
        // The first part gets a number: what lies below a file of the same name has to move as a whole.
        let first = parts[0].clone();
        for number in 2..MAX_NUMBER {
            let safe = parts.join("/");
            if !self.is_taken(&safe) {
                self.entries.insert(safe, Entry { blob, executable });
                return Ok(());
            }
            parts[0] = super::name::numbered(&first, number);
        }
        Err(ManifestError::Malformed)
    }

    /// Its files, by path.
    pub fn entries(&self) -> &BTreeMap<String, Entry> {
        &self.entries
    }

    /// Bytes of all files.
    pub fn size(&self) -> u64 {
        self.entries.values().fold(0, |sum, entry| sum.saturating_add(entry.blob.size))
    }

    /// As text.
    pub fn write(&self) -> String {
        let mut out = format!("{HEAD}\n");
        for (path, Entry { blob, executable }) in &self.entries {
            let mode = if *executable { 'x' } else { '-' };
            out.push_str(&format!("{} {} {mode} {path}\n", blob.id, blob.size));
        }
        out
    }

    /// From text. Unsafe paths are made safe.
    ///
    /// # Errors
    /// It is none.
    pub fn read(text: &str) -> Result<Self, ManifestError> {
        let mut lines = text.lines();
        if lines.next() != Some(HEAD) {
            return Err(ManifestError::Malformed);
        }
        let mut manifest = Self::default();
        for line in lines {
            let mut fields = line.splitn(4, ' ');
            let mut field = || fields.next().ok_or(ManifestError::Malformed);
            let (id, size, mode, path) = (field()?, field()?, field()?, field()?);
            let id = id.parse().map_err(|_| ManifestError::Malformed)?;
            let size = size.parse().map_err(|_| ManifestError::Malformed)?;
            manifest.add(path, Blob { id, size }, mode == "x")?;
        }
        Ok(manifest)
    }

    /// Whether a path is a file already, lies below one, or is a folder of one.
    fn is_taken(&self, path: &str) -> bool {
        let below = format!("{path}/");
        let folder =
            self.entries.range(below.clone()..).next().is_some_and(|(other, _)| other.starts_with(&below));
        let ancestors = path.match_indices('/').any(|(at, _)| self.entries.contains_key(&path[..at]));
        self.entries.contains_key(path) || folder || ancestors
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use chalktalk_ipc::BlobId;

    fn blob(n: u8) -> Blob {
        Blob { id: BlobId([n; 32]), size: u64::from(n) }
    }

    #[test]
    fn a_folder_reads_back() {
        let mut manifest = Manifest::default();
        manifest.add("bin/run", blob(1), true).unwrap();
        manifest.add("notes with blanks.txt", blob(2), false).unwrap();
        manifest.add("日本/x", blob(3), false).unwrap();
        assert_eq!(Manifest::read(&manifest.write()), Ok(manifest.clone()));
        assert_eq!(manifest.size(), 6);
    }

    #[test]
    fn paths_stay_in_the_folder_and_never_meet() {
        let line = |path: &str| format!("{} 5 - {path}\n", BlobId([9; 32]));
        let paths = ["../../x", "/etc/passwd", "a", "a", "a/b", "./-rf", "x/../../y", ""];
        let text = paths.iter().fold(format!("{HEAD}\n"), |text, path| text + &line(path));
        let manifest = Manifest::read(&text).unwrap();
        let got: Vec<&str> = manifest.entries().keys().map(String::as_str).collect();
        assert_eq!(manifest.entries().len(), paths.len(), "{got:?}");
        for path in got {
            assert!(!path.starts_with('/') && path.split('/').all(|part| part == safe_name(part)), "{path}");
        }
    }

    #[test]
    fn what_is_no_manifest_is_refused() {
        let good = format!("{HEAD}\n{} 5 - x\n", BlobId([9; 32]));
        assert!(Manifest::read(&good).is_ok());
        for text in [
            "",
            "chalktalk folder 2\n",
            &good.replace(" 5", " five"),
            &good.replace("- x", ""),
            &good.replace("0909", ""),
        ] {
            assert_eq!(Manifest::read(text), Err(ManifestError::Malformed), "{text:?}");
        }
        let deep = format!("{HEAD}\n{} 5 - {}\n", BlobId([9; 32]), "a/".repeat(100));
        assert!(matches!(Manifest::read(&deep), Err(ManifestError::TooDeep(_))));
    }
}
