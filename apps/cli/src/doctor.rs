//! `doctor`: what is wrong with the network or the set-up, and what mends it. Works without a daemon: that is a finding as well.
//!
//! The daemon tells what it sees of the network; what only a program of this machine can see (no daemon, no permission, a
//! firewall) is looked at here.
//!
//! Invariant: at most [`LINES`] lines, and the exit status is 1 if something serious is wrong.

use crate::{
    connect::Connection,
    failure::Failure,
    screen::{Screen, Style, paint},
};
use chalktalk_client::{Client, ClientError};
use chalktalk_ipc::{
    event::{Finding, Health, NeighbourHealth, Warning},
    socket::{SYSTEM_SOCKET, candidates},
    text::{label, printable},
};
use serde::Serialize;
use std::{
    collections::BTreeSet, fs, io, os::unix::net::UnixStream, path::Path, process::Command, thread,
    time::Duration,
};

/// Longest report: what fits a small window.
const LINES: usize = 15;
/// A probe is over after this.
const PROBE: Duration = Duration::from_millis(1300);
/// The ports that must be open, unless others were chosen.
const PORTS: &str = "47474-47538";

/// Everything that was found.
#[derive(Serialize)]
struct Report {
    findings: Vec<Finding>,
    neighbours: Vec<NeighbourHealth>,
}

/// Looks, and prints what was found.
pub(crate) fn run(json: bool, socket: Option<&Path>, screen: &mut Screen) -> Result<(), Failure> {
    let report = match Connection::visitor(socket) {
        Ok(connection) => {
            let client = &connection.client;
            // A daemon that finds that it is a copy of another begins anew, and is back at once.
            let health = look(client).or_else(|e| match e {
                ClientError::Disconnected => look(client),
                other => Err(other),
            });
            let Health { findings, neighbours } = health?;
            Report { findings: own_firewall(findings), neighbours }
        }
        Err(failure) => Report { findings: vec![no_daemon(socket, &failure)], neighbours: vec![] },
    };
    if json {
        screen.json(&report)?;
    } else {
        screen.put(&for_people(&report, screen.colour()))?;
    }
    screen.flush()?;
    match report.findings.iter().any(|finding| finding.serious) {
        true => Err(Failure::Explained),
        false => Ok(()),
    }
}

fn look(client: &Client) -> Result<Health, ClientError> {
    client.probe()?;
    thread::sleep(PROBE);
    let mut health = client.health()?;
    let status = client.status()?;
    let told: BTreeSet<String> = health.findings.iter().map(|finding| finding.code.clone()).collect();
    let untold = status.warnings.iter().filter(|warning| !told.contains(&warning.code));
    health.findings.extend(untold.map(of_daemon));
    if !status.agent {
        let fix = if status.state.starts_with("/var/lib/") {
            "systemctl --user start chalktalk-agent.service"
        } else {
            "install chalktalk-agent beside chalktalkd"
        };
        health.findings.push(finding(
            "no-agent",
            false,
            "messages cannot open programs for you: no agent runs in your session",
            fix,
        ));
    }
    Ok(health)
}

/// What the daemon warns of that has nothing to do with the network, and what mends it.
fn of_daemon(warning: &Warning) -> Finding {
    let (serious, fix) = match warning.code.as_str() {
        "disk-full" => (true, "df -h, then remove what is not needed there"),
        "quota" => (
            true,
            "raise `stored` below [quota] in /etc/chalktalk/config.toml, then: sudo systemctl reload chalktalkd",
        ),
        "cloned" => (false, "nothing, if the same people use both; else: chalktalk identity import FILE"),
        _ => (true, "journalctl --unit chalktalkd --lines 20"),
    };
    finding(&warning.code, serious, warning.text.clone(), fix)
}

/// Why no daemon can be asked.
fn no_daemon(socket: Option<&Path>, failure: &Failure) -> Finding {
    let places = socket.map_or_else(candidates, |socket| vec![socket.to_owned()]);
    let forbidden = places
        .iter()
        .find(|place| UnixStream::connect(place).is_err_and(|e| e.kind() == io::ErrorKind::PermissionDenied));
    if let Some(place) = forbidden {
        let cause = format!("{} may not be opened by you", place.display());
        let fix = match place == Path::new(SYSTEM_SOCKET) {
            true => "sudo systemctl restart chalktalkd.socket".to_owned(),
            false => format!("chmod u+rw {}", place.display()),
        };
        return finding("socket-permission", true, cause, fix);
    }
    let said = failure.message().unwrap_or_default();
    if let Failure::NoDaemon(_) = failure {
        let unit = Path::new("/usr/lib/systemd/system/chalktalkd.socket").exists();
        let fix = if unit {
            "sudo systemctl enable --now chalktalkd.socket chalktalkd.service"
        } else {
            "chalktalkd &"
        };
        return finding("no-daemon", true, "no daemon runs", fix);
    }
    finding(
        "daemon-refuses",
        true,
        format!("the daemon does not serve: {said}"),
        "journalctl --unit chalktalkd --lines 20",
    )
}

/// A firewall of this machine explains that nobody is heard; only root can read its rules.
fn own_firewall(mut findings: Vec<Finding>) -> Vec<Finding> {
    let Some(tool) = blocking_firewall() else { return findings };
    findings.retain(|finding| finding.code != "alone");
    let fix = match tool {
        Firewall::Ufw => "sudo ufw allow Chalktalk".to_owned(),
        Firewall::Firewalld => {
            "sudo firewall-cmd --permanent --add-service=chalktalk && sudo firewall-cmd --reload".to_owned()
        }
        Firewall::Nft { table, chain } => format!(
            "sudo nft insert rule {table} {chain} udp dport {PORTS} accept && sudo nft insert rule {table} {chain} tcp dport {PORTS} accept"
        ),
    };
    findings.insert(
        0,
        finding("firewall-here", true, format!("this machine's firewall does not let ports {PORTS} in"), fix),
    );
    findings
}

