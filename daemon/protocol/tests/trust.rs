//! Whoever listens, forges, repeats or floods: private stays private, and nothing changes but counters.

mod lan;

use chalktalk_ipc::{AppId, Event, InstanceId, RefusalCode, batch::Class};
use chalktalk_protocol::{
    control::{self, Nack, Want},
    crypto::{Certificate, host_id, origin_id},
    entry::{Draft, Entry, Place},
    frame::{HEADER, Header, Kind},
    ids::{Epoch, LogId, Seq},
    seal::{Key, Ring},
};
use ed25519_dalek::SigningKey;
use lan::{Lan, address};
use std::collections::BTreeSet;

const ANA: usize = 0;
const BEN: usize = 1;
const CHLOE: usize = 2;

/// Somebody on the wire who is no host.
fn stranger() -> std::net::SocketAddr {
    address(200)
}

fn contains(datagrams: &[Vec<u8>], text: &str) -> bool {
    datagrams.iter().any(|datagram| datagram.windows(text.len()).any(|bytes| bytes == text.as_bytes()))
}

/// Ana and Ben in a direct session, Chloé beside them, and some talk.
fn between_two() -> (Lan, chalktalk_ipc::SessionId) {
    let mut lan = Lan::new(3);
    let direct = lan.enter(ANA, "@ben");
    assert_eq!(direct, lan.enter(BEN, "@ana"));
    lan.say(ANA, direct, 1, "between the two of us");
    lan.publish(ANA, direct, 0, "passing thought of ours", Class::Volatile);
    lan.run(500);
    lan.say(BEN, direct, 1, "nobody else shall know");
    lan.run(3000);
    (lan, direct)
}

#[test]
fn nothing_of_a_direct_session_is_on_the_wire_in_clear() {
    let (lan, direct) = between_two();
    for host in [ANA, BEN] {
        assert!(lan.heard(host, direct).contains(&"between the two of us"));
        assert!(lan.heard(host, direct).contains(&"nobody else shall know"));
    }
    assert!(lan.heard(BEN, direct).contains(&"passing thought of ours"));
    for text in ["between the two", "passing thought", "nobody else shall"] {
        assert!(!contains(&lan.recorded, text), "{text}");
    }
    let chloe = &lan.hosts[CHLOE];
    assert!(chloe.node.session_list(chloe.user).iter().all(|session| session.session != direct));
    assert!(chloe.node.digests().all(|(session, _)| session != direct), "not even sealed");
}

#[test]
fn a_direct_session_outlives_the_daemon() {
    let (mut lan, direct) = between_two();
    lan.restart(BEN);
    assert_eq!(lan.enter(BEN, "@ana"), direct, "Ana's key is remembered");
    lan.run(5000);
    assert!(lan.heard(BEN, direct).contains(&"between the two of us"), "{:?}", lan.heard(BEN, direct));
    lan.say(BEN, direct, 1, "here again");
    lan.run(2000);
    assert!(lan.heard(ANA, direct).contains(&"here again"));
}

#[test]
fn a_recording_sent_again_changes_nothing() {
    let (mut lan, direct) = between_two();
    let lobby = lan.enter(CHLOE, "#lobby");
    lan.enter(ANA, "#lobby");
    lan.say(CHLOE, lobby, 1, "to everybody");
    lan.run(5000);
    let before: Vec<String> = (0..3).map(|host| lan.facts(host)).collect();
    let recording = lan.recorded.clone();
    for datagram in recording.iter().chain(recording.iter().rev()) {
        lan.inject(stranger(), datagram);
    }
    lan.run(5000);
    for (host, before) in before.iter().enumerate() {
        assert_eq!(&lan.facts(host), before, "host {host}");
    }
    assert!(lan.counter(ANA, "drop.replayed") > 0);
    assert_eq!(lan.heard(ANA, direct).len(), 2);
    assert_eq!(lan.heard(ANA, lobby), ["to everybody"]);
}

