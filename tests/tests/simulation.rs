//! The protocol in simulated worlds: scenarios in the words of the glossary, and many seeds of chance.

use chalktalk_ipc::{
    FailReason, InstanceId,
    request::{From, SessionKind},
};
use chalktalk_tests::sim::{
    AgentHabits, Faults, Habits, Launches, World, club, games, lobby, swarm, swarm::Weather,
};
use std::{
    collections::BTreeSet,
    panic,
    sync::atomic::{AtomicUsize, Ordering},
    thread,
    time::Duration,
};

/// Seeds lived through in every run of the tests.
const SEEDS: u64 = 300;

/// And in harsh weather.
const HARSH_SEEDS: u64 = 100;

/// Sessions by invitation with people who come and go.
const CLUBS: u64 = 60;

/// And these, in which something went wrong once: a host that was down counted less than the others for ever (634), a position was
/// not kept since its user left at once (665), what was handed over came again unmarked (1845), an invitation that did not count
/// was accepted (2014); and worlds that asked for too much (829, 1627, 2124, 3448).
const CLUBS_THAT_WENT_WRONG: [u64; 9] = [634, 665, 829, 1627, 1845, 2014, 2124, 3448, 4985];

/// App sessions.
const GAMES: u64 = 100;

/// And seeds that once found a fault: a crash before it was stored that its user is in an open one (609, 806), or a
/// sealed one that they had just made (779); a newcomer who had heard of it too long ago to be asked (770).
const GAMES_WITH_FAULTS: [u64; 4] = [609, 770, 779, 806];

fn ms(n: u64) -> Duration {
    Duration::from_millis(n)
}

/// A LAN of so many hosts, each with a chat in `#lobby`, that have met.
fn lan(seed: u64, hosts: usize) -> (World, Vec<usize>) {
    let mut world = World::new(seed);
    let chats = (0..hosts).map(|_| world.host()).collect::<Vec<_>>();
    let chats = chats.into_iter().map(|host| world.chat_in_lobby(host)).collect();
    world.run(ms(2000));
    (world, chats)
}

/// Loses these datagrams, counted from 1, of those that hold entries and are for this host.
fn lose_entries(world: &mut World, to: usize, which: &'static [u64]) {
    let mut seen = 0;
    world.network.lose = Some(Box::new(move |_, receiver, datagram| {
        let entry = datagram[3] == 1 && receiver == to;
        seen += u64::from(entry);
        entry && which.contains(&seen)
    }));
}

#[test]
fn two_hosts_talk_both_ways() {
    let (mut world, chats) = lan(1, 2);
    chats.iter().for_each(|chat| world.publish(*chat, lobby(), 1, 20));
    world.converge(ms(1000));
    assert!(chats.iter().all(|chat| world.heard(*chat, lobby()) == 2));
}

#[test]
fn the_last_message_of_a_burst_is_lost_and_noticed() {
    let (mut world, chats) = lan(2, 3);
    world.publish(chats[0], lobby(), 1, 20);
    world.run(ms(3000));
    lose_entries(&mut world, 1, &[1]);
    world.publish(chats[0], lobby(), 1, 20);
    assert!(world.converge(ms(1000)) < ms(400), "by the heartbeats that follow a change, or sooner");
}

#[test]
fn a_late_joiner_gets_the_past() {
    let (mut world, chats) = lan(3, 3);
    (0..50).for_each(|_| world.publish(chats[0], lobby(), 40, 300));
    world.converge(ms(5000));
    let host = world.host();
    let late = world.chat_in_lobby(host);
    world.converge(ms(3000));
    assert_eq!(world.heard(late, lobby()), 2000);
}

#[test]
fn a_partition_heals_and_nothing_is_missing() {
    let (mut world, chats) = lan(4, 4);
    world.network.partition([(0, 0), (1, 0), (2, 1), (3, 1)]);
    chats.iter().for_each(|chat| world.publish(*chat, lobby(), 30, 100));
    world.run(ms(30_000));
    world.network.heal();
    assert!(world.converge(ms(10_000)) < ms(6000), "within a heartbeat or two");
    assert!(chats.iter().all(|chat| world.heard(*chat, lobby()) == 120));
}

#[test]
fn patience_starts_anew_with_progress() {
    let (mut world, chats) = lan(5, 2);
    world.network.deafen(0, 1);
    world.publish(chats[0], lobby(), 20, 1400);
    world.run(ms(20_000));
    world.network.heal();
    world.run_until(ms(6000), "progress", |world| world.heard(1, lobby()) > 0);
    assert!(world.converge(ms(1000)) < ms(300), "waits that had grown long start short again");
}

