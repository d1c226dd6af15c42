//! What a chat keeps for the next time, and for the other faces of its person: drafts, one file for each conversation, and what the
//! person wants.
//!
//! Invariant: a file is replaced as a whole or not at all, and a change takes with it what another face has changed before. What
//! cannot be kept costs nothing but the next time's comfort: it is never in the way of talking.

use crate::{
    link::spawn,
    notify::{Hours, Level},
    texts::Language,
};
use chalktalk_ipc::{SessionId, UserId};
use rustix::{
    fs::{
        FlockOperation, flock,
        inotify::{self, CreateFlags, Reader, WatchFlags},
    },
    io::Errno,
};
use std::{
    collections::{BTreeMap, BTreeSet},
    env, fs,
    io::{self, Write},
    mem::MaybeUninit,
    ops::RangeInclusive,
    os::unix::{
        ffi::OsStrExt,
        fs::{DirBuilderExt, OpenOptionsExt},
    },
    path::{Path, PathBuf},
    thread,
    time::Duration,
};

/// The longest file that is read: more was never written.
const MAX_FILE: u64 = 1 << 17;

/// Whoever has the folder for longer than so many times so long is not at work any more.
const TRIES: u32 = 50;
const AGAIN: Duration = Duration::from_millis(10);

/// The longest file of avatars: of a thousand people, as large as they may be.
const MAX_AVATARS: u64 = 16 << 20;

/// Where things are kept.
#[derive(Clone, Debug)]
pub struct Keep {
    folder: PathBuf,
}

/// What was kept.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Kept {
    /// What was being written.
    pub drafts: BTreeMap<SessionId, String>,
    /// What the person wants.
    pub wants: Wants,
    /// Where the person is to be found: kept where the command line finds it too.
    pub location: Option<String>,
}

/// What a person wants, in every face.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Wants {
    /// Words that count as mentions.
    pub watched: Vec<String>,
    /// Whose files are fetched without asking.
    pub always: BTreeSet<UserId>,
    /// Everything else.
    pub settings: Settings,
    /// Conversations that are listed first.
    pub favourites: BTreeSet<SessionId>,
    /// How much of a conversation is shown on the desktop, if that is not the usual.
    pub levels: BTreeMap<SessionId, Level>,
}

/// Something that a person wants otherwise from now on.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Change {
    /// A setting.
    Setting(Setting),
    /// These words count as mentions, and no others.
    Watched(Vec<String>),
    /// This person's files are fetched without asking, or not any more.
    Always(UserId, bool),
    /// This conversation is listed first, or not any more.
    Favourite(SessionId, bool),
    /// So much of this conversation is shown on the desktop.
    Level(SessionId, Level),
}

/// What can be wanted otherwise.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Setting {
    /// Whether others see that one is typing.
    Typing(bool),
    /// Whether others see how far one has read.
    ReadMarks(bool),
    /// The language of the chat; nothing: as the system says.
    Language(Option<Language>),
    /// Whether windows are dark; nothing: as the system says.
    Dark(Option<bool>),
    /// How large everything in the window is, in percent.
    Size(u16),
    /// When nothing is shown on the desktop, and nothing rings.
    Quiet(Option<Hours>),
    /// Whether the window's chat has an icon in the tray, and goes on there when the window is closed.
    Tray(bool),
    /// The person was told that it goes on there.
    TrayTold,
}

/// How a person wants it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Settings {
    /// Others see that one is typing.
    pub typing: bool,
    /// Others see how far one has read.
    pub read_marks: bool,
    /// The language of the chat; nothing: as the system says.
    pub language: Option<Language>,
    /// Windows are dark, or light; nothing: as the system says.
    pub dark: Option<bool>,
    /// How large everything in the window is, in percent.
    pub size: u16,
    /// When nothing is shown on the desktop, and nothing rings.
    pub quiet: Option<Hours>,
    /// The window's chat has an icon in the tray, and goes on there when the window is closed.
    pub tray: bool,
    /// The person was told that it goes on there.
    pub tray_told: bool,
}

