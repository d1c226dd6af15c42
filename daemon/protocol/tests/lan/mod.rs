//! A few nodes on one wire that loses nothing and that somebody listens to.

use chalktalk_ipc::{
    Answer, AppId, Event, InstanceId, SessionId, UserId,
    batch::{Class, Outgoing, PublishHead},
    request::{From, Role, SessionKind},
};
use chalktalk_protocol::{
    Instant, Node, NodeConfig, UserSeeds,
    net::{Arrival, Link, LinkId, Route, Way},
    node::{Action, Attach},
    session::delivery::Delivery,
    store::{Restored, Write},
};
use std::{
    net::{Ipv4Addr, SocketAddr},
    time::Duration,
};

const LINK: LinkId = LinkId(1);

/// The wire, who is on it, and everything that was ever sent.
pub(crate) struct Lan {
    pub(crate) now: Instant,
    pub(crate) hosts: Vec<Host>,
    pub(crate) recorded: Vec<Vec<u8>>,
}

/// A host with one user and one chat.
pub(crate) struct Host {
    pub(crate) node: Node,
    pub(crate) user: UserId,
    pub(crate) chat: InstanceId,
    pub(crate) address: SocketAddr,
    pub(crate) heard: Vec<(SessionId, String)>,
    pub(crate) events: Vec<Event>,
    pub(crate) disk: Restored,
    up: bool,
}

pub(crate) fn address(host: usize) -> SocketAddr {
    (Ipv4Addr::new(10, 0, 0, host as u8 + 1), 47475).into()
}

impl Host {
    fn start(n: usize, life: u64, now: Instant, disk: Restored) -> Self {
        Self::start_as(n, n as u8 * 8 + 2, life, now, disk)
    }

    /// With a user of these keys.
    fn start_as(n: usize, user: u8, life: u64, now: Instant, disk: Restored) -> Self {
        let seed = n as u8 * 8 + 1;
        let rng_seed = [seed + 3 + 100 * (life as u8 - 1); 32];
        let config = NodeConfig::new(&format!("host{n}"), [seed; 32], rng_seed, life);
        let mut node = Node::new(config, disk.clone(), now, 1);
        let name = ["ana", "ben", "chloé", "dan"][n].to_owned();
        let seeds = UserSeeds { user: [user; 32], origin: [user + 1; 32], name };
        let user = node.add_user(now, seeds);
        let SocketAddr::V4(v4) = address(n) else { unreachable!() };
        let link = Link {
            id: LINK,
            name: "eth0".into(),
            mtu: 1500,
            v4: vec![(*v4.ip(), 24)],
            v6: None,
            ways: Way::GROUP.to_vec(),
        };
        node.set_links(now, vec![link]);
        let wish = Attach { instance: None, app: AppId::chat(), pid: 1, role: Role::App, token: None };
        let Ok(Answer::Attached { instance, .. }) = node.attach(now, user, wish) else { panic!() };
        let (heard, events) = (Vec::new(), Vec::new());
        Self { node, user, chat: instance, address: address(n), heard, events, disk, up: true }
    }
}

impl Lan {
    /// So many hosts that know each other.
    pub(crate) fn new(hosts: usize) -> Self {
        let hosts = (0..hosts).map(|n| Host::start(n, 1, Instant::ZERO, Restored::default())).collect();
        let mut lan = Self { now: Instant::ZERO, hosts, recorded: Vec::new() };
        lan.run(3000);
        lan
    }

    /// Lets so many milliseconds pass.
    pub(crate) fn run(&mut self, ms: u64) {
        let end = self.now + Duration::from_millis(ms);
        loop {
            while self.exchange() {}
            let due = self.hosts.iter().filter(|h| h.up).filter_map(|h| h.node.poll_timeout()).min();
            self.now = due.unwrap_or(end).max(self.now + Duration::from_micros(50)).min(end);
            if self.now >= end {
                return;
            }
            let now = self.now;
            self.hosts.iter_mut().filter(|h| h.up).for_each(|host| host.node.handle_timeout(now));
        }
    }

    /// Carries away what every node has to say. False: nothing.
    fn exchange(&mut self) -> bool {
        let now = self.now;
        let mut sent = Vec::new();
        for (n, host) in self.hosts.iter_mut().enumerate().filter(|(_, host)| host.up) {
            while let Some(transmit) = host.node.poll_transmit(now) {
                sent.extend(transmit.datagrams.into_iter().map(|datagram| (n, transmit.route, datagram)));
            }
            while let Some(batch) = host.node.poll_write() {
                batch.writes.iter().for_each(|write| keep(&mut host.disk, write));
                host.node.stored(now, batch.number);
            }
            while let Some(action) = host.node.poll_action() {
                if let Action::Notify(_, event) = action {
                    host.events.push(event);
                }
            }
            for instance in host.node.ready() {
                let heard = &mut host.heard;
                host.node.deliver(now, instance, 1 << 20, &mut |session, delivery| {
                    if let Delivery::Message(_, message) = delivery {
                        heard.push((session, String::from_utf8_lossy(message.payload).into_owned()));
                    }
                });
            }
        }
        let any = !sent.is_empty();
        for (from, route, datagram) in sent {
            self.recorded.push(datagram.to_vec());
            let way = match route {
                Route::Group(_, way) => way,
                Route::Host(_) => Way::Unicast,
            };
            let meant = |host: &Host| !matches!(route, Route::Host(to) if to != host.address);
            let from_address = self.hosts[from].address;
            for (n, host) in self.hosts.iter_mut().enumerate() {
                if n != from && host.up && meant(host) {
                    let arrival = Arrival { link: LINK, way, from: from_address };
                    host.node.handle_datagram(now, arrival, &datagram);
                }
            }
        }
        any
    }