#[test]
fn repairs_keep_to_their_budget() {
    let (mut world, chats) = lan(6, 6);
    world.network.faults = Faults { loss: 0.3, ..Faults::none() };
    (0..20).for_each(|_| world.publish(chats[0], lobby(), 100, 1000));
    world.converge(ms(30_000));
    let (lost, repairs) = (world.network.lost, world.counter("repairs.sent"));
    assert!(repairs < 2 * lost, "{repairs} repairs for {lost} losses");
}

#[test]
fn two_sessions_interleave_and_a_bulk_one_does_not_hold_them() {
    let (mut world, chats) = lan(7, 2);
    let open =
        |world: &mut World, name| chats.iter().map(|chat| world.open(*chat, name)).collect::<Vec<_>>()[0];
    let (bulk, one, two) = (open(&mut world, "#bulk"), open(&mut world, "#one"), open(&mut world, "#two"));
    world.run(ms(500));
    (0..100).for_each(|_| world.publish(chats[0], bulk, 1, 65_536));
    world.publish(chats[0], one, 1, 30);
    world.publish(chats[1], two, 1, 30);
    let took = world.run_until(ms(1000), "both messages", |w| w.heard(1, one) == 1 && w.heard(0, two) == 1);
    assert!(took < ms(50), "{took:?}");
    world.converge(ms(20_000));
}

#[test]
fn a_direct_session_gets_an_instance_of_its_own() {
    let (mut world, chats) = lan(8, 2);
    world.agent(1, AgentHabits::of_chat());
    let ana = world.chat(0);
    let session = world.open(ana, "@user1");
    world.publish(ana, session, 1, 30);
    world.run_until(ms(5000), "a launch", |w| w.apps.len() == 4 && w.heard(3, session) == 1);
    world.publish(ana, session, 1, 30);
    world.run(ms(3000));
    assert_eq!(world.hosts[1].launched[&session], 1, "the second message reuses it");
    assert_eq!((world.heard(3, session), world.heard(chats[1], session)), (2, 0));
}

#[test]
fn messages_that_arrive_together_launch_once() {
    let mut world = World::new(9);
    let (a, b, c) = (world.host(), world.host(), world.host());
    world.agent(c, AgentHabits { takes: ms(2000), ..AgentHabits::of_chat() });
    let (ana, bob) = (world.chat_in_lobby(a), world.chat_in_lobby(b));
    world.run(ms(1000));
    world.publish(ana, lobby(), 3, 30);
    world.publish(bob, lobby(), 3, 30);
    world.run(ms(6000));
    assert_eq!(world.hosts[c].launched[&lobby()], 1);
    assert_eq!(world.heard(2, lobby()), 6, "both are shown");
}

#[test]
fn the_sender_is_told_why_nobody_was_there() {
    let reason = |agent: Option<AgentHabits>| {
        let (mut world, _) = lan(10, 1);
        let host = world.host();
        agent.into_iter().for_each(|agent| world.agent(host, agent));
        world.run(ms(1000));
        let session = world.open(0, "@user1");
        world.publish(0, session, 1, 30);
        world.run(ms(12_000));
        world.apps[0].failures.first().map(|(_, number, reason)| (*number, *reason))
    };
    let agent = |launches| Some(AgentHabits { launches, ..AgentHabits::of_chat() });
    assert_eq!(reason(None), Some((1, FailReason::NoAgent)));
    assert_eq!(
        reason(Some(AgentHabits { apps: vec![], ..AgentHabits::of_chat() })),
        Some((1, FailReason::NoApp))
    );
    assert_eq!(reason(agent(Launches::Fail)), Some((1, FailReason::LaunchFailed)));
    assert_eq!(reason(agent(Launches::Exit)), Some((1, FailReason::LaunchFailed)));
    assert_eq!(reason(agent(Launches::NeverAttach)), Some((1, FailReason::NeverAttached)));
    assert_eq!(reason(agent(Launches::Work)), None);
}

#[test]
fn who_writes_to_an_instance_that_is_gone_is_told() {
    let (mut world, chats) = lan(11, 2);
    let gone: InstanceId = world.apps[chats[1]].instance;
    world.end(chats[1]);
    world.publish_to(chats[0], lobby(), gone, 30);
    world.run(ms(2000));
    assert!(matches!(world.apps[chats[0]].failures[..], [(_, 1, FailReason::Gone)]));
}

