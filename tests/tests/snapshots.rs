//! What is dropped of a board's past, in simulated worlds: nothing but what a snapshot stands for that enough hosts have checked, and
//! that nobody lacks who is waited for. Whatever happens, nothing drawn is lost, and all boards are the same.

use chalktalk_protocol::node::Keep;
use chalktalk_tests::sim::{Faults, World, open_board};
use std::time::Duration;

const MINUTE: Duration = Duration::from_secs(60);

/// Bytes of one entry, full.
const ENTRY: u64 = 1500;

/// Entries of each log that are kept whatever a snapshot stands for.
const TAIL: u64 = 64;

/// So many hosts, each with the board `#plans` open.
fn drawing(seed: u64, hosts: usize, away: Duration) -> (World, Vec<usize>) {
    let mut world = World::new(seed);
    world.keep = Keep { away, covered: MINUTE, ..Keep::default() };
    let hosts: Vec<usize> = (0..hosts).map(|_| world.host()).collect();
    let boards = hosts.into_iter().map(|host| world.board(host, "#plans")).collect();
    world.run(Duration::from_secs(2));
    (world, boards)
}

fn size(world: &World, host: usize) -> u64 {
    world.hosts[host].disk.size(open_board("plans"))
}

/// Whether a host keeps no more than the ends of so many logs.
fn is_short(world: &World, host: usize, logs: u64) -> bool {
    size(world, host) < logs * (TAIL + 10) * ENTRY
}

fn draw(world: &mut World, boards: &[usize], strokes: usize) {
    boards.iter().for_each(|board| world.publish(*board, open_board("plans"), strokes, 1000));
}

#[test]
fn what_three_hosts_have_checked_goes_and_newcomers_take_it_from_the_snapshot() {
    let plans = open_board("plans");
    let (mut world, boards) = drawing(1, 3, 60 * MINUTE);
    draw(&mut world, &boards, 300);
    world.same_boards(plans, MINUTE);
    world.run(5 * MINUTE);
    assert!((0..3).all(|host| size(&world, host) > 800 * 1000), "nothing goes without a snapshot");
    world.make_snapshot(boards[0], plans);
    world.run(Duration::from_secs(40));
    assert!((0..3).all(|host| size(&world, host) > 800 * 1000), "its past can still be looked at");
    world.run(4 * MINUTE);
    for host in 0..3 {
        assert!(is_short(&world, host, 3), "{} on host {host}", size(&world, host));
    }
    let late = world.host();
    let newcomer = world.board(late, "#plans");
    world.same_boards(plans, MINUTE);
    assert!(world.heard(newcomer, plans) < 300, "most of it from the snapshot");
    draw(&mut world, &[boards[0], newcomer], 5);
    world.same_boards(plans, MINUTE);
    // Also when all are started anew, and for who comes then.
    (0..4).for_each(|host| world.crash(host));
    (0..4).for_each(|host| world.start(host));
    world.run(MINUTE);
    draw(&mut world, &[boards[1], newcomer], 5);
    let last = world.host();
    world.board(last, "#plans");
    world.same_boards(plans, MINUTE);
}

#[test]
fn two_of_three_are_not_enough() {
    let plans = open_board("plans");
    let (mut world, boards) = drawing(2, 3, 60 * MINUTE);
    draw(&mut world, &boards, 200);
    world.same_boards(plans, MINUTE);
    // The third holds every entry, and nobody there has looked at the board since.
    world.end(boards[2]);
    world.make_snapshot(boards[1], plans);
    world.run(10 * MINUTE);
    assert!((0..3).all(|host| size(&world, host) > 500 * 1000));
    world.board(2, "#plans");
    world.run(10 * MINUTE);
    assert!((0..3).all(|host| is_short(&world, host, 3)), "{}", size(&world, 0));
    world.same_boards(plans, MINUTE);
}

