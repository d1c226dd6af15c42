//! The lab itself: what the suites rely on is true.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use chalktalk_tests::{
    lab::{Host, Lab, Wire, switch::Faults},
    suite, wait,
};
use socket2::{Domain, Protocol, Socket, Type};
use std::{
    net::{Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6, UdpSocket},
    time::Duration,
};

const GROUP: Ipv4Addr = Ipv4Addr::new(239, 255, 47, 99);
const PORT: u16 = 4799;

suite![
    multicast_and_broadcast_reach_every_host,
    link_local_ipv6_reaches_every_host_at_once,
    hosts_have_no_route_beyond_the_link,
    a_lossy_host_loses_about_the_share_asked_for,
    a_host_can_be_deaf_one_way,
    a_pulled_link_carries_nothing_and_a_new_interface_does,
    the_counters_count_frames,
    a_rate_limit_holds,
    the_faulty_switch_does_what_it_is_told,
    a_network_can_carry_broadcasts_alone,
    processes_have_a_home_of_their_own_and_end_with_the_lab,
];

/// A socket on a host that hears the group and can send to it.
fn group_socket(host: &Host) -> UdpSocket {
    let address = host.address();
    let std::net::IpAddr::V4(v4) = address else { panic!("hosts have IPv4 addresses") };
    host.inside(|| {
        let socket = Socket::new(Domain::IPV4, Type::DGRAM, Some(Protocol::UDP)).unwrap();
        socket.bind(&SocketAddr::from(([0, 0, 0, 0], PORT)).into()).unwrap();
        socket.join_multicast_v4(&GROUP, &v4).unwrap();
        socket.set_multicast_if_v4(&v4).unwrap();
        socket.set_multicast_loop_v4(false).unwrap();
        socket.set_broadcast(true).unwrap();
        socket.set_recv_buffer_size(1 << 20).unwrap();
        socket.set_read_timeout(Some(Duration::from_millis(300))).unwrap();
        socket.into()
    })
}

fn send(socket: &UdpSocket, payload: &[u8], times: usize) {
    for _ in 0..times {
        socket.send_to(payload, (GROUP, PORT)).unwrap();
    }
}

fn count(socket: &UdpSocket) -> usize {
    let mut buffer = [0; 2000];
    std::iter::from_fn(|| socket.recv(&mut buffer).ok()).count()
}

fn multicast_and_broadcast_reach_every_host() {
    let lab = Lab::new(3);
    let sockets: Vec<_> = lab.hosts().iter().map(group_socket).collect();
    for target in [GROUP, Ipv4Addr::new(10, 77, 0, 255)] {
        sockets[0].send_to(b"hello", (target, PORT)).unwrap();
        assert_eq!(count(&sockets[1]), 1, "{target}");
        assert_eq!(count(&sockets[2]), 1, "{target}");
    }
}

fn link_local_ipv6_reaches_every_host_at_once() {
    let lab = Lab::new(2);
    let group: Ipv6Addr = "ff12::4799".parse().unwrap();
    let open = |host: &Host| {
        host.inside(|| {
            let socket = UdpSocket::bind((Ipv6Addr::UNSPECIFIED, PORT)).unwrap();
            let index = nix::net::if_::if_nametoindex("eth0").unwrap();
            socket.join_multicast_v6(&group, index).unwrap();
            socket.set_read_timeout(Some(Duration::from_millis(500))).unwrap();
            (socket, index)
        })
    };
    let (listener, _) = open(lab.host(2));
    let (sender, index) = open(lab.host(1));
    sender.send_to(b"hello", SocketAddrV6::new(group, PORT, 0, index)).unwrap();
    assert_eq!(count(&listener), 1);
}

fn hosts_have_no_route_beyond_the_link() {
    let lab = Lab::new(1);
    let outcome = lab.host(1).inside(|| UdpSocket::bind("0.0.0.0:0").unwrap().send_to(b"x", "192.0.2.1:9"));
    assert!(outcome.is_err(), "{outcome:?}");
}

fn a_lossy_host_loses_about_the_share_asked_for() {
    let lab = Lab::new(2);
    let sockets: Vec<_> = lab.hosts().iter().map(group_socket).collect();
    lab.host(2).lose(0.3);
    send(&sockets[0], b"hello", 1000);
    let arrived = count(&sockets[1]);
    assert!((600..800).contains(&arrived), "{arrived} of 1000 arrived at 30 % loss");
    lab.host(2).lose(0.0);
    send(&sockets[0], b"hello", 1);
    assert_eq!(count(&sockets[1]), 1);
}

fn a_host_can_be_deaf_one_way() {
    let lab = Lab::new(2);
    let sockets: Vec<_> = lab.hosts().iter().map(group_socket).collect();
    lab.host(2).be_deaf_to(Some(lab.host(1)));
    sockets.iter().for_each(|socket| send(socket, b"hello", 1));
    assert_eq!((count(&sockets[0]), count(&sockets[1])), (1, 0));
}

