use super::*;
use chalktalk_client::{Author, chat::Place};
use chalktalk_ipc::{InstanceId, batch::DeliverFlags};
use jiff::{Timestamp, Zoned, tz::TimeZone};
use std::{sync::Arc, time::Instant};

const OPS: SessionId = SessionId([1; 16]);
const TEA: SessionId = SessionId([2; 16]);
const ANA: u8 = 7;
const BEN: u8 = 8;
const NOON: u64 = 1_764_000_000_000;

fn said(session: SessionId, who: u8, seq: u64, saying: &Saying) -> Message {
    let author = Author {
        origin: OriginId([who; 16]),
        user: UserId([who; 32]),
        name: if who == ANA { "Ana" } else { "Ben" }.into(),
        host: String::new(),
    };
    Message {
        session,
        position: Position { origin: author.origin, epoch: 1, seq, index: 0 },
        author: Arc::new(author),
        instance: InstanceId([9; 16]),
        stamp: 10 * seq,
        time: NOON + seq * 1000,
        urgent: false,
        mentions_you: false,
        flags: DeliverFlags::default(),
        payload: saying.payload().unwrap(),
    }
}

fn plain(session: SessionId, who: u8, seq: u64, text: &str) -> Message {
    said(session, who, seq, &Saying::plain(text))
}

fn index(messages: &[Message]) -> (tempfile::TempDir, Index) {
    let dir = tempfile::tempdir().unwrap();
    let mut index = Index::open(&dir.path().join("a/search.sqlite")).unwrap();
    index.name_place(OPS, "#Ops").unwrap();
    index.name_place(TEA, "#tea").unwrap();
    index.take(messages).unwrap();
    (dir, index)
}

fn now() -> Zoned {
    "2026-11-24T12:00:00Z".parse::<Timestamp>().unwrap().to_zoned(TimeZone::UTC)
}

/// The slots of what is found, newest first.
fn found(index: &Index, typed: &str) -> Vec<u64> {
    let hits = index.find(&Query::read(typed, &now()).unwrap(), UserId([BEN; 32]), 100).unwrap();
    hits.iter().map(|hit| hit.position.seq).collect()
}

#[test]
fn words_are_found_in_any_case_and_script_newest_first() {
    let (_dir, index) = index(&[
        plain(OPS, ANA, 1, "The green Tea is ready"),
        plain(OPS, BEN, 2, "ich trinke grünen TEE"),
        plain(OPS, ANA, 3, "一緒に白板を見る"),
        plain(OPS, ANA, 4, "tea 🎉!"),
        plain(OPS, ANA, 5, "green"),
    ]);
    assert_eq!(found(&index, "tea"), [4, 1]);
    assert_eq!(found(&index, "GRUNEN"), [2]);
    assert_eq!(found(&index, "白板"), [3]);
    assert_eq!(found(&index, "板白"), [0; 0], "a word is a phrase of its characters");
    assert_eq!(found(&index, "🎉"), [4]);
    assert_eq!(found(&index, "green tea"), [1]);
    assert_eq!(found(&index, "\"tea green\""), [0; 0]);
    assert_eq!(found(&index, "gr*"), [5, 2, 1]);
    assert_eq!(found(&index, "green -tea"), [5]);
    assert_eq!(found(&index, "every"), [0; 0], "marks are no words");
}

#[test]
fn filters_find_people_places_kinds_topics_and_days() {
    let about = Saying { topic: Some("Lunch".into()), ..Saying::plain("where to?") };
    let (_dir, index) = index(&[
        plain(OPS, ANA, 1, "see https://example.org"),
        plain(TEA, BEN, 2, "run `make`"),
        said(TEA, ANA, 3, &about),
        said(TEA, BEN, 4, &Saying::new("fire drill", Kind::Announce)),
    ]);
    assert_eq!(found(&index, "from:ana"), [3, 1]);
    assert_eq!(found(&index, "from:me"), [4, 2]);
    assert_eq!(found(&index, &format!("from:{}", &UserId([ANA; 32]).to_string()[..10])), [3, 1]);
    assert_eq!(found(&index, "from:carl"), [0; 0]);
    assert_eq!(found(&index, "in:#ops"), [1]);
    assert_eq!(found(&index, &format!("in:{TEA}")), [4, 3, 2]);
    assert_eq!(found(&index, "has:link"), [1]);
    assert_eq!(found(&index, "has:code from:ben"), [2]);
    assert_eq!(found(&index, "has:announcement"), [4]);
    assert_eq!(found(&index, "topic:lunch"), [3]);
    assert_eq!(found(&index, "after:2025-11-24 before:2025-11-25"), [4, 3, 2, 1]);
    assert_eq!(found(&index, "after:2025-11-25"), [0; 0]);
    assert_eq!(found(&index, "drill on:2025-11-24"), [4]);
    let hit = index.find(&Query::read("lunch topic:lunch", &now()).unwrap(), UserId([0; 32]), 9).unwrap();
    assert!(hit.is_empty(), "a topic is no text");
    let hit = &index.find(&Query::read("topic:lunch", &now()).unwrap(), UserId([0; 32]), 9).unwrap()[0];
    assert_eq!((hit.title.as_str(), hit.name.as_str(), hit.topic.as_deref()), ("#tea", "Ana", Some("Lunch")));
}

