use super::{
    interfaces::{Interfaces, Wishes},
    *,
};
use mio::Poll;
use std::time::{Duration, Instant};

const TOKENS: Tokens = Tokens { base: 10 };

/// A daemon's network on the loopback interface alone, as on a machine without any other.
struct Host {
    network: Network,
    poll: Poll,
}

fn loopback() -> Link {
    Link {
        id: LinkId(1),
        name: "lo".into(),
        mtu: 65_536,
        v4: vec![(Ipv4Addr::LOCALHOST, 8)],
        v6: None,
        ways: vec![Way::Multicast4, Way::Broadcast],
    }
}

impl Host {
    fn new(port: u16) -> Self {
        let poll = Poll::new().unwrap();
        let mut network = Network::open(port, Groups::default(), poll.registry(), TOKENS).unwrap();
        assert_eq!(network.set_links(vec![loopback()], &[]).len(), 0);
        Self { network, poll }
    }

    fn poll(&mut self) {
        let mut events = mio::Events::with_capacity(16);
        self.poll.poll(&mut events, Some(Duration::from_millis(1))).unwrap();
        for event in events.iter().filter(|event| TOKENS.contains(event.token())) {
            self.network.on_event(event.token(), event.is_readable(), event.is_writable()).unwrap();
        }
    }

    /// What arrives until `count` datagrams have, or half a second is over.
    fn hear(&mut self, count: usize) -> Vec<(Arrival, Vec<u8>)> {
        let end = Instant::now() + Duration::from_millis(500);
        let mut heard = Vec::new();
        while heard.len() < count && Instant::now() < end {
            self.poll();
            self.network.receive(100, |arrival, bytes| heard.push((arrival, bytes.to_vec())));
        }
        heard
    }

    fn hears_nothing(&mut self) {
        let end = Instant::now() + Duration::from_millis(50);
        while Instant::now() < end {
            self.poll();
            self.network.receive(100, |arrival, bytes| panic!("{arrival:?} {bytes:?}"));
        }
    }
}

/// A port for each test, so that they do not hear each other.
fn port(test: u16) -> u16 {
    20_000 + (std::process::id() % 100) as u16 * 300 + test * 70
}

fn frames(texts: &[&str]) -> Vec<Bytes> {
    texts.iter().map(|text| Bytes::copy_from_slice(text.as_bytes())).collect()
}

#[test]
fn daemons_of_one_machine_hear_each_other_and_not_themselves() {
    let mut hosts: Vec<Host> = (0..3).map(|_| Host::new(port(0))).collect();
    for way in [Way::Multicast4, Way::Broadcast] {
        let burst = frames(&["one", "two", "3"]);
        assert_eq!(hosts[0].network.send(&Route::Group(LinkId(1), way), &burst), 3);
        let from = SocketAddr::new(Ipv4Addr::LOCALHOST.into(), hosts[0].network.own_port());
        for host in &mut hosts[1..] {
            let heard = host.hear(3);
            let want =
                ["one", "two", "3"].map(|t| (Arrival { link: LinkId(1), way, from }, t.as_bytes().to_vec()));
            assert_eq!(heard, want);
        }
        hosts[0].hears_nothing();
    }
    assert_eq!(hosts[0].network.counters().own, 6);
    assert_eq!(hosts[1].network.counters().received, 6);
}

#[test]
fn an_answer_reaches_the_daemon_that_sent_and_no_other() {
    let mut hosts: Vec<Host> = (0..3).map(|_| Host::new(port(1))).collect();
    hosts[0].network.send(&Route::Group(LinkId(1), Way::Multicast4), &frames(&["hello"]));
    let from = hosts[1].hear(1)[0].0.from;
    hosts[2].hear(1);
    assert_eq!(hosts[1].network.send(&Route::Host(from), &frames(&["answer"])), 1);
    let heard = hosts[0].hear(1);
    assert_eq!(heard[0].1, b"answer");
    assert_eq!((heard[0].0.way, heard[0].0.link), (Way::Unicast, LinkId(1)));
    hosts[2].hears_nothing();
}

