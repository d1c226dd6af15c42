//! Sessions by invitation in simulated worlds: who comes in, who goes, and which key everybody writes under.

use chalktalk_ipc::{
    SessionId,
    request::{From, SessionKind},
};
use chalktalk_protocol::{
    entry::Entry,
    frame::{HEADER, Header, Kind},
};
use chalktalk_tests::sim::{Acks, Faults, World};
use std::{cell::RefCell, collections::BTreeSet, rc::Rc, time::Duration};

/// Two heartbeats of a small LAN: 2 s each, and a fifth more at the most.
const TWO_HEARTBEATS: Duration = Duration::from_millis(4800);

fn ms(n: u64) -> Duration {
    Duration::from_millis(n)
}

/// So many hosts with a chat each, that have met.
fn lan(seed: u64, hosts: usize) -> (World, Vec<usize>) {
    let mut world = World::traced(seed, std::env::var_os("TRACE").is_some());
    let hosts = world.hosts(hosts);
    let chats = hosts.into_iter().map(|host| world.chat(host)).collect();
    world.run(ms(2000));
    (world, chats)
}

/// A room of the first host that these others have been asked into and are in.
fn room(world: &mut World, chats: &[usize], history: bool, others: &[usize]) -> SessionId {
    room_as(world, chats, SessionKind::Kept, history, others)
}

fn room_as(
    world: &mut World,
    chats: &[usize],
    kind: SessionKind,
    history: bool,
    others: &[usize],
) -> SessionId {
    let room = world.create_as(chats[0], "den", kind, history, others);
    for other in others {
        world.run_until(ms(2000), "the invitation comes", |world| !world.invitations(*other).is_empty());
        world.accept(chats[*other], room);
    }
    world.run(ms(1500));
    room
}

type Seen = Rc<RefCell<Vec<(usize, Vec<u8>)>>>;

/// Notes every entry of a session that is sent, by whom.
fn record(world: &mut World, room: SessionId) -> Seen {
    let seen = Seen::default();
    let notes = seen.clone();
    world.network.lose = Some(Box::new(move |from, _, datagram| {
        let (header, _) = Header::parse(datagram).expect("nobody sends anything else");
        if header.kind == Kind::Entry && header.session == room {
            notes.borrow_mut().push((from, datagram.to_vec()));
        }
        false
    }));
    seen
}

fn is_statement(datagram: &[u8]) -> bool {
    datagram[4] & 8 != 0
}

/// The keys that messages were sealed with.
fn keys(seen: &Seen) -> BTreeSet<[u8; 4]> {
    let key = |datagram: &[u8]| <[u8; 4]>::try_from(&datagram[40..HEADER]).expect("4 bytes");
    let seen = seen.borrow();
    seen.iter().filter(|(_, datagram)| !is_statement(datagram)).map(|(_, datagram)| key(datagram)).collect()
}

/// Two sides that do not hear each other.
fn part(world: &mut World, one: &[usize], other: &[usize]) {
    let sides = one.iter().map(|host| (*host, 1)).chain(other.iter().map(|host| (*host, 2)));
    world.network.partition(sides);
}

fn say(world: &mut World, chats: &[usize], who: &[usize], room: SessionId) {
    who.iter().for_each(|who| world.publish(chats[*who], room, 1, 100));
}

#[test]
fn who_is_asked_in_comes_in_and_a_stranger_reads_nothing() {
    let (mut world, chats) = lan(1, 3);
    let room = world.create(chats[0], "den", true, &[1]);
    let seen = record(&mut world, room);
    world.publish(chats[0], room, 3, 200);
    world.run_until(ms(1000), "the invitation comes", |world| world.invitations(1).len() == 1);
    assert_eq!(world.invitations(1)[0].title, "#den");
    assert!(world.invitations(2).is_empty() && !world.is_in(1, room), "nobody is put into a session");
    world.accept(chats[1], room);
    say(&mut world, &chats, &[1], room);
    world.converge(ms(3000));
    assert_eq!(
        (world.heard(chats[0], room), world.heard(chats[1], room)),
        (4, 4),
        "also what was said before"
    );
    assert_eq!(world.present(0, room).len(), 2);
    assert!(
        seen.borrow().len() > 5 && seen.borrow().iter().all(|(_, datagram)| !world.can_read(2, datagram))
    );
    let text = b"published";
    assert!(!seen.borrow().iter().any(|(_, datagram)| datagram.windows(text.len()).any(|part| part == text)));
}

