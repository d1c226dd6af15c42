//! What is wrong with the network, from what can be seen of it here: each finding with a code that stays, the plain cause, and the
//! command that mends it.
//!
//! A pure function of evidence. Heartbeats bring most of it: each host tells how it hears each other one, so what somebody else
//! hears and this host does not is seen as well as what this host says and nobody hears. What a probe run has tried adds
//! sizes, frames to one host alone, and clocks.
//!
//! Invariant: a finding names a culprit only if the evidence leaves no other; else it says what may be.

use crate::{
    net::{Link, Way},
    probe::{LARGE, SMALL, Tried},
};
use chalktalk_ipc::event::Finding;
use std::{
    net::{IpAddr, Ipv4Addr},
    time::Duration,
};

/// A host that has been known for so long has been heard by all that hear it: the first heartbeats go by every way.
const SETTLED: Duration = Duration::from_secs(8);
/// So long after the start everybody there is has been heard.
const LONELY: Duration = Duration::from_secs(8);
/// A clock that is this far off shows in messages.
const CLOCK: i64 = 60_000;
/// Interfaces of containers, virtual machines and tunnels, by the names that their makers give them.
const VIRTUAL: [&str; 13] = [
    "docker",
    "br-",
    "virbr",
    "veth",
    "tun",
    "tap",
    "wg",
    "tailscale",
    "zt",
    "vboxnet",
    "vmnet",
    "lxc",
    "podman",
];
/// Names in one finding.
const NAMED: usize = 3;

/// Everything that is looked at.
#[derive(Clone, Debug, Default)]
pub struct Evidence {
    /// Since the start.
    pub uptime: Duration,
    /// Interfaces in use.
    pub links: Vec<Link>,
    /// Interfaces that are not, and why.
    pub unused: Vec<Unused>,
    /// Datagrams that came in on interfaces that are not in use.
    pub stray: u64,
    /// Datagrams that the system refused to send, of late.
    pub refused: u64,
    /// Hosts heard.
    pub neighbours: Vec<Neighbour>,
    /// Hosts that others hear and this one does not: their names, and who hears them.
    pub unheard: Vec<(String, String)>,
    /// The group's port.
    pub port: u16,
    /// What is said about hosts of other LANs.
    pub strangers: Vec<String>,
}

/// An interface that is not in use.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Unused {
    /// Its name.
    pub name: String,
    /// Why, and what to do: fit for a sentence.
    pub why: Why,
}

/// Why an interface is not in use.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Why {
    /// The configuration or an option leaves it out.
    LeftOut,
    /// It is down, or has no carrier.
    Down,
    /// A tunnel that nobody has named.
    Tunnel,
    /// Too small for a frame.
    Small,
    /// It has no address yet.
    NoAddress,
}

/// A host that is heard.
#[derive(Clone, Debug, Default)]
pub struct Neighbour {
    /// Its name, fit for display.
    pub name: String,
    /// Since it was first heard.
    pub known: Duration,
    /// Where it says it is.
    pub announced: Vec<IpAddr>,
    /// Where its frames come from.
    pub heard_from: Vec<IpAddr>,
    /// Ways by which it is heard, as bits.
    pub ways: u8,
    /// Ways by which it hears this host; none known: it does not say that it does.
    pub hears_us: Option<u8>,
    /// What a probe run has found out, if there was one.
    pub tried: Option<Tried>,
}

/// Everything that is wrong, what matters most first.
pub fn findings(evidence: &Evidence) -> Vec<Finding> {
    let rules: [fn(&Evidence) -> Option<Finding>; 15] = [
        no_link,
        left_out,
        only_virtual,
        no_address,
        duplicate_address,
        other_network,
        sending_refused,
        nobody_hears_us,
        not_heard_by,
        not_heard_here,
        alone,
        multicast_lost,
        unicast_lost,
        large_lost,
        clock_off,
    ];
    let strangers = evidence.strangers.iter().map(|hint| {
        let (cause, fix) = hint.split_once(": ").unwrap_or((hint, ""));
        finding("other-passphrase", true, cause, fix)
    });
    rules.iter().filter_map(|rule| rule(evidence)).chain(strangers).collect()
}