#[test]
fn a_recording_means_nothing_to_a_host_that_has_just_started() {
    let (mut lan, direct) = between_two();
    lan.publish(BEN, direct, 0, "a passing thought", Class::Volatile);
    lan.run(100);
    let recording = lan.recorded.clone();
    lan.stop(BEN);
    lan.restart(ANA);
    lan.enter(ANA, "@ben");
    lan.run(1000);
    for _ in 0..2 {
        recording.iter().for_each(|datagram| lan.inject(address(BEN), datagram));
        lan.run(1000);
    }
    assert_eq!(lan.seen(ANA), ["ana", "chloé"], "chloé is there, and ben is not");
    assert!(lan.counter(ANA, "frames.unproven") > 0);
    assert!(!lan.heard(ANA, direct).contains(&"a passing thought"));
}

#[test]
fn a_host_that_has_left_is_not_brought_back_by_what_it_had_said() {
    let (mut lan, _) = between_two();
    let recording = lan.recorded.clone();
    lan.stop(BEN);
    lan.run(100);
    assert_eq!(lan.seen(ANA), ["ana", "chloé"]);
    recording.iter().for_each(|datagram| lan.inject(address(BEN), datagram));
    assert_eq!(lan.seen(ANA), ["ana", "chloé"]);
    lan.run(1000);
    assert_eq!(lan.seen(ANA), ["ana", "chloé"]);
}

#[test]
fn a_copied_heartbeat_does_not_move_its_host() {
    let mut lan = Lan::new(2);
    let ben = lan.hosts[BEN].node.host_id();
    let fresh: Vec<Vec<u8>> = lan
        .recorded
        .iter()
        .rev()
        .filter(|datagram| datagram[3] == Kind::Host as u8)
        .take(4)
        .cloned()
        .collect();
    fresh.iter().for_each(|datagram| lan.inject(stranger(), datagram));
    assert_eq!(lan.hosts[ANA].node.address_of(ben), Some(address(BEN)));
    lan.run(5000);
    assert_eq!(lan.hosts[ANA].node.address_of(ben), Some(address(BEN)));
}

#[test]
fn a_stranger_cannot_write_in_a_direct_session() {
    let (mut lan, direct) = between_two();
    let before = lan.facts(ANA);
    let (user, origin) = (SigningKey::from_bytes(&[77; 32]), SigningKey::from_bytes(&[78; 32]));
    let host = host_id(&SigningKey::from_bytes(&[79; 32]).verifying_key());
    let certificate = Certificate::issue(&user, host, &origin.verifying_key(), "ben");
    let log = LogId { origin: origin_id(&origin.verifying_key().to_bytes()), epoch: Epoch(1) };
    // He knows the session's id and the key's, and may use the real ones of the session.
    let genuine = lan.recorded.iter().find_map(|datagram| {
        Entry::from_datagram(datagram).ok().filter(|entry| entry.session == direct).map(|entry| entry.key_id)
    });
    let guessed = Ring::of(Key::new([1; 32]));
    for (seq, name_real_key) in [(1, false), (1, true), (2, true)] {
        let place = Place { session: direct, log, seq: Seq(seq), stamp: 1000, time: 1 };
        let mut draft = Draft::new(InstanceId::NIL, guessed.overhead());
        draft.push(&rmp_serde::to_vec(&(&certificate, "?", "?")).unwrap());
        let mut datagram = draft.finish_signed(&place, false, [0; 16], &[], &origin, &guessed);
        if name_real_key {
            datagram[40..44].copy_from_slice(&genuine.unwrap().to_le_bytes());
        }
        lan.inject(stranger(), &datagram);
    }
    lan.run(2000);
    assert_eq!(lan.facts(ANA), before);
}