#[test]
fn an_invitation_waits_for_a_host_that_is_away_and_for_the_inviter_to_be_gone() {
    let (mut world, chats) = lan(2, 3);
    let room = room(&mut world, &chats, true, &[1]);
    world.crash(2);
    world.run(ms(10_000));
    world.invite(0, room, &[2]);
    world.run(ms(3000));
    world.stop(0);
    world.start(2);
    world.run_until(ms(8000), "another member passes it on", |world| world.invitations(2).len() == 1);
    world.accept(chats[2], room);
    say(&mut world, &chats, &[1, 2], room);
    world.run(ms(3000));
    world.start(0);
    world.converge(ms(8000));
}

#[test]
fn an_invitation_arrives_through_loss_and_is_not_sent_for_ever() {
    let (mut world, _) = lan(3, 2);
    world.network.faults.loss = 0.6;
    let chat = world.chat(0);
    world.create(chat, "den", true, &[1]);
    world.run_until(ms(60_000), "the invitation comes", |world| world.invitations(1).len() == 1);
    world.network.faults.loss = 0.0;
    world.run(ms(60_000));
    let sent = world.counter("invitations.sent");
    world.run(ms(60_000));
    assert_eq!(world.counter("invitations.sent"), sent);
    assert!(sent < 20, "{sent}");
}

#[test]
fn declining_is_told_and_asking_again_is_possible() {
    let (mut world, chats) = lan(4, 2);
    let room = world.create(chats[0], "den", true, &[1]);
    world.run_until(ms(2000), "the invitation comes", |world| world.invitations(1).len() == 1);
    world.run(ms(500)); // their host has said that it has come
    world.decline(1, room);
    world.run(ms(3000));
    assert!(world.invitations(1).is_empty() && !world.is_in(1, room));
    world.invite(0, room, &[1]);
    world.run_until(ms(2000), "it comes again", |world| world.invitations(1).len() == 1);
    world.accept(chats[1], room);
    say(&mut world, &chats, &[0, 1], room);
    world.converge(ms(3000));
}

#[test]
fn without_history_a_newcomer_reads_what_is_written_from_then_on() {
    let (mut world, chats) = lan(5, 3);
    let room = room(&mut world, &chats, false, &[1]);
    let seen = record(&mut world, room);
    world.publish(chats[0], room, 40, 500);
    world.publish(chats[1], room, 40, 500);
    world.run(ms(2000));
    let before = seen.borrow().len();
    world.invite(0, room, &[2]);
    world.run_until(ms(2000), "the invitation comes", |world| world.invitations(2).len() == 1);
    world.accept_from(chats[2], room, From::Saved);
    world.run(ms(3000));
    say(&mut world, &chats, &[0, 1, 2], room);
    world.run(ms(3000));
    assert_eq!(world.heard(chats[2], room), 3);
    assert_eq!(world.heard(chats[0], room), 83);
    let old = seen.borrow()[..before].iter().filter(|(_, d)| !is_statement(d)).cloned().collect::<Vec<_>>();
    assert!(!old.is_empty() && old.iter().all(|(_, datagram)| !world.can_read(2, datagram)));
}

