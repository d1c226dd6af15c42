//! People are who they seem: keys are pinned, compared, refused.

use chalktalk_ipc::{Event, SessionId, request::From};
use chalktalk_tests::{
    app::App,
    lab::{Host, Lab},
    programs::{Daemon, SOON},
    runner::Test,
    tests, wait,
};
use serde_json::Value;
use std::{os::unix::fs::PermissionsExt, time::Duration};

pub(crate) const TESTS: &[Test] = tests![
    both_sides_compare_the_same_words_and_the_mark_is_kept,
    a_changed_key_is_held_back_until_it_is_accepted,
    a_changed_key_that_is_refused_shows_and_opens_nothing,
    who_is_blocked_is_not_heard_and_nothing_is_lost,
    a_name_that_recurs_elsewhere_is_marked,
    hosts_with_the_same_passphrase_meet_and_others_are_told_why_not,
    a_passphrase_is_made_for_who_types_none,
    an_identity_taken_to_another_host_is_one_person_on_both,
];

/// Long enough for anything that is going to arrive.
const QUIET: Duration = Duration::from_millis(800);

/// What a host's user sees of another host's.
fn seen(host: &Host, other: &Host) -> Value {
    let find = || {
        let people = host.facts(&["who"]);
        people.as_array().unwrap().iter().find(|person| person["host"] == other.label().as_str()).cloned()
    };
    wait::for_some(SOON, "the other to be seen", find)
}

/// The user of a host begins anew: same machine, same login, another key.
fn lose_key(daemon: &mut Daemon) {
    let state = daemon.host().dir().join("state/chalktalk");
    daemon.stop();
    for entry in std::fs::read_dir(state).unwrap().map(Result::unwrap) {
        let name = entry.file_name().into_string().unwrap();
        if name.starts_with("user-") || name.starts_with("origin-") {
            std::fs::remove_file(entry.path()).unwrap();
        }
    }
    daemon.restart();
}

fn entries(app: &App, session: SessionId) -> u64 {
    app.sessions().iter().find(|summary| summary.session == session).unwrap().entries
}

fn await_changed(host: &Host, other: &Host) {
    wait::until(SOON, "the change to be noticed", || seen(host, other)["changed"] == true);
    seen(other, host);
}

fn both_sides_compare_the_same_words_and_the_mark_is_kept() {
    let (lab, mut daemons) = Lab::talking(2);
    let compare = |host: &Host, name: &str| {
        let output = host.chalktalk(&["verify", name, "--json"]);
        assert_eq!(output.code(), 0, "{}", output.log);
        output.json_lines().remove(0)
    };
    let (here, there) = (compare(lab.host(1), "ben"), compare(lab.host(2), "@ana"));
    assert_eq!(here["words"].as_array().unwrap().len(), 8);
    assert_eq!((&here["words"], &here["digits"]), (&there["words"], &there["digits"]));
    assert_eq!(here["digits"].as_str().unwrap().len(), 60);
    assert_eq!(seen(lab.host(1), lab.host(2))["verified"], false, "looking is not comparing");

    let output = lab.host(1).chalktalk(&["verify", "@ben"]);
    assert!(output.log.contains("--yes") && output.log.contains(here["words"][7].as_str().unwrap()));
    assert_eq!(seen(lab.host(1), lab.host(2))["verified"], false, "nobody was asked");
    assert_eq!(lab.host(1).chalktalk(&["verify", "@ben", "--yes"]).code(), 0);
    assert_eq!(seen(lab.host(1), lab.host(2))["verified"], true);
    assert_eq!(seen(lab.host(2), lab.host(1))["verified"], false, "each decides alone");
    daemons[0].kill();
    daemons[0].restart();
    assert_eq!(seen(lab.host(1), lab.host(2))["verified"], true);
    lab.host(1).chalktalk(&["verify", "@ben", "--undo"]);
    assert_eq!(seen(lab.host(1), lab.host(2))["verified"], false);
    assert_eq!(lab.host(1).chalktalk(&["verify", "@nobody"]).code(), 4);
}