#[test]
fn one_of_two_cannot_write_as_the_other() {
    let (mut lan, direct) = between_two();
    let secret = {
        let ben = SigningKey::from_bytes(&[(BEN * 8 + 2) as u8; 32]);
        chalktalk_protocol::crypto::shared_secret(&ben, &lan.hosts[ANA].user).unwrap()
    };
    let ring = Ring::of(Key::direct(&chalktalk_ipc::AppId::chat(), &secret));
    let of_ana = lan.recorded.iter().rev().find_map(|datagram| {
        let entry = Entry::from_datagram(datagram).ok()?;
        let opened = ring.open_entry(entry, &mut Vec::new()).is_some();
        (entry.session == direct && opened).then_some((entry.log, entry.seq))
    });
    let (log, seq) = of_ana.expect("Ben has the key: it is the right one");
    let before = lan.facts(ANA);
    let ben_origin = SigningKey::from_bytes(&[(BEN * 8 + 3) as u8; 32]);
    for (log, seq) in [(log, seq.next()), (log, Seq(seq.0 + 2))] {
        let place = Place { session: direct, log, seq, stamp: 1000, time: 1 };
        let mut draft = Draft::new(InstanceId::NIL, ring.overhead());
        draft.push(b"I owe Ben a hundred");
        let datagram = draft.finish_signed(&place, false, [0; 16], &[], &ben_origin, &ring);
        if log.origin != origin_id(&ben_origin.verifying_key().to_bytes()) {
            lan.inject(address(BEN), &datagram);
        }
    }
    lan.run(1000);
    assert!(!lan.facts(ANA).contains("hundred") && !lan.facts(BEN).contains("hundred"));
    assert_eq!(lan.facts(ANA).lines().next(), before.lines().next(), "the digests are what they were");
}

#[test]
fn sealed_frames_cannot_be_altered_or_readdressed() {
    let (mut lan, direct) = between_two();
    let before: Vec<String> = (0..2).map(|host| lan.facts(host)).collect();
    let recording: Vec<Vec<u8>> = lan.recorded.clone();
    let of_direct =
        |datagram: &&Vec<u8>| Header::parse(datagram).is_ok_and(|(header, _)| header.session == direct);
    for (n, datagram) in recording.iter().filter(of_direct).enumerate() {
        for at in [24, 40, HEADER + n % (datagram.len() - HEADER), datagram.len() - 1] {
            let mut altered = datagram.clone();
            altered[at] ^= 1 << (n % 8);
            lan.inject(address(BEN), &altered);
        }
    }
    lan.run(5000);
    for (host, before) in before.iter().enumerate() {
        assert_eq!(&lan.facts(host), before, "host {host}");
    }
}

#[test]
fn hosts_without_the_passphrase_are_not_there() {
    let mut lan = Lan::new(3);
    let now = lan.now;
    for host in [ANA, BEN] {
        lan.hosts[host].node.set_lan_key(now, Some(Key::new([5; 32])));
    }
    lan.hosts[CHLOE].node.set_lan_key(now, Some(Key::new([6; 32])));
    lan.run(3000);
    let quiet = lan.recorded.len();
    assert_eq!(lan.seen(ANA), ["ana", "ben"]);
    assert_eq!(lan.seen(CHLOE), ["chloé"]);
    let room = lan.enter(ANA, "#plans");
    assert_eq!(room, lan.enter(BEN, "#plans"));
    assert_ne!(room, lan.enter(CHLOE, "#plans"));
    lan.say(ANA, room, 1, "the cake is for Friday");
    lan.run(5000);
    assert_eq!(lan.heard(BEN, room), ["the cake is for Friday"]);
    assert!(!contains(&lan.recorded[quiet..], "cake is for") && !contains(&lan.recorded[quiet..], "plans"));
    assert!(!contains(&lan.recorded[quiet..], "host0"), "who is there is sealed too");
    assert!(lan.counter(CHLOE, "drop.other LAN") > 0);
}

