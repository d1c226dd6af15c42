//! Between hosts: every way of sending, every interface, no route and no help from outside.

use crate::sessions::TEST_APP;
use chalktalk_ipc::request::From;
use chalktalk_tests::{
    app::App,
    lab::{Host, Lab, Process},
    programs::SOON,
    runner::Test,
    tests, wait,
};
use std::{path::PathBuf, time::Duration};

pub(crate) const TESTS: &[Test] = tests![
    multicast_carries_everything,
    broadcast_carries_everything,
    unicast_carries_everything_between_hosts_that_are_named,
    auto_finds_its_way_where_multicast_does_not_pass,
    auto_finds_its_way_where_one_host_does_not_hear_multicast,
    several_daemons_on_one_machine_hear_each_other,
    several_daemons_on_a_machine_without_network_hear_each_other,
    a_host_whose_interface_comes_late_joins_the_others,
    a_pulled_link_heals_and_both_sides_get_what_they_missed,
    a_recreated_interface_is_used_again,
    another_port_is_another_network,
    a_daemon_that_was_stopped_for_a_while_heals_at_once,
    a_link_that_takes_short_packets_only_gets_messages_of_all_sizes,
];

/// Messages both ways in a room, on hosts whose daemons run.
fn talk(lab: &Lab, room: &str) {
    let apps: Vec<App> = lab.hosts().iter().map(|host| host.app(TEST_APP)).collect();
    let sessions: Vec<_> = apps.iter().map(|app| app.enter(room, From::Start)).collect();
    for (app, session) in apps.iter().zip(&sessions) {
        app.publish(*session, format!("from {:?}", app.instance));
    }
    for (app, session) in apps.iter().zip(&sessions) {
        for other in &apps {
            app.await_text(*session, &format!("from {:?}", other.instance));
        }
    }
}

fn in_mode(mode: &str) {
    let lab = Lab::new(3);
    let _daemons: Vec<_> = lab.hosts().iter().map(|host| host.daemon_with(&["--mode", mode])).collect();
    lab.await_presence(3);
    assert_eq!(App::observer(&lab.host(1).socket()).status().mode, mode);
    talk(&lab, "#ops");
}

fn multicast_carries_everything() {
    in_mode("multicast");
}

fn broadcast_carries_everything() {
    in_mode("broadcast");
}

fn unicast_carries_everything_between_hosts_that_are_named() {
    let lab = Lab::new(3);
    for host in lab.hosts() {
        let others = lab.hosts().iter().filter(|other| other.index() != host.index());
        let peers: Vec<String> = others.map(|other| other.address().to_string()).collect();
        host.configure(&format!("mode = \"unicast\"\npeers = {peers:?}\n"));
    }
    let _daemons = lab.start_daemons();
    assert_eq!(App::observer(&lab.host(1).socket()).status().mode, "unicast");
    talk(&lab, "#ops");
}

fn auto_finds_its_way_where_multicast_does_not_pass() {
    let lab = Lab::new(3);
    lab.hosts().iter().for_each(Host::lose_multicast);
    let _daemons = lab.start_daemons();
    talk(&lab, "#ops");
}

fn auto_finds_its_way_where_one_host_does_not_hear_multicast() {
    let lab = Lab::new(3);
    lab.host(3).lose_multicast();
    let _daemons = lab.start_daemons();
    talk(&lab, "#ops");
}

/// A daemon beside others on one machine, with folders of its own.
fn daemon_beside(host: &Host, name: &str, arguments: &[&str]) -> (Process, PathBuf) {
    let dir = host.dir().join(name);
    std::fs::create_dir_all(dir.join("run")).unwrap();
    let mut command = host.program("chalktalkd", &["--name", name]);
    command
        .env("HOME", &dir)
        .env("XDG_RUNTIME_DIR", dir.join("run"))
        .env("XDG_STATE_HOME", dir.join("state"));
    command.env("XDG_CONFIG_HOME", dir.join("config")).env("USER", name).args(arguments);
    let process = host.spawn(&format!("chalktalkd of {name}"), command);
    process.await_text("ready", SOON);
    (process, dir.join("run/chalktalk/chalktalkd.sock"))
}

fn three_on_one(host: &Host) {
    let daemons: Vec<_> = ["one", "two", "three"].iter().map(|name| daemon_beside(host, name, &[])).collect();
    let apps: Vec<_> = daemons.iter().map(|(_, socket)| App::attach(socket, TEST_APP)).collect();
    for app in &apps {
        wait::until(SOON, "three daemons to know one another", || app.who().len() == 3);
    }
    let sessions: Vec<_> = apps.iter().map(|app| app.enter("#ops", From::Start)).collect();
    apps[0].publish(sessions[0], "from one");
    apps[2].publish(sessions[2], "from three");
    for (app, session) in apps.iter().zip(&sessions) {
        app.await_text(*session, "from one");
        app.await_text(*session, "from three");
    }
}

fn several_daemons_on_one_machine_hear_each_other() {
    let lab = Lab::new(1);
    three_on_one(lab.host(1));
}

fn several_daemons_on_a_machine_without_network_hear_each_other() {
    let lab = Lab::new(1);
    lab.host(1).remove_interface();
    three_on_one(lab.host(1));
}

fn a_host_whose_interface_comes_late_joins_the_others() {
    let lab = Lab::new(2);
    let _first = lab.host(1).daemon();
    lab.host(2).remove_interface();
    let _late = lab.host(2).daemon();
    lab.host(2).add_interface();
    lab.host(2).plug_in();
    lab.await_presence(2);
    talk(&lab, "#ops");
}