impl Settings {
    /// Sizes that can still be used.
    pub const SIZES: RangeInclusive<u16> = 50..=300;
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            typing: true,
            read_marks: true,
            language: None,
            dark: None,
            size: 100,
            quiet: None,
            tray: true,
            tray_told: false,
        }
    }
}

impl Settings {
    /// Something is wanted otherwise.
    pub fn set(&mut self, setting: Setting) {
        match setting {
            Setting::Typing(on) => self.typing = on,
            Setting::ReadMarks(on) => self.read_marks = on,
            Setting::Language(language) => self.language = language,
            Setting::Dark(dark) => self.dark = dark,
            Setting::Size(size) => self.size = size,
            Setting::Quiet(hours) => self.quiet = hours,
            Setting::Tray(on) => self.tray = on,
            Setting::TrayTold => self.tray_told = true,
        }
    }

    /// From lines such as `typing off`; what is not known is passed over.
    fn read(text: &str) -> Self {
        let mut settings = Self::default();
        for line in text.lines() {
            match line.split_once(' ') {
                Some(("typing", value)) => settings.typing = value != "off",
                Some(("read-marks", value)) => settings.read_marks = value != "off",
                Some(("language", code)) => settings.language = Language::of(code),
                Some(("quiet", value)) => settings.quiet = Hours::read(value),
                Some(("tray", value)) => settings.tray = value != "off",
                Some(("tray-told", _)) => settings.tray_told = true,
                Some(("theme", value)) => settings.dark = Some(value == "dark"),
                Some(("size", value)) => {
                    let size = value.parse().ok().filter(|size| Self::SIZES.contains(size));
                    settings.size = size.unwrap_or(settings.size);
                }
                _ => {}
            }
        }
        settings
    }

    fn write(self) -> String {
        let word = |on: bool| if on { "on" } else { "off" };
        let mut text = format!("typing {}\nread-marks {}\n", word(self.typing), word(self.read_marks));
        if let Some(language) = self.language {
            text.push_str(&format!("language {}\n", language.code()));
        }
        if let Some(dark) = self.dark {
            text.push_str(if dark { "theme dark\n" } else { "theme light\n" });
        }
        if self.size != Self::default().size {
            text.push_str(&format!("size {}\n", self.size));
        }
        if let Some(hours) = self.quiet {
            text.push_str(&format!("quiet {hours}\n"));
        }
        if !self.tray {
            text.push_str("tray off\n");
        }
        if self.tray_told {
            text.push_str("tray-told yes\n");
        }
        text
    }
}

impl Keep {
    /// The user's own place: `$XDG_STATE_HOME/chalktalk/chat`; nothing without a home.
    pub fn of_user() -> Option<Self> {
        let absolute = |name| env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
        let state = absolute("XDG_STATE_HOME").or_else(|| Some(absolute("HOME")?.join(".local/state")))?;
        Some(Self { folder: state.join("chalktalk/chat") })
    }

    /// This folder.
    pub fn at(folder: &Path) -> Self {
        Self { folder: folder.to_path_buf() }
    }

    /// What was kept; what cannot be read was not.
    pub fn load(&self) -> Kept {
        let files = fs::read_dir(self.folder.join(DRAFTS)).into_iter().flatten().flatten();
        let draft = |file: fs::DirEntry| {
            let session = file.file_name().to_str()?.parse().ok()?;
            Some((session, read(&file.path())?))
        };
        Kept { drafts: files.filter_map(draft).collect(), wants: self.wants(), location: None }
    }

