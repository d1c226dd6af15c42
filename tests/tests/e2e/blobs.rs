//! Things larger than a message: put by one, had by all who are in the session, and by nobody else.

use crate::sessions::TEST_APP;
use chalktalk_client::{Blob, Client, ClientError, Events, Transferred};
use chalktalk_ipc::{
    Answer, BlobId, Event, RefusalCode, Request, SessionId,
    event::SnapshotSummary,
    request::{From, Role, SessionKind},
};
use chalktalk_tests::{
    app::App,
    lab::{Host, Lab},
    programs::SOON,
    runner::Test,
    tests, wait,
};
use std::{
    fs::{self, File},
    io::Read,
    ops::ControlFlow,
    path::PathBuf,
    sync::atomic::{AtomicBool, AtomicUsize, Ordering},
    thread,
    time::{Duration, Instant},
};

pub(crate) const TESTS: &[Test] = tests![
    a_blob_comes_to_all_who_are_in_the_session_and_late_takers_have_it_of_any_holder,
    a_transfer_goes_on_after_either_daemon_was_killed,
    what_is_paused_is_given_to_nobody_until_it_is_resumed,
    who_is_not_in_a_session_gets_nothing_of_it,
    what_several_fetch_at_once_is_sent_once,
    who_hears_no_cast_has_the_file_all_the_same,
    who_fetch_at_once_give_to_each_other,
    it_comes_all_the_same_when_a_tenth_of_the_frames_is_lost,
    talk_stays_quick_while_a_file_travels,
    talk_stays_quick_while_a_file_is_cast,
    a_disk_that_has_no_room_for_it_refuses_it,
    what_a_snapshot_stands_for_goes_when_all_hold_it_and_newcomers_begin_with_it,
];

const ENOUGH: Duration = Duration::from_secs(60);
const MIB: usize = 1 << 20;

/// A program of a host's user, in a room.
struct Program {
    client: Client,
    session: SessionId,
    _events: Events,
}

impl Program {
    fn join(host: &Host, target: &str) -> Self {
        let app = TEST_APP.parse().unwrap();
        let builder = Client::builder(app).role(Role::Observer).socket(host.socket());
        let (client, events) = builder.connect().unwrap();
        let app = TEST_APP.parse().unwrap();
        let session = client.join(target, &app, SessionKind::Kept, true).unwrap().session;
        Self { client, session, _events: events }
    }

    fn put(&self, bytes: &[u8]) -> Blob {
        self.client.put_bytes(self.session, bytes).unwrap()
    }

    fn fetch(&self, blob: Blob) -> Result<Vec<u8>, ClientError> {
        self.fetch_while(blob, |_| true)
    }

    /// Fetches as long as `wanted` says yes to how far it has come, and never for ever.
    fn fetch_while(
        &self,
        blob: Blob,
        mut wanted: impl FnMut(Transferred) -> bool,
    ) -> Result<Vec<u8>, ClientError> {
        let until = Instant::now() + ENOUGH;
        let mut file = self.client.fetch_blob(self.session, blob, None, |progress| {
            if Instant::now() < until && wanted(progress) {
                ControlFlow::Continue(())
            } else {
                ControlFlow::Break(())
            }
        })?;
        Ok(contents(&mut file))
    }
}

fn contents(file: &mut File) -> Vec<u8> {
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes).unwrap();
    bytes
}

/// Bytes that look like nothing, a different run for each seed.
fn noise(seed: u64, size: usize) -> Vec<u8> {
    let mut state = seed;
    let mut next = || {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (state ^ state >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb)
    };
    let mut bytes: Vec<u8> = (0..size.div_ceil(8)).flat_map(|_| next().to_le_bytes()).collect();
    bytes.truncate(size);
    bytes
}

/// The folder in which a host keeps the blobs of a session.
fn folder(host: &Host, session: SessionId) -> PathBuf {
    host.dir().join("state/chalktalk/blobs").join(session.to_string())
}

