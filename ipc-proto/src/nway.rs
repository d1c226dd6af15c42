//! Running an app together: what programs, agents and daemons say of app sessions.
//!
//! An *app session* is started from within another session, its parent. Everybody in the parent is asked; who accepts gets
//! the app launched, and becomes a participant.

use crate::{
    ids::{AppId, HostId, SessionId, UserId},
    request::Availability,
};
use serde::{Deserialize, Serialize};
use std::net::IpAddr;

/// Longest text that says why something did not work, in bytes: it travels in one datagram with everything else.
pub const MAX_DETAIL: usize = 200;

/// How the copies of an app find each other.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Model {
    /// All are alike, and start as soon as enough have accepted.
    #[default]
    Peers,
    /// The copy of who invites is the host; the others start when it is ready, with its address and port.
    Host,
}

/// What a participant is.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Part {
    /// The copy the others connect to.
    Host,
    /// One of those who take part.
    #[default]
    Player,
    /// One who looks on, and takes no player's place.
    Observer,
}

/// How somebody stands to an app session.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// The invitation has come, and has not been answered.
    Asked,
    /// They accepted, and wait for others, for the host, or for a place.
    Accepted,
    /// The program is being started, or is not ready.
    Starting,
    /// The program runs.
    In,
    /// They said no.
    Declined,
    /// The app, or what it needs, is not there.
    Missing,
    /// The program could not be started, or ended with a failure.
    Failed,
    /// The program has ended, or they withdrew.
    Left,
}

impl Standing {
    /// Whether they take part, or are about to.
    pub fn is_active(self) -> bool {
        matches!(self, Self::Accepted | Self::Starting | Self::In)
    }

    /// As people read it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Asked => "asked",
            Self::Accepted => "accepted",
            Self::Starting => "starting",
            Self::In => "in",
            Self::Declined => "declined",
            Self::Missing => "missing",
            Self::Failed => "failed",
            Self::Left => "left",
        }
    }
}

/// When an app may be launched because somebody else invites to it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Policy {
    /// At once.
    Auto,
    /// At once for people whose key was verified, else the user is asked.
    Known,
    /// When the user has said yes.
    #[default]
    Ask,
    /// Never: invitations are declined.
    Never,
}

/// A policy that holds for one person.
#[derive(Clone, PartialEq, Eq, Debug, Hash, Serialize, Deserialize)]
pub struct Rule {
    /// Name, or at least 8 digits of the key.
    pub person: String,
    /// What holds for them.
    pub policy: Policy,
}

/// One participant, or somebody who was asked.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Participant {
    /// The person.
    pub user: UserId,
    /// Their name, fit for display.
    pub name: String,
    /// The host they are on.
    pub host_id: HostId,
    /// Its name, fit for display.
    pub host: String,
    /// Whether that host is on the network now.
    pub present: bool,
    /// How they stand.
    pub standing: Standing,
    /// As what.
    pub part: Part,
    /// Which of the places they have, from 1; absent: none yet, or they only look on.
    pub place: Option<u16>,
    /// Where their copy can be reached.
    #[serde(with = "addresses")]
    pub addresses: Vec<IpAddr>,
    /// The port it listens on; 0: none.
    pub port: u16,
    /// Its process id on that host; 0: none.
    pub pid: u32,
    /// Its exit status, or 128 + the signal that ended it, once it has ended.
    pub status: Option<i32>,
    /// Why, where there is something to explain; fit for display.
    pub detail: String,
}

/// What an agent needs to launch one copy of an app that is run together. Everything that comes from the network is a typed
/// field here, and becomes one argument or one variable.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Run {
    /// The session that the app session was started from.
    pub parent: SessionId,
    /// As what this copy runs.
    pub part: Part,
    /// Which place it has, from 1; 0: none.
    pub place: u16,
    /// The user's name.
    pub user: String,
    /// This host's address, as others reach it.
    #[serde(with = "address")]
    pub my_address: Option<IpAddr>,
    /// Where the host's copy is, for those who join it.
    #[serde(with = "address")]
    pub host_address: Option<IpAddr>,
    /// The port of the host's copy; 0: none.
    pub host_port: u16,
    /// Whether the launch follows a policy rather than a word of the user: not while the screen is locked.
    pub automatic: bool,
    /// Everybody who takes part, in the order of their places.
    pub members: Vec<RunMember>,
}