fn a_changed_key_is_held_back_until_it_is_accepted() {
    let (lab, mut daemons) = Lab::talking(2);
    let here = App::attach(&lab.host(1).socket(), "chalktalk.chat");
    let lobby = here.enter("#lobby", From::Start);
    assert_eq!(lab.host(2).chalktalk(&["send", "#lobby", "from the old key"]).code(), 0);
    here.await_text(lobby, "from the old key");
    lose_key(&mut daemons[1]);
    await_changed(lab.host(1), lab.host(2));
    assert_eq!(lab.host(2).chalktalk(&["send", "#lobby", "from the new key"]).code(), 0);
    wait::until(SOON, "the entry to be here", || entries(&here, lobby) >= 4);
    std::thread::sleep(QUIET);
    assert_eq!(here.texts(lobby), ["from the old key"], "held back");
    let history = lab.host(1).chalktalk(&["history", "#lobby"]);
    assert!(!history.log.contains("from the new key"), "{}", history.log);
    // A newcomer among the programs has caught up without them.
    let late = App::attach(&lab.host(1).socket(), "chalktalk.chat");
    late.enter("#lobby", From::Start);
    late.await_event(SOON, "it to have caught up", |event| {
        matches!(event, Event::CaughtUp { .. }).then_some(())
    });

    let refused = lab.host(1).chalktalk(&["send", "@ben", "is it you?"]);
    assert_eq!(refused.code(), 4);
    assert!(refused.log.contains("has changed") && refused.log.contains("chalktalk verify @ben"));

    assert_eq!(lab.host(1).chalktalk(&["verify", "@ben", "--yes"]).code(), 0);
    here.await_text(lobby, "from the new key");
    late.await_text(lobby, "from the new key");
    assert_eq!(here.texts(lobby), ["from the old key", "from the new key"]);
    assert_eq!(lab.host(1).chalktalk(&["send", "@ben", "welcome back"]).code(), 0);
    let facts = seen(lab.host(1), lab.host(2));
    assert_eq!((&facts["changed"], &facts["verified"]), (&Value::Bool(false), &Value::Bool(true)));
}

fn a_changed_key_that_is_refused_shows_and_opens_nothing() {
    let (lab, mut daemons) = Lab::talking(2);
    lab.host(1).facts(&["who"]);
    lose_key(&mut daemons[1]);
    await_changed(lab.host(1), lab.host(2));
    let sent = lab.host(2).chalktalk(&["send", "@ana", "open up", "--wait", "held"]);
    assert_eq!(sent.code(), 0, "{}", sent.log);
    std::thread::sleep(QUIET);
    let instances = lab.host(1).facts(&["instances"]);
    assert_eq!(instances.as_array().unwrap().len(), 0, "nothing is opened for a key that is held back");
    assert_eq!(lab.host(1).chalktalk(&["block", "@ben"]).code(), 0);
    daemons[0].kill();
    daemons[0].restart();
    let facts = seen(lab.host(1), lab.host(2));
    assert_eq!((&facts["changed"], &facts["blocked"]), (&Value::Bool(true), &Value::Bool(true)));
    std::thread::sleep(QUIET);
    assert_eq!(lab.host(1).facts(&["instances"]).as_array().unwrap().len(), 0);
}