/// Something happens to host 2's link while both sides publish; afterwards both have everything.
fn heals(away: impl Fn(&Host), back: impl Fn(&Host)) {
    let (lab, _daemons) = Lab::talking(3);
    let apps: Vec<App> = lab.hosts().iter().map(|host| host.app(TEST_APP)).collect();
    let sessions: Vec<_> = apps.iter().map(|app| app.enter("#ops", From::Start)).collect();
    apps[0].publish(sessions[0], "before");
    apps.iter().zip(&sessions).for_each(|(app, session)| drop(app.await_text(*session, "before")));
    away(lab.host(2));
    for n in 0..50 {
        apps[0].publish(sessions[0], format!("here {n}"));
        apps[1].publish(sessions[1], format!("there {n}"));
    }
    apps[2].await_text(sessions[2], "here 49");
    assert!(!apps[2].texts(sessions[2]).iter().any(|text| text.starts_with("there")));
    back(lab.host(2));
    for (app, session) in apps.iter().zip(&sessions) {
        app.await_message(Duration::from_secs(20), "there 49", |m| m.payload == b"there 49");
        app.await_message(Duration::from_secs(20), "here 49", |m| m.payload == b"here 49");
        wait::until(SOON, "each message once", || app.texts(*session).len() >= 101);
        assert_eq!(app.texts(*session).len(), 101, "each message once");
    }
}

fn a_pulled_link_heals_and_both_sides_get_what_they_missed() {
    heals(Host::link_down, Host::link_up);
}

fn a_recreated_interface_is_used_again() {
    heals(Host::remove_interface, |host| {
        host.add_interface();
        host.plug_in();
    });
}

fn another_port_is_another_network() {
    let lab = Lab::new(2);
    let _one = lab.host(1).daemon_with(&["--port", "5000"]);
    let _other = lab.host(2).daemon_with(&["--port", "6000"]);
    let probe = App::observer(&lab.host(1).socket());
    // Longer than any daemon takes to show itself.
    std::thread::sleep(Duration::from_secs(2));
    assert_eq!(probe.who().len(), 1, "{:?}", probe.who());
    let _third = daemon_beside(lab.host(2), "third", &["--port", "5000"]);
    wait::until(SOON, "the one on the same port", || probe.who().len() == 2);
}

fn a_daemon_that_was_stopped_for_a_while_heals_at_once() {
    let (lab, daemons) = Lab::talking(2);
    let apps: Vec<App> = lab.hosts().iter().map(|host| host.app(TEST_APP)).collect();
    let session = apps[0].enter("#ops", From::Start);
    apps[1].enter("#ops", From::Start);
    apps[0].publish(session, "before");
    apps[1].await_text(session, "before");
    daemons[1].signal(rustix::process::Signal::STOP);
    apps[0].publish_each(session, (0..100).map(|n| format!("meanwhile {n}")));
    wait::until(Duration::from_secs(20), "the stopped host to be given up", || apps[0].who().len() == 1);
    daemons[1].signal(rustix::process::Signal::CONT);
    let back = std::time::Instant::now();
    apps[1].await_text(session, "meanwhile 99");
    wait::until(SOON, "both to know each other", || apps[0].who().len() == 2 && apps[1].who().len() == 2);
    let took = back.elapsed();
    assert!(took < Duration::from_secs(5), "{took:?}");
    assert!(apps[1].status().counters.get("woken").is_some_and(|n| *n > 0));
    assert_eq!(apps[1].texts(session).len(), 101);
}

fn a_link_that_takes_short_packets_only_gets_messages_of_all_sizes() {
    let lab = Lab::new(3);
    lab.host(2).set_mtu(1280);
    let message = |host: usize, n: usize| format!("{host} {n} {}", "x".repeat(n * n % 5_000 + n * 40));
    let _one = lab.host(1).daemon();
    let _three = lab.host(3).daemon();
    let (first, third) = (lab.host(1).app(TEST_APP), lab.host(3).app(TEST_APP));
    let session = first.enter("#ops", From::Start);
    third.enter("#ops", From::Start);
    // Nobody is there yet who takes less than Ethernet does: these entries are long.
    let mut said: Vec<Vec<String>> = vec![(0..60).map(|n| message(1, n)).collect(), vec![], vec![]];
    first.publish_each(session, &said[0]);
    third.await_text(session, said[0].last().unwrap());
    let _two = lab.host(2).daemon();
    lab.await_presence(3);
    let second = lab.host(2).app(TEST_APP);
    second.enter("#ops", From::Start);
    second.await_message(Duration::from_secs(20), "what was said before", |m| {
        m.payload == said[0].last().unwrap().as_bytes()
    });
    let long = second.status().counters.get("catchups").copied().unwrap_or(0);
    assert!(long > 0, "long entries come in a stream");

    lab.lose(0.05);
    let apps = [&first, &second, &third];
    for (host, app) in (1..).zip(apps) {
        let texts: Vec<String> = (100..160).map(|n| message(host, n)).collect();
        app.publish_each(session, &texts);
        said[host - 1].extend(texts);
    }
    for app in apps {
        app.await_count(60 + 3 * 60, Duration::from_secs(30));
        let texts = app.texts(session);
        for (host, said) in (1..).zip(&said) {
            let of_host: Vec<&String> =
                texts.iter().filter(|text| text.starts_with(&format!("{host} "))).collect();
            assert!(of_host.into_iter().eq(said), "what host {host} said, once and in order");
        }
    }
    let streams = second.status().counters.get("catchups").copied().unwrap_or(0);
    assert!(streams - long < 20, "{streams}: entries are short now, and repaired by datagram");
}
