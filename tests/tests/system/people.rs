//! Several people on one machine: programs open for whom a message is meant, in their own session, and for nobody else.

use chalktalk_tests::{
    booted::{Booted, PEOPLE},
    lab::Lab,
    programs::SOON,
    runner::Test,
    tests, wait,
};

pub(crate) const TESTS: &[Test] =
    tests![a_message_opens_the_chat_of_whom_it_is_for, with_nobody_logged_in_it_waits];

/// Two machines on a switch; dan sits at the second, with a daemon of his own.
fn two_machines(lab: &Lab) -> (Booted, chalktalk_tests::programs::Daemon) {
    let first = Booted::with_chalktalk(lab.host(1));
    let dan = lab.host(2).daemon_of("dan", &[]);
    (first, dan)
}

fn send_to(lab: &Lab, name: &str, text: &str) {
    wait::until(3 * SOON, "the other to be known", || {
        lab.host(2).chalktalk(&["who", "--json"]).log.contains(name)
    });
    lab.host(2).send(&format!("@{name}"), text);
}

/// Texts in the transcripts of the chats opened for a user.
fn shown(host: &Booted, user: &str) -> String {
    let folder = format!("/home/{user}/.local/state/chalktalk/transcripts");
    host.run(&["find", &folder, "-name", "*.jsonl", "-exec", "cat", "{}", "+"]).out.join("\n")
}

fn a_message_opens_the_chat_of_whom_it_is_for() {
    let lab = Lab::new(2);
    let (host, _dan) = two_machines(&lab);
    let _ana = host.log_in("ana", "LAB_MARK=of-ana");
    let _ben = host.log_in("ben", "LAB_MARK=of-ben");
    wait::until(3 * SOON, "both agents", || host.processes("chalktalk-agent").len() == 2);
    send_to(&lab, "Ana", "lunch?");
    wait::until(3 * SOON, "ana's chat to show it", || shown(&host, "ana").contains("lunch?"));
    let chats = host.processes("chalktalk-chat");
    let [chat] = chats[..] else { panic!("one chat, not {chats:?}") };
    let (_, uid) = PEOPLE[0];
    assert_eq!(host.sh(&format!("stat -c %u /proc/{chat}")), uid.to_string());
    let group = host.sh(&format!("grep ^0:: /proc/{chat}/cgroup"));
    assert!(
        group.contains(&format!("/user-{uid}.slice/user@{uid}.service/app.slice/chalktalk-agent.service")),
        "{group}"
    );
    let environment = host.sh(&format!("tr '\\0' '\\n' < /proc/{chat}/environ"));
    assert!(
        environment.contains("LAB_MARK=of-ana") && environment.contains("HOME=/home/ana"),
        "{environment}"
    );
    assert_eq!(shown(&host, "ben"), "", "nothing for the other");
}

fn with_nobody_logged_in_it_waits() {
    let lab = Lab::new(2);
    let (host, _dan) = two_machines(&lab);
    // She has been here before: the service knows her.
    assert_eq!(host.run_as("ana", &["chalktalk", "status"]).code(), 0);
    send_to(&lab, "Ana", "when you are back");
    let id = host.sh("id -u chalktalk");
    for process in host.processes("chalktalk.*") {
        assert_eq!(
            host.sh(&format!("stat -c %u /proc/{process}")),
            id,
            "nobody runs anything but the service"
        );
    }
    let login = host.log_in("ana", "LAB_MARK=back");
    wait::until(3 * SOON, "the message to be shown at login", || {
        shown(&host, "ana").contains("when you are back")
    });
    login.end();
    wait::until(3 * SOON, "everything of hers to end with the logout", || {
        host.processes("chalktalk-agent").is_empty()
    });
}
