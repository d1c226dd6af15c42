//! Whoever sits on the wire: what is private does not pass there in clear, and sending it again changes nothing.

use crate::sessions::TEST_APP;
use chalktalk_ipc::{
    Answer, Event, SessionId,
    request::{From, Request, SessionKind},
};
use chalktalk_tests::{
    app::App,
    lab::{Lab, Wire, switch::Faults},
    programs::SOON,
    runner::Test,
    tests, texts, wait,
};
use std::time::Duration;

pub(crate) const TESTS: &[Test] = tests![
    nothing_private_is_on_the_wire_and_a_tape_of_it_changes_nothing,
    nothing_of_a_session_by_invitation_is_on_the_wire_and_a_tape_of_it_changes_nothing,
    a_tape_does_not_bring_back_who_is_gone_to_a_daemon_that_has_just_started,
];

/// How long what was injected is given to do harm.
const AFTERWARDS: Duration = Duration::from_secs(3);

/// Texts long enough to be told from chance.
fn secrets() -> Vec<Vec<u8>> {
    let telling = |text: &String| (12..1000).contains(&text.len());
    texts::lines().into_iter().filter(telling).take(300).map(String::into_bytes).collect()
}

fn is_on(tape: &[Vec<u8>], text: &[u8]) -> bool {
    tape.iter().any(|frame| frame.windows(text.len()).any(|bytes| bytes == text))
}

/// Everything that a host's programs can see, but for how long ago and how often.
fn facts(app: &App) -> String {
    let mut who = app.who();
    who.sort_by_key(|person| person.name.clone());
    let mut sessions = app.sessions();
    sessions.sort_by_key(|session| session.session);
    let mut instances = app.instances(true);
    instances.sort_by_key(|instance| instance.instance);
    format!("{who:?}\n{sessions:?}\n{instances:?}\n{:?}", app.messages())
}

/// Plays a tape forwards and backwards: nothing changes for anybody.
fn play(lab: &Lab, tape: Vec<Vec<u8>>, watchers: &[&App]) {
    let before: Vec<String> = watchers.iter().map(|app| facts(app)).collect();
    lab.switch().inject(tape.clone());
    lab.switch().inject(tape.into_iter().rev());
    std::thread::sleep(AFTERWARDS);
    for (app, before) in watchers.iter().zip(&before) {
        assert_eq!(&facts(app), before);
    }
}

/// Accepts the one invitation that comes, and reads the session from its start.
fn accept(app: &App) -> SessionId {
    let waiting = || match app.request(Request::Invitations) {
        Ok(Answer::Invitations(waiting)) => waiting.first().map(|invitation| invitation.session),
        other => panic!("{other:?}"),
    };
    let session = wait::for_some(SOON, "the invitation", waiting);
    app.request(Request::AnswerInvitation { session, accept: true }).expect("it waits");
    app.open(session, From::Start);
    session
}

fn nothing_of_a_session_by_invitation_is_on_the_wire_and_a_tape_of_it_changes_nothing() {
    for kind in [SessionKind::Kept, SessionKind::Live] {
        let lab = Lab::wired(3, Wire::Faulty(Faults::default()));
        lab.switch().record();
        let mut daemons: Vec<_> = lab.hosts().iter().map(|host| host.daemon()).collect();
        lab.await_presence(3);
        let [ana, ben, cleo] = [0, 1, 2].map(|n| lab.hosts()[n].app(TEST_APP));
        let created = ana.request(Request::Create {
            title: "conspiracy of gardeners".into(),
            app: ana.app.clone(),
            kind,
            history: true,
            invite: vec!["ben".into(), "cleo".into()],
        });
        let Ok(Answer::Session(summary)) = created else { panic!("{created:?}") };
        let room = summary.session;
        ana.open(room, From::Start);
        [&ben, &cleo].into_iter().for_each(|app| assert_eq!(accept(app), room));

        let secrets = secrets();
        let (first, second) = secrets.split_at(secrets.len() / 2);
        ana.publish_each(room, first);
        [&ben, &cleo].into_iter().for_each(|app| app.await_count(first.len(), Duration::from_secs(20)));
        // While a key is being handed out nobody passes a thought: those are not kept for later.
        wait::until(SOON, "a passing thought to be heard", || {
            ben.publish_volatile(room, b"a passing private thought");
            ana.texts(room).iter().any(|text| text == "a passing private thought")
        });
        // Somebody is removed, with a new key for the others; then everybody who is left is told more.
        let removal = Request::Remove { target: room.to_string(), app: ana.app.clone(), user: "cleo".into() };
        ana.request(removal).expect("who made it may");
        cleo.await_event(SOON, "cleo to be told", |event| match event {
            Event::Detached { session: Some(session), .. } if *session == room => Some(()),
            _ => None,
        });
        ana.publish_each(room, second);
        ben.await_count(secrets.len(), Duration::from_secs(20));
        daemons[1].kill();
        daemons[1].restart();
        lab.await_presence(3);
        let again = lab.host(2).app(TEST_APP);
        again.open(room, From::Start);
        ana.publish(room, "and one more when you are back");
        again.await_text(room, "and one more when you are back");
        std::thread::sleep(Duration::from_secs(2));

        let tape = lab.switch().take_tape();
        let others =
            [&b"a passing private thought"[..], b"and one more when you are", b"conspiracy of gardeners"];
        for secret in secrets.iter().map(Vec::as_slice).chain(others) {
            assert!(!is_on(&tape, secret), "{}", String::from_utf8_lossy(secret));
        }
        let read = cleo.messages().iter().filter(|message| !message.flags.volatile).count();
        assert!(read <= first.len(), "{read}");
        play(&lab, tape, &[&ana, &again, &cleo]);
        ana.publish(room, "still with you");
        again.await_text(room, "still with you");
        assert!(!cleo.texts(room).contains(&"still with you".to_owned()));
    }
}

