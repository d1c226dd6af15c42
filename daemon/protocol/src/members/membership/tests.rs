use super::*;
use crate::ids::Epoch;
use Standing::{Invited, Member, Out};
use chalktalk_ipc::OriginId;
use rand_chacha::{ChaCha8Rng, rand_core::SeedableRng};
use rand_core::Rng;

fn user(n: u8) -> UserId {
    UserId([n; 32])
}

fn log(n: u8) -> LogId {
    LogId { origin: OriginId([n; 16]), epoch: Epoch(1) }
}

fn invite(n: u8) -> Statement {
    Statement::Invite { user: user(n) }
}

fn remove(n: u8, upto: u64) -> Statement {
    Statement::Remove { user: user(n), cut: vec![(log(n), Seq(upto))] }
}

fn rotate(number: u64, recipients: &[u8]) -> Statement {
    let recipients = recipients.iter().map(|n| user(*n)).collect();
    Statement::Rotate { number, recipients, former: vec![], gone: vec![] }
}

/// (stamp, author, slot in their log, number of the key, what).
type Line = (u64, u8, u64, u8, Statement);

fn statements(lines: &[Line]) -> BTreeMap<Place, Said> {
    let one = |(stamp, author, seq, under, statement): &Line| {
        let place = Place { stamp: *stamp, log: log(*author), seq: Seq(*seq) };
        let said = Said { author: user(*author), under: [*under; 16], statement: statement.clone() };
        (place, said)
    };
    lines.iter().map(one).collect()
}

fn found(lines: &[Line]) -> Membership {
    Membership::of(user(1), true, &statements(lines))
}

fn everybody(membership: &Membership) -> Vec<u8> {
    membership.in_or_invited().map(|user| user.0[0]).collect()
}

#[test]
fn who_is_asked_in_accepts_and_may_ask_others_in() {
    let all = found(&[
        (1, 1, 2, 0, invite(2)),
        (2, 3, 2, 0, Statement::Accept),
        (3, 2, 2, 0, invite(3)),
        (4, 2, 3, 0, Statement::Accept),
        (5, 2, 4, 0, invite(4)),
    ]);
    assert_eq!(all.standing(&user(2)), Some(Member));
    assert_eq!(
        all.standing(&user(3)),
        None,
        "neither may who only was asked in, nor may somebody come unasked"
    );
    assert_eq!(all.standing(&user(4)), Some(Invited));
    assert_eq!(all.invited().collect::<Vec<_>>(), [(user(4), user(2))]);
    assert!(!all.may_write(user(3), log(3)) && all.may_write(user(4), log(4)));
}

#[test]
fn only_the_creator_and_who_invited_somebody_may_remove_them() {
    let base = [
        (1, 1, 2, 0, invite(2)),
        (2, 1, 3, 0, invite(3)),
        (3, 2, 2, 0, Statement::Accept),
        (4, 3, 2, 0, Statement::Accept),
        (5, 2, 3, 0, invite(4)),
        (6, 4, 2, 0, Statement::Accept),
    ];
    let after = |author, n| {
        let line = (7, author, 9, 0, remove(n, 2));
        everybody(&found(&[&base[..], &[line]].concat()))
    };
    assert_eq!(after(3, 4), [1, 2, 3, 4], "a mere member");
    assert_eq!(after(3, 1), [1, 2, 3, 4], "nobody removes the creator");
    assert_eq!(after(2, 4), [1, 2, 3]);
    assert_eq!(after(1, 4), [1, 2, 3]);
    assert_eq!(after(4, 4), [1, 2, 3], "everybody may leave");
    assert_eq!(after(9, 9), [1, 2, 3, 4], "a stranger does not matter");
}

#[test]
fn a_removed_user_does_not_come_back_by_statements_with_old_stamps() {
    let base = [
        (1, 1, 2, 0, invite(2)),
        (2, 2, 2, 0, Statement::Accept),
        (10, 2, 3, 0, invite(5)),
        (20, 1, 3, 0, remove(2, 3)),
    ];
    assert_eq!(everybody(&found(&base)), [1, 5], "what they did while they were in stands");
    let forged = [
        (3, 2, 4, 0, invite(6)),
        (21, 2, 5, 0, Statement::Accept),
        (22, 2, 6, 0, invite(2)),
        (4, 2, 7, 0, rotate(9, &[1, 2])),
    ];
    let with = found(&[&base[..], &forged].concat());
    assert_eq!(with, found(&base));
    assert_eq!(with.limit(user(2), log(2)), Some(Seq(3)));
    let other_life = LogId { epoch: Epoch(2), ..log(2) };
    assert!(!with.may_write(user(2), other_life) && with.may_write(user(2), log(2)));
}