#[test]
fn nothing_typed_is_an_error_of_the_index() {
    let (_dir, index) = index(&[plain(OPS, ANA, 1, "a \"quoted\" NEAR(x) OR body : y ^z *")]);
    for typed in [
        "\"quoted\"",
        "NEAR(x)",
        "OR",
        "body:y",
        "^z*",
        "a\"b",
        "a*b*",
        "x'; DROP TABLE words",
        "in:\"",
        "{a b}",
        "a\u{0}b",
    ] {
        if let Ok(query) = Query::read(typed, &now()) {
            index.find(&query, UserId([0; 32]), 9).unwrap_or_else(|e| panic!("{typed}: {e}"));
        }
    }
    assert_eq!(found(&index, "quoted near"), [1]);
}

#[test]
fn an_edit_takes_the_place_of_the_text_and_a_deletion_ends_it() {
    let of = |seq| Place(Position { origin: OriginId([ANA; 16]), epoch: 1, seq, index: 0 });
    let edit =
        |who, seq, target, text: &str| said(OPS, who, seq, &Saying::new(text, Kind::Edit { of: of(target) }));
    let delete = |who, seq, target| said(OPS, who, seq, &Saying::new("✗", Kind::Delete { of: of(target) }));
    let all = [
        plain(OPS, ANA, 1, "coffee"),
        edit(ANA, 2, 1, "cocoa"),
        edit(ANA, 3, 1, "tea"),
        edit(BEN, 4, 1, "poison"),
        plain(OPS, ANA, 5, "secret"),
        delete(BEN, 6, 5),
        delete(ANA, 7, 5),
        edit(ANA, 8, 5, "secret again"),
    ];
    let backwards: Vec<Message> = all.iter().rev().cloned().collect();
    for order in [&all[..], &backwards[..]] {
        let (_dir, index) = index(order);
        assert_eq!(found(&index, "tea"), [1]);
        for gone in ["coffee", "cocoa", "poison", "secret", "again"] {
            assert_eq!(found(&index, gone), [0; 0], "{gone}");
        }
        assert_eq!(found(&index, "in:#ops"), [1], "what is deleted is not found by filters either");
    }
}

#[test]
fn what_was_taken_is_taken_once_and_its_position_kept() {
    let messages = [plain(OPS, ANA, 1, "tea"), plain(OPS, ANA, 2, "tea"), plain(OPS, BEN, 1, "tea")];
    let (dir, mut index) = index(&messages);
    index.take(&messages).unwrap();
    assert_eq!(index.len().unwrap(), 3);
    let again = Index::open(&dir.path().join("a/search.sqlite")).unwrap();
    let mut positions = again.positions(OPS).unwrap();
    positions.sort_by_key(|position| position.origin);
    assert_eq!(positions, [messages[1].position, messages[2].position]);
    assert!(again.positions(TEA).unwrap().is_empty());
}

#[test]
fn a_clock_that_stands_still_or_runs_wild_changes_nothing() {
    let mut messages: Vec<Message> = (1..=2500).map(|seq| plain(OPS, ANA, seq, "tea")).collect();
    messages.iter_mut().for_each(|message| message.time = NOON);
    messages.push(Message { time: u64::MAX, ..plain(OPS, BEN, 1, "tea") });
    messages.push(Message { time: 0, ..plain(OPS, BEN, 2, "tea") });
    let (_dir, index) = index(&messages);
    let query = Query::read("tea", &now()).unwrap();
    assert_eq!(index.find(&query, UserId([0; 32]), 9999).unwrap().len(), 2502);
}