/// A finding.
pub fn finding(code: &str, serious: bool, cause: impl Into<String>, fix: impl Into<String>) -> Finding {
    Finding { code: code.into(), serious, cause: cause.into(), fix: fix.into() }
}

fn no_link(evidence: &Evidence) -> Option<Finding> {
    if evidence.links.iter().any(|link| !is_loopback(link)) {
        return None;
    }
    let what = |unused: &Unused| {
        let why = match unused.why {
            Why::LeftOut => "left out by the configuration",
            Why::Down => "down",
            Why::Tunnel => "a tunnel",
            Why::Small => "too small for a frame",
            Why::NoAddress => "without an address",
        };
        format!("{} is {why}", unused.name)
    };
    let there = list(evidence.unused.iter().map(what));
    let there = if there.is_empty() { "there is none at all".into() } else { there };
    let down = evidence.unused.iter().find(|unused| matches!(unused.why, Why::Down | Why::NoAddress));
    let fix = match down {
        Some(Unused { name, why: Why::Down }) => format!("sudo ip link set {name} up"),
        Some(Unused { name, .. }) => format!("sudo nmcli device connect {name}"),
        None => "ip -brief address".into(),
    };
    Some(finding(
        "no-network",
        true,
        format!("no usable network interface: {there}; nobody can be reached"),
        fix,
    ))
}

fn left_out(evidence: &Evidence) -> Option<Finding> {
    let left_out: Vec<&Unused> = evidence.unused.iter().filter(|unused| unused.why == Why::LeftOut).collect();
    if left_out.is_empty() || evidence.stray == 0 && !evidence.neighbours.is_empty() {
        return None;
    }
    let names = list(left_out.iter().map(|unused| unused.name.clone()));
    let heard = if evidence.stray > 0 { ", and somebody is heard there" } else { "" };
    Some(finding(
        "interface-left-out",
        true,
        format!("options or the configuration leave out {names}{heard}"),
        "take the interface into `allow` and out of `deny` in config.toml (or out of --interface), then: systemctl reload chalktalkd",
    ))
}

fn only_virtual(evidence: &Evidence) -> Option<Finding> {
    let real = evidence.links.iter().filter(|link| !is_loopback(link)).collect::<Vec<_>>();
    if real.is_empty() || !real.iter().all(|link| is_virtual(&link.name)) {
        return None;
    }
    let names = list(real.iter().map(|link| link.name.clone()));
    let down = evidence.unused.iter().find(|unused| !is_virtual(&unused.name) && unused.why == Why::Down);
    let fix = down.map_or("ip -brief link".into(), |unused| format!("sudo ip link set {} up", unused.name));
    Some(finding(
        "only-virtual-links",
        true,
        format!("the only interfaces in use belong to containers, virtual machines or a tunnel: {names}"),
        fix,
    ))
}

fn no_address(evidence: &Evidence) -> Option<Finding> {
    let without =
        |link: &&Link| !is_loopback(link) && link.v4.iter().all(|(address, _)| address.is_link_local());
    let names: Vec<String> = evidence.links.iter().filter(without).map(|link| link.name.clone()).collect();
    let first = names.first()?.clone();
    Some(finding(
        "no-address",
        false,
        format!(
            "{} has no IPv4 address of its network: hosts without IPv6 are not reached",
            list(names.into_iter())
        ),
        format!("sudo nmcli device reapply {first}"),
    ))
}

fn duplicate_address(evidence: &Evidence) -> Option<Finding> {
    let mine =
        |address: &IpAddr| matches!(address, IpAddr::V4(v4) if own_v4(evidence).any(|(own, _)| own == *v4));
    let (neighbour, address) = evidence.neighbours.iter().find_map(|neighbour| {
        Some((neighbour, *neighbour.announced.iter().find(|address| mine(address))?))
    })?;
    Some(finding(
        "duplicate-address",
        true,
        format!("{} has the address {address} as well as this host", neighbour.name),
        format!("give one of the two another address; on which: ip neighbour show {address}"),
    ))
}

