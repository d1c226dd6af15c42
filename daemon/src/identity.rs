//! Who this daemon and its users are: key seeds, the incarnation, names. All of it lives in the state directory.
//!
//! Invariant: a seed is on disk before anything is signed with it, and an incarnation before it is told to anyone.

use chalktalk_ipc::{socket::NOBODY, text};
use chalktalk_protocol::UserSeeds;
use rustix::{
    process::geteuid,
    rand::{GetRandomFlags, getrandom},
};
use std::{
    env,
    fs::{self, DirBuilder, File, OpenOptions},
    io::{self, Read, Write},
    os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt},
    path::{Path, PathBuf},
    time::{SystemTime, UNIX_EPOCH},
};
use zeroize::Zeroizing;

/// A key's seed: wiped from memory when it is dropped.
pub type Seed = Zeroizing<[u8; 32]>;

const HOST_KEY: &str = "host.key";
const INCARNATION: &str = "incarnation";
const VERSION: &str = "version";
/// Raised when an earlier daemon could do harm to what a later one has written.
const STATE_VERSION: u32 = 1;
const ACCOUNTS: &str = "/etc/passwd";
const SUBORDINATES: &str = "/etc/subuid";

/// Why the state directory cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum IdentityError {
    /// Somebody else could have put something there, or read it.
    #[error("{path} {problem}; {fix}")]
    Unsafe {
        /// Which file or folder.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
        /// What to do about it.
        fix: String,
    },
    /// A file does not hold what it should.
    #[error("{path} is damaged; restore it from a backup, or remove it to begin as somebody new")]
    Damaged {
        /// Which file.
        path: PathBuf,
    },
    /// A later version has written it, and this one might not understand what it does.
    #[error(
        "{path} says that the state is of version {version}, and this daemon knows versions up to {STATE_VERSION}; install the later version again"
    )]
    Newer {
        /// Which file.
        path: PathBuf,
        /// The version it names.
        version: u32,
    },
    /// The system refused.
    #[error("cannot use {path}: {source}; the daemon must be able to write there")]
    Io {
        /// Which file or folder.
        path: PathBuf,
        /// What it said.
        source: io::Error,
    },
}

/// Makes a folder that only its owner can look into, or checks that it is one.
pub fn private_folder(path: &Path) -> Result<(), IdentityError> {
    own_folder(path, 0o700, "used")
}

/// Makes a folder that everybody can look into and only its owner can change, or checks that it is one.
pub fn service_folder(path: &Path) -> Result<(), IdentityError> {
    own_folder(path, 0o755, "changed")
}

fn own_folder(path: &Path, mode: u32, misuse: &str) -> Result<(), IdentityError> {
    let io_error = |source| IdentityError::Io { path: path.to_owned(), source };
    match DirBuilder::new().recursive(true).mode(mode).create(path) {
        Err(e) if e.kind() != io::ErrorKind::AlreadyExists => return Err(io_error(e)),
        _ => {}
    }
    let meta = fs::symlink_metadata(path).map_err(io_error)?;
    let refuse =
        |problem: String, fix: String| Err(IdentityError::Unsafe { path: path.to_owned(), problem, fix });
    if !meta.is_dir() {
        return refuse("is not a folder".into(), "move it away".into());
    }
    check_owner(path, meta.uid())?;
    match meta.mode() & 0o777 & !mode {
        0 => Ok(()),
        _ => refuse(
            format!("can be {misuse} by others (mode {:03o})", meta.mode() & 0o777),
            format!("run: chmod {mode:o} {}", path.display()),
        ),
    }
}

fn check_owner(path: &Path, owner: u32) -> Result<(), IdentityError> {
    let me = geteuid().as_raw();
    if owner == me {
        return Ok(());
    }
    let problem = format!("belongs to uid {owner}, not to {me}");
    let fix = format!("run: chown -R {me} {}", path.display());
    Err(IdentityError::Unsafe { path: path.to_owned(), problem, fix })
}

/// A life of the daemon.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Life {
    /// Its number.
    pub number: u64,
    /// The life before it, if that was lived in this very folder, and not in one that this is a copy of.
    pub former: Option<u64>,
}