#[test]
fn a_damaged_file_and_one_of_another_version_are_made_anew() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("search.sqlite");
    fs::write(&path, b"this is no database, whatever it is called, and long enough to be looked at").unwrap();
    assert!(Index::open(&path).unwrap().is_empty().unwrap());
    let mut index = Index::open(&path).unwrap();
    index.take(&[plain(OPS, ANA, 1, "tea")]).unwrap();
    index.db.pragma_update(None, "user_version", VERSION + 1).unwrap();
    drop(index);
    assert!(Index::open(&path).unwrap().is_empty().unwrap());
}

/// A word that is in one message alone.
fn rare(n: u64) -> String {
    let mut state = n;
    let mut letter = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        char::from(b"bcdfghjklmnpqrstvwxz"[(state >> 33) as usize % 20])
    };
    (0..14).map(|_| letter()).collect()
}

/// Whether something stands in the file, or in SQLite's log beside it.
fn stands(dir: &tempfile::TempDir, word: &str) -> bool {
    let read = |name: &str| fs::read(dir.path().join(name)).unwrap_or_default();
    let all = [read("a/search.sqlite"), read("a/search.sqlite-wal")].concat();
    all.windows(word.len()).any(|bytes| bytes == word.as_bytes())
}

fn check(index: &Index) {
    index.db.execute("INSERT INTO words(words, rank) VALUES('integrity-check', 0)", []).unwrap();
}

#[test]
fn what_the_logs_hold_no_more_is_not_found_and_stands_nowhere() {
    // A few of many are wiped out one by one; of many, what stays is put in anew.
    for (all, gone) in [(400, 7), (400, 390)] {
        let messages: Vec<Message> =
            (1..=all).map(|n| plain(OPS, ANA, n, &format!("tea {}", rare(n)))).collect();
        let (dir, mut index) = index(&messages);
        index.take(&[plain(OPS, BEN, 1, "tea of ben"), plain(TEA, ANA, 1, "tea elsewhere")]).unwrap();
        let begin = |first| LogBegin { origin: OriginId([ANA; 16]), epoch: 1, first };
        index.begin_at(OPS, &[begin(1), LogBegin { epoch: 2, ..begin(900) }]).unwrap();
        assert_eq!(found(&index, "tea").len(), 100, "the most that are shown");
        index.begin_at(OPS, &[begin(gone + 1)]).unwrap();
        index.settle().unwrap();
        check(&index);
        assert_eq!(index.len().unwrap(), all - gone + 2);
        assert_eq!(found(&index, "tea of"), [1]);
        assert_eq!(found(&index, "elsewhere"), [1]);
        for n in 1..=gone {
            assert!(found(&index, &rare(n)).is_empty() && !stands(&dir, &rare(n)[..10]), "{gone}: {n}");
        }
        for n in gone + 1..=all {
            assert!(found(&index, &rare(n)) == [n] && stands(&dir, &rare(n)), "{gone}: {n}");
        }
        // Nothing of it comes again, and what comes is found.
        assert!(index.positions(OPS).unwrap().contains(&messages[all as usize - 1].position));
        index.take(&[plain(OPS, ANA, all + 1, "coffee")]).unwrap();
        assert_eq!(found(&index, "coffee"), [all + 1]);
    }
}

#[test]
fn what_was_edited_or_deleted_stands_nowhere() {
    let of = |seq| Place(Position { origin: OriginId([ANA; 16]), epoch: 1, seq, index: 0 });
    let change = |seq, kind, n| said(OPS, ANA, seq, &Saying::new(rare(n), kind));
    let about = Saying { topic: Some(rare(3)), ..Saying::plain(&rare(2)) };
    let mut messages: Vec<Message> = (10..300).map(|seq| plain(OPS, BEN, seq, "tea")).collect();
    messages.extend([
        plain(OPS, ANA, 1, &rare(1)),
        said(OPS, ANA, 2, &about),
        change(3, Kind::Edit { of: of(1) }, 4),
        change(4, Kind::Edit { of: of(1) }, 5),
        change(5, Kind::Delete { of: of(2) }, 6),
        // Their messages come later, or never.
        change(6, Kind::Edit { of: of(9) }, 7),
        change(7, Kind::Edit { of: of(8) }, 8),
        plain(OPS, ANA, 9, &rare(9)),
    ]);
    let (dir, mut index) = index(&messages);
    index.settle().unwrap();
    check(&index);
    for n in [1, 2, 3, 4, 6, 9] {
        assert!(!stands(&dir, &rare(n)[..10]), "{n}");
    }
    assert_eq!((found(&index, &rare(5)), found(&index, &rare(7))), (vec![1], vec![9]));
    assert!(stands(&dir, &rare(8)), "it waits");
    index.begin_at(OPS, &[LogBegin { origin: OriginId([ANA; 16]), epoch: 1, first: 9 }]).unwrap();
    index.settle().unwrap();
    assert!([5, 8].iter().all(|n| !stands(&dir, &rare(*n)[..10])), "and does not any more");
    assert_eq!(found(&index, &rare(7)), [9]);
}

