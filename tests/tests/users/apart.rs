//! Each user of a machine is somebody of their own, and sees what is theirs and what the whole LAN hears.

use chalktalk_ipc::{
    Answer, Down, Event, FrameBuf, RefusalCode, Request, SessionId,
    request::{Availability, From, SessionKind},
    socket::NOBODY,
};
use chalktalk_tests::{
    app::App,
    lab::process,
    machine::{ANA, BEN, CLEO, Machine, SERVICE, as_user, home, socket, state},
    programs::SOON,
    runner::Test,
    tests, wait,
};
use std::{
    fs,
    io::Read,
    os::unix::{fs::MetadataExt, net::UnixListener, net::UnixStream},
    time::Duration,
};

pub(crate) const TESTS: &[Test] = tests![
    each_uid_is_a_user_and_stays_that_one,
    nobody_is_turned_away,
    neither_sees_what_the_others_have_among_themselves,
    nobody_goes_on_as_somebody_elses_instance,
    a_message_opens_a_program_as_its_user_and_for_nobody_else,
    with_nobody_logged_in_the_message_waits,
    a_planted_socket_is_refused_and_passed_over,
];

pub(crate) fn attach(uid: u32) -> App {
    as_user(uid, || App::attach(socket(), "chalktalk.chat"))
}

