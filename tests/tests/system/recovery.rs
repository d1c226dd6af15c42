//! What crashes or hangs is back before anybody minds.

use chalktalk_tests::{booted::Booted, lab::Lab, programs::SOON, runner::Test, tests, wait};
use std::time::{Duration, Instant};

pub(crate) const TESTS: &[Test] = tests![
    a_crash_is_over_within_a_second_and_a_hang_within_two_and_a_half,
    twelve_crashes_in_a_row_are_no_end,
    a_busy_machine_is_not_taken_for_a_hang,
];

/// How often a time is taken where the best counts: the machine may be busy with something else.
const TRIES: usize = 3;

/// How long programs are without an answer after this signal.
fn outage(host: &Booted, signal: &str) -> Duration {
    let before = host.main_pid("chalktalkd");
    host.sh(&format!("systemctl kill --signal={signal} chalktalkd.service"));
    let start = Instant::now();
    let asked = host.run(&["chalktalk", "status", "--json"]);
    let took = start.elapsed();
    assert_eq!(asked.code(), 0, "{}", asked.log);
    assert_ne!(host.main_pid("chalktalkd"), before, "another one runs");
    took
}

fn a_crash_is_over_within_a_second_and_a_hang_within_two_and_a_half() {
    let lab = Lab::new(1);
    let host = Booted::with_chalktalk(lab.host(1));
    for (signal, promise) in [("KILL", Duration::from_secs(1)), ("STOP", Duration::from_millis(2500))] {
        let mut best = Duration::MAX;
        for _ in 0..TRIES {
            best = best.min(outage(&host, signal));
            if best < promise {
                break;
            }
        }
        println!("after {signal}, programs are answered again after {} ms", best.as_millis());
        assert!(best < promise, "{best:?} after {signal}");
    }
}

/// Four programs that take all they can get, and one that talks: late turns are turns.
fn a_busy_machine_is_not_taken_for_a_hang() {
    let lab = Lab::new(1);
    let host = Booted::with_chalktalk(lab.host(1));
    let pid = host.main_pid("chalktalkd");
    let _load: Vec<_> = (0..4).map(|_| host.start_as("ben", &["sh", "-c", "while :; do :; done"])).collect();
    let mut sender = host.start_as("ana", &["chalktalk", "send", "#lobby", "-"]);
    for n in 0..300 {
        sender.say(&format!("line {n}"));
        std::thread::sleep(Duration::from_millis(20)); // several periods of the watchdog, on purpose
    }
    sender.end_input();
    assert!(sender.await_end(6 * SOON).success(), "{}", sender.log());
    assert_eq!(host.main_pid("chalktalkd"), pid, "{}", host.journal("chalktalkd.service"));
}

fn twelve_crashes_in_a_row_are_no_end() {
    let lab = Lab::new(1);
    let host = Booted::with_chalktalk(lab.host(1));
    let sent = host.run_as("ana", &["chalktalk", "send", "#lobby", "before the storm"]);
    assert_eq!(sent.code(), 0, "{}", sent.log);
    let start = Instant::now();
    let mut pid = host.main_pid("chalktalkd");
    for _ in 0..12 {
        host.sh(&format!("kill -KILL {pid}"));
        pid = wait::for_some(SOON, "the next one", || {
            let next = host.main_pid("chalktalkd");
            (next != 0 && next != pid).then_some(next)
        });
    }
    println!("twelve crashes in {} ms", start.elapsed().as_millis());
    host.await_ready();
    assert_eq!(host.sh("systemctl is-active chalktalkd.socket chalktalkd.service"), "active\nactive");
    assert!(
        host.sh("systemctl show --value -p NRestarts chalktalkd.service").trim().parse::<u32>().unwrap()
            >= 12
    );
    let history = host.run_as("ana", &["chalktalk", "history", "#lobby", "--json"]);
    assert!(history.log.contains("before the storm"), "{}", history.log);
}
