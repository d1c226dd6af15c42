//! Nothing runs on somebody's host without a word of theirs: policies for apps and people, limits, a locked screen; and as what
//! people take part who have said yes.

use crate::together::{SLEEPER, await_standing, end, invited, register, run, runs, seen, standing, start};
use chalktalk_ipc::{Answer, Request};
use chalktalk_tests::{
    lab::{Host, Lab},
    programs::SOON,
    runner::Test,
    tests, wait,
};
use serde_json::Value;
use std::{fs, os::unix::fs::PermissionsExt, path::Path};

pub(crate) const TESTS: &[Test] = tests![
    policies_hold_for_apps_and_people,
    who_is_verified_has_an_allowance_of_their_own,
    nothing_opens_by_itself_while_the_screen_is_locked,
    who_looks_on_takes_no_place,
    others_wait_for_the_line_that_the_host_prints,
    it_is_known_beforehand_who_has_what,
    another_version_is_shown_to_both_sides,
    rosters_are_followed_as_they_change,
    who_has_closed_the_chat_is_called_back_by_an_invitation,
    what_was_registered_a_moment_ago_can_be_started,
];

/// Sets a policy on a host; its agent looks every few seconds.
fn set_policy(host: &Host, arguments: &[&str]) {
    run(host, &[&["app", "policy"], arguments].concat());
}

/// Invites from a host until somebody stands as wanted at once: what was set a moment ago holds soon.
fn await_answer(from: &Host, name: &str, wanted: &str) {
    let answered = || {
        let id = start(from, "org.example.sleeper", "#lobby", &[]);
        let answer = || standing(from, &id, name).map(|one| one["standing"].as_str().unwrap().to_owned());
        let settled = |answer: &String| answer != "accepted" && answer != "starting";
        let answer = wait::for_some(SOON, "an answer", || answer().filter(settled));
        run(from, &["cancel", &id]);
        answer == wanted
    };
    wait::until(SOON, &format!("{name} to answer with {wanted}"), answered);
}

fn policies_hold_for_apps_and_people() {
    let (lab, _daemons) = Lab::talking(3);
    let [ana, ben, cleo] = [1, 2, 3].map(|n| lab.host(n));
    [ana, cleo].into_iter().for_each(|host| register(host, SLEEPER));
    register(ben, &format!("{SLEEPER}policy = \"known\"\n"));
    await_answer(ana, "ben", "asked");
    run(ben, &["verify", "@ana", "--yes"]);
    await_answer(ana, "ben", "in");
    await_answer(cleo, "ben", "asked");
    set_policy(ben, &["auto", "--person", "@cleo", "--app", "org.example.sleeper"]);
    await_answer(cleo, "ben", "in");
    set_policy(ben, &["never", "--person", "@ana"]);
    await_answer(ana, "ben", "declined");
    set_policy(ben, &["ask", "--person", "@ana"]);
    await_answer(ana, "ben", "asked");
    let said = run(ben, &["app", "policy"]);
    assert!(said.contains("org.example.sleeper") && said.contains("auto") && said.contains("ask"), "{said}");
    // A mistake in the file grants nothing.
    fs::write(ben.dir().join("config/chalktalk/policies.toml"), "[[rule]]\npolicy = \"yes\"\n").unwrap();
    let refused = ben.chalktalk(&["app", "policy"]);
    assert!(refused.code() == 1 && refused.log.contains("is not one of"), "{}", refused.log);
    await_answer(cleo, "ben", "asked");
}

fn who_is_verified_has_an_allowance_of_their_own() {
    let (lab, _daemons) = Lab::talking(3);
    let [ana, ben, cleo] = [1, 2, 3].map(|n| lab.host(n));
    [ana, cleo].into_iter().for_each(|host| register(host, SLEEPER));
    register(ben, &format!("{SLEEPER}policy = \"auto\"\n"));
    run(ben, &["verify", "@cleo", "--yes"]);
    for (from, n) in [(ana, 1), (ana, 2), (ana, 3), (ana, 4), (cleo, 1), (cleo, 2), (cleo, 3), (cleo, 4)] {
        let id = start(from, "org.example.sleeper", "#lobby", &[]);
        await_standing(&[from], &id, "ben", if n <= 3 { "in" } else { "asked" });
    }
}

fn nothing_opens_by_itself_while_the_screen_is_locked() {
    let lab = Lab::new(2);
    let [ana, ben] = [1, 2].map(|n| lab.host(n));
    // Stands for the session manager: it says what is in a file.
    let hint = ben.dir().join("locked");
    let folder = ben.dir().join("bin");
    fs::create_dir(&folder).unwrap();
    write_program(&folder.join("loginctl"), &format!("#!/bin/sh\ncat {}\n", hint.display()));
    let path = format!("{}:{}", folder.display(), std::env::var("PATH").unwrap());
    fs::write(&hint, "yes\n").unwrap();
    let _daemons = [ana.daemon(), ben.daemon_with_environment(&[("XDG_SESSION_ID", "7"), ("PATH", &path)])];
    lab.await_presence(2);
    register(ana, SLEEPER);
    register(ben, &format!("{SLEEPER}policy = \"auto\"\n"));
    await_answer(ana, "ben", "asked");
    let id = start(ana, "org.example.sleeper", "#lobby", &[]);
    await_standing(&[ana, ben], &id, "ben", "asked");
    invited(ben, &id);
    run(ben, &["accept", &id]);
    await_standing(&[ana, ben], &id, "ben", "in");
    fs::write(&hint, "no\n").unwrap();
    let id = start(ana, "org.example.sleeper", "#lobby", &[]);
    await_standing(&[ana, ben], &id, "ben", "in");
}