/// One of those who take part, for a program.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct RunMember {
    /// Their name, fit for display.
    pub name: String,
    /// Where their copy can be reached.
    #[serde(with = "address")]
    pub address: Option<IpAddr>,
    /// The port it listens on; 0: none yet.
    pub port: u16,
    /// Its process id there; 0: none yet.
    pub pid: u32,
    /// As what they take part.
    pub part: Part,
    /// Whether this is the launched copy itself.
    pub me: bool,
}

/// A launched program that an agent watches, told to a daemon that has come back.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Running {
    /// The app session.
    pub session: SessionId,
    /// The app.
    pub app: AppId,
    /// The process.
    pub pid: u32,
    /// The port it listens on; 0: none.
    pub port: u16,
    /// Whether it is ready.
    pub ready: bool,
}

/// An app session as one of its parent sees it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct AppSession {
    /// Its id.
    pub session: SessionId,
    /// The app.
    pub app: AppId,
    /// What it is called.
    pub title: String,
    /// The version that who invited has; empty: unknown.
    pub version: String,
    /// The session it was started from.
    pub parent: SessionId,
    /// How the copies find each other.
    pub model: Model,
    /// How many have to accept before anything starts.
    pub least: u16,
    /// How many can take part; more wait.
    pub most: u16,
    /// Who started it.
    pub creator: UserId,
    /// Their name, fit for display.
    pub creator_name: String,
    /// Whether nobody takes part any more, or it never began.
    pub ended: bool,
    /// Whether it was called off: nobody is let in any more.
    pub cancelled: bool,
    /// Everybody who has been asked, those who take part first, in the order of their places.
    pub participants: Vec<Participant>,
    /// The last lines that the user's own copy wrote, where it has ended.
    pub said: Vec<String>,
}

/// What an invitation to an app session says besides.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct AppInvitation {
    /// The session it came in.
    pub parent: SessionId,
    /// What that is called: `#room` or `@name`.
    pub parent_title: String,
    /// The version of the app that who invites has.
    pub version: String,
    /// The app's name on this host; absent: it is not registered here.
    pub app_name: Option<String>,
    /// The version registered here.
    pub own_version: Option<String>,
    /// What keeps the user from accepting; empty: nothing.
    pub lacks: String,
    /// The text form of the invitation: `invite nway ID APP VERSION TITLE`.
    pub text: String,
}

/// Somebody on the network, and what they have registered.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct AppOwner {
    /// The person.
    pub user: UserId,
    /// Their name, fit for display.
    pub name: String,
    /// The host they are on.
    pub host_id: HostId,
    /// Its name, fit for display.
    pub host: String,
    /// How available they are.
    pub status: Availability,
    /// Whether this is the calling user on this host.
    pub me: bool,
    /// What can be run there; absent: they do not tell, or no agent runs that could open programs.
    pub apps: Option<Vec<OwnedApp>>,
}

/// A registered app.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct OwnedApp {
    /// Which.
    pub app: AppId,
    /// In which version; empty: its manifest names none.
    pub version: String,
    /// Its name, as the registry of this host gives it; empty: it is not registered here.
    pub name: String,
}

/// What an app needs to be run together, as its manifest says.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Together {
    /// How the copies find each other.
    pub model: Model,
    /// How many have to accept before anything starts.
    pub least: u16,
    /// How many can take part.
    pub most: u16,
    /// When others' invitations may launch it.
    pub policy: Policy,
    /// What holds for single people instead.
    pub rules: Vec<Rule>,
}

impl Default for Together {
    fn default() -> Self {
        Self { model: Model::Peers, least: 2, most: MOST, policy: Policy::Ask, rules: Vec::new() }
    }
}

/// The most that can take part where the manifest says nothing: as many as the largest LAN has.
pub const MOST: u16 = 1000;

/// Addresses as text, in every encoding.
mod addresses {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};
    use std::net::IpAddr;

    pub(super) fn serialize<S: Serializer>(addresses: &[IpAddr], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(addresses.iter().map(ToString::to_string))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<IpAddr>, D::Error> {
        let texts = Vec::<String>::deserialize(deserializer)?;
        texts.iter().map(|text| text.parse().map_err(D::Error::custom)).collect()
    }
}

/// One address as text, or nil.
mod address {
    use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};
    use std::net::IpAddr;

    pub(super) fn serialize<S: Serializer>(
        address: &Option<IpAddr>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        address.map(|address| address.to_string()).serialize(serializer)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<IpAddr>, D::Error> {
        let text = Option::<String>::deserialize(deserializer)?;
        text.map(|text| text.parse().map_err(D::Error::custom)).transpose()
    }
}
