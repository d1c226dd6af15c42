//! All manifests of this host and user.
//!
//! Three places, later ones win: built in, the system's folder, the user's own. A broken manifest is reported and
//! skipped; the others work.
//!
//! Invariant: what may run comes from files that only their rightful owner (root, or this user) can have written.

use crate::manifest::{MAX_MANIFEST, Manifest};
use chalktalk_ipc::{AppId, request::RegisteredApp};
use std::{
    collections::BTreeMap,
    fmt, fs,
    fs::{Metadata, OpenOptions},
    io::{self, Read},
    os::unix::fs::{MetadataExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

/// Where the system's manifests are.
pub const SYSTEM_APPS: &str = "/usr/share/chalktalk/apps";

/// More manifests than this in one folder are not read: nobody has installed that many.
const MAX_MANIFESTS: usize = 1000;

const BUILT_IN: [&str; 2] = [
    include_str!("../manifests/chalktalk.chat.toml"),
    include_str!("../manifests/chalktalk.whiteboard.toml"),
];

/// All apps that can be launched.
#[derive(Debug, Default)]
pub struct Registry {
    apps: BTreeMap<AppId, (Manifest, Source)>,
}

/// Where a manifest came from.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Source {
    /// Compiled in.
    BuiltIn,
    /// A file.
    File(PathBuf),
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BuiltIn => f.write_str("built in"),
            Self::File(path) => path.display().fmt(f),
        }
    }
}

/// A manifest, or a folder of them, that was not used.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Problem {
    /// The file or folder.
    pub path: PathBuf,
    /// What is wrong with it.
    pub reason: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.path.display(), self.reason)
    }
}

/// A folder of manifests and the only user who may write there.
#[derive(Clone, Debug)]
pub struct Folder {
    /// The folder.
    pub path: PathBuf,
    /// Its owner's uid.
    pub owner: u32,
}

impl Registry {
    /// The manifests built in, then those of `folders`, later ones replacing earlier ones of the same app.
    pub fn load(folders: &[Folder]) -> (Self, Vec<Problem>) {
        let mut registry = Self::default();
        let mut problems = Vec::new();
        for text in BUILT_IN {
            let mut manifest = Manifest::parse(text).expect("the built-in manifests are tested");
            manifest.version = env!("CARGO_PKG_VERSION").into();
            registry.insert(manifest, Source::BuiltIn);
        }
        for folder in folders {
            registry.read_folder(folder, &mut problems);
        }
        (registry, problems)
    }

    /// The manifest of an app.
    pub fn get(&self, app: &AppId) -> Option<&Manifest> {
        self.apps.get(app).map(|(manifest, _)| manifest)
    }

    /// All manifests and where they came from, by app.
    pub fn iter(&self) -> impl Iterator<Item = (&Manifest, &Source)> {
        self.apps.values().map(|(manifest, source)| (manifest, source))
    }

    /// What the daemon is told.
    pub fn registered(&self) -> Vec<RegisteredApp> {
        self.iter().map(|(manifest, _)| manifest.registered()).collect()
    }

    fn insert(&mut self, manifest: Manifest, source: Source) {
        self.apps.insert(manifest.app.clone(), (manifest, source));
    }

    fn read_folder(&mut self, folder: &Folder, problems: &mut Vec<Problem>) {
        let mut problem = |path: &Path, reason: String| problems.push(Problem { path: path.into(), reason });
        let files = match manifests_in(folder) {
            Ok(files) => files,
            Err(reason) => return problem(&folder.path, reason),
        };
        if files.len() > MAX_MANIFESTS {
            problem(&folder.path, format!("more than {MAX_MANIFESTS} manifests; the others are ignored"));
        }
        for path in files.into_iter().take(MAX_MANIFESTS) {
            match read_manifest(&path, Some(folder.owner)) {
                Ok(manifest) => self.insert(manifest, Source::File(path)),
                Err(reason) => problem(&path, reason),
            }
        }
    }
}

/// The manifest files of a folder in the order of their names; none if there is no such folder.
fn manifests_in(folder: &Folder) -> Result<Vec<PathBuf>, String> {
    let entries = match fs::read_dir(&folder.path) {
        Ok(entries) => entries,
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(e) => return Err(e.to_string()),
    };
    let about = fs::metadata(&folder.path).map_err(|e| e.to_string())?;
    trusted(&about, folder.owner)?;
    let mut files: Vec<PathBuf> = entries
        .filter_map(|entry| entry.ok().map(|e| e.path()))
        .filter(|path| path.extension().is_some_and(|e| e == "toml"))
        .collect();
    files.sort();
    Ok(files)
}

/// Reads one manifest; with `owner`, only if nobody else can have written it.
pub fn read_manifest(path: &Path, owner: Option<u32>) -> Result<Manifest, String> {
    let text = read_text(path, owner)?;
    Manifest::parse(&text).map_err(|e| e.to_string())
}