#[test]
fn what_a_removed_user_had_others_do_behind_the_cut_is_undone() {
    // 2, removed with slot 2, lets 6 in by a forged old stamp; 6 lets 7 in.
    let all = found(&[
        (1, 1, 2, 0, invite(2)),
        (2, 2, 2, 0, Statement::Accept),
        (3, 2, 3, 0, invite(6)),
        (4, 6, 2, 0, Statement::Accept),
        (5, 6, 3, 0, invite(7)),
        (20, 1, 3, 0, remove(2, 2)),
    ]);
    assert_eq!(everybody(&all), [1]);
}

#[test]
fn who_was_removed_comes_back_only_by_who_may_remove_them() {
    let base = [
        (1, 1, 2, 0, invite(2)),
        (2, 1, 3, 0, invite(3)),
        (3, 2, 2, 0, Statement::Accept),
        (4, 3, 2, 0, Statement::Accept),
        (5, 1, 4, 0, remove(2, 2)),
    ];
    let with = |lines: &[Line]| found(&[&base[..], lines].concat());
    assert_eq!(with(&[(6, 3, 3, 0, invite(2))]).standing(&user(2)), Some(Out(user(1))));
    let again = with(&[(6, 1, 5, 0, invite(2)), (7, 2, 3, 0, Statement::Accept)]);
    assert_eq!(again.standing(&user(2)), Some(Member));
    assert_eq!(again.limit(user(2), log(2)), None);
    let left = found(&[&base[..4], &[(5, 2, 3, 0, remove(2, 2)), (6, 3, 3, 0, invite(2))]].concat());
    assert_eq!(left.standing(&user(2)), Some(Invited), "who left may be asked by anybody");
}

#[test]
fn leaving_keeps_what_says_so_and_declining_ends_an_invitation() {
    let left = found(&[(1, 1, 2, 0, invite(2)), (2, 2, 2, 0, Statement::Accept), (3, 2, 7, 0, remove(2, 5))]);
    assert_eq!((left.standing(&user(2)), left.limit(user(2), log(2))), (Some(Out(user(2))), Some(Seq(7))));
    let declined = found(&[(1, 1, 2, 0, invite(2)), (2, 1, 3, 0, Statement::Decline { user: user(2) })]);
    assert_eq!(declined.standing(&user(2)), Some(Out(user(2))));
    let too_late = found(&[
        (1, 1, 2, 0, invite(2)),
        (2, 2, 2, 0, Statement::Accept),
        (3, 1, 3, 0, Statement::Decline { user: user(2) }),
    ]);
    assert_eq!(too_late.standing(&user(2)), Some(Member));
}

#[test]
fn two_removals_keep_what_either_remover_had_seen() {
    let all = found(&[
        (1, 1, 2, 0, invite(2)),
        (2, 2, 2, 0, Statement::Accept),
        (3, 2, 3, 0, invite(3)),
        (4, 3, 2, 0, Statement::Accept),
        (5, 1, 3, 0, remove(3, 4)),
        (6, 2, 4, 0, remove(3, 9)),
    ]);
    assert_eq!(all.limit(user(3), log(3)), Some(Seq(9)));
}

#[test]
fn who_leaves_and_is_removed_at_once_has_written_what_the_others_say() {
    let base = [(1, 1, 2, 0, invite(2)), (2, 2, 2, 0, Statement::Accept)];
    let (left, removed) = ((5, 2, 9, 0, remove(2, 8)), (6, 1, 3, 0, remove(2, 3)));
    // Who has heard of the removal does not look behind its cut any more: that must not matter.
    let with = |lines: &[Line]| found(&[&base[..], lines].concat());
    assert_eq!(with(&[left.clone(), removed.clone()]).people, with(std::slice::from_ref(&removed)).people);
    let later = (7, 2, 9, 0, remove(2, 8));
    assert_eq!(with(&[removed.clone(), later]).people, with(&[removed]).people);
    assert_eq!(with(&[left]).limit(user(2), log(2)), Some(Seq(9)));
}

