//! Fonts of this machine, for letters that ours lack: Chinese, Japanese, Korean, symbols, emoji that are outlines.
//!
//! Folders are looked through where fonts usually are, once, when the first such letter is met; files are mapped, not read. No library of
//! the system is asked, so that nothing has to be installed for it.
//!
//! Invariant: a face that is given out has an outline for the letter.

use parley::fontique::{Blob, Collection, CollectionOptions, SourceCache};
use skrifa::{FontRef, MetadataProvider};
use std::{
    collections::HashMap,
    env, fmt,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, OnceLock},
};

/// A face of a font.
#[derive(Clone)]
pub struct Face {
    /// Its family.
    pub family: String,
    /// The file.
    pub data: Blob<u8>,
    /// Which face of the file.
    pub index: u32,
}

/// Fonts of some folders.
pub struct Faces {
    collection: Collection,
    sources: SourceCache,
    families: Vec<String>,
    known: HashMap<char, Option<Arc<Face>>>,
}

impl fmt::Debug for Faces {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Faces").field("families", &self.families).finish()
    }
}

impl Faces {
    /// Those of this machine, shared by all who draw.
    pub fn of_machine() -> &'static Mutex<Self> {
        static FACES: OnceLock<Mutex<Faces>> = OnceLock::new();
        FACES.get_or_init(|| Mutex::new(Self::in_folders(&folders(), &env::var("LANG").unwrap_or_default())))
    }

    /// Those of these folders, and of the folders in them. Of several that have a letter, those made for `language` come first.
    pub fn in_folders(folders: &[PathBuf], language: &str) -> Self {
        let mut collection = Collection::new(CollectionOptions { shared: false, system_fonts: false });
        collection.load_fonts_from_paths(folders.iter().filter(|folder| folder.is_dir()));
        let mut families: Vec<String> = collection.family_names().map(String::from).collect();
        families.sort_by_cached_key(|name| (order(name, language), name.clone()));
        Self { collection, sources: SourceCache::default(), families, known: HashMap::new() }
    }

    /// A face that has this letter, as an outline.
    pub fn covering(&mut self, letter: char) -> Option<Arc<Face>> {
        if let Some(known) = self.known.get(&letter) {
            return known.clone();
        }
        let found =
            self.families.clone().into_iter().find_map(|family| self.face(&family, letter)).map(Arc::new);
        self.known.insert(letter, found.clone());
        found
    }

    /// A font of emoji, in colour if there is one.
    pub fn emoji(&mut self) -> Option<Blob<u8>> {
        let named = self.families.iter().filter(|name| name.contains("Emoji") || name.contains("emoji"));
        let all: Vec<Blob<u8>> = named
            .cloned()
            .collect::<Vec<_>>()
            .iter()
            .filter_map(|name| {
                self.collection.family_by_name(name)?.default_font()?.load(Some(&mut self.sources))
            })
            .collect();
        all.iter().find(|font| has_pictures(font.as_ref())).or(all.first()).cloned()
    }

    fn face(&mut self, family: &str, letter: char) -> Option<Face> {
        let info = self.collection.family_by_name(family)?;
        let font = info.default_font()?;
        let (data, index) = (font.load(Some(&mut self.sources))?, font.index());
        let face = FontRef::from_index(data.as_ref(), index).ok()?;
        let glyph = face.charmap().map(letter)?;
        face.outline_glyphs().get(glyph)?;
        Some(Face { family: family.to_owned(), data, index })
    }
}

/// Whether a font holds emoji as pictures that can be drawn here.
fn has_pictures(font: &[u8]) -> bool {
    let Ok(face) = FontRef::from_index(font, 0) else { return false };
    let size = skrifa::instance::Size::new(16.0);
    face.charmap().map('😀').is_some_and(|glyph| face.bitmap_strikes().glyph_for_size(size, glyph).is_some())
}

/// Sans serifs before others, and of those for Han letters that of the language.
fn order(family: &str, language: &str) -> u8 {
    let own = match language.get(..2) {
        Some("ja") => "CJK JP",
        Some("ko") => "CJK KR",
        _ if language.starts_with("zh_TW") => "CJK TC",
        _ if language.starts_with("zh_HK") => "CJK HK",
        _ => "CJK SC",
    };
    let sans = family.contains("Sans") && !family.contains("Mono");
    match (family.contains(own), sans, family.starts_with("Noto")) {
        (true, true, _) => 0,
        (_, true, true) => 1,
        (_, true, false) => 2,
        _ => 3,
    }
}

fn folders() -> Vec<PathBuf> {
    let data = env::var_os("XDG_DATA_DIRS").unwrap_or_else(|| "/usr/local/share:/usr/share".into());
    let mut folders: Vec<PathBuf> = env::split_paths(&data).map(|dir| dir.join("fonts")).collect();
    if let Some(home) = env::home_dir() {
        folders.extend([".local/share/fonts", ".fonts"].map(|below| home.join(below)));
    }
    // macOS, and programs that are packed with a system of their own.
    let others = ["/System/Library/Fonts", "/Library/Fonts", "/run/host/fonts", "/run/host/local-fonts"];
    folders.extend(others.iter().map(|folder| Path::new(folder).to_owned()));
    folders
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_face_is_found_by_its_letters_and_nothing_is_no_trouble() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fonts");
        let mut faces = Faces::in_folders(&[folder, PathBuf::from("/there is no such folder")], "");
        let face = faces.covering('ש').unwrap();
        assert_eq!((face.family.as_str(), face.index), ("Noto Sans Hebrew", 0));
        assert!(faces.covering('日').is_none() && faces.covering('日').is_none());
        assert!(Faces::in_folders(&[], "").covering('a').is_none());
    }

    #[test]
    fn letters_of_several_languages_are_those_of_ones_own() {
        let best = |language| {
            let all =
                ["Noto Serif CJK JP", "Noto Sans CJK SC", "Noto Sans CJK JP", "DejaVu Sans", "Noto Sans"];
            all.into_iter().min_by_key(|name| order(name, language)).unwrap()
        };
        assert_eq!((best("ja_JP.UTF-8"), best("C")), ("Noto Sans CJK JP", "Noto Sans CJK SC"));
    }
}
