//! Everybody sees the same: the view follows from the set of messages, not from how they came.

use super::{tests::message, *};
use chalktalk_client::{
    Message,
    chat::{Kind, Place, Saying},
};
use chalktalk_ipc::event::Scope;

/// A small generator: the same numbers for the same seed.
struct Chance(u64);

impl Chance {
    fn below(&mut self, n: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % n as u64) as usize
    }
}

const AUTHORS: usize = 3;

/// What three people do: each one's messages in their order, with the stamps that their daemons would give.
fn logs(chance: &mut Chance, count: u64) -> Vec<Vec<Message>> {
    let mut logs = vec![Vec::new(); AUTHORS];
    let mut all: Vec<Position> = Vec::new();
    let mut stamp = 0;
    for _ in 0..count {
        // Stamps that are equal, or of somebody who has heard nothing for a while, happen.
        stamp = (stamp + chance.below(3) as u64).max(1);
        let author = chance.below(AUTHORS);
        let seq = logs[author].len() as u64 + 1;
        let mut new = message(1, author as u8 + 1, stamp, "");
        new.position.seq = seq;
        let of = Place(if all.is_empty() { new.position } else { all[chance.below(all.len())] });
        let off = chance.below(3) == 0;
        let emoji = ["👍", "🎉"][chance.below(2)].to_owned();
        let text = format!("text {seq}");
        let saying = match chance.below(12) {
            0 => Saying::new(text, Kind::Edit { of }),
            1 => Saying::new(text, Kind::Delete { of }),
            2 | 3 => Saying::new(text, Kind::React { of, emoji, off }),
            4 => Saying::new(text, Kind::Pin { of, off }),
            5 => Saying::new(text, Kind::Vote { of, answer: (!off).then(|| chance.below(3)) }),
            6 => Saying::new(text, Kind::Call { at: "Room 4".into(), what: String::new() }),
            7 => Saying::new(text, Kind::Coming { of, off }),
            8 => Saying::new(text, Kind::Helped { of }),
            9 => Saying { reply: Some(of), topic: Some("tea".into()), ..Saying::plain(&text) },
            _ => Saying::plain(&text),
        };
        new.payload = saying.payload().unwrap();
        all.push(new.position);
        logs[author].push(new);
    }
    logs
}

/// What is seen when the logs come interleaved like this, the first `past` messages as history.
fn seen(logs: &[Vec<Message>], chance: &mut Chance) -> String {
    let mut c = Conversation::new(tests::summary(1, "#lobby", Scope::Open), vec![]);
    let mut left: Vec<std::collections::VecDeque<&Message>> =
        logs.iter().map(|log| log.iter().collect()).collect();
    while left.iter().any(|log| !log.is_empty()) {
        let Some(message) = left[chance.below(AUTHORS)].pop_front() else { continue };
        match chance.below(4) {
            0 => c.on_past(std::slice::from_ref(message), None, UserId::NIL),
            1 => {
                c.on_past(std::slice::from_ref(message), None, UserId::NIL);
                c.on_delivered(message, UserId::NIL, false);
            }
            _ => drop(c.on_delivered(message, UserId::NIL, false)),
        }
        if chance.below(5) == 0 {
            c.settle(0);
        }
    }
    c.settle(1_732_225_860_000);
    let line = |line: &Line| {
        let said = line.said().unwrap();
        let standing = c.standing(line);
        format!(
            "{:?} {:?} {:?} {:?} {:?} {standing:?}\n",
            line.order, said.user, said.text, said.reply, said.fate
        )
    };
    c.lines.iter().map(line).collect()
}

#[test]
fn the_same_messages_in_any_order_show_the_same() {
    let mut all = String::new();
    for seed in 1..=200 {
        let mut chance = Chance(0x9e37_79b9_7f4a_7c15_u64.wrapping_mul(seed));
        let logs = logs(&mut chance, 60);
        let first = seen(&logs, &mut chance);
        for _ in 0..4 {
            assert_eq!(seen(&logs, &mut chance), first, "seed {seed}");
        }
        all.push_str(&first);
    }
    let fates = ["edited: Some", "deleted: true", "reactions: [(", "pinned: Some", "votes: {UserId"];
    for fate in fates.into_iter().chain(["coming: {UserId", "Some(Open)", "Some(Helped)", "Some(Replaced)"]) {
        assert!(all.contains(fate), "no {fate}");
    }
}

fn marked(kind: fn(Place) -> Kind, by: u8) -> Said {
    let mut c = Conversation::new(tests::summary(1, "#lobby", Scope::Open), vec![]);
    let said = message(1, 2, 1, "first");
    c.on_delivered(&said, UserId::NIL, false);
    let mut mark = message(1, by, 2, "");
    mark.payload = Saying::new("second", kind(Place(said.position))).payload().unwrap();
    c.on_delivered(&mark, UserId::NIL, false);
    c.settle(0);
    c.lines[0].said().unwrap().clone()
}

#[test]
fn only_authors_change_and_delete() {
    assert_eq!(marked(|of| Kind::Edit { of }, 2).text, "second");
    assert_eq!(marked(|of| Kind::Edit { of }, 3).text, "first");
    assert!(marked(|of| Kind::Delete { of }, 2).fate.deleted);
    assert_eq!(marked(|of| Kind::Delete { of }, 3).text, "first");
    assert!(marked(|of| Kind::Pin { of, off: false }, 3).fate.pinned.is_some());
}

#[test]
fn ten_thousand_reactions_are_bounded_and_not_slow() {
    let mut c = Conversation::new(tests::summary(1, "#lobby", Scope::Open), vec![]);
    let said = message(1, 2, 1, "first");
    c.on_delivered(&said, UserId::NIL, false);
    let start = std::time::Instant::now();
    for n in 0..(MAX_MARKS + 2 * SLACK) as u64 {
        let mut mark = message(1, (n % 200) as u8, 2 + n, "");
        let kind = Kind::React { of: Place(said.position), emoji: format!("e{}", n % 5000), off: false };
        mark.payload = Saying::new("", kind).payload().unwrap();
        c.on_delivered(&mark, UserId::NIL, false);
        if n % 512 == 0 {
            c.settle(0);
        }
    }
    assert!(c.marks.count() <= MAX_MARKS + SLACK);
    assert!(matches!(c.past, Past::More(_)), "what was let go can be asked for");
    assert!(start.elapsed().as_secs() < 30, "{:?}", start.elapsed());
}

#[test]
fn what_is_shown_is_harmless() {
    assert_eq!(harmless("a\u{202e}b\u{7}"), "ab\u{fffd}");
    let tower = format!("z{}!", "\u{0301}".repeat(1000));
    assert_eq!(harmless(&tower).chars().count(), 10);
    let wales = "🏴\u{e0067}\u{e0062}\u{e0077}\u{e006c}\u{e0073}\u{e007f}";
    assert_eq!(harmless(wales), wales);
    assert_eq!(harmless("👩‍👩‍👧‍👦 नमस्ते क्ष"), "👩‍👩‍👧‍👦 नमस्ते क्ष");
}