fn a_tape_does_not_bring_back_who_is_gone_to_a_daemon_that_has_just_started() {
    let lab = Lab::wired(3, Wire::Faulty(Faults::default()));
    lab.switch().record();
    let mut daemons: Vec<_> = lab.hosts().iter().map(|host| host.daemon()).collect();
    lab.await_presence(3);
    let ana = lab.host(1).app(TEST_APP);
    let direct = ana.enter("@ben", From::Start);
    let ben = lab.host(2).app(TEST_APP);
    ben.enter("@ana", From::Start);
    ana.publish_volatile(direct, b"a passing private thought");
    ben.await_text(direct, "a passing private thought");
    let tape = lab.switch().take_tape();
    daemons[0].kill(); // without a farewell
    daemons[1].kill();
    daemons[1].restart();
    wait::until(SOON, "cleo to be there again", || App::observer(&lab.host(2).socket()).who().len() == 2);
    let again = lab.host(2).app(TEST_APP);
    again.enter("@ana", From::Now);
    for _ in 0..3 {
        play(&lab, tape.clone(), &[&again]);
    }
    assert_eq!(again.who().len(), 2, "ana is gone: {:?}", again.who());
}

fn nothing_private_is_on_the_wire_and_a_tape_of_it_changes_nothing() {
    let lab = Lab::wired(3, Wire::Faulty(Faults::default()));
    lab.switch().record();
    let mut daemons: Vec<_> = lab.hosts().iter().map(|host| host.daemon()).collect();
    lab.await_presence(3);
    let apps: Vec<App> = lab.hosts().iter().map(|host| host.app(TEST_APP)).collect();
    let direct = apps[0].enter("@ben", From::Start);
    assert_eq!(direct, apps[1].enter("@ana", From::Start));
    let lobby: Vec<_> = apps.iter().map(|app| app.enter("#square", From::Start)).collect();

    let secrets = secrets();
    apps[0].publish_each(direct, &secrets);
    apps[1].await_count(secrets.len(), Duration::from_secs(20));
    apps[1].publish_volatile(direct, b"a passing private thought");
    apps[0].await_text(direct, "a passing private thought");
    apps[2].publish(lobby[2], "said aloud in the square");
    apps[0].await_text(lobby[0], "said aloud in the square");
    // Who was away fetches the private past over TCP: that is on the wire too.
    daemons[1].kill();
    daemons[1].restart();
    lab.await_presence(3);
    apps[0].publish(direct, "and one more when you are back");
    let again = lab.host(2).app(TEST_APP);
    assert_eq!(again.enter("@ana", From::Start), direct);
    again.await_text(direct, "and one more when you are back");
    wait::until(Duration::from_secs(10), "quiet", || apps[0].who().len() == 3);
    std::thread::sleep(Duration::from_secs(2));

    let tape = lab.switch().take_tape();
    assert!(is_on(&tape, b"said aloud in the square"), "the tape holds what is said");
    for secret in secrets
        .iter()
        .map(Vec::as_slice)
        .chain([&b"a passing private thought"[..], b"and one more when you are"])
    {
        assert!(!is_on(&tape, secret), "{}", String::from_utf8_lossy(secret));
    }

    play(&lab, tape, &[&apps[0], &again, &apps[2]]);
    apps[0].publish(direct, "still with you");
    again.await_text(direct, "still with you");
    assert!(apps[0].request(Request::Status).is_ok());
}
