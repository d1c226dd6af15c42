//! A message for an app that is not running starts it.

use chalktalk_ipc::{Event, SessionId, event::FailReason, request::From};
use chalktalk_tests::{
    app::{App, enter_all},
    lab::{Host, Lab},
    programs::{Output, SOON},
    runner::Test,
    tests,
};
use std::{fs, os::unix::fs::PermissionsExt, time::Duration};

pub(crate) const TESTS: &[Test] = tests![
    a_message_starts_the_chat_and_is_waiting_in_it,
    two_messages_at_once_start_one_chat_which_shows_both,
    a_direct_message_gets_a_chat_of_its_own_and_the_answer_comes_back,
    an_open_chat_takes_another_room,
    a_refused_offer_launches,
    a_command_line_that_listens_does_not_keep_the_chat_from_starting,
    a_room_that_was_not_joined_starts_nothing,
    old_history_starts_nothing,
    the_author_of_a_message_gets_no_chat_started,
    a_missing_app_is_reported,
    a_launch_that_fails_is_reported,
    a_program_that_never_attaches_is_reported,
    what_could_not_be_handed_over_is_not_lost,
];

/// Adds an app to a host's registry, before its daemon starts.
fn add_manifest(host: &Host, app: &str, headless: &[&str]) {
    let dir = host.dir().join("data/chalktalk/apps");
    fs::create_dir_all(&dir).unwrap();
    let argv = format!("{headless:?}");
    let text = format!(
        "id = \"{app}\"\nname = \"A test\"\nversion = \"1.0\"\nsessions = \"one\"\nargv = {argv}\nheadless = {argv}\n"
    );
    let path = dir.join(format!("{app}.toml"));
    fs::write(&path, text).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
}

fn session_of(host: &Host, title: &str) -> String {
    let sessions = App::observer(&host.socket()).sessions();
    sessions
        .iter()
        .find(|s| s.title == title)
        .unwrap_or_else(|| panic!("no {title}: {sessions:?}"))
        .session
        .to_string()
}

fn ok(output: &Output) {
    assert_eq!(output.code(), 0, "{}", output.log);
}

fn a_message_starts_the_chat_and_is_waiting_in_it() {
    let (lab, _daemons) = Lab::talking(2);
    assert!(lab.host(2).chats().is_empty());
    lab.host(1).send("#lobby", "good morning");
    let shown = lab.host(2).launched_transcript(&session_of(lab.host(2), "#lobby"));
    shown.await_text("good morning");
    assert_eq!(lab.host(2).chats().len(), 1);
    let instances = lab.host(2).facts(&["instances"]);
    let chat = &instances.as_array().unwrap()[0];
    assert_eq!(
        chat["pid"],
        lab.host(2).chats()[0],
        "the instance is the process that was launched: {instances}"
    );
}

fn two_messages_at_once_start_one_chat_which_shows_both() {
    let (lab, _daemons) = Lab::talking(3);
    let authors = [1, 3].map(|n| lab.host(n).app("chalktalk.chat"));
    let session = enter_all(&authors, "#lobby");
    std::thread::scope(|scope| {
        authors
            .iter()
            .for_each(|app| drop(scope.spawn(|| app.publish(session, format!("{:?}", app.instance)))));
    });
    let shown = lab.host(2).launched_transcript(&session.to_string());
    authors.iter().for_each(|app| shown.await_text(&format!("{:?}", app.instance)));
    assert_eq!(lab.host(2).chats().len(), 1);
    assert_eq!(shown.texts().len(), 2);
}

fn a_direct_message_gets_a_chat_of_its_own_and_the_answer_comes_back() {
    let (lab, _daemons) = Lab::talking(2);
    let lobby = lab.host(2).chat("#lobby", "lobby");
    lab.host(1).send("#lobby", "hello all");
    lobby.transcript.await_text("hello all");
    let before = lab.host(2).chats();

    let author = lab.host(1).app("chalktalk.chat");
    let session = author.enter("@ben", From::Start);
    author.publish(session, "a word with you");
    let private = lab.host(2).launched_transcript(&session.to_string());
    private.await_text("a word with you");
    let with_private = lab.host(2).chats();
    assert_eq!(with_private.len(), before.len() + 1, "a new process for the private talk");

    author.publish(session, "and another");
    private.await_text("and another");
    assert_eq!(lab.host(2).chats(), with_private, "the second message reuses it");

    ok(&lab.host(2).chalktalk(&["send", "@ana", "what is it?"]));
    author.await_text(session, "what is it?");
    assert_eq!(lobby.transcript.texts(), ["hello all"], "nothing of it in the lobby");
}

fn an_open_chat_takes_another_room() {
    let (lab, _daemons) = Lab::talking(2);
    let mut chat = lab.host(2).chat("#lobby", "lobby");
    lab.host(1).send("#lobby", "hello all");
    chat.transcript.await_text("hello all");
    ok(&lab.host(2).chalktalk(&["room", "join", "#ops"]));
    lab.host(1).send("#ops", "anybody there?");
    chat.transcript.await_text("anybody there?");
    assert_eq!(lab.host(2).chats(), [chat.process().pid()], "the chat that was open took the room");
}