#[derive(PartialEq, Eq, Debug)]
enum Firewall {
    Ufw,
    Firewalld,
    Nft { table: String, chain: String },
}

fn blocking_firewall() -> Option<Firewall> {
    let listed = Command::new("nft").args(["list", "ruleset"]).output().ok()?;
    if !listed.status.success() {
        return None;
    }
    let (table, chain) = blocking_chain(&String::from_utf8_lossy(&listed.stdout))?;
    let ufw = fs::read_to_string("/etc/ufw/ufw.conf").is_ok_and(|text| text.contains("ENABLED=yes"));
    Some(match () {
        () if ufw => Firewall::Ufw,
        () if table.ends_with("firewalld") => Firewall::Firewalld,
        () => Firewall::Nft { table, chain },
    })
}

/// The first chain that packets come in through which drops what it does not know, or everything of UDP, and knows nothing of our
/// ports: table and name.
fn blocking_chain(ruleset: &str) -> Option<(String, String)> {
    let (mut table, mut chain, mut body) = (String::new(), String::new(), Vec::new());
    for line in ruleset.lines().map(str::trim) {
        let words: Vec<&str> = line.split_whitespace().collect();
        match words[..] {
            ["table", family, name, "{"] => table = format!("{family} {name}"),
            ["chain", name, "{"] => (chain, body) = (name.to_owned(), Vec::new()),
            ["}"] if !chain.is_empty() => {
                if blocks(&body) {
                    return Some((table, chain));
                }
                chain.clear();
            }
            _ => body.push(line.to_owned()),
        }
    }
    None
}

fn blocks(chain: &[String]) -> bool {
    let comes_in = chain.iter().any(|line| line.contains("hook input"));
    let known = chain.iter().any(|line| line.contains("4747") && line.contains("accept"));
    let drops = |line: &String| {
        let drops = line.ends_with("drop") || line.contains("reject");
        let of_ours =
            line.contains("4747") || line.contains("meta l4proto udp") || line.contains("ip protocol udp");
        line.contains("policy drop") || drops && (of_ours || line == "drop" || line.starts_with("counter"))
    };
    comes_in && !known && chain.iter().any(drops)
}

fn finding(code: &str, serious: bool, cause: impl Into<String>, fix: impl Into<String>) -> Finding {
    Finding { code: code.into(), serious, cause: cause.into(), fix: fix.into() }
}

fn for_people(report: &Report, colour: bool) -> String {
    let mut lines = Vec::new();
    for Finding { code, serious, cause, fix } in &report.findings {
        let style = if *serious { Style::Bad } else { Style::Warning };
        lines.push(format!("{}  {}", paint(colour, style, &label(code)), printable(cause)));
        lines.push(format!("    mend it: {}", printable(fix)));
    }
    if report.findings.is_empty() {
        lines.push(paint(colour, Style::Good, "Everything is well."));
    }
    for neighbour in &report.neighbours {
        lines.push(ways(neighbour));
    }
    if lines.len() > LINES {
        let more = lines.len() - (LINES - 1);
        lines.truncate(LINES - 1);
        lines.push(format!("and {more} lines more: chalktalk doctor --json"));
    }
    lines.join("\n") + "\n"
}

fn ways(neighbour: &NeighbourHealth) -> String {
    let names = |list: &[chalktalk_ipc::event::WayHealth]| {
        let mut names: Vec<&str> = list.iter().map(|way| way.way.as_str()).collect();
        names.sort_unstable();
        names.dedup();
        let largest = list.iter().map(|way| way.bytes).max().unwrap_or(0);
        if names.is_empty() { "nothing".into() } else { format!("{} up to {largest} bytes", names.join(" ")) }
    };
    let there = if neighbour.answered { names(&neighbour.there) } else { "no answer".into() };
    format!("{}: there {there}; here {}", label(&neighbour.host), names(&neighbour.here))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chain_that_drops_what_it_does_not_know_is_found() {
        let rules = |policy: &str, more: &str| {
            format!(
                "table inet filter {{\n\tchain input {{\n\t\ttype filter hook input priority filter; policy {policy};\n\t\tiif \"lo\" accept\n{more}\t}}\n\n\tchain forward {{\n\t\ttype filter hook forward priority filter; policy drop;\n\t}}\n}}\n"
            )
        };
        let found = Some(("inet filter".to_owned(), "input".to_owned()));
        assert_eq!(blocking_chain(&rules("drop", "")), found);
        assert_eq!(blocking_chain(&rules("accept", "")), None);
        assert_eq!(blocking_chain(&rules("accept", "\t\tudp dport 47474-47538 drop\n")), found);
        assert_eq!(blocking_chain(&rules("accept", "\t\tmeta l4proto udp drop\n")), found);
        assert_eq!(blocking_chain(&rules("drop", "\t\tudp dport 47474-47538 accept\n")), None);
        assert_eq!(blocking_chain(&rules("accept", "\t\ttcp dport 22 drop\n")), None, "something else");
        assert_eq!(blocking_chain(""), None);
    }

    #[test]
    fn a_report_never_has_more_than_fifteen_lines() {
        let findings = (0..12).map(|n| finding(&format!("code{n}"), true, "cause", "fix")).collect();
        let text = for_people(&Report { findings, neighbours: vec![] }, false);
        assert_eq!(text.lines().count(), LINES);
        assert!(text.contains("and 10 lines more"), "{text}");
        let well = for_people(&Report { findings: vec![], neighbours: vec![] }, false);
        assert_eq!(well, "Everything is well.\n");
    }
}