fn who_is_blocked_is_not_heard_and_nothing_is_lost() {
    let (lab, _daemons) = Lab::talking(3);
    let here = App::attach(&lab.host(1).socket(), "chalktalk.chat");
    let lobby = here.enter("#lobby", From::Start);
    assert_eq!(lab.host(1).chalktalk(&["block", "ben"]).code(), 0);
    assert_eq!(seen(lab.host(1), lab.host(2))["blocked"], true);
    let refused = lab.host(1).chalktalk(&["send", "@ben", "hello"]);
    assert_eq!(refused.code(), 4);
    assert!(refused.log.contains("chalktalk unblock @ben"), "{}", refused.log);
    for text in ["one", "two"] {
        assert_eq!(lab.host(2).chalktalk(&["send", "#lobby", text]).code(), 0);
    }
    let there = App::attach(&lab.host(2).socket(), "chalktalk.chat");
    there.enter("#lobby", From::Now);
    there.publish_volatile(lobby, b"typing");
    assert_eq!(lab.host(3).chalktalk(&["send", "#lobby", "from cleo"]).code(), 0);
    here.await_text(lobby, "from cleo");
    std::thread::sleep(QUIET);
    assert_eq!(here.texts(lobby), ["from cleo"], "neither messages nor signs of typing");
    assert_eq!(lab.host(1).chalktalk(&["unblock", "@ben"]).code(), 0);
    here.await_text(lobby, "two");
    assert_eq!(here.texts(lobby), ["from cleo", "one", "two"]);
}

fn a_name_that_recurs_elsewhere_is_marked() {
    let lab = Lab::new(3);
    let _first = lab.host(1).daemon();
    let _ben = lab.host(2).daemon();
    seen(lab.host(1), lab.host(2));
    let _false_ben = lab.host(3).daemon_of("BEN", &[]);
    let marked = seen(lab.host(1), lab.host(3));
    assert_eq!((&marked["namesake"], &marked["changed"]), (&Value::Bool(true), &Value::Bool(false)));
    assert_eq!(seen(lab.host(1), lab.host(2))["namesake"], false, "who came first is not suspect");
    let ambiguous = lab.host(1).chalktalk(&["send", "@ben", "which?"]);
    assert_eq!(ambiguous.code(), 4);
    let key = &marked["user"].as_str().unwrap()[..8];
    assert!(ambiguous.log.contains(key), "{}", ambiguous.log);
}

fn passphrase(host: &Host, words: &'static str) -> String {
    let output = host.chalktalk_fed(&["passphrase", "set"], format!("{words}\n"));
    assert_eq!(output.code(), 0, "{}", output.log);
    output.out.join("\n")
}

fn warnings(host: &Host) -> String {
    host.facts(&["status"])["warnings"].to_string()
}

fn hosts_with_the_same_passphrase_meet_and_others_are_told_why_not() {
    let (lab, mut daemons) = Lab::talking(3);
    let [h1, h2, h3] = [1, 2, 3].map(|n| lab.host(n));
    assert_eq!(h1.facts(&["status"])["sealed"], false);
    passphrase(h1, "copper lantern kettle orbit");
    passphrase(h2, "Copper-Lantern  kettle ORBIT");
    let sees = |host: &Host, count: usize| host.facts(&["who"]).as_array().unwrap().len() == count;
    wait::until(SOON, "those with the passphrase to meet", || sees(h1, 2) && sees(h2, 2));
    wait::until(SOON, "the third to be alone", || sees(h3, 1));
    assert_eq!(h1.facts(&["status"])["sealed"], true);
    wait::until(SOON, "the third to be told why", || {
        warnings(h3).contains("passphrase that this one does not have")
    });
    passphrase(h3, "copper lantern kettle orbits");
    wait::until(SOON, "the others to be told", || warnings(h1).contains("another passphrase"));

    h1.send("#lobby", "among us");
    wait::until(SOON, "it to arrive", || h2.history("#lobby").contains(&"among us".to_owned()));
    std::thread::sleep(QUIET);
    assert!(!h3.history("#lobby").contains(&"among us".to_owned()));
    daemons[0].kill();
    daemons[0].restart();
    wait::until(SOON, "it to be sealed again after a crash", || sees(h1, 2));
    assert!(h1.history("#lobby").contains(&"among us".to_owned()));

    for host in [h1, h2, h3] {
        assert_eq!(host.chalktalk(&["passphrase", "clear"]).code(), 0);
    }
    lab.await_presence(3);
    assert!(
        !h1.history("#lobby").contains(&"among us".to_owned()),
        "what was sealed stays in the sealed room"
    );
}

