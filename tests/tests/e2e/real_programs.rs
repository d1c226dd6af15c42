//! Unmodified programs of the distribution, run together by manifest alone: the copies are really connected.

use crate::together::{await_standing, end, invited, register, run, runs, start};
use chalktalk_tests::{
    desktop::display_server,
    lab::{Host, Lab, Process, require},
    programs::Daemon,
    runner::Test,
    tests, wait,
};
use serde_json::Value;
use std::{
    fs,
    io::Write,
    net::{IpAddr, SocketAddr, TcpStream, UdpSocket},
    os::unix::fs::PermissionsExt,
    path::PathBuf,
    time::Duration,
};

pub(crate) const TESTS: &[Test] = tests![
    lines_for_all_by_ncat,
    network_speed_by_iperf3_one_after_the_other,
    a_multicast_group_by_socat_among_peers,
    a_shared_terminal_by_tmux,
    a_game_for_two_by_netris_in_terminals,
    a_shared_screen_by_vnc,
];

/// Programs may take their time on a machine that is busy.
const PATIENCE: Duration = Duration::from_secs(30);

/// A manifest of the repository.
fn manifest(app: &str) -> String {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(format!("../apps/manifests/{app}.toml"));
    fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

/// Three hosts on which an app is registered.
fn hosts_with(app: &str) -> (Lab, Vec<Daemon>) {
    let (lab, daemons) = Lab::talking(3);
    lab.hosts().iter().for_each(|host| register(host, &manifest(app)));
    (lab, daemons)
}

/// Starts an app on the first host, has the others accept, and waits until all are in. Returns the app session and how the
/// host's copy stands.
fn all_in(lab: &Lab, app: &str) -> (String, Value) {
    let id = start(lab.host(1), app, "#lobby", &[]);
    for n in 2..=lab.hosts().len() {
        invited(lab.host(n), &id);
        run(lab.host(n), &["accept", &id]);
    }
    let everywhere: Vec<&Host> = lab.hosts().iter().collect();
    let host = await_standing(&everywhere, &id, "ana", "in");
    for one in &everywhere[1..] {
        await_standing(&everywhere, &id, &one.user_name(), "in");
    }
    (id, host)
}

/// Who is connected with a TCP port of a host, as the kernel has it.
fn connected(host: &Host, port: u16) -> Vec<IpAddr> {
    const ESTABLISHED: &str = "01";
    let tables = host.inside(|| {
        ["tcp", "tcp6"]
            .map(|table| fs::read_to_string(format!("/proc/thread-self/net/{table}")).unwrap_or_default())
    });
    let mut found = Vec::new();
    for line in tables.iter().flat_map(|table| table.lines().skip(1)) {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let end_of = |text: &str| {
            text.rsplit_once(':').map(|(a, p)| (a.to_owned(), u16::from_str_radix(p, 16).unwrap()))
        };
        let (Some((_, local)), Some((remote, _))) = (end_of(fields[1]), end_of(fields[2])) else { continue };
        if local == port && fields[3] == ESTABLISHED {
            let v4 = &remote[remote.len() - 8..]; // also of an IPv4 address within an IPv6 one
            found.push(IpAddr::from(u32::from_str_radix(v4, 16).unwrap().to_le_bytes()));
        }
    }
    found
}

fn await_connected(lab: &Lab, port: u16, others: &[usize]) {
    let wanted: Vec<IpAddr> = others.iter().map(|n| lab.host(*n).address()).collect();
    let all = || wanted.iter().all(|address| connected(lab.host(1), port).contains(address));
    wait::until(PATIENCE, &format!("{wanted:?} to be connected with port {port}"), all);
}

fn port_of(stand: &Value) -> u16 {
    stand["port"].as_u64().unwrap().try_into().unwrap()
}

/// What a copy has written.
fn output(host: &Host, app: &str, id: &str) -> String {
    let path = host.dir().join(format!("state/chalktalk/logs/{app}-{id}.log"));
    String::from_utf8_lossy(&fs::read(path).unwrap_or_default()).into_owned()
}

fn await_output(host: &Host, app: &str, id: &str, text: &str) {
    let there = || output(host, app, id).contains(text);
    let start = std::time::Instant::now();
    while !there() {
        assert!(
            start.elapsed() < PATIENCE,
            "{} never shows {text:?}: {:?}",
            host.label(),
            output(host, app, id)
        );
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// Writes something to the host's port, from the first host.
fn write_to(host: &Host, port: u16, text: &str) -> TcpStream {
    let address = SocketAddr::new(host.address(), port);
    let mut stream = host.inside(|| TcpStream::connect(address).unwrap());
    stream.write_all(text.as_bytes()).unwrap();
    stream
}

fn lines_for_all_by_ncat() {
    require("ncat", "ncat");
    let app = "org.nmap.ncat";
    let (lab, _daemons) = hosts_with(app);
    let (id, host) = all_in(&lab, app);
    await_connected(&lab, port_of(&host), &[2, 3]);
    let _kept_open = write_to(lab.host(1), port_of(&host), "good morning\n");
    [2, 3].iter().for_each(|n| await_output(lab.host(*n), app, &id, "good morning"));
    end(&host["pid"]);
    // With the host the others end by themselves.
    let everywhere: Vec<&Host> = lab.hosts().iter().collect();
    await_standing(&everywhere, &id, "ana", "failed");
    await_standing(&everywhere, &id, "ben", "left");
}

fn network_speed_by_iperf3_one_after_the_other() {
    require("iperf3", "iperf3");
    let app = "net.es.iperf3";
    let (lab, _daemons) = hosts_with(app);
    let everywhere: Vec<&Host> = lab.hosts().iter().collect();
    let id = start(lab.host(1), app, "#lobby", &[]);
    [2, 3].iter().for_each(|n| drop(invited(lab.host(*n), &id)));
    run(lab.host(2), &["accept", &id]);
    let host = await_standing(&everywhere, &id, "ana", "in");
    await_standing(&everywhere, &id, "ben", "in");
    await_connected(&lab, port_of(&host), &[2]);
    run(lab.host(3), &["accept", &id]);
    let waits = await_standing(&everywhere, &id, "cleo", "accepted");
    assert_eq!(waits["place"], 3, "there are two places, and she waits for one");
    let done = await_standing(&everywhere, &id, "ben", "left");
    assert_eq!(done["status"], 0);
    await_output(lab.host(2), app, &id, "receiver");
    let hers = await_standing(&everywhere, &id, "cleo", "in");
    assert_eq!(hers["place"], 2, "the place is hers now");
    await_output(lab.host(3), app, &id, "receiver");
    assert!(runs(host["pid"].as_u64().unwrap()));
}

fn a_multicast_group_by_socat_among_peers() {
    require("socat", "socat");
    let app = "org.dest-unreach.socat";
    let (lab, _daemons) = hosts_with(app);
    let (id, _) = all_in(&lab, app);
    let group: SocketAddr = "239.255.47.75:47575".parse().unwrap();
    let send = |n: usize, text: &str| {
        let host = lab.host(n);
        let socket = host.inside(|| UdpSocket::bind((host.address(), 0)).unwrap());
        socket.send_to(text.as_bytes(), group).unwrap();
    };
    // Datagrams may be lost, and a copy needs a moment to enter the group: so more than one.
    for text in ["from ana\n", "once more\n"] {
        let heard = || [2, 3].iter().all(|n| output(lab.host(*n), app, &id).contains(text.trim()));
        wait::until(PATIENCE, text, || {
            send(1, text);
            std::thread::sleep(Duration::from_millis(100));
            heard()
        });
    }
}

fn a_shared_terminal_by_tmux() {
    require("socat", "socat");
    require("tmux", "tmux");
    let app = "org.tmux.shared";
    let (lab, _daemons) = hosts_with(app);
    let (id, host) = all_in(&lab, app);
    await_connected(&lab, port_of(&host), &[2, 3]);
    let _kept_open = write_to(lab.host(1), port_of(&host), "echo six-times-seven-is-$((6*7))\r");
    [2, 3].iter().for_each(|n| await_output(lab.host(*n), app, &id, "six-times-seven-is-42"));
}

fn a_game_for_two_by_netris_in_terminals() {
    require("/usr/games/netris", "netris");
    require("python3", "python3");
    let app = "org.netris.netris";
    let lab = Lab::new(3);
    // Stands for a terminal window: a program within a terminal of its own, whose screen goes to the output.
    let terminal = lab.host(1).dir().join("terminal");
    let script = "#!/usr/bin/env python3\nimport os, pty, sys\nos.environ['TERM'] = 'xterm'\nsys.exit(pty.spawn(sys.argv[2:]) >> 8)\n";
    fs::write(&terminal, script).unwrap();
    fs::set_permissions(&terminal, fs::Permissions::from_mode(0o755)).unwrap();
    let variables = [("DISPLAY", ":77"), ("TERMINAL", terminal.to_str().unwrap())];
    let _daemons: Vec<Daemon> =
        lab.hosts().iter().map(|host| host.daemon_with_environment(&variables)).collect();
    lab.await_presence(3);
    lab.hosts().iter().for_each(|host| register(host, &manifest(app)));
    let everywhere: Vec<&Host> = lab.hosts().iter().collect();
    let id = start(lab.host(1), app, "#lobby", &[]);
    [2, 3].iter().for_each(|n| drop(invited(lab.host(*n), &id)));
    run(lab.host(2), &["accept", &id]);
    let host = await_standing(&everywhere, &id, "ana", "in");
    let player = await_standing(&everywhere, &id, "ben", "in");
    run(lab.host(3), &["accept", &id]);
    let waits = await_standing(&everywhere, &id, "cleo", "accepted");
    assert_eq!(waits["place"], 3, "it is for two, and she waits for a place");
    await_connected(&lab, port_of(&host), &[2]);
    // Each screen names who plays at the other end: their login came over the connection.
    await_output(lab.host(1), app, &id, "Playing ben@");
    await_output(lab.host(2), app, &id, "Playing ana@");
    end(&player["pid"]);
}

fn a_shared_screen_by_vnc() {
    for (program, package) in [("Xvfb", "xvfb"), ("x11vnc", "x11vnc"), ("xtigervncviewer", "tigervnc-viewer")]
    {
        require(program, package);
    }
    let app = "org.tigervnc.screen";
    let lab = Lab::new(3);
    let mut screens: Vec<Process> = Vec::new();
    let daemons: Vec<Daemon> = lab
        .hosts()
        .iter()
        .map(|host| {
            let display = format!(":{}", 70 + host.index());
            let mut command = display_server(host, &display, [640, 480]);
            command.arg("-fbdir").arg(host.dir());
            // The host's screen is white, those of the others are black.
            command.args((host.index() == 1).then_some("-wr"));
            screens.push(host.spawn("Xvfb", command));
            host.daemon_with_environment(&[("DISPLAY", &display)])
        })
        .collect();
    lab.await_presence(3);
    lab.hosts().iter().for_each(|host| register(host, &manifest(app)));
    assert!(white(lab.host(1)) > 200_000 && white(lab.host(2)) < 1000);
    let (_, host) = all_in(&lab, app);
    await_connected(&lab, port_of(&host), &[2, 3]);
    for n in [2, 3] {
        let shown = || white(lab.host(n)) > 150_000;
        wait::until(PATIENCE, "the host's white screen on the others'", shown);
    }
    drop(daemons);
    drop(screens);
}

/// White pixels of a host's screen.
fn white(host: &Host) -> usize {
    let image = fs::read(host.dir().join("Xvfb_screen0")).unwrap_or_default();
    image.chunks_exact(4).filter(|pixel| pixel[..3] == [0xff; 3]).count()
}
