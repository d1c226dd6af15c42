//! Every key of the configuration: what it is, what holds without it, and why. The manual page is made of this table,
//! and so is the commented example; a test holds it against what is really read.
//!
//! Invariant: a key that is read is in the table, and a key in the table is read.

use std::fmt::Write;

/// One key.
#[derive(Debug)]
pub struct Key {
    /// The table it is in; empty: none.
    pub table: &'static str,
    /// Its name there.
    pub name: &'static str,
    /// What may stand there.
    pub kind: &'static str,
    /// What holds without it, as it would be written.
    pub default: &'static str,
    /// An example, as it is written.
    pub example: &'static str,
    /// What it does.
    pub meaning: &'static str,
    /// Why the default is what it is.
    pub reason: &'static str,
    /// Whether it holds as soon as the file is read again (SIGHUP), or from the next start on.
    pub live: bool,
}

/// The keys, in the order of the manual page.
pub const KEYS: [Key; 21] = [
    Key {
        table: "",
        name: "name",
        kind: "text",
        default: "the machine's name",
        example: "\"workshop\"",
        meaning: "This host's name, as others see it.",
        reason: "People know their machines by the names these have already.",
        live: false,
    },
    Key {
        table: "",
        name: "mode",
        kind: "\"auto\", \"multicast\", \"broadcast\" or \"unicast\"",
        default: "\"auto\"",
        example: "\"broadcast\"",
        meaning: "How frames for everybody are sent. auto sends multicast, and falls back on evidence to broadcast, or to a copy for each.",
        reason: "What works differs from network to network, and can be found out.",
        live: true,
    },
    Key {
        table: "",
        name: "port",
        kind: "number from 1024 to 65000",
        default: "47474",
        example: "5000",
        meaning: "UDP port of the group. Each daemon of the machine takes one of the 64 behind it, for UDP and TCP, for itself.",
        reason: "All hosts of a LAN must have the same; another one makes a LAN of its own.",
        live: false,
    },
    Key {
        table: "",
        name: "peers",
        kind: "list of addresses, with port or without",
        default: "[]",
        example: "[\"192.168.7.20\", \"192.168.7.21:47475\"]",
        meaning: "Hosts that are sent a copy of everything, wherever they are.",
        reason: "Others are found by themselves; this is for networks that carry neither multicast nor broadcast.",
        live: true,
    },
    Key {
        table: "",
        name: "discovery",
        kind: "\"link\" or \"peers\"",
        default: "\"link\"",
        example: "\"peers\"",
        meaning: "Who is found: everybody on the link, or the hosts in peers alone. With peers nothing is sent to everybody, and what others send is dropped and counted.",
        reason: "Without set-up everybody should see everybody. peers is for networks with strangers on them.",
        live: true,
    },
    Key {
        table: "",
        name: "operators",
        kind: "list of logins or uids",
        default: "[]",
        example: "[\"ana\"]",
        meaning: "Who besides root may do what concerns the whole machine: set the passphrase, see everybody's counters.",
        reason: "Nobody but root, as with other services.",
        live: true,
    },
    Key {
        table: "interfaces",
        name: "allow",
        kind: "list of names",
        default: "[] (all)",
        example: "[\"eth0\"]",
        meaning: "Use only these interfaces. One that is named here is used even if it is a tunnel.",
        reason: "Every link that is up may have people on it. Tunnels lead away from the link.",
        live: true,
    },
    Key {
        table: "interfaces",
        name: "deny",
        kind: "list of names",
        default: "[]",
        example: "[\"docker0\", \"virbr0\"]",
        meaning: "Never use these interfaces.",
        reason: "Bridges of containers and virtual machines are links like others, unless somebody says so.",
        live: true,
    },
    Key {
        table: "groups",
        name: "v4",
        kind: "IPv4 multicast address",
        default: "\"239.255.47.74\"",
        example: "\"239.255.1.1\"",
        meaning: "The IPv4 group.",
        reason: "Administratively scoped (RFC 2365), so that no router forwards it. All hosts must have the same.",
        live: false,
    },
    Key {
        table: "groups",
        name: "v6",
        kind: "IPv6 multicast address of link-local scope",
        default: "\"ff12::4774\"",
        example: "\"ff12::5000\"",
        meaning: "The IPv6 group.",
        reason: "Transient and link-local (RFC 4291). All hosts must have the same.",
        live: false,
    },
    Key {
        table: "quota",
        name: "programs",
        kind: "number",
        default: "64",
        example: "32",
        meaning: "Programs that one user of the system's service may have connected at once.",
        reason: "A dozen on a busy desktop, times five.",
        live: true,
    },
    Key {
        table: "quota",
        name: "sessions",
        kind: "number",
        default: "128",
        example: "64",
        meaning: "Sessions that one user may have been in.",
        reason: "What a heartbeat still tells in a few datagrams.",
        live: true,
    },
    Key {
        table: "quota",
        name: "stored",
        kind: "MiB",
        default: "1024",
        example: "256",
        meaning: "What one user's own messages may take on the disk. Beyond it, nothing more can be published in kept sessions.",
        reason: "Years of talk, and not yet a disk.",
        live: true,
    },
    Key {
        table: "quota",
        name: "files",
        kind: "MiB",
        default: "8192",
        example: "2048",
        meaning: "What the files that one user has put or fetched may take on the disk.",
        reason: "A season of pictures, and not yet a disk.",
        live: false,
    },
    Key {
        table: "retention",
        name: "chat",
        kind: "MiB",
        default: "1024",
        example: "256",
        meaning: "What the messages of one chat session may take on the disk. Beyond it the oldest are dropped, as soon as everybody who is waited for holds them; newcomers do not see them any more. Sessions by invitation are kept whole.",
        reason: "More than a lifetime of talk, and less than a day of a program that has gone mad.",
        live: true,
    },
    Key {
        table: "retention",
        name: "away",
        kind: "days",
        default: "30",
        example: "14",
        meaning: "For how long a host that was in a session is waited for before what it lacks is dropped.",
        reason: "A long holiday.",
        live: true,
    },
    Key {
        table: "retention",
        name: "covered",
        kind: "hours",
        default: "24",
        example: "168",
        meaning: "For how long the history of a board is kept after a snapshot that enough hosts hold stands for it. Replay, earlier texts and taking back what somebody did reach back so far at least.",
        reason: "What somebody did to a board today can be taken back tomorrow.",
        live: true,
    },
    Key {
        table: "apps",
        name: "allow",
        kind: "list of app ids",
        default: "[] (all)",
        example: "[\"chalktalk.chat\", \"chalktalk.whiteboard\"]",
        meaning: "Only these apps may attach or be opened.",
        reason: "Whoever may run a program may have it talk.",
        live: true,
    },
    Key {
        table: "apps",
        name: "deny",
        kind: "list of app ids",
        default: "[]",
        example: "[\"org.example.game\"]",
        meaning: "These apps may neither attach nor be opened.",
        reason: "Nothing is forbidden until somebody says so.",
        live: true,
    },
    Key {
        table: "apps",
        name: "launch",
        kind: "true or false",
        default: "true",
        example: "false",
        meaning: "Whether messages may open programs at all. With false they wait until their program is opened by hand.",
        reason: "A message for a program that is not running is to be seen. Each user decides for themselves, within this.",
        live: true,
    },
    Key {
        table: "apps",
        name: "announce",
        kind: "true or false",
        default: "true",
        example: "false",
        meaning: "Whether others on the network are told which programs are registered here (id and version, nothing else).",
        reason: "Before one asks others to run a program together, one wants to know who has it.",
        live: true,
    },
];