fn other_network(evidence: &Evidence) -> Option<Finding> {
    let foreign = |neighbour: &&Neighbour| {
        let mut v4 = neighbour.announced.iter().filter_map(|address| match address {
            IpAddr::V4(address) if !address.is_link_local() => Some(*address),
            _ => None,
        });
        let own: Vec<(Ipv4Addr, u8)> = own_v4(evidence).collect();
        let mut there = false;
        let none_here = v4.all(|address| {
            there = true;
            !own.iter().any(|(mine, prefix)| same_net(*mine, address, *prefix))
        });
        there && none_here && !own.is_empty()
    };
    let far: Vec<&Neighbour> = evidence.neighbours.iter().filter(foreign).collect();
    let first = far.first()?;
    let address = first.announced.iter().find(|address| address.is_ipv4())?;
    Some(finding(
        "other-network",
        false,
        format!(
            "{} on this link with addresses of another network ({address}): IPv4 to one host alone does not work",
            is_are(far.iter().map(|neighbour| neighbour.name.clone()))
        ),
        "give all hosts addresses of one network (DHCP of one router), or leave IPv6 on: it works across both",
    ))
}

fn sending_refused(evidence: &Evidence) -> Option<Finding> {
    (evidence.refused > 0 && !evidence.links.is_empty()).then(|| {
        finding(
            "sending-refused",
            true,
            format!("this machine's system refuses to send: {} datagrams of late; a firewall for outgoing packets", evidence.refused),
            format!("sudo nft insert rule inet filter output udp dport {} accept", ports(evidence)),
        )
    })
}

fn nobody_hears_us(evidence: &Evidence) -> Option<Finding> {
    let settled: Vec<&Neighbour> = settled(evidence).collect();
    if settled.len() < 2 || settled.iter().any(|neighbour| hears_us(neighbour)) {
        return None;
    }
    Some(finding(
        "nobody-hears-us",
        true,
        format!(
            "all of {} hosts are heard, and none of them hears this one: what it sends is lost on the way",
            settled.len()
        ),
        format!(
            "sudo nft insert rule inet filter output udp dport {} accept; if that changes nothing, look at the switch port",
            ports(evidence)
        ),
    ))
}

fn not_heard_by(evidence: &Evidence) -> Option<Finding> {
    let settled: Vec<&Neighbour> = settled(evidence).collect();
    let deaf: Vec<&&Neighbour> = settled.iter().filter(|neighbour| !hears_us(neighbour)).collect();
    if deaf.is_empty() || deaf.len() == settled.len() && settled.len() > 1 {
        return None;
    }
    let names = list(deaf.iter().map(|neighbour| neighbour.name.clone()));
    Some(finding(
        "not-heard-by",
        true,
        format!("{names} is heard here but does not hear this host: most likely a firewall on {names}"),
        format!(
            "on {names}: sudo ufw allow Chalktalk, or sudo firewall-cmd --permanent --add-service=chalktalk && sudo firewall-cmd --reload"
        ),
    ))
}

fn not_heard_here(evidence: &Evidence) -> Option<Finding> {
    let (first, witness) = evidence.unheard.first()?;
    let names = list(evidence.unheard.iter().map(|(name, _)| name.clone()));
    Some(finding(
        "host-not-heard",
        true,
        format!(
            "{witness} hears {names}, and this host does not: the access point keeps its clients apart, or a firewall here drops what comes from there"
        ),
        format!(
            "turn off client isolation in the access point; here: sudo chalktalk doctor (looks for a rule against {first})"
        ),
    ))
}

fn alone(evidence: &Evidence) -> Option<Finding> {
    let linked = evidence.links.iter().any(|link| !is_loopback(link));
    (linked && evidence.neighbours.is_empty() && evidence.uptime >= LONELY).then(|| {
        finding(
            "alone",
            false,
            "nobody else is heard: there is nobody, a firewall here drops what comes in, or the access point keeps its clients apart",
            "sudo chalktalk doctor (looks at this machine's firewall), then chalktalk doctor on another host",
        )
    })
}