fn a_blob_comes_to_all_who_are_in_the_session_and_late_takers_have_it_of_any_holder() {
    let (lab, mut daemons) = Lab::talking(3);
    let [ana, ben, cleo] = [1, 2, 3].map(|n| Program::join(lab.host(n), "#files"));
    let (large, small) = (noise(1, 5 * MIB + 77), b"a picture".to_vec());
    let (a, b, empty) = (ana.put(&large), ana.put(&small), ana.put(b""));
    assert_eq!((a.id.0, a.size), (*blake3::hash(&large).as_bytes(), large.len() as u64));
    assert!(
        ben.fetch(a).unwrap() == large
            && ben.fetch(b).unwrap() == small
            && ben.fetch(empty).unwrap().is_empty()
    );
    assert!(ana.fetch(a).unwrap() == large, "who put it has it");
    let kept = ben.client.blobs(Some(ben.session)).unwrap();
    assert!(kept.len() == 3 && kept.iter().all(|blob| blob.whole && blob.mine), "{kept:?}");
    daemons[0].kill();
    assert!(cleo.fetch(a).unwrap() == large, "from ben, who has it too");
    ben.client.drop_blob(ben.session, a.id).unwrap();
    wait::until(ENOUGH, "it to be dropped", || ben.client.blobs(None).unwrap().len() == 2);
    assert!(!folder(lab.host(2), ben.session).join(a.id.to_string()).exists());
}

fn a_transfer_goes_on_after_either_daemon_was_killed() {
    let (lab, mut daemons) = Lab::talking(2);
    lab.rate(50);
    let [ana, ben] = [1, 2].map(|n| Program::join(lab.host(n), "#files"));
    let bytes = noise(2, 24 * MIB);
    let blob = ana.put(&bytes);
    let (quarter, half) = (AtomicBool::new(false), AtomicBool::new(false));
    let got = thread::scope(|scope| {
        let fetching = scope.spawn(|| {
            ben.fetch_while(blob, |progress| {
                quarter.fetch_or(progress.done > blob.size / 4, Ordering::Relaxed);
                half.fetch_or(progress.done > blob.size / 2, Ordering::Relaxed);
                true
            })
        });
        wait::until(ENOUGH, "a quarter of it", || quarter.load(Ordering::Relaxed));
        daemons[1].kill();
        let before = lab.host(1).sent();
        daemons[1].restart();
        wait::until(ENOUGH, "half of it", || half.load(Ordering::Relaxed));
        let sent = (lab.host(1).sent() - before).bytes;
        assert!(sent < blob.size * 2 / 5, "what was here is not sent again: {sent} bytes");
        daemons[0].kill();
        daemons[0].restart();
        fetching.join().unwrap()
    });
    assert!(got.unwrap() == bytes);
    let left: Vec<_> = fs::read_dir(folder(lab.host(2), ben.session)).unwrap().flatten().collect();
    assert_eq!(left.len(), 2, "the bytes and what proves them: {left:?}");
}

fn what_is_paused_is_given_to_nobody_until_it_is_resumed() {
    let (lab, mut daemons) = Lab::talking(2);
    lab.rate(50);
    let [ana, ben] = [1, 2].map(|n| Program::join(lab.host(n), "#files"));
    let bytes = noise(8, 16 * MIB);
    let blob = ana.put(&bytes);
    let refused = ben.client.pause_blob(ben.session, blob.id, true).unwrap_err();
    assert!(matches!(refused, ClientError::Refused(_)), "it is not ben's: {refused:?}");
    let done = AtomicUsize::new(0);
    let here = || done.load(Ordering::Relaxed);
    let got = thread::scope(|scope| {
        let fetching = scope.spawn(|| {
            ben.fetch_while(blob, |progress| {
                done.store(progress.done as usize, Ordering::Relaxed);
                true
            })
        });
        wait::until(ENOUGH, "a quarter of it", || here() > bytes.len() / 4);
        ana.client.pause_blob(ana.session, blob.id, true).unwrap();
        let stays = |what: &str| {
            // What is on the wire still comes.
            thread::sleep(Duration::from_millis(1500));
            let before = here();
            thread::sleep(Duration::from_secs(6));
            assert!(here() == before && before < bytes.len(), "{what}: {before}, then {}", here());
        };
        stays("paused while it is given");
        daemons[0].kill();
        daemons[0].restart();
        wait::until(ENOUGH, "what the daemon kept", || ana.client.blobs(None).is_ok_and(|all| all[0].paused));
        stays("paused before the restart");
        let before = lab.host(1).sent();
        ana.client.pause_blob(ana.session, blob.id, false).unwrap();
        let got = fetching.join().unwrap();
        let sent = (lab.host(1).sent() - before).bytes;
        assert!(sent < blob.size * 4 / 5, "what had come is not sent again: {sent} bytes");
        got
    });
    assert!(got.unwrap() == bytes);
    assert!(!ana.client.blobs(None).unwrap()[0].paused);
}

