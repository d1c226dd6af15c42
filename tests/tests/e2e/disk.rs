//! A disk that is full, and one that fails.

use crate::sessions::TEST_APP;
use chalktalk_ipc::{
    AppId, Event, RefusalCode, SessionId,
    request::{From, SessionKind},
};
use chalktalk_tests::{app::App, lab::Lab, programs::SOON, runner::Test, tests, wait};
use std::{collections::BTreeSet, process::Command, time::Duration};

pub(crate) const TESTS: &[Test] = tests![
    a_full_disk_refuses_kept_sessions_and_recovers_by_itself,
    a_disk_filled_to_the_last_byte_stops_nobody,
    what_is_beyond_the_quota_goes_and_newcomers_begin_behind_it,
    a_failed_commit_ends_the_daemon_and_the_next_life_has_all_that_was_stored,
];

const MIB: u64 = 1 << 20;

fn is_full(app: &App) -> bool {
    app.status().warnings.iter().any(|warning| warning.code == "disk-full")
}

fn await_refusal(app: &App, session: SessionId) -> u64 {
    app.await_event(SOON, "the refusal", |event| match event {
        Event::Refused { session: s, first, refusal } if *s == session => {
            assert_eq!(refusal.code, RefusalCode::Storage);
            Some(*first)
        }
        _ => None,
    })
}

fn a_full_disk_refuses_kept_sessions_and_recovers_by_itself() {
    let lab = Lab::new(2);
    let disk = lab.host(1).small_disk(120);
    let _daemons = lab.start_daemons();
    let (author, other) = (lab.host(1).app(TEST_APP), lab.host(2).app(TEST_APP));
    let ops = author.enter("#ops", From::Start);
    other.enter("#ops", From::Start);
    let live = author.enter_kind("#live", SessionKind::Live, From::Start);
    other.enter_kind("#live", SessionKind::Live, From::Start);
    let last = author.publish(ops, "before");
    author.await_stored(ops, last);
    other.await_text(ops, "before");
    assert!(disk.has_reserve());

    disk.leave(40 * MIB);
    wait::until(SOON, "the daemon to notice", || is_full(&author));
    author.publish_each(ops, ["refused one", "refused two"]);
    assert_eq!(await_refusal(&author, ops), 2);
    for (arguments, input) in
        [(["send", "#ops", "refused"], ""), (["send", "#ops", "-"], "refused\nrefused\n")]
    {
        let output = lab.host(1).chalktalk_fed(&[&arguments[..], &["--app", TEST_APP]].concat(), input);
        assert_eq!(output.code(), 4, "{}", output.log);
        assert!(output.log.contains("disk of this host is nearly full"), "{}", output.log);
    }
    author.publish(live, "live goes on");
    other.await_text(live, "live goes on");
    // What others write meanwhile is not taken, and not lost.
    other.publish(ops, "meanwhile");
    wait::until(SOON, "it to be passed over", || {
        author.status().counters.get("drop.disk full").is_some_and(|n| *n > 0)
    });
    assert!(!author.texts(ops).contains(&"meanwhile".to_owned()));
    author.publish(ops, "refused without resuming");

    disk.free();
    wait::until(SOON, "the daemon to notice that there is room", || !is_full(&author));
    author.await_text(ops, "meanwhile");
    author.resume(ops);
    author.publish(ops, "after");
    other.await_text(ops, "after");
    assert_eq!(lab.host(1).chalktalk(&["send", "#ops", "by command", "--app", TEST_APP]).code(), 0);
    for app in [&author, &other] {
        app.await_text(ops, "by command");
        let texts: BTreeSet<String> = app.texts(ops).into_iter().collect();
        let all = ["after", "before", "by command", "meanwhile"].map(str::to_owned);
        assert_eq!(texts, all.into(), "and nothing that was refused");
    }
}

fn what_is_beyond_the_quota_goes_and_newcomers_begin_behind_it() {
    let lab = Lab::new(3);
    let daemons = [lab.host(1).daemon(), lab.host(2).daemon()];
    let chat = AppId::chat();
    let [author, other] = [1, 2].map(|n| lab.host(n).app(chat.as_str()));
    let ops = author.enter("#ops", From::Start);
    other.enter("#ops", From::Start);
    let said = |n: u32| format!("n{n}n {}", "x".repeat(1000));
    author.publish_each(ops, (0..3000).map(said));
    other.await_text(ops, &said(2999));
    let entries = |app: &App| app.sessions().iter().find(|s| s.session == ops).map(|s| s.entries);
    let before = entries(&author).unwrap();
    let found = |n: u32| {
        let output = lab.host(1).chalktalk(&["search", &format!("n{n}n"), "in:#ops"]);
        assert_eq!(output.code(), 0, "{}", output.log);
        output.json_lines().len()
    };
    let view = lab.host(1).dir().join("state/chalktalk/chat/search.sqlite");
    let stands = |text: &str| {
        let file = std::fs::read(&view).unwrap();
        file.windows(text.len()).any(|bytes| bytes == text.as_bytes())
    };
    assert_eq!((found(7), found(2999)), (1, 1));
    assert!(stands(&said(7)[..100]) && stands(&said(2999)[..100]));
    for (n, daemon) in [1, 2].into_iter().zip(&daemons) {
        lab.host(n).configure("[retention]\nchat = 1\n");
        // The digests of both have to agree before; they do when all is quiet.
        wait::until(6 * SOON, "the oldest to be dropped", || {
            daemon.signal(rustix::process::Signal::HUP);
            std::thread::sleep(Duration::from_millis(200)); // not the whole time reading its configuration
            entries(if n == 1 { &author } else { &other }).is_some_and(|now| now < before / 2)
        });
    }
    let kept = lab.host(1).history("#ops");
    assert!((300..1500).contains(&kept.len()) && kept.last() == Some(&said(2999)), "{}", kept.len());
    assert!(!kept.contains(&said(0)));
    // Who searches finds no more than that.
    assert_eq!((found(7), found(1000), found(2999)), (0, 0, 1));
    assert!(!stands(&said(7)[..100]) && stands(&said(2999)[..100]));
    let _third = lab.host(3).daemon();
    let late = lab.host(3).app(chat.as_str());
    late.enter("#ops", From::Start);
    late.await_text(ops, &said(2999));
    author.publish(ops, "and on it goes");
    late.await_text(ops, "and on it goes");
    let seen = late.texts(ops);
    assert!(!seen.contains(&said(0)) && seen.len() > 300, "{}", seen.len());
}

