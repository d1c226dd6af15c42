//! What a connection costs while nothing happens.

use crate::fake::*;
use chalktalk_client::{
    ClientEvent,
    ipc::{Event, request::Topic},
};
use std::{
    fs,
    path::{Path, PathBuf},
    sync::mpsc,
    thread,
    time::{Duration, Instant},
};

/// How often a thread has gone to sleep by itself: each time it was awake before.
fn naps(task: &Path) -> u64 {
    let status = fs::read_to_string(task.join("status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("voluntary_ctxt_switches:")).unwrap();
    line.trim().parse().unwrap()
}

#[test]
fn an_idle_connection_sleeps() {
    let daemon = Daemon::new();
    let (tell, told) = mpsc::channel();
    let builder = daemon.builder().on_event(move || {
        tell.send(fs::read_link("/proc/thread-self").unwrap()).ok();
    });
    let (_client, events, mut line) = daemon.client(builder);
    line.event(Event::Changed { topic: Topic::Who });
    assert!(matches!(next(&events), ClientEvent::Event(Event::Changed { .. })));
    let task = PathBuf::from("/proc").join(told.recv_timeout(PATIENCE).unwrap());
    thread::sleep(Duration::from_millis(200));
    let before = naps(&task);
    thread::sleep(Duration::from_secs(1));
    assert_eq!(naps(&task) - before, 0, "nobody woke it");
}

#[test]
fn a_connection_nobody_reads_sleeps_too_even_when_the_daemon_has_gone() {
    let daemon = Daemon::new();
    let (tell, told) = mpsc::channel();
    let builder = daemon.builder().event_limit(1).on_event(move || {
        tell.send(fs::read_link("/proc/thread-self").unwrap()).ok();
    });
    let (_client, _events, mut line) = daemon.client(builder);
    line.event(Event::Changed { topic: Topic::Who });
    let task = PathBuf::from("/proc").join(told.recv_timeout(PATIENCE).unwrap());
    drop(line);
    thread::sleep(Duration::from_millis(200));
    let before = naps(&task);
    thread::sleep(Duration::from_secs(1));
    assert_eq!(naps(&task) - before, 0, "the end of the stream waits like everything else");
}

#[test]
fn a_lost_daemon_is_looked_for_about_once_a_second() {
    let daemon = Daemon::new();
    let (_client, events, line) = daemon.client(daemon.builder());
    drop(line);
    assert!(matches!(next(&events), ClientEvent::Disconnected { .. }));
    daemon.listener.set_nonblocking(true).unwrap();
    let (begun, mut attempts) = (Instant::now(), 0);
    while begun.elapsed() < Duration::from_secs(4) {
        attempts += usize::from(daemon.listener.accept().is_ok());
        thread::sleep(Duration::from_millis(5));
    }
    assert!((4..=9).contains(&attempts), "{attempts} attempts in 4 s");
}
