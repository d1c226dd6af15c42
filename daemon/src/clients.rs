//! Who is behind which connection: an instance, an agent, or a program that only asks.
//!
//! Invariant: an instance has exactly one connection, and a connection at most one instance.

use crate::{config::Settings, history::Wish, local::ConnectionId};
use chalktalk_ipc::{
    HostId, InstanceId, SessionId, UserId,
    request::{Role, SessionKind, Topic},
};
use std::collections::{BTreeMap, BTreeSet};

/// Names of hosts that are remembered; more than a LAN has, so whoever fills it invents them.
const MAX_HOSTS: usize = 8192;

/// What a connection has become.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Client {
    /// It has said hello.
    pub greeted: bool,
    /// It is this instance.
    pub instance: Option<InstanceId>,
    /// How the instance takes part.
    pub role: Option<Role>,
    /// It is the user's agent.
    pub agent: bool,
    /// What it follows.
    pub watched: BTreeSet<Topic>,
    /// Sessions it has opened.
    pub open: BTreeMap<SessionId, SessionKind>,
    /// A call that waits until the store can answer it.
    pub parked: Option<Parked>,
}

/// A question about the past. What was published or received before it was asked belongs to the answer, so it waits
/// until that is on disk.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Parked {
    /// Number of the call.
    pub call: u32,
    /// What is asked.
    pub wish: Wish,
    /// The batch that has to be on disk; not known before the end of the turn.
    pub behind: Option<u64>,
}

/// Every connection's client.
#[derive(Debug)]
pub struct Clients {
    by_connection: BTreeMap<ConnectionId, Client>,
    by_instance: BTreeMap<InstanceId, ConnectionId>,
    users: BTreeMap<u32, UserId>,
    hosts: BTreeMap<HostId, String>,
    /// Uids that have become other users in this turn.
    replaced: Vec<u32>,
    /// What the operator wanted, for those who ask.
    pub settings: Settings,
}

impl Clients {
    /// Nobody yet.
    pub fn new(settings: Settings) -> Self {
        Self {
            by_connection: BTreeMap::new(),
            by_instance: BTreeMap::new(),
            users: BTreeMap::new(),
            hosts: BTreeMap::new(),
            replaced: Vec::new(),
            settings,
        }
    }

    /// A uid is another user from now on: its connections, which were the old one's, are to end.
    pub fn replace_user(&mut self, uid: u32, user: UserId) {
        self.users.insert(uid, user);
        self.replaced.push(uid);
    }

    /// Whether there are such.
    pub fn has_replaced(&self) -> bool {
        !self.replaced.is_empty()
    }

    /// The uids whose connections are to end.
    pub fn take_replaced(&mut self) -> Vec<u32> {
        std::mem::take(&mut self.replaced)
    }

    /// A uid is this user from now on.
    pub fn add_user(&mut self, uid: u32, user: UserId) {
        self.users.insert(uid, user);
    }

    /// The user that a uid is.
    pub fn user(&self, uid: u32) -> Option<UserId> {
        self.users.get(&uid).copied()
    }

    /// The client of a connection; a new one the first time.
    pub fn of(&mut self, connection: ConnectionId) -> &mut Client {
        self.by_connection.entry(connection).or_default()
    }

    /// A connection has become an instance.
    pub fn attached(&mut self, connection: ConnectionId, instance: InstanceId, role: Role) {
        let client = self.of(connection);
        client.instance = Some(instance);
        client.role = Some(role);
        self.by_instance.insert(instance, connection);
    }

    /// A connection has ended. What it was.
    pub fn remove(&mut self, connection: ConnectionId) -> Option<Client> {
        let client = self.by_connection.remove(&connection)?;
        if let Some(instance) = client.instance {
            self.by_instance.remove(&instance);
        }
        Some(client)
    }

    /// Where an instance is reached.
    pub fn connection(&self, instance: InstanceId) -> Option<ConnectionId> {
        self.by_instance.get(&instance).copied()
    }

    /// Every connection with what it is.
    pub fn iter(&self) -> impl Iterator<Item = (ConnectionId, &Client)> {
        self.by_connection.iter().map(|(id, client)| (*id, client))
    }

    /// Every client.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = (ConnectionId, &mut Client)> {
        self.by_connection.iter_mut().map(|(id, client)| (*id, client))
    }

    /// Learns the names of the hosts that are there. Those that have gone are remembered: their messages have not.
    pub fn set_hosts(&mut self, hosts: impl IntoIterator<Item = (HostId, String)>) {
        if self.hosts.len() > MAX_HOSTS {
            self.hosts.clear();
        }
        self.hosts.extend(hosts);
    }

    /// A host's name, or the beginning of its id.
    pub fn host_name(&self, host: HostId) -> String {
        self.hosts.get(&host).cloned().unwrap_or_else(|| format!("{:.8}", host.to_string()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::local::ConnectionId;

    #[test]
    fn an_instance_is_found_until_its_connection_ends() {
        let mut clients = Clients::new(Settings::default());
        clients.add_user(7, UserId([7; 32]));
        let (one, two) = (ConnectionId::of(1), ConnectionId::of(2));
        clients.attached(one, InstanceId([1; 16]), Role::App);
        clients.of(two).agent = true;
        assert_eq!(clients.connection(InstanceId([1; 16])), Some(one));
        assert_eq!(
            clients.iter().filter(|(_, client)| client.agent).map(|(id, _)| id).collect::<Vec<_>>(),
            [two]
        );
        assert_eq!(clients.remove(one).unwrap().instance, Some(InstanceId([1; 16])));
        assert_eq!(clients.connection(InstanceId([1; 16])), None);
        assert_eq!(clients.remove(one), None);
        assert_eq!((clients.user(7), clients.user(8)), (Some(UserId([7; 32])), None));
    }

    #[test]
    fn hosts_without_a_name_go_by_their_id_and_invented_ones_do_not_pile_up() {
        let mut clients = Clients::new(Settings::default());
        clients.set_hosts([(HostId([1; 16]), "shed".to_owned())]);
        assert_eq!(clients.host_name(HostId([1; 16])), "shed");
        assert_eq!(clients.host_name(HostId([0xab; 16])), "abababab");
        for n in 0..3 * MAX_HOSTS as u64 {
            let mut id = [0; 16];
            id[..8].copy_from_slice(&n.to_le_bytes());
            clients.set_hosts([(HostId(id), "x".to_owned())]);
        }
        assert!(clients.hosts.len() <= MAX_HOSTS + 1);
    }
}