fn write_program(path: &Path, text: &str) {
    fs::write(path, text).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
}

fn who_looks_on_takes_no_place() {
    let (lab, _daemons) = Lab::talking(3);
    let [ana, ben, cleo] = [1, 2, 3].map(|n| lab.host(n));
    let manifest = format!("{SLEEPER}max_users = 2\nobserver = [\"sleep\", \"601\"]\n");
    [ana, ben, cleo].into_iter().for_each(|host| register(host, &manifest));
    let id = start(ana, "org.example.sleeper", "#lobby", &[]);
    [ben, cleo].into_iter().for_each(|host| drop(invited(host, &id)));
    run(cleo, &["accept", "--observe", &id]);
    await_standing(&[ana, ben, cleo], &id, "cleo", "accepted");
    assert_eq!(
        standing(ana, &id, "ana").unwrap()["standing"],
        "accepted",
        "who looks on does not make it two"
    );
    run(ben, &["accept", &id]);
    let looks_on = await_standing(&[ana, ben, cleo], &id, "cleo", "in");
    let plays = await_standing(&[ana, ben, cleo], &id, "ben", "in");
    assert_eq!((&looks_on["part"], &looks_on["place"]), (&"observer".into(), &Value::Null));
    assert_eq!((&plays["part"], &plays["place"]), (&"player".into(), &2.into()), "both places are players'");
    let line = fs::read(format!("/proc/{}/cmdline", looks_on["pid"])).unwrap();
    assert!(line.ends_with(b"sleep\x00601\x00"), "what the manifest has for those who look on: {line:?}");
}

fn others_wait_for_the_line_that_the_host_prints() {
    let (lab, mut daemons) = Lab::talking(2);
    let [ana, ben] = [1, 2].map(|n| lab.host(n));
    let go = ana.dir().join("go");
    let script = format!(
        "echo setting up; until [ -e {} ]; do sleep 0.1; done; echo now accepting players; exec sleep 600",
        go.display()
    );
    let manifest = format!(
        "{SLEEPER}model = \"host\"\nready = \"line\"\nready_line = \"accepting players\"\nhost = [\"sh\", \"-c\", {script:?}]\n"
    );
    [ana, ben].into_iter().for_each(|host| register(host, &manifest));
    let id = start(ana, "org.example.sleeper", "#lobby", &[]);
    invited(ben, &id);
    run(ben, &["accept", &id]);
    let log =
        || fs::read_to_string(ana.dir().join(format!("state/chalktalk/logs/org.example.sleeper-{id}.log")));
    wait::until(SOON, "the host's copy to run", || log().is_ok_and(|text| text.contains("setting up")));
    let his = await_standing(&[ana, ben], &id, "ben", "accepted");
    assert_eq!(
        (&his["pid"], &standing(ben, &id, "ana").unwrap()["standing"]),
        (&0.into(), &"starting".into())
    );
    // Also if the daemon that asked for the copy is not the one that hears of the line.
    daemons[0].kill();
    daemons[0].restart();
    fs::write(&go, "").unwrap();
    await_standing(&[ben], &id, "ana", "in");
    let his = await_standing(&[ana, ben], &id, "ben", "in");
    assert!(runs(his["pid"].as_u64().unwrap()));
}

/// What somebody has, as a host knows it: the version, if they have it.
fn version_of(host: &Host, name: &str, app: &str) -> Option<String> {
    let owners = host.facts(&["app", "list", "--all", "--in", "#lobby"]);
    let owner = owners.as_array().unwrap().iter().find(|owner| owner["name"] == name)?.clone();
    let apps = owner["apps"].as_array()?.clone();
    apps.iter().find(|one| one["app"] == app).map(|one| one["version"].as_str().unwrap().to_owned())
}

fn it_is_known_beforehand_who_has_what() {
    let lab = Lab::new(3);
    let [ana, ben, cleo] = [1, 2, 3].map(|n| lab.host(n));
    cleo.configure("[apps]\nannounce = false\n");
    let daemons = lab.start_daemons();
    lab.await_presence(3);
    register(ana, SLEEPER);
    register(ben, &SLEEPER.replace("1.0", "2.0 beta"));
    register(cleo, SLEEPER);
    let app = "org.example.sleeper";
    for host in [ana, cleo] {
        wait::until(SOON, "ben's version", || version_of(host, "ben", app).as_deref() == Some("2.0 beta"));
    }
    let shown = run(ana, &["app", "list", "--all"]);
    assert!(shown.contains("another version than yours") && shown.contains("Not told by cleo"), "{shown}");
    run(ben, &["app", "remove", app]);
    wait::until(SOON, "ben to have it no more", || version_of(ana, "ben", app).is_none());
    let chat = version_of(ana, "ben", "chalktalk.chat");
    assert!(chat.is_some(), "he tells of what he has");
    // The switch holds as soon as the file is read again.
    cleo.configure("[apps]\nannounce = true\n");
    daemons[2].signal(rustix::process::Signal::HUP);
    wait::until(SOON, "cleo to tell", || version_of(ana, "cleo", app).as_deref() == Some("1.0"));
}