    /// What the person wants.
    pub fn wants(&self) -> Wants {
        Wants {
            watched: self.lines(WATCHED, |word| Some(word.to_owned())),
            always: self.lines(ALWAYS, |user| user.parse().ok()),
            settings: Settings::read(&self.text(SETTINGS)),
            favourites: self.lines(FAVOURITES, |session| session.parse().ok()),
            levels: self.lines(LEVELS, |line| {
                let (session, word) = line.split_once(' ')?;
                Some((session.parse().ok()?, Level::of(word)?))
            }),
        }
    }

    /// Keeps a draft; an empty one is forgotten. Of faces that write in one conversation the last one's is kept.
    pub fn draft(&self, session: SessionId, text: &str) -> io::Result<()> {
        self.write(DRAFTS, &session.to_string(), text)
    }

    /// Keeps something that is wanted otherwise, and all that another face has kept meanwhile.
    pub fn change(&self, change: Change) -> io::Result<()> {
        self.make_folder("")?;
        let folder = fs::File::open(&self.folder)?;
        for _ in 0..TRIES {
            if flock(&folder, FlockOperation::NonBlockingLockExclusive) != Err(Errno::WOULDBLOCK) {
                break;
            }
            thread::sleep(AGAIN);
        }
        let Wants { mut always, mut settings, mut favourites, mut levels, .. } = self.wants();
        match change {
            Change::Setting(setting) => {
                settings.set(setting);
                self.write("", SETTINGS, &settings.write())
            }
            Change::Watched(words) => self.write_lines(WATCHED, words),
            Change::Always(user, on) => {
                put(&mut always, user, on);
                self.write_lines(ALWAYS, always)
            }
            Change::Favourite(session, on) => {
                put(&mut favourites, session, on);
                self.write_lines(FAVOURITES, favourites)
            }
            Change::Level(session, level) => {
                levels.insert(session, level);
                levels.retain(|_, level| *level != Level::default());
                let lines = levels.iter().map(|(session, level)| format!("{session} {}", level.word()));
                self.write_lines(LEVELS, lines)
            }
        }
    }

    /// Tells whenever a face, this one too, has kept something that is wanted, or somebody has written this file. What is written on
    /// other hosts that share a home is not heard.
    pub fn watch(&self, file: Option<&Path>, tell: impl Fn() + Send + 'static) -> io::Result<()> {
        self.make_folder("")?;
        let events = inotify::init(CreateFlags::CLOEXEC)?;
        inotify::add_watch(&events, &self.folder, WatchFlags::MOVED_TO | WatchFlags::DELETE)?;
        let mut names = WANTS.map(|name| name.as_bytes().to_vec()).to_vec();
        if let Some((folder, name)) = file.and_then(|file| Some((file.parent()?, file.file_name()?))) {
            fs::create_dir_all(folder)?;
            inotify::add_watch(&events, folder, WatchFlags::CLOSE_WRITE | WatchFlags::MOVED_TO)?;
            names.push(name.as_bytes().to_vec());
        }
        spawn("keeping", move || {
            let mut buffer = [MaybeUninit::uninit(); 4096];
            let mut reader = Reader::new(events, &mut buffer);
            let mut news = false;
            loop {
                match reader.next() {
                    // Without a name: there were more than the system remembers.
                    Ok(event) => {
                        news |= event
                            .file_name()
                            .is_none_or(|name| names.iter().any(|known| known == name.to_bytes()));
                    }
                    Err(Errno::INTR) => continue,
                    Err(_) => return,
                }
                if reader.is_buffer_empty() && std::mem::take(&mut news) {
                    tell();
                }
            }
        })
    }

    fn text(&self, name: &str) -> String {
        read(&self.folder.join(name)).unwrap_or_default()
    }

    fn lines<T, C: FromIterator<T>>(&self, name: &str, line: impl Fn(&str) -> Option<T>) -> C {
        self.text(name).lines().filter_map(line).collect()
    }

    /// What people look like, and how far that was read.
    pub fn load_avatars(&self) -> Option<String> {
        read_within(&self.folder.join(AVATARS), MAX_AVATARS)
    }