#[test]
fn a_passphrase_takes_everybody_along_and_the_old_rooms_come_back_without_it() {
    let mut lan = Lan::new(2);
    let open = lan.enter(ANA, "#plans");
    lan.enter(BEN, "#plans");
    lan.say(ANA, open, 1, "in clear");
    lan.run(1000);
    for host in [ANA, BEN] {
        let now = lan.now;
        lan.hosts[host].node.set_lan_key(now, Some(Key::new([5; 32])));
        let Lan { hosts, .. } = &lan;
        let joined: Vec<_> =
            hosts[host].node.session_list(hosts[host].user).into_iter().filter(|s| s.joined).collect();
        assert!(joined.iter().any(|s| s.title == "#plans" && s.session != open), "{joined:?}");
    }
    lan.run(3000);
    assert!(
        lan.hosts[ANA]
            .events
            .iter()
            .any(|event| matches!(event, Event::Detached { session: Some(id), .. } if *id == open))
    );
    let sealed = lan.enter(ANA, "#plans");
    lan.enter(BEN, "#plans");
    assert_ne!(open, sealed);
    lan.say(BEN, sealed, 1, "sealed");
    lan.run(1000);
    assert_eq!(lan.heard(ANA, sealed), ["sealed"]);
    for host in [ANA, BEN] {
        let now = lan.now;
        lan.hosts[host].node.set_lan_key(now, None);
    }
    lan.run(3000);
    assert_eq!(lan.seen(ANA), ["ana", "ben"]);
    assert_eq!(lan.enter(BEN, "#plans"), open);
    lan.run(500);
    assert_eq!(
        lan.heard(BEN, open),
        ["in clear", "in clear"],
        "it is still there, and was read from the start"
    );
}

#[test]
fn a_flood_of_forgeries_is_looked_at_as_far_as_its_sources_budget_goes() {
    let mut lan = Lan::new(2);
    let lobby = lan.enter(ANA, "#lobby");
    lan.enter(BEN, "#lobby");
    lan.say(BEN, lobby, 1, "hello");
    lan.run(1000);
    let log = lan
        .recorded
        .iter()
        .rev()
        .find_map(|datagram| Entry::from_datagram(datagram).ok().map(|entry| (entry.log, entry.seq)));
    let (log, seq) = log.unwrap();
    let liar = SigningKey::from_bytes(&[99; 32]);
    for n in 0..5000u64 {
        let place = Place { session: lobby, log, seq: Seq(seq.0 + 1 + n % 100), stamp: n, time: n };
        let mut draft = Draft::new(InstanceId::NIL, 0);
        draft.push(&n.to_le_bytes());
        let forged = draft.finish_signed(&place, false, [0; 16], &[], &liar, &Ring::open());
        lan.inject(stranger(), &forged);
    }
    let looked_at = lan.counter(ANA, "bad signature");
    assert!((300..=500).contains(&looked_at), "{looked_at}");
    assert!(lan.counter(ANA, "drop.over budget") > 4000);
    lan.say(BEN, lobby, 2, "you still hear me");
    lan.run(1000);
    assert_eq!(lan.heard(ANA, lobby), ["hello", "you still hear me"]);
}

#[test]
fn a_small_question_does_not_draw_many_large_answers() {
    let mut lan = Lan::new(2);
    let lobby = lan.enter(ANA, "#lobby");
    lan.say(ANA, lobby, 1, "hello");
    lan.run(2000);
    let vector = chalktalk_protocol::control::Vector {
        host: lan.hosts[BEN].node.host_id(),
        rows: vec![],
        answer: true,
    };
    let question = chalktalk_protocol::control::frame(Kind::Vector, lobby, &vector);
    let before = lan.recorded.len();
    (0..1000).for_each(|_| lan.inject(stranger(), &question));
    lan.run(50);
    let answers = lan.recorded[before..].iter().filter(|datagram| datagram[3] == Kind::Vector as u8).count();
    assert!((1..=2).contains(&answers), "{answers}");
}