/// Lives are at most so far apart. Numbers are also epochs, of 32 bits: from today's seconds on they last for a million starts.
const MAX_STEP: u16 = 4096;

/// The state directory, locked by the caller.
#[derive(Clone, Debug)]
pub struct State {
    folder: PathBuf,
}

impl State {
    /// Seeds and counters in this folder.
    pub fn new(folder: &Path) -> Self {
        Self { folder: folder.to_owned() }
    }

    /// The folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Makes sure that the state is one that this version understands.
    ///
    /// # Errors
    /// A later version has written it; nothing was changed.
    pub fn check_version(&self) -> Result<(), IdentityError> {
        let path = self.folder.join(VERSION);
        match fs::read_to_string(&path) {
            Ok(text) => match text.trim().parse() {
                Ok(version) if version > STATE_VERSION => Err(IdentityError::Newer { path, version }),
                Ok(_) => Ok(()),
                Err(_) => Err(IdentityError::Damaged { path }),
            },
            Err(e) if e.kind() == io::ErrorKind::NotFound => {
                self.write(VERSION, format!("{STATE_VERSION}\n").as_bytes())
            }
            Err(source) => Err(IdentityError::Io { path, source }),
        }
    }

    /// Seed of the host's key.
    pub fn host_seed(&self) -> Result<Seed, IdentityError> {
        self.seed(HOST_KEY)
    }

    /// What a uid's user is made of: made the first time, the same ever after.
    pub fn seeds(&self, uid: u32, name: String) -> Result<UserSeeds, IdentityError> {
        let name = self.adopted_name(uid).unwrap_or(name);
        Ok(UserSeeds { user: *self.user_seed(uid)?, origin: *self.origin_seed(uid)?, name })
    }

    /// A uid is the user of this seed and name from now on. What is written on this host as that user is written with a new key:
    /// the old one's logs stay what they are.
    pub fn adopt(&self, uid: u32, seed: &[u8; 32], name: &str) -> Result<(), IdentityError> {
        let path = self.folder.join(format!("origin-{uid}.key"));
        match fs::remove_file(&path) {
            Err(source) if source.kind() != io::ErrorKind::NotFound => {
                return Err(IdentityError::Io { path, source });
            }
            _ => {}
        }
        self.write(&format!("user-{uid}.name"), name.as_bytes())?;
        self.write(&format!("user-{uid}.key"), seed)
    }

    /// The name that came with an adopted identity.
    fn adopted_name(&self, uid: u32) -> Option<String> {
        let name = fs::read_to_string(self.folder.join(format!("user-{uid}.name"))).ok()?;
        Some(text::label(&name)).filter(|name| !name.is_empty())
    }

    /// Seed of the key that is a user.
    pub fn user_seed(&self, uid: u32) -> Result<Seed, IdentityError> {
        self.seed(&format!("user-{uid}.key"))
    }

    /// Seed of the key that a user's logs on this host are written with.
    pub fn origin_seed(&self, uid: u32) -> Result<Seed, IdentityError> {
        self.seed(&format!("origin-{uid}.key"))
    }

    /// The uids that have been given an identity here.
    pub fn known_uids(&self) -> Result<Vec<u32>, IdentityError> {
        let io_error = |source| IdentityError::Io { path: self.folder.clone(), source };
        let mut uids = Vec::new();
        for entry in fs::read_dir(&self.folder).map_err(io_error)? {
            let name = entry.map_err(io_error)?.file_name();
            let uid = name.to_str().and_then(|name| name.strip_prefix("user-")?.strip_suffix(".key"));
            uids.extend(uid.and_then(|uid| uid.parse::<u32>().ok()));
        }
        uids.sort_unstable();
        Ok(uids)
    }