    /// A datagram by somebody who is no host of ours reaches everybody.
    pub(crate) fn inject(&mut self, from: SocketAddr, datagram: &[u8]) {
        let arrival = Arrival { link: LINK, way: Way::Multicast4, from };
        for host in self.hosts.iter_mut().filter(|host| host.up) {
            host.node.handle_datagram(self.now, arrival, datagram);
        }
    }

    /// A host's chat opens a conversation.
    pub(crate) fn enter(&mut self, host: usize, target: &str) -> SessionId {
        let (now, Host { node, user, chat, .. }) = (self.now, &mut self.hosts[host]);
        let joined = node.join(now, *user, target, &AppId::chat(), SessionKind::Kept, true);
        let Ok(Answer::Session(summary)) = joined else { panic!("{joined:?}") };
        node.open(now, *chat, summary.session, &From::Start).expect("it was joined");
        summary.session
    }

    /// A host's chat says something.
    pub(crate) fn say(&mut self, host: usize, session: SessionId, number: u64, text: &str) {
        self.publish(host, session, number, text, Class::Durable);
    }

    pub(crate) fn publish(&mut self, host: usize, session: SessionId, number: u64, text: &str, class: Class) {
        let head = PublishHead { session, destination: InstanceId::NIL, first: number, class };
        let message = Outgoing::new(text.as_bytes());
        let Host { node, chat, .. } = &mut self.hosts[host];
        node.publish(self.now, *chat, &head, [Ok(message)].into_iter()).expect("within the credit");
    }

    /// A host loses its power, and comes back with what its disk holds: records, and none of the entries.
    pub(crate) fn restart(&mut self, host: usize) {
        let disk = self.hosts[host].disk.clone();
        self.hosts[host] = Host::start(host, 2, self.now, disk);
    }

    /// One more host comes, whose user has other keys than the host of this number otherwise.
    pub(crate) fn come_as(&mut self, user: u8) {
        let (n, now) = (self.hosts.len(), self.now);
        self.hosts.push(Host::start_as(n, user, 1, now, Restored::default()));
    }

    /// A host's chat leaves a conversation.
    pub(crate) fn leave(&mut self, host: usize, session: SessionId) {
        let Host { node, user, .. } = &mut self.hosts[host];
        let left = node.leave(self.now, *user, &session.to_string(), &AppId::chat());
        assert_eq!(left, Ok(Answer::Done));
    }

    /// A host leaves the network.
    pub(crate) fn stop(&mut self, host: usize) {
        let now = self.now;
        self.hosts[host].node.stop(now);
        self.exchange();
        self.hosts[host].up = false;
    }

    /// What a host's chat has been shown in a session.
    pub(crate) fn heard(&self, host: usize, session: SessionId) -> Vec<&str> {
        let here = self.hosts[host].heard.iter().filter(|(at, _)| *at == session);
        here.map(|(_, text)| text.as_str()).collect()
    }

    /// The names of the users that a host sees.
    pub(crate) fn seen(&self, host: usize) -> Vec<String> {
        let Host { node, user, .. } = &self.hosts[host];
        let mut names: Vec<String> = node.who(*user).into_iter().map(|person| person.name).collect();
        names.sort();
        names
    }

    /// Everything that can be seen of a host's state from outside.
    pub(crate) fn facts(&self, host: usize) -> String {
        let Host { node, user, heard, .. } = &self.hosts[host];
        let digests: Vec<_> = node.digests().collect();
        let people: Vec<_> = node.who(*user).into_iter().map(|p| (p.user, p.addresses, p.status)).collect();
        let sessions = node.session_list(*user);
        format!("{digests:?}\n{people:?}\n{sessions:?}\n{:?}\n{heard:?}", node.instance_list(*user, true))
    }

    pub(crate) fn counter(&self, host: usize, name: &str) -> u64 {
        self.hosts[host].node.counters().value(name)
    }
}

fn keep(disk: &mut Restored, write: &Write) {
    if let Write::Record { key, value } = write {
        disk.records.retain(|(known, _)| known != key);
        disk.records.push((key.clone(), value.clone()));
    }
}