fn who_is_not_in_a_session_gets_nothing_of_it() {
    let (lab, _daemons) = Lab::talking(3);
    let [ana, ben, cleo] = [1, 2, 3].map(|n| Program::join(lab.host(n), "#lobby"));
    let app = TEST_APP.parse().unwrap();
    let private = ana.client.join("@ben", &app, SessionKind::Kept, true).unwrap().session;
    let bytes = noise(3, MIB);
    let blob = ana.client.put_bytes(private, &bytes).unwrap();
    let ask = |program: &Program, session| {
        let until = Instant::now() + Duration::from_secs(3);
        program.client.fetch_blob(session, blob, None, |_| match Instant::now() < until {
            true => ControlFlow::Continue(()),
            false => ControlFlow::Break(()),
        })
    };
    let refused = ask(&cleo, private).unwrap_err();
    assert!(matches!(refused, ClientError::Refused(_)), "{refused:?}");
    let nowhere = ask(&cleo, cleo.session).unwrap_err();
    assert!(matches!(nowhere, ClientError::Cancelled), "offered in another session only: {nowhere:?}");
    let theirs = ben.client.join("@ana", &app, SessionKind::Kept, true).unwrap().session;
    assert_eq!(theirs, private);
    assert!(contents(&mut ask(&ben, private).unwrap()) == bytes);
}

/// All but the first host fetch what it has put, at once. How many bytes the first host sent meanwhile, for each of the file's.
fn fetch_at_once(lab: &Lab, size: usize) -> f64 {
    let programs: Vec<Program> = lab.hosts().iter().map(|host| Program::join(host, "#files")).collect();
    let bytes = noise(4, size);
    let blob = programs[0].put(&bytes);
    let before = lab.host(1).sent();
    thread::scope(|scope| {
        let fetching: Vec<_> =
            programs[1..].iter().map(|program| scope.spawn(|| program.fetch(blob))).collect();
        fetching.into_iter().for_each(|fetched| assert!(fetched.join().unwrap().unwrap() == bytes));
    });
    (lab.host(1).sent() - before).bytes as f64 / size as f64
}

fn what_several_fetch_at_once_is_sent_once() {
    let (lab, _daemons) = Lab::talking(4);
    lab.rate(200);
    let sent = fetch_at_once(&lab, 32 * MIB);
    assert!(sent < 1.4, "{sent:.2} times");
}

fn who_hears_no_cast_has_the_file_all_the_same() {
    let (lab, _daemons) = Lab::talking(4);
    lab.rate(200);
    lab.lose(0.02);
    lab.host(4).lose_multicast();
    let sent = fetch_at_once(&lab, 24 * MIB);
    // To two in one, of which each loses some, and at most once more to the one that hears nothing.
    assert!(sent < 2.5, "{sent:.2} times");
}

fn who_fetch_at_once_give_to_each_other() {
    let (lab, _daemons) = Lab::talking(4);
    lab.rate(100);
    lab.hosts().iter().for_each(Host::lose_multicast);
    let sent = fetch_at_once(&lab, 24 * MIB);
    // Three copies would be sent by a host that has to serve everybody alone.
    assert!(sent < 2.25, "{sent:.2} times");
}

