//! Who is on the network now.

use chalktalk_tests::{app::App, lab::Lab, programs::SOON, runner::Test, tests, wait};
use std::time::{Duration, Instant};

pub(crate) const TESTS: &[Test] = tests![
    a_new_host_is_known_within_a_second,
    a_killed_host_is_dropped_when_its_interval_has_lapsed,
    a_host_that_stops_is_gone_at_once,
    a_host_that_comes_back_is_known_again,
    eight_hosts_know_one_another,
    who_tells_the_facts,
];

/// A daemon announces itself at least this often; after three and a half of these it is taken for gone.
const LONGEST_INTERVAL: Duration = Duration::from_millis(2_400);

fn a_new_host_is_known_within_a_second() {
    let lab = Lab::new(2);
    let _first = lab.host(1).daemon();
    let here = App::observer(&lab.host(1).socket());
    assert_eq!(here.who().len(), 1);
    let _second = lab.host(2).daemon();
    let there = App::observer(&lab.host(2).socket());
    let took = wait::until(SOON, "the new host to be known", || here.who().len() == 2);
    assert!(took < Duration::from_secs(1), "{took:?}");
    let took = wait::until(SOON, "the new host to know the old one", || there.who().len() == 2);
    assert!(took < Duration::from_secs(1), "{took:?}");
}

fn a_killed_host_is_dropped_when_its_interval_has_lapsed() {
    let (lab, mut daemons) = Lab::talking(3);
    let here = App::observer(&lab.host(1).socket());
    daemons[1].kill();
    let killed = Instant::now();
    let limit = LONGEST_INTERVAL.mul_f32(3.5) + Duration::from_secs(1);
    wait::until(limit, "the killed host to be dropped", || here.who().len() == 2);
    assert!(
        killed.elapsed() > Duration::from_secs(1),
        "dropped too early to be sure: {:?}",
        killed.elapsed()
    );
}

fn a_host_that_stops_is_gone_at_once() {
    let (lab, mut daemons) = Lab::talking(3);
    let here = App::observer(&lab.host(1).socket());
    daemons[1].stop();
    let took = wait::until(SOON, "the host that stopped to be gone", || here.who().len() == 2);
    assert!(took < Duration::from_millis(500), "{took:?}");
}

fn a_host_that_comes_back_is_known_again() {
    let (lab, mut daemons) = Lab::talking(2);
    let here = App::observer(&lab.host(1).socket());
    let before = here.who();
    daemons[1].kill();
    daemons[1].restart();
    let probe = App::observer(&lab.host(2).socket());
    wait::until(SOON, "the host that came back to know the other", || probe.who().len() == 2);
    wait::until(SOON, "the host that came back", || here.who() == before);
}

fn eight_hosts_know_one_another() {
    let (_lab, _daemons) = Lab::talking(8);
}

fn who_tells_the_facts() {
    let (lab, _daemons) = Lab::talking(2);
    let who = lab.host(1).facts(&["who"]);
    let people = who.as_array().unwrap();
    assert_eq!(people.len(), 2);
    for key in ["user", "name", "host", "host_id", "addresses", "status", "verified"] {
        assert!(people.iter().all(|person| person.get(key).is_some()), "{key} is missing: {who}");
    }
    let other = people.iter().find(|person| person["host"] == "h2").unwrap_or_else(|| panic!("no h2: {who}"));
    assert_eq!(other["name"], "ben");
    assert_eq!(other["status"], "online");
    assert_eq!(other["verified"], false);
    let addresses = other["addresses"].as_array().unwrap();
    assert!(addresses.iter().any(|a| a.as_str().unwrap().contains("10.77.0.2")), "{who}");
    assert_eq!(other["user"].as_str().unwrap().len(), 64);
}