#[test]
fn a_link_that_went_is_neither_heard_nor_sent_to_until_it_returns() {
    let mut hosts: Vec<Host> = (0..2).map(|_| Host::new(port(2))).collect();
    let group = Route::Group(LinkId(1), Way::Multicast4);
    hosts[1].network.set_links(Vec::new(), &[]);
    hosts[0].network.send(&group, &frames(&["lost"]));
    hosts[1].hears_nothing();
    assert_eq!(hosts[1].network.send(&group, &frames(&["nowhere"])), 1, "done with, and counted");
    assert_eq!(hosts[1].network.counters().refused, 1);
    for renewed in [&[][..], &[LinkId(1)]] {
        assert_eq!(hosts[1].network.set_links(vec![loopback()], renewed).len(), 0);
        hosts[0].network.send(&group, &frames(&["back"]));
        assert_eq!(hosts[1].hear(1)[0].1, b"back");
    }
}

#[test]
fn a_lone_daemon_loops_only_what_others_need_to_find_it() {
    let start = Instant::now();
    let mut looping = Looping::new(start);
    assert!(looping.wanted(start, 1), "heartbeats");
    assert!(!looping.wanted(start, 100), "a burst of data");
    assert!((0..100).filter(|_| looping.wanted(start, 1)).count() < 25);
    assert!(looping.wanted(start + Duration::from_secs(1), 1), "and again a second later");
    looping.on_neighbour(start);
    assert!(looping.wanted(start, 10_000), "there is somebody to hear it");
    assert!(!looping.wanted(start + NEIGHBOUR, 10_000));
}

#[test]
fn neighbours_hear_all_of_a_flood() {
    let mut hosts: Vec<Host> = (0..2).map(|_| Host::new(port(3) + 2)).collect();
    let group = Route::Group(LinkId(1), Way::Multicast4);
    hosts[1].network.send(&group, &frames(&["here I am"]));
    assert_eq!(hosts[0].hear(1).len(), 1);
    for _ in 0..50 {
        hosts[0].network.send(&group, &frames(&["a", "b", "c", "d"]));
        assert_eq!(hosts[1].hear(4).len(), 4);
    }
}

#[test]
fn a_taken_port_is_explained() {
    let poll = Poll::new().unwrap();
    let port = port(3);
    let _taken = std::net::UdpSocket::bind((Ipv4Addr::UNSPECIFIED, port)).unwrap();
    let refused = Network::open(port, Groups::default(), poll.registry(), TOKENS).err().unwrap();
    assert!(refused.to_string().contains("--port"), "{refused}");
}

#[test]
fn broadcast_addresses_follow_the_subnet() {
    let with = |v4: &[(Ipv4Addr, u8)]| broadcast(&Link { v4: v4.to_vec(), ..loopback() });
    let a = Ipv4Addr::new(192, 168, 7, 9);
    assert_eq!(with(&[(a, 24)]), Ipv4Addr::new(192, 168, 7, 255));
    assert_eq!(with(&[(a, 22)]), Ipv4Addr::new(192, 168, 7, 255));
    assert_eq!(with(&[(a, 32)]), Ipv4Addr::BROADCAST);
    assert_eq!(with(&[(a, 24), (Ipv4Addr::new(10, 0, 0, 1), 8)]), Ipv4Addr::BROADCAST);
}

#[test]
fn the_kernel_says_how_much_it_buffers() {
    let poll = Poll::new().unwrap();
    let network = Network::open(port(3) + 1, Groups::default(), poll.registry(), TOKENS).unwrap();
    assert!(network.receive_buffer() >= 100_000);
}