fn it_comes_all_the_same_when_a_tenth_of_the_frames_is_lost() {
    let (lab, _daemons) = Lab::talking(2);
    let [ana, ben] = [1, 2].map(|n| Program::join(lab.host(n), "#files"));
    let bytes = noise(5, MIB + 5);
    let blob = ana.put(&bytes);
    lab.lose(0.1);
    assert!(ben.fetch(blob).unwrap() == bytes);
}

fn talk_stays_quick_while_a_file_travels() {
    talk_beside_a_file(1);
}

fn talk_stays_quick_while_a_file_is_cast() {
    talk_beside_a_file(2);
}

/// Talks from the host that gives to one that takes, while so many take.
fn talk_beside_a_file(takers: usize) {
    let (lab, _daemons) = Lab::talking(1 + takers);
    lab.rate(100);
    let programs: Vec<Program> = lab.hosts().iter().map(|host| Program::join(host, "#files")).collect();
    let (talker, listener) = (lab.host(1).app(TEST_APP), lab.host(2).app(TEST_APP));
    let room = talker.enter("#talk", From::Now);
    listener.enter("#talk", From::Now);
    let blob = programs[0].put(&noise(6, 48 * MIB));
    let left = AtomicUsize::new(takers);
    let mut delays = thread::scope(|scope| {
        let fetching: Vec<_> = programs[1..]
            .iter()
            .map(|program| {
                scope.spawn(|| {
                    let fetched = program.fetch(blob);
                    left.fetch_sub(1, Ordering::Relaxed);
                    fetched
                })
            })
            .collect();
        let mut delays = Vec::new();
        while left.load(Ordering::Relaxed) > 0 {
            let (text, said) = (format!("message {}", delays.len()), Instant::now());
            talker.publish(room, &text);
            listener.await_text(room, &text);
            delays.push(said.elapsed());
            thread::sleep(Duration::from_millis(30));
        }
        let whole = |fetched: Result<Vec<u8>, _>| fetched.unwrap().len() as u64 == blob.size;
        assert!(fetching.into_iter().all(|fetched| whole(fetched.join().unwrap())));
        delays
    });
    delays.sort_unstable();
    let median = delays[delays.len() / 2];
    assert!(delays.len() >= 20, "{} messages beside it", delays.len());
    // The queue of the port alone holds 60 ms at this rate: a file that filled it would show.
    assert!(median < Duration::from_millis(50), "{median:?} of {delays:?}");
}

fn a_disk_that_has_no_room_for_it_refuses_it() {
    let lab = Lab::new(2);
    let disk = lab.host(2).small_disk(400);
    let _daemons = lab.start_daemons();
    let [ana, ben] = [1, 2].map(|n| Program::join(lab.host(n), "#files"));
    let (large, small) = (ana.put(&noise(7, 12 * MIB)), ana.put(b"small"));
    disk.leave((256 + 8) * MIB as u64);
    match ben.fetch(large) {
        Err(ClientError::Refused(refusal)) => assert_eq!(refusal.code, RefusalCode::Storage, "{refusal}"),
        other => panic!("{:?}", other.map(|bytes| bytes.len())),
    }
    assert_eq!(ben.fetch(small).unwrap(), b"small");
    disk.free();
    assert_eq!(ben.fetch(large).unwrap().len() as u64, large.size, "as soon as there is room");
}