#[test]
fn who_is_asked_in_again_and_declines_has_still_done_what_they_did() {
    let all = found(&[
        (1, 1, 2, 0, invite(2)),
        (2, 2, 2, 0, Statement::Accept),
        (3, 2, 3, 0, invite(3)),
        (4, 3, 2, 0, Statement::Accept),
        (5, 2, 4, 0, remove(2, 3)),
        (6, 3, 3, 0, invite(2)),
        (7, 3, 4, 0, Statement::Decline { user: user(2) }),
    ]);
    assert_eq!(everybody(&all), [1, 3], "3 is in by the word of 2");
    assert_eq!(all.limit(user(2), log(2)), Some(Seq(4)));
}

#[test]
fn a_key_is_known_to_whom_somebody_gave_it_who_had_been_put_out() {
    let lines = [
        (1, 1, 2, 7, rotate(0, &[1])),
        (2, 1, 3, 7, invite(2)),
        (3, 2, 2, 7, Statement::Accept),
        (4, 1, 4, 7, remove(2, 2)),
        (5, 2, 3, 7, invite(4)),
        (6, 1, 5, 8, invite(2)),
    ];
    let all = found(&lines);
    assert_eq!(everybody(&all), [1, 2]);
    assert!(!all.suits(all.key(&[7; 16]).unwrap()), "4 has it, too");
}

#[test]
fn who_left_gets_no_key_from_who_has_not_heard_of_it() {
    let base = [
        (1, 1, 2, 7, rotate(0, &[1])),
        (2, 1, 3, 7, invite(2)),
        (3, 1, 4, 7, invite(3)),
        (4, 2, 2, 7, Statement::Accept),
        (5, 3, 2, 7, Statement::Accept),
    ];
    let gone = |stamp| {
        let recipients = vec![user(1), user(3)];
        Statement::Rotate { number: 1, recipients, former: vec![], gone: vec![(user(2), stamp)] }
    };
    let with = |lines: &[Line]| found(&[&base[..], lines].concat());
    let entitled = |membership: &Membership| membership.entitled().map(|user| user.0[0]).collect::<Vec<_>>();
    let (left, key) = ((8, 2, 3, 7, remove(2, 2)), (9, 1, 5, 8, gone(8)));
    let unheard = with(std::slice::from_ref(&key));
    assert_eq!((everybody(&unheard), entitled(&unheard)), (vec![1, 2, 3], vec![1, 3]));
    assert!(unheard.suits(unheard.key(&[8; 16]).unwrap()));
    assert_eq!(entitled(&with(&[left, key.clone()])), [1, 3]);
    // What is known, and does not count, is no reason; nor is what was before they came, or what a stranger says.
    let in_vain = (8, 3, 3, 7, remove(2, 2));
    assert_eq!(entitled(&with(&[in_vain, key.clone()])), [1, 2, 3]);
    assert_eq!(entitled(&with(&[(9, 1, 5, 8, gone(1))])), [1, 2, 3]);
    assert_eq!(entitled(&with(&[(9, 9, 5, 8, gone(8))])), [1, 2, 3]);
    // Who says so without a reason: anybody may ask them in again.
    let again = with(&[key, (10, 3, 3, 8, invite(2)), (11, 2, 3, 8, Statement::Accept)]);
    assert_eq!((again.standing(&user(2)), entitled(&again)), (Some(Member), vec![1, 2, 3]));
}

#[test]
fn only_its_maker_says_who_gets_a_key_and_history_gives_it_to_who_is_asked_in() {
    let lines = [
        (1, 1, 2, 7, rotate(0, &[1])),
        (2, 1, 3, 7, invite(2)),
        (3, 2, 2, 7, Statement::Accept),
        (4, 2, 3, 7, rotate(0, &[9])),
    ];
    let with_history = found(&lines);
    let facts = with_history.key(&[7; 16]).unwrap();
    assert!(with_history.suits(facts) && facts.recipients == BTreeSet::from([user(1), user(2)]));
    let without = Membership::of(user(1), false, &statements(&lines));
    assert!(!without.suits(without.key(&[7; 16]).unwrap()), "a new key is due");
}