#[test]
fn who_was_removed_reads_nothing_that_was_written_knowing_it() {
    let (mut world, chats) = lan(6, 4);
    let room = room(&mut world, &chats, true, &[1, 2, 3]);
    say(&mut world, &chats, &[0, 1, 2, 3], room);
    world.converge(ms(3000));
    world.remove(0, room, 2);
    world.gave_up(2, room);
    world.run(ms(500));
    assert!(!world.is_in(2, room) && world.is_in(1, room), "they are told");
    let seen = record(&mut world, room);
    for _ in 0..3 {
        say(&mut world, &chats, &[0, 1, 3], room);
        world.run(ms(700));
    }
    world.converge(ms(3000));
    let written = seen.borrow();
    assert!(written.len() >= 9 && written.iter().all(|(_, datagram)| !world.can_read(2, datagram)));
    assert!(written.iter().all(|(_, datagram)| world.can_read(1, datagram)));
    assert_eq!(world.heard(chats[1], room), 4 + 9);
}

#[test]
fn two_keys_made_at_once_settle_on_one() {
    let (mut world, chats) = lan(7, 6);
    let room = room(&mut world, &chats, true, &[1, 2, 3, 4, 5]);
    // Each side removes somebody of the other.
    part(&mut world, &[0, 1, 2], &[3, 4, 5]);
    world.run(ms(500));
    world.remove(0, room, 5);
    world.run(ms(1000));
    say(&mut world, &chats, &[0, 1, 2, 3, 4], room);
    world.run(ms(8000));
    world.network.heal();
    world.gave_up(5, room);
    world.run(TWO_HEARTBEATS);
    let seen = record(&mut world, room);
    say(&mut world, &chats, &[0, 1, 2, 3, 4], room);
    world.converge(ms(3000));
    assert_eq!(keys(&seen).len(), 1, "{:?}", keys(&seen));
    assert!(seen.borrow().iter().all(|(_, datagram)| is_statement(datagram) || !world.can_read(5, datagram)));
    assert!(!world.is_in(5, room));
}

#[test]
fn sides_that_each_made_a_key_settle_within_two_heartbeats_of_the_heal() {
    let (mut world, chats) = lan(8, 6);
    let room = room(&mut world, &chats, true, &[1, 2, 3]);
    part(&mut world, &[0, 1, 4], &[2, 3, 5]);
    world.run(ms(500));
    world.leave_room(1, room); // the key is made by 0
    world.leave_room(3, room); // and by 2
    world.run(ms(9000));
    say(&mut world, &chats, &[0, 2], room);
    world.run(ms(1000));
    world.network.heal();
    world.run(TWO_HEARTBEATS);
    let seen = record(&mut world, room);
    say(&mut world, &chats, &[0, 2], room);
    world.converge(ms(3000));
    assert_eq!(keys(&seen).len(), 1, "{:?}", keys(&seen));
    for gone in [1, 3] {
        assert!(seen.borrow().iter().all(|(_, datagram)| !world.can_read(gone, datagram)));
    }
    assert_eq!((world.heard(chats[0], room), world.heard(chats[2], room)), (4, 4));
}

#[test]
fn somebody_asked_in_on_one_side_while_the_other_makes_a_key_reads_all_after_the_heal() {
    let (mut world, chats) = lan(9, 5);
    let room = room(&mut world, &chats, true, &[1, 2, 3]);
    part(&mut world, &[0, 1, 4], &[2, 3]);
    world.run(ms(500));
    world.invite(1, room, &[4]);
    world.run_until(ms(2000), "the invitation comes", |world| world.invitations(4).len() == 1);
    world.accept(chats[4], room);
    world.leave_room(3, room);
    world.run(ms(9000));
    say(&mut world, &chats, &[0, 2, 4], room);
    world.run(ms(1000));
    world.network.heal();
    world.run(TWO_HEARTBEATS);
    let seen = record(&mut world, room);
    say(&mut world, &chats, &[0, 1, 2, 4], room);
    world.converge(ms(4000));
    assert_eq!(keys(&seen).len(), 1, "{:?}", keys(&seen));
    assert_eq!(world.heard(chats[4], room), 7, "also what the other side wrote before it knew them");
}

