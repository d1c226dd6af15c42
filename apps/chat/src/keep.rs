//! What a chat keeps for the next time: drafts, one file for each conversation, and the words that are watched for.
//!
//! Invariant: a file is replaced as a whole or not at all. What cannot be kept costs nothing but the next time's comfort:
//! it is never in the way of talking.

use crate::{
    notify::{Hours, Level},
    texts::Language,
};
use chalktalk_ipc::{SessionId, UserId};
use std::{
    collections::{BTreeMap, BTreeSet},
    env, fs,
    io::{self, Write},
    ops::RangeInclusive,
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

/// The longest file that is read: more was never written.
const MAX_FILE: u64 = 1 << 17;

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
    /// Words that count as mentions.
    pub watched: Vec<String>,
    /// Whose files are fetched without asking.
    pub always: BTreeSet<UserId>,
    /// What the person wants.
    pub settings: Settings,
    /// Conversations that are listed first.
    pub favourites: BTreeSet<SessionId>,
    /// How much of a conversation is shown on the desktop, if that is not the usual.
    pub levels: BTreeMap<SessionId, Level>,
    /// Where the person is to be found: kept where the command line finds it too.
    pub location: Option<String>,
}

/// What a person can want otherwise.
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
}

impl Settings {
    /// Sizes that can still be used.
    pub const SIZES: RangeInclusive<u16> = 50..=300;
}

impl Default for Settings {
    fn default() -> Self {
        Self { typing: true, read_marks: true, language: None, dark: None, size: 100, quiet: None }
    }
}

impl Settings {
    /// From lines such as `typing off`; what is not known is passed over.
    fn read(text: &str) -> Self {
        let mut settings = Self::default();
        for line in text.lines() {
            match line.split_once(' ') {
                Some(("typing", value)) => settings.typing = value != "off",
                Some(("read-marks", value)) => settings.read_marks = value != "off",
                Some(("language", code)) => settings.language = Language::of(code),
                Some(("quiet", value)) => settings.quiet = Hours::read(value),
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
        let watched = read(&self.folder.join(WATCHED)).unwrap_or_default();
        let always = read(&self.folder.join(ALWAYS)).unwrap_or_default();
        let favourites = read(&self.folder.join(FAVOURITES)).unwrap_or_default();
        let levels = read(&self.folder.join(LEVELS)).unwrap_or_default();
        let level = |line: &str| {
            let (session, word) = line.split_once(' ')?;
            Some((session.parse().ok()?, Level::of(word)?))
        };
        Kept {
            levels: levels.lines().filter_map(level).collect(),
            favourites: favourites.lines().filter_map(|session| session.parse().ok()).collect(),
            location: None,
            drafts: files.filter_map(draft).collect(),
            watched: watched.lines().map(str::to_owned).collect(),
            settings: Settings::read(&read(&self.folder.join(SETTINGS)).unwrap_or_default()),
            always: always.lines().filter_map(|user| user.parse().ok()).collect(),
        }
    }

    /// Keeps a draft; an empty one is forgotten.
    pub fn draft(&self, session: SessionId, text: &str) -> io::Result<()> {
        self.write(DRAFTS, &session.to_string(), text)
    }

    /// Keeps the words that are watched for.
    pub fn watched(&self, words: &[String]) -> io::Result<()> {
        self.write("", WATCHED, &words.join("\n"))
    }

    /// Keeps whose files are fetched without asking.
    pub fn always(&self, users: &BTreeSet<UserId>) -> io::Result<()> {
        let users: Vec<String> = users.iter().map(UserId::to_string).collect();
        self.write("", ALWAYS, &users.join("\n"))
    }

    /// Keeps which conversations are listed first.
    pub fn favourites(&self, sessions: &BTreeSet<SessionId>) -> io::Result<()> {
        let sessions: Vec<String> = sessions.iter().map(SessionId::to_string).collect();
        self.write("", FAVOURITES, &sessions.join("\n"))
    }

    /// Keeps how much of conversations is shown on the desktop.
    pub fn levels(&self, levels: &BTreeMap<SessionId, Level>) -> io::Result<()> {
        let lines: Vec<String> =
            levels.iter().map(|(session, level)| format!("{session} {}", level.word())).collect();
        self.write("", LEVELS, &lines.join("\n"))
    }

    /// Keeps what the person wants.
    pub fn settings(&self, settings: Settings) -> io::Result<()> {
        self.write("", SETTINGS, &settings.write())
    }

    fn write(&self, folder: &str, name: &str, text: &str) -> io::Result<()> {
        let folder = self.folder.join(folder);
        let path = folder.join(name);
        if text.is_empty() {
            return fs::remove_file(path)
                .or_else(|e| if e.kind() == io::ErrorKind::NotFound { Ok(()) } else { Err(e) });
        }
        fs::DirBuilder::new().recursive(true).mode(0o700).create(&folder)?;
        let beside = folder.join(format!(".{name}.{}", std::process::id()));
        let mut file =
            fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&beside)?;
        file.write_all(text.as_bytes())?;
        fs::rename(beside, path)
    }
}

const DRAFTS: &str = "drafts";
const WATCHED: &str = "watched";
const FAVOURITES: &str = "favourites";
const LEVELS: &str = "notify";
const SETTINGS: &str = "settings";
const ALWAYS: &str = "get-all";

fn read(path: &Path) -> Option<String> {
    let small = fs::metadata(path).is_ok_and(|facts| facts.is_file() && facts.len() <= MAX_FILE);
    small.then(|| fs::read_to_string(path).ok()).flatten().filter(|text| !text.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn drafts_and_words_come_back_and_rubbish_does_not() {
        let dir = tempfile::tempdir().unwrap();
        let keep = Keep::at(&dir.path().join("deep"));
        assert_eq!(keep.load(), Kept::default());
        let (lobby, garden) = (SessionId([1; 16]), SessionId([2; 16]));
        keep.draft(lobby, "half a\nsentence").unwrap();
        keep.draft(garden, "x").unwrap();
        keep.draft(garden, "").unwrap();
        keep.draft(garden, "").unwrap();
        keep.watched(&["tea".into(), "日本".into()]).unwrap();
        let quiet = Settings {
            typing: false,
            read_marks: true,
            language: Some(Language::De),
            dark: Some(true),
            size: 130,
            quiet: Hours::read("22:00-07:00"),
        };
        keep.settings(quiet).unwrap();
        keep.favourites(&BTreeSet::from([garden])).unwrap();
        let levels = BTreeMap::from([(lobby, Level::All), (garden, Level::Nothing)]);
        keep.levels(&levels).unwrap();
        keep.always(&BTreeSet::from([UserId([7; 32])])).unwrap();
        fs::write(dir.path().join("deep/drafts/rubbish"), "x").unwrap();
        fs::write(dir.path().join(format!("deep/drafts/{garden}")), b"\xff\xfe").unwrap();
        let kept = keep.load();
        assert_eq!(kept.drafts, BTreeMap::from([(lobby, "half a\nsentence".to_owned())]));
        assert_eq!((kept.favourites, kept.levels), (BTreeSet::from([garden]), levels));
        assert_eq!((kept.settings, Settings::read("typing\n\nx y\nsize 9000")), (quiet, Settings::default()));
        assert_eq!(kept.watched, ["tea", "日本"]);
        assert_eq!(kept.always, BTreeSet::from([UserId([7; 32])]));
    }
}