fn another_version_is_shown_to_both_sides() {
    let (lab, _daemons) = Lab::talking(3);
    let [ana, ben, cleo] = [1, 2, 3].map(|n| lab.host(n));
    register(ana, SLEEPER);
    register(ben, &SLEEPER.replace("1.0", "2.0"));
    let id = start(ana, "org.example.sleeper", "#lobby", &[]);
    let invitation = invited(ben, &id);
    assert_eq!(
        (&invitation["nway"]["version"], &invitation["nway"]["own_version"]),
        (&"1.0".into(), &"2.0".into())
    );
    let his = await_standing(&[ben, ana], &id, "ben", "asked");
    assert_eq!(his["detail"], "version \"2.0\", not \"1.0\"");
    let hers = await_standing(&[cleo, ana], &id, "cleo", "missing");
    assert!(hers["detail"].as_str().unwrap().contains("not registered"), "{hers}");
    assert!(invited(cleo, &id)["nway"]["lacks"].as_str().unwrap().contains("not registered here"));
    run(ben, &["accept", &id]);
    let his = await_standing(&[ben, ana], &id, "ben", "in");
    assert_eq!(his["detail"], "version \"2.0\", not \"1.0\"");
}

fn rosters_are_followed_as_they_change() {
    let (lab, _daemons) = Lab::talking(3);
    let [ana, ben, cleo] = [1, 2, 3].map(|n| lab.host(n));
    [ana, ben, cleo].into_iter().for_each(|host| register(host, SLEEPER));
    let sessions = cleo.start_chalktalk(&["sessions", "--watch", "--json"]);
    let invitations = cleo.start_chalktalk(&["invitations", "--watch", "--json"]);
    let people = cleo.start_chalktalk(&["who", "--watch", "--json"]);
    people.await_text("\"ana\"", SOON);
    let id = start(ana, "org.example.sleeper", "#lobby", &[]);
    invitations.await_text(&id, SOON);
    sessions.await_text(&id, SOON);
    run(ben, &["accept", &id]);
    let pid = await_standing(&[ana, ben], &id, "ben", "in")["pid"].clone();
    sessions.await_text(&format!("\"pid\":{pid}"), SOON);
    end(&pid);
    sessions.await_text("it was ended by signal 15", SOON);
    // The same by the programs' own way.
    let app = cleo.app("org.example.observer");
    let Ok(Answer::AppSessions(all)) = app.request(Request::AppSessions) else { panic!("no app sessions") };
    let one = all.iter().find(|session| session.session.to_string() == id).unwrap();
    let ben_stands = one.participants.iter().find(|one| one.name == "ben").unwrap();
    assert_eq!((ben_stands.status, ben_stands.standing.name()), (Some(143), "failed"));
    assert!(seen(cleo, &id).is_some());
}

fn who_has_closed_the_chat_is_called_back_by_an_invitation() {
    let (lab, _daemons) = Lab::talking(2);
    let [ana, ben] = [1, 2].map(|n| lab.host(n));
    [ana, ben].into_iter().for_each(|host| register(host, SLEEPER));
    ana.send("#lobby", "good morning");
    let chat = wait::for_some(SOON, "a chat", || ben.chats().first().copied());
    wait::until(SOON, "it to have the message", || ben.facts(&["instances"]).as_array().unwrap().len() == 1);
    end(&chat.into());
    wait::until(SOON, "it to be closed", || ben.facts(&["instances"]).as_array().unwrap().is_empty());
    ana.send("#lobby", "still there?");
    wait::until(SOON, "the question to arrive", || {
        ben.history("#lobby").contains(&"still there?".to_owned())
    });
    assert!(ben.chats().is_empty(), "talk in a room calls nobody back");
    start(ana, "org.example.sleeper", "#lobby", &[]);
    wait::until(SOON, "a chat again", || !ben.chats().is_empty());
}

fn what_was_registered_a_moment_ago_can_be_started() {
    let (lab, _daemons) = Lab::talking(1);
    let host = lab.host(1);
    register(host, SLEEPER); // the first one: its folder may be new
    start(host, "org.example.sleeper", "#lobby", &[]);
    for n in 1..=3 {
        let asked = std::time::Instant::now();
        register(host, &SLEEPER.replace("sleeper", &format!("sleeper{n}")));
        start(host, &format!("org.example.sleeper{n}"), "#lobby", &[]);
        // By looking every few seconds alone it would take half of that on average.
        assert!(asked.elapsed() < std::time::Duration::from_secs(2), "{:?}", asked.elapsed());
    }
}
