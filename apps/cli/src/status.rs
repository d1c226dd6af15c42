//! `status`: the daemon, its network, and what is wrong.

use crate::screen::{Style, paint};
use chalktalk_ipc::{
    event::Status,
    text::{label, printable},
};

/// The status for people: one fact a line.
pub(crate) fn for_people(status: &Status, colour: bool) -> String {
    let mut page = Page { out: String::new(), colour };
    page.fact("host", &format!("{} ({})", label(&status.host), status.host_id));
    page.fact("user", &format!("{} ({})", label(&status.name), status.user));
    page.fact("daemon", &format!("version {}, up {}", label(&status.version), span(status.uptime)));
    page.fact("state", &printable(&status.state));
    page.fact("network", &format!("{} on port {}", label(&status.mode), status.port));
    for interface in &status.interfaces {
        let addresses = join(&interface.addresses);
        let ways = join(&interface.ways);
        page.fact("", &format!("{}: {addresses} by {ways}", label(&interface.name)));
    }
    if status.interfaces.is_empty() {
        page.fact("", "no usable interface: connect to a network");
    }
    page.fact(
        "sealed",
        if status.sealed { "by a passphrase" } else { "no: open rooms can be read by everybody here" },
    );
    page.fact("hosts", &format!("{} besides this one", status.hosts));
    page.fact("sessions", &format!("{} joined", status.sessions));
    page.fact("instances", &format!("{} attached", status.instances));
    page.fact("agent", if status.agent { "ready to open programs" } else { "none: programs are not opened" });
    for warning in &status.warnings {
        page.warning(&format!("{}: {}", label(&warning.code), printable(&warning.text)));
    }
    page.out
}

struct Page {
    out: String,
    colour: bool,
}

impl Page {
    fn fact(&mut self, name: &str, value: &str) {
        let name = paint(self.colour, Style::Quiet, &format!("{name:11}"));
        self.out.push_str(&format!("{name}{value}\n"));
    }

    fn warning(&mut self, text: &str) {
        let name = paint(self.colour, Style::Warning, &format!("{:11}", "warning"));
        self.out.push_str(&format!("{name}{text}\n"));
    }
}

fn join(items: &[String]) -> String {
    match items {
        [] => "nothing".to_owned(),
        items => items.iter().map(|item| label(item)).collect::<Vec<_>>().join(", "),
    }
}

/// A time span in the two units that matter.
fn span(seconds: u64) -> String {
    let (minutes, hours, days) = (seconds / 60, seconds / 3600, seconds / 86_400);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{seconds} s"),
        (0, 0, _) => format!("{minutes} min {} s", seconds % 60),
        (0, _, _) => format!("{hours} h {} min", minutes % 60),
        _ => format!("{days} d {} h", hours % 24),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use chalktalk_ipc::{
        HostId, UserId,
        event::{InterfaceStatus, Warning},
    };
    use insta::assert_snapshot;

    fn status() -> Status {
        Status {
            version: "0.1.0".into(),
            host_id: HostId([1; 16]),
            host: "ana-laptop".into(),
            user: UserId([2; 32]),
            name: "ana".into(),
            uptime: 3 * 3600 + 65,
            mode: "auto".into(),
            port: 47474,
            state: "/home/ana/.local/state/chalktalk".into(),
            sealed: false,
            interfaces: vec![InterfaceStatus {
                name: "eth0".into(),
                addresses: vec!["192.168.1.5".into(), "fe80::1".into()],
                ways: vec!["multicast4".into(), "multicast6".into()],
            }],
            hosts: 2,
            sessions: 3,
            instances: 1,
            agent: true,
            counters: [("frames_in".to_owned(), 12)].into(),
            warnings: vec![Warning::new("clock", "the clock is 3 h ahead of bo's")],
        }
    }

    #[test]
    fn it_reads_from_top_to_bottom() {
        assert_snapshot!(for_people(&status(), false), @"
        host       ana-laptop (01010101010101010101010101010101)
        user       ana (0202020202020202020202020202020202020202020202020202020202020202)
        daemon     version 0.1.0, up 3 h 1 min
        state      /home/ana/.local/state/chalktalk
        network    auto on port 47474
                   eth0: 192.168.1.5, fe80::1 by multicast4, multicast6
        sealed     no: open rooms can be read by everybody here
        hosts      2 besides this one
        sessions   3 joined
        instances  1 attached
        agent      ready to open programs
        warning    clock: the clock is 3 h ahead of bo's
        ");
    }

    #[test]
    fn spans_are_short() {
        assert_eq!([59, 61, 7300, 90_000].map(span), ["59 s", "1 min 1 s", "2 h 1 min", "1 d 1 h"]);
    }

    #[test]
    fn json_has_every_fact() {
        let json = serde_json::to_value(status()).unwrap();
        assert_eq!(json["user"], "02".repeat(32));
        assert_eq!(json["counters"]["frames_in"], 12);
        assert_eq!(json["interfaces"][0]["ways"][1], "multicast6");
    }
}