fn multicast_lost(evidence: &Evidence) -> Option<Finding> {
    let multicast = Way::Multicast4.bit() | Way::Multicast6.bit();
    let sends = evidence.links.iter().any(|link| link.ways.iter().any(|way| way.bit() & multicast != 0));
    let mut settled = settled(evidence).filter(|neighbour| neighbour.ways != 0).peekable();
    settled.peek()?;
    let lost = settled
        .all(|neighbour| neighbour.ways & multicast == 0 && neighbour.ways & Way::Broadcast.bit() != 0);
    (sends && lost).then(|| {
        finding(
            "multicast-lost",
            false,
            "broadcast arrives here and multicast does not: a switch that filters multicast without anybody who asks for it (IGMP \
             snooping without a querier), or a firewall here",
            "turn on the IGMP querier of the switch, or its snooping off; until then broadcast is used and nothing is lost",
        )
    })
}

fn unicast_lost(evidence: &Evidence) -> Option<Finding> {
    let lost = |neighbour: &&Neighbour| {
        let Some(Tried { there: Some(there), .. }) = &neighbour.tried else { return false };
        !there.is_empty() && !there.iter().any(|heard| heard.way == Way::Unicast.bit())
    };
    let names: Vec<String> = evidence.neighbours.iter().filter(lost).map(|n| n.name.clone()).collect();
    (!names.is_empty()).then(|| {
        finding(
            "unicast-lost",
            true,
            format!(
                "what is sent to everybody reaches {}, and what is sent to it alone does not: repairs and catch-up suffer",
                list(names.into_iter())
            ),
            format!("turn off client isolation in the access point, or let UDP and TCP {} in there", ports(evidence)),
        )
    })
}

fn large_lost(evidence: &Evidence) -> Option<Finding> {
    let lost = |neighbour: &&Neighbour| {
        let Some(tried) = &neighbour.tried else { return false };
        let of = |bytes: u16| {
            let there = tried.there.iter().flatten().filter(|heard| heard.bytes == bytes).count();
            there + tried.here.iter().filter(|heard| heard.bytes == bytes).count()
        };
        of(SMALL) > 0 && of(LARGE) * 2 <= of(SMALL)
    };
    let names: Vec<String> = evidence.neighbours.iter().filter(lost).map(|n| n.name.clone()).collect();
    let link = evidence.links.iter().find(|link| !is_loopback(link))?;
    (!names.is_empty()).then(|| {
        finding(
            "large-lost",
            true,
            format!("small frames come through to or from {} and large ones do not: the MTU differs (here {} is {})", list(names.into_iter()), link.name, link.mtu),
            format!("set the same MTU on all hosts of the link: sudo ip link set {} mtu 1500", link.name),
        )
    })
}

fn clock_off(evidence: &Evidence) -> Option<Finding> {
    let off = |neighbour: &Neighbour| neighbour.tried.as_ref()?.clock.filter(|off| off.abs() > CLOCK);
    let all: Vec<(&Neighbour, i64)> = evidence.neighbours.iter().filter_map(|n| Some((n, off(n)?))).collect();
    let (first, by) = *all.first()?;
    let (seconds, way) = (by.abs() / 1000, if by > 0 { "behind" } else { "ahead of" });
    let compared =
        evidence.neighbours.iter().filter(|n| n.tried.as_ref().is_some_and(|t| t.clock.is_some())).count();
    let whose = if all.len() * 2 > compared && compared > 1 {
        "this host's clock is"
    } else {
        "this host's clock or that one is wrong:"
    };
    Some(finding(
        "clock-off",
        false,
        format!(
            "{whose} {seconds} s {way} that of {}; the order of messages is right, the times shown are not",
            first.name
        ),
        "sudo timedatectl set-ntp true",
    ))
}

fn settled(evidence: &Evidence) -> impl Iterator<Item = &Neighbour> {
    evidence.neighbours.iter().filter(|neighbour| neighbour.known >= SETTLED && evidence.uptime >= SETTLED)
}