#[test]
fn a_snapshot_that_lacks_something_is_held_by_nobody_else() {
    let plans = open_board("plans");
    let (mut world, boards) = drawing(3, 3, 60 * MINUTE);
    draw(&mut world, &boards, 200);
    world.same_boards(plans, MINUTE);
    world.make_altered_snapshot(boards[0], plans, |marks| {
        marks.pop_first();
    });
    world.run(10 * MINUTE);
    assert!((0..3).all(|host| size(&world, host) > 500 * 1000));
    // A true one takes its place.
    draw(&mut world, &boards, 1);
    world.same_boards(plans, MINUTE);
    world.make_snapshot(boards[1], plans);
    world.run(10 * MINUTE);
    assert!((0..3).all(|host| is_short(&world, host, 3)), "{}", size(&world, 0));
    let late = world.host();
    world.board(late, "#plans");
    world.same_boards(plans, MINUTE);
}

#[test]
fn nothing_is_dropped_that_somebody_lacks_who_is_waited_for() {
    let plans = open_board("plans");
    let (mut world, boards) = drawing(4, 4, 60 * MINUTE);
    world.network.partition((0..4).map(|host| (host, usize::from(host == 3))));
    world.run(MINUTE);
    draw(&mut world, &boards[..3], 200);
    world.run(MINUTE);
    world.make_snapshot(boards[0], plans);
    world.run(20 * MINUTE);
    assert!((0..3).all(|host| size(&world, host) > 500 * 1000));
    world.network.heal();
    world.same_boards(plans, MINUTE);
    world.run(5 * MINUTE);
    assert!((0..4).all(|host| is_short(&world, host, 3)), "{}", size(&world, 0));
}

#[test]
fn who_was_away_for_longer_comes_back_through_the_snapshot_with_their_own_work() {
    let plans = open_board("plans");
    let (mut world, boards) = drawing(5, 4, 10 * MINUTE);
    draw(&mut world, &boards, 20);
    world.same_boards(plans, MINUTE);
    world.network.partition((0..4).map(|host| (host, usize::from(host == 3))));
    world.run(MINUTE);
    draw(&mut world, &boards, 200);
    world.run(MINUTE);
    world.make_snapshot(boards[0], plans);
    world.run(30 * MINUTE);
    assert!((0..3).all(|host| is_short(&world, host, 4)), "{}", size(&world, 0));
    world.network.heal();
    world.same_boards(plans, 2 * MINUTE);
    assert!(world.lost(boards[3], plans) > 100, "its log does not have them any more");
}

#[test]
fn a_board_of_one_needs_nobody_else() {
    let plans = open_board("plans");
    let (mut world, boards) = drawing(6, 1, 60 * MINUTE);
    draw(&mut world, &boards, 200);
    world.run(MINUTE);
    world.make_snapshot(boards[0], plans);
    world.run(5 * MINUTE);
    assert!(is_short(&world, 0, 1), "{}", size(&world, 0));
    // Three at the same time, who see each other, too.
    for _ in 0..3 {
        let late = world.host();
        world.board(late, "#plans");
    }
    world.same_boards(plans, MINUTE);
}

#[test]
fn one_who_has_parted_from_others_drops_nothing_alone() {
    let plans = open_board("plans");
    let (mut world, boards) = drawing(10, 4, 2 * MINUTE);
    draw(&mut world, &boards, 20);
    world.same_boards(plans, MINUTE);
    world.network.partition((0..4).map(|host| (host, usize::from(host == 3))));
    draw(&mut world, &boards[3..], 300);
    world.run(MINUTE);
    world.make_snapshot(boards[3], plans);
    world.run(10 * MINUTE);
    assert!(size(&world, 3) > 300 * 1000);
    world.network.heal();
    world.same_boards(plans, MINUTE);
}