fn a_passphrase_is_made_for_who_types_none() {
    let (lab, _daemons) = Lab::talking(2);
    let said = passphrase(lab.host(1), "");
    let words = said.lines().map(str::trim).find(|line| line.split(' ').count() == 6 && !line.ends_with('.'));
    let words: &'static str = words.unwrap_or_else(|| panic!("{said}")).to_owned().leak();
    passphrase(lab.host(2), words);
    lab.await_presence(2);
    let short = lab.host(1).chalktalk_fed(&["passphrase", "set"], "secret\n");
    assert_eq!(short.code(), 1);
    assert!(short.log.contains("at least 12 characters"), "{}", short.log);
}

fn an_identity_taken_to_another_host_is_one_person_on_both() {
    let (lab, mut daemons) = Lab::talking(3);
    let [h1, h2, h3] = [1, 2, 3].map(|n| lab.host(n));
    h3.send("#lobby", "from cleo");
    let file = h1.dir().join("ana.identity");
    let path: &str = file.to_str().unwrap();
    let words = "copper lantern kettle orbit\n";
    let exported = h1.chalktalk_fed(&["identity", "export", path], words);
    assert_eq!(exported.code(), 0, "{}", exported.log);
    assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    let seed = std::fs::read(h1.dir().join("state/chalktalk/user-0.key")).unwrap();
    let hex: String = seed.iter().map(|byte| format!("{byte:02x}")).collect();
    assert!(!std::fs::read_to_string(&file).unwrap().contains(&hex), "the key is in the file as it is");
    assert_eq!(h1.chalktalk_fed(&["identity", "export", path], words).code(), 1, "never over another file");

    let reader = App::attach(&h3.socket(), "chalktalk.chat");
    let wrong = h3.chalktalk_fed(&["identity", "import", path], "copper lantern kettle orbits\n");
    assert_eq!(wrong.code(), 4);
    assert!(wrong.log.contains("the passphrase is wrong"), "{}", wrong.log);
    let imported = h3.chalktalk_fed(&["identity", "import", path], words);
    assert_eq!(imported.code(), 0, "{}", imported.log);
    reader.await_close();
    // The agent loses its connection too, and comes back as the agent of who sits there now.
    wait::until(SOON, "the agent to be back", || App::observer(&h3.socket()).status().agent);

    let (here, there) = (seen(h2, h1), seen(h2, h3));
    let is_ana = || seen(h2, h3)["user"] == here["user"] && seen(h2, h3)["name"] == "ana";
    wait::until(SOON, &format!("{there} to be ana"), is_ana);
    assert_eq!(seen(h2, h3)["changed"], false, "somebody known sits at one more machine");
    assert!(h3.history("#lobby").contains(&"from cleo".to_owned()), "rooms go on");
    h2.send("@ana", "to both of you");
    for host in [h1, h3] {
        let arrived = || host.chalktalk(&["history", "@ben"]).log.contains("to both of you");
        wait::until(SOON, "the direct message to be on both hosts", arrived);
    }
    h3.send("@ben", "from my other host");
    for (host, with) in [(h1, "@ben"), (h2, "@ana")] {
        let arrived = || host.chalktalk(&["history", with]).log.contains("from my other host");
        wait::until(SOON, "the answer to be everywhere", arrived);
    }
    daemons[2].kill();
    daemons[2].restart();
    wait::until(SOON, "it to last", is_ana);
    h3.send("#lobby", "after a restart");
    wait::until(SOON, "it to arrive", || h1.history("#lobby").contains(&"after a restart".to_owned()));
    let again = h3.chalktalk_fed(&["identity", "import", path], words);
    assert!(again.log.contains("who you are here already"), "{}", again.log);
}