    /// Keeps it.
    pub fn avatars(&self, text: &str) -> io::Result<()> {
        self.write("", AVATARS, text)
    }

    fn write_lines(&self, name: &str, lines: impl IntoIterator<Item = impl ToString>) -> io::Result<()> {
        let lines: Vec<String> = lines.into_iter().map(|line| line.to_string()).collect();
        self.write("", name, &lines.join("\n"))
    }

    fn make_folder(&self, folder: &str) -> io::Result<()> {
        fs::DirBuilder::new().recursive(true).mode(0o700).create(self.folder.join(folder))
    }

    fn write(&self, folder: &str, name: &str, text: &str) -> io::Result<()> {
        let path = self.folder.join(folder).join(name);
        if text.is_empty() {
            return fs::remove_file(path)
                .or_else(|e| if e.kind() == io::ErrorKind::NotFound { Ok(()) } else { Err(e) });
        }
        self.make_folder(folder)?;
        let beside = path.with_file_name(format!(".{name}.{}", std::process::id()));
        let mut file =
            fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&beside)?;
        file.write_all(text.as_bytes())?;
        fs::rename(beside, path)
    }
}

const DRAFTS: &str = "drafts";
const AVATARS: &str = "avatars";
const WATCHED: &str = "watched";
const FAVOURITES: &str = "favourites";
const LEVELS: &str = "notify";
const SETTINGS: &str = "settings";
const ALWAYS: &str = "get-all";

/// Files that say what is wanted.
const WANTS: [&str; 5] = [WATCHED, FAVOURITES, LEVELS, SETTINGS, ALWAYS];

/// Has something in a set, or not.
fn put<T: Ord>(all: &mut BTreeSet<T>, one: T, on: bool) {
    if on {
        all.insert(one);
    } else {
        all.remove(&one);
    }
}

fn read(path: &Path) -> Option<String> {
    read_within(path, MAX_FILE)
}