    /// Number of this life of the daemon, durable when this returns. The first is the wall clock's seconds, so that a state
    /// directory that was emptied does not repeat a life; the later ones are a little more than the last, but not everywhere the
    /// same, so that two copies of a state directory do not live the same lives.
    pub fn next_life(&self) -> Result<Life, IdentityError> {
        let path = self.folder.join(INCARNATION);
        let damaged = || IdentityError::Damaged { path: path.clone() };
        let io_error = |source| IdentityError::Io { path: path.clone(), source };
        let place = fs::metadata(self.folder.join(HOST_KEY)).map(|meta| meta.ino()).ok();
        let (last, same_place) = match fs::read_to_string(&path) {
            Ok(text) => {
                let mut words = text.split_whitespace().map(str::parse::<u64>);
                let last = words.next().and_then(Result::ok).ok_or_else(damaged)?;
                (last, place.is_some() && words.next().and_then(Result::ok) == place)
            }
            Err(e) if e.kind() == io::ErrorKind::NotFound => {
                (SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs()), false)
            }
            Err(source) => return Err(io_error(source)),
        };
        let seed = random_seed().map_err(io_error)?;
        let step = 1 + u16::from_le_bytes([seed[0], seed[1]]) % MAX_STEP;
        let number = last.saturating_add(step.into());
        self.write(INCARNATION, format!("{number} {}\n", place.unwrap_or_default()).as_bytes())?;
        Ok(Life { number, former: same_place.then_some(last) })
    }

    /// Forgets the keys of this host and of what is written on it: another host has them too. Who the users are stays.
    pub fn forget_host(&self) -> Result<(), IdentityError> {
        let origins = self.known_uids()?.into_iter().map(|uid| format!("origin-{uid}.key"));
        for name in origins.chain([HOST_KEY.to_owned()]) {
            let path = self.folder.join(name);
            match fs::remove_file(&path) {
                Err(source) if source.kind() != io::ErrorKind::NotFound => {
                    return Err(IdentityError::Io { path, source });
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn seed(&self, name: &str) -> Result<Seed, IdentityError> {
        let path = self.folder.join(name);
        match File::open(&path) {
            Ok(file) => read_seed(&path, file),
            Err(e) if e.kind() == io::ErrorKind::NotFound => {
                let seed = random_seed().map_err(|source| IdentityError::Io { path, source })?;
                self.write(name, &seed[..])?;
                Ok(seed)
            }
            Err(source) => Err(IdentityError::Io { path, source }),
        }
    }

    /// All of it or nothing, also when the power goes.
    fn write(&self, name: &str, bytes: &[u8]) -> Result<(), IdentityError> {
        let (path, new) = (self.folder.join(name), self.folder.join(format!("{name}.new")));
        let write = || -> io::Result<()> {
            let mut file =
                OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&new)?;
            file.write_all(bytes)?;
            file.sync_all()?;
            fs::rename(&new, &path)?;
            File::open(&self.folder)?.sync_all()
        };
        write().map_err(|source| IdentityError::Io { path: path.clone(), source })
    }
}

fn read_seed(path: &Path, file: File) -> Result<Seed, IdentityError> {
    let io_error = |source| IdentityError::Io { path: path.to_owned(), source };
    let meta = file.metadata().map_err(io_error)?;
    check_owner(path, meta.uid())?;
    if meta.mode() & 0o077 != 0 {
        let problem = "can be read by others: its key may be known to them".to_owned();
        let fix = format!("run: chmod 600 {}", path.display());
        return Err(IdentityError::Unsafe { path: path.to_owned(), problem, fix });
    }
    let damaged = || IdentityError::Damaged { path: path.to_owned() };
    let mut seed = Seed::default();
    if meta.len() != seed.len() as u64 {
        return Err(damaged());
    }
    (&file).read_exact(&mut seed[..]).map_err(|_| damaged())?;
    Ok(seed)
}

/// 32 bytes from the system's generator.
pub fn random_seed() -> io::Result<Seed> {
    let mut seed = Seed::default();
    let got = getrandom(&mut seed[..], GetRandomFlags::empty())?;
    // The kernel gives up to 256 bytes in one piece.
    if got == seed.len() { Ok(seed) } else { Err(io::ErrorKind::UnexpectedEof.into()) }
}

/// Name of the calling user: `$USER` where somebody set it to something else than the login, else as [`account_name`].
pub fn own_name() -> String {
    let uid = geteuid().as_raw();
    let accounts = fs::read_to_string(ACCOUNTS).unwrap_or_default();
    let (login, _) = account(&accounts, uid).unwrap_or_default();
    let chosen = env::var("USER").ok().filter(|name| name != login).map(|name| text::label(&name));
    chosen.filter(|name| !name.is_empty()).unwrap_or_else(|| account_name(uid))
}

/// Name of a user of this machine: the full name in the password file, else the login.
pub fn account_name(uid: u32) -> String {
    let accounts = fs::read_to_string(ACCOUNTS).unwrap_or_default();
    let (login, full) = account(&accounts, uid).unwrap_or_default();
    let name = [full, login].into_iter().map(text::label).find(|name| !name.is_empty());
    name.unwrap_or_else(|| if uid == NOBODY { "nobody".into() } else { format!("user{uid}") })
}

/// The uid of a login of this machine.
pub fn account_uid(login: &str) -> Option<u32> {
    let accounts = fs::read_to_string(ACCOUNTS).unwrap_or_default();
    accounts.lines().find_map(|line| {
        let mut fields = line.split(':');
        (fields.next() == Some(login)).then(|| fields.nth(1)?.parse().ok())?
    })
}

/// Whether a uid is one of those that users may hand out below themselves, in containers: not a person, and whoever has
/// thousands of them could fill the daemon with users.
pub fn is_subordinate(uid: u32) -> bool {
    in_ranges(&fs::read_to_string(SUBORDINATES).unwrap_or_default(), uid)
}

/// Whether a uid is in one of the ranges of subuid(5).
fn in_ranges(ranges: &str, uid: u32) -> bool {
    ranges.lines().any(|line| {
        let mut numbers = line.split(':').skip(1).map(|number| number.trim().parse::<u32>());
        match (numbers.next(), numbers.next()) {
            (Some(Ok(first)), Some(Ok(count))) => uid.checked_sub(first).is_some_and(|nth| nth < count),
            _ => false,
        }
    })
}

/// Login and full name (first field of the fifth column, passwd(5)).
fn account(accounts: &str, uid: u32) -> Option<(&str, &str)> {
    accounts.lines().find_map(|line| {
        let mut fields = line.split(':');
        let login = fields.next()?;
        let number: u32 = fields.nth(1)?.parse().ok()?;
        let full = fields.nth(1).unwrap_or_default().split(',').next().unwrap_or_default();
        (number == uid).then_some((login, full))
    })
}

/// Name of this machine, without its domain.
pub fn host_name() -> String {
    let system = rustix::system::uname();
    let node = system.nodename().to_string_lossy();
    let name = text::label(node.split('.').next().unwrap_or_default());
    if name.is_empty() { "host".into() } else { name }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    fn folder(name: &str) -> PathBuf {
        let path = env::temp_dir().join(format!("chalktalk-identity-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        path
    }

    fn chmod(path: &Path, mode: u32) {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    }

    #[test]
    fn seeds_are_made_once_kept_private_and_differ() {
        let path = folder("seeds");
        private_folder(&path).unwrap();
        let state = State::new(&path);
        let host = state.host_seed().unwrap();
        assert_eq!(host, State::new(&path).host_seed().unwrap());
        assert_ne!(host, state.user_seed(7).unwrap());
        assert_ne!(state.user_seed(8).unwrap(), state.user_seed(7).unwrap());
        assert_ne!(state.origin_seed(7).unwrap(), state.user_seed(7).unwrap());
        assert_eq!(state.known_uids().unwrap(), [7, 8]);
        assert_eq!(fs::metadata(path.join(HOST_KEY)).unwrap().mode() & 0o777, 0o600);
        chmod(&path.join(HOST_KEY), 0o640);
        let refused = state.host_seed().unwrap_err().to_string();
        assert!(refused.contains("chmod 600"), "{refused}");
        chmod(&path.join(HOST_KEY), 0o600);
        fs::write(path.join(HOST_KEY), [1; 31]).unwrap();
        assert!(
            matches!(state.host_seed(), Err(IdentityError::Damaged { .. })),
            "never silently somebody new"
        );
        fs::remove_dir_all(path).unwrap();
    }

    #[test]
    fn lives_only_grow_and_a_copy_of_the_folder_has_no_former_life() {
        let path = folder("lives");
        private_folder(&path).unwrap();
        let state = State::new(&path);
        state.host_seed().unwrap();
        let first = state.next_life().unwrap();
        assert!(first.number > 1_700_000_000 && first.former.is_none());
        let second = state.next_life().unwrap();
        assert_eq!(second.former, Some(first.number));
        assert!((1..=u64::from(MAX_STEP)).contains(&(second.number - first.number)));
        fs::copy(path.join(HOST_KEY), path.join("copy")).unwrap();
        fs::rename(path.join("copy"), path.join(HOST_KEY)).unwrap();
        assert_eq!(state.next_life().unwrap().former, None);
        fs::write(path.join(INCARNATION), "7\n").unwrap();
        assert_eq!(state.next_life().unwrap().former, None, "as an earlier version wrote it");
        fs::write(path.join(INCARNATION), "x").unwrap();
        assert!(matches!(state.next_life(), Err(IdentityError::Damaged { .. })));
        fs::remove_dir_all(path).unwrap();
    }

    #[test]
    fn a_host_that_begins_anew_keeps_who_its_users_are() {
        let path = folder("anew");
        private_folder(&path).unwrap();
        let state = State::new(&path);
        let (host, before) = (state.host_seed().unwrap(), state.seeds(7, "ana".into()).unwrap());
        state.forget_host().unwrap();
        let after = state.seeds(7, "ana".into()).unwrap();
        assert_eq!(after.user, before.user);
        assert!(after.origin != before.origin && *state.host_seed().unwrap() != *host);
        fs::remove_dir_all(path).unwrap();
    }

    #[test]
    fn a_state_of_a_later_version_is_left_alone() {
        let path = folder("version");
        private_folder(&path).unwrap();
        let state = State::new(&path);
        state.check_version().unwrap();
        state.check_version().unwrap();
        fs::write(path.join(VERSION), "2\n").unwrap();
        let refused = state.check_version().unwrap_err().to_string();
        assert!(refused.contains("version 2") && refused.contains("up to 1"), "{refused}");
        assert_eq!(fs::read_to_string(path.join(VERSION)).unwrap(), "2\n");
        fs::write(path.join(VERSION), "?").unwrap();
        assert!(matches!(state.check_version(), Err(IdentityError::Damaged { .. })));
        fs::remove_dir_all(path).unwrap();
    }

    #[test]
    fn a_folder_that_others_can_use_is_refused_with_the_fix() {
        let path = folder("loose");
        private_folder(&path.join("a/b")).unwrap();
        assert_eq!(fs::metadata(path.join("a/b")).unwrap().mode() & 0o777, 0o700);
        chmod(&path, 0o755);
        let refused = private_folder(&path).unwrap_err().to_string();
        assert!(refused.contains("chmod 700"), "{refused}");
        chmod(&path, 0o700);
        let open = path.join("open");
        service_folder(&open).unwrap();
        assert_eq!(fs::metadata(&open).unwrap().mode() & 0o777, 0o755);
        chmod(&open, 0o775);
        let refused = service_folder(&open).unwrap_err().to_string();
        assert!(refused.contains("chmod 755"), "{refused}");
        std::os::unix::fs::symlink(path.join("a"), path.join("link")).unwrap();
        assert!(private_folder(&path.join("link")).is_err(), "a link leads who knows where");
        fs::remove_dir_all(path).unwrap();
    }

    #[test]
    fn subordinate_ids_are_no_users() {
        let ranges = "ana:100000:65536\nbroken\nben:x:1\nben:300000:1\n";
        let of = |uid| in_ranges(ranges, uid);
        assert!(of(100_000) && of(165_535) && of(300_000));
        assert!(!of(99_999) && !of(165_536) && !of(300_001) && !of(1000));
    }

    #[test]
    fn accounts_are_read_by_uid() {
        let accounts =
            "root:x:0:0:root:/root:/bin/sh\nana:x:1000:1000:Ana María,room 4,,:/home/ana:/bin/sh\nbroken\n";
        assert_eq!(account(accounts, 1000), Some(("ana", "Ana María")));
        assert_eq!(account(accounts, 0), Some(("root", "root")));
        assert_eq!(account(accounts, 5), None);
        assert!(!own_name().is_empty());
        assert_eq!((account_name(0), account_name(u32::MAX - 7)), ("root".into(), "user4294967288".into()));
        assert!(!host_name().is_empty());
    }
}