fn a_refused_offer_launches() {
    let (lab, _daemons) = Lab::talking(2);
    let unwilling = lab.host(2).app("chalktalk.chat");
    unwilling.enter("#lobby", From::Start);
    ok(&lab.host(2).chalktalk(&["room", "join", "#ops"]));
    lab.host(1).send("#ops", "anybody there?");
    let session = unwilling.await_event(SOON, "an offer", |event| match event {
        Event::Offer { session } => Some(session.session),
        _ => None,
    });
    let request = chalktalk_ipc::Request::AnswerOffer { session, accept: false };
    unwilling.request(request).unwrap();
    lab.host(2).launched_transcript(&session.to_string()).await_text("anybody there?");
}

fn a_command_line_that_listens_does_not_keep_the_chat_from_starting() {
    let (lab, _daemons) = Lab::talking(2);
    let tail = lab.host(2).start_chalktalk(&["tail", "#lobby", "--since", "start"]);
    // One's own message starts nothing here, and shows that tail listens.
    lab.host(2).send("#lobby", "just listening");
    tail.await_text("just listening", SOON);
    assert!(lab.host(2).chats().is_empty());
    lab.host(1).send("#lobby", "good morning");
    tail.await_text("good morning", SOON);
    let shown = lab.host(2).launched_transcript(&session_of(lab.host(2), "#lobby"));
    shown.await_text("good morning");
}

fn a_room_that_was_not_joined_starts_nothing() {
    let (lab, _daemons) = Lab::talking(2);
    lab.host(1).send("#elsewhere", "hello");
    lab.host(1).send("#lobby", "hello");
    lab.host(2).launched_transcript(&session_of(lab.host(2), "#lobby")).await_text("hello");
    assert_eq!(lab.host(2).chats().len(), 1, "one for the lobby, none for the room");
}

fn old_history_starts_nothing() {
    let (lab, mut daemons) = Lab::talking(2);
    let mut chat = lab.host(2).chat("#lobby", "lobby");
    lab.host(1).send("#lobby", "seen");
    chat.transcript.await_text("seen");
    chat.process().stop();
    daemons[1].stop();
    daemons[1].restart();
    lab.await_presence(2);
    std::thread::sleep(Duration::from_secs(2));
    assert!(lab.host(2).chats().is_empty(), "what was shown before starts nothing");
    lab.host(1).send("#lobby", "new");
    lab.host(2).launched_transcript(&session_of(lab.host(2), "#lobby")).await_text("new");
}

fn the_author_of_a_message_gets_no_chat_started() {
    let (lab, _daemons) = Lab::talking(2);
    lab.host(1).send("#lobby", "good morning");
    lab.host(2).launched_transcript(&session_of(lab.host(2), "#lobby")).await_text("good morning");
    assert!(lab.host(1).chats().is_empty(), "one's own message is no news");
}

/// What the sender of a direct message of this app is told by host 2.
fn report(lab: &Lab, app: &str, within: Duration) -> (App, SessionId, FailReason, String) {
    let author = lab.host(1).app(app);
    let session = author.enter("@ben", From::Start);
    let number = author.publish(session, "are you there?");
    let (reason, detail) = author.await_event(within, "a report", |event| match event {
        Event::Failed { number: n, reason, detail, host_name, session: s, .. } => {
            assert_eq!((*n, host_name.as_str(), *s), (number, "h2", session));
            Some((*reason, detail.clone()))
        }
        _ => None,
    });
    (author, session, reason, detail)
}

fn a_missing_app_is_reported() {
    let (lab, _daemons) = Lab::talking(2);
    let (_, _, reason, _) = report(&lab, "org.example.missing", SOON);
    assert_eq!(reason, FailReason::NoApp);
}

fn a_launch_that_fails_is_reported() {
    let lab = Lab::new(2);
    add_manifest(lab.host(2), "org.example.broken", &["/nonexistent/program"]);
    let _daemons = lab.start_daemons();
    let (_, _, reason, detail) = report(&lab, "org.example.broken", SOON);
    assert_eq!(reason, FailReason::LaunchFailed, "{detail}");
}

fn a_program_that_never_attaches_is_reported() {
    let lab = Lab::new(2);
    add_manifest(lab.host(2), "org.example.mute", &["/bin/sleep", "1000"]);
    let _daemons = lab.start_daemons();
    let (_, _, reason, detail) = report(&lab, "org.example.mute", Duration::from_secs(40));
    assert_eq!(reason, FailReason::NeverAttached, "{detail}");
}

fn what_could_not_be_handed_over_is_not_lost() {
    let (lab, _daemons) = Lab::talking(2);
    let (_, session, _, _) = report(&lab, "org.example.missing", SOON);
    let late = lab.host(2).app("org.example.missing");
    assert_eq!(late.enter("@ana", From::Saved), session);
    late.await_text(session, "are you there?");
}