/// Reads a file of a sensible size; with `owner`, only if nobody else can have written it.
pub fn read_text(path: &Path, owner: Option<u32>) -> Result<String, String> {
    // Nonblocking, so that a pipe of that name cannot hold the agent up.
    let nonblocking = rustix::fs::OFlags::NONBLOCK.bits() as i32;
    let file =
        OpenOptions::new().read(true).custom_flags(nonblocking).open(path).map_err(|e| e.to_string())?;
    let about = file.metadata().map_err(|e| e.to_string())?;
    if !about.is_file() {
        return Err("it is not a file".into());
    }
    if let Some(owner) = owner {
        trusted(&about, owner)?;
    }
    let mut text = String::new();
    let size = file.take(MAX_MANIFEST + 1).read_to_string(&mut text).map_err(|e| e.to_string())?;
    if size as u64 > MAX_MANIFEST {
        return Err(format!("it is larger than {MAX_MANIFEST} bytes"));
    }
    Ok(text)
}

fn trusted(about: &Metadata, owner: u32) -> Result<(), String> {
    if about.uid() != owner {
        return Err(format!("it belongs to uid {}, not to uid {owner}; chown it", about.uid()));
    }
    if about.mode() & 0o022 != 0 {
        return Err("others than its owner may write it; chmod go-w it".into());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    fn me() -> u32 {
        rustix::process::geteuid().as_raw()
    }

    fn folder(files: &[(&str, &str, u32)]) -> (tempfile::TempDir, Folder) {
        let dir = tempfile::tempdir().unwrap();
        fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o755)).unwrap();
        for (name, text, mode) in files {
            let path = dir.path().join(name);
            fs::write(&path, text).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(*mode)).unwrap();
        }
        let path = dir.path().to_path_buf();
        (dir, Folder { path, owner: me() })
    }

    fn game(name: &str) -> String {
        format!("id = \"org.example.game\"\nname = \"{name}\"\nargv = [\"game\"]\n")
    }

    fn load(folders: &[&Folder]) -> (Registry, Vec<String>) {
        let folders: Vec<Folder> = folders.iter().map(|f| (*f).clone()).collect();
        let (registry, problems) = Registry::load(&folders);
        (registry, problems.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn chat_and_whiteboard_are_built_in_and_run_with_and_without_a_display() {
        let (registry, problems) = load(&[]);
        assert!(problems.is_empty());
        let chat = registry.get(&AppId::chat()).unwrap();
        assert!(chat.many && !chat.terminal && chat.argv.is_some() && chat.headless.is_some());
        let board = registry.get(&AppId::whiteboard()).unwrap();
        assert!(!board.many && !board.terminal && board.argv.is_some() && board.headless.is_some());
    }

    #[test]
    fn later_folders_win_and_a_broken_manifest_stops_no_other() {
        let (_a, system) = folder(&[("g.toml", &game("Old"), 0o644), ("notes.txt", "x", 0o666)]);
        let (_b, own) = folder(&[("a.toml", "id = ", 0o644), ("z.toml", &game("New"), 0o600)]);
        let (registry, problems) = load(&[&system, &own]);
        assert_eq!(registry.get(&"org.example.game".parse().unwrap()).unwrap().name, "New");
        assert_eq!(registry.registered().len(), 3);
        assert!(problems.len() == 1 && problems[0].contains("a.toml: line 1: "), "{problems:?}");
    }

    #[test]
    fn what_others_may_write_is_not_trusted() {
        let (_a, own) = folder(&[("g.toml", &game("Evil"), 0o664)]);
        let (registry, problems) = load(&[&own]);
        assert!(registry.get(&"org.example.game".parse().unwrap()).is_none());
        assert!(problems[0].contains("chmod go-w"), "{problems:?}");

        let (_b, open) = folder(&[("g.toml", &game("Evil"), 0o600)]);
        fs::set_permissions(&open.path, fs::Permissions::from_mode(0o777)).unwrap();
        assert!(load(&[&open]).1[0].contains("chmod go-w"));

        let (_c, mut foreign) = folder(&[("g.toml", &game("Evil"), 0o600)]);
        foreign.owner = me() + 1;
        assert!(load(&[&foreign]).1[0].contains("belongs to uid"));
    }

    #[test]
    fn a_folder_that_is_not_there_is_no_problem_and_a_huge_file_is() {
        let missing = Folder { path: "/nonexistent/apps".into(), owner: me() };
        assert!(load(&[&missing]).1.is_empty());
        let (_a, own) = folder(&[("g.toml", &"#".repeat(MAX_MANIFEST as usize + 1), 0o600)]);
        assert!(load(&[&own]).1[0].contains("larger than"));
    }
}