/// A request for everything that a host has written, in somebody's name.
fn request_for_all(lan: &Lan, host: usize, session: chalktalk_ipc::SessionId) -> Nack {
    let of_host = lan.recorded.iter().rev().filter_map(|datagram| Entry::from_datagram(datagram).ok());
    let origin = origin_id(&SigningKey::from_bytes(&[(host * 8 + 3) as u8; 32]).verifying_key().to_bytes());
    let mut last = of_host.filter(|entry| entry.session == session && entry.log.origin == origin);
    let entry = last.next().expect("they have said something");
    let want = Want { origin, epoch: entry.log.epoch, first: Seq(1), last: entry.seq };
    Nack { host: lan.hosts[BEN].node.host_id(), wants: vec![want; 20] }
}

fn entries(datagrams: &[Vec<u8>]) -> usize {
    datagrams.iter().filter(|datagram| datagram[3] == Kind::Entry as u8).count()
}

#[test]
fn forged_requests_in_an_open_session_draw_no_more_than_the_budget_of_repairs() {
    let mut lan = Lan::new(2);
    let lobby = lan.enter(ANA, "#lobby");
    lan.enter(BEN, "#lobby");
    for n in 1..=300 {
        lan.say(ANA, lobby, n, "a line of some length, so that it takes something to send it");
        lan.run(5);
    }
    lan.run(2000);
    let request = control::frame(Kind::Nack, lobby, &request_for_all(&lan, ANA, lobby));
    let before = lan.recorded.len();
    for _ in 0..2500 {
        lan.inject(stranger(), &request);
        lan.run(4);
    }
    // Ten seconds: what may be saved up, and 200 a second, of each of the two who hold it.
    let drawn = entries(&lan.recorded[before..]);
    assert!((1..=2 * (1024 + 11 * 200)).contains(&drawn), "{drawn} entries for 2,500 forged requests");
    lan.say(BEN, lobby, 1, "meanwhile");
    lan.run(1000);
    assert!(lan.heard(ANA, lobby).contains(&"meanwhile"), "talk goes on");
}

#[test]
fn forged_requests_in_a_sealed_session_draw_nothing() {
    let (mut lan, direct) = between_two();
    let nack = request_for_all(&lan, ANA, direct);
    let genuine = lan.recorded.iter().find_map(|datagram| {
        let (header, _) = Header::parse(datagram).ok()?;
        (header.session == direct && header.key_id != 0).then_some(header.key_id)
    });
    let open = control::frame(Kind::Nack, direct, &nack);
    let mut named = open.clone();
    named[40..44].copy_from_slice(&genuine.unwrap().to_le_bytes());
    let mut sealed =
        Header { key_id: genuine.unwrap(), ..Header::new(Kind::Nack, direct) }.datagram(&[7; 200]);
    let (before, counted) = (lan.recorded.len(), lan.counter(ANA, "drop.not opened"));
    for n in 0..100u8 {
        sealed[HEADER + usize::from(n)] ^= 0x55;
        [&open, &named, &sealed].into_iter().for_each(|datagram| lan.inject(stranger(), datagram));
        lan.run(20);
    }
    assert_eq!(entries(&lan.recorded[before..]), 0);
    assert!(lan.counter(ANA, "drop.not opened") >= counted + 200, "they are counted");
}

#[test]
fn a_later_version_of_everything_is_counted_and_a_longer_header_is_understood() {
    let (mut lan, direct) = between_two();
    let lobby = lan.enter(ANA, "#lobby");
    lan.enter(BEN, "#lobby");
    lan.say(BEN, lobby, 1, "to everybody");
    lan.run(2000);
    let before: Vec<String> = (0..3).map(|host| lan.facts(host)).collect();
    let (recording, counted) = (lan.recorded.clone(), lan.counter(ANA, "drop.malformed"));
    let of_session = |datagram: &&Vec<u8>| datagram[8..24] == lobby.0 || datagram[8..24] == direct.0;
    assert!(recording.iter().filter(of_session).count() > 10);
    for datagram in &recording {
        for (at, value) in [(2, 2), (3, 12), (3, 255), (2, 0)] {
            let mut later = datagram.clone();
            later[at] = value; // another major version, or a kind that is not known yet
            lan.inject(stranger(), &later);
        }
    }
    assert_eq!(lan.counter(ANA, "drop.malformed"), counted + 4 * recording.len() as u64);
    lan.run(3000);
    for (host, before) in before.iter().enumerate() {
        assert_eq!(&lan.facts(host), before, "host {host}");
    }
    // A later minor version says more in its header: what it says in the body is understood.
    let short = control::frame(Kind::Nack, lobby, &request_for_all(&lan, BEN, lobby));
    let mut longer = [&short[..HEADER], &[9; 8], &short[HEADER..]].concat();
    longer[5] += 8;
    let length = longer.len() as u16;
    longer[6..8].copy_from_slice(&length.to_le_bytes());
    let at = lan.recorded.len();
    lan.inject(stranger(), &longer);
    lan.run(500);
    assert!(entries(&lan.recorded[at..]) > 0, "it is answered");
}