#[test]
fn what_is_on_its_way_when_a_session_is_left_does_no_harm() {
    let (mut world, chats) = lan(22, 2);
    let room = chats.iter().map(|chat| world.open(*chat, "#ops")).collect::<Vec<_>>()[0];
    world.leave(chats[0], "#ops");
    world.publish(chats[0], room, 1, 30);
    world.publish_volatile(chats[0], room, 30);
    world.run(ms(2000));
    assert_eq!(world.heard(chats[1], room), 0);
    world.disconnect(chats[0]); // it joins and opens the room again, and sends what was not stored
    world.converge(ms(3000));
    assert_eq!(world.heard(chats[1], room), 1);
}

#[test]
fn a_program_on_its_way_is_welcome_although_another_has_opened_the_session() {
    let (mut world, _) = lan(23, 1);
    let host = world.host();
    world.agent(host, AgentHabits::of_chat());
    world.run(ms(1000));
    world.publish(0, lobby(), 1, 30);
    world.run_until(ms(1000), "a launch", |w| w.hosts[host].launched.contains_key(&lobby()));
    let other = world.chat_in_lobby(host);
    world.run(ms(2000));
    assert_eq!(world.apps.len(), other + 2, "the launched one has attached as well");
    world.publish(0, lobby(), 1, 30);
    world.run(ms(1000));
    let heard = (world.heard(other, lobby()), world.heard(other + 1, lobby()));
    assert_eq!(heard, (2, 1), "it reads on where the other has read to");
}

#[test]
fn a_newcomer_to_a_live_session_hears_what_follows() {
    let (mut world, chats) = lan(12, 2);
    let live = |world: &mut World, chat| world.open_from(chat, "#game", SessionKind::Live, true, From::Start);
    let game = chats.iter().map(|chat| live(&mut world, *chat)).collect::<Vec<_>>()[0];
    world.run(ms(500));
    (0..300).for_each(|_| world.publish(chats[0], game, 20, 1000));
    world.run(ms(5000));
    let host = world.host();
    let late = world.chat(host);
    live(&mut world, late);
    world.run(ms(3000));
    let before = world.heard(late, game);
    world.publish(chats[1], game, 50, 1000);
    world.run(ms(2000));
    assert_eq!(world.heard(late, game) - before, 50);
    assert_eq!(world.heard(chats[1], game), 6050, "who was there has all of it");
}

#[test]
fn an_unclean_restart_takes_a_new_epoch_and_learns_its_tail_again() {
    let (mut world, chats) = lan(13, 2);
    world.hosts[0].sync = (ms(200), ms(300));
    world.publish(chats[0], lobby(), 5, 30);
    world.run(ms(20));
    assert_eq!(world.heard(chats[1], lobby()), 5);
    world.crash(0);
    world.run(ms(500));
    world.start(0);
    world.run(ms(1500));
    world.publish(chats[0], lobby(), 1, 30);
    world.converge(ms(5000));
    assert_eq!((world.heard(0, lobby()), world.heard(1, lobby())), (6, 6), "each once");
}

#[test]
fn what_was_published_again_is_not_heard_again_when_the_former_life_turns_up() {
    // Whether the disk had it after all when the power failed is left to chance.
    for seed in 200..208 {
        let (mut world, chats) = lan(seed, 2);
        world.hosts[0].sync = (ms(200), ms(300));
        world.publish(chats[0], lobby(), 5, 1000);
        world.run(ms(20));
        world.crash(0);
        world.network.partition([(0, 0), (1, 1)]);
        world.start(0);
        world.run_until(ms(5000), "it is published again", |w| w.heard(0, lobby()) == 5);
        world.disconnect(chats[0]);
        world.run(ms(1000));
        world.network.heal();
        world.converge(ms(10_000));
        assert_eq!((world.heard(0, lobby()), world.heard(1, lobby())), (5, 5), "each once");
    }
}

#[test]
fn a_large_message_that_a_crash_has_cut_in_two_is_heard_once() {
    // Whether the second burst was on the disk after all when the power failed is left to chance.
    for seed in 210..218 {
        let (mut world, chats) = lan(seed, 2);
        world.hosts[0].sync = (ms(20), ms(20));
        world.publish(chats[0], lobby(), 1, 60_000);
        world.run(ms(30));
        assert_eq!(world.heard(1, lobby()), 1);
        world.disconnect(chats[1]);
        world.crash(0);
        world.run(ms(100));
        world.start(0);
        world.run(ms(1500));
        world.publish(chats[0], lobby(), 1, 30);
        world.converge(ms(5000));
        assert_eq!((world.heard(0, lobby()), world.heard(1, lobby())), (2, 2), "each once");
    }
}