/// Does something only as the child of the test below, in a network namespace of its own.
#[test]
fn child_in_a_namespace() {
    if std::env::var_os("NETWORK_CHILD").is_none() {
        return;
    }
    let mut hosts = [Follower::new(), Follower::new()];
    for life in ["a first", "a second", "a third"] {
        // The same name and the same index: nothing in the list of interfaces shows that it is another one.
        ip("link add name chalk0 index 77 mtu 1400 address 02:00:00:00:00:77 type veth peer name chalk1");
        ip("addr add 10.77.0.1/24 dev chalk0");
        ip("link set chalk1 up");
        ip("link set chalk0 up");
        hosts.iter_mut().for_each(|host| host.follow_until(|links| links.iter().any(|l| l.name == "chalk0")));
        assert_eq!(hosts[0].host.network.links()[0].mtu, 1400);
        for way in [Way::Multicast4, Way::Multicast6, Way::Broadcast] {
            let sent = hosts[0].send_until_done(&Route::Group(LinkId(77), way), life);
            let heard = hosts[1].host.hear(1);
            assert!(
                sent && heard.iter().any(|(a, text)| a.way == way && text == life.as_bytes()),
                "{life} {way:?}"
            );
        }
        ip("link del chalk0");
        if life == "a second" {
            // Made again before anyone looks.
            continue;
        }
        hosts.iter_mut().for_each(|host| host.follow_until(|links| links.iter().all(|l| l.name != "chalk0")));
    }
}

/// A host that follows the interfaces there are.
struct Follower {
    host: Host,
    interfaces: Interfaces,
}

impl Follower {
    fn new() -> Self {
        let poll = Poll::new().unwrap();
        let mut network = Network::open(PORT, Groups::default(), poll.registry(), TOKENS).unwrap();
        let wishes = Wishes { only: vec!["chalk0".into()], ..Wishes::default() };
        let interfaces = Interfaces::new(wishes, poll.registry(), Token(1)).unwrap();
        network.set_links(interfaces.links().to_vec(), &[]);
        Self { host: Host { network, poll }, interfaces }
    }

    fn follow_until(&mut self, wanted: impl Fn(&[Link]) -> bool) {
        let end = Instant::now() + Duration::from_secs(5);
        let mut settled = false;
        while !settled || !wanted(self.interfaces.links()) {
            assert!(Instant::now() < end, "{:?}", self.interfaces.links());
            std::thread::sleep(Duration::from_millis(20));
            let now = Instant::now();
            let notices = self.interfaces.handle_notices(now).unwrap();
            let later = self.interfaces.handle_timeout(now + Duration::from_millis(500)).unwrap();
            for change in [notices, later].into_iter().flatten() {
                let failed = self.host.network.set_links(change.links, &change.renewed);
                assert!(failed.is_empty(), "{failed:?}");
            }
            settled = true;
        }
    }

    /// A fresh IPv6 address cannot be sent from before it has been probed.
    fn send_until_done(&mut self, route: &Route, text: &str) -> bool {
        let end = Instant::now() + Duration::from_secs(5);
        while Instant::now() < end {
            let before = self.host.network.counters().sent;
            self.host.network.send(route, &frames(&[text]));
            if self.host.network.counters().sent > before {
                return true;
            }
            std::thread::sleep(Duration::from_millis(50));
            self.follow_until(|_| true);
        }
        false
    }
}

fn ip(arguments: &str) {
    let status = std::process::Command::new("ip").args(arguments.split(' ')).status().unwrap();
    assert!(status.success(), "ip {arguments}");
}

#[test]
fn an_interface_that_is_made_again_is_entered_again() {
    let possible =
        |command: &mut std::process::Command| command.output().is_ok_and(|out| out.status.success());
    let unshare = || std::process::Command::new("unshare");
    if !possible(unshare().args(["-Urn", "ip", "link", "add", "name", "probe0", "type", "veth"])) {
        eprintln!("skipped: no unprivileged network namespaces, no veth interfaces or no `ip` here");
        return;
    }
    let output = unshare()
        .args(["-Urn", "--"])
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", "net::tests::child_in_a_namespace", "--nocapture"])
        .env("NETWORK_CHILD", "1")
        .output()
        .unwrap();
    let said =
        format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{said}");
}