fn a_disk_filled_to_the_last_byte_stops_nobody() {
    let lab = Lab::new(2);
    let disk = lab.host(1).small_disk(120);
    let mut daemons = lab.start_daemons();
    let author = lab.host(1).app(TEST_APP);
    let ops = author.enter("#ops", From::Start);
    let last = author.publish(ops, "before");
    author.await_stored(ops, last);
    disk.leave(0);
    wait::until(SOON, "the reserve to be given up", || !disk.has_reserve());
    // What must be written is: who one is in which session, life numbers, positions.
    author.enter("#other", From::Start);
    author.acknowledge(ops);
    daemons[0].kill();
    daemons[0].restart();
    let author = lab.host(1).app(TEST_APP);
    assert!(is_full(&author));
    assert!(author.sessions().iter().any(|session| session.title == "#other" && session.joined));
    author.open(ops, From::Start);
    author.await_text(ops, "before");
    author.publish(ops, "refused");
    await_refusal(&author, ops);
    disk.free();
    wait::until(SOON, "the reserve to be made again", || disk.has_reserve());
    author.resume(ops);
    let last = author.publish(ops, "after");
    author.await_stored(ops, last);
    assert_eq!(author.texts(ops), ["before", "after"]);
}

/// A library that makes syncing fail, with the system's own words, while a file is there.
const FAILING: &str = r#"
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <unistd.h>
int fdatasync(int fd) {
    if (access(SWITCH, F_OK) == 0) { errno = EIO; return -1; }
    return ((int (*)(int))dlsym(RTLD_NEXT, "fdatasync"))(fd);
}
"#;

fn a_failed_commit_ends_the_daemon_and_the_next_life_has_all_that_was_stored() {
    let lab = Lab::new(2);
    let host = lab.host(1);
    let (source, library, switch) =
        (host.dir().join("failing.c"), host.dir().join("failing.so"), host.dir().join("fail"));
    std::fs::write(&source, FAILING).unwrap();
    let mut compile = Command::new("cc");
    compile.args(["-shared", "-fPIC", "-o"]).arg(&library).arg(&source).arg("-ldl");
    compile.arg(format!("-DSWITCH=\"{}\"", switch.display()));
    assert!(compile.status().unwrap().success(), "a C compiler is there wherever Rust links");
    let mut failing = host.daemon_with_environment(&[("LD_PRELOAD", library.to_str().unwrap())]);
    let _other = lab.host(2).daemon();
    lab.await_presence(2);
    let (author, reader) = (host.app(TEST_APP), lab.host(2).app(TEST_APP));
    let ops = author.enter("#ops", From::Start);
    reader.enter("#ops", From::Start);
    let last = author.publish_each(ops, (1..=100).map(|n| n.to_string()));
    author.await_stored(ops, last);

    std::fs::write(&switch, "").unwrap();
    author.publish_each(ops, (101..=120).map(|n| n.to_string()));
    author.await_close();
    let end = failing.await_end(SOON);
    assert_eq!(end.code(), Some(1), "{}", failing.log());
    assert!(failing.log().contains("some messages may not be on disk"), "{}", failing.log());
    let told = author.stored(ops);
    assert_eq!(told, 100, "nothing is told stored after the failure");
    std::fs::remove_file(&switch).unwrap();
    failing.restart();
    lab.await_presence(2);

    let again = App::attach_again(&host.socket(), TEST_APP, author.instance);
    let number = again.open(ops, From::Start);
    assert!(number >= told, "{number} of {told}");
    again.publish_each(ops, (number + 1..=150).map(|n| n.to_string()));
    for app in [&again, &reader] {
        app.await_count(150, Duration::from_secs(30));
        let mut numbers: Vec<u64> = app.texts(ops).iter().map(|text| text.parse().unwrap()).collect();
        numbers.sort_unstable();
        assert_eq!(numbers, (1..=150).collect::<Vec<_>>(), "each once");
    }
    let epochs: BTreeSet<u32> = again.messages().iter().map(|m| m.position.epoch).collect();
    assert!(epochs.len() >= 2, "the next life writes a log of its own: {epochs:?}");
}