#[test]
fn who_was_away_while_keys_changed_catches_up() {
    let (mut world, chats) = lan(10, 4);
    let room = room(&mut world, &chats, true, &[1, 2, 3]);
    world.stop(3);
    world.run(ms(500));
    world.remove(0, room, 1);
    world.gave_up(1, room);
    world.run(ms(1000));
    world.publish(chats[0], room, 400, 900);
    world.run(ms(3000));
    world.leave_room(2, room);
    world.run(ms(5000));
    world.publish(chats[0], room, 10, 100);
    world.run(ms(1000));
    world.start(3);
    world.converge(ms(10_000));
    say(&mut world, &chats, &[3], room);
    world.converge(ms(3000));
    assert_eq!(world.heard(chats[0], room), 411);
}

#[test]
fn membership_and_keys_outlive_crashes_of_everybody() {
    let (mut world, chats) = lan(11, 3);
    let room = room(&mut world, &chats, true, &[1, 2]);
    say(&mut world, &chats, &[0, 1, 2], room);
    world.converge(ms(3000));
    world.remove(0, room, 2);
    world.gave_up(2, room);
    world.run(ms(1000));
    (0..3).for_each(|host| world.crash(host));
    (0..3).for_each(|host| world.start(host));
    world.run(ms(4000));
    assert!(world.is_in(0, room) && world.is_in(1, room) && !world.is_in(2, room));
    let seen = record(&mut world, room);
    say(&mut world, &chats, &[0, 1], room);
    world.converge(ms(4000));
    assert!(
        !seen.borrow().is_empty() && seen.borrow().iter().all(|(_, datagram)| !world.can_read(2, datagram))
    );
}

#[test]
fn who_leaves_is_gone_for_the_others_also_when_they_were_away() {
    let (mut world, chats) = lan(12, 3);
    let room = room(&mut world, &chats, true, &[1, 2]);
    (0..3).filter(|host| *host != 1).for_each(|host| world.stop(host));
    world.run(ms(200));
    world.leave_room(1, room);
    world.run(ms(3000));
    [0, 2].into_iter().for_each(|host| world.start(host));
    world.run(ms(6000));
    let seen = record(&mut world, room);
    say(&mut world, &chats, &[0, 2], room);
    world.converge(ms(4000));
    assert!(seen.borrow().iter().all(|(_, datagram)| is_statement(datagram) || !world.can_read(1, datagram)));
    assert_eq!(world.present(0, room).len(), 2);
}

#[test]
fn a_newcomer_reads_who_has_left_the_network_before_they_came() {
    let (mut world, chats) = lan(13, 3);
    let room = room(&mut world, &chats, true, &[1]);
    say(&mut world, &chats, &[0, 1], room);
    world.converge(ms(3000));
    world.stop(0);
    world.run(ms(1000));
    let host = world.host();
    let chat = world.chat(host);
    world.run(ms(2000));
    world.invite(1, room, &[host]);
    world.run_until(ms(2000), "the invitation comes", |world| world.invitations(host).len() == 1);
    world.accept(chat, room);
    world.converge(ms(4000));
    assert_eq!(world.heard(chat, room), 2, "also of somebody whom their host has never met");
}

#[test]
fn in_a_live_session_messages_pass_and_the_membership_stays() {
    let (mut world, chats) = lan(14, 4);
    let room = room_as(&mut world, &chats, SessionKind::Live, true, &[1, 2]);
    let seen = record(&mut world, room);
    // Far more than what is kept in memory of what all have read.
    for _ in 0..10 {
        world.publish(chats[0], room, 300, 1000);
        world.publish(chats[1], room, 10, 1000);
        world.run(ms(2000));
    }
    assert_eq!(world.heard(chats[2], room), 3100, "all of it, while they keep up");
    assert!(seen.borrow().iter().all(|(_, datagram)| !world.can_read(3, datagram)), "a stranger");
    world.invite(2, room, &[3]);
    world.run_until(ms(2000), "the invitation comes", |world| !world.invitations(3).is_empty());
    world.accept_from(chats[3], room, From::Now);
    world.run(ms(2000));
    let before = world.heard(chats[3], room);
    say(&mut world, &chats, &[0, 1, 2, 3], room);
    world.run(ms(2000));
    assert_eq!(world.heard(chats[3], room), before + 4, "a newcomer, although who is in was said long ago");
    world.remove(0, room, 1);
    world.gave_up(1, room);
    world.run(ms(1000));
    let seen = record(&mut world, room);
    say(&mut world, &chats, &[0, 2, 3], room);
    world.converge(ms(4000));
    assert!(!world.is_in(1, room) && keys(&seen).len() == 1);
    assert!(!seen.borrow().is_empty() && seen.borrow().iter().all(|(_, d)| !world.can_read(1, d)));
}

