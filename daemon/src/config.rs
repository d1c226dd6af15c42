//! What the operator wants: options, then the configuration file, then what is usual.
//!
//! Invariant: what leaves this module is checked; nothing after it complains about a value.

pub mod keys;

use crate::{
    identity::account_uid,
    net::{
        Groups, PORT,
        interfaces::{Mode, Wishes},
    },
};
use chalktalk_ipc::{AppId, text};
use chalktalk_protocol::node::Keep;
use clap::Parser;
use serde::Deserialize;
use std::{
    fs, io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    path::{Path, PathBuf},
    time::Duration,
};

/// The options of `chalktalkd`, as they are typed.
#[derive(Parser, Clone, PartialEq, Eq, Debug, Default)]
#[command(
    name = "chalktalkd",
    version,
    about = "Chalktalk's daemon: lets the programs of this machine talk with others on the local network"
)]
pub struct Options {
    /// Serve every user of this machine: to be run as the service's own user, or as root
    #[arg(long)]
    pub system: bool,
    /// Use only this interface (may be given several times)
    #[arg(long = "interface", value_name = "IF")]
    pub interfaces: Vec<String>,
    /// How to send
    #[arg(long, value_enum)]
    pub mode: Option<Mode>,
    /// UDP port of the group
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1024..=65_000))]
    pub port: Option<u16>,
    /// This host's name, as others see it
    #[arg(long)]
    pub name: Option<String>,
    /// Read this configuration instead of the usual one
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Check the configuration, print `ok` or what is wrong, and end
    #[arg(long)]
    pub check: bool,
    /// Write every datagram sent and received to this file (pcap: Wireshark and tshark read it)
    #[arg(long, value_name = "FILE")]
    pub trace: Option<PathBuf>,
    /// Print a manual page in roff: `chalktalkd` or `chalktalkd.toml`; or an `example` of the configuration
    #[arg(long, value_name = "PAGE", hide = true)]
    pub manual: Option<Manual>,
}

/// What `--manual` prints.
#[derive(Clone, Copy, PartialEq, Eq, Debug, clap::ValueEnum)]
pub enum Manual {
    /// chalktalkd(8).
    #[value(name = "chalktalkd")]
    Daemon,
    /// chalktalkd.toml(5).
    #[value(name = "chalktalkd.toml")]
    Configuration,
    /// A configuration with every key, commented out.
    Example,
}

/// What holds, once everything was looked at.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Settings {
    /// Interfaces and how to send on them.
    pub wishes: Wishes,
    /// UDP port of the group.
    pub port: u16,
    /// This host's name, if it is not the machine's.
    pub name: Option<String>,
    /// The multicast groups.
    pub groups: Groups,
    /// Hosts that are reached by unicast wherever they are.
    pub peers: Vec<SocketAddr>,
    /// Who is found.
    pub discovery: Discovery,
    /// Uids that may do, besides root, what concerns the whole machine.
    pub operators: Vec<u32>,
    /// Which apps may take part.
    pub apps: Apps,
    /// What one user may take, where several share the daemon.
    pub quota: Quota,
    /// How much of the past is kept.
    pub keep: Retention,
}

/// Who is found.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Discovery {
    /// Everybody on the link.
    #[default]
    Link,
    /// The peers that are named, alone.
    Peers,
}

/// Which apps may take part.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Apps {
    /// Only these; empty: all.
    pub allow: Vec<AppId>,
    /// Never these.
    pub deny: Vec<AppId>,
    /// Whether messages may open programs.
    pub launch: bool,
    /// Whether others are told which are registered.
    pub announce: bool,
}

impl Default for Apps {
    fn default() -> Self {
        Self { allow: Vec::new(), deny: Vec::new(), launch: true, announce: true }
    }
}

impl Apps {
    /// Whether an app may attach.
    pub fn admit(&self, app: &AppId) -> bool {
        (self.allow.is_empty() || self.allow.contains(app)) && !self.deny.contains(app)
    }
}

/// What one user may take of a daemon that several share.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Quota {
    /// Programs connected at once.
    pub programs: usize,
    /// Sessions the user has been in.
    pub sessions: usize,
    /// MiB of own messages on the disk.
    pub stored: u64,
    /// MiB of files on the disk that were put or fetched.
    pub files: u64,
}