fn hears_us(neighbour: &Neighbour) -> bool {
    neighbour.hears_us.is_some_and(|ways| ways != 0)
}

fn own_v4(evidence: &Evidence) -> impl Iterator<Item = (Ipv4Addr, u8)> {
    evidence.links.iter().filter(|link| !is_loopback(link)).flat_map(|link| link.v4.iter().copied())
}

fn same_net(a: Ipv4Addr, b: Ipv4Addr, prefix: u8) -> bool {
    let mask = u32::MAX.checked_shl(32 - u32::from(prefix.min(32))).unwrap_or(0);
    a.to_bits() & mask == b.to_bits() & mask
}

fn is_loopback(link: &Link) -> bool {
    !link.v4.is_empty() && link.v4.iter().all(|(address, _)| address.is_loopback())
}

fn is_virtual(name: &str) -> bool {
    VIRTUAL.iter().any(|prefix| name.starts_with(prefix))
}

fn ports(evidence: &Evidence) -> String {
    format!("{}-{}", evidence.port, evidence.port.saturating_add(64))
}

fn list(names: impl Iterator<Item = String>) -> String {
    let mut names: Vec<String> = names.collect();
    if names.len() > NAMED {
        let more = names.len() - NAMED;
        names.truncate(NAMED);
        names.push(format!("{more} more"));
    }
    names.join(", ")
}

