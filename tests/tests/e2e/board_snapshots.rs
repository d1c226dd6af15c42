//! A long board is shortened, and nobody loses anything of it.

use crate::board::{await_same, draw, drawing, enter, exported};
use chalktalk_client::Client;
use chalktalk_ipc::{
    Answer, AppId, Request,
    request::{From, Role, SessionKind},
};
use chalktalk_tests::{
    lab::{Host, Lab, Process},
    programs::Daemon,
    runner::Test,
    tests, wait,
};
use rustix::process::Signal;
use std::time::{Duration, Instant};

pub(crate) const TESTS: &[Test] =
    tests![a_long_board_is_shortened_and_who_was_away_or_comes_then_has_all_of_it];

/// Who makes a snapshot waits for others to do so; and the machine may be busy.
const SHORT: Duration = Duration::from_secs(150);

/// As many entries as it takes for a snapshot, of notes that fill one each.
const NOTES: usize = 4_400;

fn long_drawing() -> String {
    let note = |n: usize| {
        let (x, y) = (n % 70 * 60, n / 70 * 40);
        let text = format!("early {n} {}", "and on it goes ".repeat(90));
        format!(r#"{{"kind": "note", "at": [{x}, {y}], "size": [50, 30], "text": "{text}", "font": 8}}"#)
    };
    let objects: Vec<String> = (0..NOTES).map(note).collect();
    format!(r#"{{"format": "chalktalk-board", "objects": [{}]}}"#, objects.join(","))
}

/// A program that has the board open, and no window.
fn keeper(host: &Host) -> Process {
    host.spawn("whiteboard", host.program("chalktalk-whiteboard", &["#plans", "--headless"]))
}

fn entries(host: &Host) -> u64 {
    let sessions = host.facts(&["sessions"]);
    let sessions = sessions.as_array().expect("a list").iter();
    sessions.filter(|one| one["title"] == "#plans").filter_map(|one| one["entries"].as_u64()).sum()
}

/// Daemons look at what may go each time they are told how much to keep.
fn look(daemons: &[Daemon]) {
    daemons.iter().for_each(|daemon| daemon.signal(Signal::HUP));
}

/// A program on this host says that it holds a snapshot of all of the board, which is nothing of the kind.
fn lie(host: &Host) {
    let faulty = host.app("chalktalk.whiteboard");
    let board = faulty.enter("#plans", From::Start);
    wait::until(SHORT, "the whole board", || !faulty.positions(board).is_empty());
    let observer = Client::builder(AppId::whiteboard()).role(Role::Observer).socket(host.socket());
    let (client, _events) = observer.connect().unwrap();
    client.join("#plans", &AppId::whiteboard(), SessionKind::Kept, true).unwrap();
    let blob = client.put_bytes(board, &[7; 100_000]).unwrap();
    let positions = faulty.positions(board);
    let (session, behind) = (board, vec![blob.id]);
    let held =
        faulty.request(Request::HoldSnapshot { session, blob: blob.id, size: blob.size, positions, behind });
    assert_eq!(held, Ok(Answer::Done));
}

fn a_long_board_is_shortened_and_who_was_away_or_comes_then_has_all_of_it() {
    let lab = Lab::new(5);
    for host in lab.hosts() {
        host.configure("[retention]\naway = 0\ncovered = 0\n");
    }
    let mut daemons: Vec<Daemon> = lab.hosts()[..4].iter().map(Host::daemon).collect();
    enter(&lab.hosts()[..4], "#plans");
    draw(lab.host(4), "#plans", drawing("before", 2));
    await_same(&lab.hosts()[..4], "#plans", &["before 1"]);
    lie(lab.host(2));
    lab.host(4).link_down();
    draw(lab.host(4), "#plans", drawing("adrift", 5));
    let _keepers: Vec<Process> = lab.hosts()[..3].iter().map(keeper).collect();
    draw(lab.host(1), "#plans", long_drawing());
    let whole = entries(lab.host(1));
    assert!(whole > 4_000, "{whole}");
    for host in &lab.hosts()[..3] {
        wait::until(SHORT, "the log to be shortened", || {
            look(&daemons[..3]);
            entries(host) < whole / 4
        });
    }
    // Who has never been there.
    daemons.push(lab.host(5).daemon());
    let there = [lab.host(1), lab.host(2), lab.host(3), lab.host(5)];
    let begun = Instant::now();
    let mut last = Vec::new();
    wait::until(SHORT, "the whole board at who comes late", || {
        last = there.map(|host| exported(host, "#plans")).to_vec();
        last.iter().all(|board| *board == last[0])
    });
    println!("the same on four hosts after {:?}", begun.elapsed());
    let notes = |board: &str| board.matches("early ").count();
    assert_eq!(notes(&last[3]), NOTES);
    assert!(entries(lab.host(5)) < whole / 4, "it has come as a snapshot");
    // Who was away, and has drawn.
    lab.host(4).link_up();
    let all =
        await_same(lab.hosts(), "#plans", &["before 0", "before 1", "adrift 0", "adrift 4", "early 0 "]);
    assert_eq!(notes(&all), NOTES);
    // Starting again changes nothing, and neither does what is drawn then.
    for daemon in &mut daemons {
        daemon.kill();
        daemon.restart();
    }
    draw(lab.host(5), "#plans", drawing("after", 2));
    let all = await_same(lab.hosts(), "#plans", &["before 0", "adrift 4", "early 0 ", "after 1"]);
    assert_eq!(notes(&all), NOTES);
}