#[test]
fn who_has_written_nothing_yet_is_heard_all_the_same() {
    for kind in [SessionKind::Kept, SessionKind::Live] {
        let (mut world, chats) = lan(34, 2);
        let room = room_as(&mut world, &chats, kind, true, &[1]);
        world.publish_volatile(chats[1], room, 30);
        world.run_until(ms(500), "the volatile message", |world| world.apps[chats[0]].volatile == 1);
        assert_eq!(world.apps[chats[0]].volatile_by, BTreeSet::from([world.hosts[1].user]), "{kind:?}");
    }
}

#[test]
fn who_has_only_read_is_heard_all_the_same() {
    for kind in [SessionKind::Kept, SessionKind::Live] {
        let (mut world, chats) = lan(35, 3);
        let room = room_as(&mut world, &chats, kind, true, &[1, 2]);
        (0..30).for_each(|_| say(&mut world, &chats, &[0], room));
        world.run(ms(500));
        world.publish_volatile(chats[1], room, 30);
        world.run_until(ms(500), "the volatile message", |world| world.apps[chats[0]].volatile == 1);
    }
}

#[test]
fn who_is_in_a_live_session_outlives_everybody_being_down_and_its_messages_do_not() {
    let (mut world, chats) = lan(15, 3);
    let room = room_as(&mut world, &chats, SessionKind::Live, false, &[1, 2]);
    say(&mut world, &chats, &[0, 1, 2], room);
    world.run(ms(2000));
    world.leave_room(2, room);
    world.run(ms(2000));
    world.stop(0);
    world.crash(1);
    world.run(ms(500));
    (0..2).for_each(|host| world.start(host));
    world.run(ms(5000));
    assert!(world.is_in(0, room) && world.is_in(1, room) && !world.is_in(2, room));
    assert_eq!(world.present(0, room).len(), 2);
    let (seen, before) = (record(&mut world, room), world.heard(chats[1], room));
    say(&mut world, &chats, &[0, 1], room);
    world.converge(ms(4000));
    assert!(world.heard(chats[1], room) > before);
    assert!(!seen.borrow().is_empty() && seen.borrow().iter().all(|(_, d)| !world.can_read(2, d)));
}

#[test]
fn a_person_on_two_hosts_comes_in_on_both() {
    let (mut world, chats) = lan(16, 2);
    let room = room(&mut world, &chats, true, &[1]);
    say(&mut world, &chats, &[0, 1], room);
    world.run(ms(2000));
    let second = world.second_host(1);
    let there = world.chat(second);
    world.run_until(ms(3000), "their own host asks them", |world| world.invitations(second).len() == 1);
    assert!(!world.is_in(second, room), "by their own word only");
    world.run(ms(15_000));
    let sent = world.counter("invitations.sent");
    world.run(ms(30_000));
    assert_eq!(world.counter("invitations.sent"), sent, "it is not sent for ever");
    world.accept(there, room);
    say(&mut world, &[chats[0], chats[1], there], &[0, 1, 2], room);
    world.converge(ms(4000));
    assert_eq!((world.heard(there, room), world.heard(chats[0], room)), (5, 5));
    world.remove(0, room, 1);
    [1, second].into_iter().for_each(|host| world.gave_up(host, room));
    world.run(ms(2000));
    assert!(!world.is_in(1, room) && !world.is_in(second, room), "they are out on both");
    let seen = record(&mut world, room);
    say(&mut world, &chats, &[0], room);
    world.run(ms(1000));
    assert!(!seen.borrow().is_empty());
    assert!(seen.borrow().iter().all(|(_, d)| !world.can_read(1, d) && !world.can_read(second, d)));
}