fn each_uid_is_a_user_and_stays_that_one() {
    let mut machine = Machine::start();
    let users = || [ANA, BEN].map(|uid| attach(uid).status().user);
    let before = users();
    assert_ne!(before[0], before[1]);
    let who = machine.chalktalk(ANA, &["who", "--json"]);
    let names: Vec<String> = who.json_lines()[0]
        .as_array()
        .unwrap()
        .iter()
        .map(|person| person["name"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(names, ["Ana", "Ben"], "oneself first");
    machine.daemon.kill();
    machine.restart();
    let here = attach(CLEO);
    assert_eq!(here.who().len(), 3, "who is not there now is still known: messages wait for them");
    let ana = here.who().into_iter().find(|person| person.name == "Ana").unwrap();
    assert_eq!(ana.status, Availability::Offline);
    assert_eq!(users(), before);

    let about = fs::metadata(state()).unwrap();
    assert_eq!((about.uid(), about.mode() & 0o777), (SERVICE, 0o700));
    assert!(as_user(ANA, || fs::read_dir(state()).is_err()), "keys are the service's alone");
    let socket_mode = fs::metadata(socket()).unwrap().mode() & 0o777;
    assert_eq!(socket_mode, 0o666, "everybody may connect; the kernel says who it is");
}

fn nobody_is_turned_away() {
    let _machine = Machine::start();
    let said = as_user(NOBODY, || {
        let mut stream = UnixStream::connect(socket()).unwrap();
        stream.set_read_timeout(Some(SOON)).unwrap();
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes).unwrap();
        bytes
    });
    let mut input = FrameBuf::default();
    input.extend(&said);
    let down: Down = input.next_frame().unwrap().unwrap().control().unwrap();
    assert!(matches!(&down, Down::Event(Event::Detached { session: None, .. })), "{down:?}");
    assert_eq!(attach(ANA).who().len(), 1, "it has become nobody's user");
}

fn neither_sees_what_the_others_have_among_themselves() {
    let machine = Machine::start();
    let (ana, ben, cleo) = (attach(ANA), attach(BEN), attach(CLEO));
    let secret = ana.enter("@Ben", From::Start);
    assert_eq!(ben.enter("@Ana", From::Start), secret);
    ana.publish(secret, "a surprise for cleo");
    ben.await_text(secret, "a surprise for cleo");
    ana.await_stored(secret, 1);
    let room = ana.enter("#plans", From::Start);
    ana.publish(room, "the party is on friday");
    ana.await_stored(room, 1);
    ana.request(Request::Leave { target: "#plans".into(), app: ana.app.clone() }).unwrap();

    let unknown = SessionId([7; 16]);
    let refusals = |session: SessionId| -> Vec<(RefusalCode, String)> {
        let requests = [
            Request::Join {
                target: session.to_string(),
                app: cleo.app.clone(),
                kind: SessionKind::Kept,
                history: true,
            },
            Request::Open { session, from: From::Start },
            Request::History { session, before: None, limit: 10 },
            Request::Close { session },
            Request::Ack { session, positions: vec![] },
            Request::Leave { target: session.to_string(), app: cleo.app.clone() },
        ];
        let refused = |request| {
            let refusal = cleo.request(request).unwrap_err();
            (refusal.code, refusal.message.replace(&session.to_string(), "it"))
        };
        requests.map(refused).into()
    };
    assert_eq!(refusals(secret), refusals(unknown), "it might as well not be there");

    let everything = |cleo: &App| {
        format!("{:?} {:?} {:?} {:?}", cleo.sessions(), cleo.instances(true), cleo.status(), cleo.messages())
    };
    let seen = everything(&cleo);
    for hidden in [secret.to_string(), room.to_string(), "plans".into(), ana.instance.to_string()] {
        assert!(!seen.contains(&hidden), "{hidden} in {seen}");
    }
    assert_eq!((cleo.status().sessions, cleo.status().instances), (1, 1), "#lobby, and her own");
    let listed = machine.chalktalk(CLEO, &["sessions", "--json"]);
    assert!(!listed.log.contains(&secret.to_string()), "{}", listed.log);

    // To publish into it is no way either.
    as_user(CLEO, || {
        let intruder = App::attach(socket(), "chalktalk.chat");
        intruder.publish_unasked(secret, "hello?");
        wait::until(SOON, "the intruder to be let go", || intruder.is_closed());
    });
    ana.publish(secret, "nobody heard");
    ben.await_text(secret, "nobody heard");
    assert_eq!(ben.texts(secret), ["a surprise for cleo", "nobody heard"]);
    assert_eq!(cleo.count(), 0);
}

fn nobody_goes_on_as_somebody_elses_instance() {
    let _machine = Machine::start();
    let (ana, ben) = (attach(ANA), attach(BEN));
    let session = ana.enter("#lobby", From::Start);
    ben.enter("#lobby", From::Start);
    let hers = ana.instance;
    drop(ana);
    let thief = as_user(CLEO, || App::attach_again(socket(), "chalktalk.chat", hers));
    assert_ne!(thief.instance, hers);
    thief.open(thief.join("#lobby", SessionKind::Kept), From::Now);
    let back = as_user(ANA, || App::attach_again(socket(), "chalktalk.chat", hers));
    assert_eq!(back.instance, hers);
    back.open(session, From::Now);
    ben.publish_to(session, hers, "for her alone");
    back.await_text(session, "for her alone");
    assert_eq!(thief.count(), 0);
}

/// The chats that run, with the user they run as.
fn chats() -> Vec<(u32, u32)> {
    let uid = |pid: &u32| Some(fs::metadata(format!("/proc/{pid}")).ok()?.uid());
    process::running("chalktalk-chat").into_iter().filter_map(|pid| Some((pid, uid(&pid)?))).collect()
}

fn a_message_opens_a_program_as_its_user_and_for_nobody_else() {
    let machine = Machine::start();
    let _agents = [ANA, BEN, CLEO].map(|uid| machine.agent(uid));
    let has_agent = |uid| attach(uid).status().agent;
    wait::until(SOON, "the agents to attach", || [ANA, BEN, CLEO].into_iter().all(has_agent));
    let sent = machine.chalktalk(ANA, &["send", "@Ben", "come and see"]);
    assert_eq!(sent.code(), 0, "{}", sent.log);
    wait::until(SOON, "his chat", || chats().iter().any(|(_, uid)| *uid == BEN));
    let (pid, _) = chats()[0];
    wait::until(SOON, "his chat to show it", || {
        let folder = format!("{}/.local/state/chalktalk/transcripts", home(BEN));
        let files = fs::read_dir(folder).into_iter().flatten().flatten();
        files
            .filter_map(|file| fs::read_to_string(file.path()).ok())
            .any(|text| text.contains("come and see"))
    });
    assert_eq!(chats(), [(pid, BEN)], "one program, and nothing in anybody else's desktop");

    // The token in its environment has been used; it is good for nobody any more, and was never for others.
    let environment = fs::read(format!("/proc/{pid}/environ")).unwrap();
    let token = String::from_utf8_lossy(&environment)
        .split('\0')
        .find_map(|item| item.strip_prefix("CHALKTALK_TOKEN=").map(str::to_owned))
        .unwrap();
    for uid in [BEN, ANA] {
        let refused = as_user(uid, || App::attach_with_token(socket(), "chalktalk.chat", &token));
        assert!(refused.is_err_and(|why| why.contains("launch token")));
    }
    let parents = fs::read_to_string(format!("/proc/{}/task/{0}/children", machine.daemon.pid()));
    assert_eq!(parents.unwrap_or_default(), "", "the daemon executes nothing");
}

fn with_nobody_logged_in_the_message_waits() {
    let mut machine = Machine::start();
    drop(attach(BEN));
    let sent = machine.chalktalk(ANA, &["send", "@Ben", "when you are back", "--wait", "delivered"]);
    assert!(sent.log.contains("the message waits"), "{}", sent.log);
    assert_eq!(chats(), []);
    machine.daemon.stop();
    machine.restart();
    let _agent = machine.agent(BEN);
    wait::until(SOON, "his chat at his next login", || chats().iter().any(|(_, uid)| *uid == BEN));
}

fn a_planted_socket_is_refused_and_passed_over() {
    let machine = Machine::start();
    let planted = format!("/tmp/chalktalk-{ANA}");
    let (_guard, path) = as_user(BEN, || {
        let _was_not_there = fs::remove_dir_all(&planted);
        fs::create_dir(&planted).unwrap();
        fs::set_permissions(&planted, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
        let path = format!("{planted}/chalktalkd.sock");
        let listener = UnixListener::bind(&path).unwrap();
        fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o777)).unwrap();
        (listener, path)
    });
    let mut named = machine.command(ANA, "chalktalk", &["who"]);
    named.env("CHALKTALK_SOCKET", &path);
    let refused = machine.finish(named);
    assert_ne!(refused.code(), 0);
    assert!(refused.log.contains("run neither by you nor by the service"), "{}", refused.log);
    // Without a runtime folder of her own she looks there first, and goes on to the service.
    let mut unset = machine.command(ANA, "chalktalk", &["who", "--json"]);
    unset.env_remove("XDG_RUNTIME_DIR");
    let passed = machine.finish(unset);
    assert_eq!(passed.code(), 0, "{}", passed.log);
    assert!(passed.log.contains("Ana"), "{}", passed.log);
    fs::remove_dir_all(&planted).unwrap();
    assert!(matches!(
        attach(ANA).request(Request::Status),
        Ok(Answer::Status(status)) if status.uptime < Duration::from_secs(3600).as_secs()
    ));
}