impl Default for Quota {
    /// Programs: a dozen on a busy desktop, times five. Sessions: what a heartbeat still tells in a few datagrams.
    /// Stored: years of talk, and not yet a disk. Files: a few films.
    fn default() -> Self {
        Self { programs: 64, sessions: 128, stored: 1024, files: 8192 }
    }
}

/// How much of the past is kept.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Retention {
    /// MiB of the messages of one chat session on the disk.
    pub chat: u64,
    /// Days for which who is away is waited for.
    pub away: u32,
    /// Hours for which entries are kept that a snapshot stands for.
    pub covered: u32,
}

impl Default for Retention {
    fn default() -> Self {
        Self { chat: 1024, away: 30, covered: 24 }
    }
}

impl From<Retention> for Keep {
    fn from(retention: Retention) -> Self {
        let hour = Duration::from_secs(3600);
        Self {
            chat: retention.chat.saturating_mul(1 << 20),
            away: (24 * hour).saturating_mul(retention.away),
            covered: hour.saturating_mul(retention.covered),
        }
    }
}

/// Why a configuration does not hold.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// It cannot be read.
    #[error("cannot read {path}: {source}")]
    Read {
        /// Which file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// It is not what is expected.
    #[error("{path}:{line}: {problem}")]
    Wrong {
        /// Which file.
        path: PathBuf,
        /// Which line, from 1.
        line: usize,
        /// What is wrong, and what may have been meant.
        problem: String,
    },
    /// An operator who is nobody.
    #[error("operators: there is no user {0:?} on this machine")]
    Nobody(String),
    /// A name of which nothing is left once it is fit to be shown.
    #[error("the name {0:?} has no visible characters; choose another")]
    Name(String),
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
struct File {
    name: Option<String>,
    port: Option<Port>,
    mode: Option<Mode>,
    #[serde(default)]
    peers: Vec<Peer>,
    #[serde(default)]
    discovery: Discovery,
    #[serde(default)]
    operators: Vec<Login>,
    #[serde(default)]
    groups: GroupNames,
    #[serde(default)]
    apps: Apps,
    #[serde(default)]
    interfaces: Names,
    #[serde(default)]
    quota: Quota,
    #[serde(default)]
    retention: Retention,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
struct Names {
    #[serde(default)]
    allow: Vec<String>,
    #[serde(default)]
    deny: Vec<String>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
struct GroupNames {
    v4: Option<Group4>,
    v6: Option<Group6>,
}

#[derive(Deserialize)]
#[serde(try_from = "Ipv4Addr")]
struct Group4(Ipv4Addr);

impl TryFrom<Ipv4Addr> for Group4 {
    type Error = String;
    fn try_from(address: Ipv4Addr) -> Result<Self, String> {
        match address.is_multicast() {
            true => Ok(Self(address)),
            false => Err(format!("{address} is no multicast address; take one from 239.255.0.0/16")),
        }
    }
}

#[derive(Deserialize)]
#[serde(try_from = "Ipv6Addr")]
struct Group6(Ipv6Addr);

impl TryFrom<Ipv6Addr> for Group6 {
    type Error = String;
    fn try_from(address: Ipv6Addr) -> Result<Self, String> {
        // RFC 4291 §2.7: the scope is in the second byte's lower half; 2 is link-local.
        match address.octets() {
            [0xff, flags, ..] if flags & 0x0f == 2 => Ok(Self(address)),
            _ => {
                Err(format!("{address} is no multicast address of link-local scope; take one from ff12::/16"))
            }
        }
    }
}

/// A user of this machine, as the configuration names them.
#[derive(Deserialize)]
#[serde(untagged)]
enum Login {
    Uid(u32),
    Name(String),
}

impl Login {
    fn uid(self) -> Result<u32, ConfigError> {
        match self {
            Self::Uid(uid) => Ok(uid),
            Self::Name(name) => account_uid(&name).ok_or(ConfigError::Nobody(name)),
        }
    }
}

/// A host that is to be reached by unicast: an address, with a port or without.
#[derive(Deserialize)]
#[serde(untagged)]
enum Peer {
    Address(IpAddr),
    Socket(SocketAddr),
}

#[derive(Deserialize)]
#[serde(try_from = "u16")]
struct Port(u16);

impl TryFrom<u16> for Port {
    type Error = &'static str;
    fn try_from(port: u16) -> Result<Self, &'static str> {
        // Lower ports need privileges; behind the group's port the daemons of a machine need 64 of their own.
        if (1024..=65_000).contains(&port) { Ok(Self(port)) } else { Err("port must be 1024 to 65000") }
    }
}

impl Settings {
    /// Reads the configuration (`usual` if no other is named; it need not exist) and lets the options win.
    pub fn read(options: &Options, usual: &Path) -> Result<Self, ConfigError> {
        let (path, must_exist) = match &options.config {
            Some(path) => (path.as_path(), true),
            None => (usual, false),
        };
        let text = match fs::read_to_string(path) {
            Err(e) if e.kind() == io::ErrorKind::NotFound && !must_exist => String::new(),
            other => other.map_err(|source| ConfigError::Read { path: path.to_owned(), source })?,
        };
        let file: File = toml::from_str(&text).map_err(|e| explain(path, &text, &e))?;
        let name = options.name.clone().or(file.name).map(|name| match text::label(&name) {
            label if label.is_empty() => Err(ConfigError::Name(name)),
            label => Ok(label),
        });
        let only =
            if options.interfaces.is_empty() { file.interfaces.allow } else { options.interfaces.clone() };
        let mode = match file.discovery {
            Discovery::Link => options.mode.or(file.mode).unwrap_or_default(),
            Discovery::Peers => Mode::Unicast,
        };
        let port = options.port.or(file.port.map(|port| port.0)).unwrap_or(PORT);
        let socket = |peer: &Peer| match peer {
            Peer::Address(address) => SocketAddr::new(*address, port),
            Peer::Socket(socket) => *socket,
        };
        Ok(Self {
            wishes: Wishes { only, never: file.interfaces.deny, mode },
            port,
            name: name.transpose()?,
            groups: Groups {
                v4: file.groups.v4.map_or(Groups::default().v4, |group| group.0),
                v6: file.groups.v6.map_or(Groups::default().v6, |group| group.0),
            },
            peers: file.peers.iter().map(socket).collect(),
            discovery: file.discovery,
            operators: file.operators.into_iter().map(Login::uid).collect::<Result<_, _>>()?,
            apps: file.apps,
            quota: file.quota,
            keep: file.retention,
        })
    }
}

fn explain(path: &Path, text: &str, error: &toml::de::Error) -> ConfigError {
    let at = error.span().map_or(0, |span| span.start.min(text.len()));
    let line = text.as_bytes()[..at].iter().filter(|byte| **byte == b'\n').count() + 1;
    let message = error.message();
    // serde says: unknown field `a`, expected one of `b`, `c`
    let mut quoted = message.split('`').skip(1).step_by(2);
    let problem = match (message.starts_with("unknown field"), quoted.next()) {
        (true, Some(key)) => match quoted.min_by_key(|valid| text::edits(key, valid)) {
            Some(valid) => format!("unknown key `{key}`; did you mean `{valid}`?"),
            None => format!("unknown key `{key}`"),
        },
        _ => message.to_owned(),
    };
    ConfigError::Wrong { path: path.to_owned(), line, problem }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(arguments: &[&str], text: &str) -> Result<Settings, String> {
        static NUMBER: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let path =
            std::env::temp_dir().join(format!("chalktalk-config-{}-{number}.toml", std::process::id()));
        fs::write(&path, text).unwrap();
        let options = Options::parse_from([&["chalktalkd"], arguments].concat());
        let settings = Settings::read(&options, &path).map_err(|e| e.to_string());
        fs::remove_file(path).unwrap();
        settings
    }

    #[test]
    fn options_win_over_the_file_and_the_file_over_what_is_usual() {
        let usual = settings(&[], "").unwrap();
        assert_eq!((usual.port, usual.wishes.mode, usual.name), (PORT, Mode::Auto, None));
        let text = "name = \"shed\"\nport = 2000\npeers = [\"10.0.0.7\", \"[fe80::1]:9\"]\nmode = \"broadcast\"\n[interfaces]\nallow = [\"a\"]\ndeny = [\"b\"]\n";
        let file = settings(&[], text).unwrap();
        assert_eq!(
            (file.port, file.wishes.mode, file.name.as_deref()),
            (2000, Mode::Broadcast, Some("shed"))
        );
        assert_eq!(file.peers, ["10.0.0.7:2000".parse().unwrap(), "[fe80::1]:9".parse().unwrap()]);
        assert_eq!(settings(&[], "[quota]\nstored = 5\n").unwrap().quota, Quota { stored: 5, ..usual.quota });
        assert_eq!((file.wishes.only, file.wishes.never), (vec!["a".into()], vec!["b".into()]));
        let options = [
            "--name",
            "loft",
            "--port",
            "3000",
            "--mode",
            "multicast",
            "--interface",
            "c",
            "--interface",
            "d",
        ];
        let both = settings(&options, text).unwrap();
        assert_eq!(
            (both.port, both.wishes.mode, both.name.as_deref()),
            (3000, Mode::Multicast, Some("loft"))
        );
        assert_eq!(both.wishes.only, ["c", "d"]);
    }

    #[test]
    fn every_key_of_the_table_is_read_and_no_other() {
        let text = keys::example(false).replace("\"ana\"", "\"root\"");
        let all = settings(&[], &text).unwrap();
        assert_eq!((all.operators.as_slice(), all.apps.launch, all.apps.announce), (&[0][..], false, false));
        assert_eq!(all.groups.v4, Ipv4Addr::new(239, 255, 1, 1));
        assert_eq!(
            (all.discovery, all.wishes.mode),
            (Discovery::Peers, Mode::Unicast),
            "nothing for everybody"
        );
        for table in ["", "interfaces", "groups", "quota", "retention", "apps"] {
            let text = if table.is_empty() { "zzz = 1".into() } else { format!("[{table}]\nzzz = 1\n") };
            let error = toml::from_str::<File>(&text).err().unwrap().message().to_owned();
            let mut read: Vec<&str> = error.split('`').skip(3).step_by(2).collect();
            read.retain(|name| {
                !table.is_empty() || !["interfaces", "groups", "quota", "retention", "apps"].contains(name)
            });
            let mut told: Vec<&str> =
                keys::KEYS.iter().filter(|key| key.table == table).map(|key| key.name).collect();
            read.sort_unstable();
            told.sort_unstable();
            assert_eq!(read, told, "{table}: {error}");
        }
    }

    #[test]
    fn apps_are_admitted_by_what_is_allowed_and_denied() {
        let apps = |text| settings(&[], text).unwrap().apps;
        let (chat, game) = (AppId::chat(), "org.example.game".parse().unwrap());
        assert!(apps("").admit(&chat) && apps("").admit(&game) && apps("").launch);
        let only_chat = apps("[apps]\nallow = [\"chalktalk.chat\"]\n");
        assert!(only_chat.admit(&chat) && !only_chat.admit(&game));
        assert!(!apps("[apps]\ndeny = [\"org.example.game\"]\n").admit(&game));
    }

    #[test]
    fn mistakes_are_told_with_line_and_remedy() {
        let wrong = |text| settings(&[], text).unwrap_err();
        let unknown = wrong("name = \"x\"\n\n[interfaces]\nalow = []\n");
        assert!(unknown.ends_with(".toml:4: unknown key `alow`; did you mean `allow`?"), "{unknown}");
        assert!(wrong("prot = 1\n").contains(":1: unknown key `prot`; did you mean `port`?"));
        assert!(
            wrong("[quota]\nprogram = 1\n").contains(":2: unknown key `program`; did you mean `programs`?")
        );
        assert!(wrong("port = 80\n").contains("1024"), "{}", wrong("port = 80\n"));
        assert!(wrong("[groups]\nv4 = \"10.0.0.1\"\n").contains("no multicast address"));
        assert!(
            wrong("[groups]\nv6 = \"ff0e::1\"\n").contains("link-local scope"),
            "it could leave the link"
        );
        assert!(wrong("operators = [\"nobody-at-all\"]\n").contains("there is no user"));
        assert!(wrong("[apps]\nalow = []\n").contains(":2: unknown key `alow`; did you mean `allow`?"));
        assert!(wrong("mode = \"loud\"\n").contains("loud"));
        assert!(wrong("name = \n").contains(":1: "));
        assert!(wrong("name = \"\u{202e}\"").contains("no visible characters"));
        assert!(
            settings(&["--config", "/nonexistent/x.toml"], "").unwrap_err().contains("/nonexistent/x.toml")
        );
    }

    #[test]
    fn the_options_are_those_that_are_documented() {
        use clap::CommandFactory;
        Options::command().debug_assert();
        for bad in
            [&["chalktalkd", "--port", "80"][..], &["chalktalkd", "--mode", "x"], &["chalktalkd", "extra"]]
        {
            assert!(Options::try_parse_from(bad).is_err());
        }
    }
}