#[test]
fn a_clean_restart_goes_on_in_the_same_epoch() {
    let (mut world, chats) = lan(14, 2);
    for _ in 0..3 {
        world.publish(chats[0], lobby(), 5, 30);
        world.converge(ms(3000));
        world.stop(0);
        world.run(ms(500));
        world.start(0);
        world.run(ms(1000));
    }
    let lives = world.apps[chats[1]].seats[&lobby()].positions.as_ref().unwrap().len();
    assert_eq!((world.heard(1, lobby()), lives), (15, 1));
}

#[test]
fn a_room_without_history_survives_a_restart() {
    let (mut world, chats) = lan(15, 2);
    let open = |w: &mut World, chat| w.open_from(chat, "#now", SessionKind::Kept, false, From::Now);
    let room = open(&mut world, chats[0]);
    world.publish(chats[0], room, 5, 30);
    world.run(ms(2000));
    open(&mut world, chats[1]);
    world.run(ms(2000));
    world.publish(chats[0], room, 5, 30);
    world.run(ms(2000));
    assert_eq!(world.heard(chats[1], room), 5, "what follows, and not the past");
    world.stop(1);
    world.run(ms(500));
    world.start(1);
    world.run(ms(1000));
    world.publish(chats[0], room, 5, 30);
    world.run(ms(2000));
    assert_eq!(world.heard(chats[1], room), 10);
    let second = world.chat(1);
    world.open_from(second, "#now", SessionKind::Kept, false, From::At(vec![]));
    world.run(ms(100));
    assert_eq!(world.heard(second, room), 10, "what the disk has begins in the middle of the log");
}

#[test]
fn idle_hosts_are_quiet() {
    let (mut world, _) = lan(16, 8);
    world.run(ms(10_000));
    let before = world.network.sent;
    world.run(ms(60_000));
    let packets = (world.network.sent - before) as f64 / 60.0;
    assert!(packets <= 20.0, "{packets} packets a second");
}

#[test]
fn losses_cost_little() {
    let (mut world, chats) = lan(17, 4);
    world.network.faults = Faults { loss: 0.1, ..Faults::none() };
    for _ in 0..100 {
        chats.iter().take(3).for_each(|chat| world.publish(*chat, lobby(), 7, 200));
        world.run(ms(20));
    }
    let took = world.converge(ms(5000));
    let (lost, nacks, repairs) =
        (world.network.lost as f64, world.counter("nacks.sent") as f64, world.counter("repairs.sent") as f64);
    println!("{lost} lost, {nacks} NACKs, {repairs} repairs, converged in {took:?}");
    assert!(nacks < 1.5 * lost && repairs < 1.5 * lost, "{nacks} NACKs, {repairs} repairs, {lost} lost");
}

#[test]
fn a_slow_program_holds_nobody_back() {
    let (mut world, chats) = lan(18, 2);
    let host = world.host();
    let slow = world.app(host, Habits { budget: 1, pause: ms(20), ..Habits::chat() });
    world.open(slow, "#lobby");
    world.run(ms(1000));
    world.publish(chats[0], lobby(), 300, 1000);
    world.run_until(ms(1000), "the quick one has all", |w| w.heard(1, lobby()) == 300);
    world.converge(ms(30_000));
}

#[test]
fn a_slow_program_reads_on_from_the_disk_what_memory_has_let_go() {
    let (mut world, chats) = lan(19, 1);
    let host = world.host();
    let slow = world.app(host, Habits { budget: 1, pause: ms(3), ..Habits::chat() });
    world.open(slow, "#lobby");
    world.run(ms(1000));
    for _ in 0..12 {
        world.publish(chats[0], lobby(), 2, 65_536);
        world.run(ms(200));
    }
    world.converge(ms(60_000));
    assert_eq!(world.heard(slow, lobby()), 24);
}

#[test]
fn one_seed_is_one_trace() {
    let run = |seed| swarm::run(seed, Weather::Usual, false);
    let twice = [run(7), run(7)];
    assert_eq!(twice[0], twice[1]);
    assert_ne!(twice[0].trace, run(8).trace);
}