#[test]
fn two_halves_that_have_both_dropped_what_the_other_lacks_come_to_the_same_board() {
    let plans = open_board("plans");
    let (mut world, boards) = drawing(7, 6, 10 * MINUTE);
    draw(&mut world, &boards, 20);
    world.same_boards(plans, MINUTE);
    world.network.partition((0..6).map(|host| (host, host / 3)));
    world.run(MINUTE);
    draw(&mut world, &boards, 200);
    world.run(MINUTE);
    world.make_snapshot(boards[0], plans);
    world.make_snapshot(boards[4], plans);
    world.run(30 * MINUTE);
    assert!((0..6).all(|host| is_short(&world, host, 6)), "{} {}", size(&world, 0), size(&world, 5));
    world.network.heal();
    world.same_boards(plans, 2 * MINUTE);
    // One that stands for both halves takes the place of both.
    draw(&mut world, &boards, 100);
    world.same_boards(plans, MINUTE);
    world.run(MINUTE);
    world.make_snapshot(boards[2], plans);
    world.run(10 * MINUTE);
    assert!((0..6).all(|host| is_short(&world, host, 6)), "{} {}", size(&world, 0), size(&world, 5));
    let late = world.host();
    world.board(late, "#plans");
    world.same_boards(plans, MINUTE);
}

#[test]
fn a_board_that_is_never_quiet_is_shortened_too() {
    let plans = open_board("plans");
    let (mut world, boards) = drawing(8, 3, 60 * MINUTE);
    for _ in 0..30 {
        draw(&mut world, &boards, 100);
        world.run(MINUTE / 3);
        world.make_snapshot(boards[1], plans);
    }
    // Of ten minutes of drawing three or so are there still.
    assert!((0..3).all(|host| size(&world, host) < 4 * 3 * 300 * ENTRY), "{}", size(&world, 0));
    let late = world.host();
    world.board(late, "#plans");
    world.same_boards(plans, MINUTE);
}

#[test]
fn liars_take_nothing_from_who_has_it() {
    let plans = open_board("plans");
    let (mut world, boards) = drawing(9, 5, 10 * MINUTE);
    world.network.partition((0..5).map(|host| (host, usize::from(host > 1))));
    world.run(MINUTE);
    draw(&mut world, &boards, 100);
    world.run(MINUTE);
    let known = world.heard(boards[1], plans);
    // Three that say the same, and know better.
    world.network.heal();
    world.same_boards(plans, MINUTE);
    world.network.partition((0..5).map(|host| (host, usize::from(host == 1))));
    world.run(MINUTE);
    draw(&mut world, &boards[2..], 100);
    world.run(MINUTE);
    for liar in &boards[2..] {
        world.make_altered_snapshot(*liar, plans, |marks| {
            marks.pop_first();
        });
    }
    world.run(30 * MINUTE);
    world.network.heal();
    world.run(5 * MINUTE);
    assert!(world.heard(boards[1], plans) >= known);
    world.same_boards(plans, MINUTE);
}

#[test]
fn whatever_happens_no_board_loses_anything() {
    let plans = open_board("plans");
    for seed in 0..6 {
        // Who is away for three minutes is not waited for in every other world.
        let away = if seed % 2 == 0 { 600 * MINUTE } else { 2 * MINUTE };
        let (mut world, boards) = drawing(100 + seed, 4, away);
        world.network.faults = Faults { loss: 0.05, ..Faults::none() };
        for round in 0..6 {
            let victim = world.befall(seed + round);
            let up = world.up();
            draw(&mut world, &up.iter().map(|host| boards[*host]).collect::<Vec<_>>(), 100);
            world.run(MINUTE);
            world.make_snapshot(boards[up[(seed + round) as usize % up.len()]], plans);
            world.run(3 * MINUTE);
            world.recover(victim);
            world.same_boards(plans, 2 * MINUTE);
        }
        world.run(5 * MINUTE);
        assert!((0..4).all(|host| size(&world, host) < 2_000 * ENTRY), "{}", size(&world, 0));
        let late = world.host();
        world.board(late, "#plans");
        world.same_boards(plans, 2 * MINUTE);
    }
}