fn a_pulled_link_carries_nothing_and_a_new_interface_does() {
    let lab = Lab::new(2);
    let listener = group_socket(lab.host(2));
    let sender = group_socket(lab.host(1));
    lab.host(1).link_down();
    assert!(sender.send_to(b"hello", (GROUP, PORT)).is_err());
    lab.host(1).link_up();
    wait::until(Duration::from_secs(2), "the link", || sender.send_to(b"hello", (GROUP, PORT)).is_ok());
    assert!(count(&listener) >= 1);
    lab.host(1).remove_interface();
    lab.host(1).add_interface();
    lab.host(1).plug_in();
    drop(sender);
    let sender = group_socket(lab.host(1));
    wait::until(Duration::from_secs(2), "the new interface to carry frames", || {
        sender.send_to(b"hello", (GROUP, PORT)).unwrap();
        count(&listener) >= 1
    });
}

fn the_counters_count_frames() {
    let lab = Lab::new(2);
    let sockets: Vec<_> = lab.hosts().iter().map(group_socket).collect();
    let before = lab.traffic();
    send(&sockets[0], &[7; 1000], 100);
    assert_eq!(count(&sockets[1]), 100);
    let sent = lab.traffic() - before;
    // Ethernet 14, IPv4 20, UDP 8; a stray neighbour discovery may come in between.
    assert!((104_200..106_000).contains(&sent.bytes) && sent.packets >= 100, "{sent:?}");
}

fn a_rate_limit_holds() {
    let lab = Lab::new(2);
    let sockets: Vec<_> = lab.hosts().iter().map(group_socket).collect();
    lab.rate(10);
    let start = std::time::Instant::now();
    (0..400).for_each(|_| drop(sockets[0].send_to(&[7; 1400], (GROUP, PORT))));
    count(&sockets[1]);
    let took = start.elapsed();
    // 400 frames of 1,442 bytes are 0.46 s at 10 Mbit/s; the last read waits 0.3 s in vain.
    assert!(took > Duration::from_millis(600), "{took:?}");
}

fn the_faulty_switch_does_what_it_is_told() {
    let delay = (Duration::from_millis(1), Duration::from_millis(20));
    let faults = Faults { seed: 5, loss: 0.2, duplicate: 0.1, damage: 0.05, delay };
    let lab = Lab::wired(2, Wire::Faulty(faults));
    let sockets: Vec<_> = lab.hosts().iter().map(group_socket).collect();
    for number in 0..500u32 {
        sockets[0].send_to(&number.to_le_bytes().repeat(25), (GROUP, PORT)).unwrap();
    }
    let mut buffer = [0; 2000];
    let arrived: Vec<Vec<u8>> =
        std::iter::from_fn(|| sockets[1].recv(&mut buffer).ok().map(|n| buffer[..n].to_vec())).collect();
    let number = |d: &Vec<u8>| u32::from_le_bytes([d[0], d[1], d[2], d[3]]);
    let damaged = arrived.iter().filter(|d| **d != number(d).to_le_bytes().repeat(25)).count();
    let done = lab.switch().done();
    assert_eq!(arrived.len() as u64, done.forwarded + done.duplicated, "{done:?}");
    assert!((60..140).contains(&done.lost) && (20..80).contains(&done.duplicated), "{done:?}");
    assert!(damaged >= 5 && damaged as u64 <= 2 * done.damaged, "{damaged} damaged, {done:?}");
    assert!(arrived.windows(2).any(|pair| number(&pair[0]) > number(&pair[1])), "nothing was reordered");
}

fn a_network_can_carry_broadcasts_alone() {
    let lab = Lab::new(2);
    let sockets: Vec<_> = lab.hosts().iter().map(group_socket).collect();
    lab.host(2).lose_multicast();
    send(&sockets[0], b"hello", 1);
    assert_eq!(count(&sockets[1]), 0);
    sockets[0].send_to(b"hello", (Ipv4Addr::new(10, 77, 0, 255), PORT)).unwrap();
    assert_eq!(count(&sockets[1]), 1);
}

fn processes_have_a_home_of_their_own_and_end_with_the_lab() {
    let lab = Lab::new(1);
    let mut command = lab.host(1).command("/bin/sh");
    command.args(["-c", "echo $HOME $XDG_STATE_HOME $DISPLAY; sleep 1000 & echo $!; wait"]);
    let mut shell = lab.host(1).spawn("shell", command);
    let home = lab.host(1).dir().display().to_string();
    assert_eq!(shell.next_line(Duration::from_secs(5)), format!("{home} {home}/state"));
    let child = shell.next_line(Duration::from_secs(5));
    assert!(shell.memory() > 0);
    drop(lab);
    wait::until(Duration::from_secs(5), "the child's end", || {
        let state = std::fs::read_to_string(format!("/proc/{child}/stat")).unwrap_or_default();
        state.is_empty() || state.contains(") Z ")
    });
    assert!(!std::path::Path::new(&home).exists());
}