#[test]
fn every_seed_comes_right() {
    let regressions = include_str!("simulation.seeds").lines().filter_map(regression);
    let usual = (0..SEEDS).map(|seed| (Weather::Usual, seed));
    let harsh = (0..HARSH_SEEDS).map(|seed| (Weather::Harsh, seed));
    let seeds: Vec<(Weather, u64)> = regressions.chain(usual).chain(harsh).collect();
    let name = |(weather, seed)| format!("{weather}--seed {seed}");
    live_through(&seeds, |(weather, seed)| drop(swarm::run(seed, weather, false)), name);
}

#[test]
fn every_club_comes_right() {
    let seeds: Vec<u64> = (0..CLUBS).chain(CLUBS_THAT_WENT_WRONG).collect();
    live_through(&seeds, |seed| drop(club::run(seed, false)), |seed| format!("--club --seed {seed}"));
}

#[test]
fn all_games_come_right() {
    let seeds: Vec<u64> = (0..GAMES).chain(GAMES_WITH_FAULTS).collect();
    live_through(&seeds, |seed| drop(games::run(seed, false)), |seed| format!("--games --seed {seed}"));
}

/// Lives through all worlds, two at a time, and names those that went wrong.
fn live_through<T: Copy + Sync + std::panic::RefUnwindSafe>(
    worlds: &[T],
    run: impl Fn(T) + Sync + std::panic::RefUnwindSafe,
    name: impl Fn(T) -> String + Sync,
) {
    let next = AtomicUsize::new(0);
    let work = || {
        let mut failed = Vec::new();
        while let Some(world) = worlds.get(next.fetch_add(1, Ordering::Relaxed)) {
            if panic::catch_unwind(|| run(*world)).is_err() {
                failed.push(format!("cargo run -p chalktalk-tests --bin sim -- {}", name(*world)));
            }
        }
        failed
    };
    let failed: Vec<String> = thread::scope(|scope| {
        let workers: Vec<_> = (0..2).map(|_| scope.spawn(work)).collect();
        workers.into_iter().flat_map(|worker| worker.join().expect("panics are caught above")).collect()
    });
    assert!(failed.is_empty(), "see each again with\n{}", failed.join("\n"));
}

/// The seed that a line names.
fn regression(line: &str) -> Option<(Weather, u64)> {
    let seed = line.split('#').next()?.trim();
    match seed.strip_prefix("harsh ") {
        Some(seed) => Some((Weather::Harsh, seed.parse().ok()?)),
        None => Some((Weather::Usual, seed.parse().ok()?)),
    }
}

#[test]
fn in_a_crowd_neither_requests_nor_reports_implode() {
    let (mut world, chats) = lan(31, 40);
    let count = |world: &World, name| world.counter(name) as f64;
    world.publish(chats[0], lobby(), 1, 20);
    world.converge(ms(5000));
    // Everybody misses the same entry.
    let mut lost = BTreeSet::new();
    world.network.lose = Some(Box::new(move |from, to, datagram| {
        from == 0 && datagram[3] == 1 && u64_at(datagram, 64) == 3 && lost.insert(to)
    }));
    let nacks = count(&world, "nacks.sent");
    world.publish(chats[0], lobby(), 1, 20);
    world.run(ms(2));
    world.publish(chats[0], lobby(), 1, 20);
    world.converge(ms(5000));
    let nacks = count(&world, "nacks.sent") - nacks;
    assert!((1.0..=12.0).contains(&nacks), "{nacks} NACKs for one entry that 39 hosts missed");
    // A stream, with some loss.
    world.network.lose = None;
    world.network.faults = Faults { loss: 0.01, ..Faults::none() };
    let (reports, entries) = (count(&world, "reports.sent"), count(&world, "entries.sent"));
    (0..20).for_each(|_| world.publish(chats[0], lobby(), 20, 1300));
    let took = world.converge(ms(20_000));
    let (reports, entries) =
        (count(&world, "reports.sent") - reports, count(&world, "entries.sent") - entries);
    println!("{nacks} NACKs, {reports} reports for {entries} entries to 39 hosts, converged in {took:?}");
    assert!(reports < entries, "{reports} reports for {entries} entries to 39 hosts");
    assert!(chats.iter().all(|chat| world.heard(*chat, lobby()) == 403));
}

fn u64_at(datagram: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(datagram[at..at + 8].try_into().expect("entries are long enough"))
}