#[test]
fn a_heartbeat_of_long_ago_does_not_pin_the_key_in_it() {
    let old = Lan::new(2);
    let of_ben: Vec<&Vec<u8>> = old.recorded.iter().filter(|frame| frame[3] == Kind::Host as u8).collect();
    let mut lan = Lan::new(1);
    lan.restart(ANA); // a boot that they have not heard of
    of_ben.iter().for_each(|frame| lan.inject(address(BEN), frame));
    lan.run(1000);
    assert_eq!(lan.seen(ANA), ["ana"]);
    lan.come_as(200); // Ben at his host, who has made new keys since
    lan.run(5000);
    let ana = &lan.hosts[ANA];
    let ben = ana.node.who(ana.user).into_iter().find(|person| person.name == "ben").expect("he is there");
    assert_eq!((ben.user, ben.changed), (lan.hosts[BEN].user, false), "he is met for the first time");
}

#[test]
fn which_private_sessions_an_instance_is_in_is_told_to_their_members_alone() {
    let (lan, direct) = between_two();
    let sessions = |host: usize| {
        let Some(found) = lan.hosts.get(host) else { panic!() };
        let list = found.node.instance_list(found.user, true);
        list.into_iter().find(|instance| instance.instance == lan.hosts[ANA].chat).map(|found| found.sessions)
    };
    assert!(sessions(BEN).is_some_and(|all| all.contains(&direct)));
    assert!(sessions(CHLOE).is_some_and(|all| !all.contains(&direct)), "she sees the program, and no more");
}

#[test]
fn who_comes_and_goes_all_the_time_is_not_told_of_each_time() {
    let mut lan = Lan::new(2);
    lan.run(5000);
    let before = lan.recorded.len();
    for _ in 0..100 {
        let room = lan.enter(ANA, "#revolving");
        lan.run(10);
        lan.leave(ANA, room);
        lan.run(10);
    }
    let frames = |datagrams: &[Vec<u8>]| -> BTreeSet<Vec<u8>> {
        datagrams.iter().filter(|datagram| datagram[3] == Kind::Host as u8).cloned().collect()
    };
    let told = frames(&lan.recorded[before..]).len(); // of both, in two seconds
    assert!((2..=24).contains(&told), "{told} heartbeats for 200 changes");
    let room = lan.enter(ANA, "#revolving");
    lan.run(1000);
    let ben = &lan.hosts[BEN];
    assert!(ben.node.session_list(ben.user).iter().any(|s| s.session == room), "the last word arrives");
}

#[test]
fn who_looks_for_themselves_is_told_so() {
    let (lan, _) = between_two();
    let host = &lan.hosts[0];
    let refused = |target: &str| {
        let refusal = host.node.resolve(host.user, target, &AppId::chat()).expect_err("nobody to talk to");
        (refusal.code, refusal.message)
    };
    assert_eq!(refused("@Ana").0, RefusalCode::BadRequest);
    assert!(refused("@Ana").1.contains("is you"), "{}", refused("@Ana").1);
    assert_eq!(refused("@nobody").0, RefusalCode::Unknown);
}