fn read_within(path: &Path, most: u64) -> Option<String> {
    let small = fs::metadata(path).is_ok_and(|facts| facts.is_file() && facts.len() <= most);
    small.then(|| fs::read_to_string(path).ok()).flatten().filter(|text| !text.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc::channel;

    const LOBBY: SessionId = SessionId([1; 16]);
    const GARDEN: SessionId = SessionId([2; 16]);

    fn wanted() -> [Change; 14] {
        [
            Change::Setting(Setting::Tray(false)),
            Change::Setting(Setting::TrayTold),
            Change::Setting(Setting::Typing(false)),
            Change::Setting(Setting::Language(Some(Language::De))),
            Change::Setting(Setting::Dark(Some(true))),
            Change::Setting(Setting::Size(130)),
            Change::Setting(Setting::Quiet(Hours::read("22:00-07:00"))),
            Change::Watched(vec!["tea".into(), "日本".into()]),
            Change::Always(UserId([7; 32]), true),
            Change::Favourite(GARDEN, true),
            Change::Favourite(LOBBY, true),
            Change::Favourite(LOBBY, false),
            Change::Level(LOBBY, Level::All),
            Change::Level(GARDEN, Level::Nothing),
        ]
    }

    fn are_kept() -> Wants {
        Wants {
            watched: vec!["tea".into(), "日本".into()],
            always: BTreeSet::from([UserId([7; 32])]),
            settings: Settings {
                typing: false,
                language: Some(Language::De),
                dark: Some(true),
                size: 130,
                quiet: Hours::read("22:00-07:00"),
                tray: false,
                tray_told: true,
                ..Settings::default()
            },
            favourites: BTreeSet::from([GARDEN]),
            levels: BTreeMap::from([(LOBBY, Level::All), (GARDEN, Level::Nothing)]),
        }
    }

    #[test]
    fn drafts_and_what_is_wanted_come_back_and_rubbish_does_not() {
        let dir = tempfile::tempdir().unwrap();
        let keep = Keep::at(&dir.path().join("deep"));
        assert_eq!(keep.load(), Kept::default());
        keep.draft(LOBBY, "half a\nsentence").unwrap();
        keep.draft(GARDEN, "x").unwrap();
        keep.draft(GARDEN, "").unwrap();
        keep.draft(GARDEN, "").unwrap();
        wanted().into_iter().for_each(|change| keep.change(change).unwrap());
        keep.avatars(&"x".repeat(1 << 20)).unwrap();
        assert_eq!(keep.load_avatars().map(|text| text.len()), Some(1 << 20));
        fs::write(dir.path().join("deep/drafts/rubbish"), "x").unwrap();
        fs::write(dir.path().join(format!("deep/drafts/{GARDEN}")), b"\xff\xfe").unwrap();
        let kept = keep.load();
        assert_eq!(kept.drafts, BTreeMap::from([(LOBBY, "half a\nsentence".to_owned())]));
        assert_eq!(kept.wants, are_kept());
        assert_eq!(Settings::read("typing\n\nx y\nsize 9000"), Settings::default());
        // The usual need not be kept.
        keep.change(Change::Level(LOBBY, Level::default())).unwrap();
        assert_eq!(keep.wants().levels, BTreeMap::from([(GARDEN, Level::Nothing)]));
    }

    #[test]
    fn faces_that_write_at_once_lose_nothing_of_each_other() {
        let dir = tempfile::tempdir().unwrap();
        let keep = Keep::at(dir.path());
        let session = |n: u8| SessionId([n; 16]);
        thread::scope(|scope| {
            for face in 0..4 {
                let keep = keep.clone();
                scope.spawn(move || {
                    for n in 0..16 {
                        keep.change(Change::Favourite(session(face * 16 + n), true)).unwrap();
                        keep.change(Change::Level(session(face * 16 + n), Level::All)).unwrap();
                    }
                });
            }
            wanted().into_iter().take(7).for_each(|change| keep.change(change).unwrap());
        });
        let wants = keep.wants();
        assert_eq!((wants.favourites.len(), wants.levels.len()), (64, 64));
        assert_eq!(wants.settings, are_kept().settings);
    }

    #[test]
    fn a_face_hears_what_another_keeps_and_nothing_of_drafts() {
        let dir = tempfile::tempdir().unwrap();
        let keep = Keep::at(&dir.path().join("deep"));
        let (tell, told) = channel();
        let location = dir.path().join("config/location");
        keep.watch(Some(&location), move || {
            let _ = tell.send(());
        })
        .unwrap();
        let wait = Duration::from_secs(10);
        keep.draft(LOBBY, "half a sentence").unwrap();
        fs::write(dir.path().join("deep/search.sqlite"), "x").unwrap();
        fs::remove_file(dir.path().join("deep/search.sqlite")).unwrap();
        assert_eq!(
            told.recv_timeout(Duration::from_millis(300)),
            Err(std::sync::mpsc::RecvTimeoutError::Timeout)
        );
        for change in [Change::Favourite(LOBBY, true), Change::Favourite(LOBBY, false)] {
            keep.change(change.clone()).unwrap();
            assert_eq!(told.recv_timeout(wait), Ok(()), "{change:?}");
        }
        fs::write(&location, "Room 4\n").unwrap();
        assert_eq!(told.recv_timeout(wait), Ok(()));
    }

    #[test]
    fn a_face_that_hangs_is_in_nobodys_way() {
        let dir = tempfile::tempdir().unwrap();
        let hangs = fs::File::open(dir.path()).unwrap();
        flock(&hangs, FlockOperation::LockExclusive).unwrap();
        let keep = Keep::at(dir.path());
        keep.change(Change::Setting(Setting::Size(150))).unwrap();
        assert_eq!(keep.wants().settings.size, 150);
    }
}