#[test]
fn who_was_away_while_somebody_went_and_did_not_come_back_counts_the_same() {
    for seed in 40..48 {
        let (mut world, chats) = lan(seed, 4);
        let room = room(&mut world, &chats, true, &[1, 2, 3]);
        let seen = record(&mut world, room);
        say(&mut world, &chats, &[0, 1, 2, 3], room);
        world.run(ms(2000));
        world.stop(0);
        world.run(ms(3000));
        say(&mut world, &chats, &[2], room);
        world.run(ms(500));
        world.leave_room(2, room);
        world.run(ms(3000)); // another key names who is out
        world.invite(1, room, &[2]);
        world.run_until(ms(2000), "the invitation comes", |world| !world.invitations(2).is_empty());
        world.decline(2, room);
        world.run(ms(1000));
        // They hear what was said of who went before they hear what those said themselves.
        let held_back = Rc::new(RefCell::new(true));
        let of_2 = seen.borrow().iter().find(|(from, _)| *from == 2).expect("they said something").1.clone();
        let theirs = Entry::from_datagram(&of_2).expect("an entry").log.origin;
        let holds = held_back.clone();
        world.network.lose = Some(Box::new(move |_, to, datagram| {
            let entry = Entry::from_datagram(datagram);
            to == 0 && *holds.borrow() && entry.is_ok_and(|entry| entry.log.origin == theirs)
        }));
        world.start(0);
        world.run(ms(2500));
        held_back.replace(false);
        world.run(ms(6000));
        world.apart.insert(2);
        world.converge(ms(10_000));
        assert_eq!(world.heard(chats[0], room), world.heard(chats[1], room), "seed {seed}");
    }
}

/// The second member reads on from what is saved: a message that comes again without the mark is a violation.
fn leaves_crashes_and_comes_back(world: &mut World, chats: &[usize], room: SessionId) {
    world.leave_room(1, room);
    world.run(ms(3000));
    world.crash(1);
    world.start(1);
    world.run(ms(3000));
    world.invite(0, room, &[1]);
    world.run_until(ms(2000), "the invitation comes", |world| !world.invitations(1).is_empty());
    world.accept_from(chats[1], room, From::Saved);
    world.run(ms(2000));
}

#[test]
fn what_was_handed_over_comes_again_marked_also_after_a_crash() {
    let (mut world, chats) = lan(49, 2);
    let room = room(&mut world, &chats, true, &[1]);
    world.apps[chats[1]].habits.acks = Acks::Never;
    say(&mut world, &chats, &[0], room);
    world.run(ms(500));
    let before = world.heard(chats[1], room);
    leaves_crashes_and_comes_back(&mut world, &chats, room);
    assert_eq!((before, world.heard(chats[1], room)), (1, 1));
    assert!(world.apps[chats[1]].again > 0, "it came again");
}

#[test]
fn what_was_kept_just_before_leaving_does_not_come_again() {
    let (mut world, chats) = lan(50, 2);
    let room = room(&mut world, &chats, true, &[1]);
    say(&mut world, &chats, &[0], room);
    world.run_until(ms(500), "the message", |world| world.heard(chats[1], room) == 1);
    world.run(ms(2)); // it is acknowledged, and not yet on the disk
    leaves_crashes_and_comes_back(&mut world, &chats, room);
    assert_eq!((world.heard(chats[1], room), world.apps[chats[1]].again), (1, 0));
}