#[test]
fn of_a_conversation_that_was_left_nothing_stays() {
    let (dir, mut index) = index(&[plain(OPS, ANA, 1, &rare(1)), plain(TEA, ANA, 1, &rare(2))]);
    index.leave(OPS).unwrap();
    index.settle().unwrap();
    check(&index);
    assert!(found(&index, &rare(1)).is_empty() && !stands(&dir, &rare(1)[..10]));
    assert!(index.positions(OPS).unwrap().is_empty(), "who comes back has it all");
    assert_eq!(found(&index, &rare(2)), [1]);
}

#[test]
fn the_file_is_for_its_user_alone() {
    use std::os::unix::fs::PermissionsExt;
    let (dir, _index) = index(&[plain(OPS, ANA, 1, "tea")]);
    let mode = |path: &str| fs::metadata(dir.path().join(path)).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode("a"), mode("a/search.sqlite"), mode("a/search.sqlite-wal")), (0o700, 0o600, 0o600));
}

/// `cargo test --release -p chalktalk-search a_million -- --ignored --nocapture` (docs/benchmarks.md).
#[test]
#[ignore = "takes minutes: for the figures"]
fn a_million_messages() {
    let start = Instant::now();
    let (_dir, mut index) = many(1_000_000);
    println!("taken in {:?}", start.elapsed());
    for typed in [
        "word7",
        "word1 word2",
        "word1",
        "wor*",
        "from:ana word3",
        "word1 in:#tea -word2",
        "has:link word5",
        "zzz",
        "word1 on:2025-11-30",
    ] {
        println!("{typed:24} {:?}", slowest(&index, typed));
    }
    for first in [10_000, 500_000] {
        let start = Instant::now();
        let begin = |who| LogBegin { origin: OriginId([who; 16]), epoch: 1, first };
        index.begin_at(OPS, &[begin(ANA), begin(BEN)]).unwrap();
        index.settle().unwrap();
        println!("all of #ops before {first} gone in {:?}", start.elapsed());
    }
}

#[test]
fn many_messages_are_searched_quickly() {
    let (_dir, index) = many(20_000);
    for typed in ["word7", "word1 word2", "wor*", "from:ana word3 -word4", "word1 in:#tea"] {
        let took = slowest(&index, typed);
        assert!(took < Duration::from_millis(500), "{typed}: {took:?}");
    }
}

fn slowest(index: &Index, typed: &str) -> Duration {
    let query = Query::read(typed, &now()).unwrap();
    let ask = || {
        let start = Instant::now();
        index.find(&query, UserId([BEN; 32]), 50).unwrap();
        start.elapsed()
    };
    (0..5).map(|_| ask()).max().unwrap()
}

/// Texts of twelve words, of which the low numbers are common and the high ones rare.
fn many(count: u64) -> (tempfile::TempDir, Index) {
    let (dir, mut index) = index(&[]);
    let mut state = 1_u64;
    let mut draw = |below: u64| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % below
    };
    let mut seq = 0;
    while seq < count {
        let batch: Vec<Message> = (0..1000)
            .map(|_| {
                seq += 1;
                let mut words: Vec<String> = (0..12)
                    .map(|_| {
                        let most = 10_u64.pow(1 + draw(5) as u32);
                        format!("word{}", draw(most))
                    })
                    .collect();
                if draw(50) == 0 {
                    words.push("https://example.org".into());
                }
                let (session, who) =
                    (if draw(3) == 0 { TEA } else { OPS }, if draw(2) == 0 { ANA } else { BEN });
                plain(session, who, seq, &words.join(" "))
            })
            .collect();
        index.take(&batch).unwrap();
    }
    (dir, index)
}