/// Random statements by random people, many of them not allowed.
fn noise(rng: &mut ChaCha8Rng, count: usize) -> Vec<Line> {
    let mut below = move |n: u32| (rng.next_u32() % n) as u8;
    let line = |i: usize| {
        let (author, other) = (1 + below(6), 1 + below(6));
        let statement = match below(8) {
            0..=2 => invite(other),
            3 | 4 => Statement::Accept,
            5 => Statement::Decline { user: user(other) },
            6 => remove(other, u64::from(below(40))),
            _ => rotate(u64::from(below(5)), &[1, author, other]),
        };
        (u64::from(below(40)), author, i as u64 + 2, below(4), statement)
    };
    (0..count).map(line).collect()
}

#[test]
fn any_order_of_arrival_gives_one_state() {
    let mut rng = ChaCha8Rng::from_seed([7; 32]);
    for _ in 0..300 {
        let lines = noise(&mut rng, 40);
        let mut shuffled = lines.clone();
        for i in (1..shuffled.len()).rev() {
            shuffled.swap(i, rng.next_u32() as usize % (i + 1));
        }
        let mut arrived = BTreeMap::new();
        for line in &shuffled {
            arrived.extend(statements(std::slice::from_ref(line)));
            Membership::of(user(1), true, &arrived); // what was concluded on the way leaves nothing behind
        }
        assert_eq!(Membership::of(user(1), true, &arrived), found(&lines));
    }
}

#[test]
fn whoever_is_out_in_the_end_has_done_nothing_behind_the_cut() {
    let mut rng = ChaCha8Rng::from_seed([8; 32]);
    let mut seen = 0;
    for _ in 0..300 {
        let lines = noise(&mut rng, 40);
        let all = found(&lines);
        for n in 2..=6 {
            let Some(limit) = all.limit(user(n), log(n)) else { continue };
            seen += 1;
            let without: Vec<Line> =
                lines.iter().filter(|line| line.1 != n || Seq(line.2) <= limit).cloned().collect();
            assert!(!everybody(&found(&without)).contains(&n));
            assert_eq!(found(&without).people, all.people);
        }
    }
    assert!(seen > 50, "{seen}");
}

#[test]
fn a_key_is_known_to_whom_somebody_gave_it_also_where_their_word_does_not_count() {
    let base = [
        (1, 1, 2, 7, rotate(0, &[1])),
        (2, 1, 3, 7, invite(2)),
        (3, 2, 2, 7, Statement::Accept),
        (4, 1, 4, 7, invite(3)),
        (5, 3, 2, 7, Statement::Accept),
        (6, 1, 5, 7, remove(3, 2)),
        (7, 1, 6, 9, rotate(1, &[1, 2])),
    ];
    let key = [9; 16];
    let before = found(&base);
    assert!(before.suits(before.key(&key).unwrap()));
    // Somebody who has heard of the key and not of the removal.
    let lines: Vec<Line> = base.into_iter().chain([(8, 2, 3, 9, invite(3))]).collect();
    let all = found(&lines);
    assert_eq!(all.standing(&user(3)), Some(Out(user(1))));
    assert!(!all.suits(all.key(&key).unwrap()), "they were given it");
}

#[test]
fn a_key_from_before_somebody_went_is_not_written_under_although_nobody_is_known_to_have_given_it_to_them() {
    let rest = [
        (1, 1, 2, 0, rotate(0, &[1])),
        (3, 1, 3, 0, invite(3)),
        (4, 3, 2, 0, Statement::Accept),
        (5, 1, 4, 1, rotate(1, &[1, 3])),
        // Under the other key they are asked in as well (7, by the first), which is not heard yet.
        (8, 3, 3, 0, invite(2)),
        (9, 2, 2, 0, Statement::Accept),
        (10, 2, 3, 0, Statement::Remove { user: user(2), cut: vec![] }),
    ];
    let suits = |all: &Membership, key: u8| all.suits(all.key(&[key; 16]).unwrap());
    let early = found(&rest);
    assert_eq!(early.key(&[1; 16]).unwrap().recipients, BTreeSet::from([user(1), user(3)]));
    assert!(!suits(&early, 1), "they may have it");
    let whole = [&rest[..], &[(7, 1, 5, 1, invite(2))]].concat();
    assert!(!suits(&found(&whole), 1), "and have it");
    let next = [&whole[..], &[(11, 1, 6, 2, rotate(2, &[1, 3]))]].concat();
    assert!(suits(&found(&next), 2), "whoever makes the next one knows that they are out");
}