fn what_a_snapshot_stands_for_goes_when_all_hold_it_and_newcomers_begin_with_it() {
    let lab = Lab::new(3);
    for host in [1, 2] {
        lab.host(host).configure("[retention]\ncovered = 0\n");
    }
    let daemons = [lab.host(1).daemon(), lab.host(2).daemon()];
    let apps = [1, 2].map(|host| lab.host(host).app(TEST_APP));
    let plan = apps[0].enter("#plan", From::Start);
    apps[1].enter("#plan", From::Start);
    let drawn = |n: u32| format!("{n} {}", "x".repeat(1000));
    apps[0].publish_each(plan, (0..1000).map(drawn));
    apps[1].await_text(plan, &drawn(999));
    apps[0].await_text(plan, &drawn(999));
    let entries = |app: &App| app.sessions().iter().find(|s| s.session == plan).map(|s| s.entries);
    let before = entries(&apps[0]).unwrap();
    // Who is not known to be there is not waited for.
    wait::until(SOON, "both to be in it", || {
        apps.iter().all(|app| app.sessions().iter().any(|s| s.session == plan && s.members.len() == 2))
    });
    // A session in which a program holds a snapshot of all that was said.
    let hold = |host: usize, app: &App, blob: Blob| {
        let positions = app.positions(plan);
        assert_eq!(positions.len(), 1, "host {host} has read one log");
        let (session, Blob { id: blob, size }) = (plan, blob);
        app.request(Request::HoldSnapshot { session, blob, size, positions, behind: vec![] })
    };
    // Daemons look at what may go each time they are told how much to keep.
    let look = || {
        daemons.iter().for_each(|daemon| daemon.signal(rustix::process::Signal::HUP));
        std::thread::sleep(Duration::from_millis(200));
    };
    let all = noise(7, 300_000);
    let ana = Program::join(lab.host(1), "#plan");
    let nothing = Blob { id: BlobId([7; 32]), size: 1 };
    assert_eq!(hold(1, &apps[0], nothing).map_err(|refusal| refusal.code), Err(RefusalCode::Unknown));
    let blob = ana.put(&all);
    assert_eq!(hold(1, &apps[0], blob), Ok(Answer::Done));
    let confirmed = |snapshots: &[SnapshotSummary], wanted: bool| {
        snapshots.iter().any(|snapshot| snapshot.blob == blob.id && snapshot.confirmed == wanted)
    };
    apps[1].await_event(SOON, "the snapshot", |event| match event {
        Event::Snapshots { snapshots, .. } if confirmed(snapshots, true) => Some(()),
        _ => None,
    });
    (0..10).for_each(|_| look());
    assert_eq!(apps.each_ref().map(entries), [Some(before); 2], "the other has not said so");
    let ben = Program::join(lab.host(2), "#plan");
    assert_eq!(ben.fetch(blob).unwrap(), all);
    assert_eq!(hold(2, &apps[1], blob), Ok(Answer::Done));
    for app in &apps {
        wait::until(6 * SOON, "what the snapshot stands for to go", || {
            look();
            entries(app).is_some_and(|now| now < before / 2)
        });
    }
    match ana.client.drop_blob(plan, blob.id) {
        Err(ClientError::Refused(refusal)) => assert_eq!(refusal.code, RefusalCode::NotAllowed),
        other => panic!("the last that tells of it is dropped: {other:?}"),
    }
    // A newcomer finds the beginning gone, and nothing can be read before it has the snapshot.
    let _third = lab.host(3).daemon();
    let late = lab.host(3).app(TEST_APP);
    late.enter("#plan", From::Start);
    late.await_event(SOON, "the snapshot", |event| match event {
        Event::Snapshots { snapshots, .. } if confirmed(snapshots, true) => Some(()),
        _ => None,
    });
    let cy = Program::join(lab.host(3), "#plan");
    assert_eq!(cy.fetch(blob).unwrap(), all);
    let (session, Blob { id, size }, positions) = (plan, blob, apps[0].positions(plan));
    let hold =
        |behind| Request::HoldSnapshot { session, blob: id, size, positions: positions.clone(), behind };
    let made = late.request(hold(vec![])).map_err(|refusal| refusal.code);
    assert_eq!(made, Err(RefusalCode::Busy), "it has not read what it says to have made");
    let held = late.request(hold(vec![id]));
    assert_eq!(held, Ok(Answer::Done));
    late.await_text(plan, &drawn(999));
    apps[1].publish(plan, "and on it goes");
    late.await_text(plan, "and on it goes");
    let seen = late.texts(plan);
    assert!(!seen.contains(&drawn(0)) && seen.len() < 500, "{}", seen.len());
}