fn is_are(names: impl Iterator<Item = String>) -> String {
    let names: Vec<String> = names.collect();
    let verb = if names.len() == 1 { "is" } else { "are" };
    format!("{} {verb}", list(names.into_iter()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{net::LinkId, probe::Heard};
    use std::collections::BTreeSet;

    fn link(name: &str, v4: &str) -> Link {
        let v4 = v4.parse().into_iter().map(|address| (address, 24)).collect();
        Link { id: LinkId(2), name: name.into(), mtu: 1500, v4, v6: None, ways: Way::GROUP.to_vec() }
    }

    fn neighbour(name: &str, address: &str) -> Neighbour {
        Neighbour {
            name: name.into(),
            known: SETTLED,
            announced: vec![address.parse().unwrap()],
            heard_from: vec![address.parse().unwrap()],
            ways: 7,
            hears_us: Some(7),
            tried: None,
        }
    }

    /// Three hosts that hear one another.
    fn well() -> Evidence {
        Evidence {
            uptime: Duration::from_secs(60),
            links: vec![link("eth0", "10.0.0.1")],
            neighbours: vec![neighbour("ben", "10.0.0.2"), neighbour("cleo", "10.0.0.3")],
            port: 47474,
            ..Evidence::default()
        }
    }

    fn codes(change: impl FnOnce(&mut Evidence)) -> Vec<String> {
        let mut evidence = well();
        change(&mut evidence);
        findings(&evidence).into_iter().map(|finding| finding.code).collect()
    }

    fn tried(there: &[(Way, u16)], clock: i64) -> Option<Tried> {
        let heard = |(way, bytes): &(Way, u16)| Heard { link: 2, way: way.bit(), bytes: *bytes };
        let there: BTreeSet<Heard> = there.iter().map(heard).collect();
        Some(Tried { there: Some(there), here: BTreeSet::new(), clock: Some(clock) })
    }

    #[test]
    fn where_all_is_well_nothing_is_found() {
        assert_eq!(codes(|_| {}), Vec::<String>::new());
        let all = [
            (Way::Multicast4, SMALL),
            (Way::Unicast, SMALL),
            (Way::Multicast4, LARGE),
            (Way::Unicast, LARGE),
        ];
        assert_eq!(codes(|e| e.neighbours[0].tried = tried(&all, 900)), Vec::<String>::new());
        assert_eq!(
            codes(|e| (e.neighbours, e.uptime) = (vec![], Duration::from_secs(1))),
            Vec::<String>::new(),
            "not yet"
        );
    }

    #[test]
    fn each_fault_is_named_alone() {
        let down = Unused { name: "wlan0".into(), why: Why::Down };
        assert_eq!(
            codes(|e| (e.links, e.unused, e.neighbours) = (vec![], vec![down.clone()], vec![])),
            ["no-network"]
        );
        let out = Unused { name: "eth1".into(), why: Why::LeftOut };
        assert_eq!(codes(|e| (e.unused, e.stray) = (vec![out.clone()], 9)), ["interface-left-out"]);
        assert_eq!(
            codes(|e| e.unused = vec![out.clone()]),
            Vec::<String>::new(),
            "left out, and nobody misses it"
        );
        assert_eq!(
            codes(|e| (e.links, e.unused, e.neighbours) =
                (vec![link("docker0", "172.17.0.1")], vec![down], vec![])),
            ["only-virtual-links", "alone"]
        );
        assert_eq!(codes(|e| e.links[0].v4.clear()), ["no-address"]);
        assert_eq!(
            codes(|e| e.neighbours[1].announced = vec!["10.0.0.1".parse().unwrap()]),
            ["duplicate-address"]
        );
        assert_eq!(
            codes(|e| e.neighbours[1].announced = vec!["10.9.0.3".parse().unwrap()]),
            ["other-network"]
        );
        assert_eq!(codes(|e| e.refused = 3), ["sending-refused"]);
        assert_eq!(
            codes(|e| e.neighbours.iter_mut().for_each(|n| n.hears_us = Some(0))),
            ["nobody-hears-us"]
        );
        assert_eq!(codes(|e| e.neighbours[0].hears_us = None), ["not-heard-by"]);
        assert_eq!(codes(|e| e.unheard = vec![("dan".into(), "ben".into())]), ["host-not-heard"]);
        assert_eq!(codes(|e| e.neighbours.clear()), ["alone"]);
        let broadcast = Way::Broadcast.bit();
        assert_eq!(codes(|e| e.neighbours.iter_mut().for_each(|n| n.ways = broadcast)), ["multicast-lost"]);
        assert_eq!(codes(|e| e.strangers = vec!["hosts have none: tell them".into()]), ["other-passphrase"]);
    }

    #[test]
    fn what_was_tried_shows_sizes_clocks_and_who_is_reached_alone() {
        let group = [(Way::Multicast4, SMALL), (Way::Multicast4, LARGE)];
        assert_eq!(codes(|e| e.neighbours[0].tried = tried(&group, 0)), ["unicast-lost"]);
        let small = [(Way::Multicast4, SMALL), (Way::Unicast, SMALL)];
        assert_eq!(codes(|e| e.neighbours[0].tried = tried(&small, 0)), ["large-lost"]);
        let all = [(Way::Unicast, SMALL), (Way::Unicast, LARGE)];
        assert_eq!(codes(|e| e.neighbours[0].tried = tried(&all, -90_000)), ["clock-off"]);
        let mut evidence = well();
        evidence.neighbours.iter_mut().for_each(|n| n.tried = tried(&all, 7_200_000));
        let [off] = &findings(&evidence)[..] else { panic!() };
        assert!(off.cause.starts_with("this host's clock is 7200 s behind"), "{}", off.cause);
    }

    #[test]
    fn findings_are_one_line_each_and_say_what_to_do() {
        let mut evidence = well();
        evidence.neighbours.iter_mut().for_each(|n| n.hears_us = None);
        evidence.unheard = (0..9).map(|n| (format!("host{n}"), "ben".into())).collect();
        for finding in findings(&evidence) {
            assert!(!finding.cause.contains('\n') && !finding.fix.is_empty(), "{finding:?}");
        }
        assert!(findings(&evidence).iter().any(|finding| finding.cause.contains("host2, 6 more")));
        assert!(same_net([10, 0, 0, 1].into(), [10, 0, 1, 1].into(), 23));
        assert!(
            same_net([10, 0, 0, 1].into(), [99, 0, 1, 1].into(), 0)
                && !same_net([1; 4].into(), [2; 4].into(), 32)
        );
    }
}