impl Key {
    /// Its name with its table in front.
    pub fn path(&self) -> String {
        if self.table.is_empty() { self.name.into() } else { format!("{}.{}", self.table, self.name) }
    }
}

/// The manual page chalktalkd.toml(5), in roff.
pub fn manual() -> String {
    let mut page = String::from(
        ".TH chalktalkd.toml 5\n.SH NAME\nchalktalkd.toml \\- configuration of the Chalktalk daemon\n.SH DESCRIPTION\n\
         The system's service reads \\fI/etc/chalktalk/config.toml\\fR, a user's own daemon \\fI~/.config/chalktalk/config.toml\\fR \
         (\\fI$XDG_CONFIG_HOME\\fR). Neither has to exist. Options of \\fBchalktalkd\\fR win over the file. The format is TOML.\n.PP\n\
         A key that is not known, or a value that is not allowed, is an error that names file, line and the nearest valid key: \
         \\fBchalktalkd \\-\\-check\\fR looks for them. A running daemon reads the file again on SIGHUP (\\fBsystemctl reload \
         chalktalkd\\fR) without losing a session; a file with an error in it changes nothing.\n.SH KEYS\n",
    );
    for key in &KEYS {
        let when = if key.live { "" } else { " Holds from the next start on." };
        let _ = write!(
            page,
            ".TP\n\\fB{}\\fR = \\fI{}\\fR\n{}{when}\n.br\nDefault: {}. {}\n.br\nExample: {} = {}\n",
            key.path(),
            roff(key.kind),
            roff(key.meaning),
            roff(key.default),
            roff(key.reason),
            key.name,
            roff(key.example),
        );
    }
    page += ".SH SEE ALSO\n.BR chalktalkd (8),\n.BR chalktalk (1)\n";
    page
}

fn roff(text: &str) -> String {
    text.replace('\\', "\\e").replace('-', "\\-")
}

/// A configuration in which every key stands with its example, each line commented out if `commented`.
pub fn example(commented: bool) -> String {
    let mark = if commented { "#" } else { "" };
    let mut text = String::new();
    let mut table = "";
    for key in &KEYS {
        if key.table != table {
            table = key.table;
            let _ = write!(text, "\n{mark}[{table}]\n");
        }
        let _ = write!(
            text,
            "# {} Default: {}.\n{mark}{} = {}\n",
            key.meaning, key.default, key.name, key.example
        );
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Quota, Retention};

    #[test]
    fn the_defaults_of_the_table_are_those_that_hold() {
        let of = |path: &str| KEYS.iter().find(|key| key.path() == path).unwrap().default;
        let quota = Quota::default();
        assert_eq!(of("quota.programs"), quota.programs.to_string());
        assert_eq!(of("quota.sessions"), quota.sessions.to_string());
        assert_eq!(of("quota.stored"), quota.stored.to_string());
        assert_eq!(of("quota.files"), quota.files.to_string());
        let keep = Retention::default();
        assert_eq!(of("retention.chat"), keep.chat.to_string());
        assert_eq!(of("retention.away"), keep.away.to_string());
        assert_eq!(of("retention.covered"), keep.covered.to_string());
        assert_eq!(of("port"), crate::net::PORT.to_string());
        assert_eq!(of("groups.v4"), format!("\"{}\"", crate::net::GROUP4));
        assert_eq!(of("groups.v6"), format!("\"{}\"", crate::net::GROUP6));
    }

    #[test]
    fn the_manual_tells_of_every_key() {
        let page = manual();
        for key in &KEYS {
            assert!(page.contains(&format!("\\fB{}\\fR", key.path())), "{}", key.path());
            assert!(!key.reason.is_empty() && key.meaning.ends_with('.'), "{}", key.path());
        }
        assert!(example(true).lines().all(|line| line.is_empty() || line.starts_with('#')));
    }
}
