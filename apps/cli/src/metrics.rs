//! `metrics`: the daemon's counters as Prometheus reads them (text format 0.0.4), from its socket to standard output or to a file
//! for the node exporter.
//!
//! Invariant: a file is replaced as a whole; whoever reads it never sees half of one.

use crate::{connect::Connection, failure::Failure, screen::Screen};
use chalktalk_ipc::event::{Health, Status};
use std::{fmt::Write, fs, path::Path};

/// Prints the metrics, or writes them into a file.
pub(crate) fn run(file: Option<&Path>, socket: Option<&Path>, screen: &mut Screen) -> Result<(), Failure> {
    let client = Connection::visitor(socket)?.client;
    let text = text(&client.status()?, &client.health()?);
    let Some(file) = file else { return screen.put(&text) };
    let refuse = |e| Failure::because(format_args!("cannot write {}", file.display()), e);
    let new = file.with_extension("new");
    fs::write(&new, text).and_then(|()| fs::rename(&new, file)).map_err(refuse)
}

fn text(status: &Status, health: &Health) -> String {
    let mut text = String::new();
    let mut gauge = |name: &str, help: &str, value: u64| {
        let _ = write!(
            text,
            "# HELP chalktalk_{name} {help}\n# TYPE chalktalk_{name} gauge\nchalktalk_{name} {value}\n"
        );
    };
    gauge("uptime_seconds", "Since the daemon started.", status.uptime);
    gauge("hosts", "Hosts heard, besides this one.", u64::from(status.hosts));
    gauge("sessions", "Sessions that the asking user has joined.", u64::from(status.sessions));
    gauge("instances", "Programs of the asking user that are attached.", u64::from(status.instances));
    gauge("interfaces", "Interfaces in use.", status.interfaces.len() as u64);
    text += "# HELP chalktalk_finding What is wrong now, by its code.\n# TYPE chalktalk_finding gauge\n";
    for finding in &health.findings {
        let _ = writeln!(
            text,
            "chalktalk_finding{{code=\"{}\",serious=\"{}\"}} 1",
            escape(&finding.code),
            finding.serious
        );
    }
    text += "# HELP chalktalk_events_total What has happened since the start, by what it was.\n# TYPE chalktalk_events_total counter\n";
    for (name, value) in &status.counters {
        let _ = writeln!(text, "chalktalk_events_total{{what=\"{}\"}} {value}", escape(name));
    }
    text
}

fn escape(label: &str) -> String {
    label.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_escaped() {
        assert_eq!(escape("drop.\"x\\\n"), "drop.\\\"x\\\\\\n");
    }
}
