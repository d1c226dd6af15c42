//! Whoever sits on the wire: what is private does not pass there in clear, and sending it again changes nothing.

use crate::sessions::TEST_APP;
use chalktalk_ipc::request::{From, Request};
use chalktalk_tests::{
    app::App,
    lab::{Lab, Wire, switch::Faults},
    runner::Test,
    tests, texts, wait,
};
use std::time::Duration;

pub(crate) const TESTS: &[Test] = tests![nothing_private_is_on_the_wire_and_a_tape_of_it_changes_nothing,];

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

    let watchers = [&apps[0], &again, &apps[2]];
    let before: Vec<String> = watchers.iter().map(|app| facts(app)).collect();
    lab.switch().inject(tape.clone());
    lab.switch().inject(tape.into_iter().rev());
    std::thread::sleep(AFTERWARDS);
    for (app, before) in watchers.iter().zip(&before) {
        assert_eq!(&facts(app), before);
    }
    apps[0].publish(direct, "still with you");
    again.await_text(direct, "still with you");
    assert!(apps[0].request(Request::Status).is_ok());
}