#[test]
fn who_was_asked_in_by_somebody_who_was_out_is_told_that_they_wait() {
    let (mut world, chats) = lan(51, 3);
    let room = room(&mut world, &chats, true, &[1]);
    part(&mut world, &[0], &[1, 2]);
    world.run(ms(8000));
    world.remove(0, room, 1);
    world.run(ms(1000));
    world.invite(1, room, &[2]); // who does not know that they are out
    world.run_until(ms(2000), "the invitation comes", |world| !world.invitations(2).is_empty());
    world.network.heal();
    world.gave_up(1, room);
    world.run(ms(8000));
    world.accept_from(chats[2], room, From::Saved);
    world.run(ms(8000));
    assert!(world.waits(2, room), "nobody who is in knows of it, and they are told so");
    say(&mut world, &chats, &[2], room);
    world.run(ms(2000));
    assert_eq!(world.heard(chats[0], room), 0);
    world.invite(0, room, &[2]);
    world.run_until(ms(9000), "another invitation comes", |world| !world.invitations(2).is_empty());
    world.accept_from(chats[2], room, From::Saved);
    world.run(ms(3000));
    assert!(!world.waits(2, room));
    world.converge(ms(3000));
    assert_eq!(world.heard(chats[0], room), 1, "what they wrote meanwhile has waited");
}

#[test]
fn what_somebody_says_the_moment_they_come_in_is_not_lost() {
    for (kind, history) in [(SessionKind::Live, true), (SessionKind::Live, false), (SessionKind::Kept, false)]
    {
        let (mut world, chats) = lan(52, 3);
        let room = room_as(&mut world, &chats, kind, history, &[1]);
        world.network.faults = Faults { loss: 0.05, ..Faults::none() };
        world.invite(0, room, &[2]);
        world.run_until(ms(9000), "the invitation comes", |world| !world.invitations(2).is_empty());
        world.accept_from(chats[2], room, From::Now);
        world.publish(chats[2], room, 10, 40); // nobody has heard yet that they are in
        let heard = |world: &World, host: usize| world.heard(chats[host], room);
        world.run_until(ms(6000), "all of it", |world| (heard(world, 0), heard(world, 1)) == (10, 10));
    }
}

#[test]
fn a_member_who_was_taken_for_gone_by_a_word_that_does_not_count_is_still_in() {
    let (mut world, chats) = lan(53, 5);
    let room = room(&mut world, &chats, true, &[1, 3, 4]);
    world.invite(1, room, &[2]);
    world.run_until(ms(2000), "the invitation comes", |world| !world.invitations(2).is_empty());
    world.accept(chats[2], room);
    world.run(ms(3000));
    part(&mut world, &[0], &[1, 2, 3, 4]);
    world.run(ms(9000));
    world.remove(0, room, 1);
    world.run(ms(1000));
    world.remove(1, room, 2); // who does not know that they are out
    world.gave_up(2, room);
    world.run(ms(2000));
    world.leave_room(4, room); // another key, by somebody who is in, names both who are out
    world.run(ms(3000));
    world.network.heal();
    world.gave_up(1, room);
    world.run(ms(8000));
    let made = world.counter("rotations");
    world.run(ms(10_000));
    assert_eq!(world.counter("rotations"), made, "they have settled on one key");
    assert_eq!(world.roll(0, room), world.roll(3, room));
    assert!(
        !world.is_in(2, room),
        "their own host has been told that they were removed, and hears nothing more"
    );
    world.invite(3, room, &[2]); // "somebody who is in it already" would leave them out for ever
    world.run_until(ms(3000), "the invitation comes", |world| !world.invitations(2).is_empty());
    world.accept_from(chats[2], room, From::Saved);
    world.run(ms(4000));
    say(&mut world, &chats, &[0, 2, 3], room);
    world.run_until(ms(4000), "all of it", |world| {
        [0, 2, 3].iter().all(|host| world.heard(chats[*host], room) == 3)
    });
    assert!(world.is_in(2, room) && world.present(0, room).len() == 3);
}
